/* SPDX-License-Identifier: Apache-2.0 */
/* test_softhsm.h - tokens of SoftHSM in a directory of their own, with keys that are generated in them. */
#pragma once
#include "private.h"

#define USER_PIN "123456"

typedef struct {
  char             *path, *directory;
  CK_FUNCTION_LIST *functions;                /* SoftHSM's own, not p11-kit's: sees the sessions of everybody */
  CK_SLOT_ID        slots[2];                 /* of the tokens "first" and "second" */
  guint8            point[200];               /* CKA_EC_POINT of the last key that was made */
  gsize             point_len;
} SoftHsm;

typedef struct {
  CK_MECHANISM_TYPE mechanism;
  const void       *params;                   /* EC: the curve */
  gsize             params_len;
  guint8            id;
  const char       *label;
  gboolean          asks_always, signs_not, has_no_public;
} NewKey;

/* FALSE, with a message for TAP: it is not installed. */
gboolean softhsm_open  (SoftHsm *hsm);
/* @i: of which token. */
CK_RV    softhsm_key   (SoftHsm *hsm, guint i, const NewKey *key);
void     softhsm_cert  (SoftHsm *hsm, guint i, guint8 id, const guint8 *der, gsize len);
void     softhsm_close (SoftHsm *hsm);

extern const guint8 curve_p256[10], curve_p384[7], curve_p521[7];
