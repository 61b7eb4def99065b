#include <errno.h>

#include <councilwatch/store.h>

#include "store_private.h"

static int add_feed_totals(struct cw_store *store, struct cw_feed_counts *counts, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_FEED_TOTALS, &st, err);

	if (r < 0)
		return r;
	store_bind_str(st, 1, counts->feed);
	while ((r = store_step(store, st, "counting documents", err)) > 0) {
		uint64_t reasons[CW_REASON_COUNT];
		struct cw_wall fetched_at = store_column_wall(st, 4);

		counts->documents++;
		counts->rows += (uint64_t)sqlite3_column_int64(st, 0);
		counts->evidence += (uint64_t)sqlite3_column_int64(st, 1);
		counts->quarantined += (uint64_t)sqlite3_column_int64(st, 2);
		store_reasons_get(sqlite3_column_blob(st, 3), (size_t)sqlite3_column_bytes(st, 3), reasons);
		for (size_t i = 0; i < CW_REASON_COUNT; i++)
			counts->reasons[i] += reasons[i];
		if (!cw_wall_known(counts->last_fetched) || fetched_at.ms > counts->last_fetched.ms)
			counts->last_fetched = fetched_at;
	}
	return r;
}

int cw_store_feed_counts(struct cw_store *store, cw_feed_counts_fn *fn, void *arg, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_FEEDS, &st, err);

	if (r < 0)
		return r;
	while ((r = store_step(store, st, "reading feeds", err)) > 0) {
		struct cw_feed_counts counts = { .feed = store_column_str(st, 0), .polled = sqlite3_column_int(st, 1),
			                         .last_success = store_column_wall(st, 2), .outage_since = store_column_wall(st, 3),
			                         .last_fetched = cw_wall_none() };

		r = add_feed_totals(store, &counts, err);
		if (r == 0)
			r = fn(arg, &counts);
		if (r < 0) {
			sqlite3_reset(st);
			return r;
		}
	}
	return r;
}

int cw_store_put_feed_state(struct cw_store *store, const struct cw_feed_state *state, bool *ret_outage_began,
                            struct cw_error *err)
{
	struct cw_wall before = cw_wall_none();
	sqlite3_stmt *st = NULL;
	int64_t id;
	int r;

	r = store_feed_id(store, state->feed, &id, err);
	if (r == 0)
		r = store_prepare(store, ST_FEED_STATE_GET, &st, err);
	if (r < 0)
		return r;
	store_bind_str(st, 1, state->feed);
	r = store_step(store, st, "reading a feed's state", err);
	if (r > 0) {
		before = store_column_wall(st, 2);
		sqlite3_reset(st);
	}
	if (r >= 0)
		r = store_prepare(store, ST_FEED_STATE, &st, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int(st, 2, state->polled);
	store_bind_wall(st, 3, state->last_success);
	store_bind_wall(st, 4, state->outage_since);
	store_bind_str(st, 5, state->detail);
	r = store_run(store, st, "storing a feed's state", err);
	*ret_outage_began = cw_wall_known(state->outage_since) && !cw_wall_known(before);
	return r;
}

int cw_store_required_outage(struct cw_store *store, const struct cw_config *config, int32_t as_of, bool *ret,
                             struct cw_error *err)
{
	*ret = false;
	for (size_t i = 0; i < config->n_feeds; i++) {
		sqlite3_stmt *st;
		int r;

		if (!config->feeds[i].required || !config->feeds[i].enabled || !config->fetching)
			continue;
		r = store_prepare(store, ST_FEED_STATE_GET, &st, err);
		if (r < 0)
			return r;
		store_bind_str(st, 1, cw_str(config->feeds[i].name));
		r = store_step(store, st, "reading a feed's state", err);
		if (r < 0)
			return r;
		if (r > 0) {
			struct cw_wall since = store_column_wall(st, 2);

			*ret |= sqlite3_column_int(st, 0) && cw_wall_known(since) && cw_wall_day(since) <= as_of;
			sqlite3_reset(st);
		}
	}
	return 0;
}
