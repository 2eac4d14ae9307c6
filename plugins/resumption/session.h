/* SPDX-License-Identifier: Apache-2.0 */
/* session.h - what of an IKE SA is there again when it is resumed: "from the ticket" in the table of RFC 5723, 5. */
#pragma once
#include <ikebana/pack.h>
#include <ikebana/sa.h>
#include <ikebana/secret.h>

enum { SESSION_MAX = 6 * 1024, SESSION_SECTIONS_LEN = 16 };

typedef struct {
  char     *conn;                             /* name of the connection */
  char     *method;                           /* how the peer authenticated, for people and hooks */
  guint8    sections[SESSION_SECTIONS_LEN];   /* digest of what the connection asks of both ends */
  guint64   spi_i, spi_r;
  IkeIdent *id_i, *id_r;
  gboolean  is_anonymous;
  IkeChoice choice;
  IkeSecret sk_d;
  gint64    proven_s, expires_s, ends_s;      /* wall clock: authenticated, no ticket after, SA ends (0: never) */
  gint64    certs_end_s;                      /* wall clock: when the chain of the peer ends; 0: it has none */
  GBytes   *user;                             /* ike_sa_write_user() */
} Session;

/* Of an SA that is up; NULL: it has no keys, or a part is too long. */
Session *session_of    (IkeSa *sa, const char *method);
void     session_free  (Session *session);
gboolean session_write (const Session *session, IkeWriter *out);
/* NULL: malformed. */
Session *session_read  (const guint8 *data, gsize len);
/* The digest of how @conn wants both ends to authenticate: what was proven otherwise is not resumed. */
gboolean session_sections (IkeEngine *engine, const IkeConn *conn, guint8 out[SESSION_SECTIONS_LEN]);
/* Bytes of a secret: wiped when the last reference goes. */
GBytes  *session_secret_bytes (const guint8 *data, gsize len);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Session, session_free)
