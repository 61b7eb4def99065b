/*
 * What would lower a level (outlook.h): the state of the day is copied for each thing that may happen, it happens, and the days
 * pass.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <councilwatch/outlook.h>

#include "model_private.h"

static const char *const event_names[CW_EVENT_COUNT] = { "time", "full_inspection", "area_send_inspection", "closing", "all" };

const char *cw_event_name(enum cw_event event)
{
	return event_names[event];
}

/* ---- a copy of the state ---- */

static void *copied(const void *from, size_t n, size_t size)
{
	void *to = n ? calloc(n, size) : NULL;

	if (to)
		memcpy(to, from, n * size);
	return to;
}

static int copy_strand(const struct strand *from, struct strand *to)
{
	to->inspections = copied(from->inspections, from->n, sizeof(*to->inspections));
	to->n = to->inspections ? from->n : 0;
	for (size_t i = 0; i < to->n; i++) {
		to->inspections[i].voices = copied(from->inspections[i].voices, from->inspections[i].n_voices, sizeof(struct voice));
		if (!to->inspections[i].voices) {
			to->n = i; /* the rest is not ours */
			return -ENOMEM;
		}
	}
	return to->n == from->n ? 0 : -ENOMEM;
}

/* Good for what can still come of it, without the predecessors: they were inherited from when the council began. sim_clear. */
static int copy_sim(const struct sim *from, struct sim *to)
{
	*to = *from;
	to->predecessors = NULL;
	to->n_predecessors = 0;
	to->active = copied(from->active, from->n_active, sizeof(*to->active));
	to->cap_active = to->n_active;
	to->instances = copied(from->instances, from->n_instances, sizeof(*to->instances));
	to->cap_instances = to->n_instances = to->instances ? from->n_instances : 0;
	for (size_t i = 0; i < to->n_instances; i++) {
		struct instance *instance = &to->instances[i];

		instance->facts = copied(instance->facts, instance->n_facts, sizeof(*instance->facts));
		instance->cap_facts = instance->n_facts = instance->facts ? instance->n_facts : 0;
	}
	to->rulings = copied(from->rulings, from->n_rulings, sizeof(*to->rulings));
	to->cap_rulings = to->n_rulings = to->rulings ? from->n_rulings : 0;
	for (int s = 0; s < STRAND_COUNT; s++) {
		to->strand[s].inspections = NULL;
		to->strand[s].n = 0;
	}
	for (int s = 0; s < STRAND_COUNT; s++)
		if (copy_strand(&from->strand[s], &to->strand[s]) < 0)
			return -ENOMEM;
	return (from->n_active && !to->active) || to->n_instances != from->n_instances || to->n_rulings != from->n_rulings
	           ? -ENOMEM
	           : 0;
}

/* ---- what may happen ---- */

/* A full inspection that finds nothing to open, the day after those who are there to find it: it must not be taken for the
 * one that is current. fact: lives as long as sim does. */
static int inspect(struct sim *sim, int s, struct cw_fact *fact)
{
	const struct strand *strand = &sim->strand[s];
	struct cw_wall noon = { cw_day_start(sim->day).ms + (int64_t)12 * 3600 * 1000 };
	struct entry entry = { .fact = fact, .day = sim->day, .known = noon.ms };
	struct cw_evidence *e = &fact->evidence;
	static const enum cw_value_id judgements[] = { CW_VAL_OVERALL_EFFECTIVENESS, CW_VAL_IMPACT_OF_LEADERS,
		                                       CW_VAL_HELP_AND_PROTECTION, CW_VAL_IN_CARE, CW_VAL_CARE_LEAVERS };
	bool outstanding = false;

	*fact = (struct cw_fact){ .known_at = noon, .feed = cw_str("outlook") };
	e->kind = s == STRAND_ILACS ? CW_KIND_ILACS : CW_KIND_AREA_SEND;
	e->event_day = sim->day;
	if (strand->n)
		e->event_day = CW_MAX(e->event_day, inspection_day(&strand->inspections[strand->current]));
	e->event_day += sim->risk->cluster_days + 1;
	e->published_at = e->fetched_at = noon;
	e->tier = CW_TIER_A;
	e->publisher = cw_str("outlook");
	e->url = cw_str("outlook:");
	if (s == STRAND_ILACS && strand->n) /* who was outstanding does not fall with it */
		outstanding = inspection_verdict(s, &strand->inspections[strand->current]).severity == CW_GRADE_OUTSTANDING;
	for (size_t i = 0; s == STRAND_ILACS && i < CW_ARRAY_LEN(judgements); i++)
		(void)cw_evidence_set(e, judgements[i], cw_str(outstanding ? "outstanding" : "good"));
	if (s == STRAND_SEND)
		(void)cw_evidence_set(e, CW_VAL_OUTCOME, cw_str("1"));
	return sim_enter(sim, &entry);
}

