/*
 * format.h: what a document format is to the rest of the normaliser.
 *
 * A format reads UTF-8 (encoding.h has seen to that) in pieces of any size and gives rows to the record
 * (record.h). A new format is one file, one row in formats.c, one line in CMakeLists.txt and one directory
 * of golden cases.
 *
 * Returns of feed: 0, 1 (settled: more bytes change nothing) or -errno. A malformed document is not an
 * error: say cw_record_fail() and return 1.
 */
#ifndef CW_NORMALISER_FORMAT_H
#define CW_NORMALISER_FORMAT_H

#include "record.h"

struct cw_format_ops {
	enum cw_format format;
	const char *noun; /* "CSV", in "an HTML page, not CSV" */
	bool raw;         /* it is fed bytes as they came, not text */
	const char *magic; /* how such bytes begin; anything else is not of this format. NULL = not checked */
	bool markup;      /* HTML is what is wanted, and a declaration of its character set may stand in it */
	bool xml;         /* the same for XML */
	int (*begin)(struct cw_record *record, void **ret_state);
	int (*feed)(void *state, const char *text, size_t len);
	int (*end)(void *state); /* 0 finished; 1 gave some rows, call again; or -errno */
	void (*free)(void *state);
};

extern const struct cw_format_ops cw_format_csv;
extern const struct cw_format_ops cw_format_html;
extern const struct cw_format_ops cw_format_html_table;
extern const struct cw_format_ops cw_format_json;
extern const struct cw_format_ops cw_format_ndjson;
extern const struct cw_format_ops cw_format_evidence;
extern const struct cw_format_ops cw_format_feed;
extern const struct cw_format_ops cw_format_xml;
extern const struct cw_format_ops cw_format_govuk_content;
extern const struct cw_format_ops cw_format_ods;
extern const struct cw_format_ops cw_format_xlsx;
extern const struct cw_format_ops cw_format_akoma_ntoso;

const struct cw_format_ops *cw_format_ops(enum cw_format format); /* NULL when there is none */
/* Adds a format that is not in the library; ops is kept. 0 or -ENOSPC. */
int cw_format_register(const struct cw_format_ops *ops);

#endif
