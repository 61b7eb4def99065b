/*
 * The risk model as a fold over evidence in the order in which it was published.
 *
 * An "entry" is a fact at the moment it begins to speak. Folding an entry changes strands (what the latest
 * inspection of a kind says) and instances (one event or state, clustered from evidence). Between entries the
 * days pass: impulses fade, holds and step-downs end, judgements grow stale. Everything the model remembers is
 * in struct sim, so the state on a day is the fold of all entries up to it.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/model.h>

#define EPSILON 1e-9
/* A report is published within a year of its visit (the longest in domain section 2 is 214 days), so an inspection
 * a year older than the first sight of an undated one is the earlier of the two. */
#define REPORT_DELAY_MAX 365
/* Within so many days of a visit a report is that of the visit. */
#define REPORT_DELAY 250
/* How far ahead the next change is looked for, days. Beyond it every impulse is nothing and every hold is over. */
#define HORIZON_DAYS (20 * 366)
#define NEAR_BUCKETS 1024

struct entry {
	const struct cw_fact *fact;
	int32_t day;   /* when it begins to speak */
	int64_t known; /* ms; orders entries of a day */
	bool again;    /* a correction taken back */
};

/* One event or state. */
struct instance {
	const struct cw_signal_def *def;
	enum cw_criterion criterion;
	int32_t event_day;  /* anchor of the cluster */
	int32_t opened_day; /* published */
	int32_t closed_day; /* CW_DAY_NONE = open; else the first day it no longer counts */
	int32_t expires_day;
	bool closed_by_statement;
	bool derived;
	bool undated;      /* its inspection has no date */
	double weight;      /* the signal's, but for notes: by severity, and for what is inherited: a share */
	enum cw_level floor; /* the signal's, or one lower */
	bool inherited;
	bool steady;       /* an impulse that does not fade before it expires */
	size_t inspection; /* of the strand */
	int strand;        /* >= 0: made by that strand from its current inspection; -1: stated by evidence */
	const struct cw_fact **facts;
	size_t n_facts, cap_facts;
	/* Kept up to date as facts are added: they are asked for on every day that passes. */
	enum cw_tier best_tier;
	struct cw_str publisher; /* of the first fact that counts */
	bool corroborated;       /* a second publisher says so too */
	int64_t latest_known;    /* ms, of its facts */
	int32_t faded_day;       /* impulses: the first day on which it is nothing */
	int32_t value_day;       /* the day of value; CW_DAY_NONE = to be worked out */
	double value;
	size_t next_near; /* chain of instances whose events fell near each other; SIZE_MAX ends */
};

/* The values of an inspection that a later statement about it may leave out without taking them back. */
static const enum cw_value_id voice_values[] = { CW_VAL_OVERALL_EFFECTIVENESS,
	                                         CW_VAL_IMPACT_OF_LEADERS,
	                                         CW_VAL_HELP_AND_PROTECTION,
	                                         CW_VAL_IN_CARE,
	                                         CW_VAL_CARE_LEAVERS,
	                                         CW_VAL_OUTCOME,
	                                         CW_VAL_LEADERSHIP_MANAGEMENT_GOVERNANCE };
enum {
	SAYS_OVERALL,
	SAYS_LEADERS,
	SAYS_HELP,
	SAYS_IN_CARE,
	SAYS_CARE_LEAVERS,
	SAYS_OUTCOME,
	SAYS_GOVERNANCE,
	SAYS_COUNT
};

/* What one feed says about one inspection: its latest statement, and which one stated each value last. A cell that has become
 * unreadable is not good news. */
struct voice {
	const struct cw_fact *fact;
	const struct cw_fact *from[SAYS_COUNT];
	int severity; /* its verdict, and the day from which it has been that */
	int32_t since;
};

struct inspection {
	int32_t event_day;     /* CW_DAY_NONE while no voice dates it */
	int32_t published_day; /* first */
	int64_t known;         /* first */
	struct cw_str url;
	struct cw_wall stated; /* publication as stated by whoever spoke last; NONE = not stated */
	bool answered;         /* a statement closed what it had opened (a monitoring visit, say) */
	struct voice *voices;
	size_t n_voices;
};

enum { STRAND_ILACS, STRAND_SEND, STRAND_COUNT };

struct strand {
	struct inspection *inspections;
	size_t n;
	size_t current;  /* index; valid when n > 0 */
	size_t previous; /* the latest before it; SIZE_MAX = none */
	bool undated;    /* one of them has or had no date: then their order has to be looked for anew */
};

struct totals {
	double criterion[CW_CRIT_COUNT]; /* before the cap */
	double capped[CW_CRIT_COUNT];
	double points;
	bool breadth;
	bool notes_alone; /* nothing but internal notes has points */
	enum cw_level floor;
	enum cw_level criterion_floor[CW_CRIT_COUNT];
};

/* Yearly figures of which the newest period counts. */
enum figures { FIGURES_WORKFORCE, FIGURES_EHCP, FIGURES_COUNT };

struct figures_seen {
	bool any, out; /* something was seen; it stood out */
	struct cw_str period;
	int64_t known; /* when what stood out became known */
};

struct sim {
	const struct cw_risk *risk;
	int32_t day;          /* evaluated up to and including this day; CW_DAY_NONE = nothing yet */
	struct totals totals; /* of that day, unless something has entered since */
	bool totals_valid;
	struct strand strand[STRAND_COUNT];
	/* All that ever was, and of these the ones that may still count. */
	struct instance *instances;
	size_t n_instances, cap_instances;
	size_t *active;
	size_t n_active, cap_active;
	size_t near[NEAR_BUCKETS];
	enum cw_level points_level;
	int32_t under_since;              /* points have been under the step-down line since; CW_DAY_NONE */
	int32_t hold_from[CW_CRIT_COUNT]; /* a priority or intensive floor closed on this day; CW_DAY_NONE */
	int32_t judged_by_signal;         /* a full ILACS inspection known only through signals */
	int32_t apa_lapsed;               /* an area for priority action ran out unanswered on this day */
	struct figures_seen figures[FIGURES_COUNT];
	struct cw_str control; /* political control as last stated; at NULL = never */
	int32_t control_day;
	struct cw_ruling ruling; /* fact NULL = none */
	int32_t ruling_day;       /* it was made */
	/* Reorganisation: what the predecessors stood at, until it is inherited on the day this council begins. */
	struct sim **predecessors;
	size_t n_predecessors;
	int32_t vested; /* CW_DAY_NONE = took over from nobody that anything is known of */
	bool has_inherited;
	int32_t judged_before; /* a predecessor's last full inspection; CW_DAY_NONE = none */
	bool send_before;      /* one of them had an area SEND inspection */
	bool out_of_memory;
};

/* What is compared to see a change. floors: bit per signal of the risk table and criterion, folded. */
struct view {
	enum cw_level level;
	enum cw_knowledge knowledge;
	double points;
	bool conflict[STRAND_COUNT];
	bool ruling_ends; /* soon */
	bool floors[CW_SIGNALS_MAX][CW_CRIT_COUNT];
};

/* ---- small helpers ---- */

static int32_t fact_published_day(const struct cw_fact *fact)
{
	return cw_wall_known(fact->evidence.published_at) ? cw_wall_day(fact->evidence.published_at)
	                                                  : cw_wall_day(fact->known_at);
}

/* The day from which a judgement ages: publication when the publisher states it, else the visit. */
static int32_t fact_judged_day(const struct cw_fact *fact)
{
	if (cw_wall_known(fact->evidence.published_at))
		return cw_wall_day(fact->evidence.published_at);
	if (fact->evidence.event_day != CW_DAY_NONE)
		return fact->evidence.event_day;
	return cw_wall_day(fact->known_at);
}

/* Full inspections of one subject follow each other whatever the framework of their day was. */
static int strand_of(enum cw_kind kind)
{
	return kind == CW_KIND_ILACS || kind == CW_KIND_SIF ? STRAND_ILACS
	       : kind == CW_KIND_AREA_SEND                  ? STRAND_SEND
	                                                    : -1;
}

static const struct cw_signal_def *signal_named(const struct sim *sim, const char *name)
{
	for (size_t i = 0; i < sim->risk->n_signals; i++)
		if (strcmp(sim->risk->signals[i].name, name) == 0)
			return &sim->risk->signals[i];
	return NULL;
}

static bool same_text(struct cw_str a, struct cw_str b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

/* Is the inspection of that day, which was published when it says (NONE: it does not), the one whose report an undated statement
 * says was published on that day? No council is inspected twice before the first report. */
static bool reported(int32_t day, struct cw_wall stated, struct cw_wall report)
{
	if (day == CW_DAY_NONE || !cw_wall_known(report))
		return false;
	if (cw_wall_known(stated))
		return cw_wall_day(stated) == cw_wall_day(report);
	return cw_wall_day(report) >= day && cw_wall_day(report) - day <= REPORT_DELAY;
}

/*
 * Near in time, or at the same address: of an undated statement; and of dated ones only where they claim the same
 * publication, or none (a date put right). Publishers reuse addresses.
 */
static bool same_inspection(int32_t day_a, struct cw_str url_a, struct cw_wall stated_a, int32_t day_b,
                            struct cw_str url_b, struct cw_wall stated_b, int cluster_days)
{
	bool dated = day_a != CW_DAY_NONE && day_b != CW_DAY_NONE;

	if (dated && abs(day_a - day_b) <= cluster_days)
		return true;
	if (!dated && (reported(day_a, stated_a, stated_b) || reported(day_b, stated_b, stated_a)))
		return true;
	return (!dated || stated_a.ms == stated_b.ms) && url_a.len && same_text(url_a, url_b);
}

/* ---- instances ---- */

static int instance_add_fact(struct instance *instance, const struct cw_fact *fact)
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
	if (!instance->publisher.at)
		instance->publisher = e->publisher;
	else if (!same_text(instance->publisher, e->publisher))
		instance->corroborated = true;
	return 0;
}

