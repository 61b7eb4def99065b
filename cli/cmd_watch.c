/*
 * councilwatch watch: the alerts as they come, each once and in order (follow.h), through restarts of either side.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include <councilwatch/serve.h>

#include "alert_text.h"
#include "command.h"
#include "control.h"
#include "digest.h"
#include "follow.h"
#include "output.h"

/* Messages that may wait for us; what is lost beyond that comes back by replay. */
#define STREAM_HWM 10000
#define ANSWER_MS 5000
/* After an answer of no use, or none, not at once again. */
#define RETRY_MS 500
/* At most this many alerts in one answer: CW_FRAME_MAX holds them with room to spare. */
#define REPLAY_LIMIT 200
#define SILENT_HEARTBEATS 3
#define TOPICS_MAX 64
/* No more of one moment have come for so long: they are told. */
#define DIGEST_MS 1000

const struct cw_option cw_watch_options[] = {
	{ "since", "SEQ", "begin with everything after this number", 0 },
	{ "count", "N", "end after this many alerts", 0 },
	{ "timeout", "SECONDS", "end after this time", 0 },
	{ "each", NULL, "a line for every alert, also for those of a digest", 0 },
	{ "endpoint", "ENDPOINT", "of the alert stream; with --query, instead of those of the configuration", 0 },
	{ "query", "ENDPOINT", "of the query socket", 0 },
	{ "key", "FILE", "secret key to connect with, instead of client_key", 0 },
	{ "server-key", "FILE", "public key of the service, instead of server_public_key", 0 },
	{ NULL },
};

struct watch {
	struct cw_cli *cli;
	struct cw_bus *bus;
	struct cw_loop *loop;
	struct cw_sock *stream;
	struct cw_watch *stream_watch;
	struct cw_control *query;
	struct cw_timer *question_timer; /* the answer is late, or it is time to ask again */
	struct cw_timer *silence_timer;
	struct cw_timer *end_timer;
	struct cw_watch *output_watch; /* notices a reader that went away while there is nothing to write */
	struct cw_follow follow;
	json_t *topics;          /* sent with each replay; NULL = all */
	char *texts[TOPICS_MAX]; /* owned */
	size_t n_texts;
	bool imported;  /* imported history as well */
	uint64_t limit; /* --count; 0 = none */
	uint64_t delivered;
	bool each;                /* --each */
	struct cw_digest digest;  /* text: alerts of one moment that are for a digest wait here to be told together */
	struct cw_timer *digest_timer;
	bool silent;  /* and said so */
	bool waiting; /* before the next question */
	bool done;
	int status;
};

static void stop(struct watch *w, int status)
{
	w->done = true;
	w->status = status;
	cw_loop_stop(w->loop);
}

static void on_signal(void *arg, int signo)
{
	(void)signo;
	stop(arg, CW_EXIT_DONE);
}

static void on_end(void *arg)
{
	struct watch *w = arg;

	stop(w, w->limit && w->delivered < w->limit ? CW_EXIT_NO : CW_EXIT_DONE);
}

static void on_output(void *arg, unsigned events)
{
	if (events & CW_LOOP_ERROR)
		stop(arg, CW_EXIT_DONE);
}

static void heard(struct watch *w)
{
	if (w->silent)
		cw_cli_fail(0, "the stream is there again");
	w->silent = false;
	cw_timer_arm(w->silence_timer, SILENT_HEARTBEATS * w->cli->config->heartbeat_ms);
}

static void on_silence(void *arg)
{
	struct watch *w = arg;
	char text[CW_ERROR_SOURCE_MAX + CW_ERROR_TEXT_MAX];
	struct cw_error err = { 0 };

	if (!w->silent) {
		const char *why = "still waiting";

		if (cw_control_probe(w->cli->config->endpoint_query, &err) < 0)
			why = cw_error_format(&err, text, sizeof(text));
		else if (w->cli->config->client_key && strncmp(w->cli->config->endpoint_query, "tcp://", 6) == 0)
			why = "still waiting (is our public key on the service's list, and server_public_key the service's?)";
		cw_cli_fail(0, "nothing heard for %.3g s, not even a heartbeat: %s; alerts will be caught up with",
		            SILENT_HEARTBEATS * (double)w->cli->config->heartbeat_ms / 1000, why);
	}
	w->silent = true;
}

