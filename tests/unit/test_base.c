/* Bytes, text, numbers, time: buf.h, text.h, clock.h, error.h. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <councilwatch/buf.h>
#include <councilwatch/clock.h>
#include <councilwatch/error.h>
#include <councilwatch/text.h>

static void test_buf_ceiling(void **state)
{
	struct cw_buf buf;

	(void)state;
	cw_buf_init(&buf, 8);
	assert_int_equal(cw_buf_puts(&buf, "12345678"), 0);
	assert_int_equal(cw_buf_putc(&buf, '9'), -EMSGSIZE);
	assert_int_equal(cw_buf_puts(&buf, ""), -EMSGSIZE); /* once failed, failed */
	assert_string_equal(cw_buf_str(&buf), "12345678");
	cw_buf_reset(&buf);
	assert_int_equal(cw_buf_printf(&buf, "%d", 42), 0);
	assert_string_equal(cw_buf_str(&buf), "42");
	cw_buf_clear(&buf);
	assert_string_equal(cw_buf_str(&buf), "");
}

static void test_numbers_on_the_wire(void **state)
{
	static const uint64_t values[] = { 0, 1, 127, 128, 300, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX };
	struct cw_buf buf;
	struct cw_cursor cursor;
	size_t len;

	(void)state;
	cw_buf_init(&buf, 4096);
	for (size_t i = 0; i < CW_ARRAY_LEN(values); i++) {
		cw_buf_put_varint(&buf, values[i]);
		cw_buf_put_u64(&buf, values[i]);
		cw_buf_put_u16(&buf, (uint16_t)values[i]);
	}
	cw_buf_put_bytes(&buf, "abc", 3);
	cw_cursor_init(&cursor, buf.data, buf.len);
	for (size_t i = 0; i < CW_ARRAY_LEN(values); i++) {
		assert_true(cw_get_varint(&cursor) == values[i]);
		assert_true(cw_get_u64(&cursor) == values[i]);
		assert_int_equal(cw_get_u16(&cursor), (uint16_t)values[i]);
	}
	assert_memory_equal(cw_get_bytes(&cursor, 3, &len), "abc", 3);
	assert_int_equal(len, 3);
	assert_int_equal(cw_cursor_done(&cursor), 0);
	(void)cw_get_u8(&cursor);
	assert_int_equal(cw_cursor_done(&cursor), -EBADMSG);
	cw_buf_clear(&buf);
}

struct bad_varint {
	const char *name;
	const char *bytes;
	size_t len;
};

static const struct bad_varint bad_varints[] = {
	{ "varint: empty", "", 0 },
	{ "varint: cut short", "\x80\x80", 2 },
	{ "varint: over 64 bits", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10 },
	{ "varint: never ends", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },
	{ "varint: two writings of one number", "\x81\x00", 2 },
};

static void test_bad_varint(void **state)
{
	const struct bad_varint *c = *state;
	struct cw_cursor cursor;

	cw_cursor_init(&cursor, c->bytes, c->len);
	(void)cw_get_varint(&cursor);
	assert_true(cursor.bad);
}

struct fold_case {
	const char *name, *text, *folded;
};

static const struct fold_case folds[] = {
	{ "fold: case and blanks", "  Bath  AND North\tEast Somerset ", "bath and north east somerset" },
	{ "fold: ampersand", "Telford & Wrekin", "telford and wrekin" },
	{ "fold: ampersand without blanks", "Telford&Wrekin", "telford and wrekin" },
	{ "fold: full stop", "St. Helens", "st helens" },
	{ "fold: apostrophe", "King's Lynn", "kings lynn" },
	{ "fold: curly apostrophe", "King\xe2\x80\x99s Lynn", "kings lynn" },
	{ "fold: comma", "Bristol, City of", "bristol city of" },
	{ "fold: hyphen", "Stoke-on-Trent", "stoke on trent" },
	{ "fold: accent", "M\xc3\xa1ire", "maire" },
	{ "fold: combining accent", "Ma\xcc\x81ire", "maire" },
	{ "fold: no-break space", "Isle\xc2\xa0of\xc2\xa0Wight", "isle of wight" },
	{ "fold: full width", "\xef\xbc\xa1\xef\xbc\xa2", "ab" },
	{ "fold: nothing", " - ", "" },
};

