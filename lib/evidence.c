#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/evidence.h>
#include <councilwatch/limits.h>

/* ---- vocabulary ---- */

static const char *const status_words[] = { "open", "closed", "occurred", NULL };
static const char *const criterion_words[] = { "ofsted", "send", "intel", "leadership", "specific", NULL };

static const char *const yes_no_words[] = { "yes", "no", NULL };
static const char *const progress_words[] = { "good", "some", "slow", NULL };
static const char *const revisit_words[] = { "sufficient", "insufficient", "some", NULL };
static const char *const severity_words[] = { "low", "medium", "high", NULL };
static const char *const sensitivity_words[] = { "internal", "dfe_shareable", NULL };
static const char *const scope_words[] = { "level", "event", "floor", NULL };
/* Publishers' vocabularies differ and change; these do not, so that a change of words is no change of control. */
static const char *const control_words[] = { "con", "lab", "ld", "green", "reform", "ukip", "nationalist", "independent",
	                                     "other", "noc", NULL };
static const char *const level_words[] = { "routine", "watch", "priority", "intensive", NULL };

static const char *const role_words[] = { "applicant", "respondent", "interested", "both", NULL };

static const struct cw_value_def value_defs[CW_VAL_COUNT] = {
	[CW_VAL_FRAMEWORK_ID] = { CW_VAL_FRAMEWORK_ID, "framework_id", CW_VALUE_TEXT, 0, 0, NULL },
	[CW_VAL_OVERALL_EFFECTIVENESS] = { CW_VAL_OVERALL_EFFECTIVENESS, "overall_effectiveness", CW_VALUE_GRADE, 0, 0,
	                                   NULL },
	[CW_VAL_IMPACT_OF_LEADERS] = { CW_VAL_IMPACT_OF_LEADERS, "impact_of_leaders", CW_VALUE_GRADE, 0, 0, NULL },
	[CW_VAL_HELP_AND_PROTECTION] = { CW_VAL_HELP_AND_PROTECTION, "help_and_protection", CW_VALUE_GRADE, 0, 0,
	                                 NULL },
	[CW_VAL_IN_CARE] = { CW_VAL_IN_CARE, "in_care", CW_VALUE_GRADE, 0, 0, NULL },
	[CW_VAL_CARE_LEAVERS] = { CW_VAL_CARE_LEAVERS, "care_leavers", CW_VALUE_GRADE, 0, 0, NULL },
	[CW_VAL_OUTCOME] = { CW_VAL_OUTCOME, "outcome", CW_VALUE_INTEGER, 1, 3, NULL },
	[CW_VAL_SIGNAL] = { CW_VAL_SIGNAL, "signal", CW_VALUE_WORD, 0, 0, NULL },
	[CW_VAL_STATUS] = { CW_VAL_STATUS, "status", CW_VALUE_WORD, 0, 0, status_words },
	[CW_VAL_CRITERION] = { CW_VAL_CRITERION, "criterion", CW_VALUE_WORD, 0, 0, criterion_words },
	[CW_VAL_THEME] = { CW_VAL_THEME, "theme", CW_VALUE_TEXT, 0, 0, NULL },
	[CW_VAL_HEADLINE] = { CW_VAL_HEADLINE, "headline", CW_VALUE_GRADE, 0, 0, NULL },
	[CW_VAL_INSPECTION_TYPE] = { CW_VAL_INSPECTION_TYPE, "inspection_type", CW_VALUE_TEXT, 0, 0, NULL },
	[CW_VAL_RULE] = { CW_VAL_RULE, "rule", CW_VALUE_TEXT, 0, 0, NULL },
	[CW_VAL_PRIORITY_ACTIONS] = { CW_VAL_PRIORITY_ACTIONS, "priority_actions", CW_VALUE_INTEGER, 0, 99, NULL },
	[CW_VAL_PAGE] = { CW_VAL_PAGE, "page", CW_VALUE_INTEGER, 1, 100000, NULL },
	[CW_VAL_INSPECTION_START] = { CW_VAL_INSPECTION_START, "inspection_start", CW_VALUE_DATE, 0, 0, NULL },
	[CW_VAL_INSPECTION_END] = { CW_VAL_INSPECTION_END, "inspection_end", CW_VALUE_DATE, 0, 0, NULL },
	[CW_VAL_ADOPTION] = { CW_VAL_ADOPTION, "adoption", CW_VALUE_GRADE, 0, 0, NULL },
	[CW_VAL_LEADERSHIP_MANAGEMENT_GOVERNANCE] = { CW_VAL_LEADERSHIP_MANAGEMENT_GOVERNANCE,
	                                              "leadership_management_governance", CW_VALUE_GRADE, 0, 0, NULL },
	[CW_VAL_PROGRESS] = { CW_VAL_PROGRESS, "progress", CW_VALUE_WORD, 0, 0, progress_words },
	[CW_VAL_WSOA] = { CW_VAL_WSOA, "wsoa", CW_VALUE_WORD, 0, 0, yes_no_words },
	[CW_VAL_REVISIT] = { CW_VAL_REVISIT, "revisit", CW_VALUE_WORD, 0, 0, revisit_words },
	[CW_VAL_PERIOD] = { CW_VAL_PERIOD, "period", CW_VALUE_TEXT, 0, 0, NULL },
	[CW_VAL_AGENCY_RATE] = { CW_VAL_AGENCY_RATE, "agency_rate", CW_VALUE_NUMBER, 0, 0, NULL },
	[CW_VAL_VACANCY_RATE] = { CW_VAL_VACANCY_RATE, "vacancy_rate", CW_VALUE_NUMBER, 0, 0, NULL },
	[CW_VAL_TURNOVER_RATE] = { CW_VAL_TURNOVER_RATE, "turnover_rate", CW_VALUE_NUMBER, 0, 0, NULL },
	[CW_VAL_CASELOAD] = { CW_VAL_CASELOAD, "caseload", CW_VALUE_NUMBER, 0, 0, NULL },
	[CW_VAL_ABSENCE_RATE] = { CW_VAL_ABSENCE_RATE, "absence_rate", CW_VALUE_NUMBER, 0, 0, NULL },
	[CW_VAL_EHCP_20_WEEKS] = { CW_VAL_EHCP_20_WEEKS, "ehcp_20_weeks", CW_VALUE_NUMBER, 0, 0, NULL },
	[CW_VAL_APPEAL_RATE] = { CW_VAL_APPEAL_RATE, "appeal_rate", CW_VALUE_NUMBER, 0, 0, NULL },
	[CW_VAL_APPEALS] = { CW_VAL_APPEALS, "appeals", CW_VALUE_NUMBER, 0, 0, NULL },
	[CW_VAL_DSG_BALANCE] = { CW_VAL_DSG_BALANCE, "dsg_balance", CW_VALUE_NUMBER, 0, 0, NULL },
	[CW_VAL_DSG_BALANCE_SHARE] = { CW_VAL_DSG_BALANCE_SHARE, "dsg_balance_share", CW_VALUE_NUMBER, 0, 0, NULL },
	[CW_VAL_GOOD_LEVEL_OF_DEVELOPMENT] = { CW_VAL_GOOD_LEVEL_OF_DEVELOPMENT, "good_level_of_development",
	                                       CW_VALUE_NUMBER, 0, 0, NULL },
	[CW_VAL_MEASURE] = { CW_VAL_MEASURE, "measure", CW_VALUE_TEXT, 0, 0, NULL },
	[CW_VAL_COUNT_OF] = { CW_VAL_COUNT_OF, "count", CW_VALUE_NUMBER, 0, 0, NULL },
	[CW_VAL_RATE] = { CW_VAL_RATE, "rate", CW_VALUE_NUMBER, 0, 0, NULL },
	[CW_VAL_AMOUNT] = { CW_VAL_AMOUNT, "amount", CW_VALUE_NUMBER, 0, 0, NULL },
	[CW_VAL_CONTROL] = { CW_VAL_CONTROL, "control", CW_VALUE_WORD, 0, 0, control_words },
	[CW_VAL_OUTLIER] = { CW_VAL_OUTLIER, "outlier", CW_VALUE_TEXT, 0, 0, NULL },
	[CW_VAL_COMPARED] = { CW_VAL_COMPARED, "compared", CW_VALUE_TEXT, 0, 0, NULL },
	[CW_VAL_SEVERITY] = { CW_VAL_SEVERITY, "severity", CW_VALUE_WORD, 0, 0, severity_words },
	[CW_VAL_EXPIRES] = { CW_VAL_EXPIRES, "expires", CW_VALUE_DATE, 0, 0, NULL },
	[CW_VAL_AUTHOR] = { CW_VAL_AUTHOR, "author", CW_VALUE_TEXT, 0, 0, NULL },
	[CW_VAL_SENSITIVITY] = { CW_VAL_SENSITIVITY, "sensitivity", CW_VALUE_WORD, 0, 0, sensitivity_words },
	[CW_VAL_SCOPE] = { CW_VAL_SCOPE, "scope", CW_VALUE_WORD, 0, 0, scope_words },
	[CW_VAL_LEVEL] = { CW_VAL_LEVEL, "level", CW_VALUE_WORD, 0, 0, level_words },
	[CW_VAL_REASON] = { CW_VAL_REASON, "reason", CW_VALUE_TEXT, 0, 0, NULL },
	[CW_VAL_CITATION] = { CW_VAL_CITATION, "citation", CW_VALUE_TEXT, 0, 0, NULL },
	[CW_VAL_ORGANISATION] = { CW_VAL_ORGANISATION, "organisation", CW_VALUE_TEXT, 0, 0, NULL },
	[CW_VAL_COMBINED_WITH] = { CW_VAL_COMBINED_WITH, "combined_with", CW_VALUE_TEXT, 0, 0, NULL },
	[CW_VAL_COURT] = { CW_VAL_COURT, "court", CW_VALUE_TEXT, 0, 0, NULL },
	[CW_VAL_ROLE] = { CW_VAL_ROLE, "role", CW_VALUE_WORD, 0, 0, role_words },
	[CW_VAL_EVENT] = { CW_VAL_EVENT, "event", CW_VALUE_TEXT, 0, 0, NULL },
	[CW_VAL_SOURCE] = { CW_VAL_SOURCE, "source", CW_VALUE_TEXT, 0, 0, NULL },
};

