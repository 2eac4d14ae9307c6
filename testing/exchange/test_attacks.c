/* SPDX-License-Identifier: Apache-2.0 */
/* test_attacks.c - what a hostile peer, or a plugin that destroys things at any moment, may do, and
 * what must not come of it. */
#include "exchange/attacks.h"

/* -- H: destroyed from within */

static const char *const points[] = {
  "keys-derived",
  "keys-derived/child",
  "ike-state/CONNECTING",
  "ike-state/ESTABLISHED",
  "ike-state/DELETING",
  "ike-state/DEAD",
  "message/in/request/34",
  "message/out/request/34",
  "message/in/response/34",
  "message/out/response/34",
  "message/in/request/35",
  "message/out/request/35",
  "message/in/response/35",
  "message/out/response/35",
  "message/in/request/36",
  "message/out/request/36",
  "message/in/response/36",
  "message/out/response/36",
  "message/in/request/37",
  "message/out/request/37",
  "message/in/response/37",
  "message/out/response/37",
  "config-selected",
  "proposal-selected",
  "proposal-selected/child",
  "authorize",
  "narrow",
  "child-updown/up",
  "child-updown/down",
  "ike-updown/up",
  "ike-updown/down",
};

static void
destroy_sa (IkeSa *sa, gpointer data)
{
  ike_sa_destroy (sa, "struck");
  ike_sa_destroy (sa, "struck twice");
}

static void
destroy_children (IkeSa *sa, gpointer data)
{
  IkeChild *child;

  while ((child = ike_sa_child (sa, 0)))
    ike_child_destroy (child, "struck");
}

static void
destroy_both (IkeSa *sa, gpointer data)
{
  destroy_children (sa, data);
  destroy_sa (sa, data);
}

static void
begin_delete (IkeSa *sa, gpointer data)
{
  ike_sa_begin (sa, "delete", NULL, NULL, NULL);
}

static void
tell_end (PairEnd *end, const char *key)
{
  IkeTree *args = ike_tree_new_section ();
  char *error = NULL;

  ike_tree_set_bool (args, key, TRUE);
  ike_tree_set_bool (args, "all", TRUE);
  ike_tree_free (pair_command (end, "down", args, &error));
  g_free (error);
}

/* What is there of SAs in the engine is there in the kernel, and no more. */
static void
assert_consistent (Forge *forge, PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);
  const IkeTree *sas = ike_tree_get (status, "sas");
  guint i, n = 0;

  for (i = 0; i < ike_tree_n (sas); i++)
    n += ike_tree_n (ike_tree_get (ike_tree_nth (sas, i), "children"));
  g_assert_cmpuint (end->kernel_ops->n_sas (end->kernel), ==, 2 * n);
  g_assert_cmpuint (end->kernel_ops->n_spis (end->kernel), ==, 0);
  g_assert_cmpuint (end->kernel_ops->n_policies (end->kernel), ==, 3 * n);
}

/* Leaves nothing behind, so that one pair of engines serves for many. */
static void
run_struck (Forge *forge, guint32 flags, const char *point, gboolean at_b,
            void (*strike) (IkeSa *sa, gpointer data), IkeHookVerdict verdict)
{
  static const char *const names[] = { "net", "pfs" };
  ForgeEnd *end = at_b ? &forge->b : &forge->a;
  char *errors[2];
  guint i;

  end->strike_at = point;
  end->strike = strike;
  end->verdict = verdict;
  for (i = 0; i < 2; i++) {
    pair_begin_up (forge->pair, &forge->pair->a, "pair", names[i], &errors[i]);
    pair_run (forge->pair, 60);
    g_assert_nonnull (errors[i]);
    g_free (errors[i]);
  }
  tell_end (&forge->pair->a, "all");
  pair_run (forge->pair, 60);
  tell_end (&forge->pair->b, "all");
  pair_run (forge->pair, 60);
  if (end->strike && flags == 0 && !strstr (point, "/37"))
    g_test_message ("%s was never reached at %s", point, at_b ? "b" : "a");
  end->strike = NULL;
  assert_consistent (forge, &forge->pair->a);
  assert_consistent (forge, &forge->pair->b);
  attack_assert_no_sa (&forge->pair->a);
  attack_assert_no_sa (&forge->pair->b);
}

