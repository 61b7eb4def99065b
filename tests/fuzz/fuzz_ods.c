#include <stdlib.h>

#include "fuzz_archive.h"
#include "fuzz_normaliser.h"

static const struct fuzz_part fixed[] = { { "mimetype", "application/vnd.oasis.opendocument.spreadsheet" },
	                                  { NULL, NULL } };

/* The text is content.xml. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;
	uint8_t *archive = fuzz_archive(data, size, "content.xml", fixed, &len);

	if (archive) {
		fuzz_document("ods", archive, len);
		fuzz_document("ods-stacked", archive, len);
	}
	free(archive);
	return 0;
}
