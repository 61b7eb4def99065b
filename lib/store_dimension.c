#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store_private.h"

void store_dimension_clear(struct dimension *dimension)
{
	for (size_t i = 0; i < dimension->n; i++)
		free(dimension->at[i].text);
	free(dimension->at);
	*dimension = (struct dimension){ 0 };
}

static uint32_t text_hash(struct cw_str text)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.at[i]) * 16777619u;
	return hash ^ hash >> 16;
}

static bool dimension_is(const struct dimension_entry *entry, struct cw_str text, int tier)
{
	return entry->tier == tier && entry->len == text.len && (!text.len || memcmp(entry->text, text.at, text.len) == 0);
}

int store_dimension_id(struct cw_store *store, struct dimension *dimension, enum statement get, enum statement put,
                       struct cw_str text, int tier, int64_t *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	uint32_t *slot;
	char *copy;
	int64_t id;
	int r;

	slot = &dimension->slot[text_hash(text) % DIMENSION_SLOTS];
	if (*slot && dimension_is(&dimension->at[*slot - 1], text, tier)) {
		*ret = dimension->at[*slot - 1].id;
		return 0;
	}
	for (size_t i = dimension->n; i > 0; i--) {
		if (dimension_is(&dimension->at[i - 1], text, tier)) {
			*slot = (uint32_t)i;
			*ret = dimension->at[i - 1].id;
			return 0;
		}
	}
	for (int pass = 0;; pass++) {
		r = store_prepare(store, get, &st, err);
		if (r < 0)
			return r;
		store_bind_str(st, 1, text);
		if (put == ST_SOURCE_PUT)
			sqlite3_bind_int(st, 2, tier);
		r = store_step(store, st, "looking up a name", err);
		if (r < 0)
			return r;
		if (r > 0) {
			id = sqlite3_column_int64(st, 0);
			sqlite3_reset(st);
			break;
		}
		if (pass)
			return cw_error_set(err, -EIO, "a name just stored is not there");
		r = store_prepare(store, put, &st, err);
		if (r < 0)
			return r;
		store_bind_str(st, 1, text);
		if (put == ST_SOURCE_PUT)
			sqlite3_bind_int(st, 2, tier);
		r = store_run(store, st, "storing a name", err);
		if (r < 0)
			return r;
	}
	if (dimension->n == dimension->cap) {
		size_t cap = dimension->cap ? dimension->cap * 2 : 64;
		struct dimension_entry *grown = realloc(dimension->at, cap * sizeof(*grown));

		if (!grown)
			return cw_error_nomem(err);
		dimension->at = grown;
		dimension->cap = cap;
	}
	copy = strndup(text.at, text.len);
	if (!copy)
		return cw_error_nomem(err);
	dimension->at[dimension->n++] = (struct dimension_entry){ copy, text.len, id, tier };
	*ret = id;
	return 0;
}

int store_feed_id(struct cw_store *store, struct cw_str name, int64_t *ret, struct cw_error *err)
{
	return store_dimension_id(store, &store->feeds, ST_FEED_GET, ST_FEED_PUT, name, 0, ret, err);
}
