#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/buf.h>
#include <councilwatch/limits.h>

#include "words.h"

/*
 * Vocabulary
 */

struct words {
	struct cw_buf text; /* the words, end to end */
	size_t n, cap;
	struct known {
		uint32_t at, len, hash;
	} * at;          /* by number; number 0 is no word */
	size_t n_slots;  /* a power of two */
	uint32_t *slots; /* numbers; 0 = free */
	uint32_t clause_words[8], may, month;
	uint32_t before_may[12];
	uint32_t abbreviations[16];
};

static uint32_t hash_text(struct cw_str text)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.at[i]) * 16777619u;
	return hash ^ hash >> 15;
}

static uint32_t *slot_of(const struct words *words, struct cw_str text, uint32_t hash)
{
	for (size_t i = hash;; i++) {
		uint32_t *slot = &words->slots[i & (words->n_slots - 1)];
		const struct known *known = &words->at[*slot];

		if (!*slot || (known->hash == hash && known->len == text.len &&
		               !memcmp(words->text.data + known->at, text.at, text.len)))
			return slot;
	}
}

static int rehash(struct words *words)
{
	size_t n = words->n_slots ? words->n_slots * 2 : 1024;
	uint32_t *slots = calloc(n, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	free(words->slots);
	words->slots = slots;
	words->n_slots = n;
	for (size_t i = 1; i < words->n; i++) {
		size_t k = words->at[i].hash;

		while (slots[k & (n - 1)])
			k++;
		slots[k & (n - 1)] = (uint32_t)i;
	}
	return 0;
}

uint32_t words_intern(struct words *words, struct cw_str folded)
{
	uint32_t hash = hash_text(folded), *slot;

	if ((!words->n_slots || words->n * 2 > words->n_slots) && rehash(words) < 0)
		return 0;
	slot = slot_of(words, folded, hash);
	if (*slot)
		return *slot;
	if (cw_grow(&words->at, &words->cap, words->n, sizeof(*words->at)) < 0)
		return 0;
	words->at[words->n] = (struct known){ (uint32_t)words->text.len, (uint32_t)folded.len, hash };
	if (cw_buf_append(&words->text, folded.at, folded.len) < 0)
		return 0;
	*slot = (uint32_t)words->n++;
	return *slot;
}

uint32_t words_find(const struct words *words, struct cw_str folded)
{
	return *slot_of(words, folded, hash_text(folded));
}

static int intern_all(struct words *words, const char *const *texts, uint32_t *ret)
{
	for (; *texts; texts++) {
		*ret = words_intern(words, cw_str(*texts));
		if (!*ret++)
			return -ENOMEM;
	}
	*ret = 0;
	return 0;
}

struct words *words_new(void)
{
	/* They begin a clause of their own. */
	static const char *const clause_words[] = { "but", "while", "whilst", "whereas", "although", "though", NULL };
	/* "in May", "last May": the month. */
	static const char *const before_may[] = { "in",   "of",   "since", "until", "by",   "from",
		                                  "last", "next", "this",  "early", "late", NULL };
	/* A full stop after them ends no sentence. */
	static const char *const abbreviations[] = { "st", "mr",  "mrs", "ms", "dr",  "prof", "rev", "cllr",
		                                     "no", "nos", "vs",  "v",  "hon", "sir",  NULL };
	struct words *words = calloc(1, sizeof(*words));

	if (!words)
		return NULL;
	cw_buf_init(&words->text, 16u << 20);
	words->at = calloc(64, sizeof(*words->at));
	words->cap = words->at ? 64 : 0;
	words->n = 1;
	if (!words->at || rehash(words) < 0 || intern_all(words, clause_words, words->clause_words) < 0 ||
	    intern_all(words, before_may, words->before_may) < 0 ||
	    intern_all(words, abbreviations, words->abbreviations) < 0 ||
	    !(words->may = words_intern(words, cw_str("may"))) ||
	    !(words->month = words_intern(words, cw_str("maymonth")))) {
		words_free(words);
		return NULL;
	}
	return words;
}

void words_free(struct words *words)
{
	if (!words)
		return;
	cw_buf_clear(&words->text);
	free(words->at);
	free(words->slots);
	free(words);
}

int words_split(struct words *words, struct cw_str name, uint32_t *ret, size_t max)
{
	struct cw_buf folded;
	size_t n = 0, from = 0;
	int r;

	cw_buf_init(&folded, 4u * CW_FIELD_MAX);
	r = cw_text_fold(name, &folded);
	if (r == -EBADMSG)
		r = -EINVAL;
	while (r == 0 && from < folded.len) {
		const char *at = cw_buf_str(&folded) + from;
		size_t len = strcspn(at, " ");

		if (n == max)
			r = -E2BIG;
		else if (!(ret[n++] = words_intern(words, (struct cw_str){ at, len })))
			r = -ENOMEM;
		from += len + 1;
	}
	cw_buf_clear(&folded);
	return r < 0 ? r : n ? (int)n : -EINVAL;
}

/*
 * Texts
 */

/* How what stands between two words parts them. */
enum gap { GAP_NONE, GAP_COMMA, GAP_CLAUSE, GAP_STOP, GAP_SENTENCE };

struct scan {
	const struct words *words;
	struct cw_buf *scratch;
	struct wordlist *list;
	const char *at;
	size_t len, i;
	uint16_t part;
	enum gap gap;
	bool joined;
	uint32_t sentence;
	size_t sentence_from;
};

/* No sentence has more words; one that seems to is cut, so that what looks at a whole sentence has bounded work. */
#define SENTENCE_WORDS_MAX 200u

static bool listed(uint32_t id, const uint32_t *ids)
{
	for (; id && *ids; ids++)
		if (id == *ids)
			return true;
	return false;
}

static bool ascii_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Bytes of an apostrophe at this place: ', U+2018, U+2019, U+02BC. */
static size_t apostrophe(const struct scan *s, size_t i)
{
	const unsigned char *c = (const unsigned char *)s->at + i;
	size_t left = s->len - i;

	if (left >= 1 && c[0] == '\'')
		return 1;
	if (left >= 3 && c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0x98 || c[2] == 0x99))
		return 3;
	return left >= 2 && c[0] == 0xca && c[1] == 0xbc ? 2 : 0;
}

