#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <councilwatch/limits.h>

#include "sheet.h"

/* Rows that may turn out to be titles or notes, kept until it is known; and bytes of them. */
#define HELD_ROWS 64u
#define HELD_BYTES (256u * 1024u)
/* Cells merged over rows: those in force at once, and how often in a document they may count again. */
#define SPANS_MAX 4096u
#define SPAN_BYTES (4u << 20)
#define SPANNED_MAX (4u << 20)
/* Rows of headings below the first in a document: each is compared with all that the record names. */
#define TABLES_MAX 1000u
#define NAMES_SHOWN 12u
/* Longer texts are notes. Bytes; as cw_record_headings has it. */
#define HEADING_LONG (4u * CW_NAME_MAX)

struct run {
	uint32_t column, columns;
	uint32_t text, text_len, href, href_len; /* into the row's bytes */
	enum cw_cell_kind kind;
};

struct row {
	uint64_t number;
	struct cw_buf bytes;
	struct run *runs; /* owned; by column once the row has ended */
	size_t n, cap;
	bool too_long;
};

struct span {
	uint32_t column, columns;
	uint64_t first, last;     /* rows */
	struct cw_str text, href; /* one block, owned through text.at */
	enum cw_cell_kind kind;
};

/* Columns that are not in the sheet: its name, and the heading over the group of columns. */
#define SHEET_NAME "Sheet name"
#define GROUP_NAME "Column group"
#define NOWHERE UINT32_MAX
#define IN_SHEET_NAME (UINT32_MAX - 1)
#define IN_GROUP_NAME (UINT32_MAX - 2)
#define VIRTUAL 2u /* they stand before the texts of the others */
#define GROUPS_MAX 64u

enum state {
	SEEKING,   /* above the headings */
	READING,   /* below headings of the record */
	ELSEWHERE, /* below those of another table */
	DONE,      /* nothing more in this sheet */
};

struct cw_sheets {
	struct cw_record *record;
	const struct cw_feed *feed;
	unsigned heading_rows;
	size_t n_councils;
	char **councils; /* owned; folded headings of the council */
	bool counted;    /* some column is named as the second, third … of its heading */
	bool named;      /* the sheet's name is wanted as a column */

	bool enough;
	bool matched; /* a sheet of that name was there */
	bool headed;  /* some sheet had the headings */
	struct cw_buf names;
	unsigned n_names;

	enum state state;
	unsigned tried, tables;
	bool wanted; /* this table is one that the feed wants */
	char sheet_name[4 * CW_NAME_MAX];
	size_t n_groups; /* of columns: each makes a row of the record; 1 when the feed does not ask for them */
	char *groups[GROUPS_MAX]; /* owned; their headings */
	size_t n_placed;          /* columns in use of one group */
	uint32_t *places;         /* owned; of each group, by slot */
	uint64_t last;            /* row that held something; a later one than the next has a gap above it */
	bool *numbers;            /* owned; by slot: its column has held a number or date, in this table */
	bool *is_council;         /* owned; by slot */
	struct row above[CW_HEADING_ROWS_MAX]; /* the last rows, the newest first; [0] is the one at hand */
	struct row held[HELD_ROWS];
	size_t n_held, held_bytes;
	struct span *spans; /* owned */
	size_t n_spans, span_bytes, spanned;
	uint64_t rows; /* handed on or counted, in all */
	unsigned n_headings;

	struct cw_cell *cells; /* owned; by slot */
	struct cw_str *texts;  /* owned; the texts of columns that may be headings */
	size_t n_texts;
	struct cw_buf joined; /* what some of those point into */
	struct cw_buf fold;
};

/* --- rows --- */

static void row_init(struct row *row)
{
	*row = (struct row){ 0 };
	cw_buf_init(&row->bytes, CW_ROW_MAX);
}

static void row_reset(struct row *row, uint64_t number)
{
	row->number = number;
	row->n = 0;
	row->too_long = false;
	cw_buf_reset(&row->bytes);
}

static void row_clear(struct row *row)
{
	cw_buf_clear(&row->bytes);
	free(row->runs);
	*row = (struct row){ 0 };
}

static int row_copy(struct row *to, const struct row *from)
{
	if (to->cap < from->n) {
		struct run *runs = reallocarray(to->runs, from->n, sizeof(*runs));

		if (!runs)
			return -ENOMEM;
		to->runs = runs;
		to->cap = from->n;
	}
	memcpy(to->runs, from->runs, from->n * sizeof(*from->runs));
	to->n = from->n;
	to->number = from->number;
	to->too_long = from->too_long;
	cw_buf_reset(&to->bytes);
	return cw_buf_append(&to->bytes, cw_buf_str(&from->bytes), from->bytes.len);
}

static struct cw_str run_text(const struct row *row, const struct run *run)
{
	return (struct cw_str){ cw_buf_str(&row->bytes) + run->text, run->text_len };
}

