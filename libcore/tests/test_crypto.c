/* SPDX-License-Identifier: Apache-2.0 */
/* test_crypto.c - crypto/table.c, scratch.c, prf.c and ke.c on algorithms made of nothing, with
 * loops made of nothing. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <ikebana/error.h>

#include "crypto/crypto_private.h"

struct _IkePlugin {
  const char *name;
};

struct _IkeLoop {
  IkeEngine *engine;
  gpointer slot;
};

struct _IkeCall {
  gpointer result;
  char *error;
};

enum { PROVIDED_MAX = 4 };

static _Thread_local IkeLoop *current_loop;
static _Atomic guint n_scratches, n_made, n_pairs;
static IkePlugin toy = { "toy" }, other = { "other" };
static const IkeProvided *prfs[PROVIDED_MAX], *hashes[PROVIDED_MAX], *kes[PROVIDED_MAX],
    *integs[PROVIDED_MAX], *ciphers[PROVIDED_MAX];

const IkeProvided *const *
ike_feature_list (IkeEngine *engine, const char *kind, guint *n)
{
  static const IkeProvided *none[1];
  const IkeProvided **list = strcmp (kind, "prf") == 0      ? prfs
                             : strcmp (kind, "hash") == 0   ? hashes
                             : strcmp (kind, "ke") == 0     ? kes
                             : strcmp (kind, "integ") == 0  ? integs
                             : strcmp (kind, "cipher") == 0 ? ciphers
                                                            : none;

  for (*n = 0; list[*n]; ++*n)
    continue;
  return list;
}

const char *
ike_plugin_name (const IkePlugin *plugin)
{
  return plugin->name;
}

IkeLoop *
ike_loop_current (void)
{
  return current_loop;
}

IkeEngine *
ike_loop_engine (IkeLoop *loop)
{
  return loop->engine;
}

gpointer *
ike_loop_crypto_slot (IkeLoop *loop)
{
  return &loop->slot;
}

void
ike_call_fail (IkeCall *call, const char *reason)
{
  call->error = g_strdup (reason);
}

void
ike_call_run (IkeCall *call, IkeEngine *engine, guint32 cost_us,
              gpointer (*work) (gpointer arg, const char **error), gpointer arg_take,
              GDestroyNotify free_arg)
{
  const char *error = NULL;

  call->result = work (arg_take, &error);
  if (error)
    ike_call_fail (call, error);
  free_arg (arg_take);
}

static gpointer
toy_new (IkePlugin *self)
{
  n_made++;
  n_scratches++;
  return g_new0 (int, 1);
}

static void
toy_free (gpointer scratch)
{
  n_scratches--;
  g_free (scratch);
}

/* FNV-1a over key and parts; two threads in one context would be seen by the sanitizer. */
static gboolean
toy_prf (gpointer scratch, const guint8 *key, gsize key_len, const IkePart *parts, guint n_parts,
         guint8 *out)
{
  guint32 sum = 0x811c9dc5;

  ++*(int *) scratch;
  for (gsize i = 0; i < key_len; i++)
    sum = (sum ^ key[i]) * 0x01000193;
  for (guint k = 0; k < n_parts; k++)
    for (gsize i = 0; i < parts[k].len; i++)
      sum = (sum ^ parts[k].data[i]) * 0x01000193;
  for (guint i = 0; i < 4; i++)
    out[i] = (guint8) (sum >> 8 * i);
  return TRUE;
}

static gboolean
toy_hash (gpointer scratch, const IkePart *parts, guint n_parts, guint8 *out)
{
  return toy_prf (scratch, NULL, 0, parts, n_parts, out);
}

static gpointer
toy_offer (IkePlugin *self, guint8 *public_out, const char **error)
{
  n_pairs++;
  memcpy (public_out, "ping", 4);
  return g_new0 (int, 1);
}

static IkeSecretBlob *
toy_secret (const guint8 *peer, gboolean *is_peers_fault, const char **error)
{
  if (peer[0] == 'p')
    return ike_secret_blob_new ("secret", 6);
  *is_peers_fault = peer[0] == 'x';
  *error = "no p";
  return NULL;
}

