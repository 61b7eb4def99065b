#include <errno.h>
#include <string.h>

#include <councilwatch/store.h>

#include "store_private.h"

static int hash_content(struct cw_store *store, const struct cw_evidence *e, unsigned char content[CONTENT_LEN])
{
	struct cw_buf *b = &store->hashed;
	unsigned char digest[CW_SHA256_LEN];

	cw_buf_reset(b);
	cw_buf_put_u8(b, (uint8_t)e->kind);
	cw_buf_put_u8(b, (uint8_t)e->tier);
	cw_buf_put_u64(b, (uint64_t)e->event_day);
	cw_buf_put_u64(b, (uint64_t)e->published_at.ms);
	cw_buf_put_bytes(b, store->document_feed_name, strlen(store->document_feed_name));
	cw_buf_put_bytes(b, e->council_id.at, e->council_id.len);
	cw_buf_put_bytes(b, e->publisher.at, e->publisher.len);
	cw_buf_put_bytes(b, e->key.at, e->key.len);
	cw_buf_put_bytes(b, e->url.at, e->url.len);
	cw_buf_put_bytes(b, e->title.at, e->title.len);
	cw_buf_put_bytes(b, e->quote.at, e->quote.len);
	cw_buf_append(b, store->vals.data, store->vals.len);
	if (b->failed)
		return b->failed;
	if (!store->hash)
		store->hash = cw_sha256_new();
	if (!store->hash || cw_sha256_update(store->hash, b->data, b->len) < 0 || cw_sha256_final(store->hash, digest) < 0)
		return -ENOMEM;
	memcpy(content, digest, CONTENT_LEN);
	return 0;
}

struct identity {
	int64_t council;
	unsigned char content[CONTENT_LEN];
};

static void bind_identity(struct cw_store *store, sqlite3_stmt *st, const struct cw_evidence *e, const struct identity *id)
{
	sqlite3_bind_int64(st, 1, id->council);
	sqlite3_bind_int(st, 2, (int)e->kind);
	sqlite3_bind_int(st, 3, e->event_day);
	sqlite3_bind_int64(st, 4, store->document_feed);
	sqlite3_bind_blob(st, 5, e->key.at ? e->key.at : "", (int)e->key.len, SQLITE_STATIC);
	sqlite3_bind_blob(st, 6, id->content, CONTENT_LEN, SQLITE_STATIC);
}

/* What is stored of a statement that was known before. */
struct known {
	uint64_t rowno, row;
	struct cw_wall fetched_at;
	int64_t document;
};

/* 1: was known; 0: not known. */
static int look_up(struct cw_store *store, const struct cw_evidence *e, const struct identity *id, struct known *ret,
                   struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_EV_GET, &st, err);

	if (r < 0)
		return r;
	bind_identity(store, st, e, id);
	r = store_step(store, st, "looking for evidence", err);
	if (r > 0) {
		*ret = (struct known){ .rowno = (uint64_t)sqlite3_column_int64(st, 0),
			               .fetched_at = store_column_wall(st, 1),
			               .document = sqlite3_column_int64(st, 2),
			               .row = (uint64_t)sqlite3_column_int64(st, 3) };
		sqlite3_reset(st);
	}
	return r;
}

/* 1: stored; 0: was there. */
static int insert(struct cw_store *store, const struct cw_evidence *e, const struct identity *id, int64_t source,
                  struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_EV_PUT, &st, err);

	if (r < 0)
		return r;
	bind_identity(store, st, e, id);
	sqlite3_bind_int64(st, 7, (int64_t)store->next_rowno);
	sqlite3_bind_int64(st, 8, store->document);
	sqlite3_bind_int64(st, 9, source);
	sqlite3_bind_int64(st, 10, e->fetched_at.ms);
	store_bind_wall(st, 11, e->published_at);
	sqlite3_bind_int64(st, 12, (int64_t)e->row);
	store_bind_str(st, 13, e->url);
	store_bind_str(st, 14, e->title);
	store_bind_str(st, 15, e->quote);
	sqlite3_bind_blob(st, 16, store->vals.data ? store->vals.data : (const void *)"", (int)store->vals.len, SQLITE_STATIC);
	r = store_run(store, st, "storing evidence", err);
	return r < 0 ? r : sqlite3_changes(store->db);
}

int cw_store_put_evidence(struct cw_store *store, const struct cw_evidence *e, bool *ret_new, bool *ret_moved,
                          struct cw_error *err)
{
	struct identity id;
	struct known known = { 0 };
	int64_t source;
	int found = 0, r;