static void instance_forget_facts(struct instance *instance)
{
	instance->n_facts = 0;
	instance->value_day = CW_DAY_NONE;
	instance->best_tier = CW_TIER_D;
	instance->publisher = (struct cw_str){ NULL, 0 };
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

static struct instance *instance_open(struct sim *sim, const struct cw_signal_def *def, enum cw_criterion criterion,
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
static double instance_confidence(const struct sim *sim, const struct instance *instance)
{
	double confidence = sim->risk->confidence[instance->best_tier];

	if (confidence <= 0 || !instance->corroborated)
		return CW_MAX(confidence, 0.0);
	return CW_MIN(1.0, confidence + sim->risk->corroboration);
}

/* A floor needs a source better than the media. */
static enum cw_level instance_floor(const struct instance *instance)
{
	return instance->best_tier <= CW_TIER_B ? instance->floor : CW_LEVEL_ROUTINE;
}

static bool instance_live(const struct instance *instance, int32_t day)
{
	return instance->opened_day <= day && (instance->closed_day == CW_DAY_NONE || instance->closed_day > day) &&
	       (instance->expires_day == CW_DAY_NONE || instance->expires_day > day);
}

static bool instance_counts(const struct instance *instance, int32_t day)
{
	return instance_live(instance, day) && instance->best_tier != CW_TIER_D;
}

static void hold_from(struct sim *sim, const struct instance *instance, int32_t day)
{
	if (instance->def->state && instance_floor(instance) >= CW_LEVEL_PRIORITY &&
	    (sim->hold_from[instance->criterion] == CW_DAY_NONE || sim->hold_from[instance->criterion] < day))
		sim->hold_from[instance->criterion] = day;
}

static void instance_close(struct sim *sim, struct instance *instance, int32_t day)
{
	if (instance->closed_day != CW_DAY_NONE)
		return;
	if (instance->expires_day != CW_DAY_NONE && instance->expires_day <= day)
		return;
	instance->closed_day = day;
	hold_from(sim, instance, day);
}

/* A full inspection answers whatever stood open from before it. */
static void close_answered(struct sim *sim, bool ilacs, int32_t event_day, int32_t day, const struct instance *but)
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

/* ---- inspections ---- */

/* What an inspection says, over all its voices: the publisher of the fact goes before those who compile it, and among equals
 * that disagree the more adverse counts (domain 3.7). */
struct verdict {
	int severity; /* ILACS: enum cw_grade; SEND: outcome 1..3; 0 = not settled */
	bool derived;
	bool leaders_inadequate;
	const struct voice *voice; /* whose it is */
};

static enum cw_grade voice_grade(const struct voice *voice, int says)
{
	return voice->from[says] ? cw_evidence_grade(&voice->from[says]->evidence, voice_values[says]) : CW_GRADE_NONE;
}

static struct verdict voice_verdict(int strand, const struct voice *voice, int32_t event_day)
{
	struct verdict verdict = { .voice = voice };
	struct cw_str outcome;
	enum cw_grade overall;

	if (strand != STRAND_ILACS) {
		if (voice->from[SAYS_OUTCOME]) {
			outcome = cw_evidence_value(&voice->from[SAYS_OUTCOME]->evidence, CW_VAL_OUTCOME);
			verdict.severity = outcome.at[0] - '0';
		}
		return verdict;
	}
	overall = voice_grade(voice, SAYS_OVERALL);
	verdict.derived = overall == CW_GRADE_NONE || overall == CW_GRADE_NOT_JUDGED;
	verdict.severity =
	    (int)(verdict.derived
	              ? cw_ilacs_derive(voice_grade(voice, SAYS_LEADERS), voice_grade(voice, SAYS_HELP),
	                                voice_grade(voice, SAYS_IN_CARE), voice_grade(voice, SAYS_CARE_LEAVERS),
	                                cw_ilacs_care_leavers_expected(event_day))
	              : overall);
	/* Before 2018 every full inspection had an overall grade: one that was not read is not worked out. */
	if (verdict.derived && voice->fact->evidence.kind == CW_KIND_SIF)
		verdict.severity = CW_GRADE_NONE;
	verdict.leaders_inadequate = voice_grade(voice, SAYS_LEADERS) == CW_GRADE_INADEQUATE ||
	                             voice_grade(voice, SAYS_GOVERNANCE) == CW_GRADE_INADEQUATE;
	return verdict;
}

static void voice_take(int strand, struct voice *voice, const struct cw_fact *fact, int32_t event_day, int32_t day)
{
	bool first = !voice->fact;
	int severity;

	voice->fact = fact;
	for (int says = 0; says < SAYS_COUNT; says++)
		if (cw_evidence_value(&fact->evidence, voice_values[says]).len)
			voice->from[says] = fact;
	severity = voice_verdict(strand, voice, event_day).severity;
	if (first || severity != voice->severity)
		voice->since = day;
	voice->severity = severity;
}

static struct verdict inspection_verdict(int strand, const struct inspection *inspection)
{
	struct verdict worst = { 0 };
	enum cw_tier best = CW_TIER_D;

	/* Who says nothing about the grade does not outrank who does. */
	for (size_t i = 0; i < inspection->n_voices; i++)
		if (voice_verdict(strand, &inspection->voices[i], inspection->event_day).severity)
			best = CW_MIN(best, inspection->voices[i].fact->evidence.tier);
	for (size_t i = 0; i < inspection->n_voices; i++) {
		const struct voice *voice = &inspection->voices[i];
		struct verdict verdict = voice_verdict(strand, voice, inspection->event_day);

		if (voice->fact->evidence.tier > best)
			continue;
		if (!worst.voice || verdict.severity > worst.severity)
			worst = (struct verdict){ verdict.severity, verdict.derived,
				                  worst.leaders_inadequate || verdict.leaders_inadequate, voice };
		else
			worst.leaders_inadequate |= verdict.leaders_inadequate;
	}
	return worst;
}

/* Does this voice take part in a conflict: a source of tier A or B that says what the headline is? */
static int contested_severity(int strand, const struct inspection *inspection, const struct voice *voice)
{
	return voice->fact->evidence.tier <= CW_TIER_B ? voice_verdict(strand, voice, inspection->event_day).severity : 0;
}

/* Do sources of tier A or B differ about the headline of the current inspection? */
static bool strand_conflict(const struct sim *sim, int s)
{
	const struct strand *strand = &sim->strand[s];
	const struct inspection *inspection = strand->n ? &strand->inspections[strand->current] : NULL;
	int said = 0;

	for (size_t i = 0; inspection && i < inspection->n_voices; i++) {
		int severity = contested_severity(s, inspection, &inspection->voices[i]);

		if (severity && said && severity != said)
			return true;
		said = severity ? severity : said;
	}
	return false;
}

/* Is a the later inspection? */
static bool inspection_later(const struct inspection *a, const struct inspection *b)
{
	const struct inspection *undated, *other;
	bool other_older;

	if (a->event_day != CW_DAY_NONE && b->event_day != CW_DAY_NONE)
		return a->event_day != b->event_day ? a->event_day > b->event_day : a->known > b->known;
	if (a->event_day == CW_DAY_NONE && b->event_day == CW_DAY_NONE && a->published_day != b->published_day)
		return a->published_day > b->published_day;
	undated = a->event_day == CW_DAY_NONE ? a : b;
	other = undated == a ? b : a;
	if (other->event_day != CW_DAY_NONE && other->event_day > undated->published_day)
		other_older = false;
	else if (other->event_day != CW_DAY_NONE && other->event_day < undated->published_day - REPORT_DELAY_MAX)
		other_older = true;
	else
		return a->known > b->known;
	return other_older == (undated == a);
}

static int32_t inspection_day(const struct inspection *inspection)
{
	return inspection->event_day != CW_DAY_NONE ? inspection->event_day : inspection->published_day;
}

/* Indexes of the latest inspection and of the latest before it (SIZE_MAX = none). */
static void strand_latest(const struct strand *strand, size_t *ret_current, size_t *ret_previous)
{
	size_t current = SIZE_MAX, previous = SIZE_MAX;

	for (size_t i = 0; i < strand->n; i++)
		if (current == SIZE_MAX || inspection_later(&strand->inspections[i], &strand->inspections[current]))
			current = i;
	for (size_t i = 0; i < strand->n; i++)
		if (i != current &&
		    (previous == SIZE_MAX || inspection_later(&strand->inspections[i], &strand->inspections[previous])))
			previous = i;
	*ret_current = current;
	*ret_previous = previous;
}

/* The same, knowing which one has just joined the others. */
static void strand_joined(struct strand *strand, size_t at)
{
	const struct inspection *all = strand->inspections;

	if (strand->undated || strand->n == 1) {
		strand_latest(strand, &strand->current, &strand->previous);
	} else if (inspection_later(&all[at], &all[strand->current])) {
		strand->previous = strand->current;
		strand->current = at;
	} else if (strand->previous == SIZE_MAX || inspection_later(&all[at], &all[strand->previous])) {
		strand->previous = at;
	}
}

/* The same, knowing that the one at this place has got another date. */
static void strand_moved(struct strand *strand, size_t at, bool forward)
{
	const struct inspection *all = strand->inspections;

	if (strand->undated || (!forward && (at == strand->current || at == strand->previous))) {
		strand_latest(strand, &strand->current, &strand->previous);
	} else if (forward && at == strand->previous && inspection_later(&all[at], &all[strand->current])) {
		strand->previous = strand->current;
		strand->current = at;
	} else if (forward && at != strand->current && at != strand->previous) {
		strand_joined(strand, at);
	}
}

/* The latest statement, and earlier ones whose values still stand. */
static int instance_add_voice(struct instance *instance, const struct voice *voice)
{
	size_t first = instance->n_facts;
	int r = instance_add_fact(instance, voice->fact);

	for (int says = 0; r == 0 && says < SAYS_COUNT; says++) {
		bool there = !voice->from[says];

		for (size_t i = first; i < instance->n_facts && !there; i++)
			there = instance->facts[i] == voice->from[says];
		if (!there)
			r = instance_add_fact(instance, voice->from[says]);
	}
	return r;
}

static bool days_near(const struct sim *sim, int32_t a, int32_t b)
{
	return abs(a - b) <= sim->risk->cluster_days;
}

/* An impulse that a person stated and that the inspections show as well is one event (domain 3.3). The instance of it that is
 * there already: the one a strand has derived, or the one that was stated; NULL when there is none. */
static struct instance *same_event(const struct sim *sim, const struct cw_signal_def *def, enum cw_criterion criterion,
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

/* A full inspection that is known only by a statement, later than the strand's own, answers what that one opened. */
static void answer_strand(struct sim *sim, int s, int32_t event_day, int32_t day)
{
	struct strand *strand = &sim->strand[s];
	struct inspection *current = strand->n ? &strand->inspections[strand->current] : NULL;

	if (!current || current->answered || inspection_day(current) + sim->risk->cluster_days >= event_day)
		return;
	current->answered = true;
	for (size_t i = 0; i < sim->n_active; i++)
		if (sim->instances[sim->active[i]].strand == s && sim->instances[sim->active[i]].def->state)
			instance_close(sim, &sim->instances[sim->active[i]], day);
}

/* Opens, keeps or closes the instance of one signal that a strand makes from its current inspection. */
static int strand_state(struct sim *sim, int s, const char *name, bool wanted, const struct verdict *verdict,
                        int32_t day)
{
	const struct cw_signal_def *def = signal_named(sim, name);
	const struct inspection *inspection = &sim->strand[s].inspections[sim->strand[s].current];
	enum cw_criterion criterion = s == STRAND_ILACS ? CW_CRIT_OFSTED : CW_CRIT_SEND;
	int32_t event_day = inspection_day(inspection), opened_day;
	struct instance *open = NULL;

	if (!def)
		return 0;
	/* A fall ages from the inspection's publication; a finding is known since it was first said. */
	opened_day = def->state ? CW_MAX(inspection->published_day, verdict->voice->since) : inspection->published_day;
	wanted = wanted && !(def->state && inspection->answered);
	for (size_t i = 0; i < sim->n_active; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];
		bool same = instance->inspection == sim->strand[s].current;

		if (instance->strand != s || instance->def != def || instance->closed_day != CW_DAY_NONE)
			continue;
		/* The same finding in a later inspection is a new state, opened with that inspection; an impulse goes on fading. */
		if (wanted && same)
			open = instance;
		else if (def->state || same)
			instance_close(sim, instance, day);
	}
	if (!wanted || (!open && same_event(sim, def, criterion, event_day, opened_day, false)))
		return 0;
	if (!open)
		open = instance_open(sim, def, criterion, event_day, opened_day, s);
	if (!open)
		return -ENOMEM;
	open->inspection = sim->strand[s].current;
	open->event_day = event_day;
	open->derived = verdict->derived;
	instance_forget_facts(open);
	open->undated = inspection->event_day == CW_DAY_NONE;
	/* Who decides comes first. */
	if (instance_add_voice(open, verdict->voice) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < inspection->n_voices; i++)
		if (&inspection->voices[i] != verdict->voice && instance_add_voice(open, &inspection->voices[i]) < 0)
			return -ENOMEM;
	return 0;
}

/* "Fell" needs two settled headlines; a derived "good" may be outstanding, so it is no fall from there. */
static bool verdict_fell(int s, const struct verdict *before, const struct verdict *now)
{
	if (!before->severity || !now->severity || now->severity <= before->severity)
		return false;
	if (s == STRAND_ILACS && (before->severity == CW_GRADE_NOT_JUDGED || now->severity == CW_GRADE_NOT_JUDGED))
		return false;
	return !(s == STRAND_ILACS && now->derived && now->severity == CW_GRADE_GOOD);
}

static int strand_update(struct sim *sim, int s, int32_t day)
{
	struct strand *strand = &sim->strand[s];
	size_t previous = strand->previous;
	const struct inspection *inspection = &strand->inspections[strand->current];
	struct verdict verdict, before = { 0 };
	int r;

	verdict = inspection_verdict(s, inspection);
	if (previous != SIZE_MAX)
		before = inspection_verdict(s, &strand->inspections[previous]);

	if (s == STRAND_ILACS) {
		r = strand_state(sim, s, "ilacs_inadequate", verdict.severity == CW_GRADE_INADEQUATE, &verdict, day);
		if (r == 0)
			r = strand_state(sim, s, "ilacs_ri", verdict.severity == CW_GRADE_REQUIRES_IMPROVEMENT,
			                 &verdict, day);
		if (r == 0)
			r = strand_state(sim, s, "ilacs_leaders_inadequate",
			                 verdict.leaders_inadequate && verdict.severity != CW_GRADE_INADEQUATE,
			                 &verdict, day);
	} else {
		r = strand_state(sim, s, "send_outcome3", verdict.severity == 3, &verdict, day);
		if (r == 0)
			r = strand_state(sim, s, "send_outcome2", verdict.severity == 2, &verdict, day);
	}
	if (r == 0)
		r = strand_state(sim, s, "judgement_fell", verdict_fell(s, &before, &verdict), &verdict, day);
	if (r < 0)
		return r;
	close_answered(sim, s == STRAND_ILACS, inspection_day(inspection), day, NULL);
	if (s == STRAND_ILACS && sim->apa_lapsed != CW_DAY_NONE && inspection->published_day >= sim->apa_lapsed)
		sim->apa_lapsed = CW_DAY_NONE;
	return 0;
}

static int enter_inspection(struct sim *sim, int s, const struct entry *entry)
{
	const struct cw_evidence *e = &entry->fact->evidence;
	struct strand *strand = &sim->strand[s];
	struct inspection *inspection = NULL;
	size_t v;

	for (size_t i = strand->n; i > 0 && !inspection; i--) {
		struct inspection *candidate = &strand->inspections[i - 1];

		if (same_inspection(e->event_day, e->url, e->published_at, candidate->event_day, candidate->url,
		                    candidate->stated, sim->risk->cluster_days))
			inspection = candidate;
		for (size_t j = 0; entry->again && j < candidate->n_voices && !inspection; j++)
			if (candidate->voices[j].fact == entry->fact)
				inspection = candidate;
	}
	if (!inspection) {
		struct inspection *grown = realloc(strand->inspections, (strand->n + 1) * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		strand->inspections = grown;
		inspection = &grown[strand->n++];
		*inspection = (struct inspection){
			.event_day = e->event_day, .published_day = entry->day, .known = entry->known, .url = e->url
		};
		strand->undated |= e->event_day == CW_DAY_NONE;
		strand_joined(strand, strand->n - 1);
	} else if (e->event_day != CW_DAY_NONE && e->event_day != inspection->event_day) {
		bool forward = e->event_day > inspection->event_day;

		inspection->event_day = e->event_day;
		strand_moved(strand, (size_t)(inspection - strand->inspections), forward);
	}
	if (!inspection->url.len)
		inspection->url = e->url;

	/* One voice per feed: its latest word replaces what it said before. */
	for (v = 0; v < inspection->n_voices; v++)
		if (same_text(inspection->voices[v].fact->feed, entry->fact->feed) &&
		    same_text(inspection->voices[v].fact->evidence.publisher, e->publisher))
			break;
	if (v == inspection->n_voices) {
		struct voice *voices = realloc(inspection->voices, (v + 1) * sizeof(*voices));

		if (!voices)
			return -ENOMEM;
		inspection->voices = voices;
		voices[inspection->n_voices++] = (struct voice){ .fact = NULL };
	}
	voice_take(s, &inspection->voices[v], entry->fact, inspection->event_day, entry->day);
	inspection->stated = e->published_at;
	return strand_update(sim, s, entry->day);
}

/* ---- signals stated by evidence ---- */

static void enter_closed(struct sim *sim, const struct cw_signal_def *def, enum cw_criterion criterion,
                         enum cw_tier tier, int32_t day)
{
	struct instance *oldest = NULL;

	/* A statement closes the oldest one still open. One that ran out by itself on this very day is the one meant,
	 * not the next. */
	for (size_t i = 0; i < sim->n_active; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];

		if (instance->def != def || instance->criterion != criterion || instance->closed_day != CW_DAY_NONE ||
		    instance->closed_by_statement ||
		    (instance->expires_day != CW_DAY_NONE && instance->expires_day < day))
			continue;
		/* What the media say cannot close what better sources opened. */
		if (tier > CW_TIER_B && instance->best_tier <= CW_TIER_B)
			continue;
		if (!oldest || instance->opened_day < oldest->opened_day)
			oldest = instance;
	}
	if (!oldest)
		return;
	oldest->closed_by_statement = true;
	if (oldest->strand >= 0)
		sim->strand[oldest->strand].inspections[sim->strand[oldest->strand].current].answered = true;
	instance_close(sim, oldest, day);
}

/* What a piece of evidence says in the model's terms. */
struct statement {
	const struct cw_signal_def *def;
	enum cw_criterion criterion;
	int32_t event_day;
	bool closes;
};

/* The instance that a statement is about, NULL when it is news. */
static struct instance *find_instance(struct sim *sim, const struct statement *statement, int32_t day)
{
	struct instance *found = NULL;

	for (int near = -1; near <= 1; near++) {
		size_t i = *near_bucket(sim, statement->def, statement->criterion, statement->event_day, near);

		for (; i != SIZE_MAX; i = sim->instances[i].next_near) {
			struct instance *candidate = &sim->instances[i];

			if (candidate->def == statement->def && candidate->criterion == statement->criterion &&
			    abs(candidate->event_day - statement->event_day) <= sim->risk->cluster_days &&
			    (candidate->closed_day == CW_DAY_NONE || statement->event_day < candidate->closed_day) &&
			    (!found || candidate > found))
				found = candidate; /* the newest */
		}
	}
	return found ? found : same_event(sim, statement->def, statement->criterion, statement->event_day, day, true);
}

static void close_all(struct sim *sim, const struct cw_signal_def *def, enum cw_criterion criterion, int32_t day)
{
	for (size_t i = 0; i < sim->n_active; i++)
		if (sim->instances[sim->active[i]].def == def && sim->instances[sim->active[i]].criterion == criterion)
			instance_close(sim, &sim->instances[sim->active[i]], day);
}

static int enter_statement(struct sim *sim, const struct entry *entry, const struct statement *statement)
{
	const struct cw_signal_def *def = statement->def;
	bool of_ilacs = def->state && strncmp(def->name, "ilacs_", 6) == 0;
	struct instance *instance;
	int32_t day = entry->day;
	int r;

	if (statement->closes) {
		if (def->state)
			enter_closed(sim, def, statement->criterion, entry->fact->evidence.tier, day);
		/* ILACS states close only through a full inspection: it was judged then. */
		if (of_ilacs)
			sim->judged_by_signal = CW_MAX(sim->judged_by_signal, fact_judged_day(entry->fact));
		return 0;
	}
	instance = find_instance(sim, statement, day);
	if (!instance && def->replaced_by_next)
		close_all(sim, def, statement->criterion, day);
	if (!instance)
		instance = instance_open(sim, def, statement->criterion, statement->event_day, day, -1);
	if (!instance)
		return -ENOMEM;
	r = instance_add_fact(instance, entry->fact);
	if (r < 0)
		return r;
	if (of_ilacs) {
		sim->judged_by_signal = CW_MAX(sim->judged_by_signal, fact_judged_day(entry->fact));
		sim->apa_lapsed = CW_DAY_NONE;
		close_answered(sim, true, statement->event_day, day, instance);
		answer_strand(sim, STRAND_ILACS, statement->event_day, day);
	}
	if (def->state && strncmp(def->name, "send_outcome", 12) == 0) {
		close_answered(sim, false, statement->event_day, day, instance);
		answer_strand(sim, STRAND_SEND, statement->event_day, day);
	}
	return 0;
}

/* The criterion that the evidence names, when the signal allows it. */
static enum cw_criterion criterion_of(const struct cw_evidence *e, const struct cw_signal_def *def)
{
	struct cw_str word = cw_evidence_value(e, CW_VAL_CRITERION);
	enum cw_criterion criterion;

	if (word.len && cw_criterion_parse(word, &criterion) == 0 && (def->criteria & (1u << criterion)))
		return criterion;
	return def->criterion;
}

static int32_t entry_event_day(const struct entry *entry)
{
	return entry->fact->evidence.event_day != CW_DAY_NONE ? entry->fact->evidence.event_day : entry->day;
}

static int enter_signal(struct sim *sim, const struct entry *entry)
{
	const struct cw_evidence *e = &entry->fact->evidence;
	const struct cw_signal_def *def = cw_risk_signal(sim->risk, cw_evidence_value(e, CW_VAL_SIGNAL));
	struct statement statement = { .def = def, .event_day = entry_event_day(entry) };

	/* A row of a risk table that no longer has this signal: kept, not scored. */
	if (!def || entry->again)
		return 0;
	statement.criterion = criterion_of(e, def);
	statement.closes = cw_str_eq(cw_evidence_value(e, CW_VAL_STATUS), "closed");
	return enter_statement(sim, entry, &statement);
}

/* ---- evidence that speaks of other things than grades, made a statement about a signal ---- */

static int state_signal(struct sim *sim, const struct entry *entry, const char *name, bool closes)
{
	struct statement statement = { .def = signal_named(sim, name),
		                       .event_day = entry_event_day(entry),
		                       .closes = closes };

	if (!statement.def)
		return 0;
	statement.criterion = statement.def->criterion;
	return enter_statement(sim, entry, &statement);
}

static bool value_is(const struct entry *entry, enum cw_value_id id, const char *word)
{
	return cw_str_eq(cw_evidence_value(&entry->fact->evidence, id), word);
}

/* Focused, monitoring and joint visits: no grade, but areas for priority action, and how things go on. */
static int enter_visit(struct sim *sim, const struct entry *entry)
{
	struct cw_str actions = cw_evidence_value(&entry->fact->evidence, CW_VAL_PRIORITY_ACTIONS);

	if (actions.len && !cw_str_eq(actions, "0"))
		return state_signal(sim, entry, "apa_open", false);
	if (value_is(entry, CW_VAL_PROGRESS, "slow"))
		return state_signal(sim, entry, "monitoring_slow", false);
	/* A visit that finds good progress has seen what stood open addressed. */
	if (value_is(entry, CW_VAL_PROGRESS, "good") && entry->fact->evidence.kind == CW_KIND_FOCUSED_VISIT)
		return state_signal(sim, entry, "apa_open", true);
	return 0;
}

/* The inspection of 2016-22 may have required a written statement of action; a revisit closed it, or found it wanting. One
 * weakness that is not mended is enough for that. */
static int enter_send_2016(struct sim *sim, const struct entry *entry)
{
	struct cw_str revisit = cw_evidence_value(&entry->fact->evidence, CW_VAL_REVISIT);
	int r = 0;

	if (value_is(entry, CW_VAL_WSOA, "yes") && !revisit.len)
		return state_signal(sim, entry, "wsoa_open", false);
	if (!revisit.len)
		return 0;
	r = state_signal(sim, entry, "wsoa_open", true);
	if (r == 0)
		r = state_signal(sim, entry, "wsoa_revisit_failed", cw_str_eq(revisit, "sufficient"));
	return r;
}

static int period_order(struct cw_str a, struct cw_str b)
{
	int order = memcmp(a.at, b.at, CW_MIN(a.len, b.len));

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Yearly figures: what stands out in the newest release counts until a release in which it does not. */
static int enter_figures(struct sim *sim, const struct entry *entry, enum figures which, const char *signal)
{
	const struct cw_evidence *e = &entry->fact->evidence;
	struct cw_str period = cw_evidence_value(e, CW_VAL_PERIOD);
	struct figures_seen *seen = &sim->figures[which];
	const struct cw_signal_def *def = signal_named(sim, signal);
	struct statement statement = { .def = def, .event_day = entry->day };
	bool out = cw_evidence_value(e, CW_VAL_OUTLIER).len, newer;

	if (!def || (seen->any && period_order(period, seen->period) < 0))
		return 0;
	statement.criterion = def->criterion;
	newer = !seen->any || period_order(period, seen->period) != 0;
	/* Of several rows that one release has for a council the worst counts, whichever comes first. */
	if (!out && !newer && seen->out && seen->known == entry->known)
		return 0;
	if (newer || !out)
		close_all(sim, def, statement.criterion, entry->day);
	*seen = (struct figures_seen){ true, out, period, entry->known };
	return out ? enter_statement(sim, entry, &statement) : 0;
}

/* Who controls a council is known when it changes; lists of later years repeat it. */
static int enter_control(struct sim *sim, const struct entry *entry)
{
	struct cw_str control = cw_evidence_value(&entry->fact->evidence, CW_VAL_CONTROL);
	int32_t day = entry_event_day(entry);
	bool changed = sim->control.at && !same_text(control, sim->control);

	if (sim->control.at && day < sim->control_day)
		return 0;
	sim->control = control;
	sim->control_day = day;
	return changed ? state_signal(sim, entry, "control_change", false) : 0;
}

static int32_t value_day(const struct cw_evidence *e, enum cw_value_id id)
{
	struct cw_str text = cw_evidence_value(e, id);
	int32_t day;

	return text.len && cw_date_parse(text.at, text.len, "%Y-%m-%d", &day) == 0 ? day : CW_DAY_NONE;
}

/* An observation counts in full until it expires (domain 3.2). */
static int enter_note(struct sim *sim, const struct entry *entry)
{
	const struct cw_evidence *e = &entry->fact->evidence;
	const struct cw_signal_def *def = signal_named(sim, "internal_note");
	int32_t expires = value_day(e, CW_VAL_EXPIRES);
	struct instance *instance;

	if (!def || expires == CW_DAY_NONE || expires < entry->day)
		return 0;
	instance = instance_open(sim, def, criterion_of(e, def), entry_event_day(entry), entry->day, -1);
	if (!instance)
		return -ENOMEM;
	instance->steady = true;
	instance->faded_day = INT32_MAX;
	instance->expires_day = expires + 1;
	instance->weight = value_is(entry, CW_VAL_SEVERITY, "high")     ? sim->risk->note_high
	                   : value_is(entry, CW_VAL_SEVERITY, "medium") ? sim->risk->note_medium
	                                                            : def->weight;
	return instance_add_fact(instance, entry->fact);
}

/* The last ruling made is the one that counts. */
static int enter_override(struct sim *sim, const struct entry *entry)
{
	const struct cw_evidence *e = &entry->fact->evidence;
	int32_t expires = value_day(e, CW_VAL_EXPIRES);
	struct cw_str scope = cw_evidence_value(e, CW_VAL_SCOPE);
	enum cw_level level;

	if (expires == CW_DAY_NONE || cw_level_parse(cw_evidence_value(e, CW_VAL_LEVEL), &level) < 0 ||
	    (scope.len && !cw_str_eq(scope, "level")))
		return 0;
	sim->ruling = (struct cw_ruling){ entry->fact, level, expires };
	sim->ruling_day = entry->day;
	return 0;
}

/* ---- evaluating a day ---- */

/* Asked several times a day: worked out once. */
static double impulse_now(const struct sim *sim, struct instance *instance, int32_t day)
{
	double v;

	if (instance->value_day == day)
		return instance->value;
	v = instance->weight * instance_confidence(sim, instance);
	if (!instance->steady)
		v *= exp2(-(double)(day - instance->opened_day) / instance->def->half_life);
	instance->value_day = day;
	instance->value = v < sim->risk->drop_below ? 0 : v;
	return instance->value;
}

static void evaluate(const struct sim *sim, int32_t day, struct totals *ret)
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

			/* Each kind once. */
			if (!counted[s][c] || instance->weight > strongest[s][c])
				t.criterion[c] += instance->weight - (counted[s][c] ? strongest[s][c] : 0);
			strongest[s][c] = counted[s][c] ? CW_MAX(strongest[s][c], instance->weight) : instance->weight;
			counted[s][c] = true;
			others |= instance->weight > 0;
			t.floor = CW_MAX(t.floor, floor);
			t.criterion_floor[c] = CW_MAX(t.criterion_floor[c], floor);
		} else {
			double v = impulse_now(sim, instance, day);

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

static enum cw_level points_line(const struct cw_risk *risk, double points)
{
	return points + EPSILON >= risk->line_priority ? CW_LEVEL_PRIORITY
	       : points + EPSILON >= risk->line_watch  ? CW_LEVEL_WATCH
	                                               : CW_LEVEL_ROUTINE;
}

static double level_line(const struct cw_risk *risk, enum cw_level level)
{
	return level == CW_LEVEL_PRIORITY ? risk->line_priority : level == CW_LEVEL_WATCH ? risk->line_watch : 0;
}

/* Domain 3.4: up at once, down one step after 60 days under 0.8 of the line. */
static void step_points_level(struct sim *sim, const struct totals *totals, int32_t day)
{
	const struct cw_risk *risk = sim->risk;
	double points = totals->points;
	enum cw_level now = points_line(risk, points);

	/* What only our own people say is a reason to look, not to act (domain 3.2). */
	if (totals->notes_alone)
		now = CW_MIN(now, CW_LEVEL_WATCH);

	if (now >= sim->points_level) {
		sim->points_level = now;
		sim->under_since = CW_DAY_NONE;
		return;
	}
	if (points + EPSILON >= risk->step_down_share * level_line(risk, sim->points_level)) {
		sim->under_since = CW_DAY_NONE;
		return;
	}
	if (sim->under_since == CW_DAY_NONE)
		sim->under_since = day;
	if (day - sim->under_since >= risk->step_down_days) {
		sim->points_level--;
		sim->under_since = CW_DAY_NONE;
		if (sim->points_level > now &&
		    points + EPSILON < risk->step_down_share * level_line(risk, sim->points_level))
			sim->under_since = day;
	}
}

/* Instances that ran out on or before this day; closing a floor starts the hold. */
static void expire(struct sim *sim, int32_t day)
{
	for (size_t i = 0; i < sim->n_active; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];

		if (instance->expires_day == CW_DAY_NONE || instance->expires_day > day ||
		    instance->closed_day != CW_DAY_NONE)
			continue;
		instance->closed_day = instance->expires_day;
		hold_from(sim, instance, instance->expires_day);
		if (strcmp(instance->def->name, "apa_open") == 0)
			sim->apa_lapsed = CW_MAX(sim->apa_lapsed, instance->expires_day);
	}
}

static bool hold_active(const struct sim *sim, int criterion, int32_t day)
{
	int32_t from = sim->hold_from[criterion];

	return from != CW_DAY_NONE && day >= from && day < from + sim->risk->hold_days;
}

static int32_t hold_until(const struct sim *sim, int32_t day)
{
	int32_t until = CW_DAY_NONE;

	for (int c = 0; c < CW_CRIT_COUNT; c++)
		if (hold_active(sim, c, day))
			until = CW_MAX(until, sim->hold_from[c] + sim->risk->hold_days - 1);
	return until;
}

struct knowledge {
	enum cw_knowledge overall, ofsted, send;
	int32_t judged_day; /* last full ILACS */
	int32_t stale_day;
	int32_t send_stale_day;
};

/* A later statement that leaves the date out does not make the inspection newer. */
static int32_t inspection_judged_day(const struct inspection *inspection, const struct verdict *verdict)
{
	if (cw_wall_known(verdict->voice->fact->evidence.published_at))
		return cw_wall_day(verdict->voice->fact->evidence.published_at);
	return inspection_day(inspection);
}

static int32_t inheritance_ends(const struct sim *sim)
{
	return cw_day_add_months(sim->vested, sim->risk->inherit_months);
}

static void judge_knowledge(const struct sim *sim, int32_t day, struct knowledge *ret)
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
	k.ofsted = settled ? CW_KNOWN : CW_UNKNOWN;
	if (k.judged_day != CW_DAY_NONE)
		k.stale_day = cw_day_add_months(k.judged_day, sim->risk->stale_ilacs_months);
	if (settled && (day >= k.stale_day || sim->apa_lapsed != CW_DAY_NONE))
		k.ofsted = CW_STALE;
	k.send = CW_UNKNOWN;
	if (!ilacs->n && sim->judged_by_signal == CW_DAY_NONE && sim->judged_before != CW_DAY_NONE && sim->has_inherited &&
	    day < inheritance_ends(sim)) {
		k.judged_day = sim->judged_before;
		k.ofsted = CW_INHERITED;
	}
	if (!send->n && sim->send_before && sim->has_inherited && day < inheritance_ends(sim))
		k.send = CW_INHERITED;
	if (send->n) {
		struct verdict verdict = inspection_verdict(STRAND_SEND, &send->inspections[send->current]);

		k.send_stale_day = cw_day_add_months(inspection_judged_day(&send->inspections[send->current], &verdict),
		                                     sim->risk->stale_send_months);
		k.send = !verdict.severity ? CW_UNKNOWN : day >= k.send_stale_day ? CW_STALE : CW_KNOWN;
	}
	/* Most areas have had no SEND inspection under the present framework: that alone is not ignorance. */
	k.overall = k.ofsted == CW_KNOWN && k.send == CW_STALE ? CW_STALE : k.ofsted;
	*ret = k;
}

static bool ruling_active(const struct sim *sim, int32_t day)
{
	return sim->ruling.fact && day <= sim->ruling.until_day;
}

/* The day on which it is time to say that the ruling will end: never on the day it was made. */
static int32_t ruling_notice_day(const struct sim *sim)
{
	return CW_MAX(sim->ruling.until_day - sim->risk->override_notice_days, sim->ruling_day + 1);
}

/* What the evidence comes to, without a human ruling. */
static enum cw_level model_level(const struct sim *sim, const struct totals *t, int32_t day, bool *ret_held)
{
	enum cw_level level = CW_MAX(sim->points_level, t->floor);

	*ret_held = level < CW_LEVEL_WATCH && hold_until(sim, day) != CW_DAY_NONE;
	return *ret_held ? CW_LEVEL_WATCH : level;
}

/* Domain 3.9: a ruling may raise to any level; it may lower, but not below a formal floor. */
static enum cw_level level_of(const struct sim *sim, const struct totals *t, int32_t day, bool *ret_held)
{
	enum cw_level level = model_level(sim, t, day, ret_held);

	if (!ruling_active(sim, day))
		return level;
	return CW_MAX(sim->ruling.level, CW_MIN(level, t->floor));
}

static void take_view(const struct sim *sim, int32_t day, struct view *ret)
{
	struct totals t;
	struct knowledge k;
	bool held;

	memset(ret, 0, sizeof(*ret));
	if (sim->totals_valid && sim->day == day)
		t = sim->totals;
	else
		evaluate(sim, day, &t);
	judge_knowledge(sim, day, &k);
	ret->level = level_of(sim, &t, day, &held);
	ret->knowledge = k.overall;
	ret->points = t.points;
	for (int s = 0; s < STRAND_COUNT; s++)
		ret->conflict[s] = strand_conflict(sim, s);
	ret->ruling_ends = ruling_active(sim, day) && day >= ruling_notice_day(sim);
	for (size_t i = 0; i < sim->n_active; i++) {
		const struct instance *instance = &sim->instances[sim->active[i]];

		if (instance_live(instance, day) && instance->def->state && instance_floor(instance) > CW_LEVEL_ROUTINE)
			ret->floors[instance->def - sim->risk->signals][instance->criterion] = true;
	}
}

/* ---- time passing ---- */

static bool under_line(const struct sim *sim, int32_t day)
{
	struct totals t;

	evaluate(sim, day, &t);
	return t.points + EPSILON < sim->risk->step_down_share * level_line(sim->risk, sim->points_level);
}

/* The first day up to until on which the points are under the step-down line. Without new evidence they only fall, so it can
 * be searched for by halves. */
static int32_t falls_under(const struct sim *sim, int32_t until)
{
	int32_t above = sim->day, below = until;

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

	CANDIDATE(falls_under(sim, until));
	for (size_t i = 0; i < sim->n_active; i++)
		if (sim->instances[sim->active[i]].closed_day == CW_DAY_NONE)
			CANDIDATE(sim->instances[sim->active[i]].expires_day);
	for (int c = 0; c < CW_CRIT_COUNT; c++)
		if (sim->hold_from[c] != CW_DAY_NONE)
			CANDIDATE(sim->hold_from[c] + sim->risk->hold_days);
	if (sim->under_since != CW_DAY_NONE)
		CANDIDATE(sim->under_since + sim->risk->step_down_days);
	if (sim->ruling.fact) {
		CANDIDATE(ruling_notice_day(sim));
		CANDIDATE(sim->ruling.until_day + 1);
	}
	if (sim->vested != CW_DAY_NONE) {
		CANDIDATE(sim->vested);
		CANDIDATE(inheritance_ends(sim));
	}
	judge_knowledge(sim, day, &k);
	CANDIDATE(k.stale_day);
	CANDIDATE(k.send_stale_day);
#undef CANDIDATE
	return next;
}

/* Drops from the active list what cannot count again: closed on an earlier day, or an impulse that has faded. */
static void retire(struct sim *sim, int32_t day)
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

typedef int step_fn(void *arg, struct sim *sim, const struct view *before, const struct view *after);
static int pass_days(struct sim *sim, int32_t until, step_fn *step, void *arg);

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

static void inherit(struct sim *sim)
{
	sim->has_inherited = true;
	for (size_t p = 0; p < sim->n_predecessors; p++) {
		struct sim *old = sim->predecessors[p];

		if (!old || old->day == CW_DAY_NONE || pass_days(old, sim->vested - 1, NULL, NULL) < 0)
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

static void settle_day(struct sim *sim, int32_t day)
{
	if (sim->day != day)
		retire(sim, day);
	sim->day = day;
	if (sim->vested != CW_DAY_NONE && day >= sim->vested && !sim->has_inherited)
		inherit(sim);
	expire(sim, day);
	evaluate(sim, day, &sim->totals);
	sim->totals_valid = true;
	step_points_level(sim, &sim->totals, day);
}


/* Lets the days pass up to and including a day; step (may be NULL) sees every day that differs. Returns 1 when step
 * asked to stop with a positive value. */
static int pass_days(struct sim *sim, int32_t until, step_fn *step, void *arg)
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
			take_view(sim, sim->day, &before);
		settle_day(sim, next);
		if (step) {
			int r;

			take_view(sim, next, &after);
			r = step(arg, sim, &before, &after);
			if (r != 0)
				return r;
			before = after;
			viewed = true;
		}
	}
	return 0;
}

static int enter_own(struct sim *sim, const struct entry *entry)
{
	int s = strand_of(entry->fact->evidence.kind);

	if (s >= 0)
		return enter_inspection(sim, s, entry);
	if (entry->again && entry->fact->evidence.kind != CW_KIND_WORKFORCE &&
	    entry->fact->evidence.kind != CW_KIND_EHCP_TIMELINESS)
		return 0;
	switch (entry->fact->evidence.kind) {
	case CW_KIND_SIGNAL:
		return enter_signal(sim, entry);
	case CW_KIND_FOCUSED_VISIT:
	case CW_KIND_MONITORING_VISIT:
	case CW_KIND_JTAI:
		return enter_visit(sim, entry);
	case CW_KIND_SEND_2016:
		return enter_send_2016(sim, entry);
	case CW_KIND_AREA_SEND_MONITORING:
		/* Effective action on all that was asked for. */
		return value_is(entry, CW_VAL_PROGRESS, "good") ? state_signal(sim, entry, "send_outcome3", true) : 0;
	case CW_KIND_WORKFORCE:
		return enter_figures(sim, entry, FIGURES_WORKFORCE, "workforce_outlier");
	case CW_KIND_EHCP_TIMELINESS:
		return enter_figures(sim, entry, FIGURES_EHCP, "ehcp_outlier");
	case CW_KIND_POLITICAL_CONTROL:
		return enter_control(sim, entry);
	case CW_KIND_INTERNAL_NOTE:
		return enter_note(sim, entry);
	case CW_KIND_OVERRIDE:
		return enter_override(sim, entry);
	default: /* kept for people to read, not scored */
		return 0;
	}
}

static void sim_init(struct sim *sim, const struct cw_risk *risk);

/* Evidence about a predecessor, in its own time. What became known of it after it had ended is nobody's. */
static int enter_heritage(struct sim *sim, const struct entry *entry)
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
	pass_days(predecessor, entry->day - 1, NULL, NULL);
	r = enter_own(predecessor, entry);
	if (r == 0)
		settle_day(predecessor, entry->day);
	return r;
}

