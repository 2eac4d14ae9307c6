/* SPDX-License-Identifier: Apache-2.0 */
/* test_modes.c - transport mode, BEET, AH and IPComp between two engines, also behind NAT, and what
 * a peer that answers wrongly is told. */
#include "exchange/pair.h"
#include <string.h>

#define PROPOSALS "proposals = aes256gcm16-prfsha256-x25519\n"
#define CHILDREN(settings) PROPOSALS "children { net { " settings "\n } }\n"
#define NETS_A "local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n"
#define NETS_B "local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n"

static Pair *
pair_of (gconstpointer flags, const char *a, const char *b)
{
  return pair_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .connection = { a, b } });
}

static IkeFakeSa
sa_of (PairEnd *end, IkeDirection direction)
{
  IkeFakeSa sa = { .struct_size = sizeof sa };
  guint i;

  for (i = 0; end->kernel_ops->nth_sa (end->kernel, i, &sa); i++)
    if (sa.direction == direction)
      return sa;
  g_error ("no SA is installed\n%s", end->log->str);
}

static void
assert_selector (const IkeSelector *selector, const char *wanted)
{
  char text[128];

  g_assert_cmpstr (ike_selector_format (selector, text, sizeof text), ==, wanted);
}

static void
assert_addr (const IkeAddr *addr, const char *wanted)
{
  char text[IKE_ADDR_TEXT_SIZE] = "none";

  if (addr->family)
    ike_addr_format (addr, FALSE, text);
  g_assert_cmpstr (text, ==, wanted);
}

/* What is installed for a mode without inner header, as @end sees the hosts. */
static void
assert_hosts (PairEnd *end, guint8 mode, const char *local, const char *remote)
{
  IkeFakeSa in = sa_of (end, IKE_DIR_IN), out = sa_of (end, IKE_DIR_OUT);

  g_assert_cmpuint (in.mode, ==, mode);
  g_assert_cmpuint (out.mode, ==, mode);
  assert_selector (&in.inner_source, remote);
  assert_selector (&in.inner_destination, local);
  assert_selector (&out.inner_source, local);
  assert_selector (&out.inner_destination, remote);
}

static void
assert_originals (PairEnd *end, const char *source, const char *destination)
{
  IkeFakeSa in = sa_of (end, IKE_DIR_IN), out = sa_of (end, IKE_DIR_OUT);

  assert_addr (&in.original_source, source);
  assert_addr (&in.original_destination, destination);
  g_assert_cmpuint (out.original_source.family, ==, 0);
}

/* One IKE SA is up at both ends, and no CHILD_SA, nor what was to become one. */
static void
assert_childless (Pair *pair)
{
  PairEnd *ends[] = { &pair->a, &pair->b };
  guint i;

  pair_run (pair, 5);
  for (i = 0; i < 2; i++) {
    g_autoptr (IkeTree) status = pair_status (ends[i]);
    const IkeTree *sas = ike_tree_get (status, "sas");
    if (ike_tree_n (sas) != 1)
      g_error ("-- a --\n%s-- b --\n%s", pair->a.log->str, pair->b.log->str);
    g_assert_cmpuint (ike_tree_n (ike_tree_get (ike_tree_nth (sas, 0), "children")), ==, 0);
    g_assert_cmpuint (ends[i]->kernel_ops->n_sas (ends[i]->kernel), ==, 0);
    g_assert_cmpuint (ends[i]->kernel_ops->n_spis (ends[i]->kernel), ==, 0);
    g_assert_cmpuint (ends[i]->kernel_ops->n_policies (ends[i]->kernel), ==, 0);
  }
}

static void
assert_fails (Pair *pair, const char *child, const char *sentence)
{
  g_autofree char *error = pair_up (pair, child);

  if (!error || !strstr (error, sentence))
    g_error ("%s\n-- a --\n%s-- b --\n%s", error, pair->a.log->str, pair->b.log->str);
}

/* -- transport mode */

static void
test_transport (gconstpointer flags)
{
  Pair *pair = pair_of (flags, CHILDREN ("mode = transport"), CHILDREN ("mode = transport"));

  pair_assert_up (pair, NULL);
  pair_assert_twins (pair);
  assert_hosts (&pair->a, IKE_MODE_TRANSPORT, "10.0.0.1/32", "10.0.0.2/32");
  assert_hosts (&pair->b, IKE_MODE_TRANSPORT, "10.0.0.2/32", "10.0.0.1/32");
  assert_originals (&pair->a, "none", "none");
  assert_originals (&pair->b, "none", "none");
  pair_free (pair);
}

