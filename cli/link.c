#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <councilwatch/clock.h>
#include <councilwatch/serve.h>

#include "control.h"
#include "link.h"
#include "output.h"

#define ANSWER_MS 5000
/* A daemon that was started a moment ago is given time to open its socket. */
#define START_MS 3000
#define STEP_MS 50
#define ASKED_AT_ONCE 256 /* documents in one question, as the daemon allows */

struct cw_link {
	const char *endpoint;
	struct cw_bus *bus;
	struct cw_loop *loop;
	struct cw_control *control;
};

void cw_link_pause(int64_t ms)
{
	const struct timespec step = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&step, NULL);
}

int64_t cw_link_now(void)
{
	return cw_mono_now().ns / 1000000;
}

int cw_link_new(const struct cw_config *config, const char *endpoint, struct cw_link **ret, struct cw_error *err)
{
	struct cw_link *link;
	int r = cw_control_probe(endpoint, err);

	for (int waited = 0; (r == -ECONNREFUSED || r == -ENOENT) && waited < START_MS; waited += STEP_MS) {
		cw_link_pause(STEP_MS);
		r = cw_control_probe(endpoint, err);
	}
	if (r < 0)
		return r;
	link = calloc(1, sizeof(*link));
	if (!link)
		return cw_error_nomem(err);
	link->endpoint = endpoint;
	r = cw_client_bus_new(config, &link->bus, err);
	if (r >= 0)
		r = cw_loop_new(&link->loop, err);
	if (r >= 0)
		r = cw_control_new(link->bus, link->loop, endpoint, &link->control, err);
	if (r < 0) {
		cw_link_free(link);
		return r;
	}
	*ret = link;
	return 0;
}

void cw_link_free(struct cw_link *link)
{
	if (!link)
		return;
	cw_control_free(link->control);
	cw_loop_free(link->loop);
	cw_bus_free(link->bus);
	free(link);
}

int cw_link_call(struct cw_link *link, json_t *request, const void *bytes, size_t len, int64_t give_up, bool *told,
                 json_t **ret, struct cw_error *err)
{
	int r;

	for (;;) {
		r = cw_control_call(link->control, json_incref(request), bytes, len, ANSWER_MS, ret, err);
		if (r != -ETIMEDOUT || cw_link_now() > give_up)
			return r;
		/* Slow, or gone: what was asked may have been lost with it. */
		if (!*told && cw_control_probe(link->endpoint, NULL) < 0) {
			cw_cli_fail(0, "councilwatchd went away; waiting for it to come back");
			*told = true;
		}
		r = cw_control_reopen(link->control, err);
		if (r < 0)
			return r;
	}
}

int cw_link_ask(struct cw_link *link, json_t *request, json_t **ret, struct cw_error *err)
{
	json_t *answer = NULL;
	bool told = false;
	int r;

	if (!request)
		return cw_error_nomem(err);
	r = cw_link_call(link, request, NULL, 0, cw_link_now() + CW_LINK_GIVE_UP_MS, &told, &answer, err);
	json_decref(request);
	if (r < 0)
		return r;
	if (!cw_json_get_bool(answer, "ok", false)) {
		r = cw_error_set(err, -EREMOTEIO, "%s", cw_json_get_text(answer, "error", "the daemon refused it"));
		json_decref(answer);
		return r;
	}
	*ret = answer;
	return 0;
}

/* One question about documents from first on, and what is settled of them put into settled. */
static int ask_some(struct cw_link *link, const json_t *ids, size_t first, json_t *settled, struct cw_error *err)
{
	json_t *asked = json_array(), *answer = NULL, *each;
	size_t n = CW_MIN(json_array_size(ids) - first, (size_t)ASKED_AT_ONCE), i;
	int r;

	for (i = 0; i < n; i++)
		json_array_append(asked, json_array_get(ids, first + i));
	r = cw_link_ask(link, json_pack("{s:s, s:o}", "op", "documents", "documents", asked), &answer, err);
	if (r < 0)
		return r;
	json_array_foreach(json_object_get(answer, "documents"), i, each)
	{
		if (i < n && (json_is_null(each) || strcmp(cw_json_get_text(each, "state", ""), "queued") != 0))
			json_array_set(settled, first + i, each);
	}
	json_decref(answer);
	return 0;
}

int cw_link_wait(struct cw_link *link, const json_t *ids, const char *what, json_t **ret, struct cw_error *err)
{
	size_t n = json_array_size(ids), open = 0;
	json_t *settled = json_array();
	bool progress = isatty(STDERR_FILENO) == 1;
	int64_t pause = CW_LINK_POLL_FIRST_MS;
	int r = 0;

	if (!settled)
		return cw_error_nomem(err);
	/* true stands for "not yet". */
	for (size_t i = 0; i < n; i++)
		json_array_append_new(settled, json_is_integer(json_array_get(ids, i)) ? json_true() : json_null());
	for (;;) {
		while (open < n && !json_is_true(json_array_get(settled, open)))
			open++;
		if (progress)
			fprintf(stderr, "\r\033[K%zu of %zu %s", open, n, what);
		if (open == n)
			break;
		r = ask_some(link, ids, open, settled, err);
		if (r < 0)
			break;
		if (json_is_true(json_array_get(settled, open))) {
			cw_link_pause(pause);
			pause = CW_MIN(pause * 2, CW_LINK_POLL_LAST_MS);
		}
	}
	if (progress)
		fputs("\r\033[K", stderr);
	if (r < 0) {
		json_decref(settled);
		return r;
	}
	*ret = settled;
	return 0;
}
