/* SPDX-License-Identifier: Apache-2.0 */
/* test_cli.c - runs the tool against a scripted server: what it sends, prints, and how it ends. */
#include <glib/gstdio.h>
#include <json-c/json.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCHEMA                                                                                     \
  "{\"commands\":[{\"name\":\"up\",\"summary\":\"bring "                                           \
  "up\",\"args\":[{\"name\":\"name\",\"type\":\"string\","                                         \
  "\"required\":true,\"positional\":true,\"doc\":\"connection\"}]},"                               \
  "{\"name\":\"list-conns\",\"summary\":\"connections\",\"args\":[],\"columns\":\"name:name "      \
  "peer:remote.host\","                                                                            \
  "\"rows\":\"connections\"},"                                                                     \
  "{\"name\":\"list-sas\",\"summary\":\"SAs\",\"args\":[],\"columns\":\"name:name state:state\"}," \
  "{\"name\":\"brew\",\"summary\":\"of a plugin\",\"args\":[]}]}"

/* What the server answers to the one request that is not for the schema: lines with @ID for its id.
 */
typedef struct {
  const char *const *answers; /* NULL-terminated; then the connection is closed when @hangs_up */
  gboolean           hangs_up;
  int                listener;
  GString           *request;                 /* what was asked */
} Server;

typedef struct {
  char  *directory, *socket_path, *output, *errors;
  int    status;
  Server server;
  pthread_t thread;
} Fixture;

static void
answer_schema (int fd, gint64 id)
{
  g_autofree char *line =
      g_strdup_printf ("{\"id\":%" G_GINT64_FORMAT ",\"result\":%s}\n", id, SCHEMA);
  g_assert_cmpint (write (fd, line, strlen (line)), ==, (gssize) strlen (line));
}

static void
answer_other (Server *server, int fd, gint64 id)
{
  g_autofree char *id_text = g_strdup_printf ("%" G_GINT64_FORMAT, id);
  for (guint i = 0; server->answers[i] != NULL; i++) {
    g_auto (GStrv) parts = g_strsplit (server->answers[i], "@ID", -1);
    g_autofree char *line = g_strjoinv (id_text, parts), *full = g_strconcat (line, "\n", NULL);
    g_assert_cmpint (write (fd, full, strlen (full)), ==, (gssize) strlen (full));
  }
}

static void
serve_one (Server *server, int fd)
{
  FILE *in = fdopen (dup (fd), "r");
  char *line = NULL;
  size_t size = 0;
  while (getline (&line, &size, in) > 0) {
    struct json_object *request = json_tokener_parse (line), *id = NULL, *command = NULL;
    g_assert_true (json_object_object_get_ex (request, "id", &id));
    g_assert_true (json_object_object_get_ex (request, "command", &command));
    if (strcmp (json_object_get_string (command), "schema") == 0) {
      answer_schema (fd, json_object_get_int64 (id));
    } else {
      g_string_append (server->request, line);
      answer_other (server, fd, json_object_get_int64 (id));
      if (server->hangs_up)
        shutdown (fd, SHUT_RDWR);
    }
    json_object_put (request);
  }
  free (line);
  fclose (in);
}

static void *
serve (void *data)
{
  Server *server = data;
  int fd;
  while ((fd = accept (server->listener, NULL, NULL)) >= 0) {
    serve_one (server, fd);
    close (fd);
  }
  return NULL;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->directory = g_dir_make_tmp ("ikebana-cli-XXXXXX", NULL);
  fixture->socket_path = g_build_filename (fixture->directory, "control", NULL);
  fixture->server.request = g_string_new (NULL);
  fixture->server.listener = -1;
}

static void
start_server (Fixture *fixture, const char *const *answers, gboolean hangs_up)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_strlcpy (address.sun_path, fixture->socket_path, sizeof address.sun_path);
  fixture->server.answers = answers;
  fixture->server.hangs_up = hangs_up;
  fixture->server.listener = socket (AF_UNIX, SOCK_STREAM, 0);
  g_assert_cmpint (bind (fixture->server.listener, (struct sockaddr *) &address, sizeof address),
                   ==, 0);
  g_assert_cmpint (listen (fixture->server.listener, 4), ==, 0);
  g_assert_cmpint (pthread_create (&fixture->thread, NULL, serve, &fixture->server), ==, 0);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  if (fixture->server.listener >= 0) {
    shutdown (fixture->server.listener, SHUT_RDWR);
    pthread_join (fixture->thread, NULL);
    close (fixture->server.listener);
  }
  g_string_free (fixture->server.request, TRUE);
  g_unlink (fixture->socket_path);
  g_rmdir (fixture->directory);
  g_free (fixture->directory);
  g_free (fixture->socket_path);
  g_free (fixture->output);
  g_free (fixture->errors);
}

