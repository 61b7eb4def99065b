/* The built-in constants against the tables of the model, and risk.conf over them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <councilwatch/config.h>

/* The rows of the two tables as written down in the specification, not as the code has them. */
struct row {
	const char *name, *criteria; /* the first is the usual one */
	double weight;
	const char *floor; /* NULL: an impulse */
	double half_life;
	int months, days;
	const char *closed_by;
};

static const struct row rows[] = {
	{ "ilacs_inadequate", "ofsted", 60, "intensive", 0, 0, 0, "ilacs" },
	{ "ilacs_leaders_inadequate", "ofsted", 20, "priority", 0, 0, 0, "ilacs" },
	{ "ilacs_ri", "ofsted", 20, "watch", 0, 0, 0, "ilacs" },
	{ "apa_open", "ofsted", 30, "priority", 0, 18, 0, "ilacs" },
	{ "improvement_notice", "ofsted send", 35, "priority", 0, 0, 0, "" },
	{ "statutory_direction", "ofsted send", 60, "intensive", 0, 0, 0, "" },
	{ "send_outcome3", "send", 35, "priority", 0, 0, 0, "area_send" },
	{ "send_outcome2", "send", 10, "routine", 0, 0, 0, "area_send" },
	{ "wsoa_open", "send", 15, "watch", 0, 0, 0, "area_send" },
	{ "wsoa_revisit_failed", "send", 30, "priority", 0, 0, 0, "area_send" },
	{ "best_value_direction", "specific", 20, "watch", 0, 0, 0, "" },
	{ "best_value_notice", "specific", 10, "routine", 0, 12, 0, "" },
	{ "exceptional_financial_support", "specific", 8, "routine", 0, 0, 0, "year" },
	{ "lgr_transition", "specific", 10, "watch", 0, 36, 0, "ilacs" },
	{ "judgement_fell", "ofsted send", 15, NULL, 365, 0, 0, "" },
	{ "monitoring_slow", "ofsted", 12, NULL, 270, 0, 0, "" },
	{ "visit_weak_no_apa", "ofsted", 8, NULL, 270, 0, 0, "" },
	{ "s114_notice", "specific", 25, NULL, 365, 0, 0, "" },
	{ "court_systemic_criticism", "specific", 25, NULL, 365, 0, 0, "" },
	{ "jr_policy_unlawful", "specific", 15, NULL, 365, 0, 0, "" },
	{ "jr_case_lost", "specific", 6, NULL, 180, 0, 0, "" },
	{ "dcs_change", "leadership", 8, NULL, 180, 0, 0, "" },
	{ "dcs_second_in_12m", "leadership", 12, NULL, 270, 0, 0, "" },
	{ "chief_exec_change", "leadership", 8, NULL, 180, 0, 0, "" },
	{ "leader_change", "leadership", 5, NULL, 180, 0, 0, "" },
	{ "control_change", "leadership", 8, NULL, 270, 0, 0, "" },
	{ "lmcs_change", "leadership", 4, NULL, 180, 0, 0, "" },
	{ "safeguarding_review", "specific", 6, NULL, 180, 0, 0, "" },
	{ "lgsco_public_report", "intel", 8, NULL, 365, 0, 0, "" },
	{ "workforce_outlier", "intel", 8, NULL, 365, 0, 1, "" },
	{ "ehcp_outlier", "send", 8, NULL, 365, 0, 1, "" },
	{ "news", "intel", 4, NULL, 45, 0, 0, "" },
	{ "internal_note", "intel ofsted send leadership specific", 5, NULL, 90, 0, 0, "" },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	const struct cw_signal_def *signal;
	struct cw_risk risk;
	unsigned criteria = 0;
	char words[64], *rest = words;
	bool first = true;

	cw_risk_defaults(&risk);
	signal = cw_risk_signal(&risk, cw_str(row->name));
	assert_non_null(signal);
	assert_int_equal(signal->state, row->floor != NULL);
	assert_true(signal->weight == row->weight);
	assert_string_equal(cw_level_name(signal->floor), row->floor ? row->floor : "routine");
	assert_true(signal->half_life == row->half_life);
	assert_int_equal(signal->expires_months, row->months);
	assert_int_equal(signal->replaced_by_next, row->days);
	assert_int_equal(signal->ends_with_year, strcmp(row->closed_by, "year") == 0);
	assert_int_equal(signal->closed_by_ilacs, strcmp(row->closed_by, "ilacs") == 0);
	assert_int_equal(signal->closed_by_area_send, strcmp(row->closed_by, "area_send") == 0);

	snprintf(words, sizeof(words), "%s", row->criteria);
	for (char *word; (word = strsep(&rest, " ")); first = false) {
		enum cw_criterion criterion;

		assert_int_equal(cw_criterion_parse(cw_str(word), &criterion), 0);
		criteria |= 1u << criterion;
		if (first)
			assert_int_equal(signal->criterion, criterion);
	}
	assert_int_equal(signal->criteria, criteria);
}

