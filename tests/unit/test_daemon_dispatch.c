/* The dispatcher against scripted peers: credits, windows, order, leases, poison, and what an assessor's return means. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "dispatch.h"

#define T0 INT64_C(1725260935000)
#define NOBODY ((pid_t)0)

struct world {
	char directory[64], work[128], commit[128];
	struct cw_loop *loop;
	struct cw_bus *bus;
	struct cw_inbox *inbox;
	struct cw_dispatch *dispatch;
	bool supervised; /* ops.bad says that a death will follow */
	unsigned n_committed, n_bad, n_ready, n_worked;
	uint64_t committed[32];
	enum cw_reason outcomes[32];
	char why[64];
	pid_t bad_pid;
	unsigned n_links; /* that the daemon was given */
	int links_answer;
	char last_link[64];
	struct cw_sock *socks[16]; /* of the scripted peers */
	unsigned n_socks;
};

static void on_committed(void *arg, const struct cw_inbox_document *document, const struct cw_commit_info *info)
{
	struct world *world = arg;

	assert_int_not_equal(document->state, CW_INBOX_QUEUED);
	world->committed[world->n_committed] = document->id;
	world->outcomes[world->n_committed++] = info->tally.outcome;
}

static void on_ready(void *arg, enum cw_role role, pid_t pid)
{
	struct world *world = arg;

	(void)role;
	(void)pid;
	world->n_ready++;
}

static void on_heard(void *arg, enum cw_role role, pid_t pid, uint64_t documents)
{
	(void)arg;
	(void)role;
	(void)pid;
	(void)documents;
}

static void on_worked(void *arg, enum cw_role role, pid_t pid)
{
	struct world *world = arg;

	(void)role;
	(void)pid;
	world->n_worked++;
}

static bool on_bad(void *arg, enum cw_role role, pid_t pid, const char *why)
{
	struct world *world = arg;

	(void)role;
	world->n_bad++;
	world->bad_pid = pid;
	snprintf(world->why, sizeof(world->why), "%s", why);
	return world->supervised;
}

static int on_links(void *arg, const struct cw_inbox_document *document, const struct cw_doc_link *links, size_t n,
                    struct cw_error *err)
{
	struct world *world = arg;

	assert_int_equal(document->state, CW_INBOX_QUEUED);
	if (world->links_answer)
		return cw_error_set(err, world->links_answer, "no such step");
	world->n_links += (unsigned)n;
	snprintf(world->last_link, sizeof(world->last_link), "%.*s", (int)links[n - 1].url.len, links[n - 1].url.at);
	return 0;
}

static const struct cw_dispatch_ops ops = {
	.links = on_links,
	.committed = on_committed, .ready = on_ready, .heard = on_heard, .worked = on_worked, .bad = on_bad
};

static int dispatch_open(struct world *world)
{
	struct cw_error err;
	int r;

	r = cw_dispatch_new(world->loop, world->bus, world->inbox, world->work, world->commit, &ops, world,
	                    &world->dispatch, &err);
	return r < 0 ? r : cw_dispatch_configure(world->dispatch, 2, "sha256:one", &err);
}

