/*
 * Are the databases whole? SQLite answers for pages and indexes; what the tables must say of each other, and documents of
 * their own bytes, is looked up here. Nothing is written.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <sqlite3.h>
#include <zstd.h>

#include <councilwatch/limits.h>
#include <councilwatch/storage.h>
#include <councilwatch/text.h>

#include "storage_private.h"

/* Of one damage so many examples are told; there may be a million. */
#define EXAMPLES 10
/* As in inbox.c: where the chunks of a content begin. */
#define CHUNK_SHIFT 16


/* What to do about a database that is not whole. */
#define RESTORE "stop councilwatchd and put the last backup back (\"councilwatch restore\")"
static const struct {
	const char *database;
	const char *mend;
} mends[] = {
	{ "inbox.db", RESTORE "; without one, move inbox.db away and start: evidence and alerts stay, and what the sources still have is "
	              "fetched again" },
	{ "councilwatch.db", RESTORE "; without one, move councilwatch.db away, start, and \"councilwatch replay\": everything is worked out "
	                     "anew from the kept documents, and alerts are numbered anew" },
	{ "ledger.db", RESTORE "; without one, move ledger.db away and import the files of offers again" },
	{ "audit.db", RESTORE "; without one, keep the file as it is, for whoever has to account for it, under another name" },
};

struct check {
	const struct cw_storage_watcher *watcher;
	const char *database;
	sqlite3 *db;
	unsigned damages;
	int failed; /* -errno: the check itself could not go on */
};

static const char *mend_of(const struct check *check)
{
	for (size_t i = 0; i < CW_ARRAY_LEN(mends); i++)
		if (strcmp(mends[i].database, check->database) == 0)
			return mends[i].mend;
	return "";
}

static void tell(struct check *check, bool damage, const char *mend, const char *fmt, ...) CW_PRINTF(4, 5);
static void tell(struct check *check, bool damage, const char *mend, const char *fmt, ...)
{
	struct cw_storage_finding finding = { .database = check->database, .damage = damage, .mend = mend };
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	finding.what = text;
	check->damages += damage;
	check->watcher->finding(check->watcher->arg, &finding);
}

static void progress(const struct check *check, uint64_t done, uint64_t of)
{
	if (check->watcher->progress)
		check->watcher->progress(check->watcher->arg, check->database, done, of);
}

/* A question whose rows are looked at; NULL after it was told that it cannot be asked. */
static sqlite3_stmt *ask(struct check *check, const char *sql)
{
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(check->db, sql, -1, &st, NULL) != SQLITE_OK) {
		tell(check, true, mend_of(check), "cannot be read: %s", sqlite3_errmsg(check->db));
		sqlite3_finalize(st);
		return NULL;
	}
	return st;
}

/* The next row? What ends the rows early is damage. */
static bool row(struct check *check, sqlite3_stmt *st)
{
	int code = sqlite3_step(st);

	if (code != SQLITE_ROW && code != SQLITE_DONE)
		tell(check, true, mend_of(check), "cannot be read: %s", sqlite3_errmsg(check->db));
	return code == SQLITE_ROW;
}

/* A question with one number for an answer; otherwise when there is none. */
static int64_t number(struct check *check, const char *sql, int64_t otherwise)
{
	sqlite3_stmt *st = ask(check, sql);
	int64_t n = st && row(check, st) ? sqlite3_column_int64(st, 0) : otherwise;

	sqlite3_finalize(st);
	return n;
}

static const char *column(sqlite3_stmt *st, int at)
{
	const char *text = (const char *)sqlite3_column_text(st, at);

	return text ? text : "";
}

/* ---- what SQLite knows ---- */

static const char *one_line(const char *text, char *line, size_t size)
{
	snprintf(line, size, "%s", strncmp(text, "*** in database main ***\n", 25) == 0 ? text + 25 : text);
	for (char *at = line; (at = strchr(at, '\n'));)
		*at = ';';
	return line;
}

static void check_pages(struct check *check)
{
	char line[400];
	sqlite3_stmt *st = ask(check, "PRAGMA integrity_check(10)");

	while (st && row(check, st))
		if (strcmp(column(st, 0), "ok") != 0)
			tell(check, true, mend_of(check), "%s", one_line(column(st, 0), line, sizeof(line)));
	sqlite3_finalize(st);
}

/* ---- inbox.db ---- */

