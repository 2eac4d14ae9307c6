/* SPDX-License-Identifier: Apache-2.0 */
/* test_fetch.c - transfers of a real engine from a server of the test on 127.0.0.1. */
#include <string.h>
#include <ikebana/error.h>
#include "test_server.h"
#include "test_support.h"

#define OPEN "deny = \"\"\n" /* the loopback interface is where the server is */

typedef struct {
  Bench bench;
  HttpServer *server;
  /* Of the last request; written by the server's thread before it answers. */
  char *head, *body;
} Fixture;

static void
answer (const HttpRequest *request, HttpAnswer *answer, gpointer data)
{
  Fixture *fixture = data;
  const char *path = request->target;

  g_free (fixture->head);
  g_free (fixture->body);
  fixture->head = g_strdup (request->head);
  fixture->body =
      g_strndup (g_bytes_get_data (request->body, NULL), g_bytes_get_size (request->body));
  answer->status = 200;
  answer->body_take = g_bytes_new (path, strlen (path));
  if (g_str_has_prefix (path, "/status/"))
    answer->status = (guint) atoi (path + 8);
  if (g_str_has_prefix (path, "/to/"))
    answer->status = 302, answer->location_take = g_strdup_printf ("/%s", path + 4);
  if (g_str_has_prefix (path, "/see/"))
    answer->status = 303, answer->location_take = g_strdup_printf ("/%s", path + 5);
  if (strcmp (path, "/loop") == 0)
    answer->status = 301, answer->location = "/loop";
  if (strcmp (path, "/nowhere") == 0)
    answer->status = 301;
  if (strcmp (path, "/elsewhere") == 0)
    answer->status = 307,
    answer->location_take = g_strdup_printf ("http://127.0.0.2:%u/", request->port);
  if (strcmp (path, "/name") == 0)
    answer->status = 302,
    answer->location_take = g_strdup_printf ("http://localhost:%u/x", request->port);
  if (strcmp (path, "/file") == 0)
    answer->status = 302, answer->location = "file:///etc/hostname";
  if (g_str_has_prefix (path, "/large")) {
    g_bytes_unref (answer->body_take);
    answer->body_take = g_bytes_new_take (g_malloc0 (1001), 1001);
    answer->has_no_length = strcmp (path, "/large/unsaid") == 0;
  }
  if (strcmp (path, "/silent") == 0)
    answer->status = 0;
  if (strcmp (path, "/drip") == 0)
    answer->drip_ms = 100;
  answer->is_held = g_str_has_prefix (path, "/held");
}

static void
set_up (Fixture *fixture, const char *settings)
{
  memset (fixture, 0, sizeof *fixture);
  fixture->server = http_server_new (answer, fixture);
  bench_open (&fixture->bench, settings);
}

static void
tear_down (Fixture *fixture)
{
  bench_close (&fixture->bench);
  http_server_free (fixture->server);
  g_free (fixture->head);
  g_free (fixture->body);
}

static char *
uri (Fixture *fixture, const char *path)
{
  return g_strdup_printf ("http://127.0.0.1:%u%s", http_server_port (fixture->server), path);
}

static const char *
last_head (Fixture *fixture)
{
  g_assert_cmpuint (http_server_requests (fixture->server), >, 0);
  return fixture->head;
}

/* One request; its answer's text, or "! why not".  With engine and server of its own. */
static char *
get (const char *settings, const char *path, Fixture *out)
{
  Fixture fixture;
  g_autofree char *full = NULL;
  Ask asks[2] = { { 0 } };
  char *result;

  set_up (&fixture, settings);
  full = strchr (path, ':') ? g_strdup (path) : uri (&fixture, path);
  asks[0].uri = full;
  bench_ask (&fixture.bench, asks);
  result = asks[0].got ? g_strdup (asks[0].got) : g_strconcat ("! ", asks[0].error, NULL);
  ask_clear (&asks[0]);
  if (out) {
    *out = fixture;
    return result;
  }
  tear_down (&fixture);
  return result;
}

static void
assert_got (const char *settings, const char *path, const char *expected)
{
  g_autofree char *got = get (settings, path, NULL);

  g_assert_cmpstr (got, ==, expected);
}

