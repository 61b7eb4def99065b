#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <councilwatch/keys.h>

#define FILE_MAX (1024u * 1024u)

/* Z85, in the order of the values. */
static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

bool cw_key_parse(struct cw_str text, struct cw_key *ret)
{
	struct cw_key key;

	if (text.len != CW_KEY_TEXT - 1)
		return false;
	for (size_t i = 0; i < text.len; i += 5) {
		uint64_t value = 0;

		for (size_t k = i; k < i + 5; k++) {
			const char *at = text.at[k] ? strchr(digits, text.at[k]) : NULL;

			if (!at)
				return false;
			value = value * 85 + (uint64_t)(at - digits);
		}
		if (value > UINT32_MAX)
			return false;
		for (size_t k = 0; k < 4; k++)
			key.bytes[i / 5 * 4 + k] = (unsigned char)(value >> (24 - 8 * k));
	}
	*ret = key;
	return true;
}

const char *cw_key_format(const struct cw_key *key, char ret[CW_KEY_TEXT])
{
	for (size_t i = 0; i < CW_KEY_LEN; i += 4) {
		uint32_t value = 0;

		for (size_t k = i; k < i + 4; k++)
			value = value << 8 | key->bytes[k];
		for (size_t k = 5; k-- > 0; value /= 85)
			ret[i / 4 * 5 + k] = digits[value % 85];
	}
	ret[CW_KEY_TEXT - 1] = '\0';
	return ret;
}

bool cw_key_eq(const struct cw_key *a, const struct cw_key *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool cw_key_name_valid(struct cw_str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!name.at[i] || !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@", name.at[i]))
			return false;
	return name.len && name.len < CW_NAME_MAX;
}

void cw_key_pair_clear(struct cw_key_pair *pair)
{
	if (pair)
		explicit_bzero(pair, sizeof(*pair));
}

/* Lines of words */

struct words {
	size_t n;
	struct cw_str at[4]; /* a fourth is one too many */
};

static struct words split(struct cw_str line)
{
	struct words words = { 0 };

	for (size_t i = 0, start; i < line.len && words.n < CW_ARRAY_LEN(words.at);) {
		for (; i < line.len && (line.at[i] == ' ' || line.at[i] == '\t' || line.at[i] == '\r'); i++)
			;
		for (start = i; i < line.len && line.at[i] != ' ' && line.at[i] != '\t' && line.at[i] != '\r'; i++)
			;
		if (i > start)
			words.at[words.n++] = (struct cw_str){ line.at + start, i - start };
	}
	return words;
}

/* The next line of text that says something. False at the end. */
static bool next_line(struct cw_str *text, unsigned *line, struct words *ret)
{
	while (text->len) {
		const char *end = memchr(text->at, '\n', text->len);
		struct cw_str this = { text->at, end ? (size_t)(end - text->at) : text->len };

		(*line)++;
		text->at += this.len + (end != NULL);
		text->len -= this.len + (end != NULL);
		*ret = split(this);
		/* A key may begin with '#', a name may not. */
		if (ret->n && ret->at[0].at[0] != '#')
			return true;
	}
	return false;
}

static int open_file(const char *path, struct stat *info, struct cw_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r = 0;

	if (fd < 0)
		return cw_error_at(err, -errno, path, 0, 0, "cannot be read: %s", strerror(errno));
	if (fstat(fd, info) < 0)
		r = cw_error_at(err, -errno, path, 0, 0, "cannot be read: %s", strerror(errno));
	else if (!S_ISREG(info->st_mode))
		r = cw_error_at(err, -EINVAL, path, 0, 0, "is not a plain file");
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static int read_all(int fd, const char *path, struct cw_buf *out, struct cw_error *err)
{
	char block[4096];
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = read(fd, block, sizeof(block))) != 0) {
		if (n < 0 && errno != EINTR)
			r = cw_error_at(err, -errno, path, 0, 0, "cannot be read: %s", strerror(errno));
		else if (n > 0 && cw_buf_append(out, block, (size_t)n) < 0)
			r = out->failed == -ENOMEM ? cw_error_nomem(err)
			                           : cw_error_at(err, -EFBIG, path, 0, 0, "is larger than %u bytes", FILE_MAX);
	}
	explicit_bzero(block, sizeof(block));
	return r;
}

static int read_public(const char *path, struct cw_buf *out, struct cw_error *err)
{
	struct stat info;
	int fd = open_file(path, &info, err), r;

	if (fd < 0)
		return fd;
	r = read_all(fd, path, out, err);
	close(fd);
	return r;
}

