/*
 * quality: how well councils and signals are found in labelled texts.
 *
 *     quality [-v] [-c CONFIG] [--at-least NAME=PERCENT]… FILE…
 *
 * A FILE has one text a line: day, title, summary, councils, signals, separated by tabs; a line that begins with # is none. Councils are
 * ids with blanks between, "-" for none, "?" when only a person can say (a doubt is right, and no council is too; any
 * council named is wrong). Signals are council:signal:status[:criterion], "-" or "?". With -v each difference is told. Fails (1)
 * when a figure is under its threshold: identity-precision, identity-recall, signal-precision, signal-recall.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/config.h>

#define KINDS_MAX 64
#define FIELDS 5
#define THRESHOLDS_MAX 8

struct score {
	const char *name;
	unsigned right, wrong, missed;
};

struct quality {
	const struct cw_config *config;
	struct cw_reader *reader;
	bool verbose;
	unsigned texts, doubted, doubts_wanted, doubts_met;
	struct score identity, signals;
	size_t n_kinds;
	struct score kinds[KINDS_MAX];
	unsigned confusion[KINDS_MAX][KINDS_MAX]; /* wanted, found, of the same text and council; last: nothing */
};

static void print_mistake(void *arg, const struct cw_error *err)
{
	(void)arg;
	fprintf(stderr, "%s:%u: %s\n", err->source, err->line, err->text);
}

static size_t kind_of(struct quality *q, const char *signal)
{
	size_t i = 0;

	while (i < q->n_kinds && strcmp(q->kinds[i].name, signal))
		i++;
	if (i == q->n_kinds && i < KINDS_MAX - 1)
		q->kinds[q->n_kinds++].name = strdup(signal);
	return i;
}

/* Words of a label; returns the count. */
static size_t split(char *text, char **ret, size_t max)
{
	size_t n = 0;

	for (char *word = strtok(text, " "); word && n < max; word = strtok(NULL, " "))
		ret[n++] = word;
	return n;
}

static void told(const struct quality *q, const char *file, unsigned line, const char *what, const char *which,
                 char *const *fields)
{
	if (q->verbose)
		printf("%s:%u: %s %s\n    %s | %s\n", file, line, what, which, fields[1], fields[2]);
}

static void score_councils(struct quality *q, const struct cw_reading *reading, char *label, const char *file,
                           unsigned line, char *const *fields)
{
	char *wanted[CW_TEXT_COUNCILS_MAX];
	bool undecided = !strcmp(label, "?"), met[CW_TEXT_COUNCILS_MAX] = { false };
	size_t n = undecided || !strcmp(label, "-") ? 0 : split(label, wanted, CW_TEXT_COUNCILS_MAX);

	for (size_t i = 0; i < reading->n_subjects; i++) {
		bool right = false;

		for (size_t k = 0; k < n; k++)
			if (!strcmp(reading->subjects[i].council->id, wanted[k]))
				right = met[k] = true;
		q->identity.right += right;
		q->identity.wrong += !right;
		if (!right)
			told(q, file, line, "wrong council", reading->subjects[i].council->id, fields);
	}
	for (size_t k = 0; k < n; k++) {
		q->identity.missed += !met[k];
		if (!met[k])
			told(q, file, line, reading->n_doubts ? "doubted council" : "missed council", wanted[k],
			     fields);
	}
	q->doubted += reading->n_doubts > 0;
	q->doubts_wanted += undecided;
	q->doubts_met += undecided && reading->n_doubts > 0 && !reading->n_subjects;
	if (undecided && (!reading->n_doubts || reading->n_subjects))
		told(q, file, line, "no doubt", "", fields);
}

static bool is_label(const struct cw_finding *finding, const char *label)
{
	char text[256];

	snprintf(text, sizeof(text), "%s:%s:%s%s%s", finding->council->id, finding->rule->signal, finding->rule->status,
	         finding->criterion ? ":" : "", finding->criterion ? finding->criterion : "");
	return !strcmp(text, label);
}

static void score_signals(struct quality *q, const struct cw_reading *reading, char *label, const char *file,
                          unsigned line, char *const *fields)
{
	char *wanted[CW_TEXT_FINDINGS_MAX];
	bool met[CW_TEXT_FINDINGS_MAX] = { false };
	size_t n = !strcmp(label, "?") || !strcmp(label, "-") ? 0 : split(label, wanted, CW_TEXT_FINDINGS_MAX);
	size_t first_wrong = KINDS_MAX - 1;

	for (size_t i = 0; i < reading->n_findings; i++) {
		const struct cw_finding *finding = &reading->findings[i];
		size_t kind = kind_of(q, finding->rule->signal);
		bool right = false;

		for (size_t k = 0; k < n && !right; k++)
			if (is_label(finding, wanted[k]) && !met[k])
				right = met[k] = true;
		q->signals.right += right;
		q->signals.wrong += !right;
		q->kinds[kind].right += right;
		q->kinds[kind].wrong += !right;
		if (right)
			continue;
		first_wrong = kind;
		if (n == 0)
			q->confusion[KINDS_MAX - 1][kind]++;
		if (q->verbose)
			printf("%s:%u: wrong signal %s:%s:%s%s%s by %s\n    %s | %s\n", file, line,
			       finding->council->id, finding->rule->signal, finding->rule->status,
			       finding->criterion ? ":" : "", finding->criterion ? finding->criterion : "",
			       finding->rule->name, fields[1], fields[2]);
	}
	for (size_t k = 0; k < n; k++) {
		char *signal = strchr(wanted[k], ':'), *end;
		size_t kind;

		if (met[k])
			continue;
		told(q, file, line, "missed signal", wanted[k], fields);
		signal = signal ? strdup(signal + 1) : strdup("?");
		end = strchr(signal, ':');
		if (end)
			*end = '\0';
		kind = kind_of(q, signal);
		free(signal);
		q->signals.missed++;
		q->kinds[kind].missed++;
		q->confusion[kind][first_wrong]++;
	}
}

