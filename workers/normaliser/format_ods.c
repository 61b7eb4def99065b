/*
 * OpenDocument spreadsheets: content.xml in a ZIP archive, read as a stream.
 *
 * A cell's value is its office:value attribute where it has one, so numbers come in full and without thousands separators,
 * dates as ISO 8601; else its paragraphs, one under another. Comments, shapes and tables inside a cell are no text of it.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "format.h"
#include "package.h"
#include "sheet.h"

#define NS_TABLE ":table:1.0"
#define NS_TEXT ":text:1.0"
#define NS_OFFICE ":office:1.0"
#define SPREADSHEET "application/vnd.oasis.opendocument.spreadsheet"
/* What text:s may stand for. */
#define BLANKS_MAX 64
/* The elements around a table: document, body, spreadsheet. */
#define TABLE_DEPTH 4u

struct ods {
	struct cw_record *record;
	struct cw_buf bytes; /* the document */
	struct cw_package *package;
	struct cw_part *part;
	struct cw_sheets *sheets;
	bool opened;

	unsigned depth;
	bool in_table, in_row, in_cell;
	bool wanted; /* this table is read */
	unsigned cell_depth, mute;
	uint64_t row;    /* of the row at hand */
	uint64_t repeat; /* it stands for so many */
	uint32_t column, columns, rows, spanned;
	enum cw_cell_kind kind;
	bool valued; /* the cell's value is known without its paragraphs */
	bool error;  /* it is an error, not a value */
	unsigned paragraphs;
	struct cw_buf text, href, value;
};

/* --- attributes --- */

static int set_text(struct cw_str text, struct cw_buf *out)
{
	cw_buf_reset(out);
	return cw_buf_append(out, text.at, text.len);
}

static uint64_t count(struct cw_str text, uint64_t most)
{
	uint64_t ret = 0;

	if (!text.len)
		return 1;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return 1;
		ret = ret * 10 + (uint64_t)(text.at[i] - '0');
		if (ret > most)
			return most;
	}
	return ret;
}

static bool number_of(struct cw_str raw, double *ret)
{
	return cw_parse_double(raw, ret) == 0 && isfinite(*ret);
}

/* "2024-03-01" or "2024-03-01T10:30:00", without a zone: the cell has none. */
static bool date_of(struct cw_str raw, char text[CW_WALL_TEXT])
{
	unsigned year, month, day, hour = 0, minute = 0, second = 0;
	char copy[32];
	int n = 0, at;
	int32_t made;

	if (raw.len < 10 || raw.len >= sizeof(copy))
		return false;
	memcpy(copy, raw.at, raw.len);
	copy[raw.len] = '\0';
	if (sscanf(copy, "%4u-%2u-%2u%n", &year, &month, &day, &n) != 3 || n != 10)
		return false;
	if (copy[n] == 'T' && (sscanf(copy + n, "T%2u:%2u:%2u%n", &hour, &minute, &second, &at) != 3 || hour > 23 ||
	                       minute > 59 || second > 59))
		return false;
	made = cw_day_make((int)year, (int)month, (int)day);
	if (made == CW_DAY_NONE || (copy[n] && copy[n] != 'T'))
		return false;
	cw_sheets_date(made, hour * 3600 + minute * 60 + second, text);
	return true;
}

