/*
 * councilwatch-normaliser: turns the bytes of documents into evidence.
 *
 * It is responsible for reading anything that a feed brings without harm and without guessing, and for saying
 * of every row what became of it. It reads its configuration, shuts itself in, and from then on
 * has no files, no network and no database: only its two sockets, to the daemon and to the assessor. The
 * daemon starts it, hands it one document at a time, and replaces it when the configuration changes.
 *
 * "councilwatch check" runs it with --expect: then it tries the examples of the feeds, as shut in as ever, says on standard
 * output what it found, one JSON object a line, and ends.
 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <jansson.h>

#include <councilwatch/clock.h>
#include <councilwatch/config.h>
#include <councilwatch/log.h>
#include <councilwatch/loop.h>
#include <councilwatch/normalise.h>
#include <councilwatch/paths.h>
#include <councilwatch/sandbox.h>

#include "format_report.h"
#include "worker.h"

#define PROGRAM "councilwatch-normaliser"
#define EXIT_USAGE 2
/* Seconds of work that all examples together may take: a sample that makes a parser go round for ever ends here. */
#define EXPECT_SECONDS 300

struct options {
	const char *config;
	char *work, *evidence; /* owned */
	const char *index;
	bool expect;
};

static void usage(FILE *out)
{
	fputs("usage: " PROGRAM " [-c FILE] [--work ENDPOINT --evidence ENDPOINT] [--index N]\n"
	      "       " PROGRAM " [-c FILE] --expect\n"
	      "Started by councilwatchd and by \"councilwatch check\"; see councilwatch-normaliser(8).\n",
	      out);
}

static int set_text(char **at, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

/* -1 to go on, else the exit status. */
static int read_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "work", required_argument, NULL, 'w' },
		{ "evidence", required_argument, NULL, 'e' },
		{ "index", required_argument, NULL, 'i' },
		{ "expect", no_argument, NULL, 'x' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:hV", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			options->config = optarg;
			break;
		case 'w':
			if (set_text(&options->work, optarg) < 0)
				return EXIT_FAILURE;
			break;
		case 'e':
			if (set_text(&options->evidence, optarg) < 0)
				return EXIT_FAILURE;
			break;
		case 'i':
			options->index = optarg;
			break;
		case 'x':
			options->expect = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			puts(PROGRAM " " CW_VERSION);
			return 0;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	/* Without both, the configuration says where they are. */
	if (optind == argc && (options->expect ? !options->work && !options->evidence : !options->work == !options->evidence))
		return -1;
	usage(stderr);
	return EXIT_USAGE;
}

static void report_mistake(void *arg, const struct cw_error *err)
{
	(void)arg;
	cw_log_error(CW_LOG_ERROR, "config.invalid", err, NULL);
}

static void report_encoding(void *arg, const struct cw_error *err)
{
	(void)arg;
	cw_log_error(CW_LOG_WARNING, "normaliser.encoding", err, NULL);
}

/* A worker without its daemon would go on holding a document that the next daemon hands to another. */
static bool die_with_parent(void)
{
	pid_t parent = getppid();

	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
}

static int resolve(const char *given, const char *configured, char **ret, struct cw_error *err)
{
	char *endpoint;
	int r = cw_endpoint_resolve(given ? given : configured, &endpoint, err);

	if (r == 0) {
		free(*ret);
		*ret = endpoint;
	}
	return r;
}

/* All that can only be read before it shuts itself in: keys, and what the service's name means. */
static int find_service(const struct cw_config *config, struct options *options, struct cw_identity *identity, struct cw_error *err)
{
	int r = resolve(options->work, config->endpoint_work, &options->work, err);

	if (r == 0)
		r = resolve(options->evidence, config->endpoint_evidence, &options->evidence, err);
	return r == 0 ? cw_identity_load(config, identity, err) : r;
}

static int enter_sandbox(const struct cw_config *config, const struct options *options, struct cw_error *err)
{
	char missing[64] = "";
	struct cw_sandbox_options sandbox = {
		.tcp = !options->expect && (!strncmp(options->work, "tcp:", 4) || !strncmp(options->evidence, "tcp:", 4)),
#ifndef CW_SANITIZED
		.memory_max = config->worker_memory,
#endif
	};
	int r;

	if (!config->sandbox) {
		cw_log(CW_LOG_WARNING, "sandbox.off", "setting=%s", "sandbox");
		return 0;
	}
	r = cw_sandbox_enter(CW_SANDBOX_NORMALISER, &sandbox, missing, sizeof(missing), err);
	if (r == 0 && missing[0])
		cw_log(CW_LOG_NOTICE, "sandbox.partial", "missing=%s", missing);
	return r;
}

