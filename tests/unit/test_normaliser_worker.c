/* The real program, sandbox and all, between a scripted daemon and a scripted assessor. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <councilwatch/bus.h>
#include <councilwatch/message.h>

#define PROGRAM CW_BINARY_DIR "/bin/councilwatch-normaliser"
#define WAIT_MS 20000
#define HEADINGS "code,name,grade,day\n"

struct fixture {
	char directory[64];
	char config[96], work[96], evidence[96];
	struct cw_bus *bus;
	struct cw_sock *daemon, *assessor;
	struct cw_peer worker, sender; /* as the daemon and as the assessor know it */
	pid_t pid;
	uint32_t attempt;
};

static void receive(struct cw_sock *sock, struct cw_peer *peer, struct cw_message *ret)
{
	struct cw_error err = { 0 };
	int r = -EAGAIN;

	for (int waited = 0; waited < WAIT_MS && r == -EAGAIN; waited += 2) {
		r = cw_message_recv(sock, peer, ret, &err);
		if (r == -EAGAIN)
			usleep(2000);
	}
	if (r < 0)
		fail_msg("nothing received: %d %s", r, err.text);
}

/* The next message of the worker to the daemon that is not a heartbeat. */
static void from_worker(struct fixture *f, enum cw_message_kind kind, struct cw_message *ret)
{
	do
		receive(f->daemon, &f->worker, ret);
	while (ret->kind == CW_MSG_HEARTBEAT && kind != CW_MSG_HEARTBEAT);
	assert_string_equal(cw_message_kind_name(ret->kind), cw_message_kind_name(kind));
}

static bool quiet(struct cw_sock *sock, int ms)
{
	struct cw_error err = { 0 };
	struct cw_message message;
	struct cw_peer peer;

	for (; ms > 0; ms -= 2) {
		int r = cw_message_recv(sock, &peer, &message, &err);

		if (r == 0 && message.kind != CW_MSG_HEARTBEAT)
			return false;
		usleep(2000);
	}
	return true;
}

static void to_worker(struct fixture *f, enum cw_message_kind kind, uint64_t document, uint64_t number,
                      const void *data, size_t len)
{
	struct cw_message message = {
		.kind = kind,
		.document = document,
		.attempt = f->attempt,
		.number = number,
		.payload = { data, len },
	};

	assert_int_equal(cw_message_send(f->daemon, &f->worker, &message), 0);
}

static void send_document_of(struct fixture *f, uint64_t id, const char *feed, const char *content_type)
{
	struct cw_document_info info = {
		.id = id,
		.attempt = f->attempt,
		.feed = cw_str(feed),
		.url = cw_str("https://example.org/table.csv"),
		.content_type = cw_str(content_type),
		.fetched_at = { 1700000000000ll },
	};
	struct cw_buf buf;

	cw_buf_init(&buf, 65536);
	assert_int_equal(cw_document_info_put(&buf, &info), 0);
	to_worker(f, CW_MSG_DOCUMENT, id, 0, buf.data, buf.len);
	cw_buf_clear(&buf);
}

static void send_document(struct fixture *f, uint64_t id, const char *feed)
{
	send_document_of(f, id, feed, "text/csv");
}

static void ack_batch(struct fixture *f, uint64_t document, uint64_t n)
{
	struct cw_message message = {
		.kind = CW_MSG_BATCH_ACK, .document = document, .attempt = f->attempt, .number = n
	};

	assert_int_equal(cw_message_send(f->assessor, &f->sender, &message), 0);
}

static char last_title[64];

/* Reads a batch of evidence, counts its records and keeps the last one's title. */
static void batch(struct fixture *f, uint64_t document, uint32_t sequence, uint32_t *ret_count)
{
	struct cw_evidence evidence;
	struct cw_error err = { 0 };
	struct cw_message message;
	struct cw_cursor cursor;

	receive(f->assessor, &f->sender, &message);
	assert_int_equal(message.kind, CW_MSG_EVIDENCE);
	assert_int_equal(message.document, document);
	assert_int_equal(message.attempt, f->attempt);
	assert_int_equal(message.sequence, sequence);
	cw_cursor_init(&cursor, message.payload.data, message.payload.len);
	for (uint32_t i = 0; i < message.count; i++) {
		assert_int_equal(cw_evidence_get(&cursor, &evidence, &err), 0);
		assert_true(evidence.council_id.len > 0);
		snprintf(last_title, sizeof(last_title), "%.*s", (int)evidence.title.len, evidence.title.at);
	}
	assert_int_equal(cw_cursor_done(&cursor), 0);
	*ret_count = message.count;
}

