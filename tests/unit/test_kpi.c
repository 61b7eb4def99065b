/* KPIs: the configuration and its mistakes, periods, and figures worked out by hand over a small ledger and a few alerts. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <councilwatch/kpi_result.h>

#define TABLES                                                                                                         \
	"councils_file = \"" CW_SOURCE_DIR "/config/councils.csv\"\n"                                                  \
	"aliases_file = \"" CW_SOURCE_DIR "/config/aliases.csv\"\n"                                                    \
	"risk_file = \"" CW_SOURCE_DIR "/config/risk.conf\"\n"                                                         \
	"bank_holidays_file = \"" CW_SOURCE_DIR "/config/bank-holidays.csv\"\n"                                        \
	"phrases_file = \"\"\ninclude_feeds = {}\n"
#define NO_FILE "kpi_file = \"\"\n"

struct place {
	char directory[32];
	struct cw_config *config;
	struct cw_buf told;
	struct cw_store *store;
	struct cw_ledger *ledger;
	uint64_t seq;
};

static int32_t day(const char *text)
{
	struct cw_wall t;

	assert_int_equal(cw_wall_parse(text, strlen(text), &t, NULL), 0);
	return cw_wall_day(t);
}

static void collect(void *arg, const struct cw_error *err)
{
	struct place *place = arg;
	const char *slash = strrchr(err->source, '/');

	cw_buf_printf(&place->told, "%s:%u: %s\n", slash ? slash + 1 : err->source, err->line, err->text);
}

static void write_file(const struct place *place, const char *name, const char *text)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", place->directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int load(struct place *place, const char *text)
{
	struct cw_error err = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "%s/councilwatch.conf", place->directory);
	write_file(place, "councilwatch.conf", text);
	cw_buf_reset(&place->told);
	return cw_config_load(path, collect, place, &place->config, &err);
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->directory, "/tmp/cw-kpi.XXXXXX");
	cw_buf_init(&place->told, 1u << 16);
	*state = place;
	return mkdtemp(place->directory) ? 0 : -1;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "ledger.db",      "ledger.db-wal",        "ledger.db-shm", "councilwatch.db", "councilwatch.db-wal",
		                             "councilwatch.db-shm", "councilwatch.conf", "kpi.conf" };
	struct place *place = *state;
	int r;

	cw_store_close(place->store);
	cw_ledger_close(place->ledger);
	for (size_t i = 0; i < CW_ARRAY_LEN(names); i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/%s", place->directory, names[i]);
		unlink(path);
	}
	r = rmdir(place->directory);
	cw_config_free(place->config);
	cw_buf_clear(&place->told);
	free(place);
	return r;
}

/* ---- configuration ---- */

static void test_shipped(void **state)
{
	static const char *const ids[] = { "offer-in-time", "engaged", "several-tiers", "targeted-days", "lead-members-offered", "lead-members-trained",
		                           "send-offered", "early-years-challenges", "leaders-engaged", "rating", "live-plans",
		                           "declines-explained", "organisations", "first-contact", "judgement-kept" };
	struct place *place = *state;
	struct cw_buf once, again;
	char path[64];
	struct cw_config *copy = NULL;
	struct cw_error err;

	assert_int_equal(load(place, TABLES "kpi_file = \"" CW_SOURCE_DIR "/config/kpi.conf\"\n"), 0);
	assert_int_equal(place->config->kpis->n, CW_ARRAY_LEN(ids));
	for (size_t i = 0; i < CW_ARRAY_LEN(ids); i++)
		assert_non_null(cw_kpi_find(place->config->kpis, ids[i]));
	assert_int_equal(place->config->kpis->triggers[CW_LEVEL_WATCH].alerts, 1u << CW_ALERT_LEVEL_UP);
	assert_int_equal(place->config->kpis->triggers[CW_LEVEL_PRIORITY].alerts, 1u << CW_ALERT_LEVEL_UP | 1u << CW_ALERT_FLOOR_OPENED);
	/* Domain 3.1. */
	assert_int_equal(place->config->risk.response[CW_LEVEL_WATCH].read, 10);
	assert_int_equal(place->config->risk.response[CW_LEVEL_PRIORITY].contact, 5);
	assert_int_equal(place->config->risk.response[CW_LEVEL_PRIORITY].offer, 20);
	assert_int_equal(place->config->risk.response[CW_LEVEL_INTENSIVE].contact, 2);
	assert_int_equal(place->config->risk.response[CW_LEVEL_INTENSIVE].offer, 10);
	/* What is printed reads back as the same. */
	cw_buf_init(&once, 1u << 20);
	cw_buf_init(&again, 1u << 20);
	assert_int_equal(cw_config_print(place->config, &once), 0);
	write_file(place, "kpi.conf", cw_buf_str(&once));
	snprintf(path, sizeof(path), "%s/kpi.conf", place->directory);
	assert_int_equal(cw_config_load(path, collect, place, &copy, &err), 0);
	assert_int_equal(cw_config_print(copy, &again), 0);
	assert_string_equal(strchr(cw_buf_str(&once), '\n'), strchr(cw_buf_str(&again), '\n'));
	cw_config_free(copy);
	cw_buf_clear(&once);
	cw_buf_clear(&again);
}

