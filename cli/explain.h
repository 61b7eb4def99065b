/*
 * explain.h: all that "explain" has to tell of one council on one day, gathered by cmd_explain.c and told as text
 * (explain_text.c) or as JSON (explain_json.c).
 */
#ifndef CW_CLI_EXPLAIN_H
#define CW_CLI_EXPLAIN_H

#include <councilwatch/model.h>
#include <councilwatch/outlook.h>
#include <councilwatch/window.h>

#include "command.h"

/* A statement with its day. */
struct line {
	const char *what;
	int32_t day;
	char *text; /* owned */
};
#define LINES_MAX 16
struct lines {
	size_t n;
	struct line at[LINES_MAX];
	int failed;
};

struct explanation {
	const struct cw_cli *cli;
	const struct cw_council *council;
	struct cw_assessment now;
	struct cw_since since;
	struct cw_outlook outlook;
	bool has_window;
	struct cw_window window;
	bool outage; /* a required source is not being received */
	struct lines unknown;
};

/* 0 or -errno. */
int explain_json(const struct explanation *x);
/* brief: what to say, without the sum and the evidence. */
int explain_text(const struct explanation *x, bool brief);

#endif
