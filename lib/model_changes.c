/*
 * What is told: the changes of one council, in the order in which they could be known (domain 3.4).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_private.h"

static const char *const alert_kind_names[CW_ALERT_KIND_COUNT + 1] = {
	[0] = "none",
	[CW_ALERT_LEVEL_UP] = "level_up",
	[CW_ALERT_FLOOR_OPENED] = "floor_opened",
	[CW_ALERT_FLOOR_CLOSED] = "floor_closed",
	[CW_ALERT_LEVEL_DOWN] = "level_down",
	[CW_ALERT_NEW_EVIDENCE] = "new_evidence",
	[CW_ALERT_KNOWLEDGE_LOST] = "knowledge_lost",
	[CW_ALERT_SOURCE_OUTAGE] = "source_outage",
	[CW_ALERT_CONFLICT] = "conflict",
	[CW_ALERT_IDENTITY_UNRESOLVED] = "identity_unresolved",
	[CW_ALERT_OVERRIDE_EXPIRING] = "override_expiring",
};

const char *cw_alert_kind_name(enum cw_alert_kind kind)
{
	return alert_kind_names[kind];
}

const char *const *cw_alert_kind_names(void)
{
	return alert_kind_names + 1;
}

void cw_change_clear(struct cw_change *change)
{
	cw_assessment_clear(&change->after);
}

/*
 * What was told already, so that one cause is told once (domain 3.4). Alerts that a risk rose are one family: when evidence
 * that arrives late turns "level_up" into "floor_opened", it is still the same event, and was told.
 */
enum family { FAMILY_RISE, FAMILY_CLOSE, FAMILY_FALL, FAMILY_KNOWLEDGE, FAMILY_CONFLICT, FAMILY_RULING };

struct told {
	enum family family;
	int32_t day;
	unsigned times;
	char cause[80];
};

struct teller {
	const struct cw_risk *risk;
	cw_change_fn *emit;
	void *arg;
	struct cw_wall at; /* the moment of evidence entering; NONE while time passes */
	int32_t news_day;  /* when the newest of that evidence was published */
	const struct entry *known; /* all that was known by then, for what would be without rulings */
	size_t n_known;
	struct cw_ruling ruling; /* that is behind what is told; fact NULL = none */
	struct told *told;
	size_t n_told;
};

/* Does nothing older than this moment say so? */
static bool first_said(const struct instance *instance, const struct teller *teller)
{
	return cw_wall_known(teller->at) && instance->n_facts && instance->facts[0]->known_at.ms == teller->at.ms;
}

static double points_of(const struct sim *sim, struct instance *instance)
{
	return instance_rejected(instance, sim->day) ? 0
	       : instance->def->state               ? instance->weight
	                                            : instance_now(sim, instance, sim->day);
}

/* Explains a better than b why there is more: the higher floor, then what is new over what is only confirmed, then most points. */
static bool better_cause(const struct sim *sim, const struct teller *teller, struct instance *a, struct instance *b)
{
	double a_points = points_of(sim, a), b_points = points_of(sim, b);

	if (instance_floor(a) != instance_floor(b))
		return instance_floor(a) > instance_floor(b);
	if (first_said(a, teller) != first_said(b, teller))
		return first_said(a, teller);
	return a_points > b_points;
}

/* The opened instance that explains a rise best. */
static const struct instance *newest_cause(const struct sim *sim, const struct teller *teller,
                                           const struct view *before, bool floors_only)
{
	struct instance *best = NULL;

	for (size_t i = 0; i < sim->n_active; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];
		bool floor = instance->def->state && instance_floor(instance) > CW_LEVEL_ROUTINE;
		bool news = cw_wall_known(teller->at) && instance->latest_known == teller->at.ms;
		bool opened = floor ? !before->floors[instance->def - sim->risk->signals][instance->criterion] : news;

		/* A finding of its own where one was inherited adds points, though the floor is not new. */
		opened |= !floors_only && first_said(instance, teller);
		if (!opened || !instance_live(instance, sim->day) || (floors_only && !floor))
			continue;
		if (!best || better_cause(sim, teller, instance, best))
			best = instance;
	}
	return best;
}

static const struct instance *closed_cause(const struct sim *sim, const struct view *before, const struct view *after)
{
	const struct instance *best = NULL;

	/* All that ever were: late evidence may have closed it on a day long past. */
	for (size_t i = 0; i < sim->n_instances; i++) {
		const struct instance *instance = &sim->instances[i];
		size_t s = (size_t)(instance->def - sim->risk->signals);

		if (instance->def->state && before->floors[s][instance->criterion] &&
		    !after->floors[s][instance->criterion] &&
		    (!best || instance->floor > best->floor ||
		     (instance->floor == best->floor && instance->opened_day > best->opened_day)))
			best = instance;
	}
	return best;
}

