/*
 * councilwatch-assessor: evidence to signals, levels and alerts.
 *
 * Receives evidence from normalisers and orders from the daemon; is the only writer of councilwatch.db; publishes
 * alerts and answers queries. It cannot reach the network beyond its sockets, and no files but its state and runtime
 * directories. It is started by councilwatchd.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <councilwatch/config.h>
#include <councilwatch/log.h>
#include <councilwatch/loop.h>
#include <councilwatch/paths.h>
#include <councilwatch/sandbox.h>
#include <councilwatch/serve.h>

#include "intake.h"
#include "publish.h"

struct assessor {
	struct cw_config *config;
	struct cw_store *store;
	struct cw_bus *bus;
	struct cw_gate *gate; /* NULL = nothing is served to other machines */
	struct cw_loop *loop;
	struct committer *committer;
	struct publisher *publisher;
	struct intake *intake;
	struct cw_timer *tick;
};

struct endpoints {
	const char *config, *commit, *evidence, *alerts, *query;
};

static const char usage[] =
	"Usage: councilwatch-assessor -c FILE [--commit ENDPOINT] [--evidence ENDPOINT] [--alerts ENDPOINT]\n"
	"                             [--query ENDPOINT]\n"
	"Works out levels and alerts from evidence. Started by councilwatchd; see councilwatch-assessor(8).\n";

/* 0: go on; else the exit status plus 1. */
static int parse_options(int argc, char **argv, struct endpoints *ret)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },   { "commit", required_argument, NULL, 'm' },
		{ "evidence", required_argument, NULL, 'e' }, { "alerts", required_argument, NULL, 'a' },
		{ "query", required_argument, NULL, 'q' },    { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },        { NULL, 0, NULL, 0 },
	};
	int c;

	*ret = (struct endpoints){ .config = cw_config_default_file };
	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			ret->config = optarg;
			break;
		case 'm':
			ret->commit = optarg;
			break;
		case 'e':
			ret->evidence = optarg;
			break;
		case 'a':
			ret->alerts = optarg;
			break;
		case 'q':
			ret->query = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case 'V':
			printf("councilwatch-assessor %s\n", CW_VERSION);
			return 1;
		default:
			fputs(usage, stderr);
			return 3;
		}
	}
	if (optind != argc) {
		fprintf(stderr, "councilwatch-assessor: unexpected argument '%s'\n%s", argv[optind], usage);
		return 3;
	}
	return 0;
}

static void report_mistake(void *arg, const struct cw_error *mistake)
{
	(void)arg;
	cw_log_error(CW_LOG_ERROR, "config.mistake", mistake, NULL);
}

static void on_alert(void *arg, uint64_t seq, const char *topic, const char *topic_level, const char *json, size_t len,
                     bool publish)
{
	struct assessor *assessor = arg;

	if (publish)
		publisher_send(assessor->publisher, seq, topic, topic_level, json, len);
	else
		publisher_note_seq(assessor->publisher, seq);
}

static void on_stopped(void *arg)
{
	struct assessor *assessor = arg;

	cw_loop_stop(assessor->loop);
}

/* The daemon decides when its workers stop; a second signal insists. */
static void on_signal(void *arg, int signo)
{
	struct assessor *assessor = arg;

	if (signo == SIGTERM || signo == SIGINT)
		cw_loop_stop(assessor->loop);
}

#define TICK_SETTLE_MS 1000      /* after start, for the daemon to say which feeds it polls */
#define TICK_LONGEST_MS 3600000  /* the wall clock may be set; look once an hour */

/* Sleeps until the next day on which time alone changes something. */
static void on_tick(void *arg)
{
	struct assessor *assessor = arg;
	struct cw_error err = { 0 };
	struct cw_wall now = cw_wall_now();
	int64_t sleep_ms = TICK_LONGEST_MS;
	int32_t next = CW_DAY_NONE;
	int r = 0;

	if (intake_live(assessor->intake)) {
		r = cw_store_next_day(assessor->store, &next, &err);
		if (r == 0 && next != CW_DAY_NONE && next <= cw_wall_day(now)) {
			r = commit_tick(assessor->committer, now, &err);
			if (r == 0)
				r = cw_store_next_day(assessor->store, &next, &err);
		}
		if (next != CW_DAY_NONE)
			sleep_ms = CW_MIN(sleep_ms, CW_MAX(cw_day_start(next).ms - now.ms, TICK_SETTLE_MS));
	}
	if (r < 0)
		cw_log_error(CW_LOG_ERROR, "tick.failed", &err, NULL);
	cw_timer_arm(assessor->tick, sleep_ms);
}

static void on_refused(void *arg, const struct cw_refused *refused)
{
	(void)arg;
	cw_log(CW_LOG_WARNING, "peer.refused", "endpoint=%s reason=%s from=%s count=%llu total=%llu", refused->door,
	       cw_refusal_name(refused->why), refused->who, (unsigned long long)refused->n, (unsigned long long)refused->total);
}

