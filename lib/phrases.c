#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/buf.h>

#include "phrases_private.h"
#include "words.h"

#define NONE WORDS_NONE
#define PART_SHIFT 24
#define QUESTION 0u /* the guard that is always there */

struct rule {
	struct cw_rule is;
	uint32_t ignores;         /* bit per guard */
	bool with, with_anywhere; /* it has such patterns */
};

struct guard {
	char *name;
	unsigned within;
};

struct list {
	char *name, *text;
};

struct cw_phrases {
	const struct cw_councils *councils;
	struct words *words;
	struct cw_names *names;
	struct patterns *patterns;
	size_t n_rules, cap_rules;
	struct rule *rules;
	size_t n_guards;
	struct guard guards[PHRASE_GUARDS_MAX + 1];
	size_t n_lists, cap_lists;
	struct list *lists;
	size_t n_kept, cap_kept;
	char **kept;
};

/*
 * Building
 */

int phrases_new(const struct cw_councils *councils, struct cw_phrases **ret)
{
	struct cw_phrases *phrases = calloc(1, sizeof(*phrases));
	int r = -ENOMEM;

	if (!phrases)
		return -ENOMEM;
	phrases->councils = councils;
	phrases->words = words_new();
	phrases->patterns = phrases->words ? patterns_new(phrases->words) : NULL;
	if (phrases->patterns)
		r = cw_names_new(phrases->words, councils, &phrases->names);
	if (r == 0)
		r = phrases_add_guard(phrases, "question", 0);
	if (r < 0) {
		cw_phrases_free(phrases);
		return r;
	}
	*ret = phrases;
	return 0;
}

void cw_phrases_free(struct cw_phrases *phrases)
{
	if (!phrases)
		return;
	for (size_t i = 0; i < phrases->n_guards; i++)
		free(phrases->guards[i].name);
	for (size_t i = 0; i < phrases->n_lists; i++) {
		free(phrases->lists[i].name);
		free(phrases->lists[i].text);
	}
	for (size_t i = 0; i < phrases->n_kept; i++)
		free(phrases->kept[i]);
	free(phrases->rules);
	free(phrases->lists);
	free(phrases->kept);
	cw_names_free(phrases->names);
	patterns_free(phrases->patterns);
	words_free(phrases->words);
	free(phrases);
}

struct cw_names *phrases_names(struct cw_phrases *phrases)
{
	return phrases->names;
}

const struct cw_councils *phrases_councils(const struct cw_phrases *phrases)
{
	return phrases->councils;
}

const char *phrases_keep(struct cw_phrases *phrases, const char *text)
{
	char *copy;

	if (cw_grow(&phrases->kept, &phrases->cap_kept, phrases->n_kept, sizeof(char *)) < 0)
		return NULL;
	copy = strdup(text);
	if (copy)
		phrases->kept[phrases->n_kept++] = copy;
	return copy;
}

int phrases_add_rule(struct cw_phrases *phrases, const struct cw_rule *rule)
{
	struct rule new = { .is = { .organisations = rule->organisations } };

	new.is.name = phrases_keep(phrases, rule->name);
	new.is.signal = phrases_keep(phrases, rule->signal);
	new.is.status = phrases_keep(phrases, rule->status);
	if (!new.is.name || !new.is.signal || !new.is.status)
		return -ENOMEM;
	if (rule->criterion && !(new.is.criterion = phrases_keep(phrases, rule->criterion)))
		return -ENOMEM;
	if (rule->or_criterion && !(new.is.or_criterion = phrases_keep(phrases, rule->or_criterion)))
		return -ENOMEM;
	if (cw_grow(&phrases->rules, &phrases->cap_rules, phrases->n_rules, sizeof(new)) < 0)
		return -ENOMEM;
	phrases->rules[phrases->n_rules] = new;
	return (int)phrases->n_rules++;
}

