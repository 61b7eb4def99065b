/*
 * store.h: councilwatch.db. The assessor is its only writer; the command line reads it.
 *
 * SQLite, WAL, synchronous=FULL. A document's evidence, its rejected rows, level changes and alerts are
 * committed in one transaction together with the document's row, so that delivering it again is a no-op.
 */
#ifndef COUNCILWATCH_STORE_H
#define COUNCILWATCH_STORE_H

#include <councilwatch/base.h>
#include <councilwatch/config.h>
#include <councilwatch/error.h>
#include <councilwatch/evidence.h>
#include <councilwatch/message.h>
#include <councilwatch/model.h>

struct cw_store;

/* <state_dir>/councilwatch.db. A reader gets -ENOENT when it does not exist yet. */
int cw_store_open_reader(const char *state_dir, struct cw_store **ret, struct cw_error *err);
void cw_store_close(struct cw_store *store);

/* All reads between begin and end see one state. */
int cw_store_read_begin(struct cw_store *store, struct cw_error *err);
void cw_store_read_end(struct cw_store *store);

/* Evidence, by council, kind, event date. council NULL = all; kind 0 = all; since: published (or else fetched) on
 * or after that day. Strings of the fact are borrowed for the call of fn. fn returns negative to stop. */
struct cw_fact_filter {
	const char *council_id;
	enum cw_kind kind;
	int32_t since;           /* CW_DAY_NONE = all */
	bool model_only;         /* only kinds that the model uses */
};
typedef int cw_fact_fn(void *arg, const struct cw_fact *fact);
int cw_store_facts(struct cw_store *store, const struct cw_fact_filter *filter, cw_fact_fn *fn, void *arg,
                   struct cw_error *err);

/* All facts of one council for the model, "again" filled in; free with cw_facts_free. */
struct cw_facts {
	size_t n;
	struct cw_fact *at;
	void *memory; /* private */
};
int cw_store_council_facts(struct cw_store *store, const char *council_id, struct cw_facts *ret, struct cw_error *err);
void cw_facts_free(struct cw_facts *facts);

/* Stored alerts as CloudEvents texts, in order of seq. kind 0 = all. */
typedef int cw_alert_fn(void *arg, uint64_t seq, const char *topic_council, const char *topic_level, const char *json,
                        size_t len);
int cw_store_alerts(struct cw_store *store, uint64_t after_seq, enum cw_alert_kind kind, uint64_t limit,
                    cw_alert_fn *fn, void *arg, struct cw_error *err);
int cw_store_last_seq(struct cw_store *store, uint64_t *ret, struct cw_error *err);

/* Rejected rows and documents. */
struct cw_quarantine_entry {
	uint64_t id;
	struct cw_str feed;
	char document[CW_SHA256_HEX];
	struct cw_wall first_seen, last_seen;
	uint64_t times;          /* documents that had it */
	struct cw_reject reject;
};
typedef int cw_quarantine_fn(void *arg, const struct cw_quarantine_entry *entry);
int cw_store_quarantine(struct cw_store *store, cw_quarantine_fn *fn, void *arg, struct cw_error *err);

/* Counts for status, per feed (in name order). */
struct cw_feed_counts {
	struct cw_str feed;
	uint64_t documents, rows, evidence, quarantined;
	uint64_t reasons[CW_REASON_COUNT];
	struct cw_wall last_fetched; /* newest document */
	bool polled;
	struct cw_wall last_success, outage_since;
};
typedef int cw_feed_counts_fn(void *arg, const struct cw_feed_counts *counts);
int cw_store_feed_counts(struct cw_store *store, cw_feed_counts_fn *fn, void *arg, struct cw_error *err);
/* Is a feed that the configuration requires in an outage? Then what is known is "unknown" (domain 3.5). */
int cw_store_required_outage(struct cw_store *store, const struct cw_config *config, int32_t as_of, bool *ret,
                             struct cw_error *err);

#endif
