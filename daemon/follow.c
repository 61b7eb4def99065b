#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <councilwatch/log.h>

#include "follow.h"

/* A trip to a link: from waiting for its turn to the end of the transfer. */
struct trip {
	struct trip *next, **back;
	struct cw_follow *follow;
	struct cw_schedule_turn turn;
	uint64_t link;
	char *feed, *url;
	struct cw_inbox_stream *stream;
	struct cw_fetch *fetch;
	struct cw_mono started;
	bool over; /* to be freed when the schedule is done with us */
};

/* A feed that has steps or pages. */
struct course {
	const struct cw_feed *feed;
	bool open;                  /* links are fetched: it is polled, or a person asked for it and it is not done yet */
	unsigned used[CW_STEPS_MAX]; /* links of each step in this run */
};

struct cw_follow {
	struct cw_loop *loop;
	struct cw_inbox *inbox;
	struct cw_fetcher *fetcher;
	struct cw_schedule *schedule;
	struct cw_follow_ops ops;
	void *arg;
	struct cw_timer *timer;
	const struct cw_config *config;
	size_t n;
	struct course *courses;
	struct trip *trips;
	bool stopped;
	bool in_run;
};

static void again(struct cw_follow *follow)
{
	if (!follow->stopped)
		cw_timer_arm(follow->timer, 0);
}

static struct course *course_find(struct cw_follow *follow, const char *feed)
{
	for (size_t i = 0; i < follow->n; i++)
		if (strcmp(follow->courses[i].feed->name, feed) == 0)
			return &follow->courses[i];
	return NULL;
}

bool cw_follow_has(const struct cw_feed *feed)
{
	return feed->url && (feed->n_steps || feed->pages.on);
}

const char *cw_follow_first_step(const struct cw_feed *feed)
{
	return feed->n_steps ? feed->steps[0].name : "";
}

/* The step whose links these are: the one before the step that reads them. NULL: there is none (pages, or another configuration). */
static const struct cw_step *step_to(const struct cw_feed *feed, const char *reads)
{
	for (size_t i = 0; i < feed->n_steps; i++)
		if (strcmp(cw_feed_next_step(feed, &feed->steps[i]), reads) == 0)
			return &feed->steps[i];
	return NULL;
}

int cw_follow_page_url(const char *url, const struct cw_pages *pages, unsigned page, struct cw_buf *out)
{
	const char *fragment = strchr(url, '#'), *query = strchr(url, '?'), *at;
	size_t len = fragment ? (size_t)(fragment - url) : strlen(url), name = strlen(pages->parameter);
	unsigned long long value = pages->first + (unsigned long long)page * pages->by;

	for (at = query && (size_t)(query - url) < len ? query + 1 : NULL; at && at < url + len;) {
		size_t n = strcspn(at, "&#");

		if (strncmp(at, pages->parameter, name) == 0 && (at[name] == '=' || n == name)) {
			cw_buf_append(out, url, (size_t)(at - url));
			cw_buf_printf(out, "%s=%llu", pages->parameter, value);
			return cw_buf_append(out, at + n, len - (size_t)(at - url) - n);
		}
		at += n + (at[n] == '&');
	}
	cw_buf_append(out, url, len);
	return cw_buf_printf(out, "%c%s=%llu", query ? '&' : '?', pages->parameter, value);
}

/* --- trips --- */

static void trip_free(struct trip *trip)
{
	struct cw_follow *follow = trip->follow;

	*trip->back = trip->next;
	if (trip->next)
		trip->next->back = trip->back;
	if (trip->fetch)
		cw_fetch_cancel(trip->fetch);
	cw_schedule_turn_end(follow->schedule, &trip->turn);
	cw_inbox_stream_free(trip->stream);
	free(trip->feed);
	free(trip->url);
	free(trip);
}

