/*
 * model.h: state = f(evidence, configuration, as-of). The risk model of domain section 3 as a pure function.
 *
 * Nothing here reads a clock, a file or a database. Evidence comes in any order and may repeat; the result
 * depends only on the set. Times count in UTC days: what was published on a day counts on that day.
 */
#ifndef COUNCILWATCH_MODEL_H
#define COUNCILWATCH_MODEL_H

#include <councilwatch/base.h>
#include <councilwatch/clock.h>
#include <councilwatch/council.h>
#include <councilwatch/error.h>
#include <councilwatch/event_name.h>
#include <councilwatch/evidence.h>
#include <councilwatch/risk.h>

/* Stored evidence: the statement, with everything filled in, and where it came from. */
struct cw_fact {
	struct cw_evidence evidence; /* fetched_at, publisher and tier set; published_at may be NONE */
	struct cw_wall known_at;     /* when this system could know it (first document that had it) */
	char id[33];                 /* stable: hash of feed, key and content, 32 hex digits */
	unsigned heritage;       /* 0: about the council itself; else about its predecessor of that number (domain 3.8) */
	int32_t vested;          /* then: the first day of the council that inherits */
	struct cw_str feed;
	char document[CW_SHA256_HEX];/* of the first document that had it */
	char parser[24];             /* the version that read that document; "" = not known, or no document */
	struct cw_str submitted_by;  /* who handed that document in; empty = it was fetched. While the store tells of it, not in a history */
	uint64_t rowno;              /* in the store, from 1 */
	/* Later moments at which the same publisher went back to this statement after having said another about the
	 * same event (a correction taken back). Ascending. */
	size_t n_again;
	const struct cw_wall *again;
};

/*
 * What a person has ruled (domain 3.9). LEVEL: what the level is. FLOOR: a formal finding is being dealt with; level and floor
 * stay. EVENT: an event is rejected, and its points do not count; or, with a source, which of those that differ about an
 * inspection is right. Of several on the same subject the one made last counts, also when it has expired.
 */
enum cw_ruling_scope { CW_RULING_LEVEL, CW_RULING_EVENT, CW_RULING_FLOOR };
/* IDLE: what it is about does not stand, or stands no more. */
enum cw_ruling_state { CW_RULING_IN_FORCE, CW_RULING_IDLE, CW_RULING_REPLACED, CW_RULING_EXPIRED };
struct cw_ruling {
	const struct cw_fact *fact; /* kind override; NULL = none */
	enum cw_ruling_scope scope;
	enum cw_ruling_state state;
	enum cw_level level;        /* scope LEVEL */
	struct cw_str event;        /* the others: what it is about (event_name.h) */
	struct cw_str source;       /* who is right; empty: the event is rejected */
	int32_t until_day;          /* the last day on which it counts */
};
const char *cw_ruling_state_name(enum cw_ruling_state state); /* "in_force" */
const char *cw_ruling_scope_name(enum cw_ruling_scope scope); /* "level" */

struct cw_contributor {
	const struct cw_signal_def *signal;
	enum cw_criterion criterion;
	double points;           /* now, before caps: value x share */
	double value;            /* now, by itself */
	double share;            /* of it that counts: of several impulses of a kind all but one are repeats, of several states none */
	double confidence;       /* impulses; 1 for states */
	int32_t event_day;       /* with signal and criterion its name, see cw_contributor_event */
	int32_t opened_day;      /* published */
	int age_days;
	enum cw_level floor;     /* what it holds now */
	double weight;           /* of the signal; of a note, by its severity */
	bool steady;             /* an impulse that does not fade until closes_day */
	bool derived;            /* rests on a derived headline */
	bool inherited;          /* from a predecessor */
	int32_t closes_day;      /* when it ends by itself; CW_DAY_NONE = not by time alone */
	struct cw_ruling rejected; /* by a person: points is 0; fact NULL = not */
	struct cw_ruling handled;  /* the floor is being dealt with; fact NULL = nobody says so */
	size_t n_facts;
	const struct cw_fact **facts; /* owned array of borrowed facts; at least one */
};
/* What a person types to say that it is meant (event_name.h). Returns buf. */
const char *cw_contributor_event(const struct cw_contributor *contributor, char buf[CW_EVENT_NAME_TEXT]);