static void test_fold(void **state)
{
	const struct fold_case *c = *state;
	struct cw_buf out;

	cw_buf_init(&out, 1024);
	assert_int_equal(cw_text_fold(cw_str(c->text), &out), 0);
	assert_string_equal(cw_buf_str(&out), c->folded);
	cw_buf_clear(&out);
}

static void test_fold_refuses_bad_utf8(void **state)
{
	struct cw_buf out;

	(void)state;
	cw_buf_init(&out, 1024);
	assert_int_equal(cw_text_fold(cw_str("caf\xe9"), &out), -EBADMSG);
	cw_buf_clear(&out);
}

static void test_utf8(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool valid;
	} cases[] = {
		{ "plain ascii, long enough for a word at once", 43, true },
		{ "\xc3\xa9", 2, true },          { "\xe2\x82\xac", 3, true },      { "\xf0\x9f\x98\x80", 4, true },
		{ "\xc0\xaf", 2, false },         { "\xe0\x80\xaf", 3, false },     { "\xed\xa0\x80", 3, false },
		{ "\xf4\x90\x80\x80", 4, false }, { "\xf8\x88\x80\x80\x80", 5, false }, { "\xc3", 1, false },
		{ "abcdefgh\0ijklmnop", 17, false }, { "a\0b", 3, false },           { "\x80", 1, false },
	};

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++)
		if (cw_utf8_valid(cases[i].bytes, cases[i].len) != cases[i].valid)
			fail_msg("case %zu", i);
}

static void test_cut(void **state)
{
	static const struct {
		const char *text;
		size_t max, len;
	} cases[] = {
		{ "abc", 3, 3 }, { "abc", 2, 2 }, { "", 5, 0 }, { "caf\xc3\xa9", 5, 5 }, { "caf\xc3\xa9", 4, 3 },
		{ "\xf0\x9f\x98\x80", 3, 0 }, { "a\xe2\x82\xac", 3, 1 }, { "a\xe2\x82\xac", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++)
		if (cw_str_cut(cw_str(cases[i].text), cases[i].max).len != cases[i].len)
			fail_msg("case %zu", i);
}

static void test_text_in_messages(void **state)
{
	static const struct {
		const char *text;
		size_t max;
		bool good;
	} cases[] = {
		{ "", 0, true }, { "Dorset", 6, true }, { "Dorset", 5, false }, { "caf\xc3", 9, false }, { "caf\xc3\xa9", 9, true },
	};
	struct cw_cursor cursor;
	struct cw_buf buf;

	(void)state;
	cw_buf_init(&buf, 64);
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++) {
		struct cw_str read;

		cw_buf_reset(&buf);
		assert_int_equal(cw_buf_put_str(&buf, cw_str(cases[i].text)), 0);
		cw_cursor_init(&cursor, buf.data, buf.len);
		read = cw_get_str(&cursor, cases[i].max);
		assert_int_equal(cw_cursor_done(&cursor), cases[i].good ? 0 : -EBADMSG);
		assert_true(cw_str_eq(read, cases[i].good ? cases[i].text : ""));
	}
	cw_buf_clear(&buf);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t value;
	} cases[] = {
		{ "2", 0, 2 },          { "2.0", 0, 2 },    { "80426.0", 0, 80426 }, { "-7", 0, -7 }, { "+3", 0, 3 },
		{ "2.5", -EINVAL, 0 },  { "", -EINVAL, 0 }, { "2 ", -EINVAL, 0 },    { "0x2", -EINVAL, 0 },
		{ "1,546", -EINVAL, 0 }, { "9223372036854775807", 0, INT64_MAX },    { "-9223372036854775808", 0, INT64_MIN },
		{ "9223372036854775808", -ERANGE, 0 },
	};
	double d;

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++) {
		int64_t value = 0;

		assert_int_equal(cw_parse_integer(cw_str(cases[i].text), &value), cases[i].r);
		if (cases[i].r == 0)
			assert_true(value == cases[i].value);
	}
	assert_int_equal(cw_parse_double(cw_str("12.25"), &d), 0);
	assert_float_equal(d, 12.25, 1e-12);
	assert_int_equal(cw_parse_double(cw_str("nan"), &d), -EINVAL);
	assert_int_equal(cw_parse_double(cw_str("1e999"), &d), -ERANGE);
	assert_int_equal(cw_parse_double(cw_str("0x1p3"), &d), -EINVAL);
}

