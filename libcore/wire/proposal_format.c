/* SPDX-License-Identifier: Apache-2.0 */
/* proposal_format.c - transforms, proposals and choices as text. */
#include <string.h>
#include "wire/proposal_private.h"

const char *
ike_transform_format (const IkeTransform *transform, char out[48])
{
  static const char *const unknown[] = { [IKE_TRANSFORM_ENCR] = "encr",
                                         [IKE_TRANSFORM_PRF] = "prf",
                                         [IKE_TRANSFORM_INTEG] = "integ",
                                         [IKE_TRANSFORM_KE] = "ke",
                                         [IKE_TRANSFORM_SN] = "sn" };
  const char *name = ike_transform_name (transform->type, transform->id);
  char prefix[8] = "", bits[8] = "", number[24];

  if (!name) {
    if (transform->type && transform->type < G_N_ELEMENTS (unknown))
      g_snprintf (number, sizeof number, "%s-%u", unknown[transform->type], transform->id);
    else if (ike_transform_is_addke (transform->type))
      g_snprintf (number, sizeof number, "%u", transform->id);
    else
      g_snprintf (number, sizeof number, "type-%u-%u", transform->type, transform->id);
    name = number;
  }
  if (ike_transform_is_addke (transform->type))
    g_snprintf (prefix, sizeof prefix, "ke%d-", transform->type - IKE_TRANSFORM_ADDKE1 + 1);
  if (transform->key_bits)
    g_snprintf (bits, sizeof bits, "-%u", transform->key_bits);
  g_snprintf (out, 48, "%s%s%s%s", prefix, name, bits,
              transform->flags & IKE_TRANSFORM_UNKNOWN ? "-unusable" : "");
  return out;
}

static gsize
append (char *out, gsize size, gsize at, const IkeTransform *transform)
{
  char name[48];

  if (at && at + 1 < size)
    out[at++] = '/';
  g_strlcpy (out + at, ike_transform_format (transform, name), size - at);
  return at + strlen (out + at);
}

char *
ike_choice_format (const IkeChoice *choice, char *out, gsize size)
{
  gsize at = 0;

  if (size == 0)
    return out;
  out[0] = 0;
  for (guint type = 1; type < IKE_TRANSFORM_TYPES; type++) {
    const IkeTransform *t = &choice->chosen[type];
    if (t->type && !(type == IKE_TRANSFORM_SN && t->id == 0))
      at = append (out, size, at, t);
  }
  return out;
}

char *
ike_proposal_format (const IkeProposal *proposal, char *out, gsize size)
{
  gsize at = 0;

  if (size == 0)
    return out;
  g_strlcpy (out, proposal->n_transforms ? "" : "nothing usable", size);
  for (guint i = 0; i < proposal->n_transforms; i++)
    at = append (out, size, at, &proposal->transforms[i]);
  return out;
}
