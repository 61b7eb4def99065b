/* Every way a fetch can end, against a real web server on the loopback interface (tests/support/http_server.py). */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <councilwatch/buf.h>

#include "fetch.h"

static struct cw_loop *loop;
static struct cw_fetcher *fetcher;
static char base[64];
static pid_t server_pid;
static int server_stdin = -1;
static char directory[] = "/tmp/cw-fetch-XXXXXX";

/* The receiver of one fetch. */
struct got {
	struct cw_buf bytes;
	int refuse; /* what data() answers, when not 0 */
	bool done;
	struct cw_fetch_result result;
	char etag[64], final_url[512], content_type[128];
};

static int on_data(void *arg, const void *data, size_t len, struct cw_error *err)
{
	struct got *got = arg;

	if (got->refuse)
		return cw_error_set(err, got->refuse, "no room");
	return cw_buf_append(&got->bytes, data, len);
}

static void on_done(void *arg, const struct cw_fetch_result *result)
{
	struct got *got = arg;

	assert_false(got->done);
	got->done = true;
	got->result = *result;
	snprintf(got->etag, sizeof(got->etag), "%s", result->etag ? result->etag : "");
	snprintf(got->final_url, sizeof(got->final_url), "%s", result->final_url);
	snprintf(got->content_type, sizeof(got->content_type), "%s", result->content_type);
}

static const struct cw_fetch_ops ops = { .data = on_data, .done = on_done };

static struct cw_fetch_request request_for(const char *url)
{
	return (struct cw_fetch_request){
		.url = url,
		.user_agent = "councilwatch-test",
		.max_size = 1 << 20,
		.connect_timeout_ms = 2000,
		.timeout_ms = 5000,
		.max_redirects = 3,
	};
}

static void run(const struct cw_fetch_request *request, struct got *got)
{
	struct cw_error err;
	struct cw_fetch *fetch;
	int rounds;

	cw_buf_init(&got->bytes, 16 << 20);
	assert_int_equal(cw_fetch_start(fetcher, request, &ops, got, &fetch, &err), 0);
	assert_false(got->done);
	for (rounds = 0; !got->done && rounds < 20000; rounds++)
		assert_int_equal(cw_loop_once(loop, 1000, &err), 0);
	assert_true(got->done);
}

static int start(void **state)
{
	int out[2], in[2];
	struct cw_error err;
	char port[16] = "";
	size_t len = 0;

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	server_pid = fork();
	if (server_pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl("/usr/bin/python3", "python3", CW_SOURCE_DIR "/tests/support/http_server.py", directory, NULL);
		_exit(127);
	}
	assert_true(server_pid > 0);
	close(in[0]);
	close(out[1]);
	server_stdin = in[1];
	while (len + 1 < sizeof(port) && !strchr(port, '\n') && read(out[0], port + len, 1) == 1)
		len++;
	close(out[0]);
	assert_true(atoi(port) > 0);
	snprintf(base, sizeof(base), "http://127.0.0.1:%d", atoi(port));
	assert_int_equal(cw_loop_new(&loop, &err), 0);
	return cw_fetcher_new(loop, &fetcher, &err);
}

static int stop(void **state)
{
	char command[128];

	(void)state;
	cw_fetcher_free(fetcher);
	cw_loop_free(loop);
	close(server_stdin);
	waitpid(server_pid, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) == 0 ? 0 : -1;
}

struct end_case {
	const char *path, *outcome;
	size_t size;        /* bytes handed over; (size_t)-1 = any */
	uint64_t max_size;  /* 0 = the usual */
	int64_t timeout_ms; /* 0 = the usual */
	const char *detail; /* part of it; NULL = none wanted */
};

