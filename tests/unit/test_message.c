/* The wire forms of evidence.h and message.h: reader and writer are inverses, and nothing else is accepted. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <councilwatch/bus.h>
#include <councilwatch/evidence.h>
#include <councilwatch/loop.h>
#include <councilwatch/message.h>

static struct cw_evidence sample(void)
{
	struct cw_evidence e = { .kind = CW_KIND_ILACS, .council_id = cw_str("bradford"), .event_day = 19317,
		                 .published_at = { 1674432000000 }, .fetched_at = cw_wall_none(), .tier = CW_TIER_B,
		                 .publisher = cw_str("Data to Insight"), .url = cw_str("https://files.ofsted.gov.uk/v1/file/50206434"),
		                 .title = cw_str("Inspection"), .quote = cw_str("caf\xc3\xa9"), .key = cw_str(NULL), .row = 18 };

	assert_int_equal(cw_evidence_set(&e, CW_VAL_CARE_LEAVERS, cw_str("inadequate")), 0);
	assert_int_equal(cw_evidence_set(&e, CW_VAL_OVERALL_EFFECTIVENESS, cw_str("good")), 0);
	assert_int_equal(cw_evidence_set(&e, CW_VAL_OVERALL_EFFECTIVENESS, cw_str("inadequate")), 0);
	assert_int_equal(cw_evidence_set(&e, CW_VAL_FRAMEWORK_ID, cw_str("ilacs_2018")), 0);
	return e;
}

static void same_str(struct cw_str a, struct cw_str b)
{
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.at, b.at, a.len);
}

static void test_evidence_round(void **state)
{
	struct cw_evidence e = sample(), back;
	struct cw_buf buf;
	struct cw_cursor cursor;

	(void)state;
	assert_int_equal(e.n_values, 3);
	cw_buf_init(&buf, 65536);
	assert_int_equal(cw_evidence_put(&buf, &e), 0);
	e.event_day = CW_DAY_NONE;
	e.published_at = cw_wall_none();
	assert_int_equal(cw_evidence_put(&buf, &e), 0);
	cw_cursor_init(&cursor, buf.data, buf.len);
	assert_int_equal(cw_evidence_get(&cursor, &back, NULL), 0);
	assert_int_equal(back.event_day, 19317);
	assert_true(back.published_at.ms == 1674432000000);
	same_str(back.council_id, e.council_id);
	same_str(back.url, e.url);
	same_str(back.quote, e.quote);
	assert_int_equal(cw_evidence_grade(&back, CW_VAL_OVERALL_EFFECTIVENESS), CW_GRADE_INADEQUATE);
	assert_int_equal(cw_evidence_get(&cursor, &back, NULL), 0);
	assert_int_equal(back.event_day, CW_DAY_NONE);
	assert_false(cw_wall_known(back.published_at));
	assert_int_equal(cw_cursor_done(&cursor), 0);
	cw_buf_clear(&buf);
}

/* Every truncation is refused; every changed byte is refused or read as something the writer could have written. */
static void test_evidence_hostile(void **state)
{
	struct cw_evidence e = sample(), back;
	struct cw_buf buf, again;
	struct cw_cursor cursor;
	struct cw_error err;

	(void)state;
	cw_buf_init(&buf, 65536);
	cw_buf_init(&again, 65536);
	assert_int_equal(cw_evidence_put(&buf, &e), 0);
	for (size_t len = 0; len < buf.len; len++) {
		cw_cursor_init(&cursor, buf.data, len);
		assert_int_equal(cw_evidence_get(&cursor, &back, &err), -EBADMSG);
	}
	for (size_t i = 0; i < buf.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			buf.data[i] ^= (unsigned char)(1 << bit);
			cw_cursor_init(&cursor, buf.data, buf.len);
			if (cw_evidence_get(&cursor, &back, &err) == 0 && cw_cursor_done(&cursor) == 0) {
				cw_buf_reset(&again);
				assert_int_equal(cw_evidence_put(&again, &back), 0);
				assert_int_equal(again.len, buf.len);
				assert_memory_equal(again.data, buf.data, buf.len);
			}
			buf.data[i] ^= (unsigned char)(1 << bit);
		}
	}
	cw_buf_clear(&buf);
	cw_buf_clear(&again);
}

