/*
 * The ordering of "watch": in every interleaving of live alerts, losses, heartbeats, answers and time-outs, each alert
 * is delivered exactly once and in order.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <councilwatch/base.h>

#include "follow.h"

#define LAST 3  /* alerts that exist in the end */
#define CHUNK 2 /* alerts in one answer */
#define QUEUE_MAX 24

/* A server with a store, a live stream in order, and one question under way. */
struct world {
	struct cw_follow follow;
	uint64_t stored; /* alerts that exist */
	struct {
		bool heartbeat;
		uint64_t seq;
	} live[QUEUE_MAX]; /* sent, not yet received */
	size_t live_first, live_n;
	enum cw_follow_ask question;
	uint64_t question_since;
	bool answered; /* the answer is on its way, as the store was then */
	uint64_t answer_seq;
	uint64_t topics;    /* bit per alert number that is of our topics */
	uint64_t delivered; /* bit per alert number */
	uint64_t last_delivered;
	uint64_t start; /* number after which we must see everything; UINT64_MAX = not known yet */
};

static bool wanted(const struct world *w, uint64_t seq)
{
	return w->topics >> seq & 1;
}

static void deliver(struct world *w, uint64_t seq)
{
	assert_true(wanted(w, seq));
	assert_false(w->delivered >> seq & 1);
	assert_true(seq > w->last_delivered);
	w->delivered |= UINT64_C(1) << seq;
	w->last_delivered = seq;
}

static void ask(struct world *w)
{
	uint64_t since = 0;
	enum cw_follow_ask next = cw_follow_next(&w->follow, &since);

	if (next == CW_FOLLOW_NOTHING)
		return;
	assert_int_equal(w->question, CW_FOLLOW_NOTHING);
	w->question = next;
	w->question_since = since;
	w->answered = false;
}

static void send_live(struct world *w, bool heartbeat, uint64_t seq)
{
	assert_true(w->live_n < QUEUE_MAX);
	w->live[w->live_n].heartbeat = heartbeat;
	w->live[w->live_n++].seq = seq;
}

static void take_live(struct world *w)
{
	bool heartbeat = w->live[w->live_first].heartbeat;
	uint64_t seq = w->live[w->live_first++].seq;

	if (heartbeat)
		cw_follow_heartbeat(&w->follow, seq);
	else if (cw_follow_alert(&w->follow, seq))
		deliver(w, seq);
}

static void take_answer(struct world *w)
{
	enum cw_follow_ask question = w->question;

	w->question = CW_FOLLOW_NOTHING;
	if (question == CW_FOLLOW_SNAPSHOT) {
		cw_follow_snapshot(&w->follow, w->answer_seq);
		w->start = w->answer_seq;
		return;
	}

	uint64_t chunk[CHUNK], n = 0, last = w->question_since;
	bool more = false;

	for (uint64_t seq = w->question_since + 1; seq <= w->answer_seq; seq++) {
		if (!wanted(w, seq))
			continue;
		if (n == CHUNK) {
			more = true;
			break;
		}
		chunk[n++] = last = seq;
	}
	assert_int_equal(cw_follow_replay_begin(&w->follow, w->question_since, last, w->answer_seq, more), 0);
	for (uint64_t i = 0; i < n; i++)
		if (cw_follow_replayed(&w->follow, chunk[i]))
			deliver(w, chunk[i]);
	cw_follow_replay_end(&w->follow, last, w->answer_seq, more);
}

/* Whatever happened before: one heartbeat at the end and working questions bring everything in. */
static void settle(struct world w)
{
	send_live(&w, true, w.stored);
	ask(&w);
	while (w.live_first < w.live_n || w.question != CW_FOLLOW_NOTHING) {
		if (w.live_first < w.live_n) {
			take_live(&w);
		} else {
			if (!w.answered) {
				w.answered = true;
				w.answer_seq = w.stored;
			}
			take_answer(&w);
		}
		ask(&w);
	}
	assert_int_not_equal(w.start, UINT64_MAX);
	for (uint64_t seq = 1; seq <= w.stored; seq++)
		assert_int_equal(w.delivered >> seq & 1, seq > w.start && wanted(&w, seq));
}

/* Tries everything that can happen next, so many steps deep. */
static void explore(const struct world *before, unsigned depth, unsigned *visited)
{
	struct world w;

	++*visited;
	settle(*before);
	if (!depth)
		return;

	if (before->stored < LAST) {
		/* An alert is stored and arrives, arrives twice (two topics), or is lost on its way. */
		for (unsigned copies = 0; copies <= 2; copies++) {
			w = *before;
			w.stored++;
			for (unsigned i = 0; i < copies && wanted(&w, w.stored); i++)
				send_live(&w, false, w.stored);
			explore(&w, depth - 1, visited);
			if (!wanted(&w, w.stored))
				break;
		}
	}
	if (before->live_n < QUEUE_MAX / 2) {
		w = *before;
		send_live(&w, true, w.stored);
		explore(&w, depth - 1, visited);
	}
	if (before->live_first < before->live_n) {
		w = *before;
		take_live(&w);
		ask(&w);
		explore(&w, depth - 1, visited);
		/* The connection broke: what was under way on the stream is gone. */
		w = *before;
		w.live_first = w.live_n = 0;
		explore(&w, depth - 1, visited);
	}
	if (before->question != CW_FOLLOW_NOTHING) {
		w = *before;
		if (w.answered) {
			take_answer(&w);
		} else {
			w.answered = true;
			w.answer_seq = w.stored;
		}
		ask(&w);
		explore(&w, depth - 1, visited);
		/* The question or its answer was lost. */
		w = *before;
		w.question = CW_FOLLOW_NOTHING;
		cw_follow_lost(&w.follow);
		ask(&w);
		explore(&w, depth - 1, visited);
	}
}

