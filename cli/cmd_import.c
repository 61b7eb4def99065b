/*
 * councilwatch import: documents from disk into the running daemon, dated, and back with what became of them.
 *
 * Files travel in chunks over the control socket, at most CW_CHUNK_WINDOW unanswered, so that a file of any size needs
 * little memory here and there. A document is identified by feed, content and fetched_at, which is fixed here
 * once; so whenever it is not certain that the daemon still has one in hand (it restarted, an answer is
 * missing), sending it again is safe, and that is what happens.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <unistd.h>

#include <councilwatch/serve.h>

#include "command.h"
#include "control.h"
#include "manifest.h"
#include "output.h"

/* Documents handed over and not yet committed; more only wait in the daemon's inbox. */
#define UNCOMMITTED_MAX 64
/* A refused upload is tried this often in all: the refusal may only mean that the daemon restarted. */
#define TRIES_MAX 3
#define PAUSE_MS 1000
#define TICK_MS 250
#define PING_MS 1000
/* Silence after which the connection is made anew, and after which we give up. */
#define SILENT_MS 5000
#define GIVE_UP_MS 60000
#define FIRST_ANSWER_MS 5000
#define DAY_MS (24 * 3600 * INT64_C(1000))

const struct cw_option cw_import_options[] = {
	{ "feed", "FEED", "the feed that the documents are of (needed)", 0 },
	{ "fetched-at", "TIME", "when they were captured: a date or a time, ISO 8601; without it, now", 0 },
	{ "manifest", "FILE", "a CSV with the columns file and captured_at_utc, in place of files", 0 },
	{ NULL },
};

enum phase { TO_SEND, BEGINNING, SENDING, ENDING, QUEUED, SETTLED, FAILED };

struct document {
	enum phase phase;
	char *path; /* owned; "-" is standard input */
	char *name; /* owned; what the daemon is told */
	int spool;  /* standard input and pipes, kept so that they can be sent again; -1 = none */
	struct cw_wall fetched_at;
	uint64_t size;
	char wanted_sha256[CW_SHA256_HEX]; /* of the manifest; "" = none */
	char sha256[CW_SHA256_HEX];
	uint64_t upload, number; /* the daemon's ids */
	unsigned tries;
	bool again;          /* handed over before the daemon restarted, and now once more */
	bool twin;           /* the same as another of this import */
	unsigned idle_pings; /* answers that found the daemon idle while this was queued */
	json_t *result;      /* owned; SETTLED: the committed message */
	char *error;         /* owned; FAILED */
};

struct import {
	struct cw_cli *cli;
	const struct cw_feed *feed;
	struct cw_bus *bus;
	struct cw_loop *loop;
	struct cw_control *control;
	struct cw_timer *tick;

	size_t n;
	struct document *documents;
	size_t first_open;        /* all before it are settled or failed */
	size_t uncommitted;       /* QUEUED */
	struct document *current; /* BEGINNING, SENDING or ENDING */
	int fd;                   /* of current */
	struct cw_sha256 *hash;
	uint64_t read;       /* bytes of current */
	unsigned unanswered; /* chunks */
	unsigned char *chunk;

	int64_t last_id, begin_id, end_id, ping_id; /* ping_id 0 = none under way */
	struct cw_mono last_heard, last_ping;
	int64_t daemon_pid;
	char daemon_since[CW_WALL_TEXT];
	int64_t pause; /* after a refusal: nothing is begun for so long */
	struct cw_mono paused_at;
	bool gone;     /* nobody listens; waiting for it to come back */
	bool progress; /* a line on the terminal */
	int broken;    /* stop: -errno, said already */
};

static int64_t elapsed_ms(struct cw_mono since)
{
	return (cw_mono_now().ns - since.ns) / 1000000;
}

static void clear_progress(const struct import *im)
{
	if (im->progress)
		fputs("\r\033[K", stderr);
}

static void show_progress(const struct import *im)
{
	size_t done = 0;

	if (!im->progress)
		return;
	for (size_t i = 0; i < im->n; i++)
		done += im->documents[i].phase >= SETTLED;
	fprintf(stderr, "\r\033[K%zu of %zu documents committed", done, im->n);
	if (im->current && im->current->size)
		fprintf(stderr, ", sending the next: %.0f%%", 100.0 * (double)im->read / (double)im->current->size);
	if (im->gone)
		fputs("; waiting for councilwatchd to come back", stderr);
	fflush(stderr);
}

