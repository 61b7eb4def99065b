/*
 * The grammar of inspection reports. Every value that is taken has been said in full by the report: a grade is one of the
 * words of the scale beside the whole name of a judgement. Where the report says it twice, both must agree.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "report.h"

/* A grade of the scale in use before November 2013 that has no equivalent in today's. */
#define ADEQUATE CW_GRADE_COUNT

#define NAME_WORDS_MAX 14u
#define TABLE_ROWS_MAX 60u
#define JUDGEMENTS_MAX 8u
#define INSPECTION_DAYS_MAX 150

/* Words of the grammar are indexes into text->words; SIZE_MAX is none. */
#define NOWHERE SIZE_MAX

struct place {
	size_t at, len;
};

struct reader {
	const struct cw_report_text *text;
	struct cw_report *report;
	size_t first_page_end; /* word */
	size_t table_at;       /* word at which the table of judgements begins, or NOWHERE */
	size_t table_end;      /* word after it */
	size_t title_end;      /* word after the title, or 0 */
	/* Where texts of the report stand in report->made, while that grows. */
	struct place names[CW_REPORT_NAMES_MAX], others[CW_REPORT_NAMES_MAX], title, quote;
	struct place problems[CW_REPORT_PROBLEMS_MAX];
	struct place theme;
	bool has_theme;
	bool unread;           /* the table is not there or not understood, and this has been said */
	int error;
};

/* --- words --- */

static const struct cw_report_word *word_at(const struct reader *reader, size_t i)
{
	return &reader->text->words[i];
}

static bool word_is(const struct reader *reader, size_t i, const char *folded)
{
	const struct cw_report_word *word;

	if (i >= reader->text->n_words)
		return false;
	word = word_at(reader, i);
	return strlen(folded) == word->n && !memcmp(reader->text->folds.data + word->folded, folded, word->n);
}

static uint32_t word_page(const struct reader *reader, size_t i)
{
	return reader->text->rows[word_at(reader, i)->row].page;
}

/*
 * Do the words from i on say this phrase? "a|b" is either word, "[a]" may be there or not. Returns the word behind it, or
 * NOWHERE. The phrase may go on over several rows but not over a page, and not over a full stop.
 */
static size_t phrase(const struct reader *reader, size_t i, const char *words)
{
	size_t start = i;

	while (*words) {
		const char *end = strchrnul(words, ' ');
		bool optional = *words == '[', found = false;
		const char *at = words + optional, *stop = end - optional;

		while (at < stop && !found) {
			const char *bar = memchr(at, '|', (size_t)(stop - at));
			char one[32];
			size_t n = (size_t)((bar ? bar : stop) - at);

			if (n >= sizeof(one))
				return NOWHERE;
			memcpy(one, at, n);
			one[n] = '\0';
			found = word_is(reader, i, one);
			at += n + 1;
		}
		if (found && i > start) {
			char before = word_at(reader, i - 1)->after;

			if (word_page(reader, i) != word_page(reader, start) || before == '.' || before == '?' ||
			    before == '!')
				found = false;
		}
		if (!found && !optional)
			return NOWHERE;
		i += found;
		words = *end ? end + 1 : end;
	}
	return i;
}

/* The words [from, to) as printed, with what stands between them and a blank where a line ends. An empty place when there is
 * no room for it. */
static struct place printed(struct reader *reader, size_t from, size_t to)
{
	const struct cw_report_text *text = reader->text;
	struct cw_buf *made = &reader->report->made;
	struct place ret = { made->len, 0 };
	uint32_t first, last;

	to = CW_MIN(to, text->n_words);
	if (from >= to || reader->error)
		return ret;
	first = word_at(reader, from)->span;
	last = word_at(reader, to - 1)->span;
	for (uint32_t i = first; i <= last; i++) {
		size_t at = text->spans[i].at, end = at + text->spans[i].len;

		if (i == first)
			at = word_at(reader, from)->at;
		if (i == last)
			end = word_at(reader, to - 1)->at + word_at(reader, to - 1)->len;
		if (i > first)
			cw_buf_putc(made, ' ');
		cw_buf_append(made, text->text.data + at, end - at);
	}
	if (made->failed) {
		reader->error = made->failed == -EMSGSIZE ? 0 : made->failed;
		made->failed = 0;
		made->len = ret.at;
		return ret;
	}
	ret.len = made->len - ret.at;
	return ret;
}

/* Without punctuation and footnote numbers at the end. */
static struct place name_of(struct reader *reader, size_t from, size_t to)
{
	struct place ret = printed(reader, from, to);
	const unsigned char *data = reader->report->made.data;

	while (ret.len && strchr(" .,:;0123456789", data[ret.at + ret.len - 1]))
		ret.len--;
	return ret;
}

static void problem(struct reader *reader, enum cw_reason reason, const char *field, struct place text, const char *fmt, ...)
    CW_PRINTF(5, 6);
static void problem(struct reader *reader, enum cw_reason reason, const char *field, struct place text, const char *fmt, ...)
{
	struct cw_report *report = reader->report;
	struct cw_report_problem *ret;
	va_list args;

	if (report->n_problems == CW_REPORT_PROBLEMS_MAX)
		return;
	reader->problems[report->n_problems] = text;
	ret = &report->problems[report->n_problems++];
	ret->reason = reason;
	ret->field = field;
	va_start(args, fmt);
	vsnprintf(ret->detail, sizeof(ret->detail), fmt, args);
	va_end(args);
}

static void set_value(struct reader *reader, enum cw_value_id id, struct cw_str text)
{
	struct cw_report *report = reader->report;

	if (report->n_values < CW_REPORT_VALUES_MAX)
		report->values[report->n_values++] = (struct cw_report_value){ id, text };
}

static void set_number(struct reader *reader, enum cw_value_id id, unsigned number)
{
	static const char *const numbers[] = { "0",  "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",  "9",  "10",
		                               "11", "12", "13", "14", "15", "16", "17", "18", "19", "20" };

	if (number < CW_ARRAY_LEN(numbers))
		set_value(reader, id, cw_str(numbers[number]));
}

/* --- grades --- */

/* The grade that the words from i on say, whole: 0 when they say none. *ret is the word behind it. */
static int grade_at(const struct reader *reader, size_t i, size_t *ret)
{
	static const struct {
		const char *words;
		int grade;
	} grades[] = {
		{ "require|requires|requiring improvement to be good", CW_GRADE_REQUIRES_IMPROVEMENT },
		{ "require|requires|requiring improvement", CW_GRADE_REQUIRES_IMPROVEMENT },
		{ "outstanding", CW_GRADE_OUTSTANDING },
		{ "good", CW_GRADE_GOOD },
		{ "inadequate", CW_GRADE_INADEQUATE },
		{ "adequate", ADEQUATE },
		{ "not judged", CW_GRADE_NOT_JUDGED },
	};
	static const char *const numbers[] = { "1", "2", "3", "4" };
	static const int numbered[] = { CW_GRADE_OUTSTANDING, CW_GRADE_GOOD, ADEQUATE, CW_GRADE_INADEQUATE };
	int before = 0, grade = 0, behind = 0;

	/* "Grade 3 (Adequate)", "Inadequate Grade 4": number and word must say the same. */
	for (size_t k = 0; k < 4 && word_is(reader, i, "grade") && !before; k++)
		if (word_is(reader, i + 1, numbers[k]))
			before = numbered[k];
	if (before)
		i += 2;
	for (size_t k = 0; k < CW_ARRAY_LEN(grades) && !grade; k++) {
		size_t end = phrase(reader, i, grades[k].words);

		if (end == NOWHERE)
			continue;
		grade = grades[k].grade;
		i = end;
	}
	if (!grade)
		return 0;
	for (size_t k = 0; k < 4 && word_is(reader, i, "grade") && !behind; k++)
		if (word_is(reader, i + 1, numbers[k]))
			behind = numbered[k];
	if (behind)
		i += 2;
	if ((before && before != grade) || (behind && behind != grade))
		return 0;
	*ret = i;
	return grade;
}

static const char *grade_text(int grade)
{
	return grade == ADEQUATE ? "adequate" : grade > 0 ? cw_grade_name((enum cw_grade)grade) : "";
}

static bool is_grade_word(const struct reader *reader, size_t i)
{
	static const char *const words[] = { "require", "requires", "requiring", "improvement", "to",  "be", "good",
		                             "outstanding", "inadequate", "adequate", "not", "judged", "grade", "1", "2",
		                             "3", "4" };

	for (size_t k = 0; k < CW_ARRAY_LEN(words); k++)
		if (word_is(reader, i, words[k]))
			return true;
	return false;
}

/* --- what a report of each type judges --- */

struct judgement {
	const char *label; /* as a phrase */
	enum cw_value_id id; /* 0: judged, but none of ours */
};

static const struct judgement ilacs_judgements[] = {
	{ "the impact of leaders on social work practice with children and families", CW_VAL_IMPACT_OF_LEADERS },
	{ "the experiences|experience and progress of children who need help and protection", CW_VAL_HELP_AND_PROTECTION },
	{ "the experiences|experience and progress of children in care and care leavers", CW_VAL_IN_CARE },
	{ "the experiences|experience and progress of children in care", CW_VAL_IN_CARE },
	{ "the experiences|experience and progress of care leavers", CW_VAL_CARE_LEAVERS },
	{ "overall effectiveness", CW_VAL_OVERALL_EFFECTIVENESS },
	{ NULL, 0 },
};

