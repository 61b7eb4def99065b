/*
 * daemon.c: what happens when.
 *
 * A feed falls due (schedule), is transferred (fetch) into the inbox, and the dispatcher takes it from there; when the
 * assessor has committed it, the feed's health follows from what became of it. A reload swaps the configuration at once
 * and the workers as soon as they have finished what they hold.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include <councilwatch/bus.h>
#include <councilwatch/config.h>
#include <councilwatch/log.h>
#include <councilwatch/loop.h>
#include <councilwatch/message.h>
#include <councilwatch/paths.h>
#include <councilwatch/serve.h>

#include "accepted.h"
#include "auditor.h"
#include "control.h"
#include "daemon.h"
#include "dispatch.h"
#include "doors.h"
#include "drop.h"
#include "fetch.h"
#include "follow.h"
#include "inbox.h"
#include "notify.h"
#include "retention.h"
#include "schedule.h"
#include "submit.h"
#include "supervisor.h"

/* While more than this waits in the inbox, nothing new is fetched and imports wait. */
#define BACKLOG_DOCUMENTS 256u
#define BACKLOG_BYTES (1024ull * 1024 * 1024)
/* How long workers may finish what they hold when they are to be stopped. */
#define DRAIN_MS 5000
/* No watchdog message when the workers have not been ready together for so long: more than any restart takes. */
#define UNHEALTHY_MS 150000

enum phase {
	PHASE_RUNNING,
	PHASE_RELOAD_DRAIN, /* workers finish what they have */
	PHASE_RELOAD_STOP,  /* workers end */
	PHASE_EXIT_DRAIN,
	PHASE_EXIT_STOP,
};

struct cw_daemon;

/* A transfer under way. */
struct transfer {
	struct transfer *next, **link;
	struct cw_daemon *daemon;
	struct cw_schedule_feed *feed;
	struct cw_inbox_stream *stream;
	struct cw_fetch *fetch;
	char *url;
	struct cw_mono started;
};

struct once {
	bool on;
	size_t feeds, left; /* feeds whose transfer has not ended */
	uint64_t failed, unchanged, documents, evidence, new_evidence, quarantined, alerts;
};

struct cw_daemon {
	const char *config_file;
	char *accepted; /* path of the copy that workers read */
	struct cw_config *config;
	struct cw_loop *loop;
	struct cw_bus *bus;
	struct cw_doors doors;
	struct cw_gate *gate; /* NULL = nothing of ours is served to other machines */
	int state_lock, runtime_lock;
	struct cw_inbox *inbox;
	struct cw_fetcher *fetcher;
	struct cw_schedule *schedule;
	struct cw_follow *follow;
	struct cw_dispatch *dispatch;
	struct cw_supervisor *supervisor;
	struct cw_control *control;
	struct cw_drop *drop;
	struct cw_submit *submit;
	struct cw_auditor *auditor;
	struct cw_retainer *retainer;
	struct cw_timer *drain, *watchdog;
	struct transfer *transfers;
	struct cw_wall started_at;
	struct cw_mono healthy;
	enum phase phase;
	bool told_ready;
	int status; /* exit status */
	struct once once;
};

/* Configuration */

static void mistake_print(void *arg, const struct cw_error *mistake)
{
	char text[CW_ERROR_SOURCE_MAX + CW_ERROR_TEXT_MAX + 32];

	(void)arg;
	fprintf(stderr, "%s\n", cw_error_format(mistake, text, sizeof(text)));
}

static void mistake_log(void *arg, const struct cw_error *mistake)
{
	char text[CW_ERROR_SOURCE_MAX + CW_ERROR_TEXT_MAX + 32];
	struct cw_buf *mistakes = arg;

	cw_log_error(CW_LOG_ERROR, "config.mistake", mistake, NULL);
	if (!mistakes)
		return;
	if (mistakes->len)
		cw_buf_putc(mistakes, '\n');
	cw_buf_puts(mistakes, cw_error_format(mistake, text, sizeof(text)));
}

/* Failures that no report has named (a file that cannot be read at all) are reported the same way. */
struct counted {
	cw_report_fn *report;
	void *arg;
	size_t n;
};

static void report_counted(void *arg, const struct cw_error *mistake)
{
	struct counted *counted = arg;

	counted->n++;
	counted->report(counted->arg, mistake);
}

static int config_load(const char *file, cw_report_fn *report, void *arg, struct cw_config **ret)
{
	struct counted counted = { .report = report, .arg = arg };
	struct cw_error err = { 0 };
	struct cw_config *config;
	int r = cw_config_load(file, report_counted, &counted, &config, &err);

	if (r == 0) {
		r = cw_config_check_served(config, report_counted, &counted);
		if (r == 0)
			*ret = config;
		else
			cw_config_free(config);
		if (r > 0)
			r = -EINVAL;
		else if (r < 0)
			cw_error_nomem(&err);
	}
	if (r < 0 && !counted.n)
		report(arg, &err);
	return r;
}

int cw_daemon_check(const char *config_file)
{
	struct cw_config *config = NULL;
	size_t i, enabled = 0;

	if (config_load(config_file, mistake_print, NULL, &config) < 0)
		return CW_EXIT_USAGE;
	for (i = 0; i < config->n_feeds; i++)
		enabled += config->feeds[i].enabled;
	printf("%s: no mistakes; %zu feeds, %zu enabled\n", config_file, config->n_feeds, enabled);
	cw_config_free(config);
	return CW_EXIT_DONE;
}

/* Feeds */

static void feed_state_send(struct cw_daemon *daemon, const struct cw_schedule_feed *feed)
{
	struct cw_feed_state state = {
		.feed = cw_str(feed->feed->name),
		.polled = feed->polled,
		.last_success = feed->state.last_success,
		.outage_since = feed->state.outage_since,
		.detail = cw_str(feed->state.detail),
	};

	cw_dispatch_feed_state(daemon->dispatch, &state);
}

static void feed_save(struct cw_daemon *daemon, const struct cw_schedule_feed *feed)
{
	struct cw_error err;

	/* Not fatal: what is forgotten is fetched again. */
	if (cw_inbox_feed_save(daemon->inbox, feed->feed->name, &feed->state, &err) < 0)
		cw_log_error(CW_LOG_ERROR, "inbox.write_failed", &err, "feed=%s", feed->feed->name);
}

/* at: since when the feed is known to be well. */
static void feed_well(struct cw_daemon *daemon, struct cw_schedule_feed *feed, struct cw_wall at)
{
	bool first = !cw_wall_known(feed->state.last_success), failing = feed->state.failures > 0;
	bool recovered = cw_schedule_succeeded(daemon->schedule, feed, at);

	feed->state.unconfirmed = cw_wall_none();
	feed->state.unconfirmed_document = 0;
	if (recovered)
		cw_log(CW_LOG_NOTICE, "feed.recovered", "feed=%s", feed->feed->name);
	if (first || failing || recovered)
		feed_state_send(daemon, feed);
}

static void feed_ill(struct cw_daemon *daemon, struct cw_schedule_feed *feed, const char *outcome, const char *detail,
                     struct cw_wall retry_after, bool later)
{
	bool first = feed->state.failures == 0;
	char due[CW_WALL_TEXT];

	cw_schedule_failed(daemon->schedule, feed, outcome, detail, retry_after, later);
	daemon->once.failed++;
	cw_log(CW_LOG_WARNING, "fetch.failed", "feed=%s outcome=%s failures=%u detail=%s next=%s", feed->feed->name,
	       outcome, feed->state.failures, detail ? detail : "", cw_wall_format(feed->state.next_due, due));
	if (first)
		feed_state_send(daemon, feed);
}

static void outage(void *arg, struct cw_schedule_feed *feed)
{
	struct cw_daemon *daemon = arg;
	char since[CW_WALL_TEXT];

	cw_log(CW_LOG_WARNING, "feed.outage", "feed=%s since=%s detail=%s", feed->feed->name,
	       cw_wall_format(feed->state.outage_since, since), feed->state.detail ? feed->state.detail : "");
	feed_save(daemon, feed);
	feed_state_send(daemon, feed);
}

