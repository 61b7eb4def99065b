#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "json.h"

/* Rows given in one call of end: some milliseconds' work, so that the caller's loop keeps turning. */
#define ROWS_AT_ONCE 512u
#define NODES_DEEP 16u

struct cw_json_reader {
	struct cw_record *record;
	struct cw_json_options options;
	bool begun; /* the first character that is not white space has been seen */
	bool lines;
	struct cw_buf text; /* a line, or the whole document */
	bool skip_line;     /* the rest of a line that is too long */
	uint64_t line;
	uint64_t seen, bad;
	json_t *root;
	const json_t *array; /* borrowed from root */
	size_t next;
	bool parsed;
};

const char *cw_json_type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a text";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "true or false";
	default:
		return "null";
	}
}

int cw_json_reader_new(struct cw_record *record, const struct cw_json_options *options, struct cw_json_reader **ret)
{
	struct cw_json_reader *reader = calloc(1, sizeof(*reader));

	*ret = reader;
	if (!reader)
		return -ENOMEM;
	reader->record = record;
	reader->options = *options;
	reader->lines = options->lines;
	cw_buf_init(&reader->text, CW_WHOLE_DOCUMENT_MAX);
	return 0;
}

void cw_json_reader_free(struct cw_json_reader *reader)
{
	if (!reader)
		return;
	json_decref(reader->root);
	cw_buf_clear(&reader->text);
	free(reader);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What jansson would spend stack and memory on, before it does. NULL, or what is too much. */
static const char *excess(const char *text, size_t len)
{
	size_t depth = 0, values = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
			continue;
		}
		if (c == '"')
			quoted = true;
		else if (c == '{' || c == '[')
			depth++, values++;
		else if ((c == '}' || c == ']') && depth)
			depth--;
		else if (c == ',' || c == ':')
			values++;
		if (depth > CW_DEPTH_MAX)
			return "nested too deep";
		if (values > CW_JSON_VALUES_MAX)
			return "too many values";
	}
	return NULL;
}

/* --- one object per line --- */

static int bad_line(struct cw_json_reader *reader, struct cw_str text, const char *what, int column)
{
	reader->bad++;
	if (column > 0)
		return cw_record_bad_row(reader->record, reader->line, text, "column %d: %s", column, what);
	return cw_record_bad_row(reader->record, reader->line, text, "%s", what);
}

static int one_line(struct cw_json_reader *reader, const char *text, size_t len)
{
	struct cw_str line = cw_str_trim((struct cw_str){ text, len });
	const char *much;
	json_error_t jerr;
	json_t *object;
	int r;

	reader->line++;
	if (!line.len && len <= CW_ROW_MAX)
		return 0;
	reader->seen++;
	if (len > CW_ROW_MAX)
		return bad_line(reader, line, "the line is too long", 0);
	much = excess(line.at, line.len);
	if (much)
		return bad_line(reader, line, much, 0);
	object = json_loadb(line.at, line.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &jerr);
	if (!object) {
		if (json_error_code(&jerr) == json_error_out_of_memory)
			return -ENOMEM;
		return bad_line(reader, line, jerr.text, jerr.column);
	}
	if (json_is_object(object)) {
		r = reader->options.row(reader->options.arg, reader->line, object);
	} else {
		char what[64];

		snprintf(what, sizeof(what), "%s, not an object", cw_json_type_name(object));
		r = bad_line(reader, line, what, 0);
	}
	json_decref(object);
	return r;
}

static int feed_lines(struct cw_json_reader *reader, const char *text, size_t len)
{
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		int r = 0;

		if (reader->skip_line) {
			reader->skip_line = !end;
		} else if (end && !reader->text.len) {
			r = one_line(reader, text, n);
		} else {
			r = cw_buf_append(&reader->text, text, n);
			if (r == 0 && (end || reader->text.len > CW_ROW_MAX)) {
				r = one_line(reader, cw_buf_str(&reader->text), reader->text.len);
				reader->skip_line = !end;
				cw_buf_reset(&reader->text);
				if (reader->text.cap > CW_ROW_MAX / 4)
					cw_buf_clear(&reader->text);
			}
		}
		if (r < 0)
			return r;
		text += n + (end != NULL);
		len -= n + (end != NULL);
	}
	return 0;
}

/* --- a whole document --- */

static int feed_whole(struct cw_json_reader *reader, const char *text, size_t len)
{
	int r = cw_buf_append(&reader->text, text, len);

	if (r != -EMSGSIZE)
		return r;
	cw_record_fail(reader->record, CW_REASON_TOO_LARGE, "over %u bytes of JSON; NDJSON has no such limit",
	               CW_WHOLE_DOCUMENT_MAX);
	return 1;
}