static void test_there_is_no_other_signal(void **state)
{
	struct cw_risk risk;

	(void)state;
	cw_risk_defaults(&risk);
	assert_int_equal(risk.n_signals, CW_ARRAY_LEN(rows));
	assert_null(cw_risk_signal(&risk, cw_str("ilacs")));
	assert_null(cw_risk_signal(&risk, cw_str("")));
}

static void test_constants(void **state)
{
	struct cw_risk risk;

	(void)state;
	cw_risk_defaults(&risk);
	assert_true(risk.cap[CW_CRIT_OFSTED] == 80 && risk.cap[CW_CRIT_SEND] == 60 && risk.cap[CW_CRIT_INTEL] == 25 &&
	            risk.cap[CW_CRIT_LEADERSHIP] == 30 && risk.cap[CW_CRIT_SPECIFIC] == 35);
	assert_true(risk.breadth_points == 10 && risk.breadth_criteria == 3 && risk.breadth_minimum == 10);
	assert_true(risk.line_watch == 25 && risk.line_priority == 50);
	assert_true(risk.drop_below == 0.5 && risk.repeat_share == 0.25);
	assert_true(risk.confidence[CW_TIER_A] == 1.0 && risk.confidence[CW_TIER_B] == 0.8 &&
	            risk.confidence[CW_TIER_C] == 0.5 && risk.confidence[CW_TIER_D] == 0 &&
	            risk.confidence[CW_TIER_NONE] == 0);
	assert_true(risk.corroboration == 0.2 && risk.cluster_days == 14);
	assert_true(risk.step_down_share == 0.8 && risk.step_down_days == 60 && risk.hold_days == 365);
	assert_true(risk.new_evidence_points == 10 && risk.same_cause_days == 30);
	assert_true(risk.stale_ilacs_months == 42 && risk.stale_send_months == 66 && risk.stale_yearly_months == 18 && risk.outage_cadences == 3);
}

static void test_names(void **state)
{
	enum cw_criterion criterion;
	enum cw_level level;

	(void)state;
	for (enum cw_level i = CW_LEVEL_ROUTINE; i < CW_LEVEL_COUNT; i++) {
		assert_int_equal(cw_level_parse(cw_str(cw_level_name(i)), &level), 0);
		assert_int_equal(level, i);
	}
	for (enum cw_criterion i = CW_CRIT_OFSTED; i < CW_CRIT_COUNT; i++) {
		assert_int_equal(cw_criterion_parse(cw_str(cw_criterion_name(i)), &criterion), 0);
		assert_int_equal(criterion, i);
	}
	assert_true(cw_level_parse(cw_str("Watch"), &level) < 0);
	assert_true(cw_level_parse(cw_str(""), &level) < 0);
	assert_true(cw_criterion_parse(cw_str("money"), &criterion) < 0);
	assert_string_equal(cw_level_name((enum cw_level)99), "");
	assert_string_equal(cw_criterion_name((enum cw_criterion)99), "");
	assert_string_equal(cw_knowledge_name(CW_KNOWN), "known");
	assert_string_equal(cw_knowledge_name(CW_STALE), "stale");
	assert_string_equal(cw_knowledge_name(CW_UNKNOWN), "unknown");
	assert_string_equal(cw_knowledge_name(CW_INHERITED), "inherited");
}

/*
 * risk.conf
 */
static void collect(void *arg, const struct cw_error *err)
{
	char text[1024];

	cw_error_format(err, text, sizeof(text));
	cw_buf_printf(arg, "%s\n", strstr(text, "risk.conf"));
}

