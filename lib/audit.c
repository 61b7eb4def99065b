#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include <councilwatch/audit.h>
#include <councilwatch/buf.h>

#include "audit_schema.h"

#define SCHEMA_VERSION 1
#define TRIGGERS 6u /* in audit.sql */
#define BUSY_MS 5000
/* Of the form of what is hashed; part of it. */
#define CONTENT_FORM 1
#define COLUMNS "seq, at, uid, account, sudo, via, action, council_id, feed, document, detail, key, hash"

enum statement { ST_LAST, ST_KEY, ST_PUT, ST_ROWS, ST_CONFIG_PUT, ST_CONFIG_GET, ST_CONFIG_LAST, ST_COUNT };

static const char *const statement_sql[ST_COUNT] = {
	[ST_LAST] = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1",
	[ST_KEY] = "SELECT seq, at, hash FROM audit WHERE key = ?1 AND key <> ''",
	[ST_PUT] = "INSERT INTO audit (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
	[ST_ROWS] = "SELECT " COLUMNS " FROM audit WHERE seq > ?1 AND (?2 IS NULL OR at >= ?2) AND (?3 IS NULL OR action = ?3)"
	            " AND (?4 IS NULL OR council_id = ?4) ORDER BY seq",
	[ST_CONFIG_PUT] = "INSERT INTO config (id, hash, text) SELECT coalesce(max(id), 0) + 1, ?1, ?2 FROM config"
	                  " HAVING NOT EXISTS (SELECT 1 FROM config WHERE hash = ?1)",
	[ST_CONFIG_GET] = "SELECT hash, text FROM config WHERE hash = ?1",
	/* The newest is that of the last row about one: a configuration may come back. */
	[ST_CONFIG_LAST] = "SELECT c.hash, c.text FROM audit a JOIN config c ON c.hash = a.document WHERE a.action = 'config'"
	                   " ORDER BY a.seq DESC LIMIT 1",
};

struct cw_audit {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *statement[ST_COUNT];
	struct cw_buf content;
};

static const char *const action_names[] = {
	[CW_AUDIT_NOTE] = "note",
	[CW_AUDIT_OVERRIDE] = "override",
	[CW_AUDIT_CONFIG] = "config",
	[CW_AUDIT_CONFIG_REFUSED] = "config_refused",
	[CW_AUDIT_RETRY] = "retry",
	[CW_AUDIT_DROP] = "drop",
	[CW_AUDIT_REPLAY] = "replay",
	[CW_AUDIT_RETENTION] = "retention",
	[CW_AUDIT_EXPORT] = "export",
	[CW_AUDIT_EXPORTED] = "exported",
	[CW_AUDIT_VIEW] = "view",
	[CW_AUDIT_OFFER] = "offer",
	[CW_AUDIT_ACTION_COUNT] = NULL,
};

const char *cw_audit_action_name(enum cw_audit_action action)
{
	return action > 0 && action < CW_AUDIT_ACTION_COUNT ? action_names[action] : "";
}

const char *const *cw_audit_action_names(void)
{
	return action_names + 1;
}

int cw_audit_action_parse(const char *name, enum cw_audit_action *ret)
{
	for (int action = 1; action < CW_AUDIT_ACTION_COUNT; action++) {
		if (strcmp(action_names[action], name) == 0) {
			*ret = (enum cw_audit_action)action;
			return 0;
		}
	}
	return -EINVAL;
}

/* ---- who ---- */

/* Printable and short enough, whatever it was. */
static void put_name(char ret[CW_AUDIT_NAME_MAX], const char *text)
{
	size_t n = 0;

	for (; text && *text && n + 1 < CW_AUDIT_NAME_MAX; text++)
		if ((unsigned char)*text > 0x20 && (unsigned char)*text < 0x7f)
			ret[n++] = *text;
	ret[n] = '\0';
}