static const json_t *at_path(const json_t *root, const char *path, const char **ret_missing)
{
	const json_t *at = root;

	for (size_t deep = 0; deep < NODES_DEEP && *path; deep++) {
		size_t len = strcspn(path, ".");
		char name[CW_NAME_MAX * 2];

		if (len >= sizeof(name))
			return NULL;
		memcpy(name, path, len);
		name[len] = '\0';
		*ret_missing = path;
		at = json_object_get(at, name);
		if (!at)
			return NULL;
		path += len + (path[len] == '.');
	}
	return at;
}

/* A list that goes on says where; one that ends says null, or nothing. */
static int next_page(struct cw_json_reader *reader)
{
	const char *path = cw_record_next_at(reader->record), *missing = "";
	const json_t *next = path ? at_path(reader->root, path, &missing) : NULL;
	int r = 0;

	if (json_is_string(next))
		r = cw_record_next_page(reader->record,
		                        (struct cw_str){ json_string_value(next), json_string_length(next) });
	return r < 0 ? r : 0;
}

/* 0; 1 settled; -errno. */
static int parse_whole(struct cw_json_reader *reader)
{
	struct cw_record *record = reader->record;
	const char *path = reader->options.rows_at, *missing = "";
	const char *much;
	json_error_t jerr;
	bool empty = true;
	int r;

	reader->parsed = true;
	for (size_t i = 0; i < reader->text.len && empty; i++)
		empty = blank((char)reader->text.data[i]);
	if (empty) {
		cw_record_fail(record, CW_REASON_NO_ROWS, "the document is empty");
		return 1;
	}
	much = excess(cw_buf_str(&reader->text), reader->text.len);
	if (much) {
		cw_record_fail(record, CW_REASON_TOO_LARGE, "%s", much);
		return 1;
	}
	reader->root = json_loadb(cw_buf_str(&reader->text), reader->text.len, JSON_REJECT_DUPLICATES, &jerr);
	cw_buf_clear(&reader->text);
	if (!reader->root) {
		if (json_error_code(&jerr) == json_error_out_of_memory)
			return -ENOMEM;
		cw_record_fail(record, CW_REASON_UNPARSABLE, "line %d column %d: %s", jerr.line, jerr.column,
		               jerr.text);
		return 1;
	}
	r = next_page(reader);
	if (r < 0)
		return r;
	reader->array = path ? at_path(reader->root, path, &missing) : reader->root;
	if (!reader->array) {
		cw_record_fail(record, CW_REASON_UNPARSABLE, "there is no \"%s\" in it (rows_at = \"%s\")", missing,
		               path);
		return 1;
	}
	if (!json_is_array(reader->array) && !json_is_object(reader->array)) {
		cw_record_fail(record, CW_REASON_UNPARSABLE, "the rows are %s, not an array",
		               cw_json_type_name(reader->array));
		return 1;
	}
	return reader->options.rows && json_is_array(reader->array)
	           ? reader->options.rows(reader->options.arg, reader->array)
	           : 0;
}

static int one_element(struct cw_json_reader *reader, const json_t *element)
{
	reader->line++;
	reader->seen++;
	if (json_is_object(element))
		return reader->options.row(reader->options.arg, reader->line, element);
	reader->bad++;
	return cw_record_bad_row(reader->record, reader->line,
	                         cw_str(json_is_string(element) ? json_string_value(element) : ""), "%s, not an object",
	                         cw_json_type_name(element));
}

static int give_rows(struct cw_json_reader *reader)
{
	size_t n = json_is_array(reader->array) ? json_array_size(reader->array) : 1;

	for (unsigned i = 0; i < ROWS_AT_ONCE && reader->next < n; i++, reader->next++) {
		int r = one_element(reader, json_is_array(reader->array) ? json_array_get(reader->array, reader->next)
		                                                         : reader->array);

		if (r < 0)
			return r;
	}
	return reader->next < n;
}

int cw_json_reader_feed(struct cw_json_reader *reader, const char *text, size_t len)
{
	if (!reader->begun && reader->options.either) {
		/* White space before the first character belongs to either form; lines are still counted. */
		size_t i = 0;

		while (i < len && blank(text[i]))
			i++;
		if (i < len) {
			reader->begun = true;
			reader->lines = text[i] != '[';
		}
	}
	return reader->lines ? feed_lines(reader, text, len) : feed_whole(reader, text, len);
}

int cw_json_reader_end(struct cw_json_reader *reader)
{
	int r = 0;

	if (cw_record_failed(reader->record))
		return 0;
	if (reader->lines && reader->text.len) {
		r = one_line(reader, cw_buf_str(&reader->text), reader->text.len);
		cw_buf_reset(&reader->text);
	} else if (!reader->lines) {
		if (!reader->parsed)
			r = parse_whole(reader);
		if (r == 0)
			r = give_rows(reader);
		else if (r > 0)
			return 0;
	}
	return r;
}