/* Selectors that hold more than the hosts are cut to them at both ends. */
static void
test_transport_is_cut_to_the_hosts (gconstpointer flags)
{
  Pair *pair = pair_of (flags,
                        CHILDREN ("mode = transport\n local_ts = 10.0.0.0/8[tcp]\n"
                                  "remote_ts = 0.0.0.0/0[tcp/80], ::/0, 10.0.0.0/24[tcp/443]"),
                        CHILDREN ("mode = transport\n local_ts = 0.0.0.0/0, ::/0\n"
                                  "remote_ts = 0.0.0.0/0"));
  g_autoptr (IkeTree) status = NULL;
  const IkeTree *child;

  pair_assert_up (pair, NULL);
  status = pair_status (&pair->b);
  child = ike_tree_nth (ike_tree_get (ike_tree_nth (ike_tree_get (status, "sas"), 0), "children"),
                        0);
  g_assert_cmpstr (ike_tree_string (child, "mode", ""), ==, "TRANSPORT");
  g_assert_cmpuint (ike_tree_n (ike_tree_get (child, "local-ts")), ==, 2);
  g_assert_cmpstr (ike_tree_text (ike_tree_nth (ike_tree_get (child, "local-ts"), 1), NULL), ==,
                   "10.0.0.2/32[tcp/443]");
  assert_hosts (&pair->a, IKE_MODE_TRANSPORT, "10.0.0.1/32", "10.0.0.2/32");
  pair_free (pair);
}

static void
test_transport_by_create_child (gconstpointer flags)
{
  static const char *const both
    = PROPOSALS "children { net { mode = transport\n remote_ts = dynamic[tcp/80]\n }\n"
                "web { mode = transport\n remote_ts = dynamic[tcp/443]\n }\n }\n";
  static const char *const peer = CHILDREN ("mode = transport\n");
  Pair *pair = pair_of (flags, both, peer);

  pair_assert_up (pair, "net");
  pair_assert_up (pair, "web");
  pair_assert_twins (pair);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 4);
  pair_free (pair);
}

/* RFC 7296, 1.3.1: tunnel mode it is then; not acceptable to us, so both ends delete the SA. */
static void
test_responder_declines (gconstpointer flags)
{
  Pair *pair = pair_of (flags, CHILDREN ("mode = transport"), CHILDREN ("mode = tunnel"));
  g_autoptr (IkeTree) record = NULL;

  assert_fails (pair, NULL, "did not agree to transport mode");
  g_assert_nonnull (strstr (pair->b.log->str, "is up"));
  assert_childless (pair);
  record = pair_explain (&pair->a);
  g_assert_cmpstr (ike_tree_string (record, "phase", ""), ==, "mode");
  pair_free (pair);
}

static void
test_responder_declines_create_child (gconstpointer flags)
{
  static const char *const a
    = PROPOSALS "children { net { " NETS_A " }\n host { mode = transport\n }\n }\n";
  static const char *const b = PROPOSALS "children { net { " NETS_B " }\n host { }\n }\n";
  Pair *pair = pair_of (flags, a, b);

  pair_assert_up (pair, "net");
  assert_fails (pair, "host", "did not agree to transport mode");
  pair_run (pair, 5);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 2);
  g_assert_cmpuint (pair->b.kernel_ops->n_spis (pair->b.kernel), ==, 0);
  g_assert_cmpuint (pair->a.kernel_ops->n_spis (pair->a.kernel), ==, 0);
  pair_assert_twins (pair);
  pair_free (pair);
}

/* A child that is to be transport mode is none for who asks for tunnel mode. */
static void
test_initiator_does_not_propose (gconstpointer flags)
{
  Pair *pair = pair_of (flags, CHILDREN ("mode = tunnel"), CHILDREN ("mode = transport"));
  g_autoptr (IkeTree) record = NULL;

  assert_fails (pair, NULL, "NO_PROPOSAL_CHOSEN");
  record = pair_explain (&pair->b);
  g_assert_cmpstr (ike_tree_string (record, "phase", ""), ==, "mode");
  assert_childless (pair);
  pair_free (pair);
}

