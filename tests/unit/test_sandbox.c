/* What a process cannot do any more once it has shut itself in: asked from inside, in a child. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <councilwatch/bus.h>
#include <councilwatch/sandbox.h>

enum { HELD = 0, SKIPPED = 77, ENTER_FAILED = 99 };

static char directory[64];
static char missing[64];

/* Each returns 0 when the sandbox held, else a number that tells what did not. */
typedef int inside_fn(void);

static int in_child(enum cw_sandbox_profile profile, const struct cw_sandbox_options *options, inside_fn *fn)
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		struct cw_error err = { 0 };

		if (cw_sandbox_enter(profile, options, missing, sizeof(missing), &err) < 0) {
			fprintf(stderr, "%s\n", err.text);
			_exit(ENTER_FAILED);
		}
		_exit(fn());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status))
		fail_msg("the child was killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == SKIPPED)
		skip();
	return WEXITSTATUS(status);
}

static bool walls(void)
{
	return !strstr(missing, "seccomp");
}

static int no_files(void)
{
	struct stat st;
	char path[128];

	if (!walls())
		return SKIPPED;
	if (open("/etc/passwd", O_RDONLY) >= 0)
		return 1;
	if (open("/proc/self/maps", O_RDONLY) >= 0)
		return 2;
	snprintf(path, sizeof(path), "%s/new", directory);
	if (open(path, O_WRONLY | O_CREAT, 0600) >= 0)
		return 3;
	if (unlink("/etc/passwd") == 0 || rename("/etc/passwd", "/etc/x") == 0 || mkdir(path, 0700) == 0)
		return 4;
	if (stat("/etc/passwd", &st) == 0 || access("/etc/passwd", R_OK) == 0)
		return 5;
	return HELD;
}

static int no_network(void)
{
	if (!walls())
		return SKIPPED;
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM)
		return 1;
	if (socket(AF_INET6, SOCK_DGRAM, 0) >= 0 || socket(AF_NETLINK, SOCK_RAW, 0) >= 0 ||
	    socket(AF_PACKET, SOCK_RAW, 0) >= 0 || socket(AF_UNIX, SOCK_DGRAM, 0) >= 0)
		return 2;
	return HELD;
}

static int no_processes(void)
{
	char *const arguments[] = { (char *)(uintptr_t) "/bin/true", NULL };
	pid_t child;

	if (!walls())
		return SKIPPED;
	execv("/bin/true", arguments);
	if (errno != EPERM && errno != EACCES)
		return 1;
	child = fork();
	if (child == 0)
		_exit(0);
	if (child > 0)
		return 2;
	if (ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0)
		return 3;
	if (kill(getppid(), SIGCONT) == 0 || tgkill(getppid(), getppid(), SIGCONT) == 0)
		return 4;
	if (fcntl(STDIN_FILENO, F_SETOWN, getppid()) == 0)
		return 5;
	return HELD;
}

static int limits_hold(void)
{
	struct rlimit limit = { 0, 0 };
	void *memory;

	if (getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_max != 0)
		return 1;
	if (!walls())
		return HELD;
	memory = mmap(NULL, 256u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory != MAP_FAILED)
		return 2;
	limit.rlim_cur = limit.rlim_max = RLIM_INFINITY;
	if (setrlimit(RLIMIT_AS, &limit) == 0)
		return 3;
	return HELD;
}

static void *in_thread(void *arg)
{
	return arg;
}

/* What the normaliser does need: threads, memory, time, and a unix socket by its path. */
static int still_works(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	pthread_t thread;
	void *ret = NULL;
	char *memory = malloc(8u << 20);
	int fd;

	if (!memory)
		return 1;
	memset(memory, 1, 8u << 20);
	free(memory);
	if (pthread_create(&thread, NULL, in_thread, &address) != 0 || pthread_join(thread, &ret) != 0 ||
	    ret != &address)
		return 2;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 3;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/listener", directory);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return 4;
	if (write(fd, "x", 1) != 1)
		return 5;
	return HELD;
}

static int zmq_works(void)
{
	struct cw_bus *bus = NULL;
	struct cw_sock *a = NULL;
	struct cw_error err = { 0 };
	struct cw_frame frame = { "hello", 5 };
	struct cw_frames frames;
	char endpoint[128];

	snprintf(endpoint, sizeof(endpoint), "ipc://%s/bus", directory);
	/* The other side was bound by the parent, outside. */
	if (cw_bus_new(&bus, &err) < 0 || cw_sock_new(bus, CW_SOCK_DEALER, 10, 1000, &a, &err) < 0)
		return 1;
	if (cw_sock_connect(a, endpoint, &err) < 0)
		return 2;
	if (cw_sock_send(a, NULL, &frame, 1) < 0)
		return 3;
	for (int i = 0; i < 400; i++) {
		if (cw_sock_recv(a, NULL, &frames) == 0)
			return frames.n == 1 && frames.frame[0].len == 5 ? HELD : 4;
		usleep(10000);
	}
	return 5;
}

