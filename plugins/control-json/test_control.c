/* SPDX-License-Identifier: Apache-2.0 */
/* test_control.c - the control sockets of a real engine: requests, parts, cancel, limits, and
 * clients that misbehave. */
#include <errno.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <ikebana/command.h>
#include <ikebana/engine.h>
#include <ikebana/plugin.h>

enum { WAIT_SECONDS = 30 };

/* -- a plugin with commands for these tests */

static int n_gone;                            /* atomic */

static void
run_echo (IkePlugin *self, IkeRequest *request)
{
  ike_request_finish (request, ike_tree_copy (ike_request_args (request)));
}

static void
run_count (IkePlugin *self, IkeRequest *request)
{
  gint64 n = ike_tree_int (ike_request_args (request), "n", 3);
  for (gint64 i = 0; i < n; i++) {
    IkeTree *part = ike_tree_new_section ();
    ike_tree_set_int (part, "i", i);
    ike_tree_set_string (part, "padding",
                         ike_tree_string (ike_request_args (request), "padding", ""));
    ike_request_part (request, "progress", part);
  }
  ike_request_finish (request, NULL);
}

static void
parked_is_gone (gpointer data)
{
  g_atomic_int_inc (&n_gone);
  ike_request_finish (data, NULL);
}

static void
run_park (IkePlugin *self, IkeRequest *request)
{
  ike_request_on_gone (request, parked_is_gone, request);
}

static void
run_fail (IkePlugin *self, IkeRequest *request)
{
  ike_request_fail (request, "failed", "a \"quoted\" reason\nof two lines");
}

static const IkeCommandArg count_args[] = {
  { "n", "uint", FALSE, TRUE, "how many" },
  { "padding", "string", FALSE, FALSE, "text of each part" },
  { NULL },
};
static const IkeCommandArg echo_args[] = { { "text", "string", TRUE, TRUE, "what to say" },
                                           { NULL } };

#define COMMAND(symbol, command, bits, command_args, function)                                     \
  static const IkeCommandClass symbol##_class = { .struct_size = sizeof (IkeCommandClass),         \
                                                  .flags = bits,                                   \
                                                  .summary = command,                              \
                                                  .args = command_args,                            \
                                                  .run = function };                               \
  static const IkeFeature symbol = { .struct_size = sizeof (IkeFeature),                           \
                                     .provides = "command:" command,                               \
                                     .ops = &symbol##_class }

COMMAND (echo, "test-echo", IKE_COMMAND_READ_ONLY, echo_args, run_echo);
COMMAND (count, "test-count", IKE_COMMAND_READ_ONLY | IKE_COMMAND_STREAMS, count_args, run_count);
COMMAND (park, "test-park", IKE_COMMAND_READ_ONLY, NULL, run_park);
COMMAND (fail_command, "test-fail", 0, NULL, run_fail);

static const IkeFeature *const test_features[] = { &echo, &count, &park, &fail_command, NULL };
static const IkePluginInfo test_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "test-commands",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "commands of the test",
  .features = test_features,
};

/* -- an engine on a thread of its own */

typedef struct {
  char           *directory;
  char           *options;                    /* of control-json, further ones */
  IkeEngine      *engine;
  pthread_t       thread;
  pthread_mutex_t lock;
  pthread_cond_t  changed;
  gboolean        is_started, has_failed;
} Fixture;

static void
set_state (Fixture *fixture, IkeEngine *engine, gboolean has_failed)
{
  pthread_mutex_lock (&fixture->lock);
  fixture->engine = engine;
  fixture->is_started = !has_failed;
  fixture->has_failed = has_failed;
  pthread_cond_signal (&fixture->changed);
  pthread_mutex_unlock (&fixture->lock);
}