/* @words: separated by blanks. */
static void
run (Fixture *fixture, const char *words)
{
  const char *top = g_getenv ("IKE_TOP_BUILDDIR");
  g_autofree char *program =
      g_build_filename (top != NULL ? top : "..", "src-tools", "ikebana", NULL);
  g_autofree char *line =
      g_strdup_printf ("%s --socket=%s %s", program, fixture->socket_path, words);
  g_auto (GStrv) argv = g_strsplit (line, " ", -1);
  g_autoptr (GError) error = NULL;
  int result;
  g_clear_pointer (&fixture->output, g_free);
  g_clear_pointer (&fixture->errors, g_free);
  g_spawn_sync (NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &fixture->output, &fixture->errors,
                &result, &error);
  g_assert_no_error (error);
  g_assert_true (WIFEXITED (result));
  fixture->status = WEXITSTATUS (result);
}

static void
assert_has (const char *text, const char *words)
{
  if (strstr (text, words) == NULL)
    g_error ("\"%s\" is not in \"%s\"", words, text);
}

static void
test_not_running (Fixture *fixture, gconstpointer data)
{
  run (fixture, "up home");
  g_assert_cmpint (fixture->status, ==, 3);
  assert_has (fixture->errors, "the daemon is not running");
  assert_has (fixture->errors, "systemctl start ikebanad");
  g_assert_cmpstr (fixture->output, ==, "");
  run (fixture, "help");
  g_assert_cmpint (fixture->status, ==, 0);
  assert_has (fixture->output, "list-conns");
}

static void
test_up (Fixture *fixture, gconstpointer data)
{
  static const char *const answers[] = {
    "{\"id\":@ID,\"kind\":\"progress\",\"part\":{\"text\":\"sent IKE_SA_INIT\\u001b[31m\"}}",
    "{\"id\":@ID,\"result\":{\"text\":\"home is up\"}}", NULL,
  };
  start_server (fixture, answers, FALSE);
  run (fixture, "up home");
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_cmpstr (fixture->output, ==, "sent IKE_SA_INIT\\x1b[31m\nhome is up\n");
  g_assert_cmpstr (fixture->errors, ==, "");
  g_assert_cmpstr (fixture->server.request->str, ==,
                   "{\"id\":2,\"command\":\"up\",\"args\":{\"name\":\"home\"}}\n");
}

static void
test_failure (Fixture *fixture, gconstpointer data)
{
  static const char *const answers[] = {
    "{\"id\":@ID,\"error\":{\"code\":\"failed\",\"message\":\"peer 192.0.2.7: no proposal "
    "chosen\"}}",
    NULL,
  };
  start_server (fixture, answers, FALSE);
  run (fixture, "up home");
  g_assert_cmpint (fixture->status, ==, 1);
  g_assert_cmpstr (fixture->errors, ==, "ikebana: up: peer 192.0.2.7: no proposal chosen\n");
  run (fixture, "--json up home");
  g_assert_cmpint (fixture->status, ==, 1);
  assert_has (fixture->output, "\"code\": \"failed\"");
}

static void
check_code (Fixture *fixture, const char *code, int status)
{
  g_autofree char *answer =
      g_strdup_printf ("{\"id\":@ID,\"error\":{\"code\":\"%s\",\"message\":\"x\"}}", code);
  const char *const answers[] = { answer, NULL };
  start_server (fixture, answers, FALSE);
  run (fixture, "brew");
  g_assert_cmpint (fixture->status, ==, status);
}

static void
test_denied (Fixture *fixture, gconstpointer data)
{
  check_code (fixture, "denied", 4);
}

static void
test_timed_out (Fixture *fixture, gconstpointer data)
{
  check_code (fixture, "timeout", 5);
}

static void
test_not_found (Fixture *fixture, gconstpointer data)
{
  check_code (fixture, "not-found", 6);
}

