/* Which council a row is about: dated codes and names, conflicts, and texts that must name nobody. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <councilwatch/council.h>

#include "../../lib/csv.h"

static const struct cw_council_tables shipped_tables = {
	.councils = CW_SOURCE_DIR "/config/councils.csv",
	.aliases = CW_SOURCE_DIR "/config/aliases.csv",
	.lineage = CW_SOURCE_DIR "/config/lineage.csv",
	.organisations = CW_SOURCE_DIR "/config/organisations.csv",
	.other_bodies = CW_SOURCE_DIR "/config/other-bodies.csv",
};
static struct cw_councils *shipped;

static void unexpected(void *arg, const struct cw_error *err)
{
	char text[1024];

	(void)arg;
	print_error("%s\n", cw_error_format(err, text, sizeof(text)));
}

static int load_shipped(void **state)
{
	struct cw_error err;

	(void)state;
	return cw_councils_load(&shipped_tables, unexpected, NULL, &shipped, &err);
}

static int free_shipped(void **state)
{
	(void)state;
	cw_councils_free(shipped);
	return 0;
}

static int32_t day_of(const char *text)
{
	int32_t day = CW_DAY_NONE;

	if (text)
		assert_int_equal(cw_date_parse(text, strlen(text), "%Y-%m-%d", &day), 0);
	return day;
}

/*
 * Resolving. texts are separated by '|'; id NULL: outcome says why not.
 */
struct resolve_case {
	const char *name, *texts, *day, *id;
	int outcome;
	const char *why;
};