static void test_figures(void **state)
{
	static const struct {
		const char *text;
		bool parentheses;
		double scale;
		int r;
		const char *figure;
	} cases[] = {
		{ "1,546", false, 1, 0, "1546" },
		{ "1,234,567.50", false, 1, 0, "1234567.5" },
		{ "\xc2\xa3" "7.737m", false, 1, 0, "7737000" },
		{ "\xc2\xa3" "125m", false, 1, 0, "125000000" },
		{ "\xc2\xa3 1.2bn", false, 1, 0, "1200000000" },
		{ "3.1 million", false, 1, 0, "3100000" },
		{ "250k", false, 1, 0, "250000" },
		{ "12.5%", false, 1, 0, "12.5" },
		{ "85.700000000000", false, 1, 0, "85.7" },
		{ "0.30000000000000004", false, 1, 0, "0.3" },
		{ "12.300000000000001", false, 1, 0, "12.3" },
		{ "1.2E-2", false, 1, 0, "0.012" },
		{ "0.00001", false, 1, 0, "0.00001" },
		{ "-0.0", false, 1, 0, "0" },
		{ "007", false, 1, 0, "7" },
		{ "+5", false, 1, 0, "5" },
		{ ".5", false, 1, 0, "0.5" },
		{ "-29", false, 1, 0, "-29" },
		{ "\xe2\x88\x92" "29", false, 1, 0, "-29" },
		{ "-\xc2\xa3" "5m", false, 1, 0, "-5000000" },
		{ "\xc2\xa3" "-5m", false, 1, 0, "-5000000" },
		{ "(1,200)", true, 1, 0, "-1200" },
		{ "(\xc2\xa3" "5)", true, 1, 0, "-5" },
		{ "2,049,110", false, 1000, 0, "2049110000" },
		{ "0.467", false, 100, 0, "46.7" },
		{ "999999999999999", false, 1, 0, "999999999999999" },
		{ "(1,200)", false, 1, -EINVAL, NULL },
		{ "(-5)", true, 1, -EINVAL, NULL },
		{ "--5", false, 1, -EINVAL, NULL },
		{ "1,54", false, 1, -EINVAL, NULL },
		{ "1,5467", false, 1, -EINVAL, NULL },
		{ "1546,123", false, 1, -EINVAL, NULL },
		{ "1,,546", false, 1, -EINVAL, NULL },
		{ ",546", false, 1, -EINVAL, NULL },
		{ "1.5,000", false, 1, -EINVAL, NULL },
		{ "12.5.1", false, 1, -EINVAL, NULL },
		{ "12 13", false, 1, -EINVAL, NULL },
		{ "12.5 (r)", false, 1, -EINVAL, NULL },
		{ "z", false, 1, -EINVAL, NULL },
		{ "m", false, 1, -EINVAL, NULL },
		{ "%", false, 1, -EINVAL, NULL },
		{ "", false, 1, -EINVAL, NULL },
		{ "0x12", false, 1, -EINVAL, NULL },
		{ "1000000000000000", false, 1, -ERANGE, NULL },
		{ "1e300", false, 1e300, -ERANGE, NULL },
	};
	char figure[CW_NUMBER_TEXT], again[CW_NUMBER_TEXT];

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++) {
		int r = cw_parse_figure(cw_str(cases[i].text), cases[i].parentheses, cases[i].scale, figure);

		if (r != cases[i].r)
			fail_msg("'%s': %d", cases[i].text, r);
		if (r < 0)
			continue;
		assert_string_equal(figure, cases[i].figure);
		assert_int_equal(cw_parse_figure(cw_str(figure), false, 1, again), 0);
		assert_string_equal(again, figure);
	}
}

static void test_escape(void **state)
{
	struct cw_buf out;

	(void)state;
	cw_buf_init(&out, 1024);
	cw_text_escape(cw_str("a\x1b[31mb\nc\x7f\xe2\x80\xae""d\xff caf\xc3\xa9"), &out);
	assert_string_equal(cw_buf_str(&out), "a\\x1b[31mb\\x0ac\\x7f\\xe2\\x80\\xaed\\xff caf\xc3\xa9");
	cw_buf_clear(&out);
}

static void test_nearest(void **state)
{
	static const char *const words[] = { "interval", "publisher", "format", NULL };

	(void)state;
	assert_string_equal(cw_nearest("intervall", words), "interval");
	assert_string_equal(cw_nearest("pubilsher", words), "publisher");
	assert_null(cw_nearest("colour", words));
}