static int parse_named(const struct words *words, const char *path, unsigned line, struct cw_named_key *ret,
                       struct cw_error *err)
{
	if (words->n == 3)
		return cw_error_at(err, -EINVAL, path, line, 0,
		                   "has three words, as a secret key's file has: put the public key's file here, and keep this one secret");
	if (words->n != 2)
		return cw_error_at(err, -EINVAL, path, line, 0, "is not 'NAME KEY'");
	if (!cw_key_name_valid(words->at[0]))
		return cw_error_at(err, -EINVAL, path, line, 0,
		                   "is no name: use at most %u letters, digits, '-', '_', '.' and '@'", CW_NAME_MAX - 1);
	if (!cw_key_parse(words->at[1], &ret->key))
		return cw_error_at(err, -EINVAL, path, line, 0,
		                   "is no public key: 40 characters as 'councilwatch keygen' prints them");
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)words->at[0].len, words->at[0].at);
	return 0;
}

int cw_public_key_load(const char *path, struct cw_named_key *ret, struct cw_error *err)
{
	struct words words;
	struct cw_named_key found;
	struct cw_str text;
	struct cw_buf buf;
	unsigned line = 0;
	int r;

	cw_buf_init(&buf, FILE_MAX);
	r = read_public(path, &buf, err);
	text = cw_str(cw_buf_str(&buf));
	if (r == 0 && !next_line(&text, &line, &words))
		r = cw_error_at(err, -EINVAL, path, 0, 0, "holds no key");
	if (r == 0)
		r = parse_named(&words, path, line, &found, err);
	if (r == 0 && next_line(&text, &line, &words))
		r = cw_error_at(err, -EINVAL, path, line, 0, "is a second key: one is wanted");
	cw_buf_clear(&buf);
	if (r == 0)
		*ret = found;
	return r;
}

/* Secret keys */

static int parse_pair(const char *path, struct cw_str text, struct cw_key_pair *ret, struct cw_error *err)
{
	struct words words;
	unsigned line = 0;

	if (!next_line(&text, &line, &words))
		return cw_error_at(err, -EINVAL, path, 0, 0, "holds no key: make one with 'councilwatch keygen'");
	if (words.n != 3 || !cw_key_name_valid(words.at[0]) || !cw_key_parse(words.at[1], &ret->public) ||
	    !cw_key_parse(words.at[2], &ret->secret))
		return cw_error_at(err, -EINVAL, path, line, 0,
		                   "is not 'NAME PUBLIC SECRET': name the secret file that 'councilwatch keygen' wrote");
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)words.at[0].len, words.at[0].at);
	if (next_line(&text, &line, &words))
		return cw_error_at(err, -EINVAL, path, line, 0, "is a second key: one is wanted");
	return 0;
}

int cw_key_pair_load(const char *name, struct cw_key_pair *ret, struct cw_error *err)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	bool credential = !strchr(name, '/');
	CW_CLEANUP(cw_freep) char *path = NULL;
	struct cw_key_pair pair = { 0 };
	struct stat info;
	struct cw_buf buf;
	int fd, r;

	if (credential && !directory)
		return cw_error_at(err, -ENOENT, name, 0, 0,
		                   "is a credential, and there are none (CREDENTIALS_DIRECTORY is not set): write a path, or LoadCredential= in the unit");
	if (asprintf(&path, "%s%s%s", credential ? directory : "", credential ? "/" : "", name) < 0) {
		path = NULL;
		return cw_error_nomem(err);
	}
	fd = open_file(path, &info, err);
	if (fd < 0)
		return fd;
	/* The service manager gives its files to the service by an access list, which shows as a permission of the group. */
	if (info.st_mode & (credential ? 0027 : 0077)) {
		close(fd);
		return cw_error_at(err, -EPERM, path, 0, 0, "may be read by others (mode %04o): chmod 600 it, and make a new key if others are there",
		                   info.st_mode & 07777);
	}
	cw_buf_init(&buf, 4096);
	/* At once in full size: what a buffer grows out of is not overwritten. */
	r = cw_buf_reserve(&buf, 4000) < 0 ? cw_error_nomem(err) : read_all(fd, path, &buf, err);
	close(fd);
	if (r == 0)
		r = parse_pair(path, cw_str(cw_buf_str(&buf)), &pair, err);
	if (buf.data)
		explicit_bzero(buf.data, buf.cap);
	cw_buf_clear(&buf);
	if (r == 0)
		*ret = pair;
	cw_key_pair_clear(&pair);
	return r;
}

static int write_new(const char *path, mode_t mode, const char *text, struct cw_error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode), r = 0;
	size_t len = strlen(text);

	if (fd < 0 && errno == EEXIST)
		return cw_error_at(err, -EEXIST, path, 0, 0, "is there already, and a key is not overwritten: remove it, or write elsewhere");
	if (fd < 0)
		return cw_error_at(err, -errno, path, 0, 0, "cannot be made: %s", strerror(errno));
	/* Whatever the umask says: the public key is for everybody, and the secret one for nobody else. */
	if (fchmod(fd, mode) < 0 || write(fd, text, len) != (ssize_t)len || fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(path);
		return cw_error_at(err, r, path, 0, 0, "cannot be written: %s", strerror(-r));
	}
	return 0;
}

