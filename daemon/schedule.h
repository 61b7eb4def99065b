/*
 * schedule.h: which feed is due, when the next one is, and whether a feed has been silent too long.
 *
 * The schedule holds the state of every configured feed and one timer for the next moment at which anything is to be
 * done; it never polls. It starts transfers through a callback, at most config->transfers at once, config->per_host at once
 * to one host and no two starts to one host within config->host_delay_ms (loopback hosts excepted). It does not
 * transfer, store or log anything itself.
 *
 * Times: next_due is wall time, because it must outlive a restart. A wall clock that is set back cannot postpone a
 * feed for longer than its interval or a day, whichever is more.
 */
#ifndef CW_DAEMON_SCHEDULE_H
#define CW_DAEMON_SCHEDULE_H

#include <councilwatch/base.h>
#include <councilwatch/clock.h>
#include <councilwatch/config.h>
#include <councilwatch/error.h>
#include <councilwatch/loop.h>
#include <councilwatch/text.h>

#include "inbox.h"

/* The first retry comes after a minute (or the interval, when that is shorter), the next ones after twice as long each. */
#define CW_BACKOFF_FIRST_MS 60000
#define CW_DAY_MS 86400000
/* What a server may ask us to wait at most. */
#define CW_RETRY_AFTER_MAX_MS CW_DAY_MS
/* A feed whose time is up is given this long after a start (or its interval) before it counts as an outage. */
#define CW_OUTAGE_GRACE_MS 900000

/* Retry delay after n failures in a row, n from 1: doubles, at most the interval or a day, then up to 10% is taken off at
 * random so that feeds that failed together do not return together. random is any 32 bits. */
int64_t cw_schedule_backoff(int64_t interval_ms, unsigned failures, uint32_t random);
/* 0..jitter_ms. */
int64_t cw_schedule_jitter(int64_t jitter_ms, uint32_t random);
/* A Retry-After value: seconds, or an HTTP date (any of its three forms, RFC 9110 section 5.6.7). *ret is at least now and
 * at most CW_RETRY_AFTER_MAX_MS later. -EINVAL for anything else. */
int cw_retry_after_parse(struct cw_str text, struct cw_wall now, struct cw_wall *ret);

struct cw_schedule;
struct cw_host;

struct cw_schedule_feed {
	const struct cw_feed *feed; /* borrowed from the configuration */
	struct cw_inbox_feed state;
	bool polled;    /* enabled, has a URL, and fetching is on; or it has a folder and an interval */
	bool running;   /* a transfer is under way */
	bool asked;     /* a person asked for it now */
	bool attempted; /* since this process started */
	/* private */
	struct cw_host *host;
	struct cw_host *busy; /* the host its transfer counts for */
	struct cw_schedule_feed *next_ready;
	bool ready;               /* in its host's queue */
	size_t due_at, outage_at; /* places in the heaps, from 1; 0 = not there */
	struct cw_wall outage_due;
};

/*
 * A transfer that belongs to no feed's address: it waits for its turn at its host, behind feeds that are due there, and
 * counts like theirs. start(): it may begin; cw_schedule_turn_end() is to be called when it is over, or to give up waiting.
 */
struct cw_schedule_turn {
	void (*start)(void *arg);
	void *arg;
	/* private */
	struct cw_host *host;
	struct cw_schedule_turn *next;
	bool waiting, running;
};
int cw_schedule_turn_wait(struct cw_schedule *schedule, struct cw_schedule_turn *turn, const char *host,
                          struct cw_error *err);
void cw_schedule_turn_end(struct cw_schedule *schedule, struct cw_schedule_turn *turn);

struct cw_schedule_ops {
	/* Begin a transfer. 0: cw_schedule_ended() will be called. Negative: it could not begin, and the callback has
	 * called cw_schedule_failed() so that the feed is not due any more. */
	int (*start)(void *arg, struct cw_schedule_feed *feed);
	/* Its state was changed by time alone: outage_since is set. */
	void (*outage)(void *arg, struct cw_schedule_feed *feed);
};

int cw_schedule_new(struct cw_loop *loop, const struct cw_schedule_ops *ops, void *arg, struct cw_schedule **ret,
                    struct cw_error *err);
void cw_schedule_free(struct cw_schedule *schedule);
/* Tests replace the source of randomness. */
void cw_schedule_set_random(struct cw_schedule *schedule, uint32_t (*random)(void));

/*
 * Takes a configuration over (borrowed until the next call). Feeds that were there keep their state and their running
 * transfer. For new ones load() is asked (0, or -ENOENT: never seen). Returns 0 or -errno, having changed nothing.
 */
typedef int cw_schedule_load_fn(void *arg, const char *feed, struct cw_inbox_feed *ret, struct cw_error *err);
int cw_schedule_configure(struct cw_schedule *schedule, const struct cw_config *config, bool fetching,
                          cw_schedule_load_fn *load, void *arg, struct cw_error *err);
struct cw_schedule_feed *cw_schedule_find(struct cw_schedule *schedule, const char *name);
size_t cw_schedule_count(const struct cw_schedule *schedule);
struct cw_schedule_feed *cw_schedule_at(struct cw_schedule *schedule, size_t index); /* in name order */
size_t cw_schedule_running(const struct cw_schedule *schedule);

/* Held: nothing starts (too much is waiting, or we are stopping). Outages are still noticed. */
void cw_schedule_hold(struct cw_schedule *schedule, bool held);
/* The feed is due now, whatever its state. It need not be polled, but must have a URL. */
void cw_schedule_ask(struct cw_schedule *schedule, struct cw_schedule_feed *feed);
/* For --once: every polled feed is asked for, and from then on nothing is fetched unasked. Returns how many. */
size_t cw_schedule_ask_all(struct cw_schedule *schedule);
/* Looks at what is due; otherwise the timer does. */
void cw_schedule_run(struct cw_schedule *schedule);

/* The transfer is over. Call before succeeded or failed. */
void cw_schedule_ended(struct cw_schedule *schedule, struct cw_schedule_feed *feed);
/* A fetch worked, as far as that can be known now: the next one is due after the interval. outcome: "ok", "unchanged" …
 * (borrowed). */
void cw_schedule_fetched(struct cw_schedule *schedule, struct cw_schedule_feed *feed, const char *outcome);
/* The feed is known to be well as of a moment: failures and an outage end. true: it ended an outage. */
bool cw_schedule_succeeded(struct cw_schedule *schedule, struct cw_schedule_feed *feed, struct cw_wall at);
/* The feed's folder can be used. That is success only where no file is expected at any time. */
void cw_schedule_usable(struct cw_schedule *schedule, struct cw_schedule_feed *feed);
/* A fetch failed, or its document gave nothing, or the feed's folder cannot be used. retry_after: the server's wish, or NONE. later: try again only after the
 * interval, as nothing would be different before. detail may be NULL. */
void cw_schedule_failed(struct cw_schedule *schedule, struct cw_schedule_feed *feed, const char *outcome,
                        const char *detail, struct cw_wall retry_after, bool later);
bool cw_schedule_overdue(const struct cw_schedule_feed *feed, struct cw_wall now);

#endif
