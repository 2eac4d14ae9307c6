/* SPDX-License-Identifier: Apache-2.0 */
/* test_traps.c - policies without an SA: packets that ask for one, and shunts. */
#include "exchange/pair.h"
#include <glib/gstdio.h>
#include <string.h>

#define PROPOSALS                                                                                  \
  "proposals = aes256gcm16-prfsha256-x25519\n retransmit_timeout = 0.5\n retransmit_tries = 1\n"
#define NET(action)                                                                                \
  PROPOSALS "children { net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n" action "\n } "   \
                                                                                         "}\n"
#define PEER "children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n } }\n"

/* -- the first selectors that `a` proposes, off the plaintext */

typedef struct {
  guint n_proposed; /* how often */
  guint8 n_local, n_remote;
  IkeSelector local[4], remote[4];
} Proposed;

static Proposed proposed;

static guint8
read_ts (guint8 first, const guint8 *plain, gsize len, guint8 type, IkeSelector *out)
{
  gsize body_len;
  const guint8 *body = pair_payload (first, (guint8 *) plain, len, type, &body_len);
  IkeSelector all[IKE_SELECTORS_MAX];
  IkeVerdict verdict = { 0 };
  IkeReader r;
  guint n;

  if (!body)
    return 0;
  ike_reader_init (&r, body, body_len);
  g_assert_true (ike_selectors_read (&r, all, &n, NULL, &verdict));
  memcpy (out, all, MIN (n, 4) * sizeof *out);
  return (guint8) n;
}

static IkeHookVerdict
on_message (IkePlugin *self, IkeSa *sa, IkeMessageEvent *event)
{
  if (event->is_inbound || !event->is_request || event->exchange < 35 || event->exchange > 36
      || strcmp (ike_sa_conn (sa)->local[0].id_text, "a.test") != 0)
    return IKE_HOOK_PASS;
  proposed.n_local =
      read_ts (event->first_payload, event->plain, event->len, IKE_PAYLOAD_TSI, proposed.local);
  proposed.n_remote =
      read_ts (event->first_payload, event->plain, event->len, IKE_PAYLOAD_TSR, proposed.remote);
  proposed.n_proposed += proposed.n_local > 0;
  return IKE_HOOK_PASS;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  return ike_message_hook_add (self, "traps-tap", NULL, on_message, error);
}

static const IkePluginInfo tap_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "traps-tap",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "what is proposed, for tests",
  .activate = activate,
};
static const IkePluginInfo *const builtin[] = { &tap_plugin, NULL };

static Pair *
pair_with (gconstpointer flags, const char *ours, const char *theirs)
{
  Pair *pair = pair_new (&(PairOptions){
      .flags = GPOINTER_TO_UINT (flags), .connection = { ours, theirs }, .builtin = builtin });

  memset (&proposed, 0, sizeof proposed);
  pair_run (pair, 1);
  return pair;
}

static char *
show (const IkeSelector *selector)
{
  char text[128];

  return g_strdup (ike_selector_format (selector, text, sizeof text));
}

static void
assert_selector (const IkeSelector *selector, const char *wanted)
{
  g_autofree char *text = show (selector);

  g_assert_cmpstr (text, ==, wanted);
}

static guint
n_policies (const PairEnd *end)
{
  return end->kernel_ops->n_policies (end->kernel);
}

static guint
n_sas (const PairEnd *end)
{
  return end->kernel_ops->n_sas (end->kernel);
}

static guint32
reqid_of (const PairEnd *end)
{
  IkeKernelPolicy policy;
  guint i;

  for (i = 0; end->kernel_ops->nth_policy (end->kernel, i, &policy); i++)
    if (policy.direction == IKE_DIR_OUT)
      return policy.reqid;
  g_error ("there is no outbound policy\n%s", end->log->str);
}