static const struct resolve_case resolve_cases[] = {
	{ "name", "Bradford", "2022-11-21", "bradford", 0, NULL },
	{ "three-digit code", "380", "2022-11-21", "bradford", 0, NULL },
	{ "URN", "80449", "2022-11-21", "bradford", 0, NULL },
	{ "GSS code", "E08000032", "2022-11-21", "bradford", 0, NULL },
	{ "GSS code in lower case", "e08000032", "2022-11-21", "bradford", 0, NULL },
	{ "former GSS code still in use", "E08000016", "2025-06-01", "barnsley", 0, NULL },
	{ "number as a spreadsheet writes it", "80426.0", "2023-09-11", "barnsley", 0, NULL },
	{ "three-digit code as a spreadsheet writes it", "370.00", "2023-09-11", "barnsley", 0, NULL },
	{ "fraction is no code", "370.5", "2023-09-11", NULL, CW_COUNCIL_UNKNOWN, "no council is known by \"370.5\"" },
	{ "three-digit code in the URN column", "846|846|Brighton And Hove", "2018-07-09", "brighton-and-hove", 0,
	  NULL },
	{ "blanks and a no-break space around",
	  " \xc2\xa0"
	  "Bradford \t",
	  "2022-11-21", "bradford", 0, NULL },
	{ "lower case", "blackburn with darwen", "2023-07-14", "blackburn-with-darwen", 0, NULL },
	{ "ampersand", "Telford & Wrekin", "2024-04-29", "telford-and-wrekin", 0, NULL },
	{ "title case", "Bath And North East Somerset", "2022-02-01", "bath-and-north-east-somerset", 0, NULL },
	{ "full stop", "St. Helens", "2021-01-01", "st-helens", 0, NULL },
	{ "no full stop", "St Helens", "2021-01-01", "st-helens", 0, NULL },
	{ "comma form", "Bristol, City of", "2021-01-01", "bristol", 0, NULL },
	{ "comma form of a county", "Herefordshire, County of", "2021-01-01", "herefordshire", 0, NULL },
	{ "hyphens", "Southend On Sea", "2021-01-01", "southend-on-sea", 0, NULL },
	{ "corporation", "London Corporation", "2021-01-01", "city-of-london", 0, NULL },
	{ "short form", "Durham", "2021-01-01", "county-durham", 0, NULL },
	{ "footnote fused to a name", "Northamptonshire7", "2020-01-01", "northamptonshire", 0, NULL },
	{ "footnote of two digits", "Poole12", "2018-01-01", "poole", 0, NULL },
	{ "footnote raised", "Bournemouth\xe2\x81\xb5", "2018-01-01", "bournemouth", 0, NULL },
	{ "footnote in brackets", "Dorset [note 6]", "2022-01-01", "dorset", 0, NULL },
	{ "footnote after a name that changed hands", "Dorset6", "2018-01-01", "dorset-county", 0, NULL },
	{ "footnote and type", "Dorset County Council6", "2018-01-01", "dorset-county", 0, NULL },
	{ "three digits are no footnote", "Poole123", "2018-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "a number after a name is no footnote", "Poole 5", "2018-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "digits after a code are no footnote", "E080000322", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },

	{ "type behind: UA", "Luton UA", "2022-01-01", "luton", 0, NULL },
	{ "type behind, in brackets", "Thurrock (UA)", "2022-01-01", "thurrock", 0, NULL },
	{ "type behind: LA", "Essex LA", "2022-01-01", "essex", 0, NULL },
	{ "type behind: county council", "Norfolk County Council", "2022-01-01", "norfolk", 0, NULL },
	{ "type behind: MBC", "Dudley MBC", "2022-01-01", "dudley", 0, NULL },
	{ "type before: LB of", "LB of Camden", "2022-01-01", "camden", 0, NULL },
	{ "type before and behind", "The London Borough of Bexley Council", "2022-01-01", "bexley", 0, NULL },
	{ "type after a comma", "Kingston upon Hull, City of", "2022-01-01", "kingston-upon-hull", 0, NULL },
	{ "type of another council: football", "Derby County", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "type of another council: county", "Leicester County Council", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "type of another council: city", "Durham City Council", "2008-01-01", NULL, CW_COUNCIL_OTHER_BODY, NULL },
	{ "type of another council: borough", "Kent Borough Council", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "type of another council: London", "London Borough of Luton", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "type of a region: none", "London Borough Council", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "corporation before", "Corporation of London", "2022-01-01", "city-of-london", 0, NULL },
	{ "county council and city council in short", "Manchester CC", "2022-01-01", "manchester", 0, NULL },
	{ "county council that is none, in short", "Luton CC", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "saint", "Saint Helens Council", "2022-01-01", "st-helens", 0, NULL },
	{ "type and code", "380 Council", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "district with its type", "Gloucester City Council", "2022-01-01", NULL, CW_COUNCIL_OTHER_BODY, NULL },

	{ "Nottingham", "Nottingham", "2022-01-01", "nottingham", 0, NULL },
	{ "Nottinghamshire", "Nottinghamshire", "2022-01-01", "nottinghamshire", 0, NULL },
	{ "Leicester", "Leicester", "2022-01-01", "leicester", 0, NULL },
	{ "Derby", "Derby", "2022-01-01", "derby", 0, NULL },
	{ "York", "York", "2022-01-01", "york", 0, NULL },
	{ "North Yorkshire", "North Yorkshire", "2022-01-01", "north-yorkshire", 0, NULL },
	{ "East Riding", "East Riding of Yorkshire", "2022-01-01", "east-riding-of-yorkshire", 0, NULL },
	{ "Bedford", "Bedford", "2022-01-01", "bedford", 0, NULL },
	{ "Central Bedfordshire", "Central Bedfordshire", "2022-01-01", "central-bedfordshire", 0, NULL },
	{ "Kingston upon Thames", "Kingston upon Thames", "2022-01-01", "kingston-upon-thames", 0, NULL },
	{ "Kingston upon Hull", "Kingston Upon Hull", "2022-01-01", "kingston-upon-hull", 0, NULL },
	{ "Newcastle upon Tyne", "Newcastle upon Tyne", "2022-01-01", "newcastle-upon-tyne", 0, NULL },

	{ "district Newcastle-under-Lyme", "Newcastle-under-Lyme", "2022-01-01", NULL, CW_COUNCIL_OTHER_BODY, NULL },
	{ "Newcastle alone", "Newcastle", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "district Northampton", "Northampton", "2020-01-01", NULL, CW_COUNCIL_OTHER_BODY, NULL },
	{ "district Gloucester", "Gloucester", "2022-01-01", NULL, CW_COUNCIL_OTHER_BODY, NULL },
	{ "district Lincoln", "Lincoln", "2022-01-01", NULL, CW_COUNCIL_OTHER_BODY, NULL },
	{ "district Worcester", "Worcester City Council", "2022-01-01", NULL, CW_COUNCIL_OTHER_BODY, NULL },
	{ "district Oxford", "Oxford", "2022-01-01", NULL, CW_COUNCIL_OTHER_BODY, NULL },
	{ "part of a name: Bath", "Bath", "2022-01-01", NULL, CW_COUNCIL_NOT_THEN,
	  "\"Bath\" names a body that is not a council with children's services only until 1998-03-31; the day is 2022-01-01" },
	{ "part of a name: Barking", "Barking", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "a name within a sentence", "Reading is fun", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "a name within a club's", "Bury FC", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "Welsh council", "Powys", "2022-01-01", NULL, CW_COUNCIL_OTHER_BODY, NULL },
	{ "region code", "E12000003", "2022-01-01", NULL, CW_COUNCIL_OTHER_BODY, NULL },
	{ "an organisation that acts for several", "West Mercia", "2022-01-01", NULL, CW_COUNCIL_AMBIGUOUS,
	  "the row counts for several councils: Herefordshire (herefordshire), Shropshire (shropshire), Telford and Wrekin "
	  "(telford-and-wrekin) and Worcestershire (worcestershire)" },
	{ "two codes in one text", "314 / 318", "2022-01-01", NULL, CW_COUNCIL_AMBIGUOUS, NULL },
	{ "nothing but blanks", " | ", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, "no council is known by an empty text" },
	{ "not UTF-8", "\xff\xfe", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, "no council is known by \"\\xff\\xfe\"" },

	{ "old Dorset on its last day", "Dorset", "2019-03-31", "dorset-county", 0, NULL },
	{ "new Dorset on its first day", "Dorset", "2019-04-01", "dorset", 0, NULL },
	{ "Dorset 2018", "Dorset", "2018-06-01", "dorset-county", 0, NULL },
	{ "Dorset 2021", "838|838|Dorset", "2021-09-27", "dorset", 0, NULL },
	{ "old code with the shared name", "835|Dorset", "2018-06-01", "dorset-county", 0, NULL },
	{ "new code before its council began", "838|Dorset", "2018-06-01", NULL, CW_COUNCIL_CONFLICT,
	  "\"Dorset\" names Dorset (dorset-county), but \"838\" names Dorset (dorset)" },
	{ "retired code beside a known name", "E10000009|Dorset", "2021-09-27", "dorset", 0, NULL },
	{ "retired code for two successors", "2733698|943|E10000006|Westmorland And Furness", "2024-04-22",
	  "westmorland-and-furness", 0, NULL },
	{ "retired code alone", "E10000006", "2024-04-22", NULL, CW_COUNCIL_NOT_THEN,
	  "\"E10000006\" names Cumbria (cumbria) only until 2023-03-31; the day is 2024-04-22" },
	{ "retired code while it was valid", "E10000006", "2023-03-31", "cumbria", 0, NULL },
	{ "successor before its first day", "Cumberland", "2022-05-01", NULL, CW_COUNCIL_NOT_THEN,
	  "\"Cumberland\" names Cumberland (cumberland) only from 2023-04-01; the day is 2022-05-01" },
	{ "abolished county afterwards", "Northamptonshire", "2022-01-01", NULL, CW_COUNCIL_NOT_THEN, NULL },
	{ "Bournemouth before the merger", "Bournemouth", "2019-03-31", "bournemouth", 0, NULL },
	{ "Bournemouth after the merger", "Bournemouth, Christchurch & Poole", "2020-03-31",
	  "bournemouth-christchurch-and-poole", 0, NULL },
	{ "continuing county before", "Somerset", "2018-01-01", "somerset", 0, NULL },
	{ "continuing county after", "Somerset", "2024-01-01", "somerset", 0, NULL },
	{ "its old name", "Somerset County Council", "2018-01-01", "somerset", 0, NULL },
	{ "its old GSS code", "E10000027", "2018-01-01", "somerset", 0, NULL },
	{ "its old GSS code afterwards, with the name", "E10000027|Somerset", "2024-01-01", "somerset", 0, NULL },
	{ "Buckinghamshire's old code", "E10000002", "2019-12-31", "buckinghamshire", 0, NULL },
	{ "county that became unitary in 2009", "Cornwall", "2008-01-01", "cornwall", 0, NULL },
	{ "no day: a name of two councils", "Dorset", NULL, NULL, CW_COUNCIL_AMBIGUOUS, NULL },
	{ "no day: a code tells them apart", "Dorset|838", NULL, "dorset", 0, NULL },

	{ "code and name disagree", "870|Wokingham", "2022-01-01", NULL, CW_COUNCIL_CONFLICT,
	  "\"870\" names Reading (reading), but \"Wokingham\" names Wokingham (wokingham)" },
	{ "two codes disagree", "80449|370", "2022-01-01", NULL, CW_COUNCIL_CONFLICT, NULL },
	{ "unknown spelling beside a known code", "80449|380|Bradforde", "2022-11-21", "bradford", 0, NULL },
	{ "unknown codes beside a known name", "0|999|Bradford", "2022-11-21", "bradford", 0, NULL },
};