/* Loads a configuration whose risk_file holds text (NULL: the shipped one). */
static struct cw_config *load_with(const char *text, struct cw_buf *mistakes)
{
	char directory[] = "/tmp/cw-risk-XXXXXX", main_file[64], risk_file[64];
	struct cw_config *config = NULL;
	struct cw_error err;
	FILE *file;

	assert_non_null(mkdtemp(directory));
	snprintf(main_file, sizeof(main_file), "%s/main.conf", directory);
	snprintf(risk_file, sizeof(risk_file), "%s/risk.conf", directory);
	file = fopen(main_file, "w");
	assert_non_null(file);
	fprintf(file, "include_feeds = {}\nstate_dir = s\nruntime_dir = r\n");
	fprintf(file, "councils_file = \"%s/config/councils.csv\"\naliases_file = \"%s/config/aliases.csv\"\n",
	        CW_SOURCE_DIR, CW_SOURCE_DIR);
	fprintf(file, "risk_file = \"%s%s\"\n", text ? "" : CW_SOURCE_DIR "/config/", "risk.conf");
	assert_int_equal(fclose(file), 0);
	if (text) {
		file = fopen(risk_file, "w");
		assert_non_null(file);
		fputs(text, file);
		assert_int_equal(fclose(file), 0);
	}
	cw_buf_init(mistakes, 65536);
	(void)cw_config_load(main_file, collect, mistakes, &config, &err);
	unlink(main_file);
	unlink(risk_file);
	rmdir(directory);
	return config;
}

/* What is shipped says what is built in: a reader of the file may believe it. */
static void test_shipped_file_is_the_defaults(void **state)
{
	struct cw_buf mistakes;
	struct cw_config *config = load_with(NULL, &mistakes);
	struct cw_risk risk;

	(void)state;
	assert_string_equal(cw_buf_str(&mistakes), "");
	assert_non_null(config);
	assert_string_equal(config->risk_file, CW_SOURCE_DIR "/config/risk.conf");
	cw_risk_defaults(&risk);
	assert_memory_equal(risk.cap, config->risk.cap, sizeof(risk.cap));
	assert_memory_equal(risk.confidence, config->risk.confidence, sizeof(risk.confidence));
	assert_int_equal(config->risk.n_signals, risk.n_signals);
	for (size_t i = 0; i < risk.n_signals; i++) {
		const struct cw_signal_def *a = &risk.signals[i], *b = &config->risk.signals[i];

		assert_string_equal(a->name, b->name);
		assert_true(a->weight == b->weight && a->floor == b->floor && a->half_life == b->half_life &&
		            a->criterion == b->criterion && a->expires_months == b->expires_months &&
		            a->replaced_by_next == b->replaced_by_next && a->closed_by_ilacs == b->closed_by_ilacs &&
		            a->closed_by_area_send == b->closed_by_area_send && a->ends_with_year == b->ends_with_year);
	}
	assert_true(risk.line_watch == config->risk.line_watch && risk.hold_days == config->risk.hold_days &&
	            risk.outage_cadences == config->risk.outage_cadences);
	cw_config_free(config);
	cw_buf_clear(&mistakes);
}

static void test_file_changes_what_it_names(void **state)
{
	struct cw_buf mistakes;
	struct cw_config *config = load_with("line_priority = 60.5\nsignal \"apa_open\" { weight = 25 floor = watch }\n"
	                                     "signal \"judgement_fell\" { criterion = send half_life = 180 }\n",
	                                     &mistakes);
	const struct cw_signal_def *signal;

	(void)state;
	assert_string_equal(cw_buf_str(&mistakes), "");
	assert_non_null(config);
	assert_true(config->risk.line_priority == 60.5 && config->risk.line_watch == 25);
	signal = cw_risk_signal(&config->risk, cw_str("apa_open"));
	assert_true(signal->weight == 25 && signal->floor == CW_LEVEL_WATCH && signal->expires_months == 18);
	signal = cw_risk_signal(&config->risk, cw_str("judgement_fell"));
	assert_true(signal->criterion == CW_CRIT_SEND && signal->half_life == 180 && signal->weight == 15);
	cw_config_free(config);
	cw_buf_clear(&mistakes);
}

