#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <councilwatch/kpi.h>
#include <councilwatch/paths.h>

#include "config_private.h"

/* sun_path holds 108 bytes, the last of them NUL (unix(7)). */
#define SOCKET_PATH_MAX 107u

const char *const cw_config_default_file = CW_SYSCONFDIR "/councilwatch.conf";

struct loader {
	struct cw_config *config;
	const char *risk_file; /* instead of the one in use; NULL */
	struct conf_mistakes mistakes;
	struct conf_section *main;
	struct cw_strings feeds_parents; /* directories above those of the feeds' patterns */
	size_t n_paths;
	char **paths; /* feed files */
	size_t n_trees;
	struct conf_section **trees; /* of the feed files */
};

static unsigned line_of(const struct conf_section *section, const char *key)
{
	const struct conf_entry *entry = conf_entry(section, key);

	return entry ? entry->line : 0;
}

#define COMPLAIN(loader, key, ...)                                                                                     \
	conf_mistake(&(loader)->mistakes, (loader)->config->file, line_of((loader)->main, key), __VA_ARGS__)

static char *absolute(const char *file)
{
	char cwd[PATH_MAX], *path;

	if (file[0] == '/' || !getcwd(cwd, sizeof(cwd)))
		return strdup(file);
	if (asprintf(&path, "%s/%s", cwd, strncmp(file, "./", 2) == 0 ? file + 2 : file) < 0)
		return NULL;
	return path;
}

/* The directory above a path's own: /etc/councilwatch for /etc/councilwatch/feeds.d/x.conf. Owned. */
static char *grandparent(const char *path)
{
	const char *end = path + strlen(path);

	for (unsigned up = 0; up < 2; up++) {
		while (end > path && end[-1] != '/')
			end--;
		while (end > path && end[-1] == '/')
			end--;
	}
	return end > path ? strndup(path, (size_t)(end - path)) : strdup("/");
}

/*
 * Feed files
 */