static IkeSecretBlob *
toy_answer (IkePlugin *self, const guint8 *peer, gsize peer_len, guint8 *public_out,
            gboolean *is_peers_fault, const char **error)
{
  memcpy (public_out, "pong!", 5);
  return toy_secret (peer, is_peers_fault, error);
}

static IkeSecretBlob *
toy_finish (IkePlugin *self, gpointer pair, const guint8 *peer, gsize peer_len,
            gboolean *is_peers_fault, const char **error)
{
  return toy_secret (peer, is_peers_fault, error);
}

static void
toy_pair_free (gpointer pair)
{
  n_pairs--;
  g_free (pair);
}

static const IkePrfClass toy_prf_class = {
  .struct_size = sizeof (IkePrfClass),
  .transform = 5,
  .out_len = 4,
  .key_len = 4,
  .scratch_new = toy_new,
  .scratch_free = toy_free,
  .prf = toy_prf,
};
static const IkePrfClass far_prf_class = {
  .struct_size = sizeof (IkePrfClass),
  .transform = 65000,
  .out_len = 4,
  .key_len = 4,
  .scratch_new = toy_new,
  .scratch_free = toy_free,
  .prf = toy_prf,
};
static const IkeHashClass toy_hash_class = {
  .struct_size = sizeof (IkeHashClass),
  .out_len = 4,
  .scratch_new = toy_new,
  .scratch_free = toy_free,
  .hash = toy_hash,
};
static gboolean
toy_cipher (gpointer scratch, const guint8 *key, const guint8 *iv, guint8 *data, gsize len)
{
  return TRUE;
}

static const IkeCipherClass toy_cipher_class = {
  .struct_size = sizeof (IkeCipherClass),
  .transform = 2,
  .key_bits = 1,
  .block_len = 1,
  .scratch_new = toy_new,
  .scratch_free = toy_free,
  .encrypt = toy_cipher,
  .decrypt = toy_cipher,
};
static const IkeCipherClass nameless_class = {
  .struct_size = sizeof (IkeCipherClass),
  .block_len = 1,
  .scratch_new = toy_new,
  .scratch_free = toy_free,
  .encrypt = toy_cipher,
  .decrypt = toy_cipher,
};
static const IkeIntegClass broken_integ_class = {
  .struct_size = sizeof (IkeIntegClass),
  .transform = 9,
  .key_len = 4,
  .icv_len = 4,
  .scratch_new = toy_new,
  .scratch_free = toy_free,
};
static const IkeKeClass toy_ke_class = {
  .struct_size = sizeof (IkeKeClass),
  .transform = 5,
  .offer_len = 4,
  .answer_len = 5,
  .secret_len = 6,
  .offer = toy_offer,
  .answer = toy_answer,
  .finish = toy_finish,
  .pair_free = toy_pair_free,
};
static const IkeProvided toy_prf_provided = { "prf:toy", "toy", &toy_prf_class, &toy, 0 };
static const IkeProvided far_prf_provided = { "prf:far", "far", &far_prf_class, &toy, 1 };
static const IkeProvided same_prf_provided = { "prf:same", "same", &toy_prf_class, &other, 1 };
static const IkeProvided toy_hash_provided = { "hash:toy", "toy", &toy_hash_class, &toy, 0 };
static const IkeProvided more_hash_provided = { "hash:more", "more", &toy_hash_class, &toy, 1 };
static const IkeProvided toy_cipher_provided = { "cipher:toy", "toy", &toy_cipher_class, &toy, 0 };
static const IkeProvided one_cipher_provided = { "cipher:one", "one", &nameless_class, &toy, 1 };
static const IkeProvided two_cipher_provided = { "cipher:two", "two", &nameless_class, &toy, 2 };
static const IkeProvided broken_integ_provided = { "integ:broken", "broken", &broken_integ_class,
                                                   &other, 0 };
