/*
 * fetch.c: the only file that includes curl.h.
 *
 * The multi_socket interface tells us which descriptors to watch, but it may do so late (after it has closed one) or
 * never. Three precautions: sockets are opened and closed through our own functions, so that a watch is gone before its
 * descriptor is; watches are found by descriptor, never through a pointer that libcurl keeps; and after each event we ask
 * libcurl whether it still knows the descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <curl/curl.h>

#include "fetch.h"
#include "schedule.h"

#define HEADERS_MAX (128u * 1024u)     /* bytes of response headers over one hop */
#define IGNORED_BODY_MAX (64u * 1024u) /* of an error page: read it, so that the connection can be used again */
#define VALIDATOR_MAX 512u
#define CREDENTIAL_MAX 4096u
/* libcurl reads a file in one go; in slices the loop gets its turn in between. */
#define FILE_SLICE (4 * 1024 * 1024)

struct sock {
	struct cw_fetcher *fetcher;
	curl_socket_t fd;
	struct cw_watch *watch;
};

struct cw_fetcher {
	struct cw_loop *loop;
	struct cw_timer *timer;       /* libcurl's */
	struct cw_timer *ended_timer; /* for fetches that ended before they began */
	CURLM *multi;
	struct sock **socks; /* by descriptor */
	size_t n_socks;
	struct cw_fetch *first; /* every fetch */
};

struct cw_fetch {
	struct cw_fetcher *fetcher;
	struct cw_fetch *next, **link;
	struct cw_fetch_ops ops;
	void *arg;
	CURL *easy;
	struct curl_slist *headers;
	/* what was asked */
	char *url, *home, *current_url, *user_agent, *etag, *last_modified, *credential;
	struct cw_strings extra_headers, allowed_hosts;
	uint64_t max_size;
	int64_t connect_timeout_ms;
	unsigned max_redirects;
	struct cw_mono deadline;
	/* what came */
	uint64_t received;    /* bytes handed over */
	uint64_t slice_start; /* of a file: received when this slice began */
	uint64_t ignored;
	size_t header_bytes;
	char *got_etag, *got_last_modified, *got_retry_after;
	unsigned redirects;
	bool in_multi;
	bool taking; /* the status said that the body is the document */
	bool ended;  /* result is set; done() is still to be called */
	bool is_file;
	struct stat file;
	int data_error; /* of ops.data */
	struct cw_error data_err;
	bool headers_too_large;
	bool public_only; /* this hop is to another host than the feed's own */
	bool address_refused;
	struct cw_fetch_result result;
	char curl_error[CURL_ERROR_SIZE];
};

static const char *const names[] = {
	[CW_FETCH_OK] = "ok",
	[CW_FETCH_NOT_MODIFIED] = "not_modified",
	[CW_FETCH_HTTP] = "http",
	[CW_FETCH_TIMEOUT] = "timeout",
	[CW_FETCH_TOO_LARGE] = "too_large",
	[CW_FETCH_REFUSED] = "refused",
	[CW_FETCH_DNS] = "dns",
	[CW_FETCH_TLS] = "tls",
	[CW_FETCH_ADDRESS_REFUSED] = "address_refused",
	[CW_FETCH_REDIRECT_REFUSED] = "redirect_refused",
	[CW_FETCH_TOO_MANY_REDIRECTS] = "too_many_redirects",
	[CW_FETCH_TRUNCATED] = "truncated",
	[CW_FETCH_RESET] = "reset",
	[CW_FETCH_BAD_RESPONSE] = "bad_response",
	[CW_FETCH_BAD_ENCODING] = "bad_encoding",
	[CW_FETCH_UNREADABLE] = "unreadable",
	[CW_FETCH_NO_CREDENTIAL] = "no_credential",
	[CW_FETCH_STORAGE] = "storage",
	[CW_FETCH_INTERNAL] = "internal",
};

/* Sockets and timers */

static void check_done(struct cw_fetcher *fetcher);

static void sock_drop(struct cw_fetcher *fetcher, curl_socket_t fd)
{
	struct sock *sock;

	if (fd < 0 || (size_t)fd >= fetcher->n_socks)
		return;
	sock = fetcher->socks[fd];
	if (!sock)
		return;
	fetcher->socks[fd] = NULL;
	cw_watch_free(sock->watch);
	free(sock);
}

static void sock_event(void *arg, unsigned events)
{
	struct sock *sock = arg;
	struct cw_fetcher *fetcher = sock->fetcher;
	curl_socket_t fd = sock->fd;
	int mask = 0, running;

	if (events & CW_LOOP_READ)
		mask |= CURL_CSELECT_IN;
	if (events & CW_LOOP_WRITE)
		mask |= CURL_CSELECT_OUT;
	if (events & CW_LOOP_ERROR)
		mask |= CURL_CSELECT_ERR;
	curl_multi_socket_action(fetcher->multi, fd, mask, &running);
	/* The watch may be another's by now, or libcurl may have forgotten it without telling. */
	if ((size_t)fd < fetcher->n_socks && fetcher->socks[fd] == sock &&
	    curl_multi_assign(fetcher->multi, fd, NULL) == CURLM_BAD_SOCKET)
		sock_drop(fetcher, fd);
	check_done(fetcher);
}

