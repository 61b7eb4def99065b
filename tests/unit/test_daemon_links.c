/* Links in the inbox: what is found, what is next, what a settled document changes, and what a crash leaves. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "follow.h"
#include "inbox.h"

#define T0 INT64_C(1725260935000)

struct world {
	char directory[64];
	struct cw_inbox *inbox;
};

static struct cw_wall wall;

static struct cw_wall test_wall(void)
{
	return wall;
}

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

	wall.ms = T0;
	cw_clock_replace(test_wall);
	snprintf(world->directory, sizeof(world->directory), "/tmp/cw-links-XXXXXX");
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
	cw_clock_replace(NULL);
	snprintf(command, sizeof(command), "rm -rf %s", world->directory);
	free(world);
	return system(command) == 0 ? 0 : -1;
}

/* Stores a document of a link (NULL: of the feed's address), due again then, and gives its id. */
static uint64_t store(struct world *world, struct cw_inbox_link *link, const char *step, const char *text, int64_t due_in,
                      int *ret_how)
{
	struct cw_inbox_meta meta = { .feed = "f", .step = step, .link = link, .url = link ? link->url : "http://h/", .etag = "\"e\"",
		                      .fetched_at = cw_wall_now(), .flags = link && link->page ? CW_DOC_PAGE : 0, .config = "one" };
	struct cw_inbox_feed feed;
	struct cw_inbox_stream *stream;
	struct cw_inbox_document document;
	struct cw_error err;
	uint64_t id;
	int r;

	cw_inbox_feed_init(&feed);
	if (link)
		link->next_due = due_in ? (struct cw_wall){ wall.ms + due_in } : cw_wall_none();
	assert_int_equal(cw_inbox_stream_new(world->inbox, 1 << 20, &stream, &err), 0);
	assert_int_equal(cw_inbox_stream_write(stream, text, strlen(text), &err), 0);
	r = cw_inbox_stream_finish(stream, &meta, link ? NULL : &feed, &document, &err);
	assert_true(r >= 0);
	if (ret_how)
		*ret_how = r;
	id = document.id;
	cw_inbox_stream_free(stream);
	cw_inbox_document_clear(&document);
	return id;
}

static void find(struct world *world, uint64_t document, const char *step, const char *const *urls, uint32_t page)
{
	struct cw_inbox_document row;
	struct cw_inbox_found found[8];
	struct cw_error err;
	size_t refused, n;

	for (n = 0; urls[n]; n++)
		found[n] = (struct cw_inbox_found){ cw_str(step), cw_str(urls[n]), cw_str("words"), page };
	assert_int_equal(cw_inbox_document(world->inbox, document, &row, &err), 0);
	assert_int_equal(cw_inbox_links_add(world->inbox, &row, found, n, &refused, &err), 0);
	assert_int_equal(refused, 0);
	cw_inbox_document_clear(&row);
}
#define FIND(world, document, step, page, ...) find(world, document, step, (const char *const[]){ __VA_ARGS__, NULL }, page)

static void settle(struct world *world, uint64_t document, enum cw_reason outcome, const struct cw_inbox_found *next)
{
	struct cw_commit_info info = { .tally = { .outcome = outcome, .detail = cw_str("so it is") } };
	struct cw_error err;

	assert_int_equal(cw_inbox_settle(world->inbox, document, &info, "one", next, &err), 0);
}

/* The links that are due, in order, as "a b c": each is put off when it was seen. */
static const char *due(struct world *world, const char *step)
{
	static char text[256];
	uint64_t seen[16];
	struct cw_inbox_link link;
	struct cw_error err;
	size_t n = 0;

	text[0] = '\0';
	while (n < 16 && cw_inbox_link_next(world->inbox, "f", step, wall, false, seen, n, &link, &err) == 0) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", n ? " " : "", strrchr(link.url, '/') + 1);
		seen[n++] = link.id;
		cw_inbox_link_clear(&link);
	}
	return text;
}