/* The responder takes the child of the mode that is asked for, whatever stands first. */
static void
test_mode_chooses_the_child (gconstpointer flags)
{
  static const char *const b
    = PROPOSALS "children { one { mode = tunnel\n }\n two { mode = transport\n }\n }\n";
  Pair *pair = pair_of (flags, CHILDREN ("mode = transport"), b);

  pair_assert_up (pair, NULL);
  g_assert_cmpuint (sa_of (&pair->b, IKE_DIR_IN).mode, ==, IKE_MODE_TRANSPORT);
  pair_free (pair);
}

static void
test_nets_are_no_hosts (gconstpointer flags)
{
  Pair *pair = pair_of (flags, CHILDREN ("mode = transport\n" NETS_A),
                        CHILDREN ("mode = transport\n" NETS_B));

  assert_fails (pair, NULL, "are not within local_ts and remote_ts");
  g_assert_cmpuint (pair->a.kernel_ops->n_spis (pair->a.kernel), ==, 0);
  pair_free (pair);
}

/* -- transport mode behind NAT (RFC 7296, 2.23.1) */

enum { NAT_A = 1, NAT_B = 2 };

static Pair *
translated_pair (gconstpointer flags, guint nats)
{
  const char *a = nats & NAT_B
                      ? "remote_addrs = 10.0.0.88\n" CHILDREN ("mode = transport")
                      : CHILDREN ("mode = transport\n local_ts = dynamic[tcp]\n"
                                  "remote_ts = dynamic[tcp/80]");
  Pair *pair = pair_of (flags, a, "remote_addrs = %any\n" CHILDREN ("mode = transport"));
  IkeAddr inside, outside;

  if (nats & NAT_A) {
    ike_addr_parse (&inside, "10.0.0.1", NULL);
    ike_addr_parse (&outside, "10.0.0.99", NULL);
    pair->a.net_ops->nat_add (pair->a.net, &inside, &outside);
  }
  if (nats & NAT_B) {
    ike_addr_parse (&inside, "10.0.0.2", NULL);
    ike_addr_parse (&outside, "10.0.0.88", NULL);
    pair->a.net_ops->nat_add_static (pair->a.net, &inside, &outside);
  }
  return pair;
}

static void
test_initiator_behind_nat (gconstpointer flags)
{
  Pair *pair = translated_pair (flags, NAT_A);

  pair_assert_up (pair, NULL);
  pair_assert_twins (pair);
  g_assert_true (sa_of (&pair->a, IKE_DIR_OUT).flags & IKE_KERNEL_ENCAP);
  assert_hosts (&pair->a, IKE_MODE_TRANSPORT, "10.0.0.1/32", "10.0.0.2/32");
  assert_hosts (&pair->b, IKE_MODE_TRANSPORT, "10.0.0.2/32", "10.0.0.99/32");
  assert_originals (&pair->a, "10.0.0.2", "10.0.0.99");
  assert_originals (&pair->b, "10.0.0.1", "10.0.0.2");
  pair_free (pair);
}

static void
test_responder_behind_nat (gconstpointer flags)
{
  Pair *pair = translated_pair (flags, NAT_B);

  pair_assert_up (pair, NULL);
  pair_assert_twins (pair);
  assert_hosts (&pair->a, IKE_MODE_TRANSPORT, "10.0.0.1/32", "10.0.0.88/32");
  assert_hosts (&pair->b, IKE_MODE_TRANSPORT, "10.0.0.2/32", "10.0.0.1/32");
  assert_originals (&pair->a, "10.0.0.2", "10.0.0.1");
  assert_originals (&pair->b, "10.0.0.1", "10.0.0.88");
  pair_free (pair);
}

static void
test_both_behind_nat (gconstpointer flags)
{
  Pair *pair = translated_pair (flags, NAT_A | NAT_B);

  pair_assert_up (pair, NULL);
  pair_assert_twins (pair);
  assert_hosts (&pair->a, IKE_MODE_TRANSPORT, "10.0.0.1/32", "10.0.0.88/32");
  assert_hosts (&pair->b, IKE_MODE_TRANSPORT, "10.0.0.2/32", "10.0.0.99/32");
  assert_originals (&pair->a, "10.0.0.2", "10.0.0.99");
  assert_originals (&pair->b, "10.0.0.1", "10.0.0.88");
  pair_free (pair);
}