static const struct judgement sif_judgements[] = {
	{ "[1] children who need help and protection", CW_VAL_HELP_AND_PROTECTION },
	{ "[2] children looked after and achieving permanence", CW_VAL_IN_CARE },
	{ "[2.1] adoption performance", CW_VAL_ADOPTION },
	{ "[2.2] [the] experiences|experience and progress of care leavers", CW_VAL_CARE_LEAVERS },
	{ "[3] leadership management and governance", CW_VAL_LEADERSHIP_MANAGEMENT_GOVERNANCE },
	{ NULL, 0 },
};

static const struct judgement looked_after_judgements[] = {
	{ "overall effectiveness", CW_VAL_OVERALL_EFFECTIVENESS },
	{ "capacity to improve", 0 },
	{ "capacity for improvement", 0 },
	{ "outcomes for looked after children and young people", 0 },
	{ "[the] quality of provision", 0 },
	{ "leadership and management", CW_VAL_LEADERSHIP_MANAGEMENT_GOVERNANCE },
	{ NULL, 0 },
};

static const struct judgement child_protection_judgements[] = {
	{ "overall effectiveness", CW_VAL_OVERALL_EFFECTIVENESS },
	{ "the effectiveness of the help and protection provided to children young people families and carers",
	  CW_VAL_HELP_AND_PROTECTION },
	{ "the quality of practice", 0 },
	{ "leadership and governance", CW_VAL_LEADERSHIP_MANAGEMENT_GOVERNANCE },
	{ NULL, 0 },
};

/* One place in the report that says a grade. */
struct said {
	int grade;
	size_t from, to; /* words of it, for showing */
};

/* What is known of one value: from the table, and from all else. */
struct finding {
	enum cw_value_id id;
	struct said table;
	struct said other;
	bool conflict;
};

struct findings {
	size_t n;
	struct finding at[CW_REPORT_VALUES_MAX];
};

static struct finding *finding_of(struct findings *findings, enum cw_value_id id)
{
	for (size_t i = 0; i < findings->n; i++)
		if (findings->at[i].id == id)
			return &findings->at[i];
	if (findings->n == CW_REPORT_VALUES_MAX)
		return NULL;
	findings->at[findings->n] = (struct finding){ .id = id };
	return &findings->at[findings->n++];
}

static void say(struct findings *findings, enum cw_value_id id, bool table, int grade, size_t from, size_t to)
{
	struct finding *finding = id ? finding_of(findings, id) : NULL;
	struct said *said, *other;

	if (!finding)
		return;
	said = table ? &finding->table : &finding->other;
	other = table ? &finding->other : &finding->table;
	if (!said->grade)
		*said = (struct said){ grade, from, to };
	if ((said->grade && said->grade != grade) || (other->grade && other->grade != grade)) {
		if (!finding->conflict && said->grade == grade)
			*said = (struct said){ grade, from, to };
		else if (!finding->conflict && !other->grade)
			*other = (struct said){ grade, from, to };
		finding->conflict = true;
	}
}

/* --- the table of judgements --- */

/* The extent of one cell. */
struct cell {
	uint32_t page;
	float y0, y1;
	const struct judgement *judgement; /* of a label */
	int grade;                         /* of a grade, or of a label that has it in the same span */
	size_t from, to;
};

struct table {
	struct cell labels[JUDGEMENTS_MAX], grades[JUDGEMENTS_MAX];
	size_t n_labels, n_grades;
	size_t first, last; /* words */
};

static const struct cw_report_span *span_of(const struct reader *reader, size_t i)
{
	return &reader->text->spans[word_at(reader, i)->span];
}

static void extend(const struct reader *reader, struct cell *cell, size_t i)
{
	const struct cw_report_span *span = span_of(reader, i);

	if (!cell->page) {
		cell->page = word_page(reader, i);
		cell->y0 = span->y0;
		cell->y1 = span->y1;
		cell->from = i;
	}
	cell->y0 = CW_MIN(cell->y0, span->y0);
	cell->y1 = CW_MAX(cell->y1, span->y1);
	cell->to = i + 1;
}

/* The words of one side of a table, in order. */
struct side {
	size_t n;
	size_t at[TABLE_ROWS_MAX * 8];
};

/* As phrase(), over the words of one side. Returns the index behind, or NOWHERE. */
static size_t side_phrase(const struct reader *reader, const struct side *side, size_t i, const char *words)
{
	while (*words) {
		const char *end = strchrnul(words, ' ');
		bool optional = *words == '[', found = false;
		const char *at = words + optional, *stop = end - optional;

		while (i < side->n && at < stop && !found) {
			const char *bar = memchr(at, '|', (size_t)(stop - at));
			char one[32];
			size_t n = (size_t)((bar ? bar : stop) - at);

			if (n >= sizeof(one))
				return NOWHERE;
			memcpy(one, at, n);
			one[n] = '\0';
			found = word_is(reader, side->at[i], one);
			at += n + 1;
		}
		if (!found && !optional)
			return NOWHERE;
		i += found;
		words = *end ? end + 1 : end;
	}
	return i;
}

/* The judgement whose label begins at i; the longest, and *ret behind it. */
static const struct judgement *label_at(const struct reader *reader, const struct side *side, size_t i,
                                        const struct judgement *judgements, size_t *ret)
{
	const struct judgement *best = NULL;

	for (const struct judgement *j = judgements; j->label; j++) {
		size_t end = side_phrase(reader, side, i, j->label);

		if (end == NOWHERE || (best && end <= *ret))
			continue;
		best = j;
		*ret = end;
	}
	return best;
}

/* A grade from the words of a side, as grade_at() from the words of the text. */
static int side_grade(const struct reader *reader, const struct side *side, size_t i, size_t *ret)
{
	static const struct {
		const char *words;
		int grade;
	} grades[] = {
		{ "grade 1 outstanding", CW_GRADE_OUTSTANDING },
		{ "grade 2 good", CW_GRADE_GOOD },
		{ "grade 3 adequate", ADEQUATE },
		{ "grade 4 inadequate", CW_GRADE_INADEQUATE },
		{ "outstanding grade 1", CW_GRADE_OUTSTANDING },
		{ "good grade 2", CW_GRADE_GOOD },
		{ "adequate grade 3", ADEQUATE },
		{ "inadequate grade 4", CW_GRADE_INADEQUATE },
		{ "requires|require improvement to be good", CW_GRADE_REQUIRES_IMPROVEMENT },
		{ "requires|require improvement", CW_GRADE_REQUIRES_IMPROVEMENT },
		{ "outstanding", CW_GRADE_OUTSTANDING },
		{ "good", CW_GRADE_GOOD },
		{ "adequate", ADEQUATE },
		{ "inadequate", CW_GRADE_INADEQUATE },
		{ "not judged", CW_GRADE_NOT_JUDGED },
	};

	for (size_t k = 0; k < CW_ARRAY_LEN(grades); k++) {
		size_t end = side_phrase(reader, side, i, grades[k].words);

		if (end == NOWHERE)
			continue;
		/* "Good grade 3" is no grade. */
		if (end < side->n && word_is(reader, side->at[end], "grade"))
			return 0;
		*ret = end;
		return grades[k].grade;
	}
	return 0;
}

static bool side_add(struct side *side, size_t i)
{
	if (side->n == CW_ARRAY_LEN(side->at))
		return false;
	side->at[side->n++] = i;
	return true;
}

/* Words [i, *ret) are of one span. */
static bool span_words(const struct reader *reader, size_t i, size_t *ret)
{
	uint32_t span = word_at(reader, i)->span;
	bool grades = true;
	size_t end = i;

	for (; end < reader->text->n_words && word_at(reader, end)->span == span; end++)
		grades = grades && is_grade_word(reader, end);
	*ret = end;
	/* "Grade" alone is the heading of a column. */
	return grades && !(end == i + 1 && word_is(reader, i, "grade"));
}

/*
 * Parts the words around a table into labels and grades: what consists of words of grades and stands well to the right of
 * where the first label begins is a grade.
 */
static void part(const struct reader *reader, size_t at, struct side *left, struct side *right)
{
	const struct cw_report_span *origin = span_of(reader, at);
	const struct cw_report_row *row = &reader->text->rows[word_at(reader, at)->row];
	float high = origin->y1 - origin->y0;
	size_t i = at, end;

	/* A grade on two lines begins above a label on one. */
	while (i && word_page(reader, i - 1) == row->page &&
	       span_of(reader, i - 1)->y1 > origin->y0 - high * 1.5f)
		i--;
	while (i && !word_at(reader, i)->first)
		i--;
	for (; i < reader->text->n_words; i = end) {
		const struct cw_report_row *here = &reader->text->rows[word_at(reader, i)->row];
		bool grades = span_words(reader, i, &end);

		if (here->page != row->page || word_at(reader, i)->row > word_at(reader, at)->row + TABLE_ROWS_MAX)
			return;
		grades = grades && span_of(reader, i)->x0 > origin->x0 + 100;
		/* What stands before the label is not of the table, but for grades. */
		if (!grades && i < at)
			continue;
		for (size_t k = i; k < end; k++)
			if (!side_add(grades ? right : left, k))
				return;
	}
}

