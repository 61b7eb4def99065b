/*
 * submit.h: documents handed in by other programs (docs/submitting.md).
 *
 * One request, one answer, each a JSON object; a document's bytes in a second frame. The answer to a document is a receipt, sent
 * when the document is durable in the inbox and never before. The same content of the same client for the same feed has the
 * same receipt, so that a client that heard nothing sends again. Nothing is kept for a client between two requests: what it does
 * not take is dropped, and it asks again. While too much waits the answer is "busy".
 */
#ifndef CW_DAEMON_SUBMIT_H
#define CW_DAEMON_SUBMIT_H

#include <councilwatch/base.h>
#include <councilwatch/bus.h>
#include <councilwatch/config.h>
#include <councilwatch/error.h>
#include <councilwatch/loop.h>

#include "inbox.h"

struct cw_submit;

struct cw_submit_ops {
	const struct cw_feed *(*feed)(void *arg, const char *name); /* NULL = there is none */
	bool (*full)(void *arg);                                    /* too much is waiting */
	bool (*dispatched)(void *arg, uint64_t document);           /* a worker has it */
	void (*stored)(void *arg);                                  /* a document was stored */
	/* One of our own workers, who has no business here: it is being seen to, nothing is answered. where: for the log. */
	bool (*is_worker)(void *arg, const struct cw_sender *sender, const char *where);
};

int cw_submit_new(struct cw_loop *loop, struct cw_bus *bus, struct cw_inbox *inbox, const char *endpoint,
                  const struct cw_submit_ops *ops, void *arg, struct cw_submit **ret, struct cw_error *err);
void cw_submit_free(struct cw_submit *submit); /* NULL is fine */
/* Nothing new is taken from now on; questions are still answered. */
void cw_submit_close(struct cw_submit *submit);

#endif