static void name_instance(const struct instance *instance, char *out, size_t size)
{
	const struct cw_fact *fact = instance->n_facts ? instance->facts[0] : NULL;
	char day[CW_WALL_TEXT];

	/* An undated statement is named by its address: the day it was first seen depends on who looked. */
	if (fact && (instance->strand >= 0 ? instance->undated : fact->evidence.event_day == CW_DAY_NONE) &&
	    fact->evidence.url.len) {
		struct cw_str url = fact->evidence.url;
		size_t front = url.len - CW_MIN(url.len, 32u);

		while (front < url.len && ((unsigned char)url.at[front] & 0xc0) == 0x80) /* no character in half */
			front++;
		snprintf(out, size, "%s/%s/%.*s", instance->def->name, cw_criterion_name(instance->criterion),
		         (int)(url.len - front), url.at + front);
	} else {
		snprintf(out, size, "%s/%s/%s", instance->def->name, cw_criterion_name(instance->criterion),
		         cw_day_format(instance->event_day, day));
	}
}

static enum family family_of(enum cw_alert_kind kind)
{
	switch (kind) {
	case CW_ALERT_FLOOR_CLOSED:
		return FAMILY_CLOSE;
	case CW_ALERT_LEVEL_DOWN:
		return FAMILY_FALL;
	case CW_ALERT_KNOWLEDGE_LOST:
		return FAMILY_KNOWLEDGE;
	case CW_ALERT_CONFLICT:
		return FAMILY_CONFLICT;
	case CW_ALERT_OVERRIDE_EXPIRING:
		return FAMILY_RULING;
	default:
		return FAMILY_RISE;
	}
}

