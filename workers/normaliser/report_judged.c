/*
 * What a report judges. A grade is one of the words of the scale beside the whole name of a judgement; where the report says
 * it twice, both must agree.
 */
#include <stdio.h>
#include <string.h>

#include <councilwatch/limits.h>

#include "report_private.h"

/* A grade of the scale in use before November 2013 that has no equivalent in today's. */
#define ADEQUATE CW_GRADE_COUNT

#define TABLE_ROWS_MAX 60u
#define JUDGEMENTS_MAX 8u

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
	for (size_t k = 0; k < 4 && report_word_is(reader, i, "grade") && !before; k++)
		if (report_word_is(reader, i + 1, numbers[k]))
			before = numbered[k];
	if (before)
		i += 2;
	for (size_t k = 0; k < CW_ARRAY_LEN(grades) && !grade; k++) {
		size_t end = report_phrase(reader, i, grades[k].words);

		if (end == NOWHERE)
			continue;
		grade = grades[k].grade;
		i = end;
	}
	if (!grade)
		return 0;
	for (size_t k = 0; k < 4 && report_word_is(reader, i, "grade") && !behind; k++)
		if (report_word_is(reader, i + 1, numbers[k]))
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
		if (report_word_is(reader, i, words[k]))
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
	{ "[1|2|3] children who need help and protection", CW_VAL_HELP_AND_PROTECTION },
	{ "[1|2|3] children looked after and achieving permanence", CW_VAL_IN_CARE },
	{ "[2.1] adoption performance", CW_VAL_ADOPTION },
	{ "[2.2] [the] experiences|experience and progress of care leavers", CW_VAL_CARE_LEAVERS },
	{ "[1|2|3] leadership management and governance", CW_VAL_LEADERSHIP_MANAGEMENT_GOVERNANCE },
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
	bool broken;
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

