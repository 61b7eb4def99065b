/* Copies of the databases, and putting them back. What is whole is storage_check.c's to say. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <councilwatch/clock.h>
#include <councilwatch/storage.h>
#include <councilwatch/store.h>
#include <councilwatch/text.h>

#include "storage_private.h"

#define MANIFEST "MANIFEST"
#define MANIFEST_HEAD "councilwatch backup 1"
#define PIECE (1u << 20)

/* Who is told of an alert, or of a document's commit, stands after who tells of it: see storage.h. */
const struct storage_database storage_databases[] = {
	{ "ledger.db", false },
	{ "audit.db", false },
	{ "inbox.db", true },
	{ "councilwatch.db", true },
};
const size_t storage_databases_n = CW_ARRAY_LEN(storage_databases);

int storage_path(const char *folder, const char *name, char **ret, struct cw_error *err)
{
	if (asprintf(ret, "%s/%s", folder, name) < 0) {
		*ret = NULL;
		return cw_error_nomem(err);
	}
	return 0;
}

static void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static int fail(struct cw_error *err, const char *path, const char *what)
{
	int code = errno;

	return cw_error_at(err, -code, path, 0, 0, "%s: %s", what, strerror(code));
}

static int sync_folder(const char *folder, struct cw_error *err)
{
	CW_CLEANUP(closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? fail(err, folder, "cannot be made durable") : 0;
}

/* Copies from one open file to the end of another (to < 0: nowhere), and says what it was. */
static int pump(int from, int to, const char *path, char hex[CW_SHA256_HEX], struct cw_error *err)
{
	CW_CLEANUP(cw_freep) unsigned char *piece = malloc(PIECE);
	struct cw_sha256 *hash = cw_sha256_new();
	unsigned char sum[CW_SHA256_LEN];
	ssize_t len = -1;
	int r = 0;

	if (!piece || !hash)
		r = cw_error_nomem(err);
	while (r == 0 && (len = read(from, piece, PIECE)) > 0) {
		if (cw_sha256_update(hash, piece, (size_t)len) < 0)
			r = cw_error_nomem(err);
		for (ssize_t done = 0; r == 0 && to >= 0 && done < len;) {
			ssize_t n = write(to, piece + done, (size_t)(len - done));

			if (n < 0 && errno != EINTR)
				r = fail(err, path, "cannot be written");
			done += n > 0 ? n : 0;
		}
	}
	if (r == 0 && len < 0)
		r = fail(err, path, "cannot be read");
	if (r == 0 && cw_sha256_final(hash, sum) < 0)
		r = cw_error_nomem(err);
	if (r == 0)
		cw_hex(sum, CW_SHA256_LEN, hex);
	cw_sha256_free(hash);
	return r;
}

static int hash_file(const char *path, char hex[CW_SHA256_HEX], struct cw_error *err)
{
	CW_CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? fail(err, path, "cannot be read") : pump(fd, -1, path, hex, err);
}

/* ---- backup ---- */

static int make_folder(const char *folder, struct cw_error *err)
{
	struct dirent *entry;
	DIR *dir;

	if (mkdir(folder, 0750) == 0)
		return 0;
	if (errno != EEXIST)
		return fail(err, folder, "cannot be made");
	dir = opendir(folder);
	if (!dir)
		return fail(err, folder, "cannot be looked into");
	while ((entry = readdir(dir)) && (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")))
		;
	closedir(dir);
	return entry ? cw_error_at(err, -EEXIST, folder, 0, 0, "is not empty: name a new folder for the copy") : 0;
}

/* One database, durable, and its line in the manifest. */
static int back_up(const char *state_dir, const char *folder, const char *name, FILE *manifest, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *path = NULL;
	char hex[CW_SHA256_HEX];
	int r = storage_path(folder, name, &path, err), fd;

	if (r == 0)
		r = cw_store_copy(state_dir, folder, name, err);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fchmod(fd, 0640) < 0 || fsync(fd) < 0)
		r = fail(err, path, "cannot be made durable");
	if (r == 0)
		r = pump(fd, -1, path, hex, err);
	if (fd >= 0)
		close(fd);
	if (r == 0 && fprintf(manifest, "%s %s\n", hex, name) < 0)
		r = fail(err, folder, "the manifest cannot be written");
	return r;
}

int cw_storage_backup(const char *state_dir, const char *folder, const struct cw_storage_watcher *watcher,
                      struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *manifest = NULL, *unfinished = NULL;
	char now[CW_WALL_TEXT];
	FILE *file;
	int r = make_folder(folder, err);

	if (r == 0)
		r = storage_path(folder, MANIFEST, &manifest, err);
	if (r == 0)
		r = storage_path(folder, MANIFEST ".unfinished", &unfinished, err);
	if (r < 0)
		return r;
	file = fopen(unfinished, "wxe");
	if (!file)
		return fail(err, unfinished, "cannot be made");
	if (fprintf(file, MANIFEST_HEAD "\nmade %s\n", cw_wall_format(cw_wall_now(), now)) < 0)
		r = fail(err, unfinished, "cannot be written");
	for (size_t i = 0; r == 0 && i < storage_databases_n; i++) {
		if (watcher && watcher->progress)
			watcher->progress(watcher->arg, storage_databases[i].name, i, storage_databases_n);
		r = back_up(state_dir, folder, storage_databases[i].name, file, err);
		if (r == -ENOENT && !storage_databases[i].required)
			r = 0;
	}
	if (r == 0 && (fflush(file) != 0 || fsync(fileno(file)) < 0))
		r = fail(err, unfinished, "cannot be made durable");
	fclose(file);
	if (r == 0 && rename(unfinished, manifest) < 0)
		r = fail(err, manifest, "cannot be made");
	return r < 0 ? r : sync_folder(folder, err);
}

/* ---- restore ---- */

struct copy {
	bool there[16]; /* by place in storage_databases */
};
_Static_assert(CW_ARRAY_LEN(storage_databases) <= 16, "copy.there is too short");

static int find_database(const char *name)
{
	for (size_t i = 0; i < storage_databases_n; i++)
		if (strcmp(storage_databases[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* One line of the manifest against the file that it names. */
static int prove(const char *folder, const char *line, struct copy *copy, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *path = NULL;
	char said[CW_SHA256_HEX], is[CW_SHA256_HEX], name[32];
	int r, which;

	if (sscanf(line, "%64[0-9a-f] %31[a-z.]", said, name) != 2 || (which = find_database(name)) < 0)
		return cw_error_at(err, -EUCLEAN, folder, 0, 0, "the manifest has a line that no backup of ours has: %.60s", line);
	r = storage_path(folder, name, &path, err);
	if (r == 0)
		r = hash_file(path, is, err);
	if (r == 0 && strcmp(said, is) != 0)
		r = cw_error_at(err, -EUCLEAN, path, 0, 0, "is not the file that was copied: use another backup");
	copy->there[which] = true;
	return r;
}

static int prove_all(const char *folder, struct copy *copy, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *path = NULL;
	char line[160];
	unsigned n = 0;
	FILE *file;
	int r = storage_path(folder, MANIFEST, &path, err);

	if (r < 0)
		return r;
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? cw_error_at(err, -ENOENT, path, 0, 0,
		                                     "is not there: this is no backup, or one that was not finished")
		                       : fail(err, path, "cannot be read");
	for (; r == 0 && fgets(line, sizeof(line), file); n++) {
		line[strcspn(line, "\n")] = '\0';
		if (n == 0 && strcmp(line, MANIFEST_HEAD) != 0)
			r = cw_error_at(err, -EUCLEAN, path, 1, 0, "is not of a backup that this version knows");
		else if (n >= 2)
			r = prove(folder, line, copy, err);
	}
	if (r == 0 && ferror(file))
		r = cw_error_at(err, -EIO, path, 0, 0, "cannot be read");
	fclose(file);
	for (size_t i = 0; r == 0 && i < storage_databases_n; i++)
		if (storage_databases[i].required && !copy->there[i])
			r = cw_error_at(err, -EUCLEAN, path, 0, 0, "has no %s", storage_databases[i].name);
	return r;
}

/* The daemon's own lock, so that none can begin meanwhile. */
static int lock_state(const char *state_dir, int *ret, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *path = NULL;
	int r = storage_path(state_dir, "councilwatchd.lock", &path, err), fd;

	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return fail(err, path, "cannot be opened");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		return cw_error_at(err, -EBUSY, path, 0, 0, "councilwatchd runs here: stop it first");
	}
	*ret = fd;
	return 0;
}

/* "<name>.restoring" in the state directory: the copy, durable, whose owner is that of the directory. */
static int bring(const char *folder, const char *state_dir, const char *name, const struct stat *owner, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *from = NULL, *to = NULL;
	CW_CLEANUP(closep) int in = -1, out = -1;
	char ending[64], hex[CW_SHA256_HEX];
	int r = storage_path(folder, name, &from, err);

	snprintf(ending, sizeof(ending), "%s.restoring", name);
	if (r == 0)
		r = storage_path(state_dir, ending, &to, err);
	if (r < 0)
		return r;
	in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0)
		return fail(err, from, "cannot be read");
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (out < 0)
		return fail(err, to, "cannot be made");
	r = pump(in, out, to, hex, err);
	if (r == 0 && geteuid() == 0 && fchown(out, owner->st_uid, owner->st_gid) < 0)
		r = fail(err, to, "cannot be given to the owner of the state directory");
	if (r == 0 && fsync(out) < 0)
		r = fail(err, to, "cannot be made durable");
	return r;
}

/* Into a folder of its own, never away: it may be all that there is of the last hours. */
static int set_aside(const char *state_dir, const char *aside, const char *name, const char *suffix, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *from = NULL, *to = NULL;

	if (asprintf(&from, "%s/%s%s", state_dir, name, suffix) < 0) {
		from = NULL;
		return cw_error_nomem(err);
	}
	if (asprintf(&to, "%s/%s%s", aside, name, suffix) < 0) {
		to = NULL;
		return cw_error_nomem(err);
	}
	return rename(from, to) == 0 || errno == ENOENT ? 0 : fail(err, from, "cannot be set aside");
}

static int change_over(const char *state_dir, const struct copy *copy, const struct stat *owner, struct cw_error *err)
{
	static const char *const suffixes[] = { "-wal", "-shm", "" };
	CW_CLEANUP(cw_freep) char *aside = NULL;
	char now[CW_WALL_TEXT], name[64];
	int r;

	snprintf(name, sizeof(name), "before-restore-%s", cw_wall_format(cw_wall_now(), now));
	r = storage_path(state_dir, name, &aside, err);
	if (r < 0)
		return r;
	if (mkdir(aside, 0750) < 0)
		return fail(err, aside, "cannot be made");
	if (geteuid() == 0 && chown(aside, owner->st_uid, owner->st_gid) < 0)
		return fail(err, aside, "cannot be given to the owner of the state directory");
	for (size_t i = 0; r == 0 && i < storage_databases_n; i++)
		for (size_t s = 0; r == 0 && s < CW_ARRAY_LEN(suffixes); s++)
			r = set_aside(state_dir, aside, storage_databases[i].name, suffixes[s], err);
	for (size_t i = 0; r == 0 && i < storage_databases_n; i++) {
		CW_CLEANUP(cw_freep) char *from = NULL, *to = NULL;

		if (!copy->there[i])
			continue;
		snprintf(name, sizeof(name), "%s.restoring", storage_databases[i].name);
		r = storage_path(state_dir, name, &from, err);
		if (r == 0)
			r = storage_path(state_dir, storage_databases[i].name, &to, err);
		if (r == 0 && rename(from, to) < 0)
			r = fail(err, from, "cannot be put in place");
	}
	return r < 0 ? r : sync_folder(state_dir, err);
}

int cw_storage_restore(const char *folder, const char *state_dir, struct cw_error *err)
{
	struct copy copy = { 0 };
	struct stat owner;
	int r, lock = -1;

	if (stat(state_dir, &owner) < 0)
		return fail(err, state_dir, "cannot be used");
	r = lock_state(state_dir, &lock, err);
	if (r == 0)
		r = prove_all(folder, &copy, err);
	for (size_t i = 0; r == 0 && i < storage_databases_n; i++)
		if (copy.there[i])
			r = bring(folder, state_dir, storage_databases[i].name, &owner, err);
	if (r == 0)
		r = change_over(state_dir, &copy, &owner, err);
	if (lock >= 0)
		close(lock);
	return r;
}
