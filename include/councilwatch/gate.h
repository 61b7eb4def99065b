/*
 * gate.h: who may come in over the network.
 *
 * A gate makes the tcp endpoints of one bus CURVE servers (https://rfc.zeromq.org/spec/26) and answers for each connection whether
 * its key is on the endpoint's allow-list (ZAP, https://rfc.zeromq.org/spec/27). It must stand before the sockets are bound: an
 * endpoint it knows (a door) is bound with CURVE, and a tcp endpoint that it does not know only on the loopback interface. It
 * answers from the loop, never blocks, and keeps nothing for a connection but its descriptor.
 *
 * A key that is taken off a list loses its connections at once, as far as messages came over them; what comes over another later is
 * dropped, and the connection with it. The others are not disturbed.
 */
#ifndef COUNCILWATCH_GATE_H
#define COUNCILWATCH_GATE_H

#include <councilwatch/base.h>
#include <councilwatch/bus.h>
#include <councilwatch/error.h>
#include <councilwatch/keys.h>
#include <councilwatch/loop.h>

struct cw_gate;

enum cw_refusal {
	CW_REFUSED_NO_KEY,      /* does not speak CURVE */
	CW_REFUSED_HANDSHAKE,   /* does not know our public key, or repeats what another has sent, or gave up */
	CW_REFUSED_UNKNOWN_KEY, /* its key is not on the list */
	CW_REFUSED_REMOVED_KEY, /* its key was, when it connected */
	CW_REFUSAL_COUNT,
};
const char *cw_refusal_name(enum cw_refusal why); /* "no_key" … */

struct cw_refused {
	const char *door;
	enum cw_refusal why;
	char who[CW_ADDRESS_MAX]; /* address, or name of the key; "" = not known */
	uint64_t n;               /* since this was told the last time */
	uint64_t total;           /* of this door for this reason */
};
/* Called for the first refusal of a kind at a door, then for all of a minute at once. */
typedef void cw_refused_fn(void *arg, const struct cw_refused *refused);
#define CW_REFUSED_TELL_MS 60000

/* Everything is borrowed for the life of the gate but own, which is copied. -EINVAL when own is no pair, -EOPNOTSUPP when libzmq has no
 * CURVE. */
int cw_gate_new(struct cw_loop *loop, struct cw_bus *bus, const struct cw_key_pair *own, cw_refused_fn *fn, void *arg,
                struct cw_gate **ret, struct cw_error *err);
/* After every socket of the bus, and before the bus. NULL is fine. */
void cw_gate_free(struct cw_gate *gate);
/* Opens a door, or gives the one that is there another list. The list is copied. At most CW_DOORS_MAX. */
int cw_gate_allow(struct cw_gate *gate, const char *door, const char *endpoint, const struct cw_allowed *allowed,
                  struct cw_error *err);
#define CW_DOORS_MAX 16u
/* The name of a door, NULL when there is none of that number; with how often it refused whom. */
const char *cw_gate_door(const struct cw_gate *gate, size_t index, uint64_t ret[CW_REFUSAL_COUNT]);

/* A new pair; its name is the caller's to set. */
int cw_key_pair_make(struct cw_key_pair *ret, struct cw_error *err);

/* How this bus proves itself where it connects over tcp, and whom it expects there: copied. Without it such connections are not
 * encrypted, and made to the loopback interface only. */
int cw_bus_identify(struct cw_bus *bus, const struct cw_key_pair *own, const struct cw_key *server, struct cw_error *err);

#endif
