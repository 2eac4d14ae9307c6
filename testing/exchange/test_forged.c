/* SPDX-License-Identifier: Apache-2.0 */
/* test_forged.c - answers that somebody on the path forges, and what peers call themselves. */
#include "exchange/attacks.h"

/* -- N: forged answers */

/* RFC 7296, 2.21.1: what anybody may have sent does not end an attempt. The true answer comes 500
 * ms later. */
static Forge *
forge_far (gconstpointer flags)
{
  static const char body[]
    = "proposals = aes256gcm16-prfsha256-x25519-ecp256\n children { net { } }\n";
  Forge *forge = forge_new (
      &(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .connection = { body, body } });

  forge->pair->a.net_ops->set_latency (forge->pair->a.net, 250 * 1000, 0);
  return forge;
}

static void
try_forged (Forge *forge, const ForgeChain *chain, guint n_times)
{
  guint64 spi;
  char *error;
  guint i;

  forge_clear (forge);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", NULL, &error);
  forge_run_ms (forge, 20);
  g_assert_cmpuint (forge_n_sent (forge, FALSE), ==, 1);
  memcpy (&spi, forge_sent (forge, FALSE, 0)->data, 8);
  for (i = 0; i < n_times; i++)
    forge_send (forge,
                &(ForgeHead) { .is_response = TRUE,
                               .exchange = EX_INIT,
                               .is_clear = TRUE,
                               .spi_i = GUINT64_FROM_BE (spi) },
                chain);
  pair_run (forge->pair, 60);
  g_assert_nonnull (error);
  if (*error)
    g_test_message ("%s\n%s%s", error, forge->pair->a.log->str, forge->pair->b.log->str);
  g_assert_cmpstr (error, ==, "");
  g_assert_cmpuint (forge_n_sas (&forge->pair->a), ==, 1);
  g_free (error);
  pair_down (forge->pair, "pair", NULL);
  pair_run (forge->pair, 60);
  attack_assert_no_sa (&forge->pair->a);
  attack_assert_no_sa (&forge->pair->b);
}

static void
test_forged_answers (gconstpointer flags)
{
  static const guint16 types[] = { IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD,
                                   IKE_N_INVALID_IKE_SPI,
                                   IKE_N_INVALID_MAJOR_VERSION,
                                   IKE_N_INVALID_SYNTAX,
                                   IKE_N_NO_PROPOSAL_CHOSEN,
                                   IKE_N_AUTHENTICATION_FAILED,
                                   8000,
                                   IKE_N_TEMPORARY_FAILURE };
  guint i;
  Forge *forge = forge_far (flags);

  for (i = 0; i < G_N_ELEMENTS (types); i++) {
    guint8 body[] = { 0, 0, (guint8) (types[i] >> 8), (guint8) types[i] };
    ForgeChain chain = { 0 };
    forge_add (&chain, IKE_PAYLOAD_NOTIFY, body, sizeof body);
    g_test_message ("notify %u", types[i]);
    try_forged (forge, &chain, 1);
    try_forged (forge, &chain, 100);
  }
  forge_free (forge);
}

static void
test_forged_invalid_ke (gconstpointer flags)
{
  static const guint16 groups[] = { 0, 1, 2, 14, 31, 0xffff };
  guint i;
  Forge *forge = forge_far (flags);

  for (i = 0; i < G_N_ELEMENTS (groups); i++) {
    guint8 body[] = {
      0, 0, 0, IKE_N_INVALID_KE_PAYLOAD, (guint8) (groups[i] >> 8), (guint8) groups[i]
    };
    ForgeChain chain = { 0 };
    forge_add (&chain, IKE_PAYLOAD_NOTIFY, body, sizeof body);
    g_test_message ("group %u", groups[i]);
    try_forged (forge, &chain, 1);
    try_forged (forge, &chain, 100);
  }
  forge_free (forge);
}

