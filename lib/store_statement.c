#include <errno.h>

#include <councilwatch/store.h>

#include "store_private.h"

static const char *const statement_sql[ST_COUNT] = {
	[ST_BEGIN] = "BEGIN",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_FEED_GET] = "SELECT id FROM feed WHERE name = ?1",
	[ST_FEED_PUT] = "INSERT INTO feed (name) VALUES (?1)",
	[ST_COUNCIL_GET] = "SELECT id FROM council WHERE council_id = ?1",
	[ST_COUNCIL_PUT] = "INSERT INTO council (council_id) VALUES (?1)",
	[ST_SOURCE_GET] = "SELECT id FROM source WHERE publisher = ?1 AND tier = ?2",
	[ST_SOURCE_PUT] = "INSERT INTO source (publisher, tier) VALUES (?1, ?2)",
	[ST_DOC_FIND] = "SELECT d.outcome, d.rows, d.evidence, d.new_evidence, d.quarantined, d.alerts, d.last_seq, d.reasons, "
	                "d.detail, d.ord FROM document d JOIN feed f ON f.id = d.feed "
	                "WHERE f.name = ?1 AND d.sha256 = ?2 AND d.fetched_at = ?3",
	[ST_DOC_PUT] = "INSERT INTO document (inbox_id, feed, sha256, fetched_at, url, flags, committed_at, outcome, rows, evidence, "
	               "new_evidence, quarantined, alerts, last_seq, reasons, detail, sightings, ord, parser, submitted_by) "
	               "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, 0, 0, 0, 0, 0, x'', '', x'', ?8, ?9, ?10)",
	[ST_DOC_ROW] = "SELECT id, sightings FROM document WHERE feed = ?1 AND sha256 = ?2 AND fetched_at = ?3",
	[ST_TEXT_PUT] = "UPDATE evidence SET title = '', quote = ?7, vals = ?8 WHERE council = ?1 AND kind = ?2 AND event_day = ?3 AND"
	                " feed = ?4 AND key = ?5 AND content = ?6",
	[ST_ALERT_TEXT] = "UPDATE alert SET json = replace(json, ?2, ?3) WHERE council_id = ?1 AND instr(json, ?2) > 0",
	[ST_OPEN_REJECTS] = "SELECT count(*) FROM reject_document l JOIN reject r ON r.id = l.reject WHERE l.document = (SELECT id FROM"
	                    " document WHERE feed = (SELECT id FROM feed WHERE name = ?1) AND sha256 = ?2 AND fetched_at = ?3)"
	                    " AND r.dropped_at IS NULL AND r.reason <> ?4",
	[ST_COUNT_EVIDENCE] = "SELECT count(*) FROM evidence",
	[ST_COUNT_ALERTS] = "SELECT count(*) FROM alert WHERE seq < (SELECT max(seq) FROM alert)",
	[ST_DOC_SIGHTINGS] = "SELECT sightings FROM document WHERE feed = (SELECT id FROM feed WHERE name = ?1) AND sha256 = ?2"
	                     " AND fetched_at = ?3",
	[ST_DOC_AGAIN] = "UPDATE document SET inbox_id = ?2, url = ?3, flags = ?4, committed_at = ?5, ord = ?6, parser = ?7, submitted_by = ?8 WHERE id = ?1",
	/* Evidence that a document said once and does not say now; home: another document of the feed that says it. */
	[ST_GONE_MAKE] = "CREATE TABLE IF NOT EXISTS temp.gone (rowno INTEGER PRIMARY KEY, home INTEGER, fetched_at INTEGER)",
	[ST_GONE_CLEAR] = "DELETE FROM temp.gone",
	[ST_GONE_PUT] = "INSERT INTO temp.gone VALUES (?1, ?2, ?3)",
	[ST_GONE_COUNCILS] = "SELECT DISTINCT c.council_id FROM evidence e JOIN council c ON c.id = e.council "
	                     "WHERE e.feed = ?1 AND e.rowno IN (SELECT rowno FROM temp.gone)",
	/* At which row of that document is found out when it is read again. A time that the statement itself gave stays. */
	[ST_GONE_MOVE] = "UPDATE evidence SET document = g.home, row = 0, "
	                 "fetched_at = iif(evidence.fetched_at = ?3, g.fetched_at, evidence.fetched_at) FROM temp.gone g "
	                 "WHERE g.rowno = evidence.rowno AND evidence.feed = ?1 AND evidence.document = ?2 AND g.home IS NOT NULL",
	[ST_GONE_DELETE] = "DELETE FROM evidence WHERE feed = ?1 AND rowno IN (SELECT rowno FROM temp.gone WHERE home IS NULL)",
	[ST_DOC_STATES] = "UPDATE document SET evidence = ?2, sightings = ?3 WHERE id = ?1",
	[ST_DOC_FINISH] = "UPDATE document SET outcome = ?2, rows = ?3, evidence = ?4, new_evidence = ?5, quarantined = ?6, "
	                  "alerts = ?7, last_seq = ?8, reasons = ?9, detail = ?10 WHERE id = ?1",
	[ST_DOC_BEFORE] = "SELECT sightings FROM document WHERE feed = ?1 AND id <> ?2 AND fetched_at <= ?3 AND evidence > 0 "
	                  "ORDER BY fetched_at DESC, id DESC LIMIT 1",
	[ST_EV_PUT] = "INSERT OR IGNORE INTO evidence (council, kind, event_day, feed, key, content, rowno, document, source, "
	              "fetched_at, published_at, row, url, title, quote, vals) "
	              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
	[ST_EV_GET] = "SELECT rowno, fetched_at, document, row FROM evidence WHERE council = ?1 AND kind = ?2 AND event_day = ?3 AND feed = ?4 "
	              "AND key = ?5 AND content = ?6",
	[ST_EV_EARLIER] = "UPDATE evidence SET fetched_at = ?7, document = ?8, row = ?9 WHERE council = ?1 AND kind = ?2 AND "
	                  "event_day = ?3 AND feed = ?4 AND key = ?5 AND content = ?6",
	[ST_EV_MAX] = "SELECT text FROM meta WHERE name = 'next_rowno'",
	[ST_REJECT_KNOWN] = "SELECT id FROM reject WHERE feed = ?1 AND reason = ?2 AND field = ?3 AND text = ?4 AND detail = ?5",
	[ST_REJECT_PUT] = "INSERT INTO reject (feed, reason, field, text, detail, row, document, first_seen, last_seen, times) "
	                  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, 0)",
	[ST_REJECT_LINK] = "INSERT OR IGNORE INTO reject_document (document, reject, row) VALUES (?1, ?2, ?3)",
	/* Shown with the earliest document that had it, whatever the order of arrival; a document counts once. */
	[ST_REJECT_SEEN] = "UPDATE reject SET times = times + 1, document = iif(?4 < first_seen, ?2, document), "
	                   "row = iif(?4 < first_seen, ?3, row), first_seen = min(first_seen, ?4), last_seen = max(last_seen, ?4) "
	                   "WHERE id = ?1",
	[ST_REJECT_OF] = "SELECT reject FROM reject_document WHERE document = ?1",
	[ST_REJECT_UNLINK] = "DELETE FROM reject_document WHERE document = ?1",
	/* Nobody has it any more: it goes, unless a person ruled on it. */
	[ST_REJECT_LEFT] = "DELETE FROM reject WHERE id = ?1 AND dropped_at IS NULL AND "
	                   "NOT EXISTS (SELECT 1 FROM reject_document WHERE reject = ?1)",
	[ST_REJECT_AGAIN] = "UPDATE reject SET times = s.times, first_seen = coalesce(s.first, reject.first_seen), "
	                    "last_seen = coalesce(s.last, reject.last_seen), document = coalesce(s.document, reject.document), "
	                    "row = coalesce(s.row, reject.row) FROM (SELECT count(*) AS times, min(d.fetched_at) AS first, "
	                    "max(d.fetched_at) AS last, (SELECT e.id FROM reject_document m JOIN document e ON e.id = m.document "
	                    "WHERE m.reject = ?1 ORDER BY e.fetched_at, e.id LIMIT 1) AS document, (SELECT m.row FROM "
	                    "reject_document m JOIN document e ON e.id = m.document WHERE m.reject = ?1 "
	                    "ORDER BY e.fetched_at, e.id LIMIT 1) AS row FROM reject_document l JOIN document d ON d.id = l.document "
	                    "WHERE l.reject = ?1) s WHERE reject.id = ?1",
	[ST_STAGE_PUT] = "INSERT OR REPLACE INTO stage (document, sequence, rejects, count, data) VALUES (?1, ?2, ?3, ?4, ?5)",
	[ST_STAGE_ALL] = "SELECT rejects, count, data FROM stage WHERE document = ?1 ORDER BY sequence",
	[ST_STAGE_DROP] = "DELETE FROM stage WHERE document = ?1 OR ?1 = 0",
	[ST_ALERT_EXISTS] = "SELECT 1 FROM alert WHERE id = ?1 UNION ALL SELECT 1 FROM silent WHERE id = ?1",
	[ST_SILENT_PUT] = "INSERT OR IGNORE INTO silent (id) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM alert WHERE id = ?1)",
	/* The cause tells the signal and criterion that brought it: "apa_open/ofsted/2021-05-10". */
	[ST_ALERT_ROWS] = "SELECT seq, id, kind, time, council_id, topic_level, json_extract(json, '$.data.cause') FROM alert "
	                  "WHERE (?1 IS NULL OR id = ?1) AND (?2 >> kind) & 1 ORDER BY seq",
	[ST_ALERT_JSON] = "SELECT json FROM alert WHERE seq = ?1",
	[ST_ALERT_PUT] = "INSERT INTO alert (seq, id, kind, time, council_id, topic, topic_level, json) "
	                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[ST_ALERTS] = "SELECT seq, topic, topic_level, json FROM alert WHERE seq > ?1 AND (?2 = 0 OR kind = ?2) ORDER BY seq LIMIT ?3",
	[ST_LAST_SEQ] = "SELECT max(seq) FROM alert",
	[ST_LEVEL_PUT] = "INSERT INTO level (council_id, level, next_day, json) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (council_id) "
	                 "DO UPDATE SET level = ?2, next_day = ?3, json = ?4",
	[ST_LEVELS] = "SELECT council_id, level, next_day, json FROM level WHERE ?1 IS NULL OR next_day <= ?1 ORDER BY council_id",
	[ST_NEXT_DAY] = "SELECT min(next_day) FROM level",
	[ST_META_GET] = "SELECT text FROM meta WHERE name = ?1",
	[ST_META_PUT] = "INSERT INTO meta (name, text) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET text = ?2",
	/* CROSS JOIN keeps the clustered order: by council, kind, date. */
	[ST_FACTS] = "SELECT c.council_id, e.kind, e.event_day, f.name, e.key, e.content, e.rowno, d.sha256, s.publisher, s.tier, "
	             "e.fetched_at, e.published_at, e.row, e.url, e.title, e.quote, e.vals, d.parser, d.submitted_by FROM council c "
	             "CROSS JOIN evidence e ON e.council = c.id JOIN feed f ON f.id = e.feed JOIN document d ON d.id = e.document "
	             "JOIN source s ON s.id = e.source WHERE (?1 IS NULL OR c.council_id = ?1) AND (?2 = 0 OR e.kind = ?2) "
	             "AND (?3 = 0 OR (?3 >> e.kind) & 1) AND (?4 IS NULL OR coalesce(e.published_at, e.fetched_at) >= ?4) "
	             "ORDER BY c.council_id, e.kind, e.event_day, e.feed, e.key, e.content",
	[ST_SIGHTINGS] = "SELECT fetched_at, sightings, id FROM document WHERE feed = (SELECT id FROM feed WHERE name = ?1) AND "
	                 "evidence > 0 ORDER BY fetched_at, id",
	[ST_QUARANTINE] = "SELECT r.id, f.name, d.sha256, r.first_seen, r.last_seen, r.times, r.reason, r.row, r.field, r.text, "
	                  "r.detail, r.dropped_at, r.dropped_by, r.dropped_why FROM reject r JOIN feed f ON f.id = r.feed JOIN document d ON d.id = r.document ORDER BY r.id",
	[ST_DISMISS] = "UPDATE reject SET dropped_at = ?2, dropped_by = ?3, dropped_why = ?4 WHERE id = ?1 AND dropped_at IS NULL",
	[ST_QUARANTINED] = "SELECT d.id, f.name, d.sha256, d.fetched_at FROM reject_document l JOIN document d ON d.id = l.document "
	                   "JOIN feed f ON f.id = d.feed WHERE l.reject = ?1 ORDER BY d.fetched_at, d.id",
	[ST_FEEDS] = "SELECT name, polled, last_success, outage_since FROM feed ORDER BY name",
	[ST_FEED_TOTALS] = "SELECT rows, evidence, quarantined, reasons, fetched_at FROM document "
	                   "WHERE feed = (SELECT id FROM feed WHERE name = ?1)",
	[ST_FEED_STATE] = "UPDATE feed SET polled = ?2, last_success = ?3, outage_since = ?4, detail = ?5 WHERE id = ?1",
	[ST_FEED_STATE_GET] = "SELECT polled, last_success, outage_since FROM feed WHERE name = ?1",
};

