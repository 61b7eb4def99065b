#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <libxml/uri.h>

#include <councilwatch/limits.h>

#include "links.h"
#include "record.h"
#include "release.h"
#include "text_record.h"

/* Titles and texts are for people to recognise a statement by, not to read it in full. Characters. */
#define TITLE_CHARACTERS 300u
#define TEXT_CHARACTERS 4000u
/* A councils' cache that is full is emptied: a document with this many distinct councils and days repeats few of them. */
#define COUNCILS_CACHED 16384u
#define COUNCIL_KEYS_MAX (4u * 1024u * 1024u)
#define COUNCIL_PROBES 16u
#define COUNCIL_TEXTS_MAX 16u
#define SETS_MAX 1024u /* of them that are more than one council, or an organisation */
#define MEMO_TEXT 46
#define MEMO_OUT 32
#define DETAIL_MAX 400

/* Memory until the next row: a first block that stays, and others for rows that need more. */
struct block {
	struct block *next;
	size_t used, size;
	unsigned char data[];
};

enum memo_state { MEMO_NOTHING, MEMO_ABSENT, MEMO_GOOD, MEMO_BAD };

/* What one distinct text of one field came to. */
struct memo {
	uint8_t state;
	uint8_t len;
	char text[MEMO_TEXT];
	uint8_t out_len;
	char out[MEMO_OUT]; /* values */
	int32_t day;        /* dates */
	int64_t ms;
	int why; /* -EINVAL, -ERANGE */
};

struct field {
	const struct cw_field *config;
	size_t n_slots;
	size_t *slots; /* owned */
	size_t *parts; /* owned; of a majority, as many as the configuration has */
	bool needed;
	bool outcome; /* its value can be what the row says */
	size_t n_maps;
	char **maps;       /* owned; folded "from" of each value map */
	size_t n_memo;     /* a power of two, 0 = none */
	struct memo *memo; /* owned */
};

struct slot {
	const char *name; /* borrowed from the configuration */
	char *folded;     /* owned */
	const struct cw_heading *column; /* its other headings; borrowed; NULL = none */
	char **also;                    /* owned; those folded */
	int place;
	bool seen;
	struct cw_str given; /* of the link that led to the document, for a heading that it does not have; at NULL = none */
	bool given_day;
};

/* One pattern of a where. */
struct pattern {
	char *folded;  /* owned; NULL: a comparison */
	bool prefix;
	char compare; /* '<' or '>' */
	bool equal;   /* … or equal to */
	double number;
};

struct where {
	const struct cw_where *config;
	struct field column; /* it takes part in finding the headings as a field does */
	size_t n_is, n_not;
	struct pattern *is, *not; /* owned */
};

struct council_entry {
	uint64_t hash;
	uint32_t key, key_len; /* into keys; key_len 0 = free */
	int32_t day;
	const struct cw_council *council; /* NULL: set says */
	uint32_t set;                     /* into sets */
};

struct cw_record {
	const struct cw_config *config;
	const struct cw_feed *feed;
	const struct cw_kind_def *kind;
	struct cw_document_info info; /* its texts point into info_text */
	struct cw_buf info_text;
	struct cw_normalise_sink sink;
	int32_t fetched_day, too_late;

	size_t n_fields;
	struct field *fields;
	struct field *event, *published;
	size_t n_wheres;
	struct where *wheres;
	struct cw_release *release; /* NULL = figures are not compared */
	struct field denominators[CW_MEASURES_MAX];
	double denominator[CW_MEASURES_MAX]; /* of the row */
	struct field *text;       /* its words say what the row is about; NULL = its columns do */
	bool names_council;       /* a column does, all the same */
	struct cw_reader *reader; /* owned; with text */
	size_t n_slots;
	struct slot *slots;
	unsigned *ranks; /* owned; which of a slot's headings the one found is */
	struct cw_cell *given; /* owned; a row with what the link says; NULL: no column is of the link */
	char link_day[CW_WALL_TEXT];
	int *trial; /* owned; one place per slot, for a row that may be the headings */
	size_t last_column;

	size_t n_absent;
	char **absent;          /* folded */
	bool absent_first[256]; /* first characters of those */
	struct cw_buf fold;
	bool asking;  /* a reject is noted in asked, and goes no further */
	enum cw_reason asked;
	bool figures; /* its rows are figures: one without any is withheld by the publisher, not a mistake */

	struct council_entry *councils;
	size_t n_councils;
	struct cw_council_set *sets; /* owned; room for SETS_MAX, NULL until there is one */
	size_t n_sets;
	struct cw_buf council_keys, council_key, council_why;

	struct block *memory;

	size_t best_fields; /* of the nearest miss; 0 = none yet */
	struct cw_buf best; /* its cells, each ended by NUL */
	struct cw_links *links; /* of a step's document; NULL: rows are evidence */
	struct cw_links *pager; /* for the next page's address, of a feed without steps */
	const struct cw_pages *pages; /* linked ones, of which this document is one; else NULL */
	char *base;         /* address that relative links start from; owned; NULL = none */

	uint64_t row;
	struct cw_document_tally tally;
	char detail[DETAIL_MAX];
};

/* --- memory of a row --- */

static void memory_reset(struct cw_record *record)
{
	while (record->memory && record->memory->next) {
		struct block *block = record->memory;

		record->memory = block->next;
		free(block);
	}
	if (record->memory)
		record->memory->used = 0;
}

void *cw_record_alloc(struct cw_record *record, size_t size)
{
	struct block *block = record->memory;
	void *ret;

	size = (size + 15) & ~(size_t)15;
	if (!block || block->size - block->used < size) {
		size_t want = CW_MAX(size, (size_t)16384);

		block = malloc(sizeof(*block) + want);
		if (!block)
			return NULL;
		block->next = record->memory;
		block->used = 0;
		block->size = want;
		record->memory = block;
	}
	ret = block->data + block->used;
	block->used += size;
	return ret;
}

static int keep(struct cw_record *record, const void *data, size_t len, struct cw_str *ret)
{
	char *copy = cw_record_alloc(record, len);

	if (!copy)
		return -ENOMEM;
	if (len)
		memcpy(copy, data, len);
	*ret = (struct cw_str){ copy, len };
	return 0;
}

/* --- making and freeing --- */

static int fold_copy(struct cw_record *record, const char *text, char **ret)
{
	int r = cw_text_fold(cw_str(text), &record->fold);

	if (r == -EBADMSG) /* not UTF-8: matches nothing */
		cw_buf_reset(&record->fold);
	else if (r < 0)
		return r;
	*ret = strdup(cw_buf_str(&record->fold));
	return *ret ? 0 : -ENOMEM;
}

/* Names that are paths differ by more than they are read as headings: "a/b" and "a/@b". */
static bool names_are_paths(enum cw_format format)
{
	return format == CW_FORMAT_JSON || format == CW_FORMAT_NDJSON || format == CW_FORMAT_XML;
}

/* "Allocations*" stands for every heading that begins so. */
static bool is_beginning(const char *name)
{
	size_t n = strlen(name);

	return n > 1 && name[n - 1] == '*';
}

static bool same_heading(const char *a, const char *a_folded, const char *b, const char *b_folded)
{
	return !strcmp(a_folded, b_folded) && is_beginning(a) == is_beginning(b);
}

