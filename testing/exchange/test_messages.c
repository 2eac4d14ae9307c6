/* SPDX-License-Identifier: Apache-2.0 */
/* test_messages.c - messages that are cut, changed, repeated, too early or too late: counted,
 * answered as prescribed or not at all, and nothing else; and the keys of a whole handshake,
 * computed once more with libcrypto alone. */
#include "exchange/forge.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

enum { EX_INIT = 34, EX_AUTH = 35, EX_CHILD = 36, EX_INFO = 37 };
#define SPI G_GUINT64_CONSTANT (0x7700000000000000)

static guint64
n_counted (PairEnd *end)
{
  static const char *const names[] = { "input.bad-header",  "input.bad-version",
                                       "input.unknown-spi", "input.bad-message-id",
                                       "input.bad-icv",     "input.bad-syntax",
                                       "input.bad-state",   "input.bad-payload" };
  guint64 n = 0;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (names); i++)
    n += pair_count (end, names[i]);
  return n;
}

static Forge *
forge_of (gconstpointer flags)
{
  return forge_new (&(PairOptions) { .flags = GPOINTER_TO_UINT (flags) });
}

static void
drop (Forge *forge, guint exchange)
{
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP, .exchange = exchange };

  forge->pair->a.net_ops->rule_add (forge->pair->a.net, &rule);
}

static void
up (Forge *forge)
{
  g_autofree char *error = pair_up (forge->pair, NULL);

  if (error)
    g_error ("%s\n-- a --\n%s-- b --\n%s", error, forge->pair->a.log->str, forge->pair->b.log->str);
}

/* The @nth message of `a`, which nobody got. */
static guint8 *
held_back (Forge *forge, guint nth, char **error, gsize *len)
{
  const ForgePacket *packet;

  drop (forge, nth ? EX_AUTH : EX_INIT);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", NULL, error);
  forge_run_ms (forge, 100);
  packet = forge_sent (forge, FALSE, nth);
  g_assert_nonnull (packet);
  *len = packet->len;
  return g_memdup2 (packet->data, packet->len);
}

static void
set_len (guint8 *message, gsize len)
{
  message[24] = message[25] = 0;
  message[26] = (guint8) (len >> 8);
  message[27] = (guint8) len;
}

/* Cut anywhere, with the length that it had and with one that fits. */
static void
test_truncated (gconstpointer flags)
{
  guint nth, fits;

  for (nth = 0; nth < 2; nth++) {
    Forge *forge = forge_of (flags);
    char *error;
    gsize full, len;
    g_autofree guint8 *message = held_back (forge, nth, &error, &full);
    PairEnd *b = &forge->pair->b;
    guint n_states = forge->b.n_states, n_keys = forge->b.n_keys;

    for (fits = 0; fits < 2; fits++)
      for (len = 0; len < full; len++) {
        guint64 before = n_counted (b);
        g_autofree guint8 *copy = g_memdup2 (message, full);
        if (fits && len >= IKE_HEADER_LEN)
          set_len (copy, len);
        forge_clear (forge);
        forge_inject (forge, TRUE, copy, len);
        if (len >= 4)
          g_assert_cmpuint (n_counted (b), ==, before + 1);
        g_assert_cmpuint (forge_n_sas (b), ==, nth);
        g_assert_true (forge_n_sent (forge, TRUE) == 0
                       || forge_says (forge, forge_sent (forge, TRUE, 0)) == IKE_N_INVALID_SYNTAX);
      }
    g_assert_cmpuint (forge->b.n_states, ==, n_states);
    g_assert_cmpuint (forge->b.n_keys, ==, n_keys);
    /* Whole, it still does what it should. */
    forge->pair->a.net_ops->rule_remove (forge->pair->a.net, 0);
    pair_run (forge->pair, 60);
    g_assert_cmpstr (error, ==, "");
    pair_assert_twins (forge->pair);
    g_free (error);
    forge_free (forge);
  }
}