static struct cw_str run_href(const struct row *row, const struct run *run)
{
	return (struct cw_str){ cw_buf_str(&row->bytes) + run->href, run->href_len };
}

static int by_column(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return x->column != y->column ? (x->column < y->column ? -1 : 1) : 0;
}

/* What stands in a column; NULL: nothing. */
static const struct run *run_at(const struct row *row, uint32_t column)
{
	size_t low = 0, high = row->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (row->runs[middle].column <= column)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || column - row->runs[low - 1].column >= row->runs[low - 1].columns)
		return NULL;
	return &row->runs[low - 1];
}

static int row_add(struct row *row, uint32_t column, uint32_t columns, enum cw_cell_kind kind, struct cw_str text,
                   struct cw_str href)
{
	struct run *run;

	if (row->n == row->cap) {
		size_t cap = row->cap ? 2 * row->cap : 32;
		struct run *runs = reallocarray(row->runs, cap, sizeof(*runs));

		if (!runs)
			return -ENOMEM;
		row->runs = runs;
		row->cap = cap;
	}
	run = &row->runs[row->n];
	*run = (struct run){ .column = column,
		             .columns = CW_MIN(columns, CW_COLUMNS_MAX - column),
		             .text = (uint32_t)row->bytes.len,
		             .text_len = (uint32_t)text.len,
		             .href = (uint32_t)(row->bytes.len + text.len),
		             .href_len = (uint32_t)href.len,
		             .kind = kind };
	cw_buf_append(&row->bytes, text.at, text.len);
	cw_buf_append(&row->bytes, href.at, href.len);
	if (row->bytes.failed == -ENOMEM)
		return -ENOMEM;
	if (row->bytes.failed) {
		row->too_long = true;
		return 0;
	}
	row->n++;
	return 0;
}

/* --- making and freeing --- */

static int add_council(struct cw_sheets *sheets, const char *heading)
{
	char **more = reallocarray(sheets->councils, sheets->n_councils + 1, sizeof(*more));
	int r;

	if (!more)
		return -ENOMEM;
	sheets->councils = more;
	r = cw_text_fold(cw_str(heading), &sheets->fold);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || !sheets->fold.len)
		return 0;
	more[sheets->n_councils] = strdup(cw_buf_str(&sheets->fold));
	if (!more[sheets->n_councils])
		return -ENOMEM;
	sheets->n_councils++;
	return 0;
}

static bool is_council(const struct cw_feed *feed, const char *heading)
{
	for (size_t i = 0; i < feed->n_fields; i++)
		for (size_t k = 0; feed->fields[i].role == CW_FIELD_COUNCIL && k < feed->fields[i].columns.n; k++)
			if (!strcmp(feed->fields[i].columns.at[k], heading))
				return true;
	return false;
}

static int find_councils(struct cw_sheets *sheets)
{
	int r = 0;

	for (size_t i = 0; i < cw_record_slots(sheets->record) && r == 0; i++) {
		const char *name = cw_record_slot_name(sheets->record, i);

		sheets->is_council[i] = is_council(sheets->feed, name);
		if (!sheets->is_council[i])
			continue;
		for (size_t k = 0; name && r == 0; k++) {
			r = add_council(sheets, name);
			name = cw_record_slot_also(sheets->record, i, k);
		}
	}
	return r;
}

int cw_sheets_new(struct cw_record *record, struct cw_sheets **ret)
{
	struct cw_sheets *sheets = calloc(1, sizeof(*sheets));
	size_t n = cw_record_slots(record);

	if (!sheets)
		return -ENOMEM;
	sheets->record = record;
	sheets->feed = cw_record_feed(record);
	sheets->heading_rows = CW_MIN(CW_MAX(sheets->feed->heading_rows, 1u), CW_HEADING_ROWS_MAX);
	cw_buf_init(&sheets->names, 4096);
	cw_buf_init(&sheets->fold, 4u * CW_FIELD_MAX);
	cw_buf_init(&sheets->joined, (CW_HEADING_ROWS_MAX + 1) * (HEADING_LONG + 16u) * CW_COLUMNS_MAX);
	for (size_t i = 0; i < CW_HEADING_ROWS_MAX; i++)
		row_init(&sheets->above[i]);
	for (size_t i = 0; i < HELD_ROWS; i++)
		row_init(&sheets->held[i]);
	sheets->places = calloc(GROUPS_MAX * n + 1, sizeof(*sheets->places));
	sheets->cells = calloc(n + 1, sizeof(*sheets->cells));
	sheets->numbers = calloc(n + 1, sizeof(*sheets->numbers));
	sheets->is_council = calloc(n + 1, sizeof(*sheets->is_council));
	if (!sheets->places || !sheets->cells || !sheets->numbers || !sheets->is_council || find_councils(sheets) < 0) {
		cw_sheets_free(sheets);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		sheets->counted = sheets->counted || cw_record_slot_name(record, i)[0] == '#';
		sheets->named = sheets->named || !strcasecmp(cw_record_slot_name(record, i), SHEET_NAME);
	}
	*ret = sheets;
	return 0;
}

