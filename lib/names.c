#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/buf.h>
#include <councilwatch/names.h>

#include "words.h"

#define NAME_WORDS_MAX 16u
#define NONE WORDS_NONE
/* Words that may stand between a name and "council": city, county, borough … */
#define MODIFIERS_MAX 3u

/* How a name names. */
enum manner {
	MANNER_OFFICIAL, /* in full: needs no cue */
	MANNER_SHORT,
	MANNER_ORGANISATION,
	MANNER_OTHER,
	MANNER_OTHER_COUNCIL,
	MANNER_AREA, /* of several councils */
};

struct meaning {
	enum manner manner;
	int32_t from, to; /* CW_DAY_NONE = open */
	const char *organisation;
	uint32_t next;
	uint32_t n;
	uint16_t councils[CW_MENTION_COUNCILS_MAX];
};

struct name {
	uint32_t words[NAME_WORDS_MAX];
	uint32_t n;
	uint32_t meanings; /* the first; NONE */
	bool ordinary;
	bool verb;
};

/* The automaton: a node per beginning of a name. */
struct node {
	uint32_t parent, word;
	uint32_t fail; /* the longest other beginning that ends here */
	uint32_t name; /* that is whole here; NONE */
	uint32_t more; /* next node along fail with a whole name; 0 = none */
	uint32_t depth;
};

struct cw_names {
	struct words *words;
	const struct cw_councils *councils;
	size_t n, cap;
	struct name *at;
	size_t n_meanings, cap_meanings;
	struct meaning *meanings;
	size_t n_nodes, cap_nodes;
	struct node *nodes;
	size_t n_edges; /* slots of a hash table from (node, word) to node; a power of two */
	struct edge {
		uint32_t node, word, to;
	} * edges;
	struct patterns *cues;
	uint32_t w_and, w_the, w_or, w_of, w_on, w_upon, w_with, w_in, w_for;
	uint32_t w_council, w_councils, w_councillor, w_councillors, w_leaders;
	uint32_t w_city, w_county, w_borough, w_metropolitan, w_met, w_district, w_unitary, w_london, w_royal;
	uint32_t w_town, w_parish, w_community;
	uint32_t w_mbc, w_mdc, w_lbc, w_bc, w_cc, w_corporation;
	uint32_t not_of_council[12]; /* "council house" */
};

/*
 * The automaton
 */

static struct edge *edge_of(const struct cw_names *names, uint32_t node, uint32_t word)
{
	uint32_t hash = (node * 0x9e3779b1u) ^ (word * 0x85ebca6bu);

	hash ^= hash >> 15;
	for (size_t i = hash;; i++) {
		struct edge *edge = &names->edges[i & (names->n_edges - 1)];

		if (!edge->to || (edge->node == node && edge->word == word))
			return edge;
	}
}

static int more_edges(struct cw_names *names)
{
	struct edge *old = names->edges;
	size_t n = names->n_edges;

	names->n_edges = n ? n * 2 : 4096;
	names->edges = calloc(names->n_edges, sizeof(*names->edges));
	if (!names->edges) {
		names->edges = old;
		names->n_edges = n;
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		if (old[i].to)
			*edge_of(names, old[i].node, old[i].word) = old[i];
	free(old);
	return 0;
}

static int new_node(struct cw_names *names, uint32_t parent, uint32_t word, uint32_t depth, uint32_t *ret)
{
	if (cw_grow(&names->nodes, &names->cap_nodes, names->n_nodes, sizeof(struct node)) < 0 ||
	    (names->n_nodes * 2 >= names->n_edges && more_edges(names) < 0))
		return -ENOMEM;
	names->nodes[names->n_nodes] = (struct node){ parent, word, 0, NONE, 0, depth };
	*ret = (uint32_t)names->n_nodes++;
	if (*ret)
		*edge_of(names, parent, word) = (struct edge){ parent, word, *ret };
	return 0;
}

/* The name of these words, made when it is new. */
static int name_of(struct cw_names *names, const uint32_t *words, uint32_t n, uint32_t *ret)
{
	uint32_t node = 0;
	int r;

	for (uint32_t i = 0; i < n; i++) {
		struct edge *edge = edge_of(names, node, words[i]);

		if (edge->to) {
			node = edge->to;
			continue;
		}
		r = new_node(names, node, words[i], i + 1, &node);
		if (r < 0)
			return r;
	}
	if (names->nodes[node].name == NONE) {
		if (cw_grow(&names->at, &names->cap, names->n, sizeof(struct name)) < 0)
			return -ENOMEM;
		names->at[names->n] = (struct name){ .n = n, .meanings = NONE };
		memcpy(names->at[names->n].words, words, n * sizeof(*words));
		names->nodes[node].name = (uint32_t)names->n++;
	}
	*ret = names->nodes[node].name;
	return 0;
}

/* Shorter beginnings were made first, so that fail of a parent is there before its children's. */
static int link_nodes(struct cw_names *names)
{
	CW_CLEANUP(cw_freep) uint32_t *order = calloc(names->n_nodes + 1, sizeof(*order));
	uint32_t deepest = 0, n = 0;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < names->n_nodes; i++)
		deepest = CW_MAX(deepest, names->nodes[i].depth);
	for (uint32_t depth = 1; depth <= deepest; depth++)
		for (uint32_t i = 1; i < names->n_nodes; i++)
			if (names->nodes[i].depth == depth)
				order[n++] = i;
	for (uint32_t k = 0; k < n; k++) {
		struct node *node = &names->nodes[order[k]];
		uint32_t from = node->parent, to = 0;

		while (from && !to) {
			from = names->nodes[from].fail;
			to = edge_of(names, from, node->word)->to;
		}
		node->fail = to;
		node->more = names->nodes[to].name != NONE ? to : names->nodes[to].more;
	}
	return 0;
}