static void test_sha256(void **state)
{
	unsigned char digest[CW_SHA256_LEN], again[CW_SHA256_LEN];
	struct cw_sha256 *hash = cw_sha256_new();
	char hex[CW_SHA256_HEX];

	(void)state;
	assert_int_equal(cw_sha256("abc", 3, digest), 0);
	cw_hex(digest, sizeof(digest), hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	for (int round = 0; round < 2; round++) {
		assert_int_equal(cw_sha256_update(hash, "a", 1), 0);
		assert_int_equal(cw_sha256_update(hash, "bc", 2), 0);
		assert_int_equal(cw_sha256_final(hash, again), 0);
		assert_memory_equal(digest, again, sizeof(digest));
	}
	assert_int_equal(cw_unhex(hex, again, sizeof(again)), 0);
	assert_memory_equal(digest, again, sizeof(digest));
	assert_int_equal(cw_unhex("zz", again, 1), -EINVAL);
	cw_sha256_free(hash);
}

/* ---- time ---- */

static void test_days(void **state)
{
	int32_t before = CW_DAY_NONE;

	(void)state;
	assert_int_equal(cw_day_make(1970, 1, 1), 0);
	assert_int_equal(cw_day_make(2000, 3, 1), 11017);
	assert_int_equal(cw_day_make(2023, 2, 29), CW_DAY_NONE);
	assert_int_equal(cw_day_make(1900, 2, 29), CW_DAY_NONE);
	assert_int_not_equal(cw_day_make(2000, 2, 29), CW_DAY_NONE);
	/* Every day of 130 years follows the one before, and reads back. */
	for (int year = 1970; year < 2100; year++) {
		for (int month = 1; month <= 12; month++) {
			for (int mday = 1; mday <= 31; mday++) {
				int32_t day = cw_day_make(year, month, mday);
				int y, m, d;

				if (day == CW_DAY_NONE)
					continue;
				if (before != CW_DAY_NONE)
					assert_int_equal(day, before + 1);
				before = day;
				cw_day_split(day, &y, &m, &d);
				assert_true(y == year && m == month && d == mday);
			}
		}
	}
	assert_int_equal(cw_day_add_months(cw_day_make(2019, 8, 12), 42), cw_day_make(2023, 2, 12));
	assert_int_equal(cw_day_add_months(cw_day_make(2024, 1, 31), 1), cw_day_make(2024, 2, 29));
	assert_int_equal(cw_day_add_months(cw_day_make(2024, 1, 15), -13), cw_day_make(2022, 12, 15));
}

static void test_wall(void **state)
{
	static const struct {
		const char *text;
		int r;
		const char *back;
		bool date_only;
	} cases[] = {
		{ "2024-09-02T07:08:55Z", 0, "2024-09-02T07:08:55Z", false },
		{ "2024-09-02", 0, "2024-09-02T00:00:00Z", true },
		{ "2024-09-02T07:08:55.120+01:00", 0, "2024-09-02T06:08:55.120Z", false },
		{ "2024-09-02T07:08:55.000+00:00", 0, "2024-09-02T07:08:55Z", false },
		{ "2024-01-01T00:30:00+0100", 0, "2023-12-31T23:30:00Z", false },
		{ "1969-12-31T23:59:59Z", 0, "1969-12-31T23:59:59Z", false },
		{ "2024-09-02T07:08:55", -EINVAL, NULL, false },
		{ "2024-13-02", -EINVAL, NULL, false },
		{ "2024-02-30", -EINVAL, NULL, false },
		{ "2024-09-02x", -EINVAL, NULL, false },
		{ "2024-09-02T25:00:00Z", -EINVAL, NULL, false },
		{ "", -EINVAL, NULL, false },
	};
	char buf[CW_WALL_TEXT];

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++) {
		struct cw_wall t;
		bool date_only = false;

		if (cw_wall_parse(cases[i].text, strlen(cases[i].text), &t, &date_only) != cases[i].r)
			fail_msg("%s", cases[i].text);
		if (cases[i].r == 0) {
			assert_string_equal(cw_wall_format(t, buf), cases[i].back);
			assert_int_equal(date_only, cases[i].date_only);
		}
	}
	assert_string_equal(cw_wall_format(cw_wall_none(), buf), "");
	assert_int_equal(cw_wall_day((struct cw_wall){ -1 }), -1);
}