static void fail_document(struct document *document, const char *text)
{
	free(document->error);
	document->error = strdup(text);
	document->phase = FAILED;
}

/* Ends the sending of the current document; what becomes of it, the caller has decided. */
static void leave_current(struct import *im)
{
	if (!im->current)
		return;
	if (im->current->spool < 0 && im->fd >= 0)
		close(im->fd);
	im->fd = -1;
	im->current = NULL;
}

static void break_off(struct import *im, int r, const struct cw_error *err)
{
	clear_progress(im);
	cw_cli_fail_error(0, err, "the import stops");
	im->broken = r;
}

static int send_request(struct import *im, json_t *request, const void *bytes, size_t len, int64_t *ret_id)
{
	struct cw_error err = { 0 };
	int r;

	if (!request || json_object_set_new(request, "id", json_integer(im->last_id + 1)) < 0)
		r = cw_error_nomem(&err);
	else
		r = cw_control_send(im->control, request, bytes, len, &err);
	json_decref(request);
	if (!r)
		*ret_id = ++im->last_id;
	else if (r != -EAGAIN)
		break_off(im, r, &err);
	return r;
}

/* A refusal may mean that the daemon is stopping, or is another one since, which knows nothing of this upload. */
static void refused(struct import *im, struct document *document, const char *why)
{
	int64_t id;

	if (document == im->current) {
		if (document->phase != BEGINNING)
			(void)send_request(
			    im, json_pack("{s:s, s:I}", "op", "import.abort", "upload", (json_int_t)document->upload),
			    NULL, 0, &id);
		leave_current(im);
	}
	im->pause = PAUSE_MS;
	im->paused_at = cw_mono_now();
	if (++document->tries < TRIES_MAX)
		document->phase = TO_SEND;
	else
		fail_document(document, why);
}

/* Whatever is not committed is sent again. */
static void start_over(struct import *im)
{
	leave_current(im);
	im->unanswered = 0;
	im->begin_id = im->end_id = 0;
	for (size_t i = im->first_open; i < im->n; i++) {
		struct document *document = &im->documents[i];

		document->again |= document->phase == ENDING || document->phase == QUEUED;
		if (document->phase < SETTLED)
			document->phase = TO_SEND;
	}
	im->uncommitted = 0;
}

static void reconnect(struct import *im)
{
	struct cw_error err = { 0 };
	int r;

	start_over(im);
	im->ping_id = 0;
	r = cw_control_reopen(im->control, &err);
	if (r < 0)
		break_off(im, r, &err);
}

static void settle(struct import *im, struct document *document, json_t *result)
{
	if (document->phase == QUEUED)
		im->uncommitted--;
	if (document == im->current)
		leave_current(im);
	json_decref(document->result);
	document->result = json_incref(result);
	document->phase = SETTLED;
}

