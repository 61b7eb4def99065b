/* The support ledger: rows that are never changed, reading the same again, the life of an offer; and offers as people write them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include <councilwatch/buf.h>
#include <councilwatch/ledger.h>
#include <councilwatch/offers.h>

struct place {
	char directory[32];
	struct cw_councils *councils;
	struct cw_buf told;
};

static int set_up(void **state)
{
	static const struct cw_council_tables tables = { CW_SOURCE_DIR "/config/councils.csv", CW_SOURCE_DIR "/config/aliases.csv",
		                                         CW_SOURCE_DIR "/config/lineage.csv", CW_SOURCE_DIR "/config/organisations.csv",
		                                         CW_SOURCE_DIR "/config/other-bodies.csv" };
	static struct place place;
	struct cw_error err;

	place = (struct place){ .directory = "/tmp/cw-ledger.XXXXXX" };
	cw_buf_init(&place.told, 1u << 16);
	*state = &place;
	return mkdtemp(place.directory) && cw_councils_load(&tables, NULL, NULL, &place.councils, &err) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "ledger.db", "ledger.db-wal", "ledger.db-shm", "rows" };
	struct place *place = *state;

	for (size_t i = 0; i < CW_ARRAY_LEN(names); i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/%s", place->directory, names[i]);
		unlink(path);
	}
	cw_councils_free(place->councils);
	cw_buf_clear(&place->told);
	return rmdir(place->directory);
}

static int32_t day(const char *text)
{
	struct cw_wall t;

	assert_int_equal(cw_wall_parse(text, strlen(text), &t, NULL), 0);
	return cw_wall_day(t);
}

static struct cw_offer offer(const char *id, enum cw_offer_status status, const char *status_at)
{
	struct cw_offer o;

	cw_offer_init(&o);
	o.offer_id = id;
	o.council_id = "leeds";
	o.offered_at = day("2025-01-06");
	o.status = status;
	o.status_at = day(status_at);
	return o;
}

static struct cw_ledger *open_ledger(const struct place *place)
{
	struct cw_ledger *ledger = NULL;
	struct cw_error err = { 0 };

	if (cw_ledger_open(place->directory, true, &ledger, &err) < 0)
		fail_msg("%s", err.text);
	return ledger;
}

static enum cw_put put(struct cw_ledger *ledger, const struct cw_offer *o, unsigned nth)
{
	struct cw_error err = { 0 };
	enum cw_put how = 0;

	if (cw_ledger_put(ledger, o, cw_wall_none(), "import", nth, &how, &err) < 0)
		fail_msg("%s", err.text);
	return how;
}

/* ---- the database ---- */

static void test_no_ledger(void **state)
{
	const struct place *place = *state;
	struct cw_ledger *ledger = NULL;
	struct cw_error err;

	assert_int_equal(cw_ledger_open(place->directory, false, &ledger, &err), -ENOENT);
	assert_null(ledger);
}

static void test_file(void **state)
{
	const struct place *place = *state;
	char path[64], text[16] = "";
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	struct stat st_file;
	mode_t old = umask(0);

	cw_ledger_close(open_ledger(place));
	umask(old);
	snprintf(path, sizeof(path), "%s/ledger.db", place->directory);
	assert_int_equal(stat(path, &st_file), 0);
	assert_int_equal(st_file.st_mode & 0777, 0640);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	snprintf(text, sizeof(text), "%s", (const char *)sqlite3_column_text(st, 0));
	assert_string_equal(text, "wal");
	sqlite3_finalize(st);
	sqlite3_close(db);
}

/* Root makes it for whoever owns the directory. */
static void test_owner(void **state)
{
	const struct place *place = *state;
	static const char *const names[] = { "ledger.db", "ledger.db-wal", "ledger.db-shm" };
	struct cw_ledger *ledger;
	struct cw_offer o = offer("1", CW_OFFER_OFFERED, "2025-01-06");

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(place->directory, 12345, 12346), 0);
	ledger = open_ledger(place);
	assert_int_equal(put(ledger, &o, 1), CW_PUT_NEW);
	for (size_t i = 0; i < CW_ARRAY_LEN(names); i++) {
		struct stat st;
		char path[64];

		snprintf(path, sizeof(path), "%s/%s", place->directory, names[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_uid, 12345);
		assert_int_equal(st.st_gid, 12346);
	}
	cw_ledger_close(ledger);
}