static size_t split_texts(char *text, struct cw_str *ret)
{
	size_t n = 0;

	for (char *part; (part = strsep(&text, "|"));)
		ret[n++] = cw_str(part);
	return n;
}

static void test_resolve(void **state)
{
	const struct resolve_case *c = *state;
	const struct cw_council *council = NULL;
	struct cw_str texts[8];
	char copy[256];
	struct cw_buf why;
	int r;

	snprintf(copy, sizeof(copy), "%s", c->texts);
	cw_buf_init(&why, 4096);
	r = cw_council_resolve(shipped, texts, split_texts(copy, texts), day_of(c->day), &council, &why);
	if (c->id) {
		if (r)
			print_error("%s\n", cw_buf_str(&why));
		assert_int_equal(r, 0);
		assert_string_equal(council->id, c->id);
	} else {
		assert_int_equal(r, c->outcome);
		assert_null(council);
		assert_true(why.len > 0);
		if (c->why)
			assert_string_equal(cw_buf_str(&why), c->why);
	}
	cw_buf_clear(&why);
}

/* Rows that count for several councils, and organisations that stand for them. texts: '|' between; ids: in the table's order. */
struct all_case {
	const char *name, *texts, *day, *ids;
	int outcome;
	const char *organisation;
};

static const struct all_case all_cases[] = {
	{ "all: one council", "Bradford", "2024-01-01", "bradford", 0, NULL },
	{ "all: codes with a slash", "314 / 318", "2023-09-30", "kingston-upon-thames richmond-upon-thames", 0, NULL },
	{ "all: every column of the row", "314 / 318|E09000021 / E09000027|Kingston upon Thames / Richmond upon Thames",
	  "2023-09-30", "kingston-upon-thames richmond-upon-thames", 0, NULL },
	{ "all: in another order", "318/314|Kingston upon Thames/Richmond upon Thames", "2023-09-30",
	  "kingston-upon-thames richmond-upon-thames", 0, NULL },
	{ "all: an organisation beside them", "314 / 318|Achieving for Children", "2016-09-30",
	  "kingston-upon-thames richmond-upon-thames", 0, "achieving-for-children" },
	{ "all: an organisation that had grown", "314 / 318|Achieving for Children", "2023-09-30", NULL,
	  CW_COUNCIL_CONFLICT, NULL },
	{ "all: organisation of one council", "Bradford Children and Families Trust", "2024-01-01", "bradford", 0,
	  "bradford-children-and-families-trust" },
	{ "all: organisation before its time", "Bradford Children and Families Trust", "2020-01-01", NULL,
	  CW_COUNCIL_NOT_THEN, NULL },
	{ "all: organisation and its council", "380|Bradford Children and Families Trust", "2024-01-01", "bradford", 0,
	  "bradford-children-and-families-trust" },
	{ "all: organisation of four", "West Mercia", "2024-01-01",
	  "herefordshire shropshire telford-and-wrekin worcestershire", 0, "west-mercia-youth-justice" },
	{ "all: one of the councils beside it", "West Mercia|884", "2024-01-01", NULL, CW_COUNCIL_CONFLICT, NULL },
	{ "all: different pairs", "314 / 318|Kingston upon Thames / Merton", "2024-01-01", NULL, CW_COUNCIL_CONFLICT,
	  NULL },
	{ "all: the same twice is one", "380 / 380", "2024-01-01", "bradford", 0, NULL },
	{ "all: code and name", "380 / Bradford", "2024-01-01", "bradford", 0, NULL },
	{ "all: successors", "940 / 941", "2022-09-30", "north-northamptonshire west-northamptonshire", 0, NULL },
	{ "all: successors before their time", "940 / 941", "2020-09-30", NULL, CW_COUNCIL_NOT_THEN, NULL },
	{ "all: successors before their time, with the council of then", "940 / 941|Northamptonshire", "2020-09-30", NULL,
	  CW_COUNCIL_CONFLICT, NULL },
	{ "all: names joined by and", "Derby and Derbyshire", "2022-01-01", "derby derbyshire", 0, NULL },
	{ "all: and within a name", "Bath and North East Somerset and Bristol", "2022-01-01",
	  "bath-and-north-east-somerset bristol", 0, NULL },
	{ "all: a list", "Bristol, North Somerset & South Gloucestershire", "2022-01-01",
	  "bristol north-somerset south-gloucestershire", 0, NULL },
	{ "all: a list with a comma before and", "Bristol, North Somerset, and South Gloucestershire", "2022-01-01",
	  "bristol north-somerset south-gloucestershire", 0, NULL },
	{ "all: an address is no list", "Derby, Derbyshire", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "all: one name unknown", "Derby and Atlantis", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "all: one is a district", "Derby / Oxford", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "all: only Welsh councils", "Conwy and Denbighshire", "2022-01-01", NULL, CW_COUNCIL_OTHER_BODY, NULL },
	{ "all: too many names", "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN,
	  NULL },

	{ "all: region", "North East", "2022-01-01", NULL, CW_COUNCIL_OTHER_BODY, NULL },
	{ "all: nation with its code", "E92000001|England", "2022-01-01", NULL, CW_COUNCIL_OTHER_BODY, NULL },
	{ "all: district code that no table has", "E07009999", "2022-01-01", NULL, CW_COUNCIL_OTHER_BODY, NULL },
	{ "all: council code that no table has", "E06009999", "2022-01-01", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "all: region beside a council", "North East|Bradford", "2022-01-01", NULL, CW_COUNCIL_CONFLICT, NULL },
};

