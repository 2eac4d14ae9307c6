/* SPDX-License-Identifier: Apache-2.0 */
/* test_seal.c - sa/seal.c with toy algorithms: what is turned, cut, moved or padded wrongly does
 * not open. */
#include "sa/sa_private.h"
#include "base/siphash.h"

enum { KEY_LEN = 16, BLOCK_LEN = 16, ICV_LEN = 12, AEAD_IV_LEN = 8, ROOM = 1024 };

static IkeAeadClass aead = { .struct_size = sizeof aead,
                             .key_len = KEY_LEN,
                             .iv_len = AEAD_IV_LEN,
                             .icv_len = 16,
                             .flags = IKE_CRYPTO_IV_COUNTER };
static const IkeCipherClass cipher = { .struct_size = sizeof cipher,
                                       .key_len = KEY_LEN,
                                       .iv_len = BLOCK_LEN,
                                       .block_len = BLOCK_LEN };
static const IkeIntegClass integ
  = { .struct_size = sizeof integ, .key_len = KEY_LEN, .icv_len = ICV_LEN };

/* -- in the place of crypto/ and of keys.c */

const IkeAeadClass *ike_aead_class (const IkeAead *a) { return (const IkeAeadClass *) a; }
const IkeCipherClass *ike_cipher_class (const IkeCipher *c) { return (const IkeCipherClass *) c; }
const IkeIntegClass *ike_integ_class (const IkeInteg *i) { return (const IkeIntegClass *) i; }

const guint8 *
ike_keys_part (const IkeKeys *keys, guint which, gsize *len)
{
  *len = KEY_LEN;
  return keys->bytes + which * KEY_LEN;
}

void
ike_engine_random (IkeEngine *engine, void *out, gsize len)
{
  static guint8 next;

  memset (out, ++next, len);
}

/* A tag over everything, and a stream that depends on key and IV. */
static void
toy_tag (const guint8 *key, const IkePart *parts, guint n, guint8 out[16])
{
  GByteArray *all = g_byte_array_new ();
  guint i;

  for (i = 0; i < n; i++)
    g_byte_array_append (all, parts[i].data, (guint) parts[i].len);
  ike_siphash128 (key, all->data, all->len, out);
  g_byte_array_unref (all);
}

static void
toy_stream (const guint8 *key, const guint8 *iv, guint8 *data, gsize len)
{
  gsize i;

  for (i = 0; i < len; i++)
    data[i] ^= (guint8) (key[i % KEY_LEN] + iv[i % AEAD_IV_LEN] + i);
}

gboolean
ike_aead_seal (const IkeAead *a, const guint8 *key, const guint8 *iv, const guint8 *aad,
               gsize aad_len, guint8 *data, gsize len, guint8 *icv)
{
  IkePart parts[] = { { aad, aad_len }, { iv, AEAD_IV_LEN }, { data, len } };

  toy_stream (key, iv, data, len);
  toy_tag (key, parts, 3, icv);
  return TRUE;
}

gboolean
ike_aead_open (const IkeAead *a, const guint8 *key, const guint8 *iv, const guint8 *aad,
               gsize aad_len, guint8 *data, gsize len, const guint8 *icv)
{
  IkePart parts[] = { { aad, aad_len }, { iv, AEAD_IV_LEN }, { data, len } };
  guint8 tag[16];

  toy_tag (key, parts, 3, tag);
  if (memcmp (tag, icv, sizeof tag) != 0)
    return FALSE;
  toy_stream (key, iv, data, len);
  return TRUE;
}

gboolean
ike_cipher_encrypt (const IkeCipher *c, const guint8 *key, const guint8 *iv, guint8 *data,
                    gsize len)
{
  gsize i;

  g_assert_cmpuint (len % BLOCK_LEN, ==, 0);
  for (i = 0; i < len; i++)
    data[i] ^= (guint8) (key[i % KEY_LEN] + (i < BLOCK_LEN ? iv[i] : data[i - BLOCK_LEN]));
  return TRUE;
}

