/*
 * notify.c: sd_notify's datagrams. The protocol is a public, stable interface and small enough to speak directly.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <councilwatch/clock.h>
#include <councilwatch/text.h>

#include "notify.h"

static char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
static size_t socket_len;
static int64_t watchdog_ms;

static int64_t environment_number(const char *name)
{
	const char *text = getenv(name);
	int64_t value;

	if (!text || cw_parse_integer(cw_str(text), &value) < 0)
		return -1;
	return value;
}

void cw_notify_init(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	int64_t usec = environment_number("WATCHDOG_USEC");
	int64_t pid = environment_number("WATCHDOG_PID");

	socket_len = 0;
	watchdog_ms = 0;
	/* Either an absolute path or, after '@', a name in the abstract namespace. */
	if (path && (path[0] == '/' || path[0] == '@') && path[1] && strlen(path) < sizeof(socket_path)) {
		socket_len = strlen(path);
		memcpy(socket_path, path, socket_len + 1);
		if (socket_path[0] == '@')
			socket_path[0] = '\0';
	}
	if (usec > 0 && (pid < 0 || pid == getpid()))
		watchdog_ms = CW_MAX(usec / 2000, 1);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

int cw_notify(const char *state, struct cw_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t address_len;
	ssize_t sent;
	int fd, saved;

	if (!socket_len)
		return 0;
	memcpy(address.sun_path, socket_path, socket_len);
	address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + socket_len);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return cw_error_set(err, -errno, "cannot make a socket for the service manager: %s", strerror(errno));
	sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, address_len);
	saved = errno;
	close(fd);
	if (sent < 0)
		return cw_error_set(err, -saved, "cannot tell the service manager: %s", strerror(saved));
	return 0;
}

int cw_notify_ready(struct cw_error *err)
{
	return cw_notify("READY=1", err);
}

int cw_notify_reloading(struct cw_error *err)
{
	char text[80];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(cw_mono_now().ns / 1000));
	return cw_notify(text, err);
}

int cw_notify_stopping(struct cw_error *err)
{
	return cw_notify("STOPPING=1", err);
}

int cw_notify_watchdog(struct cw_error *err)
{
	return cw_notify("WATCHDOG=1", err);
}

int64_t cw_notify_watchdog_ms(void)
{
	return watchdog_ms;
}
