/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - what identifies a session, for whoever has to do with it on any thread. */
#include "eap_radius.h"

/* RFC 2866, 5.5: "This attribute is a unique Accounting ID to make it easy to match start and stop
 * records in a log file": over restarts, too, without anything that would have to be kept. */
void
session_id_new (EapRadius *self, char out[SESSION_ID_SIZE])
{
  g_snprintf (out, SESSION_ID_SIZE, "%016" G_GINT64_MODIFIER "x-%08x", self->start_id,
              (guint) g_atomic_int_add (&self->n_ids, 1) + 1);
}

static char *
name_of (const guint8 *attributes, gsize len)
{
  IkeRadiusAttribute found;
  char text[4 * IKE_RADIUS_VALUE_MAX + 1] = "";

  if (ike_radius_find (attributes, len, 0, IKE_RADIUS_USER_NAME, &found))
    ike_escape (text, sizeof text, found.value, found.len);
  return g_strdup (text);
}

Session *
session_new (EapRadius *self, const IkeWriter *attributes, const char *group, const char *conn)
{
  Session *session = g_malloc0 (sizeof *session + attributes->len);

  session->references = 1;
  session->group = g_strdup (group);
  session->conn = g_strdup (conn);
  session->user = name_of (attributes->data, attributes->len);
  session->since_us = ike_engine_wall_us (self->engine);
  session->len = attributes->len;
  memcpy (session->attributes, attributes->data, attributes->len);
  return session;
}

Session *
session_ref (Session *session)
{
  g_atomic_int_inc (&session->references);
  return session;
}

void
session_unref (gpointer data)
{
  Session *session = data;

  if (!session || !g_atomic_int_dec_and_test (&session->references))
    return;
  g_free (session->group);
  g_free (session->conn);
  g_free (session->user);
  g_free (session);
}

static gboolean
has (const Session *session, const IkeRadiusAttribute *wanted)
{
  IkeRadiusAttribute attribute;
  IkeRadiusIter iter;

  ike_radius_iter_init (&iter, session->attributes, session->len);
  while (ike_radius_next (&iter, &attribute))
    if (attribute.vendor == wanted->vendor && attribute.type == wanted->type
        && attribute.len == wanted->len && !memcmp (attribute.value, wanted->value, wanted->len))
      return TRUE;
  return FALSE;
}

/* RFC 5176, 3: "The combination of NAS and session identification attributes included in a
 * CoA-Request or Disconnect-Request packet MUST match at least one session". */
gboolean
session_has (const Session *session, const guint8 *attributes, gsize len)
{
  IkeRadiusAttribute wanted;
  IkeRadiusIter iter;

  ike_radius_iter_init (&iter, attributes, len);
  while (ike_radius_next (&iter, &wanted))
    if (!has (session, &wanted))
      return FALSE;
  return TRUE;
}