/* Labels, one behind the other, from the beginning of the side; each may be followed by its grade in the same span. */
static void read_labels(const struct reader *reader, const struct side *left, const struct judgement *judgements,
                        struct table *table)
{
	size_t i = 0, end = 0;

	while (i < left->n && table->n_labels < JUDGEMENTS_MAX) {
		const struct judgement *judgement = label_at(reader, left, i, judgements, &end);
		struct cell *label = &table->labels[table->n_labels];
		size_t behind;
		int grade;

		if (!judgement)
			return;
		/* A second time the same: another table. */
		for (size_t k = 0; k < table->n_labels; k++)
			if (table->labels[k].judgement == judgement || (judgement->id && table->labels[k].judgement->id == judgement->id))
				return;
		*label = (struct cell){ .judgement = judgement };
		for (size_t k = i; k < end; k++)
			extend(reader, label, left->at[k]);
		i = end;
		grade = side_grade(reader, left, i, &behind);
		if (grade) {
			label->grade = grade;
			label->to = left->at[behind - 1] + 1;
			i = behind;
		}
		table->last = left->at[i - 1];
		table->n_labels++;
		/* Below the last one prose begins, which might begin with the words of a label. */
		if (table->n_labels > 3 && judgement->id == CW_VAL_OVERALL_EFFECTIVENESS && judgements == ilacs_judgements)
			return;
		if (table->n_labels > 4 && judgements == sif_judgements)
			return;
	}
}

/* False when the right side holds what is no grade. */
static bool read_grades(const struct reader *reader, const struct side *right, struct table *table)
{
	const struct cell *last = &table->labels[table->n_labels - 1];
	float limit = last->y1 + (last->y1 - last->y0);
	size_t i = 0, end = 0;

	while (i < right->n && table->n_grades < JUDGEMENTS_MAX) {
		struct cell *cell = &table->grades[table->n_grades];
		int grade;

		/* Far below the last label nothing is of the table. */
		if (span_of(reader, right->at[i])->y0 > limit)
			return true;
		grade = side_grade(reader, right, i, &end);
		if (!grade)
			return false;
		*cell = (struct cell){ .grade = grade };
		for (size_t k = i; k < end; k++)
			extend(reader, cell, right->at[k]);
		i = end;
		table->n_grades++;
	}
	return true;
}

static float overlap(const struct cell *a, const struct cell *b)
{
	return a->page == b->page ? CW_MIN(a->y1, b->y1) - CW_MAX(a->y0, b->y0) : -1000;
}

/* One grade beside each label, in the same order, and each beside its own more than beside another. */
static bool pair(const struct table *table)
{
	size_t inline_grades = 0;

	for (size_t i = 0; i < table->n_labels; i++)
		inline_grades += table->labels[i].grade != 0;
	if (inline_grades)
		return inline_grades == table->n_labels && !table->n_grades;
	if (table->n_labels != table->n_grades)
		return false;
	for (size_t i = 0; i < table->n_labels; i++) {
		float own = overlap(&table->labels[i], &table->grades[i]);

		if (own <= 0)
			return false;
		for (size_t k = 0; k < table->n_labels; k++)
			if (k != i && overlap(&table->labels[k], &table->grades[i]) >= own)
				return false;
	}
	return true;
}

/* The word at which the first label of the kind begins a row, from `from` on and before `to`. */
static size_t find_table(const struct reader *reader, const struct judgement *judgements, size_t from, size_t to)
{
	struct side left, right;
	struct table table;

	for (size_t i = from; i < to; i++) {
		size_t end = NOWHERE;

		if (!word_at(reader, i)->first)
			continue;
		for (const struct judgement *j = judgements; j->label && end == NOWHERE; j++) {
			char first[32];
			const char *word = j->label;

			/* The first words are enough to look closer. */
			while (*word == '[')
				word = strchrnul(word, ' ') + 1;
			snprintf(first, sizeof(first), "%.*s", (int)strcspn(word, " "), word);
			if (phrase(reader, i, first) != NOWHERE || phrase(reader, i + 1, first) != NOWHERE)
				end = i;
		}
		if (end == NOWHERE)
			continue;
		left.n = right.n = 0;
		table = (struct table){ 0 };
		part(reader, i, &left, &right);
		read_labels(reader, &left, judgements, &table);
		/* Some judgement may be named in a heading; two, one below the other, are a table. */
		if (table.n_labels >= 2)
			return i;
	}
	return NOWHERE;
}

/* Does a table judge all that every report of its form judges? What is lacking could be what was not understood. */
static bool has_all(const struct table *table, const struct judgement *judgements)
{
	static const enum cw_value_id ilacs[] = { CW_VAL_IMPACT_OF_LEADERS, CW_VAL_HELP_AND_PROTECTION, CW_VAL_IN_CARE, 0 };
	static const enum cw_value_id sif[] = { CW_VAL_HELP_AND_PROTECTION, CW_VAL_IN_CARE, CW_VAL_ADOPTION, CW_VAL_CARE_LEAVERS,
		                                CW_VAL_LEADERSHIP_MANAGEMENT_GOVERNANCE, 0 };
	static const enum cw_value_id before[] = { CW_VAL_OVERALL_EFFECTIVENESS, 0 };
	const enum cw_value_id *id = judgements == ilacs_judgements ? ilacs : judgements == sif_judgements ? sif : before;

	for (; *id; id++) {
		bool found = false;

		for (size_t i = 0; i < table->n_labels; i++)
			found = found || table->labels[i].judgement->id == *id;
		if (!found)
			return false;
	}
	return true;
}

/* Takes a table apart. False: it is there and cannot be read. */
static bool read_table(struct reader *reader, const struct judgement *judgements, size_t at, struct findings *findings)
{
	struct side left = { 0 }, right = { 0 };
	struct table table = { .first = at };

	part(reader, at, &left, &right);
	read_labels(reader, &left, judgements, &table);
	reader->table_at = at;
	reader->table_end = table.last + 1;
	if (!has_all(&table, judgements) || !read_grades(reader, &right, &table) || !pair(&table))
		return false;
	for (size_t i = 0; i < table.n_grades; i++)
		reader->table_end = CW_MAX(reader->table_end, table.grades[i].to);
	for (size_t i = 0; i < table.n_labels; i++) {
		const struct cell *cell = table.labels[i].grade ? &table.labels[i] : &table.grades[i];

		say(findings, table.labels[i].judgement->id, true, cell->grade, table.labels[i].from, cell->to);
	}
	return true;
}

/* --- headings and sentences that say a grade --- */

/* Does a heading end here? What follows begins a row of its own and does not carry the sentence on. */
static bool ends(const struct reader *reader, size_t end)
{
	static const char *const on[] = { "because", "and", "but", "in", "with", "for", "as", "overall", "when", "at",
		                          "or", "to", "than", "however", "on", "from", "by" };

	if (end >= reader->text->n_words)
		return true;
	if (!word_at(reader, end)->first)
		return false;
	if (word_at(reader, end - 1)->after == '.')
		return true;
	if (word_at(reader, end - 1)->after)
		return false;
	for (size_t k = 0; k < CW_ARRAY_LEN(on); k++)
		if (word_is(reader, end, on[k]))
			return false;
	return true;
}

/* "The experiences and progress of care leavers: good", "… is good", "… requires improvement to be good". */
static void read_heading(const struct reader *reader, size_t i, const struct judgement *judgements, struct findings *findings)
{
	const struct judgement *best = NULL;
	size_t end = i, stop, behind;
	int grade;

	for (const struct judgement *j = judgements; j->label; j++) {
		stop = phrase(reader, i, j->label);
		if (stop == NOWHERE || (best && stop <= end))
			continue;
		best = j;
		end = stop;
	}
	if (!best || word_at(reader, i)->row + 4 < word_at(reader, end - 1)->row)
		return;
	stop = phrase(reader, end, "[that] [it|they] is|are");
	if (stop != NOWHERE)
		end = stop;
	stop = phrase(reader, end, "that it|they");
	if (stop != NOWHERE)
		end = stop;
	stop = phrase(reader, end, "is|are");
	if (stop != NOWHERE)
		end = stop;
	grade = grade_at(reader, end, &behind);
	if (grade && ends(reader, behind))
		say(findings, best->id, false, grade, i, behind);
}

static const struct judgement sif_headings[] = {
	{ "the experiences|experience and progress of children who need help and protection", CW_VAL_HELP_AND_PROTECTION },
	{ "the experiences|experience and progress of children looked after and achieving permanence", CW_VAL_IN_CARE },
	{ "the graded judgement|judgment for|about [the] adoption performance", CW_VAL_ADOPTION },
	{ "the graded judgement|judgment for|about the experiences|experience and progress of care leavers", CW_VAL_CARE_LEAVERS },
	{ "leadership management and governance", CW_VAL_LEADERSHIP_MANAGEMENT_GOVERNANCE },
	{ NULL, 0 },
};

/*
 * A heading with its grade in a column of its own, as reports of 2014 to 2017 have above each section:
 *     The experiences and progress of children who need help and
 *     protection                                                  Good
 */
static void read_boxed_heading(const struct reader *reader, size_t i, const struct judgement *judgements,
                               struct findings *findings)
{
	struct side left = { 0 }, right = { 0 };
	struct cell label = { 0 }, cell = { 0 };
	const struct judgement *judgement;
	size_t end = 0, behind = 0;
	int grade;

