/*
 * A judgment in Akoma Ntoso, as Find Case Law gives it: what may be kept of it is its neutral citation, court, day,
 * address, and which council was on which side. A council that is a party makes a row.
 *
 * Case names and the names of other parties are people's, or their initials; they are no columns and go no further
 * than the comparison here: not into a row, nor into what is said of a row that is set aside. A party is a council
 * only by a whole name that has the word for one in it ("Kent" may be anybody). A judgment in which no party is
 * one by name, such as those of "a local authority", is about none.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <councilwatch/limits.h>

#include "columns.h"
#include "format.h"
#include "xml.h"

#define SHORT_MAX 512u  /* a name, a citation; longer is neither */
#define PARTIES_MAX 64u /* names that may be a council's */

/* In the order of cw_format_columns. */
enum column { CITATION, COURT, DATE, COUNCIL, ROLE, URI, URL, COLUMNS };

struct party {
	char *id;   /* owned; of its reference, "" when there is none */
	char *name; /* owned */
	char role[24];
};

struct judgment {
	struct cw_record *record;
	struct cw_xml *xml;
	bool begun, in_work, in_expression, in_proprietary, in_header;
	char texts[COLUMNS][SHORT_MAX + 1];
	int taking;    /* the column whose text is being read, -1 = none */
	bool in_party; /* or that of a party, whose role is: */
	char party_role[24];
	struct cw_buf text;
	size_t n_parties;
	struct party parties[PARTIES_MAX];
	int *places;           /* owned; enum column by slot */
	struct cw_cell *cells; /* owned; by slot */
};

static bool is(const char *a, const char *b)
{
	return !strcmp(a, b);
}

static void set(struct judgment *judgment, enum column column, struct cw_str text)
{
	text = cw_str_trim(text);
	if (!text.len || text.len > SHORT_MAX || judgment->texts[column][0] || memchr(text.at, 0, text.len))
		return;
	memcpy(judgment->texts[column], text.at, text.len);
	judgment->texts[column][text.len] = '\0';
}

/* --- parties --- */

/* Which side a text names, in the words of today's and yesterday's courts; none when it names two, as "Defendant/Appellant". */
static void side_of(struct cw_str as, char ret[24])
{
	static const struct {
		const char *word, *side;
	} sides[] = {
		{ "claimant", "applicant" },    { "applicant", "applicant" },   { "appellant", "applicant" },
		{ "petitioner", "applicant" },  { "plaintiff", "applicant" },   { "defendant", "respondent" },
		{ "respondent", "respondent" }, { "interested", "interested" }, { "intervener", "interested" },
		{ "intervenor", "interested" },
	};

	ret[0] = '\0';
	for (size_t i = 0; i < as.len; i++) {
		for (size_t k = 0; k < CW_ARRAY_LEN(sides); k++) {
			size_t n = strlen(sides[k].word);

			if (i + n > as.len || strncasecmp(as.at + i, sides[k].word, n) != 0)
				continue;
			if (ret[0] && !is(ret, sides[k].side)) {
				ret[0] = '\0';
				return;
			}
			strcpy(ret, sides[k].side);
		}
	}
}

/* Has it a word that names of councils have and those of people have not? */
static bool maybe_council(struct cw_str name)
{
	static const char *const words[] = { "council", "borough", "corporation", "authority", "trust" };

	for (size_t k = 0; k < CW_ARRAY_LEN(words); k++) {
		size_t n = strlen(words[k]);

		for (size_t i = 0; i + n <= name.len; i++)
			if (!strncasecmp(name.at + i, words[k], n))
				return true;
	}
	return false;
}

static bool skip_words(struct cw_str *text, const char *words)
{
	size_t n = strlen(words);

	if (text->len <= n || strncasecmp(text->at, words, n) != 0)
		return false;
	*text = cw_str_trim((struct cw_str){ text->at + n, text->len - n });
	return true;
}

