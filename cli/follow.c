#include "follow.h"

#include <errno.h>

void cw_follow_init(struct cw_follow *follow, bool has_since, uint64_t since)
{
	*follow = (struct cw_follow){ 0 };
	if (has_since) {
		follow->placed = true;
		follow->have = since;
		follow->catch_up = true;
	}
}

enum cw_follow_ask cw_follow_next(struct cw_follow *follow, uint64_t *ret_since)
{
	if (follow->asked != CW_FOLLOW_NOTHING)
		return CW_FOLLOW_NOTHING;
	if (!follow->placed) {
		follow->asked = CW_FOLLOW_SNAPSHOT;
	} else if (follow->catch_up || follow->exists > follow->have) {
		follow->asked = CW_FOLLOW_REPLAY;
		*ret_since = follow->have;
	}
	return follow->asked;
}

void cw_follow_lost(struct cw_follow *follow)
{
	if (follow->asked == CW_FOLLOW_REPLAY)
		follow->catch_up = true;
	follow->asked = CW_FOLLOW_NOTHING;
}

bool cw_follow_alert(struct cw_follow *follow, uint64_t seq)
{
	if (follow->placed && !follow->catch_up && follow->asked == CW_FOLLOW_NOTHING && seq == follow->have + 1) {
		follow->have = seq;
		return true;
	}
	if (seq > follow->exists)
		follow->exists = seq;
	return false;
}

void cw_follow_heartbeat(struct cw_follow *follow, uint64_t seq)
{
	if (seq > follow->exists)
		follow->exists = seq;
	/* Behind what we have: either it is an old one that waited in a queue, or the stream was begun anew. The answer
	 * to a question tells which. */
	if (follow->placed && seq < follow->have)
		follow->catch_up = true;
}

void cw_follow_snapshot(struct cw_follow *follow, uint64_t seq)
{
	if (follow->asked != CW_FOLLOW_SNAPSHOT)
		return;
	follow->asked = CW_FOLLOW_NOTHING;
	follow->placed = true;
	follow->have = seq;
}

int cw_follow_replay_begin(struct cw_follow *follow, uint64_t since, uint64_t last, uint64_t seq, bool more)
{
	/* An answer to an older question may come after one was given up; it is good as long as it leaves no gap. */
	if (follow->asked != CW_FOLLOW_REPLAY || since > follow->have || last < since || (more && last == since))
		return -EBADMSG;
	if (seq < since && since == follow->have) {
		follow->have = seq;
		follow->exists = seq;
		return 1;
	}
	return 0;
}

bool cw_follow_replayed(struct cw_follow *follow, uint64_t seq)
{
	if (seq <= follow->have)
		return false;
	follow->have = seq;
	return true;
}

void cw_follow_replay_end(struct cw_follow *follow, uint64_t last, uint64_t seq, bool more)
{
	follow->asked = CW_FOLLOW_NOTHING;
	follow->catch_up = more;
	if (last > follow->have && last <= seq)
		follow->have = last;
	/* The end of the stream was reached: what lies between was not for our topics. */
	if (!more && seq > follow->have)
		follow->have = seq;
}
