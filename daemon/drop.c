/*
 * drop.c: looking, reading, moving.
 *
 * Work is done from a timer that fires at once while there is any, in small steps, so that a large file or folder holds nothing
 * else up.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <councilwatch/audit.h>
#include <councilwatch/log.h>

#include "drop.h"

#define DONE "done"
#define REJECTED "rejected"
#define NOTE_MAX 16384u
#define NAMES_MAX 1024u /* told and not yet looked at; with more the folder is looked through instead */
#define STEPS 16        /* before others get their turn */
#define SOON_MS 2000    /* until a file that was not complete is looked at again */
#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct name {
	struct name *next;
	char text[];
};

struct folder {
	struct folder *next;
	char *feed, *file; /* its name, and where it is configured: owned, as all here */
	uint64_t max_size;
	char *path;
	bool ours; /* in the state directory: made when it is missing */
	int fd;    /* -1 = not usable */
	int wd;    /* -1 = not watched */
	DIR *scan; /* being looked through */
	bool look; /* to be looked through */
	bool soon; /* a file in it is not complete */
	bool told;
	char problem[CW_ERROR_TEXT_MAX]; /* as told; "" = usable */
	struct name *names, **names_end;
	size_t n_names;
	uint64_t directories, directories_before; /* seen by this look and the last */
};

/* Stored, not yet committed; or, without a document, a file that cannot be moved: it must not keep others waiting. */
struct pending {
	struct pending *next;
	struct folder *folder;
	struct stat st; /* as it was when it was read */
	uint64_t document;
	struct cw_mono since;
	char name[];
};

struct reading {
	struct folder *folder; /* NULL = nothing is read */
	char *name;
	int fd;
	struct stat st;
	struct cw_inbox_stream *stream;
};

struct cw_drop {
	struct cw_loop *loop;
	struct cw_inbox *inbox;
	struct cw_drop_ops ops;
	void *arg;
	int notify; /* inotify; -1 = there is none, folders are looked through only */
	struct cw_watch *watch;
	struct cw_timer *work, *look;
	int64_t look_ns; /* when that fires */
	struct folder *folders;
	struct pending *pending;
	struct reading reading;
	unsigned char *piece; /* CW_CHUNK_MAX bytes */
	bool closed;
};

static void work_soon(struct cw_drop *drop)
{
	if (!cw_timer_armed(drop->work))
		cw_timer_arm(drop->work, 0);
}

static void look_plan(struct cw_drop *drop)
{
	const struct folder *folder;
	int64_t delay = CW_DROP_LOOK_MS, due;

	for (folder = drop->folders; folder; folder = folder->next)
		if (folder->soon || folder->fd < 0)
			delay = SOON_MS;
	due = cw_mono_now().ns + delay * 1000000;
	/* Never later than planned: a folder where something goes on all the time is looked through too. */
	if (!drop->folders || drop->closed || (cw_timer_armed(drop->look) && drop->look_ns <= due))
		return;
	drop->look_ns = due;
	cw_timer_arm(drop->look, delay);
}

/* The folder as a whole */

/* problem NULL: usable. */
static void tell(struct cw_drop *drop, struct folder *folder, const char *problem)
{
	const char *text = problem ? problem : "";

	if (folder->told && strcmp(folder->problem, text) == 0)
		return;
	folder->told = true;
	snprintf(folder->problem, sizeof(folder->problem), "%s", text);
	drop->ops.folder(drop->arg, folder->feed, problem);
}

static void names_clear(struct folder *folder)
{
	struct name *name;

	while ((name = folder->names)) {
		folder->names = name->next;
		free(name);
	}
	folder->names_end = &folder->names;
	folder->n_names = 0;
}

static void reading_end(struct cw_drop *drop)
{
	struct reading *reading = &drop->reading;

	if (!reading->folder)
		return;
	cw_inbox_stream_free(reading->stream);
	if (reading->fd >= 0)
		close(reading->fd);
	free(reading->name);
	*reading = (struct reading){ .fd = -1 };
}

/* What is pending stays so: the same folder may be back when it is committed. */
static void folder_close(struct cw_drop *drop, struct folder *folder)
{
	if (drop->reading.folder == folder)
		reading_end(drop);
	if (folder->wd >= 0)
		(void)inotify_rm_watch(drop->notify, folder->wd);
	if (folder->scan)
		closedir(folder->scan);
	if (folder->fd >= 0)
		close(folder->fd);
	folder->wd = folder->fd = -1;
	folder->scan = NULL;
	folder->look = folder->soon = false;
	names_clear(folder);
}

