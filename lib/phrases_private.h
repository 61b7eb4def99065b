/*
 * phrases_private.h: how the configuration (config_phrases.c) makes a struct cw_phrases.
 */
#ifndef COUNCILWATCH_LIB_PHRASES_PRIVATE_H
#define COUNCILWATCH_LIB_PHRASES_PRIVATE_H

#include <councilwatch/names.h>
#include <councilwatch/phrases.h>

enum phrase_part {
	PHRASE_RULE,
	PHRASE_WITH,          /* must stand in the same sentence */
	PHRASE_UNLESS,        /* must not */
	PHRASE_WITH_ANYWHERE, /* in the text */
	PHRASE_UNLESS_ANYWHERE,
	PHRASE_OR_WHEN,         /* the other criterion: in the same sentence; or in the text without … */
	PHRASE_OR_UNLESS,       /* … any of these in it */
	PHRASE_BEFORE, /* of guards */
	PHRASE_AFTER,
};

/* councils are borrowed. */
int phrases_new(const struct cw_councils *councils, struct cw_phrases **ret);
struct cw_names *phrases_names(struct cw_phrases *phrases);
const struct cw_councils *phrases_councils(const struct cw_phrases *phrases);

/* Everything is copied. The index of the rule or guard, or -ENOMEM. */
int phrases_add_rule(struct cw_phrases *phrases, const struct cw_rule *rule);
int phrases_add_guard(struct cw_phrases *phrases, const char *name, unsigned within);
int phrases_find_guard(const struct cw_phrases *phrases, const char *name); /* -1 = none; "question" is always there */
/* Lists for {list}; made before the patterns that use them. */
int phrases_add_list(struct cw_phrases *phrases, const char *name, const char *text);
const char *phrases_list(void *phrases, struct cw_str name);
/* Copies kept as long as the phrases: names of bodies. NULL when out of memory. */
const char *phrases_keep(struct cw_phrases *phrases, const char *text);

int phrases_add_pattern(struct cw_phrases *phrases, enum phrase_part part, unsigned index, const char *text,
                        struct cw_error *err);
void phrases_ignore(struct cw_phrases *phrases, unsigned rule, unsigned guard);
int phrases_finish(struct cw_phrases *phrases);

#define PHRASE_GUARDS_MAX 31u /* and "question" */

#endif