static void hold_update(struct cw_daemon *daemon)
{
	bool full = cw_inbox_backlog_over(daemon->inbox, BACKLOG_DOCUMENTS, BACKLOG_BYTES);

	cw_schedule_hold(daemon->schedule, full || daemon->phase >= PHASE_EXIT_DRAIN);
}

static void stop_begin(struct cw_daemon *daemon, int status);

static void once_check(struct cw_daemon *daemon)
{
	struct cw_inbox_counts counts;

	/* Not before the workers were there to be told of the feeds' health. */
	if (!daemon->once.on || daemon->once.left || daemon->phase != PHASE_RUNNING || !daemon->told_ready)
		return;
	if (cw_inbox_counts(daemon->inbox, &counts, NULL) < 0 || counts.queued || !cw_follow_all_idle(daemon->follow) ||
	    !cw_drop_idle(daemon->drop))
		return;
	stop_begin(daemon, daemon->once.failed ? CW_EXIT_FAILED : CW_EXIT_DONE);
}

static void once_feed_ended(struct cw_daemon *daemon)
{
	if (daemon->once.left)
		daemon->once.left--;
	once_check(daemon);
}

/* A feed with steps or pages is well when its own page is and so is where that leads. Asked when something of it has ended; late
 * for a run that the next one catches up with. */
static void feed_followed(struct cw_daemon *daemon, struct cw_schedule_feed *feed, bool late)
{
	char outcome[CW_OUTCOME_MAX], detail[CW_ERROR_TEXT_MAX];
	struct cw_wall at = feed->state.unconfirmed;
	struct cw_inbox_document document;
	uint64_t queued = 0;
	bool confirmed;

	if (!cw_wall_known(at) || !feed->state.unconfirmed_document || !cw_follow_has(feed->feed) ||
	    (!late && (feed->running || !cw_follow_idle(daemon->follow, feed->feed->name) ||
	               cw_inbox_queued(daemon->inbox, feed->feed->name, &queued, NULL) < 0 || queued)))
		return;
	if (cw_inbox_document(daemon->inbox, feed->state.unconfirmed_document, &document, NULL) < 0)
		return;
	confirmed = document.state == CW_INBOX_COMMITTED;
	cw_inbox_document_clear(&document);
	if (!confirmed)
		return;
	feed->state.unconfirmed = cw_wall_none();
	feed->state.unconfirmed_document = 0;
	if (cw_follow_well(daemon->follow, feed->feed->name, outcome, detail))
		feed_well(daemon, feed, at);
	else
		feed_ill(daemon, feed, outcome, detail, cw_wall_none(), true);
	feed_save(daemon, feed);
}

static void follow_idle(void *arg, const char *name)
{
	struct cw_daemon *daemon = arg;
	struct cw_schedule_feed *feed = cw_schedule_find(daemon->schedule, name);

	if (feed)
		feed_followed(daemon, feed, false);
	once_check(daemon);
}

static void follow_stored(void *arg)
{
	struct cw_daemon *daemon = arg;

	hold_update(daemon);
	cw_dispatch_queued(daemon->dispatch);
}

/* The content is that of a document we have: the feed is as well as that document was. */
static void feed_as_before(struct cw_daemon *daemon, struct cw_schedule_feed *feed,
                           const struct cw_inbox_document *document, const char *outcome)
{
	struct cw_commit_info info;
	struct cw_wall now = cw_wall_now();
	char detail[CW_ERROR_TEXT_MAX] = "";
	struct cw_cursor cursor;

	cw_schedule_fetched(daemon->schedule, feed, outcome);
	daemon->once.unchanged++;
	switch (document->state) {
	case CW_INBOX_QUEUED:
		feed->state.unconfirmed = now;
		feed->state.unconfirmed_document = document->id;
		break;
	case CW_INBOX_COMMITTED:
		if (!cw_follow_has(feed->feed)) {
			feed_well(daemon, feed, now);
			break;
		}
		/* Well as far as this page goes; where it leads is looked at first. */
		feed->state.unconfirmed = now;
		feed->state.unconfirmed_document = document->id;
		cw_follow_unchanged(daemon->follow, feed->feed->name);
		break;
	case CW_INBOX_REJECTED:
	case CW_INBOX_POISON:
		cw_cursor_init(&cursor, document->commit, document->commit_len);
		if (document->commit && cw_commit_info_get(&cursor, &info, NULL) == 0)
			snprintf(detail, sizeof(detail), "%.*s", (int)info.tally.detail.len, info.tally.detail.at);
		feed_ill(daemon, feed, cw_reason_name(document->outcome), detail, cw_wall_none(), true);
		break;
	}
	cw_log(CW_LOG_INFO, "fetch.unchanged", "feed=%s outcome=%s document=%" PRIu64, feed->feed->name, outcome,
	       document->id);
	feed_save(daemon, feed);
}

static void transfer_free(struct transfer *transfer)
{
	*transfer->link = transfer->next;
	if (transfer->next)
		transfer->next->link = transfer->link;
	cw_inbox_stream_free(transfer->stream);
	free(transfer->url);
	free(transfer);
}

static int transfer_data(void *arg, const void *data, size_t len, struct cw_error *err)
{
	struct transfer *transfer = arg;

	return cw_inbox_stream_write(transfer->stream, data, len, err);
}

/* All bytes are there. */
static void document_fetched(struct transfer *transfer, const struct cw_fetch_result *result)
{
	struct cw_daemon *daemon = transfer->daemon;
	struct cw_schedule_feed *feed = transfer->feed;
	struct cw_inbox_document document;
	char url[CW_URL_MAX + 1], type[257];
	struct cw_inbox_meta meta = {
		.feed = feed->feed->name,
		.step = cw_follow_first_step(feed->feed),
		.url = transfer->url,
		.final_url = url,
		.content_type = type,
		.etag = result->etag,
		.last_modified = result->last_modified,
		.fetched_at = cw_wall_now(),
		.config = daemon->config->hash,
	};
	struct cw_error err;
	int r;

	snprintf(url, sizeof(url), "%s", result->final_url);
	snprintf(type, sizeof(type), "%s", result->content_type);
	cw_fetch_text_mend(url);
	cw_fetch_text_mend(type);
	cw_schedule_fetched(daemon->schedule, feed, "ok");
	r = cw_inbox_stream_finish(transfer->stream, &meta, &feed->state, &document, &err);
	if (r < 0) {
		feed_ill(daemon, feed, "storage", err.text, cw_wall_none(), false);
		feed_save(daemon, feed);
		return;
	}
	if (r == CW_INBOX_STORED) {
		cw_log(CW_LOG_INFO, "fetch.stored", "feed=%s document=%" PRIu64 " size=%" PRIu64 " ms=%lld",
		       feed->feed->name, document.id, document.size,
		       (long long)((cw_mono_now().ns - transfer->started.ns) / 1000000));
		hold_update(daemon);
		cw_dispatch_queued(daemon->dispatch);
	} else {
		feed_as_before(daemon, feed, &document, "unchanged");
	}
	cw_inbox_document_clear(&document);
}

static void document_not_modified(struct cw_daemon *daemon, struct cw_schedule_feed *feed)
{
	struct cw_inbox_document document;
	struct cw_error err;

	/* We asked with validators of the newest document, so there is one. */
	if (cw_inbox_newest(daemon->inbox, feed->feed->name, 0, cw_follow_first_step(feed->feed), &document, &err) < 0) {
		feed_ill(daemon, feed, "storage", err.text, cw_wall_none(), false);
		feed_save(daemon, feed);
		return;
	}
	feed_as_before(daemon, feed, &document, "not_modified");
	cw_inbox_document_clear(&document);
}

static void transfer_done(void *arg, const struct cw_fetch_result *result)
{
	struct transfer *transfer = arg;
	struct cw_daemon *daemon = transfer->daemon;
	struct cw_schedule_feed *feed = transfer->feed;
	bool known = feed->feed != NULL;
	char detail[CW_ERROR_TEXT_MAX];

	cw_schedule_ended(daemon->schedule, feed);
	if (!known) {
		/* A reload took the feed away. */
	} else if (!feed->feed->url || strcmp(feed->feed->url, transfer->url) != 0) {
		/* A reload gave the feed another address: what came is not its document. */
		if (feed->feed->url)
			cw_schedule_ask(daemon->schedule, feed);
	} else if (result->outcome == CW_FETCH_OK) {
		document_fetched(transfer, result);
	} else if (result->outcome == CW_FETCH_NOT_MODIFIED) {
		document_not_modified(daemon, feed);
	} else {
		snprintf(detail, sizeof(detail), "%s", result->detail);
		cw_fetch_text_mend(detail);
		feed_ill(daemon, feed, result->name, detail, result->retry_after, false);
		feed_save(daemon, feed);
	}
	transfer_free(transfer);
	once_feed_ended(daemon);
}

