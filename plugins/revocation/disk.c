/* SPDX-License-Identifier: Apache-2.0 */
/* disk.c - CRLs in files, so that a restart does not fetch them all.
 *
 * The name of a file is the SHA-256 of the URI.  What is read is checked like what was fetched. */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ikebana/error.h>
#include "revocation.h"

static const char suffix[] = ".crl";

enum { HASH_LEN = 64 };

char *
disk_path (const char *directory, const char *uri)
{
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, uri, -1);

  return g_strconcat (directory, "/", hash, suffix, NULL);
}

static GBytes *
read_all (int fd, gsize len)
{
  g_autofree guint8 *data = g_malloc (MAX (len, 1));
  gsize got = 0;

  while (got < len) {
    ssize_t n = read (fd, data + got, len - got);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return NULL;
    got += (gsize) n;
  }
  return g_bytes_new_take (g_steal_pointer (&data), len);
}

GBytes *
disk_read (const char *path, gsize max, gint64 *written)
{
  int fd = open (path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  GBytes *data = NULL;
  struct stat is;

  if (fd < 0)
    return NULL;
  if (fstat (fd, &is) == 0 && S_ISREG (is.st_mode) && is.st_size > 0 && (gsize) is.st_size <= max)
    data = read_all (fd, (gsize) is.st_size);
  *written = data ? (gint64) is.st_mtime : 0;
  close (fd);
  return data;
}

static gboolean
write_all (int fd, GBytes *data)
{
  gsize len, done = 0;
  const guint8 *bytes = g_bytes_get_data (data, &len);

  while (done < len) {
    ssize_t n = write (fd, bytes + done, len - done);
    if (n < 0 && errno != EINTR)
      return FALSE;
    done += n > 0 ? (gsize) n : 0;
  }
  return TRUE;
}

/* A file is there as a whole or not at all: it is written under another name and then renamed.  One
 * that a crash cut short in spite of that does not parse, and is fetched again. */
gboolean
disk_write (const char *path, GBytes *data, GError **error)
{
  g_autofree char *temporary = g_strconcat (path, ".XXXXXX", NULL);
  int fd = g_mkstemp_full (temporary, O_RDWR | O_CLOEXEC, 0640), failed = 0;

  if (fd < 0)
    failed = errno;
  else {
    if (!write_all (fd, data))
      failed = errno;
    if (close (fd) < 0 && !failed)
      failed = errno;
    if (!failed && rename (temporary, path) < 0)
      failed = errno;
    if (failed)
      unlink (temporary);
  }
  if (failed)
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot write %s: %s", path,
                 g_strerror (failed));
  return !failed;
}

static gboolean
is_ours (const char *name)
{
  return strspn (name, "0123456789abcdef") == HASH_LEN && strcmp (name + HASH_LEN, suffix) == 0;
}

void
disk_clear (const char *directory)
{
  GDir *dir = g_dir_open (directory, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir)))
    if (is_ours (name)) {
      g_autofree char *path = g_build_filename (directory, name, NULL);
      unlink (path);
    }
  g_clear_pointer (&dir, g_dir_close);
}
