/* Documents made to hurt, and documents that are merely large: each ends in a counted reason, the rows around it unharmed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <councilwatch/limits.h>

#include "normaliser_support.h"

#define HEADINGS "code,name,grade,day,key,title\n"
#define ROW "380,Bradford,good,2022-11-21,k,t\n"
#define TABLE "<table><tr><th>code<th>name<th>grade<th>day<th>key<th>title</tr>\n"
#define TR "<tr><td>380<td>Bradford<td>good<td>2022-11-21<td>k<td>t</tr>\n"
#define OBJECT "{\"code\":380,\"grade\":\"good\",\"day\":\"2022-11-21\",\"key\":\"k\",\"title\":\"t\"}"

/* Runs a document whole and in pieces, which must agree; the pieces' result is kept. */
static void run(const struct cw_config *config, const struct cw_buf *document, struct outcome *ret)
{
	static const size_t pieces[] = { 999, 65536, 262144 };
	struct outcome again;

	support_run(config, cw_buf_str(document), document->len, document->len + 1, ret);
	for (size_t i = 0; i < CW_ARRAY_LEN(pieces); i++) {
		support_run(config, cw_buf_str(document), document->len, pieces[i], &again);
		assert_memory_equal(&ret->tally, &again.tally, offsetof(struct cw_document_tally, detail));
		assert_string_equal(ret->detail, again.detail);
		assert_string_equal(cw_buf_str(&ret->evidence), cw_buf_str(&again.evidence));
		support_clear(&again);
	}
}

static void repeat(struct cw_buf *out, const char *text, size_t times)
{
	while (times--)
		assert_int_equal(cw_buf_puts(out, text), 0);
}

static void check(const char *format, const char *more, struct cw_buf *document, enum cw_reason outcome, uint64_t rows,
                  uint64_t evidence, uint64_t bad, const char *detail)
{
	struct cw_config *config = support_config(format, more, support_record);
	struct outcome got;

	assert_int_equal(document->failed, 0);
	run(config, document, &got);
	if (detail)
		assert_string_equal(got.detail, detail);
	assert_string_equal(cw_reason_name(got.tally.outcome), cw_reason_name(outcome));
	assert_int_equal(got.tally.rows, rows);
	assert_int_equal(got.tally.evidence, evidence);
	assert_int_equal(got.tally.reasons[CW_REASON_BAD_ROW], bad);
	support_clear(&got);
	cw_buf_clear(document);
	cw_config_free(config);
}

static struct cw_buf begin(const char *text)
{
	struct cw_buf buf;

	cw_buf_init(&buf, 256u << 20);
	assert_int_equal(cw_buf_puts(&buf, text), 0);
	return buf;
}

/* --- CSV --- */

static void test_csv_long_row(void **state)
{
	struct cw_buf document = begin(HEADINGS ROW);

	(void)state;
	repeat(&document, "aaaaaaa,", CW_ROW_MAX / 8);
	repeat(&document, "b\n" ROW, 1);
	check("csv", "", &document, CW_REASON_NONE, 3, 2, 1, "over 1048576 bytes long");
}

/* A row of exactly the limit is one, a byte more is not. */
static void test_csv_row_at_limit(void **state)
{
	(void)state;
	for (size_t more = 0; more < 2; more++) {
		struct cw_buf document = begin(HEADINGS ROW);
		size_t start = document.len;

		repeat(&document, "380,Bradford,good,2022-11-21,k,t", 1);
		while (document.len - start + 8 <= CW_ROW_MAX)
			repeat(&document, ",xxxxxxx", 1);
		while (document.len - start < CW_ROW_MAX + more)
			repeat(&document, "x", 1);
		repeat(&document, "\n" ROW, 1);
		/* Far more than 4096 cells: a bad row either way, for another reason. */
		check("csv", "", &document, CW_REASON_NONE, 3, 2, 1,
		      more ? "over 1048576 bytes long" : "over 4096 cells");
	}
}

static void test_csv_many_cells(void **state)
{
	struct cw_buf document = begin(HEADINGS);

	(void)state;
	repeat(&document, "x,", CW_COLUMNS_MAX + 10);
	repeat(&document, "\n" ROW, 1);
	check("csv", "", &document, CW_REASON_NONE, 2, 1, 1, "over 4096 cells");
}

/* A megabyte behind a quote that nobody closes: one row is lost, not thousands. */
static void test_csv_stray_quote(void **state)
{
	struct cw_buf document = begin(HEADINGS ROW "383,\"Leeds,good,2022-11-21,k,t\n");

	(void)state;
	repeat(&document, ROW, 100000);
	check("csv", "", &document, CW_REASON_NONE, 100002, 100001, 1, "a quote that is never closed");
}