static void drop_spans(struct cw_sheets *sheets)
{
	for (size_t i = 0; i < sheets->n_spans; i++)
		free((char *)(uintptr_t)sheets->spans[i].text.at);
	sheets->n_spans = 0;
	sheets->span_bytes = 0;
}

static void drop_groups(struct cw_sheets *sheets)
{
	for (size_t i = 0; i < sheets->n_groups; i++) {
		free(sheets->groups[i]);
		sheets->groups[i] = NULL;
	}
	sheets->n_groups = 0;
}

void cw_sheets_free(struct cw_sheets *sheets)
{
	if (!sheets)
		return;
	for (size_t i = 0; i < sheets->n_councils; i++)
		free(sheets->councils[i]);
	free(sheets->councils);
	for (size_t i = 0; i < CW_HEADING_ROWS_MAX; i++)
		row_clear(&sheets->above[i]);
	for (size_t i = 0; i < HELD_ROWS; i++)
		row_clear(&sheets->held[i]);
	drop_spans(sheets);
	free(sheets->spans);
	drop_groups(sheets);
	free(sheets->places);
	free(sheets->cells);
	free(sheets->numbers);
	free(sheets->is_council);
	free(sheets->texts);
	cw_buf_clear(&sheets->names);
	cw_buf_clear(&sheets->fold);
	cw_buf_clear(&sheets->joined);
	free(sheets);
}

/* --- sheets --- */

bool cw_sheets_enough(const struct cw_sheets *sheets)
{
	return sheets->enough || cw_record_failed(sheets->record);
}

int cw_sheets_begin(struct cw_sheets *sheets, struct cw_str name)
{
	char *text = sheets->sheet_name;

	if (cw_sheets_enough(sheets))
		return 0;
	name = cw_str_cut(cw_str_trim(name), sizeof(sheets->sheet_name) - 1);
	memcpy(text, name.at, name.len);
	text[name.len] = '\0';
	if (sheets->n_names++ < NAMES_SHOWN)
		cw_buf_printf(&sheets->names, "%s\"%s\"", sheets->names.len ? ", " : "", text);
	/* LibreOffice and Excel do not tell names apart by case. */
	if (sheets->feed->sheet && fnmatch(sheets->feed->sheet, text, FNM_CASEFOLD) != 0)
		return 0;
	sheets->matched = true;
	sheets->state = SEEKING;
	sheets->tried = sheets->tables = 0;
	for (size_t i = 0; i < CW_HEADING_ROWS_MAX; i++)
		row_reset(&sheets->above[i], 0);
	sheets->n_held = sheets->held_bytes = 0;
	drop_spans(sheets);
	return 1;
}

/* Rows that are none of the record's: counted, and bounded as all are. */
static int leave_out(struct cw_sheets *sheets, enum cw_reason reason, uint64_t rows)
{
	if (rows > CW_SHEET_ROWS_MAX || sheets->rows + rows > CW_SHEET_ROWS_MAX) {
		cw_record_fail(sheets->record, CW_REASON_TOO_LARGE, "over %u rows", CW_SHEET_ROWS_MAX);
		return 0;
	}
	sheets->rows += rows;
	cw_record_count(sheets->record, reason, rows);
	return 0;
}

/* The row as one group of columns has it. */
static int hand_on_group(struct cw_sheets *sheets, const struct row *row, size_t group)
{
	size_t n = cw_record_slots(sheets->record);

	if (sheets->rows == CW_SHEET_ROWS_MAX) {
		cw_record_fail(sheets->record, CW_REASON_TOO_LARGE, "over %u rows", CW_SHEET_ROWS_MAX);
		return 0;
	}
	sheets->rows++;
	for (size_t i = 0; i < n; i++) {
		uint32_t place = sheets->places[group * n + i];
		const struct run *run = place < CW_COLUMNS_MAX ? run_at(row, place) : NULL;
		struct cw_cell *cell = &sheets->cells[i];

		*cell = (struct cw_cell){ { "", 0 }, { "", 0 }, NULL, false };
		if (place == IN_SHEET_NAME || place == IN_GROUP_NAME)
			cell->text = cw_str(place == IN_SHEET_NAME ? sheets->sheet_name : sheets->groups[group]);
		else if (run)
			*cell =
			    (struct cw_cell){ run_text(row, run), run_href(row, run), NULL, run->kind == CW_CELL_DATE };
	}
	return cw_record_row(sheets->record, row->number, sheets->cells);
}

