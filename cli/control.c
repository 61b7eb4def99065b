#include "control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <councilwatch/clock.h>
#include <councilwatch/limits.h>

/* More than an import keeps under way (CW_CHUNK_WINDOW), so that sending waits for answers, not for the queue. */
#define CONTROL_HWM 64

struct cw_control {
	struct cw_bus *bus;
	struct cw_loop *loop;
	const char *endpoint;
	struct cw_sock *sock;
	struct cw_watch *watch;
	int64_t calls;
};

/* Nothing to do: what matters is that the loop wakes up, and whoever runs it receives. */
static void wake(void *arg, unsigned events)
{
	(void)arg;
	(void)events;
}

static void close_socket(struct cw_control *control)
{
	cw_watch_free(control->watch);
	control->watch = NULL;
	cw_sock_free(control->sock);
	control->sock = NULL;
}

int cw_control_reopen(struct cw_control *control, struct cw_error *err)
{
	int r;

	close_socket(control);
	r = cw_sock_new(control->bus, CW_SOCK_DEALER, CONTROL_HWM, 0, &control->sock, err);
	if (r < 0)
		return r;
	r = cw_sock_connect(control->sock, control->endpoint, err);
	if (r < 0)
		return r;
	return cw_loop_add_zmq(control->loop, cw_sock_zmq(control->sock), CW_LOOP_READ, wake, NULL, &control->watch,
	                       err);
}

int cw_control_new(struct cw_bus *bus, struct cw_loop *loop, const char *endpoint, struct cw_control **ret,
                   struct cw_error *err)
{
	struct cw_control *control = calloc(1, sizeof(*control));
	int r;

	if (!control)
		return cw_error_nomem(err);
	control->bus = bus;
	control->loop = loop;
	control->endpoint = endpoint;
	r = cw_control_reopen(control, err);
	if (r < 0) {
		cw_control_free(control);
		return r;
	}
	*ret = control;
	return 0;
}

void cw_control_free(struct cw_control *control)
{
	if (!control)
		return;
	close_socket(control);
	free(control);
}

int cw_control_send(struct cw_control *control, json_t *request, const void *bytes, size_t len,
                    struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *text = NULL;
	const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;
	struct cw_frame frames[2];
	int r;

	/* The other side knows our user from the system; behind root it is for us to say. */
	if (sudo)
		(void)json_object_set_new(request, "sudo_user", json_string(sudo));
	text = json_dumps(request, JSON_COMPACT);

	if (!text)
		return cw_error_nomem(err);
	frames[0] = (struct cw_frame){ text, strlen(text) };
	frames[1] = (struct cw_frame){ bytes, len };
	r = cw_sock_send(control->sock, NULL, frames, bytes ? 2 : 1);
	if (r < 0 && r != -EAGAIN)
		return cw_error_at(err, r, control->endpoint, 0, 0, "cannot send: %s", strerror(-r));
	return r;
}

int cw_control_recv(struct cw_control *control, json_t **ret, struct cw_error *err)
{
	struct cw_frames frames;
	json_error_t jerr;
	json_t *object;
	int r;

	r = cw_sock_recv(control->sock, NULL, &frames);
	if (r == -EAGAIN)
		return r;
	if (r < 0)
		return cw_error_at(err, r, control->endpoint, 0, 0, "cannot receive: %s", strerror(-r));
	object = json_loadb(frames.n ? frames.frame[0].data : "", frames.n ? frames.frame[0].len : 0,
	                    JSON_REJECT_DUPLICATES, &jerr);
	if (!json_is_object(object)) {
		json_decref(object);
		return cw_error_at(err, -EBADMSG, control->endpoint, 0, 0, "the answer is no JSON object");
	}
	*ret = object;
	return 0;
}

int cw_control_call(struct cw_control *control, json_t *request, const void *bytes, size_t len, int timeout_ms,
                    json_t **ret, struct cw_error *err)
{
	int64_t id = ++control->calls, deadline = cw_mono_now().ns / 1000000 + timeout_ms, left;
	int r;

	if (!request || json_object_set_new(request, "id", json_integer(id)) < 0) {
		json_decref(request);
		return cw_error_nomem(err);
	}
	r = cw_control_send(control, request, bytes, len, err);
	json_decref(request);
	if (r == -EAGAIN)
		return cw_error_at(err, r, control->endpoint, 0, 0, "too much is under way");
	if (r < 0)
		return r;

	while ((left = deadline - cw_mono_now().ns / 1000000) > 0) {
		json_t *answer = NULL;
		json_t *of;

		r = cw_control_recv(control, &answer, err);
		if (!r) {
			of = json_object_get(answer, "id");
			if (json_is_integer(of) && json_integer_value(of) == id) {
				*ret = answer;
				return 0;
			}
			json_decref(answer);
			continue;
		}
		if (r != -EAGAIN)
			return r;
		r = cw_loop_once(control->loop, (int)left, err);
		if (r < 0)
			return r;
	}
	return cw_error_at(err, -ETIMEDOUT, control->endpoint, 0, 0, "no answer within %g s", timeout_ms / 1000.0);
}

int cw_control_probe(const char *endpoint, struct cw_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path;
	int fd, r;

	if (strncmp(endpoint, "ipc://", strlen("ipc://")))
		return 0;
	path = endpoint + strlen("ipc://");
	/* A name that begins with @ is of the abstract kind, which this does not look at. */
	if (path[0] == '@' || strlen(path) >= sizeof(address.sun_path))
		return 0;

	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return cw_error_set(err, -errno, "cannot make a socket: %s", strerror(errno));
	r = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	close(fd);

	/* EAGAIN: it listens, and its queue is full. */
	if (!r || r == -EAGAIN || r == -EINPROGRESS)
		return 0;
	if (r == -ECONNREFUSED || r == -ENOENT)
		return cw_error_at(err, r, path, 0, 0, "nobody is listening there");
	if (r == -EACCES || r == -EPERM)
		return cw_error_at(err, r, path, 0, 0,
		                   "no permission to connect; be root, the service's user, or in its group");
	return cw_error_at(err, r, path, 0, 0, "cannot connect: %s", strerror(-r));
}
