/* SPDX-License-Identifier: Apache-2.0 */
/* delete.c - INFORMATIONAL: taking down, being told so, and the empty exchange that asks for life
 * (RFC 7296, 1.4). */
#include "ikev2.h"
#include "ikev2_private.h"

/* The CHILD_SA that is closed; none: the IKE SA. */
typedef struct {
  IkeChildRef child;
} Delete;

/* Ours, for the answer: each protocol has a Delete payload of its own. */
enum { AH, ESP, PROTOCOLS };

typedef struct {
  guint32 *spis[PROTOCOLS];
  guint    n[PROTOCOLS];
} Informational;

/* -- asking */

static gboolean
is_child_operation (IkeExchange *x)
{
  return !strcmp (ike_exchange_operation (x), "delete-child");
}

static IkeChild *
child_of (IkeTask *task)
{
  IkeChildRef *ref = ike_operation_args (ike_task_operation (task));

  return ref ? ike_child_get (ike_task_sa (task), *ref) : NULL;
}

static IkeTaskResult
delete_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  Delete *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  guint16 notify;
  IkeChild *child;
  guint32 spi;

  if (is_child_operation (x)) {
    child = child_of (task);
    if (!child)
      return IKE_TASK_DONE;
    self->child = ike_child_ref (child);
    ike_child_set_state (child, IKE_CHILD_DELETING);
    spi = ike_child_spi (child, TRUE);
    ike_delete_write (out, ike_child_protocol (child), &spi, 1);
    return IKE_TASK_DONE;
  }
  ike_sa_set_deleting (sa);
  notify = (guint16) GPOINTER_TO_UINT (ike_operation_args (ike_task_operation (task)));
  if (notify)
    ike_notify_write (out, 0, notify, NULL, 0, NULL, 0);
  else
    ike_delete_write (out, IKE_PROTOCOL_IKE, NULL, 0);
  return IKE_TASK_DONE;
}

static IkeTaskResult
delete_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Delete *self = ike_task_data (task);
  IkeChild *child;

  if (!is_child_operation (x)) {
    ike_sa_destroy (ike_task_sa (task), "deleted");
    return IKE_TASK_DONE;
  }
  child = child_of (task);
  /* The answer that makes it there is still on its way, and would make it after this. */
  if (child && !ike_child_is_confirmed (child) && !ike_message_find (in, IKE_PAYLOAD_DELETE, 0)) {
    self->child.serial = 0;
    return ike_task_later (task, "the peer does not know yet that we made what it asked for");
  }
  if (child)
    ike_child_destroy (child, "deleted");
  return IKE_TASK_DONE;
}

/* Also where the peer could not be told: what is DELETING does not stay. */
static void
delete_dispose (IkeTask *task)
{
  Delete *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  IkeChild *child = self->child.serial ? ike_child_get (sa, self->child) : NULL;

  if (child && ike_sa_state (sa) != IKE_SA_DEAD)
    ike_child_destroy (child, "the peer could not be told");
}

const IkeTaskClass ikev2_delete_task = {
  .struct_size = sizeof (IkeTaskClass), .exchanges = "INFORMATIONAL", .after = "phase:main",
  .operations = "delete delete-child", .process = delete_process, .build = delete_build,
  .wanted = ikev2_is_ours, .instance_size = sizeof (Delete), .dispose = delete_dispose,
};

/* -- being asked */

static gboolean
make_room (IkeTask *task, IkeExchange *x)
{
  Informational *self = ike_task_data (task);
  gsize size = (ike_sa_n_children (ike_task_sa (task)) + 1) * sizeof (guint32);
  guint i;

  for (i = 0; i < PROTOCOLS && !self->spis[i]; i++)
    self->spis[i] = ike_exchange_alloc (x, size);
  return self->spis[PROTOCOLS - 1] != NULL;
}

/* RFC 7296, 1.4.1: the SPIs are those "expected in the headers of inbound packets" of the sender;
 * the answer names "the paired SAs going in the other direction". */
static void
delete_children (IkeTask *task, const IkeDelete *d)
{
  Informational *self = ike_task_data (task);
  guint which = d->protocol == IKE_PROTOCOL_AH ? AH : ESP, i;
  IkeSa *sa = ike_task_sa (task);
  IkeChild *child;

  ikev2_rekey_is_used (task);
  for (i = 0; i < d->n; i++) {
    guint32 spi;
    memcpy (&spi, d->spis + 4u * i, sizeof spi);
    child = ike_child_by_spi (sa, d->protocol, GUINT32_FROM_BE (spi), FALSE);
    if (!child)
      continue;
    /* "If a node receives a delete request for SAs for which it has already issued a delete
     * request, ... the responses MUST NOT include Delete payloads for the deleted SAs". */
    if (ike_child_state (child) != IKE_CHILD_DELETING)
      self->spis[which][self->n[which]++] = ike_child_spi (child, TRUE);
    ike_child_destroy (child, "deleted by the peer");
  }
}

static IkeTaskResult
informational_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  const IkePayload *payload;
  IkeVerdict verdict = { 0 };
  IkeDelete d;
  guint i;

  if (ike_exchange_is_initiator (x))
    return IKE_TASK_DONE;
  if (ike_exchange_record (x, IKE_N_AUTHENTICATION_FAILED, 0))
    return ike_task_abort (task, "the peer could not authenticate us");
  if (ike_exchange_record (x, IKE_N_INVALID_SYNTAX, 0))
    return ike_task_abort (task, "the peer found our message malformed");
  for (i = 0; (payload = ike_message_find (in, IKE_PAYLOAD_DELETE, i)); i++) {
    if (!ike_delete_read (payload, &d, &verdict))
      return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
    if (d.protocol == IKE_PROTOCOL_IKE) {
      ikev2_rekey_forget (task);
      return ike_task_abort (task, "deleted by the peer");
    }
    if (!make_room (task, x))
      return ike_task_fail (task, IKE_N_TEMPORARY_FAILURE, NULL, 0, "no room for the answer");
    delete_children (task, &d);
  }
  return IKE_TASK_DONE;
}

static IkeTaskResult
informational_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  Informational *self = ike_task_data (task);

  if (self->n[AH])
    ike_delete_write (out, IKE_PROTOCOL_AH, self->spis[AH], self->n[AH]);
  if (self->n[ESP])
    ike_delete_write (out, IKE_PROTOCOL_ESP, self->spis[ESP], self->n[ESP]);
  return IKE_TASK_DONE;
}

gboolean
ikev2_is_ours (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return in == NULL;
}

const IkeTaskClass ikev2_informational_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "INFORMATIONAL",
  .after = "phase:main",
  .is_main = TRUE,
  .instance_size = sizeof (Informational),
  .process = informational_process,
  .build = informational_build,
};