static int set_up_slot(struct cw_record *record, struct slot *slot)
{
	bool paths = names_are_paths(record->feed->format);

	for (size_t i = 0; i < record->feed->n_columns && !slot->column; i++) {
		CW_CLEANUP(cw_freep) char *folded = NULL;
		int r = fold_copy(record, record->feed->columns[i].name, &folded);

		if (r < 0)
			return r;
		if (paths ? !strcmp(slot->name, record->feed->columns[i].name)
		          : same_heading(slot->name, slot->folded, record->feed->columns[i].name, folded))
			slot->column = &record->feed->columns[i];
	}
	if (!slot->column)
		return 0;
	slot->also = calloc(slot->column->also.n + 1, sizeof(*slot->also));
	if (!slot->also)
		return -ENOMEM;
	for (size_t i = 0; i < slot->column->also.n; i++) {
		int r = fold_copy(record, slot->column->also.at[i], &slot->also[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int slot_of(struct cw_record *record, const char *name, size_t *ret)
{
	CW_CLEANUP(cw_freep) char *folded = NULL;
	bool paths = names_are_paths(record->feed->format);
	int r = fold_copy(record, name, &folded);

	if (r < 0)
		return r;
	for (size_t i = 0; i < record->n_slots; i++) {
		const struct slot *slot = &record->slots[i];

		if (paths ? !strcmp(slot->name, name) : same_heading(slot->name, slot->folded, name, folded)) {
			*ret = i;
			return 0;
		}
	}
	*ret = record->n_slots++;
	record->slots[*ret] = (struct slot){ .name = name, .folded = cw_steal(folded), .place = -1 };
	return set_up_slot(record, &record->slots[*ret]);
}

/* --- what the link says that led to the document --- */

/* The last day in a text, as "29 January 2025"; CW_DAY_NONE when there is none. */
static int32_t last_day(struct cw_str text)
{
	int32_t found = CW_DAY_NONE, day;

	for (size_t i = 0; i < text.len; i++) {
		size_t end = i, blanks = 0;

		if (!isdigit((unsigned char)text.at[i]) || (i && isalnum((unsigned char)text.at[i - 1])))
			continue;
		/* Day, month and year: up to the end of the third word. */
		for (; end < text.len && (text.at[end] != ' ' || ++blanks < 3); end++)
			;
		while (end > i && !isdigit((unsigned char)text.at[end - 1]))
			end--;
		if (cw_date_parse(text.at + i, end - i, "%d %B %Y", &day) == 0 ||
		    cw_date_parse(text.at + i, end - i, "%d %b %Y", &day) == 0)
			found = day;
	}
	return found;
}

int32_t cw_record_link_day(const struct cw_record *record)
{
	return last_day(record->info.link_text);
}

/* Columns that no document has, but the link that led to it. */
static void set_up_given(struct cw_record *record, struct slot *slot)
{
	struct cw_str empty = { "", 0 };

	if (!record->info.parent_url.len)
		return;
	if (!strcmp(slot->folded, "link text")) {
		slot->given = record->info.link_text.len ? record->info.link_text : empty;
	} else if (!strcmp(slot->folded, "link page")) {
		slot->given = record->info.parent_url;
	} else if (!strcmp(slot->folded, "link date")) {
		int32_t day = cw_record_link_day(record);

		slot->given = empty;
		slot->given_day = true;
		if (day != CW_DAY_NONE)
			slot->given = cw_str(cw_day_format(day, record->link_day));
	}
}

/* The row with what the link says in the place of what the document does not. */
static const struct cw_cell *with_given(struct cw_record *record, const struct cw_cell *cells)
{
	if (!record->given)
		return cells;
	for (size_t i = 0; i < record->n_slots; i++) {
		const struct slot *slot = &record->slots[i];

		record->given[i] = cells[i];
		if (slot->given.at && !cells[i].text.len && !cells[i].problem)
			record->given[i] = (struct cw_cell){ .text = slot->given, .href = cells[i].href, .iso = slot->given_day };
	}
	return record->given;
}

static int set_up_givens(struct cw_record *record)
{
	bool any = false;

	for (size_t i = 0; i < record->n_slots; i++) {
		set_up_given(record, &record->slots[i]);
		any = any || record->slots[i].given.at;
	}
	if (any)
		record->given = calloc(record->n_slots, sizeof(*record->given));
	return any && !record->given ? -ENOMEM : 0;
}

static bool is_outcome(const struct cw_kind_def *kind, enum cw_value_id id)
{
	for (size_t i = 0; kind && kind->outcome && kind->outcome[i]; i++)
		if (kind->outcome[i] == id)
			return true;
	return false;
}

/* Is all that such a row can say a number? */
static bool is_figures(const struct cw_kind_def *kind)
{
	for (size_t i = 0; kind && kind->outcome && kind->outcome[i]; i++)
		if (cw_value_def(kind->outcome[i])->type != CW_VALUE_NUMBER)
			return false;
	return kind && kind->outcome && kind->outcome[0];
}

static int set_up_field(struct cw_record *record, const struct cw_field *config, struct field *field)
{
	int r;

	field->config = config;
	field->needed = (config->required || config->role == CW_FIELD_COUNCIL) && !config->constant;
	field->outcome = config->role == CW_FIELD_VALUE && is_outcome(record->kind, config->value_id);
	field->slots = calloc(config->columns.n + 1, sizeof(*field->slots));
	field->maps = calloc(config->n_maps + 1, sizeof(*field->maps));
	if (!field->slots || !field->maps)
		return -ENOMEM;
	for (size_t i = 0; i < config->columns.n; i++) {
		r = slot_of(record, config->columns.at[i], &field->slots[i]);
		if (r < 0)
			return r;
		field->n_slots++;
	}
	field->parts = calloc(config->n_parts + 1, sizeof(*field->parts));
	if (!field->parts)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_parts; i++) {
		r = slot_of(record, config->parts[i].from, &field->parts[i]);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < config->n_maps; i++) {
		r = fold_copy(record, config->maps[i].from, &field->maps[i]);
		if (r < 0)
			return r;
		field->n_maps++;
	}
	if (config->role == CW_FIELD_EVENT_DATE || config->role == CW_FIELD_PUBLISHED_AT)
		field->n_memo = 2048;
	else if (config->role == CW_FIELD_VALUE && cw_value_def(config->value_id) &&
	         cw_value_def(config->value_id)->type != CW_VALUE_TEXT)
		field->n_memo = 64;
	if (field->n_memo) {
		field->memo = calloc(field->n_memo, sizeof(*field->memo));
		if (!field->memo)
			return -ENOMEM;
	}
	if (config->role == CW_FIELD_EVENT_DATE)
		record->event = field;
	else if (config->role == CW_FIELD_PUBLISHED_AT)
		record->published = field;
	else if (config->role == CW_FIELD_COUNCIL)
		record->names_council = true;
	else if (config->role == CW_FIELD_TEXT) {
		record->text = field;
		return record->config->phrases ? cw_reader_new(record->config->phrases, &record->reader) : 0;
	}
	return 0;
}

static int set_up_patterns(struct cw_record *record, const struct cw_strings *texts, struct pattern **ret, size_t *ret_n)
{
	*ret = calloc(texts->n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < texts->n; i++) {
		struct pattern *pattern = &(*ret)[i];
		const char *text = texts->at[i];
		size_t len = strlen(text);
		int r;

		*ret_n = i + 1;
		if (text[0] == '<' || text[0] == '>') {
			pattern->compare = text[0];
			pattern->equal = text[1] == '=';
			r = cw_parse_double(cw_str_trim(cw_str(text + 1 + pattern->equal)), &pattern->number);
			if (r < 0)
				return r; /* the configuration was checked */
			continue;
		}
		pattern->prefix = len && text[len - 1] == '*';
		r = fold_copy(record, text, &pattern->folded); /* "*" folds to nothing */
		if (r < 0)
			return r;
	}
	return 0;
}

static int set_up_where(struct cw_record *record, const struct cw_where *config, struct where *where)
{
	static const struct cw_field no_field = { .role = CW_FIELD_WHERE };
	int r;

	where->config = config;
	where->column.config = &no_field;
	where->column.needed = !config->optional;
	where->column.n_memo = 256;
	where->column.memo = calloc(where->column.n_memo, sizeof(*where->column.memo));
	where->column.slots = calloc(1, sizeof(*where->column.slots));
	if (!where->column.memo || !where->column.slots)
		return -ENOMEM;
	r = slot_of(record, config->column, &where->column.slots[0]);
	if (r < 0)
		return r;
	where->column.n_slots = 1;
	r = set_up_patterns(record, &config->is, &where->is, &where->n_is);
	return r < 0 ? r : set_up_patterns(record, &config->not, &where->not, &where->n_not);
}

static int set_up_release(struct cw_record *record, const struct cw_feed_release *config)
{
	static const struct cw_field no_field = { .role = CW_FIELD_DENOMINATOR };

	for (size_t m = 0; m < config->n_measures; m++) {
		const struct cw_strings *columns = &config->measures[m].denominator;
		struct field *field = &record->denominators[m];

		field->config = &no_field;
		field->needed = columns->n > 0;
		field->slots = calloc(columns->n + 1, sizeof(*field->slots));
		if (!field->slots)
			return -ENOMEM;
		for (size_t i = 0; i < columns->n; i++) {
			int r = slot_of(record, columns->at[i], &field->slots[field->n_slots++]);

			if (r < 0)
				return r;
		}
	}
	return cw_release_new(record->feed, &record->sink, &record->release);
}

static int set_up_info(struct cw_record *record, const struct cw_document_info *info)
{
	struct cw_str *texts[] = { &record->info.feed,      &record->info.url,       &record->info.content_type,
		                   &record->info.step,      &record->info.link_text, &record->info.parent_url };
	size_t at[CW_ARRAY_LEN(texts)];

	record->info = *info;
	cw_buf_init(&record->info_text, 4u * CW_FIELD_MAX);
	for (size_t i = 0; i < CW_ARRAY_LEN(texts); i++) {
		at[i] = record->info_text.len;
		cw_buf_append(&record->info_text, texts[i]->at, texts[i]->len);
	}
	if (record->info_text.failed)
		return record->info_text.failed;
	for (size_t i = 0; i < CW_ARRAY_LEN(texts); i++)
		texts[i]->at = cw_buf_str(&record->info_text) + at[i];
	record->fetched_day = cw_wall_day(info->fetched_at);
	record->too_late = record->fetched_day == CW_DAY_NONE ? CW_DAY_NONE : record->fetched_day + 1;
	return 0;
}

static bool is_http(struct cw_str url)
{
	return (url.len > 7 && !strncasecmp(url.at, "http://", 7)) ||
	       (url.len > 8 && !strncasecmp(url.at, "https://", 8));
}

/* An imported file has no address of its own: what is in it was published where the feed is. */
static int set_up_base(struct cw_record *record)
{
	struct cw_str base = record->info.url;

	if (!is_http(base) && record->feed->url)
		base = cw_str(record->feed->url);
	if (!is_http(base) || base.len > CW_URL_MAX)
		return 0;
	record->base = strndup(base.at, base.len);
	return record->base ? 0 : -ENOMEM;
}

static int set_up(struct cw_record *record, const struct cw_document_info *info)
{
	const struct cw_feed *feed = record->feed;
	size_t n_columns = 0;
	int r;

	r = set_up_info(record, info);
	if (r == 0)
		r = set_up_base(record);
	if (r < 0)
		return r;
	for (size_t i = 0; i < feed->n_fields; i++)
		n_columns += feed->fields[i].columns.n + feed->fields[i].n_parts;
	n_columns += feed->n_wheres;
	for (size_t i = 0; feed->release && i < feed->release->n_measures; i++)
		n_columns += feed->release->measures[i].denominator.n;
	record->slots = calloc(n_columns + 1, sizeof(*record->slots));
	record->trial = calloc(n_columns + 1, sizeof(*record->trial));
	record->ranks = calloc(n_columns + 1, sizeof(*record->ranks));
	record->fields = calloc(feed->n_fields + 1, sizeof(*record->fields));
	record->wheres = calloc(feed->n_wheres + 1, sizeof(*record->wheres));
	record->absent = calloc(feed->absent.n + 1, sizeof(*record->absent));
	record->councils = calloc(COUNCILS_CACHED, sizeof(*record->councils));
	if (!record->slots || !record->trial || !record->ranks || !record->fields || !record->wheres || !record->absent ||
	    !record->councils)
		return -ENOMEM;
	for (size_t i = 0; i < feed->n_fields; i++) {
		record->n_fields++;
		r = set_up_field(record, &feed->fields[i], &record->fields[i]);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < feed->n_wheres; i++) {
		record->n_wheres++;
		r = set_up_where(record, &feed->wheres[i], &record->wheres[i]);
		if (r < 0)
			return r;
	}
	r = feed->release ? set_up_release(record, feed->release) : 0;
	if (r < 0)
		return r;
	for (size_t i = 0; i < feed->absent.n; i++) {
		r = fold_copy(record, feed->absent.at[i], &record->absent[i]);
		if (r < 0)
			return r;
		record->n_absent++;
		record->absent_first[(unsigned char)record->absent[i][0]] = true;
	}
	return set_up_givens(record);
}

int cw_record_new(const struct cw_config *config, const struct cw_feed *feed, const struct cw_document_info *info,
                  const struct cw_normalise_sink *sink, struct cw_record **ret)
{
	struct cw_record *record = calloc(1, sizeof(*record));
	int r;

	if (!record)
		return -ENOMEM;
	record->config = config;
	record->feed = feed;
	record->kind = cw_kind_def(feed->kind);
	record->figures = is_figures(record->kind);
	record->sink = *sink;
	cw_buf_init(&record->fold, 4u * CW_FIELD_MAX);
	cw_buf_init(&record->council_keys, COUNCIL_KEYS_MAX);
	cw_buf_init(&record->council_key, (COUNCIL_TEXTS_MAX + 1) * (CW_FIELD_MAX + 1));
	cw_buf_init(&record->council_why, CW_FIELD_MAX);
	cw_buf_init(&record->best, CW_FIELD_MAX);
	r = set_up(record, info);
	if (r < 0) {
		cw_record_free(record);
		return r;
	}
	*ret = record;
	return 0;
}

static void patterns_free(struct pattern *patterns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(patterns[i].folded);
	free(patterns);
}

int cw_record_follow(struct cw_record *record, const struct cw_feed *feed, const struct cw_step *step)
{
	if (feed->pages.on && !feed->pages.parameter && (!step || step == feed->steps))
		record->pages = &feed->pages;
	return cw_links_new(record, feed, step, step ? &record->links : &record->pager);
}

void cw_record_free(struct cw_record *record)
{
	if (!record)
		return;
	cw_links_free(record->links);
	cw_links_free(record->pager);
	free(record->given);
	for (size_t i = 0; i < record->n_wheres; i++) {
		patterns_free(record->wheres[i].is, record->wheres[i].n_is);
		patterns_free(record->wheres[i].not, record->wheres[i].n_not);
		free(record->wheres[i].column.slots);
		free(record->wheres[i].column.memo);
	}
	free(record->wheres);
	for (size_t i = 0; i < CW_MEASURES_MAX; i++)
		free(record->denominators[i].slots);
	cw_release_free(record->release);
	free(record->ranks);
	for (size_t i = 0; i < record->n_fields; i++) {
		for (size_t k = 0; k < record->fields[i].n_maps; k++)
			free(record->fields[i].maps[k]);
		free(record->fields[i].maps);
		free(record->fields[i].slots);
		free(record->fields[i].parts);
		free(record->fields[i].memo);
	}
	free(record->fields);
	cw_reader_free(record->reader);
	for (size_t i = 0; i < record->n_slots; i++) {
		for (size_t k = 0; record->slots[i].also && k < record->slots[i].column->also.n; k++)
			free(record->slots[i].also[k]);
		free(record->slots[i].also);
		free(record->slots[i].folded);
	}
	free(record->slots);
	free(record->trial);
	for (size_t i = 0; i < record->n_absent; i++)
		free(record->absent[i]);
	free(record->absent);
	free(record->councils);
	free(record->sets);
	cw_buf_clear(&record->info_text);
	cw_buf_clear(&record->fold);
	cw_buf_clear(&record->council_keys);
	cw_buf_clear(&record->council_key);
	cw_buf_clear(&record->council_why);
	cw_buf_clear(&record->best);
	free(record->base);
	memory_reset(record);
	free(record->memory);
	free(record);
}

const struct cw_feed *cw_record_feed(const struct cw_record *record)
{
	return record->feed;
}

const struct cw_config *cw_record_config(const struct cw_record *record)
{
	return record->config;
}

const struct cw_document_info *cw_record_info(const struct cw_record *record)
{
	return &record->info;
}

size_t cw_record_slots(const struct cw_record *record)
{
	return record->n_slots;
}

const char *cw_record_slot_name(const struct cw_record *record, size_t slot)
{
	return record->slots[slot].name;
}

const char *cw_record_slot_also(const struct cw_record *record, size_t slot, size_t i)
{
	const struct cw_heading *column = record->slots[slot].column;

	return column && i < column->also.n ? column->also.at[i] : NULL;
}

int cw_record_place(const struct cw_record *record, size_t slot)
{
	return record->slots[slot].place;
}

size_t cw_record_last_column(const struct cw_record *record)
{
	return record->last_column;
}

int32_t cw_record_too_late(const struct cw_record *record)
{
	return record->too_late;
}

/* --- headings --- */

static bool heading_is(const char *name, const char *name_folded, const char *folded)
{
	return *name_folded && is_beginning(name) ? !strncmp(name_folded, folded, strlen(name_folded))
	                                          : !strcmp(name_folded, folded);
}

/* Which of the slot's headings this folded text is: 0 for its name, then the others in order; or -1. */
static int rank_of(const struct slot *slot, const char *folded)
{
	if (heading_is(slot->name, slot->folded, folded))
		return 0;
	for (size_t i = 0; slot->also && i < slot->column->also.n; i++)
		if (heading_is(slot->column->also.at[i], slot->also[i], folded))
			return (int)i + 1;
	return -1;
}

/* Is this that slot's heading? 1 yes, 0 no, or -ENOMEM. */
static int slot_is(struct cw_record *record, size_t slot, struct cw_str heading)
{
	unsigned char c = heading.len ? (unsigned char)heading.at[0] : 0;
	int r;

	/* Most are told apart by their first letter. */
	if (c >= 'A' && c <= 'Z')
		c = (unsigned char)(c - 'A' + 'a');
	if (((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) && !record->slots[slot].also &&
	    (char)c != record->slots[slot].folded[0])
		return 0;
	r = cw_text_fold(heading, &record->fold);
	if (r == -ENOMEM)
		return r;
	return r == 0 && record->fold.len && rank_of(&record->slots[slot], cw_buf_str(&record->fold)) >= 0;
}

/* Has this field a column among those whose slot is marked? */
static bool has_column(const struct cw_record *record, const struct field *field, const int *places)
{
	for (size_t i = 0; i < field->n_slots; i++)
		if (places[field->slots[i]] >= 0 || record->slots[field->slots[i]].given.at)
			return true;
	return false;
}

/* The first field that the feed cannot do without and that has no column, NULL when none is lacking. A table
 * without any column for what the rows are to say is another table. */
static const struct field *lacking(const struct cw_record *record, const int *places)
{
	const struct field *outcome = NULL;
	bool says = false;

	for (size_t i = 0; i < record->n_fields; i++) {
		const struct field *field = &record->fields[i];

		if (field->needed && !has_column(record, field, places))
			return field;
		if (!field->outcome)
			continue;
		says = says || field->config->constant || has_column(record, field, places);
		outcome = outcome ? outcome : field;
	}
	if (!says && outcome)
		return outcome;
	for (size_t i = 0; i < record->n_wheres; i++)
		if (record->wheres[i].column.needed && !has_column(record, &record->wheres[i].column, places))
			return &record->wheres[i].column;
	for (size_t i = 0; i < CW_MEASURES_MAX; i++)
		if (record->denominators[i].needed && !has_column(record, &record->denominators[i], places))
			return &record->denominators[i];
	return NULL;
}

static int keep_best(struct cw_record *record, const struct cw_str *cells, size_t n, const int *places)
{
	size_t fields = 1; /* any row is better than none */

	for (size_t i = 0; i < record->n_fields; i++)
		fields += has_column(record, &record->fields[i], places);
	if (fields <= record->best_fields)
		return 0;
	record->best_fields = fields;
	cw_buf_reset(&record->best);
	for (size_t i = 0; i < n; i++) {
		struct cw_str cell = cw_str_trim(cells[i]);

		if (!cell.len || memchr(cell.at, 0, cell.len))
			continue;
		cell.len = CW_MIN(cell.len, (size_t)CW_NAME_MAX);
		if (record->best.len + cell.len + 1 > 8192)
			break;
		cw_buf_append(&record->best, cell.at, cell.len);
		cw_buf_putc(&record->best, 0);
	}
	return record->best.failed;
}

int cw_record_headings(struct cw_record *record, const struct cw_str *cells, size_t n)
{
	int *places = record->trial;
	size_t last = 0;

	for (size_t i = 0; i < record->n_slots; i++)
		places[i] = -1;
	for (size_t i = 0; i < n; i++) {
		struct cw_str text = cw_str_trim(cells[i]);
		int r;

		if (!text.len || text.len > 4u * CW_NAME_MAX)
			continue;
		r = cw_text_fold(text, &record->fold);
		if (r == -ENOMEM)
			return r;
		if (r < 0 || !record->fold.len)
			continue;
		for (size_t k = 0; k < record->n_slots; k++) {
			int rank = rank_of(&record->slots[k], cw_buf_str(&record->fold));

			/* Of two columns with one heading the first counts. */
			if (rank < 0 || (places[k] >= 0 && record->ranks[k] <= (unsigned)rank))
				continue;
			places[k] = (int)i;
			record->ranks[k] = (unsigned)rank;
		}
	}
	for (size_t k = 0; k < record->n_slots; k++)
		last = CW_MAX(last, places[k] >= 0 ? (size_t)places[k] : 0);
	if (lacking(record, places)) {
		int r = keep_best(record, cells, n, places);

		return r < 0 ? r : 0;
	}
	for (size_t i = 0; i < record->n_slots; i++)
		record->slots[i].place = places[i];
	record->last_column = last;
	return 1;
}

int cw_record_repeats(struct cw_record *record, const struct cw_cell *cells)
{
	for (size_t i = 0; i < record->n_slots; i++) {
		int r;

		if (record->slots[i].place < 0)
			continue;
		r = slot_is(record, i, cw_str_trim(cells[i].text));
		if (r <= 0)
			return r;
	}
	return 1;
}

int cw_record_names(struct cw_record *record, const struct cw_str *names, size_t n)
{
	int *places = record->trial;

	for (size_t i = 0; i < record->n_slots; i++)
		places[i] = -1;
	return keep_best(record, names, n, places);
}

static void fail_lacking(struct cw_record *record, const struct field *field)
{
	CW_CLEANUP(cw_freep) char *list = NULL;
	const char *names[129], *wanted, *near = NULL;
	const char *folded[129];
	struct cw_buf text;
	size_t n = 0;

	wanted = field->n_slots ? record->slots[field->slots[0]].name : "council";
	cw_buf_init(&text, CW_FIELD_MAX);
	for (size_t at = 0; at < record->best.len && n < 128; n++) {
		names[n] = (const char *)record->best.data + at;
		at += strlen(names[n]) + 1;
		/* Compared folded, shown as found. */
		if (cw_text_fold(cw_str(names[n]), &record->fold) < 0)
			cw_buf_reset(&record->fold);
		cw_buf_append(&text, cw_buf_str(&record->fold), record->fold.len);
		cw_buf_putc(&text, 0);
	}
	list = text.failed ? NULL : cw_buf_steal(&text, NULL);
	cw_buf_clear(&text);
	if (list) {
		const char *at = list;

		for (size_t i = 0; i < n; i++, at += strlen(at) + 1)
			folded[i] = at;
		folded[n] = NULL;
		for (size_t s = 0; s < field->n_slots && !near; s++) {
			near = cw_nearest(record->slots[field->slots[s]].folded, folded);
			if (near)
				wanted = record->slots[field->slots[s]].name;
		}
		for (size_t i = 0; near && i < n; i++) {
			if (folded[i] == near) {
				near = names[i];
				break;
			}
		}
	}
	if (near) {
		cw_record_fail(record, CW_REASON_MISSING_COLUMN, "no column \"%s\"; the nearest is \"%s\"", wanted,
		               near);
	} else if (n) {
		char found[200] = "";
		size_t used = 0;

		for (size_t i = 0; i < n && used + strlen(names[i]) + 5 < sizeof(found); i++)
			used +=
			    (size_t)snprintf(found + used, sizeof(found) - used, "%s\"%s\"", i ? ", " : "", names[i]);
		cw_record_fail(record, CW_REASON_MISSING_COLUMN, "no column \"%s\"; there are %s", wanted, found);
	} else {
		cw_record_fail(record, CW_REASON_MISSING_COLUMN, "no column \"%s\", and no row of headings", wanted);
	}
}

static const struct field *first_needed(const struct cw_record *record)
{
	int *places = record->trial;

	for (size_t i = 0; i < record->n_slots; i++)
		places[i] = -1;
	/* Of the fields lacking in the nearest miss: what its cells do name is not lacking. */
	for (size_t at = 0; at < record->best.len;) {
		const char *name = (const char *)record->best.data + at;

		for (size_t i = 0; i < record->n_slots; i++) {
			struct cw_buf fold;

			cw_buf_init(&fold, CW_FIELD_MAX);
			if (cw_text_fold(cw_str(name), &fold) == 0 && fold.len &&
			    rank_of(&record->slots[i], cw_buf_str(&fold)) >= 0)
				places[i] = 0;
			cw_buf_clear(&fold);
		}
		at += strlen(name) + 1;
	}
	return lacking(record, places);
}

void cw_record_no_headings(struct cw_record *record)
{
	const struct field *field = first_needed(record);

	if (field)
		fail_lacking(record, field);
	else
		cw_record_fail(record, CW_REASON_MISSING_COLUMN, "the headings are not in one row");
}

void cw_record_seen(struct cw_record *record, size_t slot)
{
	record->slots[slot].seen = true;
}

bool cw_record_unseen(struct cw_record *record)
{
	int *places = record->trial;
	const struct field *field;

	for (size_t i = 0; i < record->n_slots; i++)
		places[i] = record->slots[i].seen ? 0 : -1;
	field = lacking(record, places);
	if (field)
		fail_lacking(record, field);
	return field != NULL;
}

/* --- outcomes --- */

void cw_record_fail(struct cw_record *record, enum cw_reason reason, const char *fmt, ...)
{
	va_list args;

	if (record->tally.outcome != CW_REASON_NONE)
		return;
	record->tally.outcome = reason;
	va_start(args, fmt);
	vsnprintf(record->detail, sizeof(record->detail), fmt, args);
	va_end(args);
}

bool cw_record_failed(const struct cw_record *record)
{
	return record->tally.outcome != CW_REASON_NONE;
}

/* Text made by printf from outside text: parsers quote bytes and printf cuts where it must. */
static void mend_utf8(char *text)
{
	if (cw_utf8_valid(text, strlen(text)))
		return;
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80)
			*text = '?';
}

void cw_record_tally(struct cw_record *record, struct cw_document_tally *ret)
{
	mend_utf8(record->detail);
	*ret = record->tally;
	ret->detail = cw_str(record->detail);
}

static int reject_v(struct cw_record *record, enum cw_reason reason, struct cw_str field, struct cw_str text,
                    const char *fmt, va_list args) CW_PRINTF(5, 0);
static int reject_v(struct cw_record *record, enum cw_reason reason, struct cw_str field, struct cw_str text,
                    const char *fmt, va_list args)
{
	char detail[DETAIL_MAX];
	struct cw_reject reject = { .reason = reason, .row = record->row, .field = cw_str_cut(field, 200) };

	if (record->asking) {
		record->asked = reason;
		return 0;
	}
	record->tally.reasons[reason]++;
	if (!cw_reason_quarantines(reason) || !record->sink.reject)
		return 0;
	detail[0] = '\0';
	if (fmt)
		vsnprintf(detail, sizeof(detail), fmt, args);
	mend_utf8(detail);
	reject.text = cw_str_cut(text, 200);
	if (memchr(reject.text.at, 0, reject.text.len))
		reject.text = (struct cw_str){ "", 0 };
	reject.detail = cw_str(detail);
	return record->sink.reject(record->sink.arg, &reject);
}

static int reject(struct cw_record *record, enum cw_reason reason, struct cw_str field, struct cw_str text,
                  const char *fmt, ...) CW_PRINTF(5, 6);
static int reject(struct cw_record *record, enum cw_reason reason, struct cw_str field, struct cw_str text,
                  const char *fmt, ...)
{
	va_list args;
	int r;

	va_start(args, fmt);
	r = reject_v(record, reason, field, text, fmt, args);
	va_end(args);
	return r;
}

int cw_record_reject(struct cw_record *record, enum cw_reason reason, const char *field, struct cw_str text,
                     const char *fmt, ...)
{
	va_list args;
	int r;

	va_start(args, fmt);
	r = reject_v(record, reason, cw_str(field), text, fmt, args);
	va_end(args);
	return r;
}

void cw_record_start_row(struct cw_record *record, uint64_t row)
{
	memory_reset(record);
	record->row = row;
	record->tally.rows++;
}

int cw_record_blank(struct cw_record *record)
{
	record->tally.rows++;
	record->tally.reasons[CW_REASON_BLANK_ROW]++;
	return 0;
}

void cw_record_count(struct cw_record *record, enum cw_reason reason, uint64_t rows)
{
	record->tally.rows += rows;
	record->tally.reasons[reason] += rows;
}

int cw_record_bad_row(struct cw_record *record, uint64_t row, struct cw_str text, const char *fmt, ...)
{
	va_list args;
	int r;

	cw_record_start_row(record, row);
	va_start(args, fmt);
	r = reject_v(record, CW_REASON_BAD_ROW, cw_str(""), text, fmt, args);
	va_end(args);
	return r;
}

/* --- links --- */

struct cw_links *cw_record_links(const struct cw_record *record)
{
	return record->links;
}

const struct cw_strings *cw_record_next_rel(const struct cw_record *record)
{
	return record->pages && record->pages->rel.n ? &record->pages->rel : NULL;
}

const char *cw_record_next_at(const struct cw_record *record)
{
	return record->pages ? record->pages->next_at : NULL;
}

int cw_record_next_page(struct cw_record *record, struct cw_str href)
{
	return cw_links_next_page(record->links ? record->links : record->pager, href);
}

int cw_record_followed(struct cw_record *record, const struct cw_doc_link *link, bool counts)
{
	if (counts)
		record->tally.reasons[CW_REASON_FOLLOWED]++;
	return record->sink.link ? record->sink.link(record->sink.arg, link) : 0;
}

int cw_record_set_base(struct cw_record *record, struct cw_str href)
{
	struct cw_str url;
	char *base;
	int r = cw_record_url(record, href, &url);

	if (r)
		return r < 0 ? r : 0;
	base = strndup(url.at, url.len);
	if (!base)
		return -ENOMEM;
	free(record->base);
	record->base = base;
	return 0;
}

/* The columns of the link and of its words. */
static int link_row(struct cw_record *record, uint64_t row, const struct cw_cell *cells)
{
	static const struct field none;
	const struct field *url = &none, *text = &none;

	for (size_t i = 0; i < record->n_fields; i++) {
		if (record->fields[i].config->role == CW_FIELD_URL)
			url = &record->fields[i];
		else if (record->fields[i].config->role == CW_FIELD_TITLE)
			text = &record->fields[i];
	}
	return cw_links_row(record->links, row, cells, url->slots, url->n_slots, text->slots, text->n_slots);
}

/* --- texts --- */

/* Bytes of white space at the front: as cw_str_trim has it. */
static size_t blank_at(const char *at, size_t left)
{
	unsigned char c = left ? (unsigned char)*at : 'x';

	if (c == ' ' || (c >= '\t' && c <= '\r'))
		return 1;
	return left >= 2 && c == 0xc2 && (unsigned char)at[1] == 0xa0 ? 2 : 0;
}

/* cw_str_trim for the usual text, which has nothing to trim. */
static struct cw_str trim(struct cw_str text)
{
	if (text.len && (unsigned char)text.at[0] > ' ' && (unsigned char)text.at[0] != 0xc2 &&
	    (unsigned char)text.at[text.len - 1] > ' ' && (unsigned char)text.at[text.len - 1] != 0xa0)
		return text;
	return text.len ? cw_str_trim(text) : text;
}

/* Most texts need no change: no run of blanks, no other white space in them. */
static bool single_spaced(struct cw_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if ((c >= '\t' && c <= '\r') || (c == ' ' && i + 1 < text.len && text.at[i + 1] == ' ') ||
		    (c == 0xc2 && i + 1 < text.len && (unsigned char)text.at[i + 1] == 0xa0))
			return false;
	}
	return true;
}

/* Where to cut after max characters: at the end of a word when one ends within the last fifth. */
static size_t cut_at(struct cw_str text, size_t max)
{
	size_t characters = 0, word = 0, i;

	if (!max || text.len <= max)
		return text.len;
	for (i = 0; i < text.len; i++) {
		if (((unsigned char)text.at[i] & 0xc0) == 0x80)
			continue;
		if (text.at[i] == ' ' && characters >= max - max / 5)
			word = i;
		if (characters++ == max)
			return text.at[i] == ' ' ? i : word ? word : i;
	}
	return text.len;
}

int cw_record_text(struct cw_record *record, struct cw_str text, size_t max, struct cw_str *ret)
{
	text = trim(text);
	if (!single_spaced(text)) {
		char *out = cw_record_alloc(record, text.len);
		size_t n = 0, blank;

		if (!out)
			return -ENOMEM;
		for (size_t i = 0; i < text.len;) {
			blank = blank_at(text.at + i, text.len - i);
			if (!blank) {
				out[n++] = text.at[i++];
				continue;
			}
			i += blank;
			if (n && out[n - 1] != ' ')
				out[n++] = ' ';
		}
		text = (struct cw_str){ out, n };
	}
	text.len = cut_at(text, max);
	*ret = text;
	return 0;
}

int cw_record_url(struct cw_record *record, struct cw_str href, struct cw_str *ret)
{
	CW_CLEANUP(cw_freep) char *copy = NULL;
	xmlChar *built;
	struct cw_str url;
	int r;

	href = trim(href);
	if (!href.len || href.len > CW_URL_MAX || memchr(href.at, 0, href.len))
		return 1;
	for (size_t i = 0; i < href.len; i++)
		if ((unsigned char)href.at[i] <= ' ' || href.at[i] == 0x7f)
			return 1;
	if (is_http(href)) {
		*ret = href;
		return 0;
	}
	if (!record->base)
		return 1;
	copy = strndup(href.at, href.len);
	if (!copy)
		return -ENOMEM;
	built = xmlBuildURI((const xmlChar *)copy, (const xmlChar *)record->base);
	if (!built)
		return 1;
	url = cw_str((const char *)built);
	r = is_http(url) && url.len <= CW_URL_MAX ? keep(record, url.at, url.len, ret) : 1;
	xmlFree(built);
	return r;
}

/* Does the feed say that this text means "not stated"? text is trimmed. 1, 0 or -ENOMEM. */
static int is_absent(struct cw_record *record, struct cw_str text)
{
	unsigned char c;
	int r;

	if (!text.len)
		return 1;
	/* Most texts begin with a letter or digit that no absent text begins with. */
	c = (unsigned char)text.at[0];
	if (c >= 'A' && c <= 'Z')
		c = (unsigned char)(c - 'A' + 'a');
	if (((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) && !record->absent_first[c])
		return 0;
	if (text.len > 1024)
		return 0;
	r = cw_text_fold(text, &record->fold);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return 0;
	/* Dashes and dots alone fold to nothing, which is how tables say nothing. */
	if (!record->fold.len)
		return 1;
	for (size_t i = 0; i < record->n_absent; i++)
		if (!strcmp(record->absent[i], cw_buf_str(&record->fold)))
			return 1;
	return 0;
}

static uint64_t hash_text(struct cw_str text, uint64_t seed)
{
	uint64_t hash = seed ^ (text.len * 0x9e3779b97f4a7c15ull), word;
	size_t i = 0;

	for (; i + 8 <= text.len; i += 8) {
		memcpy(&word, text.at + i, 8);
		hash = (hash ^ word) * 0xff51afd7ed558ccdull;
		hash ^= hash >> 32;
	}
	if (i < text.len) {
		word = 0;
		memcpy(&word, text.at + i, text.len - i);
		hash = (hash ^ word) * 0xff51afd7ed558ccdull;
		hash ^= hash >> 32;
	}
	return hash * 0xc4ceb9fe1a85ec53ull;
}

/* The place for this text: holding it, or to be filled. NULL when it is too long to keep. */
static struct memo *memo_of(struct field *field, struct cw_str text)
{
	struct memo *memo;

	if (!field->n_memo || text.len > MEMO_TEXT)
		return NULL;
	memo = &field->memo[(hash_text(text, 0) >> 40) & (field->n_memo - 1)];
	if (memo->state != MEMO_NOTHING && memo->len == text.len && !memcmp(memo->text, text.at, text.len))
		return memo;
	memo->state = MEMO_NOTHING;
	memo->len = (uint8_t)text.len;
	memcpy(memo->text, text.at, text.len);
	return memo;
}

/* --- the fields of a row --- */

static struct cw_str slot_heading(const struct cw_record *record, const struct field *field, size_t slot)
{
	return cw_str(slot == SIZE_MAX ? (field->n_slots ? record->slots[field->slots[0]].name : "")
	                               : record->slots[slot].name);
}

/*
 * The first column of the field that has text which does not mean "not stated". 1 found, 0 none; a column
 * whose cell is not text is reported and passed over. *ret_memo is the text's memo, NULL when it is too long for one.
 */
static int pick(struct cw_record *record, struct field *field, const struct cw_cell *cells, struct cw_str *ret,
                size_t *ret_slot, struct memo **ret_memo)
{
	if (field->config->constant) {
		*ret = cw_str(field->config->constant);
		*ret_slot = SIZE_MAX;
		*ret_memo = memo_of(field, *ret);
		return 1;
	}
	for (size_t i = 0; i < field->n_slots; i++) {
		const struct cw_cell *cell = &cells[field->slots[i]];
		struct cw_str text = trim(cell->text);
		struct memo *memo;
		int r;

		if (cell->problem) {
			r = reject(record, CW_REASON_BAD_VALUE, slot_heading(record, field, field->slots[i]),
			           cell->text, "%s, not a text or number", cell->problem);
			if (r < 0)
				return r;
			continue;
		}
		if (!text.len)
			continue;
		memo = memo_of(field, text);
		if (memo && memo->state == MEMO_ABSENT)
			continue;
		if (!memo || memo->state == MEMO_NOTHING) {
			r = is_absent(record, text);
			if (r < 0)
				return r;
			if (r) {
				if (memo)
					memo->state = MEMO_ABSENT;
				continue;
			}
		}
		*ret = text;
		*ret_slot = field->slots[i];
		*ret_memo = memo;
		return 1;
	}
	return 0;
}

/* What the field's map makes of a text; left alone when it has none for it. 0 or -ENOMEM. */
static int translate(struct cw_record *record, const struct field *field, struct cw_str *text)
{
	int r;

	if (!field->n_maps)
		return 0;
	r = cw_text_fold(*text, &record->fold);
	if (r == -ENOMEM)
		return r;
	for (size_t i = 0; r == 0 && i < field->n_maps; i++) {
		if (strcmp(field->maps[i], cw_buf_str(&record->fold)) != 0)
			continue;
		*text = cw_str(field->config->maps[i].to);
		break;
	}
	return 0;
}

static int parse_date(struct cw_record *record, const struct field *field, struct cw_str text, bool iso,
                      int32_t *ret_day, int64_t *ret_ms)
{
	struct cw_str translated = text;
	struct cw_wall wall;
	int r, range = 0;

	r = translate(record, field, &translated);
	if (r < 0)
		return r;
	if (translated.at != text.at) { /* maps give ISO 8601 */
		r = cw_date_parse(translated.at, translated.len, "%Y-%m-%d", ret_day);
		*ret_ms = cw_day_start(*ret_day).ms;
		return r;
	}
	for (size_t i = 0; i < field->config->date_format.n && !iso; i++) {
		r = cw_date_parse(text.at, text.len, field->config->date_format.at[i], ret_day);
		if (r == 0) {
			*ret_ms = cw_day_start(*ret_day).ms;
			return 0;
		}
		range = r == -ERANGE ? r : range;
	}
	if (field->config->date_format.n && !iso)
		return range ? range : -EINVAL;
	r = cw_wall_parse(text.at, text.len, &wall, NULL);
	if (r < 0)
		return r;
	*ret_day = cw_wall_day(wall);
	*ret_ms = wall.ms;
	return 0;
}

/* 0; 1: the row is rejected; -errno. NONE in *ret_day when the field has no text. */
static int take_date(struct cw_record *record, struct field *field, const struct cw_cell *cells, int32_t *ret_day,
                     int64_t *ret_ms)
{
	struct memo spare, *memo;
	struct cw_str text;
	size_t slot;
	bool iso;
	int r;

	*ret_day = CW_DAY_NONE;
	*ret_ms = CW_WALL_NONE;
	if (!field)
		return 0;
	r = pick(record, field, cells, &text, &slot, &memo);
	if (r <= 0)
		return r;
	/* A constant is in ISO 8601. */
	iso = slot == SIZE_MAX || cells[slot].iso;
	/* What is known of a text holds for that text in the feed's own form. */
	if (!memo || iso) {
		memo = &spare;
		memo->state = MEMO_NOTHING;
	}
	if (memo->state == MEMO_NOTHING) {
		memo->why = parse_date(record, field, text, iso, &memo->day, &memo->ms);
		if (memo->why == -ENOMEM)
			return memo->why;
		memo->state = memo->why < 0 ? MEMO_BAD : MEMO_GOOD;
	}
	if (memo->state == MEMO_BAD) {
		r = reject(record, CW_REASON_BAD_DATE, slot_heading(record, field, slot), text,
		           memo->why == -ERANGE ? "there is no such date" : "not a date in the form expected");
		return r < 0 ? r : 1;
	}
	if (record->too_late != CW_DAY_NONE && memo->day > record->too_late) {
		char day[CW_WALL_TEXT];

		r = reject(record, CW_REASON_BAD_DATE, slot_heading(record, field, slot), text,
		           "after the document was fetched (%s)", cw_day_format(record->fetched_day, day));
		return r < 0 ? r : 1;
	}
	*ret_day = memo->day;
	*ret_ms = memo->ms;
	return 0;
}

/* --- which rows --- */

/* Comparisons take the cell as a number, and a cell that is none is on neither side. */
static int one_matches(struct cw_record *record, const struct pattern *patterns, size_t n, struct cw_str text)
{
	const char *folded;
	double number;
	int r;

	r = cw_text_fold(text, &record->fold);
	if (r == -ENOMEM)
		return r;
	folded = r == 0 ? cw_buf_str(&record->fold) : NULL;
	for (size_t i = 0; i < n; i++) {
		const struct pattern *pattern = &patterns[i];

		if (pattern->compare) {
			char figure[CW_NUMBER_TEXT];

			if (cw_parse_figure(text, false, 1, figure) < 0 || cw_parse_double(cw_str(figure), &number) < 0)
				continue;
			if (number == pattern->number ? pattern->equal
			                              : (number > pattern->number) == (pattern->compare == '>'))
				return 1;
		} else if (folded && (pattern->prefix ? !strncmp(folded, pattern->folded, strlen(pattern->folded))
		                                      : !strcmp(folded, pattern->folded))) {
			return 1;
		}
	}
	return 0;
}

/* Is the row one of those that the feed uses? 1, 0 or -ENOMEM. */
static int is_wanted(struct cw_record *record, const struct cw_cell *cells)
{
	for (size_t i = 0; i < record->n_wheres; i++) {
		struct where *where = &record->wheres[i];
		size_t slot = where->column.slots[0];
		struct cw_str text = trim(cells[slot].text);
		struct memo *memo;
		int r;

		/* A document that lacks an optional column is taken whole; a row of JSON that lacks it has an empty cell. */
		if (!where->column.needed && record->slots[slot].place < 0 && !record->slots[slot].seen)
			continue;
		memo = memo_of(&where->column, text);
		if (!memo || memo->state == MEMO_NOTHING) {
			r = where->n_is ? one_matches(record, where->is, where->n_is, text) : 1;
			if (r > 0) {
				r = one_matches(record, where->not, where->n_not, text);
				r = r < 0 ? r : !r;
			}
			if (r < 0)
				return r;
			if (memo)
				memo->state = r ? MEMO_GOOD : MEMO_BAD;
		} else {
			r = memo->state == MEMO_GOOD;
		}
		if (!r)
			return 0;
	}
	return 1;
}

/* --- councils --- */

static void councils_forget(struct cw_record *record)
{
	memset(record->councils, 0, COUNCILS_CACHED * sizeof(*record->councils));
	cw_buf_reset(&record->council_keys);
	record->n_councils = 0;
	record->n_sets = 0;
}

/* The entry for this key and day: found (key_len set), free, or NULL when there is no room near. */
static struct council_entry *council_entry(struct cw_record *record, uint64_t hash, int32_t day)
{
	const struct cw_buf *key = &record->council_key;

	for (size_t i = 0; i < COUNCIL_PROBES; i++) {
		struct council_entry *entry = &record->councils[(hash + i) & (COUNCILS_CACHED - 1)];

		if (!entry->key_len || (entry->hash == hash && entry->day == day && entry->key_len == key->len &&
		                        !memcmp(record->council_keys.data + entry->key, key->data, key->len)))
			return entry;
	}
	return NULL;
}

static int council_failed(struct cw_record *record, int outcome, struct cw_str field, struct cw_str text)
{
	enum cw_reason reason = outcome == CW_COUNCIL_AMBIGUOUS  ? CW_REASON_AMBIGUOUS_COUNCIL
	                        : outcome == CW_COUNCIL_CONFLICT ? CW_REASON_COUNCIL_CONFLICT
	                        : outcome == CW_COUNCIL_NOT_THEN ? CW_REASON_COUNCIL_NOT_THEN
	                        : outcome == CW_COUNCIL_OTHER_BODY ? CW_REASON_NOT_A_COUNCIL
	                                                           : CW_REASON_UNKNOWN_COUNCIL;
	int r = reject(record, reason, field, text, "%s", cw_buf_str(&record->council_why));

	return r < 0 ? r : 1;
}

/* "80426.0" is how a spreadsheet writes 80426. */
static struct cw_str without_fraction(struct cw_str text)
{
	size_t n = text.len, i;

	while (n && text.at[n - 1] == '0')
		n--;
	if (n == text.len || n < 2 || text.at[n - 1] != '.')
		return text;
	for (i = 0; i < n - 1; i++)
		if (text.at[i] < '0' || text.at[i] > '9')
			return text;
	text.len = n - 1;
	return text;
}

/* The texts, each ended by NUL. Once per row, so written straight into the buffer. */
static int council_key(struct cw_buf *key, const struct cw_str *texts, size_t n)
{
	size_t len = n;
	int r;

	for (size_t i = 0; i < n; i++)
		len += texts[i].len;
	cw_buf_reset(key);
	r = cw_buf_reserve(key, len);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		memcpy(key->data + key->len, texts[i].at, texts[i].len);
		key->len += texts[i].len;
		key->data[key->len++] = 0;
	}
	return 0;
}

static void known_councils(const struct cw_record *record, const struct council_entry *entry, const struct cw_str *texts,
                           struct cw_record_councils *ret)
{
	ret->organisation = cw_str("");
	if (entry->council) {
		ret->set.n = 1;
		ret->set.at[0] = entry->council;
		ret->set.organisation = NULL;
		return;
	}
	ret->set = record->sets[entry->set];
	if (ret->set.organisation)
		ret->organisation = texts[ret->set.named];
}

/* 0; or -ENOMEM. */
static int keep_councils(struct cw_record *record, struct council_entry *entry, const struct cw_council_set *set)
{
	entry->council = set->n == 1 && !set->organisation ? set->at[0] : NULL;
	if (entry->council)
		return 0;
	if (!record->sets)
		record->sets = calloc(SETS_MAX, sizeof(*record->sets));
	if (!record->sets)
		return -ENOMEM;
	entry->set = (uint32_t)record->n_sets;
	record->sets[record->n_sets++] = *set;
	return 0;
}

/* 0, what cw_council_resolve_all says (council_why has the sentence), or -errno. Nothing is rejected. */
static int find_councils(struct cw_record *record, const struct cw_str *texts, size_t n, int32_t day,
                         struct cw_record_councils *ret)
{
	struct cw_buf *key = &record->council_key;
	struct cw_council_set set;
	struct council_entry *entry;
	uint64_t hash;
	int r;

	if (!n) {
		cw_buf_reset(&record->council_why);
		cw_buf_puts(&record->council_why, "the row names no council");
		return CW_COUNCIL_UNKNOWN;
	}
	if (day == CW_DAY_NONE)
		day = record->fetched_day;
	if (day == CW_DAY_NONE)
		day = cw_wall_day(cw_wall_now());

	r = council_key(key, texts, n);
	if (r < 0)
		return r;
	hash = hash_text((struct cw_str){ (const char *)key->data, key->len }, (uint64_t)(uint32_t)day);
	entry = council_entry(record, hash, day);
	if (entry && entry->key_len) {
		known_councils(record, entry, texts, ret);
		return 0;
	}

	r = cw_council_resolve_all(record->config->councils, texts, n, day, &set, &record->council_why);
	if (r)
		return r;
	if (!entry || record->council_keys.len + key->len > COUNCIL_KEYS_MAX || record->n_sets == SETS_MAX) {
		councils_forget(record);
		entry = council_entry(record, hash, day);
	}
	*entry = (struct council_entry){ .hash = hash,
		                         .key = (uint32_t)record->council_keys.len,
		                         .key_len = (uint32_t)key->len,
		                         .day = day };
	r = keep_councils(record, entry, &set);
	if (r == 0)
		r = cw_buf_append(&record->council_keys, key->data, key->len);
	if (r < 0) {
		entry->key_len = 0;
		return r;
	}
	known_councils(record, entry, texts, ret);
	return 0;
}

static int resolve(struct cw_record *record, struct cw_str field, const struct cw_str *texts, size_t n, int32_t day,
                   struct cw_record_councils *ret)
{
	int r = find_councils(record, texts, n, day, ret);

	return r > 0 ? council_failed(record, r, field, n ? texts[0] : cw_str("")) : r;
}

int cw_record_councils(struct cw_record *record, const struct cw_str *texts, size_t n, int32_t day,
                       struct cw_record_councils *ret)
{
	return resolve(record, cw_str("council_id"), texts, n, day, ret);
}

int cw_record_council(struct cw_record *record, const struct cw_str *texts, size_t n, int32_t day,
                      struct cw_str *ret_id)
{
	struct cw_record_councils councils;
	int r = resolve(record, cw_str("council_id"), texts, n, day, &councils);

	if (r)
		return r;
	if (councils.set.n > 1) {
		r = reject(record, CW_REASON_AMBIGUOUS_COUNCIL, cw_str("council_id"), texts[0],
		           "it stands for %zu councils; name one", councils.set.n);
		return r < 0 ? r : 1;
	}
	*ret_id = cw_str(councils.set.at[0]->id);
	return 0;
}

/* What the feed's map of councils makes of a text. 1 it is in it, 0 not, -ENOMEM. */
static int mapped_council(struct cw_record *record, struct cw_str text, struct cw_str *ret)
{
	int r = cw_text_fold(text, &record->fold);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < record->n_fields; i++) {
		const struct field *field = &record->fields[i];

		for (size_t k = 0; field->config->role == CW_FIELD_COUNCIL && k < field->n_maps; k++) {
			if (strcmp(field->maps[k], cw_buf_str(&record->fold)) != 0)
				continue;
			*ret = cw_str(field->config->maps[k].to);
			return 1;
		}
	}
	return 0;
}

/*
 * A row that names nobody of that day may use a name in a way of its publisher's own, which the feed's map explains. Only then:
 * the map stands for all years, and the name may have been a council's in some of them. 0; 1: rejected; -errno.
 */
static int resolve_mapped(struct cw_record *record, struct cw_str heading, struct cw_str *texts, size_t n, int32_t day,
                          struct cw_record_councils *ret)
{
	int r = find_councils(record, texts, n, day, ret), mapped;
	struct cw_str first = n ? texts[0] : cw_str(""), named = { NULL, 0 };

	if (r != CW_COUNCIL_UNKNOWN && r != CW_COUNCIL_NOT_THEN && r != CW_COUNCIL_OTHER_BODY)
		return r > 0 ? council_failed(record, r, heading, first) : r;
	for (size_t i = 0; i < n; i++) {
		struct cw_str text = texts[i];

		mapped = mapped_council(record, text, &texts[i]);
		if (mapped < 0)
			return mapped;
		if (mapped && !named.at)
			named = text;
	}
	if (named.at) {
		r = find_councils(record, texts, n, day, ret);
		if (r == 0 && !ret->organisation.len)
			ret->organisation = named;
	}
	return r > 0 ? council_failed(record, r, heading, first) : r;
}

static int take_council(struct cw_record *record, const struct cw_cell *cells, int32_t day,
                        struct cw_record_councils *ret)
{
	struct cw_str texts[COUNCIL_TEXTS_MAX], heading = cw_str("council");
	size_t n = 0;

	for (size_t i = 0; i < record->n_fields; i++) {
		struct field *field = &record->fields[i];

		if (field->config->role != CW_FIELD_COUNCIL)
			continue;
		if (field->config->constant && n < COUNCIL_TEXTS_MAX)
			texts[n++] = cw_str(field->config->constant);
		if (field->n_slots)
			heading = cw_str(record->slots[field->slots[field->n_slots - 1]].name);
		for (size_t k = 0; k < field->n_slots && n < COUNCIL_TEXTS_MAX; k++) {
			const struct cw_cell *cell = &cells[field->slots[k]];
			struct cw_str text = trim(cell->text);
			int r;

			if (cell->problem) {
				r = reject(record, CW_REASON_BAD_VALUE, slot_heading(record, field, field->slots[k]),
				           cell->text, "%s, not a text or number", cell->problem);
				if (r < 0)
					return r;
				continue;
			}
			r = is_absent(record, text);
			if (r < 0)
				return r;
			if (!r)
				texts[n++] = without_fraction(text);
		}
	}
	return resolve_mapped(record, heading, texts, n, day, ret);
}

/* --- values --- */

static int parse_value(struct cw_record *record, struct field *field, struct cw_str text, bool iso, struct cw_str *ret)
{
	enum cw_value_id id = field->config->value_id;
	struct cw_buf out;
	struct cw_str value;
	int r;

	r = translate(record, field, &text);
	if (r < 0)
		return r;
	if (id == CW_VAL_SIGNAL) {
		if (!cw_risk_signal(&record->config->risk, text))
			return -EINVAL;
		return keep(record, text.at, text.len, ret);
	}
	if (cw_value_def(id)->type == CW_VALUE_NUMBER) {
		char figure[CW_NUMBER_TEXT];

		r = cw_parse_figure(text, field->config->parentheses, field->config->scale != 0 ? field->config->scale : 1,
		                    figure);
		return r < 0 ? r : keep(record, figure, strlen(figure), ret);
	}
	if (cw_value_def(id)->type == CW_VALUE_DATE && (field->config->date_format.n || iso)) {
		char day[CW_WALL_TEXT];
		int64_t ms;
		int32_t when;

		r = parse_date(record, field, text, iso, &when, &ms);
		return r < 0 ? r : keep(record, cw_day_format(when, day), strlen(cw_day_format(when, day)), ret);
	}
	cw_buf_init(&out, CW_FIELD_MAX);
	r = cw_value_parse(id, text, &out, &value);
	if (r == 0)
		r = keep(record, value.at, value.len, ret);
	cw_buf_clear(&out);
	return r;
}

/* The number in a cell. 1; 0 when there is none; -EINVAL after it was rejected. */
static int take_number(struct cw_record *record, const struct cw_cell *cells, size_t slot, double *ret)
{
	struct cw_str text = trim(cells[slot].text);
	char figure[CW_NUMBER_TEXT];
	int r = is_absent(record, text);

	if (r)
		return r < 0 ? r : 0;
	if (cells[slot].problem || cw_parse_figure(text, false, 1, figure) < 0 || cw_parse_double(cw_str(figure), ret) < 0) {
		r = reject(record, CW_REASON_BAD_VALUE, cw_str(record->slots[slot].name), text, "not a number");
		return r < 0 ? r : -EINVAL;
	}
	return 1;
}

/* Which of the parts is more than half of the whole. One that cannot be read leaves it open. */
static int take_majority(struct cw_record *record, struct field *field, const struct cw_cell *cells,
                         struct cw_evidence *evidence)
{
	const char *word = field->config->otherwise;
	double whole, part;
	int r = take_number(record, cells, field->slots[0], &whole);

	if (r <= 0 || !(whole > 0))
		return r < 0 && r != -EINVAL ? r : 0;
	for (size_t i = 0; i < field->config->n_parts; i++) {
		r = take_number(record, cells, field->parts[i], &part);
		if (r < 0)
			return r == -EINVAL ? 0 : r;
		if (r && part * 2 > whole)
			word = field->config->parts[i].to;
	}
	return cw_evidence_set(evidence, field->config->value_id, cw_str(word));
}

static int take_value(struct cw_record *record, struct field *field, const struct cw_cell *cells,
                      struct cw_evidence *evidence)
{
	enum cw_value_id id = field->config->value_id;
	struct memo *memo;
	struct cw_str text;
	size_t slot;
	bool iso;
	int r;

	if (field->config->otherwise)
		return take_majority(record, field, cells, evidence);
	r = pick(record, field, cells, &text, &slot, &memo);
	if (r <= 0)
		return r;
	if (cw_value_def(id) && cw_value_def(id)->type == CW_VALUE_TEXT) {
		r = translate(record, field, &text);
		if (r == 0)
			r = cw_record_text(record, text, TEXT_CHARACTERS, &text);
		return r < 0 ? r : cw_evidence_set(evidence, id, text);
	}
	iso = slot != SIZE_MAX && cells[slot].iso;
	/* What is known of a text holds for that text in the feed's own form. */
	memo = iso ? NULL : memo;
	if (memo && memo->state == MEMO_GOOD)
		return cw_evidence_set(evidence, id, (struct cw_str){ memo->out, memo->out_len });
	if (!memo || memo->state == MEMO_NOTHING) {
		struct cw_str value;

		r = parse_value(record, field, text, iso, &value);
		if (r == -ENOMEM)
			return r;
		if (r == 0) {
			if (memo && value.len <= MEMO_OUT) {
				memo->state = MEMO_GOOD;
				memo->out_len = (uint8_t)value.len;
				memcpy(memo->out, value.at, value.len);
				value.at = memo->out;
			}
			return cw_evidence_set(evidence, id, value);
		}
		if (memo) {
			memo->state = MEMO_BAD;
			memo->why = r;
		}
	} else {
		r = memo->why;
	}
	r = reject(record, CW_REASON_BAD_VALUE, slot_heading(record, field, slot), text,
	           r == -ERANGE ? "out of range for %s" : "not a value of %s", cw_value_def(id)->name);
	return r < 0 ? r : 0;
}

static int take_url(struct cw_record *record, struct field *field, const struct cw_cell *cells,
                    struct cw_evidence *evidence)
{
	struct cw_str text = { "", 0 };
	struct memo *memo;
	size_t slot = SIZE_MAX;
	int r = 1;

	for (size_t i = 0; i < field->n_slots && !text.len; i++) {
		text = cells[field->slots[i]].href;
		slot = field->slots[i];
	}
	if (!text.len) {
		r = pick(record, field, cells, &text, &slot, &memo);
		if (r <= 0)
			return r;
		/* Relative addresses are for links; words are no address. */
		r = is_http(text) || text.at[0] == '/' ? cw_record_url(record, text, &evidence->url) : 1;
	} else {
		r = cw_record_url(record, text, &evidence->url);
	}
	if (r <= 0)
		return r;
	r = reject(record, CW_REASON_BAD_VALUE, slot_heading(record, field, slot), text,
	           "not an http or https address");
	return r < 0 ? r : 0;
}

/* An address that ends in the code of a council that the row is not about leads to somebody else: publishers' tables have such.
 * It is left out. Codes that nobody has, or that are not to be told apart, say nothing. 0 or -errno. */
static int check_url(struct cw_record *record, struct cw_evidence *evidence, int32_t day,
                     const struct cw_record_councils *councils)
{
	struct cw_str url = evidence->url, end;
	const struct cw_council *council;
	const char *slash;
	int r;

	for (size_t i = 0; i < url.len; i++)
		if (url.at[i] == '?' || url.at[i] == '#')
			url.len = i;
	while (url.len && url.at[url.len - 1] == '/')
		url.len--;
	slash = url.len ? memrchr(url.at, '/', url.len) : NULL;
	if (!slash)
		return 0;
	end = (struct cw_str){ slash + 1, url.len - (size_t)(slash + 1 - url.at) };
	r = cw_council_resolve(record->config->councils, &end, 1, day != CW_DAY_NONE ? day : record->fetched_day, &council,
	                       &record->council_why);
	if (r)
		return r < 0 ? r : 0;
	for (size_t i = 0; i < councils->set.n; i++)
		if (councils->set.at[i] == council)
			return 0;
	r = reject(record, CW_REASON_BAD_VALUE, cw_str("url"), evidence->url, "the address is that of %s", council->name);
	evidence->url = (struct cw_str){ "", 0 };
	return r;
}

/* The day as the fragment of the address: the page is opened all the same, and statements that it lists are told apart. */
static int mark_url(struct cw_record *record, struct cw_evidence *evidence)
{
	int32_t day = record->feed->url_mark == CW_FIELD_EVENT_DATE ? evidence->event_day
	                                                             : cw_wall_day(evidence->published_at);
	char text[CW_WALL_TEXT], *marked;

	if (day == CW_DAY_NONE || !evidence->url.len || memchr(evidence->url.at, '#', evidence->url.len) ||
	    evidence->url.len + CW_WALL_TEXT > CW_URL_MAX)
		return 0;
	cw_day_format(day, text);
	marked = cw_record_alloc(record, evidence->url.len + strlen(text) + 2);
	if (!marked)
		return -ENOMEM;
	evidence->url.len = (size_t)sprintf(marked, "%.*s#%s", (int)evidence->url.len, evidence->url.at, text);
	evidence->url.at = marked;
	return 0;
}

static int take_key(struct cw_record *record, struct field *field, const struct cw_cell *cells,
                    struct cw_evidence *evidence)
{
	size_t len = 0, n = 0;
	char *key;
	int r;

	for (size_t i = 0; i < field->n_slots; i++)
		len += cells[field->slots[i]].text.len + 1;
	key = cw_record_alloc(record, len + 1);
	if (!key)
		return -ENOMEM;
	for (size_t i = 0; i < field->n_slots; i++) {
		struct cw_str text = trim(cells[field->slots[i]].text);

		r = is_absent(record, text);
		if (r < 0)
			return r;
		if (i)
			key[n++] = '|';
		if (!r && !cells[field->slots[i]].problem) {
			memcpy(key + n, text.at, text.len);
			n += text.len;
		}
	}
	if (field->config->constant)
		evidence->key = cw_str(field->config->constant);
	else if (n >= field->n_slots && n) /* more than the bars between them */
		evidence->key = cw_str_cut((struct cw_str){ key, n }, 1024);
	return 0;
}

static int take_field(struct cw_record *record, struct field *field, const struct cw_cell *cells,
                      struct cw_evidence *evidence)
{
	struct cw_str text;
	struct memo *memo;
	size_t slot;
	int r;

	switch (field->config->role) {
	case CW_FIELD_VALUE:
		return take_value(record, field, cells, evidence);
	case CW_FIELD_URL:
		return take_url(record, field, cells, evidence);
	case CW_FIELD_KEY:
		return take_key(record, field, cells, evidence);
	case CW_FIELD_TITLE:
		r = pick(record, field, cells, &text, &slot, &memo);
		return r <= 0 ? r : cw_record_text(record, text, TITLE_CHARACTERS, &evidence->title);
	case CW_FIELD_QUOTE:
		r = pick(record, field, cells, &text, &slot, &memo);
		return r <= 0 ? r : cw_record_text(record, text, CW_QUOTE_MAX, &evidence->quote);
	default:
		return 0; /* dates and councils were taken first */
	}
}

static bool says_something(const struct cw_evidence *evidence)
{
	const struct cw_kind_def *kind = cw_kind_def(evidence->kind);
	bool says = !kind || !kind->outcome || !kind->outcome[0];

	for (size_t i = 0; !says && kind->outcome[i]; i++)
		says = cw_evidence_value(evidence, kind->outcome[i]).len > 0;
	return says;
}

/* Does it say anything of what its kind is about? 1; 0 and rejected; -errno. */
static int must_say_something(struct cw_record *record, const struct cw_evidence *evidence)
{
	int r;

	if (says_something(evidence))
		return 1;
	r = reject(record, CW_REASON_NO_OUTCOME, cw_str(""), evidence->council_id,
	           "the row names a council and says nothing about it");
	return r < 0 ? r : 0;
}

static int give(struct cw_record *record, struct cw_evidence *evidence)
{
	int r;

	if (evidence->kind == CW_KIND_ILACS && !cw_evidence_value(evidence, CW_VAL_FRAMEWORK_ID).len) {
		r = cw_evidence_set(evidence, CW_VAL_FRAMEWORK_ID, cw_str(cw_ilacs_framework(evidence->event_day)));
		if (r < 0)
			return r;
	}
	/* A document that a link led to is the statement itself. */
	if (!evidence->url.len && record->info.parent_url.len && !(record->info.flags & CW_DOC_PAGE) &&
	    is_http(record->info.url) && record->info.url.len <= CW_URL_MAX)
		evidence->url = record->info.url;
	evidence->row = record->row;
	record->tally.evidence++;
	if (record->release) {
		r = cw_release_take(record->release, evidence, record->denominator);
		if (r <= 0)
			return r;
		cw_record_fail(record, CW_REASON_TOO_LARGE,
		               "over %u rows of one period: a release that is compared has about one for each council",
		               CW_RELEASE_ROWS);
		return 0;
	}
	return record->sink.evidence ? record->sink.evidence(record->sink.arg, evidence) : 0;
}

int cw_record_evidence(struct cw_record *record, struct cw_evidence *evidence)
{
	int r = must_say_something(record, evidence);

	return r <= 0 ? r : give(record, evidence);
}

/* The ids of a set but one's, with commas between. */
static int put_others(struct cw_record *record, const struct cw_council_set *set, size_t but, struct cw_str *ret)
{
	size_t len = 0, n = 0;
	char *text;

	for (size_t i = 0; i < set->n; i++)
		len += strlen(set->at[i]->id) + 1;
	text = cw_record_alloc(record, len);
	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++) {
		size_t id = strlen(set->at[i]->id);

		if (i == but)
			continue;
		if (n)
			text[n++] = ',';
		memcpy(text + n, set->at[i]->id, id);
		n += id;
	}
	*ret = (struct cw_str){ text, n };
	return 0;
}