int store_error(struct cw_store *store, struct cw_error *err, const char *what)
{
	int code = sqlite3_errcode(store->db) & 0xff;
	int r = code == SQLITE_FULL        ? -ENOSPC
	        : code == SQLITE_BUSY      ? -EBUSY
	        : code == SQLITE_NOMEM     ? -ENOMEM
	        : code == SQLITE_READONLY  ? -EROFS
	        : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? -EUCLEAN
	                                                          : -EIO;

	return cw_error_at(err, r, store->path, 0, 0, "%s: %s", what, sqlite3_errmsg(store->db));
}

int store_prepare(struct cw_store *store, enum statement which, sqlite3_stmt **ret, struct cw_error *err)
{
	if (!store->statement[which] &&
	    sqlite3_prepare_v3(store->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT, &store->statement[which],
	                       NULL) != SQLITE_OK)
		return store_error(store, err, "preparing a statement");
	*ret = store->statement[which];
	sqlite3_reset(*ret);
	return 0;
}

int store_run(struct cw_store *store, sqlite3_stmt *st, const char *what, struct cw_error *err)
{
	int code = sqlite3_step(st);

	sqlite3_reset(st);
	return code == SQLITE_DONE || code == SQLITE_ROW ? 0 : store_error(store, err, what);
}

