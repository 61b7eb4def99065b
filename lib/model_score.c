/*
 * What the state of a day comes to: points, levels, holds, and whether enough is known (domain 3.2 to 3.5).
 */
#include <math.h>
#include <string.h>

#include "model_private.h"

double instance_value(const struct sim *sim, struct instance *instance, int32_t day)
{
	double v = instance->weight * instance_confidence(sim, instance);

	if (!instance->steady)
		v *= exp2(-(double)(day - instance->opened_day) / instance->def->half_life);
	instance->value_day = day;
	instance->value = v < sim->risk->drop_below ? 0 : v;
	return instance->value;
}

void sim_evaluate(const struct sim *sim, int32_t day, struct totals *ret)
{
	const struct cw_risk *risk = sim->risk;
	double strongest[CW_SIGNALS_MAX][CW_CRIT_COUNT], sum[CW_SIGNALS_MAX][CW_CRIT_COUNT];
	bool counted[CW_SIGNALS_MAX][CW_CRIT_COUNT];
	struct totals t = { 0 };
	bool notes = false, others = false;
	int broad = 0;

	memset(counted, 0, sizeof(counted));
	for (size_t i = 0; i < sim->n_active; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];
		enum cw_criterion c = instance->criterion;
		size_t s = (size_t)(instance->def - risk->signals);

		if (!instance_counts(instance, day))
			continue;
		if (instance->def->state) {
			enum cw_level floor = instance_floor(instance);

			t.floor = CW_MAX(t.floor, floor);
			t.criterion_floor[c] = CW_MAX(t.criterion_floor[c], floor);
		}
		if (instance_rejected(instance, day))
			continue;
		if (instance->def->state) {
			/* Each kind once. */
			if (!counted[s][c] || instance->weight > strongest[s][c])
				t.criterion[c] += instance->weight - (counted[s][c] ? strongest[s][c] : 0);
			strongest[s][c] = counted[s][c] ? CW_MAX(strongest[s][c], instance->weight) : instance->weight;
			counted[s][c] = true;
			others |= instance->weight > 0;
		} else {
			double v = instance_now(sim, instance, day);

			sum[s][c] = counted[s][c] ? sum[s][c] + v : v;
			strongest[s][c] = counted[s][c] ? CW_MAX(strongest[s][c], v) : v;
			counted[s][c] = true;
			notes |= instance->steady && v > 0;
			others |= !instance->steady && v > 0;
		}
	}
	t.notes_alone = notes && !others;
	for (size_t s = 0; s < risk->n_signals; s++)
		for (size_t c = 0; !risk->signals[s].state && c < CW_CRIT_COUNT; c++)
			if (counted[s][c])
				t.criterion[c] += strongest[s][c] + risk->repeat_share * (sum[s][c] - strongest[s][c]);
	for (size_t c = 0; c < CW_CRIT_COUNT; c++) {
		t.capped[c] = CW_MIN(t.criterion[c], risk->cap[c]);
		t.points += t.capped[c];
		broad += t.capped[c] + EPSILON >= risk->breadth_minimum;
	}
	t.breadth = broad >= risk->breadth_criteria;
	if (t.breadth)
		t.points += risk->breadth_points;
	*ret = t;
}

enum cw_level risk_points_line(const struct cw_risk *risk, double points)
{
	return points + EPSILON >= risk->line_priority ? CW_LEVEL_PRIORITY
	       : points + EPSILON >= risk->line_watch  ? CW_LEVEL_WATCH
	                                               : CW_LEVEL_ROUTINE;
}

static double level_line(const struct cw_risk *risk, enum cw_level level)
{
	return level == CW_LEVEL_PRIORITY ? risk->line_priority : level == CW_LEVEL_WATCH ? risk->line_watch : 0;
}

/* Under the line at which the points level begins to go down? Notes alone do not keep what they could not have raised. */
static bool points_low(const struct sim *sim, const struct totals *totals)
{
	return (totals->notes_alone && sim->points_level > CW_LEVEL_WATCH) ||
	       totals->points + EPSILON < sim->risk->step_down_share * level_line(sim->risk, sim->points_level);
}

