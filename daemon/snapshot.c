#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <councilwatch/limits.h>
#include <councilwatch/text.h>

#include "snapshot.h"

#define DEPTH_MAX 8
#define PREFIX_MAX 512

/* ---- making ---- */

struct flattening {
	struct cw_buf *out;
	char prefix[PREFIX_MAX];
	size_t ends[DEPTH_MAX]; /* of the prefix, outside of each section */
	unsigned depth;
	unsigned skipped; /* depth of a section that is left out, from 1 */
};

static bool begins(struct cw_str text, const char *word)
{
	return text.len >= strlen(word) && memcmp(text.at, word, strlen(word)) == 0;
}

static void put_hash(struct cw_buf *out, struct cw_str text)
{
	unsigned char digest[CW_SHA256_LEN];
	char hex[CW_SHA256_HEX] = "";

	if (cw_sha256(text.at, text.len, digest) == 0)
		cw_hex(digest, sizeof(digest), hex);
	cw_buf_printf(out, "sha256:%s", hex);
}

/* 'feed "notes" {' opens "feed.notes."; a section without a name "risk.". */
static void section_open(struct flattening *f, struct cw_str line)
{
	size_t len = strlen(f->prefix);

	if (f->depth < DEPTH_MAX)
		f->ends[f->depth] = len;
	f->depth++;
	if (!f->skipped && begins(line, "expect"))
		f->skipped = f->depth;
	for (size_t i = 0; i < line.len && line.at[i] != '{' && len + 2 < PREFIX_MAX; i++) {
		if (line.at[i] == ' ' && len && f->prefix[len - 1] != '.')
			f->prefix[len++] = '.';
		else if (line.at[i] != ' ' && line.at[i] != '"')
			f->prefix[len++] = line.at[i];
	}
	if (len && f->prefix[len - 1] != '.')
		f->prefix[len++] = '.';
	f->prefix[len] = '\0';
}

static void section_close(struct flattening *f)
{
	if (f->skipped == f->depth)
		f->skipped = 0;
	f->depth--;
	if (f->depth < DEPTH_MAX)
		f->prefix[f->ends[f->depth]] = '\0';
}

static void flatten_line(struct flattening *f, struct cw_str line)
{
	const char *equals;

	line = cw_str_trim(line);
	if (!line.len || line.at[0] == '#')
		return;
	equals = memchr(line.at, '=', line.len);
	if (line.at[line.len - 1] == '{' && !equals) {
		section_open(f, line);
		return;
	}
	if (line.len == 1 && line.at[0] == '}' && f->depth) {
		section_close(f);
		return;
	}
	if (f->skipped)
		return;
	cw_buf_puts(f->out, f->prefix);
	if (equals && begins(line, "headers")) {
		cw_buf_puts(f->out, "headers = ");
		put_hash(f->out, line);
	} else {
		cw_buf_append(f->out, line.at, line.len);
	}
	cw_buf_putc(f->out, '\n');
}

static void put_file(struct cw_buf *out, const char *path)
{
	struct cw_sha256 *hash = cw_sha256_new();
	unsigned char digest[CW_SHA256_LEN], block[16384];
	char hex[CW_SHA256_HEX];
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : -1;
	ssize_t n = fd < 0 ? -1 : 0;

	while (fd >= 0 && hash && (n = read(fd, block, sizeof(block))) > 0)
		if (cw_sha256_update(hash, block, (size_t)n) < 0)
			break;
	if (path && n == 0 && hash && cw_sha256_final(hash, digest) == 0) {
		cw_hex(digest, sizeof(digest), hex);
		cw_buf_printf(out, "file \"%s\" = sha256:%s\n", path, hex);
	}
	if (fd >= 0)
		close(fd);
	cw_sha256_free(hash);
}

int cw_snapshot_make(const struct cw_config *config, struct cw_buf *out)
{
	const char *const tables[] = { config->file, config->councils_file, config->aliases_file, config->lineage_file,
		                       config->organisations_file, config->other_bodies_file, config->risk_file,
		                       config->phrases_file };
	struct flattening f = { .out = out };
	struct cw_buf printed;
	const char *at, *end;
	int r;

	cw_buf_init(&printed, 4 * CW_SNAPSHOT_MAX);
	r = cw_config_print(config, &printed);
	for (at = cw_buf_str(&printed); r == 0 && *at; at = *end ? end + 1 : end) {
		end = strchrnul(at, '\n');
		flatten_line(&f, (struct cw_str){ at, (size_t)(end - at) });
	}
	cw_buf_clear(&printed);
	for (size_t i = 0; i < CW_ARRAY_LEN(tables); i++)
		put_file(out, tables[i]);
	return r < 0 ? r : out->failed;
}

