/*
 * dispatch.h: documents from the inbox to the normalisers, until the assessor has committed them.
 *
 * A document is announced to the assessor, given to a normaliser that has credit, and done only when the assessor says
 * that it is committed. Oldest first. At most 2 documents per normaliser are in flight; the rest wait in the inbox.
 * - A normaliser that dies, misbehaves or is silent loses its documents; they go out again with a higher attempt.
 * - A document that was in a worker's hands at its death is suspect and from then on travels alone. At
 *   CW_POISON_DEATHS deaths it is poison: the assessor is told to record it, and no worker sees it again.
 * - When the assessor dies, all that it had not committed is announced and sent again once it is back.
 * Sends never block: what a peer cannot take now is queued, within bounds, and tried again.
 *
 * Links come back from the normaliser before its evidence is complete, and are durable before it is told so: no step's
 * document is done whose links could be lost.
 *
 * Each DOCUMENT uses one of the normaliser's credits; the normaliser gives it back with CREDIT when it has finished the
 * document or been told to drop it.
 */
#ifndef CW_DAEMON_DISPATCH_H
#define CW_DAEMON_DISPATCH_H

#include <sys/types.h>

#include <councilwatch/base.h>
#include <councilwatch/bus.h>
#include <councilwatch/error.h>
#include <councilwatch/loop.h>
#include <councilwatch/message.h>

#include "inbox.h"

enum cw_role { CW_ROLE_NORMALISER, CW_ROLE_ASSESSOR };
const char *cw_role_name(enum cw_role role);

struct cw_dispatch;

struct cw_dispatch_ops {
	/* Durable in the inbox as settled. Both borrowed for the call. */
	void (*committed)(void *arg, const struct cw_inbox_document *document, const struct cw_commit_info *info);
	/* Links that a normaliser found in a step's document that it has. 0: they are durable. -EPERM: it may not send them; -EAGAIN: it
	 * has another configuration than we have, the document goes out again; else the disk. NULL: none may be sent. */
	int (*links)(void *arg, const struct cw_inbox_document *document, const struct cw_doc_link *links, size_t n,
	             struct cw_error *err);
	/* The page after a document that is about to be settled: 1 with *ret filled, its url in buf; 0 none. May be NULL. */
	int (*next_page)(void *arg, const struct cw_inbox_document *document, const struct cw_commit_info *info,
	                 struct cw_inbox_found *ret, struct cw_buf *buf);
	/* May this be a worker of that role? Its process id, 0 when it is of another machine, or -1: no. claimed: the process id that it
	 * says. NULL: all are what they say. */
	pid_t (*worker)(void *arg, enum cw_role role, const struct cw_sender *sender, pid_t claimed);
	/* pid: 0 = of another machine. */
	void (*ready)(void *arg, enum cw_role role, pid_t pid);
	void (*heard)(void *arg, enum cw_role role, pid_t pid, uint64_t documents);
	/* It handled a document to the end: it is not in a loop of crashes. */
	void (*worked)(void *arg, enum cw_role role, pid_t pid);
	/* It sent nonsense, or nothing for CW_HEARTBEAT_LOST_MS: to be killed. True: cw_dispatch_died() will follow. False:
	 * nobody knows such a process (it runs elsewhere); it is left alone and its documents go to others. */
	bool (*bad)(void *arg, enum cw_role role, pid_t pid, const char *why);
	/* The assessor's answer to cw_dispatch_dismiss(): n entries are marked, or why not (a text that ends; "" = they are). */
	void (*dismissed)(void *arg, uint64_t number, unsigned n, const char *why_not);
	/* The assessor turned somebody away at a door of its own, so often since it started. False: there is no such door. */
	/* Its answer to cw_dispatch_retain(): rows (cw_retained_get), or why not. */
	void (*retained)(void *arg, uint64_t number, uint32_t n, const void *rows, size_t len, const char *why_not);
	bool (*refused)(void *arg, struct cw_str door, uint32_t why, uint64_t total);
};

int cw_dispatch_new(struct cw_loop *loop, struct cw_bus *bus, struct cw_inbox *inbox, const char *work_endpoint,
                    const char *commit_endpoint, const struct cw_dispatch_ops *ops, void *arg, struct cw_dispatch **ret,
                    struct cw_error *err);
void cw_dispatch_free(struct cw_dispatch *dispatch);
/* hash: of the configuration that documents are settled under; copied. */
int cw_dispatch_configure(struct cw_dispatch *dispatch, unsigned normalisers, const char *hash, struct cw_error *err);

/* Something was stored. */
void cw_dispatch_queued(struct cw_dispatch *dispatch);
/* Hand out nothing new (before a stop or a change of workers). */
void cw_dispatch_hold(struct cw_dispatch *dispatch, bool held);
size_t cw_dispatch_in_flight(const struct cw_dispatch *dispatch);
/* A worker has it, or had it since it was announced. */
bool cw_dispatch_has(const struct cw_dispatch *dispatch, uint64_t document);
bool cw_dispatch_assessor_ready(const struct cw_dispatch *dispatch);
size_t cw_dispatch_normalisers_ready(const struct cw_dispatch *dispatch);

/* Normalisers of other machines, by number from 0; borrowed until the next message. False when there are no more. */
struct cw_remote_info {
	const char *key, *address;
	uint64_t documents;
};
bool cw_dispatch_remote(const struct cw_dispatch *dispatch, size_t index, struct cw_remote_info *ret);

/* The supervisor's news. guilty: the death counts against what was in hand. */
void cw_dispatch_died(struct cw_dispatch *dispatch, enum cw_role role, pid_t pid, bool guilty);
/* CW_MSG_STOP to every worker. */
void cw_dispatch_stop_workers(struct cw_dispatch *dispatch);
/* Tells the assessor who may come in at one of its doors; nothing to do while there is none: it reads the list at its start. */
void cw_dispatch_allow(struct cw_dispatch *dispatch, const char *door, const struct cw_allowed *allowed);
/* To the assessor; -EAGAIN when there is none. Should it be lost nobody is told: the one who waits asks again. */
/* Asks the assessor what is due to be removed on a day, or with apply to remove it. -EAGAIN: it is not there. */
int cw_dispatch_retain(struct cw_dispatch *dispatch, uint64_t number, int32_t day, bool apply);
int cw_dispatch_dismiss(struct cw_dispatch *dispatch, uint64_t number, const struct cw_dismissal *dismissal);
/* Dropped when there is no assessor: all are to be sent when it is ready. */
void cw_dispatch_feed_state(struct cw_dispatch *dispatch, const struct cw_feed_state *state);

#endif
