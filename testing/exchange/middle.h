/* SPDX-License-Identifier: Apache-2.0 */
/* middle.h - somebody on the path who changes IKE_SA_INIT, which is in the clear. */
#pragma once
#include "exchange/pair.h"
#include <string.h>

typedef enum { MIDDLE_OMIT, MIDDLE_FLIP, MIDDLE_ADD, MIDDLE_REPLACE, MIDDLE_HEADER } MiddleHow;

/* One change; of the payload @payload, or of the notify @notify. */
typedef struct {
  const char *name;
  MiddleHow how;
  guint8 payload;
  guint16 notify;
  gsize at, len;                              /* FLIP: byte of the payload, HEADER: of the message */
  const char *bytes, *instead;                /* ADD: a body; REPLACE: wherever it stands */
} MiddleChange;

typedef struct {
  const MiddleChange *change;
  gboolean of_response;
  guint n_done;
  GByteArray *message;
  guint n_most;                               /* so often; 0: always */
} Middle;

static inline void
middle_set_u16 (guint8 *at, gsize value)
{
  at[0] = (guint8) (value >> 8);
  at[1] = (guint8) value;
}

static inline gboolean
middle_is_meant (const MiddleChange *change, guint8 type, const guint8 *payload)
{
  if (change->notify)
    return type == IKE_PAYLOAD_NOTIFY && (payload[6] << 8 | payload[7]) == change->notify;
  return type == change->payload;
}

/* Where the payload is; @link: where its type stands. 0: it is not there. */
static inline gsize
middle_find (const MiddleChange *change, const GByteArray *m, gsize *link)
{
  gsize at = IKE_HEADER_LEN;

  for (*link = 16; at + 4 <= m->len && m->data[*link];
       *link = at, at += m->data[at + 2] << 8 | m->data[at + 3])
    if (middle_is_meant (change, m->data[*link], m->data + at))
      return at;
  return 0;
}

static inline gboolean
middle_add (const MiddleChange *change, GByteArray *m)
{
  static const MiddleChange end = { .payload = 255 };
  guint8 type = change->notify ? IKE_PAYLOAD_NOTIFY : change->payload, head[8] = { 0 };
  gsize link, last = 16, n = change->notify ? 8 : 4;

  middle_find (&end, m, &link);
  last = link;
  m->data[last] = type;
  middle_set_u16 (head + 2, n + change->len);
  middle_set_u16 (head + 6, change->notify);
  g_byte_array_append (m, head, (guint) n);
  g_byte_array_append (m, (const guint8 *) change->bytes, (guint) change->len);
  return TRUE;
}

static inline gboolean
middle_replace (const MiddleChange *change, GByteArray *m)
{
  gboolean is_found = FALSE;

  for (gsize at = IKE_HEADER_LEN; at + change->len <= m->len; at++)
    if (memcmp (m->data + at, change->bytes, change->len) == 0) {
      memcpy (m->data + at, change->instead, change->len);
      is_found = TRUE;
    }
  return is_found;
}

static inline gboolean
middle_apply (const MiddleChange *change, GByteArray *m)
{
  gsize link = 0, at = change->how == MIDDLE_OMIT || change->how == MIDDLE_FLIP ? middle_find (change, m, &link) : 1, n;

  if (!at)
    return FALSE;
  switch (change->how) {
  case MIDDLE_OMIT:
    n = (gsize) m->data[at + 2] << 8 | m->data[at + 3];
    m->data[link] = m->data[at];
    g_byte_array_remove_range (m, (guint) at, (guint) n);
    return TRUE;
  case MIDDLE_FLIP:
    m->data[at + change->at] ^= 1;
    return TRUE;
  case MIDDLE_ADD:
    return middle_add (change, m);
  case MIDDLE_REPLACE:
    return middle_replace (change, m);
  case MIDDLE_HEADER:
    m->data[change->at] ^= (guint8) change->len;
    return TRUE;
  }
  return FALSE;
}

static inline void
middle_stand_between (const IkeSimPacket *packet, IkeSimFate *fate, gpointer data)
{
  Middle *middle = data;
  GByteArray *m = middle->message;
  gsize before = packet->ike ? (gsize) (packet->ike - packet->data) : 0;

  if (!packet->ike || packet->exchange != 34 || packet->is_response != middle->of_response
      || (middle->n_most && middle->n_done == middle->n_most))
    return;
  g_assert_cmpuint (before, ==, 0);
  g_byte_array_set_size (m, 0);
  g_byte_array_append (m, packet->data, (guint) packet->len);
  if (!middle_apply (middle->change, m))
    return;
  middle_set_u16 (m->data + 26, m->len);
  middle->n_done++;
  fate->data = m->data;
  fate->len = m->len;
}
