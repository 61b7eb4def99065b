/*
 * csv.h: the CSV files of the configuration (councils.csv, aliases.csv), read whole, with line numbers.
 *
 * RFC 4180, strictly: comma, double quotes doubled inside quotes, LF or CRLF, UTF-8 with or without a byte order
 * mark. The first row names the columns. These are small files that a person maintains; documents from outside
 * go through the normaliser's own streaming reader.
 */
#ifndef COUNCILWATCH_LIB_CSV_H
#define COUNCILWATCH_LIB_CSV_H

#include <councilwatch/base.h>
#include <councilwatch/error.h>
#include <councilwatch/text.h>

#define CW_CSV_COLUMNS_MAX 32
#define CW_CSV_SIZE_MAX (16u * 1024u * 1024u) /* bytes of one configuration file */

struct cw_csv {
	char *path; /* owned */
	char *data; /* owned; fields point into it, NUL-terminated */
	size_t len;
	size_t at;
	unsigned line;     /* where the next row begins */
	unsigned row_line; /* where the last row began */
	size_t n_columns;
	const char *columns[CW_CSV_COLUMNS_MAX];
	size_t n_fields;
	char *fields[CW_CSV_COLUMNS_MAX]; /* of the last row; borrowed until cw_csv_close */
};

/* Reads the file and its first row. 0 or -errno. close may follow either. */
int cw_csv_open(struct cw_csv *csv, const char *path, struct cw_error *err);
/* The same in two steps, for files that may be something else: the bytes into data ("-": of standard input), checked to be UTF-8;
 * then the first row. */
int cw_csv_read(struct cw_csv *csv, const char *path, struct cw_error *err);
int cw_csv_head(struct cw_csv *csv, struct cw_error *err);
void cw_csv_close(struct cw_csv *csv);
/* 1: a row is in fields, blank lines are skipped; 0: the end; -EINVAL: this row is malformed (err says where), and
 * reading may go on with the next. */
int cw_csv_next(struct cw_csv *csv, struct cw_error *err);
/* Position of a column, or -1. */
int cw_csv_column(const struct cw_csv *csv, const char *name);

#endif
