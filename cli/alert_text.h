/*
 * alert_text.h: one stored alert as a line for people, from its CloudEvents JSON.
 */
#ifndef CW_CLI_ALERT_TEXT_H
#define CW_CLI_ALERT_TEXT_H

#include <stdio.h>

#include <councilwatch/base.h>
#include <councilwatch/error.h>

/* Writes time, number, kind, council, level change and sentence. -EBADMSG when it is no such object. */
int cw_alert_print(FILE *out, bool colour, const char *json, size_t len, struct cw_error *err);

#endif
