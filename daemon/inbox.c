/*
 * inbox.c: the durable store of documents and feed states.
 *
 * A chunk's key is content * 65536 + seq, so that the chunks of a content lie together and in order. "upload" holds
 * the contents that are being written: its rows are what a crash leaves to clean up.
 *
 * Writes collect in one open transaction, the batch. It is committed by every final transaction, when it grows past
 * BATCH_BYTES, or by a timer. Nothing in the batch is promised to anybody before that.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zstd.h>

#include <councilwatch/log.h>

#include "inbox_private.h"

#define APPLICATION_ID 0x43576962 /* "CWib": tells our file from somebody else's */
#define SCHEMA_VERSION 6
#define BATCH_BYTES (4u * 1024u * 1024u)
#define ZSTD_LEVEL 3
/* So long after the last failure to write a success means that it is over. */
#define WELL_AFTER_NS (10 * INT64_C(1000000000))

static const char schema[] =
    "CREATE TABLE content (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,"
    " chunks INTEGER NOT NULL);"
    "CREATE TABLE chunk (id INTEGER PRIMARY KEY, size INTEGER NOT NULL, data BLOB NOT NULL);"
    "CREATE TABLE upload (content INTEGER PRIMARY KEY);"
    "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO counter VALUES ('order', 0), ('content', 0);"
    "CREATE TABLE document (id INTEGER PRIMARY KEY AUTOINCREMENT, ord INTEGER NOT NULL, content INTEGER NOT NULL,"
    " feed TEXT NOT NULL, url TEXT NOT NULL, final_url TEXT NOT NULL, content_type TEXT NOT NULL, etag TEXT,"
    " last_modified TEXT, fetched_at INTEGER NOT NULL, stored_at INTEGER NOT NULL, size INTEGER NOT NULL,"
    " sha256 BLOB NOT NULL, flags INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0,"
    " attempts INTEGER NOT NULL DEFAULT 0, deaths INTEGER NOT NULL DEFAULT 0, outcome INTEGER NOT NULL DEFAULT 0,"
    " settled_at INTEGER, config TEXT NOT NULL DEFAULT '', commit_info BLOB);"
    "CREATE UNIQUE INDEX document_newest ON document (feed, fetched_at, sha256);"
    "CREATE INDEX document_queue ON document (ord) WHERE state = 0;"
    "CREATE TABLE feed (name TEXT PRIMARY KEY, url TEXT, etag TEXT, last_modified TEXT, content_sha256 BLOB,"
    " cursor TEXT, created_at INTEGER, last_attempt INTEGER, last_success INTEGER, next_due INTEGER,"
    " outage_since INTEGER, unconfirmed INTEGER, unconfirmed_document INTEGER NOT NULL DEFAULT 0,"
    " failures INTEGER NOT NULL DEFAULT 0, outcome TEXT NOT NULL DEFAULT '', detail TEXT) WITHOUT ROWID;";
/* Version 2: what a feed's documents were last read with. */
static const char schema_2[] = "ALTER TABLE feed ADD COLUMN reading TEXT;";
/* Version 3: documents that a link led to; with the tables of links.c. */
static const char schema_3[] =
    "ALTER TABLE document ADD COLUMN step TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE document ADD COLUMN link INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE document ADD COLUMN link_text TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE document ADD COLUMN parent_url TEXT NOT NULL DEFAULT '';"
    "CREATE INDEX document_of_link ON document (feed, link, step, fetched_at);";

/* Version 4: what clients have to show for documents. */
static const char schema_4[] = "CREATE TABLE receipt (id BLOB PRIMARY KEY, document INTEGER NOT NULL, client TEXT NOT NULL,"
                               " accepted_at INTEGER NOT NULL) WITHOUT ROWID;";

/* Version 5: who handed a document in, and that its bytes were removed; with the table of inbox_audit.c. */
static const char schema_5[] = "ALTER TABLE document ADD COLUMN who TEXT NOT NULL DEFAULT '';"
                               "ALTER TABLE document ADD COLUMN removed_at INTEGER;";

#define DOCUMENT_COLUMNS                                                                                               \
	"id, ord, content, feed, url, final_url, content_type, fetched_at, stored_at, size, sha256, flags, state, "    \
	"attempts, deaths, outcome, config, commit_info, step, link, link_text, parent_url, " \
	"who, removed_at"

static const char *const sql[ST_STATEMENTS] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_UPLOAD_ADD] = "INSERT INTO upload VALUES (?1)",
	[ST_UPLOAD_REMOVE] = "DELETE FROM upload WHERE content = ?1",
	[ST_CHUNK_ADD] = "INSERT INTO chunk VALUES (?1, ?2, ?3)",
	[ST_CHUNK_GET] = "SELECT size, data FROM chunk WHERE id = ?1",
	[ST_CHUNKS_REMOVE] = "DELETE FROM chunk WHERE id BETWEEN ?1 AND ?2",
	[ST_CONTENT_ADD] = "INSERT INTO content VALUES (?1, ?2, ?3, ?4)",
	[ST_CONTENT_FIND] = "SELECT id FROM content WHERE sha256 = ?1 AND size = ?2",
	[ST_COUNTER_SET] = "UPDATE counter SET value = ?2 WHERE name = ?1",
	[ST_DOCUMENT_ADD] =
	    "INSERT INTO document (ord, content, feed, url, final_url, content_type, etag, last_modified,"
	    " fetched_at, stored_at, size, sha256, flags, step, link, link_text, parent_url, who)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
	[ST_DOCUMENT_GET] = "SELECT " DOCUMENT_COLUMNS " FROM document WHERE id = ?1",
	[ST_DOCUMENT_SAME] =
	    "SELECT " DOCUMENT_COLUMNS " FROM document WHERE feed = ?1 AND fetched_at = ?2 AND sha256 = ?3",
	[ST_DOCUMENT_NEWEST] =
	    "SELECT " DOCUMENT_COLUMNS " FROM document WHERE feed = ?1 AND link = ?2 AND step = ?3"
	    " ORDER BY fetched_at DESC, id DESC LIMIT 1",
	[ST_DOCUMENT_AFTER] = "SELECT " DOCUMENT_COLUMNS " FROM document WHERE id > ?2 AND feed = ?1 ORDER BY id LIMIT 1",
	[ST_DOCUMENT_LAST] = "SELECT coalesce(max(id), 0) FROM document",
	[ST_DOCUMENT_NEXT] =
	    "SELECT " DOCUMENT_COLUMNS " FROM document WHERE state = 0 AND ord > ?1 ORDER BY ord LIMIT 1",
	[ST_DOCUMENT_OLDEST] = "SELECT stored_at FROM document WHERE state = 0 ORDER BY ord LIMIT 1",
	[ST_DOCUMENT_REPLAYING] = "SELECT count(*) FROM document WHERE state = 0 AND flags & ?2 AND (?1 IS NULL OR feed = ?1)",
	[ST_DOCUMENT_QUEUED] = "SELECT count(*) FROM document WHERE state = 0 AND feed = ?1",
	[ST_DOCUMENT_COUNT] = "UPDATE document SET attempts = ?2, deaths = ?3 WHERE id = ?1",
	[ST_DOCUMENT_SETTLE] = "UPDATE document SET state = ?2, outcome = ?3, config = ?4, commit_info = ?5,"
	                       " settled_at = ?6 WHERE id = ?1 AND state = 0",
	[ST_DOCUMENT_REQUEUE] = "UPDATE document SET state = 0, ord = ?2, flags = (flags & ~?3) | ?4, deaths = 0"
	                        " WHERE id = ?1 AND state <> 0",
	[ST_DOCUMENT_SETTLED] =
	    "SELECT " DOCUMENT_COLUMNS " FROM document WHERE feed = ?1 AND state <> 0 AND (fetched_at, id) > (?2, ?3)"
	    " ORDER BY fetched_at, id LIMIT 1",
	[ST_RECEIPT_GET] = "SELECT document, accepted_at FROM receipt WHERE id = ?1",
	[ST_RECEIPT_SET] = "INSERT OR IGNORE INTO receipt VALUES (?1, ?2, ?3, ?4)",
	[ST_READING_GET] = "SELECT reading FROM feed WHERE name = ?1",
	[ST_READING_SET] = "INSERT INTO feed (name, reading) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET reading = ?2",
	[ST_FEED_GET] = "SELECT created_at, last_attempt, last_success, next_due, outage_since, unconfirmed,"
	                " unconfirmed_document, failures, outcome, detail FROM feed WHERE name = ?1",
	[ST_FEED_SAVE] = "INSERT INTO feed (name, created_at, last_attempt, last_success, next_due, outage_since,"
	                 " unconfirmed, unconfirmed_document, failures, outcome, detail)"
	                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (name) DO UPDATE SET"
	                 " created_at = ?2, last_attempt = ?3, last_success = ?4, next_due = ?5, outage_since = ?6,"
	                 " unconfirmed = ?7, unconfirmed_document = ?8, failures = ?9, outcome = ?10, detail = ?11",
	[ST_VALIDATORS_SET] = "INSERT INTO feed (name, url, etag, last_modified, content_sha256)"
	                      " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO UPDATE SET"
	                      " url = ?2, etag = ?3, last_modified = ?4, content_sha256 = ?5",
	[ST_VALIDATORS_GET] = "SELECT url, etag, last_modified, content_sha256 FROM feed WHERE name = ?1",
};

