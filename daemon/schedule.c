/*
 * schedule.c: two heaps of moments (when a feed is due, when its silence becomes an outage) and, per host, a queue of
 * the feeds that are due and wait for their turn. Every step costs the logarithm of the number of feeds.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "fetch.h"
#include "schedule.h"

/* Failures in a row for which a Retry-After shorter than our own backoff is followed. */
#define TRUST_RETRY_AFTER 3
#define RETRY_AFTER_MIN_MS 1000
#define TIMER_MAX_MS CW_DAY_MS
#define HOST_BUCKETS 256u

struct cw_host {
	struct cw_host *next;         /* in its bucket */
	struct cw_host *next_waiting; /* hosts with a queue */
	bool waiting;
	bool loopback;
	unsigned running;
	int64_t allowed_ns; /* monotonic: no start before */
	struct cw_schedule_feed *first, *last;
	struct cw_schedule_turn *turns, **turns_end;
	char name[];
};

struct heap {
	struct cw_schedule_feed **at; /* from 1 */
	size_t n;
	bool outage; /* ordered by outage_due, else by when it is due */
};

struct cw_schedule {
	struct cw_loop *loop;
	struct cw_timer *timer;
	struct cw_schedule_ops ops;
	void *arg;
	uint32_t (*random)(void);
	const struct cw_config *config;
	size_t n;
	struct cw_schedule_feed **feeds; /* by name */
	struct cw_schedule_feed *gone;   /* removed while running; linked by next_ready */
	struct heap due, outages;
	struct cw_host *buckets[HOST_BUCKETS];
	struct cw_host *waiting, **waiting_end;
	size_t running;
	bool held;
	bool only_asked;
	bool in_run;
	struct cw_wall started_at;
	int clock_fd; /* readable when somebody sets the wall clock */
	struct cw_watch *clock_watch;
};

int64_t cw_schedule_backoff(int64_t interval_ms, unsigned failures, uint32_t random)
{
	int64_t most = CW_MIN(CW_MAX(interval_ms, 1), (int64_t)CW_DAY_MS);
	int64_t delay = CW_MIN((int64_t)CW_BACKOFF_FIRST_MS, most);
	unsigned i;

	for (i = 1; i < failures && delay < most; i++)
		delay = CW_MIN(delay * 2, most);
	return delay - (int64_t)((uint64_t)delay / 10 * random / UINT32_MAX);
}

int64_t cw_schedule_jitter(int64_t jitter_ms, uint32_t random)
{
	if (jitter_ms <= 0)
		return 0;
	return (int64_t)((double)jitter_ms * ((double)random / (double)UINT32_MAX));
}

static struct cw_wall wall_later(struct cw_wall from, int64_t ms)
{
	return (struct cw_wall){ from.ms + ms };
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT" or "Sun Nov  6 08:49:37 1994". */
static int http_date_parse(struct cw_str text, struct cw_wall *ret)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char copy[64], month[4], zone[4], *comma;
	int day, year, hour, minute, second, used = 0, number;
	const char *found;
	int32_t date;

	if (text.len >= sizeof(copy) || memchr(text.at, '\0', text.len))
		return -EINVAL;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	comma = strchr(copy, ',');
	if (comma) {
		number = sscanf(comma + 1, " %2d%*1[ -]%3[A-Za-z]%*1[ -]%4d %2d:%2d:%2d %3[GMT]%n", &day, month, &year,
		                &hour, &minute, &second, zone, &used);
		if (number != 7 || strcmp(zone, "GMT") != 0 || comma[1 + used])
			return -EINVAL;
		if (year < 100)
			year += year < 70 ? 2000 : 1900;
	} else {
		number = sscanf(copy, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", month, &day, &hour, &minute,
		                &second, &year, &used);
		if (number != 6 || copy[used])
			return -EINVAL;
	}
	found = strlen(month) == 3 ? strstr(months, month) : NULL;
	if (!found || (found - months) % 3 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
	    second > 60)
		return -EINVAL;
	date = cw_day_make(year, (int)(found - months) / 3 + 1, day);
	if (date == CW_DAY_NONE)
		return -EINVAL;
	*ret = wall_later(cw_day_start(date), ((hour * 60LL + minute) * 60 + second) * 1000);
	return 0;
}

