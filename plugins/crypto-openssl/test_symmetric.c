/* SPDX-License-Identifier: Apache-2.0 */
/* test_symmetric.c - ciphers, MACs, PRFs and hashes through the core's calls: answers, refusals,
 * no allocation. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "test_support.h"
#include "vectors.h"

static guint64 n_allocations;

static void *
counting_malloc (size_t size, const char *file, int line)
{
  n_allocations++;
  return malloc (size);
}

static void *
counting_realloc (void *old, size_t size, const char *file, int line)
{
  n_allocations++;
  return realloc (old, size);
}

static void
counting_free (void *block, const char *file, int line)
{
  free (block);
}

static void
test_all_are_ready (void)
{
  static const char *const kinds[] = { "aead", "cipher", "integ", "prf", "hash", "ke" };
  static const guint expected[] = { 19, 9, 6, 6, 5, 15 };
  Bench bench;

  bench_open (&bench, 1);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    guint n;

    ike_feature_list (bench.engine, kinds[i], &n);
    g_assert_cmpuint (n, ==, expected[i]);
  }
  bench_close (&bench);
}

static void
test_looked_up_by_number (void)
{
  Bench bench;

  bench_open (&bench, 1);
  g_assert_cmpuint (ike_aead_class (ike_aead_find (bench.engine, 20, 256))->icv_len, ==, 16);
  g_assert_cmpuint (ike_aead_class (ike_aead_find (bench.engine, 18, 128))->icv_len, ==, 8);
  g_assert_cmpuint (ike_aead_class (ike_aead_find (bench.engine, 28, 0))->key_len, ==, 32);
  g_assert_null (ike_aead_find (bench.engine, 28, 256));
  g_assert_null (ike_aead_find (bench.engine, 20, 0));
  g_assert_null (ike_aead_find (bench.engine, 12, 128));
  g_assert_cmpuint (ike_cipher_class (ike_cipher_find (bench.engine, 12, 192))->key_len, ==, 24);
  g_assert_cmpuint (ike_cipher_class (ike_cipher_find (bench.engine, 13, 128))->salt_len, ==, 4);
  g_assert_true (ike_cipher_class (ike_cipher_find (bench.engine, 3, 0))->flags & IKE_CRYPTO_OFF);
  g_assert_true (ike_cipher_class (ike_cipher_find (bench.engine, 11, 0))->flags
                 & IKE_CRYPTO_NOT_IKE);
  g_assert_cmpuint (ike_integ_class (ike_integ_find (bench.engine, 12))->icv_len, ==, 16);
  g_assert_true (ike_prf_class (ike_prf_find (bench.engine, 4))->is_key_fixed);
  g_assert_null (ike_prf_find (bench.engine, 1));
  g_assert_cmpuint (ike_hash_class (ike_hash_find (bench.engine, "sha384"))->out_len, ==, 48);
  g_assert_null (ike_hash_find (bench.engine, "md5"));
  g_assert_true (ike_ke_class (ike_ke_find (bench.engine, 2))->flags & IKE_CRYPTO_OFF);
  g_assert_cmpuint (ike_ke_class (ike_ke_find (bench.engine, 16))->cost_us, >, 1000);
  g_assert_cmpuint (ike_ke_class (ike_ke_find (bench.engine, 31))->cost_us, <, 1000);
  g_assert_null (ike_ke_find (bench.engine, 22));
  bench_close (&bench);
}

typedef struct {
  gsize len[5];
  guint8 *bytes[5]; /* inputs, then the answer */
} Row;

static void
row_read (Row *row, const Vector *vector)
{
  for (guint i = 0; i < 4; i++)
    row->bytes[i] = bytes_of (vector->in[i], &row->len[i]);
  row->bytes[4] = bytes_of (vector->out, &row->len[4]);
}

static void
row_clear (Row *row)
{
  for (guint i = 0; i < 5; i++)
    g_free (row->bytes[i]);
}

