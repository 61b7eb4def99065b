/*
 * Excel workbooks (Office Open XML): parts in a ZIP archive, each read as a stream, one after another: what leads where, the
 * sheets' names, number formats, shared texts; then each sheet twice, because links and merged cells stand after the rows that
 * they are about.
 *
 * Numbers are read in full, whatever the format shows; a number whose format is one of dates becomes ISO 8601, by the
 * workbook's own calendar (1900 or 1904), and one whose format is in per cent is multiplied by 100, as people see it.
 * Formulas count with the value that was stored with them; errors (#N/A) are absent.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <councilwatch/limits.h>

#include "format.h"
#include "package.h"
#include "sheet.h"

/* Transitional and strict workbooks have different namespaces. */
#define NS_MAIN "spreadsheetml/main"
#define NS_MAIN_2006 "spreadsheetml/2006/main"
#define SHEETS_MAX 1024u
#define STYLES_MAX 65536u
#define FORMATS_MAX 4096u
#define LINKS_MAX 262144u
#define MERGES_MAX 262144u
/* Day 0 of either calendar: the last of 1899, and 1 January 1904; as days since 1970. */
#define DAY_1900 (-25568)
#define DAY_1904 (-24107)
#define SERIAL_MAX 2958465.0 /* 31 December 9999 */

enum stage { ROOT, WORKBOOK, WORKBOOK_RELS, STYLES, STRINGS, SHEET_RELS, SHEET_ENDS, SHEET_ROWS, FINISHED };
enum display { SHOWN_AS_IT_IS, SHOWN_AS_DATE, SHOWN_AS_TIME, SHOWN_AS_PERCENT };

struct worksheet {
	char *name, *id; /* owned; id of the relation that leads to it */
	char *path;      /* owned; NULL until known */
};

struct number_format {
	unsigned id;
	enum display display;
};

struct link {
	uint32_t first_row, last_row, first_column, last_column;
	char *id; /* owned; of a relation */
};

struct merge {
	uint32_t row, column, rows, columns;
};

struct xlsx {
	struct cw_record *record;
	struct cw_buf bytes; /* the document */
	struct cw_package *package;
	struct cw_part *part;
	struct cw_sheets *sheets;
	enum stage stage;
	bool opened;
	bool reading; /* the sheet at hand is one that the feed wants */

	char *workbook, *strings_path, *styles_path; /* owned */
	bool epoch_1904;
	size_t n_worksheets, at_worksheet;
	struct worksheet *worksheets; /* owned, with what is in it */

	size_t n_formats, n_styles;
	struct number_format *formats; /* owned; those that the workbook defines */
	unsigned char *styles;         /* owned; enum display by style */
	bool in_styles;

	struct cw_buf shared; /* the texts that cells share, one after another */
	uint32_t *offsets;    /* owned; where each begins, and the end */
	size_t n_shared, cap_shared;

	/* Of the sheet at hand. */
	size_t n_relations, n_links, n_merges, at_merge;
	struct relation {
		char *id, *target; /* owned */
	} * relations;
	struct link *links;
	struct merge *merges;

	/* Of the row and cell at hand. */
	unsigned mute;
	bool in_data, in_row, in_cell, in_value, in_text, in_formula;
	uint32_t row, column, next_column;
	char type[12];
	unsigned style;
	struct cw_buf text, formula, scratch;
};

/* --- small things --- */

static bool is_main(const char *ns)
{
	return cw_ns_is(ns, NS_MAIN_2006) || cw_ns_is(ns, NS_MAIN);
}

static int set_text(struct cw_str text, struct cw_buf *out)
{
	cw_buf_reset(out);
	return cw_buf_append(out, text.at, text.len);
}

static int copy_text(struct cw_str raw, struct cw_buf *scratch, char **ret)
{
	int r = set_text(raw, scratch);

	if (r < 0)
		return r;
	free(*ret);
	*ret = strdup(cw_buf_str(scratch));
	return *ret ? 0 : -ENOMEM;
}

static unsigned whole(struct cw_str text, unsigned most)
{
	unsigned ret = 0;

	for (size_t i = 0; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++) {
		ret = ret * 10 + (unsigned)(text.at[i] - '0');
		if (ret >= most)
			return most;
	}
	return ret;
}

/* "AB12": column from 0, row from 1. Absent parts leave what is there. */
static void place_of(const char *at, size_t len, uint32_t *column, uint32_t *row)
{
	uint32_t letters = 0, digits = 0;
	size_t i = 0;

	for (; i < len && isalpha((unsigned char)at[i]) && letters < CW_COLUMNS_MAX * 26; i++)
		letters = letters * 26 + (uint32_t)(toupper((unsigned char)at[i]) - 'A' + 1);
	for (; i < len && isdigit((unsigned char)at[i]) && digits < 100000000; i++)
		digits = digits * 10 + (uint32_t)(at[i] - '0');
	if (letters)
		*column = letters - 1;
	if (digits)
		*row = digits;
}

