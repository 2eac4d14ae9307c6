/* SPDX-License-Identifier: Apache-2.0 */
/* test_support.c - see test_support.h. */
#include "test_support.h"
#include <ikebana/command.h>
#include <string.h>
#include "shared/consumer/test_consumer.h"

enum { PATIENCE_S = 30 };

TEST_CONSUMER ("service:radius", IkeRadiusOps);

static void
start (Bench *bench, const char *text, const char *const *plugins, const IkePluginInfo *own)
{
  const IkePluginInfo *builtin[] = { &test_consumer, own, NULL };

  bench->engine = test_engine_new ((IkeEngineOptions){ .sim = bench->sim,
                                                       .n_offload = 1,
                                                       .settings = text,
                                                       .plugins = plugins,
                                                       .builtin = builtin });
}

static void
start_simulated (Bench *bench, const char *settings)
{
  static const char *const plugins[] = { "radius", "radius-net", "consumer", NULL };
  g_autofree char *text = g_strdup_printf ("plugins { radius {\n%s\n} }", settings);

  *bench = (Bench){ .sim = ike_sim_new (1) };
  bench->net = radius_net (bench->sim);
  start (bench, text, plugins, &radius_net_plugin);
}

static void
find_service (Bench *bench)
{
  const IkeProvided *provided = test_find (bench->engine, "service:radius");

  bench->ops = provided->ops;
  bench->plugin = provided->plugin;
}

void
bench_open (Bench *bench, const char *settings)
{
  start_simulated (bench, settings);
  find_service (bench);
}

void
bench_open_real (Bench *bench, const char *settings, const char *const *plugins,
                 const IkePluginInfo *own)
{
  const char *all[16] = { "radius", "consumer" };

  for (guint i = 0; plugins && plugins[i]; i++)
    all[2 + i] = plugins[i];
  *bench = (Bench){ 0 };
  start (bench, settings, all, own);
  find_service (bench);
}

static void
look (gpointer data)
{
  Bench *bench = data;

  if (bench->is_it (bench->data))
    ike_engine_quit (bench->engine);
  else if (g_get_monotonic_time () > bench->deadline_us)
    g_error ("nothing happens any more");
  else
    ike_loop_timer_add (ike_engine_control (bench->engine), 2, look, bench, NULL);
}

void
bench_until (Bench *bench, gboolean (*is_it) (gpointer data), gpointer data)
{
  bench->is_it = is_it;
  bench->data = data;
  bench->deadline_us = g_get_monotonic_time () + PATIENCE_S * G_USEC_PER_SEC;
  ike_loop_post (ike_engine_control (bench->engine), look, bench, NULL);
  ike_engine_run (bench->engine);
}

char *
bench_refusal (const char *settings)
{
  Bench bench;
  g_autoptr (GError) error = NULL;
  char *why = NULL;

  start_simulated (&bench, settings);
  if (!ike_feature_find (bench.engine, "service:radius", &error))
    why = g_strdup (error->message);
  bench_close (&bench);
  return why;
}

void
bench_close (Bench *bench)
{
  ike_engine_free (bench->engine);
  if (bench->sim)
    ike_sim_free (bench->sim);
}

void
bench_run (Bench *bench, double seconds)
{
  gint64 until = ike_sim_now_us (bench->sim) + (gint64) (seconds * 1e6);

  while (ike_sim_step (bench->sim, until))
    continue;
}

double
bench_now (const Bench *bench)
{
  return (double) ike_engine_now_us (bench->engine) / 1e6;
}

/* -- the command */

static void
command_done (gpointer transport, const IkeTree *result, const char *error_code,
              const char *message)
{
  IkeTree **copy = transport;

  g_assert_cmpstr (error_code, ==, NULL);
  *copy = ike_tree_copy (result);
}

static void
command_part (gpointer transport, const char *kind, const IkeTree *part)
{
  g_assert_not_reached ();
}

typedef struct {
  Bench *bench;
  IkeTree *result;
} Command;

static void
run_command (gpointer data)
{
  static const IkeRequestSink sink = { sizeof sink, command_part, command_done };
  Command *command = data;

  ike_command_run (command->bench->engine, "radius", ike_tree_new_section (), TRUE, &sink,
                   &command->result);
}

IkeTree *
bench_status (Bench *bench)
{
  Command command = { bench, NULL };

  ike_loop_post (ike_engine_control (bench->engine), run_command, &command, NULL);
  ike_sim_settle (bench->sim);
  g_assert_nonnull (command.result);
  return command.result;
}

