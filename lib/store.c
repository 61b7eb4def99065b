#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include <councilwatch/limits.h>
#include <councilwatch/store.h>

#include "schema.h"

#define SCHEMA_VERSION 2

/* Version 1 knew only the first and the last document that had a reject. */
static const char schema_1_to_2[] =
    "ALTER TABLE document ADD COLUMN ord INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE reject RENAME TO reject_1;"
    "CREATE TABLE reject (id INTEGER PRIMARY KEY AUTOINCREMENT, feed INTEGER NOT NULL, reason INTEGER NOT NULL,"
    " field TEXT NOT NULL, text TEXT NOT NULL, detail TEXT NOT NULL, row INTEGER NOT NULL, document INTEGER NOT NULL,"
    " first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, times INTEGER NOT NULL, dropped_at INTEGER, dropped_by TEXT,"
    " dropped_why TEXT, UNIQUE (feed, reason, field, text, detail));"
    "CREATE TABLE reject_document (document INTEGER NOT NULL, reject INTEGER NOT NULL, row INTEGER NOT NULL,"
    " PRIMARY KEY (document, reject)) WITHOUT ROWID;"
    "CREATE INDEX reject_document_by_reject ON reject_document (reject);"
    "INSERT INTO reject SELECT id, feed, reason, field, text, detail, row, document, first_seen, last_seen, times, NULL, NULL,"
    " NULL FROM reject_1;"
    "INSERT INTO reject_document SELECT document, id, row FROM reject_1;"
    "INSERT OR IGNORE INTO reject_document SELECT last_document, id, row FROM reject_1;"
    "DROP TABLE reject_1;";
#define CONTENT_LEN 16

enum statement {
	ST_BEGIN, ST_COMMIT, ST_ROLLBACK, ST_DOC_ROW, ST_DOC_AGAIN, ST_GONE_MAKE, ST_GONE_CLEAR, ST_GONE_PUT, ST_GONE_COUNCILS,
	ST_GONE_MOVE, ST_GONE_DELETE, ST_REJECT_LINK, ST_REJECT_SEEN, ST_REJECT_OF, ST_REJECT_UNLINK, ST_REJECT_LEFT,
	ST_REJECT_AGAIN, ST_FEED_GET, ST_FEED_PUT, ST_COUNCIL_GET, ST_COUNCIL_PUT, ST_SOURCE_GET,
	ST_SOURCE_PUT, ST_DOC_FIND, ST_DOC_PUT, ST_DOC_STATES, ST_DOC_FINISH, ST_DOC_BEFORE, ST_EV_PUT, ST_EV_GET, ST_EV_EARLIER,
	ST_EV_MAX, ST_REJECT_PUT, ST_REJECT_KNOWN, ST_STAGE_PUT, ST_STAGE_ALL, ST_STAGE_DROP, ST_ALERT_EXISTS, ST_ALERT_PUT,
	ST_ALERTS, ST_LAST_SEQ, ST_LEVEL_PUT, ST_LEVELS, ST_NEXT_DAY, ST_META_GET, ST_META_PUT, ST_FACTS, ST_SIGHTINGS,
	ST_QUARANTINE, ST_QUARANTINED, ST_DISMISS, ST_FEEDS, ST_FEED_TOTALS, ST_FEED_STATE, ST_FEED_STATE_GET, ST_COUNT
};

static const char *const statement_sql[ST_COUNT] = {
	[ST_BEGIN] = "BEGIN",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_FEED_GET] = "SELECT id FROM feed WHERE name = ?1",
	[ST_FEED_PUT] = "INSERT INTO feed (name) VALUES (?1)",
	[ST_COUNCIL_GET] = "SELECT id FROM council WHERE council_id = ?1",
	[ST_COUNCIL_PUT] = "INSERT INTO council (council_id) VALUES (?1)",
	[ST_SOURCE_GET] = "SELECT id FROM source WHERE publisher = ?1 AND tier = ?2",
	[ST_SOURCE_PUT] = "INSERT INTO source (publisher, tier) VALUES (?1, ?2)",
	[ST_DOC_FIND] = "SELECT d.outcome, d.rows, d.evidence, d.new_evidence, d.quarantined, d.alerts, d.last_seq, d.reasons, "
	                "d.detail, d.ord FROM document d JOIN feed f ON f.id = d.feed "
	                "WHERE f.name = ?1 AND d.sha256 = ?2 AND d.fetched_at = ?3",
	[ST_DOC_PUT] = "INSERT INTO document (inbox_id, feed, sha256, fetched_at, url, flags, committed_at, outcome, rows, evidence, "
	               "new_evidence, quarantined, alerts, last_seq, reasons, detail, sightings, ord) "
	               "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, 0, 0, 0, 0, 0, x'', '', x'', ?8)",
	[ST_DOC_ROW] = "SELECT id, sightings FROM document WHERE feed = ?1 AND sha256 = ?2 AND fetched_at = ?3",
	[ST_DOC_AGAIN] = "UPDATE document SET inbox_id = ?2, url = ?3, flags = ?4, committed_at = ?5, ord = ?6 WHERE id = ?1",
	/* Evidence that a document said once and does not say now; home: another document of the feed that says it. */
	[ST_GONE_MAKE] = "CREATE TABLE IF NOT EXISTS temp.gone (rowno INTEGER PRIMARY KEY, home INTEGER, fetched_at INTEGER)",
	[ST_GONE_CLEAR] = "DELETE FROM temp.gone",
	[ST_GONE_PUT] = "INSERT INTO temp.gone VALUES (?1, ?2, ?3)",
	[ST_GONE_COUNCILS] = "SELECT DISTINCT c.council_id FROM evidence e JOIN council c ON c.id = e.council "
	                     "WHERE e.feed = ?1 AND e.rowno IN (SELECT rowno FROM temp.gone)",
	/* At which row of that document is found out when it is read again. A time that the statement itself gave stays. */
	[ST_GONE_MOVE] = "UPDATE evidence SET document = g.home, row = 0, "
	                 "fetched_at = iif(evidence.fetched_at = ?3, g.fetched_at, evidence.fetched_at) FROM temp.gone g "
	                 "WHERE g.rowno = evidence.rowno AND evidence.feed = ?1 AND evidence.document = ?2 AND g.home IS NOT NULL",
	[ST_GONE_DELETE] = "DELETE FROM evidence WHERE feed = ?1 AND rowno IN (SELECT rowno FROM temp.gone WHERE home IS NULL)",
	[ST_DOC_STATES] = "UPDATE document SET evidence = ?2, sightings = ?3 WHERE id = ?1",
	[ST_DOC_FINISH] = "UPDATE document SET outcome = ?2, rows = ?3, evidence = ?4, new_evidence = ?5, quarantined = ?6, "
	                  "alerts = ?7, last_seq = ?8, reasons = ?9, detail = ?10 WHERE id = ?1",
	[ST_DOC_BEFORE] = "SELECT sightings FROM document WHERE feed = ?1 AND id <> ?2 AND fetched_at <= ?3 AND evidence > 0 "
	                  "ORDER BY fetched_at DESC, id DESC LIMIT 1",
	[ST_EV_PUT] = "INSERT OR IGNORE INTO evidence (council, kind, event_day, feed, key, content, rowno, document, source, "
	              "fetched_at, published_at, row, url, title, quote, vals) "
	              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
	[ST_EV_GET] = "SELECT rowno, fetched_at, document, row FROM evidence WHERE council = ?1 AND kind = ?2 AND event_day = ?3 AND feed = ?4 "
	              "AND key = ?5 AND content = ?6",
	[ST_EV_EARLIER] = "UPDATE evidence SET fetched_at = ?7, document = ?8, row = ?9 WHERE council = ?1 AND kind = ?2 AND "
	                  "event_day = ?3 AND feed = ?4 AND key = ?5 AND content = ?6",
	[ST_EV_MAX] = "SELECT text FROM meta WHERE name = 'next_rowno'",
	[ST_REJECT_KNOWN] = "SELECT id FROM reject WHERE feed = ?1 AND reason = ?2 AND field = ?3 AND text = ?4 AND detail = ?5",
	[ST_REJECT_PUT] = "INSERT INTO reject (feed, reason, field, text, detail, row, document, first_seen, last_seen, times) "
	                  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, 0)",
	[ST_REJECT_LINK] = "INSERT OR IGNORE INTO reject_document (document, reject, row) VALUES (?1, ?2, ?3)",
	/* Shown with the earliest document that had it, whatever the order of arrival; a document counts once. */
	[ST_REJECT_SEEN] = "UPDATE reject SET times = times + 1, document = iif(?4 < first_seen, ?2, document), "
	                   "row = iif(?4 < first_seen, ?3, row), first_seen = min(first_seen, ?4), last_seen = max(last_seen, ?4) "
	                   "WHERE id = ?1",
	[ST_REJECT_OF] = "SELECT reject FROM reject_document WHERE document = ?1",
	[ST_REJECT_UNLINK] = "DELETE FROM reject_document WHERE document = ?1",
	/* Nobody has it any more: it goes, unless a person ruled on it. */
	[ST_REJECT_LEFT] = "DELETE FROM reject WHERE id = ?1 AND dropped_at IS NULL AND "
	                   "NOT EXISTS (SELECT 1 FROM reject_document WHERE reject = ?1)",
	[ST_REJECT_AGAIN] = "UPDATE reject SET times = s.times, first_seen = coalesce(s.first, reject.first_seen), "
	                    "last_seen = coalesce(s.last, reject.last_seen), document = coalesce(s.document, reject.document), "
	                    "row = coalesce(s.row, reject.row) FROM (SELECT count(*) AS times, min(d.fetched_at) AS first, "
	                    "max(d.fetched_at) AS last, (SELECT e.id FROM reject_document m JOIN document e ON e.id = m.document "
	                    "WHERE m.reject = ?1 ORDER BY e.fetched_at, e.id LIMIT 1) AS document, (SELECT m.row FROM "
	                    "reject_document m JOIN document e ON e.id = m.document WHERE m.reject = ?1 "
	                    "ORDER BY e.fetched_at, e.id LIMIT 1) AS row FROM reject_document l JOIN document d ON d.id = l.document "
	                    "WHERE l.reject = ?1) s WHERE reject.id = ?1",
	[ST_STAGE_PUT] = "INSERT OR REPLACE INTO stage (document, sequence, rejects, count, data) VALUES (?1, ?2, ?3, ?4, ?5)",
	[ST_STAGE_ALL] = "SELECT rejects, count, data FROM stage WHERE document = ?1 ORDER BY sequence",
	[ST_STAGE_DROP] = "DELETE FROM stage WHERE document = ?1 OR ?1 = 0",
	[ST_ALERT_EXISTS] = "SELECT 1 FROM alert WHERE id = ?1",
	[ST_ALERT_PUT] = "INSERT INTO alert (seq, id, kind, time, council_id, topic, topic_level, json) "
	                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[ST_ALERTS] = "SELECT seq, topic, topic_level, json FROM alert WHERE seq > ?1 AND (?2 = 0 OR kind = ?2) ORDER BY seq LIMIT ?3",
	[ST_LAST_SEQ] = "SELECT max(seq) FROM alert",
	[ST_LEVEL_PUT] = "INSERT INTO level (council_id, level, next_day, json) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (council_id) "
	                 "DO UPDATE SET level = ?2, next_day = ?3, json = ?4",
	[ST_LEVELS] = "SELECT council_id, level, next_day, json FROM level WHERE ?1 IS NULL OR next_day <= ?1 ORDER BY council_id",
	[ST_NEXT_DAY] = "SELECT min(next_day) FROM level",
	[ST_META_GET] = "SELECT text FROM meta WHERE name = ?1",
	[ST_META_PUT] = "INSERT INTO meta (name, text) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET text = ?2",
	/* CROSS JOIN keeps the clustered order: by council, kind, date. */
	[ST_FACTS] = "SELECT c.council_id, e.kind, e.event_day, f.name, e.key, e.content, e.rowno, d.sha256, s.publisher, s.tier, "
	             "e.fetched_at, e.published_at, e.row, e.url, e.title, e.quote, e.vals FROM council c "
	             "CROSS JOIN evidence e ON e.council = c.id JOIN feed f ON f.id = e.feed JOIN document d ON d.id = e.document "
	             "JOIN source s ON s.id = e.source WHERE (?1 IS NULL OR c.council_id = ?1) AND (?2 = 0 OR e.kind = ?2) "
	             "AND (?3 = 0 OR (?3 >> e.kind) & 1) AND (?4 IS NULL OR coalesce(e.published_at, e.fetched_at) >= ?4) "
	             "ORDER BY c.council_id, e.kind, e.event_day, e.feed, e.key, e.content",
	[ST_SIGHTINGS] = "SELECT fetched_at, sightings, id FROM document WHERE feed = (SELECT id FROM feed WHERE name = ?1) AND "
	                 "evidence > 0 ORDER BY fetched_at, id",
	[ST_QUARANTINE] = "SELECT r.id, f.name, d.sha256, r.first_seen, r.last_seen, r.times, r.reason, r.row, r.field, r.text, "
	                  "r.detail, r.dropped_at, r.dropped_by, r.dropped_why FROM reject r JOIN feed f ON f.id = r.feed JOIN document d ON d.id = r.document ORDER BY r.id",
	[ST_DISMISS] = "UPDATE reject SET dropped_at = ?2, dropped_by = ?3, dropped_why = ?4 WHERE id = ?1 AND dropped_at IS NULL",
	[ST_QUARANTINED] = "SELECT d.id, f.name, d.sha256, d.fetched_at FROM reject_document l JOIN document d ON d.id = l.document "
	                   "JOIN feed f ON f.id = d.feed WHERE l.reject = ?1 ORDER BY d.fetched_at, d.id",
	[ST_FEEDS] = "SELECT name, polled, last_success, outage_since FROM feed ORDER BY name",
	[ST_FEED_TOTALS] = "SELECT rows, evidence, quarantined, reasons, fetched_at FROM document "
	                   "WHERE feed = (SELECT id FROM feed WHERE name = ?1)",
	[ST_FEED_STATE] = "UPDATE feed SET polled = ?2, last_success = ?3, outage_since = ?4, detail = ?5 WHERE id = ?1",
	[ST_FEED_STATE_GET] = "SELECT polled, last_success, outage_since FROM feed WHERE name = ?1",
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