/* The bytes of one content, chunk by chunk, against its size and hash. */
static void check_content(struct check *check, sqlite3_stmt *chunks, struct cw_sha256 *hash, unsigned char *plain,
                          const unsigned char *wanted, int64_t content, int64_t n_chunks, int64_t size)
{
	unsigned char sum[CW_SHA256_LEN];
	char hex[CW_SHA256_HEX];
	int64_t seen = 0, bytes = 0;
	bool good = true;

	sqlite3_reset(chunks);
	sqlite3_bind_int64(chunks, 1, content << CHUNK_SHIFT);
	sqlite3_bind_int64(chunks, 2, ((content + 1) << CHUNK_SHIFT) - 1);
	while (good && row(check, chunks)) {
		size_t len = ZSTD_decompress(plain, CW_CHUNK_MAX, sqlite3_column_blob(chunks, 1),
		                             (size_t)sqlite3_column_bytes(chunks, 1));

		good = !ZSTD_isError(len) && (int64_t)len == sqlite3_column_int64(chunks, 0);
		if (good && cw_sha256_update(hash, plain, len) < 0)
			check->failed = -ENOMEM;
		bytes += good ? (int64_t)len : 0;
		seen++;
	}
	if (cw_sha256_final(hash, sum) < 0)
		check->failed = -ENOMEM;
	if (good && seen == n_chunks && bytes == size && !memcmp(sum, wanted, sizeof(sum)))
		return;
	cw_hex(wanted, CW_SHA256_LEN, hex);
	tell(check, true, "restore the last backup for it; what it gave is in councilwatch.db all the same",
	     "document sha256:%s is not what was stored: %s", hex,
	     seen != n_chunks ? "parts of it are missing" : good ? "its bytes are others" : "it cannot be unpacked");
}

static void check_contents(struct check *check)
{
	int64_t of = number(check, "SELECT count(*) FROM content", 0), done = 0;
	CW_CLEANUP(cw_freep) unsigned char *plain = malloc(CW_CHUNK_MAX);
	struct cw_sha256 *hash = cw_sha256_new();
	sqlite3_stmt *contents = ask(check, "SELECT id, sha256, size, chunks FROM content ORDER BY id");
	sqlite3_stmt *chunks = ask(check, "SELECT size, data FROM chunk WHERE id BETWEEN ?1 AND ?2 ORDER BY id");
	unsigned before = check->damages;

	if (!plain || !hash)
		check->failed = -ENOMEM;
	while (contents && chunks && !check->failed && check->damages - before < EXAMPLES && row(check, contents)) {
		if (sqlite3_column_bytes(contents, 1) == CW_SHA256_LEN)
			check_content(check, chunks, hash, plain, sqlite3_column_blob(contents, 1),
			              sqlite3_column_int64(contents, 0), sqlite3_column_int64(contents, 3),
			              sqlite3_column_int64(contents, 2));
		else
			tell(check, true, mend_of(check), "content %lld has no hash", (long long)sqlite3_column_int64(contents, 0));
		progress(check, (uint64_t)++done, (uint64_t)of);
	}
	sqlite3_finalize(contents);
	sqlite3_finalize(chunks);
	cw_sha256_free(hash);
}

static void check_inbox(struct check *check)
{
	sqlite3_stmt *st = ask(check, "SELECT id, feed FROM document d WHERE state = 0 AND NOT EXISTS"
	                              " (SELECT 1 FROM content c WHERE c.id = d.content) LIMIT 10");

	while (st && row(check, st))
		tell(check, true, mend_of(check), "document %lld of feed %s waits, and its bytes are not there",
		     (long long)sqlite3_column_int64(st, 0), column(st, 1));
	sqlite3_finalize(st);
	check_contents(check);
}

/* ---- councilwatch.db ---- */

static void check_assessed(struct check *check)
{
	int64_t first = number(check, "SELECT coalesce(min(seq), 1) FROM alert", 1);
	int64_t last = number(check, "SELECT coalesce(max(seq), 0) FROM alert", 0);
	int64_t n = number(check, "SELECT count(*) FROM alert", 0);
	int64_t told = number(check, "SELECT coalesce(max(last_seq), 0) FROM document", 0);
	int64_t orphans = number(check, "SELECT count(*) FROM evidence e WHERE NOT EXISTS"
	                                " (SELECT 1 FROM document d WHERE d.id = e.document)", 0);

	if (first != 1 || n != last)
		tell(check, true, mend_of(check), "alerts are numbered from %lld to %lld and there are %lld of them", (long long)first,
		     (long long)last, (long long)n);
	if (told > last)
		tell(check, true, mend_of(check), "a document was committed with alert %lld, and the last one is %lld", (long long)told,
		     (long long)last);
	if (orphans)
		tell(check, true, mend_of(check), "%lld statements are of documents that are not there", (long long)orphans);
}

