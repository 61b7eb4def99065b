/*
 * retention.h: for how long what is kept (section "retention" of councilwatch.conf, docs/governance.md).
 */
#ifndef COUNCILWATCH_RETENTION_H
#define COUNCILWATCH_RETENTION_H

#include <councilwatch/base.h>
#include <councilwatch/clock.h>
#include <councilwatch/text.h>

/* "24 months", "6 years", "30 days", "4 weeks"; "none" = for ever. */
struct cw_keep {
	bool forever;
	int months, days;
};
#define CW_KEEP_MAX_DAYS 36600
int cw_keep_parse(const char *text, struct cw_keep *ret); /* 0 or -EINVAL */
/* Is what began on that day over by then? Not when the day is NONE. */
bool cw_keep_over(const struct cw_keep *span, int32_t began, int32_t by);

/* As configured; the texts are owned by the configuration. */
struct cw_retention {
	char *documents_text, *refused_text, *news_text_text, *notes_text, *evidence_text, *contract_end_text;
	struct cw_keep documents; /* bytes of documents, since they were stored */
	struct cw_keep refused;   /* of those in which personal data was found */
	struct cw_keep news_text; /* bytes of documents, titles and quotes of evidence, of news feeds */
	struct cw_keep notes;     /* texts and authors of notes and rulings, since they expired */
	struct cw_keep evidence;  /* everything, since contract_end */
	int32_t contract_end;     /* NONE: not known, everything is kept */
};

/* What a text that was removed left: "text removed on 2026-11-25 by retention, sha256 …". */
#define CW_REMOVED_TEXT_MAX 128
int cw_removed_text(struct cw_str text, int32_t day, char ret[CW_REMOVED_TEXT_MAX]); /* 0 or -ENOMEM */
bool cw_text_removed(struct cw_str text);

#endif