static void test_append_only(void **state)
{
	static const char *const refused[] = {
		"UPDATE offer_row SET status = 'delivered'",
		"UPDATE offer_row SET days = 3 WHERE offer_id = 'nobody'; UPDATE offer_row SET days = 3",
		"DELETE FROM offer_row",
		"INSERT OR REPLACE INTO offer_row SELECT * FROM offer_row",
		"REPLACE INTO offer_row (id, recorded_at, known_at, origin, content, offer_id, council_id, recipient, strand, tier, status, status_at)"
		" VALUES (1, 0, 0, '', x'', '1', 'york', 'council', 'csc', 'targeted', 'offered', '2025-01-01')",
		"INSERT INTO offer_row (id, recorded_at, known_at, origin, content, offer_id, council_id, recipient, strand, tier, status, status_at)"
		" VALUES (1, 0, 0, '', x'', '1', 'york', 'council', 'csc', 'targeted', 'offered', '2025-01-01') ON CONFLICT (id) DO UPDATE SET days = 1",
		"UPDATE offer_row SET id = 7",
	};
	const struct place *place = *state;
	struct cw_ledger *ledger = open_ledger(place);
	struct cw_offer o = offer("1", CW_OFFER_OFFERED, "2025-01-06");
	sqlite3 *db = NULL;
	char path[64];

	assert_int_equal(put(ledger, &o, 1), CW_PUT_NEW);
	snprintf(path, sizeof(path), "%s/ledger.db", place->directory);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (size_t i = 0; i < CW_ARRAY_LEN(refused); i++) {
		assert_int_equal(sqlite3_exec(db, refused[i], NULL, NULL, NULL), SQLITE_CONSTRAINT);
		if (!strstr(sqlite3_errmsg(db), "the ledger is append-only"))
			fail_msg("%s: %s", refused[i], sqlite3_errmsg(db));
	}
	sqlite3_close(db);
	assert_int_equal(put(ledger, &o, 1), CW_PUT_KNOWN);
	cw_ledger_close(ledger);
}

struct seen {
	unsigned n;
	char text[1024];
};

static int see(void *arg, const struct cw_offer *o)
{
	struct seen *seen = arg;
	char when[CW_WALL_TEXT];
	size_t len = strlen(seen->text);

	seen->n++;
	snprintf(seen->text + len, sizeof(seen->text) - len, "%s/%u %s %s;", o->offer_id, o->version, cw_offer_status_names[o->status],
	         cw_day_format(o->status_at, when));
	return 0;
}

static struct seen rows_of(struct cw_ledger *ledger, struct cw_wall by)
{
	struct seen seen = { 0 };
	struct cw_error err;

	assert_int_equal(cw_ledger_versions(ledger, NULL, by, see, &seen, &err), 0);
	return seen;
}

/* A file read again adds nothing; one that grew adds what is new; a statement that comes back is one more. */
static void test_again(void **state)
{
	struct cw_ledger *ledger = open_ledger(*state);
	struct cw_offer a = offer("1", CW_OFFER_OFFERED, "2025-01-06"), b = offer("1", CW_OFFER_ACCEPTED, "2025-01-10");

	assert_int_equal(put(ledger, &a, 1), CW_PUT_NEW);
	assert_int_equal(put(ledger, &a, 1), CW_PUT_KNOWN);
	assert_int_equal(put(ledger, &b, 1), CW_PUT_VERSION);
	assert_int_equal(put(ledger, &b, 1), CW_PUT_KNOWN);
	assert_int_equal(put(ledger, &a, 1), CW_PUT_EARLIER); /* the older file */
	assert_int_equal(put(ledger, &a, 2), CW_PUT_VERSION); /* the log of a person who went back to it */
	assert_int_equal(put(ledger, &b, 1), CW_PUT_EARLIER);
	assert_int_equal(put(ledger, &b, 0), CW_PUT_VERSION); /* by hand */
	assert_int_equal(put(ledger, &b, 0), CW_PUT_KNOWN);
	assert_string_equal(rows_of(ledger, cw_wall_none()).text,
	                    "1/1 offered 2025-01-06;1/2 accepted 2025-01-10;1/3 offered 2025-01-06;1/4 accepted 2025-01-10;");
	cw_ledger_close(ledger);
}

