#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>

#include <councilwatch/bus.h>

#include "config_private.h"

#define ENDPOINT(name) offsetof(struct cw_config, endpoint_##name)
#define DOOR(name)                                                                                                     \
	{                                                                                                              \
		#name, ENDPOINT(name), offsetof(struct cw_config, remote_##name), offsetof(struct cw_config, allow_##name) \
	}

static const struct {
	const char *name;
	size_t endpoint, remote, allow;
} doors[CW_DOOR_COUNT] = { DOOR(work), DOOR(evidence), DOOR(alerts), DOOR(query), DOOR(control), DOOR(submit) };

const char *cw_door_name(enum cw_door door)
{
	return (unsigned)door < CW_DOOR_COUNT ? doors[door].name : "";
}

const char *cw_config_endpoint(const struct cw_config *config, enum cw_door door)
{
	return *(char *const *)((const char *)config + doors[door].endpoint);
}

const char *cw_config_remote(const struct cw_config *config, enum cw_door door)
{
	return *(char *const *)((const char *)config + doors[door].remote);
}

struct cw_strings *cw_config_allow(struct cw_config *config, enum cw_door door)
{
	return (struct cw_strings *)((char *)config + doors[door].allow);
}

static bool is_tcp(const char *endpoint)
{
	return endpoint && strncmp(endpoint, "tcp://", 6) == 0;
}

static bool is_far(const char *endpoint)
{
	return is_tcp(endpoint) && !cw_endpoint_is_loopback(endpoint);
}

/* Our own workers come to these without a key, so that none is lost with a worker. */
static bool is_internal(enum cw_door door)
{
	return door == CW_DOOR_WORK || door == CW_DOOR_EVIDENCE;
}

const char *cw_config_door(const struct cw_config *config, enum cw_door door)
{
	const char *remote = cw_config_remote(config, door), *endpoint = cw_config_endpoint(config, door);

	if (!config->server_key || !config->allowed[door].n)
		return NULL;
	return remote ? remote : is_tcp(endpoint) && !is_internal(door) ? endpoint : NULL;
}

/* Reading */

struct reader {
	const struct conf_section *section;
	struct cw_config *config;
	struct conf_mistakes *mistakes;
};

static unsigned line_of(const struct reader *reader, const char *prefix, const char *name)
{
	char key[2 * CW_NAME_MAX];
	const struct conf_entry *entry;

	snprintf(key, sizeof(key), "%s%s", prefix, name);
	entry = conf_entry(reader->section, key);
	return entry ? entry->line : 0;
}

#define COMPLAIN(reader, line, ...) conf_mistake((reader)->mistakes, (reader)->config->file, line, __VA_ARGS__)

static void take_mistake(void *arg, const struct cw_error *err)
{
	conf_mistake(arg, err->source, err->line, "%s", err->text);
}

/* Relative to the configuration; a name alone is a credential. */
static int resolve_key(struct reader *reader, char **at)
{
	char *path;

	if (!*at || !strchr(*at, '/'))
		return 0;
	path = conf_resolve(reader->config->file, *at);
	if (!path)
		return -ENOMEM;
	free(*at);
	*at = path;
	return 0;
}

static int read_allow(struct reader *reader, enum cw_door door)
{
	struct cw_strings *allow = cw_config_allow(reader->config, door);
	int r = 0;

	for (size_t i = 0; i < allow->n && r >= 0; i++) {
		char *path = conf_resolve(reader->config->file, allow->at[i]);

		if (!path)
			return -ENOMEM;
		free(allow->at[i]);
		allow->at[i] = path;
		r = cw_allowed_load(path, take_mistake, reader->mistakes, &reader->config->allowed[door]);
	}
	return r < 0 ? r : 0;
}

static void check_door(struct reader *reader, enum cw_door door)
{
	struct cw_config *config = reader->config;
	const char *name = doors[door].name, *remote = cw_config_remote(config, door), *endpoint = cw_config_endpoint(config, door);
	unsigned line = config->remote_lines[door], allow = line_of(reader, "allow_", name);
	bool has_list = cw_config_allow(config, door)->n > 0;
	bool serves = remote || (is_tcp(endpoint) && !is_internal(door));

	if (remote && !is_tcp(remote))
		COMPLAIN(reader, line, "remote_%s is '%s'; write tcp://address:port", name, remote);
	else if (remote && !config->server_key && (is_far(remote) || has_list))
		COMPLAIN(reader, line,
		         "remote_%s would be open to everybody who reaches it: make a key with 'councilwatch keygen', and set server_key and allow_%s",
		         name, name);
	else if (remote && config->server_key && !has_list)
		COMPLAIN(reader, line, "remote_%s lets nobody in: name the files of the keys that may come in allow_%s", name, name);
	if (remote && is_tcp(endpoint) && !is_internal(door) && is_far(endpoint))
		COMPLAIN(reader, line, "remote_%s is set, and endpoint_%s is reached from other machines as well: set one of them", name, name);
	if (has_list && !serves)
		COMPLAIN(reader, allow, "allow_%s has nothing to guard: set remote_%s = \"tcp://address:port\"", name, name);
	if (!remote && is_tcp(endpoint) && !is_internal(door) && has_list && !config->server_key)
		COMPLAIN(reader, allow, "allow_%s needs server_key: make one with 'councilwatch keygen'", name);
	if (!config->client_key && is_far(endpoint) && is_internal(door))
		COMPLAIN(reader, config->endpoint_lines[door],
		         "endpoint_%s would be open to everybody who reaches it: set remote_%s, server_key and allow_%s (or client_key and "
		         "server_public_key, where it is only connected to)",
		         name, name, name);
	else if (!config->client_key && is_far(endpoint) && (!config->server_key || !has_list))
		COMPLAIN(reader, config->endpoint_lines[door],
		         "endpoint_%s would be open to everybody who reaches it: set server_key and allow_%s (or client_key and "
		         "server_public_key, where it is only connected to)",
		         name, name);
	if (has_list && !config->allowed[door].n && !reader->mistakes->n)
		COMPLAIN(reader, allow, "allow_%s lists no key: nobody could come in", name);
}

