/*
 * libconfuse 3.3 as we use it.
 *
 * It stops at the first name it does not know, counts a line too many at each comment, takes a comment inside a list
 * for a value, and takes the end of the file for the end of whatever is open, comments and sections alike. So:
 *
 * - comments are blanked before it sees them (blank_comments), which also finds what is not closed;
 * - every key is declared as a list of strings with a callback, so that nothing but syntax can fail in libconfuse, and
 *   each value tells its line; types and limits are ours (config_schema.c);
 * - a hidden key with a default value tells when a section begins, the section's validation callback when it ends;
 * - a name it does not know is declared, as whatever it turns out to be, and the file is read again. The tree marks such
 *   names, and they are reported from there.
 */
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <confuse.h>

#include "config_private.h"

/* Readings of one file: each declares one more unknown name or key of a map. */
#define READINGS_MAX 2000
#define UNKNOWN_DEPTH_MAX 8
#define BRACES_MAX 32u

/* A name no file can hold: control characters are refused. */
#define BEGIN_MARK "\001"
static char begin_default[] = "{begin}";

/*
 * Mistakes
 */

void conf_mistakes_clear(struct conf_mistakes *mistakes)
{
	for (size_t i = 0; i < mistakes->n_files; i++)
		free(mistakes->files[i]);
	free(mistakes->files);
	free(mistakes->at);
	*mistakes = (struct conf_mistakes){ 0 };
}

static unsigned file_order(struct conf_mistakes *mistakes, const char *file)
{
	char **files;

	for (size_t i = 0; i < mistakes->n_files; i++)
		if (strcmp(mistakes->files[i], file) == 0)
			return (unsigned)i;
	files = reallocarray(mistakes->files, mistakes->n_files + 1, sizeof(*files));
	if (!files) {
		mistakes->nomem = true;
		return 0;
	}
	mistakes->files = files;
	files[mistakes->n_files] = strdup(file);
	if (!files[mistakes->n_files]) {
		mistakes->nomem = true;
		return 0;
	}
	return (unsigned)mistakes->n_files++;
}

void conf_mistakes_file(struct conf_mistakes *mistakes, const char *file)
{
	(void)file_order(mistakes, file);
}

