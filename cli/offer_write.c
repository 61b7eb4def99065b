/*
 * councilwatch offer import, offer add.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "offer.h"
#include "output.h"
#include "record.h"

static int known_at(const struct cw_cli *cli, struct cw_wall *ret)
{
	int32_t day = CW_DAY_NONE;

	if (cw_cli_option_day(cli, "known-at", &day) < 0)
		return -EINVAL;
	if (day != CW_DAY_NONE && day > cw_wall_day(cw_wall_now()))
		return cw_cli_fail(-EINVAL, "--known-at is after today");
	*ret = cw_day_start(day);
	return 0;
}

struct counts {
	size_t rows, fresh, versions, known, earlier;
};

/* Before the commit: what the audit log cannot be told of is not recorded. 0, or -ECANCELED after a message. */
static int tell_audit(const struct cw_cli *cli, const struct counts *counts)
{
	if (!counts->fresh && !counts->versions)
		return 0;
	return cw_record_offer(cli, NULL,
	                       json_pack("{s:s, s:I, s:I, s:I}", "command", "import", "rows", (json_int_t)counts->rows, "new",
	                                 (json_int_t)counts->fresh, "versions", (json_int_t)counts->versions))
	           ? -ECANCELED
	           : 0;
}

static int put_rows(const struct cw_cli *cli, struct cw_ledger *ledger, const struct cw_offer_rows *rows, struct cw_wall known,
                    struct counts *counts, struct cw_error *err)
{
	int r = cw_ledger_begin(ledger, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < rows->n && r == 0; i++) {
		const struct cw_offer_row *row = &rows->at[i];
		enum cw_put put = CW_PUT_KNOWN;

		if (row->wrong)
			continue;
		r = cw_ledger_put(ledger, &row->offer, known, "import", row->nth, &put, err);
		counts->rows++;
		counts->fresh += put == CW_PUT_NEW;
		counts->versions += put == CW_PUT_VERSION;
		counts->known += put == CW_PUT_KNOWN || put == CW_PUT_EARLIER;
		counts->earlier += put == CW_PUT_EARLIER;
	}
	if (r == 0)
		r = tell_audit(cli, counts);
	if (r == 0)
		r = cw_ledger_commit(ledger, err);
	if (r < 0)
		cw_ledger_rollback(ledger);
	return r;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static int tell_import(const struct cw_cli *cli, const struct counts *counts, size_t wrong, size_t files)
{
	int status = wrong ? CW_EXIT_NO : CW_EXIT_DONE;

	if (cli->json) {
		if (cw_out_json(stdout, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "files", (json_int_t)files, "rows",
		                                  (json_int_t)(counts->rows + wrong), "new", (json_int_t)counts->fresh, "versions",
		                                  (json_int_t)counts->versions, "known", (json_int_t)counts->known, "refused", (json_int_t)wrong)) < 0)
			return cw_cli_fail(CW_EXIT_NO, "out of memory");
		return status;
	}
	printf("%zu row%s read: %zu new offer%s, %zu new row%s of offers known before, %zu known already", counts->rows + wrong,
	       plural(counts->rows + wrong), counts->fresh, plural(counts->fresh), counts->versions, plural(counts->versions), counts->known);
	printf(wrong ? ", %zu refused.\n" : ".\n", wrong);
	if (counts->earlier)
		fprintf(stderr,
		        "%zu of those known say%s what was put right since; nothing was changed. 'councilwatch offer add --id ID' goes back to it.\n",
		        counts->earlier, counts->earlier == 1 ? "s" : "");
	return status;
}

