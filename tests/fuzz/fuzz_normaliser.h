/*
 * fuzz_normaliser.h: one document through the normaliser, with everything that must hold of any bytes checked.
 *
 * It must not crash or leak; evidence and rejects must be such as the assessor's reader accepts; and the result
 * must be the same when the bytes come in pieces.
 */
#ifndef FUZZ_NORMALISER_H
#define FUZZ_NORMALISER_H

#include <stddef.h>
#include <stdint.h>

/* feed: a name in fuzz_normaliser.c's configuration. */
int fuzz_document(const char *feed, const uint8_t *data, size_t size);
/* The same for a document of one of its steps. */
int fuzz_step(const char *feed, const char *step, const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
