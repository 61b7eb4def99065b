#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/paths.h>
#include <councilwatch/store.h>

#include "store_private.h"

void store_reasons_get(const void *data, size_t len, uint64_t reasons[CW_REASON_COUNT])
{
	struct cw_cursor cursor;

	memset(reasons, 0, CW_REASON_COUNT * sizeof(*reasons));
	cw_cursor_init(&cursor, data, len);
	for (size_t i = 0; i < CW_REASON_COUNT && cursor.left; i++)
		reasons[i] = cw_get_varint(&cursor);
}

int cw_store_document_committed(struct cw_store *store, const struct cw_document_info *info, bool *ret_committed,
                                struct cw_commit_info *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_DOC_FIND, &st, err);

	if (r < 0)
		return r;
	store_bind_str(st, 1, info->feed);
	sqlite3_bind_blob(st, 2, info->sha256, sizeof(info->sha256), SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, info->fetched_at.ms);
	r = store_step(store, st, "looking for a document", err);
	if (r < 0)
		return r;
	/* Read again when it has another place in the order than it was committed at; the same place is the same delivery. */
	*ret_committed =
	    r > 0 && (!(info->flags & CW_DOC_REPLAY) || (uint64_t)sqlite3_column_int64(st, 9) == info->order);
	if (*ret_committed) {
		*ret = (struct cw_commit_info){
			.duplicate = true,
			.tally = { .outcome = (enum cw_reason)sqlite3_column_int(st, 0),
			           .rows = (uint64_t)sqlite3_column_int64(st, 1),
			           .evidence = (uint64_t)sqlite3_column_int64(st, 2),
			           .detail = cw_str(NULL) },
			.new_evidence = (uint64_t)sqlite3_column_int64(st, 3),
			.quarantined = (uint64_t)sqlite3_column_int64(st, 4),
			.alerts = (uint64_t)sqlite3_column_int64(st, 5),
			.last_seq = (uint64_t)sqlite3_column_int64(st, 6),
		};
		store_reasons_get(sqlite3_column_blob(st, 7), (size_t)sqlite3_column_bytes(st, 7), ret->tally.reasons);
	}
	sqlite3_reset(st);
	return 0;
}

static int load_next_rowno(struct cw_store *store, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_EV_MAX, &st, err);

	if (r < 0)
		return r;
	r = store_step(store, st, "reading the row counter", err);
	if (r < 0)
		return r;
	store->next_rowno = r > 0 ? (uint64_t)sqlite3_column_int64(st, 0) : 1;
	sqlite3_reset(st);
	return 0;
}

static int put_document(struct cw_store *store, const struct cw_document_info *info, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_DOC_PUT, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)info->id);
	sqlite3_bind_int64(st, 2, store->document_feed);
	sqlite3_bind_blob(st, 3, info->sha256, sizeof(info->sha256), SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, info->fetched_at.ms);
	store_bind_str(st, 5, info->url);
	sqlite3_bind_int64(st, 6, info->flags);
	sqlite3_bind_int64(st, 7, cw_wall_now().ms);
	sqlite3_bind_int64(st, 8, (int64_t)info->order);
	sqlite3_bind_text(st, 9, CW_VERSION, -1, SQLITE_STATIC);
	store_bind_str(st, 10, info->submitted_by);
	r = store_run(store, st, "storing a document", err);
	if (r < 0)
		return r;
	store->document = sqlite3_last_insert_rowid(store->db);
	r = store_prepare(store, ST_DOC_BEFORE, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document_feed);
	sqlite3_bind_int64(st, 2, store->document);
	sqlite3_bind_int64(st, 3, info->fetched_at.ms);
	r = store_step(store, st, "reading the document before", err);
	if (r > 0) {
		r = store_ranges_get(&store->stated_before, sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0));
		sqlite3_reset(st);
		if (r < 0)
			return cw_error_at(err, r, store->path, 0, 0, "the sightings of a document are damaged");
	}
	return r < 0 ? r : 0;
}

/* 1: the document was committed before, and is store->document; 0: it was not. */
static int find_document(struct cw_store *store, const struct cw_document_info *info, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_DOC_ROW, &st, err), damaged;

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document_feed);
	sqlite3_bind_blob(st, 2, info->sha256, sizeof(info->sha256), SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, info->fetched_at.ms);
	r = store_step(store, st, "looking for a document", err);
	if (r <= 0)
		return r;
	store->document = sqlite3_column_int64(st, 0);
	damaged = store_ranges_get(&store->stated_before, sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1));
	sqlite3_reset(st);
	return damaged < 0 ? cw_error_at(err, damaged, store->path, 0, 0, "the sightings of a document are damaged") : 1;
}

/* Begins a document anew that was committed before. What it said and had then is remembered until the end. */
static int document_again(struct cw_store *store, const struct cw_document_info *info, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_DOC_AGAIN, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document);
	sqlite3_bind_int64(st, 2, (int64_t)info->id);
	store_bind_str(st, 3, info->url);
	sqlite3_bind_int64(st, 4, info->flags);
	sqlite3_bind_int64(st, 5, cw_wall_now().ms);
	sqlite3_bind_int64(st, 6, (int64_t)info->order);
	sqlite3_bind_text(st, 7, CW_VERSION, -1, SQLITE_STATIC);
	store_bind_str(st, 8, info->submitted_by);
	r = store_run(store, st, "storing a document", err);
	if (r == 0)
		r = store_prepare(store, ST_REJECT_OF, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document);
	while ((r = store_step(store, st, "reading what was rejected", err)) > 0) {
		int64_t *grown = reallocarray(store->had, store->n_had + 1, sizeof(*grown));

		if (!grown) {
			sqlite3_reset(st);
			return cw_error_nomem(err);
		}
		store->had = grown;
		grown[store->n_had++] = sqlite3_column_int64(st, 0);
	}
	if (r == 0)
		r = store_prepare(store, ST_REJECT_UNLINK, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document);
	store->again = true;
	return store_run(store, st, "forgetting what was rejected", err);
}

