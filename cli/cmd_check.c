/*
 * councilwatch check: validates the configuration, prints it as understood, and runs the feeds' examples.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "examples.h"
#include "output.h"

const struct cw_option cw_check_options[] = {
	{ "storage", NULL, "instead: are the databases whole, every document and every alert; and what to do", 0 },
	{ NULL },
};

/* Printed back, a configuration with its feeds. */
#define PRINTED_MAX (64u * 1024u * 1024u)

struct check {
	const struct cw_cli *cli;
	json_t *mistakes; /* --json */
	size_t n;
	int failed;
};

static void take_mistake(void *arg, const struct cw_error *err)
{
	struct check *check = arg;
	char text[CW_ERROR_SOURCE_MAX + CW_ERROR_TEXT_MAX + 32];

	check->n++;
	if (!check->cli->json) {
		cw_out_text(stderr, cw_error_format(err, text, sizeof(text)));
		fputc('\n', stderr);
		return;
	}

	json_t *object = json_object();

	cw_json_set(object, "file", cw_json_str(cw_str(err->source)), &check->failed);
	cw_json_set(object, "line", err->line ? json_integer(err->line) : json_null(), &check->failed);
	cw_json_set(object, "text", cw_json_str(cw_str(err->text)), &check->failed);
	if (json_array_append_new(check->mistakes, object) < 0)
		check->failed = -ENOMEM;
}