/* 0, or negative: it could not be written down, and the link is as due as it was. */
static int link_failed(struct cw_follow *follow, const struct cw_feed *feed, const struct cw_inbox_link *link,
                       const char *outcome, const char *detail, struct cw_wall retry_after)
{
	const struct cw_step *step = link->page ? NULL : step_to(feed, link->step);
	int64_t interval = step ? step->interval_ms : feed->interval_ms;
	struct cw_wall due, now = cw_wall_now();
	char text[CW_WALL_TEXT];
	struct cw_error err;
	uint32_t bits = 0;
	int r;

	(void)!getrandom(&bits, sizeof(bits), GRND_NONBLOCK);
	due.ms = now.ms + cw_schedule_backoff(interval, link->failures + 1, bits);
	if (cw_wall_known(retry_after) && retry_after.ms > due.ms)
		due = retry_after;
	cw_log(CW_LOG_WARNING, "link.failed", "feed=%s step=%s url=%s outcome=%s failures=%u detail=%s next=%s", feed->name,
	       link->step, link->url, outcome, link->failures + 1, detail ? detail : "", cw_wall_format(due, text));
	r = cw_inbox_link_failed(follow->inbox, link->id, outcome, detail, due, &err);
	if (r < 0)
		cw_log_error(CW_LOG_ERROR, "inbox.write_failed", &err, "feed=%s", feed->name);
	return r;
}

/* When a link that was fetched is fetched again. */
static struct cw_wall due_again(const struct cw_feed *feed, const struct cw_inbox_link *link)
{
	const struct cw_step *step = link->page ? NULL : step_to(feed, link->step);

	/* A page is asked for when the one before it was. */
	if (!step || step->immutable)
		return cw_wall_none();
	return (struct cw_wall){ cw_wall_now().ms + step->interval_ms };
}

static void link_unchanged(struct cw_follow *follow, const struct cw_feed *feed, const struct cw_inbox_link *link,
                           const char *outcome)
{
	struct cw_error err;

	cw_log(CW_LOG_INFO, "fetch.unchanged", "feed=%s outcome=%s document=%" PRIu64 " url=%s", feed->name, outcome,
	       link->document, link->url);
	if (cw_inbox_link_unchanged(follow->inbox, link->id, outcome, due_again(feed, link), &err) < 0)
		cw_log_error(CW_LOG_ERROR, "inbox.write_failed", &err, "feed=%s", feed->name);
}

static void link_fetched(struct trip *trip, const struct cw_feed *feed, struct cw_inbox_link *link,
                         const struct cw_fetch_result *result)
{
	struct cw_follow *follow = trip->follow;
	struct cw_inbox_document document;
	char url[CW_URL_MAX + 1], type[257];
	struct cw_inbox_meta meta = {
		.feed = feed->name,
		.step = link->step,
		.link = link,
		.url = link->url,
		.final_url = url,
		.content_type = type,
		.etag = result->etag,
		.last_modified = result->last_modified,
		.fetched_at = cw_wall_now(),
		.flags = link->page ? CW_DOC_PAGE : 0,
		.config = follow->config->hash,
	};
	struct cw_error err;
	int r;

	snprintf(url, sizeof(url), "%s", result->final_url);
	snprintf(type, sizeof(type), "%s", result->content_type);
	cw_fetch_text_mend(url);
	cw_fetch_text_mend(type);
	link->next_due = due_again(feed, link);
	r = cw_inbox_stream_finish(trip->stream, &meta, NULL, &document, &err);
	if (r < 0) {
		(void)link_failed(follow, feed, link, "storage", err.text, cw_wall_none());
		return;
	}
	if (r == CW_INBOX_STORED) {
		cw_log(CW_LOG_INFO, "fetch.stored", "feed=%s document=%" PRIu64 " size=%" PRIu64 " ms=%lld url=%s", feed->name,
		       document.id, document.size, (long long)((cw_mono_now().ns - trip->started.ns) / 1000000), link->url);
		follow->ops.stored(follow->arg);
	} else {
		link_unchanged(follow, feed, link, "unchanged");
	}
	cw_inbox_document_clear(&document);
}

static int trip_data(void *arg, const void *data, size_t len, struct cw_error *err)
{
	struct trip *trip = arg;

	return cw_inbox_stream_write(trip->stream, data, len, err);
}

