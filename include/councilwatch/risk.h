/*
 * risk.h: the constants of the risk model (domain section 3), read from risk.conf, and its signals.
 *
 * Every row of the tables in domain 3.2 is one struct cw_signal_def. The defaults are built in;
 * risk.conf overrides them.
 */
#ifndef COUNCILWATCH_RISK_H
#define COUNCILWATCH_RISK_H

#include <councilwatch/base.h>
#include <councilwatch/error.h>
#include <councilwatch/evidence.h>
#include <councilwatch/text.h>

enum cw_level { CW_LEVEL_ROUTINE, CW_LEVEL_WATCH, CW_LEVEL_PRIORITY, CW_LEVEL_INTENSIVE, CW_LEVEL_COUNT };
enum cw_knowledge { CW_KNOWN, CW_STALE, CW_UNKNOWN, CW_INHERITED };
enum cw_criterion { CW_CRIT_OFSTED, CW_CRIT_SEND, CW_CRIT_INTEL, CW_CRIT_LEADERSHIP, CW_CRIT_SPECIFIC, CW_CRIT_COUNT };

const char *cw_level_name(enum cw_level level);
int cw_level_parse(struct cw_str text, enum cw_level *ret);
const char *cw_knowledge_name(enum cw_knowledge knowledge);
const char *cw_criterion_name(enum cw_criterion criterion);
int cw_criterion_parse(struct cw_str text, enum cw_criterion *ret);

struct cw_signal_def {
	const char *name;         /* "ilacs_inadequate" */
	bool state;               /* open until closed; else an impulse that decays */
	unsigned criteria;        /* bit per enum cw_criterion it may count under */
	enum cw_criterion criterion; /* the one it counts under unless the evidence names another allowed one */
	double weight;
	enum cw_level floor;      /* CW_LEVEL_ROUTINE = none */
	double half_life;         /* days; impulses only */
	int expires_months;       /* a state closes by itself after this; 0 = never */
	bool ends_with_year;      /* a state ends with the financial year it is for, on 31 March */
	bool replaced_by_next;    /* an impulse that the next one of its kind replaces: yearly data */
	bool closed_by_ilacs;     /* the next full ILACS inspection closes it */
	bool closed_by_area_send; /* the next full area SEND report closes it */
};
#define CW_SIGNALS_MAX 64

/* What a level asks of those who offer support, in working days (domain 3.1); 0 = nothing. */
struct cw_response {
	int read;    /* an adviser reads it */
	int contact; /* the council is spoken to */
	int offer;   /* support is offered */
};

/* How long it was from one full inspection to the next, in days: a tenth were sooner than p10, half than p50, nine tenths than
 * p90, of so many. Context, never scored. */
struct cw_interval {
	int p10, p50, p90;
	int count; /* 0: nothing is known */
};

struct cw_risk {
	size_t n_signals;
	struct cw_signal_def signals[CW_SIGNALS_MAX]; /* names owned by the configuration or static */
	double cap[CW_CRIT_COUNT];       /* 80 60 25 30 35 in the order of enum cw_criterion */
	double breadth_points;           /* 10 */
	int breadth_criteria;            /* 3 */
	double breadth_minimum;          /* 10 */
	double line_watch;               /* 25 */
	double line_priority;            /* 50 */
	double note_medium;              /* 15: weight of an internal note of that severity; low is the signal's own */
	double note_high;                /* 30 */
	double drop_below;               /* 0.5: an impulse smaller than this is nothing */
	double repeat_share;             /* 0.25 */
	double confidence[5];            /* by enum cw_tier: 0 1.0 0.8 0.5 0.0 */
	double corroboration;            /* 0.2 */
	int cluster_days;                /* 14 */
	double step_down_share;          /* 0.8 */
	int step_down_days;              /* 60 */
	int hold_days;                   /* 365 */
	double new_evidence_points;      /* 10 */
	int stale_ilacs_months;          /* 42 */
	int stale_send_months;           /* 66 */
	int stale_yearly_months;         /* 18: figures that come every year */
	double outage_cadences;          /* 3 */
	int same_cause_days;             /* 30 */
	double inherit_share;            /* 0.5: of a predecessor's points that its successors begin with */
	double inherit_minor;            /* 0.25: from those who gave less of the successor's children nothing is inherited */
	int inherit_months;              /* 36: and for how long at most */
	int transition_months;           /* 12: a reorganisation begins to count so long before it */
	struct cw_response response[CW_LEVEL_COUNT];
	struct cw_interval interval[CW_GRADE_COUNT]; /* by the headline of the earlier one */
	int inspection_cycle_months;     /* 36: how often the inspectorate says it comes */
	int publication_lag_days;        /* 46: from a visit to its report, where only the report has a date */
	int override_notice_days;        /* 14: so long before a ruling expires it is told */
};

void cw_risk_defaults(struct cw_risk *risk);
const struct cw_signal_def *cw_risk_signal(const struct cw_risk *risk, struct cw_str name);

#endif