	part(reader, i, &left, &right);
	judgement = label_at(reader, &left, 0, judgements, &end);
	if (!judgement || !right.n)
		return;
	for (size_t k = 0; k < end; k++)
		extend(reader, &label, left.at[k]);
	grade = side_grade(reader, &right, 0, &behind);
	if (!grade)
		return;
	for (size_t k = 0; k < behind; k++)
		extend(reader, &cell, right.at[k]);
	/* Nothing else may stand between: the next words of the left side are below both. */
	if (overlap(&label, &cell) <= 0)
		return;
	if (end < left.n && span_of(reader, left.at[end])->y0 < CW_MAX(label.y1, cell.y1) - 2)
		return;
	say(findings, judgement->id, false, grade, i, CW_MAX(label.to, cell.to));
}

static void read_headings(struct reader *reader, const struct judgement *judgements, bool boxed, struct findings *findings)
{
	for (size_t i = 0; i < reader->text->n_words; i++) {
		if (!word_at(reader, i)->first || (i >= reader->table_at && i < reader->table_end))
			continue;
		if (!word_is(reader, i, "the") && !word_is(reader, i, "leadership"))
			continue;
		read_heading(reader, i, judgements, findings);
		if (boxed)
			read_boxed_heading(reader, i, judgements, findings);
	}
}

/* --- the sentence headline of 2013 to 2017 --- */

/* A name of a council from i on, up to a verb that a whole grade follows. 0 when there is none. */
static int name_and_grade(struct reader *reader, size_t i, size_t *ret_name_end, size_t *ret_end)
{
	for (size_t k = i; k < i + NAME_WORDS_MAX && k < reader->text->n_words; k++) {
		size_t at = k;
		int grade;

		if (word_page(reader, k) != word_page(reader, i))
			return 0;
		if (k > i && word_at(reader, k - 1)->after && word_at(reader, k - 1)->after != ',' &&
		    !word_is(reader, k - 1, "st"))
			return 0;
		if (word_is(reader, k, "is") || word_is(reader, k, "are"))
			at++;
		else if (!word_is(reader, k, "require") && !word_is(reader, k, "requires"))
			continue;
		grade = grade_at(reader, at, ret_end);
		if (grade) {
			*ret_name_end = k;
			return grade;
		}
	}
	return 0;
}

static void take_other(struct reader *reader, size_t from, size_t to)
{
	struct cw_report *report = reader->report;

	if (from < to && report->n_others < CW_REPORT_NAMES_MAX)
		reader->others[report->n_others++] = name_of(reader, from, to);
}

static void take_quote(struct reader *reader, size_t from, size_t to)
{
	if (reader->report->page)
		return;
	reader->quote = printed(reader, from, to);
	if (reader->quote.len)
		reader->report->page = word_page(reader, from);
}

/* The headline of a full inspection of 2013 to 2017. */
static void read_headline(struct reader *reader, struct findings *findings)
{
	size_t limit = reader->table_at == NOWHERE ? reader->first_page_end : reader->table_at;

	for (size_t i = 0; i < limit; i++) {
		size_t at, name_end = 0, end = 0;
		int grade = 0;

		if (!word_at(reader, i)->first)
			continue;
		at = phrase(reader, i, "the overall judgement|judgment is");
		if (at != NOWHERE) {
			grade = grade_at(reader, at, &end);
			if (!grade)
				grade = name_and_grade(reader, at, &name_end, &end);
			name_end = 0; /* no name, or not the name alone */
		} else {
			at = phrase(reader, i, "[local] [authority] children's|childrens [social] [care] services|service [in|at|for] [the]");
			if (at == NOWHERE)
				at = phrase(reader, i, "services for children [and] [young] [people] in [the]");
			if (at != NOWHERE)
				grade = name_and_grade(reader, at, &name_end, &end);
		}
		if (!grade || !ends(reader, end))
			continue;
		say(findings, CW_VAL_OVERALL_EFFECTIVENESS, true, grade, i, end);
		take_quote(reader, i, end);
		if (name_end)
			take_other(reader, at, name_end);
	}
}

/* "Children's services in Devon require improvement because:", "This local authority is good because". */
static void read_because(struct reader *reader, struct findings *findings)
{
	for (size_t i = reader->table_end; i < reader->text->n_words; i++) {
		size_t at, name_end, end = 0;
		int grade = 0;

		if (!word_at(reader, i)->first)
			continue;
		at = phrase(reader, i, "children's services in [the]");
		if (at != NOWHERE) {
			grade = name_and_grade(reader, at, &name_end, &end);
		} else {
			at = phrase(reader, i, "this local authority [is]");
			if (at != NOWHERE)
				grade = grade_at(reader, at, &end);
		}
		if (grade && phrase(reader, end, "[and] [is] [not] [yet] [good] because") != NOWHERE)
			say(findings, CW_VAL_OVERALL_EFFECTIVENESS, false, grade, i, end);
	}
}

/* --- dates --- */

struct date {
	int day, month, year; /* 0 = not said */
};

static int number_of(struct cw_str text, size_t max)
{
	int n = 0;

	if (!text.len || text.len > max)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return -1;
		n = n * 10 + text.at[i] - '0';
	}
	return n;
}

static int month_of(struct cw_str word)
{
	static const char *const months[] = { "january", "february", "march", "april", "may", "june",
		                              "july", "august", "september", "october", "november", "december" };

	for (int m = 0; m < 12; m++)
		if (cw_str_eq(word, months[m]) || (word.len == 3 && !strncmp(word.at, months[m], 3)) ||
		    (m == 8 && cw_str_eq(word, "sept")))
			return m + 1;
	return 0;
}

static bool is_weekday(struct cw_str word)
{
	static const char *const days[] = { "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday" };

	for (size_t i = 0; i < CW_ARRAY_LEN(days); i++)
		if (cw_str_eq(word, days[i]))
			return true;
	return false;
}

/* "1st": without its letters. */
static struct cw_str ordinal(struct cw_str word)
{
	static const char *const ends_in[] = { "st", "nd", "rd", "th" };

	for (size_t i = 0; i < 4 && word.len > 2; i++)
		if (!strncmp(word.at + word.len - 2, ends_in[i], 2) && word.at[0] >= '0' && word.at[0] <= '9')
			return (struct cw_str){ word.at, word.len - 2 };
	return word;
}

enum token { T_END, T_DATE, T_RANGE, T_AND, T_BAD };

/* The words of one line of dates, hyphens between digits or behind a word taken for "to". */
struct dates {
	char text[400];
	size_t at;
	struct date date;
};

static enum token next_token(struct dates *dates)
{
	struct cw_str word;
	int n;

	dates->date = (struct date){ 0 };
	for (;;) {
		while (dates->text[dates->at] == ' ')
			dates->at++;
		word = cw_str(dates->text + dates->at);
		word.len = strcspn(word.at, " ");
		if (!word.len)
			return dates->date.day ? T_DATE : T_END;
		if (cw_str_eq(word, "to") || cw_str_eq(word, "-") || cw_str_eq(word, "until")) {
			if (dates->date.day)
				return T_DATE;
			dates->at += word.len;
			return T_RANGE;
		}
		if (cw_str_eq(word, "and") || cw_str_eq(word, "&")) {
			if (dates->date.day)
				return T_DATE;
			dates->at += word.len;
			return T_AND;
		}
		if (is_weekday(word) && !dates->date.day) {
			dates->at += word.len;
			continue;
		}
		if (strchr("0123456789", word.at[0]) && memchr(word.at, '/', word.len)) {
			int day, month, year, used = 0;
			char copy[16];

			snprintf(copy, sizeof(copy), "%.*s", (int)CW_MIN(word.len, 15u), word.at);
			if (dates->date.day || sscanf(copy, "%2d/%2d/%4d%n", &day, &month, &year, &used) != 3 ||
			    (size_t)used != word.len || day < 1 || month < 1 || month > 12)
				return T_BAD;
			dates->at += word.len;
			dates->date = (struct date){ day, month, year < 100 ? year + 2000 : year };
			return T_DATE;
		}
		n = number_of(ordinal(word), 2);
		if (n >= 1 && n <= 31) {
			if (dates->date.day)
				return T_BAD;
			dates->date.day = n;
			dates->at += word.len;
			continue;
		}
		n = month_of(word);
		if (n) {
			if (!dates->date.day || dates->date.month)
				return T_BAD;
			dates->date.month = n;
			dates->at += word.len;
			continue;
		}
		n = number_of(word, 4);
		if (n >= 2000 && n < 2100 && dates->date.month) {
			dates->date.year = n;
			dates->at += word.len;
			return T_DATE;
		}
		return T_BAD;
	}
}

/* What is not said of a date is that of the one behind it. */
static bool complete(struct date *date, const struct date *behind)
{
	if (!date->month)
		date->month = behind->month;
	if (!date->year) {
		date->year = behind->year;
		if (date->month > behind->month)
			date->year--; /* "11 December to 12 January 2018" */
	}
	return date->month && date->year;
}

static int32_t day_of(const struct date *date)
{
	return cw_day_make(date->year, date->month, date->day);
}

#define DATES_MAX 8u

