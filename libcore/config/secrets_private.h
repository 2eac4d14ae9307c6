/* SPDX-License-Identifier: Apache-2.0 */
/* secrets_private.h - shared secrets of a snapshot: read by secrets.c, found by secret_find.c. */
#pragma once
#include "config/model_private.h"

typedef struct {
  const char    *type;                        /* static: of ike_secret_kinds */
  GPtrArray     *owners;                      /* IkeIdent; empty: anybody */
  IkeSecretBlob *value;
} IkeSharedSecret;

/* A secret whose owners are all exact names has an entry for each of them; any other is loose. */
typedef struct {
  guint64 hash;                               /* of its type and the owner */
  guint32 position;                           /* in the list */
} IkeSecretEntry;

struct _IkeSecrets {
  GPtrArray *list;                            /* IkeSharedSecret, in order */
  GArray    *entries;                         /* IkeSecretEntry, sorted */
  GArray    *loose;                           /* guint32: positions */
};

/* Once, when the list is whole. */
void ike_secrets_index (IkeSecrets *secrets);