int phrases_add_guard(struct cw_phrases *phrases, const char *name, unsigned within)
{
	struct guard *guard = &phrases->guards[phrases->n_guards];

	if (phrases->n_guards > PHRASE_GUARDS_MAX)
		return -E2BIG;
	*guard = (struct guard){ strdup(name), within };
	if (!guard->name)
		return -ENOMEM;
	return (int)phrases->n_guards++;
}

int phrases_find_guard(const struct cw_phrases *phrases, const char *name)
{
	for (size_t i = 0; i < phrases->n_guards; i++)
		if (strcmp(phrases->guards[i].name, name) == 0)
			return (int)i;
	return -1;
}

int phrases_add_list(struct cw_phrases *phrases, const char *name, const char *text)
{
	struct list list = { strdup(name), strdup(text) };

	if (!list.name || !list.text ||
	    cw_grow(&phrases->lists, &phrases->cap_lists, phrases->n_lists, sizeof(list)) < 0) {
		free(list.name);
		free(list.text);
		return -ENOMEM;
	}
	phrases->lists[phrases->n_lists++] = list;
	return 0;
}

const char *phrases_list(void *arg, struct cw_str name)
{
	const struct cw_phrases *phrases = arg;

	for (size_t i = 0; i < phrases->n_lists; i++)
		if (cw_str_eq(name, phrases->lists[i].name))
			return phrases->lists[i].text;
	return NULL;
}

int phrases_add_pattern(struct cw_phrases *phrases, enum phrase_part part, unsigned index, const char *text,
                        struct cw_error *err)
{
	int r = patterns_add(phrases->patterns, text, (uint32_t)part << PART_SHIFT | index, phrases_list, phrases, err);

	if (r == 0 && part == PHRASE_WITH)
		phrases->rules[index].with = true;
	if (r == 0 && part == PHRASE_WITH_ANYWHERE)
		phrases->rules[index].with_anywhere = true;
	return r;
}

void phrases_ignore(struct cw_phrases *phrases, unsigned rule, unsigned guard)
{
	phrases->rules[rule].ignores |= 1u << guard;
}

int phrases_finish(struct cw_phrases *phrases)
{
	int r = cw_names_finish(phrases->names);

	return r < 0 ? r : patterns_finish(phrases->patterns);
}

size_t cw_phrases_rules(const struct cw_phrases *phrases)
{
	return phrases->n_rules;
}

const struct cw_rule *cw_phrases_rule(const struct cw_phrases *phrases, size_t index)
{
	return &phrases->rules[index].is;
}

/*
 * Reading
 */

/* Who is named in a stretch of text. */
enum whose { WHOSE_NOBODY, WHOSE_ONE, WHOSE_OTHER, WHOSE_SEVERAL, WHOSE_MAYBE };

enum { ANYWHERE_WITH = 1, ANYWHERE_UNLESS = 2, ANYWHERE_OR_WHEN = 4, ANYWHERE_OR_UNLESS = 8 };

struct cw_reader {
	const struct cw_phrases *phrases;
	struct cw_finder *finder;
	struct matcher *matcher;
	struct cw_buf scratch;
	struct wordlist words;
	struct cw_mentions mentions;
	size_t n_items;
	struct item *items;
	struct hits hits;
	const struct cw_str *parts;
	const struct cw_council *const *fixed;
	size_t n_fixed;
	const char *const *only;
	size_t n_only;
	uint32_t statements;
	size_t cap_findings, cap_subjects, cap_doubts;
	unsigned char *anywhere; /* by rule: which of its conditions on the whole text hold */
	bool whole_known;        /* who is named in the whole text */
	enum whose whole;
	size_t whole_item;
	bool *contradicted;  /* by finding */
	uint32_t *sentences; /* by finding: where its match is */
	uint32_t sentence;   /* of the match in hand, and its criterion */
	const char *criterion;
	size_t cap_sentences;
	size_t cap_contradicted;
	struct cw_reading reading;
};

