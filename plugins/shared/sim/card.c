/* SPDX-License-Identifier: Apache-2.0 */
/* card.c - what a card, and the network that it is of, compute. */
#include "card.h"

#include <string.h>

SimCard *
sim_card_new (const char *name)
{
  SimCard *card = g_new0 (SimCard, 1);

  card->name = g_strdup (name);
  card->triplets = g_ptr_array_new_with_free_func ((GDestroyNotify) ike_secret_blob_unref);
  return card;
}

void
sim_card_free (gpointer card_or_null)
{
  SimCard *card = card_or_null;

  if (!card)
    return;
  g_free (card->name);
  ike_secret_blob_unref (card->keys);
  g_ptr_array_unref (card->triplets);
  g_free (card);
}

void
sim_card_add_triplet (SimCard *card, const IkeSimTriplet *triplet)
{
  g_ptr_array_add (card->triplets, ike_secret_blob_new (triplet, sizeof *triplet));
}

static const char library_failed[] = "the crypto library failed";

static const Milenage *
milenage_of (const SimCard *card)
{
  return card->keys ? (const Milenage *) ike_secret_blob_data (card->keys) : NULL;
}

static gboolean
prepare (SimCard *card, const IkeCipher *aes)
{
  Milenage *milenage = card->keys ? (Milenage *) ike_secret_blob_data (card->keys) : NULL;
  guint8 opc[IKE_SIM_KEY_LEN];

  if (!milenage || !card->is_op)
    return TRUE;
  if (!milenage_opc (aes, milenage->k, milenage->opc, opc))
    return FALSE;
  memcpy (milenage->opc, opc, sizeof opc);
  card->is_op = FALSE;
  ike_wipe (opc, sizeof opc);
  return TRUE;
}

static const IkeSimTriplet *
triplet_at (const SimCard *card, guint i)
{
  return (const IkeSimTriplet *) ike_secret_blob_data (card->triplets->pdata[i]);
}

/* SRES and Kc for the RAND in @triplet. */
static gboolean
compute_gsm (const SimCard *card, const IkeCipher *aes, IkeSimTriplet *triplet)
{
  MilenageKeys keys;
  gboolean is_done = milenage_keys (aes, milenage_of (card), triplet->rand, &keys);

  if (is_done)
    milenage_gsm (&keys, triplet);
  ike_wipe (&keys, sizeof keys);
  return is_done;
}

static IkeSimTriplets *
make_triplets (SimCard *card, IkeEngine *engine, const IkeCipher *aes, guint n, const char **why)
{
  guint n_known = card->triplets->len;
  IkeSimTriplets *triplets;

  if (!n_known && !card->keys)
    return NULL;
  triplets = g_new0 (IkeSimTriplets, 1);
  triplets->n = MIN (n, IKE_SIM_TRIPLETS_MAX);
  if (n_known) {
    triplets->n = MIN (triplets->n, n_known);
    for (guint i = 0; i < triplets->n; i++)
      triplets->triplets[i] = *triplet_at (card, card->next_triplet++ % n_known);
    return triplets;
  }
  for (guint i = 0; i < triplets->n; i++) {
    ike_engine_random (engine, triplets->triplets[i].rand, IKE_SIM_RAND_LEN);
    if (compute_gsm (card, aes, &triplets->triplets[i]))
      continue;
    *why = library_failed;
    ike_sim_triplets_free (triplets);
    return NULL;
  }
  return triplets;
}

static gboolean
answer_rand (const SimCard *card, const IkeCipher *aes, const guint8 *rand, IkeSimTriplet *triplet)
{
  for (guint i = 0; i < card->triplets->len; i++)
    if (memcmp (triplet_at (card, i)->rand, rand, IKE_SIM_RAND_LEN) == 0) {
      *triplet = *triplet_at (card, i);
      return TRUE;
    }
  memcpy (triplet->rand, rand, IKE_SIM_RAND_LEN);
  return card->keys && compute_gsm (card, aes, triplet);
}

