#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accepted.h"

#define TABLE_MAX (16u << 20)
#define PRINTED_MAX (64u << 20)

static int read_file(const char *path, struct cw_buf *out, struct cw_error *err)
{
	char piece[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
	ssize_t n;

	if (fd < 0)
		return cw_error_at(err, -errno, path, 0, 0, "cannot be read: %s", strerror(errno));
	while (r == 0 && (n = read(fd, piece, sizeof(piece))) != 0) {
		if (n < 0)
			r = errno == EINTR ? 0 : cw_error_at(err, -errno, path, 0, 0, "cannot be read: %s", strerror(errno));
		else
			r = cw_buf_append(out, piece, (size_t)n);
	}
	close(fd);
	return r;
}

/* Complete before it has its name. */
static int write_as(const char *path, const struct cw_buf *text, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *fresh = NULL;
	FILE *file;
	int r = 0;

	if (asprintf(&fresh, "%s.new", path) < 0) {
		fresh = NULL;
		return cw_error_nomem(err);
	}
	file = fopen(fresh, "we");
	if (!file)
		return cw_error_at(err, -errno, fresh, 0, 0, "cannot be written: %s", strerror(errno));
	if (fwrite(text->data, 1, text->len, file) != text->len)
		r = -EIO;
	if (fclose(file) != 0)
		r = -errno;
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(fresh);
		return cw_error_at(err, r, fresh, 0, 0, "cannot be written: %s", strerror(-r));
	}
	return 0;
}

/* Under a name of its own content, so that a file which is there is the right one. */
static int write_file(const char *directory, const char *kind, const struct cw_buf *text, char **ret, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *path = NULL;
	unsigned char digest[CW_SHA256_LEN];
	char hex[CW_SHA256_HEX];
	int r;

	if (cw_sha256(text->data, text->len, digest) < 0)
		return cw_error_nomem(err);
	cw_hex(digest, sizeof(digest), hex);
	if (asprintf(&path, "%s/%.16s.%s", directory, hex, kind) < 0) {
		path = NULL;
		return cw_error_nomem(err);
	}
	r = write_as(path, text, err);
	if (r == 0)
		*ret = cw_steal(path);
	return r;
}

static int copy_table(const char *from, const char *directory, const char *kind, char **ret, struct cw_error *err)
{
	struct cw_buf text;
	int r;

	cw_buf_init(&text, TABLE_MAX);
	r = cw_buf_reserve(&text, 0);
	if (r == 0)
		r = read_file(from, &text, err);
	if (r == 0)
		r = write_file(directory, kind, &text, ret, err);
	cw_buf_clear(&text);
	return r;
}

void cw_accepted_clear(const struct cw_config *config)
{
	CW_CLEANUP(cw_freep) char *directory = NULL;
	struct dirent *entry;
	DIR *dir;

	if (asprintf(&directory, "%s/accepted", config->runtime_dir) < 0)
		return;
	dir = opendir(directory);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
}

static void ignore_mistake(void *arg, const struct cw_error *mistake)
{
	(void)arg;
	(void)mistake;
}

/* Reads the copy back: it must be the same configuration. */
static int verify(const struct cw_config *config, const char *path, struct cw_error *err)
{
	struct cw_config *copy;
	bool same;
	int r = cw_config_load(path, ignore_mistake, NULL, &copy, err);

	if (r < 0)
		return cw_error_prefix(err, "the copy of the configuration cannot be read back");
	same = strcmp(copy->hash, config->hash) == 0;
	cw_config_free(copy);
	return same ? 0 : cw_error_set(err, -EBUSY, "the configuration's tables changed while they were read; try again");
}

static int list_one(struct cw_strings *list, const char *text)
{
	char *copy = strdup(text);

	list->at = malloc(sizeof(*list->at));
	if (!copy || !list->at) {
		free(copy);
		return -ENOMEM;
	}
	list->at[0] = copy;
	list->n = 1;
	return 0;
}

/* The keys that may come in, under a name that stays when the list is another: a worker that starts later reads the list of now, and one that
 * runs is told, so that nobody's connection is lost for a change of the list. */
static int copy_allowed(const struct cw_config *config, const char *directory, struct cw_config *copy, struct cw_error *err)
{
	int r = 0;

	for (int door = 0; door < CW_DOOR_COUNT && r == 0; door++) {
		struct cw_strings *allow = cw_config_allow(copy, (enum cw_door)door);
		CW_CLEANUP(cw_freep) char *path = NULL;
		struct cw_buf text;

		*allow = (struct cw_strings){ 0 };
		if (!config->allowed[door].n)
			continue;
		if (asprintf(&path, "%s/%s.keys", directory, cw_door_name((enum cw_door)door)) < 0) {
			path = NULL;
			return cw_error_nomem(err);
		}
		cw_buf_init(&text, TABLE_MAX);
		if (cw_allowed_print(&config->allowed[door], &text) < 0 || list_one(allow, path) < 0)
			r = cw_error_nomem(err);
		if (r == 0)
			r = write_as(path, &text, err);
		cw_buf_clear(&text);
	}
	return r;
}

static void forget_allowed(struct cw_config *copy)
{
	for (int door = 0; door < CW_DOOR_COUNT; door++) {
		struct cw_strings *allow = cw_config_allow(copy, (enum cw_door)door);

		if (allow->n)
			free(allow->at[0]);
		free(allow->at);
	}
}

int cw_accepted_write(const struct cw_config *config, char **ret, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *directory = NULL;
	CW_CLEANUP(cw_freep) char *councils = NULL;
	CW_CLEANUP(cw_freep) char *aliases = NULL;
	CW_CLEANUP(cw_freep) char *lineage = NULL;
	CW_CLEANUP(cw_freep) char *organisations = NULL;
	CW_CLEANUP(cw_freep) char *bodies = NULL;
	CW_CLEANUP(cw_freep) char *path = NULL;
	struct cw_config copy = *config;
	struct cw_buf text;
	int r;

	if (asprintf(&directory, "%s/accepted", config->runtime_dir) < 0)
		return cw_error_nomem(err);
	if (mkdir(directory, 0750) < 0 && errno != EEXIST)
		return cw_error_at(err, -errno, directory, 0, 0, "cannot be made: %s", strerror(errno));
	r = copy_table(config->councils_file, directory, "councils.csv", &councils, err);
	if (r == 0)
		r = copy_table(config->aliases_file, directory, "aliases.csv", &aliases, err);
	if (r == 0 && config->lineage_file)
		r = copy_table(config->lineage_file, directory, "lineage.csv", &lineage, err);
	if (r == 0 && config->organisations_file)
		r = copy_table(config->organisations_file, directory, "organisations.csv", &organisations, err);
	if (r == 0 && config->other_bodies_file)
		r = copy_table(config->other_bodies_file, directory, "other-bodies.csv", &bodies, err);
	if (r < 0)
		return r;
	r = copy_allowed(config, directory, &copy, err);
	/* The constants of risk.conf are printed with the rest. */
	copy.councils_file = councils;
	copy.aliases_file = aliases;
	copy.lineage_file = lineage;
	copy.organisations_file = organisations;
	copy.other_bodies_file = bodies;
	copy.risk_file = NULL;
	cw_buf_init(&text, PRINTED_MAX);
	if (r == 0 && cw_config_print(&copy, &text) < 0)
		r = cw_error_nomem(err);
	if (r == 0)
		r = write_file(directory, "conf", &text, &path, err);
	cw_buf_clear(&text);
	forget_allowed(&copy);
	if (r == 0)
		r = verify(config, path, err);
	if (r < 0)
		return r;
	*ret = cw_steal(path);
	return 0;
}