static void done(struct fixture *f, uint64_t document, struct cw_document_tally *ret, uint32_t *ret_sequence)
{
	struct cw_error err = { 0 };
	struct cw_message message;
	struct cw_cursor cursor;

	receive(f->assessor, &f->sender, &message);
	assert_int_equal(message.kind, CW_MSG_DONE);
	assert_int_equal(message.document, document);
	cw_cursor_init(&cursor, message.payload.data, message.payload.len);
	assert_int_equal(cw_document_tally_get(&cursor, ret, &err), 0);
	assert_int_equal(cw_cursor_done(&cursor), 0);
	*ret_sequence = message.sequence;
}

static int wait_for_exit(struct fixture *f)
{
	int status = -1;

	for (int waited = 0; waited < WAIT_MS; waited += 5) {
		if (waitpid(f->pid, &status, WNOHANG) == f->pid) {
			f->pid = 0;
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
		}
		usleep(5000);
	}
	return -1;
}

/* --- cases --- */

static void test_one_document(void **state)
{
	static const char bytes[] =
	    HEADINGS "380,Bradford,good,2022-11-21\n383,Leeds,goood,2022-11-21\n\n999,Nowhere,good,2022-11-21\n";
	struct fixture *f = *state;
	struct cw_document_tally tally;
	struct cw_message message;
	struct cw_error err = { 0 };
	struct cw_reject reject;
	struct cw_cursor cursor;
	uint32_t count, sequence;

	send_document(f, 7, "table");
	/* Cut in the middle of a name. */
	to_worker(f, CW_MSG_CHUNK, 7, 0, bytes, 30);
	to_worker(f, CW_MSG_CHUNK, 7, 30, bytes + 30, sizeof(bytes) - 1 - 30);
	to_worker(f, CW_MSG_DOCUMENT_END, 7, sizeof(bytes) - 1, NULL, 0);
	for (int i = 0; i < 2; i++) {
		from_worker(f, CW_MSG_CHUNK_ACK, &message);
		assert_int_equal(message.number, 1);
		assert_int_equal(message.document, 7);
	}
	batch(f, 7, 0, &count);
	assert_int_equal(count, 1);
	receive(f->assessor, &f->sender, &message);
	assert_int_equal(message.kind, CW_MSG_REJECTS);
	assert_int_equal(message.sequence, 1);
	cw_cursor_init(&cursor, message.payload.data, message.payload.len);
	assert_int_equal(message.count, 3); /* a bad value, a row that so says nothing, an unknown council */
	for (uint32_t i = 0; i < message.count; i++)
		assert_int_equal(cw_reject_get(&cursor, &reject, &err), 0);
	assert_int_equal(cw_cursor_done(&cursor), 0);
	assert_int_equal(reject.reason, CW_REASON_UNKNOWN_COUNCIL);
	done(f, 7, &tally, &sequence);
	assert_int_equal(sequence, 2);
	assert_int_equal(tally.outcome, CW_REASON_NONE);
	assert_int_equal(tally.rows, 4);
	assert_int_equal(tally.evidence, 1);
	assert_int_equal(tally.reasons[CW_REASON_BLANK_ROW], 1);

	/* SENT waits until the assessor has taken all of it. */
	assert_true(quiet(f->daemon, 100));
	ack_batch(f, 7, 2);
	from_worker(f, CW_MSG_SENT, &message);
	assert_int_equal(message.document, 7);
	from_worker(f, CW_MSG_CREDIT, &message);
	assert_int_equal(message.number, 1);
}