static int world_make(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct cw_error err;

	snprintf(world->directory, sizeof(world->directory), "/tmp/cw-dispatch-XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	snprintf(world->work, sizeof(world->work), "ipc://%s/work", world->directory);
	snprintf(world->commit, sizeof(world->commit), "ipc://%s/commit", world->directory);
	world->supervised = true;
	*state = world;
	if (cw_loop_new(&world->loop, &err) < 0 || cw_bus_new(&world->bus, &err) < 0 ||
	    cw_inbox_open(world->directory, NULL, &world->inbox, &err) < 0)
		return -1;
	return dispatch_open(world);
}

static int world_free(void **state)
{
	struct world *world = *state;
	char command[128];
	unsigned i;

	for (i = 0; i < world->n_socks; i++)
		cw_sock_free(world->socks[i]); /* a test that failed left them */
	cw_dispatch_free(world->dispatch);
	cw_bus_free(world->bus);
	cw_inbox_close(world->inbox);
	cw_loop_free(world->loop);
	snprintf(command, sizeof(command), "rm -rf %s", world->directory);
	free(world);
	return system(command) == 0 ? 0 : -1;
}

static void spin(struct world *world, int ms)
{
	struct cw_mono end = { cw_mono_now().ns + ms * INT64_C(1000000) };
	struct cw_error err;

	do
		assert_int_equal(cw_loop_once(world->loop, 2, &err), 0);
	while (cw_mono_now().ns < end.ns);
}

static uint64_t store(struct world *world, const char *data, size_t size)
{
	static int64_t at = T0;
	struct cw_inbox_meta meta = { .feed = "f", .url = "a.csv", .fetched_at = { at++ }, .flags = CW_DOC_IMPORTED };
	struct cw_inbox_document document;
	struct cw_inbox_stream *stream;
	struct cw_error err;
	uint64_t id;

	assert_int_equal(cw_inbox_stream_new(world->inbox, CW_DOCUMENT_MAX, &stream, &err), 0);
	assert_int_equal(cw_inbox_stream_write(stream, data, size, &err), 0);
	assert_int_equal(cw_inbox_stream_finish(stream, &meta, NULL, &document, &err), 0);
	cw_inbox_stream_free(stream);
	id = document.id;
	cw_inbox_document_clear(&document);
	cw_dispatch_queued(world->dispatch);
	return id;
}

static uint64_t store_text(struct world *world, const char *text)
{
	return store(world, text, strlen(text));
}

/* A scripted peer. */
static struct cw_sock *connect_to(struct world *world, const char *endpoint)
{
	struct cw_sock *sock;
	struct cw_error err;

	assert_int_equal(cw_sock_new(world->bus, CW_SOCK_DEALER, 1000, 0, &sock, &err), 0);
	world->socks[world->n_socks++] = sock;
	assert_int_equal(cw_sock_connect(sock, endpoint, &err), 0);
	return sock;
}

static void hang_up(struct world *world, struct cw_sock *sock)
{
	unsigned i;

	for (i = 0; i < world->n_socks; i++)
		if (world->socks[i] == sock)
			world->socks[i] = NULL;
	cw_sock_free(sock);
}

static void say(struct cw_sock *sock, struct cw_message message)
{
	assert_int_equal(cw_message_send(sock, NULL, &message), 0);
}

static struct cw_sock *normaliser(struct world *world, pid_t pid, uint64_t credits)
{
	struct cw_sock *sock = connect_to(world, world->work);
	unsigned before = world->n_ready;
	int i;

	say(sock,
	    (struct cw_message){
	        .kind = CW_MSG_READY, .number = credits, .count = (uint32_t)pid, .payload = { "normaliser", 10 } });
	for (i = 0; world->n_ready == before && i < 500; i++)
		spin(world, 2);
	assert_int_equal(world->n_ready, before + 1);
	return sock;
}

static struct cw_sock *assessor(struct world *world, pid_t pid)
{
	struct cw_sock *sock = connect_to(world, world->commit);
	unsigned before = world->n_ready;
	int i;

	say(sock, (struct cw_message){ .kind = CW_MSG_READY, .count = (uint32_t)pid, .payload = { "assessor", 8 } });
	for (i = 0; world->n_ready == before && i < 500; i++)
		spin(world, 2);
	assert_int_equal(world->n_ready, before + 1);
	return sock;
}

/* The next message, which must come soon. Borrowed until the next hear on that socket. */
static struct cw_message hear(struct world *world, struct cw_sock *sock, enum cw_message_kind kind)
{
	struct cw_message message;
	struct cw_error err;
	int i, r = -EAGAIN;

	for (i = 0; r == -EAGAIN && i < 1000; i++) {
		spin(world, 1);
		r = cw_message_recv(sock, NULL, &message, &err);
	}
	assert_int_equal(r, 0);
	assert_string_equal(cw_message_kind_name(message.kind), cw_message_kind_name(kind));
	return message;
}

static void hear_nothing(struct world *world, struct cw_sock *sock)
{
	struct cw_message message;
	struct cw_error err;

	spin(world, 60);
	assert_int_equal(cw_message_recv(sock, NULL, &message, &err), -EAGAIN);
}

/* Nothing but a DROP: the commit may be heard before the normaliser's own word that it has sent everything. */
static void hear_at_most_a_drop(struct world *world, struct cw_sock *sock)
{
	struct cw_message message;
	struct cw_error err;

	spin(world, 60);
	while (cw_message_recv(sock, NULL, &message, &err) == 0)
		assert_int_equal(message.kind, CW_MSG_DROP);
}

static struct cw_document_info info_of(const struct cw_message *message)
{
	struct cw_document_info info;
	struct cw_cursor cursor;
	struct cw_error err;

	cw_cursor_init(&cursor, message->payload.data, message->payload.len);
	assert_int_equal(cw_document_info_get(&cursor, &info, &err), 0);
	assert_int_equal(info.id, message->document);
	assert_int_equal(info.attempt, message->attempt);
	return info;
}

/* Takes a small document whole. Returns its attempt. */
static uint32_t take(struct world *world, struct cw_sock *sock, uint64_t id, const char *text)
{
	struct cw_message message = hear(world, sock, CW_MSG_DOCUMENT);
	uint32_t attempt = message.attempt;

	assert_int_equal(message.document, id);
	assert_int_equal(info_of(&message).size, strlen(text));
	message = hear(world, sock, CW_MSG_CHUNK);
	assert_int_equal(message.document, id);
	assert_int_equal(message.number, 0);
	assert_int_equal(message.payload.len, strlen(text));
	assert_memory_equal(message.payload.data, text, strlen(text));
	message = hear(world, sock, CW_MSG_DOCUMENT_END);
	assert_int_equal(message.document, id);
	assert_int_equal(message.number, strlen(text));
	return attempt;
}

static void sent(struct cw_sock *sock, uint64_t id, uint32_t attempt)
{
	say(sock, (struct cw_message){ .kind = CW_MSG_SENT, .document = id, .attempt = attempt });
	say(sock, (struct cw_message){ .kind = CW_MSG_CREDIT, .number = 1 });
}

static void commit_attempt(struct cw_sock *sock, uint64_t id, uint32_t attempt, enum cw_reason outcome)
{
	struct cw_commit_info info = { .tally = { .outcome = outcome, .rows = 1 } };
	struct cw_buf packed;

	cw_buf_init(&packed, 4096);
	assert_int_equal(cw_commit_info_put(&packed, &info), 0);
	say(sock,
	    (struct cw_message){
	        .kind = CW_MSG_COMMITTED, .document = id, .attempt = attempt, .payload = { packed.data, packed.len } });
	cw_buf_clear(&packed);
}

/* Of the latest attempt. */
static void commit(struct cw_sock *sock, uint64_t id, enum cw_reason outcome)
{
	commit_attempt(sock, id, UINT32_MAX, outcome);
}

static void wait_committed(struct world *world, unsigned n)
{
	int i;

	for (i = 0; world->n_committed < n && i < 500; i++)
		spin(world, 2);
	assert_int_equal(world->n_committed, n);
}

static enum cw_inbox_state state_of(struct world *world, uint64_t id, uint32_t *ret_deaths)
{
	struct cw_inbox_document document;
	struct cw_error err;
	enum cw_inbox_state state;

	assert_int_equal(cw_inbox_document(world->inbox, id, &document, &err), 0);
	state = document.state;
	if (ret_deaths)
		*ret_deaths = document.deaths;
	cw_inbox_document_clear(&document);
	return state;
}

static void say_links(struct cw_sock *sock, uint64_t document, uint32_t attempt, uint32_t sequence, uint32_t count,
                      const char *url)
{
	struct cw_doc_link link = { cw_str("next"), cw_str(url), cw_str("words") };
	struct cw_buf buf;

	cw_buf_init(&buf, 65536);
	cw_doc_link_put(&buf, &link);
	say(sock, (struct cw_message){ .kind = CW_MSG_LINKS, .document = document, .attempt = attempt, .sequence = sequence,
	                               .count = count, .payload = { buf.data, buf.len } });
	cw_buf_clear(&buf);
}

/* Links are taken of the document that a normaliser has, from nobody else, and acknowledged when they are durable. */
static void test_links(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n = normaliser(world, 11, 1), *other;
	uint64_t id = store_text(world, "a page");
	struct cw_message message;
	uint32_t attempt;

	hear(world, a, CW_MSG_ANNOUNCE);
	attempt = take(world, n, id, "a page");
	other = normaliser(world, 12, 1);
	/* Not its document, not its attempt: passed over, as what crossed with a DROP would be. */
	say_links(other, id, attempt, 0, 1, "https://h/stranger");
	say_links(n, id, attempt + 1, 0, 1, "https://h/late");
	say_links(n, id + 7, attempt, 0, 1, "https://h/nothing");
	hear_nothing(world, n);
	assert_int_equal(world->n_links, 0);
	assert_int_equal(world->n_bad, 0);
	say_links(n, id, attempt, 0, 1, "https://h/one");
	message = hear(world, n, CW_MSG_LINKS_ACK);
	assert_int_equal(message.document, id);
	assert_int_equal(message.attempt, attempt);
	assert_int_equal(message.number, 1);
	say_links(n, id, attempt, 1, 1, "https://h/two");
	hear(world, n, CW_MSG_LINKS_ACK);
	assert_int_equal(world->n_links, 2);
	assert_string_equal(world->last_link, "https://h/two");
	/* Workers that have another configuration: the document goes out again, and nobody is to blame. */
	world->links_answer = -EAGAIN;
	say_links(n, id, attempt, 2, 1, "https://h/three");
	message = hear(world, n, CW_MSG_DROP);
	assert_int_equal(message.document, id);
	assert_int_equal(world->n_bad, 0);
	world->links_answer = 0;
	hear(world, a, CW_MSG_ANNOUNCE);
	attempt = take(world, other, id, "a page");
	say_links(other, id, attempt, 0, 1, "https://h/again");
	hear(world, other, CW_MSG_LINKS_ACK);
	sent(other, id, attempt);
	commit(a, id, CW_REASON_NONE);
	wait_committed(world, 1);
	/* Late ones of a document that is done. */
	say_links(other, id, attempt, 1, 1, "https://h/late");
	hear_at_most_a_drop(world, other);
	assert_int_equal(world->n_links, 3);
}

/* What no normaliser of ours sends costs it its life, and nothing of it is taken. */
static void test_bad_links(void **state)
{
	static const struct {
		uint32_t sequence, count;
		const char *url;
		int answer;
	} cases[] = {
		{ 1, 1, "https://h/", 0 },      /* out of order */
		{ 0, 0, "https://h/", 0 },      /* none */
		{ 0, 2, "https://h/", 0 },      /* fewer than it says */
		{ 0, 5000, "https://h/", 0 },   /* more than a batch holds */
		{ 0, 1, "file:///etc/passwd", 0 },
		{ 0, 1, "https://h/a b", 0 },
		{ 0, 1, "https://h/", -EPERM }, /* the configuration does not lead there */
	};
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10);

	hear_nothing(world, a);
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++) {
		pid_t pid = (pid_t)(20 + i);
		struct cw_sock *n = normaliser(world, pid, 1);
		uint64_t id = store_text(world, "a page");
		uint32_t attempt;

		hear(world, a, CW_MSG_ANNOUNCE);
		attempt = take(world, n, id, "a page");
		world->links_answer = cases[i].answer;
		world->n_links = 0;
		say_links(n, id, attempt, cases[i].sequence, cases[i].count, cases[i].url);
		for (int k = 0; world->n_bad <= i && k < 500; k++)
			spin(world, 2);
		assert_int_equal(world->n_bad, i + 1);
		assert_int_equal(world->bad_pid, pid);
		assert_int_equal(world->n_links, 0);
		cw_dispatch_died(world->dispatch, CW_ROLE_NORMALISER, pid, false);
		hear(world, a, CW_MSG_ANNOUNCE);
		commit(a, id, CW_REASON_NONE);
		wait_committed(world, (unsigned)i + 1);
		hang_up(world, n);
	}
}