static int score_line(struct quality *q, char *text, const char *file, unsigned line)
{
	char *fields[FIELDS] = { 0 };
	struct cw_reading reading;
	struct cw_str parts[2];
	int32_t day;
	size_t n = 0;

	for (char *at = text; at && n < FIELDS; at = strchr(at, '\t'), at = at ? (*at = '\0', at + 1) : NULL)
		fields[n++] = at;
	if (n != FIELDS || cw_date_parse(fields[0], strlen(fields[0]), "%Y-%m-%d", &day) < 0) {
		fprintf(stderr, "%s:%u: not day, title, summary, councils and signals\n", file, line);
		return -EINVAL;
	}
	parts[0] = cw_str(fields[1]);
	parts[1] = cw_str(fields[2]);
	if (cw_reader_read(q->reader, parts, 2, day, NULL, 0, NULL, 0, &reading) < 0)
		return -ENOMEM;
	q->texts++;
	score_councils(q, &reading, fields[3], file, line, fields);
	score_signals(q, &reading, fields[4], file, line, fields);
	return 0;
}

static int score_file(struct quality *q, const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	ssize_t len;
	unsigned line = 0;
	int r = 0;

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -errno;
	}
	while (r == 0 && (len = getline(&text, &size, file)) > 0) {
		line++;
		while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
			text[--len] = '\0';
		if (len && text[0] != '#')
			r = score_line(q, text, path, line);
	}
	free(text);
	fclose(file);
	return r;
}

static double percent(unsigned part, unsigned whole)
{
	return whole ? 100.0 * part / whole : 100.0;
}

static double precision(const struct score *score)
{
	return percent(score->right, score->right + score->wrong);
}

static double recall(const struct score *score)
{
	return percent(score->right, score->right + score->missed);
}

static void print_score(const struct score *score)
{
	printf("%-30s %6u %6u %6u %9.1f%% %7.1f%%\n", score->name, score->right, score->wrong, score->missed,
	       precision(score), recall(score));
}

static void print_scores(const struct quality *q)
{
	printf("%u texts, %u of them doubted; of %u that only a person can settle, %u were left to one\n\n", q->texts,
	       q->doubted, q->doubts_wanted, q->doubts_met);
	printf("%-30s %6s %6s %6s %10s %8s\n", "", "right", "wrong", "missed", "precision", "recall");
	print_score(&q->identity);
	print_score(&q->signals);
	for (size_t i = 0; i < q->n_kinds; i++)
		print_score(&q->kinds[i]);
	for (size_t i = 0; i < KINDS_MAX; i++)
		for (size_t k = 0; k < KINDS_MAX; k++)
			if (q->confusion[i][k])
				printf("%s taken for %s: %u\n", i < q->n_kinds ? q->kinds[i].name : "nothing",
				       k < q->n_kinds ? q->kinds[k].name : "nothing", q->confusion[i][k]);
}

static bool meets(const struct quality *q, const char *threshold)
{
	const struct {
		const char *name;
		double value;
	} figures[] = { { "identity-precision", precision(&q->identity) },
		        { "identity-recall", recall(&q->identity) },
		        { "signal-precision", precision(&q->signals) },
		        { "signal-recall", recall(&q->signals) } };
	const char *equals = strchr(threshold, '=');

	for (size_t i = 0; equals && i < CW_ARRAY_LEN(figures); i++) {
		if (strncmp(figures[i].name, threshold, (size_t)(equals - threshold)) ||
		    figures[i].name[equals - threshold])
			continue;
		if (figures[i].value >= atof(equals + 1))
			return true;
		printf("%s is %.2f%%, under %s%%\n", figures[i].name, figures[i].value, equals + 1);
		return false;
	}
	fprintf(stderr, "%s is no threshold\n", threshold);
	return false;
}

int main(int argc, char **argv)
{
	struct quality q = { .identity.name = "councils", .signals.name = "signals" };
	const char *path = CW_SOURCE_DIR "/tests/quality/quality.conf";
	const char *thresholds[THRESHOLDS_MAX];
	struct cw_config *config = NULL;
	struct cw_error err = { 0 };
	size_t n_thresholds = 0;
	bool good = true;
	int r = 0, i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "-v"))
			q.verbose = true;
		else if (!strcmp(argv[i], "-c") && i + 1 < argc)
			path = argv[++i];
		else if (!strcmp(argv[i], "--at-least") && i + 1 < argc && n_thresholds < THRESHOLDS_MAX)
			thresholds[n_thresholds++] = argv[++i];
		else
			break;
	}
	if (i >= argc || argv[i][0] == '-') {
		fprintf(stderr, "usage: quality [-v] [-c CONFIG] [--at-least NAME=PERCENT]... FILE...\n");
		return 2;
	}
	if (cw_config_load(path, print_mistake, NULL, &config, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 2;
	}
	q.config = config;
	if (cw_reader_new(config->phrases, &q.reader) < 0)
		return 2;
	for (; i < argc && r == 0; i++)
		r = score_file(&q, argv[i]);
	if (r == 0)
		print_scores(&q);
	for (size_t k = 0; k < n_thresholds; k++)
		good = meets(&q, thresholds[k]) && good;
	for (size_t k = 0; k < q.n_kinds; k++)
		free((char *)(uintptr_t)q.kinds[k].name);
	cw_reader_free(q.reader);
	cw_config_free(config);
	return r < 0 ? 2 : good ? 0 : 1;
}