static int transfer_begin(struct cw_daemon *daemon, struct cw_schedule_feed *feed, struct cw_error *err)
{
	static const struct cw_fetch_ops ops = { .data = transfer_data, .done = transfer_done };
	const struct cw_feed *source = feed->feed;
	struct cw_validators validators = { 0 };
	struct cw_fetch_request request = {
		.url = source->url,
		.user_agent = daemon->config->user_agent,
		.headers = &source->headers,
		.allowed_hosts = &source->allowed_hosts,
		.credential = source->credential,
		.max_size = source->max_size,
		.connect_timeout_ms = source->connect_timeout_ms,
		.timeout_ms = source->timeout_ms,
		.max_redirects = source->max_redirects,
	};
	struct transfer *transfer = calloc(1, sizeof(*transfer));
	int r;

	if (!transfer)
		return cw_error_nomem(err);
	transfer->daemon = daemon;
	transfer->feed = feed;
	transfer->started = cw_mono_now();
	transfer->link = &daemon->transfers;
	transfer->next = daemon->transfers;
	if (transfer->next)
		transfer->next->link = &transfer->next;
	daemon->transfers = transfer;
	transfer->url = strdup(source->url);
	r = transfer->url
	        ? cw_inbox_validators(daemon->inbox, source->name, cw_follow_first_step(source), source->url,
	                              daemon->config->hash, &validators, err)
	        : cw_error_nomem(err);
	request.etag = validators.etag;
	request.last_modified = validators.last_modified;
	if (r == 0)
		r = cw_inbox_stream_new(daemon->inbox, source->max_size, &transfer->stream, err);
	if (r == 0)
		r = cw_fetch_start(daemon->fetcher, &request, &ops, transfer, &transfer->fetch, err);
	cw_validators_clear(&validators);
	if (r < 0)
		transfer_free(transfer);
	return r;
}

static int feed_start(void *arg, struct cw_schedule_feed *feed)
{
	struct cw_daemon *daemon = arg;
	struct cw_error err;
	int r;

	feed_followed(daemon, feed, true);
	cw_follow_begin(daemon->follow, feed->feed->name);
	r = transfer_begin(daemon, feed, &err);
	if (r < 0) {
		feed_ill(daemon, feed, "internal", err.text, cw_wall_none(), false);
		feed_save(daemon, feed);
		once_feed_ended(daemon);
	}
	return r;
}

/* A crash may have come between the commit of a document and the note that its feed is well. */
static void feed_reconcile(struct cw_daemon *daemon, struct cw_inbox_feed *state)
{
	struct cw_inbox_document document;

	if (!state->unconfirmed_document ||
	    cw_inbox_document(daemon->inbox, state->unconfirmed_document, &document, NULL) < 0)
		return;
	/* Where a step's document leads to decides; that is looked at when nothing more is to be fetched. */
	if (document.state != CW_INBOX_QUEUED && !(document.state == CW_INBOX_COMMITTED && document.step[0])) {
		if (document.state == CW_INBOX_COMMITTED) {
			if (!cw_wall_known(state->last_success) || state->unconfirmed.ms > state->last_success.ms)
				state->last_success = state->unconfirmed;
			state->failures = 0;
			state->outage_since = cw_wall_none();
		} else {
			state->failures++;
			snprintf(state->outcome, sizeof(state->outcome), "%s", cw_reason_name(document.outcome));
		}
		state->unconfirmed = cw_wall_none();
		state->unconfirmed_document = 0;
	}
	cw_inbox_document_clear(&document);
}

static int feed_load(void *arg, const char *feed, struct cw_inbox_feed *ret, struct cw_error *err)
{
	struct cw_daemon *daemon = arg;
	int r = cw_inbox_feed_load(daemon->inbox, feed, ret, err);

	if (r == 0)
		feed_reconcile(daemon, ret);
	return r;
}

/* Workers */

static bool healthy(const struct cw_daemon *daemon)
{
	return cw_dispatch_assessor_ready(daemon->dispatch) && cw_dispatch_normalisers_ready(daemon->dispatch) > 0;
}

static void tell_ready(struct cw_daemon *daemon)
{
	struct cw_error err;

	if (daemon->told_ready || daemon->phase != PHASE_RUNNING || !healthy(daemon))
		return;
	daemon->told_ready = true;
	cw_log(CW_LOG_NOTICE, "daemon.ready", "feeds=%zu normalisers=%zu fetching=%d",
	       cw_schedule_count(daemon->schedule), cw_dispatch_normalisers_ready(daemon->dispatch),
	       daemon->config->fetching);
	if (cw_notify_ready(&err) < 0)
		cw_log_error(CW_LOG_WARNING, "notify.failed", &err, NULL);
	once_check(daemon);
}

/* It has read the lists at its start; they may have changed since. */
static void allow_send(struct cw_daemon *daemon)
{
	for (int door = 0; door < CW_DOOR_COUNT; door++)
		if (CW_DOORS_ASSESSOR & 1u << door && cw_config_door(daemon->config, (enum cw_door)door))
			cw_dispatch_allow(daemon->dispatch, cw_door_name((enum cw_door)door), &daemon->config->allowed[door]);
}

static void worker_ready(void *arg, enum cw_role role, pid_t pid)
{
	struct cw_daemon *daemon = arg;
	size_t i;

	cw_supervisor_ready(daemon->supervisor, pid);
	cw_log(CW_LOG_INFO, "worker.ready", "role=%s pid=%d", cw_role_name(role), (int)pid);
	if (role == CW_ROLE_ASSESSOR) {
		cw_doors_new_assessor(&daemon->doors);
		allow_send(daemon);
		for (i = 0; i < cw_schedule_count(daemon->schedule); i++)
			feed_state_send(daemon, cw_schedule_at(daemon->schedule, i));
	}
	tell_ready(daemon);
}

static bool worker_bad(void *arg, enum cw_role role, pid_t pid, const char *why)
{
	struct cw_daemon *daemon = arg;

	daemon->doors.bad_workers++;
	cw_log(CW_LOG_WARNING, "worker.bad", "role=%s pid=%d reason=%s", cw_role_name(role), (int)pid, why);
	return cw_supervisor_kill(daemon->supervisor, pid);
}

/* The kernel says which process it is; what it says itself counts where there is no telling (tcp on the loopback interface). */
static pid_t worker_is(void *arg, enum cw_role role, const struct cw_sender *sender, pid_t claimed)
{
	struct cw_daemon *daemon = arg;
	pid_t pid = sender->kind == CW_SENDER_LOCAL ? sender->pid : claimed;
	enum cw_role is;

	if (sender->kind == CW_SENDER_KEY)
		return role == CW_ROLE_NORMALISER ? 0 : -1;
	if (sender->kind == CW_SENDER_UNKNOWN || !cw_supervisor_has(daemon->supervisor, pid, &is))
		return -1;
	if (is == role && pid == claimed)
		return pid;
	if (sender->kind == CW_SENDER_LOCAL)
		(void)worker_bad(daemon, is, pid, "it says that it is another");
	return -1;
}

/* Workers have no business at the control and submit sockets. */
static bool is_worker(void *arg, const struct cw_sender *sender, const char *where)
{
	struct cw_daemon *daemon = arg;
	enum cw_role role;

	if (sender->kind != CW_SENDER_LOCAL || !cw_supervisor_has(daemon->supervisor, sender->pid, &role))
		return false;
	(void)worker_bad(daemon, role, sender->pid, where);
	return true;
}

static void worker_heard(void *arg, enum cw_role role, pid_t pid, uint64_t documents)
{
	struct cw_daemon *daemon = arg;

	(void)role;
	cw_supervisor_heard(daemon->supervisor, pid, documents);
}

static void worker_worked(void *arg, enum cw_role role, pid_t pid)
{
	struct cw_daemon *daemon = arg;

	(void)role;
	cw_supervisor_worked(daemon->supervisor, pid);
}