int cw_record_evidence_for(struct cw_record *record, struct cw_evidence *evidence,
                           const struct cw_record_councils *councils)
{
	const struct cw_council_set *set = &councils->set;
	int r;

	evidence->council_id = cw_str(set->at[0]->id);
	r = must_say_something(record, evidence);
	if (r <= 0)
		return r;
	r = 0;
	if (councils->organisation.len && !cw_evidence_value(evidence, CW_VAL_ORGANISATION).len) {
		struct cw_str name;

		r = cw_record_text(record, councils->organisation, TITLE_CHARACTERS, &name);
		if (r == 0)
			r = cw_evidence_set(evidence, CW_VAL_ORGANISATION, name);
	}
	for (size_t i = 0; r == 0 && i < set->n; i++) {
		struct cw_str others;

		evidence->council_id = cw_str(set->at[i]->id);
		if (set->n > 1) {
			r = put_others(record, set, i, &others);
			if (r == 0)
				r = cw_evidence_set(evidence, CW_VAL_COMBINED_WITH, others);
		}
		if (r == 0)
			r = give(record, evidence);
	}
	return r;
}

static void evidence_start(struct cw_evidence *evidence, enum cw_kind kind)
{
	static const struct cw_str empty = { "", 0 };

	/* Field by field: value[] is large and holds nothing yet. */
	evidence->kind = kind;
	evidence->council_id = empty;
	evidence->event_day = CW_DAY_NONE;
	evidence->published_at = cw_wall_none();
	evidence->fetched_at = cw_wall_none();
	evidence->tier = CW_TIER_NONE;
	evidence->publisher = empty;
	evidence->url = empty;
	evidence->title = empty;
	evidence->quote = empty;
	evidence->key = empty;
	evidence->n_values = 0;
}