static void CW_PRINTF(3, 4) folder_fail(struct cw_drop *drop, struct folder *folder, const char *fmt, ...)
{
	char text[CW_ERROR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	folder_close(drop, folder);
	tell(drop, folder, text);
}

/* Like mkdir -p below the state directory, which is there. The last one is the group's too, so that its members can put files. */
static void folder_make(const struct folder *folder)
{
	CW_CLEANUP(cw_freep) char *copy = strdup(folder->path);

	for (char *at = copy ? copy + 1 : NULL; at && *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		(void)mkdir(copy, 0750);
		*at = '/';
	}
	if (copy && mkdir(copy, 0770) == 0)
		(void)chmod(copy, 0770);
}

/* A directory in the folder for what is done with. */
static int shelf_open(const struct folder *folder, const char *name)
{
	int fd = openat(folder->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool made;

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	made = mkdirat(folder->fd, name, 0770) == 0;
	fd = openat(folder->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* For the group as well, whatever the umask: who drops files looks here for what became of them. */
	if (made && fchmod(fd, 0770) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

static bool shelf_usable(struct cw_drop *drop, struct folder *folder, const char *name)
{
	int fd = shelf_open(folder, name), r;

	r = fd < 0 ? fd : faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	if (r < 0)
		folder_fail(drop, folder, "%s/%s, where files are moved to, cannot be used: %s", folder->path, name,
		            strerror(-r));
	return r == 0;
}

static void folder_open(struct cw_drop *drop, struct folder *folder)
{
	char by_fd[64];

	folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder->fd < 0 && errno == ENOENT && folder->ours) {
		folder_make(folder);
		folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (folder->fd < 0) {
		folder_fail(drop, folder, "the folder %s cannot be read: %s", folder->path, strerror(errno));
		return;
	}
	if (faccessat(folder->fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) < 0) {
		folder_fail(drop, folder, "the folder %s cannot be written: %s; files that are taken are moved away from it",
		            folder->path, strerror(errno));
		return;
	}
	if (!shelf_usable(drop, folder, DONE) || !shelf_usable(drop, folder, REJECTED))
		return;
	/* The directory that was opened, not what has its name meanwhile. */
	snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", folder->fd);
	if (drop->notify >= 0)
		folder->wd = inotify_add_watch(drop->notify, access(by_fd, F_OK) == 0 ? by_fd : folder->path, EVENTS);
	if (folder->wd < 0)
		cw_log(CW_LOG_WARNING, "drop.unwatched", "feed=%s path=%s error=%s every=%ds", folder->feed, folder->path,
		       drop->notify < 0 ? "no inotify" : strerror(errno), CW_DROP_LOOK_MS / 1000);
	folder->look = true;
	tell(drop, folder, NULL);
	work_soon(drop);
}

/* Has the path come to mean another directory? */
static bool folder_moved(const struct folder *folder)
{
	struct stat at_path, ours;

	return stat(folder->path, &at_path) < 0 || fstat(folder->fd, &ours) < 0 || at_path.st_dev != ours.st_dev ||
	       at_path.st_ino != ours.st_ino;
}

/* Files that could not be moved are tried again after a while (older_ms, -1: none now). True when one is left. */
static bool stuck_forget(struct cw_drop *drop, const struct folder *folder, int64_t older_ms)
{
	struct pending **link = &drop->pending, *pending;
	int64_t now = cw_mono_now().ns;
	bool left = false;

	while ((pending = *link)) {
		bool stuck = pending->folder == folder && !pending->document;

		if (!stuck || older_ms < 0 || now - pending->since.ns < older_ms * 1000000) {
			left |= stuck;
			link = &pending->next;
			continue;
		}
		*link = pending->next;
		free(pending);
	}
	return left;
}

static void look_fired(void *arg)
{
	struct cw_drop *drop = arg;

	for (struct folder *folder = drop->folders; folder; folder = folder->next) {
		if (folder->fd >= 0 && folder_moved(folder))
			folder_close(drop, folder);
		if (folder->fd < 0)
			folder_open(drop, folder);
		else
			folder->look = true;
		(void)stuck_forget(drop, folder, CW_DROP_LOOK_MS / 2);
	}
	work_soon(drop);
	look_plan(drop);
}

/* Moving */

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int note_write(int shelf, const char *name, const struct cw_buf *text)
{
	static const char fresh[] = ".note.tmp";
	int fd, r = 0;
	ssize_t n;

	/* Members of the group may put things there too: never into what already has that name, and a pipe would be waited for. */
	(void)unlinkat(shelf, fresh, 0);
	fd = openat(shelf, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	for (size_t at = 0; r == 0 && at < text->len; at += (size_t)n) {
		n = write(fd, text->data + at, text->len - at);
		if (n < 0)
			r = -errno;
	}
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(shelf, fresh, shelf, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(shelf, fresh, 0);
	return r;
}

/* Without ever replacing what is there. */
static int move(int from, const char *name, int to, const char *new_name)
{
	struct stat st;

	if (renameat2(from, name, to, new_name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* A file system that does not know that flag. Nobody but us puts files there. */
	if (fstatat(to, new_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return renameat(from, name, to, new_name) < 0 ? -errno : 0;
}

/* Moves a file that is still the one described by st, with a note beside it when there is any. 0; 1: it is not that file any more,
 * nothing was moved; -errno. */
static int shelve(const struct folder *folder, const char *name, const struct stat *st, bool good, const struct cw_buf *note)
{
	const char *ending = good ? ".report" : ".reason";
	char target[NAME_MAX + 16], note_name[NAME_MAX + 32];
	int shelf = shelf_open(folder, good ? DONE : REJECTED), r = -EEXIST;
	struct stat now;

	if (shelf < 0)
		return shelf;
	for (unsigned n = 1; r == -EEXIST && n < 100000; n++) {
		/* Room for a number and the note's ending. */
		if (n == 1)
			snprintf(target, sizeof(target), "%s", name);
		else
			snprintf(target, sizeof(target), "%.*s~%u", NAME_MAX - 20, name, n);
		if (fstatat(shelf, target, &now, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (fstatat(folder->fd, name, &now, AT_SYMLINK_NOFOLLOW) < 0 || !same_file(&now, st)) {
			r = 1;
			break;
		}
		snprintf(note_name, sizeof(note_name), "%.*s%s", NAME_MAX - 10, target, ending);
		/* The note first: a file on the shelf always has it. */
		r = note && note->len ? note_write(shelf, note_name, note) : 0;
		if (r == 0)
			r = move(folder->fd, name, shelf, target);
		if (r == 0 && (fstatat(shelf, target, &now, AT_SYMLINK_NOFOLLOW) < 0 || !same_file(&now, st))) {
			/* Replaced in that very moment: put back what was not looked at. */
			(void)move(shelf, target, folder->fd, name);
			r = 1;
		}
		if (r != 0 && note && note->len)
			(void)unlinkat(shelf, note_name, 0);
	}
	close(shelf);
	return r == -ENOENT ? 1 : r;
}

static void name_escape(const char *name, struct cw_buf *out)
{
	cw_buf_init(out, 8192);
	(void)cw_text_escape(cw_str(name), out);
}

static bool pending_add(struct cw_drop *drop, struct folder *folder, const char *name, const struct stat *st, uint64_t document)
{
	size_t len = strlen(name);
	struct pending *pending = malloc(sizeof(*pending) + len + 1);

	if (!pending)
		return false;
	*pending = (struct pending){ .next = drop->pending, .folder = folder, .st = *st, .document = document,
		                     .since = cw_mono_now() };
	memcpy(pending->name, name, len + 1);
	drop->pending = pending;
	return true;
}

/* Puts a file away, and says so. */
static void put_away(struct cw_drop *drop, struct folder *folder, const char *name, const struct stat *st, bool good,
                     const struct cw_buf *note)
{
	CW_CLEANUP(cw_buf_clear) struct cw_buf shown = { 0 };
	int r = shelve(folder, name, st, good, note);

	name_escape(name, &shown);
	if (r < 0) {
		char text[CW_ERROR_TEXT_MAX];

		snprintf(text, sizeof(text), "'%.200s' cannot be moved to %.200s/%s: %s", cw_buf_str(&shown), folder->path,
		         good ? DONE : REJECTED, strerror(-r));
		tell(drop, folder, text);
		/* Without memory it is looked at again at once, and fails again. */
		(void)pending_add(drop, folder, name, st, 0);
	} else if (r > 0) {
		/* Another version of it, or none: the folder tells. */
		folder->look = true;
		work_soon(drop);
	} else {
		cw_log(good ? CW_LOG_INFO : CW_LOG_WARNING, "drop.moved", "feed=%s name=%s to=%s", folder->feed,
		       cw_buf_str(&shown), good ? DONE : REJECTED);
	}
}

/* A file that cannot be taken at all. */
static void CW_PRINTF(5, 6) refuse(struct cw_drop *drop, struct folder *folder, const char *name, const struct stat *st,
                                   const char *fmt, ...)
{
	CW_CLEANUP(cw_buf_clear) struct cw_buf note = { 0 };
	char text[CW_ERROR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	cw_buf_init(&note, NOTE_MAX);
	cw_buf_printf(&note, "This was not taken: %s\n", text);
	put_away(drop, folder, name, st, false, &note);
}

static void note_head(struct cw_buf *note, const struct cw_inbox_document *document)
{
	char hex[CW_SHA256_HEX], at[CW_WALL_TEXT];

	cw_hex(document->sha256, CW_SHA256_LEN, hex);
	cw_buf_printf(note, "Taken for feed %s at %s, document %" PRIu64 ", sha256:%s.\n", document->feed,
	              cw_wall_format(document->stored_at, at), document->id, hex);
}

static void note_reasons(struct cw_buf *note, const struct cw_document_tally *tally)
{
	for (int reason = 1; reason < CW_REASON_COUNT; reason++)
		if (tally->reasons[reason] && cw_reason_quarantines((enum cw_reason)reason))
			cw_buf_printf(note, "%" PRIu64 " %s: %s\n", tally->reasons[reason], cw_reason_name((enum cw_reason)reason),
			              cw_reason_mend((enum cw_reason)reason));
}

static void settle(struct cw_drop *drop, struct folder *folder, const char *name, const struct stat *st,
                   const struct cw_inbox_document *document, const struct cw_commit_info *info)
{
	const struct cw_document_tally *tally = &info->tally;
	CW_CLEANUP(cw_buf_clear) struct cw_buf note = { 0 };
	bool good = tally->outcome == CW_REASON_NONE;

	if (folder->fd < 0)
		return; /* found again when the folder is back: its receipt tells what became of it */
	cw_buf_init(&note, NOTE_MAX);
	if (!good) {
		note_head(&note, document);
		cw_buf_printf(&note, "It was refused as a whole: %s. %.*s\nWhat to do: %s\nThen put the mended file into %s.\n",
		              cw_reason_name(tally->outcome), (int)tally->detail.len, tally->detail.at ? tally->detail.at : "",
		              cw_reason_mend(tally->outcome), folder->path);
	} else if (info->quarantined) {
		note_head(&note, document);
		cw_buf_printf(&note,
		              "%" PRIu64 " rows gave %" PRIu64 " pieces of evidence. In quarantine, and not used:\n", tally->rows,
		              tally->evidence);
		note_reasons(&note, tally);
		cw_buf_printf(&note, "'councilwatch quarantine --feed %s' shows each of them.\n", document->feed);
	}
	put_away(drop, folder, name, st, good, &note);
}

/* Reading */

static const struct pending *pending_find(const struct cw_drop *drop, const struct folder *folder, const char *name)
{
	const struct pending *pending;

	for (pending = drop->pending; pending; pending = pending->next)
		if (pending->folder == folder && strcmp(pending->name, name) == 0)
			break;
	return pending;
}

static void commit_decode(const struct cw_inbox_document *document, struct cw_commit_info *ret)
{
	struct cw_cursor cursor;

	cw_cursor_init(&cursor, document->commit, document->commit_len);
	if (cw_commit_info_get(&cursor, ret, NULL) == 0)
		return;
	*ret = (struct cw_commit_info){ .tally = { .outcome = document->outcome, .detail = { "", 0 } } };
}

static void reading_store(struct cw_drop *drop)
{
	struct reading *reading = &drop->reading;
	struct folder *folder = reading->folder;
	CW_CLEANUP(cw_buf_clear) struct cw_buf shown = { 0 };
	CW_CLEANUP(cw_buf_clear) struct cw_buf handed_in = { 0 };
	CW_CLEANUP(cw_freep) char *client = NULL;
	struct cw_audit_who who;
	struct cw_inbox_document document;
	struct cw_commit_info info;
	struct cw_wall now = cw_wall_now();
	struct cw_error err;
	int r;

	name_escape(reading->name, &shown);
	/* Whose file it is: whoever put it there, unless root did. */
	cw_audit_other(reading->st.st_uid, NULL, "folder", &who);
	cw_buf_init(&handed_in, 1024);
	if (asprintf(&client, "file:%s", cw_buf_str(&shown)) < 0 || cw_audit_who_put(&who, &handed_in) < 0) {
		client = NULL;
		reading_end(drop);
		return;
	}
	struct cw_inbox_meta meta = {
		.feed = folder->feed,
		.url = cw_buf_str(&shown),
		/* When it arrived: its inode changed last when it was closed or renamed in. */
		.fetched_at = { CW_MIN(reading->st.st_ctim.tv_sec * INT64_C(1000) + reading->st.st_ctim.tv_nsec / 1000000,
		                       now.ms) },
		.flags = CW_DOC_SUBMITTED,
		.client = client,
		.who = cw_buf_str(&handed_in),
	};

	r = cw_inbox_stream_finish(reading->stream, &meta, NULL, &document, &err);
	if (r < 0) {
		cw_log_error(CW_LOG_ERROR, "drop.failed", &err, "feed=%s name=%s retry_in=%ds", meta.feed, meta.url,
		             SOON_MS / 1000);
		folder->soon = true;
		reading_end(drop);
		return;
	}
	if (document.state == CW_INBOX_QUEUED) {
		cw_log(CW_LOG_INFO, "drop.stored", "feed=%s name=%s document=%" PRIu64 " size=%" PRIu64, meta.feed, meta.url,
		       document.id, document.size);
		/* Without memory it is found again by the next look. */
		(void)pending_add(drop, folder, reading->name, &reading->st, document.id);
	} else {
		commit_decode(&document, &info);
		settle(drop, folder, reading->name, &reading->st, &document, &info);
	}
	cw_inbox_document_clear(&document);
	reading_end(drop);
	if (r == CW_INBOX_STORED)
		drop->ops.stored(drop->arg);
}

static void reading_step(struct cw_drop *drop)
{
	struct reading *reading = &drop->reading;
	struct folder *folder = reading->folder;
	struct cw_error err;
	struct stat now;
	ssize_t n;
	int r;

	n = read(reading->fd, drop->piece, CW_CHUNK_MAX);
	if (n < 0 && errno == EINTR)
		return;
	if (n < 0) {
		/* The disk, or a file that was cut off by its network. It is tried again. */
		cw_log(CW_LOG_WARNING, "drop.failed", "feed=%s error=%s retry_in=%ds", folder->feed, strerror(errno),
		       SOON_MS / 1000);
		folder->soon = true;
		reading_end(drop);
		return;
	}
	if (n > 0) {
		r = cw_inbox_stream_write(reading->stream, drop->piece, (size_t)n, &err);
		if (r < 0) {
			/* Grown since it was looked at, or no room on our disk: the next look sees which. */
			if (r != -EMSGSIZE)
				cw_log_error(CW_LOG_ERROR, "drop.failed", &err, "feed=%s retry_in=%ds", folder->feed,
				             SOON_MS / 1000);
			folder->soon = true;
			reading_end(drop);
		}
		return;
	}
	if (fstat(reading->fd, &now) < 0 || !same_file(&now, &reading->st) ||
	    cw_inbox_stream_size(reading->stream) != (uint64_t)now.st_size) {
		folder->soon = true; /* written to while it was read */
		reading_end(drop);
		return;
	}
	reading_store(drop);
}

/* Judging */

static int64_t quiet_ms(const struct stat *st)
{
	int64_t last = CW_MAX(st->st_mtim.tv_sec, st->st_ctim.tv_sec), now = cw_wall_now().ms / 1000;

	/* Times from another machine whose clock is ahead say nothing. */
	return now < last ? (last - now > 3600 ? CW_DROP_PATIENCE_MS : 0) : (now - last) * 1000;
}

static bool ends_with(const char *name, const char *ending)
{
	size_t len = strlen(name), n = strlen(ending);

	return len >= n && strcmp(name + len - n, ending) == 0;
}

/* Does anybody have it open for writing? A lease for reading is given only when nobody has. 1 no, 0 yes, -1 cannot be told. */
static int nobody_writes(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
		(void)fcntl(fd, F_SETLEASE, F_UNLCK);
		return 1;
	}
	return errno == EAGAIN ? 0 : -1;
}

/* Opens a plain file to read it. told: inotify says that it was closed or renamed in. */
static void begin_reading(struct cw_drop *drop, struct folder *folder, const char *name, const struct stat *seen, bool told)
{
	int fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), closed;
	struct reading *reading = &drop->reading;
	struct cw_error err;
	struct stat st;

	if (fd < 0 && errno != ENOENT && quiet_ms(seen) >= CW_DROP_PATIENCE_MS)
		refuse(drop, folder, name, seen, "it cannot be opened (%s). Let user or group of the service read it.",
		       strerror(errno));
	else if (fd < 0)
		folder->soon |= errno != ENOENT;
	if (fd < 0)
		return;
	closed = nobody_writes(fd);
	/* Not the file that was looked at, still being written, or made empty and not yet written. */
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !same_file(&st, seen) || closed == 0 ||
	    ((!st.st_size || (closed < 0 && !told)) && quiet_ms(&st) < CW_DROP_QUIET_MS)) {
		close(fd);
		folder->soon = true;
		return;
	}
	*reading = (struct reading){ .folder = folder, .name = strdup(name), .fd = fd, .st = st };
	if (!reading->name || cw_inbox_stream_new(drop->inbox, folder->max_size, &reading->stream, &err) < 0) {
		folder->soon = true;
		reading_end(drop);
	}
}

static void consider(struct cw_drop *drop, struct folder *folder, const char *name, bool told)
{
	const struct pending *pending;
	struct stat st;

	if (name[0] == '.' || ends_with(name, ".part") || ends_with(name, ".tmp"))
		return;
	if (fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return; /* gone */
	if (S_ISDIR(st.st_mode)) {
		folder->directories += strcmp(name, DONE) != 0 && strcmp(name, REJECTED) != 0;
		return;
	}
	pending = pending_find(drop, folder, name);
	if (pending && same_file(&pending->st, &st))
		return;
	if (!S_ISREG(st.st_mode))
		refuse(drop, folder, name, &st, "it is a link, a pipe or a device. Put the file itself here.");
	else if ((uint64_t)st.st_size > folder->max_size)
		refuse(drop, folder, name, &st,
		       "its %" PRIu64 " bytes are more than max_size of feed \"%s\", which is %" PRIu64
		       ". Raise that in %s if the file is genuine, and put it here again.",
		       (uint64_t)st.st_size, folder->feed, folder->max_size, folder->file);
	else if (st.st_nlink > 1 && quiet_ms(&st) >= CW_DROP_PATIENCE_MS)
		refuse(drop, folder, name, &st, "it has other names (hard links). Put a copy here.");
	else if (st.st_nlink > 1)
		folder->soon = true; /* whoever linked it here may remove the other name next */
	else
		begin_reading(drop, folder, name, &st, told);
}

static void scan_step(struct cw_drop *drop, struct folder *folder)
{
	struct dirent *entry;
	int fd;

	if (!folder->scan) {
		folder->look = folder->soon = false;
		folder->directories = 0;
		fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		folder->scan = fd >= 0 ? fdopendir(fd) : NULL;
		if (!folder->scan) {
			if (fd >= 0)
				close(fd);
			folder_fail(drop, folder, "the folder %s cannot be read: %s", folder->path, strerror(errno));
		}
		return;
	}
	entry = readdir(folder->scan);
	if (entry) {
		consider(drop, folder, entry->d_name, false);
		return;
	}
	closedir(folder->scan);
	folder->scan = NULL;
	if (folder->directories != folder->directories_before && folder->directories)
		cw_log(CW_LOG_WARNING, "drop.ignored", "feed=%s directories=%" PRIu64 " path=%s", folder->feed,
		       folder->directories, folder->path);
	folder->directories_before = folder->directories;
	if (!stuck_forget(drop, folder, -1))
		tell(drop, folder, NULL);
}

static void names_step(struct cw_drop *drop, struct folder *folder)
{
	struct name *name = folder->names;

	folder->names = name->next;
	if (!folder->names)
		folder->names_end = &folder->names;
	folder->n_names--;
	consider(drop, folder, name->text, true);
	free(name);
}

/* False when there is nothing to do now. */
static bool step(struct cw_drop *drop)
{
	if (drop->reading.folder) {
		reading_step(drop);
		return true;
	}
	if (drop->closed || drop->ops.full(drop->arg))
		return false;
	for (struct folder *folder = drop->folders; folder; folder = folder->next) {
		if (folder->fd < 0)
			continue;
		if (folder->names) {
			names_step(drop, folder);
			return true;
		}
		if (folder->scan || folder->look) {
			scan_step(drop, folder);
			return true;
		}
	}
	return false;
}

static void work_fired(void *arg)
{
	struct cw_drop *drop = arg;

	for (int i = 0; i < STEPS; i++) {
		if (step(drop))
			continue;
		look_plan(drop);
		if (cw_drop_idle(drop))
			drop->ops.idle(drop->arg);
		return;
	}
	work_soon(drop);
}

/* Being told */

static void name_add(struct folder *folder, const char *text)
{
	size_t len = strlen(text);
	struct name *name;

	if (folder->look)
		return; /* it will be seen */
	name = folder->n_names < NAMES_MAX ? malloc(sizeof(*name) + len + 1) : NULL;
	if (!name) {
		names_clear(folder);
		folder->look = true;
		return;
	}
	name->next = NULL;
	memcpy(name->text, text, len + 1);
	*folder->names_end = name;
	folder->names_end = &name->next;
	folder->n_names++;
}

static void event_take(struct cw_drop *drop, const struct inotify_event *event)
{
	for (struct folder *folder = drop->folders; folder; folder = folder->next) {
		if (event->mask & IN_Q_OVERFLOW)
			folder->look = true;
		if (event->mask & IN_Q_OVERFLOW || folder->fd < 0 || folder->wd != event->wd)
			continue;
		if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) {
			if (event->mask & IN_IGNORED)
				folder->wd = -1;
			folder_close(drop, folder);
			folder_open(drop, folder);
		} else if (event->mask & IN_CREATE) {
			folder->soon = true; /* a link or pipe is never closed; a file is told of when it is */
		} else if (event->len && event->name[0]) {
			name_add(folder, event->name);
		}
	}
}

static void notified(void *arg, unsigned events)
{
	struct cw_drop *drop = arg;
	union {
		struct inotify_event event;
		char bytes[65536];
	} buffer;
	ssize_t len = read(drop->notify, &buffer, sizeof(buffer));

	(void)events;
	for (ssize_t at = 0; at < len;) {
		const struct inotify_event *event = (const struct inotify_event *)(const void *)(buffer.bytes + at);

		event_take(drop, event);
		at += (ssize_t)sizeof(*event) + event->len;
	}
	look_plan(drop);
	work_soon(drop);
}

/* Interface */

static void folders_free(struct cw_drop *drop, struct folder *folders);

int cw_drop_new(struct cw_loop *loop, struct cw_inbox *inbox, const struct cw_drop_ops *ops, void *arg,
                struct cw_drop **ret, struct cw_error *err)
{
	struct cw_drop *drop = calloc(1, sizeof(*drop));
	int r = 0;

	if (!drop)
		return cw_error_nomem(err);
	drop->loop = loop;
	drop->inbox = inbox;
	drop->ops = *ops;
	drop->arg = arg;
	drop->reading.fd = -1;
	drop->piece = malloc(CW_CHUNK_MAX);
	if (!drop->piece)
		r = cw_error_nomem(err);
	/* Told to whoever holds a lease that somebody else wants the file; ours last for a moment only. */
	(void)signal(SIGIO, SIG_IGN);
	drop->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (r == 0)
		r = cw_timer_new(loop, work_fired, drop, &drop->work, err);
	if (r == 0)
		r = cw_timer_new(loop, look_fired, drop, &drop->look, err);
	if (r == 0 && drop->notify >= 0)
		r = cw_loop_add_fd(loop, drop->notify, CW_LOOP_READ, notified, drop, &drop->watch, err);
	if (r < 0) {
		cw_drop_free(drop);
		return r;
	}
	*ret = drop;
	return 0;
}

static void folder_free(struct cw_drop *drop, struct folder *folder)
{
	struct pending **link = &drop->pending, *pending;

	while ((pending = *link)) {
		if (pending->folder != folder) {
			link = &pending->next;
			continue;
		}
		*link = pending->next;
		free(pending);
	}
	folder_close(drop, folder);
	free(folder->feed);
	free(folder->file);
	free(folder->path);
	free(folder);
}

void cw_drop_free(struct cw_drop *drop)
{
	if (!drop)
		return;
	folders_free(drop, drop->folders);
	cw_watch_free(drop->watch);
	if (drop->notify >= 0)
		close(drop->notify);
	cw_timer_free(drop->work);
	cw_timer_free(drop->look);
	free(drop->piece);
	free(drop);
}

static struct folder *folder_new(struct cw_drop *drop, const struct cw_config *config, const struct cw_feed *feed)
{
	struct folder *folder = calloc(1, sizeof(*folder));
	size_t len = strlen(config->state_dir);

	if (!folder)
		return NULL;
	folder->fd = folder->wd = -1;
	folder->names_end = &folder->names;
	folder->ours = strncmp(feed->path, config->state_dir, len) == 0 && feed->path[len] == '/';
	folder->max_size = feed->max_size;
	folder->feed = strdup(feed->name);
	folder->file = strdup(feed->file);
	folder->path = strdup(feed->path);
	if (folder->feed && folder->file && folder->path)
		return folder;
	folder_free(drop, folder);
	return NULL;
}

static void folders_free(struct cw_drop *drop, struct folder *folders)
{
	struct folder *folder;

	while ((folder = folders)) {
		folders = folder->next;
		folder_free(drop, folder);
	}
}

/* Takes the folder of the same feed and path out of a list. */
static struct folder *folder_take(struct folder **list, const struct folder *like)
{
	struct folder *folder;

	for (; (folder = *list); list = &folder->next)
		if (strcmp(folder->path, like->path) == 0 && strcmp(folder->feed, like->feed) == 0) {
			*list = folder->next;
			return folder;
		}
	return NULL;
}

int cw_drop_configure(struct cw_drop *drop, const struct cw_config *config, struct cw_error *err)
{
	struct folder *fresh = NULL, *old = drop->folders, *folder, *kept;

	/* Made first, so that nothing fails after the old ones were touched. */
	for (size_t i = 0; i < config->n_feeds; i++) {
		if (!config->feeds[i].path || !config->feeds[i].enabled)
			continue;
		folder = folder_new(drop, config, &config->feeds[i]);
		if (!folder) {
			folders_free(drop, fresh);
			return cw_error_nomem(err);
		}
		folder->next = fresh;
		fresh = folder;
	}
	drop->folders = NULL;
	while ((folder = fresh)) {
		fresh = folder->next;
		kept = folder_take(&old, folder);
		if (kept) {
			kept->max_size = folder->max_size;
			kept->told = false;
			folder_free(drop, folder);
			folder = kept;
		}
		folder->next = drop->folders;
		drop->folders = folder;
	}
	folders_free(drop, old);
	for (folder = drop->folders; folder; folder = folder->next) {
		if (folder->fd < 0)
			folder_open(drop, folder);
		else
			tell(drop, folder, NULL);
	}
	look_plan(drop);
	work_soon(drop);
	return 0;
}

void cw_drop_committed(struct cw_drop *drop, const struct cw_inbox_document *document, const struct cw_commit_info *info)
{
	struct pending **link = &drop->pending, *pending;
	bool any = false;

	while ((pending = *link)) {
		if (pending->document != document->id) {
			link = &pending->next;
			continue;
		}
		*link = pending->next;
		settle(drop, pending->folder, pending->name, &pending->st, document, info);
		free(pending);
		any = true;
	}
	if (any)
		work_soon(drop); /* perhaps nothing is left */
}

void cw_drop_room(struct cw_drop *drop)
{
	if (drop->folders)
		work_soon(drop);
}

void cw_drop_close(struct cw_drop *drop)
{
	drop->closed = true;
	reading_end(drop);
	cw_timer_disarm(drop->look);
}

bool cw_drop_idle(const struct cw_drop *drop)
{
	if (drop->reading.folder)
		return false;
	for (const struct pending *pending = drop->pending; pending; pending = pending->next)
		if (pending->document)
			return false;
	for (const struct folder *folder = drop->folders; folder && !drop->closed; folder = folder->next)
		if (folder->fd >= 0 && (folder->names || folder->scan || folder->look))
			return false;
	return true;
}

const char *cw_drop_problem(const struct cw_drop *drop, const char *feed)
{
	for (const struct folder *folder = drop->folders; folder; folder = folder->next)
		if (strcmp(folder->feed, feed) == 0)
			return folder->problem[0] ? folder->problem : NULL;
	return NULL;
}
