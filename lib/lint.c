/*
 * lint.c: rules over characters (addresses, numbers) and over words (initials, titles, names, family, gossip).
 *
 * A word is a run of letters, digits and apostrophes; what stands between two words is looked at where it matters. Bytes from 0x80
 * are letters, but for the curly apostrophe and for dashes and quotes of the general punctuation block.
 */
#include <errno.h>
#include <string.h>

#include <councilwatch/lint.h>

#define WORD_MAX 24 /* bytes of a word that are compared; longer ones are no words of ours */
/* Characters between two words that may belong to one person's name or one phrase. */
#define GAP_MAX 3

static const struct {
	const char *what, *mend;
} rules[CW_LINT_COUNT] = {
	[CW_LINT_EMAIL] = { "an e-mail address", "Leave it out; name the role or the service instead." },
	[CW_LINT_PHONE] = { "a telephone number", "Leave it out; name the role or the service instead." },
	[CW_LINT_ADDRESS] = { "somebody's address", "Leave it out; name the council or the service." },
	[CW_LINT_BIRTH] = { "a date of birth", "Leave it out; say what it means for the service." },
	[CW_LINT_NUMBER] = { "a number that identifies a person or a case", "Leave it out; the note is about the service." },
	[CW_LINT_INITIALS] = { "initials of a person or the title of a case",
	                       "Leave them out; name the council, the court and the date." },
	[CW_LINT_TITLE] = { "a person's name", "Name the role and the event: \"the lead member\", not who it is." },
	[CW_LINT_NAME] = { "a person's name", "Name the role and the event: \"the director of children's services\", not who it is." },
	[CW_LINT_FAMILY] = { "the circumstances of a child or family", "Say what it shows about the service, without the family." },
	[CW_LINT_GOSSIP] = { "somebody's health or conduct", "Name the role and the event: \"interim director since May\"." },
	[CW_LINT_NO_ROLE] = { "no role", "Say in which role it is said: \"children's improvement adviser\"." },
};

const char *cw_lint_what(enum cw_lint_rule rule)
{
	return rule < CW_LINT_COUNT ? rules[rule].what : "";
}

const char *cw_lint_mend(enum cw_lint_rule rule)
{
	return rule < CW_LINT_COUNT ? rules[rule].mend : "";
}

struct word {
	size_t at, len;
	char text[WORD_MAX]; /* lower case, straight apostrophes, without the 's of a possessive; "" = too long */
	bool capital;        /* its first letter is one */
	bool capitals;       /* all are */
	bool digits;         /* nothing else */
	bool possessive;
	bool begins;         /* a sentence */
};

struct lint {
	struct cw_str text;
	const struct cw_councils *councils;
	struct word *words; /* owned */
	size_t n, cap;
	struct cw_lint *ret;
	size_t max, found;
	bool nomem;
};

/* In order of the text; what overlaps an earlier finding says nothing new. */
static void report(struct lint *lint, enum cw_lint_rule rule, size_t at, size_t end)
{
	size_t kept = CW_MIN(lint->found, lint->max), i;

	for (i = 0; i < kept; i++)
		if (at < lint->ret[i].at + lint->ret[i].len && lint->ret[i].at < end)
			return;
	lint->found++;
	if (kept == lint->max)
		return;
	for (i = kept; i > 0 && lint->ret[i - 1].at > at; i--)
		lint->ret[i] = lint->ret[i - 1];
	lint->ret[i] = (struct cw_lint){ rule, at, end - at };
}

static void report_words(struct lint *lint, enum cw_lint_rule rule, size_t first, size_t last)
{
	report(lint, rule, lint->words[first].at, lint->words[last].at + lint->words[last].len);
}

/* ---- words ---- */

static bool one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