static void test_csv_many_stray_quotes(void **state)
{
	struct cw_buf document = begin(HEADINGS);

	(void)state;
	for (int i = 0; i < 5; i++) {
		repeat(&document, "383,\"Leeds,good,2022-11-21,k,t\n", 1);
		repeat(&document, ROW, 40000);
	}
	check("csv", "", &document, CW_REASON_NONE, 200005, 200000, 5, "a quote that is never closed");
}

static void test_csv_one_line(void **state)
{
	struct cw_buf document = begin(HEADINGS);

	(void)state;
	repeat(&document, "0123456789abcdef", 300000);
	check("csv", "", &document, CW_REASON_UNPARSABLE, 1, 0, 1, "none of its 1 rows can be read");
}

/* Rows of random cells, quoted only where they must be, come back as they were, wherever the pieces end. */
/* A million rows with one mistake, or with one each, are no million entries for the quarantine; all of them are counted. */
static void test_many_mistakes(void **state)
{
	struct cw_config *config = support_config("csv", "", support_record);
	struct cw_buf document = begin(HEADINGS ROW);
	struct outcome got;
	char row[64];

	(void)state;
	repeat(&document, "383\n", 200000);
	support_run(config, cw_buf_str(&document), document.len, document.len, &got);
	assert_int_equal(got.tally.reasons[CW_REASON_BAD_ROW], 200000);
	assert_in_range(got.rejects, 1, 300);
	support_clear(&got);
	for (int i = 0; i < 100000; i++) {
		snprintf(row, sizeof(row), "%d\n", i);
		repeat(&document, row, 1);
	}
	support_run(config, cw_buf_str(&document), document.len, document.len, &got);
	assert_int_equal(got.tally.reasons[CW_REASON_BAD_ROW], 300000);
	assert_int_equal(got.rejects, CW_REJECTS_MAX + 1);
	assert_non_null(strstr(got.detail, "only the first 65536 mistakes"));
	support_clear(&got);
	cw_buf_clear(&document);
	cw_config_free(config);
}

static void test_csv_random(void **state)
{
	static const char letters[] = "ab,\"\n\r x";
	struct cw_config *config = support_config("csv", "", support_record);
	struct cw_buf document = begin(HEADINGS), wanted = begin("");
	uint32_t random = 12345;

	(void)state;
	for (unsigned row = 1; row <= 3000; row++) {
		char key[32], quoted[80];
		size_t n = 0, q = 0, len;

		random = random * 1664525u + 1013904223u;
		len = random >> 28;
		key[n++] = 'k';
		for (size_t i = 0; i < len; i++) {
			random = random * 1664525u + 1013904223u;
			key[n++] = letters[random >> 29];
		}
		key[n++] = 'k'; /* blanks at the ends would be trimmed */
		quoted[q++] = '"';
		for (size_t i = 0; i < n; i++) {
			if (key[i] == '"')
				quoted[q++] = '"';
			quoted[q++] = key[i];
		}
		quoted[q++] = '"';
		cw_buf_printf(&document, "380,Bradford,good,2022-11-21,%.*s,t%s", (int)q, quoted,
		              row % 3 == 0   ? "\r\n"
		              : row % 3 == 1 ? "\n"
		                             : "\r");
		/* A row that ends with CR may not be followed by one that begins with LF; none here does. */
		cw_buf_printf(&wanted, "%u bradford %.*s t\n", row, (int)n, key);
	}
	for (size_t piece = 1; piece < 300; piece += piece < 10 ? 1 : 37) {
		struct outcome got;

		support_run(config, cw_buf_str(&document), document.len, piece, &got);
		assert_string_equal(cw_buf_str(&got.evidence), cw_buf_str(&wanted));
		assert_int_equal(got.tally.evidence, 3000);
		support_clear(&got);
	}
	cw_buf_clear(&document);
	cw_buf_clear(&wanted);
	cw_config_free(config);
}

/* More combinations of council and day than are remembered at once. */
static void test_many_councils(void **state)
{
	struct cw_config *config = support_config("csv", "", support_record);
	struct cw_buf document = begin(HEADINGS);
	struct outcome got;
	char day[CW_WALL_TEXT];

	(void)state;
	for (unsigned i = 0; i < 60000; i++)
		cw_buf_printf(&document, "%s,,good,%s,%u,t\n", i % 2 ? "380" : "Leeds",
		              cw_day_format(18000 + (int32_t)(i % 1500), day), i % 7919);
	cw_buf_printf(&document, ",Dorset,good,2015-01-01,k,t\n,Dorset,good,2022-01-01,k,t\n");
	support_run(config, cw_buf_str(&document), document.len, 65536, &got);
	assert_int_equal(got.tally.evidence, 60002);
	assert_non_null(strstr(cw_buf_str(&got.evidence), "60001 dorset-county k t\n60002 dorset k t\n"));
	support_clear(&got);
	cw_buf_clear(&document);
	cw_config_free(config);
}