static void
test_struck (gconstpointer flags)
{
  static void (*const strikes[]) (IkeSa *, gpointer) = { destroy_sa, destroy_children, destroy_both,
                                                         begin_delete };
  PairOptions o = attack_options_of (flags);
  Forge *forge = forge_new (&o);
  guint i, k;

  for (i = 0; i < G_N_ELEMENTS (points); i++)
    for (k = 0; k < G_N_ELEMENTS (strikes); k++) {
      g_test_message ("%s, strike %u", points[i], k);
      run_struck (forge, o.flags, points[i], FALSE, strikes[k], IKE_HOOK_PASS);
      run_struck (forge, o.flags, points[i], TRUE, strikes[k], IKE_HOOK_PASS);
    }
  forge_free (forge);
}

static void
nothing (IkeSa *sa, gpointer data)
{
}

static void
test_rejecting_hooks (gconstpointer flags)
{
  PairOptions o = attack_options_of (flags);
  Forge *forge = forge_new (&o);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (points); i++) {
    g_test_message ("%s", points[i]);
    run_struck (forge, o.flags, points[i], FALSE, nothing, IKE_HOOK_REJECT);
    run_struck (forge, o.flags, points[i], TRUE, nothing, IKE_HOOK_REJECT);
  }
  forge_free (forge);
}

static void
test_crossing_deletes (gconstpointer flags)
{
  PairOptions o = attack_options_of (flags);
  Forge *forge = forge_new (&o);

  attack_up (forge, "net");
  forge_on_sa (&forge->pair->a, &forge->a, begin_delete, NULL);
  forge_on_sa (&forge->pair->b, &forge->b, begin_delete, NULL);
  pair_run (forge->pair, 30);
  attack_assert_no_sa (&forge->pair->a);
  attack_assert_no_sa (&forge->pair->b);
  g_assert_cmpuint (pair_count (&forge->pair->a, "ike.timeouts"), ==, 0);
  forge_free (forge);
}

static void
begin_delete_child (IkeSa *sa, gpointer data)
{
  IkeChild *child = ike_sa_child (sa, 0);
  IkeChildRef ref = ike_child_ref (child);

  ike_child_set_state (child, IKE_CHILD_DELETING);
  g_assert_true (ike_sa_begin (sa, "delete-child", g_memdup2 (&ref, sizeof ref), NULL, NULL));
}

/* RFC 7296, 1.4.1: both close the same pair: neither answer names SPIs, and both are gone. */
static void
test_crossing_child_deletes (gconstpointer flags)
{
  PairOptions o = attack_options_of (flags);
  Forge *forge = forge_new (&o);
  guint i;

  attack_up (forge, "net");
  forge_clear (forge);
  forge_on_sa (&forge->pair->a, &forge->a, begin_delete_child, NULL);
  forge_on_sa (&forge->pair->b, &forge->b, begin_delete_child, NULL);
  pair_run (forge->pair, 30);
  for (i = 0; i < 2; i++) {
    g_assert_cmpuint (forge_n_sent (forge, i), ==, 2);
    g_assert_cmpint (forge_says (forge, forge_sent (forge, i, 1)), ==, FORGE_EMPTY);
  }
  assert_consistent (forge, &forge->pair->a);
  assert_consistent (forge, &forge->pair->b);
  g_assert_cmpuint (forge->pair->a.kernel_ops->n_sas (forge->pair->a.kernel), ==, 0);
  g_assert_cmpuint (forge_n_sas (&forge->pair->a), ==, 1);
  forge_free (forge);
}