static const IkeProvided toy_ke_provided = { "ke:toy", "toy", &toy_ke_class, &toy, 0 };

static void
toys_set_up (void)
{
  memset (prfs, 0, sizeof prfs);
  memset (hashes, 0, sizeof hashes);
  memset (integs, 0, sizeof integs);
  memset (kes, 0, sizeof kes);
  memset (ciphers, 0, sizeof ciphers);
  prfs[0] = &toy_prf_provided;
  prfs[1] = &far_prf_provided;
  hashes[0] = &toy_hash_provided;
  hashes[1] = &more_hash_provided;
  kes[0] = &toy_ke_provided;
  n_made = 0;
}

static void
engine_open (IkeEngine *engine)
{
  g_autoptr (GError) error = NULL;

  memset (engine, 0, sizeof *engine);
  g_assert_true (ike_crypto_start (engine, &error));
  g_assert_no_error (error);
}

static void
test_found_by_number (void)
{
  IkeEngine engine = { 0 };

  toys_set_up ();
  g_assert_null (ike_prf_find (&engine, 5)); /* before the start */
  engine_open (&engine);
  g_assert_true (ike_prf_class (ike_prf_find (&engine, 5)) == &toy_prf_class);
  g_assert_true (ike_prf_class (ike_prf_find (&engine, 65000)) == &far_prf_class);
  g_assert_true (ike_ke_class (ike_ke_find (&engine, 5)) == &toy_ke_class);
  g_assert_true (ike_hash_class (ike_hash_find (&engine, "more")) == &toy_hash_class);
  for (guint id = 0; id < 65536; id++) {
    g_assert_true ((ike_prf_find (&engine, (guint16) id) != NULL) == (id == 5 || id == 65000));
    g_assert_null (ike_integ_find (&engine, (guint16) id));
    g_assert_null (ike_aead_find (&engine, (guint16) id, 128));
  }
  g_assert_null (ike_hash_find (&engine, "mor"));
  g_assert_null (ike_hash_find (&engine, ""));
  ike_crypto_free (engine.crypto);
  g_assert_null (engine.crypto);
}

static void
test_without_a_number_found_by_name_only (void)
{
  IkeEngine engine = { 0 };

  toys_set_up ();
  ciphers[0] = &toy_cipher_provided;
  ciphers[1] = &one_cipher_provided;
  ciphers[2] = &two_cipher_provided;
  engine_open (&engine);
  const IkeCipher *toy_found = ike_cipher_find_name (&engine, "toy"),
                  *one = ike_cipher_find_name (&engine, "one"),
                  *two = ike_cipher_find_name (&engine, "two");

  g_assert_true (toy_found && toy_found == ike_cipher_find (&engine, 2, 1));
  g_assert_true (one && two && one != two && ike_cipher_class (one) == &nameless_class);
  g_assert_null (ike_cipher_find_name (&engine, "three"));
  for (guint bits = 0; bits < 65536; bits++)
    g_assert_null (ike_cipher_find (&engine, 0, (guint16) bits));
  ike_crypto_free (engine.crypto);
}