	r = store_dimension_id(store, &store->councils, ST_COUNCIL_GET, ST_COUNCIL_PUT, e->council_id, 0, &id.council, err);
	if (r == 0)
		r = store_dimension_id(store, &store->sources, ST_SOURCE_GET, ST_SOURCE_PUT, e->publisher, (int)e->tier, &source, err);
	if (r < 0)
		return r;
	cw_buf_reset(&store->vals);
	for (size_t i = 0; i < e->n_values; i++) {
		cw_buf_put_u8(&store->vals, (uint8_t)e->value[i].id);
		cw_buf_put_bytes(&store->vals, e->value[i].text.at, e->value[i].text.len);
	}
	if (store->vals.failed || hash_content(store, e, id.content) < 0)
		return cw_error_nomem(err);

	/* New documents are mostly new, repeated ones mostly known: do first what the last record needed. */
	if (store->expect_known)
		found = look_up(store, e, &id, &known, err);
	if (found == 0) {
		r = insert(store, e, &id, source, err);
		if (r < 0)
			return r;
		found = r ? 0 : look_up(store, e, &id, &known, err);
	}
	if (found < 0)
		return found;
	store->expect_known = found;
	*ret_new = !found;
	*ret_moved = !found;
	if (!found) {
		known.rowno = store->next_rowno++;
	} else {
		bool earlier = e->fetched_at.ms < known.fetched_at.ms;

		*ret_moved = earlier || !store_ranges_have(&store->stated_before, known.rowno);
		/* Read again, the same document may have it in another row. */
		if (earlier || (known.document == store->document && known.row != e->row && !known.row)) {
			sqlite3_stmt *st;

			r = store_prepare(store, ST_EV_EARLIER, &st, err);
			if (r < 0)
				return r;
			bind_identity(store, st, e, &id);
			sqlite3_bind_int64(st, 7, CW_MIN(e->fetched_at.ms, known.fetched_at.ms));
			sqlite3_bind_int64(st, 8, store->document);
			sqlite3_bind_int64(st, 9, (int64_t)e->row);
			r = store_run(store, st, "dating evidence earlier", err);
			if (r < 0)
				return r;
		}
	}
	return store_ranges_add(&store->stated, known.rowno) < 0 ? cw_error_nomem(err) : 0;
}
static int put_gone(struct cw_store *store, const struct feed_sightings *sightings, uint64_t rowno, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	size_t home = 0;
	int r = store_prepare(store, ST_GONE_PUT, &st, err);

	if (r < 0)
		return r;
	while (home < sightings->n && !store_ranges_have(&sightings->ranges[home], rowno))
		home++;
	sqlite3_bind_int64(st, 1, (int64_t)rowno);
	if (home < sightings->n) {
		sqlite3_bind_int64(st, 2, sightings->documents[home]);
		store_bind_wall(st, 3, sightings->fetched_at[home]);
	} else {
		sqlite3_bind_null(st, 2);
		sqlite3_bind_null(st, 3);
	}
	return store_run(store, st, "noting evidence that is gone", err);
}

static int run_gone(struct cw_store *store, enum statement which, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, which, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document_feed);
	if (which == ST_GONE_MOVE) {
		sqlite3_bind_int64(st, 2, store->document);
		sqlite3_bind_int64(st, 3, store->document_fetched_at.ms);
	}
	return store_run(store, st, "taking back evidence", err);
}

/* What the document said when it was read before and does not say now: another document may say it, else it goes. */
int store_evidence_left(struct cw_store *store, cw_council_fn *fn, void *arg, struct cw_error *err)
{
	const struct feed_sightings *sightings = NULL;
	sqlite3_stmt *st = NULL;
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < store->stated_before.n; i++)
		for (uint64_t rowno = store->stated_before.at[i].first; r == 0 && rowno <= store->stated_before.at[i].last; rowno++) {
			if (store_ranges_have(&store->stated, rowno))
				continue;
			if (!any) {
				r = store_load_sightings(store, cw_str(store->document_feed_name), &sightings, err);
				if (r == 0)
					r = store_run_plain(store, ST_GONE_MAKE, "noting evidence that is gone", err);
				if (r == 0)
					r = store_run_plain(store, ST_GONE_CLEAR, "noting evidence that is gone", err);
				any = true;
			}
			if (r == 0)
				r = put_gone(store, sightings, rowno, err);
		}
	if (r < 0 || !any)
		return r;
	r = store_prepare(store, ST_GONE_COUNCILS, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document_feed);
	while ((r = store_step(store, st, "looking whom gone evidence concerns", err)) > 0)
		fn(arg, (const char *)sqlite3_column_text(st, 0));
	if (r == 0)
		r = run_gone(store, ST_GONE_MOVE, err);
	return r < 0 ? r : run_gone(store, ST_GONE_DELETE, err);
}
