/* When feeds are due: backoff, jitter, Retry-After, limits per host, outages, and what a restart remembers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "schedule.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define T0 INT64_C(1725260935000) /* 2024-09-02T07:08:55Z */

static struct cw_wall wall;

static struct cw_wall test_wall(void)
{
	return wall;
}

static uint32_t random_zero(void)
{
	return 0;
}

static uint32_t random_full(void)
{
	return UINT32_MAX;
}

static void test_backoff(void **state)
{
	static const struct {
		int64_t interval;
		unsigned failures;
		int64_t least, most;
	} cases[] = {
		{ 6 * HOUR, 1, 54000, MINUTE },
		{ 6 * HOUR, 2, 2 * 54000, 2 * MINUTE },
		{ 6 * HOUR, 5, 16 * 54000, 16 * MINUTE },
		{ 6 * HOUR, 30, 6 * HOUR / 10 * 9, 6 * HOUR },
		{ 6 * HOUR, UINT32_MAX, 6 * HOUR / 10 * 9, 6 * HOUR },
		{ 30 * DAY, 100, DAY / 10 * 9, DAY }, /* a day at most, however long the interval */
		{ 10000, 1, 9000, 10000 },            /* never longer than the interval */
		{ 0, 3, 1, 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < CW_ARRAY_LEN(cases); i++) {
		assert_int_equal(cw_schedule_backoff(cases[i].interval, cases[i].failures, 0), cases[i].most);
		assert_int_equal(cw_schedule_backoff(cases[i].interval, cases[i].failures, UINT32_MAX), cases[i].least);
		assert_in_range(cw_schedule_backoff(cases[i].interval, cases[i].failures, 0x7fffffff), cases[i].least,
		                cases[i].most);
	}
}

static void test_jitter(void **state)
{
	uint32_t i;

	(void)state;
	assert_int_equal(cw_schedule_jitter(0, UINT32_MAX), 0);
	assert_int_equal(cw_schedule_jitter(-5, UINT32_MAX), 0);
	assert_int_equal(cw_schedule_jitter(HOUR, 0), 0);
	assert_int_equal(cw_schedule_jitter(HOUR, UINT32_MAX), HOUR);
	for (i = 0; i < 1000; i++)
		assert_in_range(cw_schedule_jitter(30 * DAY, i * 4294967u), 0, 30 * DAY);
}

struct retry_case {
	const char *text;
	int64_t later; /* ms after T0; -1 = refused */
};

static const struct retry_case retries[] = {
	{ "0", 0 },
	{ "120", 120000 },
	{ " 7 ", 7000 },
	{ "86400", DAY },
	{ "86401", DAY },
	{ "99999999999999999999999999", DAY },
	{ "Mon, 02 Sep 2024 07:09:55 GMT", MINUTE },
	{ "Monday, 02-Sep-24 07:09:55 GMT", MINUTE },
	{ "Mon Sep  2 07:09:55 2024", MINUTE },
	{ "Mon, 02 Sep 2024 07:08:00 GMT", 0 },   /* in the past: now */
	{ "Mon, 02 Sep 2034 07:08:00 GMT", DAY }, /* not believed for longer than a day */
	{ "", -1 },
	{ "soon", -1 },
	{ "-1", -1 },
	{ "1.5", -1 },
	{ "12 apples", -1 },
	{ "Mon, 31 Feb 2024 07:09:55 GMT", -1 },
	{ "Mon, 02 Zep 2024 07:09:55 GMT", -1 },
	{ "Mon, 02 anF 2024 07:09:55 GMT", -1 },
	{ "Mon, 02 Sep 2024 25:09:55 GMT", -1 },
	{ "Mon, 02 Sep 2024 07:09:55 CET", -1 },
	{ "Mon, 02 Sep 2024 07:09:55 GMT and more", -1 },
	{ "Mon, 02 Sep 2024 07:09:55 GMT Mon, 02 Sep 2024 07:09:55 GMT Mon, 02 Sep 2024", -1 },
};

static void test_retry_after(void **state)
{
	const struct retry_case *retry = *state;
	struct cw_wall got, now = { T0 };
	int r = cw_retry_after_parse(cw_str(retry->text), now, &got);

	assert_int_equal(r, retry->later < 0 ? -EINVAL : 0);
	if (r == 0)
		assert_int_equal(got.ms - T0, retry->later);
}

/* A schedule with feeds a, b (same host), c (another) and d (no URL). */
struct world {
	struct cw_loop *loop;
	struct cw_schedule *schedule;
	struct cw_config config;
	struct cw_feed feeds[4];
	struct cw_schedule_feed *started[256];
	size_t n_started;
	struct cw_schedule_feed *outages[256];
	size_t n_outages;
	int fail;
	struct cw_inbox_feed stored; /* for feed "a"; used when stored_known */
	bool stored_known;
};

static int on_start(void *arg, struct cw_schedule_feed *feed)
{
	struct world *world = arg;

	world->started[world->n_started++] = feed;
	if (world->fail)
		cw_schedule_failed(world->schedule, feed, "internal", "no", cw_wall_none(), false);
	return world->fail;
}

static void on_outage(void *arg, struct cw_schedule_feed *feed)
{
	struct world *world = arg;

	world->outages[world->n_outages++] = feed;
}

static int on_load(void *arg, const char *feed, struct cw_inbox_feed *ret, struct cw_error *err)
{
	struct world *world = arg;

	(void)err;
	if (!world->stored_known || strcmp(feed, "a") != 0)
		return -ENOENT;
	return cw_inbox_feed_copy(&world->stored, ret);
}

static const struct cw_schedule_ops ops = { .start = on_start, .outage = on_outage };

static int world_make(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	static const char *const urls[] = { "https://one.example/a", "https://one.example/b", "https://two.example/c",
		                            NULL };
	struct world *world = calloc(1, sizeof(*world));
	struct cw_error err;
	size_t i;

	wall.ms = T0;
	cw_clock_replace(test_wall);
	cw_risk_defaults(&world->config.risk);
	for (i = 0; i < 4; i++)
		world->feeds[i] = (struct cw_feed){ .name = (char *)(uintptr_t)names[i],
			                            .url = (char *)(uintptr_t)urls[i],
			                            .enabled = true,
			                            .interval_ms = HOUR,
			                            .jitter_ms = 6 * MINUTE };
	world->config.feeds = world->feeds;
	world->config.n_feeds = 4;
	world->config.per_host = 1;
	world->config.transfers = 16;
	world->config.host_delay_ms = 50;
	assert_int_equal(cw_loop_new(&world->loop, &err), 0);
	assert_int_equal(cw_schedule_new(world->loop, &ops, world, &world->schedule, &err), 0);
	cw_schedule_set_random(world->schedule, random_zero);
	*state = world;
	return 0;
}

static int world_free(void **state)
{
	struct world *world = *state;

	cw_schedule_free(world->schedule);
	cw_loop_free(world->loop);
	cw_inbox_feed_clear(&world->stored);
	cw_clock_replace(NULL);
	free(world);
	return 0;
}

static void configure(struct world *world)
{
	struct cw_error err;

	assert_int_equal(cw_schedule_configure(world->schedule, &world->config, true, on_load, world, &err), 0);
}

static void spin(struct world *world, int ms)
{
	struct cw_mono end = { cw_mono_now().ns + ms * INT64_C(1000000) };
	struct cw_error err;

	do
		assert_int_equal(cw_loop_once(world->loop, 5, &err), 0);
	while (cw_mono_now().ns < end.ns);
}

static struct cw_schedule_feed *feed_of(struct world *world, const char *name)
{
	struct cw_schedule_feed *feed = cw_schedule_find(world->schedule, name);

	assert_non_null(feed);
	return feed;
}

static void end_well(struct world *world, struct cw_schedule_feed *feed)
{
	cw_schedule_ended(world->schedule, feed);
	cw_schedule_fetched(world->schedule, feed, "ok");
	assert_false(cw_schedule_succeeded(world->schedule, feed, wall));
}

static void test_hosts(void **state)
{
	struct world *world = *state;
	int64_t began = cw_mono_now().ns;

	configure(world);
	cw_schedule_run(world->schedule);
	/* One to each host, and nothing for the feed without a URL. */
	assert_int_equal(world->n_started, 2);
	assert_string_equal(world->started[0]->feed->name, "a");
	assert_string_equal(world->started[1]->feed->name, "c");
	spin(world, 80);
	assert_int_equal(world->n_started, 2);
	/* The second one to the same host follows when the first has ended and the delay has passed. */
	end_well(world, world->started[0]);
	spin(world, 20);
	assert_int_equal(world->n_started, 3);
	assert_true(cw_mono_now().ns - began >= 50 * INT64_C(1000000));
	assert_string_equal(world->started[2]->feed->name, "b");
	/* One that ends at once still keeps the next from coming within the delay. */
	end_well(world, world->started[2]);
	cw_schedule_ask(world->schedule, feed_of(world, "a"));
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_started, 3);
	spin(world, 80);
	assert_int_equal(world->n_started, 4);
	assert_int_equal(cw_schedule_running(world->schedule), 2);
	assert_null(cw_schedule_find(world->schedule, "e"));
}

