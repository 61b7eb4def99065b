#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

#include <councilwatch/bus.h>

struct cw_bus {
	void *ctx;
};

struct cw_sock {
	void *zsocket;
	enum cw_sock_type type;
	zmq_msg_t held[CW_FRAMES_MAX]; /* what the last receive lent out */
	size_t n_held;
};

bool cw_peer_eq(const struct cw_peer *a, const struct cw_peer *b)
{
	return a->len == b->len && memcmp(a->id, b->id, a->len) == 0;
}

int cw_bus_new(struct cw_bus **ret, struct cw_error *err)
{
	struct cw_bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return cw_error_nomem(err);
	bus->ctx = zmq_ctx_new();
	if (!bus->ctx) {
		free(bus);
		return cw_error_set(err, -ENOMEM, "zmq_ctx_new: %s", zmq_strerror(zmq_errno()));
	}
	*ret = bus;
	return 0;
}

void cw_bus_free(struct cw_bus *bus)
{
	if (!bus)
		return;
	while (zmq_ctx_term(bus->ctx) < 0 && zmq_errno() == EINTR)
		;
	free(bus);
}

static int set_int(struct cw_sock *sock, int option, int value, struct cw_error *err)
{
	if (zmq_setsockopt(sock->zsocket, option, &value, sizeof(value)) < 0)
		return cw_error_set(err, -EINVAL, "zmq_setsockopt(%d): %s", option, zmq_strerror(zmq_errno()));
	return 0;
}

static int to_zmq_type(enum cw_sock_type type)
{
	switch (type) {
	case CW_SOCK_ROUTER:
		return ZMQ_ROUTER;
	case CW_SOCK_DEALER:
		return ZMQ_DEALER;
	case CW_SOCK_XPUB:
		return ZMQ_XPUB;
	case CW_SOCK_SUB:
		return ZMQ_SUB;
	}
	return -1;
}

int cw_sock_new(struct cw_bus *bus, enum cw_sock_type type, int hwm, int linger_ms, struct cw_sock **ret,
                struct cw_error *err)
{
	struct cw_sock *sock = calloc(1, sizeof(*sock));
	int64_t max = CW_FRAME_MAX;
	int r;

	if (!sock)
		return cw_error_nomem(err);
	sock->type = type;
	sock->zsocket = zmq_socket(bus->ctx, to_zmq_type(type));
	if (!sock->zsocket) {
		free(sock);
		return cw_error_set(err, -EMFILE, "zmq_socket: %s", zmq_strerror(zmq_errno()));
	}
	r = set_int(sock, ZMQ_SNDHWM, hwm, err);
	if (r == 0)
		r = set_int(sock, ZMQ_RCVHWM, hwm, err);
	if (r == 0)
		r = set_int(sock, ZMQ_LINGER, linger_ms, err);
	if (r == 0 && type == CW_SOCK_ROUTER)
		r = set_int(sock, ZMQ_ROUTER_MANDATORY, 1, err);
	if (r == 0 && type == CW_SOCK_XPUB)
		r = set_int(sock, ZMQ_XPUB_VERBOSE, 1, err);
	/* A peer that sends a larger frame is disconnected by ZeroMQ itself. */
	if (r == 0 && zmq_setsockopt(sock->zsocket, ZMQ_MAXMSGSIZE, &max, sizeof(max)) < 0)
		r = cw_error_set(err, -EINVAL, "ZMQ_MAXMSGSIZE: %s", zmq_strerror(zmq_errno()));
	if (r < 0) {
		cw_sock_free(sock);
		return r;
	}
	*ret = sock;
	return 0;
}

static void release_held(struct cw_sock *sock)
{
	for (size_t i = 0; i < sock->n_held; i++)
		zmq_msg_close(&sock->held[i]);
	sock->n_held = 0;
}

void cw_sock_free(struct cw_sock *sock)
{
	if (!sock)
		return;
	release_held(sock);
	zmq_close(sock->zsocket);
	free(sock);
}

int cw_sock_limit_received(struct cw_sock *sock, int hwm, struct cw_error *err)
{
	return set_int(sock, ZMQ_RCVHWM, hwm, err);
}

