/* SPDX-License-Identifier: Apache-2.0 */
/* reason.c - why a session failed, for people: what we found, the peer's alert, or the library's
 * word. */
#include <stdarg.h>

#include <openssl/err.h>

#include <ikebana/error.h>

#include "private.h"

void
reason_set (IkeTls *session, const char *format, ...)
{
  va_list args;

  if (session->reason[0])
    return;
  va_start (args, format);
  g_vsnprintf (session->reason, sizeof session->reason, format, args);
  va_end (args);
}

void
reason_note (const SSL *ssl, int where, int value)
{
  IkeTls *session = SSL_get_app_data (ssl);

  if (session && (where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL)
    session->alert = value & 0xff;
}

/* RFC 8446, 6.2, from the view of who reads the log. */
static void
set_from_alert (IkeTls *session)
{
  const char *name = SSL_alert_desc_string_long (session->alert);

  switch (session->alert) {
  case SSL_AD_BAD_CERTIFICATE:
  case SSL_AD_UNSUPPORTED_CERTIFICATE:
  case SSL_AD_CERTIFICATE_REVOKED:
  case SSL_AD_CERTIFICATE_EXPIRED:
  case SSL_AD_CERTIFICATE_UNKNOWN:
  case SSL_AD_UNKNOWN_CA:
    reason_set (session, "the peer refused our certificate: %s", name);
    return;
  case SSL_AD_ACCESS_DENIED:
    reason_set (session, "the peer knows our certificate, and does not let us in: %s", name);
    return;
  case SSL_AD_CERTIFICATE_REQUIRED:
    reason_set (session, "the peer wants a certificate, and we showed none");
    return;
  case SSL_AD_HANDSHAKE_FAILURE:
  case SSL_AD_INSUFFICIENT_SECURITY:
    reason_set (session, "the peer takes no cipher, group or signature that we offer: %s", name);
    return;
  case SSL_AD_PROTOCOL_VERSION:
    reason_set (session, "the peer speaks no version of TLS that we allow");
    return;
  default:
    reason_set (session, "the peer ended TLS: %s", name);
  }
}

void
reason_of_library (IkeTls *session)
{
  unsigned long first = ERR_peek_error ();
  const char *text = first ? ERR_reason_error_string (first) : NULL;

  if (session->alert >= 0)
    set_from_alert (session);
  else if (ERR_GET_LIB (first) != ERR_LIB_SSL)
    reason_set (session, "TLS failed: %s", text ? text : "the peer sent what is no TLS");
  else
    switch (ERR_GET_REASON (first)) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      reason_set (session, "the peer showed no certificate");
      break;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
      reason_set (session, "the peer speaks no version of TLS that we allow");
      break;
    case SSL_R_NO_SHARED_CIPHER:
      reason_set (session, "the peer offers no cipher that we allow and have a certificate for");
      break;
    case SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED:
      reason_set (session,
                  "the server does not know RFC 5746 (secure renegotiation); if that may be, "
                  "set plugins.tls.legacy_servers = yes");
      break;
    default:
      reason_set (session, "TLS failed: %s", text ? text : "unknown");
    }
  ERR_clear_error ();
}