static void test_mistakes(void **state)
{
	struct cw_buf mistakes;
	struct cw_config *config = load_with("cap_ofstd = 80\n"
	                                     "line_watch = 70\n"
	                                     "hold_days = -1\n"
	                                     "confidence_a = 0.1\n"
	                                     "signal \"ilacs_inadequat\" { weight = 60 }\n"
	                                     "signal \"news\" {\n"
	                                     "    floor = watch\n"
	                                     "    expires_months = 3\n"
	                                     "    half_life = 0\n"
	                                     "}\n"
	                                     "signal \"wsoa_open\" { criterion = ofsted weight = lots }\n"
	                                     "signal \"wsoa_open\" { half_life = 3 }\n"
	                                     "state_dir = x\n",
	                                     &mistakes);

	(void)state;
	assert_null(config);
	assert_string_equal(
	    cw_buf_str(&mistakes),
	    "risk.conf:1: unknown key 'cap_ofstd'; did you mean 'cap_ofsted'?\n"
	    "risk.conf:2: line_watch is 70 and line_priority 50; line_priority must be more\n"
	    "risk.conf:3: hold_days is -1; the minimum is 1\n"
	    "risk.conf:4: tier B would count more than tier A; it must be at most as much\n"
	    "risk.conf:5: unknown signal 'ilacs_inadequat'; did you mean 'ilacs_inadequate'?\n"
	    "risk.conf:7: signal \"news\" is an impulse and cannot hold a floor; remove it\n"
	    "risk.conf:8: signal \"news\" is an impulse (it decays) and has no expires_months; remove it\n"
	    "risk.conf:9: half_life is 0; the minimum is 1\n"
	    "risk.conf:11: weight is 'lots'; write a number\n"
	    "risk.conf:11: signal \"wsoa_open\" cannot count under ofsted; use send\n"
	    "risk.conf:12: signal \"wsoa_open\" stands here twice, first on line 11; join them\n"
	    "risk.conf:12: signal \"wsoa_open\" is a state (open until closed) and has no half_life; remove it\n"
	    "risk.conf:13: unknown key 'state_dir'; it belongs in councilwatch.conf, outside any section\n");
	cw_buf_clear(&mistakes);
}