static int socks_grow(struct cw_fetcher *fetcher, curl_socket_t fd)
{
	size_t n = fetcher->n_socks ? fetcher->n_socks : 64;
	struct sock **grown;

	while (n <= (size_t)fd)
		n *= 2;
	if (n == fetcher->n_socks)
		return 0;
	grown = reallocarray(fetcher->socks, n, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	memset(grown + fetcher->n_socks, 0, (n - fetcher->n_socks) * sizeof(*grown));
	fetcher->socks = grown;
	fetcher->n_socks = n;
	return 0;
}

static int sock_watch(struct cw_fetcher *fetcher, curl_socket_t fd, unsigned events)
{
	struct sock *sock;

	if (fd < 0 || socks_grow(fetcher, fd) < 0)
		return -ENOMEM;
	sock = fetcher->socks[fd];
	if (sock && cw_watch_set(sock->watch, events) == 0)
		return 0;
	/* New, or a watch that outlived an earlier descriptor of the same number. */
	sock_drop(fetcher, fd);
	sock = calloc(1, sizeof(*sock));
	if (!sock)
		return -ENOMEM;
	sock->fetcher = fetcher;
	sock->fd = fd;
	if (cw_loop_add_fd(fetcher->loop, fd, events, sock_event, sock, &sock->watch, NULL) < 0) {
		free(sock);
		return -EIO;
	}
	fetcher->socks[fd] = sock;
	return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct cw_fetcher *fetcher = arg;
	unsigned events = 0;

	(void)easy;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		sock_drop(fetcher, fd);
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= CW_LOOP_READ;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= CW_LOOP_WRITE;
	/* A transfer that is not watched ends by its time limit. */
	(void)sock_watch(fetcher, fd, events);
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct cw_fetcher *fetcher = arg;

	(void)multi;
	if (timeout_ms < 0)
		cw_timer_disarm(fetcher->timer);
	else
		cw_timer_arm(fetcher->timer, timeout_ms); /* not from here, even for 0: this is a callback of libcurl */
	return 0;
}

static void timer_fired(void *arg)
{
	struct cw_fetcher *fetcher = arg;
	int running;

	curl_multi_socket_action(fetcher->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	check_done(fetcher);
}

/* Not of this machine, its networks or groups of machines: RFC 6890 and its updates. */
static bool is_public_v4(uint32_t address)
{
	static const struct {
		uint32_t net;
		unsigned bits;
	} special[] = { { 0x00000000, 8 },  { 0x0a000000, 8 },  { 0x64400000, 10 }, { 0x7f000000, 8 },  { 0xa9fe0000, 16 },
		        { 0xac100000, 12 }, { 0xc0000000, 24 }, { 0xc0000200, 24 }, { 0xc0586300, 24 }, { 0xc0a80000, 16 },
		        { 0xc6120000, 15 }, { 0xc6336400, 24 }, { 0xcb007100, 24 }, { 0xe0000000, 3 } };

	for (size_t i = 0; i < CW_ARRAY_LEN(special); i++)
		if ((address ^ special[i].net) >> (32 - special[i].bits) == 0)
			return false;
	return true;
}

static uint32_t be32(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_public_v6(const unsigned char at[16])
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const unsigned char translated[12] = { 0x00, 0x64, 0xff, 0x9b };

	if (memcmp(at, mapped, 12) == 0 || memcmp(at, translated, 12) == 0)
		return is_public_v4(be32(at + 12));
	if (at[0] == 0x20 && at[1] == 0x02) /* 6to4 */
		return is_public_v4(be32(at + 2));
	if (at[0] == 0x20 && at[1] == 0x01 && (at[2] < 2 || (at[2] == 0x0d && at[3] == 0xb8))) /* Teredo …, examples */
		return false;
	return (at[0] & 0xe0) == 0x20; /* 2000::/3 is all there is */
}

static bool is_public(const struct sockaddr *address)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	switch (address->sa_family) {
	case AF_INET:
		memcpy(&v4, address, sizeof(v4));
		return is_public_v4(ntohl(v4.sin_addr.s_addr));
	case AF_INET6:
		memcpy(&v6, address, sizeof(v6));
		return is_public_v6(v6.sin6_addr.s6_addr);
	}
	return false;
}

/* Refused before a byte goes out: opening a connection is a message too. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct cw_fetch *fetch = arg;

	(void)purpose;
	if (fetch->public_only && !is_public(&address->addr)) {
		fetch->address_refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* A connection that an earlier fetch opened is used again without on_open(). */
static int on_request(void *arg, char *remote, char *local, int remote_port, int local_port)
{
	struct cw_fetch *fetch = arg;
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	(void)local;
	(void)remote_port;
	(void)local_port;
	if (!fetch->public_only)
		return CURL_PREREQFUNC_OK;
	if ((inet_pton(AF_INET, remote, &v4.sin_addr) == 1 && is_public((struct sockaddr *)&v4)) ||
	    (inet_pton(AF_INET6, remote, &v6.sin6_addr) == 1 && is_public((struct sockaddr *)&v6)))
		return CURL_PREREQFUNC_OK;
	fetch->address_refused = true;
	return CURL_PREREQFUNC_ABORT;
}

static int on_close(void *arg, curl_socket_t fd)
{
	sock_drop(arg, fd);
	return close(fd);
}

/* URLs */

static int url_part(CURLU *url, CURLUPart part, unsigned flags, char **ret)
{
	CURLUcode code = curl_url_get(url, part, ret, flags);

	if (code == CURLUE_OUT_OF_MEMORY)
		return -ENOMEM;
	if (code != CURLUE_OK)
		*ret = NULL;
	return 0;
}

struct address {
	char *scheme, *host, *port; /* curl_free */
};

static void address_clear(struct address *address)
{
	curl_free(address->scheme);
	curl_free(address->host);
	curl_free(address->port);
	memset(address, 0, sizeof(*address));
}

static int address_parse(const char *text, struct address *ret, struct cw_error *err)
{
	CURLU *url = curl_url();
	struct address address = { 0 };
	CURLUcode code;
	char *at;
	int r;

	if (!url)
		return cw_error_nomem(err);
	code = curl_url_set(url, CURLUPART_URL, text, 0);
	if (code != CURLUE_OK) {
		curl_url_cleanup(url);
		return cw_error_set(err, -EINVAL, "'%.200s' is not a URL: %s", text, curl_url_strerror(code));
	}
	r = url_part(url, CURLUPART_SCHEME, 0, &address.scheme);
	if (r == 0)
		r = url_part(url, CURLUPART_HOST, 0, &address.host);
	if (r == 0)
		r = url_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, &address.port);
	curl_url_cleanup(url);
	if (r < 0 || !address.scheme) {
		address_clear(&address);
		return cw_error_nomem(err);
	}
	for (at = address.host; at && *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at += 'a' - 'A';
	*ret = address;
	return 0;
}

static bool is_http(const struct address *address)
{
	return address->host && *address->host &&
	       (strcmp(address->scheme, "http") == 0 || strcmp(address->scheme, "https") == 0);
}

static bool same_origin(const struct address *a, const struct address *b)
{
	return a->host && b->host && a->port && b->port && strcmp(a->scheme, b->scheme) == 0 &&
	       strcmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}

int cw_fetch_host(const char *url, char ret[CW_HOST_MAX], struct cw_error *err)
{
	struct address address;
	int r;

	r = address_parse(url, &address, err);
	if (r < 0)
		return r;
	if (strcmp(address.scheme, "file") == 0)
		ret[0] = '\0';
	else if (!is_http(&address) || strlen(address.host) >= CW_HOST_MAX)
		r = cw_error_set(err, -EINVAL, "'%.200s' cannot be fetched: only http, https and file can", url);
	else
		memcpy(ret, address.host, strlen(address.host) + 1);
	address_clear(&address);
	return r;
}

void cw_fetch_text_mend(char *text)
{
	bool valid = cw_utf8_valid(text, strlen(text));

	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f || (!valid && (unsigned char)*text >= 0x80))
			*text = '?';
}