int store_step(struct cw_store *store, sqlite3_stmt *st, const char *what, struct cw_error *err)
{
	int code = sqlite3_step(st);

	if (code == SQLITE_ROW)
		return 1;
	if (code == SQLITE_DONE) {
		sqlite3_reset(st);
		return 0;
	}
	store_error(store, err, what);
	sqlite3_reset(st);
	return err ? err->code : -EIO;
}

void store_bind_str(sqlite3_stmt *st, int at, struct cw_str text)
{
	sqlite3_bind_text(st, at, text.at ? text.at : "", (int)text.len, SQLITE_STATIC);
}

void store_bind_wall(sqlite3_stmt *st, int at, struct cw_wall t)
{
	if (cw_wall_known(t))
		sqlite3_bind_int64(st, at, t.ms);
	else
		sqlite3_bind_null(st, at);
}

struct cw_str store_column_str(sqlite3_stmt *st, int at)
{
	const char *text = (const char *)sqlite3_column_text(st, at);

	return (struct cw_str){ text ? text : "", (size_t)sqlite3_column_bytes(st, at) };
}

struct cw_wall store_column_wall(sqlite3_stmt *st, int at)
{
	return sqlite3_column_type(st, at) == SQLITE_NULL ? cw_wall_none()
	                                                  : (struct cw_wall){ sqlite3_column_int64(st, at) };
}

int store_run_plain(struct cw_store *store, enum statement which, const char *what, struct cw_error *err)
{
	sqlite3_stmt *st = NULL;
	int r = store_prepare(store, which, &st, err);

	return r < 0 ? r : store_run(store, st, what, err);
}
