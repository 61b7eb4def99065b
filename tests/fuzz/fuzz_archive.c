#include <stdlib.h>
#include <string.h>

#include "fuzz_archive.h"

#define PARTS_MAX 16u
#define NAME_MAX_LEN 60u

struct part {
	const char *name;
	size_t name_len;
	const uint8_t *data;
	size_t len, at;
	uint32_t crc;
};

static uint32_t crc32_of(const uint8_t *data, size_t len)
{
	uint32_t crc = 0xffffffffu;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static size_t put(uint8_t *out, size_t at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		out[at + i] = (uint8_t)(i < 8 ? value >> 8 * i : 0);
	return at + bytes;
}

/* What the local header and the central directory have in common: stored, not encrypted, of no date. */
static size_t put_common(uint8_t *out, size_t at, const struct part *part)
{
	at = put(out, at, 20, 2);
	at = put(out, at, 0, 8);
	at = put(out, at, part->crc, 4);
	at = put(out, at, part->len, 4);
	at = put(out, at, part->len, 4);
	at = put(out, at, part->name_len, 2);
	return put(out, at, 0, 2);
}

static size_t add(struct part *parts, size_t n, const char *name, size_t name_len, const uint8_t *data, size_t len)
{
	if (n == PARTS_MAX || name_len > NAME_MAX_LEN)
		return n;
	parts[n] = (struct part){ name, name_len, data, len, 0, crc32_of(data, len) };
	return n + 1;
}

static size_t split(const uint8_t *text, size_t len, const char *first, struct part *parts)
{
	const uint8_t *start = text, *end = text + len;
	const char *name = first;
	size_t name_len = strlen(first), n = 0;

	while (start <= end) {
		const uint8_t *mark = start == text && len > 2 && !memcmp(text, "==", 2)
		                          ? text
		                          : memmem(start, (size_t)(end - start), "\n==", 3);
		const uint8_t *line;

		if (mark != text || start != text)
			n = add(parts, n, name, name_len, start, (size_t)((mark ? mark : end) - start));
		if (!mark)
			break;
		name = (const char *)mark + 2 + (*mark == '\n');
		line = memchr(name, '\n', (size_t)(end - (const uint8_t *)name));
		name_len = (size_t)((line ? line : end) - (const uint8_t *)name);
		if (!line)
			break;
		start = line + 1;
	}
	return n;
}

uint8_t *fuzz_archive(const uint8_t *text, size_t len, const char *first, const struct fuzz_part *fixed,
                      size_t *ret_len)
{
	struct part parts[PARTS_MAX];
	size_t n, room = 22, at = 0, directory, size;
	uint8_t *out;

	if ((len >= 2 && !memcmp(text, "PK", 2)) || len > 1u << 24) {
		out = malloc(len + 1);
		if (out)
			memcpy(out, text, len);
		*ret_len = len;
		return out;
	}
	n = split(text, len, first, parts);
	for (; fixed->name; fixed++) {
		size_t k = 0;

		while (k < n && (parts[k].name_len != strlen(fixed->name) ||
		                 memcmp(parts[k].name, fixed->name, parts[k].name_len) != 0))
			k++;
		if (k == n)
			n = add(parts, n, fixed->name, strlen(fixed->name), (const uint8_t *)fixed->text,
			        strlen(fixed->text));
	}
	for (size_t i = 0; i < n; i++)
		room += 30 + 46 + 2 * parts[i].name_len + parts[i].len;
	out = malloc(room);
	if (!out)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		parts[i].at = at;
		at = put_common(out, put(out, at, 0x04034b50, 4), &parts[i]);
		memcpy(out + at, parts[i].name, parts[i].name_len);
		at += parts[i].name_len;
		memcpy(out + at, parts[i].data, parts[i].len);
		at += parts[i].len;
	}
	directory = at;
	for (size_t i = 0; i < n; i++) {
		at = put(out, put(out, at, 0x02014b50, 4), 20, 2);
		at = put_common(out, at, &parts[i]);
		at = put(out, at, 0, 10);
		at = put(out, at, parts[i].at, 4);
		memcpy(out + at, parts[i].name, parts[i].name_len);
		at += parts[i].name_len;
	}
	size = at - directory;
	at = put(out, put(out, at, 0x06054b50, 4), 0, 4);
	at = put(out, put(out, at, n, 2), n, 2);
	at = put(out, put(out, at, size, 4), directory, 4);
	*ret_len = put(out, at, 0, 2);
	return out;
}
