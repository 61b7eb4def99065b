#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/kpi.h>
#include <councilwatch/lint.h>
#include <councilwatch/model.h>

#include "config_private.h"

#define TARGET_MOST 1e9
#define WITHIN_MOST 1000

const char *const cw_kpi_measure_words[] = { "share", "count", "sum", "mean", "median", NULL };
const char *const cw_kpi_window_words[] = { "month", "quarter", "year", NULL };

static const char *const of_words[] = { "triggers", "councils", "signals", "inspections", "offers", "recipients", NULL };
static const char *const test_words[] = { "any", "read", "contact", "offer", "support", "plan", "reason", "kept_or_improved", NULL };
static const char *const level_words[] = { "routine", "watch", "priority", "intensive", NULL };
/* Those that may start a clock, and their bits. */
static const char *const alert_words[] = { "level_up", "floor_opened", "new_evidence", NULL };
static const unsigned alert_bits[] = { 1u << CW_ALERT_LEVEL_UP, 1u << CW_ALERT_FLOOR_OPENED, 1u << CW_ALERT_NEW_EVIDENCE };

#define BIT(of) (1u << (of))
#define ANSWERABLE (BIT(CW_OF_TRIGGERS) | BIT(CW_OF_COUNCILS) | BIT(CW_OF_SIGNALS))
#define OFFERED (BIT(CW_OF_OFFERS) | BIT(CW_OF_RECIPIENTS))

/* Which keys of a denominator go with which population, and which tests. */
static const struct {
	const char *key;
	unsigned of;
} fitting[] = { { "alert", BIT(CW_OF_TRIGGERS) },
	        { "level", BIT(CW_OF_TRIGGERS) | BIT(CW_OF_COUNCILS) },
	        { "signal", BIT(CW_OF_COUNCILS) | BIT(CW_OF_SIGNALS) },
	        { "inspection", BIT(CW_OF_INSPECTIONS) },
	        { "status", OFFERED },
	        { "tier", OFFERED },
	        { "product", OFFERED },
	        { "recipient", OFFERED } };
static const unsigned tests_of[] = {
	[CW_TEST_ANY] = ~0u,           [CW_TEST_READ] = ANSWERABLE, [CW_TEST_CONTACT] = ANSWERABLE,
	[CW_TEST_OFFER] = ANSWERABLE,  [CW_TEST_SUPPORT] = ANSWERABLE, [CW_TEST_PLAN] = BIT(CW_OF_COUNCILS),
	[CW_TEST_REASON] = BIT(CW_OF_OFFERS), [CW_TEST_KEPT] = BIT(CW_OF_INSPECTIONS),
};

struct reader {
	const struct cw_config *config;
	struct conf_mistakes *mistakes;
	struct cw_kpis *kpis;
};

static unsigned line_of(const struct conf_section *section, const char *key)
{
	const struct conf_entry *entry = conf_entry(section, key);

	return entry ? entry->line : section->line;
}

static void unknown(struct reader *reader, const struct conf_section *section, unsigned line, const char *key, const char *word,
                    const char *const *words)
{
	const char *near = cw_nearest(word, words);
	struct cw_buf all;

	cw_buf_init(&all, 4096);
	for (size_t i = 0; words[i] && !near; i++)
		cw_buf_printf(&all, "%s%s", !i ? "" : words[i + 1] ? ", " : " or ", words[i]);
	conf_mistake(reader->mistakes, section->file, line, "unknown %s '%s'; %s%s%s", key, word, near ? "did you mean '" : "use ",
	             near ? near : cw_buf_str(&all), near ? "'?" : "");
	cw_buf_clear(&all);
}

/* The words of a list as bits; bits NULL: 1 << position. */
static unsigned mask_of(struct reader *reader, const struct conf_section *section, const char *key, const char *const *words,
                        const unsigned *bits)
{
	const struct conf_entry *entry = conf_entry(section, key);
	unsigned mask = 0;

	for (size_t i = 0; entry && i < entry->n; i++) {
		size_t k = 0;

		while (words[k] && strcmp(words[k], entry->values[i].text) != 0)
			k++;
		if (words[k])
			mask |= bits ? bits[k] : 1u << k;
		else
			unknown(reader, section, entry->values[i].line, key, entry->values[i].text, words);
	}
	return mask;
}

/* ---- triggers ---- */