/* The cell's value where attributes tell it. */
static int take_value(struct ods *ods, const struct cw_xml_element *tag)
{
	struct cw_str type = cw_part_attribute(tag, NS_OFFICE, "value-type"), raw;
	char made[CW_WALL_TEXT];
	double number;

	ods->error = cw_str_eq(cw_part_attribute(tag, NULL, "value-type"), "error") ||
	             cw_str_eq(cw_part_attribute(tag, ":calc:1.0", "value-type"), "error") ||
	             cw_str_eq(cw_part_attribute(tag, "calcext:1.0", "value-type"), "error");
	if (cw_str_eq(type, "float") || cw_str_eq(type, "currency") || cw_str_eq(type, "percentage")) {
		raw = cw_part_attribute(tag, NS_OFFICE, "value");
		if (!number_of(raw, &number))
			return 0;
		ods->kind = CW_CELL_NUMBER;
		raw =
		    cw_str_eq(type, "percentage") ? cw_sheets_percentage(number, made) : cw_sheets_number(number, made);
	} else if (cw_str_eq(type, "date")) {
		raw = cw_part_attribute(tag, NS_OFFICE, "date-value");
		if (!raw.len || !date_of(raw, made))
			return 0;
		ods->kind = CW_CELL_DATE;
		raw = cw_str(made);
	} else if (cw_str_eq(type, "boolean")) {
		raw = cw_part_attribute(tag, NS_OFFICE, "boolean-value");
		if (!raw.len)
			return 0;
	} else {
		raw = cw_part_attribute(tag, NS_OFFICE, "string-value");
		if (!raw.at)
			return 0;
	}
	ods->valued = true;
	return set_text(raw, &ods->text);
}

static int take_link(struct ods *ods, struct cw_str raw, bool formula)
{
	struct cw_str link;
	int r;

	if (ods->href.len || !raw.len || raw.len > 2u * CW_FIELD_MAX)
		return 0;
	r = set_text(raw, &ods->value);
	if (r < 0)
		return r == -EMSGSIZE ? 0 : r;
	link = (struct cw_str){ cw_buf_str(&ods->value), ods->value.len };
	if (formula)
		link = cw_sheets_formula_link(link);
	/* "#Sheet2.A1" leads elsewhere in the workbook. */
	if (!link.len || link.at[0] == '#' || link.len > CW_URL_MAX)
		return 0;
	return cw_buf_append(&ods->href, link.at, link.len);
}

/* --- elements --- */

static int start_cell(struct ods *ods, const struct cw_xml_element *tag, bool covered)
{
	uint32_t repeat = (uint32_t)count(cw_part_attribute(tag, NS_TABLE, "number-columns-repeated"), CW_COLUMNS_MAX);
	int r;

	ods->in_cell = true;
	ods->cell_depth = ods->depth;
	ods->columns = repeat;
	ods->rows = ods->spanned = 1;
	ods->kind = CW_CELL_TEXT;
	ods->valued = ods->error = false;
	ods->paragraphs = 0;
	cw_buf_reset(&ods->text);
	cw_buf_reset(&ods->href);
	/* What stands under a merged cell is not seen. */
	ods->mute = covered;
	if (covered || ods->column >= CW_COLUMNS_MAX)
		return 0;
	ods->spanned = (uint32_t)count(cw_part_attribute(tag, NS_TABLE, "number-columns-spanned"), CW_COLUMNS_MAX);
	ods->rows = (uint32_t)count(cw_part_attribute(tag, NS_TABLE, "number-rows-spanned"), CW_SHEET_ROWS_MAX);
	r = take_value(ods, tag);
	if (r == 0)
		r = take_link(ods, cw_part_attribute(tag, NS_TABLE, "formula"), true);
	return r == -EMSGSIZE ? 0 : r;
}

static int end_cell(struct ods *ods)
{
	struct cw_str text = { cw_buf_str(&ods->text), ods->text.len };
	struct cw_str href = { cw_buf_str(&ods->href), ods->href.len };
	uint32_t column = ods->column;

	ods->in_cell = false;
	ods->column = CW_MIN(column + ods->columns, CW_COLUMNS_MAX);
	if (ods->mute || column >= CW_COLUMNS_MAX)
		return 0;
	if (ods->error || (ods->kind == CW_CELL_TEXT && cw_sheets_is_error(text)))
		text.len = 0;
	return cw_sheets_cell(ods->sheets, column, CW_MAX(ods->columns, ods->spanned), ods->rows, ods->kind, text,
	                      href);
}

/* Text of a cell is kept until it is just too long; if its column is needed the record will say so. */
static int add_text(struct ods *ods, const char *at, size_t len)
{
	size_t room = ods->text.len > CW_FIELD_MAX ? 0 : CW_FIELD_MAX + 1 - ods->text.len;

	return len && room ? cw_buf_append(&ods->text, at, CW_MIN(len, room)) : 0;
}

