/* SPDX-License-Identifier: Apache-2.0 */
/* test_rebinding.c - whom an SA follows (RFC 7296, 2.23): authentic and new packets of a peer
 * behind NAT, and nothing else, whoever sends it from wherever. */
#include "exchange/attacks.h"

#define NAT_ADDRESS "10.0.0.99"
#define ELSEWHERE "10.0.0.77"
#define BODY_A                                                                                     \
  "proposals = aes256gcm16-prfsha256-x25519\n children {\n"                                        \
  " net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n }\n more { local_ts = 10.1.0.0/16\n"  \
  " remote_ts = 10.3.0.0/16\n }\n }\n"
#define BODY_B                                                                                     \
  "proposals = aes256gcm16-prfsha256-x25519\n remote_addrs = %any\n children {\n"                  \
  " net { local_ts = 10.2.0.0/15\n remote_ts = 10.1.0.0/16\n }\n }\n"

static IkeAddr
addr (const char *text, guint16 port)
{
  IkeAddr a;

  g_assert_true (ike_addr_parse (&a, text, NULL));
  a.port = port;
  return a;
}

enum { A_HIDDEN = 1, B_HIDDEN = 2 };

static Forge *
forge_behind (gconstpointer flags, guint who)
{
  Forge *forge = forge_new (&(PairOptions){
      .flags = GPOINTER_TO_UINT (flags),
      .connection = { who & B_HIDDEN ? "remote_addrs = 10.0.0.98\n" BODY_A : BODY_A, BODY_B } });
  Pair *pair = forge->pair;
  IkeAddr a = addr ("10.0.0.1", 0), nat = addr (NAT_ADDRESS, 0), b = addr ("10.0.0.2", 0),
          shown = addr ("10.0.0.98", 0);

  if (who & A_HIDDEN)
    pair->a.net_ops->nat_add (pair->a.net, &a, &nat);
  if (who & B_HIDDEN)
    pair->a.net_ops->nat_add_static (pair->a.net, &b, &shown);
  attack_up (forge, "net");
  forge_clear (forge);
  forge->a.strike_at = forge->b.strike_at = "endpoint-changed";
  forge->a.n_hooks = forge->b.n_hooks = 0;
  return forge;
}

/* -- where an end believes its peer to be */

static void
get_remote (IkeSa *sa, gpointer data)
{
  *(IkeAddr *) data = *ike_sa_remote (sa);
}

static IkeAddr
remote_of (Forge *forge, gboolean of_b)
{
  IkeAddr remote = { 0 };

  forge_on_sa (of_b ? &forge->pair->b : &forge->pair->a, of_b ? &forge->b : &forge->a, get_remote,
               &remote);
  g_assert_cmpint (remote.family, ==, 4);
  return remote;
}

/* The kernel's SAs lead there, too. */
static void
assert_remote (Forge *forge, gboolean of_b, const IkeAddr *expected)
{
  PairEnd *end = of_b ? &forge->pair->b : &forge->pair->a;
  IkeAddr remote = remote_of (forge, of_b);
  IkeFakeSa sa = { .struct_size = sizeof sa };

  g_assert_true (ike_addr_equal (&remote, expected));
  for (guint i = 0; end->kernel_ops->nth_sa (end->kernel, i, &sa); i++)
    g_assert_true (
        ike_addr_equal (sa.direction == IKE_DIR_OUT ? &sa.destination : &sa.source, expected));
}

static void
ask_for_life (IkeSa *sa, gpointer data)
{
  g_assert_true (ike_sa_begin (sa, "liveness", NULL, NULL, NULL));
}

static void
a_asks (Forge *forge)
{
  forge_on_sa (&forge->pair->a, &forge->a, ask_for_life, NULL);
}

static void
b_asks (Forge *forge)
{
  forge_on_sa (&forge->pair->b, &forge->b, ask_for_life, NULL);
}

/* A copy of what an end just sent, which does not arrive, with the marker of port 4500. */
typedef struct {
  gsize len;
  guint8 data[2048];
} Copy;