/* Constants that do not go together; each may be right by itself. says: NULL = it is accepted. */
static const struct contradiction {
	const char *name, *text, *says;
} contradictions[] = {
	{ "floor with no level", "signal \"apa_open\" { floor = \"\" }",
	  "risk.conf:1: unknown floor ''; use routine, watch, priority or intensive\n" },
	{ "floor with nothing", "signal \"apa_open\" { floor = }",
	  "risk.conf:1: '}' is not expected here; is a quote, comma or brace missing before it?\n" },
	{ "floor of an unknown level", "signal \"apa_open\" {\n floor = prioritty }",
	  "risk.conf:2: unknown floor 'prioritty'; did you mean 'priority'?\n" },
	{ "floor of an impulse", "signal \"news\" { floor = routine }",
	  "risk.conf:1: signal \"news\" is an impulse and cannot hold a floor; remove it\n" },
	{ "state without a floor", "signal \"apa_open\" { floor = routine }", NULL },
	{ "half-life of zero", "signal \"news\" { half_life = 0 }", "risk.conf:1: half_life is 0; the minimum is 1\n" },
	{ "half-life below zero", "signal \"news\" { half_life = -30 }", "risk.conf:1: half_life is -30; the minimum is 1\n" },
	{ "half-life not a number", "signal \"news\" { half_life = nan }", "risk.conf:1: half_life is 'nan'; write a number\n" },
	{ "half-life for ever", "signal \"news\" { half_life = inf }", "risk.conf:1: half_life is 'inf'; write a number\n" },
	{ "half-life too long", "signal \"news\" { half_life = 1e999 }", "risk.conf:1: half_life is '1e999'; write a number\n" },
	{ "half-life of a state", "signal \"apa_open\" { half_life = 30 }",
	  "risk.conf:1: signal \"apa_open\" is a state (open until closed) and has no half_life; remove it\n" },
	{ "weight below zero", "signal \"news\" { weight = -1 }", "risk.conf:1: weight is -1; the minimum is 0\n" },
	{ "weight of zero", "signal \"news\" { weight = 0 }", NULL },
	{ "weight over its cap", "signal \"ilacs_inadequate\" {\n weight = 90 }",
	  "risk.conf:2: signal \"ilacs_inadequate\" has 90 points and cap_ofsted is 80, which cuts it down; weight must be at most 80, "
	  "or cap_ofsted at least 90\n" },
	{ "weight over the other cap", "signal \"statutory_direction\" { weight = 70 }",
	  "risk.conf:1: signal \"statutory_direction\" has 70 points and cap_send is 60, which cuts it down; weight must be at most 60, or "
	  "cap_send at least 70\n" },
	{ "weight moved over a cap", "signal \"judgement_fell\" { criterion = send }\ncap_send = 14\nbreadth_minimum = 5",
	  "risk.conf:1: signal \"judgement_fell\" has 15 points and cap_send is 14, which cuts it down; weight must be at most 14, or "
	  "cap_send at least 15\n"
	  "risk.conf:2: cap_send is 14 and signal \"statutory_direction\" has 60 points, which it cuts down, and 4 more signals are over "
	  "it; it must be at least 60\n" },
	{ "cap under weights", "cap_ofsted = 50",
	  "risk.conf:1: cap_ofsted is 50 and signal \"ilacs_inadequate\" has 60 points, which it cuts down, and 1 more signal is over it; "
	  "it must be at least 60\n" },
	{ "cap as high as the weights", "cap_ofsted = 60", NULL },
	{ "weight and cap together", "cap_specific = 50\nsignal \"s114_notice\" { weight = 50 }", NULL },
	{ "notes in disorder", "note_medium = 40",
	  "risk.conf:1: note_medium is 40 and note_high 30; note_high must be at least 40\n" },
	{ "note over the cap", "signal \"internal_note\" { weight = 26 }\nnote_medium = 27",
	  "risk.conf:1: signal \"internal_note\" has 26 points and cap_intel is 25, which cuts it down; weight must be at most 25, or "
	  "cap_intel at least 26\n" },
	{ "small note that outweighs", "signal \"internal_note\" { weight = 20 }",
	  "risk.conf:1: a note of low severity has 20 points and one of medium severity 15; note_medium must be at least 20\n" },
	{ "note over every cap", "note_high = 81",
	  "risk.conf:1: note_high is 81 and no criterion counts more than 80; write that or less\n" },
	{ "grave note in any criterion", "note_high = 80", NULL },
	{ "drop_below over a weight", "drop_below = 5",
	  "risk.conf:1: drop_below is 5 and signal \"lmcs_change\" has 4 points: it would never count; write 4 or less, or weight = 0 for "
	  "such signals\n" },
	{ "weight under drop_below", "signal \"news\" { weight = 0.4 }",
	  "risk.conf:1: signal \"news\" has 0.4 points and drop_below is 0.5: it would never count; write at least 0.5, or 0 for none\n" },
	{ "an offer before the contact", "offer_days_intensive = 1",
	  "risk.conf:1: offer_days_intensive is 1 and contact_days_intensive 2: an offer cannot come before the contact\n" },
	{ "lines in disorder", "line_watch = 60",
	  "risk.conf:1: line_watch is 60 and line_priority 50; line_priority must be more\n" },
	{ "equal lines", "line_watch = 40\nline_priority = 40",
	  "risk.conf:2: line_watch is 40 and line_priority 40; line_priority must be more\n" },
	{ "line of nothing", "line_watch = 0", "risk.conf:1: line_watch is 0; the minimum is 0.1\n" },
	{ "breadth over a cap", "breadth_minimum = 26",
	  "risk.conf:1: breadth_minimum is 26 and cap_intel is 25: criterion intel could never be one of several; breadth_minimum must be at "
	  "most 25\n" },
	{ "breadth of nothing", "breadth_minimum = 0", "risk.conf:1: breadth_minimum is 0; the minimum is 0.1\n" },
	{ "breadth of six", "breadth_criteria = 6", "risk.conf:1: breadth_criteria is 6; the maximum is 5\n" },
	{ "repeats that count more", "repeat_share = 1.5", "risk.conf:1: repeat_share is 1.5; the maximum is 1\n" },
	{ "never stepping down", "step_down_share = 0", "risk.conf:1: step_down_share is 0; the minimum is 0.01\n" },
	{ "stepping down from above", "step_down_share = 1.1", "risk.conf:1: step_down_share is 1.1; the maximum is 1\n" },
	{ "stepping down in no time", "step_down_days = 0", "risk.conf:1: step_down_days is 0; the minimum is 1\n" },
	{ "holding for no time", "hold_days = 0", "risk.conf:1: hold_days is 0; the minimum is 1\n" },
	{ "stale at once", "stale_ilacs_months = 0", "risk.conf:1: stale_ilacs_months is 0; the minimum is 1\n" },
	{ "inheriting more than there was", "inherit_share = 2", "risk.conf:1: inherit_share is 2; the maximum is 1\n" },
	{ "believing nobody", "confidence_a = 0\nconfidence_b = 0\nconfidence_c = 0",
	  "risk.conf:1: confidence_a is 0: nothing that anybody says would count; write more, 1 as a rule\n" },
	{ "believing what nobody vouches for", "confidence_d = 0.1",
	  "risk.conf:1: confidence_d is 0.1, and what nobody vouches for (tier D) is kept and never scored; write 0\n" },
	{ "closed by another subject", "signal \"ilacs_inadequate\" { closed_by_area_send = true }",
	  "risk.conf:1: signal \"ilacs_inadequate\" counts under ofsted, which no full area SEND inspection answers; remove "
	  "closed_by_area_send\n" },
	{ "closed by another subject, the other way", "signal \"wsoa_open\" { closed_by_ilacs = true }",
	  "risk.conf:1: signal \"wsoa_open\" counts under send, which no full ILACS inspection answers; remove closed_by_ilacs\n" },
	{ "a finding that never ends", "signal \"ilacs_ri\" { closed_by_ilacs = false }",
	  "risk.conf:1: signal \"ilacs_ri\" is what a full ILACS inspection finds, and the next one closes it; remove closed_by_ilacs\n" },
	{ "a rung that an inspection closes", "signal \"improvement_notice\" { closed_by_ilacs = true }", NULL },
	{ "unknown signal", "signal \"s114_notise\" { weight = 3 }",
	  "risk.conf:1: unknown signal 's114_notise'; did you mean 's114_notice'?\n" },
	{ "unknown criterion", "signal \"judgement_fell\" { criterion = sned }",
	  "risk.conf:1: unknown criterion 'sned'; did you mean 'send'?\n" },
	{ "unknown section", "signals \"news\" { weight = 3 }", "risk.conf:1: unknown section 'signals'; did you mean 'signal'?\n" },
	{ "signal without a name", "signal { weight = 3 }", "risk.conf:1: 'signal' needs a name: signal \"name\" { … }\n" },
};

