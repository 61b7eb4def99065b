#include "fuzz_normaliser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_document("akoma-ntoso", data, size);
}