/* As report_phrase(), over the words of one side. Returns the index behind, or NOWHERE. */
static size_t side_phrase(const struct reader *reader, const struct side *side, size_t i, const char *words)
{
	while (*words) {
		const char *end = strchrnul(words, ' ');
		bool optional = *words == '[';
		bool found = i < side->n && report_word_among(reader, side->at[i], words + optional, end - optional);

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
		if (end < side->n && report_word_is(reader, side->at[end], "grade"))
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

static bool is_number(const struct reader *reader, size_t i)
{
	const struct cw_report_word *word = word_at(reader, i);

	return word->n == 1 && reader->text->folds.data[word->folded] <= '9';
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
	return grades && !(end == i + 1 && report_word_is(reader, i, "grade"));
}

/*
 * Parts the words around a table into labels and grades: what consists of words of grades and stands well to the right of
 * where the first label begins is a grade. Where columns stand so close that a label and its grade are one span, word by word: no
 * label has a word in it that a grade has.
 */
static void part(const struct reader *reader, size_t at, bool by_word, struct side *left, struct side *right)
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
			if (!side_add(grades || (by_word && k > at && is_grade_word(reader, k) && !is_number(reader, k)) ? right : left, k))
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

		if (!judgement) {
			/* "Overall effectivenessGood": a row that is there and not understood is not one that is not there. */
			const struct cw_report_word *word = word_at(reader, left->at[i]);

			table->broken = word->n >= 7 && !memcmp(reader->text->folds.data + word->folded, "overall", 7);
			return;
		}
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

static uint32_t row_of(const struct reader *reader, size_t i)
{
	return word_at(reader, i)->row;
}

/* Has the row of this word no words but those of grades? */
static bool row_of_grades(const struct reader *reader, size_t i)
{
	uint32_t row = row_of(reader, i);

	while (i && row_of(reader, i - 1) == row)
		i--;
	for (; i < reader->text->n_words && row_of(reader, i) == row; i++)
		if (!is_grade_word(reader, i))
			return false;
	return true;
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

		/* Below the last label nothing is of the table but the rest of its grade, which stands alone. */
		if (span_of(reader, right->at[i])->y0 > limit ||
		    (right->at[i] > table->last && row_of(reader, right->at[i]) != row_of(reader, table->last) &&
		     !row_of_grades(reader, right->at[i])))
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
			if (report_phrase(reader, i, first) != NOWHERE || report_phrase(reader, i + 1, first) != NOWHERE)
				end = i;
		}
		if (end == NOWHERE)
			continue;
		for (int by_word = 0; by_word < 2; by_word++) {
			left.n = right.n = 0;
			table = (struct table){ 0 };
			part(reader, i, by_word, &left, &right);
			read_labels(reader, &left, judgements, &table);
			/* Some judgement may be named in a heading; two, one below the other, are a table. */
			if (table.n_labels >= 2)
				return i;
		}
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

	for (; *id && !table->broken; id++) {
		bool found = false;

		for (size_t i = 0; i < table->n_labels; i++)
			found = found || table->labels[i].judgement->id == *id;
		if (!found)
			return false;
	}
	return !table->broken;
}

/* The part of a table that is on one page, beginning at `at`. False: it is not one grade beside each label. */
static bool read_part(const struct reader *reader, const struct judgement *judgements, size_t at, bool by_word,
                      struct table *table)
{
	struct side left = { 0 }, right = { 0 };

	*table = (struct table){ .first = at, .last = at };
	part(reader, at, by_word, &left, &right);
	read_labels(reader, &left, judgements, table);
	return table->n_labels && read_grades(reader, &right, table) && pair(table);
}

#define HEAD_ROWS 4u /* above the rest of a table: its heading once more, the head of the page */

/* The rest of a table that goes on at the top of the next page, with other labels. */
static void read_rest(const struct reader *reader, const struct judgement *judgements, bool by_word, struct table *table)
{
	uint32_t page = word_page(reader, table->last) + 1, rows = 0;
	struct table rest;

	for (size_t i = table->last; i < reader->text->n_words && word_page(reader, i) <= page && rows < HEAD_ROWS; i++) {
		if (word_page(reader, i) < page || !word_at(reader, i)->first)
			continue;
		rows++;
		if (!read_part(reader, judgements, i, by_word, &rest) || rest.broken)
			continue;
		/* Each with its grade in the same span or none, as in the first part. */
		if (table->n_labels + rest.n_labels > JUDGEMENTS_MAX || !table->n_grades != !rest.n_grades)
			return;
		for (size_t k = 0; k < table->n_labels; k++)
			for (size_t m = 0; m < rest.n_labels; m++)
				table->broken = table->broken || table->labels[k].judgement->id == rest.labels[m].judgement->id;
		memcpy(table->labels + table->n_labels, rest.labels, rest.n_labels * sizeof(*rest.labels));
		memcpy(table->grades + table->n_grades, rest.grades, rest.n_grades * sizeof(*rest.grades));
		table->n_labels += rest.n_labels;
		table->n_grades += rest.n_grades;
		table->last = rest.last;
		return;
	}
}

static bool has_overall(const struct table *table)
{
	for (size_t i = 0; i < table->n_labels; i++)
		if (table->labels[i].judgement->id == CW_VAL_OVERALL_EFFECTIVENESS)
			return true;
	return false;
}

/* Takes a table apart. False: it is there and cannot be read. */
static bool read_table(struct reader *reader, const struct judgement *judgements, size_t at, struct findings *findings)
{
	struct table table;
	bool good = false;

	for (int by_word = 0; by_word < 2 && !good; by_word++) {
		good = read_part(reader, judgements, at, by_word, &table);
		if (good && (!has_all(&table, judgements) || (judgements == ilacs_judgements && !has_overall(&table))))
			read_rest(reader, judgements, by_word, &table);
		good = good && has_all(&table, judgements);
		reader->table_at = at;
		reader->table_end = table.last + 1;
	}
	if (!good)
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
		if (report_word_is(reader, end, on[k]))
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
		stop = report_phrase(reader, i, j->label);
		if (stop == NOWHERE || (best && stop <= end))
			continue;
		best = j;
		end = stop;
	}
	if (!best || word_at(reader, i)->row + 4 < word_at(reader, end - 1)->row)
		return;
	stop = report_phrase(reader, end, "[that] [it|they] is|are");
	if (stop != NOWHERE)
		end = stop;
	stop = report_phrase(reader, end, "that it|they");
	if (stop != NOWHERE)
		end = stop;
	stop = report_phrase(reader, end, "is|are");
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

	part(reader, i, false, &left, &right);
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

/* Is there a bullet or a dash before the first word of a row? */
static bool is_listed(const struct reader *reader, size_t i)
{
	const struct cw_report_word *word = word_at(reader, i);
	uint32_t first = reader->text->rows[word->row].first;

	return first != word->span || reader->text->spans[first].at != word->at;
}

static void read_headings(struct reader *reader, const struct judgement *judgements, bool boxed, struct findings *findings)
{
	uint32_t previous = 0; /* the page on which earlier inspections are told of */

	for (size_t i = 0; i < reader->text->n_words; i++) {
		if (!word_at(reader, i)->first || (i >= reader->table_at && i < reader->table_end))
			continue;
		/* What an earlier inspection came to stands in a list, in the section about the council. */
		if (report_phrase(reader, i, "previous ofsted inspections|inspection") != NOWHERE)
			previous = word_page(reader, i);
		else if (report_phrase(reader, i, "local leadership") != NOWHERE)
			previous = 0;
		if (is_listed(reader, i) || previous == word_page(reader, i))
			continue;
		if (!report_word_is(reader, i, "the") && !report_word_is(reader, i, "leadership"))
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
		    !report_word_is(reader, k - 1, "st"))
			return 0;
		if (report_word_is(reader, k, "is") || report_word_is(reader, k, "are"))
			at++;
		else if (!report_word_is(reader, k, "require") && !report_word_is(reader, k, "requires"))
			continue;
		grade = grade_at(reader, at, ret_end);
		if (grade) {
			*ret_name_end = k;
			return grade;
		}
	}
	return 0;
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
		at = report_phrase(reader, i, "the overall judgement|judgment is");
		if (at != NOWHERE) {
			grade = grade_at(reader, at, &end);
			if (!grade)
				grade = name_and_grade(reader, at, &name_end, &end);
			name_end = 0; /* no name, or not the name alone */
		} else {
			at = report_phrase(reader, i, "[local] [authority] children's|childrens [social] [care] services|service [in|at|for] [the]");
			if (at == NOWHERE)
				at = report_phrase(reader, i, "services for children [and] [young] [people] in [the]");
			if (at != NOWHERE)
				grade = name_and_grade(reader, at, &name_end, &end);
		}
		if (!grade || !ends(reader, end))
			continue;
		say(findings, CW_VAL_OVERALL_EFFECTIVENESS, true, grade, i, end);
		report_take_quote(reader, i, end);
		if (name_end)
			report_take_other(reader, at, name_end);
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
		at = report_phrase(reader, i, "children's services in [the]");
		if (at != NOWHERE) {
			grade = name_and_grade(reader, at, &name_end, &end);
		} else {
			at = report_phrase(reader, i, "this local authority [is]");
			if (at != NOWHERE)
				grade = grade_at(reader, at, &end);
		}
		if (grade && report_phrase(reader, end, "[and] [is] [not] [yet] [good] because") != NOWHERE)
			say(findings, CW_VAL_OVERALL_EFFECTIVENESS, false, grade, i, end);
	}
}
/* --- together --- */

