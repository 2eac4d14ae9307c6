/* SPDX-License-Identifier: Apache-2.0 */
/* wrap.c - secrets as they lie in the database: magic | nonce | ciphertext | tag.
 *
 * The path of the secret is authenticated with it: whoever can write the database but has no key
 * can neither read a secret nor give it to another connection. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ikebana/error.h>
#include <ikebana/reader.h>
#include <ikebana/writer.h>
#include "store.h"

#define MAGIC 0x494b5731u /* "IKW1" */

static gboolean
check_file (int fd, const char *path, GError **error)
{
  struct stat at;

  if (fstat (fd, &at) < 0 || !S_ISREG (at.st_mode) || at.st_size != STORE_KEY_LEN) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX, "%s is no file of %u bytes, as a key is", path,
                 (guint) STORE_KEY_LEN);
    return FALSE;
  }
  if ((at.st_mode & 077) == 0 && (at.st_uid == geteuid () || at.st_uid == 0))
    return TRUE;
  g_set_error (
      error, IKE_ERROR, IKE_ERROR_DENIED,
      "%s may be read by others than its owner, who must be this user or root; chmod 600 %s", path,
      path);
  return FALSE;
}

IkeSecretBlob *
store_key_read (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  g_autoptr (IkeSecretBlob) key = NULL;

  if (fd < 0) {
    g_set_error (error, IKE_ERROR, errno == ENOENT ? IKE_ERROR_NOT_FOUND : IKE_ERROR_SYSTEM,
                 "key file %s cannot be opened: %s", path, g_strerror (errno));
    return NULL;
  }
  if (check_file (fd, path, error)) {
    key = ike_secret_blob_new (NULL, STORE_KEY_LEN);
    if (read (fd, ike_secret_blob_data (key), STORE_KEY_LEN) != STORE_KEY_LEN) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "key file %s cannot be read", path);
      g_clear_pointer (&key, ike_secret_blob_unref);
    }
  }
  close (fd);
  return g_steal_pointer (&key);
}

GBytes *
store_wrap (const StoreKey *key, const char *path, const void *secret, gsize len, GError **error)
{
  gsize size = 4 + STORE_NONCE_LEN + len + STORE_TAG_LEN;
  guint8 *out, *nonce, *data, *tag;
  IkeWriter w;

  g_return_val_if_fail (key->key, NULL);
  if (len > STORE_SECRET_MAX) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "%s is longer than %u bytes", path,
                 (guint) STORE_SECRET_MAX);
    return NULL;
  }
  out = g_malloc (size);
  ike_writer_init (&w, out, size);
  ike_writer_u32 (&w, MAGIC);
  nonce = ike_writer_reserve (&w, STORE_NONCE_LEN);
  key->cipher.random (key->cipher.self, nonce, STORE_NONCE_LEN);
  data = ike_writer_reserve (&w, len);
  if (len)
    memcpy (data, secret, len);
  tag = ike_writer_reserve (&w, STORE_TAG_LEN);
  if (key->cipher.seal (key->cipher.self, ike_secret_blob_data (key->key), nonce, path, data, len,
                        tag))
    return g_bytes_new_take (out, size);
  ike_wipe (out, size);
  g_free (out);
  g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "%s cannot be wrapped", path);
  return NULL;
}

static IkeSecretBlob *
refuse (GError **error, const char *path, const char *why)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "%s: %s", path, why);
  return NULL;
}

IkeSecretBlob *
store_unwrap (const StoreKey *key, const char *path, const void *wrapped, gsize len, GError **error)
{
  g_autoptr (IkeSecretBlob) secret = NULL;
  const guint8 *nonce, *data, *tag;
  gsize data_len;
  IkeReader r;

  ike_reader_init (&r, wrapped, len);
  if (ike_reader_u32 (&r) != MAGIC)
    return refuse (error, path, "is no wrapped secret; the database is damaged");
  nonce = ike_reader_bytes (&r, STORE_NONCE_LEN);
  data_len = ike_reader_left (&r) > STORE_TAG_LEN ? ike_reader_left (&r) - STORE_TAG_LEN : 0;
  data = ike_reader_bytes (&r, data_len);
  tag = ike_reader_bytes (&r, STORE_TAG_LEN);
  if (!ike_reader_is_done (&r) || data_len > STORE_SECRET_MAX)
    return refuse (error, path, "is no wrapped secret; the database is damaged");
  if (!key->key)
    return refuse (error, path, "is wrapped, and no key file is configured");
  secret = ike_secret_blob_new (data, data_len);
  if (!key->cipher.open (key->cipher.self, ike_secret_blob_data (key->key), nonce, path,
                         ike_secret_blob_data (secret), data_len, tag))
    return refuse (error, path,
                   "cannot be unwrapped: the key file is another one, or the database was changed");
  return g_steal_pointer (&secret);
}
