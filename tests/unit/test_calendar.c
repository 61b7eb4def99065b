/* Bank holidays: the shipped table against the rules, clocks of working days, and tables with mistakes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <councilwatch/buf.h>
#include <councilwatch/calendar.h>

#define TABLE CW_SOURCE_DIR "/config/bank-holidays.csv"

static int32_t day(const char *text)
{
	struct cw_wall t;

	assert_int_equal(cw_wall_parse(text, strlen(text), &t, NULL), 0);
	return cw_wall_day(t);
}

static struct cw_calendar *shipped(void)
{
	struct cw_calendar *calendar = NULL;
	struct cw_error err;

	assert_int_equal(cw_calendar_load(TABLE, NULL, NULL, &calendar, &err), 0);
	return calendar;
}

/* ---- the shipped table, by rule ---- */

static int weekday_of(int year, int month, int mday) /* Sakamoto; 0 is Sunday */
{
	static const int offset[] = { 0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4 };

	year -= month < 3;
	return (year + year / 4 - year / 100 + year / 400 + offset[month - 1] + mday) % 7;
}

/* Gauss, for the Gregorian calendar of 1900 to 2099. */
static int32_t easter(int year)
{
	int a = year % 19, b = year % 4, c = year % 7, d = (19 * a + 24) % 30, e = (2 * b + 4 * c + 6 * d + 5) % 7;
	int32_t sunday = cw_day_make(year, 3, 22) + d + e;

	if (d == 29 && e == 6)
		sunday -= 7;
	if (d == 28 && e == 6 && a > 10)
		sunday -= 7;
	return sunday;
}

static int32_t monday(int year, int month, bool last)
{
	int mday = last ? 31 : 1;

	while (weekday_of(year, month, mday) != 1)
		mday += last ? -1 : 1;
	return cw_day_make(year, month, mday);
}

static int add_new_year(int year, int32_t *ret)
{
	int w = weekday_of(year, 1, 1);

	ret[0] = cw_day_make(year, 1, w == 6 ? 3 : w == 0 ? 2 : 1);
	return 1;
}

static int add_christmas(int year, int32_t *ret)
{
	int w = weekday_of(year, 12, 25); /* Friday: Boxing Day on Monday; weekend: both after it */

	ret[0] = cw_day_make(year, 12, w == 6 || w == 0 ? 27 : 25);
	ret[1] = cw_day_make(year, 12, w == 5 || w == 6 ? 28 : 26);
	return 2;
}

/* Days that no rule gives, or that were moved from where it does. */
static const struct {
	const char *instead_of, *day;
} proclaimed[] = { { NULL, "2011-04-29" },         { "2012-05-28", "2012-06-04" }, { NULL, "2012-06-05" },
	           { "2020-05-04", "2020-05-08" }, { "2022-05-30", "2022-06-02" }, { NULL, "2022-06-03" },
	           { NULL, "2022-09-19" },         { NULL, "2023-05-08" } };

static void test_rules(void **state)
{
	struct cw_calendar *calendar = shipped();

	(void)state;
	assert_int_equal(cw_calendar_first(calendar), day("2009-01-01"));
	assert_int_equal(cw_calendar_last(calendar), day("2027-12-31"));
	for (int year = 2009; year <= 2027; year++) {
		int32_t expected[16];
		int n = add_new_year(year, expected);

		expected[n++] = easter(year) - 2;
		expected[n++] = easter(year) + 1;
		expected[n++] = monday(year, 5, false);
		expected[n++] = monday(year, 5, true);
		expected[n++] = monday(year, 8, true);
		n += add_christmas(year, expected + n);
		for (size_t i = 0; i < CW_ARRAY_LEN(proclaimed); i++) {
			int32_t new = day(proclaimed[i].day);
			bool moved = false;

			for (int k = 0; proclaimed[i].instead_of && k < n; k++)
				if (expected[k] == day(proclaimed[i].instead_of)) {
					expected[k] = new;
					moved = true;
				}
			if (!proclaimed[i].instead_of && atoi(proclaimed[i].day) == year)
				expected[n++] = new;
			else if (atoi(proclaimed[i].day) == year)
				assert_true(moved);
		}
		for (int32_t d = cw_day_make(year, 1, 1); d <= cw_day_make(year, 12, 31); d++) {
			bool listed = false;
			char text[CW_WALL_TEXT];

			for (int k = 0; k < n; k++)
				listed |= expected[k] == d;
			if (listed != (cw_bank_holiday(calendar, d) != NULL))
				fail_msg("%s: by rule %s, in the table %s", cw_day_format(d, text), listed ? "a bank holiday" : "none",
				         cw_bank_holiday(calendar, d) ? cw_bank_holiday(calendar, d) : "none");
		}
	}
	assert_string_equal(cw_bank_holiday(calendar, day("2022-09-19")), "State Funeral of Queen Elizabeth II");
	cw_calendar_free(calendar);
}

