/* SPDX-License-Identifier: Apache-2.0 */
/* secret.c - see secret.h. */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "secret.h"

/* RFC 6290, 5.1: "32 random octets are generated using a secure random number generator"; "Those 32
 * bytes, called the "QCD_SECRET", are stored in non-volatile storage on the machine, and kept
 * indefinitely."  A longer one that somebody else made is fine. */
enum { LEN = 32, LEN_MAX = 64 };

static gboolean
refuse (GError **error, const char *path, const char *why)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "%s %s", path, why);
  return FALSE;
}

static gboolean
refuse_errno (GError **error, const char *path, const char *what)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "%s cannot be %s: %s", path, what,
               g_strerror (errno));
  return FALSE;
}

/* RFC 6290, 9.1: "The QCD_SECRET MUST be protected from access by other parties." */
static gboolean
check (const struct stat *at, const char *path, GError **error)
{
  if (!S_ISREG (at->st_mode))
    return refuse (error, path, "is no file");
  if (at->st_mode & 077 || (at->st_uid != geteuid () && at->st_uid != 0))
    return refuse (error, path,
                   "can be read by others, who could end all SAs then; make it this user's, with "
                   "mode 0600, or remove it, and a new one is made");
  if (at->st_size && (at->st_size < LEN || at->st_size > LEN_MAX))
    return refuse (error, path, "is no secret of 32 to 64 bytes; remove it, and a new one is made");
  return TRUE;
}

static gboolean
write_new (int fd, const char *path, const guint8 *random, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (path);
  int dir;

  if (write (fd, random, LEN) != LEN || fsync (fd) < 0) {
    refuse_errno (error, path, "written");
    /* A part of it would be taken for another file later. */
    if (ftruncate (fd, 0) < 0)
      unlink (path);
    return FALSE;
  }
  dir = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir >= 0) {
    fsync (dir);
    close (dir);
  }
  return TRUE;
}

/* RFC 6290, 9.2: "IPsec failure detection is not applicable to deployments where the QCD secret is
 * shared by multiple gateways and the gateways cannot assess whether the token can be legitimately
 * sent"; 8.1: "Implementations that may be installed in such configurations SHOULD automatically
 * detect this".  The lock finds those that share a machine or a file system. */
static gboolean
load (QcdSecret *secret, const char *path, const guint8 *random, GError **error)
{
  struct stat at;

  if (flock (secret->fd, LOCK_EX | LOCK_NB) < 0)
    return refuse (error, path,
                   "is in use by another daemon, which may have the SAs that this one does not "
                   "know; give each its own plugins.qcd.secret_file");
  if (fstat (secret->fd, &at) < 0)
    return refuse_errno (error, path, "read");
  if (!check (&at, path, error)
      || (at.st_size == 0 && !write_new (secret->fd, path, random, error)))
    return FALSE;
  secret->bytes = ike_secret_blob_new (NULL, at.st_size ? (gsize) at.st_size : LEN);
  if (pread (secret->fd, ike_secret_blob_data (secret->bytes), ike_secret_blob_len (secret->bytes),
             0)
      == (gssize) ike_secret_blob_len (secret->bytes))
    return TRUE;
  return refuse_errno (error, path, "read");
}

gboolean
qcd_secret_open (QcdSecret *secret, const char *path, const guint8 random[static 32],
                 GError **error)
{
  g_autofree char *directory = g_path_get_dirname (path);

  secret->bytes = NULL;
  g_mkdir_with_parents (directory, 0700);
  secret->fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
  if (secret->fd < 0)
    return refuse_errno (error, path, "opened or made");
  if (load (secret, path, random, error))
    return TRUE;
  qcd_secret_close (secret);
  return FALSE;
}

void
qcd_secret_close (QcdSecret *secret)
{
  g_clear_pointer (&secret->bytes, ike_secret_blob_unref);
  if (secret->fd >= 0)
    close (secret->fd);
  secret->fd = -1;
}
