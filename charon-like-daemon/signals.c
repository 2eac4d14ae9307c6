/* SPDX-License-Identifier: Apache-2.0 */
/* signals.c - SIGTERM and SIGINT end the daemon politely, SIGHUP reloads.
 *
 * All threads block these signals; they are read from a descriptor on the control loop, so nothing
 * here runs in the middle of something else. */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <ikebana/model.h>
#include "daemon.h"

enum { SHUTDOWN_MS = 5000 };

int
daemon_block_signals (void)
{
  struct sigaction ignore = { .sa_handler = SIG_IGN };
  sigset_t set;
  sigaction (SIGPIPE, &ignore, NULL);
  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGHUP);
  if (pthread_sigmask (SIG_BLOCK, &set, NULL) != 0)
    return -1;
  return signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
reload (IkeEngine *engine)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) diff = NULL;
  g_autofree char *state =
      g_strdup_printf ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time ());
  daemon_notify (state);
  diff = ike_engine_reload (engine, FALSE, &error);
  if (diff == NULL)
    ike_log (engine, IKE_LOG_ERROR, "daemon", "reload failed, everything stays as it was: %s",
             error->message);
  else
    ike_log (engine, IKE_LOG_NOTICE, "daemon", "configuration reloaded");
  daemon_notify ("READY=1");
}

static void
end (DaemonSignals *signals)
{
  /* The second time it is meant. */
  if (signals->is_ending) {
    ike_engine_quit (signals->engine);
    return;
  }
  signals->is_ending = TRUE;
  daemon_notify ("STOPPING=1");
  ike_log (signals->engine, IKE_LOG_NOTICE, "daemon",
           "asked to end: deleting all SAs, for at most %d s", SHUTDOWN_MS / 1000);
  ike_engine_shutdown (signals->engine, SHUTDOWN_MS);
}

static void
on_signal (int fd, guint32 events, gpointer data)
{
  DaemonSignals *signals = data;
  struct signalfd_siginfo info;
  if (read (fd, &info, sizeof info) != sizeof info)
    return;
  if (info.ssi_signo == SIGHUP && !signals->is_ending)
    reload (signals->engine);
  else if (info.ssi_signo != SIGHUP)
    end (signals);
}

static void
begin (gpointer data)
{
  DaemonSignals *signals = data;
  signals->watch = ike_loop_watch (ike_engine_control (signals->engine), signals->fd, EPOLLIN,
                                   on_signal, signals);
}

void
daemon_watch_signals (DaemonSignals *signals)
{
  ike_loop_post (ike_engine_control (signals->engine), begin, signals, NULL);
}

void
daemon_unwatch_signals (DaemonSignals *signals)
{
  ike_watch_free (g_steal_pointer (&signals->watch));
}
