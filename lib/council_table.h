/*
 * council_table.h: what council_load.c builds and council.c reads.
 *
 * One hash table of folded texts. Each text has meanings: between two days it names a target, which is a council, a group of
 * councils (an organisation that acts for several), or a body that is not a council with children's services.
 */
#ifndef COUNCILWATCH_LIB_COUNCIL_TABLE_H
#define COUNCILWATCH_LIB_COUNCIL_TABLE_H

#include <councilwatch/council.h>

#include "csv.h"

/* Targets that one text may name at different dates or together. */
#define CW_MEANINGS_MAX 16u
#define CW_NO_ENTRY UINT32_MAX
/* Below the number of councils a target is one; above, a group; this one: no council at all. All such bodies are one
 * target, because which of them it is changes nothing. */
#define CW_OTHER_BODY (UINT32_MAX - 1)

/* Words around a name that say what kind of council it is. */
enum cw_type_word {
	CW_WORD_COUNCIL = 1u << 0, /* and what goes with any: "the", "of", "local authority" */
	CW_WORD_COUNTY = 1u << 1,
	CW_WORD_CITY = 1u << 2,
	CW_WORD_BOROUGH = 1u << 3,
	CW_WORD_METROPOLITAN = 1u << 4,
	CW_WORD_DISTRICT = 1u << 5,
	CW_WORD_UNITARY = 1u << 6,
	CW_WORD_LONDON = 1u << 7,
	CW_WORD_ROYAL = 1u << 8,
	CW_WORD_CORPORATION = 1u << 9,
	CW_WORD_CC = 1u << 10, /* county council or city council */
};

struct cw_meaning {
	const char *text;   /* as the table spells it */
	const char *scheme; /* of a council's own names and codes; NULL = another's */
	uint32_t target;
	uint32_t source;  /* CW_OTHER_BODY: index of the body; otherwise of the organisation, or CW_NO_ENTRY */
	uint32_t next;    /* the text's next meaning, or CW_NO_ENTRY */
	int32_t from, to; /* CW_DAY_NONE = open */
	unsigned line;
	const char *file; /* the table's path */
	bool code;
};

/* "*Town Council": what ends so, and is not known otherwise. */
struct cw_ending {
	const char *text; /* folded */
	uint32_t len;
	uint32_t source;  /* of other bodies or organisations */
	bool organisation;
	int32_t from, to;
};

struct cw_keys {
	struct cw_keys *next;
	size_t used, size;
	char data[];
};

struct cw_entry {
	const char *key; /* folded, len bytes, without an end */
	uint32_t len;
	uint32_t first;
};

/* A text as spelled in the files has a slot of its own beside its folded form, so that a spelling we know is found
 * without folding it. */
struct cw_slot {
	const char *key;
	uint32_t len;
	uint32_t hash;
	uint32_t entry; /* CW_NO_ENTRY = free */
};

struct cw_group {
	size_t n;
	uint32_t at[CW_COUNCILS_TOGETHER_MAX]; /* ascending */
};

struct cw_spelling {
	const char *text;
	uint32_t entry;
};

enum { CW_TABLE_COUNCILS, CW_TABLE_ALIASES, CW_TABLE_LINEAGE, CW_TABLE_ORGANISATIONS, CW_TABLE_BODIES, CW_TABLES };

struct cw_councils {
	struct cw_csv csv[CW_TABLES]; /* the strings of everything point into these */
	size_t n;
	struct cw_council *at;
	unsigned *type_words;            /* per council: enum cw_type_word that may stand around its names */
	const struct cw_council **by_id; /* sorted; NULL while loading */
	struct cw_keys *keys;
	size_t n_entries, cap_entries;
	struct cw_entry *entries;
	size_t n_meanings, cap_meanings;
	struct cw_meaning *meanings;
	size_t n_spellings, cap_spellings;
	struct cw_spelling *spellings;
	size_t n_slots; /* a power of two */
	struct cw_slot *slots;
	size_t n_groups, cap_groups;
	struct cw_group *groups;
	size_t n_lineage, cap_lineage;
	struct cw_lineage *lineage;
	size_t n_organisations, cap_organisations;
	struct cw_organisation *organisations;
	size_t n_members, cap_members;
	const struct cw_council **members; /* of organisations */
	size_t n_bodies, cap_bodies;
	struct cw_other_body *bodies;
	size_t n_endings, cap_endings;
	struct cw_ending *endings;
};

struct cw_slot *cw_council_slot(const struct cw_councils *councils, struct cw_str text);
/* Codes as spreadsheets write them: "80426.0" is 80426. A full stop would vanish in folding and make another
 * number of it, so digits are dealt with before. */
bool cw_council_digits(struct cw_str text, struct cw_str *ret);

#define CW_AFFIXES_MAX 6u

/* The type words at both ends of a folded text. */
struct cw_affixes {
	size_t n_before, n_after;
	size_t before[CW_AFFIXES_MAX]; /* where the text begins without the first 1, 2 … words */
	size_t after[CW_AFFIXES_MAX];  /* where it ends without the last 1, 2 … words */
	unsigned words_before[CW_AFFIXES_MAX], words_after[CW_AFFIXES_MAX]; /* what those are */
};
void cw_council_affixes(struct cw_str folded, struct cw_affixes *ret);

#endif