/* Values of each kind, then those of which at least one must be there for a row to say anything. */
#define VALUES(name, ...) static const enum cw_value_id name[] = { __VA_ARGS__, 0 }
#define ANY_KIND CW_VAL_ORGANISATION, CW_VAL_COMBINED_WITH, CW_VAL_RULE, CW_VAL_PAGE
#define VISIT CW_VAL_FRAMEWORK_ID, CW_VAL_INSPECTION_TYPE, CW_VAL_INSPECTION_START, CW_VAL_INSPECTION_END
#define FIGURE CW_VAL_PERIOD, CW_VAL_OUTLIER, CW_VAL_COMPARED, CW_VAL_MEASURE
#define JUDGEMENTS                                                                                                     \
	CW_VAL_OVERALL_EFFECTIVENESS, CW_VAL_IMPACT_OF_LEADERS, CW_VAL_HELP_AND_PROTECTION, CW_VAL_IN_CARE,            \
	    CW_VAL_CARE_LEAVERS

VALUES(ilacs_values, VISIT, JUDGEMENTS, CW_VAL_PRIORITY_ACTIONS, ANY_KIND);
VALUES(ilacs_outcome, JUDGEMENTS);
VALUES(sif_values, VISIT, JUDGEMENTS, CW_VAL_ADOPTION, CW_VAL_LEADERSHIP_MANAGEMENT_GOVERNANCE, CW_VAL_PRIORITY_ACTIONS,
       ANY_KIND);