static int enter(struct sim *sim, const struct entry *entry)
{
	sim->totals_valid = false;
	return entry->fact->heritage ? enter_heritage(sim, entry) : enter_own(sim, entry);
}

static void sim_init(struct sim *sim, const struct cw_risk *risk)
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

static void sim_clear(struct sim *sim)
{
	for (size_t i = 0; i < sim->n_predecessors; i++) {
		if (sim->predecessors[i])
			sim_clear(sim->predecessors[i]);
		free(sim->predecessors[i]);
	}
	free(sim->predecessors);
	for (size_t i = 0; i < sim->n_instances; i++)
		free(sim->instances[i].facts);
	free(sim->instances);
	free(sim->active);
	for (int s = 0; s < STRAND_COUNT; s++) {
		for (size_t i = 0; i < sim->strand[s].n; i++)
			free(sim->strand[s].inspections[i].voices);
		free(sim->strand[s].inspections);
	}
	sim_init(sim, sim->risk);
}

/* ---- entries ---- */

static int by_speaking(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	if (x->known != y->known)
		return x->known < y->known ? -1 : 1;
	if (x->fact != y->fact)
		return strcmp(x->fact->id, y->fact->id);
	return (x->again > y->again) - (x->again < y->again);
}

static int by_knowing(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->known != y->known)
		return x->known < y->known ? -1 : 1;
	return by_speaking(a, b);
}

