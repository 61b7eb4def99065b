/*
 * links.c: the links that are followed, in the inbox.
 *
 * "link" is what is known of each; "link_from" says which page has which link: parent is the link whose document that is (0: the
 * feed's own address), document the newest in which it was found. When a document is settled, what its page no longer
 * has goes from link_from, and with it what hangs on nothing else.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "inbox_private.h"

const char inbox_link_schema[] =
    "CREATE TABLE link (id INTEGER PRIMARY KEY AUTOINCREMENT, feed TEXT NOT NULL, step TEXT NOT NULL, url TEXT NOT NULL,"
    " text TEXT NOT NULL, parent_url TEXT NOT NULL, page INTEGER NOT NULL, first_seen INTEGER NOT NULL,"
    " last_attempt INTEGER, last_fetched INTEGER, next_due INTEGER, failures INTEGER NOT NULL DEFAULT 0,"
    " outcome TEXT NOT NULL DEFAULT '', detail TEXT, document INTEGER NOT NULL DEFAULT 0, etag TEXT, last_modified TEXT,"
    " UNIQUE (feed, step, url));"
    "CREATE INDEX link_due ON link (feed, next_due) WHERE next_due IS NOT NULL;"
    "CREATE TABLE link_from (parent INTEGER NOT NULL, link INTEGER NOT NULL, document INTEGER NOT NULL,"
    " PRIMARY KEY (parent, link)) WITHOUT ROWID;"
    "CREATE INDEX link_from_link ON link_from (link);";

/* A document that could not be used may have been an error page in its place: it is asked for again, conditionally, though what is
 * at its address never changes. */
#define REJECTED_AGAIN_MS INT64_C(86400000)

#define LINK_COLUMNS                                                                                                   \
	"id, feed, step, url, text, parent_url, page, first_seen, last_attempt, last_fetched, next_due, failures, "    \
	"outcome, detail, document, etag, last_modified"
#define LIVE "EXISTS (SELECT 1 FROM link_from WHERE link_from.link = link.id)"

enum link_statement {
	LS_ADD,
	LS_ID,
	LS_AGAIN,
	LS_PAGE_DUE,
	LS_COUNT,
	LS_FROM_ADD,
	LS_FROM_OLD,
	LS_FROM_LOOSE,
	LS_GET,
	LS_PAGE,
	LS_NEXT,
	LS_DUE,
	LS_STORED,
	LS_SAME,
	LS_SETTLED,
	LS_FAILED,
	LS_PAGES_DUE,
	LS_ASK,
	LS_IMMUTABLE,
	LS_MUTABLE,
	LS_COUNTS,
	LS_FAILING,
	LS_STATEMENTS
};
_Static_assert(LS_STATEMENTS <= INBOX_LINK_STATEMENTS, "room for the statements");

