/*
 * config_private.h: between the parts of the configuration reader.
 *
 *   config_syntax.c  libconfuse: a file to a tree of sections, every key and value with its line
 *   config_schema.c  the tables of keys: types, limits, defaults, help; reading, printing and listing by table
 *   config_feed.c    what a feed must hold
 *   config_risk.c    the risk constants; config_risk_check.c: what of them contradicts each other
 *   config_phrases.c names and phrases that are found in texts
 *   config_retention.c for how long what is kept
 *   config_doors.c   what is served to other machines, and to whom
 *   config_kpi.c     what is measured of the support
 *   config.c         which files, in which order; printing; the hash
 *
 * Nothing stops at the first mistake: each is added to struct conf_mistakes with its file and line, reading goes on, and
 * config.c reports them all in the order of the files and lines.
 */
#ifndef COUNCILWATCH_LIB_CONFIG_PRIVATE_H
#define COUNCILWATCH_LIB_CONFIG_PRIVATE_H

#include <councilwatch/base.h>
#include <councilwatch/buf.h>
#include <councilwatch/config.h>
#include <councilwatch/error.h>

#define CONF_FILE_MAX (4u * 1024u * 1024u) /* bytes of one configuration file */
#define CONF_PRINT_MAX (64u * 1024u * 1024u)

struct conf_mistakes {
	size_t n, cap;
	struct conf_mistake {
		struct cw_error err;
		unsigned file; /* order in which the file was first spoken of */
		size_t sequence;
	} * at; /* owned */
	size_t n_files;
	char **files; /* owned */
	bool nomem;
};
void conf_mistakes_clear(struct conf_mistakes *mistakes);
/* Fixes the place of a file in the order of reporting. */
void conf_mistakes_file(struct conf_mistakes *mistakes, const char *file);
void conf_mistake(struct conf_mistakes *mistakes, const char *file, unsigned line, const char *fmt, ...)
    CW_PRINTF(4, 5);
void conf_mistakes_report(struct conf_mistakes *mistakes, cw_report_fn *report, void *arg);

struct conf_value {
	char *text;
	unsigned line;
};
struct conf_entry {
	char *name;
	unsigned line;
	bool known;
	size_t n;
	struct conf_value *values;
};
struct conf_section {
	char *name;    /* "" for the file itself */
	char *title;   /* NULL = none */
	char *file;    /* the path as it was opened */
	unsigned line; /* of the opening brace; 1 for the file itself */
	bool known;
	bool broken; /* of the file itself: its syntax is, so that a value cut short looks like an empty list */
	struct conf_section *parent;
	void *cfg; /* while libconfuse reads it */
	size_t n_entries;
	struct conf_entry *entries;
	size_t n_sections;
	struct conf_section **sections;
};

/* What may stand in a section. */
struct conf_grammar {
	const char *name;
	bool titled;
	bool any_key;                               /* keys are data: maps */
	const char *const *keys;                    /* ends with NULL */
	const struct conf_grammar *const *sections; /* ends with NULL; NULL = none */
};

/*
 * Reads one file. Unknown names, names given twice and broken syntax are mistakes; what could be read is in *ret all the
 * same (owned, never NULL on 0). A negative return is -ENOMEM.
 */
int conf_read(const char *path, const struct conf_grammar *grammar, struct conf_mistakes *mistakes,
              struct conf_section **ret);
void conf_section_free(struct conf_section *section);
const struct conf_entry *conf_entry(const struct conf_section *section, const char *name);   /* NULL when not set */
const struct conf_section *conf_child(const struct conf_section *section, const char *name); /* the first one */
/* 'feed "leeds"', 'record of feed "leeds"'; "" for a whole file. Returns buf. */
const char *conf_describe(const struct conf_section *section, char *buf, size_t size);

/*
 * Keys
 */
enum conf_type {
	CONF_TEXT,     /* char * */
	CONF_PATH,     /* char *, made absolute from the directory of its file */
	CONF_BOOL,     /* bool */
	CONF_COUNT,    /* unsigned */
	CONF_INTEGER,  /* int */
	CONF_NUMBER,   /* double */
	CONF_DURATION, /* int64_t, milliseconds */
	CONF_SIZE,     /* uint64_t, bytes */
	CONF_LIST,     /* struct cw_strings */
	CONF_WORD,     /* an enum: position in words + base */
	CONF_CHAR,     /* char */
	CONF_NAME,     /* one text read by config_feed.c */
	CONF_COLUMNS,  /* a list read by config_feed.c */
	CONF_GLOB,     /* a list read by config.c */
};

struct conf_key {
	const char *section; /* "main", "feed", "step", "pages", "record", "map", "constants", "expect", "risk", "signal" */
	const char *name;
	enum conf_type type;
	size_t offset;
	double min, max; /* of numbers, in the field's unit */
	const char *def; /* as it would be written; NULL = no default */
	const char *help;
	const char *const *words;
	int base;
};
extern const struct conf_key conf_keys[];
extern const size_t conf_keys_n;