/* ---- SQLite, plainly ---- */

static int store_error(struct cw_store *store, struct cw_error *err, const char *what)
{
	int code = sqlite3_errcode(store->db) & 0xff;
	int r = code == SQLITE_FULL        ? -ENOSPC
	        : code == SQLITE_BUSY      ? -EBUSY
	        : code == SQLITE_NOMEM     ? -ENOMEM
	        : code == SQLITE_READONLY  ? -EROFS
	        : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? -EUCLEAN
	                                                          : -EIO;

	return cw_error_at(err, r, store->path, 0, 0, "%s: %s", what, sqlite3_errmsg(store->db));
}

static int note_wal(void *arg, sqlite3 *db, const char *name, int pages);

static int prepare(struct cw_store *store, enum statement which, sqlite3_stmt **ret, struct cw_error *err)
{
	if (!store->statement[which] &&
	    sqlite3_prepare_v3(store->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT, &store->statement[which],
	                       NULL) != SQLITE_OK)
		return store_error(store, err, "preparing a statement");
	*ret = store->statement[which];
	sqlite3_reset(*ret);
	return 0;
}

/* For statements without rows. */
static int run(struct cw_store *store, sqlite3_stmt *st, const char *what, struct cw_error *err)
{
	int code = sqlite3_step(st);

	sqlite3_reset(st);
	return code == SQLITE_DONE || code == SQLITE_ROW ? 0 : store_error(store, err, what);
}

/* 1: a row; 0: no more. */
static int step(struct cw_store *store, sqlite3_stmt *st, const char *what, struct cw_error *err)
{
	int code = sqlite3_step(st);

	if (code == SQLITE_ROW)
		return 1;
	if (code == SQLITE_DONE) {
		sqlite3_reset(st);
		return 0;
	}
	store_error(store, err, what);
	sqlite3_reset(st);
	return err ? err->code : -EIO;
}

static void bind_str(sqlite3_stmt *st, int at, struct cw_str text)
{
	sqlite3_bind_text(st, at, text.at ? text.at : "", (int)text.len, SQLITE_STATIC);
}

static void bind_wall(sqlite3_stmt *st, int at, struct cw_wall t)
{
	if (cw_wall_known(t))
		sqlite3_bind_int64(st, at, t.ms);
	else
		sqlite3_bind_null(st, at);
}

static struct cw_str column_str(sqlite3_stmt *st, int at)
{
	const char *text = (const char *)sqlite3_column_text(st, at);

	return (struct cw_str){ text ? text : "", (size_t)sqlite3_column_bytes(st, at) };
}

static struct cw_wall column_wall(sqlite3_stmt *st, int at)
{
	return sqlite3_column_type(st, at) == SQLITE_NULL ? cw_wall_none()
	                                                  : (struct cw_wall){ sqlite3_column_int64(st, at) };
}

static int execute(struct cw_store *store, const char *sql, struct cw_error *err)
{
	return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_error(store, err, "opening");
}

static int open_database(const char *state_dir, bool writer, struct cw_store **ret, struct cw_error *err)
{
	struct cw_store *store = calloc(1, sizeof(*store));
	int flags = writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;

	if (!store)
		return cw_error_nomem(err);
	cw_buf_init(&store->vals, 1u << 20);
	cw_buf_init(&store->hashed, 1u << 21);
	if (asprintf(&store->path, "%s/councilwatch.db", state_dir) < 0) {
		store->path = NULL;
		cw_store_close(store);
		return cw_error_nomem(err);
	}
	if (!writer && access(store->path, F_OK) < 0) {
		int r = cw_error_at(err, -ENOENT, store->path, 0, 0,
		                    "there is no database yet: start councilwatchd, or import something");

		cw_store_close(store);
		return r;
	}
	if (sqlite3_open_v2(store->path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		int r = store->db ? store_error(store, err, "cannot open the database") : cw_error_nomem(err);

		cw_store_close(store);
		return r;
	}
	sqlite3_extended_result_codes(store->db, 1);
	sqlite3_busy_timeout(store->db, 5000);
	*ret = store;
	return 0;
}

static int schema_version(struct cw_store *store, int *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK)
		return store_error(store, err, "reading the schema version");
	r = step(store, st, "reading the schema version", err);
	if (r > 0)
		*ret = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return r < 0 ? r : 0;
}

static int check_version(struct cw_store *store, int version, struct cw_error *err)
{
	if (version == SCHEMA_VERSION)
		return 0;
	return cw_error_at(err, -EPROTO, store->path, 0, 0,
	                   "the database has schema version %d; this program works with %d: install the matching councilwatch",
	                   version, SCHEMA_VERSION);
}

int cw_store_open_reader(const char *state_dir, struct cw_store **ret, struct cw_error *err)
{
	struct cw_store *store;
	int version = 0, r;

	r = open_database(state_dir, false, &store, err);
	if (r < 0)
		return r;
	r = schema_version(store, &version, err);
	/* Version 0 is a database whose writer is just making it. */
	if (r == 0 && version == 0)
		r = cw_error_at(err, -ENOENT, store->path, 0, 0, "the database is empty: start councilwatchd");
	if (r == 0)
		r = check_version(store, version, err);
	if (r < 0) {
		cw_store_close(store);
		return r;
	}
	*ret = store;
	return 0;
}