/* "4 to 15 March 2024", "19 November-11 December 2013 and 28 – 30 January 2014", "15 June 2015". */
static bool parse_dates(struct dates *dates, int32_t *ret_start, int32_t *ret_end)
{
	struct date all[DATES_MAX];
	int32_t days[DATES_MAX];
	bool want_date = true;
	size_t n = 0;

	for (;;) {
		enum token token = next_token(dates);

		if (token == T_BAD || (want_date && token != T_DATE) || (!want_date && token == T_DATE))
			return false;
		if (token == T_END)
			break;
		if (token == T_DATE) {
			if (n == DATES_MAX)
				return false;
			all[n++] = dates->date;
		}
		want_date = token != T_DATE;
	}
	if (!n || !all[n - 1].year || !all[n - 1].month)
		return false;
	for (size_t i = n - 1; i-- > 0;)
		if (!complete(&all[i], &all[i + 1]))
			return false;
	for (size_t i = 0; i < n; i++) {
		days[i] = day_of(&all[i]);
		if (days[i] == CW_DAY_NONE || (i && days[i] < days[i - 1]))
			return false;
	}
	if (days[n - 1] - days[0] > INSPECTION_DAYS_MAX)
		return false;
	*ret_start = days[0];
	*ret_end = days[n - 1];
	return true;
}

/* Adds the words [from, to) as next_token() wants them: dashes apart, lower case. */
static bool put_dates(struct reader *reader, size_t from, size_t to, struct dates *dates)
{
	struct cw_buf *made = &reader->report->made;
	size_t n = 0, start = made->len;
	struct place place = printed(reader, from, to);
	struct cw_str text = { cw_buf_str(made) + place.at, place.len };
	bool digit = false;

	/* Only looked at: what is behind it in made is nobody's. */
	made->len = start;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		const char *put = NULL;
		char one[2] = { (char)c, 0 };

		if (c == 0xe2 && i + 2 < text.len && (unsigned char)text.at[i + 1] == 0x80) {
			unsigned char d = (unsigned char)text.at[i + 2];

			put = d >= 0x90 && d <= 0x95 ? " - " : " ";
			i += 2;
		} else if (c == 0xe2 && i + 2 < text.len && (unsigned char)text.at[i + 1] == 0x88 &&
		           (unsigned char)text.at[i + 2] == 0x92) {
			put = " - ";
			i += 2;
		} else if (c == 0xc2 && i + 1 < text.len) {
			put = (unsigned char)text.at[i + 1] == 0xad ? "" : " ";
			i++;
		} else if (c == '-') {
			put = " - ";
		} else if (c <= ' ' || c == ',' || c == ';' || c == '(' || c == ')') {
			put = " ";
		} else if (c == '.' && (!digit || i + 1 == text.len || text.at[i + 1] < '0' || text.at[i + 1] > '9')) {
			put = " ";
		} else if (c >= 'A' && c <= 'Z') {
			one[0] = (char)(c - 'A' + 'a');
		}
		put = put ? put : one;
		digit = c >= '0' && c <= '9';
		if (n + strlen(put) + 1 >= sizeof(dates->text))
			return false;
		memcpy(dates->text + n, put, strlen(put) + 1);
		n += strlen(put);
	}
	dates->text[n] = '\0';
	return true;
}

static size_t row_end(const struct reader *reader, size_t i)
{
	uint32_t row = word_at(reader, i)->row;

	while (i < reader->text->n_words && word_at(reader, i)->row == row)
		i++;
	return i;
}

/* Dates from i on to the end of the row, or of the next one when that is needed. */
static bool dates_at(struct reader *reader, size_t i, int32_t *ret_start, int32_t *ret_end, size_t *ret)
{
	size_t end = i;

	for (unsigned rows = 0; rows < 2 && end < reader->text->n_words; rows++) {
		struct dates dates = { .text = "" };

		end = row_end(reader, end);
		if (put_dates(reader, i, end, &dates) && parse_dates(&dates, ret_start, ret_end)) {
			*ret = end;
			return true;
		}
	}
	return false;
}

static size_t find_first(const struct reader *reader, size_t from, size_t to, const char *words, size_t *ret_end)
{
	for (size_t i = from; i < to; i++) {
		if (!word_at(reader, i)->first)
			continue;
		*ret_end = phrase(reader, i, words);
		if (*ret_end != NOWHERE)
			return i;
	}
	return NOWHERE;
}

static void read_dates(struct reader *reader)
{
	struct cw_report *report = reader->report;
	size_t end = NOWHERE, limit = reader->first_page_end, behind = 0;
	size_t at = find_first(reader, 0, limit, "inspection|fieldwork dates|date|date(s", &end);

	if (at == NOWHERE)
		at = find_first(reader, 0, limit, "dates|date of [the] inspection", &end);
	if (at == NOWHERE)
		at = find_first(reader, 0, limit, "inspected [between|on|from]", &end);
	if (at != NOWHERE && end < reader->text->n_words &&
	    !dates_at(reader, end, &report->start, &report->end, &behind))
		problem(reader, CW_REASON_BAD_DATE, "inspection_start",
		        printed(reader, at, row_end(reader, at)),
		        "the dates of the inspection cannot be read");
}

static void read_published(struct reader *reader)
{
	struct cw_report *report = reader->report;
	size_t end = NOWHERE, behind = 0;
	size_t at = find_first(reader, 0, reader->first_page_end, "[report] published", &end);
	int32_t first, last;

	if (at == NOWHERE)
		at = find_first(reader, 0, reader->first_page_end, "publication date|on", &end);
	if (at == NOWHERE || end >= reader->text->n_words)
		return;
	if (!dates_at(reader, end, &first, &last, &behind) || first != last) {
		problem(reader, CW_REASON_BAD_DATE, "published_at", printed(reader, at, row_end(reader, at)),
		        "the date of publication cannot be read");
		return;
	}
	report->published = first;
}

/* "… between 12 September 2016 and 16 September 2016", "on 5 and 6 February 2020": of a letter. */
static void read_letter_dates(struct reader *reader)
{
	struct cw_report *report = reader->report;
	size_t limit = CW_MIN(reader->first_page_end, (size_t)600);

	if (report->start != CW_DAY_NONE)
		return;
	for (size_t i = 0; i < limit; i++) {
		bool between = word_is(reader, i, "between") || word_is(reader, i, "from");

		if (!between && !word_is(reader, i, "on"))
			continue;
		/* As many words as still make dates. */
		for (size_t end = CW_MIN(i + 13, reader->first_page_end); end > i + 2; end--) {
			struct dates dates = { .text = "" };
			int32_t start, last;

			if (!put_dates(reader, i + 1, end, &dates) || !parse_dates(&dates, &start, &last))
				continue;
			if (between && start == last)
				break;
			report->start = start;
			report->end = last;
			return;
		}
	}
}

/* --- titles --- */

struct title {
	const char *words;
	enum cw_report_type type;
};

/* The longest and most particular first. */
static const struct title titles[] = {
	{ "re-inspection|inspection of services for children in need of help and protection", CW_REPORT_SIF },
	{ "single inspection of services for children in need of help and protection", CW_REPORT_SIF },
	{ "inspection of local authority arrangements for the protection of children", CW_REPORT_CHILD_PROTECTION },
	{ "inspection of safeguarding and looked after children [services]", CW_REPORT_SAFEGUARDING },
	{ "inspection of looked after children services", CW_REPORT_LOOKED_AFTER },
	{ "inspection of services for looked after children", CW_REPORT_LOOKED_AFTER },
	{ "review of the effectiveness of the local safeguarding children board|boards", CW_REPORT_BOARD_REVIEW },
	{ "area send full inspection", CW_REPORT_AREA_SEND },
	{ "area send monitoring inspection", CW_REPORT_AREA_SEND_MONITORING },
	{ "area send inspection", CW_REPORT_AREA_SEND },
	{ "joint [local] area send inspection", CW_REPORT_SEND_2016 },
	{ "joint [local] area send revisit|re-visit", CW_REPORT_SEND_REVISIT },
	{ "joint targeted area inspection", CW_REPORT_JTAI },
	{ "joint inspection of the multi-agency response", CW_REPORT_JTAI },
	{ "joint area review", CW_REPORT_AREA_REVIEW },
	{ "[ilacs] focused|focussed visit", CW_REPORT_FOCUSED_VISIT },
	{ "[ofsted] [first|second|third|fourth|fifth|sixth] monitoring visit", CW_REPORT_MONITORING_VISIT },
};

static const struct {
	enum cw_kind kind;
	const char *framework, *about;
} types[CW_REPORT_COUNT] = {
	[CW_REPORT_ILACS] = { CW_KIND_ILACS, NULL, "full inspection" },
	[CW_REPORT_SIF] = { CW_KIND_SIF, "sif_2013", "full inspection" },
	[CW_REPORT_LOOKED_AFTER] = { CW_KIND_SIF, "looked_after_2013", "inspection of services for looked after children" },
	[CW_REPORT_CHILD_PROTECTION] = { CW_KIND_SIF, "child_protection_2012",
	                                 "inspection of arrangements for the protection of children" },
	[CW_REPORT_SAFEGUARDING] = { CW_KIND_SIF, "safeguarding_looked_after_2009",
	                             "inspection of safeguarding and looked after children services" },
	[CW_REPORT_FOCUSED_VISIT] = { CW_KIND_FOCUSED_VISIT, "ilacs", "focused visit" },
	[CW_REPORT_MONITORING_VISIT] = { CW_KIND_MONITORING_VISIT, NULL, "monitoring visit" },
	[CW_REPORT_BOARD_REVIEW] = { CW_KIND_BOARD_REVIEW, NULL, "review of the local safeguarding children board" },
	[CW_REPORT_JTAI] = { CW_KIND_JTAI, NULL, "joint targeted area inspection" },
	[CW_REPORT_AREA_SEND] = { CW_KIND_AREA_SEND, "area_send_2023", "full inspection" },
	[CW_REPORT_AREA_SEND_MONITORING] = { CW_KIND_AREA_SEND_MONITORING, "area_send_2023", "monitoring inspection" },
	[CW_REPORT_SEND_2016] = { CW_KIND_SEND_2016, "area_send_2016", "inspection" },
	[CW_REPORT_SEND_REVISIT] = { CW_KIND_SEND_2016, "area_send_2016", "revisit" },
};

