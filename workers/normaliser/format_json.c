/*
 * JSON (an array of objects) and NDJSON (an object per line): members are columns. "a.b" is member b of member a, or a
 * member of that very name; names are compared folded, as headings are, when the exact one is not there. "a[].b" is
 * member b of every element of the array a, joined by "; ", and "a[0].b" that of the first.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "format.h"
#include "json.h"

#define NODES_DEEP 8u
#define NUMBER_MAX 32
#define NO_INDEX (-1)
#define EVERY (-2)

struct path {
	size_t n;
	bool every;              /* one of its steps goes to every element of an array */
	int index[NODES_DEEP];   /* which element of the array that is there: NO_INDEX, EVERY, or from 0 */
	char *names[NODES_DEEP]; /* owned; as configured */
	char *folded[NODES_DEEP];
	char *found[NODES_DEEP]; /* the spelling that the last row had, NULL = none yet */
};

struct members {
	struct cw_record *record;
	struct cw_json_reader *reader;
	bool lines;
	bool named; /* the names of the first row are kept, for a message */
	size_t n_slots, n_paths;
	struct path *paths;   /* of each slot one, then those of its other headings */
	size_t *first_path;   /* of each slot, and of the one after the last */
	struct cw_cell *cells;
	char (*numbers)[NUMBER_MAX];
	struct cw_buf *joined; /* by slot; the texts of several elements */
	struct cw_buf fold;
};

/* "name[]" and "name[3]": the length of the name alone, and which element is meant. */
static size_t split_index(const char *text, size_t len, int *ret_index)
{
	const char *open = memchr(text, '[', len);
	int index = 0;

	*ret_index = NO_INDEX;
	if (!open || open == text || text[len - 1] != ']')
		return len;
	if (open + 2 == text + len) {
		*ret_index = EVERY;
		return (size_t)(open - text);
	}
	for (const char *c = open + 1; c < text + len - 1; c++) {
		if (*c < '0' || *c > '9' || index > 100000)
			return len;
		index = index * 10 + (*c - '0');
	}
	*ret_index = index;
	return (size_t)(open - text);
}

static int begin_path(struct members *members, struct path *path, const char *text)
{
	while (*text && path->n < NODES_DEEP) {
		size_t len = strcspn(text, "."), name_len;
		int r;

		name_len = split_index(text, len, &path->index[path->n]);
		path->every = path->every || path->index[path->n] == EVERY;
		r = cw_text_fold((struct cw_str){ text, name_len }, &members->fold);
		if (r == -ENOMEM)
			return r;
		path->names[path->n] = strndup(text, name_len);
		path->folded[path->n] = strdup(cw_buf_str(&members->fold));
		path->n++;
		if (!path->names[path->n - 1] || !path->folded[path->n - 1])
			return -ENOMEM;
		text += len + (text[len] == '.');
	}
	return 0;
}

static void members_free(void *state)
{
	struct members *members = state;

	if (!members)
		return;
	for (size_t i = 0; members->paths && i < members->n_paths; i++) {
		for (size_t k = 0; k < members->paths[i].n; k++) {
			free(members->paths[i].names[k]);
			free(members->paths[i].folded[k]);
			free(members->paths[i].found[k]);
		}
	}
	free(members->paths);
	free(members->first_path);
	free(members->cells);
	free(members->numbers);
	for (size_t i = 0; members->joined && i < members->n_slots; i++)
		cw_buf_clear(&members->joined[i]);
	free(members->joined);
	cw_buf_clear(&members->fold);
	cw_json_reader_free(members->reader);
	free(members);
}

/* A member of object by its folded name. NULL: there is none; *r -ENOMEM. */
static const json_t *member(struct members *members, const json_t *object, struct path *path, size_t at, int *r)
{
	const json_t *value = json_object_get(object, path->names[at]);
	const char *name;
	json_t *each;

	if (value || !json_is_object(object))
		return value;
	if (path->found[at]) {
		value = json_object_get(object, path->found[at]);
		if (value)
			return value;
	}
	json_object_foreach((json_t *)(uintptr_t)object, name, each)
	{
		int folded;

		if (strlen(name) > 4u * CW_NAME_MAX)
			continue;
		folded = cw_text_fold(cw_str(name), &members->fold);
		if (folded == -ENOMEM)
			*r = folded;
		if (folded < 0 || strcmp(cw_buf_str(&members->fold), path->folded[at]) != 0)
			continue;
		free(path->found[at]);
		path->found[at] = strdup(name);
		if (!path->found[at])
			*r = -ENOMEM;
		return each;
	}
	return NULL;
}