/* Turns of links: behind feeds, and within the same limits. */
struct turns {
	struct world *world;
	size_t n;
	int started[8];
	struct cw_schedule_turn turn[8];
};
static struct turns *turns_now;

static void turn_begins(void *arg)
{
	turns_now->started[turns_now->n++] = (int)((struct cw_schedule_turn *)arg - turns_now->turn);
}

static void turn_wait(struct turns *turns, int i, const char *host)
{
	struct cw_error err;

	turns->turn[i] = (struct cw_schedule_turn){ .start = turn_begins, .arg = &turns->turn[i] };
	assert_int_equal(cw_schedule_turn_wait(turns->world->schedule, &turns->turn[i], host, &err), 0);
}

static void test_turns(void **state)
{
	struct world *world = *state;
	struct turns turns = { .world = world };
	int64_t began;

	turns_now = &turns;
	configure(world);
	turn_wait(&turns, 0, "one.example");
	turn_wait(&turns, 1, "one.example");
	turn_wait(&turns, 2, "three.example");
	turn_wait(&turns, 3, "one.example");
	cw_schedule_run(world->schedule);
	/* Feeds a and c, and the link whose host nobody else wants. */
	assert_int_equal(world->n_started, 2);
	assert_int_equal(turns.n, 1);
	assert_int_equal(turns.started[0], 2);
	assert_int_equal(cw_schedule_running(world->schedule), 3);
	end_well(world, world->started[0]);
	spin(world, 80);
	assert_int_equal(world->n_started, 3); /* feed b first */
	assert_int_equal(turns.n, 1);
	end_well(world, world->started[2]);
	began = cw_mono_now().ns;
	spin(world, 80);
	assert_int_equal(turns.n, 2);
	assert_int_equal(turns.started[1], 0);
	/* One that gives up waiting; the next after the delay; none while held. */
	cw_schedule_turn_end(world->schedule, &turns.turn[1]);
	cw_schedule_hold(world->schedule, true);
	cw_schedule_turn_end(world->schedule, &turns.turn[0]);
	spin(world, 80);
	assert_int_equal(turns.n, 2);
	cw_schedule_hold(world->schedule, false);
	spin(world, 80);
	assert_int_equal(turns.n, 3);
	assert_int_equal(turns.started[2], 3);
	assert_true(cw_mono_now().ns - began >= 50 * INT64_C(1000000));
	cw_schedule_turn_end(world->schedule, &turns.turn[3]);
	cw_schedule_turn_end(world->schedule, &turns.turn[3]); /* twice is fine */
	cw_schedule_turn_end(world->schedule, &turns.turn[2]);
	assert_int_equal(cw_schedule_running(world->schedule), 1);
}