static void *
run_engine (void *data)
{
  Fixture *fixture = data;
  static const char *const plugins[] = { "control-json", NULL };
  const IkePluginInfo *const builtin[] = { &test_plugin, NULL };
  const char *top = g_getenv ("IKE_TOP_BUILDDIR");
  g_autofree char *plugin_dir =
      g_build_filename (top != NULL ? top : "..", "plugins", ".libs", NULL);
  g_autofree char *settings =
      g_strdup_printf ("plugins { control-json { socket_dir = \"%s\"\n critical = yes\n %s } }",
                       fixture->directory, fixture->options);
  IkeEngineOptions options = {
    .struct_size = sizeof options,
    .settings = settings,
    .n_shards = 1,
    .plugin_dir = plugin_dir,
    .plugins = plugins,
    .builtin = builtin,
  };
  g_autoptr (GError) error = NULL;
  IkeEngine *engine = ike_engine_new (&options, &error);
  if (engine == NULL || !ike_engine_start (engine, &error)) {
    g_printerr ("%s\n", error->message);
    ike_engine_free (engine);
    set_state (fixture, NULL, TRUE);
    return NULL;
  }
  set_state (fixture, engine, FALSE);
  ike_engine_run (engine);
  /* Not before the other thread is out of ike_engine_quit (). */
  pthread_mutex_lock (&fixture->lock);
  pthread_mutex_unlock (&fixture->lock);
  ike_engine_free (engine);
  return NULL;
}

static void
start (Fixture *fixture, const char *options)
{
  fixture->options = g_strdup (options);
  fixture->directory = g_dir_make_tmp ("ikebana-control-XXXXXX", NULL);
  pthread_mutex_init (&fixture->lock, NULL);
  pthread_cond_init (&fixture->changed, NULL);
  g_assert_cmpint (pthread_create (&fixture->thread, NULL, run_engine, fixture), ==, 0);
  pthread_mutex_lock (&fixture->lock);
  while (!fixture->is_started && !fixture->has_failed)
    pthread_cond_wait (&fixture->changed, &fixture->lock);
  pthread_mutex_unlock (&fixture->lock);
  g_assert_false (fixture->has_failed);
}

/* Once: afterwards its thread frees it. */
static void
end_engine (Fixture *fixture)
{
  pthread_mutex_lock (&fixture->lock);
  if (fixture->engine != NULL)
    ike_engine_quit (fixture->engine);
  fixture->engine = NULL;
  pthread_mutex_unlock (&fixture->lock);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  start (fixture, data != NULL ? data : "");
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  end_engine (fixture);
  pthread_join (fixture->thread, NULL);
  g_assert_cmpint (g_rmdir (fixture->directory), ==, 0);
  pthread_mutex_destroy (&fixture->lock);
  pthread_cond_destroy (&fixture->changed);
  g_free (fixture->directory);
  g_free (fixture->options);
}

/* -- a client */

typedef struct { int fd; GString *in; } Peer;

static void
fill_address (Fixture *fixture, const char *name, struct sockaddr_un *address)
{
  g_autofree char *path = g_build_filename (fixture->directory, name, NULL);
  address->sun_family = AF_UNIX;
  g_assert_cmpuint (g_strlcpy (address->sun_path, path, sizeof address->sun_path), <,
                    sizeof address->sun_path);
}

