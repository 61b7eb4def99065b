#include <councilwatch/window.h>

const char *cw_window_place_name(enum cw_window_place place)
{
	return place == CW_WINDOW_BEFORE ? "before" : place == CW_WINDOW_IN ? "in" : "past";
}

bool cw_window_find(const struct cw_risk *risk, const struct cw_assessment *assessment, struct cw_window *ret)
{
	struct cw_window w = { .inspected_day = assessment->inspected_day, .headline = assessment->headline };
	const struct cw_interval *interval;

	if (w.headline <= CW_GRADE_NONE || w.headline >= CW_GRADE_NOT_JUDGED)
		return false;
	interval = &risk->interval[w.headline];
	if (w.inspected_day == CW_DAY_NONE && assessment->last_judged_day != CW_DAY_NONE) {
		w.inspected_day = assessment->last_judged_day - risk->publication_lag_days;
		w.estimated = true;
	}
	if (w.inspected_day == CW_DAY_NONE || interval->count == 0)
		return false;
	w.count = interval->count;
	w.cycle_day = cw_day_add_months(w.inspected_day, risk->inspection_cycle_months);
	w.from_day = w.inspected_day + interval->p10;
	w.middle_day = w.inspected_day + interval->p50;
	w.until_day = w.inspected_day + interval->p90;
	w.place = assessment->as_of < w.from_day    ? CW_WINDOW_BEFORE
	          : assessment->as_of <= w.until_day ? CW_WINDOW_IN
	                                             : CW_WINDOW_PAST;
	*ret = w;
	return true;
}
