/*
 * fetch.h: source in, bytes out: libcurl on the event loop.
 *
 * http, https and file, nothing else. Redirects are followed here, not by libcurl, because each must be looked at: http or
 * https only, never from https to http, only to the feed's own host or to those it allows. Credentials and configured
 * headers go to the feed's own scheme, host and port only. Bytes are counted as they arrive, after decompression. Every
 * end has a name. Nothing is kept for a feed between two fetches but libcurl's own cache of idle connections.
 */
#ifndef CW_DAEMON_FETCH_H
#define CW_DAEMON_FETCH_H

#include <councilwatch/base.h>
#include <councilwatch/clock.h>
#include <councilwatch/config.h>
#include <councilwatch/error.h>
#include <councilwatch/loop.h>

#define CW_HOST_MAX 256u
/* A transfer slower than this for so long is given up (outcome timeout). */
#define CW_FETCH_LOW_SPEED 64L /* bytes per second */
#define CW_FETCH_LOW_SPEED_SECONDS 30L

enum cw_fetch_outcome {
	CW_FETCH_OK,
	CW_FETCH_NOT_MODIFIED,
	CW_FETCH_HTTP, /* the status says why: "http_404" */
	CW_FETCH_TIMEOUT,
	CW_FETCH_TOO_LARGE,
	CW_FETCH_REFUSED, /* nobody answers at that address */
	CW_FETCH_DNS,
	CW_FETCH_TLS,
	CW_FETCH_ADDRESS_REFUSED,  /* of another host than the feed's own, and not a public one */
	CW_FETCH_REDIRECT_REFUSED, /* to a scheme or host that the feed may not follow */
	CW_FETCH_TOO_MANY_REDIRECTS,
	CW_FETCH_TRUNCATED,    /* ended before its announced end */
	CW_FETCH_RESET,        /* ended before any answer */
	CW_FETCH_BAD_RESPONSE, /* not HTTP */
	CW_FETCH_BAD_ENCODING, /* cannot be decompressed */
	CW_FETCH_UNREADABLE,   /* a file:// that is not there, not a plain file or not ours to read */
	CW_FETCH_NO_CREDENTIAL,
	CW_FETCH_STORAGE, /* the receiver could not take the bytes */
	CW_FETCH_INTERNAL,
};

struct cw_fetch_result {
	enum cw_fetch_outcome outcome;
	char name[24];   /* of the outcome, as it is recorded: "ok", "http_503" */
	unsigned status; /* of the last answer; 0 = none */
	uint64_t size;   /* bytes handed over */
	unsigned redirects;
	const char *final_url;    /* all borrowed for the call of done() */
	const char *content_type; /* "" when not said */
	const char *etag;         /* NULL when not said */
	const char *last_modified;
	struct cw_wall retry_after;     /* NONE when not said */
	char detail[CW_ERROR_TEXT_MAX]; /* one sentence; "" when all is well */
};

/* Everything is copied. */
struct cw_fetch_request {
	const char *url;
	const char *home; /* the feed's own address; NULL: url is */
	const char *user_agent;
	const char *etag; /* NULL = unconditional */
	const char *last_modified;
	const struct cw_strings *headers;       /* may be NULL */
	const struct cw_strings *allowed_hosts; /* may be NULL */
	const char *credential;                 /* a name in $CREDENTIALS_DIRECTORY or an absolute path; NULL = none */
	uint64_t max_size;
	int64_t connect_timeout_ms;
	int64_t timeout_ms;
	unsigned max_redirects;
};

struct cw_fetch_ops {
	/* Bytes of the document, in order. Negative ends the fetch with outcome STORAGE (TOO_LARGE for -EMSGSIZE). Must not
	 * call into this module. */
	int (*data)(void *arg, const void *data, size_t len, struct cw_error *err);
	/* The end, once, never from within cw_fetch_start(). The fetch is gone after it. */
	void (*done)(void *arg, const struct cw_fetch_result *result);
};

struct cw_fetcher;
struct cw_fetch;

int cw_fetcher_new(struct cw_loop *loop, struct cw_fetcher **ret, struct cw_error *err);
/* Cancels what is under way; NULL is fine. */
void cw_fetcher_free(struct cw_fetcher *fetcher);
int cw_fetch_start(struct cw_fetcher *fetcher, const struct cw_fetch_request *request, const struct cw_fetch_ops *ops,
                   void *arg, struct cw_fetch **ret, struct cw_error *err);
/* done() is not called. Not from within data(). */
void cw_fetch_cancel(struct cw_fetch *fetch);

/* Text from outside goes into messages and the database: UTF-8 without control characters. */
void cw_fetch_text_mend(char *text);
/* May a link of a feed be followed there: http or https, its own host or one of those allowed? home: the feed's own. */
bool cw_fetch_may_follow(const char *url, const char *home, const struct cw_strings *allowed_hosts);
/* The host of a URL in lower case, "" for file://. -EINVAL when it is not a URL we can fetch. */
int cw_fetch_host(const char *url, char ret[CW_HOST_MAX], struct cw_error *err);

#endif
