/* SPDX-License-Identifier: Apache-2.0 */
/* listener.c - makes a listening unix socket that a group may use. */
#include <errno.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <ikebana/error.h>
#include "listener.h"

enum { BACKLOG = 16 };

static gboolean
fail (GError **error, const char *what, const char *path)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot %s control socket %s: %s", what, path,
               g_strerror (errno));
  return FALSE;
}

/* Only a connection that is refused proves that nobody is there. */
static gboolean
remove_stale (const struct sockaddr_un *address, GError **error)
{
  struct stat status;
  int fd, saved;
  if (lstat (address->sun_path, &status) < 0)
    return errno == ENOENT ? TRUE : fail (error, "look at", address->sun_path);
  if (!S_ISSOCK (status.st_mode)) {
    g_set_error (
        error, IKE_ERROR, IKE_ERROR_SYSTEM,
        "%s is there already and is no socket; remove it or set plugins.control-json.socket_dir",
        address->sun_path);
    return FALSE;
  }
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return fail (error, "probe", address->sun_path);
  saved = connect (fd, (const struct sockaddr *) address, sizeof *address) == 0 ? 0 : errno;
  close (fd);
  if (saved == 0 || saved == EAGAIN) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_BUSY,
                 "another daemon answers at %s; stop it, or set plugins.control-json.socket_dir",
                 address->sun_path);
    return FALSE;
  }
  errno = saved;
  if (saved != ECONNREFUSED)
    return fail (error, "probe", address->sun_path);
  return unlink (address->sun_path) == 0 || errno == ENOENT
             ? TRUE
             : fail (error, "remove the stale", address->sun_path);
}

static gboolean
give_to_group (const char *path, const char *name, GError **error)
{
  char buffer[4096];
  struct group group, *found = NULL;
  if (name == NULL || name[0] == 0)
    return TRUE;
  if (getgrnam_r (name, &group, buffer, sizeof buffer, &found) != 0 || found == NULL)
    return TRUE;
  /* A daemon that may not change groups keeps its own. */
  if (lchown (path, (uid_t) -1, found->gr_gid) < 0 && errno != EPERM)
    return fail (error, "change the group of", path);
  return TRUE;
}

static gboolean
bind_there (int fd, const struct sockaddr_un *address, const char *group, GError **error)
{
  /* The mode of the unbound socket, less the umask, is the mode of the file that bind() makes:
   * there is no moment in which others may connect. */
  if (fchmod (fd, 0660) < 0)
    return fail (error, "protect", address->sun_path);
  if (bind (fd, (const struct sockaddr *) address, sizeof *address) < 0)
    return fail (error, "make", address->sun_path);
  if (!give_to_group (address->sun_path, group, error))
    return FALSE;
  if (chmod (address->sun_path, 0660) < 0)
    return fail (error, "protect", address->sun_path);
  if (listen (fd, BACKLOG) < 0)
    return fail (error, "listen on", address->sun_path);
  return TRUE;
}

int
control_listen (const char *path, const char *group_or_empty, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd;
  if (g_strlcpy (address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path) {
    g_set_error (
        error, IKE_ERROR, IKE_ERROR_CONFIG,
        "the path of the control socket is longer than %d bytes: %s; choose a shorter socket_dir",
        (int) sizeof address.sun_path - 1, path);
    return -1;
  }
  if (!remove_stale (&address, error))
    return -1;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    fail (error, "make", path);
    return -1;
  }
  if (!bind_there (fd, &address, group_or_empty, error)) {
    close (fd);
    return -1;
  }
  return fd;
}