static const char *const sql[LS_STATEMENTS] = {
	[LS_ADD] = "INSERT INTO link (feed, step, url, text, parent_url, page, first_seen, next_due)"
	           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
	[LS_ID] = "SELECT id, page FROM link WHERE feed = ?1 AND step = ?2 AND url = ?3",
	[LS_AGAIN] = "UPDATE link SET text = ?2, parent_url = ?3 WHERE id = ?1 AND (text <> ?2 OR parent_url <> ?3)",
	[LS_PAGE_DUE] = "UPDATE link SET next_due = ?2 WHERE id = ?1",
	[LS_COUNT] = "SELECT count(*) FROM link WHERE feed = ?1",
	[LS_FROM_ADD] = "INSERT INTO link_from VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET document = max(document, ?3)",
	[LS_FROM_OLD] = "DELETE FROM link_from WHERE parent = ?1 AND document < ?2"
	                " AND (SELECT feed FROM link WHERE link.id = link_from.link) = ?3",
	/* What hangs on a page that nothing leads to any more. */
	[LS_FROM_LOOSE] = "DELETE FROM link_from WHERE parent <> 0"
	                  " AND NOT EXISTS (SELECT 1 FROM link_from AS up WHERE up.link = link_from.parent)",
	[LS_GET] = "SELECT " LINK_COLUMNS " FROM link WHERE id = ?1",
	[LS_PAGE] = "SELECT " LINK_COLUMNS " FROM link WHERE feed = ?1 AND step = ?2 AND page = ?3 AND " LIVE " LIMIT 1",
	[LS_NEXT] = "SELECT " LINK_COLUMNS " FROM link WHERE feed = ?1 AND next_due <= ?2 AND (?3 IS NULL OR step = ?3)"
	            " AND (?4 = 0 OR page > 0 OR last_fetched IS NULL) AND " LIVE
	            " ORDER BY page = 0, last_fetched IS NOT NULL, id LIMIT ?5",
	[LS_DUE] = "SELECT min(next_due) FROM link WHERE feed = ?1 AND next_due IS NOT NULL AND " LIVE,
	[LS_STORED] = "UPDATE link SET etag = ?2, last_modified = ?3, document = ?4, last_attempt = ?5,"
	              " last_fetched = ?5, next_due = ?6, outcome = 'ok', detail = NULL WHERE id = ?1",
	[LS_SAME] = "UPDATE link SET etag = ?2, last_modified = ?3 WHERE id = ?1",
	[LS_SETTLED] = "UPDATE link SET failures = CASE WHEN ?3 THEN failures + 1 ELSE 0 END,"
	               " outcome = CASE WHEN ?3 THEN ?4 ELSE outcome END, detail = ?5,"
	               " next_due = CASE WHEN ?3 AND page = 0 THEN coalesce(next_due, ?6) ELSE next_due END"
	               " WHERE id = ?1 AND document = ?2",
	[LS_FAILED] = "UPDATE link SET failures = failures + ?3, outcome = ?4, detail = ?5, last_attempt = ?2, next_due = ?6,"
	              " last_fetched = CASE WHEN ?3 THEN last_fetched ELSE ?2 END WHERE id = ?1",
	[LS_PAGES_DUE] = "UPDATE link SET next_due = ?3 WHERE page > 0 AND feed = ?1"
	                 " AND id IN (SELECT link FROM link_from WHERE parent = ?2)",
	[LS_ASK] = "UPDATE link SET next_due = ?2 WHERE feed = ?1 AND next_due > ?2 AND " LIVE,
	[LS_IMMUTABLE] = "UPDATE link SET next_due = NULL WHERE feed = ?1 AND step = ?2 AND page = 0 AND document <> 0"
	                 " AND failures = 0 AND next_due IS NOT NULL",
	[LS_MUTABLE] = "UPDATE link SET next_due = ?3 WHERE feed = ?1 AND step = ?2 AND page = 0 AND next_due IS NULL",
	[LS_COUNTS] = "SELECT sum(live), sum(live AND last_fetched IS NOT NULL), sum(live AND failures > 0),"
	              " sum(live AND last_fetched IS NULL AND failures = 0), sum(NOT live)"
	              " FROM (SELECT last_fetched, failures, " LIVE " AS live FROM link"
	              " WHERE feed = ?1 AND (page > 0) = ?3 AND (?3 OR step = ?2))",
	[LS_FAILING] = "SELECT url, outcome, detail FROM link WHERE feed = ?1 AND (page > 0) = ?3 AND (?3 OR step = ?2)"
	               " AND failures > 0 AND " LIVE " ORDER BY last_attempt DESC LIMIT 1",
};

static sqlite3_stmt *get(struct cw_inbox *inbox, enum link_statement which)
{
	return inbox_prepared(inbox, &inbox->link_statement[which], sql[which]);
}

static void bind_str(sqlite3_stmt *statement, int at, struct cw_str text)
{
	sqlite3_bind_text(statement, at, text.len ? text.at : "", (int)text.len, SQLITE_STATIC);
}

void cw_inbox_link_clear(struct cw_inbox_link *link)
{
	free(link->feed);
	free(link->step);
	free(link->url);
	free(link->text);
	free(link->parent_url);
	free(link->detail);
	free(link->etag);
	free(link->last_modified);
	memset(link, 0, sizeof(*link));
}

