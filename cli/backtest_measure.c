/*
 * Lists of the same length, made with the levels and without them, and what they come to.
 *
 * Every council of a month's pool has a weight on every list: 1 it is on it, 0 it is not, and in between where a tie is broken by
 * lot. Sums of weights are then what is to be expected, exactly: nothing is drawn.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <councilwatch/statistics.h>

#include "backtest.h"

#define SAME 1e-9 /* points that differ by less are equal */

static const char *const deadline_names[BT_DEADLINE_COUNT] = { "visit", "publication", "90_days", "180_days", "365_days" };

const char *bt_deadline_name(enum bt_deadline deadline)
{
	return deadline_names[deadline];
}

/* ---- lists ---- */

struct candidate {
	size_t council;
	double rank[2]; /* more is higher on the list */
};

static int compare_ranks(const struct candidate *a, const struct candidate *b)
{
	for (int k = 0; k < 2; k++)
		if (fabs(a->rank[k] - b->rank[k]) > SAME)
			return a->rank[k] > b->rank[k] ? -1 : 1;
	return 0;
}

static int by_rank(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int order = compare_ranks(x, y);

	return order ? order : (x->council > y->council) - (x->council < y->council);
}

static struct candidate candidate_of(const struct backtest *bt, size_t month, size_t council, enum bt_method method)
{
	const struct bt_month *m = &bt->councils[council].months[month];
	struct candidate candidate = { .council = council };

	switch (method) {
	case BT_MODEL:
		candidate.rank[0] = m->level;
		candidate.rank[1] = m->points;
		break;
	case BT_GRADE:
		candidate.rank[0] = m->adverse;
		break;
	case BT_WAITING: /* never judged, as far as known, has waited longest */
		candidate.rank[0] = m->judged_day == CW_DAY_NONE ? 1e9 : bt->grid[month] - m->judged_day;
		break;
	default: /* all are equal: by lot */
		break;
	}
	return candidate;
}

/* The first n of the candidates, in order; those who tie where the list ends share what places are left. */
static void make_list(struct candidate *candidates, size_t n_candidates, double n, double *weights)
{
	size_t end;

	if (n_candidates)
		qsort(candidates, n_candidates, sizeof(*candidates), by_rank);
	for (size_t begin = 0; begin < n_candidates; begin = end) {
		double share;

		for (end = begin; end < n_candidates && compare_ranks(&candidates[begin], &candidates[end]) == 0; end++)
			;
		share = CW_MIN(1.0, CW_MAX(0.0, n / (double)(end - begin)));
		for (size_t i = begin; i < end; i++)
			weights[candidates[i].council] = share;
		n -= (double)(end - begin);
	}
}

static int make_month(const struct backtest *bt, const struct bt_labels *labels, struct bt_measure *measure, size_t month)
{
	const enum bt_outcome *outcomes = &labels->outcomes[month * bt->n_councils];
	CW_CLEANUP(cw_freep) struct candidate *candidates = calloc(bt->n_councils + 1, sizeof(*candidates));
	double length[BT_VOLUME_COUNT] = { 0, 0 };

	if (!candidates)
		return -ENOMEM;
	for (size_t c = 0; c < bt->n_councils; c++) {
		if (!bt_in_pool(outcomes[c]))
			continue;
		length[BT_AS_MODEL] += bt->councils[c].months[month].level >= measure->level;
		length[BT_AS_GRADE] += bt->councils[c].months[month].adverse;
	}
	measure->mean_list += length[BT_AS_MODEL] / (double)bt->n_months;
	for (int v = 0; v < BT_VOLUME_COUNT; v++) {
		for (int k = 0; k < BT_METHOD_COUNT; k++) {
			size_t n = 0;

			for (size_t c = 0; c < bt->n_councils; c++)
				if (bt_in_pool(outcomes[c]))
					candidates[n++] = candidate_of(bt, month, c, (enum bt_method)k);
			make_list(candidates, n, length[v], &measure->weights[v][k][month * bt->n_councils]);
		}
	}
	return 0;
}

/* ---- tallies ---- */

static void tally(struct bt_tally *tally, double weight, enum bt_outcome outcome)
{
	tally->pool++;
	tally->flagged += weight;
	if (outcome == BT_POSITIVE) {
		tally->positives++;
		tally->hits += weight;
	} else if (outcome == BT_NEGATIVE) {
		tally->negatives++;
		tally->false_alarms += weight;
	}
}

