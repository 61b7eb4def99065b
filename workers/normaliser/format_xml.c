/*
 * XML by path: the feed's rows_at says where the rows stand, its columns are paths from a row.
 *
 *     rows_at = "feed/entry"                     from the root; * stands for any name
 *     "child/grand"                              its text, with that of what is in it
 *     "@ref", "child/@ref"                       an attribute
 *     "../@year", "../../@year"                  one of an element around the row
 *     "link[@rel=alternate]/@href"               of those with this attribute
 *     "."                                        the row's own text
 *
 * Names are local names: prefixes and namespaces do not count. What is there several times is joined by "; ".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "format.h"
#include "xml.h"

#define STEPS_MAX 16u
#define NAMES_MAX 64u

/* One step down. */
struct step {
	char *name;            /* owned; "*" is any */
	char *having, *valued; /* owned; an attribute it must have, and with what; NULL = none */
};

struct path {
	unsigned up; /* elements around the row; then only an attribute follows */
	size_t n;
	struct step steps[STEPS_MAX];
	char *attribute; /* owned; NULL: the text is meant */
};

struct column {
	struct path path;
	size_t matched; /* steps that the open elements match */
	unsigned open;  /* depth within the row of the element whose text is taken, 0 = none; the row itself is 1 */
	bool part_due;  /* a blank, before more text */
	bool join_due;  /* "; " */
	bool address;   /* the last attribute taken was one */
	struct cw_buf text;
};

struct xml {
	struct cw_record *record;
	struct cw_xml *parser;
	struct path rows;
	size_t matched, deepest;
	bool in_row, too_long, given, named;
	bool something; /* there is something in the row, asked for or not */
	size_t row_bytes;
	uint64_t row;
	size_t n_columns;
	struct column *columns; /* owned; by slot */
	struct cw_cell *cells;
	struct cw_buf resolved;
	struct cw_buf names; /* of the first row, each ended by NUL */
	unsigned n_names;
};

/* --- paths --- */

static int copy(const char *at, size_t len, char **ret)
{
	*ret = strndup(at, len);
	return *ret ? 0 : -ENOMEM;
}

/* "name[@a=v]", quotes around v are not needed. What is not of this form is taken for a name, which matches nothing. */
static int read_step(const char *at, size_t len, struct step *ret)
{
	const char *open = memchr(at, '[', len), *equals;
	struct cw_str value;
	int r;

	if (!open || open == at || at[len - 1] != ']' || open + 2 >= at + len || open[1] != '@')
		return copy(at, len, &ret->name);
	equals = memchr(open, '=', len - (size_t)(open - at));
	r = copy(at, (size_t)(open - at), &ret->name);
	if (r == 0)
		r = copy(open + 2, (size_t)((equals ? equals : at + len - 1) - open) - 2, &ret->having);
	if (r < 0 || !equals)
		return r;
	value = cw_str_trim((struct cw_str){ equals + 1, (size_t)(at + len - 1 - (equals + 1)) });
	if (value.len >= 2 && (value.at[0] == '\'' || value.at[0] == '"') && value.at[value.len - 1] == value.at[0])
		value = (struct cw_str){ value.at + 1, value.len - 2 };
	return copy(value.at, value.len, &ret->valued);
}

/* To the next slash that is not in brackets. */
static size_t step_length(const char *at)
{
	unsigned deep = 0;
	size_t i;

	for (i = 0; at[i] && (deep || at[i] != '/'); i++)
		deep += at[i] == '[' ? 1 : at[i] == ']' && deep ? -1u : 0;
	return i;
}

static int read_path(const char *text, struct path *path)
{
	int r = 0;

	text += *text == '/';
	while (*text && r == 0) {
		size_t len = step_length(text);

		if (len == 2 && !memcmp(text, "..", 2))
			path->up++;
		else if (*text == '@' && !path->attribute)
			r = copy(text + 1, len - 1, &path->attribute);
		else if (len && !(len == 1 && *text == '.') && path->n < STEPS_MAX)
			r = read_step(text, len, &path->steps[path->n++]);
		text += len + (text[len] == '/');
	}
	return r;
}

static void path_clear(struct path *path)
{
	for (size_t i = 0; i < path->n; i++) {
		free(path->steps[i].name);
		free(path->steps[i].having);
		free(path->steps[i].valued);
	}
	free(path->attribute);
}

static bool step_is(const struct step *step, const struct cw_xml_element *element)
{
	struct cw_str value;

	if (strcmp(step->name, "*") != 0 && strcmp(step->name, element->name) != 0)
		return false;
	if (!step->having)
		return true;
	return cw_xml_any_attribute(element, step->having, &value) &&
	       (!step->valued || cw_str_eq(cw_str_trim(value), step->valued));
}

/* --- cells --- */

