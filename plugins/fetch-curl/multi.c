/* SPDX-License-Identifier: Apache-2.0 */
/* multi.c - curl's multi interface as guest of the io loop: its sockets are watches, its time-out
 * is a timer.
 *
 * Nothing blocks.  Names are resolved by curl's own threads, as Debian builds it; a libcurl that
 * was built with neither these nor c-ares would hold the io loop up, and is refused. */
#include <sys/epoll.h>
#include <ikebana/error.h>
#include "fetcher.h"

static void
take_finished (Fetcher *fetcher)
{
  CURLMsg *message;
  int n_left;

  while ((message = curl_multi_info_read (fetcher->multi, &n_left))) {
    CURL *easy = message->easy_handle;
    CURLcode code = message->data.result;
    Transfer *transfer = NULL;

    if (message->msg != CURLMSG_DONE)
      continue;
    curl_easy_getinfo (easy, CURLINFO_PRIVATE, (char **) &transfer);
    curl_multi_remove_handle (fetcher->multi, easy);
    fetcher_done (fetcher, transfer, code);
  }
}

static void
act (Fetcher *fetcher, curl_socket_t socket, int events)
{
  int n_running;

  curl_multi_socket_action (fetcher->multi, socket, events, &n_running);
  take_finished (fetcher);
}

static void
on_ready (int fd, guint32 events, gpointer data)
{
  int what = 0;

  if (events & EPOLLIN)
    what |= CURL_CSELECT_IN;
  if (events & EPOLLOUT)
    what |= CURL_CSELECT_OUT;
  if (events & (EPOLLERR | EPOLLHUP))
    what |= CURL_CSELECT_ERR;
  act (data, fd, what);
}

static void
on_timer (gpointer data)
{
  Fetcher *fetcher = data;

  fetcher->timer = NULL;
  act (fetcher, CURL_SOCKET_TIMEOUT, 0);
}

static int
set_timer (CURLM *multi, long timeout_ms, void *user)
{
  Fetcher *fetcher = user;

  ike_timer_stop (g_steal_pointer (&fetcher->timer));
  if (timeout_ms >= 0)
    fetcher->timer =
        ike_loop_timer_add (fetcher->io, (guint64) timeout_ms, on_timer, fetcher, NULL);
  return 0;
}

static int
set_socket (CURL *easy, curl_socket_t fd, int what, void *user, void *of_socket)
{
  Fetcher *fetcher = user;
  IkeWatch *watch = of_socket;
  guint32 events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

  if (what == CURL_POLL_REMOVE) {
    ike_watch_free (watch);
    curl_multi_assign (fetcher->multi, fd, NULL);
  } else if (watch)
    ike_watch_set_events (watch, events);
  else
    curl_multi_assign (fetcher->multi, fd,
                       ike_loop_watch (fetcher->io, fd, events, on_ready, fetcher));
  return 0;
}

gboolean
multi_open (Fetcher *fetcher, GError **error)
{
  const curl_version_info_data *version;

  if (curl_global_init (CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "libcurl cannot be initialised");
    return FALSE;
  }
  version = curl_version_info (CURLVERSION_NOW);
  fetcher->multi = curl_multi_init ();
  if (!(version->features & CURL_VERSION_ASYNCHDNS) || !fetcher->multi) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "libcurl %s %s", version->version,
                 fetcher->multi ? "would stop the daemon while it resolves a name: it was built "
                                  "without its threaded resolver and without c-ares"
                                : "has no memory");
    multi_close (fetcher);
    return FALSE;
  }
  curl_multi_setopt (fetcher->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
  curl_multi_setopt (fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
  curl_multi_setopt (fetcher->multi, CURLMOPT_TIMERFUNCTION, set_timer);
  curl_multi_setopt (fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
  curl_multi_setopt (fetcher->multi, CURLMOPT_PIPELINING, (long) CURLPIPE_NOTHING);
  curl_multi_setopt (fetcher->multi, CURLMOPT_MAXCONNECTS, (long) fetcher->limits.max_parallel);
  return TRUE;
}

void
multi_close (Fetcher *fetcher)
{
  if (fetcher->multi)
    curl_multi_cleanup (g_steal_pointer (&fetcher->multi));
  ike_timer_stop (g_steal_pointer (&fetcher->timer));
  curl_global_cleanup ();
}
