#include "output.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <councilwatch/clock.h>
#include <councilwatch/limits.h>

#include "command.h"

#define COLOUR_OFF "\033[0m"
/* A text that is shown: the longest field, with every byte escaped to \xNN. */
#define SHOWN_MAX (4 * (size_t)CW_FIELD_MAX + 64)
/* Our numbers are points and counts; twelve digits keep 0.7 from printing as 0.69999999999999996. */
#define JSON_FLAGS JSON_REAL_PRECISION(12)

bool cw_out_wants_colour(FILE *out)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (no_color && no_color[0])
		return false;
	if (!term || !strcmp(term, "dumb"))
		return false;
	return isatty(fileno(out)) == 1;
}

size_t cw_out_width(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t width = 0;

	for (; *at; at++) {
		if ((*at & 0xc0) == 0x80)
			continue;
		/* U+0300 to U+036F, the combining marks that place and person names use. */
		if (at[0] == 0xcc || (at[0] == 0xcd && at[1] < 0xb0))
			continue;
		width++;
	}
	return width;
}

const char *cw_out_level_colour(enum cw_level level)
{
	switch (level) {
	case CW_LEVEL_INTENSIVE:
		return "\033[1;31m";
	case CW_LEVEL_PRIORITY:
		return "\033[33m";
	case CW_LEVEL_WATCH:
		return "\033[36m";
	case CW_LEVEL_ROUTINE:
	case CW_LEVEL_COUNT:
		break;
	}
	return NULL;
}

void cw_out_coloured(FILE *out, bool colour, const char *sgr, const char *text)
{
	if (colour && sgr)
		fputs(sgr, out);
	cw_out_text(out, text);
	if (colour && sgr)
		fputs(COLOUR_OFF, out);
}

void cw_out_str(FILE *out, struct cw_str text)
{
	struct cw_buf shown;

	cw_buf_init(&shown, SHOWN_MAX);
	if (!cw_text_escape(text, &shown))
		fwrite(cw_buf_str(&shown), 1, shown.len, out);
	else
		fputs("(text too long to show)", out);
	cw_buf_clear(&shown);
}

void cw_out_text(FILE *out, const char *text)
{
	cw_out_str(out, cw_str(text));
}

void cw_table_init(struct cw_table *table, const struct cw_column *columns, size_t n_columns)
{
	*table = (struct cw_table){ .columns = columns, .n_columns = n_columns };
}

void cw_table_clear(struct cw_table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	free(table->cells);
	*table = (struct cw_table){ .columns = table->columns, .n_columns = table->n_columns };
}

void cw_table_add_coloured(struct cw_table *table, const char *text, const char *colour)
{
	struct cw_buf shown;

	if (table->failed)
		return;
	if (table->n_cells == table->cap) {
		size_t cap = table->cap ? 2 * table->cap : 64;
		struct cw_cell *cells = reallocarray(table->cells, cap, sizeof(*cells));

		if (!cells) {
			table->failed = -ENOMEM;
			return;
		}
		table->cells = cells;
		table->cap = cap;
	}

	cw_buf_init(&shown, SHOWN_MAX);
	table->failed = cw_text_escape(cw_str(text), &shown);
	if (!table->failed) {
		char *owned = cw_buf_steal(&shown, NULL);

		if (owned)
			table->cells[table->n_cells++] = (struct cw_cell){ .text = owned, .colour = colour };
		else
			table->failed = -ENOMEM;
	}
	cw_buf_clear(&shown);
}

void cw_table_add(struct cw_table *table, const char *text)
{
	cw_table_add_coloured(table, text, NULL);
}

void cw_table_addf(struct cw_table *table, const char *fmt, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0) {
		table->failed = -ENOMEM;
		return;
	}
	cw_table_add_coloured(table, text, NULL);
	free(text);
}

/* ---- lines that fit ---- */

/* A last column narrower than this is no pleasure to read. */
#define WRAP_LEAST 24

