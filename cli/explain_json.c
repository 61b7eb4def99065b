/*
 * "explain" for programs: everything that went into the level, so that it can be added up again.
 */
#include <errno.h>

#include <councilwatch/paths.h>
#include <councilwatch/render.h>

#include "explain.h"
#include "output.h"

static json_t *lines_json(const struct lines *lines)
{
	json_t *array = json_array();
	int failed = lines->failed;

	for (size_t i = 0; i < lines->n; i++) {
		json_t *object = json_object();

		cw_json_set(object, "what", json_string(lines->at[i].what), &failed);
		cw_json_set(object, "day", cw_json_day(lines->at[i].day), &failed);
		cw_json_set(object, "text", json_string(lines->at[i].text), &failed);
		if (json_array_append_new(array, object) < 0)
			failed = -ENOMEM;
	}
	if (failed) {
		json_decref(array);
		return NULL;
	}
	return array;
}

static json_t *constants_json(const struct cw_risk *risk)
{
	json_t *object = json_object(), *caps = json_object(), *confidence = json_object();
	int failed = 0;

	for (int c = 0; c < CW_CRIT_COUNT; c++)
		cw_json_set(caps, cw_criterion_name((enum cw_criterion)c), json_real(risk->cap[c]), &failed);
	for (enum cw_tier t = CW_TIER_A; t <= CW_TIER_D; t++)
		cw_json_set(confidence, cw_tier_name(t), json_real(risk->confidence[t]), &failed);
	cw_json_set(object, "line_watch", json_real(risk->line_watch), &failed);
	cw_json_set(object, "line_priority", json_real(risk->line_priority), &failed);
	cw_json_set(object, "cap", caps, &failed);
	cw_json_set(object, "breadth_points", json_real(risk->breadth_points), &failed);
	cw_json_set(object, "breadth_criteria", json_integer(risk->breadth_criteria), &failed);
	cw_json_set(object, "breadth_minimum", json_real(risk->breadth_minimum), &failed);
	cw_json_set(object, "drop_below", json_real(risk->drop_below), &failed);
	cw_json_set(object, "repeat_share", json_real(risk->repeat_share), &failed);
	cw_json_set(object, "confidence", confidence, &failed);
	cw_json_set(object, "corroboration", json_real(risk->corroboration), &failed);
	cw_json_set(object, "step_down_share", json_real(risk->step_down_share), &failed);
	cw_json_set(object, "step_down_days", json_integer(risk->step_down_days), &failed);
	cw_json_set(object, "hold_days", json_integer(risk->hold_days), &failed);
	if (failed) {
		json_decref(object);
		return NULL;
	}
	return object;
}

int explain_json(const struct explanation *x)
{
	const struct cw_assessment *now = &x->now;
	const struct cw_risk *risk = &x->cli->config->risk;
	json_t *object = json_object(), *model = json_object();
	int failed = 0;

	cw_json_set(model, "version", json_string(CW_VERSION), &failed);
	cw_json_set(model, "config", json_string(x->cli->config->hash), &failed);

	cw_json_set(object, "council", cw_render_council(x->council), &failed);
	cw_json_set(object, "as_of", cw_json_day(now->as_of), &failed);
	cw_json_set(object, "level", json_string(cw_level_name(now->level)), &failed);
	cw_json_set(object, "model_level", json_string(cw_level_name(now->model_level)), &failed);
	cw_json_set(object, "previous_level", json_string(cw_level_name(x->since.previous)), &failed);
	cw_json_set(object, "level_since", cw_json_day(x->since.day), &failed);
	cw_json_set(object, "response", cw_render_response(risk, now->level), &failed);
	cw_json_set(object, "points_level", json_string(cw_level_name(now->points_level)), &failed);
	cw_json_set(object, "floor_level", json_string(cw_level_name(now->floor_level)), &failed);
	cw_json_set(object, "held", json_boolean(now->held), &failed);
	cw_json_set(object, "hold_until", cw_json_day(now->hold_until), &failed);
	cw_json_set(object, "step_down_day", cw_json_day(now->step_down_day), &failed);
	cw_json_set(object, "knowledge", json_string(cw_knowledge_name(now->knowledge)), &failed);
	cw_json_set(object, "last_judged", cw_json_day(now->last_judged_day), &failed);
	cw_json_set(object, "stale_day", cw_json_day(now->stale_day), &failed);
	cw_json_set(object, "points", json_real(cw_render_points(now->points)), &failed);
	cw_json_set(object, "breadth", json_boolean(now->breadth), &failed);
	cw_json_set(object, "criteria", cw_render_criteria(now), &failed);
	cw_json_set(object, "arithmetic", cw_render_arithmetic(risk, now), &failed);
	cw_json_set(object, "override", cw_render_override(now), &failed);
	cw_json_set(object, "rulings", cw_render_rulings(now, false), &failed);
	cw_json_set(object, "conflicts", cw_render_linked(x->cli->config, cw_render_conflicts(now)), &failed);
	cw_json_set(object, "contributors", cw_render_linked(x->cli->config, cw_render_all_contributors(now)), &failed);
	cw_json_set(object, "would_lower", cw_render_outlook(now, &x->outlook), &failed);
	cw_json_set(object, "unknown", lines_json(&x->unknown), &failed);
	cw_json_set(object, "inspection_window",
	            x->has_window ? cw_render_window(risk, &x->window, now->as_of) : json_null(), &failed);
	cw_json_set(object, "constants", constants_json(risk), &failed);
	cw_json_set(object, "model", model, &failed);
	if (failed) {
		json_decref(object);
		return failed;
	}
	return cw_out_json(stdout, object);
}