void conf_kpi_defaults(struct cw_kpis *kpis)
{
	kpis->triggers[CW_LEVEL_WATCH].alerts = BIT(CW_ALERT_LEVEL_UP);
	kpis->triggers[CW_LEVEL_PRIORITY].alerts = BIT(CW_ALERT_LEVEL_UP) | BIT(CW_ALERT_FLOOR_OPENED);
	kpis->triggers[CW_LEVEL_INTENSIVE].alerts = BIT(CW_ALERT_LEVEL_UP) | BIT(CW_ALERT_FLOOR_OPENED);
}

static int read_trigger(struct reader *reader, const struct conf_section *section)
{
	struct cw_kpi_trigger *trigger = NULL;
	int r;

	for (int level = CW_LEVEL_WATCH; level < CW_LEVEL_COUNT; level++)
		if (strcmp(level_words[level], section->title) == 0)
			trigger = &reader->kpis->triggers[level];
	if (!trigger) {
		unknown(reader, section, section->line, "level of a trigger", section->title, level_words + 1);
		return 0;
	}
	r = conf_apply("trigger", section, trigger, reader->mistakes);
	if (r == 0 && conf_entry(section, "alerts"))
		trigger->alerts = mask_of(reader, section, "alerts", alert_words, alert_bits);
	return r;
}

/* ---- one KPI ---- */

static int32_t date(struct reader *reader, const struct conf_section *section, const char *key, const char *text)
{
	bool date_only;
	struct cw_wall t;

	if (!text)
		return CW_DAY_NONE;
	if (cw_wall_parse(text, strlen(text), &t, &date_only) == 0 && date_only)
		return cw_wall_day(t);
	conf_mistake(reader->mistakes, section->file, line_of(section, key), "%s is '%s'; write a date like 2025-04-01", key, text);
	return CW_DAY_NONE;
}

static void check_dates(struct reader *reader, const struct conf_section *section, struct cw_kpi *kpi)
{
	kpi->valid_from = date(reader, section, "valid_from", kpi->valid_from_text);
	kpi->valid_to = date(reader, section, "valid_to", kpi->valid_to_text);
	if (!kpi->valid_from_text)
		conf_mistake(reader->mistakes, section->file, section->line, "kpi \"%s\" has no valid_from; say from when it is measured", kpi->id);
	else if (kpi->valid_to != CW_DAY_NONE && kpi->valid_from != CW_DAY_NONE && kpi->valid_to < kpi->valid_from)
		conf_mistake(reader->mistakes, section->file, line_of(section, "valid_to"), "valid_to is before valid_from; correct one");
}

static void check_target(struct reader *reader, const struct conf_section *section, struct cw_kpi *kpi)
{
	double most = kpi->measure == CW_KPI_SHARE ? 100 : kpi->measure == CW_KPI_MEAN && kpi->value == CW_KPI_RATING ? 5 : TARGET_MOST;

	if (!kpi->target_text)
		return;
	if (cw_parse_double(cw_str(kpi->target_text), &kpi->target) < 0 || !(kpi->target >= 0 && kpi->target <= most))
		conf_mistake(reader->mistakes, section->file, line_of(section, "target"), "target is '%s'; write %s", kpi->target_text,
		             most == 100 ? "a percentage, 0 to 100" : most == 5 ? "a rating, 0 to 5" : "a number");
	else
		kpi->has_target = true;
}

static void check_owner(struct reader *reader, const struct conf_section *section, const struct cw_kpi *kpi)
{
	struct cw_lint found;

	if (!kpi->title || !*kpi->title)
		conf_mistake(reader->mistakes, section->file, section->line, "kpi \"%s\" has no title; say what it measures", kpi->id);
	if (!kpi->owner || !*kpi->owner)
		conf_mistake(reader->mistakes, section->file, section->line, "kpi \"%s\" has no owner; name the role that answers for it", kpi->id);
	else if (cw_lint_role(cw_str(kpi->owner), reader->config->councils, &found, 1) > 0)
		conf_mistake(reader->mistakes, section->file, line_of(section, "owner"), "owner is '%s': it seems to hold %s; name a role such as "
		             "\"programme manager\"", kpi->owner, cw_lint_what(found.rule));
}