/* Is there no figure in it, not even one that cannot be read? 1, 0 or -ENOMEM. */
static int is_withheld(struct cw_record *record, const struct cw_cell *cells)
{
	for (size_t i = 0; i < record->n_fields; i++) {
		const struct field *field = &record->fields[i];

		if (!field->outcome)
			continue;
		if (field->config->constant)
			return 0;
		for (size_t k = 0; k < field->n_slots; k++) {
			const struct cw_cell *cell = &cells[field->slots[k]];
			int r = cell->problem ? 0 : is_absent(record, trim(cell->text));

			if (r <= 0)
				return r;
		}
	}
	return 1;
}

/* Tables go on listing councils that ended, with letters for figures: nothing is wrong with such a row, and nobody need look at
 * whom it names. That it is of no council at all is still the better reason. */
static int take_withheld(struct cw_record *record, const struct cw_cell *cells)
{
	struct cw_record_councils councils;
	int32_t day;
	int64_t ms;
	int r;

	record->asking = true;
	record->asked = CW_REASON_NONE;
	r = take_date(record, record->event, cells, &day, &ms);
	if (r == 0)
		r = take_council(record, cells, day, &councils);
	record->asking = false;
	if (r < 0)
		return r;
	return reject(record, record->asked == CW_REASON_NOT_A_COUNCIL ? CW_REASON_NOT_A_COUNCIL : CW_REASON_SUPPRESSED,
	              cw_str(""), cw_str(""), NULL);
}

