/* SPDX-License-Identifier: Apache-2.0 */
/* tunnels.h - tunnels between the two ends of ends.h, and what is seen on the wire between them. */
#pragma once
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sys/socket.h>
#include "ends.h"

typedef struct {
  const char  *outer[2], *inner[2];           /* of left, right; inner: selectors */
  guint8       mode, protocol;
  guint8       ipcomp;
  guint32      flags, spis[2];                /* spis: of the receiver */
  guint16      cpis[2];
  guint32      reqid, window;
  IkeTransform encr, integ;
  guint        encr_key_len, integ_key_len;
  guint64      soft_packets, hard_packets;
  guint32      acquire;
} Tunnel;

static const Tunnel plain = { .outer = { "192.0.2.1", "192.0.2.2" },
                              .inner = { "10.1.0.1/32", "10.2.0.1/32" },
                              .mode = IKE_MODE_TUNNEL,
                              .protocol = IKE_PROTOCOL_ESP,
                              .spis = { 0x11111111, 0x22222222 },
                              .reqid = 7,
                              .window = 32,
                              .encr = { IKE_TRANSFORM_ENCR, 0, 20, 256 },
                              .encr_key_len = 36 };

static guint8 keys[2][64];
static gboolean has_ipv6;

/* What one end has of a tunnel. */
typedef struct {
  IkeKernelSa     sas[2];
  IkeKernelPolicy policies[3];
  IkeKernelBatch  batch;
} End;

static void
set_addr (IkeAddr *addr, const char *text, guint16 port)
{
  g_assert_true (ike_addr_parse (addr, text, NULL));
  addr->port = port;
}

static void
make_sa (const Tunnel *tunnel, guint from, gboolean is_out, IkeKernelSa *sa)
{
  guint to = 1 - from;
  guint16 port = tunnel->flags & IKE_KERNEL_ENCAP ? 4500 : 0;
  *sa = (IkeKernelSa){ .struct_size = sizeof *sa,
                       .protocol = tunnel->protocol,
                       .mode = tunnel->mode,
                       .direction = is_out ? IKE_DIR_OUT : IKE_DIR_IN,
                       .flags = tunnel->flags | IKE_KERNEL_COPY_ECN | IKE_KERNEL_COPY_DSCP_OUT,
                       .spi = tunnel->spis[to],
                       .reqid = tunnel->reqid,
                       .encr = tunnel->encr,
                       .integ = tunnel->integ,
                       .encr_key = keys[from],
                       .integ_key = keys[to],
                       .encr_key_len = tunnel->encr_key_len,
                       .integ_key_len = tunnel->integ_key_len,
                       .replay_window = is_out ? 0 : tunnel->window,
                       .soft_packets = tunnel->soft_packets,
                       .hard_packets = tunnel->hard_packets,
                       .child = 1,
                       .ipcomp = tunnel->ipcomp,
                       .cpi = tunnel->cpis[to],
                       .acquire = is_out ? tunnel->acquire : 0 };
  set_addr (&sa->source, tunnel->outer[from], port);
  set_addr (&sa->destination, tunnel->outer[to], port);
  if (tunnel->mode != IKE_MODE_TUNNEL) {
    g_assert_true (ike_selector_parse (&sa->inner_source, tunnel->inner[from], NULL));
    g_assert_true (ike_selector_parse (&sa->inner_destination, tunnel->inner[to], NULL));
  }
}

static void
make_policy (const Tunnel *tunnel, guint own, IkeDirection direction, IkeKernelPolicy *policy)
{
  guint from = direction == IKE_DIR_OUT ? own : 1 - own, to = 1 - from;
  *policy = (IkeKernelPolicy){ .struct_size = sizeof *policy,
                               .direction = (guint8) direction,
                               .mode = tunnel->mode,
                               .protocol = tunnel->protocol,
                               .ipcomp = tunnel->ipcomp,
                               .reqid = tunnel->reqid,
                               .spi = direction == IKE_DIR_OUT ? tunnel->spis[to] : 0 };
  g_assert_true (ike_selector_parse (&policy->source, tunnel->inner[from], NULL));
  g_assert_true (ike_selector_parse (&policy->destination, tunnel->inner[to], NULL));
  set_addr (&policy->outer_source, tunnel->outer[from], 0);
  set_addr (&policy->outer_destination, tunnel->outer[to], 0);
}

