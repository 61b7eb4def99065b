/*
 * feed_date.h: dates as feeds write them.
 *
 * RSS has dates as in mail, RFC 822 and 2822: with or without the day of the week, with years of two digits, zones as
 * numbers or by name. Atom and Dublin Core have RFC 3339 and W3C-DTF, from the day down. Feeds put either where the
 * other belongs, so both are tried.
 */
#ifndef CW_NORMALISER_FEED_DATE_H
#define CW_NORMALISER_FEED_DATE_H

#include <councilwatch/clock.h>
#include <councilwatch/text.h>

/* ISO 8601 in UTC (a date alone stays one) in ret. False: it is no date, or one whose zone nobody can know. */
bool cw_feed_date(struct cw_str text, char ret[CW_WALL_TEXT]);

#endif
