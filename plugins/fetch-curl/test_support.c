/* SPDX-License-Identifier: Apache-2.0 */
/* test_support.c - see test_support.h. */
#include "test_support.h"
#include <string.h>
#include "shared/consumer/test_consumer.h"

TEST_CONSUMER ("fetch", IkeFetchClass);

static void
start (Bench *bench, const char *settings, IkeSim *sim)
{
  static const char *const plugins[] = { "fetch-curl", "consumer", NULL };
  const IkePluginInfo *builtin[] = { &test_consumer, NULL };
  g_autofree char *text =
      g_strdup_printf ("plugins { fetch-curl { critical = yes\n%s\n } }", settings);
  const IkeProvided *provided;

  *bench = (Bench){ 0 };
  bench->engine = test_engine_new ((IkeEngineOptions){
      .sim = sim, .n_offload = 1, .settings = text, .plugins = plugins, .builtin = builtin });
  provided = test_find (bench->engine, "fetch:http");
  bench->ops = provided->ops;
  bench->plugin = provided->plugin;
}

void
bench_open (Bench *bench, const char *settings)
{
  start (bench, settings, NULL);
}

void
bench_open_simulated (Bench *bench, IkeSim *sim)
{
  start (bench, "", sim);
}

void
bench_close (Bench *bench)
{
  ike_engine_free (bench->engine);
}

/* -- steps */

static void
look (gpointer data)
{
  Bench *bench = data;

  if (bench->step (bench))
    ike_engine_quit (bench->engine);
  else if (g_get_monotonic_time () > bench->deadline_us)
    g_error ("nothing happens any more");
  else
    ike_loop_timer_add (ike_engine_control (bench->engine), 5, look, bench, NULL);
}

void
bench_run (Bench *bench, gboolean (*step) (Bench *bench), gpointer data)
{
  bench->step = step;
  bench->data = data;
  bench->deadline_us = g_get_monotonic_time () + PATIENCE_S * G_USEC_PER_SEC;
  ike_loop_post (ike_engine_control (bench->engine), look, bench, NULL);
  ike_engine_run (bench->engine);
}

/* -- calls */

static void
ask_done (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Ask *ask = owner;

  g_assert_false (ask->is_done);
  ask->is_done = TRUE;
  ask->call = NULL;
  ask->error = g_strdup (error);
  if (!result)
    return;
  ask->got = g_strndup (g_bytes_get_data (result, NULL), g_bytes_get_size (result));
  g_bytes_unref (result);
}

static const IkeCallClass ask_class = {
  .struct_size = sizeof ask_class,
  .name = "test fetch",
  .timeout_ms = PATIENCE_S * 1000,
  .then = ask_done,
  .undo = (GDestroyNotify) g_bytes_unref,
};

void
ask_begin (Bench *bench, Ask *ask)
{
  g_autoptr (GBytes) body = ask->post ? g_bytes_new_static (ask->post, strlen (ask->post)) : NULL;
  IkeFetchRequest request = {
    .struct_size = sizeof request,
    .uri = ask->uri,
    .body = body,
    .content_type = ask->content_type,
    .accept = ask->accept,
    .max_size = ask->max_size ? ask->max_size : 1000,
    .timeout_ms = ask->timeout_ms ? ask->timeout_ms : 30000,
  };

  ask->bench = bench;
  ask->call = ike_loop_call (ike_engine_control (bench->engine), &ask_class, ask, NULL);
  bench->ops->fetch (bench->plugin, &request, ask->call);
}

void
ask_cancel (Ask *ask)
{
  ike_call_cancel (g_steal_pointer (&ask->call));
}

void
ask_clear (Ask *ask)
{
  g_clear_pointer (&ask->got, g_free);
  g_clear_pointer (&ask->error, g_free);
}

static gboolean
asks_are_done (Bench *bench)
{
  Ask *asks = bench->data;

  for (guint i = 0; asks[i].uri; i++)
    if (!asks[i].bench)
      ask_begin (bench, &asks[i]);
  for (guint i = 0; asks[i].uri; i++)
    if (!asks[i].is_done)
      return FALSE;
  return TRUE;
}

void
bench_ask (Bench *bench, Ask *asks)
{
  bench_run (bench, asks_are_done, asks);
}