/* Member at of value, and the element of it that the path names; what is no array is its own first and only element. */
static const json_t *step(struct members *members, const json_t *value, struct path *path, size_t at, int *r)
{
	value = member(members, value, path, at, r);
	if (path->index[at] < 0)
		return value;
	if (!json_is_array(value))
		return path->index[at] ? NULL : value;
	return json_array_get(value, (size_t)path->index[at]);
}

/* A path that goes to every element of an array gives that array, when something is in it. */
static const json_t *lookup_path(struct members *members, const json_t *object, const char *name, struct path *path,
                                 int *r)
{
	const json_t *value = json_object_get(object, name);

	if (value)
		return value;
	value = object;
	for (size_t i = 0; i < path->n && value; i++) {
		value = step(members, value, path, i, r);
		if (path->index[i] == EVERY && json_is_array(value))
			return value;
	}
	return path->n ? value : NULL;
}

/* Under the first of the slot's names that there is; *ret_path is set when the value is to be joined along its path. */
static const json_t *lookup(struct members *members, const json_t *object, size_t slot, struct path **ret_path, int *r)
{
	const json_t *value = NULL;

	*ret_path = NULL;
	for (size_t at = members->first_path[slot], i = 0; at < members->first_path[slot + 1] && !value; at++, i++) {
		const char *name = i ? cw_record_slot_also(members->record, slot, i - 1)
		                     : cw_record_slot_name(members->record, slot);

		value = lookup_path(members, object, name, &members->paths[at], r);
		if (value && members->paths[at].every && !json_object_get(object, name))
			*ret_path = &members->paths[at];
	}
	return value;
}

/* number: room for the digits of a number, as long as the cell lasts. */
static void cell_of(const json_t *value, char number[NUMBER_MAX], struct cw_cell *ret)
{
	*ret = (struct cw_cell){ { "", 0 }, { "", 0 }, NULL };
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		ret->text = (struct cw_str){ json_string_value(value), json_string_length(value) };
		break;
	case JSON_INTEGER:
		snprintf(number, NUMBER_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		ret->text = cw_str(number);
		break;
	case JSON_REAL:
		/* The shortest digits that read back as the same number. */
		snprintf(number, NUMBER_MAX, "%.15g", json_real_value(value));
		if (strtod(number, NULL) != json_real_value(value))
			snprintf(number, NUMBER_MAX, "%.17g", json_real_value(value));
		ret->text = cw_str(number);
		break;
	case JSON_TRUE:
		ret->text = cw_str("true");
		break;
	case JSON_FALSE:
		ret->text = cw_str("false");
		break;
	case JSON_NULL:
		break;
	default:
		ret->problem = cw_json_type_name(value);
		break;
	}
}

/* Adds what the path from its step at gives of value. *ret_problem: of a value that is no text. 0 or -ENOMEM. */
static int join(struct members *members, const json_t *value, struct path *path, size_t at, struct cw_buf *out,
                const char **ret_problem)
{
	char number[NUMBER_MAX];
	struct cw_cell cell;
	int r = 0;

	for (; at < path->n && value; at++) {
		value = step(members, value, path, at, &r);
		if (r < 0)
			return r;
		if (path->index[at] != EVERY || !json_is_array(value))
			continue;
		for (size_t i = 0; i < json_array_size(value) && r == 0 && !out->failed; i++)
			r = join(members, json_array_get(value, i), path, at + 1, out, ret_problem);
		return r;
	}
	cell_of(value, number, &cell);
	cell.text = cw_str_trim(cell.text);
	if (cell.problem)
		*ret_problem = cell.problem;
	if (cell.text.len)
		cw_buf_printf(out, "%s%.*s", out->len ? "; " : "", (int)cell.text.len, cell.text.at);
	return out->failed == -ENOMEM ? -ENOMEM : 0;
}

/* The cell of a path that goes to every element of an array. */
static int join_cell(struct members *members, const json_t *object, struct path *path, size_t slot)
{
	struct cw_buf *out = &members->joined[slot];
	struct cw_cell *cell = &members->cells[slot];
	int r;

	cw_buf_reset(out);
	*cell = (struct cw_cell){ { "", 0 }, { "", 0 }, NULL };
	r = join(members, object, path, 0, out, &cell->problem);
	cell->text = (struct cw_str){ cw_buf_str(out), out->len };
	if (out->failed == -EMSGSIZE)
		cell->problem = "a list that is too long";
	return r;
}

static int keep_names(struct members *members, const json_t *object)
{
	struct cw_str names[128];
	const char *name;
	json_t *each;
	size_t n = 0;

	if (members->named)
		return 0;
	members->named = true;
	json_object_foreach((json_t *)(uintptr_t)object, name, each)
	{
		if (n < CW_ARRAY_LEN(names))
			names[n++] = cw_str(name);
	}
	return cw_record_names(members->record, names, n);
}

