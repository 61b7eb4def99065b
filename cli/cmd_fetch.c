/*
 * councilwatch fetch: one feed now, until all it leads to is committed.
 *
 * The daemon fetches; this asks it to, and then how it goes. What was asked of a daemon that is gone is asked again of the next one.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "dry_run.h"
#include "link.h"
#include "output.h"

#define POLL_FIRST_MS 20
#define POLL_LAST_MS 500

const struct cw_option cw_fetch_options[] = {
	{ "dry-run", NULL, "show the evidence and the alerts it would give; keep nothing, tell nobody", 0 },
	{ "links", "N", "in a dry run: links of each step that are fetched (5)", 0 },
	{ NULL },
};

struct fetch {
	const struct cw_cli *cli;
	const char *feed;
	struct cw_link *link;
	int64_t after;    /* the last document that is told */
	char *started_at; /* owned: of the daemon that was asked */
	json_t *told;     /* documents, for --json */
	json_t *state;    /* owned: of the feed, as last heard */
	uint64_t documents, evidence, new_evidence, quarantined, alerts, rejected;
};

static int ask(struct fetch *fetch, bool first, struct cw_error *err)
{
	json_t *answer;
	int r = cw_link_ask(fetch->link, json_pack("{s:s, s:s}", "op", "fetch", "feed", fetch->feed), &answer, err);

	if (r < 0)
		return r;
	/* A daemon that took over goes on where the last one was. */
	if (first)
		fetch->after = cw_json_get_integer(answer, "after", 0);
	json_decref(answer);
	return 0;
}

static void print_document(const json_t *document)
{
	const char *outcome = cw_json_get_text(document, "outcome", "?");

	printf("document %lld  ", (long long)cw_json_get_integer(document, "document", 0));
	cw_out_text(stdout, cw_json_get_text(document, "url", ""));
	if (strcmp(outcome, "parsed") != 0) {
		printf("\n    %s: ", outcome);
		cw_out_text(stdout, cw_json_get_text(document, "detail", ""));
		putchar('\n');
		return;
	}
	if (*cw_json_get_text(document, "step", ""))
		printf("\n    step %s: %lld links followed", cw_json_get_text(document, "step", ""),
		       (long long)cw_json_get_integer(json_object_get(document, "reasons"), "followed", 0));
	else
		printf("\n    %lld rows, %lld evidence (%lld new)", (long long)cw_json_get_integer(document, "rows", 0),
		       (long long)cw_json_get_integer(document, "evidence", 0),
		       (long long)cw_json_get_integer(document, "new_evidence", 0));
	printf(", %lld quarantined, %lld alerts\n", (long long)cw_json_get_integer(document, "quarantined", 0),
	       (long long)cw_json_get_integer(document, "alerts", 0));
}

/* Those that are done, in order, up to the first that is not. */
static void tell_documents(struct fetch *fetch, const json_t *documents)
{
	json_t *document;
	size_t i;

	json_array_foreach(documents, i, document)
	{
		if (strcmp(cw_json_get_text(document, "state", "queued"), "queued") == 0)
			return;
		fetch->after = cw_json_get_integer(document, "document", fetch->after);
		fetch->documents++;
		fetch->evidence += (uint64_t)cw_json_get_integer(document, "evidence", 0);
		fetch->new_evidence += (uint64_t)cw_json_get_integer(document, "new_evidence", 0);
		fetch->quarantined += (uint64_t)cw_json_get_integer(document, "quarantined", 0);
		fetch->alerts += (uint64_t)cw_json_get_integer(document, "alerts", 0);
		fetch->rejected += strcmp(cw_json_get_text(document, "outcome", "?"), "parsed") != 0;
		if (fetch->cli->json) {
			json_array_append(fetch->told, document);
		} else {
			print_document(document);
			fflush(stdout);
		}
	}
}

/* 1: all is done; 0: not yet; -errno. */
static int look(struct fetch *fetch, bool *ret_news, struct cw_error *err)
{
	const char *started_at;
	int64_t before = fetch->after;
	json_t *answer, *state;
	bool settled;
	int r;

	r = cw_link_ask(fetch->link,
	                json_pack("{s:s, s:s, s:I}", "op", "fetched", "feed", fetch->feed, "after", (json_int_t)fetch->after),
	                &answer, err);
	if (r < 0)
		return r;
	state = json_object_get(answer, "state");
	started_at = cw_json_get_text(state, "started_at", "");
	tell_documents(fetch, json_object_get(answer, "documents"));
	*ret_news = fetch->after != before;
	settled = cw_json_get_bool(state, "settled", false);
	json_decref(fetch->state);
	fetch->state = json_incref(state);
	if (!fetch->started_at || strcmp(fetch->started_at, started_at) != 0) {
		/* Another daemon: what was asked of the first is not known to it. */
		if (fetch->started_at) {
			r = ask(fetch, false, err);
			settled = false;
		}
		free(fetch->started_at);
		fetch->started_at = strdup(started_at);
		if (!fetch->started_at)
			r = cw_error_nomem(err);
	}
	json_decref(answer);
	return r < 0 ? r : settled && !*ret_news;
}