/* The main file's stand over those of kpi.conf. */
static void test_over(void **state)
{
	struct place *place = *state;

	write_file(place, "kpi.conf",
	           "trigger \"watch\" { alerts = {} }\n"
	           "kpi \"a\" { title = \"A\" owner = \"programme manager\" valid_from = \"2020-04-01\" measure = \"count\" denominator { of = \"offers\" } }\n"
	           "kpi \"b\" { title = \"B\" owner = \"programme manager\" valid_from = \"2020-04-01\" measure = \"count\" denominator { of = \"offers\" } }\n");
	assert_int_equal(load(place, TABLES "kpi_file = \"kpi.conf\"\n"
	                             "kpi \"a\" { title = \"Mine\" owner = \"head of service\" valid_from = \"2021-04-01\" measure = \"count\" "
	                             "denominator { of = \"offers\" } }\n"),
	                 0);
	assert_int_equal(place->config->kpis->n, 2);
	assert_string_equal(cw_kpi_find(place->config->kpis, "a")->title, "Mine");
	assert_string_equal(cw_kpi_find(place->config->kpis, "b")->title, "B");
	assert_int_equal(place->config->kpis->triggers[CW_LEVEL_WATCH].alerts, 0);
	assert_int_equal(place->config->kpis->triggers[CW_LEVEL_INTENSIVE].alerts, 1u << CW_ALERT_LEVEL_UP | 1u << CW_ALERT_FLOOR_OPENED);
}

#define GOOD "title = \"A\"\nowner = \"programme manager\"\nvalid_from = \"2020-04-01\"\n"

