/*
 * inside.h: what people inside say (domain 3.9): notes and rulings have an author, an end and a text, and nothing about a person.
 */
#ifndef CW_NORMALISER_INSIDE_H
#define CW_NORMALISER_INSIDE_H

#include <jansson.h>

#include "record.h"

/* Notes and rulings. */
bool cw_inside_kind(enum cw_kind kind);
/* Looks at what such a statement must have; whoever names an author speaks from inside, so that of other kinds too the texts are looked
 * at for personal data. object: the evidence object as it was given. 0, 1: rejected with its reason; or -errno. */
int cw_inside_check(struct cw_record *record, const json_t *object, struct cw_evidence *evidence);

#endif