void cw_audit_other(int64_t uid, const char *sudo, const char *via, struct cw_audit_who *ret)
{
	struct passwd entry, *found = NULL;
	char texts[4096];

	*ret = (struct cw_audit_who){ .uid = uid };
	put_name(ret->via, via);
	if (uid < 0)
		return;
	if (getpwuid_r((uid_t)uid, &entry, texts, sizeof(texts), &found) == 0 && found)
		put_name(ret->account, found->pw_name);
	if (uid == 0)
		put_name(ret->sudo, sudo);
}

void cw_audit_self(const char *via, struct cw_audit_who *ret)
{
	cw_audit_other(getuid(), getenv("SUDO_USER"), via, ret);
}

int cw_audit_who_put(const struct cw_audit_who *who, struct cw_buf *out)
{
	return cw_buf_printf(out, "%lld %s %s %s", (long long)who->uid, who->via[0] ? who->via : "-",
	                     who->account[0] ? who->account : "-", who->sudo[0] ? who->sudo : "-");
}

void cw_audit_who_parse(const char *text, struct cw_audit_who *ret)
{
	char via[CW_AUDIT_NAME_MAX], account[CW_AUDIT_NAME_MAX], sudo[CW_AUDIT_NAME_MAX];
	long long uid;

	*ret = (struct cw_audit_who){ .uid = -1 };
	if (!text || sscanf(text, "%lld %63s %63s %63s", &uid, via, account, sudo) != 4)
		return;
	ret->uid = uid;
	put_name(ret->via, strcmp(via, "-") ? via : "");
	put_name(ret->account, strcmp(account, "-") ? account : "");
	put_name(ret->sudo, strcmp(sudo, "-") ? sudo : "");
}

const char *cw_audit_submitter(const struct cw_audit_who *who, char ret[CW_AUDIT_SUBMITTER_MAX])
{
	/* No account of this machine has a colon in its name. */
	if (strchr(who->account, ':'))
		snprintf(ret, CW_AUDIT_SUBMITTER_MAX, "%s", who->account);
	else if (who->account[0])
		snprintf(ret, CW_AUDIT_SUBMITTER_MAX, "user:%s%s%s%s", who->account, who->sudo[0] ? " (sudo " : "", who->sudo,
		         who->sudo[0] ? ")" : "");
	else if (who->uid >= 0)
		snprintf(ret, CW_AUDIT_SUBMITTER_MAX, "uid:%lld", (long long)who->uid);
	else
		ret[0] = '\0';
	return ret;
}

/* ---- SQLite ---- */

static int audit_error(struct cw_audit *audit, struct cw_error *err, const char *what)
{
	int code = sqlite3_errcode(audit->db) & 0xff;
	int r = code == SQLITE_FULL                                ? -ENOSPC
	        : code == SQLITE_BUSY                              ? -EBUSY
	        : code == SQLITE_NOMEM                             ? -ENOMEM
	        : code == SQLITE_READONLY                          ? -EROFS
	        : code == SQLITE_CANTOPEN || code == SQLITE_PERM   ? -EACCES
	        : code == SQLITE_CORRUPT || code == SQLITE_NOTADB  ? -EUCLEAN
	                                                           : -EIO;

	return cw_error_at(err, r, audit->path, 0, 0, "%s: %s", what, sqlite3_errmsg(audit->db));
}

static int prepare(struct cw_audit *audit, enum statement which, sqlite3_stmt **ret, struct cw_error *err)
{
	if (!audit->statement[which] && sqlite3_prepare_v3(audit->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
	                                                   &audit->statement[which], NULL) != SQLITE_OK)
		return audit_error(audit, err, "preparing a statement");
	*ret = audit->statement[which];
	sqlite3_reset(*ret);
	return 0;
}

static int execute(struct cw_audit *audit, const char *sql, const char *what, struct cw_error *err)
{
	return sqlite3_exec(audit->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : audit_error(audit, err, what);
}

/* One number. */
static int ask(struct cw_audit *audit, const char *sql, int64_t *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(audit->db, sql, -1, &st, NULL) != SQLITE_OK)
		return audit_error(audit, err, "reading");
	if (sqlite3_step(st) == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	else
		r = audit_error(audit, err, "reading");
	sqlite3_finalize(st);
	return r;
}

static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
	sqlite3_bind_text(st, at, text ? text : "", -1, SQLITE_STATIC);
}

