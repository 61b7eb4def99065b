/*
 * phrases.h: what a text is about: which councils, and which signals of the risk model, by rules of phrases.conf.
 *
 * A text is a headline and what follows it. Its councils are found by names.h; its signals by rules, each a set of
 * patterns over folded words (lib/words.h has their language). A rule says what it finds: a signal, whether that is opened, closed
 * or has occurred, and where it matters under which criterion.
 *
 * - What is denied, only possible, or past ("is not", "could", "former") is held back by guards: patterns that stand before a
 *   match in its clause, within it, or right after it. A sentence that asks says nothing.
 * - A match is a council's when the pattern says which (<council>, <name>), else when its clause, its sentence, or the
 *   text, in this order, names exactly one. When one of these names several, or one of ours beside a district, nothing is
 *   guessed: that is a doubt, for a person.
 * - The same signal opened and closed in one part of a text is a contradiction, for a person as well.
 *
 * Work is linear in the words of the text; at most CW_TEXT_WORDS_MAX of them are read.
 */
#ifndef COUNCILWATCH_PHRASES_H
#define COUNCILWATCH_PHRASES_H

#include <councilwatch/base.h>
#include <councilwatch/council.h>
#include <councilwatch/error.h>
#include <councilwatch/limits.h>
#include <councilwatch/text.h>

struct cw_phrases; /* names, guards and rules, compiled; made by the configuration, read-only */
void cw_phrases_free(struct cw_phrases *phrases); /* NULL is fine */

struct cw_rule {
	const char *name;
	const char *signal;    /* of the risk model */
	const char *status;    /* open, closed, occurred */
	const char *criterion; /* NULL = the signal's own */
	const char *or_criterion; /* by the words around, NULL = none */
	bool organisations;    /* it may be about a body that acts for councils */
};
size_t cw_phrases_rules(const struct cw_phrases *phrases);
const struct cw_rule *cw_phrases_rule(const struct cw_phrases *phrases, size_t index);

/* Bytes of a part of the text. */
struct cw_span {
	uint32_t part, at, len;
};

struct cw_finding {
	const struct cw_rule *rule;
	const char *criterion; /* NULL = the signal's own */
	const struct cw_council *council;
	const char *organisation; /* named in the council's place; NULL = the council is named */
	uint32_t together;        /* findings with the same number are one statement about several councils */
	struct cw_span quote;     /* the sentence, or as much around the words as CW_QUOTE_MAX allows */
};

struct cw_subject { /* a council that the text is about */
	const struct cw_council *council;
	const char *organisation;
	struct cw_span name;
};

enum cw_doubt_kind {
	CW_DOUBT_NAME,          /* may be a council */
	CW_DOUBT_WHICH,         /* a signal of one of several */
	CW_DOUBT_CONTRADICTION, /* opened and closed */
	CW_DOUBT_TOO_MANY,      /* councils or signals, over the limit */
};
struct cw_doubt {
	enum cw_doubt_kind kind;
	struct cw_span text;
	const char *why;            /* one phrase */
	const struct cw_rule *rule; /* NULL = none concerned */
};

/* The result; everything in it is borrowed from the reader until the next text. */
struct cw_reading {
	size_t n_findings;
	struct cw_finding *findings; /* those of one statement side by side */
	size_t n_subjects;
	struct cw_subject *subjects; /* in the order of the text, each council once */
	size_t n_doubts;
	struct cw_doubt *doubts;
	bool cut; /* the text has more words than are read */
};

struct cw_reader;                                                            /* working memory, for one thread */
int cw_reader_new(const struct cw_phrases *phrases, struct cw_reader **ret); /* 0 or -ENOMEM */
void cw_reader_free(struct cw_reader *reader);
/*
 * Reads the parts of one text (the title first) as of a day, which decides what names mean. fixed: the councils the text is
 * about when that is known from elsewhere; then no names are settled, and rules count that are about these. n_fixed 0: by
 * names. only: signals to look for; n_only 0 = all. 0 or -ENOMEM.
 */
int cw_reader_read(struct cw_reader *reader, const struct cw_str *parts, size_t n_parts, int32_t day,
                   const struct cw_council *const *fixed, size_t n_fixed, const char *const *only, size_t n_only,
                   struct cw_reading *ret);

#endif