/*
 * Bytes of a sign that is no part of a word, among those outside ASCII: all of U+0080 to U+00BF, U+00D7 and U+00F7, and
 * U+2000 to U+206F (dashes, quotes, blanks, bullets). *ret says how it parts.
 */
static size_t foreign_sign(const struct scan *s, size_t i, enum gap *ret)
{
	const unsigned char *c = (const unsigned char *)s->at + i;
	size_t left = s->len - i;

	*ret = GAP_NONE;
	if (left >= 2 && (c[0] == 0xc2 || (c[0] == 0xc3 && (c[1] == 0x97 || c[1] == 0xb7))))
		return 2;
	if (left < 3 || c[0] != 0xe2 || (c[1] != 0x80 && c[1] != 0x81))
		return 0;
	if (c[1] == 0x80 && ((c[2] >= 0x92 && c[2] <= 0x95) || c[2] == 0xa2))
		*ret = GAP_CLAUSE; /* dashes, bullet */
	if (c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9))
		*ret = GAP_SENTENCE;
	return 3;
}

static bool word_at(const struct scan *s, size_t i)
{
	enum gap gap;

	if (i >= s->len)
		return false;
	if ((unsigned char)s->at[i] < 0x80)
		return ascii_word(s->at[i]);
	return !apostrophe(s, i) && !foreign_sign(s, i, &gap);
}

static void part_by(struct scan *s, enum gap gap)
{
	if (gap > s->gap)
		s->gap = gap;
}

/* Markup that somebody left in: <p>, &nbsp;. Bytes passed over, or 0. */
static size_t skip_markup(struct scan *s)
{
	const char *at = s->at + s->i;
	size_t left = CW_MIN(s->len - s->i, (size_t)300), n = 1;

	if (*at == '<' && left > 1 && (ascii_word(at[1]) || at[1] == '/')) {
		const char *end = memchr(at, '>', left);

		if (!end)
			return 0;
		n = (at[1] == '/') + 1u;
		/* Those that stand within a line part nothing. */
		if (!strchr("aAbBiIeEsS", at[n]))
			part_by(s, GAP_SENTENCE);
		return (size_t)(end - at) + 1;
	}
	if (*at != '&')
		return 0;
	while (n < left && n < 10 && (ascii_word(at[n]) || at[n] == '#'))
		n++;
	return n > 1 && n < left && at[n] == ';' && strncmp(at, "&amp;", 5) != 0 ? n + 1 : 0;
}

static bool ends_abbreviation(const struct scan *s)
{
	const struct word *last = s->list->n ? &s->list->at[s->list->n - 1] : NULL;

	return last && last->part == s->part && (last->len == 1 || listed(last->id, s->words->abbreviations));
}

/* One sign between words. */
static void skip_sign(struct scan *s)
{
	char c = s->at[s->i], next = s->i + 1 < s->len ? s->at[s->i + 1] : '\0';
	bool spaced = s->i == 0 || s->at[s->i - 1] == ' ' || s->at[s->i - 1] == '\n';
	size_t n = skip_markup(s);
	enum gap gap;

	if (!n)
		n = apostrophe(s, s->i);
	if (!n && (unsigned char)c >= 0x80) {
		n = foreign_sign(s, s->i, &gap);
		part_by(s, gap);
	}
	if (n) {
		s->i += n;
		return;
	}
	s->i++;
	if (c == '!' || c == '?' || c == ';' || (c == '\n' && next == '\n'))
		part_by(s, GAP_SENTENCE);
	else if (c == '.' && !ends_abbreviation(s))
		part_by(s, GAP_STOP);
	else if (c == ':' || c == '(' || c == ')' || c == '[' || c == ']' || c == '|' ||
	         (c == '-' && (spaced || next == ' ' || next == '-')))
		part_by(s, GAP_CLAUSE);
	else if (c == ',' || c == '/')
		part_by(s, GAP_COMMA);
	else if (c == '-')
		s->joined = true;
}

/* The number of the word as folded; when it is two after folding (a sign within), of neither. */
static int look_up(struct scan *s, struct cw_str text, uint32_t *ret)
{
	int r = cw_text_fold(text, s->scratch);

	*ret = 0;
	if (r == -ENOMEM)
		return r;
	if (r == 0 && s->scratch->len)
		*ret = words_find(s->words, (struct cw_str){ cw_buf_str(s->scratch), s->scratch->len });
	return 0;
}