static uint32_t advance(const struct cw_names *names, uint32_t node, uint32_t word)
{
	uint32_t to;

	if (!word)
		return 0;
	while (!(to = edge_of(names, node, word)->to) && node)
		node = names->nodes[node].fail;
	return to;
}

/*
 * Building
 */

static int add_meaning(struct cw_names *names, struct cw_str text, const struct meaning *meaning)
{
	uint32_t words[NAME_WORDS_MAX], name;
	int n = words_split(names->words, text, words, NAME_WORDS_MAX);

	if (n == -EINVAL || n == -E2BIG)
		return 0; /* "…": nothing that a text could name it by */
	if (n < 0)
		return n;
	n = name_of(names, words, (uint32_t)n, &name);
	if (n < 0)
		return n;
	if (cw_grow(&names->meanings, &names->cap_meanings, names->n_meanings, sizeof(struct meaning)) < 0)
		return -ENOMEM;
	names->meanings[names->n_meanings] = *meaning;
	names->meanings[names->n_meanings].next = names->at[name].meanings;
	names->at[name].meanings = (uint32_t)names->n_meanings++;
	return 0;
}

static int add_text(struct cw_names *names, const char *text, const struct meaning *meaning)
{
	return add_meaning(names, cw_str(text), meaning);
}

static bool has_word(const struct cw_names *names, const uint32_t *words, int n, const char *word)
{
	uint32_t id = words_find(names->words, cw_str(word));

	for (int i = 0; i < n; i++)
		if (id && words[i] == id)
			return true;
	return false;
}

/*
 * What kind of name a spelling is. Tables have their own that no sentence would use ("Reading UA", "kent county"), and
 * "Leicester City" is a football club.
 */
static bool manner_of(const struct cw_names *names, const uint32_t *w, int n, enum manner *ret)
{
	static const char *const tables_only[] = { "ua", "boro", "lg", "joint", "inspection", "pre", "unitary", NULL };
	uint32_t last = w[n - 1];

	for (int i = 0; tables_only[i]; i++)
		if (has_word(names, w, n, tables_only[i]))
			return false;
	*ret = MANNER_OFFICIAL;
	if (has_word(names, w, n, "council") || last == names->w_corporation || last == names->w_mbc ||
	    last == names->w_mdc || last == names->w_lbc)
		return true;
	/* "London Borough of", "Royal Borough of", "Borough of". */
	for (int i = 0; i + 2 < n && i < 2; i++)
		if (w[i] == names->w_borough && w[i + 1] == names->w_of)
			return true;
	*ret = MANNER_SHORT;
	return n == 1 || (last != names->w_city && last != names->w_county && last != names->w_district &&
	                  last != names->w_borough && last != names->w_bc && last != names->w_cc);
}

/* A health body covers councils and is none of theirs; and "West Mercia", which in a table of youth justice services is one, is
 * the police more often in a text. */
static enum manner organisation_manner(const struct cw_names *names, const struct cw_organisation *organisation,
                                       const uint32_t *w, int n)
{
	if (!strcmp(organisation->kind, "icb"))
		return MANNER_OTHER;
	if (!strcmp(organisation->kind, "delegate") || has_word(names, w, n, "safeguarding") ||
	    has_word(names, w, n, "youth"))
		return MANNER_ORGANISATION;
	return MANNER_AREA;
}

static int add_council_name(struct cw_names *names, const struct cw_council_name *name)
{
	struct meaning meaning = { .from = name->from, .to = name->to };
	uint32_t w[NAME_WORDS_MAX];
	int n;

	/* A footnote's number at the end of a name. */
	if (name->text.len && name->text.at[name->text.len - 1] >= '0' && name->text.at[name->text.len - 1] <= '9')
		return 0;
	if (name->text.len && name->text.at[0] == '*') /* an ending for names of councils: the cues have those */
		return 0;
	if (!name->n) {
		const char *kind = name->body ? name->body->kind : "";

		meaning.manner =
		    !strcmp(kind, "district") || strstr(kind, "_council") ? MANNER_OTHER_COUNCIL : MANNER_OTHER;
		return add_meaning(names, name->text, &meaning);
	}
	if (name->n > CW_MENTION_COUNCILS_MAX)
		return 0;
	for (; meaning.n < name->n; meaning.n++)
		meaning.councils[meaning.n] = (uint16_t)name->at[meaning.n]->index;
	n = words_split(names->words, name->text, w, NAME_WORDS_MAX);
	if (n < 0)
		return n == -ENOMEM ? n : 0;
	if (name->organisation) {
		meaning.manner = organisation_manner(names, name->organisation, w, n);
		meaning.organisation = name->organisation->name;
		return add_meaning(names, name->text, &meaning);
	}
	/* Rows that name several councils together are of tables. */
	if (name->n > 1 || !manner_of(names, w, n, &meaning.manner))
		return 0;
	return add_meaning(names, name->text, &meaning);
}

