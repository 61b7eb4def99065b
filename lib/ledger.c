#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include <councilwatch/buf.h>
#include <councilwatch/ledger.h>

#define SCHEMA_VERSION 1
#define BUSY_MS 10000
#define CONTENT_MAX (16u * CW_OFFER_TEXT_MAX)

/* Words and dates as texts, so that the file can be read with any SQLite. INSERT OR REPLACE would delete without a DELETE. */
static const char schema[] =
    "CREATE TABLE offer_row ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, recorded_at INTEGER NOT NULL, known_at INTEGER NOT NULL, origin TEXT NOT NULL,"
    " content BLOB NOT NULL, offer_id TEXT NOT NULL CHECK (offer_id <> ''), council_id TEXT, organisation_id TEXT,"
    " recipient TEXT NOT NULL, strand TEXT NOT NULL CHECK (strand IN ('csc', 'send', 'early_years')),"
    " tier TEXT NOT NULL CHECK (tier IN ('universal', 'targeted', 'intensive')), trigger_alert_id TEXT, offered_at TEXT,"
    " contact_role TEXT, status TEXT NOT NULL CHECK (status IN ('read', 'contacted', 'offered', 'accepted', 'declined',"
    " 'delivered', 'withdrawn')), status_at TEXT NOT NULL, days REAL, product TEXT, note_ref TEXT, read_at TEXT,"
    " contact_at TEXT, reason TEXT, rating REAL, participants INTEGER, plan_until TEXT, engaged_roles TEXT,"
    " CHECK ((council_id IS NULL) <> (organisation_id IS NULL)));"
    "CREATE INDEX offer_row_by_offer ON offer_row (offer_id, known_at, id);"
    "CREATE TRIGGER offer_row_no_update BEFORE UPDATE ON offer_row BEGIN"
    " SELECT raise(ABORT, 'the ledger is append-only: add a row that puts this one right'); END;"
    "CREATE TRIGGER offer_row_no_delete BEFORE DELETE ON offer_row BEGIN"
    " SELECT raise(ABORT, 'the ledger is append-only: no row is taken out'); END;"
    "CREATE TRIGGER offer_row_no_replace BEFORE INSERT ON offer_row WHEN EXISTS (SELECT 1 FROM offer_row WHERE id = new.id) BEGIN"
    " SELECT raise(ABORT, 'the ledger is append-only: no row is replaced'); END;";

enum statement { ST_COUNTS, ST_LATEST, ST_PUT, ST_ROWS, ST_COUNT };
static const char *const statement_sql[ST_COUNT] = {
	[ST_COUNTS] = "SELECT count(*), coalesce(sum(content = ?2), 0) FROM offer_row WHERE offer_id = ?1",
	[ST_LATEST] = "SELECT content FROM offer_row WHERE offer_id = ?1 ORDER BY known_at DESC, id DESC LIMIT 1",
	[ST_PUT] = "INSERT INTO offer_row (recorded_at, known_at, origin, content, offer_id, council_id, organisation_id, recipient, strand,"
	           " tier, trigger_alert_id, offered_at, contact_role, status, status_at, days, product, note_ref, read_at, contact_at,"
	           " reason, rating, participants, plan_until, engaged_roles) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
	           " ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)",
	[ST_ROWS] = "SELECT recorded_at, known_at, origin, content, offer_id, council_id, organisation_id, recipient, strand, tier,"
	            " trigger_alert_id, offered_at, contact_role, status, status_at, days, product, note_ref, read_at, contact_at, reason,"
	            " rating, participants, plan_until, engaged_roles FROM offer_row WHERE (?1 IS NULL OR offer_id = ?1) AND"
	            " (?2 IS NULL OR known_at <= ?2) ORDER BY offer_id, known_at, id",
};

struct cw_ledger {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *statement[ST_COUNT];
};