static const IkeTree *
row_of (const IkeTree *status, const char *server)
{
  const IkeTree *rows = ike_tree_get (status, "servers");

  for (guint i = 0; i < ike_tree_n (rows); i++) {
    const IkeTree *row = ike_tree_nth (rows, i);
    g_autofree char *name = g_strdup_printf (
        "%s%s", ike_tree_string (row, "server", NULL),
        g_str_equal (ike_tree_string (row, "for", NULL), "accounting") ? " accounting" : "");
    if (g_str_equal (name, server))
      return row;
  }
  g_error ("no row of %s", server);
}

gint64
bench_number (Bench *bench, const char *server, const char *path)
{
  g_autoptr (IkeTree) status = bench_status (bench);

  return ike_tree_int (row_of (status, server), path, -1);
}

char *
bench_text (Bench *bench, const char *server, const char *path)
{
  g_autoptr (IkeTree) status = bench_status (bench);

  return g_strdup (ike_tree_string (row_of (status, server), path, ""));
}

/* -- servers */

RadiusSecret
fake_secret (const Fake *fake)
{
  return (RadiusSecret){ (const guint8 *) fake->secret, strlen (fake->secret) };
}

static guint8
yes_to (guint8 code)
{
  if (code == IKE_RADIUS_ACCOUNTING_REQUEST)
    return IKE_RADIUS_ACCOUNTING_RESPONSE;
  return IKE_RADIUS_ACCESS_ACCEPT;
}

static void
spoil (const Fake *fake, IkeWriter *w)
{
  switch (fake->manner) {
  case ANSWER_WRONG_IDENTIFIER:
    w->data[1] ^= 0x55;
    break;
  case ANSWER_CUT:
    w->len--;
    break;
  case ANSWER_LOOPING:
    w->data[IKE_RADIUS_HEADER_LEN + 1] = 0;
    break;
  default:
    break;
  }
}

typedef struct {
  Fake *fake;
  IkeAddr from, to;
  GBytes *data;
} Later;

static void
later_free (gpointer data)
{
  Later *later = data;

  g_bytes_unref (later->data);
  g_free (later);
}

static void
later_run (gpointer data)
{
  Later *later = data;
  gsize len;
  const guint8 *bytes = g_bytes_get_data (later->data, &len);

  radius_net_send (later->fake->net, &later->from, &later->to, bytes, len);
  if (later->fake->manner == ANSWER_TWICE)
    radius_net_send (later->fake->net, &later->from, &later->to, bytes, len);
}

static void
answer (Fake *fake, const IkeAddr *to, const RadiusPacket *request, IkeSim *sim)
{
  RadiusSecret secret = fake_secret (fake), wrong = { (const guint8 *) "wrong", 5 };
  gboolean with_mac =
      fake->manner != ANSWER_WITHOUT_MAC && request->code != IKE_RADIUS_ACCOUNTING_REQUEST;
  guint8 code =
      fake->code && request->code != IKE_RADIUS_STATUS_SERVER ? fake->code : yes_to (request->code);
  guint8 buffer[IKE_RADIUS_PACKET_MAX];
  Later *later = g_new0 (Later, 1);
  IkeWriter w;

  if (fake->manner == ANSWER_WRONG_CODE)
    code = IKE_RADIUS_COA_ACK;
  ike_writer_init (&w, buffer, sizeof buffer);
  radius_begin (&w, code, request->identifier, with_mac);
  ike_radius_add_text (&w, IKE_RADIUS_REPLY_MESSAGE, "hello");
  if (fake->add)
    fake->add (&w, request, secret);
  /* Without filling it in: zeros. */
  g_assert_true (radius_end_response (&w, request->authenticator,
                                      with_mac && fake->manner != ANSWER_WRONG_MAC,
                                      fake->manner == ANSWER_WRONG_SECRET ? wrong : secret));
  spoil (fake, &w);
  later->fake = fake;
  later->from = fake->at;
  later->to = *to;
  if (fake->manner == ANSWER_FROM_ELSEWHERE)
    later->from.bytes[3] ^= 1;
  later->data = g_bytes_new (w.data, w.len);
  ike_sim_at (sim, ike_sim_now_us (sim) + fake->think_us, later_run, later, later_free);
}

typedef struct {
  Fake *fake;
  IkeSim *sim;
} Place;

static void
serve (RadiusNet *net, const IkeAddr *at, const IkeAddr *from, const guint8 *data, gsize len,
       gpointer user)
{
  Place *place = user;
  Fake *fake = place->fake;
  RadiusPacket request;

  g_assert_null (radius_parse (&request, data, len));
  fake->last_at = (double) ike_sim_now_us (place->sim) / 1e6;
  if (request.code == IKE_RADIUS_STATUS_SERVER)
    fake->n_status++;
  else if (fake->n_heard++ == 0)
    fake->first_at = fake->last_at;
  memcpy (fake->last, data, len);
  fake->last_len = len;
  if (request.code == IKE_RADIUS_ACCOUNTING_REQUEST)
    g_assert_true (radius_request_is_authentic (&request, fake_secret (fake)));
  else
    g_assert_true (radius_mac_is_authentic (&request, request.authenticator, fake_secret (fake)));
  if (fake->manner != ANSWER_NOTHING
      && !(request.code == IKE_RADIUS_STATUS_SERVER && fake->ignores_status))
    answer (fake, from, &request, place->sim);
}

