/* SPDX-License-Identifier: Apache-2.0 */
/* source.c - what certificates and keys come from: one file, one value, one token; read once. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

static const struct {
  const char *directory, *content;
  gboolean is_secret;
} kinds[N_DIRECTORIES] = {
  [KIND_X509] = { "x509", "certificate", FALSE },
  [KIND_X509CA] = { "x509ca", "CA certificate", FALSE },
  [KIND_X509CRL] = { "x509crl", "CRL", FALSE },
  [KIND_PUBKEY] = { "pubkey", "public key", FALSE },
  [KIND_PRIVATE] = { "private", "private key", TRUE },
  [KIND_RSA] = { "rsa", "private key", TRUE },
  [KIND_ECDSA] = { "ecdsa", "private key", TRUE },
  [KIND_PKCS8] = { "pkcs8", "private key", TRUE },
  [KIND_PKCS12] = { "pkcs12", "PKCS#12 container", TRUE },
};

const char *
source_directory (SourceKind kind)
{
  return kind < N_DIRECTORIES ? kinds[kind].directory : "token";
}

gboolean
source_is_secret (SourceKind kind)
{
  return kind < N_DIRECTORIES && kinds[kind].is_secret;
}

/* -- life */

Source *
source_new (const State *state, SourceKind kind, const char *path, const char *label)
{
  Source *source = g_new0 (Source, 1);

  source->references = 1;
  source->kind = kind;
  source->pki = state->pki;
  source->path = g_strdup (path);
  source->label = g_strdup (label);
  source->certs = g_ptr_array_new_with_free_func ((GDestroyNotify) state->pki->cert_unref);
  source->keys = g_ptr_array_new_with_free_func ((GDestroyNotify) ike_key_unref);
  return source;
}

Source *
source_ref (Source *source)
{
  g_atomic_int_inc (&source->references);
  return source;
}

void
source_unref (Source *source)
{
  if (!source || !g_atomic_int_dec_and_test (&source->references))
    return;
  g_ptr_array_unref (source->certs);
  g_ptr_array_unref (source->keys);
  if (source->pubkey)
    source->pki->pubkey_unref (source->pubkey);
  if (source->crl)
    source->pki->crl_unref (source->crl);
  ike_secret_blob_unref (source->passphrase);
  g_free (source->path);
  g_free (source->label);
  g_free (source->problem);
  g_free (source->warning);
  g_free (source);
}

/* -- files */

static void
stamp_set (Stamp *stamp, const struct stat *status)
{
  stamp->device = status->st_dev;
  stamp->inode = status->st_ino;
  stamp->size = status->st_size;
  stamp->modified = status->st_mtim;
  stamp->changed = status->st_ctim;
}

static gboolean
fail_system (GError **error, const char *what, int code)
{
  g_autofree char *rights = NULL;

  if (code == EACCES || code == EPERM)
    rights = g_strdup_printf ("; give the user that the daemon runs as (uid %u) the right to read "
                              "it",
                              (guint) geteuid ());
  g_set_error (error, IKE_ERROR, code == ENOENT ? IKE_ERROR_NOT_FOUND : IKE_ERROR_SYSTEM,
               "%s: %s%s", what, g_strerror (code), rights ? rights : "");
  return FALSE;
}

gboolean
stamp_of (const char *path, Stamp *stamp, GError **error)
{
  struct stat status;

  memset (stamp, 0, sizeof *stamp);
  if (stat (path, &status) != 0)
    return fail_system (error, "cannot be found", errno);
  if (!S_ISREG (status.st_mode)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "is no regular file");
    return FALSE;
  }
  stamp_set (stamp, &status);
  return TRUE;
}

static gboolean
same_time (const struct timespec *a, const struct timespec *b)
{
  return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

gboolean
stamp_equal (const Stamp *a, const Stamp *b)
{
  return a->inode && a->device == b->device && a->inode == b->inode && a->size == b->size
         && same_time (&a->modified, &b->modified) && same_time (&a->changed, &b->changed);
}

static gboolean
read_all (int fd, guint8 *to, gsize len, GError **error)
{
  gsize done = 0;

  while (done < len) {
    ssize_t n = read (fd, to + done, len - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail_system (error, "cannot be read", errno);
    if (n == 0) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "became shorter while it was read");
      return FALSE;
    }
    done += (gsize) n;
  }
  return TRUE;
}