/* One fetch */

static void strings_clear(struct cw_strings *strings)
{
	size_t i;

	for (i = 0; i < strings->n; i++)
		free(strings->at[i]);
	free(strings->at);
	memset(strings, 0, sizeof(*strings));
}

static int strings_copy(const struct cw_strings *from, struct cw_strings *ret)
{
	size_t i;

	if (!from || !from->n)
		return 0;
	ret->at = calloc(from->n, sizeof(*ret->at));
	if (!ret->at)
		return -ENOMEM;
	for (i = 0; i < from->n; i++) {
		ret->at[i] = strdup(from->at[i]);
		if (!ret->at[i])
			return -ENOMEM;
		ret->n++;
	}
	return 0;
}

static void fetch_free(struct cw_fetch *fetch)
{
	if (!fetch)
		return;
	if (fetch->link) {
		*fetch->link = fetch->next;
		if (fetch->next)
			fetch->next->link = fetch->link;
	}
	if (fetch->easy) {
		if (fetch->in_multi)
			curl_multi_remove_handle(fetch->fetcher->multi, fetch->easy);
		curl_easy_cleanup(fetch->easy);
	}
	curl_slist_free_all(fetch->headers);
	if (fetch->credential)
		explicit_bzero(fetch->credential, strlen(fetch->credential));
	free(fetch->credential);
	free(fetch->url);
	free(fetch->home);
	free(fetch->current_url);
	free(fetch->user_agent);
	free(fetch->etag);
	free(fetch->last_modified);
	free(fetch->got_etag);
	free(fetch->got_last_modified);
	free(fetch->got_retry_after);
	strings_clear(&fetch->extra_headers);
	strings_clear(&fetch->allowed_hosts);
	free(fetch);
}

static void result_set(struct cw_fetch *fetch, enum cw_fetch_outcome outcome, const char *fmt, ...) CW_PRINTF(3, 4);
static void result_set(struct cw_fetch *fetch, enum cw_fetch_outcome outcome, const char *fmt, ...)
{
	struct cw_fetch_result *result = &fetch->result;
	va_list args;

	result->outcome = outcome;
	if (outcome == CW_FETCH_HTTP)
		snprintf(result->name, sizeof(result->name), "http_%u", result->status);
	else
		snprintf(result->name, sizeof(result->name), "%s", names[outcome]);
	va_start(args, fmt);
	vsnprintf(result->detail, sizeof(result->detail), fmt, args);
	va_end(args);
	fetch->ended = true;
}

/* Calls done() and frees. */
static void deliver(struct cw_fetch *fetch)
{
	struct cw_fetch_result *result = &fetch->result;
	char *content_type = NULL;

	if (fetch->in_multi) {
		curl_multi_remove_handle(fetch->fetcher->multi, fetch->easy);
		fetch->in_multi = false;
	}
	if (fetch->easy)
		curl_easy_getinfo(fetch->easy, CURLINFO_CONTENT_TYPE, &content_type);
	result->content_type = content_type && strlen(content_type) <= 256 ? content_type : "";
	result->final_url = fetch->current_url;
	result->etag = fetch->got_etag;
	result->last_modified = fetch->got_last_modified;
	result->size = fetch->received;
	result->redirects = fetch->redirects;
	fetch->ops.done(fetch->arg, result);
	fetch_free(fetch);
}

