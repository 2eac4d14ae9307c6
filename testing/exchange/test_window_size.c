/* SPDX-License-Identifier: Apache-2.0 */
/* test_window_size.c - several requests under way at one time (RFC 7296, 2.3): as many as the peer
 * said, in any order, each lost one repeated by itself. */
#include "exchange/attacks.h"

#define IKE "proposals = aes256gcm16-prfsha256-x25519\n"
#define WIDE "children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n } }\n"

/* -- what is on the wire */

typedef struct {
  guint32 oldest, next;     /* of A's requests: the oldest without an answer */
  guint n_most;             /* under way at one time */
  guint64 answered[64];     /* bits, by ID modulo */
  guint32 n_answered_early; /* while an older one was not */
} Watch;

static gboolean
is_answered (const Watch *w, guint32 id)
{
  return w->answered[id / 64 % 64] >> id % 64 & 1;
}

static void
watch (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  Watch *w = data;
  guint32 id;

  if (!packet->ike || packet->exchange < EX_CHILD)
    return;
  memcpy (&id, packet->ike + 20, sizeof id);
  id = GUINT32_FROM_BE (id);
  /* RFC 7296, 2.3: "it MUST wait until it has received responses to all requests up through request
   * X-N" */
  if (event == IKE_SIM_SENT && !packet->is_response && packet->from.bytes[3] == 1) {
    if (w->next == 0)
      w->oldest = w->next = id;
    if (id >= w->next) {
      g_assert_cmpuint (id, ==, w->next);
      w->next = id + 1;
      w->answered[id / 64 % 64] &= ~(G_GUINT64_CONSTANT (1) << id % 64);
    }
    w->n_most = MAX (w->n_most, w->next - w->oldest);
  }
  if (event != IKE_SIM_ARRIVED || !packet->is_response || packet->to.bytes[3] != 1)
    return;
  w->answered[id / 64 % 64] |= G_GUINT64_CONSTANT (1) << id % 64;
  w->n_answered_early += id > w->oldest;
  while (w->oldest < w->next && is_answered (w, w->oldest))
    w->oldest++;
}

/* -- a pair with many children */

typedef struct {
  Pair *pair;
  Watch watch;
  guint n;
  char **errors;
} Many;

static void
many_init (Many *many, gconstpointer flags, guint n, const char *a, const char *b)
{
  g_autoptr (GString) body = g_string_new (IKE);
  g_autofree char *body_b = g_strconcat (IKE, b, WIDE, NULL);
  PairOptions o = { .flags = GPOINTER_TO_UINT (flags), .seed = 7 };

  g_string_append_printf (body, "%s children {\n", a);
  for (guint i = 0; i <= n; i++)
    g_string_append_printf (body,
                            "c%u { local_ts = 10.1.%u.%u\n remote_ts = 10.2.%u.%u\n"
                            " esp_proposals = aes256gcm16\n }\n",
                            i, i >> 8, i & 255, i >> 8, i & 255);
  g_string_append (body, "}\n");
  o.connection[0] = body->str;
  o.connection[1] = body_b;
  memset (many, 0, sizeof *many);
  many->pair = pair_new (&o);
  many->n = n;
  many->errors = g_new0 (char *, n + 1);
  pair_assert_up (many->pair, "c0");
  many->pair->a.net_ops->tap_add (many->pair->a.net, watch, &many->watch);
}

static void
many_clear (Many *many)
{
  for (guint i = 0; i <= many->n; i++)
    g_free (many->errors[i]);
  g_free (many->errors);
  pair_free (many->pair);
}

static void
many_begin (Many *many)
{
  for (guint i = 1; i <= many->n; i++) {
    g_autofree char *name = g_strdup_printf ("c%u", i);
    pair_begin_up (many->pair, &many->pair->a, "pair", name, &many->errors[i]);
  }
}

