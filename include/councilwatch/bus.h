/*
 * bus.h: ZeroMQ sockets as councilwatch uses them: bounded, non-blocking, LINGER explicit.
 *
 * The only files that include zmq.h are bus.c and loop.c.
 */
#ifndef COUNCILWATCH_BUS_H
#define COUNCILWATCH_BUS_H

#include <councilwatch/base.h>
#include <councilwatch/error.h>
#include <councilwatch/limits.h>

struct cw_bus;  /* a ZeroMQ context */
struct cw_sock;

enum cw_sock_type { CW_SOCK_ROUTER, CW_SOCK_DEALER, CW_SOCK_XPUB, CW_SOCK_SUB };

#define CW_PEER_MAX 32 /* bytes of a ROUTER peer's identity that we accept */
struct cw_peer {
	uint8_t len;
	unsigned char id[CW_PEER_MAX];
};
bool cw_peer_eq(const struct cw_peer *a, const struct cw_peer *b);

struct cw_frame {
	const void *data; /* borrowed until the next receive on that socket, or by the caller of send */
	size_t len;
};
struct cw_frames {
	size_t n;
	struct cw_frame frame[CW_FRAMES_MAX];
};

int cw_bus_new(struct cw_bus **ret, struct cw_error *err);
void cw_bus_free(struct cw_bus *bus); /* every socket must have been freed; NULL is fine */

/* hwm: messages queued per peer and direction. linger_ms: how long freeing the socket may wait
 * for unsent messages. ROUTER sockets report unroutable peers (ROUTER_MANDATORY). */
int cw_sock_new(struct cw_bus *bus, enum cw_sock_type type, int hwm, int linger_ms, struct cw_sock **ret,
                struct cw_error *err);
void cw_sock_free(struct cw_sock *sock);
/* For ipc:// endpoints, binding removes a stale socket file and sets mode 0660. */
/* Messages of one peer that wait to be received, when they may be large; before bind. */
int cw_sock_limit_received(struct cw_sock *sock, int hwm, struct cw_error *err);
int cw_sock_bind(struct cw_sock *sock, const char *endpoint, struct cw_error *err);
int cw_sock_connect(struct cw_sock *sock, const char *endpoint, struct cw_error *err);
int cw_sock_subscribe(struct cw_sock *sock, const char *prefix, struct cw_error *err);
void *cw_sock_zmq(struct cw_sock *sock); /* for cw_loop_add_zmq */

/* Never blocks. 0, -EAGAIN (high-water mark reached: keep it and try again when writable),
 * -EHOSTUNREACH (ROUTER: that peer is gone) or another -errno. peer: ROUTER only, else NULL. */
int cw_sock_send(struct cw_sock *sock, const struct cw_peer *peer, const struct cw_frame *frames, size_t n);
/* Never blocks. 0 with *ret filled; -EAGAIN when there is nothing; -EMSGSIZE when a message had too
 * many frames or one too large (it is dropped whole). peer: filled for ROUTER, may be NULL; its len is 0 when
 * the peer's identity was too long, which is an -EMSGSIZE too. */
int cw_sock_recv(struct cw_sock *sock, struct cw_peer *peer, struct cw_frames *ret);

#endif