static void ended_fired(void *arg)
{
	struct cw_fetcher *fetcher = arg;
	struct cw_fetch *fetch;

	/* done() may start others, which changes the list. */
	do {
		for (fetch = fetcher->first; fetch && !(fetch->ended && !fetch->in_multi); fetch = fetch->next)
			;
		if (fetch)
			deliver(fetch);
	} while (fetch);
}

static bool header_is(const char *line, size_t len, const char *name, struct cw_str *value)
{
	size_t n = strlen(name);

	if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
		return false;
	*value = cw_str_trim((struct cw_str){ line + n + 1, len - n - 1 });
	return true;
}

/* Keeps a header's value if it is one that can be sent back. */
static void keep(char **slot, struct cw_str value)
{
	size_t i;

	free(*slot);
	*slot = NULL;
	if (!value.len || value.len > VALIDATOR_MAX)
		return;
	for (i = 0; i < value.len; i++)
		if ((unsigned char)value.at[i] < 0x20 || value.at[i] == 0x7f)
			return;
	*slot = strndup(value.at, value.len);
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct cw_fetch *fetch = arg;
	struct cw_str value;

	size *= n;
	fetch->header_bytes += size;
	if (fetch->header_bytes > HEADERS_MAX) {
		fetch->headers_too_large = true;
		return 0;
	}
	if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		/* A new answer (after "100 Continue"): what the one before said is void. */
		keep(&fetch->got_etag, cw_str(""));
		keep(&fetch->got_last_modified, cw_str(""));
		keep(&fetch->got_retry_after, cw_str(""));
	} else if (header_is(line, size, "ETag", &value)) {
		keep(&fetch->got_etag, value);
	} else if (header_is(line, size, "Last-Modified", &value)) {
		keep(&fetch->got_last_modified, value);
	} else if (header_is(line, size, "Retry-After", &value)) {
		keep(&fetch->got_retry_after, value);
	}
	return size;
}

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
	struct cw_fetch *fetch = arg;
	long status = 0;
	int r;

	size *= n;
	if (!fetch->taking) {
		curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
		if (!fetch->is_file && status != 200 && status != 203) {
			fetch->ignored += size;
			return fetch->ignored > IGNORED_BODY_MAX ? 0 : size;
		}
		fetch->taking = true;
	}
	/* After decompression, so that a small answer cannot become a large document. */
	if (size > fetch->max_size - fetch->received) {
		fetch->data_error = cw_error_set(&fetch->data_err, -EMSGSIZE, "larger than the limit of %llu bytes",
		                                 (unsigned long long)fetch->max_size);
		return 0;
	}
	r = fetch->ops.data(fetch->arg, data, size, &fetch->data_err);
	if (r < 0) {
		fetch->data_error = r;
		return 0;
	}
	fetch->received += size;
	return size;
}

/* name NULL: value is the whole line. */
static int header_add(struct cw_fetch *fetch, const char *name, const char *value)
{
	struct curl_slist *grown;
	char *line;

	if (asprintf(&line, "%s%s%s", name ? name : "", name ? ": " : "", value) < 0)
		return -ENOMEM;
	grown = curl_slist_append(fetch->headers, line);
	free(line);
	if (!grown)
		return -ENOMEM;
	fetch->headers = grown;
	return 0;
}

/* The headers of the hop to current_url. */
static int headers_make(struct cw_fetch *fetch, bool own)
{
	size_t i;

	curl_slist_free_all(fetch->headers);
	fetch->headers = NULL;
	for (i = 0; own && i < fetch->extra_headers.n; i++)
		if (header_add(fetch, NULL, fetch->extra_headers.at[i]) < 0)
			return -ENOMEM;
	/* The validators are those of the document at the end of the chain, so every hop may see them. */
	if (fetch->etag && header_add(fetch, "If-None-Match", fetch->etag) < 0)
		return -ENOMEM;
	if (fetch->last_modified && header_add(fetch, "If-Modified-Since", fetch->last_modified) < 0)
		return -ENOMEM;
	return 0;
}

static bool host_is_loopback(const char *host)
{
	return host && (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 || strncmp(host, "127.", 4) == 0);
}

static CURLcode auth_set(struct cw_fetch *fetch, bool own)
{
	CURL *easy = fetch->easy;
	CURLcode code;

	if (!fetch->credential || !own) {
		curl_easy_setopt(easy, CURLOPT_USERPWD, NULL);
		curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, NULL);
		return curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	}
	if (strchr(fetch->credential, ':')) {
		code = curl_easy_setopt(easy, CURLOPT_USERPWD, fetch->credential);
		return code ? code : curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	}
	code = curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, fetch->credential);
	return code ? code : curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
}