static void worker_died(void *arg, enum cw_role role, pid_t pid, bool guilty)
{
	struct cw_daemon *daemon = arg;

	cw_dispatch_died(daemon->dispatch, role, pid, guilty);
}

static void workers_gave_up(void *arg, enum cw_role role)
{
	struct cw_daemon *daemon = arg;

	(void)role;
	stop_begin(daemon, CW_EXIT_FAILED);
}

static void drained(struct cw_daemon *daemon)
{
	if (daemon->phase != PHASE_RELOAD_DRAIN && daemon->phase != PHASE_EXIT_DRAIN)
		return;
	daemon->phase = daemon->phase == PHASE_RELOAD_DRAIN ? PHASE_RELOAD_STOP : PHASE_EXIT_STOP;
	cw_timer_disarm(daemon->drain);
	cw_dispatch_stop_workers(daemon->dispatch);
	cw_supervisor_stop(daemon->supervisor);
}

static void drain_due(void *arg)
{
	drained(arg);
}

/* Nothing new is handed out; when what is in flight is done, or time is up, the workers are stopped. */
static void drain_begin(struct cw_daemon *daemon, enum phase phase)
{
	daemon->phase = phase;
	cw_dispatch_hold(daemon->dispatch, true);
	/* Also when nothing is in flight: from the timer, not from within whatever called us. */
	cw_timer_arm(daemon->drain, cw_dispatch_in_flight(daemon->dispatch) && healthy(daemon) ? DRAIN_MS : 0);
}

/* What was quarantined under another configuration is read again with this one. While nothing is in hand. */
static void retry_mended(struct cw_daemon *daemon)
{
	const struct cw_config *config = daemon->config;
	struct cw_error err;
	size_t n;

	for (size_t i = 0; i < config->n_feeds; i++) {
		/* Not fatal: what is not tried again now is at the next start. */
		if (cw_inbox_requeue_mended(daemon->inbox, config->feeds[i].name, config->feeds[i].reading, &n, &err) < 0)
			cw_log_error(CW_LOG_ERROR, "inbox.write_failed", &err, "feed=%s", config->feeds[i].name);
		else if (n)
			cw_log(CW_LOG_NOTICE, "quarantine.retried", "feed=%s documents=%zu reason=%s", config->feeds[i].name,
			       n, "the configuration changed");
	}
}

static void workers_stopped(void *arg)
{
	struct cw_daemon *daemon = arg;
	struct cw_error err;
	int r;

	if (daemon->phase == PHASE_EXIT_STOP) {
		cw_loop_stop(daemon->loop);
		return;
	}
	daemon->phase = PHASE_RUNNING;
	retry_mended(daemon);
	hold_update(daemon);
	r = cw_dispatch_configure(daemon->dispatch, daemon->config->normalisers, daemon->config->hash, &err);
	if (r == 0)
		r = cw_supervisor_start(daemon->supervisor, &err);
	if (r < 0) {
		cw_log_error(CW_LOG_ERROR, "daemon.failed", &err, NULL);
		stop_begin(daemon, CW_EXIT_FAILED);
		return;
	}
	cw_dispatch_hold(daemon->dispatch, false);
}

/* A feed that was ill because of its newest document is well when that is understood after all. */
static void feed_reread(struct cw_daemon *daemon, struct cw_schedule_feed *feed, const struct cw_inbox_document *document,
                        bool parsed)
{
	struct cw_inbox_document newest;

	if (!parsed || !feed->state.failures || (document->flags & CW_DOC_IMPORTED) ||
	    cw_inbox_newest(daemon->inbox, document->feed, 0, document->step, &newest, NULL) < 0)
		return;
	if (newest.id == document->id && cw_follow_has(feed->feed)) {
		feed->state.unconfirmed = document->fetched_at;
		feed->state.unconfirmed_document = document->id;
		feed_followed(daemon, feed, false);
	} else if (newest.id == document->id) {
		feed_well(daemon, feed, document->fetched_at);
		feed_save(daemon, feed);
	}
	cw_inbox_document_clear(&newest);
}

/* A feed that somebody feeds is well as of what it was given last. What cannot be used is told to whoever gave it. */
static void feed_handed_in(struct cw_daemon *daemon, struct cw_schedule_feed *feed,
                           const struct cw_inbox_document *document, bool parsed)
{
	const char *problem = cw_drop_problem(daemon->drop, document->feed);

	if (!parsed || !feed->feed->path)
		return;
	feed_well(daemon, feed, document->stored_at);
	/* The folder may have another file that nobody can move. */
	if (problem)
		cw_schedule_failed(daemon->schedule, feed, "folder", problem, cw_wall_none(), true);
	feed_save(daemon, feed);
}

/* A watched folder became usable, or is not. */
static void folder_changed(void *arg, const char *name, const char *problem)
{
	struct cw_daemon *daemon = arg;
	struct cw_schedule_feed *feed = cw_schedule_find(daemon->schedule, name);

	if (!feed)
		return;
	if (problem) {
		cw_log(CW_LOG_WARNING, "drop.unusable", "feed=%s detail=%s", name, problem);
		cw_schedule_failed(daemon->schedule, feed, "folder", problem, cw_wall_none(), true);
	} else {
		cw_log(CW_LOG_INFO, "drop.watching", "feed=%s path=%s", name, feed->feed->path);
		cw_schedule_usable(daemon->schedule, feed);
	}
	feed_save(daemon, feed);
	feed_state_send(daemon, feed);
}

static void folders_idle(void *arg)
{
	once_check(arg);
}

static void document_committed(void *arg, const struct cw_inbox_document *document, const struct cw_commit_info *info)
{
	struct cw_daemon *daemon = arg;
	struct cw_schedule_feed *feed = cw_schedule_find(daemon->schedule, document->feed);
	const struct cw_document_tally *tally = &info->tally;
	bool parsed = tally->outcome == CW_REASON_NONE;
	char detail[CW_ERROR_TEXT_MAX];

	snprintf(detail, sizeof(detail), "%.*s", (int)tally->detail.len, tally->detail.at ? tally->detail.at : "");
	cw_log(parsed ? CW_LOG_INFO : CW_LOG_WARNING, parsed ? "document.committed" : "document.rejected",
	       "document=%" PRIu64 " feed=%s outcome=%s rows=%" PRIu64 " evidence=%" PRIu64 " new=%" PRIu64
	       " quarantined=%" PRIu64 " alerts=%" PRIu64 " detail=%s",
	       document->id, document->feed, parsed ? "parsed" : cw_reason_name(tally->outcome), tally->rows,
	       tally->evidence, info->new_evidence, info->quarantined, info->alerts, detail);
	daemon->once.documents++;
	daemon->once.evidence += tally->evidence;
	daemon->once.new_evidence += info->new_evidence;
	daemon->once.quarantined += info->quarantined;
	daemon->once.alerts += info->alerts;
	cw_drop_committed(daemon->drop, document, info);
	/* A fetch may have found the same content while it waited to be read again: then it is what was fetched. */
	if (feed && document->link)
		feed_followed(daemon, feed, false);
	else if (feed && (document->flags & CW_DOC_SUBMITTED) && !(document->flags & CW_DOC_REPLAY))
		feed_handed_in(daemon, feed, document, parsed);
	else if (feed && (document->flags & CW_DOC_REPLAY) && feed->state.unconfirmed_document != document->id)
		feed_reread(daemon, feed, document, parsed);
	else if (feed && !(document->flags & CW_DOC_IMPORTED)) {
		bool latest =
		    feed->state.unconfirmed_document == document->id && cw_wall_known(feed->state.unconfirmed);

		if (parsed && cw_follow_has(feed->feed)) {
			feed_followed(daemon, feed, false);
			latest = false;
		} else if (parsed)
			feed_well(daemon, feed, latest ? feed->state.unconfirmed : document->fetched_at);
		else if (latest || !feed->state.unconfirmed_document)
			feed_ill(daemon, feed, cw_reason_name(tally->outcome), detail, cw_wall_none(), true);
		if (latest) {
			feed->state.unconfirmed = cw_wall_none();
			feed->state.unconfirmed_document = 0;
		}
		feed_save(daemon, feed);
	}
	cw_auditor_documents(daemon->auditor);
	cw_control_committed(daemon->control, document, info);
	cw_control_room(daemon->control);
	cw_drop_room(daemon->drop);
	hold_update(daemon);
	if (!cw_dispatch_in_flight(daemon->dispatch) &&
	    (daemon->phase == PHASE_RELOAD_DRAIN || daemon->phase == PHASE_EXIT_DRAIN))
		cw_timer_arm(daemon->drain, 0);
	cw_follow_run(daemon->follow);
	once_check(daemon);
}