static void set_flags(struct scan *s, struct word *word)
{
	const struct word *last = s->list->n ? &s->list->at[s->list->n - 1] : NULL;
	char first = s->at[word->at];
	bool lower = first >= 'a' && first <= 'z';
	enum gap gap = s->gap;

	/* "approx. 40" goes on; "… said. He" does not. */
	if (gap == GAP_STOP)
		gap = lower ? GAP_NONE : GAP_SENTENCE;
	if (!last || last->part != word->part || s->list->n - s->sentence_from >= SENTENCE_WORDS_MAX)
		gap = GAP_SENTENCE;
	if (first >= 'A' && first <= 'Z')
		word->flags |= WORD_CAPITAL;
	if (first >= '0' && first <= '9')
		word->flags |= WORD_NUMBER;
	if (gap == GAP_COMMA)
		word->flags |= WORD_COMMA;
	if (gap >= GAP_CLAUSE || listed(word->id, s->words->clause_words))
		word->flags |= WORD_CLAUSE;
	if (gap == GAP_SENTENCE)
		word->flags |= WORD_SENTENCE;
	if (s->joined && gap == GAP_NONE)
		word->flags |= WORD_JOINED;
	if (gap == GAP_SENTENCE) {
		s->sentence += last != NULL;
		s->sentence_from = s->list->n;
	}
	word->sentence = s->sentence;
	/* The month is not the verb: patterns know it as "maymonth". */
	if (word->id == s->words->may && last && (last->flags & WORD_NUMBER || listed(last->id, s->words->before_may)))
		word->id = word->base = s->words->month;
	if (word->flags & WORD_NUMBER && last && last->id == s->words->may && gap == GAP_NONE)
		s->list->at[s->list->n - 1].id = s->list->at[s->list->n - 1].base = s->words->month;
}

static int take_word(struct scan *s)
{
	struct word word = { .at = (uint32_t)s->i, .part = s->part };
	size_t base, n;
	int r;

	while (s->i < s->len) {
		if (word_at(s, s->i)) {
			s->i++;
		} else if ((n = apostrophe(s, s->i)) && word_at(s, s->i + n)) {
			s->i += n;
		} else if (s->at[s->i] == '.' && word_at(s, s->i + 1) && s->i + 1 < s->len) {
			s->i++; /* "s.114" */
		} else {
			break;
		}
	}
	word.len = (uint32_t)s->i - word.at;
	base = word.len;
	if (base > 2 && (s->at[s->i - 1] == 's' || s->at[s->i - 1] == 'S')) {
		for (n = 1; n <= 3 && n + 1 < base && apostrophe(s, s->i - 1 - n) != n; n++)
			;
		if (n <= 3 && n + 1 < base) {
			base -= n + 1;
			word.flags |= WORD_POSSESSIVE;
		} else if ((n = apostrophe(s, s->i)) && (s->i + n == s->len || s->at[s->i + n] == ' ')) {
			/* "Leeds' ", unless a quotation ends there, which does no harm. */
			word.flags |= WORD_POSSESSIVE;
		}
	}
	if (cw_grow(&s->list->at, &s->list->cap, s->list->n, sizeof(word)) < 0)
		return -ENOMEM;
	r = look_up(s, (struct cw_str){ s->at + word.at, word.len }, &word.id);
	word.base = word.id;
	if (r == 0 && base != word.len)
		r = look_up(s, (struct cw_str){ s->at + word.at, base }, &word.base);
	if (r < 0)
		return r;
	set_flags(s, &word);
	s->list->at[s->list->n++] = word;
	s->gap = GAP_NONE;
	s->joined = false;
	return 0;
}

/* "&" between words is "and". */
static int take_and(struct scan *s)
{
	struct word word = { .at = (uint32_t)s->i, .part = s->part, .len = 1 };

	if (s->len - s->i >= 5 && strncmp(s->at + s->i, "&amp;", 5) == 0)
		word.len = 5;
	if (cw_grow(&s->list->at, &s->list->cap, s->list->n, sizeof(word)) < 0)
		return -ENOMEM;
	word.id = word.base = words_find(s->words, cw_str("and"));
	s->i += word.len;
	set_flags(s, &word);
	s->list->at[s->list->n++] = word;
	s->gap = GAP_NONE;
	s->joined = false;
	return 0;
}

/* Do most of a part's longer words begin with a capital? Then capitals tell nothing. */
static void mark_titles(struct wordlist *list, size_t from)
{
	size_t longer = 0, capitals = 0;

	for (size_t i = from; i < list->n; i++) {
		if (list->at[i].len < 4 || list->at[i].flags & (WORD_NUMBER | WORD_SENTENCE))
			continue;
		longer++;
		capitals += (list->at[i].flags & WORD_CAPITAL) != 0;
	}
	if (longer < 3 || capitals * 10 < longer * 7)
		return;
	for (size_t i = from; i < list->n; i++)
		list->at[i].flags |= WORD_TITLE;
}

int words_read(const struct words *words, const struct cw_str *parts, size_t n_parts, struct cw_buf *scratch,
               struct wordlist *list)
{
	struct scan s = { .words = words, .scratch = scratch, .list = list };

