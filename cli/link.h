/*
 * link.h: questions to the daemon that survive its restart, and what becomes of documents it has.
 *
 * For requests that may safely be made twice: one that is not answered is asked again over a new connection, until
 * CW_LINK_GIVE_UP_MS have passed without any answer.
 */
#ifndef CW_CLI_LINK_H
#define CW_CLI_LINK_H

#include <jansson.h>

#include "command.h"

#define CW_LINK_GIVE_UP_MS 120000
/* Who asks how far something is pauses in between, twice as long each time. */
#define CW_LINK_POLL_FIRST_MS 10
#define CW_LINK_POLL_LAST_MS 500

struct cw_link;

/* To the endpoint, which is borrowed (endpoint_control, endpoint_submit). Somebody must be listening, or begin to within a few
 * seconds. Returns 0 or -errno. */
int cw_link_new(const struct cw_config *config, const char *endpoint, struct cw_link **ret, struct cw_error *err);
void cw_link_free(struct cw_link *link); /* NULL is fine */

/* One request, again until it is answered or the moment give_up (of cw_link_now) has passed; request and bytes (NULL: none) are
 * borrowed. *told: that the daemon went away has been said. 0 with an owned answer, whatever it says, or -errno. */
int cw_link_call(struct cw_link *link, json_t *request, const void *bytes, size_t len, int64_t give_up, bool *told,
                 json_t **ret, struct cw_error *err);

void cw_link_pause(int64_t ms);
int64_t cw_link_now(void); /* ms, monotonic */

/* To the control socket. request is taken. 0 with an owned answer whose "ok" is true; -EREMOTEIO with the daemon's refusal as text; or -errno. */
int cw_link_ask(struct cw_link *link, json_t *request, json_t **ret, struct cw_error *err);

/* Waits until every document (ids: an array of numbers, borrowed) is committed. *ret: an owned array in the same order with the
 * fields of each, null for one that the daemon does not have. Shows progress on a terminal as "<done> of <n> <what>". */
int cw_link_wait(struct cw_link *link, const json_t *ids, const char *what, json_t **ret, struct cw_error *err);

#endif
