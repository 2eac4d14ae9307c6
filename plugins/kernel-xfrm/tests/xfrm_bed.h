/* SPDX-License-Identifier: Apache-2.0 */
/* xfrm_bed.h - an engine with an Xfrm that talks to the fake kernel, and what tests ask of it.  One
 * program includes it, once. */
#pragma once
#include <ikebana/engine.h>
#include "../xfrm.h"
#include "fake_kernel.h"

enum { PATIENCE_S = 60 };

static struct {
  pthread_t   thread;
  IkeEngine  *engine;
  Xfrm       *xfrm;
  IkeLoop    *loop;
  XfrmCan     can;
  char       *state_dir;
  guint       stale_delay_s;
  gboolean    has_journal;
  gboolean    is_bare;                        /* an engine without an Xfrm */
  atomic_int  is_up, may_end, n_errors;
  atomic_int  n_soft, n_hard, n_acquired, n_mapped;
  atomic_uint spi, reqid, sequence, port;     /* of the last event */
} bed;

/* The plugin's part in kernel_xfrm.c. */
Xfrm *xfrm_of (IkePlugin *plugin) { return bed.xfrm; }
const XfrmCan *xfrm_can_of (IkePlugin *plugin) { return &bed.can; }

/* -- kernel events: they come to the test */

void
ike_kernel_expire (IkePlugin *self, IkeSaRef sa, guint64 child, guint32 spi, gboolean is_hard)
{
  g_assert_cmpuint (sa.serial, ==, 77);
  atomic_store (&bed.spi, spi);
  atomic_fetch_add (is_hard ? &bed.n_hard : &bed.n_soft, 1);
}

void
ike_kernel_acquire (IkePlugin *self, const IkeKernelAcquire *acquire)
{
  atomic_store (&bed.reqid, acquire->reqid);
  atomic_store (&bed.sequence, acquire->sequence);
  atomic_store (&bed.port, acquire->destination.port_first);
  atomic_fetch_add (&bed.n_acquired, 1);
}

void
ike_kernel_mapping (IkePlugin *self, IkeSaRef sa, guint64 child, guint32 spi,
                    const IkeAddr *new_source)
{
  atomic_store (&bed.port, new_source->port);
  atomic_fetch_add (&bed.n_mapped, 1);
}

/* -- the engine */

static gboolean
until (gboolean (*is_so) (gconstpointer data), gconstpointer data)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_S * G_USEC_PER_SEC;
  while (!is_so (data) && g_get_monotonic_time () < deadline)
    g_usleep (1000);
  return is_so (data);
}

static gboolean
is_set (gconstpointer flag)
{
  return atomic_load ((atomic_int *) flag) != 0;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  XfrmSetup setup = { .requests = fake_kernel.ours,
                      .events = fake_kernel.our_events,
                      .io = &fake_io,
                      .state_dir = bed.has_journal ? bed.state_dir : NULL,
                      .reqid_base = 1000000000,
                      .stale_delay_s = bed.stale_delay_s,
                      .can = &bed.can };
  setup.loop = bed.loop = ike_loop_new (self, "netlink", error);
  g_assert_nonnull (bed.loop);
  bed.xfrm = bed.is_bare ? NULL : xfrm_new (self, &setup, error);
  return bed.is_bare || bed.xfrm != NULL;
}

static void
deactivate (IkePlugin *self)
{
  xfrm_stop (bed.xfrm);
  ike_loop_free (g_steal_pointer (&bed.loop));
  g_clear_pointer (&bed.xfrm, xfrm_free);
}

static const IkeFeature feature = { .struct_size = sizeof (IkeFeature),
                                    .provides = "kernel:ipsec",
                                    .ops = &xfrm_kernel_class };
static const IkeFeature *const features[] = { &feature, NULL };
static const IkePluginInfo info = { .struct_size = sizeof info,
                                    .abi_major = IKE_ABI_MAJOR,
                                    .name = "xfrm-bed",
                                    .version = "1",
                                    .license = "Apache-2.0",
                                    .summary = "test",
                                    .features = features,
                                    .activate = activate,
                                    .deactivate = deactivate };

static void
log_text (const IkeLogRecord *record, gpointer data)
{
  if (record->level == IKE_LOG_ERROR)
    atomic_fetch_add (&bed.n_errors, 1);
  g_test_message ("%s", record->text);
}