static void
aead_answer (Bench *bench, const Vector *vector, const Row *row)
{
  const IkeAeadClass *klass = bench_feature (bench, vector->feature)->ops;
  const IkeAead *aead = ike_aead_find (bench->engine, klass->transform, klass->key_bits);
  gsize len = row->len[3];
  g_autofree guint8 *data = g_memdup2 (row->bytes[3], len);
  guint8 icv[16];

  g_assert_true (ike_aead_seal (aead, row->bytes[0], row->bytes[1], row->bytes[2], row->len[2],
                                data, len, icv));
  g_assert_cmpmem (data, len, row->bytes[4], len);
  g_assert_cmpmem (icv, klass->icv_len, row->bytes[4] + len, row->len[4] - len);
  g_assert_true (ike_aead_open (aead, row->bytes[0], row->bytes[1], row->bytes[2], row->len[2],
                                data, len, icv));
  g_assert_cmpmem (data, len, row->bytes[3], len);
}

static void
cipher_answer (Bench *bench, const Vector *vector, const Row *row)
{
  const IkeCipherClass *klass = bench_feature (bench, vector->feature)->ops;
  const IkeCipher *cipher =
      klass->transform ? ike_cipher_find (bench->engine, klass->transform, klass->key_bits)
                       : ike_cipher_find_name (bench->engine, vector->feature + strlen ("cipher:"));
  gsize len = row->len[2];
  g_autofree guint8 *data = g_memdup2 (row->bytes[2], len);

  g_assert_true (ike_cipher_encrypt (cipher, row->bytes[0], row->bytes[1], data, len));
  g_assert_cmpmem (data, len, row->bytes[4], row->len[4]);
  g_assert_true (ike_cipher_decrypt (cipher, row->bytes[0], row->bytes[1], data, len));
  g_assert_cmpmem (data, len, row->bytes[2], len);
}

static void
integ_answer (Bench *bench, const Vector *vector, const Row *row)
{
  const IkeIntegClass *klass = bench_feature (bench, vector->feature)->ops;
  IkePart part = { row->bytes[1], row->len[1] };
  guint8 icv[64];

  g_assert_true (ike_integ_mac (ike_integ_find (bench->engine, klass->transform), row->bytes[0],
                                &part, 1, icv));
  g_assert_cmpmem (icv, klass->icv_len, row->bytes[4], row->len[4]);
}

static void
prf_answer (Bench *bench, const Vector *vector, const Row *row)
{
  const IkePrfClass *klass = bench_feature (bench, vector->feature)->ops;
  IkePart part = { row->bytes[1], row->len[1] };
  guint8 out[64];

  g_assert_true (ike_prf_run (ike_prf_find (bench->engine, klass->transform), row->bytes[0],
                              row->len[0], &part, 1, out));
  g_assert_cmpmem (out, klass->out_len, row->bytes[4], row->len[4]);
}

static void
hash_answer (Bench *bench, const Vector *vector, const Row *row)
{
  IkePart part = { row->bytes[0], row->len[0] };
  guint8 out[64];

  g_assert_true (ike_hash_run (ike_hash_find (bench->engine, vector->feature + strlen ("hash:")),
                               &part, 1, out));
  g_assert_cmpmem (out, row->len[4], row->bytes[4], row->len[4]);
}

static void
run_all_answers (gpointer data)
{
  static const struct {
    const char *prefix;
    void (*check) (Bench *bench, const Vector *vector, const Row *row);
  } checks[] = { { "aead:", aead_answer },
                 { "cipher:", cipher_answer },
                 { "integ:", integ_answer },
                 { "prf:", prf_answer },
                 { "hash:", hash_answer } };

  for (guint i = 0; i < n_vectors; i++) {
    Row row;

    row_read (&row, &vectors[i]);
    for (guint k = 0; k < G_N_ELEMENTS (checks); k++)
      if (g_str_has_prefix (vectors[i].feature, checks[k].prefix))
        checks[k].check (data, &vectors[i], &row);
    row_clear (&row);
  }
}

static void
test_answers_are_known (void)
{
  Bench bench;

  bench_open (&bench, 1);
  bench_on_shard (&bench, run_all_answers, &bench);
  run_all_answers (&bench); /* and on a thread without a loop */
  bench_close (&bench);
}

