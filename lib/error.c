#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/error.h>

CW_PRINTF(6, 0)
static void error_fill(struct cw_error *err, int code, const char *source, unsigned line, unsigned column,
                       const char *fmt, va_list args)
{
	char text[CW_ERROR_TEXT_MAX];

	if (!err)
		return;
	/* The arguments may point into err itself. */
	vsnprintf(text, sizeof(text), fmt, args);
	err->code = code;
	err->line = line;
	err->column = column;
	if (source != err->source)
		snprintf(err->source, sizeof(err->source), "%s", source ? source : "");
	memcpy(err->text, text, sizeof(err->text));
}

int cw_error_set(struct cw_error *err, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	error_fill(err, code, NULL, 0, 0, fmt, args);
	va_end(args);
	return code;
}

int cw_error_at(struct cw_error *err, int code, const char *source, unsigned line, unsigned column, const char *fmt,
                ...)
{
	va_list args;

	va_start(args, fmt);
	error_fill(err, code, source, line, column, fmt, args);
	va_end(args);
	return code;
}

int cw_error_prefix(struct cw_error *err, const char *fmt, ...)
{
	char prefix[CW_ERROR_TEXT_MAX], whole[2 * CW_ERROR_TEXT_MAX + 2];
	va_list args;

	if (!err)
		return -EIO;
	va_start(args, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, args);
	va_end(args);
	snprintf(whole, sizeof(whole), "%s: %s", prefix, err->text);
	memcpy(err->text, whole, sizeof(err->text) - 1);
	err->text[sizeof(err->text) - 1] = '\0';
	return err->code;
}

int cw_error_nomem(struct cw_error *err)
{
	return cw_error_set(err, -ENOMEM, "out of memory");
}

const char *cw_error_format(const struct cw_error *err, char *buf, size_t size)
{
	if (!err->source[0])
		snprintf(buf, size, "%s", err->text);
	else if (!err->line)
		snprintf(buf, size, "%s: %s", err->source, err->text);
	else if (!err->column)
		snprintf(buf, size, "%s:%u: %s", err->source, err->line, err->text);
	else
		snprintf(buf, size, "%s:%u:%u: %s", err->source, err->line, err->column, err->text);
	return buf;
}
