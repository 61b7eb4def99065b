/*
 * Reorganisation: what a council takes over from its predecessors on its first day (domain 3.8).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model_private.h"

/* Domain 3.8: on its first day a council gets what stood open with its predecessors: states at a share of their points and one
 * level lower, impulses at a share of theirs. Out of memory it inherits less, which the caller finds out by itself. */
static void inherit_instance(struct sim *sim, const struct instance *old)
{
	int32_t ends = cw_day_add_months(sim->vested, sim->risk->inherit_months);
	struct instance *instance;

	if (strcmp(old->def->name, "lgr_transition") == 0)
		return; /* it has its own */
	instance = instance_open(sim, old->def, old->criterion, old->event_day, old->opened_day, -1);
	if (!instance) {
		sim->out_of_memory = true;
		return;
	}
	instance->inherited = true;
	instance->derived = old->derived;
	instance->steady = old->steady;
	instance->faded_day = old->faded_day;
	instance->weight = old->weight * sim->risk->inherit_share;
	instance->floor = old->floor > CW_LEVEL_WATCH ? old->floor - 1 : old->floor;
	instance->expires_day = old->expires_day;
	if (old->def->state && (old->expires_day == CW_DAY_NONE || old->expires_day > ends))
		instance->expires_day = ends;
	for (size_t i = 0; i < old->n_facts; i++)
		if (instance_add_fact(instance, old->facts[i]) < 0)
			sim->out_of_memory = true;
}

void heritage_take(struct sim *sim)
{
	sim->has_inherited = true;
	for (size_t p = 0; p < sim->n_predecessors; p++) {
		struct sim *old = sim->predecessors[p];

		if (!old || old->day == CW_DAY_NONE || sim_pass_days(old, sim->vested - 1, NULL, NULL) < 0)
			continue;
		for (size_t i = 0; i < old->n_active; i++)
			if (instance_counts(&old->instances[old->active[i]], sim->vested - 1))
				inherit_instance(sim, &old->instances[old->active[i]]);
		sim->judged_before = CW_MAX(sim->judged_before, old->judged_by_signal);
		if (old->strand[STRAND_ILACS].n) {
			const struct inspection *last = &old->strand[STRAND_ILACS].inspections[old->strand[STRAND_ILACS].current];

			sim->judged_before = CW_MAX(sim->judged_before, inspection_day(last));
		}
		sim->send_before |= old->strand[STRAND_SEND].n > 0;
	}
}

/* Evidence about a predecessor, in its own time. What became known of it after it had ended is nobody's. */
int heritage_enter(struct sim *sim, const struct entry *entry)
{
	size_t index = entry->fact->heritage - 1;
	struct sim *predecessor;
	int r;

	sim->vested = entry->fact->vested;
	if (entry->day >= sim->vested)
		return 0;
	if (index >= sim->n_predecessors) {
		struct sim **grown = realloc(sim->predecessors, (index + 1) * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		memset(grown + sim->n_predecessors, 0, (index + 1 - sim->n_predecessors) * sizeof(*grown));
		sim->predecessors = grown;
		sim->n_predecessors = index + 1;
	}
	predecessor = sim->predecessors[index];
	if (!predecessor) {
		predecessor = malloc(sizeof(*predecessor));
		if (!predecessor)
			return -ENOMEM;
		sim_init(predecessor, sim->risk);
		sim->predecessors[index] = predecessor;
	}
	sim_pass_days(predecessor, entry->day - 1, NULL, NULL);
	r = sim_enter_own(predecessor, entry);
	if (r == 0)
		sim_settle(predecessor, entry->day);
	return r;
}