/* Did the same feed say other about the same inspection before fact was known? */
static bool corrects(const struct cw_fact *fact, const struct cw_fact *other, int cluster_days)
{
	if (other == fact || other->heritage != fact->heritage || other->known_at.ms > fact->known_at.ms || other->evidence.kind != fact->evidence.kind)
		return false;
	/* A correction that its publisher dated speaks from that date. */
	if (cw_wall_known(fact->evidence.published_at) && fact_published_day(fact) > fact_published_day(other))
		return false;
	return (other->known_at.ms < fact->known_at.ms || fact_published_day(other) < fact_published_day(fact)) &&
	       same_inspection(other->evidence.event_day, other->evidence.url, other->evidence.published_at,
	                       fact->evidence.event_day, fact->evidence.url, fact->evidence.published_at,
	                       cluster_days) &&
	       same_text(other->feed, fact->feed) && same_text(other->evidence.publisher, fact->evidence.publisher);
}

static int by_event(const void *a, const void *b)
{
	const struct cw_fact *x = *(const struct cw_fact *const *)a, *y = *(const struct cw_fact *const *)b;

	return x->evidence.event_day < y->evidence.event_day ? -1 : x->evidence.event_day > y->evidence.event_day;
}

/*
 * Is sorted[at] a correction? Then it speaks only from when it was known: earlier would be looking ahead. sorted is by day
 * of event, the undated first, so that rivals of a dated one stand within the cluster's days of it or among the undated.
 */
