#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <zmq.h>

#include "bus_private.h"

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZAP_FRAMES 9 /* envelope and delimiter, version, request, domain, address, identity, mechanism, key */
#define ZAP_HWM 1000
#define ROUND 64 /* messages taken before others get their turn */
/* Events that wait to be counted: libzmq's own thread waits when there is no room, so it is for more than a flood brings while
 * the loop is busy. */
#define MONITOR_HWM 100000
/* What the user ids we give begin with: nobody can name himself so, as nobody is told. */
#define TOKEN_LEN 16
#define TOKEN_TEXT (2 * TOKEN_LEN)
#define DESCRIPTORS_MAX 65536

/* A connection that a message came over, by its descriptor. */
struct connection {
	bool known;
	struct cw_key key;
	struct sockaddr_storage peer;
};

struct door {
	struct door *next;
	struct cw_gate *gate;
	char name[CW_NAME_MAX];
	char *endpoint;
	struct cw_allowed allowed;
	struct connection *connections;
	size_t n_connections;
	uint64_t refused[CW_REFUSAL_COUNT], told[CW_REFUSAL_COUNT];
	struct cw_mono told_at[CW_REFUSAL_COUNT];
	char who[CW_REFUSAL_COUNT][CW_ADDRESS_MAX];
	void *monitor;
	struct cw_watch *monitor_watch;
};

struct cw_gate {
	struct cw_loop *loop;
	struct cw_bus *bus;
	struct cw_key_pair own;
	cw_refused_fn *fn;
	void *arg;
	void *zap;
	struct cw_watch *zap_watch;
	struct cw_timer *tell;
	struct door *doors;
	size_t n_doors;
	char token[TOKEN_TEXT + 1];
};

const char *cw_refusal_name(enum cw_refusal why)
{
	static const char *const names[CW_REFUSAL_COUNT] = { "no_key", "handshake", "unknown_key", "removed_key" };

	return (unsigned)why < CW_REFUSAL_COUNT ? names[why] : "";
}

/* Counting */

static void tell(struct door *door, enum cw_refusal why, struct cw_mono now)
{
	struct cw_refused refused = { .door = door->name, .why = why, .n = door->refused[why] - door->told[why],
		                      .total = door->refused[why] };

	memcpy(refused.who, door->who[why], sizeof(refused.who));
	door->told[why] = door->refused[why];
	door->told_at[why] = now;
	door->gate->fn(door->gate->arg, &refused);
}

static void refuse(struct door *door, enum cw_refusal why, const char *who)
{
	struct cw_mono now = cw_mono_now();

	door->refused[why]++;
	snprintf(door->who[why], sizeof(door->who[why]), "%s", who);
	if (!door->told[why] || now.ns - door->told_at[why].ns >= CW_REFUSED_TELL_MS * INT64_C(1000000))
		tell(door, why, now);
	else if (!cw_timer_armed(door->gate->tell))
		cw_timer_arm(door->gate->tell, CW_REFUSED_TELL_MS);
}

static void on_tell(void *arg)
{
	struct cw_gate *gate = arg;
	struct cw_mono now = cw_mono_now();

	for (struct door *door = gate->doors; door; door = door->next)
		for (int why = 0; why < CW_REFUSAL_COUNT; why++)
			if (door->refused[why] != door->told[why])
				tell(door, (enum cw_refusal)why, now);
}

/* ZAP */

struct zap_request {
	size_t n;
	zmq_msg_t frame[ZAP_FRAMES];
};

static bool frame_is(zmq_msg_t *frame, const char *text)
{
	return zmq_msg_size(frame) == strlen(text) && memcmp(zmq_msg_data(frame), text, zmq_msg_size(frame)) == 0;
}

static void zap_clear(struct zap_request *request)
{
	for (size_t i = 0; i < request->n; i++)
		zmq_msg_close(&request->frame[i]);
	request->n = 0;
}