int cw_store_copy(const char *from_dir, const char *to_dir, const char *name, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *from = NULL, *to = NULL;
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int r = 0;

	if (asprintf(&from, "%s/%s", from_dir, name) < 0) {
		from = NULL;
		return cw_error_nomem(err);
	}
	if (asprintf(&to, "%s/%s", to_dir, name) < 0) {
		to = NULL;
		return cw_error_nomem(err);
	}
	if (access(from, F_OK) < 0)
		return cw_error_at(err, -ENOENT, from, 0, 0, "does not exist");
	if (sqlite3_open_v2(from, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, 5000) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_bind_text(st, 1, to, -1, SQLITE_STATIC) != SQLITE_OK || sqlite3_step(st) != SQLITE_DONE)
		r = cw_error_at(err, -EIO, from, 0, 0, "cannot be copied: %s", db ? sqlite3_errmsg(db) : "out of memory");
	sqlite3_finalize(st);
	sqlite3_close(db);
	return r;
}

int cw_store_open_writer(const char *state_dir, struct cw_store **ret, struct cw_error *err)
{
	struct cw_store *store;
	int version = 0, r;

	r = open_database(state_dir, true, &store, err);
	if (r < 0)
		return r;
	r = execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 0; "
	                   "PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864", err);
	if (r == 0)
		r = schema_version(store, &version, err);
	if (r == 0 && version == 0) {
		char set[64];

		snprintf(set, sizeof(set), "PRAGMA user_version = %d; COMMIT", SCHEMA_VERSION);
		r = execute(store, "BEGIN IMMEDIATE", err);
		if (r == 0)
			r = execute(store, schema_sql, err);
		if (r == 0)
			r = execute(store, set, err);
	} else if (r == 0 && version == 1) {
		r = execute(store, "BEGIN IMMEDIATE", err);
		if (r == 0)
			r = execute(store, schema_1_to_2, err);
		if (r == 0)
			r = execute(store, "PRAGMA user_version = 2; COMMIT", err);
	} else if (r == 0) {
		r = check_version(store, version, err);
	}
	if (r < 0) {
		cw_store_close(store);
		return r;
	}
	sqlite3_wal_hook(store->db, note_wal, store);
	(void)chmod(store->path, 0640);
	*ret = store;
	return 0;
}

static void dimension_clear(struct dimension *dimension)
{
	for (size_t i = 0; i < dimension->n; i++)
		free(dimension->at[i].text);
	free(dimension->at);
	*dimension = (struct dimension){ 0 };
}

static void forget_sightings(struct cw_store *store)
{
	for (size_t i = 0; i < store->n_sightings; i++) {
		struct feed_sightings *s = &store->sightings[i];

		for (size_t j = 0; j < s->n; j++)
			free(s->ranges[j].at);
		free(s->ranges);
		free(s->fetched_at);
		free(s->documents);
		free(s->feed);
	}
	free(store->sightings);
	store->sightings = NULL;
	store->n_sightings = 0;
}

void cw_store_close(struct cw_store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < ST_COUNT; i++)
		sqlite3_finalize(store->statement[i]);
	sqlite3_close(store->db);
	dimension_clear(&store->feeds);
	dimension_clear(&store->councils);
	dimension_clear(&store->sources);
	forget_sightings(store);
	free(store->stated.at);
	free(store->stated_before.at);
	free(store->had);
	cw_buf_clear(&store->vals);
	cw_buf_clear(&store->hashed);
	cw_sha256_free(store->hash);
	free(store->path);
	free(store);
}

static int run_plain(struct cw_store *store, enum statement which, const char *what, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, which, &st, err);

	return r < 0 ? r : run(store, st, what, err);
}

int cw_store_read_begin(struct cw_store *store, struct cw_error *err)
{
	forget_sightings(store);
	return run_plain(store, ST_BEGIN, "beginning to read", err);
}

void cw_store_read_end(struct cw_store *store)
{
	(void)run_plain(store, ST_COMMIT, "ending the reading", NULL);
}

int cw_store_begin(struct cw_store *store, struct cw_error *err)
{
	return run_plain(store, ST_BEGIN, "beginning a transaction", err);
}

int cw_store_commit(struct cw_store *store, struct cw_error *err)
{
	int r = run_plain(store, ST_COMMIT, "committing", err);

	if (r < 0)
		cw_store_rollback(store);
	return r;
}

#define WAL_PAGES 1000

static int note_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct cw_store *store = arg;

	(void)db;
	(void)name;
	store->wal_pages = pages;
	return SQLITE_OK;
}

void cw_store_tidy(struct cw_store *store)
{
	if (store->wal_pages < WAL_PAGES)
		return;
	store->wal_pages = 0;
	(void)sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

void cw_store_rollback(struct cw_store *store)
{
	if (!sqlite3_get_autocommit(store->db))
		(void)run_plain(store, ST_ROLLBACK, "rolling back", NULL);
	/* Numbers given out in the transaction are void. */
	dimension_clear(&store->feeds);
	dimension_clear(&store->councils);
	dimension_clear(&store->sources);
	forget_sightings(store);
	store->document = 0;
}

/* ---- dimensions ---- */

static uint32_t text_hash(struct cw_str text)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.at[i]) * 16777619u;
	return hash ^ hash >> 16;
}

static bool dimension_is(const struct dimension_entry *entry, struct cw_str text, int tier)
{
	return entry->tier == tier && entry->len == text.len && (!text.len || memcmp(entry->text, text.at, text.len) == 0);
}

static int dimension_id(struct cw_store *store, struct dimension *dimension, enum statement get, enum statement put,
                        struct cw_str text, int tier, int64_t *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	uint32_t *slot;
	char *copy;
	int64_t id;
	int r;

	slot = &dimension->slot[text_hash(text) % DIMENSION_SLOTS];
	if (*slot && dimension_is(&dimension->at[*slot - 1], text, tier)) {
		*ret = dimension->at[*slot - 1].id;
		return 0;
	}
	for (size_t i = dimension->n; i > 0; i--) {
		if (dimension_is(&dimension->at[i - 1], text, tier)) {
			*slot = (uint32_t)i;
			*ret = dimension->at[i - 1].id;
			return 0;
		}
	}
	for (int pass = 0;; pass++) {
		r = prepare(store, get, &st, err);
		if (r < 0)
			return r;
		bind_str(st, 1, text);
		if (put == ST_SOURCE_PUT)
			sqlite3_bind_int(st, 2, tier);
		r = step(store, st, "looking up a name", err);
		if (r < 0)
			return r;
		if (r > 0) {
			id = sqlite3_column_int64(st, 0);
			sqlite3_reset(st);
			break;
		}
		if (pass)
			return cw_error_set(err, -EIO, "a name just stored is not there");
		r = prepare(store, put, &st, err);
		if (r < 0)
			return r;
		bind_str(st, 1, text);
		if (put == ST_SOURCE_PUT)
			sqlite3_bind_int(st, 2, tier);
		r = run(store, st, "storing a name", err);
		if (r < 0)
			return r;
	}
	if (dimension->n == dimension->cap) {
		size_t cap = dimension->cap ? dimension->cap * 2 : 64;
		struct dimension_entry *grown = realloc(dimension->at, cap * sizeof(*grown));

		if (!grown)
			return cw_error_nomem(err);
		dimension->at = grown;
		dimension->cap = cap;
	}
	copy = strndup(text.at, text.len);
	if (!copy)
		return cw_error_nomem(err);
	dimension->at[dimension->n++] = (struct dimension_entry){ copy, text.len, id, tier };
	*ret = id;
	return 0;
}

static int feed_id(struct cw_store *store, struct cw_str name, int64_t *ret, struct cw_error *err)
{
	return dimension_id(store, &store->feeds, ST_FEED_GET, ST_FEED_PUT, name, 0, ret, err);
}

/* ---- ranges ---- */

