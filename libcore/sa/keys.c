/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c - SKEYSEED, the SK_* keys with their generations, KEYMAT, and the octets that AUTH signs
 * (RFC 7296, 2.13 to 2.17).  Nothing outside this file sees SK_d, unless it keeps it for an SA to
 * come. */
#include "sa/sa_private.h"
#include <string.h>

enum { SK_D, SK_AI, SK_AR, SK_EI, SK_ER, SK_PI, SK_PR, SK_N };

static gsize
part_len (const IkeKeys *keys, guint which)
{
  switch (which) {
  case SK_AI: case SK_AR: return keys->integ_len;
  case SK_EI: case SK_ER: return keys->encr_len;
  default: return keys->prf_len;
  }
}

const guint8 *
ike_keys_part (const IkeKeys *keys, guint which, gsize *len)
{
  const guint8 *at = keys->bytes;
  guint i;

  for (i = 0; i < which; i++)
    at += part_len (keys, i);
  *len = part_len (keys, which);
  return at;
}

static gsize
total_len (const IkeKeys *keys)
{
  return 3 * keys->prf_len + 2 * keys->integ_len + 2 * keys->encr_len;
}

void
ike_keys_free (IkeKeys *keys)
{
  while (keys) {
    IkeKeys *older = keys->older;
    ike_wipe (keys->bytes, total_len (keys));
    g_free (keys);
    keys = older;
  }
}

IkeKeys *
ike_keys_new (const IkeSa *sa)
{
  guint prf_len = ike_prf_class (sa->prf)->out_len, encr_len, integ_len = 0;
  IkeKeys *keys;

  if (sa->aead)
    encr_len = ike_aead_class (sa->aead)->key_len + ike_aead_class (sa->aead)->salt_len;
  else {
    encr_len = ike_cipher_class (sa->cipher)->key_len + ike_cipher_class (sa->cipher)->salt_len;
    integ_len = ike_integ_class (sa->integ)->key_len;
  }
  keys = g_malloc0 (sizeof *keys + 3 * prf_len + 2 * integ_len + 2 * encr_len);
  keys->prf_len = (guint16) prf_len;
  keys->encr_len = (guint16) encr_len;
  keys->integ_len = (guint16) integ_len;
  return keys;
}

/* {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+ (SKEYSEED, Ni | Nr | SPIi | SPIr)
 */
static gboolean
expand (IkeSa *sa, IkeKeys *keys, const guint8 *skeyseed, const IkeInit *init)
{
  guint64 spi_i = GUINT64_TO_BE (ike_sa_spi (sa, TRUE)),
          spi_r = GUINT64_TO_BE (ike_sa_spi (sa, FALSE));
  IkePart parts[] = { { init->nonce_i, init->nonce_i_len }, { init->nonce_r, init->nonce_r_len },
                      { (guint8 *) &spi_i, 8 }, { (guint8 *) &spi_r, 8 } };

  return ike_prf_plus (sa->prf, skeyseed, keys->prf_len, parts, G_N_ELEMENTS (parts), keys->bytes,
                       total_len (keys));
}

static void
emit_keys (IkeSa *sa)
{
  static const char *const names[] = {
    "SK_d", "SK_ai", "SK_ar", "SK_ei", "SK_er", "SK_pi", "SK_pr"
  };
  IkeSecret secrets[SK_N];
  IkeKeysEvent event = { .struct_size = sizeof event };
  guint i;

  if (!ike_hook_point_is_used (sa->shard->manager->on_keys))
    return;
  for (i = SK_AI; i < SK_N; i++) {
    gsize len;
    const guint8 *part = ike_keys_part (sa->keys, i, &len);
    ike_secret_set (&secrets[i], part, MIN (len, IKE_SECRET_MAX));
    event.keys[i - 1] = &secrets[i];
    event.names[i - 1] = names[i];
  }
  ike_keys_hook_emit (sa->shard->manager->on_keys, sa, &event);
  for (i = SK_AI; i < SK_N; i++)
    ike_secret_clear (&secrets[i]);
}

static gboolean
is_sealing_with (const IkeOperation *op, const IkeKeys *keys)
{
  for (; op; op = op->next)
    if (op->exchange && op->exchange->keys == keys)
      return TRUE;
  return FALSE;
}

/* For an SA that is up.  A request that comes again is told by its bytes and gets the answer that
 * was sealed then; only the last one is remembered, which is of IKE_AUTH and so of the newest
 * generation (RFC 9242, 3.3: keys change between exchanges before it, not after).  So what is left
 * that needs older ones are exchanges that began with them. */