static int import_checked(struct cw_cli *cli, struct cw_store *store, int n, const char *const *files, struct cw_offer_rows *rows)
{
	bool partial = cw_cli_option(cli, "partial") != NULL, refused = false;
	CW_CLEANUP(offer_ledger_close) struct cw_ledger *ledger = NULL;
	struct cw_wall known = cw_wall_none();
	struct counts counts = { 0 };
	struct cw_offer_rules rules;
	struct cw_error err = { 0 };
	int status, r = 0;

	if (known_at(cli, &known) < 0)
		return CW_EXIT_USAGE;
	offer_rules(cli, store, &rules);
	for (int i = 0; i < n && r >= 0; i++) {
		r = cw_offer_rows_read(&rules, files[i], rows, &err);
		refused |= r == -EINVAL;
		r = r == -EINVAL ? 0 : r;
	}
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot read the offers");
	if (refused || (rows->wrong && !partial))
		return cw_cli_fail(CW_EXIT_USAGE, "nothing was recorded: mend what is told above%s",
		                   refused ? "" : ", or take the other rows with --partial");
	status = offer_ledger(cli, true, &ledger);
	if (status)
		return status;
	r = put_rows(cli, ledger, rows, known, &counts, &err);
	if (r == -ECANCELED)
		return CW_EXIT_NO;
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "nothing was recorded");
	return tell_import(cli, &counts, rows->wrong, (size_t)n);
}

int offer_import(struct cw_cli *cli, int n, const char *const *files)
{
	struct cw_offer_rows rows = { 0 };
	struct cw_store *store = NULL;
	int status;

	if (n == 0)
		return cw_cli_fail(CW_EXIT_USAGE, "which file? councilwatch offer import FILE ...; '-' is standard input");
	status = offer_store(cli, &store);
	if (!status)
		status = import_checked(cli, store, n, files, &rows);
	cw_offer_rows_clear(&rows);
	cw_cli_store_close(&store);
	return status;
}

/* ---- one by hand ---- */

/* What was not given is as it was. Texts of numbers and days are made here. */
struct before {
	bool any;
	char *text[CW_OFFER_FIELDS]; /* owned */
};

static void before_clear(struct before *before)
{
	for (int f = 0; f < CW_OFFER_FIELDS; f++)
		free(before->text[f]);
}

static int keep_text(struct before *before, enum cw_offer_field field, const char *text)
{
	free(before->text[field]);
	before->text[field] = strdup(text);
	return before->text[field] ? 0 : -ENOMEM;
}

static int keep_day(struct before *before, enum cw_offer_field field, int32_t day)
{
	char text[CW_WALL_TEXT];

	return keep_text(before, field, cw_day_format(day, text));
}

static int keep_number(struct before *before, enum cw_offer_field field, double number)
{
	char text[32] = "";

	if (number >= 0)
		snprintf(text, sizeof(text), "%.10g", number);
	return keep_text(before, field, text);
}

static int take_before(void *arg, const struct cw_offer *o)
{
	struct before *before = arg;
	int r;

	before->any = true;
	r = keep_text(before, CW_OFFER_COUNCIL, o->council_id);
	r = r ? r : keep_text(before, CW_OFFER_ORGANISATION, o->organisation_id);
	r = r ? r : keep_text(before, CW_OFFER_ORGANISATION_KIND, *o->organisation_id ? cw_recipient_names[o->recipient] : "");
	r = r ? r : keep_text(before, CW_OFFER_STRAND, cw_strand_names[o->strand]);
	r = r ? r : keep_text(before, CW_OFFER_TIER, cw_support_names[o->tier]);
	r = r ? r : keep_text(before, CW_OFFER_TRIGGER, o->trigger_alert_id);
	r = r ? r : keep_day(before, CW_OFFER_OFFERED_AT, o->offered_at);
	r = r ? r : keep_text(before, CW_OFFER_CONTACT_ROLE, o->contact_role);
	r = r ? r : keep_text(before, CW_OFFER_STATUS, cw_offer_status_names[o->status]);
	r = r ? r : keep_day(before, CW_OFFER_STATUS_AT, o->status_at);
	r = r ? r : keep_number(before, CW_OFFER_DAYS, o->days);
	r = r ? r : keep_text(before, CW_OFFER_PRODUCT, o->product);
	r = r ? r : keep_text(before, CW_OFFER_NOTE_REF, o->note_ref);
	r = r ? r : keep_day(before, CW_OFFER_READ_AT, o->read_at);
	r = r ? r : keep_day(before, CW_OFFER_CONTACT_AT, o->contact_at);
	r = r ? r : keep_text(before, CW_OFFER_REASON, o->reason);
	r = r ? r : keep_number(before, CW_OFFER_RATING, o->rating);
	r = r ? r : keep_number(before, CW_OFFER_PARTICIPANTS, (double)o->participants);
	r = r ? r : keep_day(before, CW_OFFER_PLAN_UNTIL, o->plan_until);
	return r ? r : keep_text(before, CW_OFFER_ENGAGED, o->engaged_roles);
}