static int add_path(struct loader *loader, const char *path)
{
	char **paths;

	for (size_t i = 0; i < loader->n_paths; i++)
		if (strcmp(loader->paths[i], path) == 0)
			return 0;
	paths = reallocarray(loader->paths, loader->n_paths + 1, sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	loader->paths = paths;
	paths[loader->n_paths] = strdup(path);
	if (!paths[loader->n_paths])
		return -ENOMEM;
	loader->n_paths++;
	return 0;
}

static int add_parent(struct loader *loader, const char *pattern)
{
	struct cw_strings *parents = &loader->feeds_parents;
	char **grown = realloc(parents->at, (parents->n + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	parents->at = grown;
	grown[parents->n] = grandparent(pattern);
	if (!grown[parents->n])
		return -ENOMEM;
	parents->n++;
	return 0;
}

static int expand_pattern(struct loader *loader, const char *text, unsigned line, bool wanted)
{
	CW_CLEANUP(cw_freep) char *pattern = conf_resolve(loader->config->file, text);
	glob_t found = { 0 };
	int r;

	if (!pattern)
		return -ENOMEM;
	if (add_parent(loader, pattern) < 0)
		return -ENOMEM;
	r = glob(pattern, 0, NULL, &found);
	if (r == GLOB_NOSPACE) {
		globfree(&found);
		return -ENOMEM;
	}
	if (r == 0) {
		for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
			r = add_path(loader, found.gl_pathv[i]);
		globfree(&found);
		return r;
	}
	globfree(&found);
	if (wanted)
		conf_mistake(&loader->mistakes, loader->config->file, line,
		             "include_feeds matches no file: %s; correct it, or write include_feeds = {} for none",
		             pattern);
	return 0;
}

static int find_feed_files(struct loader *loader)
{
	const struct conf_entry *entry = conf_entry(loader->main, "include_feeds");
	int r = 0;

	/* Without the key, feeds.d beside the file is read; it may be missing when the file holds feeds itself. */
	if (!entry)
		return expand_pattern(loader, "feeds.d/*.conf", 0, !conf_child(loader->main, "feed"));
	for (size_t i = 0; r == 0 && i < entry->n; i++)
		if (entry->values[i].text[0])
			r = expand_pattern(loader, entry->values[i].text, entry->values[i].line, true);
	return r;
}

static int read_feed_files(struct loader *loader)
{
	int r = 0;

	if (!loader->n_paths)
		return 0;
	loader->trees = calloc(loader->n_paths, sizeof(struct conf_section *));
	if (!loader->trees)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < loader->n_paths; i++) {
		r = conf_read(loader->paths[i], conf_grammar_feeds(), &loader->mistakes, &loader->trees[i]);
		loader->n_trees += r == 0;
	}
	return r;
}

/* Where its folder is: what is relative is in the state directory. */
static int place_folder(struct loader *loader, struct cw_feed *feed)
{
	struct cw_config *config = loader->config;
	char *path = NULL;
	size_t len;

	if (!feed->path)
		return 0;
	if (*feed->path != '/') {
		if (asprintf(&path, "%s/%s", config->state_dir, feed->path) < 0)
			return -ENOMEM;
		free(feed->path);
		feed->path = path;
	}
	for (len = strlen(feed->path); len > 1 && feed->path[len - 1] == '/'; len--)
		feed->path[len - 1] = '\0';
	if (strcmp(feed->path, config->state_dir) == 0 || strcmp(feed->path, config->runtime_dir) == 0)
		conf_mistake(&loader->mistakes, feed->file, feed->line,
		             "the folder of feed \"%s\" is a directory of the daemon's own; name one in it, such as \"drop/%s\"",
		             feed->name, feed->name);
	for (size_t i = 0; i < config->n_feeds; i++)
		if (&config->feeds[i] != feed && config->feeds[i].path && strcmp(config->feeds[i].path, feed->path) == 0)
			conf_mistake(&loader->mistakes, feed->file, feed->line,
			             "feed \"%s\" has the folder of feed \"%s\"; a file can be of one feed only", feed->name,
			             config->feeds[i].name);
	return 0;
}

static int read_feeds_of(struct loader *loader, const struct conf_section *tree)
{
	struct cw_config *config = loader->config;
	int r = 0;

	for (size_t i = 0; r == 0 && i < tree->n_sections; i++) {
		const struct conf_section *section = tree->sections[i];
		struct cw_feed *feeds;

		if (!section->known || strcmp(section->name, "feed") != 0)
			continue;
		for (size_t k = 0; k < config->n_feeds; k++)
			if (strcmp(config->feeds[k].name, section->title) == 0)
				conf_mistake(&loader->mistakes, section->file, section->line,
				             "feed \"%s\" is configured twice, first at %s:%u; rename or remove one",
				             section->title, config->feeds[k].file, config->feeds[k].line);
		feeds = reallocarray(config->feeds, config->n_feeds + 1, sizeof(*feeds));
		if (!feeds)
			return -ENOMEM;
		config->feeds = feeds;
		feeds[config->n_feeds] = (struct cw_feed){ 0 };
		r = conf_feed_read(section, &config->risk, config->councils, config->phrases,
		                   config->phrases_file != NULL, &loader->mistakes, &feeds[config->n_feeds++]);
		if (r == 0)
			r = place_folder(loader, &feeds[config->n_feeds - 1]);
	}
	return r;
}

static int compare_feeds(const void *a, const void *b)
{
	const struct cw_feed *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/*
 * Tables beside the main file
 */

/* 1: there, *ret is its path; 0: not there; -ENOMEM. */
static int table_in(const char *directory, const char *name, char **ret)
{
	char *path;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return -ENOMEM;
	if (access(path, R_OK) == 0) {
		*ret = path;
		return 1;
	}
	free(path);
	return 0;
}

/* The directory of the running program; owned, NULL when it cannot be told. */
static char *program_directory(void)
{
	char self[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return NULL;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	return strdup(self);
}

/*
 * Where a table is when no key says: beside the main file, beside the feeds' directories, where the configuration is
 * installed, and last the shipped one: in ../share of the program (so that a build directory works) or of the installation.
 */
static char *find_table(const struct loader *loader, const char *name)
{
	CW_CLEANUP(cw_freep) char *beside = conf_resolve(loader->config->file, name);
	CW_CLEANUP(cw_freep) char *program = program_directory();
	CW_CLEANUP(cw_freep) char *share = NULL;
	char *path = NULL;
	int r = 0;

	if (!beside || access(beside, R_OK) == 0)
		return cw_steal(beside);
	for (size_t i = 0; r == 0 && i < loader->feeds_parents.n; i++)
		r = table_in(loader->feeds_parents.at[i], name, &path);
	if (r == 0)
		r = table_in(CW_SYSCONFDIR, name, &path);
	if (r == 0 && program && asprintf(&share, "%s/../share/councilwatch", program) > 0)
		r = table_in(share, name, &path);
	if (r == 0)
		r = table_in(CW_DATADIR, name, &path);
	return path;
}

/* Fills *at when the key is not set. A table that must be there and is nowhere is a mistake. */
static int default_table(struct loader *loader, const char *key, const char *name, bool needed, char **at)
{
	if (conf_entry(loader->main, key)) {
		if (*at && **at)
			return 0;
		free(*at);
		*at = NULL;
		if (needed)
			COMPLAIN(loader, key, "%s is empty; name the file", key);
		return 0;
	}
	free(*at);
	*at = find_table(loader, name);
	if (!*at && needed)
		COMPLAIN(loader, key, "there is no %s beside this file, beside the feeds, in %s or in %s; set %s", name,
		         CW_SYSCONFDIR, CW_DATADIR, key);
	return 0;
}

/* These speak of the councils by id, so without a key it is the one beside the councils, and none when there is none. */
static int council_table(struct loader *loader, const char *key, const char *name, char **at)
{
	const char *councils = loader->config->councils_file;

	if (conf_entry(loader->main, key)) {
		if (*at && !**at) {
			free(*at);
			*at = NULL;
		}
		return 0;
	}
	free(*at);
	*at = councils ? conf_resolve(councils, name) : NULL;
	if (councils && !*at)
		return -ENOMEM;
	if (*at && access(*at, R_OK) < 0) {
		free(*at);
		*at = NULL;
	}
	return 0;
}

static void take_report(void *arg, const struct cw_error *err)
{
	conf_mistake(arg, err->source, err->line, "%s", err->text);
}

static int read_councils(struct loader *loader)
{
	struct cw_config *config = loader->config;
	const struct cw_council_tables tables = {
		.councils = config->councils_file,
		.aliases = config->aliases_file,
		.lineage = config->lineage_file,
		.organisations = config->organisations_file,
		.other_bodies = config->other_bodies_file,
	};
	struct cw_error err;
	int r;

	if (!config->councils_file || !config->aliases_file)
		return 0;
	conf_mistakes_file(&loader->mistakes, config->councils_file);
	r = cw_councils_load(&tables, take_report, &loader->mistakes, &config->councils, &err);
	return r == -ENOMEM ? r : 0;
}

static int read_risk(struct loader *loader)
{
	struct cw_config *config = loader->config;
	struct conf_section *tree = NULL;
	const struct conf_section *in_main = conf_child(loader->main, "risk");
	int r = 0;

	cw_risk_defaults(&config->risk);
	if (config->risk_file) {
		r = conf_read(config->risk_file, conf_grammar_risk(), &loader->mistakes, &tree);
		if (r == 0)
			r = conf_risk_apply(tree, &config->risk, &loader->mistakes);
	}
	if (r == 0 && in_main)
		r = conf_risk_apply(in_main, &config->risk, &loader->mistakes);
	if (r == 0)
		conf_risk_check(&config->risk, &(struct conf_risk_source){ in_main, tree, loader->main }, &loader->mistakes);
	conf_section_free(tree);
	return r;
}

static int read_phrases(struct loader *loader)
{
	struct cw_config *config = loader->config;
	struct conf_section *tree = NULL;
	int r;

	if (!config->phrases_file || !config->councils)
		return 0;
	r = conf_read(config->phrases_file, conf_grammar_phrases(), &loader->mistakes, &tree);
	if (r == 0)
		r = conf_phrases_read(tree, &config->risk, config->councils, conf_entry(loader->main, "phrases_file") != NULL,
		                      &loader->mistakes, &config->phrases);
	conf_section_free(tree);
	return r;
}

static int read_calendar(struct loader *loader)
{
	struct cw_config *config = loader->config;
	struct cw_error err;
	int r;

	if (!config->bank_holidays_file)
		return 0;
	conf_mistakes_file(&loader->mistakes, config->bank_holidays_file);
	r = cw_calendar_load(config->bank_holidays_file, take_report, &loader->mistakes, &config->calendar, &err);
	return r == -ENOMEM ? r : 0;
}

static int read_kpis(struct loader *loader)
{
	struct cw_config *config = loader->config;
	struct conf_section *tree = NULL;
	int r = 0;

	config->kpis = calloc(1, sizeof(*config->kpis));
	if (!config->kpis)
		return -ENOMEM;
	conf_kpi_defaults(config->kpis);
	if (config->kpi_file) {
		r = conf_read(config->kpi_file, conf_grammar_kpi(), &loader->mistakes, &tree);
		if (r == 0)
			r = conf_kpi_apply(tree, config, config->kpis, &loader->mistakes);
	}
	if (r == 0)
		r = conf_kpi_apply(loader->main, config, config->kpis, &loader->mistakes);
	conf_section_free(tree);
	return r;
}

/*
 * The main file's own keys
 */

static bool plain_name(const char *text)
{
	return *text && strlen(text) < CW_NAME_MAX &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == strlen(text);
}

static int default_endpoint(struct loader *loader, const char *name, char **at)
{
	char key[CW_NAME_MAX];

	snprintf(key, sizeof(key), "endpoint_%s", name);
	if (!*at && asprintf(at, "ipc://%s/%s", loader->config->runtime_dir, name) < 0) {
		*at = NULL;
		return -ENOMEM;
	}
	if (strncmp(*at, "ipc://", 6) == 0) {
		size_t len = strlen(*at + 6);

		if (len > SOCKET_PATH_MAX && conf_entry(loader->main, key))
			COMPLAIN(loader, key, "%s is a path of %zu bytes; a socket's may have %u", key, len,
			         SOCKET_PATH_MAX);
		else if (len > SOCKET_PATH_MAX)
			COMPLAIN(
			    loader, "runtime_dir",
			    "runtime_dir is too long: a socket in it would have a path of %zu bytes, and may have %u",
			    len, SOCKET_PATH_MAX);
	} else if (strncmp(*at, "tcp://", 6) != 0) {
		COMPLAIN(loader, key, "%s is '%s'; write ipc:///path or tcp://address:port", key, *at);
	}
	return 0;
}

/* The workers stand beside the program in a build directory, and in their own directory when installed. */
static char *find_workers(void)
{
	CW_CLEANUP(cw_freep) char *program = program_directory();
	CW_CLEANUP(cw_freep) char *worker = NULL;

	if (program && table_in(program, "councilwatch-normaliser", &worker) > 0)
		return cw_steal(program);
	return strdup(CW_LIBEXECDIR);
}

static int finish_main(struct loader *loader)
{
	struct cw_config *config = loader->config;
	const struct {
		const char *name;
		char **at;
	} endpoints[] = { { "work", &config->endpoint_work },         { "commit", &config->endpoint_commit },
		          { "evidence", &config->endpoint_evidence }, { "alerts", &config->endpoint_alerts },
		          { "query", &config->endpoint_query },       { "control", &config->endpoint_control },
		          { "submit", &config->endpoint_submit } };
	int r = 0;

	if (!plain_name(config->instance))
		COMPLAIN(loader, "instance", "instance is '%s'; use letters, digits, '-', '_' and '.'",
		         config->instance);
	if (!*config->state_dir)
		COMPLAIN(loader, "state_dir", "state_dir is empty; name a directory");
	if (!*config->runtime_dir)
		COMPLAIN(loader, "runtime_dir", "runtime_dir is empty; name a directory");
	if (!*config->user_agent || strpbrk(config->user_agent, "\r\n"))
		COMPLAIN(loader, "user_agent", "user_agent is empty or has several lines; say who fetches");
	if (!config->worker_dir) {
		config->worker_dir = find_workers();
		if (!config->worker_dir)
			return -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < CW_ARRAY_LEN(endpoints); i++)
		r = default_endpoint(loader, endpoints[i].name, endpoints[i].at);
	return r == 0 ? conf_doors_read(loader->main, config, &loader->mistakes) : r;
}

/*
 * The hash
 */

static int hash_file(struct cw_sha256 *hash, const char *path)
{
	FILE *file = fopen(path, "re");
	char block[65536];
	size_t n;
	int r = 0;

	if (!file)
		return -errno;
	while (r == 0 && (n = fread(block, 1, sizeof(block), file)) > 0)
		r = cw_sha256_update(hash, block, n);
	if (ferror(file))
		r = -EIO;
	fclose(file);
	return r;
}

/* The tables that every feed is read with; or what feeds of texts are, besides. */
static int hash_tables(const struct cw_config *config, bool texts, struct cw_sha256 *hash,
                       unsigned char ret[CW_SHA256_LEN])
{
	const char *const tables[] = { config->councils_file, config->aliases_file, config->lineage_file,
		                       config->organisations_file, config->other_bodies_file };
	int r = 0;

	for (size_t i = 0; r == 0 && i < CW_ARRAY_LEN(tables) && !texts; i++)
		if (tables[i])
			r = hash_file(hash, tables[i]);
	if (r == 0 && texts && config->phrases_file)
		r = hash_file(hash, config->phrases_file);
	return r < 0 ? r : cw_sha256_final(hash, ret);
}

/* Of each feed what its documents are read with, and of the whole what results depend on. */
static int make_hash(struct cw_config *config)
{
	unsigned char tables[CW_SHA256_LEN], phrases[CW_SHA256_LEN], digest[CW_SHA256_LEN];
	struct cw_sha256 *hash = cw_sha256_new();
	struct cw_buf text;
	int r;

	if (!hash)
		return -ENOMEM;
	cw_buf_init(&text, CONF_PRINT_MAX);
	r = hash_tables(config, false, hash, tables);
	if (r == 0)
		r = hash_tables(config, true, hash, phrases);
	for (size_t i = 0; r == 0 && i < config->n_feeds; i++) {
		cw_buf_reset(&text);
		cw_buf_append(&text, tables, sizeof(tables));
		if (conf_feed_has_text(&config->feeds[i]))
			cw_buf_append(&text, phrases, sizeof(phrases));
		conf_feed_print_mapping(&config->feeds[i], &text);
		r = text.failed ? text.failed : cw_sha256(text.data, text.len, digest);
		cw_hex(digest, sizeof(digest), config->feeds[i].reading);
	}
	cw_buf_reset(&text);
	cw_buf_append(&text, tables, sizeof(tables));
	cw_buf_append(&text, phrases, sizeof(phrases));
	conf_risk_print(&config->risk, 0, &text);
	for (size_t i = 0; i < config->n_feeds; i++)
		conf_feed_print_mapping(&config->feeds[i], &text);
	if (r == 0)
		r = text.failed ? text.failed : cw_sha256(text.data, text.len, digest);
	if (r == 0) {
		memcpy(config->hash, "sha256:", 7);
		cw_hex(digest, sizeof(digest), config->hash + 7);
	}
	cw_buf_clear(&text);
	cw_sha256_free(hash);
	return r;
}

/*
 * All of it
 */

static int load(struct loader *loader)
{
	struct cw_config *config = loader->config;
	int r;

	if (!conf_grammar_main() || !conf_grammar_feeds() || !conf_grammar_risk() || !conf_grammar_phrases() ||
	    !conf_grammar_kpi())
		return -ENOMEM;
	r = conf_read(config->file, conf_grammar_main(), &loader->mistakes, &loader->main);
	if (r < 0 || (loader->mistakes.n && !loader->main->n_entries && !loader->main->n_sections))
		return r; /* the file is not there or cannot be read at all: nothing else is worth saying */
	r = conf_apply("main", loader->main, config, &loader->mistakes);
	if (r == 0)
		r = finish_main(loader);
	if (r == 0)
		r = find_feed_files(loader);
	if (r == 0)
		r = read_feed_files(loader);
	if (r == 0)
		r = default_table(loader, "councils_file", "councils.csv", true, &config->councils_file);
	if (r == 0)
		r = default_table(loader, "aliases_file", "aliases.csv", true, &config->aliases_file);
	if (r == 0)
		r = council_table(loader, "lineage_file", "lineage.csv", &config->lineage_file);
	if (r == 0)
		r = council_table(loader, "organisations_file", "organisations.csv", &config->organisations_file);
	if (r == 0)
		r = council_table(loader, "other_bodies_file", "other-bodies.csv", &config->other_bodies_file);
	if (r == 0)
		r = default_table(loader, "risk_file", "risk.conf", false, &config->risk_file);
	if (r == 0 && loader->risk_file) {
		free(config->risk_file);
		config->risk_file = absolute(loader->risk_file);
		r = config->risk_file ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = default_table(loader, "phrases_file", "phrases.conf", false, &config->phrases_file);
	if (r == 0)
		r = default_table(loader, "kpi_file", "kpi.conf", false, &config->kpi_file);
	if (r == 0)
		r = default_table(loader, "bank_holidays_file", "bank-holidays.csv", false, &config->bank_holidays_file);
	if (r == 0)
		r = read_councils(loader);
	if (r == 0)
		r = read_risk(loader);
	if (r == 0)
		r = conf_retention_read(conf_child(loader->main, "retention"), &loader->config->retention, &loader->mistakes);
	if (r == 0)
		r = read_phrases(loader);
	if (r == 0)
		r = read_calendar(loader);
	if (r == 0)
		r = read_kpis(loader);
	if (r == 0)
		r = read_feeds_of(loader, loader->main);
	for (size_t i = 0; r == 0 && i < loader->n_trees; i++)
		r = read_feeds_of(loader, loader->trees[i]);
	if (r == 0 && loader->mistakes.nomem)
		r = -ENOMEM;
	if (r == 0 && config->n_feeds)
		qsort(config->feeds, config->n_feeds, sizeof(*config->feeds), compare_feeds);
	if (r == 0 && !loader->mistakes.n)
		r = make_hash(config);
	return r;
}

static void loader_clear(struct loader *loader)
{
	conf_mistakes_clear(&loader->mistakes);
	conf_section_free(loader->main);
	for (size_t i = 0; i < loader->n_paths; i++)
		free(loader->paths[i]);
	free(loader->paths);
	for (size_t i = 0; i < loader->n_trees; i++)
		conf_section_free(loader->trees[i]);
	free(loader->trees);
	for (size_t i = 0; i < loader->feeds_parents.n; i++)
		free(loader->feeds_parents.at[i]);
	free(loader->feeds_parents.at);
	cw_config_free(loader->config);
}

int cw_config_load(const char *file, cw_report_fn *report, void *arg, struct cw_config **ret, struct cw_error *err)
{
	return cw_config_load_trial(file, NULL, report, arg, ret, err);
}

int cw_config_load_trial(const char *file, const char *risk_file, cw_report_fn *report, void *arg, struct cw_config **ret,
                         struct cw_error *err)
{
	CW_CLEANUP(loader_clear) struct loader loader = { .config = calloc(1, sizeof(struct cw_config)), .risk_file = risk_file };
	int r;

	if (!loader.config)
		return cw_error_nomem(err);
	loader.config->file = absolute(file);
	if (!loader.config->file)
		return cw_error_nomem(err);
	r = load(&loader);
	if (r == -ENOMEM)
		return cw_error_nomem(err);
	if (loader.mistakes.n) {
		conf_mistakes_report(&loader.mistakes, report, arg);
		return cw_error_at(err, -EINVAL, loader.config->file, 0, 0, "%zu %s in the configuration",
		                   loader.mistakes.n, loader.mistakes.n == 1 ? "mistake" : "mistakes");
	}
	if (r < 0)
		return cw_error_at(err, r, loader.config->file, 0, 0, "cannot be read: %s", strerror(-r));
	*ret = cw_steal(loader.config);
	return 0;
}

void cw_config_free(struct cw_config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->n_feeds; i++)
		conf_feed_clear(&config->feeds[i]);
	free(config->feeds);
	cw_phrases_free(config->phrases);
	cw_calendar_free(config->calendar);
	conf_kpi_free(config->kpis);
	cw_councils_free(config->councils);
	conf_doors_clear(config);
	conf_free("retention", &config->retention);
	conf_free("main", config);
	free(config->file);
	free(config);
}

void cw_config_model(const struct cw_config *config, char *out, size_t size)
{
	snprintf(out, size, "%s %s", config->hash, CW_VERSION);
}

const struct cw_feed *cw_config_feed(const struct cw_config *config, struct cw_str name)
{
	for (size_t i = 0; i < config->n_feeds; i++)
		if (cw_str_eq(name, config->feeds[i].name))
			return &config->feeds[i];
	return NULL;
}

int cw_config_print(const struct cw_config *config, struct cw_buf *out)
{
	cw_buf_printf(out, "# The configuration of %s as understood, defaults filled in.\n", config->file);
	conf_print("main", config, 0, out);
	if (!config->risk_file)
		conf_print_text(out, 0, "risk_file", "");
	if (!config->phrases_file)
		conf_print_text(out, 0, "phrases_file", "");
	if (!config->kpi_file)
		conf_print_text(out, 0, "kpi_file", "");
	if (!config->bank_holidays_file)
		conf_print_text(out, 0, "bank_holidays_file", "");
	cw_buf_puts(out, "include_feeds = {}\n\nrisk {\n");
	conf_risk_print(&config->risk, 1, out);
	cw_buf_puts(out, "}\n\nretention {\n");
	conf_print("retention", &config->retention, 1, out);
	cw_buf_puts(out, "}\n\n");
	conf_kpi_print(config->kpis, out);
	for (size_t i = 0; i < config->n_feeds; i++) {
		cw_buf_putc(out, '\n');
		conf_feed_print(&config->feeds[i], out);
	}
	return out->failed;
}