VALUES(sif_outcome, JUDGEMENTS, CW_VAL_LEADERSHIP_MANAGEMENT_GOVERNANCE);
VALUES(visit_values, VISIT, CW_VAL_PRIORITY_ACTIONS, CW_VAL_PROGRESS, CW_VAL_THEME, ANY_KIND);
VALUES(visit_outcome, CW_VAL_INSPECTION_TYPE, CW_VAL_PRIORITY_ACTIONS, CW_VAL_PROGRESS, CW_VAL_THEME);
VALUES(send_values, VISIT, CW_VAL_OUTCOME, ANY_KIND);
VALUES(send_outcome, CW_VAL_OUTCOME);
VALUES(send_2016_values, VISIT, CW_VAL_WSOA, CW_VAL_REVISIT, ANY_KIND);
VALUES(send_2016_outcome, CW_VAL_WSOA, CW_VAL_REVISIT);
VALUES(send_monitoring_values, VISIT, CW_VAL_PROGRESS, ANY_KIND);
VALUES(send_monitoring_outcome, CW_VAL_PROGRESS);
VALUES(signal_values, CW_VAL_SIGNAL, CW_VAL_STATUS, CW_VAL_CRITERION, CW_VAL_AMOUNT, CW_VAL_PERIOD, CW_VAL_AUTHOR,
       CW_VAL_SENSITIVITY, CW_VAL_CITATION, ANY_KIND);
VALUES(signal_outcome, CW_VAL_SIGNAL);
VALUES(jtai_values, VISIT, CW_VAL_THEME, CW_VAL_PRIORITY_ACTIONS, ANY_KIND);
VALUES(jtai_outcome, CW_VAL_THEME, CW_VAL_PRIORITY_ACTIONS, CW_VAL_INSPECTION_TYPE);
VALUES(youth_values, CW_VAL_HEADLINE, CW_VAL_INSPECTION_TYPE, ANY_KIND);
VALUES(youth_outcome, CW_VAL_HEADLINE);
VALUES(text_values, CW_VAL_THEME, ANY_KIND);
static const enum cw_value_id no_values[] = { 0 };
VALUES(workforce_values, FIGURE, CW_VAL_AGENCY_RATE, CW_VAL_VACANCY_RATE, CW_VAL_TURNOVER_RATE, CW_VAL_CASELOAD,
       CW_VAL_ABSENCE_RATE, ANY_KIND);
VALUES(workforce_outcome, CW_VAL_AGENCY_RATE, CW_VAL_VACANCY_RATE, CW_VAL_TURNOVER_RATE, CW_VAL_CASELOAD,
       CW_VAL_ABSENCE_RATE);
VALUES(ehcp_values, FIGURE, CW_VAL_EHCP_20_WEEKS, CW_VAL_COUNT_OF, ANY_KIND);
VALUES(ehcp_outcome, CW_VAL_EHCP_20_WEEKS);
VALUES(tribunal_values, FIGURE, CW_VAL_APPEAL_RATE, CW_VAL_APPEALS, ANY_KIND);
VALUES(tribunal_outcome, CW_VAL_APPEAL_RATE, CW_VAL_APPEALS);
VALUES(send_finance_values, FIGURE, CW_VAL_DSG_BALANCE, CW_VAL_DSG_BALANCE_SHARE, CW_VAL_AMOUNT, CW_VAL_STATUS,
       ANY_KIND);
VALUES(send_finance_outcome, CW_VAL_DSG_BALANCE, CW_VAL_DSG_BALANCE_SHARE, CW_VAL_AMOUNT);
VALUES(early_years_values, FIGURE, CW_VAL_GOOD_LEVEL_OF_DEVELOPMENT, CW_VAL_COUNT_OF, ANY_KIND);
VALUES(early_years_outcome, CW_VAL_GOOD_LEVEL_OF_DEVELOPMENT);
VALUES(figure_values, FIGURE, CW_VAL_COUNT_OF, CW_VAL_RATE, CW_VAL_AMOUNT, ANY_KIND);
VALUES(figure_outcome, CW_VAL_COUNT_OF, CW_VAL_RATE, CW_VAL_AMOUNT);
VALUES(control_values, CW_VAL_PERIOD, CW_VAL_CONTROL, ANY_KIND);
VALUES(control_outcome, CW_VAL_CONTROL);
VALUES(note_values, CW_VAL_SEVERITY, CW_VAL_EXPIRES, CW_VAL_AUTHOR, CW_VAL_SENSITIVITY, CW_VAL_CRITERION, ANY_KIND);
VALUES(note_outcome, CW_VAL_SEVERITY);
VALUES(override_values, CW_VAL_LEVEL, CW_VAL_EXPIRES, CW_VAL_AUTHOR, CW_VAL_SENSITIVITY, CW_VAL_SCOPE, CW_VAL_REASON,
       CW_VAL_EVENT, CW_VAL_SOURCE, ANY_KIND);