/* Where a relation leads, from the part that has it: "worksheets/sheet1.xml" of "xl/workbook.xml". */
static char *resolve(const char *from, const char *target)
{
	const char *slash = strrchr(from, '/');
	size_t n = slash ? (size_t)(slash - from) + 1 : 0;
	char *ret;

	if (*target == '/')
		return strdup(target + 1);
	while (!strncmp(target, "../", 3) && n) {
		target += 3;
		for (n--; n && from[n - 1] != '/';)
			n--;
	}
	while (!strncmp(target, "./", 2))
		target += 2;
	return asprintf(&ret, "%.*s%s", (int)n, from, target) < 0 ? NULL : ret;
}

/* xl/worksheets/_rels/sheet1.xml.rels of xl/worksheets/sheet1.xml */
static char *relations_path(const char *part)
{
	const char *slash = strrchr(part, '/');
	size_t n = slash ? (size_t)(slash - part) + 1 : 0;
	char *ret;

	return asprintf(&ret, "%.*s_rels/%s.rels", (int)n, part, part + n) < 0 ? NULL : ret;
}

static void forget_sheet(struct xlsx *xlsx)
{
	for (size_t i = 0; i < xlsx->n_relations; i++) {
		free(xlsx->relations[i].id);
		free(xlsx->relations[i].target);
	}
	for (size_t i = 0; i < xlsx->n_links; i++)
		free(xlsx->links[i].id);
	xlsx->n_relations = xlsx->n_links = xlsx->n_merges = xlsx->at_merge = 0;
}

/* An array of n things with room for one more; it doubles. NULL: there is no memory, and the array is as it was. */
static void *grown(void *array, size_t n, size_t size)
{
	return n & (n - 1) ? array : reallocarray(array, n ? 2 * n : 1, size);
}

/* --- relations --- */

static int start_relation(void *arg, const struct cw_xml_element *tag)
{
	struct xlsx *xlsx = arg;
	struct relation *relation;
	struct cw_str type, id, target;
	int r;

	if (strcmp(tag->name, "Relationship") != 0 || xlsx->n_relations >= LINKS_MAX)
		return 0;
	type = cw_part_attribute(tag, NULL, "Type");
	id = cw_part_attribute(tag, NULL, "Id");
	target = cw_part_attribute(tag, NULL, "Target");
	if (!id.len || !target.len || target.len > 2u * CW_URL_MAX)
		return 0;
	r = set_text(target, &xlsx->scratch);
	if (r < 0)
		return r;
	if (xlsx->stage == ROOT || xlsx->stage == WORKBOOK_RELS) {
		const char *from = xlsx->stage == ROOT ? "" : xlsx->workbook;
		const char *slash = type.len ? memrchr(type.at, '/', type.len) : NULL;
		struct cw_str kind =
		    slash ? (struct cw_str){ slash + 1, type.len - (size_t)(slash + 1 - type.at) } : type;
		char **where = NULL;

		if (xlsx->stage == ROOT && cw_str_eq(kind, "officeDocument"))
			where = &xlsx->workbook;
		else if (xlsx->stage == WORKBOOK_RELS && cw_str_eq(kind, "sharedStrings"))
			where = &xlsx->strings_path;
		else if (xlsx->stage == WORKBOOK_RELS && cw_str_eq(kind, "styles"))
			where = &xlsx->styles_path;
		else if (xlsx->stage == WORKBOOK_RELS && cw_str_eq(kind, "worksheet"))
			for (size_t i = 0; i < xlsx->n_worksheets && !where; i++)
				if (cw_str_eq(id, xlsx->worksheets[i].id))
					where = &xlsx->worksheets[i].path;
		if (!where || *where)
			return 0;
		*where = resolve(from, cw_buf_str(&xlsx->scratch));
		return *where ? 0 : -ENOMEM;
	}
	relation = grown(xlsx->relations, xlsx->n_relations, sizeof(*relation));
	if (!relation)
		return -ENOMEM;
	xlsx->relations = relation;
	relation += xlsx->n_relations++;
	relation->id = strndup(id.at, id.len);
	relation->target = strdup(cw_buf_str(&xlsx->scratch));
	return relation->id && relation->target ? 0 : -ENOMEM;
}

static const struct cw_xml_handlers relations_handlers = { start_relation, cw_part_no_end, cw_part_no_text };

/* --- workbook --- */

static bool yes(struct cw_str text)
{
	return cw_str_eq(text, "1") || cw_str_eq(text, "true") || cw_str_eq(text, "on");
}