static void close_signal(struct sim *sim, const struct cw_closing *what)
{
	for (size_t i = 0; i < sim->n_active; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];

		if (instance->def == what->signal && instance->criterion == what->criterion)
			instance_close(sim, instance, sim->day);
	}
}

/* Is there somebody who closes it, apart from the next full inspection; or a release that replaces it? */
static bool is_closed_apart(const struct cw_signal_def *def)
{
	static const char *const both[] = { "apa_open", "wsoa_open", "wsoa_revisit_failed", "send_outcome3" };

	if (!def->state)
		return def->replaced_by_next;
	if (!def->closed_by_ilacs && !def->closed_by_area_send)
		return true;
	for (size_t i = 0; i < CW_ARRAY_LEN(both); i++)
		if (!strcmp(def->name, both[i]))
			return true;
	return false;
}

/* ---- how the days pass then ---- */

struct watcher {
	struct cw_prospect *prospect;
};

static enum cw_turn_why why_turned(const struct sim *sim, const struct view *before, const struct view *after,
                                   const struct cw_signal_def **ret_signal)
{
	const struct instance *ended = NULL;

	*ret_signal = NULL;
	if (ruling_behind(sim, cw_wall_none(), sim->day).fact)
		return CW_TURN_RULING;
	if (memcmp(before->floors, after->floors, sizeof(before->floors)) != 0) {
		for (size_t i = 0; i < sim->n_active; i++) {
			const struct instance *instance = &sim->instances[sim->active[i]];

			if (instance->expires_day == sim->day && (!ended || instance->floor > ended->floor))
				ended = instance;
		}
		*ret_signal = ended ? ended->def : NULL;
		if (ended)
			return CW_TURN_END;
	}
	for (int c = 0; c < CW_CRIT_COUNT; c++)
		if (sim->hold_from[c] != CW_DAY_NONE && sim->hold_from[c] + sim->risk->hold_days == sim->day)
			return CW_TURN_HOLD;
	return CW_TURN_POINTS;
}

static int on_day(void *arg, struct sim *sim, const struct view *before, const struct view *after)
{
	struct watcher *watcher = arg;
	struct cw_prospect *p = watcher->prospect;
	struct cw_turn turn = { .day = sim->day, .level = after->level };

	if (before->level == after->level)
		return 0;
	turn.why = why_turned(sim, before, after, &turn.signal);
	p->turns[p->n_turns++] = turn;
	return p->n_turns == CW_TURNS_MAX || after->level == CW_LEVEL_ROUTINE;
}

static enum cw_level level_today(const struct sim *sim)
{
	struct totals t;
	bool held;

	sim_evaluate(sim, sim->day, &t);
	return sim_level(sim, &t, sim->day, &held);
}

static bool counts(const struct sim *sim, const struct cw_closing *what)
{
	for (size_t i = 0; i < sim->n_active; i++) {
		const struct instance *instance = &sim->instances[sim->active[i]];

		if (instance->def == what->signal && instance->criterion == what->criterion && instance_counts(instance, sim->day))
			return true;
	}
	return false;
}

