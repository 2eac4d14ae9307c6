/* SPDX-License-Identifier: Apache-2.0 */
/* process.c - one running program: spawned without a shell, watched through a pidfd, its output
 * logged line by line. */
#define _GNU_SOURCE /* pipe2, posix_spawn_file_actions_addchdir_np */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <ikebana/error.h>
#include <ikebana/log.h>
#include "process.h"

enum {
  LINE_BYTES_MAX = 512,
  LINES_MAX = 100, /* of one run; the rest is read and dropped */
  READS_PER_TURN = 8,
};

struct _Process {
  IkeEngine *engine;
  const char *group, *what, *hint;
  char *name;
  pid_t pid;
  int pidfd, output; /* -1: closed */
  IkeWatch *pid_watch, *output_watch;
  IkeTimer *timer;
  guint64 timeout_ms;
  guint n_lines;
  GString *line;
  void (*ended) (gpointer data);
  gpointer data;
};

static void
process_free (Process *process)
{
  ike_watch_free (process->pid_watch);
  ike_watch_free (process->output_watch);
  if (process->timer != NULL)
    ike_timer_stop (process->timer);
  if (process->pidfd >= 0)
    close (process->pidfd);
  if (process->output >= 0)
    close (process->output);
  g_string_free (process->line, TRUE);
  g_free (process->name);
  g_free (process);
}

/* -- output */

static void
log_line (Process *process)
{
  char text[LINE_BYTES_MAX * 4 + 8];
  if (process->line->len > 0 && process->n_lines++ < LINES_MAX)
    ike_log_text (process->engine, IKE_LOG_NOTICE, process->group, process->name,
                  ike_escape (text, sizeof text, process->line->str, process->line->len));
  g_string_truncate (process->line, 0);
}

/* FALSE at its end. */
static gboolean
read_output (Process *process)
{
  char chunk[4096];
  ssize_t n = read (process->output, chunk, sizeof chunk);
  if (n < 0)
    return errno == EINTR;
  for (ssize_t i = 0; i < n; i++) {
    if (chunk[i] == '\n' || process->line->len == LINE_BYTES_MAX)
      log_line (process);
    if (chunk[i] != '\n')
      g_string_append_c (process->line, chunk[i]);
  }
  return n > 0;
}

static void
close_output (Process *process)
{
  if (process->output < 0)
    return;
  log_line (process);
  ike_watch_free (g_steal_pointer (&process->output_watch));
  close (process->output);
  process->output = -1;
}

static void
on_output (int fd, guint32 events, gpointer data)
{
  Process *process = data;
  if (!read_output (process) && errno != EAGAIN)
    close_output (process);
}

/* -- end */

static void
log_end (Process *process, const siginfo_t *info)
{
  if (info->si_code == CLD_EXITED && info->si_status == 0)
    return;
  if (info->si_code == CLD_EXITED)
    ike_log (process->engine, IKE_LOG_ERROR, process->group, "%s: %s failed with exit status %d",
             process->name, process->what, info->si_status);
  else
    ike_log (process->engine, IKE_LOG_ERROR, process->group, "%s: %s was ended by signal %d",
             process->name, process->what, info->si_status);
}