static const struct end_case ends[] = {
	{ "/ok", "ok", 2800, 0, 0, NULL },
	{ "/ok", "ok", 2800, 2800, 0, NULL },
	{ "/ok", "too_large", (size_t)-1, 2799, 0, "2799" },
	{ "/empty", "ok", 0, 0, 0, NULL },
	{ "/gzip", "ok", 2800, 0, 0, NULL },
	{ "/bomb", "too_large", (size_t)-1, 0, 0, "limit" },
	{ "/bad-gzip", "bad_encoding", 0, 0, 0, NULL },
	{ "/missing", "http_404", 0, 0, 0, "404" },
	{ "/forbidden", "http_403", 0, 0, 0, "403" },
	{ "/busy", "http_429", 0, 0, 0, "429" },
	{ "/down", "http_503", 0, 0, 0, "503" },
	{ "/down-silently", "http_503", 0, 0, 0, "503" },
	{ "/no-content", "http_204", 0, 0, 0, "204" },
	{ "/unconditional-304", "http_304", 0, 0, 0, "unconditional" },
	{ "/redirect", "ok", 2800, 0, 0, NULL },
	{ "/redirect-host", "redirect_refused", 0, 0, 0, "allowed_hosts" },
	{ "/redirect-file", "redirect_refused", 0, 0, 0, "only http and https" },
	{ "/redirect-ftp", "redirect_refused", 0, 0, 0, "only http and https" },
	{ "/redirect-loop", "too_many_redirects", 0, 0, 0, "3 times" },
	{ "/redirect-nowhere", "http_302", 0, 0, 0, "where to" },
	{ "/truncated", "truncated", (size_t)-1, 0, 0, NULL },
	{ "/truncated-chunks", "truncated", (size_t)-1, 0, 0, NULL },
	{ "/endless", "too_large", (size_t)-1, 0, 0, "limit" },
	{ "/announced-large", "too_large", (size_t)-1, 0, 0, "limit" },
	{ "/slow", "timeout", (size_t)-1, 0, 400, NULL },
	{ "/silent", "timeout", 0, 0, 400, NULL },
	{ "/close", "reset", 0, 0, 0, NULL },
	{ "/garbage", "bad_response", 0, 0, 0, NULL },
	{ "/headers", "too_large", 0, 0, 0, "headers" },
};

static void test_end(void **state)
{
	const struct end_case *end = *state;
	struct got got = { 0 };
	struct cw_fetch_request request;
	char url[128];

	snprintf(url, sizeof(url), "%s%s", base, end->path);
	request = request_for(url);
	if (end->max_size)
		request.max_size = end->max_size;
	if (end->timeout_ms)
		request.timeout_ms = end->timeout_ms;
	run(&request, &got);
	assert_string_equal(got.result.name, end->outcome);
	if (end->size != (size_t)-1)
		assert_int_equal(got.bytes.len, end->size);
	assert_true(got.bytes.len <= request.max_size);
	assert_int_equal(got.result.size, got.bytes.len);
	if (end->detail)
		assert_non_null(strstr(got.result.detail, end->detail));
	if (strcmp(end->outcome, "ok") == 0)
		assert_string_equal(got.result.detail, "");
	else
		assert_true(got.result.detail[0]);
	cw_buf_clear(&got.bytes);
}

static void test_headers(void **state)
{
	struct got got = { 0 };
	struct cw_fetch_request request;
	char url[128];

	(void)state;
	snprintf(url, sizeof(url), "%s/redirect", base);
	request = request_for(url);
	run(&request, &got);
	assert_string_equal(got.etag, "\"v1\"");
	assert_string_equal(got.content_type, "text/csv; charset=utf-8");
	assert_int_equal(got.result.redirects, 1);
	assert_non_null(strstr(got.final_url, "/ok"));
	assert_int_equal(got.result.status, 200);
	cw_buf_clear(&got.bytes);
}

static void test_not_modified(void **state)
{
	struct got by_etag = { 0 }, by_date = { 0 }, by_other = { 0 };
	struct cw_fetch_request request;
	char url[128];

	(void)state;
	snprintf(url, sizeof(url), "%s/ok", base);
	request = request_for(url);
	request.etag = "\"v1\"";
	run(&request, &by_etag);
	assert_string_equal(by_etag.result.name, "not_modified");
	assert_int_equal(by_etag.bytes.len, 0);
	request.etag = NULL;
	request.last_modified = "Mon, 02 Sep 2024 07:08:55 GMT";
	run(&request, &by_date);
	assert_string_equal(by_date.result.name, "not_modified");
	request.etag = "\"v0\"";
	request.last_modified = NULL;
	run(&request, &by_other);
	assert_string_equal(by_other.result.name, "ok");
	cw_buf_clear(&by_etag.bytes);
	cw_buf_clear(&by_date.bytes);
	cw_buf_clear(&by_other.bytes);
}

static void test_retry_after(void **state)
{
	struct got seconds = { 0 }, date = { 0 }, none = { 0 };
	struct cw_fetch_request request;
	struct cw_wall now = cw_wall_now();
	char url[128];

	(void)state;
	snprintf(url, sizeof(url), "%s/busy", base);
	request = request_for(url);
	run(&request, &seconds);
	assert_in_range(seconds.result.retry_after.ms, now.ms + 7000, now.ms + 12000);
	snprintf(url, sizeof(url), "%s/down", base);
	run(&request, &date);
	assert_in_range(date.result.retry_after.ms, now.ms + 88000, now.ms + 95000);
	snprintf(url, sizeof(url), "%s/down-silently", base);
	run(&request, &none);
	assert_false(cw_wall_known(none.result.retry_after));
}

