/*
 * base.h: what every file may use: attributes, cleanup, small macros.
 */
#ifndef COUNCILWATCH_BASE_H
#define COUNCILWATCH_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define CW_NODISCARD __attribute__((warn_unused_result))
#define CW_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define CW_CLEANUP(fn) __attribute__((cleanup(fn)))
#define CW_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CW_MIN(a, b) ((a) < (b) ? (a) : (b))
#define CW_MAX(a, b) ((a) > (b) ? (a) : (b))

/* Hands over a pointer held under CW_CLEANUP: returns it and clears the variable. */
#define cw_steal(ptr)                          \
	__extension__({                        \
		__typeof__(ptr) cw_taken = (ptr); \
		(ptr) = NULL;                  \
		cw_taken;                      \
	})

/* For CW_CLEANUP on char * and other malloc'd pointers. */
static inline void cw_freep(void *pointer)
{
	free(*(void **)pointer);
}

#endif
