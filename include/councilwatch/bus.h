/*
 * bus.h: ZeroMQ sockets as councilwatch uses them: bounded, non-blocking, LINGER explicit.
 *
 * The only files that include zmq.h are bus.c, gate.c and loop.c.
 */
#ifndef COUNCILWATCH_BUS_H
#define COUNCILWATCH_BUS_H

#include <sys/types.h>

#include <councilwatch/base.h>
#include <councilwatch/error.h>
#include <councilwatch/limits.h>

struct cw_loop;
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
/* Who else may use the ipc sockets that are bound from now on: their mode is 0660, of this group. */
void cw_bus_set_group(struct cw_bus *bus, gid_t group);
/* What is bound to local from now on is bound to remote as well. */
int cw_bus_add_remote(struct cw_bus *bus, const char *local, const char *remote, struct cw_error *err);
/* Between our own processes only: its ipc endpoints have mode 0600. Before bind. */
void cw_sock_keep_private(struct cw_sock *sock);
/* Messages of one peer that wait to be received, when they may be large; before bind. */
int cw_sock_limit_received(struct cw_sock *sock, int hwm, struct cw_error *err);
/* ipc://: a stale socket file is removed. tcp://: with CURVE where the bus has a gate with a door there (gate.h); without, only on the
 * loopback interface. A socket may be bound to several endpoints. */
int cw_sock_bind(struct cw_sock *sock, const char *endpoint, struct cw_error *err);
/* tcp://: with CURVE after cw_bus_identify (gate.h); without, only to the loopback interface. */
int cw_sock_connect(struct cw_sock *sock, const char *endpoint, struct cw_error *err);
/* fn is called when a connection over which it talked, or tried to, has ended. Before connect; at most once for a socket. */
int cw_sock_watch_loss(struct cw_sock *sock, struct cw_loop *loop, void (*fn)(void *arg), void *arg, struct cw_error *err);
/* A tcp endpoint with its host's address in the place of a name, owned: for processes that cannot look names up. Others as they are. */
int cw_endpoint_resolve(const char *endpoint, char **ret, struct cw_error *err);
int cw_sock_subscribe(struct cw_sock *sock, const char *prefix, struct cw_error *err);
void *cw_sock_zmq(struct cw_sock *sock); /* for cw_loop_add_zmq */

/* Never blocks. 0, -EAGAIN (high-water mark reached: keep it and try again when writable),
 * -EHOSTUNREACH (ROUTER: that peer is gone) or another -errno. peer: ROUTER only, else NULL. */
int cw_sock_send(struct cw_sock *sock, const struct cw_peer *peer, const struct cw_frame *frames, size_t n);
/* Never blocks. 0 with *ret filled; -EAGAIN when there is nothing; -EMSGSIZE when a message had too
 * many frames or one too large (it is dropped whole). peer: filled for ROUTER, may be NULL; its len is 0 when
 * the peer's identity was too long, which is an -EMSGSIZE too. */
int cw_sock_recv(struct cw_sock *sock, struct cw_peer *peer, struct cw_frames *ret);

/* Is it on this machine's loopback interface? For tcp:// endpoints. */
bool cw_endpoint_is_loopback(const char *endpoint);

/*
 * Who sent the message that was received last, as the kernel (ipc) or its key (gate.h) says: nothing that the message or its sender
 * claims. Valid until the next receive on the socket.
 */
#define CW_ADDRESS_MAX 80
enum cw_sender_kind {
	CW_SENDER_UNKNOWN, /* not a process that can be told (inproc) */
	CW_SENDER_LOCAL,   /* a process of this machine: pid and uid */
	CW_SENDER_KEY,     /* name of the key that it has */
	CW_SENDER_TCP,     /* address only: a loopback endpoint without keys */
};
struct cw_sender {
	enum cw_sender_kind kind;
	uid_t uid;
	pid_t pid;
	char name[CW_NAME_MAX];
	char address[CW_ADDRESS_MAX]; /* KEY and TCP */
};
void cw_sock_sender(struct cw_sock *sock, struct cw_sender *ret);
/* The same process, or the same key. */
bool cw_sender_eq(const struct cw_sender *a, const struct cw_sender *b);
/* "uid:1000", "key:NAME", "tcp:127.0.0.1", "unknown". */
#define CW_SENDER_TEXT (CW_ADDRESS_MAX + 8)
const char *cw_sender_format(const struct cw_sender *sender, char ret[CW_SENDER_TEXT]);

#endif