static Copy
held_back (Forge *forge, gboolean from_b, void (*ask) (Forge *forge), IkeSimWhich which)
{
  const ForgePacket *packet;
  Copy copy = { 0 };

  attack_drop (forge, EX_INFO, which);
  forge_clear (forge);
  ask (forge);
  forge_run_ms (forge, 100);
  packet = forge_sent (forge, from_b, 0);
  g_assert_nonnull (packet);
  copy.len = packet->len + 4;
  g_assert_cmpuint (copy.len, <=, sizeof copy.data);
  memcpy (copy.data + 4, packet->data, packet->len);
  attack_drop_nothing (forge);
  return copy;
}

static void
inject (Forge *forge, const char *from, guint16 port, gboolean to_b, const Copy *copy)
{
  IkeAddr source = addr (from, port), target = addr (to_b ? "10.0.0.2" : "10.0.0.1", 4500);

  forge_clear (forge);
  forge->pair->a.net_ops->inject (forge->pair->a.net, &source, &target, copy->data, copy->len, 0);
  forge_run_ms (forge, 1);
}

/* What the end said to an injected message; NULL: nothing. */
static const ForgePacket *
answer_of (Forge *forge, gboolean of_b)
{
  IkeAddr own = addr (of_b ? "10.0.0.2" : "10.0.0.1", 0);

  for (guint i = 0; i < forge->sent->len; i++) {
    const ForgePacket *packet = forge->sent->pdata[i];
    if (ike_addr_same_host (&packet->from, &own))
      return packet;
  }
  return NULL;
}

static guint64
n_updates (PairEnd *end)
{
  return end->kernel_ops->n_calls (end->kernel, IKE_FAKE_UPDATE);
}

/* -- what is followed */

static void
test_nat_forgets (gconstpointer flags)
{
  Forge *forge = forge_behind (flags, A_HIDDEN);
  IkeAddr before = remote_of (forge, TRUE), after;
  g_autofree char *error = NULL;

  forge->pair->a.net_ops->nat_forget (forge->pair->a.net);
  a_asks (forge);
  forge_run_ms (forge, 100);
  after = remote_of (forge, TRUE);
  g_assert_cmpuint (after.port, !=, before.port);
  assert_remote (forge, TRUE, &after);
  g_assert_cmpuint (forge->b.n_hooks, ==, 1);
  g_assert_cmpuint (n_updates (&forge->pair->b), ==, 2);
  g_assert_cmpuint (n_updates (&forge->pair->a), ==, 0);
  /* The way back works, for requests of `b` and for new children. */
  b_asks (forge);
  forge_run_ms (forge, 100);
  g_assert_cmpuint (pair_count (&forge->pair->b, "output.retransmits"), ==, 0);
  error = pair_up (forge->pair, "more");
  g_assert_cmpstr (error, ==, NULL);
  assert_remote (forge, TRUE, &after);
  pair_assert_twins (forge->pair);
  forge_free (forge);
}

static void
test_response (gconstpointer flags)
{
  Forge *forge = forge_behind (flags, A_HIDDEN);
  Copy copy = held_back (forge, FALSE, b_asks, IKE_SIM_RESPONSE);
  IkeAddr after = addr (NAT_ADDRESS, 7777);

  inject (forge, NAT_ADDRESS, 7777, TRUE, &copy);
  assert_remote (forge, TRUE, &after);
  /* The same once more is an answer to nothing. */
  inject (forge, ELSEWHERE, 7778, TRUE, &copy);
  assert_remote (forge, TRUE, &after);
  forge_free (forge);
}

static guint32
inbound_spi (PairEnd *end)
{
  IkeFakeSa sa = { .struct_size = sizeof sa };

  for (guint i = 0; end->kernel_ops->nth_sa (end->kernel, i, &sa); i++)
    if (sa.direction == IKE_DIR_IN)
      return sa.spi;
  g_assert_not_reached ();
}

static void
esp_from (Forge *forge, gboolean to_b, const IkeAddr *from)
{
  PairEnd *end = to_b ? &forge->pair->b : &forge->pair->a;

  g_assert_true (end->kernel_ops->mapping (end->kernel, inbound_spi (end), from));
  ike_sim_settle (forge->pair->sim);
}

