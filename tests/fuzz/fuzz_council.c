/*
 * The tables of the councils, and texts that are to be councils. A file holds the five tables and the texts, with a line "%%"
 * between each; the texts are asked of the file's own tables, when they load, and of the shipped ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <councilwatch/council.h>

#include "fuzz_normaliser.h"

#define TABLE(name) CW_SOURCE_DIR "/config/" name ".csv"
enum { TABLES = 5, TEXTS_MAX = 64, TOGETHER = 3 };

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void ask(const struct cw_councils *councils, const struct cw_str *texts, size_t n, int32_t day)
{
	struct cw_council_set set = { 0 };
	const struct cw_council *one = NULL;
	struct cw_buf why;
	int r;

	cw_buf_init(&why, 65536);
	r = cw_council_resolve_all(councils, texts, n, day, &set, &why);
	check(r >= 0 && (r != 0) == (why.len > 0));
	if (r == 0) {
		check(set.n > 0 && set.n <= CW_COUNCILS_TOGETHER_MAX && (!set.organisation || set.named < n));
		for (size_t i = 0; i < set.n; i++) {
			check(set.at[i] == cw_councils_at(councils, set.at[i]->index));
			check(cw_council_exists(set.at[i], day));
			check(i == 0 || set.at[i - 1]->index < set.at[i]->index);
		}
	}
	check((cw_council_resolve(councils, texts, n, day, &one, NULL) == 0) == (r == 0 && set.n == 1));
	cw_buf_clear(&why);
}

/* As a person would, who is told what is near; that takes long, so once. */
static void find(const struct cw_councils *councils, struct cw_str text)
{
	char *copy = strndup(text.at, CW_MIN(text.len, (size_t)64));
	const struct cw_council *council = NULL;
	const char *suggestion;

	if (!copy)
		return;
	if (cw_council_find(councils, copy, &council, &suggestion) == 0)
		check(council == cw_councils_at(councils, council->index));
	free(copy);
}

static void use(const struct cw_councils *councils, const struct cw_str *texts, size_t n)
{
	static const int32_t days[] = { 0, 17900, 20500, CW_DAY_NONE };
	struct cw_council_name name;
	size_t position = 0, names = 0;

	while (names < 16 && cw_council_names(councils, &position, &name)) {
		check(name.text.len && (name.n > 0) == (name.body == NULL));
		ask(councils, &name.text, 1, name.from != CW_DAY_NONE ? name.from : days[names % 3]);
		names++;
	}
	for (size_t i = 0; i < cw_lineage_count(councils); i++) {
		const struct cw_lineage *edges[2];

		check(cw_council_successors(councils, cw_lineage_at(councils, i)->predecessor, CW_DAY_NONE, edges, 2) ||
		      cw_lineage_at(councils, i)->kind == CW_LINEAGE_CONTINUES);
	}
	if (n)
		find(councils, texts[0]);
	for (size_t i = 0; i < n; i++)
		for (size_t d = 0; d < CW_ARRAY_LEN(days); d++) {
			ask(councils, &texts[i], 1, days[d]);
			ask(councils, &texts[i], CW_MIN(n - i, (size_t)TOGETHER), days[d]);
		}
}

/* The next part of the data, up to a line "%%". */
static struct cw_str part(struct cw_str *left)
{
	const char *end = memmem(left->at, left->len, "\n%%\n", 4);
	struct cw_str ret = { left->at, end ? (size_t)(end - left->at) + 1 : left->len };
	size_t skip = end ? ret.len + 3 : left->len;

	left->at += skip;
	left->len -= skip;
	return ret;
}

static const struct cw_councils *shipped(void)
{
	static struct cw_councils *councils;
	const struct cw_council_tables tables = { TABLE("councils"), TABLE("aliases"), TABLE("lineage"),
		                                  TABLE("organisations"), TABLE("other-bodies") };
	struct cw_error err;

	if (!councils)
		check(cw_councils_load(&tables, NULL, NULL, &councils, &err) == 0);
	return councils;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cw_str left = { (const char *)data, size }, texts[TEXTS_MAX];
	struct cw_councils *councils = NULL;
	char path[TABLES][32];
	int fd[TABLES];
	struct cw_error err;
	size_t n = 0;

	for (size_t i = 0; i < TABLES; i++) {
		struct cw_str table = part(&left);

		fd[i] = memfd_create("table", MFD_CLOEXEC);
		check(fd[i] >= 0 && write(fd[i], table.at, table.len) == (ssize_t)table.len);
		snprintf(path[i], sizeof(path[i]), "/proc/self/fd/%d", fd[i]);
	}
	while (left.len && n < TEXTS_MAX) {
		const char *end = memchr(left.at, '\n', left.len);
		size_t len = end ? (size_t)(end - left.at) : left.len;

		texts[n++] = (struct cw_str){ left.at, len };
		len += end != NULL;
		left.at += len;
		left.len -= len;
	}
	if (cw_councils_load(&(struct cw_council_tables){ path[0], path[1], path[2], path[3], path[4] }, NULL, NULL,
	                     &councils, &err) == 0)
		use(councils, texts, n);
	cw_councils_free(councils);
	for (size_t i = 0; i < TABLES; i++)
		close(fd[i]);
	use(shipped(), texts, n);
	return 0;
}