static void test_path(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n = normaliser(world, 11, 1);
	uint64_t id = store_text(world, "hello");
	struct cw_message message = hear(world, a, CW_MSG_ANNOUNCE);
	struct cw_document_info info = info_of(&message);
	unsigned char sha256[CW_SHA256_LEN];
	uint32_t attempt;

	assert_int_equal(info.attempt, 1);
	assert_int_equal(info.flags, CW_DOC_IMPORTED);
	assert_true(cw_str_eq(info.feed, "f"));
	assert_true(cw_str_eq(info.url, "a.csv"));
	assert_int_equal(cw_sha256("hello", 5, sha256), 0);
	assert_memory_equal(info.sha256, sha256, CW_SHA256_LEN);
	attempt = take(world, n, id, "hello");
	assert_int_equal(attempt, 1);
	say(n, (struct cw_message){ .kind = CW_MSG_CHUNK_ACK, .document = id, .attempt = attempt, .number = 1 });
	sent(n, id, attempt);
	spin(world, 50);
	/* Only the commit makes it done. */
	assert_int_equal(world->n_committed, 0);
	assert_int_equal(state_of(world, id, NULL), CW_INBOX_QUEUED);
	assert_int_equal(cw_dispatch_in_flight(world->dispatch), 1);
	commit(a, id, CW_REASON_NONE);
	wait_committed(world, 1);
	assert_int_equal(state_of(world, id, NULL), CW_INBOX_COMMITTED);
	assert_int_equal(cw_dispatch_in_flight(world->dispatch), 0);
	/* Said twice, counted once; of a document that was never there, nothing. */
	commit(a, id, CW_REASON_NO_ROWS);
	commit(a, 999, CW_REASON_NONE);
	spin(world, 50);
	assert_int_equal(world->n_committed, 1);
	assert_int_equal(state_of(world, id, NULL), CW_INBOX_COMMITTED);
	assert_int_equal(world->n_bad, 0);
	hang_up(world, a);
	hang_up(world, n);
}

