/*
 * The audit log: it grows and does nothing else, and whatever was done to it past SQLite's refusal is found.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include <councilwatch/audit.h>
#include <councilwatch/buf.h>

struct fixture {
	char dir[64];
	struct cw_audit *audit;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/test_audit.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(cw_audit_open(f->dir, true, &f->audit, NULL), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	cw_audit_close(f->audit);
	snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static uint64_t append(struct fixture *f, enum cw_audit_action action, const char *council, const char *key)
{
	struct cw_audit_row row = { .action = action, .council_id = council, .detail = "{\"rows\":3}", .key = key };

	cw_audit_self("command", &row.who);
	assert_int_equal(cw_audit_append(f->audit, &row, 1, NULL), 0);
	return row.seq;
}

/* SQL on the file, as somebody with the sqlite3 program would. */
static int on_file(struct fixture *f, const char *sql, char *ret_error, size_t size)
{
	char path[96], *text = NULL;
	sqlite3 *db = NULL;
	int r;

	snprintf(path, sizeof(path), "%s/audit.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	r = sqlite3_exec(db, sql, NULL, NULL, &text);
	if (ret_error)
		snprintf(ret_error, size, "%s", text ? text : "");
	sqlite3_free(text);
	sqlite3_close(db);
	return r;
}

static struct cw_audit_verdict verify(struct fixture *f)
{
	struct cw_audit_verdict verdict;

	assert_int_equal(cw_audit_verify(f->audit, 0, NULL, &verdict, NULL), 0);
	return verdict;
}

static int count_row(void *arg, const struct cw_audit_row *row)
{
	(void)row;
	++*(int *)arg;
	return 0;
}

static void test_grows(void **state)
{
	struct fixture *f = *state;
	struct cw_audit_filter filter = { .since = CW_DAY_NONE };
	struct cw_audit_verdict verdict;
	struct stat st;
	char path[96];
	int n = 0;

	assert_true(verify(f).whole);
	assert_int_equal(append(f, CW_AUDIT_EXPORT, "", ""), 1);
	assert_int_equal(append(f, CW_AUDIT_NOTE, "leeds", "feed/1"), 2);
	/* The same again is the same row. */
	assert_int_equal(append(f, CW_AUDIT_NOTE, "leeds", "feed/1"), 2);
	assert_int_equal(append(f, CW_AUDIT_NOTE, "leeds", "feed/2"), 3);
	verdict = verify(f);
	assert_true(verdict.whole);
	assert_int_equal(verdict.rows, 3);
	assert_int_equal(verdict.last, 3);
	assert_int_equal(cw_audit_rows(f->audit, &filter, count_row, &n, NULL), 0);
	assert_int_equal(n, 3);
	filter.council_id = "leeds";
	filter.action = CW_AUDIT_NOTE;
	filter.since = cw_wall_day(cw_wall_now());
	n = 0;
	assert_int_equal(cw_audit_rows(f->audit, &filter, count_row, &n, NULL), 0);
	assert_int_equal(n, 2);
	filter.since++;
	n = 0;
	assert_int_equal(cw_audit_rows(f->audit, &filter, count_row, &n, NULL), 0);
	assert_int_equal(n, 0);
	snprintf(path, sizeof(path), "%s/audit.db", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *sql, *why;
	} cases[] = {
		{ "UPDATE audit SET account = 'nobody'", "a row cannot be changed" },
		{ "UPDATE audit SET seq = seq + 10", "a row cannot be changed" },
		{ "DELETE FROM audit WHERE seq = 2", "a row cannot be removed" },
		{ "INSERT OR REPLACE INTO audit SELECT seq, at, uid, 'x', sudo, via, action, council_id, feed, document, detail, key,"
		  " hash FROM audit WHERE seq = 2", "a row cannot be replaced" },
		{ "REPLACE INTO audit SELECT 99, at, uid, 'x', sudo, via, action, council_id, feed, document, detail, key, hash"
		  " FROM audit WHERE key <> ''", "a row cannot be replaced" },
		{ "UPDATE config SET text = ''", "a configuration cannot be changed" },
		{ "DELETE FROM config", "a configuration cannot be removed" },
		{ "REPLACE INTO config SELECT 9, hash, 'x' FROM config", "a configuration cannot be replaced" },
	};
	struct fixture *f = *state;
	char error[256];

	append(f, CW_AUDIT_EXPORT, "", "");
	append(f, CW_AUDIT_NOTE, "leeds", "k");
	assert_int_equal(cw_audit_put_config(f->audit, "00", "x", NULL), 0);
	assert_int_equal(cw_audit_put_config(f->audit, "00", "x", NULL), 0);
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++) {
		assert_int_not_equal(on_file(f, cases[i].sql, error, sizeof(error)), SQLITE_OK);
		if (!strstr(error, cases[i].why))
			fail_msg("%s: %s", cases[i].sql, error);
	}
	assert_int_equal(verify(f).rows, 2);
}

