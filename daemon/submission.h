/*
 * submission.h: the header of a submission: what a document is handed in as, or which receipt is asked about.
 *
 * Outside input: decoded here, in one place, with every limit; docs/submitting.md is the same for people.
 */
#ifndef CW_DAEMON_SUBMISSION_H
#define CW_DAEMON_SUBMISSION_H

#include <councilwatch/base.h>
#include <councilwatch/error.h>
#include <councilwatch/limits.h>
#include <councilwatch/text.h>

/* Texts end with NUL; "" = not said. */
struct cw_submission {
	bool asks; /* about a receipt; else it brings a document */
	unsigned char receipt[CW_SHA256_LEN];
	char feed[CW_NAME_MAX];
	char content_type[CW_SUBMIT_TYPE_MAX + 1];
	char client_id[CW_SUBMIT_CLIENT_MAX + 1];
	char name[CW_SUBMIT_NAME_MAX + 1];
	bool has_sha256;
	unsigned char sha256[CW_SHA256_LEN];
	char sudo_user[CW_NAME_MAX]; /* believed of root only */
	char id[CW_NAME_MAX]; /* as JSON, to be given back with the answer */
};

/* 0, or -EBADMSG with what is wrong and the mend; ret->id is filled as far as it was understood. */
int cw_submission_decode(const void *data, size_t len, struct cw_submission *ret, struct cw_error *err);

#endif
