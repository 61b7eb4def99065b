/*
 * Tables, CSV and alert lines: widths, and what may never reach a terminal or a spreadsheet.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <councilwatch/base.h>
#include <councilwatch/buf.h>

#include "alert_text.h"
#include "digest.h"
#include "output.h"

static const struct cw_column columns[] = { { "LEVEL", false }, { "POINTS", true }, { "COUNCIL", false } };

static void check_table(const struct cw_table *table, unsigned indent, bool colour, const char *want)
{
	struct cw_buf out;

	cw_buf_init(&out, 1 << 16);
	assert_int_equal(cw_table_format(table, indent, colour, &out), 0);
	assert_string_equal(cw_buf_str(&out), want);
	cw_buf_clear(&out);
}

static void test_table(void **state)
{
	struct cw_table table;

	(void)state;
	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
	check_table(&table, 0, false, "LEVEL  POINTS  COUNCIL\n");
	cw_table_add_coloured(&table, "intensive", "\033[31m");
	cw_table_addf(&table, "%.1f", 103.0);
	cw_table_add(&table, "Bradford");
	cw_table_add(&table, "watch");
	cw_table_addf(&table, "%.1f", 9.5);
	cw_table_add(&table, "St. Helens");
	check_table(&table, 0, false,
	            "LEVEL      POINTS  COUNCIL\n"
	            "intensive   103.0  Bradford\n"
	            "watch         9.5  St. Helens\n");
	check_table(&table, 2, true,
	            "  LEVEL      POINTS  COUNCIL\n"
	            "  \033[31mintensive\033[0m   103.0  Bradford\n"
	            "  watch         9.5  St. Helens\n");
	cw_table_clear(&table);
}

/* Columns are left out, the highest number first; then the last is wrapped, or goes below. */
static void test_table_fits(void **state)
{
	static const struct cw_column narrow[] = { { "LEVEL", false, 0 }, { "ID", false, 2 }, { "REGION", false, 1 }, { "WHY", false, 0 } };
	struct cw_table table;

	(void)state;
	cw_table_init(&table, narrow, CW_ARRAY_LEN(narrow));
	cw_table_add(&table, "watch");
	cw_table_add(&table, "st-helens");
	cw_table_add(&table, "North West");
	cw_table_add(&table, "a visit that found weaknesses in \xc3\xa9v\xc3\xa9nements");
	check_table(&table, 0, false,
	            "LEVEL  ID         REGION      WHY\n"
	            "watch  st-helens  North West  a visit that found weaknesses in \xc3\xa9v\xc3\xa9nements\n");
	table.width = 62;
	check_table(&table, 0, false,
	            "LEVEL  REGION      WHY\n"
	            "watch  North West  a visit that found weaknesses in \xc3\xa9v\xc3\xa9nements\n");
	table.width = 61; /* one too few */
	check_table(&table, 0, false,
	            "LEVEL  WHY\n"
	            "watch  a visit that found weaknesses in \xc3\xa9v\xc3\xa9nements\n");
	table.width = 40;
	check_table(&table, 0, false,
	            "LEVEL  WHY\n"
	            "watch  a visit that found weaknesses in\n"
	            "       \xc3\xa9v\xc3\xa9nements\n");
	table.width = 30;
	check_table(&table, 0, true,
	            "LEVEL\n"
	            "    WHY\n"
	            "watch\n"
	            "    a visit that found\n"
	            "    weaknesses in \xc3\xa9v\xc3\xa9nements\n");
	cw_table_clear(&table);
}

/* A word that is longer than the line is broken; what is short stays. */
static void test_paragraph(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	setenv("COLUMNS", "40", 1);
	cw_out_paragraph(out, 2, 4, "https://files.ofsted.gov.uk/v1/file/50252259 is where it stands");
	cw_out_paragraph(out, 0, 0, "");
	cw_out_paragraph(out, 0, 0, "a\033[2J");
	unsetenv("COLUMNS");
	fclose(out);
	assert_string_equal(text, "https://files.ofsted.gov.uk/v1/file/50\n    252259 is where it stands\n\na\\x1b[2J\n");
	free(text);
}

static int add(struct cw_digest *digest, const char *time, int seq, const char *kind, const char *name, const char *from, const char *to)
{
	json_auto_t *event = json_pack("{s:s, s:s, s:{s:i, s:s, s:{s:s}, s:s, s:s, s:i, s:[{s:s, s:[{s:s}]}]}}", "time", time, "subject", "x",
	                               "data", "seq", seq, "kind", kind, "council", "name", name, "previous_level", from, "level", to,
	                               "lead", 0, "contributors", "text", "area SEND inspection", "evidence", "publisher", "Ofsted");

	assert_non_null(event);
	if (!cw_digest_takes(digest, event))
		return 1;
	return cw_digest_add(digest, event);
}

