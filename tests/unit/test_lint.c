/*
 * The lint against labelled examples: what must be found, by which rule and where, and what must pass. All of them are made up; the
 * names in them are nobody's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <councilwatch/lint.h>

static struct cw_councils *councils;

static const char *const good[] = {
	"Placement sufficiency is the council's main concern this quarter.",
	"Director of Children's Services leaving at the end of May; interim in place from June.",
	"The Director of Children's Services has resigned. The chief executive is covering.",
	"St. Helens has asked for a peer review of its front door.",
	"West Northamptonshire and North Northamptonshire share a children's trust.",
	"Mersey region: three councils without a permanent DCS.",
	"Lead member changed after the May elections; new lead member has had no training yet.",
	"Agency social workers are 34% of the workforce, up from 22% a year ago.",
	"Social worker vacancies at 28%; recruitment paused until the budget is set.",
	"Social Work England is looking at supervision arrangements.",
	"The improvement board met on 12 March 2024 and noted slow progress.",
	"Ofsted focused visit on 3-4 September found delays in strategy meetings.",
	"High needs deficit of £34,567,000 at 31 March 2024, about 18% of income.",
	"EHC plans issued in 20 weeks fell from 61.4% to 12.1%.",
	"URN 80426, LA code 380, inspection number 50123456.",
	"See https://www.example.gov.uk/reports/2024/0123456789-a for the published letter.",
	"Caseloads of 26 in the assessment teams; the target is 18.",
	"16- and 17-year-olds in unregulated placements: 14, all known to the board.",
	"Two-year-old entitlement take-up is the lowest in the region.",
	"Children aged 5 to 7 wait longest for assessment.",
	"Offer for 3-year-olds was cut in the January budget.",
	"The parent carer forum has written to the council about co-production.",
	"Mother and baby unit closed; no replacement commissioned.",
	"Family Hubs funding ends in March; no plan to sustain them.",
	"Family First Partnership programme is behind schedule.",
	"Child Safeguarding Practice Review published on 4 June; learning plan agreed.",
	"Child and adolescent mental health services: waits over 52 weeks.",
	"Child A&E attendances are reported monthly.",
	"Student A level results were above the national average.",
	"Adult social care overspend puts pressure on children's budgets.",
	"Section 114 notice likely this year according to the finance officer.",
	"The Section 151 officer left in April; an interim is in post.",
	"Bradford Children and Families Trust reports to the commissioner quarterly.",
	"Achieving for Children runs services for three councils.",
	"The Lord Mayor opened the new family hub.",
	"Barnardo's and Action for Children lost their contracts in the retender.",
	"King George Hospital safeguarding team has withdrawn from the MASH.",
	"The Thomas Coram Foundation evaluated the programme.",
	"Martin House Hospice has agreed a short-breaks contract.",
	"The judgment [2023] EWHC 123 (Admin) criticised the council's policy on transport.",
	"R v Kent is cited in the policy paper on age assessment.",
	"Leeds is paired with Kirklees for sector-led improvement.",
	"Reading has two tribunals pending about its transport policy.",
	"Telephone response times at the contact centre improved to 4 minutes.",
	"The helpline took 1,204 calls in 2023-24, of which 310 were about SEND.",
	"Contact centre: 94% of 10 234 calls answered.",
	"The council has 0 permanent heads of service in children's social care.",
	"Sickness absence among social workers is 14 days a year, the highest in the region.",
	"Mental health support teams cover 41% of schools.",
	"Senior managers are stretched; three of five heads of service posts are interim.",
	"Whistleblowing policy was revised after a scrutiny review.",
	"Staff survey: morale low, workload the main reason.",
	"An employment tribunal about pay grades is listed for autumn.",
	"The council was suspended from the apprenticeship register.",
	"Children born in 2014 make up the largest year group.",
	"Records often lack a date of birth or ethnicity.",
	"NHS trust has left the partnership board.",
	"The NHS number is recorded in 71% of plans.",
	"Case numbers rose by 12% in the quarter.",
	"Mosaic migration is late; go-live is now 1 October 2025.",
	"Meeting at 18 Smith Square on 4 March.",
	"Office moved from Mill Lane to Station Road.",
	"Postal code analysis shows need in the LS8 and LS9 areas.",
	"Grade: Requires improvement. Impact of leaders: Inadequate.",
	"Re-inspection expected by April 2026.",
	"A new chief executive, the third in four years, starts in May.",
	"Leadership: permanent DCS appointed from a neighbouring council.",
	"The director says that the plan is on track; the board is less sure.",
	"May will be decisive for the budget.",
	"Councillors on the scrutiny panel asked for figures twice.",
	"Councillor Development Programme has no children's module.",
	"Sir or Madam letters from the ombudsman were left unanswered for months.",
	"Dr. appointments for looked after children are late in a third of cases.",
	"Miss this deadline and the improvement notice follows.",
	"Judge the plan by its results.",
	"Sister councils in the city region offer mutual aid.",
	"The council's social workers, Ofsted said, know children well.",
	"Social worker apprenticeships: 12 places, 40 applicants.",
	"Team manager Leeds secondment ended in June.",
	"Aged debt of £2.1m owed by schools.",
	"One in four pupils has SEN support; the plan is 3 years old.",
	"The contract is one year old and already over budget.",
	"The mother tongue of 40% of pupils is not English.",
	"It is a safe, legal and lawful scheme, the court found.",
	"Plan v delivery: the gap is growing.",
	"LA v tribunal outcomes: 96% of appeals go against the council.",
	"Youth justice: HMIP rated the service 'Requires improvement' in Wirral.",
	"Kent, Surrey and Essex have asked for the transport formula to be changed.",
	"Richmond upon Thames and Kingston upon Thames share a director.",
	"Isle of Wight leaves the partnership with Hampshire.",
	"Advice line hours: 0900 to 1700.",
	"Progress 8 was -0.25 in 2023.",
};

static const struct {
	const char *text, *span;
	enum cw_lint_rule rule;
} bad[] = {
	{ "Contact j.bloggs@anytown.gov.uk about the plan.", "j.bloggs@anytown.gov.uk", CW_LINT_EMAIL },
	{ "Her address is jo_bloggs+home@mail.example.org.", "jo_bloggs+home@mail.example.org", CW_LINT_EMAIL },
	{ "Ring 07700 900123 for details.", "07700 900123", CW_LINT_PHONE },
	{ "Ring 0113 496 0000 for details", "0113 496 0000", CW_LINT_PHONE },
	{ "tel: (020) 7946 0018", "(020) 7946 0018", CW_LINT_PHONE },
	{ "Mobile +44 7700 900123.", "+44 7700 900123", CW_LINT_PHONE },
	{ "mobile:07700900123", "07700900123", CW_LINT_PHONE },
	{ "The family lives at 14 Acacia Avenue and has been moved twice.", "lives at 14 Acacia Avenue", CW_LINT_ADDRESS },
	{ "Placed at 3 Elm Close, Anytown LS1 4AB since May.", "3 Elm Close, Anytown LS1 4AB", CW_LINT_ADDRESS },
	{ "Home is 22b Mill Hill Road.", "Home is 22b Mill Hill Road", CW_LINT_ADDRESS },
	{ "DOB 03/04/2012.", "DOB 03/04/2012", CW_LINT_BIRTH },
	{ "date of birth: 3 April 2012", "date of birth: 3 April 2012", CW_LINT_BIRTH },
	{ "D.O.B. 2012-04-03", "D.O.B. 2012-04-03", CW_LINT_BIRTH },
	{ "born on 3rd March 2015 in care", "born on 3rd March 2015", CW_LINT_BIRTH },
	{ "NHS number 943 476 5919", "943 476 5919", CW_LINT_NUMBER },
	{ "NHS no 9434765919 on the file", "NHS no 9434765919", CW_LINT_NUMBER },
	{ "NI number QQ 12 34 56 C was in the report", "QQ 12 34 56 C", CW_LINT_NUMBER },
	{ "QQ123456C", "QQ123456C", CW_LINT_NUMBER },
	{ "UPN A123456789012 was excluded", "A123456789012", CW_LINT_NUMBER },
	{ "Mosaic ID 1234567 is the worst case", "Mosaic ID 1234567", CW_LINT_NUMBER },
	{ "See case ref AB/123456.", "case ref AB/123456", CW_LINT_NUMBER },
	{ "Child K was moved eleven times.", "Child K", CW_LINT_INITIALS },
	{ "The review about Baby P is late.", "Baby P", CW_LINT_INITIALS },
	{ "child Q was not seen for weeks", "child Q", CW_LINT_INITIALS },
	{ "Family X has complained again.", "Family X", CW_LINT_INITIALS },
	{ "Mother B disputes the plan", "Mother B", CW_LINT_INITIALS },
	{ "In the matter of AB (a child) the court was critical.", "AB (a child", CW_LINT_INITIALS },
	{ "Re S is about the same department.", "Re S", CW_LINT_INITIALS },
	{ "R (TS) v Hackney was lost.", "TS) v", CW_LINT_INITIALS },
	{ "XY v Leeds City Council was settled.", "XY v", CW_LINT_INITIALS },
	{ "Mr Bloggs has left the board.", "Mr Bloggs", CW_LINT_TITLE },
	{ "Spoke with Mrs. Bloggs about it.", "Mrs. Bloggs", CW_LINT_TITLE },
	{ "Ms Bloggs-Doe chairs the panel.", "Ms Bloggs", CW_LINT_TITLE },
	{ "Dr Doe resigned.", "Dr Doe", CW_LINT_TITLE },
	{ "Cllr Doe is the new lead member.", "Cllr Doe", CW_LINT_TITLE },
	{ "Councillor Jo Bloggs asked for the figures", "Councillor Jo Bloggs", CW_LINT_TITLE },
	{ "Dame Doe wrote the review.", "Dame Doe", CW_LINT_TITLE },
	{ "Mrs K complained to the ombudsman.", "Mrs K", CW_LINT_TITLE },
	{ "Professor Doe advises the board.", "Professor Doe", CW_LINT_TITLE },
	{ "The DCS, Jane Bloggs, is leaving.", "Jane Bloggs", CW_LINT_NAME },
	{ "Sarah Doe will be interim director from May.", "Sarah Doe", CW_LINT_NAME },
	{ "Director of Children's Services John Doe has resigned.", "John Doe", CW_LINT_NAME },
	{ "Chief executive Mohammed Doe covers both posts.", "Mohammed Doe", CW_LINT_NAME },
	{ "Complaint by Karen O'Bloggs about transport", "Karen O'Bloggs", CW_LINT_NAME },
	{ "The social worker Bloggs did not visit.", "Bloggs", CW_LINT_NAME },
	{ "A social worker, Jo Bloggs, raised it.", "Jo Bloggs", CW_LINT_NAME },
	{ "social worker called Doe", "Doe", CW_LINT_NAME },
	{ "I met David yesterday; David is leaving.", "David", CW_LINT_NAME },
	{ "It is Michelle's view that the plan fails.", "Michelle's", CW_LINT_NAME },
	{ "as told by J. Bloggs of the union", "J. Bloggs", CW_LINT_NAME },
	{ "the headteacher Anna Doe wrote to us", "Anna Doe", CW_LINT_NAME },
	{ "The 7-year-old's mother was not told.", "7-year-old's", CW_LINT_FAMILY },
	{ "The mother of the seven year old girl has complained.", "mother of the seven year old", CW_LINT_FAMILY },
	{ "A 14-year-old girl was placed 200 miles away.", "14-year-old girl", CW_LINT_FAMILY },
	{ "The boy, aged 9, lives with his grandmother.", "boy, aged 9", CW_LINT_FAMILY },
	{ "a boy of 15 in a caravan", "boy of 15", CW_LINT_FAMILY },
	{ "The mother's new partner was not checked.", "The mother's", CW_LINT_FAMILY },
	{ "Nobody had spoken with his stepfather.", "his stepfather", CW_LINT_FAMILY },
	{ "aged 3, the toddler was left alone", "aged 3, the toddler", CW_LINT_FAMILY },
	{ "The 9-month-old baby of her daughter", "9-month-old baby of her daughter", CW_LINT_FAMILY },
	{ "The DCS is off sick and nobody says for how long.", "off sick", CW_LINT_GOSSIP },
	{ "The director was signed off with stress in March.", "signed off with", CW_LINT_GOSSIP },
	{ "The lead member has cancer.", "has cancer", CW_LINT_GOSSIP },
	{ "The chief executive is seriously ill.", "seriously ill", CW_LINT_GOSSIP },
	{ "People say that she is having an affair with the leader.", "having an affair", CW_LINT_GOSSIP },
	{ "The head of service has a drinking problem.", "drinking problem", CW_LINT_GOSSIP },
	{ "The interim DCS is pregnant.", "is pregnant", CW_LINT_GOSSIP },
	{ "DCS on maternity leave from May.", "on maternity leave", CW_LINT_GOSSIP },
	{ "Rumour has it that the director will go.", "Rumour", CW_LINT_GOSSIP },
	{ "The leader was drunk at the meeting.", "was drunk", CW_LINT_GOSSIP },
	{ "The director is accused of bullying.", "accused of bullying", CW_LINT_GOSSIP },
	{ "He had a breakdown after the inspection.", "had a breakdown", CW_LINT_GOSSIP },
	{ "He is going through a divorce.", "through a divorce", CW_LINT_GOSSIP },
};

static const char *const good_roles[] = {
	"children's improvement adviser",
	"Children’s improvement adviser, North West",
	"LGA regional adviser",
	"Principal Adviser, Yorkshire and The Humber",
	"Regional Improvement Manager - East Midlands",
	"duty officer",
	"CIA team lead",
	"SEND adviser (London)",
	"director of children's services, peer council",
	"improvement board chair",
	"Leeds link adviser",
	"data and intelligence unit",
	"DfE regional team 3",
};

static const struct {
	const char *text;
	enum cw_lint_rule rule;
} bad_roles[] = {
	{ "Jane Bloggs", CW_LINT_NAME },
	{ "Jane Bloggs, regional adviser", CW_LINT_NAME },
	{ "Jo Doe", CW_LINT_NAME },
	{ "jane bloggs", CW_LINT_NAME },
	{ "adviser Bloggs", CW_LINT_NAME },
	{ "j.bloggs@example.org", CW_LINT_EMAIL },
	{ "Mrs Doe", CW_LINT_TITLE },
	{ "me", CW_LINT_NO_ROLE },
	{ "somebody in the office", CW_LINT_NO_ROLE },
	{ "07700 900123", CW_LINT_PHONE },
};

static void print_found(const char *text, const struct cw_lint *found, int n)
{
	for (int i = 0; i < n && i < 4; i++)
		print_message("  %s: '%.*s' in: %s\n", cw_lint_what(found[i].rule), (int)found[i].len, text + found[i].at, text);
}

static void test_good(void **state)
{
	struct cw_lint found[4];
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(good); i++) {
		int n = cw_lint_text(cw_str(good[i]), councils, found, CW_ARRAY_LEN(found));

		print_found(good[i], found, n);
		wrong += n != 0;
	}
	assert_int_equal(wrong, 0);
}

static void test_bad(void **state)
{
	struct cw_lint found[4];
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(bad); i++) {
		int n = cw_lint_text(cw_str(bad[i].text), councils, found, CW_ARRAY_LEN(found));
		bool right = false;

		for (int k = 0; k < n && k < 4; k++)
			right |= found[k].rule == bad[i].rule && found[k].len == strlen(bad[i].span) &&
			         strncmp(bad[i].text + found[k].at, bad[i].span, found[k].len) == 0;
		if (right)
			continue;
		wrong++;
		print_message("wanted '%s' (%s), got %d in: %s\n", bad[i].span, cw_lint_what(bad[i].rule), n, bad[i].text);
		print_found(bad[i].text, found, n);
	}
	assert_int_equal(wrong, 0);
}

static void test_roles(void **state)
{
	struct cw_lint found[4];
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(good_roles); i++) {
		int n = cw_lint_role(cw_str(good_roles[i]), councils, found, CW_ARRAY_LEN(found));

		print_found(good_roles[i], found, n);
		wrong += n != 0;
	}
	for (size_t i = 0; i < CW_ARRAY_LEN(bad_roles); i++) {
		int n = cw_lint_role(cw_str(bad_roles[i].text), councils, found, CW_ARRAY_LEN(found));

		if (n > 0 && found[0].rule == bad_roles[i].rule)
			continue;
		print_message("role '%s': %d\n", bad_roles[i].text, n);
		print_found(bad_roles[i].text, found, n);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* Several in one text come in its order; more than are wanted are counted. */