static void
on_exit_of (int fd, guint32 events, gpointer data)
{
  Process *process = data;
  siginfo_t info = { 0 };
  void (*ended) (gpointer) = process->ended;
  gpointer ended_data = process->data;
  if (waitid (P_PID, (id_t) process->pid, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
    return;
  /* What it wrote last; a child that it left behind may keep the pipe open, and is not waited for.
   */
  for (guint i = 0; i < READS_PER_TURN && process->output >= 0 && read_output (process); i++)
    ;
  close_output (process);
  log_end (process, &info);
  process_free (process);
  ended (ended_data);
}

static void
on_timeout (gpointer data)
{
  Process *process = data;
  process->timer = NULL;
  ike_log (process->engine, IKE_LOG_ERROR, process->group,
           "%s: %s did not end within %" G_GUINT64_FORMAT " s and is killed; %s", process->name,
           process->what, process->timeout_ms / 1000, process->hint);
  /* It leads a process group of its own: its children go with it. */
  kill (-process->pid, SIGKILL);
  kill (process->pid, SIGKILL);
}

/* -- start */

static int
spawn (pid_t *pid, const ProcessOptions *options, int input, int output)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  int code;
  sigemptyset (&none);
  sigfillset (&all);
  posix_spawn_file_actions_init (&actions);
  if (input >= 0)
    posix_spawn_file_actions_adddup2 (&actions, input, STDIN_FILENO);
  else
    posix_spawn_file_actions_addopen (&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2 (&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2 (&actions, output, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np (&actions, "/");
  posix_spawnattr_init (&attributes);
  /* The daemon blocks signals in all its threads; the program starts like any other. */
  posix_spawnattr_setsigmask (&attributes, &none);
  posix_spawnattr_setsigdefault (&attributes, &all);
  posix_spawnattr_setpgroup (&attributes, 0);
  posix_spawnattr_setflags (&attributes,
                            POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  code = posix_spawn (pid, options->argv[0], &actions, &attributes, options->argv,
                      options->environment);
  posix_spawnattr_destroy (&attributes);
  posix_spawn_file_actions_destroy (&actions);
  return code;
}

static gboolean
fail (GError **error, const char *what, const char *program, int code)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot %s %s: %s", what, program,
               g_strerror (code));
  return FALSE;
}

/* A file in memory: whoever reads it never waits, and we never do. */
static int
open_input (const char *text)
{
  gsize len = strlen (text);
  int fd = memfd_create ("input", MFD_CLOEXEC);
  if (fd >= 0 && write (fd, text, len) == (ssize_t) len && lseek (fd, 0, SEEK_SET) == 0)
    return fd;
  if (fd >= 0)
    close (fd);
  return -1;
}

static gboolean
start_watched (Process *process, const ProcessOptions *options, int write_end, GError **error)
{
  int input = options->input != NULL ? open_input (options->input) : -1;
  int code = options->input != NULL && input < 0 ? errno
                                                 : spawn (&process->pid, options, input, write_end);
  if (input >= 0)
    close (input);
  if (code != 0)
    return fail (error, "run", options->argv[0], code);
  process->pidfd = (int) syscall (SYS_pidfd_open, process->pid, 0);
  if (process->pidfd >= 0)
    return TRUE;
  code = errno;
  kill (-process->pid, SIGKILL);
  waitpid (process->pid, NULL, 0);
  return fail (error, "watch", options->argv[0], code);
}

Process *
process_start (const ProcessOptions *options, GError **error)
{
  IkeLoop *loop = ike_engine_io (options->engine);
  Process *process;
  int ends[2];
  gboolean is_started;
  if (pipe2 (ends, O_CLOEXEC) < 0) {
    fail (error, "make a pipe for", options->argv[0], errno);
    return NULL;
  }
  process = g_new0 (Process, 1);
  process->engine = options->engine;
  process->group = options->group;
  process->what = options->what;
  process->hint = options->hint;
  process->name = g_strdup (options->name);
  process->pidfd = -1;
  process->output = ends[0];
  process->line = g_string_new (NULL);
  process->timeout_ms = options->timeout_ms;
  process->ended = options->ended;
  process->data = options->data;
  /* Only our end: O_NONBLOCK on the other one would be the program's. */
  fcntl (ends[0], F_SETFL, O_NONBLOCK);
  is_started = start_watched (process, options, ends[1], error);
  close (ends[1]);
  if (!is_started) {
    process_free (process);
    return NULL;
  }
  process->pid_watch = ike_loop_watch (loop, process->pidfd, EPOLLIN, on_exit_of, process);
  process->output_watch = ike_loop_watch (loop, process->output, EPOLLIN, on_output, process);
  process->timer = ike_loop_timer_add (loop, options->timeout_ms, on_timeout, process, NULL);
  return process;
}

int
process_fd (const Process *process)
{
  return process->pidfd;
}

void
process_poll (Process *process)
{
  on_exit_of (process->pidfd, EPOLLIN, process);
}

void
process_abandon (Process *process)
{
  process_free (process);
}