/* All of @fd in memory for secrets, which suits what is none as well. */
static IkeSecretBlob *
read_open (int fd, Source *source, GError **error)
{
  gsize max = source->kind == KIND_X509CRL ? FILE_MAX_CRL : IKE_CERT_MAX_FILE;
  g_autoptr (IkeSecretBlob) blob = NULL;
  struct stat status;

  if (fstat (fd, &status) != 0) {
    fail_system (error, "cannot be read", errno);
    return NULL;
  }
  if (!S_ISREG (status.st_mode)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "is no regular file");
    return NULL;
  }
  stamp_set (&source->stamp, &status);
  if (status.st_size <= 0 || (guint64) status.st_size > max) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM,
                 status.st_size > 0 ? "is larger than %zu bytes; it cannot be a %s" : "is empty",
                 max, kinds[source->kind].content);
    return NULL;
  }
  if (source_is_secret (source->kind) && status.st_mode & (S_IRWXG | S_IRWXO))
    source->warning = g_strdup_printf ("others than its owner may open it (mode %04o); chmod 600",
                                       (guint) status.st_mode & 07777);
  blob = ike_secret_blob_new (NULL, (gsize) status.st_size);
  if (!read_all (fd, ike_secret_blob_data (blob), (gsize) status.st_size, error))
    return NULL;
  return g_steal_pointer (&blob);
}

/* O_NONBLOCK: a FIFO that lies there must not hold up the daemon. */
static IkeSecretBlob *
read_file (Source *source, GError **error)
{
  int fd = open (source->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  IkeSecretBlob *blob;

  if (fd < 0) {
    fail_system (error, "cannot be opened", errno);
    return NULL;
  }
  blob = read_open (fd, source, error);
  close (fd);
  return blob;
}

/* -- content */

static gboolean
is_ca (const Source *source, const IkeCert *cert)
{
  return source->pki->cert_info (cert)->flags & IKE_CERT_IS_CA;
}

/* What is no CA would be trusted as a peer by being an anchor, which is not what somebody meant who
 * took the wrong file. */
static void
drop_what_is_no_ca (Source *source)
{
  guint n = source->certs->len, n_dropped = 0;

  for (guint i = n; i-- > 0;)
    if (!is_ca (source, source->certs->pdata[i])) {
      g_ptr_array_remove_index (source->certs, i);
      n_dropped++;
    }
  if (!n_dropped)
    return;
  g_free (source->warning);
  source->warning = g_strdup_printf (
      "%s no CA certificate (basicConstraints), so nothing is trusted because of it; certificates "
      "of hosts belong into x509",
      n == 1 ? "this is" : "one of its certificates is");
}

static gboolean
parse (const State *state, Source *source, const guint8 *data, gsize len, GError **error)
{
  const IkePkiOps *pki = state->pki;
  g_autoptr (GBytes) bytes = NULL;
  IkeKey *key;

  switch (source->kind) {
  case KIND_X509:
  case KIND_X509CA:
    if (!pki->certs_parse (state->pki_plugin, data, len, source->certs, error))
      return FALSE;
    if (source->kind == KIND_X509CA)
      drop_what_is_no_ca (source);
    return TRUE;
  case KIND_X509CRL:
    bytes = g_bytes_new (data, len);
    source->crl = pki->crl_parse (state->pki_plugin, bytes, error);
    return source->crl != NULL;
  case KIND_PUBKEY:
    source->pubkey = pki->pubkey_parse (state->pki_plugin, data, len, error);
    return source->pubkey != NULL;
  case KIND_PKCS12:
    return pki->pkcs12_parse (state->pki_plugin, data, len, source->passphrase, source->label,
                              source->keys, source->certs, error);
  default:
    key = pki->key_parse (state->pki_plugin, data, len, source->passphrase, source->label, error);
    if (key)
      g_ptr_array_add (source->keys, key);
    return key != NULL;
  }
}

static void
note_failure (Source *source, const GError *error)
{
  gboolean is_denied = g_error_matches (error, IKE_ERROR, IKE_ERROR_DENIED);

  g_ptr_array_set_size (source->certs, 0);
  g_ptr_array_set_size (source->keys, 0);
  source->is_locked = is_denied && !source->passphrase;
  if (source->is_locked)
    source->problem = g_strdup_printf (
        "is encrypted and there is no passphrase; add secrets.%s-NAME { file = %s  secret = … }",
        source->kind == KIND_PKCS12 ? "pkcs12" : source_directory (source->kind),
        source->is_in_directory ? strrchr (source->path, '/') + 1 : source->path);
  else if (is_denied)
    source->problem =
        g_strdup_printf ("cannot be decrypted, is the secret right? (%s)", error->message);
  else
    source->problem = g_strdup (error->message);
}

void
source_read (const State *state, Source *source)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeSecretBlob) blob = read_file (source, &error);

  if (blob)
    parse (state, source, ike_secret_blob_data (blob), ike_secret_blob_len (blob), &error);
  if (error)
    note_failure (source, error);
}

void
source_read_inline (const State *state, Source *source, const char *value)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeSecretBlob) blob = value_decode (value, &error);

  if (blob)
    parse (state, source, ike_secret_blob_data (blob), ike_secret_blob_len (blob), &error);
  if (error)
    note_failure (source, error);
}