static void test_order(void **state)
{
	static const char text[] = "Cllr Doe (07700 900123, doe@example.org) says the DCS is off sick.";
	struct cw_lint found[2];

	(void)state;
	assert_int_equal(cw_lint_text(cw_str(text), councils, found, 0), 4);
	assert_int_equal(cw_lint_text(cw_str(text), NULL, found, 2), 4);
	assert_true(found[0].at < found[1].at);
	assert_int_equal(cw_lint_text(cw_str(""), NULL, found, 2), 0);
	assert_int_equal(cw_lint_role(cw_str(""), NULL, found, 2), 1);
	for (int rule = 0; rule < CW_LINT_COUNT; rule++) {
		assert_true(cw_lint_what((enum cw_lint_rule)rule)[0]);
		assert_true(cw_lint_mend((enum cw_lint_rule)rule)[0]);
	}
}

static int load(void **state)
{
	const struct cw_council_tables tables = { .councils = CW_SOURCE_DIR "/config/councils.csv",
		                                  .aliases = CW_SOURCE_DIR "/config/aliases.csv" };
	struct cw_error err;

	(void)state;
	return cw_councils_load(&tables, NULL, NULL, &councils, &err);
}

static int unload(void **state)
{
	(void)state;
	cw_councils_free(councils);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests_name("lint", tests, load, unload);
}