static bool is_tcp(const char *endpoint)
{
	return endpoint && strncmp(endpoint, "tcp://", 6) == 0;
}

static bool serves_tcp(const struct cw_config *config)
{
	return is_tcp(config->endpoint_alerts) || is_tcp(config->endpoint_query) || is_tcp(config->endpoint_evidence) ||
	       is_tcp(config->endpoint_commit) || config->remote_alerts || config->remote_query || config->remote_evidence;
}

/* Start-up order; assessor_close is the same backwards. */
static int assessor_open(struct assessor *assessor, const struct endpoints *given, struct cw_key_pair *own, struct cw_error *err)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE, 0 };
	const struct cw_config *config;
	const char *writable[3];
	struct cw_sandbox_options sandbox = { .writable = writable };
	unsigned char warm[CW_SHA256_LEN];
	char missing[256];
	bool has_key;
	int r;

	r = cw_config_load(given->config, report_mistake, NULL, &assessor->config, err);
	if (r < 0)
		return r;
	config = assessor->config;
	cw_log_set_level((enum cw_log_level)config->log_level);
	/* libcrypto reads its own configuration at first use: before the sandbox. */
	(void)cw_sha256("", 0, warm);
	r = cw_serve_key(config, CW_DOORS_ASSESSOR, &has_key, own, err);
	if (r < 0)
		return r;
	if (config->sandbox) {
		writable[0] = config->state_dir;
		writable[1] = config->runtime_dir;
		writable[2] = NULL;
		sandbox.tcp = serves_tcp(config);
		r = cw_sandbox_enter(CW_SANDBOX_ASSESSOR, &sandbox, missing, sizeof(missing), err);
		if (r < 0)
			return r;
		if (missing[0])
			cw_log(CW_LOG_WARNING, "sandbox.incomplete", "missing=%s", missing);
	}
	r = cw_store_open_writer(config->state_dir, &assessor->store, err);
	if (r == 0)
		r = committer_new(config, assessor->store, on_alert, assessor, &assessor->committer, err);
	if (r == 0)
		r = cw_loop_new(&assessor->loop, err);
	if (r == 0)
		r = cw_loop_add_signals(assessor->loop, signals, on_signal, assessor, err);
	if (r == 0)
		r = cw_bus_new(&assessor->bus, err);
	if (r == 0)
		r = cw_serve(config, CW_DOORS_ASSESSOR, assessor->loop, assessor->bus, has_key ? own : NULL, on_refused, assessor,
		             &assessor->gate, err);
	if (r == 0)
		r = publisher_new(assessor->loop, assessor->bus, config, assessor->store,
		                  given->alerts ? given->alerts : config->endpoint_alerts,
		                  given->query ? given->query : config->endpoint_query, &assessor->publisher, err);
	if (r == 0)
		r = commit_refresh(assessor->committer, err);
	if (r == 0)
		r = intake_new(assessor->loop, assessor->bus, config, assessor->store, assessor->committer,
		               given->commit ? given->commit : config->endpoint_commit,
		               given->evidence ? given->evidence : config->endpoint_evidence, on_stopped, assessor,
		               &assessor->intake, err);
	if (r == 0)
		r = cw_timer_new(assessor->loop, on_tick, assessor, &assessor->tick, err);
	if (r < 0)
		return r;
	intake_set_gate(assessor->intake, assessor->gate);
	cw_timer_arm(assessor->tick, TICK_SETTLE_MS);
	return intake_ready(assessor->intake, err);
}

static void assessor_close(struct assessor *assessor)
{
	cw_timer_free(assessor->tick);
	intake_free(assessor->intake);
	publisher_free(assessor->publisher);
	cw_gate_free(assessor->gate);
	cw_bus_free(assessor->bus);
	cw_loop_free(assessor->loop);
	committer_free(assessor->committer);
	cw_store_close(assessor->store);
	cw_config_free(assessor->config);
}

int main(int argc, char **argv)
{
	struct assessor assessor = { 0 };
	struct endpoints endpoints;
	struct cw_key_pair own = { 0 };
	struct cw_error err = { 0 };
	int r;

	cw_log_init("councilwatch-assessor", CW_LOG_INFO);
	r = parse_options(argc, argv, &endpoints);
	if (r)
		return r - 1;
	r = assessor_open(&assessor, &endpoints, &own, &err);
	cw_key_pair_clear(&own);
	if (r == 0)
		r = cw_loop_run(assessor.loop, &err);
	if (r < 0)
		cw_log_error(CW_LOG_ERROR, "assessor.failed", &err, NULL);
	assessor_close(&assessor);
	return r < 0 ? 1 : 0;
}