VALUES(override_outcome, CW_VAL_LEVEL, CW_VAL_EVENT);
VALUES(judgment_values, CW_VAL_CITATION, CW_VAL_COURT, CW_VAL_ROLE, CW_VAL_THEME, ANY_KIND);
VALUES(judgment_outcome, CW_VAL_CITATION);

static const struct cw_kind_def kind_defs[CW_KIND_COUNT] = {
	[CW_KIND_ILACS] = { CW_KIND_ILACS, "ilacs", ilacs_values, ilacs_outcome, "ofsted" },
	[CW_KIND_AREA_SEND] = { CW_KIND_AREA_SEND, "area_send", send_values, send_outcome, "send" },
	[CW_KIND_SIGNAL] = { CW_KIND_SIGNAL, "signal", signal_values, signal_outcome, NULL },
	[CW_KIND_JTAI] = { CW_KIND_JTAI, "jtai", jtai_values, jtai_outcome, "ofsted" },
	[CW_KIND_YOUTH_JUSTICE] = { CW_KIND_YOUTH_JUSTICE, "youth_justice", youth_values, youth_outcome, "ofsted" },
	[CW_KIND_NEWS] = { CW_KIND_NEWS, "news", text_values, no_values, "intel" },
	[CW_KIND_SIF] = { CW_KIND_SIF, "sif", sif_values, sif_outcome, "ofsted" },
	[CW_KIND_FOCUSED_VISIT] = { CW_KIND_FOCUSED_VISIT, "ilacs_focused_visit", visit_values, visit_outcome,
	                            "ofsted" },
	[CW_KIND_MONITORING_VISIT] = { CW_KIND_MONITORING_VISIT, "ilacs_monitoring_visit", visit_values, visit_outcome,
	                               "ofsted" },
	[CW_KIND_BOARD_REVIEW] = { CW_KIND_BOARD_REVIEW, "safeguarding_board_review", visit_values, visit_outcome,
	                           "ofsted" },
	[CW_KIND_SEND_2016] = { CW_KIND_SEND_2016, "send_2016", send_2016_values, send_2016_outcome, "send" },
	[CW_KIND_AREA_SEND_MONITORING] = { CW_KIND_AREA_SEND_MONITORING, "area_send_monitoring", send_monitoring_values,
	                                   send_monitoring_outcome, "send" },
	[CW_KIND_WORKFORCE] = { CW_KIND_WORKFORCE, "workforce", workforce_values, workforce_outcome, "intel" },
	[CW_KIND_EHCP_TIMELINESS] = { CW_KIND_EHCP_TIMELINESS, "ehcp_timeliness", ehcp_values, ehcp_outcome, "send" },
	[CW_KIND_SEND_TRIBUNAL] = { CW_KIND_SEND_TRIBUNAL, "send_tribunal", tribunal_values, tribunal_outcome, "send" },
	[CW_KIND_SEND_FINANCE] = { CW_KIND_SEND_FINANCE, "send_finance", send_finance_values, send_finance_outcome,
	                           "send" },
	[CW_KIND_EARLY_YEARS] = { CW_KIND_EARLY_YEARS, "early_years", early_years_values, early_years_outcome,
	                          "intel" },
	[CW_KIND_DEMAND] = { CW_KIND_DEMAND, "demand", figure_values, figure_outcome, "intel" },
	[CW_KIND_SPEND] = { CW_KIND_SPEND, "spend", figure_values, figure_outcome, "specific" },
	[CW_KIND_POLITICAL_CONTROL] = { CW_KIND_POLITICAL_CONTROL, "political_control", control_values, control_outcome,
	                                "leadership" },
	[CW_KIND_INTERNAL_NOTE] = { CW_KIND_INTERNAL_NOTE, "internal_note", note_values, note_outcome, NULL },
	[CW_KIND_OVERRIDE] = { CW_KIND_OVERRIDE, "override", override_values, override_outcome, NULL },
	[CW_KIND_COURT_JUDGMENT] = { CW_KIND_COURT_JUDGMENT, "court_judgment", judgment_values, judgment_outcome,
	                             "specific" },
	[CW_KIND_FOI_REQUEST] = { CW_KIND_FOI_REQUEST, "foi_request", text_values, no_values, "intel" },
	[CW_KIND_PUBLICATION] = { CW_KIND_PUBLICATION, "publication", text_values, no_values, "intel" },
};

const struct cw_kind_def *cw_kind_def(enum cw_kind kind)
{
	return kind > CW_KIND_NONE && kind < CW_KIND_COUNT ? &kind_defs[kind] : NULL;
}

const struct cw_kind_def *cw_kind_by_name(struct cw_str name)
{
	for (size_t i = 1; i < CW_KIND_COUNT; i++)
		if (cw_str_eq(name, kind_defs[i].name))
			return &kind_defs[i];
	return NULL;
}

const struct cw_value_def *cw_value_def(enum cw_value_id id)
{
	return id > 0 && id < CW_VAL_COUNT ? &value_defs[id] : NULL;
}