static void test_nobody_there(void **state)
{
	struct world *world = *state;
	struct cw_sock *n = normaliser(world, 11, 4), *a;
	uint64_t id = store_text(world, "x");

	/* Without an assessor nothing is handed out. */
	hear_nothing(world, n);
	a = assessor(world, 10);
	(void)hear(world, a, CW_MSG_ANNOUNCE);
	(void)take(world, n, id, "x");
	hang_up(world, a);
	hang_up(world, n);
}

static void test_credit_and_order(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n = normaliser(world, 11, 2);
	uint64_t ids[6], last = 0;
	struct cw_message message;
	int i;

	for (i = 0; i < 6; i++)
		ids[i] = store_text(world, "x");
	/* Two normalisers are configured: four documents in flight, announced in rising order. */
	for (i = 0; i < 4; i++) {
		message = hear(world, a, CW_MSG_ANNOUNCE);
		assert_int_equal(message.document, ids[i]);
		assert_true(info_of(&message).order > last);
		last = info_of(&message).order;
	}
	hear_nothing(world, a);
	/* The one that is there has credit for two. */
	(void)take(world, n, ids[0], "x");
	(void)take(world, n, ids[1], "x");
	hear_nothing(world, n);
	say(n, (struct cw_message){ .kind = CW_MSG_CREDIT, .number = 1 });
	(void)take(world, n, ids[2], "x");
	hear_nothing(world, n);
	commit(a, ids[0], CW_REASON_NONE);
	wait_committed(world, 1);
	message = hear(world, a, CW_MSG_ANNOUNCE);
	assert_int_equal(message.document, ids[4]);
	/* Held: what is in flight goes on, nothing new comes. */
	cw_dispatch_hold(world->dispatch, true);
	commit(a, ids[1], CW_REASON_NONE);
	wait_committed(world, 2);
	hear_nothing(world, a);
	cw_dispatch_hold(world->dispatch, false);
	message = hear(world, a, CW_MSG_ANNOUNCE);
	assert_int_equal(message.document, ids[5]);
	hang_up(world, a);
	hang_up(world, n);
}

static void test_window(void **state)
{
	enum { CHUNKS = 20 };
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n = normaliser(world, 11, 1);
	size_t size = (size_t)CW_CHUNK_MAX * (CHUNKS - 1) + 5, i;
	char *data = malloc(size);
	struct cw_message message;
	uint64_t id;
	uint32_t attempt, got, credit;

	for (i = 0; i < size; i++)
		data[i] = (char)('a' + i / CW_CHUNK_MAX);
	id = store(world, data, size);
	message = hear(world, n, CW_MSG_DOCUMENT);
	attempt = message.attempt;
	for (got = 0; got < CW_CHUNK_WINDOW; got++) {
		message = hear(world, n, CW_MSG_CHUNK);
		assert_int_equal(message.number, (uint64_t)got * CW_CHUNK_MAX);
		assert_int_equal(((const char *)message.payload.data)[0], 'a' + (int)got);
	}
	hear_nothing(world, n);
	while (got < CHUNKS) {
		credit = CW_MIN(3u, CHUNKS - got);
		say(n, (struct cw_message){
		           .kind = CW_MSG_CHUNK_ACK, .document = id, .attempt = attempt, .number = credit });
		for (i = 0; i < credit; i++, got++)
			message = hear(world, n, CW_MSG_CHUNK);
		if (got < CHUNKS)
			hear_nothing(world, n);
	}
	assert_int_equal(message.payload.len, 5);
	message = hear(world, n, CW_MSG_DOCUMENT_END);
	assert_int_equal(message.number, size);
	/* An acknowledgement of more than was sent is a lie. */
	say(n, (struct cw_message){ .kind = CW_MSG_CHUNK_ACK, .document = id, .attempt = attempt, .number = 100 });
	spin(world, 50);
	assert_int_equal(world->n_bad, 1);
	assert_int_equal(world->bad_pid, 11);
	hang_up(world, a);
	hang_up(world, n);
	free(data);
}

