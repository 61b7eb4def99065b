/*
 * councilwatch audit: who said, ruled, changed, saw and took away what; and whether the log is whole.
 */
#include <errno.h>
#include <string.h>

#include <councilwatch/audit.h>

#include "command.h"
#include "output.h"

#define SHOWN_DETAIL 160u

const struct cw_option cw_audit_options[] = {
	{ "since", "DATE", "only what happened on that day or later", 0 },
	{ "action", "ACTION", "only this: note, override, config, config_refused, retry, drop, replay, retention, export, exported, view", 0 },
	{ "council", "COUNCIL", "only about this council", 0 },
	{ "verify", NULL, "read the whole log and tell whether anything was changed or removed", 0 },
	{ "noted", "SEQ:HASH", "with --verify: the number and hash of a row, as noted before, that must still be there", 0 },
	{ NULL },
};

/* ---- the rows ---- */

static json_t *row_json(const struct cw_audit_row *row)
{
	json_t *detail = json_loads(row->detail[0] ? row->detail : "{}", JSON_REJECT_DUPLICATES, NULL);
	char hash[CW_SHA256_HEX];

	cw_hex(row->hash, CW_SHA256_LEN, hash);
	return json_pack("{s:I, s:o, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s}", "seq", (json_int_t)row->seq, "time",
	                 cw_json_wall(row->at), "action", cw_audit_action_name(row->action), "uid",
	                 row->who.uid < 0 ? json_null() : json_integer(row->who.uid), "account", row->who.account, "sudo_user",
	                 row->who.sudo, "via", row->who.via, "council_id", row->council_id, "feed", row->feed, "document",
	                 row->document, "detail", detail ? detail : json_object(), "hash", hash);
}

static void put_csv(const struct cw_audit_row *row, struct cw_buf *line)
{
	char at[CW_WALL_TEXT], seq[32], uid[32] = "", hash[CW_SHA256_HEX];
	const char *const fields[] = { seq, cw_wall_format(row->at, at), cw_audit_action_name(row->action), uid,
		                       row->who.account, row->who.sudo, row->who.via, row->council_id, row->feed, row->document,
		                       row->detail, hash };

	snprintf(seq, sizeof(seq), "%llu", (unsigned long long)row->seq);
	if (row->who.uid >= 0)
		snprintf(uid, sizeof(uid), "%lld", (long long)row->who.uid);
	cw_hex(row->hash, CW_SHA256_LEN, hash);
	cw_buf_reset(line);
	for (size_t i = 0; i < CW_ARRAY_LEN(fields); i++)
		cw_csv_field(line, !i, fields[i]);
	cw_buf_puts(line, "\r\n");
	fputs(cw_buf_str(line), stdout);
}

/* "severity=high expires=2026-02-01": members of the detail as people read them. */
static void put_member(struct cw_buf *text, const char *name, const json_t *value)
{
	char *packed = NULL;

	if (json_is_object(value) || json_is_array(value))
		packed = json_object_size(value) + json_array_size(value) ? json_dumps(value, JSON_COMPACT) : NULL;
	else if (!json_is_string(value))
		packed = json_dumps(value, JSON_ENCODE_ANY);
	if (packed || json_string_length(value))
		cw_buf_printf(text, "%s%s=%s", text->len ? " " : "", name, packed ? packed : json_string_value(value));
	free(packed);
}

static void print_row(const struct cw_cli *cli, const struct cw_audit_row *row, struct cw_buf *text)
{
	const struct cw_council *council = cw_councils_by_id(cli->config->councils, cw_str(row->council_id));
	json_t *detail = json_loads(row->detail, JSON_REJECT_DUPLICATES, NULL), *value;
	char at[CW_WALL_TEXT];
	const char *name;

	printf("%6llu  %s  %-14s  ", (unsigned long long)row->seq, cw_wall_format(row->at, at), cw_audit_action_name(row->action));
	if (row->who.sudo[0])
		printf("%s as ", row->who.sudo);
	if (row->who.account[0])
		printf("%s", row->who.account);
	else if (row->who.uid >= 0)
		printf("uid %lld", (long long)row->who.uid);
	else
		printf("somebody");
	printf(" (%s)", row->who.via[0] ? row->who.via : "from before");
	if (row->council_id[0]) {
		fputs("  ", stdout);
		cw_out_text(stdout, council ? council->short_name : row->council_id);
	}
	putchar('\n');
	cw_buf_reset(text);
	if (row->feed[0])
		cw_buf_printf(text, "feed=%s", row->feed);
	if (row->document[0])
		cw_buf_printf(text, "%ssha256:%.12s", text->len ? " " : "", row->document);
	json_object_foreach(detail, name, value)
		put_member(text, name, value);
	json_decref(detail);
	if (text->len) {
		fputs("        ", stdout);
		cw_out_str(stdout, cw_str_cut(cw_str(cw_buf_str(text)), cli->colour ? SHOWN_DETAIL : CW_AUDIT_DETAIL_MAX));
		putchar('\n');
	}
}

struct listing {
	const struct cw_cli *cli;
	struct cw_buf text;
};

