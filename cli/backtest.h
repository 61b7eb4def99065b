/*
 * backtest.h: would the levels have told? The stored history, month by month, against what inspections found afterwards.
 *
 * Three steps: gather (what could be known on each first day of a month, and what came of it), measure (hits, false alarms, lead
 * times, alerts, for the model and for lists of the same length made without it), tell (text, JSON, CSV). docs/backtest.md says
 * what each number means.
 *
 * What could be known on a day is what speaks by then (model.h): it is published, or, where its publisher does not say when, it
 * was there to see. What came of it is read with all that is known by the last day.
 */
#ifndef CW_CLI_BACKTEST_H
#define CW_CLI_BACKTEST_H

#include <jansson.h>

#include <councilwatch/model.h>
#include <councilwatch/store.h>

#include "command.h"

/* What is to be foretold. */
enum bt_label { BT_INADEQUATE, BT_FALL, BT_SEND, BT_INTERVENTION, BT_LABEL_COUNT };
const char *bt_label_name(enum bt_label label);

/* Who makes the list. */
enum bt_method {
	BT_MODEL,   /* the highest level, then the most points */
	BT_GRADE,   /* B0: the last full inspection was "requires improvement" or worse */
	BT_WAITING, /* B1: the longest time since the last full inspection */
	BT_RANDOM,  /* B2: anybody, by lot; its numbers are expectations */
	BT_METHOD_COUNT
};
/* How long the lists of a month are: as many as the model flags, or as many as the grade does. */
enum bt_volume { BT_AS_MODEL, BT_AS_GRADE, BT_VOLUME_COUNT };

/* The day on which an event ought to have been on the list: the last first of a month before it. */
enum bt_deadline { BT_VISIT, BT_PUBLICATION, BT_DAYS_90, BT_DAYS_180, BT_DAYS_365, BT_DEADLINE_COUNT };
const char *bt_deadline_name(enum bt_deadline deadline);

/* From this day on, at this level. */
struct bt_span {
	int32_t from;
	enum cw_level level;
};

/* What could be known of a council on the first day of a month. */
struct bt_month {
	bool exists;
	bool adverse;    /* requires improvement or worse, inherited included */
	bool intervened; /* under a notice or direction of the Department for Education */
	enum cw_level level;
	enum cw_knowledge knowledge;
	double points;
	int32_t judged_day; /* CW_DAY_NONE = never, as far as known */
};

enum { BT_ILACS, BT_AREA_SEND, BT_STRANDS };

struct bt_council {
	const struct cw_council *council;
	/* In hindsight, in order of publication. */
	size_t n_inspections[BT_STRANDS];
	struct cw_inspection *inspections[BT_STRANDS]; /* owned */
	/* In its own time. */
	size_t n_spans, cap_spans;
	struct bt_span *spans; /* owned; ascending */
	size_t n_openings, cap_openings;
	int32_t *openings;     /* owned; notices and directions, by day, ascending */
	struct bt_month *months; /* owned; one for each of the grid */
};

/* An alert as it would have been told to somebody who read everything on the day on which it began to speak. */
struct bt_alert {
	struct cw_wall at;
	enum cw_alert_kind kind;
	const struct cw_council *council;
	const char *signal; /* that is the news; NULL: something closed, or time */
	bool by_time;
	bool digest;        /* part of a national release, or a level that fell */
};

struct backtest {
	struct cw_cli *cli;
	struct cw_store *store;
	const char *without;  /* a feed or publisher that is left out; NULL = none */
	bool without_matched; /* there was something of it */
	int32_t from, to;     /* first day of the grid, last day of what is known */
	int window_months;
	size_t n_months;
	int32_t *grid;        /* owned */
	size_t n_councils;
	struct bt_council *councils; /* owned; by index of the table */
	size_t n_alerts, cap_alerts;
	struct bt_alert *alerts; /* owned; in order of time */
};

/* Reads everything. from, to and window_months are set, or CW_DAY_NONE for the span that the history allows. 0, or -errno with
 * text in err (-ENODATA: there is no history to test on); clear it in any case. */
int bt_gather(struct backtest *bt, struct cw_error *err);
void bt_clear(struct backtest *bt);
/* The level on a day, and since when it has been at least that one. */
enum cw_level bt_level_on(const struct bt_council *council, int32_t day);
int32_t bt_since(const struct bt_council *council, int32_t day, enum cw_level level);
/* The grid's last day that is before this one; SIZE_MAX = none. */
size_t bt_month_before(const struct backtest *bt, int32_t day);

/* ---- what came of it ---- */

/* Of a council in a month. The pool are those who can be on a list: POSITIVE, NEGATIVE and UNLABELLED. */
enum bt_outcome {
	BT_ABSENT,     /* no such council then */
	BT_ALREADY,    /* it is already so and cannot become so */
	BT_UNKNOWN,    /* nothing says how it stands, so nobody can say what would be new */
	BT_UNLABELLED, /* nobody looked within the window, or it reaches beyond what is known */
	BT_NEGATIVE,
	BT_POSITIVE
};
static inline bool bt_in_pool(enum bt_outcome outcome) { return outcome >= BT_UNLABELLED; }

/* Something that was to be foretold, or the like of which turned out well. */
struct bt_event {
	const struct bt_council *council;
	int32_t visit;     /* CW_DAY_NONE = not stated */
	int32_t published;
	int before, after; /* grade or outcome; 0 = none */
	int32_t before_published;
	bool positive;
};