/* What is well formed and makes no sense. */
static void
test_forged_nonsense (gconstpointer flags)
{
  static const guint8 no_sa[] = { 0, 0, 0, 0 };
  guint8 sa[64], ke[4 + 32] = { 0, 31 }, other_ke[4 + 64] = { 0, 19 }, nonce[32] = { 1 },
                        short_nonce[8] = { 1 };
  gsize sa_len = attack_write_transforms (4, sa);
  const struct {
    const guint8 *sa;
    gsize sa_len;
    const guint8 *ke;
    gsize ke_len;
    const guint8 *nonce;
    gsize nonce_len;
  } all[] = {
    { no_sa, 4, ke, sizeof ke, nonce, 32 },   { no_sa, 0, ke, sizeof ke, nonce, 32 },
    { sa, sa_len, ke, sizeof ke, nonce, 32 }, { sa, sa_len, other_ke, sizeof other_ke, nonce, 32 },
    { sa, sa_len, ke, 2, nonce, 32 },         { sa, sa_len, ke, sizeof ke, short_nonce, 8 },
    { sa, sa_len, ke, 0, nonce, 0 },
  };
  guint i;
  Forge *forge = forge_far (flags);

  for (i = 0; i < G_N_ELEMENTS (all); i++) {
    ForgeChain chain = { 0 };
    g_test_message ("nonsense %u", i);
    forge_add (&chain, IKE_PAYLOAD_SA, all[i].sa, all[i].sa_len);
    forge_add (&chain, IKE_PAYLOAD_KE, all[i].ke, all[i].ke_len);
    forge_add (&chain, IKE_PAYLOAD_NONCE, all[i].nonce, all[i].nonce_len);
    try_forged (forge, &chain, 1);
    try_forged (forge, &chain, 100);
  }
  forge_free (forge);
}

/* Before each first message of `a` arrives, somebody who sees it asks for a cookie, or for another
 * group; he cannot hold it back. */
typedef struct { Forge *forge; ForgeChain chain; guint n_left, n_done; } Watcher;

static void
ask_first (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  Watcher *w = data;
  guint8 message[256];
  IkeAddr from = packet->to, to = packet->from;
  guint64 spi;
  gsize len;

  if (event != IKE_SIM_SENT || !packet->ike || packet->is_response || packet->exchange != EX_INIT
      || w->n_done == w->n_left)
    return;
  memcpy (&spi, packet->ike, 8);
  w->n_done++;
  len = forge_write (w->forge,
                     &(ForgeHead) { .is_response = TRUE, .exchange = EX_INIT, .is_clear = TRUE,
                                    .spi_i = GUINT64_FROM_BE (spi) }, &w->chain, message);
  w->forge->pair->a.net_ops->inject (w->forge->pair->a.net, &from, &to, message, len, 1000);
}

static void
try_asked_first (gconstpointer flags, const guint8 *notify, gsize notify_len, guint n_times,
                 guint seconds)
{
  static const char body[]
    = "proposals = aes256gcm16-prfsha256-x25519-ecp256\n children { net { } }\n";
  Forge *forge = forge_new (
      &(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .connection = { body, body } });
  Watcher watcher = { .forge = forge, .n_left = n_times };
  char *error;

  forge_add (&watcher.chain, IKE_PAYLOAD_NOTIFY, notify, notify_len);
  forge->pair->a.net_ops->set_latency (forge->pair->a.net, 100 * 1000, 0);
  forge->pair->a.net_ops->tap_add (forge->pair->a.net, ask_first, &watcher);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", NULL, &error);
  pair_run (forge->pair, seconds);
  g_assert_cmpuint (watcher.n_done, >, 0);
  if (!error || *error)
    g_test_message ("%s\n%s\n%s", error, forge->pair->a.log->str, forge->pair->b.log->str);
  g_assert_cmpstr (error, ==, "");
  pair_run (forge->pair, 60);
  g_assert_cmpuint (forge_n_sas (&forge->pair->a), ==, 1);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 1);
  pair_assert_twins (forge->pair);
  g_free (error);
  forge_free (forge);
}

static void
test_forged_cookie (gconstpointer flags)
{
  static const guint8 cookie[] = { 0, 0, IKE_N_COOKIE >> 8, IKE_N_COOKIE & 255, 1, 2, 3, 4 };

  try_asked_first (flags, cookie, sizeof cookie, 1, 5);
  try_asked_first (flags, cookie, sizeof cookie, 2, 5);
  try_asked_first (flags, cookie, sizeof cookie, 1000, 5);
}

