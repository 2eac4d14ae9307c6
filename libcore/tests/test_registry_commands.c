/* SPDX-License-Identifier: Apache-2.0 */
/* test_registry_commands.c - commands: who may run what, with which arguments; reloads; log and
 * events that are followed. */
#include "tests/config_fixture.h"
#include <glib/gstdio.h>
#include <unistd.h>
#include <ikebana/bus.h>
#include <ikebana/log.h>

/* A client that remembers what it heard. */
typedef struct {
  GPtrArray *parts;                           /* "kind text" */
  IkeTree   *result;
  char      *code, *message;
  guint      n_done;
} Client;

typedef struct {
  ConfigFixture base;
  Client        client;
  char         *file;
} Fixture;

static void
heard_part (gpointer transport, const char *kind, const IkeTree *part)
{
  g_autofree char *text = ike_tree_serialize (part, FALSE);
  g_ptr_array_add (((Client *) transport)->parts, g_strdup_printf ("%s %s", kind, text));
}

static void
heard_end (gpointer transport, const IkeTree *result, const char *code, const char *message)
{
  Client *client = transport;

  client->n_done++;
  g_clear_pointer (&client->result, ike_tree_free);
  g_free (client->code);
  g_free (client->message);
  client->result = ike_tree_copy (result);
  client->code = g_strdup (code);
  client->message = g_strdup (message);
}

static const IkeRequestSink sink = { .struct_size = sizeof sink,
                                     .part = heard_part,
                                     .done = heard_end };

static void
set_up (Fixture *fixture, gconstpointer unused)
{
  config_fixture_init (&fixture->base,
                       "connections { home { local { auth = psk }\n remote { auth = psk } } }",
                       NULL);
  fixture->client.parts = g_ptr_array_new_with_free_func (g_free);
}

static void
set_up_file (Fixture *fixture, gconstpointer unused)
{
  int fd = g_file_open_tmp ("ikebana-reload-XXXXXX", &fixture->file, NULL);

  g_assert_cmpint (fd, >=, 0);
  close (fd);
  g_assert_true (
      g_file_set_contents (fixture->file,
                           "connections { a { local { auth = psk }\n remote { auth = psk } }\n"
                           "b { local { auth = psk }\n remote { auth = psk } } }",
                           -1, NULL));
  config_fixture_init (&fixture->base, NULL, fixture->file);
  fixture->client.parts = g_ptr_array_new_with_free_func (g_free);
}

static void
tear_down (Fixture *fixture, gconstpointer unused)
{
  config_fixture_clear (&fixture->base);
  g_ptr_array_unref (fixture->client.parts);
  ike_tree_free (fixture->client.result);
  g_free (fixture->client.code);
  g_free (fixture->client.message);
  if (fixture->file)
    g_unlink (fixture->file);
  g_free (fixture->file);
}

static IkeRequest *
run (Fixture *fixture, const char *name, IkeTree *args_take)
{
  return ike_command_run (fixture->base.engine, name, args_take, FALSE, &sink, &fixture->client);
}

/* Arguments with one string. */
static IkeTree *
args (const char *key, const char *value)
{
  IkeTree *tree = ike_tree_new_section ();
  ike_tree_set_string (tree, key, value);
  return tree;
}

static void
assert_refused (Fixture *fixture, const char *name, IkeTree *args_take, const char *code,
                const char *message)
{
  g_assert_null (run (fixture, name, args_take));
  g_assert_cmpstr (fixture->client.code, ==, code);
  g_assert_cmpstr (fixture->client.message, ==, message);
}

