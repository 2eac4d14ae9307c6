/* SPDX-License-Identifier: Apache-2.0 */
/* test_errors.c - requests that cannot be done: what the peer is told (RFC 7296, 1.4.1, 2.21 and
 * 2.25), and that both ends end up with the same SAs. */
#include "exchange/attacks.h"

static void
begin (IkeSa *sa, gpointer operation)
{
  g_assert_true (ike_sa_begin (sa, operation, NULL, NULL, NULL));
}

static Forge *
forge_up (gconstpointer flags)
{
  PairOptions o = attack_options_of (flags);
  Forge *forge = forge_new (&o);

  attack_up (forge, "net");
  forge_clear (forge);
  return forge;
}

/* Sends a request and returns what the answer says. */
static int
ask (Forge *forge, gboolean from_a, guint8 exchange, guint32 id, const ForgeChain *chain)
{
  forge_clear (forge);
  forge_send (forge, &(ForgeHead) { .from_a = from_a, .exchange = exchange, .id = id }, chain);
  forge_run_ms (forge, 5);
  return forge_says (forge, forge_sent (forge, from_a, 0));
}

/* -- an SA that is going */

static const guint8 esp_sa[] = { 0, 0, 0, 32, 1,   3,  4, 2, 9, 9, 9, 9, 3, 0,
                                 0, 12, 1, 0, 0, 20, 0x80, 14, 1, 0, 0, 0, 0, 8, 5, 0, 0, 0 };
static const guint8 any_ts[] = { 1,   0,   0, 0, 7, 0, 0,   16,  0,   0,
                                 255, 255, 0, 0, 0, 0, 255, 255, 255, 255 };
static const guint8 nonce[32] = { 1 };

/* With this SA payload. */
static void
add_child_request (ForgeChain *chain, const guint8 *sa, gsize len)
{
  forge_add (chain, IKE_PAYLOAD_SA, sa, len);
  forge_add (chain, IKE_PAYLOAD_NONCE, nonce, sizeof nonce);
  forge_add (chain, IKE_PAYLOAD_TSI, any_ts, sizeof any_ts);
  forge_add (chain, IKE_PAYLOAD_TSR, any_ts, sizeof any_ts);
}

static void
test_child_while_deleting (gconstpointer flags)
{
  Forge *forge = forge_up (flags);
  PairEnd *a = &forge->pair->a;
  ForgeChain chain = { 0 }, delete_ = { 0 };
  guint64 installs;

  attack_drop (forge, EX_INFO, IKE_SIM_REQUEST);
  forge_on_sa (a, &forge->a, begin, (gpointer) "delete");
  installs = a->kernel_ops->n_calls (a->kernel, IKE_FAKE_GET_SPI);
  add_child_request (&chain, esp_sa, sizeof esp_sa);
  g_assert_cmpint (ask (forge, FALSE, EX_CHILD, 0, &chain), ==, IKE_N_TEMPORARY_FAILURE);
  g_assert_cmpuint (a->kernel_ops->n_calls (a->kernel, IKE_FAKE_GET_SPI), ==, installs);
  g_assert_cmpuint (forge_n_sas (a), ==, 1);
  /* The peer closes it as well: answered as ever. */
  forge_add (&delete_, IKE_PAYLOAD_DELETE, "\1\0\0\0", 4);
  g_assert_cmpint (ask (forge, FALSE, EX_INFO, 1, &delete_), ==, FORGE_EMPTY);
  g_assert_cmpuint (forge_n_sas (a), ==, 0);
  forge_free (forge);
}

/* -- exchange types that nobody knows */

static const guint8 unknown[] = { 0, 1, 33, 38, 43, 44, 200, 255 };

static void
test_unknown_exchange (gconstpointer flags)
{
  guint i, at_b;

  for (i = 0; i < G_N_ELEMENTS (unknown); i++)
    for (at_b = 0; at_b < 2; at_b++) {
      Forge *forge = forge_up (flags);
      PairEnd *end = at_b ? &forge->pair->b : &forge->pair->a;
      ForgeChain empty = { 0 };

      g_assert_cmpint (ask (forge, at_b, unknown[i], at_b ? 2 : 0, &empty), ==,
                       IKE_N_INVALID_SYNTAX);
      g_assert_cmpuint (forge_sent (forge, at_b, 0)->data[18], ==, unknown[i]);
      g_assert_cmpuint (forge_n_sas (end), ==, 0);
      g_assert_cmpuint (end->kernel_ops->n_sas (end->kernel), ==, 0);
      forge_free (forge);
    }
}