static bool is_correction(const struct cw_fact *const *sorted, size_t n, size_t n_undated, size_t at, int cluster_days)
{
	const struct cw_fact *fact = sorted[at];

	if (at < n_undated) {
		for (size_t i = 0; i < n; i++)
			if (corrects(fact, sorted[i], cluster_days))
				return true;
		return false;
	}
	for (size_t i = at;
	     i > n_undated && fact->evidence.event_day - sorted[i - 1]->evidence.event_day <= cluster_days; i--)
		if (corrects(fact, sorted[i - 1], cluster_days))
			return true;
	for (size_t i = at + 1; i < n && sorted[i]->evidence.event_day - fact->evidence.event_day <= cluster_days; i++)
		if (corrects(fact, sorted[i], cluster_days))
			return true;
	for (size_t i = 0; i < n_undated; i++)
		if (corrects(fact, sorted[i], cluster_days))
			return true;
	return false;
}

/* Groups by address, feed, publisher and stated publication; within a group by when it was known. */
static int by_address(const void *a, const void *b)
{
	const struct cw_fact *x = *(const struct cw_fact *const *)a, *y = *(const struct cw_fact *const *)b;
	const struct cw_str *xs[] = { &x->evidence.url, &x->feed, &x->evidence.publisher };
	const struct cw_str *ys[] = { &y->evidence.url, &y->feed, &y->evidence.publisher };

	if (x->evidence.kind != y->evidence.kind)
		return x->evidence.kind < y->evidence.kind ? -1 : 1;
	for (size_t i = 0; i < CW_ARRAY_LEN(xs); i++) {
		int order;

		if (xs[i]->len != ys[i]->len)
			return xs[i]->len < ys[i]->len ? -1 : 1;
		order = memcmp(xs[i]->at, ys[i]->at, xs[i]->len);
		if (order)
			return order;
	}
	if (x->evidence.published_at.ms != y->evidence.published_at.ms)
		return x->evidence.published_at.ms < y->evidence.published_at.ms ? -1 : 1;
	return x->known_at.ms < y->known_at.ms ? -1 : x->known_at.ms > y->known_at.ms;
}

