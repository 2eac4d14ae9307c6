/* SPDX-License-Identifier: Apache-2.0 */
/* kx.c - the key exchange of a task, as its initiator or its responder (RFC 7296, 1.2 and 1.3). */
#include "ikev2.h"

void
ikev2_kx_set_error (Ikev2Kx *kx, const char *error_or_null)
{
  g_free (kx->error);
  kx->error = g_strdup (error_or_null);
}

static void
offer_made (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Ikev2Kx *kx = ike_task_data (owner);

  ikev2_kx_set_error (kx, error);
  kx->offer = result;
}

static void
answer_made (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Ikev2Kx *kx = ike_task_data (owner);

  ikev2_kx_set_error (kx, error);
  kx->answer = result;
  kx->is_done = TRUE;
}

static void
secret_made (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Ikev2Kx *kx = ike_task_data (owner);

  ikev2_kx_set_error (kx, error);
  kx->secret = result;
  kx->is_done = TRUE;
}

static const IkeCallClass offer_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "key exchange offer",
  .timeout_ms = 10000,
  .then = offer_made,
  .undo = ike_ke_offer_undo,
};
static const IkeCallClass answer_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "key exchange answer",
  .timeout_ms = 10000,
  .then = answer_made,
  .undo = ike_ke_answer_undo,
};
static const IkeCallClass finish_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "key exchange result",
  .timeout_ms = 10000,
  .then = secret_made,
  .undo = (GDestroyNotify) ike_secret_blob_unref,
};

void
ikev2_kx_offer (IkeTask *task)
{
  Ikev2Kx *kx = ike_task_data (task);

  ike_ke_offer (kx->ke, ike_task_call (task, &offer_call, (gpointer) kx->ke));
}

void
ikev2_kx_answer (IkeTask *task, const IkeKeView *theirs)
{
  Ikev2Kx *kx = ike_task_data (task);

  ike_ke_answer (kx->ke, ike_task_call (task, &answer_call, NULL), theirs->data, theirs->len);
}

void
ikev2_kx_finish (IkeTask *task, const IkeKeView *theirs)
{
  Ikev2Kx *kx = ike_task_data (task);

  ike_ke_finish (kx->ke, ike_task_call (task, &finish_call, NULL),
                 g_steal_pointer (&kx->offer->pair), theirs->data, theirs->len);
}

void
ikev2_kx_write (const Ikev2Kx *kx, IkeWriter *out)
{
  if (kx->answer)
    ike_ke_write (out, ike_ke_class (kx->ke)->transform, kx->answer->public_value,
                  kx->answer->public_len);
  else if (kx->offer)
    ike_ke_write (out, ike_ke_class (kx->ke)->transform, kx->offer->public_value,
                  kx->offer->public_len);
}

IkeSecretBlob *
ikev2_kx_secret (const Ikev2Kx *kx)
{
  return kx->answer ? kx->answer->secret : kx->secret;
}

void
ikev2_kx_forget_offer (Ikev2Kx *kx)
{
  if (kx->offer)
    ike_ke_offer_free (kx->ke, g_steal_pointer (&kx->offer));
}

void
ikev2_kx_clear (Ikev2Kx *kx)
{
  ikev2_kx_forget_offer (kx);
  if (kx->answer)
    ike_ke_answer_free (kx->answer);
  ike_secret_blob_unref (kx->secret);
  g_free (kx->error);
}