static int list_row(void *arg, const struct cw_audit_row *row)
{
	struct listing *listing = arg;

	if (ferror(stdout))
		return -EPIPE;
	if (listing->cli->json)
		return cw_out_json_line(stdout, row_json(row));
	if (listing->cli->csv)
		put_csv(row, &listing->text);
	else
		print_row(listing->cli, row, &listing->text);
	return listing->text.failed;
}

static int list(struct cw_cli *cli, struct cw_audit *audit, const struct cw_audit_filter *filter)
{
	struct listing listing = { .cli = cli };
	struct cw_error err = { 0 };
	int r;

	cw_buf_init(&listing.text, 8 * CW_AUDIT_DETAIL_MAX);
	if (cli->csv)
		fputs("seq,time,action,uid,account,sudo_user,via,council_id,feed,document,detail,hash\r\n", stdout);
	r = cw_audit_rows(audit, filter, list_row, &listing, &err);
	cw_buf_clear(&listing.text);
	if (r == -EPIPE && ferror(stdout))
		return CW_EXIT_DONE;
	return r < 0 ? cw_cli_fail_error(CW_EXIT_NO, &err, "cannot read the audit log") : CW_EXIT_DONE;
}

/* ---- is it whole? ---- */

static int take_noted(const char *text, uint64_t *ret_seq, unsigned char hash[CW_SHA256_LEN])
{
	const char *colon = text ? strchr(text, ':') : NULL;
	int64_t seq;

	if (!text)
		return 0;
	if (!colon || cw_parse_integer((struct cw_str){ text, (size_t)(colon - text) }, &seq) < 0 || seq < 1 ||
	    strlen(colon + 1) != 2 * (size_t)CW_SHA256_LEN || cw_unhex(colon + 1, hash, CW_SHA256_LEN) < 0)
		return cw_cli_fail(-EINVAL, "--noted takes what --verify printed, as 1842:64 hexadecimal digits, not '%s'", text);
	*ret_seq = (uint64_t)seq;
	return 0;
}

static int verify(struct cw_cli *cli, struct cw_audit *audit, uint64_t seq, const unsigned char expected[CW_SHA256_LEN])
{
	struct cw_audit_verdict verdict;
	struct cw_error err = { 0 };
	char hash[CW_SHA256_HEX];

	if (cw_audit_verify(audit, seq, expected, &verdict, &err) < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot read the audit log");
	cw_hex(verdict.hash, CW_SHA256_LEN, hash);
	if (cli->json) {
		if (cw_out_json(stdout, json_pack("{s:b, s:I, s:I, s:s, s:o, s:o}", "whole", verdict.whole, "rows",
		                                  (json_int_t)verdict.rows, "last", (json_int_t)verdict.last, "hash", hash, "bad",
		                                  verdict.bad ? json_integer((json_int_t)verdict.bad) : json_null(), "problem",
		                                  verdict.problem[0] ? json_string(verdict.problem) : json_null())) < 0)
			return cw_cli_fail(CW_EXIT_NO, "out of memory");
	} else if (verdict.whole) {
		printf("The audit log is whole: %llu rows.\nLast row, to be noted elsewhere: %llu:%s\n", (unsigned long long)verdict.rows,
		       (unsigned long long)verdict.last, hash);
	} else {
		printf("The audit log is NOT whole: %s.\n", verdict.problem);
	}
	return verdict.whole ? CW_EXIT_DONE : CW_EXIT_NO;
}

int cw_cmd_audit(struct cw_cli *cli)
{
	const char *action = cw_cli_option(cli, "action"), *who = cw_cli_option(cli, "council"), *noted = cw_cli_option(cli, "noted");
	struct cw_audit_filter filter = { .since = CW_DAY_NONE };
	unsigned char hash[CW_SHA256_LEN] = { 0 };
	const struct cw_council *council;
	struct cw_audit *audit = NULL;
	struct cw_error err = { 0 };
	uint64_t seq = 0;
	int status = 0;

	if (cw_cli_option_day(cli, "since", &filter.since) < 0 || take_noted(noted, &seq, hash) < 0)
		return CW_EXIT_USAGE;
	if (action && cw_audit_action_parse(action, &filter.action) < 0) {
		const char *near = cw_nearest(action, cw_audit_action_names());

		return cw_cli_fail(CW_EXIT_USAGE, "--action: '%s' is not known; %s%s%s", action, near ? "did you mean '" : "'councilwatch audit "
		                   "--help' lists them", near ? near : "", near ? "'?" : "");
	}
	if (noted && !cw_cli_option(cli, "verify"))
		return cw_cli_fail(CW_EXIT_USAGE, "--noted belongs to --verify");
	if (who)
		status = cw_cli_council(cli, who, &council);
	if (status)
		return status;
	filter.council_id = who ? council->id : NULL;
	if (cw_audit_open(cli->config->state_dir, false, &audit, &err) < 0)
		return cw_cli_fail_error(CW_EXIT_NO, &err, "cannot read the audit log");
	status = cw_cli_option(cli, "verify") ? verify(cli, audit, seq, hash) : list(cli, audit, &filter);
	cw_audit_close(audit);
	return status;
}