static void test_allowed_host(void **state)
{
	char *hosts[] = { (char *)"example.org", (char *)"LocalHost" };
	struct cw_strings allowed = { 2, hosts };
	struct got got = { 0 };
	struct cw_fetch_request request;
	char url[128];

	(void)state;
	snprintf(url, sizeof(url), "%s/redirect-host", base);
	request = request_for(url);
	request.allowed_hosts = &allowed;
	run(&request, &got);
	assert_string_equal(got.result.name, "ok");
	cw_buf_clear(&got.bytes);
}

/* Fetches /log and looks for text in it. */
static bool logged(const char *text)
{
	struct got got = { 0 };
	struct cw_fetch_request request;
	char url[128];
	bool found;

	snprintf(url, sizeof(url), "%s/log", base);
	request = request_for(url);
	run(&request, &got);
	found = strstr(cw_buf_str(&got.bytes), text) != NULL;
	cw_buf_clear(&got.bytes);
	return found;
}

/* Secrets go to the feed's own server, and nowhere else. */
static void test_secrets(void **state)
{
	char *hosts[] = { (char *)"localhost" }, *lines[] = { (char *)"X-Key: s3cret" };
	struct cw_strings allowed = { 1, hosts }, headers = { 1, lines };
	struct got own = { 0 }, other = { 0 }, missing = { 0 };
	struct cw_fetch_request request;
	char url[128], path[128];
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/credential", directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("user:pass\n", file);
	fclose(file);
	snprintf(url, sizeof(url), "%s/redirect-host?secret", base);
	request = request_for(url);
	request.allowed_hosts = &allowed;
	request.headers = &headers;
	request.credential = path;
	run(&request, &other);
	assert_string_equal(other.result.name, "ok");
	/* The first hop had them ("dXNlcjpwYXNz" is user:pass), the second, to another host, must not. */
	assert_true(logged("/redirect-host?secret\", \"time\""));
	assert_true(logged("dXNlcjpwYXNz"));
	assert_true(logged("\"Host\": \"localhost"));
	{
		struct got log = { 0 };
		const char *second;

		snprintf(url, sizeof(url), "%s/log", base);
		request = request_for(url);
		run(&request, &log);
		second = strstr(strstr(cw_buf_str(&log.bytes), "/redirect-host?secret"), "\"path\": \"/ok\"");
		assert_non_null(second);
		assert_null(strstr(second, "s3cret"));
		assert_null(strstr(second, "dXNlcjpwYXNz"));
		cw_buf_clear(&log.bytes);
	}
	snprintf(url, sizeof(url), "%s/ok", base);
	request = request_for(url);
	request.credential = "/nowhere/at/all";
	run(&request, &missing);
	assert_string_equal(missing.result.name, "no_credential");
	cw_buf_clear(&own.bytes);
	cw_buf_clear(&other.bytes);
}

/* A host that is not the feed's own must have a public address, whatever a page or a name server says. */
static void test_address(void **state)
{
	char *hosts[] = { (char *)"localhost", (char *)"127.0.0.1", (char *)"0.0.0.0", (char *)"[::1]", (char *)"[::ffff:127.0.0.1]",
		          (char *)"2130706433" };
	struct cw_strings allowed = { CW_ARRAY_LEN(hosts), hosts };
	static const char *const names[] = { "localhost", "127.0.0.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1" };
	/* Proxies that are not asked for these: of another scheme, or with exceptions. */
	static const char *const proxies[][2] = { { "unused", "" },
		                                      { "https_proxy", "http://127.0.0.1:1" },
		                                      { "http_proxy", "http://127.0.0.1:1" } };
	struct cw_fetch_request request;
	struct got warm = { 0 };
	char url[128];

	(void)state;
	/* A connection that is open already, which the next fetch of that host would use again. */
	snprintf(url, sizeof(url), "%s/ok?warm", base);
	request = request_for(url);
	run(&request, &warm);
	assert_string_equal(warm.result.name, "ok");
	cw_buf_clear(&warm.bytes);
	setenv("no_proxy", "192.0.2.1, *", 1);
	for (size_t n = 0; n < CW_ARRAY_LEN(names) * CW_ARRAY_LEN(proxies); n++) {
		const char *const *proxy = proxies[n / CW_ARRAY_LEN(names)];
		size_t i = n % CW_ARRAY_LEN(names);
		struct got got = { 0 };

		setenv(proxy[0], proxy[1], 1);
		snprintf(url, sizeof(url), "http://%s:%s/ok?reached", names[i], strrchr(base, ':') + 1);
		request = request_for(url);
		request.home = "https://feeds.example.org/index";
		request.allowed_hosts = &allowed;
		run(&request, &got);
		if (strcmp(got.result.name, "address_refused") != 0)
			fail_msg("%s, %s: %s %s", url, proxy[0], got.result.name, got.result.detail);
		assert_int_equal(got.bytes.len, 0);
		cw_buf_clear(&got.bytes);
		unsetenv(proxy[0]);
	}
	unsetenv("no_proxy");
	assert_false(logged("/ok?reached"));
	/* The feed's own host is where a person said it is. */
	{
		struct got got = { 0 };

		snprintf(url, sizeof(url), "%s/redirect-host?own", base);
		request = request_for(url);
		request.home = base;
		request.allowed_hosts = &allowed;
		run(&request, &got);
		assert_string_equal(got.result.name, "ok");
		cw_buf_clear(&got.bytes);
	}
}

