#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "csv.h"

/* "-" is standard input. */
static int read_whole(struct cw_csv *csv, const char *path, struct cw_error *err)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	size_t cap = 0;
	int r = 0;

	if (!file)
		return cw_error_at(err, -errno, csv->path, 0, 0, "cannot be read: %s", strerror(errno));
	for (;;) {
		size_t n;

		if (csv->len + 1 >= cap) {
			char *data;

			cap = cap ? cap * 2 : 65536;
			data = realloc(csv->data, cap);
			if (!data) {
				r = cw_error_nomem(err);
				break;
			}
			csv->data = data;
		}
		n = fread(csv->data + csv->len, 1, cap - csv->len - 1, file);
		csv->len += n;
		if (csv->len > CW_CSV_SIZE_MAX) {
			r = cw_error_at(err, -EFBIG, csv->path, 0, 0, "is larger than %u bytes", CW_CSV_SIZE_MAX);
			break;
		}
		if (n == 0) {
			if (ferror(file))
				r = cw_error_at(err, -EIO, csv->path, 0, 0, "cannot be read: %s", strerror(errno));
			break;
		}
	}
	if (file != stdin)
		fclose(file);
	if (r == 0) {
		char *fits = realloc(csv->data, csv->len + 1);

		csv->data = fits ? fits : csv->data;
		csv->data[csv->len] = '\0';
	}
	return r;
}

/* The first line that is not UTF-8, or 0. */
static unsigned invalid_line(const char *data, size_t len)
{
	unsigned line = 1;

	if (cw_utf8_valid(data, len))
		return 0;
	for (size_t from = 0; from < len; line++) {
		const char *end = memchr(data + from, '\n', len - from);
		size_t n = end ? (size_t)(end - data) - from : len - from;

		if (!cw_utf8_valid(data + from, n))
			return line;
		from += n + 1;
	}
	return line;
}

int cw_csv_read(struct cw_csv *csv, const char *path, struct cw_error *err)
{
	unsigned bad;
	int r;

	*csv = (struct cw_csv){ .line = 1, .path = strdup(strcmp(path, "-") ? path : "standard input") };
	if (!csv->path)
		return cw_error_nomem(err);
	r = read_whole(csv, path, err);
	if (r < 0)
		return r;
	bad = invalid_line(csv->data, csv->len);
	if (bad)
		return cw_error_at(err, -EINVAL, csv->path, bad, 0, "is not UTF-8; save the file as UTF-8");
	if (csv->len >= 3 && memcmp(csv->data, "\xef\xbb\xbf", 3) == 0)
		csv->at = 3;
	return 0;
}

int cw_csv_head(struct cw_csv *csv, struct cw_error *err)
{
	int r = cw_csv_next(csv, err);

	if (r < 0)
		return r;
	if (r == 0)
		return cw_error_at(err, -EINVAL, csv->path, 1, 0, "is empty; the first row must name the columns");
	csv->n_columns = csv->n_fields;
	for (size_t i = 0; i < csv->n_fields; i++)
		csv->columns[i] = csv->fields[i];
	return 0;
}

int cw_csv_open(struct cw_csv *csv, const char *path, struct cw_error *err)
{
	int r = cw_csv_read(csv, path, err);

	return r < 0 ? r : cw_csv_head(csv, err);
}

void cw_csv_close(struct cw_csv *csv)
{
	free(csv->path);
	free(csv->data);
	*csv = (struct cw_csv){ 0 };
}

/* Goes to the line after the current one; after a mistake, reading resumes there. */
static void skip_line(struct cw_csv *csv)
{
	while (csv->at < csv->len && csv->data[csv->at] != '\n')
		csv->at++;
	if (csv->at < csv->len)
		csv->at++;
	csv->line++;
}

/*
 * One field, unquoted in place. *end gets the byte that ended it: ',', '\n' or '\0' at the end of the file.
 * Unquoting only shortens, so writing the NUL never overtakes reading.
 */
static int read_field(struct cw_csv *csv, char **ret, char *end, struct cw_error *err)
{
	char *data = csv->data;
	size_t at = csv->at, out = at;

	*ret = data + at;
	if (data[at] == '"') {
		unsigned line = csv->line, lines = 0;

		for (at++;; at++) {
			if (at >= csv->len) {
				/* Nothing after an open quote can be trusted, so reading ends here. */
				csv->at = csv->len;
				return cw_error_at(err, -EINVAL, csv->path, line, 0,
				                   "a quoted field is not closed; add '\"'");
			}
			if (data[at] == '\n')
				lines++;
			if (data[at] == '"') {
				if (data[at + 1] != '"')
					break;
				at++;
			}
			data[out++] = data[at];
		}
		at++;
		csv->line += lines;
		if (at < csv->len && data[at] != ',' && data[at] != '\n' &&
		    !(data[at] == '\r' && data[at + 1] == '\n')) {
			line = csv->line;
			csv->at = at;
			skip_line(csv);
			return cw_error_at(err, -EINVAL, csv->path, line, 0,
			                   "there is text after a closing quote; double the quotes inside a field");
		}
	} else {
		for (; at < csv->len && data[at] != ',' && data[at] != '\n'; at++) {
			if (data[at] == '"') {
				unsigned line = csv->line;

				csv->at = at;
				skip_line(csv);
				return cw_error_at(err, -EINVAL, csv->path, line, 0,
				                   "a quote inside an unquoted field; put the whole field in quotes");
			}
			out++;
		}
		if (out > csv->at && (at >= csv->len || data[at] == '\n') && data[out - 1] == '\r')
			out--;
	}
	if (at < csv->len && data[at] == '\r' && data[at + 1] == '\n')
		at++;
	*end = at < csv->len ? data[at] : '\0';
	csv->at = at < csv->len ? at + 1 : at;
	data[out] = '\0';
	return 0;
}

int cw_csv_next(struct cw_csv *csv, struct cw_error *err)
{
	for (;;) {
		char end = ',';
		int r;

		if (csv->at >= csv->len)
			return 0;
		csv->n_fields = 0;
		csv->row_line = csv->line;
		while (end == ',') {
			char *field;

			if (csv->n_fields == CW_CSV_COLUMNS_MAX) {
				skip_line(csv);
				return cw_error_at(err, -EINVAL, csv->path, csv->row_line, 0,
				                   "has more than %d columns", CW_CSV_COLUMNS_MAX);
			}
			r = read_field(csv, &field, &end, err);
			if (r < 0)
				return r;
			csv->fields[csv->n_fields++] = field;
		}
		if (end == '\n')
			csv->line++;
		if (csv->n_fields == 1 && csv->fields[0][0] == '\0')
			continue;
		if (csv->n_columns && csv->n_fields != csv->n_columns)
			return cw_error_at(err, -EINVAL, csv->path, csv->row_line, 0,
			                   "has %zu fields, but the first row names %zu columns", csv->n_fields,
			                   csv->n_columns);
		return 1;
	}
}

int cw_csv_column(const struct cw_csv *csv, const char *name)
{
	for (size_t i = 0; i < csv->n_columns; i++)
		if (strcmp(csv->columns[i], name) == 0)
			return (int)i;
	return -1;
}
