/* SPDX-License-Identifier: Apache-2.0 */
/* pki_files.c - bytes in and out, passphrases, and what went wrong. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ikebana/secret.h>
#include "pki.h"

enum { PASSPHRASE_MAX = 1024 };

/* -- complaints */

gboolean
pki_fail (GError **error, const char *format, ...)
{
  unsigned long first = ERR_get_error ();
  const char *reason = first ? ERR_reason_error_string (first) : NULL;
  g_autofree char *text = NULL;
  va_list list;

  va_start (list, format);
  text = g_strdup_vprintf (format, list);
  va_end (list);
  g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "%s%s%s", text, reason ? ": " : "",
               reason ? reason : "");
  ERR_clear_error ();
  return FALSE;
}

void
pki_note (const char *format, ...)
{
  g_autofree char *text = NULL, *clean = NULL;
  va_list list;

  va_start (list, format);
  text = g_strdup_vprintf (format, list);
  va_end (list);
  clean = show_clean (text);
  fprintf (stderr, "ikebana: pki: note: %s\n", clean);
}

const char *
pki_path (const char *path)
{
  return path && strcmp (path, "-") != 0 ? path : "standard input";
}

/* -- input */

typedef struct {
  guint8 *data;
  gsize len, size;
} Buffer;

static void
buffer_free (gpointer data)
{
  Buffer *buffer = data;

  if (buffer->data)
    ike_wipe (buffer->data, buffer->size);
  g_free (buffer->data);
  g_free (buffer);
}

/* By hand: a reallocation would leave a copy of a key behind. */
static void
buffer_grow (Buffer *buffer)
{
  gsize size = buffer->size ? buffer->size * 2 : 16384;
  guint8 *data = g_malloc (size);

  if (buffer->data) {
    memcpy (data, buffer->data, buffer->len);
    ike_wipe (buffer->data, buffer->size);
    g_free (buffer->data);
  }
  buffer->data = data;
  buffer->size = size;
}

/* Up to one byte more than PKI_FILE_MAX. */
static gboolean
buffer_fill (Buffer *buffer, int fd)
{
  while (buffer->len <= PKI_FILE_MAX) {
    gssize n;
    if (buffer->len == buffer->size)
      buffer_grow (buffer);
    n = read (fd, buffer->data + buffer->len, buffer->size - buffer->len);
    if (n == 0)
      return TRUE;
    if (n < 0 && errno != EINTR)
      return FALSE;
    buffer->len += (gsize) MAX (n, 0);
  }
  return TRUE;
}

GBytes *
pki_read_bytes (const char *path, GError **error)
{
  gboolean is_stdin = !path || strcmp (path, "-") == 0;
  int fd = is_stdin ? STDIN_FILENO : open (path, O_RDONLY | O_CLOEXEC), saved;
  Buffer *buffer = g_new0 (Buffer, 1);
  gboolean is_read = fd >= 0 && buffer_fill (buffer, fd);

  saved = errno;
  if (!is_stdin && fd >= 0)
    close (fd);
  if (is_read && buffer->len > 0 && buffer->len <= PKI_FILE_MAX)
    return g_bytes_new_with_free_func (buffer->data, buffer->len, buffer_free, buffer);
  if (!is_read)
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot read %s: %s", pki_path (path),
                 g_strerror (saved));
  else
    g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "%s is %s", pki_path (path),
                 buffer->len ? "larger than 4 MiB" : "empty");
  buffer_free (buffer);
  return NULL;
}

/* -- output */

gboolean
pki_is_der (const PkiArgs *args)
{
  return g_strcmp0 (pki_text (args, "form"), "der") == 0;
}

static gboolean
write_all (int fd, const char *data, gsize len)
{
  while (len > 0) {
    gssize n = write (fd, data, len);
    if (n < 0 && errno != EINTR)
      return FALSE;
    data += MAX (n, 0);
    len -= (gsize) MAX (n, 0);
  }
  return TRUE;
}

/* A pipe, a terminal, /dev/null: nothing that could be replaced. */
static gboolean
write_stream (int fd, const char *path, const char *data, gsize len, GError **error)
{
  gboolean is_written = fd >= 0 && write_all (fd, data, len);

  if (!is_written)
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot write %s: %s", path,
                 g_strerror (errno));
  if (fd > STDERR_FILENO)
    close (fd);
  return is_written;
}

gboolean
pki_write (const PkiArgs *args, BIO *content, gboolean is_secret, GError **error)
{
  const char *path = pki_text (args, "out");
  mode_t mask = umask (0);
  char *data = NULL;
  long len = BIO_get_mem_data (content, &data);
  struct stat st;

  umask (mask);
  if (!path || strcmp (path, "-") == 0)
    return write_stream (STDOUT_FILENO, "standard output", data, (gsize) len, error);
  if (stat (path, &st) == 0) {
    if (!S_ISREG (st.st_mode))
      return write_stream (open (path, O_WRONLY | O_CLOEXEC), path, data, (gsize) len, error);
    if (is_secret && !pki_has (args, "force")) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED,
                   "%s exists; a private key is overwritten with --force only", path);
      return FALSE;
    }
  }
  return g_file_set_contents_full (path, data, len, G_FILE_SET_CONTENTS_CONSISTENT,
                                   is_secret ? 0600 : (int) (0666 & ~mask), error);
}

/* -- passphrases */

static char *
passphrase_of_file (const char *path, GError **error)
{
  g_autoptr (GBytes) bytes = pki_read_bytes (path, error);
  const char *data;
  gsize len;

  if (!bytes)
    return NULL;
  data = g_bytes_get_data (bytes, &len);
  len = MIN (len, (gsize) ((const char *) memchr (data, '\n', len) ?: data + len) - (gsize) data);
  len -= len > 0 && data[len - 1] == '\r';
  if (len == 0 || len >= PASSPHRASE_MAX || memchr (data, 0, len)) {
    pki_fail (error, "%s: its first line must be the passphrase, at most %d bytes", path,
              PASSPHRASE_MAX - 1);
    return NULL;
  }
  return g_strndup (data, len);
}

static char *
ask_passphrase (const char *what, gboolean is_new, GError **error)
{
  char buffer[PASSPHRASE_MAX];
  g_autofree char *prompt = g_strdup_printf ("Passphrase for %s: ", what);
  char *answer = NULL;

  if (EVP_read_pw_string_min (buffer, is_new ? 4 : 0, sizeof buffer, prompt, is_new) == 0)
    answer = g_strdup (buffer);
  else
    pki_fail (error, "no passphrase for %s was read", what);
  ike_wipe (buffer, sizeof buffer);
  return answer;
}

char *
pki_passphrase (const PkiArgs *args, const char *what, gboolean is_new, GError **error)
{
  const char *path = pki_text (args, "passphrase-file");
  const char *text = g_getenv ("IKEBANA_PASSPHRASE");

  if (path)
    return passphrase_of_file (path, error);
  if (text && text[0])
    return g_strndup (text, PASSPHRASE_MAX - 1);
  if (isatty (STDIN_FILENO))
    return ask_passphrase (what, is_new, error);
  g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED,
               "%s needs a passphrase: give --passphrase-file FILE, or set IKEBANA_PASSPHRASE",
               what);
  return NULL;
}

void
pki_passphrase_free (char *passphrase)
{
  if (passphrase)
    ike_wipe (passphrase, strlen (passphrase));
  g_free (passphrase);
}
