/*
 * retention.h: what is kept only for a while is removed, daily or when somebody asks; or it is only told what would be.
 *
 * The daemon's part are the bytes of documents. Never of one that waits, or that is in quarantine for something that can be mended.
 * The assessor's part are texts of evidence. A run first goes through the documents, then asks the assessor; both tell by rule and
 * feed what is due, and the same walk that tells removes. Each run that removes is told to the audit log.
 */
#ifndef CW_DAEMON_RETENTION_H
#define CW_DAEMON_RETENTION_H

#include <jansson.h>

#include <councilwatch/config.h>
#include <councilwatch/loop.h>

#include "auditor.h"
#include "inbox.h"

struct cw_retainer;

struct cw_retainer_ops {
	/* cw_dispatch_retain */
	int (*ask)(void *arg, uint64_t number, int32_t day, bool apply);
};

/* inbox and auditor are borrowed until free. daily: runs by itself, once on each day. */
int cw_retainer_new(struct cw_loop *loop, struct cw_inbox *inbox, struct cw_auditor *auditor, bool daily,
                    const struct cw_retainer_ops *ops, void *arg, struct cw_retainer **ret, struct cw_error *err);
void cw_retainer_free(struct cw_retainer *retainer);
/* config is borrowed until the next. */
void cw_retainer_configure(struct cw_retainer *retainer, const struct cw_config *config);

/* day: the day for which it is told what is due; with apply it may not be in the future, -EINVAL. -EBUSY: a run is under way.
 * 0 with the run's number. */
int cw_retainer_begin(struct cw_retainer *retainer, const struct cw_audit_who *who, int32_t day, bool apply, uint64_t *ret,
                      struct cw_error *err);
/* The assessor's answer. */
void cw_retainer_answered(struct cw_retainer *retainer, uint64_t number, uint32_t n, const void *rows, size_t len,
                          const char *why_not);
/* {"done":false}; {"done":true,"rows":[…],"rules":{…}}; {"done":true,"error":"…"}. NULL: there is no such run, or no memory. */
json_t *cw_retainer_result(struct cw_retainer *retainer, uint64_t run);

#endif