static void check_signals(struct reader *reader, const struct conf_section *section, const struct cw_kpi_population *p)
{
	const struct conf_entry *entry = conf_entry(section, "signal");
	const struct cw_risk *risk = &reader->config->risk;
	const char *names[CW_SIGNALS_MAX + 1] = { 0 };

	for (size_t i = 0; i < risk->n_signals; i++)
		names[i] = risk->signals[i].name;
	for (size_t i = 0; entry && i < entry->n; i++) {
		const struct cw_signal_def *signal = cw_risk_signal(risk, cw_str(entry->values[i].text));

		if (!signal)
			unknown(reader, section, entry->values[i].line, "signal", entry->values[i].text, names);
		else if (p->of == CW_OF_COUNCILS && !signal->state)
			conf_mistake(reader->mistakes, section->file, entry->values[i].line,
			             "signal \"%s\" is an event and is never open; write of = \"signals\" to count those it happened to", signal->name);
	}
	if (p->of == CW_OF_SIGNALS && !p->signals.n)
		conf_mistake(reader->mistakes, section->file, section->line, "a denominator of signals names none; add signal = { \"…\" }");
}

static int read_denominator(struct reader *reader, const struct conf_section *section, struct cw_kpi_population *p)
{
	int r = conf_apply("denominator", section, p, reader->mistakes);

	if (r < 0)
		return r;
	if (!conf_entry(section, "of"))
		conf_mistake(reader->mistakes, section->file, section->line,
		             "the denominator does not say of what; write of = \"triggers\", councils, signals, inspections, offers or recipients");
	p->alerts = mask_of(reader, section, "alert", alert_words, alert_bits);
	p->levels = mask_of(reader, section, "level", level_words, NULL);
	p->statuses = mask_of(reader, section, "status", cw_offer_status_names, NULL);
	p->tiers = mask_of(reader, section, "tier", cw_support_names, NULL);
	p->recipients = mask_of(reader, section, "recipient", cw_recipient_names, NULL);
	for (size_t i = 0; i < CW_ARRAY_LEN(fitting) && conf_entry(section, "of"); i++)
		if (conf_entry(section, fitting[i].key) && !(fitting[i].of & BIT(p->of)))
			conf_mistake(reader->mistakes, section->file, line_of(section, fitting[i].key), "%s says nothing about %s; remove it",
			             fitting[i].key, of_words[p->of]);
	check_signals(reader, section, p);
	return 0;
}

static void read_within(struct reader *reader, const struct conf_section *section, const struct cw_kpi *kpi, struct cw_kpi_test *test)
{
	enum cw_kpi_of of = kpi->denominator.of;
	int64_t days;

	test->within = CW_WITHIN_NONE;
	if (!test->within_text)
		return;
	if (strcmp(test->within_text, "response") == 0)
		test->within = CW_WITHIN_RESPONSE;
	else if (cw_parse_integer(cw_str(test->within_text), &days) == 0 && days >= 0 && days <= WITHIN_MOST)
		test->within = (int)days;
	else
		conf_mistake(reader->mistakes, section->file, line_of(section, "within"),
		             "within is '%s'; write working days, 0 to %d, or \"response\" for those of the trigger's level", test->within_text,
		             WITHIN_MOST);
	if (of != CW_OF_TRIGGERS && of != CW_OF_SIGNALS)
		conf_mistake(reader->mistakes, section->file, line_of(section, "within"), "%s start no clock, so within says nothing; remove it",
		             of_words[of]);
	else if (test->within == CW_WITHIN_RESPONSE && of != CW_OF_TRIGGERS)
		conf_mistake(reader->mistakes, section->file, line_of(section, "within"), "only triggers have a response; write working days");
	else if (test->within == CW_WITHIN_RESPONSE && (test->test < CW_TEST_READ || test->test > CW_TEST_OFFER))
		conf_mistake(reader->mistakes, section->file, line_of(section, "within"),
		             "a response is to read, to make contact or to offer; write working days");
}

static int read_numerator(struct reader *reader, const struct conf_section *section, struct cw_kpi *kpi)
{
	struct cw_kpi_test *test = &kpi->numerator;
	int r = conf_apply("numerator", section, test, reader->mistakes);

	if (r < 0)
		return r;
	kpi->has_numerator = true;
	test->tiers = mask_of(reader, section, "tier", cw_support_names, NULL);
	if (!(tests_of[test->test] & BIT(kpi->denominator.of)))
		conf_mistake(reader->mistakes, section->file, line_of(section, "test"), "test \"%s\" says nothing about %s; correct one",
		             test_words[test->test], of_words[kpi->denominator.of]);
	if (test->different_tiers > 1 && (test->test != CW_TEST_SUPPORT && test->test != CW_TEST_OFFER))
		conf_mistake(reader->mistakes, section->file, line_of(section, "different_tiers"),
		             "different_tiers goes with test = \"support\" or \"offer\"; remove it");
	read_within(reader, section, kpi, test);
	return 0;
}