static void *
live (void *data)
{
  static const char *const plugins[] = { "xfrm-bed", NULL };
  static const IkePluginInfo *const builtin[] = { &info, NULL };
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .plugin_dir = "/nonexistent",
                               .catalog_file = "/nonexistent",
                               .n_shards = 1,
                               .n_offload = 0,
                               .plugins = plugins,
                               .builtin = builtin,
                               .settings = "",
                               .log_fallback = log_text };
  g_autoptr (GError) error = NULL;
  bed.engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (bed.engine, &error);
  g_assert_no_error (error);
  atomic_store (&bed.is_up, 1);
  ike_engine_run (bed.engine);
  g_assert_true (until (is_set, &bed.may_end));
  ike_engine_free (g_steal_pointer (&bed.engine));
  return NULL;
}

static void
bed_begin (gboolean has_journal)
{
  bed.has_journal = has_journal;
  atomic_store (&bed.is_up, 0);
  atomic_store (&bed.may_end, 0);
  fake_begin ();
  g_assert_cmpint (pthread_create (&bed.thread, NULL, live, NULL), ==, 0);
  g_assert_true (until (is_set, &bed.is_up));
}

static void
bed_end (void)
{
  ike_engine_quit (bed.engine);
  atomic_store (&bed.may_end, 1);
  pthread_join (bed.thread, NULL);
  if (bed.is_bare) {
    close (fake_kernel.ours);
    close (fake_kernel.our_events);
  }
  bed.is_bare = FALSE;
  fake_end ();
}