static const struct {
	const char *name, *text, *told;
} mistaken[] = {
	{ "unknown key", "kpi \"a\" {\n" GOOD "targt = 5\nmeasure = \"count\"\ndenominator { of = \"offers\" }\n}\n",
	  "5: unknown key 'targt' in kpi \"a\"; did you mean 'target'?\n" },
	{ "words", "kpi \"a\" {\n" GOOD "measure = \"shar\"\ndenominator { of = \"trigers\"\nlevel = { \"priorty\" } }\nnumerator { test = \"offerd\" }\n}\n",
	  "5: unknown measure 'shar'; did you mean 'share'?\n6: unknown of 'trigers'; did you mean 'triggers'?\n"
	  "7: unknown level 'priorty'; did you mean 'priority'?\n8: unknown test 'offerd'; did you mean 'offer'?\n" },
	{ "nothing said", "kpi \"a\" {\n}\n",
	  "1: kpi \"a\" has no title; say what it measures\n1: kpi \"a\" has no owner; name the role that answers for it\n"
	  "1: kpi \"a\" has no valid_from; say from when it is measured\n1: kpi \"a\" has no denominator; say what is counted\n" },
	{ "a share of nothing", "kpi \"a\" {\n" GOOD "denominator { of = \"offers\" }\n}\n", "1: kpi \"a\" is a share and has no numerator; add one\n" },
	{ "dates", "kpi \"a\" {\ntitle = \"A\"\nowner = \"programme manager\"\nvalid_from = \"1/4/2020\"\nmeasure = \"count\"\ndenominator { of = \"offers\" }\n}\n",
	  "4: valid_from is '1/4/2020'; write a date like 2025-04-01\n" },
	{ "order of dates", "kpi \"a\" {\n" GOOD "valid_to = \"2019-01-01\"\nmeasure = \"count\"\ndenominator { of = \"offers\" }\n}\n",
	  "5: valid_to is before valid_from; correct one\n" },
	{ "an owner's name", "kpi \"a\" {\ntitle = \"A\"\nowner = \"Mrs Smith\"\nvalid_from = \"2020-04-01\"\nmeasure = \"count\"\ndenominator { of = \"offers\" }\n}\n",
	  "3: owner is 'Mrs Smith': it seems to hold a person's name; name a role such as \"programme manager\"\n" },
	{ "target", "kpi \"a\" {\n" GOOD "target = 150\ndenominator { of = \"triggers\" }\nnumerator { test = \"offer\" }\n}\n",
	  "5: target is '150'; write a percentage, 0 to 100\n" },
	{ "filters that say nothing", "kpi \"a\" {\n" GOOD "measure = \"count\"\ndenominator {\nof = \"offers\"\nlevel = { \"watch\" }\nsignal = { \"ilacs_ri\" }\n}\n}\n",
	  "8: level says nothing about offers; remove it\n9: signal says nothing about offers; remove it\n" },
	{ "signals", "kpi \"a\" {\n" GOOD "denominator { of = \"councils\"\nsignal = { \"ilacs_rii\", \"lmcs_change\" } }\nnumerator { test = \"support\" }\n}\n"
	             "kpi \"b\" {\n" GOOD "denominator { of = \"signals\" }\nnumerator { test = \"support\" }\n}\n",
	  "6: unknown signal 'ilacs_rii'; did you mean 'ilacs_ri'?\n"
	  "6: signal \"lmcs_change\" is an event and is never open; write of = \"signals\" to count those it happened to\n"
	  "13: a denominator of signals names none; add signal = { \"…\" }\n" },
	{ "a test of something else", "kpi \"a\" {\n" GOOD "denominator { of = \"offers\" }\nnumerator {\ntest = \"plan\"\nwithin = 5\n}\n}\n",
	  "7: test \"plan\" says nothing about offers; correct one\n8: offers start no clock, so within says nothing; remove it\n" },
	{ "within", "kpi \"a\" {\n" GOOD "denominator { of = \"triggers\" }\nnumerator { test = \"offer\"\nwithin = \"soon\" }\n}\n"
	            "kpi \"b\" {\n" GOOD "denominator { of = \"signals\" signal = { \"lmcs_change\" } }\nnumerator { test = \"offer\" within = \"response\" }\n}\n",
	  "7: within is 'soon'; write working days, 0 to 1000, or \"response\" for those of the trigger's level\n"
	  "14: only triggers have a response; write working days\n" },
	{ "a median", "kpi \"a\" {\n" GOOD "measure = \"median\"\ndenominator { of = \"triggers\" }\nnumerator { test = \"contact\" within = 5 }\n}\n"
	              "kpi \"b\" {\n" GOOD "measure = \"median\"\ndenominator { of = \"offers\" }\n}\n",
	  "5: a median counts however long it took; remove within\n13: a median is of working days since triggers or signals, not of offers\n" },
	{ "a sum", "kpi \"a\" {\n" GOOD "measure = \"sum\"\ndenominator { of = \"triggers\" }\n}\n",
	  "5: a sum is of what offers record, not of triggers\n5: a sum needs value = \"days\" or \"rating\"\n" },
	{ "twice", "kpi \"a\" {\n" GOOD "measure = \"count\"\ndenominator { of = \"offers\" }\n}\nkpi \"a\" {\n" GOOD "measure = \"count\"\ndenominator { of = \"offers\" }\n}\n",
	  "8: kpi \"a\" stands here twice, first on line 1; rename or remove one\n" },
	{ "an id", "kpi \"My KPI\" {\n" GOOD "measure = \"count\"\ndenominator { of = \"offers\" }\n}\n",
	  "1: 'My KPI' is no id of a kpi; use lower case letters, digits, '-' and '_'\n" },
	{ "triggers", "trigger \"routine\" { alerts = { \"level_up\" } }\ntrigger \"priority\" {\nalerts = { \"level_down\" }\nalert = 5\n}\n",
	  "1: unknown level of a trigger 'routine'; use watch, priority or intensive\n3: unknown alerts 'level_down'; use level_up, floor_opened or "
	  "new_evidence\n4: unknown key 'alert' in trigger \"priority\"; did you mean 'alerts'?\n" },
};

static void test_mistake(void **state)
{
	const size_t i = (size_t)(uintptr_t)*state;
	struct cw_buf expected;
	struct place *place;
	const char *from = mistaken[i].told;

	assert_int_equal(set_up((void **)&place), 0);
	write_file(place, "kpi.conf", mistaken[i].text);
	assert_int_equal(load(place, TABLES "kpi_file = \"kpi.conf\"\n"), -EINVAL);
	cw_buf_init(&expected, 8192);
	while (*from) {
		size_t n = strcspn(from, "\n") + 1;

		cw_buf_printf(&expected, "kpi.conf:%.*s", (int)n, from);
		from += n;
	}
	assert_string_equal(cw_buf_str(&place->told), cw_buf_str(&expected));
	cw_buf_clear(&expected);
	assert_int_equal(tear_down((void **)&place), 0);
}

/* ---- periods ---- */

