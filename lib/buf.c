#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/buf.h>

void cw_buf_init(struct cw_buf *buf, size_t max)
{
	*buf = (struct cw_buf){ .max = max };
}

void cw_buf_clear(struct cw_buf *buf)
{
	free(buf->data);
	cw_buf_init(buf, buf->max);
}

void cw_buf_reset(struct cw_buf *buf)
{
	buf->len = 0;
	buf->failed = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

int cw_buf_reserve(struct cw_buf *buf, size_t extra)
{
	size_t need, cap;
	unsigned char *data;

	if (buf->failed)
		return buf->failed;
	if (extra > buf->max || buf->len > buf->max - extra)
		return buf->failed = -EMSGSIZE;
	need = buf->len + extra;
	if (buf->data && need <= buf->cap)
		return 0;

	/* Doubling keeps appends linear; one byte more holds the NUL. */
	cap = buf->cap ? buf->cap : 64;
	while (cap < need)
		cap = cap > buf->max / 2 ? buf->max : cap * 2;
	data = realloc(buf->data, cap + 1);
	if (!data)
		return buf->failed = -ENOMEM;
	if (!buf->data)
		data[0] = '\0';
	buf->data = data;
	buf->cap = cap;
	return 0;
}

int cw_buf_append(struct cw_buf *buf, const void *data, size_t len)
{
	int r;

	r = cw_buf_reserve(buf, len);
	if (r < 0)
		return r;
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return 0;
}

int cw_buf_puts(struct cw_buf *buf, const char *text)
{
	return cw_buf_append(buf, text, strlen(text));
}

int cw_buf_putc(struct cw_buf *buf, int byte)
{
	unsigned char c = (unsigned char)byte;

	return cw_buf_append(buf, &c, 1);
}

int cw_buf_printf(struct cw_buf *buf, const char *fmt, ...)
{
	va_list args, again;
	int n, r;

	va_start(args, fmt);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	r = n < 0 ? (buf->failed = -EINVAL) : cw_buf_reserve(buf, (size_t)n);
	if (r == 0) {
		vsnprintf((char *)buf->data + buf->len, (size_t)n + 1, fmt, again);
		buf->len += (size_t)n;
	}
	va_end(again);
	return r;
}

const char *cw_buf_str(const struct cw_buf *buf)
{
	return buf->data ? (const char *)buf->data : "";
}

char *cw_buf_steal(struct cw_buf *buf, size_t *ret_len)
{
	char *text;

	if (cw_buf_reserve(buf, 0) < 0)
		return NULL;
	text = (char *)buf->data;
	if (ret_len)
		*ret_len = buf->len;
	cw_buf_init(buf, buf->max);
	return text;
}

int cw_buf_put_u8(struct cw_buf *buf, uint8_t value)
{
	return cw_buf_append(buf, &value, 1);
}

static int put_little_endian(struct cw_buf *buf, uint64_t value, size_t bytes)
{
	unsigned char out[8];

	for (size_t i = 0; i < bytes; i++)
		out[i] = (unsigned char)(value >> (8 * i));
	return cw_buf_append(buf, out, bytes);
}

int cw_buf_put_u16(struct cw_buf *buf, uint16_t value)
{
	return put_little_endian(buf, value, 2);
}

int cw_buf_put_u32(struct cw_buf *buf, uint32_t value)
{
	return put_little_endian(buf, value, 4);
}

int cw_buf_put_u64(struct cw_buf *buf, uint64_t value)
{
	return put_little_endian(buf, value, 8);
}

int cw_buf_put_varint(struct cw_buf *buf, uint64_t value)
{
	unsigned char out[10];
	size_t n = 0;

	do {
		out[n] = (unsigned char)(value & 0x7f);
		value >>= 7;
		if (value)
			out[n] |= 0x80;
		n++;
	} while (value);
	return cw_buf_append(buf, out, n);
}

int cw_buf_put_bytes(struct cw_buf *buf, const void *data, size_t len)
{
	int r;

	r = cw_buf_put_varint(buf, len);
	return r < 0 ? r : cw_buf_append(buf, data, len);
}

void cw_cursor_init(struct cw_cursor *cursor, const void *data, size_t len)
{
	*cursor = (struct cw_cursor){ .at = data, .left = len };
}

static const unsigned char *cursor_take(struct cw_cursor *cursor, size_t len)
{
	const unsigned char *at = cursor->at;

	if (cursor->bad || len > cursor->left) {
		cursor->bad = true;
		return NULL;
	}
	cursor->at += len;
	cursor->left -= len;
	return at;
}

static uint64_t get_little_endian(struct cw_cursor *cursor, size_t bytes)
{
	const unsigned char *at = cursor_take(cursor, bytes);
	uint64_t value = 0;

	if (!at)
		return 0;
	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

uint8_t cw_get_u8(struct cw_cursor *cursor)
{
	return (uint8_t)get_little_endian(cursor, 1);
}

uint16_t cw_get_u16(struct cw_cursor *cursor)
{
	return (uint16_t)get_little_endian(cursor, 2);
}

uint32_t cw_get_u32(struct cw_cursor *cursor)
{
	return (uint32_t)get_little_endian(cursor, 4);
}

uint64_t cw_get_u64(struct cw_cursor *cursor)
{
	return get_little_endian(cursor, 8);
}

uint64_t cw_get_varint(struct cw_cursor *cursor)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		const unsigned char *at = cursor_take(cursor, 1);

		if (!at)
			return 0;
		/* The tenth byte holds the last bit of 64; more would be lost. And a number has one
		 * writing only: a last byte of zero after others is none of ours. */
		if ((shift == 63 && *at > 1) || (shift > 0 && *at == 0))
			break;
		value |= (uint64_t)(*at & 0x7f) << shift;
		if (!(*at & 0x80))
			return value;
	}
	cursor->bad = true;
	return 0;
}

const void *cw_get_bytes(struct cw_cursor *cursor, size_t max, size_t *ret_len)
{
	uint64_t len = cw_get_varint(cursor);
	const unsigned char *at = NULL;

	if (len > max)
		cursor->bad = true;
	else
		at = cursor_take(cursor, (size_t)len);
	*ret_len = at ? (size_t)len : 0;
	return at;
}

int cw_cursor_done(const struct cw_cursor *cursor)
{
	return cursor->bad || cursor->left ? -EBADMSG : 0;
}

int cw_grow(void *array, size_t *cap, size_t n, size_t size)
{
	size_t more = *cap ? *cap * 2 : 64;
	void *bigger;

	if (n < *cap)
		return 0;
	bigger = reallocarray(*(void **)array, more, size);
	if (!bigger)
		return -ENOMEM;
	*(void **)array = bigger;
	*cap = more;
	return 0;
}