static void
aead_refuses (Bench *bench, const IkeProvided *provided)
{
  const IkeAeadClass *klass = provided->ops;
  const IkeAead *aead = ike_aead_find (bench->engine, klass->transform, klass->key_bits);
  guint8 key[64] = { 1 }, iv[8] = { 2 }, aad[4] = { 3 }, sealed[40] = { 4 }, icv[16], data[40];

  g_assert_true (ike_aead_seal (aead, key, iv, aad, sizeof aad, sealed, sizeof sealed, icv));
  for (guint bit = 0; bit < 8u * klass->icv_len; bit++) {
    memcpy (data, sealed, sizeof data);
    icv[bit / 8] ^= (guint8) (1 << bit % 8);
    g_assert_false (ike_aead_open (aead, key, iv, aad, sizeof aad, data, sizeof data, icv));
    icv[bit / 8] ^= (guint8) (1 << bit % 8);
  }

  guint8 *changed[] = { sealed, aad, iv, key, key + klass->key_len };

  for (guint i = 0; i < G_N_ELEMENTS (changed); i++) {
    *changed[i] ^= 0x80;
    memcpy (data, sealed, sizeof data);
    g_assert_false (ike_aead_open (aead, key, iv, aad, sizeof aad, data, sizeof data, icv));
    *changed[i] ^= 0x80;
  }
  memcpy (data, sealed, sizeof data);
  g_assert_false (ike_aead_open (aead, key, iv, aad, sizeof aad, data, sizeof data - 1, icv));
  memcpy (data, sealed, sizeof data);
  g_assert_false (ike_aead_open (aead, key, iv, aad, sizeof aad - 1, data, sizeof data, icv));
  memcpy (data, sealed, sizeof data);
  g_assert_true (ike_aead_open (aead, key, iv, aad, sizeof aad, data, sizeof data, icv));
}

static void
test_what_was_changed_is_refused (void)
{
  Bench bench;
  guint n;

  bench_open (&bench, 1);
  const IkeProvided *const *list = ike_feature_list (bench.engine, "aead", &n);

  for (guint i = 0; i < n; i++)
    aead_refuses (&bench, list[i]);
  bench_close (&bench);
}

static void
test_empty_text_is_authenticated (void)
{
  Bench bench;
  guint n;

  bench_open (&bench, 1);
  const IkeProvided *const *list = ike_feature_list (bench.engine, "aead", &n);

  for (guint i = 0; i < n; i++) {
    const IkeAeadClass *klass = list[i]->ops;
    const IkeAead *aead = ike_aead_find (bench.engine, klass->transform, klass->key_bits);
    guint8 key[64] = { 0 }, iv[8] = { 0 }, aad[20] = { 0 }, icv[16], nothing[1];

    g_assert_true (ike_aead_seal (aead, key, iv, aad, sizeof aad, nothing, 0, icv));
    g_assert_true (ike_aead_open (aead, key, iv, aad, sizeof aad, nothing, 0, icv));
    aad[0] = 1;
    g_assert_false (ike_aead_open (aead, key, iv, aad, sizeof aad, nothing, 0, icv));
    g_assert_true (ike_aead_seal (aead, key, iv, NULL, 0, nothing, 0, icv));
    g_assert_true (ike_aead_open (aead, key, iv, NULL, 0, NULL, 0, icv));
  }
  bench_close (&bench);
}

static void
test_keyed_context_agrees_and_has_one_direction (void)
{
  Bench bench;
  guint n;

  bench_open (&bench, 1);
  const IkeProvided *const *list = ike_feature_list (bench.engine, "aead", &n);

  for (guint i = 0; i < n; i++) {
    const IkeAeadClass *klass = list[i]->ops;
    const IkeAead *aead = ike_aead_find (bench.engine, klass->transform, klass->key_bits);
    guint8 key[64] = { 7 }, iv[8] = { 0 }, aad[8] = { 3 }, text[100] = { 4 }, out[100], icv[16],
           back[100];
    gpointer sealer = klass->keyed_new (list[i]->plugin, key, TRUE),
             opener = klass->keyed_new (list[i]->plugin, key, FALSE);

    for (guint8 packet = 0; packet < 5; packet++) {
      iv[7] = packet;
      g_assert_true (klass->keyed_seal (sealer, iv, aad, sizeof aad, text, sizeof text, out, icv));
      g_assert_false (
          klass->keyed_seal (opener, iv, aad, sizeof aad, text, sizeof text, back, icv));
      g_assert_false (klass->keyed_open (sealer, iv, aad, sizeof aad, out, sizeof out, back, icv));
      icv[0] ^= 1;
      g_assert_false (klass->keyed_open (opener, iv, aad, sizeof aad, out, sizeof out, back, icv));
      icv[0] ^= 1;
      g_assert_true (klass->keyed_open (opener, iv, aad, sizeof aad, out, sizeof out, back, icv));
      g_assert_cmpmem (back, sizeof back, text, sizeof text);
      g_assert_true (ike_aead_open (aead, key, iv, aad, sizeof aad, out, sizeof out, icv));
      g_assert_cmpmem (out, sizeof out, text, sizeof text);
    }
    klass->keyed_free (sealer);
    klass->keyed_free (opener);
  }
  bench_close (&bench);
}