int cw_sock_bind(struct cw_sock *sock, const char *endpoint, struct cw_error *err)
{
	const char *path = strncmp(endpoint, "ipc://", 6) == 0 && endpoint[6] != '@' ? endpoint + 6 : NULL;
	struct stat st;

	/* A socket file that a killed process left behind; whoever may bind here holds the daemon's lock. */
	if (path && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
	if (zmq_bind(sock->zsocket, endpoint) < 0)
		return cw_error_at(err, -zmq_errno(), endpoint, 0, 0, "cannot bind: %s", zmq_strerror(zmq_errno()));
	if (path && chmod(path, 0660) < 0)
		return cw_error_at(err, -errno, path, 0, 0, "cannot set the mode of the socket: %s", strerror(errno));
	return 0;
}

int cw_sock_connect(struct cw_sock *sock, const char *endpoint, struct cw_error *err)
{
	if (zmq_connect(sock->zsocket, endpoint) < 0)
		return cw_error_at(err, -zmq_errno(), endpoint, 0, 0, "cannot connect: %s", zmq_strerror(zmq_errno()));
	return 0;
}

int cw_sock_subscribe(struct cw_sock *sock, const char *prefix, struct cw_error *err)
{
	if (zmq_setsockopt(sock->zsocket, ZMQ_SUBSCRIBE, prefix, strlen(prefix)) < 0)
		return cw_error_set(err, -EINVAL, "cannot subscribe to '%s': %s", prefix, zmq_strerror(zmq_errno()));
	return 0;
}

void *cw_sock_zmq(struct cw_sock *sock)
{
	return sock->zsocket;
}

/* A signal must not end a message between its parts: the next one would be taken for the rest of it. */
static int send_part(struct cw_sock *sock, const void *data, size_t len, bool more)
{
	int r;

	do
		r = zmq_send(sock->zsocket, data ? data : "", len, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
	while (r < 0 && zmq_errno() == EINTR);
	return r < 0 ? -zmq_errno() : 0;
}

int cw_sock_send(struct cw_sock *sock, const struct cw_peer *peer, const struct cw_frame *frames, size_t n)
{
	/* ZeroMQ takes a multipart message whole or not at all. A later part is refused only when the peer has gone in the
	 * middle, and then what went before it was taken back. */
	int r = peer ? send_part(sock, peer->id, peer->len, true) : 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = send_part(sock, frames[i].data, frames[i].len, i + 1 < n);
	return r;
}

int cw_sock_recv(struct cw_sock *sock, struct cw_peer *peer, struct cw_frames *ret)
{
	bool more = true, refused = false, first = sock->type == CW_SOCK_ROUTER;

	release_held(sock);
	ret->n = 0;
	while (more) {
		zmq_msg_t msg;

		zmq_msg_init(&msg);
		if (zmq_msg_recv(&msg, sock->zsocket, ZMQ_DONTWAIT) < 0) {
			int code = zmq_errno();

			zmq_msg_close(&msg);
			return code == EINTR ? -EAGAIN : -code;
		}
		more = zmq_msg_more(&msg);
		if (first) {
			first = false;
			refused = zmq_msg_size(&msg) > CW_PEER_MAX;
			if (peer) {
				peer->len = refused ? 0 : (uint8_t)zmq_msg_size(&msg);
				memcpy(peer->id, zmq_msg_data(&msg), peer->len);
			}
			zmq_msg_close(&msg);
			continue;
		}
		if (refused || sock->n_held == CW_FRAMES_MAX || zmq_msg_size(&msg) > CW_FRAME_MAX) {
			refused = true;
			zmq_msg_close(&msg);
			continue;
		}
		zmq_msg_init(&sock->held[sock->n_held]);
		zmq_msg_move(&sock->held[sock->n_held], &msg);
		zmq_msg_close(&msg);
		ret->frame[ret->n++] = (struct cw_frame){ zmq_msg_data(&sock->held[sock->n_held]),
			                                  zmq_msg_size(&sock->held[sock->n_held]) };
		sock->n_held++;
	}
	return refused ? -EMSGSIZE : 0;
}