static int start_workbook(void *arg, const struct cw_xml_element *tag)
{
	struct xlsx *xlsx = arg;
	struct worksheet *sheet;
	int r;

	if (!is_main(tag->space))
		return 0;
	if (!strcmp(tag->name, "workbookPr"))
		xlsx->epoch_1904 = yes(cw_part_attribute(tag, NULL, "date1904"));
	if (strcmp(tag->name, "sheet") != 0)
		return 0;
	if (xlsx->n_worksheets == SHEETS_MAX) {
		cw_record_fail(xlsx->record, CW_REASON_TOO_LARGE, "over %u sheets", SHEETS_MAX);
		return 1;
	}
	sheet = grown(xlsx->worksheets, xlsx->n_worksheets, sizeof(*sheet));
	if (!sheet)
		return -ENOMEM;
	xlsx->worksheets = sheet;
	sheet += xlsx->n_worksheets++;
	*sheet = (struct worksheet){ 0 };
	r = copy_text(cw_part_attribute(tag, NULL, "name"), &xlsx->scratch, &sheet->name);
	return r < 0 ? r : copy_text(cw_part_attribute(tag, "relationships", "id"), &xlsx->scratch, &sheet->id);
}

static const struct cw_xml_handlers workbook_handlers = { start_workbook, cw_part_no_end, cw_part_no_text };

/* --- number formats --- */

/* What a format code makes of a number: only its first section, which is that of positive numbers. */
static enum display display_of(const char *code)
{
	bool date = false, clock = false, percent = false;

	if (!strcasecmp(code, "general"))
		return SHOWN_AS_IT_IS;
	for (; *code && *code != ';'; code++) {
		switch (*code) {
		case '"':
			code = strchr(code + 1, '"');
			if (!code)
				return SHOWN_AS_IT_IS;
			break;
		case '[': {
			const char *end = strchr(code, ']');

			if (!end)
				return SHOWN_AS_IT_IS;
			/* [h] is a time that passed; [Red] and [$-809] are colours and languages. */
			clock =
			    clock || (code[1] && strchr("hHmMsS", code[1]) && (code[2] == ']' || code[2] == code[1]));
			code = end;
			break;
		}
		case '\\':
		case '_':
		case '*':
			code += code[1] != '\0';
			break;
		case '%':
			percent = true;
			break;
		case 'y':
		case 'Y':
		case 'd':
		case 'D':
			date = true;
			break;
		case 'h':
		case 'H':
		case 's':
		case 'S':
			clock = true;
			break;
		case 'm':
		case 'M':
			/* Months alone ("mmm"); between hours and seconds they are minutes. */
			date =
			    date || (tolower((unsigned char)code[1]) == 'm' && tolower((unsigned char)code[2]) == 'm');
			break;
		default:
			break;
		}
	}
	return date ? SHOWN_AS_DATE : clock ? SHOWN_AS_TIME : percent ? SHOWN_AS_PERCENT : SHOWN_AS_IT_IS;
}

/* Formats that every workbook has, ECMA-376 part 1, 18.8.30; 27 to 36 and 50 to 58 are dates in East Asian ones. */
static enum display built_in(unsigned id)
{
	if ((id >= 14 && id <= 17) || id == 22 || (id >= 27 && id <= 36) || (id >= 50 && id <= 58))
		return SHOWN_AS_DATE;
	if ((id >= 18 && id <= 21) || (id >= 45 && id <= 47))
		return SHOWN_AS_TIME;
	return id == 9 || id == 10 ? SHOWN_AS_PERCENT : SHOWN_AS_IT_IS;
}

static int start_styles(void *arg, const struct cw_xml_element *tag)
{
	struct xlsx *xlsx = arg;
	unsigned id;
	int r;

	if (!is_main(tag->space))
		return 0;
	if (!strcmp(tag->name, "numFmt") && xlsx->n_formats < FORMATS_MAX) {
		struct number_format *formats = grown(xlsx->formats, xlsx->n_formats, sizeof(*formats));

		if (!formats)
			return -ENOMEM;
		xlsx->formats = formats;
		r = set_text(cw_part_attribute(tag, NULL, "formatCode"), &xlsx->scratch);
		if (r < 0)
			return r;
		formats[xlsx->n_formats++] =
		    (struct number_format){ whole(cw_part_attribute(tag, NULL, "numFmtId"), 1u << 30),
			                    display_of(cw_buf_str(&xlsx->scratch)) };
	} else if (!strcmp(tag->name, "cellXfs")) {
		xlsx->in_styles = true;
	} else if (xlsx->in_styles && !strcmp(tag->name, "xf") && xlsx->n_styles < STYLES_MAX) {
		unsigned char *styles = grown(xlsx->styles, xlsx->n_styles, sizeof(*styles));
		enum display display;

		if (!styles)
			return -ENOMEM;
		xlsx->styles = styles;
		id = whole(cw_part_attribute(tag, NULL, "numFmtId"), 1u << 30);
		display = built_in(id);
		for (size_t i = 0; i < xlsx->n_formats; i++)
			if (xlsx->formats[i].id == id)
				display = xlsx->formats[i].display;
		styles[xlsx->n_styles++] = (unsigned char)display;
	}
	return 0;
}