void
ike_keys_forget_older (IkeSa *sa)
{
  IkeKeys **link = sa->keys ? &sa->keys->older : NULL, *keys;

  while (link && (keys = *link))
    if (is_sealing_with (sa->operations, keys) || is_sealing_with (sa->passive, keys))
      link = &keys->older;
    else {
      *link = keys->older;
      keys->older = NULL;
      ike_keys_free (keys);
    }
}

/* Puts a new generation in front; older ones stay until the SA is up. */
static void
adopt (IkeSa *sa, IkeKeys *keys)
{
  keys->generation = sa->keys ? sa->keys->generation + 1 : 0;
  keys->first_request_sent = sa->window.next_sent;
  keys->first_request_received = sa->window.base_received + 1;
  keys->older = sa->keys;
  sa->keys = keys;
  emit_keys (sa);
}

static gboolean
derive (IkeSa *sa, const guint8 *skeyseed)
{
  IkeKeys *keys = ike_keys_new (sa);

  if (!expand (sa, keys, skeyseed, sa->init)) {
    ike_keys_free (keys);
    return FALSE;
  }
  adopt (sa, keys);
  return TRUE;
}

static void
remember_nonces (IkeSa *sa, const guint8 *ni, gsize ni_len, const guint8 *nr, gsize nr_len)
{
  if (!sa->init)
    sa->init = g_new0 (IkeInit, 1);
  g_free (sa->init->nonce_i);
  g_free (sa->init->nonce_r);
  sa->init->nonce_i = g_memdup2 (ni, ni_len);
  sa->init->nonce_r = g_memdup2 (nr, nr_len);
  sa->init->nonce_i_len = ni_len;
  sa->init->nonce_r_len = nr_len;
}

/* SKEYSEED = prf (Ni | Nr, g^ir).  RFC 7296, 2.14: "If the negotiated PRF takes a fixed-length key
 * and the lengths of Ni and Nr do not add up to that length, half the bits must come from Ni and
 * half from Nr, taking the first bits of each." RFC 4434 and 4615 made their PRFs take keys of any
 * length; there the first 8 bytes of each nonce are meant: "only the first 64 bits of Ni and the
 * first 64 bits of Nr are used in calculating SKEYSEED". */
static gboolean
skeyseed_of_init (IkeSa *sa, const guint8 *secret, gsize secret_len, guint8 *out)
{
  const IkePrfClass *prf = ike_prf_class (sa->prf);
  const IkeInit *init = sa->init;
  guint8 key[2 * IKE_NONCE_MAX];
  gsize i_len = init->nonce_i_len, r_len = init->nonce_r_len;
  IkePart part = { secret, secret_len };
  gboolean is_ok;

  if (prf->is_key_fixed) {
    i_len = MIN (i_len, prf->key_len / 2u);
    r_len = MIN (r_len, prf->key_len / 2u);
  }
  memcpy (key, init->nonce_i, i_len);
  memcpy (key + i_len, init->nonce_r, r_len);
  is_ok = ike_prf_run (sa->prf, key, i_len + r_len, &part, 1, out);
  ike_wipe (key, sizeof key);
  return is_ok;
}

gboolean
ike_sa_keys_init (IkeSa *sa, const guint8 *secret, gsize secret_len, const guint8 *ni, gsize ni_len,
                  const guint8 *nr, gsize nr_len)
{
  guint8 skeyseed[IKE_SECRET_MAX];
  gboolean is_ok;

  ike_sa_assert_owner (sa);
  g_return_val_if_fail (sa->prf && ni_len <= IKE_NONCE_MAX && nr_len <= IKE_NONCE_MAX, FALSE);
  remember_nonces (sa, ni, ni_len, nr, nr_len);
  is_ok = skeyseed_of_init (sa, secret, secret_len, skeyseed) && derive (sa, skeyseed);
  ike_wipe (skeyseed, sizeof skeyseed);
  return is_ok;
}

/* RFC 9370, 2.2.2: SKEYSEED(n) = prf (SK_d(n-1), SK(n) | Ni | Nr), Ni and Nr those of IKE_SA_INIT.
 */
gboolean
ike_sa_keys_mix (IkeSa *sa, const guint8 *secret, gsize secret_len)
{
  IkeInit *init = sa->init;
  guint8 skeyseed[IKE_SECRET_MAX];
  gsize d_len;
  const guint8 *d;
  gboolean is_ok;

  g_return_val_if_fail (sa->keys && init && init->nonce_i, FALSE);
  d = ike_keys_part (sa->keys, SK_D, &d_len);
  {
    IkePart parts[] = { { secret, secret_len },
                        { init->nonce_i, init->nonce_i_len },
                        { init->nonce_r, init->nonce_r_len } };
    is_ok = ike_prf_run (sa->prf, d, d_len, parts, G_N_ELEMENTS (parts), skeyseed)
            && derive (sa, skeyseed);
  }
  ike_wipe (skeyseed, sizeof skeyseed);
  return is_ok;
}