/* What the row's figures are shares of; NAN where it does not say. */
static int take_denominators(struct cw_record *record, const struct cw_cell *cells)
{
	for (size_t m = 0; record->release && m < CW_MEASURES_MAX; m++) {
		struct field *field = &record->denominators[m];
		char figure[CW_NUMBER_TEXT];
		struct memo *memo;
		struct cw_str text;
		size_t slot;
		int r;

		record->denominator[m] = NAN;
		r = field->n_slots ? pick(record, field, cells, &text, &slot, &memo) : 0;
		if (r < 0)
			return r;
		if (r && cw_parse_figure(text, false, 1, figure) == 0)
			(void)cw_parse_double(cw_str(figure), &record->denominator[m]);
	}
	return 0;
}

/* The row is a text: its columns in the feed's order, those that have some. */
static int take_text(struct cw_record *record, const struct cw_cell *cells, int32_t published_day,
                     const struct cw_record_councils *councils, const struct cw_evidence *evidence)
{
	struct cw_str parts[CW_TEXT_PARTS_MAX];
	int32_t day = evidence->event_day != CW_DAY_NONE ? evidence->event_day : published_day;
	size_t n = 0;

	for (size_t i = 0; i < record->text->n_slots && n < CW_TEXT_PARTS_MAX; i++) {
		const struct cw_cell *cell = &cells[record->text->slots[i]];
		struct cw_str text = trim(cell->text);
		int r = cell->problem ? 1 : is_absent(record, text);

		if (r < 0)
			return r;
		if (!r)
			parts[n++] = text;
	}
	if (day == CW_DAY_NONE)
		day = record->fetched_day;
	if (day == CW_DAY_NONE)
		day = cw_wall_day(cw_wall_now());
	if (!record->reader)
		return -EINVAL; /* a configuration without phrases has no such field */
	return cw_text_record(record, record->reader, record->text->config->columns.at[0], parts, n, day, councils,
	                      evidence);
}

