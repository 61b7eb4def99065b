/*
 * The command itself, against a daemon and an assessor that follow a script: what watch and import do when the other
 * side loses messages, restarts, or never comes.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include <councilwatch/base.h>
#include <councilwatch/buf.h>
#include <councilwatch/bus.h>
#include <councilwatch/clock.h>
#include <councilwatch/limits.h>
#include <councilwatch/loop.h>
#include <councilwatch/text.h>

/* Sanitizers and a loaded machine are slow; nothing here waits that long unless something is wrong. */
#define PATIENCE_MS 30000

#ifdef CW_SANITIZED
/* libzmq 4.3.4 loses a pipe when a ROUTER is closed while it has half of a peer's multipart message. The processes
 * under test never close theirs before they end; this test does, to play a daemon that dies. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libzmq.so\n";
}
#endif

struct peer_side {
	char dir[64];
	char config[128];
	char endpoint[3][128]; /* control, alerts, query */
	struct cw_bus *bus;
	struct cw_sock *control, *alerts, *query;
	pid_t child;
	char out[128], err[128];
};

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static char *read_file(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *file = fopen(path, "r");

	assert_non_null(text);
	assert_non_null(file);
	(void)!fread(text, 1, (1 << 20) - 1, file);
	fclose(file);
	return text;
}

static int setup(void **state)
{
	struct peer_side *side = calloc(1, sizeof(*side));
	static const char *const names[] = { "control", "alerts", "query" };
	char text[1024], path[160];
	struct cw_error err;

	assert_non_null(side);
	snprintf(side->dir, sizeof(side->dir), "/tmp/cw-cli-live-XXXXXX");
	assert_non_null(mkdtemp(side->dir));
	for (size_t i = 0; i < CW_ARRAY_LEN(names); i++)
		snprintf(side->endpoint[i], sizeof(side->endpoint[i]), "ipc://%s/%s", side->dir, names[i]);
	snprintf(side->config, sizeof(side->config), "%s/c.conf", side->dir);
	snprintf(side->out, sizeof(side->out), "%s/out", side->dir);
	snprintf(side->err, sizeof(side->err), "%s/err", side->dir);
	snprintf(text, sizeof(text),
	         "state_dir = \"%s\"\nruntime_dir = \"%s\"\ninclude_feeds = \"%s/f.conf\"\nheartbeat = \"1s\"\n"
	         "councils_file = \"%s/config/councils.csv\"\naliases_file = \"%s/config/aliases.csv\"\n",
	         side->dir, side->dir, side->dir, CW_SOURCE_DIR, CW_SOURCE_DIR);
	write_file(side->config, text);
	snprintf(path, sizeof(path), "%s/f.conf", side->dir);
	write_file(path,
	           "feed \"f\" {\n publisher = \"P\"\n tier = \"A\"\n format = \"evidence\"\n max_size = \"4M\"\n}\n");
	assert_int_equal(cw_bus_new(&side->bus, &err), 0);
	*state = side;
	return 0;
}

static void close_peers(struct peer_side *side)
{
	cw_sock_free(side->control);
	cw_sock_free(side->alerts);
	cw_sock_free(side->query);
	side->control = side->alerts = side->query = NULL;
}

static int teardown(void **state)
{
	struct peer_side *side = *state;
	char command[128];

	if (side->child > 0) {
		kill(side->child, SIGKILL);
		waitpid(side->child, NULL, 0);
	}
	close_peers(side);
	cw_bus_free(side->bus);
	snprintf(command, sizeof(command), "rm -r %s", side->dir);
	assert_int_equal(system(command), 0);
	free(side);
	return 0;
}

static void open_peer(struct peer_side *side, struct cw_sock **sock, enum cw_sock_type type, const char *endpoint)
{
	struct cw_error err = { 0 };

	assert_int_equal(cw_sock_new(side->bus, type, 1000, 0, sock, &err), 0);
	assert_int_equal(cw_sock_bind(*sock, endpoint, &err), 0);
}

static void open_control(struct peer_side *side)
{
	open_peer(side, &side->control, CW_SOCK_ROUTER, side->endpoint[0]);
}

static void open_assessor(struct peer_side *side)
{
	open_peer(side, &side->alerts, CW_SOCK_XPUB, side->endpoint[1]);
	open_peer(side, &side->query, CW_SOCK_ROUTER, side->endpoint[2]);
}