static void
assert_fails (const char *settings, const char *path, const char *why)
{
  g_autofree char *got = get (settings, path, NULL);

  if (got[0] != '!' || !strstr (got, why))
    g_error ("%s: %s", path, got);
}

static void
test_plain (void)
{
  Fixture fixture;
  g_autofree char *got = get (OPEN "user_agent = Tester/1", "/a?b=c", &fixture);

  g_assert_cmpstr (got, ==, "/a?b=c");
  g_assert_true (g_str_has_prefix (last_head (&fixture), "GET /a?b=c HTTP/1.1\r\n"));
  g_assert_nonnull (strstr (last_head (&fixture), "User-Agent: Tester/1\r\n"));
  g_assert_null (strstr (last_head (&fixture), "Accept-Encoding"));
  g_assert_null (strstr (last_head (&fixture), "Authorization"));
  g_assert_cmpuint (ike_counter_get (fixture.bench.engine, "fetch.transfers"), ==, 1);
  g_assert_cmpuint (ike_counter_get (fixture.bench.engine, "fetch.bytes"), ==, strlen ("/a?b=c"));
  g_assert_cmpuint (ike_counter_get (fixture.bench.engine, "fetch.failures"), ==, 0);
  tear_down (&fixture);
}

static void
test_status (void)
{
  assert_fails (OPEN, "/status/404", "HTTP status 404");
  assert_fails (OPEN, "/status/206", "HTTP status 206");
  assert_fails (OPEN, "/status/500", "HTTP status 500");
}

static void
test_redirects (void)
{
  assert_got (OPEN, "/to/there", "/there");
  assert_got (OPEN, "/to/to/to/there", "/there");
  assert_fails (OPEN, "/to/to/to/to/there", "more often than is allowed");
  assert_fails (OPEN "max_redirects = 0", "/to/there", "more often");
  assert_fails (OPEN, "/loop", "more often than is allowed");
  assert_fails (OPEN, "/nowhere", "does not say where");
}

static void
test_redirect_is_checked (void)
{
  assert_fails ("deny = 127.0.0.2/32", "/elsewhere", "127.0.0.2 is an address that");
  assert_fails (OPEN "hosts = 127.0.0.1", "/name", "plugins.fetch-curl.hosts");
  assert_fails (OPEN, "/file", "plugins.fetch-curl.schemes");
}

static void
test_size (void)
{
  assert_fails (OPEN, "/large/said", "larger than 1000 bytes");
  assert_fails (OPEN, "/large/unsaid", "larger than 1000 bytes");
}

static void
test_rules (void)
{
  assert_fails ("", "/x", "127.0.0.1 is an address that plugins.fetch-curl.deny forbids");
  assert_fails (OPEN "hosts = *.example.org", "/x", "plugins.fetch-curl.hosts");
  assert_fails (OPEN "schemes = http", "https://127.0.0.1/", "plugins.fetch-curl.schemes");
  assert_fails (OPEN, "ftp://127.0.0.1/", "plugins.fetch-curl.schemes");
  assert_fails (OPEN, "file:///etc/hostname", "plugins.fetch-curl.schemes");
  assert_fails (OPEN, "http://user@127.0.0.1/", "user name");
  assert_fails ("", "http://[::ffff:127.0.0.1]:9/", "127.0.0.1 is an address that");
  assert_fails ("", "http://localhost:9/", "is an address that plugins.fetch-curl.deny forbids");
}

static void
test_environment (void)
{
  g_setenv ("http_proxy", "http://127.0.0.1:1/", TRUE);
  g_setenv ("ALL_PROXY", "http://127.0.0.1:1/", TRUE);
  assert_got (OPEN, "/direct", "/direct");
  g_unsetenv ("http_proxy");
  g_unsetenv ("ALL_PROXY");
}

static void
test_proxy (void)
{
  Fixture fixture;
  g_autofree char *settings = NULL;
  HttpServer *proxy = http_server_new (answer, &fixture);
  Ask asks[2] = { { .uri = "http://crl.example/x" } };

  memset (&fixture, 0, sizeof fixture);
  fixture.server = proxy;
  settings = g_strdup_printf (OPEN "proxy = http://127.0.0.1:%u", http_server_port (proxy));
  bench_open (&fixture.bench, settings);
  bench_ask (&fixture.bench, asks);
  g_assert_cmpstr (asks[0].got, ==, "http://crl.example/x");
  ask_clear (&asks[0]);
  tear_down (&fixture);
}

