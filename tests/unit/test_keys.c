/* Keys as text and files, allow-lists, and a list in a message. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <councilwatch/gate.h>
#include <councilwatch/keys.h>
#include <councilwatch/message.h>

#define PUBLIC "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7" /* of zmq_curve(7) */
#define COUNT_UP "009c61o!#m2NH?C3>iWS5d]J*6CRx17-skh9337x" /* the bytes 0 to 31 */

static char directory[] = "/tmp/cw-keys-XXXXXX";

static char *path_of(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", directory, name) > 0);
	return path;
}

static char *file_make(const char *name, const char *text, mode_t mode)
{
	char *path = path_of(name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static void test_text(void **state)
{
	static const char *const bad[] = { "", "rq:rM", PUBLIC "x", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf ", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]y\"7",
		                           "####################%%%%%%%%%%%%%%%%%%%%" };
	char text[CW_KEY_TEXT];
	struct cw_key key;

	(void)state;
	assert_true(cw_key_parse(cw_str(COUNT_UP), &key));
	for (size_t i = 0; i < CW_KEY_LEN; i++)
		assert_int_equal(key.bytes[i], i);
	assert_string_equal(cw_key_format(&key, text), COUNT_UP);
	assert_true(cw_key_parse(cw_str(PUBLIC), &key));
	assert_int_equal(key.bytes[0], 0x54);
	assert_int_equal(key.bytes[31], 0x52);
	assert_string_equal(cw_key_format(&key, text), PUBLIC);
	for (size_t i = 0; i < CW_ARRAY_LEN(bad); i++)
		assert_false(cw_key_parse(cw_str(bad[i]), &key));
}

static void test_pair(void **state)
{
	char *secret = path_of("a.key"), *public = path_of("a.pub");
	struct cw_key_pair pair = { .name = "a" }, again;
	struct cw_named_key named;
	struct cw_error err = { 0 };
	struct stat info;

	(void)state;
	assert_int_equal(cw_key_pair_make(&pair, &err), 0);
	assert_int_equal(cw_key_pair_save(&pair, secret, public, &err), 0);
	assert_int_equal(stat(secret, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(cw_key_pair_load(secret, &again, &err), 0);
	assert_memory_equal(&pair, &again, sizeof(pair));
	assert_int_equal(cw_public_key_load(public, &named, &err), 0);
	assert_string_equal(named.name, "a");
	assert_true(cw_key_eq(&named.key, &pair.public));
	assert_int_equal(cw_key_pair_save(&pair, secret, NULL, &err), -EEXIST);

	/* As a credential: a name, in the directory that the service manager says. */
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(cw_key_pair_load("a.key", &again, &err), -ENOENT);
	assert_non_null(strstr(err.text, "LoadCredential"));
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	assert_int_equal(chmod(secret, 0440), 0);
	assert_int_equal(cw_key_pair_load("a.key", &again, &err), 0);
	assert_int_equal(cw_key_pair_load(secret, &again, &err), -EPERM);
	assert_int_equal(chmod(secret, 0604), 0);
	assert_int_equal(cw_key_pair_load("a.key", &again, &err), -EPERM);
	assert_non_null(strstr(err.text, "may be read by others (mode 0604)"));
	cw_key_pair_clear(&again);
	free(secret);
	free(public);
}

static const struct {
	const char *text, *error;
	unsigned line;
} bad_pairs[] = {
	{ "", "holds no key", 0 },
	{ "# only a comment\n", "holds no key", 0 },
	{ "a " PUBLIC "\n", "is not 'NAME PUBLIC SECRET'", 1 },
	{ "\n\na " PUBLIC " 123\n", "is not 'NAME PUBLIC SECRET'", 3 },
	{ "a " PUBLIC " " COUNT_UP "\nb " PUBLIC " " COUNT_UP "\n", "is a second key", 2 },
};

static void test_bad_pairs(void **state)
{
	struct cw_key_pair pair;
	struct cw_error err;

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(bad_pairs); i++) {
		char *path = file_make("bad.key", bad_pairs[i].text, 0600);

		assert_int_equal(cw_key_pair_load(path, &pair, &err), -EINVAL);
		assert_non_null(strstr(err.text, bad_pairs[i].error));
		assert_string_equal(err.source, path);
		assert_int_equal(err.line, bad_pairs[i].line);
		/* A secret is not repeated. */
		assert_null(strstr(err.text, COUNT_UP));
		free(path);
	}
}

struct mistakes {
	size_t n;
	struct cw_error at[8];
};

static void take(void *arg, const struct cw_error *mistake)
{
	struct mistakes *mistakes = arg;

	assert_true(mistakes->n < CW_ARRAY_LEN(mistakes->at));
	mistakes->at[mistakes->n++] = *mistake;
}

static void test_list(void **state)
{
	char *path = file_make("list.keys",
	                       "# who\n\nalice\t" PUBLIC "\r\nbob " COUNT_UP " more\nb/ob " COUNT_UP "\nbob " COUNT_UP
	                       "\nbob " PUBLIC "\ncarol " PUBLIC "\ncarol",
	                       0644);
	static const unsigned lines[] = { 4, 5, 7, 8, 9 };
	static const char *const texts[] = { "three words", "is no name", "is that of 'alice'", "is that of 'alice'", "is not 'NAME KEY'" };
	struct cw_allowed allowed = { 0 };
	struct mistakes mistakes = { 0 };

	(void)state;
	assert_int_equal(cw_allowed_load(path, take, &mistakes, &allowed), 1);
	assert_int_equal(mistakes.n, CW_ARRAY_LEN(lines));
	for (size_t i = 0; i < mistakes.n; i++) {
		assert_int_equal(mistakes.at[i].line, lines[i]);
		assert_non_null(strstr(mistakes.at[i].text, texts[i]));
	}
	assert_int_equal(allowed.n, 2);
	assert_string_equal(allowed.keys[0].name, "alice");
	assert_string_equal(allowed.keys[1].name, "bob");
	cw_allowed_clear(&allowed);
	free(path);
}

static void test_directory(void **state)
{
	char *own = path_of("d"), *a, *b, *other;
	struct cw_allowed allowed = { 0 };
	struct mistakes mistakes = { 0 };

	(void)state;
	assert_int_equal(mkdir(own, 0755), 0);
	a = file_make("d/a.pub", "a " PUBLIC "\n", 0644);
	b = file_make("d/b.keys", "b " COUNT_UP "\n", 0644);
	other = file_make("d/README", "no key\n", 0644);
	assert_int_equal(cw_allowed_load(own, take, &mistakes, &allowed), 0);
	assert_int_equal(allowed.n, 2);
	assert_int_equal(mistakes.n, 0);
	cw_allowed_clear(&allowed);
	(void)unlink(b);
	assert_int_equal(cw_allowed_load(b, take, &mistakes, &allowed), 1);
	assert_non_null(strstr(mistakes.at[0].text, "cannot be read"));
	free(own);
	free(a);
	free(b);
	free(other);
}

/* Every message cut short, or with a byte more, is refused and leaves no list. */
static void test_message(void **state)
{
	struct cw_named_key a = { .name = "a" }, b = { .name = "b" };
	struct cw_allowed allowed = { 0 }, got;
	struct cw_error err;
	struct cw_cursor cursor;
	struct cw_str door;
	struct cw_buf buf;

	(void)state;
	assert_true(cw_key_parse(cw_str(PUBLIC), &a.key) && cw_key_parse(cw_str(COUNT_UP), &b.key));
	assert_int_equal(cw_allowed_add(&allowed, &a, &err), 0);
	assert_int_equal(cw_allowed_add(&allowed, &b, &err), 0);
	cw_buf_init(&buf, CW_FRAME_MAX);
	assert_int_equal(cw_allow_put(&buf, "alerts", &allowed), 0);
	cw_cursor_init(&cursor, buf.data, buf.len);
	assert_int_equal(cw_allow_get(&cursor, &door, &got, &err), 0);
	assert_true(cw_str_eq(door, "alerts"));
	assert_int_equal(got.n, 2);
	assert_memory_equal(got.keys, allowed.keys, 2 * sizeof(*got.keys));
	cw_allowed_clear(&got);
	for (size_t len = 0; len < buf.len; len++) {
		cw_cursor_init(&cursor, buf.data, len);
		assert_int_equal(cw_allow_get(&cursor, &door, &got, &err), -EBADMSG);
		assert_int_equal(got.n, 0);
	}
	cw_buf_putc(&buf, 'x');
	cw_cursor_init(&cursor, buf.data, buf.len);
	assert_int_equal(cw_allow_get(&cursor, &door, &got, &err), -EBADMSG);
	cw_buf_clear(&buf);
	cw_allowed_clear(&allowed);
}

static void test_loopback(void **state)
{
	static const char *const near[] = { "tcp://127.0.0.1:1", "tcp://127.9.9.9:7777", "tcp://localhost:1", "tcp://[::1]:1" };
	static const char *const far[] = { "tcp://0.0.0.0:1",    "tcp://*:1",        "tcp://10.0.0.1:1", "tcp://127.example.org:1",
		                           "tcp://localhost.example.org:1", "tcp://eth0:1", "tcp://[::]:1",     "ipc:///tmp/x",
		                           "tcp://[::1]",        "tcp://127.0.0.1" };

	(void)state;
	for (size_t i = 0; i < CW_ARRAY_LEN(near); i++)
		assert_true(cw_endpoint_is_loopback(near[i]));
	for (size_t i = 0; i < CW_ARRAY_LEN(far); i++)
		assert_false(cw_endpoint_is_loopback(far[i]));
}

/* The bus itself opens nothing to everybody, whatever its caller forgot. */
static void test_bus(void **state)
{
	struct cw_sock *sock;
	struct cw_error err;
	struct cw_bus *bus;

	(void)state;
	assert_int_equal(cw_bus_new(&bus, &err), 0);
	assert_int_equal(cw_sock_new(bus, CW_SOCK_ROUTER, 10, 0, &sock, &err), 0);
	assert_int_equal(cw_sock_bind(sock, "tcp://0.0.0.0:*", &err), -EACCES);
	assert_int_equal(cw_sock_connect(sock, "tcp://192.0.2.1:7777", &err), -EACCES);
	cw_sock_free(sock);
	cw_bus_free(bus);
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	char *command;
	int r;

	(void)state;
	if (asprintf(&command, "rm -r %s", directory) < 0)
		return -1;
	r = system(command);
	free(command);
	return r;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),      cmocka_unit_test(test_pair),    cmocka_unit_test(test_bad_pairs),
		cmocka_unit_test(test_list),      cmocka_unit_test(test_directory), cmocka_unit_test(test_message),
		cmocka_unit_test(test_loopback),  cmocka_unit_test(test_bus),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