/* "undo the Traffic Selector substitutions … fall back to tunnel mode": with what the peer sent. */
static void
test_nat_and_tunnel (gconstpointer flags)
{
  Pair *pair = pair_of (flags, CHILDREN ("mode = transport"),
                        "remote_addrs = %any\n" CHILDREN ("remote_ts = 10.0.0.1/32"));
  IkeAddr inside, outside;

  ike_addr_parse (&inside, "10.0.0.1", NULL);
  ike_addr_parse (&outside, "10.0.0.99", NULL);
  pair->a.net_ops->nat_add (pair->a.net, &inside, &outside);
  assert_fails (pair, NULL, "did not agree to transport mode");
  g_assert_nonnull (strstr (pair->b.log->str, "10.0.0.2/32 === 10.0.0.1/32"));
  assert_childless (pair);
  pair_free (pair);
}

/* -- BEET */

static void
test_beet (gconstpointer flags)
{
  Pair *pair = pair_of (
      flags, CHILDREN ("mode = beet\n local_ts = fd01::1\n remote_ts = fd02::1"),
      CHILDREN ("mode = beet\n local_ts = fd02::1\n remote_ts = fd01::/16"));
  IkeFakeSa out;

  pair_assert_up (pair, NULL);
  pair_assert_twins (pair);
  assert_hosts (&pair->a, IKE_MODE_BEET, "fd01::1/128", "fd02::1/128");
  assert_hosts (&pair->b, IKE_MODE_BEET, "fd02::1/128", "fd01::1/128");
  out = sa_of (&pair->a, IKE_DIR_OUT);
  assert_addr (&out.destination, "10.0.0.2");
  pair_free (pair);
}

static void
test_beet_is_declined (gconstpointer flags)
{
  Pair *pair = pair_of (flags, CHILDREN ("mode = beet\n local_ts = fd01::1\n remote_ts = fd02::1"),
                        CHILDREN ("local_ts = fd02::1\n remote_ts = fd01::/16"));

  assert_fails (pair, NULL, "did not agree to mode beet");
  assert_childless (pair);
  pair_free (pair);
}

static void
test_beet_takes_addresses (gconstpointer flags)
{
  Pair *pair
    = pair_of (flags, CHILDREN ("mode = beet\n" NETS_A), CHILDREN ("mode = beet\n" NETS_B));

  assert_fails (pair, NULL, "one address in local_ts and one in remote_ts");
  pair_free (pair);
}

/* -- AH */

static void
test_ah (gconstpointer flags)
{
  static const char *const integs[]
    = { "sha1", "aesxcbc", "aescmac", "sha256", "sha384", "sha512", "sha256-esn" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (integs); i++) {
    g_autofree char *a = g_strdup_printf (PROPOSALS "children { net { ah_proposals = %s\n " NETS_A
                                                    " } }\n",
                                          integs[i]);
    g_autofree char *b = g_strdup_printf (PROPOSALS "children { net { ah_proposals = %s\n " NETS_B
                                                    " } }\n",
                                          integs[i]);
    Pair *pair;
    IkeFakeSa out;
    g_test_message ("%s", integs[i]);
    pair = pair_of (flags, a, b);
    pair_assert_up (pair, NULL);
    pair_assert_twins (pair);
    out = sa_of (&pair->a, IKE_DIR_OUT);
    g_assert_cmpuint (out.protocol, ==, IKE_PROTOCOL_AH);
    g_assert_cmpuint (out.encr.type, ==, 0);
    g_assert_cmpuint (out.encr_key.len, ==, 0);
    g_assert_cmpuint (out.integ_key.len, >=, 16);
    g_assert_cmpuint (!!(out.flags & IKE_KERNEL_ESN), ==, strstr (integs[i], "esn") != NULL);
    pair_free (pair);
  }
}

static void
test_ah_transport_by_create_child (gconstpointer flags)
{
  static const char *const both[] = {
    PROPOSALS "children { net { " NETS_A " }\n"
              "host { mode = transport\n ah_proposals = sha256-x25519\n }\n }\n",
    PROPOSALS "children { net { " NETS_B " }\n"
              "host { mode = transport\n ah_proposals = sha256-x25519\n }\n }\n",
  };
  Pair *pair = pair_of (flags, both[0], both[1]);

  pair_assert_up (pair, "net");
  pair_assert_up (pair, "host");
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 4);
  pair_assert_twins (pair);
  pair_down (pair, NULL, "host");
  pair_run (pair, 2);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 2);
  pair_free (pair);
}

