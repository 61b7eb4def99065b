#include "fuzz_normaliser.h"

/* The three formats that are JSON share a reader; each makes its own of the rows. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_document("json", data, size);
	fuzz_document("ndjson", data, size);
	return fuzz_document("evidence", data, size);
}