static int end_styles(void *arg, const struct cw_xml_element *element)
{
	struct xlsx *xlsx = arg;

	if (is_main(element->space) && !strcmp(element->name, "cellXfs"))
		xlsx->in_styles = false;
	return 0;
}

static const struct cw_xml_handlers styles_handlers = { start_styles, end_styles, cw_part_no_text };

/* --- shared texts --- */

static int shared_limit(struct xlsx *xlsx)
{
	cw_record_fail(xlsx->record, CW_REASON_TOO_LARGE, "over %u shared texts, or %u bytes of them",
	               CW_SHARED_STRINGS_MAX, CW_SHARED_BYTES_MAX);
	return 1;
}

static int start_strings(void *arg, const struct cw_xml_element *tag)
{
	struct xlsx *xlsx = arg;

	if (xlsx->mute || !is_main(tag->space)) {
		xlsx->mute++;
		return 0;
	}
	if (!strcmp(tag->name, "rPh")) { /* how it is pronounced */
		xlsx->mute = 1;
	} else if (!strcmp(tag->name, "si")) {
		if (xlsx->n_shared == CW_SHARED_STRINGS_MAX)
			return shared_limit(xlsx);
		if (xlsx->n_shared + 2 > xlsx->cap_shared) {
			size_t cap = xlsx->cap_shared ? 2 * xlsx->cap_shared : 1024;
			uint32_t *more = reallocarray(xlsx->offsets, cap, sizeof(*more));

			if (!more)
				return -ENOMEM;
			xlsx->offsets = more;
			xlsx->cap_shared = cap;
		}
		xlsx->offsets[xlsx->n_shared++] = (uint32_t)xlsx->shared.len;
		xlsx->offsets[xlsx->n_shared] = (uint32_t)xlsx->shared.len;
	} else if (!strcmp(tag->name, "t")) {
		xlsx->in_text = true;
	}
	return 0;
}

static int end_strings(void *arg, const struct cw_xml_element *element)
{
	struct xlsx *xlsx = arg;

	if (xlsx->mute) {
		xlsx->mute--;
		return 0;
	}
	if (is_main(element->space) && !strcmp(element->name, "t"))
		xlsx->in_text = false;
	return 0;
}

static int text_strings(void *arg, const char *text, size_t len)
{
	struct xlsx *xlsx = arg;
	size_t have, room;
	int r;

	if (xlsx->mute || !xlsx->in_text || !xlsx->n_shared)
		return 0;
	/* Kept until it is just too long for a cell. */
	have = xlsx->shared.len - xlsx->offsets[xlsx->n_shared - 1];
	room = have > CW_FIELD_MAX ? 0 : CW_FIELD_MAX + 1 - have;
	r = cw_buf_append(&xlsx->shared, text, CW_MIN(len, room));
	if (r == -EMSGSIZE)
		return shared_limit(xlsx);
	xlsx->offsets[xlsx->n_shared] = (uint32_t)xlsx->shared.len;
	return r;
}

static const struct cw_xml_handlers strings_handlers = { start_strings, end_strings, text_strings };

/* --- what stands after the rows of a sheet --- */

static bool range_of(struct cw_str text, uint32_t *row, uint32_t *column, uint32_t *last_row, uint32_t *last_column)
{
	const char *colon = text.len ? memchr(text.at, ':', text.len) : NULL;
	size_t n = colon ? (size_t)(colon - text.at) : text.len;

	*row = *column = UINT32_MAX;
	place_of(text.at, n, column, row);
	*last_row = *row;
	*last_column = *column;
	if (colon)
		place_of(colon + 1, text.len - n - 1, last_column, last_row);
	return *row != UINT32_MAX && *column != UINT32_MAX && *last_row >= *row && *last_column >= *column;
}