static int intern_words(struct cw_names *names)
{
	static const char *const housing[] = { "house", "houses", "housing", "estate", "estates", "flat",
		                               "flats", "tenant", "tenants", "home",   "homes" };
	const struct {
		uint32_t *at;
		const char *text;
	} all[] = { { &names->w_and, "and" },
		    { &names->w_the, "the" },
		    { &names->w_or, "or" },
		    { &names->w_of, "of" },
		    { &names->w_on, "on" },
		    { &names->w_upon, "upon" },
		    { &names->w_with, "with" },
		    { &names->w_in, "in" },
		    { &names->w_for, "for" },
		    { &names->w_council, "council" },
		    { &names->w_councils, "councils" },
		    { &names->w_councillor, "councillor" },
		    { &names->w_councillors, "councillors" },
		    { &names->w_leaders, "leaders" },
		    { &names->w_city, "city" },
		    { &names->w_county, "county" },
		    { &names->w_borough, "borough" },
		    { &names->w_metropolitan, "metropolitan" },
		    { &names->w_met, "met" },
		    { &names->w_district, "district" },
		    { &names->w_unitary, "unitary" },
		    { &names->w_london, "london" },
		    { &names->w_royal, "royal" },
		    { &names->w_town, "town" },
		    { &names->w_parish, "parish" },
		    { &names->w_community, "community" },
		    { &names->w_mbc, "mbc" },
		    { &names->w_mdc, "mdc" },
		    { &names->w_lbc, "lbc" },
		    { &names->w_bc, "bc" },
		    { &names->w_cc, "cc" },
		    { &names->w_corporation, "corporation" } };

	for (size_t i = 0; i < CW_ARRAY_LEN(all); i++)
		if (!(*all[i].at = words_intern(names->words, cw_str(all[i].text))))
			return -ENOMEM;
	for (size_t i = 0; i < CW_ARRAY_LEN(housing); i++)
		if (!(names->not_of_council[i] = words_intern(names->words, cw_str(housing[i]))))
			return -ENOMEM;
	return 0;
}

int cw_names_new(struct words *words, const struct cw_councils *councils, struct cw_names **ret)
{
	struct cw_names *names = calloc(1, sizeof(*names));
	struct cw_council_name name;
	uint32_t root;
	size_t position = 0;
	int r;

	if (!names)
		return -ENOMEM;
	names->words = words;
	names->councils = councils;
	names->cues = patterns_new(words);
	r = names->cues ? more_edges(names) : -ENOMEM;
	if (r == 0)
		r = new_node(names, 0, 0, 0, &root);
	if (r == 0)
		r = intern_words(names);
	while (r == 0 && cw_council_names(councils, &position, &name))
		r = add_council_name(names, &name);
	if (r < 0) {
		cw_names_free(names);
		return r;
	}
	*ret = names;
	return 0;
}

void cw_names_free(struct cw_names *names)
{
	if (!names)
		return;
	patterns_free(names->cues);
	free(names->at);
	free(names->meanings);
	free(names->nodes);
	free(names->edges);
	free(names);
}

static struct meaning of_councils(enum manner manner, const uint16_t *councils, size_t n)
{
	struct meaning meaning = { .manner = manner, .from = CW_DAY_NONE, .to = CW_DAY_NONE };

	for (; meaning.n < n && meaning.n < CW_MENTION_COUNCILS_MAX; meaning.n++)
		meaning.councils[meaning.n] = councils[meaning.n];
	return meaning;
}

int cw_names_add_spoken(struct cw_names *names, const char *name, const uint16_t *councils, size_t n)
{
	struct meaning meaning = of_councils(MANNER_SHORT, councils, n);

	/* No longer than they exist. */
	for (size_t i = 0; i < meaning.n; i++) {
		const struct cw_council *council = cw_councils_at(names->councils, councils[i]);

		meaning.from = CW_MAX(meaning.from, council->start_day);
		if (council->end_day != CW_DAY_NONE)
			meaning.to =
			    meaning.to == CW_DAY_NONE ? council->end_day : CW_MIN(meaning.to, council->end_day);
	}
	return add_text(names, name, &meaning);
}

int cw_names_add_doubtful(struct cw_names *names, const char *name)
{
	struct meaning meaning = of_councils(MANNER_SHORT, NULL, 0);

	return add_text(names, name, &meaning);
}

int cw_names_add_organisation(struct cw_names *names, const char *name, const uint16_t *councils, size_t n,
                              int32_t from, int32_t to)
{
	struct meaning meaning = of_councils(MANNER_ORGANISATION, councils, n);

	meaning.organisation = name;
	meaning.from = from;
	meaning.to = to;
	return add_text(names, name, &meaning);
}

int cw_names_add_other(struct cw_names *names, const char *name, bool council, bool area)
{
	struct meaning meaning = of_councils(area      ? MANNER_AREA
	                                     : council ? MANNER_OTHER_COUNCIL
	                                               : MANNER_OTHER,
	                                     NULL, 0);

	return add_text(names, name, &meaning);
}

int cw_names_add_ordinary(struct cw_names *names, const char *name, bool verb)
{
	uint32_t words[NAME_WORDS_MAX], at;
	int n = words_split(names->words, cw_str(name), words, NAME_WORDS_MAX);

	if (n < 0)
		return n;
	n = name_of(names, words, (uint32_t)n, &at);
	if (n == 0)
		names->at[at].ordinary = true;
	if (n == 0)
		names->at[at].verb = names->at[at].verb || verb;
	return n;
}

int cw_names_add_cue(struct cw_names *names, enum cw_cue cue, const char *pattern, cw_names_list_fn *list, void *arg,
                     struct cw_error *err)
{
	return patterns_add(names->cues, pattern, cue, list, arg, err);
}

int cw_names_finish(struct cw_names *names)
{
	int r = link_nodes(names);

	return r < 0 ? r : patterns_finish(names->cues);
}

/*
 * Finding
 */