static void run_explore(bool has_since, uint64_t since, uint64_t stored, uint64_t topics)
{
	struct world w = { .stored = stored, .topics = topics, .start = has_since ? since : UINT64_MAX };
	unsigned visited = 0;

	cw_follow_init(&w.follow, has_since, since);
	ask(&w);
	explore(&w, 7, &visited);
	assert_true(visited > 1000);
}

static void test_from_snapshot(void **state)
{
	(void)state;
	run_explore(false, 0, 0, ~UINT64_C(0));
	run_explore(false, 0, 1, ~UINT64_C(0));
}

static void test_from_number(void **state)
{
	(void)state;
	run_explore(true, 0, 0, ~UINT64_C(0));
	run_explore(true, 0, 2, ~UINT64_C(0));
	run_explore(true, 1, 1, ~UINT64_C(0));
}

static void test_with_topics(void **state)
{
	(void)state;
	run_explore(false, 0, 0, 1u << 1 | 1u << 3);
	run_explore(true, 0, 1, 1u << 2);
	run_explore(true, 0, 1, 0);
}

static void test_live_in_order_asks_nothing(void **state)
{
	struct cw_follow follow;
	uint64_t since;

	(void)state;
	cw_follow_init(&follow, false, 0);
	assert_int_equal(cw_follow_next(&follow, &since), CW_FOLLOW_SNAPSHOT);
	assert_int_equal(cw_follow_next(&follow, &since), CW_FOLLOW_NOTHING);
	cw_follow_snapshot(&follow, 41);
	for (uint64_t seq = 42; seq < 1000; seq++) {
		assert_true(cw_follow_alert(&follow, seq));
		assert_false(cw_follow_alert(&follow, seq)); /* its second topic */
		cw_follow_heartbeat(&follow, seq);
		assert_int_equal(cw_follow_next(&follow, &since), CW_FOLLOW_NOTHING);
	}
}

static void test_stream_begun_anew(void **state)
{
	struct cw_follow follow;
	uint64_t since = 0;

	(void)state;
	cw_follow_init(&follow, true, 80);
	assert_int_equal(cw_follow_next(&follow, &since), CW_FOLLOW_REPLAY);
	assert_int_equal(since, 80);
	assert_int_equal(cw_follow_replay_begin(&follow, 80, 80, 2, false), 1);
	cw_follow_replay_end(&follow, 80, 2, false);
	assert_int_equal(cw_follow_next(&follow, &since), CW_FOLLOW_NOTHING);
	assert_true(cw_follow_alert(&follow, 3));

	/* Seen by a heartbeat while following. */
	cw_follow_heartbeat(&follow, 1);
	assert_int_equal(cw_follow_next(&follow, &since), CW_FOLLOW_REPLAY);
	assert_int_equal(since, 3);
	assert_int_equal(cw_follow_replay_begin(&follow, 3, 3, 1, false), 1);
	cw_follow_replay_end(&follow, 3, 1, false);
	assert_true(cw_follow_alert(&follow, 2));
}

static void test_old_heartbeat_is_no_new_stream(void **state)
{
	struct cw_follow follow;
	uint64_t since = 0;

	(void)state;
	cw_follow_init(&follow, true, 8);
	cw_follow_next(&follow, &since);
	assert_int_equal(cw_follow_replay_begin(&follow, 8, 8, 8, false), 0);
	cw_follow_replay_end(&follow, 8, 8, false);
	cw_follow_heartbeat(&follow, 5);
	assert_int_equal(cw_follow_next(&follow, &since), CW_FOLLOW_REPLAY);
	assert_int_equal(cw_follow_replay_begin(&follow, 8, 8, 8, false), 0);
	cw_follow_replay_end(&follow, 8, 8, false);
	assert_int_equal(cw_follow_next(&follow, &since), CW_FOLLOW_NOTHING);
	assert_true(cw_follow_alert(&follow, 9));
}

static void test_useless_answers(void **state)
{
	struct cw_follow follow;
	uint64_t since = 0;

	(void)state;
	cw_follow_init(&follow, true, 5);
	assert_int_equal(cw_follow_replay_begin(&follow, 5, 6, 6, false), -EBADMSG); /* not asked */
	cw_follow_next(&follow, &since);
	assert_int_equal(cw_follow_replay_begin(&follow, 6, 7, 7, false), -EBADMSG); /* would leave a gap */
	assert_int_equal(cw_follow_replay_begin(&follow, 5, 4, 7, false), -EBADMSG); /* goes backwards */
	assert_int_equal(cw_follow_replay_begin(&follow, 5, 5, 7, true), -EBADMSG);  /* more, without moving */
	cw_follow_lost(&follow);
	assert_int_equal(cw_follow_next(&follow, &since), CW_FOLLOW_REPLAY);
	assert_int_equal(since, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_snapshot),     cmocka_unit_test(test_from_number),
		cmocka_unit_test(test_with_topics),       cmocka_unit_test(test_live_in_order_asks_nothing),
		cmocka_unit_test(test_stream_begun_anew), cmocka_unit_test(test_old_heartbeat_is_no_new_stream),
		cmocka_unit_test(test_useless_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
