/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - the state of an IKE SA that outlives it, and its form as bytes. */
#include "session.h"
#include <ikebana/engine.h>
#include <ikebana/tree.h>
#include <string.h>

enum { VERSION = 1, ANONYMOUS = 1, PRF_HMAC_SHA2_256 = 5, USER_MAX = 4096 };

void
session_free (Session *session)
{
  if (!session)
    return;
  g_free (session->conn);
  g_free (session->method);
  ike_ident_unref (session->id_i);
  ike_ident_unref (session->id_r);
  ike_secret_clear (&session->sk_d);
  g_bytes_unref (session->user);
  g_free (session);
}

typedef struct {
  gsize len;
  guint8 data[];
} Wiped;

static void
wipe (gpointer data)
{
  Wiped *wiped = data;

  ike_wipe (wiped->data, wiped->len);
  g_free (wiped);
}

GBytes *
session_secret_bytes (const guint8 *data, gsize len)
{
  Wiped *wiped = g_malloc (sizeof *wiped + len);

  wiped->len = len;
  memcpy (wiped->data, data, len);
  return g_bytes_new_with_free_func (wiped->data, len, wipe, wiped);
}

static GBytes *
user_of (const IkeSa *sa)
{
  guint8 bytes[USER_MAX];
  IkeWriter w;

  ike_writer_init (&w, bytes, sizeof bytes);
  ike_sa_write_user (sa, &w);
  return w.failed ? NULL : g_bytes_new (bytes, w.len);
}

static void
add_section (GString *text, const IkeAuthConf *conf)
{
  g_autofree char *all = conf->settings ? ike_tree_serialize (conf->settings, FALSE) : NULL;

  g_string_append_printf (text, "%s %s %s\n", conf->name, conf->auth, all ? all : "");
}

gboolean
session_sections (IkeEngine *engine, const IkeConn *conn, guint8 out[SESSION_SECTIONS_LEN])
{
  static const guint8 key[] = "sections of a connection";
  const IkePrf *prf = ike_prf_find (engine, PRF_HMAC_SHA2_256);
  g_autoptr (GString) text = g_string_new (NULL);
  guint8 mac[IKE_SECRET_MAX];

  for (guint i = 0; i < conn->n_local; i++)
    add_section (text, &conn->local[i]);
  g_string_append (text, "remote\n");
  for (guint i = 0; i < conn->n_remote; i++)
    add_section (text, &conn->remote[i]);
  if (!prf
      || !ike_prf_run (prf, key, sizeof key, &(IkePart){ (const guint8 *) text->str, text->len }, 1,
                       mac))
    return FALSE;
  memcpy (out, mac, SESSION_SECTIONS_LEN);
  return TRUE;
}

Session *
session_of (IkeSa *sa, const char *method)
{
  g_autoptr (Session) session = g_new0 (Session, 1);
  const IkeConn *conn = ike_sa_conn (sa);
  /* RFC 5723, 5: who is "original initiator" is "determined by the initiator of
   * IKE_SESSION_RESUME": the client, whoever made the present SA. */
  gboolean is_client = ike_sa_was_ours (sa);
  const IkeIdent *ours = ike_sa_local_id (sa), *theirs = ike_sa_remote_id (sa);

  if (!conn || !ours || !theirs || !ike_sa_choice (sa) || !ike_sa_keys_keep (sa, &session->sk_d)
      || !session_sections (ike_sa_engine (sa), conn, session->sections))
    return NULL;
  session->conn = g_strdup (conn->name);
  session->method = g_strdup (method);
  session->spi_i = ike_sa_spi (sa, TRUE);
  session->spi_r = ike_sa_spi (sa, FALSE);
  session->id_i = ike_ident_ref ((IkeIdent *) (is_client ? ours : theirs));
  session->id_r = ike_ident_ref ((IkeIdent *) (is_client ? theirs : ours));
  session->is_anonymous = ike_sa_is_anonymous (sa);
  session->choice = *ike_sa_choice (sa);
  session->user = user_of (sa);
  return session->user ? g_steal_pointer (&session) : NULL;
}

gboolean
session_write (const Session *session, IkeWriter *out)
{
  gsize len;
  const guint8 *user = g_bytes_get_data (session->user, &len);

  ike_writer_u8 (out, VERSION);
  ike_writer_u8 (out, session->is_anonymous ? ANONYMOUS : 0);
  ike_writer_bytes (out, session->sections, sizeof session->sections);
  ike_writer_u64 (out, session->spi_i);
  ike_writer_u64 (out, session->spi_r);
  ike_writer_u64 (out, (guint64) session->proven_s);
  ike_writer_u64 (out, (guint64) session->expires_s);
  ike_writer_u64 (out, (guint64) session->ends_s);
  ike_writer_u64 (out, (guint64) session->certs_end_s);
  ike_pack_text (out, session->conn);
  ike_pack_text (out, session->method);
  ike_pack_ident (out, session->id_i);
  ike_pack_ident (out, session->id_r);
  ike_pack_choice (out, &session->choice);
  ike_writer_u8 (out, session->sk_d.len);
  ike_writer_bytes (out, session->sk_d.bytes, session->sk_d.len);
  ike_writer_u16 (out, (guint16) len);
  ike_writer_bytes (out, user, len);
  return !out->failed;
}

static void
read_secret (IkeReader *r, IkeSecret *secret)
{
  guint8 len = ike_reader_u8 (r);
  const guint8 *bytes = ike_reader_bytes (r, len);

  r->failed |= len == 0 || len > IKE_SECRET_MAX;
  if (!r->failed)
    ike_secret_set (secret, bytes, len);
}

Session *
session_read (const guint8 *data, gsize len)
{
  g_autoptr (Session) session = g_new0 (Session, 1);
  const guint8 *bytes;
  IkeReader r;
  guint8 version, flags;
  guint16 user_len;

  ike_reader_init (&r, data, len);
  version = ike_reader_u8 (&r);
  flags = ike_reader_u8 (&r);
  bytes = ike_reader_bytes (&r, SESSION_SECTIONS_LEN);
  if (version != VERSION || flags & ~ANONYMOUS || !bytes)
    return NULL;
  memcpy (session->sections, bytes, SESSION_SECTIONS_LEN);
  session->is_anonymous = flags & ANONYMOUS;
  session->spi_i = ike_reader_u64 (&r);
  session->spi_r = ike_reader_u64 (&r);
  session->proven_s = (gint64) ike_reader_u64 (&r);
  session->expires_s = (gint64) ike_reader_u64 (&r);
  session->ends_s = (gint64) ike_reader_u64 (&r);
  session->certs_end_s = (gint64) ike_reader_u64 (&r);
  session->conn = ike_unpack_text (&r);
  session->method = ike_unpack_text (&r);
  session->id_i = ike_unpack_ident (&r);
  session->id_r = ike_unpack_ident (&r);
  ike_unpack_choice (&r, &session->choice);
  read_secret (&r, &session->sk_d);
  user_len = ike_reader_u16 (&r);
  bytes = ike_reader_bytes (&r, user_len);
  if (!ike_reader_is_done (&r) || !session->id_i || !session->id_r)
    return NULL;
  session->user = g_bytes_new (bytes, user_len);
  return g_steal_pointer (&session);
}