static int hand_on(struct cw_sheets *sheets, const struct row *row)
{
	int r = 0;

	if (row->too_long)
		return cw_record_bad_row(sheets->record, row->number, cw_str(""), "the row is over %u bytes long",
		                         CW_ROW_MAX);
	for (size_t i = 0; i < sheets->n_groups && r == 0 && !cw_record_failed(sheets->record); i++)
		r = hand_on_group(sheets, row, i);
	return r;
}

static int hand_on_held(struct cw_sheets *sheets)
{
	int r = 0;

	for (size_t i = 0; i < sheets->n_held && r == 0 && !cw_record_failed(sheets->record); i++)
		r = hand_on(sheets, &sheets->held[i]);
	sheets->n_held = sheets->held_bytes = 0;
	return r;
}

static int leave_out_held(struct cw_sheets *sheets)
{
	size_t n = sheets->n_held;

	sheets->n_held = sheets->held_bytes = 0;
	return leave_out(sheets, CW_REASON_IGNORED, n);
}

/* --- headings --- */

static int text_add(struct cw_sheets *sheets, size_t *n, struct cw_str text)
{
	if (*n == sheets->n_texts) {
		size_t cap = sheets->n_texts ? 2 * sheets->n_texts : 256;
		struct cw_str *texts = reallocarray(sheets->texts, cap, sizeof(*texts));

		if (!texts)
			return -ENOMEM;
		sheets->texts = texts;
		sheets->n_texts = cap;
	}
	sheets->texts[(*n)++] = text;
	return 0;
}

/* The stacked headings of a column, from the top down to the one that is so many from the bottom, each once; appended to
 * joined. */
static int join(struct cw_sheets *sheets, uint32_t column, unsigned down_to, struct cw_str *ret)
{
	size_t start = sheets->joined.len;
	struct cw_str last = { "", 0 };

	for (unsigned i = sheets->heading_rows; i-- > down_to;) {
		const struct run *run = run_at(&sheets->above[i], column);
		struct cw_str text = run ? cw_str_trim(run_text(&sheets->above[i], run)) : cw_str("");

		/* A cell merged over several rows says it in each of them. */
		if (!text.len || text.len > HEADING_LONG ||
		    (text.len == last.len && !memcmp(text.at, last.at, text.len)))
			continue;
		if (sheets->joined.len > start)
			cw_buf_putc(&sheets->joined, ' ');
		cw_buf_append(&sheets->joined, text.at, text.len);
		last = text;
	}
	/* An offset for now: the bytes may move. */
	*ret = (struct cw_str){ NULL, sheets->joined.len - start };
	return sheets->joined.failed;
}

static uint64_t hash(struct cw_str text)
{
	uint64_t ret = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < text.len; i++)
		ret = (ret ^ (unsigned char)text.at[i]) * 0x100000001b3ull;
	return ret ^ text.len;
}

/* "#2 Heading" for the second column of a heading, in the place of each column; the first has none. */
static int number_alike(struct cw_sheets *sheets, uint32_t columns, size_t *n)
{
	CW_CLEANUP(cw_freep) uint64_t *hashes = calloc(columns + 1, sizeof(*hashes));
	int r = 0;

	if (!hashes)
		return -ENOMEM;
	for (uint32_t c = 0; c < columns; c++)
		hashes[c] = hash(sheets->texts[VIRTUAL + c]);
	for (uint32_t c = 0; c < columns && r == 0; c++) {
		struct cw_str text = sheets->texts[VIRTUAL + c], alike = { "", 0 };
		size_t start = sheets->joined.len;
		unsigned number = 1;

		for (uint32_t k = 0; k < c && text.len; k++)
			number += hashes[k] == hashes[c];
		/* join_all has made the room, so that the texts before stay where they are. */
		if (number > 1 && text.len <= HEADING_LONG) {
			cw_buf_printf(&sheets->joined, "#%u ", number);
			cw_buf_append(&sheets->joined, text.at, text.len);
			alike = (struct cw_str){ cw_buf_str(&sheets->joined) + start, sheets->joined.len - start };
		}
		r = text_add(sheets, n, alike);
	}
	return r;
}

static uint32_t width(const struct cw_sheets *sheets)
{
	uint32_t columns = 0;

	for (unsigned i = 0; i < sheets->heading_rows; i++)
		if (sheets->above[i].n) {
			const struct run *last = &sheets->above[i].runs[sheets->above[i].n - 1];

			columns = CW_MAX(columns, last->column + last->columns);
		}
	return columns;
}

