/*
 * The risk model as a fold over evidence in the order in which it was published.
 *
 * An "entry" is a fact at the moment it begins to speak. Folding an entry changes strands (what the latest
 * inspection of a kind says) and instances (one event or state, clustered from evidence). Between entries the
 * days pass: impulses fade, holds and step-downs end, judgements grow stale. Everything the model remembers is
 * in struct sim, so the state on a day is the fold of all entries up to it.
 *
 * model_entry.c      facts become entries
 * model_strand.c     full inspections
 * model_signal.c     everything else that opens or closes something
 * model_ruling.c     what people have ruled
 * model_instance.c   what is open
 * model_score.c      what that comes to on a day
 * model_heritage.c   what a council takes over from its predecessors
 * model_result.c     the answer for a day
 * model_since.c      since when
 * model_window.c     when the next full inspection may come
 * model_outlook.c    what would lower it
 * model_changes.c    what is told
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model_private.h"

/* How far ahead the next change is looked for, days. Beyond it every impulse is nothing and every hold is over. */
#define HORIZON_DAYS (20 * 366)

void sim_init(struct sim *sim, const struct cw_risk *risk)
{
	*sim = (struct sim){ .risk = risk,
		             .day = CW_DAY_NONE,
		             .under_since = CW_DAY_NONE,
		             .judged_by_signal = CW_DAY_NONE,
		             .apa_lapsed = CW_DAY_NONE, .vested = CW_DAY_NONE, .judged_before = CW_DAY_NONE };
	for (int c = 0; c < CW_CRIT_COUNT; c++)
		sim->hold_from[c] = CW_DAY_NONE;
	for (size_t i = 0; i < NEAR_BUCKETS; i++)
		sim->near[i] = SIZE_MAX;
}

void sim_clear(struct sim *sim)
{
	for (size_t i = 0; i < sim->n_predecessors; i++) {
		if (sim->predecessors[i])
			sim_clear(sim->predecessors[i]);
		free(sim->predecessors[i]);
	}
	free(sim->predecessors);
	for (size_t i = 0; i < sim->n_instances; i++)
		free(sim->instances[i].facts);
	free(sim->rulings);
	free(sim->instances);
	free(sim->active);
	for (int s = 0; s < STRAND_COUNT; s++) {
		for (size_t i = 0; i < sim->strand[s].n; i++)
			free(sim->strand[s].inspections[i].voices);
		free(sim->strand[s].inspections);
	}
	sim_init(sim, sim->risk);
}

void sim_settle(struct sim *sim, int32_t day)
{
	if (sim->day != day)
		instances_retire(sim, day);
	sim->day = day;
	if (sim->vested != CW_DAY_NONE && day >= sim->vested && !sim->has_inherited)
		heritage_take(sim);
	instances_expire(sim, day);
	rulings_settle(sim, day);
	sim_evaluate(sim, day, &sim->totals);
	sim->totals_valid = true;
	sim_step_level(sim, &sim->totals, day);
}

/* The next day after sim->day, up to until, on which time alone might change something. */
static int32_t next_candidate(const struct sim *sim, int32_t until)
{
	int32_t day = sim->day, next = CW_DAY_NONE;
	struct knowledge k;

#define CANDIDATE(d)                                                                                                   \
	do {                                                                                                           \
		int32_t candidate_day = (d);                                                                           \
		if (candidate_day > day && (next == CW_DAY_NONE || candidate_day < next))                              \
			next = candidate_day;                                                                          \
	} while (0)

	CANDIDATE(sim_falls_under(sim, until));
	for (size_t i = 0; i < sim->n_active; i++)
		if (sim->instances[sim->active[i]].closed_day == CW_DAY_NONE)
			CANDIDATE(sim->instances[sim->active[i]].expires_day);
	for (int c = 0; c < CW_CRIT_COUNT; c++)
		if (sim->hold_from[c] != CW_DAY_NONE)
			CANDIDATE(sim->hold_from[c] + sim->risk->hold_days);
	if (sim->under_since != CW_DAY_NONE)
		CANDIDATE(sim->under_since + sim->risk->step_down_days);
	CANDIDATE(rulings_next_day(sim, day));
	if (sim->vested != CW_DAY_NONE) {
		CANDIDATE(sim->vested);
		CANDIDATE(inheritance_ends(sim));
	}
	sim_knowledge(sim, day, &k);
	CANDIDATE(k.stale_day);
	CANDIDATE(k.send_stale_day);
	for (int f = 0; f < FIGURES_COUNT; f++)
		CANDIDATE(k.figures_stale_day[f]);
#undef CANDIDATE
	return next;
}

/* Lets the days pass up to and including a day; step (may be NULL) sees every day that differs. Returns 1 when step
 * asked to stop with a positive value. */
int sim_pass_days(struct sim *sim, int32_t until, step_fn *step, void *arg)
{
	struct view before, after;
	bool viewed = false;

	if (sim->day == CW_DAY_NONE)
		return 0;
	while (sim->day < until) {
		int32_t next = next_candidate(sim, until);

		if (next == CW_DAY_NONE || next > until) {
			sim->day = until;
			sim->totals_valid = false;
			return 0;
		}
		if (step && !viewed)
			sim_view(sim, sim->day, &before);
		sim_settle(sim, next);
		if (step) {
			int r;

			sim_view(sim, next, &after);
			r = step(arg, sim, &before, &after);
			if (r != 0)
				return r;
			before = after;
			viewed = true;
		}
	}
	return 0;
}

