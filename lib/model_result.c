/*
 * What a day comes to, for those who ask: the assessment with all that went into it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model_private.h"

static int by_points(const void *a, const void *b)
{
	const struct cw_contributor *x = a, *y = b;

	if (x->floor != y->floor)
		return x->floor > y->floor ? -1 : 1;
	if (x->points != y->points)
		return x->points > y->points ? -1 : 1;
	if (x->opened_day != y->opened_day)
		return x->opened_day > y->opened_day ? -1 : 1;
	return strcmp(x->signal->name, y->signal->name);
}

/* The instance that counts whole among those of one signal and criterion; the rest are repeats. */
struct leaders {
	size_t at[CW_SIGNALS_MAX][CW_CRIT_COUNT]; /* position in the active list; SIZE_MAX = none */
	double value[CW_SIGNALS_MAX][CW_CRIT_COUNT];
};

static void find_leaders(const struct sim *sim, int32_t day, struct leaders *ret)
{
	memset(ret->at, 0xff, sizeof(ret->at));
	for (size_t i = 0; i < sim->n_active; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];
		size_t s = (size_t)(instance->def - sim->risk->signals);
		double v;

		if (!instance_counts(instance, day) || instance_rejected(instance, day))
			continue;
		v = instance->def->state ? instance->weight : instance_now(sim, instance, day);
		if (ret->at[s][instance->criterion] == SIZE_MAX || v > ret->value[s][instance->criterion]) {
			ret->at[s][instance->criterion] = i;
			ret->value[s][instance->criterion] = v;
		}
	}
}

static int add_contributor(const struct sim *sim, size_t at, int32_t day, const struct leaders *leaders,
                           struct cw_assessment *assessment)
{
	struct instance *instance = &sim->instances[sim->active[at]];
	struct cw_contributor *c = &assessment->contributors[assessment->n_contributors];
	bool leads = leaders->at[instance->def - sim->risk->signals][instance->criterion] == at;

	*c = (struct cw_contributor){ .signal = instance->def,
		                      .criterion = instance->criterion,
		                      .confidence = 1,
		                      .event_day = instance->event_day,
		                      .opened_day = instance->opened_day,
		                      .age_days = day - instance->opened_day,
		                      .derived = instance->derived,
		                      .closes_day = instance->expires_day,
		                      .weight = instance->weight,
		                      .steady = instance->steady,
		                      .inherited = instance->inherited,
		                      .rejected = ruling_in_force(sim, instance->rejected, day),
		                      .handled = ruling_in_force(sim, instance->handled, day) };
	if (instance->def->state) {
		c->value = instance->weight;
		c->share = leads;
		c->floor = instance_floor(instance);
	} else {
		double mine = instance_now(sim, instance, day);

		if (mine <= 0)
			return 0;
		c->confidence = instance_confidence(sim, instance);
		c->value = mine;
		c->share = leads ? 1 : sim->risk->repeat_share;
	}
	if (c->rejected.fact)
		c->share = 0;
	c->points = c->share * c->value;
	/* Who rejects a formal finding, or has it in hand, has looked at it: the floor stays. */
	if (c->rejected.fact && c->floor > CW_LEVEL_ROUTINE && !c->handled.fact)
		c->handled = c->rejected;
	c->facts = calloc(instance->n_facts, sizeof(*c->facts));
	if (!c->facts)
		return -ENOMEM;
	memcpy(c->facts, instance->facts, instance->n_facts * sizeof(*c->facts));
	c->n_facts = instance->n_facts;
	assessment->n_contributors++;
	return 0;
}

const char *cw_contributor_event(const struct cw_contributor *contributor, char buf[CW_EVENT_NAME_TEXT])
{
	struct cw_event_name name = { .form = CW_EVENT_SIGNAL,
		                      .signal = contributor->signal,
		                      .criterion = contributor->criterion,
		                      .day = contributor->event_day };

	/* Notes of one day are not one event: each has its own number. */
	if (contributor->facts[0]->evidence.kind == CW_KIND_INTERNAL_NOTE) {
		name.form = CW_EVENT_EVIDENCE;
		memcpy(name.id, contributor->facts[0]->id, sizeof(name.id));
	}
	return cw_event_name_format(&name, buf);
}

const char *cw_conflict_event(const struct cw_conflict *conflict, char buf[CW_EVENT_NAME_TEXT])
{
	struct cw_event_name name = { .form = CW_EVENT_INSPECTION, .kind = conflict->kind, .day = conflict->day };

	return cw_event_name_format(&name, buf);
}

void cw_assessment_clear(struct cw_assessment *assessment)
{
	for (size_t i = 0; i < assessment->n_contributors; i++)
		free(assessment->contributors[i].facts);
	for (size_t i = 0; i < assessment->n_conflicts; i++)
		free(assessment->conflicts[i].facts);
	assessment->n_conflicts = 0;
	free(assessment->rulings);
	assessment->rulings = NULL;
	assessment->n_rulings = 0;
	free(assessment->contributors);
	assessment->contributors = NULL;
	assessment->n_contributors = 0;
}

