/* SPDX-License-Identifier: Apache-2.0 */
/* followup.c - an operation across two exchanges, at both ends, as RFC 9370 makes a CHILD_SA with a
 * further key exchange: CREATE_CHILD_SA, then IKE_FOLLOWUP_KE with the link that the responder
 * gave.  The child comes up after the second, with KEYMAT = prf+ (SK_d, SK(0) | Ni | Nr | SK(1)).
 * Which child it is says the link, selectors are those of the configuration. */
#include "seams/further_ke.h"
#include "seams/seams.h"
#include <string.h>

enum {
  ADDITIONAL = 16441,
  STATE_NOT_FOUND = 47,
  NUMBER = 44,
  NONCE_LEN = 32,
  LINK_LEN = 8,
  FIRST = 31,
  SECOND = 19
};

typedef struct {
  IkeChildRef child;
  IkeChoice   choice;
  guint32     spi;
  FurtherKe   ke[2];
  guint8      link[LINK_LEN], nonce[2][NONCE_LEN];   /* initiator's, responder's */
  gboolean    is_linked, is_installing, has_nonce;
  char       *error;
} Hybrid;

static void
spi_given (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Hybrid *self = ike_task_data (owner);
  IkeChild *child = ike_child_get (ike_task_sa (owner), self->child);

  self->spi = GPOINTER_TO_UINT (result);
  self->error = g_strdup (error);
  if (child)
    ike_child_set_spi (child, TRUE, self->spi);
}

static void
installed (gpointer owner, gpointer data, gpointer result, const char *error)
{
  ((Hybrid *) ike_task_data (owner))->error = g_strdup (error);
}

static const IkeCallClass spi_call = {
  .struct_size = sizeof (IkeCallClass), .name = "SPI", .timeout_ms = 10000, .then = spi_given,
};
static const IkeCallClass install_call = {
  .struct_size = sizeof (IkeCallClass), .name = "install", .timeout_ms = 10000, .then = installed,
};

/* What a bad peer does, for tests: begins @n_abandoned times without going on; goes on with
 * another's link. */
typedef struct { guint n_abandoned; gboolean has_wrong_link; } Misdeeds;

static gboolean
is_second (const IkeExchange *x)
{
  return !strcmp (ike_exchange_name (x), "IKE_FOLLOWUP_KE");
}

/* The child, and an SPI for it. */
static IkeTaskResult
prepare (IkeTask *task, const IkeChildConf *conf)
{
  Hybrid *self = ike_task_data (task);
  IkeChild *child;

  if (!conf)
    return ike_task_fail (task, IKE_N_TS_UNACCEPTABLE, NULL, 0, "no such child");
  child = ike_child_new (ike_task_sa (task), conf);
  ike_child_set_selectors (child, TRUE, conf->local_ts, conf->n_local_ts);
  ike_child_set_selectors (child, FALSE, conf->remote_ts, conf->n_remote_ts);
  self->child = ike_child_ref (child);
  ike_child_get_spi (child, ike_task_call (task, &spi_call, NULL));
  return IKE_TASK_WAIT;
}

static gboolean
take_choice (Hybrid *self, IkeChild *child, const IkeMessage *in, gboolean is_answer)
{
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_SA, 0);
  IkeProposal offers[IKE_PROPOSALS_MAX];
  IkeVerdict verdict = { 0 };
  const guint8 *nonce;
  IkeReader r;
  guint32 spi;
  gsize len;
  guint n;

  ike_reader_init (&r, payload->data, payload->len);
  if (!ike_proposals_read (&r, offers, &n, &verdict)
      || !ike_nonce_read (ike_message_find (in, IKE_PAYLOAD_NONCE, 0), &nonce, &len, &verdict)
      || len != NONCE_LEN
      || !(is_answer ? ike_proposals_accept (ike_child_conf (child)->esp_proposals, &offers[0], 0,
                                             &self->choice)
                     : ike_proposals_select (ike_child_conf (child)->esp_proposals, offers, n, 0,
                                             &self->choice)))
    return FALSE;
  memcpy (self->nonce[is_answer], nonce, NONCE_LEN);
  memcpy (&spi, self->choice.spi, sizeof spi);
  ike_child_set_choice (child, &self->choice);
  ike_child_set_spi (child, FALSE, GUINT32_FROM_BE (spi));
  return TRUE;
}