static void
test_refusals (Fixture *fixture, gconstpointer unused)
{
  IkeTree *nested = ike_tree_new_section ();

  assert_refused (fixture, "realod", NULL, "not-found",
                  "unknown command realod, did you mean reload?");
  assert_refused (fixture, "x\n", NULL, "not-found", "unknown command x\\x0a");
  assert_refused (fixture, "reload", args ("dry-rnu", "yes"), "usage",
                  "unknown argument dry-rnu, did you mean dry-run?");
  assert_refused (fixture, "reload", args ("dry-run", "maybe"), "usage",
                  "argument dry-run must be a bool");
  assert_refused (fixture, "stats", args ("a", "b"), "usage",
                  "unknown argument a; this command takes none");
  assert_refused (fixture, "log", args ("level", "loud"), "usage",
                  "argument level must be one of error|notice|info|debug");
  assert_refused (fixture, "reload", ike_tree_new_list (), "usage",
                  "arguments must be an object with names");
  ike_tree_add_section (nested, "dry-run");
  assert_refused (fixture, "reload", nested, "usage", "argument dry-run must be a bool");
  g_assert_null (
      ike_command_run (fixture->base.engine, "reload", NULL, TRUE, &sink, &fixture->client));
  g_assert_cmpstr (fixture->client.code, ==, "denied");
}

static void
test_list_conns (Fixture *fixture, gconstpointer unused)
{
  g_assert_null (run (fixture, "list-conns", NULL));
  g_assert_null (fixture->client.code);
  g_assert_cmpstr (ike_tree_string (fixture->client.result, "connections.0.name", NULL), ==,
                   "home");
  g_assert_cmpstr (ike_tree_string (fixture->client.result, "connections.0.local.0.auth", NULL), ==,
                   "psk");
  assert_refused (fixture, "list-conns", args ("name", "away"), "not-found",
                  "no connection is called away");
}

static void
test_others (Fixture *fixture, gconstpointer unused)
{
  static const char *const names[] = { "plugins", "stats", "version", "jobs", "options" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_assert_null (run (fixture, names[i], NULL));
    g_assert_null (fixture->client.code);
    g_assert_cmpuint (ike_tree_n (fixture->client.result), >, 0);
  }
  g_assert_cmpuint (ike_tree_n (ike_tree_get (fixture->client.result, "options")), >, 10);
  g_assert_null (run (fixture, "plugins", args ("why", "lazy")));
  g_assert_nonnull (strstr (ike_tree_string (fixture->client.result, "why", ""), "too lazy"));
  g_assert_null (run (fixture, "plugins", args ("order", "yes")));
  g_assert_cmpuint (fixture->client.n_done, ==, 7);
}

static void
test_schema (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (IkeTree) schema = ike_command_schema (fixture->base.engine);
  const IkeTree *commands = ike_tree_get (schema, "commands"), *reload = NULL;

  for (guint i = 0; i < ike_tree_n (commands); i++)
    if (strcmp (ike_tree_string (ike_tree_nth (commands, i), "name", ""), "reload") == 0)
      reload = ike_tree_nth (commands, i);
  g_assert_nonnull (reload);
  g_assert_cmpstr (ike_tree_string (reload, "args.0.name", NULL), ==, "dry-run");
  g_assert_cmpstr (ike_tree_string (reload, "args.0.type", NULL), ==, "bool");
  g_assert_cmpuint (ike_tree_n (ike_tree_get (reload, "flags")), ==, 0);
}

static void
test_log (Fixture *fixture, gconstpointer unused)
{
  IkeRequest *request = run (fixture, "log", args ("level", "notice"));

  g_assert_nonnull (request);
  ike_log (fixture->base.engine, IKE_LOG_INFO, "net", "left out");
  ike_log (fixture->base.engine, IKE_LOG_NOTICE, "net", "taken");
  ike_sim_settle (fixture->base.sim);
  g_assert_cmpuint (fixture->client.parts->len, ==, 1);
  g_assert_nonnull (
      strstr (fixture->client.parts->pdata[0], "\"group\": \"net\", \"text\": \"taken\""));
  ike_request_client_gone (request);
  ike_log (fixture->base.engine, IKE_LOG_NOTICE, "net", "nobody hears");
  ike_sim_settle (fixture->base.sim);
  g_assert_cmpuint (fixture->client.parts->len, ==, 1);
  g_assert_cmpuint (fixture->client.n_done, ==, 0);
}

