/*
 * intake.h: documents on their way in: announced by the daemon, filled by normalisers, committed in order.
 *
 * A document is known here from ANNOUNCE to its commit. Batches wait in memory, those of a large document in the
 * database's stage. Documents are committed in the order in which the daemon announced them, so that an import in order
 * of date tells changes in order of date. Whatever a normaliser sends is checked; one that sends what it may not is told to
 * stop, and its document comes again from another.
 */
#ifndef CW_ASSESSOR_INTAKE_H
#define CW_ASSESSOR_INTAKE_H

#include <councilwatch/bus.h>
#include <councilwatch/gate.h>
#include <councilwatch/loop.h>

#include "commit.h"

struct intake;

/* Everything is borrowed for the life of the intake. stopped is called when the daemon said STOP and all that could be
 * committed is. */
int intake_new(struct cw_loop *loop, struct cw_bus *bus, const struct cw_config *config, struct cw_store *store,
               struct committer *committer, const char *commit_endpoint, const char *evidence_endpoint,
               void (*stopped)(void *arg), void *arg, struct intake **ret, struct cw_error *err);
void intake_free(struct intake *intake);
/* Where the daemon's word of who may come in goes; borrowed. */
void intake_set_gate(struct intake *intake, struct cw_gate *gate);
/* Tells the daemon that work can come. */
int intake_ready(struct intake *intake, struct cw_error *err);
/* Are feeds being polled? Then the alert clock follows the wall clock. */
bool intake_live(const struct intake *intake);

#endif