static void begin_document(struct import *im, struct document *document)
{
	char fetched_at[CW_WALL_TEXT];
	struct stat st;
	int r;

	im->fd = document->spool >= 0 ? document->spool : open(document->path, O_RDONLY | O_CLOEXEC);
	if (im->fd < 0) {
		fail_document(document, strerror(errno));
		return;
	}
	im->current = document;
	if (fstat(im->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		leave_current(im);
		fail_document(document, "it is no longer a file");
		return;
	}
	document->size = (uint64_t)st.st_size;

	r = send_request(im,
	                 json_pack("{s:s, s:s, s:s, s:I, s:s}", "op", "import.begin", "feed", im->feed->name, "name",
	                           document->name, "size", (json_int_t)document->size, "fetched_at",
	                           cw_wall_format(document->fetched_at, fetched_at)),
	                 NULL, 0, &im->begin_id);
	if (r < 0) {
		leave_current(im); /* -EAGAIN: the next tick tries again */
		return;
	}
	document->phase = BEGINNING;
	im->read = 0;
	im->unanswered = 0;
	cw_sha256_free(im->hash);
	im->hash = cw_sha256_new();
}

static void end_document(struct import *im)
{
	struct document *document = im->current;
	unsigned char digest[CW_SHA256_LEN];
	int64_t id;

	if (!im->hash || cw_sha256_final(im->hash, digest) < 0) {
		leave_current(im);
		fail_document(document, "out of memory");
		return;
	}
	cw_hex(digest, sizeof(digest), document->sha256);
	if (document->wanted_sha256[0] && strcasecmp(document->wanted_sha256, document->sha256)) {
		(void)send_request(
		    im, json_pack("{s:s, s:I}", "op", "import.abort", "upload", (json_int_t)document->upload), NULL, 0,
		    &id);
		leave_current(im);
		fail_document(document, "its content is not what the manifest's sha256 says");
		return;
	}
	if (!send_request(im,
	                  json_pack("{s:s, s:I, s:s}", "op", "import.end", "upload", (json_int_t)document->upload,
	                            "sha256", document->sha256),
	                  NULL, 0, &im->end_id))
		document->phase = ENDING;
}

static void send_chunks(struct import *im)
{
	struct document *document = im->current;
	int64_t id;

	while (im->unanswered < CW_CHUNK_WINDOW && im->read < document->size) {
		ssize_t n = pread(im->fd, im->chunk, (size_t)CW_MIN((uint64_t)CW_CHUNK_MAX, document->size - im->read),
		                  (off_t)im->read);
		int r;

		if (n <= 0) {
			(void)send_request(
			    im, json_pack("{s:s, s:I}", "op", "import.abort", "upload", (json_int_t)document->upload),
			    NULL, 0, &id);
			leave_current(im);
			fail_document(document, n < 0 ? strerror(errno) : "it became shorter while it was read");
			return;
		}
		r = send_request(im,
		                 json_pack("{s:s, s:I}", "op", "import.chunk", "upload", (json_int_t)document->upload),
		                 im->chunk, (size_t)n, &id);
		if (r < 0)
			return;
		if (!im->hash || cw_sha256_update(im->hash, im->chunk, (size_t)n) < 0) {
			leave_current(im);
			fail_document(document, "out of memory");
			return;
		}
		im->read += (uint64_t)n;
		im->unanswered++;
	}
	if (im->read == document->size && !im->unanswered)
		end_document(im);
}

/* Does what can be done now. */
static void advance(struct import *im)
{
	while (im->first_open < im->n && im->documents[im->first_open].phase >= SETTLED)
		im->first_open++;

	for (size_t i = im->first_open; i < im->n && !im->current && !im->gone && !im->broken; i++) {
		if (im->uncommitted >= UNCOMMITTED_MAX || elapsed_ms(im->paused_at) < im->pause)
			break;
		if (im->documents[i].phase == TO_SEND) {
			begin_document(im, &im->documents[i]);
			if (im->documents[i].phase == TO_SEND)
				break;
		}
	}
	if (im->current && im->current->phase == SENDING && !im->gone && !im->broken)
		send_chunks(im);
}

static void take_pong(struct import *im, json_t *answer)
{
	json_t *status = json_object_get(answer, "status"), *backlog = json_object_get(status, "backlog");
	const char *since = cw_json_get_text(status, "started_at", "");
	int64_t pid = cw_json_get_integer(status, "pid", 0);

	im->ping_id = 0;
	if (pid != im->daemon_pid || strcmp(since, im->daemon_since)) {
		im->daemon_pid = pid;
		snprintf(im->daemon_since, sizeof(im->daemon_since), "%s", since);
		clear_progress(im);
		cw_cli_fail(0, "councilwatchd restarted; sending again what it had not committed");
		start_over(im);
		return;
	}

	/* Idle, and yet we wait: the message that told us of the commit was lost. Asking again brings it back. */
	if (cw_json_get_integer(backlog, "documents", 1) > 0)
		return;
	for (size_t i = im->first_open; i < im->n; i++) {
		struct document *document = &im->documents[i];

		if (document->phase == QUEUED && ++document->idle_pings >= 3) {
			document->idle_pings = 0;
			document->phase = TO_SEND;
			document->again = true;
			im->uncommitted--;
		}
	}
}

static struct document *find_document(struct import *im, uint64_t number, int64_t upload)
{
	for (size_t i = im->first_open; i < im->n; i++) {
		struct document *document = &im->documents[i];

		if (document->phase == QUEUED && document->number == number)
			return document;
		/* The commit may overtake the answer to import.end. */
		if (document->phase == ENDING && upload >= 0 && document->upload == (uint64_t)upload)
			return document;
	}
	return NULL;
}

static void take_committed(struct import *im, json_t *message)
{
	uint64_t number = (uint64_t)cw_json_get_integer(message, "document", -1);
	struct document *document;
	bool twin = false;

	/* The same document may have been named twice. */
	while ((document = find_document(im, number, cw_json_get_integer(message, "upload", -1)))) {
		document->twin = twin;
		twin = true;
		settle(im, document, message);
	}
}

static void take_answer(struct import *im, json_t *answer)
{
	int64_t id = cw_json_get_integer(answer, "id", 0);
	struct document *document = im->current;
	bool ok = cw_json_get_bool(answer, "ok", false);
	const char *why = cw_json_get_text(answer, "error", "the daemon refused it");

	im->last_heard = cw_mono_now();
	if (!strcmp(cw_json_get_text(answer, "op", ""), "committed")) {
		take_committed(im, answer);
	} else if (id && id == im->ping_id) {
		take_pong(im, answer);
	} else if (!document || id < im->begin_id) {
		return; /* about an upload that we gave up */
	} else if (id == im->begin_id && document->phase == BEGINNING) {
		if (ok) {
			document->upload = (uint64_t)cw_json_get_integer(answer, "upload", 0);
			document->phase = SENDING;
		} else {
			refused(im, document, why);
		}
	} else if (document->phase == SENDING && id > im->begin_id) {
		if (ok)
			im->unanswered -= im->unanswered > 0;
		else
			refused(im, document, why);
	} else if (document->phase == ENDING && id == im->end_id) {
		if (!ok) {
			refused(im, document, why);
			return;
		}
		document->number = (uint64_t)cw_json_get_integer(answer, "document", 0);
		if (!strcmp(cw_json_get_text(answer, "state", ""), "committed")) {
			settle(im, document, answer);
		} else {
			leave_current(im);
			document->phase = QUEUED;
			document->idle_pings = 0;
			im->uncommitted++;
		}
	}
}

static void read_answers(struct import *im)
{
	struct cw_error err = { 0 };
	json_t *answer = NULL;
	int r;

	while (!im->broken && (r = cw_control_recv(im->control, &answer, &err)) != -EAGAIN) {
		if (r < 0) {
			break_off(im, r, &err);
			return;
		}
		take_answer(im, answer);
		json_decref(answer);
		answer = NULL;
	}
}

static void on_tick(void *arg)
{
	struct import *im = arg;
	struct cw_error err = { 0 };
	int64_t silent = elapsed_ms(im->last_heard);

	cw_timer_arm(im->tick, TICK_MS);
	if (silent > GIVE_UP_MS) {
		if (cw_control_probe(im->cli->config->endpoint_control, &err) >= 0)
			cw_error_set(&err, -ETIMEDOUT, "no answer for %d s", GIVE_UP_MS / 1000);
		break_off(im, -ETIMEDOUT, &err);
		return;
	}
	if (im->gone || silent > 2 * PING_MS) {
		bool gone = cw_control_probe(im->cli->config->endpoint_control, &err) < 0;

		if (gone && !im->gone) {
			clear_progress(im);
			cw_cli_fail(0, "councilwatchd went away; waiting for it to come back");
			reconnect(im);
		} else if (!gone && (im->gone || silent % SILENT_MS < TICK_MS)) {
			reconnect(im);
		}
		im->gone = gone;
	}
	if (!im->gone && !im->ping_id && elapsed_ms(im->last_ping) >= PING_MS && !im->broken) {
		im->last_ping = cw_mono_now();
		(void)send_request(im, json_pack("{s:s}", "op", "status"), NULL, 0, &im->ping_id);
	}
	show_progress(im);
}

static const char *how_to_start =
    "start it with 'systemctl start councilwatchd', or by hand with 'councilwatchd -c FILE'";

/* A daemon that was started a moment ago is given time to open its socket. */
#define START_MS 3000
#define START_STEP_MS 50

static int wait_for_daemon(const char *endpoint, struct cw_error *err)
{
	const struct timespec step = { .tv_nsec = START_STEP_MS * 1000000 };
	int r = cw_control_probe(endpoint, err);

	for (int waited = 0; (r == -ECONNREFUSED || r == -ENOENT) && waited < START_MS; waited += START_STEP_MS) {
		nanosleep(&step, NULL);
		r = cw_control_probe(endpoint, err);
	}
	return r;
}

static int connect_daemon(struct import *im, struct cw_error *err)
{
	const char *endpoint = im->cli->config->endpoint_control;
	json_t *answer = NULL, *status;
	int r;

	r = wait_for_daemon(endpoint, err);
	if (r >= 0)
		r = cw_client_bus_new(im->cli->config, &im->bus, err);
	if (r >= 0)
		r = cw_loop_new(&im->loop, err);
	if (r >= 0)
		r = cw_control_new(im->bus, im->loop, endpoint, &im->control, err);
	if (r >= 0)
		r = cw_control_call(im->control, json_pack("{s:s}", "op", "status"), NULL, 0, FIRST_ANSWER_MS, &answer, err);
	if (r < 0)
		return r;

	/* Ids of ours go on from that of the first call. */
	im->last_id = 1;
	status = json_object_get(answer, "status");
	im->daemon_pid = cw_json_get_integer(status, "pid", 0);
	snprintf(im->daemon_since, sizeof(im->daemon_since), "%s", cw_json_get_text(status, "started_at", ""));
	json_decref(answer);
	return cw_timer_new(im->loop, on_tick, im, &im->tick, err);
}

static int run(struct import *im)
{
	struct cw_error err = { 0 };
	int r = 0;

	im->last_heard = im->last_ping = cw_mono_now();
	cw_timer_arm(im->tick, TICK_MS);
	advance(im);
	while (im->first_open < im->n && !im->broken && r >= 0) {
		r = cw_loop_once(im->loop, -1, &err);
		if (r >= 0)
			read_answers(im);
		advance(im);
	}
	clear_progress(im);
	if (r < 0)
		break_off(im, r, &err);
	return im->broken;
}

static int64_t result_integer(const struct document *document, const char *name)
{
	return cw_json_get_integer(document->result, name, 0);
}

/* Had it been imported before this import? What only the loss of the connection made us send twice had not. */
static bool is_duplicate(const struct document *document)
{
	return document->twin || (!document->again && cw_json_get_bool(document->result, "duplicate", false));
}

static bool is_rejected(const struct document *document)
{
	return document->phase != SETTLED || strcmp(cw_json_get_text(document->result, "outcome", ""), "parsed");
}

static void print_reasons(const json_t *reasons)
{
	const char *name;
	json_t *count;

	json_object_foreach((json_t *)reasons, name, count) if (json_integer_value(count) > 0)
	{
		fputs(", ", stdout);
		cw_out_text(stdout, name);
		printf(" %lld", (long long)json_integer_value(count));
	}
}

static void print_document(const struct document *document)
{
	char at[CW_WALL_TEXT];

	printf("%s  ", cw_wall_format(document->fetched_at, at));
	cw_out_text(stdout, document->path);
	fputs(": ", stdout);
	if (document->phase != SETTLED) {
		fputs("not imported: ", stdout);
		cw_out_text(stdout, document->error ? document->error : "the import stopped before it was committed");
		putchar('\n');
		return;
	}
	if (is_rejected(document)) {
		printf("rejected, %s", cw_json_get_text(document->result, "outcome", "?"));
		if (cw_json_get_text(document->result, "detail", "")[0]) {
			fputs(": ", stdout);
			cw_out_text(stdout, cw_json_get_text(document->result, "detail", ""));
		}
		putchar('\n');
		return;
	}
	printf("%lld rows, %lld evidence, %lld new, %lld quarantined, %lld alerts",
	       (long long)result_integer(document, "rows"), (long long)result_integer(document, "evidence"),
	       (long long)result_integer(document, "new_evidence"), (long long)result_integer(document, "quarantined"),
	       (long long)result_integer(document, "alerts"));
	print_reasons(json_object_get(document->result, "reasons"));
	puts(document->twin ? " (the same as another)" : is_duplicate(document) ? " (imported before)" : "");
}

struct totals {
	size_t rejected, duplicates;
	int64_t rows, evidence, new_evidence, quarantined, alerts, last_seq;
};

static struct totals add_up(const struct import *im)
{
	struct totals t = { 0 };

	for (size_t i = 0; i < im->n; i++) {
		const struct document *document = &im->documents[i];

		t.rejected += is_rejected(document);
		t.rows += result_integer(document, "rows");
		t.evidence += result_integer(document, "evidence");
		t.quarantined += result_integer(document, "quarantined");
		t.last_seq = CW_MAX(t.last_seq, result_integer(document, "last_seq"));
		/* What an import before this one brought is not new. */
		if (is_duplicate(document)) {
			t.duplicates++;
			continue;
		}
		t.new_evidence += result_integer(document, "new_evidence");
		t.alerts += result_integer(document, "alerts");
	}
	return t;
}

static json_t *document_json(const struct document *document)
{
	static const char *const counts[] = { "rows", "evidence", "new_evidence", "quarantined", "alerts" };
	json_t *object = json_object(), *reasons = json_object_get(document->result, "reasons");
	bool settled = document->phase == SETTLED;
	int failed = 0;

	cw_json_set(object, "file", cw_json_str(cw_str(document->path)), &failed);
	cw_json_set(object, "fetched_at", cw_json_wall(document->fetched_at), &failed);
	cw_json_set(object, "size", json_integer((json_int_t)document->size), &failed);
	cw_json_set(object, "sha256", document->sha256[0] ? json_string(document->sha256) : json_null(), &failed);
	cw_json_set(object, "document", settled ? json_integer((json_int_t)document->number) : json_null(), &failed);
	cw_json_set(object, "outcome",
	            cw_json_str(cw_str(settled ? cw_json_get_text(document->result, "outcome", "?") : "failed")),
	            &failed);
	cw_json_set(object, "duplicate", json_boolean(settled && is_duplicate(document)), &failed);
	for (size_t i = 0; i < CW_ARRAY_LEN(counts); i++)
		cw_json_set(object, counts[i], json_integer(result_integer(document, counts[i])), &failed);
	cw_json_set(object, "reasons", json_is_object(reasons) ? json_incref(reasons) : json_object(), &failed);
	if (!settled)
		cw_json_set(object, "detail",
		            cw_json_str(cw_str(document->error ? document->error
		                                               : "the import stopped before it was committed")),
		            &failed);
	else
		cw_json_set(object, "detail", json_string(cw_json_get_text(document->result, "detail", "")), &failed);
	if (failed) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static int answer_json(const struct import *im, const struct totals *t)
{
	json_t *object = json_object(), *documents = json_array();
	int failed = 0;

	for (size_t i = 0; i < im->n; i++)
		if (json_array_append_new(documents, document_json(&im->documents[i])) < 0)
			failed = -ENOMEM;
	cw_json_set(object, "ok", json_boolean(!t->rejected), &failed);
	cw_json_set(object, "feed", json_string(im->feed->name), &failed);
	cw_json_set(object, "documents", documents, &failed);
	cw_json_set(object, "rejected", json_integer((json_int_t)t->rejected), &failed);
	cw_json_set(object, "duplicates", json_integer((json_int_t)t->duplicates), &failed);
	cw_json_set(object, "rows", json_integer(t->rows), &failed);
	cw_json_set(object, "evidence", json_integer(t->evidence), &failed);
	cw_json_set(object, "new_evidence", json_integer(t->new_evidence), &failed);
	cw_json_set(object, "quarantined", json_integer(t->quarantined), &failed);
	cw_json_set(object, "alerts", json_integer(t->alerts), &failed);
	cw_json_set(object, "last_seq", json_integer(t->last_seq), &failed);
	if (failed) {
		json_decref(object);
		return failed;
	}
	return cw_out_json(stdout, object);
}

static int print_answer(const struct import *im)
{
	struct totals t = add_up(im);
	char rejected[48] = "";

	if (im->cli->json) {
		if (answer_json(im, &t) < 0)
			return cw_cli_fail(CW_EXIT_NO, "out of memory");
	} else {
		for (size_t i = 0; i < im->n; i++)
			print_document(&im->documents[i]);
		if (t.rejected)
			snprintf(rejected, sizeof(rejected), " (%zu of them not usable)", t.rejected);
		printf("In all %zu document%s%s: %" PRId64 " rows, %" PRId64 " evidence, %" PRId64 " new, %" PRId64
		       " quarantined, %" PRId64 " alerts.\n",
		       im->n, im->n == 1 ? "" : "s", rejected, t.rows, t.evidence, t.new_evidence, t.quarantined,
		       t.alerts);
	}
	return t.rejected || im->broken ? CW_EXIT_NO : CW_EXIT_DONE;
}

/* The others are imported all the same. */
static int too_large(const struct import *im, struct document *document)
{
	char text[256];

	snprintf(text, sizeof(text), "larger than max_size of feed '%.64s', which is %" PRIu64 " bytes", im->feed->name,
	         im->feed->max_size);
	fail_document(document, text);
	return 0;
}

/* Copies what can be read only once to a nameless file, so that it can be sent again and its size is known. */
static int spool(struct import *im, struct document *document)
{
	FILE *file = tmpfile();
	int from = strcmp(document->path, "-") ? open(document->path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	uint64_t size = 0;
	ssize_t n = -1;

	if (from < 0 || !file) {
		n = -errno;
	} else {
		while ((n = read(from, im->chunk, CW_CHUNK_MAX)) > 0) {
			size += (uint64_t)n;
			if (size > im->feed->max_size) {
				n = -EFBIG;
				break;
			}
			if (fwrite(im->chunk, 1, (size_t)n, file) != (size_t)n) {
				n = -errno;
				break;
			}
		}
		if (n == -1)
			n = -errno;
	}
	if (!n && fflush(file) < 0)
		n = -errno;
	if (!n)
		document->spool = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3);
	if (file)
		fclose(file);
	if (from > STDIN_FILENO)
		close(from);
	if (n == -EFBIG)
		return too_large(im, document);
	if (n < 0 || document->spool < 0)
		return cw_cli_fail(CW_EXIT_NO, "cannot keep '%s' for sending: %s", document->path,
		                   strerror(n < 0 ? (int)-n : errno));
	return 0;
}

/* Is it something that can be sent? Looked at before anything is, so that a mistyped name changes nothing. */
static int prepare(struct import *im, struct document *document)
{
	const char *slash = strrchr(document->path, '/');
	struct cw_buf name;
	struct stat st;
	int fd;

	cw_buf_init(&name, 4096);
	if (!cw_text_escape(cw_str(!strcmp(document->path, "-") ? "stdin" : slash ? slash + 1 : document->path), &name))
		document->name = cw_buf_steal(&name, NULL);
	cw_buf_clear(&name);
	if (!document->name)
		return cw_cli_fail(CW_EXIT_NO, "out of memory");

	if (!strcmp(document->path, "-"))
		return spool(im, document);
	if (stat(document->path, &st) < 0)
		return cw_cli_fail(CW_EXIT_NO, "cannot import '%s': %s", document->path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return cw_cli_fail(CW_EXIT_USAGE, "'%s' is a directory; name its files: %s/*", document->path,
		                   document->path);
	if (!S_ISREG(st.st_mode))
		return spool(im, document);
	if ((uint64_t)st.st_size > im->feed->max_size)
		return too_large(im, document);
	fd = open(document->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cw_cli_fail(CW_EXIT_NO, "cannot import '%s': %s", document->path, strerror(errno));
	close(fd);
	return 0;
}

static void report_row(void *arg, const struct cw_error *err)
{
	char text[CW_ERROR_SOURCE_MAX + CW_ERROR_TEXT_MAX + 32];

	(void)arg;
	cw_out_text(stderr, cw_error_format(err, text, sizeof(text)));
	fputc('\n', stderr);
}

static int take_manifest(struct import *im, const char *path)
{
	struct cw_manifest manifest;
	struct cw_error err = { 0 };

	if (cw_manifest_load(path, report_row, NULL, &manifest, &err) < 0)
		return cw_cli_fail_error(CW_EXIT_USAGE, &err, "cannot use the manifest");
	im->documents = calloc(manifest.n + 1, sizeof(*im->documents));
	for (size_t i = 0; im->documents && i < manifest.n; i++) {
		struct document *document = &im->documents[im->n++];

		document->spool = -1;
		document->path = cw_steal(manifest.rows[i].path);
		document->fetched_at = manifest.rows[i].captured_at;
		memcpy(document->wanted_sha256, manifest.rows[i].sha256, CW_SHA256_HEX);
	}
	cw_manifest_clear(&manifest);
	return im->documents ? 0 : cw_cli_fail(CW_EXIT_NO, "out of memory");
}

static int take_files(struct import *im, struct cw_wall fetched_at)
{
	const struct cw_cli *cli = im->cli;
	bool stdin_used = false;

	im->documents = calloc((size_t)cli->n_arguments + 1, sizeof(*im->documents));
	for (int i = 0; im->documents && i < cli->n_arguments; i++) {
		struct document *document = &im->documents[im->n++];

		document->spool = -1;
		document->path = strdup(cli->arguments[i]);
		if (!document->path)
			return cw_cli_fail(CW_EXIT_NO, "out of memory");
		if (!strcmp(document->path, "-") && stdin_used)
			return cw_cli_fail(CW_EXIT_USAGE, "'-' is standard input, which can be read only once");
		stdin_used |= !strcmp(document->path, "-");
		document->fetched_at = fetched_at;
		/* Undated files count as captured now, the later named the later. */
		if (!cw_wall_known(fetched_at))
			document->fetched_at.ms = cw_wall_now().ms - (cli->n_arguments - 1 - i);
	}
	return im->documents ? 0 : cw_cli_fail(CW_EXIT_NO, "out of memory");
}

static int find_feed(struct import *im)
{
	const struct cw_config *config = im->cli->config;
	const char *name = cw_cli_option(im->cli, "feed"), *near;
	const char **names;

	if (!name)
		return cw_cli_fail(CW_EXIT_USAGE, "--feed FEED is needed: it says how the documents are read");
	im->feed = cw_config_feed(config, cw_str(name));
	if (im->feed)
		return 0;

	names = calloc(config->n_feeds + 1, sizeof(*names));
	for (size_t i = 0; names && i < config->n_feeds; i++)
		names[i] = config->feeds[i].name;
	near = names ? cw_nearest(name, names) : NULL;
	cw_cli_fail(0, "no feed is called '%s'%s%s%s", name,
	            near ? "; did you mean '" : "; 'councilwatch status' lists them", near ? near : "",
	            near ? "'?" : "");
	free(names);
	return CW_EXIT_USAGE;
}

static int read_arguments(struct import *im)
{
	const char *manifest = cw_cli_option(im->cli, "manifest"), *at = cw_cli_option(im->cli, "fetched-at");
	struct cw_wall fetched_at = cw_wall_none();
	int r;

	r = find_feed(im);
	if (r)
		return r;
	if (at && cw_wall_parse(at, strlen(at), &fetched_at, NULL) < 0)
		return cw_cli_fail(
		    CW_EXIT_USAGE,
		    "--fetched-at takes a date or time like 2024-01-31 or 2024-01-31T09:11:54Z, not '%s'", at);
	if (manifest && (at || im->cli->n_arguments))
		return cw_cli_fail(CW_EXIT_USAGE, "--manifest names files and times: no %s beside it",
		                   at ? "--fetched-at" : "other files");
	if (!manifest && !im->cli->n_arguments)
		return cw_cli_fail(CW_EXIT_USAGE, "something is missing: councilwatch import --feed FEED FILE ...");

	im->chunk = malloc(CW_CHUNK_MAX);
	if (!im->chunk)
		return cw_cli_fail(CW_EXIT_NO, "out of memory");
	r = manifest ? take_manifest(im, manifest) : take_files(im, fetched_at);
	for (size_t i = 0; i < im->n && !r; i++) {
		r = prepare(im, &im->documents[i]);
		if (!r && im->documents[i].fetched_at.ms > cw_wall_now().ms + DAY_MS)
			r = cw_cli_fail(CW_EXIT_USAGE, "'%s' cannot have been captured in the future",
			                im->documents[i].path);
	}
	return r;
}

static void close_all(struct import *im)
{
	leave_current(im);
	cw_timer_free(im->tick);
	cw_control_free(im->control);
	cw_loop_free(im->loop);
	cw_bus_free(im->bus);
	cw_sha256_free(im->hash);
	free(im->chunk);
	for (size_t i = 0; i < im->n; i++) {
		struct document *document = &im->documents[i];

		if (document->spool >= 0)
			close(document->spool);
		json_decref(document->result);
		free(document->path);
		free(document->name);
		free(document->error);
	}
	free(im->documents);
}

int cw_cmd_import(struct cw_cli *cli)
{
	struct import im = { .cli = cli, .fd = -1, .progress = isatty(STDERR_FILENO) == 1 };
	struct cw_error err = { 0 };
	int status;

	status = read_arguments(&im);
	if (!status && connect_daemon(&im, &err) < 0) {
		cw_cli_fail_error(0, &err, "councilwatchd is needed and does not answer");
		status = cw_cli_fail(CW_EXIT_NO, "%s", how_to_start);
	} else if (!status) {
		(void)run(&im);
		status = print_answer(&im);
	}
	close_all(&im);
	return status;
}
