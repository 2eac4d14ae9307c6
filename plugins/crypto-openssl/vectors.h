/* SPDX-License-Identifier: Apache-2.0 */
/* vectors.h - known answers, by feature.
 *
 * Inputs by kind: aead { key | salt, iv, aad, text }; cipher { key | salt, iv, text }; integ and
 * prf { key, message }; hash { message }; ke { private key, the peer's public value (padded with
 * zeros in front for MODP) }.  The answer of an aead is ciphertext | ICV; the one of a MODP
 * group is the SHA-256 of the secret. */
#pragma once
#include <ikebana/plugin.h>

typedef struct {
  const char *feature, *source;
  const char *in[4];
  const char *out;
} Vector;

extern const Vector vectors[];
extern const guint n_vectors;

/* The feature whose answers are taken for wrong: none.  A test defines it anew, to see that such
 * a feature goes. */
const char *probe_spoiled_feature (void);
/* In a simulation: did an engine of it get the right answers already? */
gboolean probe_was_right (IkePlugin *self, const char *feature);
void     probe_remember  (IkePlugin *self, const char *feature);