/* One bit of the sealed message turned: each byte once. */
static void
test_every_byte_turned (gconstpointer flags)
{
  Forge *forge = forge_of (flags);
  char *error;
  gsize full, at;
  g_autofree guint8 *message = held_back (forge, 1, &error, &full);
  guint n_states = forge->b.n_states;

  for (at = 0; at < full; at++) {
    guint64 before = n_counted (&forge->pair->b);
    g_autofree guint8 *copy = g_memdup2 (message, full);
    copy[at] ^= (guint8) (1 << at % 8);
    forge_clear (forge);
    forge_inject (forge, TRUE, copy, full);
    g_assert_cmpuint (n_counted (&forge->pair->b), ==, before + 1);
    g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 1);
    if (at != 17)
      g_assert_cmpuint (forge_n_sent (forge, TRUE), ==, 0);
  }
  g_assert_cmpuint (forge->b.n_states, ==, n_states);
  forge->pair->a.net_ops->rule_remove (forge->pair->a.net, 0);
  pair_run (forge->pair, 60);
  g_assert_cmpstr (error, ==, "");
  g_free (error);
  forge_free (forge);
}

/* The same for the first message: it may make a half-open SA, or an answer, and it ends. */
static void
test_first_message_turned (gconstpointer flags)
{
  Forge *forge = forge_of (flags);
  char *error;
  gsize full, at;
  g_autofree guint8 *message = held_back (forge, 0, &error, &full);
  guint bit;

  for (at = 0; at < full; at++)
    for (bit = 0; bit < 8; bit += 3) {
      g_autofree guint8 *copy = g_memdup2 (message, full);
      copy[at] ^= (guint8) (1 << bit);
      forge_clear (forge);
      forge_inject (forge, TRUE, copy, full);
      g_assert_cmpuint (forge_n_sent (forge, TRUE), <=, 1);
    }
  g_assert_cmpuint (pair_count (&forge->pair->b, "ike.established"), ==, 0);
  pair_run (forge->pair, 200);
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 0);
  forge->pair->a.net_ops->rule_remove (forge->pair->a.net, 0);
  up (forge);
  g_free (error);
  forge_free (forge);
}

static void
test_versions (gconstpointer flags)
{
  Forge *forge = forge_of (flags);
  char *error;
  gsize len;
  g_autofree guint8 *message = held_back (forge, 0, &error, &len);
  guint version;

  for (version = 0; version < 256; version++) {
    if (version >> 4 == 2)
      continue;
    pair_run (forge->pair, 1);
    forge_clear (forge);
    message[17] = (guint8) version;
    forge_inject (forge, TRUE, message, len);
    g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 0);
    g_assert_cmpint (forge_says (forge, forge_sent (forge, TRUE, 0)), ==,
                     version >> 4 > 2 ? IKE_N_INVALID_MAJOR_VERSION : FORGE_NONE);
    if (version >> 4 > 2)
      g_assert_cmphex (forge_sent (forge, TRUE, 0)->data[17], ==, 0x20);
  }
  g_assert_cmpuint (pair_count (&forge->pair->b, "input.bad-version"), ==, 240);
  g_free (error);
  forge_free (forge);
}

static void
test_ids (gconstpointer flags)
{
  static const guint32 outside[] = {
    0, 1, 4, 5, 100, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff
  };
  Forge *forge = forge_of (flags);
  ForgeHead head = { .from_a = TRUE, .exchange = EX_INFO };
  ForgeChain empty = { 0 }, vendor = { 0 };
  g_autofree guint8 *first = g_malloc (256), *other = g_malloc (256);
  gsize first_len, other_len;
  guint i;

  up (forge);
  forge_add (&vendor, IKE_PAYLOAD_VENDOR, "x", 1);
  head.id = 2;
  first_len = forge_write (forge, &head, &empty, first);
  other_len = forge_write (forge, &head, &vendor, other);
  for (i = 0; i < 2; i++) {
    const ForgePacket *reply;
    forge_clear (forge);
    forge_inject (forge, TRUE, first, first_len);
    reply = forge_sent (forge, TRUE, 0);
    g_assert_cmpint (forge_says (forge, reply), ==, FORGE_EMPTY);
    g_assert_cmpuint (pair_count (&forge->pair->b, "input.retransmits"), ==, i);
  }
  /* Other bytes under a used ID. */
  forge_clear (forge);
  forge_inject (forge, TRUE, other, other_len);
  g_assert_cmpuint (forge_n_sent (forge, TRUE), ==, 0);
  g_assert_cmpuint (pair_count (&forge->pair->b, "input.bad-message-id"), ==, 1);
  for (i = 0; i < G_N_ELEMENTS (outside); i++) {
    head.id = outside[i];
    forge_send (forge, &head, &empty);
    g_assert_cmpuint (forge_n_sent (forge, TRUE), ==, 0);
    g_assert_cmpuint (pair_count (&forge->pair->b, "input.bad-message-id"), ==, i + 2);
  }
  /* Answers that nobody asked for. */
  head.is_response = TRUE;
  for (i = 0; i < G_N_ELEMENTS (outside); i++) {
    head.id = outside[i];
    forge_send (forge, &head, &empty);
    g_assert_cmpuint (forge_n_sent (forge, TRUE), ==, 0);
  }
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 1);
  /* From where it is new again, it goes on. */
  forge_send (forge, &(ForgeHead) { .from_a = TRUE, .exchange = EX_INFO, .id = 3 }, &empty);
  g_assert_cmpint (forge_says (forge, forge_sent (forge, TRUE, 0)), ==, FORGE_EMPTY);
  forge_free (forge);
}

