/* SPDX-License-Identifier: Apache-2.0 */
/* test_fake.c - tests plugins/kernel-fake through what it offers: kernel:ipsec, kernel:net and
 * its service. */
#include "config.h"
#include <string.h>
#include <ikebana/engine.h>
#include "kernel-fake/kernel_fake.h"

/* One engine with the plugin, in a simulation. */
typedef struct {
  IkeEngine              *engine;
  const IkeKernelClass   *kernel;
  const IkeKernelNetClass *net;
  const IkeKernelFakeOps *fake;
  IkePlugin              *plugin;
} End;

typedef struct {
  IkeSim *sim;
  End     a, b;
} Fixture;

static void
end_init (End *end, IkeSim *sim)
{
  static const char *const plugins[] = { "crypto-openssl", "kernel-fake", NULL };
  g_autofree char *dir = g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "plugins", ".libs", NULL);
  IkeEngineOptions options = {
    .struct_size = sizeof options,
    .flags = IKE_ENGINE_NO_CONFIG,
    .sim = sim,
    .plugin_dir = dir,
    .plugins = plugins,
    .catalog_file = "/nonexistent",
    .settings = "plugins { kernel-fake { load = yes\n record = yes\n addresses = 192.0.2.1 } }"
  };
  g_autoptr (GError) error = NULL;
  const IkeProvided *provided;
  end->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (end->engine, &error);
  g_assert_no_error (error);
  provided = ike_feature_find (end->engine, "kernel:ipsec", &error);
  g_assert_no_error (error);
  end->kernel = provided->ops;
  end->plugin = provided->plugin;
  end->net = ike_feature_find (end->engine, "kernel:net", &error)->ops;
  end->fake = ike_feature_find (end->engine, "service:kernel-fake", &error)->ops;
}

static void
setup (Fixture *f, gconstpointer data)
{
  f->sim = ike_sim_new (3);
  end_init (&f->a, f->sim);
  end_init (&f->b, f->sim);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  g_clear_pointer (&f->a.engine, ike_engine_free);
  ike_engine_free (f->b.engine);
  ike_sim_free (f->sim);
}

typedef struct {
  gpointer result;
  char     error[256];
  gboolean is_done;
} Answer;

static void
then (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Answer *answer = owner;
  answer->result = result;
  g_strlcpy (answer->error, error ? error : "", sizeof answer->error);
  answer->is_done = TRUE;
}

static const IkeCallClass call_class
  = { .struct_size = sizeof (IkeCallClass), .name = "test", .timeout_ms = 60000, .then = then };

static IkeCall *
call_for (const End *end, Answer *answer)
{
  memset (answer, 0, sizeof *answer);
  return ike_loop_call (ike_engine_control (end->engine), &call_class, answer, NULL);
}

static guint32
take_spi (Fixture *f, const End *end)
{
  Answer answer;
  IkeAddr any = { 0 };
  end->kernel->get_spi (end->plugin, call_for (end, &answer), IKE_PROTOCOL_ESP, &any, &any,
                        (IkeSaRef){ 0 });
  ike_sim_settle (f->sim);
  g_assert_true (answer.is_done);
  return GPOINTER_TO_UINT (answer.result);
}

static const guint8 key[36] = "thirty-six bytes, all of them needed";

static IkeKernelSa
sa_with (guint32 spi, IkeDirection direction)
{
  IkeKernelSa sa = { .struct_size = sizeof sa,
                     .protocol = IKE_PROTOCOL_ESP,
                     .direction = (guint8) direction,
                     .spi = spi,
                     .reqid = 7,
                     .encr = { IKE_TRANSFORM_ENCR, 0, 20, 256 },
                     .encr_key = key,
                     .encr_key_len = 36 };
  return sa;
}

static const char *
install (Fixture *f, const End *end, const IkeKernelSa *sas, guint n, Answer *answer)
{
  IkeKernelPolicy policy = { .struct_size = sizeof policy, .reqid = 7 };
  IkeKernelBatch batch = { sizeof batch, n, 1, sas, &policy };
  end->kernel->install (end->plugin, call_for (end, answer), &batch);
  ike_sim_settle (f->sim);
  g_assert_true (answer->is_done);
  return answer->error;
}