/* Starts the command; arguments end with NULL. */
static void start(struct peer_side *side, const char *const *arguments)
{
	char *argv[24] = { NULL };
	size_t n = 0;

	argv[n++] = (char *)(uintptr_t) "councilwatch";
	argv[n++] = (char *)(uintptr_t) "-c";
	argv[n++] = side->config;
	while (*arguments)
		argv[n++] = (char *)(uintptr_t)*arguments++;

	side->child = fork();
	assert_true(side->child >= 0);
	if (!side->child) {
		int out = open(side->out, O_WRONLY | O_CREAT | O_TRUNC, 0600),
		    err = open(side->err, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(out, 1);
		dup2(err, 2);
		execv(CW_BINARY_DIR "/bin/councilwatch", argv);
		_exit(127);
	}
}

/* The exit status, which must come by itself. */
static int finish(struct peer_side *side)
{
	int status;

	for (int waited = 0; waited < PATIENCE_MS; waited += 10) {
		if (waitpid(side->child, &status, WNOHANG) == side->child) {
			side->child = 0;
			assert_true(WIFEXITED(status));
			return WEXITSTATUS(status);
		}
		usleep(10000);
	}
	fail_msg("the command does not end; it said: %s", read_file(side->err));
	return -1;
}

/* The next request, owned; fails the test when none comes. */
static json_t *receive(struct cw_sock *sock, struct cw_peer *peer, size_t *ret_bytes)
{
	struct cw_frames frames;
	json_error_t jerr;
	json_t *request;

	for (int waited = 0; waited < PATIENCE_MS; waited++) {
		if (!cw_sock_recv(sock, peer, &frames)) {
			request = json_loadb(frames.frame[0].data, frames.frame[0].len, 0, &jerr);
			assert_true(json_is_object(request));
			if (ret_bytes)
				*ret_bytes = frames.n > 1 ? frames.frame[1].len : 0;
			return request;
		}
		usleep(1000);
	}
	fail_msg("no request came");
	return NULL;
}

static void reply(struct cw_sock *sock, const struct cw_peer *peer, json_t *answer)
{
	char *text = json_dumps(answer, JSON_COMPACT);
	struct cw_frame frame;

	assert_non_null(text);
	frame = (struct cw_frame){ text, strlen(text) };
	/* The peer may have gone meanwhile. */
	(void)cw_sock_send(sock, peer, &frame, 1);
	free(text);
	json_decref(answer);
}

static void send_topic(struct peer_side *side, const char *topic, const char *text)
{
	struct cw_frame frames[2] = { { topic, strlen(topic) }, { text, strlen(text) } };

	assert_int_equal(cw_sock_send(side->alerts, NULL, frames, 2), 0);
}

static json_t *alert_json(int seq, bool imported)
{
	return json_pack("{s:s, s:s, s:{s:i, s:s, s:b, s:s}}", "specversion", "1.0", "time", "2024-01-01T00:00:00Z",
	                 "data", "seq", seq, "kind", "level_up", "imported", imported, "text", "t");
}

/* As the assessor does: under two topics. */
static void publish(struct peer_side *side, int seq)
{
	json_t *alert = alert_json(seq, false);
	char *text = json_dumps(alert, JSON_COMPACT);

	send_topic(side, "council/bradford/level_up", text);
	send_topic(side, "level/watch/level_up", text);
	free(text);
	json_decref(alert);
}

static void heartbeat(struct peer_side *side, int seq)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"seq\":%d,\"time\":\"2024-01-01T00:00:00Z\"}", seq);
	send_topic(side, "heartbeat", text);
}

static void answer_snapshot(struct peer_side *side, int seq)
{
	struct cw_peer peer;
	json_t *request = receive(side->query, &peer, NULL);

	assert_true(json_is_true(json_object_get(request, "snapshot")));
	json_decref(request);
	reply(side->query, &peer, json_pack("{s:b, s:i, s:[]}", "snapshot", 1, "seq", seq, "councils"));
}

/* Answers a replay, which must ask for what came after since, with all up to last. imported: bit per number. */
static void answer_replay(struct peer_side *side, int since, int last, int seq, unsigned imported)
{
	json_t *alerts = json_array();
	struct cw_peer peer;
	json_t *request = receive(side->query, &peer, NULL);

	assert_int_equal(json_integer_value(json_object_get(request, "since")), since);
	json_decref(request);
	for (int i = since + 1; i <= last; i++)
		json_array_append_new(alerts, alert_json(i, imported >> i & 1));
	reply(side->query, &peer,
	      json_pack("{s:i, s:i, s:i, s:b, s:o}", "since", since, "last", last, "seq", seq, "more", last < seq,
	                "alerts", alerts));
}