static int document_links(void *arg, const struct cw_inbox_document *document, const struct cw_doc_link *links, size_t n,
                          struct cw_error *err)
{
	struct cw_daemon *daemon = arg;
	int r = cw_follow_links(daemon->follow, document, links, n, err);

	/* While workers are being replaced they have the configuration from before. */
	return r == -EPERM && daemon->phase != PHASE_RUNNING ? -EAGAIN : r;
}

static int document_next_page(void *arg, const struct cw_inbox_document *document, const struct cw_commit_info *info,
                              struct cw_inbox_found *ret, struct cw_buf *buf)
{
	struct cw_daemon *daemon = arg;

	return cw_follow_next_page(daemon->follow, document, info, ret, buf);
}

/* Control */

static json_t *json_wall(struct cw_wall time)
{
	char text[CW_WALL_TEXT];

	return cw_wall_known(time) ? json_string(cw_wall_format(time, text)) : json_null();
}

static json_t *json_number(uint64_t number)
{
	return json_integer((json_int_t)number);
}

static json_t *status_step(struct cw_daemon *daemon, const struct cw_feed *feed, const struct cw_step *step)
{
	struct cw_inbox_links_count count;
	json_t *object;

	if (cw_inbox_links_count(daemon->inbox, feed->name, step ? cw_feed_next_step(feed, step) : "", !step, &count, NULL) < 0)
		return NULL;
	object = json_pack("{s:s?, s:o, s:o, s:o, s:o, s:o, s:s?, s:s?, s:s?}", "step", step ? step->name : NULL, "links",
	                   json_number(count.live), "fetched", json_number(count.fetched), "failing",
	                   json_number(count.failing), "waiting", json_number(count.waiting), "gone",
	                   json_number(count.gone), "failing_url", count.failing_url, "failing_outcome",
	                   count.failing ? count.failing_outcome : NULL, "failing_detail", count.failing_detail);
	cw_inbox_links_count_clear(&count);
	return object;
}

/* The links of each step, and pages as those of none. */
static json_t *status_steps(struct cw_daemon *daemon, const struct cw_feed *feed)
{
	json_t *steps = json_array();

	if (feed->pages.on)
		json_array_append_new(steps, status_step(daemon, feed, NULL));
	for (size_t i = 0; i < feed->n_steps; i++)
		json_array_append_new(steps, status_step(daemon, feed, &feed->steps[i]));
	return steps;
}

static json_t *status_feed(struct cw_daemon *daemon, const struct cw_schedule_feed *feed, struct cw_wall now)
{
	const struct cw_inbox_feed *state = &feed->state;
	char outcome[CW_OUTCOME_MAX];

	snprintf(outcome, sizeof(outcome), "%s", state->outcome);
	return json_pack(
	    "{s:s, s:b, s:s?, s:b, s:b, s:b, s:o, s:o, s:o, s:b, s:I, s:s?, s:s?, s:o, s:o*}", "feed", feed->feed->name, "enabled",
	    (int)feed->feed->enabled, "path", feed->feed->path, "submissions", (int)feed->feed->submissions, "polled", (int)feed->polled, "required", (int)feed->feed->required,
	    "last_attempt", json_wall(state->last_attempt), "last_success", json_wall(state->last_success), "next_due",
	    feed->polled && !feed->feed->path ? json_wall(state->next_due) : json_null(), "overdue", (int)cw_schedule_overdue(feed, now),
	    "failures", (json_int_t)state->failures, "outcome", outcome[0] ? outcome : NULL, "detail", state->detail,
	    "outage_since", json_wall(state->outage_since), "steps",
	    cw_follow_has(feed->feed) ? status_steps(daemon, feed->feed) : NULL);
}

static json_t *status_process(const struct cw_process_info *info)
{
	return json_pack("{s:s, s:I, s:o, s:s, s:I, s:o}", "role", cw_role_name(info->role), "index",
	                 (json_int_t)info->index, "pid", info->pid ? json_number((uint64_t)info->pid) : json_null(),
	                 "state", cw_process_state_name(info->state), "restarts", (json_int_t)info->restarts,
	                 "documents", json_number(info->documents));
}

static json_t *status_remote(struct cw_daemon *daemon)
{
	struct cw_remote_info info;
	json_t *list = json_array();

	for (size_t i = 0; cw_dispatch_remote(daemon->dispatch, i, &info); i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "key", info.key, "address", info.address, "documents",
		                                      json_number(info.documents)));
	return list;
}

static json_t *status(void *arg)
{
	struct cw_daemon *daemon = arg;
	json_t *feeds = json_array(), *processes = json_array();
	struct cw_wall now = cw_wall_now();
	struct cw_inbox_counts counts = { .oldest = { CW_WALL_NONE } };
	struct cw_process_info info;
	struct cw_error err;
	size_t i;

	if (cw_inbox_counts(daemon->inbox, &counts, &err) < 0)
		cw_log_error(CW_LOG_ERROR, "inbox.read_failed", &err, NULL);
	for (i = 0; i < cw_schedule_count(daemon->schedule); i++)
		json_array_append_new(feeds, status_feed(daemon, cw_schedule_at(daemon->schedule, i), now));
	for (i = 0; i < cw_supervisor_count(daemon->supervisor); i++) {
		cw_supervisor_info(daemon->supervisor, i, &info);
		json_array_append_new(processes, status_process(&info));
	}
	return json_pack("{s:I, s:o, s:s, s:s, s:b, s:o, s:o, s:{s:o, s:o, s:o, s:I}, s:o, s:{s:o, s:o, s:o}, s:I, s:o, s:o, s:o}",
	                 "pid", (json_int_t)getpid(), "started_at", json_wall(daemon->started_at), "version",
	                 CW_VERSION, "instance", daemon->config->instance ? daemon->config->instance : "", "fetching",
	                 (int)daemon->config->fetching, "processes", processes, "feeds", feeds, "backlog", "documents",
	                 json_number(counts.queued), "bytes", json_number(counts.queued_bytes), "oldest",
	                 json_wall(counts.oldest), "in_flight", (json_int_t)cw_dispatch_in_flight(daemon->dispatch),
	                 "poison", json_number(counts.poison), "documents", "stored", json_number(counts.stored),
	                 "committed", json_number(counts.committed), "rejected", json_number(counts.rejected), "lag_ms",
	                 (json_int_t)(cw_wall_known(counts.oldest) ? CW_MAX(now.ms - counts.oldest.ms, 0) : 0), "refused",
	                 cw_doors_status(&daemon->doors, daemon->config, daemon->gate), "bad_workers",
	                 json_number(daemon->doors.bad_workers), "remote_normalisers", status_remote(daemon));
}

static int ask_fetch(void *arg, const char *name, struct cw_error *err)
{
	struct cw_daemon *daemon = arg;
	struct cw_schedule_feed *feed = cw_schedule_find(daemon->schedule, name);

	if (!feed)
		return cw_error_set(err, -ENOENT, "there is no feed '%.64s' in the configuration", name);
	if (!feed->feed->url)
		return cw_error_set(err, -EINVAL, "feed '%s' has no url: what there is comes by %s", name,
		                    feed->feed->path ? "its folder" : "import and submission");
	cw_schedule_ask(daemon->schedule, feed);
	cw_follow_ask(daemon->follow, name);
	return 0;
}