static void
test_table (Fixture *fixture, gconstpointer data)
{
  static const char *const answers[] = {
    "{\"id\":@ID,\"result\":{\"connections\":[{\"name\":\"home\",\"remote\":{\"host\":\"192.0.2."
    "1\"}},"
    "{\"name\":\"a-longer-name\",\"remote\":{}}]}}",
    NULL,
  };
  start_server (fixture, answers, FALSE);
  run (fixture, "list-conns");
  g_assert_cmpint (fixture->status, ==, 0);
  g_assert_cmpstr (fixture->output, ==,
                   "NAME           PEER\nhome           192.0.2.1\na-longer-name  -\n");
  run (fixture, "list-conns --color=always");
  assert_has (fixture->output, "\033[1mNAME\033[0m");
  run (fixture, "list-conns --json");
  assert_has (fixture->output, "\"host\": \"192.0.2.1\"");
}

static void
test_rows (Fixture *fixture, gconstpointer data)
{
  static const char *const answers[] = {
    "{\"id\":@ID,\"kind\":\"row\",\"part\":{\"name\":\"home\",\"state\":\"established\"}}",
    "{\"id\":@ID,\"result\":{}}", NULL,
  };
  start_server (fixture, answers, FALSE);
  run (fixture, "list-sas");
  g_assert_cmpstr (fixture->output, ==, "NAME  STATE\nhome  established\n");
}

static void
test_plugin_command (Fixture *fixture, gconstpointer data)
{
  static const char *const answers[] = { "{\"id\":@ID,\"result\":{\"cups\":2,\"hot\":true}}",
                                         NULL };
  start_server (fixture, answers, FALSE);
  run (fixture, "help");
  assert_has (fixture->output, "brew");
  run (fixture, "brew");
  g_assert_cmpstr (fixture->output, ==, "cups: 2\nhot: yes\n");
  run (fixture, "bew");
  g_assert_cmpint (fixture->status, ==, 2);
  assert_has (fixture->errors, "did you mean \"brew\"?");
  run (fixture, "__complete -- br");
  g_assert_cmpstr (fixture->output, ==, "brew\tof a plugin\n");
}

static void
test_hang_up (Fixture *fixture, gconstpointer data)
{
  static const char *const answers[] = { NULL };
  start_server (fixture, answers, TRUE);
  run (fixture, "brew");
  g_assert_cmpint (fixture->status, ==, 7);
  assert_has (fixture->errors, "closed the connection");
}

static void
test_garbage (Fixture *fixture, gconstpointer data)
{
  static const char *const answers[] = { "220 mail.example ESMTP", NULL };
  start_server (fixture, answers, FALSE);
  run (fixture, "brew");
  g_assert_cmpint (fixture->status, ==, 7);
  assert_has (fixture->errors, "no JSON");
}

static void
test_wait (Fixture *fixture, gconstpointer data)
{
  static const char *const answers[] = { NULL };
  start_server (fixture, answers, FALSE);
  run (fixture, "brew --wait=1");
  g_assert_cmpint (fixture->status, ==, 5);
}

static void
test_usage (Fixture *fixture, gconstpointer data)
{
  static const char *const answers[] = { NULL };
  start_server (fixture, answers, FALSE);
  run (fixture, "up");
  g_assert_cmpint (fixture->status, ==, 2);
  g_assert_cmpuint (fixture->server.request->len, ==, 0);
  run (fixture, "--color=sometimes up home");
  g_assert_cmpint (fixture->status, ==, 2);
  run (fixture, "brew --wait=x");
  g_assert_cmpint (fixture->status, ==, 2);
  run (fixture, "--frob up");
  g_assert_cmpint (fixture->status, ==, 2);
}

#define ADD(name, function) g_test_add ("/cli/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_unsetenv ("IKEBANA_SOCKET");
  ADD ("without-a-daemon-it-says-what-to-do", test_not_running);
  ADD ("progress-is-shown-and-a-peers-text-is-harmless", test_up);
  ADD ("a-failure-ends-with-its-reason", test_failure);
  ADD ("denied-has-a-status-of-its-own", test_denied);
  ADD ("timed-out-has-a-status-of-its-own", test_timed_out);
  ADD ("not-found-has-a-status-of-its-own", test_not_found);
  ADD ("a-listing-is-a-table-of-the-declared-columns", test_table);
  ADD ("streamed-rows-are-one-table", test_rows);
  ADD ("a-plugins-command-appears-by-itself", test_plugin_command);
  ADD ("a-connection-that-breaks-is-said-to-be-broken", test_hang_up);
  ADD ("an-answer-that-is-no-json-is-refused", test_garbage);
  ADD ("wait-gives-up-when-nothing-comes", test_wait);
  ADD ("a-wrong-command-line-asks-the-daemon-nothing", test_usage);
  return g_test_run ();
}