/* What courts put before the name: "(1)", "The", "The Mayor and Burgesses of". */
static struct cw_str bare_name(struct cw_str name)
{
	name = cw_str_trim(name);
	if (name.len > 3 && *name.at == '(') {
		size_t i = 1;

		while (i < name.len && name.at[i] >= '0' && name.at[i] <= '9')
			i++;
		if (i > 1 && i < name.len && name.at[i] == ')')
			name = cw_str_trim((struct cw_str){ name.at + i + 1, name.len - i - 1 });
	}
	(void)skip_words(&name, "the ");
	if (skip_words(&name, "mayor and burgesses of "))
		(void)skip_words(&name, "the ");
	return name;
}

/* A name that may be a council's, under its reference. 0 or -ENOMEM. */
static int add_party(struct judgment *judgment, struct cw_str id, struct cw_str name, const char *role)
{
	struct party *party = &judgment->parties[judgment->n_parties];

	name = bare_name(name);
	if (name.len > SHORT_MAX || !maybe_council(name) || judgment->n_parties == PARTIES_MAX ||
	    memchr(name.at, 0, name.len))
		return 0;
	*party = (struct party){ .id = strndup(id.at, id.len), .name = strndup(name.at, name.len) };
	judgment->n_parties++;
	snprintf(party->role, sizeof(party->role), "%s", role);
	return party->id && party->name ? 0 : -ENOMEM;
}

static void add_side(struct party *party, const char *side)
{
	if (!party->role[0])
		snprintf(party->role, sizeof(party->role), "%s", side);
	else if (*side && !is(party->role, side))
		snprintf(party->role, sizeof(party->role), "%s", "both");
}

/* The header says on which side a reference stands. */
static void add_role(struct judgment *judgment, struct cw_str id, const char *role)
{
	if (id.len && *id.at == '#')
		id = (struct cw_str){ id.at + 1, id.len - 1 };
	for (size_t i = 0; i < judgment->n_parties && id.len; i++) {
		if (cw_str_eq(id, judgment->parties[i].id))
			add_side(&judgment->parties[i], role);
	}
}

/* --- elements --- */

static void take_text(struct judgment *judgment, int column)
{
	judgment->taking = column;
	cw_buf_reset(&judgment->text);
}

/* The day of the judgment; 1000-01-01 named "dummy" is how this source says that it does not know. */
static void take_date(struct judgment *judgment, const struct cw_xml_element *element)
{
	struct cw_str date, name;

	if (!judgment->in_work || !cw_xml_attribute(element, NULL, "date", &date) ||
	    !cw_xml_attribute(element, NULL, "name", &name))
		return;
	if ((cw_str_eq(name, "judgment") || cw_str_eq(name, "decision")) && !cw_str_eq(date, "1000-01-01"))
		set(judgment, DATE, cw_str_cut(date, 10));
}

static int meta(struct judgment *judgment, const struct cw_xml_element *element)
{
	const char *name = element->name;
	struct cw_str value, id;

	if (is(name, "FRBRWork")) {
		judgment->in_work = true;
	} else if (is(name, "FRBRExpression")) {
		judgment->in_expression = true;
	} else if (is(name, "FRBRdate")) {
		take_date(judgment, element);
	} else if (is(name, "FRBRuri") && cw_xml_attribute(element, NULL, "value", &value)) {
		if (judgment->in_work)
			set(judgment, URI, value);
		else if (judgment->in_expression)
			set(judgment, URL, value);
	} else if (is(name, "proprietary")) {
		judgment->in_proprietary = true;
	} else if (judgment->in_proprietary && is(name, "court")) {
		take_text(judgment, COURT);
	} else if (judgment->in_proprietary && is(name, "cite")) {
		take_text(judgment, CITATION);
	} else if ((is(name, "TLCPerson") || is(name, "TLCOrganization")) &&
	           cw_xml_attribute(element, NULL, "showAs", &value)) {
		(void)cw_xml_attribute(element, NULL, "eId", &id);
		return add_party(judgment, id, value, "");
	}
	return 0;
}