static int start_in_cell(struct ods *ods, const struct cw_xml_element *tag)
{
	char blanks[BLANKS_MAX];
	size_t n;

	if (ods->mute) {
		ods->mute++;
		return 0;
	}
	if (!cw_ns_is(tag->space, NS_TEXT) || !strcmp(tag->name, "note") || !strcmp(tag->name, "ruby-text")) {
		ods->mute = 1; /* a comment, a shape, a table */
		return 0;
	}
	if (!strcmp(tag->name, "a"))
		return take_link(ods, cw_part_attribute(tag, "xlink", "href"), false);
	if (ods->valued)
		return 0;
	if (!strcmp(tag->name, "p") || !strcmp(tag->name, "h"))
		return ods->paragraphs++ ? add_text(ods, "\n", 1) : 0;
	if (!strcmp(tag->name, "s")) {
		n = (size_t)count(cw_part_attribute(tag, NS_TEXT, "c"), BLANKS_MAX);
		memset(blanks, ' ', n);
		return add_text(ods, blanks, n);
	}
	if (!strcmp(tag->name, "tab") || !strcmp(tag->name, "line-break"))
		return add_text(ods, " ", 1);
	return 0;
}

static int start_table(struct ods *ods, const struct cw_xml_element *tag)
{
	int r = set_text(cw_part_attribute(tag, NS_TABLE, "name"), &ods->value);

	if (r < 0 && r != -EMSGSIZE)
		return r;
	r = cw_sheets_begin(ods->sheets, (struct cw_str){ cw_buf_str(&ods->value), ods->value.len });
	if (r < 0)
		return r;
	ods->in_table = true;
	ods->wanted = r > 0;
	ods->row = 0;
	return 0;
}

static int start(void *arg, const struct cw_xml_element *tag)
{
	struct ods *ods = arg;

	ods->depth++;
	if (ods->in_cell)
		return start_in_cell(ods, tag);
	if (!cw_ns_is(tag->space, NS_TABLE)) {
		if (cw_ns_is(tag->space, NS_OFFICE) && ods->depth == TABLE_DEPTH - 1 &&
		    strcmp(tag->name, "spreadsheet") != 0) {
			cw_record_fail(ods->record, CW_REASON_UNPARSABLE, "an OpenDocument %.40s, not a spreadsheet",
			               tag->name);
			return 1;
		}
		return 0;
	}
	if (!ods->in_table)
		return ods->depth == TABLE_DEPTH && !strcmp(tag->name, "table") ? start_table(ods, tag) : 0;
	if (!ods->wanted)
		return 0;
	if (!ods->in_row && !strcmp(tag->name, "table-row")) {
		ods->repeat = count(cw_part_attribute(tag, NS_TABLE, "number-rows-repeated"), UINT32_MAX);
		ods->in_row = true;
		ods->column = 0;
		return cw_sheets_row(ods->sheets, ++ods->row);
	}
	if (ods->in_row && (!strcmp(tag->name, "table-cell") || !strcmp(tag->name, "covered-table-cell")))
		return start_cell(ods, tag, tag->name[0] == 'c');
	return 0;
}

static int end_element(void *arg, const struct cw_xml_element *element)
{
	struct ods *ods = arg;
	unsigned depth = ods->depth--;

	if (ods->in_cell && depth > ods->cell_depth) {
		ods->mute -= ods->mute > 0;
		return 0;
	}
	if (ods->in_cell)
		return end_cell(ods);
	if (!ods->in_table || !cw_ns_is(element->space, NS_TABLE))
		return 0;
	if (ods->in_row && !strcmp(element->name, "table-row")) {
		ods->in_row = false;
		ods->row += ods->repeat - 1;
		return cw_sheets_row_end(ods->sheets, ods->repeat);
	}
	if (depth != TABLE_DEPTH)
		return 0;
	ods->in_table = false;
	if (ods->wanted) {
		int r = cw_sheets_end(ods->sheets);

		if (r < 0)
			return r;
	}
	return cw_sheets_enough(ods->sheets);
}

