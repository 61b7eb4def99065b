/*
 * keys.h: CURVE keys as files, and who may come in.
 *
 * A public key is written as Z85 (40 characters, https://rfc.zeromq.org/spec/32). A public key's file and an allow-list have
 * one form, a line each of "NAME KEY"; blank lines and lines that begin with '#' say nothing. A directory is an allow-list of
 * all its files that end in ".pub" or ".keys". A secret file has a line "NAME PUBLIC SECRET", and is for its owner alone.
 *
 * A secret key is in memory only: it is never logged and never part of a message or an error.
 */
#ifndef COUNCILWATCH_KEYS_H
#define COUNCILWATCH_KEYS_H

#include <councilwatch/base.h>
#include <councilwatch/error.h>
#include <councilwatch/limits.h>
#include <councilwatch/text.h>

#define CW_KEY_LEN 32
#define CW_KEY_TEXT 41 /* in Z85, with NUL */

struct cw_key {
	unsigned char bytes[CW_KEY_LEN];
};
/* False when it is no key in Z85. */
bool cw_key_parse(struct cw_str text, struct cw_key *ret);
const char *cw_key_format(const struct cw_key *key, char ret[CW_KEY_TEXT]); /* returns ret */
bool cw_key_eq(const struct cw_key *a, const struct cw_key *b);
/* What a key may be called: letters, digits, '-', '_', '.', '@', at most CW_NAME_MAX - 1 of them. */
bool cw_key_name_valid(struct cw_str name);

struct cw_named_key {
	char name[CW_NAME_MAX];
	struct cw_key key;
};

struct cw_key_pair {
	char name[CW_NAME_MAX];
	struct cw_key public, secret;
};
void cw_key_pair_clear(struct cw_key_pair *pair); /* overwrites it; NULL is fine */

/* name: a file in $CREDENTIALS_DIRECTORY, or with a slash a path. Errors name file, line and the mend; a file that others may read is
 * refused. */
int cw_key_pair_load(const char *name, struct cw_key_pair *ret, struct cw_error *err);
/* The one key of a public key's file. */
int cw_public_key_load(const char *path, struct cw_named_key *ret, struct cw_error *err);
/* Creates path (0600) and, unless NULL, public_path (0644); neither may be there. Nothing is left behind when one fails. */
int cw_key_pair_save(const struct cw_key_pair *pair, const char *path, const char *public_path, struct cw_error *err);

/* Keys that may come in; by name, no name and no key twice. */
struct cw_allowed {
	size_t n, cap;
	struct cw_named_key *keys; /* owned */
};
void cw_allowed_clear(struct cw_allowed *allowed);
/* Adds what path, a file or a directory, lists. Every mistake is reported, with its file and line, and what is right is added all the
 * same. 0, 1 when there were mistakes, or -ENOMEM. */
int cw_allowed_load(const char *path, void (*report)(void *arg, const struct cw_error *mistake), void *arg,
                    struct cw_allowed *allowed);
/* Adds one. -EEXIST with text in err when its name or key is there; -ENOMEM; -ENOBUFS beyond CW_ALLOWED_MAX. */
int cw_allowed_add(struct cw_allowed *allowed, const struct cw_named_key *key, struct cw_error *err);
const struct cw_named_key *cw_allowed_find(const struct cw_allowed *allowed, const struct cw_key *key); /* NULL */
/* In the form of a file. 0 or -ENOMEM. */
int cw_allowed_print(const struct cw_allowed *allowed, struct cw_buf *out);

#endif