void cw_inbox_links_count_clear(struct cw_inbox_links_count *count)
{
	free(count->failing_url);
	free(count->failing_detail);
	memset(count, 0, sizeof(*count));
}

/* Runs a statement that gives no rows. */
static int change(struct cw_inbox *inbox, sqlite3_stmt *statement, const char *doing, struct cw_error *err)
{
	if (!statement || inbox_run(statement) < 0)
		return inbox_fail(inbox, err, doing);
	inbox_flush_soon(inbox);
	return 0;
}

/* The same outside a stream: without a loop nothing would commit it. */
static int changed(struct cw_inbox *inbox, struct cw_error *err)
{
	return inbox->flush ? 0 : inbox_batch_commit(inbox, err);
}

/* --- finding --- */

static int count_links(struct cw_inbox *inbox, const char *feed, uint64_t *ret)
{
	sqlite3_stmt *statement = get(inbox, LS_COUNT);
	int r = -EIO;

	if (!statement)
		return r;
	inbox_bind_text(statement, 1, feed);
	if (sqlite3_step(statement) == SQLITE_ROW) {
		*ret = (uint64_t)sqlite3_column_int64(statement, 0);
		r = 0;
	}
	sqlite3_reset(statement);
	return r;
}

/* 0, -ENOENT or -EIO. */
static int find(struct cw_inbox *inbox, const char *feed, const struct cw_inbox_found *found, int64_t *ret_id,
                uint32_t *ret_page)
{
	sqlite3_stmt *statement = get(inbox, LS_ID);
	int r;

	if (!statement)
		return -EIO;
	inbox_bind_text(statement, 1, feed);
	bind_str(statement, 2, found->step);
	bind_str(statement, 3, found->url);
	r = sqlite3_step(statement);
	if (r == SQLITE_ROW) {
		*ret_id = sqlite3_column_int64(statement, 0);
		*ret_page = (uint32_t)sqlite3_column_int64(statement, 1);
	}
	sqlite3_reset(statement);
	return r == SQLITE_ROW ? 0 : r == SQLITE_DONE ? -ENOENT : -EIO;
}

static int from_add(struct cw_inbox *inbox, uint64_t parent, int64_t link, uint64_t document)
{
	sqlite3_stmt *statement = get(inbox, LS_FROM_ADD);

	if (!statement)
		return -EIO;
	sqlite3_bind_int64(statement, 1, (int64_t)parent);
	sqlite3_bind_int64(statement, 2, link);
	sqlite3_bind_int64(statement, 3, (int64_t)document);
	return inbox_run(statement);
}

/* One link of a document. 0, 1 when there is no room for a new one, or -EIO. */
static int link_add(struct cw_inbox *inbox, const struct cw_inbox_document *document, const struct cw_inbox_found *found,
                    struct cw_wall now, uint64_t *n_links)
{
	sqlite3_stmt *statement;
	uint32_t page = found->page;
	int64_t id = 0;
	int r = find(inbox, document->feed, found, &id, &page);

	if (r == -ENOENT) {
		if (*n_links >= CW_LINKS_FEED_MAX)
			return 1;
		statement = get(inbox, LS_ADD);
		if (!statement)
			return -EIO;
		inbox_bind_text(statement, 1, document->feed);
		bind_str(statement, 2, found->step);
		bind_str(statement, 3, found->url);
		bind_str(statement, 4, found->text);
		inbox_bind_text(statement, 5, document->final_url);
		sqlite3_bind_int64(statement, 6, found->page);
		sqlite3_bind_int64(statement, 7, now.ms);
		if (inbox_run(statement) < 0)
			return -EIO;
		(*n_links)++;
		id = sqlite3_last_insert_rowid(inbox->db);
		return from_add(inbox, document->link, id, document->id);
	}
	if (r < 0)
		return r;
	/* Pages that lead in a circle: each has one place in the list. */
	if (page != found->page || (uint64_t)id == document->link)
		return 0;
	statement = get(inbox, page ? LS_PAGE_DUE : LS_AGAIN);
	if (!statement)
		return -EIO;
	sqlite3_bind_int64(statement, 1, id);
	if (page) {
		sqlite3_bind_int64(statement, 2, now.ms);
	} else {
		bind_str(statement, 2, found->text);
		inbox_bind_text(statement, 3, document->final_url);
	}
	if (inbox_run(statement) < 0)
		return -EIO;
	return from_add(inbox, document->link, id, document->id);
}