/* Empty, and the directory's owner's: SQLite gives its own files of the same name to the owner of this one. */
static int make_file(const char *state_dir, const char *path, struct cw_error *err)
{
	struct stat directory;
	int fd;

	if (stat(state_dir, &directory) < 0)
		return cw_error_at(err, -errno, state_dir, 0, 0, "cannot be used: %s", strerror(errno));
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return errno == EEXIST ? 0 : cw_error_at(err, -errno, path, 0, 0, "cannot be made: %s", strerror(errno));
	if (fchmod(fd, 0640) < 0 || (geteuid() == 0 && fchown(fd, directory.st_uid, directory.st_gid) < 0)) {
		int r = cw_error_at(err, -errno, path, 0, 0, "cannot be given its owner and mode: %s", strerror(errno));

		close(fd);
		return r;
	}
	close(fd);
	return 0;
}

static int set_up(struct cw_audit *audit, struct cw_error *err)
{
	char set[64];
	int64_t version = 0;
	int one = 1;
	int r;

	/* A reader who may not write in the directory needs the log's files even when nobody else has the database open. */
	(void)sqlite3_file_control(audit->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &one);
	r = execute(audit, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA recursive_triggers = ON;"
	                   "PRAGMA journal_size_limit = 1048576", "setting up", err);
	if (r == 0)
		r = ask(audit, "PRAGMA user_version", &version, err);
	if (r < 0 || version)
		return r;
	snprintf(set, sizeof(set), "PRAGMA user_version = %d; COMMIT", SCHEMA_VERSION);
	r = execute(audit, "BEGIN IMMEDIATE", "setting up", err);
	/* Another process may have been first. */
	if (r == 0)
		r = ask(audit, "PRAGMA user_version", &version, err);
	if (r == 0 && version)
		return execute(audit, "COMMIT", "setting up", err);
	if (r == 0)
		r = execute(audit, audit_schema_sql, "setting up", err);
	return r < 0 ? r : execute(audit, set, "setting up", err);
}