static void test_values_are_checked(void **state)
{
	static const struct {
		const char *text;
		int r;
	} outcomes[] = { { "3", 0 }, { "03", -EBADMSG }, { "3.0", -EBADMSG }, { "+3", -EBADMSG }, { "4", -EBADMSG } },
	  rates[] = { { "12.5", 0 },       { "-3", 0 },         { "0", 0 },         { "12.50", -EBADMSG }, { "-0", -EBADMSG },
		      { "1e1", -EBADMSG }, { "1,546", -EBADMSG }, { "5%", -EBADMSG }, { "x", -EBADMSG } };
	struct cw_evidence e = sample(), back;
	struct cw_buf buf;
	struct cw_cursor cursor;

	(void)state;
	cw_buf_init(&buf, 65536);
	e.value[1].text = cw_str("Good");
	cw_evidence_put(&buf, &e);
	cw_cursor_init(&cursor, buf.data, buf.len);
	assert_int_equal(cw_evidence_get(&cursor, &back, NULL), -EBADMSG);

	cw_buf_reset(&buf);
	e = sample();
	e.value[2].id = CW_VAL_OUTCOME; /* not a value of this kind */
	e.value[2].text = cw_str("3");
	cw_evidence_put(&buf, &e);
	cw_cursor_init(&cursor, buf.data, buf.len);
	assert_int_equal(cw_evidence_get(&cursor, &back, NULL), -EBADMSG);

	/* One writing for each number. */
	e = sample();
	e.kind = CW_KIND_AREA_SEND;
	e.n_values = 1;
	e.value[0].id = CW_VAL_OUTCOME;
	for (size_t i = 0; i < CW_ARRAY_LEN(outcomes); i++) {
		cw_buf_reset(&buf);
		e.value[0].text = cw_str(outcomes[i].text);
		cw_evidence_put(&buf, &e);
		cw_cursor_init(&cursor, buf.data, buf.len);
		assert_int_equal(cw_evidence_get(&cursor, &back, NULL), outcomes[i].r);
	}
	e.kind = CW_KIND_WORKFORCE;
	e.value[0].id = CW_VAL_AGENCY_RATE;
	for (size_t i = 0; i < CW_ARRAY_LEN(rates); i++) {
		cw_buf_reset(&buf);
		e.value[0].text = cw_str(rates[i].text);
		cw_evidence_put(&buf, &e);
		cw_cursor_init(&cursor, buf.data, buf.len);
		assert_int_equal(cw_evidence_get(&cursor, &back, NULL), rates[i].r);
	}
	cw_buf_clear(&buf);
}

