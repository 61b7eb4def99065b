/*
 * CSV as RFC 4180 has it and as it is found: rows end with CRLF, LF or CR, quoted cells may hold delimiters, line
 * ends and doubled quotes, text may follow a closing quote, rows may be longer or shorter than the headings.
 *
 * Bytes are looked at 64 at a time: one mask says which of them are a delimiter, a quote, an end of line or NUL,
 * and only those are visited. Cells are offsets from the start of their row, so a row that lies whole in the
 * bytes at hand is never copied; one that is cut by the end of a piece moves to `pending` and its scan goes on
 * there.
 *
 * A quote that is never closed would swallow the rest of the document as one cell. When a row passes CW_ROW_MAX, or the
 * document ends, inside quotes, its first line is given up as a bad row and the lines behind it are read again.
 */
#include <errno.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <councilwatch/limits.h>

#include "format.h"

/* Rows that lie whole in a piece are shorter than it; longer ones go through pending, where CW_ROW_MAX is enforced. */
#define PIECE_MAX (64u * 1024u)
#define PENDING_STEP 4096u

#define CELL_QUOTED 1u  /* from..to is inside the quotes */
#define CELL_DOUBLED 2u /* has doubled quotes */
#define CELL_MIXED 4u   /* text follows the closing quote: from..to is raw, quotes and all */

struct csv_cell {
	uint32_t from, to;
	unsigned flags;
};

enum state { CELL_START, PLAIN, QUOTED, CLOSED };

struct csv {
	struct cw_record *record;
	char delimiter;
	bool headed;       /* the headings have been found */
	unsigned preamble; /* rows looked at before that */
	uint64_t row;      /* data rows so far */
	bool skip_lf;      /* the row before ended with CR */
	bool skip_line;    /* in the middle of a row that is too long */

	/* The row being scanned. */
	enum state state;
	uint32_t start; /* of the cell, from the start of the row */
	uint32_t close; /* of its closing quote */
	unsigned flags;
	bool nul, wide;
	size_t n_cells;
	struct csv_cell *cells; /* CW_COLUMNS_MAX of them */
	struct cw_buf pending;
	struct cw_buf unquoted;

	struct cw_str *headings; /* CW_COLUMNS_MAX, until they are found */
	size_t n_headings;       /* in the row of them, those without a text too */
	struct cw_cell *row_cells;
	int *places;
	size_t n_slots;
};

static void row_start(struct csv *csv)
{
	csv->state = CELL_START;
	csv->start = 0;
	csv->flags = 0;
	csv->nul = csv->wide = false;
	csv->n_cells = 0;
}

static int begin(struct cw_record *record, void **ret)
{
	struct csv *csv = calloc(1, sizeof(*csv));

	*ret = csv;
	if (!csv)
		return -ENOMEM;
	csv->record = record;
	csv->delimiter = cw_record_feed(record)->delimiter ? cw_record_feed(record)->delimiter : ',';
	csv->n_slots = cw_record_slots(record);
	csv->cells = calloc(CW_COLUMNS_MAX, sizeof(*csv->cells));
	csv->headings = calloc(CW_COLUMNS_MAX, sizeof(*csv->headings));
	csv->row_cells = calloc(csv->n_slots + 1, sizeof(*csv->row_cells));
	csv->places = calloc(csv->n_slots + 1, sizeof(*csv->places));
	cw_buf_init(&csv->pending, CW_ROW_MAX + 2 * PENDING_STEP);
	cw_buf_init(&csv->unquoted, CW_ROW_MAX + PENDING_STEP);
	row_start(csv);
	return csv->cells && csv->headings && csv->row_cells && csv->places ? 0 : -ENOMEM;
}

static void csv_free(void *state)
{
	struct csv *csv = state;

	if (!csv)
		return;
	free(csv->cells);
	free(csv->headings);
	free(csv->row_cells);
	free(csv->places);
	cw_buf_clear(&csv->pending);
	cw_buf_clear(&csv->unquoted);
	free(csv);
}

/* --- a whole row --- */

/* A cell's text. The row's unquoted buffer must have room for all of its cells, so that none moves. */
static struct cw_str cell_text(struct csv *csv, const char *base, const struct csv_cell *cell)
{
	const char *at = base + cell->from, *end = base + cell->to;
	struct cw_buf *out = &csv->unquoted;
	size_t start = out->len;
	bool quoted;