static void
test_carry (Fixture *f, gconstpointer data)
{
  static const guint8 tag[] = "a tagged packet";
  guint8 packet[256], out[256];
  guint32 spi = take_spi (f, &f->b);
  IkeKernelSa outbound = sa_with (spi, IKE_DIR_OUT), inbound = sa_with (spi, IKE_DIR_IN);
  Answer answer;
  gsize len;
  g_assert_cmpuint (f->b.fake->n_spis (f->b.plugin), ==, 1);
  g_assert_cmpstr (install (f, &f->a, &outbound, 1, &answer), ==, "");
  g_assert_cmpstr (install (f, &f->b, &inbound, 1, &answer), ==, "");
  g_assert_cmpuint (f->b.fake->n_spis (f->b.plugin), ==, 0);
  len = f->a.fake->seal (f->a.plugin, spi, tag, sizeof tag, packet, sizeof packet);
  g_assert_cmpuint (len, >, sizeof tag);
  g_assert_cmpuint (f->b.fake->open (f->b.plugin, packet, len, out, sizeof out), ==, sizeof tag);
  g_assert_cmpmem (out, sizeof tag, tag, sizeof tag);
  packet[len - 1] ^= 1;
  g_assert_cmpuint (f->b.fake->open (f->b.plugin, packet, len, out, sizeof out), ==, 0);
  g_assert_cmpuint (f->a.fake->open (f->a.plugin, packet, len, out, sizeof out), ==, 0);
  g_assert_cmpuint (f->a.fake->seal (f->a.plugin, spi + 1, tag, sizeof tag, packet, sizeof packet),
                    ==, 0);
  g_assert_cmpuint (f->a.fake->seal (f->a.plugin, spi, tag, sizeof tag, packet, 20), ==, 0);
}

static void
test_listing (Fixture *f, gconstpointer data)
{
  IkeKernelSa sas[2] = { sa_with (1000, IKE_DIR_IN), sa_with (2000, IKE_DIR_OUT) };
  IkeKernelPolicy policy = { .struct_size = sizeof policy, .reqid = 7 };
  IkeKernelBatch batch = { sizeof batch, 2, 1, sas, &policy };
  IkeFakeSa found;
  Answer answer;
  g_assert_cmpstr (install (f, &f->a, sas, 2, &answer), ==, "");
  g_assert_cmpuint (f->a.fake->n_sas (f->a.plugin), ==, 2);
  g_assert_cmpuint (f->a.fake->n_policies (f->a.plugin), ==, 1);
  g_assert_true (f->a.fake->nth_sa (f->a.plugin, 1, &found));
  g_assert_cmpuint (found.spi, ==, 2000);
  g_assert_cmpmem (found.encr_key.bytes, found.encr_key.len, key, 36);
  g_assert_false (f->a.fake->nth_sa (f->a.plugin, 2, &found));
  g_assert_true (strstr (install (f, &f->a, sas, 2, &answer), "already") != NULL);
  f->a.kernel->remove (f->a.plugin, NULL, &batch);
  g_assert_cmpuint (f->a.fake->n_sas (f->a.plugin), ==, 0);
  g_assert_cmpuint (f->a.fake->n_policies (f->a.plugin), ==, 0);
}

static void
test_orders (Fixture *f, gconstpointer data)
{
  IkeKernelSa sa = sa_with (1000, IKE_DIR_IN);
  IkeKernelBatch batch = { sizeof batch, 1, 0, &sa, NULL };
  Answer answer;
  f->a.fake->fail_next (f->a.plugin, IKE_FAKE_INSTALL, "out of luck");
  g_assert_cmpstr (install (f, &f->a, &sa, 1, &answer), ==, "out of luck");
  g_assert_cmpuint (f->a.fake->n_sas (f->a.plugin), ==, 0);
  g_assert_cmpstr (install (f, &f->a, &sa, 1, &answer), ==, "");
  g_assert_cmpuint (f->a.fake->n_calls (f->a.plugin, IKE_FAKE_INSTALL), ==, 2);
  f->a.kernel->remove (f->a.plugin, call_for (&f->a, &answer), &batch);
  ike_sim_settle (f->sim);
  g_assert_true (answer.is_done);
}

/* What the control loop asks for a test, since only a loop has timers. */
typedef struct {
  const End         *end;
  const IkeKernelSa *sa;
  Answer             answers[2];
} Late;

static void
ask_late (gpointer data)
{
  Late *late = data;
  IkeKernelBatch batch = { sizeof batch, 1, 0, late->sa, NULL };
  late->end->kernel->install (late->end->plugin, call_for (late->end, &late->answers[0]), &batch);
  late->end->kernel->query (late->end->plugin, call_for (late->end, &late->answers[1]), late->sa);
}

