/*
 * commit_private.h: what the files of the committer share.
 *
 *   commit.c        one document: its evidence into the database, and the councils that it is about
 *   commit_alert.c  alerts between being worked out and being published
 *   commit_time.c   what is told without a document: time, feeds, rulings on the quarantine, another configuration
 */
#ifndef CW_ASSESSOR_COMMIT_PRIVATE_H
#define CW_ASSESSOR_COMMIT_PRIVATE_H

#include <jansson.h>

#include <councilwatch/history.h>

#include "commit.h"

/* An alert worked out and not yet numbered. */
struct pending {
	struct cw_wall at;
	enum cw_alert_kind kind;
	const struct cw_council *council; /* NULL: about a feed */
	char id[33];
	char topic[2 * CW_NAME_MAX + 32];
	char topic_level[CW_NAME_MAX];
	json_t *json; /* owned */
	char *text;   /* owned; once numbered */
	uint64_t seq;
	bool old_news; /* of what was published long ago */
	bool recalculated; /* of another configuration, not of anything new */
	bool history; /* not for paging anybody */
};

struct committer {
	const struct cw_config *config;
	struct cw_store *store;
	alert_sink *sink;
	void *sink_arg;
	void (*pulse)(void *arg);
	void *pulse_arg;
	bool live; /* feeds are polled */

	/* The document in hand. */
	struct cw_document_info info;
	const struct cw_feed *feed;
	bool open;
	uint64_t evidence, new_evidence;
	int64_t latest_known; /* ms, of its evidence */
	uint64_t unresolved;  /* texts that name no council, not seen before */
	struct cw_buf unresolved_names; /* the first of them */
	bool *affected;       /* by council index */

	struct pending *pending;
	size_t n_pending, cap_pending;
};

/* ---- commit.c ---- */
void committer_pulse(struct committer *committer);
void clear_affected(struct committer *committer);
/* Works a council out up to a moment and stores its level. tell: of every change there ever was, the arg of which is a struct telling;
 * done (may be NULL): of where it stands then, unless the council has ended. */
struct telling;
struct assessing {
	cw_change_fn *tell;
	int (*done)(struct telling *telling, const struct cw_assessment *assessment, void *arg);
	void *arg;
};
int assess_council(struct committer *committer, const struct cw_council *council, struct cw_wall until,
                   const struct assessing *assessing, struct cw_error *err);
/* Works out every affected council, and every one that time alone has changed, up to the clock. */
int assess_affected(struct committer *committer, struct cw_wall until, struct cw_error *err);

/* ---- commit_alert.c ---- */
struct telling {
	struct committer *committer;
	const struct cw_council *council;
	struct cw_error *err;
};
/* The same change worked out again, in another run or order, has the same id. */
int alert_id(const char *subject, const char *sort, const char *what, char ret[33]);
/* cw_change_fn; arg is a struct telling. keep_silent only remembers, so that the change is not told another time. */
int tell_change(void *arg, const struct cw_change *change);
int keep_silent(void *arg, const struct cw_change *change);
int tell_feed(struct committer *committer, enum cw_alert_kind kind, struct cw_str feed, struct cw_wall at, const char *what,
              const char *text, struct cw_error *err);
void drop_pending(struct committer *committer);
/* Numbers and stores what is pending; *ret_last is the last number. flags: of the document; now: where the clock stands. */
int store_pending(struct committer *committer, uint32_t flags, struct cw_wall now, uint64_t *ret_last, struct cw_error *err);
/* Commits and publishes what was told, or, when r says that something failed, forgets all of it. */
int end_transaction(struct committer *committer, int r, struct cw_error *err);

#endif