	if (!(cell->flags & (CELL_DOUBLED | CELL_MIXED)))
		return (struct cw_str){ at, cell->to - cell->from };
	quoted = true;
	if (cell->flags & CELL_MIXED)
		at++; /* its opening quote */
	while (at < end) {
		if (quoted && *at == '"') {
			if (at + 1 < end && at[1] == '"') {
				at++;
			} else {
				quoted = false;
				at++;
				continue;
			}
		}
		out->data[out->len++] = (unsigned char)*at++;
	}
	return (struct cw_str){ (const char *)out->data + start, out->len - start };
}

static bool blank_from(const struct csv *csv, const char *base, size_t first)
{
	for (size_t i = first; i < csv->n_cells; i++)
		for (uint32_t k = csv->cells[i].from; k < csv->cells[i].to; k++)
			if (base[k] != ' ' && base[k] != '\t' && base[k] != '"')
				return false;
	return true;
}

static int headings_row(struct csv *csv, const char *base)
{
	int r;

	for (size_t i = 0; i < csv->n_cells; i++)
		csv->headings[i] = cell_text(csv, base, &csv->cells[i]);
	r = cw_record_headings(csv->record, csv->headings, csv->n_cells);
	if (r < 0)
		return r;
	if (r == 0 && ++csv->preamble < CW_HEADINGS_WITHIN)
		return 0;
	if (r == 0) {
		cw_record_no_headings(csv->record);
		return 1;
	}
	for (size_t i = 0; i < csv->n_slots; i++)
		csv->places[i] = cw_record_place(csv->record, i);
	csv->n_headings = csv->n_cells;
	csv->headed = true;
	return 0;
}

static int data_row(struct csv *csv, const char *base, size_t len)
{
	struct cw_str whole = { base, len };
	int r;

	if (blank_from(csv, base, 0)) {
		csv->row++;
		return cw_record_blank(csv->record);
	}
	csv->row++;
	if (csv->nul)
		return cw_record_bad_row(csv->record, csv->row, cw_str(""), "a NUL byte in it");
	if (csv->wide)
		return cw_record_bad_row(csv->record, csv->row, whole, "over %u cells", CW_COLUMNS_MAX);
	if (csv->n_cells <= cw_record_last_column(csv->record))
		return cw_record_bad_row(csv->record, csv->row, whole, "it has %zu of the %zu columns needed",
		                         csv->n_cells, cw_record_last_column(csv->record) + 1);
	/* An unquoted "Bournemouth, Christchurch and Poole": what comes after it is not where its heading says. */
	if (!blank_from(csv, base, csv->n_headings))
		return cw_record_bad_row(csv->record, csv->row, whole, "it has %zu cells under %zu headings", csv->n_cells,
		                         csv->n_headings);
	for (size_t i = 0; i < csv->n_slots; i++)
		if (csv->places[i] >= 0)
			csv->row_cells[i].text = cell_text(csv, base, &csv->cells[csv->places[i]]);
	r = cw_record_repeats(csv->record, csv->row_cells);
	if (r < 0)
		return r;
	if (r > 0) {
		csv->row--;
		return 0;
	}
	return cw_record_row(csv->record, csv->row, csv->row_cells);
}

static int too_long(struct csv *csv, const char *base)
{
	if (!csv->headed)
		return ++csv->preamble >= CW_HEADINGS_WITHIN ? (cw_record_no_headings(csv->record), 1) : 0;
	return cw_record_bad_row(csv->record, ++csv->row, (struct cw_str){ base, CW_ROW_MAX }, "over %u bytes long",
	                         CW_ROW_MAX);
}

static void end_cell(struct csv *csv, uint32_t at)
{
	struct csv_cell *cell;

	if (csv->n_cells == CW_COLUMNS_MAX) {
		csv->wide = true;
		return;
	}
	cell = &csv->cells[csv->n_cells++];
	if (csv->state == CLOSED)
		*cell = (struct csv_cell){ csv->start + 1, csv->close, csv->flags | CELL_QUOTED };
	else
		*cell = (struct csv_cell){ csv->start, at, csv->flags & CELL_MIXED };
}