/* RFC 8784, 3: SK_d = prf+ (PPK, SK_d'), and the same for SK_pi and SK_pr. */
gboolean
ike_sa_keys_mix_psk (IkeSa *sa, const guint8 *psk, gsize psk_len)
{
  static const guint which[] = { SK_D, SK_PI, SK_PR };
  guint i;

  g_return_val_if_fail (sa->keys, FALSE);
  for (i = 0; i < G_N_ELEMENTS (which); i++) {
    gsize len;
    guint8 *part = (guint8 *) ike_keys_part (sa->keys, which[i], &len);
    guint8 mixed[IKE_SECRET_MAX];
    IkePart in = { part, len };
    if (!ike_prf_plus (sa->prf, psk, psk_len, &in, 1, mixed, len))
      return FALSE;
    memcpy (part, mixed, len);
    ike_wipe (mixed, sizeof mixed);
  }
  return TRUE;
}

/* @parts: the secret, Ni, Nr. */
static gboolean
seed (IkeSa *sa, const IkePrf *prf, const IkePart *d, const IkePart parts[3])
{
  guint8 skeyseed[IKE_SECRET_MAX];
  gboolean is_ok;

  remember_nonces (sa, parts[1].data, parts[1].len, parts[2].data, parts[2].len);
  is_ok = ike_prf_run (prf, d->data, d->len, parts, 3, skeyseed) && derive (sa, skeyseed);
  ike_wipe (skeyseed, sizeof skeyseed);
  return is_ok;
}

/* RFC 7296, 2.18: SKEYSEED = prf (SK_d (old), g^ir (new) | Ni | Nr), by the old SA's PRF.  An SA
 * that begins without an exchange of keys has a label there (RFC 5723, 5.1), which is its plugin's.
 */
gboolean
ike_sa_keys_seed (IkeSa *sa, IkeSa *old, const guint8 *secret, gsize secret_len, const guint8 *ni,
                  gsize ni_len, const guint8 *nr, gsize nr_len)
{
  IkePart parts[] = { { secret, secret_len }, { ni, ni_len }, { nr, nr_len } };
  gsize d_len;
  const guint8 *d;

  g_return_val_if_fail (sa->prf && old->keys, FALSE);
  d = ike_keys_part (old->keys, SK_D, &d_len);
  return seed (sa, old->prf, &(IkePart){ d, d_len }, parts);
}

gboolean
ike_sa_keys_keep (const IkeSa *sa, IkeSecret *kept)
{
  gsize len;
  const guint8 *d = sa->keys ? ike_keys_part (sa->keys, SK_D, &len) : NULL;

  ike_sa_assert_owner (sa);
  if (!d || len > IKE_SECRET_MAX)
    return FALSE;
  ike_secret_set (kept, d, len);
  return TRUE;
}

gboolean
ike_sa_keys_seed_from (IkeSa *sa, const IkeSecret *kept, const IkePart *secret,
                       const IkePart *nonce_i, const IkePart *nonce_r)
{
  IkePart parts[] = { *secret, *nonce_i, *nonce_r };

  ike_sa_assert_owner (sa);
  g_return_val_if_fail (sa->prf, FALSE);
  return seed (sa, sa->prf, &(IkePart){ kept->bytes, kept->len }, parts);
}

/* KEYMAT = prf+ (SK_d, [g^ir (new) |] Ni | Nr) (RFC 7296, 2.17). */
gboolean
ike_keys_child (IkeSa *sa, const guint8 *secret, gsize secret_len, const guint8 *ni, gsize ni_len,
                const guint8 *nr, gsize nr_len, guint8 *out, gsize out_len)
{
  IkePart parts[] = { { secret, secret ? secret_len : 0 }, { ni, ni_len }, { nr, nr_len } };
  gsize d_len;
  const guint8 *d;

  if (!sa->keys)
    return FALSE;
  d = ike_keys_part (sa->keys, SK_D, &d_len);
  return ike_prf_plus (sa->prf, d, d_len, parts, G_N_ELEMENTS (parts), out, out_len);
}

guint32
ike_sa_key_generation (const IkeSa *sa)
{
  return sa->keys ? sa->keys->generation : 0;
}