/* Rows above which a title must stand. */
#define TITLE_ROWS 16u
#define LETTER_ROWS 40u

static size_t row_limit(const struct reader *reader, uint32_t rows)
{
	size_t i = 0;

	while (i < reader->first_page_end && word_at(reader, i)->row < rows)
		i++;
	return i;
}

static void take_name(struct reader *reader, size_t from, size_t to)
{
	struct cw_report *report = reader->report;

	if (from < to && to - from <= NAME_WORDS_MAX && report->n_names < CW_REPORT_NAMES_MAX)
		reader->names[report->n_names++] = name_of(reader, from, to);
}

/* The rows above a title, joined: all of them, then without the first, and so on. */
static void names_above(struct reader *reader, size_t title)
{
	for (size_t i = 0; i < title; i++)
		if (word_at(reader, i)->first)
			take_name(reader, i, title);
}

/* What stands between a title and the dates of the inspection. */
static void names_below(struct reader *reader, size_t title_end, size_t limit)
{
	size_t stop = NOWHERE, dates = find_first(reader, title_end, limit, "inspection date|dates", &stop);

	if (dates != NOWHERE)
		take_name(reader, title_end, dates);
}

/* The council of "Inspection of X local authority children's services": the words from i to such an end. Also tried
 * without what follows its name in some titles. */
static void name_until(struct reader *reader, size_t i, const char *const *ends_with)
{
	for (size_t k = i; k < i + NAME_WORDS_MAX && k < reader->first_page_end; k++) {
		for (const char *const *end = ends_with; *end; end++) {
			if (phrase(reader, k, *end) == NOWHERE)
				continue;
			take_name(reader, i, k);
			return;
		}
	}
}

static const char *const services[] = { "local authority children's|childrens services", "local authority children's|childrens social care services",
	                                "children's|childrens services", "children's|childrens social care services",
	                                "local authority's children's|childrens services", NULL };

/* "Inspection of children's social care services", "Inspection of X local authority children's services". */
static void ilacs_title(struct reader *reader, size_t limit)
{
	size_t end = NOWHERE, at = find_first(reader, 0, limit, "inspection of [the]", &end);

	for (; at != NOWHERE; at = find_first(reader, end, limit, "inspection of [the]", &end)) {
		size_t stop = end;

		for (const char *const *of = services; *of; of++) {
			stop = phrase(reader, end, *of);
			if (stop == NOWHERE)
				continue;
			reader->title = printed(reader, at, stop);
			reader->title_end = stop;
			names_above(reader, at);
			names_below(reader, stop, limit);
			return;
		}
		name_until(reader, end, services);
		if (!reader->report->n_names)
			continue;
		for (stop = end; stop < limit && !word_is(reader, stop, "services"); stop++)
			;
		reader->title = printed(reader, at, CW_MIN(stop + 1, limit));
		reader->title_end = CW_MIN(stop + 1, limit);
		return;
	}
}

static const char *const area_ends[] = { "local area partnership", "area partnership", "local area", "inspection date|dates",
	                                 NULL };

/* The name that stands behind a title: "… in Salford", "… of X Local Area Partnership", "… to X children's services". */
static void name_behind(struct reader *reader, size_t end)
{
	size_t limit = CW_MIN(end + 40, reader->first_page_end);

	for (size_t i = end; i < limit; i++) {
		size_t stop;

		if (word_at(reader, i)->first && i > end + 25)
			return;
		if (!word_is(reader, i, "in") && !word_is(reader, i, "of") && !word_is(reader, i, "to"))
			continue;
		stop = phrase(reader, i + 1, "[the]");
		name_until(reader, stop, services);
		name_until(reader, stop, area_ends);
		/* Or up to the end of the line. */
		take_name(reader, stop, row_end(reader, i));
	}
}

/* The council of a board: "Surrey Safeguarding Children Board". */
static void name_of_board(struct reader *reader, size_t title)
{
	for (size_t k = 1; k < title; k++)
		if (phrase(reader, k, "[local] safeguarding children board") != NOWHERE)
			take_name(reader, 0, k);
	names_above(reader, title);
}

/* "Inspection of Tower Hamlets local authority children's services" at the foot of a page. */
static void read_footer(struct reader *reader)
{
	for (size_t i = reader->first_page_end; i < reader->text->n_words; i++) {
		size_t at = phrase(reader, i, "inspection of [the]");

		if (at == NOWHERE || !word_at(reader, i)->first)
			continue;
		for (size_t k = at + 1; k < at + NAME_WORDS_MAX && k < reader->text->n_words; k++) {
			for (const char *const *end = services; *end; end++) {
				if (phrase(reader, k, *end) == NOWHERE)
					continue;
				take_other(reader, at, k);
				return;
			}
		}
	}
}

static void find_title(struct reader *reader)
{
	struct cw_report *report = reader->report;
	size_t zone = row_limit(reader, TITLE_ROWS), letter = row_limit(reader, LETTER_ROWS);
	size_t at = NOWHERE, end = NOWHERE, stop;

	for (size_t i = 0; i < CW_ARRAY_LEN(titles) && at == NOWHERE; i++) {
		bool is_letter = titles[i].type >= CW_REPORT_JTAI || titles[i].type == CW_REPORT_FOCUSED_VISIT ||
		                 titles[i].type == CW_REPORT_MONITORING_VISIT;

		at = find_first(reader, 0, is_letter ? letter : zone, titles[i].words, &end);
		if (at != NOWHERE)
			report->type = titles[i].type;
	}
	if (at == NOWHERE)
		return;
	/* Of a letter the title is what it is about, up to the end of the line. */
	stop = phrase(reader, end, "children looked after and care leavers");
	reader->title = printed(reader, at, stop != NOWHERE ? stop : CW_MAX(end, row_end(reader, at)));
	reader->title_end = end;
	switch (report->type) {
	case CW_REPORT_SIF:
		names_above(reader, at);
		break;
	case CW_REPORT_BOARD_REVIEW:
		name_of_board(reader, at);
		break;
	case CW_REPORT_LOOKED_AFTER:
	case CW_REPORT_CHILD_PROTECTION:
	case CW_REPORT_SAFEGUARDING:
		/* The council stands below the title; some put it above. */
		names_below(reader, end, zone);
		names_above(reader, at);
		break;
	default:
		name_behind(reader, end);
		break;
	}
}

/* --- lists --- */

/* Does the row begin an item of a list? -1: with a bullet; n: with that number; 0: no. */
static int item_of(const struct reader *reader, uint32_t row)
{
	const struct cw_report_span *span = &reader->text->spans[reader->text->rows[row].first];
	const unsigned char *at = reader->text->text.data + span->at;
	int n = 0;
	size_t i = 0;

	while (i < span->len && i < 3 && at[i] >= '0' && at[i] <= '9')
		n = n * 10 + at[i++] - '0';
	if (i)
		return i < span->len && at[i] == '.' && (i + 1 == span->len || at[i + 1] == ' ') ? n : 0;
	/* Bullets of all sorts, and those of symbol fonts (U+F0xx). */
	if (span->len >= 3 && at[0] == 0xe2 && (at[1] == 0x80 || at[1] == 0x96 || at[1] == 0x97 || at[1] == 0x9e))
		return (at[1] == 0x80 && at[2] != 0xa2) ? 0 : -1;
	if (span->len >= 3 && at[0] == 0xef && (at[1] == 0x81 || at[1] == 0x82 || at[1] == 0x83))
		return -1;
	return span->len >= 2 && at[0] == 0xc2 && (at[1] == 0xb7 || at[1] == 0xa7) ? -1 : 0;
}

/* --- the quote --- */

/* Can a sentence begin with this word, which is the first of its row or stands behind the number of a paragraph? What stands above
 * has ended, or ends further up. */
static bool may_begin(const struct reader *reader, size_t i)
{
	const struct cw_report_text *text = reader->text;
	const struct cw_report_row *row = &text->rows[word_at(reader, i)->row], *above;
	bool numbered = i && !word_at(reader, i)->first && word_at(reader, i - 1)->first &&
	                item_of(reader, word_at(reader, i)->row) > 0;

	if (text->text.data[word_at(reader, i)->at] < 'A' || text->text.data[word_at(reader, i)->at] > 'Z')
		return false;
	if (numbered)
		return row->n <= 2;
	/* A line of prose is one span and has some words. */
	if (!word_at(reader, i)->first || row->n != 1 || row_end(reader, i) < i + 7)
		return false;
	if (!i || word_page(reader, i - 1) != row->page || word_at(reader, i - 1)->after == '.')
		return true;
	above = &text->rows[word_at(reader, i - 1)->row];
	return row->y0 - above->y1 > (row->y1 - row->y0) * 0.3f;
}