static void test_resolve_all(void **state)
{
	const struct all_case *c = *state;
	struct cw_council_set set = { 0 };
	struct cw_str texts[8];
	char copy[256], ids[512] = "";
	struct cw_buf why;
	int r;

	snprintf(copy, sizeof(copy), "%s", c->texts);
	cw_buf_init(&why, 4096);
	r = cw_council_resolve_all(shipped, texts, split_texts(copy, texts), day_of(c->day), &set, &why);
	if (r)
		print_message("%s\n", cw_buf_str(&why));
	assert_int_equal(r, c->outcome);
	assert_int_equal(why.len > 0, r != 0);
	for (size_t i = 0; i < set.n; i++) {
		strcat(ids, i ? " " : "");
		strcat(ids, set.at[i]->id);
	}
	assert_string_equal(ids, c->ids ? c->ids : "");
	assert_string_equal(set.organisation ? set.organisation->id : "", c->organisation ? c->organisation : "");
	cw_buf_clear(&why);
}

/* The order of the columns is the publisher's whim. */
static void test_order_does_not_matter(void **state)
{
	static const char *const texts[] = { "E10000006", "2733690", "942", "Cumberland", "no such name" };
	struct cw_str order[CW_ARRAY_LEN(texts)];
	const struct cw_council *council;

	(void)state;
	for (size_t shift = 0; shift < CW_ARRAY_LEN(texts); shift++) {
		for (size_t i = 0; i < CW_ARRAY_LEN(texts); i++)
			order[i] = cw_str(texts[(i + shift) % CW_ARRAY_LEN(texts)]);
		council = NULL;
		assert_int_equal(
		    cw_council_resolve(shipped, order, CW_ARRAY_LEN(order), day_of("2024-10-07"), &council, NULL), 0);
		assert_string_equal(council->id, "cumberland");
	}
}