static void
test_times (void)
{
  Fixture fixture;
  g_autofree char *silent = NULL, *drip = NULL, *fine = NULL;
  Ask asks[4] = { { 0 } };

  set_up (&fixture, OPEN);
  silent = uri (&fixture, "/silent");
  drip = uri (&fixture, "/drip");
  fine = uri (&fixture, "/fine");
  asks[0] = (Ask){ .uri = silent, .timeout_ms = 1000 };
  asks[1] = (Ask){ .uri = drip, .timeout_ms = 300 };
  asks[2] = (Ask){ .uri = fine };
  bench_ask (&fixture.bench, asks);
  g_assert_nonnull (strstr (asks[0].error, "no answer within 1000 ms"));
  g_assert_nonnull (strstr (asks[1].error, "no answer within 300 ms"));
  g_assert_cmpstr (asks[2].got, ==, "/fine");
  g_assert_cmpuint (ike_counter_get (fixture.bench.engine, "fetch.failures"), ==, 2);
  for (guint i = 0; i < 3; i++)
    ask_clear (&asks[i]);
  tear_down (&fixture);
}

static void
test_post (void)
{
  Fixture fixture;
  g_autofree char *to = NULL;
  Ask asks[2] = { { 0 } };

  set_up (&fixture, OPEN);
  to = uri (&fixture, "/to/ocsp");
  asks[0] = (Ask){ .uri = to,
                   .post = "the request",
                   .content_type = "application/ocsp-request",
                   .accept = "application/ocsp-response" };
  bench_ask (&fixture.bench, asks);
  g_assert_cmpstr (asks[0].got, ==, "/ocsp");
  g_assert_true (g_str_has_prefix (last_head (&fixture), "POST /ocsp HTTP/1.1\r\n"));
  g_assert_nonnull (strstr (last_head (&fixture), "Content-Type: application/ocsp-request\r\n"));
  g_assert_nonnull (strstr (last_head (&fixture), "Accept: application/ocsp-response\r\n"));
  g_assert_null (strstr (last_head (&fixture), "Cookie"));
  g_assert_cmpstr (fixture.body, ==, "the request");
  ask_clear (&asks[0]);
  tear_down (&fixture);
}

static void
test_see_other (void)
{
  Fixture fixture;
  g_autofree char *to = NULL, *bad = NULL;
  Ask asks[3] = { { 0 } };

  set_up (&fixture, OPEN);
  to = uri (&fixture, "/see/result");
  bad = uri (&fixture, "/bad");
  asks[0] = (Ask){ .uri = to, .post = "the request" };
  asks[1] = (Ask){ .uri = bad, .accept = "text/plain\r\nX-More: yes" };
  bench_ask (&fixture.bench, asks);
  g_assert_cmpstr (asks[0].got, ==, "/result");
  g_assert_true (g_str_has_prefix (last_head (&fixture), "GET /result HTTP/1.1\r\n"));
  g_assert_null (strstr (last_head (&fixture), "Content-Type"));
  g_assert_nonnull (strstr (asks[1].error, "several lines"));
  ask_clear (&asks[0]);
  ask_clear (&asks[1]);
  tear_down (&fixture);
}

static void
test_simulation (void)
{
  g_autoptr (GError) error = NULL;
  Bench bench;
  Ask ask = { .uri = "http://example.org/" };
  IkeSim *sim = ike_sim_new (1);

  bench_open_simulated (&bench, sim);
  ask_begin (&bench, &ask);
  ike_sim_settle (sim);
  g_assert_cmpstr (ask.error, ==, "there is no network in a simulation");
  ask_clear (&ask);
  bench_close (&bench);
  ike_sim_free (sim);
}

/* -- several at a time */

enum { N_MANY = 24 };

typedef struct {
  Fixture fixture;
  char *uris[N_MANY];
  Ask asks[N_MANY + 1];
  guint stage;
} Many;

static void
many_open (Many *many, const char *settings)
{
  memset (many, 0, sizeof *many);
  set_up (&many->fixture, settings);
}

static void
many_add (Many *many, guint i, const char *path)
{
  many->uris[i] = uri (&many->fixture, path);
  many->asks[i].uri = many->uris[i];
}

