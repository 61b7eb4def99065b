/*
 * A table in an HTML page, by libxml2's push parser for HTML: no tree is built, nothing is loaded, no entity is
 * defined by the page.
 *
 * The table is the first one whose rows have the feed's headings among the first CW_HEADINGS_WITHIN, or the one the feed counts
 * out. Tables inside tables (pages laid out with tables) are looked at by themselves: what is in an inner
 * one is not text of the outer one's cell. Cells that span columns or rows count in each of them.
 */
#include <errno.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "format.h"
#include "html_push.h"

#define TABLES_DEEP 8u
#define SLOPPY 32               /* elements that may stay open in a table before they are dropped */
#define SPAN_MAX 65534u         /* as in the HTML standard */
#define SPANNED_MAX (16u << 20) /* bytes that row spans may repeat in one document */

struct cell {
	uint32_t text, text_len; /* into text */
	uint32_t href, href_len; /* into hrefs */
	uint32_t columns, rows;
};

struct span {
	uint32_t left;     /* rows it still covers */
	char *text, *href; /* owned */
	size_t text_len, href_len;
};

struct table {
	unsigned number; /* in the page, from 1 */
	int level;       /* elements open with it, as libxml2 counts them */
	unsigned mute;   /* of those, muted ones */
	bool headed;     /* this is the one, and its headings have been seen */
	bool in_head;
	unsigned tried; /* rows tried as headings */
	bool in_row, in_cell, blank_due, row_too_long;
	struct cw_buf text, hrefs;
	size_t n_cells;
	struct cell *cells;
	size_t cap_cells;
	size_t n_spans;
	struct span *spans; /* by column */
};

struct html {
	struct cw_record *record;
	struct html_push push;
	bool chosen; /* a table has been found to be the one; those inside it are not */
	unsigned n_tables;
	unsigned depth; /* tables open now */
	unsigned mute;  /* inside so many elements whose text is not shown */
	struct table tables[TABLES_DEEP];
	size_t spanned;
	uint64_t row;
	struct cw_str *texts; /* of one row, by column */
	struct cw_str *links;
	size_t n_columns;
	struct cw_cell *row_cells;
};

static void stop(struct html *html, int error)
{
	html_push_stop(&html->push, error);
}

static void fail(struct html *html, enum cw_reason reason, const char *what, unsigned limit)
{
	html_push_fail(&html->push, reason, what, limit);
}

static struct table *current(struct html *html)
{
	return html->depth && html->depth <= TABLES_DEEP ? &html->tables[html->depth - 1] : NULL;
}

/* --- a whole row --- */

static void drop_spans(struct table *table)
{
	for (size_t i = 0; i < table->n_spans; i++) {
		free(table->spans[i].text);
		free(table->spans[i].href);
	}
	free(table->spans);
	table->spans = NULL;
	table->n_spans = 0;
}

static int keep_span(struct table *table, size_t column, struct cw_str text, struct cw_str href, uint32_t rows)
{
	struct span *span;

	if (column >= table->n_spans) {
		size_t n = CW_MIN((size_t)CW_COLUMNS_MAX, column + 32);
		struct span *spans = realloc(table->spans, n * sizeof(*spans));

		if (!spans)
			return -ENOMEM;
		memset(spans + table->n_spans, 0, (n - table->n_spans) * sizeof(*spans));
		table->spans = spans;
		table->n_spans = n;
	}
	span = &table->spans[column];
	free(span->text);
	free(span->href);
	span->text = malloc(text.len + 1);
	span->href = malloc(href.len + 1);
	span->left = rows;
	span->text_len = text.len;
	span->href_len = href.len;
	if (!span->text || !span->href)
		return -ENOMEM;
	memcpy(span->text, text.at, text.len);
	memcpy(span->href, href.at, href.len);
	return 0;
}

static int put_column(struct html *html, struct cw_str text, struct cw_str href)
{
	if (html->n_columns == CW_COLUMNS_MAX)
		return 1;
	html->texts[html->n_columns] = text;
	html->links[html->n_columns++] = href;
	return 0;
}

