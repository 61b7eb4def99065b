/*
 * kpi_result.h: KPIs worked out (kpi.h), and who waits for an answer to an alert.
 */
#ifndef COUNCILWATCH_KPI_RESULT_H
#define COUNCILWATCH_KPI_RESULT_H

#include <councilwatch/council.h>
#include <councilwatch/kpi.h>
#include <councilwatch/store.h>

/* ---- triggers and what was done about them ---- */

struct cw_trigger {
	uint64_t seq;
	char id[33 + 31];
	enum cw_alert_kind kind;
	enum cw_level level;
	enum cw_strand strand; /* send when what brought it counts under send, else csc */
	int32_t day;           /* on which the alert was raised */
	const struct cw_council *council;
};

struct cw_kpi_run; /* both databases as of a day */
/* store and ledger may be NULL: nothing is in them. known_by: of rows of the ledger; NONE = all. They are borrowed until it is freed;
 * the store must have a read begun. */
int cw_kpi_run_new(const struct cw_config *config, struct cw_store *store, struct cw_ledger *ledger, int32_t as_of,
                   struct cw_wall known_by, struct cw_kpi_run **ret, struct cw_error *err);
void cw_kpi_run_free(struct cw_kpi_run *run);
/* Rows of the ledger that were left out, because they became known after known_by. */
size_t cw_kpi_run_left_out(const struct cw_kpi_run *run);

/* What a trigger waits for: read, contact, offer. */
struct cw_answer {
	enum cw_kpi_test_kind what;
	int allowed;   /* working days */
	int32_t due;   /* the last day in time */
	int32_t done;  /* CW_DAY_NONE = not yet */
	int days_late; /* working days after due until it was done, or until the as-of day; 0 = not late */
};
struct cw_waiting {
	struct cw_trigger trigger;
	size_t n;
	struct cw_answer at[3]; /* only what is not done and late */
	int days_late;          /* the most of them */
};
/* Who is late as of the day, the latest first: triggers since a day (CW_DAY_NONE: any) whose council has not left that level, the first
 * of each council, strand and level, unless a later one went higher. all: every one that is not answered. *ret is owned. */
int cw_kpi_late(struct cw_kpi_run *run, int32_t since, bool all, struct cw_waiting **ret, size_t *ret_n, struct cw_error *err);

/* ---- results ---- */

enum cw_kpi_standing { CW_MEMBER_IN, CW_MEMBER_OUT, CW_MEMBER_PENDING }; /* pending: not yet, and the time allowed is not over */

struct cw_kpi_member {
	const struct cw_council *council;  /* NULL: an organisation */
	char who[CW_OFFER_TEXT_MAX + 1];   /* council_id or organisation_id */
	char offer_id[CW_OFFER_ID_MAX + 1]; /* of what counts for it; "" = none */
	char what[96];                     /* why it is a member: "level_up to intensive", "send_outcome3" */
	char alert_id[64];                 /* of a trigger */
	int32_t since;                     /* the day its clock started, or since when it is so; CW_DAY_NONE */
	int32_t due, done;                 /* CW_DAY_NONE = no such */
	int days;                          /* working days from since to done; -1 */
	double value;                      /* of sums and means; NAN = not recorded */
	enum cw_kpi_standing standing;
};

struct cw_kpi_group { /* of triggers, by kind */
	char name[48];
	size_t in, of, pending;
};
#define CW_KPI_GROUPS_MAX 16

struct cw_kpi_result {
	const struct cw_kpi *kpi;
	struct cw_period period;
	bool closed;             /* the period had ended by the as-of day */
	double numerator;
	double denominator;      /* NAN for a count or a sum */
	double value;            /* per cent, number, sum, mean or median; NAN when there is nothing to tell it from */
	size_t pending;
	int met;                 /* 1, 0, or -1: there is no target, or it cannot be told yet */
	bool target_other_window; /* the target is for another length of time */
	double target;
	size_t n;
	struct cw_kpi_member *at; /* owned; by council */
	size_t n_groups;
	struct cw_kpi_group groups[CW_KPI_GROUPS_MAX];
};
int cw_kpi_work_out(struct cw_kpi_run *run, const struct cw_kpi *kpi, struct cw_period period, struct cw_kpi_result *ret,
                    struct cw_error *err);
void cw_kpi_result_clear(struct cw_kpi_result *result);

#endif