static void
packet (const PairEnd *end, guint32 sequence, const char *from, const char *to)
{
  IkeKernelAcquire acquire = { .struct_size = sizeof acquire,
                               .reqid = reqid_of (end),
                               .sequence = sequence };

  g_assert_true (ike_selector_parse (&acquire.source, from, NULL));
  g_assert_true (ike_selector_parse (&acquire.destination, to, NULL));
  end->kernel_ops->acquire (end->kernel, &acquire);
}

static guint
n_told (const PairEnd *end, gboolean is_up)
{
  return end->kernel_ops->n_acquired (end->kernel, is_up);
}

static IkeTree *
list (PairEnd *end)
{
  return pair_command (end, "list-policies", NULL, NULL);
}

static void
assert_state (PairEnd *end, const char *wanted)
{
  g_autoptr (IkeTree) policies = list (end);

  g_assert_cmpstr (ike_tree_string (policies, "policies.0.state", ""), ==, wanted);
}

/* -- traps */

static void
test_asks (gconstpointer flags)
{
  Pair *pair = pair_with (flags, NET ("start_action = trap"), PEER);
  IkeFakeSa sa = { .struct_size = sizeof sa };
  IkeKernelPolicy policy;
  guint i, n_answers = 0;
  guint32 reqid = reqid_of (&pair->a);

  g_assert_cmpuint (n_policies (&pair->a), ==, 3);
  g_assert_cmpuint (n_sas (&pair->a) + proposed.n_proposed, ==, 0);
  assert_state (&pair->a, "INSTALLED");
  packet (&pair->a, 77, "10.1.0.5[tcp/40000]", "10.2.0.7[tcp/443]");
  pair_run (pair, 2);
  pair_assert_twins (pair);
  g_assert_cmpuint (proposed.n_local, ==, 2);
  g_assert_cmpuint (proposed.n_remote, ==, 2);
  assert_selector (&proposed.local[0], "10.1.0.5/32[tcp/40000]");
  assert_selector (&proposed.remote[0], "10.2.0.7/32[tcp/443]");
  assert_selector (&proposed.local[1], "10.1.0.0/16");
  assert_selector (&proposed.remote[1], "10.2.0.0/16");
  /* The policies of the SA are those of the trap, and nothing is there twice in other words. */
  g_assert_cmpuint (n_policies (&pair->a), ==, 6);
  for (i = 0; pair->a.kernel_ops->nth_policy (pair->a.kernel, i, &policy); i++) {
    g_assert_cmpuint (policy.reqid, ==, reqid);
    assert_selector (policy.direction == IKE_DIR_OUT ? &policy.source : &policy.destination,
                     "10.1.0.0/16");
  }
  for (i = 0; pair->a.kernel_ops->nth_sa (pair->a.kernel, i, &sa); i++)
    n_answers += sa.direction == IKE_DIR_OUT && sa.acquire == 77 && sa.reqid == reqid;
  g_assert_cmpuint (n_answers, ==, 1);
  g_assert_cmpuint (n_told (&pair->a, TRUE), ==, 1);
  g_assert_cmpuint (n_told (&pair->a, FALSE), ==, 0);
  /* It goes; the trap stays, and asks again. */
  pair_down (pair, "pair", NULL);
  pair_run (pair, 2);
  g_assert_cmpuint (n_policies (&pair->a), ==, 3);
  packet (&pair->a, 78, "10.1.0.5", "10.2.0.7");
  pair_run (pair, 2);
  pair_assert_twins (pair);
  g_assert_cmpuint (n_sas (&pair->a), ==, 2);
  pair_free (pair);
}