static void test_known_by(void **state)
{
	struct cw_ledger *ledger = open_ledger(*state);
	struct cw_offer a = offer("1", CW_OFFER_OFFERED, "2025-01-06"), b = offer("1", CW_OFFER_ACCEPTED, "2025-01-10");
	struct cw_error err;
	enum cw_put how;

	assert_int_equal(put(ledger, &b, 1), CW_PUT_NEW);
	/* Brought over from an older record, after it. */
	assert_int_equal(cw_ledger_put(ledger, &a, cw_day_start(day("2025-01-07")), "import", 1, &how, &err), 0);
	assert_int_equal(how, CW_PUT_VERSION);
	assert_string_equal(rows_of(ledger, cw_day_start(day("2025-01-06"))).text, "");
	assert_string_equal(rows_of(ledger, cw_day_start(day("2025-01-07"))).text, "1/1 offered 2025-01-06;");
	assert_string_equal(rows_of(ledger, cw_wall_none()).text, "1/1 offered 2025-01-06;1/2 accepted 2025-01-10;");
	cw_ledger_close(ledger);
}

static void test_rollback(void **state)
{
	struct cw_ledger *ledger = open_ledger(*state);
	struct cw_offer a = offer("1", CW_OFFER_OFFERED, "2025-01-06");
	struct cw_error err;

	assert_int_equal(cw_ledger_begin(ledger, &err), 0);
	assert_int_equal(put(ledger, &a, 1), CW_PUT_NEW);
	cw_ledger_rollback(ledger);
	assert_int_equal(rows_of(ledger, cw_wall_none()).n, 0);
	cw_ledger_close(ledger);
}

/* Several at once: nobody's rows are lost, and no offer is there twice. */
static void test_writers(void **state)
{
	pid_t pids[4];
	struct cw_ledger *ledger;

	for (size_t p = 0; p < CW_ARRAY_LEN(pids); p++) {
		pids[p] = fork();
		if (pids[p])
			continue;
		ledger = NULL;
		if (cw_ledger_open(((struct place *)*state)->directory, true, &ledger, NULL) < 0)
			_exit(1);
		for (unsigned i = 0; i < 10; i++) {
			enum cw_put how;
			char id[16];
			struct cw_offer o;

			snprintf(id, sizeof(id), "%u", i); /* the same of each */
			o = offer(id, CW_OFFER_OFFERED, "2025-01-06");
			if (cw_ledger_begin(ledger, NULL) < 0 || cw_ledger_put(ledger, &o, cw_wall_none(), "import", 1, &how, NULL) < 0)
				_exit(2);
			snprintf(id, sizeof(id), "%zu-%u", p, i);
			o = offer(id, CW_OFFER_OFFERED, "2025-01-06");
			if (cw_ledger_put(ledger, &o, cw_wall_none(), "import", 1, &how, NULL) < 0 || how != CW_PUT_NEW ||
			    cw_ledger_commit(ledger, NULL) < 0)
				_exit(3);
		}
		cw_ledger_close(ledger);
		_exit(0);
	}
	for (size_t p = 0; p < CW_ARRAY_LEN(pids); p++) {
		int status = -1;

		assert_int_equal(waitpid(pids[p], &status, 0), pids[p]);
		assert_int_equal(status, 0);
	}
	ledger = open_ledger(*state);
	assert_int_equal(rows_of(ledger, cw_wall_none()).n, 10 + 4 * 10);
	cw_ledger_close(ledger);
}

/* ---- the life of an offer ---- */