static gpointer
place_list (IkeSim *sim)
{
  return g_ptr_array_new_with_free_func (g_free);
}

void
fake_open (Fake *fake, Bench *bench, const char *address, guint16 port)
{
  GPtrArray *places =
      ike_sim_shared (bench->sim, "places", place_list, (GDestroyNotify) g_ptr_array_unref);
  Place *place = g_new0 (Place, 1);

  place->fake = fake;
  place->sim = bench->sim;
  g_ptr_array_add (places, place);
  fake->net = bench->net;
  if (!fake->secret)
    fake->secret = "testing123";
  g_assert_true (ike_addr_parse (&fake->at, address, NULL));
  fake->at.port = port;
  radius_net_serve (bench->net, &fake->at, serve, place);
}

/* -- questions */

static void
done (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Ask *ask = owner;

  g_assert_false (ask->is_done);
  ask->is_done = TRUE;
  ask->call = NULL;
  ask->reply = result;
  ask->error = g_strdup (error);
  ask->at = bench_now (ask->bench);
}

static const IkeCallClass ask_class = {
  .struct_size = sizeof ask_class,
  .name = "test radius",
  .timeout_ms = 300000,
  .then = done,
  .undo = ike_radius_reply_free,
};

static void
begin_on_control (gpointer data)
{
  Ask *ask = data;
  Bench *bench = ask->bench;
  guint8 buffer[IKE_RADIUS_ATTRIBUTES_MAX];
  IkeWriter w;
  g_autoptr (IkeSecretBlob) password =
      ask->password ? ike_secret_blob_new (ask->password, strlen (ask->password)) : NULL;
  IkeRadiusRequest request = { .struct_size = sizeof request,
                               .code = ask->code ? ask->code : IKE_RADIUS_ACCESS_REQUEST,
                               .group = ask->group,
                               .server = ask->server,
                               .attributes = buffer,
                               .password = password };

  ike_writer_init (&w, buffer, sizeof buffer);
  ike_radius_add_text (&w, IKE_RADIUS_USER_NAME, ask->user ? ask->user : "nemo");
  if (ask->with_eap)
    ike_radius_add_long (&w, IKE_RADIUS_EAP_MESSAGE, "\2\1\0\5\1", 5);
  while (ask->is_long && w.len + 255 <= sizeof buffer)
    ike_radius_add (&w, IKE_RADIUS_PROXY_STATE, (guint8[253]){ 0 }, 253);
  request.len = w.len;
  ask->call = ike_loop_call (ike_engine_control (bench->engine), &ask_class, ask, NULL);
  bench->ops->request (bench->plugin, &request, ask->call);
}

void
ask_begin (Bench *bench, Ask *ask)
{
  ask->bench = bench;
  ike_loop_post (ike_engine_control (bench->engine), begin_on_control, ask, NULL);
  if (bench->sim)
    ike_sim_settle (bench->sim);
}

static void
cancel_on_control (gpointer data)
{
  Ask *ask = data;

  ike_call_cancel (g_steal_pointer (&ask->call));
}

void
ask_cancel (Ask *ask)
{
  ike_loop_post (ike_engine_control (ask->bench->engine), cancel_on_control, ask, NULL);
  ike_sim_settle (ask->bench->sim);
}

static gboolean
is_done (gpointer data)
{
  const Ask *ask = data;

  return ask->is_done;
}

void
ask_wait (Bench *bench, Ask *ask)
{
  ask_begin (bench, ask);
  if (!bench->sim)
    bench_until (bench, is_done, ask);
  while (bench->sim && !ask->is_done && ike_sim_step (bench->sim, G_MAXINT64))
    continue;
  g_assert_true (ask->is_done);
}

typedef struct {
  Bench *bench;
  Ask *const *asks;
} Each;

static gboolean
each_is_done (gpointer data)
{
  Each *each = data;

  if (!*each->asks)
    return TRUE;
  if (!(*each->asks)->bench)
    ask_begin (each->bench, *each->asks);
  else if ((*each->asks)->is_done)
    each->asks++;
  return FALSE;
}

void
ask_each (Bench *bench, Ask *const *asks)
{
  Each each = { bench, asks };

  bench_until (bench, each_is_done, &each);
}

void
ask_clear (Ask *ask)
{
  ike_radius_reply_free (g_steal_pointer (&ask->reply));
  g_clear_pointer (&ask->error, g_free);
  ask->is_done = FALSE;
}
