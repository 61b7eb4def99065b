/* The header of a submission, as a client sends it: what is accepted is within every limit. */
#include <stdlib.h>
#include <string.h>

#include "../../daemon/submission.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cw_submission header;
	struct cw_error err = { 0 };

	if (cw_submission_decode(data, size, &header, &err) < 0) {
		if (!err.text[0])
			abort();
		return 0;
	}
	if (size > CW_SUBMIT_HEADER_MAX || (!header.asks && !header.feed[0]) || strlen(header.feed) >= CW_NAME_MAX ||
	    strlen(header.client_id) > CW_SUBMIT_CLIENT_MAX || strlen(header.content_type) > CW_SUBMIT_TYPE_MAX ||
	    strlen(header.name) > CW_SUBMIT_NAME_MAX || !cw_utf8_valid(header.name, strlen(header.name)))
		abort();
	return 0;
}