static int take_life(void *arg, const struct cw_offer_life *life)
{
	struct seen *seen = arg;
	char when[CW_WALL_TEXT];

	seen->n++;
	for (int s = 0; s < CW_OFFER_STATUS_COUNT; s++)
		if (life->reached[s] != CW_DAY_NONE) {
			size_t len = strlen(seen->text);

			snprintf(seen->text + len, sizeof(seen->text) - len, "%s %s;", cw_offer_status_names[s],
			         cw_day_format(life->reached[s], when));
		}
	for (size_t i = 0; i < 3; i++) {
		static const char *const at[] = { "2025-01-05", "2025-01-15", "2025-03-01" };
		enum cw_offer_status stood;
		size_t len = strlen(seen->text);

		snprintf(seen->text + len, sizeof(seen->text) - len, " %s",
		         cw_offer_stood(life, day(at[i]), &stood) ? cw_offer_status_names[stood] : "-");
	}
	return 0;
}

static const struct {
	const char *name;
	struct {
		enum cw_offer_status status;
		const char *at;
	} rows[4];
	size_t n;
	const char *expected; /* when each was reached; how it stood on three days */
} lives[] = {
	{ "steps", { { CW_OFFER_OFFERED, "2025-01-06" }, { CW_OFFER_ACCEPTED, "2025-01-10" }, { CW_OFFER_DELIVERED, "2025-02-20" } }, 3,
	  "offered 2025-01-06;accepted 2025-01-10;delivered 2025-02-20; - accepted delivered" },
	{ "a day put right", { { CW_OFFER_OFFERED, "2025-01-06" }, { CW_OFFER_ACCEPTED, "2025-01-10" }, { CW_OFFER_ACCEPTED, "2025-01-20" } }, 3,
	  "offered 2025-01-06;accepted 2025-01-20; - offered accepted" },
	{ "a step that never was", { { CW_OFFER_OFFERED, "2025-01-06" }, { CW_OFFER_ACCEPTED, "2025-01-10" }, { CW_OFFER_DECLINED, "2025-01-08" } }, 3,
	  "offered 2025-01-06;declined 2025-01-08; - declined declined" },
	{ "declined, then accepted", { { CW_OFFER_DECLINED, "2025-01-10" }, { CW_OFFER_ACCEPTED, "2025-02-01" } }, 2,
	  "accepted 2025-02-01;declined 2025-01-10; - declined accepted" },
	{ "both on one day", { { CW_OFFER_ACCEPTED, "2025-01-10" }, { CW_OFFER_DELIVERED, "2025-01-10" } }, 2,
	  "accepted 2025-01-10;delivered 2025-01-10; - delivered delivered" },
	{ "back on one day", { { CW_OFFER_DECLINED, "2025-01-10" }, { CW_OFFER_ACCEPTED, "2025-01-10" } }, 2,
	  "accepted 2025-01-10;declined 2025-01-10; - accepted accepted" },
};

static void test_life(void **state)
{
	const size_t i = (size_t)(uintptr_t)*state;
	struct place *place;
	struct cw_ledger *ledger;
	struct seen seen = { 0 };
	struct cw_error err;

	assert_int_equal(set_up((void **)&place), 0);
	ledger = open_ledger(place);
	for (size_t k = 0; k < lives[i].n; k++) {
		struct cw_offer o = offer("1", lives[i].rows[k].status, lives[i].rows[k].at);

		put(ledger, &o, 0);
	}
	assert_int_equal(cw_ledger_offers(ledger, cw_wall_none(), take_life, &seen, &err), 0);
	assert_string_equal(seen.text, lives[i].expected);
	assert_int_equal(seen.n, 1);
	cw_ledger_close(ledger);
	assert_int_equal(tear_down((void **)&place), 0);
}

/* ---- as people write them ---- */

static void collect(void *arg, const struct cw_error *err)
{
	struct place *place = arg;

	cw_buf_printf(&place->told, "%u: %s\n", err->line, err->text);
}

static int find_alert(void *arg, const char *id, char **ret_council, int32_t *ret_day)
{
	(void)arg;
	if (strcmp(id, "a1") != 0)
		return 0;
	*ret_council = strdup("leeds");
	*ret_day = day("2025-02-03");
	return 1;
}

