/*
 * The sum of a level, so that a reader can add it up again: from contributors to criteria, from these to points, from points,
 * floors and the hold to the level.
 */
#include <math.h>

#include "render_private.h"

/* Exact enough to add up, without the noise of binary fractions. */
static json_t *exact(double value)
{
	return json_real(round(value * 1e6) / 1e6);
}

int cw_broad_criteria(const struct cw_risk *risk, const struct cw_assessment *a)
{
	int n = 0;

	for (int c = 0; c < CW_CRIT_COUNT; c++)
		n += a->criteria[c].points + 1e-9 >= risk->breadth_minimum;
	return n;
}

enum cw_level cw_points_line(const struct cw_risk *risk, const struct cw_assessment *a)
{
	double points = a->points + 1e-9;

	if (points >= risk->line_priority && !a->notes_alone)
		return CW_LEVEL_PRIORITY;
	return points >= risk->line_watch ? CW_LEVEL_WATCH : CW_LEVEL_ROUTINE;
}

static json_t *render_sums(const struct cw_risk *risk, const struct cw_assessment *a)
{
	json_t *object = json_object();

	for (int c = 0; object && c < CW_CRIT_COUNT; c++)
		json_object_set_new(object, cw_criterion_name((enum cw_criterion)c),
		                    json_pack("{s:o, s:o, s:o}", "sum", exact(a->criteria[c].uncapped), "cap", exact(risk->cap[c]),
		                              "points", exact(a->criteria[c].points)));
	return object;
}

json_t *cw_render_arithmetic(const struct cw_risk *risk, const struct cw_assessment *a)
{
	enum cw_level line = cw_points_line(risk, a);
	bool slow = a->points_level > line;
	double under = risk->step_down_share * (a->points_level == CW_LEVEL_PRIORITY ? risk->line_priority : risk->line_watch);

	return json_pack("{s:o, s:{s:i, s:i, s:o, s:o}, s:o, s:b, s:s, s:s, s:o, s:s, s:o, s:b, s:s, s:s, s:s}",
	                 "criteria", render_sums(risk, a),
	                 "breadth", "criteria", cw_broad_criteria(risk, a), "needed", risk->breadth_criteria, "minimum",
	                 exact(risk->breadth_minimum), "points", exact(a->breadth ? risk->breadth_points : 0),
	                 "points", exact(a->points), "notes_alone", a->notes_alone,
	                 "points_line", cw_level_name(line), "points_level", cw_level_name(a->points_level),
	                 "step_down", slow ? json_pack("{s:o, s:o}", "under", exact(under), "day", day_json(a->step_down_day)) : json_null(),
	                 "floor_level", cw_level_name(a->floor_level),
	                 "hold_until", day_json(a->hold_until), "held", a->held, "summed_level", cw_level_name(a->summed_level),
	                 "model_level", cw_level_name(a->model_level), "level", cw_level_name(a->level));
}
