#include <errno.h>
#include <string.h>

#include "link.h"
#include "output.h"
#include "submit.h"

const char *const cw_submit_how_to_start =
    "start councilwatchd with 'systemctl start councilwatchd', or by hand with 'councilwatchd -c FILE'";

struct cw_submitter {
	struct cw_link *link;
	bool told;
};

int cw_submitter_new(const struct cw_cli *cli, struct cw_submitter **ret, struct cw_error *err)
{
	struct cw_link *link;
	int r = cw_link_new(cli->config, cli->config->endpoint_submit, &link, err);

	if (r < 0)
		return r;
	*ret = calloc(1, sizeof(**ret));
	if (!*ret) {
		cw_link_free(link);
		return cw_error_nomem(err);
	}
	(*ret)->link = link;
	return 0;
}

void cw_submitter_free(struct cw_submitter *submitter)
{
	if (!submitter)
		return;
	cw_link_free(submitter->link);
	free(submitter);
}

/* One request, again until it is taken. data NULL: a question. header is borrowed. */
static int ask(struct cw_submitter *submitter, json_t *header, const void *data, size_t len, json_t **ret, struct cw_error *err)
{
	int64_t give_up = cw_link_now() + CW_SUBMIT_GIVE_UP_MS;
	json_t *answer = NULL;
	const char *code;
	int r;

	for (;;) {
		r = cw_link_call(submitter->link, header, data, len, give_up, &submitter->told, &answer, err);
		if (r < 0)
			return r;
		code = cw_json_get_text(answer, "error", NULL);
		if (!code) {
			*ret = answer;
			return 0;
		}
		if ((!strcmp(code, "busy") || !strcmp(code, "stopping")) && cw_link_now() < give_up) {
			cw_link_pause(CW_MIN(cw_json_get_integer(answer, "retry_after_ms", 500), INT64_C(5000)));
			json_decref(answer);
			continue;
		}
		r = cw_error_set(err, -EREMOTEIO, "%s", cw_json_get_text(answer, "detail", code));
		json_decref(answer);
		return r;
	}
}

int cw_submitter_send(struct cw_submitter *submitter, json_t *header, const void *data, size_t len, json_t **ret,
                      struct cw_error *err)
{
	int r = header ? ask(submitter, header, data ? data : "", len, ret, err) : cw_error_nomem(err);

	json_decref(header);
	return r;
}

int cw_submitter_wait(struct cw_submitter *submitter, const char *receipt, json_t **ret, struct cw_error *err)
{
	json_t *question = json_pack("{s:s}", "receipt", receipt), *answer = NULL;
	int64_t pause = CW_LINK_POLL_FIRST_MS;
	const char *state;
	int r;

	if (!question)
		return cw_error_nomem(err);
	for (;;) {
		r = ask(submitter, question, NULL, 0, &answer, err);
		if (r < 0)
			break;
		state = cw_json_get_text(answer, "state", "");
		if (!strcmp(state, "committed") || !strcmp(state, "rejected"))
			break;
		json_decref(answer);
		cw_link_pause(pause);
		pause = CW_MIN(pause * 2, CW_LINK_POLL_LAST_MS);
	}
	json_decref(question);
	if (r == 0)
		*ret = answer;
	return r;
}
