/* Councils and signals in texts (names.h, phrases.h), by the shipped rules, and what the configuration says about wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <councilwatch/config.h>

static struct cw_config *config;
static struct cw_reader *reader;

struct text_case {
	const char *name;
	const char *day; /* NULL = 2024-06-01 */
	const char *title, *summary;
	const char *councils; /* "leeds bradford"; "" = none */
	const char *signals;  /* "leeds:s114_notice:occurred"; "" = none */
	const char *doubts;   /* "text" of each, with commas; "" = none */
};

static const struct text_case texts[] = {
	{ "full name", NULL, "Leeds City Council opens a library", "", "leeds", "", "" },
	{ "short name with council", NULL, "Library opened by Leeds council", "", "leeds", "", "" },
	{ "possessive", NULL, "Leeds's council opens a library", "", "leeds", "", "" },
	{ "possessive plural", NULL, "Leeds' children's services praised", "", "leeds", "", "" },
	{ "curly apostrophe", NULL, "Bradford’s children’s services praised", "", "bradford", "", "" },
	{ "bare name is a place", NULL, "Man arrested in Bradford", "", "", "", "" },
	{ "cue before", NULL, "Children's services in Bradford praised", "", "bradford", "", "" },
	{ "within a word", NULL, "Yorkists and Leedsonians met", "", "", "", "" },
	{ "the longest name", NULL, "Nottinghamshire County Council and Nottingham City Council", "",
	  "nottinghamshire nottingham", "", "" },
	{ "plural list", NULL, "Kingston and Richmond councils share a van", "",
	  "kingston-upon-thames richmond-upon-thames", "", "" },
	{ "longer list", NULL, "Leeds, Bradford and Wakefield councils share a van", "", "leeds bradford wakefield", "",
	  "" },
	{ "councils in", NULL, "Councils in Leeds and Bradford share a van", "", "leeds bradford", "", "" },
	{ "one of a county's councils", NULL, "Surrey councils share a van", "", "", "", "Surrey councils" },
	{ "ampersand", NULL, "Bath & North East Somerset Council meets", "", "bath-and-north-east-somerset", "", "" },
	{ "lower case is a word", NULL, "The reading council of elders", "", "", "", "" },
	{ "police", NULL, "Kent Police and Essex Fire on children's services panel", "", "", "", "" },
	{ "football", NULL, "Leeds United and Derby County fans back council", "", "", "", "" },
	{ "surname", NULL, "Mr Kent tells council of plan", "", "", "", "" },
	{ "direction", NULL, "South Yorkshire and North Leeds council tax", "", "", "", "" },
	{ "another of that name", NULL, "Newcastle-under-Lyme Borough Council meets", "", "", "", "" },
	{ "district", NULL, "Gloucester City Council meets", "", "", "", "" },
	{ "town council", NULL, "Bury Town Council meets", "", "", "", "" },
	{ "council house", NULL, "Fire at Leeds council house", "", "", "", "" },
	{ "hyphen", NULL, "Leeds-based firm wins council work", "", "", "", "" },
	{ "wrong type", NULL, "Leicester County Council meets", "", "", "", "Leicester County Council" },
	{ "ambiguous bare name with a cue", NULL, "Family from Oldham criticise children's services", "", "", "",
	  "Oldham" },
	{ "again without its cue", NULL, "Oldham Council meets", "Oldham has agreed a budget.", "oldham", "", "" },
	{ "before the reorganisation", "2018-06-01", "Dorset County Council and Bournemouth Borough Council", "",
	  "dorset-county bournemouth", "", "" },
	{ "after it", NULL, "Dorset Council and BCP Council", "", "dorset bournemouth-christchurch-and-poole", "", "" },
	{ "not there then", "2022-02-02", "Northamptonshire County Council meets", "", "", "",
	  "Northamptonshire County Council" },
	{ "known to be gone", "2022-02-02", "Former Northamptonshire County Council offices sold", "", "", "", "" },
	{ "stale name of one that goes on", NULL, "Somerset County Council meets", "", "somerset", "", "" },
	{ "a trust that acts for it", NULL, "Birmingham Children's Trust wins award", "", "birmingham", "", "" },

	{ "section 114", "2023-09-05", "Birmingham City Council issues section 114 notice", "", "birmingham",
	  "birmingham:s114_notice:occurred", "" },
	{ "denied", NULL, "Croydon Council has not issued a section 114 notice", "", "croydon", "", "" },
	{ "possible", NULL, "Croydon Council could issue section 114 notice", "", "croydon", "", "" },
	{ "the month of May is not a verb", NULL, "In May Croydon Council issued a section 114 notice", "", "croydon",
	  "croydon:s114_notice:occurred", "" },
	{ "asked", NULL, "Has Croydon Council issued a section 114 notice?", "", "croydon", "", "" },
	{ "negated in another clause", NULL, "Not content: Croydon Council issues section 114 notice", "", "croydon",
	  "croydon:s114_notice:occurred", "" },
	{ "a district's", NULL, "Woking Borough Council issues section 114 notice", "Surrey County Council will help.",
	  "surrey", "", "" },
	{ "whose is said", NULL, "Croydon Council issues section 114 notice",
	  "Sutton Council and Merton Council will help.", "croydon sutton merton", "croydon:s114_notice:occurred", "" },
	{ "whose is not said", NULL, "Council issues section 114 notice", "Sutton Council and Merton Council met.",
	  "sutton merton", "", "Council issues section 114 notice" },
	{ "both of a list", NULL, "Improvement notices issued to Kingston and Richmond councils", "",
	  "kingston-upon-thames richmond-upon-thames",
	  "kingston-upon-thames:improvement_notice:open richmond-upon-thames:improvement_notice:open", "" },
	{ "a bare name where only a council can be", NULL, "Improvement notice issued to Bury", "", "bury",
	  "bury:improvement_notice:open", "" },
	{ "closed in the headline, history below", NULL, "Improvement notice to Bury Council lifted",
	  "An improvement notice was issued to Bury Council in January.", "bury", "bury:improvement_notice:closed",
	  "" },
	{ "two signals", NULL, "Halton Borough Council leader resigns",
	  "Halton Borough Council issued a section 114 notice.", "halton",
	  "halton:leader_change:occurred halton:s114_notice:occurred", "" },
	{ "a trust's chief is not the council's", NULL, "Birmingham Children's Trust chief executive resigns", "",
	  "birmingham", "", "" },
	{ "no council", NULL, "Ofsted publishes annual report", "", "", "", "" },
	{ "nothing at all", NULL, "", "", "", "", "" },
	{ "signs only", NULL, "… — “”", "?!", "", "", "" },
};