static const char *group_name(const struct bt_council *council, const char *by)
{
	return strcmp(by, "region") == 0 ? council->council->region : council->council->type;
}

static struct bt_group *group_of(struct bt_measure *measure, const struct bt_council *council, const char *by)
{
	for (size_t i = 0; by && i < measure->n_groups; i++)
		if (strcmp(measure->groups[i].name, group_name(council, by)) == 0)
			return &measure->groups[i];
	return NULL;
}

static void tally_months(const struct backtest *bt, const struct bt_labels *labels, const char *by, struct bt_measure *measure)
{
	for (size_t i = 0; i < bt->n_months * bt->n_councils; i++) {
		struct bt_group *group = group_of(measure, &bt->councils[i % bt->n_councils], by);

		if (!bt_in_pool(labels->outcomes[i]))
			continue;
		for (int v = 0; v < BT_VOLUME_COUNT; v++)
			for (int k = 0; k < BT_METHOD_COUNT; k++) {
				tally(&measure->all.results[v][k].months, measure->weights[v][k][i], labels->outcomes[i]);
				if (group)
					tally(&group->results[v][k].months, measure->weights[v][k][i], labels->outcomes[i]);
			}
	}
}

static int32_t deadline_of(const struct bt_event *event, int deadline)
{
	static const int32_t days[BT_DEADLINE_COUNT] = { 0, 0, 90, 180, 365 };

	return deadline == BT_VISIT ? event->visit : event->published - days[deadline];
}

/* Where the event's council stands in the lists of the last month before a deadline; SIZE_MAX when it is on none of them: the
 * history does not reach back so far, or it could not have been flagged then. */
static size_t place_of(const struct backtest *bt, const struct bt_labels *labels, const struct bt_event *event, int deadline)
{
	int32_t day = deadline_of(event, deadline);
	size_t month, at;

	if (day == CW_DAY_NONE)
		return SIZE_MAX;
	month = bt_month_before(bt, day);
	if (month == SIZE_MAX)
		return SIZE_MAX;
	at = month * bt->n_councils + event->council->council->index;
	return bt_in_pool(labels->outcomes[at]) ? at : SIZE_MAX;
}

static void note_both(struct bt_measure *measure, size_t at)
{
	double model = measure->weights[BT_AS_MODEL][BT_MODEL][at], grade = measure->weights[BT_AS_MODEL][BT_GRADE][at];

	measure->both += model * grade;
	measure->model_only += model * (1 - grade);
	measure->grade_only += (1 - model) * grade;
	measure->neither += (1 - model) * (1 - grade);
}

static int tally_events(const struct backtest *bt, const struct bt_labels *labels, const char *by, struct bt_measure *measure)
{
	CW_CLEANUP(cw_freep) double *chances = calloc(labels->n_events + 1, sizeof(*chances));

	if (!chances)
		return -ENOMEM;
	for (int d = 0; d < BT_DEADLINE_COUNT; d++) {
		size_t n = 0;

		for (size_t e = 0; e < labels->n_events; e++) {
			const struct bt_event *event = &labels->events[e];
			size_t at = place_of(bt, labels, event, d);
			struct bt_group *group = group_of(measure, event->council, by);

			if (at == SIZE_MAX)
				continue;
			for (int v = 0; v < BT_VOLUME_COUNT; v++)
				for (int k = 0; k < BT_METHOD_COUNT; k++) {
					enum bt_outcome outcome = event->positive ? BT_POSITIVE : BT_NEGATIVE;

					tally(&measure->all.results[v][k].events[d], measure->weights[v][k][at], outcome);
					if (group)
						tally(&group->results[v][k].events[d], measure->weights[v][k][at], outcome);
				}
			if (event->positive)
				chances[n++] = measure->weights[BT_AS_MODEL][BT_RANDOM][at];
			if (d == BT_VISIT && event->before && labels->label != BT_SEND)
				tally(&measure->same_grade[event->before >= CW_GRADE_REQUIRES_IMPROVEMENT],
				      measure->weights[BT_AS_MODEL][BT_MODEL][at], event->positive ? BT_POSITIVE : BT_NEGATIVE);
			if (event->positive && d == BT_VISIT)
				note_both(measure, at);
		}
		measure->chance[d] =
		    cw_chance_of_at_least(chances, n, (size_t)measure->all.results[BT_AS_MODEL][BT_MODEL].events[d].hits);
		if (measure->chance[d] < 0)
			return -ENOMEM;
	}
	return 0;
}