static void test_death_and_poison(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n = normaliser(world, 11, 2), *m;
	uint64_t bad = store_text(world, "bad"), good = store_text(world, "good");
	struct cw_message message;
	uint32_t deaths, attempt;

	(void)hear(world, a, CW_MSG_ANNOUNCE);
	(void)hear(world, a, CW_MSG_ANNOUNCE);
	(void)take(world, n, bad, "bad");
	(void)take(world, n, good, "good");
	hang_up(world, n);
	cw_dispatch_died(world->dispatch, CW_ROLE_NORMALISER, 11, true);
	/* Both were in hand, both are announced again. */
	message = hear(world, a, CW_MSG_ANNOUNCE);
	assert_int_equal(message.document, bad);
	assert_int_equal(message.attempt, 2);
	message = hear(world, a, CW_MSG_ANNOUNCE);
	assert_int_equal(message.document, good);
	assert_int_equal(state_of(world, bad, &deaths), CW_INBOX_QUEUED);
	assert_int_equal(deaths, 1);
	/* From now on each travels alone, however much credit there is. */
	m = normaliser(world, 12, 4);
	attempt = take(world, m, bad, "bad");
	assert_int_equal(attempt, 2);
	hear_nothing(world, m);
	hang_up(world, m);
	cw_dispatch_died(world->dispatch, CW_ROLE_NORMALISER, 12, true);
	/* The second death: poison. The assessor is to record it; no worker gets it again. */
	message = hear(world, a, CW_MSG_SETTLE);
	assert_int_equal(message.document, bad);
	assert_int_equal(message.number, CW_REASON_POISON);
	assert_int_equal(info_of(&message).id, bad);
	m = normaliser(world, 13, 4);
	attempt = take(world, m, good, "good");
	assert_int_equal(attempt, 2);
	commit(a, bad, CW_REASON_POISON);
	wait_committed(world, 1);
	assert_int_equal(world->outcomes[0], CW_REASON_POISON);
	assert_int_equal(state_of(world, bad, &deaths), CW_INBOX_POISON);
	assert_int_equal(deaths, 2);
	sent(m, good, attempt);
	commit(a, good, CW_REASON_NONE);
	wait_committed(world, 2);
	assert_int_equal(state_of(world, good, NULL), CW_INBOX_COMMITTED);
	hang_up(world, a);
	hang_up(world, m);
}

/* Poison stays poison over a restart of everything between the second death and the commit. */
static void test_poison_restart(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n;
	uint64_t id = store_text(world, "bad");
	struct cw_message message;
	struct cw_error err;
	pid_t pid;

	(void)hear(world, a, CW_MSG_ANNOUNCE);
	for (pid = 20; pid < 22; pid++) {
		n = normaliser(world, pid, 1);
		(void)take(world, n, id, "bad");
		hang_up(world, n);
		cw_dispatch_died(world->dispatch, CW_ROLE_NORMALISER, pid, true);
	}
	hang_up(world, a);
	cw_dispatch_free(world->dispatch);
	cw_inbox_close(world->inbox);
	assert_int_equal(cw_inbox_open(world->directory, NULL, &world->inbox, &err), 0);
	assert_int_equal(dispatch_open(world), 0);
	n = normaliser(world, 30, 1);
	a = assessor(world, 31);
	message = hear(world, a, CW_MSG_SETTLE);
	assert_int_equal(message.document, id);
	hear_nothing(world, n);
	hang_up(world, a);
	hang_up(world, n);
}

/* An innocent end (a stop, a reload) returns documents without blame. */
static void test_innocent_death(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n = normaliser(world, 11, 1), *m;
	uint64_t id = store_text(world, "x");
	uint32_t deaths, attempt;

	attempt = take(world, n, id, "x");
	cw_dispatch_died(world->dispatch, CW_ROLE_NORMALISER, 11, false);
	(void)state_of(world, id, &deaths);
	assert_int_equal(deaths, 0);
	/* A document whose evidence is out is not in hand, but may not have arrived: it goes again, without blame. */
	m = normaliser(world, 12, 1);
	attempt = take(world, m, id, "x");
	assert_int_equal(attempt, 2);
	sent(m, id, attempt);
	spin(world, 50);
	cw_dispatch_died(world->dispatch, CW_ROLE_NORMALISER, 12, true);
	(void)state_of(world, id, &deaths);
	assert_int_equal(deaths, 0);
	hang_up(world, m);
	m = normaliser(world, 13, 1);
	attempt = take(world, m, id, "x");
	assert_int_equal(attempt, 3);
	/* What the lost one still says is not heard. */
	sent(n, id, 1);
	spin(world, 50);
	assert_int_equal(world->n_bad, 0);
	assert_int_equal(world->n_worked, 1);
	hang_up(world, a);
	hang_up(world, n);
	hang_up(world, m);
}