static void
test_storm (gconstpointer flags)
{
  Pair *pair = pair_with (flags, NET ("start_action = trap"), PEER);
  guint i;

  for (i = 0; i < 5000; i++) {
    g_autofree char *to = g_strdup_printf ("10.2.%u.%u", i / 250, i % 250 + 1);
    packet (&pair->a, i + 1, "10.1.0.5", to);
  }
  pair_run (pair, 3);
  pair_assert_twins (pair);
  g_assert_cmpuint (n_sas (&pair->a), ==, 2);
  g_assert_cmpuint (proposed.n_proposed, ==, 1);
  g_assert_cmpuint (pair_count (&pair->a, "ike.initiated"), ==, 1);
  g_assert_cmpuint (pair_count (&pair->a, "trap.acquires-merged"), ==, 1023);
  g_assert_cmpuint (pair_count (&pair->a, "trap.acquires-refused"), ==, 5000 - 1024);
  g_assert_cmpuint (n_told (&pair->a, TRUE), ==, 8);
  /* And what is carried by now makes no second one. */
  packet (&pair->a, 9, "10.1.0.5", "10.2.0.7");
  pair_run (pair, 2);
  g_assert_cmpuint (n_sas (&pair->a), ==, 2);
  g_assert_cmpuint (proposed.n_proposed, ==, 1);
  pair_free (pair);
}

static void
test_fails (gconstpointer flags)
{
  Pair *pair = pair_with (flags, NET ("start_action = trap"), PEER);
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP };
  g_autoptr (IkeTree) record = NULL;
  guint i;

  pair->a.net_ops->rule_add (pair->a.net, &rule);
  packet (&pair->a, 1, "10.1.0.5", "10.2.0.7");
  for (i = 0; i < 60; i++) {
    pair_run (pair, 1);
    packet (&pair->a, 1, "10.1.0.5", "10.2.0.7");
  }
  /* Each attempt takes 1.4 s; between them are 1, 2, 4, 8, 16 and 32 s. */
  g_assert_cmpuint (pair_count (&pair->a, "ike.initiated"), >=, 4);
  g_assert_cmpuint (pair_count (&pair->a, "ike.initiated"), <=, 6);
  g_assert_cmpuint (n_told (&pair->a, TRUE), ==, 0);
  g_assert_cmpuint (n_told (&pair->a, FALSE), >=, 4);
  g_assert_cmpuint (n_policies (&pair->a), ==, 3);
  record = pair_explain (&pair->a);
  g_assert_cmpstr (ike_tree_string (record, "phase", ""), ==, "acquire");
  g_assert_cmpstr (ike_tree_string (record, "details.destination", ""), ==, "10.2.0.7/32");
  g_assert_nonnull (strstr (ike_tree_string (record, "reason", ""), "no SA for a packet"));
  /* The peer is back: the next question after the rest gets its SA. */
  pair->a.net_ops->rule_remove (pair->a.net, 0);
  for (i = 0; i < 70 && !n_sas (&pair->a); i++) {
    packet (&pair->a, 1, "10.1.0.5", "10.2.0.7");
    pair_run (pair, 1);
  }
  pair_assert_twins (pair);
  g_assert_cmpuint (n_sas (&pair->a), ==, 2);
  pair_free (pair);
}

/* RFC 7296, 2.9: of its children the peer takes that which has the packet.  What it narrowed does
 * not carry the rest, for which the trap still asks. */