static void print_mistake(void *arg, const struct cw_error *err)
{
	(void)arg;
	print_error("%s:%u: %s\n", err->source, err->line, err->text);
}

static int load(void **state)
{
	struct cw_error err = { 0 };

	(void)state;
	if (cw_config_load(CW_SOURCE_DIR "/tests/quality/quality.conf", print_mistake, NULL, &config, &err) < 0)
		return -1;
	return cw_reader_new(config->phrases, &reader);
}

static int unload(void **state)
{
	(void)state;
	cw_reader_free(reader);
	cw_config_free(config);
	return 0;
}

static void test_text(void **state)
{
	const struct text_case *c = *state;
	const char *day_text = c->day ? c->day : "2024-06-01";
	struct cw_str parts[2] = { cw_str(c->title), cw_str(c->summary) };
	struct cw_reading reading;
	struct cw_buf found;
	int32_t day;

	assert_int_equal(cw_date_parse(day_text, strlen(day_text), "%Y-%m-%d", &day), 0);
	assert_int_equal(cw_reader_read(reader, parts, 2, day, NULL, 0, NULL, 0, &reading), 0);
	cw_buf_init(&found, 65536);
	for (size_t i = 0; i < reading.n_subjects; i++)
		cw_buf_printf(&found, "%s%s", i ? " " : "", reading.subjects[i].council->id);
	assert_string_equal(cw_buf_str(&found), c->councils);
	cw_buf_reset(&found);
	for (size_t i = 0; i < reading.n_findings; i++) {
		const struct cw_finding *f = &reading.findings[i];

		cw_buf_printf(&found, "%s%s:%s:%s", i ? " " : "", f->council->id, f->rule->signal, f->rule->status);
		assert_true(f->quote.at + f->quote.len <= parts[f->quote.part].len);
	}
	assert_string_equal(cw_buf_str(&found), c->signals);
	cw_buf_reset(&found);
	for (size_t i = 0; i < reading.n_doubts; i++)
		cw_buf_printf(&found, "%s%.*s", i ? "," : "", (int)reading.doubts[i].text.len,
		              parts[reading.doubts[i].text.part].at + reading.doubts[i].text.at);
	assert_string_equal(cw_buf_str(&found), c->doubts);
	cw_buf_clear(&found);
}