/* Options that are the same for every hop. */
static CURLcode easy_set_up(struct cw_fetch *fetch)
{
	CURL *easy = fetch->easy;
	CURLcode code = CURLE_OK;

#define SET(option, value)                                                                                             \
	do {                                                                                                           \
		if (!code)                                                                                             \
			code = curl_easy_setopt(easy, option, value);                                                  \
	} while (0)
	SET(CURLOPT_PRIVATE, fetch);
	SET(CURLOPT_ERRORBUFFER, fetch->curl_error);
	SET(CURLOPT_PROTOCOLS_STR, fetch->is_file ? "file" : "http,https");
	SET(CURLOPT_NOSIGNAL, 1L);
	/* Names are looked up in a thread. Giving up must not wait for it to come back: it cleans up after itself. */
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_USERAGENT, fetch->user_agent);
	SET(CURLOPT_ACCEPT_ENCODING, "");
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_LOW_SPEED_LIMIT, CW_FETCH_LOW_SPEED);
	SET(CURLOPT_LOW_SPEED_TIME, CW_FETCH_LOW_SPEED_SECONDS);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)fetch->connect_timeout_ms);
	SET(CURLOPT_WRITEFUNCTION, on_data);
	SET(CURLOPT_WRITEDATA, fetch);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, fetch);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(CURLOPT_OPENSOCKETDATA, fetch);
	SET(CURLOPT_PREREQFUNCTION, on_request);
	SET(CURLOPT_PREREQDATA, fetch);
	SET(CURLOPT_CLOSESOCKETFUNCTION, on_close);
	/* The connection may outlive this fetch, hence not the fetch itself. */
	SET(CURLOPT_CLOSESOCKETDATA, fetch->fetcher);
#undef SET
	return code;
}

/* What is left of the fetch's time, at least a millisecond: libcurl takes 0 for "for ever". */
static long time_left(const struct cw_fetch *fetch)
{
	int64_t left = (fetch->deadline.ns - cw_mono_now().ns) / 1000000;

	return (long)CW_MAX(left, 1);
}

/* The feed's own host is where a person said it is, on our own networks too; so is this machine, when the feed is on it. */
static bool own_network(const struct address *home, const struct address *to)
{
	if (!to->host)
		return true; /* a file */
	if (!home->host)
		return false;
	return strcmp(home->host, to->host) == 0 || (host_is_loopback(home->host) && host_is_loopback(to->host));
}

static const char *environment(const char *name, const char *other)
{
	const char *value = getenv(name);

	return value && *value ? value : other ? environment(other, NULL) : NULL;
}

/* Does curl ask a proxy of the environment for it? Then we see the proxy's address and not that of the host. When in doubt no:
 * then the address must be public. An exception for a part of a name is taken for one of every name that ends so. */
static bool through_proxy(const struct address *to)
{
	bool tls = strcmp(to->scheme, "https") == 0;
	const char *proxy = tls ? environment("https_proxy", "HTTPS_PROXY") : environment("http_proxy", NULL);
	const char *at = environment("no_proxy", "NO_PROXY");
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	char text[INET6_ADDRSTRLEN];
	size_t len = strlen(to->host), n;

	if (!proxy && !environment("all_proxy", "ALL_PROXY"))
		return false;
	/* Exceptions may name addresses by network: a host that is an address is looked at itself. */
	if (host_is_loopback(to->host))
		return false;
	if (inet_aton(to->host, &v4.sin_addr))
		return is_public((struct sockaddr *)&v4);
	if (sscanf(to->host, "[%45[0-9A-Fa-f:.]]", text) == 1)
		return inet_pton(AF_INET6, text, &v6.sin6_addr) == 1 && is_public((struct sockaddr *)&v6);
	for (; at && *at; at += n) {
		at += strspn(at, ", \t.");
		n = strcspn(at, ", \t");
		if (n && ((n == 1 && *at == '*') || (n <= len && strncasecmp(at, to->host + len - n, n) == 0)))
			return false;
	}
	return true;
}

/* Starts the transfer from current_url. Negative: result is set. */
static int hop(struct cw_fetch *fetch)
{
	struct address origin = { 0 }, address = { 0 };
	char range[48];
	CURLcode code;
	bool own;
	int r;

	r = address_parse(fetch->home, &origin, &fetch->data_err);
	if (r == 0)
		r = address_parse(fetch->current_url, &address, &fetch->data_err);
	if (r < 0) {
		result_set(fetch, CW_FETCH_INTERNAL, "%s", fetch->data_err.text);
		goto out;
	}
	own = same_origin(&origin, &address);
	fetch->public_only = !own_network(&origin, &address) && !through_proxy(&address);
	if (headers_make(fetch, own) < 0) {
		r = -ENOMEM;
		result_set(fetch, CW_FETCH_INTERNAL, "out of memory");
		goto out;
	}
	fetch->header_bytes = 0;
	fetch->ignored = 0;
	fetch->taking = false;
	fetch->slice_start = fetch->received;
	fetch->curl_error[0] = '\0';
	code = curl_easy_setopt(fetch->easy, CURLOPT_URL, fetch->current_url);
	if (!code)
		code = curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER, fetch->headers);
	if (!code)
		code = auth_set(fetch, own);
	if (!code)
		code = curl_easy_setopt(fetch->easy, CURLOPT_TIMEOUT_MS, time_left(fetch));
	/* A proxy of the environment has no business between us and this machine. */
	if (!code)
		code = curl_easy_setopt(fetch->easy, CURLOPT_PROXY, host_is_loopback(address.host) ? "" : NULL);
	if (!code && fetch->is_file && fetch->file.st_size > 0) {
		snprintf(range, sizeof(range), "%llu-%llu", (unsigned long long)fetch->received,
		         (unsigned long long)CW_MIN(fetch->received + FILE_SLICE, (uint64_t)fetch->file.st_size) - 1);
		code = curl_easy_setopt(fetch->easy, CURLOPT_RANGE, range);
	}
	if (!code && curl_multi_add_handle(fetch->fetcher->multi, fetch->easy) != CURLM_OK)
		code = CURLE_OUT_OF_MEMORY;
	if (code) {
		r = -EIO;
		result_set(fetch, CW_FETCH_INTERNAL, "cannot begin: %s", curl_easy_strerror(code));
	} else {
		fetch->in_multi = true;
	}
