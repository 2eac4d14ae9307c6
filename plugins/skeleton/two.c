/* SPDX-License-Identifier: Apache-2.0 */
/* two.c - two engines in one process; see two.h. */
#include "two.h"
#include <ikebana/command.h>
#include <ikebana/sa.h>
#include <string.h>

enum { STEPS_MAX = 200000 }; /* for one answer; more is a circle */

static void
keep_log (const IkeLogRecord *record, gpointer data)
{
  static const char *const levels[] = { "error", "notice", "info", "debug" };

  g_string_append_printf (data, "%s %s %s: %s\n", levels[MIN (record->level, IKE_LOG_DEBUG)],
                          record->group, record->subject ? record->subject : "", record->text);
}

static char *
settings_of (const TwoOptions *o, guint i)
{
  const char *own = o->auth[i] ? o->auth[i] : "psk", *other = o->auth[!i] ? o->auth[!i] : "psk";
  const char *secrets = o->has_no_secret ? ""
                                         : "secrets { ike-two { secret = \"" TWO_SECRET "\" }\n"
                                           "  eap-two { id = a.test\n secret = \"" TWO_SECRET
                                           "\" } }\n";

  return g_strdup_printf (
      "plugins { net-sim { load = yes\n addresses = 10.0.0.%u }\n"
      "  kernel-fake { load = yes\n addresses = 10.0.0.%u } }\n"
      "connections { two { local_addrs = 10.0.0.%u\n remote_addrs = 10.0.0.%u\n"
      "  local { auth = %s\n id = %c.test }\n remote { auth = %s\n id = %c.test }\n"
      "  proposals = aes256gcm16-prfsha256-x25519\n"
      "  children { net { local_ts = 10.%u.0.0/16\n remote_ts = 10.%u.0.0/16\n"
      "    esp_proposals = aes256gcm16 } } } }\n%s%s\n",
      i + 1, i + 1, i + 1, 2 - i, own, "ab"[i], other, "ba"[i], i + 1, 2 - i, secrets,
      o->more[i] ? o->more[i] : "");
}

static gboolean
start (Two *two, const TwoOptions *o, guint i, GError **error)
{
  static const char *const usual[] = { "ikev2",   "crypto-openssl", "auth-psk",  "eap",
                                       "net-sim", "kernel-fake",    "store-file" };
  g_autofree char *settings = settings_of (o, i);
  g_autoptr (GPtrArray) plugins = g_ptr_array_new ();
  IkeEngineOptions options = {
    .struct_size = sizeof options,
    .flags = o->flags | IKE_ENGINE_NO_CONFIG,
    .name = i ? "b" : "a",
    .sim = two->sim,
    .n_shards = 1,
    .settings = settings,
    .plugin_dir = o->plugin_dir ? o->plugin_dir : g_getenv ("IKEBANA_TEST_PLUGINS"),
    .log_fallback = keep_log,
    .log_data = two->log[i],
  };

  for (guint k = 0; k < G_N_ELEMENTS (usual); k++)
    g_ptr_array_add (plugins, (gpointer) usual[k]);
  for (guint k = 0; o->plugins && o->plugins[k]; k++)
    g_ptr_array_add (plugins, (gpointer) o->plugins[k]);
  g_ptr_array_add (plugins, NULL);
  options.plugins = (const char *const *) plugins->pdata;
  two->engine[i] = ike_engine_new (&options, error);
  return two->engine[i] && ike_engine_start (two->engine[i], error);
}

Two *
two_new (const TwoOptions *options, GError **error)
{
  Two *two = g_new0 (Two, 1);

  two->sim = ike_sim_new (1);
  two->now_us = options->now_us;
  for (guint i = 0; i < 2; i++)
    two->log[i] = g_string_new (NULL);
  if (start (two, options, 0, error) && start (two, options, 1, error))
    return two;
  two_free (two);
  return NULL;
}

void
two_free (Two *two)
{
  if (!two)
    return;
  ike_engine_free (two->engine[0]);
  ike_engine_free (two->engine[1]);
  ike_sim_free (two->sim);
  g_string_free (two->log[0], TRUE);
  g_string_free (two->log[1], TRUE);
  g_free (two);
}

static gboolean
is_shard_of (IkeEngine *engine, const IkeLoop *loop)
{
  return engine && loop && loop == ike_engine_shard (engine, 0);
}

