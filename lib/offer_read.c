#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include <councilwatch/offers.h>

#include "csv.h"

struct reading {
	const struct cw_offer_rules *rules;
	struct cw_csv csv; /* the bytes, whatever they are */
	struct cw_offer_rows *rows;
	bool refused; /* the file as a whole */
};

static void report_at(struct reading *reading, unsigned line, const char *text)
{
	struct cw_error err;

	cw_error_at(&err, -EINVAL, reading->csv.path, line, 0, "%s", text);
	if (reading->rules->report)
		reading->rules->report(reading->rules->report_arg, &err);
}

static int by_offer(const void *a, const void *b)
{
	const struct cw_offer_row *x = *(struct cw_offer_row *const *)a, *y = *(struct cw_offer_row *const *)b;
	int order = strcmp(x->offer.offer_id, y->offer.offer_id);

	return order ? order : x < y ? -1 : x > y;
}

/* How often each row's statement was made of its offer by then, not counting what is said twice in a row. */
static int number_rows(struct cw_offer_rows *rows)
{
	struct cw_offer_row **sorted = calloc(rows->n ? rows->n : 1, sizeof(*sorted));
	size_t n = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < rows->n; i++)
		if (!rows->at[i].wrong)
			sorted[n++] = &rows->at[i];
	qsort(sorted, n, sizeof(struct cw_offer_row *), by_offer);
	for (size_t i = 0; i < n; i++) {
		sorted[i]->nth = 1;
		for (size_t k = i; k-- > 0 && strcmp(sorted[k]->offer.offer_id, sorted[i]->offer.offer_id) == 0;)
			if (cw_offer_same(&sorted[k]->offer, &sorted[i]->offer)) {
				sorted[i]->nth = sorted[k]->nth + (k + 1 < i);
				break;
			}
	}
	free(sorted);
	return 0;
}

static int add_row(struct reading *reading, unsigned line, const char *const value[CW_OFFER_FIELDS], struct cw_error *err)
{
	struct cw_offer_rows *rows = reading->rows;
	struct cw_offer_row row;
	int r = cw_offer_check(reading->rules, reading->csv.path, line, value, &row, err);

	if (r == 0 && cw_grow(&rows->at, &rows->cap, rows->n, sizeof(*rows->at)) < 0)
		r = cw_error_nomem(err);
	if (r < 0) {
		cw_offer_row_clear(&row);
		return r;
	}
	rows->wrong += row.wrong;
	rows->at[rows->n++] = row;
	return 0;
}

/* Which field a heading means: its name in any case, with blanks or '-' for '_'. -1: none. */
static int field_named(const char *heading)
{
	for (int f = 0; f < CW_OFFER_FIELDS; f++) {
		const char *name = cw_offer_field_names[f], *at = heading;

		for (; *name && *at; name++, at++) {
			char c = *at == ' ' || *at == '-' ? '_' : *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at;

			if (c != *name)
				break;
		}
		if (!*name && !*at)
			return f;
	}
	return strcasecmp(heading, "council") == 0 ? CW_OFFER_COUNCIL : strcasecmp(heading, "organisation") == 0 ? CW_OFFER_ORGANISATION : -1;
}

static void unknown_field(struct reading *reading, unsigned line, const char *what, const char *name)
{
	const char *near = cw_nearest(name, cw_offer_field_names);
	char text[CW_ERROR_TEXT_MAX];

	snprintf(text, sizeof(text), "unknown %s '%.64s'%s%s%s", what, name, near ? "; did you mean '" : "; take it out, or see councilwatch(1) for the names",
	         near ? near : "", near ? "'?" : "");
	report_at(reading, line, text);
}

/* ---- CSV ---- */

static bool read_headings(struct reading *reading, int field[CW_CSV_COLUMNS_MAX])
{
	static const enum cw_offer_field needed[] = { CW_OFFER_ID, CW_OFFER_STRAND, CW_OFFER_TIER, CW_OFFER_STATUS };
	const struct cw_csv *csv = &reading->csv;
	bool there[CW_OFFER_FIELDS] = { false }, well = true;
	char text[CW_ERROR_TEXT_MAX];

	for (size_t i = 0; i < csv->n_columns; i++) {
		field[i] = field_named(csv->columns[i]);
		if (field[i] < 0) {
			unknown_field(reading, 1, "heading", csv->columns[i]);
			well = false;
		} else if (there[field[i]]) {
			snprintf(text, sizeof(text), "two columns are %s; take one out", cw_offer_field_names[field[i]]);
			report_at(reading, 1, text);
			well = false;
		} else {
			there[field[i]] = true;
		}
	}
	for (size_t i = 0; i < CW_ARRAY_LEN(needed); i++)
		if (!there[needed[i]]) {
			snprintf(text, sizeof(text), "there is no column %s", cw_offer_field_names[needed[i]]);
			report_at(reading, 1, text);
			well = false;
		}
	if (!there[CW_OFFER_COUNCIL] && !there[CW_OFFER_ORGANISATION]) {
		report_at(reading, 1, "there is no column council_id or organisation_id");
		well = false;
	}
	return well;
}