static bool same_size(const struct cw_report_row *a, const struct cw_report_row *b)
{
	float x = a->y1 - a->y0, y = b->y1 - b->y0;

	return fabsf(x - y) < 0.1f * CW_MAX(x, y);
}

/*
 * The first whole sentences below `from`, as many as fit, of one page; of a sentence that is too long, its beginning. A word that
 * is parted at the end of a line ends it, because its hyphen may be its own or the line's.
 */
static void quote_prose(struct reader *reader, size_t from)
{
	const struct cw_report_text *text = reader->text;

	for (size_t i = from; i < text->n_words; i++) {
		const struct cw_report_row *row = &text->rows[word_at(reader, i)->row];
		size_t end = 0, characters = 0, k;

		if (!may_begin(reader, i))
			continue;
		for (k = i; k < text->n_words && word_page(reader, k) == row->page; k++) {
			const struct cw_report_word *at = word_at(reader, k);
			const struct cw_report_word *next = k + 1 < text->n_words ? at + 1 : NULL;
			const struct cw_report_row *here = &text->rows[at->row];

			/* A heading is larger; a paragraph with a number is another. */
			if (here != row && (here->n != 1 || !same_size(row, here) || (at->first && item_of(reader, at->row))))
				break;
			characters += at->len + 1;
			if (characters > CW_QUOTE_MAX || (at->last && text->text.data[at->at + at->len - 1] == '-'))
				break;
			if (at->after == '.' && (!next || next->first || (text->text.data[next->at] >= 'A' && text->text.data[next->at] <= 'Z')))
				end = k + 1;
		}
		if (!end && characters > CW_QUOTE_MAX / 2)
			end = k;
		if (end) {
			take_quote(reader, i, end);
			return;
		}
	}
}

/* --- areas for priority action --- */

static const char *const behind_actions[] = {
	"areas|area for improvement", "what needs to improve", "strengths", "[main|key] findings", "next steps",
	"yours sincerely", "the local authority's strengths", "information about this", "recommendations",
	"the experiences and progress", "the impact of leaders", "practice study", NULL,
};

/* The items of the list below a heading, up to what is known to follow such a list: their number, 0 when there are none
 * and the text says so, -1 when it cannot be told. one: the heading speaks of one area, which may be a paragraph. */
static int count_items(const struct reader *reader, size_t at, bool one)
{
	const struct cw_report_text *text = reader->text;
	int bullets = 0, first = 0, last = 0;
	bool none = false;

	for (size_t i = at; i < text->n_words; i++) {
		const struct cw_report_word *word = word_at(reader, i);
		int item;

		if (phrase(reader, i, "no [areas|area] [for] [immediate] [or|and] priority") != NOWHERE ||
		    phrase(reader, i, "not find|identify|identified any areas|area|priority|immediate") != NOWHERE)
			none = true;
		if (!word->first)
			continue;
		for (const char *const *end = behind_actions; *end; end++) {
			if (phrase(reader, i, *end) == NOWHERE)
				continue;
			if (none) /* one paragraph says so */
				return last == first && bullets < 2 ? 0 : -1;
			if (first || bullets)
				return first ? last - first + 1 : bullets;
			return one ? 1 : -1;
		}
		item = item_of(reader, word->row);
		/* Bullets below a number are parts of its item. */
		if (item < 0 && !first)
			bullets++;
		else if (item > 0 && (bullets || (first && item != last + 1)))
			return -1;
		else if (item > 0)
			last = item;
		if (item > 0 && !first)
			first = item;
	}
	return -1;
}

static void count_priority_actions(struct reader *reader)
{
	const struct cw_report_text *text = reader->text;
	enum cw_report_type type = reader->report->type;
	bool visit = type == CW_REPORT_FOCUSED_VISIT || type == CW_REPORT_MONITORING_VISIT || type == CW_REPORT_JTAI;
	bool mentioned = false;

	if (!visit && type != CW_REPORT_ILACS && type != CW_REPORT_SIF)
		return;
	for (size_t i = 0; i < text->n_words; i++) {
		size_t end = phrase(reader, i, type == CW_REPORT_SIF ? "priority and immediate action|actions" :
		                                                       "area|areas for priority action|actions");
		int n;

		/* The sections on the board come last. */
		if (type == CW_REPORT_SIF && word_at(reader, i)->first && i > reader->first_page_end &&
		    phrase(reader, i, "[section] [2] the [effectiveness] [of] [the] local safeguarding children board|lscb") != NOWHERE &&
		    word_page(reader, i) > 3)
			return;
		mentioned = mentioned || phrase(reader, i, "priority action|actions") != NOWHERE;
		if (end == NOWHERE || !word_at(reader, i)->first || (end < text->n_words && !word_at(reader, end)->first) ||
		    word_at(reader, end - 1)->after == '.')
			continue;
		n = count_items(reader, end, word_is(reader, i, "area") && word_is(reader, end - 1, "action"));
		if (n >= 0 && n <= 20)
			set_number(reader, CW_VAL_PRIORITY_ACTIONS, (unsigned)n);
		else
			problem(reader, CW_REASON_BAD_VALUE, "priority_actions", printed(reader, i, end),
			        "its items cannot be counted");
		return;
	}
	if (visit && !mentioned)
		set_number(reader, CW_VAL_PRIORITY_ACTIONS, 0);
	else if (visit)
		problem(reader, CW_REASON_BAD_VALUE, "priority_actions", (struct place){ 0 },
		        "it speaks of priority actions and has no list of them");
}

/* --- what reports without grades come to --- */

/* The outcome of an area SEND inspection, which is one of three sentences. */
static void read_area_outcome(struct reader *reader)
{
	static const char *const outcomes[] = {
		"typically lead to positive experiences and outcomes",
		"lead to inconsistent experiences and outcomes",
		"widespread and/or|and|or systemic failings leading to significant concerns",
	};
	size_t from = 0, to = 0;
	unsigned found = 0;

	for (size_t i = 0; i < reader->text->n_words && word_page(reader, i) <= 3; i++) {
		for (unsigned k = 0; k < CW_ARRAY_LEN(outcomes); k++) {
			size_t end = phrase(reader, i, outcomes[k]);

			if (end == NOWHERE)
				continue;
			if (found && found != k + 1) {
				problem(reader, CW_REASON_BAD_VALUE, "outcome", printed(reader, i, end),
				        "the report says outcome %u in one place and %u in another", found, k + 1);
				return;
			}
			if (!found)
				from = i, to = end;
			found = k + 1;
		}
	}
	if (!found) {
		problem(reader, CW_REASON_BAD_VALUE, "outcome", (struct place){ 0 }, "none of the three outcomes is in the report");
		return;
	}
	set_number(reader, CW_VAL_OUTCOME, found);
	/* The sentence that says so. */
	while (from && !may_begin(reader, from) && word_at(reader, from - 1)->after != '.' &&
	       word_page(reader, from - 1) == word_page(reader, to - 1) && to - from < 30)
		from--;
	while (to < reader->text->n_words && word_at(reader, to - 1)->after != '.' && to - from < 45 &&
	       word_page(reader, to) == word_page(reader, from))
		to++;
	take_quote(reader, from, to);
}

/* Was a written statement of action required? Letters that do not speak of one say that it was not. */
static void read_written_statement(struct reader *reader)
{
	bool mentioned = false;

	for (size_t i = 0; i < reader->text->n_words; i++) {
		if (phrase(reader, i, "determined that a written statement of action is required") != NOWHERE ||
		    phrase(reader, i, "determined that the local area must submit a written statement of action") != NOWHERE) {
			set_value(reader, CW_VAL_WSOA, cw_str("yes"));
			return;
		}
		mentioned = mentioned || phrase(reader, i, "written statement") != NOWHERE || word_is(reader, i, "wsoa");
	}
	if (mentioned)
		problem(reader, CW_REASON_BAD_VALUE, "wsoa", (struct place){ 0 },
		        "it speaks of a written statement of action, and not in the words that require one");
	else
		set_value(reader, CW_VAL_WSOA, cw_str("no"));
}

/* Were the weaknesses mended when the inspectors came back? */
static void read_revisit(struct reader *reader)
{
	static const struct {
		const char *words, *value;
	} said[] = {
		{ "made sufficient progress in addressing all", "sufficient" },
		{ "made sufficient progress in addressing each", "sufficient" },
		{ "made sufficient progress in addressing one|two|three|four|five|six|seven|eight|nine|ten of the", "some" },
		{ "not made sufficient progress in addressing any", "insufficient" },
	};
	const char *found = NULL;

	for (size_t i = 0; i < reader->text->n_words && word_page(reader, i) <= 2; i++) {
		for (size_t k = 0; k < CW_ARRAY_LEN(said); k++) {
			if (phrase(reader, i, said[k].words) == NOWHERE)
				continue;
			/* "has not made sufficient progress in addressing all" is something else. */
			if (k < 3 && i && word_is(reader, i - 1, "not"))
				return;
			if (found && strcmp(found, said[k].value) != 0)
				found = "";
			else
				found = said[k].value;
		}
	}
	if (found && *found)
		set_value(reader, CW_VAL_REVISIT, cw_str(found));
	else
		problem(reader, CW_REASON_BAD_VALUE, "revisit", (struct place){ 0 },
		        "what became of the weaknesses is not in one sentence that is known");
}