static void tell_digest(struct watch *w)
{
	if (cw_digest_print_moment(&w->digest, stdout) < 0)
		cw_cli_fail(0, "a digest cannot be told: out of memory");
	cw_digest_clear(&w->digest);
	if (fflush(stdout) < 0 || ferror(stdout))
		stop(w, CW_EXIT_DONE);
}

static void on_digest(void *arg)
{
	tell_digest(arg);
}

/* 1: it waits for others of its moment. */
static int gather(struct watch *w, const char *json, size_t len)
{
	json_auto_t *event = w->cli->json || w->each ? NULL : json_loadb(json, len, 0, NULL);
	bool wanted = cw_json_get_bool(json_object_get(event, "data"), "digest", false);

	if (w->digest.n && !(wanted && cw_digest_takes(&w->digest, event)))
		tell_digest(w);
	if (!wanted || cw_digest_add(&w->digest, event) < 0)
		return 0;
	cw_timer_arm(w->digest_timer, DIGEST_MS);
	return 1;
}

static void deliver(struct watch *w, uint64_t seq, const char *json, size_t len)
{
	struct cw_error err = { 0 };

	if (w->done)
		return;
	if (gather(w, json, len)) {
		if (++w->delivered == w->limit)
			stop(w, CW_EXIT_DONE);
		return;
	}
	if (w->cli->json) {
		fwrite(json, 1, len, stdout);
		putchar('\n');
	} else if (cw_alert_print(stdout, w->cli->colour, json, len, &err) < 0) {
		cw_cli_fail_error(0, &err, "alert %" PRIu64 " cannot be shown", seq);
	}
	if (fflush(stdout) < 0 || ferror(stdout)) {
		stop(w, CW_EXIT_DONE); /* cw_out_finish tells a reader that went away from a full disk */
		return;
	}
	if (++w->delivered == w->limit)
		stop(w, CW_EXIT_DONE);
}

/* History that somebody imports is nobody's news; it is told only to those who asked for the past (--since). */
static bool is_for_us(const struct watch *w, const json_t *alert)
{
	return w->imported || !cw_json_get_bool(json_object_get(alert, "data"), "imported", false);
}

/* Asks what there is to ask. */
static void ask(struct watch *w)
{
	uint64_t since = 0;
	enum cw_follow_ask next;
	struct cw_error err = { 0 };
	json_t *question;
	int r;

	if (w->done || w->waiting)
		return;
	next = cw_follow_next(&w->follow, &since);
	if (next == CW_FOLLOW_NOTHING)
		return;

	if (next == CW_FOLLOW_SNAPSHOT)
		question = json_pack("{s:b}", "snapshot", 1);
	else if (w->topics)
		question = json_pack("{s:I, s:O, s:i}", "since", (json_int_t)since, "topics", w->topics, "limit",
		                     REPLAY_LIMIT);
	else
		question = json_pack("{s:I, s:i}", "since", (json_int_t)since, "limit", REPLAY_LIMIT);
	r = question ? cw_control_send(w->query, question, NULL, 0, &err) : cw_error_nomem(&err);
	json_decref(question);
	if (r < 0 && r != -EAGAIN) {
		cw_cli_fail_error(0, &err, "cannot ask for alerts");
		stop(w, CW_EXIT_NO);
		return;
	}
	cw_timer_arm(w->question_timer, ANSWER_MS);
}

/* The question is asked again, in a while and on a new socket, so that a late answer to it cannot come. */
static void ask_again(struct watch *w, bool at_once)
{
	struct cw_error err = { 0 };

	cw_follow_lost(&w->follow);
	if (cw_control_reopen(w->query, &err) < 0) {
		cw_cli_fail_error(0, &err, "cannot ask for alerts");
		stop(w, CW_EXIT_NO);
		return;
	}
	w->waiting = !at_once;
	if (at_once)
		ask(w);
	else
		cw_timer_arm(w->question_timer, RETRY_MS);
}

