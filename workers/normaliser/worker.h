/*
 * worker.h: the normaliser's side of its two sockets (docs/messages.md).
 *
 * One document is in hand at a time, so that when this process dies only the document that killed it is under
 * suspicion. Chunks are acknowledged when they have been read, not when they arrive, and none is read while
 * CW_BATCH_WINDOW batches wait for the assessor: that is how a slow assessor slows the fetching. A document
 * is reported as sent when the assessor has taken all its batches.
 *
 * Over tcp, a normaliser whose connection is lost ends: whoever started it starts it again, and it begins anew.
 *
 * Work is done in slices of a few milliseconds, between which the loop sends heartbeats and hears of DROP and STOP.
 */
#ifndef CW_NORMALISER_WORKER_H
#define CW_NORMALISER_WORKER_H

#include <councilwatch/bus.h>
#include <councilwatch/config.h>
#include <councilwatch/loop.h>
#include <councilwatch/serve.h>

struct cw_worker;

/* config and loop are borrowed until free. Connects, but says nothing yet. */
int cw_worker_new(const struct cw_config *config, struct cw_loop *loop, const char *work, const char *evidence,
                  const struct cw_identity *identity, struct cw_worker **ret, struct cw_error *err);
void cw_worker_free(struct cw_worker *worker); /* waits up to two seconds for unsent messages; NULL is fine */

/* Says READY and begins heartbeats. */
int cw_worker_start(struct cw_worker *worker, struct cw_error *err);
/* Finishes the document in hand, or gives it eight seconds, then stops the loop. */
void cw_worker_stop(struct cw_worker *worker);
/* Why the loop was stopped: 0 after an orderly stop, else -errno with text in err. */
int cw_worker_result(const struct cw_worker *worker, struct cw_error *err);

#endif