static void
test_ah_and_esp_do_not_agree (gconstpointer flags)
{
  Pair *pair = pair_of (flags, CHILDREN (NETS_A "ah_proposals = sha256"), CHILDREN (NETS_B));

  assert_fails (pair, NULL, "NO_PROPOSAL_CHOSEN");
  assert_childless (pair);
  pair_free (pair);
}

static void
test_ah_cannot_pass_nat (gconstpointer flags)
{
  Pair *pair = pair_of (flags, CHILDREN (NETS_A "ah_proposals = sha256"),
                        "remote_addrs = %any\n" CHILDREN (NETS_B "ah_proposals = sha256"));
  IkeAddr inside, outside;

  ike_addr_parse (&inside, "10.0.0.1", NULL);
  ike_addr_parse (&outside, "10.0.0.99", NULL);
  pair->a.net_ops->nat_add (pair->a.net, &inside, &outside);
  assert_fails (pair, NULL, "AH cannot pass the NAT");
  g_assert_cmpuint (pair->a.kernel_ops->n_spis (pair->a.kernel), ==, 0);
  pair_free (pair);
}

/* -- IPComp */

static void
test_ipcomp (gconstpointer flags)
{
  Pair *pair = pair_of (flags, CHILDREN (NETS_A "ipcomp = yes"), CHILDREN (NETS_B "ipcomp = yes"));
  IkeFakeSa a_in, b_in;

  pair_assert_up (pair, NULL);
  pair_assert_twins (pair);
  a_in = sa_of (&pair->a, IKE_DIR_IN);
  b_in = sa_of (&pair->b, IKE_DIR_IN);
  g_assert_cmpuint (a_in.ipcomp, ==, 2);
  g_assert_cmpuint (b_in.ipcomp, ==, 2);
  g_assert_cmpuint (a_in.cpi, >=, 256);
  g_assert_cmpuint (a_in.cpi, ==, sa_of (&pair->b, IKE_DIR_OUT).cpi);
  g_assert_cmpuint (b_in.cpi, ==, sa_of (&pair->a, IKE_DIR_OUT).cpi);
  g_assert_cmpuint (pair->a.kernel_ops->n_spis (pair->a.kernel), ==, 0);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 2);
  g_assert_cmpuint (pair->b.kernel_ops->n_spis (pair->b.kernel), ==, 0);
  pair_free (pair);
}

/* Only one end wants it: there is none, and the SA is as good without. */
static void
test_ipcomp_of_one_end (gconstpointer flags)
{
  guint i;

  for (i = 0; i < 2; i++) {
    Pair *pair = pair_of (flags, i ? CHILDREN (NETS_A) : CHILDREN (NETS_A "ipcomp = yes"),
                          i ? CHILDREN (NETS_B "ipcomp = yes") : CHILDREN (NETS_B));
    pair_assert_up (pair, NULL);
    g_assert_cmpuint (sa_of (&pair->a, IKE_DIR_IN).ipcomp, ==, 0);
    g_assert_cmpuint (sa_of (&pair->b, IKE_DIR_OUT).cpi, ==, 0);
    g_assert_cmpuint (pair->a.kernel_ops->n_spis (pair->a.kernel), ==, 0);
    g_assert_cmpuint (pair->b.kernel_ops->n_spis (pair->b.kernel), ==, 0);
    pair_free (pair);
  }
}

static void
test_ipcomp_without_kernel (gconstpointer flags)
{
  static const char lacks[] = "plugins { kernel-fake { lacks = ipcomp, offload\n } }\n";
  Pair *pair = pair_new (&(PairOptions) {
      .flags = GPOINTER_TO_UINT (flags),
      .connection = { CHILDREN (NETS_A "ipcomp = yes\n hw_offload = crypto"),
                      CHILDREN (NETS_B "ipcomp = yes") },
      .more = { lacks, NULL } });

  pair_assert_up (pair, NULL);
  g_assert_nonnull (strstr (pair->a.log->str, "does not compress; it has no effect"));
  g_assert_nonnull (strstr (pair->a.log->str, "leaves nothing to devices"));
  g_assert_cmpuint (sa_of (&pair->a, IKE_DIR_IN).ipcomp, ==, 0);
  g_assert_cmpuint (sa_of (&pair->b, IKE_DIR_IN).ipcomp, ==, 0);
  g_assert_cmpuint (sa_of (&pair->a, IKE_DIR_OUT).offload, ==, IKE_HW_OFFLOAD_NO);
  pair_free (pair);
}

