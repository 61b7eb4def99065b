/*
 * sheet.h: rows of a spreadsheet's sheets to rows of the record: which sheet, where its headings are, where a table ends.
 *
 * A format says what stands in which cell; merged cells are told with their size. What is below the headings of the record is
 * handed on, one row at a time, under the row's number in its sheet, as spreadsheet programs show it.
 *
 *  - Sheets: those whose name the feed's "sheet" matches; without it all are looked through and the first that has the
 *    headings is the one.
 *  - Headings: within the first CW_HEADINGS_WITHIN rows that hold anything. With "heading_rows" over 1 the text of a column's
 *    stacked headings, joined by blanks, is its heading, and so is each of them alone. Of columns with the same heading,
 *    the second is also "heading #2", and so on. A merged cell counts in each row and column that it covers.
 *    With "column_groups", columns stand in groups under the stacked headings, as those of each year do, and each group
 *    makes a row of its own. Two columns are not in the sheet: "Sheet name", and "Column group", the heading of the group.
 *  - Tables: a later row that names the council's column is the headings of another table in the sheet. When the record finds
 *    all it needs in it, that table is read on by its headings; when not, its rows are left out and counted.
 *    So is what stands below a gap and words alone in columns that held numbers, when they name no council: the headings of a
 *    table that has another name for the column.
 *  - Rows with no more than one of the record's columns filled, right above such headings or at the end of the sheet, are
 *    titles and notes: left out and counted. Rows without anything in them are not counted, of which a sheet has a million.
 */
#ifndef CW_NORMALISER_SHEET_H
#define CW_NORMALISER_SHEET_H

#include "record.h"

struct cw_sheets;

enum cw_cell_kind {
	CW_CELL_TEXT,
	CW_CELL_NUMBER,
	CW_CELL_DATE, /* its text is ISO 8601, whatever the feed's date_format says */
};

/* record is borrowed until free. */
int cw_sheets_new(struct cw_record *record, struct cw_sheets **ret);
void cw_sheets_free(struct cw_sheets *sheets); /* NULL is fine */

/* A sheet begins. 1: read its rows; 0: leave it out; or -errno. */
int cw_sheets_begin(struct cw_sheets *sheets, struct cw_str name);
/* Has the feed all it wants, so that further sheets need not be opened? */
bool cw_sheets_enough(const struct cw_sheets *sheets);

/* Rows in order; each is begun, given its cells, and ended. number is from 1, column from 0. */
int cw_sheets_row(struct cw_sheets *sheets, uint64_t number);
/* One cell that stands columns x rows (merged), or one repeated in so many columns with rows 1. */
int cw_sheets_cell(struct cw_sheets *sheets, uint32_t column, uint32_t columns, uint32_t rows, enum cw_cell_kind kind,
                   struct cw_str text, struct cw_str href);
/* repeat: rows that are the same, this one included. */
int cw_sheets_row_end(struct cw_sheets *sheets, uint64_t repeat);
int cw_sheets_end(struct cw_sheets *sheets);
/* After the last sheet: what is missing, if anything. */
void cw_sheets_finish(struct cw_sheets *sheets);

/* The shortest digits that read back as the same number. Room for 32 bytes. */
struct cw_str cw_sheets_number(double value, char *ret);
/* A percentage as people read it: 0.023 is 2.3. */
struct cw_str cw_sheets_percentage(double value, char *ret);
/* A day, or a moment of it when seconds are not 0, as ISO 8601. Room for 32 bytes. */
struct cw_str cw_sheets_date(int32_t day, unsigned seconds, char *ret);
/* Error values (#N/A, #DIV/0!) are absent, not text. */
bool cw_sheets_is_error(struct cw_str text);
/* The first address that a formula links to, HYPERLINK("address"…); else empty. */
struct cw_str cw_sheets_formula_link(struct cw_str formula);

#endif
