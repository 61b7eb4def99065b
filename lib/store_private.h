/*
 * store_private.h: what the files of store.h share. Each has one subject:
 *
 *   store.c            opening, schema, transactions, small settings
 *   store_statement.c  every SQL text, and how one is prepared, bound and run
 *   store_dimension.c  texts that recur, by number
 *   store_ranges.c     which rows of evidence a document states
 *   store_document.c   a document from begin to finish, batches that wait
 *   store_evidence.c   its evidence; what it said before and does not say now
 *   store_quarantine.c what was rejected
 *   store_fact.c       evidence as facts for readers and the model
 *   store_correction.c statements that were taken back and made again
 *   store_retention.c  texts and statements that are removed
 *   store_level.c      alerts and levels
 *   store_feed.c       feeds: counts and health
 */
#ifndef CW_LIB_STORE_PRIVATE_H
#define CW_LIB_STORE_PRIVATE_H

#include <sqlite3.h>

#include <councilwatch/buf.h>
#include <councilwatch/limits.h>
#include <councilwatch/store.h>

#define CONTENT_LEN 16 /* bytes that tell one statement about an event from another */

enum statement {
	ST_BEGIN, ST_COMMIT, ST_ROLLBACK, ST_DOC_ROW, ST_DOC_AGAIN, ST_GONE_MAKE, ST_GONE_CLEAR, ST_GONE_PUT, ST_GONE_COUNCILS,
	ST_GONE_MOVE, ST_GONE_DELETE, ST_REJECT_LINK, ST_REJECT_SEEN, ST_REJECT_OF, ST_REJECT_UNLINK, ST_REJECT_LEFT,
	ST_REJECT_AGAIN, ST_FEED_GET, ST_FEED_PUT, ST_COUNCIL_GET, ST_COUNCIL_PUT, ST_SOURCE_GET,
	ST_SOURCE_PUT, ST_DOC_FIND, ST_DOC_PUT, ST_DOC_STATES, ST_DOC_FINISH, ST_DOC_BEFORE, ST_EV_PUT, ST_EV_GET, ST_EV_EARLIER,
	ST_EV_MAX, ST_REJECT_PUT, ST_REJECT_KNOWN, ST_STAGE_PUT, ST_STAGE_ALL, ST_STAGE_DROP, ST_ALERT_EXISTS, ST_SILENT_PUT, ST_ALERT_ROWS, ST_ALERT_JSON, ST_ALERT_PUT,
	ST_ALERTS, ST_LAST_SEQ, ST_LEVEL_PUT, ST_LEVELS, ST_NEXT_DAY, ST_META_GET, ST_META_PUT, ST_FACTS, ST_SIGHTINGS,
	ST_QUARANTINE, ST_QUARANTINED, ST_DISMISS, ST_FEEDS, ST_FEED_TOTALS, ST_FEED_STATE, ST_FEED_STATE_GET,
	ST_DOC_SIGHTINGS, ST_TEXT_PUT, ST_ALERT_TEXT, ST_OPEN_REJECTS, ST_COUNT_EVIDENCE, ST_COUNT_ALERTS, ST_COUNT
};

/* Which rows of evidence a document states, as sorted ranges of row numbers. */
struct range {
	uint64_t first, last;
};
struct ranges {
	struct range *at;
	size_t n, cap;
};

/* A text and its number in a dimension table. */
struct dimension_entry {
	char *text;
	size_t len;
	int64_t id;
	int tier;
};
#define DIMENSION_SLOTS 1024u
struct dimension {
	struct dimension_entry *at;
	size_t n, cap;
	/* Where a text was found last, by hash: index from 1, 0 = nothing yet. */
	uint32_t slot[DIMENSION_SLOTS];
};

/* The documents of one feed and what they state, for corrections taken back. */
struct feed_sightings {
	char *feed;
	size_t n;
	struct cw_wall *fetched_at;
	int64_t *documents;
	struct ranges *ranges;
};

struct cw_store {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *statement[ST_COUNT];
	struct dimension feeds, councils, sources;
	struct feed_sightings *sightings;
	size_t n_sightings;

	/* The document being stored. */
	int64_t document, document_feed;
	struct cw_wall document_fetched_at;
	char document_feed_name[CW_NAME_MAX + 1];
	struct ranges stated, stated_before; /* before: by the document before it, or by itself when it is read again */
	bool again;                          /* it was committed before */
	int64_t *had;                        /* rejects that it had then */
	size_t n_had;
	uint64_t next_rowno;
	bool expect_known; /* the last record was known before: look first, insert then */
	struct cw_buf vals, hashed;
	struct cw_sha256 *hash; /* one context for all records: making one costs more than the hashing */
	int wal_pages;
};

/* ---- store_statement.c ---- */

/* SQLite's error as ours, with what was being done. */
int store_error(struct cw_store *store, struct cw_error *err, const char *what);
/* A statement, made once and ready to be bound. Its texts are bound without copying: they must live until it has run. */
int store_prepare(struct cw_store *store, enum statement which, sqlite3_stmt **ret, struct cw_error *err);
/* For statements without rows. */
int store_run(struct cw_store *store, sqlite3_stmt *st, const char *what, struct cw_error *err);
/* For those that want nothing bound either. */
int store_run_plain(struct cw_store *store, enum statement which, const char *what, struct cw_error *err);
/* 1: a row; 0: no more. */
int store_step(struct cw_store *store, sqlite3_stmt *st, const char *what, struct cw_error *err);
void store_bind_str(sqlite3_stmt *st, int at, struct cw_str text);
void store_bind_wall(sqlite3_stmt *st, int at, struct cw_wall t);
struct cw_str store_column_str(sqlite3_stmt *st, int at); /* borrowed until the next step */
struct cw_wall store_column_wall(sqlite3_stmt *st, int at);

/* ---- store_dimension.c ---- */

/* The number of a text, given to it when it is new. */
int store_dimension_id(struct cw_store *store, struct dimension *dimension, enum statement get, enum statement put,
                       struct cw_str text, int tier, int64_t *ret, struct cw_error *err);
int store_feed_id(struct cw_store *store, struct cw_str name, int64_t *ret, struct cw_error *err);
void store_dimension_clear(struct dimension *dimension);

/* ---- store_ranges.c: 0, -ENOMEM, or -EUCLEAN for what is not a text of ranges ---- */

int store_ranges_add(struct ranges *ranges, uint64_t rowno);
/* Sorted, without overlap: before store_ranges_have and store_ranges_put. */
void store_ranges_normalise(struct ranges *ranges);
bool store_ranges_have(const struct ranges *ranges, uint64_t rowno);
int store_ranges_put(const struct ranges *ranges, struct cw_buf *out);
int store_ranges_get(struct ranges *ranges, const void *data, size_t len);

/* ---- the others ---- */

void store_reasons_get(const void *data, size_t len, uint64_t reasons[CW_REASON_COUNT]);
/* What a document said and had rejected when it was read before, and not now. */
int store_evidence_left(struct cw_store *store, cw_council_fn *fn, void *arg, struct cw_error *err);
int store_rejects_left(struct cw_store *store, struct cw_error *err);
/* Read once and kept until forgotten; *ret is borrowed until then, or until another feed's are loaded. */
int store_load_sightings(struct cw_store *store, struct cw_str feed, const struct feed_sightings **ret, struct cw_error *err);
void store_forget_sightings(struct cw_store *store);
/* Fills in "again" of a council's facts: memory has a list for each, allocated here and owned by the caller. */
int store_note_corrections(struct cw_store *store, struct cw_facts *facts, struct cw_wall **memory, struct cw_error *err);

#endif
