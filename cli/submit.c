#include <errno.h>
#include <string.h>
#include <time.h>

#include <councilwatch/clock.h>

#include "control.h"
#include "output.h"
#include "submit.h"

#define ANSWER_MS 5000
#define START_MS 3000
#define STEP_MS 50
#define POLL_FIRST_MS 10
#define POLL_LAST_MS 500

const char *const cw_submit_how_to_start =
    "start councilwatchd with 'systemctl start councilwatchd', or by hand with 'councilwatchd -c FILE'";

struct cw_submitter {
	const struct cw_cli *cli;
	const char *endpoint;
	struct cw_bus *bus;
	struct cw_loop *loop;
	struct cw_control *control;
	int64_t last_id;
	bool told;
};

static void pause_ms(int64_t ms)
{
	const struct timespec step = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&step, NULL);
}

static int64_t now_ms(void)
{
	return cw_mono_now().ns / 1000000;
}

int cw_submitter_new(const struct cw_cli *cli, struct cw_submitter **ret, struct cw_error *err)
{
	const char *endpoint = cli->config->endpoint_submit;
	struct cw_submitter *submitter;
	int r = cw_control_probe(endpoint, err);

	for (int waited = 0; (r == -ECONNREFUSED || r == -ENOENT) && waited < START_MS; waited += STEP_MS) {
		pause_ms(STEP_MS);
		r = cw_control_probe(endpoint, err);
	}
	if (r < 0)
		return r;
	submitter = calloc(1, sizeof(*submitter));
	if (!submitter)
		return cw_error_nomem(err);
	submitter->cli = cli;
	submitter->endpoint = endpoint;
	r = cw_bus_new(&submitter->bus, err);
	if (r >= 0)
		r = cw_loop_new(&submitter->loop, err);
	if (r >= 0)
		r = cw_control_new(submitter->bus, submitter->loop, endpoint, &submitter->control, err);
	if (r < 0) {
		cw_submitter_free(submitter);
		return r;
	}
	*ret = submitter;
	return 0;
}

void cw_submitter_free(struct cw_submitter *submitter)
{
	if (!submitter)
		return;
	cw_control_free(submitter->control);
	cw_loop_free(submitter->loop);
	cw_bus_free(submitter->bus);
	free(submitter);
}

/* The answer to our last request. 0, -ETIMEDOUT, or -errno. */
static int receive(struct cw_submitter *submitter, json_t **ret, struct cw_error *err)
{
	int64_t deadline = now_ms() + ANSWER_MS, left;
	json_t *answer = NULL;
	int r;

	while ((left = deadline - now_ms()) > 0) {
		r = cw_control_recv(submitter->control, &answer, err);
		if (r == 0 && cw_json_get_integer(answer, "id", 0) == submitter->last_id) {
			*ret = answer;
			return 0;
		}
		if (r == 0)
			json_decref(answer);
		else if (r == -EAGAIN)
			r = cw_loop_once(submitter->loop, (int)left, err);
		if (r < 0)
			return r;
	}
	return cw_error_at(err, -ETIMEDOUT, submitter->endpoint, 0, 0, "no answer within %d s", ANSWER_MS / 1000);
}

/* One request, again until it is answered. data NULL: a question. header is borrowed. */
static int ask(struct cw_submitter *submitter, json_t *header, const void *data, size_t len, json_t **ret, struct cw_error *err)
{
	int64_t give_up = now_ms() + CW_SUBMIT_GIVE_UP_MS;
	json_t *answer = NULL;
	const char *code;
	int r;

	for (;;) {
		if (json_object_set_new(header, "id", json_integer(++submitter->last_id)) < 0)
			return cw_error_nomem(err);
		r = cw_control_send(submitter->control, header, data, len, err);
		if (r == 0 || r == -EAGAIN)
			r = receive(submitter, &answer, err);
		if (r == -ETIMEDOUT && now_ms() < give_up) {
			if (!submitter->told && cw_control_probe(submitter->endpoint, NULL) < 0) {
				cw_cli_fail(0, "councilwatchd went away; waiting for it to come back");
				submitter->told = true;
			}
			r = cw_control_reopen(submitter->control, err);
			if (r == 0)
				continue;
		}
		if (r < 0)
			return r;
		code = cw_json_get_text(answer, "error", NULL);
		if (!code) {
			*ret = answer;
			return 0;
		}
		if ((!strcmp(code, "busy") || !strcmp(code, "stopping")) && now_ms() < give_up) {
			pause_ms(CW_MIN(cw_json_get_integer(answer, "retry_after_ms", 500), INT64_C(5000)));
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
	int64_t pause = POLL_FIRST_MS;
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
		pause_ms(pause);
		pause = CW_MIN(pause * 2, POLL_LAST_MS);
	}
	json_decref(question);
	if (r == 0)
		*ret = answer;
	return r;
}