/* Domain 3.4: up at once, down one step after 60 days under 0.8 of the line. */
void sim_step_level(struct sim *sim, const struct totals *totals, int32_t day)
{
	const struct cw_risk *risk = sim->risk;
	enum cw_level now = risk_points_line(risk, totals->points);

	/* What only our own people say is a reason to look, not to act (domain 3.2). */
	if (totals->notes_alone)
		now = CW_MIN(now, CW_LEVEL_WATCH);

	if (now >= sim->points_level) {
		sim->points_level = now;
		sim->under_since = CW_DAY_NONE;
		return;
	}
	if (!points_low(sim, totals)) {
		sim->under_since = CW_DAY_NONE;
		return;
	}
	if (sim->under_since == CW_DAY_NONE)
		sim->under_since = day;
	if (day - sim->under_since >= risk->step_down_days) {
		sim->points_level--;
		sim->under_since = CW_DAY_NONE;
		if (sim->points_level > now && points_low(sim, totals))
			sim->under_since = day;
	}
}

bool sim_hold_active(const struct sim *sim, int criterion, int32_t day)
{
	int32_t from = sim->hold_from[criterion];

	return from != CW_DAY_NONE && day >= from && day < from + sim->risk->hold_days;
}

int32_t sim_hold_until(const struct sim *sim, int32_t day)
{
	int32_t until = CW_DAY_NONE;

	for (int c = 0; c < CW_CRIT_COUNT; c++)
		if (sim_hold_active(sim, c, day))
			until = CW_MAX(until, sim->hold_from[c] + sim->risk->hold_days - 1);
	return until;
}

/* A later statement that leaves the date out does not make the inspection newer. */
static int32_t inspection_judged_day(const struct inspection *inspection, const struct verdict *verdict)
{
	if (cw_wall_known(verdict->voice->fact->evidence.published_at))
		return cw_wall_day(verdict->voice->fact->evidence.published_at);
	return inspection_day(inspection);
}

/* What is known of a criterion otherwise: that something was received, and that the yearly figures are not too old. For the council as
 * a whole they are not asked: only inspections make it known. */
static void know_by_figures(const struct sim *sim, int32_t day, struct knowledge *k)
{
	static const enum cw_criterion of[] = { [FIGURES_WORKFORCE] = CW_CRIT_INTEL, [FIGURES_EHCP] = CW_CRIT_SEND };

	/* Where nothing was ever received, silence is not knowledge. */
	for (int c = 0; c < CW_CRIT_COUNT; c++)
		if (c != CW_CRIT_OFSTED && c != CW_CRIT_SEND)
			k->criterion[c] = sim->heard[c] ? CW_KNOWN : CW_UNKNOWN;
	if (sim->figures[FIGURES_WORKFORCE].any)
		k->criterion[CW_CRIT_INTEL] = CW_KNOWN;
	for (int f = 0; f < FIGURES_COUNT; f++) {
		const struct figures_seen *seen = &sim->figures[f];

		k->figures_stale_day[f] = seen->any ? cw_day_add_months(seen->day, sim->risk->stale_yearly_months) : CW_DAY_NONE;
		if (seen->any && day >= k->figures_stale_day[f] && k->criterion[of[f]] == CW_KNOWN)
			k->criterion[of[f]] = CW_STALE;
	}
}

