/* SPDX-License-Identifier: Apache-2.0 */
/* ocsp.c - what an OCSP responder says about a certificate (RFC 6960). */
#include "judge.h"
#include "pending.h"

char *
key_of_ocsp (Revocation *revocation, IkeCert *cert, IkeCert *issuer, gboolean is_plain)
{
  const guint8 *of = revocation->pki->cert_info (cert)->sha256;
  const guint8 *by = revocation->pki->cert_info (issuer)->sha256;
  GString *text = g_string_new (is_plain ? "staple " : "ocsp ");

  for (guint i = 0; i < 32; i++)
    g_string_append_printf (text, "%02x%02x", of[i], by[i]);
  return g_string_free (text, FALSE);
}

char *
key_of_failure (const char *uri)
{
  return g_strconcat ("failed ", uri, NULL);
}

char *
key_of_answer (const char *key, const char *uri)
{
  return g_strconcat ("failed ", key, " ", uri, NULL);
}

static void
answer_failed (Pending *pending, const char *what)
{
  g_autofree char *why = g_strdup_printf ("%s: %s", pending->shown, what);
  g_autofree char *key = key_of_answer (pending->ocsp_key, pending->uri);

  pending_fail (pending, key, why);
}

static Known *
known_of_response (Pending *pending, const IkeRevocation *says, GBytes *got)
{
  char subject[128];

  ike_ident_format (pending->revocation->pki->cert_info (pending->cert)->subject, subject,
                    sizeof subject);
  return known_new_ocsp (&pending->revocation->cache, says, got, subject, pending->uri);
}

static void
ocsp_came (Pending *pending, GBytes *got_take)
{
  g_autoptr (GBytes) got = got_take;
  Revocation *revocation = pending->revocation;
  gint64 now = revocation_now (revocation), until;
  IkeRevocation says = { .struct_size = sizeof says };
  g_autoptr (GError) error = NULL;
  gsize len;
  const guint8 *data = g_bytes_get_data (got, &len);
  Known *known;

  if (!revocation->pki->ocsp_read (revocation->pki_provided->plugin, data, len, pending->cert,
                                   pending->issuer, pending->nonce_len ? pending->nonce : NULL,
                                   pending->nonce_len, now, &says, &error)) {
    answer_failed (pending, error ? error->message : "the response cannot be read");
    return;
  }
  if (says.revoked == IKE_REVOKED_UNKNOWN
      || !judge_ocsp_is_new (&says, now, revocation->limits.grace_s)) {
    answer_failed (pending, says.revoked == IKE_REVOKED_UNKNOWN
                                ? "the responder does not know the certificate"
                                : "the response is old, and does not say for how long it holds");
    return;
  }
  /* Without an end, or at it: for those who ask at the same time. */
  until = says.next_update > now ? says.next_update : now + revocation->limits.retry_s;
  known = known_of_response (pending, &says, got);
  cache_put (&revocation->cache, pending->ocsp_key, known, now, until, until);
  pending_end (pending, known);
}

static void
ask_responder (Pending *pending)
{
  Revocation *revocation = pending->revocation;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) body = revocation->pki->ocsp_request (
      revocation->pki_provided->plugin, pending->cert, pending->issuer,
      pending->nonce_len ? pending->nonce : NULL, pending->nonce_len, &error);
  IkeFetchRequest request = { .body = body,
                              .content_type = "application/ocsp-request",
                              .accept = "application/ocsp-response",
                              .max_size = revocation->limits.max_ocsp };

  if (body)
    pending_fetch (pending, &request);
  else
    pending_fail_soon (pending, error ? error->message : "the request cannot be made");
}

/* RFC 6960, 4.4.1: "The nonce cryptographically binds a request and a response to prevent replay
 * attacks."  One that is to be sent along to others is asked for without. */
void
pending_ocsp (Revocation *revocation, IkeCert *cert, IkeCert *issuer, const char *uri,
              gboolean is_plain, Wait *wait)
{
  g_autofree char *key = key_of_ocsp (revocation, cert, issuer, is_plain);
  Pending *pending = pending_join (revocation, g_strconcat (key, " ", uri, NULL), uri, wait);

  if (!pending)
    return;
  pending->came = ocsp_came;
  pending->ocsp_key = g_steal_pointer (&key);
  pending->cert = revocation->pki->cert_ref (cert);
  pending->issuer = revocation->pki->cert_ref (issuer);
  if (!is_plain && revocation->limits.has_nonce) {
    pending->nonce_len = OCSP_NONCE_LEN;
    ike_engine_random (revocation->engine, pending->nonce, OCSP_NONCE_LEN);
  }
  ask_responder (pending);
}