static void test_may_follow(void **state)
{
	char *hosts[] = { (char *)"Files.example.org" };
	struct cw_strings allowed = { 1, hosts };
	static const struct {
		const char *url;
		bool may;
	} cases[] = {
		{ "https://example.org/a", true },          { "http://EXAMPLE.org:8080/", true },
		{ "https://files.example.org/x", true },    { "https://www.example.org/", false },
		{ "https://example.org.evil.example/", false }, { "https://example.org@evil.example/", false },
		{ "ftp://example.org/", false },            { "file:///etc/passwd", false },
		{ "javascript:alert(1)", false },           { "//example.org/", false },
		{ "", false },                              { "https://", false },
		{ "https://example.org\\@evil.example/", false },
	};

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(cases); i++)
		if (cw_fetch_may_follow(cases[i].url, "https://example.org/search", &allowed) != cases[i].may)
			fail_msg("%s", cases[i].url);
}

static void test_storage(void **state)
{
	struct got full = { .refuse = -ENOSPC }, large = { .refuse = -EMSGSIZE };
	struct cw_fetch_request request;
	char url[128];

	(void)state;
	snprintf(url, sizeof(url), "%s/ok", base);
	request = request_for(url);
	run(&request, &full);
	assert_string_equal(full.result.name, "storage");
	assert_string_equal(full.result.detail, "no room");
	run(&request, &large);
	assert_string_equal(large.result.name, "too_large");
}

static void test_nobody(void **state)
{
	struct got refused = { 0 }, unknown = { 0 }, tls = { 0 };
	struct cw_fetch_request request = request_for("http://127.0.0.1:1/");
	char url[128];

	(void)state;
	run(&request, &refused);
	assert_string_equal(refused.result.name, "refused");
	request.url = "http://does-not-exist.invalid/";
	run(&request, &unknown);
	assert_string_equal(unknown.result.name, "dns");
	/* A server that speaks no TLS. */
	snprintf(url, sizeof(url), "https%s/ok", base + 4);
	request.url = url;
	run(&request, &tls);
	assert_string_equal(tls.result.name, "tls");
}

static void write_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "w");
	size_t i;

	assert_non_null(file);
	for (i = 0; i < size; i++)
		fputc((int)('a' + i % 26), file);
	fclose(file);
}

static void test_file(void **state)
{
	static const size_t sizes[] = { 0, 1, 1000, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 9 << 20 };
	char path[128], url[160];
	size_t i, j;

	(void)state;
	snprintf(path, sizeof(path), "%s/a file", directory);
	snprintf(url, sizeof(url), "file://%s/a%%20file", directory);
	for (i = 0; i < CW_ARRAY_LEN(sizes); i++) {
		struct got got = { 0 };
		struct cw_fetch_request request = request_for(url);

		request.max_size = 9 << 20;
		write_file(path, sizes[i]);
		run(&request, &got);
		assert_string_equal(got.result.name, "ok");
		assert_int_equal(got.bytes.len, sizes[i]);
		for (j = 0; j < sizes[i]; j += 997)
			assert_int_equal(got.bytes.data[j], 'a' + j % 26);
		cw_buf_clear(&got.bytes);
	}
	{
		struct got large = { 0 }, missing = { 0 }, fifo = { 0 };
		struct cw_fetch_request request = request_for(url);

		run(&request, &large);
		assert_string_equal(large.result.name, "too_large");
		snprintf(url, sizeof(url), "file://%s/none", directory);
		run(&request, &missing);
		assert_string_equal(missing.result.name, "unreadable");
		snprintf(path, sizeof(path), "%s/fifo", directory);
		assert_int_equal(mkfifo(path, 0600), 0);
		snprintf(url, sizeof(url), "file://%s/fifo", directory);
		run(&request, &fifo);
		assert_string_equal(fifo.result.name, "unreadable");
	}
}

