#include <errno.h>
#include <string.h>

#include <councilwatch/store.h>

#include "store_private.h"

static int put_text(struct cw_store *store, const struct cw_fact *fact, const struct cw_store_text *text, struct cw_error *err)
{
	const struct cw_evidence *e = &fact->evidence;
	unsigned char content[CONTENT_LEN];
	sqlite3_stmt *st = NULL;
	int64_t council, feed;
	int r;

	if (strlen(fact->id) != 2 * (size_t)CONTENT_LEN || cw_unhex(fact->id, content, CONTENT_LEN) < 0)
		return cw_error_at(err, -EUCLEAN, store->path, 0, 0, "damaged evidence");
	r = store_dimension_id(store, &store->councils, ST_COUNCIL_GET, ST_COUNCIL_PUT, e->council_id, 0, &council, err);
	if (r == 0)
		r = store_feed_id(store, fact->feed, &feed, err);
	if (r == 0)
		r = store_prepare(store, ST_TEXT_PUT, &st, err);
	if (r < 0)
		return r;
	cw_buf_reset(&store->vals);
	for (size_t i = 0; i < text->n_values; i++) {
		cw_buf_put_u8(&store->vals, (uint8_t)text->values[i].id);
		cw_buf_put_bytes(&store->vals, text->values[i].text.at, text->values[i].text.len);
	}
	if (store->vals.failed)
		return cw_error_nomem(err);
	sqlite3_bind_int64(st, 1, council);
	sqlite3_bind_int(st, 2, (int)e->kind);
	sqlite3_bind_int(st, 3, e->event_day);
	sqlite3_bind_int64(st, 4, feed);
	sqlite3_bind_blob(st, 5, e->key.at ? e->key.at : "", (int)e->key.len, SQLITE_STATIC);
	sqlite3_bind_blob(st, 6, content, CONTENT_LEN, SQLITE_STATIC);
	store_bind_str(st, 7, text->quote);
	sqlite3_bind_blob(st, 8, store->vals.data ? store->vals.data : (const void *)"", (int)store->vals.len, SQLITE_STATIC);
	r = store_run(store, st, "removing a text", err);
	if (r == 0 && sqlite3_changes(store->db) != 1)
		r = cw_error_at(err, -EUCLEAN, store->path, 0, 0, "a statement that was just there is not");
	return r;
}

int cw_store_remove_text(struct cw_store *store, const struct cw_fact *fact, const struct cw_store_text *text, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = put_text(store, fact, text, err);

	for (size_t i = 0; r == 0 && i < text->n_said; i++) {
		r = store_prepare(store, ST_ALERT_TEXT, &st, err);
		if (r < 0)
			break;
		store_bind_str(st, 1, fact->evidence.council_id);
		store_bind_str(st, 2, text->said[i]);
		store_bind_str(st, 3, text->quote);
		r = store_run(store, st, "removing a text from alerts", err);
	}
	return r;
}

static int count(struct cw_store *store, enum statement which, uint64_t *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, which, &st, err);

	if (r == 0)
		r = store_step(store, st, "counting", err);
	if (r > 0) {
		*ret = (uint64_t)sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	return r < 0 ? r : 0;
}

int cw_store_count_all(struct cw_store *store, struct cw_store_counts *ret, struct cw_error *err)
{
	int r = count(store, ST_COUNT_EVIDENCE, &ret->evidence, err);

	return r < 0 ? r : count(store, ST_COUNT_ALERTS, &ret->alerts, err);
}

int cw_store_remove_all(struct cw_store *store, struct cw_error *err)
{
	/* The last alert keeps its number, so that the next one's follows it. */
	static const char sql[] = "DELETE FROM evidence; DELETE FROM reject_document; DELETE FROM reject; DELETE FROM level;"
	                          "UPDATE document SET evidence = 0, sightings = x'', detail = '';"
	                          "DELETE FROM alert WHERE seq < (SELECT max(seq) FROM alert);"
	                          "UPDATE alert SET json = '{}', council_id = NULL, topic = '', topic_level = NULL;";

	store_forget_sightings(store);
	return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_error(store, err, "removing everything");
}

int cw_store_open_rejects(struct cw_store *store, struct cw_str feed, const unsigned char sha256[CW_SHA256_LEN],
                          struct cw_wall fetched_at, enum cw_reason but, uint64_t *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_OPEN_REJECTS, &st, err);

	if (r < 0)
		return r;
	store_bind_str(st, 1, feed);
	sqlite3_bind_blob(st, 2, sha256, CW_SHA256_LEN, SQLITE_STATIC);
	store_bind_wall(st, 3, fetched_at);
	sqlite3_bind_int(st, 4, (int)but);
	r = store_step(store, st, "reading the quarantine", err);
	if (r > 0) {
		*ret = (uint64_t)sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	return r < 0 ? r : 0;
}
