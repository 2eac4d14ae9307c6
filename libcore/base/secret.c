/* SPDX-License-Identifier: Apache-2.0 */
/* secret.c - memory for secrets: wiped, kept out of core dumps, locked where the limit allows. */
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <ikebana/secret.h>

struct _IkeSecretBlob {
  atomic_uint refs;
  gboolean    is_mapped;                 /* else from the heap: no mapping could be had */
  gsize       len, map_len;
  guint8     *data;
};

void
ike_wipe (void *data, gsize len)
{
  if (len)
    explicit_bzero (data, len);
}

gboolean
ike_equal (const void *a, const void *b, gsize len)
{
  const volatile guint8 *left = a, *right = b;
  guint8 differs = 0;

  for (gsize i = 0; i < len; i++)
    differs |= left[i] ^ right[i];
  return differs == 0;
}

void
ike_secret_set (IkeSecret *secret, const void *data, gsize len)
{
  g_return_if_fail (len <= IKE_SECRET_MAX);
  ike_wipe (secret, sizeof *secret);
  if (len)
    memcpy (secret->bytes, data, len);
  secret->len = (guint8) len;
}

void
ike_secret_clear (IkeSecret *secret)
{
  ike_wipe (secret, sizeof *secret);
}

static void
blob_map (IkeSecretBlob *blob)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  void *map;

  blob->map_len = blob->len > G_MAXSIZE - page ? G_MAXSIZE : (MAX (blob->len, 1) + page - 1) / page * page;
  map = mmap (NULL, blob->map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) {
    blob->data = g_malloc0 (MAX (blob->len, 1));
    return;
  }
  /* Both are defence in depth: a kernel without the one, or a limit on the other, does not make the secret unusable. */
  (void) madvise (map, blob->map_len, MADV_DONTDUMP);
  (void) mlock (map, blob->map_len);
  blob->is_mapped = TRUE;
  blob->data = map;
}

IkeSecretBlob *
ike_secret_blob_new (const void *data_or_null, gsize len)
{
  IkeSecretBlob *blob = g_new0 (IkeSecretBlob, 1);

  atomic_init (&blob->refs, 1);
  blob->len = len;
  blob_map (blob);
  if (data_or_null && len)
    memcpy (blob->data, data_or_null, len);
  return blob;
}

IkeSecretBlob *
ike_secret_blob_ref (IkeSecretBlob *blob)
{
  atomic_fetch_add_explicit (&blob->refs, 1, memory_order_relaxed);
  return blob;
}

void
ike_secret_blob_unref (IkeSecretBlob *blob)
{
  if (!blob || atomic_fetch_sub_explicit (&blob->refs, 1, memory_order_acq_rel) != 1)
    return;
  ike_wipe (blob->data, blob->len);
  if (blob->is_mapped)
    munmap (blob->data, blob->map_len);
  else
    g_free (blob->data);
  g_free (blob);
}

guint8 *
ike_secret_blob_data (IkeSecretBlob *blob)
{
  return blob->data;
}

gsize
ike_secret_blob_len (const IkeSecretBlob *blob)
{
  return blob->len;
}