static void test_value_parse(void **state)
{
	static const struct {
		enum cw_value_id id;
		const char *text;
		int r;
		const char *canonical;
	} cases[] = {
		{ CW_VAL_OVERALL_EFFECTIVENESS, "Requires improvement to be good", 0, "requires_improvement" },
		{ CW_VAL_OVERALL_EFFECTIVENESS, " REQUIRES  improvement ", 0, "requires_improvement" },
		{ CW_VAL_OVERALL_EFFECTIVENESS, "requires_improvement", 0, "requires_improvement" },
		{ CW_VAL_OVERALL_EFFECTIVENESS, "to requires improvement", -EINVAL, NULL },
		{ CW_VAL_OVERALL_EFFECTIVENESS, "good enough", -EINVAL, NULL },
		{ CW_VAL_OVERALL_EFFECTIVENESS, "NaN", -EINVAL, NULL },
		{ CW_VAL_OVERALL_EFFECTIVENESS, "", -EINVAL, NULL },
		{ CW_VAL_OUTCOME, "2.0", 0, "2" },
		{ CW_VAL_OUTCOME, "4", -ERANGE, NULL },
		{ CW_VAL_OUTCOME, "two", -EINVAL, NULL },
		{ CW_VAL_STATUS, "open", 0, "open" },
		{ CW_VAL_STATUS, "opened", -EINVAL, NULL },
		{ CW_VAL_AGENCY_RATE, " 12.50% ", 0, "12.5" },
		{ CW_VAL_AMOUNT, "1,546", 0, "1546" },
		{ CW_VAL_AMOUNT, "Category discontinued", -EINVAL, NULL },
		{ CW_VAL_CONTROL, "noc", 0, "noc" },
		{ CW_VAL_CONTROL, "Lab plurality", -EINVAL, NULL },
	};
	struct cw_buf out;
	struct cw_str ret;

	(void)state;
	cw_buf_init(&out, 1024);
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++) {
		if (cw_value_parse(cases[i].id, cw_str(cases[i].text), &out, &ret) != cases[i].r)
			fail_msg("'%s'", cases[i].text);
		if (cases[i].r == 0)
			assert_true(cw_str_eq(ret, cases[i].canonical));
	}
	cw_buf_clear(&out);
}

static void test_framework(void **state)
{
	(void)state;
	assert_string_equal(cw_ilacs_framework(cw_day_make(2022, 12, 31)), "ilacs_2018");
	assert_string_equal(cw_ilacs_framework(cw_day_make(2023, 1, 1)), "ilacs_2023");
	assert_string_equal(cw_ilacs_framework(cw_day_make(2026, 3, 31)), "ilacs_2023");
	assert_string_equal(cw_ilacs_framework(cw_day_make(2026, 4, 1)), "ilacs_2026");
	assert_string_equal(cw_ilacs_framework(CW_DAY_NONE), "ilacs");
}

/* Links come from whoever reads what the world sends: the reader takes only what the writer means. */
static void test_links(void **state)
{
	static const struct {
		const char *url;
		int r;
	} cases[] = {
		{ "https://example.org/a?b=c", 0 },    { "http://x", 0 },
		{ "https://", -EBADMSG },              { "http:///", 0 }, /* whose host the daemon looks at */
		{ "ftp://example.org/", -EBADMSG },    { "HTTPS://example.org/", -EBADMSG },
		{ "https://example.org/a b", -EBADMSG }, { "https://example.org/a\nb", -EBADMSG },
		{ "https://example.org/#a", -EBADMSG }, { "https://a\\@b/", -EBADMSG },
		{ "//example.org/", -EBADMSG },        { "", -EBADMSG },
	};
	struct cw_doc_link link = { .step = cw_str("provider"), .text = cw_str("caf\xc3\xa9") }, again;
	char text[CW_LINK_TEXT_MAX + 2];
	struct cw_cursor cursor;
	struct cw_buf buf;

	(void)state;
	cw_buf_init(&buf, 65536);
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++) {
		cw_buf_reset(&buf);
		link.url = cw_str(cases[i].url);
		assert_int_equal(cw_doc_link_put(&buf, &link), 0);
		cw_cursor_init(&cursor, buf.data, buf.len);
		if (cw_doc_link_get(&cursor, &again, NULL) != cases[i].r)
			fail_msg("'%s'", cases[i].url);
		if (cases[i].r == 0)
			assert_true(cw_str_eq(again.url, cases[i].url) && cw_str_eq(again.step, "provider") &&
			            cw_str_eq(again.text, "caf\xc3\xa9"));
	}
	link.url = cw_str("https://example.org/");
	cw_buf_reset(&buf);
	cw_doc_link_put(&buf, &link);
	for (size_t len = 0; len < buf.len; len++) {
		cw_cursor_init(&cursor, buf.data, len);
		assert_int_equal(cw_doc_link_get(&cursor, &again, NULL), -EBADMSG);
	}
	memset(text, 'x', sizeof(text));
	link.text = (struct cw_str){ text, CW_LINK_TEXT_MAX + 1 };
	cw_buf_reset(&buf);
	cw_doc_link_put(&buf, &link);
	cw_cursor_init(&cursor, buf.data, buf.len);
	assert_int_equal(cw_doc_link_get(&cursor, &again, NULL), -EBADMSG);
	cw_buf_clear(&buf);
}

