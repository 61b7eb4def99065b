/*
 * kpi.h: key performance indicators of the support as configuration (kpi.conf). kpi_result.h works them out.
 *
 * A KPI has a population (its denominator): triggers, councils at a level or with an open signal, signals, inspections, offers or
 * those who received them; and a test (its numerator) that each member passes or not. docs/kpi.md has the vocabulary.
 *
 * Rules that hold for all (domain section 5): a clock starts when the alert was raised, not when the event was; it counts working
 * days; a council counts once in a window; the population is that of the window's end as it was known then, so that evidence that
 * comes later does not move it. Everything is a pure function of the two databases, the configuration and the as-of day.
 */
#ifndef COUNCILWATCH_KPI_H
#define COUNCILWATCH_KPI_H

#include <councilwatch/clock.h>
#include <councilwatch/config.h>
#include <councilwatch/ledger.h>
#include <councilwatch/risk.h>

/* ---- what is asked: from the configuration ---- */

/* Which alerts about a council at a level want the response that cw_risk.response has for it. */
struct cw_kpi_trigger {
	struct cw_strings alert_words;
	unsigned alerts; /* a bit per enum cw_alert_kind: those that start the clock */
};

enum cw_kpi_measure { CW_KPI_SHARE, CW_KPI_COUNT, CW_KPI_SUM, CW_KPI_MEAN, CW_KPI_MEDIAN };
enum cw_kpi_window { CW_KPI_MONTH, CW_KPI_QUARTER, CW_KPI_YEAR }; /* of a financial year, from April */
enum cw_kpi_value { CW_KPI_DAYS, CW_KPI_RATING };
enum cw_kpi_of { CW_OF_TRIGGERS, CW_OF_COUNCILS, CW_OF_SIGNALS, CW_OF_INSPECTIONS, CW_OF_OFFERS, CW_OF_RECIPIENTS };
enum cw_kpi_test_kind {
	CW_TEST_ANY,     /* every member passes */
	CW_TEST_READ,
	CW_TEST_CONTACT,
	CW_TEST_OFFER,
	CW_TEST_SUPPORT, /* accepted or delivered */
	CW_TEST_PLAN,
	CW_TEST_REASON,
	CW_TEST_KEPT,    /* the judgement was kept or improved */
};

/* Masks: a bit per value, 0 = any. */
struct cw_kpi_population {
	enum cw_kpi_of of;
	struct cw_strings alert_words, level_words, status_words, tier_words, recipient_words;
	unsigned alerts, levels, statuses, tiers, recipients;
	struct cw_strings signals;
	struct cw_strings products;
	int inspection; /* 0: full ILACS inspections and those before them; 1: area SEND */
};

#define CW_WITHIN_NONE (-1)
#define CW_WITHIN_RESPONSE (-2)
struct cw_kpi_test {
	enum cw_kpi_test_kind test;
	char *within_text;
	int within; /* working days, or one of the above */
	struct cw_strings tier_words;
	unsigned tiers;
	struct cw_strings products, roles;
	unsigned different_tiers; /* at least so many; 1 */
};

struct cw_kpi {
	char *id;
	char *file; /* where it stands */
	unsigned line;
	char *title, *owner, *caution;
	enum cw_kpi_measure measure;
	enum cw_kpi_window window;
	enum cw_kpi_value value; /* of sums and means */
	int strand;              /* enum cw_strand; -1 = any */
	char *target_text, *valid_from_text, *valid_to_text;
	bool has_target;
	double target;
	int fewer;               /* 1: the target is the most, not the least */
	int32_t valid_from, valid_to; /* CW_DAY_NONE = open */
	bool has_numerator;
	struct cw_kpi_population denominator;
	struct cw_kpi_test numerator;
};
#define CW_KPIS_MAX 64u

struct cw_kpis {
	struct cw_kpi_trigger triggers[CW_LEVEL_COUNT];
	size_t n;
	struct cw_kpi *at;
};
const struct cw_kpi *cw_kpi_find(const struct cw_kpis *kpis, const char *id); /* NULL */
extern const char *const cw_kpi_measure_words[];
extern const char *const cw_kpi_window_words[];

/* ---- periods ---- */

struct cw_period {
	int32_t from, to; /* first and last day */
};
/* "2025-26" (April to March), "2025Q3" (July to September), "2025-07", "2025", "2025-04-01..2025-06-30". 0, or -EINVAL with text. */
int cw_period_parse(const char *text, struct cw_period *ret, struct cw_error *err);
/* The window of this length that a day is in: a month, a quarter, a financial year. */
struct cw_period cw_period_of(enum cw_kpi_window window, int32_t day);
/* "2025-26", "2025Q3", "2025-07" or both days. Returns buf. */
#define CW_PERIOD_TEXT 32
const char *cw_period_format(struct cw_period period, char buf[CW_PERIOD_TEXT]);

#endif