static void test_transfers(void **state)
{
	struct world *world = *state;

	world->config.transfers = 1;
	world->config.per_host = 16;
	world->config.host_delay_ms = 0;
	configure(world);
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_started, 1);
	end_well(world, world->started[0]);
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_started, 2);
}

static void test_due(void **state)
{
	struct world *world = *state;
	struct cw_schedule_feed *feed;

	world->config.n_feeds = 1;
	world->config.host_delay_ms = 0;
	configure(world);
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_started, 1);
	feed = world->started[0];
	cw_schedule_set_random(world->schedule, random_full);
	end_well(world, feed);
	assert_int_equal(feed->state.next_due.ms, T0 + HOUR + 6 * MINUTE);
	assert_int_equal(feed->state.last_success.ms, T0);
	wall.ms = T0 + HOUR + 6 * MINUTE - 1;
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_started, 1);
	wall.ms++;
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_started, 2);
}

static void test_failures(void **state)
{
	struct world *world = *state;
	struct cw_schedule_feed *feed;
	struct cw_wall later;

	world->config.n_feeds = 1;
	configure(world);
	feed = feed_of(world, "a");
	cw_schedule_failed(world->schedule, feed, "http_503", "down", cw_wall_none(), false);
	assert_int_equal(feed->state.failures, 1);
	assert_string_equal(feed->state.outcome, "http_503");
	assert_string_equal(feed->state.detail, "down");
	assert_int_equal(feed->state.next_due.ms, T0 + MINUTE);
	cw_schedule_failed(world->schedule, feed, "timeout", NULL, cw_wall_none(), false);
	assert_int_equal(feed->state.next_due.ms, T0 + 2 * MINUTE);
	assert_null(feed->state.detail);
	/* The server's wish, longer or (at first) shorter than ours. */
	later.ms = T0 + 10 * MINUTE;
	cw_schedule_failed(world->schedule, feed, "http_429", NULL, later, false);
	assert_int_equal(feed->state.next_due.ms, T0 + 10 * MINUTE);
	later.ms = T0 + 1;
	cw_schedule_failed(world->schedule, feed, "http_429", NULL, later, false);
	assert_int_equal(feed->state.next_due.ms, T0 + 8 * MINUTE);
	/* What would be the same again is not asked for before its time. */
	cw_schedule_fetched(world->schedule, feed, "ok");
	cw_schedule_failed(world->schedule, feed, "no_rows", "nothing", cw_wall_none(), true);
	assert_int_equal(feed->state.next_due.ms, T0 + HOUR);
	assert_int_equal(feed->state.failures, 5);
	assert_false(cw_schedule_succeeded(world->schedule, feed, wall));
	assert_int_equal(feed->state.failures, 0);
	later.ms = T0 + 1;
	cw_schedule_failed(world->schedule, feed, "http_429", NULL, later, false);
	assert_int_equal(feed->state.next_due.ms, T0 + 1000);
}