static void trip_done(void *arg, const struct cw_fetch_result *result)
{
	struct trip *trip = arg;
	struct cw_follow *follow = trip->follow;
	struct course *course = course_find(follow, trip->feed);
	struct cw_inbox_link link;
	char detail[CW_ERROR_TEXT_MAX];
	struct cw_error err;

	trip->fetch = NULL;
	if (!course) {
		/* A reload took the feed or its steps away. */
	} else if (cw_inbox_link(follow->inbox, trip->link, &link, &err) < 0) {
		cw_log_error(CW_LOG_ERROR, "inbox.read_failed", &err, "feed=%s", trip->feed);
	} else {
		if (result->outcome == CW_FETCH_OK) {
			link_fetched(trip, course->feed, &link, result);
		} else if (result->outcome == CW_FETCH_NOT_MODIFIED) {
			link_unchanged(follow, course->feed, &link, "not_modified");
		} else {
			snprintf(detail, sizeof(detail), "%s", result->detail);
			cw_fetch_text_mend(detail);
			(void)link_failed(follow, course->feed, &link, result->name, detail, result->retry_after);
		}
		cw_inbox_link_clear(&link);
	}
	trip_free(trip);
	again(follow);
}

/* The validators of the document that is there, unless that deserves to be read again. */
static void validators(struct cw_follow *follow, const struct cw_inbox_link *link, struct cw_fetch_request *request)
{
	struct cw_inbox_document document;

	if (!link->document || cw_inbox_document(follow->inbox, link->document, &document, NULL) < 0)
		return;
	if (!cw_inbox_deserves_another(&document, follow->config->hash)) {
		request->etag = link->etag;
		request->last_modified = link->last_modified;
	}
	cw_inbox_document_clear(&document);
}

static int trip_fetch(struct trip *trip, const struct cw_feed *feed, const struct cw_inbox_link *link, struct cw_error *err)
{
	static const struct cw_fetch_ops ops = { .data = trip_data, .done = trip_done };
	struct cw_follow *follow = trip->follow;
	struct cw_fetch_request request = {
		.url = link->url,
		.home = feed->url,
		.user_agent = follow->config->user_agent,
		.headers = &feed->headers,
		.allowed_hosts = &feed->allowed_hosts,
		.max_size = feed->max_size,
		.connect_timeout_ms = feed->connect_timeout_ms,
		.timeout_ms = feed->timeout_ms,
		.max_redirects = feed->max_redirects,
		.credential = feed->credential,
	};
	int r;

	validators(follow, link, &request);
	trip->started = cw_mono_now();
	r = cw_inbox_stream_new(follow->inbox, feed->max_size, &trip->stream, err);
	if (r == 0)
		r = cw_fetch_start(follow->fetcher, &request, &ops, trip, &trip->fetch, err);
	return r;
}

/* Our turn. */
static void trip_start(void *arg)
{
	struct trip *trip = arg;
	struct cw_follow *follow = trip->follow;
	struct course *course = course_find(follow, trip->feed);
	struct cw_inbox_link link = { 0 };
	struct cw_error err;
	int r = -ENOENT;

	if (course && course->open && !follow->stopped)
		r = cw_inbox_link(follow->inbox, trip->link, &link, &err);
	if (r == 0 && (!cw_wall_known(link.next_due) || (!link.page && !step_to(course->feed, link.step))))
		r = -ENOENT; /* the configuration changed while it waited */
	if (r == 0) {
		r = trip_fetch(trip, course->feed, &link, &err);
		if (r < 0)
			(void)link_failed(follow, course->feed, &link, "internal", err.text, cw_wall_none());
	}
	cw_inbox_link_clear(&link);
	if (r < 0) {
		trip_free(trip);
		again(follow);
	}
}

/* 0, or negative: the link is not due any more. */
static int trip_new(struct cw_follow *follow, struct course *course, const struct cw_inbox_link *link)
{
	struct trip *trip = calloc(1, sizeof(*trip));
	struct cw_error err;
	char host[CW_HOST_MAX];
	int r = -ENOMEM;

	if (!trip)
		return r;
	trip->follow = follow;
	trip->back = &follow->trips;
	trip->next = follow->trips;
	if (trip->next)
		trip->next->back = &trip->next;
	follow->trips = trip;
	trip->link = link->id;
	trip->turn.start = trip_start;
	trip->turn.arg = trip;
	trip->feed = strdup(link->feed);
	trip->url = strdup(link->url);
	if (!trip->feed || !trip->url) {
		trip_free(trip);
		return r;
	}
	/* allowed_hosts may have changed since it was found. */
	if (!cw_fetch_may_follow(link->url, course->feed->url, &course->feed->allowed_hosts) ||
	    cw_fetch_host(link->url, host, &err) < 0) {
		r = link_failed(follow, course->feed, link, "host_refused", "its host is not in allowed_hosts", cw_wall_none());
		trip_free(trip);
		return r;
	}
	r = cw_schedule_turn_wait(follow->schedule, &trip->turn, host, &err);
	if (r < 0)
		trip_free(trip);
	return r;
}