static int assessor_directories(void)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/state/file", directory);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) < 0 || close(fd) < 0)
		return 1;
	if (unlink(path) < 0)
		return 2;
	if (!walls())
		return SKIPPED;
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0)
		return 3;
	if (strstr(missing, "landlock"))
		return HELD; /* then only the file's own permissions keep the rest closed */
	if (open("/etc/passwd", O_RDONLY) >= 0)
		return 4;
	return HELD;
}

static int tcp_allowed(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? HELD : 1;
}

static void test_no_files(void **state)
{
	const struct cw_sandbox_options options = { 0 };

	(void)state;
	assert_int_equal(in_child(CW_SANDBOX_NORMALISER, &options, no_files), HELD);
}

static void test_no_network(void **state)
{
	const struct cw_sandbox_options options = { 0 };

	(void)state;
	assert_int_equal(in_child(CW_SANDBOX_NORMALISER, &options, no_network), HELD);
}

static void test_no_processes(void **state)
{
	const struct cw_sandbox_options options = { 0 };

	(void)state;
	assert_int_equal(in_child(CW_SANDBOX_NORMALISER, &options, no_processes), HELD);
}

static void test_limits(void **state)
{
	struct cw_sandbox_options options = { .memory_max = 200u << 20 };

	(void)state;
#ifdef CW_SANITIZED
	options.memory_max = 0;
#endif
	assert_int_equal(in_child(CW_SANDBOX_NORMALISER, &options, limits_hold), HELD);
}

static void test_still_works(void **state)
{
	const struct cw_sandbox_options options = { 0 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/listener", directory);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(in_child(CW_SANDBOX_NORMALISER, &options, still_works), HELD);
	close(fd);
	unlink(address.sun_path);
}

static void test_assessor(void **state)
{
	char path[128];
	const char *writable[] = { path, NULL };
	const struct cw_sandbox_options options = { .writable = writable };

	(void)state;
	snprintf(path, sizeof(path), "%s/state", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(in_child(CW_SANDBOX_ASSESSOR, &options, assessor_directories), HELD);
	rmdir(path);
}

static void test_tcp(void **state)
{
	const struct cw_sandbox_options options = { .tcp = true };

	(void)state;
	assert_int_equal(in_child(CW_SANDBOX_NORMALISER, &options, tcp_allowed), HELD);
}

/* ZeroMQ's threads start inside: the trap that decides when a process may lock itself. */
static void test_zmq(void **state)
{
	const struct cw_sandbox_options options = { .memory_max = 0 };
	struct cw_bus *bus = NULL;
	struct cw_sock *sock = NULL;
	struct cw_error err = { 0 };
	struct cw_frames frames;
	struct cw_peer peer;
	char endpoint[128];
	int status = 0, r = -EAGAIN;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		if (cw_sandbox_enter(CW_SANDBOX_NORMALISER, &options, missing, sizeof(missing), &err) < 0)
			_exit(ENTER_FAILED);
		_exit(zmq_works());
	}
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/bus", directory);
	assert_int_equal(cw_bus_new(&bus, &err), 0);
	assert_int_equal(cw_sock_new(bus, CW_SOCK_ROUTER, 10, 0, &sock, &err), 0);
	assert_int_equal(cw_sock_bind(sock, endpoint, &err), 0);
	for (int i = 0; i < 400 && r == -EAGAIN; i++) {
		r = cw_sock_recv(sock, &peer, &frames);
		if (r == -EAGAIN)
			usleep(10000);
	}
	assert_int_equal(r, 0);
	assert_int_equal(cw_sock_send(sock, &peer, frames.frame, frames.n), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), HELD);
	cw_sock_free(sock);
	cw_bus_free(bus);
}

static void test_required(void **state)
{
	const struct cw_sandbox_options options = { .required = true };
	int status = 0;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		struct cw_error err = { 0 };
		int r = cw_sandbox_enter(CW_SANDBOX_NORMALISER, &options, missing, sizeof(missing), &err);

		/* Either every part is there, or it refuses and says which is not. */
		if (r == 0)
			_exit(missing[0] ? 1 : 0);
		_exit(r == -EOPNOTSUPP && (strstr(err.text, "Landlock") || strstr(err.text, "seccomp")) ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/cw_sandbox_XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/bus", directory);
	unlink(path);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_files),     cmocka_unit_test(test_no_network),
		cmocka_unit_test(test_no_processes), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_still_works),  cmocka_unit_test(test_assessor),
		cmocka_unit_test(test_tcp),          cmocka_unit_test(test_zmq),
		cmocka_unit_test(test_required),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