struct found { /* a name at a place, before it is settled which counts */
	uint32_t start, end, name;
};

struct cw_finder {
	const struct cw_names *names;
	struct matcher *matcher;
	struct hits hits;
	size_t n_found, cap_found;
	struct found *found;
	size_t cap_items;
	struct item *items;
	/* By word; of the text in hand. */
	unsigned char *marks;
	uint32_t *reach; /* of a cue after a name that begins here: where it ends */
	const struct word *words;
	size_t n;
	int32_t day;
};

/* What stands at a word. */
enum {
	MARK_BEFORE_ENDS = 1u << 0, /* a cue ends right before it */
	MARK_NOT_AFTER = 1u << 1,
	MARK_NOT_BEFORE = 1u << 2,
	MARK_NEAR = 1u << 3, /* in a clause with a cue */
	MARK_BARE_BEFORE = 1u << 4,
	MARK_BARE_AFTER = 1u << 5,
	MARK_PAST = 1u << 6,
};

int cw_finder_new(const struct cw_names *names, struct cw_finder **ret)
{
	struct cw_finder *finder = calloc(1, sizeof(*finder));

	if (!finder)
		return -ENOMEM;
	finder->names = names;
	finder->matcher = matcher_new(names->cues);
	finder->items = calloc(CW_TEXT_WORDS_MAX + 1, sizeof(*finder->items));
	finder->marks = calloc(CW_TEXT_WORDS_MAX + 1, 1);
	finder->reach = calloc(CW_TEXT_WORDS_MAX + 1, sizeof(*finder->reach));
	if (!finder->matcher || !finder->items || !finder->marks || !finder->reach) {
		cw_finder_free(finder);
		return -ENOMEM;
	}
	*ret = finder;
	return 0;
}

void cw_finder_free(struct cw_finder *finder)
{
	if (!finder)
		return;
	matcher_free(finder->matcher);
	hits_clear(&finder->hits);
	free(finder->found);
	free(finder->items);
	free(finder->marks);
	free(finder->reach);
	free(finder);
}

/* Does a word go on from the one before it, with nothing between them but a blank? */
static bool goes_on(const struct cw_finder *f, size_t i)
{
	return i > 0 && i < f->n && !(f->words[i].flags & (WORD_SENTENCE | WORD_CLAUSE | WORD_COMMA));
}

static bool is_word(const struct cw_finder *f, size_t i, uint32_t id)
{
	/* "council's" is folded to "councils", which it is not. */
	return i < f->n && id && (f->words[i].flags & WORD_POSSESSIVE ? f->words[i].base : f->words[i].id) == id;
}

/* --- names --- */

static int add_found(struct cw_finder *f, uint32_t start, uint32_t end, uint32_t name)
{
	if (cw_grow(&f->found, &f->cap_found, f->n_found, sizeof(struct found)) < 0)
		return -ENOMEM;
	f->found[f->n_found++] = (struct found){ start, end, name };
	return 0;
}

/* base: the last word of a name may be possessive. */
static int scan_names(struct cw_finder *f, bool base)
{
	const struct cw_names *names = f->names;
	uint32_t node = 0;

	for (uint32_t i = 0; i < f->n; i++) {
		const struct word *word = &f->words[i];
		uint32_t at;

		if (word->flags & WORD_SENTENCE)
			node = 0;
		if (base && word->base != word->id) {
			at = advance(names, node, word->base);
			for (uint32_t k = names->nodes[at].name != NONE ? at : names->nodes[at].more; k;
			     k = names->nodes[k].more)
				if (add_found(f, i + 1 - names->nodes[k].depth, i + 1, names->nodes[k].name) < 0)
					return -ENOMEM;
		}
		node = advance(names, node, word->id);
		for (uint32_t k = names->nodes[node].name != NONE ? node : names->nodes[node].more; k;
		     k = names->nodes[k].more)
			if (add_found(f, i + 1 - names->nodes[k].depth, i + 1, names->nodes[k].name) < 0)
				return -ENOMEM;
	}
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->end != y->end ? (x->end > y->end ? -1 : 1) : 0;
}

/* Is it written as a name is: with capitals, but for the small words? */
static bool written_as_name(const struct cw_finder *f, const struct found *found)
{
	const struct cw_names *names = f->names;

	for (uint32_t i = found->start; i < found->end; i++) {
		const struct word *word = &f->words[i];

		if (i > found->start && (word->flags & WORD_CLAUSE))
			return false;
		if (word->flags & (WORD_CAPITAL | WORD_NUMBER) || word->id == names->w_and || word->id == names->w_of ||
		    word->id == names->w_on || word->id == names->w_upon || word->id == names->w_the ||
		    word->id == names->w_with || word->id == names->w_in || word->id == names->w_for ||
		    word->id == names->w_council || word->base == names->w_council || word->id == names->w_city ||
		    word->id == names->w_county || word->id == names->w_borough)
			continue;
		return false;
	}
	return true;
}

static bool council_word(const struct cw_finder *f, size_t i)
{
	const struct cw_names *names = f->names;

	return is_word(f, i, names->w_council) || is_word(f, i, names->w_councils) ||
	       is_word(f, i, names->w_councillors) || is_word(f, i, names->w_councillor);
}

static bool modifier(const struct cw_finder *f, size_t i)
{
	const struct cw_names *names = f->names;
	const uint32_t all[] = { names->w_city, names->w_county,   names->w_borough, names->w_metropolitan,
		                 names->w_met,  names->w_district, names->w_unitary, names->w_london };

	for (size_t k = 0; k < CW_ARRAY_LEN(all); k++)
		if (is_word(f, i, all[k]))
			return true;
	return false;
}