static int ranges_add(struct ranges *ranges, uint64_t rowno)
{
	if (ranges->n && ranges->at[ranges->n - 1].last + 1 == rowno) {
		ranges->at[ranges->n - 1].last = rowno;
		return 0;
	}
	if (ranges->n == ranges->cap) {
		size_t cap = ranges->cap ? ranges->cap * 2 : 16;
		struct range *grown = realloc(ranges->at, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		ranges->at = grown;
		ranges->cap = cap;
	}
	ranges->at[ranges->n++] = (struct range){ rowno, rowno };
	return 0;
}

static int by_first(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static void ranges_normalise(struct ranges *ranges)
{
	size_t n = 0;

	if (!ranges->n)
		return;
	qsort(ranges->at, ranges->n, sizeof(*ranges->at), by_first);
	for (size_t i = 1; i < ranges->n; i++) {
		if (ranges->at[i].first <= ranges->at[n].last + 1)
			ranges->at[n].last = CW_MAX(ranges->at[n].last, ranges->at[i].last);
		else
			ranges->at[++n] = ranges->at[i];
	}
	ranges->n = n + 1;
}

static bool ranges_have(const struct ranges *ranges, uint64_t rowno)
{
	size_t low = 0, high = ranges->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (rowno < ranges->at[mid].first)
			high = mid;
		else if (rowno > ranges->at[mid].last)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

/* Gap to the last range's end and length, as varints. */
static int ranges_put(const struct ranges *ranges, struct cw_buf *out)
{
	uint64_t end = 0;

	for (size_t i = 0; i < ranges->n; i++) {
		cw_buf_put_varint(out, ranges->at[i].first - end);
		cw_buf_put_varint(out, ranges->at[i].last - ranges->at[i].first);
		end = ranges->at[i].last;
	}
	return out->failed;
}

static int ranges_get(struct ranges *ranges, const void *data, size_t len)
{
	struct cw_cursor cursor;
	uint64_t end = 0;

	ranges->n = 0;
	cw_cursor_init(&cursor, data, len);
	while (cursor.left) {
		uint64_t first = end + cw_get_varint(&cursor);
		uint64_t last = first + cw_get_varint(&cursor);

		if (cursor.bad || last < first)
			return -EUCLEAN;
		if (ranges_add(ranges, first) < 0)
			return -ENOMEM;
		ranges->at[ranges->n - 1].last = last;
		end = last;
	}
	return 0;
}

/* ---- documents ---- */

static void reasons_get(const void *data, size_t len, uint64_t reasons[CW_REASON_COUNT])
{
	struct cw_cursor cursor;

	memset(reasons, 0, CW_REASON_COUNT * sizeof(*reasons));
	cw_cursor_init(&cursor, data, len);
	for (size_t i = 0; i < CW_REASON_COUNT && cursor.left; i++)
		reasons[i] = cw_get_varint(&cursor);
}

int cw_store_document_committed(struct cw_store *store, const struct cw_document_info *info, bool *ret_committed,
                                struct cw_commit_info *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_DOC_FIND, &st, err);

	if (r < 0)
		return r;
	bind_str(st, 1, info->feed);
	sqlite3_bind_blob(st, 2, info->sha256, sizeof(info->sha256), SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, info->fetched_at.ms);
	r = step(store, st, "looking for a document", err);
	if (r < 0)
		return r;
	/* Read again when it has another place in the order than it was committed at; the same place is the same delivery. */
	*ret_committed =
	    r > 0 && (!(info->flags & CW_DOC_REPLAY) || (uint64_t)sqlite3_column_int64(st, 9) == info->order);
	if (*ret_committed) {
		*ret = (struct cw_commit_info){
			.duplicate = true,
			.tally = { .outcome = (enum cw_reason)sqlite3_column_int(st, 0),
			           .rows = (uint64_t)sqlite3_column_int64(st, 1),
			           .evidence = (uint64_t)sqlite3_column_int64(st, 2),
			           .detail = cw_str(NULL) },
			.new_evidence = (uint64_t)sqlite3_column_int64(st, 3),
			.quarantined = (uint64_t)sqlite3_column_int64(st, 4),
			.alerts = (uint64_t)sqlite3_column_int64(st, 5),
			.last_seq = (uint64_t)sqlite3_column_int64(st, 6),
		};
		reasons_get(sqlite3_column_blob(st, 7), (size_t)sqlite3_column_bytes(st, 7), ret->tally.reasons);
	}
	sqlite3_reset(st);
	return 0;
}

static int load_next_rowno(struct cw_store *store, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_EV_MAX, &st, err);

	if (r < 0)
		return r;
	r = step(store, st, "reading the row counter", err);
	if (r < 0)
		return r;
	store->next_rowno = r > 0 ? (uint64_t)sqlite3_column_int64(st, 0) : 1;
	sqlite3_reset(st);
	return 0;
}

static int put_document(struct cw_store *store, const struct cw_document_info *info, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_DOC_PUT, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)info->id);
	sqlite3_bind_int64(st, 2, store->document_feed);
	sqlite3_bind_blob(st, 3, info->sha256, sizeof(info->sha256), SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, info->fetched_at.ms);
	bind_str(st, 5, info->url);
	sqlite3_bind_int64(st, 6, info->flags);
	sqlite3_bind_int64(st, 7, cw_wall_now().ms);
	sqlite3_bind_int64(st, 8, (int64_t)info->order);
	r = run(store, st, "storing a document", err);
	if (r < 0)
		return r;
	store->document = sqlite3_last_insert_rowid(store->db);
	r = prepare(store, ST_DOC_BEFORE, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document_feed);
	sqlite3_bind_int64(st, 2, store->document);
	sqlite3_bind_int64(st, 3, info->fetched_at.ms);
	r = step(store, st, "reading the document before", err);
	if (r > 0) {
		r = ranges_get(&store->stated_before, sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0));
		sqlite3_reset(st);
		if (r < 0)
			return cw_error_at(err, r, store->path, 0, 0, "the sightings of a document are damaged");
	}
	return r < 0 ? r : 0;
}

/* 1: the document was committed before, and is store->document; 0: it was not. */
static int find_document(struct cw_store *store, const struct cw_document_info *info, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_DOC_ROW, &st, err), damaged;

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document_feed);
	sqlite3_bind_blob(st, 2, info->sha256, sizeof(info->sha256), SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, info->fetched_at.ms);
	r = step(store, st, "looking for a document", err);
	if (r <= 0)
		return r;
	store->document = sqlite3_column_int64(st, 0);
	damaged = ranges_get(&store->stated_before, sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1));
	sqlite3_reset(st);
	return damaged < 0 ? cw_error_at(err, damaged, store->path, 0, 0, "the sightings of a document are damaged") : 1;
}

/* Begins a document anew that was committed before. What it said and had then is remembered until the end. */
static int document_again(struct cw_store *store, const struct cw_document_info *info, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_DOC_AGAIN, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document);
	sqlite3_bind_int64(st, 2, (int64_t)info->id);
	bind_str(st, 3, info->url);
	sqlite3_bind_int64(st, 4, info->flags);
	sqlite3_bind_int64(st, 5, cw_wall_now().ms);
	sqlite3_bind_int64(st, 6, (int64_t)info->order);
	r = run(store, st, "storing a document", err);
	if (r == 0)
		r = prepare(store, ST_REJECT_OF, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document);
	while ((r = step(store, st, "reading what was rejected", err)) > 0) {
		int64_t *grown = reallocarray(store->had, store->n_had + 1, sizeof(*grown));

		if (!grown) {
			sqlite3_reset(st);
			return cw_error_nomem(err);
		}
		store->had = grown;
		grown[store->n_had++] = sqlite3_column_int64(st, 0);
	}
	if (r == 0)
		r = prepare(store, ST_REJECT_UNLINK, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document);
	store->again = true;
	return run(store, st, "forgetting what was rejected", err);
}

int cw_store_document_begin(struct cw_store *store, const struct cw_document_info *info, struct cw_error *err)
{
	int r;

	store->stated.n = 0;
	store->stated_before.n = 0;
	store->n_had = 0;
	store->again = false;
	store->expect_known = false;
	r = feed_id(store, info->feed, &store->document_feed, err);
	if (r == 0)
		r = load_next_rowno(store, err);
	if (r < 0)
		return r;
	store->document_fetched_at = info->fetched_at;
	snprintf(store->document_feed_name, sizeof(store->document_feed_name), "%.*s", (int)info->feed.len, info->feed.at);
	r = info->flags & CW_DOC_REPLAY ? find_document(store, info, err) : 0;
	if (r < 0)
		return r;
	return r ? document_again(store, info, err) : put_document(store, info, err);
}

static int hash_content(struct cw_store *store, const struct cw_evidence *e, unsigned char content[CONTENT_LEN])
{
	struct cw_buf *b = &store->hashed;
	unsigned char digest[CW_SHA256_LEN];

	cw_buf_reset(b);
	cw_buf_put_u8(b, (uint8_t)e->kind);
	cw_buf_put_u8(b, (uint8_t)e->tier);
	cw_buf_put_u64(b, (uint64_t)e->event_day);
	cw_buf_put_u64(b, (uint64_t)e->published_at.ms);
	cw_buf_put_bytes(b, store->document_feed_name, strlen(store->document_feed_name));
	cw_buf_put_bytes(b, e->council_id.at, e->council_id.len);
	cw_buf_put_bytes(b, e->publisher.at, e->publisher.len);
	cw_buf_put_bytes(b, e->key.at, e->key.len);
	cw_buf_put_bytes(b, e->url.at, e->url.len);
	cw_buf_put_bytes(b, e->title.at, e->title.len);
	cw_buf_put_bytes(b, e->quote.at, e->quote.len);
	cw_buf_append(b, store->vals.data, store->vals.len);
	if (b->failed)
		return b->failed;
	if (!store->hash)
		store->hash = cw_sha256_new();
	if (!store->hash || cw_sha256_update(store->hash, b->data, b->len) < 0 || cw_sha256_final(store->hash, digest) < 0)
		return -ENOMEM;
	memcpy(content, digest, CONTENT_LEN);
	return 0;
}

struct identity {
	int64_t council;
	unsigned char content[CONTENT_LEN];
};

static void bind_identity(struct cw_store *store, sqlite3_stmt *st, const struct cw_evidence *e, const struct identity *id)
{
	sqlite3_bind_int64(st, 1, id->council);
	sqlite3_bind_int(st, 2, (int)e->kind);
	sqlite3_bind_int(st, 3, e->event_day);
	sqlite3_bind_int64(st, 4, store->document_feed);
	sqlite3_bind_blob(st, 5, e->key.at ? e->key.at : "", (int)e->key.len, SQLITE_STATIC);
	sqlite3_bind_blob(st, 6, id->content, CONTENT_LEN, SQLITE_STATIC);
}

/* What is stored of a statement that was known before. */
struct known {
	uint64_t rowno, row;
	struct cw_wall fetched_at;
	int64_t document;
};

/* 1: was known; 0: not known. */
static int look_up(struct cw_store *store, const struct cw_evidence *e, const struct identity *id, struct known *ret,
                   struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_EV_GET, &st, err);

	if (r < 0)
		return r;
	bind_identity(store, st, e, id);
	r = step(store, st, "looking for evidence", err);
	if (r > 0) {
		*ret = (struct known){ .rowno = (uint64_t)sqlite3_column_int64(st, 0),
			               .fetched_at = column_wall(st, 1),
			               .document = sqlite3_column_int64(st, 2),
			               .row = (uint64_t)sqlite3_column_int64(st, 3) };
		sqlite3_reset(st);
	}
	return r;
}

/* 1: stored; 0: was there. */
static int insert(struct cw_store *store, const struct cw_evidence *e, const struct identity *id, int64_t source,
                  struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_EV_PUT, &st, err);

	if (r < 0)
		return r;
	bind_identity(store, st, e, id);
	sqlite3_bind_int64(st, 7, (int64_t)store->next_rowno);
	sqlite3_bind_int64(st, 8, store->document);
	sqlite3_bind_int64(st, 9, source);
	sqlite3_bind_int64(st, 10, e->fetched_at.ms);
	bind_wall(st, 11, e->published_at);
	sqlite3_bind_int64(st, 12, (int64_t)e->row);
	bind_str(st, 13, e->url);
	bind_str(st, 14, e->title);
	bind_str(st, 15, e->quote);
	sqlite3_bind_blob(st, 16, store->vals.data ? store->vals.data : (const void *)"", (int)store->vals.len, SQLITE_STATIC);
	r = run(store, st, "storing evidence", err);
	return r < 0 ? r : sqlite3_changes(store->db);
}