/* --- what is due --- */

static size_t trips_of(const struct cw_follow *follow, const struct course *course, uint64_t ids[CW_FOLLOW_AT_ONCE])
{
	const struct trip *trip;
	size_t n = 0;

	for (trip = follow->trips; trip; trip = trip->next)
		if (strcmp(trip->feed, course->feed->name) == 0 && n < CW_FOLLOW_AT_ONCE)
			ids[n++] = trip->link;
	return n;
}

/* The link that is to be fetched next. 1, 0 none, or negative. *ret_step is its step's index; pages have none (SIZE_MAX). */
static int pick(struct cw_follow *follow, struct course *course, const uint64_t *except, size_t n_except,
                struct cw_inbox_link *ret, size_t *ret_step)
{
	const struct cw_feed *feed = course->feed;
	struct cw_wall now = cw_wall_now();
	struct cw_error err;
	int r = -ENOENT;

	*ret_step = SIZE_MAX;
	if (feed->pages.on) {
		r = cw_inbox_link_next(follow->inbox, feed->name, cw_follow_first_step(feed), now, true, except, n_except, ret,
		                       &err);
		/* In a feed without steps every link is a page; in others no link leads to the first step but pages. */
		if (r == 0 && (!ret->page || ret->page >= feed->pages.max)) {
			cw_inbox_link_clear(ret);
			r = -ENOENT;
		}
	}
	for (int only_new = 1; only_new >= 0 && r == -ENOENT; only_new--)
		for (size_t i = 0; i < feed->n_steps && r == -ENOENT; i++) {
			if (course->used[i] >= feed->steps[i].max_links)
				continue;
			r = cw_inbox_link_next(follow->inbox, feed->name, cw_feed_next_step(feed, &feed->steps[i]), now, only_new,
			                       except, n_except, ret, &err);
			*ret_step = i;
		}
	if (r < 0 && r != -ENOENT)
		cw_log_error(CW_LOG_ERROR, "inbox.read_failed", &err, "feed=%s", feed->name);
	return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

static bool course_idle(struct cw_follow *follow, struct course *course)
{
	uint64_t except[CW_FOLLOW_AT_ONCE];
	struct cw_inbox_link link;
	size_t step;
	int r;

	if (trips_of(follow, course, except))
		return false;
	if (!course->open)
		return true;
	r = pick(follow, course, NULL, 0, &link, &step);
	if (r > 0)
		cw_inbox_link_clear(&link);
	return r <= 0;
}

/* Sends for what is due. */
static void course_run(struct cw_follow *follow, struct course *course)
{
	uint64_t except[CW_FOLLOW_AT_ONCE];
	struct cw_inbox_link link;
	size_t step;
	int r;

	while (course->open && trips_of(follow, course, except) < CW_FOLLOW_AT_ONCE) {
		r = pick(follow, course, except, trips_of(follow, course, except), &link, &step);
		if (r <= 0)
			break;
		if (step != SIZE_MAX)
			course->used[step]++;
		r = trip_new(follow, course, &link);
		cw_inbox_link_clear(&link);
		if (r < 0)
			break;
	}
}

static void timer_plan(struct cw_follow *follow)
{
	struct cw_wall now = cw_wall_now(), due;
	int64_t delay = INT64_MAX;

	for (size_t i = 0; i < follow->n; i++) {
		if (!follow->courses[i].open ||
		    cw_inbox_link_due(follow->inbox, follow->courses[i].feed->name, &due, NULL) < 0 || !cw_wall_known(due))
			continue;
		/* What is due now and was not sent for waits for another to end, or for the next run. */
		if (due.ms > now.ms)
			delay = CW_MIN(delay, due.ms - now.ms);
	}
	if (delay == INT64_MAX)
		cw_timer_disarm(follow->timer);
	else
		cw_timer_arm(follow->timer, CW_MIN(delay, (int64_t)CW_DAY_MS));
}

/* Nothing of the feed is under way: a document that waits to be read may have more links, or a page after it. */
static bool course_done(struct cw_follow *follow, const struct course *course)
{
	const struct cw_schedule_feed *feed = cw_schedule_find(follow->schedule, course->feed->name);
	uint64_t queued;

	return feed && !feed->polled && !feed->running && !feed->asked &&
	       cw_inbox_queued(follow->inbox, course->feed->name, &queued, NULL) == 0 && !queued;
}

void cw_follow_run(struct cw_follow *follow)
{
	if (follow->in_run || follow->stopped || !follow->config)
		return;
	follow->in_run = true;
	for (size_t i = 0; i < follow->n; i++)
		course_run(follow, &follow->courses[i]);
	timer_plan(follow);
	for (size_t i = 0; i < follow->n; i++) {
		struct course *course = &follow->courses[i];

		if (!course_idle(follow, course))
			continue;
		follow->ops.idle(follow->arg, course->feed->name);
		if (course_done(follow, course))
			course->open = false;
	}
	follow->in_run = false;
}

static void timer_fired(void *arg)
{
	cw_follow_run(arg);
}

bool cw_follow_idle(struct cw_follow *follow, const char *feed)
{
	struct course *course = course_find(follow, feed);

	return !course || course_idle(follow, course);
}

bool cw_follow_all_idle(struct cw_follow *follow)
{
	for (size_t i = 0; i < follow->n; i++)
		if (!course_idle(follow, &follow->courses[i]))
			return false;
	return true;
}

void cw_follow_begin(struct cw_follow *follow, const char *feed)
{
	struct course *course = course_find(follow, feed);

	if (!course)
		return;
	memset(course->used, 0, sizeof(course->used));
	course->open = true;
	again(follow);
}

void cw_follow_ask(struct cw_follow *follow, const char *feed)
{
	struct course *course = course_find(follow, feed);
	struct cw_error err;

	if (!course)
		return;
	if (cw_inbox_links_ask(follow->inbox, feed, &err) < 0)
		cw_log_error(CW_LOG_ERROR, "inbox.write_failed", &err, "feed=%s", feed);
	course->open = true;
	again(follow);
}

void cw_follow_unchanged(struct cw_follow *follow, const char *feed)
{
	struct cw_error err;

	if (!course_find(follow, feed))
		return;
	if (cw_inbox_pages_due(follow->inbox, feed, 0, &err) < 0)
		cw_log_error(CW_LOG_ERROR, "inbox.write_failed", &err, "feed=%s", feed);
	again(follow);
}

/* --- what documents give --- */

/* One that is read again after another took its place says nothing of what is there now. */
static bool is_newest(struct cw_follow *follow, const struct cw_inbox_document *document)
{
	struct cw_inbox_document newest;
	bool is;

	if (cw_inbox_newest(follow->inbox, document->feed, document->link, document->step, &newest, NULL) < 0)
		return false;
	is = newest.id == document->id;
	cw_inbox_document_clear(&newest);
	return is;
}

/* The place in its list of the page that a document is: 0 = the first. */
static int page_of(struct cw_follow *follow, const struct cw_inbox_document *document, uint32_t *ret, struct cw_error *err)
{
	struct cw_inbox_link link;
	int r;

	*ret = 0;
	if (!document->link)
		return 0;
	r = cw_inbox_link(follow->inbox, document->link, &link, err);
	if (r == 0) {
		*ret = link.page;
		cw_inbox_link_clear(&link);
	}
	return r;
}

int cw_follow_links(struct cw_follow *follow, const struct cw_inbox_document *document, const struct cw_doc_link *links, size_t n,
                    struct cw_error *err)
{
	struct course *course = course_find(follow, document->feed);
	const struct cw_step *step = course ? cw_feed_step(course->feed, cw_str(document->step)) : NULL;
	CW_CLEANUP(cw_freep) struct cw_inbox_found *found = calloc(n + 1, sizeof(*found));
	size_t i, kept = 0, strangers = 0, refused = 0;
	char url[CW_URL_MAX + 1];
	uint32_t page;
	bool linked;
	int r;