/* Does "council" follow, after no more than its modifiers? */
static bool council_follows(const struct cw_finder *f, size_t i)
{
	for (size_t n = 0; n <= MODIFIERS_MAX; n++, i++) {
		if (!goes_on(f, i))
			return false;
		if (council_word(f, i))
			return true;
		if (!modifier(f, i))
			return false;
	}
	return false;
}

/* --- which meaning --- */

static bool covers(const struct meaning *meaning, int32_t day)
{
	return (meaning->from == CW_DAY_NONE || meaning->from <= day) &&
	       (meaning->to == CW_DAY_NONE || meaning->to >= day);
}

static bool exists(const struct cw_council *council, int32_t day)
{
	return (council->start_day == CW_DAY_NONE || council->start_day <= day) &&
	       (council->end_day == CW_DAY_NONE || council->end_day >= day);
}

static bool same_councils(const struct meaning *a, const struct meaning *b)
{
	return a->n == b->n && !memcmp(a->councils, b->councils, a->n * sizeof(*a->councils));
}

/*
 * The meaning of a name on the day; when it has none then, an older one of a council that still exists under another name
 * ("Buckinghamshire County Council"). NULL with *why: of several, or of another time.
 */
static const struct meaning *meaning_on(const struct cw_finder *f, const struct name *name, const char **why)
{
	const struct cw_names *names = f->names;
	const struct meaning *ours = NULL, *other = NULL, *old = NULL;
	bool several = false, then = false;

	*why = NULL;
	for (uint32_t m = name->meanings; m != NONE; m = names->meanings[m].next) {
		const struct meaning *meaning = &names->meanings[m];

		if (meaning->manner >= MANNER_OTHER) {
			if (!other || meaning->manner == MANNER_OTHER_COUNCIL)
				other = meaning;
		} else if (!meaning->n) {
			several = true;
		} else if (!covers(meaning, f->day)) {
			then = true;
			if (meaning->n == 1 && meaning->manner <= MANNER_SHORT &&
			    exists(cw_councils_at(names->councils, meaning->councils[0]), f->day))
				old = meaning;
		} else if (!ours || same_councils(ours, meaning)) {
			/* In full before short. */
			ours = !ours || meaning->manner < ours->manner ? meaning : ours;
		} else {
			several = true;
		}
	}
	if (several) {
		*why = "several councils have this name";
		return NULL;
	}
	if (!ours)
		ours = old;
	if (ours)
		return ours;
	if (!then)
		return other;
	*why = "no council had this name on that day";
	return NULL;
}

/* --- cues --- */

static int mark_cues(struct cw_finder *f)
{
	static const unsigned char ends[] = { [CW_CUE_BEFORE] = MARK_BEFORE_ENDS,
		                              [CW_CUE_NOT_AFTER] = MARK_NOT_AFTER,
		                              [CW_CUE_BARE_BEFORE] = MARK_BARE_BEFORE,
		                              [CW_CUE_PAST] = MARK_PAST };
	int r;

	memset(f->marks, 0, f->n + 1);
	memset(f->reach, 0, (f->n + 1) * sizeof(*f->reach));
	for (uint32_t i = 0; i < f->n; i++)
		f->items[i] = (struct item){ i, i + 1, NONE, ITEM_WORD };
	r = matcher_run(f->matcher, f->words, f->items, f->n, &f->hits);
	if (r < 0)
		return r;
	for (size_t i = 0; i < f->hits.n; i++) {
		const struct hit *hit = &f->hits.at[i];

		switch (hit->tag) {
		case CW_CUE_AFTER:
			f->reach[hit->start] = CW_MAX(f->reach[hit->start], hit->end);
			break;
		case CW_CUE_NOT_BEFORE:
			f->marks[hit->start] |= MARK_NOT_BEFORE;
			break;
		case CW_CUE_BARE_AFTER:
			f->marks[hit->start] |= MARK_BARE_AFTER;
			break;
		case CW_CUE_NEAR: {
			size_t from = hit->start, to = hit->end;

			while (from > 0 && !(f->words[from].flags & WORD_CLAUSE))
				from--;
			while (to < f->n && !(f->words[to].flags & WORD_CLAUSE))
				to++;
			for (; from < to; from++)
				f->marks[from] |= MARK_NEAR;
			break;
		}
		default:
			f->marks[hit->end] |= ends[hit->tag];
		}
	}
	return 0;
}

/* --- a short name and what is around it --- */

static bool type_allows(const struct cw_council *council, const struct cw_names *names, uint32_t word)
{
	const char *type = council->type;
	bool county = !strcmp(type, "county"), london = !strcmp(type, "london_borough");
	bool met = !strcmp(type, "met_district");

	if (word == names->w_county)
		return county || strstr(council->name, "County");
	if (word == names->w_city)
		return !county && (!london || !strcmp(council->id, "westminster"));
	if (word == names->w_borough)
		return !county;
	if (word == names->w_metropolitan || word == names->w_met)
		return met;
	if (word == names->w_district)
		return met;
	if (word == names->w_london)
		return london;
	return !county && !london && !met; /* unitary */
}

static bool allowed(const struct cw_finder *f, const struct cw_mention *m, uint32_t from, uint32_t to)
{
	const struct cw_names *names = f->names;

	for (uint32_t i = from; i < to; i++)
		for (uint32_t k = 0; k < m->n_councils; k++)
			if (!type_allows(cw_councils_at(names->councils, m->councils[k]), names, f->words[i].base))
				return false;
	return true;
}