static void test_contradiction(void **state)
{
	const struct contradiction *c = *state;
	struct cw_buf mistakes;
	struct cw_config *config = load_with(c->text, &mistakes);

	assert_string_equal(cw_buf_str(&mistakes), c->says ? c->says : "");
	assert_int_equal(config == NULL, c->says != NULL);
	cw_config_free(config);
	cw_buf_clear(&mistakes);
}

int main(void)
{
	static const struct CMUnitTest single[] = {
		cmocka_unit_test(test_there_is_no_other_signal),
		cmocka_unit_test(test_constants),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_shipped_file_is_the_defaults),
		cmocka_unit_test(test_file_changes_what_it_names),
		cmocka_unit_test(test_mistakes),
	};
	struct CMUnitTest tests[CW_ARRAY_LEN(rows) + CW_ARRAY_LEN(contradictions) + CW_ARRAY_LEN(single)];
	size_t n = 0;

	for (size_t i = 0; i < CW_ARRAY_LEN(rows); i++)
		tests[n++] = (struct CMUnitTest){ .name = rows[i].name,
			                          .test_func = test_row,
			                          .initial_state = (void *)(uintptr_t)&rows[i] };
	for (size_t i = 0; i < CW_ARRAY_LEN(contradictions); i++)
		tests[n++] = (struct CMUnitTest){ .name = contradictions[i].name,
			                          .test_func = test_contradiction,
			                          .initial_state = (void *)(uintptr_t)&contradictions[i] };
	for (size_t i = 0; i < CW_ARRAY_LEN(single); i++)
		tests[n++] = single[i];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