static void on_question_timer(void *arg)
{
	struct watch *w = arg;

	if (w->waiting) {
		w->waiting = false;
		ask(w);
	} else {
		ask_again(w, true);
	}
}

static bool get_number(const json_t *object, const char *name, uint64_t *ret)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(value);
	return true;
}

static int take_replay(struct watch *w, const json_t *answer)
{
	const json_t *alerts = json_object_get(answer, "alerts"), *alert;
	bool more = cw_json_get_bool(answer, "more", false);
	uint64_t since, last, seq, number;
	size_t i;
	int r;

	if (!get_number(answer, "since", &since) || !get_number(answer, "last", &last) ||
	    !get_number(answer, "seq", &seq) || !json_is_array(alerts))
		return -EBADMSG;
	r = cw_follow_replay_begin(&w->follow, since, last, seq, more);
	if (r < 0)
		return r;
	if (r > 0)
		cw_cli_fail(
		    0, "the stream ends at %" PRIu64 ", before %" PRIu64 ": it was begun anew; following from there",
		    seq, since);
	json_array_foreach(alerts, i, alert)
	{
		char *text;

		if (!get_number(json_object_get(alert, "data"), "seq", &number) ||
		    !cw_follow_replayed(&w->follow, number) || !is_for_us(w, alert))
			continue;
		text = json_dumps(alert, JSON_COMPACT | JSON_REAL_PRECISION(12));
		if (!text)
			return -ENOMEM;
		deliver(w, number, text, strlen(text));
		free(text);
	}
	cw_follow_replay_end(&w->follow, last, seq, more);
	return 0;
}

static int take_answer(struct watch *w, const json_t *answer)
{
	uint64_t seq;

	if (json_object_get(answer, "error"))
		return -EBADMSG;
	if (json_object_get(answer, "snapshot")) {
		if (!get_number(answer, "seq", &seq))
			return -EBADMSG;
		cw_follow_snapshot(&w->follow, seq);
		return 0;
	}
	return take_replay(w, answer);
}

static void read_query(struct watch *w)
{
	struct cw_error err = { 0 };
	json_t *answer = NULL;
	int r;

	while (!w->done && (r = cw_control_recv(w->query, &answer, &err)) != -EAGAIN) {
		if (!r) {
			r = take_answer(w, answer);
			if (r < 0)
				cw_error_set(&err, r, "%s",
				             cw_json_get_text(answer, "error", "the answer is not what was asked for"));
			json_decref(answer);
			answer = NULL;
		}
		if (r < 0) {
			cw_cli_fail_error(0, &err, "the assessor's answer is of no use; asking again");
			ask_again(w, false);
			return;
		}
		cw_timer_disarm(w->question_timer);
		ask(w);
	}
}

static void take_message(struct watch *w, const struct cw_frames *frames)
{
	const struct cw_frame *topic = &frames->frame[0], *body = &frames->frame[1];
	json_error_t jerr;
	json_t *event;
	uint64_t seq;

	if (frames->n != 2)
		return;
	event = json_loadb(body->data, body->len, JSON_REJECT_DUPLICATES, &jerr);
	if (topic->len == strlen("heartbeat") && !memcmp(topic->data, "heartbeat", topic->len)) {
		if (get_number(event, "seq", &seq))
			cw_follow_heartbeat(&w->follow, seq);
	} else if (get_number(json_object_get(event, "data"), "seq", &seq) && cw_follow_alert(&w->follow, seq)) {
		if (is_for_us(w, event))
			deliver(w, seq, body->data, body->len);
	}
	json_decref(event);
}