struct cw_inbox_stream {
	struct cw_inbox *inbox; /* borrowed */
	struct cw_buf buf;      /* the chunk being filled */
	struct cw_sha256 *hash;
	uint64_t size, max_size;
	uint64_t content; /* 0 until the first chunk is written */
	uint64_t generation;
	uint32_t chunks;
	bool spent;
};

const char *cw_inbox_state_name(enum cw_inbox_state state)
{
	switch (state) {
	case CW_INBOX_QUEUED:
		return "queued";
	case CW_INBOX_COMMITTED:
		return "committed";
	case CW_INBOX_REJECTED:
		return "rejected";
	case CW_INBOX_POISON:
		return "poison";
	}
	return "";
}

void cw_inbox_document_clear(struct cw_inbox_document *document)
{
	free(document->feed);
	free(document->url);
	free(document->final_url);
	free(document->content_type);
	free(document->config);
	free(document->step);
	free(document->link_text);
	free(document->parent_url);
	free(document->who);
	free(document->commit);
	memset(document, 0, sizeof(*document));
}

void cw_inbox_feed_init(struct cw_inbox_feed *feed)
{
	memset(feed, 0, sizeof(*feed));
	feed->created_at = cw_wall_none();
	feed->last_attempt = cw_wall_none();
	feed->last_success = cw_wall_none();
	feed->next_due = cw_wall_none();
	feed->outage_since = cw_wall_none();
	feed->unconfirmed = cw_wall_none();
}

void cw_inbox_feed_clear(struct cw_inbox_feed *feed)
{
	free(feed->detail);
	cw_inbox_feed_init(feed);
}

int cw_inbox_feed_copy(const struct cw_inbox_feed *from, struct cw_inbox_feed *ret)
{
	char *detail = NULL;

	if (from->detail) {
		detail = strdup(from->detail);
		if (!detail)
			return -ENOMEM;
	}
	*ret = *from;
	ret->detail = detail;
	return 0;
}

void cw_validators_clear(struct cw_validators *validators)
{
	free(validators->etag);
	free(validators->last_modified);
	memset(validators, 0, sizeof(*validators));
}

int inbox_db_error(struct cw_inbox *inbox, struct cw_error *err, const char *doing)
{
	int code = sqlite3_errcode(inbox->db) & 0xff;
	int r = -EIO;

	if (code == SQLITE_NOMEM)
		r = -ENOMEM;
	else if (code == SQLITE_FULL)
		r = -ENOSPC;
	else if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		r = -EBUSY;
	else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		r = -EBADMSG;
	else if (code == SQLITE_READONLY || code == SQLITE_PERM || code == SQLITE_CANTOPEN)
		r = -EACCES;
	return cw_error_set(err, r, "inbox.db: cannot %s: %s", doing, sqlite3_errmsg(inbox->db));
}

sqlite3_stmt *inbox_prepared(struct cw_inbox *inbox, sqlite3_stmt **slot, const char *text)
{
	if (!*slot) {
		if (sqlite3_prepare_v3(inbox->db, text, -1, SQLITE_PREPARE_PERSISTENT, slot, NULL) != SQLITE_OK)
			return NULL;
	} else {
		sqlite3_reset(*slot);
		sqlite3_clear_bindings(*slot);
	}
	return *slot;
}

static sqlite3_stmt *get(struct cw_inbox *inbox, enum statement which)
{
	return inbox_prepared(inbox, &inbox->statement[which], sql[which]);
}

int inbox_run(sqlite3_stmt *statement)
{
	int r = sqlite3_step(statement);

	sqlite3_reset(statement);
	return r == SQLITE_DONE ? 0 : -EIO;
}

static int run_plain(struct cw_inbox *inbox, enum statement which)
{
	sqlite3_stmt *statement = get(inbox, which);

	return statement ? inbox_run(statement) : -EIO;
}

void inbox_bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	if (text)
		sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(statement, at);
}

void inbox_bind_wall(sqlite3_stmt *statement, int at, struct cw_wall time)
{
	if (cw_wall_known(time))
		sqlite3_bind_int64(statement, at, time.ms);
	else
		sqlite3_bind_null(statement, at);
}

struct cw_wall inbox_column_wall(sqlite3_stmt *statement, int at)
{
	if (sqlite3_column_type(statement, at) == SQLITE_NULL)
		return cw_wall_none();
	return (struct cw_wall){ sqlite3_column_int64(statement, at) };
}

char *inbox_column_text(sqlite3_stmt *statement, int at, bool *failed)
{
	const unsigned char *text;
	char *copy;

	if (sqlite3_column_type(statement, at) == SQLITE_NULL)
		return NULL;
	text = sqlite3_column_text(statement, at);
	copy = text ? strdup((const char *)text) : NULL;
	if (!copy)
		*failed = true;
	return copy;
}

/*
 * Told once, when it begins: on a full disk small batches get through and large ones fail for as long as it lasts. What the log
 * holds goes into the database, which gives its room back.
 */
static int trouble(struct cw_inbox *inbox, const struct cw_error *what, struct cw_error *err)
{
	if (!inbox->failures++)
		cw_log_error(CW_LOG_ERROR, "inbox.write_failed", what, NULL);
	inbox->failed_at = cw_mono_now();
	if (what->code == -ENOSPC)
		(void)sqlite3_wal_checkpoint_v2(inbox->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (err)
		*err = *what;
	return what->code;
}

static void recovered(struct cw_inbox *inbox)
{
	if (!inbox->failures || cw_mono_now().ns - inbox->failed_at.ns < WELL_AFTER_NS)
		return;
	cw_log(CW_LOG_NOTICE, "inbox.recovered", "failures=%llu", (unsigned long long)inbox->failures);
	inbox->failures = 0;
}

/* Undoes the batch. Whoever had something in it must start over. */
static void undo(struct cw_inbox *inbox)
{
	inbox->generation++;
	inbox->batch_bytes = 0;
	inbox->batch = false;
	/* SQLite has already rolled back by itself after some errors (a full disk among them). */
	if (!sqlite3_get_autocommit(inbox->db))
		(void)run_plain(inbox, ST_ROLLBACK);
}

int inbox_batch_begin(struct cw_inbox *inbox, struct cw_error *err)
{
	struct cw_error what;

	if (inbox->batch)
		return 0;
	if (run_plain(inbox, ST_BEGIN) < 0) {
		inbox_db_error(inbox, &what, "begin a transaction");
		return trouble(inbox, &what, err);
	}
	inbox->batch = true;
	return 0;
}

int inbox_batch_commit(struct cw_inbox *inbox, struct cw_error *err)
{
	if (!inbox->batch)
		return 0;
	if (run_plain(inbox, ST_COMMIT) < 0)
		return inbox_fail(inbox, err, "commit");
	recovered(inbox);
	inbox->batch = false;
	inbox->batch_bytes = 0;
	return 0;
}

int inbox_fail(struct cw_inbox *inbox, struct cw_error *err, const char *doing)
{
	struct cw_error what;

	inbox_db_error(inbox, &what, doing);
	undo(inbox);
	return trouble(inbox, &what, err);
}

void inbox_flush_soon(struct cw_inbox *inbox)
{
	if (inbox->flush && !cw_timer_armed(inbox->flush))
		cw_timer_arm(inbox->flush, CW_INBOX_FLUSH_MS);
}

int cw_inbox_flush(struct cw_inbox *inbox, struct cw_error *err)
{
	return inbox_batch_commit(inbox, err);
}

static void flush_due(void *arg)
{
	(void)inbox_batch_commit(arg, NULL); /* a failure is logged */
}

static int exec(struct cw_inbox *inbox, const char *text, const char *doing, struct cw_error *err)
{
	if (sqlite3_exec(inbox->db, text, NULL, NULL, NULL) != SQLITE_OK)
		return inbox_db_error(inbox, err, doing);
	return 0;
}

static int ask_number(struct cw_inbox *inbox, const char *text, int64_t *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(inbox->db, text, -1, &statement, NULL) != SQLITE_OK)
		return inbox_db_error(inbox, err, "read");
	if (sqlite3_step(statement) == SQLITE_ROW)
		*ret = sqlite3_column_int64(statement, 0);
	else
		r = inbox_db_error(inbox, err, "read");
	sqlite3_finalize(statement);
	return r;
}

