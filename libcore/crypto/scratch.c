/* SPDX-License-Identifier: Apache-2.0 */
/* scratch.c - one context per algorithm and loop, keyed anew with every call, and the calls that
 * use them. */
#include "crypto/crypto_private.h"

static ScratchSet *
set_take (IkeCryptoTable *table)
{
  pthread_mutex_lock (&table->lock);
  ScratchSet *set = table->spare;

  if (set) {
    table->spare = set->next_spare;
  } else {
    set = g_malloc0 (sizeof *set + table->n_algorithms * sizeof set->contexts[0]);
    g_ptr_array_add (table->sets, set);
  }
  pthread_mutex_unlock (&table->lock);
  return set;
}

static void
set_give_back (IkeCryptoTable *table, ScratchSet *set)
{
  pthread_mutex_lock (&table->lock);
  set->next_spare = table->spare;
  table->spare = set;
  pthread_mutex_unlock (&table->lock);
}

gpointer
crypto_scratch_acquire (const Algorithm *algorithm, ScratchSet **lent)
{
  IkeCryptoTable *table = algorithm->table;
  IkeLoop *loop = ike_loop_current ();
  ScratchSet *set;

  if (loop && ike_loop_engine (loop) == table->engine) {
    gpointer *slot = ike_loop_crypto_slot (loop);

    if (!*slot)
      *slot = set_take (table);
    set = *slot;
    *lent = NULL;
  } else {
    set = *lent = set_take (table);
  }
  if (!set->contexts[algorithm->slot])
    set->contexts[algorithm->slot] = algorithm->scratch_new (algorithm->plugin);
  return set->contexts[algorithm->slot];
}

void
crypto_scratch_release (const Algorithm *algorithm, ScratchSet *lent)
{
  if (lent)
    set_give_back (algorithm->table, lent);
}

void
crypto_scratches_free (IkeEngine *engine, gpointer scratches)
{
  if (scratches && engine->crypto)
    set_give_back (engine->crypto, scratches);
}

void
crypto_scratch_free_all (IkeCryptoTable *table)
{
  for (guint i = 0; i < table->sets->len; i++) {
    ScratchSet *set = table->sets->pdata[i];

    for (guint slot = 0; slot < table->n_algorithms; slot++)
      if (set->contexts[slot])
        table->algorithms[slot].scratch_free (set->contexts[slot]);
    g_free (set);
  }
  table->spare = NULL;
}

gboolean
ike_aead_seal (const IkeAead *aead, const guint8 *key, const guint8 *iv, const guint8 *aad,
               gsize aad_len, guint8 *data, gsize len, guint8 *icv)
{
  const IkeAeadClass *klass = aead->algorithm.klass;
  ScratchSet *lent;
  gpointer scratch = crypto_scratch_acquire (&aead->algorithm, &lent);
  gboolean is_done = scratch && klass->seal (scratch, key, iv, aad, aad_len, data, len, icv);

  crypto_scratch_release (&aead->algorithm, lent);
  return is_done;
}

gboolean
ike_aead_open (const IkeAead *aead, const guint8 *key, const guint8 *iv, const guint8 *aad,
               gsize aad_len, guint8 *data, gsize len, const guint8 *icv)
{
  const IkeAeadClass *klass = aead->algorithm.klass;
  ScratchSet *lent;
  gpointer scratch = crypto_scratch_acquire (&aead->algorithm, &lent);
  gboolean is_done = scratch && klass->open (scratch, key, iv, aad, aad_len, data, len, icv);

  crypto_scratch_release (&aead->algorithm, lent);
  return is_done;
}

gboolean
ike_cipher_encrypt (const IkeCipher *cipher, const guint8 *key, const guint8 *iv, guint8 *data,
                    gsize len)
{
  const IkeCipherClass *klass = cipher->algorithm.klass;
  ScratchSet *lent;
  gpointer scratch = crypto_scratch_acquire (&cipher->algorithm, &lent);
  gboolean is_done = scratch && klass->encrypt (scratch, key, iv, data, len);

  crypto_scratch_release (&cipher->algorithm, lent);
  return is_done;
}

gboolean
ike_cipher_decrypt (const IkeCipher *cipher, const guint8 *key, const guint8 *iv, guint8 *data,
                    gsize len)
{
  const IkeCipherClass *klass = cipher->algorithm.klass;
  ScratchSet *lent;
  gpointer scratch = crypto_scratch_acquire (&cipher->algorithm, &lent);
  gboolean is_done = scratch && klass->decrypt (scratch, key, iv, data, len);

  crypto_scratch_release (&cipher->algorithm, lent);
  return is_done;
}

gboolean
ike_integ_mac (const IkeInteg *integ, const guint8 *key, const IkePart *parts, guint n_parts,
               guint8 *icv)
{
  const IkeIntegClass *klass = integ->algorithm.klass;
  ScratchSet *lent;
  gpointer scratch = crypto_scratch_acquire (&integ->algorithm, &lent);
  gboolean is_done = scratch && klass->mac (scratch, key, parts, n_parts, icv);

  crypto_scratch_release (&integ->algorithm, lent);
  return is_done;
}

gboolean
ike_hash_run (const IkeHash *hash, const IkePart *parts, guint n_parts, guint8 *out)
{
  const IkeHashClass *klass = hash->algorithm.klass;
  ScratchSet *lent;
  gpointer scratch = crypto_scratch_acquire (&hash->algorithm, &lent);
  gboolean is_done = scratch && klass->hash (scratch, parts, n_parts, out);

  crypto_scratch_release (&hash->algorithm, lent);
  return is_done;
}