const struct cw_value_def *cw_value_by_name(struct cw_str name)
{
	for (size_t i = 1; i < CW_VAL_COUNT; i++)
		if (cw_str_eq(name, value_defs[i].name))
			return &value_defs[i];
	return NULL;
}

bool cw_kind_allows(enum cw_kind kind, enum cw_value_id id)
{
	const struct cw_kind_def *def = cw_kind_def(kind);

	for (const enum cw_value_id *v = def ? def->values : no_values; *v; v++)
		if (*v == id)
			return true;
	return false;
}

const char *const *cw_kind_names(void)
{
	static const char *names[CW_KIND_COUNT];

	for (size_t i = 1; i < CW_KIND_COUNT; i++)
		names[i - 1] = kind_defs[i].name;
	return names;
}

const char *const *cw_value_names(void)
{
	static const char *names[CW_VAL_COUNT];

	for (size_t i = 1; i < CW_VAL_COUNT; i++)
		names[i - 1] = value_defs[i].name;
	return names;
}

/* ---- grades and tiers ---- */

static const char *const grade_names[CW_GRADE_COUNT] = {
	[CW_GRADE_NONE] = "",
	[CW_GRADE_OUTSTANDING] = "outstanding",
	[CW_GRADE_GOOD] = "good",
	[CW_GRADE_REQUIRES_IMPROVEMENT] = "requires_improvement",
	[CW_GRADE_INADEQUATE] = "inadequate",
	[CW_GRADE_NOT_JUDGED] = "not_judged",
};

const char *cw_grade_name(enum cw_grade grade)
{
	return grade_names[grade];
}

/* Compares without regard to case, runs of white space and the '_' of our own names. */
static bool same_words(struct cw_str text, const char *words)
{
	size_t i = 0;

	text = cw_str_trim(text);
	for (; *words; words++) {
		if (*words == ' ') {
			size_t start = i;

			while (i < text.len && (strchr(" \t\r\n_", text.at[i]) || (unsigned char)text.at[i] == 0xc2 ||
			                        (unsigned char)text.at[i] == 0xa0))
				i++;
			if (i == start)
				return false;
			continue;
		}
		if (i >= text.len || (text.at[i] | 0x20) != *words)
			return false;
		i++;
	}
	return i == text.len;
}

int cw_grade_parse(struct cw_str text, enum cw_grade *ret)
{
	static const struct {
		const char *words;
		enum cw_grade grade;
	} wordings[] = {
		{ "good", CW_GRADE_GOOD },
		{ "outstanding", CW_GRADE_OUTSTANDING },
		{ "requires improvement", CW_GRADE_REQUIRES_IMPROVEMENT },
		{ "requires improvement to be good", CW_GRADE_REQUIRES_IMPROVEMENT },
		{ "inadequate", CW_GRADE_INADEQUATE },
		{ "not judged", CW_GRADE_NOT_JUDGED },
	};

	for (size_t i = 0; i < CW_ARRAY_LEN(wordings); i++) {
		if (same_words(text, wordings[i].words)) {
			*ret = wordings[i].grade;
			return 0;
		}
	}
	return -EINVAL;
}

const char *cw_tier_name(enum cw_tier tier)
{
	static const char *const names[] = { "", "A", "B", "C", "D" };

	return names[tier];
}

enum cw_tier cw_tier_by_name(struct cw_str name)
{
	return name.len == 1 && name.at[0] >= 'A' && name.at[0] <= 'D' ? (enum cw_tier)(name.at[0] - 'A' + 1)
	                                                               : CW_TIER_NONE;
}

/* ---- values ---- */

struct cw_str cw_evidence_value(const struct cw_evidence *evidence, enum cw_value_id id)
{
	for (size_t i = 0; i < evidence->n_values; i++)
		if (evidence->value[i].id == id)
			return evidence->value[i].text;
	return cw_str(NULL);
}

enum cw_grade cw_evidence_grade(const struct cw_evidence *evidence, enum cw_value_id id)
{
	struct cw_str text = cw_evidence_value(evidence, id);

	for (int g = CW_GRADE_OUTSTANDING; g < CW_GRADE_COUNT; g++)
		if (text.len && cw_str_eq(text, grade_names[g]))
			return (enum cw_grade)g;
	return CW_GRADE_NONE;
}

int cw_evidence_set(struct cw_evidence *evidence, enum cw_value_id id, struct cw_str text)
{
	size_t i = evidence->n_values;

	while (i > 0 && evidence->value[i - 1].id >= id)
		i--;
	if (i < evidence->n_values && evidence->value[i].id == id) {
		evidence->value[i].text = text;
		return 0;
	}
	if (evidence->n_values == CW_VALUES_MAX)
		return -E2BIG;
	memmove(&evidence->value[i + 1], &evidence->value[i], (evidence->n_values - i) * sizeof(evidence->value[0]));
	evidence->value[i] = (struct cw_value){ id, text };
	evidence->n_values++;
	return 0;
}

static int parse_day(struct cw_str text, struct cw_buf *out, struct cw_str *ret)
{
	char day_text[CW_WALL_TEXT];
	int32_t day;
	int r = cw_date_parse(text.at, text.len, "%Y-%m-%d", &day);

	if (r < 0)
		return r;
	cw_buf_reset(out);
	r = cw_buf_puts(out, cw_day_format(day, day_text));
	*ret = cw_str(cw_buf_str(out));
	return r;
}

