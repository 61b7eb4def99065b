/*
 * outlook.h: what would lower a level, found by letting it happen in the model: from the state of a day on, one thing is
 * published and nothing else, and the days pass. Nothing here is a guess about what will be published.
 */
#ifndef COUNCILWATCH_OUTLOOK_H
#define COUNCILWATCH_OUTLOOK_H

#include <councilwatch/model.h>

enum cw_event {
	CW_EVENT_TIME,      /* nothing is published */
	CW_EVENT_ILACS,     /* a full inspection of children's services that finds none of it again */
	CW_EVENT_AREA_SEND, /* the same of area SEND */
	CW_EVENT_CLOSED,    /* who opened a finding closes it, or the next release has it no more */
	CW_EVENT_ALL,       /* all of these together */
	CW_EVENT_COUNT
};
const char *cw_event_name(enum cw_event event); /* "full_inspection" */

enum cw_turn_why {
	CW_TURN_POINTS, /* they faded */
	CW_TURN_END,    /* a finding ran out by itself */
	CW_TURN_HOLD,   /* the hold is over */
	CW_TURN_RULING  /* a person's ruling is over; the level may rise as well */
};

/* The level is another one from this day on. */
struct cw_turn {
	int32_t day;
	enum cw_level level;
	enum cw_turn_why why;
	const struct cw_signal_def *signal; /* CW_TURN_END: what ran out; else NULL */
};
#define CW_TURNS_MAX 6

struct cw_closing {
	const struct cw_signal_def *signal;
	enum cw_criterion criterion;
};
#define CW_CLOSINGS_MAX 16

struct cw_prospect {
	enum cw_event event;
	size_t n_closes;
	struct cw_closing closes[CW_CLOSINGS_MAX]; /* what ends with it, the weightiest first; none for time */
	enum cw_level level;                       /* at once, were it published on the day asked about */
	bool lowers;                               /* sooner, or further, than time alone would */
	size_t n_turns;
	struct cw_turn turns[CW_TURNS_MAX];        /* after that, through time alone; within CW_OUTLOOK_DAYS */
};
#define CW_OUTLOOK_DAYS (3 * 366)
#define CW_PROSPECTS_MAX 20

struct cw_outlook {
	size_t n;
	struct cw_prospect at[CW_PROSPECTS_MAX]; /* time first; then those that lower most */
};

/* From what was known on a day, as cw_model_assess sees it. At routine there is time alone. */
int cw_outlook_find(const struct cw_risk *risk, const struct cw_fact *facts, size_t n_facts, int32_t as_of,
                    struct cw_outlook *ret, struct cw_error *err);
/* From the state after a change; within the call of cw_change_fn only. Nothing, of a change that the model did not find. */
int cw_outlook_of_change(const struct cw_change *change, struct cw_outlook *ret, struct cw_error *err);

#endif
