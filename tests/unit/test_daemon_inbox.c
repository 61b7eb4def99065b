/* The inbox: streaming, duplicates, unchanged content, what a crash leaves, and what belongs together in one transaction. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "inbox.h"

#define T0 INT64_C(1725260935000)

struct world {
	char directory[64];
	struct cw_inbox *inbox;
};

static void reopen(struct world *world)
{
	struct cw_error err;

	cw_inbox_close(world->inbox);
	world->inbox = NULL;
	if (cw_inbox_open(world->directory, NULL, &world->inbox, &err) < 0)
		fail_msg("%s", err.text);
}

static int world_make(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	snprintf(world->directory, sizeof(world->directory), "/tmp/cw-inbox-XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	reopen(world);
	*state = world;
	return 0;
}

static int world_free(void **state)
{
	struct world *world = *state;
	char command[128];

	cw_inbox_close(world->inbox);
	snprintf(command, sizeof(command), "rm -rf %s", world->directory);
	free(world);
	return system(command) == 0 ? 0 : -1;
}

/* A number from the file, past the module's back. */
static int64_t ask(struct world *world, const char *sql)
{
	char path[96];
	sqlite3_stmt *statement;
	sqlite3 *db;
	int64_t value;

	snprintf(path, sizeof(path), "%s/inbox.db", world->directory);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return value;
}