int cw_store_put_evidence(struct cw_store *store, const struct cw_evidence *e, bool *ret_new, bool *ret_moved,
                          struct cw_error *err)
{
	struct identity id;
	struct known known = { 0 };
	int64_t source;
	int found = 0, r;

	r = dimension_id(store, &store->councils, ST_COUNCIL_GET, ST_COUNCIL_PUT, e->council_id, 0, &id.council, err);
	if (r == 0)
		r = dimension_id(store, &store->sources, ST_SOURCE_GET, ST_SOURCE_PUT, e->publisher, (int)e->tier, &source, err);
	if (r < 0)
		return r;
	cw_buf_reset(&store->vals);
	for (size_t i = 0; i < e->n_values; i++) {
		cw_buf_put_u8(&store->vals, (uint8_t)e->value[i].id);
		cw_buf_put_bytes(&store->vals, e->value[i].text.at, e->value[i].text.len);
	}
	if (store->vals.failed || hash_content(store, e, id.content) < 0)
		return cw_error_nomem(err);

	/* New documents are mostly new, repeated ones mostly known: do first what the last record needed. */
	if (store->expect_known)
		found = look_up(store, e, &id, &known, err);
	if (found == 0) {
		r = insert(store, e, &id, source, err);
		if (r < 0)
			return r;
		found = r ? 0 : look_up(store, e, &id, &known, err);
	}
	if (found < 0)
		return found;
	store->expect_known = found;
	*ret_new = !found;
	*ret_moved = !found;
	if (!found) {
		known.rowno = store->next_rowno++;
	} else {
		bool earlier = e->fetched_at.ms < known.fetched_at.ms;

		*ret_moved = earlier || !ranges_have(&store->stated_before, known.rowno);
		/* Read again, the same document may have it in another row. */
		if (earlier || (known.document == store->document && known.row != e->row && !known.row)) {
			sqlite3_stmt *st;

			r = prepare(store, ST_EV_EARLIER, &st, err);
			if (r < 0)
				return r;
			bind_identity(store, st, e, &id);
			sqlite3_bind_int64(st, 7, CW_MIN(e->fetched_at.ms, known.fetched_at.ms));
			sqlite3_bind_int64(st, 8, store->document);
			sqlite3_bind_int64(st, 9, (int64_t)e->row);
			r = run(store, st, "dating evidence earlier", err);
			if (r < 0)
				return r;
		}
	}
	return ranges_add(&store->stated, known.rowno) < 0 ? cw_error_nomem(err) : 0;
}

/* The number of a reject, made when it is new. */
static int reject_id(struct cw_store *store, const struct cw_reject *reject, int64_t *ret, bool *ret_new, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	*ret_new = false;
	for (enum statement which = ST_REJECT_KNOWN;; which = ST_REJECT_PUT) {
		r = prepare(store, which, &st, err);
		if (r < 0)
			return r;
		sqlite3_bind_int64(st, 1, store->document_feed);
		sqlite3_bind_int(st, 2, (int)reject->reason);
		bind_str(st, 3, reject->field);
		bind_str(st, 4, reject->text);
		bind_str(st, 5, reject->detail);
		if (which == ST_REJECT_PUT)
			break;
		r = step(store, st, "looking for a rejected row", err);
		if (r < 0)
			return r;
		if (r > 0) {
			*ret = sqlite3_column_int64(st, 0);
			sqlite3_reset(st);
			return 0;
		}
	}
	*ret_new = true;
	sqlite3_bind_int64(st, 6, (int64_t)reject->row);
	sqlite3_bind_int64(st, 7, store->document);
	sqlite3_bind_int64(st, 8, store->document_fetched_at.ms);
	r = run(store, st, "storing a rejected row", err);
	*ret = sqlite3_last_insert_rowid(store->db);
	return r;
}

int cw_store_put_reject(struct cw_store *store, const struct cw_reject *reject, bool *ret_new, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int64_t id;
	int r = reject_id(store, reject, &id, ret_new, err);

	if (r == 0)
		r = prepare(store, ST_REJECT_LINK, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document);
	sqlite3_bind_int64(st, 2, id);
	sqlite3_bind_int64(st, 3, (int64_t)reject->row);
	r = run(store, st, "storing a rejected row", err);
	if (r < 0 || !sqlite3_changes(store->db))
		return r;
	r = prepare(store, ST_REJECT_SEEN, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, store->document);
	sqlite3_bind_int64(st, 3, (int64_t)reject->row);
	sqlite3_bind_int64(st, 4, store->document_fetched_at.ms);
	return run(store, st, "counting a rejected row", err);
}

/* Rejects that the document had when it was read before, and perhaps has not now. */
static int rejects_left(struct cw_store *store, struct cw_error *err)
{
	static const enum statement both[] = { ST_REJECT_LEFT, ST_REJECT_AGAIN };
	sqlite3_stmt *st = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < store->n_had; i++)
		for (size_t k = 0; r == 0 && k < CW_ARRAY_LEN(both); k++) {
			r = prepare(store, both[k], &st, err);
			if (r < 0)
				break;
			sqlite3_bind_int64(st, 1, store->had[i]);
			r = run(store, st, "counting a rejected row", err);
		}
	return r;
}

static int load_sightings(struct cw_store *store, struct cw_str feed, const struct feed_sightings **ret,
                          struct cw_error *err);

static int put_gone(struct cw_store *store, const struct feed_sightings *sightings, uint64_t rowno, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	size_t home = 0;
	int r = prepare(store, ST_GONE_PUT, &st, err);

	if (r < 0)
		return r;
	while (home < sightings->n && !ranges_have(&sightings->ranges[home], rowno))
		home++;
	sqlite3_bind_int64(st, 1, (int64_t)rowno);
	if (home < sightings->n) {
		sqlite3_bind_int64(st, 2, sightings->documents[home]);
		bind_wall(st, 3, sightings->fetched_at[home]);
	} else {
		sqlite3_bind_null(st, 2);
		sqlite3_bind_null(st, 3);
	}
	return run(store, st, "noting evidence that is gone", err);
}

static int run_gone(struct cw_store *store, enum statement which, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, which, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document_feed);
	if (which == ST_GONE_MOVE) {
		sqlite3_bind_int64(st, 2, store->document);
		sqlite3_bind_int64(st, 3, store->document_fetched_at.ms);
	}
	return run(store, st, "taking back evidence", err);
}

/* What the document said when it was read before and does not say now: another document may say it, else it goes. */
static int evidence_left(struct cw_store *store, cw_council_fn *fn, void *arg, struct cw_error *err)
{
	const struct feed_sightings *sightings = NULL;
	sqlite3_stmt *st = NULL;
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < store->stated_before.n; i++)
		for (uint64_t rowno = store->stated_before.at[i].first; r == 0 && rowno <= store->stated_before.at[i].last; rowno++) {
			if (ranges_have(&store->stated, rowno))
				continue;
			if (!any) {
				r = load_sightings(store, cw_str(store->document_feed_name), &sightings, err);
				if (r == 0)
					r = run_plain(store, ST_GONE_MAKE, "noting evidence that is gone", err);
				if (r == 0)
					r = run_plain(store, ST_GONE_CLEAR, "noting evidence that is gone", err);
				any = true;
			}
			if (r == 0)
				r = put_gone(store, sightings, rowno, err);
		}
	if (r < 0 || !any)
		return r;
	r = prepare(store, ST_GONE_COUNCILS, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document_feed);
	while ((r = step(store, st, "looking whom gone evidence concerns", err)) > 0)
		fn(arg, (const char *)sqlite3_column_text(st, 0));
	if (r == 0)
		r = run_gone(store, ST_GONE_MOVE, err);
	return r < 0 ? r : run_gone(store, ST_GONE_DELETE, err);
}

int cw_store_document_stated(struct cw_store *store, uint64_t evidence, cw_council_fn *fn, void *arg, struct cw_error *err)
{
	struct cw_buf sightings;
	sqlite3_stmt *st = NULL;
	char next[32];
	int r;

	cw_buf_init(&sightings, 1u << 28);
	ranges_normalise(&store->stated);
	r = ranges_put(&store->stated, &sightings) < 0 ? cw_error_nomem(err) : prepare(store, ST_DOC_STATES, &st, err);
	if (r == 0) {
		sqlite3_bind_int64(st, 1, store->document);
		sqlite3_bind_int64(st, 2, (int64_t)evidence);
		sqlite3_bind_blob(st, 3, sightings.data ? sightings.data : (const void *)"", (int)sightings.len, SQLITE_STATIC);
		r = run(store, st, "storing what a document states", err);
	}
	cw_buf_clear(&sightings);
	/* Corrections taken back are read from the sightings: they must be seen anew. */
	forget_sightings(store);
	if (r == 0 && store->again)
		r = evidence_left(store, fn, arg, err);
	if (r == 0 && store->again)
		r = rejects_left(store, err);
	snprintf(next, sizeof(next), "%llu", (unsigned long long)store->next_rowno);
	return r < 0 ? r : cw_store_set_meta(store, "next_rowno", next, err);
}

