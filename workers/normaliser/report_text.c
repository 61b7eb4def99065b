/* Spans to rows to words. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <councilwatch/buf.h>
#include <councilwatch/limits.h>

#include "report.h"

void cw_report_text_init(struct cw_report_text *text)
{
	*text = (struct cw_report_text){ 0 };
	cw_buf_init(&text->text, CW_REPORT_TEXT_MAX);
	cw_buf_init(&text->folds, CW_REPORT_TEXT_MAX);
}

void cw_report_text_clear(struct cw_report_text *text)
{
	cw_buf_clear(&text->text);
	cw_buf_clear(&text->folds);
	free(text->spans);
	free(text->rows);
	free(text->words);
	cw_report_text_init(text);
}

int cw_report_text_add(struct cw_report_text *text, float x0, float y0, float x1, float y1, struct cw_str span)
{
	int r;

	span = cw_str_trim(span);
	/* What is not a number would not stay in any order. */
	if (!span.len || !(x0 > -100000 && x1 < 100000 && x0 <= x1 && y0 > -100000 && y1 < 100000 && y0 <= y1))
		return 0;
	r = cw_grow(&text->spans, &text->cap_spans, text->n_spans, sizeof(*text->spans));
	if (r < 0)
		return r;
	text->spans[text->n_spans] = (struct cw_report_span){ x0, x1, y0, y1, (uint32_t)text->text.len, (uint32_t)span.len };
	r = cw_buf_append(&text->text, span.at, span.len);
	if (r == 0)
		r = cw_buf_putc(&text->text, '\n');
	if (r < 0)
		return r;
	text->n_spans++;
	return 0;
}

/* --- words --- */

uint32_t cw_report_character(const unsigned char *at, size_t left, size_t *ret_len)
{
	size_t n = *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
	uint32_t c = *at < 0x80 ? *at : *at & (0xffu >> (n + 1));

	*ret_len = 1;
	if (n > left || (*at >= 0x80 && *at < 0xc2))
		return 0xfffd;
	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0xfffd;
		c = c << 6 | (at[i] & 0x3f);
	}
	*ret_len = n;
	return c;
}

static bool is_blank(uint32_t c)
{
	return c <= 0x20 || c == 0xa0 || (c >= 0x2000 && c <= 0x200b) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	       c == 0x3000 || c == 0xfeff;
}

/* A dash parts words as a blank does; a hyphen does not. Some writers draw it with what looks like one: a rule of a box, the dash of
 * an old Windows, that of a symbol font. */
bool cw_report_is_dash(uint32_t c)
{
	static const uint32_t dashes[] = { 0x96,   0x97,   0x2012, 0x2013, 0x2014, 0x2015, 0x2043, 0x2053, 0x2212, 0x23af, 0x2500,
		                           0x2501, 0x2796, 0x2e3a, 0x2e3b, 0xf02d, 0xf0be, 0xfe31, 0xfe58, 0xff0d };

	if (c < 0x80)
		return false;
	for (size_t i = 0; i < CW_ARRAY_LEN(dashes); i++)
		if (dashes[i] == c)
			return true;
	return false;
}

static int put_folded(struct cw_buf *out, uint32_t c)
{
	static const char *const ligatures[] = { "ff", "fi", "fl", "ffi", "ffl", "st", "st" };

	if (c == 0xad)
		return 0;
	if (c >= 0xfb00 && c <= 0xfb06)
		return cw_buf_puts(out, ligatures[c - 0xfb00]);
	if (c == 0x2018 || c == 0x2019 || c == 0x201b || c == 0x2bc || c == '`' || c == 0xb4)
		return cw_buf_putc(out, '\'');
	if (c == 0x2010 || c == 0x2011)
		return cw_buf_putc(out, '-');
	if (c >= 'A' && c <= 'Z')
		return cw_buf_putc(out, (int)(c - 'A' + 'a'));
	if (c < 0x80)
		return cw_buf_putc(out, (int)c);
	/* Others are not in any phrase that is looked for. */
	return cw_buf_putc(out, 0x7f);
}