static int chunks_remove(struct cw_inbox *inbox, uint64_t content, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_CHUNKS_REMOVE);

	if (statement) {
		sqlite3_bind_int64(statement, 1, (int64_t)(content << CHUNK_SHIFT));
		sqlite3_bind_int64(statement, 2, (int64_t)(((content + 1) << CHUNK_SHIFT) - 1));
	}
	if (!statement || inbox_run(statement) < 0)
		return inbox_fail(inbox, err, "remove chunks");
	statement = get(inbox, ST_UPLOAD_REMOVE);
	if (statement)
		sqlite3_bind_int64(statement, 1, (int64_t)content);
	if (!statement || inbox_run(statement) < 0)
		return inbox_fail(inbox, err, "remove an upload");
	return 0;
}

/* What was being stored when the last run ended. */
static int remove_orphans(struct cw_inbox *inbox, struct cw_error *err)
{
	int64_t content = 0;
	int r;

	for (;;) {
		r = ask_number(inbox, "SELECT coalesce(min(content), 0) FROM upload", &content, err);
		if (r < 0 || !content)
			return r;
		r = inbox_batch_begin(inbox, err);
		if (r == 0)
			r = chunks_remove(inbox, (uint64_t)content, err);
		if (r == 0)
			r = inbox_batch_commit(inbox, err);
		if (r < 0)
			return r;
	}
}

static int count_documents(struct cw_inbox *inbox, struct cw_error *err)
{
	struct cw_inbox_counts *counts = &inbox->counts;
	sqlite3_stmt *statement = NULL;
	int r;

	memset(counts, 0, sizeof(*counts));
	counts->oldest = cw_wall_none();
	if (sqlite3_prepare_v2(inbox->db, "SELECT state, count(*), sum(size) FROM document GROUP BY state", -1,
	                       &statement, NULL) != SQLITE_OK)
		return inbox_db_error(inbox, err, "count documents");
	while ((r = sqlite3_step(statement)) == SQLITE_ROW) {
		uint64_t n = (uint64_t)sqlite3_column_int64(statement, 1);

		counts->stored += n;
		switch (sqlite3_column_int(statement, 0)) {
		case CW_INBOX_QUEUED:
			counts->queued = n;
			counts->queued_bytes = (uint64_t)sqlite3_column_int64(statement, 2);
			break;
		case CW_INBOX_COMMITTED:
			counts->committed = n;
			break;
		case CW_INBOX_REJECTED:
			counts->rejected = n;
			break;
		case CW_INBOX_POISON:
			counts->poison = n;
			break;
		}
	}
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? 0 : inbox_db_error(inbox, err, "count documents");
}

static int open_schema(struct cw_inbox *inbox, struct cw_error *err)
{
	int64_t version = 0, application = 0, tables = 0;
	char text[96];
	int r;

	r = ask_number(inbox, "PRAGMA application_id", &application, err);
	if (r == 0)
		r = ask_number(inbox, "PRAGMA user_version", &version, err);
	if (r == 0)
		r = ask_number(inbox, "SELECT count(*) FROM sqlite_master", &tables, err);
	if (r < 0)
		return r;
	if (application != APPLICATION_ID && (application != 0 || tables != 0))
		return cw_error_at(err, -EBADMSG, "inbox.db", 0, 0, "is not an inbox of councilwatch");
	if (version > SCHEMA_VERSION)
		return cw_error_at(
		    err, -EINVAL, "inbox.db", 0, 0,
		    "was written by a newer councilwatch (version %lld, this one knows %d): run that version, "
		    "or restore a copy from before the upgrade",
		    (long long)version, SCHEMA_VERSION);
	/* Larger pages suit rows of many kilobytes; it only takes effect on an empty file. */
	r = exec(inbox,
	         "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 256; PRAGMA synchronous = FULL;"
	         "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON",
	         "set up", err);
	if (r < 0 || version == SCHEMA_VERSION)
		return r;
	r = inbox_batch_begin(inbox, err);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID,
	         SCHEMA_VERSION);
	if (version < 1)
		r = exec(inbox, schema, "make the tables", err);
	if (r == 0 && version < 2)
		r = exec(inbox, schema_2, "bring the tables up to date", err);
	if (r == 0 && version < 3)
		r = exec(inbox, schema_3, "bring the tables up to date", err);
	if (r == 0 && version < 3)
		r = exec(inbox, inbox_link_schema, "make the tables of links", err);
	if (r == 0 && version < 4)
		r = exec(inbox, schema_4, "bring the tables up to date", err);
	if (r == 0 && version < 5)
		r = exec(inbox, schema_5, "bring the tables up to date", err);
	if (r == 0 && version < 5)
		r = exec(inbox, inbox_audit_schema, "make the table of what the audit log is to be told", err);
	if (r == 0 && version < 6)
		r = exec(inbox, inbox_retention_schema, "bring the tables up to date", err);
	if (r == 0)
		r = exec(inbox, text, "mark the version", err);
	if (r < 0) {
		undo(inbox);
		return r;
	}
	return inbox_batch_commit(inbox, err);
}