int cw_value_parse(enum cw_value_id id, struct cw_str text, struct cw_buf *out, struct cw_str *ret)
{
	const struct cw_value_def *def = cw_value_def(id);
	char figure[CW_NUMBER_TEXT];
	int64_t integer;
	enum cw_grade grade;
	int r;

	text = cw_str_trim(text);
	if (!def || !text.len)
		return -EINVAL;
	switch (def->type) {
	case CW_VALUE_GRADE:
		r = cw_grade_parse(text, &grade);
		if (r < 0)
			return r;
		*ret = cw_str(cw_grade_name(grade));
		return 0;
	case CW_VALUE_DATE:
		return parse_day(text, out, ret);
	case CW_VALUE_INTEGER:
		r = cw_parse_integer(text, &integer);
		if (r < 0)
			return r;
		if (integer < def->min || integer > def->max)
			return -ERANGE;
		cw_buf_reset(out);
		r = cw_buf_printf(out, "%lld", (long long)integer);
		*ret = (struct cw_str){ cw_buf_str(out), out->len };
		return r;
	case CW_VALUE_NUMBER:
		r = cw_parse_figure(text, false, 1, figure);
		if (r < 0)
			return r;
		cw_buf_reset(out);
		r = cw_buf_puts(out, figure);
		*ret = (struct cw_str){ cw_buf_str(out), out->len };
		return r;
	case CW_VALUE_WORD:
		for (const char *const *word = def->words; word; word++) {
			if (!*word)
				return -EINVAL;
			if (cw_str_eq(text, *word))
				break;
		}
		break;
	case CW_VALUE_TEXT:
		break;
	}
	if (text.len > CW_FIELD_MAX)
		return -ERANGE;
	*ret = text;
	return 0;
}

/* ---- ILACS ---- */

const char *cw_ilacs_framework(int32_t event_day)
{
	if (event_day == CW_DAY_NONE)
		return "ilacs";
	if (event_day >= cw_day_make(2026, 4, 1))
		return "ilacs_2026";
	return event_day >= cw_day_make(2023, 1, 1) ? "ilacs_2023" : "ilacs_2018";
}

enum cw_grade cw_ilacs_derive(enum cw_grade leaders, enum cw_grade help, enum cw_grade in_care,
                              enum cw_grade care_leavers, bool care_leavers_expected)
{
	const enum cw_grade all[] = { leaders, help, in_care, care_leavers };
	unsigned ri = 0, graded = 0;

	if (help == CW_GRADE_INADEQUATE || in_care == CW_GRADE_INADEQUATE || care_leavers == CW_GRADE_INADEQUATE)
		return CW_GRADE_INADEQUATE;
	for (size_t i = 0; i < CW_ARRAY_LEN(all); i++) {
		ri += all[i] == CW_GRADE_REQUIRES_IMPROVEMENT;
		graded += all[i] != CW_GRADE_NONE && all[i] != CW_GRADE_NOT_JUDGED;
	}
	if (leaders == CW_GRADE_INADEQUATE || ri >= 2)
		return CW_GRADE_REQUIRES_IMPROVEMENT;
	/* What is missing might have been adverse: calm needs every judgement. */
	if (graded == 4 || (graded == 3 && !care_leavers_expected &&
	                    (care_leavers == CW_GRADE_NONE || care_leavers == CW_GRADE_NOT_JUDGED)))
		return CW_GRADE_GOOD;
	return CW_GRADE_NONE;
}

bool cw_ilacs_care_leavers_expected(int32_t event_day)
{
	return event_day == CW_DAY_NONE || event_day >= cw_day_make(2023, 1, 1);
}

enum cw_grade cw_ilacs_headline(const struct cw_evidence *evidence, bool *ret_derived)
{
	enum cw_grade overall = cw_evidence_grade(evidence, CW_VAL_OVERALL_EFFECTIVENESS);

	*ret_derived = false;
	if (overall != CW_GRADE_NONE && overall != CW_GRADE_NOT_JUDGED)
		return overall;
	*ret_derived = true;
	return cw_ilacs_derive(
	    cw_evidence_grade(evidence, CW_VAL_IMPACT_OF_LEADERS),
	    cw_evidence_grade(evidence, CW_VAL_HELP_AND_PROTECTION), cw_evidence_grade(evidence, CW_VAL_IN_CARE),
	    cw_evidence_grade(evidence, CW_VAL_CARE_LEAVERS), cw_ilacs_care_leavers_expected(evidence->event_day));
}

/* ---- reasons ---- */

