/* SPDX-License-Identifier: Apache-2.0 */
/* pair.c - two engines in one process; see pair.h. */
#include "exchange/pair.h"
#include <ikebana/command.h>
#include <ikebana/model.h>
#include <string.h>

static const char default_connection[] = "    proposals = aes256gcm16-prfsha256-x25519\n"
                                         "    children { net { local_ts = 10.%d.0.0/16\n remote_ts "
                                         "= 10.%d.0.0/16\n esp_proposals = aes256gcm16\n } }\n";

static void
keep_log (const IkeLogRecord *record, gpointer data)
{
  PairEnd *end = data;

  g_string_append_printf (end->log, "%s %s: %s\n", record->group,
                          record->subject ? record->subject : "", record->text);
}

/* Of role @i at host @host. */
static char *
settings_of (const PairOptions *o, guint i, guint host)
{
  g_autofree char *body = o->connection[i]
                              ? g_strdup (o->connection[i])
                              : g_strdup_printf (default_connection, (int) i + 1, 2 - (int) i);

  return g_strdup_printf (
      "core { shards = %u }\n"
      "plugins { net-sim { load = yes\n addresses = 10.0.0.%u, fd00::%u\n }\n"
      "  kernel-fake { load = yes\n record = yes\n addresses = 10.0.0.%u\n } }\n%s\n"
      "connections { pair {\n local_addrs = 10.0.0.%u\n remote_addrs = 10.0.0.%u\n"
      "    local { auth = psk\n id = %c.test\n }\n remote { auth = psk\n id = %c.test\n }\n%s } }\n"
      "secrets { ike-pair { %s } }\n",
      o->n_shards ? o->n_shards : 1, host, host, host, o->more[i] ? o->more[i] : "", host, 2 - i,
      "ab"[i], "ba"[i], body,
      o -> secrets[i] ? o -> secrets[i] : "secret = correct-horse-battery\n");
}

static void
end_start (Pair *pair, PairEnd *end, const PairOptions *o, guint i, guint host)
{
  static const char *const needed[] = { "ikev2",   "crypto-openssl", "auth-psk",
                                        "net-sim", "kernel-fake",    "store-file" };
  g_autofree char *settings = settings_of (o, i, host);
  g_autofree char *dir = g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "plugins", ".libs", NULL);
  g_autoptr (GPtrArray) plugins = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  const IkeProvided *fake;
  IkeEngineOptions options = {
    .struct_size = sizeof options,
    .flags = o->flags | IKE_ENGINE_NO_CONFIG,
    .name = host == 1 ? "a" : host == 2 ? "b" : "c",
    .sim = pair->sim,
    .n_shards = o->n_shards ? o->n_shards : 1,
    .n_offload = 0,
    .settings = settings,
    .plugin_dir = dir,
    .builtin = o->builtin,
    .log_fallback = keep_log,
    .log_data = end,
  };
  guint k;

  for (k = 0; k < G_N_ELEMENTS (needed); k++)
    g_ptr_array_add (plugins, (gpointer) needed[k]);
  for (k = 0; o->plugins && o->plugins[k]; k++)
    g_ptr_array_add (plugins, (gpointer) o->plugins[k]);
  g_ptr_array_add (plugins, NULL);
  options.plugins = (const char *const *) plugins->pdata;
  end->log = g_string_new (NULL);
  end->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  if (!ike_engine_start (end->engine, &error))
    g_error ("engine %u: %s\n%s", i, error->message, end->log->str);
  end->net_ops = ike_sim_net (end->engine, &end->net);
  fake = ike_feature_find (end->engine, "service:kernel-fake", &error);
  if (!fake)
    g_error ("%s\n%s", error->message, end->log->str);
  end->kernel = fake->plugin;
  end->kernel_ops = fake->ops;
}

Pair *
pair_new (const PairOptions *options)
{
  static const PairOptions none;
  const PairOptions *o = options ? options : &none;
  Pair *pair = g_new0 (Pair, 1);

  pair->sim = ike_sim_new (o->seed);
  end_start (pair, &pair->a, o, 0, 1);
  end_start (pair, &pair->b, o, 1, 2);
  return pair;
}

void
pair_restart (Pair *pair, PairEnd *end, const PairOptions *options)
{
  static const PairOptions none;

  ike_engine_free (end->engine);
  g_string_free (end->log, TRUE);
  end_start (pair, end, options ? options : &none, end == &pair->b, end == &pair->b ? 2 : 1);
}

void
pair_add_third (Pair *pair, PairEnd *end, const PairOptions *options)
{
  end_start (pair, end, options, 1, 3);
}

void
pair_end_third (PairEnd *end)
{
  ike_engine_free (end->engine);
  g_string_free (end->log, TRUE);
}

void
pair_free (Pair *pair)
{
  ike_engine_free (pair->a.engine);
  ike_engine_free (pair->b.engine);
  ike_sim_free (pair->sim);
  g_string_free (pair->a.log, TRUE);
  g_string_free (pair->b.log, TRUE);
  g_free (pair);
}