out:
	address_clear(&origin);
	address_clear(&address);
	return r;
}

static bool host_allowed(const struct address *home, const struct address *to, const struct cw_strings *allowed)
{
	if (home->host && strcmp(home->host, to->host) == 0)
		return true;
	for (size_t i = 0; i < allowed->n; i++)
		if (strcasecmp(allowed->at[i], to->host) == 0)
			return true;
	return false;
}

bool cw_fetch_may_follow(const char *url, const char *home, const struct cw_strings *allowed_hosts)
{
	struct address to = { 0 }, origin = { 0 };
	bool may = address_parse(url, &to, NULL) == 0 && is_http(&to) && address_parse(home, &origin, NULL) == 0 &&
	           host_allowed(&origin, &to, allowed_hosts);

	address_clear(&to);
	address_clear(&origin);
	return may;
}

/* Where a redirect leads, if the feed may go there. Negative: result is set. */
static int redirect_check(struct cw_fetch *fetch, const char *location)
{
	struct address from = { 0 }, to = { 0 }, origin = { 0 };
	int r = -EACCES;

	if (strlen(location) > CW_URL_MAX) {
		result_set(fetch, CW_FETCH_REDIRECT_REFUSED, "redirected to an address of more than %u bytes",
		           CW_URL_MAX);
		return r;
	}
	if (address_parse(location, &to, NULL) < 0 || !is_http(&to)) {
		result_set(fetch, CW_FETCH_REDIRECT_REFUSED, "redirected to '%.200s': only http and https are followed",
		           location);
		address_clear(&to);
		return r;
	}
	if (address_parse(fetch->current_url, &from, NULL) < 0 || address_parse(fetch->home, &origin, NULL) < 0) {
		result_set(fetch, CW_FETCH_INTERNAL, "out of memory");
		goto out;
	}
	if (strcmp(from.scheme, "https") == 0 && strcmp(to.scheme, "https") != 0) {
		result_set(fetch, CW_FETCH_REDIRECT_REFUSED, "redirected from https to '%.200s': never to plain http",
		           location);
		goto out;
	}
	if (!host_allowed(&origin, &to, &fetch->allowed_hosts)) {
		result_set(
		    fetch, CW_FETCH_REDIRECT_REFUSED,
		    "redirected to host '%.200s': add it to allowed_hosts of the feed if it belongs to the publisher",
		    to.host);
		goto out;
	}
	r = 0;
out:
	address_clear(&from);
	address_clear(&to);
	address_clear(&origin);
	return r;
}

static void redirect(struct cw_fetch *fetch)
{
	char *location = NULL, *copy;

	curl_easy_getinfo(fetch->easy, CURLINFO_REDIRECT_URL, &location);
	if (!location) {
		result_set(fetch, CW_FETCH_HTTP, "the server answered %u without saying where to",
		           fetch->result.status);
		return;
	}
	if (fetch->redirects >= fetch->max_redirects) {
		result_set(fetch, CW_FETCH_TOO_MANY_REDIRECTS, "redirected more than %u times", fetch->max_redirects);
		return;
	}
	if (redirect_check(fetch, location) < 0)
		return;
	copy = strdup(location);
	if (!copy) {
		result_set(fetch, CW_FETCH_INTERNAL, "out of memory");
		return;
	}
	free(fetch->current_url);
	fetch->current_url = copy;
	fetch->redirects++;
	(void)hop(fetch);
}

/* What a person can mend, of what a server says to a request that it refuses. */
static const char *status_meaning(unsigned status)
{
	switch (status) {
	case 400:
	case 422:
		return ": it says that a parameter of the address is wrong: mend url";
	case 401:
	case 407:
		return ": it wants to know who asks: mend credential";
	case 403:
		return ": it refuses us: are credential, user_agent and its terms of use right?";
	case 404:
		return ": there is nothing at that address: mend url";
	case 405:
	case 406:
		return ": it does not answer such requests at that address: mend url or headers";
	case 410:
		return ": what was there is gone for good: mend url, or switch the feed off";
	case 414:
		return ": it says that the address is too long: mend url";
	case 429:
		return ": we ask too often: lengthen interval or host_delay";
	case 451:
		return ": it may not give that out, for legal reasons";
	default:
		return status >= 500 ? ": it is in trouble; it is asked again later" : "";
	}
}

/* What an HTTP status means. */
static void status_end(struct cw_fetch *fetch)
{
	unsigned status = fetch->result.status;

	switch (status) {
	case 200:
	case 203:
		result_set(fetch, CW_FETCH_OK, "%s", "");
		return;
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		redirect(fetch);
		return;
	case 304:
		if (fetch->etag || fetch->last_modified)
			result_set(fetch, CW_FETCH_NOT_MODIFIED, "%s", "");
		else
			result_set(fetch, CW_FETCH_HTTP, "the server answered 304 to an unconditional request");
		return;
	case 429:
	case 503:
		if (fetch->got_retry_after &&
		    cw_retry_after_parse(cw_str(fetch->got_retry_after), cw_wall_now(), &fetch->result.retry_after) < 0)
			fetch->result.retry_after = cw_wall_none();
		break;
	}
	result_set(fetch, CW_FETCH_HTTP, "the server answered %u%s", status, status_meaning(status));
}