static void test_failed_documents(void **state)
{
	struct fixture *f = *state;
	struct cw_document_tally tally;
	struct cw_message message;
	uint32_t sequence;

	send_document(f, 8, "no-such-feed");
	to_worker(f, CW_MSG_CHUNK, 8, 0, "x", 1);
	to_worker(f, CW_MSG_DOCUMENT_END, 8, 1, NULL, 0);
	from_worker(f, CW_MSG_CHUNK_ACK, &message);
	done(f, 8, &tally, &sequence);
	assert_int_equal(sequence, 0);
	assert_int_equal(tally.outcome, CW_REASON_UNPARSABLE);
	from_worker(f, CW_MSG_SENT, &message);
	from_worker(f, CW_MSG_CREDIT, &message);

	/* Empty: an end without a chunk. */
	send_document(f, 9, "table");
	to_worker(f, CW_MSG_DOCUMENT_END, 9, 0, NULL, 0);
	done(f, 9, &tally, &sequence);
	assert_int_equal(tally.outcome, CW_REASON_NO_ROWS);
	from_worker(f, CW_MSG_SENT, &message);
	from_worker(f, CW_MSG_CREDIT, &message);
}

/* The tables of a character set lie in files, which the sandbox has shut out: they were loaded before. */
static void test_character_set(void **state)
{
	static const char bytes[] = HEADINGS "380,Br\xfb"
	                                     "dford,good,2022-11-21\n";
	struct fixture *f = *state;
	struct cw_document_tally tally;
	struct cw_message message;
	uint32_t count, sequence;

	for (uint64_t id = 10; id < 12; id++) {
		send_document_of(f, id, "table", "text/csv; charset=iso-8859-2");
		to_worker(f, CW_MSG_CHUNK, id, 0, bytes, sizeof(bytes) - 1);
		to_worker(f, CW_MSG_DOCUMENT_END, id, sizeof(bytes) - 1, NULL, 0);
		from_worker(f, CW_MSG_CHUNK_ACK, &message);
		batch(f, id, 0, &count);
		assert_int_equal(count, 1);
		assert_string_equal(last_title, "Br\u0171dford");
		done(f, id, &tally, &sequence);
		assert_int_equal(tally.evidence, 1);
		ack_batch(f, id, 1);
		from_worker(f, CW_MSG_SENT, &message);
		from_worker(f, CW_MSG_CREDIT, &message);
	}
}

/* Fills chunk with whole rows and returns its length. */
static size_t rows(char *chunk, bool headings, uint32_t *n)
{
	size_t len = headings ? (size_t)sprintf(chunk, HEADINGS) : 0;

	while (len + 40 < CW_CHUNK_MAX) {
		len += (size_t)sprintf(chunk + len, "380,Bradford,good,2022-11-%02u\n", 1 + *n % 28);
		++*n;
	}
	return len;
}

static void test_slow_assessor(void **state)
{
	struct fixture *f = *state;
	static char chunk[CW_CHUNK_MAX];
	struct cw_document_tally tally;
	struct cw_message message;
	uint32_t n = 0, got = 0, count, sequence, batches = 0;
	uint64_t offset = 0, acked = 0, sent = 0;

	/* As a daemon does: a window of chunks, more as they are acknowledged, until nothing moves. */
	send_document(f, 20, "table");
	for (;;) {
		struct cw_error err = { 0 };
		int waited = 0, r;

		while (sent - acked < CW_CHUNK_WINDOW && sent < 40) {
			size_t len = rows(chunk, sent == 0, &n);

			to_worker(f, CW_MSG_CHUNK, 20, offset, chunk, len);
			offset += len;
			sent++;
		}
		for (r = -EAGAIN; waited < 400 && r < 0; waited += 2) {
			r = cw_message_recv(f->daemon, &f->worker, &message, &err);
			if (r < 0)
				usleep(2000);
		}
		if (r < 0 || (message.kind == CW_MSG_HEARTBEAT && acked > 0 && waited > 300))
			break;
		if (message.kind == CW_MSG_CHUNK_ACK)
			acked += message.number;
	}
	/* Nothing has been acknowledged by the assessor: a bounded number of batches is under way, and
	 * most of the document still waits outside. */
	assert_true(acked < 20);
	for (;;) {
		struct cw_error err = { 0 };

		batch(f, 20, batches, &count);
		got += count;
		batches++;
		if (batches >= CW_BATCH_WINDOW && cw_message_recv(f->assessor, &f->sender, &message, &err) == -EAGAIN)
			break;
		assert_true(batches <= CW_BATCH_WINDOW + 1);
	}
	assert_true(quiet(f->assessor, 200));

	/* Now it wakes up. */
	to_worker(f, CW_MSG_DOCUMENT_END, 20, offset, NULL, 0);
	ack_batch(f, 20, batches);
	for (;;) {
		struct cw_error err = { 0 };

		receive(f->assessor, &f->sender, &message);
		if (message.kind == CW_MSG_DONE) {
			struct cw_cursor cursor;

			cw_cursor_init(&cursor, message.payload.data, message.payload.len);
			assert_int_equal(cw_document_tally_get(&cursor, &tally, &err), 0);
			sequence = message.sequence;
			break;
		}
		assert_int_equal(message.sequence, batches++);
		got += message.count;
		ack_batch(f, 20, 1);
	}
	assert_int_equal(sequence, batches);
	assert_int_equal(got, n);
	assert_int_equal(tally.evidence, n);
	do
		from_worker(f, acked < sent ? CW_MSG_CHUNK_ACK : CW_MSG_SENT, &message);
	while (message.kind != CW_MSG_SENT && (acked += message.number, true));
	from_worker(f, CW_MSG_CREDIT, &message);
}