static void
up_done (gpointer owner, gpointer data, gpointer result, const char *error)
{
  char **to = data;

  *to = g_strdup (error ? error : "");
  ike_tree_free (result);
}

static const IkeCallClass up_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "test up",
  .timeout_ms = 3600 * 1000,
  .then = up_done,
  .undo = (GDestroyNotify) ike_tree_free,
};

typedef struct { PairEnd *end; IkeConn *conn; char *child; char **error; } Up;

static void
start_up (gpointer data)
{
  Up *up = data;

  ike_initiate (up->end->engine, up->conn, up->child,
                ike_loop_call (ike_engine_control (up->end->engine), &up_call, NULL, up->error));
  ike_conn_unref (up->conn);
  g_free (up->child);
  g_free (up);
}

void
pair_begin_up (Pair *pair, PairEnd *end, const char *conn, const char *child, char **error)
{
  g_autoptr (IkeConfig) config = ike_engine_config (end->engine);
  IkeConn *found = config ? ike_config_conn (config, conn) : NULL;
  Up *up = g_new0 (Up, 1);

  if (!found)
    g_error ("no connection %s\n%s", conn, end->log->str);
  *error = NULL;
  up->end = end;
  up->conn = ike_conn_ref (found);
  up->child = g_strdup (child);
  up->error = error;
  ike_loop_post (ike_engine_control (end->engine), start_up, up, NULL);
}

char *
pair_up_of (Pair *pair, PairEnd *end, const char *conn, const char *child)
{
  char *error = NULL;

  pair_begin_up (pair, end, conn, child, &error);
  while (!error)
    if (!ike_sim_step (pair->sim, G_MAXINT64) && !error)
      g_error ("up never ends\n%s", end->log->str);
  ike_sim_settle (pair->sim);
  if (*error)
    return error;
  g_free (error);
  return NULL;
}

char *
pair_up (Pair *pair, const char *child)
{
  return pair_up_of (pair, &pair->a, "pair", child);
}

void
pair_run (Pair *pair, gint64 seconds)
{
  gint64 until = ike_sim_now_us (pair->sim) + seconds * G_USEC_PER_SEC;

  while (ike_sim_step (pair->sim, until))
    ;
}

typedef struct { IkeTree *result; char *error; gboolean is_done; } Answer;

static void
take_part (gpointer transport, const char *kind, const IkeTree *part)
{
}

static void
take_done (gpointer transport, const IkeTree *result, const char *error_code, const char *message)
{
  Answer *answer = transport;

  answer->result = result ? ike_tree_copy (result) : NULL;
  answer->error = error_code ? g_strdup_printf ("%s: %s", error_code, message) : NULL;
  answer->is_done = TRUE;
}

static const IkeRequestSink sink = { sizeof sink, take_part, take_done };

typedef struct { PairEnd *end; const char *name; IkeTree *args; Answer *answer; } Ask;

static void
ask (gpointer data)
{
  Ask *a = data;

  ike_command_run (a->end->engine, a->name, a->args, FALSE, &sink, a->answer);
}

IkeTree *
pair_command (PairEnd *end, const char *name, IkeTree *args_take, char **error_text)
{
  Answer answer = { NULL, NULL, FALSE };
  Ask *a = g_new0 (Ask, 1);

  *a = (Ask) { end, name, args_take ? args_take : ike_tree_new_section (), &answer };
  ike_loop_post (ike_engine_control (end->engine), ask, a, g_free);
  /* Most need no time to pass. */
  ike_sim_settle (ike_engine_sim (end->engine));
  while (!answer.is_done)
    if (!ike_sim_step (ike_engine_sim (end->engine), G_MAXINT64) && !answer.is_done)
      g_error ("%s never ends\n%s", name, end->log->str);
  if (error_text)
    *error_text = answer.error;
  else if (answer.error)
    g_error ("%s: %s", name, answer.error);
  return answer.result;
}

void
pair_down (Pair *pair, const char *conn, const char *child)
{
  IkeTree *args = ike_tree_new_section ();

  if (conn)
    ike_tree_set_string (args, "name", conn);
  if (child)
    ike_tree_set_string (args, "child", child);
  ike_tree_free (pair_command (&pair->a, "down", args, NULL));
}

guint64
pair_count (const PairEnd *end, const char *counter)
{
  return ike_counter_get (end->engine, counter);
}

IkeTree *
pair_status (PairEnd *end)
{
  return pair_command (end, "status", NULL, NULL);
}

IkeTree *
pair_explain (PairEnd *end)
{
  g_autoptr (IkeTree) all = pair_command (end, "explain", NULL, NULL);
  const IkeTree *list = ike_tree_get (all, "failures");
  guint n = list ? ike_tree_n (list) : 0;

  return n ? ike_tree_copy (ike_tree_nth (list, n - 1)) : NULL;
}