int cw_store_document_finish(struct cw_store *store, const struct cw_commit_info *info, struct cw_error *err)
{
	struct cw_buf reasons;
	sqlite3_stmt *st = NULL;
	int r;

	cw_buf_init(&reasons, 4096);
	for (size_t i = 0; i < CW_REASON_COUNT; i++)
		cw_buf_put_varint(&reasons, info->tally.reasons[i]);
	r = reasons.failed ? cw_error_nomem(err) : prepare(store, ST_DOC_FINISH, &st, err);
	if (r == 0) {
		sqlite3_bind_int64(st, 1, store->document);
		sqlite3_bind_int(st, 2, (int)info->tally.outcome);
		sqlite3_bind_int64(st, 3, (int64_t)info->tally.rows);
		sqlite3_bind_int64(st, 4, (int64_t)info->tally.evidence);
		sqlite3_bind_int64(st, 5, (int64_t)info->new_evidence);
		sqlite3_bind_int64(st, 6, (int64_t)info->quarantined);
		sqlite3_bind_int64(st, 7, (int64_t)info->alerts);
		sqlite3_bind_int64(st, 8, (int64_t)info->last_seq);
		sqlite3_bind_blob(st, 9, reasons.data, (int)reasons.len, SQLITE_STATIC);
		bind_str(st, 10, info->tally.detail);
		r = run(store, st, "finishing a document", err);
	}
	cw_buf_clear(&reasons);
	return r;
}

/* ---- staging ---- */

int cw_store_stage(struct cw_store *store, uint64_t document, uint32_t sequence, bool rejects, uint32_t count,
                   const void *data, size_t len, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_STAGE_PUT, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)document);
	sqlite3_bind_int64(st, 2, sequence);
	sqlite3_bind_int(st, 3, rejects);
	sqlite3_bind_int64(st, 4, count);
	sqlite3_bind_blob(st, 5, data, (int)len, SQLITE_STATIC);
	return run(store, st, "staging a batch", err);
}

int cw_store_staged(struct cw_store *store, uint64_t document, cw_stage_fn *fn, void *arg, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_STAGE_ALL, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)document);
	while ((r = step(store, st, "reading a staged batch", err)) > 0) {
		r = fn(arg, sqlite3_column_int(st, 0), (uint32_t)sqlite3_column_int64(st, 1), sqlite3_column_blob(st, 2),
		       (size_t)sqlite3_column_bytes(st, 2));
		if (r < 0) {
			sqlite3_reset(st);
			return r;
		}
	}
	return r;
}

int cw_store_unstage(struct cw_store *store, uint64_t document, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_STAGE_DROP, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)document);
	return run(store, st, "dropping staged batches", err);
}

/* ---- alerts and levels ---- */

int cw_store_alert_exists(struct cw_store *store, const char *id, bool *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_ALERT_EXISTS, &st, err);

	if (r < 0)
		return r;
	bind_str(st, 1, cw_str(id));
	r = step(store, st, "looking for an alert", err);
	if (r < 0)
		return r;
	*ret = r > 0;
	sqlite3_reset(st);
	return 0;
}

int cw_store_put_alert(struct cw_store *store, uint64_t seq, const char *id, enum cw_alert_kind kind, struct cw_wall time,
                       const char *council_id, const char *topic, const char *topic_level, const char *json,
                       struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_ALERT_PUT, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)seq);
	bind_str(st, 2, cw_str(id));
	sqlite3_bind_int(st, 3, (int)kind);
	sqlite3_bind_int64(st, 4, time.ms);
	sqlite3_bind_text(st, 5, council_id, -1, SQLITE_STATIC);
	bind_str(st, 6, cw_str(topic));
	sqlite3_bind_text(st, 7, topic_level, -1, SQLITE_STATIC);
	bind_str(st, 8, cw_str(json));
	return run(store, st, "storing an alert", err);
}

int cw_store_alerts(struct cw_store *store, uint64_t after_seq, enum cw_alert_kind kind, uint64_t limit, cw_alert_fn *fn,
                    void *arg, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_ALERTS, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)CW_MIN(after_seq, (uint64_t)INT64_MAX));
	sqlite3_bind_int(st, 2, (int)kind);
	sqlite3_bind_int64(st, 3, limit ? (int64_t)CW_MIN(limit, (uint64_t)INT64_MAX) : -1);
	while ((r = step(store, st, "reading alerts", err)) > 0) {
		struct cw_str json = column_str(st, 3);

		r = fn(arg, (uint64_t)sqlite3_column_int64(st, 0), (const char *)sqlite3_column_text(st, 1),
		       (const char *)sqlite3_column_text(st, 2), json.at, json.len);
		if (r < 0) {
			sqlite3_reset(st);
			return r;
		}
	}
	return r;
}

int cw_store_last_seq(struct cw_store *store, uint64_t *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_LAST_SEQ, &st, err);

	if (r < 0)
		return r;
	r = step(store, st, "reading the last alert", err);
	if (r > 0) {
		*ret = (uint64_t)sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	return r < 0 ? r : 0;
}

int cw_store_put_level(struct cw_store *store, const char *council_id, enum cw_level level, int32_t next_day,
                       const char *json, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_LEVEL_PUT, &st, err);

	if (r < 0)
		return r;
	bind_str(st, 1, cw_str(council_id));
	sqlite3_bind_int(st, 2, (int)level);
	if (next_day == CW_DAY_NONE)
		sqlite3_bind_null(st, 3);
	else
		sqlite3_bind_int(st, 3, next_day);
	bind_str(st, 4, cw_str(json));
	return run(store, st, "storing a level", err);
}

int cw_store_levels(struct cw_store *store, int32_t due_by, cw_level_fn *fn, void *arg, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_LEVELS, &st, err);

	if (r < 0)
		return r;
	if (due_by == CW_DAY_NONE)
		sqlite3_bind_null(st, 1);
	else
		sqlite3_bind_int(st, 1, due_by);
	while ((r = step(store, st, "reading levels", err)) > 0) {
		r = fn(arg, (const char *)sqlite3_column_text(st, 0), (enum cw_level)sqlite3_column_int(st, 1),
		       sqlite3_column_type(st, 2) == SQLITE_NULL ? CW_DAY_NONE : sqlite3_column_int(st, 2),
		       (const char *)sqlite3_column_text(st, 3));
		if (r < 0) {
			sqlite3_reset(st);
			return r;
		}
	}
	return r;
}

int cw_store_next_day(struct cw_store *store, int32_t *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_NEXT_DAY, &st, err);

	if (r < 0)
		return r;
	r = step(store, st, "reading the next change", err);
	if (r > 0) {
		*ret = sqlite3_column_type(st, 0) == SQLITE_NULL ? CW_DAY_NONE : sqlite3_column_int(st, 0);
		sqlite3_reset(st);
	}
	return r < 0 ? r : 0;
}

int cw_store_meta(struct cw_store *store, const char *name, char **ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_META_GET, &st, err);

	if (r < 0)
		return r;
	bind_str(st, 1, cw_str(name));
	r = step(store, st, "reading a setting", err);
	*ret = NULL;
	if (r > 0) {
		*ret = strdup((const char *)sqlite3_column_text(st, 0));
		sqlite3_reset(st);
		if (!*ret)
			return cw_error_nomem(err);
	}
	return r < 0 ? r : 0;
}

int cw_store_set_meta(struct cw_store *store, const char *name, const char *text, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_META_PUT, &st, err);

	if (r < 0)
		return r;
	bind_str(st, 1, cw_str(name));
	bind_str(st, 2, cw_str(text));
	return run(store, st, "storing a setting", err);
}

int cw_store_clock(struct cw_store *store, struct cw_wall *ret, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *text = NULL;
	int r = cw_store_meta(store, "clock", &text, err);

	if (r < 0)
		return r;
	*ret = text ? (struct cw_wall){ strtoll(text, NULL, 10) } : cw_wall_none();
	return 0;
}

int cw_store_set_clock(struct cw_store *store, struct cw_wall clock, struct cw_error *err)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)clock.ms);
	return cw_store_set_meta(store, "clock", text, err);
}

/* ---- facts ---- */

/* Fills a fact from the current row; strings are borrowed until the next step. */
static int read_fact(struct cw_store *store, sqlite3_stmt *st, struct cw_fact *ret, struct cw_error *err)
{
	struct cw_fact fact = { 0 };
	struct cw_evidence *e = &fact.evidence;
	struct cw_cursor cursor;

	e->council_id = column_str(st, 0);
	e->kind = (enum cw_kind)sqlite3_column_int(st, 1);
	e->event_day = sqlite3_column_int(st, 2);
	fact.feed = column_str(st, 3);
	e->key = (struct cw_str){ sqlite3_column_blob(st, 4), (size_t)sqlite3_column_bytes(st, 4) };
	if (!e->key.at)
		e->key = cw_str(NULL);
	if (sqlite3_column_bytes(st, 5) != CONTENT_LEN || sqlite3_column_bytes(st, 7) != CW_SHA256_LEN || !cw_kind_def(e->kind))
		return cw_error_at(err, -EUCLEAN, store->path, 0, 0, "damaged evidence");
	cw_hex(sqlite3_column_blob(st, 5), CONTENT_LEN, fact.id);
	fact.rowno = (uint64_t)sqlite3_column_int64(st, 6);
	cw_hex(sqlite3_column_blob(st, 7), CW_SHA256_LEN, fact.document);
	e->publisher = column_str(st, 8);
	e->tier = (enum cw_tier)sqlite3_column_int(st, 9);
	e->fetched_at = column_wall(st, 10);
	e->published_at = column_wall(st, 11);
	e->row = (uint64_t)sqlite3_column_int64(st, 12);
	e->url = column_str(st, 13);
	e->title = column_str(st, 14);
	e->quote = column_str(st, 15);
	fact.known_at = e->fetched_at;
	if (cw_wall_known(e->published_at) && e->published_at.ms > fact.known_at.ms)
		fact.known_at = e->published_at;
	cw_cursor_init(&cursor, sqlite3_column_blob(st, 16), (size_t)sqlite3_column_bytes(st, 16));
	while (cursor.left && !cursor.bad && e->n_values < CW_VALUES_MAX) {
		struct cw_value *value = &e->value[e->n_values++];

		value->id = (enum cw_value_id)cw_get_u8(&cursor);
		value->text.at = cw_get_bytes(&cursor, CW_FIELD_MAX, &value->text.len);
	}
	if (cw_cursor_done(&cursor) < 0)
		return cw_error_at(err, -EUCLEAN, store->path, 0, 0, "damaged evidence");
	*ret = fact;
	return 0;
}