static int add_conflict(const struct sim *sim, int s, int32_t day, struct cw_assessment *assessment)
{
	const struct inspection *inspection = &sim->strand[s].inspections[sim->strand[s].current];
	const struct voice *heard = inspection_verdict(s, inspection).voice;
	struct cw_conflict *conflict = &assessment->conflicts[assessment->n_conflicts];

	*conflict = (struct cw_conflict){ .kind = s == STRAND_ILACS ? CW_KIND_ILACS : CW_KIND_AREA_SEND,
		                          .event_day = inspection->event_day,
		                          .day = inspection_day(inspection) };
	if (strand_settled(sim, s))
		conflict->settled = ruling_in_force(sim, inspection->ruling, day);
	conflict->facts = calloc(inspection->n_voices, sizeof(*conflict->facts));
	if (!conflict->facts)
		return -ENOMEM;
	assessment->n_conflicts++;
	conflict->facts[conflict->n_facts++] = heard->fact;
	for (size_t i = 0; i < inspection->n_voices; i++)
		if (&inspection->voices[i] != heard && voice_contested(s, inspection, &inspection->voices[i]))
			conflict->facts[conflict->n_facts++] = inspection->voices[i].fact;
	return 0;
}

static void add_headline(const struct sim *sim, struct cw_assessment *assessment)
{
	const struct strand *ilacs = &sim->strand[STRAND_ILACS];
	struct verdict verdict;

	assessment->inspected_day = CW_DAY_NONE;
	if (!ilacs->n)
		return;
	verdict = inspection_verdict(STRAND_ILACS, &ilacs->inspections[ilacs->current]);
	assessment->inspected_day = ilacs->inspections[ilacs->current].event_day;
	assessment->headline = (enum cw_grade)verdict.severity;
	assessment->headline_derived = verdict.derived;
}

int sim_assess(const struct sim *sim, int32_t day, struct cw_assessment *ret)
{
	struct cw_assessment a = { .as_of = day, .points_level = sim->points_level, .step_down_day = CW_DAY_NONE };
	struct leaders leaders;
	struct totals t;
	struct knowledge k;

	sim_evaluate(sim, day, &t);
	sim_knowledge(sim, day, &k);
	a.summed_level = a.model_level = sim_model_level(sim, &t, day, &a.held);
	a.level = sim_level(sim, &t, day, &a.held);
	a.ruling = ruling_in_force(sim, ruling_on_level(sim, day), day);
	a.floor_level = t.floor;
	a.hold_until = sim_hold_until(sim, day);
	if (sim->under_since != CW_DAY_NONE)
		a.step_down_day = sim->under_since + sim->risk->step_down_days;
	a.points = t.points;
	a.breadth = t.breadth;
	a.notes_alone = t.notes_alone;
	add_headline(sim, &a);
	a.knowledge = k.overall;
	a.last_judged_day = k.judged_day;
	a.stale_day = k.stale_day;
	a.next_day = CW_DAY_NONE;
	for (int c = 0; c < CW_CRIT_COUNT; c++) {
		struct cw_criterion_state *state = &a.criteria[c];

		state->points = t.capped[c];
		state->uncapped = t.criterion[c];
		state->knowledge = k.criterion[c];
		state->level = CW_MAX(risk_points_line(sim->risk, t.capped[c]), t.criterion_floor[c]);
		if (state->level < CW_LEVEL_WATCH && sim_hold_active(sim, c, day))
			state->level = CW_LEVEL_WATCH;
	}
	_Static_assert((int)FIGURES_COUNT == CW_FIGURES_KINDS, "cw_assessment has room for each");
	for (int f = 0; f < FIGURES_COUNT; f++)
		a.figures[f] = (struct cw_figures_known){ f == FIGURES_WORKFORCE ? CW_KIND_WORKFORCE : CW_KIND_EHCP_TIMELINESS,
			                                  sim->figures[f].period,
			                                  sim->figures[f].any ? sim->figures[f].day : CW_DAY_NONE,
			                                  k.figures_stale_day[f] };
	a.contributors = calloc(sim->n_active ? sim->n_active : 1, sizeof(*a.contributors));
	if (!a.contributors || rulings_list(sim, day, &a.rulings, &a.n_rulings) < 0) {
		cw_assessment_clear(&a);
		return -ENOMEM;
	}
	for (int s = 0; s < STRAND_COUNT; s++) {
		if (strand_conflict(sim, s) && add_conflict(sim, s, day, &a) < 0) {
			cw_assessment_clear(&a);
			return -ENOMEM;
		}
	}
	find_leaders(sim, day, &leaders);
	for (size_t i = 0; i < sim->n_active; i++) {
		if (!instance_counts(&sim->instances[sim->active[i]], day))
			continue;
		if (add_contributor(sim, i, day, &leaders, &a) < 0) {
			cw_assessment_clear(&a);
			return -ENOMEM;
		}
	}
	qsort(a.contributors, a.n_contributors, sizeof(*a.contributors), by_points);
	*ret = a;
	return 0;
}
