#include "fuzz_normaliser.h"

/* What begins like JSON is read as such. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_step("links", size && data[0] == '{' ? "json" : "html", data, size);
}
