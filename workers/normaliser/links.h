/*
 * links.h: the links of a step's document: which of them are followed.
 *
 * A format offers every link of the document, or rows with a column that holds one; what the step's options, the allowed hosts
 * and a look at the address leave of them goes to the sink. Each link counts as a row: followed, ignored, said twice, or
 * rejected with what a person could mend.
 */
#ifndef CW_NORMALISER_LINKS_H
#define CW_NORMALISER_LINKS_H

#include "record.h"

struct cw_links;

struct cw_anchor {
	struct cw_str href, text;
	struct cw_str classes, rel; /* as they stand in the attributes; HTML only */
};

/* All borrowed until free. step NULL: for the next page only. 0 or -ENOMEM. */
int cw_links_new(struct cw_record *record, const struct cw_feed *feed, const struct cw_step *step, struct cw_links **ret);
void cw_links_free(struct cw_links *links);

/* 0 or -errno. */
int cw_links_offer(struct cw_links *links, uint64_t row, const struct cw_anchor *anchor);
/* A row whose cells are for the fields of step->reader. */
int cw_links_row(struct cw_links *links, uint64_t row, const struct cw_cell *cells, const size_t *url_slots,
                 size_t n_url_slots, const size_t *text_slots, size_t n_text_slots);
/* A link to the next page, wherever in the document it stands. 0; 1: is none; -errno. */
int cw_links_next_page(struct cw_links *links, struct cw_str href);
/* True: no link of it is followed. */
bool cw_links_none(const struct cw_links *links);
const struct cw_step *cw_links_step(const struct cw_links *links);

#endif