static void
write_first (IkeTask *task, IkeWriter *out, gboolean is_request)
{
  Hybrid *self = ike_task_data (task);
  const IkeChildConf *conf = ike_child_conf (ike_child_get (ike_task_sa (task), self->child));
  guint32 spi = GUINT32_TO_BE (self->spi);
  gsize mark = ike_payload_open (out, IKE_PAYLOAD_SA, FALSE);

  if (is_request)
    ike_proposals_write (conf->esp_proposals, out, (guint8 *) &spi, sizeof spi, 0);
  else
    ike_choice_write (&self->choice, out, (guint8 *) &spi, sizeof spi);
  ike_payload_close (out, mark);
  ike_engine_random (ike_sa_engine (ike_task_sa (task)), self->nonce[!is_request], NONCE_LEN);
  ike_payload_write (out, IKE_PAYLOAD_NONCE, self->nonce[!is_request], NONCE_LEN);
  if (is_request)
    ike_notify_write (out, 0, ADDITIONAL, NULL, 0, conf->name, strlen (conf->name));
  else
    ike_notify_write (out, 0, ADDITIONAL, NULL, 0, self->link, LINK_LEN);
}

/* Both secrets are there. */
static IkeTaskResult
install (IkeTask *task, IkeExchange *x)
{
  Hybrid *self = ike_task_data (task);
  IkeSecretBlob *first = further_ke_secret (&self->ke[0]),
                *second = further_ke_secret (&self->ke[1]);
  IkeChild *child = ike_child_get (ike_task_sa (task), self->child);
  gsize len = NONCE_LEN + ike_secret_blob_len (second);
  g_autoptr (IkeSecretBlob) tail = ike_secret_blob_new (NULL, len);

  if (!child || self->error)
    return ike_task_fail (task, IKE_N_TEMPORARY_FAILURE, NULL, 0,
                          self->error ? self->error : "the child is gone");
  if (self->is_installing) {
    ike_child_set_up (child);
    return IKE_TASK_DONE;
  }
  self->is_installing = TRUE;
  memcpy (ike_secret_blob_data (tail), self->nonce[1], NONCE_LEN);
  memcpy (ike_secret_blob_data (tail) + NONCE_LEN, ike_secret_blob_data (second), len - NONCE_LEN);
  ike_child_install (child, ike_exchange_is_initiator (x), ike_secret_blob_data (first),
                     ike_secret_blob_len (first), self->nonce[0], NONCE_LEN,
                     ike_secret_blob_data (tail), len, ike_task_call (task, &install_call, NULL));
  return IKE_TASK_WAIT;
}

/* -- the exchanges */

static IkeTaskResult
hybrid_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  Hybrid *self = ike_task_data (task);
  gboolean is_request = ike_exchange_is_initiator (x);
  IkeTaskResult result;

  if (is_second (x)) {
    if (is_request && !self->ke[1].offer && !self->ke[1].error)
      return further_ke_build (task, &self->ke[1], SECOND, out);
    if (is_request)
      ike_notify_write (out, 0, ADDITIONAL, NULL, 0, self->link, LINK_LEN);
    return further_ke_build (task, &self->ke[1], SECOND, out);
  }
  if (!self->spi)
    return prepare (task, ike_conn_child (ike_sa_conn (ike_task_sa (task)),
                                          ike_operation_args (ike_task_operation (task))));
  if (is_request && !self->ke[0].offer && !self->ke[0].error)
    return further_ke_build (task, &self->ke[0], FIRST, out);
  write_first (task, out, is_request);
  result = further_ke_build (task, &self->ke[0], FIRST, out);
  return result != IKE_TASK_DONE || is_request ? result : ike_task_next (task, "IKE_FOLLOWUP_KE");
}

/* Responder: from the first request to a link that says where to go on. */
static IkeTaskResult
first_request (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Hybrid *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  const IkeNotify *notify = ike_exchange_record (x, ADDITIONAL, 0);
  g_autofree char *name = g_strndup ((const char *) notify->data, notify->len);

  if (!self->child.serial)
    return prepare (task, ike_conn_child (ike_sa_conn (sa), name));
  if (!self->ke[0].ke && !take_choice (self, ike_child_get (sa, self->child), in, FALSE))
    return ike_task_fail (task, IKE_N_NO_PROPOSAL_CHOSEN, NULL, 0, "no proposal fits");
  if (!self->is_linked)
    ike_engine_random (ike_sa_engine (sa), self->link, LINK_LEN);
  self->is_linked = TRUE;
  return further_ke_process (task, &self->ke[0], FIRST, in);
}

static IkeTaskResult
hybrid_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Hybrid *self = ike_task_data (task);
  const IkeNotify *link = ike_exchange_record (x, ADDITIONAL, 0);
  Misdeeds *misdeeds = ike_plugin_state (ike_task_plugin (task));
  IkeTaskResult result;

  if (is_second (x)) {
    if (!self->is_linked)
      return ike_task_fail (task, STATE_NOT_FOUND, NULL, 0,
                            "nothing was begun that this goes on with");
    result = further_ke_process (task, &self->ke[1], SECOND, in);
    return result == IKE_TASK_DONE ? install (task, x) : result;
  }
  if (!ike_exchange_is_initiator (x))
    return first_request (task, x, in);
  if (!link || link->len != LINK_LEN || !ike_message_find (in, IKE_PAYLOAD_SA, 0))
    return ike_task_fail (task, 0, NULL, 0, "the peer gave no link");
  result = further_ke_process (task, &self->ke[0], FIRST, in);
  if (result != IKE_TASK_DONE)
    return result;
  if (!take_choice (self, ike_child_get (ike_task_sa (task), self->child), in, TRUE))
    return ike_task_fail (task, 0, NULL, 0, "the peer chose what we did not propose");
  memcpy (self->link, link->data, LINK_LEN);
  self->link[0] ^= misdeeds->has_wrong_link;
  self->is_linked = TRUE;
  if (misdeeds->n_abandoned && misdeeds->n_abandoned--)
    return IKE_TASK_DONE;
  return ike_task_next (task, "IKE_FOLLOWUP_KE");
}