int cw_inbox_open(const char *state_dir, struct cw_loop *loop, struct cw_inbox **ret, struct cw_error *err)
{
	struct cw_inbox *inbox = calloc(1, sizeof(*inbox));
	CW_CLEANUP(cw_freep) char *path = NULL;
	int64_t content = 0, order = 0;
	int r;

	if (!inbox || asprintf(&path, "%s/inbox.db", state_dir) < 0) {
		free(inbox);
		path = NULL;
		return cw_error_nomem(err);
	}
	inbox->compressor = ZSTD_createCCtx();
	inbox->decompressor = ZSTD_createDCtx();
	inbox->scratch = malloc(ZSTD_compressBound(CW_CHUNK_MAX));
	if (!inbox->compressor || !inbox->decompressor || !inbox->scratch) {
		r = cw_error_nomem(err);
		goto failed;
	}
	if (sqlite3_open_v2(path, &inbox->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK) {
		r = inbox->db ? inbox_db_error(inbox, err, "open") : cw_error_nomem(err);
		cw_error_prefix(err, "%s", path);
		goto failed;
	}
	sqlite3_extended_result_codes(inbox->db, 1);
	sqlite3_busy_timeout(inbox->db, 2000);
	r = open_schema(inbox, err);
	if (r == 0)
		r = remove_orphans(inbox, err);
	if (r == 0)
		r = count_documents(inbox, err);
	if (r == 0)
		r = ask_number(inbox,
		               "SELECT max((SELECT value FROM counter WHERE name = 'content'),"
		               " (SELECT coalesce(max(id), 0) FROM content))",
		               &content, err);
	if (r == 0)
		r = ask_number(inbox, "SELECT value FROM counter WHERE name = 'order'", &order, err);
	if (r == 0 && loop)
		r = cw_timer_new(loop, flush_due, inbox, &inbox->flush, err);
	if (r < 0)
		goto failed;
	inbox->next_content = (uint64_t)content + 1;
	inbox->next_order = (uint64_t)order + 1;
	*ret = inbox;
	return 0;
failed:
	cw_inbox_close(inbox);
	return r;
}

void cw_inbox_close(struct cw_inbox *inbox)
{
	size_t i;

	if (!inbox)
		return;
	if (inbox->db)
		(void)inbox_batch_commit(inbox, NULL);
	for (i = 0; i < ST_STATEMENTS; i++)
		sqlite3_finalize(inbox->statement[i]);
	for (i = 0; i < INBOX_LINK_STATEMENTS; i++)
		sqlite3_finalize(inbox->link_statement[i]);
	for (i = 0; i < INBOX_AUDIT_STATEMENTS; i++)
		sqlite3_finalize(inbox->audit_statement[i]);
	for (i = 0; i < INBOX_RETENTION_STATEMENTS; i++)
		sqlite3_finalize(inbox->retention_statement[i]);
	sqlite3_close(inbox->db);
	ZSTD_freeCCtx(inbox->compressor);
	ZSTD_freeDCtx(inbox->decompressor);
	free(inbox->scratch);
	cw_timer_free(inbox->flush);
	free(inbox);
}

/* Storing */

int cw_inbox_stream_new(struct cw_inbox *inbox, uint64_t max_size, struct cw_inbox_stream **ret, struct cw_error *err)
{
	struct cw_inbox_stream *stream = calloc(1, sizeof(*stream));

	if (stream)
		stream->hash = cw_sha256_new();
	if (!stream || !stream->hash) {
		free(stream);
		return cw_error_nomem(err);
	}
	stream->inbox = inbox;
	stream->max_size = CW_MIN(max_size, (uint64_t)CW_DOCUMENT_MAX);
	cw_buf_init(&stream->buf, CW_CHUNK_MAX);
	*ret = stream;
	return 0;
}

uint64_t cw_inbox_stream_size(const struct cw_inbox_stream *stream)
{
	return stream->size;
}

static int stream_check(struct cw_inbox_stream *stream, struct cw_error *err)
{
	if (stream->spent)
		return cw_error_set(err, -EINVAL, "the document was ended already");
	if (stream->content && stream->generation != stream->inbox->generation)
		return cw_error_at(err, -EIO, "inbox.db", 0, 0, "an earlier part of the document could not be written");
	return 0;
}

/* Puts the filled chunk into the batch. */
static int chunk_write(struct cw_inbox_stream *stream, struct cw_error *err)
{
	struct cw_inbox *inbox = stream->inbox;
	sqlite3_stmt *statement;
	size_t packed;
	int r;

	r = inbox_batch_begin(inbox, err);
	if (r < 0)
		return r;
	if (!stream->content) {
		stream->generation = inbox->generation;
		stream->content = inbox->next_content++;
		statement = get(inbox, ST_UPLOAD_ADD);
		if (statement)
			sqlite3_bind_int64(statement, 1, (int64_t)stream->content);
		if (!statement || inbox_run(statement) < 0)
			return inbox_fail(inbox, err, "begin a document");
		statement = get(inbox, ST_COUNTER_SET);
		if (statement) {
			inbox_bind_text(statement, 1, "content");
			sqlite3_bind_int64(statement, 2, (int64_t)stream->content);
		}
		if (!statement || inbox_run(statement) < 0)
			return inbox_fail(inbox, err, "count contents");
	}
	packed = ZSTD_compressCCtx(inbox->compressor, inbox->scratch, ZSTD_compressBound(CW_CHUNK_MAX),
	                           stream->buf.data, stream->buf.len, ZSTD_LEVEL);
	if (ZSTD_isError(packed))
		return cw_error_set(err, -ENOMEM, "cannot compress: %s", ZSTD_getErrorName(packed));
	statement = get(inbox, ST_CHUNK_ADD);
	if (statement) {
		sqlite3_bind_int64(statement, 1, (int64_t)(stream->content << CHUNK_SHIFT | stream->chunks));
		sqlite3_bind_int64(statement, 2, (int64_t)stream->buf.len);
		sqlite3_bind_blob64(statement, 3, inbox->scratch, packed, SQLITE_STATIC);
	}
	if (!statement || inbox_run(statement) < 0)
		return inbox_fail(inbox, err, "write a chunk");
	stream->chunks++;
	inbox->batch_bytes += packed;
	cw_buf_reset(&stream->buf);
	inbox_flush_soon(inbox);
	return 0;
}

int cw_inbox_stream_write(struct cw_inbox_stream *stream, const void *data, size_t len, struct cw_error *err)
{
	const unsigned char *at = data;
	int r;

	r = stream_check(stream, err);
	if (r < 0)
		return r;
	if (len > stream->max_size - stream->size)
		return cw_error_set(err, -EMSGSIZE, "larger than the limit of %llu bytes",
		                    (unsigned long long)stream->max_size);
	if (cw_sha256_update(stream->hash, data, len) < 0)
		return cw_error_nomem(err);
	while (len) {
		size_t part = CW_MIN(len, CW_CHUNK_MAX - stream->buf.len);

		if (cw_buf_append(&stream->buf, at, part) < 0)
			return cw_error_nomem(err);
		at += part;
		len -= part;
		stream->size += part;
		/* A full chunk waits for the next byte: what is small enough to be known whole may turn out to be
		 * there already, and then is never written. */
		if (len && stream->buf.len == CW_CHUNK_MAX) {
			r = chunk_write(stream, err);
			if (r < 0)
				return r;
		}
	}
	if (stream->inbox->batch_bytes >= BATCH_BYTES)
		return inbox_batch_commit(stream->inbox, err);
	return 0;
}

/* Takes back the chunks, if any. */
static int stream_abandon(struct cw_inbox_stream *stream, struct cw_error *err)
{
	struct cw_inbox *inbox = stream->inbox;
	uint64_t content = stream->content;
	int r;

	stream->spent = true;
	stream->content = 0;
	if (!content)
		return 0;
	/* When its batch was undone earlier chunks may still be there, committed before that. */
	r = inbox_batch_begin(inbox, err);
	if (r == 0)
		r = chunks_remove(inbox, content, err);
	if (r == 0)
		inbox_flush_soon(inbox);
	return r;
}

void cw_inbox_stream_free(struct cw_inbox_stream *stream)
{
	if (!stream)
		return;
	/* Should this fail, the rows in "upload" remain and the next start removes the chunks. */
	if (!stream->spent)
		(void)stream_abandon(stream, NULL);
	cw_sha256_free(stream->hash);
	cw_buf_clear(&stream->buf);
	free(stream);
}

/* Reads the row that the statement stands on, and resets it. */
static int document_read(sqlite3_stmt *statement, struct cw_inbox_document *ret, struct cw_error *err)
{
	struct cw_inbox_document document = { 0 };
	const void *commit;
	bool failed = false;

	document.id = (uint64_t)sqlite3_column_int64(statement, 0);
	document.order = (uint64_t)sqlite3_column_int64(statement, 1);
	document.content = (uint64_t)sqlite3_column_int64(statement, 2);
	document.feed = inbox_column_text(statement, 3, &failed);
	document.url = inbox_column_text(statement, 4, &failed);
	document.final_url = inbox_column_text(statement, 5, &failed);
	document.content_type = inbox_column_text(statement, 6, &failed);
	document.fetched_at = inbox_column_wall(statement, 7);
	document.stored_at = inbox_column_wall(statement, 8);
	document.size = (uint64_t)sqlite3_column_int64(statement, 9);
	if (sqlite3_column_bytes(statement, 10) == CW_SHA256_LEN)
		memcpy(document.sha256, sqlite3_column_blob(statement, 10), CW_SHA256_LEN);
	document.flags = (uint32_t)sqlite3_column_int64(statement, 11);
	document.state = (enum cw_inbox_state)sqlite3_column_int(statement, 12);
	document.attempts = (uint32_t)sqlite3_column_int64(statement, 13);
	document.deaths = (uint32_t)sqlite3_column_int64(statement, 14);
	document.outcome = (enum cw_reason)sqlite3_column_int(statement, 15);
	document.config = inbox_column_text(statement, 16, &failed);
	document.commit_len = (size_t)sqlite3_column_bytes(statement, 17);
	commit = sqlite3_column_blob(statement, 17);
	if (commit) {
		document.commit = malloc(document.commit_len + 1);
		if (document.commit)
			memcpy(document.commit, commit, document.commit_len);
		else
			failed = true;
	}
	document.step = inbox_column_text(statement, 18, &failed);
	document.link = (uint64_t)sqlite3_column_int64(statement, 19);
	document.link_text = inbox_column_text(statement, 20, &failed);
	document.parent_url = inbox_column_text(statement, 21, &failed);
	document.who = inbox_column_text(statement, 22, &failed);
	document.removed_at = inbox_column_wall(statement, 23);
	sqlite3_reset(statement);
	if (failed || !document.feed || !document.url || !document.final_url || !document.content_type ||
	    !document.config) {
		cw_inbox_document_clear(&document);
		return cw_error_nomem(err);
	}
	*ret = document;
	return 0;
}

/* Steps a statement that selects at most one document. */
static int document_find(struct cw_inbox *inbox, sqlite3_stmt *statement, struct cw_inbox_document *ret,
                         struct cw_error *err)
{
	int r;

	if (!statement)
		return inbox_db_error(inbox, err, "read a document");
	r = sqlite3_step(statement);
	if (r == SQLITE_ROW)
		return document_read(statement, ret, err);
	sqlite3_reset(statement);
	if (r == SQLITE_DONE)
		return cw_error_at(err, -ENOENT, "inbox.db", 0, 0, "there is no such document");
	return inbox_db_error(inbox, err, "read a document");
}

static int document_same(struct cw_inbox *inbox, const struct cw_inbox_meta *meta, const unsigned char *sha256,
                         struct cw_inbox_document *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_DOCUMENT_SAME);

	if (statement) {
		inbox_bind_text(statement, 1, meta->feed);
		sqlite3_bind_int64(statement, 2, meta->fetched_at.ms);
		sqlite3_bind_blob(statement, 3, sha256, CW_SHA256_LEN, SQLITE_STATIC);
	}
	return document_find(inbox, statement, ret, err);
}

