/* SPDX-License-Identifier: Apache-2.0 */
/* prf.c - the negotiated pseudo-random function, and prf+ over it. */
#include "crypto/crypto_private.h"

#include <string.h>

enum { PARTS_MAX = 16 };

gboolean
ike_prf_run (const IkePrf *prf, const guint8 *key, gsize key_len, const IkePart *parts,
             guint n_parts, guint8 *out)
{
  const IkePrfClass *klass = prf->algorithm.klass;
  ScratchSet *lent;
  gpointer scratch = crypto_scratch_acquire (&prf->algorithm, &lent);
  gboolean is_done = scratch && klass->prf (scratch, key, key_len, parts, n_parts, out);

  crypto_scratch_release (&prf->algorithm, lent);
  return is_done;
}

/* RFC 7296, 2.13: "prf+ (K,S) = T1 | T2 | T3 | T4 | …", "T1 = prf (K, S | 0x01)", "T2 = prf (K,
 * T1 | S | 0x02)"; "The prf+ function is not defined beyond 255 times the size of the prf
 * function output." */
static gboolean
prf_plus_fill (const IkePrf *prf, const guint8 *key, gsize key_len, IkePart *input, guint n_input,
               guint8 *block, guint8 *out, gsize out_len)
{
  gsize block_len = ((const IkePrfClass *) prf->algorithm.klass)->out_len;
  guint8 counter = 1;

  input[n_input - 1] = (IkePart){ &counter, 1 };
  for (gsize done = 0; done < out_len; counter++) {
    gsize n = MIN (block_len, out_len - done);
    gboolean is_first = done == 0;

    if (!ike_prf_run (prf, key, key_len, input + is_first, n_input - is_first, block))
      return FALSE;
    memcpy (out + done, block, n);
    done += n;
  }
  return TRUE;
}

gboolean
ike_prf_plus (const IkePrf *prf, const guint8 *key, gsize key_len, const IkePart *parts,
              guint n_parts, guint8 *out, gsize out_len)
{
  const IkePrfClass *klass = prf->algorithm.klass;
  guint8 block[IKE_SECRET_MAX];
  IkePart input[PARTS_MAX + 2] = { { block, klass->out_len } };

  g_return_val_if_fail (n_parts <= PARTS_MAX, FALSE);
  g_return_val_if_fail (out_len <= 255u * klass->out_len, FALSE);
  if (n_parts > 0)
    memcpy (input + 1, parts, n_parts * sizeof *parts);
  gboolean is_done = prf_plus_fill (prf, key, key_len, input, n_parts + 2, block, out, out_len);

  ike_wipe (block, sizeof block);
  if (!is_done)
    ike_wipe (out, out_len);
  return is_done;
}
