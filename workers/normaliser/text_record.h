/*
 * text_record.h: a row whose councils and signals are found in its words (record field "text").
 */
#ifndef CW_NORMALISER_TEXT_RECORD_H
#define CW_NORMALISER_TEXT_RECORD_H

#include <councilwatch/phrases.h>

#include "record.h"

/* Columns of one text: headline, summary and what else. */
#define CW_TEXT_PARTS_MAX 8u

/*
 * One text to its evidence: a signal for each that the rules find, for each of its councils; for none, evidence of the
 * feed's kind when the feed keeps that, else a count. evidence has the row's other fields; heading names the column for
 * rejects. fixed: the councils the row names in a column of their own; NULL when names are to be found. 0 or -errno.
 */
int cw_text_record(struct cw_record *record, struct cw_reader *reader, const char *heading, const struct cw_str *parts,
                   size_t n_parts, int32_t day, const struct cw_record_councils *fixed,
                   const struct cw_evidence *evidence);

#endif