static void test_start_failure(void **state)
{
	struct world *world = *state;
	int i;

	world->fail = -ENOMEM;
	configure(world);
	for (i = 0; i < 10; i++)
		cw_schedule_run(world->schedule);
	spin(world, 120);
	/* Each was tried once, and is not tried again before its time. */
	assert_int_equal(world->n_started, 3);
	assert_int_equal(cw_schedule_running(world->schedule), 0);
	assert_int_equal(feed_of(world, "a")->state.failures, 1);
}

static void test_restart(void **state)
{
	struct world *world = *state;

	cw_inbox_feed_init(&world->stored);
	world->stored_known = true;
	world->stored.created_at.ms = T0 - DAY;
	world->stored.last_success.ms = T0 - 10 * MINUTE;
	world->stored.next_due.ms = T0 + 50 * MINUTE;
	world->stored.failures = 2;
	world->config.n_feeds = 1;
	configure(world);
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_started, 0);
	assert_int_equal(feed_of(world, "a")->state.failures, 2);
	/* A reload changes nothing of it. */
	configure(world);
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_started, 0);
	wall.ms = T0 + 50 * MINUTE;
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_started, 1);
	/* Nor of a transfer that is under way. */
	configure(world);
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_started, 1);
	assert_ptr_equal(feed_of(world, "a"), world->started[0]);
	end_well(world, world->started[0]);
	assert_int_equal(cw_schedule_running(world->schedule), 0);
}