/* Columns that cells of earlier rows still cover. 0, 1 too many columns, or -errno. */
static int put_spans(struct html *html, struct table *table)
{
	while (html->n_columns < table->n_spans && table->spans[html->n_columns].left) {
		struct span *span = &table->spans[html->n_columns];

		html->spanned += span->text_len + span->href_len;
		span->left--;
		if (put_column(html, (struct cw_str){ span->text, span->text_len },
		               (struct cw_str){ span->href, span->href_len }))
			return 1;
	}
	return 0;
}

/* The row's cells, one per column. */
static int lay_out(struct html *html, struct table *table)
{
	int r;

	html->n_columns = 0;
	for (size_t i = 0; i < table->n_cells; i++) {
		const struct cell *cell = &table->cells[i];
		struct cw_str text = { cw_buf_str(&table->text) + cell->text, cell->text_len };
		struct cw_str href = { cw_buf_str(&table->hrefs) + cell->href, cell->href_len };

		r = put_spans(html, table);
		for (uint32_t k = 0; k < cell->columns && r == 0; k++) {
			if (cell->rows > 1) {
				html->spanned += text.len + href.len;
				if (html->spanned > SPANNED_MAX)
					return 1;
				r = html->n_columns < CW_COLUMNS_MAX
				        ? keep_span(table, html->n_columns, text, href, cell->rows - 1)
				        : 1;
			}
			if (r == 0)
				r = put_column(html, text, href);
		}
		if (r)
			return r;
	}
	return put_spans(html, table);
}

static bool blank_row(const struct html *html)
{
	for (size_t i = 0; i < html->n_columns; i++)
		if (html->texts[i].len || html->links[i].len)
			return false;
	return true;
}

static int headings_row(struct html *html, struct table *table)
{
	unsigned wanted = cw_record_feed(html->record)->table;
	int r;

	if (html->chosen || (wanted && wanted != table->number) || table->tried >= CW_HEADINGS_WITHIN ||
	    !html->n_columns)
		return 0;
	table->tried++;
	r = cw_record_headings(html->record, html->texts, html->n_columns);
	if (r > 0)
		table->headed = html->chosen = true;
	return r < 0 ? r : 0;
}

static int data_row(struct html *html, struct table *table, bool wide)
{
	size_t n_slots = cw_record_slots(html->record);
	struct cw_str first = { "", 0 };
	int r;

	html->row++;
	if (table->row_too_long)
		return cw_record_bad_row(html->record, html->row, first, "over %u bytes long", CW_ROW_MAX);
	if (wide)
		return cw_record_bad_row(html->record, html->row, first, "over %u cells", CW_COLUMNS_MAX);
	if (blank_row(html))
		return cw_record_blank(html->record);
	for (size_t i = 0; i < html->n_columns && !first.len; i++)
		first = html->texts[i];
	if (html->n_columns <= cw_record_last_column(html->record))
		return cw_record_bad_row(html->record, html->row, first, "it has %zu of the %zu columns needed",
		                         html->n_columns, cw_record_last_column(html->record) + 1);
	for (size_t i = 0; i < n_slots; i++) {
		int place = cw_record_place(html->record, i);

		if (place >= 0)
			html->row_cells[i] = (struct cw_cell){ html->texts[place], html->links[place], NULL };
	}
	r = cw_record_repeats(html->record, html->row_cells);
	if (r == 0)
		return cw_record_row(html->record, html->row, html->row_cells);
	html->row--;
	return r < 0 ? r : 0;
}

static void end_cell(struct table *table)
{
	struct cell *cell;

	if (!table->in_cell)
		return;
	table->in_cell = table->blank_due = false;
	cell = &table->cells[table->n_cells - 1];
	cell->text_len = (uint32_t)table->text.len - cell->text;
}

