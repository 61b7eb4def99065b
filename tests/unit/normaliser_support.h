/*
 * normaliser_support.h: a feed written in a test, documents made in memory, and what they come to.
 */
#ifndef NORMALISER_SUPPORT_H
#define NORMALISER_SUPPORT_H

#include <councilwatch/normalise.h>

struct outcome {
	struct cw_document_tally tally;
	char detail[512];       /* of the document, or of the last reject */
	struct cw_buf evidence; /* a line each: "row council key title" */
	uint64_t rejects;       /* that were handed over */
	int fed;                /* last return of feed */
};

/* A configuration of one feed "test" of this format; record is the inside of its record { }, more goes before it. */
struct cw_config *support_config(const char *format, const char *more, const char *record);
/* The same with all of the feeds' text given. */
struct cw_config *support_config_feeds(const char *feeds);
extern const char *const support_record;

void support_run(const struct cw_config *config, const char *data, size_t len, size_t piece, struct outcome *ret);
void support_clear(struct outcome *outcome);

#endif