/* -- who says what it should not */

/* Adds notifies to what one end sends in IKE_AUTH. */
typedef struct {
  gboolean of_responder;
  guint    n;
  struct { guint16 type; guint8 len, data[4]; } notifies[3];
} Lie;

static const Lie *lie;

static gboolean
lie_wanted (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return lie && lie->of_responder == !ike_exchange_is_initiator (x);
}

static IkeTaskResult
lie_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  guint i;

  for (i = 0; i < lie->n; i++)
    ike_notify_write (out, 0, lie->notifies[i].type, NULL, 0,
                      lie->notifies[i].len ? lie->notifies[i].data : NULL, lie->notifies[i].len);
  return IKE_TASK_DONE;
}

static const IkeTaskClass lie_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:finish",
  .wanted = lie_wanted,
  .build = lie_build,
};
static const IkeFeature lie_feature = { .struct_size = sizeof (IkeFeature),
                                        .provides = "task:lie",
                                        .ops = &lie_task };
static const IkeFeature *const lie_features[] = { &lie_feature, NULL };
static const IkePluginInfo lie_plugin = { .struct_size = sizeof (IkePluginInfo),
                                          .abi_major = IKE_ABI_MAJOR,
                                          .abi_minor = IKE_ABI_MINOR,
                                          .name = "lie",
                                          .version = "1",
                                          .license = "Apache-2.0",
                                          .summary = "says more than is true",
                                          .features = lie_features };

static Pair *
lying_pair (gconstpointer flags, const Lie *what, const char *a, const char *b)
{
  static const IkePluginInfo *const builtin[] = { &lie_plugin, NULL };

  lie = what;
  return pair_new (&(PairOptions) {
      .flags = GPOINTER_TO_UINT (flags), .connection = { a, b }, .builtin = builtin });
}

enum { IPCOMP = IKE_N_IPCOMP_SUPPORTED, TRANSPORT = IKE_N_USE_TRANSPORT_MODE, BEET = 40961 };

/* Answers that make an SA which is not the one that we asked for: it is deleted again. */
static void
test_wrong_answers (gconstpointer flags)
{
  static const struct { Lie lie; gboolean has_ipcomp; const char *why; } cases[] = {
    { { TRUE, 1, { { IPCOMP, 3, { 1, 0, 2 } } } }, FALSE, "compression that we did not offer" },
    { { TRUE, 1, { { IPCOMP, 3, { 1, 0, 3 } } } }, TRUE, "compression that we did not offer" },
    { { TRUE, 1, { { IPCOMP, 3, { 0, 9, 2 } } } }, TRUE, "compression that we did not offer" },
    { { TRUE, 1, { { IPCOMP, 3, { 240, 0, 2 } } } }, TRUE, "compression that we did not offer" },
    { { TRUE, 1, { { IPCOMP, 4, { 1, 0, 2, 0 } } } }, TRUE, "compression that we did not offer" },
    { { TRUE, 2, { { IPCOMP, 3, { 1, 0, 2 } }, { IPCOMP, 3, { 1, 1, 2 } } } },
      TRUE,
      "compression that we did not offer" },
    { { TRUE, 1, { { TRANSPORT } } }, FALSE, "a mode that we did not propose" },
    { { TRUE, 1, { { BEET } } }, FALSE, "a mode that we did not propose" },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    Pair *pair = lying_pair (flags, &cases[i].lie,
                             cases[i].has_ipcomp ? CHILDREN (NETS_A "ipcomp = yes")
                                                 : CHILDREN (NETS_A),
                             CHILDREN (NETS_B));
    g_test_message ("case %u", i);
    assert_fails (pair, NULL, cases[i].why);
    assert_childless (pair);
    pair_free (pair);
  }
}