/* Whatever number a peer proposes, it does not lead to what is there for passwords only. */
static void
test_des_is_in_no_proposal (void)
{
  Bench bench;

  bench_open (&bench, 1);
  const IkeCipher *des = ike_cipher_find_name (bench.engine, "des-ecb");

  g_assert_nonnull (des);
  g_assert_cmpuint (ike_cipher_class (des)->flags, ==,
                    IKE_CRYPTO_NOT_IKE | IKE_CRYPTO_NOT_ESP | IKE_CRYPTO_OFF);
  for (guint id = 0; id < 4; id++)
    for (guint bits = 0; bits < 65536; bits++)
      g_assert_true (ike_cipher_find (bench.engine, (guint16) id, (guint16) bits) != des);
  g_assert_null (ike_cipher_find_name (bench.engine, "des"));
  bench_close (&bench);
}

static void
test_without_the_legacy_provider_it_says_so (void)
{
  static const char *const features[] = { "hash:md4", "cipher:des-ecb" };
  Bench bench;

  g_setenv ("OPENSSL_MODULES", "/nonexistent", TRUE);
  bench_open (&bench, 1);
  g_unsetenv ("OPENSSL_MODULES");
  for (guint i = 0; i < G_N_ELEMENTS (features); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (ike_feature_find (bench.engine, features[i], &error));
    g_assert_nonnull (strstr (error->message, "legacy provider is not installed"));
  }
  g_assert_nonnull (ike_hash_find (bench.engine, "sha1"));
  bench_close (&bench);
}

static void
test_part_of_a_block_is_refused (void)
{
  Bench bench;
  guint8 key[32] = { 0 }, iv[16] = { 0 }, data[32] = { 0 };

  bench_open (&bench, 1);
  const IkeCipher *cbc = ike_cipher_find (bench.engine, 12, 128),
                  *triple = ike_cipher_find (bench.engine, 3, 0);
  const IkeCipher *ctr = ike_cipher_find (bench.engine, 13, 256);

  for (gsize len = 1; len < 16; len++) {
    g_assert_false (ike_cipher_encrypt (cbc, key, iv, data, len));
    g_assert_false (ike_cipher_decrypt (cbc, key, iv, data, 16 + len));
    g_assert_cmpint (ike_cipher_decrypt (triple, key, iv, data, len), ==, len == 8);
    g_assert_true (ike_cipher_decrypt (ctr, (guint8[36]){ 0 }, iv, data, len));
  }
  g_assert_true (ike_cipher_decrypt (cbc, key, iv, data, 0));
  g_assert_true (ike_cipher_decrypt (cbc, key, iv, data, 32));
  bench_close (&bench);
}

static void
mac_in_pieces (const IkeInteg *integ, gsize len)
{
  guint icv_len = ike_integ_class (integ)->icv_len;
  guint8 key[64] = { 9 }, message[1300], whole[64], pieces[64];
  IkePart all = { message, len };

  for (gsize i = 0; i < sizeof message; i++)
    message[i] = (guint8) (i * 7);
  g_assert_true (ike_integ_mac (integ, key, &all, 1, whole));
  for (gsize cut = 0; cut <= len; cut += 1 + len / 37) {
    IkePart parts[4] = { { message, cut / 2 },
                         { NULL, 0 },
                         { message + cut / 2, cut - cut / 2 },
                         { message + cut, len - cut } };

    g_assert_true (ike_integ_mac (integ, key, parts, 4, pieces));
    g_assert_cmpmem (whole, icv_len, pieces, icv_len);
  }
}