int cw_store_document_begin(struct cw_store *store, const struct cw_document_info *info, struct cw_error *err)
{
	int r;

	store->stated.n = 0;
	store->stated_before.n = 0;
	store->n_had = 0;
	store->again = false;
	store->expect_known = false;
	r = store_feed_id(store, info->feed, &store->document_feed, err);
	if (r == 0)
		r = load_next_rowno(store, err);
	if (r < 0)
		return r;
	store->document_fetched_at = info->fetched_at;
	snprintf(store->document_feed_name, sizeof(store->document_feed_name), "%.*s", (int)info->feed.len, info->feed.at);
	r = info->flags & CW_DOC_REPLAY ? find_document(store, info, err) : 0;
	if (r < 0)
		return r;
	return r ? document_again(store, info, err) : put_document(store, info, err);
}
int cw_store_document_stated(struct cw_store *store, uint64_t evidence, cw_council_fn *fn, void *arg, struct cw_error *err)
{
	struct cw_buf sightings;
	sqlite3_stmt *st = NULL;
	char next[32];
	int r;

	cw_buf_init(&sightings, 1u << 28);
	store_ranges_normalise(&store->stated);
	r = store_ranges_put(&store->stated, &sightings) < 0 ? cw_error_nomem(err) : store_prepare(store, ST_DOC_STATES, &st, err);
	if (r == 0) {
		sqlite3_bind_int64(st, 1, store->document);
		sqlite3_bind_int64(st, 2, (int64_t)evidence);
		sqlite3_bind_blob(st, 3, sightings.data ? sightings.data : (const void *)"", (int)sightings.len, SQLITE_STATIC);
		r = store_run(store, st, "storing what a document states", err);
	}
	cw_buf_clear(&sightings);
	/* Corrections taken back are read from the sightings: they must be seen anew. */
	store_forget_sightings(store);
	if (r == 0 && store->again)
		r = store_evidence_left(store, fn, arg, err);
	if (r == 0 && store->again)
		r = store_rejects_left(store, err);
	snprintf(next, sizeof(next), "%llu", (unsigned long long)store->next_rowno);
	return r < 0 ? r : cw_store_set_meta(store, "next_rowno", next, err);
}

int cw_store_document_finish(struct cw_store *store, const struct cw_commit_info *info, struct cw_error *err)
{
	struct cw_buf reasons;
	sqlite3_stmt *st = NULL;
	int r;

	cw_buf_init(&reasons, 4096);
	for (size_t i = 0; i < CW_REASON_COUNT; i++)
		cw_buf_put_varint(&reasons, info->tally.reasons[i]);
	r = reasons.failed ? cw_error_nomem(err) : store_prepare(store, ST_DOC_FINISH, &st, err);
	if (r == 0) {
		sqlite3_bind_int64(st, 1, store->document);
		sqlite3_bind_int(st, 2, (int)info->tally.outcome);
		sqlite3_bind_int64(st, 3, (int64_t)info->tally.rows);
		sqlite3_bind_int64(st, 4, (int64_t)info->tally.evidence);
		sqlite3_bind_int64(st, 5, (int64_t)info->new_evidence);
		sqlite3_bind_int64(st, 6, (int64_t)info->quarantined);
		sqlite3_bind_int64(st, 7, (int64_t)info->alerts);
		sqlite3_bind_int64(st, 8, (int64_t)info->last_seq);
		sqlite3_bind_blob(st, 9, reasons.data, (int)reasons.len, SQLITE_STATIC);
		store_bind_str(st, 10, info->tally.detail);
		r = store_run(store, st, "finishing a document", err);
	}
	cw_buf_clear(&reasons);
	return r;
}

/* ---- staging ---- */

int cw_store_stage(struct cw_store *store, uint64_t document, uint32_t sequence, bool rejects, uint32_t count,
                   const void *data, size_t len, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_STAGE_PUT, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)document);
	sqlite3_bind_int64(st, 2, sequence);
	sqlite3_bind_int(st, 3, rejects);
	sqlite3_bind_int64(st, 4, count);
	sqlite3_bind_blob(st, 5, data, (int)len, SQLITE_STATIC);
	return store_run(store, st, "staging a batch", err);
}

int cw_store_staged(struct cw_store *store, uint64_t document, cw_stage_fn *fn, void *arg, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_STAGE_ALL, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)document);
	while ((r = store_step(store, st, "reading a staged batch", err)) > 0) {
		r = fn(arg, sqlite3_column_int(st, 0), (uint32_t)sqlite3_column_int64(st, 1), sqlite3_column_blob(st, 2),
		       (size_t)sqlite3_column_bytes(st, 2));
		if (r < 0) {
			sqlite3_reset(st);
			return r;
		}
	}
	return r;
}

int cw_store_unstage(struct cw_store *store, uint64_t document, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_STAGE_DROP, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)document);
	return store_run(store, st, "dropping staged batches", err);
}