int cw_reader_new(const struct cw_phrases *phrases, struct cw_reader **ret)
{
	struct cw_reader *reader = calloc(1, sizeof(*reader));
	int r;

	if (!reader)
		return -ENOMEM;
	reader->phrases = phrases;
	cw_buf_init(&reader->scratch, 4u * CW_FIELD_MAX);
	r = cw_finder_new(phrases->names, &reader->finder);
	reader->matcher = matcher_new(phrases->patterns);
	reader->items = calloc(CW_TEXT_WORDS_MAX + 1, sizeof(*reader->items));
	reader->anywhere = calloc(phrases->n_rules + 1, 1);
	if (r < 0 || !reader->matcher || !reader->items || !reader->anywhere) {
		cw_reader_free(reader);
		return -ENOMEM;
	}
	*ret = reader;
	return 0;
}

void cw_reader_free(struct cw_reader *reader)
{
	if (!reader)
		return;
	cw_finder_free(reader->finder);
	matcher_free(reader->matcher);
	cw_buf_clear(&reader->scratch);
	wordlist_clear(&reader->words);
	free(reader->mentions.at);
	free(reader->items);
	free(reader->anywhere);
	hits_clear(&reader->hits);
	free(reader->contradicted);
	free(reader->sentences);
	free(reader->reading.findings);
	free(reader->reading.subjects);
	free(reader->reading.doubts);
	free(reader);
}

/* Words and names in the order of the text; names joined in a list are one. */
static void make_items(struct cw_reader *reader)
{
	const struct cw_mentions *mentions = &reader->mentions;
	size_t k = 0;

	reader->n_items = 0;
	for (uint32_t i = 0; i < reader->words.n;) {
		struct item item = { i, i + 1, NONE, ITEM_WORD };

		while (k < mentions->n && mentions->at[k].first < i)
			k++;
		/* What is neither a council nor a place that may be one is words like others: "Kent Police", "Ofsted". */
		if (k < mentions->n && mentions->at[k].first == i &&
		    (mentions->at[k].state != CW_MENTION_OTHER || mentions->at[k].other_council)) {
			const struct cw_mention *m = &mentions->at[k];

			item.mention = (uint32_t)k;
			item.end = m->end;
			item.kind = m->state == CW_MENTION_SURE               ? ITEM_COUNCIL
			            : m->state != CW_MENTION_OTHER && m->open ? ITEM_NAME
			                                                      : ITEM_OTHER;
			for (k++; k < mentions->n && mentions->at[k].group == m->group; k++)
				item.end = mentions->at[k].end;
			item.ends = mentions->at[k - 1].ends ||
			            reader->words.at[mentions->at[k - 1].name_end - 1].flags & WORD_POSSESSIVE;
		}
		reader->items[reader->n_items++] = item;
		i = item.end;
	}
}

static uint32_t flags_of(const struct cw_reader *reader, size_t item)
{
	return reader->words.at[reader->items[item].first].flags;
}

/* The items from the one that begins it to the one after the last, of a clause or sentence around a match. */
struct range {
	size_t from, to;
};

static struct range around(const struct cw_reader *reader, const struct hit *hit, uint32_t flag)
{
	struct range range = { hit->start, hit->end };

	while (range.from > 0 && !(flags_of(reader, range.from) & flag))
		range.from--;
	while (range.to < reader->n_items && !(flags_of(reader, range.to) & flag))
		range.to++;
	return range;
}

/* --- what holds a match back --- */

static uint32_t index_of(const struct hit *hit)
{
	return hit->tag & ((1u << PART_SHIFT) - 1);
}

static enum phrase_part part_of(const struct hit *hit)
{
	return (enum phrase_part)(hit->tag >> PART_SHIFT);
}

