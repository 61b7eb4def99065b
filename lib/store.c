#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <councilwatch/store.h>

#include "schema.h"
#include "store_private.h"

#define SCHEMA_VERSION 6

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

/* Version 2 did not know who read a document. */
static const char schema_2_to_3[] = "ALTER TABLE document ADD COLUMN parser TEXT NOT NULL DEFAULT '';";

/* Version 3 told no changes of another configuration, and kept none from being told. */
static const char schema_3_to_4[] = "CREATE TABLE silent (id TEXT PRIMARY KEY) WITHOUT ROWID;";

/* Version 4 did not know who handed a document in. */
static const char schema_4_to_5[] = "ALTER TABLE document ADD COLUMN submitted_by TEXT NOT NULL DEFAULT '';";

/* Version 5 looked through all alerts for those of one council. */
static const char schema_5_to_6[] = "CREATE INDEX alert_by_council ON alert (council_id) WHERE council_id IS NOT NULL;";

/* By the version that they begin at. */
static const char *const migrations[SCHEMA_VERSION] = { [1] = schema_1_to_2, [2] = schema_2_to_3, [3] = schema_3_to_4,
	                                                [4] = schema_4_to_5, [5] = schema_5_to_6 };

static int note_wal(void *arg, sqlite3 *db, const char *name, int pages);

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
	r = store_step(store, st, "reading the schema version", err);
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

/* One version after the other, all of it or nothing. */
static int migrate(struct cw_store *store, int version, struct cw_error *err)
{
	char set[64];
	int r = execute(store, "BEGIN IMMEDIATE", err);

	for (; r == 0 && version < SCHEMA_VERSION; version++)
		r = execute(store, migrations[version], err);
	snprintf(set, sizeof(set), "PRAGMA user_version = %d; COMMIT", SCHEMA_VERSION);
	return r == 0 ? execute(store, set, err) : r;
}

int cw_store_open_writer(const char *state_dir, struct cw_store **ret, struct cw_error *err)
{
	struct cw_store *store;
	int version = 0, r;

	r = open_database(state_dir, true, &store, err);
	if (r < 0)
		return r;
	r = execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 0; "
	                   "PRAGMA temp_store = MEMORY; PRAGMA secure_delete = FAST; PRAGMA journal_size_limit = 67108864", err);
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
	} else if (r == 0 && version > 0 && version < SCHEMA_VERSION) {
		r = migrate(store, version, err);
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

void cw_store_close(struct cw_store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < ST_COUNT; i++)
		sqlite3_finalize(store->statement[i]);
	sqlite3_close(store->db);
	store_dimension_clear(&store->feeds);
	store_dimension_clear(&store->councils);
	store_dimension_clear(&store->sources);
	store_forget_sightings(store);
	free(store->stated.at);
	free(store->stated_before.at);
	free(store->had);
	cw_buf_clear(&store->vals);
	cw_buf_clear(&store->hashed);
	cw_sha256_free(store->hash);
	free(store->path);
	free(store);
}

int cw_store_read_begin(struct cw_store *store, struct cw_error *err)
{
	store_forget_sightings(store);
	return store_run_plain(store, ST_BEGIN, "beginning to read", err);
}

void cw_store_read_end(struct cw_store *store)
{
	(void)store_run_plain(store, ST_COMMIT, "ending the reading", NULL);
}

int cw_store_begin(struct cw_store *store, struct cw_error *err)
{
	return store_run_plain(store, ST_BEGIN, "beginning a transaction", err);
}

int cw_store_commit(struct cw_store *store, struct cw_error *err)
{
	int r = store_run_plain(store, ST_COMMIT, "committing", err);

	if (r < 0)
		cw_store_rollback(store);
	/* On a full disk what the log holds goes into the database, which gives its room back. */
	if (r == -ENOSPC)
		(void)sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
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
		(void)store_run_plain(store, ST_ROLLBACK, "rolling back", NULL);
	/* Numbers given out in the transaction are void. */
	store_dimension_clear(&store->feeds);
	store_dimension_clear(&store->councils);
	store_dimension_clear(&store->sources);
	store_forget_sightings(store);
	store->document = 0;
}

int cw_store_meta(struct cw_store *store, const char *name, char **ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_META_GET, &st, err);

	if (r < 0)
		return r;
	store_bind_str(st, 1, cw_str(name));
	r = store_step(store, st, "reading a setting", err);
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
	int r = store_prepare(store, ST_META_PUT, &st, err);

	if (r < 0)
		return r;
	store_bind_str(st, 1, cw_str(name));
	store_bind_str(st, 2, cw_str(text));
	return store_run(store, st, "storing a setting", err);
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
