/*
 * json.h: JSON from outside, as the formats that read it share it: whole documents and documents of one object per line.
 *
 * Members may not repeat, nesting and the number of values have a ceiling, and a line that is not an object
 * is a bad row while the lines behind it are still read.
 */
#ifndef CW_NORMALISER_JSON_H
#define CW_NORMALISER_JSON_H

#include <jansson.h>

#include "record.h"

/* Values in one document: each costs memory many times its text. */
#define CW_JSON_VALUES_MAX 4000000u

/* One row. row counts from 1. 0 or -errno. */
typedef int cw_json_row_fn(void *arg, uint64_t row, const json_t *object);
/* Before the rows of a whole document, with its array; may be NULL. 0; 1: the document is settled; -errno. */
typedef int cw_json_rows_fn(void *arg, const json_t *array);

struct cw_json_reader;

/* rows_at: path of the array in a whole document, NULL = the top (where one object is one row). lines: one object per line; with
 * either, a document whose first character is '[' is a whole one. */
struct cw_json_options {
	bool lines, either;
	const char *rows_at; /* borrowed */
	cw_json_row_fn *row;
	cw_json_rows_fn *rows;
	void *arg;
};
int cw_json_reader_new(struct cw_record *record, const struct cw_json_options *options, struct cw_json_reader **ret);
void cw_json_reader_free(struct cw_json_reader *reader);
/* As in struct cw_format_ops. */
int cw_json_reader_feed(struct cw_json_reader *reader, const char *text, size_t len);
int cw_json_reader_end(struct cw_json_reader *reader);

/* "an array", for messages. */
const char *cw_json_type_name(const json_t *value);

#endif
