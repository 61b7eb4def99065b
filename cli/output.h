/*
 * output.h: how answers are written: tables for people, JSON for programs, CSV for spreadsheets.
 *
 * Whatever came from outside passes through cw_text_escape before it reaches a terminal. Colours are used only
 * on a terminal, and not when NO_COLOR is set (no-color.org) or TERM is "dumb".
 */
#ifndef CW_CLI_OUTPUT_H
#define CW_CLI_OUTPUT_H

#include <jansson.h>
#include <stdio.h>

#include <councilwatch/base.h>
#include <councilwatch/buf.h>
#include <councilwatch/clock.h>
#include <councilwatch/risk.h>
#include <councilwatch/text.h>

bool cw_out_wants_colour(FILE *out);

/* How wide lines may be: of the terminal, or what COLUMNS says; 0 = as long as they are (a file, a pipe). */
size_t cw_out_columns(FILE *out);
/* Text of ours and from outside, escaped, in lines of at most cw_out_columns; those after the first begin with so many blanks. at:
 * how far the first line is already. Ends the line. */
void cw_out_paragraph(FILE *out, size_t at, unsigned indent, const char *text);

/*
 * A table whose columns are as wide as their widest cell. Cells are escaped as they are added. Once memory
 * runs out, nothing more is added and cw_table_print says so. Where the terminal is too narrow, columns are left out that
 * say so, those with the highest number first; then the last column is wrapped, or goes below its row.
 */
struct cw_column {
	const char *heading;
	bool right;    /* numbers line up at their ends */
	unsigned drop; /* 0: never left out */
};
struct cw_cell {
	char *text;         /* owned, escaped */
	const char *colour; /* an SGR sequence, or NULL; static */
};
#define CW_TABLE_COLUMNS_MAX 16
struct cw_table {
	const struct cw_column *columns; /* borrowed */
	size_t n_columns;
	size_t n_cells, cap;
	struct cw_cell *cells; /* owned, row by row */
	size_t width;          /* places in a line; 0 = no limit. cw_table_print takes that of the terminal */
	int failed;
};
void cw_table_init(struct cw_table *table, const struct cw_column *columns, size_t n_columns);
void cw_table_clear(struct cw_table *table);
/* The next cell, from left to right. */
void cw_table_add(struct cw_table *table, const char *text);
void cw_table_add_coloured(struct cw_table *table, const char *text, const char *colour);
void cw_table_addf(struct cw_table *table, const char *fmt, ...) CW_PRINTF(2, 3);
/* Appends the table, with its headings and indented by so many blanks. 0 or -ENOMEM. */
int cw_table_format(const struct cw_table *table, unsigned indent, bool colour, struct cw_buf *out);
int cw_table_print(const struct cw_table *table, unsigned indent, bool colour, FILE *out);

/* Places on the screen that valid UTF-8 takes: code points, combining marks not counted. */
size_t cw_out_width(const char *text);

/* The colour of a level: an SGR sequence, or NULL for none. */
const char *cw_out_level_colour(enum cw_level level);
/* Writes text in a colour when colours are on. */
void cw_out_coloured(FILE *out, bool colour, const char *sgr, const char *text);

/* Writes text from outside, escaped. NULL is the empty text. */
void cw_out_text(FILE *out, const char *text);
void cw_out_str(FILE *out, struct cw_str text);
/* One field of a CSV row, quoted where RFC 4180 needs it. A text that a spreadsheet would run as a formula (it
 * begins with = + - @, a tab or a carriage return) gets an apostrophe in front; numbers of our own do not pass here. */
int cw_csv_field(struct cw_buf *out, bool first, const char *text);

/* How much was given out: JSON values, items of arrays and rows of CSV; and whether notes or rulings were in them. For the audit
 * log (record.h). What is written in another way is counted by whoever writes it: json may be NULL. */
void cw_out_count(uint64_t rows, const char *json);
uint64_t cw_out_rows(bool *ret_notes);
void cw_out_rows_clear(void);

/* One JSON value: indented, or on a single line for NDJSON. Takes the reference. 0 or -ENOMEM. */
int cw_out_json(FILE *out, json_t *value);
int cw_out_json_line(FILE *out, json_t *value);

/* An array too long to hold: begin, any number of items (references taken), end. */
struct cw_json_array {
	FILE *out;
	bool any;
	int failed;
};
void cw_json_array_begin(struct cw_json_array *array, FILE *out);
void cw_json_array_item(struct cw_json_array *array, json_t *item);
int cw_json_array_end(struct cw_json_array *array);

/* Adds a member and takes the reference; remembers failure in *failed, so that many can be set and one looked at. */
void cw_json_set(json_t *object, const char *name, json_t *value, int *failed);
/* A time or day as text, null when there is none. */
json_t *cw_json_wall(struct cw_wall t);
json_t *cw_json_day(int32_t day);
json_t *cw_json_str(struct cw_str text);
/* Members of JSON that another process sent; the default when absent or of another type. */
const char *cw_json_get_text(const json_t *object, const char *name, const char *otherwise);
int64_t cw_json_get_integer(const json_t *object, const char *name, int64_t otherwise);
bool cw_json_get_bool(const json_t *object, const char *name, bool otherwise);

/* Flushes; 0, or CW_EXIT_NO after a message. A reader that went away (EPIPE) is no failure of ours. */
int cw_out_finish(FILE *out, int status);

#endif
