/*
 * error.h: what went wrong, where, and how to mend it.
 *
 * Functions that can fail return 0, or -errno with a struct cw_error filled in by whoever
 * saw the failure first. A positive return is an outcome that the function documents.
 */
#ifndef COUNCILWATCH_ERROR_H
#define COUNCILWATCH_ERROR_H

#include <councilwatch/base.h>

#define CW_ERROR_TEXT_MAX 512
#define CW_ERROR_SOURCE_MAX 256

struct cw_error {
	int code;                        /* -errno */
	unsigned line;                   /* in source, from 1; 0 = not known */
	unsigned column;                 /* in line, from 1; 0 = not known */
	char source[CW_ERROR_SOURCE_MAX]; /* file, feed or endpoint; "" = none */
	char text[CW_ERROR_TEXT_MAX];    /* for a person; no newline */
};

/* Fills err (may be NULL) and returns code, so that callers can write
 * "return cw_error_set(err, -EINVAL, ...)". */
int cw_error_set(struct cw_error *err, int code, const char *fmt, ...) CW_PRINTF(3, 4);

/* The same with a place. source may be NULL. */
int cw_error_at(struct cw_error *err, int code, const char *source, unsigned line, unsigned column,
                const char *fmt, ...) CW_PRINTF(6, 7);

/* Puts "fmt: " in front of the text already there, keeping code and place; returns err's code
 * (-EIO when err is NULL). */
int cw_error_prefix(struct cw_error *err, const char *fmt, ...) CW_PRINTF(2, 3);

/* -ENOMEM with its usual text. */
int cw_error_nomem(struct cw_error *err);

/* "source:line:column: text" with the parts that are known, into buf; returns buf. */
const char *cw_error_format(const struct cw_error *err, char *buf, size_t size);

#endif