/* Bit per kind. */
static int64_t model_kinds(void)
{
	int64_t kinds = 0;

	for (int kind = 1; kind < CW_KIND_COUNT; kind++)
		kinds |= cw_model_uses((enum cw_kind)kind) ? (int64_t)1 << kind : 0;
	return kinds;
}
_Static_assert(CW_KIND_COUNT <= 63, "model_kinds has a bit for each kind");

int cw_store_facts(struct cw_store *store, const struct cw_fact_filter *filter, cw_fact_fn *fn, void *arg,
                   struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_FACTS, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_text(st, 1, filter->council_id, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 2, (int)filter->kind);
	sqlite3_bind_int64(st, 3, filter->model_only ? model_kinds() : 0);
	bind_wall(st, 4, cw_day_start(filter->since));
	while ((r = step(store, st, "reading evidence", err)) > 0) {
		struct cw_fact fact;

		r = read_fact(store, st, &fact, err);
		if (r == 0)
			r = fn(arg, &fact);
		if (r < 0) {
			sqlite3_reset(st);
			return r;
		}
	}
	return r;
}

/* One allocation grows to hold all texts of a council's facts. */
struct collector {
	struct cw_fact *at;
	size_t n, cap;
	struct cw_buf texts;
	struct cw_error *err;
};

static struct cw_str keep_text(struct collector *collector, struct cw_str text)
{
	size_t at = collector->texts.len;

	cw_buf_append(&collector->texts, text.at, text.len);
	/* An offset for now: the memory may move while it grows. */
	return (struct cw_str){ (const char *)(uintptr_t)at, text.len };
}

static int collect(void *arg, const struct cw_fact *fact)
{
	struct collector *collector = arg;
	struct cw_fact *copy;

	if (collector->n == collector->cap) {
		size_t cap = collector->cap ? collector->cap * 2 : 16;
		struct cw_fact *grown = realloc(collector->at, cap * sizeof(*grown));

		if (!grown)
			return cw_error_nomem(collector->err);
		collector->at = grown;
		collector->cap = cap;
	}
	copy = &collector->at[collector->n++];
	*copy = *fact;
	copy->evidence.council_id = keep_text(collector, fact->evidence.council_id);
	copy->evidence.publisher = keep_text(collector, fact->evidence.publisher);
	copy->evidence.url = keep_text(collector, fact->evidence.url);
	copy->evidence.title = keep_text(collector, fact->evidence.title);
	copy->evidence.quote = keep_text(collector, fact->evidence.quote);
	copy->evidence.key = keep_text(collector, fact->evidence.key);
	copy->feed = keep_text(collector, fact->feed);
	for (size_t i = 0; i < fact->evidence.n_values; i++)
		copy->evidence.value[i].text = keep_text(collector, fact->evidence.value[i].text);
	return collector->texts.failed ? cw_error_nomem(collector->err) : 0;
}

static void settle_text(struct cw_str *text, const char *base)
{
	text->at = base + (uintptr_t)text->at;
}

static int load_sightings(struct cw_store *store, struct cw_str feed, const struct feed_sightings **ret,
                          struct cw_error *err)
{
	struct feed_sightings *grown, *s;
	sqlite3_stmt *st = NULL;
	int r;

	for (size_t i = 0; i < store->n_sightings; i++) {
		if (cw_str_eq(feed, store->sightings[i].feed)) {
			*ret = &store->sightings[i];
			return 0;
		}
	}
	grown = realloc(store->sightings, (store->n_sightings + 1) * sizeof(*grown));
	if (!grown)
		return cw_error_nomem(err);
	store->sightings = grown;
	s = &grown[store->n_sightings++];
	*s = (struct feed_sightings){ .feed = strndup(feed.at, feed.len) };
	if (!s->feed) {
		store->n_sightings--;
		return cw_error_nomem(err);
	}
	r = prepare(store, ST_SIGHTINGS, &st, err);
	if (r < 0)
		return r;
	bind_str(st, 1, feed);
	while ((r = step(store, st, "reading sightings", err)) > 0) {
		struct cw_wall *times = realloc(s->fetched_at, (s->n + 1) * sizeof(*times));
		struct ranges *ranges = times ? realloc(s->ranges, (s->n + 1) * sizeof(*ranges)) : NULL;
		int64_t *documents = ranges ? realloc(s->documents, (s->n + 1) * sizeof(*documents)) : NULL;

		if (times)
			s->fetched_at = times;
		if (ranges)
			s->ranges = ranges;
		if (documents)
			s->documents = documents;
		if (!times || !ranges || !documents) {
			sqlite3_reset(st);
			return cw_error_nomem(err);
		}
		s->fetched_at[s->n] = column_wall(st, 0);
		s->documents[s->n] = sqlite3_column_int64(st, 2);
		s->ranges[s->n] = (struct ranges){ 0 };
		r = ranges_get(&s->ranges[s->n], sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1));
		s->n++;
		if (r < 0) {
			sqlite3_reset(st);
			return cw_error_at(err, r, store->path, 0, 0, "the sightings of a document are damaged");
		}
	}
	*ret = s;
	return r;
}