static void test_clock_set_back(void **state)
{
	struct world *world = *state;

	/* Stored while the clock was ten years ahead. */
	cw_inbox_feed_init(&world->stored);
	world->stored_known = true;
	world->stored.next_due.ms = T0 + 3650 * DAY;
	world->config.n_feeds = 1;
	configure(world);
	assert_int_equal(feed_of(world, "a")->state.next_due.ms, T0 + HOUR);
}

static void test_removed_while_running(void **state)
{
	struct world *world = *state;
	struct cw_schedule_feed *feed;

	configure(world);
	cw_schedule_run(world->schedule);
	feed = world->started[0];
	world->config.feeds = world->feeds + 1;
	world->config.n_feeds = 3;
	configure(world);
	assert_null(cw_schedule_find(world->schedule, "a"));
	assert_null(feed->feed);
	/* It still counts for its host until it ends. */
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_started, 2);
	cw_schedule_ended(world->schedule, feed);
	spin(world, 80);
	assert_int_equal(world->n_started, 3);
}

static void test_hold_and_ask(void **state)
{
	struct world *world = *state;

	world->feeds[0].enabled = false;
	world->config.n_feeds = 1;
	configure(world);
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_started, 0);
	assert_false(feed_of(world, "a")->polled);
	cw_schedule_hold(world->schedule, true);
	cw_schedule_ask(world->schedule, feed_of(world, "a"));
	spin(world, 30);
	assert_int_equal(world->n_started, 0);
	cw_schedule_hold(world->schedule, false);
	spin(world, 30);
	assert_int_equal(world->n_started, 1);
	/* Asked once, fetched once. */
	end_well(world, world->started[0]);
	wall.ms += DAY;
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_started, 1);
}

static void test_outage(void **state)
{
	struct world *world = *state;
	struct cw_schedule_feed *feed;

	world->config.n_feeds = 1;
	configure(world);
	cw_schedule_run(world->schedule);
	feed = world->started[0];
	end_well(world, feed);
	wall.ms = T0 + HOUR;
	cw_schedule_run(world->schedule);
	cw_schedule_ended(world->schedule, feed);
	cw_schedule_failed(world->schedule, feed, "timeout", "slow", cw_wall_none(), false);
	wall.ms = T0 + 3 * HOUR - 1;
	cw_schedule_hold(world->schedule, true);
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_outages, 0);
	wall.ms++;
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_outages, 1);
	assert_int_equal(feed->state.outage_since.ms, T0 + 3 * HOUR);
	wall.ms += DAY;
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_outages, 1); /* told once */
	assert_true(cw_schedule_succeeded(world->schedule, feed, wall));
	assert_false(cw_wall_known(feed->state.outage_since));
	wall.ms += 3 * HOUR;
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_outages, 2);
}

/* After a long stop a feed may answer before it is called an outage; one that never answered counts from when it was first
 * configured. */