/* What counts now, each signal of a criterion once: floors first, then weight. */
static size_t list_open(const struct sim *sim, struct cw_closing *ret, size_t max)
{
	size_t n = 0;

	for (int floor = CW_LEVEL_INTENSIVE; floor >= CW_LEVEL_ROUTINE; floor--) {
		for (size_t i = 0; i < sim->n_active && n < max; i++) {
			const struct instance *instance = &sim->instances[sim->active[i]];
			bool seen = false;

			if (!instance_counts(instance, sim->day) || (int)instance_floor(instance) != floor ||
			    !(instance->def->state || instance->def->replaced_by_next))
				continue;
			for (size_t k = 0; k < n && !seen; k++)
				seen = ret[k].signal == instance->def && ret[k].criterion == instance->criterion;
			if (!seen)
				ret[n++] = (struct cw_closing){ instance->def, instance->criterion };
		}
	}
	return n;
}

struct finder {
	const struct sim *sim; /* of the day */
	struct cw_closing open[CW_CLOSINGS_MAX];
	size_t n_open;
	struct cw_outlook *outlook;
};

/* of: CW_EVENT_CLOSED alone. said: what is stated then; it lives as long as sim does. */
static int happen(struct sim *sim, const struct finder *finder, enum cw_event event, const struct cw_closing *of,
                  struct cw_fact said[STRAND_COUNT])
{
	int r = 0;

	if (event == CW_EVENT_ILACS || event == CW_EVENT_ALL)
		r = inspect(sim, STRAND_ILACS, &said[STRAND_ILACS]);
	if (r == 0 && (event == CW_EVENT_AREA_SEND || event == CW_EVENT_ALL))
		r = inspect(sim, STRAND_SEND, &said[STRAND_SEND]);
	if (event == CW_EVENT_CLOSED)
		close_signal(sim, of);
	for (size_t i = 0; event == CW_EVENT_ALL && i < finder->n_open; i++)
		close_signal(sim, &finder->open[i]);
	/* All of it counts together, as what becomes known at one moment does. */
	if (r == 0 && event != CW_EVENT_TIME)
		sim_settle(sim, sim->day);
	return r;
}

static int try(struct finder *finder, enum cw_event event, const struct cw_closing *of)
{
	struct cw_prospect *p = &finder->outlook->at[finder->outlook->n];
	struct watcher watcher = { p };
	struct cw_fact said[STRAND_COUNT];
	struct sim sim;
	int r;

	if (finder->outlook->n == CW_PROSPECTS_MAX)
		return 0;
	*p = (struct cw_prospect){ .event = event };
	r = copy_sim(finder->sim, &sim);
	if (r == 0)
		r = happen(&sim, finder, event, of, said);
	if (r == 0) {
		p->level = level_today(&sim);
		for (size_t i = 0; event != CW_EVENT_TIME && i < finder->n_open; i++)
			if (!counts(&sim, &finder->open[i]))
				p->closes[p->n_closes++] = finder->open[i];
		if (p->level > CW_LEVEL_ROUTINE || event == CW_EVENT_TIME)
			(void)sim_pass_days(&sim, sim.day + CW_OUTLOOK_DAYS, on_day, &watcher);
		finder->outlook->n++;
	}
	if (sim.out_of_memory)
		r = -ENOMEM;
	sim_clear(&sim);
	return r;
}

static enum cw_level level_on(const struct cw_prospect *p, int32_t day)
{
	enum cw_level level = p->level;

	for (size_t i = 0; i < p->n_turns && p->turns[i].day <= day; i++)
		level = p->turns[i].level;
	return level;
}

/* On some day the level is lower with it than without. */
static bool is_lower(const struct cw_prospect *p, const struct cw_prospect *time, int32_t today)
{
	bool lower = p->level < time->level || level_on(p, today) < level_on(time, today);

	for (size_t i = 0; i < p->n_turns && !lower; i++)
		lower = p->turns[i].level < level_on(time, p->turns[i].day);
	return lower;
}