static IkeSimTriplets *
run_gsm (SimCard *card, const IkeCipher *aes, const guint8 *rands, guint n, const char **why)
{
  IkeSimTriplets *triplets = g_new0 (IkeSimTriplets, 1);

  for (guint i = 0; i < MIN (n, IKE_SIM_TRIPLETS_MAX); i++, triplets->n++) {
    if (answer_rand (card, aes, rands + i * IKE_SIM_RAND_LEN, &triplets->triplets[i]))
      continue;
    *why = card->keys ? library_failed : "it has no triplet for a RAND of the server's";
    ike_sim_triplets_free (triplets);
    return NULL;
  }
  return triplets;
}

static void
xor_sqn (guint64 sqn, const guint8 *ak, guint8 *out)
{
  sim_sqn_write (sqn, out);
  for (guint i = 0; i < SIM_SQN_LEN; i++)
    out[i] ^= ak[i];
}

static guint64
read_sqn (const guint8 *concealed, const guint8 *ak)
{
  guint8 sqn[SIM_SQN_LEN];

  for (guint i = 0; i < SIM_SQN_LEN; i++)
    sqn[i] = concealed[i] ^ ak[i];
  return sim_sqn_read (sqn);
}

static gboolean
compute_macs (const SimCard *card, const IkeCipher *aes, const guint8 *rand, guint64 sqn,
              const guint8 *amf, guint8 macs[static 2 * MILENAGE_MAC_LEN])
{
  guint8 sqn_amf[MILENAGE_SQN_LEN + MILENAGE_AMF_LEN];

  sim_sqn_write (sqn, sqn_amf);
  memcpy (sqn_amf + MILENAGE_SQN_LEN, amf, MILENAGE_AMF_LEN);
  return milenage_macs (aes, milenage_of (card), rand, sqn_amf, macs);
}

static void
take_keys (IkeSimQuintuplet *quintuplet, const MilenageKeys *keys)
{
  quintuplet->res_len = sizeof keys->res;
  memcpy (quintuplet->res, keys->res, sizeof keys->res);
  memcpy (quintuplet->ck, keys->ck, sizeof keys->ck);
  memcpy (quintuplet->ik, keys->ik, sizeof keys->ik);
}

/* TS 33.102, 6.3.2: AUTN = SQN xor AK | AMF | MAC. */
static IkeSimQuintuplet *
make_quintuplet (SimCard *card, IkeEngine *engine, const IkeCipher *aes, gboolean is_separated,
                 const char **why)
{
  enum { SEPARATION = 0x80 };
  IkeSimQuintuplet *quintuplet = g_new0 (IkeSimQuintuplet, 1);
  guint8 *amf = quintuplet->autn + MILENAGE_SQN_LEN, macs[2 * MILENAGE_MAC_LEN];
  MilenageKeys keys;

  ike_engine_random (engine, quintuplet->rand, sizeof quintuplet->rand);
  memcpy (amf, card->amf, MILENAGE_AMF_LEN);
  if (is_separated)
    amf[0] |= SEPARATION;
  if (!milenage_keys (aes, milenage_of (card), quintuplet->rand, &keys)
      || !compute_macs (card, aes, quintuplet->rand, card->given, amf, macs)) {
    *why = library_failed;
    ike_sim_quintuplet_free (quintuplet);
    return NULL;
  }
  xor_sqn (card->given, keys.ak, quintuplet->autn);
  memcpy (amf + MILENAGE_AMF_LEN, macs, MILENAGE_MAC_LEN);
  take_keys (quintuplet, &keys);
  ike_wipe (&keys, sizeof keys);
  return quintuplet;
}

/* TS 33.102, 6.3.3: in the MAC of AUTS, AMF is all zeros, so that it need not be sent along. */
static const guint8 dummy_amf[MILENAGE_AMF_LEN];

