/*
 * doors.h: how often somebody was turned away, for status.
 *
 * The daemon's own doors are counted by its gate (gate.h); those of the assessor as it reports, over all assessors that there were. Kept in
 * memory: they begin at 0 when the daemon starts.
 */
#ifndef CW_DAEMON_DOORS_H
#define CW_DAEMON_DOORS_H

#include <jansson.h>

#include <councilwatch/config.h>
#include <councilwatch/gate.h>

struct cw_doors {
	struct {
		uint64_t before[CW_REFUSAL_COUNT]; /* of assessors that are gone */
		uint64_t now[CW_REFUSAL_COUNT];
	} assessor[CW_DOOR_COUNT];
	uint64_t bad_workers; /* workers that sent what they may not */
};

/* The assessor's count. False when there is no such door or reason. */
bool cw_doors_note(struct cw_doors *doors, struct cw_str name, uint32_t why, uint64_t total);
/* A new assessor counts from 0. */
void cw_doors_new_assessor(struct cw_doors *doors);
/* [{"endpoint","no_key","handshake","unknown_key","removed_key"}] of every door; NULL when out of memory. */
json_t *cw_doors_status(const struct cw_doors *doors, const struct cw_config *config, const struct cw_gate *gate);
/* Logs it, as peer.refused. For cw_gate_new(). */
void cw_doors_log(void *arg, const struct cw_refused *refused);

#endif