	list->n = 0;
	list->cut = false;
	for (size_t p = 0; p < n_parts; p++) {
		size_t from = list->n;

		s.at = parts[p].at;
		s.len = CW_MIN(parts[p].len, (size_t)CW_FIELD_MAX);
		s.i = 0;
		s.part = (uint16_t)p;
		s.gap = GAP_SENTENCE;
		while (s.i < s.len) {
			int r = 0;

			if (list->n == CW_TEXT_WORDS_MAX) {
				list->cut = true;
				break;
			}
			if (word_at(&s, s.i))
				r = take_word(&s);
			else if (s.at[s.i] == '&' && (s.i + 1 == s.len || s.at[s.i + 1] == ' ' ||
			                              !strncmp(s.at + s.i, "&amp;", CW_MIN((size_t)5, s.len - s.i))))
				r = take_and(&s);
			else
				skip_sign(&s);
			if (r < 0)
				return r;
		}
		mark_titles(list, from);
	}
	return 0;
}

void wordlist_clear(struct wordlist *list)
{
	free(list->at);
	*list = (struct wordlist){ 0 };
}

/*
 * Patterns: Thompson's construction; run with a set of states, one step per item (Pike's machine).
 */

enum op { OP_WORD, OP_COUNCIL, OP_NAME, OP_NUMBER, OP_ANY, OP_SPLIT, OP_CROSS, OP_MATCH };

/* May the next item begin a clause, or must it? */
enum cross { CROSS_NOT, CROSS_MUST, CROSS_MAY };

struct state {
	uint8_t op;
	uint32_t arg;       /* OP_WORD: its number; OP_CROSS: enum cross */
	uint32_t next, alt; /* OP_SPLIT: both */
};

struct pattern {
	uint32_t start;
	uint32_t tag;
	uint32_t longest; /* items */
};

struct patterns {
	struct words *words;
	size_t n_states, cap_states;
	struct state *states;
	size_t n, cap;
	struct pattern *at;
	/* Which patterns may begin with a word: firsts[first_of[id]] … up to first_of[id + 1]. */
	uint32_t n_ids;
	uint32_t *first_of;
	uint32_t *firsts;
	size_t n_council, n_name, n_number;
	uint32_t *with_council, *with_name, *with_number;
};

/* A piece under construction: where it begins, and its ends to be joined, as a chain through their own fields. */
struct piece {
	uint32_t start;
	uint32_t out; /* a state whose next is open; the chain goes on in it */
	uint32_t shortest, longest;
};

struct parser {
	struct patterns *patterns;
	const char *at;
	pattern_list_fn *list;
	void *arg;
	unsigned depth;
	struct cw_error *err;
	int failed; /* -EINVAL, -ENOMEM */
};

static uint32_t fail(struct parser *p, int code, const char *fmt, ...) CW_PRINTF(3, 4);
static uint32_t fail(struct parser *p, int code, const char *fmt, ...)
{
	char text[200];
	va_list args;

	if (p->failed)
		return WORDS_NONE;
	p->failed = code;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	cw_error_at(p->err, code, NULL, 0, 0, "%s", text);
	return WORDS_NONE;
}

static uint32_t new_state(struct parser *p, enum op op, uint32_t arg)
{
	struct patterns *patterns = p->patterns;

	if (patterns->n_states == CW_PHRASE_STATES_MAX)
		return fail(p, -EINVAL, "the patterns are too large in all");
	if (cw_grow(&patterns->states, &patterns->cap_states, patterns->n_states, sizeof(struct state)) < 0)
		return fail(p, -ENOMEM, "out of memory");
	patterns->states[patterns->n_states] = (struct state){ (uint8_t)op, arg, WORDS_NONE, WORDS_NONE };
	return (uint32_t)patterns->n_states++;
}

/* A piece of one state; out chains through a joining state that stands for "what comes next". */
static struct piece single(struct parser *p, enum op op, uint32_t arg)
{
	uint32_t state = new_state(p, op, arg), join = new_state(p, OP_SPLIT, 0);

	if (state == WORDS_NONE || join == WORDS_NONE)
		return (struct piece){ 0 };
	p->patterns->states[state].next = join;
	return (struct piece){ state, join, op == OP_CROSS ? 0 : 1, op == OP_CROSS ? 0 : 1 };
}

static struct piece nothing(struct parser *p)
{
	uint32_t join = new_state(p, OP_SPLIT, 0);

	return (struct piece){ join, join, 0, 0 };
}

static struct piece then(struct parser *p, struct piece a, struct piece b)
{
	if (p->failed)
		return a;
	p->patterns->states[a.out].next = b.start;
	return (struct piece){ a.start, b.out, a.shortest + b.shortest, a.longest + b.longest };
}

static struct piece either(struct parser *p, struct piece a, struct piece b)
{
	uint32_t split = new_state(p, OP_SPLIT, 0), join = new_state(p, OP_SPLIT, 0);

	if (p->failed)
		return a;
	p->patterns->states[split].next = a.start;
	p->patterns->states[split].alt = b.start;
	p->patterns->states[a.out].next = join;
	p->patterns->states[b.out].next = join;
	return (struct piece){ split, join, CW_MIN(a.shortest, b.shortest), CW_MAX(a.longest, b.longest) };
}

