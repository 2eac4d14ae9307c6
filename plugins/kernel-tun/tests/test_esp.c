/* SPDX-License-Identifier: Apache-2.0 */
/* test_esp.c - tests esp.c with every algorithm that is ready, against packets put together with
 * libcrypto alone. */
#include "config.h"
#include <string.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <ikebana/engine.h>
#include <ikebana/reader.h>
#include "shared/esp/algorithms.h"
#include "shared/esp/esp.h"

enum { SPI = 0x01020304, PAYLOAD = 101 };
static const guint64 sequences[] = { 1, 0xfffffffe, G_GUINT64_CONSTANT (0x500000007) };

/* One suite on one sequence number. */
typedef struct {
  const IkeProvided *aead, *cipher, *integ;
  EspKeys            keys;
  EspSizes           sizes;
  guint64            sequence;
  guint8             encr_key[64], integ_key[64], iv[16], payload[PAYLOAD];
} Case;

static IkeEngine *engine;

/* -- the same packet, by other means */

static const EVP_CIPHER *
cipher_of (guint16 transform, guint key_len, gboolean is_ccm)
{
  switch (transform) {
  case 3:
    return EVP_des_ede3_cbc ();
  case 12:
    return key_len == 16   ? EVP_aes_128_cbc ()
           : key_len == 24 ? EVP_aes_192_cbc ()
                           : EVP_aes_256_cbc ();
  case 13:
    return key_len == 16   ? EVP_aes_128_ctr ()
           : key_len == 24 ? EVP_aes_192_ctr ()
                           : EVP_aes_256_ctr ();
  case 14:
  case 15:
  case 16:
    return key_len == 16   ? EVP_aes_128_ccm ()
           : key_len == 24 ? EVP_aes_192_ccm ()
                           : EVP_aes_256_ccm ();
  case 18:
  case 19:
  case 20:
    return key_len == 16   ? EVP_aes_128_gcm ()
           : key_len == 24 ? EVP_aes_192_gcm ()
                           : EVP_aes_256_gcm ();
  case 23:
    return key_len == 16   ? EVP_camellia_128_cbc ()
           : key_len == 24 ? EVP_camellia_192_cbc ()
                           : EVP_camellia_256_cbc ();
  case 28:
    return EVP_chacha20_poly1305 ();
  default:
    return NULL;
  }
}

static const EVP_MD *
digest_of (guint16 transform)
{
  switch (transform) {
  case 1:
  case 6:
    return EVP_md5 ();
  case 2:
  case 7:
    return EVP_sha1 ();
  case 12:
    return EVP_sha256 ();
  case 13:
    return EVP_sha384 ();
  case 14:
    return EVP_sha512 ();
  default:
    return NULL;
  }
}

static void
put_u32 (GByteArray *to, guint32 value)
{
  value = GUINT32_TO_BE (value);
  g_byte_array_append (to, (const guint8 *) &value, 4);
}

static void
pad (GByteArray *body, guint align)
{
  guint8 n = 0, next_header = 41;
  while ((body->len + 2) % align) {
    n++;
    g_byte_array_append (body, &n, 1);
  }
  g_byte_array_append (body, &n, 1);
  g_byte_array_append (body, &next_header, 1);
}

