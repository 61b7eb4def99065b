/*
 * submit.h: handing documents to the daemon through its submit socket, and asking what became of them.
 *
 * A document that is not answered is sent again, over a new connection: the same content has the same receipt, so it is never
 * taken twice. "busy" is waited out.
 */
#ifndef CW_CLI_SUBMIT_H
#define CW_CLI_SUBMIT_H

#include <jansson.h>

#include "command.h"

#define CW_SUBMIT_GIVE_UP_MS 120000

struct cw_submitter;

/* The daemon must listen, or begin to within a few seconds. 0 or -errno, said in err. */
int cw_submitter_new(const struct cw_cli *cli, struct cw_submitter **ret, struct cw_error *err);
void cw_submitter_free(struct cw_submitter *submitter); /* NULL is fine */

/* header: {"feed":…}, taken; data: borrowed. 0 with the owned receipt object; -EREMOTEIO with the daemon's refusal as text; or
 * -errno. */
int cw_submitter_send(struct cw_submitter *submitter, json_t *header, const void *data, size_t len, json_t **ret,
                      struct cw_error *err);
/* Waits until what the receipt is for is committed or rejected. *ret: owned, as docs/submitting.md has it. */
int cw_submitter_wait(struct cw_submitter *submitter, const char *receipt, json_t **ret, struct cw_error *err);

/* What a person does when nobody listens. */
extern const char *const cw_submit_how_to_start;

#endif