static struct piece parse_alternatives(struct parser *p, char end);

static void skip_blanks(struct parser *p)
{
	p->at += strspn(p->at, " \t\r\n");
}

/* A text without signs: its words, one after another. */
static struct piece literal(struct parser *p, struct cw_str text)
{
	uint32_t ids[32];
	struct piece piece;
	int n = words_split(p->patterns->words, text, ids, CW_ARRAY_LEN(ids));

	if (n < 0) {
		fail(p, n == -ENOMEM ? n : -EINVAL, "'%.*s' is no word", (int)CW_MIN(text.len, (size_t)80), text.at);
		return (struct piece){ 0 };
	}
	piece = single(p, OP_WORD, ids[0]);
	for (int i = 1; i < n && !p->failed; i++)
		piece = then(p, piece, single(p, OP_WORD, ids[i]));
	return piece;
}

/* "appoint(|s|ed)": the word with each of the endings. */
static struct piece with_endings(struct parser *p, struct cw_str stem)
{
	struct piece piece = { 0 };
	bool first = true;

	do {
		size_t len;
		char word[80];
		struct piece one;

		p->at++;
		len = strcspn(p->at, "|)([]{}<> ");
		if (!p->at[len] || !strchr("|)", p->at[len]) || stem.len + len >= sizeof(word)) {
			fail(p, -EINVAL, "the endings after '%.*s' are not of the form (|s|ed)",
			     (int)CW_MIN(stem.len, (size_t)40), stem.at);
			return piece;
		}
		snprintf(word, sizeof(word), "%.*s%.*s", (int)stem.len, stem.at, (int)len, p->at);
		one = literal(p, cw_str(word));
		piece = first ? one : either(p, piece, one);
		first = false;
		p->at += len;
	} while (*p->at == '|' && !p->failed);
	if (!p->failed)
		p->at++;
	return piece;
}

static struct piece parse_gap(struct parser *p)
{
	unsigned n = 0;
	struct piece piece = nothing(p);
	bool cross = false;

	if (strncmp(p->at, "...", 3) == 0) {
		n = 6;
		p->at += 3;
	} else {
		p->at += 2;
		cross = *p->at == ':';
		p->at += cross;
		for (; *p->at >= '0' && *p->at <= '9' && n < 100; p->at++)
			n = n * 10 + (unsigned)(*p->at - '0');
	}
	if (n < 1 || n > 12)
		fail(p, -EINVAL, "a gap is written ... or ..1 to ..12, and ..:1 to ..:12 across clauses");
	for (unsigned i = 0; i < n && !p->failed; i++) {
		struct piece any = single(p, OP_ANY, 0);

		if (cross && !p->failed)
			any = then(p, single(p, OP_CROSS, CROSS_MAY), any);
		piece = then(p, piece, either(p, nothing(p), any));
	}
	return cross && !p->failed ? then(p, piece, single(p, OP_CROSS, CROSS_MAY)) : piece;
}

static struct piece parse_class(struct parser *p)
{
	static const struct {
		const char *text;
		enum op op;
	} classes[] = { { "<council>", OP_COUNCIL }, { "<name>", OP_NAME }, { "<number>", OP_NUMBER } };

	for (size_t i = 0; i < CW_ARRAY_LEN(classes); i++) {
		size_t len = strlen(classes[i].text);

		if (strncmp(p->at, classes[i].text, len) == 0) {
			p->at += len;
			return single(p, classes[i].op, 0);
		}
	}
	fail(p, -EINVAL, "'%.20s' begins none of <council>, <name> and <number>", p->at);
	return (struct piece){ 0 };
}

static struct piece parse_list(struct parser *p)
{
	const char *end = strchr(p->at, '}'), *text, *after;
	struct cw_str name = { p->at + 1, end ? (size_t)(end - p->at) - 1 : 0 };
	struct piece piece = { 0 };

	text = end && p->list ? p->list(p->arg, cw_str_trim(name)) : NULL;
	if (!text) {
		fail(p, -EINVAL, "there is no list {%.*s}; add words \"%.*s\" { … }", (int)CW_MIN(name.len, (size_t)40),
		     name.at, (int)CW_MIN(name.len, (size_t)40), name.at);
		return piece;
	}
	if (p->depth > 16) {
		fail(p, -EINVAL, "list {%.*s} goes round in a circle", (int)CW_MIN(name.len, (size_t)40), name.at);
		return piece;
	}
	after = end + 1;
	p->at = text;
	p->depth++;
	piece = parse_alternatives(p, '\0');
	p->depth--;
	p->at = after;
	return piece;
}

static struct piece parse_one(struct parser *p)
{
	struct piece piece = { 0 };
	size_t len;

	switch (*p->at) {
	case '(':
		p->at++;
		return parse_alternatives(p, ')');
	case '[':
		p->at++;
		piece = parse_alternatives(p, ']');
		return p->failed ? piece : either(p, piece, nothing(p));
	case '<':
		return parse_class(p);
	case '{':
		return parse_list(p);
	case ':':
		p->at++;
		if (*p->at != ':')
			return single(p, OP_CROSS, CROSS_MAY);
		p->at++;
		return single(p, OP_CROSS, CROSS_MUST);
	default:
		break;
	}
	if (strncmp(p->at, "..", 2) == 0)
		return parse_gap(p);
	len = strcspn(p->at, " \t\r\n()[]{}<>|:");
	if (!len) {
		fail(p, -EINVAL, "'%c' stands where a word should", *p->at);
		return piece;
	}
	p->at += len;
	if (*p->at == '(')
		return with_endings(p, (struct cw_str){ p->at - len, len });
	return literal(p, (struct cw_str){ p->at - len, len });
}

