#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/calendar.h>

#include "csv.h"

#define YEAR_LEAST 8u /* bank holidays of a year in England: New Year's Day, two at Easter, two in May, August, two at Christmas */

struct holiday {
	int32_t day;
	const char *title; /* in the file */
};

struct cw_calendar {
	struct cw_csv csv; /* keeps the titles */
	char *path;
	size_t n, cap;
	struct holiday *at; /* in order */
	int32_t first, last;
};

struct loader {
	struct cw_calendar *calendar;
	cw_report_fn *report;
	void *arg;
	unsigned mistakes;
};

static void complain(struct loader *loader, unsigned line, const char *fmt, ...) CW_PRINTF(3, 4);
static void complain(struct loader *loader, unsigned line, const char *fmt, ...)
{
	char text[CW_ERROR_TEXT_MAX];
	struct cw_error err;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	cw_error_at(&err, -EINVAL, loader->calendar->path, line, 0, "%s", text);
	loader->mistakes++;
	if (loader->report)
		loader->report(loader->arg, &err);
}

/* 0 is Monday; 1 January 1970 was a Thursday. */
static int weekday(int32_t day)
{
	return (int)(((int64_t)day + 3) % 7 + 7) % 7;
}

static int year_of(int32_t day)
{
	int year, month, mday;

	cw_day_split(day, &year, &month, &mday);
	return year;
}

static int read_row(struct loader *loader, const struct cw_csv *csv, const int *column)
{
	struct cw_calendar *calendar = loader->calendar;
	const char *date = csv->fields[column[0]], *title = csv->fields[column[1]];
	bool date_only = false;
	struct cw_wall t;
	int32_t day;

	if (cw_wall_parse(date, strlen(date), &t, &date_only) < 0 || !date_only) {
		complain(loader, csv->row_line, "date is '%s'; write it like 2026-12-25", date);
		return 0;
	}
	day = cw_wall_day(t);
	if (!*title)
		complain(loader, csv->row_line, "%s has no title; say which bank holiday it is", date);
	else if (weekday(day) >= 5)
		complain(loader, csv->row_line, "%s is a %s; a bank holiday is written with the working day that it takes, its substitute day",
		         date, weekday(day) == 5 ? "Saturday" : "Sunday");
	else if (calendar->n && day <= calendar->at[calendar->n - 1].day)
		complain(loader, csv->row_line, "%s does not come after the row before; sort the rows by date, each once", date);
	else if (cw_grow(&calendar->at, &calendar->cap, calendar->n, sizeof(*calendar->at)) < 0)
		return -ENOMEM;
	else
		calendar->at[calendar->n++] = (struct holiday){ day, title };
	return 0;
}

/* A year that was begun and not finished would make too many working days. */
static void check_years(struct loader *loader)
{
	const struct cw_calendar *calendar = loader->calendar;
	size_t i = 0;

	for (int year = year_of(calendar->at[0].day); i < calendar->n; year++) {
		size_t n = 0;

		for (; i < calendar->n && year_of(calendar->at[i].day) == year; i++)
			n++;
		if (n < YEAR_LEAST)
			complain(loader, 0, "%d has %zu bank holidays; a year has at least %u: complete it from https://www.gov.uk/bank-holidays", year,
			         n, YEAR_LEAST);
	}
}

static int read_rows(struct loader *loader)
{
	struct cw_calendar *calendar = loader->calendar;
	struct cw_csv *csv = &calendar->csv;
	const int column[] = { cw_csv_column(csv, "date"), cw_csv_column(csv, "title") };
	struct cw_error err;
	int r;

	if (column[0] < 0 || column[1] < 0 || csv->n_columns != 2) {
		complain(loader, 1, "the first row must be 'date,title'");
		return 0;
	}
	while ((r = cw_csv_next(csv, &err)) != 0) {
		if (r < 0)
			complain(loader, err.line, "%s", err.text);
		else
			r = read_row(loader, csv, column);
		if (r == -ENOMEM)
			return r;
	}
	if (!calendar->n && !loader->mistakes)
		complain(loader, 1, "has no bank holidays");
	if (!loader->mistakes)
		check_years(loader);
	return 0;
}