/* Nothing of it while the tag is bad, the SA not up, the message clear, or an answer. */
static void
test_unknown_exchange_unproven (gconstpointer flags)
{
  Forge *forge = forge_up (flags);
  PairEnd *b = &forge->pair->b;
  ForgeHead head = { .from_a = TRUE, .exchange = 38, .id = 2 };
  ForgeChain empty = { 0 };
  g_autofree guint8 *message = g_malloc (256);
  gsize len = forge_write (forge, &head, &empty, message);
  char *error;

  message[len - 1] ^= 1;
  forge_inject (forge, TRUE, message, len);
  g_assert_cmpuint (pair_count (b, "input.bad-icv"), ==, 1);
  head.is_response = TRUE;
  forge_send (forge, &head, &empty);
  head.is_response = FALSE;
  head.is_clear = TRUE;
  forge_send (forge, &head, &empty);
  g_assert_cmpuint (forge_n_sent (forge, TRUE), ==, 0);
  g_assert_cmpuint (forge_n_sas (b), ==, 1);
  forge_free (forge);

  forge = attack_half_open (flags, &error);
  forge_clear (forge);
  g_assert_cmpint (ask (forge, TRUE, 38, 1, &empty), ==, FORGE_NONE);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 1);
  forge_free (forge);
  g_free (error);
}

/* -- an IKE_AUTH that fails behind AUTH */

typedef enum { TOO_LARGE, REFUSES_IN_PROCESS, REFUSES_IN_BUILD, N_SPOILS } Spoil;
static Spoil spoil;

static IkeTaskResult
spoil_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  if (!ike_exchange_is_initiator (x) && spoil == REFUSES_IN_PROCESS)
    return ike_task_fail (task, IKE_N_FAILED_CP_REQUIRED, NULL, 0, "spoiled");
  return IKE_TASK_DONE;
}

static IkeTaskResult
spoil_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  if (!ike_exchange_is_initiator (x) && spoil == REFUSES_IN_BUILD)
    return ike_task_fail (task, IKE_N_FAILED_CP_REQUIRED, NULL, 0, "spoiled");
  if (!ike_exchange_is_initiator (x) && spoil == TOO_LARGE)
    ike_writer_reserve (out, IKE_MESSAGE_MAX);
  return IKE_TASK_DONE;
}

static const IkeTaskClass spoil_task = {
  .struct_size = sizeof spoil_task,
  .exchanges = "IKE_AUTH",
  .after = "phase:finish",
  .process = spoil_process,
  .build = spoil_build,
};
static const IkeFeature spoil_feature
  = { .struct_size = sizeof spoil_feature, .provides = "task:spoil", .ops = &spoil_task };
static const IkeFeature *const spoil_features[] = { &spoil_feature, NULL };
static const IkePluginInfo spoil_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "spoil",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "fails an IKE_AUTH that was going well",
  .features = spoil_features,
};

static void
assert_neither_has_it (Forge *forge)
{
  g_autofree char *error = pair_up (forge->pair, "net");

  g_assert_nonnull (error);
  pair_run (forge->pair, 60);
  attack_assert_no_sa (&forge->pair->a);
  attack_assert_no_sa (&forge->pair->b);
  g_assert_cmpuint (pair_count (&forge->pair->a, "ike.established"), ==, 0);
}

/* AUTH was good at the responder, and the answer that says so cannot be made, or says no: no SA is
 * left that only one of them knows. */
static void
test_auth_fails_late (gconstpointer flags)
{
  const IkePluginInfo *const builtin[] = { &spoil_plugin, NULL };
  PairOptions o = attack_options_of (flags);

  o.builtin = builtin;
  for (spoil = 0; spoil < N_SPOILS; spoil++) {
    Forge *forge = forge_new (&o);
    g_test_message ("spoil %u", spoil);
    assert_neither_has_it (forge);
    forge_free (forge);
  }
}

static void
nothing (IkeSa *sa, gpointer data)
{
}

static void
test_hook_rejects_auth_answer (gconstpointer flags)
{
  PairOptions o = attack_options_of (flags);
  Forge *forge = forge_new (&o);

  forge->b.strike_at = "message/out/response/35";
  forge->b.strike = nothing;
  forge->b.verdict = IKE_HOOK_REJECT;
  assert_neither_has_it (forge);
  g_assert_null (forge->b.strike);
  forge_free (forge);
}

/* -- Delete payloads */

