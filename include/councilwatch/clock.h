/*
 * clock.h: monotonic time, wall time and days, as types that cannot be mixed up.
 *
 * Wall time is milliseconds since 1970-01-01T00:00:00Z and prints as ISO 8601 UTC. A day is a
 * UTC calendar day as days since 1970-01-01. CW_DAY_NONE and CW_WALL_NONE mean "not stated".
 */
#ifndef COUNCILWATCH_CLOCK_H
#define COUNCILWATCH_CLOCK_H

#include <councilwatch/base.h>

struct cw_mono { int64_t ns; };
struct cw_wall { int64_t ms; };

#define CW_WALL_NONE INT64_MIN
#define CW_DAY_NONE INT32_MIN
#define CW_WALL_TEXT 32 /* bytes that hold any formatted time */

struct cw_mono cw_mono_now(void);
struct cw_wall cw_wall_now(void);
/* Tests replace the wall clock; NULL restores it. */
void cw_clock_replace(struct cw_wall (*wall)(void));

static inline bool cw_wall_known(struct cw_wall t) { return t.ms != CW_WALL_NONE; }
static inline struct cw_wall cw_wall_none(void) { return (struct cw_wall){ CW_WALL_NONE }; }

/* The UTC day of a moment, the first moment of a day. NONE maps to NONE. */
int32_t cw_wall_day(struct cw_wall t);
struct cw_wall cw_day_start(int32_t day);

/* Proleptic Gregorian. cw_day_make returns CW_DAY_NONE for a date that does not exist. */
int32_t cw_day_make(int year, int month, int mday);
void cw_day_split(int32_t day, int *year, int *month, int *mday);
/* Calendar months later; the day of month is clamped (31 Jan + 1 month = 28/29 Feb). */
int32_t cw_day_add_months(int32_t day, int months);

/* "2024-09-02T07:08:55Z" (".123Z" when there are milliseconds); "2024-09-02". Return buf.
 * NONE gives "". */
const char *cw_wall_format(struct cw_wall t, char buf[CW_WALL_TEXT]);
const char *cw_day_format(int32_t day, char buf[CW_WALL_TEXT]);

/* ISO 8601: a date alone, or date and time with Z or a +hh:mm offset; a fraction is kept to the
 * millisecond. The whole of text must be used. A date alone is its first moment.
 * Returns 0 or -EINVAL. *ret_date_only (may be NULL) tells which it was. */
int cw_wall_parse(const char *text, size_t len, struct cw_wall *ret, bool *ret_date_only);

/* A date in a publisher's format: %d %m %Y %y %b/%B (English, any case) %H %M %S, literal
 * characters, and a blank for any run of blanks. %y: 00-68 is 2000-2068, 69-99 is 1969-1999.
 * The whole of text must be used. Returns 0, -EINVAL (other form) or -ERANGE (right form, no
 * such date, or outside 1900-2100). */
int cw_date_parse(const char *text, size_t len, const char *format, int32_t *ret_day);

#endif