/* --- HTML --- */

static void test_html_many_unclosed(void **state)
{
	struct cw_buf document = begin(TABLE);

	(void)state;
	repeat(&document, "<tr><td><b>380<td><i><font color=red>Bradford<td><span>good<td><p>2022-11-21<td>k<td><u>t\n",
	       2000);
	check("html-table", "", &document, CW_REASON_NONE, 2000, 2000, 0, NULL);
}

static void test_html_deep(void **state)
{
	struct cw_buf document = begin("");

	(void)state;
	repeat(&document, "<div>", 100000);
	repeat(&document, TABLE TR, 1);
	check("html-table", "", &document, CW_REASON_TOO_LARGE, 0, 0, 0,
	      "elements are nested too deep (the limit is 128)");
}

static void test_html_spans(void **state)
{
	struct cw_buf document = begin(TABLE "<tr><td>380<td>Bradford<td>good<td>2022-11-21<td rowspan=60000>");

	(void)state;
	repeat(&document, "0123456789abcdef", 2000);
	repeat(&document, "<td>t</tr>\n", 1);
	repeat(&document, "<tr><td>380<td>Bradford<td>good<td>2022-11-21<td>t</tr>\n", 2000);
	cw_buf_puts(&document, "</table>");
	check("html-table", "", &document, CW_REASON_TOO_LARGE, 524, 524, 0,
	      "cells that span rows repeat too many bytes (the limit is 16777216)");
}

static void test_html_wide(void **state)
{
	struct cw_buf document = begin(TABLE "<tr>");

	(void)state;
	repeat(&document, "<td colspan=1000>x", 10);
	repeat(&document, "</tr>" TR, 1);
	repeat(&document, "<tr>", 1);
	repeat(&document, "<td>y", 20000);
	repeat(&document, TR "</table>", 1);
	check("html-table", "", &document, CW_REASON_NONE, 4, 2, 2, NULL);
}

static void test_html_long_row(void **state)
{
	struct cw_buf document = begin(TABLE "<tr>");

	(void)state;
	for (int i = 0; i < 30; i++) {
		repeat(&document, "<td>", 1);
		repeat(&document, "0123456789abcdef", 4000);
	}
	repeat(&document, TR "</table>", 1);
	check("html-table", "", &document, CW_REASON_NONE, 2, 1, 1, "over 1048576 bytes long");
}

static void test_html_comment(void **state)
{
	struct cw_buf document = begin(TABLE TR "<!--");

	(void)state;
	repeat(&document, "0123456789abcdef", 10u << 16);
	check("html-table", "", &document, CW_REASON_TOO_LARGE, 1, 1, 0,
	      "one tag, comment or script of too many bytes (the limit is 8388608)");
}

static void test_html_attributes(void **state)
{
	struct cw_buf document = begin(TABLE TR "<tr><td><img alt='");

	(void)state;
	/* Long, and no more than one attribute. */
	repeat(&document, "a = b c = d ", 20000);
	repeat(&document, "'>380</tr>" TR "</table>", 1);
	check("html-table", "", &document, CW_REASON_NONE, 3, 2, 1, "it has 1 of the 6 columns needed");

	document = begin(TABLE TR "<a ");
	for (unsigned i = 0; i < 100000; i++)
		cw_buf_printf(&document, "a%u=1 ", i);
	repeat(&document, ">" TR "</table>", 1);
	check("html-table", "", &document, CW_REASON_TOO_LARGE, 1, 1, 0,
	      "a tag of too many attributes (the limit is 2048)");
}

static void test_html_large(void **state)
{
	struct cw_buf document = begin("<html><body>" TABLE);

	(void)state;
	repeat(&document, TR, 50000);
	repeat(&document, "</table><p>and more", 1);
	check("html-table", "", &document, CW_REASON_NONE, 50000, 50000, 0, NULL);
}

/* Every row has a link, so that pieces of any size end inside an attribute's quotes sooner or later. */
static void test_html_links(void **state)
{
	struct cw_buf document = begin("<html><body>" TABLE);

	(void)state;
	repeat(&document, "<tr><td>380<td><a href=\"https://files.example/v1/file/50206434\" title='a > b'>Bradford</a><td>good"
	                  "<td>2022-11-21<td>k<td>t</tr>\n", 90000);
	repeat(&document, "</table>", 1);
	check("html-table", "", &document, CW_REASON_NONE, 90000, 90000, 0, NULL);
}

/* --- JSON --- */

static void test_json_values(void **state)
{
	struct cw_buf document = begin("[");

	(void)state;
	repeat(&document, "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,", 260000);
	repeat(&document, "1]", 1);
	check("json", "", &document, CW_REASON_TOO_LARGE, 0, 0, 0, "too many values");
}

