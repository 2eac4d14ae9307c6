/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_process.c - runs a check in a process of its own, which has no network and little time,
 * and says what came of it, also when it crashed. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "plugin.h"

enum { SECONDS_MAX = 120, REPORT_MAX = 16384 };

#define OFFSET_LOW(i)                                                                              \
  (offsetof (struct seccomp_data, args[i]) + (G_BYTE_ORDER == G_BIG_ENDIAN ? 4 : 0))

/* Sockets are of family AF_UNIX, or are not made; that needs no privilege.  FALSE: the kernel
 * cannot. */
static gboolean
leave_network (void)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, OFFSET_LOW (0)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (code), code };

  return prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
         && prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void
write_all (int fd, const char *data, gsize len)
{
  while (len > 0) {
    gssize n = write (fd, data, len);
    if (n < 0 && errno != EINTR)
      return;
    data += MAX (n, 0);
    len -= (gsize) MAX (n, 0);
  }
}

/* The child's side: never returns.  What a plugin prints is not the report. */
static void
child (PluginCheck check, const PluginCase *c, int fd)
{
  const struct rlimit none = { 0, 0 };
  GString *text = g_string_new (NULL);
  gboolean is_good = FALSE;

  setrlimit (RLIMIT_CORE, &none);
  alarm (SECONDS_MAX);
  dup2 (STDERR_FILENO, STDOUT_FILENO);
  if (leave_network ())
    is_good = check (c, text);
  else
    g_string_printf (text, "cannot do without a network: %s: run where seccomp filters are allowed",
                     g_strerror (errno));
  g_string_prepend_c (text, is_good ? '+' : '-');
  write_all (fd, text->str, MIN (text->len, REPORT_MAX));
  _exit (0);
}

static void
read_report (int fd, GString *report)
{
  char buffer[1024];

  for (;;) {
    gssize n = read (fd, buffer, sizeof buffer);
    if (n == 0 || (n < 0 && errno != EINTR))
      return;
    if (n > 0 && report->len < REPORT_MAX)
      g_string_append_len (report, buffer, n);
  }
}

static void
say_how_it_ended (int status, GString *text)
{
  if (WIFSIGNALED (status) && WTERMSIG (status) == SIGALRM)
    g_string_printf (
        text,
        "it did not end within %d s: find what waits or circles, for instance a loop that "
        "deactivate does not free",
        SECONDS_MAX);
  else if (WIFSIGNALED (status))
    g_string_printf (text,
                     "it crashed (%s): run this under a debugger, or build it with "
                     "-fsanitize=address",
                     strsignal (WTERMSIG (status)));
  else
    g_string_printf (text,
                     "it ended the process (status %d): a plugin never calls exit, and what a "
                     "sanitizer found stands above",
                     WEXITSTATUS (status));
}

gboolean
plugin_run_apart (PluginCheck check, const PluginCase *c, GString *text)
{
  g_autoptr (GString) report = g_string_new (NULL);
  int fds[2], status = 0;
  pid_t pid;

  fflush (NULL);
  if (pipe (fds) != 0 || (pid = fork ()) < 0) {
    g_string_printf (text, "cannot make a process: %s", g_strerror (errno));
    return FALSE;
  }
  if (pid == 0) {
    close (fds[0]);
    child (check, c, fds[1]);
  }
  close (fds[1]);
  read_report (fds[0], report);
  close (fds[0]);
  while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
    ;
  if (report->len > 0 && WIFEXITED (status)) {
    g_string_append (text, report->str + 1);
    return report->str[0] == '+';
  }
  say_how_it_ended (status, text);
  return FALSE;
}