int cw_key_pair_save(const struct cw_key_pair *pair, const char *path, const char *public_path, struct cw_error *err)
{
	char public[CW_KEY_TEXT], secret[CW_KEY_TEXT], text[512];
	int r;

	cw_key_format(&pair->public, public);
	cw_key_format(&pair->secret, secret);
	snprintf(text, sizeof(text), "# councilwatch: a secret key. Name, public key, secret key.\n%s %s %s\n", pair->name, public, secret);
	r = write_new(path, 0600, text, err);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(text, sizeof(text));
	if (r < 0 || !public_path)
		return r;
	snprintf(text, sizeof(text), "# councilwatch: a public key. Name, key.\n%s %s\n", pair->name, public);
	r = write_new(public_path, 0644, text, err);
	if (r < 0)
		(void)unlink(path);
	return r;
}

/* Allow-lists */

void cw_allowed_clear(struct cw_allowed *allowed)
{
	free(allowed->keys);
	*allowed = (struct cw_allowed){ 0 };
}

const struct cw_named_key *cw_allowed_find(const struct cw_allowed *allowed, const struct cw_key *key)
{
	for (size_t i = 0; i < allowed->n; i++)
		if (cw_key_eq(&allowed->keys[i].key, key))
			return &allowed->keys[i];
	return NULL;
}

int cw_allowed_add(struct cw_allowed *allowed, const struct cw_named_key *key, struct cw_error *err)
{
	const struct cw_named_key *same = cw_allowed_find(allowed, &key->key);
	int r;

	if (same)
		return cw_error_set(err, -EEXIST, "the key of '%s' is that of '%s': one key, one name", key->name, same->name);
	for (size_t i = 0; i < allowed->n; i++)
		if (strcmp(allowed->keys[i].name, key->name) == 0)
			return cw_error_set(err, -EEXIST, "there are two keys of the name '%s': give each a name of its own", key->name);
	if (allowed->n == CW_ALLOWED_MAX)
		return cw_error_set(err, -ENOBUFS, "there are more than %u keys", CW_ALLOWED_MAX);
	r = cw_grow(&allowed->keys, &allowed->cap, allowed->n, sizeof(*allowed->keys));
	if (r < 0)
		return cw_error_nomem(err);
	allowed->keys[allowed->n++] = *key;
	return 0;
}

int cw_allowed_print(const struct cw_allowed *allowed, struct cw_buf *out)
{
	char text[CW_KEY_TEXT];

	for (size_t i = 0; i < allowed->n; i++)
		cw_buf_printf(out, "%s %s\n", allowed->keys[i].name, cw_key_format(&allowed->keys[i].key, text));
	return out->failed;
}

typedef void report_fn(void *arg, const struct cw_error *mistake);

static int load_file(const char *path, report_fn *report, void *arg, struct cw_allowed *allowed)
{
	struct cw_error err, place;
	struct cw_named_key key;
	struct words words;
	struct cw_str text;
	struct cw_buf buf;
	unsigned line = 0;
	int r, mistakes = 0;

	cw_buf_init(&buf, FILE_MAX);
	r = read_public(path, &buf, &err);
	if (r < 0 && r != -ENOMEM) {
		report(arg, &err);
		mistakes = 1;
		r = 0;
	}
	text = mistakes ? cw_str("") : cw_str(cw_buf_str(&buf));
	while (r == 0 && next_line(&text, &line, &words)) {
		r = parse_named(&words, path, line, &key, &err);
		if (r == 0) {
			r = cw_allowed_add(allowed, &key, &place);
			if (r < 0)
				cw_error_at(&err, r, path, line, 0, "%s", place.text);
		}
		if (r == 0 || r == -ENOMEM)
			continue;
		report(arg, &err);
		mistakes = 1;
		r = r == -ENOBUFS ? 1 : 0;
	}
	cw_buf_clear(&buf);
	return r < 0 ? r : mistakes;
}

static int is_key_file(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && (strcmp(dot, ".pub") == 0 || strcmp(dot, ".keys") == 0);
}

int cw_allowed_load(const char *path, report_fn *report, void *arg, struct cw_allowed *allowed)
{
	struct dirent **names;
	struct stat info;
	int n, r = 0;

	if (stat(path, &info) < 0 || !S_ISDIR(info.st_mode))
		return load_file(path, report, arg, allowed);
	n = scandir(path, &names, is_key_file, alphasort);
	if (n < 0 && errno == ENOMEM)
		return -ENOMEM;
	if (n < 0) {
		struct cw_error err;

		cw_error_at(&err, -errno, path, 0, 0, "cannot be read: %s", strerror(errno));
		report(arg, &err);
		return 1;
	}
	for (int i = 0; i < n; i++) {
		CW_CLEANUP(cw_freep) char *file = NULL;
		int one = -ENOMEM;

		if (asprintf(&file, "%s/%s", path, names[i]->d_name) < 0)
			file = NULL;
		if (file && r >= 0)
			one = load_file(file, report, arg, allowed);
		if (r >= 0)
			r = one < 0 ? one : CW_MAX(r, one);
		free(names[i]);
	}
	free(names);
	return r;
}