/* All children but the first; how many virtual milliseconds that took. */
static gint64
many_up (Many *many)
{
  gint64 from = ike_sim_now_us (many->pair->sim), now = from;

  many_begin (many);
  for (guint i = 1; i <= many->n; i++) {
    while (!many->errors[i]) {
      g_assert_true (ike_sim_step (many->pair->sim, from + G_GINT64_CONSTANT (3600000000)));
      now = ike_sim_now_us (many->pair->sim);
    }
    g_assert_cmpstr (many->errors[i], ==, "");
  }
  pair_run (many->pair, 1);
  return (now - from) / 1000;
}

/* Each once, at both ends. */
static void
assert_all_up (Many *many)
{
  g_autoptr (IkeTree) status = pair_status (&many->pair->a);
  const IkeTree *children =
      ike_tree_get (ike_tree_nth (ike_tree_get (status, "sas"), 0), "children");
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

  g_assert_cmpuint (ike_tree_n (children), ==, many->n + 1);
  for (guint i = 0; i <= many->n; i++)
    g_assert_true (g_hash_table_add (
        names, (gpointer) ike_tree_string (ike_tree_nth (children, i), "name", "")));
  g_assert_cmpuint (many->pair->a.kernel_ops->n_sas (many->pair->a.kernel), ==, 2 * many->n + 2);
  g_assert_cmpuint (many->pair->b.kernel_ops->n_sas (many->pair->b.kernel), ==, 2 * many->n + 2);
  g_assert_cmpuint (many->pair->b.kernel_ops->n_spis (many->pair->b.kernel), ==, 0);
}

/* -- how many */

static void
test_thousand (gconstpointer flags)
{
  Many many;
  gint64 ms;

  many_init (&many, flags, 1000, "", "window_size = 8\n");
  ms = many_up (&many);
  assert_all_up (&many);
  g_assert_cmpuint (many.watch.n_most, ==, 8);
  g_assert_cmpuint (pair_count (&many.pair->a, "output.retransmits"), ==, 0);
  /* 20 ms there and back, 8 at a time. */
  g_assert_cmpint (ms, <=, 2600);
  many_clear (&many);
}

static void
test_loss (gconstpointer flags)
{
  static const IkeSimChaos chaos = { sizeof chaos, .loss = 50, .duplicate = 50, .reorder = 100,
                                     .corrupt = 10 };
  Many many;

  many_init (&many, flags, 1000, "retransmit_timeout = 0.2\n retransmit_tries = 20\n",
             "window_size = 8\n");
  many.pair->a.net_ops->set_latency (many.pair->a.net, 10000, 5000);
  many.pair->a.net_ops->set_chaos (many.pair->a.net, &chaos);
  many_up (&many);
  assert_all_up (&many);
  g_assert_cmpuint (many.watch.n_most, ==, 8);
  g_assert_cmpuint (many.watch.n_answered_early, >, 50);
  g_assert_cmpuint (pair_count (&many.pair->a, "output.retransmits"), >, 50);
  many_clear (&many);
}