static void
test_pieces_are_glued (void)
{
  static const gsize lengths[] = { 0,   1,   15,  16,   17,   31,   32,  511,
                                   512, 513, 528, 1023, 1024, 1025, 1300 };
  Bench bench;
  guint n;

  bench_open (&bench, 1);
  const IkeProvided *const *list = ike_feature_list (bench.engine, "integ", &n);

  for (guint i = 0; i < n; i++)
    for (guint k = 0; k < G_N_ELEMENTS (lengths); k++)
      mac_in_pieces (
          ike_integ_find (bench.engine, ((const IkeIntegClass *) list[i]->ops)->transform),
          lengths[k]);
  bench_close (&bench);
}

/* RFC 3566, 4.6, case 7: 1000 octets of zero. */
static void
test_xcbc_of_a_long_message (void)
{
  static const guint8 message[1000],
      expected[] = { 0xf0, 0xda, 0xfe, 0xe8, 0x95, 0xdb, 0x30, 0x25, 0x37, 0x61, 0x10, 0x3b };
  IkePart part = { message, sizeof message };
  guint8 key[16], icv[12];
  Bench bench;

  for (guint8 i = 0; i < sizeof key; i++)
    key[i] = i;
  bench_open (&bench, 1);
  g_assert_true (ike_integ_mac (ike_integ_find (bench.engine, 5), key, &part, 1, icv));
  g_assert_cmpmem (icv, sizeof icv, expected, sizeof expected);
  bench_close (&bench);
}

static void
test_prf_plus_is_chained (void)
{
  static const guint8 seed[] = "seed";
  guint8 key[32] = { 5 }, block[32], counter, all[255 * 32], start[70];
  IkePart parts[2] = { { seed, 2 }, { seed + 2, 2 } };
  gsize done = 0;
  Bench bench;

  bench_open (&bench, 1);
  const IkePrf *prf = ike_prf_find (bench.engine, 5);

  g_assert_true (ike_prf_plus (prf, key, sizeof key, parts, 2, all, sizeof all));
  for (guint i = 1; i <= 255; i++, done += 32) {
    IkePart input[3] = { { block, i == 1 ? 0 : 32 }, { seed, 4 }, { &counter, 1 } };

    counter = (guint8) i;
    g_assert_true (ike_prf_run (prf, key, sizeof key, input, 3, block));
    g_assert_cmpmem (block, 32, all + done, 32);
  }
  g_assert_true (ike_prf_plus (prf, key, sizeof key, parts, 2, start, sizeof start));
  g_assert_cmpmem (start, sizeof start, all, sizeof start);
  bench_close (&bench);
}

enum { KEY_LEN = 64, TEXT_LEN = 256, DIGESTS_PER_ROUND = 21 };

static const guint8 a_key[KEY_LEN] = { 1 }, an_iv[16] = { 2 }, some_aad[8] = { 4 };

static void
use_ciphers (Bench *bench)
{
  guint8 data[TEXT_LEN] = { 3 }, icv[64];
  guint n;
  const IkeProvided *const *list = ike_feature_list (bench->engine, "aead", &n);

  for (guint i = 0; i < n; i++) {
    const IkeAeadClass *klass = list[i]->ops;
    const IkeAead *aead = ike_aead_find (bench->engine, klass->transform, klass->key_bits);

    g_assert_true (
        ike_aead_seal (aead, a_key, an_iv, some_aad, sizeof some_aad, data, sizeof data, icv));
    g_assert_true (
        ike_aead_open (aead, a_key, an_iv, some_aad, sizeof some_aad, data, sizeof data, icv));
  }
  list = ike_feature_list (bench->engine, "cipher", &n);
  for (guint i = 0; i < n; i++) {
    const IkeCipher *cipher = ike_cipher_find_name (bench->engine, list[i]->name);

    g_assert_true (ike_cipher_encrypt (cipher, a_key, an_iv, data, sizeof data));
    g_assert_true (ike_cipher_decrypt (cipher, a_key, an_iv, data, sizeof data));
  }
}