static void get(struct world *world, const char *name, struct cw_inbox_link *ret)
{
	struct cw_error err;

	for (uint64_t id = 1; cw_inbox_link(world->inbox, id, ret, &err) == 0; id++) {
		if (strcmp(strrchr(ret->url, '/') + 1, name) == 0)
			return;
		cw_inbox_link_clear(ret);
	}
	fail_msg("no link %s", name);
}

static void test_order(void **state)
{
	struct world *world = *state;
	struct cw_inbox_link link;
	struct cw_error err;
	struct cw_wall at;
	uint64_t index;

	index = store(world, NULL, "list", "index", 0, NULL);
	FIND(world, index, "", 0, "http://h/a", "http://h/b", "http://h/a");
	FIND(world, index, "list", 1, "http://h/p1");
	reopen(world); /* durable before anybody is told */
	assert_string_equal(due(world, NULL), "p1 a b");
	assert_string_equal(due(world, ""), "a b");
	/* A document that comes again changes nothing. */
	FIND(world, index, "", 0, "http://h/b", "http://h/a");
	assert_string_equal(due(world, ""), "a b");

	get(world, "a", &link);
	store(world, &link, "", "A", 1000, NULL);
	cw_inbox_link_clear(&link);
	assert_string_equal(due(world, ""), "b");
	assert_int_equal(cw_inbox_link_due(world->inbox, "f", &at, &err), 0);
	assert_int_equal(at.ms, T0);
	wall.ms += 2000;
	assert_string_equal(due(world, ""), "b a"); /* new ones first */
	get(world, "b", &link);
	store(world, &link, "", "B", 0, NULL); /* immutable */
	cw_inbox_link_clear(&link);
	wall.ms += 1000000;
	assert_string_equal(due(world, ""), "a");
	/* Asked for: what is ever fetched again, and no more. */
	get(world, "a", &link);
	store(world, &link, "", "A2", 1000000, NULL);
	cw_inbox_link_clear(&link);
	assert_string_equal(due(world, ""), "");
	assert_int_equal(cw_inbox_links_ask(world->inbox, "f", &err), 0);
	assert_string_equal(due(world, ""), "a");
	/* The configuration says that they may change after all, and then that they may not. */
	assert_int_equal(cw_inbox_links_settle(world->inbox, "f", "", false, &err), 0);
	assert_string_equal(due(world, ""), "a b");
	assert_int_equal(cw_inbox_links_settle(world->inbox, "f", "", true, &err), 0);
	assert_string_equal(due(world, ""), "");
	assert_string_equal(due(world, "list"), "p1");
}

