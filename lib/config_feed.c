#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config_private.h"

#define MINUTE_MS (60 * 1000)
#define JITTER_MAX_MS (10 * MINUTE_MS)

struct feed_reader {
	const struct conf_section *section; /* feed "x" { … } */
	const struct conf_section *record;  /* or NULL */
	struct cw_feed *feed;
	const struct cw_kind_def *kind; /* or NULL */
	const struct cw_risk *risk;
	const struct cw_councils *councils; /* NULL when they could not be read */
	const struct cw_phrases *phrases;   /* NULL when there are none */
	bool phrases_named; /* there is a file; it, or the councils it needs, may have mistakes of their own */
	struct conf_mistakes *mistakes;
};

static unsigned line_of(const struct conf_section *section, const char *key)
{
	const struct conf_entry *entry = conf_entry(section, key);

	return entry ? entry->line : section->line;
}

#define COMPLAIN(reader, section, key, ...)                                                                            \
	conf_mistake((reader)->mistakes, (section)->file, line_of(section, key), __VA_ARGS__)

/*
 * Addresses
 */

struct url_parts {
	struct cw_str scheme, user, host;
	const char *query; /* after '?', or NULL */
};

static bool split_url(const char *url, struct url_parts *ret)
{
	const char *colon = strstr(url, "://");
	const char *start, *end, *at, *port;

	if (!colon || colon == url)
		return false;
	start = colon + 3;
	end = start + strcspn(start, "/?#");
	for (at = end; at > start && at[-1] != '@';)
		at--;
	*ret = (struct url_parts){ .scheme = { url, (size_t)(colon - url) },
		                   .user = { start, at > start ? (size_t)(at - start) - 1 : 0 },
		                   .query = strchr(end, '?') };
	if (*at == '[') {
		const char *close = memchr(at, ']', (size_t)(end - at));

		if (!close)
			return false;
		ret->host = (struct cw_str){ at + 1, (size_t)(close - at) - 1 };
	} else {
		port = memchr(at, ':', (size_t)(end - at));
		ret->host = (struct cw_str){ at, (size_t)((port ? port : end) - at) };
	}
	if (ret->query)
		ret->query++;
	return true;
}

static bool same(struct cw_str text, const char *word)
{
	return text.len == strlen(word) && strncasecmp(text.at, word, text.len) == 0;
}

static bool is_loopback(const struct url_parts *parts)
{
	struct cw_str host = parts->host;

	return same(parts->scheme, "file") || same(host, "localhost") || same(host, "::1") ||
	       (host.len > 4 && strncmp(host.at, "127.", 4) == 0 && strspn(host.at, "0123456789.") >= host.len);
}

/* Names of parameters that carry secrets. */
static bool secret_parameter(const char *query)
{
	static const char *const names[] = { "password", "passwd", "pwd",          "secret",        "token",
		                             "api_key",  "apikey", "access_token", "client_secret", NULL };

	while (query && *query && *query != '#') {
		struct cw_str name = { query, strcspn(query, "=&#") };

		for (size_t i = 0; names[i]; i++)
			if (same(name, names[i]))
				return true;
		query += strcspn(query, "&#");
		query += *query == '&';
	}
	return false;
}

static void check_url(struct feed_reader *reader, struct url_parts *parts, bool *local)
{
	const struct conf_section *section = reader->section;
	const char *url = reader->feed->url;

	*local = false;
	/* What is wrong with an address is said without repeating it: it may hold a secret. */
	if (strlen(url) > CW_URL_MAX) {
		COMPLAIN(reader, section, "url", "url is longer than %u bytes", CW_URL_MAX);
		return;
	}
	for (const char *c = url; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == '"' || *c == '<' || *c == '>' || *c == '\\') {
			COMPLAIN(reader, section, "url",
			         "url holds a blank, quote, bracket or backslash; encode it as %%XX");
			return;
		}
	if (!split_url(url, parts)) {
		COMPLAIN(reader, section, "url", "url is not an address; write it as https://host/path");
		return;
	}
	if (!same(parts->scheme, "https") && !same(parts->scheme, "http") && !same(parts->scheme, "file")) {
		COMPLAIN(reader, section, "url", "unknown scheme '%.*s'; use https, http or file",
		         (int)CW_MIN(parts->scheme.len, 32u), parts->scheme.at);
		return;
	}
	if (parts->user.len || secret_parameter(parts->query))
		COMPLAIN(reader, section, "url",
		         "url holds a user name, password or key; put it in a file and name that with 'credential'");
	if (same(parts->scheme, "file")) {
		if (parts->host.len && !same(parts->host, "localhost"))
			COMPLAIN(reader, section, "url", "url names a host for a file; write file:///path");
	} else if (!parts->host.len) {
		COMPLAIN(reader, section, "url", "url has no host; write it as https://host/path");
	}
	*local = is_loopback(parts);
}

static void check_interval(struct feed_reader *reader, bool local)
{
	const struct conf_entry *entry = conf_entry(reader->section, "interval");
	struct cw_feed *feed = reader->feed;

	/* A folder is told of its files; when one is due is only known when somebody says so. */
	if (feed->path && !entry)
		feed->interval_ms = 0;
	if (feed->interval_ms < MINUTE_MS && !local && entry && entry->n == 1)
		conf_mistake(reader->mistakes, reader->section->file, entry->line, "interval is %s; the minimum is 60s",
		             entry->values[0].text);
	if (!conf_entry(reader->section, "jitter"))
		feed->jitter_ms = CW_MIN(feed->interval_ms / 10, (int64_t)JITTER_MAX_MS);
}

/* Either is a way in; a feed that is fetched is its publisher's alone unless somebody says otherwise. */
static void check_path(struct feed_reader *reader)
{
	struct cw_feed *feed = reader->feed;

	if (feed->path && !*feed->path) {
		free(feed->path);
		feed->path = NULL;
	}
	if (feed->path && feed->url)
		COMPLAIN(reader, reader->section, "path", "feed \"%s\" has a url and a path; remove one of the two",
		         feed->name);
	if (!conf_entry(reader->section, "submissions"))
		feed->submissions = !feed->url;
}

static void check_headers(struct feed_reader *reader)
{
	static const char *const secret[] = { "authorization", "proxy-authorization", "cookie", "x-api-key", NULL };
	const struct conf_entry *entry = conf_entry(reader->section, "headers");

	for (size_t i = 0; entry && i < entry->n; i++) {
		const char *text = entry->values[i].text;
		struct cw_str name = { text, strcspn(text, ":") };
		bool token = name.len > 0 && text[name.len] == ':';

		for (size_t k = 0; k < name.len; k++)
			token = token && (isalnum((unsigned char)text[k]) || strchr("!#$%&'*+-.^_`|~", text[k]));
		if (!token || strpbrk(text, "\r\n")) {
			conf_mistake(reader->mistakes, reader->section->file, entry->values[i].line,
			             "a header is not of the form \"Name: value\"");
			continue;
		}
		for (size_t k = 0; secret[k]; k++)
			if (same(name, secret[k]))
				conf_mistake(reader->mistakes, reader->section->file, entry->values[i].line,
				             "header '%s' would hold a secret; put it in a file and name that with "
				             "'credential'",
				             secret[k]);
	}
}

static int check_credential(struct feed_reader *reader)
{
	struct cw_feed *feed = reader->feed;
	char *path;

	if (!feed->credential)
		return 0;
	if (!*feed->credential || strpbrk(feed->credential, ": \t\r\n")) {
		COMPLAIN(reader, reader->section, "credential",
		         "credential is not the name of a file or systemd credential; the secret itself must not stand "
		         "here");
		return 0;
	}
	if (strchr(feed->credential, '/')) {
		path = conf_resolve(reader->section->file, feed->credential);
		if (!path)
			return -ENOMEM;
		free(feed->credential);
		feed->credential = path;
	}
	return 0;
}

static void check_hosts(struct feed_reader *reader)
{
	const struct conf_entry *entry = conf_entry(reader->section, "allowed_hosts");

	for (size_t i = 0; entry && i < entry->n; i++) {
		const char *host = entry->values[i].text;

		if (!*host || strpbrk(host, "/@?# \t*"))
			conf_mistake(reader->mistakes, reader->section->file, entry->values[i].line,
			             "'%s' is not the name of a host; write it without scheme and path", host);
	}
}

/*
 * Fields of the record
 */

static struct cw_field *add_field(struct cw_feed *feed, enum cw_field_role role, enum cw_value_id id)
{
	struct cw_field *fields;

	for (size_t i = 0; i < feed->n_fields; i++)
		if (feed->fields[i].role == role && (role != CW_FIELD_VALUE || feed->fields[i].value_id == id))
			return &feed->fields[i];
	fields = reallocarray(feed->fields, feed->n_fields + 1, sizeof(*fields));
	if (!fields)
		return NULL;
	feed->fields = fields;
	fields[feed->n_fields] = (struct cw_field){ .role = role, .value_id = id };
	return &fields[feed->n_fields++];
}

