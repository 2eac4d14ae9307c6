/* SPDX-License-Identifier: Apache-2.0 */
/* own.c - our certificate, the ones above it, and the key: from `service:credentials` to
 * OpenSSL. */
#include <openssl/err.h>

#include <ikebana/error.h>
#include <ikebana/runtime.h>

#include "private.h"

typedef struct {
  char *refused; /* label of a key that cannot be had, or NULL */
} Taste;

static gboolean
can_export (const IkeKeyClass *klass)
{
  return klass->struct_size >= G_STRUCT_OFFSET (IkeKeyClass, export_der) + sizeof (gpointer)
         && klass->export_der;
}

static gboolean
accept_key (const IkeKey *key, gpointer data)
{
  Taste *taste = data;

  if (can_export (key->klass))
    return TRUE;
  if (!taste->refused)
    taste->refused = g_strdup (key->label);
  return FALSE;
}

static gboolean
use_pair (IkeTls *session, const IkeOwn *own, GError **error)
{
  Decoded *decoded = own->cert ? decoded_get (session->tls, own) : NULL;
  gboolean is_done = decoded && decoded_use (decoded, session->ssl);
  unsigned long first = ERR_peek_error ();

  if (!is_done)
    g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO,
                 "libssl does not take our certificate with the key of %s: %s", own->key->label,
                 !own->cert ? "it is a raw public key"
                 : first    ? ERR_reason_error_string (first)
                            : "unknown");
  ERR_clear_error ();
  decoded_unref (decoded);
  return is_done;
}

/* Names of files may be given without one that stands for @id: an EAP peer's name need not be in
 * its certificate. */
gboolean
own_use (IkeTls *session, const IkeTlsConf *conf, GError **error)
{
  const Tls *tls = session->tls;
  Taste taste = { NULL };
  IkeOwn own = { .struct_size = sizeof own };
  g_autofree char *why = NULL;
  gboolean is_done;
  IkeOwnQuery query = {
    .struct_size = sizeof query,
    .id = conf->own_id && ike_ident_type (conf->own_id) != IKE_ID_ANY ? conf->own_id : NULL,
    .certs = conf->own_certs,
    .now = ike_engine_wall_us (tls->engine) / G_USEC_PER_SEC,
    .accept = accept_key,
    .data = &taste,
  };

  if (tls->credentials->own (session->credentials, &query, &own, &why)) {
    is_done = use_pair (session, &own, error);
    tls->credentials->own_clear (&own);
  } else {
    is_done = conf->own == IKE_TLS_OPTIONAL && !conf->is_server;
    if (!is_done && taste.refused)
      g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                   "the key %s cannot leave its token, and TLS needs it here; put a certificate "
                   "with a key in a file beside it",
                   taste.refused);
    else if (!is_done)
      g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND, "%s",
                   why ? why : "there is no certificate with a key");
  }
  g_free (taste.refused);
  return is_done;
}
