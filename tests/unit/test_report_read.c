/* The grammar of inspection reports, on lines of text that stand where a page has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <report.h>

#define IN(year)                                                                                                       \
	"Inspection of Barsetshire local authority\n"                                                                  \
	"children\xe2\x80\x99s services\n\n"                                                                           \
	"Inspection dates: 4 to 15 May " year "\n\n"                                                                   \
	" Judgement                                  Grade\n\n"
#define TODAY IN("2024")
#define LEADERS(grade)                                                                                                 \
	" The impact of leaders on social work       " grade "\n practice with children and families\n\n"
#define HELP(grade)                                                                                                    \
	" The experiences and progress of            " grade "\n children who need help and protection\n\n"
#define IN_CARE(grade) " The experiences and progress of            " grade "\n children in care\n\n"
#define LEAVERS(grade) " The experiences and progress of care       " grade "\n leavers\n\n"
#define OVERALL(grade) " Overall effectiveness                      " grade "\n\n"
#define PROSE                                                                                                          \
	"Services have improved since the last inspection, and they are now much steadier. Leaders\n"                  \
	"know what has to be done.\n\n"
#define ALL_GOOD TODAY LEADERS("Good") HELP("Good") IN_CARE("Good") LEAVERS("Good") OVERALL("Good")

#define SIF                                                                                                            \
	"Barsetshire County Council\n"                                                                                 \
	"Inspection of services for children in need of help and\nprotection, children looked after and care leavers\n" \
	"and\nReview of the effectiveness of the Local Safeguarding Children\nBoard1\n\n"                              \
	"Inspection date: 24 February \xe2\x80\x93 18 March 2015\n\nReport published: 12 May 2015\n\n"
#define SIF_TABLE(help, care, adoption, leavers, leaders)                                                              \
	"1. Children who need help and protection                               " help "\n"                            \
	"2. Children looked after and achieving\n"                                                                     \
	"                                                                       " care "\n"                            \
	"   permanence\n"                                                                                              \
	"          2.1 Adoption performance                                     " adoption "\n"                        \
	"          2.2 Experiences and progress of care leavers                 " leavers "\n"                         \
	"3. Leadership, management and governance                               " leaders "\n\n"
#define BOARD "The effectiveness of the Local Safeguarding Children Board (LSCB) is\ninadequate.\n\n"

struct read_case {
	const char *name;
	const char *lines;
	const char *expected;
};

static const struct read_case cases[] = {
	{ "today's table", ALL_GOOD PROSE,
	  "ilacs Barsetshire 2024-05-04 2024-05-15 impact_of_leaders=good help_and_protection=good in_care=good "
	  "care_leavers=good overall_effectiveness=good" },
	{ "a grade on two lines beside a label on one",
	  TODAY LEADERS("Good") HELP("Good") IN_CARE("Good") LEAVERS("Good")
	  "                                            Requires improvement\n Overall effectiveness\n"
	  "                                            to be good\n\n" PROSE,
	  "ilacs Barsetshire 2024-05-04 2024-05-15 impact_of_leaders=good help_and_protection=good in_care=good "
	  "care_leavers=good overall_effectiveness=requires_improvement" },
	{ "no overall grade before there were such reports",
	  TODAY LEADERS("Good") HELP("Inadequate") IN_CARE("Good") LEAVERS("Requires improvement to be good") PROSE,
	  "ilacs Barsetshire 2024-05-04 2024-05-15 impact_of_leaders=good help_and_protection=inadequate in_care=good "
	  "care_leavers=requires_improvement !bad_value overall_effectiveness" },
	{ "no overall grade since April 2026",
	  IN("2026") LEADERS("Good") HELP("Inadequate") IN_CARE("Good") LEAVERS("Requires improvement to be good") PROSE,
	  "ilacs Barsetshire 2026-05-04 2026-05-15 impact_of_leaders=good help_and_protection=inadequate in_care=good "
	  "care_leavers=requires_improvement" },
	{ "columns that touch",
	  IN("2024") " The impact of leaders on social work Good\n practice with children and families\n\n"
	             " The experiences and progress of children who need Requires improvement\n help and protection to be good\n\n"
	             " The experiences and progress of children in care Outstanding\n\n"
	             " The experiences and progress of care leavers Inadequate\n\n Overall effectiveness Inadequate\n\n" PROSE,
	  "ilacs Barsetshire 2024-05-04 2024-05-15 impact_of_leaders=good help_and_protection=requires_improvement "
	  "in_care=outstanding care_leavers=inadequate overall_effectiveness=inadequate" },
	{ "a last row that is not understood",
	  IN("2026") LEADERS("Good") HELP("Good") IN_CARE("Good") LEAVERS("Good") " Overall effectivenessInadequate\n\n" PROSE,
	  "ilacs Barsetshire 2026-05-04 2026-05-15 !bad_value overall_effectiveness" },
	{ "a table over two pages", IN("2024") LEADERS("Good") HELP("Good") "\f" IN_CARE("Good") LEAVERS("Good") OVERALL("Good") PROSE,
	  "ilacs Barsetshire 2024-05-04 2024-05-15 impact_of_leaders=good help_and_protection=good in_care=good "
	  "care_leavers=good overall_effectiveness=good" },
	{ "a table over two pages that lacks a grade",
	  IN("2024") LEADERS("Good") HELP("Good") "\f" IN_CARE("") LEAVERS("Good") OVERALL("Good") PROSE,
	  "ilacs Barsetshire 2024-05-04 2024-05-15 !bad_value overall_effectiveness" },
	{ "a table over two pages that lacks a row",
	  IN("2024") LEADERS("Good") HELP("Good") "\f" LEAVERS("Good") OVERALL("Good") PROSE,
	  "ilacs Barsetshire 2024-05-04 2024-05-15 !bad_value overall_effectiveness" },
	{ "a table over two pages that judges the same twice",
	  IN("2024") LEADERS("Good") HELP("Good") IN_CARE("Good") "\f" IN_CARE("Inadequate") LEAVERS("Good") OVERALL("Good") PROSE,
	  "ilacs Barsetshire 2024-05-04 2024-05-15 !bad_value overall_effectiveness" },
	{ "the overall grade on the next page",
	  IN("2024") LEADERS("Good") HELP("Good") IN_CARE("Good") LEAVERS("Inadequate") "\f" OVERALL("Requires improvement to be good") PROSE,
	  "ilacs Barsetshire 2024-05-04 2024-05-15 impact_of_leaders=good help_and_protection=good in_care=good "
	  "care_leavers=inadequate overall_effectiveness=requires_improvement" },
	{ "a table over three pages",
	  IN("2024") LEADERS("Good") HELP("Good") "\f" PROSE "\f" IN_CARE("Good") LEAVERS("Good") OVERALL("Good"),
	  "ilacs Barsetshire 2024-05-04 2024-05-15 !bad_value overall_effectiveness" },
	{ "prose behind the table that begins with a grade",
	  ALL_GOOD "Inadequate plans were found for some children, and leaders know that this must change.\n",
	  "ilacs Barsetshire 2024-05-04 2024-05-15 impact_of_leaders=good help_and_protection=good in_care=good "
	  "care_leavers=good overall_effectiveness=good" },
	{ "soft hyphens, ligatures and a footnote",
	  IN("2024") " The impact of leaders on so\xc2\xad" "cial work       Good\n practice with children and families\n\n" HELP(
	      "Good1") IN_CARE("Good") LEAVERS("Good") " Overall e\xef\xac\x80" "ectiveness1                      Good\n\n" PROSE,
	  "ilacs Barsetshire 2024-05-04 2024-05-15 impact_of_leaders=good help_and_protection=good in_care=good "
	  "care_leavers=good overall_effectiveness=good" },
	{ "a grade is missing", TODAY LEADERS("Good") HELP("") IN_CARE("Good") LEAVERS("Good") OVERALL("Good") PROSE,
	  "ilacs Barsetshire 2024-05-04 2024-05-15 !bad_value overall_effectiveness" },
	{ "a grade that is none", TODAY LEADERS("Good") HELP("Goodish") IN_CARE("Good") LEAVERS("Good") OVERALL("Good") PROSE,
	  "ilacs Barsetshire 2024-05-04 2024-05-15 !bad_value overall_effectiveness" },
	{ "table and heading agree",
	  ALL_GOOD PROSE "\fThe experiences and progress of children who need help and\nprotection: good\n1.   Most children are well.\n",
	  "ilacs Barsetshire 2024-05-04 2024-05-15 impact_of_leaders=good help_and_protection=good in_care=good "
	  "care_leavers=good overall_effectiveness=good" },
	{ "table and heading differ",
	  ALL_GOOD PROSE
	  "\fThe experiences and progress of children who need help and\nprotection: inadequate\n1.   Most children are well.\n",
	  "ilacs Barsetshire 2024-05-04 2024-05-15 impact_of_leaders=good in_care=good care_leavers=good "
	  "overall_effectiveness=good !bad_value help_and_protection" },
	{ "a sentence that only begins like a heading",
	  ALL_GOOD PROSE "\fThe experiences and progress of care leavers are good overall and inadequate\nfor some of them.\n",
	  "ilacs Barsetshire 2024-05-04 2024-05-15 impact_of_leaders=good help_and_protection=good in_care=good "
	  "care_leavers=good overall_effectiveness=good" },
	{ "headline, table, and the grade of the board",
	  SIF "Children\xe2\x80\x99s services in Barsetshire require improvement to be\ngood\n\n" SIF_TABLE(
	      "Requires improvement", "Good", "Outstanding", "Good", "Good") BOARD,
	  "sif Barsetshire County Council 2015-02-24 2015-03-18 published 2015-05-12 help_and_protection=requires_improvement "
	  "in_care=good adoption=outstanding care_leavers=good leadership_management_governance=good "
	  "overall_effectiveness=requires_improvement" },
	{ "a judgement with another's number",
	  SIF "Children\xe2\x80\x99s services in Barsetshire are good\n\n"
	      "1. Children who need help and protection                               Good\n"
	      "2. Children looked after and achieving permanence                      Good\n"
	      "          2.1 Adoption performance                                     Good\n"
	      "          2.2 Experiences and progress of care leavers                 Good\n"
	      "1. Leadership, management and governance                               Outstanding\n\n",
	  "sif Barsetshire County Council 2015-02-24 2015-03-18 published 2015-05-12 help_and_protection=good in_care=good "
	  "adoption=good care_leavers=good leadership_management_governance=outstanding overall_effectiveness=good" },
	{ "what an earlier inspection came to",
	  SIF "Children\xe2\x80\x99s services in Barsetshire are good\n\n" SIF_TABLE("Good", "Good", "Good", "Good", "Good")
	      "\fPrevious Ofsted inspections\n\nLeadership, management and governance: inadequate\n\nLocal leadership\n"
	      "\f  \xe2\x88\x92 Leadership, management and governance: inadequate.\n",
	  "sif Barsetshire County Council 2015-02-24 2015-03-18 published 2015-05-12 help_and_protection=good in_care=good "
	  "adoption=good care_leavers=good leadership_management_governance=good overall_effectiveness=good" },
	{ "a heading below what an earlier inspection came to",
	  SIF "Children\xe2\x80\x99s services in Barsetshire are good\n\n" SIF_TABLE("Good", "Good", "Good", "Good", "Good")
	      "\fPrevious Ofsted inspections\n\nLocal leadership\n\nLeadership, management and governance: inadequate\n",
	  "sif Barsetshire County Council 2015-02-24 2015-03-18 published 2015-05-12 help_and_protection=good in_care=good "
	  "adoption=good care_leavers=good overall_effectiveness=good !bad_value leadership_management_governance" },
	{ "a re-inspection in one word, a rule of a box for a dash",
	  "Barsetshire Council\nReinspection of services for children in need of help and\nprotection, children looked after and "
	  "care leavers\n\nInspection date: 7 March 2016 \xe2\x94\x80 11 April 2016\n\n"
	  "Children\xe2\x80\x99s services in Barsetshire are good\n\n" SIF_TABLE("Good", "Good", "Good", "Good", "Good"),
	  "sif Barsetshire Council 2016-03-07 2016-04-11 help_and_protection=good in_care=good adoption=good care_leavers=good "
	  "leadership_management_governance=good overall_effectiveness=good" },
	{ "the first form of the headline",
	  SIF "The overall judgement is that children\xe2\x80\x99s services require\nimprovement\n\nThe authority is not yet there.\n\n" SIF_TABLE(
	      "Require improvement", "Good", "Good", "Good", "Good"),
	  "sif Barsetshire County Council 2015-02-24 2015-03-18 published 2015-05-12 help_and_protection=requires_improvement "
	  "in_care=good adoption=good care_leavers=good leadership_management_governance=good "
	  "overall_effectiveness=requires_improvement" },
	{ "no headline: the board's is not taken",
	  SIF "The Local Safeguarding Children Board is good\n\n" SIF_TABLE("Good", "Good", "Good", "Good", "Good") BOARD,
	  "sif Barsetshire County Council 2015-02-24 2015-03-18 published 2015-05-12 help_and_protection=good in_care=good "
	  "adoption=good care_leavers=good leadership_management_governance=good !bad_value overall_effectiveness" },
	{ "two headlines that differ",
	  SIF "The overall judgement is good\n\nChildren\xe2\x80\x99s services in Barsetshire are inadequate\n\n" SIF_TABLE(
	      "Good", "Good", "Good", "Good", "Good"),
	  "sif Barsetshire County Council 2015-02-24 2015-03-18 published 2015-05-12 help_and_protection=good in_care=good "
	  "adoption=good care_leavers=good leadership_management_governance=good !bad_value overall_effectiveness" },
	{ "a board alone",
	  "Barsetshire Safeguarding Children Board\nReview of the effectiveness of the Local Safeguarding Children\nBoard\n\n"
	  "Inspection date: 15 June 2015 \xe2\x80\x93 17 June 2015\nReport published: 3 August 2015\n\n"
	  "The Local Safeguarding Children Board requires improvement\n",
	  "safeguarding_board_review Barsetshire 2015-06-15 2015-06-17 published 2015-08-03" },
	{ "the old scale",
	  "Inspection of looked after children\nservices\n\nBarset Council\n\nInspection dates:   15-19 July 2013\n"
	  "Published:   23 August 2013\n\f\n\nRecord of main findings\nServices for looked after children\n\n"
	  " Overall effectiveness                                             Adequate Grade 3\n\n"
	  " Capacity to improve                                                Good Grade 2\n\n"
	  " Outcomes for looked after children and                            Adequate Grade 3\n young people\n\n"
	  " Quality of provision                                              Adequate Grade 3\n\n"
	  " Leadership and management                                         Inadequate Grade 4\n",
	  "sif Barset Council 2013-07-15 2013-07-19 published 2013-08-23 leadership_management_governance=inadequate "
	  "!bad_value overall_effectiveness" },
	{ "number and word of a grade differ",
	  "Inspection of looked after children services\nBarset Council\nInspection dates:   15-19 July 2013\n\f"
	  "Record of main findings\n"
	  " Overall effectiveness                                             Good Grade 4\n\n"
	  " Capacity to improve                                                Good Grade 2\n",
	  "sif Barset Council 2013-07-15 2013-07-19 !bad_value overall_effectiveness" },
	{ "a focused visit with areas for priority action",
	  "25 March 2022\n\nDear Director\n\nFocused visit to Barsetshire children\xe2\x80\x99s services\n\n"
	  "This letter summarises the findings of the focused visit to Barsetshire on 1 and 2\nMarch 2022.\n\n"
	  "Areas for priority action\n\n\xe2\x80\xa2 The oversight of thresholds.\n\xe2\x80\xa2 The oversight of plans, which takes\n  two lines.\n\n"
	  "What needs to improve in this area of social work practice\n\n\xe2\x80\xa2 Supervision.\n",
	  "ilacs_focused_visit Barsetshire 2022-03-01 2022-03-02 priority_actions=2" },
	{ "a focused visit without",
	  "Dear Director\n\nFocused visit to Barsetshire local authority children's services\n\n"
	  "This letter summarises the findings of the focused visit on 1 and 2 March 2022. Things go well here.\n",
	  "ilacs_focused_visit Barsetshire 2022-03-01 2022-03-02 priority_actions=0" },
	{ "a monitoring visit that speaks of a focused one",
	  "Dear Director\n\nMonitoring visit of Barsetshire children's services\n\n"
	  "This letter summarises the findings of the monitoring visit on 9 and 10 November 2022, the first since the\n"
	  "Focused visit in 2021. There is better practice.\n",
	  "ilacs_monitoring_visit Barsetshire 2022-11-09 2022-11-10 priority_actions=0" },
	{ "a title over two lines",
	  "Dear partnership\n\nJoint targeted area inspection of Barset and\nPlumstead Episcopi\n\n"
	  "This letter summarises the findings. The inspection took place from 6 to 10 March 2023.\n",
	  "jtai Barset and Plumstead Episcopi 2023-03-06 2023-03-10 priority_actions=0" },
	{ "a letter that says that there are no priority actions",
	  "Dear partnership\n\nJoint targeted area inspection of Barset\n\n"
	  "The inspection took place from 6 to 10 March 2023. There are no priority actions.\n",
	  "jtai Barset 2023-03-06 2023-03-10 priority_actions=0" },
	{ "a letter that speaks of priority actions",
	  "Dear partnership\n\nJoint targeted area inspection of Barset\n\n"
	  "The inspection took place from 6 to 10 March 2023. There are priority actions.\n",
	  "jtai Barset 2023-03-06 2023-03-10 !bad_value priority_actions" },
	{ "days without a year",
	  "3 January 2017\nDear partnership\n\nJoint targeted area inspection of the multi-agency response to abuse and\n"
	  "neglect in Barset\n\nBetween 28 November and 2 December, inspectors came.\n",
	  "jtai multi-agency response to abuse and neglect in Barset 2016-11-28 2016-12-02 priority_actions=0 "
	  "theme=abuse and neglect" },
	{ "days without a year of a letter without a date",
	  "Dear partnership\n\nJoint targeted area inspection of Barset\n\nBetween 28 November and 2 December, inspectors came.\n",
	  "jtai Barset priority_actions=0" },
	{ "the theme is the title's, or none",
	  "Dear partnership\n\nJoint targeted area inspection of the multi-agency response to loneliness in Barset\n\n"
	  "The inspection took place from 6 to 10 March 2023. Elsewhere it was the response to domestic abuse.\n",
	  "jtai multi-agency response to loneliness in Barset 2023-03-06 2023-03-10 priority_actions=0" },
	{ "nothing that is known", "A report\n\nabout something else\n", "none" },
	{ "nothing", "", "none" },
};

static void put_day(char *out, size_t size, const char *before, int32_t day)
{
	char text[CW_WALL_TEXT];

	if (day != CW_DAY_NONE)
		snprintf(out + strlen(out), size - strlen(out), " %s%s", before, cw_day_format(day, text));
}

static void test_read(void **state)
{
	const struct read_case *c = *state;
	struct cw_report_text text;
	struct cw_report report;
	char out[2000];

	cw_report_text_init(&text);
	assert_int_equal(cw_report_text_lines(&text, cw_str(c->lines)), 0);
	assert_int_equal(cw_report_read(&text, &report), 0);
	snprintf(out, sizeof(out), "%s", report.kind ? cw_kind_def(report.kind)->name : "none");
	if (report.n_names)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), " %.*s", (int)report.names[0].len, report.names[0].at);
	put_day(out, sizeof(out), "", report.start);
	put_day(out, sizeof(out), "", report.end);
	put_day(out, sizeof(out), "published ", report.published);
	for (size_t i = 0; i < report.n_values; i++)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), " %s=%.*s", cw_value_def(report.values[i].id)->name,
		         (int)report.values[i].text.len, report.values[i].text.at);
	for (size_t i = 0; i < report.n_problems; i++)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), " !%s %s", cw_reason_name(report.problems[i].reason),
		         report.problems[i].field);
	assert_string_equal(out, c->expected);
	cw_report_clear(&report);
	cw_report_text_clear(&text);
}

int main(void)
{
	static struct CMUnitTest tests[CW_ARRAY_LEN(cases)];

	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++)
		tests[i] = (struct CMUnitTest){ .name = cases[i].name,
			                        .test_func = test_read,
			                        .initial_state = (void *)(uintptr_t)&cases[i] };
	return _cmocka_run_group_tests("report_read", tests, CW_ARRAY_LEN(tests), NULL, NULL);
}