int sim_enter_own(struct sim *sim, const struct entry *entry)
{
	int s = strand_of(entry->fact->evidence.kind);

	rulings_pass(sim, entry->day);
	sim->rulings_moved = true;
	if (s >= 0)
		return strand_enter(sim, s, entry);
	if (entry->fact->evidence.kind == CW_KIND_OVERRIDE)
		return entry->again ? 0 : ruling_enter(sim, entry);
	return signal_enter(sim, entry);
}

int sim_enter(struct sim *sim, const struct entry *entry)
{
	int r = entry->fact->heritage ? heritage_enter(sim, entry) : sim_enter_own(sim, entry);

	sim->totals_valid = false;
	return r;
}

/* Folds entries (sorted by speaking) that speak by a day, and lets the days pass up to it. */
int sim_fold(struct sim *sim, const struct entry *entries, size_t n, int32_t until)
{
	for (size_t i = 0; i < n && entries[i].day <= until; i++) {
		int r;

		sim_pass_days(sim, entries[i].day - 1, NULL, NULL);
		r = sim_enter(sim, &entries[i]);
		if (r < 0)
			return r;
		/* What became known at one moment counts together; what came later the same day is a step of its own, as it was
		 * when it was told. */
		if (i + 1 == n || entries[i + 1].day != entries[i].day || entries[i + 1].known != entries[i].known)
			sim_settle(sim, entries[i].day);
	}
	sim_pass_days(sim, until, NULL, NULL);
	return sim->out_of_memory ? -ENOMEM : 0;
}

/* Rulings on events change what points there are, and with them when the level went down: what would be without them is told
 * from the beginning. */
int sim_unruled_level(const struct sim *sim, const struct entry *entries, size_t n, int32_t day, enum cw_level *ret)
{
	CW_CLEANUP(cw_freep) struct entry *rest = NULL;
	struct sim without;
	struct totals totals;
	size_t n_rest = 0;
	bool held;
	int r;

	if (!rulings_on_events(sim))
		return 0;
	rest = calloc(n + 1, sizeof(*rest));
	if (!rest)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (entries[i].fact->evidence.kind != CW_KIND_OVERRIDE)
			rest[n_rest++] = entries[i];
	qsort(rest, n_rest, sizeof(*rest), entry_by_speaking);
	sim_init(&without, sim->risk);
	r = sim_fold(&without, rest, n_rest, day);
	sim_evaluate(&without, day, &totals);
	*ret = sim_model_level(&without, &totals, day, &held);
	sim_clear(&without);
	return r;
}

static int stop_at_change(void *arg, struct sim *sim, const struct view *before, const struct view *after)
{
	int32_t *day = arg;

	if (before->level == after->level && before->knowledge == after->knowledge &&
	    memcmp(before->criterion, after->criterion, sizeof(before->criterion)) == 0 && before->rulings == after->rulings && memcmp(before->ending, after->ending, sizeof(before->ending)) == 0 &&
	    memcmp(before->floors, after->floors, sizeof(before->floors)) == 0)
		return 0;
	*day = sim->day;
	return 1;
}

/* The next day on which level, knowledge or floors change through time alone. Leaves sim spent. */
int32_t sim_next_day(struct sim *sim)
{
	int32_t day = CW_DAY_NONE;

	if (sim->day != CW_DAY_NONE)
		(void)sim_pass_days(sim, sim->day + HORIZON_DAYS, stop_at_change, &day);
	return day;
}

bool cw_model_uses(enum cw_kind kind)
{
	switch (kind) {
	case CW_KIND_SIGNAL:
	case CW_KIND_FOCUSED_VISIT:
	case CW_KIND_MONITORING_VISIT:
	case CW_KIND_JTAI:
	case CW_KIND_SEND_2016:
	case CW_KIND_AREA_SEND_MONITORING:
	case CW_KIND_WORKFORCE:
	case CW_KIND_EHCP_TIMELINESS:
	case CW_KIND_POLITICAL_CONTROL:
	case CW_KIND_INTERNAL_NOTE:
	case CW_KIND_OVERRIDE:
		return true;
	default:
		return strand_of(kind) >= 0;
	}
}

int cw_model_assess(const struct cw_risk *risk, const struct cw_fact *facts, size_t n_facts, int32_t as_of,
                    struct cw_assessment *ret, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) struct entry *entries = NULL;
	struct cw_assessment assessment;
	struct sim sim;
	size_t n;
	int r;

	if (entries_list(risk, facts, n_facts, &entries, &n) < 0)
		return cw_error_nomem(err);
	entries_sort(entries, &n, entry_by_speaking);
	sim_init(&sim, risk);
	r = sim_fold(&sim, entries, n, as_of);
	if (r == 0)
		r = sim_assess(&sim, as_of, &assessment);
	if (r == 0) {
		r = sim_unruled_level(&sim, entries, n, as_of, &assessment.model_level);
		if (r < 0)
			cw_assessment_clear(&assessment);
	}
	if (r == 0) {
		assessment.next_day = sim_next_day(&sim);
		*ret = assessment;
	}
	sim_clear(&sim);
	return r < 0 ? cw_error_nomem(err) : 0;
}