/* 1: tell it; 0: told lately; -ENOMEM. *ret_times: how often this has happened. */
static int worth_telling(struct teller *teller, enum cw_alert_kind kind, const char *cause, int32_t day,
                         unsigned *ret_times)
{
	struct told *grown;

	for (size_t i = 0; i < teller->n_told; i++) {
		struct told *told = &teller->told[i];

		if (told->family != family_of(kind) || strcmp(told->cause, cause) != 0)
			continue;
		/* A level that rises is always worth it. */
		if (kind != CW_ALERT_LEVEL_UP && day - told->day < teller->risk->same_cause_days)
			return 0;
		told->day = day;
		*ret_times = ++told->times;
		return 1;
	}
	grown = realloc(teller->told, (teller->n_told + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	teller->told = grown;
	grown[teller->n_told] = (struct told){ .family = family_of(kind), .day = day, .times = 1 };
	snprintf(grown[teller->n_told].cause, sizeof(grown[0].cause), "%s", cause);
	teller->n_told++;
	*ret_times = 1;
	return 1;
}

/* Where an instance stands among the contributors; SIZE_MAX when it is not (a finding that closed). */
static size_t find_contributor(const struct cw_assessment *assessment, const struct instance *instance)
{
	for (size_t i = 0; instance && i < assessment->n_contributors; i++) {
		const struct cw_contributor *c = &assessment->contributors[i];

		if (c->signal == instance->def && c->criterion == instance->criterion &&
		    c->facts[0] == instance->facts[0])
			return i;
	}
	return SIZE_MAX;
}

static int tell(struct teller *teller, struct sim *sim, enum cw_alert_kind kind, const struct instance *why,
                const char *cause, const struct view *before)
{
	struct cw_change change = { .kind = kind, .sim = sim,
		                    .previous_level = before->level,
		                    .previous_knowledge = before->knowledge,
		                    .ruling = teller->ruling };
	/* A cause names its event; what became of the event goes before it. */
	static const char *const prefixes[] = { "", "closed:", "", "", "", "" };
	unsigned times;
	int r;

	r = worth_telling(teller, kind, cause, sim->day, &times);
	if (r <= 0)
		return r;
	change.at = cw_wall_known(teller->at) ? teller->at : cw_day_start(sim->day);
	change.news_day = cw_wall_known(teller->at) ? teller->news_day : CW_DAY_NONE;
	snprintf(change.cause, sizeof(change.cause), times > 1 ? "%s%.*s#%u" : "%s%.*s", prefixes[family_of(kind)],
	         (int)cw_str_cut(cw_str(cause), 70).len, cause, times);
	r = sim_assess(sim, sim->day, &change.after);
	if (r < 0)
		return r;
	r = sim_unruled_level(sim, teller->known, teller->n_known, sim->day, &change.after.model_level);
	if (r < 0) {
		cw_change_clear(&change);
		return r;
	}
	change.lead = find_contributor(&change.after, why);
	r = teller->emit(teller->arg, &change);
	cw_change_clear(&change);
	return r;
}

/* Each ruling whose end has come near. */
static int tell_endings(struct teller *teller, struct sim *sim, const struct view *before, const struct view *after)
{
	char cause[80];
	int r = 0;

	for (size_t i = 0; i < ENDING_MAX && after->ending[i] && r >= 0; i++) {
		bool seen = false;

		for (size_t k = 0; k < ENDING_MAX && !seen; k++)
			seen = before->ending[k] == after->ending[i];
		if (seen)
			continue;
		teller->ruling = ruling_of(sim, after->ending[i], sim->day);
		snprintf(cause, sizeof(cause), "expiring/%.16s", after->ending[i]->id);
		r = tell(teller, sim, CW_ALERT_OVERRIDE_EXPIRING, NULL, cause, before);
	}
	return r;
}

/* One moment gives at most one alert about the level, the weightiest, and one each about knowledge, a conflict and each ruling
 * that ends. */
static int compare_views(void *arg, struct sim *sim, const struct view *before, const struct view *after)
{
	struct teller *teller = arg;
	bool same_floors = memcmp(before->floors, after->floors, sizeof(before->floors)) == 0;
	const struct instance *opened, *closed;
	char cause[80], day[CW_WALL_TEXT];
	int r = 0;

	if (same_floors && before->level == after->level && before->knowledge == after->knowledge &&
	    !memcmp(before->conflict, after->conflict, sizeof(before->conflict)) &&
	    !memcmp(before->ending, after->ending, sizeof(before->ending)) &&
	    (!cw_wall_known(teller->at) || after->points + EPSILON < before->points + sim->risk->new_evidence_points))
		return 0;
	opened = same_floors ? NULL : newest_cause(sim, teller, before, true);
	closed = same_floors ? NULL : closed_cause(sim, before, after);
	teller->ruling = ruling_behind(sim, teller->at, sim->day);
	if (after->level != before->level && cw_wall_known(teller->at) && teller->ruling.fact &&
	    teller->ruling.scope == CW_RULING_LEVEL) {
		snprintf(cause, sizeof(cause), "override/%.16s", teller->ruling.fact->id);
		r = tell(teller, sim, after->level > before->level ? CW_ALERT_LEVEL_UP : CW_ALERT_LEVEL_DOWN, NULL,
		         cause, before);
	} else if (after->level > before->level) {
		const struct instance *why = opened ? opened : newest_cause(sim, teller, before, false);

		if (why)
			name_instance(why, cause, sizeof(cause));
		else if (teller->ruling.fact)
			snprintf(cause, sizeof(cause), "ended/%.16s", teller->ruling.fact->id);
		else
			snprintf(cause, sizeof(cause), "up/%s", cw_day_format(sim->day, day));
		r = tell(teller, sim, CW_ALERT_LEVEL_UP, why, cause, before);
	} else if (opened &&
	           !(closed && (after->level < before->level || closed->floor > instance_floor(opened)))) {
		name_instance(opened, cause, sizeof(cause));
		r = tell(teller, sim, CW_ALERT_FLOOR_OPENED, opened, cause, before);
	} else if (closed) {
		name_instance(closed, cause, sizeof(cause));
		r = tell(teller, sim, CW_ALERT_FLOOR_CLOSED, NULL, cause, before);
	} else if (after->level < before->level) {
		if (teller->ruling.fact && teller->ruling.scope == CW_RULING_LEVEL)
			snprintf(cause, sizeof(cause), "ended/%.16s", teller->ruling.fact->id);
		else
			snprintf(cause, sizeof(cause), "down/%s", cw_day_format(sim->day, day));
		r = tell(teller, sim, CW_ALERT_LEVEL_DOWN, NULL, cause, before);
	} else if (cw_wall_known(teller->at) &&
	           after->points + EPSILON >= before->points + sim->risk->new_evidence_points) {
		const struct instance *why = newest_cause(sim, teller, before, false);

		if (why) {
			name_instance(why, cause, sizeof(cause));
			r = tell(teller, sim, CW_ALERT_NEW_EVIDENCE, why, cause, before);
		}
	}
	teller->ruling = (struct cw_ruling){ .fact = NULL };
	if (r < 0)
		return r;
	if (before->knowledge == CW_KNOWN && after->knowledge != CW_KNOWN) {
		snprintf(cause, sizeof(cause), "stale/%s", cw_day_format(sim->day, day));
		r = tell(teller, sim, CW_ALERT_KNOWLEDGE_LOST, NULL, cause, before);
	}
	for (int s = 0; s < STRAND_COUNT && r >= 0; s++) {
		if (before->conflict[s] || !after->conflict[s])
			continue;
		snprintf(cause, sizeof(cause), "conflict/%s/%s", s == STRAND_ILACS ? "ilacs" : "area_send",
		         cw_day_format(inspection_day(&sim->strand[s].inspections[sim->strand[s].current]), day));
		r = tell(teller, sim, CW_ALERT_CONFLICT, NULL, cause, before);
	}
	if (r >= 0)
		r = tell_endings(teller, sim, before, after);
	return r < 0 ? r : 0;
}

int cw_model_changes(const struct cw_risk *risk, const struct cw_fact *facts, size_t n_facts, struct cw_wall until,
                     cw_change_fn *emit, void *arg, struct cw_assessment *ret_last, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) struct entry *entries = NULL;
	CW_CLEANUP(cw_freep) struct entry *known = NULL;
	struct teller teller = { .risk = risk, .emit = emit, .arg = arg, .at = cw_wall_none() };
	struct sim sim;
	size_t n, i = 0, n_known = 0;
	int r = 0;

	if (entries_list(risk, facts, n_facts, &entries, &n) < 0)
		return cw_error_nomem(err);
	known = calloc(n ? n : 1, sizeof(*known));
	if (!known)
		return cw_error_nomem(err);
	entries_sort(entries, &n, entry_by_knowing);
	sim_init(&sim, risk);
	teller.known = known;

	while (r == 0 && i < n && entries[i].known <= until.ms) {
		struct view before = { .knowledge = CW_UNKNOWN }, after;
		int64_t moment = entries[i].known;
		int32_t day = cw_wall_day((struct cw_wall){ moment });
		size_t from = n_known;
		bool late = false;

		teller.at = cw_wall_none();
		/* Up to the day before: what enters on a day counts before that day's own step-downs. */
		r = sim_pass_days(&sim, day - 1, compare_views, &teller);
		if (r < 0)
			break;
		teller.news_day = entries[i].day;
		for (; i < n && entries[i].known == moment; i++) {
			teller.news_day = CW_MAX(teller.news_day, entries[i].day);
			late |= sim.day != CW_DAY_NONE && entries[i].day < day;
			known[n_known++] = entries[i];
		}
		teller.n_known = n_known;
		if (sim.day != CW_DAY_NONE) {
			struct totals today;

			sim_view(&sim, sim.day, &before);
			/* What fades overnight must not hide what the evidence adds. */
			sim_evaluate(&sim, day, &today);
			before.points = today.points;
		}
		if (late || sim.day == CW_DAY_NONE) {
			/* What became known now had been public for a while: the past is told anew, silently. */
			sim_clear(&sim);
			qsort(known, n_known, sizeof(*known), entry_by_speaking);
			r = sim_fold(&sim, known, n_known, day);
		} else {
			for (size_t j = from; r == 0 && j < n_known; j++)
				r = sim_enter(&sim, &known[j]);
			if (r == 0)
				sim_settle(&sim, day);
		}
		if (r < 0)
			break;
		sim_view(&sim, day, &after);
		teller.at = (struct cw_wall){ moment };
		r = compare_views(&teller, &sim, &before, &after);
	}
	if (r == 0 && sim.day != CW_DAY_NONE) {
		teller.at = cw_wall_none();
		r = sim_pass_days(&sim, cw_wall_day(until), compare_views, &teller);
	}
	if (r >= 0 && sim.out_of_memory)
		r = -ENOMEM;
	if (r == 0 && ret_last) {
		struct cw_assessment last;

		r = sim_assess(&sim, cw_wall_day(until), &last);
		if (r == 0) {
			r = sim_unruled_level(&sim, known, n_known, cw_wall_day(until), &last.model_level);
			if (r < 0)
				cw_assessment_clear(&last);
		}
		if (r == 0) {
			last.next_day = sim_next_day(&sim);
			*ret_last = last;
		}
	}
	sim_clear(&sim);
	free(teller.told);
	return r == -ENOMEM ? cw_error_nomem(err) : r < 0 ? r : 0;
}