static void end_row(struct html *html, struct table *table)
{
	int r;

	if (!table->in_row || html->push.settled)
		return;
	end_cell(table);
	table->in_row = false;
	r = lay_out(html, table);
	if (r >= 0 && html->spanned > SPANNED_MAX) {
		fail(html, CW_REASON_TOO_LARGE, "cells that span rows repeat too many bytes", SPANNED_MAX);
		return;
	}
	if (r >= 0) {
		if (!table->headed)
			r = r > 0 || table->row_too_long ? 0 : headings_row(html, table);
		else
			r = table->in_head ? 0 : data_row(html, table, r > 0);
	}
	if (r < 0)
		stop(html, r);
}

static int start_row(struct table *table)
{
	table->in_row = true;
	table->row_too_long = false;
	table->n_cells = 0;
	cw_buf_reset(&table->text);
	cw_buf_reset(&table->hrefs);
	return 0;
}

static uint32_t span_of(const xmlChar **atts, const char *name, uint32_t max)
{
	for (size_t i = 0; atts && atts[i]; i += 2) {
		const char *digits = (const char *)atts[i + 1];
		uint32_t n = 0;

		if (!digits || strcmp((const char *)atts[i], name) != 0)
			continue;
		while (*digits == ' ')
			digits++;
		for (; *digits >= '0' && *digits <= '9' && n <= max; digits++)
			n = n * 10 + (uint32_t)(*digits - '0');
		return CW_MIN(n, max);
	}
	return 1;
}

static void start_cell(struct html *html, struct table *table, const xmlChar **atts)
{
	struct cell *cell;

	if (!table->in_row)
		start_row(table);
	end_cell(table);
	if (table->n_cells == table->cap_cells) {
		size_t n = table->cap_cells ? table->cap_cells * 2 : 32;
		struct cell *cells;

		if (n > 2 * CW_COLUMNS_MAX) {
			table->row_too_long = true;
			return;
		}
		cells = realloc(table->cells, n * sizeof(*cells));
		if (!cells) {
			stop(html, -ENOMEM);
			return;
		}
		table->cells = cells;
		table->cap_cells = n;
	}
	cell = &table->cells[table->n_cells++];
	*cell = (struct cell){ .text = (uint32_t)table->text.len, .href = (uint32_t)table->hrefs.len };
	cell->columns = CW_MAX(span_of(atts, "colspan", 1000), 1u);
	cell->rows = span_of(atts, "rowspan", SPAN_MAX);
	if (cell->rows == 0) /* to the end of its group */
		cell->rows = SPAN_MAX;
	table->in_cell = true;
	table->blank_due = false;
}

static void link_in_cell(struct html *html, struct table *table, const xmlChar **atts)
{
	struct cell *cell = &table->cells[table->n_cells - 1];

	for (size_t i = 0; atts && atts[i] && !cell->href_len; i += 2) {
		size_t len;

		if (strcmp((const char *)atts[i], "href") != 0 || !atts[i + 1])
			continue;
		/* One byte over the limit is enough for the record to see that it is too long. */
		len = CW_MIN(strlen((const char *)atts[i + 1]), (size_t)CW_URL_MAX + 1);
		cell->href = (uint32_t)table->hrefs.len;
		if (cw_buf_append(&table->hrefs, atts[i + 1], len) == 0)
			cell->href_len = (uint32_t)len;
		else if (table->hrefs.failed == -ENOMEM)
			stop(html, -ENOMEM);
		else
			table->row_too_long = true;
	}
}

/* --- libxml2's handlers --- */

static bool is(const xmlChar *name, const char *word)
{
	return !strcmp((const char *)name, word);
}

static bool is_any(const xmlChar *name, const char *const *words)
{
	for (; *words; words++)
		if (is(name, *words))
			return true;
	return false;
}