static void test_hosts(void **state)
{
	char host[CW_HOST_MAX];
	struct cw_error err;

	(void)state;
	assert_int_equal(cw_fetch_host("https://WWW.Example.ORG:8443/x?y#z", host, &err), 0);
	assert_string_equal(host, "www.example.org");
	assert_int_equal(cw_fetch_host("file:///tmp/x", host, &err), 0);
	assert_string_equal(host, "");
	assert_int_equal(cw_fetch_host("http://[::1]/", host, &err), 0);
	assert_string_equal(host, "[::1]");
	assert_int_equal(cw_fetch_host("ftp://example.org/", host, &err), -EINVAL);
	assert_int_equal(cw_fetch_host("nonsense", host, &err), -EINVAL);
	assert_int_equal(cw_fetch_host("", host, &err), -EINVAL);
}

static void test_cancel(void **state)
{
	struct got got = { 0 };
	struct cw_fetch_request request;
	struct cw_fetch *fetch;
	struct cw_error err;
	char url[128];
	int i;

	(void)state;
	snprintf(url, sizeof(url), "%s/slow", base);
	request = request_for(url);
	cw_buf_init(&got.bytes, 4096);
	assert_int_equal(cw_fetch_start(fetcher, &request, &ops, &got, &fetch, &err), 0);
	for (i = 0; !got.bytes.len && i < 1000; i++)
		assert_int_equal(cw_loop_once(loop, 100, &err), 0);
	assert_int_equal(got.bytes.len, 1);
	cw_fetch_cancel(fetch);
	for (i = 0; i < 5; i++)
		assert_int_equal(cw_loop_once(loop, 10, &err), 0);
	assert_false(got.done);
	cw_buf_clear(&got.bytes);
}

/* Several at once, over connections that are used again. */
static void test_many(void **state)
{
	enum { N = 40 };
	static struct got got[N];
	static char url[N][128];
	struct cw_error err;
	int i, left, rounds;

	(void)state;
	for (i = 0; i < N; i++) {
		struct cw_fetch_request request;
		struct cw_fetch *fetch;

		snprintf(url[i], sizeof(url[i]), "%s%s?%d", base, i % 4 == 3 ? "/truncated" : "/ok", i);
		request = request_for(url[i]);
		cw_buf_init(&got[i].bytes, 1 << 20);
		assert_int_equal(cw_fetch_start(fetcher, &request, &ops, &got[i], &fetch, &err), 0);
	}
	for (rounds = 0, left = N; left && rounds < 20000; rounds++) {
		assert_int_equal(cw_loop_once(loop, 1000, &err), 0);
		for (i = 0, left = 0; i < N; i++)
			left += !got[i].done;
	}
	assert_int_equal(left, 0);
	for (i = 0; i < N; i++) {
		assert_string_equal(got[i].result.name, i % 4 == 3 ? "truncated" : "ok");
		cw_buf_clear(&got[i].bytes);
	}
}

int main(void)
{
	static const struct CMUnitTest plain[] = {
		cmocka_unit_test(test_headers),     cmocka_unit_test(test_not_modified),
		cmocka_unit_test(test_retry_after), cmocka_unit_test(test_allowed_host),
		cmocka_unit_test(test_secrets),     cmocka_unit_test(test_storage),
		cmocka_unit_test(test_nobody),      cmocka_unit_test(test_file),
		cmocka_unit_test(test_hosts),       cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_many),        cmocka_unit_test(test_address),
		cmocka_unit_test(test_may_follow),
	};
	struct CMUnitTest tests[CW_ARRAY_LEN(ends) + CW_ARRAY_LEN(plain)];
	size_t i;

	for (i = 0; i < CW_ARRAY_LEN(ends); i++)
		tests[i] = (struct CMUnitTest){ .name = ends[i].path,
			                        .test_func = test_end,
			                        .initial_state = (void *)(uintptr_t)&ends[i] };
	memcpy(tests + i, plain, sizeof(plain));
	return cmocka_run_group_tests_name("daemon_fetch", tests, start, stop);
}