static void test_infos(void **state)
{
	struct cw_document_info info = { .id = 7, .attempt = 2, .flags = CW_DOC_IMPORTED, .feed = cw_str("f"), .url = cw_str("u"),
		                         .content_type = cw_str("text/html"), .fetched_at = { 5 }, .size = 9, .order = 3,
		                         .step = cw_str("search"), .link_text = cw_str("words"), .parent_url = cw_str("p") }, info2;
	struct cw_commit_info commit = { .duplicate = true, .tally = { .outcome = CW_REASON_NO_ROWS, .rows = 4,
		                                                        .detail = cw_str("nothing") }, .alerts = 2 }, commit2;
	struct cw_feed_state feed = { .feed = cw_str("f"), .polled = true, .last_success = cw_wall_none(), .outage_since = { 1 },
		                      .detail = cw_str("refused") }, feed2;
	struct cw_buf buf;
	struct cw_cursor cursor;

	(void)state;
	cw_buf_init(&buf, 65536);
	cw_document_info_put(&buf, &info);
	for (size_t len = 0; len <= buf.len; len++) {
		cw_cursor_init(&cursor, buf.data, len);
		assert_int_equal(cw_document_info_get(&cursor, &info2, NULL), len == buf.len ? 0 : -EBADMSG);
	}
	assert_int_equal(info2.order, 3);
	assert_true(cw_str_eq(info2.step, "search") && cw_str_eq(info2.link_text, "words") && cw_str_eq(info2.parent_url, "p"));
	cw_buf_reset(&buf);
	commit.tally.reasons[CW_REASON_BAD_DATE] = 12;
	cw_commit_info_put(&buf, &commit);
	for (size_t len = 0; len <= buf.len; len++) {
		cw_cursor_init(&cursor, buf.data, len);
		assert_int_equal(cw_commit_info_get(&cursor, &commit2, NULL), len == buf.len ? 0 : -EBADMSG);
	}
	assert_int_equal(commit2.tally.reasons[CW_REASON_BAD_DATE], 12);
	cw_buf_reset(&buf);
	cw_feed_state_put(&buf, &feed);
	for (size_t len = 0; len <= buf.len; len++) {
		cw_cursor_init(&cursor, buf.data, len);
		assert_int_equal(cw_feed_state_get(&cursor, &feed2, NULL), len == buf.len ? 0 : -EBADMSG);
	}
	assert_true(feed2.polled);
	cw_buf_clear(&buf);
}

/* ---- over real sockets ---- */

struct wire {
	struct cw_loop *loop;
	struct cw_sock *router, *dealer;
	int received, fired;
	struct cw_timer *timer;
};

static void on_message(void *arg, unsigned events)
{
	struct wire *wire = arg;
	struct cw_message message;
	struct cw_peer peer;
	struct cw_error err;

	(void)events;
	assert_int_equal(cw_message_recv(wire->router, &peer, &message, &err), 0);
	assert_int_equal(message.kind, CW_MSG_CHUNK);
	assert_int_equal(message.sequence, (uint32_t)wire->received);
	assert_int_equal(message.payload.len, 5);
	if (++wire->received == 500)
		cw_loop_stop(wire->loop);
}

static void on_time(void *arg)
{
	struct wire *wire = arg;

	if (++wire->fired > 5000)
		fail_msg("messages did not arrive");
	cw_timer_arm(wire->timer, 1);
}