/* The XPUB socket says when the subscription is there. */
static void await_subscription(struct peer_side *side)
{
	struct cw_frames frames;

	for (int waited = 0; waited < PATIENCE_MS; waited++) {
		if (!cw_sock_recv(side->alerts, NULL, &frames))
			return;
		usleep(1000);
	}
	fail_msg("nobody subscribes");
}

/* The numbers of the alerts that were printed, "1 2 3 ". */
static void check_printed(struct peer_side *side, const char *want)
{
	CW_CLEANUP(cw_freep) char *text = read_file(side->out);
	char have[256] = "";
	char *rest = text;

	for (char *line; (line = strsep(&rest, "\n")) && *line;) {
		json_t *alert = json_loads(line, 0, NULL);
		size_t len = strlen(have);

		assert_non_null(alert);
		snprintf(have + len, sizeof(have) - len, "%lld ",
		         (long long)json_integer_value(json_object_get(json_object_get(alert, "data"), "seq")));
		json_decref(alert);
	}
	assert_string_equal(have, want);
}

static void test_watch_live_gap_and_restart(void **state)
{
	static const char *const arguments[] = { "watch", "--json", "--count", "7", NULL };
	struct peer_side *side = *state;

	open_assessor(side);
	start(side, arguments);
	answer_snapshot(side, 10);
	await_subscription(side);
	publish(side, 11);
	publish(side, 12);
	/* 13 is lost on the stream, 14 shows it. */
	publish(side, 14);
	answer_replay(side, 12, 14, 14, 0);
	/* Both sockets go away; 15 is raised before we are back, a heartbeat tells. */
	close_peers(side);
	open_assessor(side);
	await_subscription(side);
	heartbeat(side, 15);
	answer_replay(side, 14, 15, 15, 0);
	/* An old one again, and in a chunk that ends early. */
	publish(side, 15);
	publish(side, 17);
	answer_replay(side, 15, 16, 17, 0);
	answer_replay(side, 16, 17, 17, 0);
	assert_int_equal(finish(side), 0);
	check_printed(side, "11 12 13 14 15 16 17 ");
}

static void test_watch_waits_for_the_assessor(void **state)
{
	static const char *const arguments[] = { "watch", "--json", "--since", "0", "--count", "2", NULL };
	struct peer_side *side = *state;
	CW_CLEANUP(cw_freep) char *text = NULL;

	start(side, arguments);
	usleep(300000);
	open_assessor(side);
	answer_replay(side, 0, 2, 2, 0);
	assert_int_equal(finish(side), 0);
	check_printed(side, "1 2 ");
	text = read_file(side->err);
	assert_non_null(strstr(text, "the assessor is not there yet, waiting for it"));
}

static void test_watch_leaves_imports_out(void **state)
{
	static const char *const arguments[] = { "watch", "--json", "--count", "2", NULL };
	struct peer_side *side = *state;

	open_assessor(side);
	start(side, arguments);
	answer_snapshot(side, 3);
	await_subscription(side);
	publish(side, 4);
	/* 5 to 7 came of an import and were not sent. */
	publish(side, 8);
	answer_replay(side, 4, 8, 8, 7u << 5);
	assert_int_equal(finish(side), 0);
	check_printed(side, "4 8 ");
}

static void test_watch_with_since_has_imports(void **state)
{
	static const char *const arguments[] = { "watch", "--json", "--since", "4", "--count", "4", NULL };
	struct peer_side *side = *state;

	open_assessor(side);
	start(side, arguments);
	answer_replay(side, 4, 8, 8, 7u << 5);
	assert_int_equal(finish(side), 0);
	check_printed(side, "5 6 7 8 ");
}

static void test_watch_useless_answers(void **state)
{
	static const char *const arguments[] = { "watch", "--json", "--since", "0", "--count", "1", NULL };
	struct peer_side *side = *state;
	struct cw_frame junk = { "\xff{", 2 };
	struct cw_peer peer;

	open_assessor(side);
	start(side, arguments);
	json_decref(receive(side->query, &peer, NULL));
	assert_int_equal(cw_sock_send(side->query, &peer, &junk, 1), 0);
	json_decref(receive(side->query, &peer, NULL));
	reply(side->query, &peer, json_pack("{s:s}", "error", "not now"));
	json_decref(receive(side->query, &peer, NULL));
	reply(side->query, &peer,
	      json_pack("{s:i, s:i, s:i, s:b, s:[]}", "since", 0, "last", 0, "seq", 9, "more", 1, "alerts"));
	answer_replay(side, 0, 1, 1, 0);
	assert_int_equal(finish(side), 0);
	check_printed(side, "1 ");
}

