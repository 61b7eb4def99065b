#include <errno.h>
#include <string.h>

#include <councilwatch/store.h>

#include "store_private.h"

int cw_store_alert_exists(struct cw_store *store, const char *id, bool *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_ALERT_EXISTS, &st, err);

	if (r < 0)
		return r;
	store_bind_str(st, 1, cw_str(id));
	r = store_step(store, st, "looking for an alert", err);
	if (r < 0)
		return r;
	*ret = r > 0;
	sqlite3_reset(st);
	return 0;
}

int cw_store_put_alert(struct cw_store *store, uint64_t seq, const char *id, enum cw_alert_kind kind, struct cw_wall time,
                       const char *council_id, const char *topic, const char *topic_level, const char *json,
                       struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_ALERT_PUT, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)seq);
	store_bind_str(st, 2, cw_str(id));
	sqlite3_bind_int(st, 3, (int)kind);
	sqlite3_bind_int64(st, 4, time.ms);
	sqlite3_bind_text(st, 5, council_id, -1, SQLITE_STATIC);
	store_bind_str(st, 6, cw_str(topic));
	sqlite3_bind_text(st, 7, topic_level, -1, SQLITE_STATIC);
	store_bind_str(st, 8, cw_str(json));
	return store_run(store, st, "storing an alert", err);
}

int cw_store_alerts(struct cw_store *store, uint64_t after_seq, enum cw_alert_kind kind, uint64_t limit, cw_alert_fn *fn,
                    void *arg, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_ALERTS, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)CW_MIN(after_seq, (uint64_t)INT64_MAX));
	sqlite3_bind_int(st, 2, (int)kind);
	sqlite3_bind_int64(st, 3, limit ? (int64_t)CW_MIN(limit, (uint64_t)INT64_MAX) : -1);
	while ((r = store_step(store, st, "reading alerts", err)) > 0) {
		struct cw_str json = store_column_str(st, 3);

		r = fn(arg, (uint64_t)sqlite3_column_int64(st, 0), (const char *)sqlite3_column_text(st, 1),
		       (const char *)sqlite3_column_text(st, 2), json.at, json.len);
		if (r < 0) {
			sqlite3_reset(st);
			return r;
		}
	}
	return r;
}

/* Of "level/priority/level_up". */
static enum cw_level level_of_topic(const char *topic)
{
	const char *name = topic && strncmp(topic, "level/", 6) == 0 ? topic + 6 : "";
	enum cw_level level;

	if (cw_level_parse((struct cw_str){ name, strcspn(name, "/") }, &level) < 0)
		level = CW_LEVEL_COUNT;
	return level;
}

int cw_store_alert_rows(struct cw_store *store, const char *id, unsigned kinds, cw_alert_row_fn *fn, void *arg, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_ALERT_ROWS, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_text(st, 1, id, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, kinds);
	while ((r = store_step(store, st, "reading alerts", err)) > 0) {
		struct cw_alert_row row = {
			.seq = (uint64_t)sqlite3_column_int64(st, 0),
			.id = (const char *)sqlite3_column_text(st, 1),
			.kind = (enum cw_alert_kind)sqlite3_column_int(st, 2),
			.time = store_column_wall(st, 3),
			.council_id = (const char *)sqlite3_column_text(st, 4),
			.level = level_of_topic((const char *)sqlite3_column_text(st, 5)),
			.cause = (const char *)sqlite3_column_text(st, 6),
		};

		r = fn(arg, &row);
		if (r < 0) {
			sqlite3_reset(st);
			return r;
		}
	}
	return r;
}

int cw_store_alert_json(struct cw_store *store, uint64_t seq, char **ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_ALERT_JSON, &st, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)CW_MIN(seq, (uint64_t)INT64_MAX));
	r = store_step(store, st, "reading an alert", err);
	if (r == 0)
		return cw_error_set(err, -ENOENT, "there is no alert %llu", (unsigned long long)seq);
	if (r > 0) {
		struct cw_str json = store_column_str(st, 0);

		*ret = strndup(json.at, json.len);
		r = *ret ? 0 : cw_error_nomem(err);
		sqlite3_reset(st);
	}
	return r;
}

int cw_store_put_silent(struct cw_store *store, const char *id, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_SILENT_PUT, &st, err);

	if (r < 0)
		return r;
	store_bind_str(st, 1, cw_str(id));
	return store_run(store, st, "keeping a change silent", err);
}

int cw_store_last_seq(struct cw_store *store, uint64_t *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_LAST_SEQ, &st, err);

	if (r < 0)
		return r;
	r = store_step(store, st, "reading the last alert", err);
	if (r > 0) {
		*ret = (uint64_t)sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	return r < 0 ? r : 0;
}

int cw_store_put_level(struct cw_store *store, const char *council_id, enum cw_level level, int32_t next_day,
                       const char *json, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_LEVEL_PUT, &st, err);

	if (r < 0)
		return r;
	store_bind_str(st, 1, cw_str(council_id));
	sqlite3_bind_int(st, 2, (int)level);
	if (next_day == CW_DAY_NONE)
		sqlite3_bind_null(st, 3);
	else
		sqlite3_bind_int(st, 3, next_day);
	store_bind_str(st, 4, cw_str(json));
	return store_run(store, st, "storing a level", err);
}

int cw_store_levels(struct cw_store *store, int32_t due_by, cw_level_fn *fn, void *arg, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_LEVELS, &st, err);

	if (r < 0)
		return r;
	if (due_by == CW_DAY_NONE)
		sqlite3_bind_null(st, 1);
	else
		sqlite3_bind_int(st, 1, due_by);
	while ((r = store_step(store, st, "reading levels", err)) > 0) {
		r = fn(arg, (const char *)sqlite3_column_text(st, 0), (enum cw_level)sqlite3_column_int(st, 1),
		       sqlite3_column_type(st, 2) == SQLITE_NULL ? CW_DAY_NONE : sqlite3_column_int(st, 2),
		       (const char *)sqlite3_column_text(st, 3));
		if (r < 0) {
			sqlite3_reset(st);
			return r;
		}
	}
	return r;
}

int cw_store_next_day(struct cw_store *store, int32_t *ret, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, ST_NEXT_DAY, &st, err);

	if (r < 0)
		return r;
	r = store_step(store, st, "reading the next change", err);
	if (r > 0) {
		*ret = sqlite3_column_type(st, 0) == SQLITE_NULL ? CW_DAY_NONE : sqlite3_column_int(st, 0);
		sqlite3_reset(st);
	}
	return r < 0 ? r : 0;
}
