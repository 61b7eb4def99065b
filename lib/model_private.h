/*
 * model_private.h: what the files of the model share. model.c says how they fit together.
 *
 * Functions that may run out of memory return -ENOMEM. Facts are borrowed from the caller of the model throughout.
 */
#ifndef COUNCILWATCH_MODEL_PRIVATE_H
#define COUNCILWATCH_MODEL_PRIVATE_H

#include <stdlib.h>
#include <string.h>

#include <councilwatch/model.h>

#define EPSILON 1e-9
#define NEAR_BUCKETS 1024
/* Within so many days of a visit a report is that of the visit: nobody is inspected again before it is out. */
#define REPORT_DELAY 250

struct entry {
	const struct cw_fact *fact;
	int32_t day;   /* when it begins to speak */
	int64_t known; /* ms; orders entries of a day */
	bool again;    /* a correction taken back */
	bool closes;   /* states that something has ended */
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
	const struct cw_fact *first; /* that counts; NULL = none does */
	bool corroborated;           /* a second publisher says so too, in words of its own */
	int64_t latest_known;    /* ms, of its facts */
	int32_t faded_day;       /* impulses: the first day on which it is nothing */
	int32_t value_day;       /* the day of value; CW_DAY_NONE = to be worked out */
	double value;
	int32_t rejected_until; /* a person rejects it; CW_DAY_NONE = nobody does */
	size_t rejected, handled; /* the rulings that say so; SIZE_MAX = none */
	size_t next_near; /* chain of instances whose events fell near each other; SIZE_MAX ends */
};

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
	size_t ruling;         /* on who is right about it; SIZE_MAX = none */
	struct cw_str believed; /* who is, while that is in force; at NULL = nobody is said to be */
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

/* What an inspection says, over all its voices: the publisher of the fact goes before those who compile it, and among equals
 * that disagree the more adverse counts (domain 3.7). */
struct verdict {
	int severity; /* ILACS: enum cw_grade; SEND: outcome 1..3; 0 = not settled */
	bool derived;
	bool leaders_inadequate;
	const struct voice *voice; /* whose it is */
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
	int32_t day;   /* from which it speaks: the first that had this period */
	int64_t known; /* when what stood out became known */
};

/* What a person has ruled, in the order in which it was ruled. */
struct ruling {
	struct cw_ruling says; /* state is worked out for a day when it is asked for */
	struct cw_event_name event;
	int64_t known; /* of its entry */
	int64_t made;  /* ms, and the day */
	int32_t made_day;
	bool replaced;   /* by a later one about the same */
	size_t instance; /* that it is about, SIZE_MAX = none that stands */
	int strand;      /* or the inspection: -1 = none */
	size_t inspection;
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
	bool heard[CW_CRIT_COUNT]; /* anything ever opened under it */
	struct cw_str control; /* political control as last stated; at NULL = never */
	int32_t control_day;
	struct ruling *rulings;
	size_t n_rulings, cap_rulings;
	bool rulings_moved; /* what they are about has to be looked for anew */
	/* Reorganisation: what the predecessors stood at, until it is inherited on the day this council begins. */
	struct sim **predecessors;
	size_t n_predecessors;
	int32_t vested; /* CW_DAY_NONE = took over from nobody that anything is known of */
	bool has_inherited;
	int32_t judged_before; /* a predecessor's last full inspection; CW_DAY_NONE = none */
	bool send_before;      /* one of them had an area SEND inspection */
	bool out_of_memory;
};

/* Rulings of one council whose end is told at one time. */
#define ENDING_MAX 8

/* What is compared to see a change. floors: bit per signal of the risk table and criterion, folded. */
struct view {
	enum cw_level level;
	enum cw_knowledge knowledge, criterion[CW_CRIT_COUNT];
	double points;
	bool conflict[STRAND_COUNT];
	size_t rulings; /* in force */
	const struct cw_fact *ending[ENDING_MAX]; /* of these, which end soon */
	bool floors[CW_SIGNALS_MAX][CW_CRIT_COUNT];
};

struct knowledge {
	enum cw_knowledge overall, criterion[CW_CRIT_COUNT];
	int32_t judged_day; /* last full ILACS */
	int32_t stale_day;
	int32_t send_stale_day;
	int32_t figures_stale_day[FIGURES_COUNT]; /* CW_DAY_NONE = none were ever received */
};

/* What a piece of evidence says in the model's terms. */
struct statement {
	const struct cw_signal_def *def;
	enum cw_criterion criterion;
	int32_t event_day;
	bool closes;
};

