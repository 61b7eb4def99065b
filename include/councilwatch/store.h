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

/* A copy of what is committed in a database of ours (councilwatch.db, inbox.db), whoever writes in it meanwhile. -ENOENT when
 * there is none. */
int cw_store_copy(const char *from_dir, const char *to_dir, const char *name, struct cw_error *err);

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

/* Those of one kind that a document states, whichever document said them first. -ENOENT when it was not committed. */
int cw_store_document_facts(struct cw_store *store, struct cw_str feed, const unsigned char sha256[CW_SHA256_LEN],
                            struct cw_wall fetched_at, enum cw_kind kind, cw_fact_fn *fn, void *arg, struct cw_error *err);

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
/* The same without their texts: one by id, or (NULL) all of some kinds, a bit for each. Texts of the row are borrowed for the call
 * and NULL when there are none. level: of the council then; CW_LEVEL_COUNT of an alert about a feed. cause: "apa_open/ofsted/…",
 * the signal and the criterion that brought it first. */
struct cw_alert_row {
	uint64_t seq;
	const char *id;
	enum cw_alert_kind kind;
	struct cw_wall time;
	const char *council_id;
	enum cw_level level;
	const char *cause;
};
typedef int cw_alert_row_fn(void *arg, const struct cw_alert_row *row);
int cw_store_alert_rows(struct cw_store *store, const char *id, unsigned kinds, cw_alert_row_fn *fn, void *arg, struct cw_error *err);
/* One as its CloudEvents text; owned. -ENOENT when there is none of that number. */
int cw_store_alert_json(struct cw_store *store, uint64_t seq, char **ret, struct cw_error *err);
int cw_store_last_seq(struct cw_store *store, uint64_t *ret, struct cw_error *err);

/* Rejected rows and documents. */
struct cw_quarantine_entry {
	uint64_t id;
	struct cw_str feed;
	char document[CW_SHA256_HEX];
	struct cw_wall first_seen, last_seen;
	uint64_t times;          /* documents that had it */
	struct cw_reject reject;
	struct cw_wall dropped_at; /* NONE: it wants a mend */
	struct cw_str dropped_by, dropped_why;
};
typedef int cw_quarantine_fn(void *arg, const struct cw_quarantine_entry *entry);
int cw_store_quarantine(struct cw_store *store, cw_quarantine_fn *fn, void *arg, struct cw_error *err);
/* The documents that have an entry, in order of time. id tells them apart. */
struct cw_quarantined_document {
	uint64_t id;
	struct cw_str feed;
	char sha256[CW_SHA256_HEX];
	struct cw_wall fetched_at;
};
typedef int cw_quarantined_fn(void *arg, const struct cw_quarantined_document *document);
int cw_store_quarantined(struct cw_store *store, uint64_t entry, cw_quarantined_fn *fn, void *arg, struct cw_error *err);

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

/*
 * ---- the writer: the assessor only ----
 *
 * One transaction is open between begin and commit; rollback forgets it. The caches that make storing fast are
 * right again after a rollback.
 */
int cw_store_open_writer(const char *state_dir, struct cw_store **ret, struct cw_error *err);
int cw_store_begin(struct cw_store *store, struct cw_error *err);
int cw_store_commit(struct cw_store *store, struct cw_error *err);
void cw_store_rollback(struct cw_store *store);
/* Moves what the log holds into the database, when it has grown. Between transactions, after what waits was answered. */
void cw_store_tidy(struct cw_store *store);

/* Was this document (feed, content, as-of time) committed before? Then *ret holds its report. One with CW_DOC_REPLAY was not
 * before it was committed with this order. */
int cw_store_document_committed(struct cw_store *store, const struct cw_document_info *info, bool *ret_committed,
                                struct cw_commit_info *ret, struct cw_error *err);

/* Starts the document whose evidence follows. One with CW_DOC_REPLAY replaces what it said and had rejected before. */
int cw_store_document_begin(struct cw_store *store, const struct cw_document_info *info, struct cw_error *err);
/* Stores one record of it; publisher and tier must be set, fetched_at is when it was fetched.
 * *ret_new: not known before. *ret_moved: it may change what its council's evidence says now: new, known earlier than
 * thought, or said again after something else was. */
int cw_store_put_evidence(struct cw_store *store, const struct cw_evidence *evidence, bool *ret_new, bool *ret_moved,
                          struct cw_error *err);
int cw_store_put_reject(struct cw_store *store, const struct cw_reject *reject, bool *ret_new, struct cw_error *err);
/* Notes which evidence it states, so that the facts of a council include its corrections. After the last record and reject. fn is
 * told of every council that a replayed document, and perhaps nothing else, said something about that it does not say now. */