static void print_summary(const struct fetch *fetch, bool failed)
{
	const char *detail = cw_json_get_text(fetch->state, "detail", NULL);
	json_t *step;
	size_t i;

	json_array_foreach(json_object_get(fetch->state, "steps"), i, step)
	{
		const char *name = cw_json_get_text(step, "step", NULL);

		printf("%s%s%s: %lld links, %lld fetched, %lld failing, %lld waiting\n", name ? "step " : "further pages",
		       name ? name : "", "", (long long)cw_json_get_integer(step, "links", 0),
		       (long long)cw_json_get_integer(step, "fetched", 0), (long long)cw_json_get_integer(step, "failing", 0),
		       (long long)cw_json_get_integer(step, "waiting", 0));
	}
	cw_out_text(stdout, fetch->feed);
	printf(": %s (%s); %" PRIu64 " documents, %" PRIu64 " rejected, %" PRIu64 " evidence (%" PRIu64 " new), %" PRIu64
	       " quarantined, %" PRIu64 " alerts\n",
	       failed ? "failed" : "well", cw_json_get_text(fetch->state, "outcome", "?"), fetch->documents, fetch->rejected,
	       fetch->evidence, fetch->new_evidence, fetch->quarantined, fetch->alerts);
	if (failed && detail) {
		fputs("    ", stdout);
		cw_out_text(stdout, detail);
		putchar('\n');
	}
}

static int print_json(const struct fetch *fetch, bool failed)
{
	json_t *object = json_object();
	int r = 0;

	cw_json_set(object, "feed", json_string(fetch->feed), &r);
	cw_json_set(object, "ok", json_boolean(!failed), &r);
	cw_json_set(object, "outcome", json_incref(json_object_get(fetch->state, "outcome")), &r);
	cw_json_set(object, "detail", json_incref(json_object_get(fetch->state, "detail")), &r);
	if (json_object_get(fetch->state, "steps"))
		cw_json_set(object, "steps", json_incref(json_object_get(fetch->state, "steps")), &r);
	cw_json_set(object, "documents", json_incref(fetch->told), &r);
	cw_json_set(object, "rejected", json_integer((json_int_t)fetch->rejected), &r);
	cw_json_set(object, "evidence", json_integer((json_int_t)fetch->evidence), &r);
	cw_json_set(object, "new_evidence", json_integer((json_int_t)fetch->new_evidence), &r);
	cw_json_set(object, "quarantined", json_integer((json_int_t)fetch->quarantined), &r);
	cw_json_set(object, "alerts", json_integer((json_int_t)fetch->alerts), &r);
	if (r < 0) {
		json_decref(object);
		return r;
	}
	return cw_out_json(stdout, object);
}

static int run(struct fetch *fetch, struct cw_error *err)
{
	int64_t pause = POLL_FIRST_MS;
	bool news = false;
	int r;

	r = cw_link_new(fetch->cli->config, fetch->cli->config->endpoint_control, &fetch->link, err);
	if (r == 0)
		r = ask(fetch, true, err);
	while (r == 0) {
		struct timespec step;

		r = look(fetch, &news, err);
		if (r)
			break;
		pause = news ? POLL_FIRST_MS : CW_MIN(pause * 2, (int64_t)POLL_LAST_MS);
		step = (struct timespec){ .tv_nsec = pause * 1000000 };
		nanosleep(&step, NULL);
	}
	return r < 0 ? r : 0;
}

int cw_cmd_fetch(struct cw_cli *cli)
{
	struct fetch fetch = { .cli = cli, .feed = cli->arguments[0], .told = json_array() };
	const struct cw_feed *feed = cw_config_feed(cli->config, cw_str(fetch.feed));
	struct cw_error err = { 0 };
	bool failed = true;
	int r, status = CW_EXIT_NO;

	if (!feed || !feed->url) {
		const char **names = calloc(cli->config->n_feeds + 1, sizeof(*names)), *near = NULL;

		for (size_t i = 0; names && i < cli->config->n_feeds; i++)
			names[i] = cli->config->feeds[i].name;
		near = names && !feed ? cw_nearest(fetch.feed, names) : NULL;
		if (feed)
			status = cw_cli_fail(CW_EXIT_NO, "feed '%s' has no url: it takes documents by import only", fetch.feed);
		else
			status = cw_cli_fail(CW_EXIT_NO, "there is no feed '%s'%s%s%s", fetch.feed, near ? "; did you mean '" : "",
			                     near ? near : "", near ? "'?" : "");
		free(names);
	} else if (cw_cli_option(cli, "dry-run")) {
		uint64_t links = CW_DRY_RUN_LINKS;

		status = cw_cli_option_number(cli, "links", 1, CW_LINKS_FEED_MAX, &links) < 0
		             ? CW_EXIT_USAGE
		             : cw_dry_run(cli, feed, (unsigned)links);
	} else {
		r = run(&fetch, &err);
		failed = cw_json_get_integer(fetch.state, "failures", 1) > 0;
		if (r < 0)
			status = cw_cli_fail_error(CW_EXIT_NO, &err, "cannot fetch");
		else if (cli->json && print_json(&fetch, failed) < 0)
			status = cw_cli_fail(CW_EXIT_NO, "out of memory");
		else
			status = failed ? CW_EXIT_NO : CW_EXIT_DONE;
		if (r == 0 && !cli->json)
			print_summary(&fetch, failed);
	}
	cw_link_free(fetch.link);
	json_decref(fetch.told);
	json_decref(fetch.state);
	free(fetch.started_at);
	return status;
}