/* What cannot be read is malformed, and the IKE SA goes (RFC 7296, 2.21.2 and 2.21.3). */
static void
test_malformed_notifies (gconstpointer flags)
{
  static const Lie cases[] = {
    { TRUE, 1, { { IPCOMP, 2, { 1, 0 } } } },  { FALSE, 1, { { IPCOMP, 2, { 1, 0 } } } },
    { TRUE, 1, { { IPCOMP, 0 } } },            { FALSE, 1, { { IPCOMP, 0 } } },
    { FALSE, 1, { { TRANSPORT, 1, { 1 } } } }, { TRUE, 1, { { TRANSPORT, 1, { 1 } } } },
    { FALSE, 1, { { BEET, 1, { 1 } } } },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    Pair *pair = lying_pair (flags, &cases[i], CHILDREN (NETS_A), CHILDREN (NETS_B));
    g_autofree char *error = pair_up (pair, NULL);
    g_test_message ("case %u", i);
    g_assert_nonnull (error);
    pair_run (pair, 200);
    g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 0);
    g_assert_cmpuint (pair->a.kernel_ops->n_spis (pair->a.kernel), ==, 0);
    g_assert_cmpuint (pair->b.kernel_ops->n_spis (pair->b.kernel), ==, 0);
    pair_free (pair);
  }
}

/* Offers that are none for us are passed over; the first good one is taken. */
static void
test_useless_offers (gconstpointer flags)
{
  static const Lie useless = { FALSE, 3, { { IPCOMP, 3, { 1, 0, 3 } },
                                           { IPCOMP, 3, { 0, 2, 2 } },
                                           { IPCOMP, 4, { 1, 0, 2, 0 } } } };
  static const Lie doubled
    = { FALSE, 2, { { IPCOMP, 3, { 7, 7, 2 } }, { IPCOMP, 3, { 8, 8, 2 } } } };
  Pair *pair = lying_pair (flags, &useless, CHILDREN (NETS_A), CHILDREN (NETS_B "ipcomp = yes"));

  pair_assert_up (pair, NULL);
  g_assert_cmpuint (sa_of (&pair->b, IKE_DIR_IN).ipcomp, ==, 0);
  g_assert_cmpuint (pair->b.kernel_ops->n_spis (pair->b.kernel), ==, 0);
  pair_free (pair);
  pair = lying_pair (flags, &doubled, CHILDREN (NETS_A "ipcomp = yes"),
                     CHILDREN (NETS_B "ipcomp = yes"));
  pair_assert_up (pair, NULL);
  g_assert_cmpuint (sa_of (&pair->b, IKE_DIR_OUT).cpi, ==, sa_of (&pair->a, IKE_DIR_IN).cpi);
  pair_free (pair);
}

/* Both modes, twice: the standard's is taken where a child has it. */
static void
test_both_modes_asked (gconstpointer flags)
{
  static const Lie both = { FALSE, 3, { { BEET }, { TRANSPORT }, { BEET } } };
  Pair *pair
    = lying_pair (flags, &both, CHILDREN ("mode = transport"), CHILDREN ("mode = transport"));

  pair_assert_up (pair, NULL);
  assert_hosts (&pair->b, IKE_MODE_TRANSPORT, "10.0.0.2/32", "10.0.0.1/32");
  pair_free (pair);
}

/* -- what a kernel plugin lacks, and what it is told */

static void
test_kernel_lacks (void)
{
  static const struct { const char *word, *settings, *why; } cases[] = {
    { "transport", "mode = transport", "kernel-fake cannot do this mode" },
    { "beet", "mode = beet", "kernel-fake cannot do this mode" },
    { "ah", "ah_proposals = sha256", "kernel-fake cannot do AH" },
    { "mark", "mark_out = %unique", "mark_out: the kernel plugin kernel-fake knows no marks" },
    { "label", "label = blue", "knows no security labels" },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *body = g_strdup_printf (PROPOSALS "children { net { %s\n } }\n",
                                             cases[i].settings),
                    *more = g_strdup_printf ("plugins { kernel-fake { lacks = %s\n } }\n",
                                             cases[i].word);
    Pair *pair = pair_new (&(PairOptions) { .connection = { body, body }, .more = { more, NULL } });
    g_autoptr (IkeConfig) a = ike_engine_config (pair->a.engine),
                          b = ike_engine_config (pair->b.engine);
    if (!strstr (pair->a.log->str, cases[i].why))
      g_error ("%s", pair->a.log->str);
    g_assert_null (ike_config_conn (a, "pair"));
    g_assert_nonnull (ike_config_conn (b, "pair"));
    pair_free (pair);
  }
}