static const struct {
	const char *text, *from, *to, *name; /* from NULL: it is none */
} periods[] = {
	{ "2025-26", "2025-04-01", "2026-03-31", "2025-26" },  { "2025/26", "2025-04-01", "2026-03-31", "2025-26" },
	{ "2011-12", "2011-04-01", "2012-03-31", "2011-12" }, /* the year, not December */
	{ "1999-00", "1999-04-01", "2000-03-31", "1999-00" },  { "2025Q1", "2025-01-01", "2025-03-31", "2025Q1" },
	{ "2025q4", "2025-10-01", "2025-12-31", "2025Q4" },    { "2024-02", "2024-02-01", "2024-02-29", "2024-02" },
	{ "2025", "2025-01-01", "2025-12-31", "2025" },        { "2025-04-03..2025-04-09", "2025-04-03", "2025-04-09", "2025-04-03..2025-04-09" },
	{ "2025-04-01..2025-04-30", "2025-04-01", "2025-04-30", "2025-04" },
	{ "2025Q5", NULL, NULL, NULL },                        { "2025-27", NULL, NULL, NULL },
	{ "2025-13", NULL, NULL, NULL },                       { "2025-00", NULL, NULL, NULL },
	{ "25-26", NULL, NULL, NULL },                         { "2025-04-09..2025-04-03", NULL, NULL, NULL },
	{ "", NULL, NULL, NULL },                              { "2025-", NULL, NULL, NULL },
};

static void test_periods(void **state)
{
	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(periods); i++) {
		struct cw_period period;
		struct cw_error err;
		char name[CW_PERIOD_TEXT];
		int r = cw_period_parse(periods[i].text, &period, &err);

		assert_int_equal(r, periods[i].from ? 0 : -EINVAL);
		if (!periods[i].from)
			continue;
		assert_int_equal(period.from, day(periods[i].from));
		assert_int_equal(period.to, day(periods[i].to));
		assert_string_equal(cw_period_format(period, name), periods[i].name);
	}
	assert_int_equal(cw_period_of(CW_KPI_YEAR, day("2026-03-31")).from, day("2025-04-01"));
	assert_int_equal(cw_period_of(CW_KPI_YEAR, day("2026-04-01")).from, day("2026-04-01"));
	assert_int_equal(cw_period_of(CW_KPI_QUARTER, day("2026-05-15")).to, day("2026-06-30"));
	assert_int_equal(cw_period_of(CW_KPI_MONTH, day("2024-02-01")).to, day("2024-02-29"));
}

/* ---- figures ---- */

static void alert(struct place *place, const char *id, enum cw_alert_kind kind, const char *when, const char *council, const char *level,
                  const char *cause)
{
	char topic[128], topic_level[128], json[256];
	struct cw_error err = { 0 };

	snprintf(topic, sizeof(topic), "council/%s/%s", council, cw_alert_kind_name(kind));
	snprintf(topic_level, sizeof(topic_level), "level/%s/%s", level, cw_alert_kind_name(kind));
	snprintf(json, sizeof(json), "{\"data\":{\"cause\":\"%s\"}}", cause);
	if (cw_store_put_alert(place->store, ++place->seq, id, kind, cw_day_start(day(when)), council, topic, topic_level, json, &err) < 0)
		fail_msg("%s", err.text);
}

struct wanted {
	const char *id, *council, *organisation;
	enum cw_recipient recipient;
	enum cw_strand strand;
	enum cw_support tier;
	enum cw_offer_status status;
	const char *offered, *at, *contact, *trigger, *product, *reason, *role, *plan;
	double days, rating;
	int64_t participants;
};

static int32_t day_or_none(const char *text)
{
	return text ? day(text) : CW_DAY_NONE;
}

static void offer(struct place *place, const struct wanted *w)
{
	struct cw_error err = { 0 };
	struct cw_offer o;
	enum cw_put how;

	cw_offer_init(&o);
	o.offer_id = w->id;
	o.council_id = w->council ? w->council : "";
	o.organisation_id = w->organisation ? w->organisation : "";
	o.recipient = w->recipient;
	o.strand = w->strand;
	o.tier = w->tier;
	o.status = w->status;
	o.offered_at = day_or_none(w->offered);
	o.status_at = day_or_none(w->at ? w->at : w->offered);
	o.contact_at = day_or_none(w->contact);
	o.plan_until = day_or_none(w->plan);
	o.trigger_alert_id = w->trigger ? w->trigger : "";
	o.product = w->product ? w->product : "";
	o.reason = w->reason ? w->reason : "";
	o.contact_role = w->role ? w->role : "";
	o.days = w->days ? w->days : -1;
	o.rating = w->rating ? w->rating : -1;
	o.participants = w->participants ? w->participants : -1;
	if (cw_ledger_put(place->ledger, &o, cw_wall_none(), "add", 0, &how, &err) < 0)
		fail_msg("%s", err.text);
}

#define KPI(id, more) "kpi \"" id "\" {\ntitle = \"A\"\nowner = \"programme manager\"\nvalid_from = \"2020-04-01\"\n" more "}\n"

