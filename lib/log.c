#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <councilwatch/buf.h>
#include <councilwatch/clock.h>
#include <councilwatch/log.h>
#include <councilwatch/text.h>

#define LINE_MAX_BYTES 4096

static const char *log_program = "councilwatch";
static enum cw_log_level log_most_verbose = CW_LOG_INFO;
static bool log_journal;

void cw_log_init(const char *program, enum cw_log_level most_verbose)
{
	log_program = program;
	log_most_verbose = most_verbose;
	log_journal = getenv("JOURNAL_STREAM") != NULL;
}

void cw_log_set_level(enum cw_log_level most_verbose)
{
	log_most_verbose = most_verbose;
}

/* Appends a value, escaped, in quotes when a reader could not tell where it ends. */
static void put_value(struct cw_buf *line, struct cw_str value)
{
	bool quote = value.len == 0;

	for (size_t i = 0; i < value.len && !quote; i++)
		quote = strchr(" \"=", value.at[i]) != NULL;
	if (!quote) {
		cw_text_escape(value, line);
		return;
	}
	cw_buf_putc(line, '"');
	for (size_t i = 0; i < value.len;) {
		size_t n = 0;

		while (i + n < value.len && value.at[i + n] != '"' && value.at[i + n] != '\\')
			n++;
		cw_text_escape((struct cw_str){ value.at + i, n }, line);
		if (i + n < value.len) {
			cw_buf_putc(line, '\\');
			cw_buf_putc(line, value.at[i + n]);
			n++;
		}
		i += n;
	}
	cw_buf_putc(line, '"');
}

_Static_assert(sizeof(long) == sizeof(long long), "log.c reads %ld arguments as long long");

/* One conversion of the format, printed on its own; text goes through put_value. Numbers take a precision
 * ("%.1f") but no width: a log line is read by programs. */
static const char *put_conversion(struct cw_buf *line, const char *at, va_list *args)
{
	int longs = 0, precision = -1;

	at++;
	if (*at == '.') {
		at++;
		if (*at == '*') {
			precision = va_arg(*args, int);
			at++;
		} else {
			for (precision = 0; *at >= '0' && *at <= '9'; at++)
				precision = precision * 10 + (*at - '0');
		}
	}
	for (; *at && strchr("hlzjt", *at); at++)
		longs += *at == 'h' ? 0 : *at == 'l' ? 1 : 2;

	switch (*at) {
	case 's': {
		const char *text = va_arg(*args, const char *);
		size_t len = text ? (precision >= 0 ? strnlen(text, (size_t)precision) : strlen(text)) : 0;

		put_value(line, (struct cw_str){ text ? text : "", len });
		break;
	}
	case 'd':
	case 'i':
		cw_buf_printf(line, "%lld", longs ? va_arg(*args, long long) : (long long)va_arg(*args, int));
		break;
	case 'u':
		cw_buf_printf(line, "%llu", longs ? va_arg(*args, unsigned long long) : (unsigned long long)va_arg(*args, unsigned));
		break;
	case 'x':
		cw_buf_printf(line, "%llx", longs ? va_arg(*args, unsigned long long) : (unsigned long long)va_arg(*args, unsigned));
		break;
	case 'f':
	case 'g':
		cw_buf_printf(line, "%.*f", precision >= 0 ? precision : 3, va_arg(*args, double));
		break;
	case 'c':
		cw_buf_putc(line, va_arg(*args, int));
		break;
	case '%':
		cw_buf_putc(line, '%');
		break;
	default:
		break;
	}
	return *at ? at + 1 : at;
}

static void put_fields(struct cw_buf *line, const char *fmt, va_list *args)
{
	if (!fmt)
		return;
	cw_buf_putc(line, ' ');
	while (*fmt) {
		if (*fmt == '%')
			fmt = put_conversion(line, fmt, args);
		else
			cw_buf_putc(line, *fmt++);
	}
}

static void log_line(enum cw_log_level level, const char *event, const struct cw_error *err, const char *fmt,
                     va_list *args)
{
	struct cw_buf line;
	char when[CW_WALL_TEXT];

	if (level > log_most_verbose)
		return;
	cw_buf_init(&line, LINE_MAX_BYTES);
	if (log_journal)
		cw_buf_printf(&line, "<%d>%s", (int)level, event);
	else
		cw_buf_printf(&line, "%s %s[%d]: %s", cw_wall_format(cw_wall_now(), when), log_program, (int)getpid(), event);
	put_fields(&line, fmt, args);
	if (err) {
		char text[CW_ERROR_SOURCE_MAX + CW_ERROR_TEXT_MAX + 32];

		cw_buf_puts(&line, " error=");
		put_value(&line, cw_str(cw_error_format(err, text, sizeof(text))));
	}
	/* One write, so that lines of several processes do not mix. A failure to log has nowhere to go. */
	if (cw_buf_reserve(&line, 1) == 0 || line.data) {
		line.data[line.len] = '\n';
		if (write(STDERR_FILENO, line.data, line.len + 1) < 0)
			(void)0;
	}
	cw_buf_clear(&line);
}

void cw_log(enum cw_log_level level, const char *event, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(level, event, NULL, fmt, &args);
	va_end(args);
}

void cw_log_error(enum cw_log_level level, const char *event, const struct cw_error *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(level, event, err, fmt, &args);
	va_end(args);
}