/* RFC 9370, 2.2.4: the initiator returns the link of the response before: it says which of the open
 * ones is meant. */
static gboolean
hybrid_continues (IkeTask *task, const IkeMessage *in)
{
  Hybrid *self = ike_task_data (task);
  IkeNotify link;

  return ike_message_notify (in, ADDITIONAL, 0, &link) && link.len == LINK_LEN
         && !memcmp (link.data, self->link, LINK_LEN);
}

static gboolean
hybrid_wanted (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  IkeNotify notify;

  return !in || is_second (x) || ike_message_notify (in, ADDITIONAL, 0, &notify);
}

static void
hybrid_dispose (IkeTask *task)
{
  Hybrid *self = ike_task_data (task);
  IkeChild *child = ike_child_get (ike_task_sa (task), self->child);

  if (child && ike_child_state (child) == IKE_CHILD_CREATED)
    ike_child_destroy (child, "not negotiated");
  further_ke_clear (&self->ke[0]);
  further_ke_clear (&self->ke[1]);
  g_free (self->error);
}

/* -- the tables */

static const IkeStateRow rows[] = {
  { IKE_ROW_REQUEST, IKE_ROLE_BOTH, SEAM_UP, "KE N+ V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_BOTH, SEAM_UP | 1u << IKE_SA_DELETING, "KE N* V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_BOTH, SEAM_UP | 1u << IKE_SA_DELETING, "N+ V*" },
  { 0, 0, 0, NULL },
};
static const IkeExchangeClass exchange = {
  .struct_size = sizeof (IkeExchangeClass),
  .number = NUMBER,
  .after = "CREATE_CHILD_SA",
  .phases = "main",
  .rows = rows,
};
static const IkeNotifyClass notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = ADDITIONAL,
  .min_len = 1,
  .max_len = 64,
  .max_count = 1,
  .exchanges = "CREATE_CHILD_SA IKE_FOLLOWUP_KE",
};
static const IkeOperationClass operation = {
  .struct_size = sizeof (IkeOperationClass),
  .exchange = "CREATE_CHILD_SA",
  .priority = 150,
  .touches = IKE_TOUCHES_CHILD,
  .free_args = g_free,
};
static const IkeTaskClass task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "CREATE_CHILD_SA IKE_FOLLOWUP_KE",
  .operations = "create-hybrid-child",
  .is_main = TRUE,
  .instance_size = sizeof (Hybrid),
  .wanted = hybrid_wanted,
  .process = hybrid_process,
  .build = hybrid_build,
  .dispose = hybrid_dispose,
  .instead_of = "create-child rekey",
  .continues = hybrid_continues,
};

SEAM_FEATURE (exchange_feature, "exchange:IKE_FOLLOWUP_KE", exchange);
SEAM_FEATURE (notify_feature, "notify:ADDITIONAL_KEY_EXCHANGE", notify);
SEAM_FEATURE (operation_feature, "operation:create-hybrid-child", operation);
SEAM_FEATURE (task_feature, "task:hybrid-child", task);

static const IkeFeature *const features[] = { &exchange_feature, &notify_feature,
                                              &operation_feature, &task_feature, NULL };

static const IkeOptionInfo abandon = { sizeof abandon, "plugin/abandon", "uint", "0",
                                       "Begins so often without going on." };
static const IkeOptionInfo wrong = { sizeof wrong, "plugin/wrong_link", "bool", "no",
                                     "Goes on with a wrong link." };
static const IkeOptionInfo *const options[] = { &abandon, &wrong, NULL };

static gboolean
activate (IkePlugin *self, GError **error)
{
  Misdeeds *misdeeds = g_new0 (Misdeeds, 1);

  misdeeds->n_abandoned = (guint) ike_plugin_option_uint (self, "abandon");
  misdeeds->has_wrong_link = ike_plugin_option_bool (self, "wrong_link");
  ike_plugin_set_state (self, misdeeds, g_free);
  return TRUE;
}

IKE_PLUGIN (seam_followup_plugin, "seam-followup", 0, .version = "0", .license = "Apache-2.0",
            .summary = "a child of two key exchanges", .features = features, .options = options,
            .activate = activate);