static void
test_narrowed (gconstpointer flags)
{
  Pair *pair = pair_with (flags, NET ("start_action = trap"),
                          "children { low { local_ts = 10.2.7.0/24\n remote_ts = 10.1.0.0/16\n }\n"
                          "high { local_ts = 10.2.9.0/24\n remote_ts = 10.1.0.0/16\n } }\n");
  g_autoptr (IkeTree) status = NULL;
  const IkeTree *children;

  packet (&pair->a, 1, "10.1.0.5", "10.2.9.9");
  pair_run (pair, 2);
  g_assert_cmpuint (n_sas (&pair->a), ==, 2);
  packet (&pair->a, 2, "10.1.0.6", "10.2.9.10");
  pair_run (pair, 2);
  g_assert_cmpuint (n_sas (&pair->a), ==, 2);
  packet (&pair->a, 3, "10.1.0.5", "10.2.7.7");
  pair_run (pair, 2);
  g_assert_cmpuint (n_sas (&pair->a), ==, 4);
  pair_assert_twins (pair);
  g_assert_cmpuint (n_told (&pair->a, TRUE), ==, 3);
  status = pair_status (&pair->a);
  g_assert_cmpuint (ike_tree_n (ike_tree_get (status, "sas")), ==, 1);
  children = ike_tree_get (status, "sas.0.children");
  g_assert_cmpuint (ike_tree_n (children), ==, 2);
  g_assert_cmpstr (ike_tree_string (ike_tree_nth (children, 0), "remote-ts.0", ""), ==,
                   "10.2.7.0/24");
  g_assert_cmpstr (ike_tree_string (ike_tree_nth (children, 1), "remote-ts.0", ""), ==,
                   "10.2.9.0/24");
  g_assert_cmpint (ike_tree_int (ike_tree_nth (children, 0), "reqid", 0), !=, reqid_of (&pair->a));
  g_assert_cmpint (ike_tree_int (ike_tree_nth (children, 1), "reqid", 0), !=, reqid_of (&pair->a));
  g_assert_cmpint (ike_tree_int (ike_tree_nth (children, 0), "reqid", 0), !=,
                   ike_tree_int (ike_tree_nth (children, 1), "reqid", 0));
  pair_free (pair);
}

/* A packet that no proposal of ours can cover, and one of nobody's trap. */
static void
test_strangers (gconstpointer flags)
{
  Pair *pair = pair_with (flags, NET ("start_action = trap"), PEER);
  IkeKernelAcquire acquire = { .struct_size = sizeof acquire, .reqid = 4711 };

  g_assert_true (ike_selector_parse (&acquire.source, "10.1.0.1", NULL));
  g_assert_true (ike_selector_parse (&acquire.destination, "10.2.0.1", NULL));
  pair->a.kernel_ops->acquire (pair->a.kernel, &acquire);
  pair_run (pair, 2);
  g_assert_cmpuint (pair_count (&pair->a, "trap.acquires-unknown"), ==, 1);
  g_assert_cmpuint (pair_count (&pair->a, "ike.initiated"), ==, 0);
  packet (&pair->a, 1, "10.99.0.1", "10.98.0.1");
  pair_run (pair, 2);
  g_assert_cmpuint (proposed.n_local, ==, 1);
  assert_selector (&proposed.local[0], "10.1.0.0/16");
  pair_assert_twins (pair);
  pair_free (pair);
}

/* What the peer begins has the policies of the trap too, so no packet finds only the trap. */
static void
test_peer_begins (gconstpointer flags)
{
  Pair *pair = pair_with (flags, NET ("start_action = trap"), PEER);
  IkeFakeSa sa = { .struct_size = sizeof sa };
  g_autofree char *error = pair_up_of (pair, &pair->b, "pair", "net");

  g_assert_cmpstr (error, ==, NULL);
  g_assert_true (pair->a.kernel_ops->nth_sa (pair->a.kernel, 0, &sa));
  g_assert_cmpuint (sa.reqid, ==, reqid_of (&pair->a));
  packet (&pair->a, 1, "10.1.0.5", "10.2.0.7");
  pair_run (pair, 2);
  g_assert_cmpuint (n_sas (&pair->a), ==, 2);
  g_assert_cmpuint (n_told (&pair->a, TRUE), ==, 1);
  pair_free (pair);
}

static void
test_trap_and_start (gconstpointer flags)
{
  Pair *pair = pair_with (flags, NET ("start_action = trap|start"), PEER);

  pair_run (pair, 2);
  pair_assert_twins (pair);
  g_assert_cmpuint (n_sas (&pair->a), ==, 2);
  g_assert_cmpuint (n_policies (&pair->a), ==, 6);
  pair_free (pair);
}