static int content_find(struct cw_inbox *inbox, const unsigned char *sha256, uint64_t size, uint64_t *ret,
                        struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_CONTENT_FIND);
	int r;

	if (!statement)
		return inbox_db_error(inbox, err, "look for a content");
	sqlite3_bind_blob(statement, 1, sha256, CW_SHA256_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, (int64_t)size);
	*ret = 0;
	r = sqlite3_step(statement);
	if (r == SQLITE_ROW)
		*ret = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return r == SQLITE_ROW || r == SQLITE_DONE ? 0 : inbox_db_error(inbox, err, "look for a content");
}

static int feed_save(struct cw_inbox *inbox, const char *feed, const struct cw_inbox_feed *state)
{
	sqlite3_stmt *statement = get(inbox, ST_FEED_SAVE);

	if (!statement)
		return -EIO;
	inbox_bind_text(statement, 1, feed);
	inbox_bind_wall(statement, 2, state->created_at);
	inbox_bind_wall(statement, 3, state->last_attempt);
	inbox_bind_wall(statement, 4, state->last_success);
	inbox_bind_wall(statement, 5, state->next_due);
	inbox_bind_wall(statement, 6, state->outage_since);
	inbox_bind_wall(statement, 7, state->unconfirmed);
	sqlite3_bind_int64(statement, 8, (int64_t)state->unconfirmed_document);
	sqlite3_bind_int64(statement, 9, state->failures);
	inbox_bind_text(statement, 10, state->outcome);
	inbox_bind_text(statement, 11, state->detail);
	return inbox_run(statement);
}

static int validators_set(struct cw_inbox *inbox, const struct cw_inbox_meta *meta, const unsigned char *sha256)
{
	sqlite3_stmt *statement = get(inbox, ST_VALIDATORS_SET);

	if (!statement)
		return -EIO;
	inbox_bind_text(statement, 1, meta->feed);
	inbox_bind_text(statement, 2, meta->url);
	inbox_bind_text(statement, 3, meta->etag);
	inbox_bind_text(statement, 4, meta->last_modified);
	sqlite3_bind_blob(statement, 5, sha256, CW_SHA256_LEN, SQLITE_STATIC);
	return inbox_run(statement);
}

static int counter_set(struct cw_inbox *inbox, const char *name, uint64_t value)
{
	sqlite3_stmt *statement = get(inbox, ST_COUNTER_SET);

	if (!statement)
		return -EIO;
	inbox_bind_text(statement, 1, name);
	sqlite3_bind_int64(statement, 2, (int64_t)value);
	return inbox_run(statement);
}

int cw_inbox_receipt_id(const char *feed, const char *client, const unsigned char sha256[CW_SHA256_LEN],
                        unsigned char ret[CW_SHA256_LEN])
{
	CW_CLEANUP(cw_buf_clear) struct cw_buf text = { 0 };

	cw_buf_init(&text, 8192);
	/* With their ends, so that no two pairs read the same. */
	cw_buf_append(&text, feed, strlen(feed) + 1);
	cw_buf_append(&text, client, strlen(client) + 1);
	cw_buf_append(&text, sha256, CW_SHA256_LEN);
	return text.failed || cw_sha256(text.data, text.len, ret) < 0 ? -ENOMEM : 0;
}

int cw_inbox_receipt(struct cw_inbox *inbox, const unsigned char id[CW_SHA256_LEN], struct cw_inbox_receipt *ret,
                     struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_RECEIPT_GET);
	int r;

	if (!statement)
		return inbox_db_error(inbox, err, "read a receipt");
	sqlite3_bind_blob(statement, 1, id, CW_SHA256_LEN, SQLITE_STATIC);
	r = sqlite3_step(statement);
	if (r == SQLITE_ROW) {
		memcpy(ret->id, id, CW_SHA256_LEN);
		ret->document = (uint64_t)sqlite3_column_int64(statement, 0);
		ret->accepted_at = inbox_column_wall(statement, 1);
	}
	sqlite3_reset(statement);
	if (r == SQLITE_DONE)
		return cw_error_at(err, -ENOENT, "inbox.db", 0, 0, "there is no such receipt");
	return r == SQLITE_ROW ? 0 : inbox_db_error(inbox, err, "read a receipt");
}

static int receipt_set(struct cw_inbox *inbox, const struct cw_inbox_meta *meta, const unsigned char *sha256,
                       uint64_t document)
{
	unsigned char id[CW_SHA256_LEN];
	sqlite3_stmt *statement;

	if (!meta->client)
		return 0;
	statement = get(inbox, ST_RECEIPT_SET);
	if (!statement || cw_inbox_receipt_id(meta->feed, meta->client, sha256, id) < 0)
		return -EIO;
	sqlite3_bind_blob(statement, 1, id, CW_SHA256_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, (int64_t)document);
	inbox_bind_text(statement, 3, meta->client);
	sqlite3_bind_int64(statement, 4, cw_wall_now().ms);
	return inbox_run(statement);
}

/* Makes the stream's content whole: shares one that is there, or ends its own. */
static int content_settle(struct cw_inbox_stream *stream, const unsigned char *sha256, uint64_t *ret,
                          struct cw_error *err)
{
	struct cw_inbox *inbox = stream->inbox;
	sqlite3_stmt *statement;
	int r;

	r = content_find(inbox, sha256, stream->size, ret, err);
	if (r < 0)
		return r;
	if (*ret)
		return stream_abandon(stream, err);
	if (stream->buf.len) {
		r = chunk_write(stream, err);
		if (r < 0)
			return r;
	}
	if (!stream->content)
		stream->content = inbox->next_content++; /* an empty document */
	statement = get(inbox, ST_CONTENT_ADD);
	if (statement) {
		sqlite3_bind_int64(statement, 1, (int64_t)stream->content);
		sqlite3_bind_blob(statement, 2, sha256, CW_SHA256_LEN, SQLITE_STATIC);
		sqlite3_bind_int64(statement, 3, (int64_t)stream->size);
		sqlite3_bind_int64(statement, 4, stream->chunks);
	}
	if (!statement || inbox_run(statement) < 0)
		return inbox_fail(inbox, err, "store a content");
	statement = get(inbox, ST_UPLOAD_REMOVE);
	if (statement)
		sqlite3_bind_int64(statement, 1, (int64_t)stream->content);
	if (!statement || inbox_run(statement) < 0)
		return inbox_fail(inbox, err, "end a document");
	*ret = stream->content;
	return 0;
}

/* The row itself, its feed's state, and the commit that makes all of it true. */
static int document_store(struct cw_inbox_stream *stream, const struct cw_inbox_meta *meta, const unsigned char *sha256,
                          struct cw_wall fetched_at, struct cw_inbox_feed *state, uint64_t *ret_id,
                          struct cw_error *err)
{
	struct cw_inbox *inbox = stream->inbox;
	uint64_t content = 0, order = inbox->next_order++;
	sqlite3_stmt *statement;
	int r;

	r = inbox_batch_begin(inbox, err);
	if (r == 0)
		r = content_settle(stream, sha256, &content, err);
	if (r < 0)
		return r;
	statement = get(inbox, ST_DOCUMENT_ADD);
	if (statement) {
		sqlite3_bind_int64(statement, 1, (int64_t)order);
		sqlite3_bind_int64(statement, 2, (int64_t)content);
		inbox_bind_text(statement, 3, meta->feed);
		inbox_bind_text(statement, 4, meta->url);
		inbox_bind_text(statement, 5, meta->final_url ? meta->final_url : meta->url);
		inbox_bind_text(statement, 6, meta->content_type ? meta->content_type : "");
		inbox_bind_text(statement, 7, meta->etag);
		inbox_bind_text(statement, 8, meta->last_modified);
		sqlite3_bind_int64(statement, 9, fetched_at.ms);
		sqlite3_bind_int64(statement, 10, cw_wall_now().ms);
		sqlite3_bind_int64(statement, 11, (int64_t)stream->size);
		sqlite3_bind_blob(statement, 12, sha256, CW_SHA256_LEN, SQLITE_STATIC);
		sqlite3_bind_int64(statement, 13, meta->flags);
		inbox_bind_text(statement, 14, meta->step ? meta->step : "");
		sqlite3_bind_int64(statement, 15, meta->link ? (int64_t)meta->link->id : 0);
		inbox_bind_text(statement, 16, meta->link ? meta->link->text : "");
		inbox_bind_text(statement, 17, meta->link ? meta->link->parent_url : "");
		inbox_bind_text(statement, 18, meta->who ? meta->who : "");
	}
	if (!statement || inbox_run(statement) < 0 || counter_set(inbox, "order", order) < 0)
		return inbox_fail(inbox, err, "store a document");
	*ret_id = (uint64_t)sqlite3_last_insert_rowid(inbox->db);
	if (meta->link && inbox_link_fetched(inbox, meta, *ret_id) < 0)
		return inbox_fail(inbox, err, "save a link");
	if (receipt_set(inbox, meta, sha256, *ret_id) < 0)
		return inbox_fail(inbox, err, "store a receipt");
	if (state) {
		struct cw_inbox_feed stored = *state; /* borrowed strings */

		stored.unconfirmed = fetched_at;
		stored.unconfirmed_document = *ret_id;
		if (validators_set(inbox, meta, sha256) < 0 || feed_save(inbox, meta->feed, &stored) < 0)
			return inbox_fail(inbox, err, "save a feed's state");
	}
	r = inbox_batch_commit(inbox, err);
	if (r < 0)
		return r;
	if (state) {
		state->unconfirmed = fetched_at;
		state->unconfirmed_document = *ret_id;
	}
	inbox->counts.stored++;
	inbox->counts.queued++;
	inbox->counts.queued_bytes += stream->size;
	stream->spent = true;
	return 0;
}