static const char kpis[] =
    TABLES NO_FILE
    KPI("offered", "target = 50\nwindow = \"quarter\"\ndenominator { of = \"triggers\" level = { \"priority\", \"intensive\" } }\n"
                   "numerator { test = \"offer\" within = \"response\" }\n")
    KPI("offered-send", "strand = \"send\"\ndenominator { of = \"triggers\" }\nnumerator { test = \"offer\" within = 20 }\n")
    KPI("median", "target = 4\nbetter = \"fewer\"\nmeasure = \"median\"\ndenominator { of = \"triggers\" level = { \"priority\", \"intensive\" } }\n"
                  "numerator { test = \"contact\" }\n")
    KPI("days", "target = 10\nwindow = \"quarter\"\nmeasure = \"sum\"\nvalue = \"days\"\ndenominator { of = \"offers\" tier = { \"targeted\" } status = { \"delivered\" } }\n")
    KPI("rating", "measure = \"mean\"\nvalue = \"rating\"\ndenominator { of = \"offers\" status = { \"delivered\" } }\n")
    KPI("reasons", "denominator { of = \"offers\" status = { \"declined\" } }\nnumerator { test = \"reason\" }\n")
    KPI("others", "measure = \"count\"\ndenominator { of = \"recipients\" status = { \"accepted\", \"delivered\" } recipient = { \"trust\", \"icb\" } }\n")
    KPI("challenges", "measure = \"count\"\nstrand = \"early_years\"\ndenominator { of = \"offers\" product = { \"peer-challenge\" } status = { \"delivered\" } }\n")
    KPI("routine-supported", "denominator { of = \"councils\" level = { \"routine\" } }\nnumerator { test = \"support\" }\n")
    KPI("routine-two-tiers", "denominator { of = \"councils\" level = { \"routine\" } }\nnumerator { test = \"support\" different_tiers = 2 }\n")
    KPI("routine-leaders", "denominator { of = \"councils\" level = { \"routine\" } }\nnumerator { test = \"contact\" role = { \"leader\" } }\n")
    KPI("routine-plans", "denominator { of = \"councils\" level = { \"routine\" } }\nnumerator { test = \"plan\" }\n");

/*
 * The second quarter of 2025. Easter Monday is 21 April; 5 and 26 May are bank holidays.
 *
 *   leeds      priority on Thursday 17 April; contact on 25 April: 22, 23, 24, 25 = 4; offered 19 May: 4 + 28, 29, 30, 1, 2,
 *              6..9, 12..16, 19 = 19 of 20: in time. A second alert in June counts for nothing.
 *   york       intensive on Monday 2 June; offered, naming the alert, on 17 June: 11 of 10: late.
 *   bradford   priority under send on 9 June; an offer under csc on 10 June is no answer.
 *   bury       priority on 20 June; both wait, and on 30 June are still in time (until 7 and 18 July).
 */
