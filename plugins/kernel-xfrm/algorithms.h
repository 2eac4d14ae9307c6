/* SPDX-License-Identifier: Apache-2.0 */
/* algorithms.h - what IKE negotiates, in the names of the kernel. */
#pragma once
#include <ikebana/proposal.h>

typedef enum { XFRM_CIPHER, XFRM_AEAD } XfrmEncrKind;

typedef struct {
  guint16     id, key_bits;                   /* as negotiated; 0: no Key Length attribute */
  guint8      kind;                           /* XfrmEncrKind */
  guint8      icv_bits;                       /* of an AEAD */
  guint16     key_len;                        /* bytes, salt included */
  const char *name;
} XfrmEncr;

typedef struct {
  guint16     id;
  guint16     key_len, icv_bits;
  const char *name;
} XfrmInteg;

/* NULL when the kernel has no name for it. */
const XfrmEncr  *xfrm_encr_find  (const IkeTransform *transform);
const XfrmInteg *xfrm_integ_find (const IkeTransform *transform);
/* All of them, for the probe. */
const XfrmEncr  *xfrm_encr_nth   (guint i);
const XfrmInteg *xfrm_integ_nth  (guint i);
enum { XFRM_N_ENCR = 40, XFRM_N_INTEG = 9 };