static void
many_close (Many *many)
{
  for (guint i = 0; i < N_MANY; i++) {
    ask_clear (&many->asks[i]);
    g_free (many->uris[i]);
  }
  tear_down (&many->fixture);
}

/* Begins all; releases the server once it has @n requests. */
static gboolean
begin_and_release (Many *many, guint n)
{
  HttpServer *server = many->fixture.server;

  for (guint i = 0; many->stage == 0 && many->asks[i].uri; i++)
    ask_begin (&many->fixture.bench, &many->asks[i]);
  if (many->stage == 0)
    many->stage = 1;
  if (many->stage == 1 && http_server_requests (server) == n) {
    many->stage = 2;
    http_server_release (server);
  }
  for (guint i = 0; many->asks[i].uri; i++)
    if (!many->asks[i].is_done)
      return FALSE;
  return TRUE;
}

static gboolean
step_once (Bench *bench)
{
  return begin_and_release (bench->data, 1);
}

static void
test_equal (void)
{
  Many many;

  many_open (&many, OPEN);
  for (guint i = 0; i < 5; i++)
    many_add (&many, i, "/held");
  bench_run (&many.fixture.bench, step_once, &many);
  for (guint i = 0; i < 5; i++)
    g_assert_cmpstr (many.asks[i].got, ==, "/held");
  g_assert_cmpuint (http_server_requests (many.fixture.server), ==, 1);
  g_assert_cmpuint (ike_counter_get (many.fixture.bench.engine, "fetch.transfers"), ==, 1);
  many_close (&many);
}

static gboolean
step_two (Bench *bench)
{
  return begin_and_release (bench->data, 2);
}

static void
test_posts_are_not_equal (void)
{
  Many many;

  many_open (&many, OPEN);
  for (guint i = 0; i < 2; i++) {
    many_add (&many, i, "/held");
    many.asks[i].post = "the same";
  }
  bench_run (&many.fixture.bench, step_two, &many);
  g_assert_cmpuint (http_server_requests (many.fixture.server), ==, 2);
  many_close (&many);
}

/* The first of two equal ones and the only one of another are cancelled. */
static gboolean
step_cancel (Bench *bench)
{
  Many *many = bench->data;
  HttpServer *server = many->fixture.server;

  for (guint i = 0; many->stage == 0 && i < 3; i++)
    ask_begin (bench, &many->asks[i]);
  if (many->stage == 0)
    many->stage = 1;
  if (many->stage == 1 && http_server_requests (server) == 2) {
    ask_cancel (&many->asks[0]);
    ask_cancel (&many->asks[2]);
    many->stage = 2;
  }
  /* Its transfer ends, which the server sees. */
  if (many->stage == 2 && http_server_given_up (server) == 1) {
    http_server_release (server);
    many->stage = 3;
  }
  return many->asks[1].is_done;
}

static void
test_cancel (void)
{
  Many many;

  many_open (&many, OPEN);
  many_add (&many, 0, "/held");
  many_add (&many, 1, "/held");
  many_add (&many, 2, "/held/alone");
  bench_run (&many.fixture.bench, step_cancel, &many);
  g_assert_cmpuint (many.stage, ==, 3);
  g_assert_cmpstr (many.asks[1].got, ==, "/held");
  g_assert_false (many.asks[0].is_done);
  g_assert_false (many.asks[2].is_done);
  g_assert_cmpuint (http_server_given_up (many.fixture.server), ==, 1);
  many_close (&many);
}

static gboolean
step_cancel_at_once (Bench *bench)
{
  Many *many = bench->data;

  for (guint i = 0; many->stage == 0 && many->asks[i].uri; i++) {
    ask_begin (bench, &many->asks[i]);
    if (i % 2)
      ask_cancel (&many->asks[i]);
  }
  many->stage = 1;
  for (guint i = 0; many->asks[i].uri; i += 2)
    if (!many->asks[i].is_done)
      return FALSE;
  return TRUE;
}

static void
test_cancel_at_once (void)
{
  Many many;

  many_open (&many, OPEN);
  for (guint i = 0; i < N_MANY; i++) {
    g_autofree char *path = g_strdup_printf ("/%u", i / 3);
    many_add (&many, i, path);
  }
  bench_run (&many.fixture.bench, step_cancel_at_once, &many);
  for (guint i = 0; i < N_MANY; i++)
    g_assert_cmpint (many.asks[i].is_done, ==, i % 2 == 0);
  many_close (&many);
}