static void
test_dynamic (gconstpointer flags)
{
  Pair *pair = pair_with (flags,
                          PROPOSALS "local_addrs = %any\n children { net { mode = transport\n "
                                    "remote_ts = dynamic[tcp]\n start_action = trap\n } }\n",
                          PROPOSALS "children { net { mode = transport\n } }\n");
  IkeKernelPolicy policy;

  g_assert_true (pair->a.kernel_ops->nth_policy (pair->a.kernel, 0, &policy));
  assert_selector (&policy.source, "10.0.0.1/32");
  assert_selector (&policy.destination, "10.0.0.2/32[tcp]");
  g_assert_cmpuint (policy.mode, ==, IKE_MODE_TRANSPORT);
  packet (&pair->a, 1, "10.0.0.1[tcp/1024]", "10.0.0.2[tcp/80]");
  pair_run (pair, 2);
  g_assert_cmpuint (proposed.n_local, ==, 2);
  assert_selector (&proposed.local[0], "10.0.0.1/32[tcp/1024]");
  pair_assert_twins (pair);
  pair_free (pair);
}

/* The kernel plugin refuses: tried again for as long as it is wanted. */
static void
test_refused (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                                         .connection = { NET ("start_action = trap"), PEER } });
  g_autoptr (IkeTree) policies = NULL;

  pair->a.kernel_ops->fail_next (pair->a.kernel, IKE_FAKE_INSTALL, "no room");
  ike_sim_settle (pair->sim);
  policies = list (&pair->a);
  g_assert_cmpstr (ike_tree_string (policies, "policies.0.state", ""), ==, "FAILED");
  g_assert_cmpstr (ike_tree_string (policies, "policies.0.why", ""), ==, "no room");
  g_assert_cmpuint (n_policies (&pair->a), ==, 0);
  pair_run (pair, 3);
  assert_state (&pair->a, "INSTALLED");
  g_assert_cmpuint (n_policies (&pair->a), ==, 3);
  pair_free (pair);
}

/* While the daemon ends no packet begins anything any more. */
static void
shut_down (gpointer engine)
{
  ike_engine_shutdown (engine, 1000);
}

static void
test_shutdown (gconstpointer flags)
{
  Pair *pair = pair_with (flags, NET ("start_action = trap"), PEER);

  packet (&pair->a, 1, "10.1.0.5", "10.2.0.7");
  pair_run (pair, 2);
  ike_loop_post (ike_engine_control (pair->a.engine), shut_down, pair->a.engine, NULL);
  pair_run (pair, 1);
  packet (&pair->a, 2, "10.1.0.5", "10.2.0.7");
  pair_run (pair, 1);
  g_assert_cmpuint (n_sas (&pair->a), ==, 0);
  g_assert_cmpuint (pair_count (&pair->a, "ike.initiated"), ==, 1);
  pair_free (pair);
}

/* -- a reload is a diff */

typedef struct {
  Pair *pair;
  char *file;
} Reload;

static void
reload_init (Reload *r, gconstpointer flags, const char *children)
{
  int fd = g_file_open_tmp ("ikebana-traps-XXXXXX", &r->file, NULL);
  g_autofree char *body = g_strdup_printf (PROPOSALS "children { include %s\n }\n", r->file);

  g_assert_cmpint (fd, >=, 0);
  g_assert_true (g_close (fd, NULL));
  g_assert_true (g_file_set_contents (r->file, children, -1, NULL));
  r->pair = pair_with (flags, body, PEER);
}

static void
reload (Reload *r, const char *children)
{
  g_assert_true (g_file_set_contents (r->file, children, -1, NULL));
  ike_tree_free (pair_command (&r->pair->a, "reload", NULL, NULL));
  pair_run (r->pair, 1);
}

static void
reload_clear (Reload *r)
{
  pair_free (r->pair);
  g_unlink (r->file);
  g_free (r->file);
}

