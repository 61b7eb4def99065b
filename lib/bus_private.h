/*
 * bus_private.h: between bus.c and gate.c.
 */
#ifndef COUNCILWATCH_LIB_BUS_PRIVATE_H
#define COUNCILWATCH_LIB_BUS_PRIVATE_H

#include <sys/types.h>

#include <zmq.h>

#include <councilwatch/bus.h>
#include <councilwatch/gate.h>

struct bus_identity {
	struct cw_key_pair own;
	struct cw_key server;
};

struct bus_remote {
	char *local, *remote; /* owned */
};

struct cw_bus {
	void *ctx;
	struct cw_gate *gate;          /* NULL = none */
	struct bus_identity *identity; /* NULL = none */
	size_t n_remotes;
	struct bus_remote remotes[CW_DOORS_MAX];
	gid_t group;                   /* of ipc sockets; (gid_t)-1 = as it comes */
};

struct door;

struct cw_sock {
	struct cw_bus *bus;
	void *zsocket;
	enum cw_sock_type type;
	bool is_private;
	void *loss;                    /* monitor; NULL = its end is nobody's business */
	struct cw_watch *loss_watch;
	void (*lost)(void *arg);
	void *lost_arg;
	struct door *door;             /* that it is bound at; NULL = none */
	zmq_msg_t held[CW_FRAMES_MAX]; /* what the last receive lent out */
	size_t n_held;
};

/* The door of an endpoint, NULL when the gate has none. */
struct door *gate_door(struct cw_gate *gate, const char *endpoint);
/* Before binding: what is bound from then on is a CURVE server of that door. What was bound before keeps its options. */
int gate_guard(struct cw_gate *gate, struct door *door, struct cw_sock *sock, struct cw_error *err);
/* The socket goes. */
void gate_forget(struct cw_sock *sock);
/* May this message be taken? When not, it was counted and its connection ended. */
bool gate_admits(struct door *door, zmq_msg_t *message);
/* Who the gate says sent it; false when it says nothing. */
bool gate_name(struct door *door, zmq_msg_t *message, char ret[CW_NAME_MAX]);
int bus_identify_sock(const struct bus_identity *identity, struct cw_sock *sock, struct cw_error *err);

#endif
