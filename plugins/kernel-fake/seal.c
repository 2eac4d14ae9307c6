/* SPDX-License-Identifier: Apache-2.0 */
/* seal.c - one ESP packet in a recorded SA, made and opened with its keys. */
#include "config.h"
#include <string.h>
#include "shared/esp/algorithms.h"
#include "shared/esp/esp.h"
#include "fake.h"

/* Contexts for one packet: this is for tests, not for speed. */
typedef struct {
  EspKeys keys;
  EspSizes sizes;
  const IkeProvided *aead, *cipher, *integ;
} Contexts;

static gboolean
contexts_init (Contexts *c, IkeEngine *engine, const IkeFakeSa *sa)
{
  memset (c, 0, sizeof *c);
  c->aead = algorithm_aead (engine, &sa->encr);
  c->cipher = c->aead ? NULL : algorithm_cipher (engine, &sa->encr);
  c->integ = c->aead ? NULL : algorithm_integ (engine, &sa->integ);
  /* AH is carried as ESP that encrypts nothing: its keys are what matters here. */
  if (!sa->has_keys
      || (!c->aead && !c->cipher && sa->encr.id != ALGORITHM_NULL
          && sa->protocol != IKE_PROTOCOL_AH))
    return FALSE;
  c->keys = (EspKeys){ .aead = c->aead ? c->aead->ops : NULL,
                       .cipher = c->cipher ? c->cipher->ops : NULL,
                       .integ = c->integ ? c->integ->ops : NULL,
                       .encr_key = sa->encr_key.bytes,
                       .integ_key = sa->integ_key.bytes,
                       .is_esn = (sa->flags & IKE_KERNEL_ESN) != 0 };
  if (!esp_sizes_init (&c->sizes, c->keys.aead, c->keys.cipher, c->keys.integ))
    return FALSE;
  if (c->aead)
    c->keys.aead_scratch = c->keys.aead->scratch_new (c->aead->plugin);
  if (c->cipher)
    c->keys.cipher_scratch = c->keys.cipher->scratch_new (c->cipher->plugin);
  if (c->integ)
    c->keys.integ_scratch = c->keys.integ->scratch_new (c->integ->plugin);
  return TRUE;
}

static void
contexts_clear (Contexts *c)
{
  if (c->keys.aead_scratch)
    c->keys.aead->scratch_free (c->keys.aead_scratch);
  if (c->keys.cipher_scratch)
    c->keys.cipher->scratch_free (c->keys.cipher_scratch);
  if (c->keys.integ_scratch)
    c->keys.integ->scratch_free (c->keys.integ_scratch);
}

static guint64
next_sequence (Fake *fake, const IkeFakeSa *of)
{
  FakeStripe *stripe = fake_lock (fake, of->spi);
  FakeSa *sa = fake_find (stripe, IKE_DIR_OUT, of->spi, &of->destination);
  guint64 sequence = sa && sa->record ? ++sa->record->sequence : 0;
  fake_unlock (stripe);
  return sequence;
}

gsize
fake_seal_in (Fake *fake, const IkeFakeSa *sa, const guint8 *data, gsize len, guint8 *out,
              gsize size)
{
  guint8 iv[ESP_IV_MAX];
  EspContent content = {
    .spi = sa->spi, .random_iv = iv, .len = len, .next_header = ESP_NEXT_IPV4
  };
  Contexts contexts;
  gsize sealed = 0;
  if (!contexts_init (&contexts, fake->engine, sa))
    return 0;
  content.sequence = next_sequence (fake, sa);
  ike_engine_random (fake->engine, iv, sizeof iv);
  if (content.sequence && contexts.sizes.head_len + len <= size) {
    memcpy (out + contexts.sizes.head_len, data, len);
    sealed = esp_seal (&contexts.keys, &contexts.sizes, &content, out, size);
  }
  contexts_clear (&contexts);
  return sealed;
}

gsize
fake_open_in (Fake *fake, const IkeFakeSa *sa, const guint8 *packet, gsize len, guint8 *out,
              gsize size)
{
  g_autofree guint8 *copy = g_memdup2 (packet, len);
  EspPayload payload = { 0 };
  Contexts contexts;
  guint32 spi, sequence;
  gboolean is_open;
  if (!esp_peek (packet, len, &spi, &sequence) || !contexts_init (&contexts, fake->engine, sa))
    return 0;
  is_open = esp_open (&contexts.keys, &contexts.sizes, sequence, copy, len, &payload) == ESP_OK
            && payload.len <= size;
  if (is_open)
    memcpy (out, payload.payload, payload.len);
  contexts_clear (&contexts);
  return is_open ? payload.len : 0;
}

/* -- for tests, by SPI */

static void
forget_keys (IkeFakeSa *sa)
{
  ike_secret_clear (&sa->encr_key);
  ike_secret_clear (&sa->integ_key);
}

gsize
fake_seal (IkePlugin *self, guint32 spi, const guint8 *data, gsize len, guint8 *out, gsize size)
{
  Fake *fake = ike_plugin_state (self);
  IkeFakeSa sa;
  gsize sealed;
  if (!fake_copy_sa (fake, IKE_DIR_OUT, spi, NULL, &sa))
    return 0;
  sealed = fake_seal_in (fake, &sa, data, len, out, size);
  forget_keys (&sa);
  return sealed;
}

gsize
fake_open (IkePlugin *self, const guint8 *packet, gsize len, guint8 *out, gsize size)
{
  Fake *fake = ike_plugin_state (self);
  guint32 spi, sequence;
  IkeFakeSa sa;
  gsize opened;
  if (!esp_peek (packet, len, &spi, &sequence) || !fake_copy_sa (fake, IKE_DIR_IN, spi, NULL, &sa))
    return 0;
  opened = fake_open_in (fake, &sa, packet, len, out, size);
  forget_keys (&sa);
  return opened;
}