/* RFC 7296, 2.5: the type is named, and the SA stays. */
static void
test_critical (gconstpointer flags)
{
  Forge *forge = forge_of (flags);
  guint type, id = 2;

  up (forge);
  for (type = 1; type < 256; type++) {
    guint8 plain[4] = { 0, 0x80, 0, 4 }, message[256], out[256], first;
    gsize len;
    if ((type >= 33 && type <= 48) || type == 53)
      continue;
    len =
        forge_write_plain (forge, &(ForgeHead) { .from_a = TRUE, .exchange = EX_INFO, .id = id++ },
                           (guint8) type, plain, 4, message);
    forge_clear (forge);
    forge_inject (forge, TRUE, message, len);
    g_assert_cmpint (forge_says (forge, forge_sent (forge, TRUE, 0)), ==,
                     IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD);
    g_assert_true (forge_open (forge, forge_sent (forge, TRUE, 0), &first, out, &len));
    g_assert_cmpuint (len, ==, 9);
    g_assert_cmpuint (out[8], ==, type);
  }
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 1);
  forge_free (forge);
}

/* Wrong lengths and nesting inside of SK: INVALID_SYNTAX, and the SA goes (2.21.3). */
static void
test_malformed_inside (gconstpointer flags)
{
  static const struct { guint8 first, plain[16]; gsize len;
  } bad[] = {
    { 41, { 0 }, 0 },
    { 41, { 0, 0, 0 }, 3 },
    { 41, { 0, 0, 0, 3 }, 4 },
    { 41, { 0, 0, 0, 0 }, 4 },
    { 41, { 0, 0, 0, 9, 0, 0, 64, 0 }, 8 },
    { 41, { 0, 0, 0, 8, 0, 9, 64, 0 }, 8 },
    { 41, { 0, 0, 0, 4 }, 4 },
    { 41, { 41, 0, 0, 8, 0, 0, 64, 0 }, 8 },
    { 0, { 1 }, 1 },
    { 43, { 0, 0, 0, 4, 0 }, 5 },
    { 46, { 0, 0, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8 }, 12 },
    { 53, { 0, 0, 0, 12, 0, 1, 0, 1, 5, 6, 7, 8 }, 12 },
    { 42, { 0, 0, 0, 8, 3, 4, 0, 9 }, 8 },
    { 42, { 0, 0, 0, 12, 3, 8, 0, 1, 0, 0, 0, 0 }, 12 },
    { 42, { 0, 0, 0, 7, 3, 4, 0 }, 7 },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    Forge *forge = forge_of (flags);
    guint8 message[256];
    gsize len;

    up (forge);
    g_test_message ("malformed %u", i);
    len = forge_write_plain (forge, &(ForgeHead) { .from_a = TRUE, .exchange = EX_INFO, .id = 2 },
                             bad[i].first, bad[i].plain, bad[i].len, message);
    forge_clear (forge);
    forge_inject (forge, TRUE, message, len);
    g_assert_cmpint (forge_says (forge, forge_sent (forge, TRUE, 0)), ==, IKE_N_INVALID_SYNTAX);
    g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 0);
    g_assert_cmpuint (forge->pair->b.kernel_ops->n_sas (forge->pair->b.kernel), ==, 0);
    forge_free (forge);
  }
}