gboolean
ike_cipher_decrypt (const IkeCipher *c, const guint8 *key, const guint8 *iv, guint8 *data,
                    gsize len)
{
  gsize i;

  g_assert_cmpuint (len % BLOCK_LEN, ==, 0);
  for (i = len; i-- > 0;)
    data[i] ^= (guint8) (key[i % KEY_LEN] + (i < BLOCK_LEN ? iv[i] : data[i - BLOCK_LEN]));
  return TRUE;
}

gboolean
ike_integ_mac (const IkeInteg *i, const guint8 *key, const IkePart *parts, guint n, guint8 *icv)
{
  guint8 tag[16];

  toy_tag (key, parts, n, tag);
  memcpy (icv, tag, ICV_LEN);
  return TRUE;
}

/* -- two ends */

typedef struct {
  IkeSaManager manager;
  IkeShard     shard;
  IkeSa        initiator, responder;
  IkeKeys     *keys;
  guint8       message[ROOM];
  gsize        len, inner_at;
  IkeArena     arena;
} Ends;

static void
set_up (Ends *e, gconstpointer is_aead)
{
  guint i;

  e->shard.manager = &e->manager;
  e->initiator.shard = e->responder.shard = &e->shard;
  e->initiator.is_initiator = TRUE;
  e->initiator.aead = e->responder.aead = is_aead ? (const IkeAead *) &aead : NULL;
  e->initiator.cipher = e->responder.cipher = is_aead ? NULL : (const IkeCipher *) &cipher;
  e->initiator.integ = e->responder.integ = is_aead ? NULL : (const IkeInteg *) &integ;
  e->keys = g_malloc0 (sizeof *e->keys + 7 * KEY_LEN);
  for (i = 0; i < 7 * KEY_LEN; i++)
    e->keys->bytes[i] = (guint8) (i * 37 + i / KEY_LEN);
  ike_arena_init (&e->arena, NULL, 4096);
}

static void
tear_down (Ends *e, gconstpointer is_aead)
{
  ike_arena_clear (&e->arena);
  g_free (e->keys);
}

/* A message of @sa with so many bytes in SK, or FALSE: no room. */
static gboolean
seal (Ends *e, IkeSa *sa, gsize inner_len, gsize room)
{
  IkeHeader header = { .version = 0x20, .exchange = 37, .message_id = 5 };
  IkeWriter w;
  guint8 *inner;
  gsize i;
  gboolean is_sealed;

  memset (e->message, 0, sizeof e->message);
  ike_writer_init (&w, e->message, room);
  ike_header_write (&w, &header);
  ike_payload_open (&w, IKE_PAYLOAD_SK, FALSE);
  ike_writer_reserve (&w, ike_seal_prefix (sa) - w.len);
  e->inner_at = w.len;
  inner = ike_writer_reserve (&w, inner_len);
  for (i = 0; inner && i < inner_len; i++)
    inner[i] = (guint8) (0x80 + i);
  is_sealed = ike_seal (sa, e->keys, &w, e->inner_at);
  e->len = w.len;
  return is_sealed;
}

/* Opens so many bytes of it, of which SK has @sk_len behind its header. */
static gboolean
open_cut (Ends *e, IkeSa *sa, gsize len, gsize sk_len, const guint8 **plain, gsize *plain_len)
{
  IkePayload sk = { .type = IKE_PAYLOAD_SK,
                    .next = e->message[IKE_HEADER_LEN],
                    .data = e->message + IKE_HEADER_LEN + 4,
                    .len = (guint32) sk_len };
  IkeMessage m = { .raw = e->message, .raw_len = len, .payloads = &sk, .n = 1 };
  guint8 first;

  ike_arena_clear (&e->arena);
  ike_arena_init (&e->arena, NULL, 4096);
  return ike_open (sa, e->keys, &e->arena, &m, &first, plain, plain_len);
}