struct cw_criterion_state {
	enum cw_level level;
	double points;           /* capped */
	double uncapped;
	enum cw_knowledge knowledge;
};

/* Sources of tier A or B that differ about the headline of the current inspection (domain 3.7). */
struct cw_conflict {
	enum cw_kind kind;           /* ilacs or area_send, whatever the framework of the day was */
	int32_t event_day;           /* of the inspection; CW_DAY_NONE = not stated */
	int32_t day;                 /* the same, or when it was published: its name */
	struct cw_ruling settled;    /* who is right, says a person; fact NULL = open */
	size_t n_facts;
	const struct cw_fact **facts; /* owned array of borrowed facts: one per source, who is heard first */
};
#define CW_CONFLICTS_MAX 2
const char *cw_conflict_event(const struct cw_conflict *conflict, char buf[CW_EVENT_NAME_TEXT]);

/* The newest yearly figures of a kind that were received (domain 3.5). */
struct cw_figures_known {
	enum cw_kind kind;     /* workforce (intel), ehcp_timeliness (send) */
	struct cw_str period;  /* of the newest: "2024" */
	int32_t published_day; /* CW_DAY_NONE = none were ever received */
	int32_t stale_day;     /* from which they are too old */
};
#define CW_FIGURES_KINDS 2

struct cw_assessment {
	int32_t as_of;
	enum cw_level level;
	enum cw_level summed_level;  /* before a ruling on it: the highest of points, floors and hold */
	enum cw_level model_level;   /* what it would be had nobody ruled on the level or an event */
	struct cw_ruling ruling;     /* on the level, in force */
	size_t n_rulings;
	struct cw_ruling *rulings;   /* owned; all that had been made, the latest first */
	enum cw_level points_level;  /* after the 60-day step-down rule */
	enum cw_level floor_level;
	bool held;                   /* watch only because of the hold */
	int32_t hold_until;          /* last day; CW_DAY_NONE = no hold */
	int32_t step_down_day;       /* when the points level falls if nothing changes; CW_DAY_NONE */
	double points;
	bool breadth;                /* the breadth points are in it */
	bool notes_alone;            /* nothing but internal notes has points: they reach watch at most */
	enum cw_knowledge knowledge;
	int32_t last_judged_day;     /* last full ILACS; CW_DAY_NONE = never */
	int32_t stale_day;           /* when that becomes stale */
	int32_t inspected_day;       /* of the last full ILACS itself; CW_DAY_NONE = never, or not stated */
	enum cw_grade headline;      /* of it; CW_GRADE_NONE = none, or not settled */
	bool headline_derived;
	struct cw_criterion_state criteria[CW_CRIT_COUNT];
	struct cw_figures_known figures[CW_FIGURES_KINDS];
	size_t n_conflicts;
	struct cw_conflict conflicts[CW_CONFLICTS_MAX];
	size_t n_contributors;
	struct cw_contributor *contributors; /* owned; most points first */
	int32_t next_day;            /* the next day on which anything changes through time alone; CW_DAY_NONE */
};
void cw_assessment_clear(struct cw_assessment *assessment);

/* As things stood on a day, from what had been published by then. Facts are borrowed by the result. */
int cw_model_assess(const struct cw_risk *risk, const struct cw_fact *facts, size_t n_facts, int32_t as_of,
                    struct cw_assessment *ret, struct cw_error *err);