static struct piece parse_sequence(struct parser *p, char end)
{
	struct piece piece = nothing(p);
	bool any = false;

	for (skip_blanks(p); !p->failed && *p->at && *p->at != '|' && *p->at != end; skip_blanks(p)) {
		piece = then(p, piece, parse_one(p));
		any = true;
	}
	if (!any)
		fail(p, -EINVAL, "nothing stands where an alternative should");
	return piece;
}

static struct piece parse_alternatives(struct parser *p, char end)
{
	struct piece piece = { 0 };

	if (p->depth++ > 40) {
		fail(p, -EINVAL, "brackets are nested too deeply");
		return piece;
	}
	piece = parse_sequence(p, end);
	while (!p->failed && *p->at == '|') {
		p->at++;
		piece = either(p, piece, parse_sequence(p, end));
	}
	p->depth--;
	if (!p->failed && *p->at != end)
		fail(p, -EINVAL, *p->at ? "'%c' closes nothing" : "a bracket is not closed", *p->at);
	else if (end)
		p->at++;
	return piece;
}

struct patterns *patterns_new(struct words *words)
{
	struct patterns *patterns = calloc(1, sizeof(*patterns));

	if (patterns)
		patterns->words = words;
	return patterns;
}

void patterns_free(struct patterns *patterns)
{
	if (!patterns)
		return;
	free(patterns->states);
	free(patterns->at);
	free(patterns->first_of);
	free(patterns->firsts);
	free(patterns->with_council);
	free(patterns->with_name);
	free(patterns->with_number);
	free(patterns);
}

/* Follows what costs no item from a state and calls back for what does. mark: one byte per state of the set. */
typedef void first_fn(void *arg, const struct state *state);
static void each_first(const struct patterns *patterns, uint32_t from, uint32_t *stack, unsigned char *mark,
                       first_fn *fn, void *arg)
{
	size_t n = 0;

	stack[n++] = from;
	mark[from] = 1;
	while (n) {
		const struct state *state = &patterns->states[stack[--n]];
		const uint32_t to[] = { state->next, state->alt };

		if (state->op != OP_SPLIT && state->op != OP_CROSS) {
			fn(arg, state);
			continue;
		}
		for (size_t i = 0; i < 2; i++)
			if (to[i] != WORDS_NONE && !mark[to[i]]) {
				mark[to[i]] = 1;
				stack[n++] = to[i];
			}
	}
}

static void note_any(void *arg, const struct state *state)
{
	*(bool *)arg = *(bool *)arg || state->op == OP_ANY;
}

int patterns_add(struct patterns *patterns, const char *text, uint32_t tag, pattern_list_fn *list, void *arg,
                 struct cw_error *err)
{
	struct parser p = { .patterns = patterns, .at = text, .list = list, .arg = arg, .err = err };
	CW_CLEANUP(cw_freep) unsigned char *mark = NULL;
	CW_CLEANUP(cw_freep) uint32_t *stack = NULL;
	size_t before = patterns->n_states;
	struct piece piece = parse_alternatives(&p, '\0');
	uint32_t match;
	bool any = false;

	if (!p.failed && !piece.shortest)
		fail(&p, -EINVAL, "it would match no words at all");
	if (!p.failed && piece.longest > CW_PHRASE_LENGTH_MAX)
		fail(&p, -EINVAL, "its longest form has %u words; the most is %u", piece.longest, CW_PHRASE_LENGTH_MAX);
	match = p.failed ? WORDS_NONE : new_state(&p, OP_MATCH, 0);
	if (!p.failed && cw_grow(&patterns->at, &patterns->cap, patterns->n, sizeof(struct pattern)) < 0)
		fail(&p, -ENOMEM, "out of memory");
	if (!p.failed) {
		patterns->states[piece.out].next = match;
		mark = calloc(patterns->n_states, 1);
		stack = calloc(patterns->n_states, sizeof(*stack));
		if (!mark || !stack)
			fail(&p, -ENOMEM, "out of memory");
		else
			each_first(patterns, piece.start, stack, mark, note_any, &any);
	}
	if (any)
		fail(&p, -EINVAL, "it begins with a gap; begin it with a word");
	if (p.failed) {
		patterns->n_states = before;
		return p.failed;
	}
	patterns->at[patterns->n++] = (struct pattern){ piece.start, tag, piece.longest };
	return 0;
}

struct first_pass {
	struct patterns *patterns;
	uint32_t pattern;
	uint32_t *last; /* pattern last noted for each word */
	uint32_t *fill; /* NULL while counting */
	bool council, name, number;
};