/* Many alerts of one moment become a few lines; one of another moment does not belong. */
static void test_digest(void **state)
{
	struct cw_digest digest = { 0 };
	char *text = NULL, name[16];
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_int_equal(add(&digest, "2026-06-18T09:30:00Z", 7, "floor_opened", "Leeds", "priority", "priority"), 0);
	for (int i = 0; i < 14; i++) {
		snprintf(name, sizeof(name), "C%02d", i);
		assert_int_equal(add(&digest, "2026-06-18T09:30:00Z", 20 - i, "level_up", name, "watch", "priority"), 0);
	}
	assert_int_equal(add(&digest, "2026-06-18T09:30:00Z", 21, "level_up", "C00", "watch", "priority"), 0);
	assert_int_equal(add(&digest, "2026-06-19T09:30:00Z", 22, "level_up", "C00", "watch", "priority"), 1);
	assert_int_equal(cw_digest_print_moment(&digest, out), 0);
	assert_int_equal(cw_digest_print_weeks(&digest, out), 0);
	cw_digest_clear(&digest);
	assert_int_equal(cw_digest_print_moment(&digest, out), 0); /* nothing in it, nothing said */
	fclose(out);
	assert_string_equal(text,
	                    "2026-06-18T09:30:00Z  #7 to #21  16 alerts of one moment, for the next digest:\n"
	                    "  14 councils, level_up watch -> priority: area SEND inspection (Ofsted): C00, C01, C02, C03, C04, C05, C06, C07, C08, C09, "
	                    "C10, C11 and 2 more\n"
	                    "  1 council, floor_opened at priority: area SEND inspection (Ofsted): Leeds\n"
	                    "Week of 2026-06-15: 16 alerts, #7 to #21\n"
	                    "  14 councils, level_up watch -> priority: area SEND inspection (Ofsted): C00, C01, C02, C03, C04, C05, C06, C07, C08, C09, "
	                    "C10, C11 and 2 more\n"
	                    "  1 council, floor_opened at priority: area SEND inspection (Ofsted): Leeds\n");
	free(text);
}

static void test_table_escapes(void **state)
{
	struct cw_table table;

	(void)state;
	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
	cw_table_add(&table, "a\033[2Jb");
	cw_table_add(&table, "1\n2");
	cw_table_add(&table, "x\xe2\x80\xaey"); /* a right-to-left override */
	cw_table_add(&table, "\xff");
	struct cw_buf out;

	cw_buf_init(&out, 1 << 16);
	assert_int_equal(cw_table_format(&table, 0, false, &out), 0);
	assert_null(strchr(cw_buf_str(&out), '\033'));
	assert_null(strstr(cw_buf_str(&out), "\xe2\x80\xae"));
	assert_null(strchr(cw_buf_str(&out), '\xff'));
	assert_non_null(strstr(cw_buf_str(&out), "\\x1b"));
	/* The heading and two rows, the second of them cut short: no line more. */
	unsigned lines = 0;

	for (const char *at = cw_buf_str(&out); *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 3);
	cw_buf_clear(&out);
	cw_table_clear(&table);
}

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(cw_out_width(""), 0);
	assert_int_equal(cw_out_width("abc"), 3);
	assert_int_equal(cw_out_width("M\xc3\xa1ire"), 5);  /* one code point */
	assert_int_equal(cw_out_width("Ma\xcc\x81ire"), 5); /* a letter and a combining accent */
}

struct csv_case {
	const char *name, *text, *want;
};
static const struct csv_case csv_cases[] = {
	{ "plain", "Bradford", "Bradford" },
	{ "empty", "", "" },
	{ "comma", "Bristol, City of", "\"Bristol, City of\"" },
	{ "quote", "a \"b\" c", "\"a \"\"b\"\" c\"" },
	{ "line break", "a\nb", "\"a\nb\"" },
	{ "formula =", "=1+1", "\"'=1+1\"" },
	{ "formula +", "+1", "\"'+1\"" },
	{ "formula -", "-1", "\"'-1\"" },
	{ "formula @", "@SUM(A1)", "\"'@SUM(A1)\"" },
	{ "formula behind a tab", "\t=1", "\"'\t=1\"" },
	{ "formula behind a carriage return", "\r=1", "\"'\r=1\"" },
	{ "formula behind a line feed", "\n=1", "\"'\n=1\"" },
	{ "formula with quotes", "=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\"" },
	{ "sign inside", "a=b", "a=b" },
};

