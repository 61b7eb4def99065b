#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include <councilwatch/log.h>
#include <councilwatch/history.h>
#include <councilwatch/render.h>

#include "publish.h"

#define ALERT_HWM 10000
#define QUERY_HWM 64
#define REPLAY_DEFAULT 500
#define REPLAY_MOST 1000
#define REPLAY_BYTES (CW_FRAME_MAX / 2)
#define TOPICS_MOST 256

struct publisher {
	struct cw_loop *loop;
	const struct cw_config *config;
	struct cw_store *store;
	struct cw_sock *alerts, *query;
	struct cw_watch *alerts_watch, *query_watch;
	struct cw_timer *heartbeat;
	uint64_t seq;
};

static void send_topic(struct publisher *publisher, const char *topic, const char *json, size_t len)
{
	struct cw_frame frames[2] = { { topic, strlen(topic) }, { json, len } };
	int r = cw_sock_send(publisher->alerts, NULL, frames, 2);

	if (r < 0)
		cw_log(CW_LOG_WARNING, "alert.unsent", "topic=%s error=%s", topic, strerror(-r));
}

void publisher_send(struct publisher *publisher, uint64_t seq, const char *topic, const char *topic_level, const char *json,
                    size_t len)
{
	publisher->seq = seq;
	send_topic(publisher, topic, json, len);
	if (topic_level)
		send_topic(publisher, topic_level, json, len);
}

void publisher_note_seq(struct publisher *publisher, uint64_t seq)
{
	publisher->seq = seq;
}

static void on_heartbeat(void *arg)
{
	struct publisher *publisher = arg;
	char when[CW_WALL_TEXT], json[128];
	int n = snprintf(json, sizeof(json), "{\"seq\":%llu,\"time\":\"%s\"}", (unsigned long long)publisher->seq,
	                 cw_wall_format(cw_wall_now(), when));

	send_topic(publisher, "heartbeat", json, (size_t)n);
	cw_timer_arm(publisher->heartbeat, publisher->config->heartbeat_ms);
}

/* Subscriptions arrive as messages on an XPUB socket; ZeroMQ has acted on them already. */
static void on_subscription(void *arg, unsigned events)
{
	struct publisher *publisher = arg;
	struct cw_frames frames;

	(void)events;
	while (cw_sock_recv(publisher->alerts, NULL, &frames) == 0)
		;
}

/* ---- queries ---- */

struct level_rows {
	const struct publisher *publisher;
	json_t *by_id; /* council_id -> object */
	bool outage;
};

static int add_level(void *arg, const char *council_id, enum cw_level level, int32_t next_day, const char *json)
{
	struct level_rows *rows = arg;
	json_t *object = json_loads(json, 0, NULL);

	(void)level;
	(void)next_day;
	if (!object)
		return -EUCLEAN;
	if (rows->outage)
		json_object_set_new(object, "knowledge", json_string(cw_knowledge_name(CW_UNKNOWN)));
	return json_object_set_new(rows->by_id, council_id, object) < 0 ? -ENOMEM : 0;
}

/* A council of which nothing is known is listed too: unknown is not low. */
static json_t *unheard(const struct publisher *publisher, const struct cw_council *council, int32_t day)
{
	struct cw_assessment assessment;
	struct cw_history history;
	json_t *object = NULL;

	/* Its predecessors may have been heard of. */
	if (cw_history_load(publisher->store, publisher->config->councils, &publisher->config->risk, council, &history, NULL) < 0)
		return NULL;
	if (cw_model_assess(&publisher->config->risk, history.at, history.n, day, &assessment, NULL) == 0) {
		object = cw_render_council_level(council, &assessment);
		cw_assessment_clear(&assessment);
	}
	cw_history_free(&history);
	return object;
}

static bool exists_on(const struct cw_council *council, int32_t day)
{
	return (council->start_day == CW_DAY_NONE || council->start_day <= day) &&
	       (council->end_day == CW_DAY_NONE || council->end_day >= day);
}