/* The text need not end with NUL. */
static bool only(struct cw_str text, const char *set)
{
	for (size_t i = 0; i < text.len; i++)
		if (!one_of(text.at[i], set))
			return false;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static char lower(char c)
{
	return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

/* Bytes of the letter, digit or apostrophe at a place; 0: something else. *ret_apostrophe: it is one. */
static size_t letter_at(struct cw_str text, size_t at, bool *ret_apostrophe)
{
	unsigned char c = (unsigned char)text.at[at];
	size_t n;

	*ret_apostrophe = c == '\'';
	if (c < 0x80)
		return is_digit((char)c) || is_lower(lower((char)c)) || c == '\'';
	n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
	if (n > text.len - at)
		n = text.len - at;
	if (n == 3 && memcmp(text.at + at, "\xe2\x80", 2) == 0) {
		*ret_apostrophe = (unsigned char)text.at[at + 2] == 0x99; /* U+2019 */
		return *ret_apostrophe ? 3 : 0;
	}
	/* No-break space and the signs of Latin-1 are none. */
	return n == 2 && c == 0xc2 ? 0 : n;
}

static bool is_capital(struct cw_str text, size_t at)
{
	unsigned char c = (unsigned char)text.at[at];

	/* The capitals of Latin-1: U+00C0 to U+00DE. */
	return is_upper((char)c) ||
	       (c == 0xc3 && at + 1 < text.len && (unsigned char)text.at[at + 1] >= 0x80 && (unsigned char)text.at[at + 1] <= 0x9e);
}

static size_t word_read(struct cw_str text, size_t at, struct word *ret)
{
	size_t n, len = 0, letters = 0, capitals = 0, start = at;
	bool apostrophe;

	*ret = (struct word){ .at = at, .capital = is_capital(text, at), .digits = true };
	while (at < text.len && (n = letter_at(text, at, &apostrophe))) {
		char c = apostrophe ? '\'' : lower(text.at[at]);

		ret->digits &= is_digit(c);
		letters += !is_digit(c) && !apostrophe;
		capitals += is_capital(text, at);
		for (size_t i = 0; i < (apostrophe ? 1 : n); i++, len++)
			if (len < WORD_MAX)
				ret->text[len] = i ? text.at[at + i] : c;
		at += n;
	}
	/* Quotes at its ends are not its own. */
	while (len && len < WORD_MAX && ret->text[len - 1] == '\'')
		len--;
	if (len > 2 && len < WORD_MAX && ret->text[len - 2] == '\'' && ret->text[len - 1] == 's') {
		ret->possessive = true;
		len -= 2;
		letters--;
	}
	ret->text[len < WORD_MAX ? len : 0] = '\0';
	ret->capitals = letters > 0 && capitals == letters;
	ret->len = at - start;
	return at;
}

static void words_read(struct lint *lint)
{
	struct cw_str text = lint->text;
	bool begins = true, apostrophe;
	size_t at = 0;

	while (at < text.len && !lint->nomem) {
		struct word *grown;

		if (!letter_at(text, at, &apostrophe) || apostrophe) {
			begins |= one_of(text.at[at], ".!?\n:;");
			at++;
			continue;
		}
		if (lint->n == lint->cap) {
			lint->cap = lint->cap ? lint->cap * 2 : 64;
			grown = reallocarray(lint->words, lint->cap, sizeof(*grown));
			if (!grown) {
				lint->nomem = true;
				return;
			}
			lint->words = grown;
		}
		at = word_read(text, at, &lint->words[lint->n]);
		lint->words[lint->n++].begins = begins;
		begins = false;
	}
}

static bool word_is(const struct lint *lint, size_t i, const char *text)
{
	return i < lint->n && strcmp(lint->words[i].text, text) == 0;
}

/* list ends with NULL. */
static bool word_in(const struct lint *lint, size_t i, const char *const *list)
{
	for (; i < lint->n && *list; list++)
		if (strcmp(lint->words[i].text, *list) == 0)
			return true;
	return false;
}

/* What stands between word i and the next one. */
static struct cw_str gap(const struct lint *lint, size_t i)
{
	size_t end = lint->words[i].at + lint->words[i].len;
	size_t next = i + 1 < lint->n ? lint->words[i + 1].at : lint->text.len;

	return (struct cw_str){ lint->text.at + end, next - end };
}

static bool blank_gap(const struct lint *lint, size_t i)
{
	struct cw_str between = gap(lint, i);

	return i + 1 < lint->n && between.len && between.len <= GAP_MAX && only(between, " \t\n");
}

/* Only blanks, or a full stop and blanks, as after "Mr." */
static bool close_gap(const struct lint *lint, size_t i)
{
	struct cw_str between = gap(lint, i);

	return blank_gap(lint, i) || (i + 1 < lint->n && between.len >= 1 && between.len <= GAP_MAX && between.at[0] == '.' &&
	                              only((struct cw_str){ between.at + 1, between.len - 1 }, " "));
}

static char gap_begins(const struct lint *lint, size_t i)
{
	struct cw_str between = gap(lint, i);

	return between.len ? between.at[0] : '\0';
}

/* ---- names that are no people's ---- */

/* Nouns that follow a name which is an organisation's, a document's or a street's. */
static const char *const organisations[] = {
	"academy", "academies", "act", "agency", "alliance", "ambulance", "approach", "association", "avenue", "award", "awards", "board", "borough",
	"building", "campus", "centre", "charity", "city", "close", "college", "collaborative", "commission", "committee", "conference",
	"consortium", "council", "county", "court", "day", "development", "district", "england", "forum", "foundation", "framework", "fund",
	"group", "guidance", "hall", "health", "hospital", "hospice", "house", "hub", "infirmary", "inquiry", "institute", "lane", "library", "lodge",
	"model", "network", "nursery", "office", "park", "partnership", "place", "plan", "police", "practice", "primary", "prize", "programme", "project",
	"report", "review", "road", "safeguarding", "school", "schools", "scheme", "secondary", "service", "services", "society", "square",
	"standard", "station", "street", "strategy", "team", "terrace", "theatre", "tower", "town", "trust", "union", "university", "ward", "way",
	"works", "recruitment", "training", "register", "apprenticeship", "apprenticeships", "workforce", "vacancies", "retention", "caseloads",
	"capacity", "supply", "agency", "turnover", "panel", "charter", "chancellor", "mayor", "mayoress", "lieutenant", "justice", "conduct",
	"survey", "questions", "offer", "festival", "week", "month", "law", "index", NULL
};

/* Capitalised words that are no surnames. */
static const char *const common[] = {
	"a", "an", "and", "april", "area", "as", "at", "august", "but", "by", "cafcass", "camhs", "children", "council", "councils", "december",
	"dfe", "ehcp", "ehcps", "february", "for", "friday", "from", "has", "he", "her", "his", "in", "is", "it", "january", "july", "june", "la",
	"lga", "lgsco", "march", "may", "mhclg", "monday", "next", "nhs", "no", "north", "november", "october", "of", "ofsted", "on", "or",
	"our", "saturday", "send", "september", "she", "south", "summary", "sunday", "that", "the", "their", "there", "these", "they", "this",
	"thursday", "to", "tuesday", "was", "we", "wednesday", "were", "west", "east", "what", "when", "where", "while", "who", "with", "you", "your",
	"children's", "social", "directors", "director", "cqc", "hmip", "mp", "mps", "ks2", "gcse", "uk", "eu", "section", "part", "year",
	"requires", "good", "inadequate", "outstanding", "yes", "not", "if", "all", "any", "both", "each", NULL
};

static const char *const given_names[] = {
	"aaron", "abdul", "abigail", "adam", "adrian", "ahmed", "aisha", "alan", "alastair", "albert", "alex", "alexander", "alexandra", "alfie", "alice",
	"alison", "amanda", "amelia", "amy", "andrea", "andrew", "angela", "anita", "ann", "anna", "anne", "annie", "anthony", "antonia", "archie", "arthur",
	"ayesha", "barbara", "barry", "beatrice", "ben", "benjamin", "bernard", "beth", "bethany", "beverley", "brenda", "brian", "bridget",
	"callum", "cameron", "carl", "carla", "carol", "caroline", "catherine", "charlie", "charlotte", "cheryl", "chloe", "chris", "christine",
	"christopher", "claire", "clare", "clive", "colin", "connor", "craig", "cynthia", "daniel", "darren", "david", "dawn", "debbie", "deborah", "denise", "dennis",
	"derek", "diana", "diane", "dominic", "donald", "donna", "doreen", "dorothy", "douglas", "duncan", "dylan", "edward", "eileen", "elaine", "eleanor",
	"elizabeth", "ella", "ellen", "emily", "emma", "eric", "ethan", "evelyn", "evie", "fatima", "fiona", "francesca", "frank", "freddie", "gareth",
	"gary", "gavin", "gemma", "geoff", "geoffrey", "george", "georgia", "georgina", "gillian", "glenn", "gordon", "graham", "greg", "hannah", "harriet",
	"harry", "hassan", "hazel", "heather", "helen", "henry", "howard", "hugh", "hussain", "ian", "ibrahim", "imran", "irene", "isabel", "isabella",
	"isla", "jack", "jackie", "jacob", "jacqueline", "jade", "jake", "james", "jamie", "jane", "janet", "janice", "jason", "jayne", "jean", "jeffrey", "jennifer",
	"jenny", "jeremy", "jessica", "jill", "joan", "joanna", "joanne", "joe", "john", "jonathan", "joseph", "josh", "joshua", "joyce", "judith", "julia",
	"julian", "julie", "justin", "karen", "karl", "kate", "katherine", "kathleen", "kathryn", "katie", "kayleigh", "keith", "kelly", "kenneth",
	"kerry", "kevin", "kieran", "kirsty", "kyle", "laura", "lauren", "leah", "leanne", "leonard", "lesley", "leslie", "liam", "linda", "lisa", "lorraine",
	"louise", "lucy", "luke", "lynn", "lynne", "malcolm", "marcus", "margaret", "maria", "marie", "marion", "mark", "martin", "mary", "matthew", "maureen",
	"megan", "melanie", "melissa", "michael", "michelle", "mohamed", "mohammad", "mohammed", "molly", "muhammad", "nadia", "naomi", "natalie", "natasha",
	"nathan", "neil", "nicholas", "nick", "nicola", "nigel", "noah", "norman", "olivia", "omar", "oscar", "pamela", "patricia", "patrick", "paul", "paula", "pauline",
	"peter", "philip", "phil", "philippa", "priya", "rachel", "raymond", "rebecca", "reece", "rhys", "richard", "robert", "robin", "roger", "ronald", "rosemary",
	"roy", "russell", "ruth", "ryan", "sally", "sam", "samantha", "samina", "samuel", "sandra", "sanjay", "sara", "sarah", "scott", "sean", "shabana", "sharon",
	"shaun", "sheila", "shirley", "sian", "simon", "sophia", "sophie", "stella", "stephanie", "stephen", "steve", "steven", "stuart", "sue", "sunil", "susan",
	"suzanne", "sylvia", "tara", "terence", "teresa", "terry", "theresa", "thomas", "tim", "timothy", "tina", "toby", "tom", "tony", "tracey", "tracy",
	"trevor", "tyler", "valerie", "vanessa", "veronica", "victor", "vincent", "wayne", "wendy", "william", "yasmin", "yusuf", "yvonne", "zoe", "zara", NULL
};

static bool in_text(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = text; *at; at++) {
		size_t i = 0;

		if (at > text && is_lower(lower(at[-1])))
			continue;
		while (i < len && lower(at[i]) == word[i])
			i++;
		if (i == len && !is_lower(lower(at[i])))
			return true;
	}
	return false;
}

/* A word of a council's or region's name. */
static bool is_place(const struct lint *lint, size_t i)
{
	const char *word = i < lint->n ? lint->words[i].text : "";

	if (!word[0] || !lint->councils)
		return false;
	for (size_t k = 0; k < cw_councils_count(lint->councils); k++) {
		const struct cw_council *council = cw_councils_at(lint->councils, k);

		if (in_text(council->short_name, word) || in_text(council->name, word) || in_text(council->region, word))
			return true;
	}
	return false;
}

/* May this word be a person's surname, where a surname would stand? */
static bool surname_like(const struct lint *lint, size_t i)
{
	const struct word *word = &lint->words[i];

	return i < lint->n && word->capital && word->len > 1 && !word->digits && !(word->capitals && word->len > 3) &&
	       !word_in(lint, i, common) && !word_in(lint, i, organisations);
}

/* ---- characters ---- */

static void find_emails(struct lint *lint)
{
	struct cw_str text = lint->text;

	for (size_t i = 1; i + 3 < text.len; i++) {
		size_t start = i, end = i + 1;
		bool dot = false;

		if (text.at[i] != '@')
			continue;
		while (start > 0 && (is_digit(text.at[start - 1]) || is_lower(lower(text.at[start - 1])) || one_of(text.at[start - 1], "._%+-'")))
			start--;
		while (end < text.len && (is_digit(text.at[end]) || is_lower(lower(text.at[end])) || one_of(text.at[end], ".-"))) {
			dot |= text.at[end] == '.' && end + 1 < text.len && is_lower(lower(text.at[end + 1]));
			end++;
		}
		while (end > i + 1 && one_of(text.at[end - 1], ".-"))
			end--;
		/* "@SomeCouncil" is a name in a public place, not an address. */
		if (start < i && dot)
			report(lint, CW_LINT_EMAIL, start, end);
	}
}

/* A run of digits that may be grouped by single blanks, hyphens and brackets. */
struct digits {
	size_t at, end, n;
	char digit[20];
	unsigned groups[8];
	size_t n_groups;
	bool plus;
};

static bool digits_read(struct cw_str text, size_t at, struct digits *ret)
{
	bool in_group = false;

	*ret = (struct digits){ .at = at, .end = at };
	if (text.at[at] == '+') {
		ret->plus = true;
		at++;
	}
	for (; at < text.len; at++) {
		char c = text.at[at];

		if (is_digit(c)) {
			if (ret->n == sizeof(ret->digit))
				return false;
			if (!in_group && ret->n_groups == CW_ARRAY_LEN(ret->groups))
				return false;
			if (!in_group)
				ret->groups[ret->n_groups++] = 0;
			in_group = true;
			ret->groups[ret->n_groups - 1]++;
			ret->digit[ret->n++] = c;
			ret->end = at + 1;
		} else if (one_of(c, " -()") && at - ret->end < 2) {
			in_group = false;
		} else {
			break;
		}
	}
	return ret->n > 0;
}

static bool number_stands_alone(struct cw_str text, const struct digits *digits)
{
	char before = digits->at ? text.at[digits->at - 1] : ' ', after = digits->end < text.len ? text.at[digits->end] : ' ';
	char next = digits->end + 1 < text.len ? text.at[digits->end + 1] : ' ';

	return !is_digit(before) && !is_lower(lower(before)) && !one_of(before, "./,-_=#") && (unsigned char)before < 0x80 && after != '%' &&
	       !is_lower(lower(after)) && after != '/' && !((after == '.' || after == ',') && is_digit(next));
}

/* The last digit of an NHS number is a check over the others. */
static bool nhs_check(const char *digit)
{
	int sum = 0;

	for (int i = 0; i < 9; i++)
		sum += (digit[i] - '0') * (10 - i);
	sum = 11 - sum % 11;
	return (sum == 11 ? 0 : sum) == digit[9] - '0';
}

static void find_numbers(struct lint *lint)
{
	struct cw_str text = lint->text;
	struct digits digits;

	for (size_t i = 0; i < text.len; i++) {
		bool opens = text.at[i] == '+' || (text.at[i] == '(' && i + 1 < text.len && text.at[i + 1] == '0');
		bool phone;

		if ((!is_digit(text.at[i]) && !opens) || (i && is_digit(text.at[i - 1])) || !digits_read(text, i, &digits))
			continue;
		if (!number_stands_alone(text, &digits)) {
			i = digits.end;
			continue;
		}
		phone = digits.plus ? digits.n >= 11 && digits.n <= 13
		                    : digits.digit[0] == '0' && digits.digit[1] != '0' && (digits.n == 10 || digits.n == 11);
		if (phone)
			report(lint, CW_LINT_PHONE, digits.at, digits.end);
		else if (digits.n == 10 && digits.n_groups == 3 && digits.groups[0] == 3 && digits.groups[1] == 3 &&
		         nhs_check(digits.digit))
			report(lint, CW_LINT_NUMBER, digits.at, digits.end);
		i = CW_MAX(digits.end, i + 1) - 1;
	}
}

/* "AB 12 34 56 C", and a pupil's number, "A123456789012". */
static void find_identifiers(struct lint *lint)
{
	struct cw_str text = lint->text;

	for (size_t i = 0; i < text.len; i++) {
		size_t at = i + 1, digits = 0;

		if (!is_upper(text.at[i]) || (i && (is_lower(lower(text.at[i - 1])) || is_digit(text.at[i - 1]))))
			continue;
		while (at < text.len && is_digit(text.at[at]))
			at++;
		digits = at - i - 1;
		if ((digits == 12 || (digits == 11 && at < text.len && is_upper(text.at[at]))) &&
		    (at + (digits == 11) >= text.len || !is_lower(lower(text.at[at + (digits == 11)])))) {
			report(lint, CW_LINT_NUMBER, i, at + (digits == 11));
			continue;
		}
		if (i + 1 >= text.len || !is_upper(text.at[i + 1]))
			continue;
		for (at = i + 2, digits = 0; at < text.len && digits < 6 && (is_digit(text.at[at]) || text.at[at] == ' '); at++) {
			if (text.at[at] == ' ' && at + 1 < text.len && !is_digit(text.at[at + 1]))
				break;
			digits += is_digit(text.at[at]);
		}
		at += at < text.len && text.at[at] == ' ';
		if (digits == 6 && at < text.len && text.at[at] >= 'A' && text.at[at] <= 'D' &&
		    (at + 1 >= text.len || (!is_lower(lower(text.at[at + 1])) && !is_digit(text.at[at + 1]))))
			report(lint, CW_LINT_NUMBER, i, at + 1);
	}
}

/* ---- words: numbers of cases, births, addresses ---- */

static void find_case_numbers(struct lint *lint)
{
	static const char *const systems[] = { "nhs", "mosaic", "liquidlogic", "lcs", "ehm", "case", "upn", "pupil", "passport", NULL };
	static const char *const words[] = { "number", "no", "id", "ref", "reference", NULL };

	for (size_t i = 0; i < lint->n; i++) {
		size_t k = i + 1;

		if (!word_in(lint, i, systems))
			continue;
		if (!word_in(lint, k, words))
			continue;
		k++;
		/* Any code with digits that follows at once: "AB/123456". */
		for (size_t first = k; k < lint->n && k < first + 3 && gap(lint, k - 1).len <= (k == first ? GAP_MAX : 1); k++) {
			const struct word *word = &lint->words[k];
			size_t digits = 0;

			for (size_t c = 0; c < word->len; c++)
				digits += is_digit(lint->text.at[word->at + c]);
			if (digits >= 3) {
				report_words(lint, CW_LINT_NUMBER, i, k);
				break;
			}
		}
	}
}

static const char *const months[] = { "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
	                              "november", "december", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov",
	                              "dec", NULL };

/* A whole day in words i and on: "3/4/2012", "3 April 2012", "2012-04-03". The last word of it, or 0. */
static size_t date_at(const struct lint *lint, size_t i)
{
	char between;

	if (i + 2 >= lint->n)
		return 0;
	between = gap_begins(lint, i);
	if (lint->words[i].digits && one_of(between, "/-.") && gap_begins(lint, i + 1) == between &&
	    lint->words[i + 1].digits && lint->words[i + 2].digits)
		return i + 2;
	/* "3rd April 2012" */
	if (is_digit(lint->text.at[lint->words[i].at]) && lint->words[i].len <= 4 && word_in(lint, i + 1, months) &&
	    lint->words[i + 2].digits)
		return i + 2;
	return 0;
}

static void find_births(struct lint *lint)
{
	for (size_t i = 0; i < lint->n; i++) {
		size_t k = 0, last;

		if (word_is(lint, i, "dob") || word_is(lint, i, "born"))
			k = i + 1;
		else if (word_is(lint, i, "d") && word_is(lint, i + 1, "o") && word_is(lint, i + 2, "b"))
			k = i + 3;
		else if (word_is(lint, i, "date") && word_is(lint, i + 1, "of") && word_is(lint, i + 2, "birth"))
			k = i + 3;
		if (!k)
			continue;
		k += word_is(lint, k, "on") || word_is(lint, k, "is") || word_is(lint, k, "was");
		last = date_at(lint, k);
		if (last)
			report_words(lint, CW_LINT_BIRTH, i, last);
	}
}

/* A whole postcode in words i and i + 1: "LS1 4AB". */
static bool postcode_at(const struct lint *lint, size_t i)
{
	const struct word *out = &lint->words[i], *in = out + 1;
	const char *text = lint->text.at;

	if (i + 1 >= lint->n || !blank_gap(lint, i) || out->len < 2 || out->len > 4 || in->len != 3)
		return false;
	return out->capitals && in->capitals && is_upper(text[out->at]) && is_digit(text[in->at]) && is_upper(text[in->at + 1]) &&
	       is_upper(text[in->at + 2]) && (is_digit(text[out->at + 1]) || (out->len > 2 && is_digit(text[out->at + 2])));
}

static void find_addresses(struct lint *lint)
{
	static const char *const streets[] = { "road", "rd", "street", "st", "avenue", "ave", "close", "drive", "lane", "crescent", "terrace",
		                               "gardens", "grove", "way", "court", "place", "walk", "hill", "view", NULL };
	static const char *const lives[] = { "lives", "lived", "living", "resides", "residing", "home", NULL };

	for (size_t i = 0; i + 1 < lint->n; i++) {
		const struct word *word = &lint->words[i];
		size_t street = 0, k, first = i;
		bool home = false;

		/* A house: up to four digits, perhaps with a letter. */
		if (!is_digit(lint->text.at[word->at]) || word->len > 5)
			continue;
		for (k = i + 1; k < lint->n && k <= i + 4 && blank_gap(lint, k - 1); k++) {
			if (!lint->words[k].capital)
				break;
			if (k > i + 1 && word_in(lint, k, streets))
				street = k;
		}
		if (!street)
			continue;
		for (k = i > 3 ? i - 3 : 0; k < i && !home; k++) {
			home = word_in(lint, k, lives);
			first = home ? k : i;
		}
		for (k = street + 1; k < lint->n && k <= street + 5 && !home; k++)
			if (postcode_at(lint, k)) {
				home = true;
				street = k + 1;
			}
		if (home)
			report_words(lint, CW_LINT_ADDRESS, first, street);
	}
}

/* ---- words: initials, titles, names ---- */

/* One to three capitals that stand for somebody. */
static bool initials_at(const struct lint *lint, size_t i)
{
	static const char *const acronyms[] = { "la",  "lga", "dfe", "cqc", "uk",  "eu",   "mp",   "mps", "nhs", "icb", "ccg", "hmi", "sen",
		                                "cla", "lac", "cin", "cp",  "uas", "dsg",  "ehc",  "ks",  "ey",  "pru", "wsoa", "it",  "hr",
		                                "bbc", "gp",  "gps", "ofs", "sar", "csp",  "cdop", "msa", "vcs", "yot", "yjs", "mash", "ii",
		                                "iii", "iv", "cc", "bc", "cs", "as", "asd", "adh", NULL };
	const struct word *word = &lint->words[i];

	if (i >= lint->n || !word->capitals || word->len > 3 || is_digit(lint->text.at[word->at + word->len - 1]) || word->text[0] == '\0')
		return false;
	return !word_in(lint, i, acronyms);
}

static void find_initials(struct lint *lint)
{
	static const char *const people[] = { "child", "baby", "family", "adult", "boy", "girl", "sibling", "mother", "father", "parent", "person",
		                              "infant", "teenager", "pupil", "student", "patient", "yp", NULL };
	static const char *const reason[] = { "level", "levels", "and", NULL };

	for (size_t i = 0; i < lint->n; i++) {
		const struct word *word = &lint->words[i];
		bool one = initials_at(lint, i) && word->len <= 2 && !word_is(lint, i, "i");

		/* "Child K", not "Child A&E attendance", "Student A level". */
		if (i && one && word_in(lint, i - 1, people) && blank_gap(lint, i - 1) && gap_begins(lint, i) != '&' &&
		    gap_begins(lint, i) != '-' && !word_in(lint, i + 1, reason) && !(word_is(lint, i, "a") && !lint->words[i - 1].capital))
			report_words(lint, CW_LINT_INITIALS, i - 1, i);
		/* "AB (a child)". */
		if (initials_at(lint, i) && word_is(lint, i + 1, "a") && gap(lint, i).len <= GAP_MAX && memchr(gap(lint, i).at, '(', gap(lint, i).len) &&
		    (word_is(lint, i + 2, "child") || word_is(lint, i + 2, "minor") || word_is(lint, i + 2, "protected")))
			report_words(lint, CW_LINT_INITIALS, i, i + 2);
		/* "Re S", "In re T". */
		if (i && initials_at(lint, i) && word_is(lint, i - 1, "re") && lint->words[i - 1].capital && blank_gap(lint, i - 1))
			report_words(lint, CW_LINT_INITIALS, i - 1, i);
		/* "R (TS) v Hackney", "AB v Leeds City Council". */
		if (initials_at(lint, i) && word_is(lint, i + 1, "v") && !lint->words[i + 1].capital && i + 2 < lint->n &&
		    lint->words[i + 2].capital && !(word_is(lint, i, "r")))
			report_words(lint, CW_LINT_INITIALS, i, i + 1);
	}
}

static void find_titles(struct lint *lint)
{
	static const char *const titles[] = { "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "cllr", "councillor", "sir", "dame", "lord", "lady",
		                              "baroness", "rev", "reverend", "sister", "judge", "hhj", NULL };
	static const char *const plain[] = { "sister", "miss", "judge", NULL }; /* words of their own */

	for (size_t i = 0; i + 1 < lint->n; i++) {
		const struct word *name = &lint->words[i + 1];

		if (!word_in(lint, i, titles) || !lint->words[i].capital || !close_gap(lint, i) || lint->words[i].possessive)
			continue;
		if (word_in(lint, i, plain) && (lint->words[i].begins || gap_begins(lint, i) == '.' || is_place(lint, i + 1)))
			continue;
		/* "Mrs K", too. A sentence that ends in "the Dr." is none. */
		if (surname_like(lint, i + 1) || (name->capitals && name->len == 1 && gap_begins(lint, i) != '.')) {
			size_t last = i + 1;

			if (last + 1 < lint->n && blank_gap(lint, last) && surname_like(lint, last + 1) && !is_place(lint, last + 1))
				last++;
			report_words(lint, CW_LINT_TITLE, i, last);
		}
	}
}

static bool given_at(const struct lint *lint, size_t i)
{
	static const char *const before[] = { "st", "saint", "king", "queen", "prince", "princess", "the", NULL };

	return i < lint->n && lint->words[i].capital && !lint->words[i].capitals && word_in(lint, i, given_names) &&
	       !(i && word_in(lint, i - 1, before) && lint->words[i - 1].capital && !lint->words[i - 1].begins);
}

/* Does an organisation's noun follow soon: "Thomas Coram Foundation"? */
static bool organisation_follows(const struct lint *lint, size_t i)
{
	for (size_t k = i + 1; k < lint->n && k <= i + 3 && blank_gap(lint, k - 1) && lint->words[k].capital; k++)
		if (word_in(lint, k, organisations))
			return true;
	return false;
}

static void find_names(struct lint *lint)
{
	static const char *const verbs[] = { "is", "was", "has", "had", "said", "says", "told", "will", "leaves", "left", "resigned", "went",
		                             "lives", "attends", "aged", "reported", "thinks", "believes", "who", NULL };
	static const char *const workers[] = { "worker", "manager", "headteacher", "leader", "director", "executive", "dcs", "lmcs", "member", "officer",
		                               "adviser", "advisor", "inspector", "foster", "carer", "guardian", "called", "named", NULL };
	static const char *const persons[] = { "worker", "child", "boy", "girl", "woman", "man", "mother", "father", "pupil", "carer", "parent",
		                               "teacher", "manager", NULL };

	for (size_t i = 0; i < lint->n; i++) {
		bool pair = i + 1 < lint->n && blank_gap(lint, i) && !lint->words[i].possessive && surname_like(lint, i + 1);

		/* A given name and a surname, a middle initial between them or not. */
		if (given_at(lint, i) && pair && !organisation_follows(lint, i) && !(is_place(lint, i) && is_place(lint, i + 1))) {
			report_words(lint, CW_LINT_NAME, i, i + 1);
			continue;
		}
		/* "J. Smith" */
		if (lint->words[i].capitals && lint->words[i].len == 1 && gap_begins(lint, i) == '.' && close_gap(lint, i) &&
		    surname_like(lint, i + 1) && !is_place(lint, i + 1) && i && !lint->words[i].begins && !lint->words[i - 1].capital) {
			report_words(lint, CW_LINT_NAME, i, i + 1);
			continue;
		}
		/* A given name alone, of whom something is said. */
		if (given_at(lint, i) && !is_place(lint, i) &&
		    ((lint->words[i].possessive && i + 1 < lint->n && !lint->words[i + 1].capital) ||
		     (blank_gap(lint, i) && word_in(lint, i + 1, verbs) && !lint->words[i + 1].capital))) {
			report_words(lint, CW_LINT_NAME, i, i);
			continue;
		}
		/* A role, and then a name: "the social worker Jo Bloggs". */
		if (i && word_in(lint, i - 1, workers) && gap(lint, i - 1).len <= GAP_MAX &&
		    only(gap(lint, i - 1), " ,\t\n'") && surname_like(lint, i) && !lint->words[i - 1].possessive &&
		    !is_place(lint, i) && !organisation_follows(lint, i - 1) && !lint->words[i].capitals) {
			bool two = pair && !is_place(lint, i + 1);

			/* Capitalised words after a capitalised role are a title: "Foster Carer Allowances", "Social Worker England". */
			if (two ? !lint->words[i - 1].capital || lint->words[i - 1].capitals
			        : !lint->words[i - 1].capital &&
			              (word_is(lint, i - 1, "worker") ||
			               (i > 1 && (word_is(lint, i - 1, "called") || word_is(lint, i - 1, "named")) && word_in(lint, i - 2, persons))))
				report_words(lint, CW_LINT_NAME, i, i + two);
		}
	}
}

/* ---- words: family, gossip ---- */

static const char *const numbers[] = { "one",  "two",   "three",    "four",     "five",    "six",     "seven",     "eight",    "nine",     "ten",
	                               "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", NULL };

static bool age_word(const struct lint *lint, size_t i)
{
	const struct word *word = &lint->words[i];

	return i < lint->n && (word_in(lint, i, numbers) || (word->digits && word->len <= 2));
}

/* "7-year-old", "seven year old", "aged 7", "7-month-old": the last word of it, or 0. Groups ("two-year-olds") are none. */
static size_t age_at(const struct lint *lint, size_t i)
{
	if (age_word(lint, i) && (word_is(lint, i + 1, "year") || word_is(lint, i + 1, "month") || word_is(lint, i + 1, "week")) &&
	    word_is(lint, i + 2, "old"))
		return i + 2;
	if (word_is(lint, i, "aged") && age_word(lint, i + 1) && !(i && (word_is(lint, i - 1, "children") || word_is(lint, i - 1, "people"))))
		return i + 1;
	return 0;
}

static void find_family(struct lint *lint)
{
	static const char *const family[] = { "mother", "father", "mum", "dad", "stepfather", "stepmother", "grandmother", "grandfather", "brother",
		                              "sister", "boy", "girl", "son", "daughter", "uncle", "aunt", "boyfriend", "girlfriend", "toddler",
		                              "schoolboy", "schoolgirl", "twin", "sibling", NULL };
	static const char *const whose[] = { "his", "her", NULL };
	static const char *const close[] = { "mother", "father", "mum", "dad", "stepfather", "stepmother", "grandmother", "grandfather", "brother",
		                             "sister", "boyfriend", "girlfriend", "baby", "son", "daughter", NULL };

	for (size_t i = 0; i < lint->n; i++) {
		size_t last = age_at(lint, i);

		if (last) {
			size_t from = i > 4 ? i - 4 : 0, k;

			if (lint->words[last].possessive) {
				report_words(lint, CW_LINT_FAMILY, i, last);
				continue;
			}
			for (k = from; k < lint->n && k <= last + 4; k++)
				if (word_in(lint, k, family) && (k < i || k > last)) {
					report_words(lint, CW_LINT_FAMILY, CW_MIN(i, k), CW_MAX(last, k));
					break;
				}
			continue;
		}
		/* "a boy of 14" */
		if (word_in(lint, i, family) && word_is(lint, i + 1, "of") && age_word(lint, i + 2) && lint->words[i + 2].digits)
			report_words(lint, CW_LINT_FAMILY, i, i + 2);
		/* "the mother's new partner", "his stepfather" */
		else if (i && word_in(lint, i, close) &&
		         (word_in(lint, i - 1, whose) || (word_is(lint, i - 1, "the") && lint->words[i].possessive)))
			report_words(lint, CW_LINT_FAMILY, i - 1, i);
	}
}

static void find_gossip(struct lint *lint)
{
	/* Words in order; '~' before one: within the next three words. */
	static const char *const phrases[][5] = {
		{ "off", "sick" },
		{ "signed", "off", "sick" },
		{ "signed", "off", "with" },
		{ "on", "sick", "leave" },
		{ "long", "term", "sick", "leave" },
		{ "off", "with", "stress" },
		{ "off", "with", "depression" },
		{ "nervous", "breakdown" },
		{ "had", "a", "breakdown" },
		{ "is", "ill" },
		{ "seriously", "ill" },
		{ "been", "ill" },
		{ "has", "cancer" },
		{ "with", "cancer" },
		{ "is", "depressed" },
		{ "mental", "breakdown" },
		{ "having", "an", "affair" },
		{ "had", "an", "affair" },
		{ "affair", "with" },
		{ "drink", "problem" },
		{ "drinking", "problem" },
		{ "drinks", "heavily" },
		{ "alcoholic" },
		{ "is", "drunk" },
		{ "was", "drunk" },
		{ "is", "pregnant" },
		{ "on", "maternity", "leave" },
		{ "through", "a", "divorce" },
		{ "messy", "divorce" },
		{ "accused", "of", "bullying" },
		{ "is", "a", "bully" },
		{ "bullies", "staff" },
		{ "bullied", "staff" },
		{ "sexual", "harassment" },
		{ "sexually", "harassed" },
		{ "rumour" },
		{ "rumours" },
		{ "rumoured" },
		{ "gossip" },
		{ "love", "life" },
		{ "private", "life" },
		{ "sleeping", "with" },
		{ "burnt", "out" },
		{ "burned", "out" },
	};

	for (size_t i = 0; i < lint->n; i++)
		for (size_t p = 0; p < CW_ARRAY_LEN(phrases); p++) {
			size_t k = 0;

			while (k < CW_ARRAY_LEN(phrases[p]) && phrases[p][k] && word_is(lint, i + k, phrases[p][k]))
				k++;
			if (k && (k == CW_ARRAY_LEN(phrases[p]) || !phrases[p][k]))
				report_words(lint, CW_LINT_GOSSIP, i, i + k - 1);
		}
}

/* ---- roles ---- */

static const char *const role_words[] = {
	"adviser", "advisers", "advisor", "advisors", "analyst", "associate", "board", "chair", "consultant", "coordinator", "councillor", "dcs", "desk",
	"director", "executive", "head", "inspector", "intelligence", "lead", "leader", "manager", "member", "mentor", "monitoring", "officer", "official",
	"operator", "panel", "partner", "peer", "principal", "programme", "researcher", "reviewer", "secretary", "service", "specialist",
	"system", "team", "unit", NULL
};
/* What may be capitalised in a role. */
static const char *const role_others[] = {
	"acting", "area", "assistant", "central", "chief", "childrens", "children", "children's", "corporate", "data", "delivery", "deputy", "dfe", "duty", "early",
	"east", "eastern", "education", "england", "finance", "humber", "improvement", "interim", "lga", "local", "london", "midlands", "national", "north",
	"northern", "of", "operations", "parenting", "policy", "practice", "quality", "region", "regional", "safeguarding", "scrutiny", "sector", "send",
	"senior", "services", "social", "care", "south", "southern", "strategy", "support", "the", "west", "western", "workforce", "years", "yorkshire", "and",
	"for", "in", "to", "on", "a", "ii", "associate", "regional", NULL
};

static void find_role(struct lint *lint)
{
	bool role = false;

	for (size_t i = 0; i < lint->n; i++) {
		const struct word *word = &lint->words[i];

		if (word_in(lint, i, role_words)) {
			role = true;
			continue;
		}
		/* Acronyms and teams' numbers are nobody's name. */
		if (word_in(lint, i, role_others) || is_place(lint, i) || word->digits || (word->capitals && word->len <= 6))
			continue;
		if (word->capital || word_in(lint, i, given_names))
			report_words(lint, CW_LINT_NAME, i, i + 1 < lint->n && lint->words[i + 1].capital && !word_in(lint, i + 1, role_words) ? i + 1 : i);
	}
	if (!role && !lint->found)
		report(lint, CW_LINT_NO_ROLE, 0, lint->text.len);
}

/* ---- interface ---- */

static int run(struct cw_str text, const struct cw_councils *councils, bool author, struct cw_lint *ret, size_t max)
{
	struct lint lint = { .text = text, .councils = councils, .ret = ret, .max = max };

	words_read(&lint);
	if (!lint.nomem) {
		find_emails(&lint);
		find_identifiers(&lint);
		find_numbers(&lint);
		find_case_numbers(&lint);
		find_births(&lint);
		find_addresses(&lint);
		find_initials(&lint);
		find_titles(&lint);
		find_names(&lint);
		find_family(&lint);
		find_gossip(&lint);
	}
	if (!lint.nomem && author)
		find_role(&lint);
	free(lint.words);
	return lint.nomem ? -ENOMEM : (int)lint.found;
}

int cw_lint_text(struct cw_str text, const struct cw_councils *councils, struct cw_lint *ret, size_t max)
{
	return run(text, councils, false, ret, max);
}

int cw_lint_role(struct cw_str text, const struct cw_councils *councils, struct cw_lint *ret, size_t max)
{
	return run(text, councils, true, ret, max);
}
