/*
 * Instances: one event or state each, clustered from evidence (domain 3.3); how they open, close, run out and are forgotten.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "model_private.h"

/* Words alike that two publishers have only when one copied the other. */
#define COPY_WORDS 5

const struct cw_signal_def *sim_signal(const struct sim *sim, const char *name)
{
	for (size_t i = 0; i < sim->risk->n_signals; i++)
		if (strcmp(sim->risk->signals[i].name, name) == 0)
			return &sim->risk->signals[i];
	return NULL;
}

/* What a statement says in words: what is quoted or, where nothing is, its title. */
static struct cw_str wording(const struct cw_evidence *e)
{
	return e->quote.len ? e->quote : e->title;
}

/* Of two publishers: is one no copy of the other? Words alike beyond case and punctuation are a copy, but not a phrase so
 * short that anybody would use it. */
static int independent(const struct cw_evidence *a, const struct cw_evidence *b, bool *ret)
{
	CW_CLEANUP(cw_buf_clear) struct cw_buf x = { .max = 4 * CW_FIELD_MAX };
	CW_CLEANUP(cw_buf_clear) struct cw_buf y = { .max = 4 * CW_FIELD_MAX };
	size_t words = 1;
	int r = cw_text_fold(wording(a), &x);

	if (r == 0)
		r = cw_text_fold(wording(b), &y);
	if (r == -ENOMEM)
		return r;
	*ret = true;
	if (r < 0 || strcmp(cw_buf_str(&x), cw_buf_str(&y)) != 0)
		return 0;
	for (const char *blank = strchr(cw_buf_str(&x), ' '); blank; blank = strchr(blank + 1, ' '))
		words++;
	*ret = words < COPY_WORDS;
	return 0;
}

int instance_add_fact(struct instance *instance, const struct cw_fact *fact)
{
	const struct cw_evidence *e = &fact->evidence;

	if (instance->n_facts == instance->cap_facts) {
		size_t cap = instance->cap_facts ? instance->cap_facts * 2 : 2;
		const struct cw_fact **facts = realloc(instance->facts, cap * sizeof(*facts));

		if (!facts)
			return -ENOMEM;
		instance->facts = facts;
		instance->cap_facts = cap;
	}
	instance->facts[instance->n_facts++] = fact;
	instance->latest_known = CW_MAX(instance->latest_known, fact->known_at.ms);
	instance->value_day = CW_DAY_NONE;
	if (e->tier == CW_TIER_NONE || e->tier == CW_TIER_D)
		return 0;
	instance->best_tier = CW_MIN(instance->best_tier, e->tier);
	if (!instance->first)
		instance->first = fact;
	else if (!instance->corroborated && !same_text(instance->first->evidence.publisher, e->publisher))
		return independent(&instance->first->evidence, e, &instance->corroborated);
	return 0;
}

void instance_forget_facts(struct instance *instance)
{
	instance->n_facts = 0;
	instance->value_day = CW_DAY_NONE;
	instance->best_tier = CW_TIER_D;
	instance->first = NULL;
	instance->corroborated = false;
	instance->latest_known = INT64_MIN;
}

/* Where instances of one signal and criterion with events near a day are chained. */
static size_t *near_bucket(struct sim *sim, const struct cw_signal_def *def, enum cw_criterion criterion, int32_t day,
                           int step)
{
	uint64_t slot = (uint64_t)((int64_t)day / (sim->risk->cluster_days + 1) + step);

	slot = slot * 31 + (uint64_t)(def - sim->risk->signals);
	slot = slot * 7 + (uint64_t)criterion;
	return &sim->near[slot * 0x9e3779b97f4a7c15ull >> 54];
}
_Static_assert(NEAR_BUCKETS == 1u << 10, "near_bucket takes the top ten bits of its hash");

/* Even believed in full, it is less than drop_below from this day on. */
static int32_t fades_on(const struct cw_risk *risk, const struct cw_signal_def *def, int32_t opened_day)
{
	double days = def->weight > risk->drop_below ? def->half_life * log2(def->weight / risk->drop_below) : 0;

	return opened_day + (int32_t)CW_MIN(floor(days) + 1, 1e6);
}

struct instance *instance_open(struct sim *sim, const struct cw_signal_def *def, enum cw_criterion criterion,
                               int32_t event_day, int32_t opened_day, int strand)
{
	struct instance *instance;

	if (sim->n_instances == sim->cap_instances) {
		size_t cap = sim->cap_instances ? sim->cap_instances * 2 : 16;
		struct instance *grown = realloc(sim->instances, cap * sizeof(*grown));

		if (!grown)
			return NULL;
		sim->instances = grown;
		sim->cap_instances = cap;
	}
	if (sim->n_active == sim->cap_active) {
		size_t cap = sim->cap_active ? sim->cap_active * 2 : 16;
		size_t *grown = realloc(sim->active, cap * sizeof(*grown));

		if (!grown)
			return NULL;
		sim->active = grown;
		sim->cap_active = cap;
	}
	sim->rulings_moved = true;
	sim->heard[criterion] = true;
	sim->active[sim->n_active++] = sim->n_instances;
	instance = &sim->instances[sim->n_instances++];
	*instance = (struct instance){ .def = def,
		                       .criterion = criterion,
		                       .event_day = event_day,
		                       .opened_day = opened_day,
		                       .closed_day = CW_DAY_NONE,
		                       .expires_day = CW_DAY_NONE,
		                       .strand = strand,
		                       .weight = def->weight, .floor = def->floor,
		                       .best_tier = CW_TIER_D,
		                       .latest_known = INT64_MIN,
		                       .next_near = SIZE_MAX,
		                       .rejected_until = CW_DAY_NONE,
		                       .rejected = SIZE_MAX,
		                       .handled = SIZE_MAX,
		                       .value_day = CW_DAY_NONE,
		                       .faded_day = INT32_MAX };
	if (!def->state)
		instance->faded_day = fades_on(sim->risk, def, opened_day);
	if (strand < 0) {
		size_t *bucket = near_bucket(sim, def, criterion, event_day, 0);

		instance->next_near = *bucket;
		*bucket = sim->n_instances - 1;
	}
	if (def->state && def->expires_months)
		instance->expires_day = cw_day_add_months(opened_day, def->expires_months);
	return instance;
}