/* ---- clocks ---- */

static const struct {
	const char *name, *from, *to;
	int days;
} clocks[] = {
	{ "the same day", "2024-09-02", "2024-09-02", 0 },
	{ "the next day", "2024-09-02", "2024-09-03", 1 },
	{ "over a weekend", "2024-09-06", "2024-09-09", 1 },
	{ "from a Saturday", "2024-09-07", "2024-09-09", 1 },
	{ "from a Saturday to Sunday", "2024-09-07", "2024-09-08", 0 },
	{ "a week", "2024-09-02", "2024-09-09", 5 },
	{ "over Easter 2024", "2024-03-28", "2024-04-02", 1 },
	{ "ten over Easter 2024", "2024-03-28", "2024-04-15", 10 },
	{ "over Christmas 2024", "2024-12-24", "2025-01-02", 4 },     /* 27, 30, 31 December, 2 January */
	{ "over Christmas 2022", "2022-12-23", "2023-01-03", 4 },     /* 28, 29, 30 December, 3 January */
	{ "over Christmas 2021", "2021-12-24", "2022-01-04", 4 },     /* 29, 30, 31 December, 4 January */
	{ "over May 2023", "2023-04-28", "2023-05-09", 5 },           /* 1 and 8 May are none */
	{ "over the jubilee", "2022-06-01", "2022-06-06", 1 },
	{ "a year", "2024-12-31", "2025-12-31", 253 },                /* 261 weekdays, 8 holidays */
};

static void test_clock(void **state)
{
	size_t i = (size_t)(uintptr_t)*state;
	struct cw_calendar *calendar = shipped();
	int32_t from = day(clocks[i].from), to = day(clocks[i].to), later;
	struct cw_error err;
	int days = -1;

	assert_int_equal(cw_working_days(calendar, from, to, &days, &err), 0);
	assert_int_equal(days, clocks[i].days);
	/* Counted one by one. */
	for (int32_t d = from + 1; d <= to; d++)
		days -= cw_working_day(calendar, d);
	assert_int_equal(days, 0);
	/* The deadline of so many days is the last day of those that take them: "to" when it is a working day. */
	assert_int_equal(cw_working_days_later(calendar, from, (unsigned)clocks[i].days, &later, &err), 0);
	assert_int_equal(later, clocks[i].days == 0 ? from : to);
	cw_calendar_free(calendar);
}

static void test_outside(void **state)
{
	struct cw_calendar *calendar = shipped();
	struct cw_error err;
	int32_t later;
	int days;

	(void)state;
	assert_int_equal(cw_working_days(calendar, day("2027-12-01"), day("2028-01-03"), &days, &err), -ERANGE);
	assert_non_null(strstr(err.text, "from 2009 to 2027 are known, and 2028-01-03 is needed: add those of 2028"));
	assert_string_equal(err.source, TABLE);
	assert_int_equal(cw_working_days_later(calendar, day("2027-12-30"), 2, &later, &err), -ERANGE);
	assert_int_equal(cw_working_days_later(calendar, day("2027-12-30"), 1, &later, &err), 0);
	assert_int_equal(cw_working_days(calendar, day("2008-05-01"), day("2009-01-05"), &days, &err), -ERANGE);
	/* From the last day before the table nothing outside is needed. */
	assert_int_equal(cw_working_days(calendar, day("2008-12-31"), day("2009-01-02"), &days, &err), 0);
	assert_int_equal(days, 1);
	cw_calendar_free(calendar);
}