static void fill(struct place *place)
{
	struct cw_error err = { 0 };

	if (cw_store_open_writer(place->directory, &place->store, &err) < 0 || cw_store_begin(place->store, &err) < 0)
		fail_msg("%s", err.text);
	alert(place, "leeds-1", CW_ALERT_LEVEL_UP, "2025-04-17", "leeds", "priority", "ilacs_ri/ofsted/2025-03-01");
	alert(place, "leeds-2", CW_ALERT_FLOOR_OPENED, "2025-06-11", "leeds", "priority", "apa_open/ofsted/2025-06-01");
	alert(place, "york-1", CW_ALERT_LEVEL_UP, "2025-06-02", "york", "intensive", "ilacs_inadequate/ofsted/2025-05-01");
	alert(place, "bradford-1", CW_ALERT_LEVEL_UP, "2025-06-09", "bradford", "priority", "send_outcome3/send/2025-06-01");
	alert(place, "bury-1", CW_ALERT_LEVEL_UP, "2025-06-20", "bury", "priority", "apa_open/ofsted/2025-06-01");
	alert(place, "hull-1", CW_ALERT_LEVEL_UP, "2025-06-20", "kingston-upon-hull", "watch", "ilacs_ri/ofsted/2025-06-01");
	alert(place, "kent-1", CW_ALERT_NEW_EVIDENCE, "2025-06-20", "kent", "priority", "news/intel/2025-06-01");
	alert(place, "later", CW_ALERT_LEVEL_UP, "2025-07-01", "kent", "priority", "ilacs_ri/ofsted/2025-06-01");
	if (cw_store_commit(place->store, &err) < 0)
		fail_msg("%s", err.text);
	cw_store_close(place->store);
	place->store = NULL;
	if (cw_ledger_open(place->directory, true, &place->ledger, &err) < 0)
		fail_msg("%s", err.text);
	offer(place, &(struct wanted){ .id = "1", .council = "leeds", .tier = CW_SUPPORT_TARGETED, .status = CW_OFFER_DELIVERED, .contact = "2025-04-25",
	                               .offered = "2025-05-19", .at = "2025-06-20", .days = 7.5, .rating = 4, .participants = 30, .role = "dcs" });
	offer(place, &(struct wanted){ .id = "2", .council = "york", .tier = CW_SUPPORT_INTENSIVE, .status = CW_OFFER_ACCEPTED, .contact = "2025-06-04",
	                               .offered = "2025-06-17", .at = "2025-06-18", .trigger = "york-1", .role = "leader", .plan = "2025-12-31" });
	offer(place, &(struct wanted){ .id = "3", .council = "bradford", .tier = CW_SUPPORT_TARGETED, .status = CW_OFFER_DECLINED, .offered = "2025-06-10",
	                               .at = "2025-06-12" });
	offer(place, &(struct wanted){ .id = "4", .council = "kent", .strand = CW_STRAND_EARLY_YEARS, .tier = CW_SUPPORT_TARGETED,
	                               .status = CW_OFFER_DELIVERED, .offered = "2025-01-10", .at = "2025-04-01", .product = "Peer challenge", .days = 2,
	                               .rating = 5 });
	offer(place, &(struct wanted){ .id = "5", .organisation = "birmingham-childrens-trust", .recipient = CW_TO_TRUST, .tier = CW_SUPPORT_UNIVERSAL,
	                               .status = CW_OFFER_DELIVERED, .offered = "2025-03-10", .at = "2025-06-30" });
	offer(place, &(struct wanted){ .id = "6", .organisation = "icb-x", .recipient = CW_TO_ICB, .strand = CW_STRAND_SEND, .tier = CW_SUPPORT_UNIVERSAL,
	                               .status = CW_OFFER_DECLINED, .offered = "2025-05-10", .at = "2025-05-20", .reason = "has its own" });
	offer(place, &(struct wanted){ .id = "7", .council = "leeds", .tier = CW_SUPPORT_UNIVERSAL, .status = CW_OFFER_ACCEPTED, .offered = "2024-02-01",
	                               .at = "2024-02-02" }); /* still running */
	offer(place, &(struct wanted){ .id = "8", .council = "kent", .tier = CW_SUPPORT_TARGETED, .status = CW_OFFER_DELIVERED, .offered = "2024-02-01",
	                               .at = "2025-03-31", .days = 100 }); /* over before */
	if (cw_store_open_reader(place->directory, &place->store, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(cw_store_read_begin(place->store, &err), 0);
}

static const struct {
	const char *id, *period, *as_of;
	double numerator, denominator, value;
	size_t pending;
	int met;
	const char *in, *missing, *waiting;
} figures[] = {
	{ "offered", "2025Q2", "2025-06-30", 1, 4, 25, 2, -1, "leeds", "york", "bradford bury" },
	/* Once it is over the population stays, and what was not done in time is missing. */
	{ "offered", "2025Q2", "2025-12-31", 1, 4, 25, 0, 0, "leeds", "bradford bury york", "" },
	{ "offered", "2025-06", "2025-12-31", 0, 4, 0, 0, 0, "", "bradford bury leeds york", "" },
	{ "offered", "2025-04-01..2025-05-31", "2025-12-31", 1, 1, 100, 0, 1, "leeds", "", "" },
	/* On the 20th working day itself, and before it was done. */
	{ "offered", "2025-04", "2025-05-18", 0, 1, 0, 1, -1, "", "", "leeds" },
	{ "offered", "2025-04", "2025-05-20", 1, 1, 100, 0, 1, "leeds", "", "" },
	{ "offered-send", "2025Q2", "2025-12-31", 0, 1, 0, 0, -1, "", "bradford", "" },
	/* leeds 4, york 2; an offer under csc is no contact about bradford's alert: median of 4, 2, never, never. */
	{ "median", "2025Q2", "2025-12-31", 2, 4, 3, 0, 0, "leeds york", "bradford bury", "" },
	{ "median", "2025-05-01..2025-06-05", "2025-12-31", 1, 1, 2, 0, 1, "york", "", "" },
	{ "days", "2025Q2", "2025-12-31", 9.5, NAN, 9.5, 0, 0, "kent leeds", "", "" },
	{ "days", "2025Q2", "2025-06-29", 9.5, NAN, 9.5, 0, -1, "kent leeds", "", "" }, /* it may still come */
	{ "days", "2025-06", "2025-12-31", 7.5, NAN, 7.5, 0, -1, "leeds", "", "" },     /* the target is for a quarter */
	/* 4 from 30 participants, 5 from one offer without a number: (120 + 5) / 31. */
	{ "rating", "2025Q2", "2025-12-31", 125, 31, 125.0 / 31, 0, -1, "kent leeds", "birmingham-childrens-trust", "" },
	{ "reasons", "2025Q2", "2025-12-31", 1, 2, 50, 0, -1, "icb-x", "bradford", "" },
	{ "others", "2025Q2", "2025-12-31", 1, NAN, 1, 0, -1, "birmingham-childrens-trust", "", "" },
	{ "others", "2025Q1", "2025-12-31", 0, NAN, 0, 0, -1, "", "", "" },
	{ "challenges", "2025Q2", "2025-12-31", 1, NAN, 1, 0, -1, "kent", "", "" },
	{ "challenges", "2025Q3", "2025-12-31", 0, NAN, 0, 0, -1, "", "", "" },
	/* No evidence is stored: of 153 all are at routine but two that a reorganisation of 2023 still holds at watch. */
	{ "routine-supported", "2025Q2", "2025-12-31", 3, 151, 300.0 / 151, 0, -1, "kent leeds york", NULL, "" },
	{ "routine-supported", "2025-07", "2025-12-31", 2, 151, 200.0 / 151, 0, -1, "leeds york", NULL, "" },
	{ "routine-two-tiers", "2025Q2", "2025-12-31", 1, 151, 100.0 / 151, 0, -1, "leeds", NULL, "" },
	{ "routine-leaders", "2025Q2", "2025-12-31", 1, 151, 100.0 / 151, 0, -1, "york", NULL, "" },
	{ "routine-plans", "2025Q2", "2025-12-31", 1, 151, 100.0 / 151, 0, -1, "york", NULL, "" },
	{ "routine-plans", "2025Q1", "2025-12-31", 0, 151, 0, 0, -1, "", NULL, "" },
	{ "routine-plans", "2026Q1", "2026-04-30", 0, 151, 0, 0, -1, "", NULL, "" },
};

static void put_names(const struct cw_kpi_result *result, enum cw_kpi_standing standing, char *ret, size_t size)
{
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < result->n && len < size; i++)
		if (result->at[i].standing == standing)
			len += (size_t)snprintf(ret + len, size - len, "%s%s", len ? " " : "", result->at[i].who);
}

static void same_number(const char *what, double is, double should_be)
{
	if (isnan(is) != isnan(should_be) || (!isnan(is) && fabs(is - should_be) > 1e-9))
		fail_msg("%s is %g, not %g", what, is, should_be);
}

static void test_figures(void **state)
{
	struct place *place = *state;

	assert_int_equal(load(place, kpis), 0);
	fill(place);
	for (size_t i = 0; i < CW_ARRAY_LEN(figures); i++) {
		const struct cw_kpi *kpi = cw_kpi_find(place->config->kpis, figures[i].id);
		struct cw_kpi_result result;
		struct cw_kpi_run *run = NULL;
		struct cw_period period;
		struct cw_error err = { 0 };
		char names[8192];

		print_message("%s of %s as of %s\n", figures[i].id, figures[i].period, figures[i].as_of);
		assert_non_null(kpi);
		assert_int_equal(cw_period_parse(figures[i].period, &period, &err), 0);
		assert_int_equal(cw_kpi_run_new(place->config, place->store, place->ledger, day(figures[i].as_of), cw_wall_none(), &run, &err), 0);
		if (cw_kpi_work_out(run, kpi, period, &result, &err) < 0)
			fail_msg("%s", err.text);
		same_number("numerator", result.numerator, figures[i].numerator);
		same_number("denominator", result.denominator, figures[i].denominator);
		same_number("value", result.value, figures[i].value);
		put_names(&result, CW_MEMBER_IN, names, sizeof(names));
		assert_string_equal(names, figures[i].in);
		put_names(&result, CW_MEMBER_PENDING, names, sizeof(names));
		assert_string_equal(names, figures[i].waiting);
		put_names(&result, CW_MEMBER_OUT, names, sizeof(names));
		if (figures[i].missing)
			assert_string_equal(names, figures[i].missing);
		assert_int_equal(result.pending, figures[i].pending);
		assert_int_equal(result.met, figures[i].met);
		cw_kpi_result_clear(&result);
		cw_kpi_run_free(run);
	}
}

/* What became known after a day is not in the answer as of that day, and that is told. */
static void test_known_by(void **state)
{
	struct place *place = *state;
	struct cw_kpi_run *run = NULL;
	struct cw_error err;

	assert_int_equal(load(place, kpis), 0);
	fill(place);
	assert_int_equal(cw_kpi_run_new(place->config, place->store, place->ledger, day("2025-12-31"), cw_day_start(day("2025-12-31")), &run, &err), 0);
	assert_int_equal(cw_kpi_run_left_out(run), 8);
	cw_kpi_run_free(run);
}

static void test_nothing(void **state)
{
	struct place *place = *state;
	struct cw_period period = { day("2025-04-01"), day("2025-06-30") };
	struct cw_kpi_result result;
	struct cw_kpi_run *run = NULL;
	struct cw_error err = { 0 };

	assert_int_equal(load(place, kpis), 0);
	assert_int_equal(cw_kpi_run_new(place->config, NULL, NULL, day("2025-12-31"), cw_wall_none(), &run, &err), 0);
	for (size_t i = 0; i < place->config->kpis->n; i++) {
		assert_int_equal(cw_kpi_work_out(run, &place->config->kpis->at[i], period, &result, &err), 0);
		assert_true(result.numerator == 0);
		cw_kpi_result_clear(&result);
	}
	assert_int_equal(cw_kpi_work_out(run, &place->config->kpis->at[0], (struct cw_period){ day("2026-01-01"), day("2026-03-31") }, &result, &err),
	                 -EINVAL);
	assert_string_equal(err.text, "the period begins only on 2026-01-01");
	cw_kpi_run_free(run);
}

/* Beyond the table of bank holidays nothing is guessed. */
static void test_beyond_the_table(void **state)
{
	struct place *place = *state;
	struct cw_kpi_result result;
	struct cw_kpi_run *run = NULL;
	struct cw_error err = { 0 };

	assert_int_equal(load(place, kpis), 0);
	assert_int_equal(cw_store_open_writer(place->directory, &place->store, &err), 0);
	assert_int_equal(cw_store_begin(place->store, &err), 0);
	alert(place, "a", CW_ALERT_LEVEL_UP, "2027-12-20", "leeds", "priority", "ilacs_ri/ofsted/2027-03-01");
	assert_int_equal(cw_store_commit(place->store, &err), 0);
	assert_int_equal(cw_kpi_run_new(place->config, place->store, NULL, day("2027-12-31"), cw_wall_none(), &run, &err), 0);
	assert_int_equal(cw_kpi_work_out(run, cw_kpi_find(place->config->kpis, "offered"), (struct cw_period){ day("2027-10-01"), day("2027-12-31") },
	                                 &result, &err),
	                 -ERANGE);
	assert_non_null(strstr(err.text, "add those of 2028"));
	cw_kpi_run_free(run);
}

/* ---- who is late ---- */

/* Every council is at routine without evidence, so none of these stands by itself: all, as a list to look through. */
static void test_late(void **state)
{
	static const struct {
		const char *id;
		int late;
		const char *missing;
	} expected[] = {
		/* contact due 16 June, offer 7 July: until 31 July 33 and 18 working days */
		{ "bradford-1", 33, "contact 33 offer 18" },
		{ "bury-1", 24, "contact 24 offer 9" },
		{ "later", 17, "contact 17 offer 2" },
		/* What was done about its first alert came before this one. */
		{ "leeds-2", 31, "contact 31 offer 16" },
		{ "hull-1", 19, "read 19" },
	};
	struct place *place = *state;
	struct cw_kpi_run *run = NULL;
	struct cw_waiting *waiting = NULL;
	struct cw_error err = { 0 };
	size_t n = 0;

	assert_int_equal(load(place, kpis), 0);
	fill(place);
	assert_int_equal(cw_kpi_run_new(place->config, place->store, place->ledger, day("2025-07-31"), cw_wall_none(), &run, &err), 0);
	assert_int_equal(cw_kpi_late(run, CW_DAY_NONE, true, &waiting, &n, &err), 0);
	for (size_t i = 0; i < n; i++) {
		char missing[64] = "";
		size_t len = 0, k = 0;

		for (size_t a = 0; a < waiting[i].n; a++)
			len += (size_t)snprintf(missing + len, sizeof(missing) - len, "%s%s %d", a ? " " : "",
			                        waiting[i].at[a].what == CW_TEST_READ      ? "read"
			                        : waiting[i].at[a].what == CW_TEST_CONTACT ? "contact"
			                                                                   : "offer",
			                        waiting[i].at[a].days_late);
		if (i)
			assert_true(waiting[i - 1].days_late >= waiting[i].days_late);
		while (k < CW_ARRAY_LEN(expected) && strcmp(expected[k].id, waiting[i].trigger.id) != 0)
			k++;
		if (k == CW_ARRAY_LEN(expected))
			fail_msg("%s is late: %s", waiting[i].trigger.id, missing);
		assert_string_equal(missing, expected[k].missing);
		assert_int_equal(waiting[i].days_late, expected[k].late);
	}
	assert_int_equal(n, CW_ARRAY_LEN(expected));
	free(waiting);
	assert_int_equal(cw_kpi_late(run, CW_DAY_NONE, false, &waiting, &n, &err), 0);
	assert_int_equal(n, 0);
	free(waiting);
	cw_kpi_run_free(run);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest first[] = {
		WITH_PLACE(test_shipped),  WITH_PLACE(test_over),    cmocka_unit_test(test_periods),    WITH_PLACE(test_figures),
		WITH_PLACE(test_known_by), WITH_PLACE(test_nothing), WITH_PLACE(test_beyond_the_table), WITH_PLACE(test_late),
	};
	struct CMUnitTest tests[64];
	size_t n = CW_ARRAY_LEN(first);

	memcpy(tests, first, sizeof(first));
	for (size_t i = 0; i < CW_ARRAY_LEN(mistaken); i++)
		tests[n++] = (struct CMUnitTest){ .name = mistaken[i].name, .test_func = test_mistake, .initial_state = (void *)(uintptr_t)i };
	return _cmocka_run_group_tests("kpi", tests, n, NULL, NULL);
}