static Peer
connect_to (Fixture *fixture, const char *name)
{
  struct sockaddr_un address = { 0 };
  struct timeval limit = { .tv_sec = WAIT_SECONDS };
  Peer peer = { socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), g_string_new (NULL) };
  fill_address (fixture, name, &address);
  setsockopt (peer.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt (peer.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  g_assert_cmpint (connect (peer.fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return peer;
}

static void
hang_up (Peer *peer)
{
  close (peer->fd);
  g_string_free (peer->in, TRUE);
}

static void
say_bytes (Peer *peer, const char *text, gsize len)
{
  while (len > 0) {
    ssize_t n = send (peer->fd, text, len, MSG_NOSIGNAL);
    g_assert_cmpint (n, >, 0);
    text += n;
    len -= (gsize) n;
  }
}

static void
say (Peer *peer, const char *text)
{
  say_bytes (peer, text, strlen (text));
}

/* Without the blanks behind ':' and ',': how a tree is written is not what these tests are about.
 */
static char *
take_line (GString *in, gsize len)
{
  GString *line = g_string_new (NULL);
  for (gsize i = 0; i < len; i++) {
    if (in->str[i] != ' ' || i == 0 || strchr (":,", in->str[i - 1]) == NULL)
      g_string_append_c (line, in->str[i]);
  }
  g_string_erase (in, 0, (gssize) len + 1);
  return g_string_free (line, FALSE);
}

/* NULL at the end of the connection. */
static char *
hear (Peer *peer)
{
  for (;;) {
    char chunk[4096], *newline = strchr (peer->in->str, '\n');
    ssize_t n;
    if (newline != NULL)
      return take_line (peer->in, (gsize) (newline - peer->in->str));
    n = recv (peer->fd, chunk, sizeof chunk, 0);
    if (n == 0 || (n < 0 && errno == ECONNRESET))
      return NULL;
    g_assert_cmpint (n, >, 0);
    g_string_append_len (peer->in, chunk, n);
  }
}

static void
assert_hears (Peer *peer, const char *expected)
{
  g_autofree char *line = hear (peer);
  g_assert_cmpstr (line, ==, expected);
}

static void
assert_hears_words (Peer *peer, const char *begin, const char *words)
{
  g_autofree char *line = hear (peer);
  g_assert_nonnull (line);
  if (!g_str_has_prefix (line, begin) || strstr (line, words) == NULL)
    g_error ("\"%s\" does not begin with \"%s\" and hold \"%s\"", line, begin, words);
}

/* -- tests */

static void
test_answers (Fixture *fixture, gconstpointer data)
{
  Peer peer = connect_to (fixture, "control");
  say (&peer, "{\"id\":1,\"command\":\"test-echo\",\"args\":{\"text\":\"h\\u00e9 \\\"\"}}\n");
  assert_hears (&peer, "{\"id\":1,\"result\":{\"text\":\"h\xc3\xa9 \\\"\"}}");
  say (&peer, "{\"id\":\"b\",\"command\":\"test-count\",\"args\":{\"n\":2}}\r\n\n");
  assert_hears (&peer, "{\"id\":\"b\",\"kind\":\"progress\",\"part\":{\"i\":0,\"padding\":\"\"}}");
  assert_hears (&peer, "{\"id\":\"b\",\"kind\":\"progress\",\"part\":{\"i\":1,\"padding\":\"\"}}");
  assert_hears (&peer, "{\"id\":\"b\",\"result\":{}}");
  say (&peer, "{\"id\":3,\"command\":\"test-fail\"}\n");
  assert_hears (&peer, "{\"id\":3,\"error\":{\"code\":\"failed\",\"message\":\"a \\\"quoted\\\" "
                       "reason\\nof two lines\"}}");
  say (&peer, "{\"id\":4,\"command\":\"schema\"}\n");
  assert_hears_words (&peer, "{\"id\":4,\"result\":{\"commands\":[", "\"name\":\"test-echo\"");
  hang_up (&peer);
}

static void
test_refusals (Fixture *fixture, gconstpointer data)
{
  Peer peer = connect_to (fixture, "control");
  say (&peer, "{\"id\":1,\"command\":\"test-ecko\",\"args\":{\"text\":\"x\"}}\n");
  assert_hears_words (&peer, "{\"id\":1,\"error\":", "did you mean test-echo?");
  say (&peer, "{\"id\":2,\"command\":\"test-echo\"}\n");
  assert_hears_words (&peer, "{\"id\":2,\"error\":{\"code\":\"usage\"", "text");
  say (&peer, "GET / HTTP/1.1\n");
  assert_hears_words (&peer, "{\"id\":null,\"error\":{\"code\":\"usage\"", "not a JSON object");
  say_bytes (&peer, "{\"id\":5\0}\n", 10);
  assert_hears_words (&peer, "{\"id\":null,\"error\":{\"code\":\"usage\"", "message");
  say (&peer, "{\"id\":6,\"command\":\"test-echo\",\"args\":{\"text\":\"still here\"}}\n");
  assert_hears (&peer, "{\"id\":6,\"result\":{\"text\":\"still here\"}}");
  hang_up (&peer);
}

static void
test_pieces (Fixture *fixture, gconstpointer data)
{
  static const char text[] = "{\"id\":1,\"command\":\"test-echo\",\"args\":{\"text\":\"a\"}}\n"
                             "{\"id\":2,\"command\":\"test-echo\",\"args\":{\"text\":\"b\"}}\n";
  Peer peer = connect_to (fixture, "control");
  for (gsize i = 0; i < strlen (text); i++)
    say_bytes (&peer, text + i, 1);
  assert_hears (&peer, "{\"id\":1,\"result\":{\"text\":\"a\"}}");
  assert_hears (&peer, "{\"id\":2,\"result\":{\"text\":\"b\"}}");
  hang_up (&peer);
}

static void
test_half_closed (Fixture *fixture, gconstpointer data)
{
  Peer peer = connect_to (fixture, "control");
  say (&peer, "{\"id\":1,\"command\":\"test-count\",\"args\":{\"n\":1}}\n{\"id\":2,\"command\":"
              "\"test-fail\"}\n");
  shutdown (peer.fd, SHUT_WR);
  assert_hears_words (&peer, "{\"id\":1,\"kind\"", "");
  assert_hears_words (&peer, "{\"id\":1,\"result\"", "");
  assert_hears_words (&peer, "{\"id\":2,\"error\"", "");
  assert_hears (&peer, NULL);
  hang_up (&peer);
}

static void
test_monitor (Fixture *fixture, gconstpointer data)
{
  Peer peer = connect_to (fixture, "monitor");
  say (&peer, "{\"id\":1,\"command\":\"test-fail\"}\n");
  assert_hears_words (&peer, "{\"id\":1,\"error\":{\"code\":\"denied\"", "test-fail");
  say (&peer, "{\"id\":2,\"command\":\"test-echo\",\"args\":{\"text\":\"read\"}}\n");
  assert_hears (&peer, "{\"id\":2,\"result\":{\"text\":\"read\"}}");
  hang_up (&peer);
}

static void
test_modes (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = { "control", "monitor" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (fixture->directory, names[i], NULL);
    struct stat status;
    g_assert_cmpint (stat (path, &status), ==, 0);
    g_assert_true (S_ISSOCK (status.st_mode));
    g_assert_cmpint (status.st_mode & 07777, ==, 0660);
  }
}

static void
wait_for_gone (int before, int n)
{
  gint64 limit = g_get_monotonic_time () + WAIT_SECONDS * G_USEC_PER_SEC;
  while (g_atomic_int_get (&n_gone) < before + n && g_get_monotonic_time () < limit)
    g_thread_yield ();
  g_assert_cmpint (g_atomic_int_get (&n_gone), ==, before + n);
}

static void
test_cancel (Fixture *fixture, gconstpointer data)
{
  int before = g_atomic_int_get (&n_gone);
  Peer peer = connect_to (fixture, "control");
  say (&peer, "{\"id\":1,\"command\":\"test-park\"}\n{\"id\":1,\"command\":\"test-park\"}\n");
  assert_hears_words (&peer, "{\"id\":1,\"error\":{\"code\":\"usage\"", "still running");
  say (&peer, "{\"id\":9,\"cancel\":true}\n{\"id\":1,\"cancel\":true}\n");
  assert_hears_words (&peer, "{\"id\":1,\"error\":{\"code\":\"cancelled\"", "");
  wait_for_gone (before, 1);
  say (&peer, "{\"id\":1,\"command\":\"test-echo\",\"args\":{\"text\":\"again\"}}\n");
  assert_hears (&peer, "{\"id\":1,\"result\":{\"text\":\"again\"}}");
  hang_up (&peer);
}

static void
test_client_gone (Fixture *fixture, gconstpointer data)
{
  int before = g_atomic_int_get (&n_gone);
  Peer peer = connect_to (fixture, "control");
  say (&peer, "{\"id\":1,\"command\":\"test-park\"}\n{\"id\":2,\"command\":\"test-park\"}\n"
              "{\"id\":3,\"command\":\"test-echo\",\"args\":{\"text\":\"x\"}}\n");
  assert_hears_words (&peer, "{\"id\":3,\"result\"", "");
  hang_up (&peer);
  wait_for_gone (before, 2);
}

static void
test_engine_ends (Fixture *fixture, gconstpointer data)
{
  Peer peer = connect_to (fixture, "control");
  say (&peer, "{\"id\":1,\"command\":\"test-park\"}\n{\"id\":2,\"command\":\"test-echo\",\"args\":{"
              "\"text\":\"x\"}}\n");
  assert_hears_words (&peer, "{\"id\":2,\"result\"", "");
  end_engine (fixture);
  assert_hears_words (&peer, "{\"id\":1,\"error\"", "ends");
  assert_hears (&peer, NULL);
  hang_up (&peer);
}

static void
test_long_line (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = g_strnfill (65537, 'x');
  Peer peer = connect_to (fixture, "control");
  say (&peer, text);
  assert_hears_words (&peer, "{\"id\":null,\"error\":{\"code\":\"usage\"", "65536");
  assert_hears (&peer, NULL);
  hang_up (&peer);
}

static void
test_too_many_requests (Fixture *fixture, gconstpointer data)
{
  Peer peer = connect_to (fixture, "control");
  say (&peer, "{\"id\":1,\"command\":\"test-park\"}\n{\"id\":2,\"command\":\"test-park\"}\n"
              "{\"id\":3,\"command\":\"test-park\"}\n");
  assert_hears_words (&peer, "{\"id\":3,\"error\":{\"code\":\"busy\"", "");
  hang_up (&peer);
}

static void
test_too_many_clients (Fixture *fixture, gconstpointer data)
{
  Peer first = connect_to (fixture, "control"), second = connect_to (fixture, "monitor"), third;
  say (&first, "{\"id\":1,\"command\":\"test-echo\",\"args\":{\"text\":\"x\"}}\n");
  say (&second, "{\"id\":1,\"command\":\"test-echo\",\"args\":{\"text\":\"x\"}}\n");
  assert_hears_words (&first, "{\"id\":1,\"result\"", "");
  assert_hears_words (&second, "{\"id\":1,\"result\"", "");
  third = connect_to (fixture, "control");
  assert_hears_words (&third, "{\"id\":null,\"error\":{\"code\":\"busy\"", "");
  assert_hears (&third, NULL);
  hang_up (&first);
  hang_up (&second);
  hang_up (&third);
}

/* One client asks for much and reads nothing; the other is served all the same, and then the first
 * is gone. */
static void
test_slow_reader (Fixture *fixture, gconstpointer data)
{
  g_autofree char *padding = g_strnfill (1000, 'p');
  g_autofree char *request = g_strdup_printf (
      "{\"id\":1,\"command\":\"test-count\",\"args\":{\"n\":5000,\"padding\":\"%s\"}}\n", padding);
  Peer slow = connect_to (fixture, "control"), other = connect_to (fixture, "control");
  guint n = 0;
  char *line;
  say (&slow, request);
  say (&other, "{\"id\":1,\"command\":\"test-echo\",\"args\":{\"text\":\"x\"}}\n");
  assert_hears_words (&other, "{\"id\":1,\"result\"", "");
  while ((line = hear (&slow)) != NULL) {
    g_assert_null (strstr (line, "\"result\""));
    g_free (line);
    n++;
  }
  g_assert_cmpuint (n, <, 5000);
  hang_up (&slow);
  hang_up (&other);
}

/* Far more output than is kept for one client, but in answers of their own: requests wait until
 * there is room. */
static void
test_pipelined (Fixture *fixture, gconstpointer data)
{
  g_autofree char *padding = g_strnfill (1000, 'p');
  g_autoptr (GString) all = g_string_new (NULL);
  Peer peer = connect_to (fixture, "control");
  for (guint i = 0; i < 50; i++)
    g_string_append_printf (
        all, "{\"id\":%u,\"command\":\"test-count\",\"args\":{\"n\":100,\"padding\":\"%s\"}}\n", i,
        padding);
  say (&peer, all->str);
  for (guint i = 0; i < 50; i++) {
    g_autofree char *begin = g_strdup_printf ("{\"id\":%u,", i);
    for (guint k = 0; k < 101; k++)
      assert_hears_words (&peer, begin, k < 100 ? "\"part\"" : "\"result\"");
  }
  hang_up (&peer);
}

static void
test_stale (void)
{
  Fixture fixture = { 0 }, second = { 0 };
  struct sockaddr_un address = { 0 };
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);
  set_up (&fixture, NULL);
  second.directory = fixture.directory;
  second.options = g_strdup ("");
  /* While the first answers, a second engine does not start and takes nothing away. */
  pthread_mutex_init (&second.lock, NULL);
  pthread_cond_init (&second.changed, NULL);
  run_engine (&second);
  g_assert_true (second.has_failed);
  test_modes (&fixture, NULL);
  g_free (second.options);
  pthread_mutex_destroy (&second.lock);
  pthread_cond_destroy (&second.changed);
  end_engine (&fixture);
  pthread_join (fixture.thread, NULL);
  /* What a dead one left is removed. */
  fill_address (&fixture, "control", &address);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  close (fd);
  g_assert_true (g_file_test (address.sun_path, G_FILE_TEST_EXISTS));
  fixture.is_started = FALSE;
  g_assert_cmpint (pthread_create (&fixture.thread, NULL, run_engine, &fixture), ==, 0);
  pthread_mutex_lock (&fixture.lock);
  while (!fixture.is_started && !fixture.has_failed)
    pthread_cond_wait (&fixture.changed, &fixture.lock);
  pthread_mutex_unlock (&fixture.lock);
  g_assert_true (fixture.is_started);
  test_modes (&fixture, NULL);
  tear_down (&fixture, NULL);
}

#define ADD(name, options, function)                                                               \
  g_test_add ("/control/" name, Fixture, options, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("a-request-is-answered-under-its-id", NULL, test_answers);
  ADD ("what-is-wrong-is-said-and-the-connection-goes-on", NULL, test_refusals);
  ADD ("requests-may-come-in-pieces", NULL, test_pieces);
  ADD ("a-client-that-says-no-more-still-hears-its-answers", NULL, test_half_closed);
  ADD ("the-monitor-socket-changes-nothing", NULL, test_monitor);
  ADD ("sockets-are-for-owner-and-group", NULL, test_modes);
  ADD ("a-cancelled-request-is-told-so", NULL, test_cancel);
  ADD ("requests-of-a-client-that-left-are-told-so", NULL, test_client_gone);
  ADD ("an-engine-that-ends-answers-what-is-parked", NULL, test_engine_ends);
  ADD ("a-line-that-never-ends-is-refused", NULL, test_long_line);
  ADD ("requests-per-client-are-limited", "max_requests = 2", test_too_many_requests);
  ADD ("clients-are-limited", "max_clients = 2", test_too_many_clients);
  ADD ("a-client-that-does-not-read-is-dropped", "max_output = 64k", test_slow_reader);
  ADD ("pipelined-requests-wait-for-room", "max_output = 1m", test_pipelined);
  g_test_add_func ("/control/only-a-dead-socket-is-replaced", test_stale);
  return g_test_run ();
}
