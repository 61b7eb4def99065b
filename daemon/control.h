/*
 * control.h: answers the command-line tool (docs/messages.md, "Control socket").
 *
 * A client may stream uploads of any size the feed allows; each goes to the inbox as it arrives. Everything is bounded:
 * bytes of a request, clients, uploads of one client and of all, answers that a client does not fetch. A client that says
 * nothing for CW_CLIENT_LOST_MS loses its uploads.
 */
#ifndef CW_DAEMON_CONTROL_H
#define CW_DAEMON_CONTROL_H

#include <jansson.h>

#include <councilwatch/audit.h>
#include <councilwatch/base.h>
#include <councilwatch/bus.h>
#include <councilwatch/config.h>
#include <councilwatch/error.h>
#include <councilwatch/loop.h>
#include <councilwatch/message.h>

#include "inbox.h"

#define CW_CLIENT_LOST_MS 60000
#define CW_CLIENTS_MAX 256u
#define CW_UPLOADS_MAX 32u /* of all clients: each holds up to a chunk in memory */
#define CW_UPLOADS_PER_CLIENT 4u
#define CW_ANSWERS_MAX (1024u * 1024u) /* bytes waiting for one client */
#define CW_DOCUMENTS_ASKED 256u        /* documents in one question */

struct cw_control;

struct cw_control_ops {
	json_t *(*status)(void *arg); /* a new reference; NULL when out of memory */
	int (*fetch)(void *arg, const char *feed, struct cw_error *err);
	/* How a feed is, with "settled": nothing of it is under way, due now or waits. NULL with text in err. */
	json_t *(*fetched)(void *arg, const char *feed, struct cw_error *err);
	/* The feed's name, in order; NULL = there are no more. */
	const char *(*feed_at)(void *arg, size_t index);
	/* negative: mistakes says what, one a line */
	int (*reload)(void *arg, const struct cw_audit_who *who, struct cw_buf *mistakes);
	/* One row of the audit log; detail is taken. What asks for it is done only after it is written. */
	int (*audit)(void *arg, const struct cw_audit_who *who, enum cw_audit_action action, const char *council,
	             const char *feed, json_t *detail, uint64_t *ret_seq, struct cw_error *err);
	const struct cw_feed *(*feed)(void *arg, const char *name); /* NULL = there is none */
	bool (*full)(void *arg);                                    /* too much is waiting: imports begin later */
	int (*dismiss)(void *arg, uint64_t number, const struct cw_dismissal *dismissal); /* -EAGAIN: not now */
	/* cw_retainer_begin, cw_retainer_result */
	int (*retain)(void *arg, const struct cw_audit_who *who, int32_t day, bool apply, uint64_t *ret_run, struct cw_error *err);
	json_t *(*retained)(void *arg, uint64_t run);
	void (*stored)(void *arg);                                  /* a document was stored, or queued again */
	/* One of our own workers, who has no business here: it is being seen to, nothing is answered. where: for the log. */
	bool (*is_worker)(void *arg, const struct cw_sender *sender, const char *where);
};

int cw_control_new(struct cw_loop *loop, struct cw_bus *bus, struct cw_inbox *inbox, const char *endpoint,
                   const struct cw_control_ops *ops, void *arg, struct cw_control **ret, struct cw_error *err);
void cw_control_free(struct cw_control *control);

/* Tells the clients that wait for this document. */
void cw_control_committed(struct cw_control *control, const struct cw_inbox_document *document,
                          const struct cw_commit_info *info);
/* The answer to ops->dismiss(). */
void cw_control_dismissed(struct cw_control *control, uint64_t number, unsigned n, const char *why_not);
/* ops->full() may have become false: imports that wait begin. */
void cw_control_room(struct cw_control *control);
/* Nothing new is taken from now on ("the daemon is stopping"). */
void cw_control_close(struct cw_control *control);

#endif