static void
test_esp (gconstpointer flags)
{
  Forge *forge = forge_behind (flags, A_HIDDEN);
  IkeAddr first = addr (NAT_ADDRESS, 7777), second = addr ("10.0.0.88", 4500),
          other_family = addr ("fd00::7", 4500);

  esp_from (forge, TRUE, &first);
  assert_remote (forge, TRUE, &first);
  g_assert_cmpuint (n_updates (&forge->pair->b), ==, 2);
  /* Told again while it is so: nothing to do. */
  esp_from (forge, TRUE, &first);
  g_assert_cmpuint (n_updates (&forge->pair->b), ==, 2);
  /* A peer that sends from two places by turns moves once in a second. */
  for (guint i = 0; i < 100; i++)
    esp_from (forge, TRUE, i % 2 ? &first : &second);
  assert_remote (forge, TRUE, &first);
  g_assert_cmpuint (n_updates (&forge->pair->b), ==, 2);
  pair_run (forge->pair, 1);
  esp_from (forge, TRUE, &second);
  assert_remote (forge, TRUE, &second);
  pair_run (forge->pair, 1);
  esp_from (forge, TRUE, &other_family);
  assert_remote (forge, TRUE, &second);
  forge_free (forge);
}

/* A child that is being installed meanwhile has the new address once it is up. */
static void
test_while_installing (gconstpointer flags)
{
  Forge *forge = forge_behind (flags, A_HIDDEN);
  IkeAddr after = addr (NAT_ADDRESS, 7777);
  char *error;

  forge->pair->b.kernel_ops->delay (forge->pair->b.kernel, 500);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", "more", &error);
  forge_run_ms (forge, 700);
  esp_from (forge, TRUE, &after);
  forge->pair->b.kernel_ops->delay (forge->pair->b.kernel, 0);
  pair_run (forge->pair, 20);
  g_assert_cmpstr (error, ==, "");
  g_assert_cmpuint (forge->pair->b.kernel_ops->n_sas (forge->pair->b.kernel), ==, 4);
  assert_remote (forge, TRUE, &after);
  g_free (error);
  forge_free (forge);
}

/* A responder behind a fixed mapping follows its client; the client never follows. */
static void
test_both_hidden (gconstpointer flags)
{
  Forge *forge = forge_behind (flags, A_HIDDEN | B_HIDDEN);
  IkeAddr before = remote_of (forge, TRUE), of_a = remote_of (forge, FALSE), after,
          elsewhere = addr (ELSEWHERE, 4500);
  Copy copy;

  forge->pair->a.net_ops->nat_forget (forge->pair->a.net);
  a_asks (forge);
  forge_run_ms (forge, 100);
  after = remote_of (forge, TRUE);
  g_assert_cmpuint (after.port, !=, before.port);
  assert_remote (forge, TRUE, &after);
  copy = held_back (forge, TRUE, b_asks, IKE_SIM_REQUEST);
  inject (forge, ELSEWHERE, 4500, FALSE, &copy);
  g_assert_nonnull (answer_of (forge, FALSE));
  esp_from (forge, FALSE, &elsewhere);
  assert_remote (forge, FALSE, &of_a);
  forge_free (forge);
}

/* -- what is not */

/* "A host behind a NAT SHOULD NOT do this type of dynamic address update"; and where there is no
 * NAT nobody moves.  The answer goes to where the request came from all the same. */
