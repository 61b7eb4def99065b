#include <errno.h>
#include <stdlib.h>

#include "store_private.h"

int store_ranges_add(struct ranges *ranges, uint64_t rowno)
{
	if (ranges->n && ranges->at[ranges->n - 1].last + 1 == rowno) {
		ranges->at[ranges->n - 1].last = rowno;
		return 0;
	}
	if (ranges->n == ranges->cap) {
		size_t cap = ranges->cap ? ranges->cap * 2 : 16;
		struct range *grown = realloc(ranges->at, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		ranges->at = grown;
		ranges->cap = cap;
	}
	ranges->at[ranges->n++] = (struct range){ rowno, rowno };
	return 0;
}

static int by_first(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

void store_ranges_normalise(struct ranges *ranges)
{
	size_t n = 0;

	if (!ranges->n)
		return;
	qsort(ranges->at, ranges->n, sizeof(*ranges->at), by_first);
	for (size_t i = 1; i < ranges->n; i++) {
		if (ranges->at[i].first <= ranges->at[n].last + 1)
			ranges->at[n].last = CW_MAX(ranges->at[n].last, ranges->at[i].last);
		else
			ranges->at[++n] = ranges->at[i];
	}
	ranges->n = n + 1;
}

bool store_ranges_have(const struct ranges *ranges, uint64_t rowno)
{
	size_t low = 0, high = ranges->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (rowno < ranges->at[mid].first)
			high = mid;
		else if (rowno > ranges->at[mid].last)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

/* Gap to the last range's end and length, as varints. */
int store_ranges_put(const struct ranges *ranges, struct cw_buf *out)
{
	uint64_t end = 0;

	for (size_t i = 0; i < ranges->n; i++) {
		cw_buf_put_varint(out, ranges->at[i].first - end);
		cw_buf_put_varint(out, ranges->at[i].last - ranges->at[i].first);
		end = ranges->at[i].last;
	}
	return out->failed;
}

int store_ranges_get(struct ranges *ranges, const void *data, size_t len)
{
	struct cw_cursor cursor;
	uint64_t end = 0;

	ranges->n = 0;
	cw_cursor_init(&cursor, data, len);
	while (cursor.left) {
		uint64_t first = end + cw_get_varint(&cursor);
		uint64_t last = first + cw_get_varint(&cursor);

		if (cursor.bad || last < first)
			return -EUCLEAN;
		if (store_ranges_add(ranges, first) < 0)
			return -ENOMEM;
		ranges->at[ranges->n - 1].last = last;
		end = last;
	}
	return 0;
}