/* Work is bounded by the words that are read, and the rest is said to be left. */
static void test_long(void **state)
{
	struct cw_buf text;
	struct cw_reading reading;
	struct cw_str part;

	(void)state;
	cw_buf_init(&text, CW_FIELD_MAX);
	while (text.len + 40 < CW_FIELD_MAX)
		cw_buf_puts(&text, "not section 114 notice could issue ");
	part = (struct cw_str){ cw_buf_str(&text), text.len };
	assert_int_equal(cw_reader_read(reader, &part, 1, 19800, NULL, 0, NULL, 0, &reading), 0);
	assert_true(reading.cut);
	assert_int_equal(reading.n_findings, 0);
	cw_buf_clear(&text);
}

/* The councils are known, and only some signals are wanted. */
static void test_fixed(void **state)
{
	const struct cw_council *leeds = cw_councils_by_id(config->councils, cw_str("leeds"));
	const char *const only[] = { "leader_change" };
	struct cw_str part = cw_str("Council issues section 114 notice"),
	              other = cw_str("Derby City Council issues section 114 notice");
	struct cw_reading reading;

	(void)state;
	assert_int_equal(cw_reader_read(reader, &part, 1, 19800, &leeds, 1, NULL, 0, &reading), 0);
	assert_int_equal(reading.n_findings, 1);
	assert_ptr_equal(reading.findings[0].council, leeds);
	assert_int_equal(cw_reader_read(reader, &part, 1, 19800, &leeds, 1, only, 1, &reading), 0);
	assert_int_equal(reading.n_findings, 0);
	assert_int_equal(cw_reader_read(reader, &other, 1, 19800, &leeds, 1, NULL, 0, &reading), 0);
	assert_int_equal(reading.n_findings, 0);
}

struct mistake_case {
	const char *name, *phrases, *mistakes;
};

#define NO_RULE "words \"a\" { any = { \"x y\" } }\n"
static const struct mistake_case mistakes[] = {
	{ "nothing", "", "" },
	{ "good", "rule \"r\" { signal = \"s114_notice\"\n pattern = { \"issues {a}\" } }\n" NO_RULE, "" },
	{ "unknown key", "rule \"r\" { signal = \"s114_notice\"\n patern = { \"a\" } }\n",
	  "2: unknown key 'patern' in rule \"r\"; did you mean 'pattern'?\n"
	  "1: rule \"r\" has no pattern; add pattern = { \"…\", … }\n" },
	{ "unknown signal", "rule \"r\" { signal = \"s114_notise\"\n pattern = { \"a\" } }\n",
	  "1: unknown signal 's114_notise'; did you mean 's114_notice'?\n" },
	{ "status of an impulse", "rule \"r\" { signal = \"s114_notice\"\n status = \"open\"\n pattern = { \"a\" } }\n",
	  "2: signal \"s114_notice\" is an impulse, which has occurred; correct status\n" },
	{ "criterion", "rule \"r\" { signal = \"s114_notice\"\n criterion = \"send\"\n pattern = { \"a\" } }\n",
	  "2: signal \"s114_notice\" cannot count under send; correct one\n" },
	{ "bracket", "rule \"r\" { signal = \"s114_notice\"\n pattern = { \"a (b | c\" } }\n",
	  "2: pattern of rule \"r\": a bracket is not closed\n" },
	{ "closing bracket", "rule \"r\" { signal = \"s114_notice\"\n pattern = { \"a b)\" } }\n",
	  "2: pattern of rule \"r\": ')' stands where a word should\n" },
	{ "gap first", "rule \"r\" { signal = \"s114_notice\"\n pattern = { \"... b\" } }\n",
	  "2: pattern of rule \"r\": it begins with a gap; begin it with a word\n" },
	{ "nothing to match", "rule \"r\" { signal = \"s114_notice\"\n pattern = { \"[a]\" } }\n",
	  "2: pattern of rule \"r\": it would match no words at all\n" },
	{ "no such list", "rule \"r\" { signal = \"s114_notice\"\n pattern = { \"a {b}\" } }\n",
	  "2: pattern of rule \"r\": there is no list {b}; add words \"b\" { … }\n" },
	{ "circle",
	  "words \"a\" { any = { \"x {a}\" } }\nrule \"r\" { signal = \"s114_notice\"\n pattern = { \"{a}\" } }\n",
	  "3: pattern of rule \"r\": list {a} goes round in a circle\n" },
	{ "too long", "rule \"r\" { signal = \"s114_notice\"\n pattern = { \"a ..12 ..12 ..12 ..12 ..12 ..12 b\" } }\n",
	  "2: pattern of rule \"r\": its longest form has 74 words; the most is 64\n" },
	{ "no such guard", "rule \"r\" { signal = \"s114_notice\"\n pattern = { \"a\" }\n ignore = { \"negatd\" } }\n",
	  "3: rule \"r\" ignores guard 'negatd', which there is not; add it before the rules or correct the name\n" },
	{ "unknown council", "spoken { \"X\" = \"ledes\" }\n",
	  "1: unknown council id 'ledes'; did you mean 'leeds'?\n" },
	{ "endings", "rule \"r\" { signal = \"s114_notice\"\n pattern = { \"appoint(s\" } }\n",
	  "2: pattern of rule \"r\": the endings after 'appoint' are not of the form (|s|ed)\n" },
};