static void test_drop(void **state)
{
	static const char bytes[] = HEADINGS "380,Bradford,good,2022-11-21\n";
	struct fixture *f = *state;
	struct cw_document_tally tally;
	struct cw_message message;
	uint32_t count, sequence;

	send_document(f, 30, "table");
	to_worker(f, CW_MSG_CHUNK, 30, 0, bytes, sizeof(bytes) - 1);
	from_worker(f, CW_MSG_CHUNK_ACK, &message);
	to_worker(f, CW_MSG_DROP, 30, 0, NULL, 0);
	from_worker(f, CW_MSG_CREDIT, &message);
	/* A late chunk of it is nothing; the same document again, as a later attempt, is a new one. */
	to_worker(f, CW_MSG_CHUNK, 30, sizeof(bytes) - 1, "x", 1);
	f->attempt++;
	send_document(f, 30, "table");
	to_worker(f, CW_MSG_CHUNK, 30, 0, bytes, sizeof(bytes) - 1);
	to_worker(f, CW_MSG_DOCUMENT_END, 30, sizeof(bytes) - 1, NULL, 0);
	from_worker(f, CW_MSG_CHUNK_ACK, &message);
	batch(f, 30, 0, &count);
	assert_int_equal(count, 1);
	done(f, 30, &tally, &sequence);
	assert_int_equal(sequence, 1);
	assert_int_equal(tally.evidence, 1);
	ack_batch(f, 30, 1);
	from_worker(f, CW_MSG_SENT, &message);
	from_worker(f, CW_MSG_CREDIT, &message);
}

static void test_heartbeat(void **state)
{
	struct cw_message message;

	from_worker(*state, CW_MSG_HEARTBEAT, &message);
}

static void test_stop(void **state)
{
	static const char bytes[] = HEADINGS "380,Bradford,good,2022-11-21\n";
	struct fixture *f = *state;
	struct cw_document_tally tally;
	struct cw_message message;
	uint32_t count, sequence;

	/* What is in hand is finished first. */
	send_document(f, 40, "table");
	to_worker(f, CW_MSG_STOP, 0, 0, NULL, 0);
	to_worker(f, CW_MSG_CHUNK, 40, 0, bytes, sizeof(bytes) - 1);
	to_worker(f, CW_MSG_DOCUMENT_END, 40, sizeof(bytes) - 1, NULL, 0);
	from_worker(f, CW_MSG_CHUNK_ACK, &message);
	batch(f, 40, 0, &count);
	done(f, 40, &tally, &sequence);
	ack_batch(f, 40, 1);
	from_worker(f, CW_MSG_SENT, &message);
	assert_int_equal(wait_for_exit(f), 0);
}

static void test_sigterm(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(kill(f->pid, SIGTERM), 0);
	assert_int_equal(wait_for_exit(f), 0);
}

