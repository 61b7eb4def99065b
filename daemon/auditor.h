/*
 * auditor.h: what the daemon writes into the audit log (audit.h).
 *
 * Notes and rulings are written when their document is committed, from what the assessor stored: who handed the document in is
 * kept with it in the inbox, and so is that the log has not been told (cw_inbox_unaudited). What cannot be written stays there,
 * and is tried again every CW_AUDITOR_AGAIN_MS and at the next start.
 */
#ifndef CW_DAEMON_AUDITOR_H
#define CW_DAEMON_AUDITOR_H

#include <jansson.h>

#include <councilwatch/audit.h>
#include <councilwatch/bus.h>
#include <councilwatch/config.h>
#include <councilwatch/loop.h>

#include "inbox.h"

#define CW_AUDITOR_AGAIN_MS 10000

struct cw_auditor;

/* inbox is borrowed until free. Without the log nothing may be accepted: then this fails. */
int cw_auditor_new(struct cw_loop *loop, struct cw_inbox *inbox, const char *state_dir, struct cw_auditor **ret,
                   struct cw_error *err);
void cw_auditor_free(struct cw_auditor *auditor); /* NULL is fine */

/* Who sent what was received last on a socket: the user that the system names, or "key:NAME" or "tcp:ADDRESS" from other machines.
 * sudo: what that process says of itself, NULL = nothing; believed of root on this machine. */
void cw_auditor_sender(struct cw_sock *sock, const char *sudo, const char *via, struct cw_audit_who *ret);

/* Which feeds may give notes or rulings; config is borrowed until the next. */
void cw_auditor_configure(struct cw_auditor *auditor, const struct cw_config *config);

/* One row. council, feed, document may be NULL; detail is taken. Logged when it fails. */
int cw_auditor_record(struct cw_auditor *auditor, const struct cw_audit_who *who, enum cw_audit_action action,
                      const char *council, const char *feed, const char *document, json_t *detail, uint64_t *ret_seq,
                      struct cw_error *err);
/* The configuration now in force, unless it is the one that was last. when: "start", "reload". */
int cw_auditor_config(struct cw_auditor *auditor, const struct cw_audit_who *who, const char *when,
                      const struct cw_config *config, struct cw_error *err);
/* mistakes: one a line. */
void cw_auditor_config_refused(struct cw_auditor *auditor, const struct cw_audit_who *who, const char *file,
                               const char *mistakes);
/* Tells of every document that is noted in the inbox: after one was settled, and at the start. */
void cw_auditor_documents(struct cw_auditor *auditor);

#endif