static void
test_reload (gconstpointer flags)
{
  static const char one[] = "net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n"
                            " start_action = trap\n }\n";
  static const char wider[] = "net { local_ts = 10.0.0.0/8\n remote_ts = 10.2.0.0/16\n"
                              " start_action = trap\n }\n";
  static const char other[] = "net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n"
                              " start_action = trap\n rekey_time = 10m\n }\n";
  static const char none[] = "net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n }\n";
  Reload r;
  PairEnd *a;
  guint32 reqid;
  guint64 installs;

  reload_init (&r, flags, one);
  a = &r.pair->a;
  reqid = reqid_of (a);
  packet (a, 1, "10.1.0.5", "10.2.0.7");
  pair_run (r.pair, 2);
  installs = a->kernel_ops->n_calls (a->kernel, IKE_FAKE_INSTALL);
  /* Nothing changed, or nothing that policies know: they stay. */
  reload (&r, one);
  reload (&r, other);
  g_assert_cmpuint (a->kernel_ops->n_calls (a->kernel, IKE_FAKE_INSTALL), ==, installs);
  g_assert_cmpuint (reqid_of (a), ==, reqid);
  /* Others come before the old ones go; the reqid stays with the name. */
  reload (&r, wider);
  g_assert_cmpuint (a->kernel_ops->n_calls (a->kernel, IKE_FAKE_INSTALL), ==, installs + 1);
  g_assert_cmpuint (n_policies (a), ==, 6);
  g_assert_cmpuint (reqid_of (a), ==, reqid);
  reload (&r, none);
  g_assert_cmpuint (n_policies (a), ==, 3);
  g_assert_cmpuint (n_sas (a), ==, 2);
  pair_down (r.pair, "pair", NULL);
  pair_run (r.pair, 2);
  g_assert_cmpuint (n_policies (a), ==, 0);
  reload_clear (&r);
}

/* New policies that are refused leave the old ones where they are, until they are wanted again. */
static void
test_refused_change (gconstpointer flags)
{
  static const char one[] = "net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n"
                            " start_action = trap\n }\n";
  static const char wider[] = "net { local_ts = 10.0.0.0/8\n remote_ts = 10.2.0.0/16\n"
                              " start_action = trap\n }\n";
  Reload r;
  PairEnd *a;

  reload_init (&r, flags, one);
  a = &r.pair->a;
  a->kernel_ops->fail_next (a->kernel, IKE_FAKE_INSTALL, "no room");
  g_assert_true (g_file_set_contents (r.file, wider, -1, NULL));
  ike_tree_free (pair_command (a, "reload", NULL, NULL));
  ike_sim_settle (r.pair->sim);
  assert_state (a, "FAILED");
  g_assert_cmpuint (n_policies (a), ==, 3);
  g_assert_true (g_file_set_contents (r.file, one, -1, NULL));
  ike_tree_free (pair_command (a, "reload", NULL, NULL));
  ike_sim_settle (r.pair->sim);
  assert_state (a, "INSTALLED");
  pair_run (r.pair, 5);
  g_assert_cmpuint (n_policies (a), ==, 3);
  packet (a, 1, "10.1.0.5", "10.2.0.7");
  pair_run (r.pair, 2);
  pair_assert_twins (r.pair);
  g_assert_cmpuint (n_sas (a), ==, 2);
  reload_clear (&r);
}

/* Neither what the old settings had nor what asked under them lives on. */
static void
test_removed_while_asking (gconstpointer flags)
{
  static const char one[] = "net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n"
                            " start_action = trap\n }\n";
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP };
  Reload r;

  reload_init (&r, flags, one);
  r.pair->a.net_ops->rule_add (r.pair->a.net, &rule);
  packet (&r.pair->a, 1, "10.1.0.5", "10.2.0.7");
  reload (&r, "");
  pair_run (r.pair, 10);
  g_assert_cmpuint (n_policies (&r.pair->a), ==, 0);
  g_assert_cmpuint (n_told (&r.pair->a, FALSE), ==, 1);
  reload_clear (&r);
}