static const char *const muted[] = { "script", "style", "template", "noscript", NULL };
static const char *const sections[] = { "thead", "tbody", "tfoot", NULL };
/* Elements whose edges part words. */
static const char *const parting[] = { "br", "p",  "div", "li", "ul", "ol", "h1",  "h2",         "h3",
	                               "h4", "h5", "h6",  "dt", "dd", "hr", "pre", "blockquote", NULL };

static void start_table(struct html *html)
{
	struct table *table;

	html->n_tables++;
	html->depth++;
	table = current(html);
	if (!table)
		return;
	table->number = html->n_tables;
	table->level = html->push.parser->nameNr;
	table->mute = html->mute;
	table->headed = table->in_head = table->in_row = table->in_cell = false;
	table->tried = 0;
	drop_spans(table);
}

static void end_table(struct html *html)
{
	struct table *table = current(html);

	if (!html->depth)
		return;
	if (table) {
		end_row(html, table);
		drop_spans(table);
		if (table->headed && !html->push.settled)
			stop(html, 0);
	}
	html->depth--;
}

/*
 * A row ends whatever was left open in the rows before it ("clear the stack back to a table body context" in the HTML
 * standard). libxml2 would keep a <b> that is never closed in each of a thousand rows open to the end of the page,
 * and be refused for its depth. Its stack holds names that its dictionary owns, so dropping some leaks nothing.
 */
static void clear_to_table(struct html *html, const struct table *table, const xmlChar *row)
{
	htmlParserCtxtPtr parser = html->push.parser;

	html->mute = table->mute;
	if (table->level < 1 || parser->nameNr <= table->level + SLOPPY)
		return;
	parser->nameTab[table->level] = row;
	parser->nameNr = table->level + 1;
	parser->name = row;
}

static void start_element(void *arg, const xmlChar *name, const xmlChar **atts)
{
	struct html *html = arg;
	struct table *table = current(html);

	if (html->push.settled)
		return;
	if (html->push.parser->nameNr > (int)CW_DEPTH_MAX) {
		fail(html, CW_REASON_TOO_LARGE, "elements are nested too deep", CW_DEPTH_MAX);
		return;
	}
	if (is_any(name, muted)) {
		html->mute++;
	} else if (is(name, "table")) {
		start_table(html);
	} else if (!table) {
		return;
	} else if (is(name, "tr")) {
		end_row(html, table);
		start_row(table);
		clear_to_table(html, table, name);
	} else if (is(name, "td") || is(name, "th")) {
		start_cell(html, table, atts);
	} else if (is_any(name, sections)) {
		end_row(html, table);
		drop_spans(table);
		table->in_head = is(name, "thead");
	} else if (table->in_cell && is(name, "a")) {
		link_in_cell(html, table, atts);
	} else if (is_any(name, parting)) {
		table->blank_due = true;
	}
}

static void end_element(void *arg, const xmlChar *name)
{
	struct html *html = arg;
	struct table *table = current(html);

	if (html->push.settled)
		return;
	if (is_any(name, muted)) {
		html->mute -= html->mute > 0;
	} else if (is(name, "table")) {
		end_table(html);
	} else if (!table) {
		return;
	} else if (is(name, "tr")) {
		end_row(html, table);
	} else if (is(name, "td") || is(name, "th")) {
		end_cell(table);
	} else if (is_any(name, sections)) {
		end_row(html, table);
		drop_spans(table);
		table->in_head = false;
	} else if (is_any(name, parting)) {
		table->blank_due = true;
	}
}

/* White space: ASCII's and U+00A0, which tables are full of. */
static size_t blank_at(const char *at, size_t left)
{
	unsigned char c = (unsigned char)*at;

	if (c == ' ' || (c >= '\t' && c <= '\r'))
		return 1;
	return left >= 2 && c == 0xc2 && (unsigned char)at[1] == 0xa0 ? 2 : 0;
}