static json_t *feed_json(const struct cw_feed *feed)
{
	const struct cw_kind_def *kind = cw_kind_def(feed->kind);
	json_t *object = json_object();
	int failed = 0;

	cw_json_set(object, "feed", json_string(feed->name), &failed);
	cw_json_set(object, "file", cw_json_str(cw_str(feed->file)), &failed);
	cw_json_set(object, "line", json_integer(feed->line), &failed);
	cw_json_set(object, "enabled", json_boolean(feed->enabled), &failed);
	cw_json_set(object, "why", feed->why ? cw_json_str(cw_str(feed->why)) : json_null(), &failed);
	cw_json_set(object, "url", feed->url ? cw_json_str(cw_str(feed->url)) : json_null(), &failed);
	cw_json_set(object, "interval_s", json_integer(feed->interval_ms / 1000), &failed);
	cw_json_set(object, "required", json_boolean(feed->required), &failed);
	cw_json_set(object, "publisher", cw_json_str(cw_str(feed->publisher)), &failed);
	cw_json_set(object, "tier", json_string(cw_tier_name(feed->tier)), &failed);
	cw_json_set(object, "format", json_string(cw_format_name(feed->format)), &failed);
	cw_json_set(object, "kind", kind ? json_string(kind->name) : json_null(), &failed);
	cw_json_set(object, "examples", json_integer((json_int_t)feed->n_expects), &failed);
	if (failed) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static int answer_json(struct check *check, const struct cw_config *config, const char *file, size_t passed,
                       size_t failed_examples)
{
	json_t *object = json_object(), *feeds = json_array(), *examples = json_object();

	for (size_t i = 0; config && i < config->n_feeds; i++)
		if (json_array_append_new(feeds, feed_json(&config->feeds[i])) < 0)
			check->failed = -ENOMEM;
	cw_json_set(examples, "passed", json_integer((json_int_t)passed), &check->failed);
	cw_json_set(examples, "failed", json_integer((json_int_t)failed_examples), &check->failed);

	cw_json_set(object, "ok", json_boolean(!check->n), &check->failed);
	cw_json_set(object, "file", cw_json_str(cw_str(file)), &check->failed);
	cw_json_set(object, "mistakes", json_incref(check->mistakes), &check->failed);
	cw_json_set(object, "feeds", feeds, &check->failed);
	cw_json_set(object, "examples", examples, &check->failed);
	cw_json_set(object, "councils",
	            config ? json_integer((json_int_t)cw_councils_count(config->councils)) : json_null(),
	            &check->failed);
	cw_json_set(object, "config", config ? json_string(config->hash) : json_null(), &check->failed);
	if (check->failed) {
		json_decref(object);
		return check->failed;
	}
	return cw_out_json(stdout, object);
}

/* The summary is comments, so that what is printed can be read back as it is. */
static void print_summary(const struct cw_config *config, const struct check *check, size_t passed, size_t failed)
{
	size_t enabled = 0, polled = 0;

	for (size_t i = 0; i < config->n_feeds; i++) {
		enabled += config->feeds[i].enabled;
		polled += config->feeds[i].enabled && config->feeds[i].url && config->fetching;
	}
	printf("\n# %zu feeds: %zu enabled, of which %zu are fetched by themselves.\n", config->n_feeds, enabled,
	       polled);
	printf("# %zu councils.\n", cw_councils_count(config->councils));
	printf("# Examples: %zu as expected, %zu not.\n", passed, failed);
	printf("# Configuration %s: %s\n", config->hash, check->n ? "mistakes, see above" : "good");
}

/* The folders that are not made by the daemon must be there. One that only others may look into is left to the daemon to judge. */
static void check_folders(const struct cw_config *config, struct check *check)
{
	size_t len = strlen(config->state_dir);

	for (size_t i = 0; i < config->n_feeds; i++) {
		const struct cw_feed *feed = &config->feeds[i];
		struct cw_error err;
		struct stat st;
		int r;

		if (!feed->path || !feed->enabled || (strncmp(feed->path, config->state_dir, len) == 0 && feed->path[len] == '/'))
			continue;
		r = stat(feed->path, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
		if (r == 0 || r == -EACCES)
			continue;
		cw_error_at(&err, r, feed->file, feed->line, 0,
		            "the folder %s of feed \"%s\" cannot be watched: %s; make it, writable for the service's user",
		            feed->path, feed->name, strerror(-r));
		take_mistake(check, &err);
	}
}

int cw_cmd_check(struct cw_cli *cli)
{
	const char *file = cli->config_file ? cli->config_file : cw_config_default_file;
	struct check check = { .cli = cli };
	size_t passed = 0, failed = 0;
	struct cw_error err = { 0 };
	struct cw_config *config = NULL;
	struct cw_buf printed;
	int r;

	if (cw_cli_option(cli, "storage"))
		return cw_storage_report(cli);
	check.mistakes = json_array();
	r = cw_config_load(file, take_mistake, &check, &config, &err);
	if (r < 0) {
		if (!check.n) /* not even read: the file is missing, say */
			take_mistake(&check, &err);
	} else {
		for (size_t i = 0; i < config->n_feeds; i++)
			passed += config->feeds[i].n_expects;
		check_folders(config, &check);
		r = cw_examples_run(config, file, take_mistake, &check, &err);
		if (r < 0)
			take_mistake(&check, &err);
		else
			failed = (size_t)r;
		/* An example that failed counts even if nobody reported how. */
		if (failed && !check.n)
			check.n = failed;
		passed -= CW_MIN(passed, failed);
	}

	r = 0;
	if (cli->json) {
		r = answer_json(&check, config, file, passed, failed);
	} else if (config) {
		cw_buf_init(&printed, PRINTED_MAX);
		r = cw_config_print(config, &printed);
		if (!r)
			fwrite(cw_buf_str(&printed), 1, printed.len, stdout);
		cw_buf_clear(&printed);
		print_summary(config, &check, passed, failed);
	}
	json_decref(check.mistakes);
	cw_config_free(config);
	if (r < 0)
		return cw_cli_fail(CW_EXIT_NO, "cannot print the configuration: %s", strerror(-r));
	if (check.n && !cli->json)
		return cw_cli_fail(CW_EXIT_USAGE, "%zu mistake%s", check.n, check.n == 1 ? "" : "s");
	return check.n ? CW_EXIT_USAGE : CW_EXIT_DONE;
}