/* The kernel answers late; meanwhile the SA goes. */
static void
test_late_kernel (gconstpointer flags)
{
  PairOptions o = attack_options_of (flags);
  Forge *forge = forge_new (&o);
  guint at_ms, which;

  for (which = 0; which < 4; which++)
    for (at_ms = 0; at_ms <= 500; at_ms += 25) {
      gboolean at_b = which & 1;
      PairEnd *end = at_b ? &forge->pair->b : &forge->pair->a;
      char *error;

      end->kernel_ops->delay (end->kernel, 100);
      pair_begin_up (forge->pair, &forge->pair->a, "pair", "net", &error);
      forge_run_ms (forge, at_ms);
      forge_on_sa (end, at_b ? &forge->b : &forge->a, which & 2 ? destroy_children : destroy_sa,
                   NULL);
      pair_run (forge->pair, 60);
      g_assert_nonnull (error);
      g_free (error);
      assert_consistent (forge, &forge->pair->a);
      assert_consistent (forge, &forge->pair->b);
      end->kernel_ops->delay (end->kernel, 0);
      tell_end (&forge->pair->a, "force");
      tell_end (&forge->pair->b, "force");
      pair_run (forge->pair, 60);
      attack_assert_no_sa (&forge->pair->a);
      attack_assert_no_sa (&forge->pair->b);
    }
  forge_free (forge);
}

/* The engine ends while the kernel owes answers. */
static void
test_end_with_calls_out (gconstpointer flags)
{
  guint at_ms;

  for (at_ms = 0; at_ms <= 300; at_ms += 20) {
    PairOptions o = attack_options_of (flags);
    Forge *forge = forge_new (&o);
    char *error;

    forge->pair->a.kernel_ops->delay (forge->pair->a.kernel, 100);
    forge->pair->b.kernel_ops->delay (forge->pair->b.kernel, 70);
    pair_begin_up (forge->pair, &forge->pair->a, "pair", "net", &error);
    forge_run_ms (forge, at_ms);
    forge_free (forge);
    g_free (error);
  }
}

/* -- B: AUTH that proves nothing */

static const guint8 id_a[] = "\2\0\0\0a.test", id_b[] = "\2\0\0\0b.test";

static void
assert_auth_refused (Forge *forge, const ForgeChain *chain, int answer)
{
  guint64 calls = forge_n_kernel_calls (&forge->pair->b);

  forge_clear (forge);
  forge_send (forge, &(ForgeHead) { .from_a = TRUE, .exchange = EX_AUTH, .id = 1 }, chain);
  forge_run_ms (forge, 10);
  g_assert_cmpuint (forge_n_sent (forge, TRUE), ==, 1);
  g_assert_cmpint (forge_says (forge, forge_sent (forge, TRUE, 0)), ==, answer);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 0);
  g_assert_cmpuint (forge_n_kernel_calls (&forge->pair->b), ==, calls);
  g_assert_cmpuint (pair_count (&forge->pair->b, "ike.established"), ==, 0);
}

static void
test_bad_auth (gconstpointer flags)
{
  static const guint8 garbage[4 + 32] = { 2 }, rsa[4 + 256] = { 1 }, null[4] = { 13 },
                                  short_[4 + 31] = { 2 }, empty[4] = { 2 }, long_[4 + 33] = { 2 },
                                  cut[3] = { 2 };
  static const struct { const guint8 *body; gsize len; int answer;
  } values[] = {
    { garbage, sizeof garbage, IKE_N_AUTHENTICATION_FAILED },
    { rsa, sizeof rsa, IKE_N_AUTHENTICATION_FAILED },
    { null, sizeof null, IKE_N_INVALID_SYNTAX },
    { short_, sizeof short_, IKE_N_AUTHENTICATION_FAILED },
    { empty, sizeof empty, IKE_N_INVALID_SYNTAX },
    { long_, sizeof long_, IKE_N_AUTHENTICATION_FAILED },
    { cut, sizeof cut, IKE_N_INVALID_SYNTAX },
    { NULL, 0, IKE_N_INVALID_SYNTAX },
    { NULL, 1, IKE_N_AUTHENTICATION_FAILED },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (values); i++) {
    ForgeChain chain = { 0 };
    char *error;
    Forge *forge = attack_half_open (flags, &error);

    forge_add (&chain, IKE_PAYLOAD_IDI, id_a, sizeof id_a - 1);
    if (values[i].body || !values[i].len)
      forge_add (&chain, IKE_PAYLOAD_AUTH, values[i].body, values[i].len);
    assert_auth_refused (forge, &chain, values[i].answer);
    forge_free (forge);
    g_free (error);
  }
}