static IkeSimQuintuplet *
run_aka (SimCard *card, const IkeCipher *aes, const guint8 *rand, const guint8 *autn,
         const char **why)
{
  const guint8 *amf = autn + MILENAGE_SQN_LEN, *mac = amf + MILENAGE_AMF_LEN;
  IkeSimQuintuplet *quintuplet = g_new0 (IkeSimQuintuplet, 1);
  guint8 macs[2 * MILENAGE_MAC_LEN];
  MilenageKeys keys;
  gboolean is_done = milenage_keys (aes, milenage_of (card), rand, &keys);
  guint64 sqn = is_done ? read_sqn (autn, keys.ak) : 0;

  is_done = is_done && compute_macs (card, aes, rand, sqn, amf, macs);
  memcpy (quintuplet->rand, rand, sizeof quintuplet->rand);
  memcpy (quintuplet->autn, autn, sizeof quintuplet->autn);
  if (is_done && !ike_equal (macs, mac, MILENAGE_MAC_LEN)) {
    quintuplet->outcome = IKE_SIM_REFUSED;
  } else if (is_done && sim_window_takes (&card->window, sqn)) {
    take_keys (quintuplet, &keys);
  } else if (is_done) {
    quintuplet->outcome = IKE_SIM_RESYNC;
    is_done = compute_macs (card, aes, rand, card->window.highest, dummy_amf, macs);
    xor_sqn (card->window.highest, keys.ak_star, quintuplet->auts);
    memcpy (quintuplet->auts + SIM_SQN_LEN, macs + MILENAGE_MAC_LEN, MILENAGE_MAC_LEN);
  }
  ike_wipe (&keys, sizeof keys);
  if (is_done)
    return quintuplet;
  *why = library_failed;
  ike_sim_quintuplet_free (quintuplet);
  return NULL;
}

static gboolean
reads_auts (const SimCard *card, const IkeCipher *aes, const guint8 *rand, const guint8 *auts,
            guint64 *sqn)
{
  guint8 macs[2 * MILENAGE_MAC_LEN];
  MilenageKeys keys;
  gboolean is_done = milenage_keys (aes, milenage_of (card), rand, &keys);

  *sqn = is_done ? read_sqn (auts, keys.ak_star) : 0;
  is_done = is_done && compute_macs (card, aes, rand, *sqn, dummy_amf, macs);
  ike_wipe (&keys, sizeof keys);
  return is_done && ike_equal (macs + MILENAGE_MAC_LEN, auts + SIM_SQN_LEN, MILENAGE_MAC_LEN);
}

/* -- questions */

void
sim_request_init (SimRequest *request, SimWant want, const IkeSimQuery *query)
{
  memset (request, 0, sizeof *request);
  request->want = want;
  request->card = g_strdup (query->card);
  request->n = MIN (query->n, IKE_SIM_TRIPLETS_MAX);
  request->is_separated = query->is_separated;
  request->is_resync = query->auts != NULL;
  if (query->rand)
    memcpy (request->rand, query->rand,
            (want == SIM_WANT_GSM ? request->n : 1) * (gsize) IKE_SIM_RAND_LEN);
  if (query->autn)
    memcpy (request->autn, query->autn, sizeof request->autn);
  if (query->auts)
    memcpy (request->auts, query->auts, sizeof request->auts);
}

void
sim_request_clear (SimRequest *request)
{
  g_clear_pointer (&request->card, g_free);
}

/* TS 33.102, 6.3.5: a right AUTS moves the network on, to what the card has seen. */
static gpointer
answer_quintuplet (SimCard *card, const SimRequest *request, const SimAnswerer *by, char **why)
{
  const char *wrong = NULL;
  guint64 seen = 0;
  IkeSimQuintuplet *quintuplet;

  if (request->is_resync && !reads_auts (card, by->aes, request->rand, request->auts, &seen)) {
    quintuplet = g_new0 (IkeSimQuintuplet, 1);
    quintuplet->outcome = IKE_SIM_REFUSED;
    return quintuplet;
  }
  if (!by->advance (card, seen, by->data, why))
    return NULL;
  quintuplet = make_quintuplet (card, by->engine, by->aes, request->is_separated, &wrong);
  *why = g_strdup (wrong);
  return quintuplet;
}

gpointer
sim_card_answer (SimCard *card, const SimRequest *request, const SimAnswerer *by, char **why)
{
  const char *wrong = NULL;
  gpointer answer = NULL;

  if (!prepare (card, by->aes))
    wrong = library_failed;
  else if (request->want == SIM_WANT_TRIPLETS)
    answer = make_triplets (card, by->engine, by->aes, request->n, &wrong);
  else if (request->want == SIM_WANT_GSM)
    answer = run_gsm (card, by->aes, request->rand, request->n, &wrong);
  else if (request->want == SIM_WANT_AKA && card->keys)
    answer = run_aka (card, by->aes, request->rand, request->autn, &wrong);
  else if (request->want == SIM_WANT_QUINTUPLET && card->keys)
    return answer_quintuplet (card, request, by, why);
  *why = g_strdup (wrong);
  return answer;
}