int cw_record_row(struct cw_record *record, uint64_t row, const struct cw_cell *cells)
{
	uint64_t bad = record->tally.reasons[CW_REASON_BAD_VALUE];
	struct cw_record_councils councils;
	struct cw_evidence evidence;
	int32_t published_day;
	int64_t ms;
	int r;

	for (size_t i = 0; i < record->n_slots; i++)
		if (cells[i].text.len > CW_FIELD_MAX)
			return cw_record_bad_row(record, row, cells[i].text, "\"%s\" is over %u bytes long",
			                         record->slots[i].name, CW_FIELD_MAX);
	if (record->links)
		return link_row(record, row, cells);
	cells = with_given(record, cells);
	cw_record_start_row(record, row);
	r = is_wanted(record, cells);
	if (r < 0)
		return r;
	if (!r)
		return reject(record, CW_REASON_IGNORED, cw_str(""), cw_str(""), NULL);
	if (record->figures) {
		r = is_withheld(record, cells);
		if (r)
			return r < 0 ? r : take_withheld(record, cells);
	}
	evidence_start(&evidence, record->feed->kind);

	r = take_date(record, record->event, cells, &evidence.event_day, &ms);
	if (r == 0)
		r = take_date(record, record->published, cells, &published_day, &evidence.published_at.ms);
	if (r == 0 && (!record->text || record->names_council))
		r = take_council(record, cells, evidence.event_day != CW_DAY_NONE ? evidence.event_day : published_day,
		                 &councils);
	for (size_t i = 0; i < record->n_fields && r == 0; i++)
		r = take_field(record, &record->fields[i], cells, &evidence);
	if (r == 0 && record->feed->url_ends_in_council && evidence.url.len)
		r = check_url(record, &evidence, evidence.event_day != CW_DAY_NONE ? evidence.event_day : published_day,
		              &councils);
	if (r == 0 && record->feed->url_mark != CW_FIELD_COUNCIL)
		r = mark_url(record, &evidence);
	if (r)
		return r < 0 ? r : 0;
	if (record->text)
		return take_text(record, cells, published_day, record->names_council ? &councils : NULL, &evidence);
	/* A figure that cannot be read has been set aside for that. */
	if (record->figures && !says_something(&evidence) && record->tally.reasons[CW_REASON_BAD_VALUE] != bad)
		return 0;
	r = take_denominators(record, cells);
	return r < 0 ? r : cw_record_evidence_for(record, &evidence, &councils);
}

int cw_record_end(struct cw_record *record)
{
	return record->release ? cw_release_end(record->release, !cw_record_failed(record)) : 0;
}
