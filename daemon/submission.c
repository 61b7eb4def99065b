#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "submission.h"

/* A text member, printable and at most max bytes. 0 also when it is not there. */
static int text_member(const json_t *header, const char *name, size_t max, char *ret, struct cw_error *err)
{
	const json_t *value = json_object_get(header, name);
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);

	if (!value || json_is_null(value))
		return 0;
	if (!text)
		return cw_error_set(err, -EBADMSG, "'%s' is not a text", name);
	if (len > max)
		return cw_error_set(err, -EBADMSG, "'%s' has %zu bytes; %zu are the most", name, len, max);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return cw_error_set(err, -EBADMSG, "'%s' holds a control character; leave it out", name);
	memcpy(ret, text, len + 1);
	return 0;
}

static int hash_of(const char *text, unsigned char ret[CW_SHA256_LEN])
{
	if (strncmp(text, "sha256:", 7) == 0)
		text += 7;
	return strlen(text) == CW_SHA256_LEN * 2 && cw_unhex(text, ret, CW_SHA256_LEN) == 0 ? 0 : -EBADMSG;
}

/* A number or a short text, given back as it is. */
static int take_id(const json_t *header, struct cw_submission *ret, struct cw_error *err)
{
	const json_t *id = json_object_get(header, "id");
	char *text;
	int r = 0;

	if (!id || json_is_null(id))
		return 0;
	text = json_is_string(id) || json_is_integer(id) ? json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	if (text && strlen(text) < sizeof(ret->id))
		memcpy(ret->id, text, strlen(text) + 1);
	else
		r = cw_error_set(err, -EBADMSG, "'id' is a whole number or a text of at most %zu bytes", sizeof(ret->id) - 3);
	free(text);
	return r;
}

static int decode(const json_t *header, struct cw_submission *ret, struct cw_error *err)
{
	char hash[CW_SHA256_HEX + 8] = "";
	int r = take_id(header, ret, err);

	if (r < 0)
		return r;
	if (json_object_get(header, "receipt")) {
		ret->asks = true;
		r = text_member(header, "receipt", sizeof(hash) - 1, hash, err);
		if (r < 0 || hash_of(hash, ret->receipt) < 0)
			return cw_error_set(err, -EBADMSG, "'receipt' is not one: they read sha256: and 64 hexadecimal digits");
		return 0;
	}
	r = text_member(header, "feed", sizeof(ret->feed) - 1, ret->feed, err);
	if (r == 0)
		r = text_member(header, "content_type", CW_SUBMIT_TYPE_MAX, ret->content_type, err);
	if (r == 0)
		r = text_member(header, "client_id", CW_SUBMIT_CLIENT_MAX, ret->client_id, err);
	if (r == 0)
		r = text_member(header, "name", CW_SUBMIT_NAME_MAX, ret->name, err);
	if (r == 0)
		r = text_member(header, "sudo_user", sizeof(ret->sudo_user) - 1, ret->sudo_user, err);
	if (r == 0)
		r = text_member(header, "sha256", sizeof(hash) - 1, hash, err);
	if (r < 0)
		return r;
	if (hash[0]) {
		if (hash_of(hash, ret->sha256) < 0)
			return cw_error_set(err, -EBADMSG, "'sha256' is not 64 hexadecimal digits");
		ret->has_sha256 = true;
	}
	if (!ret->feed[0])
		return cw_error_set(err, -EBADMSG, "'feed' is missing: name the feed that the document is for");
	return 0;
}

int cw_submission_decode(const void *data, size_t len, struct cw_submission *ret, struct cw_error *err)
{
	json_error_t jerr;
	json_t *header;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (len > CW_SUBMIT_HEADER_MAX)
		return cw_error_set(err, -EBADMSG,
		                    "the header has %zu bytes; %u are the most. The document goes into a frame of its own", len,
		                    CW_SUBMIT_HEADER_MAX);
	header = json_loadb(data ? data : "", len, JSON_REJECT_DUPLICATES, &jerr);
	if (!header)
		return cw_error_set(err, -EBADMSG, "the header is not JSON: %s", jerr.text);
	r = json_is_object(header) ? decode(header, ret, err)
	                           : cw_error_set(err, -EBADMSG, "the header is not a JSON object: {\"feed\":\"…\"}");
	json_decref(header);
	return r;
}
