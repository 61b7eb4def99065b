/*
 * names.h: which councils a text names, without guessing.
 *
 * The names of councils (all spellings of councils.csv and aliases.csv, with the days between which they are whose), the
 * organisations that act for councils, and the names of others (districts, areas, bodies) are one Aho-Corasick
 * automaton over folded words: a text is read once, the longest name at a place counts, and no name is found within a
 * word. What a name then is depends on its kind and on the words around it:
 *
 * - a full official name ("Leeds City Council", "London Borough of Brent") is the council;
 * - a short name ("Leeds", "Reading") is one only with a cue: the word council after it, children's services before it,
 *   or, for a name that nothing else has, such a cue in the same clause. Before a surname's title, a direction, or a word
 *   such as Police or University, it is somebody else;
 * - in a list ("Kingston and Richmond councils") the cue holds for all of it;
 * - what has a cue and is still not certain is CW_MENTION_MAYBE: for a person, never guessed.
 *
 * The cues are patterns of phrases.conf (phrases.h). This is the part of phrases.h that knows no signals; programs use that
 * one, and tests this one.
 */
#ifndef COUNCILWATCH_NAMES_H
#define COUNCILWATCH_NAMES_H

#include <councilwatch/base.h>
#include <councilwatch/council.h>
#include <councilwatch/error.h>
#include <councilwatch/limits.h>

struct words;
struct word;
struct wordlist;
struct cw_names;

enum cw_mention_state {
	CW_MENTION_OTHER, /* something else of that name */
	CW_MENTION_PLACE, /* a place, as far as can be seen */
	CW_MENTION_MAYBE, /* perhaps the council: a person decides */
	CW_MENTION_SURE,
};

struct cw_mention {
	enum cw_mention_state state;
	uint32_t first, name_end, end; /* words: the name, and what belongs to it ("council") */
	uint32_t group;                /* names joined in a list share one */
	bool other_council;            /* OTHER: it is a council, but none of ours */
	bool open;                     /* PLACE, MAYBE: nothing speaks against the council */
	bool starts;              /* it is no "in Leeds" of something else's */
	bool ends;                     /* no word goes on from the name but "is" and the like */
	bool ordinary;                 /* near alone does not make it sure */
	bool near;                     /* MAYBE only for a cue in the same clause */
	const char *organisation;      /* it is this body, which acts for the councils; NULL = their own name */
	const char *why;               /* MAYBE: what is not certain */
	uint32_t n_councils;
	uint16_t councils[CW_MENTION_COUNCILS_MAX]; /* indices of the table */
};

struct cw_mentions {
	size_t n, cap;
	struct cw_mention *at;
};

/* Building. The vocabulary is borrowed; strings are copied but for what and organisation, which are borrowed. */
enum cw_cue {
	CW_CUE_BEFORE,      /* right before a short name: the council */
	CW_CUE_AFTER,       /* right after: the council */
	CW_CUE_NEAR,        /* in the same clause */
	CW_CUE_NOT_AFTER,   /* a short name right after this is somebody else's */
	CW_CUE_NOT_BEFORE,  /* right before this likewise */
	CW_CUE_BARE_BEFORE, /* words before a name that stands by itself: "rates", "for" */
	CW_CUE_BARE_AFTER,  /* words after it: "is", "faces" */
	CW_CUE_PAST,        /* "former": what it was */
	CW_CUE_COUNT
};
int cw_names_new(struct words *words, const struct cw_councils *councils, struct cw_names **ret);
void cw_names_free(struct cw_names *names);
/* A short name that people use. Several councils: all of them at once ("North and West Northamptonshire"). */
int cw_names_add_spoken(struct cw_names *names, const char *name, const uint16_t *councils, size_t n);
/* A short name of several councils, ours or others': with a cue it is always a question. */
int cw_names_add_doubtful(struct cw_names *names, const char *name);
/* A body that acts for councils between two days (CW_DAY_NONE = open). */
int cw_names_add_organisation(struct cw_names *names, const char *name, const uint16_t *councils, size_t n,
                              int32_t from, int32_t to);
/* Another body or place. council: it is a council without our duties. area: of several councils ("Kent and Medway"); what
 * it is made of counts when "council" follows. */
int cw_names_add_other(struct cw_names *names, const char *name, bool council, bool area);
/* A word or surname as well: it needs a cue next to it. verb: at the start of a sentence even "council" is none
 * ("Reading council papers"). */
int cw_names_add_ordinary(struct cw_names *names, const char *name, bool verb);
typedef const char *cw_names_list_fn(void *arg, struct cw_str name);
int cw_names_add_cue(struct cw_names *names, enum cw_cue cue, const char *pattern, cw_names_list_fn *list, void *arg,
                     struct cw_error *err);
int cw_names_finish(struct cw_names *names);

/* Finding. A finder is working memory for one thread. day: of the text; must be known. 0 or -ENOMEM. */
struct cw_finder;
int cw_finder_new(const struct cw_names *names, struct cw_finder **ret);
void cw_finder_free(struct cw_finder *finder);
int cw_finder_run(struct cw_finder *finder, const struct wordlist *list, int32_t day, struct cw_mentions *ret);

#endif
