/*
 * evidence_text.h: one piece of evidence for people.
 */
#ifndef CW_CLI_EVIDENCE_TEXT_H
#define CW_CLI_EVIDENCE_TEXT_H

#include <stdio.h>

#include <councilwatch/model.h>

/* "overall_effectiveness=good help_and_protection=good"; a derived headline is there too, under that name. */
void cw_evidence_print_values(FILE *out, const struct cw_evidence *evidence);
/* Publisher, dates, title, quote, link and document: one line each, indented. */
void cw_evidence_print_source(FILE *out, unsigned indent, const struct cw_fact *fact);

#endif