int cw_retry_after_parse(struct cw_str text, struct cw_wall now, struct cw_wall *ret)
{
	struct cw_wall when;
	int64_t seconds = 0;
	size_t i;

	text = cw_str_trim(text);
	if (!text.len)
		return -EINVAL;
	for (i = 0; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++)
		if (seconds < CW_RETRY_AFTER_MAX_MS)
			seconds = seconds * 10 + (text.at[i] - '0');
	if (i == text.len)
		when = wall_later(now, CW_MIN(seconds, (int64_t)CW_RETRY_AFTER_MAX_MS / 1000) * 1000);
	else if (http_date_parse(text, &when) < 0)
		return -EINVAL;
	ret->ms = CW_MIN(CW_MAX(when.ms, now.ms), now.ms + CW_RETRY_AFTER_MAX_MS);
	return 0;
}

static uint32_t random_bits(void)
{
	uint32_t bits = 0;

	/* Jitter wants spread, not secrecy: zero is good enough when the kernel has none to give yet. */
	if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) != (ssize_t)sizeof(bits))
		bits = 0;
	return bits;
}

/* Heaps */

static int64_t heap_key(const struct heap *heap, const struct cw_schedule_feed *feed)
{
	return heap->outage ? feed->outage_due.ms : feed->state.next_due.ms;
}

static void heap_place(struct heap *heap, size_t at, struct cw_schedule_feed *feed)
{
	heap->at[at] = feed;
	if (heap->outage)
		feed->outage_at = at;
	else
		feed->due_at = at;
}

static void heap_sift(struct heap *heap, size_t at)
{
	struct cw_schedule_feed *feed = heap->at[at];
	int64_t key = heap_key(heap, feed);
	size_t child;

	while (at > 1 && heap_key(heap, heap->at[at / 2]) > key) {
		heap_place(heap, at, heap->at[at / 2]);
		at /= 2;
	}
	while ((child = at * 2) <= heap->n) {
		if (child < heap->n && heap_key(heap, heap->at[child + 1]) < heap_key(heap, heap->at[child]))
			child++;
		if (heap_key(heap, heap->at[child]) >= key)
			break;
		heap_place(heap, at, heap->at[child]);
		at = child;
	}
	heap_place(heap, at, feed);
}

static void heap_remove(struct heap *heap, struct cw_schedule_feed *feed)
{
	size_t at = heap->outage ? feed->outage_at : feed->due_at;
	struct cw_schedule_feed *last;

	if (!at)
		return;
	last = heap->at[heap->n--];
	if (last != feed) {
		heap_place(heap, at, last);
		heap_sift(heap, at);
	}
	if (heap->outage)
		feed->outage_at = 0;
	else
		feed->due_at = 0;
}

/* Puts it in, or to its new place after its key changed. The heap has room for every feed. */
static void heap_set(struct heap *heap, struct cw_schedule_feed *feed)
{
	size_t at = heap->outage ? feed->outage_at : feed->due_at;

	if (!at) {
		at = ++heap->n;
		heap_place(heap, at, feed);
	}
	heap_sift(heap, at);
}

/* Hosts */

static bool is_loopback(const char *host)
{
	size_t len = strlen(host);

	return strcmp(host, "") == 0 || strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       strncmp(host, "127.", 4) == 0 || (len > 10 && strcmp(host + len - 10, ".localhost") == 0);
}

static struct cw_host *host_get(struct cw_schedule *schedule, const char *name)
{
	uint32_t hash = 2166136261u;
	struct cw_host *host;
	const char *at;