static char *
journal_path (void)
{
  g_autoptr (GDir) dir = g_dir_open (bed.state_dir, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    if (g_str_has_suffix (name, ".journal"))
      return g_build_filename (bed.state_dir, name, NULL);
  return NULL;
}

static char *
read_journal (void)
{
  g_autofree char *path = journal_path ();
  char *text = NULL;
  g_assert_nonnull (path);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

/* The process dies: kernel and journal stay as they are. */
static G_GNUC_UNUSED void
bed_crash (void)
{
  g_autofree char *path = journal_path (), *journal = read_journal ();
  pthread_mutex_lock (&fake_kernel.lock);
  fake_kernel.keeps_all = TRUE;
  pthread_mutex_unlock (&fake_kernel.lock);
  bed_end ();
  g_assert_true (g_file_set_contents (path, journal, -1, NULL));
}

/* -- requests, from the test's thread to the control loop and back */

typedef struct _Question Question;
struct _Question {
  void      (*ask) (Question *question, IkePlugin *plugin, IkeCall *call);
  gconstpointer data, more;
  gpointer    result;
  char       *error;
  atomic_int  is_answered;
};

static void
then (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Question *question = owner;
  question->result = result;
  question->error = g_strdup (error);
  atomic_store (&question->is_answered, 1);
}

static const IkeCallClass call_class = { .struct_size = sizeof (IkeCallClass),
                                         .name = "test",
                                         .timeout_ms = PATIENCE_S * 1000,
                                         .then = then };

static void
begin (gpointer data)
{
  Question *question = data;
  question->ask (question, bed.xfrm->plugin,
                 ike_loop_call (ike_engine_control (bed.engine), &call_class, question, NULL));
}

static void
post (Question *question)
{
  ike_loop_post (ike_engine_control (bed.engine), begin, question, NULL);
}

/* NULL with @error (may be NULL: then it must not fail). */
static gpointer
ask (Question *question, char **error)
{
  post (question);
  g_assert_true (until (is_set, &question->is_answered));
  if (error)
    *error = question->error;
  else
    g_assert_cmpstr (question->error, ==, NULL);
  return question->result;
}

static void
ask_install (Question *q, IkePlugin *plugin, IkeCall *call)
{
  xfrm_kernel_class.install (plugin, call, q->data);
}

static void
ask_remove (Question *q, IkePlugin *plugin, IkeCall *call)
{
  xfrm_kernel_class.remove (plugin, call, q->data);
}

static G_GNUC_UNUSED void
ask_update (Question *q, IkePlugin *plugin, IkeCall *call)
{
  xfrm_kernel_class.update (plugin, call, q->data, q->more);
}

static G_GNUC_UNUSED void
ask_query (Question *q, IkePlugin *plugin, IkeCall *call)
{
  xfrm_kernel_class.query (plugin, call, q->data);
}

static G_GNUC_UNUSED void
ask_spi (Question *q, IkePlugin *plugin, IkeCall *call)
{
  const IkeAddr *ends = q->data;
  xfrm_kernel_class.get_spi (plugin, call, (guint8) GPOINTER_TO_UINT (q->more), &ends[0], &ends[1],
                             (IkeSaRef){ 0 });
}

/* -- tunnels */

static guint8 key[IKE_SECRET_MAX] = { 1, 2, 3 };

/* One end of a tunnel. */
typedef struct {
  IkeKernelSa     sas[2];
  IkeKernelPolicy policies[3];
  IkeKernelBatch  batch;
} End;

static void
make_end (End *end, guint number)
{
  static const IkeDirection directions[] = { IKE_DIR_OUT, IKE_DIR_IN, IKE_DIR_FWD };
  char inner[2][32] = { "10.1.0.0/16", "" };
  memset (end, 0, sizeof *end);
  g_snprintf (inner[1], sizeof inner[1], "10.%u.%u.0/24", 2 + (number >> 8), number & 255);
  for (guint i = 0; i < 2; i++) {
    end->sas[i] = (IkeKernelSa){ .struct_size = sizeof end->sas[i],
                                 .protocol = IKE_PROTOCOL_ESP,
                                 .mode = IKE_MODE_TUNNEL,
                                 .direction = i ? IKE_DIR_OUT : IKE_DIR_IN,
                                 .spi = (i ? 0x20000000 : 0x10000000) + number,
                                 .reqid = 1 + number,
                                 .encr = { IKE_TRANSFORM_ENCR, 0, 20, 128 },
                                 .encr_key = key,
                                 .encr_key_len = 20,
                                 .replay_window = i ? 0 : 32,
                                 .sa = { .serial = 77 },
                                 .child = number };
    g_assert_true (
        ike_addr_parse (i ? &end->sas[i].source : &end->sas[i].destination, "192.0.2.1", NULL));
    g_assert_true (
        ike_addr_parse (i ? &end->sas[i].destination : &end->sas[i].source, "192.0.2.2", NULL));
  }
  for (guint i = 0; i < 3; i++) {
    gboolean is_out = directions[i] == IKE_DIR_OUT;
    end->policies[i] = (IkeKernelPolicy){ .struct_size = sizeof end->policies[i],
                                          .direction = (guint8) directions[i],
                                          .mode = IKE_MODE_TUNNEL,
                                          .protocol = IKE_PROTOCOL_ESP,
                                          .reqid = 1 + number,
                                          .spi = is_out ? end->sas[1].spi : 0,
                                          .outer_source = end->sas[is_out].source,
                                          .outer_destination = end->sas[is_out].destination };
    g_assert_true (ike_selector_parse (&end->policies[i].source, inner[!is_out], NULL));
    g_assert_true (ike_selector_parse (&end->policies[i].destination, inner[is_out], NULL));
  }
  end->batch = (IkeKernelBatch){ sizeof end->batch, 2, 3, end->sas, end->policies };
}

static void
install (End *end)
{
  end->batch.sas = end->sas;
  end->batch.policies = end->policies;
  ask (&(Question){ .ask = ask_install, .data = &end->batch }, NULL);
}

static G_GNUC_UNUSED char *
install_fails (End *end)
{
  char *error = NULL;
  end->batch.sas = end->sas;
  end->batch.policies = end->policies;
  ask (&(Question){ .ask = ask_install, .data = &end->batch }, &error);
  g_assert_nonnull (error);
  return error;
}

static void
uninstall (End *end)
{
  end->batch.sas = end->sas;
  end->batch.policies = end->policies;
  ask (&(Question){ .ask = ask_remove, .data = &end->batch }, NULL);
}

static void
assert_kernel (guint n_states, guint n_policies)
{
  g_assert_cmpuint (fake_n (fake_kernel.states), ==, n_states);
  g_assert_cmpuint (fake_n (fake_kernel.policies), ==, n_policies);
}

static const struct nlmsghdr *
state_nth (guint i)
{
  return g_ptr_array_index (fake_kernel.states, i);
}

static const struct xfrm_usersa_info *
info_nth (guint i)
{
  return mnl_nlmsg_get_payload (state_nth (i));
}

static G_GNUC_UNUSED const struct xfrm_user_tmpl *
template_of_policy (guint8 dir)
{
  for (guint i = 0; i < fake_kernel.policies->len; i++) {
    const struct nlmsghdr *message = g_ptr_array_index (fake_kernel.policies, i);
    const struct xfrm_userpolicy_info *policy = mnl_nlmsg_get_payload (message);
    const struct nlattr *table[XFRMA_MAX + 1];
    netlink_attributes (message, sizeof *policy, table, XFRMA_MAX);
    if (policy->dir == dir)
      return netlink_content (table[XFRMA_TMPL], sizeof (struct xfrm_user_tmpl));
  }
  return NULL;
}