static bool blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void add(struct xml *xml, struct column *column, const char *at, size_t len)
{
	if (xml->too_long || !len)
		return;
	if (column->join_due) {
		while (column->text.len && blank((char)column->text.data[column->text.len - 1]))
			column->text.len--;
	}
	if (column->join_due && column->text.len)
		cw_buf_puts(&column->text, "; ");
	else if (column->part_due && column->text.len)
		cw_buf_putc(&column->text, ' ');
	column->join_due = column->part_due = false;
	cw_buf_append(&column->text, at, len);
	xml->row_bytes += len;
	/* The record refuses a cell that is too long; a row of many is refused here. */
	xml->too_long = xml->row_bytes > CW_ROW_MAX || column->text.failed == -EMSGSIZE;
}

static void take_attribute(struct xml *xml, struct column *column, const struct cw_xml_element *element)
{
	const char *name = column->path.attribute;
	struct cw_str value;

	if (!cw_xml_any_attribute(element, name, &value))
		return;
	cw_record_seen(xml->record, (size_t)(column - xml->columns));
	value = cw_str_trim(value);
	/* Of several addresses the first is meant: joined they are none. */
	if (column->address && column->text.len)
		return;
	column->address = !strcmp(name, "href") || !strcmp(name, "src");
	if (column->address && cw_xml_resolve(xml->parser, value, &xml->resolved) == 0)
		value = (struct cw_str){ cw_buf_str(&xml->resolved), xml->resolved.len };
	column->join_due = true;
	add(xml, column, value.at, value.len);
}

/* The element of a path has been reached: its attribute, or its text from here on. */
static void reach(struct xml *xml, struct column *column, const struct cw_xml_element *element)
{
	if (column->path.attribute) {
		take_attribute(xml, column, element);
		return;
	}
	cw_record_seen(xml->record, (size_t)(column - xml->columns));
	column->open = element->depth - (unsigned)xml->rows.n + 1;
	column->join_due = true;
}

static void keep_name(struct xml *xml, const char *mark, const char *name)
{
	if (xml->named || xml->n_names == NAMES_MAX || strlen(name) > CW_NAME_MAX)
		return;
	xml->n_names++;
	cw_buf_puts(&xml->names, mark);
	cw_buf_puts(&xml->names, name);
	cw_buf_putc(&xml->names, 0);
}

/* --- rows --- */

static void begin_row(struct xml *xml, const struct cw_xml_element *element)
{
	xml->in_row = true;
	xml->too_long = false;
	xml->row_bytes = 0;
	xml->something = element->n_attributes > 0;
	xml->row++;
	for (size_t i = 0; i < element->n_attributes; i++)
		keep_name(xml, "@", (const char *)element->attributes[5 * i]);
	for (size_t i = 0; i < xml->n_columns; i++) {
		struct column *column = &xml->columns[i];

		if (column->path.up)
			continue; /* it was taken where it stands */
		cw_buf_reset(&column->text);
		column->matched = 0;
		column->open = 0;
		column->join_due = column->part_due = column->address = false;
		if (!column->path.n)
			reach(xml, column, element);
	}
}

static int end_row(struct xml *xml)
{
	struct cw_str names[NAMES_MAX], first = { "", 0 };

	xml->in_row = false;
	for (size_t i = 0; i < xml->n_columns; i++) {
		struct column *column = &xml->columns[i];
		struct cw_str text = { cw_buf_str(&column->text), column->text.len };

		if (column->text.failed == -ENOMEM)
			return -ENOMEM;
		xml->too_long = xml->too_long || column->text.failed;
		text = cw_str_trim(text);
		xml->cells[i] = (struct cw_cell){ text, { "", 0 }, NULL };
		if (column->address)
			xml->cells[i].href = text;
		if (!first.len)
			first = text;
	}
	if (xml->too_long) {
		xml->too_long = false;
		return cw_record_bad_row(xml->record, xml->row, first, "a row of too many bytes");
	}
	if (!xml->named) {
		const char *at = cw_buf_str(&xml->names);

		xml->named = true;
		if (xml->names.failed)
			return -ENOMEM;
		for (unsigned i = 0; i < xml->n_names; i++, at += strlen(at) + 1)
			names[i] = cw_str(at);
		if (cw_record_names(xml->record, names, xml->n_names) < 0)
			return -ENOMEM;
	}
	if (!xml->something)
		return cw_record_blank(xml->record);
	xml->given = true;
	return cw_record_row(xml->record, xml->row, xml->cells);
}

/* Elements whose edges do not part words, in documents that carry HTML. */
static bool is_inline(const char *name)
{
	static const char *const names[] = { "a", "abbr", "b", "em", "i", "span", "strong", "sub", "sup", "u", NULL };

	for (const char *const *each = names; *each; each++)
		if (!strcmp(name, *each))
			return true;
	return false;
}