/* 0; -EAGAIN; -EMSGSIZE when it is no request of ours (it was taken off). */
static int zap_recv(void *zap, struct zap_request *request)
{
	bool more = true, odd = false;

	request->n = 0;
	while (more) {
		zmq_msg_t frame;

		zmq_msg_init(&frame);
		if (zmq_msg_recv(&frame, zap, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(&frame);
			zap_clear(request);
			return -EAGAIN;
		}
		more = zmq_msg_more(&frame);
		odd |= request->n == ZAP_FRAMES;
		if (!odd) {
			zmq_msg_init(&request->frame[request->n]);
			zmq_msg_move(&request->frame[request->n++], &frame);
		}
		zmq_msg_close(&frame);
	}
	return odd ? -EMSGSIZE : 0;
}

static void zap_part(void *zap, const void *data, size_t len, bool more)
{
	while (zmq_send(zap, data, len, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0 && zmq_errno() == EINTR)
		;
}

static void zap_answer(void *zap, struct zap_request *request, bool admitted, const char *user)
{
	zap_part(zap, zmq_msg_data(&request->frame[0]), zmq_msg_size(&request->frame[0]), true);
	zap_part(zap, "", 0, true);
	zap_part(zap, "1.0", 3, true);
	zap_part(zap, zmq_msg_data(&request->frame[3]), zmq_msg_size(&request->frame[3]), true);
	zap_part(zap, admitted ? "200" : "400", 3, true);
	zap_part(zap, admitted ? "OK" : "No", 2, true);
	zap_part(zap, user, strlen(user), true);
	zap_part(zap, "", 0, false);
}

static struct door *door_of(struct cw_gate *gate, zmq_msg_t *domain)
{
	struct door *door;

	for (door = gate->doors; door && !frame_is(domain, door->name); door = door->next)
		;
	return door;
}

static void zap_decide(struct cw_gate *gate, struct zap_request *request)
{
	struct door *door = door_of(gate, &request->frame[4]);
	char user[TOKEN_TEXT + CW_KEY_TEXT] = "", who[CW_ADDRESS_MAX], *end;
	bool curve = request->n == ZAP_FRAMES && frame_is(&request->frame[7], "CURVE") &&
	             zmq_msg_size(&request->frame[8]) == CW_KEY_LEN;
	bool admitted = false;
	struct cw_key key;

	if (curve) {
		memcpy(key.bytes, zmq_msg_data(&request->frame[8]), CW_KEY_LEN);
		admitted = door && cw_allowed_find(&door->allowed, &key);
	}
	if (admitted) {
		memcpy(user, gate->token, TOKEN_TEXT);
		cw_key_format(&key, user + TOKEN_TEXT);
	} else if (door) {
		snprintf(who, sizeof(who), "%.*s", (int)CW_MIN(zmq_msg_size(&request->frame[5]), sizeof(who) - 1),
		         (const char *)zmq_msg_data(&request->frame[5]));
		/* It is libzmq that says it, but it goes to a log. */
		for (end = who; *end > ' ' && *end < 127; end++)
			;
		*end = '\0';
		refuse(door, curve ? CW_REFUSED_UNKNOWN_KEY : CW_REFUSED_NO_KEY, who);
	}
	zap_answer(gate->zap, request, admitted, user);
}

static void on_zap(void *arg, unsigned events)
{
	struct cw_gate *gate = arg;
	struct zap_request request;
	int r;

	(void)events;
	for (int i = 0; i < ROUND; i++) {
		r = zap_recv(gate->zap, &request);
		if (r == -EAGAIN)
			return;
		if (r == 0 && request.n >= 8 && frame_is(&request.frame[1], "") && frame_is(&request.frame[2], "1.0"))
			zap_decide(gate, &request);
		zap_clear(&request);
	}
}

/* What never came as far as ZAP */

static void count_event(struct door *door, uint16_t event, uint32_t value)
{
	bool other = event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL && value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH;

	refuse(door, other ? CW_REFUSED_NO_KEY : CW_REFUSED_HANDSHAKE, "");
}

static void on_monitor(void *arg, unsigned events)
{
	struct door *door = arg;
	unsigned char head[6];
	char where[CW_ADDRESS_MAX];
	uint16_t event;
	uint32_t value;
	int n, m;

	(void)events;
	for (int i = 0; i < ROUND; i++) {
		n = zmq_recv(door->monitor, head, sizeof(head), ZMQ_DONTWAIT);
		if (n < 0)
			return;
		m = zmq_recv(door->monitor, where, sizeof(where), ZMQ_DONTWAIT);
		if (n != sizeof(head) || m < 6 || memcmp(where, "tcp://", 6) != 0)
			continue;
		memcpy(&event, head, sizeof(event));
		memcpy(&value, head + sizeof(event), sizeof(value));
		count_event(door, event, value);
	}
}

static int monitor_open(struct door *door, struct cw_sock *sock, struct cw_error *err)
{
	struct cw_gate *gate = door->gate;
	int hwm = MONITOR_HWM, linger = 0, r;
	char name[128];

	snprintf(name, sizeof(name), "inproc://monitor/%s", door->name);
	if (zmq_socket_monitor(sock->zsocket, name,
	                       ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) < 0)
		return cw_error_at(err, -zmq_errno(), door->endpoint, 0, 0, "cannot watch the socket: %s", zmq_strerror(zmq_errno()));
	door->monitor = zmq_socket(gate->bus->ctx, ZMQ_PAIR);
	if (!door->monitor)
		return cw_error_set(err, -EMFILE, "zmq_socket: %s", zmq_strerror(zmq_errno()));
	zmq_setsockopt(door->monitor, ZMQ_LINGER, &linger, sizeof(linger));
	zmq_setsockopt(door->monitor, ZMQ_RCVHWM, &hwm, sizeof(hwm));
	if (zmq_connect(door->monitor, name) < 0)
		r = cw_error_at(err, -zmq_errno(), door->endpoint, 0, 0, "cannot watch the socket: %s", zmq_strerror(zmq_errno()));
	else
		r = cw_loop_add_zmq(gate->loop, door->monitor, CW_LOOP_READ, on_monitor, door, &door->monitor_watch, err);
	return r;
}

/* Doors */

struct door *gate_door(struct cw_gate *gate, const char *endpoint)
{
	struct door *door = gate ? gate->doors : NULL;

	for (; door && strcmp(door->endpoint, endpoint) != 0; door = door->next)
		;
	return door;
}

static int set_bytes(struct cw_sock *sock, int option, const void *value, size_t len, const char *name, struct cw_error *err)
{
	if (zmq_setsockopt(sock->zsocket, option, value, len) < 0)
		return cw_error_set(err, -EINVAL, "%s: %s", name, zmq_strerror(zmq_errno()));
	return 0;
}

int gate_guard(struct cw_gate *gate, struct door *door, struct cw_sock *sock, struct cw_error *err)
{
	const int on = 1;
	int r;

	if (sock->door || door->monitor)
		return cw_error_at(err, -EBUSY, door->endpoint, 0, 0, "is a second tcp endpoint of one socket");
	r = set_bytes(sock, ZMQ_CURVE_SERVER, &on, sizeof(on), "ZMQ_CURVE_SERVER", err);
	if (r == 0)
		r = set_bytes(sock, ZMQ_CURVE_SECRETKEY, gate->own.secret.bytes, CW_KEY_LEN, "ZMQ_CURVE_SECRETKEY", err);
	if (r == 0)
		r = set_bytes(sock, ZMQ_ZAP_DOMAIN, door->name, strlen(door->name), "ZMQ_ZAP_DOMAIN", err);
	if (r == 0)
		r = monitor_open(door, sock, err);
	if (r == 0)
		sock->door = door;
	return r;
}

void gate_forget(struct cw_sock *sock)
{
	struct door *door = sock->door;

	if (!door)
		return;
	/* Emptied first: libzmq's thread may be waiting for room, with the lock that ending the monitor takes. */
	on_monitor(door, CW_LOOP_READ);
	(void)zmq_socket_monitor(sock->zsocket, NULL, 0);
	cw_watch_free(door->monitor_watch);
	zmq_close(door->monitor);
	door->monitor_watch = NULL;
	door->monitor = NULL;
	sock->door = NULL;
}

/* The key of a message's sender. */
static bool message_key(const struct cw_gate *gate, zmq_msg_t *message, struct cw_key *ret)
{
	const char *user = zmq_msg_gets(message, "User-Id");

	return user && strncmp(user, gate->token, TOKEN_TEXT) == 0 && cw_key_parse(cw_str(user + TOKEN_TEXT), ret);
}

static bool peer_of(int fd, struct sockaddr_storage *ret)
{
	socklen_t len = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return fd >= 0 && getpeername(fd, (struct sockaddr *)ret, &len) == 0 &&
	       (ret->ss_family == AF_INET || ret->ss_family == AF_INET6);
}

static void connection_end(int fd, const struct sockaddr_storage *peer)
{
	struct sockaddr_storage now;

	/* libzmq's thread closes it when it notices. The number may be another connection's by now. */
	if (peer_of(fd, &now) && memcmp(&now, peer, sizeof(now)) == 0)
		(void)shutdown(fd, SHUT_RDWR);
}

static void connection_note(struct door *door, int fd, const struct cw_key *key)
{
	struct connection *grown;
	size_t n = door->n_connections;

	if (fd < 0 || fd >= DESCRIPTORS_MAX)
		return;
	if ((size_t)fd >= n) {
		n = CW_MAX((size_t)fd + 1, n * 2);
		grown = reallocarray(door->connections, n, sizeof(*grown));
		if (!grown)
			return; /* its key is looked at again with the next message */
		memset(grown + door->n_connections, 0, (n - door->n_connections) * sizeof(*grown));
		door->connections = grown;
		door->n_connections = n;
	}
	door->connections[fd].known = peer_of(fd, &door->connections[fd].peer);
	door->connections[fd].key = *key;
}

bool gate_admits(struct door *door, zmq_msg_t *message)
{
	const char *address = zmq_msg_gets(message, "Peer-Address");
	int fd = zmq_msg_get(message, ZMQ_SRCFD);
	struct sockaddr_storage peer;
	struct cw_key key;

	if (!message_key(door->gate, message, &key))
		/* From the socket's other endpoint, that has no door. */
		return address && (strncmp(address, "localhost:", 10) == 0 || strncmp(address, "127.", 4) == 0 ||
		                   strcmp(address, "::1") == 0);
	if (cw_allowed_find(&door->allowed, &key)) {
		connection_note(door, fd, &key);
		return true;
	}
	refuse(door, CW_REFUSED_REMOVED_KEY, address ? address : "");
	if (peer_of(fd, &peer))
		connection_end(fd, &peer);
	return false;
}

bool gate_name(struct door *door, zmq_msg_t *message, char ret[CW_NAME_MAX])
{
	const struct cw_named_key *named;
	struct cw_key key;

	named = message_key(door->gate, message, &key) ? cw_allowed_find(&door->allowed, &key) : NULL;
	if (named)
		memcpy(ret, named->name, CW_NAME_MAX);
	return named != NULL;
}

/* Ends connections of keys that are not on the list any more. */
static void door_clean(struct door *door, const struct cw_allowed *before)
{
	for (size_t fd = 0; fd < door->n_connections; fd++) {
		struct connection *connection = &door->connections[fd];
		const struct cw_named_key *named;

		if (!connection->known || cw_allowed_find(&door->allowed, &connection->key))
			continue;
		named = cw_allowed_find(before, &connection->key);
		connection->known = false;
		connection_end((int)fd, &connection->peer);
		refuse(door, CW_REFUSED_REMOVED_KEY, named ? named->name : "");
	}
}

static int allowed_copy(const struct cw_allowed *from, struct cw_allowed *ret, struct cw_error *err)
{
	int r = 0;

	*ret = (struct cw_allowed){ 0 };
	for (size_t i = 0; i < from->n && r == 0; i++)
		r = cw_allowed_add(ret, &from->keys[i], err);
	if (r < 0)
		cw_allowed_clear(ret);
	return r;
}

static int door_new(struct cw_gate *gate, const char *name, const char *endpoint, struct door **ret, struct cw_error *err)
{
	struct door *door;

	if (gate->n_doors == CW_DOORS_MAX || strlen(name) >= CW_NAME_MAX)
		return cw_error_set(err, -EINVAL, "no such door");
	door = calloc(1, sizeof(*door));
	if (!door)
		return cw_error_nomem(err);
	door->endpoint = strdup(endpoint);
	if (!door->endpoint) {
		free(door);
		return cw_error_nomem(err);
	}
	snprintf(door->name, sizeof(door->name), "%s", name);
	door->gate = gate;
	door->next = gate->doors;
	gate->doors = door;
	gate->n_doors++;
	*ret = door;
	return 0;
}

int cw_gate_allow(struct cw_gate *gate, const char *name, const char *endpoint, const struct cw_allowed *allowed,
                  struct cw_error *err)
{
	struct cw_allowed list, before;
	struct door *door = gate_door(gate, endpoint);
	int r = allowed_copy(allowed, &list, err);

	if (r == 0 && !door)
		r = door_new(gate, name, endpoint, &door, err);
	if (r < 0) {
		cw_allowed_clear(&list);
		return r;
	}
	before = door->allowed;
	door->allowed = list;
	door_clean(door, &before);
	cw_allowed_clear(&before);
	return 0;
}

const char *cw_gate_door(const struct cw_gate *gate, size_t index, uint64_t ret[CW_REFUSAL_COUNT])
{
	const struct door *door = gate ? gate->doors : NULL;

	for (; door && index; index--)
		door = door->next;
	if (door)
		memcpy(ret, door->refused, sizeof(door->refused));
	return door ? door->name : NULL;
}

/* Keys */

int cw_key_pair_make(struct cw_key_pair *ret, struct cw_error *err)
{
	char public[CW_KEY_TEXT], secret[CW_KEY_TEXT];
	int r = 0;

	if (zmq_curve_keypair(public, secret) < 0)
		r = cw_error_set(err, -EOPNOTSUPP, "this libzmq has no CURVE: %s", zmq_strerror(zmq_errno()));
	else if (!cw_key_parse(cw_str(public), &ret->public) || !cw_key_parse(cw_str(secret), &ret->secret))
		r = cw_error_set(err, -EIO, "libzmq made no key");
	explicit_bzero(secret, sizeof(secret));
	return r;
}

static int check_pair(const struct cw_key_pair *pair, struct cw_error *err)
{
	char public[CW_KEY_TEXT], secret[CW_KEY_TEXT];
	struct cw_key key;
	int r = 0;

	if (zmq_curve_public(public, cw_key_format(&pair->secret, secret)) < 0)
		r = cw_error_set(err, -EOPNOTSUPP, "this libzmq has no CURVE: %s", zmq_strerror(zmq_errno()));
	else if (!cw_key_parse(cw_str(public), &key) || !cw_key_eq(&key, &pair->public))
		r = cw_error_set(err, -EINVAL, "the public and the secret key of '%s' do not belong together: make new ones", pair->name);
	explicit_bzero(secret, sizeof(secret));
	return r;
}

int cw_bus_identify(struct cw_bus *bus, const struct cw_key_pair *own, const struct cw_key *server, struct cw_error *err)
{
	int r = check_pair(own, err);

	if (r < 0)
		return r;
	if (!bus->identity)
		bus->identity = calloc(1, sizeof(*bus->identity));
	if (!bus->identity)
		return cw_error_nomem(err);
	bus->identity->own = *own;
	bus->identity->server = *server;
	return 0;
}

int bus_identify_sock(const struct bus_identity *identity, struct cw_sock *sock, struct cw_error *err)
{
	int r = set_bytes(sock, ZMQ_CURVE_SERVERKEY, identity->server.bytes, CW_KEY_LEN, "ZMQ_CURVE_SERVERKEY", err);

	if (r == 0)
		r = set_bytes(sock, ZMQ_CURVE_PUBLICKEY, identity->own.public.bytes, CW_KEY_LEN, "ZMQ_CURVE_PUBLICKEY", err);
	if (r == 0)
		r = set_bytes(sock, ZMQ_CURVE_SECRETKEY, identity->own.secret.bytes, CW_KEY_LEN, "ZMQ_CURVE_SECRETKEY", err);
	return r;
}

/* Life */

static int zap_open(struct cw_gate *gate, struct cw_error *err)
{
	const int hwm = ZAP_HWM, linger = 0;

	gate->zap = zmq_socket(gate->bus->ctx, ZMQ_ROUTER);
	if (!gate->zap)
		return cw_error_set(err, -EMFILE, "zmq_socket: %s", zmq_strerror(zmq_errno()));
	zmq_setsockopt(gate->zap, ZMQ_LINGER, &linger, sizeof(linger));
	zmq_setsockopt(gate->zap, ZMQ_RCVHWM, &hwm, sizeof(hwm));
	zmq_setsockopt(gate->zap, ZMQ_SNDHWM, &hwm, sizeof(hwm));
	if (zmq_bind(gate->zap, ZAP_ENDPOINT) < 0)
		return cw_error_at(err, -zmq_errno(), ZAP_ENDPOINT, 0, 0, "cannot bind: %s", zmq_strerror(zmq_errno()));
	return cw_loop_add_zmq(gate->loop, gate->zap, CW_LOOP_READ, on_zap, gate, &gate->zap_watch, err);
}

int cw_gate_new(struct cw_loop *loop, struct cw_bus *bus, const struct cw_key_pair *own, cw_refused_fn *fn, void *arg,
                struct cw_gate **ret, struct cw_error *err)
{
	unsigned char token[TOKEN_LEN];
	struct cw_gate *gate;
	int r = check_pair(own, err);

	if (r < 0)
		return r;
	gate = calloc(1, sizeof(*gate));
	if (!gate)
		return cw_error_nomem(err);
	gate->loop = loop;
	gate->bus = bus;
	gate->own = *own;
	gate->fn = fn;
	gate->arg = arg;
	if (getrandom(token, sizeof(token), 0) != (ssize_t)sizeof(token))
		r = cw_error_set(err, -EIO, "getrandom: %s", strerror(errno));
	cw_hex(token, sizeof(token), gate->token);
	if (r == 0)
		r = cw_timer_new(loop, on_tell, gate, &gate->tell, err);
	if (r == 0)
		r = zap_open(gate, err);
	if (r < 0) {
		cw_gate_free(gate);
		return r;
	}
	bus->gate = gate;
	*ret = gate;
	return 0;
}

void cw_gate_free(struct cw_gate *gate)
{
	struct door *door;

	if (!gate)
		return;
	while ((door = gate->doors)) {
		gate->doors = door->next;
		cw_allowed_clear(&door->allowed);
		free(door->connections);
		free(door->endpoint);
		free(door);
	}
	if (gate->bus->gate == gate)
		gate->bus->gate = NULL;
	cw_watch_free(gate->zap_watch);
	if (gate->zap)
		zmq_close(gate->zap);
	cw_timer_free(gate->tell);
	cw_key_pair_clear(&gate->own);
	free(gate);
}