static enum cw_fetch_outcome outcome_of(const struct cw_fetch *fetch, CURLcode code)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return CW_FETCH_TIMEOUT;
	case CURLE_COULDNT_CONNECT:
		return CW_FETCH_REFUSED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return CW_FETCH_DNS;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_CLIENTCERT:
	case CURLE_USE_SSL_FAILED:
	case CURLE_SSL_ENGINE_INITFAILED:
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_SSL_ENGINE_SETFAILED:
		return CW_FETCH_TLS;
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return CW_FETCH_TRUNCATED;
	case CURLE_GOT_NOTHING:
		return CW_FETCH_RESET;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		return fetch->header_bytes ? CW_FETCH_TRUNCATED : CW_FETCH_RESET;
	case CURLE_BAD_CONTENT_ENCODING:
		return CW_FETCH_BAD_ENCODING;
	case CURLE_FILE_COULDNT_READ_FILE:
	case CURLE_READ_ERROR:
		return CW_FETCH_UNREADABLE;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL: /* an answer without a status line ("HTTP/0.9") ends so too */
		return CW_FETCH_BAD_RESPONSE;
	default:
		return CW_FETCH_INTERNAL;
	}
}

/* The file must be the same from the first slice to the last. */
static bool file_changed(const struct cw_fetch *fetch, const char *path)
{
	struct stat now;

	return stat(path, &now) < 0 || now.st_ino != fetch->file.st_ino || now.st_dev != fetch->file.st_dev ||
	       now.st_size != fetch->file.st_size || now.st_mtim.tv_sec != fetch->file.st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != fetch->file.st_mtim.tv_nsec;
}

/* The path of a file:// URL, curl_free. */
static char *file_path(const char *url)
{
	CURLU *parsed = curl_url();
	char *path = NULL;

	if (parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK)
		(void)url_part(parsed, CURLUPART_PATH, CURLU_URLDECODE, &path);
	curl_url_cleanup(parsed);
	return path;
}

static void file_slice_end(struct cw_fetch *fetch)
{
	char *path = file_path(fetch->url);
	bool changed = !path || file_changed(fetch, path);

	curl_free(path);
	/* A slice that gives nothing would be asked for again for ever. */
	if (changed || fetch->received == fetch->slice_start)
		result_set(fetch, CW_FETCH_TRUNCATED, "the file changed while it was read");
	else if (fetch->received < (uint64_t)fetch->file.st_size)
		(void)hop(fetch);
	else
		result_set(fetch, CW_FETCH_OK, "%s", "");
}

/* A transfer ended: either the fetch did, or it goes on with the next hop. */
static void transfer_end(struct cw_fetch *fetch, CURLcode code)
{
	long status = 0;

	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	fetch->result.status = fetch->is_file ? 0 : (unsigned)status;
	curl_multi_remove_handle(fetch->fetcher->multi, fetch->easy);
	fetch->in_multi = false;
	if (fetch->data_error) {
		result_set(fetch, fetch->data_error == -EMSGSIZE ? CW_FETCH_TOO_LARGE : CW_FETCH_STORAGE, "%s",
		           fetch->data_err.text);
	} else if (fetch->address_refused && code) { /* else another address of the host was public */
		result_set(fetch, CW_FETCH_ADDRESS_REFUSED,
		           "the address of '%.200s' is not a public one: nothing there is asked on the word of a page",
		           fetch->current_url);
	} else if (fetch->headers_too_large) {
		result_set(fetch, CW_FETCH_TOO_LARGE, "more than %u bytes of headers", HEADERS_MAX);
	} else if (code && !(code == CURLE_WRITE_ERROR && fetch->ignored > IGNORED_BODY_MAX)) {
		result_set(fetch, outcome_of(fetch, code), "%s",
		           fetch->curl_error[0] ? fetch->curl_error : curl_easy_strerror(code));
	} else if (fetch->is_file) {
		file_slice_end(fetch);
	} else {
		status_end(fetch);
	}
}

static void check_done(struct cw_fetcher *fetcher)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(fetcher->multi, &left))) {
		struct cw_fetch *fetch = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
		if (!fetch)
			continue;
		transfer_end(fetch, code);
		if (fetch->ended)
			deliver(fetch);
	}
}