/* The first texts: the columns that are not in the sheet, and the joined headings of all that are. */
static int join_all(struct cw_sheets *sheets, uint32_t columns, unsigned down_to, size_t *n)
{
	size_t at = 0;
	int r;

	cw_buf_reset(&sheets->joined);
	r = text_add(sheets, n, cw_str(sheets->named ? SHEET_NAME : ""));
	if (r == 0)
		r = text_add(sheets, n, cw_str(""));
	for (uint32_t c = 0; c < columns && r == 0; c++) {
		struct cw_str text;

		r = join(sheets, c, down_to, &text);
		if (r == 0)
			r = text_add(sheets, n, text);
	}
	if (r == 0)
		r = cw_buf_reserve(&sheets->joined, sheets->joined.len + 16u * columns);
	for (uint32_t c = 0; c < columns && r == 0; c++) {
		sheets->texts[VIRTUAL + c].at = cw_buf_str(&sheets->joined) + at;
		at += sheets->texts[VIRTUAL + c].len;
	}
	return r;
}

/* Has the record all it needs in these texts, a number of each column's, one after another? 1: its places for this group of
 * columns are kept; 0; or -errno. */
static int try_texts(struct cw_sheets *sheets, const struct cw_str *texts, size_t n, uint32_t columns, size_t group)
{
	uint32_t *places = sheets->places + group * cw_record_slots(sheets->record);
	int r = cw_record_headings(sheets->record, texts, n);

	if (r <= 0)
		return r;
	sheets->n_placed = 0;
	for (size_t i = 0; i < cw_record_slots(sheets->record); i++) {
		int place = cw_record_place(sheets->record, i);
		size_t k = 0;

		if (place < 0)
			places[i] = NOWHERE;
		else if ((uint32_t)place < VIRTUAL)
			places[i] = place == 0 ? IN_SHEET_NAME : IN_GROUP_NAME;
		else
			places[i] = ((uint32_t)place - VIRTUAL) % columns;
		while (k < i && places[k] != places[i])
			k++;
		sheets->n_placed += places[i] < CW_COLUMNS_MAX && k == i;
	}
	return 1;
}

/* Columns in groups under a heading: of each group the lowest headings, with those columns that are in no group. */
static int try_groups(struct cw_sheets *sheets, uint32_t columns)
{
	const struct row *lowest = &sheets->above[0];
	CW_CLEANUP(cw_freep) struct cw_str *texts = calloc(VIRTUAL + columns, sizeof(*texts));
	CW_CLEANUP(cw_freep) uint64_t *groups = calloc(columns + 1u, sizeof(*groups));
	size_t n = 0, tries = 0;
	int r;

	if (!texts || !groups)
		return -ENOMEM;
	r = join_all(sheets, columns, 1, &n);
	if (r < 0)
		return r;
	for (uint32_t c = 0; c < columns; c++) {
		const struct run *run = run_at(lowest, c);
		struct cw_str low = run ? cw_str_trim(run_text(lowest, run)) : cw_str("");
		struct cw_str high = sheets->texts[VIRTUAL + c];

		if (high.len && (high.len != low.len || memcmp(high.at, low.at, low.len) != 0))
			groups[c] = hash(high);
	}
	drop_groups(sheets);
	/* Each costs a look at all columns. */
	for (uint32_t first = 0; first < columns && tries < GROUPS_MAX; first++) {
		uint32_t earlier = 0;

		while (earlier < first && groups[earlier] != groups[first])
			earlier++;
		if (!groups[first] || earlier < first)
			continue;
		tries++;
		for (uint32_t c = 0; c < columns; c++) {
			const struct run *run = run_at(lowest, c);

			texts[VIRTUAL + c] =
			    run && (!groups[c] || groups[c] == groups[first]) ? run_text(lowest, run) : cw_str("");
		}
		texts[0] = sheets->texts[0];
		texts[1] = cw_str(GROUP_NAME);
		r = try_texts(sheets, texts, VIRTUAL + columns, columns, sheets->n_groups);
		if (r < 0)
			return r;
		if (!r)
			continue;
		sheets->groups[sheets->n_groups] =
		    strndup(sheets->texts[VIRTUAL + first].at, sheets->texts[VIRTUAL + first].len);
		if (!sheets->groups[sheets->n_groups++])
			return -ENOMEM;
	}
	return sheets->n_groups > 0;
}

/* Is the row at hand, with those above it, the headings? 1, 0 or -errno. */
static int try_headings(struct cw_sheets *sheets)
{
	uint32_t columns = width(sheets);
	size_t n = 0;
	int r;

	if (!columns)
		return 0;
	if (sheets->feed->column_groups)
		return try_groups(sheets, columns);
	r = join_all(sheets, columns, 0, &n);
	/* Each heading of the stack alone, the lowest first. */
	for (unsigned i = 0; i < sheets->heading_rows && sheets->heading_rows > 1 && r == 0; i++)
		for (uint32_t c = 0; c < columns && r == 0; c++) {
			const struct run *run = run_at(&sheets->above[i], c);

			r = text_add(sheets, &n, run ? run_text(&sheets->above[i], run) : cw_str(""));
		}
	if (r == 0 && sheets->counted)
		r = number_alike(sheets, columns, &n);
	if (r == 0)
		r = try_texts(sheets, sheets->texts, n, columns, 0);
	if (r > 0) {
		drop_groups(sheets);
		sheets->groups[0] = strdup("");
		sheets->n_groups = 1;
		if (!sheets->groups[0])
			return -ENOMEM;
	}
	return r;
}

