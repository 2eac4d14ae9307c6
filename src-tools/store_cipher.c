/* SPDX-License-Identifier: Apache-2.0 */
/* store_cipher.c - AES-256-GCM for secrets in a database, by libcrypto; and secrets that are
 * typed in. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include "store.h"

typedef struct {
  const guint8 *key, *nonce;
  const char *aad;
  gboolean is_sealing;
} Use;

static gboolean
begin (EVP_CIPHER_CTX *context, const Use *use)
{
  int n;

  return context
         && EVP_CipherInit_ex (context, EVP_aes_256_gcm (), NULL, use->key, use->nonce,
                               use->is_sealing)
                == 1
         && EVP_CipherUpdate (context, NULL, &n, (const guint8 *) use->aad, (int) strlen (use->aad))
                == 1;
}

static gboolean
seal (gpointer self, const guint8 *key, const guint8 *nonce, const char *aad, guint8 *data,
      gsize len, guint8 *tag)
{
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  const Use use = { key, nonce, aad, TRUE };
  int n;
  gboolean is_done =
      begin (context, &use) && EVP_CipherUpdate (context, data, &n, data, (int) len) == 1
      && EVP_CipherFinal_ex (context, data, &n) == 1
      && EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_GET_TAG, STORE_TAG_LEN, tag) == 1;

  EVP_CIPHER_CTX_free (context);
  return is_done;
}

static gboolean
open_sealed (gpointer self, const guint8 *key, const guint8 *nonce, const char *aad, guint8 *data,
             gsize len, const guint8 *tag)
{
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new ();
  const Use use = { key, nonce, aad, FALSE };
  int n;
  gboolean is_done =
      begin (context, &use) && EVP_CipherUpdate (context, data, &n, data, (int) len) == 1
      && EVP_CIPHER_CTX_ctrl (context, EVP_CTRL_AEAD_SET_TAG, STORE_TAG_LEN, (void *) tag) == 1
      && EVP_CipherFinal_ex (context, data, &n) == 1;

  EVP_CIPHER_CTX_free (context);
  return is_done;
}

/* A nonce that is not random would undo the cipher. */
static void
draw (gpointer self, void *out, gsize len)
{
  if (RAND_bytes (out, (int) len) != 1)
    g_error ("libcrypto has no random bytes");
}

void
store_cipher_init (StoreCipher *cipher)
{
  *cipher = (StoreCipher){ NULL, seal, open_sealed, draw };
}

/* -- secrets that are typed in */

/* How much there is, up to the first line's end or @size; -1: it cannot be read. */
static gssize
read_line (int fd, char *text, gsize size)
{
  gsize len = 0;

  while (len < size && !memchr (text, '\n', len)) {
    gssize got = read (fd, text + len, size - len);
    if (got < 0)
      return -1;
    if (got == 0)
      break;
    len += (gsize) got;
  }
  return (gssize) len;
}

IkeSecretBlob *
store_read_secret (const StoreTool *tool, GError **error)
{
  const char *path = tool->secret_file;
  g_autoptr (IkeSecretBlob) all = ike_secret_blob_new (NULL, STORE_SECRET_MAX + 2);
  char *text = (char *) ike_secret_blob_data (all);
  int fd = path ? open (path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
  gssize len = fd >= 0 ? read_line (fd, text, STORE_SECRET_MAX + 1) : -1;
  gsize line = strcspn (text, "\r\n");

  if (len < 0)
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "%s: %s", path ? path : "standard input",
                 g_strerror (errno));
  if (path && fd >= 0)
    close (fd);
  if (len < 0)
    return NULL;
  /* No zero in the middle of it. */
  if (line > 0 && line <= STORE_SECRET_MAX && (text[line] || line == (gsize) len))
    return ike_secret_blob_new (text, line);
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX,
               "the secret is a line of 1 to %u bytes on standard input, or in --secret-file",
               (guint) STORE_SECRET_MAX);
  return NULL;
}
