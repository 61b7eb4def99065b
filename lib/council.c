#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/council.h>
#include <councilwatch/limits.h>

#include "csv.h"

/* Councils that one text may name at different dates or together. */
#define MEANINGS_MAX 16u

/* One text names one council between two days. */
struct meaning {
	uint32_t council;
	uint32_t next;    /* the text's next meaning, or NONE */
	int32_t from, to; /* CW_DAY_NONE = open */
	unsigned line;    /* in the file that says so */
	bool code;
	bool aliases_file;
};

/* A folded text and the list of what it means. */
struct entry {
	const char *key; /* folded; owned by keys */
	uint32_t len;
	uint32_t first;
};

/* A slot of the hash table. A text as spelled in the files has a slot of its own beside its folded form, so that a
 * spelling we know is found without folding it. */
struct slot {
	const char *key;
	uint32_t len;
	uint32_t hash;
	uint32_t entry; /* NONE = free */
};
#define NONE UINT32_MAX

struct spelling {
	const char *text;
	uint32_t entry;
};

struct cw_councils {
	struct cw_csv councils_csv, aliases_csv; /* the strings of everything point into these */
	size_t n;
	struct cw_council *at;
	const struct cw_council **by_id; /* sorted; NULL while loading */
	size_t n_entries, cap_entries;
	struct entry *entries;
	size_t n_meanings, cap_meanings;
	struct meaning *meanings;
	size_t n_spellings, cap_spellings;
	struct spelling *spellings;
	size_t n_slots; /* a power of two */
	struct slot *slots;
};

static int grow(void *array, size_t *cap, size_t n, size_t size)
{
	void *bigger;

	if (n < *cap)
		return 0;
	bigger = reallocarray(*(void **)array, *cap ? *cap * 2 : 256, size);
	if (!bigger)
		return -ENOMEM;
	*(void **)array = bigger;
	*cap = *cap ? *cap * 2 : 256;
	return 0;
}

static uint32_t hash_text(struct cw_str text)
{
	uint32_t hash = 2166136261u; /* FNV-1a: the keys are ours or short */

	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.at[i]) * 16777619u;
	return hash;
}

static struct slot *find_slot(const struct cw_councils *councils, struct cw_str text)
{
	uint32_t hash = hash_text(text);

	for (size_t i = hash;; i++) {
		struct slot *slot = &councils->slots[i & (councils->n_slots - 1)];

		if (slot->entry == NONE ||
		    (slot->hash == hash && slot->len == text.len && memcmp(slot->key, text.at, text.len) == 0))
			return slot;
	}
}

static void fill_slot(struct cw_councils *councils, struct cw_str key, uint32_t entry)
{
	struct slot *slot = find_slot(councils, key);

	if (slot->entry == NONE)
		*slot = (struct slot){ key.at, (uint32_t)key.len, hash_text(key), entry };
}

static int rehash(struct cw_councils *councils, size_t keys)
{
	size_t n = 64;

	while (n < keys * 2)
		n *= 2;
	free(councils->slots);
	councils->slots = calloc(n, sizeof(*councils->slots));
	if (!councils->slots)
		return -ENOMEM;
	councils->n_slots = n;
	for (size_t i = 0; i < n; i++)
		councils->slots[i].entry = NONE;
	for (size_t i = 0; i < councils->n_entries; i++)
		fill_slot(councils, (struct cw_str){ councils->entries[i].key, councils->entries[i].len }, (uint32_t)i);
	return 0;
}

/*
 * Codes as spreadsheets write them: "80426.0" is 80426. A full stop would vanish in folding and make another
 * number of it, so digits are dealt with before.
 */
static bool as_digits(struct cw_str text, struct cw_str *ret)
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