static void
seal_aead (const Case *c, GByteArray *packet, GByteArray *body, const guint8 *iv)
{
  const IkeAeadClass *klass = c->aead->ops;
  const EVP_CIPHER *cipher = cipher_of (klass->transform, klass->key_len, FALSE);
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  g_autoptr (GByteArray) aad = g_byte_array_new ();
  guint8 nonce[12], icv[16];
  gboolean is_ccm = klass->transform >= 14 && klass->transform <= 16;
  int n;
  put_u32 (aad, SPI);
  if (c->keys.is_esn)
    put_u32 (aad, (guint32) (c->sequence >> 32));
  put_u32 (aad, (guint32) c->sequence);
  memcpy (nonce, c->encr_key + klass->key_len, klass->salt_len);
  memcpy (nonce + klass->salt_len, iv, 8);
  g_assert_cmpint (EVP_EncryptInit_ex (context, cipher, NULL, NULL, NULL), ==, 1);
  g_assert_cmpint (
      EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_SET_IVLEN, klass->salt_len + 8, NULL), ==, 1);
  if (is_ccm)
    g_assert_cmpint (EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_SET_TAG, klass->icv_len, NULL), ==,
                     1);
  g_assert_cmpint (EVP_EncryptInit_ex (context, NULL, NULL, c->encr_key, nonce), ==, 1);
  if (is_ccm)
    g_assert_cmpint (EVP_EncryptUpdate (context, NULL, &n, NULL, (int) body->len), ==, 1);
  g_assert_cmpint (EVP_EncryptUpdate (context, NULL, &n, aad->data, (int) aad->len), ==, 1);
  g_assert_cmpint (EVP_EncryptUpdate (context, body->data, &n, body->data, (int) body->len), ==, 1);
  g_assert_cmpint (EVP_EncryptFinal_ex (context, icv, &n), ==, 1);
  g_assert_cmpint (EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_GET_TAG, klass->icv_len, icv), ==,
                   1);
  g_byte_array_append (packet, body->data, body->len);
  g_byte_array_append (packet, icv, klass->icv_len);
  EVP_CIPHER_CTX_free (context);
}

static void
encrypt (const Case *c, GByteArray *body, const guint8 *iv)
{
  const IkeCipherClass *klass = c->cipher->ops;
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  guint8 block[16] = { 0 };
  int n;
  if (klass->transform == 13) {               /* RFC 3686, 4: nonce, IV, a counter from one */
    memcpy (block, c->encr_key + klass->key_len, 4);
    memcpy (block + 4, iv, 8);
    block[15] = 1;
  } else
    memcpy (block, iv, klass->iv_len);
  g_assert_cmpint (EVP_EncryptInit_ex (context, cipher_of (klass->transform, klass->key_len, FALSE),
                                       NULL, c->encr_key, block),
                   ==, 1);
  EVP_CIPHER_CTX_set_padding (context, 0);
  g_assert_cmpint (EVP_EncryptUpdate (context, body->data, &n, body->data, (int) body->len), ==, 1);
  g_assert_cmpint (n, ==, (int) body->len);
  EVP_CIPHER_CTX_free (context);
}

static void
block (const guint8 *key, const guint8 in[16], guint8 out[16])
{
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  int n;
  g_assert_cmpint (EVP_EncryptInit_ex (context, EVP_aes_128_ecb (), NULL, key, NULL), ==, 1);
  EVP_CIPHER_CTX_set_padding (context, 0);
  g_assert_cmpint (EVP_EncryptUpdate (context, out, &n, in, 16), ==, 1);
  EVP_CIPHER_CTX_free (context);
}

/* RFC 4493, 2.3: times x in GF(2^128). */
static void
twice (const guint8 in[16], guint8 out[16])
{
  for (guint i = 0; i < 16; i++)
    out[i] = (guint8) (in[i] << 1 | (i < 15 ? in[i + 1] >> 7 : 0));
  if (in[0] & 0x80)
    out[15] ^= 0x87;
}

/* Keys of the blocks, of a whole last block, of a padded one: RFC 3566, 4 and RFC 4493, 2.3. */
static void
block_keys (gboolean is_xcbc, const guint8 *key, guint8 keys[3][16])
{
  guint8 in[16] = { 0 }, out[16];
  for (guint i = 0; i < 3 && is_xcbc; i++) {
    memset (in, (int) i + 1, 16);
    block (key, in, keys[i]);
  }
  if (is_xcbc)
    return;
  memcpy (keys[0], key, 16);
  block (key, in, out);
  twice (out, keys[1]);
  twice (keys[1], keys[2]);
}

/* AES-XCBC-MAC and AES-CMAC from single blocks. */
static void
block_mac (gboolean is_xcbc, const guint8 *key, const guint8 *data, gsize len, guint8 mac[16])
{
  guint8 keys[3][16], chain[16] = { 0 };
  block_keys (is_xcbc, key, keys);
  for (; len > 16; data += 16, len -= 16) {
    for (guint i = 0; i < 16; i++)
      chain[i] ^= data[i];
    block (keys[0], chain, chain);
  }
  for (gsize i = 0; i < 16; i++)
    chain[i] ^= (guint8) ((i < len ? data[i] : i == len ? 0x80 : 0) ^ keys[len == 16 ? 1 : 2][i]);
  block (keys[0], chain, mac);
}