static void execute(struct world *world, const char *sql)
{
	char path[96];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/inbox.db", world->directory);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static unsigned char *content(size_t size, uint32_t seed)
{
	unsigned char *data = malloc(size + 1);
	size_t i;

	assert_non_null(data);
	for (i = 0; i < size; i++) {
		seed = seed * 1664525 + 1013904223;
		data[i] = (unsigned char)("abcdefgh\n"[(seed >> 24) % 9]);
	}
	return data;
}

/* Streams data in pieces of a size. */
static int store(struct world *world, const struct cw_inbox_meta *meta, const void *data, size_t size, size_t piece,
                 struct cw_inbox_feed *feed, struct cw_inbox_document *ret, struct cw_error *err)
{
	struct cw_inbox_stream *stream;
	size_t at, part;
	int r;

	assert_int_equal(cw_inbox_stream_new(world->inbox, CW_DOCUMENT_MAX, &stream, err), 0);
	for (at = 0; at < size; at += part) {
		part = size - at < piece ? size - at : piece;
		r = cw_inbox_stream_write(stream, (const char *)data + at, part, err);
		if (r < 0) {
			cw_inbox_stream_free(stream);
			return r;
		}
	}
	assert_int_equal(cw_inbox_stream_size(stream), size);
	r = cw_inbox_stream_finish(stream, meta, feed, ret, err);
	cw_inbox_stream_free(stream);
	return r;
}

static struct cw_inbox_meta meta_of(const char *feed, int64_t fetched_at, uint32_t flags)
{
	return (struct cw_inbox_meta){
		.feed = feed, .url = "http://x/", .fetched_at = { fetched_at }, .flags = flags, .config = "sha256:one"
	};
}

static void check_content(struct world *world, const struct cw_inbox_document *document, const unsigned char *data,
                          size_t size)
{
	struct cw_buf chunk;
	struct cw_error err;
	size_t at = 0;
	uint32_t seq;

	cw_buf_init(&chunk, CW_CHUNK_MAX);
	for (seq = 0; at < size; seq++) {
		assert_int_equal(cw_inbox_chunk(world->inbox, document->content, seq, &chunk, &err), 0);
		assert_true(chunk.len > 0 && chunk.len <= CW_CHUNK_MAX && at + chunk.len <= size);
		assert_memory_equal(chunk.data, data + at, chunk.len);
		at += chunk.len;
	}
	assert_int_equal(cw_inbox_chunk(world->inbox, document->content, seq, &chunk, &err), -ENOENT);
	cw_buf_clear(&chunk);
}

static void test_stream(void **state)
{
	static const size_t sizes[] = { 0,      1, CW_CHUNK_MAX - 1, CW_CHUNK_MAX, CW_CHUNK_MAX + 1, 3 * CW_CHUNK_MAX,
		                        9000000 };
	static const size_t pieces[] = { 1000, CW_CHUNK_MAX, 10000000 };
	struct world *world = *state;
	struct cw_inbox_document document;
	struct cw_error err;
	size_t i, j;

	for (i = 0; i < CW_ARRAY_LEN(sizes); i++)
		for (j = 0; j < CW_ARRAY_LEN(pieces); j++) {
			struct cw_inbox_meta meta = meta_of("a", T0 + (int64_t)(i * 10 + j), CW_DOC_IMPORTED);
			unsigned char *data = content(sizes[i], (uint32_t)i), sha256[CW_SHA256_LEN];

			assert_int_equal(store(world, &meta, data, sizes[i], pieces[j], NULL, &document, &err),
			                 CW_INBOX_STORED);
			assert_int_equal(document.size, sizes[i]);
			assert_int_equal(cw_sha256(data, sizes[i], sha256), 0);
			assert_memory_equal(document.sha256, sha256, CW_SHA256_LEN);
			assert_int_equal(document.state, CW_INBOX_QUEUED);
			assert_string_equal(document.final_url, "http://x/");
			check_content(world, &document, data, sizes[i]);
			cw_inbox_document_clear(&document);
			free(data);
		}
	/* The same content in other pieces is kept once. */
	assert_int_equal(ask(world, "SELECT count(*) FROM document"), 21);
	assert_int_equal(ask(world, "SELECT count(*) FROM content"), 7);
	assert_int_equal(ask(world, "SELECT sum(size) FROM chunk"), ask(world, "SELECT sum(size) FROM content"));
	assert_int_equal(ask(world, "SELECT count(*) FROM upload"), 0);
}

static void test_limit(void **state)
{
	struct world *world = *state;
	struct cw_inbox_stream *stream;
	struct cw_error err;
	char data[11] = "0123456789";

	assert_int_equal(cw_inbox_stream_new(world->inbox, 15, &stream, &err), 0);
	assert_int_equal(cw_inbox_stream_write(stream, data, 10, &err), 0);
	assert_int_equal(cw_inbox_stream_write(stream, data, 6, &err), -EMSGSIZE);
	assert_non_null(strstr(err.text, "15 bytes"));
	assert_int_equal(cw_inbox_stream_write(stream, data, 5, &err), 0);
	cw_inbox_stream_free(stream);
}

static void test_duplicate(void **state)
{
	struct world *world = *state;
	struct cw_inbox_meta meta = meta_of("a", T0, CW_DOC_IMPORTED);
	struct cw_inbox_document first, again, other;
	struct cw_error err;
	struct cw_commit_info info = { .tally = { .rows = 3, .evidence = 2 }, .new_evidence = 1 };

	assert_int_equal(store(world, &meta, "hello", 5, 5, NULL, &first, &err), CW_INBOX_STORED);
	assert_int_equal(store(world, &meta, "hello", 5, 2, NULL, &again, &err), CW_INBOX_DUPLICATE);
	assert_int_equal(again.id, first.id);
	assert_int_equal(again.state, CW_INBOX_QUEUED);
	cw_inbox_document_clear(&again);
	assert_int_equal(cw_inbox_settle(world->inbox, first.id, &info, "sha256:one", NULL, &err), 0);
	reopen(world);
	assert_int_equal(store(world, &meta, "hello", 5, 2, NULL, &again, &err), CW_INBOX_DUPLICATE);
	assert_int_equal(again.id, first.id);
	assert_int_equal(again.state, CW_INBOX_COMMITTED);
	assert_true(again.commit_len > 0);
	cw_inbox_document_clear(&again);
	/* Another feed, or another time, is another document. */
	meta.feed = "b";
	assert_int_equal(store(world, &meta, "hello", 5, 5, NULL, &other, &err), CW_INBOX_STORED);
	assert_true(other.id > first.id);
	assert_int_equal(other.content, first.content);
	cw_inbox_document_clear(&other);
	meta = meta_of("a", T0 + 1, CW_DOC_IMPORTED);
	assert_int_equal(store(world, &meta, "hello", 5, 5, NULL, &other, &err), CW_INBOX_STORED);
	cw_inbox_document_clear(&other);
	cw_inbox_document_clear(&first);
}

static void test_expect(void **state)
{
	struct world *world = *state;
	struct cw_inbox_meta meta = meta_of("a", T0, CW_DOC_IMPORTED);
	unsigned char sha256[CW_SHA256_LEN];
	struct cw_inbox_document document;
	struct cw_error err;

	assert_int_equal(cw_sha256("hello", 5, sha256), 0);
	meta.expect_sha256 = sha256;
	assert_int_equal(store(world, &meta, "hallo", 5, 5, NULL, &document, &err), -EBADMSG);
	assert_int_equal(ask(world, "SELECT count(*) FROM document"), 0);
	assert_int_equal(store(world, &meta, "hello", 5, 5, NULL, &document, &err), CW_INBOX_STORED);
	cw_inbox_document_clear(&document);
}

static void settle(struct world *world, uint64_t id, enum cw_reason outcome, const char *config)
{
	struct cw_commit_info info = { .tally = { .outcome = outcome } };
	struct cw_error err;

	assert_int_equal(cw_inbox_settle(world->inbox, id, &info, config, NULL, &err), 0);
}

static void test_unchanged(void **state)
{
	struct world *world = *state;
	struct cw_inbox_meta meta = meta_of("a", T0, 0);
	struct cw_inbox_document first, document;
	struct cw_inbox_feed feed;
	struct cw_error err;

	cw_inbox_feed_init(&feed);
	assert_int_equal(store(world, &meta, "one", 3, 3, &feed, &first, &err), CW_INBOX_STORED);
	assert_int_equal(feed.unconfirmed.ms, T0);
	assert_int_equal(feed.unconfirmed_document, first.id);
	meta.fetched_at.ms = T0 + 1000;
	assert_int_equal(store(world, &meta, "one", 3, 3, &feed, &document, &err), CW_INBOX_UNCHANGED);
	assert_int_equal(document.id, first.id);
	cw_inbox_document_clear(&document);
	/* An import is never skipped: what it means depends on the others, which may come later. */
	meta = meta_of("a", T0 + 2000, CW_DOC_IMPORTED);
	assert_int_equal(store(world, &meta, "one", 3, 3, NULL, &document, &err), CW_INBOX_STORED);
	cw_inbox_document_clear(&document);
	/* Newest is by the time it was fetched: an old capture that is imported late does not change that. */
	meta = meta_of("a", T0 - 5000, CW_DOC_IMPORTED);
	assert_int_equal(store(world, &meta, "zero", 4, 4, NULL, &document, &err), CW_INBOX_STORED);
	cw_inbox_document_clear(&document);
	meta = meta_of("a", T0 + 3000, 0);
	assert_int_equal(store(world, &meta, "one", 3, 3, &feed, &document, &err), CW_INBOX_UNCHANGED);
	cw_inbox_document_clear(&document);
	/* Back to an earlier content: a change like any other. */
	meta.fetched_at.ms = T0 + 4000;
	assert_int_equal(store(world, &meta, "zero", 4, 4, &feed, &document, &err), CW_INBOX_STORED);
	cw_inbox_document_clear(&document);
	/* Another feed's content is its own affair. */
	meta.feed = "b";
	assert_int_equal(store(world, &meta, "zero", 4, 4, &feed, &document, &err), CW_INBOX_STORED);
	settle(world, document.id, CW_REASON_NO_ROWS, "sha256:one");
	cw_inbox_document_clear(&document);
	/* What gave nothing is the same nothing again, until the configuration changes. */
	meta.fetched_at.ms = T0 + 5000;
	assert_int_equal(store(world, &meta, "zero", 4, 4, &feed, &document, &err), CW_INBOX_UNCHANGED);
	assert_int_equal(document.state, CW_INBOX_REJECTED);
	assert_int_equal(document.outcome, CW_REASON_NO_ROWS);
	cw_inbox_document_clear(&document);
	meta.config = "sha256:two";
	assert_int_equal(store(world, &meta, "zero", 4, 4, &feed, &document, &err), CW_INBOX_STORED);
	cw_inbox_document_clear(&document);
	cw_inbox_document_clear(&first);
}

static void test_validators(void **state)
{
	struct world *world = *state;
	struct cw_inbox_meta meta = meta_of("a", T0, 0);
	struct cw_inbox_document document;
	struct cw_validators validators;
	struct cw_inbox_feed feed;
	struct cw_error err;

	cw_inbox_feed_init(&feed);
	assert_int_equal(cw_inbox_validators(world->inbox, "a", "", "http://x/", "sha256:one", &validators, &err), 0);
	assert_null(validators.etag);
	meta.etag = "\"v1\"";
	meta.last_modified = "yesterday";
	assert_int_equal(store(world, &meta, "one", 3, 3, &feed, &document, &err), CW_INBOX_STORED);
	reopen(world);
	assert_int_equal(cw_inbox_validators(world->inbox, "a", "", "http://x/", "sha256:one", &validators, &err), 0);
	assert_string_equal(validators.etag, "\"v1\"");
	assert_string_equal(validators.last_modified, "yesterday");
	cw_validators_clear(&validators);
	/* They are of that address only … */
	assert_int_equal(cw_inbox_validators(world->inbox, "a", "", "http://y/", "sha256:one", &validators, &err), 0);
	assert_null(validators.etag);
	/* … and not for content that deserves another try. */
	settle(world, document.id, CW_REASON_UNPARSABLE, "sha256:one");
	assert_int_equal(cw_inbox_validators(world->inbox, "a", "", "http://x/", "sha256:two", &validators, &err), 0);
	assert_null(validators.etag);
	assert_int_equal(cw_inbox_validators(world->inbox, "a", "", "http://x/", "sha256:one", &validators, &err), 0);
	assert_non_null(validators.etag);
	cw_validators_clear(&validators);
	cw_inbox_document_clear(&document);
	/* After a newer document was imported, "not modified" would no longer mean "as the newest one". */
	meta = meta_of("a", T0 + 1, CW_DOC_IMPORTED);
	assert_int_equal(store(world, &meta, "two", 3, 3, NULL, &document, &err), CW_INBOX_STORED);
	cw_inbox_document_clear(&document);
	assert_int_equal(cw_inbox_validators(world->inbox, "a", "", "http://x/", "sha256:one", &validators, &err), 0);
	assert_null(validators.etag);
}

/* Runs fn in a child that is killed, with everything it had written but not finished. */
static void crash(struct world *world, void (*fn)(struct world *world))
{
	pid_t pid;
	int status;

	cw_inbox_close(world->inbox);
	world->inbox = NULL;
	pid = fork();
	if (pid == 0) {
		reopen(world);
		fn(world);
		kill(getpid(), SIGKILL);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void half_stored(struct world *world)
{
	unsigned char *data = content(20 << 20, 7);
	struct cw_inbox_stream *stream;
	struct cw_error err;

	/* More than a batch: part of it is committed. */
	if (cw_inbox_stream_new(world->inbox, CW_DOCUMENT_MAX, &stream, &err) < 0 ||
	    cw_inbox_stream_write(stream, data, 20 << 20, &err) < 0 || cw_inbox_flush(world->inbox, &err) < 0)
		_exit(1);
}

static void test_crash_between_chunks(void **state)
{
	struct world *world = *state;
	struct cw_inbox_meta meta = meta_of("a", T0, CW_DOC_IMPORTED);
	unsigned char *data = content(20 << 20, 7);
	struct cw_inbox_document document;
	struct cw_inbox_counts counts;
	struct cw_error err;

	crash(world, half_stored);
	assert_true(ask(world, "SELECT count(*) FROM chunk") > 10);
	assert_int_equal(ask(world, "SELECT count(*) FROM document"), 0);
	reopen(world);
	assert_int_equal(ask(world, "SELECT count(*) FROM chunk"), 0);
	assert_int_equal(ask(world, "SELECT count(*) FROM upload"), 0);
	assert_int_equal(cw_inbox_counts(world->inbox, &counts, &err), 0);
	assert_int_equal(counts.stored, 0);
	/* And it can be sent again. */
	assert_int_equal(store(world, &meta, data, 20 << 20, 100000, NULL, &document, &err), CW_INBOX_STORED);
	check_content(world, &document, data, 20 << 20);
	cw_inbox_document_clear(&document);
	free(data);
}

static void finished_then_killed(struct world *world)
{
	struct cw_inbox_meta meta = meta_of("a", T0, 0);
	struct cw_inbox_document document;
	struct cw_inbox_feed feed;
	struct cw_error err;

	cw_inbox_feed_init(&feed);
	feed.next_due.ms = T0 + 3600000;
	snprintf(feed.outcome, sizeof(feed.outcome), "ok");
	meta.etag = "\"v1\"";
	if (store(world, &meta, "one", 3, 3, &feed, &document, &err) != CW_INBOX_STORED)
		_exit(1);
}

/* What finish() has answered is durable, document and feed state together. */
static void test_crash_after_finish(void **state)
{
	struct world *world = *state;
	struct cw_inbox_document document;
	struct cw_validators validators;
	struct cw_inbox_feed feed;
	struct cw_error err;

	crash(world, finished_then_killed);
	reopen(world);
	assert_int_equal(cw_inbox_next(world->inbox, 0, &document, &err), 0);
	assert_int_equal(document.fetched_at.ms, T0);
	check_content(world, &document, (const unsigned char *)"one", 3);
	assert_int_equal(cw_inbox_feed_load(world->inbox, "a", &feed, &err), 0);
	assert_int_equal(feed.next_due.ms, T0 + 3600000);
	assert_int_equal(feed.unconfirmed_document, document.id);
	assert_int_equal(cw_inbox_validators(world->inbox, "a", "", "http://x/", "sha256:one", &validators, &err), 0);
	assert_string_equal(validators.etag, "\"v1\"");
	cw_validators_clear(&validators);
	cw_inbox_document_clear(&document);
}

/* When the final transaction fails, neither the document nor the feed's ETag is there. */
static void test_final_transaction_is_one(void **state)
{
	struct world *world = *state;
	struct cw_inbox_meta meta = meta_of("a", T0, 0);
	struct cw_inbox_document document;
	struct cw_validators validators;
	struct cw_inbox_feed feed, loaded;
	struct cw_error err;
	unsigned char *data = content(1 << 20, 3);

	cw_inbox_feed_init(&feed);
	meta.etag = "\"v1\"";
	/* The feed's row is the last statement of the transaction. */
	execute(world, "CREATE TRIGGER broken BEFORE INSERT ON feed BEGIN SELECT raise(abort, 'no'); END");
	reopen(world);
	assert_true(store(world, &meta, data, 1 << 20, 10000, &feed, &document, &err) < 0);
	assert_int_equal(feed.unconfirmed_document, 0);
	assert_int_equal(ask(world, "SELECT count(*) FROM document"), 0);
	assert_int_equal(cw_inbox_feed_load(world->inbox, "a", &loaded, &err), -ENOENT);
	assert_int_equal(cw_inbox_flush(world->inbox, &err), 0);
	execute(world, "DROP TRIGGER broken");
	reopen(world);
	assert_int_equal(ask(world, "SELECT count(*) FROM chunk"), 0);
	assert_int_equal(store(world, &meta, data, 1 << 20, 10000, &feed, &document, &err), CW_INBOX_STORED);
	check_content(world, &document, data, 1 << 20);
	cw_inbox_document_clear(&document);
	assert_int_equal(cw_inbox_validators(world->inbox, "a", "", "http://x/", "sha256:one", &validators, &err), 0);
	assert_non_null(validators.etag);
	cw_validators_clear(&validators);
	free(data);
}

/* Two streams share a batch. When it fails, both say so; nothing half is left. */
static void test_failed_batch(void **state)
{
	struct world *world = *state;
	struct cw_inbox_meta meta = meta_of("a", T0, CW_DOC_IMPORTED);
	unsigned char *data = content(600000, 4);
	struct cw_inbox_stream *one, *two;
	struct cw_inbox_document document;
	struct cw_error err;

	execute(world, "CREATE TRIGGER broken BEFORE INSERT ON document BEGIN SELECT raise(abort, 'no'); END");
	reopen(world);
	assert_int_equal(cw_inbox_stream_new(world->inbox, CW_DOCUMENT_MAX, &one, &err), 0);
	assert_int_equal(cw_inbox_stream_new(world->inbox, CW_DOCUMENT_MAX, &two, &err), 0);
	assert_int_equal(cw_inbox_stream_write(one, data, 600000, &err), 0);
	assert_int_equal(cw_inbox_stream_write(two, data, 300000, &err), 0);
	assert_true(cw_inbox_stream_finish(one, &meta, NULL, &document, &err) < 0);
	assert_int_equal(cw_inbox_stream_write(two, data, 1, &err), -EIO);
	assert_non_null(strstr(err.text, "earlier part"));
	cw_inbox_stream_free(one);
	cw_inbox_stream_free(two);
	assert_int_equal(cw_inbox_flush(world->inbox, &err), 0);
	assert_int_equal(ask(world, "SELECT count(*) FROM chunk"), 0);
	free(data);
}

static void test_abandon(void **state)
{
	struct world *world = *state;
	unsigned char *data = content(1 << 20, 3);
	struct cw_inbox_stream *stream;
	struct cw_error err;

	assert_int_equal(cw_inbox_stream_new(world->inbox, CW_DOCUMENT_MAX, &stream, &err), 0);
	assert_int_equal(cw_inbox_stream_write(stream, data, 1 << 20, &err), 0);
	assert_int_equal(cw_inbox_flush(world->inbox, &err), 0);
	assert_int_equal(ask(world, "SELECT count(*) FROM chunk"), 3);
	cw_inbox_stream_free(stream);
	assert_int_equal(cw_inbox_flush(world->inbox, &err), 0);
	assert_int_equal(ask(world, "SELECT count(*) FROM chunk"), 0);
	free(data);
}

static void test_queue(void **state)
{
	struct world *world = *state;
	struct cw_inbox_document document;
	struct cw_inbox_counts counts;
	struct cw_error err;
	uint64_t ids[3], last = 0;
	int i;

	for (i = 0; i < 3; i++) {
		/* Newest capture first: the order is that of arrival all the same. */
		struct cw_inbox_meta meta = meta_of("a", T0 - i * 1000, CW_DOC_IMPORTED);

		assert_int_equal(store(world, &meta, "abc", (size_t)i + 1, 1, NULL, &document, &err), CW_INBOX_STORED);
		ids[i] = document.id;
		cw_inbox_document_clear(&document);
	}
	assert_true(cw_inbox_backlog_over(world->inbox, 2, 1000));
	assert_true(cw_inbox_backlog_over(world->inbox, 3, 5));
	assert_false(cw_inbox_backlog_over(world->inbox, 3, 6));
	for (i = 0; i < 3; i++) {
		assert_int_equal(cw_inbox_next(world->inbox, last, &document, &err), 0);
		assert_int_equal(document.id, ids[i]);
		assert_true(document.order > last);
		last = document.order;
		cw_inbox_document_clear(&document);
	}
	assert_int_equal(cw_inbox_next(world->inbox, last, &document, &err), -ENOENT);
	settle(world, ids[0], CW_REASON_NONE, "c");
	settle(world, ids[0], CW_REASON_POISON, "c"); /* too late: it is done */
	settle(world, ids[1], CW_REASON_POISON, "c");
	assert_int_equal(cw_inbox_count(world->inbox, ids[2], 7, 1, &err), 0);
	assert_int_equal(cw_inbox_counts(world->inbox, &counts, &err), 0);
	assert_int_equal(counts.queued, 1);
	assert_int_equal(counts.queued_bytes, 3);
	assert_true(cw_wall_known(counts.oldest));
	reopen(world);
	assert_int_equal(cw_inbox_counts(world->inbox, &counts, &err), 0);
	assert_int_equal(counts.stored, 3);
	assert_int_equal(counts.queued, 1);
	assert_int_equal(counts.committed, 1);
	assert_int_equal(counts.poison, 1);
	assert_int_equal(cw_inbox_next(world->inbox, 0, &document, &err), 0);
	assert_int_equal(document.id, ids[2]);
	assert_int_equal(document.attempts, 7);
	assert_int_equal(document.deaths, 1);
	last = document.order;
	cw_inbox_document_clear(&document);
	{
		struct cw_inbox_meta meta = meta_of("z", T0, CW_DOC_IMPORTED);

		assert_int_equal(store(world, &meta, "new", 3, 3, NULL, &document, &err), CW_INBOX_STORED);
		assert_true(document.order > last);
		cw_inbox_document_clear(&document);
	}
	assert_int_equal(cw_inbox_document(world->inbox, 999, &document, &err), -ENOENT);
	settle(world, ids[2], CW_REASON_MISSING_COLUMN, "c");
	assert_int_equal(cw_inbox_document(world->inbox, ids[2], &document, &err), 0);
	assert_int_equal(document.state, CW_INBOX_REJECTED);
	assert_int_equal(document.outcome, CW_REASON_MISSING_COLUMN);
	cw_inbox_document_clear(&document);
}

static void test_feed_state(void **state)
{
	struct world *world = *state;
	struct cw_inbox_feed feed, loaded, copy;
	struct cw_error err;

	assert_int_equal(cw_inbox_feed_load(world->inbox, "a", &feed, &err), -ENOENT);
	cw_inbox_feed_init(&feed);
	feed.created_at.ms = 1;
	feed.last_attempt.ms = 2;
	feed.last_success.ms = 3;
	feed.next_due.ms = 4;
	feed.failures = 6;
	snprintf(feed.outcome, sizeof(feed.outcome), "http_503");
	feed.detail = strdup("down for \"repairs\"");
	assert_int_equal(cw_inbox_feed_save(world->inbox, "a", &feed, &err), 0);
	reopen(world);
	assert_int_equal(cw_inbox_feed_load(world->inbox, "a", &loaded, &err), 0);
	assert_int_equal(loaded.created_at.ms, 1);
	assert_int_equal(loaded.last_attempt.ms, 2);
	assert_int_equal(loaded.last_success.ms, 3);
	assert_int_equal(loaded.next_due.ms, 4);
	assert_false(cw_wall_known(loaded.outage_since));
	assert_false(cw_wall_known(loaded.unconfirmed));
	assert_int_equal(loaded.failures, 6);
	assert_string_equal(loaded.outcome, "http_503");
	assert_string_equal(loaded.detail, feed.detail);
	assert_int_equal(cw_inbox_feed_copy(&loaded, &copy), 0);
	cw_inbox_feed_clear(&loaded);
	assert_string_equal(copy.detail, feed.detail);
	cw_inbox_feed_clear(&copy);
	cw_inbox_feed_clear(&feed);
}

static void test_versions(void **state)
{
	struct world *world = *state;
	struct cw_inbox *inbox;
	struct cw_error err;
	char path[96];
	FILE *file;

	cw_inbox_close(world->inbox);
	world->inbox = NULL;
	execute(world, "PRAGMA user_version = 99");
	assert_int_equal(cw_inbox_open(world->directory, NULL, &inbox, &err), -EINVAL);
	assert_non_null(strstr(err.text, "newer councilwatch (version 99"));
	execute(world, "PRAGMA application_id = 5");
	assert_int_equal(cw_inbox_open(world->directory, NULL, &inbox, &err), -EBADMSG);
	snprintf(path, sizeof(path), "%s/inbox.db", world->directory);
	file = fopen(path, "w");
	fputs("This is no database, though it is long enough to have been one, had somebody written it as one.", file);
	fclose(file);
	assert_int_equal(cw_inbox_open(world->directory, NULL, &inbox, &err), -EBADMSG);
	assert_int_equal(cw_inbox_open("/nowhere/at/all", NULL, &inbox, &err), -EACCES);
}

/* Settles a document as committed with one row rejected for a reason, or as rejected as a whole. */
static void settle_with(struct world *world, uint64_t id, enum cw_reason row, enum cw_reason whole)
{
	struct cw_commit_info info = { .tally = { .outcome = whole, .rows = 3 } };
	struct cw_error err;

	if (row)
		info.tally.reasons[row] = 1;
	assert_int_equal(cw_inbox_settle(world->inbox, id, &info, "sha256:one", NULL, &err), 0);
}

static void test_requeue(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *feed;
		enum cw_reason row, whole;
	} documents[] = {
		{ "a", CW_REASON_NONE, CW_REASON_NONE },
		{ "a", CW_REASON_UNKNOWN_COUNCIL, CW_REASON_NONE },
		{ "a", CW_REASON_BLANK_ROW, CW_REASON_NONE },
		{ "a", CW_REASON_NONE, CW_REASON_MISSING_COLUMN },
		{ "a", CW_REASON_NONE, CW_REASON_POISON },
		{ "a", CW_REASON_PERSONAL_DATA, CW_REASON_NONE },
		{ "b", CW_REASON_UNKNOWN_COUNCIL, CW_REASON_NONE },
	};
	struct cw_inbox_document document;
	struct cw_inbox_counts counts;
	struct cw_error err;
	uint64_t ids[CW_ARRAY_LEN(documents)], two[2];
	size_t n = 9;

	for (size_t i = 0; i < CW_ARRAY_LEN(documents); i++) {
		struct cw_inbox_meta meta = meta_of(documents[i].feed, T0 + (int64_t)i, CW_DOC_IMPORTED);

		assert_int_equal(store(world, &meta, "x", 1, 1, NULL, &document, &err), CW_INBOX_STORED);
		ids[i] = document.id;
		cw_inbox_document_clear(&document);
		assert_int_equal(cw_inbox_count(world->inbox, ids[i], 3, 2, &err), 0);
		settle_with(world, ids[i], documents[i].row, documents[i].whole);
	}
	assert_int_equal(cw_inbox_next(world->inbox, 0, &document, &err), -ENOENT);

	/* Only what a configuration can mend, once for each configuration. */
	assert_int_equal(cw_inbox_requeue_mended(world->inbox, "a", "first", &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(cw_inbox_next(world->inbox, 0, &document, &err), 0);
	assert_int_equal(document.id, ids[1]);
	assert_int_equal(document.flags, CW_DOC_IMPORTED | CW_DOC_REPLAY | CW_DOC_RETRY);
	assert_int_equal(document.attempts, 3); /* goes on counting, so that what is late is known for late */
	assert_int_equal(document.deaths, 0);
	assert_true(document.order > CW_ARRAY_LEN(documents));
	cw_inbox_document_clear(&document);
	reopen(world);
	settle_with(world, ids[1], CW_REASON_UNKNOWN_COUNCIL, CW_REASON_NONE);
	settle_with(world, ids[3], CW_REASON_NONE, CW_REASON_NONE);
	assert_int_equal(cw_inbox_requeue_mended(world->inbox, "a", "first", &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(cw_inbox_requeue_mended(world->inbox, "a", "second", &n, &err), 0);
	assert_int_equal(n, 1);

	/* By number: all or nothing; what waits already is left alone. */
	two[0] = ids[0];
	two[1] = 999;
	assert_int_equal(cw_inbox_requeue(world->inbox, two, 2, 0, &n, &err), -ENOENT);
	assert_int_equal(cw_inbox_counts(world->inbox, &counts, &err), 0);
	assert_int_equal(counts.queued, 1);
	two[1] = ids[1];
	assert_int_equal(cw_inbox_requeue(world->inbox, two, 2, 0, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(cw_inbox_document(world->inbox, ids[0], &document, &err), 0);
	assert_int_equal(document.flags, CW_DOC_IMPORTED | CW_DOC_REPLAY);
	cw_inbox_document_clear(&document);
	assert_int_equal(cw_inbox_counts(world->inbox, &counts, &err), 0);
	assert_int_equal(counts.queued, 2);
	assert_int_equal(counts.stored, CW_ARRAY_LEN(documents));
	assert_int_equal(counts.committed + counts.rejected + counts.poison, CW_ARRAY_LEN(documents) - 2);
}

/* The same client and content is the same document, whenever it comes; another client's is another. */
static void test_receipts(void **state)
{
	struct world *world = *state;
	struct cw_inbox_document first, again;
	struct cw_inbox_receipt receipt;
	struct cw_error err;
	unsigned char sha256[CW_SHA256_LEN], id[CW_SHA256_LEN], other[CW_SHA256_LEN];
	struct cw_inbox_meta meta = meta_of("a", T0, CW_DOC_SUBMITTED);

	meta.client = "client:one";
	cw_sha256("note", 4, sha256);
	assert_int_equal(cw_inbox_receipt_id("a", "client:one", sha256, id), 0);
	assert_int_equal(cw_inbox_receipt_id("aclient:on", "e", sha256, other), 0);
	assert_memory_not_equal(id, other, CW_SHA256_LEN);
	assert_int_equal(cw_inbox_receipt(world->inbox, id, &receipt, &err), -ENOENT);
	assert_int_equal(store(world, &meta, "note", 4, 4, NULL, &first, &err), CW_INBOX_STORED);
	reopen(world);
	assert_int_equal(cw_inbox_receipt(world->inbox, id, &receipt, &err), 0);
	assert_int_equal(receipt.document, first.id);
	assert_true(cw_wall_known(receipt.accepted_at));

	meta.fetched_at.ms = T0 + 99;
	assert_int_equal(store(world, &meta, "note", 4, 4, NULL, &again, &err), CW_INBOX_DUPLICATE);
	assert_int_equal(again.id, first.id);
	cw_inbox_document_clear(&again);
	/* Another client's is its own, even when nothing has changed since the newest; at the same time it is the same document. */
	meta.client = "client:two";
	assert_int_equal(store(world, &meta, "note", 4, 4, NULL, &again, &err), CW_INBOX_STORED);
	assert_true(again.id != first.id);
	cw_inbox_document_clear(&again);
	meta.client = "client:three";
	meta.fetched_at.ms = T0;
	assert_int_equal(store(world, &meta, "note", 4, 4, NULL, &again, &err), CW_INBOX_DUPLICATE);
	assert_int_equal(again.id, first.id);
	cw_inbox_document_clear(&again);
	assert_int_equal(cw_inbox_receipt_id("a", "client:three", sha256, id), 0);
	assert_int_equal(cw_inbox_receipt(world->inbox, id, &receipt, &err), 0);
	assert_int_equal(receipt.document, first.id);
	assert_int_equal(ask(world, "SELECT count(*) FROM receipt"), 3);
	assert_int_equal(ask(world, "SELECT count(*) FROM content"), 1);
	cw_inbox_document_clear(&first);
}

static void test_version_1(void **state)
{
	struct world *world = *state;
	struct cw_inbox_feed feed;
	struct cw_error err;
	size_t n;

	cw_inbox_feed_init(&feed);
	feed.failures = 4;
	assert_int_equal(cw_inbox_feed_save(world->inbox, "a", &feed, &err), 0);
	cw_inbox_close(world->inbox);
	world->inbox = NULL;
	execute(world, "DROP INDEX document_of_link; DROP TABLE link; DROP TABLE link_from;"
	               "ALTER TABLE document DROP COLUMN step; ALTER TABLE document DROP COLUMN link;"
	               "ALTER TABLE document DROP COLUMN link_text; ALTER TABLE document DROP COLUMN parent_url;"
	               "ALTER TABLE document DROP COLUMN who; ALTER TABLE document DROP COLUMN removed_at; DROP TABLE unaudited; DROP INDEX document_of_content;"
	               "ALTER TABLE feed DROP COLUMN reading; DROP TABLE receipt; PRAGMA user_version = 1");
	reopen(world);
	assert_int_equal(cw_inbox_requeue_mended(world->inbox, "a", "first", &n, &err), 0);
	assert_int_equal(cw_inbox_feed_load(world->inbox, "a", &feed, &err), 0);
	assert_int_equal(feed.failures, 4);
	assert_int_equal(ask(world, "PRAGMA user_version"), 6);
}

static void test_damaged(void **state)
{
	struct world *world = *state;
	struct cw_inbox_meta meta = meta_of("a", T0, CW_DOC_IMPORTED);
	struct cw_inbox_document document;
	struct cw_buf chunk;
	struct cw_error err;

	cw_buf_init(&chunk, CW_CHUNK_MAX);
	assert_int_equal(store(world, &meta, "hello", 5, 5, NULL, &document, &err), CW_INBOX_STORED);
	execute(world, "UPDATE chunk SET data = x'00112233'");
	assert_int_equal(cw_inbox_chunk(world->inbox, document.content, 0, &chunk, &err), -EBADMSG);
	execute(world, "UPDATE chunk SET size = 99999999");
	assert_int_equal(cw_inbox_chunk(world->inbox, document.content, 0, &chunk, &err), -EBADMSG);
	cw_inbox_document_clear(&document);
	cw_buf_clear(&chunk);
}

int main(void)
{
#define WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_free)
	static const struct CMUnitTest tests[] = {
		WORLD(test_stream),
		WORLD(test_limit),
		WORLD(test_duplicate),
		WORLD(test_expect),
		WORLD(test_unchanged),
		WORLD(test_validators),
		WORLD(test_crash_between_chunks),
		WORLD(test_crash_after_finish),
		WORLD(test_final_transaction_is_one),
		WORLD(test_failed_batch),
		WORLD(test_abandon),
		WORLD(test_queue),
		WORLD(test_feed_state),
		WORLD(test_requeue),
		WORLD(test_receipts),
		WORLD(test_versions),
		WORLD(test_version_1),
		WORLD(test_damaged),
	};

	return cmocka_run_group_tests_name("daemon_inbox", tests, NULL, NULL);
}
