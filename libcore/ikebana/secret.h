/* SPDX-License-Identifier: Apache-2.0 */
/* secret.h - the only types for secrets: wiped, kept out of core dumps, compared in constant time, never printed. */
#pragma once
#include <ikebana/defs.h>

IKE_BEGIN_DECLS

enum { IKE_SECRET_MAX = 64 };

/* A short secret, embedded: a key of a cipher, a PRF, an SK_x.  Clear it with ike_secret_clear(). */
typedef struct {
  guint8 len;
  guint8 bytes[IKE_SECRET_MAX];
} IkeSecret;

/* A long one, counted: a pre-shared key, a Diffie-Hellman result.  In pages of its own kind that no core dump holds
 * (MADV_DONTDUMP) and that are locked where the limit allows. */
typedef struct _IkeSecretBlob IkeSecretBlob;

void ike_secret_set   (IkeSecret *secret, const void *data, gsize len);   /* len <= IKE_SECRET_MAX */
void ike_secret_clear (IkeSecret *secret);

IkeSecretBlob *ike_secret_blob_new   (const void *data_or_null, gsize len); /* NULL: zeroed; then fill _data() */
IkeSecretBlob *ike_secret_blob_ref   (IkeSecretBlob *blob);
void           ike_secret_blob_unref (IkeSecretBlob *blob);                 /* NULL is fine; wipes with the last one */
guint8        *ike_secret_blob_data  (IkeSecretBlob *blob);
gsize          ike_secret_blob_len   (const IkeSecretBlob *blob);

/* Wipes in a way that the compiler cannot leave out. */
void     ike_wipe  (void *data, gsize len);
/* Constant time in the content (not in @len). */
gboolean ike_equal (const void *a, const void *b, gsize len);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeSecretBlob, ike_secret_blob_unref)

IKE_END_DECLS