bool cw_inbox_deserves_another(const struct cw_inbox_document *document, const char *config)
{
	return (document->state == CW_INBOX_REJECTED || document->state == CW_INBOX_POISON ||
	        (document->state == CW_INBOX_COMMITTED && document->step[0])) &&
	       config && strcmp(document->config, config) != 0;
}

/* Documents are told apart by feed, content and time. Two links may give the same content in the same millisecond. */
static int fetched_at_of(struct cw_inbox *inbox, const struct cw_inbox_meta *meta, const unsigned char *sha256,
                         struct cw_wall *ret, struct cw_error *err)
{
	struct cw_inbox_meta at = *meta;
	struct cw_inbox_document other;
	int r = 0;

	while (meta->link && (r = document_same(inbox, &at, sha256, &other, err)) == 0) {
		cw_inbox_document_clear(&other);
		at.fetched_at.ms++;
	}
	*ret = at.fetched_at;
	return r == -ENOENT ? 0 : r;
}

/* The document that this is: of the same client's receipt, or of the same content and time. */
static int document_known(struct cw_inbox *inbox, const struct cw_inbox_meta *meta, const unsigned char *sha256,
                          struct cw_inbox_document *ret, struct cw_error *err)
{
	struct cw_inbox_receipt receipt;
	int r = -ENOENT;

	if (meta->client) {
		r = cw_inbox_receipt_id(meta->feed, meta->client, sha256, receipt.id);
		r = r < 0 ? cw_error_nomem(err) : cw_inbox_receipt(inbox, receipt.id, &receipt, err);
		if (r == 0)
			r = cw_inbox_document(inbox, receipt.document, ret, err);
	}
	return r == -ENOENT ? document_same(inbox, meta, sha256, ret, err) : r;
}

int cw_inbox_stream_finish(struct cw_inbox_stream *stream, const struct cw_inbox_meta *meta,
                           struct cw_inbox_feed *state, struct cw_inbox_document *ret, struct cw_error *err)
{
	struct cw_inbox *inbox = stream->inbox;
	unsigned char sha256[CW_SHA256_LEN];
	struct cw_wall fetched_at;
	uint64_t id = 0;
	int r;

	r = stream_check(stream, err);
	if (r < 0)
		return r;
	if (cw_sha256_final(stream->hash, sha256) < 0)
		return cw_error_nomem(err);
	if (meta->expect_sha256 && memcmp(meta->expect_sha256, sha256, CW_SHA256_LEN) != 0) {
		(void)stream_abandon(stream, NULL);
		return cw_error_set(err, -EBADMSG,
		                    "the bytes that arrived are not those that were announced (SHA-256 differs)");
	}
	r = meta->link ? -ENOENT : document_known(inbox, meta, sha256, ret, err);
	if (r == 0) {
		r = stream_abandon(stream, err);
		/* Another client's, or of a time when nobody asked for a receipt. */
		if (r == 0 && meta->client) {
			r = inbox_batch_begin(inbox, err);
			if (r == 0 && receipt_set(inbox, meta, sha256, ret->id) < 0)
				r = inbox_fail(inbox, err, "store a receipt");
			if (r == 0)
				r = inbox_batch_commit(inbox, err);
		}
		if (r < 0)
			cw_inbox_document_clear(ret);
		return r < 0 ? r : CW_INBOX_DUPLICATE;
	}
	if (r != -ENOENT)
		return r;
	if (!(meta->flags & (CW_DOC_IMPORTED | CW_DOC_SUBMITTED))) {
		r = cw_inbox_newest(inbox, meta->feed, meta->link ? meta->link->id : 0, meta->step ? meta->step : "", ret,
		                    err);
		if (r < 0 && r != -ENOENT)
			return r;
		if (r == 0 && memcmp(ret->sha256, sha256, CW_SHA256_LEN) == 0 &&
		    !cw_inbox_deserves_another(ret, meta->config)) {
			r = stream_abandon(stream, err);
			if (r == 0)
				r = inbox_batch_begin(inbox, err);
			if (r == 0 && (meta->link ? inbox_link_fetched(inbox, meta, 0) : validators_set(inbox, meta, sha256)) < 0)
				r = inbox_fail(inbox, err, "save validators");
			if (r < 0) {
				cw_inbox_document_clear(ret);
				return r;
			}
			inbox_flush_soon(inbox);
			return CW_INBOX_UNCHANGED;
		}
		if (r == 0)
			cw_inbox_document_clear(ret);
	}
	r = fetched_at_of(inbox, meta, sha256, &fetched_at, err);
	if (r == 0)
		r = document_store(stream, meta, sha256, fetched_at, state, &id, err);
	if (r < 0)
		return r;
	return cw_inbox_document(inbox, id, ret, err);
}

/* Documents */

int cw_inbox_document(struct cw_inbox *inbox, uint64_t id, struct cw_inbox_document *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_DOCUMENT_GET);

	if (statement)
		sqlite3_bind_int64(statement, 1, (int64_t)id);
	return document_find(inbox, statement, ret, err);
}

int cw_inbox_newest(struct cw_inbox *inbox, const char *feed, uint64_t link, const char *step,
                    struct cw_inbox_document *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_DOCUMENT_NEWEST);

	if (statement) {
		inbox_bind_text(statement, 1, feed);
		sqlite3_bind_int64(statement, 2, (int64_t)link);
		inbox_bind_text(statement, 3, step);
	}
	return document_find(inbox, statement, ret, err);
}

int cw_inbox_after(struct cw_inbox *inbox, const char *feed, uint64_t id, struct cw_inbox_document *ret,
                   struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_DOCUMENT_AFTER);

	if (statement) {
		inbox_bind_text(statement, 1, feed);
		sqlite3_bind_int64(statement, 2, (int64_t)id);
	}
	return document_find(inbox, statement, ret, err);
}

int cw_inbox_last(struct cw_inbox *inbox, uint64_t *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_DOCUMENT_LAST);
	int r = 0;

	if (!statement)
		return inbox_db_error(inbox, err, "read documents");
	if (sqlite3_step(statement) == SQLITE_ROW)
		*ret = (uint64_t)sqlite3_column_int64(statement, 0);
	else
		r = inbox_db_error(inbox, err, "read documents");
	sqlite3_reset(statement);
	return r;
}

int cw_inbox_next(struct cw_inbox *inbox, uint64_t after_order, struct cw_inbox_document *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_DOCUMENT_NEXT);

	if (statement)
		sqlite3_bind_int64(statement, 1, (int64_t)after_order);
	return document_find(inbox, statement, ret, err);
}

int cw_inbox_chunk(struct cw_inbox *inbox, uint64_t content, uint32_t seq, struct cw_buf *out, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_CHUNK_GET);
	size_t size, got;
	int r;

	if (!statement)
		return inbox_db_error(inbox, err, "read a chunk");
	sqlite3_bind_int64(statement, 1, (int64_t)(content << CHUNK_SHIFT | seq));
	r = sqlite3_step(statement);
	if (r != SQLITE_ROW) {
		sqlite3_reset(statement);
		if (r == SQLITE_DONE)
			return cw_error_at(err, -ENOENT, "inbox.db", 0, 0, "there is no such chunk");
		return inbox_db_error(inbox, err, "read a chunk");
	}
	size = (size_t)sqlite3_column_int64(statement, 0);
	cw_buf_reset(out);
	if (size > CW_CHUNK_MAX || cw_buf_reserve(out, size) < 0) {
		sqlite3_reset(statement);
		return size > CW_CHUNK_MAX ? cw_error_at(err, -EBADMSG, "inbox.db", 0, 0, "a chunk is damaged")
		                           : cw_error_nomem(err);
	}
	got = ZSTD_decompressDCtx(inbox->decompressor, out->data, size, sqlite3_column_blob(statement, 1),
	                          (size_t)sqlite3_column_bytes(statement, 1));
	sqlite3_reset(statement);
	if (ZSTD_isError(got) || got != size)
		return cw_error_at(err, -EBADMSG, "inbox.db", 0, 0, "a chunk is damaged");
	out->len = size;
	return 0;
}

