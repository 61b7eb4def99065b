/* Which columns of a document the feed's headings are, and what to say when they are not there. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "record_private.h"

static bool heading_is(const char *name, const char *name_folded, const char *folded)
{
	return *name_folded && record_is_beginning(name) ? !strncmp(name_folded, folded, strlen(name_folded))
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
