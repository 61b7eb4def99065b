/*
 * release.h: what stands out among the councils of one release of figures.
 *
 * Between the record and the sink. Figures are evidence as they are; those of the newest period in the document are held
 * back until its end, compared with one another and with the period before, and given out with "outlier" and "compared"
 * where they stand out (docs/model.md, "How outliers are found"). Figures of older periods pass straight through, and of the
 * period before only the numbers are kept, so that a release of any length takes the memory of two periods.
 *
 * The result does not depend on the order of the rows.
 */
#ifndef CW_NORMALISER_RELEASE_H
#define CW_NORMALISER_RELEASE_H

#include <councilwatch/normalise.h>

struct cw_release;

/* feed is borrowed, the sink copied. */
int cw_release_new(const struct cw_feed *feed, const struct cw_normalise_sink *sink, struct cw_release **ret);
void cw_release_free(struct cw_release *release);

/* One piece of evidence. denominators: one for each measure of the feed's release, NAN where the row does not state it. 0; 1:
 * more rows of one period than a release has, and what was held is given out as it stands; or -errno. */
int cw_release_take(struct cw_release *release, const struct cw_evidence *evidence, const double *denominators);
/* After the last row: 1: some were given out, call again; 0: all are; or -errno. The figures of a document that broke off are
 * not whole: they are given out as facts, not compared. */
int cw_release_end(struct cw_release *release, bool whole);

#endif
