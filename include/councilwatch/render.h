/*
 * render.h: JSON and sentences for assessments, evidence and alerts, the same in alerts, on the query socket
 * and on the command line (design sections 3 and 5).
 */
#ifndef COUNCILWATCH_RENDER_H
#define COUNCILWATCH_RENDER_H

#include <councilwatch/base.h>
#include <councilwatch/buf.h>
#include <councilwatch/config.h>
#include <councilwatch/model.h>
#include <councilwatch/outlook.h>
#include <councilwatch/window.h>
#include <jansson.h>

/* How every program writes JSON: numbers as they are meant (0.8), the same everywhere. */
#define CW_JSON_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(12))

/* New references, or NULL when out of memory. */
json_t *cw_render_council(const struct cw_council *council);          /* id name gss_code la_code urn */
json_t *cw_render_fact(const struct cw_fact *fact);                   /* the evidence object of design section 5 */
json_t *cw_render_criteria(const struct cw_assessment *assessment);   /* {"ofsted":{"level":…,"points":…},…} */
json_t *cw_render_contributors(const struct cw_assessment *assessment); /* the weightiest, with evidence[] */
json_t *cw_render_all_contributors(const struct cw_assessment *assessment);
json_t *cw_render_conflicts(const struct cw_assessment *assessment);    /* kind event_date event settled evidence[] of each */
/* What a person has ruled: id scope state made until author reason sensitivity, and level or event and source; null when its fact is NULL. */
json_t *cw_render_ruling(const struct cw_ruling *ruling);
json_t *cw_render_override(const struct cw_assessment *assessment); /* the one on the level, with model_level and evidence; or null */
json_t *cw_render_rulings(const struct cw_assessment *assessment, bool in_force); /* or all, the latest first */
/* The strictest of what people inside have said and an alert repeats: "internal", "dfe_shareable"; NULL = nothing of theirs. */
const char *cw_render_sensitivity(const struct cw_change *change);
/* "handled by principal adviser until 2025-06-01: reason"; and what it says, "rejects section 114 notice of 2025-03-04, by …". */
int cw_render_ruled(const struct cw_ruling *ruling, struct cw_buf *out);
/* All that is in force, with what each is about, in one line; nothing where there is none. */
int cw_render_in_force(const struct cw_assessment *assessment, struct cw_buf *out);
int cw_render_ruling_words(const struct cw_ruling *ruling, struct cw_buf *out);
/* One row of "councils --json": council_id name gss_code la_code urn region level knowledge points criteria{} rulings[] */
json_t *cw_render_council_level(const struct cw_council *council, const struct cw_assessment *assessment);
/* The CloudEvents object of a change in one council; its time is that of the change. */
json_t *cw_render_alert(const struct cw_config *config, const struct cw_council *council, const struct cw_change *change,
                        uint64_t seq, const char *id);
/* The same for what concerns a feed (source_outage, identity_unresolved); subject is the feed's name. */
json_t *cw_render_feed_alert(const struct cw_config *config, enum cw_alert_kind kind, struct cw_str feed, struct cw_wall at,
                             const char *text, uint64_t seq, const char *id);
/* What a level asks of those who offer support: tier read_days contact_days offer_days; and in words. */
json_t *cw_render_response(const struct cw_risk *risk, enum cw_level level);
int cw_render_response_words(const struct cw_risk *risk, enum cw_level level, struct cw_buf *out);
/* What would lower the level: an array of what day text closes[] level then[] lowers; and one of it in a sentence. */
json_t *cw_render_outlook(const struct cw_assessment *now, const struct cw_outlook *outlook);
int cw_render_in_vain(const struct cw_assessment *now, const struct cw_outlook *outlook, struct cw_buf *out); /* what changes nothing alone */
int cw_render_prospect(const struct cw_assessment *now, const struct cw_prospect *prospect, struct cw_buf *out);
/* When the next full inspection may come. */
json_t *cw_render_window(const struct cw_risk *risk, const struct cw_window *window, int32_t as_of);
int cw_render_window_words(const struct cw_risk *risk, const struct cw_window *window, int32_t as_of, struct cw_buf *out);
/* The sum of a level, with six decimals: criteria{sum cap points} breadth points lines floors hold level. */
json_t *cw_render_arithmetic(const struct cw_risk *risk, const struct cw_assessment *assessment);
/* How many criteria have what breadth takes; the level of today's points, before any slow way down. */
int cw_broad_criteria(const struct cw_risk *risk, const struct cw_assessment *assessment);
enum cw_level cw_points_line(const struct cw_risk *risk, const struct cw_assessment *assessment);
const char *cw_render_grade(enum cw_grade grade); /* "requires improvement" */
/* Where to look up a statement without an address of its own, as its feed says. False: it does not. */
bool cw_render_page(const struct cw_config *config, struct cw_str feed_name, struct cw_str council_id, struct cw_buf *out);
/* Contributors or conflicts, with that filled in as "url" and marked "url_is_page". The same array, or NULL for NULL. */
json_t *cw_render_linked(const struct cw_config *config, json_t *array);
/* Points as they are shown: to the tenth. */
double cw_render_points(double points);
/* One sentence a person can read aloud (domain section 6: a flag for a conversation, never a verdict). */
int cw_render_sentence(const struct cw_council *council, const struct cw_change *change, struct cw_buf *out);
/* "routine", or "unknown (last judged 2018-07-02)" where domain 3.5 says not to say routine. */
int cw_render_level(const struct cw_assessment *assessment, struct cw_buf *out);
/* "ILACS inspection: inadequate", "full inspection of leaders …": a signal for people. */
const char *cw_render_signal(const char *signal);

#endif
