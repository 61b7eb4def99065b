/*
 * What people have ruled: on the level, on an event, on a floor, on who is right; and what that makes of the level (domain 3.7
 * and 3.9).
 *
 * A ruling names its subject in words that a person typed (event_name.h). What stands under that name is looked for whenever
 * something has opened or moved; each instance and inspection then knows the latest ruling about it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <councilwatch/buf.h>

#include "model_private.h"

const char *cw_ruling_state_name(enum cw_ruling_state state)
{
	static const char *const names[] = { "in_force", "idle", "replaced", "expired" };

	return (unsigned)state < CW_ARRAY_LEN(names) ? names[state] : "";
}

const char *cw_ruling_scope_name(enum cw_ruling_scope scope)
{
	static const char *const names[] = { "level", "event", "floor" };

	return (unsigned)scope < CW_ARRAY_LEN(names) ? names[scope] : "";
}

int32_t fact_value_day(const struct cw_evidence *e, enum cw_value_id id)
{
	struct cw_str text = cw_evidence_value(e, id);
	int32_t day;

	return text.len && cw_date_parse(text.at, text.len, "%Y-%m-%d", &day) == 0 ? day : CW_DAY_NONE;
}

/* Was a made after b? Of the same moment: in an order that does not depend on how they came. */
static bool made_after(const struct ruling *a, const struct ruling *b)
{
	if (a->made != b->made)
		return a->made > b->made;
	if (a->says.fact->known_at.ms != b->says.fact->known_at.ms)
		return a->says.fact->known_at.ms > b->says.fact->known_at.ms;
	return strcmp(a->says.fact->id, b->says.fact->id) > 0;
}

/* False: it says nothing that can be followed. */
static bool read_ruling(const struct sim *sim, const struct cw_fact *fact, struct ruling *ret)
{
	const struct cw_evidence *e = &fact->evidence;
	struct cw_str scope = cw_evidence_value(e, CW_VAL_SCOPE);
	struct cw_wall made = cw_wall_known(e->published_at) ? e->published_at : fact->known_at;

	*ret = (struct ruling){ .says = { .fact = fact,
		                          .scope = cw_str_eq(scope, "event")   ? CW_RULING_EVENT
		                                   : cw_str_eq(scope, "floor") ? CW_RULING_FLOOR
		                                                               : CW_RULING_LEVEL,
		                          .event = cw_evidence_value(e, CW_VAL_EVENT),
		                          .source = cw_evidence_value(e, CW_VAL_SOURCE),
		                          .until_day = fact_value_day(e, CW_VAL_EXPIRES) },
		                .made = made.ms,
		                .made_day = cw_wall_day(made),
		                .instance = SIZE_MAX,
		                .strand = -1 };
	if (ret->says.until_day == CW_DAY_NONE)
		return false;
	if (ret->says.scope == CW_RULING_LEVEL)
		return cw_level_parse(cw_evidence_value(e, CW_VAL_LEVEL), &ret->says.level) == 0;
	return cw_event_name_parse(sim->risk, ret->says.event, &ret->event) == 0;
}

int ruling_enter(struct sim *sim, const struct entry *entry)
{
	struct ruling ruling;
	size_t at = sim->n_rulings;

	if (!read_ruling(sim, entry->fact, &ruling))
		return 0;
	ruling.known = entry->known;
	if (cw_grow(&sim->rulings, &sim->cap_rulings, sim->n_rulings, sizeof(*sim->rulings)) < 0)
		return -ENOMEM;
	for (; at > 0 && made_after(&sim->rulings[at - 1], &ruling); at--)
		sim->rulings[at] = sim->rulings[at - 1];
	sim->rulings[at] = ruling;
	sim->n_rulings++;
	sim->rulings_moved = true;
	return 0;
}

/* ---- what they are about ---- */

static bool has_fact(const struct instance *instance, const char *id)
{
	for (size_t i = 0; i < instance->n_facts; i++)
		if (strcmp(instance->facts[i]->id, id) == 0)
			return true;
	return false;
}

/* How far what stands is from the day that is named, in days; by its event, or else, further than any of these, by its
 * publication: an event may have had no date when it was named. INT32_MAX: it is another one. */
static int32_t distance(const struct sim *sim, int32_t named, int32_t event_day, int32_t other_day)
{
	int32_t cluster = sim->risk->cluster_days;

	if (event_day != CW_DAY_NONE && abs(event_day - named) <= cluster)
		return abs(event_day - named);
	return abs(other_day - named) <= cluster ? cluster + 1 + abs(other_day - named) : INT32_MAX;
}