static int read_text(struct place *place, const char *text, struct cw_offer_rows *rows)
{
	struct cw_offer_rules rules = { .councils = place->councils, .today = day("2025-06-30"), .alert = find_alert, .report = collect,
		                        .warn = collect, .report_arg = place };
	struct cw_error err = { 0 };
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/rows", place->directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	cw_buf_reset(&place->told);
	return cw_offer_rows_read(&rules, path, rows, &err);
}

static void test_read(void **state)
{
	struct place *place = *state;
	struct cw_offer_rows rows = { 0 };
	const struct cw_offer *o;

	assert_int_equal(read_text(place,
	                           "\xef\xbb\xbfOffer ID,council,organisation_id,Organisation Kind,strand,tier,trigger_alert_id,offered_at,contact_role,"
	                           "status,status_at,days,product,note_ref,rating,participants,plan_until,engaged_roles,reason\r\n"
	                           "1,380,,,csc,targeted,,02/01/2025,Director of Children's Services,delivered,2025-02-01,3.5,\"peer "
	                           "challenge, SEND\",N-1,4.5,20,2026-01-01,Chief Executive|Leader of the Council|head of service|Portfolio holder,\r\n"
	                           "2,,North West alliance,regional_alliance,early_years,universal,,2025-01-02,,declined,2025-01-03,,,,,,,,no time\r\n"
	                           ",,,,,,,,,,,,,,,,,,\r\n"
	                           "3,E08000035,,,send,intensive,a1,2025-02-03,,offered,,,,,,,,,\r\n"
	                           "4,,Greater Manchester Combined Authority,,csc,universal,,2025-02-03,,offered,,,,,,,,,\r\n",
	                           &rows),
	                 0);
	assert_string_equal(cw_buf_str(&place->told), "");
	assert_int_equal(rows.n, 4);
	assert_int_equal(rows.wrong, 0);
	o = &rows.at[0].offer;
	assert_string_equal(o->council_id, "bradford");
	assert_string_equal(o->contact_role, "dcs");
	assert_string_equal(o->engaged_roles, "chief_executive|leader|head of service|lmcs");
	assert_string_equal(o->product, "peer challenge, SEND");
	assert_int_equal(o->offered_at, day("2025-01-02"));
	assert_int_equal(o->plan_until, day("2026-01-01"));
	assert_true(o->days == 3.5 && o->rating == 4.5 && o->participants == 20);
	o = &rows.at[1].offer;
	assert_string_equal(o->organisation_id, "north-west-alliance");
	assert_int_equal(o->recipient, CW_TO_REGIONAL_ALLIANCE);
	assert_string_equal(o->reason, "no time");
	assert_true(o->days < 0 && o->participants < 0);
	o = &rows.at[2].offer;
	assert_string_equal(o->council_id, "leeds");
	assert_int_equal(o->status_at, o->offered_at);
	assert_int_equal(rows.at[2].line, 5);
	assert_int_equal(rows.at[3].offer.recipient, CW_TO_COMBINED_AUTHORITY);
	cw_offer_rows_clear(&rows);
}

static void test_json_lines(void **state)
{
	struct place *place = *state;
	struct cw_offer_rows rows = { 0 };

	assert_int_equal(read_text(place,
	                           "{\"offer_id\":\"1\",\"council_id\":\"leeds\",\"strand\":\"send\",\"tier\":\"targeted\",\"offered_at\":\"2025-01-02\","
	                           "\"status\":\"offered\",\"days\":null,\"engaged_roles\":[\"dcs\",\"mayor\"]}\n\n"
	                           "{\"offer_id\":\"1\",\"council_id\":\"leeds\",\"strand\":\"send\",\"tier\":\"targeted\",\"offered_at\":\"2025-01-02\","
	                           "\"status\":\"delivered\",\"status_at\":\"2025-02-02\",\"days\":2.5}\r\n"
	                           "{\"offer_id\":\"1\",\"council_id\":\"leeds\",\"strand\":\"send\",\"tier\":\"targeted\",\"offered_at\":\"2025-01-02\","
	                           "\"status\":\"offered\",\"engaged_roles\":\"dcs|leader\"}",
	                           &rows),
	                 0);
	assert_string_equal(cw_buf_str(&place->told), "");
	assert_int_equal(rows.n, 3);
	assert_true(rows.at[1].offer.days == 2.5);
	assert_string_equal(rows.at[0].offer.engaged_roles, "dcs|leader");
	/* The third says what the first did, after another. */
	assert_int_equal(rows.at[0].nth, 1);
	assert_int_equal(rows.at[1].nth, 1);
	assert_int_equal(rows.at[2].nth, 2);
	assert_int_equal(rows.at[1].line, 3);
	cw_offer_rows_clear(&rows);
}

