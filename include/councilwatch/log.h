/*
 * log.h: events, to standard error.
 *
 * One line is an event name ("fetch.failed") and key=value fields. Under systemd
 * (JOURNAL_STREAM set) a "<N>" priority prefix goes before it; on a terminal the time and the
 * program's name do. Values from outside are escaped. Every event has a paragraph in
 * docs/events.md. Only programs log; lib/ does not.
 */
#ifndef COUNCILWATCH_LOG_H
#define COUNCILWATCH_LOG_H

#include <councilwatch/base.h>
#include <councilwatch/error.h>

enum cw_log_level { CW_LOG_ERROR = 3, CW_LOG_WARNING = 4, CW_LOG_NOTICE = 5, CW_LOG_INFO = 6, CW_LOG_DEBUG = 7 };

void cw_log_init(const char *program, enum cw_log_level most_verbose);
void cw_log_set_level(enum cw_log_level most_verbose);

/*
 * Fields are a printf format of "key=%…" pieces separated by single blanks:
 *     cw_log(CW_LOG_WARNING, "fetch.failed", "feed=%s status=%d retry_in=%llds", …);
 * A %s value is escaped, and quoted when it holds a blank, a quote or '='.  fmt may be NULL.
 */
void cw_log(enum cw_log_level level, const char *event, const char *fmt, ...) CW_PRINTF(3, 4);
/* The same, followed by the error's place and text as error="…". */
void cw_log_error(enum cw_log_level level, const char *event, const struct cw_error *err, const char *fmt, ...)
	CW_PRINTF(4, 5);

#endif