/* Does a cell of the row say nothing but the heading of the council's column? 1, 0 or -ENOMEM. */
static int names_council(struct cw_sheets *sheets, const struct row *row)
{
	for (size_t i = 0; i < row->n; i++) {
		struct cw_str text = cw_str_trim(run_text(row, &row->runs[i]));
		int r;

		if (row->runs[i].kind != CW_CELL_TEXT || !text.len || text.len > 4u * CW_NAME_MAX)
			continue;
		r = cw_text_fold(text, &sheets->fold);
		if (r == -ENOMEM)
			return r;
		for (size_t k = 0; r == 0 && k < sheets->n_councils; k++)
			if (!strcmp(sheets->councils[k], cw_buf_str(&sheets->fold)))
				return 1;
	}
	return 0;
}

static int headings_found(struct cw_sheets *sheets)
{
	sheets->last = sheets->above[0].number;
	memset(sheets->numbers, 0, cw_record_slots(sheets->record) * sizeof(*sheets->numbers));
	sheets->headed = true;
	sheets->tables++;
	sheets->state = READING;
	sheets->wanted = !sheets->feed->table || sheets->feed->table == sheets->tables;
	if (!sheets->feed->sheet)
		sheets->enough = true; /* once this sheet has been read */
	return 0;
}

/* --- a whole row --- */

/* Does the row fill no more than one of the record's columns, whichever group they are of? A merged cell counts once. */
static bool is_line(const struct cw_sheets *sheets, const struct row *row)
{
	const struct run *only = NULL;

	for (size_t i = 0; i < sheets->n_groups * cw_record_slots(sheets->record); i++) {
		const struct run *run = sheets->places[i] < CW_COLUMNS_MAX ? run_at(row, sheets->places[i]) : NULL;

		if (run && only && run != only)
			return false;
		only = run ? run : only;
	}
	return true;
}

static int hold(struct cw_sheets *sheets, const struct row *row)
{
	int r = 0;

	if (sheets->n_held == HELD_ROWS || sheets->held_bytes + row->bytes.len > HELD_BYTES)
		r = hand_on_held(sheets);
	if (r == 0 && row->bytes.len > HELD_BYTES)
		return hand_on(sheets, row);
	if (r == 0) {
		sheets->held_bytes += row->bytes.len;
		r = row_copy(&sheets->held[sheets->n_held++], row);
	}
	return r;
}

/* What stands in the column of a slot, in the first group that has it there. */
static const struct run *slot_run(const struct cw_sheets *sheets, const struct row *row, size_t slot)
{
	size_t n = cw_record_slots(sheets->record);

	for (size_t i = 0; i < sheets->n_groups; i++) {
		uint32_t place = sheets->places[i * n + slot];
		const struct run *run = place < CW_COLUMNS_MAX ? run_at(row, place) : NULL;

		if (run)
			return run;
	}
	return NULL;
}

static bool has_word(struct cw_str text)
{
	unsigned letters = 0;

	for (size_t i = 0; i < text.len && letters < 3; i++)
		letters = isalpha((unsigned char)text.at[i]) ? letters + 1 : 0;
	return letters == 3;
}

/* Below a gap or a title: nothing but words, one of them in a column that has held numbers, and nobody's name in the council's. That is the
 * top of another table, whose columns are not these, though it calls the council's by another name. */
static bool other_table(const struct cw_sheets *sheets, const struct row *row)
{
	const struct cw_councils *councils = cw_record_config(sheets->record)->councils;
	struct cw_str texts[8];
	size_t n = 0;
	bool word = false;

	if (row->number <= sheets->last + 1)
		return false;
	for (size_t i = 0; i < cw_record_slots(sheets->record); i++) {
		const struct run *run = slot_run(sheets, row, i);

		if (!run)
			continue;
		if (run->kind != CW_CELL_TEXT)
			return false;
		word = word || (sheets->numbers[i] && has_word(run_text(row, run)));
		if (sheets->is_council[i] && n < CW_ARRAY_LEN(texts))
			texts[n++] = cw_str_trim(run_text(row, run));
	}
	if (word && n) {
		struct cw_wall fetched = cw_record_info(sheets->record)->fetched_at;
		const struct cw_council *council;
		struct cw_buf why;
		int r;

		cw_buf_init(&why, CW_FIELD_MAX);
		r = cw_council_resolve(councils, texts, n,
		                       cw_wall_day(cw_wall_known(fetched) ? fetched : cw_wall_now()), &council, &why);
		cw_buf_clear(&why);
		return r == CW_COUNCIL_UNKNOWN;
	}
	return false;
}