static json_t *feed_fetched(void *arg, const char *name, struct cw_error *err)
{
	struct cw_daemon *daemon = arg;
	struct cw_schedule_feed *feed = cw_schedule_find(daemon->schedule, name);
	uint64_t queued = 0;
	json_t *object;
	bool settled;

	if (!feed) {
		cw_error_set(err, -ENOENT, "there is no feed '%.64s' in the configuration", name);
		return NULL;
	}
	if (cw_inbox_queued(daemon->inbox, name, &queued, err) < 0)
		return NULL;
	settled = !feed->running && !feed->asked && !queued && cw_follow_idle(daemon->follow, name);
	object = status_feed(daemon, feed, cw_wall_now());
	if (!object || json_object_set_new(object, "settled", json_boolean(settled)) < 0 ||
	    json_object_set_new(object, "attempted", json_boolean(feed->attempted)) < 0 ||
	    json_object_set_new(object, "started_at", json_wall(daemon->started_at)) < 0) {
		json_decref(object);
		cw_error_nomem(err);
		return NULL;
	}
	return object;
}

static const struct cw_feed *feed_config(void *arg, const char *name)
{
	struct cw_daemon *daemon = arg;

	return cw_config_feed(daemon->config, cw_str(name));
}

static const char *feed_at(void *arg, size_t index)
{
	struct cw_daemon *daemon = arg;

	return index < daemon->config->n_feeds ? daemon->config->feeds[index].name : NULL;
}

static bool full(void *arg)
{
	struct cw_daemon *daemon = arg;

	return cw_inbox_backlog_over(daemon->inbox, BACKLOG_DOCUMENTS, BACKLOG_BYTES);
}

static int dismiss(void *arg, uint64_t number, const struct cw_dismissal *dismissal)
{
	struct cw_daemon *daemon = arg;

	return cw_dispatch_dismiss(daemon->dispatch, number, dismissal);
}

static void dismissed(void *arg, uint64_t number, unsigned n, const char *why_not)
{
	struct cw_daemon *daemon = arg;

	cw_control_dismissed(daemon->control, number, n, why_not);
}

static bool refused(void *arg, struct cw_str door, uint32_t why, uint64_t total)
{
	struct cw_daemon *daemon = arg;

	return cw_doors_note(&daemon->doors, door, why, total);
}

static bool dispatched(void *arg, uint64_t document)
{
	struct cw_daemon *daemon = arg;

	return cw_dispatch_has(daemon->dispatch, document);
}

static int audit(void *arg, const struct cw_audit_who *who, enum cw_audit_action action, const char *council, const char *feed,
                 json_t *detail, uint64_t *ret_seq, struct cw_error *err)
{
	struct cw_daemon *daemon = arg;

	return cw_auditor_record(daemon->auditor, who, action, council, feed, NULL, detail, ret_seq, err);
}

static int ask_retain(void *arg, uint64_t number, int32_t day, bool apply)
{
	struct cw_daemon *daemon = arg;

	return cw_dispatch_retain(daemon->dispatch, number, day, apply);
}

static void retained(void *arg, uint64_t number, uint32_t n, const void *rows, size_t len, const char *why_not)
{
	struct cw_daemon *daemon = arg;

	cw_retainer_answered(daemon->retainer, number, n, rows, len, why_not);
}

static int retention_begin(void *arg, const struct cw_audit_who *who, int32_t day, bool apply, uint64_t *ret_run, struct cw_error *err)
{
	struct cw_daemon *daemon = arg;

	return cw_retainer_begin(daemon->retainer, who, day, apply, ret_run, err);
}

static json_t *retention_result(void *arg, uint64_t run)
{
	struct cw_daemon *daemon = arg;

	return cw_retainer_result(daemon->retainer, run);
}

static void documents_queued(void *arg)
{
	struct cw_daemon *daemon = arg;

	hold_update(daemon);
	cw_dispatch_queued(daemon->dispatch);
}

/* Reload */

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Sockets and databases stay where they are for the life of the process. */
static int reload_check(const struct cw_config *old, const struct cw_config *new, cw_report_fn *report, void *arg)
{
	const struct {
		const char *key, *old, *new;
	} fixed[] = {
		{ "state_dir", old->state_dir, new->state_dir },
		{ "runtime_dir", old->runtime_dir, new->runtime_dir },
		{ "the endpoint of the work socket", old->endpoint_work, new->endpoint_work },
		{ "the endpoint of the commit socket", old->endpoint_commit, new->endpoint_commit },
		{ "the endpoint of the evidence socket", old->endpoint_evidence, new->endpoint_evidence },
		{ "the endpoint of the alert stream", old->endpoint_alerts, new->endpoint_alerts },
		{ "the endpoint of the query socket", old->endpoint_query, new->endpoint_query },
		{ "the endpoint of the control socket", old->endpoint_control, new->endpoint_control },
		{ "the endpoint of the submit socket", old->endpoint_submit, new->endpoint_submit },
		{ "remote_work", old->remote_work, new->remote_work },
		{ "remote_evidence", old->remote_evidence, new->remote_evidence },
		{ "remote_alerts", old->remote_alerts, new->remote_alerts },
		{ "remote_query", old->remote_query, new->remote_query },
		{ "remote_control", old->remote_control, new->remote_control },
		{ "remote_submit", old->remote_submit, new->remote_submit },
		{ "server_key", old->server_key, new->server_key },
		{ "group", old->group, new->group },
	};
	struct cw_error err;
	size_t i;
	int r = 0;

	for (i = 0; i < CW_ARRAY_LEN(fixed); i++) {
		if (same(fixed[i].old, fixed[i].new))
			continue;
		r = cw_error_at(&err, -EBUSY, new->file, 0, 0, "%s cannot change while the daemon runs: restart it",
		                fixed[i].key);
		report(arg, &err);
	}
	return r;
}

/* Mistakes are logged as well. */
static int reload(void *arg, const struct cw_audit_who *who, struct cw_buf *mistakes)
{
	struct cw_daemon *daemon = arg;
	struct cw_config *config = NULL, *old = daemon->config;
	CW_CLEANUP(cw_freep) char *accepted = NULL;
	struct cw_error err;
	bool as_before;
	bool told = false;
	size_t i;
	int r;

	if (cw_notify_reloading(&err) < 0)
		cw_log_error(CW_LOG_WARNING, "notify.failed", &err, NULL);
	daemon->told_ready = false;
	r = config_load(daemon->config_file, mistake_log, mistakes, &config);
	if (r == 0) {
		r = reload_check(old, config, mistake_log, mistakes);
		/* Told of before it is in force: what cannot be told is not done. */
		if (r == 0) {
			r = cw_auditor_config(daemon->auditor, who, "reload", config, &err);
			told = r == 0;
			if (r < 0)
				mistake_log(mistakes, &err);
		}
		if (r == 0) {
			r = cw_accepted_write(config, &accepted, &err);
			if (r < 0)
				mistake_log(mistakes, &err);
		}
		if (r == 0) {
			r = cw_schedule_configure(daemon->schedule, config, config->fetching, feed_load, daemon, &err);
			if (r < 0)
				mistake_log(mistakes, &err);
		}
		/* Only memory can fail here, and then little else works. */
		if (r == 0 && cw_follow_configure(daemon->follow, config, &err) < 0)
			mistake_log(mistakes, &err);
		if (r < 0)
			cw_config_free(config);
	}
	if (r < 0) {
		cw_log(CW_LOG_ERROR, "config.refused", "file=%s kept=%s", daemon->config_file,
		       "the configuration from before");
		if (told)
			(void)cw_auditor_config(daemon->auditor, who, "kept", old, &err);
		cw_auditor_config_refused(daemon->auditor, who, daemon->config_file, cw_buf_str(mistakes));
		tell_ready(daemon);
		return r;
	}
	/* Not fatal: the folders that were watched still are. */
	if (cw_drop_configure(daemon->drop, config, &err) < 0)
		cw_log_error(CW_LOG_ERROR, "drop.failed", &err, NULL);
	/* Only memory can fail here too; then the lists from before stand. */
	if (cw_serve_update(config, CW_DOORS_DAEMON, daemon->gate, &err) < 0)
		cw_log_error(CW_LOG_ERROR, "keys.failed", &err, NULL);
	as_before = strcmp(daemon->accepted, accepted) == 0 && strcmp(old->hash, config->hash) == 0;
	daemon->config = config;
	cw_auditor_configure(daemon->auditor, config);
	cw_retainer_configure(daemon->retainer, config);
	free(daemon->accepted);
	daemon->accepted = cw_steal(accepted);
	allow_send(daemon);
	cw_supervisor_configure(daemon->supervisor, config, daemon->accepted);
	cw_config_free(old);
	cw_log_set_level((enum cw_log_level)config->log_level);
	cw_log(CW_LOG_NOTICE, "config.reloaded", "file=%s feeds=%zu hash=%s", daemon->config_file, config->n_feeds,
	       config->hash);
	for (i = 0; i < cw_schedule_count(daemon->schedule); i++) {
		feed_save(daemon, cw_schedule_at(daemon->schedule, i));
		feed_state_send(daemon, cw_schedule_at(daemon->schedule, i));
	}
	/* A second reload before the first is through finds the workers on their way out already. Where nothing has changed that they
	 * read, they go on: nobody's connection is lost for another list of keys. */
	if (as_before)
		tell_ready(daemon);
	else if (daemon->phase == PHASE_RUNNING)
		drain_begin(daemon, PHASE_RELOAD_DRAIN);
	return 0;
}

