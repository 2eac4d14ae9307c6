/* SPDX-License-Identifier: Apache-2.0 */
/* view.c - what tasks see of a message: its payloads, then those kept from earlier ones. */
#include "sa/sa_private.h"

const IkeHeader *
ike_message_header (const IkeMessage *message)
{
  return &message->header;
}

gboolean
ike_message_is_protected (const IkeMessage *message)
{
  return message->is_protected;
}

guint
ike_message_n (const IkeMessage *message)
{
  return message->n;
}

const IkePayload *
ike_message_nth (const IkeMessage *message, guint i)
{
  return i < message->n ? &message->payloads[i] : NULL;
}

const IkePayload *
ike_message_find (const IkeMessage *message, guint8 type, guint nth)
{
  guint i;

  for (i = 0; i < message->n; i++)
    if (message->payloads[i].type == type && nth-- == 0)
      return &message->payloads[i];
  for (i = 0; message->kept && i < message->kept->n; i++)
    if (message->kept->payloads[i].type == type && nth-- == 0)
      return &message->kept->payloads[i];
  return NULL;
}

gboolean
ike_message_notify (const IkeMessage *message, guint16 type, guint nth, IkeNotify *notify)
{
  const IkePayload *payload;
  IkeVerdict verdict = { 0 };
  guint i;

  for (i = 0; (payload = ike_message_find (message, IKE_PAYLOAD_NOTIFY, i)); i++)
    if (ike_notify_read (payload, notify, &verdict) && notify->type == type && nth-- == 0)
      return TRUE;
  return FALSE;
}