static void
test_who_stays (gconstpointer flags)
{
  static const struct {
    guint who;
    gboolean is_b;
  } cases[] = { { A_HIDDEN, FALSE }, { 0, FALSE }, { 0, TRUE } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Forge *forge = forge_behind (flags, cases[i].who);
    gboolean is_b = cases[i].is_b;
    IkeAddr before = remote_of (forge, is_b), elsewhere = addr (ELSEWHERE, 4500);
    Copy copy = held_back (forge, !is_b, is_b ? a_asks : b_asks, IKE_SIM_REQUEST);
    const ForgePacket *answer;
    inject (forge, ELSEWHERE, 4500, is_b, &copy);
    answer = answer_of (forge, is_b);
    g_assert_nonnull (answer);
    g_assert_true (ike_addr_equal (&answer->to, &elsewhere));
    esp_from (forge, is_b, &elsewhere);
    assert_remote (forge, is_b, &before);
    g_assert_cmpuint (is_b ? forge->b.n_hooks : forge->a.n_hooks, ==, 0);
    forge_free (forge);
  }
}

static void
assert_stays (Forge *forge, const IkeAddr *before, const Copy *copy)
{
  inject (forge, ELSEWHERE, 4500, TRUE, copy);
  inject (forge, NAT_ADDRESS, 7777, TRUE, copy);
  assert_remote (forge, TRUE, before);
}

static void
test_spoofed (gconstpointer flags)
{
  Forge *forge = forge_behind (flags, A_HIDDEN);
  IkeAddr before = remote_of (forge, TRUE), after = addr (ELSEWHERE, 4500);
  guint64 n = n_updates (&forge->pair->b);
  Copy old = held_back (forge, FALSE, a_asks, IKE_SIM_ANY), fresh, bad;

  /* It arrives by itself at last, and again from elsewhere: a repeat is answered to where it came
   * from, and moves nothing. */
  pair_run (forge->pair, 10);
  inject (forge, ELSEWHERE, 4500, TRUE, &old);
  g_assert_true (ike_addr_equal (&forge_sent (forge, TRUE, 0)->to, &after));
  assert_stays (forge, &before, &old);
  /* Older than the window. */
  a_asks (forge);
  forge_run_ms (forge, 100);
  assert_stays (forge, &before, &old);
  g_assert_cmpuint (forge_n_sent (forge, TRUE), ==, 0);
  /* New, but not authentic: each byte of header, payload header and tag, and what follows. */
  fresh = held_back (forge, FALSE, a_asks, IKE_SIM_ANY);
  for (guint i = 4; i < fresh.len; i++) {
    bad = fresh;
    bad.data[i] ^= 1;
    assert_stays (forge, &before, &bad);
  }
  for (gsize len = 0; len < fresh.len; len++) {
    bad = fresh;
    bad.len = len;
    assert_stays (forge, &before, &bad);
  }
  memset (bad.data, 0xff, sizeof bad.data);
  bad.len = 1;
  assert_stays (forge, &before, &bad);
  g_assert_cmpuint (forge->b.n_hooks, ==, 0);
  g_assert_cmpuint (n_updates (&forge->pair->b), ==, n);
  /* Each of them missed by little: as it is, it moves the SA. */
  inject (forge, ELSEWHERE, 4500, TRUE, &fresh);
  assert_remote (forge, TRUE, &after);
  forge_free (forge);
}

/* In the clear, or as if of another SA: nothing of it is looked at. */
static void
test_unprotected (gconstpointer flags)
{
  Forge *forge = forge_behind (flags, A_HIDDEN);
  IkeAddr before = remote_of (forge, TRUE);
  ForgeHead head = { .from_a = TRUE, .is_clear = TRUE, .exchange = EX_INFO, .id = 2 };
  ForgeChain none = { 0 };

  for (guint i = 0; i < 3; i++) {
    Copy copy = { 0 };
    head.is_response = i == 1;
    head.spi_i = i == 2 ? forge->spi_i + 1 : forge->spi_i;
    head.spi_r = forge->spi_r;
    copy.len = 4 + forge_write (forge, &head, &none, copy.data + 4);
    assert_stays (forge, &before, &copy);
  }
  forge_free (forge);
}

/* IKE on port 500 of a peer whose ESP is in UDP: not the path of ESP. */
static void
test_other_port (gconstpointer flags)
{
  Forge *forge = forge_behind (flags, A_HIDDEN);
  IkeAddr before = remote_of (forge, TRUE);
  Copy copy = held_back (forge, FALSE, a_asks, IKE_SIM_REQUEST);

  forge_inject_from (forge, NAT_ADDRESS, 500, TRUE, copy.data + 4, copy.len - 4);
  g_assert_cmpuint (forge_n_sent (forge, TRUE), >=, 1);
  assert_remote (forge, TRUE, &before);
  forge_free (forge);
}