	if (!found)
		return cw_error_nomem(err);
	linked = course && course->feed->pages.on && !course->feed->pages.parameter &&
	         strcmp(document->step, cw_follow_first_step(course->feed)) == 0;
	if (!step && !linked)
		return cw_error_set(err, -EPERM, "feed %s has no step \"%s\"", document->feed, document->step);
	r = page_of(follow, document, &page, err);
	if (r < 0)
		return r;
	if (!is_newest(follow, document))
		return 0;
	for (i = 0; i < n; i++) {
		bool next_page = linked && cw_str_eq(links[i].step, document->step);

		if (!next_page && (!step || !cw_str_eq(links[i].step, cw_feed_next_step(course->feed, step))))
			return cw_error_set(err, -EPERM, "step \"%s\" of feed %s does not lead to \"%.*s\"", document->step,
			                    document->feed, (int)links[i].step.len, links[i].step.at);
		snprintf(url, sizeof(url), "%.*s", (int)links[i].url.len, links[i].url.at);
		/* The normaliser leaves such links out itself; it is not believed. */
		if (!cw_fetch_may_follow(url, course->feed->url, &course->feed->allowed_hosts)) {
			strangers++;
			continue;
		}
		if (next_page && (page + 1 >= course->feed->pages.max || strcmp(url, course->feed->url) == 0))
			continue;
		found[kept++] = (struct cw_inbox_found){ links[i].step, links[i].url, links[i].text, next_page ? page + 1 : 0 };
	}
	r = cw_inbox_links_add(follow->inbox, document, found, kept, &refused, err);
	if (strangers || refused)
		cw_log(CW_LOG_WARNING, "link.refused", "feed=%s document=%" PRIu64 " of_other_hosts=%zu beyond_limit=%zu",
		       document->feed, document->id, strangers, refused);
	if (r == 0)
		again(follow);
	return r;
}

/* Some servers give the first page again and again when asked for one that there is not. */
static bool same_as_before(struct cw_follow *follow, const struct cw_inbox_document *document, uint32_t page)
{
	struct cw_inbox_document before;
	struct cw_inbox_link link;
	bool same;
	int r;

	if (!page)
		return false;
	if (page == 1) {
		r = cw_inbox_newest(follow->inbox, document->feed, 0, document->step, &before, NULL);
	} else {
		r = cw_inbox_page(follow->inbox, document->feed, document->step, page - 1, &link, NULL);
		if (r == 0) {
			r = cw_inbox_document(follow->inbox, link.document, &before, NULL);
			cw_inbox_link_clear(&link);
		}
	}
	if (r < 0)
		return false;
	same = memcmp(before.sha256, document->sha256, CW_SHA256_LEN) == 0;
	cw_inbox_document_clear(&before);
	return same;
}

int cw_follow_next_page(struct cw_follow *follow, const struct cw_inbox_document *document,
                        const struct cw_commit_info *info, struct cw_inbox_found *ret, struct cw_buf *buf)
{
	struct course *course = course_find(follow, document->feed);
	const struct cw_document_tally *tally = &info->tally;
	const struct cw_feed *feed;
	struct cw_error err;
	uint32_t page;

	if (!course || !course->feed->pages.parameter || (document->flags & CW_DOC_IMPORTED) ||
	    strcmp(document->step, cw_follow_first_step(course->feed)) != 0 || tally->outcome != CW_REASON_NONE ||
	    !is_newest(follow, document) || page_of(follow, document, &page, &err) < 0)
		return 0;
	feed = course->feed;
	/* The last page is the one with nothing in it. */
	if (feed->n_steps ? !tally->reasons[CW_REASON_FOLLOWED] : tally->rows == tally->reasons[CW_REASON_BLANK_ROW])
		return 0;
	if (page + 1 >= feed->pages.max || same_as_before(follow, document, page)) {
		cw_log(CW_LOG_NOTICE, "pages.ended", "feed=%s page=%u reason=%s", feed->name, page + 1,
		       page + 1 >= feed->pages.max ? "max" : "the server repeats itself");
		return 0;
	}
	cw_buf_reset(buf);
	if (cw_follow_page_url(feed->url, &feed->pages, page + 1, buf) < 0 || buf->len > CW_URL_MAX)
		return 0;
	*ret = (struct cw_inbox_found){ .step = cw_str(cw_follow_first_step(feed)),
		                        .url = { cw_buf_str(buf), buf->len },
		                        .text = cw_str(""),
		                        .page = page + 1 };
	again(follow);
	return 1;
}

/* --- how it goes --- */

static bool step_well(struct cw_follow *follow, const char *feed, const struct cw_step *step, const char *reads,
                      char outcome[CW_OUTCOME_MAX], char detail[CW_ERROR_TEXT_MAX])
{
	struct cw_inbox_links_count count;
	bool well = true;

	if (cw_inbox_links_count(follow->inbox, feed, reads, !step, &count, NULL) < 0)
		return true; /* the disk is not the publisher's fault */
	if (count.failing && (!step || count.failing * CW_FOLLOW_TOLERATED > count.live)) {
		well = false;
		snprintf(outcome, CW_OUTCOME_MAX, "%s", count.failing_outcome);
		snprintf(detail, CW_ERROR_TEXT_MAX, "%llu of %llu %s%s%s fail, the last one %.300s: %.100s",
		         (unsigned long long)count.failing, (unsigned long long)count.live,
		         step ? "links of step \"" : "pages", step ? step->name : "", step ? "\"" : "",
		         count.failing_url ? count.failing_url : "",
		         count.failing_detail ? count.failing_detail : count.failing_outcome);
		cw_fetch_text_mend(detail);
	}
	cw_inbox_links_count_clear(&count);
	return well;
}

bool cw_follow_well(struct cw_follow *follow, const char *feed, char outcome[CW_OUTCOME_MAX],
                    char detail[CW_ERROR_TEXT_MAX])
{
	struct course *course = course_find(follow, feed);
	bool well = true;

	if (!course)
		return true;
	if (course->feed->pages.on)
		well = step_well(follow, feed, NULL, "", outcome, detail);
	for (size_t i = 0; i < course->feed->n_steps && well; i++) {
		const struct cw_step *step = &course->feed->steps[i];

		well = step_well(follow, feed, step, cw_feed_next_step(course->feed, step), outcome, detail);
	}
	return well;
}

/* --- life --- */

int cw_follow_new(struct cw_loop *loop, struct cw_inbox *inbox, struct cw_fetcher *fetcher, struct cw_schedule *schedule,
                  const struct cw_follow_ops *ops, void *arg, struct cw_follow **ret, struct cw_error *err)
{
	struct cw_follow *follow = calloc(1, sizeof(*follow));
	int r;

	if (!follow)
		return cw_error_nomem(err);
	follow->loop = loop;
	follow->inbox = inbox;
	follow->fetcher = fetcher;
	follow->schedule = schedule;
	follow->ops = *ops;
	follow->arg = arg;
	r = cw_timer_new(loop, timer_fired, follow, &follow->timer, err);
	if (r < 0) {
		cw_follow_free(follow);
		return r;
	}
	*ret = follow;
	return 0;
}

void cw_follow_free(struct cw_follow *follow)
{
	if (!follow)
		return;
	while (follow->trips)
		trip_free(follow->trips);
	cw_timer_free(follow->timer);
	free(follow->courses);
	free(follow);
}

void cw_follow_stop(struct cw_follow *follow)
{
	follow->stopped = true;
	while (follow->trips)
		trip_free(follow->trips);
	cw_timer_disarm(follow->timer);
}

int cw_follow_configure(struct cw_follow *follow, const struct cw_config *config, struct cw_error *err)
{
	struct course *courses = calloc(config->n_feeds + 1, sizeof(*courses)), *before;
	const struct cw_schedule_feed *state;
	struct cw_error trouble;
	size_t n = 0;

	if (!courses)
		return cw_error_nomem(err);
	for (size_t i = 0; i < config->n_feeds; i++) {
		const struct cw_feed *feed = &config->feeds[i];

		if (!cw_follow_has(feed))
			continue;
		before = course_find(follow, feed->name);
		if (before)
			courses[n] = *before;
		state = cw_schedule_find(follow->schedule, feed->name);
		courses[n].feed = feed;
		courses[n].open = (before && before->open) || (state && state->polled);
		n++;
		for (size_t k = 0; k < feed->n_steps; k++)
			if (cw_inbox_links_settle(follow->inbox, feed->name, cw_feed_next_step(feed, &feed->steps[k]),
			                          feed->steps[k].immutable, &trouble) < 0)
				cw_log_error(CW_LOG_ERROR, "inbox.write_failed", &trouble, "feed=%s", feed->name);
	}
	free(follow->courses);
	follow->courses = courses;
	follow->n = n;
	follow->config = config;
	again(follow);
	return 0;
}