/* What measures need. */
static void check_measure(struct reader *reader, const struct conf_section *section, const struct cw_kpi *kpi)
{
	enum cw_kpi_of of = kpi->denominator.of;
	unsigned line = line_of(section, "measure");

	switch (kpi->measure) {
	case CW_KPI_SHARE:
		if (!kpi->has_numerator)
			conf_mistake(reader->mistakes, section->file, section->line, "kpi \"%s\" is a share and has no numerator; add one", kpi->id);
		break;
	case CW_KPI_MEDIAN:
		if (of != CW_OF_TRIGGERS && of != CW_OF_SIGNALS)
			conf_mistake(reader->mistakes, section->file, line, "a median is of working days since triggers or signals, not of %s", of_words[of]);
		else if (!kpi->has_numerator || kpi->numerator.test < CW_TEST_READ || kpi->numerator.test > CW_TEST_SUPPORT)
			conf_mistake(reader->mistakes, section->file, line,
			             "a median runs until something was done; add numerator { test = \"contact\" }, read, offer or support");
		else if (kpi->numerator.within != CW_WITHIN_NONE)
			conf_mistake(reader->mistakes, section->file, line, "a median counts however long it took; remove within");
		break;
	case CW_KPI_SUM:
	case CW_KPI_MEAN:
		if (of != CW_OF_OFFERS)
			conf_mistake(reader->mistakes, section->file, line, "a %s is of what offers record, not of %s", cw_kpi_measure_words[kpi->measure],
			             of_words[of]);
		if (!conf_entry(section, "value"))
			conf_mistake(reader->mistakes, section->file, line, "a %s needs value = \"days\" or \"rating\"", cw_kpi_measure_words[kpi->measure]);
		if (kpi->has_numerator)
			conf_mistake(reader->mistakes, section->file, line, "a %s has no numerator; put its filters into the denominator",
			             cw_kpi_measure_words[kpi->measure]);
		break;
	case CW_KPI_COUNT:
		break;
	}
}

static void kpi_clear(struct cw_kpi *kpi)
{
	conf_free("kpi", kpi);
	conf_free("denominator", &kpi->denominator);
	conf_free("numerator", &kpi->numerator);
	free(kpi->id);
	free(kpi->file);
}

static int read_parts(struct reader *reader, const struct conf_section *section, struct cw_kpi *kpi)
{
	const struct conf_section *denominator = conf_child(section, "denominator"), *numerator = conf_child(section, "numerator");
	int r = conf_apply("kpi", section, kpi, reader->mistakes);

	if (r < 0)
		return r;
	check_owner(reader, section, kpi);
	check_dates(reader, section, kpi);
	if (!denominator) {
		conf_mistake(reader->mistakes, section->file, section->line, "kpi \"%s\" has no denominator; say what is counted", kpi->id);
		return 0;
	}
	r = read_denominator(reader, denominator, &kpi->denominator);
	if (r == 0 && numerator)
		r = read_numerator(reader, numerator, kpi);
	if (r < 0)
		return r;
	check_measure(reader, section, kpi);
	check_target(reader, section, kpi);
	return 0;
}

/* The place of one of that id, a new one when there is none; NULL without memory. */
static struct cw_kpi *place(struct cw_kpis *kpis, const char *id)
{
	struct cw_kpi *grown;