const IkePrf *
ike_sa_prf (const IkeSa *sa)
{
  return sa->prf;
}

gboolean
ike_sa_prf_auth_of (IkeSa *sa, guint32 generation, gboolean of_initiator, const IkePart *parts,
                    guint n_parts, guint8 *out, gsize *out_len)
{
  const IkeKeys *keys = sa->keys;
  gsize len;
  const guint8 *key;

  ike_sa_assert_owner (sa);
  while (keys && keys->generation != generation)
    keys = keys->older;
  if (!keys)
    return FALSE;
  key = ike_keys_part (keys, of_initiator ? SK_PI : SK_PR, &len);
  *out_len = keys->prf_len;
  return ike_prf_run (sa->prf, key, len, parts, n_parts, out);
}

gboolean
ike_sa_prf_auth (IkeSa *sa, gboolean of_initiator, const IkePart *parts, guint n_parts, guint8 *out,
                 gsize *out_len)
{
  return sa->keys
         && ike_sa_prf_auth_of (sa, sa->keys->generation, of_initiator, parts, n_parts, out,
                                out_len);
}

/* From the first message as it is on the wire. */
static const guint8 *
nonce_of_request (const IkeInit *init, gsize *len)
{
  IkePayload payloads[IKE_PAYLOADS_MAX];
  const guint8 *nonce;
  IkeVerdict verdict = { 0 };
  IkeHeader header;
  guint n, i;

  if (!init->request || !ike_header_read (init->request, init->request_len, &header, &verdict)
      || !ike_payloads_read (header.next_payload, init->request + IKE_HEADER_LEN,
                             init->request_len - IKE_HEADER_LEN, IKE_HEADER_LEN, NULL, NULL,
                             payloads, IKE_PAYLOADS_MAX, &n, &verdict))
    return NULL;
  for (i = 0; i < n; i++)
    if (payloads[i].type == IKE_PAYLOAD_NONCE
        && ike_nonce_read (&payloads[i], &nonce, len, &verdict))
      return nonce;
  return NULL;
}

const guint8 *
ike_sa_nonce (const IkeSa *sa, gboolean of_initiator, gsize *len)
{
  const IkeInit *init = sa->init;

  *len = 0;
  if (!init)
    return NULL;
  if (of_initiator && !init->nonce_i)
    return nonce_of_request (init, len);
  *len = of_initiator ? init->nonce_i_len : init->nonce_r_len;
  return of_initiator ? init->nonce_i : init->nonce_r;
}

/* InitiatorSignedOctets = RealMessage1 | NonceRData | MACedIDForI, where MACedIDForI = prf (SK_pi,
 * RestOfInitIDPayload) */
GBytes *
ike_sa_auth_octets (IkeSa *sa, gboolean of_initiator)
{
  const IkeIdent *id = of_initiator == (gboolean) sa->is_initiator ? sa->local_id : sa->remote_id;
  const IkeClasses *classes = &sa->shard->manager->classes;
  const IkeInit *init = sa->init;
  guint8 mac[IKE_SECRET_MAX], head[4] = { 0 };
  gsize mac_len, id_len;
  const guint8 *id_data;
  GByteArray *octets;
  guint i;

  if (!init || !init->request || !init->response || !id || !sa->keys)
    return NULL;
  id_data = ike_ident_data (id, &id_len);
  head[0] = ike_ident_type (id);
  {
    IkePart rest[] = { { head, sizeof head }, { id_data, id_len } };
    if (!ike_sa_prf_auth (sa, of_initiator, rest, G_N_ELEMENTS (rest), mac, &mac_len))
      return NULL;
  }
  octets = g_byte_array_sized_new ((guint) (of_initiator ? init->request_len : init->response_len)
                                   + 512);
  if (of_initiator) {
    g_byte_array_append (octets, init->request, (guint) init->request_len);
    g_byte_array_append (octets, init->nonce_r, (guint) init->nonce_r_len);
  } else {
    g_byte_array_append (octets, init->response, (guint) init->response_len);
    g_byte_array_append (octets, init->nonce_i, (guint) init->nonce_i_len);
  }
  g_byte_array_append (octets, mac, (guint) mac_len);
  for (i = 0; i < classes->n_octets; i++) {
    const IkeAuthOctetsClass *klass = classes->octets[i].ops;
    if (!klass->change (classes->octets[i].plugin, sa, of_initiator, octets)) {
      g_byte_array_unref (octets);
      return NULL;
    }
  }
  return g_byte_array_free_to_bytes (octets);
}