int cw_audit_open(const char *state_dir, bool write, struct cw_audit **ret, struct cw_error *err)
{
	struct cw_audit *audit = calloc(1, sizeof(*audit));
	int64_t version = 0;
	struct stat st;
	int r = 0;

	if (!audit)
		return cw_error_nomem(err);
	cw_buf_init(&audit->content, 4 * CW_AUDIT_DETAIL_MAX);
	if (asprintf(&audit->path, "%s/audit.db", state_dir) < 0) {
		audit->path = NULL;
		r = cw_error_nomem(err);
	}
	if (r == 0 && write)
		r = make_file(state_dir, audit->path, err);
	if (r == 0 && lstat(audit->path, &st) < 0)
		r = errno == ENOENT ? cw_error_at(err, -ENOENT, audit->path, 0, 0, "there is no audit log yet: councilwatchd makes it")
		                    : cw_error_at(err, -errno, audit->path, 0, 0, "cannot be used: %s", strerror(errno));
	if (r == 0 && !S_ISREG(st.st_mode))
		r = cw_error_at(err, -EUCLEAN, audit->path, 0, 0, "is not a file");
	/* SQLite opens for reading what it may not write, and says so late. */
	if (r == 0 && access(audit->path, write ? R_OK | W_OK : R_OK) < 0)
		r = cw_error_at(err, -errno, audit->path, 0, 0, "%s", strerror(errno));
	if (r == 0 && write && access(state_dir, W_OK | X_OK) < 0)
		r = cw_error_at(err, -errno, state_dir, 0, 0, "%s", strerror(errno));
	if (r == 0 && sqlite3_open_v2(audit->path, &audit->db,
	                              (write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX,
	                              NULL) != SQLITE_OK)
		r = audit->db ? audit_error(audit, err, "cannot open the audit log") : cw_error_nomem(err);
	if (r == 0) {
		sqlite3_busy_timeout(audit->db, BUSY_MS);
		r = write ? set_up(audit, err) : 0;
	}
	if (r == 0)
		r = ask(audit, "PRAGMA user_version", &version, err);
	if (r == 0 && !version)
		r = cw_error_at(err, -ENOENT, audit->path, 0, 0, "the audit log is empty: start councilwatchd");
	else if (r == 0 && version != SCHEMA_VERSION)
		r = cw_error_at(err, -EPROTO, audit->path, 0, 0,
		                "the audit log has schema version %lld; this program works with %d: install the matching councilwatch",
		                (long long)version, SCHEMA_VERSION);
	if (r < 0) {
		cw_audit_close(audit);
		return r;
	}
	*ret = audit;
	return 0;
}

void cw_audit_close(struct cw_audit *audit)
{
	if (!audit)
		return;
	for (size_t i = 0; i < ST_COUNT; i++)
		sqlite3_finalize(audit->statement[i]);
	sqlite3_close(audit->db);
	cw_buf_clear(&audit->content);
	free(audit->path);
	free(audit);
}

/* ---- the chain ---- */

static int put_text(struct cw_buf *buf, const char *text)
{
	return cw_buf_put_bytes(buf, text ? text : "", text ? strlen(text) : 0);
}

/* row->hash from the row before's and all that the row says. */
static int hash_row(struct cw_audit *audit, struct cw_audit_row *row, const char *action,
                    const unsigned char before[CW_SHA256_LEN])
{
	struct cw_buf *b = &audit->content;

	cw_buf_reset(b);
	cw_buf_append(b, before, CW_SHA256_LEN);
	cw_buf_put_u8(b, CONTENT_FORM);
	cw_buf_put_u64(b, row->seq);
	cw_buf_put_u64(b, (uint64_t)row->at.ms);
	cw_buf_put_u64(b, (uint64_t)row->who.uid);
	put_text(b, row->who.account);
	put_text(b, row->who.sudo);
	put_text(b, row->who.via);
	put_text(b, action);
	put_text(b, row->council_id);
	put_text(b, row->feed);
	put_text(b, row->document);
	put_text(b, row->detail);
	put_text(b, row->key);
	return b->failed ? b->failed : cw_sha256(b->data, b->len, row->hash);
}

/* 1: a row with its key is there. */
static int find_key(struct cw_audit *audit, struct cw_audit_row *row, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	if (!row->key || !row->key[0])
		return 0;
	r = prepare(audit, ST_KEY, &st, err);
	if (r < 0)
		return r;
	bind_text(st, 1, row->key);
	switch (sqlite3_step(st)) {
	case SQLITE_ROW:
		row->seq = (uint64_t)sqlite3_column_int64(st, 0);
		row->at.ms = sqlite3_column_int64(st, 1);
		if (sqlite3_column_bytes(st, 2) == CW_SHA256_LEN)
			memcpy(row->hash, sqlite3_column_blob(st, 2), CW_SHA256_LEN);
		r = 1;
		break;
	case SQLITE_DONE:
		break;
	default:
		r = audit_error(audit, err, "reading");
	}
	sqlite3_reset(st);
	return r;
}

static int last_row(struct cw_audit *audit, uint64_t *ret_seq, unsigned char hash[CW_SHA256_LEN], struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(audit, ST_LAST, &st, err), code;

	if (r < 0)
		return r;
	*ret_seq = 0;
	memset(hash, 0, CW_SHA256_LEN);
	code = sqlite3_step(st);
	if (code == SQLITE_ROW) {
		*ret_seq = (uint64_t)sqlite3_column_int64(st, 0);
		if (sqlite3_column_bytes(st, 1) == CW_SHA256_LEN)
			memcpy(hash, sqlite3_column_blob(st, 1), CW_SHA256_LEN);
	} else if (code != SQLITE_DONE) {
		r = audit_error(audit, err, "reading");
	}
	sqlite3_reset(st);
	return r;
}

static int put_row(struct cw_audit *audit, const struct cw_audit_row *row, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(audit, ST_PUT, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)row->seq);
	sqlite3_bind_int64(st, 2, row->at.ms);
	sqlite3_bind_int64(st, 3, row->who.uid);
	bind_text(st, 4, row->who.account);
	bind_text(st, 5, row->who.sudo);
	bind_text(st, 6, row->who.via);
	bind_text(st, 7, cw_audit_action_name(row->action));
	bind_text(st, 8, row->council_id);
	bind_text(st, 9, row->feed);
	bind_text(st, 10, row->document);
	bind_text(st, 11, row->detail);
	bind_text(st, 12, row->key);
	sqlite3_bind_blob(st, 13, row->hash, CW_SHA256_LEN, SQLITE_STATIC);
	r = sqlite3_step(st) == SQLITE_DONE ? 0 : audit_error(audit, err, "writing");
	sqlite3_reset(st);
	return r;
}

