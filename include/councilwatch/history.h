/*
 * history.h: all that is known of one council for the risk model: its own evidence, that about the councils it took over
 * from (domain 3.8), and its place in a reorganisation, stated from the lineage table (config/lineage.csv).
 *
 * A reorganisation is stated as signal lgr_transition of feed "lineage": open from cw_risk.transition_months before the day on
 * which others take over from a council; and open from its first day for a council that takes over. Such facts are made
 * anew each time and are not in the store: they have no document and no row.
 */
#ifndef COUNCILWATCH_HISTORY_H
#define COUNCILWATCH_HISTORY_H

#include <councilwatch/council.h>
#include <councilwatch/model.h>
#include <councilwatch/risk.h>
#include <councilwatch/store.h>

#define CW_PREDECESSORS_MAX 8

struct cw_history {
	size_t n;
	struct cw_fact *at;  /* owned; heritage and vested filled in */
	size_t n_parts;      /* private from here */
	struct cw_facts parts[CW_PREDECESSORS_MAX + 1];
	struct cw_buf texts;
};

/* 0 or -errno with text in err; free with cw_history_free. */
int cw_history_load(struct cw_store *store, const struct cw_councils *councils, const struct cw_risk *risk,
                    const struct cw_council *council, struct cw_history *ret, struct cw_error *err);
void cw_history_free(struct cw_history *history);
/* The next day after that of this moment by whose end a fact speaks that is here already: a reorganisation to come, or what is
 * dated into the future. CW_DAY_NONE. */
int32_t cw_history_next_day(const struct cw_history *history, struct cw_wall after);

#endif
