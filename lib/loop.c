#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <zmq.h>

#include <councilwatch/loop.h>

/* A watch that was freed inside a callback stays in the list until the round ends. */
struct cw_watch {
	struct cw_loop *loop;
	struct cw_watch *next;
	int fd;
	void *zsocket; /* NULL for a plain descriptor */
	unsigned events;
	cw_watch_fn *fn;
	void *arg;
	bool dead;
	bool always; /* regular files: epoll refuses them, they are always ready */
};

struct cw_timer {
	struct cw_loop *loop;
	cw_timer_fn *fn;
	void *arg;
	int64_t due_ns;
	size_t slot; /* in the heap, from 1; 0 = not armed */
};

struct cw_loop {
	int epoll;
	bool stopping;
	struct cw_watch *watches;
	bool any_dead;
	struct cw_timer **heap; /* heap[1..n_heap], earliest first */
	size_t n_heap, cap_heap, n_timers;
	int signal_fd;
	struct cw_watch *signal_watch;
	cw_signal_fn *signal_fn;
	void *signal_arg;
};

int cw_loop_new(struct cw_loop **ret, struct cw_error *err)
{
	struct cw_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return cw_error_nomem(err);
	loop->signal_fd = -1;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		int r = -errno;

		free(loop);
		return cw_error_set(err, r, "epoll_create1: %s", strerror(-r));
	}
	*ret = loop;
	return 0;
}

static void loop_sweep(struct cw_loop *loop)
{
	struct cw_watch **link = &loop->watches;

	while (loop->any_dead && *link) {
		struct cw_watch *watch = *link;

		if (watch->dead) {
			*link = watch->next;
			free(watch);
		} else {
			link = &watch->next;
		}
	}
	loop->any_dead = false;
}

void cw_loop_free(struct cw_loop *loop)
{
	if (!loop)
		return;
	cw_watch_free(loop->signal_watch);
	if (loop->signal_fd >= 0)
		close(loop->signal_fd);
	loop->any_dead = true;
	for (struct cw_watch *w = loop->watches; w; w = w->next)
		w->dead = true;
	loop_sweep(loop);
	/* Timers still armed belong to their owners, who free them before or after. */
	for (size_t i = 1; i <= loop->n_heap; i++) {
		loop->heap[i]->slot = 0;
		loop->heap[i]->loop = NULL;
	}
	free(loop->heap);
	close(loop->epoll);
	free(loop);
}

static uint32_t to_epoll(unsigned events)
{
	return (events & CW_LOOP_READ ? EPOLLIN : 0u) | (events & CW_LOOP_WRITE ? EPOLLOUT : 0u);
}

static int add_watch(struct cw_loop *loop, int fd, void *zsocket, unsigned events, cw_watch_fn *fn, void *arg,
                     struct cw_watch **ret, struct cw_error *err)
{
	struct cw_watch *watch = calloc(1, sizeof(*watch));
	struct epoll_event ev = { .events = zsocket ? EPOLLIN : to_epoll(events), .data.ptr = watch };

	if (!watch)
		return cw_error_nomem(err);
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int r = -errno;

		if (r != -EPERM) {
			free(watch);
			return cw_error_set(err, r, "epoll_ctl: %s", strerror(-r));
		}
		watch->always = true;
	}
	*watch = (struct cw_watch){ .loop = loop, .next = loop->watches, .fd = fd, .zsocket = zsocket, .events = events,
		                    .fn = fn, .arg = arg, .always = watch->always };
	loop->watches = watch;
	*ret = watch;
	return 0;
}

int cw_loop_add_fd(struct cw_loop *loop, int fd, unsigned events, cw_watch_fn *fn, void *arg, struct cw_watch **ret,
                   struct cw_error *err)
{
	return add_watch(loop, fd, NULL, events, fn, arg, ret, err);
}

int cw_loop_add_zmq(struct cw_loop *loop, void *zsocket, unsigned events, cw_watch_fn *fn, void *arg,
                    struct cw_watch **ret, struct cw_error *err)
{
	int fd;
	size_t len = sizeof(fd);

