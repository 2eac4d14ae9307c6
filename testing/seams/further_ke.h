/* SPDX-License-Identifier: Apache-2.0 */
/* further_ke.h - one more key exchange within a task: what two of the plugins here have in common. */
#pragma once
#include <ikebana/exchange.h>

typedef struct {
  const IkeKe   *ke;
  IkeKeOffer    *offer;
  IkeKeAnswer   *answer;
  IkeSecretBlob *secret;
  char          *error;
  gboolean       is_done;
} FurtherKe;

/* Writes our KE payload; the initiator's first waits for its key pair. */
IkeTaskResult  further_ke_build   (IkeTask *task, FurtherKe *k, guint16 group, IkeWriter *out);
/* Takes the peer's; DONE when the secret is there. */
IkeTaskResult  further_ke_process (IkeTask *task, FurtherKe *k, guint16 group, const IkeMessage *in);
IkeSecretBlob *further_ke_secret  (const FurtherKe *k);
void           further_ke_clear   (FurtherKe *k);