static const struct {
	const char *name;
	bool quarantines;
	bool document;
	const char *mend;
} reasons[CW_REASON_COUNT] = {
	[CW_REASON_NONE] = { "none", false, false, "" },
	[CW_REASON_BLANK_ROW] = { "blank_row", false, false, "Nothing to do: the row is empty." },
	[CW_REASON_DUPLICATE_ROW] = { "duplicate_row", false, false,
	                              "Nothing to do: the document says the same twice." },
	[CW_REASON_IGNORED] = { "ignored", false, false,
	                        "Nothing to do: the feed's configuration leaves such rows out." },
	[CW_REASON_UNKNOWN_COUNCIL] = { "unknown_council", true, false,
	                                "If this is a council with children's services, add the spelling or code to "
	                                "aliases.csv." },
	[CW_REASON_AMBIGUOUS_COUNCIL] = { "ambiguous_council", true, false,
	                                  "Add a column with a code to the feed's record.council, or dates to the "
	                                  "alias." },
	[CW_REASON_COUNCIL_CONFLICT] = { "council_conflict", true, false,
	                                 "The row's codes and names point to different councils: tell the publisher, "
	                                 "or leave the wrong column out of record.council." },
	[CW_REASON_COUNCIL_NOT_THEN] = { "council_not_then", true, false,
	                                 "The council did not exist on that date: check the date, or the dates in "
	                                 "councils.csv and aliases.csv." },
	[CW_REASON_BAD_DATE] = { "bad_date", true, false, "Check the row's date and the feed's date_format." },
	[CW_REASON_BAD_VALUE] = { "bad_value", true, false,
	                          "Add the text to the feed's value table, or to its absent list if it means 'not "
	                          "stated'." },
	[CW_REASON_NO_OUTCOME] = { "no_outcome", true, false,
	                           "The row says nothing about its council: check the publisher's page." },
	[CW_REASON_BAD_ROW] = { "bad_row", true, false,
	                        "The row is not of this table's form: check the publisher's document." },
	[CW_REASON_MISSING_COLUMN] = { "missing_column", true, true,
	                               "Add the publisher's new heading to the feed's record." },
	[CW_REASON_NO_ROWS] = { "no_rows", true, true, "The document has no rows: check the publisher's page." },
	[CW_REASON_UNPARSABLE] = { "unparsable", true, true,
	                           "The document is not of the feed's format: check the URL and format." },
	[CW_REASON_TOO_LARGE] = { "too_large", true, true, "Raise the feed's max_size if the document is genuine." },
	[CW_REASON_POISON] = { "poison", true, true,
	                       "The document ended its worker twice: keep it and report it as a defect." },
	[CW_REASON_NOT_ABOUT] = { "not_about", false, false, "Nothing to do: the text names no council." },
	[CW_REASON_NOT_A_SIGNAL] = { "not_a_signal", false, false,
	                             "Nothing to do, unless a rule in phrases.conf should have known it." },
	[CW_REASON_UNRESOLVED_COUNCIL] = { "unresolved_council", true, false,
	                                   "Decide which council is meant: add the name with its cue to aliases.csv, "
	                                   "or say that it is none." },
	[CW_REASON_PERSONAL_DATA] = { "personal_data", true, false,
	                              "Say it again without names, initials or circumstances of people." },
	[CW_REASON_SERVER_REFUSED] = { "server_refused", true, true,
	                               "The server says that the request is wrong: mend the feed's url." },
	[CW_REASON_NOT_A_COUNCIL] = { "not_a_council", false, false,
	                              "Nothing to do: it is a region, a nation, a district or another body without "
	                              "children's services." },
	[CW_REASON_SUPPRESSED] = { "suppressed", false, false,
	                           "Nothing to do: the publisher gives no figure for it, to protect people or because "
	                           "there is none." },
	[CW_REASON_CONTRADICTION] = { "contradiction", true, false,
	                              "Read the text and import what it says as a classified statement, or drop it." },
	[CW_REASON_FOLLOWED] = { "followed", false, false, "Nothing to do: the document behind the link is fetched." },
};

const char *cw_reason_name(enum cw_reason reason)
{
	return reason < CW_REASON_COUNT ? reasons[reason].name : "unknown";
}

const char *cw_reason_mend(enum cw_reason reason)
{
	return reason < CW_REASON_COUNT ? reasons[reason].mend : "";
}

bool cw_reason_quarantines(enum cw_reason reason)
{
	return reason < CW_REASON_COUNT && reasons[reason].quarantines;
}

bool cw_reason_is_document(enum cw_reason reason)
{
	return reason < CW_REASON_COUNT && reasons[reason].document;
}

/* ---- wire form ---- */

/* Days and times travel shifted so that "not stated" is 0 and the rest positive: zigzag plus one. */
static uint64_t shift_out(int64_t value, int64_t none)
{
	return value == none ? 0 : (((uint64_t)value << 1) ^ (uint64_t)(value >> 63)) + 1;
}