/* Marks the facts, by their place among all, that put right what was said at the same address before. */
static int mark_readdressed(const struct cw_fact *facts, const struct cw_fact *const *inspections, size_t n,
                            bool *corrected, int cluster_days)
{
	CW_CLEANUP(cw_freep) const struct cw_fact **sorted = calloc(n + 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, inspections, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_address);
	for (size_t i = 1; i < n; i++)
		if (corrects(sorted[i], sorted[i - 1], cluster_days))
			corrected[sorted[i] - facts] = true;
	return 0;
}

/* Who controls a council is public from the day of it, whenever the list of it was made. */
static int32_t speaking_day(const struct cw_fact *fact)
{
	if (fact->evidence.kind == CW_KIND_POLITICAL_CONTROL && !cw_wall_known(fact->evidence.published_at) &&
	    fact->evidence.event_day != CW_DAY_NONE)
		return fact->evidence.event_day;
	return fact_published_day(fact);
}

static void add_entries(struct entry *entries, size_t *n, const struct cw_fact *fact, int32_t day)
{
	entries[(*n)++] = (struct entry){ fact, day, fact->known_at.ms, false };
	for (size_t j = 0; j < fact->n_again; j++)
		entries[(*n)++] = (struct entry){ fact, cw_wall_day(fact->again[j]), fact->again[j].ms, true };
}

