/*
 * councilwatch offer list, offer show.
 */
#include <errno.h>
#include <string.h>

#include "offer.h"
#include "output.h"

struct listing {
	const struct cw_cli *cli;
	const struct cw_council *council; /* NULL = all */
	int status, strand;               /* -1 = all */
	int32_t since;                    /* CW_DAY_NONE = always */
	size_t n, rows;
	struct cw_json_array array;
	struct cw_table table;
	struct cw_buf line;
};

/* 0, *ret -1 when it was not given; -EINVAL after a message. */
static int option_word(const struct cw_cli *cli, const char *name, const char *const *words, int *ret)
{
	const char *given = cw_cli_option(cli, name), *near;
	struct cw_buf all;

	*ret = -1;
	if (!given)
		return 0;
	for (int i = 0; words[i]; i++)
		if (!strcmp(words[i], given)) {
			*ret = i;
			return 0;
		}
	near = cw_nearest(given, words);
	cw_buf_init(&all, 512);
	for (int i = 0; words[i]; i++)
		cw_buf_printf(&all, "%s%s", i ? ", " : "", words[i]);
	if (near)
		cw_cli_fail(0, "--%s: '%s' is not known; did you mean '%s'?", name, given, near);
	else
		cw_cli_fail(0, "--%s: '%s' is not known; one of %s", name, given, cw_buf_str(&all));
	cw_buf_clear(&all);
	return -EINVAL;
}

/* When something last happened about it. */
static int32_t moved_at(const struct cw_offer *offer)
{
	return offer->status_at != CW_DAY_NONE ? offer->status_at : offer->offered_at;
}

static bool wanted(const struct listing *listing, const struct cw_offer *offer)
{
	return (!listing->council || !strcmp(offer->council_id, listing->council->id)) &&
	       (listing->status < 0 || (int)offer->status == listing->status) && (listing->strand < 0 || (int)offer->strand == listing->strand) &&
	       (listing->since == CW_DAY_NONE || moved_at(offer) >= listing->since);
}

static void put_csv_number(struct cw_buf *out, double number)
{
	if (number >= 0)
		cw_buf_printf(out, ",%.10g", number);
	else
		cw_buf_putc(out, ',');
}

/* Such a file can be imported again. */
static int print_csv(struct cw_buf *out, const struct cw_offer *o)
{
	const char *before[] = { o->offer_id,
		                 o->council_id,
		                 o->organisation_id,
		                 *o->organisation_id ? cw_recipient_names[o->recipient] : "",
		                 cw_strand_names[o->strand],
		                 cw_support_names[o->tier],
		                 o->trigger_alert_id };
	char day[CW_WALL_TEXT];

	cw_buf_reset(out);
	for (size_t i = 0; i < CW_ARRAY_LEN(before); i++)
		cw_csv_field(out, !i, before[i]);
	cw_csv_field(out, false, cw_day_format(o->offered_at, day));
	cw_csv_field(out, false, o->contact_role);
	cw_csv_field(out, false, cw_offer_status_names[o->status]);
	cw_csv_field(out, false, cw_day_format(o->status_at, day));
	put_csv_number(out, o->days);
	cw_csv_field(out, false, o->product);
	cw_csv_field(out, false, o->note_ref);
	cw_csv_field(out, false, cw_day_format(o->read_at, day));
	cw_csv_field(out, false, cw_day_format(o->contact_at, day));
	cw_csv_field(out, false, o->reason);
	put_csv_number(out, o->rating);
	put_csv_number(out, (double)o->participants);
	cw_csv_field(out, false, cw_day_format(o->plan_until, day));
	cw_csv_field(out, false, o->engaged_roles);
	if (cw_buf_puts(out, "\r\n") == 0)
		fputs(cw_buf_str(out), stdout);
	return out->failed;
}

static void add_table_row(struct cw_table *table, const struct cw_cli *cli, const struct cw_offer *o)
{
	char day[CW_WALL_TEXT];

	cw_table_add(table, o->offer_id);
	cw_table_add(table, offer_recipient_name(cli, o));
	cw_table_add(table, cw_strand_names[o->strand]);
	cw_table_add(table, cw_support_names[o->tier]);
	cw_table_add(table, cw_offer_status_names[o->status]);
	cw_table_add(table, cw_day_format(moved_at(o), day));
	cw_table_add(table, cw_day_format(o->offered_at, day));
	if (o->days >= 0)
		cw_table_addf(table, "%.10g", o->days);
	else
		cw_table_add(table, "");
	cw_table_add(table, o->product);
}

static int list_one(void *arg, const struct cw_offer_life *life)
{
	struct listing *listing = arg;

	if (!wanted(listing, &life->offer))
		return 0;
	if (ferror(stdout))
		return -EPIPE;
	listing->n++;
	if (listing->cli->json) {
		struct cw_offer offer = life->offer;

		offer.version = life->versions;
		cw_json_array_item(&listing->array, offer_json(listing->cli, &offer));
		return listing->array.failed;
	}
	if (listing->cli->csv)
		return print_csv(&listing->line, &life->offer);
	add_table_row(&listing->table, listing->cli, &life->offer);
	return listing->table.failed;
}

static const struct cw_column columns[] = {
	{ "OFFER", false },  { "TO", false },         { "STRAND", false }, { "TIER", false },    { "STATUS", false },
	{ "SINCE", false },  { "OFFERED", false },    { "DAYS", true },    { "PRODUCT", false },
};