static void test_assessor_returns(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n = normaliser(world, 11, 2);
	uint64_t one = store_text(world, "one"), two = store_text(world, "two");
	struct cw_message message;
	uint32_t attempt, deaths;

	(void)hear(world, a, CW_MSG_ANNOUNCE);
	(void)hear(world, a, CW_MSG_ANNOUNCE);
	attempt = take(world, n, one, "one");
	sent(n, one, attempt);
	(void)take(world, n, two, "two");
	spin(world, 50);
	hang_up(world, a);
	cw_dispatch_died(world->dispatch, CW_ROLE_ASSESSOR, 10, true);
	assert_false(cw_dispatch_assessor_ready(world->dispatch));
	/* The one in hand is called back; its normaliser gives the credit back. */
	message = hear(world, n, CW_MSG_DROP);
	assert_int_equal(message.document, two);
	say(n, (struct cw_message){ .kind = CW_MSG_CREDIT, .number = 1 });
	hear_nothing(world, n);
	a = assessor(world, 12);
	message = hear(world, a, CW_MSG_ANNOUNCE);
	assert_int_equal(message.document, one);
	assert_int_equal(message.attempt, 2);
	message = hear(world, a, CW_MSG_ANNOUNCE);
	assert_int_equal(message.document, two);
	assert_int_equal(message.attempt, 2);
	/* The first was committed before it died: it says so at once, and the work is called off. */
	message = hear(world, n, CW_MSG_DOCUMENT);
	assert_int_equal(message.document, one);
	commit(a, one, CW_REASON_NONE);
	wait_committed(world, 1);
	(void)hear(world, n, CW_MSG_CHUNK);
	(void)hear(world, n, CW_MSG_DOCUMENT_END);
	attempt = take(world, n, two, "two");
	message = hear(world, n, CW_MSG_DROP);
	assert_int_equal(message.document, one);
	sent(n, two, attempt);
	commit(a, two, CW_REASON_NONE);
	wait_committed(world, 2);
	(void)state_of(world, two, &deaths);
	assert_int_equal(deaths, 0);
	hang_up(world, a);
	hang_up(world, n);
}

/* The commit of one attempt crosses with the announcement of the next: the assessor is told not to wait for it. */
static void test_crossing(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n = normaliser(world, 11, 1), *m;
	uint64_t id = store_text(world, "x");
	struct cw_message message;
	uint32_t attempt = take(world, n, id, "x");

	(void)hear(world, a, CW_MSG_ANNOUNCE);
	m = normaliser(world, 12, 1);
	cw_dispatch_died(world->dispatch, CW_ROLE_NORMALISER, 11, true);
	(void)hear(world, a, CW_MSG_ANNOUNCE);
	(void)take(world, m, id, "x");
	commit_attempt(a, id, attempt, CW_REASON_NONE);
	wait_committed(world, 1);
	message = hear(world, a, CW_MSG_DROP);
	assert_int_equal(message.document, id);
	message = hear(world, m, CW_MSG_DROP);
	assert_int_equal(message.document, id);
	assert_int_equal(cw_dispatch_in_flight(world->dispatch), 0);
	hang_up(world, a);
	hang_up(world, n);
	hang_up(world, m);
}

/* A document is queued again while something late about its last life is under way: that does not end the next one. */
static void test_requeued(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10);
	uint64_t id = store_text(world, "hello"), other;
	struct cw_error err;
	size_t queued;

	hear(world, a, CW_MSG_ANNOUNCE);
	commit_attempt(a, id, 1, CW_REASON_NONE);
	wait_committed(world, 1);
	assert_int_equal(cw_inbox_requeue(world->inbox, &id, 1, CW_DOC_RETRY, &queued, &err), 0);
	assert_int_equal(queued, 1);
	commit_attempt(a, id, 1, CW_REASON_NONE); /* before anybody has taken it */
	spin(world, 60);
	assert_int_equal(state_of(world, id, NULL), CW_INBOX_QUEUED);
	cw_dispatch_queued(world->dispatch);
	assert_int_equal(hear(world, a, CW_MSG_ANNOUNCE).attempt, 2);
	commit_attempt(a, id, 1, CW_REASON_NONE); /* and after */
	spin(world, 60);
	assert_int_equal(state_of(world, id, NULL), CW_INBOX_QUEUED);
	commit_attempt(a, id, 2, CW_REASON_NONE);
	wait_committed(world, 2);
	assert_int_equal(state_of(world, id, NULL), CW_INBOX_COMMITTED);
	other = store_text(world, "and on");
	assert_int_equal(hear(world, a, CW_MSG_ANNOUNCE).document, other);
}

static void test_spread(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n = normaliser(world, 11, 4), *m = normaliser(world, 12, 4);
	struct cw_message message;
	struct cw_error err;
	int i, got[2] = { 0, 0 };

	for (i = 0; i < 4; i++)
		(void)store_text(world, "x");
	spin(world, 100);
	while (cw_message_recv(n, NULL, &message, &err) == 0)
		got[0] += message.kind == CW_MSG_DOCUMENT;
	while (cw_message_recv(m, NULL, &message, &err) == 0)
		got[1] += message.kind == CW_MSG_DOCUMENT;
	assert_int_equal(got[0], 2);
	assert_int_equal(got[1], 2);
	hang_up(world, a);
	hang_up(world, n);
	hang_up(world, m);
}