struct tampering {
	const char *name, *sql, *problem;
	uint64_t bad;
};

/* What somebody does who takes the refusals away first. That they are gone is the last thing told. */
static const struct tampering tamperings[] = {
	{ "changed", "UPDATE audit SET account = 'nobody' WHERE seq = 3", "row 3, or the one before it, is not as it was written", 3 },
	{ "detail changed", "UPDATE audit SET detail = '{\"rows\":2}' WHERE seq = 1", "row 1, or", 1 },
	{ "other action", "UPDATE audit SET action = 'view' WHERE seq = 2", "row 2, or", 2 },
	{ "unknown action", "UPDATE audit SET action = 'nothing' WHERE seq = 2", "row 2, or", 2 },
	{ "time changed", "UPDATE audit SET at = at - 1000 WHERE seq = 4", "row 4, or", 4 },
	{ "one removed", "DELETE FROM audit WHERE seq = 3", "row 3 is missing", 3 },
	{ "the first removed", "DELETE FROM audit WHERE seq = 1", "row 1 is missing", 1 },
	{ "the last removed", "DELETE FROM audit WHERE seq >= 4", "rows 4 to 5, the last ones, are missing", 4 },
	{ "all removed", "DELETE FROM audit", "rows 1 to 5, the last ones, are missing", 1 },
	{ "removed and closed up", "DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = seq - 1 WHERE seq > 3", "row 3, or", 3 },
	{ "swapped", "UPDATE audit SET seq = 9 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 9",
	  "row 2, or", 2 },
	{ "configuration changed", "UPDATE config SET text = 'y'", "the configuration kept as sha256:", 0 },
	{ "configuration removed", "DELETE FROM config", "the configuration of row 5 is missing", 5 },
};

static void test_found(void **state)
{
	static const char *const dropped = "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; DROP TRIGGER audit_no_replace;"
	                                   "DROP TRIGGER config_no_update; DROP TRIGGER config_no_delete; DROP TRIGGER config_no_replace;";

	for (size_t i = 0; i < CW_ARRAY_LEN(tamperings); i++) {
		const struct tampering *t = &tamperings[i];
		struct cw_audit_row row = { .action = CW_AUDIT_CONFIG };
		struct cw_audit_verdict verdict;
		unsigned char digest[CW_SHA256_LEN];
		char hex[CW_SHA256_HEX], sql[4096];
		struct fixture *f;
		void *made;

		(void)state;
		set_up(&made);
		f = made;
		for (int k = 0; k < 4; k++)
			append(f, CW_AUDIT_EXPORT, k & 1 ? "leeds" : "", "");
		assert_int_equal(cw_sha256("x", 1, digest), 0);
		cw_hex(digest, sizeof(digest), hex);
		row.document = hex;
		assert_int_equal(cw_audit_put_config(f->audit, hex, "x", NULL), 0);
		assert_int_equal(cw_audit_append(f->audit, &row, 1, NULL), 0);
		assert_true(verify(f).whole);
		snprintf(sql, sizeof(sql), "%s %s", dropped, t->sql);
		assert_int_equal(on_file(f, sql, sql, sizeof(sql)), SQLITE_OK);
		verdict = verify(f);
		assert_false(verdict.whole);
		if (!strstr(verdict.problem, t->problem) || verdict.bad != t->bad)
			fail_msg("%s: %s (%llu)", t->name, verdict.problem, (unsigned long long)verdict.bad);
		tear_down(&made);
	}
}

static void test_triggers_gone(void **state)
{
	struct fixture *f = *state;

	append(f, CW_AUDIT_EXPORT, "", "");
	assert_int_equal(on_file(f, "DROP TRIGGER audit_no_delete", NULL, 0), SQLITE_OK);
	assert_string_equal(verify(f).problem, "what refuses changes was removed from the file: somebody has worked on it");
	assert_int_equal(on_file(f, "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit WHEN 0"
	                            " BEGIN SELECT RAISE(ABORT, 'no'); END", NULL, 0), SQLITE_OK);
	assert_false(verify(f).whole);
}