/* -- by hand */

static char *
by_hand (PairEnd *end, const char *command, const char *child)
{
  IkeTree *args = ike_tree_new_section ();
  char *error = NULL;

  ike_tree_set_string (args, "child", child);
  ike_tree_free (pair_command (end, command, args, &error));
  ike_sim_settle (ike_engine_sim (end->engine));
  return error;
}

static void
test_by_hand (gconstpointer flags)
{
  Pair *pair = pair_with (flags, NET (""), PEER);
  g_autofree char *not_there = NULL, *no_child = NULL;

  g_assert_cmpuint (n_policies (&pair->a), ==, 0);
  not_there = by_hand (&pair->a, "uninstall", "net");
  g_assert_nonnull (strstr (not_there, "no trap and no shunt"));
  no_child = by_hand (&pair->a, "install", "nett");
  g_assert_nonnull (strstr (no_child, "there is no child nett"));
  g_assert_null (by_hand (&pair->a, "install", "net"));
  g_assert_null (by_hand (&pair->a, "install", "net"));
  g_assert_cmpuint (n_policies (&pair->a), ==, 3);
  packet (&pair->a, 1, "10.1.0.5", "10.2.0.7");
  pair_run (pair, 2);
  g_assert_cmpuint (n_sas (&pair->a), ==, 2);
  g_assert_null (by_hand (&pair->a, "uninstall", "net"));
  g_assert_cmpuint (n_policies (&pair->a), ==, 3);
  pair_assert_twins (pair);
  pair_free (pair);
}

/* -- shunts */

static void
test_shunts (gconstpointer flags)
{
  Pair *pair = pair_with (
      flags,
      PROPOSALS "children { lan { mode = pass\n local_ts = 192.168.1.0/24\n remote_ts = "
                "192.168.1.0/24\n start_action = trap\n }\n"
                "rest { mode = drop\n remote_ts = 0.0.0.0/0,::/0\n start_action = trap\n }\n"
                "net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n } }\n",
      PEER);
  g_autoptr (IkeTree) policies = list (&pair->a);
  g_autofree char *no_up = NULL;
  guint i, n_in = 0, n_out = 0;
  IkeKernelPolicy policy;

  /* `dynamic` of a shunt is every address. */
  g_assert_cmpuint (n_policies (&pair->a), ==, 9);
  for (i = 0; pair->a.kernel_ops->nth_policy (pair->a.kernel, i, &policy); i++) {
    g_assert_cmpuint (policy.mode, ==, i < 3 ? IKE_MODE_PASS : IKE_MODE_DROP);
    n_in += policy.direction != IKE_DIR_OUT;
    n_out += policy.direction == IKE_DIR_OUT;
  }
  g_assert_cmpuint (n_out, ==, 3);
  g_assert_cmpuint (n_in, ==, 6);
  g_assert_cmpstr (ike_tree_string (policies, "policies.0.kind", ""), ==, "shunt");
  g_assert_cmpstr (ike_tree_string (policies, "policies.1.mode", ""), ==, "DROP");
  no_up = pair_up (pair, "rest");
  g_assert_nonnull (strstr (no_up, "is a shunt"));
  /* Without a name the first tunnel is meant. */
  pair_assert_up (pair, NULL);
  pair_assert_twins (pair);
  g_assert_cmpuint (n_sas (&pair->a), ==, 2);
  pair_free (pair);
}

/* A peer cannot have one of ours for a CHILD_SA. */
static void
test_shunts_are_ours (gconstpointer flags)
{
  Pair *pair = pair_with (flags, NET (""),
                          "children { net { mode = pass\n local_ts = 10.2.0.0/16\n remote_ts = "
                          "10.1.0.0/16\n start_action = trap\n } }\n");
  g_autofree char *error = pair_up (pair, "net");

  g_assert_nonnull (error);
  g_assert_cmpuint (n_sas (&pair->a) + n_sas (&pair->b), ==, 0);
  pair_free (pair);
}