/* A document whose end never comes does not keep a worker alive that is to stop. */
static void test_unfinished(void **state)
{
	struct fixture *f = *state;

	send_document(f, 60, "table");
	to_worker(f, CW_MSG_STOP, 0, 0, NULL, 0);
	assert_int_equal(wait_for_exit(f), 0);
}

/* A daemon that speaks nonsense is not worth living under: the supervisor starts another worker. */
static void test_nonsense(void **state)
{
	struct fixture *f = *state;

	send_document(f, 50, "table");
	to_worker(f, CW_MSG_CHUNK, 50, 12, "x", 1);
	assert_int_equal(wait_for_exit(f), 1);
}

/* --- fixture --- */

static void write_config(struct fixture *f)
{
	FILE *file = fopen(f->config, "we");

	assert_non_null(file);
	fprintf(file,
	        "state_dir = \"%s\"\nruntime_dir = \"%s\"\nlog_level = \"error\"\n"
	        "councils_file = \"" CW_SOURCE_DIR "/config/councils.csv\"\n"
	        "aliases_file = \"" CW_SOURCE_DIR "/config/aliases.csv\"\n"
	        "feed \"table\" {\n publisher = \"Test\"\n tier = \"B\"\n format = \"csv\"\n kind = \"ilacs\"\n"
	        " record {\n  council = { \"code\", \"name\" }\n  event_date = \"day\"\n  overall_effectiveness = "
	        "\"grade\"\n"
	        "  title = \"name\"\n"
	        "  required = { \"council\" }\n }\n}\n",
	        f->directory, f->directory);
	assert_int_equal(fclose(file), 0);
}

static int start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct cw_error err = { 0 };
	struct cw_message message;

	assert_non_null(f);
	*state = f;
	f->attempt = 1;
	strcpy(f->directory, "/tmp/cw_normaliser_XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->config, sizeof(f->config), "%s/conf", f->directory);
	snprintf(f->work, sizeof(f->work), "ipc://%s/work", f->directory);
	snprintf(f->evidence, sizeof(f->evidence), "ipc://%s/evidence", f->directory);
	write_config(f);
	assert_int_equal(cw_bus_new(&f->bus, &err), 0);
	assert_int_equal(cw_sock_new(f->bus, CW_SOCK_ROUTER, 1000, 0, &f->daemon, &err), 0);
	assert_int_equal(cw_sock_new(f->bus, CW_SOCK_ROUTER, 1000, 0, &f->assessor, &err), 0);
	assert_int_equal(cw_sock_bind(f->daemon, f->work, &err), 0);
	assert_int_equal(cw_sock_bind(f->assessor, f->evidence, &err), 0);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (f->pid == 0) {
		execl(PROGRAM, PROGRAM, "-c", f->config, "--work", f->work, "--evidence", f->evidence, "--index", "0",
		      (char *)NULL);
		_exit(127);
	}
	from_worker(f, CW_MSG_READY, &message);
	assert_int_equal(message.number, 1);
	assert_int_equal(message.count, f->pid);
	assert_int_equal(message.payload.len, 10);
	assert_memory_equal(message.payload.data, "normaliser", 10);
	return 0;
}

static int finish(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = { "conf", "work", "evidence" };
	char path[128];

	if (f->pid > 0) {
		kill(f->pid, SIGKILL);
		waitpid(f->pid, NULL, 0);
	}
	cw_sock_free(f->daemon);
	cw_sock_free(f->assessor);
	cw_bus_free(f->bus);
	for (size_t i = 0; i < CW_ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->directory, names[i]);
		unlink(path);
	}
	rmdir(f->directory);
	free(f);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_document, start, finish),
		cmocka_unit_test_setup_teardown(test_failed_documents, start, finish),
		cmocka_unit_test_setup_teardown(test_character_set, start, finish),
		cmocka_unit_test_setup_teardown(test_slow_assessor, start, finish),
		cmocka_unit_test_setup_teardown(test_drop, start, finish),
		cmocka_unit_test_setup_teardown(test_heartbeat, start, finish),
		cmocka_unit_test_setup_teardown(test_stop, start, finish),
		cmocka_unit_test_setup_teardown(test_sigterm, start, finish),
		cmocka_unit_test_setup_teardown(test_unfinished, start, finish),
		cmocka_unit_test_setup_teardown(test_nonsense, start, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
