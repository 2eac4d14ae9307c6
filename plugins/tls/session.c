/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - a TLS session between two buffers. */
#include <string.h>

#include <openssl/err.h>

#include <ikebana/error.h>

#include "private.h"

/* -- its life */

static void
session_free (IkeTls *session)
{
  if (!session)
    return;
  SSL_free (session->ssl);
  session->tls->pki->chain_clear (&session->chain);
  session->tls->credentials->unref (session->credentials);
  ike_ident_unref (session->expected);
  g_free (session);
}

static guint16
min_version_of (const Tls *tls, const IkeTlsConf *conf)
{
  return conf->min_version ? conf->min_version : tls->min_version;
}

static guint16
max_version_of (const Tls *tls, const IkeTlsConf *conf)
{
  return conf->max_version ? conf->max_version : tls->max_version;
}

static gboolean
ssl_new (IkeTls *session, const IkeTlsConf *conf)
{
  const Tls *tls = session->tls;
  int how = !conf->is_server                 ? SSL_VERIFY_PEER
            : conf->peer == IKE_TLS_NONE     ? SSL_VERIFY_NONE
            : conf->peer == IKE_TLS_OPTIONAL ? SSL_VERIFY_PEER
                                             : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  BIO *in, *out;

  session->ssl = SSL_new (conf->is_server ? tls->server : tls->client);
  in = session->ssl ? BIO_new (BIO_s_mem ()) : NULL;
  out = in ? BIO_new (BIO_s_mem ()) : NULL;
  if (!out) {
    BIO_free (in);
    return FALSE;
  }
  SSL_set_bio (session->ssl, in, out);
  session->in = in;
  session->out = out;
  SSL_set_app_data (session->ssl, session);
  SSL_set_verify (session->ssl, how, NULL);
  if (conf->is_server)
    SSL_set_accept_state (session->ssl);
  else
    SSL_set_connect_state (session->ssl);
  return SSL_set_min_proto_version (session->ssl, min_version_of (tls, conf)) == 1
         && SSL_set_max_proto_version (session->ssl, max_version_of (tls, conf)) == 1
         && (!conf->server_name || SSL_set_tlsext_host_name (session->ssl, conf->server_name) == 1);
}

static IkeTls *
session_new (const Tls *tls, const IkeTlsConf *conf)
{
  IkeTls *session = g_new0 (IkeTls, 1);

  session->tls = tls;
  session->alert = -1;
  session->is_server = conf->is_server;
  session->wants_peer = !conf->is_server || conf->peer == IKE_TLS_REQUIRED;
  session->max_handshake = conf->max_handshake ? conf->max_handshake : IKE_TLS_HANDSHAKE_MAX;
  session->chain.struct_size = sizeof session->chain;
  session->info.struct_size = sizeof session->info;
  if (conf->expected && ike_ident_type (conf->expected) != IKE_ID_ANY)
    session->expected = ike_ident_ref ((IkeIdent *) conf->expected);
  session->credentials = tls->credentials->get (tls->credentials_plugin);
  if (session->credentials)
    session->trust = tls->credentials->trust (session->credentials, conf->cacerts);
  return session;
}

/* -- what the library does next */

static void
session_fail (IkeTls *session)
{
  session->state = IKE_TLS_FAILED;
  reason_of_library (session);
}

static void
came_up (IkeTls *session)
{
  /* Belt and braces: the library has asked trust_verify(), or has failed. */
  if (session->wants_peer
      && (session->chain.n == 0 || SSL_get_verify_result (session->ssl) != X509_V_OK)) {
    reason_set (session, "the peer showed no certificate");
    session->state = IKE_TLS_FAILED;
    return;
  }
  session->info.version = (guint16) SSL_version (session->ssl);
  session->info.cipher = SSL_get_cipher_name (session->ssl);
  session->info.chain = session->chain.chain;
  session->info.n = session->chain.n;
  session->state = IKE_TLS_UP;
}

/* After a function of the library gave @result: it waits for more, or it is over. */
static void
settle (IkeTls *session, int result)
{
  switch (SSL_get_error (session->ssl, result)) {
  case SSL_ERROR_WANT_READ:
  case SSL_ERROR_WANT_WRITE:
    break;
  case SSL_ERROR_ZERO_RETURN:
    session->state = IKE_TLS_CLOSED;
    break;
  default:
    session_fail (session);
  }
}

static void
advance (IkeTls *session)
{
  char byte;
  int result;

  ERR_clear_error ();
  if (session->state == IKE_TLS_HANDSHAKE) {
    result = SSL_do_handshake (session->ssl);
    if (result == 1)
      came_up (session);
    else
      settle (session, result);
  }
  /* Alerts and what else is no data are worked off here. */
  if (session->state == IKE_TLS_UP && BIO_ctrl_pending (session->in)) {
    result = SSL_peek (session->ssl, &byte, 1);
    if (result <= 0)
      settle (session, result);
  }
  if (BIO_ctrl_pending (session->out) > IKE_TLS_OUTPUT_MAX && session->state == IKE_TLS_UP) {
    reason_set (session, "the peer makes us answer, and does not take the answers");
    session->state = IKE_TLS_FAILED;
  }
  ERR_clear_error ();
}