static void
test_limits (const char *settings, guint expected_most)
{
  Many many;

  many_open (&many, settings);
  for (guint i = 0; i < N_MANY; i++) {
    g_autofree char *path = g_strdup_printf ("/held/%u", i);
    many_add (&many, i, path);
  }
  bench_run (&many.fixture.bench, step_two, &many);
  for (guint i = 0; i < N_MANY; i++)
    g_assert_cmpstr (many.asks[i].error, ==, NULL);
  g_assert_cmpuint (http_server_requests (many.fixture.server), ==, N_MANY);
  g_assert_cmpuint (http_server_most_open (many.fixture.server), ==, expected_most);
  many_close (&many);
}

static void
test_parallel (void)
{
  test_limits (OPEN "max_parallel = 2\nmax_per_host = 10", 2);
}

static void
test_per_host (void)
{
  test_limits (OPEN "max_parallel = 10\nmax_per_host = 2", 2);
}

/* More than may wait: 1 runs, 1024 wait. */
static gboolean
step_flood (Bench *bench)
{
  Ask *asks = bench->data;

  for (guint i = 0; asks[i].uri && !asks[i].bench; i++)
    ask_begin (bench, &asks[i]);
  return asks[1025].is_done;
}

static void
test_flood (void)
{
  Fixture fixture;
  g_autoptr (GPtrArray) uris = g_ptr_array_new_with_free_func (g_free);
  g_autofree Ask *asks = g_new0 (Ask, 1027);
  guint n_done = 0;

  set_up (&fixture, OPEN "max_parallel = 1");
  for (guint i = 0; i < 1026; i++) {
    g_autofree char *path = g_strdup_printf ("/held/%u", i);
    g_ptr_array_add (uris, uri (&fixture, path));
    asks[i].uri = g_ptr_array_index (uris, i);
  }
  bench_run (&fixture.bench, step_flood, asks);
  g_assert_cmpstr (asks[1025].error, ==, "too many transfers are waiting already");
  /* The engine ends while the others are under way: that is their end too. */
  bench_close (&fixture.bench);
  for (guint i = 0; i < 1026; i++) {
    n_done += asks[i].is_done;
    ask_clear (&asks[i]);
  }
  g_assert_cmpuint (n_done, >=, 1);
  http_server_free (fixture.server);
  g_free (fixture.head);
  g_free (fixture.body);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fetch/what-is-there-is-got", test_plain);
  g_test_add_func ("/fetch/other-statuses-are-failures", test_status);
  g_test_add_func ("/fetch/redirects-are-followed-and-counted", test_redirects);
  g_test_add_func ("/fetch/redirects-are-held-against-the-rules", test_redirect_is_checked);
  g_test_add_func ("/fetch/a-body-above-the-limit-is-refused", test_size);
  g_test_add_func ("/fetch/rules-forbid-schemes-hosts-and-addresses", test_rules);
  g_test_add_func ("/fetch/proxies-of-the-environment-are-not-used", test_environment);
  g_test_add_func ("/fetch/the-configured-proxy-is-used", test_proxy);
  g_test_add_func ("/fetch/a-server-that-is-silent-or-slow-is-given-up", test_times);
  g_test_add_func ("/fetch/a-post-arrives-with-its-headers-also-behind-a-redirect", test_post);
  g_test_add_func ("/fetch/see-other-makes-a-get-of-a-post", test_see_other);
  g_test_add_func ("/fetch/a-simulation-has-no-network", test_simulation);
  g_test_add_func ("/fetch/equal-gets-are-one-transfer", test_equal);
  g_test_add_func ("/fetch/equal-posts-are-not", test_posts_are_not_equal);
  g_test_add_func ("/fetch/who-gives-up-does-not-end-it-for-others", test_cancel);
  g_test_add_func ("/fetch/who-gives-up-at-once-is-not-answered", test_cancel_at_once);
  g_test_add_func ("/fetch/so-many-run-at-a-time", test_parallel);
  g_test_add_func ("/fetch/so-many-run-with-one-server", test_per_host);
  g_test_add_func ("/fetch/more-than-may-wait-fail-and-the-end-is-theirs", test_flood);
  return g_test_run ();
}