static int characters(void *arg, const char *text, size_t len)
{
	struct ods *ods = arg;

	/* Only inside a paragraph; between them the file is laid out for the eye. */
	if (!ods->in_cell || ods->mute || ods->valued || ods->depth <= ods->cell_depth)
		return 0;
	return add_text(ods, text, len);
}

static const struct cw_xml_handlers handlers = { start, end_element, characters };

/* --- the format --- */

static void ods_free(void *state)
{
	struct ods *ods = state;

	if (!ods)
		return;
	cw_part_free(ods->part);
	cw_package_free(ods->package);
	cw_sheets_free(ods->sheets);
	cw_buf_clear(&ods->bytes);
	cw_buf_clear(&ods->text);
	cw_buf_clear(&ods->href);
	cw_buf_clear(&ods->value);
	free(ods);
}

static int begin(struct cw_record *record, void **ret)
{
	struct ods *ods = calloc(1, sizeof(*ods));

	*ret = ods;
	if (!ods)
		return -ENOMEM;
	ods->record = record;
	cw_buf_init(&ods->bytes, CW_WHOLE_DOCUMENT_MAX);
	cw_buf_init(&ods->text, 4u * CW_FIELD_MAX);
	cw_buf_init(&ods->href, CW_URL_MAX + 1);
	cw_buf_init(&ods->value, 4u * CW_FIELD_MAX);
	return cw_sheets_new(record, &ods->sheets);
}

static int feed(void *state, const char *bytes, size_t len)
{
	struct ods *ods = state;

	return cw_package_gather(ods->record, &ods->bytes, bytes, len);
}

static int open_content(struct ods *ods)
{
	char mimetype[100], manifest[64 * 1024];
	int r;

	ods->opened = true;
	r = cw_package_open(ods->record, ods->bytes.data, ods->bytes.len, &ods->package);
	if (r < 0 || !ods->package)
		return r;
	r = cw_package_look(ods->package, "mimetype", mimetype, sizeof(mimetype));
	if (r < 0 || cw_record_failed(ods->record))
		return r;
	if (r == 0 && strncmp(mimetype, SPREADSHEET, strlen(SPREADSHEET)) != 0) {
		cw_record_fail(ods->record, CW_REASON_UNPARSABLE, "it says it is %.80s, not an ODS spreadsheet",
		               mimetype);
		return 0;
	}
	if (!cw_package_has(ods->package, "content.xml")) {
		cw_record_fail(ods->record, CW_REASON_UNPARSABLE, "%s, not an ODS spreadsheet",
		               cw_package_kind(ods->package));
		return 0;
	}
	r = cw_package_look(ods->package, "META-INF/manifest.xml", manifest, sizeof(manifest));
	if (r < 0 || cw_record_failed(ods->record))
		return r;
	if (r == 0 && strstr(manifest, "encryption-data")) {
		cw_record_fail(ods->record, CW_REASON_UNPARSABLE, "it is encrypted with a password");
		return 0;
	}
	return cw_part_open(ods->package, "content.xml", false, &handlers, ods, &ods->part);
}

static int end(void *state)
{
	struct ods *ods = state;
	int r;

	if (!ods->opened) {
		r = open_content(ods);
		return r < 0 ? r : !cw_record_failed(ods->record);
	}
	r = ods->part ? cw_part_read(ods->part) : 0;
	if (r == 0 && !cw_record_failed(ods->record))
		cw_sheets_finish(ods->sheets);
	return r < 0 ? r : r > 0 && !cw_record_failed(ods->record);
}

const struct cw_format_ops cw_format_ods = {
	.format = CW_FORMAT_ODS,
	.noun = "an ODS spreadsheet",
	.raw = true,
	.magic = "PK\x03\x04",
	.begin = begin,
	.feed = feed,
	.end = end,
	.free = ods_free,
};
