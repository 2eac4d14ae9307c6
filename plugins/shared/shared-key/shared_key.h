/* SPDX-License-Identifier: Apache-2.0 */
/* shared_key.h - AUTH by a shared secret (RFC 7296, 2.15), whatever the secret is: a pre-shared key, the MSK of EAP, or
 * SK_pi and SK_pr where there is neither. */
#pragma once
#include <ikebana/auth.h>

/* "AUTH = prf( prf(Shared Secret, "Key Pad for IKEv2"), <SignedOctets>)".  @out has room for IKE_SECRET_MAX bytes. */
gboolean shared_key_run    (const IkePrf *prf, const guint8 *secret, gsize len, GBytes *octets, guint8 *out);
/* The same with SK_pi or SK_pr as the secret. */
gboolean shared_key_run_sk (IkeSa *sa, gboolean of_initiator, GBytes *octets, guint8 *out);
/* What sign answers, of the value that was computed. */
IkeAuthValue *shared_key_value (const IkePrf *prf, guint8 method, const guint8 *value);