static int start(void *arg, const struct cw_xml_element *element)
{
	struct judgment *judgment = arg;
	struct cw_str id, as;
	char role[24];
	int r;

	if (element->depth == 1 && !is(element->name, "akomaNtoso")) {
		cw_record_fail(judgment->record, CW_REASON_UNPARSABLE, "its root is <%.64s>, not <akomaNtoso>",
		               element->name);
		return 1;
	}
	if (element->depth == 2) {
		judgment->begun = is(element->name, "judgment");
		if (!judgment->begun)
			cw_record_fail(judgment->record, CW_REASON_UNPARSABLE, "a <%.64s>, not a judgment",
			               element->name);
		return !judgment->begun;
	}
	if (element->depth == 3)
		judgment->in_header = is(element->name, "header");
	r = meta(judgment, element);
	if (r < 0)
		return r;
	if (judgment->in_header && is(element->name, "neutralCitation"))
		take_text(judgment, CITATION);
	if (!is(element->name, "party"))
		return 0;
	(void)(cw_xml_attribute(element, NULL, "as", &as) || cw_xml_attribute(element, NULL, "role", &as));
	side_of(as, role);
	if (cw_xml_attribute(element, NULL, "refersTo", &id)) {
		add_role(judgment, id, role);
		return 0;
	}
	judgment->in_party = true;
	strcpy(judgment->party_role, role);
	cw_buf_reset(&judgment->text);
	return 0;
}

static int end_of(void *arg, const struct cw_xml_element *element)
{
	struct judgment *judgment = arg;
	struct cw_str text = { cw_buf_str(&judgment->text), judgment->text.len };
	const char *name = element->name;

	if (judgment->text.failed == -ENOMEM)
		return -ENOMEM;
	if (is(name, "FRBRWork"))
		judgment->in_work = false;
	else if (is(name, "FRBRExpression"))
		judgment->in_expression = false;
	else if (is(name, "proprietary"))
		judgment->in_proprietary = false;
	else if (element->depth == 3)
		judgment->in_header = false;
	if (judgment->in_party && is(name, "party")) {
		judgment->in_party = false;
		return judgment->text.failed
		           ? 0
		           : add_party(judgment, (struct cw_str){ "", 0 }, text, judgment->party_role);
	}
	if (judgment->taking >= 0 && (is(name, "court") || is(name, "cite") || is(name, "neutralCitation"))) {
		if (!judgment->text.failed)
			set(judgment, (enum column)judgment->taking, text);
		judgment->taking = -1;
	}
	return 0;
}

static int text(void *arg, const char *at, size_t len)
{
	struct judgment *judgment = arg;

	if (judgment->taking < 0 && !judgment->in_party)
		return 0;
	cw_buf_append(&judgment->text, at, len);
	return judgment->text.failed == -ENOMEM ? -ENOMEM : 0;
}

/* --- rows --- */

static int32_t day_of(const struct judgment *judgment)
{
	struct cw_wall wall;

	if (cw_wall_parse(judgment->texts[DATE], strlen(judgment->texts[DATE]), &wall, NULL) == 0)
		return cw_wall_day(wall);
	wall = cw_record_info(judgment->record)->fetched_at;
	return cw_wall_day(cw_wall_known(wall) ? wall : cw_wall_now());
}

/* Does the name stand for a council, or for several of which one is meant? */
static int names_council(const struct judgment *judgment, const char *name, struct cw_council_set *ret)
{
	const struct cw_str text = cw_str(name);
	int r =
	    cw_council_resolve_all(cw_record_config(judgment->record)->councils, &text, 1, day_of(judgment), ret, NULL);

	if (r < 0)
		return r;
	return r == 0 || r == CW_COUNCIL_AMBIGUOUS || r == CW_COUNCIL_NOT_THEN;
}