static void note_first(void *arg, const struct state *state)
{
	struct first_pass *pass = arg;

	pass->council = pass->council || state->op == OP_COUNCIL;
	pass->name = pass->name || state->op == OP_NAME;
	pass->number = pass->number || state->op == OP_NUMBER;
	if (state->op != OP_WORD || pass->last[state->arg] == pass->pattern + 1)
		return;
	pass->last[state->arg] = pass->pattern + 1;
	if (pass->fill)
		pass->patterns->firsts[pass->fill[state->arg]++] = pass->pattern;
	else
		pass->patterns->first_of[state->arg + 1]++;
}

int patterns_finish(struct patterns *patterns)
{
	CW_CLEANUP(cw_freep) unsigned char *mark = calloc(patterns->n_states + 1, 1);
	CW_CLEANUP(cw_freep) uint32_t *stack = calloc(patterns->n_states + 1, sizeof(uint32_t));
	CW_CLEANUP(cw_freep) uint32_t *last = NULL, *fill = NULL;
	struct first_pass pass = { .patterns = patterns };

	patterns->n_ids = (uint32_t)patterns->words->n;
	patterns->first_of = calloc(patterns->n_ids + 2, sizeof(uint32_t));
	patterns->with_council = calloc(patterns->n + 1, sizeof(uint32_t));
	patterns->with_name = calloc(patterns->n + 1, sizeof(uint32_t));
	patterns->with_number = calloc(patterns->n + 1, sizeof(uint32_t));
	last = calloc(patterns->n_ids + 1, sizeof(uint32_t));
	fill = calloc(patterns->n_ids + 1, sizeof(uint32_t));
	if (!mark || !stack || !patterns->first_of || !patterns->with_council || !patterns->with_name ||
	    !patterns->with_number || !last || !fill)
		return -ENOMEM;
	pass.last = last;
	for (unsigned round = 0; round < 2; round++) {
		if (round) {
			for (uint32_t i = 0; i <= patterns->n_ids; i++)
				patterns->first_of[i + 1] += patterns->first_of[i];
			for (uint32_t i = 0; i < patterns->n_ids; i++)
				fill[i] = patterns->first_of[i];
			patterns->firsts = calloc(patterns->first_of[patterns->n_ids + 1] + 1u, sizeof(uint32_t));
			if (!patterns->firsts)
				return -ENOMEM;
			pass.fill = fill;
			memset(last, 0, patterns->n_ids * sizeof(*last));
		}
		for (size_t i = 0; i < patterns->n; i++) {
			pass.pattern = (uint32_t)i;
			pass.council = pass.name = pass.number = false;
			memset(mark, 0, patterns->n_states);
			each_first(patterns, patterns->at[i].start, stack, mark, note_first, &pass);
			if (!round)
				continue;
			if (pass.council)
				patterns->with_council[patterns->n_council++] = (uint32_t)i;
			if (pass.name)
				patterns->with_name[patterns->n_name++] = (uint32_t)i;
			if (pass.number)
				patterns->with_number[patterns->n_number++] = (uint32_t)i;
		}
	}
	return 0;
}

/*
 * Matching
 */

struct thread {
	uint32_t state;
	uint32_t council;
	enum cross cross;
};

struct threads {
	size_t n;
	struct thread *at;
};

struct matcher {
	const struct patterns *patterns;
	struct threads now, next;
	uint32_t *seen;  /* by state: the step that last added it */
	uint32_t *place; /* by state: where in the list it is */
	uint32_t step;
	struct thread *stack;
	uint32_t *done; /* by pattern: the place it was last tried at, plus one */
	/* of the run */
	const struct word *words;
	const struct item *items;
	size_t n;
	bool matched;
	uint32_t match_end, match_council;
};

void hits_clear(struct hits *hits)
{
	free(hits->at);
	*hits = (struct hits){ 0 };
}

struct matcher *matcher_new(const struct patterns *patterns)
{
	struct matcher *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->patterns = patterns;
	m->now.at = calloc(patterns->n_states + 1, sizeof(struct thread));
	m->next.at = calloc(patterns->n_states + 1, sizeof(struct thread));
	m->stack = calloc(2 * patterns->n_states + 2, sizeof(struct thread));
	m->seen = calloc(patterns->n_states + 1, sizeof(uint32_t));
	m->place = calloc(patterns->n_states + 1, sizeof(uint32_t));
	m->done = calloc(patterns->n + 1, sizeof(uint32_t));
	if (!m->now.at || !m->next.at || !m->stack || !m->seen || !m->place || !m->done) {
		matcher_free(m);
		return NULL;
	}
	return m;
}

void matcher_free(struct matcher *m)
{
	if (!m)
		return;
	free(m->now.at);
	free(m->next.at);
	free(m->stack);
	free(m->seen);
	free(m->place);
	free(m->done);
	free(m);
}

/* Adds a state and all that follow from it without an item; at: the item they would take. Each state enters a list once,
 * but for one that may cross where the first could not. */