static int ledger_error(const struct cw_ledger *ledger, struct cw_error *err, const char *what)
{
	int code = sqlite3_errcode(ledger->db) & 0xff;
	int r = code == SQLITE_FULL                              ? -ENOSPC
	        : code == SQLITE_BUSY                            ? -EBUSY
	        : code == SQLITE_NOMEM                           ? -ENOMEM
	        : code == SQLITE_READONLY                        ? -EROFS
	        : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? -EUCLEAN
	                                                         : -EIO;

	return cw_error_at(err, r, ledger->path, 0, 0, "%s: %s", what, sqlite3_errmsg(ledger->db));
}

static int execute(struct cw_ledger *ledger, const char *sql, const char *what, struct cw_error *err)
{
	return sqlite3_exec(ledger->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : ledger_error(ledger, err, what);
}

static int prepare(struct cw_ledger *ledger, enum statement which, sqlite3_stmt **ret, struct cw_error *err)
{
	if (!ledger->statement[which] && sqlite3_prepare_v3(ledger->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
	                                                    &ledger->statement[which], NULL) != SQLITE_OK)
		return ledger_error(ledger, err, "preparing a statement");
	*ret = ledger->statement[which];
	sqlite3_reset(*ret);
	sqlite3_clear_bindings(*ret);
	return 0;
}

/* 1: a row; 0: no more. */
static int step(struct cw_ledger *ledger, sqlite3_stmt *st, struct cw_error *err)
{
	int code = sqlite3_step(st);
	int r;

	if (code == SQLITE_ROW)
		return 1;
	r = code == SQLITE_DONE ? 0 : ledger_error(ledger, err, "reading or writing");
	sqlite3_reset(st);
	return r;
}

/* ---- opening ---- */

static int schema_version(struct cw_ledger *ledger, int *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	if (sqlite3_prepare_v2(ledger->db, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK)
		return ledger_error(ledger, err, "reading the schema version");
	r = step(ledger, st, err);
	if (r > 0)
		*ret = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return r < 0 ? r : 0;
}

/* The file, before SQLite makes it: the log and its index get the mode and owner that the database has. */
static int make_file(const char *state_dir, const char *path, struct cw_error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	struct stat st;
	int r = 0;

	if (fd < 0 && errno == EEXIST && access(path, W_OK) == 0)
		return 0;
	if (fd < 0 && (errno == EACCES || errno == EPERM || errno == EROFS))
		return cw_error_at(err, -errno, path, 0, 0,
		                   "this user may not write in it: %s; run this as the user that owns the state directory, or as root", strerror(errno));
	if (fd < 0 && errno == ENOENT)
		return cw_error_at(err, -EIO, path, 0, 0, "cannot be made: the state directory is not there; make it, or start councilwatchd once");
	if (fd < 0)
		return cw_error_at(err, -errno, path, 0, 0, "cannot be made: %s", strerror(errno));
	if (fchmod(fd, 0640) < 0)
		r = -errno;
	if (r == 0 && geteuid() == 0 && stat(state_dir, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) < 0)
		r = -errno;
	close(fd);
	return r < 0 ? cw_error_at(err, r, path, 0, 0, "cannot be made: %s", strerror(-r)) : 0;
}

static int make_schema(struct cw_ledger *ledger, struct cw_error *err)
{
	int version = 0;
	int r = execute(ledger, "BEGIN IMMEDIATE", "opening", err);

	if (r < 0)
		return r;
	r = schema_version(ledger, &version, err); /* another may have made it meanwhile */
	if (r == 0 && version == 0) {
		char set[64];

		snprintf(set, sizeof(set), "PRAGMA user_version = %d", SCHEMA_VERSION);
		r = execute(ledger, schema, "opening", err);
		if (r == 0)
			r = execute(ledger, set, "opening", err);
	}
	if (r == 0)
		return execute(ledger, "COMMIT", "opening", err);
	(void)sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

/* The log stays when the last one closes, so that who may only read finds it. */
static int start_writing(struct cw_ledger *ledger, struct cw_error *err)
{
	int keep = 1;
	int r = execute(ledger, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", "opening", err);

	if (r == 0 && sqlite3_file_control(ledger->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &keep) != SQLITE_OK)
		r = ledger_error(ledger, err, "opening");
	return r < 0 ? r : make_schema(ledger, err);
}

int cw_ledger_open(const char *state_dir, bool writer, struct cw_ledger **ret, struct cw_error *err)
{
	struct cw_ledger *ledger = calloc(1, sizeof(*ledger));
	int version = 0, r = 0;

	if (!ledger)
		return cw_error_nomem(err);
	if (asprintf(&ledger->path, "%s/ledger.db", state_dir) < 0) {
		ledger->path = NULL;
		r = cw_error_nomem(err);
	} else if (writer) {
		r = make_file(state_dir, ledger->path, err);
	} else if (access(ledger->path, F_OK) < 0) {
		r = cw_error_at(err, -ENOENT, ledger->path, 0, 0, "there is no ledger yet");
	}
	if (r == 0 && sqlite3_open_v2(ledger->path, &ledger->db,
	                              (writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		r = ledger->db ? ledger_error(ledger, err, "cannot be opened") : cw_error_nomem(err);
	if (r == 0) {
		sqlite3_extended_result_codes(ledger->db, 1);
		sqlite3_busy_timeout(ledger->db, BUSY_MS);
		r = writer ? start_writing(ledger, err) : 0;
	}
	if (r == 0)
		r = schema_version(ledger, &version, err);
	if (r == 0 && version == 0)
		r = cw_error_at(err, -ENOENT, ledger->path, 0, 0, "there is no ledger yet");
	else if (r == 0 && version != SCHEMA_VERSION)
		r = cw_error_at(err, -EPROTO, ledger->path, 0, 0,
		                "the ledger has schema version %d; this program works with %d: install the matching councilwatch", version,
		                SCHEMA_VERSION);
	if (r < 0) {
		cw_ledger_close(ledger);
		return r;
	}
	*ret = ledger;
	return 0;
}

void cw_ledger_close(struct cw_ledger *ledger)
{
	if (!ledger)
		return;
	for (size_t i = 0; i < ST_COUNT; i++)
		sqlite3_finalize(ledger->statement[i]);
	sqlite3_close(ledger->db);
	free(ledger->path);
	free(ledger);
}

int cw_ledger_begin(struct cw_ledger *ledger, struct cw_error *err)
{
	return execute(ledger, "BEGIN IMMEDIATE", "beginning", err);
}

int cw_ledger_commit(struct cw_ledger *ledger, struct cw_error *err)
{
	return execute(ledger, "COMMIT", "committing", err);
}

void cw_ledger_rollback(struct cw_ledger *ledger)
{
	(void)sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- what a row says ---- */

void cw_offer_init(struct cw_offer *offer)
{
	*offer = (struct cw_offer){
		.offer_id = "", .council_id = "", .organisation_id = "", .trigger_alert_id = "", .contact_role = "", .product = "",
		.note_ref = "", .reason = "", .engaged_roles = "", .origin = "",
		.offered_at = CW_DAY_NONE, .status_at = CW_DAY_NONE, .read_at = CW_DAY_NONE, .contact_at = CW_DAY_NONE, .plan_until = CW_DAY_NONE,
		.days = -1, .rating = -1, .participants = -1,
		.recorded_at = cw_wall_none(), .known_at = cw_wall_none(),
	};
}

/* All of it as one text, field after field. */
static int put_content(const struct cw_offer *o, struct cw_buf *out)
{
	const char *const texts[] = { o->offer_id, o->council_id, o->organisation_id, o->trigger_alert_id, o->contact_role,
		                      o->product,  o->note_ref,   o->reason,          o->engaged_roles };
	const int32_t days[] = { o->offered_at, o->status_at, o->read_at, o->contact_at, o->plan_until };

	cw_buf_reset(out);
	for (size_t i = 0; i < CW_ARRAY_LEN(texts); i++)
		cw_buf_put_str(out, cw_str(texts[i]));
	for (size_t i = 0; i < CW_ARRAY_LEN(days); i++)
		cw_buf_put_u32(out, (uint32_t)days[i]);
	cw_buf_printf(out, "%d %d %d %d %.6f %.6f %lld", (int)o->recipient, (int)o->strand, (int)o->tier, (int)o->status,
	              o->days < 0 ? -1.0 : o->days, o->rating < 0 ? -1.0 : o->rating, (long long)(o->participants < 0 ? -1 : o->participants));
	return out->failed;
}

bool cw_offer_same(const struct cw_offer *a, const struct cw_offer *b)
{
	struct cw_buf x, y;
	bool same;

	cw_buf_init(&x, CONTENT_MAX);
	cw_buf_init(&y, CONTENT_MAX);
	same = put_content(a, &x) == 0 && put_content(b, &y) == 0 && x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
	cw_buf_clear(&x);
	cw_buf_clear(&y);
	return same;
}

static int content_hash(const struct cw_offer *offer, unsigned char ret[CW_SHA256_LEN], struct cw_error *err)
{
	struct cw_buf content;
	int r;

	cw_buf_init(&content, CONTENT_MAX);
	r = put_content(offer, &content);
	if (r == 0)
		r = cw_sha256(content.data, content.len, ret);
	cw_buf_clear(&content);
	return r == -EMSGSIZE ? cw_error_set(err, r, "offer '%.64s' is too long", offer->offer_id) : r < 0 ? cw_error_nomem(err) : 0;
}

/* ---- writing ---- */

static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
	if (*text)
		sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

static void bind_day(sqlite3_stmt *st, int at, int32_t day)
{
	char text[CW_WALL_TEXT];

	if (day != CW_DAY_NONE)
		sqlite3_bind_text(st, at, cw_day_format(day, text), -1, SQLITE_TRANSIENT);
}

static void bind_number(sqlite3_stmt *st, int at, double number)
{
	if (number >= 0)
		sqlite3_bind_double(st, at, number);
}

static int insert(struct cw_ledger *ledger, const struct cw_offer *o, struct cw_wall known_at, const char *origin,
                  const unsigned char *content, struct cw_error *err)
{
	struct cw_wall now = cw_wall_now();
	sqlite3_stmt *st = NULL;
	int r = prepare(ledger, ST_PUT, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, now.ms);
	sqlite3_bind_int64(st, 2, cw_wall_known(known_at) ? known_at.ms : now.ms);
	sqlite3_bind_text(st, 3, origin, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 4, content, CW_SHA256_LEN, SQLITE_STATIC);
	bind_text(st, 5, o->offer_id);
	bind_text(st, 6, o->council_id);
	bind_text(st, 7, o->organisation_id);
	bind_text(st, 8, cw_recipient_names[o->recipient]);
	bind_text(st, 9, cw_strand_names[o->strand]);
	bind_text(st, 10, cw_support_names[o->tier]);
	bind_text(st, 11, o->trigger_alert_id);
	bind_day(st, 12, o->offered_at);
	bind_text(st, 13, o->contact_role);
	bind_text(st, 14, cw_offer_status_names[o->status]);
	bind_day(st, 15, o->status_at);
	bind_number(st, 16, o->days);
	bind_text(st, 17, o->product);
	bind_text(st, 18, o->note_ref);
	bind_day(st, 19, o->read_at);
	bind_day(st, 20, o->contact_at);
	bind_text(st, 21, o->reason);
	bind_number(st, 22, o->rating);
	if (o->participants >= 0)
		sqlite3_bind_int64(st, 23, o->participants);
	bind_day(st, 24, o->plan_until);
	bind_text(st, 25, o->engaged_roles);
	return step(ledger, st, err);
}

int cw_ledger_put(struct cw_ledger *ledger, const struct cw_offer *offer, struct cw_wall known_at, const char *origin, unsigned nth,
                  enum cw_put *ret, struct cw_error *err)
{
	unsigned char content[CW_SHA256_LEN];
	int64_t versions = 0, told = 0;
	sqlite3_stmt *st = NULL;
	bool latest = false;
	int r = content_hash(offer, content, err);

	if (r == 0)
		r = prepare(ledger, ST_COUNTS, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_text(st, 1, offer->offer_id, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, content, sizeof(content), SQLITE_STATIC);
	r = step(ledger, st, err);
	if (r > 0) {
		versions = sqlite3_column_int64(st, 0);
		told = sqlite3_column_int64(st, 1);
	}
	sqlite3_reset(st);
	if (r >= 0)
		r = prepare(ledger, ST_LATEST, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_text(st, 1, offer->offer_id, -1, SQLITE_STATIC);
	r = step(ledger, st, err);
	if (r > 0)
		latest = sqlite3_column_bytes(st, 0) == CW_SHA256_LEN && memcmp(sqlite3_column_blob(st, 0), content, sizeof(content)) == 0;
	sqlite3_reset(st);
	if (r < 0)
		return r;
	if (latest || (nth && (int64_t)nth <= told)) {
		*ret = latest ? CW_PUT_KNOWN : CW_PUT_EARLIER;
		return 0;
	}
	r = insert(ledger, offer, known_at, origin, content, err);
	if (r < 0)
		return r;
	*ret = versions ? CW_PUT_VERSION : CW_PUT_NEW;
	return 0;
}

/* ---- reading ---- */

static const char *column_text(sqlite3_stmt *st, int at)
{
	const char *text = (const char *)sqlite3_column_text(st, at);

	return text ? text : "";
}

static int32_t column_day(sqlite3_stmt *st, int at)
{
	const char *text = column_text(st, at);
	struct cw_wall t;

	return *text && cw_wall_parse(text, strlen(text), &t, NULL) == 0 ? cw_wall_day(t) : CW_DAY_NONE;
}

static double column_number(sqlite3_stmt *st, int at)
{
	return sqlite3_column_type(st, at) == SQLITE_NULL ? -1 : sqlite3_column_double(st, at);
}

/* -1: none of them; somebody has written in it by other means. */
static int column_word(sqlite3_stmt *st, int at, const char *const *words)
{
	const char *text = column_text(st, at);

	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

static int read_row(struct cw_ledger *ledger, sqlite3_stmt *st, struct cw_offer *ret, struct cw_error *err)
{
	int recipient = column_word(st, 7, cw_recipient_names), strand = column_word(st, 8, cw_strand_names);
	int tier = column_word(st, 9, cw_support_names), status = column_word(st, 13, cw_offer_status_names);

	if (recipient < 0 || strand < 0 || tier < 0 || status < 0)
		return cw_error_at(err, -EUCLEAN, ledger->path, 0, 0, "offer '%.64s' has a word that this program does not know",
		                   column_text(st, 4));
	*ret = (struct cw_offer){
		.recorded_at = { sqlite3_column_int64(st, 0) }, .known_at = { sqlite3_column_int64(st, 1) }, .origin = column_text(st, 2),
		.offer_id = column_text(st, 4), .council_id = column_text(st, 5), .organisation_id = column_text(st, 6),
		.recipient = (enum cw_recipient)recipient, .strand = (enum cw_strand)strand, .tier = (enum cw_support)tier,
		.trigger_alert_id = column_text(st, 10), .offered_at = column_day(st, 11), .contact_role = column_text(st, 12),
		.status = (enum cw_offer_status)status, .status_at = column_day(st, 14), .days = column_number(st, 15),
		.product = column_text(st, 16), .note_ref = column_text(st, 17), .read_at = column_day(st, 18),
		.contact_at = column_day(st, 19), .reason = column_text(st, 20), .rating = column_number(st, 21),
		.participants = sqlite3_column_type(st, 22) == SQLITE_NULL ? -1 : sqlite3_column_int64(st, 22),
		.plan_until = column_day(st, 23), .engaged_roles = column_text(st, 24),
	};
	return 0;
}

int cw_ledger_versions(struct cw_ledger *ledger, const char *offer_id, struct cw_wall known_by, cw_offer_fn *fn, void *arg,
                       struct cw_error *err)
{
	char before[CW_OFFER_ID_MAX + 1] = "";
	sqlite3_stmt *st = NULL;
	unsigned version = 0;
	int r = prepare(ledger, ST_ROWS, &st, err);

	if (r < 0)
		return r;
	if (offer_id)
		sqlite3_bind_text(st, 1, offer_id, -1, SQLITE_STATIC);
	if (cw_wall_known(known_by))
		sqlite3_bind_int64(st, 2, known_by.ms);
	while ((r = step(ledger, st, err)) > 0) {
		struct cw_offer offer;

		r = read_row(ledger, st, &offer, err);
		if (r < 0)
			break;
		version = strcmp(before, offer.offer_id) == 0 ? version + 1 : 1;
		snprintf(before, sizeof(before), "%s", offer.offer_id);
		offer.version = version;
		r = fn(arg, &offer);
		if (r < 0)
			break;
	}
	sqlite3_reset(st);
	return r;
}

/* ---- the life of an offer ---- */

struct living {
	struct cw_offer_life life;
	char *texts[9]; /* of the newest row, owned */
	cw_offer_life_fn *fn;
	void *arg;
};

static void text_fields(struct cw_offer *o, const char **ret[9])
{
	const char **const fields[9] = { &o->offer_id, &o->council_id, &o->organisation_id, &o->trigger_alert_id, &o->contact_role,
		                         &o->product,  &o->note_ref,   &o->reason,          &o->engaged_roles };

	memcpy(ret, fields, sizeof(fields));
}

static void forget_texts(struct living *living)
{
	for (size_t i = 0; i < CW_ARRAY_LEN(living->texts); i++) {
		free(living->texts[i]);
		living->texts[i] = NULL;
	}
}

static int keep_newest(struct living *living, const struct cw_offer *offer)
{
	const char **fields[9];

	forget_texts(living);
	living->life.offer = *offer;
	living->life.offer.origin = "";
	text_fields(&living->life.offer, fields);
	for (size_t i = 0; i < CW_ARRAY_LEN(fields); i++) {
		living->texts[i] = strdup(*fields[i]);
		if (!living->texts[i])
			return -ENOMEM;
		*fields[i] = living->texts[i];
	}
	return 0;
}

static int told_life(struct living *living)
{
	return living->life.versions ? living->fn(living->arg, &living->life) : 0;
}

static int add_version(void *arg, const struct cw_offer *offer)
{
	struct living *living = arg;
	struct cw_offer_life *life = &living->life;
	int r;

	if (offer->version == 1) {
		r = told_life(living);
		if (r < 0)
			return r;
		for (int s = 0; s < CW_OFFER_STATUS_COUNT; s++)
			life->reached[s] = CW_DAY_NONE;
	}
	for (int s = 0; s < CW_OFFER_STATUS_COUNT; s++)
		if (life->reached[s] != CW_DAY_NONE && life->reached[s] > offer->status_at)
			life->reached[s] = CW_DAY_NONE;
	life->reached[offer->status] = offer->status_at;
	life->versions = offer->version;
	return keep_newest(living, offer);
}

int cw_ledger_offers(struct cw_ledger *ledger, struct cw_wall known_by, cw_offer_life_fn *fn, void *arg, struct cw_error *err)
{
	struct living living = { .fn = fn, .arg = arg };
	int r = cw_ledger_versions(ledger, NULL, known_by, add_version, &living, err);

	if (r == 0)
		r = told_life(&living);
	forget_texts(&living);
	return r;
}

bool cw_offer_stood(const struct cw_offer_life *life, int32_t day, enum cw_offer_status *ret)
{
	int32_t best = CW_DAY_NONE;

	/* Of one day the furthest step counts, the newest row's own in any case. */
	for (int s = 0; s < CW_OFFER_STATUS_COUNT; s++) {
		int32_t reached = life->reached[s];

		if (reached == CW_DAY_NONE || reached > day || (best != CW_DAY_NONE && reached < best))
			continue;
		if (reached == best && *ret == life->offer.status && life->offer.status_at == best)
			continue;
		best = reached;
		*ret = (enum cw_offer_status)s;
	}
	return best != CW_DAY_NONE;
}
