/* The tables of the councils: read, checked, and made one hash table of what each text means. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/buf.h>
#include <councilwatch/limits.h>

#include "council_table.h"

static uint32_t hash_text(struct cw_str text)
{
	uint32_t hash = 2166136261u; /* FNV-1a: the keys are ours or short */

	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.at[i]) * 16777619u;
	return hash;
}

struct cw_slot *cw_council_slot(const struct cw_councils *councils, struct cw_str text)
{
	uint32_t hash = hash_text(text);

	for (size_t i = hash;; i++) {
		struct cw_slot *slot = &councils->slots[i & (councils->n_slots - 1)];

		if (slot->entry == CW_NO_ENTRY ||
		    (slot->hash == hash && slot->len == text.len && memcmp(slot->key, text.at, text.len) == 0))
			return slot;
	}
}

static void fill_slot(struct cw_councils *councils, struct cw_str key, uint32_t entry)
{
	struct cw_slot *slot = cw_council_slot(councils, key);

	if (slot->entry == CW_NO_ENTRY)
		*slot = (struct cw_slot){ key.at, (uint32_t)key.len, hash_text(key), entry };
}

/* Room for so many keys at two thirds full. */
static int rehash(struct cw_councils *councils, size_t keys)
{
	size_t n = 64;

	while (n < keys + keys / 2)
		n *= 2;
	free(councils->slots);
	councils->slots = calloc(n, sizeof(*councils->slots));
	if (!councils->slots)
		return -ENOMEM;
	councils->n_slots = n;
	for (size_t i = 0; i < n; i++)
		councils->slots[i].entry = CW_NO_ENTRY;
	for (size_t i = 0; i < councils->n_entries; i++)
		fill_slot(councils, (struct cw_str){ councils->entries[i].key, councils->entries[i].len }, (uint32_t)i);
	return 0;
}

bool cw_council_digits(struct cw_str text, struct cw_str *ret)
{
	size_t n = 0;

	while (n < text.len && text.at[n] >= '0' && text.at[n] <= '9')
		n++;
	if (n == 0)
		return false;
	*ret = (struct cw_str){ text.at, n };
	if (n == text.len)
		return true;
	if (text.at[n++] != '.')
		return false;
	while (n < text.len && text.at[n] == '0')
		n++;
	return n == text.len;
}

static unsigned type_word(struct cw_str word)
{
	static const struct {
		const char *word;
		unsigned is;
	} words[] = {
		{ "council", CW_WORD_COUNCIL },
		{ "the", CW_WORD_COUNCIL },
		{ "of", CW_WORD_COUNCIL },
		{ "local", CW_WORD_COUNCIL },
		{ "authority", CW_WORD_COUNCIL },
		{ "la", CW_WORD_COUNCIL },
		{ "county", CW_WORD_COUNTY },
		{ "city", CW_WORD_CITY },
		{ "borough", CW_WORD_BOROUGH },
		{ "boro", CW_WORD_BOROUGH },
		{ "metropolitan", CW_WORD_METROPOLITAN },
		{ "met", CW_WORD_METROPOLITAN },
		{ "district", CW_WORD_DISTRICT },
		{ "unitary", CW_WORD_UNITARY },
		{ "london", CW_WORD_LONDON },
		{ "royal", CW_WORD_ROYAL },
		{ "corporation", CW_WORD_CORPORATION },
		{ "ua", CW_WORD_UNITARY },
		{ "cc", CW_WORD_CC },
		{ "bc", CW_WORD_BOROUGH },
		{ "dc", CW_WORD_DISTRICT },
		{ "lb", CW_WORD_LONDON | CW_WORD_BOROUGH },
		{ "lbc", CW_WORD_LONDON | CW_WORD_BOROUGH },
		{ "rb", CW_WORD_ROYAL | CW_WORD_BOROUGH },
		{ "mb", CW_WORD_METROPOLITAN | CW_WORD_BOROUGH },
		{ "mbc", CW_WORD_METROPOLITAN | CW_WORD_BOROUGH },
		{ "md", CW_WORD_METROPOLITAN | CW_WORD_DISTRICT },
		{ "mdc", CW_WORD_METROPOLITAN | CW_WORD_DISTRICT },
	};

	for (size_t i = 0; i < CW_ARRAY_LEN(words); i++)
		if (words[i].word[0] == word.at[0] && cw_str_eq(word, words[i].word))
			return words[i].is;
	return 0;
}

void cw_council_affixes(struct cw_str folded, struct cw_affixes *ret)
{
	size_t begin = 0, end = folded.len;

	ret->n_before = ret->n_after = 0;
	while (ret->n_before < CW_AFFIXES_MAX) {
		const char *blank = memchr(folded.at + begin, ' ', folded.len - begin);
		size_t to = blank ? (size_t)(blank - folded.at) : folded.len;
		unsigned is = type_word((struct cw_str){ folded.at + begin, to - begin });

		if (!is || !blank)
			break;
		begin = to + 1;
		ret->words_before[ret->n_before] =
		    is | (ret->n_before ? ret->words_before[ret->n_before - 1] : CW_WORD_COUNCIL);
		ret->before[ret->n_before++] = begin;
	}
	while (ret->n_after < CW_AFFIXES_MAX) {
		size_t from = end;
		unsigned is;

		while (from > 0 && folded.at[from - 1] != ' ')
			from--;
		is = type_word((struct cw_str){ folded.at + from, end - from });
		if (!is || !from)
			break;
		end = from - 1;
		ret->words_after[ret->n_after] =
		    is | (ret->n_after ? ret->words_after[ret->n_after - 1] : CW_WORD_COUNCIL);
		ret->after[ret->n_after++] = end;
	}
}