static void
test_events (Fixture *fixture, gconstpointer unused)
{
  IkeRequest *request = run (fixture, "events", args ("events", "child-*,other"));
  IkeEngine *engine = fixture->base.engine;

  g_assert_nonnull (request);
  ike_event_emit (engine, ike_event_new (engine, "child-up", args ("name", "net")));
  ike_event_emit (engine, ike_event_new (engine, "ike-up", NULL));
  ike_sim_settle (fixture->base.sim);
  g_assert_cmpuint (fixture->client.parts->len, ==, 1);
  g_assert_nonnull (strstr (fixture->client.parts->pdata[0], "\"event\": \"child-up\""));
  g_assert_nonnull (strstr (fixture->client.parts->pdata[0], "\"body\": {\"name\": \"net\"}"));
  ike_request_client_gone (request);
  ike_event_emit (engine, ike_event_new (engine, "child-up", NULL));
  ike_sim_settle (fixture->base.sim);
  g_assert_cmpuint (fixture->client.parts->len, ==, 1);
}

static void
test_stop (Fixture *fixture, gconstpointer unused)
{
  g_assert_nonnull (run (fixture, "events", NULL));
  g_assert_nonnull (run (fixture, "log", NULL));
  ike_control_stop (fixture->base.engine);
  g_assert_cmpuint (fixture->client.n_done, ==, 2);
  g_assert_cmpstr (fixture->client.message, ==, "the daemon ends");
  assert_refused (fixture, "stats", NULL, "failed", "the daemon ends");
}

/* -- reload */

static void
assert_list (Fixture *fixture, const char *key, const char *first)
{
  const IkeTree *list = ike_tree_get (fixture->client.result, key);

  g_assert_cmpuint (ike_tree_n (list), ==, first ? 1 : 0);
  g_assert_cmpstr (ike_tree_string (list, "0", NULL), ==, first);
}

static const char changed[] =
    "connections { b { version = 2\n local { auth = psk }\n remote { auth = psk } }\n"
    "c { local { auth = psk }\n remote { auth = psk } }\n d { nonsense = 1 } }";

static void
test_reload (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (IkeConfig) before = ike_engine_config (fixture->base.engine), same = NULL,
                        after = NULL;

  g_assert_cmpuint (before->n_conns, ==, 2);
  g_assert_true (g_file_set_contents (fixture->file, changed, -1, NULL));
  g_assert_null (run (fixture, "reload", args ("dry-run", "yes")));
  assert_list (fixture, "added", "c");
  assert_list (fixture, "changed", "b");
  assert_list (fixture, "removed", "a");
  assert_list (fixture, "kept", NULL);
  g_assert_cmpuint (ike_tree_n (ike_tree_get (fixture->client.result, "problems")), ==, 3);
  same = ike_engine_config (fixture->base.engine);
  g_assert_true (same == before);
  g_assert_nonnull (ike_tree_get (ike_engine_settings (fixture->base.engine), "connections.a"));
  g_assert_null (run (fixture, "reload", NULL));
  after = ike_engine_config (fixture->base.engine);
  g_assert_nonnull (ike_config_conn (after, "c"));
  g_assert_null (ike_config_conn (after, "a"));
  g_assert_nonnull (ike_tree_get (ike_engine_settings (fixture->base.engine), "connections.c"));
}

