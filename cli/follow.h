/*
 * follow.h: which alerts to deliver and what to ask next, so that a follower of the stream sees each alert once and
 * in order, through restarts of either side. Pure: no sockets, no clock.
 *
 * The live stream may lose alerts (a slow reader, a restart, a subscription that took effect late) and carries each
 * alert under two topics; the query socket holds all of them. So the rule is: an alert is delivered from
 * the live stream only when it is the very next one; anything else that shows a later alert exists (an alert out of
 * turn, a heartbeat) makes us ask for what came after the last one we have. Live alerts that arrive meanwhile
 * need not be kept: the answer has them. Memory is bounded whatever happens.
 *
 * With a topic filter the numbers we see have holes. Each hole costs a question, and the answer tells whether
 * anything was in it for us.
 */
#ifndef CW_CLI_FOLLOW_H
#define CW_CLI_FOLLOW_H

#include <councilwatch/base.h>

enum cw_follow_ask { CW_FOLLOW_NOTHING, CW_FOLLOW_SNAPSHOT, CW_FOLLOW_REPLAY };

struct cw_follow {
	bool placed;              /* "have" is meaningful: after the snapshot, or from the start when since was given */
	uint64_t have;            /* every alert up to here was delivered, or was before our time */
	uint64_t exists;          /* an alert with this number exists */
	bool catch_up;            /* must ask, even when no later alert has been seen */
	enum cw_follow_ask asked; /* the question that has no answer yet */
};

/* since given: everything after that number. Otherwise: from the snapshot on. */
void cw_follow_init(struct cw_follow *follow, bool has_since, uint64_t since);

/* The question to ask now, counted as asked; *ret_since goes with REPLAY. NOTHING while one is unanswered. */
enum cw_follow_ask cw_follow_next(struct cw_follow *follow, uint64_t *ret_since);
/* The question will not be answered (time-out, connection lost): it is asked again. */
void cw_follow_lost(struct cw_follow *follow);

/* A live alert: deliver it? */
bool cw_follow_alert(struct cw_follow *follow, uint64_t seq);
void cw_follow_heartbeat(struct cw_follow *follow, uint64_t seq);
void cw_follow_snapshot(struct cw_follow *follow, uint64_t seq);

/* The answer to a replay: first begin, then each of its alerts in turn, then end.
 * begin: 0; 1 when the stream ends before the number we have: it was begun anew, and from here on we follow the
 * new one; -EBADMSG when the answer is of no use (not what was asked, or it promises more without
 * moving), and the question stays unanswered. */
int cw_follow_replay_begin(struct cw_follow *follow, uint64_t since, uint64_t last, uint64_t seq, bool more);
bool cw_follow_replayed(struct cw_follow *follow, uint64_t seq); /* deliver it? */
void cw_follow_replay_end(struct cw_follow *follow, uint64_t last, uint64_t seq, bool more);

#endif