static void test_no_text(void **state)
{
	const struct cw_council *council = NULL;

	(void)state;
	assert_int_equal(cw_council_resolve(shipped, NULL, 0, day_of("2024-01-01"), &council, NULL),
	                 CW_COUNCIL_UNKNOWN);
}

static void test_long_text_is_cut_in_why(void **state)
{
	struct cw_str text = { .len = 100000 };
	CW_CLEANUP(cw_freep) char *long_text = malloc(text.len);
	const struct cw_council *council;
	struct cw_buf why;

	(void)state;
	memset(long_text, 'x', text.len);
	text.at = long_text;
	cw_buf_init(&why, 4096);
	assert_int_equal(cw_council_resolve(shipped, &text, 1, day_of("2024-01-01"), &council, &why),
	                 CW_COUNCIL_UNKNOWN);
	assert_true(why.len < 200);
	cw_buf_clear(&why);
}

/*
 * Finding, for people
 */
struct find_case {
	const char *name, *text, *id;
	int outcome;
	const char *suggestion;
};

static const struct find_case find_cases[] = {
	{ "find: id", "bradford", "bradford", 0, NULL },
	{ "find: id of a council that ended", "dorset-county", "dorset-county", 0, NULL },
	{ "find: shared name is the council of today", "Dorset", "dorset", 0, NULL },
	{ "find: name of a council that ended", "Cumbria", "cumbria", 0, NULL },
	{ "find: code", "380", "bradford", 0, NULL },
	{ "find: retired code", "E10000009", "dorset-county", 0, NULL },
	{ "find: misspelt", "Bradfrod", NULL, CW_COUNCIL_UNKNOWN, "bradford" },
	{ "find: misspelt, of two the one of today", "Dorsett", NULL, CW_COUNCIL_UNKNOWN, "dorset" },
	{ "find: nothing near", "Atlantis upon Sea", NULL, CW_COUNCIL_UNKNOWN, NULL },
	{ "find: empty", "", NULL, CW_COUNCIL_UNKNOWN, NULL },
};

static void test_find(void **state)
{
	const struct find_case *c = *state;
	const struct cw_council *council = NULL;
	const char *suggestion = "unset";
	int r = cw_council_find(shipped, c->text, &council, &suggestion);

	assert_int_equal(r, c->outcome);
	if (c->id) {
		assert_string_equal(council->id, c->id);
		return;
	}
	assert_null(council);
	if (c->suggestion)
		assert_string_equal(suggestion, c->suggestion);
	else
		assert_null(suggestion);
}

/*
 * Mistakes in the files
 */
#define COUNCILS_HEAD "council_id,name,short_name,type,region,gss_code,la_code,urn,start_date,end_date\n"
#define ALIASES_HEAD "council_id,alias,scheme,valid_from,valid_to,source\n"
#define LINEAGE_HEAD "predecessor,successor,kind,date,of_predecessor,of_successor\n"
#define ORGANISATIONS_HEAD "organisation_id,name,kind,councils,valid_from,valid_to\n"
#define BODIES_HEAD "name,kind,codes,also,valid_from,valid_to\n"
/* Oldshire is split on 1 April 2019. */
#define SPLIT                                                                                                          \
	COUNCILS_HEAD "oldshire,Oldshire County Council,Oldshire,county,,,901,,,2019-03-31\n"                          \
	              "north,North Oldshire Council,North Oldshire,unitary,,,902,,2019-04-01,\n"                       \
	              "south,South Oldshire Council,South Oldshire,unitary,,,903,,2019-04-01,\n"
#define ONE_COUNCIL COUNCILS_HEAD "oxbury,Oxbury Council,Oxbury,unitary,South East,E06000999,999,80999,,\n"

struct mistake_case {
	const char *name, *councils, *aliases, *expected; /* lines without the directory */
	const char *lineage, *organisations, *bodies;     /* NULL: no such table */
};