static int give(struct judgment *judgment, uint64_t row, const struct party *party)
{
	for (size_t i = 0; i < cw_record_slots(judgment->record); i++) {
		struct cw_str cell = { "", 0 };

		if (judgment->places[i] == COUNCIL)
			cell = cw_str(party->name);
		else if (judgment->places[i] == ROLE)
			cell = cw_str(party->role);
		else if (judgment->places[i] >= 0)
			cell = cw_str(judgment->texts[judgment->places[i]]);
		judgment->cells[i] = (struct cw_cell){ cell, { "", 0 }, NULL };
		cw_record_seen(judgment->record, i);
	}
	return cw_record_row(judgment->record, row, judgment->cells);
}

/* Parties that are councils come first, each once; *ret_n says how many. One may be listed under two spellings. */
static int keep_councils(struct judgment *judgment, size_t *ret_n)
{
	struct cw_council_set sets[PARTIES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < judgment->n_parties; i++) {
		struct party party = judgment->parties[i];
		size_t k = 0;
		int r;

		sets[n] = (struct cw_council_set){ .n = 0 };
		r = names_council(judgment, party.name, &sets[n]);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		while (k < n && !(sets[n].n && sets[k].n == sets[n].n && sets[k].at[0] == sets[n].at[0]))
			k++;
		if (k < n) {
			add_side(&judgment->parties[k], party.role);
			continue;
		}
		judgment->parties[i] = judgment->parties[n];
		judgment->parties[n++] = party;
	}
	*ret_n = n;
	return 0;
}

static int give_rows(struct judgment *judgment)
{
	size_t n;
	int r = keep_councils(judgment, &n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++)
		r = give(judgment, i + 1, &judgment->parties[i]);
	if (r < 0 || n)
		return r;
	cw_record_start_row(judgment->record, 1);
	return cw_record_reject(judgment->record, CW_REASON_NOT_ABOUT, "council", (struct cw_str){ "", 0 },
	                        "no party is a council by its name");
}

/* --- the format --- */

static void judgment_free(void *state)
{
	struct judgment *judgment = state;

	if (!judgment)
		return;
	cw_xml_free(judgment->xml);
	for (size_t i = 0; i < judgment->n_parties; i++) {
		free(judgment->parties[i].id);
		free(judgment->parties[i].name);
	}
	free(judgment->places);
	free(judgment->cells);
	cw_buf_clear(&judgment->text);
	free(judgment);
}

static int begin(struct cw_record *record, void **ret)
{
	static const struct cw_xml_handlers handlers = { start, end_of, text };
	struct judgment *judgment = calloc(1, sizeof(*judgment));
	int r;

	*ret = judgment;
	if (!judgment)
		return -ENOMEM;
	judgment->record = record;
	judgment->taking = -1;
	cw_buf_init(&judgment->text, SHORT_MAX);
	judgment->cells = calloc(cw_record_slots(record) + 1, sizeof(*judgment->cells));
	if (!judgment->cells)
		return -ENOMEM;
	r = cw_columns_place(record, &judgment->places);
	return r < 0 ? r : cw_xml_new(record, &handlers, judgment, &judgment->xml);
}

static int feed(void *state, const char *at, size_t len)
{
	return cw_xml_feed(((struct judgment *)state)->xml, at, len);
}

static int end(void *state)
{
	struct judgment *judgment = state;
	int r = cw_xml_end(judgment->xml);

	return r < 0 || cw_record_failed(judgment->record) ? r : give_rows(judgment);
}

const struct cw_format_ops cw_format_akoma_ntoso = {
	.format = CW_FORMAT_AKOMA_NTOSO,
	.noun = "a judgment in Akoma Ntoso",
	.xml = true,
	.begin = begin,
	.feed = feed,
	.end = end,
	.free = judgment_free,
};