/* "user:password" or a token. Negative: result is set. */
static int credential_read(struct cw_fetch *fetch, const char *name)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	CW_CLEANUP(cw_freep) char *path = NULL;
	char text[CREDENTIAL_MAX + 1];
	struct stat info;
	ssize_t len = -1;
	int fd;

	if (name[0] == '/')
		path = strdup(name);
	else if (!directory || asprintf(&path, "%s/%s", directory, name) < 0)
		path = NULL;
	fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
	if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
		len = read(fd, text, sizeof(text));
	if (fd >= 0)
		close(fd);
	while (len > 0 && len <= (ssize_t)CREDENTIAL_MAX && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	if (len <= 0 || len > (ssize_t)CREDENTIAL_MAX || memchr(text, '\0', (size_t)len) ||
	    memchr(text, '\n', (size_t)len)) {
		result_set(fetch, CW_FETCH_NO_CREDENTIAL, "credential '%.200s' cannot be read%s", name,
		           name[0] != '/' && !directory ? ": CREDENTIALS_DIRECTORY is not set" : "");
		explicit_bzero(text, sizeof(text));
		return -ENOENT;
	}
	fetch->credential = strndup(text, (size_t)len);
	explicit_bzero(text, sizeof(text));
	if (!fetch->credential) {
		result_set(fetch, CW_FETCH_INTERNAL, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

/* Only plain files: a pipe or a device would hold the loop up. Negative: result is set. */
static int file_check(struct cw_fetch *fetch)
{
	char *path = file_path(fetch->url);
	int r = 0;

	if (!path || stat(path, &fetch->file) < 0) {
		r = -ENOENT;
		result_set(fetch, CW_FETCH_UNREADABLE, "cannot read the file: %s",
		           path ? strerror(errno) : "not a path");
	} else if (!S_ISREG(fetch->file.st_mode)) {
		r = -EINVAL;
		result_set(fetch, CW_FETCH_UNREADABLE, "not a plain file");
	} else if ((uint64_t)fetch->file.st_size > fetch->max_size) {
		r = -EMSGSIZE;
		result_set(fetch, CW_FETCH_TOO_LARGE, "larger than the limit of %llu bytes",
		           (unsigned long long)fetch->max_size);
	} else if (fetch->file.st_size == 0) {
		r = 1;
		result_set(fetch, CW_FETCH_OK, "%s", "");
	}
	curl_free(path);
	return r;
}

static int copy_text(const char *from, char **ret)
{
	if (!from)
		return 0;
	*ret = strdup(from);
	return *ret ? 0 : -ENOMEM;
}

static int copy_request(const struct cw_fetch_request *request, struct cw_fetch *fetch)
{
	fetch->max_size = request->max_size;
	fetch->connect_timeout_ms = request->connect_timeout_ms;
	fetch->max_redirects = request->max_redirects;
	fetch->deadline.ns = cw_mono_now().ns + request->timeout_ms * 1000000;
	if (copy_text(request->url, &fetch->url) < 0 ||
	    copy_text(request->home ? request->home : request->url, &fetch->home) < 0 || copy_text(request->url, &fetch->current_url) < 0 ||
	    copy_text(request->user_agent, &fetch->user_agent) < 0 || copy_text(request->etag, &fetch->etag) < 0 ||
	    copy_text(request->last_modified, &fetch->last_modified) < 0 ||
	    strings_copy(request->headers, &fetch->extra_headers) < 0 ||
	    strings_copy(request->allowed_hosts, &fetch->allowed_hosts) < 0)
		return -ENOMEM;
	return 0;
}

int cw_fetch_start(struct cw_fetcher *fetcher, const struct cw_fetch_request *request, const struct cw_fetch_ops *ops,
                   void *arg, struct cw_fetch **ret, struct cw_error *err)
{
	struct cw_fetch *fetch;
	char host[CW_HOST_MAX];
	int r;

	r = cw_fetch_host(request->url, host, err);
	if (r < 0)
		return r;
	fetch = calloc(1, sizeof(*fetch));
	if (!fetch)
		return cw_error_nomem(err);
	fetch->fetcher = fetcher;
	fetch->ops = *ops;
	fetch->arg = arg;
	fetch->is_file = !host[0];
	fetch->result.retry_after = cw_wall_none();
	fetch->easy = curl_easy_init();
	if (!fetch->easy || copy_request(request, fetch) < 0 || easy_set_up(fetch)) {
		fetch_free(fetch);
		return cw_error_nomem(err);
	}
	fetch->next = fetcher->first;
	fetch->link = &fetcher->first;
	if (fetch->next)
		fetch->next->link = &fetch->next;
	fetcher->first = fetch;

	r = request->credential ? credential_read(fetch, request->credential) : 0;
	if (r == 0 && fetch->is_file)
		r = file_check(fetch);
	if (r == 0)
		r = hop(fetch);
	if (fetch->ended)
		cw_timer_arm(fetcher->ended_timer, 0);
	*ret = fetch;
	return 0;
}

void cw_fetch_cancel(struct cw_fetch *fetch)
{
	fetch_free(fetch);
}

int cw_fetcher_new(struct cw_loop *loop, struct cw_fetcher **ret, struct cw_error *err)
{
	static bool initialised;
	struct cw_fetcher *fetcher;
	int r;

	if (!initialised && curl_global_init(CURL_GLOBAL_DEFAULT))
		return cw_error_set(err, -EIO, "libcurl cannot be initialised");
	initialised = true;
	fetcher = calloc(1, sizeof(*fetcher));
	if (!fetcher)
		return cw_error_nomem(err);
	fetcher->loop = loop;
	r = cw_timer_new(loop, timer_fired, fetcher, &fetcher->timer, err);
	if (r == 0)
		r = cw_timer_new(loop, ended_fired, fetcher, &fetcher->ended_timer, err);
	if (r == 0) {
		fetcher->multi = curl_multi_init();
		if (!fetcher->multi)
			r = cw_error_nomem(err);
	}
	if (r < 0) {
		cw_fetcher_free(fetcher);
		return r;
	}
	curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
	curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
	curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS, 32L);
	*ret = fetcher;
	return 0;
}

void cw_fetcher_free(struct cw_fetcher *fetcher)
{
	size_t i;

	if (!fetcher)
		return;
	while (fetcher->first)
		fetch_free(fetcher->first);
	/* Closes idle connections, through on_close. */
	if (fetcher->multi)
		curl_multi_cleanup(fetcher->multi);
	for (i = 0; i < fetcher->n_socks; i++)
		sock_drop(fetcher, (curl_socket_t)i);
	free(fetcher->socks);
	cw_timer_free(fetcher->timer);
	cw_timer_free(fetcher->ended_timer);
	free(fetcher);
}