int cw_audit_append(struct cw_audit *audit, struct cw_audit_row *rows, size_t n, struct cw_error *err)
{
	unsigned char before[CW_SHA256_LEN];
	uint64_t seq = 0;
	int r = execute(audit, "BEGIN IMMEDIATE", "writing", err);

	if (r < 0)
		return r;
	r = last_row(audit, &seq, before, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct cw_audit_row *row = &rows[i];

		if (row->detail && strlen(row->detail) > CW_AUDIT_DETAIL_MAX)
			r = cw_error_at(err, -EMSGSIZE, audit->path, 0, 0, "the detail of a row is too long");
		else
			r = find_key(audit, row, err);
		if (r) {
			r = CW_MIN(r, 0);
			continue;
		}
		row->seq = ++seq;
		row->at = cw_wall_now();
		if (hash_row(audit, row, cw_audit_action_name(row->action), before) < 0)
			r = cw_error_nomem(err);
		else
			r = put_row(audit, row, err);
		memcpy(before, row->hash, CW_SHA256_LEN);
	}
	if (r == 0)
		r = execute(audit, "COMMIT", "committing", err);
	if (r < 0 && !sqlite3_get_autocommit(audit->db))
		(void)execute(audit, "ROLLBACK", "undoing", NULL);
	return r;
}

/* ---- reading ---- */

/* Texts are borrowed until the next step. *ret_action: the name as it stands there. */
static void read_row(sqlite3_stmt *st, struct cw_audit_row *ret, const char **ret_action)
{
	const char *text[10];

	for (int i = 0; i < 9; i++) {
		text[i] = (const char *)sqlite3_column_text(st, 3 + i);
		text[i] = text[i] ? text[i] : "";
	}
	*ret = (struct cw_audit_row){ .seq = (uint64_t)sqlite3_column_int64(st, 0),
		                      .at = { sqlite3_column_int64(st, 1) },
		                      .who = { .uid = sqlite3_column_int64(st, 2) },
		                      .council_id = text[4],
		                      .feed = text[5],
		                      .document = text[6],
		                      .detail = text[7],
		                      .key = text[8] };
	snprintf(ret->who.account, sizeof(ret->who.account), "%s", text[0]);
	snprintf(ret->who.sudo, sizeof(ret->who.sudo), "%s", text[1]);
	snprintf(ret->who.via, sizeof(ret->who.via), "%s", text[2]);
	(void)cw_audit_action_parse(text[3], &ret->action);
	*ret_action = text[3];
	if (sqlite3_column_bytes(st, 12) == CW_SHA256_LEN)
		memcpy(ret->hash, sqlite3_column_blob(st, 12), CW_SHA256_LEN);
}