static void characters(void *arg, const xmlChar *text, int n)
{
	struct html *html = arg;
	struct table *table = current(html);
	const char *at = (const char *)text;
	size_t left = n > 0 ? (size_t)n : 0;
	struct cell *cell;

	if (html->push.settled || html->mute || !table || !table->in_cell)
		return;
	cell = &table->cells[table->n_cells - 1];
	while (left) {
		size_t blank = blank_at(at, left), run = 0;

		if (blank) {
			table->blank_due = true;
			at += blank;
			left -= blank;
			continue;
		}
		while (run < left && !blank_at(at + run, left - run))
			run++;
		/* A cell is kept until it is just too long; if its column is needed the record will say so. */
		if (table->text.len - cell->text <= CW_FIELD_MAX) {
			if (table->blank_due && table->text.len > cell->text)
				cw_buf_putc(&table->text, ' ');
			cw_buf_append(&table->text, at, run);
		}
		table->blank_due = false;
		at += run;
		left -= run;
	}
	if (table->text.failed == -ENOMEM)
		stop(html, -ENOMEM);
	else if (table->text.failed)
		table->row_too_long = true;
}

static void nothing(void *arg, const xmlChar *text, int n)
{
	(void)arg;
	(void)text;
	(void)n;
}

/* --- the format --- */

static void html_free(void *state)
{
	struct html *html = state;

	if (!html)
		return;
	html_push_close(&html->push);
	for (size_t i = 0; i < TABLES_DEEP; i++) {
		cw_buf_clear(&html->tables[i].text);
		cw_buf_clear(&html->tables[i].hrefs);
		free(html->tables[i].cells);
		drop_spans(&html->tables[i]);
	}
	free(html->texts);
	free(html->links);
	free(html->row_cells);
	free(html);
}

static int begin(struct cw_record *record, void **ret)
{
	static const htmlSAXHandler handlers = {
		.startElement = start_element,
		.endElement = end_element,
		.characters = characters,
		.ignorableWhitespace = characters,
		.cdataBlock = nothing, /* scripts and styles */
	};
	struct html *html = calloc(1, sizeof(*html));
	int r;

	*ret = html;
	if (!html)
		return -ENOMEM;
	html->record = record;
	for (size_t i = 0; i < TABLES_DEEP; i++) {
		cw_buf_init(&html->tables[i].text, CW_ROW_MAX + CW_FIELD_MAX);
		cw_buf_init(&html->tables[i].hrefs, CW_ROW_MAX);
	}
	html->texts = calloc(CW_COLUMNS_MAX, sizeof(*html->texts));
	html->links = calloc(CW_COLUMNS_MAX, sizeof(*html->links));
	html->row_cells = calloc(cw_record_slots(record) + 1, sizeof(*html->row_cells));
	r = html_push_open(&html->push, record, &handlers, html);
	if (r < 0 || !html->texts || !html->links || !html->row_cells)
		return -ENOMEM;
	return 0;
}

static int feed(void *state, const char *text, size_t len)
{
	struct html *html = state;

	return html_push_feed(&html->push, text, len);
}

static int end(void *state)
{
	struct html *html = state;
	unsigned wanted = cw_record_feed(html->record)->table;
	int r = 0;

	if (!html->push.settled)
		r = html_push_end(&html->push);
	while (r >= 0 && !html->push.settled && html->depth)
		end_table(html);
	if (r < 0 || html->push.error)
		return r < 0 ? r : html->push.error;
	if (html->chosen || html->push.settled)
		return 0;
	if (!html->n_tables)
		cw_record_fail(html->record, CW_REASON_UNPARSABLE, "there is no table in it");
	else if (wanted > html->n_tables)
		cw_record_fail(html->record, CW_REASON_UNPARSABLE, "it has %u tables; the feed wants table %u",
		               html->n_tables, wanted);
	else
		cw_record_no_headings(html->record);
	return 0;
}

const struct cw_format_ops cw_format_html_table = {
	.format = CW_FORMAT_HTML_TABLE,
	.noun = "an HTML page with a table",
	.markup = true,
	.begin = begin,
	.feed = feed,
	.end = end,
	.free = html_free,
};