static json_t *answer_snapshot(struct publisher *publisher, struct cw_error *err)
{
	const struct cw_councils *councils = publisher->config->councils;
	struct level_rows rows = { publisher, json_object(), false };
	json_t *list = json_array(), *answer = NULL;
	struct cw_wall clock = cw_wall_none();
	char when[CW_WALL_TEXT];
	uint64_t seq = 0;
	int32_t day;
	int r;

	r = cw_store_clock(publisher->store, &clock, err);
	if (!cw_wall_known(clock))
		clock = cw_wall_now();
	day = cw_wall_day(clock);
	if (r == 0)
		r = cw_store_required_outage(publisher->store, publisher->config, day, &rows.outage, err);
	if (r == 0)
		r = cw_store_last_seq(publisher->store, &seq, err);
	if (r == 0)
		r = cw_store_levels(publisher->store, CW_DAY_NONE, add_level, &rows, err);
	for (size_t i = 0; r == 0 && i < cw_councils_count(councils); i++) {
		const struct cw_council *council = cw_councils_at(councils, i);
		json_t *row = json_object_get(rows.by_id, council->id);

		if (exists_on(council, day))
			json_array_append_new(list, row ? json_incref(row) : unheard(publisher, council, day));
	}
	if (r == 0)
		answer = json_pack("{s:b, s:I, s:s, s:O}", "snapshot", 1, "seq", (json_int_t)seq, "as_of",
		                   cw_wall_format(clock, when), "councils", list);
	json_decref(list);
	json_decref(rows.by_id);
	return answer;
}

struct replay {
	json_t *topics; /* borrowed; NULL = all */
	json_t *alerts;
	uint64_t last;
	size_t limit, bytes, seen;
	bool more;
};

static bool wanted(const json_t *topics, const char *topic)
{
	size_t i;
	json_t *prefix;

	if (!json_array_size(topics))
		return true;
	json_array_foreach(topics, i, prefix) {
		if (topic && strncmp(topic, json_string_value(prefix), json_string_length(prefix)) == 0)
			return true;
	}
	return false;
}

static int add_replayed(void *arg, uint64_t seq, const char *topic, const char *topic_level, const char *json, size_t len)
{
	struct replay *replay = arg;
	json_t *object;

	if (json_array_size(replay->alerts) == replay->limit || replay->bytes + len > REPLAY_BYTES) {
		replay->more = true;
		return -ECANCELED;
	}
	replay->last = seq;
	if (!wanted(replay->topics, topic) && !wanted(replay->topics, topic_level))
		return 0;
	object = json_loads(json, 0, NULL);
	if (!object)
		return -EUCLEAN;
	replay->bytes += len;
	return json_array_append_new(replay->alerts, object) < 0 ? -ENOMEM : 0;
}

static json_t *answer_since(struct publisher *publisher, json_t *request, struct cw_error *err)
{
	json_t *since = json_object_get(request, "since"), *topics = json_object_get(request, "topics"), *topic;
	json_t *limit = json_object_get(request, "limit"), *answer;
	struct replay replay = { .limit = REPLAY_DEFAULT };
	uint64_t seq = 0;
	size_t i;
	int r;

	if (!json_is_integer(since) || json_integer_value(since) < 0) {
		cw_error_set(err, -EINVAL, "'since' must be a sequence number, 0 or more");
		return NULL;
	}
	if (topics && (!json_is_array(topics) || json_array_size(topics) > TOPICS_MOST)) {
		cw_error_set(err, -EINVAL, "'topics' must be an array of at most %d prefixes", TOPICS_MOST);
		return NULL;
	}
	json_array_foreach(topics, i, topic) {
		if (!json_is_string(topic)) {
			cw_error_set(err, -EINVAL, "'topics' must hold texts");
			return NULL;
		}
	}
	if (limit && (!json_is_integer(limit) || json_integer_value(limit) < 1)) {
		cw_error_set(err, -EINVAL, "'limit' must be a number from 1");
		return NULL;
	}
	if (limit)
		replay.limit = (size_t)CW_MIN(json_integer_value(limit), REPLAY_MOST);
	replay.topics = topics; /* an empty list is no filter, as is none */
	replay.alerts = json_array();
	replay.last = (uint64_t)json_integer_value(since);
	r = cw_store_last_seq(publisher->store, &seq, err);
	if (r == 0)
		r = cw_store_alerts(publisher->store, replay.last, 0, 0, add_replayed, &replay, err);
	if (r < 0 && r != -ECANCELED) {
		json_decref(replay.alerts);
		return NULL;
	}
	answer = json_pack("{s:O, s:I, s:I, s:b, s:O}", "since", since, "last", (json_int_t)replay.last, "seq", (json_int_t)seq,
	                   "more", replay.more, "alerts", replay.alerts);
	json_decref(replay.alerts);
	return answer;
}