static void test_watch_tells_of_silence_and_ends_in_time(void **state)
{
	static const char *const arguments[] = { "watch", "--json", "--count", "1", "--timeout", "4", NULL };
	struct peer_side *side = *state;
	CW_CLEANUP(cw_freep) char *text = NULL;

	open_assessor(side);
	start(side, arguments);
	answer_snapshot(side, 0);
	assert_int_equal(finish(side), 1);
	text = read_file(side->err);
	assert_non_null(strstr(text, "nothing heard for 3 s, not even a heartbeat: still waiting"));
	check_printed(side, "");
}

static void test_watch_stops_on_a_signal(void **state)
{
	static const char *const arguments[] = { "watch", NULL };
	struct peer_side *side = *state;

	open_assessor(side);
	start(side, arguments);
	answer_snapshot(side, 0);
	kill(side->child, SIGTERM);
	assert_int_equal(finish(side), 0);
}

/* A daemon of one upload at a time. */
struct script {
	int pid;      /* what status says; another number is another daemon */
	int document; /* the number given to the next document */
	int upload;
	size_t received;
	unsigned chunks;
	bool refuse_chunks; /* as a daemon that knows nothing of the upload */
	bool done;          /* import.end was answered */
	json_t *ended;      /* that request, owned */
};

static json_t *answer_to(const json_t *request, const char *name, json_t *value)
{
	json_t *answer = json_pack("{s:O, s:b}", "id", json_object_get(request, "id"), "ok", 1);

	if (name)
		json_object_set_new(answer, name, value);
	return answer;
}

/* Takes one request. */
static void serve(struct peer_side *side, struct script *script, struct cw_peer *peer)
{
	size_t bytes = 0;
	json_t *request = receive(side->control, peer, &bytes), *answer;
	const char *op = json_string_value(json_object_get(request, "op"));

	if (!strcmp(op, "status")) {
		answer = answer_to(request, "status",
		                   json_pack("{s:i, s:s, s:{s:i}}", "pid", script->pid, "started_at",
		                             "2024-01-01T00:00:00Z", "backlog", "documents", 1));
	} else if (!strcmp(op, "import.begin")) {
		script->received = script->chunks = 0;
		assert_string_equal(json_string_value(json_object_get(request, "feed")), "f");
		answer = answer_to(request, "upload", json_integer(++script->upload));
	} else if (!strcmp(op, "import.chunk") && script->refuse_chunks) {
		answer = json_pack("{s:O, s:b, s:s}", "id", json_object_get(request, "id"), "ok", 0, "error",
		                   "no such upload");
		script->refuse_chunks = false;
	} else if (!strcmp(op, "import.chunk")) {
		assert_true(bytes > 0 && bytes <= CW_CHUNK_MAX);
		script->received += bytes;
		script->chunks++;
		answer = answer_to(request, "received", json_integer((json_int_t)script->received));
	} else if (!strcmp(op, "import.end")) {
		answer = answer_to(request, "document", json_integer(++script->document));
		json_object_set_new(answer, "state", json_string("queued"));
		json_decref(script->ended);
		script->ended = json_incref(request);
		script->done = true;
	} else {
		assert_string_equal(op, "import.abort");
		answer = answer_to(request, NULL, NULL);
	}
	reply(side->control, peer, answer);
	json_decref(request);
}

static void committed(struct peer_side *side, const struct cw_peer *peer, int document, const char *outcome)
{
	reply(side->control, peer,
	      json_pack("{s:s, s:i, s:i, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:{s:i}, s:s}", "op", "committed",
	                "document", document, "upload", 1, "outcome", outcome, "rows", 5, "evidence", 4, "new_evidence",
	                3, "quarantined", 1, "alerts", 2, "last_seq", 80, "duplicate", 0, "reasons", "blank_row", 1,
	                "detail", "why"));
}

static json_t *printed(struct peer_side *side)
{
	CW_CLEANUP(cw_freep) char *text = read_file(side->out);
	json_t *object = json_loads(text, 0, NULL);

	assert_non_null(object);
	return object;
}