static void calendar_freep(struct cw_calendar **calendar)
{
	cw_calendar_free(*calendar);
}

int cw_calendar_load(const char *path, cw_report_fn *report, void *arg, struct cw_calendar **ret, struct cw_error *err)
{
	CW_CLEANUP(calendar_freep) struct cw_calendar *calendar = calloc(1, sizeof(*calendar));
	struct loader loader = { calendar, report, arg, 0 };
	struct cw_error opening;
	int r;

	if (!calendar)
		return cw_error_nomem(err);
	calendar->path = strdup(path);
	r = calendar->path ? cw_csv_open(&calendar->csv, path, &opening) : -ENOMEM;
	if (r < 0 && r != -ENOMEM)
		complain(&loader, opening.line, "%s", opening.text);
	else if (r == 0)
		r = read_rows(&loader);
	if (r == -ENOMEM)
		return cw_error_nomem(err);
	if (loader.mistakes)
		return cw_error_at(err, -EINVAL, path, 0, 0, "%u %s in the table of bank holidays", loader.mistakes,
		                   loader.mistakes == 1 ? "mistake" : "mistakes");
	calendar->first = cw_day_make(year_of(calendar->at[0].day), 1, 1);
	calendar->last = cw_day_make(year_of(calendar->at[calendar->n - 1].day), 12, 31);
	*ret = cw_steal(calendar);
	return 0;
}

void cw_calendar_free(struct cw_calendar *calendar)
{
	if (!calendar)
		return;
	cw_csv_close(&calendar->csv);
	free(calendar->at);
	free(calendar->path);
	free(calendar);
}

int32_t cw_calendar_first(const struct cw_calendar *calendar)
{
	return calendar->first;
}

int32_t cw_calendar_last(const struct cw_calendar *calendar)
{
	return calendar->last;
}

/* The first that is not before that day. */
static size_t from_day(const struct cw_calendar *calendar, int32_t day)
{
	size_t low = 0, high = calendar->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (calendar->at[middle].day < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const char *cw_bank_holiday(const struct cw_calendar *calendar, int32_t day)
{
	size_t i = from_day(calendar, day);

	return i < calendar->n && calendar->at[i].day == day ? calendar->at[i].title : NULL;
}

bool cw_working_day(const struct cw_calendar *calendar, int32_t day)
{
	return weekday(day) < 5 && !cw_bank_holiday(calendar, day);
}

static int outside(const struct cw_calendar *calendar, int32_t day, struct cw_error *err)
{
	char text[CW_WALL_TEXT];

	return cw_error_at(err, -ERANGE, calendar->path, 0, 0,
	                   "the bank holidays from %d to %d are known, and %s is needed: add those of %d from https://www.gov.uk/bank-holidays",
	                   year_of(calendar->first), year_of(calendar->last), cw_day_format(day, text), year_of(day));
}

/* Weekdays of the days before this one, from a Monday long ago. */
static int64_t weekdays_before(int32_t day)
{
	int64_t days = (int64_t)day + 3 + 7 * 200000, week = days / 7, rest = days % 7;

	return week * 5 + CW_MIN(rest, 5);
}

int cw_working_days(const struct cw_calendar *calendar, int32_t from, int32_t to, int *ret, struct cw_error *err)
{
	size_t holidays;

	if (to <= from) {
		*ret = 0;
		return 0;
	}
	if (from < calendar->first - 1)
		return outside(calendar, from, err);
	if (to > calendar->last)
		return outside(calendar, to, err);
	/* Every holiday of the table is a weekday. */
	holidays = from_day(calendar, to + 1) - from_day(calendar, from + 1);
	*ret = (int)(weekdays_before(to + 1) - weekdays_before(from + 1) - (int64_t)holidays);
	return 0;
}

int cw_working_days_later(const struct cw_calendar *calendar, int32_t from, unsigned n, int32_t *ret, struct cw_error *err)
{
	int32_t day = from;

	if (from < calendar->first - 1)
		return outside(calendar, from, err);
	while (n) {
		day++;
		if (day > calendar->last)
			return outside(calendar, day, err);
		n -= cw_working_day(calendar, day);
	}
	*ret = day;
	return 0;
}