int cw_inbox_links_add(struct cw_inbox *inbox, const struct cw_inbox_document *document, const struct cw_inbox_found *found,
                       size_t n, size_t *ret_refused, struct cw_error *err)
{
	struct cw_wall now = cw_wall_now();
	uint64_t n_links;
	size_t i;
	int r;

	*ret_refused = 0;
	r = inbox_batch_begin(inbox, err);
	if (r < 0)
		return r;
	r = count_links(inbox, document->feed, &n_links);
	for (i = 0; i < n && r >= 0; i++) {
		r = link_add(inbox, document, &found[i], now, &n_links);
		*ret_refused += r > 0;
	}
	if (r < 0)
		return inbox_fail(inbox, err, "store links");
	return inbox_batch_commit(inbox, err);
}

/* --- reading --- */

static int link_read(sqlite3_stmt *statement, struct cw_inbox_link *ret, struct cw_error *err)
{
	struct cw_inbox_link link = { 0 };
	const unsigned char *outcome;
	bool failed = false;

	link.id = (uint64_t)sqlite3_column_int64(statement, 0);
	link.feed = inbox_column_text(statement, 1, &failed);
	link.step = inbox_column_text(statement, 2, &failed);
	link.url = inbox_column_text(statement, 3, &failed);
	link.text = inbox_column_text(statement, 4, &failed);
	link.parent_url = inbox_column_text(statement, 5, &failed);
	link.page = (uint32_t)sqlite3_column_int64(statement, 6);
	link.first_seen = inbox_column_wall(statement, 7);
	link.last_attempt = inbox_column_wall(statement, 8);
	link.last_fetched = inbox_column_wall(statement, 9);
	link.next_due = inbox_column_wall(statement, 10);
	link.failures = (uint32_t)sqlite3_column_int64(statement, 11);
	outcome = sqlite3_column_text(statement, 12);
	snprintf(link.outcome, sizeof(link.outcome), "%s", outcome ? (const char *)outcome : "");
	link.detail = inbox_column_text(statement, 13, &failed);
	link.document = (uint64_t)sqlite3_column_int64(statement, 14);
	link.etag = inbox_column_text(statement, 15, &failed);
	link.last_modified = inbox_column_text(statement, 16, &failed);
	sqlite3_reset(statement);
	if (failed) {
		cw_inbox_link_clear(&link);
		return cw_error_nomem(err);
	}
	*ret = link;
	return 0;
}

/* Steps a statement that selects at most one link. */
static int read_one(struct cw_inbox *inbox, sqlite3_stmt *statement, struct cw_inbox_link *ret, struct cw_error *err)
{
	int r;

	if (!statement)
		return inbox_db_error(inbox, err, "read a link");
	r = sqlite3_step(statement);
	if (r == SQLITE_ROW)
		return link_read(statement, ret, err);
	sqlite3_reset(statement);
	if (r == SQLITE_DONE)
		return cw_error_at(err, -ENOENT, "inbox.db", 0, 0, "there is no such link");
	return inbox_db_error(inbox, err, "read a link");
}

int cw_inbox_link(struct cw_inbox *inbox, uint64_t id, struct cw_inbox_link *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, LS_GET);

	if (statement)
		sqlite3_bind_int64(statement, 1, (int64_t)id);
	return read_one(inbox, statement, ret, err);
}