static void settle(struct reader *reader, struct findings *findings)
{
	bool overall = false;

	for (size_t i = 0; i < findings->n; i++) {
		const struct finding *finding = &findings->at[i];
		const struct said *said = finding->table.grade ? &finding->table : &finding->other;
		const char *name = cw_value_def(finding->id)->name;

		overall = overall || finding->id == CW_VAL_OVERALL_EFFECTIVENESS;
		if (finding->conflict) {
			report_problem(reader, CW_REASON_BAD_VALUE, name, report_printed(reader, said->from, said->to),
			        "the report says %s in one place and %s in another", grade_text(finding->table.grade),
			        grade_text(finding->other.grade));
		} else if (said->grade == ADEQUATE) {
			report_problem(reader, CW_REASON_BAD_VALUE, name, report_printed(reader, said->from, said->to),
			        "\"adequate\" is of the scale before November 2013 and has no equivalent in today's");
		} else {
			report_set_value(reader, finding->id, cw_str(cw_grade_name((enum cw_grade)said->grade)));
		}
	}
	/* Since April 2026 no report has one. */
	if (!overall && !reader->unread &&
	    (reader->report->type != CW_REPORT_ILACS || reader->report->start < cw_day_make(2026, 4, 1)))
		report_problem(reader, CW_REASON_BAD_VALUE, "overall_effectiveness", (struct place){ 0 }, "not found in the report");
}

/* Below the heading of its section, the paragraph on overall effectiveness. */
static size_t overall_paragraph(const struct reader *reader)
{
	for (size_t i = reader->first_page_end; i < reader->text->n_words; i++) {
		size_t behind, at = report_phrase(reader, i, "overall effectiveness");

		if (at == NOWHERE || !word_at(reader, i)->first)
			continue;
		for (; at < reader->text->n_words && at < i + 16; at++)
			if (report_word_is(reader, at, "grade") && grade_at(reader, at, &behind))
				return behind;
	}
	return reader->title_end;
}

bool report_read_judged(struct reader *reader)
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
		return false;
	}
	if (report->type == CW_REPORT_LOOKED_AFTER || report->type == CW_REPORT_CHILD_PROTECTION) {
		size_t end = NOWHERE;

		/* The table stands last; its heading is in the contents as well. */
		for (size_t i = 0; i < to; i++)
			if (word_at(reader, i)->first && report_phrase(reader, i, "record of main findings") != NOWHERE)
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
		report_problem(reader, CW_REASON_BAD_VALUE, "overall_effectiveness", (struct place){ 0 },
		        "it has no table of judgements");
	else if (reader->unread)
		report_problem(reader, CW_REASON_BAD_VALUE, "overall_effectiveness", report_printed(reader, at, reader->table_end),
		        "the table of judgements does not have one grade beside each");
	if (report->type == CW_REPORT_SIF) {
		read_headline(reader, &findings);
		read_because(reader, &findings);
	}
	if (headings)
		read_headings(reader, headings, report->type == CW_REPORT_SIF, &findings);
	settle(reader, &findings);
	if (report->type == CW_REPORT_LOOKED_AFTER || report->type == CW_REPORT_CHILD_PROTECTION)
		reader->prose = overall_paragraph(reader);
	else
		reader->prose = reader->table_at == NOWHERE ? reader->title_end : reader->table_end;
	return true;
}

bool report_has_ilacs_table(const struct reader *reader, size_t from, size_t to)
{
	return find_table(reader, ilacs_judgements, from, to) != NOWHERE;
}