/* ---- model.c: the fold ---- */
void sim_init(struct sim *sim, const struct cw_risk *risk);
void sim_clear(struct sim *sim);
/* One entry; own: not a predecessor's. The day is settled by the caller. */
int sim_enter(struct sim *sim, const struct entry *entry);
int sim_enter_own(struct sim *sim, const struct entry *entry);
/* What a day brings once all its evidence is in. */
void sim_settle(struct sim *sim, int32_t day);
typedef int step_fn(void *arg, struct sim *sim, const struct view *before, const struct view *after);
/* Lets the days pass up to and including a day; step (may be NULL) sees every day that differs. Returns 1 when step
 * asked to stop with a positive value. */
int sim_pass_days(struct sim *sim, int32_t until, step_fn *step, void *arg);
/* Entries as entry_by_speaking orders them; those that speak by a day. */
int sim_fold(struct sim *sim, const struct entry *entries, size_t n, int32_t until);
/* What the evidence would come to had nobody ruled; *ret stays where no event was ruled on, and that is known. */
int sim_unruled_level(const struct sim *sim, const struct entry *entries, size_t n, int32_t day, enum cw_level *ret);
/* The next day on which level, knowledge or floors change through time alone. Leaves sim spent. */
int32_t sim_next_day(struct sim *sim);

/* ---- model_entry.c ---- */
/* For qsort: by the day on which they speak; by the moment at which they became known. */
int entry_by_speaking(const void *a, const void *b);
int entry_by_knowing(const void *a, const void *b);
/* By one of these, and what is there twice once. */
void entries_sort(struct entry *entries, size_t *n, int (*compare)(const void *, const void *));
/* An owned array. */
int entries_list(const struct cw_risk *risk, const struct cw_fact *facts, size_t n_facts, struct entry **ret,
                 size_t *ret_n);

/* ---- model_instance.c ---- */
/* NULL: the risk table has no such signal. */
const struct cw_signal_def *sim_signal(const struct sim *sim, const char *name);
/* strand: -1 = stated by evidence. NULL: out of memory. May move every instance. */
struct instance *instance_open(struct sim *sim, const struct cw_signal_def *def, enum cw_criterion criterion,
                               int32_t event_day, int32_t opened_day, int strand);
int instance_add_fact(struct instance *instance, const struct cw_fact *fact);
void instance_forget_facts(struct instance *instance);
double instance_confidence(const struct sim *sim, const struct instance *instance);
void instance_close(struct sim *sim, struct instance *instance, int32_t day);
/* A full inspection of that day, published on day, answers what stood open from before it, but one. */
void instances_answer(struct sim *sim, bool ilacs, int32_t event_day, int32_t day, const struct instance *but);
/* The same event known the other way: derived from inspections, or stated. NULL: there is none. */
struct instance *instance_same(const struct sim *sim, const struct cw_signal_def *def, enum cw_criterion criterion,
                               int32_t event_day, int32_t opened_day, bool derived);
/* The one that a statement is about; NULL: it is news. */
struct instance *instance_find(struct sim *sim, const struct statement *statement, int32_t day);
/* Closes what runs out by a day; drops what cannot count again. */
void instances_expire(struct sim *sim, int32_t day);
void instances_retire(struct sim *sim, int32_t day);

/* ---- model_strand.c ---- */
int strand_enter(struct sim *sim, int s, const struct entry *entry);
/* A full inspection known only by a statement answers what an earlier one of the strand opened. */
void strand_answer(struct sim *sim, int s, int32_t event_day, int32_t day);
/* Opens and closes what the current inspection says, as heard now. */
int strand_findings(struct sim *sim, int s, int32_t day);
/* Do two statements speak of the same inspection? */
bool inspection_same(int32_t day_a, struct cw_str url_a, struct cw_wall stated_a, int32_t day_b, struct cw_str url_b,
                     struct cw_wall stated_b, int cluster_days);
struct verdict inspection_verdict(int strand, const struct inspection *inspection);
/* The verdict of a voice that may take part in a conflict, else 0; do such voices differ about the current inspection? */
int voice_contested(int strand, const struct inspection *inspection, const struct voice *voice);
bool strand_conflict(const struct sim *sim, int s);
/* Does a person say who is right about it? */
bool strand_settled(const struct sim *sim, int s);

/* ---- model_signal.c ---- */
int signal_enter(struct sim *sim, const struct entry *entry);

