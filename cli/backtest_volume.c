/*
 * How much there would have been to read: alerts by week and year, levels by month; and what leaving a source out changes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backtest.h"

/* 1970-01-01 was a Thursday. */
static int32_t monday_of(int32_t day)
{
	int32_t since = (day + 3) % 7;

	return day - (since < 0 ? since + 7 : since);
}

static int year_of(int32_t day)
{
	int year, month, mday;

	cw_day_split(day, &year, &month, &mday);
	return year;
}

static bool top(enum cw_level level)
{
	return level >= CW_LEVEL_PRIORITY;
}

static struct bt_year *find_year(struct bt_volume_report *report, int32_t day)
{
	int year = year_of(day);

	for (size_t i = 0; i < report->n_years; i++)
		if (report->years[i].year == year)
			return &report->years[i];
	if (report->n_years == BT_YEARS_MAX)
		return NULL;
	report->years[report->n_years] = (struct bt_year){ .year = year };
	return &report->years[report->n_years++];
}

/* Years of the span, each with as many weeks of it as there are in the span. */
static void make_years(const struct backtest *bt, struct bt_volume_report *report)
{
	for (int32_t day = bt->from; day <= bt->to; day++) {
		struct bt_year *year = find_year(report, day);

		if (year)
			year->weeks += 1.0 / 7;
	}
}

static int make_weeks(const struct backtest *bt, struct bt_volume_report *report)
{
	int32_t first = monday_of(bt->from);

	report->n_weeks = (size_t)((monday_of(bt->to) - first) / 7 + 1);
	report->weeks = (bt->to - bt->from + 1) / 7.0;
	report->by_week = calloc(report->n_weeks, sizeof(*report->by_week));
	if (!report->by_week)
		return -ENOMEM;
	for (size_t i = 0; i < report->n_weeks; i++)
		report->by_week[i].monday = first + (int32_t)(7 * i);
	return 0;
}

static void count_alert(const struct backtest *bt, struct bt_volume_report *report, const struct bt_alert *alert)
{
	int32_t day = cw_wall_day(alert->at);
	struct bt_week *week = &report->by_week[(monday_of(day) - monday_of(bt->from)) / 7];
	struct bt_year *year = find_year(report, day);
	bool rise = alert->kind == CW_ALERT_LEVEL_UP;
	unsigned *const counts[] = { alert->digest ? &week->all_digest : &week->all,
		                     alert->digest ? &report->all_digest : &report->all,
		                     !year           ? NULL
		                     : alert->digest ? &year->all_digest
		                                     : &year->all };
	unsigned *const rises[] = { alert->digest ? &week->rises_digest : &week->rises,
		                    alert->digest ? &report->rises_digest : &report->rises,
		                    !year           ? NULL
		                    : alert->digest ? &year->rises_digest
		                                    : &year->rises };

	for (size_t i = 0; i < CW_ARRAY_LEN(counts); i++) {
		if (counts[i])
			++*counts[i];
		if (rise && rises[i])
			++*rises[i];
	}
}

static int by_rises(const void *a, const void *b)
{
	const struct bt_week *x = a, *y = b;
	unsigned mine = x->rises + x->rises_digest, theirs = y->rises + y->rises_digest;

	if (x->rises != y->rises)
		return x->rises > y->rises ? -1 : 1;
	if (mine != theirs)
		return mine > theirs ? -1 : 1;
	return x->monday < y->monday ? -1 : x->monday > y->monday;
}

static int find_peaks(struct bt_volume_report *report)
{
	struct bt_week *sorted = malloc(report->n_weeks * sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, report->by_week, report->n_weeks * sizeof(*sorted));
	qsort(sorted, report->n_weeks, sizeof(*sorted), by_rises);
	while (report->n_peaks < BT_PEAKS && report->n_peaks < report->n_weeks && sorted[report->n_peaks].rises) {
		report->peaks[report->n_peaks] = sorted[report->n_peaks];
		report->n_peaks++;
	}
	free(sorted);
	for (size_t i = 0; i < report->n_weeks; i++) {
		struct bt_year *year = find_year(report, report->by_week[i].monday);

		report->weeks_over += report->by_week[i].rises > BT_VOLUME_RISES;
		if (year && report->by_week[i].rises > year->most.rises)
			year->most = report->by_week[i];
	}
	return 0;
}

static void count_levels(const struct backtest *bt, struct bt_volume_report *report)
{
	for (size_t m = 0; m < bt->n_months; m++) {
		struct bt_year *year = find_year(report, bt->grid[m]);
		unsigned there = 0, high = 0;
		double share;

		for (size_t c = 0; c < bt->n_councils; c++) {
			const struct bt_month *month = &bt->councils[c].months[m];

			if (!month->exists)
				continue;
			there++;
			high += top(month->level);
			report->levels[month->level]++;
			report->knowledge[month->knowledge]++;
		}
		report->months += there;
		share = there ? (double)high / there : 0;
		if (share > report->share_top_most) {
			report->share_top_most = share;
			report->share_top_day = bt->grid[m];
		}
		if (year) {
			size_t months = 0;

			for (size_t k = 0; k < bt->n_months; k++)
				months += year_of(bt->grid[k]) == year->year;
			year->share_top += share / (double)months;
			year->share_top_most = CW_MAX(year->share_top_most, share);
		}
	}
}

int bt_volume(const struct backtest *bt, struct bt_volume_report *ret)
{
	struct bt_volume_report report = { 0 };
	int r;

	make_years(bt, &report);
	r = make_weeks(bt, &report);
	for (size_t i = 0; r == 0 && i < bt->n_alerts; i++)
		count_alert(bt, &report, &bt->alerts[i]);
	if (r == 0)
		r = find_peaks(&report);
	if (r < 0) {
		bt_volume_clear(&report);
		return r;
	}
	count_levels(bt, &report);
	*ret = report;
	return 0;
}

void bt_volume_clear(struct bt_volume_report *report)
{
	free(report->by_week);
	*report = (struct bt_volume_report){ 0 };
}

/* Both were made with the same grid. */
void bt_compare(const struct backtest *with, const struct backtest *without, struct bt_stability *ret)
{
	struct bt_stability s = { 0 };

	for (size_t c = 0; c < with->n_councils; c++) {
		bool any = false;

		for (size_t m = 0; m < with->n_months; m++) {
			const struct bt_month *a = &with->councils[c].months[m], *b = &without->councils[c].months[m];

			if (!a->exists)
				continue;
			s.months++;
			s.moves[a->level][b->level]++;
			if (a->level == b->level)
				continue;
			any = true;
			s.changed++;
			s.up += b->level > a->level;
			s.down += b->level < a->level;
			s.last_changed += m + 1 == with->n_months;
		}
		s.councils_changed += any;
	}
	*ret = s;
}
