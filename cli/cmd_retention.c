/*
 * councilwatch retention: for how long what is kept, and what would go now; with --apply it goes.
 *
 * The daemon does both with the same walk, so that what is shown is what would be removed.
 */
#include <errno.h>
#include <string.h>

#include "command.h"
#include "link.h"
#include "output.h"

const struct cw_option cw_retention_options[] = {
	{ "apply", NULL, "remove it now; without it nothing is removed", 0 },
	{ NULL },
};

static const struct {
	const char *rule, *what;
} explained[] = {
	{ "documents", "bytes of documents, since they were stored" },
	{ "refused", "bytes of documents in which personal data was found" },
	{ "news_text", "documents, titles and quotes of news feeds" },
	{ "notes", "texts and authors of notes and rulings, since they expired" },
	{ "evidence", "everything, since the contract ended" },
};

static int run(const struct cw_cli *cli, struct cw_link *link, bool apply, json_t **ret, struct cw_error *err)
{
	int64_t pause = CW_LINK_POLL_FIRST_MS, number;
	char day[CW_WALL_TEXT];
	json_t *answer;
	int r;

	r = cw_link_ask(link, json_pack("{s:s, s:b, s:s}", "op", "retention", "apply", apply, "day", cw_day_format(cli->as_of, day)),
	                &answer, err);
	if (r < 0)
		return r;
	number = cw_json_get_integer(answer, "run", 0);
	json_decref(answer);
	for (;;) {
		r = cw_link_ask(link, json_pack("{s:s, s:I}", "op", "retained", "run", (json_int_t)number), &answer, err);
		if (r < 0)
			return r;
		if (cw_json_get_bool(answer, "done", false))
			break;
		json_decref(answer);
		cw_link_pause(pause);
		pause = CW_MIN(pause * 2, CW_LINK_POLL_LAST_MS);
	}
	if (json_object_get(answer, "error")) {
		r = cw_error_set(err, -EREMOTEIO, "%s", cw_json_get_text(answer, "error", ""));
		json_decref(answer);
		return r;
	}
	*ret = answer;
	return 0;
}

static int print_json(const struct cw_cli *cli, const json_t *answer, bool apply)
{
	char day[CW_WALL_TEXT];

	return cw_out_json(stdout, json_pack("{s:b, s:s, s:O, s:O}", "applied", apply, "day", cw_day_format(cli->as_of, day), "rules",
	                                     json_object_get(answer, "rules"), "rows", json_object_get(answer, "rows"))) < 0
	           ? cw_cli_fail(CW_EXIT_NO, "out of memory")
	           : CW_EXIT_DONE;
}

static int print_text(const struct cw_cli *cli, const json_t *answer, bool apply)
{
	static const struct cw_column columns[] = { { "RULE", false }, { "FEED", false }, { "WHAT", false }, { "N", true }, { "OLDEST", false } };
	const json_t *rules = json_object_get(answer, "rules"), *rows = json_object_get(answer, "rows"), *row;
	struct cw_table table;
	char day[CW_WALL_TEXT];
	size_t i;
	int r;

	for (i = 0; i < CW_ARRAY_LEN(explained); i++)
		printf("%-10s %-10s %s\n", explained[i].rule, cw_json_get_text(rules, explained[i].rule, ""), explained[i].what);
	if (json_is_string(json_object_get(rules, "contract_end")))
		printf("The contract ends on %s.\n\n", cw_json_get_text(rules, "contract_end", ""));
	else
		printf("No contract_end is configured: evidence is kept.\n\n");
	if (!json_array_size(rows)) {
		printf("Nothing is due on %s.\n", cw_day_format(cli->as_of, day));
		return CW_EXIT_DONE;
	}
	printf("%s %s:\n", apply ? "Removed, as due on" : "Would be removed on", cw_day_format(cli->as_of, day));
	cw_table_init(&table, columns, CW_ARRAY_LEN(columns));
	json_array_foreach(rows, i, row)
	{
		const char *what = cw_json_get_text(row, "what", "");

		cw_table_add(&table, cw_json_get_text(row, "rule", ""));
		cw_table_add(&table, cw_json_get_text(row, "feed", ""));
		cw_table_add(&table, strcmp(what, "kept_in_quarantine") ? what : "kept, in quarantine");
		cw_table_addf(&table, "%lld", (long long)cw_json_get_integer(row, "n", 0));
		cw_table_addf(&table, "%.10s", cw_json_get_text(row, "oldest", ""));
	}
	r = cw_table_print(&table, 2, cli->colour, stdout);
	cw_table_clear(&table);
	if (r < 0)
		return cw_cli_fail(CW_EXIT_NO, "out of memory");
	if (!apply)
		printf("The daemon removes what is due once a day; 'councilwatch retention --apply' does it now.\n");
	return CW_EXIT_DONE;
}

int cw_cmd_retention(struct cw_cli *cli)
{
	bool apply = cw_cli_option(cli, "apply") != NULL;
	struct cw_link *link = NULL;
	struct cw_error err = { 0 };
	json_t *answer = NULL;
	int status, r;

	r = cw_link_new(cli->config, cli->config->endpoint_control, &link, &err);
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "councilwatchd is needed and does not answer");
	r = run(cli, link, apply, &answer, &err);
	if (r < 0)
		status = cw_cli_fail_error(CW_EXIT_NO, &err, apply ? "not all was removed" : "it cannot be told");
	else
		status = cli->json ? print_json(cli, answer, apply) : print_text(cli, answer, apply);
	json_decref(answer);
	cw_link_free(link);
	return status;
}