/* ---- model_ruling.c ---- */
int ruling_enter(struct sim *sim, const struct entry *entry);
/* CW_DAY_NONE: absent or no day. */
int32_t fact_value_day(const struct cw_evidence *e, enum cw_value_id id);
/* Makes the rulings bear on what stands on a day. Out of memory: sim->out_of_memory. */
void rulings_settle(struct sim *sim, int32_t day);
/* Before evidence of a day enters: those that have ended end. */
void rulings_pass(struct sim *sim, int32_t day);
bool ruling_active(const struct sim *sim, size_t ruling, int32_t day);
/* With its state on a day; of SIZE_MAX, or of one that is not in force then: fact NULL. */
struct cw_ruling ruling_in_force(const struct sim *sim, size_t ruling, int32_t day);
/* The one on the level that is in force; SIZE_MAX = none. */
size_t ruling_on_level(const struct sim *sim, int32_t day);
/* The one that began at a moment, or that ended with the day before; fact NULL = none. */
struct cw_ruling ruling_behind(const struct sim *sim, struct cw_wall at, int32_t day);
/* Was any event ruled on? */
bool rulings_on_events(const struct sim *sim);
/* What this fact rules. */
struct cw_ruling ruling_of(const struct sim *sim, const struct cw_fact *fact, int32_t day);
/* All, the latest first; owned. */
int rulings_list(const struct sim *sim, int32_t day, struct cw_ruling **ret, size_t *ret_n);
/* The next day after one on which a ruling begins to end, or has ended, or what it is about has faded; CW_DAY_NONE. */
int32_t rulings_next_day(const struct sim *sim, int32_t day);
void rulings_view(const struct sim *sim, int32_t day, struct view *view);
/* With the rulings in force; sim_model_level: without that on the level. */
enum cw_level sim_level(const struct sim *sim, const struct totals *t, int32_t day, bool *ret_held);

/* ---- model_score.c ---- */
double instance_value(const struct sim *sim, struct instance *instance, int32_t day);
void sim_evaluate(const struct sim *sim, int32_t day, struct totals *ret);
enum cw_level risk_points_line(const struct cw_risk *risk, double points);
/* Up at once, down by steps (domain 3.4). */
void sim_step_level(struct sim *sim, const struct totals *totals, int32_t day);
bool sim_hold_active(const struct sim *sim, int criterion, int32_t day);
/* The last day; CW_DAY_NONE = no hold. */
int32_t sim_hold_until(const struct sim *sim, int32_t day);
void sim_knowledge(const struct sim *sim, int32_t day, struct knowledge *ret);
enum cw_level sim_model_level(const struct sim *sim, const struct totals *t, int32_t day, bool *ret_held);
void sim_view(const struct sim *sim, int32_t day, struct view *ret);
/* The first day up to until on which the points are under the step-down line; CW_DAY_NONE. */
int32_t sim_falls_under(const struct sim *sim, int32_t until);

/* ---- model_heritage.c ---- */
/* On its first day a council gets what stood open; evidence about a predecessor enters in its own time. */
void heritage_take(struct sim *sim);
int heritage_enter(struct sim *sim, const struct entry *entry);

/* ---- model_result.c ---- */
int sim_assess(const struct sim *sim, int32_t day, struct cw_assessment *ret);

/* ---- small helpers ---- */

/* Full inspections of one subject follow each other whatever the framework of their day was. */
static inline int strand_of(enum cw_kind kind)
{
	return kind == CW_KIND_ILACS || kind == CW_KIND_SIF ? STRAND_ILACS
	       : kind == CW_KIND_AREA_SEND                  ? STRAND_SEND
	                                                    : -1;
}

static inline bool same_text(struct cw_str a, struct cw_str b)
{
	return a.len == b.len && (!a.len || memcmp(a.at, b.at, a.len) == 0);
}

/* A floor needs a source better than the media. */
static inline enum cw_level instance_floor(const struct instance *instance)
{
	return instance->best_tier <= CW_TIER_B ? instance->floor : CW_LEVEL_ROUTINE;
}

static inline bool instance_live(const struct instance *instance, int32_t day)
{
	return instance->opened_day <= day && (instance->closed_day == CW_DAY_NONE || instance->closed_day > day) &&
	       (instance->expires_day == CW_DAY_NONE || instance->expires_day > day);
}

/* A person rejects it: a floor stays, points do not count. */
static inline bool instance_rejected(const struct instance *instance, int32_t day)
{
	return instance->rejected_until != CW_DAY_NONE && instance->rejected_until >= day;
}

static inline bool instance_counts(const struct instance *instance, int32_t day)
{
	return instance_live(instance, day) && instance->best_tier != CW_TIER_D;
}

/* CW_DAY_NONE never: who does not date it is taken at publication. */
static inline int32_t inspection_day(const struct inspection *inspection)
{
	return inspection->event_day != CW_DAY_NONE ? inspection->event_day : inspection->published_day;
}

static inline int32_t inheritance_ends(const struct sim *sim)
{
	return cw_day_add_months(sim->vested, sim->risk->inherit_months);
}

/* Points of an impulse on a day. Asked several times a day: worked out once. */
static inline double instance_now(const struct sim *sim, struct instance *instance, int32_t day)
{
	return instance->value_day == day ? instance->value : instance_value(sim, instance, day);
}

#endif
