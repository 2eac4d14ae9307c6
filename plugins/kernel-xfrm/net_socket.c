/* SPDX-License-Identifier: Apache-2.0 */
/* net_socket.c - netlink sockets in another network namespace.
 *
 * A socket belongs to the namespace of the thread that opened it, for ever.  So a thread of its own
 * goes there, opens one and ends; no other thread ever changes its namespace. */
#define _GNU_SOURCE                           /* setns */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include "net_private.h"

typedef struct {
  char   *path;
  int     bus, fd;
  GError *error;
} Visit;

static void *
visit (void *data)
{
  Visit *v = data;
  int there = open (v->path, O_RDONLY | O_CLOEXEC);
  if (there < 0 || setns (there, CLONE_NEWNET) < 0)
    g_set_error (&v->error, IKE_ERROR, IKE_ERROR_SYSTEM,
                 "cannot go into network namespace %s: %s; ip netns shows what there is", v->path,
                 g_strerror (errno));
  else
    v->fd = netlink_socket (v->bus, &v->error);
  if (there >= 0)
    close (there);
  return NULL;
}

int
net_socket (const char *name, int bus, GError **error)
{
  Visit v = { .bus = bus, .fd = -1 };
  pthread_t thread;
  int failed;
  if (!name || !*name)
    return netlink_socket (bus, error);
  v.path = strchr (name, '/') ? g_strdup (name) : g_build_filename ("/run/netns", name, NULL);
  failed = pthread_create (&thread, NULL, visit, &v);
  if (failed)
    g_set_error (&v.error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot start a thread: %s",
                 g_strerror (failed));
  else
    pthread_join (thread, NULL);
  g_free (v.path);
  if (v.error)
    g_propagate_error (error, v.error);
  return v.fd;
}
