/*
 * serve.h: what the configuration says of other machines, applied to a bus.
 */
#ifndef COUNCILWATCH_SERVE_H
#define COUNCILWATCH_SERVE_H

#include <councilwatch/config.h>
#include <councilwatch/gate.h>

#define CW_DOORS_DAEMON (1u << CW_DOOR_WORK | 1u << CW_DOOR_CONTROL | 1u << CW_DOOR_SUBMIT)
#define CW_DOORS_ASSESSOR (1u << CW_DOOR_EVIDENCE | 1u << CW_DOOR_ALERTS | 1u << CW_DOOR_QUERY)

/* Reads the service's secret key when one of the doors needs it (*ret_needed); before a process locks itself in. */
int cw_serve_key(const struct cw_config *config, unsigned doors, bool *ret_needed, struct cw_key_pair *ret, struct cw_error *err);
/* Before sockets are bound: the group of ipc sockets, the remote endpoints, and a gate when there is a key (own, else NULL; it is copied).
 * *ret is NULL without. */
int cw_serve(const struct cw_config *config, unsigned doors, struct cw_loop *loop, struct cw_bus *bus, const struct cw_key_pair *own,
             cw_refused_fn *fn, void *arg, struct cw_gate **ret, struct cw_error *err);
/* Gives the doors that a gate has the lists of this configuration. */
int cw_serve_update(const struct cw_config *config, unsigned doors, struct cw_gate *gate, struct cw_error *err);

/* How other machines are connected to: client_key and server_public_key. */
struct cw_identity {
	bool known; /* false: neither is set */
	struct cw_key_pair own;
	struct cw_key server;
};
int cw_identity_load(const struct cw_config *config, struct cw_identity *ret, struct cw_error *err);
void cw_identity_clear(struct cw_identity *identity);
/* A bus that connects as the configuration says. */
int cw_client_bus_new(const struct cw_config *config, struct cw_bus **ret, struct cw_error *err);

#endif