static json_t *answer_query(struct publisher *publisher, const struct cw_frame *frame)
{
	struct cw_error err = { .text = "the request is not understood: send {\"snapshot\":true} or {\"since\":N}" };
	json_t *request = NULL, *answer = NULL;

	if (frame->len <= CW_REQUEST_MAX)
		request = json_loadb(frame->data, frame->len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_true(json_object_get(request, "snapshot")))
		answer = answer_snapshot(publisher, &err);
	else if (json_object_get(request, "since"))
		answer = answer_since(publisher, request, &err);
	if (answer && json_object_get(request, "id"))
		json_object_set(answer, "id", json_object_get(request, "id"));
	json_decref(request);
	return answer ? answer : json_pack("{s:s}", "error", err.text);
}

static void on_query(void *arg, unsigned events)
{
	struct publisher *publisher = arg;
	struct cw_frames frames;
	struct cw_frame reply[2];
	struct cw_peer peer;
	bool delimiter;
	json_t *answer;
	char *text;
	int r;

	(void)events;
	r = cw_sock_recv(publisher->query, &peer, &frames);
	if (r < 0)
		return;
	/* REQ sockets put an empty frame before the request, and want one before the answer. */
	delimiter = frames.n == 2 && frames.frame[0].len == 0;
	if (frames.n != 1 && !delimiter)
		return;
	answer = answer_query(publisher, &frames.frame[frames.n - 1]);
	text = json_dumps(answer, CW_JSON_FLAGS);
	json_decref(answer);
	if (!text)
		return;
	reply[0] = (struct cw_frame){ "", 0 };
	reply[1] = (struct cw_frame){ text, strlen(text) };
	/* A peer that does not take its answer goes without: it can ask again. */
	(void)cw_sock_send(publisher->query, &peer, delimiter ? reply : reply + 1, delimiter ? 2 : 1);
	free(text);
}

int publisher_new(struct cw_loop *loop, struct cw_bus *bus, const struct cw_config *config, struct cw_store *store,
                  const char *alerts_endpoint, const char *query_endpoint, struct publisher **ret, struct cw_error *err)
{
	struct publisher *publisher = calloc(1, sizeof(*publisher));
	int r;

	if (!publisher)
		return cw_error_nomem(err);
	*publisher = (struct publisher){ .loop = loop, .config = config, .store = store };
	r = cw_store_last_seq(store, &publisher->seq, err);
	if (r == 0)
		r = cw_sock_new(bus, CW_SOCK_XPUB, ALERT_HWM, 1000, &publisher->alerts, err);
	if (r == 0)
		r = cw_sock_bind(publisher->alerts, alerts_endpoint, err);
	if (r == 0)
		r = cw_sock_new(bus, CW_SOCK_ROUTER, QUERY_HWM, 0, &publisher->query, err);
	if (r == 0)
		r = cw_sock_bind(publisher->query, query_endpoint, err);
	if (r == 0)
		r = cw_loop_add_zmq(loop, cw_sock_zmq(publisher->alerts), CW_LOOP_READ, on_subscription, publisher,
		                    &publisher->alerts_watch, err);
	if (r == 0)
		r = cw_loop_add_zmq(loop, cw_sock_zmq(publisher->query), CW_LOOP_READ, on_query, publisher,
		                    &publisher->query_watch, err);
	if (r == 0)
		r = cw_timer_new(loop, on_heartbeat, publisher, &publisher->heartbeat, err);
	if (r < 0) {
		publisher_free(publisher);
		return r;
	}
	cw_timer_arm(publisher->heartbeat, config->heartbeat_ms);
	*ret = publisher;
	return 0;
}

void publisher_free(struct publisher *publisher)
{
	if (!publisher)
		return;
	cw_timer_free(publisher->heartbeat);
	cw_watch_free(publisher->alerts_watch);
	cw_watch_free(publisher->query_watch);
	cw_sock_free(publisher->alerts);
	cw_sock_free(publisher->query);
	free(publisher);
}