static void settle(struct cw_mention *m, enum cw_mention_state state, bool open, const char *why)
{
	m->state = state;
	m->open = open;
	m->why = why;
}

/* A name continued by a capital is part of a longer one, when capitals mean something. */
static bool capital_at(const struct cw_finder *f, size_t i)
{
	return goes_on(f, i) && (f->words[i].flags & WORD_CAPITAL) && !(f->words[i].flags & WORD_TITLE);
}

static bool housing(const struct cw_finder *f, size_t i)
{
	for (size_t k = 0; f->names->not_of_council[k]; k++)
		if (is_word(f, i, f->names->not_of_council[k]))
			return goes_on(f, i);
	return false;
}

static bool of_county(const struct cw_finder *f, const struct cw_mention *m)
{
	return m->n_councils == 1 && !strcmp(cw_councils_at(f->names->councils, m->councils[0])->type, "county");
}

/* "Walsall MBC", "Reading BC", "Buckinghamshire CC", as the trade press has them. */
static bool abbreviated(const struct cw_finder *f, const struct cw_mention *m, uint32_t i)
{
	const struct cw_names *names = f->names;
	const struct cw_council *council = m->n_councils == 1 ? cw_councils_at(names->councils, m->councils[0]) : NULL;

	if (!(f->words[i].flags & WORD_CAPITAL) || !council)
		return false;
	if (is_word(f, i, names->w_mbc) || is_word(f, i, names->w_mdc))
		return type_allows(council, names, names->w_metropolitan);
	if (is_word(f, i, names->w_lbc))
		return type_allows(council, names, names->w_london);
	if (is_word(f, i, names->w_bc))
		return type_allows(council, names, names->w_borough);
	return is_word(f, i, names->w_cc) &&
	       (type_allows(council, names, names->w_county) || strstr(council->name, "City"));
}

/* "… council", with all that may stand between. True: settled. */
static bool with_council(struct cw_finder *f, struct cw_mention *m, bool verb, bool named_before)
{
	const struct cw_names *names = f->names;
	uint32_t i = m->name_end;
	bool opens = f->words[m->first].flags & WORD_SENTENCE;

	if (goes_on(f, i) &&
	    (is_word(f, i, names->w_town) || is_word(f, i, names->w_parish) || is_word(f, i, names->w_community)) &&
	    goes_on(f, i + 1) && council_word(f, i + 1)) {
		settle(m, CW_MENTION_OTHER, false, NULL);
		m->other_council = true;
		return true;
	}
	if (goes_on(f, i) && abbreviated(f, m, i)) {
		m->end = i + 1;
		settle(m, CW_MENTION_SURE, true, NULL);
		return true;
	}
	if (!council_follows(f, i))
		return false;
	while (!council_word(f, i))
		i++;
	if (is_word(f, i, names->w_council) &&
	    (housing(f, i + 1) ||
	     (goes_on(f, i + 1) && (is_word(f, i + 1, names->w_of) || is_word(f, i + 1, names->w_for))))) {
		settle(m, CW_MENTION_PLACE, false, NULL);
		return true;
	}
	m->end = is_word(f, i, names->w_council) || is_word(f, i, names->w_councils) ? i + 1 : m->name_end;
	if (!allowed(f, m, m->name_end, i))
		settle(m, CW_MENTION_MAYBE, false, "it is not a council of that type");
	else if (named_before)
		settle(m, CW_MENTION_MAYBE, false, "it may be part of a longer name");
	else if (is_word(f, i, names->w_councils) && m->n_councils == 1)
		settle(m, CW_MENTION_MAYBE, true, "councils, more than one, are spoken of");
	else if (goes_on(f, i + 1) && is_word(f, i + 1, names->w_leaders) && of_county(f, m))
		settle(m, CW_MENTION_MAYBE, true, "leaders of councils, more than one, may be spoken of");
	else if (verb && opens && i == m->name_end && !(f->words[i].flags & WORD_CAPITAL))
		settle(m, CW_MENTION_MAYBE, true, "the name is also an ordinary word");
	else
		settle(m, CW_MENTION_SURE, true, NULL);
	return true;
}

/* Does the name stand by itself in its clause, as who does something or has it done? */
static bool stands_alone(const struct cw_mention *m)
{
	return m->starts && m->ends;
}

/* Is there a cue in its clause; or, when the name is all of its clause, in the next: "Leeds: children's services …"? */
static bool cue_near(const struct cw_finder *f, const struct cw_mention *m)
{
	const struct word *next = m->name_end < f->n ? &f->words[m->name_end] : NULL;
	bool headed = f->words[m->first].flags & WORD_CLAUSE && next && next->flags & WORD_CLAUSE &&
	              !(next->flags & WORD_SENTENCE);

	return f->marks[m->first] & MARK_NEAR || (headed && f->marks[m->name_end] & MARK_NEAR);
}