static void
test_forged_group (gconstpointer flags)
{
  static const guint8 group[] = { 0, 0, 0, IKE_N_INVALID_KE_PAYLOAD, 0, 19 };

  try_asked_first (flags, group, sizeof group, 1, 5);
  try_asked_first (flags, group, sizeof group, 2, 5);
  try_asked_first (flags, group, sizeof group, 1000, 30);
}

/* A responder that asks for cookies without end is not asked without end; a group that is refused
 * by turns neither. */
static void
test_endless_cookies (gconstpointer flags)
{
  guint kind;

  for (kind = 0; kind < 2; kind++) {
    PairOptions o = { .flags = GPOINTER_TO_UINT (flags),
                      .connection = { "proposals = aes256gcm16-prfsha256-x25519-ecp256-modp2048\n "
                                      "children { net { } }\n",
                                      NULL } };
    Forge *forge = forge_new (&o);
    guint64 spi;
    char *error;
    guint i;

    attack_drop (forge, EX_INIT, IKE_SIM_ANY);
    pair_begin_up (forge->pair, &forge->pair->a, "pair", NULL, &error);
    forge_run_ms (forge, 20);
    memcpy (&spi, forge_sent (forge, FALSE, 0)->data, 8);
    for (i = 0; i < 50; i++) {
      static const guint8 groups[] = { 19, 14, 31 };
      guint8 cookie[] = { 0, 0, IKE_N_COOKIE >> 8, IKE_N_COOKIE & 255, (guint8) i },
             group[] = { 0, 0, 0, IKE_N_INVALID_KE_PAYLOAD, 0, groups[i % 3] };
      ForgeChain chain = { 0 };
      forge_add (&chain, IKE_PAYLOAD_NOTIFY, kind ? group : cookie,
                 kind ? sizeof group : sizeof cookie);
      forge_send (forge, &(ForgeHead) { .is_response = TRUE, .exchange = EX_INIT, .is_clear = TRUE,
                                        .spi_i = GUINT64_FROM_BE (spi) }, &chain);
    }
    g_assert_cmpuint (forge_n_sent (forge, FALSE), <=, 6);
    pair_run (forge->pair, 200);
    g_assert_nonnull (error);
    g_assert_cmpstr (error, !=, "");
    attack_assert_no_sa (&forge->pair->a);
    g_free (error);
    forge_free (forge);
  }
}

/* Answers under a wrong tag: as many as one likes, the true one still counts. */
static void
test_forged_protected_answers (gconstpointer flags)
{
  PairOptions o = attack_options_of (flags);
  Forge *forge = forge_new (&o);
  g_autofree guint8 *junk = g_malloc0 (60000);
  guint64 spi_r;
  char *error;
  guint i;

  forge->pair->a.net_ops->set_latency (forge->pair->a.net, 250 * 1000, 0);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", "net", &error);
  forge_run_ms (forge, 700);
  g_assert_cmpuint (forge_n_sent (forge, FALSE), ==, 2);
  memcpy (junk, forge_sent (forge, FALSE, 1)->data, IKE_HEADER_LEN);
  memcpy (&spi_r, junk + 8, 8);
  junk[16] = IKE_PAYLOAD_SK;
  junk[19] = IKE_FLAG_RESPONSE;
  for (i = 0; i < 250; i++) {
    guint len = i < 20 ? 60000 : 600;
    junk[26] = (guint8) (len >> 8);
    junk[27] = (guint8) len;
    junk[30] = (guint8) ((len - IKE_HEADER_LEN) >> 8);
    junk[31] = (guint8) (len - IKE_HEADER_LEN);
    forge_inject (forge, FALSE, junk, len);
  }
  g_assert_cmpuint (pair_count (&forge->pair->a, "input.bad-icv"), ==, 250);
  pair_run (forge->pair, 60);
  g_assert_cmpstr (error, ==, "");
  g_free (error);
  forge_free (forge);
}

