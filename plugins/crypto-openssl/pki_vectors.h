/* SPDX-License-Identifier: Apache-2.0 */
/* pki_vectors.h - known signatures, by scheme: SubjectPublicKeyInfo, message and the signature in the form of AUTH. */
#pragma once
#include <glib.h>

typedef struct {
  const char *schemes[2];
  const char *source;
  const char *spki, *message, *signature;
} PkiVector;

extern const PkiVector pki_vectors[];
extern const guint n_pki_vectors;
