/* SPDX-License-Identifier: Apache-2.0 */
/* algorithms.c - looks up algorithm classes with the plugin that they belong to. */
#include "config.h"
#include "algorithms.h"
#include "esp.h"

/* RFC 4543: GMAC covers the payload without encrypting it, which is not how an AEAD class is
 * used here. */
const IkeProvided *
algorithm_aead (IkeEngine *engine, const IkeTransform *encr)
{
  guint n = 0;
  const IkeProvided *const *list = ike_feature_list (engine, "aead", &n);
  for (guint i = 0; i < n && encr->id != ALGORITHM_GMAC; i++) {
    const IkeAeadClass *klass = list[i]->ops;
    if (klass->transform == encr->id && klass->key_bits == encr->key_bits
        && !(klass->flags & IKE_CRYPTO_NOT_ESP))
      return list[i];
  }
  return NULL;
}

const IkeProvided *
algorithm_cipher (IkeEngine *engine, const IkeTransform *encr)
{
  guint n = 0;
  const IkeProvided *const *list = ike_feature_list (engine, "cipher", &n);
  for (guint i = 0; i < n; i++) {
    const IkeCipherClass *klass = list[i]->ops;
    if (klass->transform == encr->id && klass->key_bits == encr->key_bits
        && !(klass->flags & IKE_CRYPTO_NOT_ESP))
      return list[i];
  }
  return NULL;
}

const IkeProvided *
algorithm_integ (IkeEngine *engine, const IkeTransform *integ)
{
  guint n = 0;
  const IkeProvided *const *list = ike_feature_list (engine, "integ", &n);
  for (guint i = 0; i < n; i++) {
    const IkeIntegClass *klass = list[i]->ops;
    if (klass->transform == integ->id && !(klass->flags & IKE_CRYPTO_NOT_ESP))
      return list[i];
  }
  return NULL;
}

static gboolean
can_encrypt (IkeEngine *engine, const IkeTransform *encr)
{
  const IkeProvided *aead = algorithm_aead (engine, encr),
                    *cipher = algorithm_cipher (engine, encr);
  EspSizes sizes;
  if (encr->id == ALGORITHM_NULL)
    return TRUE;
  if (aead)
    return esp_sizes_init (&sizes, aead->ops, NULL, NULL);
  return cipher != NULL;
}

gboolean
algorithm_can (IkeEngine *engine, const IkeTransform *transform)
{
  switch (transform->type) {
  case IKE_TRANSFORM_ENCR:
    return can_encrypt (engine, transform);
  case IKE_TRANSFORM_INTEG:
    return transform->id == 0 || algorithm_integ (engine, transform) != NULL;
  case IKE_TRANSFORM_SN:
    return transform->id <= 1;
  default:
    return TRUE;                              /* key exchanges are no business of the data path */
  }
}
