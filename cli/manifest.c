#include "manifest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/limits.h>

#define COLUMNS_MAX 64

struct reader {
	const char *name;
	char *at, *end;
	unsigned line;     /* of what comes next */
	unsigned row_line; /* where the last row began */
	bool row_ended;    /* it was read to its end, whatever is wrong with it */
	size_t n;
	char *field[COLUMNS_MAX];
};

/* Reads a quoted field in place, from behind its opening quote; leaves at behind the closing one. */
static int read_quoted(struct reader *in, char **ret_end)
{
	char *to = in->at;

	for (; in->at < in->end; in->at++) {
		if (*in->at == '"') {
			if (in->at + 1 < in->end && in->at[1] == '"') {
				in->at++;
			} else {
				in->at++;
				*ret_end = to;
				return 0;
			}
		}
		if (*in->at == '\n')
			in->line++;
		*to++ = *in->at;
	}
	return -EINVAL;
}

/* 1: a row is in field[]; 0: the end; -EINVAL with the place in err. Blank lines are skipped. The text must have one
 * writable byte behind its end. */
static int read_row(struct reader *in, struct cw_error *err)
{
	while (in->at < in->end && (*in->at == '\n' || *in->at == '\r'))
		if (*in->at++ == '\n')
			in->line++;
	if (in->at == in->end)
		return 0;

	in->row_line = in->line;
	in->row_ended = false;
	in->n = 0;
	for (;;) {
		char *field, *field_end;
		char ended_by;

		if (in->n == COLUMNS_MAX)
			return cw_error_at(err, -EINVAL, in->name, in->row_line, 0, "more than %d columns",
			                   COLUMNS_MAX);
		if (in->at < in->end && *in->at == '"') {
			field = ++in->at;
			if (read_quoted(in, &field_end) < 0)
				return cw_error_at(err, -EINVAL, in->name, in->row_line, 0, "a quote is not closed");
			if (in->at < in->end && !strchr(",\r\n", *in->at))
				return cw_error_at(
				    err, -EINVAL, in->name, in->line, 0,
				    "text after a closing quote; double a quote that belongs to the text");
		} else {
			field = in->at;
			while (in->at < in->end && !strchr(",\r\n", *in->at))
				in->at++;
			field_end = in->at;
		}

		ended_by = in->at < in->end ? *in->at : '\n';
		*field_end = '\0';
		in->field[in->n++] = field;
		if (in->at < in->end)
			in->at++;
		if (ended_by == ',')
			continue;
		if (ended_by == '\r' && in->at < in->end && *in->at == '\n')
			in->at++;
		in->line++;
		in->row_ended = true;
		return 1;
	}
}

/* After a malformed row: on to the next line. */
static void skip_row(struct reader *in)
{
	char *newline = memchr(in->at, '\n', (size_t)(in->end - in->at));

	if (in->row_ended)
		return;
	in->at = newline ? newline + 1 : in->end;
	in->line++;
}

static int earlier(const void *left, const void *right)
{
	const struct cw_manifest_row *a = left, *b = right;

	if (a->captured_at.ms != b->captured_at.ms)
		return a->captured_at.ms < b->captured_at.ms ? -1 : 1;
	return a->line < b->line ? -1 : a->line > b->line;
}

static int find_column(const struct reader *in, const char *name)
{
	for (size_t i = 0; i < in->n; i++)
		if (!strcmp(in->field[i], name))
			return (int)i;
	return -1;
}

static bool is_sha256(const char *text)
{
	unsigned char bytes[CW_SHA256_LEN];

	return strlen(text) == 2 * CW_SHA256_LEN && !cw_unhex(text, bytes, sizeof(bytes));
}

static int take_row(const struct reader *in, const char *dir, const int *column, struct cw_manifest_row *row,
                    struct cw_error *err)
{
	const char *field[3];

	for (size_t i = 0; i < CW_ARRAY_LEN(field); i++)
		field[i] = column[i] >= 0 && (size_t)column[i] < in->n ? in->field[column[i]] : "";