static void
do_nothing (IkeSa *sa, gpointer data)
{
}

/* Whoever has a better way to find a peer again says so. */
static void
test_hook (gconstpointer flags)
{
  Forge *forge = forge_behind (flags, A_HIDDEN);
  IkeAddr before = remote_of (forge, TRUE), after = addr (NAT_ADDRESS, 7777);

  forge->b.verdict = IKE_HOOK_REJECT;
  forge->b.strike = do_nothing;
  esp_from (forge, TRUE, &after);
  g_assert_cmpuint (forge->b.n_hooks, ==, 1);
  assert_remote (forge, TRUE, &before);
  forge->b.strike = do_nothing;
  forge->pair->a.net_ops->nat_forget (forge->pair->a.net);
  a_asks (forge);
  forge_run_ms (forge, 100);
  g_assert_cmpuint (forge->b.n_hooks, ==, 2);
  assert_remote (forge, TRUE, &before);
  forge_free (forge);
}

static void
destroy (IkeSa *sa, gpointer data)
{
  ike_sa_destroy (sa, "struck");
}

static void
test_hook_destroys (gconstpointer flags)
{
  Forge *forge = forge_behind (flags, A_HIDDEN);
  IkeAddr after = addr (NAT_ADDRESS, 7777);

  forge->b.strike = destroy;
  esp_from (forge, TRUE, &after);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 0);
  g_assert_cmpuint (forge->pair->b.kernel_ops->n_sas (forge->pair->b.kernel), ==, 0);
  forge_free (forge);
}

/* With a window, one that comes late is new, and older than the last: it is only answered. */
static void
test_late_one (gconstpointer flags)
{
  Forge *forge = forge_new (
      &(PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                      .connection = { "window_size = 4\n" BODY_A, "window_size = 4\n" BODY_B } });
  IkeAddr a = addr ("10.0.0.1", 0), nat = addr (NAT_ADDRESS, 0), before;
  Copy late, last;

  forge->pair->a.net_ops->nat_add (forge->pair->a.net, &a, &nat);
  attack_up (forge, "net");
  before = remote_of (forge, TRUE);
  late = held_back (forge, FALSE, a_asks, IKE_SIM_ANY);
  last = held_back (forge, FALSE, a_asks, IKE_SIM_ANY);
  inject (forge, NAT_ADDRESS, before.port, TRUE, &last);
  inject (forge, ELSEWHERE, 4500, TRUE, &late);
  g_assert_cmpuint (forge_n_sent (forge, TRUE), ==, 1);
  assert_remote (forge, TRUE, &before);
  forge_free (forge);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("rebinding", "a-new-request-is-followed", test_nat_forgets);
  pair_add_test ("rebinding", "the-newest-response-is-followed", test_response);
  pair_add_test ("rebinding", "esp-is-followed-once-in-a-second", test_esp);
  pair_add_test ("rebinding", "a-child-in-the-making-follows-later", test_while_installing);
  pair_add_test ("rebinding", "a-hidden-responder-follows-its-client", test_both_hidden);
  pair_add_test ("rebinding", "who-is-hidden-or-sees-no-nat-stays", test_who_stays);
  pair_add_test ("rebinding", "what-is-spoofed-moves-nothing", test_spoofed);
  pair_add_test ("rebinding", "what-is-unprotected-moves-nothing", test_unprotected);
  pair_add_test ("rebinding", "the-plain-port-is-not-the-path-of-esp", test_other_port);
  pair_add_test ("rebinding", "a-hook-may-keep-it-where-it-is", test_hook);
  pair_add_test ("rebinding", "a-hook-may-destroy-it", test_hook_destroys);
  pair_add_test ("rebinding", "what-comes-late-moves-nothing", test_late_one);
  return g_test_run ();
}
