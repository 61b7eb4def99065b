/* A record made from what a feed's configuration says, once per document. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "links.h"
#include "record_private.h"

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

bool record_is_beginning(const char *name)
{
	size_t n = strlen(name);

	return n > 1 && name[n - 1] == '*';
}

static bool same_heading(const char *a, const char *a_folded, const char *b, const char *b_folded)
{
	return !strcmp(a_folded, b_folded) && record_is_beginning(a) == record_is_beginning(b);
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

const struct cw_cell *record_with_given(struct cw_record *record, const struct cw_cell *cells)
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

/* An imported file has no address of its own: what is in it was published where the feed is. */
static int set_up_base(struct cw_record *record)
{
	struct cw_str base = record->info.url;

	if (!record_is_http(base) && record->feed->url)
		base = cw_str(record->feed->url);
	if (!record_is_http(base) || base.len > CW_URL_MAX)
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
	record_forget_row(record);
	free(record->memory);
	free(record);
}