int cw_inbox_page(struct cw_inbox *inbox, const char *feed, const char *step, uint32_t page, struct cw_inbox_link *ret,
                  struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, LS_PAGE);

	if (statement) {
		inbox_bind_text(statement, 1, feed);
		inbox_bind_text(statement, 2, step);
		sqlite3_bind_int64(statement, 3, page);
	}
	return read_one(inbox, statement, ret, err);
}

int cw_inbox_link_next(struct cw_inbox *inbox, const char *feed, const char *step, struct cw_wall now, bool only_new,
                       const uint64_t *except, size_t n_except, struct cw_inbox_link *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, LS_NEXT);
	int r;

	if (!statement)
		return inbox_db_error(inbox, err, "look for a link");
	inbox_bind_text(statement, 1, feed);
	sqlite3_bind_int64(statement, 2, now.ms);
	inbox_bind_text(statement, 3, step);
	sqlite3_bind_int(statement, 4, only_new);
	sqlite3_bind_int64(statement, 5, (int64_t)n_except + 1); /* so few are kept apart, and not all sorted */
	while ((r = sqlite3_step(statement)) == SQLITE_ROW) {
		uint64_t id = (uint64_t)sqlite3_column_int64(statement, 0);
		size_t i;

		for (i = 0; i < n_except && except[i] != id; i++)
			;
		if (i == n_except)
			return link_read(statement, ret, err);
	}
	sqlite3_reset(statement);
	if (r == SQLITE_DONE)
		return cw_error_at(err, -ENOENT, "inbox.db", 0, 0, "no link is due");
	return inbox_db_error(inbox, err, "look for a link");
}

int cw_inbox_link_due(struct cw_inbox *inbox, const char *feed, struct cw_wall *ret, struct cw_error *err)
{
	sqlite3_stmt *statement = get(inbox, LS_DUE);
	int r = 0;

	if (!statement)
		return inbox_db_error(inbox, err, "look for a link");
	inbox_bind_text(statement, 1, feed);
	if (sqlite3_step(statement) == SQLITE_ROW)
		*ret = inbox_column_wall(statement, 0);
	else
		r = inbox_db_error(inbox, err, "look for a link");
	sqlite3_reset(statement);
	return r;
}

int cw_inbox_links_count(struct cw_inbox *inbox, const char *feed, const char *step, bool pages,
                         struct cw_inbox_links_count *ret, struct cw_error *err)
{
	struct cw_inbox_links_count count = { 0 };
	sqlite3_stmt *statement = get(inbox, LS_COUNTS);
	bool failed = false;
	int r;

	if (!statement)
		return inbox_db_error(inbox, err, "count links");
	inbox_bind_text(statement, 1, feed);
	inbox_bind_text(statement, 2, step ? step : "");
	sqlite3_bind_int(statement, 3, pages);
	r = sqlite3_step(statement);
	if (r == SQLITE_ROW) {
		uint64_t *const fields[] = { &count.live, &count.fetched, &count.failing, &count.waiting, &count.gone };

		for (int i = 0; i < (int)CW_ARRAY_LEN(fields); i++)
			*fields[i] = (uint64_t)sqlite3_column_int64(statement, i);
	}
	sqlite3_reset(statement);
	if (r != SQLITE_ROW)
		return inbox_db_error(inbox, err, "count links");
	statement = count.failing ? get(inbox, LS_FAILING) : NULL;
	if (statement) {
		inbox_bind_text(statement, 1, feed);
		inbox_bind_text(statement, 2, step ? step : "");
		sqlite3_bind_int(statement, 3, pages);
		if (sqlite3_step(statement) == SQLITE_ROW) {
			const unsigned char *outcome = sqlite3_column_text(statement, 1);

			count.failing_url = inbox_column_text(statement, 0, &failed);
			count.failing_detail = inbox_column_text(statement, 2, &failed);
			snprintf(count.failing_outcome, sizeof(count.failing_outcome), "%s",
			         outcome ? (const char *)outcome : "");
		}
		sqlite3_reset(statement);
	}
	if (failed) {
		cw_inbox_links_count_clear(&count);
		return cw_error_nomem(err);
	}
	*ret = count;
	return 0;
}

