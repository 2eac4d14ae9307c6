/* SPDX-License-Identifier: Apache-2.0 */
/* fake_crypto.h - see fake_crypto.c. */
#pragma once
#include <ikebana/crypto.h>

typedef struct {
  guint8  type;                               /* of the transform that nobody offers; 0: everything is there */
  guint16 id;                                 /* 65535: none of that type */
} FakeEngine;