/* Start and stop */

static void transfers_cancel(struct cw_daemon *daemon)
{
	struct transfer *transfer;

	cw_follow_stop(daemon->follow);
	while ((transfer = daemon->transfers)) {
		cw_fetch_cancel(transfer->fetch);
		/* Its state was not touched: it is due again at the next start. */
		cw_schedule_ended(daemon->schedule, transfer->feed);
		transfer_free(transfer);
	}
}

static void stop_begin(struct cw_daemon *daemon, int exit_status)
{
	struct cw_error err;

	if (daemon->phase >= PHASE_EXIT_DRAIN)
		return;
	daemon->status = exit_status;
	cw_log(CW_LOG_NOTICE, "daemon.stopping", "status=%d", exit_status);
	if (cw_notify_stopping(&err) < 0)
		cw_log_error(CW_LOG_WARNING, "notify.failed", &err, NULL);
	cw_control_close(daemon->control);
	cw_drop_close(daemon->drop);
	cw_submit_close(daemon->submit);
	/* Workers that a reload is ending already cannot finish anything. */
	if (daemon->phase == PHASE_RELOAD_STOP)
		daemon->phase = PHASE_EXIT_STOP;
	else
		drain_begin(daemon, PHASE_EXIT_DRAIN);
	hold_update(daemon);
}

static void on_signal(void *arg, int signo)
{
	struct cw_daemon *daemon = arg;

	if (signo == SIGHUP) {
		CW_CLEANUP(cw_buf_clear) struct cw_buf mistakes = { 0 };
		struct cw_audit_who who;

		cw_buf_init(&mistakes, CW_REQUEST_MAX);
		cw_audit_other(-1, NULL, "signal", &who);
		if (daemon->phase < PHASE_EXIT_DRAIN)
			(void)reload(daemon, &who, &mistakes);
		return;
	}
	/* Asked twice: no more patience. */
	if (daemon->phase == PHASE_EXIT_DRAIN)
		drained(daemon);
	transfers_cancel(daemon);
	stop_begin(daemon, daemon->once.on ? CW_EXIT_FAILED : CW_EXIT_DONE);
}

static void watchdog_due(void *arg)
{
	struct cw_daemon *daemon = arg;
	struct cw_mono now = cw_mono_now();
	struct cw_error err;

	if (healthy(daemon) || daemon->phase != PHASE_RUNNING)
		daemon->healthy = now;
	if (now.ns - daemon->healthy.ns < UNHEALTHY_MS * INT64_C(1000000) && cw_notify_watchdog(&err) < 0)
		cw_log_error(CW_LOG_WARNING, "notify.failed", &err, NULL);
	cw_timer_arm(daemon->watchdog, cw_notify_watchdog_ms());
}

/* Like mkdir -p; what is missing is made for us and our group only. */
static int directory_make(const char *path, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *copy = strdup(path);
	struct stat info;
	char *at;

	if (!copy)
		return cw_error_nomem(err);
	for (at = copy + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(copy, 0750) < 0 && errno != EEXIST)
			return cw_error_at(err, -errno, copy, 0, 0, "cannot make the directory: %s", strerror(errno));
		*at = '/';
	}
	if (mkdir(copy, 0750) < 0 && errno != EEXIST)
		return cw_error_at(err, -errno, path, 0, 0, "cannot make the directory: %s", strerror(errno));
	if (stat(path, &info) < 0 || !S_ISDIR(info.st_mode))
		return cw_error_at(err, -ENOTDIR, path, 0, 0, "is not a directory");
	if (access(path, R_OK | W_OK | X_OK) < 0)
		return cw_error_at(err, -EACCES, path, 0, 0, "cannot be written by this user");
	return 0;
}

/* The sockets' group must reach them. Only where it cannot yet; a directory that everybody may pass is left as it is. */
static int directory_share(const char *path, gid_t group, struct cw_error *err)
{
	struct stat info;

	if (group == (gid_t)-1 || stat(path, &info) < 0 || info.st_gid == group || info.st_mode & S_IXOTH)
		return 0;
	if (chown(path, (uid_t)-1, group) < 0)
		return cw_error_at(err, -errno, path, 0, 0,
		                   "cannot be given to the group of the setting 'group' (number %u): %s; whoever runs the service must be in it",
		                   (unsigned)group, strerror(errno));
	return 0;
}

/* One daemon for each directory. The lock goes with the process, however it ends. */
static int directory_lock(const char *directory, int *ret, struct cw_error *err)
{
	CW_CLEANUP(cw_freep) char *path = NULL;
	char text[32] = "";
	ssize_t len;
	int fd;

	if (asprintf(&path, "%s/councilwatchd.lock", directory) < 0) {
		path = NULL;
		return cw_error_nomem(err);
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return cw_error_at(err, -errno, path, 0, 0, "cannot open the lock file: %s", strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int code = errno;

		len = read(fd, text, sizeof(text) - 1);
		text[len > 0 ? strcspn(text, "\n") : 0] = '\0';
		close(fd);
		if (code == EWOULDBLOCK)
			return cw_error_at(
			    err, -EBUSY, path, 0, 0,
			    "another councilwatchd (process %s) uses this directory: stop it, or give this one "
			    "directories of its own",
			    text[0] ? text : "unknown");
		return cw_error_at(err, -code, path, 0, 0, "cannot lock: %s", strerror(code));
	}
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0) {
		/* For people only: the lock itself holds. */
	}
	*ret = fd;
	return 0;
}

static int serve(struct cw_daemon *daemon, struct cw_error *err)
{
	struct cw_key_pair own;
	bool needed;
	int r = cw_serve_key(daemon->config, CW_DOORS_DAEMON, &needed, &own, err);

	if (r == 0)
		r = cw_serve(daemon->config, CW_DOORS_DAEMON, daemon->loop, daemon->bus, needed ? &own : NULL, cw_doors_log, daemon,
		             &daemon->gate, err);
	if (needed)
		cw_key_pair_clear(&own);
	return r;
}