/* The first hit that begins at or after an item: hits are in that order. */
static size_t first_hit(const struct cw_reader *reader, size_t item)
{
	size_t low = 0, high = reader->hits.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (reader->hits.at[mid].start < item)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_question(const struct cw_reader *reader, struct range sentence)
{
	const struct word *last = &reader->words.at[reader->items[sentence.to - 1].end - 1];
	struct cw_str part = reader->parts[last->part];
	size_t i = last->at + last->len;

	while (i < part.len && (part.at[i] == ' ' || part.at[i] == '"' || part.at[i] == '\'' || part.at[i] == ')'))
		i++;
	return i < part.len && part.at[i] == '?';
}

static bool guarded(const struct cw_reader *reader, const struct rule *rule, const struct hit *hit)
{
	const struct cw_phrases *phrases = reader->phrases;
	struct range clause = around(reader, hit, WORD_CLAUSE), sentence = around(reader, hit, WORD_SENTENCE);

	if (!(rule->ignores & 1u << QUESTION) && is_question(reader, sentence))
		return true;
	for (size_t i = first_hit(reader, sentence.from); i < reader->hits.n; i++) {
		const struct hit *other = &reader->hits.at[i];
		enum phrase_part part = part_of(other);
		uint32_t index = index_of(other);
		bool inside = other->start >= hit->start && other->end <= hit->end;

		if (other->start >= sentence.to)
			break;
		if ((part != PHRASE_BEFORE && part != PHRASE_AFTER) || rule->ignores & 1u << index)
			continue;
		if (inside)
			return true;
		if (part == PHRASE_BEFORE && other->end <= hit->start && other->start >= clause.from &&
		    hit->start - other->end <= phrases->guards[index].within)
			return true;
		if (part == PHRASE_AFTER && other->start >= hit->end && other->end <= sentence.to &&
		    other->start - hit->end <= phrases->guards[index].within)
			return true;
	}
	return false;
}

/* Notes the conditions on the whole text that hold. */
static void note_anywhere(struct cw_reader *reader)
{
	static const unsigned char bits[] = { [PHRASE_WITH_ANYWHERE] = ANYWHERE_WITH,
		                              [PHRASE_UNLESS_ANYWHERE] = ANYWHERE_UNLESS,
		                              [PHRASE_OR_WHEN] = ANYWHERE_OR_WHEN,
		                              [PHRASE_OR_UNLESS] = ANYWHERE_OR_UNLESS };

	memset(reader->anywhere, 0, reader->phrases->n_rules);
	for (size_t i = 0; i < reader->hits.n; i++) {
		const struct hit *hit = &reader->hits.at[i];

		if (part_of(hit) < CW_ARRAY_LEN(bits) && bits[part_of(hit)])
			reader->anywhere[index_of(hit)] |= bits[part_of(hit)];
	}
}

/* The criterion by what the sentence, or else the text, is about. */
static const char *criterion_of(const struct cw_reader *reader, uint32_t index, const struct hit *hit)
{
	const struct cw_rule *rule = &reader->phrases->rules[index].is;
	struct range sentence = around(reader, hit, WORD_SENTENCE);
	unsigned char anywhere = reader->anywhere[index];

	if (!rule->or_criterion || !(anywhere & ANYWHERE_OR_WHEN))
		return rule->criterion;
	if (!(anywhere & ANYWHERE_OR_UNLESS))
		return rule->or_criterion;
	for (size_t i = first_hit(reader, sentence.from); i < reader->hits.n; i++) {
		const struct hit *other = &reader->hits.at[i];

		if (other->start >= sentence.to)
			break;
		if (index_of(other) == index && part_of(other) == PHRASE_OR_WHEN)
			return rule->or_criterion;
	}
	return rule->criterion;
}

/* The rule's own conditions. */
static bool conditions(const struct cw_reader *reader, uint32_t index, const struct hit *hit)
{
	const struct rule *rule = &reader->phrases->rules[index];
	struct range sentence = around(reader, hit, WORD_SENTENCE);
	bool with = !rule->with;

	if (reader->anywhere[index] & ANYWHERE_UNLESS ||
	    (rule->with_anywhere && !(reader->anywhere[index] & ANYWHERE_WITH)))
		return false;
	for (size_t i = first_hit(reader, sentence.from); i < reader->hits.n; i++) {
		const struct hit *other = &reader->hits.at[i];

		if (other->start >= sentence.to)
			break;
		if (index_of(other) != index)
			continue;
		if (part_of(other) == PHRASE_UNLESS)
			return false;
		with = with || part_of(other) == PHRASE_WITH;
	}
	return with;
}

static bool wanted(const struct cw_reader *reader, const char *signal)
{
	for (size_t i = 0; i < reader->n_only; i++)
		if (strcmp(reader->only[i], signal) == 0)
			return true;
	return reader->n_only == 0;
}

/* --- results --- */

static struct cw_span span_of(const struct cw_reader *reader, uint32_t first, uint32_t end)
{
	const struct word *a = &reader->words.at[first], *b = &reader->words.at[end - 1];
	struct cw_span span = { a->part, a->at, a->len };

	if (b->part == a->part)
		span.len = b->at + b->len - a->at;
	return span;
}

static size_t characters(struct cw_str text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += ((unsigned char)text.at[i] & 0xc0) != 0x80;
	return n;
}

static bool fits(const struct cw_reader *reader, struct cw_span span)
{
	return characters((struct cw_str){ reader->parts[span.part].at + span.at, span.len }) <= CW_QUOTE_MAX;
}

/* The sentence; when that is too long its clause, or the words of the match alone. */
static struct cw_span quote_of(const struct cw_reader *reader, const struct hit *hit)
{
	const struct range ranges[] = { around(reader, hit, WORD_SENTENCE),
		                        around(reader, hit, WORD_CLAUSE),
		                        { hit->start, hit->end } };
	struct cw_span span = { 0 };

	for (size_t i = 0; i < CW_ARRAY_LEN(ranges); i++) {
		span = span_of(reader, reader->items[ranges[i].from].first, reader->items[ranges[i].to - 1].end);
		if (fits(reader, span))
			break;
	}
	return span;
}

static int add_doubt(struct cw_reader *reader, enum cw_doubt_kind kind, struct cw_span text, const char *why,
                     const struct cw_rule *rule)
{
	struct cw_reading *reading = &reader->reading;

	for (size_t i = 0; i < reading->n_doubts; i++)
		if (reading->doubts[i].kind == kind && !memcmp(&reading->doubts[i].text, &text, sizeof(text)))
			return 0;
	if (reading->n_doubts == CW_TEXT_FINDINGS_MAX)
		return 0;
	if (cw_grow(&reading->doubts, &reader->cap_doubts, reading->n_doubts, sizeof(struct cw_doubt)) < 0)
		return -ENOMEM;
	reading->doubts[reading->n_doubts++] = (struct cw_doubt){ kind, text, why, rule };
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static int add_finding(struct cw_reader *reader, const struct cw_finding *finding)
{
	struct cw_reading *reading = &reader->reading;

	for (size_t i = 0; i < reading->n_findings; i++) {
		struct cw_finding *old = &reading->findings[i];

		if (old->council != finding->council || strcmp(old->rule->signal, finding->rule->signal) ||
		    !same_text(old->criterion, finding->criterion))
			continue;
		/* What the title says stands, whatever is told of earlier days below it. */
		if (strcmp(old->rule->status, finding->rule->status) && old->quote.part == finding->quote.part)
			reader->contradicted[i] = true;
		return 0;
	}
	if (reading->n_findings == CW_TEXT_FINDINGS_MAX)
		return add_doubt(reader, CW_DOUBT_TOO_MANY, finding->quote, "more signals than one text may give",
		                 finding->rule);
	if (cw_grow(&reading->findings, &reader->cap_findings, reading->n_findings, sizeof(*finding)) < 0 ||
	    cw_grow(&reader->contradicted, &reader->cap_contradicted, reading->n_findings, sizeof(bool)) < 0 ||
	    cw_grow(&reader->sentences, &reader->cap_sentences, reading->n_findings, sizeof(uint32_t)) < 0)
		return -ENOMEM;
	reader->sentences[reading->n_findings] = reader->sentence;
	reader->contradicted[reading->n_findings] = false;
	reading->findings[reading->n_findings++] = *finding;
	return 0;
}

static int drop_contradictions(struct cw_reader *reader)
{
	struct cw_reading *reading = &reader->reading;
	size_t n = 0;

	for (size_t i = 0; i < reading->n_findings; i++) {
		if (!reader->contradicted[i]) {
			reading->findings[n++] = reading->findings[i];
			continue;
		}
		if (add_doubt(reader, CW_DOUBT_CONTRADICTION, reading->findings[i].quote,
		              "it is said to be opened and closed", reading->findings[i].rule) < 0)
			return -ENOMEM;
	}
	reading->n_findings = n;
	return 0;
}

/* --- whose a match is --- */

static const struct cw_mention *mention_of(const struct cw_reader *reader, size_t item)
{
	uint32_t index = reader->items[item].mention;

	return index == NONE ? NULL : &reader->mentions.at[index];
}

/* Do two groups name the same councils? */
static bool same_groups(const struct cw_reader *reader, size_t a, size_t b)
{
	const struct cw_mentions *all = &reader->mentions;
	const struct cw_mention *x = mention_of(reader, a), *y = mention_of(reader, b);
	uint32_t group_x = x->group, group_y = y->group;

	for (; x < all->at + all->n && x->group == group_x; x++, y++)
		if (y == all->at + all->n || y->group != group_y || x->n_councils != y->n_councils ||
		    memcmp(x->councils, y->councils, x->n_councils * sizeof(*x->councils)))
			return false;
	return y == all->at + all->n || y->group != group_y;
}

/* Is it a list of several names? */
static bool joined(const struct cw_reader *reader, size_t item)
{
	size_t next = reader->items[item].mention + 1u;

	return next < reader->mentions.n && reader->mentions.at[next].group == mention_of(reader, item)->group;
}

/* Who is named in a range: the item in *ret when it is one. */
static enum whose named_in(const struct cw_reader *reader, struct range range, size_t *ret)
{
	size_t one = SIZE_MAX;
	bool other = false, several = false, maybe = false;

	for (size_t i = range.from; i < range.to; i++) {
		const struct cw_mention *m = mention_of(reader, i);

		if (!m)
			continue;
		other = other || m->other_council;
		maybe = maybe || m->state == CW_MENTION_MAYBE;
		if (m->state != CW_MENTION_SURE)
			continue;
		/* "Leeds and Bradford councils" in passing: which of them is meant is not said. */
		several = several || (one != SIZE_MAX && !same_groups(reader, one, i)) || joined(reader, i);
		one = one == SIZE_MAX ? i : one;
	}
	*ret = one;
	if (several || (one != SIZE_MAX && other))
		return WHOSE_SEVERAL;
	return one != SIZE_MAX ? WHOSE_ONE : maybe ? WHOSE_MAYBE : other ? WHOSE_OTHER : WHOSE_NOBODY;
}

/* Was this signal found in the same sentence, with its council named in the phrase? Then a looser match adds nothing. */
static bool found_there(const struct cw_reader *reader, const struct rule *rule, const struct hit *hit)
{
	uint32_t sentence = reader->words.at[reader->items[hit->start].first].sentence;

	for (size_t i = 0; i < reader->reading.n_findings; i++)
		if (!strcmp(reader->reading.findings[i].rule->signal, rule->is.signal) &&
		    reader->sentences[i] == sentence)
			return true;
	return false;
}

static int give(struct cw_reader *reader, const struct rule *rule, const struct hit *hit, size_t item)
{
	struct cw_mention *m = &reader->mentions.at[reader->items[item].mention];
	struct cw_mention *end = reader->mentions.at + reader->mentions.n;
	uint32_t group = m->group, statement = reader->statements++;
	int r = 0;

	for (; m < end && m->group == group && r == 0; m++) {
		struct cw_finding finding = { .rule = &rule->is,
			                      .criterion = reader->criterion,
			                      .organisation = m->organisation,
			                      .together = statement,
			                      .quote = quote_of(reader, hit) };

		if (m->organisation && !rule->is.organisations)
			continue;
		m->state = CW_MENTION_SURE;
		for (size_t i = 0; i < m->n_councils && r == 0; i++) {
			finding.council = cw_councils_at(reader->phrases->councils, m->councils[i]);
			r = add_finding(reader, &finding);
		}
	}
	return r;
}

/* Does an item name one of the councils that are known already? */
static bool names_fixed(const struct cw_reader *reader, size_t item)
{
	const struct cw_mention *m = mention_of(reader, item);

	for (; m && m < reader->mentions.at + reader->mentions.n && m->group == mention_of(reader, item)->group; m++)
		for (size_t i = 0; i < m->n_councils; i++)
			for (size_t k = 0; k < reader->n_fixed; k++)
				if (reader->fixed[k]->index == m->councils[i])
					return true;
	return false;
}

/* The councils are known: the match counts unless it says that it is about others. */
static int give_fixed(struct cw_reader *reader, const struct rule *rule, const struct hit *hit)
{
	struct range clause = around(reader, hit, WORD_CLAUSE);
	struct cw_finding finding = { .rule = &rule->is,
		                      .criterion = reader->criterion,
		                      .together = reader->statements++,
		                      .quote = quote_of(reader, hit) };
	bool others = false, ours = false;
	int r = 0;

	for (size_t i = clause.from; i < clause.to; i++) {
		const struct cw_mention *m = mention_of(reader, i);

		if (!m)
			continue;
		ours = ours || names_fixed(reader, i);
		others = others || m->other_council || (m->state == CW_MENTION_SURE && !names_fixed(reader, i));
	}
	if (hit->council != NONE ? !names_fixed(reader, hit->council) : others && !ours)
		return 0;
	if (hit->council == NONE && others)
		return add_doubt(reader, CW_DOUBT_WHICH, finding.quote, "several councils are named beside it",
		                 &rule->is);
	for (size_t i = 0; i < reader->n_fixed && r == 0; i++) {
		finding.council = reader->fixed[i];
		r = add_finding(reader, &finding);
	}
	return r;
}

/* "… issued to Bradford restaurant", "Dentist in Bradford issued with …": a place, whose name the match takes for the council's,
 * goes on after the match or belongs to something before it. */
static bool is_place(const struct cw_reader *reader, const struct hit *hit)
{
	const struct item *item = &reader->items[hit->council];
	const struct cw_mention *m = &reader->mentions.at[item->mention];
	const struct cw_mention *end = reader->mentions.at + reader->mentions.n, *last = m;

	if (item->kind != ITEM_NAME)
		return false;
	if (hit->council == hit->start && !m->starts)
		return true;
	while (last + 1 < end && last[1].group == m->group)
		last++;
	return hit->council + 1 == hit->end && !last->ends;
}

/* "Council leader resigns over Sandwell row": what happened did so at a council, and a place is named that has one. */
static int doubt_place(struct cw_reader *reader, const struct rule *rule, const struct hit *hit)
{
	struct range sentence = around(reader, hit, WORD_SENTENCE);

	for (size_t i = sentence.from; i < sentence.to; i++) {
		const struct cw_mention *m = reader->items[i].kind == ITEM_NAME ? mention_of(reader, i) : NULL;

		if (m && m->n_councils)
			return add_doubt(reader, CW_DOUBT_NAME, span_of(reader, m->first, m->end),
			                 "it is named beside a signal whose council is not said", &rule->is);
	}
	return 0;
}

static int take_match(struct cw_reader *reader, uint32_t index, const struct hit *hit)
{
	const struct rule *rule = &reader->phrases->rules[index];
	enum whose whose;
	size_t item = SIZE_MAX;

	reader->sentence = reader->words.at[reader->items[hit->start].first].sentence;
	reader->criterion = criterion_of(reader, index, hit);
	if (!wanted(reader, rule->is.signal) || !conditions(reader, index, hit) || guarded(reader, rule, hit))
		return 0;
	if (reader->n_fixed)
		return give_fixed(reader, rule, hit);
	if (hit->council != NONE)
		return is_place(reader, hit) ? 0 : give(reader, rule, hit, hit->council);
	if (found_there(reader, rule, hit))
		return 0;
	whose = named_in(reader, around(reader, hit, WORD_CLAUSE), &item);
	if (whose == WHOSE_NOBODY)
		whose = named_in(reader, around(reader, hit, WORD_SENTENCE), &item);
	if (whose == WHOSE_NOBODY && !reader->whole_known) {
		reader->whole = named_in(reader, (struct range){ 0, reader->n_items }, &reader->whole_item);
		reader->whole_known = true;
	}
	if (whose == WHOSE_NOBODY) {
		whose = reader->whole;
		item = reader->whole_item;
	}
	if (whose == WHOSE_ONE)
		return give(reader, rule, hit, item);
	if (whose == WHOSE_SEVERAL)
		return add_doubt(reader, CW_DOUBT_WHICH, quote_of(reader, hit), "several councils are named beside it",
		                 &rule->is);
	if (whose == WHOSE_NOBODY)
		return doubt_place(reader, rule, hit);
	return 0; /* nobody, or a name that is a doubt itself, or none of ours */
}

/* --- all of it --- */

static int add_subjects(struct cw_reader *reader)
{
	struct cw_reading *reading = &reader->reading;

	for (size_t i = 0; i < reader->mentions.n; i++) {
		const struct cw_mention *m = &reader->mentions.at[i];

		for (size_t k = 0; k < m->n_councils && m->state == CW_MENTION_SURE; k++) {
			struct cw_subject subject = {
				.council = cw_councils_at(reader->phrases->councils, m->councils[k]),
				.organisation = m->organisation,
				.name = span_of(reader, m->first, m->end),
			};
			bool known = false;

			for (size_t j = 0; j < reading->n_subjects && !known; j++)
				known = reading->subjects[j].council == subject.council;
			if (known)
				continue;
			if (reading->n_subjects == CW_TEXT_COUNCILS_MAX)
				return add_doubt(reader, CW_DOUBT_TOO_MANY, subject.name,
				                 "more councils than one text may be about", NULL);
			if (cw_grow(&reading->subjects, &reader->cap_subjects, reading->n_subjects, sizeof(subject)) < 0)
				return -ENOMEM;
			reading->subjects[reading->n_subjects++] = subject;
		}
	}
	for (size_t i = 0; i < reader->mentions.n; i++) {
		const struct cw_mention *m = &reader->mentions.at[i];

		if (m->state == CW_MENTION_MAYBE &&
		    add_doubt(reader, CW_DOUBT_NAME, span_of(reader, m->first, m->end), m->why, NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

int cw_reader_read(struct cw_reader *reader, const struct cw_str *parts, size_t n_parts, int32_t day,
                   const struct cw_council *const *fixed, size_t n_fixed, const char *const *only, size_t n_only,
                   struct cw_reading *ret)
{
	int r;

	reader->parts = parts;
	reader->fixed = fixed;
	reader->n_fixed = n_fixed;
	reader->only = only;
	reader->n_only = n_only;
	reader->statements = 0;
	reader->whole_known = false;
	reader->reading.n_findings = reader->reading.n_subjects = reader->reading.n_doubts = 0;
	r = words_read(reader->phrases->words, parts, n_parts, &reader->scratch, &reader->words);
	if (r == 0)
		r = cw_finder_run(reader->finder, &reader->words, day, &reader->mentions);
	if (r < 0)
		return r;
	reader->reading.cut = reader->words.cut;
	if (n_fixed || reader->mentions.n) {
		make_items(reader);
		r = matcher_run(reader->matcher, reader->words.at, reader->items, reader->n_items, &reader->hits);
		if (r == 0)
			note_anywhere(reader);
		/* Those that name their council first. */
		for (size_t i = 0; i < 2 * reader->hits.n && r == 0; i++) {
			const struct hit *hit = &reader->hits.at[i % reader->hits.n];

			if (part_of(hit) == PHRASE_RULE && (hit->council == NONE) == (i >= reader->hits.n))
				r = take_match(reader, index_of(hit), hit);
		}
		if (r == 0)
			r = drop_contradictions(reader);
		if (r == 0 && !n_fixed)
			r = add_subjects(reader);
	}
	if (r == 0)
		*ret = reader->reading;
	return r;
}