/* What a text names, or NULL. scratch holds the folded form; 0 or -ENOMEM. */
static int look_up(const struct cw_councils *councils, struct cw_str text, struct cw_buf *scratch,
                   const struct entry **ret)
{
	struct cw_str digits;
	const struct slot *slot;
	int r;

	*ret = NULL;
	text = cw_str_trim(text);
	if (!text.len || text.len > CW_FIELD_MAX)
		return 0;
	slot = find_slot(councils, text);
	if (slot->entry == NONE && as_digits(text, &digits)) {
		if (digits.len != text.len)
			slot = find_slot(councils, digits);
	} else if (slot->entry == NONE) {
		r = cw_text_fold(text, scratch);
		if (r == -EBADMSG || r == -EMSGSIZE)
			return 0;
		if (r < 0)
			return r;
		if (!scratch->len)
			return 0;
		slot = find_slot(councils, (struct cw_str){ cw_buf_str(scratch), scratch->len });
	}
	if (slot->entry != NONE)
		*ret = &councils->entries[slot->entry];
	return 0;
}

static bool covers(const struct meaning *meaning, int32_t day)
{
	return day == CW_DAY_NONE || ((meaning->from == CW_DAY_NONE || meaning->from <= day) &&
	                              (meaning->to == CW_DAY_NONE || meaning->to >= day));
}

static bool overlap(const struct meaning *a, const struct meaning *b)
{
	return (a->from == CW_DAY_NONE || b->to == CW_DAY_NONE || a->from <= b->to) &&
	       (b->from == CW_DAY_NONE || a->to == CW_DAY_NONE || b->from <= a->to);
}

/*
 * Loading
 */