/* The same in the clear, with all that does not belong there. */
static void
test_forged_large_answers (gconstpointer flags)
{
  g_autofree guint8 *junk = g_malloc0 (60000);
  ForgeChain chain = { 0 };
  Forge *forge = forge_far (flags);

  forge_add (&chain, IKE_PAYLOAD_VENDOR, junk, 60000);
  try_forged (forge, &chain, 20);
  forge_add (&chain, IKE_PAYLOAD_NOTIFY, "\0\0\0\7", 4);
  try_forged (forge, &chain, 20);
  chain.items[0].len = 600;
  try_forged (forge, &chain, 500);
  chain.n = 1;
  try_forged (forge, &chain, 500);
  forge_free (forge);
}

/* -- U: what peers call themselves */

static void
assert_clean (const char *text)
{
  for (; *text; text++)
    g_assert_true (*text == '\n' || ((guchar) *text >= 0x20 && (guchar) *text != 0x7f));
}

/* Both forget what was begun, and `a` begins anew: `b` is half-open once more. */
static void
begin_anew (Forge *forge, char **error)
{
  guint i;

  for (i = 0; i < 2; i++) {
    IkeTree *args = ike_tree_new_section ();
    char *nothing_there = NULL;
    ike_tree_set_bool (args, "force", TRUE);
    ike_tree_set_bool (args, "all", TRUE);
    ike_tree_free (pair_command (i ? &forge->pair->b : &forge->pair->a, "down", args,
                                 &nothing_there));
    g_free (nothing_there);
  }
  g_free (*error);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", "net", error);
  forge_run_ms (forge, 100);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 1);
}

static void
test_hostile_identities (gconstpointer flags)
{
  static const char *const names[] = { "\x1b[31mred\n fake: line\r\b%s%n\x7f", "\"},{\"a\":\"b\\",
                                       "\xff\xfe\x80\xc0", "\xe2\x80\xae evil", "" };
  static const guint8 types[] = { 1, 2, 3, 5, 9, 10, 11, 12, 200, 0 };
  char *error;
  Forge *forge = attack_half_open (flags, &error);
  guint i, k;

  for (i = 0; i < G_N_ELEMENTS (names); i++)
    for (k = 0; k < G_N_ELEMENTS (types); k++) {
      guint8 id[128] = { types[k] }, auth[4 + 32] = { 2 };
      gsize len = strlen (names[i]);
      ForgeChain chain = { 0 };
      g_autoptr (IkeTree) explained = NULL;

      begin_anew (forge, &error);
      memcpy (id + 4, names[i], len);
      forge_add (&chain, IKE_PAYLOAD_IDI, id, 4 + len);
      forge_add (&chain, IKE_PAYLOAD_AUTH, auth, sizeof auth);
      forge_send (forge, &(ForgeHead) { .from_a = TRUE, .exchange = EX_AUTH, .id = 1 }, &chain);
      forge_run_ms (forge, 10);
      g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 0);
      assert_clean (forge->pair->b.log->str);
      g_assert_true (g_utf8_validate (forge->pair->b.log->str, -1, NULL));
      explained = pair_explain (&forge->pair->b);
      if (explained)
        assert_clean (ike_tree_string (explained, "reason", ""));
    }
  forge_free (forge);
  g_free (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("forged", "forged-errors-do-not-end-an-attempt", test_forged_answers);
  pair_add_test ("forged", "forged-groups-do-not-end-an-attempt", test_forged_invalid_ke);
  pair_add_test ("forged", "a-forged-cookie-does-not-end-an-attempt", test_forged_cookie);
  pair_add_test ("forged", "a-forged-group-does-not-end-an-attempt", test_forged_group);
  pair_add_test ("forged", "forged-nonsense-does-not-end-an-attempt", test_forged_nonsense);
  pair_add_test ("forged", "cookies-and-groups-are-not-followed-without-end", test_endless_cookies);
  pair_add_test ("forged", "answers-under-a-wrong-tag-use-up-nothing",
                 test_forged_protected_answers);
  pair_add_test ("forged", "large-forged-answers-use-up-nothing", test_forged_large_answers);
  pair_add_test ("forged", "what-peers-call-themselves-is-escaped", test_hostile_identities);
  return g_test_run ();
}
