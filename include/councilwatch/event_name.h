/*
 * event_name.h: what a person types to say which event or finding of a council is meant.
 *
 *   s114_notice/specific/2018-02-02       a signal, its criterion and the day of the event
 *   ilacs/2023-01-03, area_send/2024-05-01   a full inspection by its day
 *   0123456789abcdef0123456789abcdef      a piece of evidence: the event it is evidence of
 *
 * Days are those of the event, or of its publication where that is not stated. They need not be exact: whoever looks for
 * the event allows the days within which statements are one event (domain 3.3), so that a name keeps its meaning when an
 * earlier report of the same event arrives.
 */
#ifndef COUNCILWATCH_EVENT_NAME_H
#define COUNCILWATCH_EVENT_NAME_H

#include <councilwatch/base.h>
#include <councilwatch/clock.h>
#include <councilwatch/evidence.h>
#include <councilwatch/risk.h>

enum cw_event_form { CW_EVENT_SIGNAL = 1, CW_EVENT_INSPECTION, CW_EVENT_EVIDENCE };

struct cw_event_name {
	enum cw_event_form form;
	const struct cw_signal_def *signal; /* SIGNAL */
	enum cw_criterion criterion;
	enum cw_kind kind; /* INSPECTION: ilacs or area_send */
	int32_t day;
	char id[33]; /* EVIDENCE */
};
#define CW_EVENT_NAME_TEXT 96

/* 0 or -EINVAL: not of one of these forms, no such signal, or one that cannot count under that criterion. */
int cw_event_name_parse(const struct cw_risk *risk, struct cw_str text, struct cw_event_name *ret);
/* Returns buf. */
const char *cw_event_name_format(const struct cw_event_name *name, char buf[CW_EVENT_NAME_TEXT]);

#endif