/* -- one request at a time */

static void
begin_many (IkeSa *sa, gpointer data)
{
  g_assert_true (ike_sa_begin (sa, "create-child", g_strdup ("two"), NULL, NULL));
  g_assert_true (ike_sa_begin (sa, "liveness", NULL, NULL, NULL));
  g_assert_true (ike_sa_begin (sa, "create-child", g_strdup ("net"), NULL, NULL));
}

/* RFC 7296, 2.3: the window is one, also while a request is still in the making. */
static void
test_window_of_one (gconstpointer flags)
{
  static const char *const body = "children { net { }\n two { local_ts = 10.1.0.0/16, "
                                  "10.2.0.0/16\n remote_ts = 10.1.0.0/16, 10.2.0.0/16\n"
                                  " esp_proposals = aes128-sha256-x25519\n } }\n";
  Forge *forge = forge_new (
      &(PairOptions) { .flags = GPOINTER_TO_UINT (flags), .connection = { body, body } });
  guint i, n_requests = 0;
  int n_open = 0;

  up (forge);
  forge_clear (forge);
  forge->pair->a.kernel_ops->delay (forge->pair->a.kernel, 300);
  forge_on_sa (&forge->pair->a, &forge->a, begin_many, NULL);
  pair_run (forge->pair, 60);
  for (i = 0; i < forge->sent->len; i++) {
    const ForgePacket *p = forge->sent->pdata[i];
    n_open += p->data[19] & IKE_FLAG_RESPONSE ? -1 : 1;
    n_requests += !(p->data[19] & IKE_FLAG_RESPONSE);
    g_assert_cmpint (n_open, <=, 1);
  }
  g_assert_cmpuint (n_requests, ==, 3);
  g_assert_cmpint (n_open, ==, 0);
  forge_free (forge);
}

/* -- keys */

/* A key exchange whose result everybody knows. */
static const guint8 known_secret[96] = { 0x42, 1, 2, 3 };

static gpointer
known_offer (IkePlugin *self, guint8 *public_out, const char **error)
{
  memset (public_out, 7, 96);
  return g_malloc (1);
}

static IkeSecretBlob *
known_answer (IkePlugin *self, const guint8 *peer, gsize len, guint8 *public_out,
              gboolean *is_peers_fault, const char **error)
{
  memset (public_out, 8, 96);
  return ike_secret_blob_new (known_secret, sizeof known_secret);
}

static IkeSecretBlob *
known_finish (IkePlugin *self, gpointer pair, const guint8 *peer, gsize len,
              gboolean *is_peers_fault, const char **error)
{
  return ike_secret_blob_new (known_secret, sizeof known_secret);
}

static const IkeKeClass known_class = {
  .struct_size = sizeof known_class,
  .transform = 1,
  .offer_len = 96,
  .answer_len = 96,
  .secret_len = 96,
  .cost_us = 1,
  .offer = known_offer,
  .answer = known_answer,
  .finish = known_finish,
  .pair_free = g_free,
};
static const IkeFeature known_feature
  = { .struct_size = sizeof known_feature, .provides = "ke:modp768", .ops = &known_class };
static const IkeFeature *const known_features[] = { &known_feature, NULL };
static const IkePluginInfo known_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "known-ke",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "a key exchange without secrets",
  .features = known_features,
};

static void
hmac (const guint8 *key, gsize key_len, const guint8 *data, gsize len, guint8 out[32])
{
  guint n = 32;

  g_assert_nonnull (HMAC (EVP_sha256 (), key, (int) key_len, data, len, out, &n));
}

static void
hmac_plus (const guint8 *key, gsize key_len, const guint8 *seed, gsize seed_len, guint8 *out,
           gsize out_len)
{
  guint8 block[32 + 600 + 1], t[32], i = 1;
  gsize done = 0, t_len = 0;

  while (done < out_len) {
    gsize n = MIN (32, out_len - done);
    memcpy (block, t, t_len);
    memcpy (block + t_len, seed, seed_len);
    block[t_len + seed_len] = i++;
    hmac (key, key_len, block, t_len + seed_len + 1, t);
    t_len = 32;
    memcpy (out + done, t, n);
    done += n;
  }
}

