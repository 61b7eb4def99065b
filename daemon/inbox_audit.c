/*
 * inbox_audit.c: which settled documents the audit log is still to be told of.
 */
#include <errno.h>

#include "inbox_private.h"

/* An inbox from before has documents that nobody was told of: whose they are is looked at when they are asked for. */
const char inbox_audit_schema[] = "CREATE TABLE unaudited (document INTEGER PRIMARY KEY);"
                                  "INSERT INTO unaudited SELECT id FROM document WHERE state <> 0;";

enum { ST_ADD, ST_NEXT, ST_REMOVE };
static const char *const sql[] = {
	[ST_ADD] = "INSERT OR IGNORE INTO unaudited VALUES (?1)",
	[ST_NEXT] = "SELECT document FROM unaudited WHERE document > ?1 ORDER BY document LIMIT 1",
	[ST_REMOVE] = "DELETE FROM unaudited WHERE document = ?1",
};
_Static_assert(CW_ARRAY_LEN(sql) == INBOX_AUDIT_STATEMENTS, "one place for each statement");

static sqlite3_stmt *get(struct cw_inbox *inbox, int which, uint64_t id)
{
	sqlite3_stmt *statement = inbox_prepared(inbox, &inbox->audit_statement[which], sql[which]);

	if (statement)
		sqlite3_bind_int64(statement, 1, (int64_t)id);
	return statement;
}

void cw_inbox_audit_of(struct cw_inbox *inbox, bool (*of)(void *arg, const char *feed), void *arg)
{
	inbox->audit_of = of;
	inbox->audit_arg = arg;
}

int inbox_audit_settled(struct cw_inbox *inbox, const struct cw_inbox_document *document, const struct cw_commit_info *info)
{
	sqlite3_stmt *statement;

	if (!inbox->audit_of || !info->tally.evidence || !inbox->audit_of(inbox->audit_arg, document->feed))
		return 0;
	statement = get(inbox, ST_ADD, document->id);
	return statement ? inbox_run(statement) : -EIO;
}

int cw_inbox_unaudited(struct cw_inbox *inbox, uint64_t after, struct cw_inbox_document *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, ST_NEXT, CW_MIN(after, (uint64_t)INT64_MAX));
	int r = statement ? sqlite3_step(statement) : SQLITE_ERROR;
	uint64_t id = r == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;

	if (statement)
		sqlite3_reset(statement);
	if (r == SQLITE_DONE)
		return cw_error_at(err, -ENOENT, "inbox.db", 0, 0, "the audit log knows of all documents");
	return r == SQLITE_ROW ? cw_inbox_document(inbox, id, ret, err) : inbox_db_error(inbox, err, "look for documents");
}

int cw_inbox_audited(struct cw_inbox *inbox, uint64_t id, struct cw_error *err)
{
	sqlite3_stmt *statement;
	int r = inbox_batch_begin(inbox, err);

	if (r < 0)
		return r;
	statement = get(inbox, ST_REMOVE, id);
	if (!statement || inbox_run(statement) < 0)
		return inbox_fail(inbox, err, "note what the audit log knows");
	inbox_flush_soon(inbox);
	return 0;
}