/* Levels and rate of the log follow at once; the rest of the core's settings does not. */
static void
test_reload_log (Fixture *fixture, gconstpointer unused)
{
  static const struct { const char *settings; gboolean wants_ike, wants_net, has_note; } steps[] = {
    { "core { log { ike = debug\n } }", TRUE, FALSE, FALSE },
    { "core { log { default = debug\n ike = notice\n } }", FALSE, TRUE, FALSE },
    { "core { log_rate = 5 }", FALSE, FALSE, FALSE },
    { "core { log_rate = 5\n shards = 3\n }", FALSE, FALSE, TRUE },
    { "", FALSE, FALSE, TRUE },
  };
  IkeEngine *engine = fixture->base.engine;

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
    g_assert_true (g_file_set_contents (fixture->file, steps[i].settings, -1, NULL));
    g_assert_null (run (fixture, "reload", NULL));
    g_assert_null (fixture->client.code);
    g_assert_cmpint (ike_log_wants (engine, IKE_LOG_DEBUG, "ike"), ==, steps[i].wants_ike);
    g_assert_cmpint (ike_log_wants (engine, IKE_LOG_DEBUG, "net"), ==, steps[i].wants_net);
    g_assert_true (ike_log_wants (engine, IKE_LOG_NOTICE, "ike"));
    g_assert_cmpint (ike_tree_get (fixture->client.result, "note") != NULL, ==,
                     steps[i].has_note);
  }
}

static void
test_reload_wrong (Fixture *fixture, gconstpointer unused)
{
  static const char *const cases[][2] = {
    { "connections {", "has no end" },
    { "core { shrads = 1 }", "core.shrads: unknown key, did you mean shards?" },
    { "core { shards = many }", "'many' is no uint" },
    { "core { log = debug }", "is a section" },
    { "core { log { net = loud } }", "core.log.net: a level is" },
    { "core { retransmit_base = 20 }", "'20' is not a factor" },
    { "core { shards { } }", "takes a value" },
  };
  g_autoptr (IkeConfig) before = ike_engine_config (fixture->base.engine), after = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_assert_true (g_file_set_contents (fixture->file, cases[i][0], -1, NULL));
    g_assert_null (run (fixture, "reload", NULL));
    g_assert_cmpstr (fixture->client.code, ==, "failed");
    if (!strstr (fixture->client.message, cases[i][1]))
      g_error ("expected \"%s\", got \"%s\"", cases[i][1], fixture->client.message);
  }
  after = ike_engine_config (fixture->base.engine);
  g_assert_true (before == after);
}

static void
test_load_conn (Fixture *fixture, gconstpointer unused)
{
  static const char text[] =
      "good { local { auth = psk }\n remote { auth = psk } }\n bad { local { auth = psk } }";
  g_autoptr (IkeTree) tree = ike_settings_parse (text, strlen (text), "args", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeConfig) config = NULL;

  g_assert_false (
      ike_engine_load_conn (fixture->base.engine, "bad", ike_tree_get (tree, "bad"), &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_CONFIG);
  g_clear_error (&error);
  g_assert_true (
      ike_engine_load_conn (fixture->base.engine, "good", ike_tree_get (tree, "good"), &error));
  g_assert_no_error (error);
  g_assert_null (run (fixture, "reload", NULL));
  g_assert_null (fixture->client.code);
  config = ike_engine_config (fixture->base.engine);
  g_assert_nonnull (ike_config_conn (config, "good"));
  g_assert_nonnull (ike_config_conn (config, "a"));
  g_assert_null (ike_config_conn (config, "bad"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, function, up)                                                                   \
  g_test_add ("/commands/" name, Fixture, NULL, up, function, tear_down)
  TEST ("what-is-wrong-is-refused-with-the-nearest-name", test_refusals, set_up);
  TEST ("connections-are-listed", test_list_conns, set_up);
  TEST ("the-core-answers-about-itself", test_others, set_up);
  TEST ("the-schema-describes-commands", test_schema, set_up);
  TEST ("the-log-is-followed-until-the-client-goes", test_log, set_up);
  TEST ("events-are-followed-until-the-client-goes", test_events, set_up);
  TEST ("running-requests-fail-when-the-daemon-ends", test_stop, set_up);
  TEST ("a-reload-changes-only-what-changed", test_reload, set_up_file);
  TEST ("a-reload-sets-the-levels-of-the-log", test_reload_log, set_up_file);
  TEST ("a-wrong-reload-changes-nothing", test_reload_wrong, set_up_file);
  TEST ("a-connection-may-be-loaded-by-hand", test_load_conn, set_up_file);
  return g_test_run ();
}