/* ---- mistakes ---- */

#define YEAR                                                                                                           \
	"2025-01-01,New Year's Day\n2025-04-18,Good Friday\n2025-04-21,Easter Monday\n2025-05-05,Early May\n2025-05-26,Spring\n"      \
	"2025-08-25,Summer\n2025-12-25,Christmas Day\n2025-12-26,Boxing Day\n"

static const struct {
	const char *name, *text, *expected;
} mistaken[] = {
	{ "no rows", "date,title\n", "1: has no bank holidays\n" },
	{ "no columns", "day,title\n" YEAR, "1: the first row must be 'date,title'\n" },
	{ "three columns", "date,title,notes\n", "1: the first row must be 'date,title'\n" },
	{ "no date", "date,title\n25/12/2025,Christmas Day\n2025-02-30,None\n",
	  "2: date is '25/12/2025'; write it like 2026-12-25\n3: date is '2025-02-30'; write it like 2026-12-25\n" },
	{ "no title", "date,title\n2025-12-25,\n", "2: 2025-12-25 has no title; say which bank holiday it is\n" },
	{ "a weekend", "date,title\n2027-12-25,Christmas Day\n",
	  "2: 2027-12-25 is a Saturday; a bank holiday is written with the working day that it takes, its substitute day\n" },
	{ "order", "date,title\n2025-12-26,Boxing Day\n2025-12-25,Christmas Day\n2025-12-26,Boxing Day\n",
	  "3: 2025-12-25 does not come after the row before; sort the rows by date, each once\n"
	  "4: 2025-12-26 does not come after the row before; sort the rows by date, each once\n" },
	{ "a year begun", "date,title\n" YEAR "2026-01-01,New Year's Day\n",
	  "2026 has 1 bank holidays; a year has at least 8: complete it from https://www.gov.uk/bank-holidays\n" },
	{ "a year left out", "date,title\n" YEAR "2027-01-01,New Year's Day\n",
	  "2026 has 0 bank holidays; a year has at least 8: complete it from https://www.gov.uk/bank-holidays\n"
	  "2027 has 1 bank holidays; a year has at least 8: complete it from https://www.gov.uk/bank-holidays\n" },
	{ "columns", "date,title\n2025-12-25,Christmas Day,more\n", "2: has 3 fields, but the first row names 2 columns\n" },
};

static void collect(void *arg, const struct cw_error *err)
{
	struct cw_buf *out = arg;

	if (err->line)
		cw_buf_printf(out, "%u: ", err->line);
	cw_buf_printf(out, "%s\n", err->text);
}

static void test_mistake(void **state)
{
	size_t i = (size_t)(uintptr_t)*state;
	char path[] = "/tmp/cw-calendar.XXXXXX";
	struct cw_calendar *calendar = NULL;
	int fd = mkstemp(path);
	struct cw_error err;
	struct cw_buf told;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, mistaken[i].text, strlen(mistaken[i].text)), (ssize_t)strlen(mistaken[i].text));
	close(fd);
	cw_buf_init(&told, 4096);
	assert_int_equal(cw_calendar_load(path, collect, &told, &calendar, &err), -EINVAL);
	assert_string_equal(cw_buf_str(&told), mistaken[i].expected);
	assert_null(calendar);
	cw_buf_clear(&told);
	unlink(path);
}

int main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_rules);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_outside);
	for (size_t i = 0; i < CW_ARRAY_LEN(clocks); i++)
		tests[n++] = (struct CMUnitTest){ .name = clocks[i].name, .test_func = test_clock, .initial_state = (void *)(uintptr_t)i };
	for (size_t i = 0; i < CW_ARRAY_LEN(mistaken); i++)
		tests[n++] = (struct CMUnitTest){ .name = mistaken[i].name, .test_func = test_mistake, .initial_state = (void *)(uintptr_t)i };
	return _cmocka_run_group_tests("calendar", tests, n, NULL, NULL);
}