static int32_t sooner(const struct cw_prospect *p, enum cw_level level, int32_t today)
{
	if (p->level < level)
		return today;
	for (size_t i = 0; i < p->n_turns; i++)
		if (p->turns[i].level < level)
			return p->turns[i].day;
	return INT32_MAX;
}

/* Time first, all together last; between them what lowers before what does not, and what lowers most and soonest. */
static void put_in_order(struct cw_outlook *outlook, int32_t today)
{
	const struct cw_prospect time = outlook->at[0];

	for (size_t i = 1; i < outlook->n; i++) {
		struct cw_prospect p = outlook->at[i];
		size_t at = i;

		p.lowers = is_lower(&p, &time, today);
		while (at > 1 && p.event != CW_EVENT_ALL) {
			const struct cw_prospect *before = &outlook->at[at - 1];
			int32_t mine = sooner(&p, time.level, today), theirs = sooner(before, time.level, today);

			if (before->lowers > p.lowers || (before->lowers == p.lowers && (theirs < mine ||
			    (theirs == mine && before->level <= p.level))))
				break;
			outlook->at[at] = *before;
			at--;
		}
		outlook->at[at] = p;
	}
}

static int find(const struct sim *sim, struct cw_outlook *ret)
{
	struct finder finder = { .sim = sim, .outlook = ret };
	bool ilacs = false, area_send = false;
	size_t apart = 0;
	int r;

	ret->n = 0;
	if (sim->day == CW_DAY_NONE)
		return 0;
	finder.n_open = list_open(sim, finder.open, CW_CLOSINGS_MAX);
	r = try(&finder, CW_EVENT_TIME, NULL);
	if (r < 0 || ret->at[0].level == CW_LEVEL_ROUTINE)
		return r;
	for (size_t i = 0; i < finder.n_open; i++) {
		const struct cw_signal_def *def = finder.open[i].signal;

		ilacs |= def->state && def->closed_by_ilacs;
		area_send |= def->state && def->closed_by_area_send;
		apart += is_closed_apart(def);
	}
	/* What was inherited ends with the council's own inspections. */
	for (size_t i = 0; i < sim->n_active; i++) {
		const struct instance *instance = &sim->instances[sim->active[i]];

		ilacs |= instance->inherited && instance->def->state && instance->criterion == CW_CRIT_OFSTED;
		area_send |= instance->inherited && instance->def->state && instance->criterion == CW_CRIT_SEND;
	}
	if (ilacs)
		r = try(&finder, CW_EVENT_ILACS, NULL);
	if (r == 0 && area_send)
		r = try(&finder, CW_EVENT_AREA_SEND, NULL);
	for (size_t i = 0; r == 0 && i < finder.n_open; i++)
		if (is_closed_apart(finder.open[i].signal))
			r = try(&finder, CW_EVENT_CLOSED, &finder.open[i]);
	if (r == 0 && ilacs + area_send + apart > 1)
		r = try(&finder, CW_EVENT_ALL, NULL);
	if (r == 0)
		put_in_order(ret, sim->day);
	return r;
}

int cw_outlook_find(const struct cw_risk *risk, const struct cw_fact *facts, size_t n_facts, int32_t as_of,
                    struct cw_outlook *ret, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) struct entry *entries = NULL;
	struct sim sim;
	size_t n;
	int r;

	if (entries_list(risk, facts, n_facts, &entries, &n) < 0)
		return cw_error_nomem(err);
	entries_sort(entries, &n, entry_by_speaking);
	sim_init(&sim, risk);
	r = sim_fold(&sim, entries, n, as_of);
	if (r == 0)
		r = find(&sim, ret);
	sim_clear(&sim);
	return r < 0 ? cw_error_nomem(err) : 0;
}

int cw_outlook_of_change(const struct cw_change *change, struct cw_outlook *ret, struct cw_error *err)
{
	if (!change->sim) {
		*ret = (struct cw_outlook){ 0 };
		return 0;
	}
	return find(change->sim, ret) < 0 ? cw_error_nomem(err) : 0;
}