static void test_csv(void **state)
{
	const struct csv_case *c = &csv_cases[(uintptr_t)*state];
	struct cw_buf out;

	cw_buf_init(&out, 1 << 16);
	assert_int_equal(cw_csv_field(&out, true, c->text), 0);
	assert_string_equal(cw_buf_str(&out), c->want);
	cw_buf_reset(&out);
	assert_int_equal(cw_csv_field(&out, false, c->text), 0);
	assert_int_equal(cw_buf_str(&out)[0], ',');
	assert_string_equal(cw_buf_str(&out) + 1, c->want);
	cw_buf_clear(&out);
}

/* What a function writes to a stream; owned. */
static char *written(void (*fn)(FILE *out))
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	fn(out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void write_alert(FILE *out)
{
	static const char json[] =
	    "{\"specversion\":\"1.0\",\"time\":\"2022-09-21T09:30:00Z\",\"data\":{\"seq\":1842,\"kind\":\"level_up\","
	    "\"council\":{\"id\":\"bradford\",\"name\":\"Brad\\u001b[2Jford\"},\"level\":\"intensive\","
	    "\"previous_level\":\"priority\",\"text\":\"Evidence suggests\\na change.\"}}";
	struct cw_error err;

	assert_int_equal(cw_alert_print(out, false, json, sizeof(json) - 1, &err), 0);
}

static void test_alert_line(void **state)
{
	CW_CLEANUP(cw_freep) char *text = written(write_alert);

	(void)state;
	assert_string_equal(text, "2022-09-21T09:30:00Z  #1842  level_up      Brad\\x1b[2Jford  priority -> intensive  "
	                          "Evidence suggests\\x0aa change.\n");
}

static void write_feed_alert(FILE *out)
{
	static const char json[] = "{\"time\":\"2022-09-21T09:30:00Z\",\"subject\":\"f\",\"data\":{\"seq\":3,"
	                           "\"kind\":\"source_outage\",\"council\":null,\"text\":\"t\"}}";
	struct cw_error err;

	assert_int_equal(cw_alert_print(out, true, json, sizeof(json) - 1, &err), 0);
}

static void test_alert_of_a_feed(void **state)
{
	CW_CLEANUP(cw_freep) char *text = written(write_feed_alert);

	(void)state;
	assert_string_equal(text, "2022-09-21T09:30:00Z  #3     source_outage  f  t\n");
}

static void write_no_alert(FILE *out)
{
	static const char *const texts[] = { "", "{", "[]", "{}", "{\"data\":1}" };
	struct cw_error err;

	for (size_t i = 0; i < CW_ARRAY_LEN(texts); i++)
		assert_int_equal(cw_alert_print(out, false, texts[i], strlen(texts[i]), &err), -EBADMSG);
}

static void test_no_alert(void **state)
{
	CW_CLEANUP(cw_freep) char *text = written(write_no_alert);

	(void)state;
	assert_string_equal(text, "");
}

static void write_array(FILE *out)
{
	struct cw_json_array array;

	cw_json_array_begin(&array, out);
	assert_int_equal(cw_json_array_end(&array), 0);
	cw_json_array_begin(&array, out);
	cw_json_array_item(&array, json_pack("{s:f}", "points", 0.7));
	cw_json_array_item(&array, json_integer(2));
	assert_int_equal(cw_json_array_end(&array), 0);
	cw_json_array_begin(&array, out);
	cw_json_array_item(&array, NULL);
	assert_int_equal(cw_json_array_end(&array), -ENOMEM);
}

static void test_json_array(void **state)
{
	CW_CLEANUP(cw_freep) char *text = written(write_array);

	(void)state;
	assert_string_equal(text, "[]\n[\n  {\"points\":0.7},\n  2\n]\n[]\n");
}

static void test_colour_only_on_terminals(void **state)
{
	FILE *file = tmpfile();

	(void)state;
	assert_non_null(file);
	assert_false(cw_out_wants_colour(file));
	fclose(file);
}

int main(void)
{
	struct CMUnitTest tests[CW_ARRAY_LEN(csv_cases) + 11] = { 0 };
	size_t n = 0;

	for (; n < CW_ARRAY_LEN(csv_cases); n++)
		tests[n] = (struct CMUnitTest){ .name = csv_cases[n].name,
			                        .test_func = test_csv,
			                        .initial_state = (void *)(uintptr_t)n };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_table);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_table_fits);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_paragraph);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_digest);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_table_escapes);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_width);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_alert_line);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_alert_of_a_feed);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_no_alert);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_json_array);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_colour_only_on_terminals);
	return _cmocka_run_group_tests("cli output", tests, n, NULL, NULL);
}
