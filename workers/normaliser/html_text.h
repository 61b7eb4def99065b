/*
 * html_text.h: the text of a piece of HTML, as a person would read it.
 *
 * Feeds and the GOV.UK Content API carry HTML inside texts. Tags go, character references become characters,
 * what is not shown (scripts, styles) goes with its tags, and edges of blocks part words.
 */
#ifndef CW_NORMALISER_HTML_TEXT_H
#define CW_NORMALISER_HTML_TEXT_H

#include <councilwatch/base.h>
#include <councilwatch/buf.h>
#include <councilwatch/text.h>

/* One piece, bytes. */
#define CW_HTML_PIECE_MAX (512u * 1024u)

/* Appends to out. 0; 1: it is refused for its size or nesting, with a short reason in *ret_why; or -errno, as when out is
 * full (-EMSGSIZE). */
int cw_html_text(struct cw_str html, struct cw_buf *out, const char **ret_why);

/* Does this look as if it had markup or character references in it? Titles of feeds may or may not. */
bool cw_html_suspected(struct cw_str text);

/* Do the edges of this element part words? Is its text not shown? Names are compared in any case. */
bool cw_html_parts_words(const char *name);
bool cw_html_is_muted(const char *name);

#endif