int cw_audit_rows(struct cw_audit *audit, const struct cw_audit_filter *filter, cw_audit_fn *fn, void *arg,
                  struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(audit, ST_ROWS, &st, err), code = SQLITE_DONE;

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)CW_MIN(filter->after, (uint64_t)INT64_MAX));
	if (filter->since == CW_DAY_NONE)
		sqlite3_bind_null(st, 2);
	else
		sqlite3_bind_int64(st, 2, cw_day_start(filter->since).ms);
	sqlite3_bind_text(st, 3, filter->action ? cw_audit_action_name(filter->action) : NULL, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 4, filter->council_id, -1, SQLITE_STATIC);
	while (r == 0 && (code = sqlite3_step(st)) == SQLITE_ROW) {
		struct cw_audit_row row;
		const char *action;

		read_row(st, &row, &action);
		r = fn(arg, &row);
	}
	if (r == 0 && code != SQLITE_DONE)
		r = audit_error(audit, err, "reading");
	sqlite3_reset(st);
	return r;
}

int cw_audit_put_config(struct cw_audit *audit, const char *hash, const char *text, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(audit, ST_CONFIG_PUT, &st, err);

	if (r < 0)
		return r;
	bind_text(st, 1, hash);
	bind_text(st, 2, text);
	r = sqlite3_step(st) == SQLITE_DONE ? 0 : audit_error(audit, err, "writing");
	sqlite3_reset(st);
	return r;
}

int cw_audit_config(struct cw_audit *audit, const char *hash, char ret_hash[CW_SHA256_HEX], char **ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(audit, hash ? ST_CONFIG_GET : ST_CONFIG_LAST, &st, err), code;

	if (r < 0)
		return r;
	if (hash)
		bind_text(st, 1, hash);
	*ret = NULL;
	code = sqlite3_step(st);
	if (code == SQLITE_ROW) {
		if (ret_hash)
			snprintf(ret_hash, CW_SHA256_HEX, "%s", (const char *)sqlite3_column_text(st, 0));
		*ret = strdup((const char *)sqlite3_column_text(st, 1));
		r = *ret ? 0 : cw_error_nomem(err);
	} else if (code != SQLITE_DONE) {
		r = audit_error(audit, err, "reading");
	}
	sqlite3_reset(st);
	return r;
}

/* ---- is it whole? ---- */

static void found(struct cw_audit_verdict *verdict, uint64_t row, const char *fmt, ...) CW_PRINTF(3, 4);
static void found(struct cw_audit_verdict *verdict, uint64_t row, const char *fmt, ...)
{
	va_list args;

	if (verdict->problem[0])
		return;
	verdict->whole = false;
	verdict->bad = row;
	va_start(args, fmt);
	vsnprintf(verdict->problem, sizeof(verdict->problem), fmt, args);
	va_end(args);
}

static int verify_rows(struct cw_audit *audit, uint64_t expect_seq, const unsigned char expect_hash[CW_SHA256_LEN],
                       struct cw_audit_verdict *verdict, struct cw_error *err)
{
	unsigned char stored[CW_SHA256_LEN];
	sqlite3_stmt *st = NULL;
	int r = prepare(audit, ST_ROWS, &st, err), code = SQLITE_DONE;

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, 0);
	for (int i = 2; i <= 4; i++)
		sqlite3_bind_null(st, i);
	while (!verdict->problem[0] && (code = sqlite3_step(st)) == SQLITE_ROW) {
		struct cw_audit_row row;
		const char *action;

		read_row(st, &row, &action);
		memcpy(stored, row.hash, CW_SHA256_LEN);
		if (row.seq != verdict->last + 1)
			found(verdict, verdict->last + 1, "row %llu is missing", (unsigned long long)verdict->last + 1);
		else if (hash_row(audit, &row, action, verdict->hash) < 0)
			found(verdict, row.seq, "row %llu is longer than any that was written", (unsigned long long)row.seq);
		else if (memcmp(stored, row.hash, CW_SHA256_LEN) != 0)
			found(verdict, row.seq, "row %llu, or the one before it, is not as it was written", (unsigned long long)row.seq);
		else if (row.seq == expect_seq && memcmp(stored, expect_hash, CW_SHA256_LEN) != 0)
			found(verdict, row.seq, "row %llu is not the one that was noted: the log was made anew",
			      (unsigned long long)row.seq);
		verdict->last = row.seq;
		verdict->rows++;
		memcpy(verdict->hash, stored, CW_SHA256_LEN);
	}
	if (!verdict->problem[0] && code != SQLITE_DONE)
		r = audit_error(audit, err, "reading");
	sqlite3_reset(st);
	return r;
}

