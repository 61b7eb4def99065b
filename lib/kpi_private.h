/*
 * kpi_private.h: what the files of kpi_result.h share.
 *
 *   kpi_run.c         both databases as of a day: triggers, offers, how councils stood
 *   kpi_answer.c      what was done about a trigger, or for a council in a window
 *   kpi_population.c  who is counted
 *   kpi.c             figures
 *   kpi_late.c        who waits
 *   kpi_period.c      periods
 */
#ifndef COUNCILWATCH_LIB_KPI_PRIVATE_H
#define COUNCILWATCH_LIB_KPI_PRIVATE_H

#include <councilwatch/calendar.h>
#include <councilwatch/history.h>
#include <councilwatch/kpi_result.h>

/* How a council stood at the end of a day, from what was known then. */
struct kpi_stood {
	bool there;      /* the council existed */
	enum cw_level level;
	uint64_t open;   /* a bit for each state that was open, in the order of the configuration; none that it inherited */
	int32_t opened[CW_SIGNALS_MAX];
};

struct kpi_day {
	int32_t day;
	struct kpi_stood *at; /* by the index of the council */
	struct kpi_day *next;
};

/* A council's level was told to have come down to this. */
struct kpi_fall {
	const struct cw_council *council;
	uint64_t seq;
	int32_t day;
	enum cw_level level;
};

struct cw_kpi_run {
	const struct cw_config *config;
	struct cw_store *store;
	int32_t as_of;
	size_t n_lives, cap_lives;
	struct cw_offer_life *lives; /* texts owned */
	size_t left_out;
	size_t n_triggers, cap_triggers;
	struct cw_trigger *triggers; /* by seq */
	size_t n_falls, cap_falls;
	struct kpi_fall *falls;
	struct kpi_day *days;
};

/* All councils at the end of a day; borrowed from the run. */
int kpi_stood(struct cw_kpi_run *run, int32_t day, const struct kpi_stood **ret, struct cw_error *err);
/* What was known of a council by the end of a day; facts are to be cleared with cw_history_free. */
int kpi_known(struct cw_kpi_run *run, const struct cw_council *council, int32_t day, struct cw_history *ret, struct cw_error *err);
/* The table of bank holidays, or -ENOENT with the mend. */
int kpi_calendar(const struct cw_kpi_run *run, const struct cw_calendar **ret, struct cw_error *err);

/* Does an offer say what these filters want? */
bool kpi_offer_fits(const struct cw_offer *offer, const struct cw_kpi_test *filter);
bool kpi_product_fits(const struct cw_strings *products, const char *product);

/* What somebody waits for since a day. */
struct kpi_wait {
	const struct cw_council *council;
	const char *alert_id; /* "" = no alert */
	int strand;           /* of the offers; -1 = any. One that names the alert answers it whatever its strand */
	int32_t since;
	const struct cw_kpi_test *test;
};
/* The first day by the as-of day on which it was done, CW_DAY_NONE: it was not; *ret_life what did it. */
int32_t kpi_done(const struct cw_kpi_run *run, const struct kpi_wait *wait, const struct cw_offer_life **ret_life);
/* Was it done for the council in that window? strand: of the offers; -1 = any. *ret_day may be CW_DAY_NONE (a plan that runs). */
bool kpi_done_in(const struct cw_kpi_run *run, const struct cw_council *council, int strand, const struct cw_kpi_test *test,
                 struct cw_period window, int32_t *ret_day, const struct cw_offer_life **ret_life);

/* The members, each passing or not yet looked at; -errno. */
int kpi_members(struct cw_kpi_run *run, const struct cw_kpi *kpi, struct cw_period window, struct cw_kpi_result *result,
                struct cw_error *err);
/* A new member; NULL without memory. */
struct cw_kpi_member *kpi_add(struct cw_kpi_result *result, size_t *cap, const struct cw_council *council, const char *who);

#endif