/* The initiator's own AUTH comes back as the responder's. */
static void
test_reflected_auth (gconstpointer flags)
{
  char *error;
  Forge *forge = attack_half_open (flags, &error);
  const ForgePacket *request = forge_sent (forge, FALSE, 1);
  guint8 plain[4096], first;
  ForgeChain chain = { 0 };
  const guint8 *auth;
  gsize len, auth_len = 0;

  g_assert_true (forge_open (forge, request, &first, plain, &len));
  auth = pair_payload (first, plain, len, IKE_PAYLOAD_AUTH, &auth_len);
  g_assert_nonnull (auth);
  forge_add (&chain, IKE_PAYLOAD_IDR, id_b, sizeof id_b - 1);
  forge_add (&chain, IKE_PAYLOAD_AUTH, auth, auth_len);
  forge_send (forge, &(ForgeHead) { .is_response = TRUE, .exchange = EX_AUTH, .id = 1 }, &chain);
  forge_run_ms (forge, 100);
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error, "authentication failed"));
  g_assert_cmpuint (pair_count (&forge->pair->a, "ike.established"), ==, 0);
  g_assert_cmpuint (forge->pair->a.kernel_ops->n_sas (forge->pair->a.kernel), ==, 0);
  forge_free (forge);
  g_free (error);
}

/* And the same octets under the responder's keys, sent to the responder: a request of its own is
 * not an answer. */
static void
test_reflected_messages (gconstpointer flags)
{
  PairOptions o = attack_options_of (flags);
  Forge *forge = forge_new (&o);
  guint i, n;

  attack_up (forge, "net");
  n = forge->sent->len;
  for (i = 0; i < n; i++) {
    gsize len;
    g_autofree guint8 *copy = attack_copy_of (forge->sent->pdata[i], &len);
    forge_inject (forge, TRUE, copy, len);
    forge_inject (forge, FALSE, copy, len);
  }
  /* A first message that comes again makes a half-open SA at most, which ends. */
  pair_run (forge->pair, 40);
  g_assert_cmpuint (pair_count (&forge->pair->a, "ike.established"), ==, 1);
  g_assert_cmpuint (pair_count (&forge->pair->b, "ike.established"), ==, 1);
  g_assert_cmpuint (forge_n_sas (&forge->pair->a), ==, 1);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 1);
  pair_assert_twins (forge->pair);
  forge_free (forge);
}

/* Mallory has a secret of its own with `b`, and says to be `a`. */
static void
test_identity_of_another (gconstpointer flags)
{
  PairOptions o = { .flags = GPOINTER_TO_UINT (flags),
                    .secrets = { "secret = mallorys-own-secret\n",
                                 "id-1 = a.test\n id-2 = b.test\n secret = correct-horse\n" },
                    .more = { NULL,
                              "secrets { ike-m { id-1 = mallory.test\n id-2 = b.test\n secret = "
                              "mallorys-own-secret\n } }\n"
                              "connections { m { local_addrs = 10.0.0.2\n remote_addrs = 10.0.0.1\n"
                              " local { auth = psk\n id = b.test\n }\n remote { auth = psk\n id = "
                              "mallory.test\n } } }\n" } };
  Pair *pair = pair_new (&o);
  g_autofree char *error = pair_up (pair, NULL);

  g_assert_nonnull (error);
  g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 0);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 0);
  pair_free (pair);
}

/* -- E, F, K: large, many, nested */

static void
test_large_messages (gconstpointer flags)
{
  static const gsize sizes[] = { 65535, 65534, 65000, 40000, 8193, 8192 };
  PairOptions o = attack_options_of (flags);
  Forge *forge = forge_new (&o);
  g_autofree guint8 *big = g_malloc0 (65535);
  guint i, k;

  attack_up (forge, "net");
  for (i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (k = 0; k < 4; k++) {
      ForgeHead head = { .from_a = TRUE,
                         .exchange = k < 2 ? EX_INIT : EX_INFO,
                         .id = k < 2 ? 0 : 2,
                         .is_clear = k != 3,
                         .spi_i = k < 2 ? SPI : 0 };
      gsize room = sizes[i] - IKE_HEADER_LEN - (k == 3 ? 4 + 8 + 1 + 16 : 0), n;
      memset (big, 0, room);
      /* One payload that fills it, or as many as fit. */
      if (k & 1) {
        big[2] = (guint8) (room >> 8);
        big[3] = (guint8) room;
        n = room;
      } else
        for (n = 0; n + 4 <= room; n += 4) {
          big[n] = n + 8 <= room ? IKE_PAYLOAD_VENDOR : 0;
          big[n + 3] = 4;
        }
      {
        g_autofree guint8 *message = g_malloc (66000);
        gsize len = forge_write_plain (forge, &head, IKE_PAYLOAD_VENDOR, big, n, message);
        forge_inject (forge, TRUE, message, len);
        forge_inject (forge, FALSE, message, len);
      }
      if (k == 3) {
        /* It was good, so its ID is used. */
        g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 1);
        tell_end (&forge->pair->a, "forced");
        tell_end (&forge->pair->b, "forced");
        pair_run (forge->pair, 60);
        attack_up (forge, "net");
      }
    }
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 1);
  forge_free (forge);
}