/* A simulation has no time of its own, so what a job takes is measured from outside. */
static gboolean
step (Two *two, gint64 until_us)
{
  const IkeLoop *next = two->now_us ? ike_sim_next_loop (two->sim) : NULL;
  gboolean is_shard = is_shard_of (two->engine[0], next) || is_shard_of (two->engine[1], next);
  gint64 began_us = is_shard ? two->now_us () : 0;
  gboolean went_on = ike_sim_step (two->sim, until_us);
  gint64 took_us = is_shard ? two->now_us () - began_us : 0;

  two->longest_us = MAX (two->longest_us, took_us);
  return went_on;
}

void
two_run (Two *two, guint seconds)
{
  gint64 until_us = ike_sim_now_us (two->sim) + (gint64) seconds * G_USEC_PER_SEC;

  for (guint i = 0; i < STEPS_MAX && step (two, until_us); i++)
    ;
}

/* -- bringing up */

typedef struct {
  char *error;
  gboolean is_over;
} Up;

static void
up_over (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Up *up = data;

  up->error = g_strdup (error);
  up->is_over = TRUE;
  ike_tree_free (result);
}

static const IkeCallClass up_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "up",
  .timeout_ms = 600 * 1000,
  .then = up_over,
  .undo = (GDestroyNotify) ike_tree_free,
};

typedef struct {
  Two *two;
  IkeConn *conn;
  Up *up;
} Begin;

static void
begin (gpointer data)
{
  Begin *b = data;
  IkeEngine *engine = b->two->engine[0];

  ike_initiate (engine, b->conn, "net",
                ike_loop_call (ike_engine_control (engine), &up_call, NULL, b->up));
}

char *
two_up (Two *two)
{
  g_autoptr (IkeConfig) config = ike_engine_config (two->engine[0]);
  IkeConn *conn = config ? ike_config_conn (config, "two") : NULL;
  Up up = { NULL, FALSE };
  Begin data = { two, conn, &up };

  if (!conn)
    return g_strdup_printf ("the connection was not loaded:\n%s", two->log[0]->str);
  ike_loop_post (ike_engine_control (two->engine[0]), begin, &data, NULL);
  for (guint i = 0; i < STEPS_MAX && !up.is_over && step (two, G_MAXINT64); i++)
    ;
  two_run (two, 1);
  return up.is_over ? up.error : g_strdup ("it never ends");
}

/* -- commands */

typedef struct {
  Two *two;
  guint end;
  const char *name;
  IkeTree *args, *result;
  char *why;
  gboolean is_over;
} Command;

static void
take_part (gpointer transport, const char *kind, const IkeTree *part)
{
}

static void
take_result (gpointer transport, const IkeTree *result, const char *code, const char *message)
{
  Command *command = transport;

  command->result = result ? ike_tree_copy (result) : NULL;
  command->why = code ? g_strdup_printf ("%s: %s", code, message) : NULL;
  command->is_over = TRUE;
}

static const IkeRequestSink sink = { sizeof sink, take_part, take_result };

static void
ask (gpointer data)
{
  Command *command = data;

  ike_command_run (command->two->engine[command->end], command->name, command->args, FALSE, &sink,
                   command);
}

IkeTree *
two_command (Two *two, guint end, const char *name, IkeTree *args_take, char **why)
{
  Command command = { two,  end,  name, args_take ? args_take : ike_tree_new_section (),
                      NULL, NULL, FALSE };

  ike_loop_post (ike_engine_control (two->engine[end]), ask, &command, NULL);
  for (guint i = 0; i < STEPS_MAX && !command.is_over && step (two, G_MAXINT64); i++)
    ;
  *why = command.is_over ? command.why : g_strdup ("it never ends");
  return command.result;
}

guint64
two_count (const Two *two, guint end, const char *counter)
{
  return ike_counter_get (two->engine[end], counter);
}

char *
two_try (const TwoOptions *options, const char *counter, guint64 counts[2])
{
  g_autoptr (GError) error = NULL;
  Two *two = two_new (options, &error);
  char *why;

  for (guint i = 0; counter && i < 2; i++)
    counts[i] = 0;
  if (!two)
    return g_strdup (error->message);
  why = two_up (two);
  for (guint i = 0; counter && i < 2; i++)
    counts[i] = two_count (two, i, counter);
  two_free (two);
  return why;
}