	for (at = name; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	for (host = schedule->buckets[hash % HOST_BUCKETS]; host; host = host->next)
		if (strcmp(host->name, name) == 0)
			return host;
	host = calloc(1, sizeof(*host) + strlen(name) + 1);
	if (!host)
		return NULL;
	memcpy(host->name, name, strlen(name) + 1);
	host->loopback = is_loopback(name);
	host->turns_end = &host->turns;
	host->next = schedule->buckets[hash % HOST_BUCKETS];
	schedule->buckets[hash % HOST_BUCKETS] = host;
	return host;
}

static void host_waits(struct cw_schedule *schedule, struct cw_host *host)
{
	if (host->waiting)
		return;
	host->waiting = true;
	host->next_waiting = NULL;
	*schedule->waiting_end = host;
	schedule->waiting_end = &host->next_waiting;
}

static void ready_add(struct cw_schedule *schedule, struct cw_schedule_feed *feed)
{
	struct cw_host *host = feed->host;

	feed->ready = true;
	feed->next_ready = NULL;
	if (host->last)
		host->last->next_ready = feed;
	else
		host->first = feed;
	host->last = feed;
	host_waits(schedule, host);
}

static void ready_remove(struct cw_schedule_feed *feed)
{
	struct cw_host *host = feed->host;
	struct cw_schedule_feed **link, *before = NULL;

	if (!feed->ready)
		return;
	for (link = &host->first; *link != feed; link = &(*link)->next_ready)
		before = *link;
	*link = feed->next_ready;
	if (host->last == feed)
		host->last = before;
	feed->ready = false;
}

/* Outages */

static struct cw_wall outage_deadline(const struct cw_schedule *schedule, const struct cw_schedule_feed *feed)
{
	struct cw_wall from =
	    cw_wall_known(feed->state.last_success) ? feed->state.last_success : feed->state.created_at;
	double silence = schedule->config->risk.outage_cadences * (double)feed->feed->interval_ms;

	if (!cw_wall_known(from) || silence > 1e15)
		return cw_wall_none();
	return wall_later(from, (int64_t)silence);
}

static void outage_plan(struct cw_schedule *schedule, struct cw_schedule_feed *feed)
{
	struct cw_wall deadline = outage_deadline(schedule, feed);
	int64_t grace = schedule->started_at.ms + CW_MIN(feed->feed->interval_ms, (int64_t)CW_OUTAGE_GRACE_MS);

	if (!feed->polled || cw_wall_known(feed->state.outage_since) || !cw_wall_known(deadline)) {
		heap_remove(&schedule->outages, feed);
		return;
	}
	/* After a long stop the time may be up already. The feed gets a chance to answer first. */
	feed->outage_due.ms = feed->attempted && !feed->running ? deadline.ms : CW_MAX(deadline.ms, grace);
	heap_set(&schedule->outages, feed);
}

static void outages_run(struct cw_schedule *schedule, struct cw_wall now)
{
	while (schedule->outages.n && schedule->outages.at[1]->outage_due.ms <= now.ms) {
		struct cw_schedule_feed *feed = schedule->outages.at[1];

		heap_remove(&schedule->outages, feed);
		feed->state.outage_since = outage_deadline(schedule, feed);
		schedule->ops.outage(schedule->arg, feed);
	}
}

/* Running */

static bool wants_fetch(const struct cw_schedule *schedule, const struct cw_schedule_feed *feed)
{
	return feed->host && !feed->running && !feed->ready && (feed->asked || (feed->polled && !schedule->only_asked));
}

static void due_plan(struct cw_schedule *schedule, struct cw_schedule_feed *feed)
{
	if (wants_fetch(schedule, feed))
		heap_set(&schedule->due, feed);
	else
		heap_remove(&schedule->due, feed);
}

static void start(struct cw_schedule *schedule, struct cw_schedule_feed *feed, struct cw_wall now)
{
	struct cw_host *host = feed->host;

	feed->running = true;
	feed->attempted = true;
	feed->busy = host;
	feed->state.last_attempt = now;
	host->running++;
	schedule->running++;
	if (!host->loopback)
		host->allowed_ns = cw_mono_now().ns + schedule->config->host_delay_ms * 1000000;
	if (schedule->ops.start(schedule->arg, feed) < 0 && feed->running)
		cw_schedule_ended(schedule, feed);
}

static void turn_start(struct cw_schedule *schedule, struct cw_host *host)
{
	struct cw_schedule_turn *turn = host->turns;

	host->turns = turn->next;
	if (!host->turns)
		host->turns_end = &host->turns;
	turn->waiting = false;
	turn->running = true;
	host->running++;
	schedule->running++;
	if (!host->loopback)
		host->allowed_ns = cw_mono_now().ns + schedule->config->host_delay_ms * 1000000;
	turn->start(turn->arg);
}

/* Starts what may start now. Returns the monotonic moment at which a host that was asked too recently may be asked
 * again, or 0. */
static int64_t ready_run(struct cw_schedule *schedule, struct cw_wall now)
{
	struct cw_host **link = &schedule->waiting;
	int64_t next = 0, mono = cw_mono_now().ns;

	while (*link && schedule->running < schedule->config->transfers) {
		struct cw_host *host = *link;

		while ((host->first || host->turns) && schedule->running < schedule->config->transfers &&
		       host->running < schedule->config->per_host && host->allowed_ns <= mono) {
			struct cw_schedule_feed *feed = host->first;

			if (!feed) {
				turn_start(schedule, host);
				continue;
			}
			ready_remove(feed);
			feed->asked = false;
			start(schedule, feed, now);
		}
		if (!host->first && !host->turns) {
			*link = host->next_waiting;
			if (!*link)
				schedule->waiting_end = link;
			host->waiting = false;
			continue;
		}
		if (host->running < schedule->config->per_host && host->allowed_ns > mono &&
		    (!next || host->allowed_ns < next))
			next = host->allowed_ns;
		link = &host->next_waiting;
	}
	return next;
}

static void timer_plan(struct cw_schedule *schedule, int64_t host_allowed_ns)
{
	struct cw_wall now = cw_wall_now();
	int64_t delay = TIMER_MAX_MS;

	if (!schedule->held && schedule->due.n)
		delay = CW_MIN(delay, schedule->due.at[1]->state.next_due.ms - now.ms);
	if (schedule->outages.n)
		delay = CW_MIN(delay, schedule->outages.at[1]->outage_due.ms - now.ms);
	if (!schedule->held && host_allowed_ns)
		delay = CW_MIN(delay, (host_allowed_ns - cw_mono_now().ns) / 1000000 + 1);
	if (!schedule->due.n && !schedule->outages.n && !host_allowed_ns && !schedule->waiting) {
		cw_timer_disarm(schedule->timer);
		return;
	}
	cw_timer_arm(schedule->timer, CW_MAX(delay, 0));
}

int cw_schedule_turn_wait(struct cw_schedule *schedule, struct cw_schedule_turn *turn, const char *name,
                          struct cw_error *err)
{
	struct cw_host *host = host_get(schedule, name);

