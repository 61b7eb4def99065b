/* Whole documents through poppler; what its words mean is fuzz_report_read's. */
#include <stdlib.h>

#include <councilwatch/base.h>

#include <format_report.h>

#include "fuzz_normaliser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool registered;

	if (!registered && cw_format_report_register() < 0)
		abort();
	registered = true;
	return fuzz_document("ilacs-report", data, size);
}
