/*
 * snapshot.h: a configuration as the audit log keeps it: one setting a line, no secrets, comparable with another.
 *
 *     feed.notes.interval = "6h"
 *     risk.line_watch = 25
 *     file "/etc/councilwatch/councils.csv" = sha256:…
 *
 * Headers of requests may hold keys: only a hash of them is kept. Examples (expect) are left out: they decide nothing.
 */
#ifndef CW_DAEMON_SNAPSHOT_H
#define CW_DAEMON_SNAPSHOT_H

#include <jansson.h>

#include <councilwatch/buf.h>
#include <councilwatch/config.h>

#define CW_SNAPSHOT_MAX (4u * 1024u * 1024u)
/* Changes that are told one by one, and bytes of each. */
#define CW_SNAPSHOT_CHANGES 20u
#define CW_SNAPSHOT_CHANGE_MAX 240u

/* Appends to out. 0, -ENOMEM or -EMSGSIZE. */
int cw_snapshot_make(const struct cw_config *config, struct cw_buf *out);
/* {"changes":["risk.line_watch: 25 -> 30", "+ …", "- …"],"more":3}: a new reference, NULL without memory. */
json_t *cw_snapshot_compare(const char *before, const char *now);

#endif
