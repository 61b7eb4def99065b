/*
 * since.h: how a council stood on an earlier day, and in one line why it stands elsewhere now.
 *
 * Both days are looked at as they were known then, so the line names what was published, ended or faded in between.
 */
#ifndef CW_CLI_SINCE_H
#define CW_CLI_SINCE_H

#include <councilwatch/base.h>
#include <councilwatch/buf.h>
#include <councilwatch/model.h>

/* Of which level the talk is: the council's, or that of one criterion. */
struct cw_part {
	bool has_criterion;
	enum cw_criterion criterion;
};
enum cw_level cw_part_level(const struct cw_part *part, const struct cw_assessment *assessment);
double cw_part_points(const struct cw_part *part, const struct cw_assessment *assessment);

/* What of the difference made the level another; nothing when the level is the same. No name of the council in it. */
int cw_since_why(const struct cw_part *part, const struct cw_assessment *then, const struct cw_assessment *now,
                 struct cw_buf *out);

#endif
