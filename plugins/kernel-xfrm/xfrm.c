/* SPDX-License-Identifier: Apache-2.0 */
/* xfrm.c - `kernel:ipsec` comes and goes. */
#include "config.h"
#include <errno.h>
#include <unistd.h>
#include <linux/netlink.h>
#include <sys/utsname.h>
#include "net_private.h"
#include "xfrm.h"

void
xfrm_post (Xfrm *xfrm, IkeFunc run, gpointer data_take, GDestroyNotify free_data)
{
  gboolean is_stopping;
  pthread_rwlock_rdlock (&xfrm->lock);
  is_stopping = xfrm->is_stopping;
  if (!is_stopping)
    ike_loop_post (xfrm->loop, run, data_take, free_data);
  pthread_rwlock_unlock (&xfrm->lock);
  if (is_stopping)
    free_data (data_take);
}

static void
make_tables (Xfrm *xfrm)
{
  xfrm->sas = g_hash_table_new_full (xfrm_sa_hash, xfrm_sa_equal, NULL, g_free);
  xfrm->policies
      = g_hash_table_new_full (xfrm_policy_hash, xfrm_policy_equal, NULL, xfrm_policy_free);
  xfrm->stale
      = g_hash_table_new_full (xfrm_policy_hash, xfrm_policy_equal, NULL, xfrm_policy_free);
  xfrm->reserved = g_hash_table_new_full (xfrm_sa_hash, xfrm_sa_equal, g_free, NULL);
  xfrm->reqids = xfrm_reqids_new ();
  xfrm->moving = g_hash_table_new (NULL, NULL);
  xfrm->waiting = xfrm_waiting_new ();
  xfrm->queue = g_queue_new ();
}

static void
make_counters (Xfrm *xfrm)
{
  xfrm->acquires = ike_counter (xfrm->engine, "xfrm.acquire");
  xfrm->expires = ike_counter (xfrm->engine, "xfrm.expire");
  xfrm->lost = ike_counter (xfrm->engine, "xfrm.events-lost");
  xfrm->foreign = ike_counter (xfrm->engine, "xfrm.foreign-event");
}

static gboolean
open_sockets (Xfrm *xfrm, const XfrmSetup *setup, GError **error)
{
  int requests, events;
  if (setup->requests >= 0) {
    xfrm->requests = netlink_new (xfrm->loop, setup->requests, setup->io, NULL, NULL);
    xfrm->events = netlink_new (xfrm->loop, setup->events, setup->io, &xfrm_listener, xfrm);
    return TRUE;
  }
  requests = net_socket (setup->namespace, NETLINK_XFRM, error);
  if (requests < 0)
    return FALSE;
  xfrm->requests = netlink_new (xfrm->loop, requests, NULL, NULL, NULL);
  events = net_socket (setup->namespace, NETLINK_XFRM, error);
  if (events < 0 || !netlink_join (events, xfrm_groups, error)) {
    if (events >= 0)
      close (events);
    return FALSE;
  }
  xfrm->events = netlink_new (xfrm->loop, events, NULL, &xfrm_listener, xfrm);
  return TRUE;
}

/* Two processes must not share a journal; but a daemon that cannot write one is better than
 * none. */
static gboolean
open_journal (Xfrm *xfrm, const char *dir, GError **error)
{
  g_autoptr (GError) why = NULL;
  if (!dir || !*dir)
    return TRUE;
  xfrm->journal = xfrm_journal_open (dir, netlink_fd (xfrm->requests), &why);
  if (xfrm->journal)
    xfrm->epoch = xfrm_journal_epoch (xfrm->journal);
  else if (g_error_matches (why, IKE_ERROR, IKE_ERROR_BUSY)) {
    g_propagate_error (error, g_steal_pointer (&why));
    return FALSE;
  } else
    ike_log (xfrm->engine, IKE_LOG_ERROR, "kernel-xfrm",
             "%s: after a crash SAs and policies will stay in the kernel; make the directory, or "
             "set plugins.kernel-xfrm.state_dir to one that can be written",
             why->message);
  return TRUE;
}