/* The ETag belongs to the document; the same content is not stored again; failures are counted and forgotten. */
static void test_fetched(void **state)
{
	struct world *world = *state;
	struct cw_inbox_links_count count;
	struct cw_inbox_link link;
	struct cw_error err;
	uint64_t index, first;
	int how;

	index = store(world, NULL, "list", "index", 0, NULL);
	FIND(world, index, "", 0, "http://h/a", "http://h/b");
	settle(world, index, CW_REASON_NONE, NULL);
	get(world, "a", &link);
	assert_null(link.etag);
	first = store(world, &link, "", "A", 1000, &how);
	assert_int_equal(how, CW_INBOX_STORED);
	cw_inbox_link_clear(&link);
	reopen(world);
	get(world, "a", &link);
	assert_string_equal(link.etag, "\"e\"");
	assert_int_equal(link.document, first);
	store(world, &link, "", "A", 1000, &how);
	assert_int_equal(how, CW_INBOX_UNCHANGED);
	settle(world, first, CW_REASON_NO_ROWS, NULL);
	cw_inbox_link_clear(&link);
	get(world, "a", &link);
	assert_int_equal(link.failures, 1);
	assert_string_equal(link.outcome, "no_rows");
	assert_string_equal(link.detail, "so it is");
	/* It is the same and still says nothing. */
	assert_int_equal(cw_inbox_link_unchanged(world->inbox, link.id, "not_modified", (struct cw_wall){ T0 + 5 }, &err), 0);
	cw_inbox_link_clear(&link);
	get(world, "a", &link);
	assert_int_equal(link.failures, 1);
	assert_int_equal(link.next_due.ms, T0 + 5);
	assert_int_equal(cw_inbox_link_failed(world->inbox, link.id, "http_500", "oops", (struct cw_wall){ T0 + 9 }, &err), 0);
	assert_int_equal(cw_inbox_links_count(world->inbox, "f", "", false, &count, &err), 0);
	assert_int_equal(count.live, 2);
	assert_int_equal(count.fetched, 1);
	assert_int_equal(count.failing, 1);
	assert_int_equal(count.waiting, 1);
	assert_string_equal(count.failing_outcome, "http_500");
	assert_string_equal(count.failing_detail, "oops");
	cw_inbox_links_count_clear(&count);
	/* Another content, and it is read. */
	wall.ms += 10;
	first = store(world, &link, "", "A2", 1000, &how);
	settle(world, first, CW_REASON_NONE, NULL);
	cw_inbox_link_clear(&link);
	get(world, "a", &link);
	assert_int_equal(link.failures, 0);
	assert_string_equal(link.outcome, "ok");
	cw_inbox_link_clear(&link);
}

/* What is immutable is not fetched again, unless it was an error page in its place. */
static void test_immutable_rejected(void **state)
{
	struct world *world = *state;
	struct cw_inbox_link link;
	struct cw_error err;
	uint64_t index, document;

	index = store(world, NULL, "list", "index", 0, NULL);
	FIND(world, index, "", 0, "http://h/good", "http://h/bad");
	settle(world, index, CW_REASON_NONE, NULL);
	get(world, "good", &link);
	document = store(world, &link, "", "a report", 0, NULL);
	settle(world, document, CW_REASON_NONE, NULL);
	cw_inbox_link_clear(&link);
	get(world, "bad", &link);
	document = store(world, &link, "", "<html>try later", 0, NULL);
	settle(world, document, CW_REASON_UNPARSABLE, NULL);
	cw_inbox_link_clear(&link);
	assert_string_equal(due(world, ""), "");
	/* A start does not forget it. */
	assert_int_equal(cw_inbox_links_settle(world->inbox, "f", "", true, &err), 0);
	wall.ms += 86400000;
	assert_string_equal(due(world, ""), "bad");
	get(world, "bad", &link);
	assert_int_equal(cw_inbox_link_unchanged(world->inbox, link.id, "not_modified", cw_wall_none(), &err), 0);
	assert_string_equal(due(world, ""), "");
	wall.ms += 86400000;
	assert_string_equal(due(world, ""), "bad");
	document = store(world, &link, "", "the report after all", 0, NULL);
	settle(world, document, CW_REASON_NONE, NULL);
	cw_inbox_link_clear(&link);
	wall.ms += INT64_C(864000000);
	assert_string_equal(due(world, ""), "");
}

/* Two links that give the same bytes in the same millisecond are two documents. */
static void test_same_content(void **state)
{
	struct world *world = *state;
	struct cw_inbox_document document;
	struct cw_inbox_link link;
	struct cw_error err;
	uint64_t index, a, b;
	int how;

	index = store(world, NULL, "list", "index", 0, NULL);
	FIND(world, index, "", 0, "http://h/a", "http://h/b");
	get(world, "a", &link);
	a = store(world, &link, "", "the same", 0, &how);
	assert_int_equal(how, CW_INBOX_STORED);
	cw_inbox_link_clear(&link);
	get(world, "b", &link);
	b = store(world, &link, "", "the same", 0, &how);
	assert_int_equal(how, CW_INBOX_STORED);
	assert_true(a != b);
	cw_inbox_link_clear(&link);
	assert_int_equal(cw_inbox_document(world->inbox, b, &document, &err), 0);
	assert_int_equal(document.fetched_at.ms, T0 + 1);
	assert_string_equal(document.url, "http://h/b");
	assert_string_equal(document.link_text, "words");
	assert_string_equal(document.parent_url, "http://h/");
	cw_inbox_document_clear(&document);
}