static size_t find_instance(const struct sim *sim, const struct ruling *ruling)
{
	bool floor_only = ruling->says.scope == CW_RULING_FLOOR;
	int32_t nearest = INT32_MAX;
	size_t found = SIZE_MAX;

	for (size_t i = 0; i < sim->n_active; i++) {
		const struct instance *instance = &sim->instances[sim->active[i]];
		int32_t far = INT32_MAX;

		if (floor_only && instance_floor(instance) == CW_LEVEL_ROUTINE)
			continue;
		if (ruling->event.form == CW_EVENT_EVIDENCE)
			far = has_fact(instance, ruling->event.id) ? 0 : INT32_MAX;
		else if (ruling->event.form == CW_EVENT_SIGNAL && instance->def == ruling->event.signal &&
		         instance->criterion == ruling->event.criterion)
			far = distance(sim, ruling->event.day, instance->event_day, instance->opened_day);
		/* Of two as near, the one that still stands, or else the later. */
		if (far < nearest || (far == nearest && far != INT32_MAX && instance->closed_day == CW_DAY_NONE)) {
			nearest = far;
			found = sim->active[i];
		}
	}
	return found;
}

static void find_inspection(const struct sim *sim, struct ruling *ruling)
{
	int s = ruling->event.kind == CW_KIND_ILACS ? STRAND_ILACS : STRAND_SEND;
	int32_t nearest = INT32_MAX;

	if (ruling->event.form != CW_EVENT_INSPECTION)
		return;
	for (size_t i = 0; i < sim->strand[s].n; i++) {
		const struct inspection *inspection = &sim->strand[s].inspections[i];
		int32_t far = distance(sim, ruling->event.day, inspection->event_day, inspection->published_day);

		if (far < nearest) {
			nearest = far;
			ruling->strand = s;
			ruling->inspection = i;
		}
	}
}

static void replace(struct sim *sim, size_t *place, size_t by)
{
	if (*place != SIZE_MAX)
		sim->rulings[*place].replaced = true;
	*place = by;
}

/* They are in the order in which they were made: the latest of each subject stays. */
static void find_subjects(struct sim *sim)
{
	size_t level = SIZE_MAX;

	sim->rulings_moved = false;
	for (size_t i = 0; i < sim->n_active; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];

		instance->rejected = instance->handled = SIZE_MAX;
		instance->rejected_until = CW_DAY_NONE;
	}
	for (int s = 0; s < STRAND_COUNT; s++)
		for (size_t i = 0; i < sim->strand[s].n; i++)
			sim->strand[s].inspections[i].ruling = SIZE_MAX;
	for (size_t i = 0; i < sim->n_rulings; i++) {
		struct ruling *ruling = &sim->rulings[i];

		ruling->replaced = false;
		ruling->instance = SIZE_MAX;
		ruling->strand = -1;
		if (ruling->says.scope == CW_RULING_LEVEL) {
			replace(sim, &level, i);
		} else if (ruling->says.source.len) {
			find_inspection(sim, ruling);
			if (ruling->strand >= 0)
				replace(sim, &sim->strand[ruling->strand].inspections[ruling->inspection].ruling, i);
		} else {
			ruling->instance = find_instance(sim, ruling);
			if (ruling->instance == SIZE_MAX)
				continue;
			if (ruling->says.scope == CW_RULING_FLOOR) {
				replace(sim, &sim->instances[ruling->instance].handled, i);
			} else {
				replace(sim, &sim->instances[ruling->instance].rejected, i);
				sim->instances[ruling->instance].rejected_until = ruling->says.until_day;
			}
		}
	}
}

/* Who is right about each inspection, as of a day; where that has changed the inspection says something else. */
static void hear_sources(struct sim *sim, int32_t day)
{
	for (int s = 0; s < STRAND_COUNT; s++) {
		struct strand *strand = &sim->strand[s];
		bool changed = false;

		for (size_t i = 0; i < strand->n; i++) {
			struct inspection *inspection = &strand->inspections[i];
			struct cw_str believed = ruling_active(sim, inspection->ruling, day)
			                             ? sim->rulings[inspection->ruling].says.source
			                             : (struct cw_str){ NULL, 0 };

			changed |= !same_text(believed, inspection->believed);
			inspection->believed = believed;
		}
		if (changed && strand_findings(sim, s, day) < 0)
			sim->out_of_memory = true;
	}
}

void rulings_pass(struct sim *sim, int32_t day)
{
	if (sim->n_rulings && !sim->rulings_moved)
		hear_sources(sim, day);
}

void rulings_settle(struct sim *sim, int32_t day)
{
	if (!sim->n_rulings)
		return;
	if (sim->rulings_moved)
		find_subjects(sim);
	hear_sources(sim, day);
	/* A finding that opens because another source is heard may have been ruled on. */
	if (sim->rulings_moved)
		find_subjects(sim);
}

/* ---- what they say on a day ---- */

/* Does what it is about stand, so that the ruling says something? */
static bool bears(const struct sim *sim, const struct ruling *ruling, int32_t day)
{
	if (ruling->says.scope == CW_RULING_LEVEL)
		return true;
	if (ruling->strand >= 0)
		return ruling->inspection == sim->strand[ruling->strand].current;
	if (ruling->instance == SIZE_MAX)
		return false;
	return instance_counts(&sim->instances[ruling->instance], day) && sim->instances[ruling->instance].faded_day > day;
}