static void
test_many_transforms (gconstpointer flags)
{
  static const guint counts[] = { 0, 1, 127, 128, 129, 254, 255, 256, 1000, 8000 };
  PairOptions o = attack_options_of (flags);
  Forge *forge = forge_new (&o);
  g_autofree guint8 *body = g_malloc (66000);
  guint8 ke[4 + 32] = { 0, 31 }, nonce[32] = { 1 };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (counts); i++) {
    ForgeChain chain = { 0 };
    forge_clear (forge);
    forge_add (&chain, IKE_PAYLOAD_SA, body, attack_write_transforms (counts[i], body));
    forge_add (&chain, IKE_PAYLOAD_KE, ke, sizeof ke);
    forge_add (&chain, IKE_PAYLOAD_NONCE, nonce, sizeof nonce);
    forge_send (
        forge,
        &(ForgeHead) { .from_a = TRUE, .exchange = EX_INIT, .is_clear = TRUE, .spi_i = SPI + i },
        &chain);
    g_assert_cmpuint (forge_n_sent (forge, TRUE), <=, 1);
    g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 0);
    g_assert_cmpuint (forge->b.n_keys, ==, 0);
  }
  attack_up (forge, "net");
  forge_free (forge);
}

/* -- L, M: floods and amplification */

static void
put64 (guint8 *at, guint64 value)
{
  value = GUINT64_TO_BE (value);
  memcpy (at, &value, sizeof value);
}

/* The real first message of `a`, which got no answer. */
static guint8 *
first_message (Forge *forge, gsize *len)
{
  char *error;
  guint8 *copy;

  attack_drop (forge, 0, IKE_SIM_ANY);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", "net", &error);
  pair_run (forge->pair, 60);
  g_assert_nonnull (error);
  g_free (error);
  attack_drop_nothing (forge);
  copy = attack_copy_of (forge_sent (forge, FALSE, 0), len);
  forge_clear (forge);
  return copy;
}

static PairOptions
flooded (gconstpointer flags)
{
  static const char anybody[] = "remote_addrs = %any\n proposals = aes256gcm16-prfsha256-x25519\n "
                                "children { net { local_ts = 10.2.0.0/16\n"
                                " remote_ts = 10.1.0.0/16\n esp_proposals = aes256gcm16\n } }\n";

  return (PairOptions) { .flags = GPOINTER_TO_UINT (flags),
                         .connection = { attack_bodies[0], anybody },
                         .more = { NULL,
                                   "core { max_half_open = 100\n half_open_timeout = 30\n }\n" } };
}

static void
test_flood (gconstpointer flags)
{
  PairOptions o = flooded (flags);
  Forge *forge = forge_new (&o);
  gsize len;
  g_autofree guint8 *message = first_message (forge, &len);
  IkeAddr from, to;
  guint i;

  attack_up (forge, "net");
  ike_addr_parse (&from, "172.16.0.0", NULL);
  ike_addr_parse (&to, "10.0.0.2", NULL);
  to.port = 500;
  for (i = 0; i < 100000; i++) {
    guint32 host = GUINT32_TO_BE (0xac100000 + i);
    put64 (message, 1 + (guint64) i * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));
    memcpy (from.bytes, &host, 4);
    from.port = (guint16) (1024 + i % 60000);
    forge->pair->a.net_ops->inject (forge->pair->a.net, &from, &to, message, len, 0);
    if (i % 500 == 499)
      ike_sim_settle (forge->pair->sim);
  }
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 101);
  g_assert_cmpuint (pair_count (&forge->pair->b, "input.half-open-limit"), ==, 100000 - 100);
  /* The SA that is up works all the same. */
  forge_on_sa (&forge->pair->a, &forge->a, begin_delete, NULL);
  forge_run_ms (forge, 100);
  g_assert_cmpuint (forge_n_sas (&forge->pair->a), ==, 0);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 100);
  /* And those half-open ones end, and were never answered a second time. */
  pair_run (forge->pair, 31);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 0);
  attack_up (forge, "net");
  forge_free (forge);
}