static int read_csv(struct reading *reading, struct cw_error *err)
{
	int field[CW_CSV_COLUMNS_MAX], r = cw_csv_head(&reading->csv, err);
	struct cw_error wrong;

	if (r < 0) {
		report_at(reading, err->line, err->text);
		reading->refused = true;
		return r == -ENOMEM ? r : 0;
	}
	if (!read_headings(reading, field)) {
		reading->refused = true;
		return 0;
	}
	while ((r = cw_csv_next(&reading->csv, &wrong)) != 0) {
		const char *value[CW_OFFER_FIELDS] = { NULL };
		bool any = false;

		if (r < 0) {
			report_at(reading, wrong.line, wrong.text);
			reading->rows->wrong++;
			continue;
		}
		for (size_t i = 0; i < reading->csv.n_fields; i++) {
			value[field[i]] = reading->csv.fields[i];
			any |= reading->csv.fields[i][0] != '\0';
		}
		if (!any) /* spreadsheets leave rows of commas */
			continue;
		r = add_row(reading, reading->csv.row_line, value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- JSON lines ---- */

/* The value as a text; owned. NULL: it is no such thing, or no memory. */
static char *value_text(const json_t *value)
{
	char *text = NULL;
	struct cw_buf list;
	json_t *item;
	size_t i;

	if (json_is_null(value))
		return strdup("");
	if (json_is_string(value))
		return strlen(json_string_value(value)) == json_string_length(value) ? strdup(json_string_value(value)) : NULL;
	if (json_is_integer(value))
		return asprintf(&text, "%lld", (long long)json_integer_value(value)) < 0 ? NULL : text;
	if (json_is_real(value))
		return asprintf(&text, "%.10g", json_real_value(value)) < 0 ? NULL : text;
	if (!json_is_array(value))
		return NULL;
	cw_buf_init(&list, 8 * CW_OFFER_TEXT_MAX);
	json_array_foreach(value, i, item) {
		if (json_is_string(item))
			cw_buf_printf(&list, "%s%s", i ? "|" : "", json_string_value(item));
		else
			list.failed = -EINVAL;
	}
	text = list.failed ? NULL : strdup(cw_buf_str(&list));
	cw_buf_clear(&list);
	return text;
}

static int read_object(struct reading *reading, unsigned line, json_t *object, struct cw_error *err)
{
	char *value[CW_OFFER_FIELDS] = { NULL }, text[CW_ERROR_TEXT_MAX];
	bool well = true;
	const char *key;
	json_t *item;
	int r = 0;

	json_object_foreach(object, key, item) {
		int field = field_named(key);

		if (field < 0) {
			unknown_field(reading, line, "member", key);
			well = false;
			continue;
		}
		free(value[field]);
		value[field] = value_text(item);
		if (!value[field]) {
			snprintf(text, sizeof(text), "%s is neither a text nor a number", cw_offer_field_names[field]);
			report_at(reading, line, text);
			well = false;
		}
	}
	if (well)
		r = add_row(reading, line, (const char *const *)value, err);
	else
		reading->rows->wrong++;
	for (int f = 0; f < CW_OFFER_FIELDS; f++)
		free(value[f]);
	return r;
}

static int read_json(struct reading *reading, struct cw_error *err)
{
	char *at = reading->csv.data + reading->csv.at, *end = reading->csv.data + reading->csv.len;
	char text[CW_ERROR_TEXT_MAX];
	int r = 0;

	for (unsigned line = 1; r == 0 && at < end; line++) {
		char *newline = memchr(at, '\n', (size_t)(end - at));
		struct cw_str this = cw_str_trim((struct cw_str){ at, (size_t)((newline ? newline : end) - at) });
		json_error_t jerr;
		json_t *object;

		at = newline ? newline + 1 : end;
		if (this.len && this.at[this.len - 1] == '\r')
			this.len--;
		if (!this.len)
			continue;
		object = json_loadb(this.at, this.len, JSON_REJECT_DUPLICATES, &jerr);
		if (json_is_object(object)) {
			r = read_object(reading, line, object, err);
		} else {
			snprintf(text, sizeof(text), "is no JSON object: %.200s; write one object on each line",
			         object ? "it is an array" : jerr.text);
			report_at(reading, line, text);
			reading->rows->wrong++;
		}
		json_decref(object);
	}
	return r;
}

int cw_offer_rows_read(const struct cw_offer_rules *rules, const char *path, struct cw_offer_rows *ret, struct cw_error *err)
{
	struct reading reading = { .rules = rules, .rows = ret };
	struct cw_error opening;
	struct cw_str first;
	int r = cw_csv_read(&reading.csv, path, &opening);

	if (r == -ENOMEM) {
		cw_csv_close(&reading.csv);
		return cw_error_nomem(err);
	}
	if (r < 0) {
		report_at(&reading, opening.line, opening.text);
		cw_csv_close(&reading.csv);
		return cw_error_at(err, -EINVAL, path, 0, 0, "cannot be used");
	}
	first = cw_str_trim((struct cw_str){ reading.csv.data + reading.csv.at, reading.csv.len - reading.csv.at });
	if (first.len && (first.at[0] == '{' || first.at[0] == '['))
		r = read_json(&reading, err);
	else
		r = read_csv(&reading, err);
	cw_csv_close(&reading.csv);
	if (r == 0 && number_rows(ret) < 0)
		r = cw_error_nomem(err);
	if (r < 0)
		return r;
	return reading.refused ? cw_error_at(err, -EINVAL, path, 0, 0, "cannot be used") : 0;
}

void cw_offer_rows_clear(struct cw_offer_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		cw_offer_row_clear(&rows->at[i]);
	free(rows->at);
	*rows = (struct cw_offer_rows){ 0 };
}
