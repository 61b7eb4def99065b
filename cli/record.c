#include "record.h"

#include <errno.h>
#include <string.h>

#include <councilwatch/audit.h>

#include "control.h"
#include "link.h"
#include "output.h"

/* One command in a process. */
static struct {
	bool began;
	uint64_t seq;
	struct cw_audit *audit; /* NULL: the daemon writes */
	struct cw_link *link;
} record;

static void close_all(void)
{
	cw_audit_close(record.audit);
	cw_link_free(record.link);
	record.audit = NULL;
	record.link = NULL;
	record.began = false;
	record.seq = 0;
}

static bool not_ours(int r)
{
	return r == -EACCES || r == -EPERM || r == -EROFS;
}

static int refuse(const struct cw_error *err)
{
	cw_cli_fail_error(0, err, "this is given out only when the audit log can be told of it, and it cannot");
	return cw_cli_fail(CW_EXIT_NO, "start councilwatchd, and be in the group of its control socket; or run this as the user that owns "
	                               "the state directory, or as root");
}

static int open_log(const struct cw_cli *cli, struct cw_error *err)
{
	struct cw_error asked = { 0 };
	int r;

	if (record.audit || record.link)
		return 0;
	r = cw_audit_open(cli->config->state_dir, true, &record.audit, err);
	if (!not_ours(r))
		return r;
	/* No waiting: whoever is listening listens. */
	r = cw_control_probe(cli->config->endpoint_control, &asked);
	if (r == 0)
		r = cw_link_new(cli->config, cli->config->endpoint_control, &record.link, &asked);
	if (r < 0)
		*err = asked;
	return r;
}

/* detail is taken. */
static int tell(const struct cw_cli *cli, enum cw_audit_action action, const char *council, json_t *detail, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *text = NULL;
	struct cw_audit_row row = { .action = action, .council_id = council };
	json_t *answer = NULL;
	int r = detail ? open_log(cli, err) : cw_error_nomem(err);

	if (r == 0 && record.link) {
		r = cw_link_ask(record.link,
		                json_pack("{s:s, s:s, s:s?, s:O}", "op", "audit", "action", cw_audit_action_name(action), "council",
		                          council, "detail", detail), &answer, err);
		if (r == 0)
			record.seq = (uint64_t)cw_json_get_integer(answer, "seq", 0);
		json_decref(answer);
	} else if (r == 0) {
		text = json_dumps(detail, JSON_COMPACT);
		row.detail = text;
		cw_audit_self("command", &row.who);
		r = text ? cw_audit_append(record.audit, &row, 1, err) : cw_error_nomem(err);
		record.seq = row.seq;
	}
	json_decref(detail);
	return r;
}

/* What was asked for, as it was given. */
static json_t *request(const struct cw_cli *cli)
{
	json_t *filters = json_object(), *arguments = json_array(), *detail;
	char day[CW_WALL_TEXT];

	for (size_t i = 0; i < cli->n_options; i++)
		json_object_set_new(filters, cli->options[i].option->name, cw_json_str(cw_str(cli->options[i].value)));
	if (cli->has_as_of)
		json_object_set_new(filters, "as-of", json_string(cw_day_format(cli->as_of, day)));
	for (int i = 0; i < cli->n_arguments && i < 16; i++)
		json_array_append_new(arguments, cw_json_str(cw_str_cut(cw_str(cli->arguments[i]), CW_QUOTE_MAX)));
	detail = json_pack("{s:s, s:s, s:o, s:o}", "command", cli->command->name, "format",
	                   cli->json ? "json" : cli->csv ? "csv" : "text", "arguments", arguments, "filters", filters);
	return detail;
}

static const char *council_asked(const struct cw_cli *cli)
{
	const struct cw_council *council = NULL;

	if (cli->n_arguments != 1 || cw_council_find(cli->config->councils, cli->arguments[0], &council, NULL))
		return NULL;
	return council->id;
}

int cw_record_begin(const struct cw_cli *cli)
{
	bool export = cli->command->flags & CW_COMMAND_EXPORT && (cli->json || cli->csv || cli->command->flags & CW_COMMAND_BULK);
	struct cw_error err = { 0 };

	if (!export || record.began)
		return 0;
	cw_out_rows_clear();
	if (tell(cli, CW_AUDIT_EXPORT, council_asked(cli), request(cli), &err) < 0) {
		close_all();
		return refuse(&err);
	}
	record.began = true;
	return 0;
}

int cw_record_view(const struct cw_cli *cli, const struct cw_council *council, const struct cw_history *facts)
{
	struct cw_error err = { 0 };
	size_t i;
	int r;

	for (i = 0; i < facts->n && facts->at[i].evidence.kind != CW_KIND_INTERNAL_NOTE &&
	            facts->at[i].evidence.kind != CW_KIND_OVERRIDE; i++)
		;
	if (record.began || i == facts->n)
		return 0;
	r = tell(cli, CW_AUDIT_VIEW, council->id, request(cli), &err);
	close_all();
	return r < 0 ? refuse(&err) : 0;
}

int cw_record_offer(const struct cw_cli *cli, const char *council_id, json_t *detail)
{
	struct cw_error err = { 0 };
	int r = tell(cli, CW_AUDIT_OFFER, council_id, detail, &err);

	close_all();
	return r < 0 ? cw_cli_fail_error(CW_EXIT_NO, &err, "nothing is recorded that the audit log cannot be told of, and it cannot") : 0;
}

int cw_record_end(const struct cw_cli *cli, int status)
{
	struct cw_error err = { 0 };
	bool notes;
	uint64_t rows = cw_out_rows(&notes);

	if (!record.began)
		return status;
	if (tell(cli, CW_AUDIT_EXPORTED, council_asked(cli),
	         json_pack("{s:I, s:s, s:I, s:b, s:i}", "of", (json_int_t)record.seq, "command", cli->command->name, "rows",
	                   (json_int_t)rows, "notes", notes, "status", status), &err) < 0)
		status = cw_cli_fail_error(CW_EXIT_NO, &err, "the audit log could not be told how much was given out");
	close_all();
	return status;
}