static void note_numbers(struct cw_sheets *sheets, const struct row *row)
{
	for (size_t i = 0; i < cw_record_slots(sheets->record); i++) {
		const struct run *run = sheets->numbers[i] || sheets->is_council[i] ? NULL : slot_run(sheets, row, i);

		sheets->numbers[i] = sheets->numbers[i] || (run && run->kind != CW_CELL_TEXT);
	}
}

/* A row below headings. */
static int below(struct cw_sheets *sheets, uint64_t repeat)
{
	struct row *row = &sheets->above[0];
	int r = names_council(sheets, row);

	if (r < 0)
		return r;
	if (r > 0) {
		if (++sheets->n_headings > TABLES_MAX) {
			cw_record_fail(sheets->record, CW_REASON_TOO_LARGE, "over %u rows of headings", TABLES_MAX);
			return 0;
		}
		r = leave_out_held(sheets);
		if (r == 0)
			r = try_headings(sheets);
		if (r > 0)
			return headings_found(sheets);
		if (r == 0)
			sheets->state = ELSEWHERE;
		return r;
	}
	if (sheets->state == ELSEWHERE || !sheets->wanted)
		return leave_out(sheets, CW_REASON_IGNORED, repeat);
	if (repeat == 1 && sheets->n_placed > 1 && is_line(sheets, row))
		return hold(sheets, row);
	if (other_table(sheets, row)) {
		r = leave_out_held(sheets);
		if (r == 0 && !cw_record_failed(sheets->record))
			r = hand_on(sheets, row); /* as a row whose council nobody knows: a person may look */
		sheets->state = ELSEWHERE;
		return r;
	}
	note_numbers(sheets, row);
	sheets->last = row->number + repeat - 1;
	r = hand_on_held(sheets);
	if (r == 0 && !cw_record_failed(sheets->record))
		r = hand_on(sheets, row);
	if (r == 0 && repeat > 1 && !cw_record_failed(sheets->record))
		r = leave_out(sheets, CW_REASON_DUPLICATE_ROW, repeat - 1);
	return r;
}

int cw_sheets_row(struct cw_sheets *sheets, uint64_t number)
{
	/* The rows above stay, for stacked headings; a row that turned out empty is used again. */
	if (sheets->above[0].n && sheets->heading_rows > 1) {
		struct row oldest = sheets->above[sheets->heading_rows - 1];

		memmove(&sheets->above[1], &sheets->above[0], (sheets->heading_rows - 1) * sizeof(sheets->above[0]));
		sheets->above[0] = oldest;
	}
	row_reset(&sheets->above[0], number);
	return 0;
}

static int span_add(struct cw_sheets *sheets, uint32_t column, uint32_t columns, uint64_t last, enum cw_cell_kind kind,
                    struct cw_str text, struct cw_str href)
{
	struct span *span;
	char *copy;

	if (sheets->n_spans == SPANS_MAX || sheets->span_bytes + text.len + href.len > SPAN_BYTES) {
		cw_record_fail(sheets->record, CW_REASON_TOO_LARGE, "over %u cells merged over rows at once",
		               SPANS_MAX);
		return 0;
	}
	if (!sheets->spans) {
		sheets->spans = calloc(SPANS_MAX, sizeof(*sheets->spans));
		if (!sheets->spans)
			return -ENOMEM;
	}
	copy = malloc(text.len + href.len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text.at, text.len);
	memcpy(copy + text.len, href.at, href.len);
	span = &sheets->spans[sheets->n_spans++];
	*span = (struct span){ .column = column,
		               .columns = columns,
		               .first = sheets->above[0].number,
		               .last = last,
		               .text = { copy, text.len },
		               .href = { copy + text.len, href.len },
		               .kind = kind };
	sheets->span_bytes += text.len + href.len;
	return 0;
}

int cw_sheets_cell(struct cw_sheets *sheets, uint32_t column, uint32_t columns, uint32_t rows, enum cw_cell_kind kind,
                   struct cw_str text, struct cw_str href)
{
	struct row *row = &sheets->above[0];
	int r;

	if (cw_str_trim(text).len == 0)
		text.len = 0;
	if ((!text.len && !href.len) || !columns || column >= CW_COLUMNS_MAX || sheets->state == DONE)
		return 0;
	if (!text.len)
		text.at = "";
	if (!href.len)
		href.at = "";
	r = row_add(row, column, columns, kind, text, href);
	if (r == 0 && rows > 1 && !row->too_long)
		r = span_add(sheets, column, columns, row->number + rows - 1, kind, text, href);
	return r;
}