/* What a joint targeted area inspection looked at: one of the themes there have been. */
static void read_theme(struct reader *reader)
{
	static const char *const themes[] = {
		"child sexual exploitation and those missing from home care or education",
		"child sexual exploitation and missing",
		"child sexual exploitation",
		"children living with domestic abuse",
		"domestic abuse",
		"children living with neglect",
		"abuse and neglect",
		"neglect",
		"sexual abuse in the family environment",
		"child sexual abuse in the family environment",
		"[children's|child] mental health",
		"[child] mental ill health",
		"[child] mental ill-health",
		"the criminal exploitation of children",
		"criminal exploitation [of] [children]",
		"exploitation",
		"[the] identification of initial need and risk",
		"children and [their] families who need help",
		"serious youth violence",
	};

	for (size_t i = 0; i < reader->text->n_words && word_page(reader, i) == 1; i++) {
		size_t at = phrase(reader, i, "response to");

		for (size_t k = 0; at != NOWHERE && k < CW_ARRAY_LEN(themes); k++) {
			size_t end = phrase(reader, at, themes[k]);

			if (end == NOWHERE)
				continue;
			reader->theme = printed(reader, at, end);
			reader->has_theme = reader->theme.len > 0;
			return;
		}
	}
}

/* --- all together --- */

static void settle(struct reader *reader, struct findings *findings)
{
	bool overall = false;

	for (size_t i = 0; i < findings->n; i++) {
		const struct finding *finding = &findings->at[i];
		const struct said *said = finding->table.grade ? &finding->table : &finding->other;
		const char *name = cw_value_def(finding->id)->name;

		overall = overall || finding->id == CW_VAL_OVERALL_EFFECTIVENESS;
		if (finding->conflict) {
			problem(reader, CW_REASON_BAD_VALUE, name, printed(reader, said->from, said->to),
			        "the report says %s in one place and %s in another", grade_text(finding->table.grade),
			        grade_text(finding->other.grade));
		} else if (said->grade == ADEQUATE) {
			problem(reader, CW_REASON_BAD_VALUE, name, printed(reader, said->from, said->to),
			        "\"adequate\" is of the scale before November 2013 and has no equivalent in today's");
		} else {
			set_value(reader, finding->id, cw_str(cw_grade_name((enum cw_grade)said->grade)));
		}
	}
	/* Since April 2026 no report has one. */
	if (!overall && !reader->unread &&
	    (reader->report->type != CW_REPORT_ILACS || reader->report->start < cw_day_make(2026, 4, 1)))
		problem(reader, CW_REASON_BAD_VALUE, "overall_effectiveness", (struct place){ 0 }, "not found in the report");
}

static void read_ungraded(struct reader *reader)
{
	switch (reader->report->type) {
	case CW_REPORT_AREA_SEND:
		read_area_outcome(reader);
		break;
	case CW_REPORT_SEND_2016:
		read_written_statement(reader);
		break;
	case CW_REPORT_SEND_REVISIT:
		read_revisit(reader);
		break;
	case CW_REPORT_JTAI:
		read_theme(reader);
		break;
	default:
		break;
	}
}

/* Below the heading of its section, the paragraph on overall effectiveness. */
static size_t overall_paragraph(const struct reader *reader)
{
	for (size_t i = reader->first_page_end; i < reader->text->n_words; i++) {
		size_t behind, at = phrase(reader, i, "overall effectiveness");

		if (at == NOWHERE || !word_at(reader, i)->first)
			continue;
		for (; at < reader->text->n_words && at < i + 16; at++)
			if (word_is(reader, at, "grade") && grade_at(reader, at, &behind))
				return behind;
	}
	return reader->title_end;
}

static void read_judged(struct reader *reader)
{
	struct cw_report *report = reader->report;
	const struct judgement *judgements = NULL, *headings = NULL;
	struct findings findings = { 0 };
	size_t at, from = 0, to = reader->text->n_words;

	switch (report->type) {
	case CW_REPORT_ILACS:
		judgements = headings = ilacs_judgements;
		break;
	case CW_REPORT_SIF:
		judgements = sif_judgements;
		headings = sif_headings;
		break;
	case CW_REPORT_LOOKED_AFTER:
		judgements = looked_after_judgements;
		break;
	case CW_REPORT_CHILD_PROTECTION:
		judgements = child_protection_judgements;
		break;
	default:
		read_ungraded(reader);
		quote_prose(reader, reader->title_end);
		return;
	}
	if (report->type == CW_REPORT_LOOKED_AFTER || report->type == CW_REPORT_CHILD_PROTECTION) {
		size_t end = NOWHERE;

		/* The table stands last; its heading is in the contents as well. */
		for (size_t i = 0; i < to; i++)
			if (word_at(reader, i)->first && phrase(reader, i, "record of main findings") != NOWHERE)
				end = i;
		from = end == NOWHERE ? to : end;
	} else {
		to = reader->first_page_end;
		while (to < reader->text->n_words && word_page(reader, to) <= 2)
			to++;
	}
	at = find_table(reader, judgements, from, to);
	reader->unread = at == NOWHERE || !read_table(reader, judgements, at, &findings);
	if (at == NOWHERE)
		problem(reader, CW_REASON_BAD_VALUE, "overall_effectiveness", (struct place){ 0 },
		        "it has no table of judgements");
	else if (reader->unread)
		problem(reader, CW_REASON_BAD_VALUE, "overall_effectiveness", printed(reader, at, reader->table_end),
		        "the table of judgements does not have one grade beside each");
	if (report->type == CW_REPORT_SIF) {
		read_headline(reader, &findings);
		read_because(reader, &findings);
	}
	if (report->type == CW_REPORT_ILACS)
		read_footer(reader);
	if (headings)
		read_headings(reader, headings, report->type == CW_REPORT_SIF, &findings);
	settle(reader, &findings);
	if (report->type == CW_REPORT_LOOKED_AFTER || report->type == CW_REPORT_CHILD_PROTECTION)
		quote_prose(reader, overall_paragraph(reader));
	else
		quote_prose(reader, reader->table_at == NOWHERE ? reader->title_end : reader->table_end);
}

/* A place in made becomes a text. */
static struct cw_str placed(const struct cw_report *report, struct place place)
{
	return (struct cw_str){ cw_buf_str(&report->made) + place.at, place.len };
}

static void place_all(const struct reader *reader)
{
	struct cw_report *report = reader->report;

	for (size_t i = 0; i < report->n_names; i++)
		report->names[i] = placed(report, reader->names[i]);
	for (size_t i = 0; i < report->n_others; i++)
		report->others[i] = placed(report, reader->others[i]);
	for (size_t i = 0; i < report->n_problems; i++)
		report->problems[i].text = cw_str_cut(placed(report, reader->problems[i]), 200);
	if (reader->has_theme && report->n_values < CW_REPORT_VALUES_MAX)
		report->values[report->n_values++] =
		    (struct cw_report_value){ CW_VAL_THEME, placed(report, reader->theme) };
	report->title = placed(report, reader->title);
	report->quote = placed(report, reader->quote);
}

int cw_report_read(const struct cw_report_text *text, struct cw_report *ret)
{
	struct reader reader = { .text = text, .report = ret, .table_at = NOWHERE };
	size_t pages_end;
	bool titled;

	*ret = (struct cw_report){ .start = CW_DAY_NONE, .end = CW_DAY_NONE, .published = CW_DAY_NONE };
	cw_buf_init(&ret->made, CW_FIELD_MAX);
	while (reader.first_page_end < text->n_words && word_page(&reader, reader.first_page_end) == 1)
		reader.first_page_end++;
	for (pages_end = reader.first_page_end; pages_end < text->n_words && word_page(&reader, pages_end) <= 2;)
		pages_end++;

	/* The table of today's judgements tells a full inspection from all that only speaks of one. */
	ilacs_title(&reader, row_limit(&reader, TITLE_ROWS));
	titled = reader.title.len > 0;
	if (find_table(&reader, ilacs_judgements, 0, pages_end) != NOWHERE) {
		ret->type = CW_REPORT_ILACS;
	} else {
		struct reader other = reader;

		other.title = (struct place){ 0 };
		ret->n_names = 0;
		find_title(&other);
		if (ret->type != CW_REPORT_UNKNOWN) {
			reader = other;
		} else if (titled) {
			ret->type = CW_REPORT_ILACS;
			ilacs_title(&reader, row_limit(&reader, TITLE_ROWS));
		}
	}
	ret->kind = types[ret->type].kind;
	ret->framework = types[ret->type].framework;
	ret->about = types[ret->type].about;
	if (ret->type != CW_REPORT_UNKNOWN) {
		read_dates(&reader);
		read_published(&reader);
		if (ret->type >= CW_REPORT_JTAI || ret->type == CW_REPORT_FOCUSED_VISIT ||
		    ret->type == CW_REPORT_MONITORING_VISIT)
			read_letter_dates(&reader);
		read_judged(&reader);
		count_priority_actions(&reader);
	}
	place_all(&reader);
	return reader.error;
}

void cw_report_clear(struct cw_report *report)
{
	cw_buf_clear(&report->made);
}