/* What its page no longer has is not followed any more, with all that hangs on it alone. */
static void test_gone(void **state)
{
	struct world *world = *state;
	struct cw_inbox_links_count count;
	struct cw_inbox_link one, two;
	struct cw_error err;
	uint64_t index, again, page, later;

	index = store(world, NULL, "list", "index", 0, NULL);
	FIND(world, index, "provider", 0, "http://h/1", "http://h/2");
	settle(world, index, CW_REASON_NONE, NULL);
	get(world, "1", &one);
	get(world, "2", &two);
	page = store(world, &one, "provider", "page 1", 1000, NULL);
	FIND(world, page, "", 0, "http://h/r1", "http://h/shared");
	settle(world, page, CW_REASON_NONE, NULL);
	page = store(world, &two, "provider", "page 2", 1000, NULL);
	FIND(world, page, "", 0, "http://h/r2", "http://h/shared");
	settle(world, page, CW_REASON_NONE, NULL);
	assert_string_equal(due(world, ""), "r1 shared r2");
	/* The list loses the first; what both pages have stays. */
	wall.ms += 10;
	again = store(world, NULL, "list", "a shorter index", 0, NULL);
	FIND(world, again, "provider", 0, "http://h/2");
	assert_string_equal(due(world, ""), "r1 shared r2"); /* not before it is settled */
	settle(world, again, CW_REASON_NONE, NULL);
	assert_string_equal(due(world, ""), "shared r2");
	assert_int_equal(cw_inbox_links_count(world->inbox, "f", "", false, &count, &err), 0);
	assert_int_equal(count.live, 2);
	assert_int_equal(count.gone, 1);
	cw_inbox_links_count_clear(&count);
	/* A list that could not be read takes nothing away. */
	wall.ms += 10;
	later = store(world, NULL, "list", "no index at all", 0, NULL);
	settle(world, later, CW_REASON_NO_ROWS, NULL);
	assert_string_equal(due(world, ""), "shared r2");
	/* It comes back with what was known of it. */
	wall.ms += 10;
	later = store(world, NULL, "list", "index once more", 0, NULL);
	FIND(world, later, "provider", 0, "http://h/1", "http://h/2");
	settle(world, later, CW_REASON_NONE, NULL);
	cw_inbox_link_clear(&one);
	get(world, "1", &one);
	assert_true(one.document != 0);
	cw_inbox_link_clear(&one);
	cw_inbox_link_clear(&two);
}

