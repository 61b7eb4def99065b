/*
 * html_push.h: libxml2's push parser for HTML as the formats that read HTML use it: no tree is built, nothing is loaded, no
 * entity is defined by the page.
 *
 * libxml2 is given blocks of one size whatever came, so that its look-ahead cannot make the result depend
 * on how the document was cut. Its handlers get what is passed as arg.
 */
#ifndef CW_NORMALISER_HTML_PUSH_H
#define CW_NORMALISER_HTML_PUSH_H

#include <libxml/HTMLparser.h>

#include "record.h"

#define HTML_PUSH_BLOCK 16384u

struct html_push {
	struct cw_record *record;
	htmlParserCtxtPtr parser;
	char block[HTML_PUSH_BLOCK];
	size_t n_block;
	/* Of a tag that libxml2 waits for the end of: how far it has been looked through, and what was found. */
	size_t looked;
	unsigned words;
	char quote;
	bool in_tag;
	int error; /* -errno from a handler */
	bool settled;
};

/* On memory that is all zero. 0 or -ENOMEM. */
int html_push_open(struct html_push *push, struct cw_record *record, const htmlSAXHandler *handlers, void *arg);
void html_push_close(struct html_push *push);
/* 0, 1 (settled) or -errno. */
int html_push_feed(struct html_push *push, const char *text, size_t len);
int html_push_end(struct html_push *push);

/* From a handler: nothing more is wanted, because of an error (-errno) or because all is known (0). */
void html_push_stop(struct html_push *push, int error);
/* The same, and the document is settled. */
void html_push_fail(struct html_push *push, enum cw_reason reason, const char *what, unsigned limit);

#endif