bool ruling_active(const struct sim *sim, size_t ruling, int32_t day)
{
	return ruling != SIZE_MAX && !sim->rulings[ruling].replaced && day <= sim->rulings[ruling].says.until_day;
}

static enum cw_ruling_state state_on(const struct sim *sim, const struct ruling *ruling, int32_t day)
{
	return ruling->replaced                   ? CW_RULING_REPLACED
	       : day > ruling->says.until_day     ? CW_RULING_EXPIRED
	       : !bears(sim, ruling, day)         ? CW_RULING_IDLE
	                                          : CW_RULING_IN_FORCE;
}

static struct cw_ruling with_state(const struct sim *sim, size_t at, int32_t day)
{
	struct cw_ruling says = sim->rulings[at].says;

	says.state = state_on(sim, &sim->rulings[at], day);
	return says;
}

struct cw_ruling ruling_in_force(const struct sim *sim, size_t ruling, int32_t day)
{
	return ruling_active(sim, ruling, day) ? with_state(sim, ruling, day) : (struct cw_ruling){ .fact = NULL };
}

size_t ruling_on_level(const struct sim *sim, int32_t day)
{
	for (size_t i = sim->n_rulings; i > 0; i--)
		if (sim->rulings[i - 1].says.scope == CW_RULING_LEVEL)
			return ruling_active(sim, i - 1, day) ? i - 1 : SIZE_MAX;
	return SIZE_MAX;
}

struct cw_ruling ruling_behind(const struct sim *sim, struct cw_wall at, int32_t day)
{
	for (size_t i = sim->n_rulings; i > 0; i--) {
		const struct ruling *ruling = &sim->rulings[i - 1];

		/* What is handled, or counts for nothing from now on, changes no level at once. */
		if (ruling->replaced || ruling->says.scope == CW_RULING_FLOOR ||
		    (cw_wall_known(at) && ruling->says.scope == CW_RULING_EVENT && !ruling->says.source.len))
			continue;
		if (cw_wall_known(at) ? ruling->known == at.ms && ruling_active(sim, i - 1, day)
		                      : ruling->says.until_day + 1 == day && bears(sim, ruling, day))
			return with_state(sim, i - 1, day);
	}
	return (struct cw_ruling){ .fact = NULL };
}

bool rulings_on_events(const struct sim *sim)
{
	for (size_t i = 0; i < sim->n_rulings; i++)
		if (sim->rulings[i].says.scope == CW_RULING_EVENT)
			return true;
	return false;
}

struct cw_ruling ruling_of(const struct sim *sim, const struct cw_fact *fact, int32_t day)
{
	for (size_t i = 0; i < sim->n_rulings; i++)
		if (sim->rulings[i].says.fact == fact)
			return with_state(sim, i, day);
	return (struct cw_ruling){ .fact = NULL };
}

int rulings_list(const struct sim *sim, int32_t day, struct cw_ruling **ret, size_t *ret_n)
{
	*ret_n = 0;
	*ret = calloc(sim->n_rulings + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = sim->n_rulings; i > 0; i--)
		(*ret)[(*ret_n)++] = with_state(sim, i - 1, day);
	return 0;
}

/* The day on which it is time to say that the ruling will end: never on the day it was made. */
static int32_t notice_day(const struct sim *sim, const struct ruling *ruling)
{
	return CW_MAX(ruling->says.until_day - sim->risk->override_notice_days, ruling->made_day + 1);
}

int32_t rulings_next_day(const struct sim *sim, int32_t day)
{
	int32_t next = CW_DAY_NONE;

	for (size_t i = 0; i < sim->n_rulings; i++) {
		const struct ruling *ruling = &sim->rulings[i];
		int32_t fades = ruling->instance != SIZE_MAX ? sim->instances[ruling->instance].faded_day : CW_DAY_NONE;
		int32_t days[] = { notice_day(sim, ruling), ruling->says.until_day + 1, fades };

		for (size_t k = 0; k < CW_ARRAY_LEN(days) && !ruling->replaced; k++)
			if (days[k] > day && (next == CW_DAY_NONE || days[k] < next))
				next = days[k];
	}
	return next;
}

void rulings_view(const struct sim *sim, int32_t day, struct view *view)
{
	size_t n = 0;

	for (size_t i = 0; i < sim->n_rulings; i++) {
		const struct ruling *ruling = &sim->rulings[i];

		if (state_on(sim, ruling, day) != CW_RULING_IN_FORCE)
			continue;
		view->rulings++;
		if (day >= notice_day(sim, ruling) && n < ENDING_MAX)
			view->ending[n++] = ruling->says.fact;
	}
}

/* Domain 3.9: a ruling may raise to any level; it may lower, but not below a formal floor. */
enum cw_level sim_level(const struct sim *sim, const struct totals *t, int32_t day, bool *ret_held)
{
	enum cw_level level = sim_model_level(sim, t, day, ret_held);
	size_t ruling = ruling_on_level(sim, day);

	if (ruling == SIZE_MAX)
		return level;
	return CW_MAX(sim->rulings[ruling].says.level, CW_MIN(level, t->floor));
}