static const struct mistake_case mistake_cases[] = {
	{ "well formed", ONE_COUNCIL, ALIASES_HEAD "oxbury,Oxbury Borough,name,,,\n", "" },
	{ "byte order mark and CRLF",
	  "\xef\xbb\xbf" COUNCILS_HEAD "oxbury,\"Oxbury, The\",Oxbury,unitary,,E06000999,,,,\r\n", ALIASES_HEAD, "" },
	{ "several mistakes in both files",
	  COUNCILS_HEAD "Oxbury,Oxbury Council,Oxbury,unitary,,,,,,\n"
	                "oxbury,Oxbury Council,Oxbury,unitery,,,,,2019-02-30,\n"
	                "a,A Council,A,unitary,,,,,2020-01-01,2019-01-01\n",
	  ALIASES_HEAD "oxbry,x,name,,,\noxbury,,name,,,\noxbury,x,nam,,,\noxbury,y,name,2020-01-02,2020-01-01,\n"
	               "oxbury,z,name,1/1/2020,,\n",
	  "councils.csv:2: council_id is 'Oxbury'; it must be lower-case letters, digits and '-'\n"
	  "councils.csv:3: unknown type 'unitery' of council 'oxbury'; did you mean 'unitary'?\n"
	  "councils.csv:3: start_date is '2019-02-30'; write a date as 2019-04-01, or leave it empty\n"
	  "councils.csv:4: council 'a' ends before it starts; correct start_date or end_date\n"
	  "aliases.csv:2: unknown council_id 'oxbry'; did you mean 'oxbury'?\n"
	  "aliases.csv:3: the alias is empty; fill it in or remove the row\n"
	  "aliases.csv:4: unknown scheme 'nam'; did you mean 'name'?\n"
	  "aliases.csv:5: 'y' is valid to a day before valid_from; correct one of them\n"
	  "aliases.csv:6: valid_from is '1/1/2020'; write a date as 2019-04-01, or leave it empty\n" },
	{ "council twice", ONE_COUNCIL "oxbury,O,O,unitary,,,,,,\n", ALIASES_HEAD,
	  "councils.csv:3: council 'oxbury' stands here twice; remove one\n" },
	{ "code of two councils at once", ONE_COUNCIL "b,B Council,B,unitary,,,999,,,\n",
	  ALIASES_HEAD "b,80999,urn,,,\n",
	  "councils.csv:3: '999' names b, but line 2 of councils.csv gives it to oxbury at the same time; correct one, "
	  "or give "
	  "them dates\n"
	  "aliases.csv:2: '80999' names b, but line 2 of councils.csv gives it to oxbury at the same time; correct "
	  "one, or give "
	  "them dates\n" },
	{ "code of two councils, one after the other",
	  COUNCILS_HEAD "a,A Council,A,unitary,,,999,,,2019-03-31\nb,B Council,B,unitary,,,999,,2019-04-01,\n",
	  ALIASES_HEAD, "" },
	{ "missing columns", "council_id,name\noxbury,Oxbury\n", ALIASES_HEAD,
	  "councils.csv:1: has no column 'short_name'; the first row must name it\n"
	  "councils.csv:1: has no column 'type'; the first row must name it\n"
	  "councils.csv:1: has no column 'region'; the first row must name it\n"
	  "councils.csv:1: has no column 'gss_code'; the first row must name it\n"
	  "councils.csv:1: has no column 'la_code'; the first row must name it\n"
	  "councils.csv:1: has no column 'urn'; the first row must name it\n"
	  "councils.csv:1: has no column 'start_date'; the first row must name it\n"
	  "councils.csv:1: has no column 'end_date'; the first row must name it\n" },
	{ "CSV mistakes, and the rows after them are read",
	  ONE_COUNCIL "x,y\nz,a\"b,c\n\"q\"r,\nBAD,B,B,unitary,,,,,,\n", ALIASES_HEAD "oxbury,\"open,name,,,\n",
	  "councils.csv:3: has 2 fields, but the first row names 10 columns\n"
	  "councils.csv:4: a quote inside an unquoted field; put the whole field in quotes\n"
	  "councils.csv:5: there is text after a closing quote; double the quotes inside a field\n"
	  "councils.csv:6: council_id is 'BAD'; it must be lower-case letters, digits and '-'\n"
	  "aliases.csv:2: a quoted field is not closed; add '\"'\n" },
	{ "line numbers after a field of several lines",
	  COUNCILS_HEAD "oxbury,\"Oxbury\n\nCouncil\",Oxbury,unitary,,,,,,\nBAD,B,B,unitary,,,,,,\n", ALIASES_HEAD,
	  "councils.csv:5: council_id is 'BAD'; it must be lower-case letters, digits and '-'\n" },
	{ "not UTF-8", ONE_COUNCIL "a,\xe9,A,unitary,,,,,,\n", ALIASES_HEAD,
	  "councils.csv:3: is not UTF-8; save the file as UTF-8\n" },
	{ "empty file", "", ALIASES_HEAD, "councils.csv:1: is empty; the first row must name the columns\n" },
	{ "no council", COUNCILS_HEAD, ALIASES_HEAD, "councils.csv:1: names no council\n" },
	{ "alias of nothing but signs", ONE_COUNCIL, ALIASES_HEAD "oxbury,--,name,,,\n",
	  "aliases.csv:2: '--' has neither letters nor digits; correct or remove it\n" },
	{ "date of an alias after its council's end",
	  COUNCILS_HEAD "a,A Council,A,unitary,,,901,,2000-01-01,2019-03-31\n",
	  ALIASES_HEAD "a,Aa,name,2019-04-01,,\na,Ab,name,,1999-12-31,\na,Ac,name,1990-01-01,2030-01-01,\n",
	  "aliases.csv:2: 'Aa' is valid after a ended, on 2019-03-31; correct valid_from\n"
	  "aliases.csv:3: 'Ab' is valid before a started, on 2000-01-01; correct valid_to\n" },
	{ "lineage, organisations and other bodies", SPLIT, ALIASES_HEAD, "",
	  LINEAGE_HEAD "oldshire,north,split,2019-04-01,0.4,1\noldshire,south,split,2019-04-01,0.6,1\n"
	               "oldshire,oldshire,continues,2009-04-01,1,1\n",
	  ORGANISATIONS_HEAD "t,Oldshire Trust,delegate,oldshire,2015-01-01,2019-03-31\nt,Oldshire Trust,delegate,north|south,,\n"
	                     "s,*Safeguarding Board,partnership,*,,\n",
	  BODIES_HEAD "Midtown,district,E9999|W99,Midtown Town|Mid Town,,\n*Parish Council,town_council,,,,\n" },
	{ "mistakes in lineage", SPLIT, ALIASES_HEAD,
	  "lineage.csv:2: unknown predecessor 'oldshre'; did you mean 'oldshire'?\n"
	  "lineage.csv:3: unknown kind 'splits'; did you mean 'split'?\n"
	  "lineage.csv:4: date is empty; write the successor's first day\n"
	  "lineage.csv:5: of_successor is '1.5'; it must be a share over 0 and at most 1\n"
	  "lineage.csv:6: of_predecessor is ''; it must be a share over 0 and at most 1\n"
	  "lineage.csv:7: oldshire must end on the day before 2019-05-01, but the councils say 2019-03-31; correct one\n"
	  "lineage.csv:7: north must start on 2019-05-01, but the councils say 2019-04-01; correct one\n"
	  "lineage.csv:8: south must end on the day before 2020-04-01, but the councils say that it goes on; correct one\n"
	  "lineage.csv:8: oldshire must start on 2020-04-01, but the councils say that it was always there; correct one\n"
	  "lineage.csv:9: oldshire and north: kind \"continues\" is for one council that goes on, the others for two\n"
	  "lineage.csv:10: north and north: kind \"continues\" is for one council that goes on, the others for two\n"
	  "lineage.csv:11: north does not exist on 2009-04-01; correct date\n"
	  "lineage.csv:13: oldshire to south stands here twice; remove one\n",
	  LINEAGE_HEAD "oldshre,north,split,2019-04-01,0.4,1\noldshire,north,splits,2019-04-01,0.4,1\n"
	               "oldshire,north,split,,0.4,1\noldshire,north,split,2019-04-01,0.4,1.5\n"
	               "oldshire,north,split,2019-04-01,,1\noldshire,north,split,2019-05-01,0.4,1\n"
	               "south,oldshire,merge,2020-04-01,1,1\noldshire,north,continues,2019-04-01,1,1\n"
	               "north,north,merge,2020-04-01,1,1\nnorth,north,continues,2009-04-01,1,1\n"
	               "oldshire,south,split,2019-04-01,0.6,1\noldshire,south,split,2019-04-01,0.6,1\n" },
	{ "shares that do not come to one", SPLIT, ALIASES_HEAD,
	  "lineage.csv: of_predecessor of oldshire comes to 0.90 in all; it must be 1\n"
	  "lineage.csv: of_successor of south comes to 0.50 in all; it must be 1\n",
	  LINEAGE_HEAD "oldshire,north,split,2019-04-01,0.4,1\noldshire,south,split,2019-04-01,0.5,0.5\n" },
	{ "mistakes in organisations", SPLIT, ALIASES_HEAD,
	  "organisations.csv:2: organisation_id is 'T'; it must be lower-case letters, digits and '-'\n"
	  "organisations.csv:3: organisation 't' has no name\n"
	  "organisations.csv:4: unknown kind 'trust'; use delegate, service, partnership or icb\n"
	  "organisations.csv:5: unknown council 'nroth'; did you mean 'north'?\n"
	  "organisations.csv:6: the councils of 'Trust' did not exist at one time; give each period its row\n"
	  "organisations.csv:7: 'Trust' is valid before north started, on 2019-04-01; correct valid_to\n"
	  "organisations.csv:8: north stands here twice; remove one\n"
	  "organisations.csv:9: 'Trust': a name that begins with '*' and councils '*' go together\n"
	  "organisations.csv:10: '*Trust': a name that begins with '*' and councils '*' go together\n"
	  "organisations.csv:11: '*-' would match too much; write a longer ending\n",
	  NULL,
	  ORGANISATIONS_HEAD "T,Trust,delegate,north,,\nt,,delegate,north,,\nt,Trust,trust,north,,\nt,Trust,delegate,nroth,,\n"
	                     "t,Trust,delegate,oldshire|north,,\nt,Trust,delegate,north,,2018-01-01\n"
	                     "t,Trust,delegate,north|south|north,,\nt,Trust,delegate,*,,\nt,*Trust,delegate,north,,\n"
	                     "t,*-,delegate,*,,\n" },
	{ "mistakes in other bodies", SPLIT, ALIASES_HEAD,
	  "other-bodies.csv:2: the name is empty; fill it in or remove the row\n"
	  "other-bodies.csv:3: unknown kind 'distrikt'; did you mean 'district'?\n"
	  "other-bodies.csv:4: '902' names another body, but line 3 of councils.csv gives it to north at the same time; "
	  "correct one, or give them dates\n"
	  "other-bodies.csv:5: '' has neither letters nor digits; correct or remove it\n"
	  "other-bodies.csv:6: 'Midtown' is valid to a day before valid_from; correct one of them\n",
	  NULL, NULL,
	  BODIES_HEAD ",district,,,,\nMidtown,distrikt,,,,\nMidtown,district,902,,,\nMidtown,district,,Mid||Town,,\n"
	              "Midtown,district,,,2020-01-01,2019-01-01\n" },
	{ "file is missing", NULL, ALIASES_HEAD, "councils.csv: cannot be read: No such file or directory\n" },
};

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