static void test_nonsense(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n = normaliser(world, 11, 1),
	               *stranger = connect_to(world, world->work);
	struct cw_frame frame = { "hello", 5 };
	uint64_t id;

	/* A stranger cannot do anything. */
	say(stranger, (struct cw_message){ .kind = CW_MSG_CREDIT, .number = 5 });
	say(stranger, (struct cw_message){ .kind = CW_MSG_READY, .number = 5, .payload = { "assessor", 8 } });
	assert_int_equal(cw_sock_send(stranger, NULL, &frame, 1), 0);
	spin(world, 50);
	assert_int_equal(world->n_bad, 0);
	assert_int_equal(cw_dispatch_normalisers_ready(world->dispatch), 1);
	/* A message that does not decode costs its sender a restart; nothing more goes to it. */
	assert_int_equal(cw_sock_send(n, NULL, &frame, 1), 0);
	spin(world, 50);
	assert_int_equal(world->n_bad, 1);
	assert_int_equal(world->bad_pid, 11);
	id = store_text(world, "x");
	hear_nothing(world, n);
	cw_dispatch_died(world->dispatch, CW_ROLE_NORMALISER, 11, true);
	hang_up(world, n);
	/* So does one that may not be sent. */
	n = normaliser(world, 12, 1);
	(void)take(world, n, id, "x");
	say(n, (struct cw_message){ .kind = CW_MSG_COMMITTED, .document = id });
	spin(world, 50);
	assert_int_equal(world->n_bad, 2);
	assert_int_equal(world->n_committed, 0);
	say(a, (struct cw_message){ .kind = CW_MSG_COMMITTED, .document = id, .payload = { "xx", 2 } });
	spin(world, 50);
	assert_int_equal(world->n_bad, 3);
	assert_int_equal(world->bad_pid, 10);
	assert_int_equal(state_of(world, id, NULL), CW_INBOX_QUEUED);
	hang_up(world, a);
	hang_up(world, n);
	hang_up(world, stranger);
}

static void test_credit_flood(void **state)
{
	struct world *world = *state;
	struct cw_sock *n = normaliser(world, 11, 1);

	say(n, (struct cw_message){ .kind = CW_MSG_CREDIT, .number = UINT64_MAX });
	spin(world, 50);
	assert_int_equal(world->n_bad, 1);
	hang_up(world, n);
}

/* A worker on another machine has no process here to be killed: its documents go to others by themselves. */
static void test_unsupervised(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n = normaliser(world, NOBODY, 1), *m;
	struct cw_frame frame = { "hello", 5 };
	uint64_t id = store_text(world, "x");

	world->supervised = false;
	(void)take(world, n, id, "x");
	assert_int_equal(cw_sock_send(n, NULL, &frame, 1), 0);
	spin(world, 100);
	assert_int_equal(world->n_bad, 1);
	assert_int_equal(cw_dispatch_normalisers_ready(world->dispatch), 0);
	m = normaliser(world, NOBODY, 1);
	assert_int_equal(take(world, m, id, "x"), 2);
	hang_up(world, a);
	hang_up(world, n);
	hang_up(world, m);
}

/* One is silent, the others are not: only it loses its documents. */
static void test_silence(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n = normaliser(world, 11, 1), *m = normaliser(world, 12, 1);
	uint64_t one = store_text(world, "one"), two = store_text(world, "two");
	struct cw_message message;
	struct cw_error err;
	uint64_t mine;
	int i;

	(void)two;
	spin(world, 50);
	message = hear(world, m, CW_MSG_DOCUMENT);
	mine = message.document;
	for (i = 0; world->n_bad == 0 && i < 40; i++) {
		say(a, (struct cw_message){ .kind = CW_MSG_HEARTBEAT });
		say(m, (struct cw_message){ .kind = CW_MSG_HEARTBEAT });
		spin(world, 500);
	}
	assert_in_range(i * 500, CW_HEARTBEAT_LOST_MS - 500, CW_HEARTBEAT_LOST_MS + 2000);
	assert_int_equal(world->n_bad, 1);
	assert_int_equal(world->bad_pid, 11);
	assert_string_equal(world->why, "silent");
	cw_dispatch_died(world->dispatch, CW_ROLE_NORMALISER, 11, true);
	say(m, (struct cw_message){ .kind = CW_MSG_SENT, .document = mine, .attempt = 1 });
	say(m, (struct cw_message){ .kind = CW_MSG_CREDIT, .number = 1 });
	while ((message = hear(world, m, message.kind == CW_MSG_CHUNK ? CW_MSG_DOCUMENT_END : CW_MSG_CHUNK)).kind !=
	       CW_MSG_DOCUMENT_END)
		;
	message = hear(world, m, CW_MSG_DOCUMENT);
	assert_int_equal(message.document, mine == one ? two : one);
	assert_int_equal(message.attempt, 2);
	while (cw_message_recv(a, NULL, &message, &err) == 0)
		assert_int_equal(message.kind, CW_MSG_ANNOUNCE);
	hang_up(world, a);
	hang_up(world, n);
	hang_up(world, m);
}

