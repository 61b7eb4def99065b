/*
 * words.h: a text as words, and patterns of words; what the finder of names (names.c) and the phrase rules
 * (phrases.c) share.
 *
 * A vocabulary holds every word that some name or pattern has; a word of a text that is not in it has the number 0. So
 * everything after reading compares numbers. Texts are read once, left to right; matching a pattern at a place looks at
 * no more words than the pattern's longest form has, whatever the text: there is no backtracking.
 */
#ifndef COUNCILWATCH_LIB_WORDS_H
#define COUNCILWATCH_LIB_WORDS_H

#include <councilwatch/base.h>
#include <councilwatch/buf.h>
#include <councilwatch/error.h>
#include <councilwatch/text.h>

/*
 * Vocabulary
 */
struct words;
struct words *words_new(void); /* NULL when out of memory */
void words_free(struct words *words);
/* The number of a folded word, from 1; 0 when out of memory. */
uint32_t words_intern(struct words *words, struct cw_str folded);
uint32_t words_find(const struct words *words, struct cw_str folded); /* 0 = not in it */
/* Every word of a name, folded and interned: at most max. The count, or -EINVAL (no words), -E2BIG, -ENOMEM. */
int words_split(struct words *words, struct cw_str name, uint32_t *ret, size_t max);

/*
 * Texts
 */
enum {
	WORD_CAPITAL = 1u << 0,    /* its first letter is */
	WORD_POSSESSIVE = 1u << 1, /* "Leeds's", "Leeds'" */
	WORD_NUMBER = 1u << 2,     /* begins with a digit */
	WORD_SENTENCE = 1u << 3,   /* the first of a sentence */
	WORD_CLAUSE = 1u << 4, /* the first after a colon, a dash, a bracket, "but" and the like; of a sentence too */
	WORD_COMMA = 1u << 5,  /* the first after a comma or slash */
	WORD_JOINED = 1u << 6, /* by a hyphen to the one before */
	WORD_TITLE = 1u << 7,  /* in a part that Writes Most Words Like This, or LIKE THIS: capitals say nothing */
};

struct word {
	uint32_t id;      /* "childrens"; 0 = not in the vocabulary */
	uint32_t base;    /* the same without "'s": "children" */
	uint32_t at, len; /* bytes in its part */
	uint32_t sentence;
	uint16_t part; /* 0 the title, 1… what follows it */
	uint16_t flags;
};

struct wordlist {
	size_t n, cap;
	struct word *at;
	bool cut; /* longer than CW_TEXT_WORDS_MAX: the rest was not read */
};
/* Reads the parts one after another, each a sentence of its own at least. list is the caller's and reused. 0 or
 * -ENOMEM. scratch is for folding. */
int words_read(const struct words *words, const struct cw_str *parts, size_t n_parts, struct cw_buf *scratch,
               struct wordlist *list);
void wordlist_clear(struct wordlist *list);

/*
 * Patterns
 *
 *   word  (a | b c)  [optional]  appoint(|s|ed)  ...  ..3  {list}  <council>  <name>  <number>  :
 *
 * "..." stands for up to six words, "..3" for up to three; gaps stay within a clause, as everything does but for ":", which
 * lets the next word begin one, "::", which says that it does, and "..:3", which goes on across them. <council> is a council named beyond doubt, <name> one that is at least named by a word
 * that can be nothing else there.
 */
enum item_kind { ITEM_WORD, ITEM_COUNCIL, ITEM_NAME, ITEM_OTHER };

/* What patterns are matched against: a word, or a name of several words. */
struct item {
	uint32_t first, end; /* words */
	uint32_t mention;    /* of a name; else NONE */
	enum item_kind kind;
	bool ends; /* ITEM_NAME: a gap may follow */
};

struct patterns;                                                    /* a set of compiled patterns */
typedef const char *pattern_list_fn(void *arg, struct cw_str name); /* text of a {list}: "a | b c"; NULL = none */

struct patterns *patterns_new(struct words *words);
void patterns_free(struct patterns *patterns);
/* Adds one; tag comes back with each hit. -EINVAL with text in err; -ENOMEM. */
int patterns_add(struct patterns *patterns, const char *text, uint32_t tag, pattern_list_fn *list, void *arg,
                 struct cw_error *err);
/* After the last one. 0 or -ENOMEM. */
int patterns_finish(struct patterns *patterns);

struct hit {
	uint32_t tag;
	uint32_t start, end; /* items */
	uint32_t council;    /* item that stood for <council> or <name>; NONE */
};
struct hits {
	size_t n, cap;
	struct hit *at;
};
void hits_clear(struct hits *hits);

struct matcher; /* working memory for one set at a time */
struct matcher *matcher_new(const struct patterns *patterns);
void matcher_free(struct matcher *matcher);
/* Every pattern at every place: its longest form there. Ordered by place. 0 or -ENOMEM. */
int matcher_run(struct matcher *matcher, const struct word *words, const struct item *items, size_t n,
                struct hits *ret);

#define WORDS_NONE UINT32_MAX

#endif