/* ---- comparing ---- */

struct lines {
	struct cw_str *at;
	size_t n;
};

static int by_line(const void *a, const void *b)
{
	const struct cw_str *x = a, *y = b;
	int r = memcmp(x->at, y->at, CW_MIN(x->len, y->len));

	return r ? r : (x->len > y->len) - (x->len < y->len);
}

static int split(const char *text, struct lines *ret)
{
	const char *end;
	size_t n = 1;

	for (const char *at = text; *at; at++)
		n += *at == '\n';
	ret->n = 0;
	ret->at = calloc(n, sizeof(*ret->at));
	if (!ret->at)
		return -ENOMEM;
	for (const char *at = text; *at; at = *end ? end + 1 : end) {
		end = strchrnul(at, '\n');
		if (end > at)
			ret->at[ret->n++] = (struct cw_str){ at, (size_t)(end - at) };
	}
	qsort(ret->at, ret->n, sizeof(*ret->at), by_line);
	return 0;
}

static size_t key_len(struct cw_str line)
{
	for (size_t i = 0; i + 3 <= line.len; i++)
		if (memcmp(line.at + i, " = ", 3) == 0)
			return i;
	return 0;
}

static bool same_key(struct cw_str a, struct cw_str b)
{
	size_t len = key_len(a);

	return len && len == key_len(b) && memcmp(a.at, b.at, len) == 0;
}

static int cut(size_t len)
{
	return (int)CW_MIN(len, CW_SNAPSHOT_CHANGE_MAX / 3);
}

/* was, is: an empty one is none. */
static int add_change(json_t *changes, size_t *more, struct cw_str was, struct cw_str is)
{
	struct cw_str key = is.len ? is : was;
	size_t len = key_len(key);
	char text[CW_SNAPSHOT_CHANGE_MAX + 16];
	json_t *value;

	if (json_array_size(changes) >= CW_SNAPSHOT_CHANGES) {
		++*more;
		return 0;
	}
	if (was.len && is.len)
		snprintf(text, sizeof(text), "%.*s: %.*s -> %.*s", cut(len), key.at, cut(was.len - len - 3), was.at + len + 3,
		         cut(is.len - len - 3), is.at + len + 3);
	else
		snprintf(text, sizeof(text), "%c %.*s", is.len ? '+' : '-', (int)CW_MIN(key.len, CW_SNAPSHOT_CHANGE_MAX), key.at);
	/* A value may have been cut within a character, or be no UTF-8 at all. */
	value = json_string(text);
	for (char *at = text; !value && *at; at++)
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	if (!value)
		value = json_string(text);
	return json_array_append_new(changes, value);
}

static int compare(const struct lines *before, const struct lines *now, json_t *changes, size_t *more)
{
	static const struct cw_str none = { "", 0 };
	size_t i = 0, k = 0;
	int r = 0;

	while (r == 0 && (i < before->n || k < now->n)) {
		int order = i == before->n ? 1 : k == now->n ? -1 : by_line(&before->at[i], &now->at[k]);

		if (order == 0) {
			i++, k++;
		} else if (i < before->n && k < now->n && same_key(before->at[i], now->at[k])) {
			r = add_change(changes, more, before->at[i++], now->at[k++]);
		} else if (order < 0) {
			r = add_change(changes, more, before->at[i++], none);
		} else {
			r = add_change(changes, more, none, now->at[k++]);
		}
	}
	return r;
}

json_t *cw_snapshot_compare(const char *before, const char *now)
{
	struct lines old = { 0 }, new = { 0 };
	json_t *changes = json_array(), *object = NULL;
	size_t more = 0;

	if (changes && split(before, &old) == 0 && split(now, &new) == 0 && compare(&old, &new, changes, &more) == 0)
		object = json_pack("{s:O}", "changes", changes);
	if (object && more && json_object_set_new(object, "more", json_integer((json_int_t)more)) < 0) {
		json_decref(object);
		object = NULL;
	}
	json_decref(changes);
	free(old.at);
	free(new.at);
	return object;
}
