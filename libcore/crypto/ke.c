/* SPDX-License-Identifier: Apache-2.0 */
/* ke.c - key exchange as calls: the three steps, and what becomes of results that come too late. */
#include "crypto/crypto_private.h"

#include <string.h>

/* What one step needs; its own copy, because the datagram is gone when the offload pool gets to
 * it. */
typedef struct {
  const IkeKe *ke;
  gpointer pair;
  gsize peer_len;
  char reason[200];
  guint8 peer[];
} Step;

/* An offer must know how to free its pair when nobody is left who knows the group. */
typedef struct {
  const IkeKe *ke;
  IkeKeOffer offer;
} Offer;

static Step *
step_new (const IkeKe *ke, gpointer pair_take, const guint8 *peer, gsize peer_len)
{
  Step *step = g_malloc0 (sizeof *step + peer_len);

  step->ke = ke;
  step->pair = pair_take;
  step->peer_len = peer_len;
  if (peer_len > 0)
    memcpy (step->peer, peer, peer_len);
  return step;
}

static void
step_free (gpointer data)
{
  Step *step = data;

  if (step->pair)
    ike_ke_class (step->ke)->pair_free (step->pair);
  g_free (step);
}

/* A call fails with a text only, so the text says whose fault it was; see
 * ike_ke_is_peers_fault(). */
static const char *
step_reason (Step *step, gboolean is_peers_fault, const char *why)
{
  g_snprintf (
      step->reason, sizeof step->reason, "%s%s",
      is_peers_fault ? IKE_KE_REFUSED : "key exchange failed: ", why ? why : "no reason given");
  return step->reason;
}

gboolean
ike_ke_is_peers_fault (const char *error)
{
  return error && g_str_has_prefix (error, IKE_KE_REFUSED);
}

static void
step_start (Step *step, IkeCall *call, gpointer (*work) (gpointer arg, const char **error))
{
  ike_call_run (call, step->ke->algorithm.table->engine, ike_ke_class (step->ke)->cost_us, work,
                step, step_free);
}

static gpointer
offer_work (gpointer arg, const char **error)
{
  Step *step = arg;
  const IkeKeClass *klass = ike_ke_class (step->ke);
  Offer *made = g_malloc0 (sizeof *made + klass->offer_len);
  const char *why = NULL;

  made->ke = step->ke;
  made->offer.public_len = klass->offer_len;
  made->offer.pair = klass->offer (step->ke->algorithm.plugin, made->offer.public_value, &why);
  if (made->offer.pair)
    return &made->offer;
  g_free (made);
  *error = step_reason (step, FALSE, why);
  return NULL;
}

static gpointer
answer_work (gpointer arg, const char **error)
{
  Step *step = arg;
  const IkeKeClass *klass = ike_ke_class (step->ke);
  IkeKeAnswer *answer = g_malloc0 (sizeof *answer + klass->answer_len);
  gboolean is_peers_fault = FALSE;
  const char *why = NULL;

  answer->public_len = klass->answer_len;
  answer->secret = klass->answer (step->ke->algorithm.plugin, step->peer, step->peer_len,
                                  answer->public_value, &is_peers_fault, &why);
  if (answer->secret)
    return answer;
  g_free (answer);
  *error = step_reason (step, is_peers_fault, why);
  return NULL;
}

static gpointer
finish_work (gpointer arg, const char **error)
{
  Step *step = arg;
  const IkeKeClass *klass = ike_ke_class (step->ke);
  gboolean is_peers_fault = FALSE;
  const char *why = NULL;
  IkeSecretBlob *secret = klass->finish (step->ke->algorithm.plugin, step->pair, step->peer,
                                         step->peer_len, &is_peers_fault, &why);

  if (!secret)
    *error = step_reason (step, is_peers_fault, why);
  return secret;
}

void
ike_ke_offer (const IkeKe *ke, IkeCall *call)
{
  step_start (step_new (ke, NULL, NULL, 0), call, offer_work);
}

/* A wrong length is refused before anything is copied or queued: the peer chose it. */
void
ike_ke_answer (const IkeKe *ke, IkeCall *call, const guint8 *peer, gsize peer_len)
{
  if (peer_len != ike_ke_class (ke)->offer_len) {
    ike_call_fail (call, IKE_KE_REFUSED "its length does not fit the group");
    return;
  }
  step_start (step_new (ke, NULL, peer, peer_len), call, answer_work);
}

void
ike_ke_finish (const IkeKe *ke, IkeCall *call, gpointer pair_take, const guint8 *peer,
               gsize peer_len)
{
  if (peer_len != ike_ke_class (ke)->answer_len) {
    ike_ke_class (ke)->pair_free (pair_take);
    ike_call_fail (call, IKE_KE_REFUSED "its length does not fit the group");
    return;
  }
  step_start (step_new (ke, pair_take, peer, peer_len), call, finish_work);
}

void
ike_ke_offer_free (const IkeKe *ke, IkeKeOffer *offer)
{
  if (!offer)
    return;
  if (offer->pair)
    ike_ke_class (ke)->pair_free (offer->pair);
  g_free ((guint8 *) offer - G_STRUCT_OFFSET (Offer, offer));
}

void
ike_ke_answer_free (IkeKeAnswer *answer)
{
  if (!answer)
    return;
  ike_secret_blob_unref (answer->secret);
  g_free (answer);
}

void
ike_ke_offer_undo (gpointer result)
{
  if (result)
    ike_ke_offer_free (((Offer *) ((guint8 *) result - G_STRUCT_OFFSET (Offer, offer)))->ke,
                       result);
}

void
ike_ke_answer_undo (gpointer result)
{
  ike_ke_answer_free (result);
}

void
ike_ke_finish_undo (gpointer result)
{
  ike_secret_blob_unref (result);
}