static int end_row(struct csv *csv, const char *base, uint32_t at)
{
	int r;

	end_cell(csv, at);
	if (at > CW_ROW_MAX) {
		r = too_long(csv, base);
		row_start(csv);
		return r;
	}
	cw_buf_reset(&csv->unquoted);
	r = cw_buf_reserve(&csv->unquoted, at + 1);
	if (r == 0)
		r = csv->headed ? data_row(csv, base, at) : headings_row(csv, base);
	row_start(csv);
	return r;
}

/* --- scanning --- */

/* Bit i: byte i is a delimiter, a quote, an end of line or NUL. */
static uint64_t mask64(const char *at, char delimiter)
{
	uint64_t mask = 0;
#ifdef __SSE2__
	const __m128i delimiters = _mm_set1_epi8(delimiter), quotes = _mm_set1_epi8('"'), lf = _mm_set1_epi8('\n'),
	              cr = _mm_set1_epi8('\r'), zero = _mm_setzero_si128();

	for (int i = 0; i < 4; i++) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i));
		__m128i hit = _mm_or_si128(
		    _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, delimiters), _mm_cmpeq_epi8(bytes, quotes)),
		                 _mm_or_si128(_mm_cmpeq_epi8(bytes, lf), _mm_cmpeq_epi8(bytes, cr))),
		    _mm_cmpeq_epi8(bytes, zero));

		mask |= (uint64_t)(unsigned)_mm_movemask_epi8(hit) << (16 * i);
	}
#else
	for (int i = 0; i < 64; i++) {
		char c = at[i];

		mask |= (uint64_t)(c == delimiter || c == '"' || c == '\n' || c == '\r' || c == 0) << i;
	}
#endif
	return mask;
}

/* One visited byte. 1: it ends the row; 0: it does not. */
static int visit(struct csv *csv, char c, uint32_t at)
{
	switch (csv->state) {
	case QUOTED:
		if (c == '"') {
			csv->close = at;
			csv->state = CLOSED;
		} else if (c == 0) {
			csv->nul = true;
		}
		return 0;
	case CLOSED:
		if (at == csv->close + 1 && c == '"') {
			csv->flags |= CELL_DOUBLED;
			csv->state = QUOTED;
			return 0;
		}
		if (at != csv->close + 1 || c == 0) {
			/* What follows the closing quote belongs to the cell, and quotes in it mean nothing. */
			csv->flags |= CELL_MIXED;
			csv->state = PLAIN;
		}
		break;
	case CELL_START:
		if (c == '"' && at == csv->start) {
			csv->state = QUOTED;
			return 0;
		}
		csv->state = PLAIN;
		break;
	case PLAIN:
		break;
	}
	if (c == csv->delimiter) {
		end_cell(csv, at);
		csv->start = at + 1;
		csv->flags = 0;
		csv->state = CELL_START;
		return 0;
	}
	if (c == 0)
		csv->nul = true;
	return c == '\n' || c == '\r';
}

/*
 * Scans bytes [from, len) of a row that starts at base. 1: a row ended and was handed over, *ret_end is the
 * offset behind its end; 0: all bytes scanned; -errno; 2: the document is settled.
 */
static int scan(struct csv *csv, const char *base, uint32_t from, uint32_t len, uint32_t *ret_end)
{
	uint32_t at = from;

	while (at < len) {
		char tail[64];
		const char *block = base + at;
		uint64_t mask;

		if (len - at < 64) {
			memset(tail, 'x', sizeof(tail));
			memcpy(tail, block, len - at);
			mask = mask64(tail, csv->delimiter);
			if (csv->delimiter == 'x')
				mask &= (1ull << (len - at)) - 1;
		} else {
			mask = mask64(block, csv->delimiter);
		}
		for (; mask; mask &= mask - 1) {
			uint32_t i = at + (uint32_t)__builtin_ctzll(mask);
			int r;

			if (!visit(csv, base[i], i))
				continue;
			csv->skip_lf = base[i] == '\r';
			r = end_row(csv, base, i);
			*ret_end = i + 1;
			return r < 0 ? r : r > 0 ? 2 : 1;
		}
		at += 64;
	}
	return 0;
}

static int consume(struct csv *csv, const char *text, size_t len);