static int daemon_start(struct cw_daemon *daemon, struct cw_error *err)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, 0 };
	static const struct cw_schedule_ops schedule_ops = { .start = feed_start, .outage = outage };
	static const struct cw_dispatch_ops dispatch_ops = { .committed = document_committed,
		                                             .links = document_links,
		                                             .next_page = document_next_page,
		                                             .worker = worker_is,
		                                             .ready = worker_ready,
		                                             .heard = worker_heard,
		                                             .worked = worker_worked,
		                                             .bad = worker_bad,
		                                             .dismissed = dismissed,
		                                             .refused = refused,
		                                             .retained = retained };
	static const struct cw_follow_ops follow_ops = { .stored = follow_stored, .idle = follow_idle };
	static const struct cw_submit_ops submit_ops = {
		.feed = feed_config, .full = full, .dispatched = dispatched, .stored = documents_queued, .is_worker = is_worker
	};
	static const struct cw_drop_ops drop_ops = {
		.stored = documents_queued, .full = full, .folder = folder_changed, .idle = folders_idle
	};
	static const struct cw_supervisor_ops supervisor_ops = { .died = worker_died,
		                                                 .gave_up = workers_gave_up,
		                                                 .stopped = workers_stopped };
	static const struct cw_retainer_ops retainer_ops = { .ask = ask_retain };
	static const struct cw_control_ops control_ops = { .status = status,
		                                           .fetch = ask_fetch,
		                                           .fetched = feed_fetched,
		                                           .feed_at = feed_at,
		                                           .reload = reload,
		                                           .is_worker = is_worker,
		                                           .feed = feed_config,
		                                           .full = full,
		                                           .dismiss = dismiss,
		                                           .audit = audit,
		                                           .retain = retention_begin,
		                                           .retained = retention_result,
		                                           .stored = documents_queued };
	struct cw_config *config = daemon->config;
	int r;

	r = directory_make(config->state_dir, err);
	if (r == 0)
		r = directory_make(config->runtime_dir, err);
	if (r == 0)
		r = directory_share(config->runtime_dir, config->gid, err);
	if (r == 0)
		r = directory_lock(config->state_dir, &daemon->state_lock, err);
	if (r == 0 && strcmp(config->state_dir, config->runtime_dir) != 0)
		r = directory_lock(config->runtime_dir, &daemon->runtime_lock, err);
	if (r == 0)
		r = cw_loop_new(&daemon->loop, err);
	/* Before any thread exists: threads inherit what is blocked. */
	if (r == 0)
		r = cw_loop_add_signals(daemon->loop, signals, on_signal, daemon, err);
	if (r == 0)
		r = cw_timer_new(daemon->loop, drain_due, daemon, &daemon->drain, err);
	if (r == 0)
		r = cw_timer_new(daemon->loop, watchdog_due, daemon, &daemon->watchdog, err);
	if (r == 0)
		r = cw_inbox_open(config->state_dir, daemon->loop, &daemon->inbox, err);
	if (r == 0)
		r = cw_auditor_new(daemon->loop, daemon->inbox, daemon->config->state_dir, &daemon->auditor, err);
	if (r == 0) {
		struct cw_audit_who who;

		cw_audit_self("daemon", &who);
		cw_auditor_configure(daemon->auditor, config);
		r = cw_auditor_config(daemon->auditor, &who, "start", config, err);
	}
	if (r == 0) {
		cw_auditor_documents(daemon->auditor);
		r = cw_retainer_new(daemon->loop, daemon->inbox, daemon->auditor, !daemon->once.on, &retainer_ops, daemon,
		                    &daemon->retainer, err);
	}
	if (r == 0)
		cw_retainer_configure(daemon->retainer, config);
	if (r == 0)
		r = cw_supervisor_new(daemon->loop, &supervisor_ops, daemon, &daemon->supervisor, err);
	if (r == 0) {
		cw_accepted_clear(config);
		r = cw_accepted_write(config, &daemon->accepted, err);
	}
	if (r == 0) {
		cw_supervisor_configure(daemon->supervisor, config, daemon->accepted);
		r = cw_supervisor_find_programs(daemon->supervisor, err);
	}
	if (r == 0)
		r = cw_bus_new(&daemon->bus, err);
	if (r == 0)
		r = serve(daemon, err);
	if (r == 0)
		r = cw_dispatch_new(daemon->loop, daemon->bus, daemon->inbox, config->endpoint_work,
		                    config->endpoint_commit, &dispatch_ops, daemon, &daemon->dispatch, err);
	if (r == 0)
		r = cw_dispatch_configure(daemon->dispatch, config->normalisers, config->hash, err);
	if (r == 0)
		r = cw_control_new(daemon->loop, daemon->bus, daemon->inbox, config->endpoint_control, &control_ops,
		                   daemon, &daemon->control, err);
	if (r == 0)
		r = cw_submit_new(daemon->loop, daemon->bus, daemon->inbox, config->endpoint_submit, &submit_ops, daemon,
		                  &daemon->submit, err);
	if (r == 0)
		r = cw_fetcher_new(daemon->loop, &daemon->fetcher, err);
	if (r == 0)
		r = cw_schedule_new(daemon->loop, &schedule_ops, daemon, &daemon->schedule, err);
	if (r == 0)
		r = cw_schedule_configure(daemon->schedule, config, config->fetching, feed_load, daemon, err);
	if (r == 0)
		r = cw_follow_new(daemon->loop, daemon->inbox, daemon->fetcher, daemon->schedule, &follow_ops, daemon,
		                  &daemon->follow, err);
	if (r == 0)
		r = cw_follow_configure(daemon->follow, config, err);
	if (r == 0)
		r = cw_drop_new(daemon->loop, daemon->inbox, &drop_ops, daemon, &daemon->drop, err);
	if (r == 0)
		r = cw_drop_configure(daemon->drop, config, err);
	if (r == 0) {
		retry_mended(daemon);
		hold_update(daemon);
		r = cw_supervisor_start(daemon->supervisor, err);
	}
	return r;
}

/* daemon_start() backwards. */
static void daemon_clear(struct cw_daemon *daemon)
{
	if (daemon->follow)
		transfers_cancel(daemon);
	cw_follow_free(daemon->follow);
	cw_supervisor_free(daemon->supervisor);
	cw_drop_free(daemon->drop);
	cw_schedule_free(daemon->schedule);
	cw_fetcher_free(daemon->fetcher);
	cw_submit_free(daemon->submit);
	cw_control_free(daemon->control);
	cw_dispatch_free(daemon->dispatch);
	cw_gate_free(daemon->gate);
	cw_bus_free(daemon->bus);
	cw_retainer_free(daemon->retainer);
	cw_auditor_free(daemon->auditor);
	cw_inbox_close(daemon->inbox);
	cw_timer_free(daemon->watchdog);
	cw_timer_free(daemon->drain);
	cw_loop_free(daemon->loop);
	if (daemon->runtime_lock >= 0)
		close(daemon->runtime_lock);
	if (daemon->state_lock >= 0)
		close(daemon->state_lock);
	cw_config_free(daemon->config);
	free(daemon->accepted);
}

static void once_begin(struct cw_daemon *daemon)
{
	daemon->once.on = true;
	daemon->once.feeds = daemon->once.left = cw_schedule_ask_all(daemon->schedule);
	for (size_t i = 0; i < cw_schedule_count(daemon->schedule); i++)
		if (cw_schedule_at(daemon->schedule, i)->polled)
			cw_follow_ask(daemon->follow, cw_schedule_at(daemon->schedule, i)->feed->name);
}

static void once_print(const struct cw_daemon *daemon)
{
	const struct once *once = &daemon->once;

	printf("councilwatchd: %zu feeds fetched, %" PRIu64 " failed, %" PRIu64 " unchanged; %" PRIu64
	       " documents committed, %" PRIu64 " evidence (%" PRIu64 " new), %" PRIu64 " quarantined, %" PRIu64
	       " alerts\n",
	       once->feeds - once->left, once->failed, once->unchanged, once->documents, once->evidence,
	       once->new_evidence, once->quarantined, once->alerts);
	fflush(stdout);
}

int cw_daemon_run(const char *config_file, bool once)
{
	struct cw_daemon daemon = { .config_file = config_file, .state_lock = -1, .runtime_lock = -1 };
	struct cw_error err = { 0 };
	bool ran = false;
	int r;

	cw_log_init("councilwatchd", CW_LOG_INFO);
	if (config_load(config_file, mistake_print, NULL, &daemon.config) < 0)
		return CW_EXIT_USAGE;
	cw_log_set_level((enum cw_log_level)daemon.config->log_level);
	cw_notify_init();
	(void)signal(SIGPIPE, SIG_IGN);
	daemon.started_at = cw_wall_now();
	daemon.healthy = cw_mono_now();
	r = daemon_start(&daemon, &err);
	if (r == 0) {
		cw_log(CW_LOG_NOTICE, "daemon.started", "version=%s config=%s feeds=%zu", CW_VERSION, config_file,
		       daemon.config->n_feeds);
		if (cw_notify_watchdog_ms())
			cw_timer_arm(daemon.watchdog, 0);
		if (once)
			once_begin(&daemon);
		r = cw_loop_run(daemon.loop, &err);
		ran = r == 0;
	}
	if (r < 0) {
		cw_log_error(CW_LOG_ERROR, "daemon.failed", &err, NULL);
		daemon.status = CW_EXIT_FAILED;
	}
	daemon_clear(&daemon);
	if (ran && once)
		once_print(&daemon);
	cw_log(CW_LOG_NOTICE, "daemon.stopped", "status=%d", daemon.status);
	return daemon.status;
}
