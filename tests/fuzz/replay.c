/*
 * Runs a fuzz target over files, for machines without a fuzzer: every file under the directories named, and of each
 * some hundred versions spoilt in a fixed way. A crash that a fuzzer finds becomes a file in the target's corpus.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz_normaliser.h"

#define FILE_MAX (1u << 20)
#define VERSIONS 100

static unsigned files, versions;

/* A fixed sequence (xorshift), so that a failure can be had again. */
static uint32_t next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static size_t spoil(uint8_t *data, size_t size, uint32_t *state)
{
	static const uint8_t bytes[] = { '"', ',', '\n', '\r', 0,    '<',  '>',  '&',
		                         '{', '}', '[',  ']',  0x80, 0xc3, 0xff, 'a' };
	unsigned times = 1 + next(state) % 6;

	while (times-- && size) {
		size_t at = next(state) % size, n;

		switch (next(state) % 4) {
		case 0:
			data[at] = bytes[next(state) % sizeof(bytes)];
			break;
		case 1:
			data[at] ^= (uint8_t)(1u << next(state) % 8);
			break;
		case 2: /* a piece is left out */
			n = next(state) % (size - at);
			memmove(data + at, data + at + n, size - at - n);
			size -= n;
			break;
		default: /* the end is missing */
			size = at;
			break;
		}
	}
	return size;
}

static int replay(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	/* What a golden case holds besides its input. */
	static const char *const others[] = { "expected", "error", "feed", "feed.conf", "document", NULL };
	uint8_t *data, *copy;
	uint32_t state = 2463534242u;
	size_t size;
	FILE *file;

	for (const char *const *other = others; *other; other++)
		if (!strcmp(path + walk->base, *other))
			return 0;
	if (type != FTW_F || (size_t)st->st_size > FILE_MAX)
		return 0;
	file = fopen(path, "re");
	data = malloc(FILE_MAX);
	if (!file || !data)
		return -1;
	size = fread(data, 1, FILE_MAX, file);
	fclose(file);
	files++;
	LLVMFuzzerTestOneInput(data, size);
	for (int i = 0; i < (size > 20000 ? VERSIONS / 10 : VERSIONS); i++) {
		size_t n;

		copy = malloc(size + 1);
		if (!copy)
			return -1;
		memcpy(copy, data, size);
		n = spoil(copy, size, &state);
		LLVMFuzzerTestOneInput(copy, n);
		free(copy);
		versions++;
	}
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (nftw(argv[i], replay, 8, FTW_PHYS) != 0) {
			fprintf(stderr, "%s: cannot be read\n", argv[i]);
			return 1;
		}
	}
	printf("%u files and %u spoilt versions of them\n", files, versions);
	return files ? 0 : 1;
}