/* ---- one against the other ---- */

/* A document that is done has its commit. The other way round it may be that the inbox has forgotten it: retention, or an older
 * copy put back. */
static void check_together(struct check *check, const char *state_dir)
{
	CW_CLEANUP(cw_freep) char *other = NULL;
	struct cw_error err;
	sqlite3_stmt *st;
	int64_t n;

	check->failed = storage_path(state_dir, "councilwatch.db", &other, &err);
	if (check->failed)
		return;
	st = ask(check, "ATTACH ?1 AS assessed");
	if (st) {
		sqlite3_bind_text(st, 1, other, -1, SQLITE_STATIC);
		(void)row(check, st);
	}
	sqlite3_finalize(st);
	n = number(check,
	           "SELECT count(*) FROM document d WHERE state = 1 AND NOT EXISTS (SELECT 1 FROM assessed.document a"
	           " JOIN assessed.feed f ON f.id = a.feed WHERE f.name = d.feed AND a.sha256 = d.sha256 AND"
	           " a.fetched_at = d.fetched_at)",
	           0);
	if (n)
		tell(check, true, "run \"councilwatch replay\": what is kept is read again", "%lld documents are marked done whose evidence councilwatch.db does not have", (long long)n);
	n = number(check,
	           "SELECT count(*) FROM assessed.document a JOIN assessed.feed f ON f.id = a.feed WHERE NOT EXISTS"
	           " (SELECT 1 FROM document d WHERE f.name = d.feed AND a.sha256 = d.sha256 AND a.fetched_at = d.fetched_at)",
	           0);
	if (n)
		tell(check, false, "", "%lld documents gave evidence and are no longer kept", (long long)n);
}

/* ---- all of it ---- */

static int open_file(struct check *check, const char *state_dir, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *path = NULL;
	int r = storage_path(state_dir, check->database, &path, err), code;

	if (r < 0)
		return r;
	if (access(path, F_OK) < 0)
		return -ENOENT;
	code = sqlite3_open_v2(path, &check->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK)
		return check->db ? cw_error_at(err, -EIO, path, 0, 0, "cannot be opened: %s", sqlite3_errmsg(check->db))
		                 : cw_error_nomem(err);
	sqlite3_busy_timeout(check->db, 5000);
	return 0;
}

/* Room for what a busy day brings; SQLite needs some to write at all. */
static void check_room(struct check *check, const char *state_dir)
{
	struct statvfs fs;
	unsigned long long left;

	if (statvfs(state_dir, &fs) < 0)
		return;
	left = (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
	if (left < CW_STORAGE_ROOM_MB)
		tell(check, false, "make room: councilwatchd waits when there is none, and loses nothing",
		     "%llu MB are left on the file system of %s", left, state_dir);
}

int cw_storage_check(const char *state_dir, const struct cw_storage_watcher *watcher, struct cw_error *err)
{
	struct check check = { .watcher = watcher };
	bool inbox = false, assessed = false, any = false;

	for (size_t i = 0; i < storage_databases_n && !check.failed; i++) {
		unsigned before = check.damages;
		int r;

		check.database = storage_databases[i].name;
		check.db = NULL;
		r = open_file(&check, state_dir, err);
		if (r == -ENOENT)
			continue;
		any = true;
		if (r < 0) {
			sqlite3_close(check.db);
			return r;
		}
		progress(&check, 0, 0);
		/* One moment of it, whoever writes meanwhile. */
		sqlite3_exec(check.db, "BEGIN", NULL, NULL, NULL);
		check_pages(&check);
		/* What SQLite cannot read needs no further questions. */
		if (check.damages == before && !strcmp(check.database, "inbox.db"))
			check_inbox(&check);
		if (check.damages == before && !strcmp(check.database, "councilwatch.db"))
			check_assessed(&check);
		inbox |= check.damages == before && !strcmp(check.database, "inbox.db");
		assessed |= check.damages == before && !strcmp(check.database, "councilwatch.db");
		sqlite3_close(check.db);
	}
	if (!any)
		return cw_error_at(err, -ENOENT, state_dir, 0, 0, "there is no database yet: start councilwatchd, or import something");
	if (inbox && assessed && !check.failed) {
		check.database = "inbox.db";
		check.db = NULL;
		if (open_file(&check, state_dir, err) == 0)
			check_together(&check, state_dir);
		sqlite3_close(check.db);
	}
	check.database = "";
	check_room(&check, state_dir);
	return check.failed ? cw_error_nomem(err) : (int)check.damages;
}