static void
test_delay (Fixture *f, gconstpointer data)
{
  IkeKernelSa sa = sa_with (1000, IKE_DIR_IN);
  Late late = { .end = &f->a, .sa = &sa };
  gint64 begin = ike_sim_now_us (f->sim);
  Answer at_once;
  f->a.fake->delay (f->a.plugin, 300);
  ike_loop_post (ike_engine_control (f->a.engine), ask_late, &late, NULL);
  ike_sim_settle (f->sim);
  /* What was asked is done; only the answers are late. */
  g_assert_cmpuint (f->a.fake->n_sas (f->a.plugin), ==, 1);
  while (ike_sim_step (f->sim, begin + 299000))
    continue;
  g_assert_false (late.answers[0].is_done || late.answers[1].is_done);
  while (ike_sim_step (f->sim, begin + 400000))
    continue;
  g_assert_true (late.answers[0].is_done && late.answers[1].is_done);
  g_assert_cmpstr (late.answers[0].error, ==, "");
  g_assert_nonnull (late.answers[1].result);
  g_free (late.answers[1].result);
  f->a.fake->delay (f->a.plugin, 0);
  f->a.kernel->query (f->a.plugin, call_for (&f->a, &at_once), &sa);
  ike_sim_settle (f->sim);
  g_assert_true (at_once.is_done);
  g_free (at_once.result);
}

static const IkeCallClass query_class
  = { .struct_size = sizeof (IkeCallClass), .name = "test", .timeout_ms = 60000, .then = then,
      .undo = g_free };

static void
query_late (gpointer data)
{
  Late *late = data;
  IkeLoop *control = ike_engine_control (late->end->engine);
  late->end->kernel->query (
      late->end->plugin, ike_loop_call (control, &query_class, &late->answers[0], NULL), late->sa);
}

/* An engine may end while answers are still due. */
static void
test_delay_and_end (Fixture *f, gconstpointer data)
{
  IkeKernelSa sa = sa_with (1000, IKE_DIR_IN);
  Late late = { .end = &f->a, .sa = &sa };
  Answer answer;
  g_assert_cmpstr (install (f, &f->a, &sa, 1, &answer), ==, "");
  f->a.fake->delay (f->a.plugin, 300);
  ike_loop_post (ike_engine_control (f->a.engine), query_late, &late, NULL);
  ike_sim_settle (f->sim);
  g_assert_false (late.answers[0].is_done);
  g_clear_pointer (&f->a.engine, ike_engine_free);
  if (late.answers[0].is_done)
    g_free (late.answers[0].result);
}

static void
test_many (Fixture *f, gconstpointer data)
{
  Answer answer;
  for (guint i = 0; i < 5000; i++) {
    IkeKernelSa sa = sa_with (take_spi (f, &f->a), IKE_DIR_IN);
    g_assert_cmpuint (sa.spi, >=, 256);
    g_assert_cmpstr (install (f, &f->a, &sa, 1, &answer), ==, "");
  }
  g_assert_cmpuint (f->a.fake->n_sas (f->a.plugin), ==, 5000);
}

static void
test_net (Fixture *f, gconstpointer data)
{
  IkeAddr peer, own;
  Answer answer;
  guint prefix_len;
  ike_addr_parse (&peer, "198.51.100.1", NULL);
  ike_addr_parse (&own, "192.0.2.1", NULL);
  f->a.net->source_for (f->a.plugin, call_for (&f->a, &answer), &peer);
  ike_sim_settle (f->sim);
  g_assert_true (ike_addr_same_host (answer.result, &own));
  g_free (answer.result);
  g_assert_true (f->a.net->is_local (f->a.plugin, &own));
  g_assert_false (f->a.net->is_local (f->a.plugin, &peer));
  f->a.net->add_address (f->a.plugin, call_for (&f->a, &answer), &peer, 32, NULL);
  ike_sim_settle (f->sim);
  g_assert_true (f->a.net->is_local (f->a.plugin, &peer));
  g_assert_cmpuint (f->a.fake->n_addresses (f->a.plugin), ==, 1);
  g_assert_true (f->a.fake->nth_address (f->a.plugin, 0, &own, &prefix_len));
  g_assert_cmpuint (prefix_len, ==, 32);
  f->a.net->remove_address (f->a.plugin, NULL, &peer, 32, NULL);
  g_assert_cmpuint (f->a.fake->n_addresses (f->a.plugin), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/fake/a-packet-opens-at-the-end-with-the-same-keys", Fixture, NULL, setup,
              test_carry, teardown);
  g_test_add ("/fake/what-is-installed-is-listed-until-removed", Fixture, NULL, setup, test_listing,
              teardown);
  g_test_add ("/fake/fails-once-when-ordered", Fixture, NULL, setup, test_orders, teardown);
  g_test_add ("/fake/answers-are-late-when-ordered", Fixture, NULL, setup, test_delay, teardown);
  g_test_add ("/fake/an-engine-ends-while-answers-are-due", Fixture, NULL, setup,
              test_delay_and_end, teardown);
  g_test_add ("/fake/thousands-of-spis-are-unique", Fixture, NULL, setup, test_many, teardown);
  g_test_add ("/fake/addresses-come-and-go", Fixture, NULL, setup, test_net, teardown);
  return g_test_run ();
}