static void
know_threshold (gpointer data, const NetlinkAnswer *answer)
{
  Xfrm *xfrm = data;
  if (answer->error && answer->error != ECANCELED)
    ike_log (xfrm->engine, IKE_LOG_ERROR, "kernel-xfrm",
             "the kernel does not take the thresholds of its hash of policies: %s", answer->reason);
}

static gboolean
set_thresholds (Xfrm *xfrm, const XfrmSetup *setup, GError **error)
{
  for (guint i = 0; i < 2; i++) {
    const char *text = setup->thresholds[i];
    g_auto (GStrv) parts = text && *text ? g_strsplit (text, "/", 3) : NULL;
    guint64 local, remote, most = i ? 128 : 32;
    XfrmMessage message;
    if (!parts)
      continue;
    if (g_strv_length (parts) != 2
        || !g_ascii_string_to_unsigned (parts[0], 10, 0, most, &local, NULL)
        || !g_ascii_string_to_unsigned (parts[1], 10, 0, most, &remote, NULL)) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                   "plugins.kernel-xfrm.hash_ipv%d: '%s' is not two prefix lengths such as 16/32",
                   i ? 6 : 4, text);
      return FALSE;
    }
    xfrm_message_thresholds (&message, i ? 6 : 4, (guint) local, (guint) remote);
    netlink_ask (xfrm->requests, &message.header, know_threshold, xfrm);
  }
  return TRUE;
}

Xfrm *
xfrm_new (IkePlugin *plugin, const XfrmSetup *setup, GError **error)
{
  Xfrm *xfrm = g_new0 (Xfrm, 1);
  struct utsname name;
  xfrm->plugin = plugin;
  xfrm->engine = ike_plugin_engine (plugin);
  xfrm->loop = setup->loop;
  xfrm->net = setup->net;
  xfrm->can = setup->can;
  xfrm->io = setup->io;
  xfrm->reqid_base = setup->reqid_base;
  xfrm->stale_delay_s = setup->stale_delay_s;
  xfrm->release = g_strdup (uname (&name) == 0 ? name.release : "?");
  pthread_rwlock_init (&xfrm->lock, NULL);
  make_tables (xfrm);
  make_counters (xfrm);
  if (!open_sockets (xfrm, setup, error) || !open_journal (xfrm, setup->state_dir, error)
      || !set_thresholds (xfrm, setup, error)) {
    xfrm->is_stopping = TRUE;
    xfrm_free (xfrm);
    return NULL;
  }
  xfrm_take_over (xfrm);
  return xfrm;
}

void
xfrm_stop (Xfrm *xfrm)
{
  if (!xfrm)
    return;
  pthread_rwlock_wrlock (&xfrm->lock);
  xfrm->is_stopping = TRUE;
  pthread_rwlock_unlock (&xfrm->lock);
}

void
xfrm_free (Xfrm *xfrm)
{
  if (!xfrm)
    return;
  if (xfrm->requests)
    xfrm_flush (xfrm);
  netlink_free (xfrm->events);
  netlink_free (xfrm->requests);
  xfrm_steps_free (xfrm->steps);
  xfrm_request_free (xfrm->current);
  g_queue_free_full (xfrm->queue, (GDestroyNotify) xfrm_request_free);
  g_hash_table_unref (xfrm->sas);
  g_hash_table_unref (xfrm->policies);
  g_hash_table_unref (xfrm->stale);
  g_hash_table_unref (xfrm->reserved);
  g_hash_table_unref (xfrm->reqids);
  g_hash_table_unref (xfrm->moving);
  g_hash_table_unref (xfrm->waiting);
  xfrm_journal_free (xfrm->journal);
  pthread_rwlock_destroy (&xfrm->lock);
  g_free (xfrm->release);
  g_free (xfrm);
}
