/*
 * councilwatch alerts: the stored alerts, in the order in which they were raised.
 */
#include <errno.h>

#include "alert_text.h"
#include "command.h"
#include "digest.h"
#include "output.h"

const struct cw_option cw_alerts_options[] = {
	{ "since", "SEQ", "only those after this number", 0 },
	{ "kind", "KIND", "only of this kind (level_up, floor_opened ...)", 0 },
	{ "digest", NULL, "week by week: how many councils, what happened to them, and why", 0 },
	{ NULL },
};

/* For --digest: gathered here. */
struct listing {
	const struct cw_cli *cli;
	bool gather;
	struct cw_digest digest;
};

static int gather_alert(struct listing *listing, uint64_t seq, const char *json, size_t len)
{
	json_auto_t *event = json_loadb(json, len, 0, NULL);
	int r = event ? cw_digest_add(&listing->digest, event) : -EBADMSG;

	return r < 0 ? cw_cli_fail(r, "alert %llu cannot be told", (unsigned long long)seq) : 0;
}

static int list_alert(void *arg, uint64_t seq, const char *topic_council, const char *topic_level, const char *json,
                      size_t len)
{
	struct listing *listing = arg;
	const struct cw_cli *cli = listing->cli;
	struct cw_error err = { 0 };

	(void)topic_council;
	(void)topic_level;
	if (listing->gather)
		return gather_alert(listing, seq, json, len);
	if (ferror(stdout))
		return -EPIPE;
	if (cli->json) {
		fwrite(json, 1, len, stdout);
		putchar('\n');
		cw_out_count(1, json);
		return 0;
	}
	if (cw_alert_print(stdout, cli->colour, json, len, &err) < 0)
		return cw_cli_fail_error(-EBADMSG, &err, "alert %llu cannot be shown", (unsigned long long)seq);
	return 0;
}

int cw_cmd_alerts(struct cw_cli *cli)
{
	CW_CLEANUP(cw_cli_store_close) struct cw_store *store = NULL;
	enum cw_alert_kind kind = 0;
	struct cw_error err = { 0 };
	struct listing listing = { .cli = cli, .gather = cw_cli_option(cli, "digest") };
	uint64_t since = 0;
	int r;

	if (cw_cli_option_number(cli, "since", 0, INT64_MAX, &since) < 0 ||
	    cw_cli_option_alert_kind(cli, "kind", &kind) < 0)
		return CW_EXIT_USAGE;
	if (listing.gather && cli->json)
		return cw_cli_fail(CW_EXIT_USAGE, "--digest is for people; --json tells every alert");
	r = cw_cli_store(cli, &store);
	if (r)
		return r;

	r = cw_store_alerts(store, since, kind, UINT64_MAX, list_alert, &listing, &err);
	if (r >= 0 && listing.gather)
		r = cw_digest_print_weeks(&listing.digest, stdout);
	cw_digest_clear(&listing.digest);
	if (r == -EPIPE && ferror(stdout))
		return CW_EXIT_DONE;
	if (r < 0)
		return err.code ? cw_cli_fail_error(CW_EXIT_NO, &err, "cannot list the alerts") : CW_EXIT_NO;
	return CW_EXIT_DONE;
}