static int row(void *arg, uint64_t number, const json_t *object)
{
	struct members *members = arg;
	bool blank = true;
	int r;

	r = keep_names(members, object);
	if (r < 0)
		return r;
	for (size_t i = 0; i < members->n_slots; i++) {
		struct path *path;
		const json_t *value = lookup(members, object, i, &path, &r);

		if (r < 0)
			return r;
		if (value)
			cw_record_seen(members->record, i);
		if (path)
			r = join_cell(members, object, path, i);
		else
			cell_of(value, members->numbers[i], &members->cells[i]);
		if (r < 0)
			return r;
		blank = blank && (!value || json_is_null(value));
	}
	if (blank && !json_object_size(object))
		return cw_record_blank(members->record);
	return cw_record_row(members->record, number, members->cells);
}

/* Before the first row of an array: is any needed member in none of them? */
static int rows(void *arg, const json_t *array)
{
	struct members *members = arg;
	size_t n = json_array_size(array);
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		const json_t *object = json_array_get(array, i);
		size_t unseen = 0;

		if (!json_is_object(object))
			continue;
		r = keep_names(members, object);
		for (size_t k = 0; k < members->n_slots && r == 0; k++) {
			struct path *path;

			if (lookup(members, object, k, &path, &r))
				cw_record_seen(members->record, k);
			else
				unseen++;
		}
		if (r < 0)
			return r;
		if (!unseen)
			return 0;
		if (i > 4096)
			break; /* members that come and go; the end of the document will tell */
	}
	return n && members->named && cw_record_unseen(members->record);
}

static int begin_either(struct cw_record *record, bool lines, void **ret)
{
	struct members *members = calloc(1, sizeof(*members));
	struct cw_json_options options = { .lines = lines, .row = row, .rows = rows, .arg = members };
	int r;

	*ret = members;
	if (!members)
		return -ENOMEM;
	members->record = record;
	members->lines = lines;
	cw_buf_init(&members->fold, 4u * CW_FIELD_MAX);
	options.rows_at = cw_record_feed(record)->rows_at;
	if (options.rows_at && !*options.rows_at)
		options.rows_at = NULL;
	members->n_slots = cw_record_slots(record);
	members->first_path = calloc(members->n_slots + 1, sizeof(*members->first_path));
	if (!members->first_path)
		return -ENOMEM;
	for (size_t i = 0, n; i < members->n_slots; i++) {
		for (n = 1; cw_record_slot_also(record, i, n - 1);)
			n++;
		members->first_path[i + 1] = members->first_path[i] + n;
	}
	members->paths = calloc(members->first_path[members->n_slots] + 1, sizeof(*members->paths));
	members->cells = calloc(members->n_slots + 1, sizeof(*members->cells));
	members->numbers = calloc(members->n_slots + 1, sizeof(*members->numbers));
	members->joined = calloc(members->n_slots + 1, sizeof(*members->joined));
	if (!members->paths || !members->cells || !members->numbers || !members->joined)
		return -ENOMEM;
	for (size_t i = 0; i < members->n_slots; i++)
		cw_buf_init(&members->joined[i], CW_FIELD_MAX);
	for (size_t i = 0; i < members->n_slots; i++) {
		const char *name = cw_record_slot_name(record, i);

		for (size_t n = 0; name; name = cw_record_slot_also(record, i, n++)) {
			r = begin_path(members, &members->paths[members->n_paths++], name);
			if (r < 0)
				return r;
		}
	}
	return cw_json_reader_new(record, &options, &members->reader);
}

static int begin_json(struct cw_record *record, void **ret)
{
	return begin_either(record, false, ret);
}

static int begin_ndjson(struct cw_record *record, void **ret)
{
	return begin_either(record, true, ret);
}

static int feed(void *state, const char *text, size_t len)
{
	return cw_json_reader_feed(((struct members *)state)->reader, text, len);
}

static int end(void *state)
{
	struct members *members = state;
	int r = cw_json_reader_end(members->reader);

	if (r == 0 && members->named && !cw_record_failed(members->record))
		(void)cw_record_unseen(members->record);
	return r;
}

const struct cw_format_ops cw_format_json = {
	.format = CW_FORMAT_JSON,
	.noun = "JSON",
	.begin = begin_json,
	.feed = feed,
	.end = end,
	.free = members_free,
};

const struct cw_format_ops cw_format_ndjson = {
	.format = CW_FORMAT_NDJSON,
	.noun = "NDJSON",
	.begin = begin_ndjson,
	.feed = feed,
	.end = end,
	.free = members_free,
};