enum { XCBC = 5, CMAC = 8 };

static void
reference_mac (guint16 transform, const guint8 *key, guint key_len, const GByteArray *data,
               guint8 *icv)
{
  unsigned len;
  if (transform == XCBC || transform == CMAC)
    block_mac (transform == XCBC, key, data->data, data->len, icv);
  else
    g_assert_nonnull (HMAC (digest_of (transform), key, (int) key_len, data->data, data->len, icv,
                            &len));
}

static void
seal_mac (const Case *c, GByteArray *packet, GByteArray *body, const guint8 *iv)
{
  const IkeIntegClass *klass = c->integ->ops;
  guint8 icv[EVP_MAX_MD_SIZE];
  guint len = packet->len + body->len;
  if (c->cipher)
    encrypt (c, body, iv);
  g_byte_array_append (packet, body->data, body->len);
  if (c->keys.is_esn)
    put_u32 (packet, (guint32) (c->sequence >> 32));
  reference_mac (klass->transform, c->integ_key, klass->key_len, packet, icv);
  g_byte_array_set_size (packet, len);
  g_byte_array_append (packet, icv, klass->icv_len);
}

/* @iv: of the packet that esp_seal() made. */
static GByteArray *
reference (const Case *c, const guint8 *iv)
{
  GByteArray *packet = g_byte_array_new ();
  g_autoptr (GByteArray) body = g_byte_array_new ();
  const IkeCipherClass *cipher = c->cipher ? c->cipher->ops : NULL;
  put_u32 (packet, SPI);
  put_u32 (packet, (guint32) c->sequence);
  g_byte_array_append (packet, iv, c->sizes.iv_len);
  g_byte_array_append (body, c->payload, PAYLOAD);
  pad (body, cipher && cipher->block_len > 4 ? cipher->block_len : 4);
  if (c->aead)
    seal_aead (c, packet, body, iv);
  else
    seal_mac (c, packet, body, iv);
  return packet;
}

/* -- one case */

static void
case_init (Case *c, const IkeProvided *aead, const IkeProvided *cipher, const IkeProvided *integ,
           gboolean is_esn)
{
  memset (c, 0, sizeof *c);
  c->aead = aead;
  c->cipher = cipher;
  c->integ = integ;
  c->keys = (EspKeys){ .aead = aead ? aead->ops : NULL,
                       .cipher = cipher ? cipher->ops : NULL,
                       .integ = integ ? integ->ops : NULL,
                       .encr_key = c->encr_key,
                       .integ_key = c->integ_key,
                       .is_esn = is_esn };
  g_assert_true (esp_sizes_init (&c->sizes, c->keys.aead, c->keys.cipher, c->keys.integ));
  ike_engine_random (engine, c->encr_key, sizeof c->encr_key);
  ike_engine_random (engine, c->integ_key, sizeof c->integ_key);
  ike_engine_random (engine, c->iv, sizeof c->iv);
  ike_engine_random (engine, c->payload, sizeof c->payload);
  if (aead)
    c->keys.aead_scratch = c->keys.aead->scratch_new (aead->plugin);
  if (cipher)
    c->keys.cipher_scratch = c->keys.cipher->scratch_new (cipher->plugin);
  if (integ)
    c->keys.integ_scratch = c->keys.integ->scratch_new (integ->plugin);
}

static void
case_clear (Case *c)
{
  if (c->aead)
    c->keys.aead->scratch_free (c->keys.aead_scratch);
  if (c->cipher)
    c->keys.cipher->scratch_free (c->keys.cipher_scratch);
  if (c->integ)
    c->keys.integ->scratch_free (c->keys.integ_scratch);
}

static gsize
seal (Case *c, guint8 *packet, gsize room, gsize tfc_len)
{
  EspContent content = { .spi = SPI,
                         .sequence = c->sequence,
                         .random_iv = c->iv,
                         .len = PAYLOAD,
                         .tfc_len = tfc_len,
                         .next_header = 41 };
  memcpy (packet + c->sizes.head_len, c->payload, PAYLOAD);
  return esp_seal (&c->keys, &c->sizes, &content, packet, room);
}