static const guint8 *
nonce_of (const ForgePacket *packet, gsize *len)
{
  const guint8 *at = packet->data + IKE_HEADER_LEN;
  guint8 type = packet->data[16];

  while (type != IKE_PAYLOAD_NONCE) {
    type = at[0];
    at += at[2] << 8 | at[3];
  }
  *len = (gsize) (at[2] << 8 | at[3]) - 4;
  return at + 4;
}

static void
assert_key (const IkeSecret *secret, const guint8 *bytes)
{
  g_assert_cmpmem (secret->bytes, secret->len, bytes, secret->len);
}

static void
test_keys (gconstpointer flags)
{
  static const char body[] = "proposals = aes256gcm16-prfsha256-modp768\n"
                             "children { net { esp_proposals = aes128-sha256\n } }\n";
  const IkePluginInfo *const builtin[] = { &known_plugin, NULL };
  Forge *forge = forge_new (&(PairOptions) {
    .flags = GPOINTER_TO_UINT (flags), .connection = { body, body }, .builtin = builtin });
  guint8 seed[600], skeyseed[32], keys[32 * 3 + 36 * 2], keymat[2 * (16 + 32)];
  gsize ni_len, nr_len, seed_len;
  const guint8 *ni, *nr;
  IkeFakeSa out, in;

  up (forge);
  ni = nonce_of (forge_sent (forge, FALSE, 0), &ni_len);
  nr = nonce_of (forge_sent (forge, TRUE, 0), &nr_len);
  memcpy (seed, ni, ni_len);
  memcpy (seed + ni_len, nr, nr_len);
  seed_len = ni_len + nr_len;
  hmac (seed, seed_len, known_secret, sizeof known_secret, skeyseed);
  memcpy (seed + seed_len, forge_sent (forge, TRUE, 0)->data, 16);
  hmac_plus (skeyseed, 32, seed, seed_len + 16, keys, sizeof keys);
  g_assert_cmpuint (forge->keys[FORGE_SK_AI].len, ==, 0);
  g_assert_cmpmem (forge->keys[FORGE_SK_EI].data, 36, keys + 32, 36);
  g_assert_cmpmem (forge->keys[FORGE_SK_ER].data, 36, keys + 68, 36);
  g_assert_cmpmem (forge->keys[FORGE_SK_PI].data, 32, keys + 104, 32);
  g_assert_cmpmem (forge->keys[FORGE_SK_PR].data, 32, keys + 136, 32);
  hmac_plus (keys, 32, seed, seed_len, keymat, sizeof keymat);
  out.struct_size = in.struct_size = sizeof out;
  g_assert_true (forge->pair->a.kernel_ops->nth_sa (forge->pair->a.kernel, 0, &in));
  g_assert_true (forge->pair->a.kernel_ops->nth_sa (forge->pair->a.kernel, 1, &out));
  if (in.direction == IKE_DIR_OUT) {
    IkeFakeSa other = in;
    in = out;
    out = other;
  }
  g_assert_cmpuint (out.encr_key.len, ==, 16);
  assert_key (&out.encr_key, keymat);
  assert_key (&out.integ_key, keymat + 16);
  assert_key (&in.encr_key, keymat + 48);
  assert_key (&in.integ_key, keymat + 64);
  forge_free (forge);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("messages", "cut-anywhere-they-change-nothing", test_truncated);
  pair_add_test ("messages", "with-a-byte-turned-they-change-nothing", test_every_byte_turned);
  pair_add_test ("messages", "first-ones-with-a-byte-turned-leave-nothing",
                 test_first_message_turned);
  pair_add_test ("messages", "other-major-versions-are-told-so", test_versions);
  pair_add_test ("messages", "ids-outside-the-window-are-dropped", test_ids);
  pair_add_test ("messages", "critical-payloads-we-do-not-know-are-named", test_critical);
  pair_add_test ("messages", "malformed-under-protection-ends-the-sa", test_malformed_inside);
  pair_add_test ("messages", "there-is-one-request-at-a-time", test_window_of_one);
  pair_add_test ("messages", "keys-are-those-of-the-rfc", test_keys);
  return g_test_run ();
}