static const struct {
	const char *name;
	enum cw_field_role role;
} roles[] = { { "council", CW_FIELD_COUNCIL },
	      { "event_date", CW_FIELD_EVENT_DATE },
	      { "published_at", CW_FIELD_PUBLISHED_AT },
	      { "url", CW_FIELD_URL },
	      { "title", CW_FIELD_TITLE },
	      { "quote", CW_FIELD_QUOTE },
	      { "key", CW_FIELD_KEY },
	      { "text", CW_FIELD_TEXT } };

static const char *field_name(const struct cw_field *field)
{
	for (size_t i = 0; i < CW_ARRAY_LEN(roles); i++)
		if (roles[i].role == field->role)
			return roles[i].name;
	return cw_value_def(field->value_id)->name;
}

static int read_columns(struct feed_reader *reader, const struct conf_entry *entry, struct cw_strings *ret)
{
	const struct conf_section *section = reader->record;

	if (!entry->n)
		conf_mistake(reader->mistakes, section->file, entry->line, "%s names no column; name one or remove it",
		             entry->name);
	for (size_t i = 0; i < entry->n; i++) {
		if (!cw_str_trim(cw_str(entry->values[i].text)).len)
			conf_mistake(reader->mistakes, section->file, entry->values[i].line, "%s names an empty column",
			             entry->name);
		else if (conf_strings_add(ret, entry->values[i].text) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void check_date_formats(struct feed_reader *reader, const struct conf_entry *entry)
{
	for (size_t i = 0; i < entry->n; i++) {
		const char *text = entry->values[i].text;
		bool day = false, month = false, year = false;
		int32_t sample;

		for (const char *c = text; *c; c++) {
			if (*c == '@') { /* in a leap year, so that 29 February passes */
				char first[16];

				snprintf(first, sizeof(first), "2000-%.6s", c + 1);
				if (cw_date_parse(first, strlen(first), "%Y-%m-%d", &sample) < 0 || strlen(c + 1) != 5)
					conf_mistake(reader->mistakes, reader->record->file, entry->values[i].line,
					             "date format '%s' ends in no day; write it as @MM-DD: %%Y@09-30", text);
				day = month = true;
				break;
			}
			if (*c != '%')
				continue;
			c++;
			day = day || *c == 'd';
			month = month || (*c && strchr("mbB", *c));
			year = year || *c == 'y' || *c == 'Y';
			if (!*c || !strchr("dmYybBHMS#", *c)) {
				conf_mistake(reader->mistakes, reader->record->file, entry->values[i].line,
				             "date format '%s' uses '%%%.1s'; use %%d %%m %%Y %%y %%b %%B %%H %%M %%S %%#",
				             text, c);
				day = month = year = true;
				break;
			}
		}
		if (!day || !month || !year)
			conf_mistake(reader->mistakes, reader->record->file, entry->values[i].line,
			             "date format '%s' has no %s; write one as %%d/%%m/%%Y", text,
			             !day     ? "day"
			             : !month ? "month"
			                      : "year");
	}
}

static bool is_date_value(const struct cw_field *field)
{
	return field->role == CW_FIELD_VALUE && !field->constant &&
	       cw_value_def(field->value_id)->type == CW_VALUE_DATE;
}

static int read_date_formats(struct feed_reader *reader)
{
	static const struct {
		const char *own;
		enum cw_field_role role;
	} dates[] = { { "event_date_format", CW_FIELD_EVENT_DATE }, { "published_at_format", CW_FIELD_PUBLISHED_AT } };
	const struct conf_entry *common = conf_entry(reader->record, "date_format");

	if (common)
		check_date_formats(reader, common);
	for (size_t d = 0; d < CW_ARRAY_LEN(dates); d++) {
		const struct conf_entry *own = conf_entry(reader->record, dates[d].own);
		const struct conf_entry *use = own ? own : common;

		if (own)
			check_date_formats(reader, own);
		for (size_t i = 0; i < reader->feed->n_fields; i++) {
			struct cw_field *field = &reader->feed->fields[i];

			/* A constant is in ISO 8601 whatever the columns are. */
			for (size_t k = 0; field->role == dates[d].role && !field->constant && use && k < use->n; k++)
				if (conf_strings_add(&field->date_format, use->values[k].text) < 0)
					return -ENOMEM;
		}
		if (own && !conf_entry(reader->record, d == 0 ? "event_date" : "published_at"))
			conf_mistake(reader->mistakes, reader->record->file, own->line, "%s is of no use without %s",
			             dates[d].own, d == 0 ? "event_date" : "published_at");
	}
	for (size_t i = 0; common && i < reader->feed->n_fields; i++) {
		struct cw_field *field = &reader->feed->fields[i];

		for (size_t k = 0; is_date_value(field) && k < common->n; k++)
			if (conf_strings_add(&field->date_format, common->values[k].text) < 0)
				return -ENOMEM;
	}
	return 0;
}

static void put_values(const enum cw_value_id *ids, struct cw_buf *out)
{
	for (; *ids; ids++)
		cw_buf_printf(out, "%s%s", out->len ? ", " : "", cw_value_def(*ids)->name);
}

/* Is this value one of the feed's kind? Says so when it is not. */
static bool allowed(struct feed_reader *reader, const char *name, unsigned line, enum cw_value_id *ret)
{
	const struct cw_value_def *def = cw_value_by_name(cw_str(name));
	const char *near;
	struct cw_buf have;

	if (!def) {
		near = cw_nearest(name, cw_value_names());
		conf_mistake(reader->mistakes, reader->section->file, line, "unknown value '%s'%s%s%s", name,
		             near ? "; did you mean '" : "; see councilwatch.conf(5)", near ? near : "",
		             near ? "'?" : "");
		return false;
	}
	*ret = def->id;
	if (!reader->kind)
		return false; /* that is reported already */
	if (cw_kind_allows(reader->kind->kind, def->id))
		return true;
	cw_buf_init(&have, 1024);
	put_values(reader->kind->values, &have);
	conf_mistake(reader->mistakes, reader->section->file, line, "evidence of kind %s has no '%s'; it has %s",
	             reader->kind->name, name, cw_buf_str(&have));
	cw_buf_clear(&have);
	return false;
}

/* The canonical form of a value written in the configuration, owned; NULL after a mistake or out of memory. */
static char *canonical(struct feed_reader *reader, enum cw_value_id id, const char *text, unsigned line)
{
	const struct cw_value_def *def = cw_value_def(id);
	struct cw_buf out;
	struct cw_str value;
	char *copy = NULL;

	cw_buf_init(&out, CW_FIELD_MAX);
	if (cw_value_parse(id, cw_str(text), &out, &value) < 0 ||
	    (id == CW_VAL_SIGNAL && !cw_risk_signal(reader->risk, value)))
		conf_mistake(reader->mistakes, reader->section->file, line, "'%s' is not a value of %s; correct it",
		             text, def->name);
	else {
		copy = strndup(value.at, value.len);
		if (!copy)
			reader->mistakes->nomem = true;
	}
	cw_buf_clear(&out);
	return copy;
}

/* The councils that a map names: text as it stands, owned, when the tables know it on some day. */
static char *known_councils(struct feed_reader *reader, const char *text, unsigned line)
{
	struct cw_str name = cw_str(text);
	struct cw_council_set set;
	char *copy;
	int r = reader->councils ? cw_council_resolve_all(reader->councils, &name, 1, CW_DAY_NONE, &set, NULL) : 0;

	if (r == CW_COUNCIL_UNKNOWN || r == CW_COUNCIL_OTHER_BODY) {
		conf_mistake(reader->mistakes, reader->section->file, line,
		             "no council is known by '%s'; write a name or code, or several with '/' between", text);
		return NULL;
	}
	copy = strdup(text);
	if (!copy)
		reader->mistakes->nomem = true;
	return copy;
}

/* What a map of this field may translate into, owned; NULL after a mistake or out of memory. */
static char *map_target(struct feed_reader *reader, const struct cw_field *field, const char *text, unsigned line)
{
	int32_t day;
	char *copy;

	if (field->role == CW_FIELD_VALUE)
		return canonical(reader, field->value_id, text, line);
	if (field->role == CW_FIELD_COUNCIL)
		return known_councils(reader, text, line);
	if (cw_date_parse(text, strlen(text), "%Y-%m-%d", &day) < 0) {
		conf_mistake(reader->mistakes, reader->section->file, line,
		             "'%s' is no date; write one as 2024-09-30", text);
		return NULL;
	}
	copy = strdup(text);
	if (!copy)
		reader->mistakes->nomem = true;
	return copy;
}

/* The field that the map of this title is for; NULL after a mistake. */
static struct cw_field *map_field(struct feed_reader *reader, const struct conf_section *section)
{
	enum cw_field_role role = CW_FIELD_VALUE;
	enum cw_value_id id = (enum cw_value_id)0;

	if (strcmp(section->title, "event_date") == 0)
		role = CW_FIELD_EVENT_DATE;
	else if (strcmp(section->title, "published_at") == 0)
		role = CW_FIELD_PUBLISHED_AT;
	else if (strcmp(section->title, "council") == 0)
		role = CW_FIELD_COUNCIL;
	else if (!allowed(reader, section->title, section->line, &id))
		return NULL;
	for (size_t i = 0; i < reader->feed->n_fields; i++) {
		struct cw_field *field = &reader->feed->fields[i];

		if (field->role == role && (role != CW_FIELD_VALUE || field->value_id == id))
			return field;
	}
	conf_mistake(reader->mistakes, section->file, section->line,
	             "map \"%s\" has nothing to translate; add %s = \"column\" to the record", section->title,
	             section->title);
	return NULL;
}

static int read_map(struct feed_reader *reader, const struct conf_section *section)
{
	struct cw_field *field = map_field(reader, section);

	for (size_t i = 0; field && i < section->n_entries; i++) {
		const struct conf_entry *entry = &section->entries[i];
		struct cw_value_map *maps;
		char *from, *to;

		if (entry->n != 1) {
			conf_mistake(reader->mistakes, section->file, entry->line, "'%s' needs exactly one value",
			             entry->name);
			continue;
		}
		to = map_target(reader, field, entry->values[0].text, entry->line);
		if (!to)
			continue;
		from = strdup(entry->name);
		maps = reallocarray(field->maps, field->n_maps + 1, sizeof(*maps));
		if (maps)
			field->maps = maps;
		if (!from || !maps) {
			free(from);
			free(to);
			return -ENOMEM;
		}
		maps[field->n_maps++] = (struct cw_value_map){ from, to };
	}
	return 0;
}

/* A day in ISO 8601, or an address. False after a mistake. */
static bool good_constant(struct feed_reader *reader, enum cw_field_role role, const char *text, unsigned line)
{
	int32_t day;

	if ((role == CW_FIELD_EVENT_DATE || role == CW_FIELD_PUBLISHED_AT) &&
	    cw_date_parse(text, strlen(text), "%Y-%m-%d", &day) < 0) {
		conf_mistake(reader->mistakes, reader->section->file, line, "'%s' is not a day; write it as 2024-03-31", text);
		return false;
	}
	if (role == CW_FIELD_URL && strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0) {
		conf_mistake(reader->mistakes, reader->section->file, line, "'%s' is not an http or https address", text);
		return false;
	}
	return true;
}

static int read_constants(struct feed_reader *reader, const struct conf_section *section)
{
	for (size_t i = 0; i < section->n_entries; i++) {
		const struct conf_entry *entry = &section->entries[i];
		enum cw_field_role role = CW_FIELD_VALUE;
		struct cw_field *field;
		enum cw_value_id id = (enum cw_value_id)0;

		for (size_t k = 0; k < CW_ARRAY_LEN(roles); k++)
			if (strcmp(roles[k].name, entry->name) == 0)
				role = roles[k].role;
		if (!entry->known || (role == CW_FIELD_VALUE && !allowed(reader, entry->name, entry->line, &id)))
			continue;
		if (conf_entry(reader->record, entry->name)) {
			conf_mistake(reader->mistakes, section->file, entry->line,
			             "%s comes from a column already; remove one of the two", entry->name);
			continue;
		}
		if (entry->n != 1) {
			conf_mistake(reader->mistakes, section->file, entry->line, "%s needs exactly one value",
			             entry->name);
			continue;
		}
		if (!good_constant(reader, role, entry->values[0].text, entry->line))
			continue;
		field = add_field(reader->feed, role, id);
		if (!field)
			return -ENOMEM;
		free(field->constant);
		field->constant = role == CW_FIELD_VALUE ? canonical(reader, id, entry->values[0].text, entry->line)
		                                         : strdup(entry->values[0].text);
		if (role != CW_FIELD_VALUE && !field->constant)
			return -ENOMEM;
	}
	return 0;
}

/* A pattern of where: a text, one with "*" at its end, or a comparison with a number. */
static bool good_pattern(const char *text)
{
	size_t n = strspn(text, "<>=");
	double number;

	if (n && text[0] != '=')
		return cw_parse_double(cw_str_trim(cw_str(text + n)), &number) == 0 &&
		       (n == 1 || (n == 2 && text[1] == '='));
	text = strchr(text, '*');
	return !text || !text[1];
}

static void check_patterns(struct feed_reader *reader, const struct conf_section *section, const char *key)
{
	const struct conf_entry *entry = conf_entry(section, key);

	for (size_t i = 0; entry && i < entry->n; i++)
		if (!good_pattern(entry->values[i].text))
			conf_mistake(reader->mistakes, section->file, entry->values[i].line,
			             "'%s' is no pattern; write a text, the beginning of one with \"*\" after it, or >=, "
			             ">, <= or < and a number",
			             entry->values[i].text);
}

static int read_where(struct feed_reader *reader, const struct conf_section *section)
{
	struct cw_feed *feed = reader->feed;
	struct cw_where *wheres = reallocarray(feed->wheres, feed->n_wheres + 1, sizeof(*wheres)), *where;

	if (!wheres)
		return -ENOMEM;
	feed->wheres = wheres;
	where = &wheres[feed->n_wheres++];
	*where = (struct cw_where){ .column = strdup(section->title), .line = section->line };
	if (!where->column)
		return -ENOMEM;
	if (!cw_str_trim(cw_str(section->title)).len)
		conf_mistake(reader->mistakes, section->file, section->line, "where names an empty column");
	if (!conf_entry(section, "is") && !conf_entry(section, "not"))
		conf_mistake(reader->mistakes, section->file, section->line,
		             "where \"%s\" says nothing of the cell; add is = { … } or not = { … }", section->title);
	check_patterns(reader, section, "is");
	check_patterns(reader, section, "not");
	return conf_apply("where", section, where, reader->mistakes);
}

static bool names_column(const struct cw_feed *feed, const char *name)
{
	for (size_t i = 0; feed->release && i < feed->release->n_measures; i++)
		for (size_t k = 0; k < feed->release->measures[i].denominator.n; k++)
			if (strcmp(feed->release->measures[i].denominator.at[k], name) == 0)
				return true;
	for (size_t i = 0; i < feed->n_fields; i++)
		for (size_t k = 0; k < feed->fields[i].n_parts; k++)
			if (strcmp(feed->fields[i].parts[k].from, name) == 0)
				return true;
	for (size_t i = 0; i < feed->n_fields; i++)
		for (size_t k = 0; k < feed->fields[i].columns.n; k++)
			if (strcmp(feed->fields[i].columns.at[k], name) == 0)
				return true;
	for (size_t i = 0; i < feed->n_wheres; i++)
		if (strcmp(feed->wheres[i].column, name) == 0)
			return true;
	return false;
}

/* After all that names columns. */
static int read_column(struct feed_reader *reader, const struct conf_section *section)
{
	struct cw_feed *feed = reader->feed;
	struct cw_heading *columns = reallocarray(feed->columns, feed->n_columns + 1, sizeof(*columns)), *column;
	const struct conf_entry *also = conf_entry(section, "also");

	if (!columns)
		return -ENOMEM;
	feed->columns = columns;
	column = &columns[feed->n_columns++];
	*column = (struct cw_heading){ .name = strdup(section->title), .line = section->line };
	if (!column->name)
		return -ENOMEM;
	if (!names_column(feed, section->title))
		conf_mistake(reader->mistakes, section->file, section->line,
		             "column \"%s\" is used nowhere in the record; name it there, written the same, or remove it",
		             section->title);
	if (!also || !also->n)
		conf_mistake(reader->mistakes, section->file, section->line,
		             "column \"%s\" has no other heading; add also = { … } or remove it", section->title);
	for (size_t i = 0; also && i < also->n; i++)
		if (!cw_str_trim(cw_str(also->values[i].text)).len)
			conf_mistake(reader->mistakes, section->file, also->values[i].line,
			             "column \"%s\" names an empty heading", section->title);
	return conf_apply("column", section, column, reader->mistakes);
}

/* Who has more than half: columns by the word that stands for each. */
static int read_majority(struct feed_reader *reader, const struct conf_section *section)
{
	const struct conf_entry *of = conf_entry(section, "of"), *otherwise = conf_entry(section, "otherwise");
	struct cw_field *field;
	enum cw_value_id id;

	if (!allowed(reader, section->title, section->line, &id))
		return 0;
	if (conf_entry(reader->record, section->title)) {
		conf_mistake(reader->mistakes, section->file, section->line,
		             "%s comes from a column already; remove one of the two", section->title);
		return 0;
	}
	if (!of || of->n != 1 || !*of->values[0].text || !otherwise || otherwise->n != 1 || section->n_entries < 3) {
		conf_mistake(reader->mistakes, section->file, section->line,
		             "majority \"%s\" needs of = \"column\", otherwise = value, and a column for each other value",
		             section->title);
		return 0;
	}
	field = add_field(reader->feed, CW_FIELD_VALUE, id);
	if (!field || conf_strings_add(&field->columns, of->values[0].text) < 0)
		return -ENOMEM;
	free(field->otherwise);
	field->otherwise = canonical(reader, id, otherwise->values[0].text, otherwise->line);
	for (size_t i = 0; i < section->n_entries; i++) {
		const struct conf_entry *entry = &section->entries[i];
		struct cw_value_map *parts, part = { NULL, NULL };

		if (entry == of || entry == otherwise)
			continue;
		if (entry->n != 1 || !*entry->values[0].text) {
			conf_mistake(reader->mistakes, section->file, entry->line, "'%s' needs exactly one column",
			             entry->name);
			continue;
		}
		part.to = canonical(reader, id, entry->name, entry->line);
		if (!part.to)
			continue;
		part.from = strdup(entry->values[0].text);
		parts = reallocarray(field->parts, field->n_parts + 1, sizeof(*parts));
		if (parts)
			field->parts = parts;
		if (!part.from || !parts) {
			free(part.from);
			free(part.to);
			return -ENOMEM;
		}
		parts[field->n_parts++] = part;
	}
	return 0;
}

static int read_number(struct feed_reader *reader, const struct conf_section *section)
{
	enum cw_value_id id;

	if (!allowed(reader, section->title, section->line, &id))
		return 0;
	if (cw_value_def(id)->type != CW_VALUE_NUMBER) {
		conf_mistake(reader->mistakes, section->file, section->line, "%s is not a number", section->title);
		return 0;
	}
	for (size_t i = 0; i < reader->feed->n_fields; i++) {
		struct cw_field *field = &reader->feed->fields[i];

		if (field->role == CW_FIELD_VALUE && field->value_id == id && field->columns.n)
			return conf_apply("number", section, field, reader->mistakes);
	}
	conf_mistake(reader->mistakes, section->file, section->line,
	             "number \"%s\" has nothing to read; add %s = \"column\" to the record", section->title,
	             section->title);
	return 0;
}

static bool has_value(const struct cw_feed *feed, enum cw_value_id id)
{
	for (size_t i = 0; i < feed->n_fields; i++)
		if (feed->fields[i].role == CW_FIELD_VALUE && feed->fields[i].value_id == id)
			return true;
	return false;
}

static int read_measure(struct feed_reader *reader, const struct conf_section *section)
{
	struct cw_feed_release *release = reader->feed->release;
	struct cw_measure *measure;
	enum cw_value_id id;
	int r;

	if (!allowed(reader, section->title, section->line, &id))
		return 0;
	if (cw_value_def(id)->type != CW_VALUE_NUMBER) {
		conf_mistake(reader->mistakes, section->file, section->line, "%s is not a number", section->title);
		return 0;
	}
	if (release->n_measures == CW_MEASURES_MAX) {
		conf_mistake(reader->mistakes, section->file, section->line, "a release compares at most %u measures",
		             CW_MEASURES_MAX);
		return 0;
	}
	measure = reallocarray(release->measures, release->n_measures + 1, sizeof(*measure));
	if (!measure)
		return -ENOMEM;
	release->measures = measure;
	measure += release->n_measures++;
	*measure = (struct cw_measure){ .value_id = id, .points = release->points, .line = section->line };
	if (!conf_entry(section, "worse"))
		conf_mistake(reader->mistakes, section->file, section->line,
		             "measure \"%s\" does not say which way is worse; add worse = \"higher\" or \"lower\"",
		             section->title);
	if (!has_value(reader->feed, id))
		conf_mistake(reader->mistakes, section->file, section->line,
		             "measure \"%s\" has nothing to compare; add %s = \"column\" to the record", section->title,
		             section->title);
	r = conf_apply("measure", section, measure, reader->mistakes);
	if (r == 0 && !measure->denominator.n != !(measure->denominator_minimum > 0))
		conf_mistake(reader->mistakes, section->file, section->line,
		             "measure \"%s\" needs both denominator and denominator_minimum, or neither", section->title);
	return r;
}

static int read_release(struct feed_reader *reader, const struct conf_section *section)
{
	struct cw_feed *feed = reader->feed;
	int r;

	if (feed->release) {
		conf_mistake(reader->mistakes, section->file, section->line,
		             "feed \"%s\" has a second release; join them", feed->name);
		return 0;
	}
	feed->release = calloc(1, sizeof(*feed->release));
	if (!feed->release)
		return -ENOMEM;
	r = conf_apply("release", section, feed->release, reader->mistakes);
	for (size_t i = 0; r == 0 && i < section->n_sections; i++)
		if (section->sections[i]->known)
			r = read_measure(reader, section->sections[i]);
	if (r < 0)
		return r;
	if (!section->n_sections)
		conf_mistake(reader->mistakes, section->file, section->line,
		             "the release of feed \"%s\" compares nothing; add measure \"value\" { worse = … }", feed->name);
	if (!reader->kind)
		return 0;
	if (!cw_kind_allows(reader->kind->kind, CW_VAL_OUTLIER))
		conf_mistake(reader->mistakes, section->file, section->line, "kind %s is not of figures that are compared",
		             reader->kind->name);
	else if (!has_value(feed, CW_VAL_PERIOD))
		conf_mistake(reader->mistakes, section->file, section->line,
		             "the release of feed \"%s\" has no periods; add period = \"column\" to the record", feed->name);
	return 0;
}

static int read_section(struct feed_reader *reader, const struct conf_section *section)
{
	static const struct {
		const char *name;
		int (*read)(struct feed_reader *reader, const struct conf_section *section);
	} readers[] = { { "map", read_map },
		        { "constants", read_constants },
		        { "majority", read_majority },
		        { "where", read_where },
		        { "number", read_number } };

	for (size_t i = 0; i < CW_ARRAY_LEN(readers); i++)
		if (strcmp(section->name, readers[i].name) == 0)
			return readers[i].read(reader, section);
	return 0;
}

static int read_required(struct feed_reader *reader)
{
	const struct conf_entry *entry = conf_entry(reader->record, "required");
	struct cw_feed *feed = reader->feed;
	const char *names[64] = { 0 };

	for (size_t i = 0; i < feed->n_fields; i++) {
		if (i < CW_ARRAY_LEN(names) - 1)
			names[i] = field_name(&feed->fields[i]);
		if (!entry && (feed->fields[i].role == CW_FIELD_COUNCIL || feed->fields[i].role == CW_FIELD_TEXT))
			feed->fields[i].required = true;
	}
	for (size_t k = 0; entry && k < entry->n; k++) {
		const char *name = entry->values[k].text, *near;
		bool found = false;

		for (size_t i = 0; i < feed->n_fields; i++)
			if (feed->fields[i].columns.n && strcmp(field_name(&feed->fields[i]), name) == 0)
				feed->fields[i].required = found = true;
		if (found)
			continue;
		near = cw_nearest(name, names);
		conf_mistake(reader->mistakes, reader->record->file, entry->values[k].line,
		             "required names '%s', which comes from no column%s%s%s", name,
		             near ? "; did you mean '" : "; add it to the record", near ? near : "", near ? "'?" : "");
	}
	return 0;
}

static bool has_outcome(const struct feed_reader *reader)
{
	if (!reader->kind->outcome[0])
		return true; /* news: its link is all it says */
	if (reader->kind->kind == CW_KIND_SIGNAL && conf_entry(reader->record, "text"))
		return true; /* found in the words */
	for (const enum cw_value_id *id = reader->kind->outcome; *id; id++)
		for (size_t i = 0; i < reader->feed->n_fields; i++)
			if (reader->feed->fields[i].role == CW_FIELD_VALUE && reader->feed->fields[i].value_id == *id)
				return true;
	return false;
}

/* What is found in words, and what is said about that. */
static void check_text(struct feed_reader *reader)
{
	const struct conf_entry *text = conf_entry(reader->record, "text");
	const struct conf_entry *signals = conf_entry(reader->section, "signals");
	const char *names[CW_SIGNALS_MAX + 1] = { 0 }, *near;

	if (!text) {
		if (signals || conf_entry(reader->section, "keep"))
			COMPLAIN(reader, reader->section, signals ? "signals" : "keep",
			         "%s is for texts, and the record of feed \"%s\" has no text; remove it",
			         signals ? "signals" : "keep", reader->feed->name);
		return;
	}
	if (!reader->phrases && !reader->phrases_named)
		conf_mistake(reader->mistakes, reader->record->file, text->line,
		             "text needs the phrases file; set phrases_file in councilwatch.conf");
	for (size_t i = 0; i < reader->risk->n_signals; i++)
		names[i] = reader->risk->signals[i].name;
	for (size_t i = 0; signals && i < signals->n; i++) {
		/* "none" is no signal: so none is looked for. */
		if (cw_risk_signal(reader->risk, cw_str(signals->values[i].text)) ||
		    (signals->n == 1 && !strcmp(signals->values[i].text, "none")))
			continue;
		near = cw_nearest(signals->values[i].text, names);
		conf_mistake(reader->mistakes, reader->section->file, signals->values[i].line,
		             "unknown signal '%s'%s%s%s", signals->values[i].text,
		             near ? "; did you mean '" : "; councilwatch.conf(5) lists them", near ? near : "",
		             near ? "'?" : "");
	}
}

static int read_record(struct feed_reader *reader)
{
	const struct conf_section *record = reader->record;
	struct cw_feed *feed = reader->feed;
	const struct conf_entry *absent = conf_entry(record, "absent"), *ends = conf_entry(record, "url_ends_in");
	const struct conf_entry *mark = conf_entry(record, "url_mark");
	int r = 0;

	for (size_t i = 0; r == 0 && i < CW_ARRAY_LEN(roles); i++) {
		const struct conf_entry *entry = conf_entry(record, roles[i].name);
		struct cw_field *field = entry ? add_field(feed, roles[i].role, (enum cw_value_id)0) : NULL;

		if (entry)
			r = field ? read_columns(reader, entry, &field->columns) : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < record->n_entries; i++) {
		const struct conf_entry *entry = &record->entries[i];
		const struct cw_value_def *def = entry->known ? cw_value_by_name(cw_str(entry->name)) : NULL;
		struct cw_field *field;
		enum cw_value_id id;

		if (!def || conf_entry(record, entry->name) != entry || !allowed(reader, entry->name, entry->line, &id))
			continue;
		field = add_field(feed, CW_FIELD_VALUE, id);
		r = field ? read_columns(reader, entry, &field->columns) : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && absent && i < absent->n; i++)
		r = conf_strings_add(&feed->absent, absent->values[i].text);
	if (ends && (ends->n != 1 || strcmp(ends->values[0].text, "council") != 0))
		conf_mistake(reader->mistakes, record->file, ends->line,
		             "url_ends_in can only be \"council\": the end of the address is a code of the council");
	feed->url_ends_in_council = ends != NULL;
	for (size_t i = 0; mark && i < CW_ARRAY_LEN(roles); i++)
		if ((roles[i].role == CW_FIELD_EVENT_DATE || roles[i].role == CW_FIELD_PUBLISHED_AT) && mark->n == 1 &&
		    strcmp(roles[i].name, mark->values[0].text) == 0)
			feed->url_mark = roles[i].role;
	if (mark && feed->url_mark == CW_FIELD_COUNCIL)
		conf_mistake(reader->mistakes, record->file, mark->line, "url_mark is event_date or published_at");
	for (size_t i = 0; r == 0 && i < record->n_sections; i++) {
		if (record->sections[i]->known)
			r = read_section(reader, record->sections[i]);
	}
	for (size_t i = 0; r == 0 && i < reader->section->n_sections; i++)
		if (reader->section->sections[i]->known && strcmp(reader->section->sections[i]->name, "release") == 0)
			r = read_release(reader, reader->section->sections[i]);
	for (size_t i = 0; r == 0 && i < record->n_sections; i++)
		if (record->sections[i]->known && strcmp(record->sections[i]->name, "column") == 0)
			r = read_column(reader, record->sections[i]);
	if (r == 0)
		r = read_date_formats(reader);
	if (r == 0)
		r = read_required(reader);
	if (r < 0)
		return r;

	if (!conf_entry(record, "council") && !conf_entry(record, "text"))
		conf_mistake(reader->mistakes, record->file, record->line,
		             "the record of feed \"%s\" has no council; add council = { \"column\", … }", feed->name);
	check_text(reader);
	if (reader->kind && !has_outcome(reader)) {
		struct cw_buf need;

		cw_buf_init(&need, 1024);
		put_values(reader->kind->outcome, &need);
		conf_mistake(reader->mistakes, record->file, record->line,
		             "the record of feed \"%s\" has no outcome; kind %s needs at least one of %s", feed->name,
		             reader->kind->name, cw_buf_str(&need));
		cw_buf_clear(&need);
	}
	return 0;
}

/*
 * Steps and pages
 */

const struct cw_step *cw_feed_step(const struct cw_feed *feed, struct cw_str name)
{
	for (size_t i = 0; i < feed->n_steps; i++)
		if (cw_str_eq(name, feed->steps[i].name))
			return &feed->steps[i];
	return NULL;
}

const char *cw_feed_next_step(const struct cw_feed *feed, const struct cw_step *step)
{
	return step + 1 < feed->steps + feed->n_steps ? step[1].name : "";
}

static int step_columns(struct feed_reader *reader, const struct conf_section *section, const char *key,
                        enum cw_field_role role, struct cw_step *step)
{
	const struct conf_entry *entry = conf_entry(section, key);
	struct cw_field *field;
	int r = 0;

	if (!entry)
		return 0;
	if (step->reader.format == CW_FORMAT_HTML) {
		conf_mistake(reader->mistakes, section->file, entry->line,
		             "%s names columns; in format html every <a> is a link: remove it or set format", key);
		return 0;
	}
	field = add_field(&step->reader, role, (enum cw_value_id)0);
	if (!field)
		return -ENOMEM;
	field->required = role == CW_FIELD_URL;
	for (size_t i = 0; r == 0 && i < entry->n; i++)
		r = conf_strings_add(&field->columns, entry->values[i].text);
	return r;
}

/* A path is put behind it as it is. */
static bool good_prefix(const char *prefix)
{
	struct url_parts parts;

	return split_url(prefix, &parts) && (same(parts.scheme, "https") || same(parts.scheme, "http")) && parts.host.len &&
	       !parts.user.len && !strpbrk(prefix, "?#\\\" <>") && prefix[strlen(prefix) - 1] != '/' &&
	       strlen(prefix) <= CW_URL_MAX / 2;
}

static void check_step_columns(struct feed_reader *reader, const struct conf_section *section, const struct cw_step *step)
{
	struct cw_buf why;

	cw_buf_init(&why, 4096);
	if (conf_rows_at_wrong(step->reader.format, step->reader.rows_at, &why))
		COMPLAIN(reader, section, "rows_at", "%s", cw_buf_str(&why));
	for (size_t i = 0; i < step->reader.n_fields; i++)
		for (size_t k = 0; k < step->reader.fields[i].columns.n; k++)
			if (conf_column_wrong(step->reader.format, step->reader.fields[i].columns.at[k], &why))
				COMPLAIN(reader, section, step->reader.fields[i].role == CW_FIELD_URL ? "link" : "text", "%s",
				         cw_buf_str(&why));
	cw_buf_clear(&why);
}

static void check_step(struct feed_reader *reader, const struct conf_section *section, const struct cw_step *step)
{
	static const char *const html_only[] = { "link_class", "rel" };
	size_t len = strlen(step->name);

	if (!len || len >= CW_NAME_MAX ||
	    strspn(step->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != len)
		conf_mistake(reader->mistakes, section->file, section->line,
		             "step \"%s\" is not a good name; use up to %u letters, digits, '-', '_' and '.'", step->name,
		             CW_NAME_MAX - 1);
	if (step->reader.format == CW_FORMAT_EVIDENCE || step->reader.format == CW_FORMAT_ILACS_REPORT)
		COMPLAIN(reader, section, "format", "documents of format %s hold no links", cw_format_name(step->reader.format));
	for (size_t i = 0; i < CW_ARRAY_LEN(html_only) && step->reader.format != CW_FORMAT_HTML; i++)
		if (conf_entry(section, html_only[i]))
			COMPLAIN(reader, section, html_only[i], "%s is for format html; remove it or correct format",
			         html_only[i]);
	check_step_columns(reader, section, step);
	if (step->link_prefix && !good_prefix(step->link_prefix))
		COMPLAIN(reader, section, "link_prefix",
		         "link_prefix is to be put before a path; write it as https://host or https://host/path, without a "
		         "slash at the end");
	if (step->reader.format != CW_FORMAT_HTML && !conf_entry(section, "link"))
		conf_mistake(reader->mistakes, section->file, section->line,
		             "step \"%s\" does not say where its links are; add link = \"column\"", step->name);
	if (step->reader.format == CW_FORMAT_HTML && !step->link_contains.n && !step->link_class.n && !step->rel.n &&
	    !step->text_contains.n)
		conf_mistake(reader->mistakes, section->file, section->line,
		             "step \"%s\" would follow every link; add link_contains, link_class, rel or text_contains",
		             step->name);
}

static int read_step(struct feed_reader *reader, const struct conf_section *section)
{
	struct cw_feed *feed = reader->feed;
	struct cw_step *steps, *step;
	int r;

	if (feed->n_steps == CW_STEPS_MAX) {
		conf_mistake(reader->mistakes, section->file, section->line, "feed \"%s\" has more than %u steps",
		             feed->name, CW_STEPS_MAX);
		return 0;
	}
	if (cw_feed_step(feed, cw_str(section->title)))
		conf_mistake(reader->mistakes, section->file, section->line,
		             "feed \"%s\" has a second step \"%s\"; rename one", feed->name, section->title);
	steps = reallocarray(feed->steps, feed->n_steps + 1, sizeof(*steps));
	if (!steps)
		return -ENOMEM;
	feed->steps = steps;
	step = &steps[feed->n_steps++];
	*step = (struct cw_step){ .name = strdup(section->title), .line = section->line };
	step->interval_ms = feed->interval_ms;
	r = step->name ? conf_apply("step", section, step, reader->mistakes) : -ENOMEM;
	if (r < 0)
		return r;
	step->reader.name = strdup(feed->name);
	step->reader.file = strdup(feed->file);
	step->reader.line = section->line;
	step->reader.max_size = feed->max_size;
	if (!step->reader.name || !step->reader.file)
		return -ENOMEM;
	r = step_columns(reader, section, "link", CW_FIELD_URL, step);
	if (r == 0)
		r = step_columns(reader, section, "text", CW_FIELD_TITLE, step);
	if (r == 0)
		check_step(reader, section, step);
	return r;
}

static int read_pages(struct feed_reader *reader, const struct conf_section *section)
{
	struct cw_feed *feed = reader->feed;
	struct cw_pages *pages = &feed->pages;
	const struct conf_entry *until = conf_entry(section, "until");
	enum cw_format format = feed->n_steps ? feed->steps[0].reader.format : feed->format;
	int r;

	if (pages->on) {
		conf_mistake(reader->mistakes, section->file, section->line,
		             "feed \"%s\" has second pages, the first are on line %u; join them", feed->name,
		             pages->line);
		return 0;
	}
	pages->on = true;
	pages->line = section->line;
	r = conf_apply("pages", section, pages, reader->mistakes);
	if (r < 0)
		return r;
	if (until && (until->n != 1 || strcmp(until->values[0].text, "empty") != 0))
		conf_mistake(reader->mistakes, section->file, until->line, "until can only be \"empty\"");
	if ((pages->parameter != NULL) + (pages->rel.n > 0) + (pages->next_at != NULL) != 1)
		conf_mistake(reader->mistakes, section->file, section->line,
		             "pages need one of parameter, rel and next_at: how the next page is found");
	if (pages->parameter && (!*pages->parameter || strpbrk(pages->parameter, "&=?#% \t\"<>")))
		COMPLAIN(reader, section, "parameter", "'%s' is not the name of a parameter", pages->parameter);
	if (pages->rel.n && format != CW_FORMAT_HTML)
		COMPLAIN(reader, section, "rel", "rel is for a step of format html that reads the feed's url");
	if (pages->next_at && format != CW_FORMAT_JSON)
		COMPLAIN(reader, section, "next_at", "next_at is for a url that is read as json");
	if (!feed->url)
		conf_mistake(reader->mistakes, section->file, section->line, "pages of what? the feed has no url");
	return 0;
}

static void step_clear(struct cw_step *step)
{
	struct cw_feed *reader = &step->reader;

	for (size_t i = 0; i < reader->n_fields; i++)
		conf_strings_clear(&reader->fields[i].columns);
	free(reader->fields);
	free(reader->name);
	free(reader->file);
	conf_free("step", step);
	free(step->name);
}

/*
 * Examples
 */

static bool known_reason(const char *word)
{
	for (enum cw_reason reason = CW_REASON_BLANK_ROW; reason < CW_REASON_COUNT; reason++)
		if (strcmp(cw_reason_name(reason), word) == 0)
			return true;
	return false;
}

/* "bradford outcome=2 …" or "quarantine unknown_council": the names in it must exist. */
static void check_gives(struct feed_reader *reader, const struct conf_section *section, const struct conf_value *gives)
{
	char first[CW_NAME_MAX + 1], reason[CW_NAME_MAX + 1] = "";
	const char *near = NULL;
	int n = sscanf(gives->text, "%64s %64s", first, reason);

	if (n < 1) {
		conf_mistake(reader->mistakes, section->file, gives->line, "gives holds an empty text; remove it");
	} else if (strcmp(first, "quarantine") == 0) {
		const char *names[CW_REASON_COUNT] = { 0 };

		for (unsigned i = 1; i < CW_REASON_COUNT; i++)
			names[i - 1] = cw_reason_name((enum cw_reason)i);
		near = cw_nearest(reason, names);
		if (!known_reason(reason))
			conf_mistake(reader->mistakes, section->file, gives->line, "unknown reason '%s'%s%s%s", reason,
			             near ? "; did you mean '" : "; see councilwatch.conf(5)", near ? near : "",
			             near ? "'?" : "");
	} else if (strcmp(first, "link") == 0) {
		return; /* what a step follows */
	} else if (reader->councils && !cw_councils_by_id(reader->councils, cw_str(first))) {
		const struct cw_council *council;

		(void)cw_council_find(reader->councils, first, &council, &near);
		conf_mistake(reader->mistakes, section->file, gives->line, "unknown council id '%s'%s%s%s", first,
		             near ? "; did you mean '" : "; see the councils file", near ? near : "", near ? "'?" : "");
	}
}

/* One text of an expect into *ret, owned. */
static int expect_text(struct feed_reader *reader, const struct conf_section *section, const char *name, char **ret)
{
	const struct conf_entry *entry = conf_entry(section, name);

	if (!entry)
		return 0;
	if (entry->n != 1) {
		conf_mistake(reader->mistakes, section->file, entry->line, "%s takes one value", name);
		return 0;
	}
	*ret = strdup(entry->values[0].text);
	return *ret ? 0 : -ENOMEM;
}

static int read_expect(struct feed_reader *reader, const struct conf_section *section)
{
	struct cw_feed *feed = reader->feed;
	const struct conf_entry *input = conf_entry(section, "input"), *file = conf_entry(section, "input_file");
	const struct conf_entry *gives = conf_entry(section, "gives");
	struct cw_expect *expects = reallocarray(feed->expects, feed->n_expects + 1, sizeof(*expects)), *expect;

	if (!expects)
		return -ENOMEM;
	feed->expects = expects;
	expect = &expects[feed->n_expects++];
	*expect = (struct cw_expect){ .line = section->line };
	if (!input == !file)
		conf_mistake(reader->mistakes, section->file, section->line,
		             "an expect needs either input or input_file");
	if (!gives)
		conf_mistake(reader->mistakes, section->file, section->line,
		             "an expect needs gives = { … }: what its input must give; {} for nothing");
	if ((input && input->n != 1) || (file && file->n != 1)) {
		conf_mistake(reader->mistakes, section->file, (input ? input : file)->line, "%s takes one value",
		             input ? "input" : "input_file");
		return 0;
	}
	if (input) {
		expect->input = strdup(input->values[0].text);
		if (!expect->input)
			return -ENOMEM;
	} else if (file) {
		expect->input_file = conf_resolve(section->file, file->values[0].text);
		if (!expect->input_file)
			return -ENOMEM;
	}
	if (expect_text(reader, section, "step", &expect->step) < 0 ||
	    expect_text(reader, section, "link_text", &expect->link_text) < 0)
		return -ENOMEM;
	for (size_t i = 0; gives && i < gives->n; i++) {
		check_gives(reader, section, &gives->values[i]);
		if (conf_strings_add(&expect->gives, gives->values[i].text) < 0)
			return -ENOMEM;
	}
	return 0;
}

/*
 * The feed
 */

static void check_name(struct feed_reader *reader)
{
	const char *name = reader->section->title;
	size_t len = strlen(name);

	if (!len || len >= CW_NAME_MAX || name[0] == '.' || name[0] == '-' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != len)
		conf_mistake(reader->mistakes, reader->section->file, reader->section->line,
		             "feed \"%s\" is not a good name; use up to %u letters, digits, '-', '_' and '.'", name,
		             CW_NAME_MAX - 1);
}

static void read_kind(struct feed_reader *reader)
{
	const struct conf_entry *entry = conf_entry(reader->section, "kind");
	struct cw_feed *feed = reader->feed;
	const char *name, *near;

	if (!entry) {
		if (!cw_format_names_kind(feed->format))
			COMPLAIN(reader, reader->section, "",
			         "feed \"%s\" has no kind; add kind = \"ilacs\" or another", feed->name);
		return;
	}
	if (cw_format_names_kind(feed->format)) {
		conf_mistake(reader->mistakes, reader->section->file, entry->line,
		             feed->format == CW_FORMAT_EVIDENCE ?
		                 "format evidence takes the kind from each object; remove kind" :
		                 "format %s finds the kind of each document; remove kind",
		             cw_format_name(feed->format));
		return;
	}
	if (entry->n != 1) {
		conf_mistake(reader->mistakes, reader->section->file, entry->line, "kind takes one value");
		return;
	}
	name = entry->values[0].text;
	reader->kind = cw_kind_by_name(cw_str(name));
	if (reader->kind) {
		feed->kind = reader->kind->kind;
		return;
	}
	near = cw_nearest(name, cw_kind_names());
	if (near) {
		conf_mistake(reader->mistakes, reader->section->file, entry->line,
		             "unknown kind '%s'; did you mean '%s'?", name, near);
	} else {
		struct cw_buf all;

		cw_buf_init(&all, 1024);
		for (const char *const *kind = cw_kind_names(); *kind; kind++)
			cw_buf_printf(&all, "%s%s", all.len ? ", " : "", *kind);
		conf_mistake(reader->mistakes, reader->section->file, entry->line, "unknown kind '%s'; there is %s",
		             name, cw_buf_str(&all));
		cw_buf_clear(&all);
	}
}

static void check_required_keys(struct feed_reader *reader)
{
	static const struct {
		const char *key, *mend;
	} needed[] = { { "publisher", "publisher = \"who says it\"" },
		       { "tier", "tier = \"A\", \"B\", \"C\" or \"D\"" },
		       { "format", "format = \"csv\" or another" } };

	for (size_t i = 0; i < CW_ARRAY_LEN(needed); i++)
		if (!conf_entry(reader->section, needed[i].key))
			conf_mistake(reader->mistakes, reader->section->file, reader->section->line,
			             "feed \"%s\" has no %s; add %s", reader->feed->name, needed[i].key,
			             needed[i].mend);
}

/* Columns that the format cannot have. */
static void check_columns(struct feed_reader *reader)
{
	const struct cw_feed *feed = reader->feed;
	struct cw_buf why;

	if (!conf_entry(reader->section, "format"))
		return;
	cw_buf_init(&why, 4096);
	if (conf_rows_at_wrong(feed->format, feed->rows_at, &why))
		COMPLAIN(reader, reader->section, "rows_at", "%s", cw_buf_str(&why));
	for (size_t i = 0; reader->record && i < feed->n_fields; i++)
		for (size_t k = 0; k < feed->fields[i].columns.n; k++)
			if (conf_column_wrong(feed->format, feed->fields[i].columns.at[k], &why))
				COMPLAIN(reader, reader->record, field_name(&feed->fields[i]), "%s", cw_buf_str(&why));
	cw_buf_clear(&why);
}

static void check_licence(struct feed_reader *reader)
{
	const struct cw_feed *feed = reader->feed;

	if (feed->enabled && feed->needs_licence && (!feed->licence_reference || !*feed->licence_reference))
		COMPLAIN(reader, reader->section, "enabled",
		         "feed \"%s\" needs a licence before it may be fetched; put the reference of yours into "
		         "licence_reference, or set enabled = false",
		         feed->name);
}

/* Keys that only make sense for some formats. */
static void check_format_keys(struct feed_reader *reader)
{
	static const struct {
		const char *key, *formats;
		unsigned of;
	} only[] = { { "table", "html-table, xlsx or ods",
		       1u << CW_FORMAT_HTML_TABLE | 1u << CW_FORMAT_XLSX | 1u << CW_FORMAT_ODS },
		     { "sheet", "xlsx or ods", 1u << CW_FORMAT_XLSX | 1u << CW_FORMAT_ODS },
		     { "heading_rows", "xlsx or ods", 1u << CW_FORMAT_XLSX | 1u << CW_FORMAT_ODS },
		     { "column_groups", "xlsx or ods", 1u << CW_FORMAT_XLSX | 1u << CW_FORMAT_ODS },
		     { "rows_at", "json or xml", 1u << CW_FORMAT_JSON | 1u << CW_FORMAT_XML },
		     { "delimiter", "csv", 1u << CW_FORMAT_CSV } };

	if (!conf_entry(reader->section, "format"))
		return;
	if (reader->feed->format == CW_FORMAT_HTML)
		COMPLAIN(reader, reader->section, "format", "format html is for steps; for a table in a page use html-table");
	for (size_t i = 0; i < CW_ARRAY_LEN(only); i++)
		if (conf_entry(reader->section, only[i].key) && !(only[i].of & (1u << reader->feed->format)))
			COMPLAIN(reader, reader->section, only[i].key,
			         "%s is for format %s; remove it or correct format", only[i].key, only[i].formats);
}

static int read_sections(struct feed_reader *reader)
{
	const struct conf_section *section = reader->section;
	struct cw_feed *feed = reader->feed;
	unsigned first = 0;
	int r = 0;

	reader->record = conf_child(section, "record");
	for (size_t i = 0; i < section->n_sections; i++) {
		const struct conf_section *sub = section->sections[i];

		if (!sub->known || strcmp(sub->name, "record") != 0)
			continue;
		if (first)
			conf_mistake(reader->mistakes, sub->file, sub->line,
			             "feed \"%s\" has a second record, the first is on line %u; join them", feed->name,
			             first);
		else
			first = sub->line;
	}
	if (cw_format_names_kind(feed->format)) {
		if (reader->record)
			conf_mistake(reader->mistakes, reader->record->file, reader->record->line,
			             "format %s names its own fields; remove the record", cw_format_name(feed->format));
	} else if (reader->record) {
		r = read_record(reader);
	} else {
		conf_mistake(reader->mistakes, section->file, section->line,
		             "feed \"%s\" has no record; add record { council = { \"column\", … } … }", feed->name);
	}
	check_columns(reader);
	for (size_t i = 0; r == 0 && i < section->n_sections; i++)
		if (section->sections[i]->known && strcmp(section->sections[i]->name, "expect") == 0)
			r = read_expect(reader, section->sections[i]);
	/* Pages are of whatever the first step reads. */
	for (size_t i = 0; r == 0 && i < section->n_sections; i++)
		if (section->sections[i]->known && strcmp(section->sections[i]->name, "step") == 0)
			r = read_step(reader, section->sections[i]);
	for (size_t i = 0; r == 0 && i < section->n_sections; i++)
		if (section->sections[i]->known && strcmp(section->sections[i]->name, "pages") == 0)
			r = read_pages(reader, section->sections[i]);
	for (size_t i = 0; i < feed->n_expects; i++)
		if (feed->expects[i].step && !cw_feed_step(feed, cw_str(feed->expects[i].step)))
			conf_mistake(reader->mistakes, section->file, feed->expects[i].line,
			             "expect names step \"%s\", which feed \"%s\" does not have", feed->expects[i].step,
			             feed->name);
	if (r == 0 && feed->n_steps && !feed->url)
		conf_mistake(reader->mistakes, section->file, feed->steps[0].line,
		             "feed \"%s\" has steps and no url to start from", feed->name);
	return r;
}

int conf_feed_read(const struct conf_section *section, const struct cw_risk *risk, const struct cw_councils *councils,
                   const struct cw_phrases *phrases, bool phrases_named, struct conf_mistakes *mistakes,
                   struct cw_feed *ret)
{
	struct cw_feed *feed = ret;
	struct feed_reader reader = { .section = section,
		                      .feed = feed,
		                      .risk = risk,
		                      .councils = councils,
		                      .phrases = phrases,
		                      .phrases_named = phrases_named,
		                      .mistakes = mistakes };
	struct url_parts parts = { 0 };
	bool local = false;
	int r;

	*feed =
	    (struct cw_feed){ .line = section->line, .name = strdup(section->title), .file = strdup(section->file) };
	if (!feed->name || !feed->file)
		return -ENOMEM;
	r = conf_apply("feed", section, feed, mistakes);
	if (r < 0)
		return r;
	check_name(&reader);
	check_required_keys(&reader);
	if (feed->url && !*feed->url) {
		free(feed->url);
		feed->url = NULL;
	}
	if (feed->url)
		check_url(&reader, &parts, &local);
	check_path(&reader);
	check_interval(&reader, local || feed->path);
	check_headers(&reader);
	check_hosts(&reader);
	r = check_credential(&reader);
	if (r < 0)
		return r;
	read_kind(&reader);
	check_format_keys(&reader);
	if (feed->column_groups && feed->heading_rows < 2)
		COMPLAIN(&reader, reader.section, "column_groups",
		         "column_groups needs heading_rows of 2 or more: the groups' headings and those below them");
	check_licence(&reader);
	return read_sections(&reader);
}

void conf_feed_clear(struct cw_feed *feed)
{
	for (size_t i = 0; i < feed->n_fields; i++) {
		struct cw_field *field = &feed->fields[i];

		conf_strings_clear(&field->columns);
		conf_strings_clear(&field->date_format);
		for (size_t k = 0; k < field->n_maps; k++) {
			free(field->maps[k].from);
			free(field->maps[k].to);
		}
		free(field->maps);
		for (size_t k = 0; k < field->n_parts; k++) {
			free(field->parts[k].from);
			free(field->parts[k].to);
		}
		free(field->parts);
		free(field->otherwise);
		free(field->constant);
	}
	free(feed->fields);
	for (size_t i = 0; i < feed->n_wheres; i++) {
		conf_free("where", &feed->wheres[i]);
		free(feed->wheres[i].column);
	}
	free(feed->wheres);
	for (size_t i = 0; i < feed->n_columns; i++) {
		conf_free("column", &feed->columns[i]);
		free(feed->columns[i].name);
	}
	free(feed->columns);
	for (size_t i = 0; feed->release && i < feed->release->n_measures; i++)
		conf_free("measure", &feed->release->measures[i]);
	if (feed->release)
		free(feed->release->measures);
	free(feed->release);
	for (size_t i = 0; i < feed->n_expects; i++) {
		free(feed->expects[i].input);
		free(feed->expects[i].input_file);
		free(feed->expects[i].step);
		free(feed->expects[i].link_text);
		conf_strings_clear(&feed->expects[i].gives);
	}
	free(feed->expects);
	for (size_t i = 0; i < feed->n_steps; i++)
		step_clear(&feed->steps[i]);
	free(feed->steps);
	conf_free("pages", &feed->pages);
	conf_strings_clear(&feed->absent);
	conf_free("feed", feed);
	free(feed->name);
	free(feed->file);
	*feed = (struct cw_feed){ 0 };
}

/*
 * Printing
 */

/* A section of the record, all of whose keys are in the table. */
static void print_titled(struct cw_buf *out, const char *name, const char *title, const void *object)
{
	cw_buf_printf(out, "        %s ", name);
	conf_put_quoted(out, title);
	cw_buf_puts(out, " {\n");
	conf_print(name, object, 3, out);
	cw_buf_puts(out, "        }\n");
}

static void print_majority(struct cw_buf *out, const struct cw_field *field)
{
	cw_buf_printf(out, "        majority \"%s\" {\n", field_name(field));
	conf_print_text(out, 3, "of", field->columns.at[0]);
	conf_print_text(out, 3, "otherwise", field->otherwise);
	for (size_t i = 0; i < field->n_parts; i++)
		conf_print_text(out, 3, field->parts[i].to, field->parts[i].from);
	cw_buf_puts(out, "        }\n");
}

static void print_record(const struct cw_feed *feed, struct cw_buf *out)
{
	struct cw_strings required = { 0 };
	size_t constants = 0, dated = 0;

	cw_buf_puts(out, "    record {\n");
	for (size_t i = 0; i < feed->n_fields; i++) {
		const struct cw_field *field = &feed->fields[i];
		const char *name = field_name(field);

		if (field->columns.n && !field->otherwise)
			conf_print_list(out, 2, name, &field->columns);
		if (field->date_format.n && is_date_value(field)) {
			/* The dates among the values have the common format. */
			if (!dated++)
				conf_print_list(out, 2, "date_format", &field->date_format);
		} else if (field->date_format.n) {
			char key[CW_NAME_MAX];

			snprintf(key, sizeof(key), "%s_format", name);
			conf_print_list(out, 2, key, &field->date_format);
		}
		constants += field->constant != NULL;
		required.n += field->required;
	}
	if (feed->absent.n)
		conf_print_list(out, 2, "absent", &feed->absent);
	if (feed->url_mark != CW_FIELD_COUNCIL)
		conf_print_text(out, 2, "url_mark",
		                feed->url_mark == CW_FIELD_EVENT_DATE ? "event_date" : "published_at");
	if (feed->url_ends_in_council)
		conf_print_text(out, 2, "url_ends_in", "council");

	conf_put_indent(out, 2);
	cw_buf_puts(out, "required = {");
	for (size_t i = 0, n = 0; i < feed->n_fields; i++)
		if (feed->fields[i].required)
			cw_buf_printf(out, "%s\"%s\"", n++ ? ", " : " ", field_name(&feed->fields[i]));
	cw_buf_puts(out, required.n ? " }\n" : "}\n");

	for (size_t i = 0; i < feed->n_fields; i++) {
		const struct cw_field *field = &feed->fields[i];

		if (!field->n_maps)
			continue;
		cw_buf_printf(out, "        map \"%s\" {\n", field_name(field));
		for (size_t k = 0; k < field->n_maps; k++) {
			conf_put_indent(out, 3);
			conf_put_quoted(out, field->maps[k].from);
			cw_buf_puts(out, " = ");
			conf_put_quoted(out, field->maps[k].to);
			cw_buf_putc(out, '\n');
		}
		cw_buf_puts(out, "        }\n");
	}
	for (size_t i = 0; i < feed->n_fields; i++)
		if ((feed->fields[i].scale != 0 && feed->fields[i].scale != 1) || feed->fields[i].parentheses)
			print_titled(out, "number", field_name(&feed->fields[i]), &feed->fields[i]);
	for (size_t i = 0; i < feed->n_fields; i++)
		if (feed->fields[i].otherwise)
			print_majority(out, &feed->fields[i]);
	for (size_t i = 0; i < feed->n_wheres; i++)
		print_titled(out, "where", feed->wheres[i].column, &feed->wheres[i]);
	for (size_t i = 0; i < feed->n_columns; i++)
		print_titled(out, "column", feed->columns[i].name, &feed->columns[i]);
	if (constants) {
		cw_buf_puts(out, "        constants {\n");
		for (size_t i = 0; i < feed->n_fields; i++)
			if (feed->fields[i].constant)
				conf_print_text(out, 3, field_name(&feed->fields[i]), feed->fields[i].constant);
		cw_buf_puts(out, "        }\n");
	}
	cw_buf_puts(out, "    }\n");
}

static void print_release(const struct cw_feed_release *release, struct cw_buf *out)
{
	if (!release)
		return;
	cw_buf_puts(out, "    release {\n");
	conf_print("release", release, 2, out);
	for (size_t i = 0; i < release->n_measures; i++)
		print_titled(out, "measure", cw_value_def(release->measures[i].value_id)->name, &release->measures[i]);
	cw_buf_puts(out, "    }\n");
}

bool conf_feed_has_text(const struct cw_feed *feed)
{
	for (size_t i = 0; i < feed->n_fields; i++)
		if (feed->fields[i].role == CW_FIELD_TEXT)
			return true;
	return false;
}

static bool step_key_foreign(const struct cw_step *step, const char *name)
{
	return (strcmp(name, "table") == 0 && step->reader.format != CW_FORMAT_HTML_TABLE) ||
	       (strcmp(name, "delimiter") == 0 && step->reader.format != CW_FORMAT_CSV);
}

/* mapping: only what decides which links a document gives. */
static void print_steps(const struct cw_feed *feed, bool mapping, struct cw_buf *out)
{
	static const char *const course[] = { "immutable", "interval", "max_links", NULL };

	for (size_t i = 0; i < feed->n_steps; i++) {
		const struct cw_step *step = &feed->steps[i];

		cw_buf_puts(out, "    step ");
		conf_put_quoted(out, step->name);
		cw_buf_puts(out, " {\n");
		for (size_t k = 0; k < conf_keys_n; k++) {
			bool skip = strcmp(conf_keys[k].section, "step") != 0 || step_key_foreign(step, conf_keys[k].name);

			for (size_t c = 0; mapping && course[c]; c++)
				skip = skip || strcmp(conf_keys[k].name, course[c]) == 0;
			if (!skip)
				conf_print_key(&conf_keys[k], step, 2, out);
		}
		for (size_t k = 0; k < step->reader.n_fields; k++)
			conf_print_list(out, 2, step->reader.fields[k].role == CW_FIELD_URL ? "link" : "text",
			                &step->reader.fields[k].columns);
		cw_buf_puts(out, "    }\n");
	}
	if (!feed->pages.on)
		return;
	cw_buf_puts(out, "    pages {\n");
	for (size_t k = 0; k < conf_keys_n; k++) {
		bool counts = !strcmp(conf_keys[k].name, "first") || !strcmp(conf_keys[k].name, "by");

		if (strcmp(conf_keys[k].section, "pages") == 0 && (feed->pages.parameter || !counts))
			conf_print_key(&conf_keys[k], &feed->pages, 2, out);
	}
	cw_buf_puts(out, "    }\n");
}

void conf_feed_print(const struct cw_feed *feed, struct cw_buf *out)
{
	cw_buf_puts(out, "feed ");
	conf_put_quoted(out, feed->name);
	cw_buf_puts(out, " {\n");
	for (size_t i = 0; i < conf_keys_n; i++) {
		const struct conf_key *key = &conf_keys[i];
		bool sheets = feed->format == CW_FORMAT_XLSX || feed->format == CW_FORMAT_ODS;
		bool foreign = (strcmp(key->name, "table") == 0 && feed->format != CW_FORMAT_HTML_TABLE && !sheets) ||
		               (strcmp(key->name, "heading_rows") == 0 && !sheets) ||
		               (strcmp(key->name, "column_groups") == 0 && !sheets) ||
		               (strcmp(key->name, "interval") == 0 && !feed->interval_ms) ||
		               (strcmp(key->name, "delimiter") == 0 && feed->format != CW_FORMAT_CSV) ||
		               (strcmp(key->name, "keep") == 0 && !conf_feed_has_text(feed));

		if (strcmp(key->section, "feed") == 0 && !foreign)
			conf_print_key(key, feed, 1, out);
	}
	if (feed->kind != CW_KIND_NONE)
		conf_print_text(out, 1, "kind", cw_kind_def(feed->kind)->name);
	print_steps(feed, false, out);
	if (!cw_format_names_kind(feed->format))
		print_record(feed, out);
	print_release(feed->release, out);
	for (size_t i = 0; i < feed->n_expects; i++) {
		const struct cw_expect *expect = &feed->expects[i];

		cw_buf_puts(out, "    expect {\n");
		if (expect->input)
			conf_print_text(out, 2, "input", expect->input);
		if (expect->input_file)
			conf_print_text(out, 2, "input_file", expect->input_file);
		if (expect->step)
			conf_print_text(out, 2, "step", expect->step);
		if (expect->link_text)
			conf_print_text(out, 2, "link_text", expect->link_text);
		conf_print_list(out, 2, "gives", &expect->gives);
		cw_buf_puts(out, "    }\n");
	}
	cw_buf_puts(out, "}\n");
}

void conf_feed_print_mapping(const struct cw_feed *feed, struct cw_buf *out)
{
	static const char *const keys[] = { "publisher", "tier",         "format",  "required", "encoding",
		                            "table",     "sheet",        "heading_rows", "column_groups", "rows_at",  "delimiter",
		                            "keep",      "signals" };

	cw_buf_printf(out, "feed %s %s\n", feed->name, feed->kind != CW_KIND_NONE ? cw_kind_def(feed->kind)->name : "");
	for (size_t i = 0; i < conf_keys_n; i++)
		for (size_t k = 0; k < CW_ARRAY_LEN(keys) && strcmp(conf_keys[i].section, "feed") == 0; k++)
			if (strcmp(conf_keys[i].name, keys[k]) == 0)
				conf_print_key(&conf_keys[i], feed, 1, out);
	print_steps(feed, true, out);
	print_record(feed, out);
	print_release(feed->release, out);
}