static void take_options(const struct cw_cli *cli, const char *council, const struct before *before, const char *value[CW_OFFER_FIELDS],
                         const char *today)
{
	static const struct {
		enum cw_offer_field field;
		const char *option;
	} options[] = { { CW_OFFER_ORGANISATION, "organisation" }, { CW_OFFER_ORGANISATION_KIND, "organisation-kind" },
		        { CW_OFFER_STRAND, "strand" },             { CW_OFFER_TIER, "tier" },
		        { CW_OFFER_TRIGGER, "trigger" },           { CW_OFFER_OFFERED_AT, "offered-at" },
		        { CW_OFFER_CONTACT_ROLE, "contact-role" }, { CW_OFFER_STATUS, "status" },
		        { CW_OFFER_STATUS_AT, "status-at" },       { CW_OFFER_DAYS, "days" },
		        { CW_OFFER_PRODUCT, "product" },           { CW_OFFER_NOTE_REF, "note-ref" },
		        { CW_OFFER_READ_AT, "read-at" },           { CW_OFFER_CONTACT_AT, "contact-at" },
		        { CW_OFFER_REASON, "reason" },             { CW_OFFER_RATING, "rating" },
		        { CW_OFFER_PARTICIPANTS, "participants" }, { CW_OFFER_PLAN_UNTIL, "plan-until" },
		        { CW_OFFER_ENGAGED, "engaged-roles" } };
	bool moved;

	for (int f = 0; f < CW_OFFER_FIELDS; f++)
		value[f] = before->text[f];
	for (size_t i = 0; i < CW_ARRAY_LEN(options); i++) {
		const char *given = cw_cli_option(cli, options[i].option);

		if (given)
			value[options[i].field] = given;
	}
	if (council)
		value[CW_OFFER_COUNCIL] = council;
	/* Another status is so since today, unless it is said since when. */
	moved = cw_cli_option(cli, "status") && (!before->any || strcmp(value[CW_OFFER_STATUS], before->text[CW_OFFER_STATUS]) != 0);
	if ((moved || !before->any) && !cw_cli_option(cli, "status-at"))
		value[CW_OFFER_STATUS_AT] = cw_cli_option(cli, "offered-at") && value[CW_OFFER_STATUS] && !strcmp(value[CW_OFFER_STATUS], "offered")
		                                ? value[CW_OFFER_OFFERED_AT]
		                                : today;
	/* The reason of a decline that was taken back goes with it. */
	if (moved && !cw_cli_option(cli, "reason"))
		value[CW_OFFER_REASON] = "";
}

static int note_id(void *arg, const struct cw_offer *offer)
{
	(void)offer;
	*(bool *)arg = true;
	return 0;
}

/* "leeds-2024-09-02", and "-2" when there is one. */
static int make_id(struct cw_ledger *ledger, const char *recipient, const char *day, char ret[CW_OFFER_ID_MAX + 1], struct cw_error *err)
{
	for (unsigned n = 1;; n++) {
		char number[16] = "";
		bool there = false;
		int r;

		if (n > 1)
			snprintf(number, sizeof(number), "-%u", n);
		snprintf(ret, CW_OFFER_ID_MAX + 1, "%.40s-%.10s%.10s", recipient, day, number);
		r = cw_ledger_versions(ledger, ret, cw_wall_none(), note_id, &there, err);
		if (r < 0 || !there)
			return r;
	}
}