static int list_entries(const struct cw_risk *risk, const struct cw_fact *facts, size_t n_facts, struct entry **ret,
                        size_t *ret_n)
{
	CW_CLEANUP(cw_freep) const struct cw_fact **inspections = calloc(n_facts + 1, sizeof(*inspections));
	CW_CLEANUP(cw_freep) bool *corrected = calloc(n_facts + 1, sizeof(*corrected));
	struct entry *entries;
	size_t n = 0, n_inspections = 0, n_undated = 0;

	for (size_t i = 0; i < n_facts; i++)
		n += 1 + facts[i].n_again;
	entries = calloc(n + 1, sizeof(*entries));
	if (!entries || !inspections || !corrected) {
		free(entries);
		return -ENOMEM;
	}
	n = 0;
	for (size_t i = 0; i < n_facts; i++) {
		/* Unattributed: kept, never scored, and it closes nothing either. */
		if (facts[i].evidence.tier == CW_TIER_D || facts[i].evidence.tier == CW_TIER_NONE)
			continue;
		if (strand_of(facts[i].evidence.kind) >= 0) {
			inspections[n_inspections++] = &facts[i];
			n_undated += facts[i].evidence.event_day == CW_DAY_NONE;
		} else {
			add_entries(entries, &n, &facts[i], speaking_day(&facts[i]));
		}
	}
	if (mark_readdressed(facts, inspections, n_inspections, corrected, risk->cluster_days) < 0) {
		free(entries);
		return -ENOMEM;
	}
	qsort(inspections, n_inspections, sizeof(*inspections), by_event);
	for (size_t i = 0; i < n_inspections; i++) {
		int32_t day = fact_published_day(inspections[i]);

		if (corrected[inspections[i] - facts] ||
		    is_correction(inspections, n_inspections, n_undated, i, risk->cluster_days))
			day = CW_MAX(day, cw_wall_day(inspections[i]->known_at));
		add_entries(entries, &n, inspections[i], day);
	}
	*ret = entries;
	*ret_n = n;
	return 0;
}

/* Folds entries (sorted by speaking) that speak by a day, and lets the days pass up to it. */
static int fold(struct sim *sim, const struct entry *entries, size_t n, int32_t until)
{
	for (size_t i = 0; i < n && entries[i].day <= until; i++) {
		int r;

		pass_days(sim, entries[i].day - 1, NULL, NULL);
		r = enter(sim, &entries[i]);
		if (r < 0)
			return r;
		/* What became known at one moment counts together; what came later the same day is a step of its own, as it was
		 * when it was told. */
		if (i + 1 == n || entries[i + 1].day != entries[i].day || entries[i + 1].known != entries[i].known)
			settle_day(sim, entries[i].day);
	}
	pass_days(sim, until, NULL, NULL);
	return sim->out_of_memory ? -ENOMEM : 0;
}

/* ---- the result ---- */

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

		if (!instance_counts(instance, day))
			continue;
		v = instance->def->state ? instance->weight : impulse_now(sim, instance, day);
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
		                      .opened_day = instance->opened_day,
		                      .age_days = day - instance->opened_day,
		                      .derived = instance->derived,
		                      .closes_day = instance->expires_day,
		                      .weight = instance->weight,
		                      .steady = instance->steady,
		                      .inherited = instance->inherited };
	if (instance->def->state) {
		c->points = leads ? instance->weight : 0;
		c->floor = instance_floor(instance);
	} else {
		double mine = impulse_now(sim, instance, day);

		if (mine <= 0)
			return 0;
		c->confidence = instance_confidence(sim, instance);
		c->points = leads ? mine : sim->risk->repeat_share * mine;
	}
	c->facts = calloc(instance->n_facts, sizeof(*c->facts));
	if (!c->facts)
		return -ENOMEM;
	memcpy(c->facts, instance->facts, instance->n_facts * sizeof(*c->facts));
	c->n_facts = instance->n_facts;
	assessment->n_contributors++;
	return 0;
}

void cw_assessment_clear(struct cw_assessment *assessment)
{
	for (size_t i = 0; i < assessment->n_contributors; i++)
		free(assessment->contributors[i].facts);
	for (size_t i = 0; i < assessment->n_conflicts; i++)
		free(assessment->conflicts[i].facts);
	assessment->n_conflicts = 0;
	free(assessment->contributors);
	assessment->contributors = NULL;
	assessment->n_contributors = 0;
}

static int add_conflict(const struct sim *sim, int s, struct cw_assessment *assessment)
{
	const struct inspection *inspection = &sim->strand[s].inspections[sim->strand[s].current];
	const struct voice *heard = inspection_verdict(s, inspection).voice;
	struct cw_conflict *conflict = &assessment->conflicts[assessment->n_conflicts];

	*conflict = (struct cw_conflict){ .kind = s == STRAND_ILACS ? CW_KIND_ILACS : CW_KIND_AREA_SEND,
		                          .event_day = inspection->event_day };
	conflict->facts = calloc(inspection->n_voices, sizeof(*conflict->facts));
	if (!conflict->facts)
		return -ENOMEM;
	assessment->n_conflicts++;
	conflict->facts[conflict->n_facts++] = heard->fact;
	for (size_t i = 0; i < inspection->n_voices; i++)
		if (&inspection->voices[i] != heard && contested_severity(s, inspection, &inspection->voices[i]))
			conflict->facts[conflict->n_facts++] = inspection->voices[i].fact;
	return 0;
}