static void
test_one_number_has_one_owner (void)
{
  g_autoptr (GError) error = NULL;
  IkeEngine engine = { 0 };

  toys_set_up ();
  prfs[1] = &same_prf_provided;
  g_assert_false (ike_crypto_start (&engine, &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_PLUGIN);
  g_assert_nonnull (strstr (error->message, "prf:toy"));
  g_assert_nonnull (strstr (error->message, "prf:same"));
  g_assert_nonnull (strstr (error->message, "other"));
  g_assert_null (engine.crypto);
}

static void
test_class_with_a_hole_is_refused (void)
{
  g_autoptr (GError) error = NULL;
  IkeEngine engine = { 0 };

  toys_set_up ();
  integs[0] = &broken_integ_provided;
  g_assert_false (ike_crypto_start (&engine, &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_PLUGIN);
  g_assert_nonnull (strstr (error->message, "integ:broken"));
  g_assert_nonnull (strstr (error->message, "no mac function"));
}

static void
prf_once (IkeEngine *engine)
{
  IkePart part = { (const guint8 *) "x", 1 };
  guint8 out[4];

  g_assert_true (ike_prf_run (ike_prf_find (engine, 5), (const guint8 *) "k", 1, &part, 1, out));
}

static void
test_a_loop_has_one_context_for_life (void)
{
  IkeLoop loops[2] = { { 0 } };
  IkeEngine engine;

  toys_set_up ();
  engine_open (&engine);
  for (guint i = 0; i < 10; i++) {
    loops[i % 2].engine = &engine;
    current_loop = &loops[i % 2];
    prf_once (&engine);
  }
  g_assert_cmpuint (n_made, ==, 2);
  g_assert_true (loops[0].slot != loops[1].slot);
  /* A loop that ends gives its contexts to the next one. */
  crypto_scratches_free (&engine, g_steal_pointer (&loops[0].slot));
  prf_once (&engine);
  current_loop = &loops[0];
  prf_once (&engine);
  g_assert_cmpuint (n_made, ==, 2);
  current_loop = NULL;
  crypto_scratches_free (&engine, loops[0].slot);
  ike_crypto_free (engine.crypto);
  crypto_scratches_free (&engine, loops[1].slot); /* later than the table: harmless */
  g_assert_cmpuint (n_scratches, ==, 0);
}

static void
test_a_loop_of_another_engine_lends_nothing (void)
{
  IkeEngine engine, stranger;
  IkeLoop loop = { &stranger, NULL };

  toys_set_up ();
  engine_open (&engine);
  engine_open (&stranger);
  current_loop = &loop;
  prf_once (&engine);
  g_assert_null (loop.slot);
  prf_once (&stranger);
  g_assert_nonnull (loop.slot);
  current_loop = NULL;
  ike_crypto_free (engine.crypto);
  ike_crypto_free (stranger.crypto);
  g_assert_cmpuint (n_scratches, ==, 0);
}

static void *
work_without_a_loop (void *engine)
{
  for (guint i = 0; i < 2000; i++)
    prf_once (engine);
  return NULL;
}

static void
test_threads_without_a_loop_share_nothing (void)
{
  pthread_t threads[4];
  IkeEngine engine;

  toys_set_up ();
  engine_open (&engine);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpint (pthread_create (&threads[i], NULL, work_without_a_loop, &engine), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    pthread_join (threads[i], NULL);
  g_assert_cmpuint (n_made, >=, 1);
  g_assert_cmpuint (n_made, <=, G_N_ELEMENTS (threads));
  ike_crypto_free (engine.crypto);
  g_assert_cmpuint (n_scratches, ==, 0);
}

static void
test_prf_plus_is_chained (void)
{
  guint8 key[] = { 1, 2, 3 }, all[255 * 4], some[10], block[4], counter;
  IkePart seed[2] = { { (const guint8 *) "se", 2 }, { (const guint8 *) "ed", 2 } };
  IkeEngine engine;

  toys_set_up ();
  engine_open (&engine);
  const IkePrf *prf = ike_prf_find (&engine, 5);

  g_assert_true (ike_prf_plus (prf, key, sizeof key, seed, 2, all, sizeof all));
  for (guint i = 0; i < 255; i++) {
    IkePart input[3] = { { block, i ? 4 : 0 }, { (const guint8 *) "seed", 4 }, { &counter, 1 } };

    counter = (guint8) (i + 1);
    g_assert_true (ike_prf_run (prf, key, sizeof key, input, 3, block));
    g_assert_cmpmem (block, 4, all + 4 * i, 4);
  }
  g_assert_true (ike_prf_plus (prf, key, sizeof key, seed, 2, some, sizeof some));
  g_assert_cmpmem (some, sizeof some, all, sizeof some);
  ike_crypto_free (engine.crypto);
}

static void
test_key_exchange_uses_a_pair_once (void)
{
  IkeCall offer = { 0 }, answer = { 0 }, finish = { 0 };
  IkeEngine engine;

  toys_set_up ();
  engine_open (&engine);
  const IkeKe *ke = ike_ke_find (&engine, 5);

  ike_ke_offer (ke, &offer);
  IkeKeOffer *offered = offer.result;

  g_assert_cmpmem (offered->public_value, offered->public_len, "ping", 4);
  ike_ke_answer (ke, &answer, offered->public_value, offered->public_len);
  IkeKeAnswer *answered = answer.result;

  g_assert_cmpmem (answered->public_value, answered->public_len, "pong!", 5);
  ike_ke_finish (ke, &finish, g_steal_pointer (&offered->pair), answered->public_value,
                 answered->public_len);
  g_assert_cmpuint (n_pairs, ==, 0);
  g_assert_cmpmem (ike_secret_blob_data (finish.result), ike_secret_blob_len (finish.result),
                   "secret", 6);
  ike_ke_finish_undo (finish.result);
  ike_ke_answer_undo (answered);
  ike_ke_offer_free (ke, offered);

  ike_ke_offer (ke, &offer); /* one that nobody wants */
  g_assert_cmpuint (n_pairs, ==, 1);
  ike_ke_offer_undo (offer.result);
  g_assert_cmpuint (n_pairs, ==, 0);
  ike_crypto_free (engine.crypto);
}

static void
finish_with (IkeEngine *engine, const char *peer, gboolean is_peers_fault)
{
  const IkeKe *ke = ike_ke_find (engine, 5);
  IkeCall offer = { 0 }, finish = { 0 };

  ike_ke_offer (ke, &offer);
  ike_ke_finish (ke, &finish, g_steal_pointer (&((IkeKeOffer *) offer.result)->pair),
                 (const guint8 *) peer, strlen (peer));
  g_assert_null (finish.result);
  g_assert_cmpint (ike_ke_is_peers_fault (finish.error), ==, is_peers_fault);
  g_assert_cmpuint (n_pairs, ==, 0);
  g_free (finish.error);
  ike_ke_offer_undo (offer.result);
}

static void
test_key_exchange_says_whose_fault (void)
{
  IkeCall answer = { 0 };
  IkeEngine engine;

  toys_set_up ();
  engine_open (&engine);
  finish_with (&engine, "pong", TRUE); /* too short */
  finish_with (&engine, "pong!!", TRUE);
  finish_with (&engine, "", TRUE);
  finish_with (&engine, "xong!", TRUE);  /* refused by the class */
  finish_with (&engine, "yong!", FALSE); /* the class failed */
  ike_ke_answer (ike_ke_find (&engine, 5), &answer, (const guint8 *) "pin", 3);
  g_assert_true (ike_ke_is_peers_fault (answer.error));
  g_free (answer.error);
  ike_crypto_free (engine.crypto);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/crypto/classes-are-found-by-number", test_found_by_number);
  g_test_add_func ("/crypto/without-a-number-found-by-name-only",
                   test_without_a_number_found_by_name_only);
  g_test_add_func ("/crypto/one-number-has-one-owner", test_one_number_has_one_owner);
  g_test_add_func ("/crypto/class-with-a-hole-is-refused", test_class_with_a_hole_is_refused);
  g_test_add_func ("/crypto/a-loop-has-one-context-for-life", test_a_loop_has_one_context_for_life);
  g_test_add_func ("/crypto/a-loop-of-another-engine-lends-nothing",
                   test_a_loop_of_another_engine_lends_nothing);
  g_test_add_func ("/crypto/threads-without-a-loop-share-nothing",
                   test_threads_without_a_loop_share_nothing);
  g_test_add_func ("/crypto/prf-plus-is-chained", test_prf_plus_is_chained);
  g_test_add_func ("/crypto/key-exchange-uses-a-pair-once", test_key_exchange_uses_a_pair_once);
  g_test_add_func ("/crypto/key-exchange-says-whose-fault", test_key_exchange_says_whose_fault);
  return g_test_run ();
}