static void test_json_size(void **state)
{
	struct cw_buf document = begin("[");

	(void)state;
	cw_buf_reserve(&document, 66u << 20);
	memset(document.data + 1, ' ', 65u << 20);
	document.len = 65u << 20;
	check("json", "max_size = \"100M\"", &document, CW_REASON_TOO_LARGE, 0, 0, 0,
	      "over 67108864 bytes of JSON; NDJSON has no such limit");
}

static void test_json_rows(void **state)
{
	struct cw_buf document = begin("[");

	(void)state;
	repeat(&document, OBJECT ",", 5000);
	repeat(&document, OBJECT "]", 1);
	check("json", "", &document, CW_REASON_NONE, 5001, 5001, 0, NULL);
}

static void test_ndjson_long_line(void **state)
{
	struct cw_buf document = begin(OBJECT "\n{\"a\":\"");

	(void)state;
	repeat(&document, "0123456789abcdef", CW_ROW_MAX / 16);
	repeat(&document, "\"}\n" OBJECT "\n", 1);
	check("ndjson", "", &document, CW_REASON_NONE, 3, 2, 1, "the line is too long");
}

static void test_ndjson_many(void **state)
{
	struct cw_buf document = begin("");

	(void)state;
	repeat(&document, OBJECT "\n\n", 20000);
	check("ndjson", "", &document, CW_REASON_NONE, 20000, 20000, 0, NULL);
}

/* --- all formats --- */

static void test_max_size(void **state)
{
	struct cw_config *config = support_config("csv", "max_size = \"1K\"", support_record);
	struct cw_buf document = begin(HEADINGS);
	struct outcome got;

	(void)state;
	repeat(&document, ROW, 100);
	support_run(config, cw_buf_str(&document), document.len, 100, &got);
	assert_int_equal(got.tally.outcome, CW_REASON_TOO_LARGE);
	assert_int_equal(got.fed, 1); /* more bytes change nothing */
	assert_string_equal(got.detail, "over 1024 bytes (max_size)");
	support_clear(&got);
	cw_buf_clear(&document);
	cw_config_free(config);
}

static int refuse(void *arg, const struct cw_evidence *evidence)
{
	(void)arg;
	(void)evidence;
	return -EPIPE;
}

static void test_sink_fails(void **state)
{
	static const char *const formats[] = { "csv", "html-table", "json", "ndjson" };
	static const char *const documents[] = { HEADINGS ROW, TABLE TR, "[" OBJECT "]", OBJECT "\n" };
	const struct cw_normalise_sink sink = { refuse, NULL, NULL };

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(formats); i++) {
		struct cw_config *config = support_config(formats[i], "", support_record);
		struct cw_document_info info = { .fetched_at = { CW_WALL_NONE } };
		struct cw_normaliser *normaliser = NULL;
		struct cw_document_tally tally;
		struct cw_error err = { 0 };
		int r;

		info.url = info.content_type = info.feed = cw_str("");
		assert_int_equal(cw_normaliser_new(config, &config->feeds[0], &info, &sink, &normaliser, &err), 0);
		r = cw_normaliser_feed(normaliser, documents[i], strlen(documents[i]), &err);
		while (r >= 0 && (r = cw_normaliser_end(normaliser, &tally, &err)) > 0)
			;
		assert_int_equal(r, -EPIPE);
		/* It stays so. */
		assert_int_equal(cw_normaliser_feed(normaliser, "x", 1, &err), -EPIPE);
		assert_int_equal(cw_normaliser_end(normaliser, &tally, &err), -EPIPE);
		cw_normaliser_free(normaliser);
		cw_config_free(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csv_long_row),
		cmocka_unit_test(test_csv_row_at_limit),
		cmocka_unit_test(test_csv_many_cells),
		cmocka_unit_test(test_csv_stray_quote),
		cmocka_unit_test(test_csv_many_stray_quotes),
		cmocka_unit_test(test_csv_one_line),
		cmocka_unit_test(test_many_mistakes),
		cmocka_unit_test(test_csv_random),
		cmocka_unit_test(test_many_councils),
		cmocka_unit_test(test_html_many_unclosed),
		cmocka_unit_test(test_html_links),
		cmocka_unit_test(test_html_deep),
		cmocka_unit_test(test_html_spans),
		cmocka_unit_test(test_html_wide),
		cmocka_unit_test(test_html_long_row),
		cmocka_unit_test(test_html_comment),
		cmocka_unit_test(test_html_attributes),
		cmocka_unit_test(test_html_large),
		cmocka_unit_test(test_json_values),
		cmocka_unit_test(test_json_size),
		cmocka_unit_test(test_json_rows),
		cmocka_unit_test(test_ndjson_long_line),
		cmocka_unit_test(test_ndjson_many),
		cmocka_unit_test(test_max_size),
		cmocka_unit_test(test_sink_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