static void judge_short(struct cw_finder *f, struct cw_mention *m, const struct name *name)
{
	uint32_t first = m->first, end = m->name_end;
	const struct word *before = goes_on(f, first) ? &f->words[first - 1] : NULL;
	bool cue_before = f->marks[first] & MARK_BEFORE_ENDS, cue_after = goes_on(f, end) && f->reach[end];
	/* "Jane Bolton", where a capital before says something. */
	bool named = before && (before->flags & WORD_CAPITAL) && !(before->flags & (WORD_TITLE | WORD_SENTENCE)) &&
	             !cue_before && !(f->marks[first] & (MARK_BARE_BEFORE | MARK_PAST)) &&
	             !is_word(f, first - 1, f->names->w_the);

	if (f->words[first].flags & WORD_JOINED || (f->marks[first] & MARK_NOT_AFTER && before)) {
		settle(m, CW_MENTION_OTHER, false, NULL);
		return;
	}
	if (f->marks[first] & MARK_PAST && before) {
		settle(m, CW_MENTION_PLACE, false, NULL); /* "former Plymouth council leader" */
		return;
	}
	if (end < f->n && f->words[end].flags & WORD_JOINED && goes_on(f, end)) {
		settle(m, CW_MENTION_PLACE, false, NULL); /* "Leeds-based" */
		return;
	}
	if (with_council(f, m, name->verb, named))
		return;
	if (goes_on(f, end) && f->marks[end] & MARK_NOT_BEFORE) {
		settle(m, CW_MENTION_OTHER, false, NULL);
		return;
	}
	if (cue_after) {
		settle(m, named ? CW_MENTION_MAYBE : CW_MENTION_SURE, !named,
		       named ? "it may be part of a longer name" : NULL);
		return;
	}
	/* "Leeds Arena" is another thing, and "Leeds's SEND service" is not. */
	if (named || (capital_at(f, end) && !(f->words[end - 1].flags & WORD_POSSESSIVE))) {
		settle(m, CW_MENTION_PLACE, false, NULL);
		return;
	}
	if (cue_before) {
		bool plural = of_county(f, m) && first >= 2 &&
		              (is_word(f, first - 2, f->names->w_councils) ||
		               is_word(f, first - 2, f->names->w_councillors) ||
		               is_word(f, first - 2, f->names->w_leaders));

		settle(m, plural ? CW_MENTION_MAYBE : CW_MENTION_SURE, true,
		       plural ? "councils, more than one, are spoken of" : NULL);
		return;
	}
	if (!cue_near(f, m)) {
		settle(m, CW_MENTION_PLACE, true, NULL);
		return;
	}
	m->near = true;
	m->ordinary = name->ordinary || f->words[first].flags & WORD_TITLE;
	if (stands_alone(m) && !m->ordinary)
		settle(m, CW_MENTION_SURE, true, NULL);
	else
		settle(m, CW_MENTION_MAYBE, true, "nothing next to the name says that it is the council");
}

static int add_mention(struct cw_finder *f, const struct found *found, struct cw_mentions *ret)
{
	const struct name *name = &f->names->at[found->name];
	struct cw_mention m = { .first = found->start, .name_end = found->end, .end = found->end };
	const struct meaning *meaning;
	const char *why;

	if (cw_grow(&ret->at, &ret->cap, ret->n, sizeof(m)) < 0)
		return -ENOMEM;
	m.group = (uint32_t)ret->n;
	m.starts = !goes_on(f, m.first) || f->marks[m.first] & (MARK_BARE_BEFORE | MARK_BEFORE_ENDS);
	m.ends = m.name_end == f->n || !goes_on(f, m.name_end) || f->marks[m.name_end] & MARK_BARE_AFTER;
	meaning = meaning_on(f, name, &why);
	if (meaning) {
		m.n_councils = meaning->n;
		memcpy(m.councils, meaning->councils, meaning->n * sizeof(*m.councils));
		m.organisation = meaning->organisation;
	}
	if (!meaning) {
		/* The name of another time, or of several: only the council itself is worth a question. */
		bool full = false, past = f->marks[m.first] & MARK_PAST;

		for (uint32_t k = name->meanings; k != NONE; k = f->names->meanings[k].next)
			full = full || f->names->meanings[k].manner == MANNER_OFFICIAL;
		if (!past && (full || (goes_on(f, m.end) && council_follows(f, m.end)) ||
		              f->marks[m.first] & MARK_BEFORE_ENDS || (goes_on(f, m.end) && f->reach[m.end])))
			settle(&m, CW_MENTION_MAYBE, false, why);
		else
			settle(&m, CW_MENTION_PLACE, false, NULL);
		while (council_follows(f, m.end))
			m.end++;
	} else if (meaning->manner >= MANNER_OTHER) {
		settle(&m, CW_MENTION_OTHER, false, NULL);
		m.n_councils = 0;
		m.other_council = meaning->manner == MANNER_OTHER_COUNCIL;
		while (m.other_council && council_follows(f, m.end))
			m.end++;
	} else if (meaning->manner == MANNER_SHORT) {
		judge_short(f, &m, name);
	} else if (f->marks[m.first] & MARK_PAST ||
	           (is_word(f, m.end - 1, f->names->w_council) && !(f->words[m.end - 1].flags & WORD_CAPITAL) &&
	            housing(f, m.end))) {
		settle(&m, CW_MENTION_PLACE, false, NULL);
	} else {
		settle(&m, CW_MENTION_SURE, true, NULL);
	}
	ret->at[ret->n++] = m;
	return 0;
}

/* Which of the names found counts: the first, and of those the longest that can be one there. */
static int choose(struct cw_finder *f, struct cw_mentions *ret)
{
	uint32_t at = 0;

	for (size_t i = 0; i < f->n_found; i++) {
		const struct found *found = &f->found[i];
		const struct name *name = &f->names->at[found->name];
		bool area = false;
		int r;

		if (found->start < at || name->meanings == NONE || !written_as_name(f, found))
			continue;
		for (uint32_t m = name->meanings; m != NONE; m = f->names->meanings[m].next)
			area = area || f->names->meanings[m].manner == MANNER_AREA;
		if (area && (council_follows(f, found->end) || (goes_on(f, found->end) && f->reach[found->end])))
			continue;
		r = add_mention(f, found, ret);
		if (r < 0)
			return r;
		at = ret->at[ret->n - 1].end;
	}
	return 0;
}