static void check_commit(struct reader *reader)
{
	if (is_far(reader->config->endpoint_commit))
		COMPLAIN(reader, reader->config->commit_line,
		         "endpoint_commit is between the daemon and its own assessor: leave it as it is, or use the loopback interface");
}

static int read_group(struct reader *reader)
{
	struct cw_config *config = reader->config;
	char memory[16384];
	struct group group, *found = NULL;
	int64_t number;
	int r;

	config->gid = (gid_t)-1;
	if (!config->group)
		return 0;
	if (cw_parse_integer(cw_str(config->group), &number) == 0 && number >= 0 && number < UINT32_MAX) {
		config->gid = (gid_t)number;
		return 0;
	}
	r = getgrnam_r(config->group, &group, memory, sizeof(memory), &found);
	if (found)
		config->gid = found->gr_gid;
	else if (r == ENOMEM)
		return -ENOMEM;
	else
		COMPLAIN(reader, line_of(reader, "", "group"), "group is '%s', and there is no such group: make it (groupadd --system), or name another",
		         config->group);
	return 0;
}

int conf_doors_read(const struct conf_section *section, struct cw_config *config, struct conf_mistakes *mistakes)
{
	struct reader reader = { section, config, mistakes };
	int r = resolve_key(&reader, &config->server_key);

	config->commit_line = line_of(&reader, "endpoint_", "commit");
	config->server_key_line = line_of(&reader, "", "server_key");
	if (r == 0)
		r = resolve_key(&reader, &config->client_key);
	if (r == 0)
		r = read_group(&reader);
	if (!config->client_key != !config->server_public_key)
		COMPLAIN(&reader, line_of(&reader, "", config->client_key ? "client_key" : "server_public_key"),
		         "%s is of no use without %s: set both", config->client_key ? "client_key" : "server_public_key",
		         config->client_key ? "server_public_key" : "client_key");
	for (int door = 0; door < CW_DOOR_COUNT && r == 0; door++) {
		config->endpoint_lines[door] = line_of(&reader, "endpoint_", doors[door].name);
		config->remote_lines[door] = line_of(&reader, "remote_", doors[door].name);
		r = read_allow(&reader, (enum cw_door)door);
		check_door(&reader, (enum cw_door)door);
	}
	check_commit(&reader);
	return r;
}

void conf_doors_clear(struct cw_config *config)
{
	for (int door = 0; door < CW_DOOR_COUNT; door++)
		cw_allowed_clear(&config->allowed[door]);
}

void cw_config_keep_home(struct cw_config *config)
{
	for (int door = 0; door < CW_DOOR_COUNT; door++) {
		char **remote = (char **)((char *)config + doors[door].remote);

		free(*remote);
		*remote = NULL;
		conf_strings_clear(cw_config_allow(config, (enum cw_door)door));
	}
	conf_doors_clear(config);
	free(config->server_key);
	free(config->group);
	config->server_key = config->group = NULL;
	config->gid = (gid_t)-1;
}

/* Serving */

int cw_config_check_served(const struct cw_config *config, cw_report_fn *report, void *arg)
{
	struct cw_key_pair pair;
	struct cw_error err;
	int n = 0;

	for (int door = 0; door < CW_DOOR_COUNT; door++) {
		const char *name = doors[door].name;

		if (!is_far(cw_config_endpoint(config, (enum cw_door)door)) || (!is_internal(door) && config->server_key && config->allowed[door].n))
			continue;
		cw_error_at(&err, -EACCES, config->file, config->endpoint_lines[door], 0,
		            is_internal(door) ? "endpoint_%s is for the daemon's own workers: leave it as it is, and set remote_%s for those of other machines"
		                              : "endpoint_%s would be open to everybody who reaches it: set server_key and allow_%s",
		            name, name);
		report(arg, &err);
		n++;
	}
	if (config->server_key && cw_key_pair_load(config->server_key, &pair, &err) < 0) {
		struct cw_error mistake;

		if (err.code == -ENOMEM)
			return -ENOMEM;
		cw_error_at(&mistake, err.code, config->file, config->server_key_line, 0, "server_key cannot be used: %.200s%s%.260s", err.source,
		            err.source[0] ? " " : "", err.text);
		report(arg, &mistake);
		n++;
	} else if (config->server_key) {
		cw_key_pair_clear(&pair);
	}
	return n;
}