/*
 * For those who look back. The day from which each fact speaks, as the model takes it: the day of publication, or the first on
 * which it was there to see; a correction, from when it was known. CW_DAY_NONE: never (tier D). ret_days has room for n_facts.
 */
int cw_model_speaking(const struct cw_risk *risk, const struct cw_fact *facts, size_t n_facts, int32_t *ret_days,
                      struct cw_error *err);

/* A full inspection, put together from all that was said of it. */
struct cw_inspection {
	int32_t event_day;     /* as dated: the first day of the visit; CW_DAY_NONE = nobody says */
	int32_t published_day; /* or the first on which it was seen */
	int severity;          /* enum cw_grade, or the outcome of an area SEND inspection; 0 = no headline */
	bool derived;          /* the headline is worked out */
};
/* A council's own full inspections of a kind (ILACS, with the frameworks before it, or AREA_SEND) that had been published by a
 * day, in order of publication, as they are known on that day. *ret is owned. */
int cw_model_inspections(const struct cw_risk *risk, const struct cw_fact *facts, size_t n_facts, int32_t as_of, enum cw_kind kind,
                         struct cw_inspection **ret, size_t *ret_n, struct cw_error *err);

/* The level of that day, since when it has been that, and what it was before: routine, when nothing was known. */
struct cw_since {
	enum cw_level level, previous;
	int32_t day; /* CW_DAY_NONE = it never was another */
};
int cw_model_since(const struct cw_risk *risk, const struct cw_fact *facts, size_t n_facts, int32_t as_of,
                   struct cw_since *ret, struct cw_error *err);

/* Does the model make anything of evidence of this kind? The rest is kept for people to read. */
bool cw_model_uses(enum cw_kind kind);

enum cw_alert_kind {
	CW_ALERT_LEVEL_UP = 1,
	CW_ALERT_FLOOR_OPENED,
	CW_ALERT_FLOOR_CLOSED,
	CW_ALERT_LEVEL_DOWN,
	CW_ALERT_NEW_EVIDENCE,
	CW_ALERT_KNOWLEDGE_LOST,
	CW_ALERT_SOURCE_OUTAGE,
	CW_ALERT_CONFLICT,
	CW_ALERT_IDENTITY_UNRESOLVED,
	CW_ALERT_OVERRIDE_EXPIRING,
	CW_ALERT_KIND_COUNT
};
const char *cw_alert_kind_name(enum cw_alert_kind kind);
const char *const *cw_alert_kind_names(void); /* ends with NULL */

/* One change somebody should hear of. A cause that begins with CW_CAUSE_MODEL: what it is worked out with changed, not the evidence. */
#define CW_CAUSE_MODEL "model/"
struct sim;
struct cw_change {
	enum cw_alert_kind kind;
	struct cw_wall at;
	enum cw_level previous_level;
	enum cw_knowledge previous_knowledge;
	size_t lead;                  /* the contributor that is the news; SIZE_MAX = none of them (something closed, or time) */
	struct cw_ruling ruling;      /* whose coming or end brought it, or that is about to end; fact NULL = none */
	int32_t news_day;             /* the newest publication among the evidence that brought it; CW_DAY_NONE = time did */
	char cause[96];               /* identifies the same change in another run over the same evidence */
	struct cw_assessment after;
	const struct sim *sim;        /* private, for cw_outlook_of_change: within the call of cw_change_fn */
};
void cw_change_clear(struct cw_change *change);

/*
 * Every change of one council from its first evidence until a moment, in order: evidence enters when it became
 * known (known_at), time passes day by day in between. changes go to emit as they are found; a negative return stops.
 * *ret_next_day: the next day on which something will change by time alone.
 */
typedef int cw_change_fn(void *arg, const struct cw_change *change);
int cw_model_changes(const struct cw_risk *risk, const struct cw_fact *facts, size_t n_facts, struct cw_wall until,
                     cw_change_fn *emit, void *arg, struct cw_assessment *ret_last, struct cw_error *err);

#endif