/* --- lists --- */

/* Do two mentions stand side by side in a list: "A, B", "A and B", "A, and the B"? */
static bool listed(const struct cw_finder *f, const struct cw_mention *a, const struct cw_mention *b)
{
	const struct cw_names *names = f->names;
	uint32_t i = a->end;
	bool joined = false;

	/* "Bedford Borough and Central Bedfordshire councils" */
	while (i < b->first && i < a->name_end + MODIFIERS_MAX && a->end == a->name_end && modifier(f, i) &&
	       goes_on(f, i))
		i++;
	if (f->words[a->first].sentence != f->words[b->first].sentence || b->first - i > 2)
		return false;
	for (; i <= b->first; i++) {
		if (f->words[i].flags & WORD_CLAUSE)
			return false;
		if (f->words[i].flags & WORD_COMMA)
			joined = true;
		if (i == b->first)
			break;
		if (f->words[i].id == names->w_and || f->words[i].id == names->w_or)
			joined = true;
		else if (f->words[i].id != names->w_the)
			return false;
	}
	return joined;
}

static bool plural_follows(const struct cw_finder *f, const struct cw_mention *m)
{
	return m->end > m->name_end && is_word(f, m->end - 1, f->names->w_councils);
}

static void judge_list(struct cw_finder *f, struct cw_mention *first, size_t n)
{
	struct cw_mention *last = &first[n - 1];
	bool all = n > 1 && (plural_follows(f, last) ||
	                     (f->marks[first->first] & MARK_BEFORE_ENDS && first->state == CW_MENTION_SURE));
	/* "A and B's children's services", where nothing before says that A is another thing's place. */
	bool after = n > 1 && last->state == CW_MENTION_SURE && goes_on(f, last->name_end) &&
	             f->reach[last->name_end] &&
	             (!goes_on(f, first->first) || f->marks[first->first] & MARK_BARE_BEFORE);

	for (size_t i = 0; i < n && (all || after); i++) {
		struct cw_mention *m = &first[i];

		if (m->state != CW_MENTION_OTHER && (m->open || (all && modifier(f, m->name_end))) && m->n_councils)
			settle(m, CW_MENTION_SURE, true, NULL);
	}
	/* "Croydon, Slough and Thurrock granted …", and "Hampshire, Kent and Surrey leaders": what goes on from the last
	 * goes on from all. */
	for (size_t i = 0; i + 1 < n && last->state != CW_MENTION_OTHER; i++) {
		struct cw_mention *m = &first[i];

		m->ends = last->ends;
		if (m->near && m->state == CW_MENTION_SURE && !m->ends && last->state != CW_MENTION_SURE)
			settle(m, CW_MENTION_MAYBE, true, "other words go on from the list");
		else if (m->near && m->state == CW_MENTION_MAYBE && m->ends && !m->ordinary &&
		         first->state == CW_MENTION_SURE)
			settle(m, CW_MENTION_SURE, true, NULL);
	}
	for (size_t i = 1; i < n; i++)
		if ((first[i].state == CW_MENTION_SURE) == (first[i - 1].state == CW_MENTION_SURE) && first[i].open &&
		    first[i - 1].open)
			first[i].group = first[i - 1].group;
}

static void judge_lists(struct cw_finder *f, struct cw_mentions *mentions)
{
	for (size_t i = 0; i < mentions->n;) {
		size_t n = 1;

		while (i + n < mentions->n && listed(f, &mentions->at[i + n - 1], &mentions->at[i + n]))
			n++;
		judge_list(f, &mentions->at[i], n);
		i += n;
	}
}

/* A council named beyond doubt is meant when its short name stands there again. */
static void judge_again(struct cw_finder *f, struct cw_mentions *mentions)
{
	bool any = false;

	(void)f;
	for (size_t i = 0; i < mentions->n; i++)
		any = any || (mentions->at[i].state == CW_MENTION_SURE && mentions->at[i].n_councils);
	for (size_t i = 0; any && i < mentions->n; i++) {
		struct cw_mention *m = &mentions->at[i];
		bool again = false;

		if ((m->state != CW_MENTION_PLACE && m->state != CW_MENTION_MAYBE) || !m->n_councils)
			continue;
		for (size_t k = 0; k < mentions->n && !again; k++)
			again = mentions->at[k].state == CW_MENTION_SURE &&
			        mentions->at[k].n_councils == m->n_councils &&
			        !memcmp(mentions->at[k].councils, m->councils, m->n_councils * sizeof(*m->councils));
		if (again && m->open)
			settle(m, CW_MENTION_SURE, true, NULL);
		else if (again || (m->near && m->state == CW_MENTION_MAYBE))
			settle(m, CW_MENTION_PLACE, m->open, NULL);
	}
}

int cw_finder_run(struct cw_finder *f, const struct wordlist *list, int32_t day, struct cw_mentions *ret)
{
	int r;

	ret->n = 0;
	f->words = list->at;
	f->n = list->n;
	f->day = day;
	f->n_found = 0;
	r = scan_names(f, true);
	if (r < 0 || !f->n_found)
		return r;
	qsort(f->found, f->n_found, sizeof(*f->found), by_place);
	r = mark_cues(f);
	if (r == 0)
		r = choose(f, ret);
	if (r < 0)
		return r;
	judge_lists(f, ret);
	judge_again(f, ret);
	return 0;
}