static bool is_letter(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || c == 0x7f;
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

/* Takes punctuation off both ends of what stands in folds from `from`. */
static void trim_word(struct cw_report_text *text, size_t from, struct cw_report_word *word)
{
	unsigned char *at = text->folds.data + from;
	size_t n = text->folds.len - from, start = 0;

	word->after = 0;
	while (n && !is_letter(at[n - 1]) && !is_digit(at[n - 1])) {
		char c = (char)at[n - 1];

		if (c == '.' || c == ':' || c == ';' || c == ',' || c == '?' || c == '!')
			word->after = c;
		n--;
	}
	while (start < n && !is_letter(at[start]) && !is_digit(at[start]))
		start++;
	/* "board1": the number of a footnote. */
	if (start < n && is_letter(at[start]))
		while (n > start + 3 && is_digit(at[n - 1]))
			n--;
	word->folded = (uint32_t)(from + start);
	word->n = (uint32_t)(n - start);
}

static int add_word(struct cw_report_text *text, uint32_t row, uint32_t span, uint32_t at, uint32_t len, size_t from)
{
	struct cw_report_word *word;
	int r;

	if (text->folds.len == from)
		return 0;
	if (text->n_words == CW_REPORT_WORDS_MAX)
		return -EMSGSIZE;
	r = cw_grow(&text->words, &text->cap_words, text->n_words, sizeof(*text->words));
	if (r < 0)
		return r;
	word = &text->words[text->n_words];
	*word = (struct cw_report_word){ .row = row, .span = span, .at = at, .len = len };
	trim_word(text, from, word);
	/* Bullets and dashes are no words. */
	if (!word->n)
		return 0;
	word->first = !text->n_words || text->words[text->n_words - 1].row != row;
	word->last = true;
	if (!word->first)
		text->words[text->n_words - 1].last = false;
	text->n_words++;
	return 0;
}

static int add_words(struct cw_report_text *text, uint32_t row, uint32_t index)
{
	const struct cw_report_span *span = &text->spans[index];
	size_t at = span->at, end = at + span->len, from = text->folds.len, start = at, n;
	int r = 0;

	for (; at < end && r == 0; at += n) {
		uint32_t c = cw_report_character(text->text.data + at, end - at, &n);

		if (!is_blank(c) && !cw_report_is_dash(c)) {
			if (text->folds.len == from)
				start = at;
			r = put_folded(&text->folds, c);
			continue;
		}
		r = add_word(text, row, index, (uint32_t)start, (uint32_t)(at - start), from);
		from = text->folds.len;
	}
	return r < 0 ? r : add_word(text, row, index, (uint32_t)start, (uint32_t)(end - start), from);
}

/* --- rows --- */

static float middle(const struct cw_report_span *span)
{
	return (span->y0 + span->y1) / 2;
}

static int by_y(const void *a, const void *b)
{
	float x = middle(a), y = middle(b);

	if (x != y)
		return x < y ? -1 : 1;
	x = ((const struct cw_report_span *)a)->x0;
	y = ((const struct cw_report_span *)b)->x0;
	return x < y ? -1 : x > y;
}

static int by_x(const void *a, const void *b)
{
	const struct cw_report_span *s = a, *t = b;

	if (s->x0 != t->x0)
		return s->x0 < t->x0 ? -1 : 1;
	return s->at < t->at ? -1 : s->at > t->at;
}

static int add_row(struct cw_report_text *text, size_t first, size_t n)
{
	struct cw_report_row *row;
	int r = cw_grow(&text->rows, &text->cap_rows, text->n_rows, sizeof(*text->rows));

	if (r < 0)
		return r;
	qsort(text->spans + first, n, sizeof(*text->spans), by_x);
	row = &text->rows[text->n_rows];
	*row = (struct cw_report_row){ .page = text->n_pages, .first = (uint32_t)first, .n = (uint32_t)n };
	row->y0 = text->spans[first].y0;
	row->y1 = text->spans[first].y1;
	for (size_t i = 0; i < n; i++) {
		row->y0 = CW_MIN(row->y0, text->spans[first + i].y0);
		row->y1 = CW_MAX(row->y1, text->spans[first + i].y1);
	}
	text->n_rows++;
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_words(text, (uint32_t)text->n_rows - 1, (uint32_t)(first + i));
	return r;
}

int cw_report_text_end_page(struct cw_report_text *text)
{
	size_t first = text->page_spans, end = text->n_spans;
	int r = 0;

	if (text->n_pages == CW_REPORT_PAGES_MAX)
		return -EMSGSIZE;
	text->n_pages++;
	if (end > first)
		qsort(text->spans + first, end - first, sizeof(*text->spans), by_y);
	for (size_t i = first, n; i < end && r == 0; i += n) {
		const struct cw_report_span *one = &text->spans[i];
		float near = (one->y1 - one->y0) * 0.4f;

		/* A row is what stands at one height, but for a superscript or a smaller font. */
		for (n = 1; i + n < end && middle(&text->spans[i + n]) - middle(one) <= near; n++)
			;
		r = add_row(text, i, n);
	}
	text->page_spans = end;
	return r;
}

/* --- lines of text --- */

#define COLUMN 5.0f
#define LINE 12.0f

static int add_line(struct cw_report_text *text, unsigned number, struct cw_str line)
{
	float y = (float)number * LINE;
	size_t at = 0, column = 0;

	while (at < line.len) {
		size_t start = at, start_column = column, end, blanks = 0;
		int r;

		for (end = at; at < line.len && blanks < 3; at++) {
			blanks = line.at[at] == ' ' || line.at[at] == '\t' ? blanks + 1 : 0;
			if (!blanks)
				end = at + 1;
			column += ((unsigned char)line.at[at] & 0xc0) != 0x80;
		}
		while (at < line.len && (line.at[at] == ' ' || line.at[at] == '\t'))
			at++, column++;
		/* Blanks at the beginning of a line are its indent. */
		while (start < end && line.at[start] == ' ')
			start++, start_column++;
		r = cw_report_text_add(text, (float)start_column * COLUMN, y,
		                       (float)(start_column + (end - start)) * COLUMN, y + LINE - 2,
		                       (struct cw_str){ line.at + start, end - start });
		if (r < 0)
			return r;
	}
	return 0;
}

int cw_report_text_lines(struct cw_report_text *text, struct cw_str lines)
{
	unsigned number = 0;
	size_t start = 0;
	int r = 0;

	for (size_t i = 0; i <= lines.len && r == 0; i++) {
		if (i < lines.len && lines.at[i] != '\n' && lines.at[i] != '\f')
			continue;
		if (number < 8000)
			r = add_line(text, number++, (struct cw_str){ lines.at + start, i - start });
		start = i + 1;
		if (r == 0 && (i == lines.len || lines.at[i] == '\f')) {
			r = cw_report_text_end_page(text);
			number = 0;
		}
	}
	return r;
}
