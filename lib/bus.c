#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

#include "bus_private.h"

/* A remote peer whose machine is gone is noticed after some minutes: seconds. */
#define HANDSHAKE_MS 5000 /* for who connects and does not prove himself */
#define KEEPALIVE_IDLE 60
#define KEEPALIVE_INTERVAL 15
#define KEEPALIVE_COUNT 4
/* A server that refuses us, or is not there, is asked again after this, then after twice as long, up to the longest. */
#define RECONNECT_MS 100
#define RECONNECT_LONGEST_MS 5000

bool cw_peer_eq(const struct cw_peer *a, const struct cw_peer *b)
{
	return a->len == b->len && memcmp(a->id, b->id, a->len) == 0;
}

int cw_bus_new(struct cw_bus **ret, struct cw_error *err)
{
	struct cw_bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return cw_error_nomem(err);
	bus->group = (gid_t)-1;
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
	if (bus->identity)
		cw_key_pair_clear(&bus->identity->own);
	free(bus->identity);
	for (size_t i = 0; i < bus->n_remotes; i++) {
		free(bus->remotes[i].local);
		free(bus->remotes[i].remote);
	}
	free(bus);
}

int cw_bus_add_remote(struct cw_bus *bus, const char *local, const char *remote, struct cw_error *err)
{
	struct bus_remote *at = &bus->remotes[bus->n_remotes];

	if (bus->n_remotes == CW_ARRAY_LEN(bus->remotes))
		return cw_error_set(err, -ENOBUFS, "too many remote endpoints");
	at->local = strdup(local);
	at->remote = strdup(remote);
	if (!at->local || !at->remote) {
		free(at->local);
		free(at->remote);
		return cw_error_nomem(err);
	}
	bus->n_remotes++;
	return 0;
}

