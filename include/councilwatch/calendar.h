/*
 * calendar.h: working days, with the bank holidays of England.
 *
 * A working day is Monday to Friday and no bank holiday. The table (config/bank-holidays.csv) covers whole years; nothing is
 * guessed beyond them: a question about a day outside is an error that says which year to add.
 */
#ifndef COUNCILWATCH_CALENDAR_H
#define COUNCILWATCH_CALENDAR_H

#include <councilwatch/base.h>
#include <councilwatch/clock.h>
#include <councilwatch/council.h>
#include <councilwatch/error.h>

struct cw_calendar;

/* Reads date,title rows in order of time. Every mistake is reported (file:line, and the mend), and any makes the load fail with
 * -EINVAL. *ret is owned. */
int cw_calendar_load(const char *path, cw_report_fn *report, void *arg, struct cw_calendar **ret, struct cw_error *err);
void cw_calendar_free(struct cw_calendar *calendar);

/* The first and last day covered. */
int32_t cw_calendar_first(const struct cw_calendar *calendar);
int32_t cw_calendar_last(const struct cw_calendar *calendar);
/* NULL when that day is none. Borrowed from the calendar. */
const char *cw_bank_holiday(const struct cw_calendar *calendar, int32_t day);
/* Of a day that is covered. */
bool cw_working_day(const struct cw_calendar *calendar, int32_t day);

/*
 * Clocks of working days: the day on which one starts does not count, the next working day is the first. So what comes on a
 * Friday and is answered on Monday took one. 0; -ERANGE with text in err when a day outside the table is needed.
 */
/* How many after from, up to and with to; 0 when to is not after from. */
int cw_working_days(const struct cw_calendar *calendar, int32_t from, int32_t to, int *ret, struct cw_error *err);
/* The last day on which what must happen within n working days is in time; n 0: the day itself. */
int cw_working_days_later(const struct cw_calendar *calendar, int32_t from, unsigned n, int32_t *ret, struct cw_error *err);

#endif
