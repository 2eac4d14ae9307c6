/* SPDX-License-Identifier: Apache-2.0 */
/* contexts.c - crypto contexts of one ESP loop: keyed AEAD contexts in a small cache, scratch
 * contexts for the rest. */
#include "config.h"
#include <string.h>
#include "kernel_tun.h"

enum { AEAD, CIPHER, INTEG };

static gpointer
scratch (TunLoop *loop, guint kind, const IkeProvided *feature,
         gpointer (*scratch_new) (IkePlugin *self))
{
  if (feature->index >= loop->n_scratch[kind])
    return NULL;
  if (!loop->scratch[kind][feature->index] && scratch_new)
    loop->scratch[kind][feature->index] = scratch_new (feature->plugin);
  return loop->scratch[kind][feature->index];
}

static void
clear_slot (TunKeyed *slot)
{
  if (slot->serial)
    slot->aead->keyed_free (slot->keyed);
  memset (slot, 0, sizeof *slot);
}

/* An SA is either sealed with or opened with, so one context for a serial is enough. */
static gpointer
keyed (TunLoop *loop, TunSa *sa, const IkeAeadClass *aead)
{
  TunKeyed *slot = &loop->keyed[sa->serial % TUN_KEYED];
  if (slot->serial == sa->serial)
    return slot->keyed;
  clear_slot (slot);
  slot->keyed = aead->keyed_new (sa->aead->plugin, sa->encr_key.bytes, !sa->is_inbound);
  if (!slot->keyed)
    return NULL;
  slot->serial = sa->serial;
  slot->aead = aead;
  return slot->keyed;
}

gboolean
tun_keys (TunLoop *loop, TunSa *sa, EspKeys *keys)
{
  memset (keys, 0, sizeof *keys);
  keys->is_esn = sa->is_esn;
  keys->encr_key = sa->encr_key.bytes;
  keys->integ_key = sa->integ_key.bytes;
  if (sa->aead) {
    keys->aead = sa->aead->ops;
    if (keys->aead->keyed_new)
      return (keys->keyed = keyed (loop, sa, keys->aead)) != NULL;
    return (keys->aead_scratch = scratch (loop, AEAD, sa->aead, keys->aead->scratch_new)) != NULL;
  }
  keys->integ = sa->integ->ops;
  keys->integ_scratch = scratch (loop, INTEG, sa->integ, keys->integ->scratch_new);
  if (!sa->cipher)
    return keys->integ_scratch != NULL;
  keys->cipher = sa->cipher->ops;
  keys->cipher_scratch = scratch (loop, CIPHER, sa->cipher, keys->cipher->scratch_new);
  return keys->integ_scratch && keys->cipher_scratch;
}

void
tun_keys_drop (TunLoop *loop, guint64 serial)
{
  TunKeyed *slot = &loop->keyed[serial % TUN_KEYED];
  if (slot->serial == serial)
    clear_slot (slot);
}

static void
free_scratch (TunLoop *loop, guint kind, const char *name)
{
  guint n = 0;
  const IkeProvided *const *list = ike_feature_list (loop->kernel->engine, name, &n);
  for (guint i = 0; i < n; i++) {
    gpointer context =
        list[i]->index < loop->n_scratch[kind] ? loop->scratch[kind][list[i]->index] : NULL;
    if (!context)
      continue;
    if (kind == AEAD)
      ((const IkeAeadClass *) list[i]->ops)->scratch_free (context);
    else if (kind == CIPHER)
      ((const IkeCipherClass *) list[i]->ops)->scratch_free (context);
    else
      ((const IkeIntegClass *) list[i]->ops)->scratch_free (context);
  }
  g_clear_pointer (&loop->scratch[kind], g_free);
}

void
tun_keys_clear (TunLoop *loop)
{
  for (guint i = 0; i < TUN_KEYED; i++)
    clear_slot (&loop->keyed[i]);
  free_scratch (loop, AEAD, "aead");
  free_scratch (loop, CIPHER, "cipher");
  free_scratch (loop, INTEG, "integ");
  ike_wipe (loop->random, sizeof loop->random);
}

/* Drawn in advance: the generator is shared by all threads. */
const guint8 *
tun_random_iv (TunLoop *loop, guint len)
{
  if (loop->n_random < len) {
    ike_engine_random (loop->kernel->engine, loop->random, sizeof loop->random);
    loop->n_random = sizeof loop->random;
  }
  loop->n_random -= len;
  return loop->random + loop->n_random;
}