static void test_sockets_on_the_loop(void **state)
{
	char path[64];
	struct cw_bus *bus;
	struct wire wire = { 0 };
	struct cw_watch *watch;
	struct cw_message message = { .kind = CW_MSG_CHUNK, .document = 9, .payload = { "hello", 5 } };

	(void)state;
	snprintf(path, sizeof(path), "ipc:///tmp/cw-test-%d", (int)getpid());
	assert_int_equal(cw_bus_new(&bus, NULL), 0);
	assert_int_equal(cw_loop_new(&wire.loop, NULL), 0);
	assert_int_equal(cw_sock_new(bus, CW_SOCK_ROUTER, 1000, 0, &wire.router, NULL), 0);
	assert_int_equal(cw_sock_new(bus, CW_SOCK_DEALER, 1000, 0, &wire.dealer, NULL), 0);
	assert_int_equal(cw_sock_bind(wire.router, path, NULL), 0);
	assert_int_equal(cw_sock_connect(wire.dealer, path, NULL), 0);
	assert_int_equal(cw_loop_add_zmq(wire.loop, cw_sock_zmq(wire.router), CW_LOOP_READ, on_message, &wire, &watch, NULL), 0);
	assert_int_equal(cw_timer_new(wire.loop, on_time, &wire, &wire.timer, NULL), 0);
	cw_timer_arm(wire.timer, 1);
	for (int i = 0; i < 500; i++) {
		message.sequence = (uint32_t)i;
		assert_int_equal(cw_message_send(wire.dealer, NULL, &message), 0);
	}
	assert_int_equal(cw_loop_run(wire.loop, NULL), 0);
	assert_int_equal(wire.received, 500);
	cw_timer_free(wire.timer);
	cw_watch_free(watch);
	cw_sock_free(wire.router);
	cw_sock_free(wire.dealer);
	cw_loop_free(wire.loop);
	cw_bus_free(bus);
	(void)unlink(path + 6);
}

/* ---- timers ---- */

struct clockwork {
	struct cw_loop *loop;
	struct cw_timer *timers[50];
	int order[50], n;
};
struct cog {
	struct clockwork *works;
	int index;
};

static void on_cog(void *arg)
{
	struct cog *cog = arg;

	cog->works->order[cog->works->n++] = cog->index;
	if (cog->works->n == 49)
		cw_loop_stop(cog->works->loop);
}

static void test_timers(void **state)
{
	struct clockwork works = { 0 };
	struct cog cogs[50];

	(void)state;
	assert_int_equal(cw_loop_new(&works.loop, NULL), 0);
	for (int i = 0; i < 50; i++) {
		cogs[i] = (struct cog){ &works, i };
		assert_int_equal(cw_timer_new(works.loop, on_cog, &cogs[i], &works.timers[i], NULL), 0);
	}
	/* Armed out of order, one disarmed, some armed twice: they fire by time. */
	for (int i = 0; i < 50; i++)
		cw_timer_arm(works.timers[(i * 7) % 50], ((i * 7) % 50) * 2 + 500);
	for (int i = 49; i >= 0; i--)
		cw_timer_arm(works.timers[i], i * 2);
	cw_timer_disarm(works.timers[25]);
	assert_false(cw_timer_armed(works.timers[25]));
	assert_int_equal(cw_loop_run(works.loop, NULL), 0);
	for (int i = 0; i < 49; i++)
		assert_int_equal(works.order[i], i < 25 ? i : i + 1);
	for (int i = 0; i < 50; i++)
		cw_timer_free(works.timers[i]);
	cw_loop_free(works.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_evidence_round),    cmocka_unit_test(test_evidence_hostile),
		cmocka_unit_test(test_values_are_checked), cmocka_unit_test(test_value_parse),
		cmocka_unit_test(test_framework),         cmocka_unit_test(test_infos), cmocka_unit_test(test_links),
		cmocka_unit_test(test_sockets_on_the_loop), cmocka_unit_test(test_timers),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