void sim_knowledge(const struct sim *sim, int32_t day, struct knowledge *ret)
{
	const struct strand *ilacs = &sim->strand[STRAND_ILACS], *send = &sim->strand[STRAND_SEND];
	struct knowledge k = { .judged_day = sim->judged_by_signal,
		               .stale_day = CW_DAY_NONE,
		               .send_stale_day = CW_DAY_NONE };
	bool settled = sim->judged_by_signal != CW_DAY_NONE;

	if (ilacs->n) {
		struct verdict verdict = inspection_verdict(STRAND_ILACS, &ilacs->inspections[ilacs->current]);
		int32_t judged = inspection_judged_day(&ilacs->inspections[ilacs->current], &verdict);

		if (k.judged_day == CW_DAY_NONE || judged >= k.judged_day) {
			k.judged_day = judged;
			settled = verdict.severity != CW_GRADE_NONE && verdict.severity != CW_GRADE_NOT_JUDGED;
		}
	}
	k.criterion[CW_CRIT_OFSTED] = settled ? CW_KNOWN : CW_UNKNOWN;
	if (k.judged_day != CW_DAY_NONE)
		k.stale_day = cw_day_add_months(k.judged_day, sim->risk->stale_ilacs_months);
	if (settled && (day >= k.stale_day || sim->apa_lapsed != CW_DAY_NONE))
		k.criterion[CW_CRIT_OFSTED] = CW_STALE;
	k.criterion[CW_CRIT_SEND] = CW_UNKNOWN;
	if (!ilacs->n && sim->judged_by_signal == CW_DAY_NONE && sim->judged_before != CW_DAY_NONE && sim->has_inherited &&
	    day < inheritance_ends(sim)) {
		k.judged_day = sim->judged_before;
		k.criterion[CW_CRIT_OFSTED] = CW_INHERITED;
	}
	if (!send->n && sim->send_before && sim->has_inherited && day < inheritance_ends(sim))
		k.criterion[CW_CRIT_SEND] = CW_INHERITED;
	if (send->n) {
		struct verdict verdict = inspection_verdict(STRAND_SEND, &send->inspections[send->current]);

		k.send_stale_day = cw_day_add_months(inspection_judged_day(&send->inspections[send->current], &verdict),
		                                     sim->risk->stale_send_months);
		k.criterion[CW_CRIT_SEND] = !verdict.severity ? CW_UNKNOWN : day >= k.send_stale_day ? CW_STALE : CW_KNOWN;
	}
	/* Most areas have had no SEND inspection under the present framework: that alone is not ignorance. */
	k.overall = k.criterion[CW_CRIT_OFSTED];
	if (k.overall == CW_KNOWN && k.criterion[CW_CRIT_SEND] == CW_STALE)
		k.overall = CW_STALE;
	know_by_figures(sim, day, &k);
	*ret = k;
}

/* What the evidence comes to, without a human ruling. */
enum cw_level sim_model_level(const struct sim *sim, const struct totals *t, int32_t day, bool *ret_held)
{
	enum cw_level level = CW_MAX(sim->points_level, t->floor);

	*ret_held = level < CW_LEVEL_WATCH && sim_hold_until(sim, day) != CW_DAY_NONE;
	return *ret_held ? CW_LEVEL_WATCH : level;
}

void sim_view(const struct sim *sim, int32_t day, struct view *ret)
{
	struct totals t;
	struct knowledge k;
	bool held;

	memset(ret, 0, sizeof(*ret));
	if (sim->totals_valid && sim->day == day)
		t = sim->totals;
	else
		sim_evaluate(sim, day, &t);
	sim_knowledge(sim, day, &k);
	ret->level = sim_level(sim, &t, day, &held);
	ret->knowledge = k.overall;
	memcpy(ret->criterion, k.criterion, sizeof(ret->criterion));
	ret->points = t.points;
	for (int s = 0; s < STRAND_COUNT; s++)
		ret->conflict[s] = strand_conflict(sim, s) && !strand_settled(sim, s);
	rulings_view(sim, day, ret);
	for (size_t i = 0; i < sim->n_active; i++) {
		const struct instance *instance = &sim->instances[sim->active[i]];

		if (instance_live(instance, day) && instance->def->state && instance_floor(instance) > CW_LEVEL_ROUTINE)
			ret->floors[instance->def - sim->risk->signals][instance->criterion] = true;
	}
}

static bool under_line(const struct sim *sim, int32_t day)
{
	struct totals t;

	sim_evaluate(sim, day, &t);
	return points_low(sim, &t);
}

/* The first day up to until on which the points are under the step-down line. Without new evidence they only fall, so it can
 * be searched for by halves. */
int32_t sim_falls_under(const struct sim *sim, int32_t until)
{
	int32_t above = sim->day, below, ruling = rulings_next_day(sim, sim->day);

	/* An event that a person rejects counts again one day. */
	if (ruling != CW_DAY_NONE)
		until = CW_MIN(until, ruling - 1);
	below = until;
	if (sim->points_level == CW_LEVEL_ROUTINE || sim->under_since != CW_DAY_NONE || !under_line(sim, until))
		return CW_DAY_NONE;
	while (below - above > 1) {
		int32_t middle = above + (below - above) / 2;

		if (under_line(sim, middle))
			below = middle;
		else
			above = middle;
	}
	return below;
}