#define HEAD "offer_id,council_id,organisation_id,strand,tier,trigger_alert_id,offered_at,contact_role,status,status_at,days,product\n"

static const struct {
	const char *name, *text;
	int result;
	size_t n, wrong;
	const char *told;
} mistaken[] = {
	{ "words", HEAD "1,leeds,,cs,targetted,,2025-01-02,,acepted,2025-01-02,,\n", 0, 1, 1,
	  "2: strand is 'cs'; did you mean 'csc'?\n2: tier is 'targetted'; did you mean 'targeted'?\n2: status is 'acepted'; did you mean 'accepted'?\n" },
	{ "a word that is nothing", HEAD "1,leeds,,adults,targeted,,2025-01-02,,offered,,,\n", 0, 1, 1,
	  "2: strand is 'adults'; write csc, send or early_years\n" },
	{ "missing", HEAD ",,,,,,,,,,,5\n", 0, 1, 1,
	  "2: offer_id is missing; give each offer a short one of its own, such as 2024-017\n2: strand is missing; write csc, send or early_years\n"
	  "2: tier is missing; write universal, targeted or intensive\n"
	  "2: status is missing; write read, contacted, offered, accepted, declined, delivered or withdrawn\n"
	  "2: status_at is missing; write the day since when it is so\n"
	  "2: council_id is missing; say to which council the offer was made, or give an organisation_id\n" },
	{ "days", HEAD "1,leeds,,csc,targeted,,2025-02-30,,accepted,2025-07-01,-1,\n", 0, 1, 1,
	  "2: offered_at is '2025-02-30'; write the day as 2024-09-02 or 02/09/2024\n"
	  "2: status_at is 2025-07-01, after today (2025-06-30); correct the day, or record it when it has come\n"
	  "2: days is '-1'; write a number from 0 to 1000, or nothing\n" },
	{ "order", HEAD "1,leeds,,csc,targeted,,2025-02-03,,accepted,2025-02-01,,\n", 0, 1, 1, "2: status_at is before offered_at; correct one\n" },
	{ "accepted, never offered", HEAD "1,leeds,,csc,targeted,,,,accepted,2025-02-01,,\n", 0, 1, 1,
	  "2: offered_at is missing; an offer that is accepted was made on some day\n" },
	{ "unknown council", HEAD "1,Leedz,,csc,targeted,,2025-02-03,,offered,,,\n", 0, 1, 1, "2: council_id 'Leedz' is no council; did you mean 'leeds'?\n" },
	{ "a council that ended", HEAD "1,Northamptonshire,,csc,targeted,,2022-02-03,,offered,,,\n2,Northamptonshire,,csc,targeted,,2020-02-03,,offered,,,\n", 0,
	  2, 1, "2: council_id 'northamptonshire' ended on 2021-03-31; name the council that has its area now\n" },
	{ "two recipients", HEAD "1,leeds,birmingham-childrens-trust,csc,targeted,,2025-02-03,,offered,,,\n", 0, 1, 1,
	  "2: council_id and organisation_id are both given; an offer is to one of them\n" },
	{ "unknown organisation", HEAD "1,,birmingham-children-trust,csc,targeted,,2025-02-03,,offered,,,\n", 0, 1, 1,
	  "2: organisation_id 'birmingham-children-trust' is not in the table of organisations; did you mean 'birmingham-childrens-trust'?; correct it, "
	  "or give its organisation_kind: trust, icb, safeguarding_partnership, regional_alliance, combined_authority, council or other\n" },
	{ "unknown alert", HEAD "1,leeds,,csc,targeted,a2,2025-02-03,,offered,,,\n", 0, 1, 1,
	  "2: trigger_alert_id 'a2' is the id of no alert; 'councilwatch alerts --json' has them, or leave it empty\n" },
	{ "another council's alert", HEAD "1,york,,csc,targeted,a1,2025-02-03,,offered,,,\n", 0, 1, 1,
	  "2: trigger_alert_id 'a1' is an alert about leeds, not about york; correct one\n" },
	{ "before its alert", HEAD "1,leeds,,csc,targeted,a1,2025-02-01,,offered,,,\n", 0, 1, 0,
	  "2: offered_at is 2025-02-01, before the alert it answers (2025-02-03); it counts as made on the same day\n" },
	{ "names", HEAD "1,leeds,,csc,targeted,,2025-02-03,Mrs Smith,offered,,,advice to Jane Smith\n", 0, 1, 1,
	  "2: contact_role seems to hold a person's name: 'Mrs Smith'. Name the role and the event: \"the lead member\", not who it is.\n"
	  "2: product seems to hold a person's name: 'Jane Smith'. Name the role and the event: \"the director of children's services\", not who it is.\n" },
	{ "headings", "offer_id,council_id,strnd,tier,status,status\n1,leeds,csc,targeted,offered,\n", -EINVAL, 0, 0,
	  "1: unknown heading 'strnd'; did you mean 'strand'?\n1: two columns are status; take one out\n1: there is no column strand\n" },
	{ "empty", "", -EINVAL, 0, 0, "1: is empty; the first row must name the columns\n" },
	{ "a short row", HEAD "1,leeds\n2,leeds,,csc,targeted,,2025-02-03,,offered,,,\n", 0, 1, 1, "2: has 2 fields, but the first row names 12 columns\n" },
	{ "bytes", HEAD "1,leeds,,csc,targeted,,2025-02-03,,offered,,,\xff\n", -EINVAL, 0, 0, "2: is not UTF-8; save the file as UTF-8\n" },
	{ "no object", "{\"offer_id\":\n[1]\n", 0, 0, 2,
	  "1: is no JSON object: unexpected token near end of file; write one object on each line\n"
	  "2: is no JSON object: it is an array; write one object on each line\n" },
	{ "members", "{\"offer_id\":\"1\",\"statuss\":\"offered\",\"days\":true}\n", 0, 0, 1,
	  "1: unknown member 'statuss'; did you mean 'status'?\n1: days is neither a text nor a number\n" },
};