static void print_headings(void)
{
	for (int f = 0; f < CW_OFFER_FIELDS; f++)
		printf("%s%s", f ? "," : "", cw_offer_field_names[f]);
	fputs("\r\n", stdout);
}

static int print_list(struct listing *listing, struct cw_ledger *ledger)
{
	const struct cw_cli *cli = listing->cli;
	struct cw_error err = { 0 };
	int r;

	if (cli->json)
		cw_json_array_begin(&listing->array, stdout);
	else if (cli->csv)
		print_headings();
	r = ledger ? cw_ledger_offers(ledger, offer_known_by(cli), list_one, listing, &err) : 0;
	if (r == -EPIPE)
		return CW_EXIT_DONE;
	if (r == 0 && cli->json)
		r = cw_json_array_end(&listing->array);
	if (r == 0 && !cli->json && !cli->csv) {
		if (listing->n)
			r = cw_table_print(&listing->table, 0, cli->colour, stdout);
		printf("%s%zu offer%s%s.\n", listing->n ? "\n" : "", listing->n, listing->n == 1 ? "" : "s",
		       ledger ? "" : ": there is no ledger yet; 'councilwatch offer import' or 'offer add' begins it");
	}
	if (r < 0)
		return err.code ? cw_cli_fail_error(CW_EXIT_NO, &err, "cannot list the offers") : cw_cli_fail(CW_EXIT_NO, "out of memory");
	return CW_EXIT_DONE;
}

int offer_list(struct cw_cli *cli, const char *council)
{
	CW_CLEANUP(offer_ledger_close) struct cw_ledger *ledger = NULL;
	struct listing listing = { .cli = cli, .since = CW_DAY_NONE };
	int status;

	if (option_word(cli, "status", cw_offer_status_names, &listing.status) < 0 ||
	    option_word(cli, "strand", cw_strand_names, &listing.strand) < 0 || cw_cli_option_day(cli, "since", &listing.since) < 0)
		return CW_EXIT_USAGE;
	status = council ? cw_cli_council(cli, council, &listing.council) : 0;
	if (!status)
		status = offer_ledger(cli, false, &ledger);
	if (status)
		return status;
	cw_buf_init(&listing.line, 64u * 1024u);
	cw_table_init(&listing.table, columns, CW_ARRAY_LEN(columns));
	status = print_list(&listing, ledger);
	cw_table_clear(&listing.table);
	cw_buf_clear(&listing.line);
	return status;
}

/* ---- one, with all its rows ---- */

static void print_field(const char *name, const char *text)
{
	if (!*text)
		return;
	printf("  %-18s ", name);
	cw_out_text(stdout, text);
	putchar('\n');
}

static void print_day(const char *name, int32_t day)
{
	char text[CW_WALL_TEXT];

	print_field(name, cw_day_format(day, text));
}

static void print_number(const char *name, double number)
{
	char text[32];

	if (number < 0)
		return;
	snprintf(text, sizeof(text), "%.10g", number);
	print_field(name, text);
}

static int show_version(void *arg, const struct cw_offer *o)
{
	struct listing *listing = arg;
	char when[CW_WALL_TEXT];

	listing->rows++;
	if (listing->cli->json) {
		cw_json_array_item(&listing->array, offer_json(listing->cli, o));
		return listing->array.failed;
	}
	if (listing->rows > 1)
		putchar('\n');
	printf("row %u, recorded %s", o->version, cw_wall_format(o->recorded_at, when));
	if (o->known_at.ms != o->recorded_at.ms)
		printf(", known on %s", cw_day_format(cw_wall_day(o->known_at), when));
	printf(" (%s)\n", o->origin);
	print_field("to", offer_recipient_name(listing->cli, o));
	print_field("kind", cw_recipient_names[o->recipient]);
	print_field("strand", cw_strand_names[o->strand]);
	print_field("tier", cw_support_names[o->tier]);
	print_field("status", cw_offer_status_names[o->status]);
	print_day("since", o->status_at);
	print_day("offered at", o->offered_at);
	print_day("read at", o->read_at);
	print_day("contact at", o->contact_at);
	print_field("contact", o->contact_role);
	print_field("also engaged", o->engaged_roles);
	print_field("answers the alert", o->trigger_alert_id);
	print_field("product", o->product);
	print_number("days", o->days);
	print_field("reason", o->reason);
	print_number("rating", o->rating);
	print_number("participants", (double)o->participants);
	print_day("plan until", o->plan_until);
	print_field("note", o->note_ref);
	return 0;
}

int offer_show(struct cw_cli *cli, const char *offer_id)
{
	CW_CLEANUP(offer_ledger_close) struct cw_ledger *ledger = NULL;
	struct listing listing = { .cli = cli };
	struct cw_error err = { 0 };
	int status = offer_ledger(cli, false, &ledger), r = 0;

	if (status)
		return status;
	if (cli->json)
		cw_json_array_begin(&listing.array, stdout);
	if (ledger)
		r = cw_ledger_versions(ledger, offer_id, offer_known_by(cli), show_version, &listing, &err);
	if (cli->json && r == 0)
		r = cw_json_array_end(&listing.array);
	if (r < 0)
		return err.code ? cw_cli_fail_error(CW_EXIT_NO, &err, "cannot show the offer") : cw_cli_fail(CW_EXIT_NO, "out of memory");
	if (!listing.rows)
		return cw_cli_fail(CW_EXIT_NO, "there is no offer '%s'; 'councilwatch offer list' has them", offer_id);
	return CW_EXIT_DONE;
}