static gboolean
open_whole (Ends *e, IkeSa *sa, const guint8 **plain, gsize *len)
{
  return open_cut (e, sa, e->len, e->len - IKE_HEADER_LEN - 4, plain, len);
}

/* -- what opens */

static void
test_round_trip (Ends *e, gconstpointer is_aead)
{
  gsize inner_len, len, i;
  const guint8 *plain;

  for (inner_len = 0; inner_len <= 100; inner_len++) {
    g_assert_true (seal (e, &e->initiator, inner_len, ROOM));
    g_assert_cmpuint (e->len, ==, ike_sealed_len (&e->initiator, e->inner_at, inner_len));
    g_assert_cmpuint (e->message[27] | e->message[26] << 8, ==, e->len);
    g_assert_cmpuint (e->message[31] | e->message[30] << 8, ==, e->len - IKE_HEADER_LEN);
    g_assert_true (open_whole (e, &e->responder, &plain, &len));
    g_assert_cmpuint (len, ==, inner_len);
    for (i = 0; i < len; i++)
      g_assert_cmphex (plain[i], ==, 0x80 + i);
    /* What comes back to its sender is not the peer's. */
    g_assert_false (open_whole (e, &e->initiator, &plain, &len));
    g_assert_true (seal (e, &e->responder, inner_len, ROOM));
    g_assert_true (open_whole (e, &e->initiator, &plain, &len));
    g_assert_false (open_whole (e, &e->responder, &plain, &len));
  }
}

static void
test_room (Ends *e, gconstpointer is_aead)
{
  gsize limit, room;

  for (limit = e->inner_at = ike_seal_prefix (&e->initiator); limit < 300; limit++) {
    room = ike_seal_room (&e->initiator, e->inner_at, limit);
    g_assert_cmpuint (ike_sealed_len (&e->initiator, e->inner_at, room + 1), >, limit);
    if (room)
      g_assert_cmpuint (ike_sealed_len (&e->initiator, e->inner_at, room), <=, limit);
  }
  for (room = e->inner_at; room < 100; room++)
    g_assert_cmpint (seal (e, &e->initiator, 10, room), ==,
                     room >= ike_sealed_len (&e->initiator, ike_seal_prefix (&e->initiator), 10));
}

/* RFC 5282, 3.1: the IV "MUST be chosen so that it is unique for every message under one key". */
static void
test_ivs (Ends *e, gconstpointer is_aead)
{
  guint8 ivs[100][BLOCK_LEN];
  guint len = is_aead ? AEAD_IV_LEN : BLOCK_LEN, i, k;

  for (i = 0; i < G_N_ELEMENTS (ivs); i++) {
    g_assert_true (seal (e, &e->initiator, 4, ROOM));
    memcpy (ivs[i], e->message + IKE_HEADER_LEN + 4, len);
    for (k = 0; k < i; k++)
      g_assert_cmpint (memcmp (ivs[i], ivs[k], len), !=, 0);
  }
}

/* -- what does not */

static void
test_turned (Ends *e, gconstpointer is_aead)
{
  const guint8 *plain;
  gsize at, len;
  guint bit;

  g_assert_true (seal (e, &e->initiator, 37, ROOM));
  for (at = 0; at < e->len; at++)
    for (bit = 0; bit < 8; bit++) {
      e->message[at] ^= (guint8) (1 << bit);
      g_assert_false (open_whole (e, &e->responder, &plain, &len));
      e->message[at] ^= (guint8) (1 << bit);
    }
  g_assert_true (open_whole (e, &e->responder, &plain, &len));
}

static void
test_cut (Ends *e, gconstpointer is_aead)
{
  gsize sk_len, cut, len;
  const guint8 *plain;

  g_assert_true (seal (e, &e->initiator, 37, ROOM));
  sk_len = e->len - IKE_HEADER_LEN - 4;
  for (cut = 0; cut < sk_len; cut++) {
    /* The message is as short as its payload, or goes on behind it. */
    g_assert_false (open_cut (e, &e->responder, IKE_HEADER_LEN + 4 + cut, cut, &plain, &len));
    g_assert_false (open_cut (e, &e->responder, e->len, cut, &plain, &len));
  }
  g_assert_false (open_cut (e, &e->responder, e->len + 1, sk_len, &plain, &len));
  g_assert_false (open_cut (e, &e->responder, e->len + 1, sk_len + 1, &plain, &len));
}

