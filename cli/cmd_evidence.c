/*
 * councilwatch evidence: what has been received, statement by statement.
 */
#include <errno.h>
#include <string.h>

#include <councilwatch/render.h>

#include "command.h"
#include "evidence_text.h"
#include "output.h"

const struct cw_option cw_evidence_options[] = {
	{ "kind", "KIND", "only of this kind (ilacs, area_send, signal ...)", 0 },
	{ "since", "DATE", "only what was published, or else received, on that day or later", 0 },
	{ NULL },
};

struct listing {
	const struct cw_cli *cli;
	int32_t until; /* CW_DAY_NONE = all */
};

static void print_fact(const struct cw_cli *cli, const struct cw_fact *fact)
{
	const struct cw_evidence *e = &fact->evidence;
	const struct cw_council *council = cw_councils_by_id(cli->config->councils, e->council_id);
	const struct cw_kind_def *kind = cw_kind_def(e->kind);
	char day[CW_WALL_TEXT];

	printf("%-10s  %-13s  ", e->event_day == CW_DAY_NONE ? "undated" : cw_day_format(e->event_day, day),
	       kind ? kind->name : "?");
	if (council)
		cw_out_text(stdout, council->short_name);
	else
		cw_out_str(stdout, e->council_id);
	fputs(": ", stdout);
	cw_evidence_print_values(stdout, e);
	putchar('\n');
	cw_evidence_print_source(stdout, 4, fact);
	if (fact->submitted_by.len) {
		fputs("    handed in by ", stdout);
		cw_out_str(stdout, fact->submitted_by);
		putchar('\n');
	}
}

/* Here only: who handed something in is nothing for the alert stream. */
static json_t *fact_json(const struct cw_fact *fact)
{
	json_t *object = cw_render_fact(fact);

	if (object)
		json_object_set_new(object, "submitted_by", fact->submitted_by.len ? cw_json_str(fact->submitted_by) : json_null());
	return object;
}

static int list_fact(void *arg, const struct cw_fact *fact)
{
	const struct listing *listing = arg;
	struct cw_wall known = fact->evidence.published_at;

	if (ferror(stdout))
		return -EPIPE;
	if (listing->until != CW_DAY_NONE) {
		/* What could be known on that day, not what we know now. */
		if (!cw_wall_known(known))
			known = fact->evidence.fetched_at;
		if (cw_wall_day(known) > listing->until)
			return 0;
	}
	if (listing->cli->json)
		return cw_out_json_line(stdout, fact_json(fact));
	print_fact(listing->cli, fact);
	cw_out_count(1, fact->evidence.kind == CW_KIND_INTERNAL_NOTE || fact->evidence.kind == CW_KIND_OVERRIDE ? "\"internal_note\"" : NULL);
	return 0;
}

int cw_cmd_evidence(struct cw_cli *cli)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	struct cw_fact_filter filter = { .since = CW_DAY_NONE };
	struct listing listing = { .cli = cli, .until = cli->has_as_of ? cli->as_of : CW_DAY_NONE };
	const struct cw_council *council;
	struct cw_error err = { 0 };
	int r;

	if (cw_cli_option_kind(cli, "kind", &filter.kind) < 0 || cw_cli_option_day(cli, "since", &filter.since) < 0)
		return CW_EXIT_USAGE;
	if (cli->n_arguments) {
		r = cw_cli_council(cli, cli->arguments[0], &council);
		if (r)
			return r;
		filter.council_id = council->id;
	}
	r = cw_cli_store(cli, &store);
	if (r)
		return r;

	r = cw_store_facts(store, &filter, list_fact, &listing, &err);
	if (r == -EPIPE && ferror(stdout))
		return CW_EXIT_DONE; /* cw_out_finish tells a reader that went away from a full disk */
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot list the evidence");
	return CW_EXIT_DONE;
}