static EspVerdict
open_copy (Case *c, const guint8 *packet, gsize len, guint64 sequence)
{
  g_autofree guint8 *copy = g_memdup2 (packet, len);
  EspPayload payload;
  EspVerdict verdict = esp_open (&c->keys, &c->sizes, sequence, copy, len, &payload);
  if (verdict != ESP_OK)
    return verdict;
  g_assert_cmpuint (payload.next_header, ==, 41);
  g_assert_cmpmem (payload.payload, payload.len, c->payload, PAYLOAD);
  return verdict;
}

static void
check_packet (Case *c)
{
  guint8 packet[512];
  gsize len = seal (c, packet, sizeof packet, 0);
  g_autoptr (GByteArray) expected = NULL;
  g_assert_cmpuint (len, >, PAYLOAD);
  g_assert_cmpuint (len, <=, PAYLOAD + esp_overhead (&c->sizes));
  expected = reference (c, packet + 8);
  g_assert_cmpmem (packet, len, expected->data, expected->len);
  g_assert_cmpint (open_copy (c, packet, len, c->sequence), ==, ESP_OK);
  /* The high half is covered although it is not sent, when and only when ESN is on. */
  g_assert_cmpint (open_copy (c, packet, len, c->sequence ^ G_GUINT64_CONSTANT (1) << 32), ==,
                   c->keys.is_esn ? ESP_BAD_ICV : ESP_OK);
  for (gsize i = 0; i < len; i += 3) {
    packet[i] ^= 0x10;
    g_assert_cmpint (open_copy (c, packet, len, c->sequence), ==,
                     i >= 4 && i < 8 && c->aead && c->keys.is_esn ? ESP_OK : ESP_BAD_ICV);
    packet[i] ^= 0x10;
  }
  for (gsize cut = 0; cut < len; cut++)
    g_assert_cmpint (open_copy (c, packet, cut, c->sequence), !=, ESP_OK);
}

static void
check_suite (const IkeProvided *aead, const IkeProvided *cipher, const IkeProvided *integ)
{
  for (guint esn = 0; esn < 2; esn++)
    for (guint i = 0; i < G_N_ELEMENTS (sequences) - !esn; i++) {
      Case c;
      case_init (&c, aead, cipher, integ, esn != 0);
      c.sequence = sequences[i];
      check_packet (&c);
      if (aead && c.keys.aead->keyed_new) {
        gpointer sealing = c.keys.aead->keyed_new (aead->plugin, c.encr_key, TRUE);
        gpointer opening = c.keys.aead->keyed_new (aead->plugin, c.encr_key, FALSE);
        guint8 packet[512];
        gsize len;
        c.keys.keyed = sealing;
        len = seal (&c, packet, sizeof packet, 0);
        c.keys.keyed = opening;
        g_assert_cmpint (open_copy (&c, packet, len, c.sequence), ==, ESP_OK);
        packet[len - 1] ^= 1;
        g_assert_cmpint (open_copy (&c, packet, len, c.sequence), ==, ESP_BAD_ICV);
        c.keys.aead->keyed_free (sealing);
        c.keys.aead->keyed_free (opening);
      }
      case_clear (&c);
    }
}

static void
test_aeads (void)
{
  guint n = 0, n_checked = 0;
  const IkeProvided *const *list = ike_feature_list (engine, "aead", &n);
  for (guint i = 0; i < n; i++) {
    const IkeAeadClass *klass = list[i]->ops;
    if (!cipher_of (klass->transform, klass->key_len, FALSE))
      continue;
    check_suite (list[i], NULL, NULL);
    n_checked++;
  }
  g_assert_cmpuint (n_checked, >=, 7);
}

static void
test_ciphers (void)
{
  guint n = 0, n_integ = 0, n_checked = 0;
  const IkeProvided *const *list = ike_feature_list (engine, "cipher", &n);
  const IkeProvided *const *integs = ike_feature_list (engine, "integ", &n_integ);
  for (guint k = 0; k < n_integ; k++) {
    check_suite (NULL, NULL, integs[k]);
    for (guint i = 0; i < n; i++) {
      const IkeCipherClass *klass = list[i]->ops;
      if (!cipher_of (klass->transform, klass->key_len, FALSE))
        continue;
      check_suite (NULL, list[i], integs[k]);
      n_checked++;
    }
  }
  g_assert_cmpuint (n_checked, >=, 20);
}