struct loader {
	struct cw_councils *councils;
	cw_report_fn *report;
	void *arg;
	unsigned mistakes;
	struct cw_buf scratch;
	const char **ids; /* of the councils, for "did you mean"; ends with NULL */
};

static void mistake(struct loader *loader, const struct cw_error *err)
{
	loader->mistakes++;
	if (loader->report)
		loader->report(loader->arg, err);
}

#define COMPLAIN(loader, csv, ...)                                                                                     \
	do {                                                                                                           \
		struct cw_error complaint = { 0 };                                                                     \
		cw_error_at(&complaint, -EINVAL, (csv)->path, (csv)->row_line, 0, __VA_ARGS__);                        \
		mistake(loader, &complaint);                                                                           \
	} while (0)

/* The codes of the last two are letters or numbers that mean something else elsewhere, so a text must say whose they are:
 * "mysociety:BDG", "ocd:227". */
static const char *const schemes[] = { "name", "gss", "la_code", "urn", "ecode", "mysociety", "ocd", NULL };
enum { SCHEME_NAME, SCHEME_GSS, SCHEME_LA_CODE, SCHEME_URN, SCHEME_ECODE, SCHEME_MYSOCIETY, SCHEME_OCD };
static const char *const types[] = { "unitary",         "county", "met_district", "london_borough", "city_of_london",
	                             "isles_of_scilly", NULL };
static const unsigned words_of_type[] = { CW_WORD_UNITARY,
	                                  CW_WORD_COUNTY,
	                                  CW_WORD_METROPOLITAN | CW_WORD_BOROUGH | CW_WORD_DISTRICT,
	                                  CW_WORD_LONDON | CW_WORD_BOROUGH,
	                                  CW_WORD_LONDON | CW_WORD_CORPORATION,
	                                  0 };
static const char *const lineage_kinds[] = { [CW_LINEAGE_CONTINUES] = "continues",
	                                     [CW_LINEAGE_SPLIT] = "split",
	                                     [CW_LINEAGE_MERGE] = "merge",
	                                     NULL };
static const char *const organisation_kinds[] = { "delegate", "service", "partnership", "icb", NULL };
static const char *const body_kinds[] = { "nation",
	                                  "region",
	                                  "group",
	                                  "former_county",
	                                  "district",
	                                  "welsh_council",
	                                  "scottish_council",
	                                  "northern_irish_council",
	                                  "combined_authority",
	                                  "police_area",
	                                  "fire_authority",
	                                  "nhs_body",
	                                  "town_council",
	                                  "national_body",
	                                  "other",
	                                  NULL };

const char *cw_lineage_kind_name(enum cw_lineage_kind kind)
{
	return lineage_kinds[kind];
}