void conf_mistake(struct conf_mistakes *mistakes, const char *file, unsigned line, const char *fmt, ...)
{
	struct conf_mistake mistake = { .file = file_order(mistakes, file), .sequence = mistakes->n };
	char text[CW_ERROR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	cw_error_at(&mistake.err, -EINVAL, file, line, 0, "%s", text);
	for (size_t i = 0; i < mistakes->n; i++)
		if (mistakes->at[i].file == mistake.file && mistakes->at[i].err.line == line &&
		    strcmp(mistakes->at[i].err.text, mistake.err.text) == 0)
			return;
	if (mistakes->n == mistakes->cap) {
		size_t cap = mistakes->cap ? mistakes->cap * 2 : 16;
		struct conf_mistake *bigger = reallocarray(mistakes->at, cap, sizeof(*bigger));

		if (!bigger) {
			mistakes->nomem = true;
			return;
		}
		mistakes->at = bigger;
		mistakes->cap = cap;
	}
	mistakes->at[mistakes->n++] = mistake;
}

static int compare_mistakes(const void *a, const void *b)
{
	const struct conf_mistake *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->err.line != y->err.line)
		return x->err.line < y->err.line ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

void conf_mistakes_report(struct conf_mistakes *mistakes, cw_report_fn *report, void *arg)
{
	if (mistakes->n)
		qsort(mistakes->at, mistakes->n, sizeof(*mistakes->at), compare_mistakes);
	for (size_t i = 0; report && i < mistakes->n; i++)
		report(arg, &mistakes->at[i].err);
}

/*
 * The tree
 */

void conf_section_free(struct conf_section *section)
{
	if (!section)
		return;
	for (size_t i = 0; i < section->n_entries; i++) {
		for (size_t k = 0; k < section->entries[i].n; k++)
			free(section->entries[i].values[k].text);
		free(section->entries[i].values);
		free(section->entries[i].name);
	}
	free(section->entries);
	for (size_t i = 0; i < section->n_sections; i++)
		conf_section_free(section->sections[i]);
	free(section->sections);
	free(section->name);
	free(section->title);
	free(section->file);
	free(section);
}

static struct conf_section *section_new(struct conf_section *parent, const char *name, const char *title,
                                        const char *file, unsigned line)
{
	struct conf_section *section = calloc(1, sizeof(*section)), **sections;

	if (!section)
		return NULL;
	section->name = strdup(name);
	section->title = title ? strdup(title) : NULL;
	section->file = strdup(file);
	section->line = line;
	section->parent = parent;
	if (!section->name || !section->file || (title && !section->title))
		goto fail;
	if (parent) {
		sections = reallocarray(parent->sections, parent->n_sections + 1, sizeof(*sections));
		if (!sections)
			goto fail;
		parent->sections = sections;
		sections[parent->n_sections++] = section;
	}
	return section;

fail:
	conf_section_free(section);
	return NULL;
}

static struct conf_entry *entry_new(struct conf_section *section, const char *name, unsigned line)
{
	struct conf_entry *entries = reallocarray(section->entries, section->n_entries + 1, sizeof(*entries));
	struct conf_entry *entry;

	if (!entries)
		return NULL;
	section->entries = entries;
	entry = &entries[section->n_entries];
	*entry = (struct conf_entry){ .line = line };
	entry->name = strdup(name);
	if (!entry->name)
		return NULL;
	section->n_entries++;
	return entry;
}

static int entry_add(struct conf_entry *entry, const char *text, unsigned line)
{
	struct conf_value *values = reallocarray(entry->values, entry->n + 1, sizeof(*values));

	if (!values)
		return -ENOMEM;
	entry->values = values;
	values[entry->n].text = strdup(text);
	values[entry->n].line = line;
	if (!values[entry->n].text)
		return -ENOMEM;
	entry->n++;
	return 0;
}

const struct conf_entry *conf_entry(const struct conf_section *section, const char *name)
{
	for (size_t i = 0; section && i < section->n_entries; i++)
		if (section->entries[i].known && strcmp(section->entries[i].name, name) == 0)
			return &section->entries[i];
	return NULL;
}

const struct conf_section *conf_child(const struct conf_section *section, const char *name)
{
	for (size_t i = 0; section && i < section->n_sections; i++)
		if (section->sections[i]->known && strcmp(section->sections[i]->name, name) == 0)
			return section->sections[i];
	return NULL;
}

const char *conf_describe(const struct conf_section *section, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (; section && section->name[0]; section = section->parent) {
		int n = snprintf(buf + used, size - used, "%s%s%s%s%s", used ? " of " : "", section->name,
		                 section->title ? " \"" : "", section->title ? section->title : "",
		                 section->title ? "\"" : "");

		if (n < 0 || (size_t)n >= size - used)
			break;
		used += (size_t)n;
	}
	return buf;
}

/*
 * Before libconfuse
 */

static int read_file(const char *path, char **ret, size_t *ret_len, struct conf_mistakes *mistakes)
{
	FILE *file = fopen(path, "re");
	char *data;
	size_t len;

	*ret = NULL;
	if (!file) {
		conf_mistake(mistakes, path, 0, "cannot be read: %s", strerror(errno));
		return 0;
	}
	data = malloc(CONF_FILE_MAX + 1);
	if (!data) {
		fclose(file);
		return -ENOMEM;
	}
	errno = 0;
	len = fread(data, 1, CONF_FILE_MAX + 1, file);
	if (ferror(file)) {
		conf_mistake(mistakes, path, 0, "cannot be read: %s", strerror(errno));
	} else if (len > CONF_FILE_MAX) {
		conf_mistake(mistakes, path, 0, "is larger than %u bytes; split it", CONF_FILE_MAX);
	} else {
		data[len] = '\0';
		*ret_len = len;
		*ret = data;
		data = NULL;
	}
	free(data);
	fclose(file);
	return 0;
}

static unsigned line_of(const char *data, size_t at)
{
	unsigned line = 1;

	for (size_t i = 0; i < at; i++)
		line += data[i] == '\n';
	return line;
}

/* Nothing but UTF-8 text, whose control characters are those of a text file. */
static bool check_bytes(const char *path, char *data, size_t len, struct conf_mistakes *mistakes)
{
	size_t from = 0;

	if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
		memset(data, ' ', 3);
	while (from < len) {
		char *end = memchr(data + from, '\n', len - from);
		size_t n = end ? (size_t)(end - data) - from : len - from;

		if (!cw_utf8_valid(data + from, n)) {
			conf_mistake(mistakes, path, line_of(data, from), "is not UTF-8; save the file as UTF-8");
			return false;
		}
		for (size_t i = from; i < from + n; i++)
			if ((unsigned char)data[i] < 0x20 && data[i] != '\t' && data[i] != '\r') {
				conf_mistake(mistakes, path, line_of(data, from),
				             "holds a control character (0x%02x); remove it", (unsigned char)data[i]);
				return false;
			}
		from += n + 1;
	}
	return true;
}

static void blank(char *data, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (data[i] != '\n')
			data[i] = ' ';
}

static bool token_begins(const char *data, size_t at)
{
	return at == 0 || strchr(" \t\r\n={}()+,\"'", data[at - 1]);
}

/*
 * Replaces comments by blanks, line by line the same, following libconfuse's own quoting rules. Environment
 * variables, which libconfuse would put in, are refused: a configuration means the same whoever reads it.
 */
static bool blank_comments(const char *path, char *data, size_t len, struct conf_mistakes *mistakes)
{
	unsigned open[BRACES_MAX], depth = 0; /* lines of the braces that are open */
	bool good = true;

	for (size_t i = 0; i < len;) {
		char c = data[i];
		size_t from = i;

		if (c == '"' || c == '\'') {
			for (i++; i < len && data[i] != c; i++) {
				if (data[i] == '\\' && i + 1 < len)
					i++;
				else if (c == '"' && data[i] == '$' && data[i + 1] == '{') {
					conf_mistake(
					    mistakes, path, line_of(data, i),
					    "environment variables are not used here; write the value, or \\$ for "
					    "a dollar sign");
					good = false;
				}
			}
			if (i >= len) {
				conf_mistake(mistakes, path, line_of(data, from), "a quoted text is not closed; add %c",
				             c);
				return false;
			}
			i++;
		} else if (c == '#' || (c == '/' && data[i + 1] == '/' && token_begins(data, i))) {
			while (i < len && data[i] != '\n')
				i++;
			blank(data, from, i);
		} else if (c == '/' && data[i + 1] == '*' && token_begins(data, i)) {
			char *end = strstr(data + i + 2, "*/");

			if (!end) {
				conf_mistake(mistakes, path, line_of(data, from), "a comment is not closed; add */");
				return false;
			}
			i = (size_t)(end - data) + 2;
			blank(data, from, i);
		} else if (c == '{' && (i == 0 || data[i - 1] != '$')) {
			if (depth < BRACES_MAX)
				open[depth] = line_of(data, i);
			depth++;
			i++;
		} else {
			if (c == '}' && depth)
				depth--;
			if (c == '$' && data[i + 1] == '{') {
				conf_mistake(mistakes, path, line_of(data, i),
				             "environment variables are not used here; write the value");
				good = false;
			}
			i++;
		}
	}
	if (good && depth)
		conf_mistake(mistakes, path, open[CW_MIN(depth, BRACES_MAX) - 1], "'{' is not closed; add '}'");
	return good;
}

/*
 * Reading
 */

enum learned_kind { LEARNED_KEY, LEARNED_SECTION, LEARNED_TITLED };

struct learned {
	char *path; /* of the section it stands in: "/feed/record" */
	char *name;
	enum learned_kind kind;
	unsigned line; /* where it was first seen */
};

/* libconfuse's callbacks have no argument of ours, and its scanner is global anyway: one reading at a time. */
static struct reading {
	const char *path;
	struct conf_mistakes *mistakes;
	struct conf_section *root, *current;
	size_t n_learned;
	struct learned *learned;
	bool again;  /* something was learned: read once more */
	bool failed; /* syntax: reported */
	bool nomem;
} * reading;

static void section_path(const struct conf_section *section, char *buf, size_t size)
{
	const struct conf_section *chain[UNKNOWN_DEPTH_MAX + 4];
	size_t n = 0, used = 0;

	for (; section && section->name[0] && n < CW_ARRAY_LEN(chain); section = section->parent)
		chain[n++] = section;
	buf[0] = '\0';
	while (n-- > 0 && used < size) {
		int w = snprintf(buf + used, size - used, "/%s", chain[n]->name);

		if (w < 0)
			break;
		used += (size_t)w;
	}
}

static struct learned *find_learned(const char *path, const char *name)
{
	for (size_t i = 0; i < reading->n_learned; i++)
		if (strcmp(reading->learned[i].path, path) == 0 && strcmp(reading->learned[i].name, name) == 0)
			return &reading->learned[i];
	return NULL;
}

static void learn(const char *path, const char *name, unsigned line)
{
	struct learned *bigger = reallocarray(reading->learned, reading->n_learned + 1, sizeof(*bigger));
	struct learned *learned;

	if (!bigger) {
		reading->nomem = true;
		return;
	}
	reading->learned = bigger;
	learned = &bigger[reading->n_learned];
	*learned = (struct learned){ .path = strdup(path), .name = strdup(name), .line = line };
	if (!learned->path || !learned->name) {
		free(learned->path);
		free(learned->name);
		reading->nomem = true;
		return;
	}
	reading->n_learned++;
	reading->again = true;
}

static void syntax_mistake(const cfg_t *cfg, const char *fmt, ...) CW_PRINTF(2, 3);
static void syntax_mistake(const cfg_t *cfg, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	conf_mistake(reading->mistakes, reading->path, (unsigned)cfg->line, "%s", text);
	reading->failed = true;
}

/* libconfuse says what stopped it. Its texts are told apart by their formats, read in the C locale. */
static void on_error(cfg_t *cfg, const char *fmt, va_list args)
{
	char path[512], what[512];
	struct learned *learned;
	const char *name = strstr(fmt, "%s") ? va_arg(args, const char *) : "";
	unsigned depth = 0;

	name = name ? name : "";
	section_path(reading->current, path, sizeof(path));
	for (const struct conf_section *s = reading->current; s; s = s->parent)
		depth++;
	learned = find_learned(path, name);

	if (strcmp(fmt, "no such option '%s'") == 0) {
		if (depth > UNKNOWN_DEPTH_MAX)
			syntax_mistake(cfg, "sections are nested too deeply");
		else
			learn(path, name, (unsigned)cfg->line);
	} else if (strcmp(fmt, "missing equal sign after option '%s'") == 0) {
		if (learned && learned->kind == LEARNED_KEY) {
			learned->kind = LEARNED_SECTION;
			reading->again = true;
		} else {
			syntax_mistake(cfg, "'=' is missing after '%s'", name);
		}
	} else if (strcmp(fmt, "missing opening brace for section '%s'") == 0) {
		if (learned && learned->kind == LEARNED_SECTION) {
			learned->kind = LEARNED_TITLED;
			reading->again = true;
		} else {
			syntax_mistake(cfg, "'{' is missing after '%s'", name);
		}
	} else if (strcmp(fmt, "missing title for section '%s'") == 0) {
		syntax_mistake(cfg, "'%s' needs a name: %s \"name\" { … }", name, name);
	} else if (strcmp(fmt, "premature end of file") == 0) {
		conf_describe(reading->current, what, sizeof(what));
		if (what[0])
			syntax_mistake(cfg, "the file ends inside %s, which begins on line %u; '}' is missing", what,
			               reading->current->line);
		else
			syntax_mistake(cfg, "the file ends before a value is complete");
	} else if (strcmp(fmt, "unexpected closing brace") == 0) {
		syntax_mistake(cfg, "'}' closes nothing; remove it");
	} else if (strcmp(fmt, "unexpected token '%s'") == 0) {
		syntax_mistake(cfg, "'%s' is not expected here; is a quote, comma or brace missing before it?", name);
	} else if (strstr(fmt, "escape") || strstr(fmt, "octal")) {
		syntax_mistake(cfg, "'%s' is no escape sequence; write \\\\ for a backslash", name);
	} else if (strstr(fmt, "sub-section")) {
		syntax_mistake(cfg, "a name may hold neither '|' nor '='");
	} else {
		syntax_mistake(cfg, "%s", fmt);
	}
}

/* A section begins: its hidden key gets its default value. */
static int on_begin(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct conf_section *section;

	(void)opt;
	*(const char **)result = value;
	if (reading->current->cfg == cfg)
		return 0; /* somebody wrote the hidden name as an escape */
	section = section_new(reading->current, cfg->name, cfg->title, reading->path, (unsigned)cfg->line);
	if (!section) {
		reading->nomem = true;
		return -1;
	}
	section->cfg = cfg;
	reading->current = section;
	return 0;
}

/* Lists set to nothing call nobody; they are found when their section ends. */
static int add_empty_lists(struct conf_section *section, cfg_t *cfg)
{
	char path[512];

	section_path(section, path, sizeof(path));
	for (unsigned i = 0; i < cfg_num(cfg); i++) {
		cfg_opt_t *opt = cfg_getnopt(cfg, i);
		const struct learned *learned;
		bool there = false;

		if (opt->type != CFGT_STR || !(opt->flags & CFGF_MODIFIED) || opt->nvalues)
			continue;
		for (size_t k = 0; k < section->n_entries; k++)
			there = there || strcmp(section->entries[k].name, opt->name) == 0;
		learned = find_learned(path, opt->name);
		if (!there && !entry_new(section, opt->name, learned ? learned->line : section->line))
			return -ENOMEM;
	}
	return 0;
}

static int on_end(cfg_t *cfg, cfg_opt_t *opt)
{
	struct conf_section *section = reading->current;

	(void)cfg;
	(void)opt;
	if (add_empty_lists(section, section->cfg) < 0) {
		reading->nomem = true;
		return -1;
	}
	reading->current = section->parent;
	return 0;
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct conf_section *section = reading->current;
	struct conf_entry *entry = NULL;

	*(const char **)result = value;
	/* The first value of an assignment is number one again; later ones and "+=" go on counting. */
	if (opt->nvalues > 1)
		for (size_t i = section->n_entries; !entry && i-- > 0;)
			if (strcmp(section->entries[i].name, opt->name) == 0)
				entry = &section->entries[i];
	if (!entry)
		entry = entry_new(section, opt->name, (unsigned)cfg->line);
	if (!entry || entry_add(entry, value, (unsigned)cfg->line) < 0) {
		reading->nomem = true;
		return -1;
	}
	return 0;
}

static void options_free(cfg_opt_t *options)
{
	if (!options)
		return;
	for (size_t i = 0; options[i].name; i++)
		options_free(options[i].subopts);
	free(options);
}

/* libconfuse's declaration of a section: the grammar's names (NULL: none) and those learned at this path. */
static cfg_opt_t *options_new(const struct conf_grammar *grammar, const char *path)
{
	size_t n = 2 + reading->n_learned, at = 0;
	cfg_opt_t *options;
	char below[512];

	for (size_t i = 0; grammar && grammar->keys && grammar->keys[i]; i++)
		n++;
	for (size_t i = 0; grammar && grammar->sections && grammar->sections[i]; i++)
		n++;
	options = calloc(n, sizeof(*options));
	if (!options)
		return NULL;
	if (path[0])
		options[at++] = (cfg_opt_t)CFG_STR_LIST_CB(BEGIN_MARK, begin_default, CFGF_NONE, on_begin);
	for (size_t i = 0; grammar && grammar->keys && grammar->keys[i]; i++)
		options[at++] = (cfg_opt_t)CFG_STR_LIST_CB(grammar->keys[i], NULL, CFGF_NODEFAULT, on_value);
	for (size_t i = 0; grammar && grammar->sections && grammar->sections[i]; i++) {
		const struct conf_grammar *sub = grammar->sections[i];
		cfg_flag_t flags = CFGF_MULTI | (sub->titled ? CFGF_TITLE : CFGF_NONE);

		snprintf(below, sizeof(below), "%s/%s", path, sub->name);
		options[at] = (cfg_opt_t)CFG_SEC(sub->name, options_new(sub, below), flags);
		options[at].validcb = on_end;
		if (!options[at++].subopts)
			goto fail;
	}
	for (size_t i = 0; i < reading->n_learned; i++) {
		const struct learned *learned = &reading->learned[i];
		cfg_flag_t flags = CFGF_MULTI | (learned->kind == LEARNED_TITLED ? CFGF_TITLE : CFGF_NONE);

		if (strcmp(learned->path, path) != 0)
			continue;
		if (learned->kind == LEARNED_KEY) {
			options[at++] = (cfg_opt_t)CFG_STR_LIST_CB(learned->name, NULL, CFGF_NODEFAULT, on_value);
			continue;
		}
		snprintf(below, sizeof(below), "%s/%s", path, learned->name);
		options[at] = (cfg_opt_t)CFG_SEC(learned->name, options_new(NULL, below), flags);
		options[at].validcb = on_end;
		if (!options[at++].subopts)
			goto fail;
	}
	return options;

fail:
	options_free(options);
	return NULL;
}

/* One reading from the first byte to the last. */
static int read_once(const struct conf_grammar *grammar, char *data, size_t len)
{
	cfg_opt_t *options = options_new(grammar, "");
	FILE *file = len ? fmemopen(data, len, "r") : NULL;
	cfg_t *cfg = NULL;
	int r = -ENOMEM;

	conf_section_free(reading->root);
	reading->root = section_new(NULL, "", NULL, reading->path, 1);
	reading->current = reading->root;
	reading->again = false;
	reading->failed = false;
	if (options)
		cfg = cfg_init(options, CFGF_NONE);
	if (cfg && reading->root && (file || !len)) {
		cfg_set_error_function(cfg, on_error);
		cfg->line = 1;
		if (file)
			(void)cfg_parse_fp(cfg, file);
		if (add_empty_lists(reading->root, cfg) < 0)
			reading->nomem = true;
		reading->root->broken = reading->failed;
		r = reading->nomem ? -ENOMEM : 0;
	}
	if (cfg)
		cfg_free(cfg);
	if (file)
		fclose(file);
	options_free(options);
	return r;
}

/*
 * After libconfuse
 */

static bool listed(const char *name, const char *const *names)
{
	for (; names && *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

static const struct conf_grammar *sub_grammar(const struct conf_grammar *grammar, const char *name)
{
	for (size_t i = 0; grammar->sections && grammar->sections[i]; i++)
		if (strcmp(grammar->sections[i]->name, name) == 0)
			return grammar->sections[i];
	return NULL;
}

static void unknown_name(struct conf_mistakes *mistakes, const struct conf_section *section,
                         const struct conf_grammar *grammar, const char *what, const char *name, unsigned line)
{
	const char *names[256], *near, *home = conf_key_home(name);
	char where[512];
	size_t n = 0;

	for (size_t i = 0; grammar->keys && grammar->keys[i] && n < CW_ARRAY_LEN(names) - 1; i++)
		names[n++] = grammar->keys[i];
	for (size_t i = 0; grammar->sections && grammar->sections[i] && n < CW_ARRAY_LEN(names) - 1; i++)
		names[n++] = grammar->sections[i]->name;
	names[n] = NULL;
	near = cw_nearest(name, names);
	conf_describe(section, where, sizeof(where));
	if (!near && home)
		conf_mistake(mistakes, section->file, line, "unknown %s '%s'%s%s; it belongs in %s", what, name,
		             where[0] ? " in " : "", where, home);
	else if (near)
		conf_mistake(mistakes, section->file, line, "unknown %s '%s'%s%s; did you mean '%s'?", what, name,
		             where[0] ? " in " : "", where, near);
	else
		conf_mistake(mistakes, section->file, line, "unknown %s '%s'%s%s; see councilwatch.conf(5)", what, name,
		             where[0] ? " in " : "", where);
}

/* Marks what the grammar has and reports what it has not, and names given twice. */
static void check_names(struct conf_section *section, const struct conf_grammar *grammar,
                        struct conf_mistakes *mistakes)
{
	char where[512];

	section->known = true;
	conf_describe(section, where, sizeof(where));
	for (size_t i = 0; i < section->n_entries; i++) {
		struct conf_entry *entry = &section->entries[i];

		entry->known = grammar->any_key || listed(entry->name, grammar->keys);
		if (!entry->known) {
			unknown_name(mistakes, section, grammar, "key", entry->name, entry->line);
			continue;
		}
		for (size_t k = 0; k < i; k++)
			if (strcmp(section->entries[k].name, entry->name) == 0) {
				conf_mistake(mistakes, section->file, entry->line,
				             "'%s' is set twice%s%s, first on line %u; remove one", entry->name,
				             where[0] ? " in " : "", where, section->entries[k].line);
				break;
			}
	}
	for (size_t i = 0; i < section->n_sections; i++) {
		struct conf_section *sub = section->sections[i];
		const struct conf_grammar *below = sub_grammar(grammar, sub->name);

		if (below)
			check_names(sub, below, mistakes);
		else
			unknown_name(mistakes, section, grammar, "section", sub->name, sub->line);
	}
}

/* A name that was learned at the top but never came to anything, because the syntax after it is broken. */
static void check_learned(const struct reading *done, const struct conf_grammar *grammar,
                          struct conf_mistakes *mistakes)
{
	for (size_t i = 0; i < done->n_learned; i++) {
		const struct learned *learned = &done->learned[i];
		bool there = learned->path[0] != '\0';

		for (size_t k = 0; k < done->root->n_entries; k++)
			there = there || strcmp(done->root->entries[k].name, learned->name) == 0;
		for (size_t k = 0; k < done->root->n_sections; k++)
			there = there || strcmp(done->root->sections[k]->name, learned->name) == 0;
		if (!there)
			unknown_name(mistakes, done->root, grammar, "key", learned->name, learned->line);
	}
}

static void reading_clear(struct reading *done)
{
	for (size_t i = 0; i < done->n_learned; i++) {
		free(done->learned[i].path);
		free(done->learned[i].name);
	}
	free(done->learned);
	conf_section_free(done->root);
}

int conf_read(const char *path, const struct conf_grammar *grammar, struct conf_mistakes *mistakes,
              struct conf_section **ret)
{
	struct reading here = { .path = path, .mistakes = mistakes };
	locale_t c_locale, before;
	char *data = NULL;
	size_t len = 0;
	int r;

	conf_mistakes_file(mistakes, path);
	r = read_file(path, &data, &len, mistakes);
	if (r < 0)
		return r;
	/* What is not closed leaves nothing to be read from there on; the file counts as empty. */
	if (data && (!check_bytes(path, data, len, mistakes) || !blank_comments(path, data, len, mistakes)))
		len = 0;

	/* libconfuse translates its texts, by which we tell its errors apart. */
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (c_locale == (locale_t)0) {
		free(data);
		return -ENOMEM;
	}
	before = uselocale(c_locale);
	reading = &here;
	for (unsigned readings = 0; r == 0; readings++) {
		r = read_once(grammar, data, len);
		if (!here.again || here.failed)
			break;
		if (readings == READINGS_MAX) {
			conf_mistake(mistakes, path, 0, "has too many unknown names; mend those reported first");
			break;
		}
	}
	reading = NULL;
	uselocale(before);
	freelocale(c_locale);
	free(data);
	if (r == 0) {
		check_names(here.root, grammar, mistakes);
		check_learned(&here, grammar, mistakes);
		*ret = cw_steal(here.root);
	}
	reading_clear(&here);
	return r;
}