static const char ah_and_esp[2][420]
  = { "proposals = aes256gcm16-prfsha256-x25519\n children {\n"
      " esp { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n esp_proposals = aes256gcm16\n }\n"
      " ah { local_ts = 10.11.0.0/16\n remote_ts = 10.12.0.0/16\n ah_proposals = sha256\n }\n"
      " two { local_ts = 10.21.0.0/16\n remote_ts = 10.22.0.0/16\n esp_proposals = aes256gcm16\n"
      " }\n }\n",
      "proposals = aes256gcm16-prfsha256-x25519\n children {\n"
      " esp { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n esp_proposals = aes256gcm16\n }\n"
      " ah { local_ts = 10.12.0.0/16\n remote_ts = 10.11.0.0/16\n ah_proposals = sha256\n }\n"
      " two { local_ts = 10.22.0.0/16\n remote_ts = 10.21.0.0/16\n esp_proposals = aes256gcm16\n"
      " }\n }\n" };

typedef struct { guint n; struct { guint8 protocol; guint32 in, out; } items[3]; } Spis;

static void
list_spis (IkeSa *sa, gpointer data)
{
  Spis *spis = data;
  IkeChild *child;

  for (spis->n = 0; spis->n < 3 && (child = ike_sa_child (sa, spis->n)); spis->n++) {
    spis->items[spis->n].protocol = ike_child_protocol (child);
    spis->items[spis->n].in = ike_child_spi (child, TRUE);
    spis->items[spis->n].out = ike_child_spi (child, FALSE);
  }
}

static Forge *
forge_three (gconstpointer flags, Spis *at_a, Spis *at_b)
{
  Forge *forge = forge_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags),
                                             .connection = { ah_and_esp[0], ah_and_esp[1] } });

  attack_up (forge, "esp");
  attack_up (forge, "ah");
  attack_up (forge, "two");
  forge_on_sa (&forge->pair->a, &forge->a, list_spis, at_a);
  forge_on_sa (&forge->pair->b, &forge->b, list_spis, at_b);
  g_assert_cmpuint (at_a->n, ==, 3);
  g_assert_cmpuint (at_b->n, ==, 3);
  return forge;
}

/* The SPIs of @spis of that protocol; with @all of both. */
static gsize
write_delete (const Spis *spis, guint8 protocol, guint8 *out)
{
  gsize len = 4;
  guint i;

  for (i = 0; i < spis->n; i++)
    if (spis->items[i].protocol == protocol) {
      guint32 spi = GUINT32_TO_BE (spis->items[i].in);
      memcpy (out + len, &spi, 4);
      len += 4;
    }
  memcpy (out, (guint8[]) { protocol, 4, 0, (guint8) (len / 4 - 1) }, 4);
  return len;
}

static gboolean
has_inbound (const Spis *spis, guint8 protocol, const guint8 *spi)
{
  guint i;

  for (i = 0; i < spis->n; i++)
    if (spis->items[i].protocol == protocol
        && spis->items[i].in == ((guint32) spi[0] << 24 | spi[1] << 16 | spi[2] << 8 | spi[3]))
      return TRUE;
  return FALSE;
}

/* How many SPIs of @protocol the answer names; each is an inbound one of @spis, and a protocol has
 * one payload. */
static guint
n_named (Forge *forge, const ForgePacket *packet, guint8 protocol, const Spis *spis)
{
  guint8 plain[4096], type;
  gsize len, at;
  guint n = 0, n_payloads = 0, i;

  g_assert_nonnull (packet);
  g_assert_true (forge_open (forge, packet, &type, plain, &len));
  for (at = 0; type && at + 8 <= len; at += (gsize) plain[at + 2] << 8 | plain[at + 3]) {
    g_assert_cmpuint (type, ==, IKE_PAYLOAD_DELETE);
    if (plain[at + 4] == protocol) {
      n = (guint) plain[at + 6] << 8 | plain[at + 7];
      n_payloads++;
      for (i = 0; i < n; i++)
        g_assert_true (has_inbound (spis, protocol, plain + at + 8 + 4 * i));
    }
    type = plain[at];
  }
  g_assert_cmpuint (n_payloads, <=, 1);
  return n;
}

static void
test_delete_of_two_protocols (gconstpointer flags)
{
  Spis at_a, at_b;
  Forge *forge = forge_three (flags, &at_a, &at_b);
  guint8 ah[64], esp[64];
  ForgeChain chain = { 0 };

  forge_add (&chain, IKE_PAYLOAD_DELETE, ah, write_delete (&at_a, IKE_PROTOCOL_AH, ah));
  forge_add (&chain, IKE_PAYLOAD_DELETE, esp, write_delete (&at_a, IKE_PROTOCOL_ESP, esp));
  ask (forge, TRUE, EX_INFO, 4, &chain);
  g_assert_cmpuint (n_named (forge, forge_sent (forge, TRUE, 0), IKE_PROTOCOL_AH, &at_b), ==, 1);
  g_assert_cmpuint (n_named (forge, forge_sent (forge, TRUE, 0), IKE_PROTOCOL_ESP, &at_b), ==, 2);
  g_assert_cmpuint (forge->pair->b.kernel_ops->n_sas (forge->pair->b.kernel), ==, 0);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 1);
  /* Once more: RFC 7296, 2.25.1: what does not exist gets an answer "without a Delete payload". */
  g_assert_cmpint (ask (forge, TRUE, EX_INFO, 5, &chain), ==, FORGE_EMPTY);
  forge_free (forge);
}