/* Seals what the test wrote at the place of the plaintext, padding and all. */
static void
seal_raw (Ends *e, gsize len)
{
  IkeSa *sa = &e->initiator;
  guint8 *iv = e->message + IKE_HEADER_LEN + 4, *plain = e->message + e->inner_at;

  e->len = e->inner_at + len + (sa->aead ? 16 : ICV_LEN);
  if (sa->aead)
    ike_aead_seal (sa->aead, e->keys->bytes + 3 * KEY_LEN, iv, e->message,
                   e->inner_at - AEAD_IV_LEN, plain, len, plain + len);
  else {
    IkePart all = { e->message, e->inner_at + len };
    ike_cipher_encrypt (sa->cipher, e->keys->bytes + 3 * KEY_LEN, iv, plain, len);
    ike_integ_mac (sa->integ, e->keys->bytes + KEY_LEN, &all, 1, plain + len);
  }
}

/* RFC 7296, 3.14: "Pad Length" counts the bytes before it; the recipient "MUST accept any length
 * that results in proper alignment", and no more than there are. */
static void
test_padding (Ends *e, gconstpointer is_aead)
{
  const gsize len = 2 * BLOCK_LEN;
  const guint8 *plain;
  gsize plain_len;
  guint pad;

  g_assert_true (seal (e, &e->initiator, 4, ROOM));
  for (pad = 0; pad < 256; pad++) {
    memset (e->message + e->inner_at, (int) pad, len);
    seal_raw (e, len);
    if (pad < len) {
      g_assert_true (open_whole (e, &e->responder, &plain, &plain_len));
      g_assert_cmpuint (plain_len, ==, len - 1 - pad);
    } else
      g_assert_false (open_whole (e, &e->responder, &plain, &plain_len));
  }
}

/* Nothing in it, not even a pad length; and no whole blocks. */
static void
test_lengths (Ends *e, gconstpointer is_aead)
{
  const guint8 *plain;
  gsize len, plain_len;

  g_assert_true (seal (e, &e->initiator, 4, ROOM));
  seal_raw (e, 0);
  g_assert_false (open_whole (e, &e->responder, &plain, &plain_len));
  for (len = 1; len < 3 * BLOCK_LEN; len++) {
    gboolean fits = is_aead || len % BLOCK_LEN == 0;
    memset (e->message + e->inner_at, 0, len);
    if (fits)
      seal_raw (e, len);
    else
      e->len = e->inner_at + len + ICV_LEN;
    g_assert_cmpint (open_whole (e, &e->responder, &plain, &plain_len), ==, fits);
  }
}

int
main (int argc, char **argv)
{
  static const struct { const char *name; void (*run) (Ends *, gconstpointer); } tests[] = {
    { "what-is-sealed-opens-at-the-other-end", test_round_trip },
    { "what-fits-is-known-before", test_room },
    { "no-iv-comes-twice", test_ivs },
    { "with-a-bit-turned-nothing-opens", test_turned },
    { "cut-or-followed-by-more-nothing-opens", test_cut },
    { "padding-is-within-what-there-is", test_padding },
    { "empty-and-uneven-lengths-are-refused", test_lengths },
  };
  guint i, k;

  g_test_init (&argc, &argv, NULL);
  for (i = 0; i < G_N_ELEMENTS (tests); i++)
    for (k = 0; k < 2; k++) {
      g_autofree char *path = g_strdup_printf ("/seal/%s/%s", tests[i].name, k ? "aead" : "cbc");
      g_test_add (path, Ends, GUINT_TO_POINTER (k), set_up, tests[i].run, tear_down);
    }
  return g_test_run ();
}