/* -- what cannot be trapped is said at load */

static void
test_impossible (void)
{
  static const struct {
    const char *body, *sentence;
  } cases[] = {
    { "remote_addrs = %any\n", "net.start_action: a packet does not say which peer" },
    { "remote_addrs = 10.0.0.0/24\n", "net.start_action: a packet does not say which peer" },
    { "if_id = %unique\n", "net.start_action: the interface of if_id = %unique comes with" },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *body = g_strconcat (NET ("start_action = trap"), cases[i].body, NULL);
    Pair *pair = pair_with (NULL, body, PEER);
    if (!strstr (pair->a.log->str, cases[i].sentence))
      g_error ("%s is not in\n%s", cases[i].sentence, pair->a.log->str);
    g_assert_cmpuint (n_policies (&pair->a), ==, 0);
    pair_free (pair);
  }
}

/* Whose policies are somebody else's affair has no trap, and comes up all the same. */
static void
test_no_policies (gconstpointer flags)
{
  Pair *pair =
      pair_with (flags, NET ("start_action = trap\n policies = no\n hostaccess = yes"), PEER);

  g_assert_nonnull (strstr (pair->a.log->str, "with policies = no there is no policy"));
  g_assert_cmpuint (n_policies (&pair->a), ==, 0);
  pair_assert_up (pair, "net");
  g_assert_cmpuint (n_policies (&pair->a), ==, 0);
  pair_assert_twins (pair);
  pair_free (pair);
}

static void
test_lacks (void)
{
  static const char *const lacks[] = { "trap", "shunt" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (lacks); i++) {
    g_autofree char *more = g_strdup_printf ("plugins { kernel-fake { lacks = %s } }", lacks[i]);
    Pair *pair = pair_new (&(PairOptions){
        .connection = { i ? NET ("mode = pass\n start_action = trap") : NET ("start_action = trap"),
                        PEER },
        .more = { more } });
    g_assert_nonnull (strstr (pair->a.log->str, i ? "cannot do this mode" : "installs no traps"));
    pair_free (pair);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("traps", "a-packet-asks-with-its-own-selectors-first", test_asks);
  pair_add_test ("traps", "a-storm-of-packets-asks-once", test_storm);
  pair_add_test ("traps", "in-vain-means-pauses-and-an-explanation", test_fails);
  pair_add_test ("traps", "what-a-peer-narrowed-leaves-the-rest-to-the-trap", test_narrowed);
  pair_add_test ("traps", "packets-of-nobody-and-out-of-place", test_strangers);
  pair_add_test ("traps", "what-the-peer-begins-is-of-the-trap", test_peer_begins);
  pair_add_test ("traps", "trap-and-start", test_trap_and_start);
  pair_add_test ("traps", "dynamic-selectors-of-transport-mode", test_dynamic);
  pair_add_test ("traps", "what-the-kernel-refuses-is-tried-again", test_refused);
  pair_add_test ("traps", "no-packet-asks-while-the-daemon-ends", test_shutdown);
  pair_add_test ("traps", "a-reload-touches-what-changed", test_reload);
  pair_add_test ("traps", "a-change-that-is-refused-leaves-what-was", test_refused_change);
  pair_add_test ("traps", "removed-while-it-asks", test_removed_while_asking);
  pair_add_test ("traps", "installed-and-removed-by-hand", test_by_hand);
  pair_add_test ("traps", "shunts-are-policies-without-sas", test_shunts);
  pair_add_test ("traps", "shunts-are-nothing-for-peers", test_shunts_are_ours);
  pair_add_test ("traps", "policies-of-others-are-left-to-them", test_no_policies);
  g_test_add_func ("/traps/what-is-impossible-is-said-at-load", test_impossible);
  g_test_add_func ("/traps/a-kernel-without-is-said", test_lacks);
  return g_test_run ();
}