/* Domain 3.3: the best tier; a second independent publisher lifts a lesser one. */
double instance_confidence(const struct sim *sim, const struct instance *instance)
{
	double confidence = sim->risk->confidence[instance->best_tier];

	if (confidence <= 0 || !instance->corroborated)
		return CW_MAX(confidence, 0.0);
	return CW_MIN(1.0, confidence + sim->risk->corroboration);
}

static void hold_from(struct sim *sim, const struct instance *instance, int32_t day)
{
	/* What opened and closed on one day stood on none. */
	if (instance->def->state && instance->opened_day < day && instance_floor(instance) >= CW_LEVEL_PRIORITY &&
	    (sim->hold_from[instance->criterion] == CW_DAY_NONE || sim->hold_from[instance->criterion] < day))
		sim->hold_from[instance->criterion] = day;
}

void instance_close(struct sim *sim, struct instance *instance, int32_t day)
{
	if (instance->closed_day != CW_DAY_NONE)
		return;
	if (instance->expires_day != CW_DAY_NONE && instance->expires_day <= day)
		return;
	instance->closed_day = day;
	hold_from(sim, instance, day);
}

/* A full inspection answers whatever stood open from before it. */
void instances_answer(struct sim *sim, bool ilacs, int32_t event_day, int32_t day, const struct instance *but)
{
	for (size_t i = 0; i < sim->n_active; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];

		if (instance == but || instance->strand >= 0 || !instance->def->state || instance->event_day >= event_day)
			continue;
		/* What was inherited ends with the council's own judgement, whoever else would have had to close it. */
		if ((instance->inherited && instance->criterion == (ilacs ? CW_CRIT_OFSTED : CW_CRIT_SEND)) ||
		    (ilacs ? instance->def->closed_by_ilacs : instance->def->closed_by_area_send))
			instance_close(sim, instance, day);
	}
}

static bool days_near(const struct sim *sim, int32_t a, int32_t b)
{
	return abs(a - b) <= sim->risk->cluster_days;
}

/* An impulse that a person stated and that the inspections show as well is one event (domain 3.3). The instance of it that is
 * there already: the one a strand has derived, or the one that was stated; NULL when there is none. */
struct instance *instance_same(const struct sim *sim, const struct cw_signal_def *def, enum cw_criterion criterion,
                               int32_t event_day, int32_t opened_day, bool derived)
{
	for (size_t i = 0; i < sim->n_active && !def->state; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];

		if (instance->def == def && instance->criterion == criterion && (instance->strand >= 0) == derived &&
		    (days_near(sim, instance->event_day, event_day) ||
		     days_near(sim, instance->opened_day, opened_day)))
			return instance;
	}
	return NULL;
}

/* The instance that a statement is about, NULL when it is news. */
struct instance *instance_find(struct sim *sim, const struct statement *statement, int32_t day)
{
	struct instance *found = NULL;

	for (int near = -1; near <= 1; near++) {
		size_t i = *near_bucket(sim, statement->def, statement->criterion, statement->event_day, near);

		for (; i != SIZE_MAX; i = sim->instances[i].next_near) {
			struct instance *candidate = &sim->instances[i];

			if (!candidate->inherited && candidate->def == statement->def && candidate->criterion == statement->criterion &&
			    abs(candidate->event_day - statement->event_day) <= sim->risk->cluster_days &&
			    (candidate->closed_day == CW_DAY_NONE || statement->event_day < candidate->closed_day) &&
			    (!found || candidate > found))
				found = candidate; /* the newest */
		}
	}
	return found ? found : instance_same(sim, statement->def, statement->criterion, statement->event_day, day, true);
}

/* Instances that ran out on or before this day; closing a floor starts the hold. */
void instances_expire(struct sim *sim, int32_t day)
{
	for (size_t i = 0; i < sim->n_active; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];

		if (instance->expires_day == CW_DAY_NONE || instance->expires_day > day ||
		    instance->closed_day != CW_DAY_NONE)
			continue;
		instance->closed_day = instance->expires_day;
		hold_from(sim, instance, instance->expires_day);
		if (strcmp(instance->def->name, "apa_open") == 0 && !instance->closed_by_statement)
			sim->apa_lapsed = CW_MAX(sim->apa_lapsed, instance->expires_day);
	}
}

/* Drops from the active list what cannot count again: closed on an earlier day, or an impulse that has faded. */
void instances_retire(struct sim *sim, int32_t day)
{
	size_t kept = 0;

	for (size_t i = 0; i < sim->n_active; i++) {
		const struct instance *instance = &sim->instances[sim->active[i]];
		bool closed = instance->closed_day != CW_DAY_NONE && instance->closed_day < day;

		if (!closed && instance->faded_day > day)
			sim->active[kept++] = sim->active[i];
	}
	sim->n_active = kept;
}
