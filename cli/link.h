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

struct cw_link;

/* Somebody must be listening, or begin to within a few seconds. Returns 0 or -errno. */
int cw_link_new(const struct cw_cli *cli, struct cw_link **ret, struct cw_error *err);
void cw_link_free(struct cw_link *link); /* NULL is fine */

/* request is taken. 0 with an owned answer whose "ok" is true; -EREMOTEIO with the daemon's refusal as text; or -errno. */
int cw_link_ask(struct cw_link *link, json_t *request, json_t **ret, struct cw_error *err);

/* Waits until every document (ids: an array of numbers, borrowed) is committed. *ret: an owned array in the same order with the
 * fields of each, null for one that the daemon does not have. Shows progress on a terminal as "<done> of <n> <what>". */
int cw_link_wait(struct cw_link *link, const json_t *ids, const char *what, json_t **ret, struct cw_error *err);

#endif