/* MACs and PRFs on AES or on digests, and the digests. */
static void
use_macs (Bench *bench, gboolean of_digests)
{
  guint8 text[TEXT_LEN] = { 3 }, out[64];
  IkePart parts[2] = { { text, 100 }, { text + 100, TEXT_LEN - 100 } };
  guint n;
  const IkeProvided *const *list = ike_feature_list (bench->engine, "integ", &n);

  for (guint i = 0; i < n; i++) {
    const IkeIntegClass *klass = list[i]->ops;

    if (g_str_has_prefix (list[i]->name, "hmac") == of_digests)
      g_assert_true (
          ike_integ_mac (ike_integ_find (bench->engine, klass->transform), a_key, parts, 2, out));
  }
  list = ike_feature_list (bench->engine, "prf", &n);
  for (guint i = 0; i < n; i++) {
    const IkePrfClass *klass = list[i]->ops;

    if (g_str_has_prefix (list[i]->name, "hmac") == of_digests)
      g_assert_true (ike_prf_run (ike_prf_find (bench->engine, klass->transform), a_key,
                                  sizeof a_key, parts, 2, out));
  }
  list = ike_feature_list (bench->engine, "hash", &n);
  for (guint i = 0; i < n && of_digests; i++)
    g_assert_true (ike_hash_run (ike_hash_find (bench->engine, list[i]->name), parts, 2, out));
}

static void
run_warm (gpointer data)
{
  for (guint i = 0; i < 2; i++) {
    use_ciphers (data);
    use_macs (data, FALSE);
    use_macs (data, TRUE);
  }

  guint64 before = n_allocations;

  for (guint i = 0; i < 20; i++) {
    use_ciphers (data);
    use_macs (data, FALSE);
  }
  g_assert_cmpuint (n_allocations - before, ==, 0);

  /* libcrypto 3.0 allocates a digest's state with every start of a digest; nothing else may be. */
  before = n_allocations;
  use_macs (data, TRUE);
  g_assert_cmpuint (n_allocations - before, <=, DIGESTS_PER_ROUND);
}

static void
test_warm_scratch_allocates_nothing (void)
{
  Bench bench;

  bench_open (&bench, 1);
  g_assert_cmpuint (n_allocations, >, 0);
  bench_on_shard (&bench, run_warm, &bench);
  bench_close (&bench);
}

int
main (int argc, char **argv)
{
  g_assert_cmpint (CRYPTO_set_mem_functions (counting_malloc, counting_realloc, counting_free), ==,
                   1);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/crypto-openssl/all-features-are-ready", test_all_are_ready);
  g_test_add_func ("/crypto-openssl/classes-are-found-by-number", test_looked_up_by_number);
  g_test_add_func ("/crypto-openssl/answers-are-those-of-the-standards", test_answers_are_known);
  g_test_add_func ("/crypto-openssl/what-was-changed-does-not-open",
                   test_what_was_changed_is_refused);
  g_test_add_func ("/crypto-openssl/empty-text-is-authenticated", test_empty_text_is_authenticated);
  g_test_add_func ("/crypto-openssl/keyed-context-agrees-and-has-one-direction",
                   test_keyed_context_agrees_and_has_one_direction);
  g_test_add_func ("/crypto-openssl/part-of-a-block-is-refused", test_part_of_a_block_is_refused);
  g_test_add_func ("/crypto-openssl/des-is-in-no-proposal", test_des_is_in_no_proposal);
  g_test_add_func ("/crypto-openssl/without-the-legacy-provider-it-says-so",
                   test_without_the_legacy_provider_it_says_so);
  g_test_add_func ("/crypto-openssl/pieces-are-glued", test_pieces_are_glued);
  g_test_add_func ("/crypto-openssl/xcbc-of-a-long-message", test_xcbc_of_a_long_message);
  g_test_add_func ("/crypto-openssl/prf-plus-is-chained", test_prf_plus_is_chained);
  g_test_add_func ("/crypto-openssl/warm-scratch-allocates-nothing",
                   test_warm_scratch_allocates_nothing);
  return g_test_run ();
}