/* --- fetching --- */

int inbox_link_fetched(struct cw_inbox *inbox, const struct cw_inbox_meta *meta, uint64_t stored_id)
{
	sqlite3_stmt *statement = get(inbox, stored_id ? LS_STORED : LS_SAME);

	if (!statement)
		return -EIO;
	sqlite3_bind_int64(statement, 1, (int64_t)meta->link->id);
	inbox_bind_text(statement, 2, meta->etag);
	inbox_bind_text(statement, 3, meta->last_modified);
	if (stored_id) {
		sqlite3_bind_int64(statement, 4, (int64_t)stored_id);
		inbox_bind_wall(statement, 5, meta->fetched_at);
		inbox_bind_wall(statement, 6, meta->link->next_due);
	}
	return inbox_run(statement);
}

static int attempt_save(struct cw_inbox *inbox, uint64_t id, bool failed, const char *outcome, const char *detail,
                        struct cw_wall next_due, struct cw_error *err)
{
	sqlite3_stmt *statement;
	int r = inbox_batch_begin(inbox, err);

	if (r < 0)
		return r;
	statement = get(inbox, LS_FAILED);
	if (statement) {
		sqlite3_bind_int64(statement, 1, (int64_t)id);
		sqlite3_bind_int64(statement, 2, cw_wall_now().ms);
		sqlite3_bind_int(statement, 3, failed);
		inbox_bind_text(statement, 4, outcome);
		inbox_bind_text(statement, 5, detail && *detail ? detail : NULL);
		inbox_bind_wall(statement, 6, next_due);
	}
	r = change(inbox, statement, "save a link", err);
	return r < 0 ? r : changed(inbox, err);
}

int cw_inbox_link_failed(struct cw_inbox *inbox, uint64_t id, const char *outcome, const char *detail,
                         struct cw_wall next_due, struct cw_error *err)
{
	return attempt_save(inbox, id, true, outcome, detail, next_due, err);
}

int cw_inbox_pages_due(struct cw_inbox *inbox, const char *feed, uint64_t link, struct cw_error *err)
{
	sqlite3_stmt *statement;
	int r = inbox_batch_begin(inbox, err);

	if (r < 0)
		return r;
	statement = get(inbox, LS_PAGES_DUE);
	if (statement) {
		inbox_bind_text(statement, 1, feed);
		sqlite3_bind_int64(statement, 2, (int64_t)link);
		sqlite3_bind_int64(statement, 3, cw_wall_now().ms);
	}
	r = change(inbox, statement, "save pages", err);
	return r < 0 ? r : changed(inbox, err);
}

/* The document that is there says how the link is: its failures are those of the transfer no more. */
int cw_inbox_link_unchanged(struct cw_inbox *inbox, uint64_t id, const char *outcome, struct cw_wall next_due,
                            struct cw_error *err)
{
	struct cw_inbox_link link;
	struct cw_inbox_document document;
	sqlite3_stmt *statement;
	bool rejected = false;
	int r;

	r = cw_inbox_link(inbox, id, &link, err);
	if (r < 0)
		return r;
	if (link.document && cw_inbox_document(inbox, link.document, &document, NULL) == 0) {
		rejected = document.state == CW_INBOX_REJECTED || document.state == CW_INBOX_POISON;
		if (rejected)
			outcome = cw_reason_name(document.outcome);
		cw_inbox_document_clear(&document);
	}
	if (rejected && !link.page && !cw_wall_known(next_due))
		next_due.ms = cw_wall_now().ms + REJECTED_AGAIN_MS;
	r = attempt_save(inbox, id, false, outcome, rejected ? link.detail : NULL, next_due, err);
	if (r == 0 && !rejected && link.failures) {
		statement = get(inbox, LS_SETTLED);
		if (statement) {
			sqlite3_bind_int64(statement, 1, (int64_t)id);
			sqlite3_bind_int64(statement, 2, (int64_t)link.document);
			sqlite3_bind_int(statement, 3, 0);
		}
		r = inbox_batch_begin(inbox, err);
		if (r == 0)
			r = change(inbox, statement, "save a link", err);
		if (r == 0)
			r = changed(inbox, err);
	}
	if (r == 0 && !rejected)
		r = cw_inbox_pages_due(inbox, link.feed, id, err);
	cw_inbox_link_clear(&link);
	return r;
}