/* Our SPIs under the peer's protocol, or its own outbound ones, name nothing. */
static void
test_delete_of_others (gconstpointer flags)
{
  Spis at_a, at_b;
  Forge *forge = forge_three (flags, &at_a, &at_b);
  guint8 body[64];
  guint i;

  for (i = 0; i < 3; i++) {
    ForgeChain chain = { 0 };
    gsize len = write_delete (i == 1 ? &at_b : &at_a, i == 2 ? IKE_PROTOCOL_AH : IKE_PROTOCOL_ESP,
                              body);
    if (i != 1)
      body[0] ^= 1;                           /* AH and ESP are 2 and 3 */
    forge_add (&chain, IKE_PAYLOAD_DELETE, body, len);
    g_assert_cmpint (ask (forge, TRUE, EX_INFO, 4 + i, &chain), ==, FORGE_EMPTY);
    g_assert_cmpuint (forge->pair->b.kernel_ops->n_sas (forge->pair->b.kernel), ==, 6);
  }
  forge_free (forge);
}

static void
begin_delete_child (IkeSa *sa, gpointer data)
{
  IkeChildRef ref = ike_child_ref (ike_sa_child (sa, 0));

  g_assert_true (ike_sa_begin (sa, "delete-child", g_memdup2 (&ref, sizeof ref), NULL, NULL));
}

/* Both delete the same.  Who has said so already names nothing in the answer; who only meant to,
 * because another request is on its way, still does. */
static void
test_crossing_deletes (gconstpointer flags)
{
  guint is_queued;

  for (is_queued = 0; is_queued < 2; is_queued++) {
    Forge *forge = forge_up (flags);
    PairEnd *a = &forge->pair->a;
    Spis at_a, at_b;
    guint8 body[64];
    ForgeChain chain = { 0 };

    forge_on_sa (a, &forge->a, list_spis, &at_a);
    forge_on_sa (&forge->pair->b, &forge->b, list_spis, &at_b);
    attack_drop (forge, EX_INFO, IKE_SIM_REQUEST);
    if (is_queued)
      forge_on_sa (a, &forge->a, begin, (gpointer) "liveness");
    forge_on_sa (a, &forge->a, begin_delete_child, NULL);
    forge_add (&chain, IKE_PAYLOAD_DELETE, body, write_delete (&at_b, IKE_PROTOCOL_ESP, body));
    ask (forge, FALSE, EX_INFO, 0, &chain);
    g_assert_cmpuint (n_named (forge, forge_sent (forge, FALSE, 0), IKE_PROTOCOL_ESP, &at_a), ==,
                      is_queued);
    g_assert_cmpuint (a->kernel_ops->n_sas (a->kernel), ==, 0);
    attack_drop_nothing (forge);
    pair_run (forge->pair, 60);
    g_assert_cmpuint (forge_n_sas (a), ==, 1);
    g_assert_cmpuint (pair_count (a, "ike.timeouts"), ==, 0);
    forge_free (forge);
  }
}

/* -- CREATE_CHILD_SA */

/* RFC 4303, 2.1: SPIs from 1 to 255 are reserved, and zero never goes out. */
static void
test_reserved_spis (gconstpointer flags)
{
  static const guint32 spis[] = { 0, 1, 2, 127, 128, 254, 255 };
  Forge *forge = forge_up (flags);
  guint8 sa[sizeof esp_sa];
  guint i;

  memcpy (sa, esp_sa, sizeof sa);
  for (i = 0; i <= G_N_ELEMENTS (spis); i++) {
    ForgeChain chain = { 0 };
    guint32 spi = GUINT32_TO_BE (i < G_N_ELEMENTS (spis) ? spis[i] : 256);
    memcpy (sa + 8, &spi, 4);
    add_child_request (&chain, sa, sizeof sa);
    if (i < G_N_ELEMENTS (spis))
      g_assert_cmpint (ask (forge, TRUE, EX_CHILD, 2 + i, &chain), ==, IKE_N_NO_PROPOSAL_CHOSEN);
    else
      g_assert_cmpint (ask (forge, TRUE, EX_CHILD, 2 + i, &chain), ==, FORGE_OTHER);
  }
  g_assert_cmpuint (forge->pair->b.kernel_ops->n_sas (forge->pair->b.kernel), ==, 4);
  forge_free (forge);
}