static int start_ends(void *arg, const struct cw_xml_element *tag)
{
	struct xlsx *xlsx = arg;
	uint32_t row, column, last_row, last_column;
	struct merge *merges;
	struct link *links;
	struct cw_str id;

	if (!is_main(tag->space) || (strcmp(tag->name, "mergeCell") != 0 && strcmp(tag->name, "hyperlink") != 0) ||
	    !range_of(cw_part_attribute(tag, NULL, "ref"), &row, &column, &last_row, &last_column))
		return 0;
	if (tag->name[0] == 'm') {
		if (xlsx->n_merges == MERGES_MAX) {
			cw_record_fail(xlsx->record, CW_REASON_TOO_LARGE, "over %u merged cells", MERGES_MAX);
			return 1;
		}
		merges = grown(xlsx->merges, xlsx->n_merges, sizeof(*merges));
		if (!merges)
			return -ENOMEM;
		xlsx->merges = merges;
		merges[xlsx->n_merges++] = (struct merge){ row, column, last_row - row + 1, last_column - column + 1 };
		return 0;
	}
	/* One without a relation leads elsewhere in the workbook. */
	id = cw_part_attribute(tag, "relationships", "id");
	if (!id.len || xlsx->n_links == LINKS_MAX)
		return 0;
	links = grown(xlsx->links, xlsx->n_links, sizeof(*links));
	if (!links)
		return -ENOMEM;
	xlsx->links = links;
	links[xlsx->n_links++] = (struct link){ row, last_row, column, last_column, strndup(id.at, id.len) };
	return links[xlsx->n_links - 1].id ? 0 : -ENOMEM;
}

static const struct cw_xml_handlers ends_handlers = { start_ends, cw_part_no_end, cw_part_no_text };

static int by_place(const void *a, const void *b)
{
	const struct merge *x = a, *y = b;

	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return x->column != y->column ? (x->column < y->column ? -1 : 1) : 0;
}

static int by_link(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	if (x->first_row != y->first_row)
		return x->first_row < y->first_row ? -1 : 1;
	return x->first_column != y->first_column ? (x->first_column < y->first_column ? -1 : 1) : 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct relation *)a)->id, ((const struct relation *)b)->id);
}

static void sort_ends(struct xlsx *xlsx)
{
	if (xlsx->n_merges)
		qsort(xlsx->merges, xlsx->n_merges, sizeof(*xlsx->merges), by_place);
	if (xlsx->n_links)
		qsort(xlsx->links, xlsx->n_links, sizeof(*xlsx->links), by_link);
	if (xlsx->n_relations)
		qsort(xlsx->relations, xlsx->n_relations, sizeof(*xlsx->relations), by_id);
}

/* The link of a cell: the last that begins at it or before it in its row. */
static struct cw_str link_at(struct xlsx *xlsx, uint32_t row, uint32_t column)
{
	struct cw_str none = { "", 0 };
	size_t low = 0, high = xlsx->n_links;
	const struct link *link;
	const struct relation *found;
	struct relation key;

	while (low < high) {
		size_t middle = (low + high) / 2;

		link = &xlsx->links[middle];
		if (link->first_row < row || (link->first_row == row && link->first_column <= column))
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return none;
	link = &xlsx->links[low - 1];
	if (link->last_row < row || link->last_column < column)
		return none;
	key = (struct relation){ link->id, NULL };
	found = xlsx->n_relations ? bsearch(&key, xlsx->relations, xlsx->n_relations, sizeof(key), by_id) : NULL;
	return found && found->target[0] != '#' && strlen(found->target) <= CW_URL_MAX ? cw_str(found->target) : none;
}

/* --- rows --- */

/* Day and second of a serial number. False: it is no date of the calendar. */
static bool date_of(const struct xlsx *xlsx, double serial, int32_t *day, unsigned *second)
{
	double days = floor(serial), seconds = round((serial - days) * 86400);

	if (!(serial >= 0 && serial <= SERIAL_MAX))
		return false;
	if (seconds >= 86400) {
		seconds = 0;
		days++;
	}
	*second = (unsigned)seconds;
	if (xlsx->epoch_1904) {
		*day = DAY_1904 + (int32_t)days;
		return true;
	}
	/* 1900 counts a 29 February that there was not. */
	if (days == 60 || days < 1)
		return false;
	*day = DAY_1900 + (int32_t)days - (days > 60);
	return true;
}

/* A number as its format says. made has room for its text. */
static enum cw_cell_kind number_cell(const struct xlsx *xlsx, double number, char *made, struct cw_str *ret)
{
	enum display display = xlsx->style < xlsx->n_styles ? (enum display)xlsx->styles[xlsx->style] : SHOWN_AS_IT_IS;
	unsigned second;
	int32_t day;