static void test_damaged(void **state)
{
	struct world *world = *state;
	struct cw_sock *a, *n;
	char path[96];
	sqlite3 *db;
	uint64_t id = store_text(world, "x"), good = store_text(world, "good");
	struct cw_message message;

	snprintf(path, sizeof(path), "%s/inbox.db", world->directory);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE chunk SET data = x'0011' WHERE size = 1", NULL, NULL, NULL),
	                 SQLITE_OK);
	sqlite3_close(db);
	a = assessor(world, 10);
	n = normaliser(world, 11, 2);
	(void)hear(world, a, CW_MSG_ANNOUNCE);
	(void)hear(world, a, CW_MSG_ANNOUNCE);
	message = hear(world, a, CW_MSG_SETTLE);
	assert_int_equal(message.document, id);
	assert_int_equal(message.number, CW_REASON_UNPARSABLE);
	message = hear(world, n, CW_MSG_DOCUMENT);
	assert_int_equal(message.document, id);
	message = hear(world, n, CW_MSG_DROP);
	assert_int_equal(message.document, id);
	(void)take(world, n, good, "good");
	commit(a, id, CW_REASON_UNPARSABLE);
	wait_committed(world, 1);
	assert_int_equal(state_of(world, id, NULL), CW_INBOX_REJECTED);
	hang_up(world, a);
	hang_up(world, n);
}

static void test_feed_state_and_stop(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n = normaliser(world, 11, 2);
	struct cw_feed_state sent_state = { .feed = { "f", 1 },
		                            .polled = true,
		                            .last_success = { 5 },
		                            .outage_since = cw_wall_none(),
		                            .detail = { "why", 3 } },
	                     got;
	struct cw_message message;
	struct cw_cursor cursor;
	struct cw_error err;

	cw_dispatch_feed_state(world->dispatch, &sent_state);
	message = hear(world, a, CW_MSG_FEED_STATE);
	cw_cursor_init(&cursor, message.payload.data, message.payload.len);
	assert_int_equal(cw_feed_state_get(&cursor, &got, &err), 0);
	assert_int_equal(got.last_success.ms, 5);
	assert_true(cw_str_eq(got.detail, "why"));
	cw_dispatch_stop_workers(world->dispatch);
	(void)hear(world, a, CW_MSG_STOP);
	(void)hear(world, n, CW_MSG_STOP);
	hang_up(world, a);
	hang_up(world, n);
}

/* Each attempt has a lease of its own, that the assessor and the normaliser who has the document are told. */
static void test_lease(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n = normaliser(world, 11, 1);
	uint64_t id = store_text(world, "x"), first;

	first = hear(world, a, CW_MSG_ANNOUNCE).number;
	assert_int_not_equal(first, 0);
	assert_true(hear(world, n, CW_MSG_DOCUMENT).number == first);
	cw_dispatch_died(world->dispatch, CW_ROLE_NORMALISER, 11, true);
	hang_up(world, n);
	n = normaliser(world, 12, 1);
	assert_true(hear(world, a, CW_MSG_ANNOUNCE).number != first);
	assert_int_equal(hear(world, n, CW_MSG_DOCUMENT).document, id);
	hang_up(world, a);
	hang_up(world, n);
}

static void accuse(struct cw_sock *sock, const struct cw_accusation *accusation)
{
	struct cw_buf packed;

	cw_buf_init(&packed, 4096);
	assert_int_equal(cw_accusation_put(&packed, accusation), 0);
	say(sock, (struct cw_message){ .kind = CW_MSG_ACCUSED, .payload = { packed.data, packed.len } });
	cw_buf_clear(&packed);
}

/* Whom the assessor accuses is bad: a normaliser by its process, and one that has not said READY as well. */
static void test_accused(void **state)
{
	struct world *world = *state;
	struct cw_sock *a = assessor(world, 10), *n = normaliser(world, 11, 1), *m = normaliser(world, 12, 1);

	accuse(a, &(struct cw_accusation){ .pid = 12, .why = cw_str("it lies") });
	spin(world, 50);
	assert_int_equal(world->n_bad, 1);
	assert_int_equal(world->bad_pid, 12);
	assert_string_equal(world->why, "it lies");
	assert_int_equal(cw_dispatch_normalisers_ready(world->dispatch), 1);
	accuse(a, &(struct cw_accusation){ .pid = 99, .why = cw_str("it lies") });
	accuse(a, &(struct cw_accusation){ .key = cw_str("far"), .why = cw_str("it lies") });
	spin(world, 50);
	assert_int_equal(world->n_bad, 3);
	assert_int_equal(cw_dispatch_normalisers_ready(world->dispatch), 1);
	say(a, (struct cw_message){ .kind = CW_MSG_ACCUSED, .payload = { "x", 1 } });
	spin(world, 50);
	assert_int_equal(world->n_bad, 4);
	assert_int_equal(world->bad_pid, 10);
	hang_up(world, a);
	hang_up(world, n);
	hang_up(world, m);
}

int main(void)
{
#define WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_free)
	static const struct CMUnitTest tests[] = {
		WORLD(test_path),
		WORLD(test_nobody_there),
		WORLD(test_credit_and_order),
		WORLD(test_window),
		WORLD(test_death_and_poison),
		WORLD(test_poison_restart),
		WORLD(test_innocent_death),
		WORLD(test_assessor_returns),
		WORLD(test_crossing),
		WORLD(test_spread),
		WORLD(test_requeued),
		WORLD(test_nonsense), WORLD(test_lease), WORLD(test_accused),
		WORLD(test_links),
		WORLD(test_bad_links),
		WORLD(test_credit_flood),
		WORLD(test_unsupervised),
		WORLD(test_silence),
		WORLD(test_damaged),
		WORLD(test_feed_state_and_stop),
	};

	return cmocka_run_group_tests_name("daemon_dispatch", tests, NULL, NULL);
}