static int64_t shift_in(uint64_t wire, int64_t none)
{
	uint64_t z = wire - 1;

	return wire == 0 ? none : (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
}

/* Read by cw_evidence_get. */
int cw_evidence_put(struct cw_buf *buf, const struct cw_evidence *evidence)
{
	cw_buf_put_u8(buf, (uint8_t)evidence->kind);
	cw_buf_put_u8(buf, (uint8_t)evidence->tier);
	cw_buf_put_str(buf, evidence->council_id);
	cw_buf_put_varint(buf, shift_out(evidence->event_day, CW_DAY_NONE));
	cw_buf_put_varint(buf, shift_out(evidence->published_at.ms, CW_WALL_NONE));
	cw_buf_put_varint(buf, shift_out(evidence->fetched_at.ms, CW_WALL_NONE));
	cw_buf_put_str(buf, evidence->publisher);
	cw_buf_put_str(buf, evidence->url);
	cw_buf_put_str(buf, evidence->title);
	cw_buf_put_str(buf, evidence->quote);
	cw_buf_put_str(buf, evidence->key);
	cw_buf_put_varint(buf, evidence->row);
	cw_buf_put_u8(buf, (uint8_t)evidence->n_values);
	for (size_t i = 0; i < evidence->n_values; i++) {
		cw_buf_put_u8(buf, (uint8_t)evidence->value[i].id);
		cw_buf_put_str(buf, evidence->value[i].text);
	}
	return buf->failed;
}

/* Years 1 to 9999 as days and as milliseconds: what clock.h can print. */
#define DAY_LEAST (-719162)
#define DAY_MOST 2932896

static bool day_sane(int64_t day)
{
	return day == CW_DAY_NONE || (day >= DAY_LEAST && day <= DAY_MOST);
}

static bool wall_sane(int64_t ms)
{
	return ms == CW_WALL_NONE || (ms >= DAY_LEAST * 86400000ll && ms <= DAY_MOST * 86400000ll);
}

/* A value must be what cw_value_parse would have made of it: the sender is not trusted to have asked. */
static bool value_canonical(enum cw_value_id id, struct cw_str text)
{
	const struct cw_value_def *def = cw_value_def(id);
	char printed[24], figure[CW_NUMBER_TEXT];
	int64_t integer;

	if (!text.len)
		return false;
	switch (def->type) {
	case CW_VALUE_GRADE:
		for (int g = CW_GRADE_OUTSTANDING; g < CW_GRADE_COUNT; g++)
			if (cw_str_eq(text, grade_names[g]))
				return true;
		return false;
	case CW_VALUE_INTEGER:
		if (cw_parse_integer(text, &integer) < 0 || integer < def->min || integer > def->max)
			return false;
		snprintf(printed, sizeof(printed), "%lld", (long long)integer);
		return cw_str_eq(text, printed);
	case CW_VALUE_WORD:
		if (!def->words)
			return text.len <= CW_NAME_MAX;
		for (const char *const *word = def->words; *word; word++)
			if (cw_str_eq(text, *word))
				return true;
		return false;
	case CW_VALUE_DATE: {
		int32_t day;

		return text.len == 10 && cw_date_parse(text.at, text.len, "%Y-%m-%d", &day) == 0;
	}
	case CW_VALUE_NUMBER:
		return cw_parse_figure(text, false, 1, figure) == 0 && cw_str_eq(text, figure);
	case CW_VALUE_TEXT:
		return true;
	}
	return false;
}

/* Written by cw_evidence_put. */
int cw_evidence_get(struct cw_cursor *cursor, struct cw_evidence *ret, struct cw_error *err)
{
	struct cw_evidence e = { 0 };
	int64_t day;
	uint8_t tier;

	e.kind = (enum cw_kind)cw_get_u8(cursor);
	tier = cw_get_u8(cursor);
	e.council_id = cw_get_str(cursor, CW_NAME_MAX);
	day = shift_in(cw_get_varint(cursor), CW_DAY_NONE);
	e.published_at.ms = shift_in(cw_get_varint(cursor), CW_WALL_NONE);
	e.fetched_at.ms = shift_in(cw_get_varint(cursor), CW_WALL_NONE);
	e.publisher = cw_get_str(cursor, 256);
	e.url = cw_get_str(cursor, CW_URL_MAX);
	e.title = cw_get_str(cursor, CW_FIELD_MAX);
	e.quote = cw_get_str(cursor, 4 * CW_QUOTE_MAX);
	e.key = cw_get_str(cursor, CW_FIELD_MAX);
	e.row = cw_get_varint(cursor);
	e.n_values = cw_get_u8(cursor);
	if (cursor->bad || e.n_values > CW_VALUES_MAX || !cw_kind_def(e.kind) || tier > CW_TIER_D ||
	    !e.council_id.len || !day_sane(day) || !wall_sane(e.published_at.ms) || !wall_sane(e.fetched_at.ms)) {
		cursor->bad = true;
		return cw_error_set(err, -EBADMSG, "malformed evidence record");
	}
	e.event_day = (int32_t)day;
	e.tier = (enum cw_tier)tier;
	for (size_t i = 0; i < e.n_values; i++) {
		e.value[i].id = (enum cw_value_id)cw_get_u8(cursor);
		e.value[i].text = cw_get_str(cursor, CW_FIELD_MAX);
		if (cursor->bad || !cw_kind_allows(e.kind, e.value[i].id) ||
		    (i && e.value[i].id <= e.value[i - 1].id) || !value_canonical(e.value[i].id, e.value[i].text)) {
			cursor->bad = true;
			return cw_error_set(err, -EBADMSG, "malformed value in an evidence record of kind %s",
			                    cw_kind_def(e.kind)->name);
		}
	}
	*ret = e;
	return 0;
}

/* Read by cw_reject_get. */
int cw_reject_put(struct cw_buf *buf, const struct cw_reject *reject)
{
	cw_buf_put_u8(buf, (uint8_t)reject->reason);
	cw_buf_put_varint(buf, reject->row);
	cw_buf_put_str(buf, reject->field);
	cw_buf_put_str(buf, reject->text);
	return cw_buf_put_str(buf, reject->detail);
}

/* Written by cw_reject_put. */
int cw_reject_get(struct cw_cursor *cursor, struct cw_reject *ret, struct cw_error *err)
{
	struct cw_reject reject;
	uint8_t reason = cw_get_u8(cursor);

	reject.row = cw_get_varint(cursor);
	reject.field = cw_get_str(cursor, 256);
	reject.text = cw_get_str(cursor, 256);
	reject.detail = cw_get_str(cursor, CW_ERROR_TEXT_MAX);
	if (cursor->bad || reason == CW_REASON_NONE || reason >= CW_REASON_COUNT) {
		cursor->bad = true;
		return cw_error_set(err, -EBADMSG, "malformed rejected row");
	}
	reject.reason = (enum cw_reason)reason;
	*ret = reject;
	return 0;
}
