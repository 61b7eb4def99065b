/*
 * buf.h: growable bytes with a ceiling, and a cursor for reading bytes from outside.
 *
 * A struct cw_buf cannot be made without a maximum. Once an append fails, the buffer is
 * "failed": later appends do nothing and return the same error, so a writer may append many
 * fields and look once at the end.
 */
#ifndef COUNCILWATCH_BUF_H
#define COUNCILWATCH_BUF_H

#include <councilwatch/base.h>

struct cw_buf {
	unsigned char *data; /* owned; always NUL-terminated once non-NULL */
	size_t len;
	size_t cap;
	size_t max;          /* bytes the contents may reach */
	int failed;          /* 0, -ENOMEM or -EMSGSIZE */
};

void cw_buf_init(struct cw_buf *buf, size_t max);
void cw_buf_clear(struct cw_buf *buf); /* frees the bytes; buf may be used again */
void cw_buf_reset(struct cw_buf *buf); /* empties and un-fails it, keeps the memory */

int cw_buf_reserve(struct cw_buf *buf, size_t extra);
int cw_buf_append(struct cw_buf *buf, const void *data, size_t len);
int cw_buf_puts(struct cw_buf *buf, const char *text);
int cw_buf_putc(struct cw_buf *buf, int byte);
int cw_buf_printf(struct cw_buf *buf, const char *fmt, ...) CW_PRINTF(2, 3);

/* The contents as a NUL-terminated string, borrowed until the next change; "" when empty. */
const char *cw_buf_str(const struct cw_buf *buf);
/* Hands over the bytes as an owned NUL-terminated string (NULL when out of memory). */
char *cw_buf_steal(struct cw_buf *buf, size_t *ret_len);

/* Little-endian numbers and length-prefixed bytes: the wire forms of message.h. */
int cw_buf_put_u8(struct cw_buf *buf, uint8_t value);
int cw_buf_put_u16(struct cw_buf *buf, uint16_t value);
int cw_buf_put_u32(struct cw_buf *buf, uint32_t value);
int cw_buf_put_u64(struct cw_buf *buf, uint64_t value);
int cw_buf_put_varint(struct cw_buf *buf, uint64_t value); /* LEB128 */
int cw_buf_put_bytes(struct cw_buf *buf, const void *data, size_t len); /* varint length, then bytes */

/*
 * A cursor never reads past its end: the first short or malformed read marks it bad, and from
 * then on every get returns zero or NULL. Check cw_cursor_done() once, at the end.
 */
struct cw_cursor {
	const unsigned char *at; /* borrowed */
	size_t left;
	bool bad;
};

void cw_cursor_init(struct cw_cursor *cursor, const void *data, size_t len);
uint8_t cw_get_u8(struct cw_cursor *cursor);
uint16_t cw_get_u16(struct cw_cursor *cursor);
uint32_t cw_get_u32(struct cw_cursor *cursor);
uint64_t cw_get_u64(struct cw_cursor *cursor);
uint64_t cw_get_varint(struct cw_cursor *cursor);
/* Borrowed from the cursor's bytes; not NUL-terminated. max is the most the caller accepts. */
const void *cw_get_bytes(struct cw_cursor *cursor, size_t max, size_t *ret_len);
/* 0 when everything was read and nothing was malformed, else -EBADMSG. */
int cw_cursor_done(const struct cw_cursor *cursor);

/* Makes room for one more element of an array: n are in use, *cap have room, each of size bytes. array is the address of the
 * pointer; it doubles, from 64. 0 or -ENOMEM, and then nothing has changed. */
int cw_grow(void *array, size_t *cap, size_t n, size_t size);

#endif