/* Each end has as many as the other said; what it says itself is no matter. */
static void
test_said (gconstpointer flags)
{
  static const struct {
    const char *a, *b;
    guint n;
  } cases[] = {
    { "", "", 1 },
    { "window_size = 8\n", "", 1 },
    { "", "window_size = 3\n", 3 },
    { "window_size = 16\n", "window_size = 2\n", 2 },
    { "window_size = 2\n", "window_size = 16\n", 16 },
    { "", "window_size = 0\n", 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Many many;
    many_init (&many, flags, 40, cases[i].a, cases[i].b);
    many_up (&many);
    assert_all_up (&many);
    g_assert_cmpuint (many.watch.n_most, ==, cases[i].n);
    many_clear (&many);
  }
}

/* -- order */

static guint
drop (Many *many, IkeSimWhich which, guint first, guint n)
{
  IkeSimRule rule = { .struct_size = sizeof rule,
                      .action = IKE_SIM_DROP,
                      .exchange = EX_CHILD,
                      .which = which,
                      .first = first,
                      .n_times = n };

  return many->pair->a.net_ops->rule_add (many->pair->a.net, &rule);
}

/* One that is lost, or whose answer is, is repeated alone; those behind it wait for it only when
 * they are a whole window behind. */
static void
test_lost_one (gconstpointer flags)
{
  for (guint k = IKE_SIM_REQUEST; k <= IKE_SIM_RESPONSE; k++) {
    Many many;
    guint rule;
    many_init (&many, flags, 40, "", "window_size = 8\n");
    rule = drop (&many, k, 3, 1);
    many_begin (&many);
    pair_run (many.pair, 3);
    g_assert_cmpuint (many.pair->a.net_ops->rule_hits (many.pair->a.net, rule), ==, 1);
    g_assert_cmpuint (many.watch.n_most, ==, 8);
    g_assert_cmpuint (many.watch.n_answered_early, >=, 7);
    /* The first ID was 2: all before the lost one are done, and seven behind it. */
    g_assert_cmpuint (many.pair->a.kernel_ops->n_sas (many.pair->a.kernel), ==,
                      2 * (1 + (many.watch.oldest - 2) + 7));
    pair_run (many.pair, 10);
    g_assert_cmpuint (pair_count (&many.pair->a, "output.retransmits"), ==, 1);
    g_assert_cmpuint (pair_count (&many.pair->b, "input.retransmits"), ==, k == IKE_SIM_RESPONSE);
    assert_all_up (&many);
    many_clear (&many);
  }
}

/* A responder that waits with some answers others meanwhile. */
static void
test_slow_ones (gconstpointer flags)
{
  Many many;

  many_init (&many, flags, 40, "", "window_size = 8\n");
  many.pair->b.kernel_ops->delay (many.pair->b.kernel, 50);
  g_assert_cmpint (many_up (&many), <, 40 / 8 * 120 + 100);
  assert_all_up (&many);
  g_assert_cmpuint (many.watch.n_most, ==, 8);
  many_clear (&many);
}

/* What touches the IKE SA waits for what is under way, and is not overtaken for ever. */
static void
test_down_between (gconstpointer flags)
{
  Many many;
  gint64 from;

  many_init (&many, flags, 200, "", "window_size = 8\n");
  many_begin (&many);
  pair_run (many.pair, 0);
  from = ike_sim_now_us (many.pair->sim);
  pair_down (many.pair, "pair", NULL);
  g_assert_cmpint (ike_sim_now_us (many.pair->sim) - from, <, 200000);
  pair_run (many.pair, 60);
  g_assert_cmpuint (forge_n_sas (&many.pair->b), ==, 0);
  g_assert_cmpuint (many.pair->a.kernel_ops->n_sas (many.pair->a.kernel), ==, 0);
  g_assert_cmpuint (many.pair->b.kernel_ops->n_sas (many.pair->b.kernel), ==, 0);
  g_assert_cmpuint (many.pair->a.kernel_ops->n_spis (many.pair->a.kernel), ==, 0);
  g_assert_cmpuint (many.pair->b.kernel_ops->n_spis (many.pair->b.kernel), ==, 0);
  for (guint i = 1; i <= many.n; i++)
    g_assert_nonnull (many.errors[i]);
  many_clear (&many);
}

/* -- a peer that says what it likes */

static guint32 said; /* what the plugin below makes of SET_WINDOW_SIZE */

static IkeHookVerdict
alter (IkePlugin *self, IkeSa *sa, IkeMessageEvent *event)
{
  guint8 *plain = (guint8 *) event->plain, first = event->first_payload;
  guint32 size = GUINT32_TO_BE (said);
  gsize at = 0;

  while (!event->is_inbound && event->exchange == EX_AUTH && first && at + 12 <= event->len) {
    if (first == IKE_PAYLOAD_NOTIFY
        && (plain[at + 6] << 8 | plain[at + 7]) == IKE_N_SET_WINDOW_SIZE)
      memcpy (plain + at + 8, &size, sizeof size);
    first = plain[at];
    at += (gsize) plain[at + 2] << 8 | plain[at + 3];
  }
  return IKE_HOOK_PASS;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  return ike_message_hook_add (self, "liar", NULL, alter, error);
}

static const IkeFeature *const no_features[] = { NULL };
static const IkePluginInfo liar_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "liar",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "says another window size",
  .features = no_features,
  .activate = activate,
};
static const IkePluginInfo *const builtin[] = { &liar_plugin, NULL };
static const char *const plugins[] = { "liar", NULL };

