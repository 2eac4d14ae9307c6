/* SPDX-License-Identifier: Apache-2.0 */
/* sockets.c - what the kernel must know of the sockets of IKE, and for how long it waits for us. */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <linux/udp.h>
#include <linux/xfrm.h>
#include <sys/socket.h>
#include "selectors.h"
#include "xfrm.h"

typedef struct {
  int no_bypass, no_encap[2];                 /* errno; of IPv4 and IPv6 */
} Outcome;

/* IKE itself must reach a peer that all traffic to is protected. */
static int
bypass (int fd, guint8 family)
{
  int level = family == 6 ? IPPROTO_IPV6 : IPPROTO_IP;
  int name = family == 6 ? IPV6_XFRM_POLICY : IP_XFRM_POLICY;
  struct xfrm_userpolicy_info policy = { .action = XFRM_POLICY_ALLOW };
  policy.sel.family = (guint16) xfrm_family (family);
  for (policy.dir = XFRM_POLICY_IN; policy.dir <= XFRM_POLICY_OUT; policy.dir++)
    if (setsockopt (fd, level, name, &policy, sizeof policy) < 0)
      return errno;
  return 0;
}

static void
prepare (gpointer data, int fd, guint8 family, gboolean is_marked)
{
  Outcome *outcome = data;
  int type = UDP_ENCAP_ESPINUDP, why = bypass (fd, family);
  if (why)
    outcome->no_bypass = why;
  if (is_marked && setsockopt (fd, IPPROTO_UDP, UDP_ENCAP, &type, sizeof type) < 0)
    outcome->no_encap[family == 6] = errno;
}

void
xfrm_prepare_sockets (IkeEngine *engine)
{
  Outcome outcome = { 0 };
  guint n = 0;
  const IkeProvided *const *list = ike_feature_list (engine, "net", &n);
  for (guint i = 0; i < n; i++) {
    const IkeNetClass *net = list[i]->ops;
    if (net->each_socket)
      net->each_socket (list[i]->plugin, prepare, &outcome);
  }
  if (outcome.no_bypass)
    ike_log (engine, IKE_LOG_ERROR, "kernel-xfrm",
             "IKE cannot be exempted from policies (%s): a policy that covers a peer's own address "
             "will cut it off",
             g_strerror (outcome.no_bypass));
  for (guint i = 0; i < 2; i++)
    if (outcome.no_encap[i])
      ike_log (engine, IKE_LOG_ERROR, "kernel-xfrm",
               "the kernel takes no ESP in UDP over IPv%d (%s): peers behind a NAT will not be "
               "heard",
               i ? 6 : 4, g_strerror (outcome.no_encap[i]));
}

/* In the daemon's network namespace.  @is_least: what is more already stays. */
static void
set_number (IkeEngine *engine, const char *path, guint number, gboolean is_least)
{
  char text[32] = "";
  int fd = open (path, O_RDWR | O_CLOEXEC);
  gulong present;
  gsize len;
  if (fd < 0 || read (fd, text, sizeof text - 1) <= 0) {
    ike_log (engine, IKE_LOG_NOTICE, "kernel-xfrm", "cannot read %s: %s", path, g_strerror (errno));
    if (fd >= 0)
      close (fd);
    return;
  }
  present = strtoul (text, NULL, 10);
  if (is_least ? present < number : present != number) {
    len = (gsize) g_snprintf (text, sizeof text, "%u\n", number);
    if (pwrite (fd, text, len, 0) < 0)
      ike_log (engine, IKE_LOG_NOTICE, "kernel-xfrm", "cannot set %s to %u: %s", path, number,
               g_strerror (errno));
  }
  close (fd);
}

void
xfrm_set_patience (IkeEngine *engine, guint seconds)
{
  set_number (engine, "/proc/sys/net/core/xfrm_acq_expires", seconds, TRUE);
}

void
xfrm_keep_first_packets (IkeEngine *engine)
{
  set_number (engine, "/proc/sys/net/core/xfrm_larval_drop", 0, FALSE);
}