	if (zmq_getsockopt(zsocket, ZMQ_FD, &fd, &len) < 0)
		return cw_error_set(err, -EINVAL, "ZMQ_FD: %s", zmq_strerror(zmq_errno()));
	return add_watch(loop, fd, zsocket, events, fn, arg, ret, err);
}

int cw_watch_set(struct cw_watch *watch, unsigned events)
{
	struct epoll_event ev = { .events = to_epoll(events), .data.ptr = watch };

	if (watch->events == events)
		return 0;
	watch->events = events;
	if (watch->zsocket || watch->always)
		return 0;
	return epoll_ctl(watch->loop->epoll, EPOLL_CTL_MOD, watch->fd, &ev) < 0 ? -errno : 0;
}

void cw_watch_free(struct cw_watch *watch)
{
	if (!watch || watch->dead)
		return;
	/* The descriptor may have been closed already (curl does that): then it left epoll by itself. */
	if (!watch->always)
		(void)epoll_ctl(watch->loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->dead = true;
	watch->loop->any_dead = true;
}

/* ---- timers: a binary heap ---- */

static void heap_place(struct cw_loop *loop, size_t slot, struct cw_timer *timer)
{
	loop->heap[slot] = timer;
	timer->slot = slot;
}

static void heap_up(struct cw_loop *loop, size_t slot)
{
	struct cw_timer *timer = loop->heap[slot];

	for (; slot > 1 && loop->heap[slot / 2]->due_ns > timer->due_ns; slot /= 2)
		heap_place(loop, slot, loop->heap[slot / 2]);
	heap_place(loop, slot, timer);
}

static void heap_down(struct cw_loop *loop, size_t slot)
{
	struct cw_timer *timer = loop->heap[slot];

	for (;;) {
		size_t child = slot * 2;

		if (child > loop->n_heap)
			break;
		if (child < loop->n_heap && loop->heap[child + 1]->due_ns < loop->heap[child]->due_ns)
			child++;
		if (loop->heap[child]->due_ns >= timer->due_ns)
			break;
		heap_place(loop, slot, loop->heap[child]);
		slot = child;
	}
	heap_place(loop, slot, timer);
}

int cw_timer_new(struct cw_loop *loop, cw_timer_fn *fn, void *arg, struct cw_timer **ret, struct cw_error *err)
{
	struct cw_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return cw_error_nomem(err);
	/* Room is made here, so that arming cannot fail: as many slots as there are timers. */
	if (loop->cap_heap <= loop->n_timers + 1) {
		size_t cap = loop->cap_heap ? loop->cap_heap * 2 : 16;
		struct cw_timer **heap = realloc(loop->heap, cap * sizeof(struct cw_timer *));

		if (!heap) {
			free(timer);
			return cw_error_nomem(err);
		}
		loop->heap = heap;
		loop->cap_heap = cap;
	}
	loop->n_timers++;
	*timer = (struct cw_timer){ .loop = loop, .fn = fn, .arg = arg };
	*ret = timer;
	return 0;
}

void cw_timer_disarm(struct cw_timer *timer)
{
	struct cw_loop *loop = timer->loop;
	size_t slot = timer->slot;

	if (!slot)
		return;
	timer->slot = 0;
	if (slot != loop->n_heap) {
		heap_place(loop, slot, loop->heap[loop->n_heap]);
		loop->n_heap--;
		heap_up(loop, slot);
		heap_down(loop, loop->heap[slot]->slot);
	} else {
		loop->n_heap--;
	}
}

void cw_timer_arm(struct cw_timer *timer, int64_t delay_ms)
{
	struct cw_loop *loop = timer->loop;

	cw_timer_disarm(timer);
	timer->due_ns = cw_mono_now().ns + CW_MAX(delay_ms, 0) * 1000000;
	heap_place(loop, ++loop->n_heap, timer);
	heap_up(loop, loop->n_heap);
}

bool cw_timer_armed(const struct cw_timer *timer)
{
	return timer->slot != 0;
}

void cw_timer_free(struct cw_timer *timer)
{
	if (!timer)
		return;
	if (timer->loop) {
		cw_timer_disarm(timer);
		timer->loop->n_timers--;
	}
	free(timer);
}

static void fire_timers(struct cw_loop *loop)
{
	int64_t now = cw_mono_now().ns;

	while (loop->n_heap && loop->heap[1]->due_ns <= now) {
		struct cw_timer *timer = loop->heap[1];

		cw_timer_disarm(timer);
		timer->fn(timer->arg);
	}
}

/* ---- one round ---- */

/* The events of a ZeroMQ socket that its watch wants; asking also lets ZeroMQ work off its commands. */
static unsigned zmq_ready(struct cw_watch *watch)
{
	int events = 0;
	size_t len = sizeof(events);

	if (zmq_getsockopt(watch->zsocket, ZMQ_EVENTS, &events, &len) < 0)
		return 0;
	return watch->events & ((events & ZMQ_POLLIN ? CW_LOOP_READ : 0u) | (events & ZMQ_POLLOUT ? CW_LOOP_WRITE : 0u));
}

static bool run_ready(struct cw_loop *loop)
{
	bool any = false;

	for (struct cw_watch *watch = loop->watches; watch; watch = watch->next) {
		unsigned events;

		if (watch->dead || (!watch->zsocket && !watch->always))
			continue;
		events = watch->zsocket ? zmq_ready(watch) : watch->events;
		if (events) {
			any = true;
			watch->fn(watch->arg, events);
		}
	}
	return any;
}

int cw_loop_once(struct cw_loop *loop, int timeout_ms, struct cw_error *err)
{
	struct epoll_event ev[64];
	int n, wait = timeout_ms;

	if (run_ready(loop))
		wait = 0;
	loop_sweep(loop);
	if (loop->stopping)
		return 0;
	if (wait && loop->n_heap) {
		int64_t left = loop->heap[1]->due_ns - cw_mono_now().ns;
		/* Rounded up: waking a fraction early would only spin. */
		int64_t ms = left <= 0 ? 0 : (left + 999999) / 1000000;

		if (wait < 0 || ms < wait)
			wait = (int)CW_MIN(ms, 3600000);
	}
	n = epoll_wait(loop->epoll, ev, CW_ARRAY_LEN(ev), wait);
	if (n < 0 && errno != EINTR)
		return cw_error_set(err, -errno, "epoll_wait: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		struct cw_watch *watch = ev[i].data.ptr;
		unsigned events = (ev[i].events & EPOLLIN ? CW_LOOP_READ : 0u) | (ev[i].events & EPOLLOUT ? CW_LOOP_WRITE : 0u) |
		                  (ev[i].events & (EPOLLERR | EPOLLHUP) ? CW_LOOP_ERROR : 0u);

		if (!watch->dead && !watch->zsocket)
			watch->fn(watch->arg, events);
	}
	fire_timers(loop);
	loop_sweep(loop);
	return 0;
}

int cw_loop_run(struct cw_loop *loop, struct cw_error *err)
{
	loop->stopping = false;
	while (!loop->stopping) {
		int r = cw_loop_once(loop, -1, err);

		if (r < 0)
			return r;
	}
	return 0;
}

void cw_loop_stop(struct cw_loop *loop)
{
	loop->stopping = true;
}

static void on_signal(void *arg, unsigned events)
{
	struct cw_loop *loop = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(loop->signal_fd, &info, sizeof(info)) == sizeof(info))
		loop->signal_fn(loop->signal_arg, (int)info.ssi_signo);
}

int cw_loop_add_signals(struct cw_loop *loop, const int *signos, cw_signal_fn *fn, void *arg, struct cw_error *err)
{
	sigset_t set;

	sigemptyset(&set);
	for (; *signos; signos++)
		sigaddset(&set, *signos);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return cw_error_set(err, -errno, "sigprocmask: %s", strerror(errno));
	loop->signal_fn = fn;
	loop->signal_arg = arg;
	loop->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (loop->signal_fd < 0)
		return cw_error_set(err, -errno, "signalfd: %s", strerror(errno));
	return cw_loop_add_fd(loop, loop->signal_fd, CW_LOOP_READ, on_signal, loop, &loop->signal_watch, err);
}