typedef struct {
  guint ours, theirs;
} Sizes;

static void
get_sizes (IkeSa *sa, gpointer data)
{
  Sizes *sizes = data;

  ike_sa_window (sa, &sizes->ours, &sizes->theirs);
}

static void
test_liar (gconstpointer flags)
{
  static const struct {
    guint32 said;
    guint is;
  } cases[] = {
    { 0, 1 }, { 1, 1 }, { 15, 15 }, { 17, 16 }, { 0x7fffffff, 16 }, { 0xffffffff, 16 }
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Forge *forge = forge_new (
        &(PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                        .connection = { IKE "window_size = 4\n children { net { local_ts = "
                                            "10.1.0.0/16\n remote_ts = 10.2.0.0/16\n } }\n",
                                        IKE "window_size = 4\n" WIDE },
                        .builtin = builtin,
                        .plugins = plugins });
    Sizes sizes = { 0, 0 };
    said = cases[i].said;
    attack_up (forge, "net");
    forge_on_sa (&forge->pair->a, &forge->a, get_sizes, &sizes);
    g_assert_cmpuint (sizes.theirs, ==, cases[i].is);
    g_assert_cmpuint (sizes.ours, ==, 4);
    forge_free (forge);
  }
}

/* Requests from beyond the window are not answered; within it they are, in any order, and again
 * when they are repeated. */
static void
test_beyond (gconstpointer flags)
{
  static const struct {
    guint32 id;
    gboolean is_answered;
  } cases[] = { { 5, TRUE }, { 6, FALSE }, { 100, FALSE }, { 2, TRUE },
                { 4, TRUE }, { 3, TRUE },  { 6, TRUE } };
  Forge *forge = forge_new (
      &(PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                      .connection = { IKE "children { net { local_ts = 10.1.0.0/16\n remote_ts = "
                                          "10.2.0.0/16\n } }\n",
                                      IKE "window_size = 4\n" WIDE } });
  ForgeHead head = { .from_a = TRUE, .exchange = EX_INFO };
  ForgeChain none = { 0 };

  attack_up (forge, "net");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint8 message[256];
    gsize len;
    head.id = cases[i].id;
    len = forge_write (forge, &head, &none, message);
    for (guint k = 0; k < 2; k++) {
      forge_clear (forge);
      forge_inject (forge, TRUE, message, len);
      forge_run_ms (forge, 50);
      g_assert_cmpint (forge_says (forge, forge_sent (forge, TRUE, 0)), ==,
                       cases[i].is_answered ? FORGE_EMPTY : FORGE_NONE);
    }
  }
  forge_free (forge);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("window-size", "a-thousand-children-eight-at-a-time", test_thousand);
  pair_add_test ("window-size", "a-thousand-children-through-loss", test_loss);
  pair_add_test ("window-size", "as-many-as-the-peer-said", test_said);
  pair_add_test ("window-size", "a-lost-one-is-repeated-alone", test_lost_one);
  pair_add_test ("window-size", "slow-answers-do-not-hold-up-others", test_slow_ones);
  pair_add_test ("window-size", "what-ends-the-sa-is-not-overtaken", test_down_between);
  pair_add_test ("window-size", "what-a-peer-says-is-clamped", test_liar);
  pair_add_test ("window-size", "nothing-from-beyond-the-window", test_beyond);
  return g_test_run ();
}