static bool listed(const char *word, const char *const *words, size_t *ret)
{
	for (size_t i = 0; words[i]; i++) {
		if (strcmp(word, words[i]) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

/* A word that must be one of few. */
static bool read_word(struct loader *loader, const struct cw_csv *csv, const char *word, const char *const *words,
                      const char *column, size_t *ret)
{
	const char *near;

	if (listed(word, words, ret))
		return true;
	near = cw_nearest(word, words);
	if (near) {
		COMPLAIN(loader, csv, "unknown %s '%s'; did you mean '%s'?", column, word, near);
	} else {
		char list[256] = "";
		size_t used = 0;

		for (size_t i = 0; words[i] && used < sizeof(list); i++)
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
			                         i == 0         ? ""
			                         : words[i + 1] ? ", "
			                                        : " or ",
			                         words[i]);
		COMPLAIN(loader, csv, "unknown %s '%s'; use %s", column, word, list);
	}
	return false;
}

/* Keys are short and many: they share blocks. */
static char *keep_key(struct cw_councils *councils, struct cw_str text)
{
	struct cw_keys *keys = councils->keys;
	char *key;

	if (!keys || keys->size - keys->used < text.len) {
		size_t size = CW_MAX(text.len, (size_t)16384);

		keys = malloc(sizeof(*keys) + size);
		if (!keys)
			return NULL;
		*keys = (struct cw_keys){ .next = councils->keys, .size = size };
		councils->keys = keys;
	}
	key = keys->data + keys->used;
	memcpy(key, text.at, text.len);
	keys->used += text.len;
	return key;
}

static uint32_t entry_for(struct loader *loader, struct cw_str folded)
{
	struct cw_councils *councils = loader->councils;
	const struct cw_slot *slot = cw_council_slot(councils, folded);
	char *key;

	if (slot->entry != CW_NO_ENTRY)
		return slot->entry;
	if (cw_grow(&councils->entries, &councils->cap_entries, councils->n_entries, sizeof(struct cw_entry)) < 0)
		return CW_NO_ENTRY;
	key = keep_key(councils, folded);
	if (!key)
		return CW_NO_ENTRY;
	councils->entries[councils->n_entries++] = (struct cw_entry){ key, (uint32_t)folded.len, CW_NO_ENTRY };
	if (councils->n_entries + councils->n_entries / 2 > councils->n_slots) {
		if (rehash(councils, councils->n_entries * 2) < 0)
			return CW_NO_ENTRY;
	} else {
		fill_slot(councils, (struct cw_str){ key, folded.len }, (uint32_t)councils->n_entries - 1);
	}
	return (uint32_t)councils->n_entries - 1;
}

static bool overlap(const struct cw_meaning *a, const struct cw_meaning *b)
{
	return (a->from == CW_DAY_NONE || b->to == CW_DAY_NONE || a->from <= b->to) &&
	       (b->from == CW_DAY_NONE || a->to == CW_DAY_NONE || b->from <= a->to);
}

static const char *target_name(const struct cw_councils *councils, uint32_t target)
{
	return target < councils->n       ? councils->at[target].id
	       : target == CW_OTHER_BODY ? "another body"
	                                 : "several councils";
}

/* The words around a council's own names are the ones that may stand around any name of it. */
static void learn_type_words(struct cw_councils *councils, uint32_t council, struct cw_str folded)
{
	struct cw_affixes affixes;

	cw_council_affixes(folded, &affixes);
	if (affixes.n_before)
		councils->type_words[council] |= affixes.words_before[affixes.n_before - 1];
	if (affixes.n_after)
		councils->type_words[council] |= affixes.words_after[affixes.n_after - 1];
	if (councils->type_words[council] & (CW_WORD_COUNTY | CW_WORD_CITY))
		councils->type_words[council] |= CW_WORD_CC;
}

/* Lets text mean a target between two days. Mistakes are reported; a negative return is fatal. The meaning's own text is as
 * the table has it and lasts; text may be another, which does not. */
static int add_text(struct loader *loader, const struct cw_csv *csv, const char *text, struct cw_meaning meaning)
{
	struct cw_councils *councils = loader->councils;
	struct cw_str folded, digits;
	uint32_t index, count = 0;
	int r;

	if (cw_council_digits(cw_str(text), &digits)) {
		folded = digits;
	} else {
		r = cw_text_fold(cw_str(text), &loader->scratch);
		if (r == -EBADMSG || r == -EMSGSIZE) {
			COMPLAIN(loader, csv, "a text is %s; correct or remove it",
			         r == -EBADMSG ? "not valid UTF-8" : "too long");
			return 0;
		}
		if (r < 0)
			return r;
		folded = (struct cw_str){ cw_buf_str(&loader->scratch), loader->scratch.len };
	}
	if (!folded.len) {
		COMPLAIN(loader, csv, "'%s' has neither letters nor digits; correct or remove it", text);
		return 0;
	}
	if (!meaning.code && meaning.target < councils->n)
		learn_type_words(councils, meaning.target, folded);
	index = entry_for(loader, folded);
	if (index == CW_NO_ENTRY)
		return -ENOMEM;

	for (uint32_t m = councils->entries[index].first; m != CW_NO_ENTRY; m = councils->meanings[m].next) {
		const struct cw_meaning *other = &councils->meanings[m];

		count++;
		if (other->target == meaning.target && other->from == meaning.from && other->to == meaning.to &&
		    other->source == meaning.source)
			return 0; /* said twice: harmless */
		if (other->target != meaning.target && (meaning.code || other->code) && overlap(other, &meaning)) {
			const char *slash = strrchr(other->file, '/');

			COMPLAIN(loader, csv,
			         "'%s' names %s, but line %u of %s gives it to %s at the same time; correct one, or "
			         "give them dates",
			         text, target_name(councils, meaning.target), other->line,
			         slash ? slash + 1 : other->file, target_name(councils, other->target));
			return 0;
		}
	}
	if (count == CW_MEANINGS_MAX) {
		COMPLAIN(loader, csv, "'%s' has more than %u meanings", text, CW_MEANINGS_MAX);
		return 0;
	}
	if (cw_grow(&councils->meanings, &councils->cap_meanings, councils->n_meanings, sizeof(struct cw_meaning)) < 0)
		return -ENOMEM;
	meaning.line = csv->row_line;
	meaning.file = csv->path;
	meaning.next = councils->entries[index].first;
	councils->meanings[councils->n_meanings] = meaning;
	councils->entries[index].first = (uint32_t)councils->n_meanings++;

	if (text == meaning.text && (strlen(text) != folded.len || memcmp(text, folded.at, folded.len) != 0)) {
		if (cw_grow(&councils->spellings, &councils->cap_spellings, councils->n_spellings,
		         sizeof(struct cw_spelling)) < 0)
			return -ENOMEM;
		councils->spellings[councils->n_spellings++] = (struct cw_spelling){ text, index };
	}
	return 0;
}

static int add_meaning(struct loader *loader, const struct cw_csv *csv, const char *text, struct cw_meaning meaning)
{
	meaning.text = text;
	return add_text(loader, csv, text, meaning);
}

/* "*Town Council" from a table, without the star. */
static int add_ending(struct loader *loader, const struct cw_csv *csv, const char *text, struct cw_ending ending)
{
	struct cw_councils *councils = loader->councils;
	int r = cw_text_fold(cw_str(text), &loader->scratch);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (loader->scratch.len < 3) {
		COMPLAIN(loader, csv, "'*%s' would match too much; write a longer ending", text);
		return 0;
	}
	if (cw_grow(&councils->endings, &councils->cap_endings, councils->n_endings, sizeof(ending)) < 0)
		return -ENOMEM;
	ending.len = (uint32_t)loader->scratch.len;
	ending.text = strndup(cw_buf_str(&loader->scratch), loader->scratch.len);
	if (!ending.text)
		return -ENOMEM;
	councils->endings[councils->n_endings++] = ending;
	return 0;
}

static bool read_day(struct loader *loader, const struct cw_csv *csv, const char *text, const char *column,
                     int32_t *ret)
{
	*ret = CW_DAY_NONE;
	if (!*text || cw_date_parse(text, strlen(text), "%Y-%m-%d", ret) == 0)
		return true;
	COMPLAIN(loader, csv, "%s is '%s'; write a date as 2019-04-01, or leave it empty", column, text);
	return false;
}

/* The two ends of what a row says; both may be open. */
static bool read_validity(struct loader *loader, const struct cw_csv *csv, const char *from, const char *to,
                          const char *what, struct cw_meaning *ret)
{
	if (!read_day(loader, csv, from, "valid_from", &ret->from) || !read_day(loader, csv, to, "valid_to", &ret->to))
		return false;
	if (ret->from != CW_DAY_NONE && ret->to != CW_DAY_NONE && ret->to < ret->from) {
		COMPLAIN(loader, csv, "'%s' is valid to a day before valid_from; correct one of them", what);
		return false;
	}
	return true;
}

/* What a council is called cannot outlive it, whatever the row leaves open. A day outside its life is a mistake. */
static bool within_life(struct loader *loader, const struct cw_csv *csv, const struct cw_council *council,
                        const char *what, struct cw_meaning *meaning)
{
	char day[CW_WALL_TEXT];

	if (council->start_day != CW_DAY_NONE && meaning->to != CW_DAY_NONE && meaning->to < council->start_day) {
		COMPLAIN(loader, csv, "'%s' is valid before %s started, on %s; correct valid_to", what, council->id,
		         cw_day_format(council->start_day, day));
		return false;
	}
	if (council->end_day != CW_DAY_NONE && meaning->from != CW_DAY_NONE && meaning->from > council->end_day) {
		COMPLAIN(loader, csv, "'%s' is valid after %s ended, on %s; correct valid_from", what, council->id,
		         cw_day_format(council->end_day, day));
		return false;
	}
	if (council->start_day != CW_DAY_NONE && (meaning->from == CW_DAY_NONE || meaning->from < council->start_day))
		meaning->from = council->start_day;
	if (council->end_day != CW_DAY_NONE && (meaning->to == CW_DAY_NONE || meaning->to > council->end_day))
		meaning->to = council->end_day;
	return true;
}

/* Positions of the named columns; false when one is missing, which is reported. */
static bool find_columns(struct loader *loader, struct cw_csv *csv, const char *const *names, int *ret)
{
	bool all = true;

	for (; *names; names++, ret++) {
		*ret = cw_csv_column(csv, *names);
		if (*ret < 0) {
			COMPLAIN(loader, csv, "has no column '%s'; the first row must name it", *names);
			all = false;
		}
	}
	return all;
}

typedef int row_fn(struct loader *loader, const struct cw_csv *csv, const int *column);

/* Every row of a table to fn. 0 or fatal. */
static int read_rows(struct loader *loader, unsigned table, const char *const *names, row_fn *fn)
{
	struct cw_csv *csv = &loader->councils->csv[table];
	struct cw_error err;
	int column[CW_CSV_COLUMNS_MAX];
	int r;

	if (!csv->path || !find_columns(loader, csv, names, column))
		return 0;
	while ((r = cw_csv_next(csv, &err)) != 0) {
		if (r < 0)
			mistake(loader, &err);
		else if ((r = fn(loader, csv, column)) < 0)
			return r;
	}
	return 0;
}

static const struct cw_council *council_of(struct loader *loader, const struct cw_csv *csv, const char *id,
                                           const char *column)
{
	const struct cw_council *council = cw_councils_by_id(loader->councils, cw_str(id));
	const char *near;

	if (council)
		return council;
	near = loader->ids ? cw_nearest(id, loader->ids) : NULL;
	COMPLAIN(loader, csv, "unknown %s '%s'%s%s%s", column, id,
	         near ? "; did you mean '" : "; add it to the councils first", near ? near : "", near ? "'?" : "");
	return NULL;
}

/* --- councils.csv --- */

static bool valid_id(const char *id)
{
	size_t len = strlen(id);

	return len > 0 && len < CW_NAME_MAX && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == len &&
	       id[0] != '-' && id[len - 1] != '-';
}

enum { C_ID, C_NAME, C_SHORT, C_TYPE, C_REGION, C_GSS, C_LA, C_URN, C_START, C_END };

static void read_council(struct loader *loader, const struct cw_csv *csv, const int *column)
{
	struct cw_councils *councils = loader->councils;
	struct cw_council council = {
		.index = (unsigned)councils->n,
		.id = csv->fields[column[C_ID]],
		.name = csv->fields[column[C_NAME]],
		.short_name = csv->fields[column[C_SHORT]],
		.type = csv->fields[column[C_TYPE]],
		.region = csv->fields[column[C_REGION]],
		.gss_code = csv->fields[column[C_GSS]],
		.la_code = csv->fields[column[C_LA]],
		.urn = csv->fields[column[C_URN]],
	};
	size_t type = 0;

	if (!valid_id(council.id)) {
		COMPLAIN(loader, csv, "council_id is '%s'; it must be lower-case letters, digits and '-'", council.id);
		return;
	}
	for (size_t i = 0; i < councils->n; i++)
		if (strcmp(councils->at[i].id, council.id) == 0) {
			COMPLAIN(loader, csv, "council '%s' stands here twice; remove one", council.id);
			return;
		}
	if (!*council.name || !*council.short_name)
		COMPLAIN(loader, csv, "council '%s' has no %s", council.id, *council.name ? "short_name" : "name");
	if (!listed(council.type, types, &type)) {
		const char *near = cw_nearest(council.type, types);

		COMPLAIN(loader, csv, "unknown type '%s' of council '%s'%s%s%s", council.type, council.id,
		         near ? "; did you mean '" : "; see SOURCES.md beside it", near ? near : "", near ? "'?" : "");
	}
	if (read_day(loader, csv, csv->fields[column[C_START]], "start_date", &council.start_day) &&
	    read_day(loader, csv, csv->fields[column[C_END]], "end_date", &council.end_day) &&
	    council.start_day != CW_DAY_NONE && council.end_day != CW_DAY_NONE && council.end_day < council.start_day)
		COMPLAIN(loader, csv, "council '%s' ends before it starts; correct start_date or end_date", council.id);
	councils->type_words[councils->n] = CW_WORD_COUNCIL | words_of_type[type];
	councils->at[councils->n++] = council;
}

static int add_council_texts(struct loader *loader, struct cw_csv *csv, const struct cw_council *council, unsigned line)
{
	const struct {
		const char *text;
		unsigned scheme;
	} texts[] = { { council->name, SCHEME_NAME },
		      { council->short_name, SCHEME_NAME },
		      { council->gss_code, SCHEME_GSS },
		      { council->la_code, SCHEME_LA_CODE },
		      { council->urn, SCHEME_URN } };

	csv->row_line = line;
	for (size_t i = 0; i < CW_ARRAY_LEN(texts); i++) {
		struct cw_meaning meaning = { .target = council->index,
			                      .source = CW_NO_ENTRY,
			                      .from = council->start_day,
			                      .to = council->end_day,
			                      .scheme = schemes[texts[i].scheme],
			                      .code = texts[i].scheme != SCHEME_NAME };
		int r;

		if (!*texts[i].text)
			continue;
		r = add_meaning(loader, csv, texts[i].text, meaning);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_councils(struct loader *loader)
{
	static const char *const names[] = { "council_id", "name", "short_name", "type",     "region", "gss_code",
		                             "la_code",    "urn",  "start_date", "end_date", NULL };
	struct cw_councils *councils = loader->councils;
	struct cw_csv *csv = &councils->csv[CW_TABLE_COUNCILS];
	CW_CLEANUP(cw_freep) unsigned *lines = NULL;
	size_t cap = 0, cap_lines = 0, cap_words = 0;
	struct cw_error err;
	int column[CW_CSV_COLUMNS_MAX];
	int r;

	if (!find_columns(loader, csv, names, column))
		return 0;
	while ((r = cw_csv_next(csv, &err)) != 0) {
		if (r < 0) {
			mistake(loader, &err);
			continue;
		}
		if (cw_grow(&councils->at, &cap, councils->n, sizeof(struct cw_council)) < 0 ||
		    cw_grow(&lines, &cap_lines, councils->n, sizeof(*lines)) < 0 ||
		    cw_grow(&councils->type_words, &cap_words, councils->n, sizeof(*councils->type_words)) < 0)
			return -ENOMEM;
		lines[councils->n] = csv->row_line;
		read_council(loader, csv, column);
	}
	if (!councils->n && !loader->mistakes)
		COMPLAIN(loader, csv, "names no council");
	loader->ids = calloc(councils->n + 1, sizeof(*loader->ids));
	councils->by_id = calloc(councils->n + 1, sizeof(const struct cw_council *));
	if (!loader->ids || !councils->by_id)
		return -ENOMEM;
	for (size_t i = 0; i < councils->n; i++) {
		loader->ids[i] = councils->at[i].id;
		r = add_council_texts(loader, csv, &councils->at[i], lines[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int by_id_order(const void *a, const void *b)
{
	const struct cw_council *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

static void sort_councils(struct cw_councils *councils)
{
	if (!councils->by_id)
		return;
	for (size_t i = 0; i < councils->n; i++)
		councils->by_id[i] = &councils->at[i];
	qsort(councils->by_id, councils->n, sizeof(const struct cw_council *), by_id_order);
}

/* --- aliases.csv --- */

enum { A_ID, A_ALIAS, A_SCHEME, A_FROM, A_TO };

static int read_alias(struct loader *loader, const struct cw_csv *csv, const int *column)
{
	const char *alias = csv->fields[column[A_ALIAS]], *scheme = csv->fields[column[A_SCHEME]];
	const struct cw_council *council = council_of(loader, csv, csv->fields[column[A_ID]], "council_id");
	struct cw_meaning meaning = { .source = CW_NO_ENTRY };
	char qualified[64];
	size_t which = 0;

	if (!council || !read_word(loader, csv, scheme, schemes, "scheme", &which))
		return 0;
	if (!*alias) {
		COMPLAIN(loader, csv, "the alias is empty; fill it in or remove the row");
		return 0;
	}
	if (!read_validity(loader, csv, csv->fields[column[A_FROM]], csv->fields[column[A_TO]], alias, &meaning) ||
	    !within_life(loader, csv, council, alias, &meaning))
		return 0;
	meaning.target = council->index;
	meaning.scheme = schemes[which];
	meaning.code = which != SCHEME_NAME;
	if (which < SCHEME_MYSOCIETY)
		return add_meaning(loader, csv, alias, meaning);
	if (snprintf(qualified, sizeof(qualified), "%s %s", scheme, alias) >= (int)sizeof(qualified)) {
		COMPLAIN(loader, csv, "'%s' is too long for a code", alias);
		return 0;
	}
	meaning.text = alias;
	return add_text(loader, csv, qualified, meaning);
}

/* --- lineage.csv --- */

enum { L_PREDECESSOR, L_SUCCESSOR, L_KIND, L_DATE, L_OF_PREDECESSOR, L_OF_SUCCESSOR };

static bool read_share(struct loader *loader, const struct cw_csv *csv, const char *text, const char *column,
                       double *ret)
{
	if (cw_parse_double(cw_str(text), ret) == 0 && *ret > 0 && *ret <= 1)
		return true;
	COMPLAIN(loader, csv, "%s is '%s'; it must be a share over 0 and at most 1", column, text);
	return false;
}

/* The days on which councils end and start are said in two tables: they must agree. */
static void check_days(struct loader *loader, const struct cw_csv *csv, const struct cw_lineage *edge)
{
	char day[CW_WALL_TEXT], other[CW_WALL_TEXT];

	if (edge->kind == CW_LINEAGE_CONTINUES) {
		if (!cw_council_exists(edge->predecessor, edge->day))
			COMPLAIN(loader, csv, "%s does not exist on %s; correct date", edge->predecessor->id,
			         cw_day_format(edge->day, day));
		return;
	}
	if (edge->predecessor->end_day != edge->day - 1)
		COMPLAIN(loader, csv, "%s must end on the day before %s, but the councils say %s; correct one",
		         edge->predecessor->id, cw_day_format(edge->day, day),
		         edge->predecessor->end_day == CW_DAY_NONE ? "that it goes on"
		                                                   : cw_day_format(edge->predecessor->end_day, other));
	if (edge->successor->start_day != edge->day)
		COMPLAIN(loader, csv, "%s must start on %s, but the councils say %s; correct one", edge->successor->id,
		         cw_day_format(edge->day, day),
		         edge->successor->start_day == CW_DAY_NONE ? "that it was always there"
		                                                   : cw_day_format(edge->successor->start_day, other));
}

static int read_edge(struct loader *loader, const struct cw_csv *csv, const int *column)
{
	struct cw_councils *councils = loader->councils;
	struct cw_lineage edge = {
		.predecessor = council_of(loader, csv, csv->fields[column[L_PREDECESSOR]], "predecessor"),
		.successor = council_of(loader, csv, csv->fields[column[L_SUCCESSOR]], "successor"),
	};
	size_t kind = 0;

	if (!edge.predecessor || !edge.successor ||
	    !read_word(loader, csv, csv->fields[column[L_KIND]], lineage_kinds, "kind", &kind) ||
	    !read_day(loader, csv, csv->fields[column[L_DATE]], "date", &edge.day) ||
	    !read_share(loader, csv, csv->fields[column[L_OF_PREDECESSOR]], "of_predecessor", &edge.of_predecessor) ||
	    !read_share(loader, csv, csv->fields[column[L_OF_SUCCESSOR]], "of_successor", &edge.of_successor))
		return 0;
	edge.kind = (enum cw_lineage_kind)kind;
	if (edge.day == CW_DAY_NONE) {
		COMPLAIN(loader, csv, "date is empty; write the successor's first day");
		return 0;
	}
	if ((edge.kind == CW_LINEAGE_CONTINUES) != (edge.predecessor == edge.successor)) {
		COMPLAIN(loader, csv, "%s and %s: kind \"continues\" is for one council that goes on, the others for two",
		         edge.predecessor->id, edge.successor->id);
		return 0;
	}
	for (size_t i = 0; i < councils->n_lineage; i++) {
		if (councils->lineage[i].predecessor == edge.predecessor &&
		    councils->lineage[i].successor == edge.successor && councils->lineage[i].day == edge.day) {
			COMPLAIN(loader, csv, "%s to %s stands here twice; remove one", edge.predecessor->id,
			         edge.successor->id);
			return 0;
		}
	}
	check_days(loader, csv, &edge);
	if (cw_grow(&councils->lineage, &councils->cap_lineage, councils->n_lineage, sizeof(edge)) < 0)
		return -ENOMEM;
	councils->lineage[councils->n_lineage++] = edge;
	return 0;
}

/* All children of a predecessor went somewhere, and all of a successor's came from somewhere. Shares have two decimals. */
static void check_shares(struct loader *loader)
{
	struct cw_councils *councils = loader->councils;
	struct cw_csv *csv = &councils->csv[CW_TABLE_LINEAGE];

	csv->row_line = 0;
	for (size_t i = 0; i < councils->n; i++) {
		double went = 0, came = 0;
		bool ends = false, starts = false;

		for (size_t k = 0; k < councils->n_lineage; k++) {
			const struct cw_lineage *edge = &councils->lineage[k];

			if (edge->kind == CW_LINEAGE_CONTINUES) {
				if (edge->predecessor->index == i && (edge->of_predecessor < 1 || edge->of_successor < 1))
					COMPLAIN(loader, csv, "%s continues: both shares must be 1", councils->at[i].id);
				continue;
			}
			if (edge->predecessor->index == i) {
				went += edge->of_predecessor;
				ends = true;
			}
			if (edge->successor->index == i) {
				came += edge->of_successor;
				starts = true;
			}
		}
		if (ends && fabs(went - 1) > 0.011)
			COMPLAIN(loader, csv, "of_predecessor of %s comes to %.2f in all; it must be 1",
			         councils->at[i].id, went);
		if (starts && fabs(came - 1) > 0.011)
			COMPLAIN(loader, csv, "of_successor of %s comes to %.2f in all; it must be 1",
			         councils->at[i].id, came);
	}
}

/* --- organisations.csv --- */

enum { O_ID, O_NAME, O_KIND, O_COUNCILS, O_FROM, O_TO };

/* The target for these councils, in ascending order. */
static int target_for(struct cw_councils *councils, const struct cw_group *group, uint32_t *ret)
{
	if (group->n == 1) {
		*ret = group->at[0];
		return 0;
	}
	for (size_t i = 0; i < councils->n_groups; i++) {
		if (councils->groups[i].n == group->n &&
		    !memcmp(councils->groups[i].at, group->at, group->n * sizeof(group->at[0]))) {
			*ret = (uint32_t)(councils->n + i);
			return 0;
		}
	}
	if (cw_grow(&councils->groups, &councils->cap_groups, councils->n_groups, sizeof(*group)) < 0)
		return -ENOMEM;
	*ret = (uint32_t)(councils->n + councils->n_groups);
	councils->groups[councils->n_groups++] = *group;
	return 0;
}

/* The councils of a list with '|' between. 0, 1 with a mistake reported, or -ENOMEM. */
static int read_members(struct loader *loader, const struct cw_csv *csv, const char *list, const char *name,
                        struct cw_group *ret, struct cw_meaning *meaning)
{
	CW_CLEANUP(cw_freep) char *copy = strdup(list);
	const struct cw_meaning said = *meaning;
	char *at = copy, *id;

	if (!copy)
		return -ENOMEM;
	ret->n = 0;
	while ((id = strsep(&at, "|"))) {
		const struct cw_council *council = council_of(loader, csv, id, "council");
		struct cw_meaning life = said;
		size_t k;

		if (!council || !within_life(loader, csv, council, name, &life))
			return 1;
		if (life.from != CW_DAY_NONE && (meaning->from == CW_DAY_NONE || meaning->from < life.from))
			meaning->from = life.from;
		if (life.to != CW_DAY_NONE && (meaning->to == CW_DAY_NONE || meaning->to > life.to))
			meaning->to = life.to;
		for (k = ret->n; k > 0 && ret->at[k - 1] >= council->index; k--) {
			if (ret->at[k - 1] == council->index) {
				COMPLAIN(loader, csv, "%s stands here twice; remove one", id);
				return 1;
			}
		}
		if (ret->n == CW_COUNCILS_TOGETHER_MAX) {
			COMPLAIN(loader, csv, "'%s' acts for more than %u councils", name, CW_COUNCILS_TOGETHER_MAX);
			return 1;
		}
		memmove(&ret->at[k + 1], &ret->at[k], (ret->n - k) * sizeof(ret->at[0]));
		ret->at[k] = council->index;
		ret->n++;
	}
	if (meaning->from != CW_DAY_NONE && meaning->to != CW_DAY_NONE && meaning->to < meaning->from) {
		COMPLAIN(loader, csv, "the councils of '%s' did not exist at one time; give each period its row", name);
		return 1;
	}
	return 0;
}

static int read_organisation(struct loader *loader, const struct cw_csv *csv, const int *column)
{
	struct cw_councils *councils = loader->councils;
	struct cw_organisation organisation = { .id = csv->fields[column[O_ID]], .name = csv->fields[column[O_NAME]] };
	struct cw_meaning meaning = { 0 };
	struct cw_group group;
	size_t kind = 0;
	bool any;
	int r;

	if (!valid_id(organisation.id)) {
		COMPLAIN(loader, csv, "organisation_id is '%s'; it must be lower-case letters, digits and '-'",
		         organisation.id);
		return 0;
	}
	if (!*organisation.name) {
		COMPLAIN(loader, csv, "organisation '%s' has no name", organisation.id);
		return 0;
	}
	if (!read_word(loader, csv, csv->fields[column[O_KIND]], organisation_kinds, "kind", &kind) ||
	    !read_validity(loader, csv, csv->fields[column[O_FROM]], csv->fields[column[O_TO]], organisation.name,
	                   &meaning))
		return 0;
	group.n = 0;
	any = strcmp(csv->fields[column[O_COUNCILS]], "*") == 0;
	if (any != (organisation.name[0] == '*')) {
		COMPLAIN(loader, csv, "'%s': a name that begins with '*' and councils '*' go together", organisation.name);
		return 0;
	}
	r = any ? 0 : read_members(loader, csv, csv->fields[column[O_COUNCILS]], organisation.name, &group, &meaning);
	if (r)
		return r < 0 ? r : 0;
	if (cw_grow(&councils->organisations, &councils->cap_organisations, councils->n_organisations,
	         sizeof(organisation)) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < group.n; i++) {
		if (cw_grow(&councils->members, &councils->cap_members, councils->n_members, sizeof(*councils->members)) < 0)
			return -ENOMEM;
		councils->members[councils->n_members++] = &councils->at[group.at[i]];
	}
	organisation.kind = organisation_kinds[kind];
	organisation.n = group.n;
	organisation.from = meaning.from;
	organisation.to = meaning.to;
	meaning.source = (uint32_t)councils->n_organisations;
	councils->organisations[councils->n_organisations++] = organisation;
	if (any)
		return add_ending(loader, csv, organisation.name + 1,
		                  (struct cw_ending){ .source = meaning.source,
		                                      .organisation = true,
		                                      .from = meaning.from,
		                                      .to = meaning.to });
	r = target_for(councils, &group, &meaning.target);
	return r < 0 ? r : add_meaning(loader, csv, organisation.name, meaning);
}

/* The members' array has stopped moving. */
static void place_members(struct cw_councils *councils)
{
	size_t at = 0;

	for (size_t i = 0; i < councils->n_organisations; i++) {
		councils->organisations[i].at = councils->members + at;
		at += councils->organisations[i].n;
	}
}

/* --- other-bodies.csv --- */

enum { B_NAME, B_KIND, B_CODES, B_ALSO, B_FROM, B_TO };

static int add_list(struct loader *loader, const struct cw_csv *csv, char *list, struct cw_meaning meaning)
{
	char *at = *list ? list : NULL, *text;
	int r = 0;

	/* In place: the fields are ours, and what is added keeps pointing to them. */
	while (r == 0 && (text = strsep(&at, "|")))
		r = add_meaning(loader, csv, text, meaning);
	return r;
}

static int read_body(struct loader *loader, const struct cw_csv *csv, const int *column)
{
	struct cw_councils *councils = loader->councils;
	struct cw_other_body body = { .name = csv->fields[column[B_NAME]] };
	struct cw_meaning meaning = { .target = CW_OTHER_BODY,
		                      .source = (uint32_t)councils->n_bodies };
	size_t kind = 0;
	int r;

	if (!*body.name) {
		COMPLAIN(loader, csv, "the name is empty; fill it in or remove the row");
		return 0;
	}
	if (!read_word(loader, csv, csv->fields[column[B_KIND]], body_kinds, "kind", &kind) ||
	    !read_validity(loader, csv, csv->fields[column[B_FROM]], csv->fields[column[B_TO]], body.name, &meaning))
		return 0;
	body.kind = body_kinds[kind];
	body.council = strcmp(body.kind, "district") == 0 || strstr(body.kind, "_council") != NULL;
	if (cw_grow(&councils->bodies, &councils->cap_bodies, councils->n_bodies, sizeof(body)) < 0)
		return -ENOMEM;
	councils->bodies[councils->n_bodies++] = body;
	if (body.name[0] == '*')
		return add_ending(loader, csv, body.name + 1,
		                  (struct cw_ending){ .source = meaning.source, .from = meaning.from, .to = meaning.to });
	r = add_meaning(loader, csv, body.name, meaning);
	if (r == 0)
		r = add_list(loader, csv, csv->fields[column[B_ALSO]], meaning);
	meaning.code = true;
	return r < 0 ? r : add_list(loader, csv, csv->fields[column[B_CODES]], meaning);
}

/* --- all of them --- */

static int load(struct loader *loader)
{
	static const char *const alias_names[] = { "council_id", "alias", "scheme", "valid_from", "valid_to", NULL };
	static const char *const edge_names[] = { "predecessor",    "successor",    "kind", "date",
		                                  "of_predecessor", "of_successor", NULL };
	static const char *const organisation_names[] = { "organisation_id", "name",     "kind", "councils",
		                                          "valid_from",      "valid_to", NULL };
	static const char *const body_names[] = { "name", "kind", "codes", "also", "valid_from", "valid_to", NULL };
	struct cw_councils *councils = loader->councils;
	int r;

	/* Most rows are one text in thirty bytes. */
	r = rehash(councils, (councils->csv[CW_TABLE_COUNCILS].len + councils->csv[CW_TABLE_ALIASES].len +
	                      councils->csv[CW_TABLE_ORGANISATIONS].len + councils->csv[CW_TABLE_BODIES].len) /
	                         30);
	if (r == 0)
		r = read_councils(loader);
	sort_councils(councils);
	if (r == 0)
		r = read_rows(loader, CW_TABLE_ALIASES, alias_names, read_alias);
	if (r == 0)
		r = read_rows(loader, CW_TABLE_LINEAGE, edge_names, read_edge);
	if (r == 0 && !loader->mistakes)
		check_shares(loader);
	if (r == 0)
		r = read_rows(loader, CW_TABLE_ORGANISATIONS, organisation_names, read_organisation);
	place_members(councils);
	if (r == 0)
		r = read_rows(loader, CW_TABLE_BODIES, body_names, read_body);
	if (r == 0)
		r = rehash(councils, councils->n_entries + councils->n_spellings);
	if (r < 0)
		return r;
	for (size_t i = 0; i < councils->n_spellings; i++)
		fill_slot(councils, cw_str(councils->spellings[i].text), councils->spellings[i].entry);
	return 0;
}

static void councils_freep(struct cw_councils **councils)
{
	cw_councils_free(*councils);
}

int cw_councils_load(const struct cw_council_tables *tables, cw_report_fn *report, void *arg, struct cw_councils **ret,
                     struct cw_error *err)
{
	CW_CLEANUP(councils_freep) struct cw_councils *councils = calloc(1, sizeof(*councils));
	struct loader loader = { .councils = councils, .report = report, .arg = arg };
	const char *const paths[CW_TABLES] = { tables->councils, tables->aliases, tables->lineage,
		                               tables->organisations, tables->other_bodies };
	int r;

	if (!councils)
		return cw_error_nomem(err);
	for (size_t i = 0; i < CW_TABLES; i++) {
		struct cw_error opening;

		r = paths[i] ? cw_csv_open(&councils->csv[i], paths[i], &opening) : 0;
		if (r == -ENOMEM)
			return cw_error_nomem(err);
		if (r < 0)
			mistake(&loader, &opening);
	}
	if (!loader.mistakes) {
		cw_buf_init(&loader.scratch, CW_FIELD_MAX);
		r = load(&loader);
		cw_buf_clear(&loader.scratch);
		free(loader.ids);
		if (r == -ENOMEM)
			return cw_error_nomem(err);
		if (r < 0)
			return cw_error_at(err, r, paths[0], 0, 0, "cannot be read: %s", strerror(-r));
	}
	if (loader.mistakes)
		return cw_error_at(err, -EINVAL, paths[0], 0, 0, "%u %s in the tables of the councils", loader.mistakes,
		                   loader.mistakes == 1 ? "mistake" : "mistakes");
	*ret = cw_steal(councils);
	return 0;
}

void cw_councils_free(struct cw_councils *councils)
{
	if (!councils)
		return;
	while (councils->keys) {
		struct cw_keys *keys = councils->keys;

		councils->keys = keys->next;
		free(keys);
	}
	for (size_t i = 0; i < councils->n_endings; i++)
		free((char *)(uintptr_t)councils->endings[i].text);
	free(councils->endings);
	free(councils->entries);
	free(councils->meanings);
	free(councils->spellings);
	free(councils->slots);
	free(councils->by_id);
	free(councils->at);
	free(councils->type_words);
	free(councils->groups);
	free(councils->lineage);
	free(councils->organisations);
	free(councils->members);
	free(councils->bodies);
	for (size_t i = 0; i < CW_TABLES; i++)
		cw_csv_close(&councils->csv[i]);
	free(councils);
}