static void take_mistake(void *arg, const struct cw_error *err)
{
	cw_buf_printf(arg, "%u: %s\n", err->line, err->text);
}

static void test_mistakes(void **state)
{
	const struct mistake_case *c = *state;
	char main_path[] = "/tmp/cw_phrases_main_XXXXXX", path[] = "/tmp/cw_phrases_XXXXXX";
	int main_fd = mkstemp(main_path), fd = mkstemp(path);
	struct cw_config *other = NULL;
	struct cw_error err = { 0 };
	struct cw_buf told;
	int r;

	assert_true(main_fd >= 0 && fd >= 0);
	dprintf(main_fd,
	        "state_dir = \"/nonexistent\"\nruntime_dir = \"/nonexistent\"\ninclude_feeds = {}\n"
	        "councils_file = \"" CW_SOURCE_DIR "/config/councils.csv\"\n"
	        "aliases_file = \"" CW_SOURCE_DIR "/config/aliases.csv\"\nphrases_file = \"%s\"\n",
	        path);
	dprintf(fd, "%s", c->phrases);
	close(main_fd);
	close(fd);
	cw_buf_init(&told, 65536);
	r = cw_config_load(main_path, take_mistake, &told, &other, &err);
	unlink(main_path);
	unlink(path);
	assert_int_equal(r < 0, c->mistakes[0] != '\0');
	for (const char *line = c->mistakes; *line; line = strchr(line, '\n') + 1) {
		char *text = strndup(line, (size_t)(strchr(line, '\n') - line));

		if (!strstr(cw_buf_str(&told), text))
			print_error("wanted: %s\ntold: %s", text, cw_buf_str(&told));
		assert_non_null(strstr(cw_buf_str(&told), text));
		free(text);
	}
	if (r == 0)
		cw_config_free(other);
	cw_buf_clear(&told);
}

int main(void)
{
	struct CMUnitTest tests[CW_ARRAY_LEN(texts) + CW_ARRAY_LEN(mistakes) + 2];
	size_t n = 0;

	for (size_t i = 0; i < CW_ARRAY_LEN(texts); i++)
		tests[n++] = (struct CMUnitTest){ .name = texts[i].name,
			                          .test_func = test_text,
			                          .initial_state = (void *)(uintptr_t)&texts[i] };
	for (size_t i = 0; i < CW_ARRAY_LEN(mistakes); i++)
		tests[n++] = (struct CMUnitTest){ .name = mistakes[i].name,
			                          .test_func = test_mistakes,
			                          .initial_state = (void *)(uintptr_t)&mistakes[i] };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_long);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_fixed);
	return _cmocka_run_group_tests("phrases", tests, n, load, unload);
}