size_t cw_out_columns(FILE *out)
{
	const char *named = getenv("COLUMNS");
	struct winsize size;
	int64_t columns;

	if (named && cw_parse_integer(cw_str(named), &columns) == 0 && columns >= 20 && columns <= 10000)
		return (size_t)columns;
	if (isatty(fileno(out)) == 1 && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
		return size.ws_col;
	return 0;
}

/* How many bytes of text fit into so many places, ending before a blank where there is one. At least one character. */
static size_t piece(const char *text, size_t width)
{
	size_t at = 0, places = 0, blank = 0;

	while (text[at] && places <= width) {
		if (text[at] == ' ')
			blank = at;
		at++;
		while (((unsigned char)text[at] & 0xc0) == 0x80)
			at++;
		places++;
	}
	if (!text[at] && cw_out_width(text) <= width)
		return at;
	if (blank)
		return blank;
	for (at = 0, places = 0; text[at] && (places < width || !at); places++)
		for (at++; ((unsigned char)text[at] & 0xc0) == 0x80; at++)
			;
	return at;
}

/* Text from a place in a line on, in lines that end before width; 0 = one line. */
static void put_wrapped(struct cw_buf *out, const char *text, size_t at, size_t indent, size_t width)
{
	size_t len = width ? piece(text, width > at + WRAP_LEAST / 2 ? width - at : WRAP_LEAST) : strlen(text);

	for (;;) {
		cw_buf_append(out, text, len);
		cw_buf_putc(out, '\n');
		text += len;
		text += strspn(text, " ");
		if (!*text)
			return;
		cw_buf_printf(out, "%*s", (int)indent, "");
		len = piece(text, width > indent + WRAP_LEAST / 2 ? width - indent : WRAP_LEAST);
	}
}

void cw_out_paragraph(FILE *out, size_t at, unsigned indent, const char *text)
{
	struct cw_buf shown, lines;

	cw_buf_init(&shown, SHOWN_MAX);
	cw_buf_init(&lines, 8 * SHOWN_MAX);
	if (!cw_text_escape(cw_str(text), &shown))
		put_wrapped(&lines, cw_buf_str(&shown), at, indent, cw_out_columns(out));
	fputs(lines.failed || !lines.len ? "(text too long to show)\n" : cw_buf_str(&lines), out);
	cw_buf_clear(&shown);
	cw_buf_clear(&lines);
}

static void put_cell(struct cw_buf *out, const char *text, size_t width, bool right, bool last, const char *colour)
{
	size_t pad = width > cw_out_width(text) ? width - cw_out_width(text) : 0;

	if (right)
		cw_buf_printf(out, "%*s", (int)pad, "");
	if (colour)
		cw_buf_puts(out, colour);
	cw_buf_puts(out, text);
	if (colour)
		cw_buf_puts(out, COLOUR_OFF);
	/* No blanks at the end of a line. */
	if (!right && !last)
		cw_buf_printf(out, "%*s", (int)pad, "");
	cw_buf_puts(out, last ? "\n" : "  ");
}

/* How a table is laid out in the places that there are. */
struct layout {
	size_t width[CW_TABLE_COLUMNS_MAX];
	bool shown[CW_TABLE_COLUMNS_MAX];
	size_t before; /* places before the last column shown */
	size_t last;   /* that one */
	bool wrap;     /* it is wrapped */
	bool below;    /* it has lines of its own */
};

static void lay_out(const struct cw_table *table, unsigned indent, struct layout *ret)
{
	size_t n = table->n_columns;

	*ret = (struct layout){ 0 };
	for (size_t c = 0; c < n; c++) {
		ret->width[c] = cw_out_width(table->columns[c].heading);
		ret->shown[c] = true;
	}
	for (size_t i = 0; i < table->n_cells; i++)
		ret->width[i % n] = CW_MAX(ret->width[i % n], cw_out_width(table->cells[i].text));
	for (;;) {
		size_t total = indent, most = n;

		for (size_t c = 0; c < n; c++) {
			if (!ret->shown[c])
				continue;
			ret->before = total;
			ret->last = c;
			total += ret->width[c] + 2;
			if (table->columns[c].drop && (most == n || table->columns[c].drop > table->columns[most].drop))
				most = c;
		}
		if (!table->width || total - 2 <= table->width)
			return;
		if (most == n)
			break;
		ret->shown[most] = false;
	}
	ret->wrap = true;
	ret->below = table->width < ret->before + WRAP_LEAST;
}

static void put_row(const struct cw_table *table, const struct layout *layout, const struct cw_cell *cells, size_t n,
                    unsigned indent, bool colour, struct cw_buf *out)
{
	cw_buf_printf(out, "%*s", (int)indent, "");
	for (size_t c = 0; c < n; c++) {
		bool last = c == layout->last || c + 1 == n;

		if (!layout->shown[c])
			continue;
		if (last && layout->below) {
			while (out->len && out->data[out->len - 1] == ' ')
				out->len--;
			cw_buf_printf(out, "\n%*s", (int)indent + 4, "");
			put_wrapped(out, cells[c].text, indent + 4, indent + 4, table->width);
		} else if (last && layout->wrap) {
			put_wrapped(out, cells[c].text, layout->before, layout->before, table->width);
		} else {
			put_cell(out, cells[c].text, layout->width[c], table->columns[c].right, last, colour ? cells[c].colour : NULL);
		}
	}
}

int cw_table_format(const struct cw_table *table, unsigned indent, bool colour, struct cw_buf *out)
{
	struct cw_cell headings[CW_TABLE_COLUMNS_MAX];
	size_t n = table->n_columns;
	struct layout layout;

	if (table->failed)
		return table->failed;
	if (!n || n > CW_TABLE_COLUMNS_MAX)
		return -EINVAL;
	lay_out(table, indent, &layout);
	for (size_t c = 0; c < n; c++)
		headings[c] = (struct cw_cell){ .text = (char *)(uintptr_t)table->columns[c].heading };
	put_row(table, &layout, headings, n, indent, false, out);
	for (size_t i = 0; i < table->n_cells; i += n)
		put_row(table, &layout, &table->cells[i], CW_MIN(n, table->n_cells - i), indent, colour, out);
	return out->failed;
}

int cw_table_print(const struct cw_table *table, unsigned indent, bool colour, FILE *out)
{
	struct cw_table fitted = *table;
	struct cw_buf text;
	int r;

	if (!fitted.width)
		fitted.width = cw_out_columns(out);
	cw_buf_init(&text, 256u * 1024 * 1024);
	r = cw_table_format(&fitted, indent, colour, &text);
	if (!r)
		fwrite(cw_buf_str(&text), 1, text.len, out);
	cw_buf_clear(&text);
	return r;
}

int cw_csv_field(struct cw_buf *out, bool first, const char *text)
{
	bool formula = text[0] && strchr("=+-@\t\r\n", text[0]);

	if (first)
		cw_out_count(1, NULL);
	else
		cw_buf_putc(out, ',');
	if (!formula && !strpbrk(text, ",\"\r\n"))
		return cw_buf_puts(out, text);

	cw_buf_putc(out, '"');
	if (formula)
		cw_buf_putc(out, '\'');
	for (; *text; text++) {
		if (*text == '"')
			cw_buf_putc(out, '"');
		cw_buf_putc(out, *text);
	}
	return cw_buf_putc(out, '"');
}

static struct {
	uint64_t rows;
	bool notes;
} given_out;

void cw_out_count(uint64_t rows, const char *json)
{
	given_out.rows += rows;
	if (json && !given_out.notes)
		given_out.notes = strstr(json, "\"sensitivity\"") || strstr(json, "\"internal_note\"") || strstr(json, "\"kind\":\"override\"") ||
		                  strstr(json, "\"kind\": \"override\"");
}

uint64_t cw_out_rows(bool *ret_notes)
{
	*ret_notes = given_out.notes;
	return given_out.rows;
}

void cw_out_rows_clear(void)
{
	given_out.rows = 0;
	given_out.notes = false;
}

static int write_json(FILE *out, json_t *value, size_t flags)
{
	char *text;

	if (!value)
		return -ENOMEM;
	text = json_dumps(value, flags | JSON_FLAGS);
	json_decref(value);
	if (!text)
		return -ENOMEM;
	fputs(text, out);
	fputc('\n', out);
	cw_out_count(1, text);
	free(text);
	return 0;
}

int cw_out_json(FILE *out, json_t *value)
{
	return write_json(out, value, JSON_INDENT(2));
}

int cw_out_json_line(FILE *out, json_t *value)
{
	return write_json(out, value, JSON_COMPACT);
}

void cw_json_array_begin(struct cw_json_array *array, FILE *out)
{
	*array = (struct cw_json_array){ .out = out };
	fputc('[', out);
}

void cw_json_array_item(struct cw_json_array *array, json_t *item)
{
	char *text = item ? json_dumps(item, JSON_COMPACT | JSON_ENCODE_ANY | JSON_FLAGS) : NULL;

	json_decref(item);
	if (!text) {
		array->failed = -ENOMEM;
		return;
	}
	fprintf(array->out, "%s\n  %s", array->any ? "," : "", text);
	array->any = true;
	cw_out_count(1, text);
	free(text);
}

int cw_json_array_end(struct cw_json_array *array)
{
	fputs(array->any ? "\n]\n" : "]\n", array->out);
	return array->failed;
}

void cw_json_set(json_t *object, const char *name, json_t *value, int *failed)
{
	/* json_object_set_new refuses a NULL object or value, and takes the value even then. */
	if (json_object_set_new(object, name, value) < 0)
		*failed = -ENOMEM;
}

json_t *cw_json_wall(struct cw_wall t)
{
	char text[CW_WALL_TEXT];

	return cw_wall_known(t) ? json_string(cw_wall_format(t, text)) : json_null();
}

json_t *cw_json_day(int32_t day)
{
	char text[CW_WALL_TEXT];

	return day == CW_DAY_NONE ? json_null() : json_string(cw_day_format(day, text));
}

json_t *cw_json_str(struct cw_str text)
{
	if (cw_utf8_valid(text.at, text.len))
		return json_stringn(text.len ? text.at : "", text.len);

	/* JSON holds only UTF-8; what is not is shown as people see it. */
	struct cw_buf shown;
	json_t *value = NULL;

	cw_buf_init(&shown, SHOWN_MAX);
	if (!cw_text_escape(text, &shown))
		value = json_stringn(cw_buf_str(&shown), shown.len);
	cw_buf_clear(&shown);
	return value;
}

const char *cw_json_get_text(const json_t *object, const char *name, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : otherwise;
}

int64_t cw_json_get_integer(const json_t *object, const char *name, int64_t otherwise)
{
	const json_t *value = json_object_get(object, name);

	return json_is_integer(value) ? (int64_t)json_integer_value(value) : otherwise;
}

bool cw_json_get_bool(const json_t *object, const char *name, bool otherwise)
{
	const json_t *value = json_object_get(object, name);

	return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

int cw_out_finish(FILE *out, int status)
{
	int r = 0;

	if (fflush(out) < 0) {
		r = errno;
	} else if (ferror(out)) {
		/* It failed earlier, and what it was is forgotten; but a pipe still knows whether its reader went away. */
		struct pollfd fd = { .fd = fileno(out) };

		r = poll(&fd, 1, 0) > 0 && fd.revents & (POLLERR | POLLHUP) ? EPIPE : EIO;
	}
	if (!r || r == EPIPE)
		return status;
	return cw_cli_fail(CW_EXIT_NO, "cannot write the answer: %s", strerror(r));
}