static void on_stream(void *arg, unsigned events)
{
	struct watch *w = arg;
	struct cw_frames frames;
	int r;

	(void)events;
	while (!w->done && (r = cw_sock_recv(w->stream, NULL, &frames)) != -EAGAIN) {
		if (r == -EMSGSIZE)
			continue; /* none of ours is so large; if one was, the replay has it */
		if (r < 0) {
			cw_cli_fail(0, "cannot receive from '%s': %s", w->cli->config->endpoint_alerts, strerror(-r));
			stop(w, CW_EXIT_NO);
			return;
		}
		heard(w);
		take_message(w, &frames);
	}
	ask(w);
}

/* What a person writes as a topic: a prefix of one, or a council. NULL after a message. */
static char *read_topic(const struct cw_cli *cli, const char *given)
{
	static const char *const families[] = { "council/", "level/", "feed/", NULL };
	const struct cw_council *council;
	char *topic = NULL;

	for (size_t i = 0; families[i]; i++) {
		size_t len = CW_MIN(strlen(given), strlen(families[i]));

		if (!strncmp(given, families[i], len))
			return strdup(given);
	}
	if (strchr(given, '/')) {
		cw_cli_fail(0,
		            "no topic begins with '%s'; they are council/ID/KIND, level/LEVEL/KIND and feed/FEED/KIND",
		            given);
		return NULL;
	}
	if (cw_cli_council(cli, given, &council))
		return NULL;
	if (asprintf(&topic, "council/%s/", council->id) < 0)
		return NULL;
	return topic;
}

static int read_topics(struct watch *w)
{
	if (w->cli->n_arguments > TOPICS_MAX)
		return cw_cli_fail(-EINVAL, "at most %d topics", TOPICS_MAX);
	if (w->cli->n_arguments)
		w->topics = json_array();
	for (int i = 0; i < w->cli->n_arguments; i++) {
		char *topic = read_topic(w->cli, w->cli->arguments[i]);

		if (!topic)
			return -EINVAL;
		w->texts[w->n_texts++] = topic;
		if (json_array_append_new(w->topics, json_string(topic)) < 0)
			return cw_cli_fail(-EINVAL, "topic %d is not UTF-8", i + 1);
	}
	return 0;
}

static int open_stream(struct watch *w, struct cw_error *err)
{
	int r;

	r = cw_sock_new(w->bus, CW_SOCK_SUB, STREAM_HWM, 0, &w->stream, err);
	for (size_t i = 0; i < w->n_texts && r >= 0; i++)
		r = cw_sock_subscribe(w->stream, w->texts[i], err);
	if (r >= 0)
		r = cw_sock_subscribe(w->stream, w->n_texts ? "heartbeat" : "", err);
	if (r >= 0)
		r = cw_sock_connect(w->stream, w->cli->config->endpoint_alerts, err);
	if (r >= 0)
		r = cw_loop_add_zmq(w->loop, cw_sock_zmq(w->stream), CW_LOOP_READ, on_stream, w, &w->stream_watch, err);
	return r;
}

/* In the documented order: subscribe first, then ask. */
static int open_all(struct watch *w, uint64_t timeout, struct cw_error *err)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, 0 };
	int r;

	r = cw_loop_new(&w->loop, err);
	if (r >= 0)
		r = cw_loop_add_signals(w->loop, signals, on_signal, w, err);
	if (r >= 0)
		r = cw_client_bus_new(w->cli->config, &w->bus, err);
	if (r >= 0)
		r = cw_timer_new(w->loop, on_question_timer, w, &w->question_timer, err);
	if (r >= 0)
		r = cw_timer_new(w->loop, on_silence, w, &w->silence_timer, err);
	if (r >= 0)
		r = cw_timer_new(w->loop, on_end, w, &w->end_timer, err);
	if (r >= 0)
		r = cw_timer_new(w->loop, on_digest, w, &w->digest_timer, err);
	if (r >= 0)
		r = open_stream(w, err);
	if (r >= 0)
		r = cw_control_new(w->bus, w->loop, w->cli->config->endpoint_query, &w->query, err);
	if (r < 0)
		return r;

	/* A plain file cannot be watched, and needs not be. */
	(void)cw_loop_add_fd(w->loop, fileno(stdout), 0, on_output, w, &w->output_watch, NULL);
	cw_timer_arm(w->silence_timer, SILENT_HEARTBEATS * w->cli->config->heartbeat_ms);
	if (timeout)
		cw_timer_arm(w->end_timer, (int64_t)timeout * 1000);
	return 0;
}

