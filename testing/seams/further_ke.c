/* SPDX-License-Identifier: Apache-2.0 */
/* further_ke.c - one more key exchange within a task; see further_ke.h. */
#include "seams/further_ke.h"
#include <string.h>

static void
offer_made (gpointer owner, gpointer data, gpointer result, const char *error)
{
  FurtherKe *k = data;

  k->offer = result;
  k->error = g_strdup (error);
}

static void
answer_made (gpointer owner, gpointer data, gpointer result, const char *error)
{
  FurtherKe *k = data;

  k->answer = result;
  k->error = g_strdup (error);
  k->is_done = TRUE;
}

static void
secret_made (gpointer owner, gpointer data, gpointer result, const char *error)
{
  FurtherKe *k = data;

  k->secret = result;
  k->error = g_strdup (error);
  k->is_done = TRUE;
}

static const IkeCallClass offer_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "further offer",
  .timeout_ms = 10000,
  .then = offer_made,
  .undo = ike_ke_offer_undo,
};
static const IkeCallClass answer_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "further answer",
  .timeout_ms = 10000,
  .then = answer_made,
  .undo = ike_ke_answer_undo,
};
static const IkeCallClass finish_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "further result",
  .timeout_ms = 10000,
  .then = secret_made,
  .undo = ike_ke_finish_undo,
};

IkeTaskResult
further_ke_build (IkeTask *task, FurtherKe *k, guint16 group, IkeWriter *out)
{
  if (k->error)
    return ike_task_abort (task, k->error);
  if (k->answer) {
    ike_ke_write (out, group, k->answer->public_value, k->answer->public_len);
    return IKE_TASK_DONE;
  }
  if (!k->offer) {
    k->ke = ike_ke_find (ike_sa_engine (ike_task_sa (task)), group);
    if (!k->ke)
      return ike_task_abort (task, "no plugin provides the further key exchange");
    ike_ke_offer (k->ke, ike_task_call (task, &offer_call, k));
    return IKE_TASK_WAIT;
  }
  ike_ke_write (out, group, k->offer->public_value, k->offer->public_len);
  return IKE_TASK_DONE;
}

IkeTaskResult
further_ke_process (IkeTask *task, FurtherKe *k, guint16 group, const IkeMessage *in)
{
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_KE, 0);
  IkeVerdict verdict = { 0 };
  IkeKeView ke;

  if (k->is_done)
    return k->error ? ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, k->error) : IKE_TASK_DONE;
  if (!payload || !ike_ke_read (payload, &ke, &verdict) || ke.group != group)
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0,
                          "not the further key exchange that was agreed on");
  if (k->offer) {
    ike_ke_finish (k->ke, ike_task_call (task, &finish_call, k), g_steal_pointer (&k->offer->pair),
                   ke.data, ke.len);
    return IKE_TASK_WAIT;
  }
  k->ke = ike_ke_find (ike_sa_engine (ike_task_sa (task)), group);
  if (!k->ke)
    return ike_task_fail (task, IKE_N_NO_PROPOSAL_CHOSEN, NULL, 0,
                          "no plugin provides the further key exchange");
  ike_ke_answer (k->ke, ike_task_call (task, &answer_call, k), ke.data, ke.len);
  return IKE_TASK_WAIT;
}

IkeSecretBlob *
further_ke_secret (const FurtherKe *k)
{
  return k->answer ? k->answer->secret : k->secret;
}

void
further_ke_clear (FurtherKe *k)
{
  if (k->offer)
    ike_ke_offer_free (k->ke, k->offer);
  if (k->answer)
    ike_ke_answer_free (k->answer);
  ike_secret_blob_unref (k->secret);
  g_free (k->error);
  memset (k, 0, sizeof *k);
}