static int64_t member(const json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

static const char *make_input(struct peer_side *side, size_t size)
{
	static char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/input", side->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	for (size_t i = 0; i < size; i++)
		fputc((int)('a' + i * 31 % 23), file);
	assert_int_equal(fclose(file), 0);
	return path;
}

static void check_sha256(const char *path, const char *hex)
{
	CW_CLEANUP(cw_freep) char *text = calloc(1, 8u << 20);
	FILE *file = fopen(path, "r");
	unsigned char digest[CW_SHA256_LEN];
	char want[CW_SHA256_HEX];

	assert_non_null(file);
	assert_int_equal(cw_sha256(text, fread(text, 1, 8u << 20, file), digest), 0);
	fclose(file);
	cw_hex(digest, sizeof(digest), want);
	assert_string_equal(hex, want);
}

static void test_import_in_chunks(void **state)
{
	struct peer_side *side = *state;
	const char *input = make_input(side, 3 * CW_CHUNK_MAX + 17);
	const char *arguments[] = { "import", "--json", "--feed", "f", "--fetched-at", "2024-01-31T09:11:54Z",
		                    input,    NULL };
	struct script script = { .pid = 7 };
	struct cw_peer peer;
	json_t *answer;

	open_control(side);
	start(side, arguments);
	while (!script.done)
		serve(side, &script, &peer);
	assert_int_equal(script.received, 3 * CW_CHUNK_MAX + 17);
	assert_int_equal(script.chunks, 4);
	check_sha256(input, json_string_value(json_object_get(script.ended, "sha256")));
	json_decref(script.ended);
	committed(side, &peer, 1, "parsed");
	assert_int_equal(finish(side), 0);

	answer = printed(side);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	assert_int_equal(member(answer, "rows"), 5);
	assert_int_equal(member(answer, "evidence"), 4);
	assert_int_equal(member(answer, "new_evidence"), 3);
	assert_int_equal(member(answer, "alerts"), 2);
	assert_int_equal(
	    member(json_object_get(json_array_get(json_object_get(answer, "documents"), 0), "reasons"), "blank_row"),
	    1);
	json_decref(answer);
}

static void test_import_rejected(void **state)
{
	struct peer_side *side = *state;
	const char *arguments[] = { "import", "--feed", "f", make_input(side, 1), NULL };
	struct script script = { .pid = 7 };
	CW_CLEANUP(cw_freep) char *text = NULL;
	struct cw_peer peer;

	open_control(side);
	start(side, arguments);
	while (!script.done)
		serve(side, &script, &peer);
	json_decref(script.ended);
	committed(side, &peer, 1, "unparsable");
	assert_int_equal(finish(side), 1);
	text = read_file(side->out);
	assert_non_null(strstr(text, "input: rejected, unparsable: why\n"));
	assert_non_null(strstr(text, "In all 1 document (1 of them not usable)"));
}

/* The daemon dies with the document queued, and another takes its place. */
static void test_import_through_a_restart(void **state)
{
	struct peer_side *side = *state;
	const char *arguments[] = { "import", "--json", "--feed", "f", make_input(side, CW_CHUNK_MAX + 1), NULL };
	struct script script = { .pid = 7 };
	CW_CLEANUP(cw_freep) char *text = NULL;
	struct cw_peer peer;
	json_t *answer, *first_end;

	open_control(side);
	start(side, arguments);
	while (!script.done)
		serve(side, &script, &peer);
	close_peers(side);
	first_end = script.ended;
	script = (struct script){ .pid = 8, .document = 40, .upload = 900 };
	open_control(side);
	while (!script.done)
		serve(side, &script, &peer);
	assert_string_equal(json_string_value(json_object_get(first_end, "sha256")),
	                    json_string_value(json_object_get(script.ended, "sha256")));
	json_decref(first_end);
	json_decref(script.ended);
	committed(side, &peer, 41, "parsed");
	assert_int_equal(finish(side), 0);
	answer = printed(side);
	assert_int_equal(member(answer, "new_evidence"), 3);
	assert_int_equal(member(answer, "duplicates"), 0);
	json_decref(answer);
	text = read_file(side->err);
	assert_non_null(strstr(text, "councilwatchd restarted; sending again what it had not committed"));
}

/* It dies in the middle of an upload; what waits for it must not reach the next one as if it were its own. */
static void test_import_restart_within_an_upload(void **state)
{
	struct peer_side *side = *state;
	const char *input = make_input(side, 12 * CW_CHUNK_MAX);
	const char *arguments[] = { "import", "--json", "--feed", "f", input, NULL };
	struct script script = { .pid = 7 };
	struct cw_peer peer;

	open_control(side);
	start(side, arguments);
	while (script.chunks < 3)
		serve(side, &script, &peer);
	close_peers(side);
	script = (struct script){ .pid = 8, .refuse_chunks = true };
	open_control(side);
	while (!script.done)
		serve(side, &script, &peer);
	assert_int_equal(script.received, 12 * CW_CHUNK_MAX);
	check_sha256(input, json_string_value(json_object_get(script.ended, "sha256")));
	json_decref(script.ended);
	committed(side, &peer, 1, "parsed");
	assert_int_equal(finish(side), 0);
}

static void test_import_without_a_daemon(void **state)
{
	struct peer_side *side = *state;
	const char *arguments[] = { "import", "--feed", "f", make_input(side, 1), NULL };
	CW_CLEANUP(cw_freep) char *text = NULL;

	start(side, arguments);
	assert_int_equal(finish(side), 1);
	text = read_file(side->err);
	assert_non_null(strstr(text, "councilwatchd is needed and does not answer"));
	assert_non_null(strstr(text, "start it with"));
}

static void test_import_refuses_a_directory(void **state)
{
	struct peer_side *side = *state;
	const char *arguments[] = { "import", "--feed", "f", side->dir, NULL };
	CW_CLEANUP(cw_freep) char *text = NULL;

	start(side, arguments);
	assert_int_equal(finish(side), 2);
	text = read_file(side->err);
	assert_non_null(strstr(text, "is a directory; name its files"));
}

static void test_status_of_a_sick_daemon(void **state)
{
	static const char *const arguments[] = { "status", "--json", NULL };
	struct peer_side *side = *state;
	json_t *request, *answer;
	struct cw_peer peer;

	open_control(side);
	start(side, arguments);
	request = receive(side->control, &peer, NULL);
	reply(side->control, &peer,
	      answer_to(request, "status",
	                json_pack("{s:i, s:[{s:s, s:i, s:s}, {s:s, s:i, s:s}], s:i, s:[]}", "pid", 7, "processes",
	                          "role", "assessor", "index", 0, "state", "ready", "role", "normaliser", "index", 1,
	                          "state", "waiting", "poison", 2, "feeds")));
	json_decref(request);
	assert_int_equal(finish(side), 1);
	answer = printed(side);
	assert_true(json_is_true(json_object_get(answer, "running")));
	assert_true(json_is_false(json_object_get(answer, "healthy")));
	assert_int_equal(json_array_size(json_object_get(answer, "reasons")), 2);
	assert_string_equal(json_string_value(json_array_get(json_object_get(answer, "reasons"), 0)),
	                    "process normaliser 1 is down (waiting)");
	assert_string_equal(json_string_value(json_array_get(json_object_get(answer, "reasons"), 1)),
	                    "2 documents were set aside because workers died over them");
	json_decref(answer);
}

/* It listens and says nothing. */
static void test_status_of_a_mute_daemon(void **state)
{
	static const char *const arguments[] = { "status", "--json", NULL };
	struct peer_side *side = *state;
	json_t *answer;

	open_control(side);
	start(side, arguments);
	assert_int_equal(finish(side), 1);
	answer = printed(side);
	assert_true(json_is_false(json_object_get(answer, "running")));
	assert_non_null(
	    strstr(json_string_value(json_array_get(json_object_get(answer, "reasons"), 0)), "no answer within 2 s"));
	json_decref(answer);
}

int main(void)
{
#define LIVE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		LIVE(test_watch_live_gap_and_restart),
		LIVE(test_watch_waits_for_the_assessor),
		LIVE(test_watch_leaves_imports_out),
		LIVE(test_watch_with_since_has_imports),
		LIVE(test_watch_useless_answers),
		LIVE(test_watch_tells_of_silence_and_ends_in_time),
		LIVE(test_watch_stops_on_a_signal),
		LIVE(test_import_in_chunks),
		LIVE(test_import_rejected),
		LIVE(test_import_through_a_restart),
		LIVE(test_import_restart_within_an_upload),
		LIVE(test_import_without_a_daemon),
		LIVE(test_import_refuses_a_directory),
		LIVE(test_status_of_a_sick_daemon),
		LIVE(test_status_of_a_mute_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