static int add_again(struct cw_fact *fact, struct cw_wall at, struct cw_wall **memory)
{
	struct cw_wall *grown = realloc(*memory, (fact->n_again + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	*memory = grown;
	grown[fact->n_again++] = at;
	return 0;
}

/* Walks a feed's documents in order of time and notes each return to an earlier statement about one event. */
static int find_again(struct cw_store *store, struct cw_facts *facts, struct cw_wall **memory, size_t first,
                      const size_t *rivals, size_t n_rivals, struct cw_error *err)
{
	const struct feed_sightings *s = NULL;
	size_t speaking = SIZE_MAX;
	int r = load_sightings(store, facts->at[first].feed, &s, err);

	for (size_t d = 0; r == 0 && d < s->n; d++) {
		size_t stated = SIZE_MAX, count = 0;

		for (size_t i = 0; i < n_rivals; i++) {
			if (ranges_have(&s->ranges[d], facts->at[rivals[i]].rowno)) {
				stated = rivals[i];
				count++;
			}
		}
		/* A document that says two things at once settles nothing. */
		if (count != 1 || stated == speaking)
			continue;
		if (speaking != SIZE_MAX && s->fetched_at[d].ms > facts->at[stated].known_at.ms)
			r = add_again(&facts->at[stated], s->fetched_at[d], &memory[stated]);
		speaking = stated;
	}
	return r < 0 ? cw_error_nomem(err) : 0;
}

/* Rivals are found by joining what concerns one event: each fact points to another of its set, a set's root to itself. */
static size_t root_of(size_t *parent, size_t i)
{
	while (parent[i] != i)
		i = parent[i] = parent[parent[i]];
	return i;
}

static void join(size_t *parent, size_t a, size_t b)
{
	parent[root_of(parent, b)] = root_of(parent, a);
}

static bool one_source(const struct cw_fact *a, const struct cw_fact *b)
{
	return a->evidence.kind == b->evidence.kind && a->feed.len == b->feed.len && memcmp(a->feed.at, b->feed.at, a->feed.len) == 0;
}

static int by_text(struct cw_str x, struct cw_str y)
{
	if (x.len != y.len)
		return x.len < y.len ? -1 : 1;
	return x.len ? memcmp(x.at, y.at, x.len) : 0;
}

static int by_url(const void *a, const void *b)
{
	return by_text((*(const struct cw_fact *const *)a)->evidence.url, (*(const struct cw_fact *const *)b)->evidence.url);
}

/* Figures have a key and no address or date of their own. */
static int by_key(const void *a, const void *b)
{
	return by_text((*(const struct cw_fact *const *)a)->evidence.key, (*(const struct cw_fact *const *)b)->evidence.key);
}

/* Those whose statements take each other's place, so that going back to an earlier one means something. */
static bool takes_place(enum cw_kind kind)
{
	return kind == CW_KIND_ILACS || kind == CW_KIND_SIF || kind == CW_KIND_AREA_SEND || kind == CW_KIND_WORKFORCE ||
	       kind == CW_KIND_EHCP_TIMELINESS;
}

/* The model decides what is one inspection; here a set may be too large, which costs only time. */
static int join_rivals(const struct cw_facts *facts, size_t *parent)
{
	CW_CLEANUP(cw_freep) const struct cw_fact **sorted = calloc(facts->n + 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < facts->n; i++) {
		sorted[i] = &facts->at[i];
		/* Facts come sorted by kind and date. */
		for (size_t j = i + 1; j < facts->n && facts->at[j].evidence.kind == facts->at[i].evidence.kind &&
		                       facts->at[i].evidence.event_day != CW_DAY_NONE &&
		                       facts->at[j].evidence.event_day - facts->at[i].evidence.event_day <= 14;
		     j++)
			if (one_source(&facts->at[i], &facts->at[j]))
				join(parent, i, j);
	}
	qsort(sorted, facts->n, sizeof(*sorted), by_url);
	for (size_t i = 1; i < facts->n; i++)
		if (sorted[i]->evidence.url.len && by_url(&sorted[i - 1], &sorted[i]) == 0 && one_source(sorted[i - 1], sorted[i]))
			join(parent, (size_t)(sorted[i - 1] - facts->at), (size_t)(sorted[i] - facts->at));
	qsort(sorted, facts->n, sizeof(*sorted), by_key);
	for (size_t i = 1; i < facts->n; i++)
		if (sorted[i]->evidence.key.len && by_key(&sorted[i - 1], &sorted[i]) == 0 && one_source(sorted[i - 1], sorted[i]))
			join(parent, (size_t)(sorted[i - 1] - facts->at), (size_t)(sorted[i] - facts->at));
	return 0;
}

static int note_corrections(struct cw_store *store, struct cw_facts *facts, struct cw_wall **memory, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) size_t *parent = calloc(facts->n + 1, sizeof(*parent));
	CW_CLEANUP(cw_freep) size_t *rivals = calloc(facts->n + 1, sizeof(*rivals));
	CW_CLEANUP(cw_freep) size_t *next = calloc(facts->n + 1, sizeof(*next)); /* chains of a set's members */
	CW_CLEANUP(cw_freep) size_t *last = calloc(facts->n + 1, sizeof(*last));

	if (!parent || !rivals || !next || !last)
		return cw_error_nomem(err);
	for (size_t i = 0; i < facts->n; i++)
		parent[i] = last[i] = i;
	if (join_rivals(facts, parent) < 0)
		return cw_error_nomem(err);
	for (size_t i = 0; i < facts->n; i++) {
		size_t root = root_of(parent, i);

		next[i] = SIZE_MAX;
		if (root != i) {
			next[last[root]] = i == last[root] ? SIZE_MAX : i;
			last[root] = i;
		}
	}
	for (size_t i = 0; i < facts->n; i++) {
		const struct cw_fact *fact = &facts->at[i];
		size_t n = 0;
		int r;

		if (parent[i] != i || !takes_place(fact->evidence.kind))
			continue;
		for (size_t j = i; j != SIZE_MAX; j = next[j])
			rivals[n++] = j;
		if (n < 2)
			continue;
		r = find_again(store, facts, memory, i, rivals, n, err);
		if (r < 0)
			return r;
	}
	return 0;
}

struct facts_memory {
	char *texts;
	struct cw_wall **again;
	size_t n;
};

int cw_store_council_facts(struct cw_store *store, const char *council_id, struct cw_facts *ret, struct cw_error *err)
{
	struct cw_fact_filter filter = { .council_id = council_id, .since = CW_DAY_NONE, .model_only = true };
	struct collector collector = { .err = err };
	struct facts_memory *memory = calloc(1, sizeof(*memory));
	struct cw_facts facts = { 0 };
	int r;

	if (!memory)
		return cw_error_nomem(err);
	cw_buf_init(&collector.texts, SIZE_MAX / 2);
	r = cw_store_facts(store, &filter, collect, &collector, err);
	facts = (struct cw_facts){ collector.n, collector.at, memory };
	memory->texts = cw_buf_steal(&collector.texts, NULL);
	memory->n = collector.n;
	memory->again = calloc(collector.n ? collector.n : 1, sizeof(*memory->again));
	if (r == 0 && (!memory->texts || !memory->again))
		r = cw_error_nomem(err);
	if (r < 0) {
		cw_buf_clear(&collector.texts);
		cw_facts_free(&facts);
		return r;
	}
	for (size_t i = 0; i < facts.n; i++) {
		struct cw_evidence *e = &facts.at[i].evidence;

		settle_text(&e->council_id, memory->texts);
		settle_text(&e->publisher, memory->texts);
		settle_text(&e->url, memory->texts);
		settle_text(&e->title, memory->texts);
		settle_text(&e->quote, memory->texts);
		settle_text(&e->key, memory->texts);
		settle_text(&facts.at[i].feed, memory->texts);
		for (size_t j = 0; j < e->n_values; j++)
			settle_text(&e->value[j].text, memory->texts);
	}
	r = note_corrections(store, &facts, memory->again, err);
	if (r < 0) {
		cw_facts_free(&facts);
		return r;
	}
	for (size_t i = 0; i < facts.n; i++)
		facts.at[i].again = memory->again[i];
	*ret = facts;
	return 0;
}

void cw_facts_free(struct cw_facts *facts)
{
	struct facts_memory *memory = facts->memory;

	if (memory) {
		for (size_t i = 0; memory->again && i < memory->n; i++)
			free(memory->again[i]);
		free(memory->again);
		free(memory->texts);
		free(memory);
	}
	free(facts->at);
	*facts = (struct cw_facts){ 0 };
}

/* ---- quarantine and feeds ---- */

int cw_store_quarantine(struct cw_store *store, cw_quarantine_fn *fn, void *arg, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_QUARANTINE, &st, err);

	if (r < 0)
		return r;
	while ((r = step(store, st, "reading the quarantine", err)) > 0) {
		struct cw_quarantine_entry entry = {
			.id = (uint64_t)sqlite3_column_int64(st, 0),
			.feed = column_str(st, 1),
			.first_seen = column_wall(st, 3),
			.last_seen = column_wall(st, 4),
			.times = (uint64_t)sqlite3_column_int64(st, 5),
			.reject = { .reason = (enum cw_reason)sqlite3_column_int(st, 6),
			            .row = (uint64_t)sqlite3_column_int64(st, 7),
			            .field = column_str(st, 8),
			            .text = column_str(st, 9),
			            .detail = column_str(st, 10) },
			.dropped_at = column_wall(st, 11),
			.dropped_by = column_str(st, 12),
			.dropped_why = column_str(st, 13),
		};

		if (sqlite3_column_bytes(st, 2) == CW_SHA256_LEN)
			cw_hex(sqlite3_column_blob(st, 2), CW_SHA256_LEN, entry.document);
		r = fn(arg, &entry);
		if (r < 0) {
			sqlite3_reset(st);
			return r;
		}
	}
	return r;
}

int cw_store_dismiss(struct cw_store *store, uint64_t entry, struct cw_wall at, struct cw_str author, struct cw_str why,
                     struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_DISMISS, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)entry);
	bind_wall(st, 2, at);
	bind_str(st, 3, author);
	bind_str(st, 4, why);
	r = run(store, st, "dropping an entry of the quarantine", err);
	return r < 0 ? r : sqlite3_changes(store->db);
}

int cw_store_quarantined(struct cw_store *store, uint64_t entry, cw_quarantined_fn *fn, void *arg, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_QUARANTINED, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)entry);
	while ((r = step(store, st, "reading the quarantine", err)) > 0) {
		struct cw_quarantined_document document = {
			.id = (uint64_t)sqlite3_column_int64(st, 0),
			.feed = column_str(st, 1),
			.fetched_at = column_wall(st, 3),
		};

		if (sqlite3_column_bytes(st, 2) == CW_SHA256_LEN)
			cw_hex(sqlite3_column_blob(st, 2), CW_SHA256_LEN, document.sha256);
		r = fn(arg, &document);
		if (r < 0) {
			sqlite3_reset(st);
			return r;
		}
	}
	return r;
}

static int add_feed_totals(struct cw_store *store, struct cw_feed_counts *counts, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_FEED_TOTALS, &st, err);

	if (r < 0)
		return r;
	bind_str(st, 1, counts->feed);
	while ((r = step(store, st, "counting documents", err)) > 0) {
		uint64_t reasons[CW_REASON_COUNT];
		struct cw_wall fetched_at = column_wall(st, 4);

		counts->documents++;
		counts->rows += (uint64_t)sqlite3_column_int64(st, 0);
		counts->evidence += (uint64_t)sqlite3_column_int64(st, 1);
		counts->quarantined += (uint64_t)sqlite3_column_int64(st, 2);
		reasons_get(sqlite3_column_blob(st, 3), (size_t)sqlite3_column_bytes(st, 3), reasons);
		for (size_t i = 0; i < CW_REASON_COUNT; i++)
			counts->reasons[i] += reasons[i];
		if (!cw_wall_known(counts->last_fetched) || fetched_at.ms > counts->last_fetched.ms)
			counts->last_fetched = fetched_at;
	}
	return r;
}

int cw_store_feed_counts(struct cw_store *store, cw_feed_counts_fn *fn, void *arg, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(store, ST_FEEDS, &st, err);

	if (r < 0)
		return r;
	while ((r = step(store, st, "reading feeds", err)) > 0) {
		struct cw_feed_counts counts = { .feed = column_str(st, 0), .polled = sqlite3_column_int(st, 1),
			                         .last_success = column_wall(st, 2), .outage_since = column_wall(st, 3),
			                         .last_fetched = cw_wall_none() };

		r = add_feed_totals(store, &counts, err);
		if (r == 0)
			r = fn(arg, &counts);
		if (r < 0) {
			sqlite3_reset(st);
			return r;
		}
	}
	return r;
}

int cw_store_put_feed_state(struct cw_store *store, const struct cw_feed_state *state, bool *ret_outage_began,
                            struct cw_error *err)
{
	struct cw_wall before = cw_wall_none();
	sqlite3_stmt *st = NULL;
	int64_t id;
	int r;

	r = feed_id(store, state->feed, &id, err);
	if (r == 0)
		r = prepare(store, ST_FEED_STATE_GET, &st, err);
	if (r < 0)
		return r;
	bind_str(st, 1, state->feed);
	r = step(store, st, "reading a feed's state", err);
	if (r > 0) {
		before = column_wall(st, 2);
		sqlite3_reset(st);
	}
	if (r >= 0)
		r = prepare(store, ST_FEED_STATE, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int(st, 2, state->polled);
	bind_wall(st, 3, state->last_success);
	bind_wall(st, 4, state->outage_since);
	bind_str(st, 5, state->detail);
	r = run(store, st, "storing a feed's state", err);
	*ret_outage_began = cw_wall_known(state->outage_since) && !cw_wall_known(before);
	return r;
}

int cw_store_required_outage(struct cw_store *store, const struct cw_config *config, int32_t as_of, bool *ret,
                             struct cw_error *err)
{
	*ret = false;
	for (size_t i = 0; i < config->n_feeds; i++) {
		sqlite3_stmt *st;
		int r;

		if (!config->feeds[i].required || !config->feeds[i].enabled || !config->fetching)
			continue;
		r = prepare(store, ST_FEED_STATE_GET, &st, err);
		if (r < 0)
			return r;
		bind_str(st, 1, cw_str(config->feeds[i].name));
		r = step(store, st, "reading a feed's state", err);
		if (r < 0)
			return r;
		if (r > 0) {
			struct cw_wall since = column_wall(st, 2);

			*ret |= sqlite3_column_int(st, 0) && cw_wall_known(since) && cw_wall_day(since) <= as_of;
			sqlite3_reset(st);
		}
	}
	return 0;
}