static int start(void *arg, const struct cw_xml_element *element)
{
	struct xml *xml = arg;
	size_t depth = element->depth, inside;

	if (xml->in_row) {
		inside = depth - xml->rows.n;
		xml->something = true;
		if (inside == 1)
			keep_name(xml, "", element->name);
		for (size_t i = 0; i < xml->n_columns; i++) {
			struct column *column = &xml->columns[i];

			if (column->path.up)
				continue;
			if (column->open)
				column->part_due = column->part_due || !is_inline(element->name);
			if (column->matched != inside - 1 || inside > column->path.n ||
			    !step_is(&column->path.steps[inside - 1], element))
				continue;
			column->matched = inside;
			if (inside == column->path.n)
				reach(xml, column, element);
		}
		return 0;
	}
	for (size_t i = 0; i < xml->n_columns; i++) {
		struct column *column = &xml->columns[i];

		if (!column->path.up || depth + column->path.up != xml->rows.n)
			continue;
		cw_buf_reset(&column->text);
		column->address = false;
		if (column->path.attribute)
			take_attribute(xml, column, element);
	}
	if (xml->matched == depth - 1 && depth <= xml->rows.n && step_is(&xml->rows.steps[depth - 1], element)) {
		xml->matched = depth;
		xml->deepest = CW_MAX(xml->deepest, depth);
		if (depth == xml->rows.n)
			begin_row(xml, element);
	}
	return 0;
}

static int end_of(void *arg, const struct cw_xml_element *element)
{
	struct xml *xml = arg;
	size_t depth = element->depth, inside;

	if (xml->in_row && depth > xml->rows.n) {
		inside = depth - xml->rows.n;
		for (size_t i = 0; i < xml->n_columns; i++) {
			struct column *column = &xml->columns[i];

			if (column->matched == inside)
				column->matched = inside - 1;
			if (column->open == inside + 1)
				column->open = 0;
			if (column->open)
				column->part_due = column->part_due || !is_inline(element->name);
		}
		return 0;
	}
	if (xml->matched == depth)
		xml->matched = depth - 1;
	return xml->in_row ? end_row(xml) : 0;
}

static int text(void *arg, const char *at, size_t len)
{
	struct xml *xml = arg;

	for (size_t i = 0; xml->in_row && i < len && !xml->something; i++)
		xml->something = !blank(at[i]);
	for (size_t i = 0; xml->in_row && i < xml->n_columns; i++) {
		struct column *column = &xml->columns[i];
		struct cw_str piece = { at, len };

		if (!column->open)
			continue;
		/* White space before the first word is the markup's own. */
		if (column->join_due || column->part_due || !column->text.len) {
			while (piece.len && blank(*piece.at))
				piece.at++, piece.len--;
		}
		add(xml, column, piece.at, piece.len);
		if (column->text.failed == -ENOMEM)
			return -ENOMEM;
	}
	return 0;
}

/* --- the format --- */

static void xml_free(void *state)
{
	struct xml *xml = state;

	if (!xml)
		return;
	cw_xml_free(xml->parser);
	path_clear(&xml->rows);
	for (size_t i = 0; xml->columns && i < xml->n_columns; i++) {
		path_clear(&xml->columns[i].path);
		cw_buf_clear(&xml->columns[i].text);
	}
	free(xml->columns);
	free(xml->cells);
	cw_buf_clear(&xml->resolved);
	cw_buf_clear(&xml->names);
	free(xml);
}

static int begin(struct cw_record *record, void **ret)
{
	static const struct cw_xml_handlers handlers = { start, end_of, text };
	struct xml *xml = calloc(1, sizeof(*xml));
	const char *rows_at = cw_record_feed(record)->rows_at;
	int r;

	*ret = xml;
	if (!xml)
		return -ENOMEM;
	xml->record = record;
	cw_buf_init(&xml->resolved, CW_FIELD_MAX);
	cw_buf_init(&xml->names, NAMES_MAX * (CW_NAME_MAX + 2));
	xml->n_columns = cw_record_slots(record);
	xml->columns = calloc(xml->n_columns + 1, sizeof(*xml->columns));
	xml->cells = calloc(xml->n_columns + 1, sizeof(*xml->cells));
	if (!xml->columns || !xml->cells)
		return -ENOMEM;
	r = read_path(rows_at ? rows_at : "", &xml->rows);
	for (size_t i = 0; i < xml->n_columns && r == 0; i++) {
		/* One byte over the limit of a cell is enough for the record to see that it is too long. */
		cw_buf_init(&xml->columns[i].text, CW_FIELD_MAX + 4096);
		r = read_path(cw_record_slot_name(record, i), &xml->columns[i].path);
	}
	return r < 0 ? r : cw_xml_new(record, &handlers, xml, &xml->parser);
}

static int feed(void *state, const char *at, size_t len)
{
	return cw_xml_feed(((struct xml *)state)->parser, at, len);
}

static int end(void *state)
{
	struct xml *xml = state;
	int r = cw_xml_end(xml->parser);

	if (r < 0 || cw_record_failed(xml->record))
		return r;
	if (!xml->row && xml->deepest + 1 < xml->rows.n)
		cw_record_fail(xml->record, CW_REASON_UNPARSABLE, "there is no <%s> where \"%s\" (rows_at) has it",
		               xml->rows.steps[xml->deepest].name, cw_record_feed(xml->record)->rows_at);
	else if (xml->given)
		(void)cw_record_unseen(xml->record);
	return 0;
}

const struct cw_format_ops cw_format_xml = {
	.format = CW_FORMAT_XML,
	.noun = "XML",
	.xml = true,
	.begin = begin,
	.feed = feed,
	.end = end,
	.free = xml_free,
};
