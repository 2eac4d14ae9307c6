/* SPDX-License-Identifier: Apache-2.0 */
/* record.c - one account in memory, and as bytes in a queue that outlives the process. */
#include "accounts.h"

enum { FORMAT = 1 };

Record *
record_new (AcctStatus status, const char *group, const guint8 *attributes, gsize len)
{
  Record *record = g_malloc0 (sizeof *record + len);
  IkeRadiusAttribute id;

  record->status = (guint8) status;
  record->group = g_strdup (group);
  record->len = len;
  memcpy (record->attributes, attributes, len);
  if (ike_radius_find (attributes, len, 0, IKE_RADIUS_ACCT_SESSION_ID, &id)
      && id.len < SESSION_ID_SIZE)
    memcpy (record->session, id.value, id.len);
  return record;
}

void
record_free (gpointer data)
{
  Record *record = data;

  if (record)
    g_free (record->group);
  g_free (record);
}

gboolean
record_write (const Record *record, IkeWriter *w)
{
  gsize group_len = record->group ? strlen (record->group) : 0;

  ike_writer_u8 (w, FORMAT);
  ike_writer_u8 (w, record->status);
  ike_writer_u64 (w, (guint64) record->wall_us);
  ike_writer_u16 (w, (guint16) group_len);
  ike_writer_bytes (w, record->group, group_len);
  ike_writer_bytes (w, record->attributes, record->len);
  return !w->failed && group_len <= G_MAXUINT16;
}

/* Ours are hexadecimal. */
static gboolean
is_id (const char *session)
{
  for (const char *at = session; *at; at++)
    if (!g_ascii_isgraph (*at))
      return FALSE;
  return session[0] != 0;
}

Record *
record_read (const guint8 *data, gsize len)
{
  IkeReader r;
  guint8 format, status;
  gint64 wall_us;
  gsize group_len, left;
  const guint8 *group, *attributes;
  g_autofree char *name = NULL;
  Record *record;

  ike_reader_init (&r, data, len);
  format = ike_reader_u8 (&r);
  status = ike_reader_u8 (&r);
  wall_us = (gint64) ike_reader_u64 (&r);
  group_len = ike_reader_u16 (&r);
  group = ike_reader_bytes (&r, group_len);
  left = ike_reader_left (&r);
  attributes = ike_reader_bytes (&r, left);
  if (r.failed || format != FORMAT || status < ACCT_START || status > ACCT_INTERIM || !left
      || left > IKE_RADIUS_ATTRIBUTES_MAX)
    return NULL;
  name = group_len ? g_strndup ((const char *) group, group_len) : NULL;
  record = record_new ((AcctStatus) status, name, attributes, left);
  record->wall_us = wall_us;
  if (is_id (record->session))
    return record;
  record_free (record);
  return NULL;
}