/* -- the service */

static IkeTls *
session_open (IkePlugin *self, const IkeTlsConf *conf, GError **error)
{
  const Tls *tls = ike_plugin_state (self);
  IkeTls *session = session_new (tls, conf);

  if (!session->credentials)
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_PLUGIN,
                         "the plugin that keeps certificates and keys has ended");
  else if (min_version_of (tls, conf) > max_version_of (tls, conf))
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CONFIG,
                         "min_version is above max_version, of one plugin or by that of tls: no "
                         "version is left");
  else if (!ssl_new (session, conf))
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CRYPTO, "libssl cannot make a session");
  else if ((!conf->is_server && conf->own == IKE_TLS_NONE) || own_use (session, conf, error)) {
    if (conf->is_server && conf->peer != IKE_TLS_NONE)
      trust_name_cas (session, conf->cacerts);
    if (!conf->is_server)
      advance (session);
    ERR_clear_error ();
    return session;
  }
  ERR_clear_error ();
  session_free (session);
  return NULL;
}

static IkeTlsState
session_feed (IkeTls *session, const guint8 *data, gsize len)
{
  gsize written = 0;

  if (session->state != IKE_TLS_HANDSHAKE && session->state != IKE_TLS_UP)
    return session->state;
  if (session->state == IKE_TLS_HANDSHAKE)
    session->n_handshake += MIN (len, IKE_TLS_INPUT_MAX + 1);
  if (session->n_handshake > session->max_handshake)
    reason_set (session, "the peer's handshake is longer than %u bytes", session->max_handshake);
  else if (len > IKE_TLS_INPUT_MAX || BIO_ctrl_pending (session->in) > IKE_TLS_INPUT_MAX - len)
    reason_set (session, "the peer sent more than %d bytes at a time", IKE_TLS_INPUT_MAX);
  else if (len && (BIO_write_ex (session->in, data, len, &written) != 1 || written != len))
    reason_set (session, "libssl has no memory for what the peer sent");
  if (session->reason[0])
    session->state = IKE_TLS_FAILED;
  else
    advance (session);
  return session->state;
}

static IkeTlsState
session_state (const IkeTls *session)
{
  return session->state;
}

static gsize
session_pending (const IkeTls *session)
{
  return BIO_ctrl_pending (session->out);
}

static gsize
session_drain (IkeTls *session, guint8 *out, gsize max)
{
  gsize n = 0;

  return BIO_read_ex (session->out, out, MIN (max, BIO_ctrl_pending (session->out)), &n) == 1 ? n
                                                                                              : 0;
}

static gsize
session_read (IkeTls *session, guint8 *out, gsize max)
{
  gsize n = 0;

  if (session->state != IKE_TLS_UP || max == 0)
    return 0;
  ERR_clear_error ();
  if (SSL_read_ex (session->ssl, out, max, &n) != 1) {
    n = 0;
    settle (session, 0);
  }
  ERR_clear_error ();
  return n;
}

static gboolean
session_write (IkeTls *session, const guint8 *data, gsize len)
{
  gsize n = 0;

  if (session->state != IKE_TLS_UP || session->is_closing || len == 0 || len > IKE_TLS_WRITE_MAX
      || BIO_ctrl_pending (session->out) > IKE_TLS_OUTPUT_MAX - IKE_TLS_WRITE_MAX)
    return FALSE;
  ERR_clear_error ();
  if (SSL_write_ex (session->ssl, data, len, &n) == 1 && n == len)
    return TRUE;
  session_fail (session);
  return FALSE;
}

static void
session_close (IkeTls *session)
{
  if (session->state == IKE_TLS_UP && !session->is_closing)
    SSL_shutdown (session->ssl);
  session->is_closing = TRUE;
  ERR_clear_error ();
}

static const char *
session_reason (const IkeTls *session)
{
  return session->reason[0] ? session->reason : NULL;
}

static const IkeTlsInfo *
session_info (const IkeTls *session)
{
  return &session->info;
}

/* The keys stay those of the handshake when the other end has closed. */
static gboolean
session_export (IkeTls *session, const char *label, const guint8 *context, gsize context_len,
                guint8 *out, gsize len)
{
  gboolean was_up =
      session->state == IKE_TLS_UP || (session->state == IKE_TLS_CLOSED && session->info.version);
  gboolean is_done = was_up
                     && SSL_export_keying_material (session->ssl, out, len, label, strlen (label),
                                                    context, context_len, context != NULL)
                            == 1;

  ERR_clear_error ();
  return is_done;
}

const IkeTlsOps session_ops = {
  .struct_size = sizeof (IkeTlsOps),
  .open = session_open,
  .free = session_free,
  .feed = session_feed,
  .state = session_state,
  .pending = session_pending,
  .drain = session_drain,
  .read = session_read,
  .write = session_write,
  .close = session_close,
  .reason = session_reason,
  .info = session_info,
  .export_key = session_export,
};