static int verify_configs(struct cw_audit *audit, struct cw_audit_verdict *verdict, struct cw_error *err)
{
	unsigned char digest[CW_SHA256_LEN];
	char hex[CW_SHA256_HEX];
	sqlite3_stmt *st = NULL;
	int64_t missing = 0;
	int r, code;

	if (sqlite3_prepare_v2(audit->db, "SELECT hash, text FROM config", -1, &st, NULL) != SQLITE_OK)
		return audit_error(audit, err, "reading");
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 1);

		if (!text || cw_sha256(text, strlen(text), digest) < 0)
			continue;
		cw_hex(digest, sizeof(digest), hex);
		if (strcmp(hex, (const char *)sqlite3_column_text(st, 0)) != 0)
			found(verdict, 0, "the configuration kept as sha256:%.12s is not as it was written",
			      (const char *)sqlite3_column_text(st, 0));
	}
	r = code == SQLITE_DONE ? 0 : audit_error(audit, err, "reading");
	sqlite3_finalize(st);
	if (r == 0)
		r = ask(audit, "SELECT coalesce(min(seq), 0) FROM audit WHERE action = 'config' AND"
		               " document NOT IN (SELECT hash FROM config)", &missing, err);
	if (r == 0 && missing)
		found(verdict, (uint64_t)missing, "the configuration of row %lld is missing", (long long)missing);
	return r;
}

/* Those that stand there as they were made. */
static int count_triggers(struct cw_audit *audit, unsigned *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int code;

	if (sqlite3_prepare_v2(audit->db, "SELECT sql FROM sqlite_master WHERE type = 'trigger'", -1, &st, NULL) != SQLITE_OK)
		return audit_error(audit, err, "reading");
	while ((code = sqlite3_step(st)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 0);

		*ret += text && strstr(audit_schema_sql, text) != NULL;
	}
	sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : audit_error(audit, err, "reading");
}

int cw_audit_verify(struct cw_audit *audit, uint64_t expect_seq, const unsigned char expect_hash[CW_SHA256_LEN],
                    struct cw_audit_verdict *ret, struct cw_error *err)
{
	struct cw_audit_verdict verdict = { .whole = true };
	int64_t ever = 0;
	unsigned triggers = 0;
	int r = execute(audit, "BEGIN", "reading", err);

	if (r < 0)
		return r;
	r = verify_rows(audit, expect_seq, expect_hash, &verdict, err);
	/* SQLite itself remembers the highest number it ever gave. */
	if (r == 0)
		r = ask(audit, "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0)", &ever, err);
	if (r == 0 && (uint64_t)ever > verdict.last)
		found(&verdict, verdict.last + 1, "rows %llu to %lld, the last ones, are missing", (unsigned long long)verdict.last + 1,
		      (long long)ever);
	if (r == 0 && expect_seq > verdict.last)
		found(&verdict, verdict.last + 1, "row %llu was noted, but %llu is the last", (unsigned long long)expect_seq,
		      (unsigned long long)verdict.last);
	if (r == 0)
		r = verify_configs(audit, &verdict, err);
	if (r == 0)
		r = count_triggers(audit, &triggers, err);
	if (r == 0 && triggers != TRIGGERS)
		found(&verdict, 0, "what refuses changes was removed from the file: somebody has worked on it");
	(void)execute(audit, "COMMIT", "reading", NULL);
	if (r == 0)
		*ret = verdict;
	return r;
}