int cw_inbox_count(struct cw_inbox *inbox, uint64_t id, uint32_t attempts, uint32_t deaths, struct cw_error *err)
{
	sqlite3_stmt *statement;
	int r;

	r = inbox_batch_begin(inbox, err);
	if (r < 0)
		return r;
	statement = get(inbox, ST_DOCUMENT_COUNT);
	if (statement) {
		sqlite3_bind_int64(statement, 1, (int64_t)id);
		sqlite3_bind_int64(statement, 2, attempts);
		sqlite3_bind_int64(statement, 3, deaths);
	}
	if (!statement || inbox_run(statement) < 0)
		return inbox_fail(inbox, err, "count an attempt");
	/* An attempt that is forgotten costs nothing; a death must not be, or a document could kill for ever. */
	if (deaths)
		return inbox_batch_commit(inbox, err);
	inbox_flush_soon(inbox);
	return 0;
}

int cw_inbox_settle(struct cw_inbox *inbox, uint64_t id, const struct cw_commit_info *info, const char *config,
                    const struct cw_inbox_found *next, struct cw_error *err)
{
	CW_CLEANUP(cw_buf_clear) struct cw_buf packed = { 0 };
	CW_CLEANUP(cw_inbox_document_clear) struct cw_inbox_document document = { 0 };
	enum cw_inbox_state state = CW_INBOX_COMMITTED;
	sqlite3_stmt *statement;
	uint64_t size;
	int r;

	r = cw_inbox_document(inbox, id, &document, err);
	if (r < 0)
		return r;
	size = document.size;
	state = document.state;
	if (state != CW_INBOX_QUEUED)
		return 0;
	if (info->tally.outcome == CW_REASON_POISON)
		state = CW_INBOX_POISON;
	else
		state = info->tally.outcome == CW_REASON_NONE ? CW_INBOX_COMMITTED : CW_INBOX_REJECTED;
	cw_buf_init(&packed, CW_FRAME_MAX);
	if (cw_commit_info_put(&packed, info) < 0)
		return cw_error_nomem(err);
	r = inbox_batch_begin(inbox, err);
	if (r < 0)
		return r;
	statement = get(inbox, ST_DOCUMENT_SETTLE);
	if (statement) {
		sqlite3_bind_int64(statement, 1, (int64_t)id);
		sqlite3_bind_int(statement, 2, (int)state);
		sqlite3_bind_int(statement, 3, (int)info->tally.outcome);
		inbox_bind_text(statement, 4, config);
		sqlite3_bind_blob64(statement, 5, packed.data, packed.len, SQLITE_STATIC);
		sqlite3_bind_int64(statement, 6, cw_wall_now().ms);
	}
	if (!statement || inbox_run(statement) < 0)
		return inbox_fail(inbox, err, "settle a document");
	if (inbox_link_settled(inbox, &document, info, next) < 0)
		return inbox_fail(inbox, err, "settle a link");
	if (inbox_audit_settled(inbox, &document, info) < 0)
		return inbox_fail(inbox, err, "note a document for the audit log");
	r = inbox_batch_commit(inbox, err);
	if (r < 0)
		return r;
	inbox->counts.queued--;
	inbox->counts.queued_bytes -= size;
	if (state == CW_INBOX_COMMITTED)
		inbox->counts.committed++;
	else if (state == CW_INBOX_REJECTED)
		inbox->counts.rejected++;
	else
		inbox->counts.poison++;
	return 0;
}

/* Documents again */

int cw_inbox_find(struct cw_inbox *inbox, const char *feed, struct cw_wall fetched_at,
                  const unsigned char sha256[CW_SHA256_LEN], struct cw_inbox_document *ret, struct cw_error *err)
{
	struct cw_inbox_meta meta = { .feed = feed, .fetched_at = fetched_at };

	return document_same(inbox, &meta, sha256, ret, err);
}

int cw_inbox_settled(struct cw_inbox *inbox, const char *feed, struct cw_wall after, uint64_t after_id,
                     struct cw_inbox_document *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_DOCUMENT_SETTLED);

	if (statement) {
		inbox_bind_text(statement, 1, feed);
		sqlite3_bind_int64(statement, 2, cw_wall_known(after) ? after.ms : INT64_MIN);
		sqlite3_bind_int64(statement, 3, (int64_t)after_id);
	}
	return document_find(inbox, statement, ret, err);
}

static void counts_requeued(struct cw_inbox *inbox, const struct cw_inbox_document *document)
{
	struct cw_inbox_counts *counts = &inbox->counts;

	counts->committed -= document->state == CW_INBOX_COMMITTED;
	counts->rejected -= document->state == CW_INBOX_REJECTED;
	counts->poison -= document->state == CW_INBOX_POISON;
	counts->queued++;
	counts->queued_bytes += document->size;
}

/* Into the batch. 1: it waits already, or its bytes are gone. */
static int requeue(struct cw_inbox *inbox, const struct cw_inbox_document *document, uint32_t flags, struct cw_error *err)
{
	uint64_t order;
	sqlite3_stmt *statement;
	int r;

	if (document->state == CW_INBOX_QUEUED || cw_wall_known(document->removed_at))
		return 1;
	r = inbox_batch_begin(inbox, err);
	if (r < 0)
		return r;
	order = inbox->next_order++;
	statement = get(inbox, ST_DOCUMENT_REQUEUE);
	if (statement) {
		sqlite3_bind_int64(statement, 1, (int64_t)document->id);
		sqlite3_bind_int64(statement, 2, (int64_t)order);
		sqlite3_bind_int64(statement, 3, CW_DOC_REPLAY | CW_DOC_RETRY);
		sqlite3_bind_int64(statement, 4, CW_DOC_REPLAY | flags);
	}
	if (!statement || inbox_run(statement) < 0 || counter_set(inbox, "order", order) < 0)
		return inbox_fail(inbox, err, "queue a document again");
	counts_requeued(inbox, document);
	return 0;
}

/* The numbers in memory after a batch that was undone. */
static int recount(struct cw_inbox *inbox, int r)
{
	if (r < 0)
		(void)count_documents(inbox, NULL);
	return r;
}

int cw_inbox_requeue(struct cw_inbox *inbox, const uint64_t *ids, size_t n, uint32_t flags, size_t *ret_queued,
                     struct cw_error *err)
{
	struct cw_inbox_document document;
	size_t queued = 0;
	int r = 0;

	/* Looked for first, so that one that is not there undoes nothing of what others have in the batch. */
	for (size_t i = 0; i < n && r >= 0; i++) {
		r = cw_inbox_document(inbox, ids[i], &document, err);
		if (r == 0)
			cw_inbox_document_clear(&document);
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r >= 0; i++) {
		r = cw_inbox_document(inbox, ids[i], &document, err);
		if (r < 0)
			break;
		r = requeue(inbox, &document, flags, err);
		queued += r == 0;
		cw_inbox_document_clear(&document);
	}
	if (r >= 0)
		r = inbox_batch_commit(inbox, err);
	else
		undo(inbox);
	if (r == 0)
		*ret_queued = queued;
	return recount(inbox, r);
}

/* Could another configuration make more of it? */
static bool mendable(const struct cw_inbox_document *document)
{
	static const enum cw_reason never[] = { CW_REASON_POISON, CW_REASON_PERSONAL_DATA, CW_REASON_SERVER_REFUSED };
	struct cw_commit_info info;
	struct cw_cursor cursor;
	bool mends = document->outcome != CW_REASON_NONE;

	for (size_t i = 0; i < CW_ARRAY_LEN(never); i++)
		if (document->outcome == never[i])
			return false;
	cw_cursor_init(&cursor, document->commit, document->commit_len);
	if (mends || !document->commit || cw_commit_info_get(&cursor, &info, NULL) < 0)
		return mends;
	for (size_t i = 0; i < CW_ARRAY_LEN(never); i++)
		info.tally.reasons[never[i]] = 0;
	for (int reason = 1; reason < CW_REASON_COUNT; reason++)
		mends |= info.tally.reasons[reason] && cw_reason_quarantines((enum cw_reason)reason);
	return mends;
}

