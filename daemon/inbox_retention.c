/*
 * inbox_retention.c: bytes of documents that are removed, the document staying known.
 */
#include <errno.h>

#include "inbox_private.h"

const char inbox_retention_schema[] = "CREATE INDEX document_of_content ON document (content);";

enum { ST_NEXT, ST_MARK, ST_SHARED, ST_CHUNKS, ST_CONTENT, ST_REMOVED, ST_NUMBER_GET, ST_NUMBER_SET };
static const char *const sql[] = {
	[ST_NEXT] = "SELECT id FROM document WHERE id > ?1 AND state <> 0 AND removed_at IS NULL AND stored_at < ?2 ORDER BY id LIMIT 1",
	[ST_MARK] = "UPDATE document SET removed_at = ?2 WHERE id = ?1 AND state <> 0 AND removed_at IS NULL",
	[ST_SHARED] = "SELECT 1 FROM document WHERE content = ?1 AND removed_at IS NULL LIMIT 1",
	[ST_CHUNKS] = "DELETE FROM chunk WHERE id BETWEEN ?1 AND ?2",
	[ST_CONTENT] = "DELETE FROM content WHERE id = ?1",
	[ST_REMOVED] = "SELECT count(*) FROM document WHERE removed_at IS NOT NULL AND (?1 IS NULL OR feed = ?1)",
	[ST_NUMBER_GET] = "SELECT coalesce((SELECT value FROM counter WHERE name = ?1), 0)",
	[ST_NUMBER_SET] = "INSERT INTO counter VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
};
_Static_assert(CW_ARRAY_LEN(sql) == INBOX_RETENTION_STATEMENTS, "one place for each statement");

static sqlite3_stmt *get(struct cw_inbox *inbox, int which)
{
	return inbox_prepared(inbox, &inbox->retention_statement[which], sql[which]);
}

/* The first column of the only row. 1: there is none. */
static int number(struct cw_inbox *inbox, sqlite3_stmt *statement, int64_t *ret, struct cw_error *err)
{
	int r = statement ? sqlite3_step(statement) : SQLITE_ERROR;

	if (r == SQLITE_ROW)
		*ret = sqlite3_column_int64(statement, 0);
	if (statement)
		sqlite3_reset(statement);
	return r == SQLITE_ROW ? 0 : r == SQLITE_DONE ? 1 : inbox_db_error(inbox, err, "read");
}

int cw_inbox_kept(struct cw_inbox *inbox, uint64_t after, struct cw_wall before, struct cw_inbox_document *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_NEXT);
	int64_t id = 0;
	int r;

	if (statement) {
		sqlite3_bind_int64(statement, 1, (int64_t)CW_MIN(after, (uint64_t)INT64_MAX));
		sqlite3_bind_int64(statement, 2, before.ms);
	}
	r = number(inbox, statement, &id, err);
	if (r == 1)
		return cw_error_at(err, -ENOENT, "inbox.db", 0, 0, "there are no more documents");
	return r < 0 ? r : cw_inbox_document(inbox, (uint64_t)id, ret, err);
}

static int remove_content(struct cw_inbox *inbox, uint64_t content)
{
	sqlite3_stmt *statement = get(inbox, ST_SHARED);
	int64_t one;
	int r;

	if (statement)
		sqlite3_bind_int64(statement, 1, (int64_t)content);
	r = number(inbox, statement, &one, NULL);
	if (r <= 0)
		return r;
	statement = get(inbox, ST_CHUNKS);
	if (statement) {
		sqlite3_bind_int64(statement, 1, (int64_t)(content << CHUNK_SHIFT));
		sqlite3_bind_int64(statement, 2, (int64_t)(((content + 1) << CHUNK_SHIFT) - 1));
	}
	if (!statement || inbox_run(statement) < 0)
		return -EIO;
	statement = get(inbox, ST_CONTENT);
	if (statement)
		sqlite3_bind_int64(statement, 1, (int64_t)content);
	return statement ? inbox_run(statement) : -EIO;
}

int cw_inbox_remove(struct cw_inbox *inbox, const struct cw_inbox_document *document, struct cw_wall at, struct cw_error *err)
{
	sqlite3_stmt *statement;
	int r = inbox_batch_begin(inbox, err);

	if (r < 0)
		return r;
	statement = get(inbox, ST_MARK);
	if (statement) {
		sqlite3_bind_int64(statement, 1, (int64_t)document->id);
		inbox_bind_wall(statement, 2, at);
	}
	if (!statement || inbox_run(statement) < 0)
		return inbox_fail(inbox, err, "remove a document");
	if (sqlite3_changes(inbox->db) && remove_content(inbox, document->content) < 0)
		return inbox_fail(inbox, err, "remove the bytes of a document");
	return 0;
}

int cw_inbox_removed(struct cw_inbox *inbox, const char *feed, uint64_t *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_REMOVED);
	int64_t n = 0;
	int r;

	if (statement)
		inbox_bind_text(statement, 1, feed);
	r = number(inbox, statement, &n, err);
	*ret = (uint64_t)n;
	return CW_MIN(r, 0);
}

int cw_inbox_number(struct cw_inbox *inbox, const char *name, int64_t *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_NUMBER_GET);

	if (statement)
		inbox_bind_text(statement, 1, name);
	return number(inbox, statement, ret, err);
}

int cw_inbox_set_number(struct cw_inbox *inbox, const char *name, int64_t value, struct cw_error *err)
{
	sqlite3_stmt *statement;
	int r = inbox_batch_begin(inbox, err);

	if (r < 0)
		return r;
	statement = get(inbox, ST_NUMBER_SET);
	if (statement) {
		inbox_bind_text(statement, 1, name);
		sqlite3_bind_int64(statement, 2, value);
	}
	if (!statement || inbox_run(statement) < 0)
		return inbox_fail(inbox, err, "remember a number");
	return inbox_batch_commit(inbox, err);
}