static void close_all(struct watch *w)
{
	cw_watch_free(w->output_watch);
	cw_control_free(w->query);
	cw_watch_free(w->stream_watch);
	cw_sock_free(w->stream);
	cw_timer_free(w->end_timer);
	cw_timer_free(w->digest_timer);
	cw_digest_clear(&w->digest);
	cw_timer_free(w->silence_timer);
	cw_timer_free(w->question_timer);
	cw_bus_free(w->bus);
	cw_loop_free(w->loop);
	for (size_t i = 0; i < w->n_texts; i++)
		free(w->texts[i]);
	json_decref(w->topics);
}

static int set_from(const struct cw_cli *cli, const char *option, char **at)
{
	const char *value = cw_cli_option(cli, option);
	char *copy;

	if (!value)
		return 0;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

/* Where to follow, and as whom, when that is not what the configuration says. */
static int read_endpoints(struct cw_cli *cli)
{
	static const char *const together[][2] = { { "endpoint", "query" }, { "key", "server-key" } };
	struct cw_config *config = cli->config;
	CW_CLEANUP(cw_freep) char *path = NULL;
	const char *key = cw_cli_option(cli, "key");

	for (size_t i = 0; i < CW_ARRAY_LEN(together); i++)
		if (!cw_cli_option(cli, together[i][0]) != !cw_cli_option(cli, together[i][1]))
			return cw_cli_fail(-EINVAL, "--%s and --%s belong together: give both", together[i][0], together[i][1]);
	if (set_from(cli, "endpoint", &config->endpoint_alerts) < 0 || set_from(cli, "query", &config->endpoint_query) < 0 ||
	    set_from(cli, "key", &config->client_key) < 0 || set_from(cli, "server-key", &config->server_public_key) < 0)
		return cw_cli_fail(-ENOMEM, "out of memory");
	/* A name without a slash would be a credential. */
	if (key && !strchr(key, '/') && asprintf(&path, "./%s", key) > 0) {
		free(config->client_key);
		config->client_key = cw_steal(path);
	}
	return 0;
}

int cw_cmd_watch(struct cw_cli *cli)
{
	struct watch w = { .cli = cli, .status = CW_EXIT_DONE };
	struct cw_error err = { 0 };
	uint64_t since = 0, timeout = 0;
	int r;

	if (cw_cli_option_number(cli, "since", 0, INT64_MAX, &since) < 0 ||
	    cw_cli_option_number(cli, "count", 1, INT64_MAX, &w.limit) < 0 ||
	    cw_cli_option_number(cli, "timeout", 1, INT32_MAX, &timeout) < 0)
		return CW_EXIT_USAGE;
	r = read_endpoints(cli);
	if (r == 0)
		r = read_topics(&w);
	if (r < 0) {
		close_all(&w);
		return CW_EXIT_USAGE;
	}

	w.imported = cw_cli_option(cli, "since") != NULL;
	w.each = cw_cli_option(cli, "each");
	cw_follow_init(&w.follow, w.imported, since);
	r = open_all(&w, timeout, &err);
	if (r < 0) {
		close_all(&w);
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot follow the alerts");
	}
	if (cw_control_probe(cli->config->endpoint_query, &err) < 0)
		cw_cli_fail_error(0, &err, "the assessor is not there yet, waiting for it");

	ask(&w);
	while (!w.done && r >= 0) {
		r = cw_loop_once(w.loop, -1, &err);
		if (r >= 0)
			read_query(&w);
	}
	if (w.digest.n)
		tell_digest(&w);
	close_all(&w);
	return r < 0 ? cw_cli_fail_error(CW_EXIT_NO, &err, "cannot follow the alerts") : w.status;
}