static int reading_same(struct cw_inbox *inbox, const char *feed, const char *reading, bool *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_READING_GET);
	const unsigned char *text;
	int r;

	if (!statement)
		return inbox_db_error(inbox, err, "read a feed's state");
	inbox_bind_text(statement, 1, feed);
	r = sqlite3_step(statement);
	text = r == SQLITE_ROW ? sqlite3_column_text(statement, 0) : NULL;
	*ret = text && strcmp((const char *)text, reading) == 0;
	sqlite3_reset(statement);
	return r == SQLITE_ROW || r == SQLITE_DONE ? 0 : inbox_db_error(inbox, err, "read a feed's state");
}

int cw_inbox_requeue_all(struct cw_inbox *inbox, const char *feed, size_t *ret_queued, struct cw_error *err)
{
	struct cw_inbox_document document;
	struct cw_wall after = cw_wall_none();
	uint64_t after_id = 0;
	size_t queued = 0;
	int r;

	*ret_queued = 0;
	r = inbox_batch_begin(inbox, err);
	while (r >= 0 && (r = cw_inbox_settled(inbox, feed, after, after_id, &document, err)) == 0) {
		after = document.fetched_at;
		after_id = document.id;
		r = requeue(inbox, &document, 0, err);
		queued += r == 0;
		cw_inbox_document_clear(&document);
	}
	if (r == -ENOENT)
		r = inbox_batch_commit(inbox, err);
	else if (r < 0)
		undo(inbox);
	if (r == 0)
		*ret_queued = queued;
	return recount(inbox, r);
}

int cw_inbox_replaying(struct cw_inbox *inbox, const char *feed, uint64_t *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_DOCUMENT_REPLAYING);
	int r = 0;

	if (!statement)
		return inbox_db_error(inbox, err, "read the queue");
	inbox_bind_text(statement, 1, feed);
	sqlite3_bind_int64(statement, 2, CW_DOC_REPLAY);
	if (sqlite3_step(statement) == SQLITE_ROW)
		*ret = (uint64_t)sqlite3_column_int64(statement, 0);
	else
		r = inbox_db_error(inbox, err, "read the queue");
	sqlite3_reset(statement);
	return r;
}

int cw_inbox_requeue_mended(struct cw_inbox *inbox, const char *feed, const char *reading, size_t *ret_queued,
                            struct cw_error *err)
{
	struct cw_inbox_document document;
	struct cw_wall after = cw_wall_none();
	sqlite3_stmt *statement;
	uint64_t after_id = 0;
	size_t queued = 0;
	bool same;
	int r;

	*ret_queued = 0;
	r = reading_same(inbox, feed, reading, &same, err);
	if (r < 0 || same)
		return r;
	r = inbox_batch_begin(inbox, err);
	while (r >= 0 && (r = cw_inbox_settled(inbox, feed, after, after_id, &document, err)) == 0) {
		after = document.fetched_at;
		after_id = document.id;
		if (mendable(&document)) {
			r = requeue(inbox, &document, CW_DOC_RETRY, err);
			queued += r == 0;
		}
		cw_inbox_document_clear(&document);
	}
	if (r == -ENOENT) {
		statement = get(inbox, ST_READING_SET);
		if (statement) {
			inbox_bind_text(statement, 1, feed);
			inbox_bind_text(statement, 2, reading);
		}
		r = !statement || inbox_run(statement) < 0 ? inbox_fail(inbox, err, "save a feed's state") : inbox_batch_commit(inbox, err);
	} else if (r < 0) {
		undo(inbox);
	}
	if (r == 0)
		*ret_queued = queued;
	return recount(inbox, r);
}

/* Feeds */

int cw_inbox_feed_load(struct cw_inbox *inbox, const char *feed, struct cw_inbox_feed *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_FEED_GET);
	struct cw_inbox_feed state;
	const unsigned char *outcome;
	bool failed = false;
	int r;

	if (!statement)
		return inbox_db_error(inbox, err, "read a feed's state");
	inbox_bind_text(statement, 1, feed);
	r = sqlite3_step(statement);
	if (r != SQLITE_ROW) {
		sqlite3_reset(statement);
		if (r == SQLITE_DONE)
			return cw_error_at(err, -ENOENT, "inbox.db", 0, 0, "the feed has no state yet");
		return inbox_db_error(inbox, err, "read a feed's state");
	}
	cw_inbox_feed_init(&state);
	state.created_at = inbox_column_wall(statement, 0);
	state.last_attempt = inbox_column_wall(statement, 1);
	state.last_success = inbox_column_wall(statement, 2);
	state.next_due = inbox_column_wall(statement, 3);
	state.outage_since = inbox_column_wall(statement, 4);
	state.unconfirmed = inbox_column_wall(statement, 5);
	state.unconfirmed_document = (uint64_t)sqlite3_column_int64(statement, 6);
	state.failures = (uint32_t)sqlite3_column_int64(statement, 7);
	outcome = sqlite3_column_text(statement, 8);
	snprintf(state.outcome, sizeof(state.outcome), "%s", outcome ? (const char *)outcome : "");
	state.detail = inbox_column_text(statement, 9, &failed);
	sqlite3_reset(statement);
	if (failed)
		return cw_error_nomem(err);
	*ret = state;
	return 0;
}

int cw_inbox_feed_save(struct cw_inbox *inbox, const char *feed, const struct cw_inbox_feed *state,
                       struct cw_error *err)
{
	int r;

	r = inbox_batch_begin(inbox, err);
	if (r < 0)
		return r;
	if (feed_save(inbox, feed, state) < 0)
		return inbox_fail(inbox, err, "save a feed's state");
	if (!inbox->flush)
		return inbox_batch_commit(inbox, err);
	inbox_flush_soon(inbox);
	return 0;
}

int cw_inbox_validators(struct cw_inbox *inbox, const char *feed, const char *step, const char *url, const char *config,
                        struct cw_validators *ret, struct cw_error *err)
{
	sqlite3_stmt *statement;
	struct cw_inbox_document newest;
	struct cw_validators found = { 0 };
	const unsigned char *stored_url;
	bool failed = false;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = cw_inbox_newest(inbox, feed, 0, step, &newest, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	statement = get(inbox, ST_VALIDATORS_GET);
	if (!statement) {
		cw_inbox_document_clear(&newest);
		return inbox_db_error(inbox, err, "read a feed's validators");
	}
	inbox_bind_text(statement, 1, feed);
	r = sqlite3_step(statement);
	if (r == SQLITE_ROW) {
		stored_url = sqlite3_column_text(statement, 0);
		if (stored_url && strcmp((const char *)stored_url, url) == 0 &&
		    sqlite3_column_bytes(statement, 3) == CW_SHA256_LEN &&
		    memcmp(sqlite3_column_blob(statement, 3), newest.sha256, CW_SHA256_LEN) == 0 &&
		    !cw_inbox_deserves_another(&newest, config)) {
			found.etag = inbox_column_text(statement, 1, &failed);
			found.last_modified = inbox_column_text(statement, 2, &failed);
		}
	}
	sqlite3_reset(statement);
	cw_inbox_document_clear(&newest);
	if (failed) {
		cw_validators_clear(&found);
		return cw_error_nomem(err);
	}
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		return inbox_db_error(inbox, err, "read a feed's validators");
	*ret = found;
	return 0;
}

int cw_inbox_counts(struct cw_inbox *inbox, struct cw_inbox_counts *ret, struct cw_error *err)
{
	sqlite3_stmt *statement;
	int r = SQLITE_DONE;

	*ret = inbox->counts;
	ret->oldest = cw_wall_none();
	if (!ret->queued)
		return 0;
	statement = get(inbox, ST_DOCUMENT_OLDEST);
	if (!statement)
		return inbox_db_error(inbox, err, "read the queue");
	r = sqlite3_step(statement);
	if (r == SQLITE_ROW)
		ret->oldest = inbox_column_wall(statement, 0);
	sqlite3_reset(statement);
	return r == SQLITE_ROW || r == SQLITE_DONE ? 0 : inbox_db_error(inbox, err, "read the queue");
}

int cw_inbox_queued(struct cw_inbox *inbox, const char *feed, uint64_t *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_DOCUMENT_QUEUED);
	int r = 0;

	if (!statement)
		return inbox_db_error(inbox, err, "read the queue");
	inbox_bind_text(statement, 1, feed);
	if (sqlite3_step(statement) == SQLITE_ROW)
		*ret = (uint64_t)sqlite3_column_int64(statement, 0);
	else
		r = inbox_db_error(inbox, err, "read the queue");
	sqlite3_reset(statement);
	return r;
}

bool cw_inbox_backlog_over(const struct cw_inbox *inbox, uint64_t documents, uint64_t bytes)
{
	return inbox->counts.queued > documents || inbox->counts.queued_bytes > bytes;
}