	switch (display) {
	case SHOWN_AS_DATE:
		if (!date_of(xlsx, number, &day, &second))
			break;
		*ret = cw_sheets_date(day, second, made);
		return CW_CELL_DATE;
	case SHOWN_AS_TIME:
		if (number < 0 || number >= 1)
			break;
		second = (unsigned)round(number * 86400);
		snprintf(made, CW_WALL_TEXT, "%02u:%02u:%02u", second / 3600 % 24, second / 60 % 60, second % 60);
		*ret = cw_str(made);
		return CW_CELL_TEXT;
	case SHOWN_AS_PERCENT:
		*ret = cw_sheets_percentage(number, made);
		return CW_CELL_NUMBER;
	default:
		break;
	}
	*ret = cw_sheets_number(number, made);
	return CW_CELL_NUMBER;
}

static int end_cell(struct xlsx *xlsx)
{
	struct cw_str text = { cw_buf_str(&xlsx->text), xlsx->text.len }, trimmed = cw_str_trim(text), href;
	enum cw_cell_kind kind = CW_CELL_TEXT;
	uint32_t columns = 1, rows = 1;
	char made[CW_WALL_TEXT];
	double number;

	xlsx->in_cell = false;
	xlsx->next_column = CW_MIN(xlsx->column, CW_COLUMNS_MAX) + 1;
	if (!strcmp(xlsx->type, "s")) {
		unsigned at = whole(trimmed, UINT32_MAX);

		text = (struct cw_str){ "", 0 };
		if (trimmed.len && at < xlsx->n_shared)
			text = (struct cw_str){ cw_buf_str(&xlsx->shared) + xlsx->offsets[at],
				                xlsx->offsets[at + 1] - xlsx->offsets[at] };
	} else if (!strcmp(xlsx->type, "b")) {
		text = cw_str(cw_str_eq(trimmed, "1") ? "true" : trimmed.len ? "false" : "");
	} else if (!strcmp(xlsx->type, "e")) {
		text = (struct cw_str){ "", 0 };
	} else if (!strcmp(xlsx->type, "d")) {
		/* "2024-03-01T00:00:00": no zone, and mostly no time. */
		if (trimmed.len >= 10 && trimmed.len < 24) {
			bool midnight = trimmed.len == 10 || !strncmp(trimmed.at + 10, "T00:00:00", 9);
			bool zone = trimmed.at[trimmed.len - 1] == 'Z';

			memcpy(made, trimmed.at, trimmed.len);
			snprintf(made + (midnight ? 10 : trimmed.len), 2, "%s", midnight || zone ? "" : "Z");
			text = cw_str(made);
			kind = CW_CELL_DATE;
		}
	} else if ((!xlsx->type[0] || !strcmp(xlsx->type, "n")) && cw_parse_double(trimmed, &number) == 0 &&
	           isfinite(number)) {
		kind = number_cell(xlsx, number, made, &text);
	}
	if (kind == CW_CELL_TEXT && cw_sheets_is_error(text))
		text.len = 0;
	while (xlsx->at_merge < xlsx->n_merges &&
	       (xlsx->merges[xlsx->at_merge].row < xlsx->row ||
	        (xlsx->merges[xlsx->at_merge].row == xlsx->row && xlsx->merges[xlsx->at_merge].column < xlsx->column)))
		xlsx->at_merge++;
	if (xlsx->at_merge < xlsx->n_merges && xlsx->merges[xlsx->at_merge].row == xlsx->row &&
	    xlsx->merges[xlsx->at_merge].column == xlsx->column) {
		columns = xlsx->merges[xlsx->at_merge].columns;
		rows = xlsx->merges[xlsx->at_merge].rows;
	}
	href = link_at(xlsx, xlsx->row, xlsx->column);
	if (!href.len && xlsx->formula.len)
		href = cw_sheets_formula_link((struct cw_str){ cw_buf_str(&xlsx->formula), xlsx->formula.len });
	if (href.len > CW_URL_MAX)
		href.len = 0;
	return cw_sheets_cell(xlsx->sheets, xlsx->column, columns, rows, kind, text, href);
}

static int start_rows(void *arg, const struct cw_xml_element *tag)
{
	struct xlsx *xlsx = arg;
	struct cw_str text;

	if (xlsx->mute || !is_main(tag->space)) {
		xlsx->mute++;
		return 0;
	}
	if (!strcmp(tag->name, "sheetData")) {
		xlsx->in_data = true;
	} else if (xlsx->in_data && !xlsx->in_row && !strcmp(tag->name, "row")) {
		uint32_t number = xlsx->row + 1, column = 0;

		text = cw_part_attribute(tag, NULL, "r");
		place_of(text.at, text.len, &column, &number);
		/* Rows come in order; one that goes back is the next one. */
		xlsx->row = CW_MAX(number, xlsx->row + 1);
		xlsx->in_row = true;
		xlsx->next_column = 0;
		return cw_sheets_row(xlsx->sheets, xlsx->row);
	} else if (xlsx->in_row && !xlsx->in_cell && !strcmp(tag->name, "c")) {
		uint32_t row = 0;

		xlsx->in_cell = true;
		xlsx->column = xlsx->next_column;
		text = cw_part_attribute(tag, NULL, "r");
		place_of(text.at, text.len, &xlsx->column, &row);
		text = cw_part_attribute(tag, NULL, "t");
		snprintf(xlsx->type, sizeof(xlsx->type), "%.*s", (int)CW_MIN(text.len, sizeof(xlsx->type) - 1),
		         text.at ? text.at : "");
		text = cw_part_attribute(tag, NULL, "s");
		xlsx->style = whole(text, STYLES_MAX);
		cw_buf_reset(&xlsx->text);
		cw_buf_reset(&xlsx->formula);
	} else if (xlsx->in_cell && !strcmp(tag->name, "v")) {
		xlsx->in_value = true;
	} else if (xlsx->in_cell && !strcmp(tag->name, "t")) {
		xlsx->in_text = true;
	} else if (xlsx->in_cell && !strcmp(tag->name, "f")) {
		xlsx->in_formula = true;
	} else if (xlsx->in_cell && !strcmp(tag->name, "rPh")) {
		xlsx->mute = 1;
	}
	return 0;
}

static int end_rows(void *arg, const struct cw_xml_element *element)
{
	struct xlsx *xlsx = arg;
	const char *name = element->name;

	if (xlsx->mute) {
		xlsx->mute--;
		return 0;
	}
	if (!strcmp(name, "v"))
		xlsx->in_value = false;
	else if (!strcmp(name, "t"))
		xlsx->in_text = false;
	else if (!strcmp(name, "f"))
		xlsx->in_formula = false;
	else if (xlsx->in_cell && !strcmp(name, "c"))
		return end_cell(xlsx);
	else if (xlsx->in_row && !strcmp(name, "row")) {
		xlsx->in_row = false;
		return cw_sheets_row_end(xlsx->sheets, 1);
	} else if (xlsx->in_data && !strcmp(name, "sheetData"))
		return 1;
	return 0;
}

static int text_rows(void *arg, const char *text, size_t len)
{
	struct xlsx *xlsx = arg;
	struct cw_buf *buf = xlsx->in_formula ? &xlsx->formula : &xlsx->text;
	size_t room = buf->len > CW_FIELD_MAX ? 0 : CW_FIELD_MAX + 1 - buf->len;

	if (xlsx->mute || (!xlsx->in_value && !xlsx->in_text && !xlsx->in_formula) || !xlsx->in_cell)
		return 0;
	return cw_buf_append(buf, text, CW_MIN(len, room));
}

static const struct cw_xml_handlers rows_handlers = { start_rows, end_rows, text_rows };

/* --- one part after another --- */

/* Opens what comes next. 0; xlsx->part stays NULL when there is nothing to read at this stage. */
static int open_stage(struct xlsx *xlsx)
{
	const struct worksheet *sheet =
	    xlsx->at_worksheet < xlsx->n_worksheets ? &xlsx->worksheets[xlsx->at_worksheet] : NULL;
	CW_CLEANUP(cw_freep) char *path = NULL;
	int r;

	xlsx->mute = 0;
	xlsx->in_text = false;
	switch (xlsx->stage) {
	case ROOT:
		return cw_part_open(xlsx->package, "_rels/.rels", true, &relations_handlers, xlsx, &xlsx->part);
	case WORKBOOK:
		if (!xlsx->workbook)
			xlsx->workbook = strdup("xl/workbook.xml");
		if (!xlsx->workbook)
			return -ENOMEM;
		if (!cw_package_has(xlsx->package, xlsx->workbook) || strlen(xlsx->workbook) < 4 ||
		    !strcmp(xlsx->workbook + strlen(xlsx->workbook) - 4, ".bin") || strstr(xlsx->workbook, "word/") ||
		    strstr(xlsx->workbook, "ppt/")) {
			cw_record_fail(xlsx->record, CW_REASON_UNPARSABLE, "%s, not an Excel workbook",
			               cw_package_kind(xlsx->package));
			return 0;
		}
		return cw_part_open(xlsx->package, xlsx->workbook, false, &workbook_handlers, xlsx, &xlsx->part);
	case WORKBOOK_RELS:
		path = relations_path(xlsx->workbook);
		if (!path)
			return -ENOMEM;
		return cw_part_open(xlsx->package, path, false, &relations_handlers, xlsx, &xlsx->part);
	case STYLES:
		return xlsx->styles_path
		           ? cw_part_open(xlsx->package, xlsx->styles_path, true, &styles_handlers, xlsx, &xlsx->part)
		           : 0;
	case STRINGS:
		return xlsx->strings_path
		           ? cw_part_open(xlsx->package, xlsx->strings_path, true, &strings_handlers, xlsx, &xlsx->part)
		           : 0;
	case SHEET_RELS:
		forget_sheet(xlsx);
		/* A sheet of nothing but a chart leads elsewhere. */
		if (!sheet || !sheet->path)
			return 0;
		r = cw_sheets_begin(xlsx->sheets, cw_str(sheet->name));
		if (r <= 0)
			return r;
		path = relations_path(sheet->path);
		if (!path)
			return -ENOMEM;
		xlsx->row = 0;
		xlsx->in_data = xlsx->in_row = xlsx->in_cell = xlsx->in_value = xlsx->in_formula = false;
		r = cw_part_open(xlsx->package, path, true, &relations_handlers, xlsx, &xlsx->part);
		/* The sheet is read though it has no relations. */
		xlsx->reading = r == 0;
		return r;
	case SHEET_ENDS:
		return cw_part_open(xlsx->package, sheet->path, false, &ends_handlers, xlsx, &xlsx->part);
	case SHEET_ROWS:
		sort_ends(xlsx);
		return cw_part_open(xlsx->package, sheet->path, false, &rows_handlers, xlsx, &xlsx->part);
	default:
		return 0;
	}
}

/* What comes after this stage has been read. */
static int next_stage(struct xlsx *xlsx)
{
	int r = 0;

	switch (xlsx->stage) {
	case SHEET_RELS:
		if (xlsx->reading) {
			xlsx->stage = SHEET_ENDS;
			return 0;
		}
		break;
	case SHEET_ROWS:
		xlsx->reading = false;
		r = cw_sheets_end(xlsx->sheets);
		break;
	default:
		xlsx->stage++;
		return 0;
	}
	xlsx->at_worksheet++;
	xlsx->stage =
	    xlsx->at_worksheet < xlsx->n_worksheets && !cw_sheets_enough(xlsx->sheets) ? SHEET_RELS : FINISHED;
	return r;
}

static int end(void *state)
{
	struct xlsx *xlsx = state;
	int r = 0;

	if (!xlsx->opened) {
		xlsx->opened = true;
		r = cw_package_open(xlsx->record, xlsx->bytes.data, xlsx->bytes.len, &xlsx->package);
		if (r < 0 || !xlsx->package)
			return r;
	}
	if (!xlsx->part && xlsx->stage != FINISHED) {
		r = open_stage(xlsx);
		if (r < 0 || cw_record_failed(xlsx->record))
			return r < 0 ? r : 0;
	}
	if (xlsx->part) {
		r = cw_part_read(xlsx->part);
		if (r || cw_record_failed(xlsx->record))
			return cw_record_failed(xlsx->record) && r > 0 ? 0 : r;
		cw_part_free(xlsx->part);
		xlsx->part = NULL;
	}
	if (xlsx->stage != FINISHED)
		r = next_stage(xlsx);
	if (r < 0 || cw_record_failed(xlsx->record))
		return r < 0 ? r : 0;
	if (xlsx->stage != FINISHED)
		return 1;
	cw_sheets_finish(xlsx->sheets);
	return 0;
}

/* --- the format --- */

static void xlsx_free(void *state)
{
	struct xlsx *xlsx = state;

	if (!xlsx)
		return;
	cw_part_free(xlsx->part);
	cw_package_free(xlsx->package);
	cw_sheets_free(xlsx->sheets);
	forget_sheet(xlsx);
	free(xlsx->relations);
	free(xlsx->links);
	free(xlsx->merges);
	for (size_t i = 0; i < xlsx->n_worksheets; i++) {
		free(xlsx->worksheets[i].name);
		free(xlsx->worksheets[i].id);
		free(xlsx->worksheets[i].path);
	}
	free(xlsx->worksheets);
	free(xlsx->workbook);
	free(xlsx->strings_path);
	free(xlsx->styles_path);
	free(xlsx->formats);
	free(xlsx->styles);
	free(xlsx->offsets);
	cw_buf_clear(&xlsx->bytes);
	cw_buf_clear(&xlsx->shared);
	cw_buf_clear(&xlsx->text);
	cw_buf_clear(&xlsx->formula);
	cw_buf_clear(&xlsx->scratch);
	free(xlsx);
}

static int begin(struct cw_record *record, void **ret)
{
	struct xlsx *xlsx = calloc(1, sizeof(*xlsx));

	*ret = xlsx;
	if (!xlsx)
		return -ENOMEM;
	xlsx->record = record;
	cw_buf_init(&xlsx->bytes, CW_WHOLE_DOCUMENT_MAX);
	cw_buf_init(&xlsx->shared, CW_SHARED_BYTES_MAX);
	cw_buf_init(&xlsx->text, 2u * CW_FIELD_MAX);
	cw_buf_init(&xlsx->formula, 2u * CW_FIELD_MAX);
	cw_buf_init(&xlsx->scratch, 8u * CW_FIELD_MAX);
	return cw_sheets_new(record, &xlsx->sheets);
}

static int feed(void *state, const char *bytes, size_t len)
{
	struct xlsx *xlsx = state;

	return cw_package_gather(xlsx->record, &xlsx->bytes, bytes, len);
}

const struct cw_format_ops cw_format_xlsx = {
	.format = CW_FORMAT_XLSX,
	.noun = "an Excel workbook",
	.raw = true,
	.magic = "PK\x03\x04",
	.begin = begin,
	.feed = feed,
	.end = end,
	.free = xlsx_free,
};