static void test_mistake(void **state)
{
	const size_t i = (size_t)(uintptr_t)*state;
	struct cw_offer_rows rows = { 0 };
	struct place *place;

	assert_int_equal(set_up((void **)&place), 0);
	assert_int_equal(read_text(place, mistaken[i].text, &rows), mistaken[i].result);
	assert_string_equal(cw_buf_str(&place->told), mistaken[i].told);
	assert_int_equal(rows.n, mistaken[i].n);
	assert_int_equal(rows.wrong, mistaken[i].wrong);
	cw_offer_rows_clear(&rows);
	assert_int_equal(tear_down((void **)&place), 0);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest first[] = {
		WITH_PLACE(test_no_ledger), WITH_PLACE(test_file),     WITH_PLACE(test_owner),   WITH_PLACE(test_append_only), WITH_PLACE(test_again),
		WITH_PLACE(test_known_by),  WITH_PLACE(test_rollback), WITH_PLACE(test_writers), WITH_PLACE(test_read),        WITH_PLACE(test_json_lines),
	};
	struct CMUnitTest tests[64];
	size_t n = CW_ARRAY_LEN(first);

	memcpy(tests, first, sizeof(first));
	for (size_t i = 0; i < CW_ARRAY_LEN(lives); i++)
		tests[n++] = (struct CMUnitTest){ .name = lives[i].name, .test_func = test_life, .initial_state = (void *)(uintptr_t)i };
	for (size_t i = 0; i < CW_ARRAY_LEN(mistaken); i++)
		tests[n++] = (struct CMUnitTest){ .name = mistaken[i].name, .test_func = test_mistake, .initial_state = (void *)(uintptr_t)i };
	return _cmocka_run_group_tests("ledger", tests, n, NULL, NULL);
}