static void
assert_opens (PairEnd *from, PairEnd *to)
{
  static const char text[] = "a tagged packet";
  guint8 packet[256], plain[256];
  IkeFakeSa sa = { .struct_size = sizeof sa };
  guint i, n_out = 0;

  for (i = 0; from->kernel_ops->nth_sa (from->kernel, i, &sa); i++) {
    gsize len;
    if (sa.direction != IKE_DIR_OUT)
      continue;
    n_out++;
    len = from->kernel_ops->seal (from->kernel, sa.spi, (const guint8 *) text, sizeof text, packet,
                                  sizeof packet);
    g_assert_cmpuint (len, >, 0);
    g_assert_cmpuint (to->kernel_ops->open (to->kernel, packet, len, plain, sizeof plain), ==,
                      sizeof text);
    g_assert_cmpstr ((char *) plain, ==, text);
  }
  g_assert_cmpuint (2 * n_out, ==, i);
}

void
pair_assert_twins (Pair *pair)
{
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==,
                    pair->b.kernel_ops->n_sas (pair->b.kernel));
  assert_opens (&pair->a, &pair->b);
  assert_opens (&pair->b, &pair->a);
}

guint64
pair_hash (const Pair *pair)
{
  return ike_engine_event_hash (pair->a.engine) * 31 + ike_engine_event_hash (pair->b.engine);
}

void
pair_assert_up (Pair *pair, const char *child_or_null)
{
  g_autofree char *error = pair_up (pair, child_or_null);

  if (error)
    g_test_message ("%s\n-- a --\n%s-- b --\n%s", error, pair->a.log->str, pair->b.log->str);
  g_assert_cmpstr (error, ==, NULL);
}

guint32
pair_sequence (PairEnd *end)
{
  guint8 packet[128];
  IkeFakeSa sa = { .struct_size = sizeof sa };
  guint32 sequence;
  guint i;

  for (i = 0; end->kernel_ops->nth_sa (end->kernel, i, &sa) && sa.direction != IKE_DIR_OUT; i++)
    ;
  g_assert_cmpuint (
      end->kernel_ops->seal (end->kernel, sa.spi, (guint8 *) "x", 1, packet, sizeof packet), >, 8);
  memcpy (&sequence, packet + 4, sizeof sequence);
  return GUINT32_FROM_BE (sequence);
}

typedef struct {
  PairEnd *end;
  GBytes *snapshot;
  const guint8 *key;
  IkeSaRef *sa;
  char *error;
  gboolean is_over;
} Restore;

static void
restored (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Restore *r = data;

  if (result && r->sa)
    *r->sa = *(IkeSaRef *) result;
  r->error = g_strdup (error);
  r->is_over = TRUE;
  g_free (result);
}

static const IkeCallClass restore_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "restore",
  .timeout_ms = 1000,
  .then = restored,
  .undo = g_free,
};

static void
start_restore (gpointer data)
{
  const Restore *r = data;
  IkeEngine *engine = r->end->engine;

  ike_sa_restore (engine, r->snapshot, r->key,
                  ike_loop_call (ike_engine_control (engine), &restore_call, NULL, data));
}

char *
pair_restore (Pair *pair, PairEnd *end, GBytes *snapshot, const guint8 key[32], IkeSaRef *sa)
{
  Restore r = { end, snapshot, key, sa, NULL, FALSE };

  ike_loop_post (ike_engine_control (end->engine), start_restore, &r, NULL);
  while (!r.is_over)
    g_assert_true (ike_sim_step (pair->sim, G_MAXINT64) || r.is_over);
  return r.error;
}

void
pair_inject (Pair *pair, const char *from, const char *to, const void *data, gsize len)
{
  IkeAddr a, b;

  g_assert_true (ike_addr_parse (&a, from, NULL));
  g_assert_true (ike_addr_parse (&b, to, NULL));
  a.port = b.port = 500;
  pair->a.net_ops->inject (pair->a.net, &a, &b, data, len, 0);
}

void
pair_add_test (const char *group, const char *name, GTestDataFunc func)
{
  static const struct { const char *name; guint32 flags; } modes[] = {
    { "plain", 0 },
    { "every-wait-forced", IKE_ENGINE_FORCE_WAITS },
    { "foreign-answers", IKE_ENGINE_FORCE_WAITS | IKE_ENGINE_FOREIGN_ANSWERS },
    { "shuffled", IKE_ENGINE_SHUFFLE },
  };
  const char *only = g_getenv ("IKE_PAIR_MODE");
  guint i;

  for (i = 0; i < G_N_ELEMENTS (modes); i++) {
    g_autofree char *path = g_strdup_printf ("/%s/%s/%s", group, name, modes[i].name);
    if (!only || !strcmp (only, modes[i].name))
      g_test_add_data_func (path, GUINT_TO_POINTER (modes[i].flags), func);
  }
}

guint8 *
pair_payload (guint8 first, guint8 *plain, gsize len, guint8 type, gsize *body_len)
{
  gsize at = 0;

  while (first && at + 4 <= len) {
    gsize n = (gsize) plain[at + 2] << 8 | plain[at + 3];
    if (first == type) {
      *body_len = n - 4;
      return plain + at + 4;
    }
    first = plain[at];
    at += n;
  }
  return NULL;
}
