/*
 * window.h: when the next full inspection of children's services may come: context for a conversation, never scored.
 *
 * Worked out from the last one that was known on a day and from how long others with the same headline waited (risk.conf). It says
 * what was usual, not what the inspectorate will do.
 */
#ifndef COUNCILWATCH_WINDOW_H
#define COUNCILWATCH_WINDOW_H

#include <councilwatch/model.h>

enum cw_window_place { CW_WINDOW_BEFORE, CW_WINDOW_IN, CW_WINDOW_PAST };

struct cw_window {
	int32_t inspected_day; /* of the last visit */
	bool estimated;        /* only its report has a date: publication_lag_days before that */
	enum cw_grade headline;
	int32_t cycle_day;     /* when it would come by the inspectorate's own cycle */
	int32_t from_day, middle_day, until_day; /* after a tenth, half and nine tenths of the intervals */
	int count;             /* of so many intervals */
	enum cw_window_place place; /* of the day asked about, from from_day to until_day */
};

/* False when there is nothing to say: never inspected, no headline, or no intervals for it. */
bool cw_window_find(const struct cw_risk *risk, const struct cw_assessment *assessment, struct cw_window *ret);
const char *cw_window_place_name(enum cw_window_place place); /* "before", "in", "past" */

#endif