/* Cells of earlier rows that reach into this one. */
static int overlay(struct cw_sheets *sheets, struct row *row)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < sheets->n_spans; i++) {
		struct span *span = &sheets->spans[i];

		if (span->last < row->number) {
			sheets->span_bytes -= span->text.len + span->href.len;
			free((char *)(uintptr_t)span->text.at);
			continue;
		}
		sheets->spans[kept++] = *span;
	}
	sheets->n_spans = kept;
	for (size_t i = 0; i < kept && r == 0; i++) {
		const struct span *span = &sheets->spans[i];

		/* Its own row has it already. */
		if (span->first == row->number)
			continue;
		if (sheets->spanned++ > SPANNED_MAX) {
			cw_record_fail(sheets->record, CW_REASON_TOO_LARGE, "cells merged over too many rows");
			return 0;
		}
		r = row_add(row, span->column, span->columns, span->kind, span->text, span->href);
	}
	return r;
}

int cw_sheets_row_end(struct cw_sheets *sheets, uint64_t repeat)
{
	struct row *row = &sheets->above[0];
	bool empty = !row->n && !row->too_long;
	int r = 0;

	if (sheets->state == DONE || !repeat || cw_record_failed(sheets->record))
		return 0;
	if (sheets->n_spans && (!empty || sheets->state == SEEKING))
		r = overlay(sheets, row);
	if (r < 0 || cw_record_failed(sheets->record) || (!row->n && !row->too_long))
		return r;
	for (size_t i = 1; i < row->n; i++)
		if (row->runs[i - 1].column > row->runs[i].column) {
			qsort(row->runs, row->n, sizeof(*row->runs), by_column);
			break;
		}
	if (sheets->state != SEEKING)
		return below(sheets, repeat);
	r = try_headings(sheets);
	if (r > 0)
		return headings_found(sheets);
	if (++sheets->tried >= CW_HEADINGS_WITHIN)
		sheets->state = DONE;
	return r;
}

int cw_sheets_end(struct cw_sheets *sheets)
{
	if (cw_record_failed(sheets->record))
		return 0;
	sheets->state = DONE;
	return leave_out_held(sheets);
}

void cw_sheets_finish(struct cw_sheets *sheets)
{
	if (sheets->headed || cw_record_failed(sheets->record))
		return;
	if (sheets->matched)
		cw_record_no_headings(sheets->record);
	else if (sheets->feed->sheet && sheets->n_names)
		cw_record_fail(sheets->record, CW_REASON_MISSING_COLUMN, "no sheet \"%.100s\"; there are %s%s",
		               sheets->feed->sheet, cw_buf_str(&sheets->names),
		               sheets->n_names > NAMES_SHOWN ? " and others" : "");
	else
		cw_record_fail(sheets->record, CW_REASON_NO_ROWS, "no sheet in it");
}

/* --- values --- */

struct cw_str cw_sheets_number(double value, char *ret)
{
	value = value == 0 ? 0 : value; /* not -0 */
	snprintf(ret, 32, "%.15g", value);
	if (strtod(ret, NULL) != value)
		snprintf(ret, 32, "%.17g", value);
	return cw_str(ret);
}

struct cw_str cw_sheets_percentage(double value, char *ret)
{
	snprintf(ret, 32, "%.15g", value == 0 ? 0 : value * 100);
	return cw_str(ret);
}

struct cw_str cw_sheets_date(int32_t day, unsigned seconds, char *ret)
{
	cw_day_format(day, ret);
	if (seconds)
		snprintf(ret + strlen(ret), 16, "T%02u:%02u:%02uZ", seconds / 3600 % 24, seconds / 60 % 60,
		         seconds % 60);
	return cw_str(ret);
}

bool cw_sheets_is_error(struct cw_str text)
{
	static const char *const errors[] = { "#N/A",   "#REF!",   "#DIV/0!",       "#VALUE!", "#NAME?",  "#NUM!",
		                              "#NULL!", "#SPILL!", "#GETTING_DATA", "#CALC!",  "Err:502", "Err:508" };

	for (size_t i = 0; i < CW_ARRAY_LEN(errors); i++)
		if (cw_str_eq(text, errors[i]))
			return true;
	return false;
}

struct cw_str cw_sheets_formula_link(struct cw_str formula)
{
	static const char call[] = "HYPERLINK(\"";
	const size_t n = sizeof(call) - 1;

	for (size_t i = 0; i + n < formula.len; i++) {
		struct cw_str link = { formula.at + i + n, formula.len - i - n };
		const char *end;

		if ((formula.at[i] != 'H' && formula.at[i] != 'h') || strncasecmp(formula.at + i, call, n) != 0)
			continue;
		end = memchr(link.at, '"', link.len);
		/* An address made of pieces ("…"&A1) is not here to be read. */
		if (!end || end + 1 == link.at + link.len || !strchr("),;", end[1]))
			break;
		return (struct cw_str){ link.at, (size_t)(end - link.at) };
	}
	return (struct cw_str){ "", 0 };
}