/* Gives up the first line of what is pending and reads the rest again. */
static int give_up_line(struct csv *csv)
{
	CW_CLEANUP(cw_freep) char *text = NULL;
	const char *end;
	size_t len, line;
	int r;

	text = cw_buf_steal(&csv->pending, &len);
	if (!text)
		return -ENOMEM;
	end = memchr(text, '\n', len);
	if (!end)
		end = memchr(text, '\r', len);
	line = end ? (size_t)(end - text) : len;
	row_start(csv);
	if (!csv->headed)
		r = ++csv->preamble >= CW_HEADINGS_WITHIN ? (cw_record_no_headings(csv->record), 1) : 0;
	else
		r = cw_record_bad_row(csv->record, ++csv->row, (struct cw_str){ text, line },
		                      "a quote that is never closed");
	if (r)
		return r;
	if (!end) {
		csv->skip_line = true;
		return 0;
	}
	return consume(csv, end + 1, len - line - 1);
}

/* Adds to the row that a piece before left unfinished, until it ends. *ret_used: bytes taken from text. */
static int consume_pending(struct csv *csv, const char *text, size_t len, size_t *ret_used)
{
	size_t used = 0;

	while (used < len && csv->pending.len) {
		size_t before = csv->pending.len, n = CW_MIN(len - used, (size_t)PENDING_STEP);
		uint32_t end;
		int r;

		r = cw_buf_append(&csv->pending, text + used, n);
		if (r < 0)
			return r;
		r = scan(csv, cw_buf_str(&csv->pending), (uint32_t)before, (uint32_t)(before + n), &end);
		if (r < 0 || r == 2)
			return r;
		if (r == 1) {
			used += end - before;
			cw_buf_reset(&csv->pending);
			break;
		}
		used += n;
		if (csv->pending.len <= CW_ROW_MAX)
			continue;
		if (csv->state == QUOTED) {
			r = give_up_line(csv);
		} else {
			r = too_long(csv, cw_buf_str(&csv->pending));
			row_start(csv);
			cw_buf_reset(&csv->pending);
			csv->skip_line = true;
		}
		if (r)
			return r < 0 ? r : 2;
		break;
	}
	*ret_used = used;
	return 0;
}

/* Passes over the rest of a line that is being left out. */
static size_t skip_line(struct csv *csv, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '\n' && text[i] != '\r')
			continue;
		csv->skip_line = false;
		csv->skip_lf = text[i] == '\r';
		return i + 1;
	}
	return len;
}

/* 0, 2 settled, or -errno. */
static int consume(struct csv *csv, const char *text, size_t len)
{
	while (len) {
		uint32_t end, piece;
		size_t used;
		int r;

		if (csv->skip_line) {
			used = skip_line(csv, text, len);
			text += used;
			len -= used;
			continue;
		}
		if (csv->pending.len) {
			r = consume_pending(csv, text, len, &used);
			if (r)
				return r;
			text += used;
			len -= used;
			continue;
		}
		if (csv->skip_lf) {
			csv->skip_lf = false;
			if (*text == '\n') {
				text++;
				len--;
				continue;
			}
		}
		piece = (uint32_t)CW_MIN(len, (size_t)PIECE_MAX);
		r = scan(csv, text, 0, piece, &end);
		if (r < 0 || r == 2)
			return r;
		if (r == 0) {
			r = cw_buf_append(&csv->pending, text, piece);
			if (r < 0)
				return r;
			end = piece;
		}
		text += end;
		len -= end;
	}
	return 0;
}

static int feed(void *state, const char *text, size_t len)
{
	int r = consume(state, text, len);

	return r == 2 ? 1 : r;
}

static int end(void *state)
{
	struct csv *csv = state;
	int r = 0;

	while (r == 0 && csv->pending.len) {
		if (csv->state == QUOTED) {
			r = give_up_line(csv);
			continue;
		}
		r = end_row(csv, cw_buf_str(&csv->pending), (uint32_t)csv->pending.len);
		cw_buf_reset(&csv->pending);
	}
	if (r < 0)
		return r;
	if (!csv->headed && !cw_record_failed(csv->record))
		cw_record_no_headings(csv->record);
	return 0;
}

const struct cw_format_ops cw_format_csv = {
	.format = CW_FORMAT_CSV,
	.noun = "CSV",
	.begin = begin,
	.feed = feed,
	.end = end,
	.free = csv_free,
};
