/*
 * The manifest of captured files: order of time, quoting, and every mistake with its line.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <councilwatch/base.h>
#include <councilwatch/buf.h>

#include "manifest.h"

struct manifest_case {
	const char *name;
	const char *text;
	const char *rows;     /* "path time sha;…", or NULL when refused */
	const char *mistakes; /* reported, "source:line: text;…" */
	const char *error;
};

#define HEAD "file,captured_at_utc\n"
#define SHA "00000000000000000000000000000000000000000000000000000000000000ff"

static const struct manifest_case cases[] = {
	{ "empty table", HEAD, "", "", NULL },
	{ "sorted by time", HEAD "b,2024-02-01T00:00:00Z\na,2024-01-01\nc,2024-03-01T00:00:00.5Z\n",
	  "d/a 2024-01-01T00:00:00Z ;d/b 2024-02-01T00:00:00Z ;d/c 2024-03-01T00:00:00.500Z ;", "", NULL },
	{ "equal times as listed", HEAD "b,2024-02-01\na,2024-02-01\n",
	  "d/b 2024-02-01T00:00:00Z ;d/a 2024-02-01T00:00:00Z ;", "", NULL },
	{ "mark, CRLF, no last newline",
	  "\xef\xbb\xbf"
	  "file,captured_at_utc\r\na,2024-01-01\r\n\r\nb,2024-01-02",
	  "d/a 2024-01-01T00:00:00Z ;d/b 2024-01-02T00:00:00Z ;", "", NULL },
	{ "other columns, other order", "rows,captured_at_utc,sha256,file\n151,2024-01-01," SHA ",a\n",
	  "d/a 2024-01-01T00:00:00Z " SHA ";", "", NULL },
	{ "quotes", HEAD "\"a, \"\"b\"\"\nc.html\",\"2024-01-01\"\n", "d/a, \"b\"\nc.html 2024-01-01T00:00:00Z ;", "",
	  NULL },
	{ "absolute path", HEAD "/x/a,2024-01-01\n", "/x/a 2024-01-01T00:00:00Z ;", "", NULL },

	{ "nothing", "", NULL, "",
	  "m.csv:1: no column is called 'file'; the first row must name the columns file and captured_at_utc" },
	{ "column missing", "file,when\na,2024-01-01\n", NULL, "",
	  "m.csv:1: no column is called 'captured_at_utc'; the first row must name the columns file and "
	  "captured_at_utc" },
	{ "every mistake is reported", HEAD ",2024-01-01\na,yesterday\nb,2024-01-01\nc\n", NULL,
	  "m.csv:2: 'file' is empty;m.csv:3: captured_at_utc is 'yesterday'; it takes a time like 2024-01-31T09:11:54Z;"
	  "m.csv:5: captured_at_utc is ''; it takes a time like 2024-01-31T09:11:54Z;",
	  "m.csv: 3 mistakes" },
	{ "bad sha", "file,captured_at_utc,sha256\na,2024-01-01,abc\n", NULL,
	  "m.csv:2: sha256 is not 64 hexadecimal digits;", "m.csv: 1 mistake" },
	{ "open quote", HEAD "\"a,2024-01-01\nb,2024-01-02\n", NULL, "m.csv:2: a quote is not closed;",
	  "m.csv: 1 mistake" },
	{ "text behind a quote", HEAD "\"a\"x,2024-01-01\nb,never\n", NULL,
	  "m.csv:2: text after a closing quote; double a quote that belongs to the text;"
	  "m.csv:3: captured_at_utc is 'never'; it takes a time like 2024-01-31T09:11:54Z;",
	  "m.csv: 2 mistakes" },
	{ "not UTF-8", HEAD "\xff,2024-01-01\n", NULL, "", "m.csv: it is not UTF-8 text" },
};

static void collect(void *arg, const struct cw_error *err)
{
	char text[CW_ERROR_SOURCE_MAX + CW_ERROR_TEXT_MAX + 32];

	cw_buf_printf(arg, "%s;", cw_error_format(err, text, sizeof(text)));
}

static void test_parse(void **state)
{
	const struct manifest_case *c = &cases[(uintptr_t)*state];
	size_t len = strlen(c->text);
	char *text = malloc(len + 1), when[CW_WALL_TEXT], place[1024];
	struct cw_manifest manifest = { 0 };
	struct cw_buf mistakes, rows;
	struct cw_error err = { 0 };
	int r;

	assert_non_null(text);
	memcpy(text, c->text, len + 1);
	cw_buf_init(&mistakes, 1 << 16);
	cw_buf_init(&rows, 1 << 16);
	r = cw_manifest_parse("m.csv", "d/", text, len, collect, &mistakes, &manifest, &err);
	if (c->rows) {
		assert_int_equal(r, 0);
		for (size_t i = 0; i < manifest.n; i++)
			cw_buf_printf(&rows, "%s %s %s;", manifest.rows[i].path,
			              cw_wall_format(manifest.rows[i].captured_at, when), manifest.rows[i].sha256);
		assert_string_equal(cw_buf_str(&rows), c->rows);
	} else {
		assert_int_equal(r, -EINVAL);
		assert_string_equal(cw_error_format(&err, place, sizeof(place)), c->error);
	}
	assert_string_equal(cw_buf_str(&mistakes), c->mistakes);
	cw_manifest_clear(&manifest);
	cw_buf_clear(&mistakes);
	cw_buf_clear(&rows);
	free(text);
}

/* Whatever is cut off or changed, it is refused or read, and nothing is touched that is not ours. */
static void test_damaged(void **state)
{
	static const char whole[] = "\xef\xbb\xbf"
	                            "file,captured_at_utc,sha256\r\n\"a\"\"b\",2024-01-01," SHA "\r\nc,x,\n";
	static const char other[] = "\",\r\n\0x\xff";
	struct cw_manifest manifest = { 0 };
	struct cw_buf mistakes;
	struct cw_error err;

	(void)state;
	cw_buf_init(&mistakes, 1 << 20);
	for (size_t len = 0; len < sizeof(whole); len++) {
		for (size_t k = 0; k < sizeof(other); k++) {
			char *text = malloc(len + 1);

			assert_non_null(text);
			memcpy(text, whole, len);
			text[len] = '\0';
			if (len)
				text[len * 7 % len] = text[len / 2] = other[k];
			if (!cw_manifest_parse("m", "", text, len, collect, &mistakes, &manifest, &err))
				cw_manifest_clear(&manifest);
			free(text);
		}
	}
	cw_buf_clear(&mistakes);
}

int main(void)
{
	struct CMUnitTest tests[CW_ARRAY_LEN(cases) + 1] = { 0 };
	size_t n = 0;

	for (; n < CW_ARRAY_LEN(cases); n++)
		tests[n] = (struct CMUnitTest){ .name = cases[n].name,
			                        .test_func = test_parse,
			                        .initial_state = (void *)(uintptr_t)n };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_damaged);
	return _cmocka_run_group_tests("cli manifest", tests, n, NULL, NULL);
}
