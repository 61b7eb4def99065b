#include <errno.h>

#include <councilwatch/store.h>

#include "store_private.h"

/* The number of a reject, made when it is new. */
static int reject_id(struct cw_store *store, const struct cw_reject *reject, int64_t *ret, bool *ret_new, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	*ret_new = false;
	for (enum statement which = ST_REJECT_KNOWN;; which = ST_REJECT_PUT) {
		r = store_prepare(store, which, &st, err);
		if (r < 0)
			return r;
		sqlite3_bind_int64(st, 1, store->document_feed);
		sqlite3_bind_int(st, 2, (int)reject->reason);
		store_bind_str(st, 3, reject->field);
		store_bind_str(st, 4, reject->text);
		store_bind_str(st, 5, reject->detail);
		if (which == ST_REJECT_PUT)
			break;
		r = store_step(store, st, "looking for a rejected row", err);
		if (r < 0)
			return r;
		if (r > 0) {
			*ret = sqlite3_column_int64(st, 0);
			sqlite3_reset(st);
			return 0;
		}
	}
	*ret_new = true;
	sqlite3_bind_int64(st, 6, (int64_t)reject->row);
	sqlite3_bind_int64(st, 7, store->document);
	sqlite3_bind_int64(st, 8, store->document_fetched_at.ms);
	r = store_run(store, st, "storing a rejected row", err);
	*ret = sqlite3_last_insert_rowid(store->db);
	return r;
}

int cw_store_put_reject(struct cw_store *store, const struct cw_reject *reject, bool *ret_new, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int64_t id;
	int r = reject_id(store, reject, &id, ret_new, err);

	if (r == 0)
		r = store_prepare(store, ST_REJECT_LINK, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, store->document);
	sqlite3_bind_int64(st, 2, id);
	sqlite3_bind_int64(st, 3, (int64_t)reject->row);
	r = store_run(store, st, "storing a rejected row", err);
	if (r < 0 || !sqlite3_changes(store->db))
		return r;
	r = store_prepare(store, ST_REJECT_SEEN, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, store->document);
	sqlite3_bind_int64(st, 3, (int64_t)reject->row);
	sqlite3_bind_int64(st, 4, store->document_fetched_at.ms);
	return store_run(store, st, "counting a rejected row", err);
}

/* Rejects that the document had when it was read before, and perhaps has not now. */
int store_rejects_left(struct cw_store *store, struct cw_error *err)
{
	static const enum statement both[] = { ST_REJECT_LEFT, ST_REJECT_AGAIN };
	sqlite3_stmt *st = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < store->n_had; i++)
		for (size_t k = 0; r == 0 && k < CW_ARRAY_LEN(both); k++) {
			r = store_prepare(store, both[k], &st, err);
			if (r < 0)
				break;
			sqlite3_bind_int64(st, 1, store->had[i]);
			r = store_run(store, st, "counting a rejected row", err);
		}
	return r;
}
int cw_store_quarantine(struct cw_store *store, cw_quarantine_fn *fn, void *arg, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_QUARANTINE, &st, err);

	if (r < 0)
		return r;
	while ((r = store_step(store, st, "reading the quarantine", err)) > 0) {
		struct cw_quarantine_entry entry = {
			.id = (uint64_t)sqlite3_column_int64(st, 0),
			.feed = store_column_str(st, 1),
			.first_seen = store_column_wall(st, 3),
			.last_seen = store_column_wall(st, 4),
			.times = (uint64_t)sqlite3_column_int64(st, 5),
			.reject = { .reason = (enum cw_reason)sqlite3_column_int(st, 6),
			            .row = (uint64_t)sqlite3_column_int64(st, 7),
			            .field = store_column_str(st, 8),
			            .text = store_column_str(st, 9),
			            .detail = store_column_str(st, 10) },
			.dropped_at = store_column_wall(st, 11),
			.dropped_by = store_column_str(st, 12),
			.dropped_why = store_column_str(st, 13),
		};

		if (sqlite3_column_bytes(st, 2) == CW_SHA256_LEN)
			cw_hex(sqlite3_column_blob(st, 2), CW_SHA256_LEN, entry.document);
		r = fn(arg, &entry);
		if (r < 0) {
			sqlite3_reset(st);
			return r;
		}
	}
	return r;
}

int cw_store_dismiss(struct cw_store *store, uint64_t entry, struct cw_wall at, struct cw_str author, struct cw_str why,
                     struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_DISMISS, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)entry);
	store_bind_wall(st, 2, at);
	store_bind_str(st, 3, author);
	store_bind_str(st, 4, why);
	r = store_run(store, st, "dropping an entry of the quarantine", err);
	return r < 0 ? r : sqlite3_changes(store->db);
}

int cw_store_quarantined(struct cw_store *store, uint64_t entry, cw_quarantined_fn *fn, void *arg, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_QUARANTINED, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)entry);
	while ((r = store_step(store, st, "reading the quarantine", err)) > 0) {
		struct cw_quarantined_document document = {
			.id = (uint64_t)sqlite3_column_int64(st, 0),
			.feed = store_column_str(st, 1),
			.fetched_at = store_column_wall(st, 3),
		};

		if (sqlite3_column_bytes(st, 2) == CW_SHA256_LEN)
			cw_hex(sqlite3_column_blob(st, 2), CW_SHA256_LEN, document.sha256);
		r = fn(arg, &document);
		if (r < 0) {
			sqlite3_reset(st);
			return r;
		}
	}
	return r;
}