static void test_dates(void **state)
{
	static const struct {
		const char *text, *format;
		int r;
		const char *day;
	} cases[] = {
		{ "08/10/2018", "%d/%m/%Y", 0, "2018-10-08" },
		{ "8/1/2018", "%d/%m/%Y", 0, "2018-01-08" },
		{ "04/02/25", "%d/%m/%y", 0, "2025-02-04" },
		{ "04/02/69", "%d/%m/%y", 0, "1969-02-04" },
		{ "15 February 2018", "%d %B %Y", 0, "2018-02-15" },
		{ "15  feb   2018", "%d %b %Y", 0, "2018-02-15" },
		{ "1 Sept 2020", "%d %b %Y", 0, "2020-09-01" },
		{ "2023-08-17 10:36", "%Y-%m-%d %H:%M", 0, "2023-08-17" },
		{ "31/02/2018", "%d/%m/%Y", -ERANGE, NULL },
		{ "08/10/2018 ", "%d/%m/%Y", -EINVAL, NULL },
		{ "08/10/18", "%d/%m/%Y", -EINVAL, NULL },
		{ "08/10/2018", "%d/%m/%y", -EINVAL, NULL },
		{ "", "%d/%m/%Y", -EINVAL, NULL },
		{ "10/2018", "%m/%Y", -EINVAL, NULL },
		{ "01/01/1066", "%d/%m/%Y", -ERANGE, NULL },
		{ "2024", "%Y@09-30", 0, "2024-09-30" },
		{ "2020-21", "%Y-%y@03-31", 0, "2021-03-31" },
		{ "1999-00", "%Y-%y@03-31", 0, "2000-03-31" },
		{ "2020-21", "%Y-%#@04-01", 0, "2020-04-01" },
		{ "202122", "%Y%y@07-31", 0, "2022-07-31" },
		{ "2024", "%Y@02-30", -ERANGE, NULL },
		{ "2024", "%Y@", -EINVAL, NULL },
		{ "2024", "%Y@9-30", -EINVAL, NULL },
		{ "2024x", "%Y@09-30", -EINVAL, NULL },
	};
	char buf[CW_WALL_TEXT];

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++) {
		int32_t day = 0;

		if (cw_date_parse(cases[i].text, strlen(cases[i].text), cases[i].format, &day) != cases[i].r)
			fail_msg("%s as %s", cases[i].text, cases[i].format);
		if (cases[i].r == 0)
			assert_string_equal(cw_day_format(day, buf), cases[i].day);
	}
}

static void test_errors(void **state)
{
	struct cw_error err;
	char text[512];

	(void)state;
	assert_int_equal(cw_error_at(&err, -EINVAL, "feeds.conf", 12, 0, "unknown key '%s'", "intervall"), -EINVAL);
	assert_string_equal(cw_error_format(&err, text, sizeof(text)), "feeds.conf:12: unknown key 'intervall'");
	assert_int_equal(cw_error_prefix(&err, "reading %s", "it"), -EINVAL);
	assert_string_equal(cw_error_format(&err, text, sizeof(text)), "feeds.conf:12: reading it: unknown key 'intervall'");
	assert_int_equal(cw_error_set(NULL, -EIO, "no place for it"), -EIO);
}

int main(void)
{
	struct CMUnitTest tests[64] = {
		cmocka_unit_test(test_buf_ceiling), cmocka_unit_test(test_numbers_on_the_wire),
		cmocka_unit_test(test_fold_refuses_bad_utf8), cmocka_unit_test(test_utf8), cmocka_unit_test(test_numbers), cmocka_unit_test(test_figures),
		cmocka_unit_test(test_cut), cmocka_unit_test(test_text_in_messages),
		cmocka_unit_test(test_escape), cmocka_unit_test(test_nearest), cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_days), cmocka_unit_test(test_wall), cmocka_unit_test(test_dates), cmocka_unit_test(test_errors),
	};
	size_t n = 12;

	for (size_t i = 0; i < CW_ARRAY_LEN(folds); i++)
		tests[n++] = (struct CMUnitTest){ .name = folds[i].name, .test_func = test_fold, .initial_state = (void *)(uintptr_t)&folds[i] };
	for (size_t i = 0; i < CW_ARRAY_LEN(bad_varints); i++)
		tests[n++] = (struct CMUnitTest){ .name = bad_varints[i].name, .test_func = test_bad_varint,
			                          .initial_state = (void *)(uintptr_t)&bad_varints[i] };
	return _cmocka_run_group_tests("base", tests, n, NULL, NULL);
}
