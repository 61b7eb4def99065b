/* The fields of a row: dates, values, addresses, keys; and which rows are wanted. Each distinct text is parsed once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "record_private.h"

/* The place for this text: holding it, or to be filled. NULL when it is too long to keep. */
static struct memo *memo_of(struct field *field, struct cw_str text)
{
	struct memo *memo;

	if (!field->n_memo || text.len > MEMO_TEXT)
		return NULL;
	memo = &field->memo[(record_hash(text, 0) >> 40) & (field->n_memo - 1)];
	if (memo->state != MEMO_NOTHING && memo->len == text.len && !memcmp(memo->text, text.at, text.len))
		return memo;
	memo->state = MEMO_NOTHING;
	memo->len = (uint8_t)text.len;
	memcpy(memo->text, text.at, text.len);
	return memo;
}

/* --- the fields of a row --- */

struct cw_str record_slot_heading(const struct cw_record *record, const struct field *field, size_t slot)
{
	return cw_str(slot == SIZE_MAX ? (field->n_slots ? record->slots[field->slots[0]].name : "")
	                               : record->slots[slot].name);
}

int record_pick(struct cw_record *record, struct field *field, const struct cw_cell *cells, struct cw_str *ret,
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
		struct cw_str text = record_trim(cell->text);
		struct memo *memo;
		int r;

		if (cell->problem) {
			r = record_reject(record, CW_REASON_BAD_VALUE, record_slot_heading(record, field, field->slots[i]),
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
			r = record_is_absent(record, text);
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
int record_take_date(struct cw_record *record, struct field *field, const struct cw_cell *cells, int32_t *ret_day,
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
	r = record_pick(record, field, cells, &text, &slot, &memo);
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
		r = record_reject(record, CW_REASON_BAD_DATE, record_slot_heading(record, field, slot), text,
		           memo->why == -ERANGE ? "there is no such date" : "not a date in the form expected");
		return r < 0 ? r : 1;
	}
	if (record->too_late != CW_DAY_NONE && memo->day > record->too_late) {
		char day[CW_WALL_TEXT];

		r = record_reject(record, CW_REASON_BAD_DATE, record_slot_heading(record, field, slot), text,
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

int record_is_wanted(struct cw_record *record, const struct cw_cell *cells)
{
	for (size_t i = 0; i < record->n_wheres; i++) {
		struct where *where = &record->wheres[i];
		size_t slot = where->column.slots[0];
		struct cw_str text = record_trim(cells[slot].text);
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
		return record_keep(record, text.at, text.len, ret);
	}
	if (cw_value_def(id)->type == CW_VALUE_NUMBER) {
		char figure[CW_NUMBER_TEXT];

		r = cw_parse_figure(text, field->config->parentheses, field->config->scale != 0 ? field->config->scale : 1,
		                    figure);
		return r < 0 ? r : record_keep(record, figure, strlen(figure), ret);
	}
	if (cw_value_def(id)->type == CW_VALUE_DATE && (field->config->date_format.n || iso)) {
		char day[CW_WALL_TEXT];
		int64_t ms;
		int32_t when;

		r = parse_date(record, field, text, iso, &when, &ms);
		return r < 0 ? r : record_keep(record, cw_day_format(when, day), strlen(cw_day_format(when, day)), ret);
	}
	cw_buf_init(&out, CW_FIELD_MAX);
	r = cw_value_parse(id, text, &out, &value);
	if (r == 0)
		r = record_keep(record, value.at, value.len, ret);
	cw_buf_clear(&out);
	return r;
}

/* The number in a cell. 1; 0 when there is none; -EINVAL after it was rejected. */
static int take_number(struct cw_record *record, const struct cw_cell *cells, size_t slot, double *ret)
{
	struct cw_str text = record_trim(cells[slot].text);
	char figure[CW_NUMBER_TEXT];
	int r = record_is_absent(record, text);

	if (r)
		return r < 0 ? r : 0;
	if (cells[slot].problem || cw_parse_figure(text, false, 1, figure) < 0 || cw_parse_double(cw_str(figure), ret) < 0) {
		r = record_reject(record, CW_REASON_BAD_VALUE, cw_str(record->slots[slot].name), text, "not a number");
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
	r = record_pick(record, field, cells, &text, &slot, &memo);
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
	r = record_reject(record, CW_REASON_BAD_VALUE, record_slot_heading(record, field, slot), text,
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
		r = record_pick(record, field, cells, &text, &slot, &memo);
		if (r <= 0)
			return r;
		/* Relative addresses are for links; words are no address. */
		r = record_is_http(text) || text.at[0] == '/' ? cw_record_url(record, text, &evidence->url) : 1;
	} else {
		r = cw_record_url(record, text, &evidence->url);
	}
	if (r <= 0)
		return r;
	r = record_reject(record, CW_REASON_BAD_VALUE, record_slot_heading(record, field, slot), text,
	           "not an http or https address");
	return r < 0 ? r : 0;
}

int record_mark_url(struct cw_record *record, struct cw_evidence *evidence)
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
		struct cw_str text = record_trim(cells[field->slots[i]].text);

		r = record_is_absent(record, text);
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

int record_take_field(struct cw_record *record, struct field *field, const struct cw_cell *cells,
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
		r = record_pick(record, field, cells, &text, &slot, &memo);
		return r <= 0 ? r : cw_record_text(record, text, TITLE_CHARACTERS, &evidence->title);
	case CW_FIELD_QUOTE:
		r = record_pick(record, field, cells, &text, &slot, &memo);
		return r <= 0 ? r : cw_record_text(record, text, CW_QUOTE_MAX, &evidence->quote);
	default:
		return 0; /* dates and councils were taken first */
	}
}
