/* SPDX-License-Identifier: Apache-2.0 */
/* avp.h - attribute-value pairs inside an EAP-TTLS tunnel (RFC 5281, 10), the few that are known here. */
#pragma once
#include <ikebana/crypto.h>

/* Data NULL: it is not there. */
typedef struct {
  IkePart user, password, chap_password, chap_challenge, eap;
  IkePart ms_error, ms_challenge, ms_response, ms_success;
} TtlsAvps;

enum { TTLS_USER = 1, TTLS_PASSWORD = 2, TTLS_CHAP_PASSWORD = 3, TTLS_CHAP_CHALLENGE = 60, TTLS_EAP = 79 };
/* Of vendor 311 (RFC 2548). */
enum { TTLS_MS_ERROR = 2, TTLS_MS_CHALLENGE = 11, TTLS_MS_RESPONSE = 25, TTLS_MS_SUCCESS = 26 };
enum { TTLS_MICROSOFT = 311, TTLS_CHALLENGE_LEN = 16, TTLS_AVPS_MAX = 32 };

/* FALSE with a static reason: malformed, one twice, too many, or one that must be understood and is not. */
gboolean ttls_avps_read (const guint8 *data, gsize len, TtlsAvps *avps, const char **why);
/* Appends one, with the padding before it that it needs; @vendor 0: none. */
void     ttls_avp_add   (GByteArray *out, guint32 code, guint32 vendor, const guint8 *data, gsize len);