/* --- the examples --- */

static void print_json(json_t *object)
{
	if (!object || json_dumpf(object, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF)
		exit(EXIT_FAILURE);
	json_decref(object);
}

/* Read by cli/examples.c. */
static void print_mistake(void *arg, const struct cw_error *err)
{
	json_t *text = json_string(err->text);

	(void)arg;
	/* What a sample gives is escaped already; a message of the system may still not be UTF-8. */
	print_json(json_pack("{s:s, s:i, s:o}", "file", err->source, "line", (int)err->line, "text",
	                     text ? text : json_string("a message that is not UTF-8")));
}

static int try_examples(const struct cw_config *config, const struct cw_samples *samples, struct cw_error *err)
{
	int r = cw_expect_run(config, NULL, samples, print_mistake, NULL, err);

	if (r >= 0)
		print_json(json_pack("{s:i}", "failed", r));
	return r < 0 ? r : 0;
}

static void limit_work(void)
{
	struct rlimit limit = { EXPECT_SECONDS, EXPECT_SECONDS };

	(void)setrlimit(RLIMIT_CPU, &limit);
}

static void on_signal(void *arg, int signo)
{
	(void)signo;
	cw_worker_stop(arg);
}

static int run(const struct cw_config *config, const struct options *options, const struct cw_identity *identity,
               struct cw_error *err)
{
	static const int signals[] = { SIGTERM, 0 };
	struct cw_worker *worker = NULL;
	struct cw_loop *loop = NULL;
	int r;

	r = cw_loop_new(&loop, err);
	if (r == 0)
		r = cw_worker_new(config, loop, options->work, options->evidence, identity, &worker, err);
	if (r == 0)
		r = cw_loop_add_signals(loop, signals, on_signal, worker, err);
	if (r == 0)
		r = cw_worker_start(worker, err);
	if (r == 0)
		r = cw_loop_run(loop, err);
	if (r == 0)
		r = cw_worker_result(worker, err);
	cw_worker_free(worker);
	if (loop)
		cw_loop_free(loop);
	return r;
}

int main(int argc, char **argv)
{
	struct options options = { .config = cw_config_default_file };
	struct cw_config *config = NULL;
	struct cw_samples *samples = NULL;
	struct cw_identity identity = { 0 };
	struct cw_error err = { 0 };
	sigset_t term;
	int r;

	r = read_options(argc, argv, &options);
	if (r >= 0)
		return r;
	(void)close_range(3, ~0U, 0); /* nothing is inherited but the standard streams */
	cw_log_init(PROGRAM, CW_LOG_INFO);
	if (!die_with_parent())
		return EXIT_FAILURE;
	/* A terminal's interrupt goes to the whole group; the daemon decides when its workers stop. SIGTERM waits
	 * until the loop can hear it, so that ZeroMQ's threads do not. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	if (!options.expect)
		(void)sigprocmask(SIG_BLOCK, &term, NULL);
	/* Each arena of the C library reserves 64 MiB of the address space that the sandbox limits. */
	(void)mallopt(M_ARENA_MAX, 1);

	r = cw_config_load(options.config, report_mistake, NULL, &config, &err);
	if (r < 0) {
		cw_log_error(CW_LOG_ERROR, "config.refused", &err, "file=%s", options.config);
		return EXIT_USAGE;
	}
	/* What becomes of examples is said on standard output; the rest is the command's to say. */
	cw_log_set_level(options.expect ? CW_LOG_ERROR : (enum cw_log_level)config->log_level);

	r = cw_normalise_prepare(config, options.expect ? print_mistake : report_encoding, NULL, &err);
	if (r == 0) {
		r = cw_format_report_register();
		if (r < 0)
			cw_error_set(&err, r, "format ilacs-report: %s", strerror(-r));
	}
	if (r == 0 && options.expect) {
		limit_work();
		r = cw_samples_load(config, &samples, &err);
	}
	if (r == 0 && !options.expect)
		r = find_service(config, &options, &identity, &err);
	if (r == 0)
		r = enter_sandbox(config, &options, &err);
	if (r == 0)
		r = options.expect ? try_examples(config, samples, &err) : run(config, &options, &identity, &err);
	cw_identity_clear(&identity);
	free(options.work);
	free(options.evidence);
	if (r < 0)
		cw_log_error(CW_LOG_ERROR, "normaliser.failed", &err, "index=%s", options.index ? options.index : "0");
	cw_samples_free(samples);
	cw_config_free(config);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