static void add(struct matcher *m, struct threads *list, struct thread thread, uint32_t at)
{
	size_t n = 0;

	m->stack[n++] = thread;
	while (n) {
		struct thread t = m->stack[--n];
		const struct state *state = &m->patterns->states[t.state];

		if (m->seen[t.state] == m->step) {
			struct thread *old = &list->at[m->place[t.state]];

			/* The one that can go on in more places stays; which of the two it was makes no other difference. */
			if (old->cross >= t.cross)
				continue;
			old->cross = t.cross;
		} else {
			m->seen[t.state] = m->step;
			m->place[t.state] = (uint32_t)list->n;
			list->at[list->n++] = t;
		}
		if (state->op == OP_MATCH) {
			m->matched = true;
			m->match_end = at;
			m->match_council = t.council;
		} else if (state->op == OP_SPLIT || state->op == OP_CROSS) {
			enum cross cross = state->op == OP_CROSS ? CW_MAX(t.cross, (enum cross)state->arg) : t.cross;

			if (state->alt != WORDS_NONE)
				m->stack[n++] = (struct thread){ state->alt, t.council, cross };
			if (state->next != WORDS_NONE)
				m->stack[n++] = (struct thread){ state->next, t.council, cross };
		}
	}
}

/* Does this state take the item? */
static bool takes(const struct matcher *m, const struct state *state, uint32_t at)
{
	const struct item *item = &m->items[at];
	const struct word *word = &m->words[item->first];

	switch (state->op) {
	case OP_WORD:
		return item->kind == ITEM_WORD && (word->id == state->arg || word->base == state->arg);
	case OP_COUNCIL:
		return item->kind == ITEM_COUNCIL;
	case OP_NAME:
		return item->kind == ITEM_COUNCIL || item->kind == ITEM_NAME;
	case OP_NUMBER:
		return item->kind == ITEM_WORD && (word->flags & WORD_NUMBER);
	case OP_ANY:
		/* No gap after a place's name that other words go on from: "Bradford restaurant …" */
		return at == 0 || m->items[at - 1].kind != ITEM_NAME || m->items[at - 1].ends;
	default:
		return false;
	}
}

static void step(struct matcher *m, uint32_t at, bool first)
{
	const struct item *item = &m->items[at];
	bool clause = !first && (m->words[item->first].flags & WORD_CLAUSE);
	bool sentence = !first && (m->words[item->first].flags & WORD_SENTENCE);
	struct threads swap;

	m->step++;
	m->next.n = 0;
	for (size_t i = 0; i < m->now.n && !sentence; i++) {
		struct thread t = m->now.at[i];
		const struct state *state = &m->patterns->states[t.state];

		if ((clause && t.cross == CROSS_NOT) || (!clause && t.cross == CROSS_MUST) || !takes(m, state, at))
			continue;
		if ((state->op == OP_COUNCIL || state->op == OP_NAME) && t.council == WORDS_NONE)
			t.council = at;
		add(m, &m->next, (struct thread){ state->next, t.council, CROSS_NOT }, at + 1);
	}
	swap = m->now;
	m->now = m->next;
	m->next = swap;
}

static int try_at(struct matcher *m, uint32_t index, uint32_t at, struct hits *ret)
{
	const struct pattern *pattern = &m->patterns->at[index];

	if (m->done[index] == at + 1)
		return 0;
	m->done[index] = at + 1;
	m->matched = false;
	m->step++;
	m->now.n = 0;
	add(m, &m->now, (struct thread){ pattern->start, WORDS_NONE, CROSS_NOT }, at);
	for (uint32_t i = at; i < m->n && m->now.n && i - at < pattern->longest; i++)
		step(m, i, i == at);
	if (!m->matched)
		return 0;
	if (cw_grow(&ret->at, &ret->cap, ret->n, sizeof(struct hit)) < 0)
		return -ENOMEM;
	ret->at[ret->n++] = (struct hit){ pattern->tag, at, m->match_end, m->match_council };
	return 0;
}

static int try_list(struct matcher *m, const uint32_t *list, size_t n, uint32_t at, struct hits *ret)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = try_at(m, list[i], at, ret);
	return r;
}

static int try_word(struct matcher *m, uint32_t id, uint32_t at, struct hits *ret)
{
	const struct patterns *patterns = m->patterns;

	if (!id || id >= patterns->n_ids)
		return 0;
	return try_list(m, patterns->firsts + patterns->first_of[id],
	                patterns->first_of[id + 1] - patterns->first_of[id], at, ret);
}

int matcher_run(struct matcher *m, const struct word *words, const struct item *items, size_t n, struct hits *ret)
{
	const struct patterns *patterns = m->patterns;
	int r = 0;

	ret->n = 0;
	m->words = words;
	m->items = items;
	m->n = n;
	if (m->step > UINT32_MAX / 2) {
		m->step = 0;
		memset(m->seen, 0, patterns->n_states * sizeof(*m->seen));
	}
	memset(m->done, 0, patterns->n * sizeof(*m->done));
	for (uint32_t i = 0; i < n && r == 0; i++) {
		const struct word *word = &words[items[i].first];

		if (items[i].kind == ITEM_COUNCIL)
			r = try_list(m, patterns->with_council, patterns->n_council, i, ret);
		if (r == 0 && (items[i].kind == ITEM_COUNCIL || items[i].kind == ITEM_NAME))
			r = try_list(m, patterns->with_name, patterns->n_name, i, ret);
		if (items[i].kind != ITEM_WORD || r < 0)
			continue;
		if (word->flags & WORD_NUMBER)
			r = try_list(m, patterns->with_number, patterns->n_number, i, ret);
		if (r == 0)
			r = try_word(m, word->id, i, ret);
		if (r == 0 && word->base != word->id)
			r = try_word(m, word->base, i, ret);
	}
	return r;
}