struct bt_labels {
	enum bt_label label;
	bool untold; /* no statement of this kind was ever received: silence is no negative */
	enum bt_outcome *outcomes; /* owned; month * n_councils + council */
	size_t n_events, cap_events;
	struct bt_event *events;   /* owned; by day of publication */
	/* Inspections that are not among them. */
	size_t without_headline, already, unknown;
};
int bt_label_history(const struct backtest *bt, enum bt_label label, struct bt_labels *ret);
void bt_labels_clear(struct bt_labels *labels);

/* ---- numbers ---- */

/* Expectations where ties are broken by lot; whole numbers otherwise. */
struct bt_tally {
	double flagged;                 /* on a list */
	double hits, false_alarms;      /* of these positive, negative; the rest of them are unlabelled */
	double positives, negatives;    /* on a list or not */
	double pool;
};

/* What one list came to at one deadline. */
struct bt_result {
	struct bt_tally months;                     /* council and month */
	struct bt_tally events[BT_DEADLINE_COUNT];  /* inspections */
};

struct bt_lead {
	size_t n, of;               /* positives that were flagged to the last; positives */
	int32_t median, least, most;
	size_t n_visit;             /* of those with a day of visit */
	int32_t median_visit;       /* days before it; negative: during or after */
};

/* One group of councils: all, a region, a type. */
struct bt_group {
	const char *name;
	struct bt_result results[BT_VOLUME_COUNT][BT_METHOD_COUNT];
	size_t councils;
};

struct bt_measure {
	enum bt_label label;
	enum cw_level level;      /* flagged: at least this */
	struct bt_group all;
	size_t n_groups;
	struct bt_group *groups;  /* owned */
	double mean_list;         /* councils on the model's list, a month */
	struct bt_lead lead, lead_grade;
	double chance[BT_DEADLINE_COUNT]; /* that lists of the same length made by lot find as many of the events */
	/* Positive events at the deadline of the visit: on whose list. */
	double both, model_only, grade_only, neither;
	/* Before the visit, inspections whose last grade was good or better, and those of "requires improvement": what is there
	 * beyond the grade? */
	struct bt_tally same_grade[2];
	double *weights[BT_VOLUME_COUNT][BT_METHOD_COUNT]; /* owned; month * n_councils + council: on the list, 0 to 1 */
};
/* by: NULL, "region" or "type". */
int bt_measure(const struct backtest *bt, const struct bt_labels *labels, enum cw_level level, const char *by,
               struct bt_measure *ret);
void bt_measure_clear(struct bt_measure *measure);

/* ---- alerts and levels over time ---- */

struct bt_week {
	int32_t monday;
	unsigned rises, rises_digest; /* level_up: told at once; in a digest */
	unsigned all, all_digest;
};
struct bt_year {
	int year;
	double weeks;
	unsigned rises, rises_digest, all, all_digest;
	struct bt_week most;      /* the week with most rises told at once */
	double share_top, share_top_most; /* councils at priority or intensive, a month */
};
#define BT_YEARS_MAX 64
#define BT_PEAKS 5
struct bt_volume_report {
	double weeks;
	unsigned rises, rises_digest, all, all_digest;
	unsigned weeks_over;      /* with more rises told at once than VOLUME_RISES */
	size_t n_weeks;
	struct bt_week *by_week;  /* owned */
	size_t n_years;
	struct bt_year years[BT_YEARS_MAX];
	size_t n_peaks;
	struct bt_week peaks[BT_PEAKS];
	/* Councils and months. */
	unsigned levels[CW_LEVEL_COUNT], knowledge[4], months;
	double share_top_most;
	int32_t share_top_day;
};
#define BT_VOLUME_RISES 5 /* a week, nationally (domain section 1) */
int bt_volume(const struct backtest *bt, struct bt_volume_report *ret);
void bt_volume_clear(struct bt_volume_report *report);

/* What leaving a source out changes. */
struct bt_stability {
	unsigned months, changed;     /* councils and months that both have; at another level */
	unsigned up, down;
	unsigned councils_changed;
	unsigned last_changed;        /* on the last day of the grid */
	unsigned moves[CW_LEVEL_COUNT][CW_LEVEL_COUNT]; /* from with it to without */
};
void bt_compare(const struct backtest *with, const struct backtest *without, struct bt_stability *ret);

/* ---- telling ---- */

int bt_print_header(const struct backtest *bt, const struct bt_volume_report *volume);
int bt_print_labels(const struct backtest *bt, const struct bt_labels *labels);
int bt_print_measure(const struct backtest *bt, const struct bt_measure *measure);
int bt_print_events(const struct backtest *bt, const struct bt_labels *labels);
int bt_print_volume(const struct backtest *bt, const struct bt_volume_report *volume);
int bt_print_stability(const struct backtest *bt, const struct bt_stability *stability);
void bt_print_csv_head(void);
int bt_print_csv(const struct backtest *bt, const struct bt_labels *labels);

/* New references, NULL when out of memory. */
json_t *bt_json_head(const struct backtest *bt);
json_t *bt_json_label(const struct backtest *bt, const struct bt_labels *labels);
json_t *bt_json_measure(const struct backtest *bt, const struct bt_measure *measure);
json_t *bt_json_volume(const struct bt_volume_report *volume);
json_t *bt_json_stability(const struct bt_stability *stability);

#endif