typedef void cw_council_fn(void *arg, const char *council_id);
int cw_store_document_stated(struct cw_store *store, uint64_t evidence, cw_council_fn *fn, void *arg, struct cw_error *err);
int cw_store_document_finish(struct cw_store *store, const struct cw_commit_info *info, struct cw_error *err);

/* Marks an entry of the quarantine as one that needs no mend. 1; 0 when there is none, or it was marked before. */
int cw_store_dismiss(struct cw_store *store, uint64_t entry, struct cw_wall at, struct cw_str author, struct cw_str why,
                     struct cw_error *err);

/*
 * Retention (store_retention.c). Texts that are removed leave what cw_removed_text says in the quote; identity, dates, link and what the
 * model reads stay. What was said of them in stored alerts goes too.
 */
struct cw_store_text {
	struct cw_str quote;     /* what stands there from now on; the title is removed */
	struct cw_value values[CW_VALUES_MAX]; /* likewise */
	size_t n_values;
	/* Texts that stood there, as they read within a JSON string. */
	struct cw_str said[CW_VALUES_MAX + 2];
	size_t n_said;
};
/* In the open transaction. fact tells which statement it is. */
int cw_store_remove_text(struct cw_store *store, const struct cw_fact *fact, const struct cw_store_text *text, struct cw_error *err);
/* All evidence, what was rejected, and alerts but for the number of the last. Documents stay known as delivered. */
struct cw_store_counts {
	uint64_t evidence, alerts;
};
int cw_store_count_all(struct cw_store *store, struct cw_store_counts *ret, struct cw_error *err);
int cw_store_remove_all(struct cw_store *store, struct cw_error *err);
/* Entries of the quarantine that a document has and that nobody dropped, of any reason but that one. */
int cw_store_open_rejects(struct cw_store *store, struct cw_str feed, const unsigned char sha256[CW_SHA256_LEN],
                          struct cw_wall fetched_at, enum cw_reason but, uint64_t *ret, struct cw_error *err);

/* Batches of a document too large for memory wait here, outside the document's own transaction. */
int cw_store_stage(struct cw_store *store, uint64_t document, uint32_t sequence, bool rejects, uint32_t count,
                   const void *data, size_t len, struct cw_error *err);
typedef int cw_stage_fn(void *arg, bool rejects, uint32_t count, const void *data, size_t len);
int cw_store_staged(struct cw_store *store, uint64_t document, cw_stage_fn *fn, void *arg, struct cw_error *err);
int cw_store_unstage(struct cw_store *store, uint64_t document, struct cw_error *err); /* 0 = all documents */

/* Was it told, or is it not to be? */
int cw_store_alert_exists(struct cw_store *store, const char *id, bool *ret, struct cw_error *err);
/* seq must be the last one plus 1. council_id and topic_level may be NULL (alerts about feeds). */
int cw_store_put_alert(struct cw_store *store, uint64_t seq, const char *id, enum cw_alert_kind kind, struct cw_wall time,
                       const char *council_id, const char *topic, const char *topic_level, const char *json,
                       struct cw_error *err);

/* An alert that is never to be told: what it says was so before, by constants that came later. */
int cw_store_put_silent(struct cw_store *store, const char *id, struct cw_error *err);

/* Levels as of the assessor's clock. json: as "councils --json". */
int cw_store_put_level(struct cw_store *store, const char *council_id, enum cw_level level, int32_t next_day,
                       const char *json, struct cw_error *err);
typedef int cw_level_fn(void *arg, const char *council_id, enum cw_level level, int32_t next_day, const char *json);
int cw_store_levels(struct cw_store *store, int32_t due_by, cw_level_fn *fn, void *arg, struct cw_error *err);
/* The earliest next_day of any council; CW_DAY_NONE when nothing is to come. */
int cw_store_next_day(struct cw_store *store, int32_t *ret, struct cw_error *err);

/* The moment up to which changes have been told. */
int cw_store_clock(struct cw_store *store, struct cw_wall *ret, struct cw_error *err);
int cw_store_set_clock(struct cw_store *store, struct cw_wall clock, struct cw_error *err);
/* A text remembered under a name; *ret is owned, NULL when there is none. */
int cw_store_meta(struct cw_store *store, const char *name, char **ret, struct cw_error *err);
int cw_store_set_meta(struct cw_store *store, const char *name, const char *text, struct cw_error *err);

int cw_store_put_feed_state(struct cw_store *store, const struct cw_feed_state *state, bool *ret_outage_began,
                            struct cw_error *err);

#endif