/* Pages: each due when the one before was there; none leads back. */
static void test_pages(void **state)
{
	struct world *world = *state;
	struct cw_inbox_found next = { cw_str("list"), cw_str("http://h/p1"), cw_str(""), 1 };
	struct cw_inbox_link link, found;
	struct cw_error err;
	uint64_t index, page;

	index = store(world, NULL, "list", "index", 0, NULL);
	settle(world, index, CW_REASON_NONE, &next);
	assert_string_equal(due(world, "list"), "p1");
	get(world, "p1", &link);
	page = store(world, &link, "list", "page 1", 0, NULL);
	FIND(world, page, "list", 2, "http://h/p2");
	FIND(world, page, "list", 2, "http://h/p1"); /* itself, and an earlier place */
	settle(world, page, CW_REASON_NONE, NULL);
	assert_string_equal(due(world, "list"), "p2");
	cw_inbox_link_clear(&link);
	get(world, "p2", &link);
	page = store(world, &link, "list", "page 2", 0, NULL);
	FIND(world, page, "list", 3, "http://h/p1"); /* a circle */
	settle(world, page, CW_REASON_NONE, NULL);
	assert_string_equal(due(world, "list"), "");
	cw_inbox_link_clear(&link);
	/* The next run: the first page is as it was, and so on down. */
	assert_int_equal(cw_inbox_pages_due(world->inbox, "f", 0, &err), 0);
	assert_string_equal(due(world, "list"), "p1");
	get(world, "p1", &link);
	assert_int_equal(cw_inbox_link_unchanged(world->inbox, link.id, "not_modified", cw_wall_none(), &err), 0);
	assert_string_equal(due(world, "list"), "p2");
	assert_int_equal(cw_inbox_page(world->inbox, "f", "list", 2, &found, &err), 0);
	assert_string_equal(found.url, "http://h/p2");
	cw_inbox_link_clear(&found);
	/* The list is shorter now: page 2 is none any more. */
	wall.ms += 10;
	page = store(world, &link, "list", "page 1, the last", 0, NULL);
	settle(world, page, CW_REASON_NONE, NULL);
	assert_string_equal(due(world, "list"), "");
	assert_int_equal(cw_inbox_page(world->inbox, "f", "list", 2, &found, &err), -ENOENT);
	cw_inbox_link_clear(&link);
}

static void test_page_url(void **state)
{
	static const struct {
		const char *url, *parameter;
		unsigned first, by, page;
		const char *wanted;
	} cases[] = {
		{ "https://h/s?q=&start=0&rows=100", "start", 0, 100, 2, "https://h/s?q=&start=200&rows=100" },
		{ "https://h/s", "page", 1, 1, 1, "https://h/s?page=2" },
		{ "https://h/s?a=b", "page", 1, 1, 3, "https://h/s?a=b&page=4" },
		{ "https://h/s?restart=1&start", "start", 0, 10, 1, "https://h/s?restart=1&start=10" },
		{ "https://h/s?x=start=1#start=0", "start", 0, 10, 1, "https://h/s?x=start=1&start=10" },
		{ "https://h/s?start=0&start=5", "start", 0, 10, 1, "https://h/s?start=10&start=5" },
		{ "https://h/s?", "p", 0, 1000000, 10000, "https://h/s?&p=10000000000" },
	};
	struct cw_buf buf;

	(void)state;
	cw_buf_init(&buf, 4096);
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++) {
		struct cw_pages pages = { .parameter = (char *)(uintptr_t)cases[i].parameter, .first = cases[i].first, .by = cases[i].by };

		cw_buf_reset(&buf);
		assert_int_equal(cw_follow_page_url(cases[i].url, &pages, cases[i].page, &buf), 0);
		assert_string_equal(cw_buf_str(&buf), cases[i].wanted);
	}
	cw_buf_clear(&buf);
}

/* Documents of a step deserve another reading under another configuration; evidence does not. */
static void test_another_reading(void **state)
{
	struct cw_inbox_document document = { .state = CW_INBOX_COMMITTED, .step = (char *)"", .config = (char *)"one" };

	(void)state;
	assert_false(cw_inbox_deserves_another(&document, "two"));
	document.step = (char *)"list";
	assert_true(cw_inbox_deserves_another(&document, "two"));
	assert_false(cw_inbox_deserves_another(&document, "one"));
	document.state = CW_INBOX_QUEUED;
	assert_false(cw_inbox_deserves_another(&document, "two"));
	document.state = CW_INBOX_REJECTED;
	document.step = (char *)"";
	assert_true(cw_inbox_deserves_another(&document, "two"));
}

#define WORLD(name) cmocka_unit_test_setup_teardown(name, world_make, world_free)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WORLD(test_order), WORLD(test_fetched), WORLD(test_same_content), WORLD(test_immutable_rejected),        WORLD(test_gone),
		WORLD(test_pages), cmocka_unit_test(test_page_url), cmocka_unit_test(test_another_reading),
	};

	return cmocka_run_group_tests_name("daemon_links", tests, NULL, NULL);
}