static void test_outage_after_stop(void **state)
{
	struct world *world = *state;
	struct cw_schedule_feed *feed;

	cw_inbox_feed_init(&world->stored);
	world->stored_known = true;
	world->stored.created_at.ms = T0 - 100 * DAY;
	world->stored.last_success.ms = T0 - 10 * DAY;
	world->config.n_feeds = 1;
	configure(world);
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_outages, 0);
	assert_int_equal(world->n_started, 1);
	feed = world->started[0];
	cw_schedule_ended(world->schedule, feed);
	cw_schedule_failed(world->schedule, feed, "dns", "no such host", cw_wall_none(), false);
	cw_schedule_run(world->schedule);
	assert_int_equal(world->n_outages, 1);
	assert_int_equal(feed->state.outage_since.ms, T0 - 10 * DAY + 3 * HOUR);
}

static void test_overdue(void **state)
{
	struct world *world = *state;
	struct cw_schedule_feed *feed;

	configure(world);
	cw_schedule_hold(world->schedule, true);
	feed = feed_of(world, "a");
	assert_false(cw_schedule_overdue(feed, wall));
	wall.ms += 2 * MINUTE;
	assert_true(cw_schedule_overdue(feed, wall));
	assert_false(cw_schedule_overdue(feed_of(world, "d"), wall));
}

/* Random steps against a plain model: nothing starts before it is due, everything that is due starts. */
static void test_heap(void **state)
{
	enum { N = 200 };
	struct world *world = *state;
	struct cw_feed *feeds = calloc(N, sizeof(*feeds));
	char names[N][8], urls[N][40];
	uint32_t seed = 1;
	size_t i, j;

	for (i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "f%03zu", i);
		snprintf(urls[i], sizeof(urls[i]), "https://h%zu.example/", i);
		feeds[i] = (struct cw_feed){ .name = names[i], .url = urls[i], .enabled = true, .interval_ms = HOUR };
	}
	world->config.feeds = feeds;
	world->config.n_feeds = N;
	world->config.transfers = 256;
	world->config.host_delay_ms = 0;
	configure(world);
	for (j = 0; j < 300; j++) {
		world->n_started = 0;
		cw_schedule_run(world->schedule);
		for (i = 0; i < world->n_started; i++) {
			struct cw_schedule_feed *feed = world->started[i];

			assert_true(feed->state.next_due.ms <= wall.ms);
			cw_schedule_ended(world->schedule, feed);
			seed = seed * 1664525 + 1013904223;
			feed->asked = false;
			cw_schedule_failed(world->schedule, feed, "x", NULL,
			                   (struct cw_wall){ wall.ms + HOUR + seed % (int)HOUR }, false);
		}
		for (i = 0; i < N; i++)
			assert_true(feed_of(world, names[i])->state.next_due.ms > wall.ms);
		wall.ms += MINUTE;
	}
	assert_int_equal(world->n_outages, N); /* each once, three intervals after it was first configured */
	cw_schedule_free(world->schedule);
	world->schedule = NULL;
	free(feeds);
}

int main(void)
{
	static const struct CMUnitTest plain[] = {
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_jitter),
#define WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_free)
		WORLD(test_hosts),
		WORLD(test_transfers),
		WORLD(test_turns),
		WORLD(test_due),
		WORLD(test_failures),
		WORLD(test_start_failure),
		WORLD(test_restart),
		WORLD(test_clock_set_back),
		WORLD(test_removed_while_running),
		WORLD(test_hold_and_ask),
		WORLD(test_outage),
		WORLD(test_outage_after_stop),
		WORLD(test_overdue),
		WORLD(test_heap),
	};
	struct CMUnitTest tests[CW_ARRAY_LEN(retries) + CW_ARRAY_LEN(plain)];
	size_t i;

	for (i = 0; i < CW_ARRAY_LEN(retries); i++)
		tests[i] = (struct CMUnitTest){ .name = retries[i].text,
			                        .test_func = test_retry_after,
			                        .initial_state = (void *)(uintptr_t)&retries[i] };
	memcpy(tests + i, plain, sizeof(plain));
	return cmocka_run_group_tests_name("daemon_schedule", tests, NULL, NULL);
}