	for (size_t i = 0; i < kpis->n; i++)
		if (strcmp(kpis->at[i].id, id) == 0)
			return &kpis->at[i];
	grown = reallocarray(kpis->at, kpis->n + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	kpis->at = grown;
	grown[kpis->n] = (struct cw_kpi){ 0 };
	return &grown[kpis->n++];
}

static bool plain(const char *id)
{
	return *id && strlen(id) < CW_NAME_MAX && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(id);
}

static int read_kpi(struct reader *reader, const struct conf_section *section)
{
	struct cw_kpi kpi = { .line = section->line, .id = strdup(section->title), .file = strdup(section->file) }, *at;
	int r = kpi.id && kpi.file ? 0 : -ENOMEM;

	if (r == 0 && !plain(kpi.id))
		conf_mistake(reader->mistakes, section->file, section->line, "'%s' is no id of a kpi; use lower case letters, digits, '-' and '_'",
		             kpi.id);
	if (r == 0)
		r = read_parts(reader, section, &kpi);
	at = r == 0 ? place(reader->kpis, kpi.id) : NULL;
	if (!at) {
		kpi_clear(&kpi);
		return -ENOMEM;
	}
	if (at->id && strcmp(at->file, kpi.file) == 0)
		conf_mistake(reader->mistakes, section->file, section->line, "kpi \"%s\" stands here twice, first on line %u; rename or remove one",
		             kpi.id, at->line);
	if (reader->kpis->n > CW_KPIS_MAX)
		conf_mistake(reader->mistakes, section->file, section->line, "there are more than %u KPIs; remove some", CW_KPIS_MAX);
	kpi_clear(at); /* councilwatch.conf over kpi.conf */
	*at = kpi;
	return 0;
}

int conf_kpi_apply(const struct conf_section *section, const struct cw_config *config, struct cw_kpis *kpis, struct conf_mistakes *mistakes)
{
	struct reader reader = { config, mistakes, kpis };
	int r = 0;

	for (size_t i = 0; i < section->n_sections && r == 0; i++) {
		const struct conf_section *sub = section->sections[i];

		if (sub->known && strcmp(sub->name, "trigger") == 0)
			r = read_trigger(&reader, sub);
		else if (sub->known && strcmp(sub->name, "kpi") == 0)
			r = read_kpi(&reader, sub);
	}
	return r;
}

/* ---- printing ---- */

static void print_triggers(const struct cw_kpis *kpis, struct cw_buf *out)
{
	for (int level = CW_LEVEL_WATCH; level < CW_LEVEL_COUNT; level++) {
		bool any = false;

		cw_buf_printf(out, "trigger \"%s\" {\n    alerts = {", level_words[level]);
		for (size_t i = 0; alert_words[i]; i++)
			if (kpis->triggers[level].alerts & alert_bits[i]) {
				cw_buf_printf(out, "%s \"%s\"", any ? "," : "", alert_words[i]);
				any = true;
			}
		cw_buf_puts(out, " }\n}\n");
	}
}

void conf_kpi_print(const struct cw_kpis *kpis, struct cw_buf *out)
{
	print_triggers(kpis, out);
	for (size_t i = 0; i < kpis->n; i++) {
		const struct cw_kpi *kpi = &kpis->at[i];

		cw_buf_printf(out, "kpi \"%s\" {\n", kpi->id);
		for (size_t k = 0; k < conf_keys_n; k++) {
			if (strcmp(conf_keys[k].section, "kpi") != 0)
				continue;
			/* It says nothing about the others, and would be a mistake there. */
			if (strcmp(conf_keys[k].name, "value") != 0 || kpi->measure == CW_KPI_SUM || kpi->measure == CW_KPI_MEAN)
				conf_print_key(&conf_keys[k], kpi, 1, out);
		}
		cw_buf_puts(out, "    denominator {\n");
		for (size_t k = 0; k < conf_keys_n; k++)
			if (strcmp(conf_keys[k].section, "denominator") == 0 &&
			    (strcmp(conf_keys[k].name, "inspection") != 0 || kpi->denominator.of == CW_OF_INSPECTIONS))
				conf_print_key(&conf_keys[k], &kpi->denominator, 2, out);
		cw_buf_puts(out, "    }\n");
		if (kpi->has_numerator) {
			cw_buf_puts(out, "    numerator {\n");
			conf_print("numerator", &kpi->numerator, 2, out);
			cw_buf_puts(out, "    }\n");
		}
		cw_buf_puts(out, "}\n");
	}
}

void conf_kpi_free(struct cw_kpis *kpis)
{
	if (!kpis)
		return;
	for (int level = 0; level < CW_LEVEL_COUNT; level++)
		conf_free("trigger", &kpis->triggers[level]);
	for (size_t i = 0; i < kpis->n; i++)
		kpi_clear(&kpis->at[i]);
	free(kpis->at);
	free(kpis);
}

const struct cw_kpi *cw_kpi_find(const struct cw_kpis *kpis, const char *id)
{
	for (size_t i = 0; i < kpis->n; i++)
		if (strcmp(kpis->at[i].id, id) == 0)
			return &kpis->at[i];
	return NULL;
}