static void collect(void *arg, const struct cw_error *err)
{
	char text[1024];
	const char *slash;

	cw_error_format(err, text, sizeof(text));
	slash = strstr(text, ".csv");
	assert_non_null(slash);
	while (slash > text && slash[-1] != '/')
		slash--;
	cw_buf_printf(arg, "%s\n", slash);
}

static void test_mistakes(void **state)
{
	const struct mistake_case *c = *state;
	const struct {
		const char *name, *text;
	} files[] = { { "councils.csv", c->councils },
		      { "aliases.csv", c->aliases },
		      { "lineage.csv", c->lineage },
		      { "organisations.csv", c->organisations },
		      { "other-bodies.csv", c->bodies } };
	char directory[] = "/tmp/cw-councils-XXXXXX", path[CW_ARRAY_LEN(files)][64];
	struct cw_councils *table = NULL;
	struct cw_error err;
	struct cw_buf got;
	int r;

	assert_non_null(mkdtemp(directory));
	for (size_t i = 0; i < CW_ARRAY_LEN(files); i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%s", directory, files[i].name);
		if (files[i].text)
			write_file(path[i], files[i].text);
	}
	cw_buf_init(&got, 65536);
	r = cw_councils_load(&(struct cw_council_tables){ path[0], path[1], c->lineage ? path[2] : NULL,
	                                                  c->organisations ? path[3] : NULL, c->bodies ? path[4] : NULL },
	                     collect, &got, &table, &err);
	for (size_t i = 0; i < CW_ARRAY_LEN(files); i++)
		(void)unlink(path[i]);
	rmdir(directory);

	assert_string_equal(cw_buf_str(&got), c->expected);
	assert_int_equal(r, *c->expected ? -EINVAL : 0);
	assert_int_equal(table != NULL, !*c->expected);
	cw_councils_free(table);
	cw_buf_clear(&got);
}