struct loader {
	struct cw_councils *councils;
	cw_report_fn *report;
	void *arg;
	unsigned mistakes;
	struct cw_buf scratch;
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

static const char *const schemes[] = { "name", "gss", "la_code", "urn", "ecode", NULL };
static const char *const types[] = { "unitary",         "county", "met_district", "london_borough", "city_of_london",
	                             "isles_of_scilly", NULL };

static bool listed(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static uint32_t entry_for(struct loader *loader, struct cw_str folded)
{
	struct cw_councils *councils = loader->councils;
	const struct slot *slot = find_slot(councils, folded);
	char *key;

	if (slot->entry != NONE)
		return slot->entry;
	if (grow(&councils->entries, &councils->cap_entries, councils->n_entries, sizeof(struct entry)) < 0)
		return NONE;
	key = strndup(folded.at, folded.len);
	if (!key)
		return NONE;
	councils->entries[councils->n_entries++] = (struct entry){ key, (uint32_t)folded.len, NONE };
	if (councils->n_entries * 2 > councils->n_slots) {
		if (rehash(councils, councils->n_entries * 2) < 0)
			return NONE;
	} else {
		fill_slot(councils, (struct cw_str){ key, folded.len }, (uint32_t)councils->n_entries - 1);
	}
	return (uint32_t)councils->n_entries - 1;
}

/* Lets text name a council between two days. Mistakes are reported; a negative return is fatal. */
static int add_meaning(struct loader *loader, const struct cw_csv *csv, const char *text, struct meaning meaning)
{
	struct cw_councils *councils = loader->councils;
	struct cw_str folded, digits;
	uint32_t index, count = 0;
	int r;

	if (as_digits(cw_str(text), &digits)) {
		folded = digits;
	} else {
		r = cw_text_fold(cw_str(text), &loader->scratch);
		if (r < 0)
			return r;
		folded = (struct cw_str){ cw_buf_str(&loader->scratch), loader->scratch.len };
	}
	if (!folded.len) {
		COMPLAIN(loader, csv, "'%s' has neither letters nor digits; correct or remove it", text);
		return 0;
	}
	index = entry_for(loader, folded);
	if (index == NONE)
		return -ENOMEM;

	for (uint32_t m = councils->entries[index].first; m != NONE; m = councils->meanings[m].next) {
		const struct meaning *other = &councils->meanings[m];

		count++;
		if (other->council == meaning.council && other->from == meaning.from && other->to == meaning.to)
			return 0; /* said twice: harmless */
		if (other->council != meaning.council && (meaning.code || other->code) && overlap(other, &meaning)) {
			COMPLAIN(loader, csv,
			         "'%s' names %s, but line %u of %s gives it to %s at the same time; correct one, or "
			         "give them dates",
			         text, councils->at[meaning.council].id, other->line,
			         other->aliases_file ? "the aliases" : "the councils", councils->at[other->council].id);
			return 0;
		}
	}
	if (count == MEANINGS_MAX) {
		COMPLAIN(loader, csv, "'%s' names more than %u councils", text, MEANINGS_MAX);
		return 0;
	}
	if (grow(&councils->meanings, &councils->cap_meanings, councils->n_meanings, sizeof(struct meaning)) < 0)
		return -ENOMEM;
	meaning.line = csv->row_line;
	meaning.aliases_file = csv == &councils->aliases_csv;
	meaning.next = councils->entries[index].first;
	councils->meanings[councils->n_meanings] = meaning;
	councils->entries[index].first = (uint32_t)councils->n_meanings++;

	if (strlen(text) != folded.len || memcmp(text, folded.at, folded.len) != 0) {
		if (grow(&councils->spellings, &councils->cap_spellings, councils->n_spellings,
		         sizeof(struct spelling)) < 0)
			return -ENOMEM;
		councils->spellings[councils->n_spellings++] = (struct spelling){ text, index };
	}
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

static bool valid_id(const char *id)
{
	size_t len = strlen(id);

	return len > 0 && len < CW_NAME_MAX && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == len &&
	       id[0] != '-' && id[len - 1] != '-';
}

enum { C_ID, C_NAME, C_SHORT, C_TYPE, C_REGION, C_GSS, C_LA, C_URN, C_START, C_END, C_COUNT };

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
	if (!listed(council.type, types)) {
		const char *near = cw_nearest(council.type, types);

		COMPLAIN(loader, csv, "unknown type '%s' of council '%s'%s%s%s", council.type, council.id,
		         near ? "; did you mean '" : "; see SOURCES.md beside it", near ? near : "", near ? "'?" : "");
	}
	if (read_day(loader, csv, csv->fields[column[C_START]], "start_date", &council.start_day) &&
	    read_day(loader, csv, csv->fields[column[C_END]], "end_date", &council.end_day) &&
	    council.start_day != CW_DAY_NONE && council.end_day != CW_DAY_NONE && council.end_day < council.start_day)
		COMPLAIN(loader, csv, "council '%s' ends before it starts; correct start_date or end_date", council.id);
	councils->at[councils->n++] = council;
}

static int add_council_texts(struct loader *loader, struct cw_csv *csv, const struct cw_council *council, unsigned line)
{
	const struct {
		const char *text;
		bool code;
	} texts[] = { { council->name, false },
		      { council->short_name, false },
		      { council->gss_code, true },
		      { council->la_code, true },
		      { council->urn, true } };

	csv->row_line = line;
	for (size_t i = 0; i < CW_ARRAY_LEN(texts); i++) {
		struct meaning meaning = { .council = council->index,
			                   .from = council->start_day,
			                   .to = council->end_day,
			                   .code = texts[i].code };
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
	struct cw_csv *csv = &councils->councils_csv;
	CW_CLEANUP(cw_freep) unsigned *lines = NULL;
	size_t cap = 0, cap_lines = 0;
	struct cw_error err;
	int column[C_COUNT];
	int r;

	if (!find_columns(loader, csv, names, column))
		return 0;
	while ((r = cw_csv_next(csv, &err)) != 0) {
		if (r < 0) {
			mistake(loader, &err);
			continue;
		}
		if (grow(&councils->at, &cap, councils->n, sizeof(struct cw_council)) < 0 ||
		    grow(&lines, &cap_lines, councils->n, sizeof(*lines)) < 0)
			return -ENOMEM;
		lines[councils->n] = csv->row_line;
		read_council(loader, csv, column);
	}
	if (!councils->n && !loader->mistakes)
		COMPLAIN(loader, csv, "names no council");
	for (size_t i = 0; i < councils->n; i++) {
		r = add_council_texts(loader, csv, &councils->at[i], lines[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

enum { A_ID, A_ALIAS, A_SCHEME, A_FROM, A_TO, A_COUNT };

static int read_alias(struct loader *loader, const struct cw_csv *csv, const int *column, const char *const *ids)
{
	const char *id = csv->fields[column[A_ID]], *alias = csv->fields[column[A_ALIAS]];
	const char *scheme = csv->fields[column[A_SCHEME]];
	const struct cw_council *council = cw_councils_by_id(loader->councils, cw_str(id));
	struct meaning meaning = { 0 };

	if (!council) {
		const char *near = cw_nearest(id, ids);

		COMPLAIN(loader, csv, "unknown council_id '%s'%s%s%s", id,
		         near ? "; did you mean '" : "; add it to the councils first", near ? near : "",
		         near ? "'?" : "");
		return 0;
	}
	if (!listed(scheme, schemes)) {
		const char *near = cw_nearest(scheme, schemes);

		COMPLAIN(loader, csv, "unknown scheme '%s'; %s%s%s", scheme,
		         near ? "did you mean '"
		              : "use name, gss, la_code, "
		                "urn or ecode",
		         near ? near : "", near ? "'?" : "");
		return 0;
	}
	if (!*alias) {
		COMPLAIN(loader, csv, "the alias is empty; fill it in or remove the row");
		return 0;
	}
	if (!read_day(loader, csv, csv->fields[column[A_FROM]], "valid_from", &meaning.from) ||
	    !read_day(loader, csv, csv->fields[column[A_TO]], "valid_to", &meaning.to))
		return 0;
	if (meaning.from != CW_DAY_NONE && meaning.to != CW_DAY_NONE && meaning.to < meaning.from) {
		COMPLAIN(loader, csv, "'%s' is valid to a day before valid_from; correct one of them", alias);
		return 0;
	}
	/* An alias cannot outlive its council, whatever the row leaves open. */
	if (meaning.from == CW_DAY_NONE)
		meaning.from = council->start_day;
	if (meaning.to == CW_DAY_NONE)
		meaning.to = council->end_day;
	meaning.council = council->index;
	meaning.code = strcmp(scheme, "name") != 0;
	return add_meaning(loader, csv, alias, meaning);
}

static int read_aliases(struct loader *loader)
{
	static const char *const names[] = { "council_id", "alias", "scheme", "valid_from", "valid_to", NULL };
	struct cw_councils *councils = loader->councils;
	struct cw_csv *csv = &councils->aliases_csv;
	CW_CLEANUP(cw_freep) const char **ids = NULL;
	struct cw_error err;
	int column[A_COUNT];
	int r;

	if (!find_columns(loader, csv, names, column))
		return 0;
	ids = calloc(councils->n + 1, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < councils->n; i++)
		ids[i] = councils->at[i].id;
	while ((r = cw_csv_next(csv, &err)) != 0) {
		if (r < 0) {
			mistake(loader, &err);
			continue;
		}
		r = read_alias(loader, csv, column, ids);
		if (r < 0)
			return r;
	}
	return 0;
}

static int load(struct loader *loader)
{
	struct cw_councils *councils = loader->councils;
	int r;

	r = rehash(councils, 0);
	if (r == 0)
		r = read_councils(loader);
	if (r == 0)
		r = read_aliases(loader);
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

static int by_id_order(const void *a, const void *b)
{
	const struct cw_council *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

int cw_councils_load(const char *councils_csv, const char *aliases_csv, cw_report_fn *report, void *arg,
                     struct cw_councils **ret, struct cw_error *err)
{
	CW_CLEANUP(councils_freep) struct cw_councils *councils = calloc(1, sizeof(*councils));
	struct loader loader = { .councils = councils, .report = report, .arg = arg };
	struct cw_error opening;
	int r, r2;

	if (!councils)
		return cw_error_nomem(err);
	r = cw_csv_open(&councils->councils_csv, councils_csv, &opening);
	if (r < 0)
		mistake(&loader, &opening);
	r2 = cw_csv_open(&councils->aliases_csv, aliases_csv, &opening);
	if (r2 < 0)
		mistake(&loader, &opening);
	if (r == 0 && r2 == 0) {
		cw_buf_init(&loader.scratch, CW_FIELD_MAX);
		r = load(&loader);
		cw_buf_clear(&loader.scratch);
		if (r == -ENOMEM)
			return cw_error_nomem(err);
		if (r < 0)
			return cw_error_at(err, r, aliases_csv, 0, 0, "an alias is too long");
	}
	if (loader.mistakes)
		return cw_error_at(err, -EINVAL, councils_csv, 0, 0, "%u %s in the councils and aliases",
		                   loader.mistakes, loader.mistakes == 1 ? "mistake" : "mistakes");
	councils->by_id = calloc(councils->n + 1, sizeof(const struct cw_council *));
	if (!councils->by_id)
		return cw_error_nomem(err);
	for (size_t i = 0; i < councils->n; i++)
		councils->by_id[i] = &councils->at[i];
	qsort(councils->by_id, councils->n, sizeof(const struct cw_council *), by_id_order);
	*ret = cw_steal(councils);
	return 0;
}

void cw_councils_free(struct cw_councils *councils)
{
	if (!councils)
		return;
	for (size_t i = 0; i < councils->n_entries; i++)
		free((char *)(uintptr_t)councils->entries[i].key);
	free(councils->entries);
	free(councils->meanings);
	free(councils->spellings);
	free(councils->slots);
	free(councils->by_id);
	free(councils->at);
	cw_csv_close(&councils->councils_csv);
	cw_csv_close(&councils->aliases_csv);
	free(councils);
}

size_t cw_councils_count(const struct cw_councils *councils)
{
	return councils->n;
}

const struct cw_council *cw_councils_at(const struct cw_councils *councils, size_t index)
{
	return index < councils->n ? &councils->at[index] : NULL;
}

const struct cw_council *cw_councils_by_id(const struct cw_councils *councils, struct cw_str id)
{
	size_t low = 0, high = councils->n;

	for (size_t i = 0; i < councils->n && !councils->by_id; i++)
		if (cw_str_eq(id, councils->at[i].id))
			return &councils->at[i];
	while (low < high && councils->by_id) {
		size_t mid = low + (high - low) / 2;
		const char *at = councils->by_id[mid]->id;
		int order = id.len ? strncmp(id.at, at, id.len) : -1;

		if (order == 0 && !at[id.len])
			return councils->by_id[mid];
		if (order <= 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/*
 * Resolving
 */

struct candidates {
	size_t n;
	uint32_t at[MEANINGS_MAX];
};

static bool has(const struct candidates *set, uint32_t council)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->at[i] == council)
			return true;
	return false;
}

/* The councils an entry names on a day. */
static void named_on(const struct cw_councils *councils, const struct entry *entry, int32_t day, struct candidates *ret)
{
	ret->n = 0;
	for (uint32_t m = entry->first; m != NONE; m = councils->meanings[m].next) {
		const struct meaning *meaning = &councils->meanings[m];

		if (covers(meaning, day) && !has(ret, meaning->council))
			ret->at[ret->n++] = meaning->council;
	}
}

/* Will an entry name somebody, but only after that day? */
static bool named_only_later(const struct cw_councils *councils, const struct entry *entry, int32_t day)
{
	for (uint32_t m = entry->first; m != NONE; m = councils->meanings[m].next)
		if (councils->meanings[m].from == CW_DAY_NONE || councils->meanings[m].from <= day)
			return false;
	return true;
}

/* Outside text, short and safe to show. */
static void put_text(struct cw_buf *why, struct cw_str text)
{
	struct cw_str cut = { text.at, CW_MIN(text.len, 80u) };

	cw_buf_putc(why, '"');
	cw_text_escape(cut, why);
	cw_buf_puts(why, cut.len < text.len ? "…\"" : "\"");
}

static void put_council(const struct cw_councils *councils, struct cw_buf *why, uint32_t council)
{
	cw_buf_printf(why, "%s (%s)", councils->at[council].short_name, councils->at[council].id);
}

static void put_councils(const struct cw_councils *councils, struct cw_buf *why, const struct candidates *set)
{
	for (size_t i = 0; i < set->n; i++) {
		cw_buf_puts(why, i == 0 ? "" : i + 1 == set->n ? " or " : ", ");
		put_council(councils, why, set->at[i]);
	}
}

static int say_unknown(struct cw_buf *why, const struct cw_str *texts, size_t n)
{
	size_t said = 0;

	if (!why)
		return CW_COUNCIL_UNKNOWN;
	cw_buf_puts(why, "no council is known by ");
	for (size_t i = 0; i < n; i++) {
		if (!cw_str_trim(texts[i]).len)
			continue;
		cw_buf_puts(why, said++ ? " or " : "");
		put_text(why, texts[i]);
	}
	if (!said)
		cw_buf_puts(why, "an empty text");
	return CW_COUNCIL_UNKNOWN;
}

static int say_not_then(const struct cw_councils *councils, struct cw_buf *why, struct cw_str text,
                        const struct entry *entry, int32_t day)
{
	char then[CW_WALL_TEXT], edge[CW_WALL_TEXT];
	const struct meaning *meaning = &councils->meanings[entry->first];

	if (!why)
		return CW_COUNCIL_NOT_THEN;
	put_text(why, text);
	cw_buf_puts(why, " names ");
	put_council(councils, why, meaning->council);
	if (meaning->from != CW_DAY_NONE && meaning->from > day)
		cw_buf_printf(why, " only from %s; ", cw_day_format(meaning->from, edge));
	else
		cw_buf_printf(why, " only until %s; ", cw_day_format(meaning->to, edge));
	cw_buf_printf(why, "the day is %s", cw_day_format(day, then));
	return CW_COUNCIL_NOT_THEN;
}

static int say_ambiguous(const struct cw_councils *councils, struct cw_buf *why, struct cw_str text,
                         const struct candidates *set)
{
	if (!why)
		return CW_COUNCIL_AMBIGUOUS;
	put_text(why, text);
	cw_buf_puts(why, " may be ");
	put_councils(councils, why, set);
	return CW_COUNCIL_AMBIGUOUS;
}

static int say_conflict(const struct cw_councils *councils, struct cw_buf *why, struct cw_str a,
                        const struct candidates *is_a, struct cw_str b, const struct candidates *is_b)
{
	if (!why)
		return CW_COUNCIL_CONFLICT;
	put_text(why, a);
	cw_buf_puts(why, " names ");
	put_councils(councils, why, is_a);
	cw_buf_puts(why, ", but ");
	put_text(why, b);
	cw_buf_puts(why, " names ");
	put_councils(councils, why, is_b);
	return CW_COUNCIL_CONFLICT;
}

static int resolve(const struct cw_councils *councils, const struct cw_str *texts, size_t n_texts, int32_t day,
                   struct cw_buf *scratch, const struct cw_council **ret, struct cw_buf *why)
{
	struct candidates left = { 0 }, those;
	const struct entry *other_day = NULL;
	size_t first = 0, other = 0;
	bool later = false;

	for (size_t i = 0; i < n_texts; i++) {
		struct candidates both = { 0 };
		const struct entry *entry;
		int r = look_up(councils, texts[i], scratch, &entry);

		if (r < 0)
			return r;
		if (!entry)
			continue;
		named_on(councils, entry, day, &those);
		if (!those.n) {
			later = later || named_only_later(councils, entry, day);
			if (!other_day) {
				other_day = entry;
				other = i;
			}
			continue;
		}
		if (!left.n) {
			left = those;
			first = i;
			continue;
		}
		for (size_t k = 0; k < left.n; k++)
			if (has(&those, left.at[k]))
				both.at[both.n++] = left.at[k];
		if (!both.n)
			return say_conflict(councils, why, texts[first], &left, texts[i], &those);
		if (both.n < left.n)
			first = i;
		left = both;
	}
	if (!left.n)
		return other_day ? say_not_then(councils, why, texts[other], other_day, day)
		                 : say_unknown(why, texts, n_texts);
	if (left.n > 1)
		return say_ambiguous(councils, why, texts[first], &left);

	/*
	 * Publishers go on using a retired code long after; that is set aside. A text that names somebody else and only
	 * after that day is another matter: either the date is wrong or the council is, and which cannot be known here.
	 */
	for (size_t i = 0; later && i < n_texts; i++) {
		const struct entry *entry;
		int r = look_up(councils, texts[i], scratch, &entry);

		if (r < 0)
			return r;
		if (!entry || !named_only_later(councils, entry, day))
			continue;
		named_on(councils, entry, CW_DAY_NONE, &those);
		if (!has(&those, left.at[0]))
			return say_conflict(councils, why, texts[first], &left, texts[i], &those);
	}
	*ret = &councils->at[left.at[0]];
	return 0;
}

int cw_council_resolve(const struct cw_councils *councils, const struct cw_str *texts, size_t n_texts, int32_t day,
                       const struct cw_council **ret, struct cw_buf *why)
{
	struct cw_buf scratch;
	int r;

	if (why)
		cw_buf_reset(why);
	cw_buf_init(&scratch, 4 * CW_FIELD_MAX);
	r = resolve(councils, texts, n_texts, day, &scratch, ret, why);
	cw_buf_clear(&scratch);
	return r;
}

/* An id that a person may have meant, or NULL. */
static const char *suggest(const struct cw_councils *councils, const char *folded)
{
	CW_CLEANUP(cw_freep) const char **keys = calloc(councils->n_entries + 1, sizeof(*keys));
	const char *near;
	uint32_t m, best = NONE;

	if (!keys)
		return NULL;
	for (size_t i = 0; i < councils->n_entries; i++)
		keys[i] = councils->entries[i].key;
	near = cw_nearest(folded, keys);
	if (!near)
		return NULL;
	m = councils->entries[find_slot(councils, cw_str(near))->entry].first;
	for (; m != NONE; m = councils->meanings[m].next)
		if (best == NONE || councils->meanings[m].to == CW_DAY_NONE)
			best = councils->meanings[m].council;
	return best == NONE ? NULL : councils->at[best].id;
}

int cw_council_find(const struct cw_councils *councils, const char *text, const struct cw_council **ret,
                    const char **suggestion)
{
	const struct cw_council *council = cw_councils_by_id(councils, cw_str_trim(cw_str(text)));
	struct candidates all, current = { 0 };
	const struct entry *entry = NULL;
	struct cw_buf scratch;
	int r = 0;

	if (suggestion)
		*suggestion = NULL;
	if (council) {
		*ret = council;
		return 0;
	}
	cw_buf_init(&scratch, 4 * CW_FIELD_MAX);
	if (look_up(councils, cw_str(text), &scratch, &entry) < 0 || !entry) {
		if (suggestion && cw_text_fold(cw_str(text), &scratch) == 0)
			*suggestion = suggest(councils, cw_buf_str(&scratch));
		r = CW_COUNCIL_UNKNOWN;
	}
	cw_buf_clear(&scratch);
	if (r)
		return r;

	named_on(councils, entry, CW_DAY_NONE, &all);
	for (size_t i = 0; i < all.n; i++)
		if (councils->at[all.at[i]].end_day == CW_DAY_NONE)
			current.at[current.n++] = all.at[i];
	if (current.n)
		all = current;
	if (all.n > 1)
		return CW_COUNCIL_AMBIGUOUS;
	*ret = &councils->at[all.at[0]];
	return 0;
}
