/* SPDX-License-Identifier: Apache-2.0 */
/* otp.h - the codes. */
#pragma once
#include <glib.h>
#include <string.h>

enum { OTP_STEP_S = 30, OTP_DIGITS = 6 };

/* RFC 6238, 4.2: "TOTP = HOTP(K, T)", and RFC 4226, 5.3: the low bits of the last octet say which 31 bits of the
 * HMAC-SHA-1 are taken. */
static inline void
otp_code (const guint8 *secret, gsize len, guint64 step, char out[OTP_DIGITS + 1])
{
  guint64 counter = GUINT64_TO_BE (step);
  guint8 digest[20];
  gsize digest_len = sizeof digest;
  GHmac *hmac = g_hmac_new (G_CHECKSUM_SHA1, secret, len);
  guint at;
  guint32 number;

  g_hmac_update (hmac, (const guchar *) &counter, sizeof counter);
  g_hmac_get_digest (hmac, digest, &digest_len);
  g_hmac_unref (hmac);
  at = digest[19] & 15;
  number = (guint32) (digest[at] & 127) << 24 | (guint32) digest[at + 1] << 16 | (guint32) digest[at + 2] << 8
           | digest[at + 3];
  for (guint i = OTP_DIGITS; i-- > 0; number /= 10)
    out[i] = (char) ('0' + number % 10);
  out[OTP_DIGITS] = '\0';
}