	if (!host)
		return cw_error_nomem(err);
	turn->host = host;
	turn->next = NULL;
	turn->waiting = true;
	*host->turns_end = turn;
	host->turns_end = &turn->next;
	host_waits(schedule, host);
	cw_timer_arm(schedule->timer, 0);
	return 0;
}

void cw_schedule_turn_end(struct cw_schedule *schedule, struct cw_schedule_turn *turn)
{
	struct cw_host *host = turn->host;
	struct cw_schedule_turn **link;

	if (turn->waiting) {
		for (link = &host->turns; *link != turn; link = &(*link)->next)
			;
		*link = turn->next;
		if (!*link)
			host->turns_end = link;
	} else if (turn->running) {
		host->running--;
		schedule->running--;
		cw_timer_arm(schedule->timer, 0);
	}
	turn->waiting = turn->running = false;
}

void cw_schedule_run(struct cw_schedule *schedule)
{
	struct cw_wall now = cw_wall_now();
	int64_t next = 0;

	/* start() may fail and come back here: the outer call goes on with what is left. */
	if (schedule->in_run || !schedule->config)
		return;
	schedule->in_run = true;
	outages_run(schedule, now);
	if (!schedule->held) {
		while (schedule->due.n && schedule->due.at[1]->state.next_due.ms <= now.ms) {
			struct cw_schedule_feed *feed = schedule->due.at[1];

			heap_remove(&schedule->due, feed);
			ready_add(schedule, feed);
		}
		next = ready_run(schedule, now);
	}
	timer_plan(schedule, next);
	schedule->in_run = false;
}

static void timer_fired(void *arg)
{
	cw_schedule_run(arg);
}

/* A timer that never ends, but that the kernel cancels when the wall clock is set: then every delay that was worked out
 * before is wrong. */
static void clock_watch_arm(struct cw_schedule *schedule)
{
	struct itimerspec never = { .it_value.tv_sec = INT32_MAX };

	(void)timerfd_settime(schedule->clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static void clock_was_set(void *arg, unsigned events)
{
	struct cw_schedule *schedule = arg;
	uint64_t ticks;

	(void)events;
	(void)!read(schedule->clock_fd, &ticks, sizeof(ticks));
	clock_watch_arm(schedule);
	cw_timer_arm(schedule->timer, 0);
}

int cw_schedule_new(struct cw_loop *loop, const struct cw_schedule_ops *ops, void *arg, struct cw_schedule **ret,
                    struct cw_error *err)
{
	struct cw_schedule *schedule = calloc(1, sizeof(*schedule));
	int r;

	if (!schedule)
		return cw_error_nomem(err);
	schedule->loop = loop;
	schedule->ops = *ops;
	schedule->arg = arg;
	schedule->random = random_bits;
	schedule->outages.outage = true;
	schedule->waiting_end = &schedule->waiting;
	schedule->started_at = cw_wall_now();
	schedule->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (schedule->clock_fd < 0) {
		r = cw_error_set(err, -errno, "cannot watch the clock: %s", strerror(errno));
		free(schedule);
		return r;
	}
	r = cw_timer_new(loop, timer_fired, schedule, &schedule->timer, err);
	if (r == 0)
		r = cw_loop_add_fd(loop, schedule->clock_fd, CW_LOOP_READ, clock_was_set, schedule,
		                   &schedule->clock_watch, err);
	if (r < 0) {
		cw_schedule_free(schedule);
		return r;
	}
	clock_watch_arm(schedule);
	*ret = schedule;
	return 0;
}

static void feed_free(struct cw_schedule_feed *feed)
{
	if (!feed)
		return;
	cw_inbox_feed_clear(&feed->state);
	free(feed);
}

void cw_schedule_free(struct cw_schedule *schedule)
{
	struct cw_schedule_feed *feed;
	struct cw_host *host;
	size_t i;

	if (!schedule)
		return;
	for (i = 0; i < schedule->n; i++)
		feed_free(schedule->feeds[i]);
	while ((feed = schedule->gone)) {
		schedule->gone = feed->next_ready;
		feed_free(feed);
	}
	for (i = 0; i < HOST_BUCKETS; i++)
		while ((host = schedule->buckets[i])) {
			schedule->buckets[i] = host->next;
			free(host);
		}
	free(schedule->feeds);
	free(schedule->due.at);
	free(schedule->outages.at);
	cw_timer_free(schedule->timer);
	cw_watch_free(schedule->clock_watch);
	if (schedule->clock_fd >= 0)
		close(schedule->clock_fd);
	free(schedule);
}

void cw_schedule_set_random(struct cw_schedule *schedule, uint32_t (*random)(void))
{
	schedule->random = random ? random : random_bits;
}

static int by_name(const void *a, const void *b)
{
	const struct cw_schedule_feed *const *left = a, *const *right = b;

	return strcmp((*left)->feed->name, (*right)->feed->name);
}

struct cw_schedule_feed *cw_schedule_find(struct cw_schedule *schedule, const char *name)
{
	size_t low = 0, high = schedule->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(schedule->feeds[middle]->feed->name, name);

		if (order == 0)
			return schedule->feeds[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

size_t cw_schedule_count(const struct cw_schedule *schedule)
{
	return schedule->n;
}

struct cw_schedule_feed *cw_schedule_at(struct cw_schedule *schedule, size_t index)
{
	return index < schedule->n ? schedule->feeds[index] : NULL;
}

size_t cw_schedule_running(const struct cw_schedule *schedule)
{
	return schedule->running;
}

/* A time that was stored while the clock was wrong, or the interval longer, must not put a feed to sleep. */
static void due_clamp(struct cw_schedule_feed *feed, struct cw_wall now)
{
	int64_t most = CW_MAX(feed->feed->interval_ms + feed->feed->jitter_ms, (int64_t)CW_DAY_MS);

	if (!cw_wall_known(feed->state.next_due))
		feed->state.next_due = now;
	else if (feed->state.next_due.ms > now.ms + most)
		feed->state.next_due.ms = now.ms + feed->feed->interval_ms;
}

static int feed_make(struct cw_schedule *schedule, const struct cw_feed *config, cw_schedule_load_fn *load, void *arg,
                     struct cw_schedule_feed **ret, struct cw_error *err)
{
	struct cw_schedule_feed *feed = calloc(1, sizeof(*feed)), *before;
	int r = 0;

	if (!feed)
		return cw_error_nomem(err);
	feed->feed = config;
	cw_inbox_feed_init(&feed->state);
	before = schedule->config ? cw_schedule_find(schedule, config->name) : NULL;
	if (before) {
		r = cw_inbox_feed_copy(&before->state, &feed->state);
		feed->attempted = before->attempted;
		feed->asked = before->asked;
	} else if (load) {
		r = load(arg, config->name, &feed->state, err);
		if (r == -ENOENT)
			r = 0;
	}
	if (r < 0) {
		feed_free(feed);
		return r == -ENOMEM ? cw_error_nomem(err) : r;
	}
	*ret = feed;
	return 0;
}

static void feed_forget(struct cw_schedule *schedule, struct cw_schedule_feed *feed)
{
	heap_remove(&schedule->due, feed);
	heap_remove(&schedule->outages, feed);
	ready_remove(feed);
}

int cw_schedule_configure(struct cw_schedule *schedule, const struct cw_config *config, bool fetching,
                          cw_schedule_load_fn *load, void *arg, struct cw_error *err)
{
	struct cw_wall now = cw_wall_now();
	struct cw_schedule_feed **feeds = NULL, **due = NULL, **outages = NULL;
	size_t i, made = 0;
	char name[CW_HOST_MAX];
	int r = 0;

	feeds = calloc(config->n_feeds + 1, sizeof(*feeds));
	due = calloc(config->n_feeds + 1, sizeof(*due));
	outages = calloc(config->n_feeds + 1, sizeof(*outages));
	if (!feeds || !due || !outages) {
		r = cw_error_nomem(err);
		goto failed;
	}
	for (i = 0; i < config->n_feeds; i++) {
		const struct cw_feed *source = &config->feeds[i];

		r = feed_make(schedule, source, load, arg, &feeds[i], err);
		if (r < 0)
			goto failed;
		made++;
		if (!source->url)
			continue;
		r = cw_fetch_host(source->url, name, err);
		if (r < 0) {
			cw_error_prefix(err, "feed \"%s\"", source->name);
			goto failed;
		}
		feeds[i]->host = host_get(schedule, name);
		if (!feeds[i]->host) {
			r = cw_error_nomem(err);
			goto failed;
		}
	}
	/* From here on nothing fails. The old entry of a feed that is being fetched becomes the new one's. */
	for (i = 0; i < schedule->n; i++)
		feed_forget(schedule, schedule->feeds[i]);
	for (i = 0; i < made; i++) {
		struct cw_schedule_feed *before =
		    schedule->config ? cw_schedule_find(schedule, feeds[i]->feed->name) : NULL;

		if (!before || !before->running)
			continue;
		/* Whoever runs the transfer knows the entry by its address: keep that one. */
		before->feed = feeds[i]->feed;
		before->host = feeds[i]->host;
		feed_free(feeds[i]);
		feeds[i] = before;
	}
	qsort(feeds, made, sizeof(*feeds), by_name);
	for (i = 0; i < schedule->n; i++) {
		struct cw_schedule_feed *old = schedule->feeds[i];

		if (bsearch(&old, feeds, made, sizeof(*feeds), by_name)) {
			struct cw_schedule_feed **kept = bsearch(&old, feeds, made, sizeof(*feeds), by_name);

			if (*kept == old)
				continue;
		} else if (old->running) {
			old->polled = false;
			old->host = NULL;
			old->feed = NULL;
			old->next_ready = schedule->gone;
			schedule->gone = old;
			continue;
		}
		feed_free(old);
	}
	free(schedule->feeds);
	free(schedule->due.at);
	free(schedule->outages.at);
	schedule->feeds = feeds;
	schedule->n = made;
	schedule->due.at = due;
	schedule->outages.at = outages;
	schedule->config = config;
	for (i = 0; i < made; i++) {
		struct cw_schedule_feed *feed = feeds[i];

		/* Of a folder something is expected only when an interval says so. */
		feed->polled = feed->feed->enabled && ((fetching && feed->host) || (feed->feed->path && feed->feed->interval_ms));
		if (feed->polled && !cw_wall_known(feed->state.created_at))
			feed->state.created_at = now;
		due_clamp(feed, now);
		if (!feed->polled)
			feed->state.outage_since = cw_wall_none();
		due_plan(schedule, feed);
		outage_plan(schedule, feed);
	}
	cw_timer_arm(schedule->timer, 0);
	return 0;
failed:
	for (i = 0; feeds && i < made; i++)
		feed_free(feeds[i]);
	free(feeds);
	free(due);
	free(outages);
	return r;
}

void cw_schedule_hold(struct cw_schedule *schedule, bool held)
{
	if (schedule->held == held)
		return;
	schedule->held = held;
	cw_timer_arm(schedule->timer, 0);
}

void cw_schedule_ask(struct cw_schedule *schedule, struct cw_schedule_feed *feed)
{
	feed->asked = true;
	/* One that is under way now is fetched again: the asker may know of a change since it began. */
	feed->state.next_due = cw_wall_now();
	due_plan(schedule, feed);
	cw_timer_arm(schedule->timer, 0);
}

size_t cw_schedule_ask_all(struct cw_schedule *schedule)
{
	size_t i, n = 0;

	schedule->only_asked = true;
	for (i = 0; i < schedule->n; i++)
		if (schedule->feeds[i]->polled && schedule->feeds[i]->host) {
			cw_schedule_ask(schedule, schedule->feeds[i]);
			n++;
		}
	return n;
}

void cw_schedule_ended(struct cw_schedule *schedule, struct cw_schedule_feed *feed)
{
	struct cw_schedule_feed **link;

	if (!feed->running)
		return;
	feed->running = false;
	feed->busy->running--;
	feed->busy = NULL;
	schedule->running--;
	cw_timer_arm(schedule->timer, 0);
	if (feed->feed) {
		due_plan(schedule, feed);
		return;
	}
	/* The configuration no longer has it. The caller must not touch it after this. */
	for (link = &schedule->gone; *link; link = &(*link)->next_ready)
		if (*link == feed) {
			*link = feed->next_ready;
			break;
		}
	feed_free(feed);
}

static void outcome_set(struct cw_schedule_feed *feed, const char *outcome, const char *detail)
{
	snprintf(feed->state.outcome, sizeof(feed->state.outcome), "%s", outcome);
	free(feed->state.detail);
	feed->state.detail = detail && *detail ? strdup(detail) : NULL;
}

static void plan(struct cw_schedule *schedule, struct cw_schedule_feed *feed)
{
	due_plan(schedule, feed);
	outage_plan(schedule, feed);
	cw_timer_arm(schedule->timer, 0);
}

void cw_schedule_fetched(struct cw_schedule *schedule, struct cw_schedule_feed *feed, const char *outcome)
{
	outcome_set(feed, outcome, NULL);
	if (!feed->asked)
		feed->state.next_due =
		    wall_later(cw_wall_now(),
		               feed->feed->interval_ms + cw_schedule_jitter(feed->feed->jitter_ms, schedule->random()));
	plan(schedule, feed);
}

bool cw_schedule_succeeded(struct cw_schedule *schedule, struct cw_schedule_feed *feed, struct cw_wall at)
{
	bool ended = cw_wall_known(feed->state.outage_since);

	if (!cw_wall_known(feed->state.last_success) || at.ms > feed->state.last_success.ms)
		feed->state.last_success = at;
	feed->state.failures = 0;
	free(feed->state.detail);
	feed->state.detail = NULL;
	feed->state.outage_since = cw_wall_none();
	plan(schedule, feed);
	return ended;
}

void cw_schedule_usable(struct cw_schedule *schedule, struct cw_schedule_feed *feed)
{
	outcome_set(feed, "watching", NULL);
	feed->state.failures = 0;
	if (!feed->feed->interval_ms)
		feed->state.last_success = cw_wall_now();
	plan(schedule, feed);
}

void cw_schedule_failed(struct cw_schedule *schedule, struct cw_schedule_feed *feed, const char *outcome,
                        const char *detail, struct cw_wall retry_after, bool later)
{
	struct cw_wall now = cw_wall_now();

	outcome_set(feed, outcome, detail);
	feed->state.failures++;
	if (!later && !feed->asked) {
		int64_t delay = cw_schedule_backoff(feed->feed->interval_ms, feed->state.failures, schedule->random());

		feed->state.next_due = wall_later(now, delay);
		/* The server knows best when it will answer again, but is not believed for ever when that is soon. */
		if (cw_wall_known(retry_after) &&
		    (retry_after.ms > feed->state.next_due.ms || feed->state.failures <= TRUST_RETRY_AFTER))
			feed->state.next_due.ms = CW_MAX(retry_after.ms, now.ms + RETRY_AFTER_MIN_MS);
	}
	plan(schedule, feed);
}

bool cw_schedule_overdue(const struct cw_schedule_feed *feed, struct cw_wall now)
{
	/* Due, not being fetched, and later than politeness to its host explains. */
	return feed->polled && feed->host && !feed->running && feed->state.next_due.ms + CW_BACKOFF_FIRST_MS < now.ms;
}