static int tell_added(const struct cw_cli *cli, const struct cw_offer *offer, enum cw_put put)
{
	if (cli->json) {
		if (cw_out_json(stdout, json_pack("{s:s, s:s}", "offer_id", offer->offer_id, "recorded",
		                                  put == CW_PUT_NEW ? "new" : put == CW_PUT_VERSION ? "version" : "known")) < 0)
			return cw_cli_fail(CW_EXIT_NO, "out of memory");
		return CW_EXIT_DONE;
	}
	printf("%s\n", offer->offer_id);
	fputs(put == CW_PUT_NEW       ? "Recorded: an offer to "
	      : put == CW_PUT_VERSION ? "Recorded: another row of the offer to "
	                              : "It says so already: the offer to ",
	      stderr);
	cw_out_text(stderr, offer_recipient_name(cli, offer));
	fprintf(stderr, ", %s.\n", cw_offer_status_names[offer->status]);
	return CW_EXIT_DONE;
}

static int put_one(struct cw_cli *cli, struct cw_ledger *ledger, struct cw_store *store, const char *council, struct before *before,
                   enum cw_put *ret, struct cw_offer_row *row, struct cw_error *err)
{
	const char *value[CW_OFFER_FIELDS], *id = cw_cli_option(cli, "id");
	char made[CW_OFFER_ID_MAX + 1], today[CW_WALL_TEXT];
	struct cw_offer_rules rules;
	int r = 0;

	cw_day_format(cw_wall_day(cw_wall_now()), today);
	if (id)
		r = cw_ledger_versions(ledger, id, cw_wall_none(), take_before, before, err);
	if (r < 0)
		return r;
	take_options(cli, council, before, value, today);
	offer_rules(cli, store, &rules);
	value[CW_OFFER_ID] = id ? id : "new";
	r = cw_offer_check(&rules, NULL, 0, value, row, err);
	if (r < 0 || row->wrong)
		return r < 0 ? r : -EINVAL;
	if (!id) {
		r = make_id(ledger, *row->offer.council_id ? row->offer.council_id : row->offer.organisation_id, today, made, err);
		if (r < 0)
			return r;
		cw_offer_row_clear(row);
		value[CW_OFFER_ID] = made;
		rules.warn = NULL;
		r = cw_offer_check(&rules, NULL, 0, value, row, err);
	}
	return r < 0 ? r : cw_ledger_put(ledger, &row->offer, cw_wall_none(), "add", 0, ret, err);
}

static int add_checked(struct cw_cli *cli, struct cw_store *store, const char *council)
{
	CW_CLEANUP(offer_ledger_close) struct cw_ledger *ledger = NULL;
	struct cw_offer_row row = { 0 };
	struct before before = { 0 };
	struct cw_error err = { 0 };
	enum cw_put put = CW_PUT_KNOWN;
	int status = offer_ledger(cli, true, &ledger), r;

	if (status)
		return status;
	r = cw_ledger_begin(ledger, &err);
	if (r < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "nothing was recorded");
	r = put_one(cli, ledger, store, council, &before, &put, &row, &err);
	if (r == 0 && put != CW_PUT_KNOWN &&
	    cw_record_offer(cli, *row.offer.council_id ? row.offer.council_id : NULL,
	                    json_pack("{s:s, s:s, s:s, s:b}", "command", "add", "offer", row.offer.offer_id, "status",
	                              cw_offer_status_names[row.offer.status], "first", put == CW_PUT_NEW)))
		r = -ECANCELED;
	if (r == 0)
		r = cw_ledger_commit(ledger, &err);
	if (r < 0)
		cw_ledger_rollback(ledger);
	if (r == -ECANCELED)
		status = CW_EXIT_NO;
	else if (r == -EINVAL && row.wrong)
		status = cw_cli_fail(CW_EXIT_USAGE, "nothing was recorded");
	else if (r < 0)
		status = cw_cli_fail_error(CW_EXIT_NO, &err, "nothing was recorded");
	else
		status = tell_added(cli, &row.offer, put);
	cw_offer_row_clear(&row);
	before_clear(&before);
	return status;
}

int offer_add(struct cw_cli *cli, const char *council)
{
	struct cw_store *store = NULL;
	int status = offer_store(cli, &store);

	if (!status)
		status = add_checked(cli, store, council);
	cw_cli_store_close(&store);
	return status;
}
