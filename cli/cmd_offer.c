/*
 * councilwatch offer: the support ledger. What was offered to whom, when, and what came of it; who waits for an offer.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "offer.h"
#include "output.h"
#include "record.h"

const struct cw_option cw_offer_options[] = {
	{ "partial", NULL, "of import: take the rows that are well, and list the others", 0 },
	{ "known-at", "DATE", "of import: when this was known, for records from before this ledger; today when left out", 0 },
	{ "id", "ID", "of add: the offer; one that is there gets another row, with what is not given as it was", 0 },
	{ "organisation", "NAME", "of add: instead of a council", 0 },
	{ "organisation-kind", "KIND", "of add: trust, icb, safeguarding_partnership, regional_alliance, combined_authority, council or other", 0 },
	{ "strand", "STRAND", "csc, send or early_years", 0 },
	{ "tier", "TIER", "universal, targeted or intensive", 0 },
	{ "status", "STATUS", "read, contacted, offered, accepted, declined, delivered or withdrawn", 0 },
	{ "status-at", "DATE", "of add: since when it is so; today when left out", 0 },
	{ "offered-at", "DATE", "of add: when it was offered", 0 },
	{ "trigger", "ALERT", "of add: the id of the alert that it answers", 0 },
	{ "contact-role", "ROLE", "of add: who was spoken to, a role and never a name", 0 },
	{ "engaged-roles", "ROLE|ROLE", "of add: who else took part", 0 },
	{ "read-at", "DATE", "of add: when the alert was read", 0 },
	{ "contact-at", "DATE", "of add: the first contact", 0 },
	{ "days", "N", "of add: days of support", 0 },
	{ "product", "TEXT", "of add: what was offered, such as peer-challenge or lead-member-training", 0 },
	{ "reason", "TEXT", "of add: why it was declined or withdrawn", 0 },
	{ "rating", "1..5", "of add: how the participants rate it", 0 },
	{ "participants", "N", "of add: how many they are", 0 },
	{ "plan-until", "DATE", "of add: a plan was agreed and runs until then", 0 },
	{ "note-ref", "TEXT", "of add: where more is written down", 0 },
	{ "since", "DATE", "of list, late: only from that day on", 0 },
	{ "all", NULL, "of late: every alert, also of councils that have left the level since", 0 },
	{ NULL },
};

int offer_ledger(const struct cw_cli *cli, bool writer, struct cw_ledger **ret)
{
	struct cw_error err = { 0 };
	int r = writer ? 0 : cw_record_begin(cli);

	if (r)
		return r;
	r = cw_ledger_open(cli->config->state_dir, writer, ret, &err);
	if (r == -ENOENT && !writer)
		return 0;
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot open the ledger in '%s'", cli->config->state_dir);
	return 0;
}

void offer_ledger_close(struct cw_ledger **ledger)
{
	cw_ledger_close(*ledger);
	*ledger = NULL;
}

struct cw_wall offer_known_by(const struct cw_cli *cli)
{
	return cli->has_as_of ? (struct cw_wall){ cw_day_start(cli->as_of + 1).ms - 1 } : cw_wall_none();
}

int offer_store(const struct cw_cli *cli, struct cw_store **ret)
{
	struct cw_error err = { 0 };
	int r = cw_store_open_reader(cli->config->state_dir, ret, &err);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = cw_store_read_begin(*ret, &err);
	if (r == 0)
		return 0;
	cw_store_close(*ret);
	*ret = NULL;
	return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot read the database in '%s'", cli->config->state_dir);
}

/* ---- checking ---- */

static void print_report(void *arg, const struct cw_error *err)
{
	char text[CW_ERROR_SOURCE_MAX + CW_ERROR_TEXT_MAX + 32];

	(void)arg;
	cw_out_text(stderr, cw_error_format(err, text, sizeof(text)));
	fputc('\n', stderr);
}

static void print_warning(void *arg, const struct cw_error *err)
{
	struct cw_error warning = *err;

	cw_error_prefix(&warning, "warning");
	print_report(arg, &warning);
}

struct found {
	char **council;
	int32_t day;
	bool any;
};

static int take_alert(void *arg, const struct cw_alert_row *row)
{
	struct found *found = arg;

	found->any = true;
	found->day = cw_wall_day(row->time);
	if (!row->council_id)
		return 0;
	*found->council = strdup(row->council_id);
	return *found->council ? 0 : -ENOMEM;
}

static int find_alert(void *arg, const char *id, char **ret_council, int32_t *ret_day)
{
	struct found found = { .council = ret_council };
	int r = cw_store_alert_rows(arg, id, ~0u, take_alert, &found, NULL);

	*ret_day = found.day;
	return r < 0 ? r : found.any;
}

void offer_rules(const struct cw_cli *cli, struct cw_store *store, struct cw_offer_rules *ret)
{
	*ret = (struct cw_offer_rules){ .councils = cli->config->councils,
		                        .today = cw_wall_day(cw_wall_now()),
		                        .alert = store ? find_alert : NULL,
		                        .alert_arg = store,
		                        .report = print_report,
		                        .warn = print_warning };
}