static const IkeProvided *
sha256 (void)
{
  IkeTransform transform = { .type = IKE_TRANSFORM_INTEG, .id = 12 };
  return algorithm_integ (engine, &transform);
}

/* With NULL encryption the trailer can be spoiled and authenticated again. */
static void
test_padding (void)
{
  Case c;
  guint8 packet[512];
  gsize len, trailer;
  IkePart part = { packet, 0 };
  case_init (&c, NULL, NULL, sha256 (), FALSE);
  c.sequence = 9;
  len = seal (&c, packet, sizeof packet, 0);
  part.len = len - 16;
  trailer = len - 16 - 2;
  g_assert_cmpuint (packet[trailer], ==, 1);
  packet[trailer - 1] = 7;
  g_assert_true (
      c.keys.integ->mac (c.keys.integ_scratch, c.integ_key, &part, 1, packet + len - 16));
  g_assert_cmpint (open_copy (&c, packet, len, 9), ==, ESP_BAD_PADDING);
  packet[trailer] = 255;
  g_assert_true (
      c.keys.integ->mac (c.keys.integ_scratch, c.integ_key, &part, 1, packet + len - 16));
  g_assert_cmpint (open_copy (&c, packet, len, 9), ==, ESP_BAD_PADDING);
  case_clear (&c);
}

static void
test_tfc (void)
{
  Case c;
  guint8 packet[512];
  EspPayload payload;
  gsize len;
  case_init (&c, NULL, NULL, sha256 (), FALSE);
  c.sequence = 1;
  len = seal (&c, packet, sizeof packet, 50);
  g_assert_cmpint (esp_open (&c.keys, &c.sizes, 1, packet, len, &payload), ==, ESP_OK);
  g_assert_cmpuint (payload.len, ==, PAYLOAD + 50);
  g_assert_cmpmem (payload.payload, PAYLOAD, c.payload, PAYLOAD);
  for (gsize room = 0; room < PAYLOAD + 50 + esp_overhead (&c.sizes); room++) {
    g_autofree guint8 *small = g_malloc (512);
    g_assert_cmpuint (seal (&c, small, room, 50), ==, 0);
  }
  case_clear (&c);
}

static void
test_sizes (void)
{
  EspSizes sizes;
  IkeAeadClass implicit = { .icv_len = 16 };
  IkeCipherClass cipher = { .iv_len = 16, .block_len = 16 };
  g_assert_false (esp_sizes_init (&sizes, &implicit, NULL, NULL));
  g_assert_false (esp_sizes_init (&sizes, NULL, &cipher, NULL));
  g_assert_false (esp_sizes_init (&sizes, NULL, NULL, NULL));
}

static IkeEngine *
start (IkeSim *sim)
{
  static const char *const plugins[] = { "crypto-openssl", NULL };
  g_autofree char *dir = g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "plugins", ".libs", NULL);
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .sim = sim,
                               .plugin_dir = dir,
                               .plugins = plugins,
                               .settings = "",
                               .catalog_file = "/nonexistent" };
  g_autoptr (GError) error = NULL;
  IkeEngine *made = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (made, &error);
  g_assert_no_error (error);
  return made;
}

int
main (int argc, char **argv)
{
  IkeSim *sim = ike_sim_new (1);
  int result;
  g_test_init (&argc, &argv, NULL);
  engine = start (sim);
  g_test_add_func ("/esp/aeads-agree-with-libcrypto", test_aeads);
  g_test_add_func ("/esp/ciphers-with-macs-agree-with-libcrypto", test_ciphers);
  g_test_add_func ("/esp/wrong-padding-is-refused", test_padding);
  g_test_add_func ("/esp/tfc-padding-fits-or-nothing-is-made", test_tfc);
  g_test_add_func ("/esp/encryption-needs-integrity", test_sizes);
  result = g_test_run ();
  ike_engine_free (engine);
  ike_sim_free (sim);
  return result;
}
