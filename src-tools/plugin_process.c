/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_process.c - runs a check in a process of its own, which has no network and little time,
 * and says what came of it, also when it crashed, hung, or was told of a mistake by GLib. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "plugin.h"

enum { REPORT_MAX = 16384 };

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

void
plugin_is_doing (const PluginCase *c, const char *doing)
{
  g_strlcpy (c->trace->doing, doing, sizeof c->trace->doing);
}

/* " while …", or nothing; g_free. */
static char *
when_it_was (const PluginTrace *trace)
{
  if (!*trace->doing)
    return g_strdup ("");
  return *trace->how ? g_strdup_printf (" while %s (%s)", trace->doing, trace->how)
                     : g_strdup_printf (" while %s", trace->doing);
}

/* A function of the library was not used as its header says; the first is the cause of the rest. */
static void
keep_mistake (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  PluginTrace *trace = data;
  g_autofree char *when = when_it_was (trace);

  if (!(level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR)))
    g_log_default_handler (domain, level, message, NULL);
  else if (!*trace->mistake)
    g_snprintf (trace->mistake, sizeof trace->mistake, "%s: %s", when, message);
}

/* The child's side: never returns.  What a plugin prints is not the report.  It ends with @parent,
 * who may be gone before we ask for that. */
static void
child (PluginCheck check, const PluginCase *c, pid_t parent, int fd)
{
  const struct rlimit none = { 0, 0 };
  GString *text = g_string_new (NULL);
  gboolean is_good = FALSE;

  if (prctl (PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid () != parent)
    _exit (1);
  setrlimit (RLIMIT_CORE, &none);
  g_log_set_default_handler (keep_mistake, c->trace);
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

/* FALSE: it did not end in time. */
static gboolean
read_report (int fd, guint seconds, GString *report)
{
  gint64 until_us = g_get_monotonic_time () + (gint64) seconds * G_USEC_PER_SEC;
  struct pollfd waits = { .fd = fd, .events = POLLIN };
  char buffer[1024];

  for (;;) {
    gint64 left_us = until_us - g_get_monotonic_time ();
    gssize n;

    if (left_us <= 0)
      return FALSE;
    if (poll (&waits, 1, (int) (left_us / 1000 + 1)) <= 0)
      continue;
    n = read (fd, buffer, sizeof buffer);
    if (n == 0 || (n < 0 && errno != EINTR))
      return TRUE;
    if (n > 0 && report->len < REPORT_MAX)
      g_string_append_len (report, buffer, n);
  }
}

static void
say_how_it_ended (const PluginCase *c, gboolean is_in_time, int status, GString *text)
{
  const PluginTrace *trace = c->trace;
  g_autofree char *when = when_it_was (trace);

  if (!is_in_time)
    g_string_printf (text,
                     "it did not end within %d s%s: find what waits or circles, for instance a "
                     "loop that deactivate does not free",
                     c->tool->limit_s, when);
  else if (*trace->mistake)
    g_string_printf (text, "the library was used wrongly%s", trace->mistake);
  else if (WIFSIGNALED (status))
    g_string_printf (text,
                     "it crashed (%s)%s: run this under a debugger, or build it with "
                     "-fsanitize=address",
                     strsignal (WTERMSIG (status)), when);
  else
    g_string_printf (text,
                     "it ended the process (status %d)%s: a plugin never calls exit, and what a "
                     "sanitizer found stands above",
                     WEXITSTATUS (status), when);
}

/* TRUE: the check ended by itself, and nothing was said on the way. */
static gboolean
wait_for (pid_t pid, int fd, PluginCase *c, GString *report, GString *text)
{
  gboolean is_in_time = read_report (fd, (guint) c->tool->limit_s, report);
  int status = 0;

  if (!is_in_time)
    kill (pid, SIGKILL);
  while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
    ;
  c->has_died = !is_in_time || !report->len || !WIFEXITED (status) || *c->trace->mistake;
  if (c->has_died)
    say_how_it_ended (c, is_in_time, status, text);
  return !c->has_died;
}

gboolean
plugin_run_apart (PluginCheck check, PluginCase *c, GString *text)
{
  g_autoptr (GString) report = g_string_new (NULL);
  pid_t pid, parent = getpid ();
  gboolean is_good = FALSE;
  int fds[2];

  c->trace =
      mmap (NULL, sizeof *c->trace, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  fflush (NULL);
  if (c->trace == MAP_FAILED || pipe (fds) != 0 || (pid = fork ()) < 0) {
    g_string_printf (text, "cannot make a process: %s", g_strerror (errno));
    return FALSE;
  }
  if (pid == 0) {
    close (fds[0]);
    child (check, c, parent, fds[1]);
  }
  close (fds[1]);
  if (wait_for (pid, fds[0], c, report, text)) {
    g_string_append (text, report->str + 1);
    is_good = report->str[0] == '+';
  }
  close (fds[0]);
  munmap (c->trace, sizeof *c->trace);
  return is_good;
}