/* ---- showing ---- */

const char *offer_recipient_name(const struct cw_cli *cli, const struct cw_offer *offer)
{
	const struct cw_council *council = *offer->council_id ? cw_councils_by_id(cli->config->councils, cw_str(offer->council_id)) : NULL;

	return council ? council->short_name : *offer->council_id ? offer->council_id : offer->organisation_id;
}

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

json_t *offer_json(const struct cw_cli *cli, const struct cw_offer *offer)
{
	json_t *object = json_object();
	int failed = 0;

	cw_json_set(object, "offer_id", json_string(offer->offer_id), &failed);
	cw_json_set(object, "version", json_integer(offer->version), &failed);
	cw_json_set(object, "council_id", text_or_null(offer->council_id), &failed);
	cw_json_set(object, "organisation_id", text_or_null(offer->organisation_id), &failed);
	cw_json_set(object, "organisation_kind", json_string(cw_recipient_names[offer->recipient]), &failed);
	cw_json_set(object, "name", json_string(offer_recipient_name(cli, offer)), &failed);
	cw_json_set(object, "strand", json_string(cw_strand_names[offer->strand]), &failed);
	cw_json_set(object, "tier", json_string(cw_support_names[offer->tier]), &failed);
	cw_json_set(object, "trigger_alert_id", text_or_null(offer->trigger_alert_id), &failed);
	cw_json_set(object, "offered_at", cw_json_day(offer->offered_at), &failed);
	cw_json_set(object, "contact_role", text_or_null(offer->contact_role), &failed);
	cw_json_set(object, "status", json_string(cw_offer_status_names[offer->status]), &failed);
	cw_json_set(object, "status_at", cw_json_day(offer->status_at), &failed);
	cw_json_set(object, "days", offer->days < 0 ? json_null() : json_real(offer->days), &failed);
	cw_json_set(object, "product", text_or_null(offer->product), &failed);
	cw_json_set(object, "note_ref", text_or_null(offer->note_ref), &failed);
	cw_json_set(object, "read_at", cw_json_day(offer->read_at), &failed);
	cw_json_set(object, "contact_at", cw_json_day(offer->contact_at), &failed);
	cw_json_set(object, "reason", text_or_null(offer->reason), &failed);
	cw_json_set(object, "rating", offer->rating < 0 ? json_null() : json_real(offer->rating), &failed);
	cw_json_set(object, "participants", offer->participants < 0 ? json_null() : json_integer(offer->participants), &failed);
	cw_json_set(object, "plan_until", cw_json_day(offer->plan_until), &failed);
	cw_json_set(object, "engaged_roles", text_or_null(offer->engaged_roles), &failed);
	cw_json_set(object, "recorded_at", cw_json_wall(offer->recorded_at), &failed);
	cw_json_set(object, "known_at", cw_json_wall(offer->known_at), &failed);
	if (failed) {
		json_decref(object);
		return NULL;
	}
	return object;
}

int cw_cmd_offer(struct cw_cli *cli)
{
	static const char *const names[] = { "import", "add", "list", "show", "late", NULL };
	const char *what = cli->n_arguments ? cli->arguments[0] : "list", *near;
	const char *one = cli->n_arguments > 1 ? cli->arguments[1] : NULL;
	bool shows = !strcmp(what, "list") || !strcmp(what, "late");

	if (cli->csv && !shows)
		return cw_cli_fail(CW_EXIT_USAGE, "--csv is for offer list and offer late");
	if (cli->has_as_of && !shows && strcmp(what, "show") != 0)
		return cw_cli_fail(CW_EXIT_USAGE, "--as-of is for offer list, show and late");
	if (!strcmp(what, "import"))
		return offer_import(cli, cli->n_arguments - 1, cli->arguments + 1);
	if (cli->n_arguments > 2)
		return cw_cli_fail(CW_EXIT_USAGE, "'%s' is one too many: see 'councilwatch offer --help'", cli->arguments[2]);
	if (!strcmp(what, "add"))
		return offer_add(cli, one);
	if (!strcmp(what, "list"))
		return offer_list(cli, one);
	if (!strcmp(what, "show"))
		return one ? offer_show(cli, one) : cw_cli_fail(CW_EXIT_USAGE, "which offer? councilwatch offer show ID");
	if (!strcmp(what, "late") && !one)
		return offer_late(cli);
	if (!strcmp(what, "late"))
		return cw_cli_fail(CW_EXIT_USAGE, "'%s' is one too many: councilwatch offer late", one);
	near = cw_nearest(what, names);
	return cw_cli_fail(CW_EXIT_USAGE, "'%s' is nothing that offer does%s%s%s", what,
	                   near ? "; did you mean '" : "; it does import, add, list, show and late", near ? near : "", near ? "'?" : "");
}