	*row = (struct cw_manifest_row){ .line = in->row_line };
	if (!field[0][0])
		return cw_error_at(err, -EINVAL, in->name, in->row_line, 0, "'file' is empty");
	if (cw_wall_parse(field[1], strlen(field[1]), &row->captured_at, NULL) < 0)
		return cw_error_at(err, -EINVAL, in->name, in->row_line, 0,
		                   "captured_at_utc is '%s'; it takes a time like 2024-01-31T09:11:54Z", field[1]);
	if (field[2][0]) {
		if (!is_sha256(field[2]))
			return cw_error_at(err, -EINVAL, in->name, in->row_line, 0,
			                   "sha256 is not 64 hexadecimal digits");
		memcpy(row->sha256, field[2], CW_SHA256_HEX);
	}
	if (asprintf(&row->path, "%s%s", field[0][0] == '/' ? "" : dir, field[0]) < 0) {
		row->path = NULL;
		return cw_error_nomem(err);
	}
	return 0;
}

int cw_manifest_parse(const char *name, const char *dir, char *text, size_t len, cw_report_fn *report, void *arg,
                      struct cw_manifest *ret, struct cw_error *err)
{
	struct reader in = { .name = name, .at = text, .end = text + len, .line = 1 };
	struct cw_manifest manifest = { 0 };
	struct cw_error mistake = { 0 };
	size_t mistakes = 0, cap = 0;
	int column[3], r;

	if (memchr(text, '\0', len) || !cw_utf8_valid(text, len))
		return cw_error_at(err, -EINVAL, name, 0, 0, "it is not UTF-8 text");
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		in.at += 3;
	r = read_row(&in, err);
	if (r < 0)
		return r;
	column[0] = r ? find_column(&in, "file") : -1;
	column[1] = r ? find_column(&in, "captured_at_utc") : -1;
	column[2] = r ? find_column(&in, "sha256") : -1;
	if (column[0] < 0 || column[1] < 0)
		return cw_error_at(err, -EINVAL, name, 1, 0,
		                   "no column is called '%s'; the first row must name the columns "
		                   "file and captured_at_utc",
		                   column[0] < 0 ? "file" : "captured_at_utc");

	while ((r = read_row(&in, &mistake)) != 0) {
		if (r > 0 && manifest.n == cap) {
			size_t more = cap ? 2 * cap : 64;
			struct cw_manifest_row *rows = reallocarray(manifest.rows, more, sizeof(*rows));

			if (!rows) {
				cw_manifest_clear(&manifest);
				return cw_error_nomem(err);
			}
			manifest.rows = rows;
			cap = more;
		}
		if (r > 0)
			r = take_row(&in, dir, column, &manifest.rows[manifest.n], &mistake);
		if (r < 0) {
			report(arg, &mistake);
			mistakes++;
			skip_row(&in);
			continue;
		}
		manifest.n++;
	}

	if (mistakes) {
		cw_manifest_clear(&manifest);
		return cw_error_at(err, -EINVAL, name, 0, 0, "%zu mistake%s", mistakes, mistakes == 1 ? "" : "s");
	}
	if (manifest.n)
		qsort(manifest.rows, manifest.n, sizeof(*manifest.rows), earlier);
	*ret = manifest;
	return 0;
}

int cw_manifest_load(const char *path, cw_report_fn *report, void *arg, struct cw_manifest *ret, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *text = NULL;
	CW_CLEANUP(cw_freep) char *dir = NULL;
	const char *slash = strrchr(path, '/');
	FILE *file = fopen(path, "re");
	size_t len;
	int r = 0;

	if (!file)
		return cw_error_at(err, -errno, path, 0, 0, "cannot open it: %s", strerror(errno));
	dir = strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
	text = malloc((size_t)CW_MANIFEST_SIZE_MAX + 1);
	if (!dir || !text) {
		fclose(file);
		return cw_error_nomem(err);
	}
	len = fread(text, 1, (size_t)CW_MANIFEST_SIZE_MAX + 1, file);
	if (ferror(file))
		r = cw_error_at(err, -EIO, path, 0, 0, "cannot read it: %s", strerror(errno));
	else if (len > CW_MANIFEST_SIZE_MAX)
		r = cw_error_at(err, -EFBIG, path, 0, 0, "larger than %u bytes", CW_MANIFEST_SIZE_MAX);
	fclose(file);
	if (r < 0)
		return r;
	return cw_manifest_parse(path, dir, text, len, report, arg, ret, err);
}

void cw_manifest_clear(struct cw_manifest *manifest)
{
	for (size_t i = 0; i < manifest->n; i++)
		free(manifest->rows[i].path);
	free(manifest->rows);
	*manifest = (struct cw_manifest){ 0 };
}