/* The same in an answer: the peer made an SA that we do not take, so it is told to take it down. */
static void
test_reserved_spi_answered (gconstpointer flags)
{
  Forge *forge = forge_up (flags);
  guint8 sa[sizeof esp_sa];
  ForgeChain chain = { 0 }, empty = { 0 };
  char *error;

  memcpy (sa, esp_sa, sizeof sa);
  memcpy (sa + 8, "\0\0\0\377", 4);
  attack_drop (forge, EX_CHILD, IKE_SIM_REQUEST);
  pair_down (forge->pair, NULL, "net");
  forge_clear (forge);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", "net", &error);
  forge_run_ms (forge, 20);
  add_child_request (&chain, sa, sizeof sa);
  forge_send (forge, &(ForgeHead) { .is_response = TRUE, .exchange = EX_CHILD, .id = 3 }, &chain);
  forge_run_ms (forge, 20);
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error, "did not propose"));
  g_assert_cmpuint (forge_sent (forge, FALSE, 1)->data[18], ==, EX_INFO);
  forge_send (forge, &(ForgeHead) { .is_response = TRUE, .exchange = EX_INFO, .id = 4 }, &empty);
  g_assert_cmpuint (forge->pair->a.kernel_ops->n_sas (forge->pair->a.kernel), ==, 0);
  g_assert_cmpuint (forge->pair->a.kernel_ops->n_spis (forge->pair->a.kernel), ==, 0);
  g_free (error);
  forge_free (forge);
}

/* A peer that refuses the groups by turns is not followed without end, and the IKE SA stays. */
static void
test_endless_groups (gconstpointer flags)
{
  static const char body[] = "proposals = aes256gcm16-prfsha256-x25519\n children {\n net { }\n"
                             " pfs { esp_proposals = aes128-sha256-x25519-ecp256\n }\n }\n";
  Forge *forge = forge_new (
      &(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .connection = { body, body } });
  guint32 id;
  char *error;

  attack_up (forge, "net");
  attack_drop (forge, EX_CHILD, IKE_SIM_ANY);
  forge_clear (forge);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", "pfs", &error);
  forge_run_ms (forge, 20);
  for (id = 2; id < 40 && !error; id++) {
    guint8 group[] = { 0, 0, 0, IKE_N_INVALID_KE_PAYLOAD, 0, id & 1 ? 31 : 19 };
    ForgeChain chain = { 0 };
    forge_add (&chain, IKE_PAYLOAD_NOTIFY, group, sizeof group);
    forge_send (forge, &(ForgeHead) { .is_response = TRUE, .exchange = EX_CHILD, .id = id },
                &chain);
    forge_run_ms (forge, 20);
  }
  g_assert_nonnull (error);
  g_assert_cmpstr (error, !=, "");
  g_assert_cmpuint (forge_n_sent (forge, FALSE), ==, 6);
  g_assert_cmpuint (forge_n_sas (&forge->pair->a), ==, 1);
  g_assert_cmpuint (forge->pair->a.kernel_ops->n_spis (forge->pair->a.kernel), ==, 0);
  g_free (error);
  forge_free (forge);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("errors", "a-child-is-refused-for-now-while-the-sa-is-going",
                 test_child_while_deleting);
  pair_add_test ("errors", "unknown-exchanges-end-the-sa-at-both-ends", test_unknown_exchange);
  pair_add_test ("errors", "unknown-exchanges-without-proof-are-dropped",
                 test_unknown_exchange_unproven);
  pair_add_test ("errors", "an-ike-auth-that-fails-late-leaves-no-sa", test_auth_fails_late);
  pair_add_test ("errors", "a-hook-that-rejects-the-answer-leaves-no-sa",
                 test_hook_rejects_auth_answer);
  pair_add_test ("errors", "each-protocol-has-its-delete-payload", test_delete_of_two_protocols);
  pair_add_test ("errors", "spis-of-others-delete-nothing", test_delete_of_others);
  pair_add_test ("errors", "crossing-deletes-name-what-was-not-named-yet", test_crossing_deletes);
  pair_add_test ("errors", "reserved-spis-are-refused", test_reserved_spis);
  pair_add_test ("errors", "reserved-spis-are-refused-in-answers", test_reserved_spi_answered);
  pair_add_test ("errors", "groups-by-turns-are-not-followed-without-end", test_endless_groups);
  return g_test_run ();
}