/* ---- lead times, by the day ---- */

static int by_day(const void *a, const void *b)
{
	const int32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The middle one, or the lower of the two. */
static int32_t median(int32_t *days, size_t n)
{
	qsort(days, n, sizeof(*days), by_day);
	return days[(n - 1) / 2];
}

static void summarise(struct bt_lead *lead, int32_t *days, int32_t *visits)
{
	if (!lead->n)
		return;
	lead->median = median(days, lead->n);
	lead->least = days[0];
	lead->most = days[lead->n - 1];
	if (lead->n_visit)
		lead->median_visit = median(visits, lead->n_visit);
}

static int measure_leads(const struct bt_labels *labels, bool by_grade, enum cw_level level, struct bt_lead *lead)
{
	CW_CLEANUP(cw_freep) int32_t *days = calloc(labels->n_events + 1, sizeof(*days));
	CW_CLEANUP(cw_freep) int32_t *visits = calloc(labels->n_events + 1, sizeof(*visits));

	if (!days || !visits)
		return -ENOMEM;
	for (size_t e = 0; e < labels->n_events; e++) {
		const struct bt_event *event = &labels->events[e];
		int32_t since;

		if (!event->positive)
			continue;
		lead->of++;
		if (by_grade)
			since = event->before >= CW_GRADE_REQUIRES_IMPROVEMENT ? event->before_published : CW_DAY_NONE;
		else
			since = bt_since(event->council, event->published - 1, level);
		if (since == CW_DAY_NONE)
			continue;
		days[lead->n++] = event->published - since;
		if (event->visit != CW_DAY_NONE)
			visits[lead->n_visit++] = event->visit - since;
	}
	summarise(lead, days, visits);
	return 0;
}

/* ---- all of it ---- */

static int by_name(const void *a, const void *b)
{
	const struct bt_group *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int make_groups(const struct backtest *bt, const char *by, struct bt_measure *measure)
{
	if (!by)
		return 0;
	measure->groups = calloc(bt->n_councils + 1, sizeof(*measure->groups));
	if (!measure->groups)
		return -ENOMEM;
	for (size_t c = 0; c < bt->n_councils; c++) {
		struct bt_group *group = group_of(measure, &bt->councils[c], by);
		bool there = false;

		for (size_t m = 0; m < bt->n_months && !there; m++)
			there = bt->councils[c].months[m].exists;
		if (!there)
			continue;
		if (!group) {
			group = &measure->groups[measure->n_groups++];
			group->name = group_name(&bt->councils[c], by);
		}
		group->councils++;
	}
	if (measure->n_groups)
		qsort(measure->groups, measure->n_groups, sizeof(*measure->groups), by_name);
	return 0;
}

int bt_measure(const struct backtest *bt, const struct bt_labels *labels, enum cw_level level, const char *by,
               struct bt_measure *ret)
{
	struct bt_measure measure = { .label = labels->label, .level = level, .all = { .name = "all" } };
	int r = make_groups(bt, by, &measure);

	for (int v = 0; v < BT_VOLUME_COUNT && r == 0; v++)
		for (int k = 0; k < BT_METHOD_COUNT && r == 0; k++) {
			measure.weights[v][k] = calloc(bt->n_months * bt->n_councils + 1, sizeof(double));
			r = measure.weights[v][k] ? 0 : -ENOMEM;
		}
	for (size_t m = 0; m < bt->n_months && r == 0; m++)
		r = make_month(bt, labels, &measure, m);
	if (r == 0) {
		tally_months(bt, labels, by, &measure);
		r = tally_events(bt, labels, by, &measure);
	}
	if (r == 0)
		r = measure_leads(labels, false, level, &measure.lead);
	if (r == 0)
		r = measure_leads(labels, true, level, &measure.lead_grade);
	if (r < 0) {
		bt_measure_clear(&measure);
		return r;
	}
	*ret = measure;
	return 0;
}

void bt_measure_clear(struct bt_measure *measure)
{
	for (int v = 0; v < BT_VOLUME_COUNT; v++)
		for (int k = 0; k < BT_METHOD_COUNT; k++)
			free(measure->weights[v][k]);
	free(measure->groups);
	*measure = (struct bt_measure){ 0 };
}