/* --- settling --- */

static int retire(struct cw_inbox *inbox, const struct cw_inbox_document *document)
{
	sqlite3_stmt *statement = get(inbox, LS_FROM_OLD);
	int r;

	if (!statement)
		return -EIO;
	sqlite3_bind_int64(statement, 1, (int64_t)document->link);
	sqlite3_bind_int64(statement, 2, (int64_t)document->id);
	inbox_bind_text(statement, 3, document->feed);
	r = inbox_run(statement);
	while (r == 0 && sqlite3_changes(inbox->db) > 0) {
		statement = get(inbox, LS_FROM_LOOSE);
		r = statement ? inbox_run(statement) : -EIO;
	}
	return r;
}

int inbox_link_settled(struct cw_inbox *inbox, const struct cw_inbox_document *document, const struct cw_commit_info *info,
                       const struct cw_inbox_found *next)
{
	bool rejected = info->tally.outcome != CW_REASON_NONE;
	struct cw_wall now = cw_wall_now();
	char detail[CW_ERROR_TEXT_MAX];
	sqlite3_stmt *statement;
	uint64_t n_links;
	int r = 0;

	if (document->flags & CW_DOC_IMPORTED)
		return 0;
	if (document->link) {
		statement = get(inbox, LS_SETTLED);
		if (!statement)
			return -EIO;
		snprintf(detail, sizeof(detail), "%.*s", (int)info->tally.detail.len,
		         info->tally.detail.at ? info->tally.detail.at : "");
		sqlite3_bind_int64(statement, 1, (int64_t)document->link);
		sqlite3_bind_int64(statement, 2, (int64_t)document->id);
		sqlite3_bind_int(statement, 3, rejected);
		inbox_bind_text(statement, 4, cw_reason_name(info->tally.outcome));
		inbox_bind_text(statement, 5, rejected ? detail : NULL);
		sqlite3_bind_int64(statement, 6, now.ms + REJECTED_AGAIN_MS);
		r = inbox_run(statement);
	}
	if (r == 0 && next) {
		r = count_links(inbox, document->feed, &n_links);
		if (r == 0)
			r = link_add(inbox, document, next, now, &n_links);
	}
	return r < 0 || rejected ? CW_MIN(r, 0) : retire(inbox, document);
}

int cw_inbox_links_ask(struct cw_inbox *inbox, const char *feed, struct cw_error *err)
{
	sqlite3_stmt *statement;
	int r = inbox_batch_begin(inbox, err);

	if (r < 0)
		return r;
	statement = get(inbox, LS_ASK);
	if (statement) {
		inbox_bind_text(statement, 1, feed);
		sqlite3_bind_int64(statement, 2, cw_wall_now().ms);
	}
	r = change(inbox, statement, "ask for links", err);
	return r < 0 ? r : changed(inbox, err);
}

int cw_inbox_links_settle(struct cw_inbox *inbox, const char *feed, const char *step, bool immutable,
                          struct cw_error *err)
{
	sqlite3_stmt *statement;
	int r = inbox_batch_begin(inbox, err);

	if (r < 0)
		return r;
	statement = get(inbox, immutable ? LS_IMMUTABLE : LS_MUTABLE);
	if (statement) {
		inbox_bind_text(statement, 1, feed);
		inbox_bind_text(statement, 2, step);
		if (!immutable)
			sqlite3_bind_int64(statement, 3, cw_wall_now().ms);
	}
	r = change(inbox, statement, "save links", err);
	return r < 0 ? r : changed(inbox, err);
}
