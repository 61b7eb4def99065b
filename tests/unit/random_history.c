#include <assert.h>
#include <string.h>

#include "random_history.h"

#define DAY_MS 86400000ll

/* splitmix64 */
static uint64_t next_random(struct random_history *h)
{
	uint64_t z = (h->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

uint32_t random_below(struct random_history *h, uint32_t n)
{
	return (uint32_t)((next_random(h) >> 32) * n >> 32);
}

bool random_percent(struct random_history *h, uint32_t percent)
{
	return random_below(h, 100) < percent;
}

static const char *pick(struct random_history *h, const char *const *words, size_t n)
{
	return words[random_below(h, (uint32_t)n)];
}
#define PICK(h, words) pick(h, words, CW_ARRAY_LEN(words))

static const struct {
	const char *feed, *publisher;
	enum cw_tier tier;
} sources[] = {
	{ "ofsted-ilacs-summary", "Data to Insight", CW_TIER_B },
	{ "ofsted-reports", "Ofsted", CW_TIER_A },
	{ "evidence", "Ofsted", CW_TIER_A },
	{ "evidence", "A council", CW_TIER_B },
	{ "evidence", "A newspaper", CW_TIER_C },
	{ "local-news", "Another newspaper", CW_TIER_C },
	{ "evidence", "Nobody in particular", CW_TIER_D },
};
static const uint32_t source_weights[] = { 26, 26, 16, 12, 9, 7, 4 };

static const char *const addresses[] = { "", "https://reports.example/1", "https://reports.example/2",
	                                 "https://reports.example/3" };
static const char *const words_control[] = { "labour", "conservative", "noc" };
static const char *const words_period[] = { "2019", "2020", "2021", "2022" };
static const char *const words_severity[] = { "low", "medium", "high" };
static const char *const words_progress[] = { "good", "some", "slow" };
static const char *const words_revisit[] = { "sufficient", "some", "insufficient" };
static const char *const words_level[] = { "routine", "watch", "priority", "intensive" };
static const char *const words_outcome[] = { "1", "2", "3" };

static uint32_t weighted(struct random_history *h, const uint32_t *weights, size_t n)
{
	uint32_t sum = 0, at;

	for (size_t i = 0; i < n; i++)
		sum += weights[i];
	at = random_below(h, sum);
	for (uint32_t i = 0;; i++) {
		if (at < weights[i])
			return i;
		at -= weights[i];
	}
}

static void set(struct cw_fact *fact, enum cw_value_id id, const char *word)
{
	int r = cw_evidence_set(&fact->evidence, id, cw_str(word));

	assert(r == 0);
	(void)r;
}

static void set_grade(struct random_history *h, struct cw_fact *fact, enum cw_value_id id)
{
	static const enum cw_grade grades[] = { CW_GRADE_OUTSTANDING,          CW_GRADE_GOOD, CW_GRADE_GOOD,
		                                CW_GRADE_REQUIRES_IMPROVEMENT, CW_GRADE_INADEQUATE };

	set(fact, id, cw_grade_name(grades[random_below(h, CW_ARRAY_LEN(grades))]));
}

/* Some have an overall grade, some only the judgements from which a headline follows or does not. */
static void set_judgements(struct random_history *h, struct cw_fact *fact)
{
	static const enum cw_value_id parts[] = { CW_VAL_IMPACT_OF_LEADERS, CW_VAL_HELP_AND_PROTECTION, CW_VAL_IN_CARE,
		                                  CW_VAL_CARE_LEAVERS };
	bool overall = random_percent(h, 65);

	if (overall)
		set_grade(h, fact, CW_VAL_OVERALL_EFFECTIVENESS);
	for (size_t i = 0; i < CW_ARRAY_LEN(parts); i++)
		if (random_percent(h, overall ? 25 : 85))
			set_grade(h, fact, parts[i]);
}

static const char *day_text(struct random_history *h, size_t at, int32_t day)
{
	char text[CW_WALL_TEXT];

	snprintf(h->texts[at], sizeof(h->texts[0]), "%s", cw_day_format(day, text));
	return h->texts[at];
}

/* Statements of one signal come near each other more often than chance would have it: then they are one event, or nearly. */
static void set_signal(struct random_history *h, struct cw_fact *fact, size_t at)
{
	const struct cw_signal_def *def = &h->risk.signals[random_below(h, (uint32_t)h->risk.n_signals)];
	enum cw_criterion criterion = (enum cw_criterion)random_below(h, CW_CRIT_COUNT);

	if (at > 0 && random_percent(h, 45)) {
		const struct cw_fact *other = &h->facts[random_below(h, (uint32_t)at)];

		if (other->evidence.kind == CW_KIND_SIGNAL)
			def = cw_risk_signal(&h->risk, cw_evidence_value(&other->evidence, CW_VAL_SIGNAL));
	}
	set(fact, CW_VAL_SIGNAL, def->name);
	set(fact, CW_VAL_STATUS, !def->state ? "occurred" : random_percent(h, 65) ? "open" : "closed");
	if (random_percent(h, 40) && (def->criteria & 1u << criterion))
		set(fact, CW_VAL_CRITERION, cw_criterion_name(criterion));
}

/* About something that was said before, or nearly: or about nothing. */
static void set_subject(struct random_history *h, struct cw_fact *fact, size_t at)
{
	const struct cw_fact *other = &h->facts[random_below(h, (uint32_t)at)];
	const struct cw_evidence *e = &other->evidence;
	struct cw_event_name name = { .form = CW_EVENT_EVIDENCE };
	bool inspection = e->kind == CW_KIND_ILACS || e->kind == CW_KIND_AREA_SEND;

	memcpy(name.id, other->id, sizeof(name.id));
	name.day = (e->event_day != CW_DAY_NONE ? e->event_day : random_public_day(other)) + (int32_t)random_below(h, 7) - 3;
	if (e->kind == CW_KIND_SIGNAL) {
		name.form = CW_EVENT_SIGNAL;
		name.signal = cw_risk_signal(&h->risk, cw_evidence_value(e, CW_VAL_SIGNAL));
		name.criterion = name.signal->criterion;
	} else if (inspection && random_percent(h, 60)) {
		name.form = CW_EVENT_INSPECTION;
		name.kind = e->kind;
		snprintf(h->sources[at], sizeof(h->sources[0]), "%.*s", (int)e->publisher.len, e->publisher.at);
		set(fact, CW_VAL_SOURCE, h->sources[at]);
	}
	set(fact, CW_VAL_SCOPE, name.form == CW_EVENT_INSPECTION || random_percent(h, 60) ? "event" : "floor");
	set(fact, CW_VAL_EVENT, cw_event_name_format(&name, h->subjects[at]));
}

static void set_values(struct random_history *h, struct cw_fact *fact, size_t at)
{
	switch (fact->evidence.kind) {
	case CW_KIND_ILACS:
	case CW_KIND_SIF:
		set_judgements(h, fact);
		break;
	case CW_KIND_AREA_SEND:
		set(fact, CW_VAL_OUTCOME, PICK(h, words_outcome));
		break;
	case CW_KIND_SIGNAL:
		set_signal(h, fact, at);
		break;
	case CW_KIND_FOCUSED_VISIT:
	case CW_KIND_MONITORING_VISIT:
	case CW_KIND_JTAI:
		if (random_percent(h, 60))
			set(fact, CW_VAL_PRIORITY_ACTIONS, random_percent(h, 70) ? "1" : "0");
		if (random_percent(h, 60))
			set(fact, CW_VAL_PROGRESS, PICK(h, words_progress));
		break;
	case CW_KIND_SEND_2016:
		set(fact, CW_VAL_WSOA, random_percent(h, 80) ? "yes" : "no");
		if (random_percent(h, 50))
			set(fact, CW_VAL_REVISIT, PICK(h, words_revisit));
		break;
	case CW_KIND_AREA_SEND_MONITORING:
		set(fact, CW_VAL_PROGRESS, PICK(h, words_progress));
		break;
	case CW_KIND_WORKFORCE:
	case CW_KIND_EHCP_TIMELINESS:
		set(fact, CW_VAL_PERIOD, PICK(h, words_period));
		if (random_percent(h, 60))
			set(fact, CW_VAL_OUTLIER, "agency_rate worst_decile");
		break;
	case CW_KIND_POLITICAL_CONTROL:
		set(fact, CW_VAL_CONTROL, PICK(h, words_control));
		break;
	case CW_KIND_INTERNAL_NOTE:
		set(fact, CW_VAL_SEVERITY, PICK(h, words_severity));
		set(fact, CW_VAL_EXPIRES, day_text(h, at, random_public_day(fact) + (int32_t)random_below(h, 200) - 5));
		if (random_percent(h, 50))
			set(fact, CW_VAL_CRITERION, cw_criterion_name((enum cw_criterion)random_below(h, CW_CRIT_COUNT)));
		break;
	case CW_KIND_OVERRIDE:
		set(fact, CW_VAL_EXPIRES, day_text(h, at, random_public_day(fact) + (int32_t)random_below(h, 180)));
		if (at > 0 && random_percent(h, 70)) {
			set_subject(h, fact, at);
			break;
		}
		set(fact, CW_VAL_LEVEL, PICK(h, words_level));
		if (random_percent(h, 50))
			set(fact, CW_VAL_SCOPE, "level");
		break;
	default:
		break;
	}
}

static const struct {
	enum cw_kind kind;
	uint32_t weight;
} kinds[] = {
	{ CW_KIND_ILACS, 20 },         { CW_KIND_SIF, 3 },          { CW_KIND_AREA_SEND, 11 },
	{ CW_KIND_SIGNAL, 30 },        { CW_KIND_FOCUSED_VISIT, 5 },  { CW_KIND_MONITORING_VISIT, 4 },
	{ CW_KIND_JTAI, 3 },           { CW_KIND_SEND_2016, 4 },    { CW_KIND_AREA_SEND_MONITORING, 2 },
	{ CW_KIND_WORKFORCE, 4 },      { CW_KIND_EHCP_TIMELINESS, 3 }, { CW_KIND_POLITICAL_CONTROL, 4 },
	{ CW_KIND_INTERNAL_NOTE, 4 },  { CW_KIND_OVERRIDE, 6 },     { CW_KIND_NEWS, 1 },
};

/* Some moments of a day, so that two things may enter at one moment, at two of one day, or on two days. */
static int64_t time_of_day(struct random_history *h)
{
	static const int64_t hours[] = { 0, 9, 9, 12, 17 };

	return hours[random_below(h, CW_ARRAY_LEN(hours))] * 3600000;
}

static int32_t days_later(struct random_history *h, uint32_t often, uint32_t most)
{
	return random_percent(h, often) ? (int32_t)random_below(h, most) : 0;
}

/* When it happened, was published and became known. */
static void set_times(struct random_history *h, struct cw_fact *fact)
{
	struct cw_evidence *e = &fact->evidence;
	int32_t day = h->first_day + (int32_t)random_below(h, (uint32_t)(h->last_day - h->first_day));
	int32_t published;

	if (h->n > 0 && random_percent(h, 35)) {
		const struct cw_fact *other = &h->facts[random_below(h, (uint32_t)h->n)];

		if (other->evidence.event_day != CW_DAY_NONE)
			day = other->evidence.event_day + (int32_t)random_below(h, 31) - 15;
	}
	published = day + days_later(h, 60, 80);
	e->event_day = random_percent(h, 10) ? CW_DAY_NONE : day;
	e->published_at = random_percent(h, 70) ? cw_day_start(published) : cw_wall_none();
	if (cw_wall_known(e->published_at) && random_percent(h, 20))
		e->published_at.ms += time_of_day(h);
	fact->known_at = cw_day_start(published + days_later(h, 40, random_percent(h, 25) ? 1500 : 40));
	fact->known_at.ms += time_of_day(h);
	/* Dated into the future, now and then. */
	if (random_percent(h, 2))
		fact->known_at.ms -= DAY_MS * random_below(h, 20);
	else if (cw_wall_known(e->published_at))
		fact->known_at.ms = CW_MAX(fact->known_at.ms, e->published_at.ms);
	e->fetched_at = fact->known_at;
}

static void set_id(struct random_history *h, struct cw_fact *fact)
{
	snprintf(fact->id, sizeof(fact->id), "%016llx%016llx", (unsigned long long)next_random(h),
	         (unsigned long long)next_random(h));
	fact->rowno = h->n + 1;
}

static void start_fact(struct random_history *h, struct cw_fact *fact, enum cw_kind kind, size_t source)
{
	*fact = (struct cw_fact){ .feed = cw_str(sources[source].feed) };
	fact->evidence = (struct cw_evidence){ .kind = kind,
		                               .council_id = cw_str("somewhere"),
		                               .tier = sources[source].tier,
		                               .publisher = cw_str(sources[source].publisher),
		                               .url = cw_str(PICK(h, addresses)),
		                               .title = cw_str(NULL),
		                               .quote = cw_str(NULL),
		                               .key = cw_str(NULL) };
	set_id(h, fact);
}

static void add_any(struct random_history *h)
{
	uint32_t weights[CW_ARRAY_LEN(kinds)];
	struct cw_fact *fact = &h->facts[h->n];

	for (size_t i = 0; i < CW_ARRAY_LEN(kinds); i++)
		weights[i] = kinds[i].weight;
	start_fact(h, fact, kinds[weighted(h, weights, CW_ARRAY_LEN(kinds))].kind,
	           weighted(h, source_weights, CW_ARRAY_LEN(source_weights)));
	set_times(h, fact);
	set_values(h, fact, h->n);
	if (h->vested != CW_DAY_NONE && random_percent(h, 60)) {
		fact->heritage = 1 + random_below(h, 2);
		fact->vested = h->vested;
	}
	h->n++;
}

/* The publisher returns to its old statement, after the one that was to correct it. */
static void take_back(struct random_history *h, size_t at, const struct cw_fact *correction)
{
	struct cw_fact *old = &h->facts[at];
	int64_t last = old->n_again ? old->again[old->n_again - 1].ms : old->known_at.ms;
	int64_t moment = CW_MAX(correction->known_at.ms, old->known_at.ms) + DAY_MS * (int64_t)(1 + random_below(h, 200));

	if (old->n_again == RANDOM_AGAIN_MAX || moment <= last)
		return;
	h->again[at][old->n_again++] = (struct cw_wall){ moment };
	old->again = h->again[at];
}

/* The same publisher puts right what it said, may date that, and may take it back. */
static void add_correction(struct random_history *h)
{
	size_t at = random_below(h, (uint32_t)h->n);
	struct cw_fact *old = &h->facts[at], *fact = &h->facts[h->n];
	enum cw_kind kind = old->evidence.kind;

	if (kind == CW_KIND_NEWS || kind == CW_KIND_INTERNAL_NOTE || kind == CW_KIND_OVERRIDE) {
		add_any(h);
		return;
	}
	*fact = *old;
	fact->n_again = 0;
	fact->again = NULL;
	fact->evidence.n_values = 0;
	set_id(h, fact);
	fact->known_at.ms += DAY_MS * (int64_t)(1 + random_below(h, 60));
	if (random_percent(h, 20))
		fact->known_at.ms -= fact->known_at.ms % DAY_MS - time_of_day(h);
	fact->evidence.fetched_at = fact->known_at;
	if (random_percent(h, 20) && fact->evidence.event_day != CW_DAY_NONE)
		fact->evidence.event_day += (int32_t)random_below(h, 21) - 10;
	else if (random_percent(h, 10))
		fact->evidence.event_day = fact->evidence.event_day == CW_DAY_NONE ? h->first_day : CW_DAY_NONE;
	if (random_percent(h, 25))
		fact->evidence.published_at =
		    random_percent(h, 30) ? cw_wall_none() : cw_day_start(cw_wall_day(fact->known_at) - (int32_t)random_below(h, 70));
	set_values(h, fact, h->n);
	if (random_percent(h, 40))
		take_back(h, at, fact);
	h->n++;
}

/* The lineage says that it took over, as history.c would state it. */
static void add_transition(struct random_history *h)
{
	struct cw_fact *fact = &h->facts[h->n];

	start_fact(h, fact, CW_KIND_SIGNAL, 1);
	fact->feed = cw_str("lineage");
	fact->evidence.publisher = cw_str("lineage table");
	fact->evidence.url = cw_str(NULL);
	fact->evidence.event_day = h->vested;
	fact->evidence.published_at = fact->evidence.fetched_at = fact->known_at = cw_day_start(h->vested);
	set(fact, CW_VAL_SIGNAL, "lgr_transition");
	set(fact, CW_VAL_STATUS, "open");
	h->n++;
}

void random_history_make(struct random_history *h, uint64_t seed)
{
	static const uint32_t spans[] = { 60, 400, 400, 1500, 3000 };
	uint32_t n;

	*h = (struct random_history){ .seed = seed, .state = seed * 0x2545f4914f6cdd1dull + 1, .vested = CW_DAY_NONE };
	cw_risk_defaults(&h->risk);
	if (random_percent(h, 15)) {
		h->risk.cluster_days = (int)random_below(h, 40);
		h->risk.hold_days = (int)random_below(h, 500);
		h->risk.step_down_days = (int)random_below(h, 100);
	}
	h->first_day = cw_day_make(2015, 1, 1) + (int32_t)random_below(h, 2000);
	h->last_day = h->first_day + (int32_t)spans[random_below(h, CW_ARRAY_LEN(spans))];
	if (random_percent(h, 20)) {
		h->vested = h->first_day + (int32_t)random_below(h, (uint32_t)(h->last_day - h->first_day));
		add_transition(h);
	}
	n = 1 + random_below(h, random_percent(h, 70) ? 10 : RANDOM_FACTS_MAX - 2);
	while (h->n < n) {
		if (h->n > 0 && random_percent(h, 20))
			add_correction(h);
		else
			add_any(h);
	}
}

void random_adverse(struct random_history *h, int32_t day, struct cw_fact *ret)
{
	const struct cw_signal_def *def;

	/* A full inspection closes what it does not repeat, a revisit the statement of action that it is about, and a new release the old
	 * one: those are no mere bad news. */
	do
		def = &h->risk.signals[random_below(h, (uint32_t)h->risk.n_signals)];
	while (def->replaced_by_next || strncmp(def->name, "ilacs_", 6) == 0 || strncmp(def->name, "send_outcome", 12) == 0 ||
	       strcmp(def->name, "wsoa_revisit_failed") == 0);
	start_fact(h, ret, CW_KIND_SIGNAL, weighted(h, source_weights, CW_ARRAY_LEN(source_weights)));
	ret->evidence.event_day = day - days_later(h, 50, 30);
	ret->evidence.published_at = cw_day_start(day);
	/* After all else of that day. */
	ret->known_at = ret->evidence.fetched_at = (struct cw_wall){ cw_day_start(day + 1).ms - 1 };
	set(ret, CW_VAL_SIGNAL, def->name);
	set(ret, CW_VAL_STATUS, def->state ? "open" : "occurred");
}

int32_t random_public_day(const struct cw_fact *fact)
{
	const struct cw_evidence *e = &fact->evidence;

	if (cw_wall_known(e->published_at))
		return cw_wall_day(e->published_at);
	/* Who controls a council is public from the day of it. */
	if (e->kind == CW_KIND_POLITICAL_CONTROL && e->event_day != CW_DAY_NONE)
		return e->event_day;
	return cw_wall_day(fact->known_at);
}

int64_t random_known(const struct cw_fact *fact)
{
	return CW_MAX(fact->known_at.ms, cw_day_start(random_public_day(fact)).ms);
}

void random_print(FILE *out, const struct cw_fact *fact)
{
	const struct cw_evidence *e = &fact->evidence;
	char known[CW_WALL_TEXT], published[CW_WALL_TEXT], event[CW_WALL_TEXT];

	fprintf(out, "  %.4s %-20s known %s published %s event %s %s/%.*s/%.*s url '%.*s'", fact->id, cw_kind_def(e->kind)->name,
	        cw_wall_format(fact->known_at, known), cw_wall_known(e->published_at) ? cw_wall_format(e->published_at, published) : "-",
	        e->event_day != CW_DAY_NONE ? cw_day_format(e->event_day, event) : "-", cw_tier_name(e->tier),
	        (int)fact->feed.len, fact->feed.at, (int)e->publisher.len, e->publisher.at, (int)e->url.len, e->url.at);
	for (size_t i = 0; i < e->n_values; i++)
		fprintf(out, " %s=%.*s", cw_value_def(e->value[i].id)->name, (int)e->value[i].text.len, e->value[i].text.at);
	if (fact->heritage)
		fprintf(out, " of predecessor %u, vested %s", fact->heritage, cw_day_format(fact->vested, event));
	for (size_t i = 0; i < fact->n_again; i++)
		fprintf(out, " again %s", cw_wall_format(fact->again[i], known));
	fputc('\n', out);
}