/* Where a key of that name belongs, as words for a message ("a feed"), or NULL. */
const char *conf_key_home(const char *name);

/* Names of the keys of a section, ends with NULL; owned array of borrowed names. Records have every value name as well. */
const char **conf_key_names(const char *section);

/* Fills object from the section (NULL: defaults only) by the table. */
int conf_apply(const char *section_name, const struct conf_section *section, void *object,
               struct conf_mistakes *mistakes);
/* The same keys as text, one a line. Keys that hold nothing are left out. */
void conf_print(const char *section_name, const void *object, unsigned indent, struct cw_buf *out);
void conf_print_key(const struct conf_key *key, const void *object, unsigned indent, struct cw_buf *out);
void conf_free(const char *section_name, void *object);

/* "name = value" with the value quoted; lists in braces. */
void conf_print_text(struct cw_buf *out, unsigned indent, const char *name, const char *value);
void conf_print_list(struct cw_buf *out, unsigned indent, const char *name, const struct cw_strings *list);
void conf_put_quoted(struct cw_buf *out, const char *text);
void conf_put_indent(struct cw_buf *out, unsigned indent);

int conf_strings_add(struct cw_strings *strings, const char *text);
void conf_strings_clear(struct cw_strings *strings);
/* text as a path from the directory that file is in; owned, NULL when out of memory. */
char *conf_resolve(const char *file, const char *text);

/*
 * Parts
 */
const struct conf_grammar *conf_grammar_main(void);  /* councilwatch.conf */
const struct conf_grammar *conf_grammar_feeds(void); /* feeds.d/x.conf */
const struct conf_grammar *conf_grammar_risk(void);  /* risk.conf */
const struct conf_grammar *conf_grammar_phrases(void); /* phrases.conf */
const struct conf_grammar *conf_grammar_kpi(void);     /* kpi.conf */

int conf_feed_read(const struct conf_section *section, const struct cw_risk *risk, const struct cw_councils *councils,
                   const struct cw_phrases *phrases, bool phrases_named, struct conf_mistakes *mistakes,
                   struct cw_feed *ret);
void conf_feed_clear(struct cw_feed *feed);
/* Is what its rows are about found in their words? */
bool conf_feed_has_text(const struct cw_feed *feed);
void conf_feed_print(const struct cw_feed *feed, struct cw_buf *out);
/* The part that decides what evidence a document gives. */
void conf_feed_print_mapping(const struct cw_feed *feed, struct cw_buf *out);

/* Columns and paths that the feed's format cannot have: true, with what is wrong and the mend in why (reset first). */
bool conf_column_wrong(enum cw_format format, const char *column, struct cw_buf *why);
bool conf_rows_at_wrong(enum cw_format format, const char *rows_at, struct cw_buf *why);

int conf_risk_apply(const struct conf_section *section, struct cw_risk *risk, struct conf_mistakes *mistakes);
/* *ret is owned, and there after mistakes too. strict: a council that is not in the table is a mistake; the shipped file,
 * found without being named, may go with a table of fewer councils. */
int conf_phrases_read(const struct conf_section *section, const struct cw_risk *risk,
                      const struct cw_councils *councils, bool strict, struct conf_mistakes *mistakes,
                      struct cw_phrases **ret);

/* What is served and who may come in; what is wrong there. 0 or -ENOMEM. */
int conf_doors_read(const struct conf_section *section, struct cw_config *config, struct conf_mistakes *mistakes);
void conf_doors_clear(struct cw_config *config);

/* Where constants are written: the risk section of councilwatch.conf, risk.conf (each NULL when there is none), and what to name
 * instead. */
struct conf_risk_source {
	const struct conf_section *in_main, *file, *otherwise;
};
/* What contradicts each other once all has been applied (config_risk_check.c). */
void conf_risk_check(const struct cw_risk *risk, const struct conf_risk_source *source, struct conf_mistakes *mistakes);
/* section NULL: the defaults. 0 or -ENOMEM. */
int conf_retention_read(const struct conf_section *section, struct cw_retention *ret, struct conf_mistakes *mistakes);
void conf_risk_print(const struct cw_risk *risk, unsigned indent, struct cw_buf *out);

/* The sections of kpi.conf, or of councilwatch.conf over them. */
void conf_kpi_defaults(struct cw_kpis *kpis);
int conf_kpi_apply(const struct conf_section *section, const struct cw_config *config, struct cw_kpis *kpis,
                   struct conf_mistakes *mistakes);
void conf_kpi_print(const struct cw_kpis *kpis, struct cw_buf *out);
void conf_kpi_free(struct cw_kpis *kpis);

#endif
