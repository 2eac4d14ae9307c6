/* SPDX-License-Identifier: Apache-2.0 */
/* service.c - the lock file, going to the background, and the messages to a service manager. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "daemon.h"

/* The descriptor stays open, and with it the lock, as long as the process lives; the file stays,
 * because removing it would let two daemons lock two files of one name. */
gboolean
daemon_lock (Daemon *daemon, DaemonStatus *status)
{
  g_autofree char *path = g_build_filename (daemon->run_dir, "ikebanad.lock", NULL);
  char owner[32] = "", pid[32];
  int fd, len;
  *status = DAEMON_DENIED;
  if (g_mkdir_with_parents (daemon->run_dir, 0755) < 0) {
    daemon_complain (
        daemon,
        "cannot make the directory %s: %s; start as root, or name another with --socket-dir",
        daemon->run_dir, g_strerror (errno));
    return FALSE;
  }
  fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) {
    daemon_complain (daemon,
                     "cannot open the lock file %s: %s; start as root, or name another directory "
                     "with --socket-dir",
                     path, g_strerror (errno));
    return FALSE;
  }
  if (flock (fd, LOCK_EX | LOCK_NB) < 0) {
    if (pread (fd, owner, sizeof owner - 1, 0) < 0)
      owner[0] = 0;
    daemon_complain (daemon,
                     "another ikebanad runs already (process %d, lock file %s); stop it first, or "
                     "give this one a "
                     "--socket-dir of its own",
                     atoi (owner), path);
    close (fd);
    *status = DAEMON_RUNS_ALREADY;
    return FALSE;
  }
  len = g_snprintf (pid, sizeof pid, "%d\n", (int) getpid ());
  if (ftruncate (fd, 0) < 0 || pwrite (fd, pid, (size_t) len, 0) != len) {
    daemon_complain (daemon, "cannot write the lock file %s: %s", path, g_strerror (errno));
    close (fd);
    return FALSE;
  }
  return TRUE;
}

static void
wait_for_child (pid_t child, int ready)
{
  char byte;
  int result = 0;
  ssize_t n;
  do
    n = read (ready, &byte, 1);
  while (n < 0 && errno == EINTR);
  if (n == 1)
    _exit (DAEMON_OK);
  while (waitpid (child, &result, 0) < 0 && errno == EINTR)
    ;
  _exit (WIFEXITED (result) ? WEXITSTATUS (result) : DAEMON_FAILED);
}

static gboolean
detach (Daemon *daemon, int ready)
{
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  daemon->messages = fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  /* daemon_is_ready() finds the pipe behind this number. */
  if (null < 0 || setsid () < 0 || chdir ("/") < 0 || dup2 (null, STDIN_FILENO) < 0
      || dup2 (ready, STDOUT_FILENO) < 0 || dup2 (null, STDERR_FILENO) < 0)
    return FALSE;
  close (null);
  close (ready);
  return TRUE;
}

gboolean
daemon_background (Daemon *daemon)
{
  int ends[2];
  pid_t child;
  if (pipe (ends) < 0 || (child = fork ()) < 0) {
    daemon_complain (daemon, "cannot go to the background: %s", g_strerror (errno));
    return FALSE;
  }
  if (child > 0) {
    close (ends[1]);
    wait_for_child (child, ends[0]);
  }
  close (ends[0]);
  if (detach (daemon, ends[1]))
    return TRUE;
  daemon_complain (daemon, "cannot go to the background: %s", g_strerror (errno));
  return FALSE;
}

void
daemon_is_ready (Daemon *daemon)
{
  int null;
  daemon_notify ("READY=1");
  if (!daemon->is_daemonized)
    return;
  if (write (STDOUT_FILENO, "", 1) == 1 && (null = open ("/dev/null", O_WRONLY | O_CLOEXEC)) >= 0) {
    dup2 (null, STDOUT_FILENO);
    close (null);
  }
  if (daemon->messages >= 0)
    close (daemon->messages);
  daemon->messages = -1;
}

void
daemon_notify (const char *state)
{
  const char *path = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gsize len = path != NULL ? strlen (path) : 0;
  int fd;
  if (len < 2 || len >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
    return;
  memcpy (address.sun_path, path, len);
  if (path[0] == '@')
    address.sun_path[0] = 0;
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return;
  /* A manager that does not listen is no reason to do anything differently. */
  if (sendto (fd, state, strlen (state), MSG_NOSIGNAL, (const struct sockaddr *) &address,
              (socklen_t) (offsetof (struct sockaddr_un, sun_path) + len)) < 0)
    fprintf (stderr, "ikebanad: the service manager does not listen at %s: %s\n", path,
             g_strerror (errno));
  close (fd);
}