void cw_bus_set_group(struct cw_bus *bus, gid_t group)
{
	bus->group = group;
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
	sock->bus = bus;
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

/* Loss of a connection */

static void on_loss(void *arg, unsigned events)
{
	struct cw_sock *sock = arg;
	char event[64];
	bool lost = false;

	(void)events;
	/* Two frames each: only one kind of event was asked for. */
	while (zmq_recv(sock->loss, event, sizeof(event), ZMQ_DONTWAIT) >= 0)
		lost = true;
	if (lost)
		sock->lost(sock->lost_arg);
}

int cw_sock_watch_loss(struct cw_sock *sock, struct cw_loop *loop, void (*fn)(void *arg), void *arg, struct cw_error *err)
{
	char name[64];
	int linger = 0;

	snprintf(name, sizeof(name), "inproc://loss/%p", (void *)sock);
	sock->lost = fn;
	sock->lost_arg = arg;
	sock->loss = zmq_socket(sock->bus->ctx, ZMQ_PAIR);
	if (!sock->loss)
		return cw_error_set(err, -EMFILE, "zmq_socket: %s", zmq_strerror(zmq_errno()));
	zmq_setsockopt(sock->loss, ZMQ_LINGER, &linger, sizeof(linger));
	if (zmq_socket_monitor(sock->zsocket, name, ZMQ_EVENT_DISCONNECTED) < 0 || zmq_connect(sock->loss, name) < 0)
		return cw_error_set(err, -zmq_errno(), "cannot watch the connection: %s", zmq_strerror(zmq_errno()));
	return cw_loop_add_zmq(loop, sock->loss, CW_LOOP_READ, on_loss, sock, &sock->loss_watch, err);
}

static void loss_close(struct cw_sock *sock)
{
	if (!sock->loss)
		return;
	(void)zmq_socket_monitor(sock->zsocket, NULL, 0);
	cw_watch_free(sock->loss_watch);
	zmq_close(sock->loss);
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
	gate_forget(sock);
	loss_close(sock);
	zmq_close(sock->zsocket);
	free(sock);
}

int cw_sock_limit_received(struct cw_sock *sock, int hwm, struct cw_error *err)
{
	return set_int(sock, ZMQ_RCVHWM, hwm, err);
}

void cw_sock_keep_private(struct cw_sock *sock)
{
	sock->is_private = true;
}

bool cw_endpoint_is_loopback(const char *endpoint)
{
	const char *host = strncmp(endpoint, "tcp://", 6) == 0 ? endpoint + 6 : "", *end = strrchr(host, ':');
	struct in_addr address;
	char text[64];

	snprintf(text, sizeof(text), "%.*s", end ? (int)(end - host) : 0, host);
	if (strcmp(text, "localhost") == 0 || strcmp(text, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

int cw_endpoint_resolve(const char *endpoint, char **ret, struct cw_error *err)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	const char *host = strncmp(endpoint, "tcp://", 6) == 0 ? endpoint + 6 : NULL, *port = host ? strrchr(host, ':') : NULL;
	char name[256], address[INET6_ADDRSTRLEN];
	struct addrinfo *found;
	int r;

	if (!port || host[0] == '[' || (size_t)(port - host) >= sizeof(name)) {
		*ret = strdup(endpoint);
		return *ret ? 0 : cw_error_nomem(err);
	}
	snprintf(name, sizeof(name), "%.*s", (int)(port - host), host);
	r = getaddrinfo(name, NULL, &hints, &found);
	if (r)
		return cw_error_at(err, -EHOSTUNREACH, endpoint, 0, 0, "cannot find the host: %s", gai_strerror(r));
	r = getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof(address), NULL, 0, NI_NUMERICHOST);
	if (r == 0 && asprintf(ret, found->ai_family == AF_INET6 ? "tcp://[%s]%s" : "tcp://%s%s", address, port) < 0)
		r = EAI_MEMORY;
	freeaddrinfo(found);
	return r ? cw_error_at(err, -EHOSTUNREACH, endpoint, 0, 0, "cannot find the host: %s", gai_strerror(r)) : 0;
}

static int bind_now(struct cw_sock *sock, const char *endpoint, struct cw_error *err)
{
	if (zmq_bind(sock->zsocket, endpoint) < 0)
		return cw_error_at(err, -zmq_errno(), endpoint, 0, 0, "cannot bind: %s", zmq_strerror(zmq_errno()));
	return 0;
}

static int bind_ipc(struct cw_sock *sock, const char *endpoint, const char *path, struct cw_error *err)
{
	struct stat st;
	mode_t before;
	int r;

	/* A socket file that a killed process left behind; whoever may bind here holds the daemon's lock. */
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
	/* Nobody comes in between the making of the file and its mode. */
	before = umask(0177);
	r = bind_now(sock, endpoint, err);
	umask(before);
	if (r < 0 || sock->is_private)
		return r;
	if (sock->bus->group != (gid_t)-1 && lchown(path, (uid_t)-1, sock->bus->group) < 0)
		return cw_error_at(err, -errno, path, 0, 0, "cannot give the socket to group %u: %s; whoever runs the service must be in it",
		                   (unsigned)sock->bus->group, strerror(errno));
	if (chmod(path, 0660) < 0)
		return cw_error_at(err, -errno, path, 0, 0, "cannot set the mode of the socket: %s", strerror(errno));
	return 0;
}

static int set_tcp(struct cw_sock *sock, const char *endpoint, struct cw_error *err)
{
	int r = set_int(sock, ZMQ_TCP_KEEPALIVE, 1, err);

	if (r == 0)
		r = set_int(sock, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE, err);
	if (r == 0)
		r = set_int(sock, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL, err);
	if (r == 0)
		r = set_int(sock, ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_COUNT, err);
	return r < 0 ? r : set_int(sock, ZMQ_IPV6, strchr(endpoint, '[') != NULL, err);
}

static int bind_tcp(struct cw_sock *sock, const char *endpoint, struct cw_error *err)
{
	struct door *door = gate_door(sock->bus->gate, endpoint);
	int r = set_tcp(sock, endpoint, err);

	if (r == 0)
		r = set_int(sock, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS, err);
	if (r == 0 && !door && !cw_endpoint_is_loopback(endpoint))
		r = cw_error_at(err, -EACCES, endpoint, 0, 0, "would be open to everybody: it has no keys");
	if (r == 0 && door)
		r = gate_guard(sock->bus->gate, door, sock, err);
	return r < 0 ? r : bind_now(sock, endpoint, err);
}

static int bind_one(struct cw_sock *sock, const char *endpoint, struct cw_error *err)
{
	/* libzmq does not let go of a domain, and what is bound now would have it. */
	if (sock->door)
		return cw_error_at(err, -EBUSY, endpoint, 0, 0, "is bound after an endpoint with keys: that must be the last");
	if (strncmp(endpoint, "tcp://", 6) == 0)
		return bind_tcp(sock, endpoint, err);
	if (strncmp(endpoint, "ipc://", 6) == 0 && endpoint[6] != '@')
		return bind_ipc(sock, endpoint, endpoint + 6, err);
	return bind_now(sock, endpoint, err);
}

int cw_sock_bind(struct cw_sock *sock, const char *endpoint, struct cw_error *err)
{
	int r = bind_one(sock, endpoint, err);

	for (size_t i = 0; i < sock->bus->n_remotes && r == 0; i++)
		if (strcmp(sock->bus->remotes[i].local, endpoint) == 0)
			r = bind_one(sock, sock->bus->remotes[i].remote, err);
	return r;
}

static int prepare_tcp(struct cw_sock *sock, const char *endpoint, struct cw_error *err)
{
	int r = set_tcp(sock, endpoint, err);

	if (r == 0 && !sock->bus->identity && !cw_endpoint_is_loopback(endpoint))
		r = cw_error_at(err, -EACCES, endpoint, 0, 0,
		                "is another machine's, and is connected to with keys only: set client_key and server_public_key");
	if (r == 0)
		r = set_int(sock, ZMQ_RECONNECT_IVL, RECONNECT_MS, err);
	if (r == 0)
		r = set_int(sock, ZMQ_RECONNECT_IVL_MAX, RECONNECT_LONGEST_MS, err);
	return r == 0 && sock->bus->identity ? bus_identify_sock(sock->bus->identity, sock, err) : r;
}

int cw_sock_connect(struct cw_sock *sock, const char *endpoint, struct cw_error *err)
{
	int r = strncmp(endpoint, "tcp://", 6) == 0 ? prepare_tcp(sock, endpoint, err) : 0;

	if (r == 0 && zmq_connect(sock->zsocket, endpoint) < 0)
		r = cw_error_at(err, -zmq_errno(), endpoint, 0, 0, "cannot connect: %s", zmq_strerror(zmq_errno()));
	return r;
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

static int receive(struct cw_sock *sock, struct cw_peer *peer, struct cw_frames *ret)
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

int cw_sock_recv(struct cw_sock *sock, struct cw_peer *peer, struct cw_frames *ret)
{
	int r;

	do
		r = receive(sock, peer, ret);
	while (sock->door && sock->n_held && (r == 0 || r == -EMSGSIZE) && !gate_admits(sock->door, &sock->held[0]));
	return r;
}

/* Who sent it */

/* "localhost:UID:GID:PID", as libzmq writes what SO_PEERCRED says. */
static bool local_parse(const char *address, struct cw_sender *ret)
{
	unsigned uid, gid;
	int pid, end = 0;

	if (sscanf(address, "localhost:%u:%u:%d%n", &uid, &gid, &pid, &end) != 3 || address[end] != '\0')
		return false;
	ret->kind = CW_SENDER_LOCAL;
	ret->uid = uid;
	ret->pid = pid;
	return true;
}

void cw_sock_sender(struct cw_sock *sock, struct cw_sender *ret)
{
	const char *address = sock->n_held ? zmq_msg_gets(&sock->held[0], "Peer-Address") : NULL;

	*ret = (struct cw_sender){ .kind = CW_SENDER_UNKNOWN };
	if (!address || local_parse(address, ret))
		return;
	snprintf(ret->address, sizeof(ret->address), "%s", address);
	ret->kind = sock->door && gate_name(sock->door, &sock->held[0], ret->name) ? CW_SENDER_KEY : CW_SENDER_TCP;
}

bool cw_sender_eq(const struct cw_sender *a, const struct cw_sender *b)
{
	return a->kind == b->kind && a->uid == b->uid && a->pid == b->pid && strcmp(a->name, b->name) == 0;
}

const char *cw_sender_format(const struct cw_sender *sender, char ret[CW_SENDER_TEXT])
{
	switch (sender->kind) {
	case CW_SENDER_LOCAL:
		snprintf(ret, CW_SENDER_TEXT, "uid:%u", (unsigned)sender->uid);
		break;
	case CW_SENDER_KEY:
		snprintf(ret, CW_SENDER_TEXT, "key:%s", sender->name);
		break;
	case CW_SENDER_TCP:
		snprintf(ret, CW_SENDER_TEXT, "tcp:%s", sender->address);
		break;
	default:
		snprintf(ret, CW_SENDER_TEXT, "unknown");
	}
	return ret;
}