static int build(const struct sim *sim, int32_t day, struct cw_assessment *ret)
{
	struct cw_assessment a = { .as_of = day, .points_level = sim->points_level, .step_down_day = CW_DAY_NONE };
	struct leaders leaders;
	struct totals t;
	struct knowledge k;

	evaluate(sim, day, &t);
	judge_knowledge(sim, day, &k);
	a.model_level = model_level(sim, &t, day, &a.held);
	a.level = level_of(sim, &t, day, &a.held);
	if (ruling_active(sim, day))
		a.ruling = sim->ruling;
	a.floor_level = t.floor;
	a.hold_until = hold_until(sim, day);
	if (sim->under_since != CW_DAY_NONE)
		a.step_down_day = sim->under_since + sim->risk->step_down_days;
	a.points = t.points;
	a.breadth = t.breadth;
	a.knowledge = k.overall;
	a.last_judged_day = k.judged_day;
	a.stale_day = k.stale_day;
	a.next_day = CW_DAY_NONE;
	for (int c = 0; c < CW_CRIT_COUNT; c++) {
		struct cw_criterion_state *state = &a.criteria[c];

		state->points = t.capped[c];
		state->uncapped = t.criterion[c];
		state->knowledge = c == CW_CRIT_OFSTED ? k.ofsted : c == CW_CRIT_SEND ? k.send : CW_UNKNOWN;
		state->level = CW_MAX(points_line(sim->risk, t.capped[c]), t.criterion_floor[c]);
		if (state->level < CW_LEVEL_WATCH && hold_active(sim, c, day))
			state->level = CW_LEVEL_WATCH;
	}
	/* Where nothing was ever received, silence is not knowledge. */
	for (size_t i = 0; i < sim->n_instances; i++)
		if (sim->instances[i].criterion != CW_CRIT_OFSTED && sim->instances[i].criterion != CW_CRIT_SEND)
			a.criteria[sim->instances[i].criterion].knowledge = CW_KNOWN;
	a.contributors = calloc(sim->n_active ? sim->n_active : 1, sizeof(*a.contributors));
	if (!a.contributors)
		return -ENOMEM;
	for (int s = 0; s < STRAND_COUNT; s++) {
		if (strand_conflict(sim, s) && add_conflict(sim, s, &a) < 0) {
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

static int stop_at_change(void *arg, struct sim *sim, const struct view *before, const struct view *after)
{
	int32_t *day = arg;

	if (before->level == after->level && before->knowledge == after->knowledge &&
	    before->ruling_ends >= after->ruling_ends &&
	    memcmp(before->floors, after->floors, sizeof(before->floors)) == 0)
		return 0;
	*day = sim->day;
	return 1;
}

/* The next day on which level, knowledge or floors change through time alone. Leaves sim spent. */
static int32_t find_next_day(struct sim *sim)
{
	int32_t day = CW_DAY_NONE;

	if (sim->day != CW_DAY_NONE)
		(void)pass_days(sim, sim->day + HORIZON_DAYS, stop_at_change, &day);
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

	if (list_entries(risk, facts, n_facts, &entries, &n) < 0)
		return cw_error_nomem(err);
	qsort(entries, n, sizeof(*entries), by_speaking);
	sim_init(&sim, risk);
	r = fold(&sim, entries, n, as_of);
	if (r == 0)
		r = build(&sim, as_of, &assessment);
	if (r == 0) {
		assessment.next_day = find_next_day(&sim);
		*ret = assessment;
	}
	sim_clear(&sim);
	return r < 0 ? cw_error_nomem(err) : 0;
}

/* ---- changes ---- */

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
	struct told *told;
	size_t n_told;
};

/* The opened instance that explains a rise best: highest floor, then most points. */
static const struct instance *newest_cause(const struct sim *sim, const struct teller *teller,
                                           const struct view *before, bool floors_only)
{
	const struct instance *best = NULL;
	double best_points = -1;

	for (size_t i = 0; i < sim->n_active; i++) {
		struct instance *instance = &sim->instances[sim->active[i]];
		bool floor = instance->def->state && instance_floor(instance) > CW_LEVEL_ROUTINE;
		bool opened = floor ? !before->floors[instance->def - sim->risk->signals][instance->criterion]
		                    : cw_wall_known(teller->at) && instance->latest_known == teller->at.ms;
		double points = instance->def->state ? instance->weight : impulse_now(sim, instance, sim->day);

		if (!opened || !instance_live(instance, sim->day) || (floors_only && !floor))
			continue;
		if (!best || instance_floor(instance) > instance_floor(best) ||
		    (instance_floor(instance) == instance_floor(best) && points > best_points)) {
			best = instance;
			best_points = points;
		}
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
	struct cw_change change = { .kind = kind,
		                    .previous_level = before->level,
		                    .previous_knowledge = before->knowledge };
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
	r = build(sim, sim->day, &change.after);
	if (r < 0)
		return r;
	change.lead = find_contributor(&change.after, why);
	r = teller->emit(teller->arg, &change);
	cw_change_clear(&change);
	return r;
}

/* One moment gives at most one alert about the level, the weightiest, and one each about knowledge, a conflict and a ruling
 * that ends. */
static int compare_views(void *arg, struct sim *sim, const struct view *before, const struct view *after)
{
	struct teller *teller = arg;
	bool same_floors = memcmp(before->floors, after->floors, sizeof(before->floors)) == 0;
	const struct instance *opened, *closed;
	char cause[80], day[CW_WALL_TEXT];
	int r = 0;

	if (same_floors && before->level == after->level && before->knowledge == after->knowledge &&
	    !memcmp(before->conflict, after->conflict, sizeof(before->conflict)) && before->ruling_ends >= after->ruling_ends &&
	    (!cw_wall_known(teller->at) || after->points + EPSILON < before->points + sim->risk->new_evidence_points))
		return 0;
	opened = same_floors ? NULL : newest_cause(sim, teller, before, true);
	closed = same_floors ? NULL : closed_cause(sim, before, after);
	if (after->level != before->level && cw_wall_known(teller->at) && sim->ruling.fact &&
	    sim->ruling.fact->known_at.ms == teller->at.ms) {
		snprintf(cause, sizeof(cause), "override/%.16s", sim->ruling.fact->id);
		r = tell(teller, sim, after->level > before->level ? CW_ALERT_LEVEL_UP : CW_ALERT_LEVEL_DOWN, NULL,
		         cause, before);
	} else if (after->level > before->level) {
		const struct instance *why = opened ? opened : newest_cause(sim, teller, before, false);

		if (why)
			name_instance(why, cause, sizeof(cause));
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
	if (r >= 0 && !before->ruling_ends && after->ruling_ends) {
		snprintf(cause, sizeof(cause), "expiring/%.16s", sim->ruling.fact->id);
		r = tell(teller, sim, CW_ALERT_OVERRIDE_EXPIRING, NULL, cause, before);
	}
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

	if (list_entries(risk, facts, n_facts, &entries, &n) < 0)
		return cw_error_nomem(err);
	known = calloc(n ? n : 1, sizeof(*known));
	if (!known)
		return cw_error_nomem(err);
	qsort(entries, n, sizeof(*entries), by_knowing);
	sim_init(&sim, risk);

	while (r == 0 && i < n && entries[i].known <= until.ms) {
		struct view before = { .knowledge = CW_UNKNOWN }, after;
		int64_t moment = entries[i].known;
		int32_t day = cw_wall_day((struct cw_wall){ moment });
		size_t from = n_known;
		bool late = false;

		teller.at = cw_wall_none();
		/* Up to the day before: what enters on a day counts before that day's own step-downs. */
		r = pass_days(&sim, day - 1, compare_views, &teller);
		if (r < 0)
			break;
		teller.news_day = entries[i].day;
		for (; i < n && entries[i].known == moment; i++) {
			teller.news_day = CW_MAX(teller.news_day, entries[i].day);
			late |= sim.day != CW_DAY_NONE && entries[i].day < day;
			known[n_known++] = entries[i];
		}
		if (sim.day != CW_DAY_NONE) {
			struct totals today;

			take_view(&sim, sim.day, &before);
			/* What fades overnight must not hide what the evidence adds. */
			evaluate(&sim, day, &today);
			before.points = today.points;
		}
		if (late || sim.day == CW_DAY_NONE) {
			/* What became known now had been public for a while: the past is told anew, silently. */
			sim_clear(&sim);
			qsort(known, n_known, sizeof(*known), by_speaking);
			r = fold(&sim, known, n_known, day);
		} else {
			for (size_t j = from; r == 0 && j < n_known; j++)
				r = enter(&sim, &known[j]);
			if (r == 0)
				settle_day(&sim, day);
		}
		if (r < 0)
			break;
		take_view(&sim, day, &after);
		teller.at = (struct cw_wall){ moment };
		r = compare_views(&teller, &sim, &before, &after);
	}
	if (r == 0 && sim.day != CW_DAY_NONE) {
		teller.at = cw_wall_none();
		r = pass_days(&sim, cw_wall_day(until), compare_views, &teller);
	}
	if (r >= 0 && sim.out_of_memory)
		r = -ENOMEM;
	if (r == 0 && ret_last) {
		struct cw_assessment last;

		r = build(&sim, cw_wall_day(until), &last);
		if (r == 0) {
			last.next_day = find_next_day(&sim);
			*ret_last = last;
		}
	}
	sim_clear(&sim);
	free(teller.told);
	return r == -ENOMEM ? cw_error_nomem(err) : r < 0 ? r : 0;
}
