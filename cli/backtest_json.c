/*
 * A backtest for programs.
 */
#include <councilwatch/render.h>
#include <councilwatch/statistics.h>

#include "backtest.h"
#include "output.h"

static const char *const method_names[BT_METHOD_COUNT] = { "model", "grade", "waiting", "lot" };
static const char *const volume_names[BT_VOLUME_COUNT] = { "as_model", "as_grade" };

/* The object, or NULL when something in it could not be made. */
static json_t *whole(json_t *object, int failed)
{
	if (!failed)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *share(double hits, double of, bool interval)
{
	json_t *object = json_object();
	double low, high;
	int failed = 0;

	cw_binomial_interval(hits, of, 0.95, &low, &high);
	cw_json_set(object, "numerator", json_real(hits), &failed);
	cw_json_set(object, "denominator", json_real(of), &failed);
	cw_json_set(object, "share", of > 0 ? json_real(hits / of) : json_null(), &failed);
	if (interval) {
		cw_json_set(object, "low", json_real(low), &failed);
		cw_json_set(object, "high", json_real(high), &failed);
	}
	return whole(object, failed);
}

json_t *bt_json_head(const struct backtest *bt)
{
	json_t *object = json_object();
	int failed = 0;

	cw_json_set(object, "from", cw_json_day(bt->grid[0]), &failed);
	cw_json_set(object, "last_month", cw_json_day(bt->grid[bt->n_months - 1]), &failed);
	cw_json_set(object, "to", cw_json_day(bt->to), &failed);
	cw_json_set(object, "months", json_integer((json_int_t)bt->n_months), &failed);
	cw_json_set(object, "window_months", json_integer(bt->window_months), &failed);
	cw_json_set(object, "without", bt->without ? json_string(bt->without) : json_null(), &failed);
	cw_json_set(object, "config", json_string(bt->cli->config->hash), &failed);
	return whole(object, failed);
}

static json_t *headline(enum bt_label label, int severity)
{
	if (!severity)
		return json_null();
	return label == BT_SEND ? json_integer(severity) : json_string(cw_grade_name((enum cw_grade)severity));
}

static json_t *event_json(enum bt_label label, const struct bt_event *event)
{
	const struct bt_council *council = event->council;
	json_t *object = json_object();
	int failed = 0;

	cw_json_set(object, "council_id", json_string(council->council->id), &failed);
	cw_json_set(object, "published", cw_json_day(event->published), &failed);
	cw_json_set(object, "visit", cw_json_day(event->visit), &failed);
	cw_json_set(object, "before", headline(label, event->before), &failed);
	cw_json_set(object, "found", headline(label, event->after), &failed);
	cw_json_set(object, "positive", json_boolean(event->positive), &failed);
	cw_json_set(object, "level_before_visit",
	            event->visit != CW_DAY_NONE ? json_string(cw_level_name(bt_level_on(council, event->visit - 1))) : json_null(), &failed);
	cw_json_set(object, "level_before_publication", json_string(cw_level_name(bt_level_on(council, event->published - 1))), &failed);
	cw_json_set(object, "watch_since", cw_json_day(bt_since(council, event->published - 1, CW_LEVEL_WATCH)), &failed);
	cw_json_set(object, "priority_since", cw_json_day(bt_since(council, event->published - 1, CW_LEVEL_PRIORITY)), &failed);
	return whole(object, failed);
}

json_t *bt_json_label(const struct backtest *bt, const struct bt_labels *labels)
{
	static const char *const names[] = { "absent", "already", "unknown", "unlabelled", "negative", "positive" };
	json_t *object = json_object(), *months = json_object(), *events = json_array(), *left = json_object();
	size_t counts[BT_POSITIVE + 1] = { 0 };
	int failed = 0;

	for (size_t i = 0; i < bt->n_months * bt->n_councils; i++)
		counts[labels->outcomes[i]]++;
	for (int k = BT_ALREADY; k <= BT_POSITIVE; k++)
		cw_json_set(months, names[k], json_integer((json_int_t)counts[k]), &failed);
	for (size_t e = 0; e < labels->n_events; e++)
		if (json_array_append_new(events, event_json(labels->label, &labels->events[e])) < 0)
			failed = -1;
	cw_json_set(left, "already", json_integer((json_int_t)labels->already), &failed);
	cw_json_set(left, "unknown", json_integer((json_int_t)labels->unknown), &failed);
	cw_json_set(left, "without_headline", json_integer((json_int_t)labels->without_headline), &failed);
	cw_json_set(object, "label", json_string(bt_label_name(labels->label)), &failed);
	cw_json_set(object, "council_months", months, &failed);
	cw_json_set(object, "left_out", left, &failed);
	cw_json_set(object, "events", events, &failed);
	return whole(object, failed);
}

static json_t *result_json(const struct bt_result *result)
{
	const struct bt_tally *months = &result->months;
	json_t *object = json_object(), *events = json_object(), *of_months = json_object();
	int failed = 0;

	cw_json_set(of_months, "flagged", share(months->flagged, months->pool, false), &failed);
	cw_json_set(of_months, "recall", share(months->hits, months->positives, false), &failed);
	cw_json_set(of_months, "precision", share(months->hits, months->hits + months->false_alarms, false), &failed);
	cw_json_set(of_months, "precision_unlabelled_negative", share(months->hits, months->flagged, false), &failed);
	for (int d = 0; d < BT_DEADLINE_COUNT; d++) {
		const struct bt_tally *tally = &result->events[d];
		json_t *deadline = json_object();

		cw_json_set(deadline, "recall", share(tally->hits, tally->positives, true), &failed);
		cw_json_set(deadline, "precision", share(tally->hits, tally->flagged, true), &failed);
		cw_json_set(deadline, "false_alarms", share(tally->false_alarms, tally->negatives, true), &failed);
		cw_json_set(events, bt_deadline_name((enum bt_deadline)d), deadline, &failed);
	}
	cw_json_set(object, "council_months", of_months, &failed);
	cw_json_set(object, "inspections", events, &failed);
	return whole(object, failed);
}

static json_t *group_json(const struct bt_group *group)
{
	json_t *object = json_object();
	int failed = 0;

	for (int v = 0; v < BT_VOLUME_COUNT; v++) {
		json_t *volume = json_object();

		for (int k = 0; k < BT_METHOD_COUNT; k++)
			cw_json_set(volume, method_names[k], result_json(&group->results[v][k]), &failed);
		cw_json_set(object, volume_names[v], volume, &failed);
	}
	return whole(object, failed);
}

static json_t *lead_json(const struct bt_lead *lead)
{
	json_t *object = json_object();
	int failed = 0;

	cw_json_set(object, "flagged", json_integer((json_int_t)lead->n), &failed);
	cw_json_set(object, "positives", json_integer((json_int_t)lead->of), &failed);
	cw_json_set(object, "median_days_before_publication", lead->n ? json_integer(lead->median) : json_null(), &failed);
	cw_json_set(object, "least", lead->n ? json_integer(lead->least) : json_null(), &failed);
	cw_json_set(object, "most", lead->n ? json_integer(lead->most) : json_null(), &failed);
	cw_json_set(object, "with_visit", json_integer((json_int_t)lead->n_visit), &failed);
	cw_json_set(object, "median_days_before_visit", lead->n_visit ? json_integer(lead->median_visit) : json_null(), &failed);
	return whole(object, failed);
}

static json_t *same_grade_json(const struct bt_measure *measure)
{
	static const char *const grades[] = { "good_or_better", "requires_improvement" };
	json_t *object = json_object();
	int failed = 0;

	for (size_t g = 0; g < CW_ARRAY_LEN(grades); g++) {
		const struct bt_tally *same = &measure->same_grade[g];
		json_t *grade = json_object();

		cw_json_set(grade, "recall", share(same->hits, same->positives, true), &failed);
		cw_json_set(grade, "false_alarms", share(same->false_alarms, same->negatives, true), &failed);
		cw_json_set(object, grades[g], grade, &failed);
	}
	return whole(object, failed);
}

json_t *bt_json_measure(const struct backtest *bt, const struct bt_measure *measure)
{
	json_t *object = json_object(), *groups = json_object(), *chances = json_object(), *overlap = json_object();
	int failed = 0;

	(void)bt;
	cw_json_set(object, "level", json_string(cw_level_name(measure->level)), &failed);
	cw_json_set(object, "mean_list", json_real(measure->mean_list), &failed);
	cw_json_set(object, "lists", group_json(&measure->all), &failed);
	cw_json_set(object, "lead", lead_json(&measure->lead), &failed);
	cw_json_set(object, "lead_by_grade", lead_json(&measure->lead_grade), &failed);
	for (int d = 0; d < BT_DEADLINE_COUNT; d++)
		cw_json_set(chances, bt_deadline_name((enum bt_deadline)d), json_real(measure->chance[d]), &failed);
	cw_json_set(object, "chance_by_lot", chances, &failed);
	cw_json_set(overlap, "both", json_real(measure->both), &failed);
	cw_json_set(overlap, "model_only", json_real(measure->model_only), &failed);
	cw_json_set(overlap, "grade_only", json_real(measure->grade_only), &failed);
	cw_json_set(overlap, "neither", json_real(measure->neither), &failed);
	cw_json_set(object, "positives_before_visit", overlap, &failed);
	cw_json_set(object, "same_grade", same_grade_json(measure), &failed);
	for (size_t g = 0; g < measure->n_groups; g++)
		cw_json_set(groups, measure->groups[g].name, group_json(&measure->groups[g]), &failed);
	cw_json_set(object, "groups", groups, &failed);
	return whole(object, failed);
}

json_t *bt_json_volume(const struct bt_volume_report *volume)
{
	static const enum cw_knowledge kinds[] = { CW_KNOWN, CW_STALE, CW_UNKNOWN, CW_INHERITED };
	json_t *object = json_object(), *weeks = json_array(), *knowledge = json_object(), *levels = json_object();
	int failed = 0;

	for (size_t i = 0; i < volume->n_weeks; i++) {
		const struct bt_week *week = &volume->by_week[i];
		json_t *row = json_object();

		cw_json_set(row, "monday", cw_json_day(week->monday), &failed);
		cw_json_set(row, "level_up", json_integer(week->rises), &failed);
		cw_json_set(row, "level_up_digest", json_integer(week->rises_digest), &failed);
		cw_json_set(row, "all", json_integer(week->all), &failed);
		cw_json_set(row, "all_digest", json_integer(week->all_digest), &failed);
		if (json_array_append_new(weeks, row) < 0)
			failed = -1;
	}
	for (size_t k = 0; k < CW_ARRAY_LEN(kinds); k++)
		cw_json_set(knowledge, cw_knowledge_name(kinds[k]), json_integer(volume->knowledge[kinds[k]]), &failed);
	for (int level = 0; level < CW_LEVEL_COUNT; level++)
		cw_json_set(levels, cw_level_name((enum cw_level)level), json_integer(volume->levels[level]), &failed);
	cw_json_set(object, "weeks", json_real(volume->weeks), &failed);
	cw_json_set(object, "level_up", json_integer(volume->rises), &failed);
	cw_json_set(object, "level_up_digest", json_integer(volume->rises_digest), &failed);
	cw_json_set(object, "all", json_integer(volume->all), &failed);
	cw_json_set(object, "all_digest", json_integer(volume->all_digest), &failed);
	cw_json_set(object, "weeks_over", json_integer(volume->weeks_over), &failed);
	cw_json_set(object, "council_months", json_integer(volume->months), &failed);
	cw_json_set(object, "knowledge", knowledge, &failed);
	cw_json_set(object, "levels", levels, &failed);
	cw_json_set(object, "most_at_priority", json_real(volume->share_top_most), &failed);
	cw_json_set(object, "most_at_priority_on", cw_json_day(volume->share_top_day), &failed);
	cw_json_set(object, "by_week", weeks, &failed);
	return whole(object, failed);
}

json_t *bt_json_stability(const struct bt_stability *s)
{
	json_t *object = json_object(), *moves = json_object();
	int failed = 0;

	for (int a = 0; a < CW_LEVEL_COUNT; a++) {
		json_t *row = json_object();

		for (int b = 0; b < CW_LEVEL_COUNT; b++)
			cw_json_set(row, cw_level_name((enum cw_level)b), json_integer(s->moves[a][b]), &failed);
		cw_json_set(moves, cw_level_name((enum cw_level)a), row, &failed);
	}
	cw_json_set(object, "council_months", json_integer(s->months), &failed);
	cw_json_set(object, "changed", json_integer(s->changed), &failed);
	cw_json_set(object, "higher", json_integer(s->up), &failed);
	cw_json_set(object, "lower", json_integer(s->down), &failed);
	cw_json_set(object, "councils_changed", json_integer(s->councils_changed), &failed);
	cw_json_set(object, "changed_on_last_day", json_integer(s->last_changed), &failed);
	cw_json_set(object, "moves", moves, &failed);
	return whole(object, failed);
}