/* An alias may name several councils at once: then a row that has nothing else is for a person. */
static void test_alias_of_two(void **state)
{
	char directory[] = "/tmp/cw-councils-XXXXXX", councils[64], aliases[64];
	const struct cw_str alone = cw_str("Twin Towns"), with_code[] = { cw_str("Twin Towns"), cw_str("902") };
	const struct cw_council *council = NULL;
	struct cw_councils *table = NULL;
	const char *suggestion;
	struct cw_error err;
	struct cw_buf why;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(councils, sizeof(councils), "%s/councils.csv", directory);
	snprintf(aliases, sizeof(aliases), "%s/aliases.csv", directory);
	write_file(councils, COUNCILS_HEAD "a,A Council,Atown,unitary,,,901,,,\nb,B Council,Btown,unitary,,,902,,,\n");
	write_file(aliases, ALIASES_HEAD "a,Twin Towns,name,,,\nb,Twin Towns,name,,,\n");
	assert_int_equal(cw_councils_load(&(struct cw_council_tables){ .councils = councils, .aliases = aliases }, unexpected, NULL, &table, &err), 0);
	unlink(councils);
	unlink(aliases);
	rmdir(directory);

	cw_buf_init(&why, 4096);
	assert_int_equal(cw_council_resolve(table, &alone, 1, 0, &council, &why), CW_COUNCIL_AMBIGUOUS);
	assert_non_null(strstr(cw_buf_str(&why), "(a)"));
	assert_non_null(strstr(cw_buf_str(&why), "(b)"));
	assert_int_equal(cw_council_resolve(table, with_code, 2, 0, &council, &why), 0);
	assert_string_equal(council->id, "b");
	assert_int_equal(cw_council_find(table, "twin towns", &council, &suggestion), CW_COUNCIL_AMBIGUOUS);
	cw_buf_clear(&why);
	cw_councils_free(table);
}

#define ADD_CASES(cases, function)                                                                                     \
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++)                                                               \
		tests[n++] = (struct CMUnitTest)                                                                       \
		{                                                                                                      \
			.name = cases[i].name, .test_func = function, .initial_state = (void *)(uintptr_t)&cases[i]    \
		}

int main(void)
{
	static const struct CMUnitTest single[] = {
		cmocka_unit_test(test_order_does_not_matter),   cmocka_unit_test(test_no_text),
		cmocka_unit_test(test_long_text_is_cut_in_why), cmocka_unit_test(test_alias_of_two),
	};
	struct CMUnitTest tests[CW_ARRAY_LEN(resolve_cases) + CW_ARRAY_LEN(all_cases) + CW_ARRAY_LEN(find_cases) + CW_ARRAY_LEN(mistake_cases) +
	                        CW_ARRAY_LEN(single)];
	size_t n = 0;

	ADD_CASES(resolve_cases, test_resolve);
	ADD_CASES(all_cases, test_resolve_all);
	ADD_CASES(find_cases, test_find);
	ADD_CASES(mistake_cases, test_mistakes);
	for (size_t i = 0; i < CW_ARRAY_LEN(single); i++)
		tests[n++] = single[i];
	return cmocka_run_group_tests(tests, load_shipped, free_shipped);
}