/* No address that is not proven gets more than it sent, and nothing is sent to it of the
 * responder's own accord. */
static void
test_no_amplification (gconstpointer flags)
{
  PairOptions o = flooded (flags);
  Forge *forge = forge_new (&o);
  gsize full, len;
  g_autofree guint8 *message = first_message (forge, &full);
  guint kind, n_replies = 0, i;

  for (kind = 0; kind < 6; kind++)
    for (len = IKE_HEADER_LEN; len <= full; len++) {
      g_autofree guint8 *copy = g_memdup2 (message, full);
      const ForgePacket *reply;
      put64 (copy, SPI + 1000 * (kind + 1) + len);
      copy[26] = (guint8) (len >> 8);
      copy[27] = (guint8) len;
      if (kind == 1)
        copy[17] = 0x30;
      if (kind == 2)
        copy[18] = EX_INFO, copy[8] = 1;
      if (kind == 3)
        copy[16] = 200, copy[29] = 0x80;
      if (kind == 4)
        copy[18] = EX_INIT, copy[8] = 1;
      if (kind == 5)
        copy[17] = 0x10;
      forge_clear (forge);
      forge_inject_from (forge, "172.16.0.1", 500, TRUE, copy, len);
      g_assert_cmpuint (forge_n_sent (forge, TRUE), <=, 1);
      reply = forge_sent (forge, TRUE, 0);
      if (reply && (kind != 0 || len < full))
        g_assert_cmpuint (reply->len, <=, len);
      n_replies += reply != NULL;
      if (reply && kind == 0 && len == full)
        g_test_message ("IKE_SA_INIT: %zu bytes, answer %zu", full, reply->len);
      if (len % 16 == 0)
        pair_run (forge->pair, 2);            /* past the limit of answers per second */
    }
  g_assert_cmpuint (n_replies, >, full);
  forge_clear (forge);
  pair_run (forge->pair, 120);
  for (i = 0; i < forge->sent->len; i++)
    g_assert_cmpuint (((ForgePacket *) forge->sent->pdata[i])->to.bytes[0], !=, 172);
  forge_free (forge);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("attacks", "whatever-hooks-destroy-nothing-is-left", test_struck);
  pair_add_test ("attacks", "hooks-may-refuse-everything", test_rejecting_hooks);
  pair_add_test ("attacks", "deletes-that-cross-end-at-once", test_crossing_deletes);
  pair_add_test ("attacks", "deletes-of-a-child-that-cross-name-nothing",
                 test_crossing_child_deletes);
  pair_add_test ("attacks", "what-the-kernel-gives-too-late-is-given-back", test_late_kernel);
  pair_add_test ("attacks", "the-engine-ends-while-the-kernel-owes-answers",
                 test_end_with_calls_out);
  pair_add_test ("attacks", "auth-that-proves-nothing-makes-no-sa", test_bad_auth);
  pair_add_test ("attacks", "the-initiators-auth-is-not-the-responders", test_reflected_auth);
  pair_add_test ("attacks", "messages-that-come-back-change-nothing", test_reflected_messages);
  pair_add_test ("attacks", "an-identity-goes-with-its-own-secret", test_identity_of_another);
  pair_add_test ("attacks", "large-messages-are-survived", test_large_messages);
  pair_add_test ("attacks", "many-transforms-are-survived", test_many_transforms);
  pair_add_test ("attacks", "nobody-unproven-gets-more-than-he-sent", test_no_amplification);
  g_test_add_data_func ("/attacks/a-flood-of-first-messages-is-bounded", NULL, test_flood);
  return g_test_run ();
}