static void
make_end (const Tunnel *tunnel, guint own, End *end)
{
  make_sa (tunnel, 1 - own, FALSE, &end->sas[0]);
  make_sa (tunnel, own, TRUE, &end->sas[1]);
  make_policy (tunnel, own, IKE_DIR_OUT, &end->policies[0]);
  make_policy (tunnel, own, IKE_DIR_IN, &end->policies[1]);
  make_policy (tunnel, own, IKE_DIR_FWD, &end->policies[2]);
  end->batch = (IkeKernelBatch){ sizeof end->batch, 2, 3, end->sas, end->policies };
}

static void
install_on (Side *side, const Tunnel *tunnel, guint own)
{
  End end;
  make_end (tunnel, own, &end);
  ask (&(Question){ .side = side, .ask = ask_install, .data = &end.batch }, NULL);
}

static void
remove_from (Side *side, const Tunnel *tunnel, guint own)
{
  End end;
  make_end (tunnel, own, &end);
  ask (&(Question){ .side = side, .ask = ask_remove, .data = &end.batch }, NULL);
}

static void
up (const Tunnel *tunnel)
{
  install_on (&left, tunnel, 0);
  install_on (&right, tunnel, 1);
}

static void
down (const Tunnel *tunnel)
{
  remove_from (&left, tunnel, 0);
  remove_from (&right, tunnel, 1);
}

static IkeKernelUse
use_of (Side *side, const Tunnel *tunnel, guint own, gboolean is_out)
{
  g_autofree IkeKernelUse *use = NULL;
  IkeKernelSa sa;
  make_sa (tunnel, is_out ? own : 1 - own, is_out, &sa);
  use = ask (&(Question){ .side = side, .ask = ask_query, .data = &sa }, NULL);
  return *use;
}

/* -- watching the wire */

/* Everything that leaves by the left end's device.  What comes in is no witness: the kernel shows it
 * once more when it is opened. */
static int
sniff_begin (void)
{
  struct sockaddr_ll own
    = { .sll_family = AF_PACKET, .sll_protocol = htons (ETH_P_ALL) };
  int fd;
  g_assert_cmpint (setns (left.namespace, CLONE_NEWNET), ==, 0);
  fd = socket (AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons (ETH_P_ALL));
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &own, sizeof own), ==, 0);
  g_assert_cmpint (setns (home, CLONE_NEWNET), ==, 0);
  return fd;
}

/* How many packets had inner addresses in the clear (10.0.0.0/8, fd00::/8), how many were
 * protected. */
static void
sniff_end (int fd, guint *n_clear, guint *n_protected)
{
  guint8 data[2048];
  struct sockaddr_ll from;
  socklen_t len = sizeof from;
  gssize got;
  *n_clear = *n_protected = 0;
  while ((got = recvfrom (fd, data, sizeof data, 0, (struct sockaddr *) &from, &len)) > 0) {
    guint protocol = data[0] >> 4 == 4 ? data[9] : data[6];
    len = sizeof from;
    if (from.sll_pkttype != PACKET_OUTGOING || from.sll_hatype != 1 || got < 20)
      continue;
    if (data[0] >> 4 == 4 ? data[12] == 10 : data[8] == 0xfd)
      (*n_clear)++;
    else if (protocol == IPPROTO_ESP || protocol == IPPROTO_AH || protocol == IPPROTO_UDP)
      (*n_protected)++;
  }
  close (fd);
}

static gboolean
ping (const char *from, const char *to, guint n)
{
  return run_in (&left, "ping -q -n -i 0.05 -W 1 -c %u -I %s %s", n, from, to);
}

static void
assert_carries (const char *from, const char *to)
{
  int fd = sniff_begin ();
  guint n_clear, n_protected;
  gboolean is_good = ping (from, to, 2);
  sniff_end (fd, &n_clear, &n_protected);
  g_assert_true (is_good);
  g_assert_cmpuint (n_clear, ==, 0);
  g_assert_cmpuint (n_protected, >=, 2);
}

static void
assert_empty (const Side *side)
{
  g_autofree char *text = NULL;
  g_assert_true (run_in (side, "ip xfrm state; ip xfrm policy | grep '^src 10'; true"));
  text = output ();
  g_assert_cmpstr (text, ==, "");
}