static void
test_marks (gconstpointer flags)
{
  Pair *pair = pair_of (flags,
                        CHILDREN (NETS_A "mark_in = %unique-dir\n mark_out = %unique-dir/0xffff\n"
                                         "set_mark_in = %same\n label = blue\n hw_offload = auto"),
                        CHILDREN (NETS_B "mark_in = 5\n mark_out = 6/7\n mark_in_sa = yes\n"
                                         "set_mark_out = 0x10/0xf0"));
  IkeFakeSa in, out;
  IkeKernelPolicy policy;

  pair_assert_up (pair, NULL);
  in = sa_of (&pair->a, IKE_DIR_IN);
  out = sa_of (&pair->a, IKE_DIR_OUT);
  g_assert_cmpuint (in.mark.mask, ==, 0);
  g_assert_cmpuint (in.set_mark.value, ==, out.mark.value - 1);
  g_assert_cmphex (out.mark.mask, ==, 0xffff);
  g_assert_cmpuint (out.mark.value, >, 1);
  g_assert_cmpuint (out.offload, ==, IKE_HW_OFFLOAD_AUTO);
  g_assert_cmpstr (out.label, ==, "blue");
  g_assert_true (pair->a.kernel_ops->nth_policy (pair->a.kernel, 0, &policy));
  g_assert_cmpuint (policy.direction, ==, IKE_DIR_IN);
  g_assert_cmpuint (policy.mark.value, ==, in.set_mark.value);
  in = sa_of (&pair->b, IKE_DIR_IN);
  out = sa_of (&pair->b, IKE_DIR_OUT);
  g_assert_cmpuint (in.mark.value, ==, 5);
  g_assert_cmpuint (out.mark.value, ==, 6);
  g_assert_cmphex (out.set_mark.mask, ==, 0xf0);
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("modes", "transport-mode-is-agreed", test_transport);
  pair_add_test ("modes", "transport-mode-is-cut-to-the-hosts", test_transport_is_cut_to_the_hosts);
  pair_add_test ("modes", "transport-mode-by-create-child", test_transport_by_create_child);
  pair_add_test ("modes", "a-declined-transport-sa-is-deleted", test_responder_declines);
  pair_add_test ("modes", "a-declined-further-sa-is-deleted", test_responder_declines_create_child);
  pair_add_test ("modes", "transport-mode-must-be-proposed", test_initiator_does_not_propose);
  pair_add_test ("modes", "the-mode-chooses-the-child", test_mode_chooses_the_child);
  pair_add_test ("modes", "networks-are-no-hosts", test_nets_are_no_hosts);
  pair_add_test ("modes", "transport-mode-with-the-initiator-behind-nat",
                 test_initiator_behind_nat);
  pair_add_test ("modes", "transport-mode-with-the-responder-behind-nat",
                 test_responder_behind_nat);
  pair_add_test ("modes", "transport-mode-with-both-behind-nat", test_both_behind_nat);
  pair_add_test ("modes", "tunnel-mode-behind-nat-undoes-substitution", test_nat_and_tunnel);
  pair_add_test ("modes", "beet-is-agreed", test_beet);
  pair_add_test ("modes", "a-declined-beet-sa-is-deleted", test_beet_is_declined);
  pair_add_test ("modes", "beet-takes-one-address-each", test_beet_takes_addresses);
  pair_add_test ("modes", "ah-with-every-integrity-algorithm", test_ah);
  pair_add_test ("modes", "ah-in-transport-mode-with-pfs", test_ah_transport_by_create_child);
  pair_add_test ("modes", "ah-and-esp-do-not-agree", test_ah_and_esp_do_not_agree);
  pair_add_test ("modes", "ah-cannot-pass-nat", test_ah_cannot_pass_nat);
  pair_add_test ("modes", "ipcomp-is-agreed", test_ipcomp);
  pair_add_test ("modes", "ipcomp-takes-two", test_ipcomp_of_one_end);
  pair_add_test ("modes", "ipcomp-takes-a-kernel", test_ipcomp_without_kernel);
  pair_add_test ("modes", "wrong-answers-are-deleted", test_wrong_answers);
  pair_add_test ("modes", "malformed-notifies-end-the-sa", test_malformed_notifies);
  pair_add_test ("modes", "useless-offers-are-passed-over", test_useless_offers);
  pair_add_test ("modes", "both-modes-at-once-are-one", test_both_modes_asked);
  pair_add_test ("modes", "marks-and-labels-reach-the-kernel", test_marks);
  g_test_add_func ("/modes/what-the-kernel-lacks-is-said", test_kernel_lacks);
  return g_test_run ();
}
