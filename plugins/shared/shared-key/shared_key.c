/* SPDX-License-Identifier: Apache-2.0 */
/* shared_key.c - see shared_key.h. */
#include "shared_key.h"
#include <string.h>

static const IkePart pad = { (const guint8 *) "Key Pad for IKEv2", 17 };

static gboolean
sign (const IkePrf *prf, const guint8 *key, gsize len, GBytes *octets, guint8 *out)
{
  IkePart part;

  part.data = g_bytes_get_data (octets, &part.len);
  return ike_prf_run (prf, key, len, &part, 1, out);
}

gboolean
shared_key_run (const IkePrf *prf, const guint8 *secret, gsize len, GBytes *octets, guint8 *out)
{
  guint8 key[IKE_SECRET_MAX];
  gboolean is_done = prf && octets && ike_prf_run (prf, secret, len, &pad, 1, key)
                     && sign (prf, key, ike_prf_class (prf)->out_len, octets, out);

  ike_wipe (key, sizeof key);
  return is_done;
}

gboolean
shared_key_run_sk (IkeSa *sa, gboolean of_initiator, GBytes *octets, guint8 *out)
{
  const IkePrf *prf = ike_sa_prf (sa);
  guint8 key[IKE_SECRET_MAX];
  gsize len;
  gboolean is_done = prf && octets && ike_sa_prf_auth (sa, of_initiator, &pad, 1, key, &len)
                     && sign (prf, key, len, octets, out);

  ike_wipe (key, sizeof key);
  return is_done;
}

IkeAuthValue *
shared_key_value (const IkePrf *prf, guint8 method, const guint8 *value)
{
  guint32 len = ike_prf_class (prf)->out_len;
  IkeAuthValue *answer = g_malloc (sizeof *answer + len);

  answer->method = method;
  answer->len = len;
  memcpy (answer->data, value, len);
  return answer;
}