/* A chain made anew is whole in itself; a row that was noted elsewhere tells. */
static void test_noted(void **state)
{
	struct fixture *f = *state;
	struct cw_audit_verdict noted, verdict;

	append(f, CW_AUDIT_EXPORT, "", "");
	append(f, CW_AUDIT_EXPORT, "leeds", "");
	noted = verify(f);
	append(f, CW_AUDIT_EXPORT, "", "");
	assert_int_equal(cw_audit_verify(f->audit, noted.last, noted.hash, &verdict, NULL), 0);
	assert_true(verdict.whole);
	noted.hash[0] ^= 1;
	assert_int_equal(cw_audit_verify(f->audit, noted.last, noted.hash, &verdict, NULL), 0);
	assert_false(verdict.whole);
	assert_int_equal(verdict.bad, 2);
	assert_int_equal(cw_audit_verify(f->audit, 7, noted.hash, &verdict, NULL), 0);
	assert_string_equal(verdict.problem, "row 7 was noted, but 3 is the last");
}

/* Several processes at once: every row is there, and the chain is one. */
static void test_writers(void **state)
{
	struct fixture *f = *state;
	pid_t child[4];
	int status;

	for (size_t i = 0; i < CW_ARRAY_LEN(child); i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i])
			continue;
		struct cw_audit *audit;
		int r = cw_audit_open(f->dir, true, &audit, NULL);

		for (int k = 0; k < 50 && r == 0; k++) {
			struct cw_audit_row rows[2] = { { .action = CW_AUDIT_EXPORT, .detail = "{}" },
				                        { .action = CW_AUDIT_EXPORTED, .detail = "{}" } };

			r = cw_audit_append(audit, rows, 2, NULL);
			/* Those of one call stand together. */
			if (r == 0 && rows[1].seq != rows[0].seq + 1)
				r = -EIO;
		}
		_exit(r == 0 ? 0 : 1);
	}
	for (size_t i = 0; i < CW_ARRAY_LEN(child); i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(verify(f).rows, 400);
	assert_true(verify(f).whole);
}

static void test_open(void **state)
{
	struct fixture *f = *state;
	char path[160], other[96];
	struct cw_audit *audit;
	struct cw_error err;

	snprintf(other, sizeof(other), "%s/none", f->dir);
	assert_int_equal(mkdir(other, 0700), 0);
	assert_int_equal(cw_audit_open(other, false, &audit, &err), -ENOENT);
	/* Not through a link to somebody else's file. */
	snprintf(path, sizeof(path), "%s/audit.db", other);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(cw_audit_open(other, true, &audit, &err), -EUCLEAN);
	assert_int_equal(unlink(path), 0);
	if (geteuid() == 0) {
		struct stat st;

		assert_int_equal(chown(other, 65534, 65534), 0);
		assert_int_equal(cw_audit_open(other, true, &audit, &err), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_uid, 65534);
		strcat(path, "-wal");
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_uid, 65534);
		cw_audit_close(audit);
	}
	assert_int_equal(on_file(f, "PRAGMA user_version = 9", NULL, 0), SQLITE_OK);
	assert_int_equal(cw_audit_open(f->dir, false, &audit, &err), -EPROTO);
	assert_non_null(strstr(err.text, "schema version 9; this program works with 1"));
}

static void test_who(void **state)
{
	struct cw_audit_who who, back;
	struct cw_buf text;

	(void)state;
	cw_buf_init(&text, 1024);
	cw_audit_other(0, "some one\n\x1b[0m", "submit", &who);
	assert_string_equal(who.account, "root");
	assert_string_equal(who.sudo, "someone[0m");
	assert_int_equal(cw_audit_who_put(&who, &text), 0);
	cw_audit_who_parse(cw_buf_str(&text), &back);
	assert_int_equal(back.uid, 0);
	assert_string_equal(back.account, who.account);
	assert_string_equal(back.sudo, who.sudo);
	assert_string_equal(back.via, "submit");
	/* Only root became root from somebody. */
	cw_audit_other(65534, "somebody", "control", &who);
	assert_string_equal(who.sudo, "");
	cw_audit_who_parse("", &back);
	assert_int_equal(back.uid, -1);
	cw_buf_clear(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_grows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refuses, set_up, tear_down),
		cmocka_unit_test(test_found),
		cmocka_unit_test_setup_teardown(test_triggers_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_noted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_writers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_open, set_up, tear_down),
		cmocka_unit_test(test_who),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
