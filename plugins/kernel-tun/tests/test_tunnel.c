/* SPDX-License-Identifier: Apache-2.0 */
/* test_tunnel.c - two engines in two network namespaces with SAs installed by hand: pings go
 * through, spoofed ones not.
 *
 * Needs the privilege to make namespaces and TUN devices, and the programs ip and ping; without
 * them it is skipped.  Each engine lives on a thread of its own in a namespace of its own, and
 * all that it opens stays there. */
#include "config.h"
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <pthread.h>
#include <ikebana/engine.h>
#include <ikebana/kernel.h>
#include "kernel-tun/tests/tunnel_ends.h"
#include "kernel-tun/tests/tunnel_batch.h"

static const IkeTransform gcm = { IKE_TRANSFORM_ENCR, 0, 20, 256 }, none = { 0 };
static const IkeTransform cbc = { IKE_TRANSFORM_ENCR, 0, 12, 128 },
                          sha256 = { IKE_TRANSFORM_INTEG, 0, 12, 0 };

/* Pings in both families through a tunnel, twelve packets each way; sizes up to what the device
 * takes. */
static void
check_tunnel (Tunnel *t, const char *ping)
{
  Batch batches[2];
  IkeKernelUse out, in;
  guint64 before = counter (1, "esp.in");
  g_autofree char *small = g_strdup_printf ("%s -c 8 -i 0.01 -W 10", ping);
  g_autofree char *large = g_strdup_printf ("%s -c 4 -i 0.01 -W 10 -s 1300", ping);
  up (t, batches);
  g_assert_true (run_in (&left, small));
  g_assert_true (run_in (&left, large));
  out = use_of (0, &batches[0].sas[1]);
  in = use_of (1, &batches[1].sas[0]);
  g_assert_cmpuint (out.packets, ==, 12);
  g_assert_cmpuint (in.packets, ==, 12);
  g_assert_cmpuint (out.bytes, ==, in.bytes);
  g_assert_cmpuint (in.sequence, ==, 12);
  g_assert_cmpuint (in.last_use_us, >, 0);
  g_assert_cmpuint (counter (1, "esp.in") - before, ==, 12);
  down (batches);
  g_assert_false (run_in (&left, "ping -c 1 -W 1 10.2.0.1"));
}

static const char ping4[] = "ping 10.2.0.1 -I 10.1.0.1", ping6[] = "ping -6 fd00:2::1 -I fd00:1::1";

#define NETS4 { "10.1.0.0/16", "10.2.0.0/16" }
#define NETS6 { "fd00:1::/32", "fd00:2::/32" }
#define OUTER4 { "192.0.2.1", "192.0.2.2" }
#define OUTER6 { "2001:db8::1", "2001:db8::2" }

static void
test_udp4 (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x01000101, 0x01000201 }, gcm, none, 36, 0 };
  check_tunnel (&t, ping4);
}

/* The SPIs belong to the second loop, so packets are forwarded when they come to the first one. */
static void
test_udp4_second_loop (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP | IKE_KERNEL_ESN, { 0x02000102, 0x02000202 }, cbc,
               sha256, 16, 32 };
  check_tunnel (&t, ping4);
}

static void
test_udp6 (void)
{
  Tunnel t = { OUTER6, NETS6, IKE_KERNEL_ENCAP | IKE_KERNEL_ESN, { 0x01000103, 0x02000203 }, gcm,
               none, 36, 0 };
  check_tunnel (&t, ping6);
}

static void
test_ipv6_in_ipv4 (void)
{
  Tunnel t = { OUTER4, NETS6, IKE_KERNEL_ENCAP, { 0x01000104, 0x02000204 }, gcm, none, 36, 0 };
  check_tunnel (&t, ping6);
}

static void
test_raw4 (void)
{
  Tunnel t = { OUTER4, NETS4, 0, { 0x01000105, 0x02000205 }, gcm, none, 36, 0 };
  check_tunnel (&t, ping4);
}

static void
test_raw_ipv4_in_ipv6 (void)
{
  Tunnel t = { OUTER6, NETS4, IKE_KERNEL_COPY_DF | IKE_KERNEL_COPY_ECN,
               { 0x02000106, 0x01000206 }, cbc, sha256, 16, 32 };
  check_tunnel (&t, ping4);
}

/* The remote network is the peer itself: IKE and ESP still go around the tunnel. */
static void
test_host_to_host (void)
{
  Tunnel t = { OUTER4, { "192.0.2.1/32", "192.0.2.2/32" }, IKE_KERNEL_ENCAP,
               { 0x01000107, 0x01000207 }, gcm, none, 36, 0 };
  Batch batches[2];
  up (&t, batches);
  g_assert_true (run_in (&left, "ping -c 3 -i 0.01 -W 10 192.0.2.2"));
  g_assert_cmpuint (use_of (1, &batches[1].sas[0]).packets, ==, 3);
  down (batches);
  g_assert_true (run_in (&left, "ping -c 1 -W 10 192.0.2.2"));
}

/* Attack: the peer sends through its SA from an address that was not negotiated. */
static void
test_selectors (void)
{
  Tunnel agreed = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x01000108, 0x02000208 }, gcm, none, 36, 0 },
         wide = agreed;
  Batch batches[2];
  guint64 before = counter (1, "esp.bad-selector");
  wide.inner[0] = "0.0.0.0/0";
  fill_batch (&batches[0], &wide, 0);
  fill_batch (&batches[1], &agreed, 1);
  for (guint me = 0; me < 2; me++)
    do_batch (me, &batches[me], ask_install);
  g_assert_false (run_in (&left, "ping -c 2 -i 0.01 -W 1 -I 192.0.2.1 10.2.0.1"));
  g_assert_cmpuint (counter (1, "esp.bad-selector") - before, ==, 2);
  g_assert_cmpuint (use_of (1, &batches[1].sas[0]).n_bad_selector, ==, 2);
  g_assert_true (run_in (&left, "ping -c 1 -W 10 -I 10.1.0.1 10.2.0.1"));
  down (batches);
}

static void
test_wrong_keys (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x01000109, 0x02000209 }, gcm, none, 36, 0 };
  Batch batches[2];
  guint64 before = counter (1, "esp.bad-icv");
  for (guint me = 0; me < 2; me++)
    fill_batch (&batches[me], &t, me);
  batches[0].sas[1].encr_key = keys[1];
  for (guint me = 0; me < 2; me++)
    do_batch (me, &batches[me], ask_install);
  g_assert_false (run_in (&left, "ping -c 1 -W 1 -I 10.1.0.1 10.2.0.1"));
  g_assert_cmpuint (counter (1, "esp.bad-icv") - before, ==, 1);
  g_assert_cmpuint (use_of (1, &batches[1].sas[0]).packets, ==, 0);
  down (batches);
}

/* One after the other: of several at once, ping waits for two round-trips only when it has had an
 * answer, and the first one over a new path, which asks for the neighbour, may well take longer
 * than the second has then. */
static void
ping_each (guint n)
{
  for (guint i = 0; i < n; i++)
    g_assert_true (run_in (&left, "ping -c 1 -W 10 -I 10.1.0.1 10.2.0.1"));
}

/* A second pair of SAs for the same policies takes over, and the first may go. */
static void
test_rekey (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x0100010a, 0x0200020a }, gcm, none, 36, 0 },
         next = t;
  Batch old[2], new[2];
  next.spis[0] = 0x0200010b;
  next.spis[1] = 0x0100020b;
  up (&t, old);
  ping_each (2);
  up (&next, new);
  ping_each (3);
  g_assert_cmpuint (use_of (1, &old[1].sas[0]).packets, ==, 2);
  g_assert_cmpuint (use_of (1, &new[1].sas[0]).packets, ==, 3);
  down (old);
  ping_each (4);
  g_assert_cmpuint (use_of (1, &new[1].sas[0]).packets, ==, 7);
  down (new);
}

static void
test_update (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x0100010c, 0x0200020c }, gcm, none, 36, 0 },
         moved = t;
  Batch old[2], new[2];
  moved.outer[0] = "2001:db8::1";
  moved.outer[1] = "2001:db8::2";
  up (&t, old);
  ping_each (2);
  for (guint me = 0; me < 2; me++) {
    fill_batch (&new[me], &moved, me);
    for (guint i = 0; i < 2; i++) {
      Question question = {
        .side = side_of (me), .ask = ask_update, .data = &old[me].sas[i], .more = &new[me].sas[i]
      };
      ask (&question, NULL);
    }
  }
  /* The counters go on where they were. */
  ping_each (2);
  g_assert_cmpuint (use_of (1, &new[1].sas[0]).packets, ==, 4);
  g_assert_cmpuint (use_of (0, &new[0].sas[0]).packets, ==, 4);
  down (new);
}

static void
test_limits (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x0100010e, 0x0200020e }, gcm, none, 36, 0 };
  Batch batches[2];
  atomic_store (&n_soft, 0);
  atomic_store (&n_hard, 0);
  for (guint me = 0; me < 2; me++)
    fill_batch (&batches[me], &t, me);
  batches[0].sas[1].soft_packets = 2;
  batches[0].sas[1].hard_packets = 4;
  for (guint me = 0; me < 2; me++)
    do_batch (me, &batches[me], ask_install);
  g_assert_true (run_in (&left, "ping -c 4 -i 0.01 -W 10 -I 10.1.0.1 10.2.0.1"));
  g_assert_cmpint (atomic_load (&n_soft), ==, 1);
  g_assert_cmpint (atomic_load (&n_hard), ==, 1);
  g_assert_false (run_in (&left, "ping -c 1 -W 1 -I 10.1.0.1 10.2.0.1"));
  g_assert_cmpuint (use_of (0, &batches[0].sas[1]).packets, ==, 4);
  down (batches);
}

/* What waited leaves a moment after the installation was answered. */
static void
wait_for_packets (const IkeKernelSa *sa, guint64 n)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_S * G_USEC_PER_SEC;
  while (use_of (0, sa).packets < n && g_get_monotonic_time () < deadline)
    usleep (1000);
  g_assert_cmpuint (use_of (0, sa).packets, ==, n);
}

/* Without an SA the first packet is kept; it leaves when there is one. */
static void
test_trap (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x0100010f, 0x0200020f }, gcm, none, 36, 0 };
  Batch batches[2], trap;
  atomic_store (&n_acquired, 0);
  for (guint me = 0; me < 2; me++)
    fill_batch (&batches[me], &t, me);
  trap = batches[0];
  trap.policies[0].spi = 0;
  trap.batch = (IkeKernelBatch) { sizeof trap.batch, 0, 1, NULL, trap.policies };
  do_batch (0, &trap, ask_install);
  g_assert_false (run_in (&left, "ping -c 3 -i 0.01 -W 1 -I 10.1.0.1 10.2.0.1"));
  g_assert_cmpint (atomic_load (&n_acquired), ==, 1);
  do_batch (1, &batches[1], ask_install);
  do_batch (0, &batches[0], ask_install);
  g_assert_true (run_in (&left, "ping -c 1 -W 10 -I 10.1.0.1 10.2.0.1"));
  wait_for_packets (&batches[0].sas[1], 4);
  down (batches);
  do_batch (0, &trap, ask_remove);
}

/* What came of it is said by number of the trap. */
static void
end_acquire (gboolean is_up)
{
  IkeKernelAcquire acquire = { .struct_size = sizeof acquire, .reqid = 1 };
  Batch nothing = { .batch = { .struct_size = sizeof nothing.batch } };
  kernel_of (&left)->acquired (left.kernel->plugin, &acquire, is_up);
  /* Answered behind it. */
  do_batch (0, &nothing, ask_remove);
}

/* Nothing came of it: what waited is gone, and the next packet asks at once. */
static void
test_trap_in_vain (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x01000131, 0x02000231 }, gcm, none, 36, 0 };
  Batch batches[2], trap;
  atomic_store (&n_acquired, 0);
  for (guint me = 0; me < 2; me++)
    fill_batch (&batches[me], &t, me);
  trap = batches[0];
  trap.policies[0].spi = 0;
  trap.batch = (IkeKernelBatch) { sizeof trap.batch, 0, 1, NULL, trap.policies };
  do_batch (0, &trap, ask_install);
  g_assert_false (run_in (&left, "ping -c 2 -i 0.01 -W 1 -I 10.1.0.1 10.2.0.1"));
  end_acquire (FALSE);
  g_assert_false (run_in (&left, "ping -c 1 -W 1 -I 10.1.0.1 10.2.0.1"));
  g_assert_cmpint (atomic_load (&n_acquired), ==, 2);
  do_batch (1, &batches[1], ask_install);
  do_batch (0, &batches[0], ask_install);
  g_assert_true (run_in (&left, "ping -c 1 -W 10 -I 10.1.0.1 10.2.0.1"));
  wait_for_packets (&batches[0].sas[1], 2);
  down (batches);
  do_batch (0, &trap, ask_remove);
}

/* A peer narrowed it: the SA has a narrower policy, and another reqid than the trap, whose packets
 * find it all the same.  Those that it does not carry ask again, without being sent again. */
static void
test_trap_narrowed (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x01000132, 0x02000232 }, gcm, none, 36, 0 };
  Batch batches[2], trap;
  atomic_store (&n_acquired, 0);
  for (guint me = 0; me < 2; me++)
    fill_batch (&batches[me], &t, me);
  trap = batches[0];
  trap.policies[0].spi = 0;
  trap.batch = (IkeKernelBatch) { sizeof trap.batch, 0, 1, NULL, trap.policies };
  do_batch (0, &trap, ask_install);
  for (guint i = 0; i < 2; i++)
    batches[0].sas[i].reqid = batches[0].policies[i].reqid = 8;
  g_assert_true (ike_selector_parse (&batches[0].policies[0].destination, "10.2.0.1", NULL));
  g_assert_true (ike_selector_parse (&batches[0].policies[1].source, "10.2.0.1", NULL));
  g_assert_false (run_in (&left, "ping -c 1 -W 1 -I 10.1.0.1 10.2.0.1"));
  g_assert_false (run_in (&left, "ping -c 1 -W 1 -I 10.1.0.1 10.2.0.9"));
  g_assert_cmpint (atomic_load (&n_acquired), ==, 1);
  do_batch (1, &batches[1], ask_install);
  do_batch (0, &batches[0], ask_install);
  g_assert_cmpint (atomic_load (&n_acquired), ==, 1);
  end_acquire (TRUE);
  for (guint i = 0; i < 1000 * PATIENCE_S && atomic_load (&n_acquired) < 2; i++)
    usleep (1000);
  g_assert_cmpint (atomic_load (&n_acquired), ==, 2);
  g_assert_true (run_in (&left, "ping -c 1 -W 10 -I 10.1.0.1 10.2.0.1"));
  wait_for_packets (&batches[0].sas[1], 2);
  down (batches);
  do_batch (0, &trap, ask_remove);
}

/* Of another reqid, with the same selectors, and there after the SA: the SA still goes first. */
static void
test_trap_behind (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x01000134, 0x02000234 }, gcm, none, 36, 0 };
  Batch batches[2], trap;
  atomic_store (&n_acquired, 0);
  fill_batch (&trap, &t, 0);
  trap.policies[0].spi = 0;
  trap.policies[0].reqid = 8;
  trap.batch = (IkeKernelBatch) { sizeof trap.batch, 0, 1, NULL, trap.policies };
  for (guint i = 0; i < 2; i++) {
    up (&t, batches);
    do_batch (0, &trap, ask_install);
    g_assert_true (run_in (&left, "ping -c 1 -W 10 -I 10.1.0.1 10.2.0.1"));
    do_batch (0, &trap, ask_remove);
    down (batches);
    do_batch (0, &trap, ask_install);
    up (&t, batches);
    g_assert_true (run_in (&left, "ping -c 1 -W 10 -I 10.1.0.1 10.2.0.1"));
    down (batches);
    do_batch (0, &trap, ask_remove);
  }
  g_assert_cmpint (atomic_load (&n_acquired), ==, 0);
}

/* Packets that are authentic come from another address than the SA says. */
static void
test_mapping (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x01000110, 0x02000210 }, gcm, none, 36, 0 };
  Batch batches[2];
  atomic_store (&n_mapped, 0);
  for (guint me = 0; me < 2; me++)
    fill_batch (&batches[me], &t, me);
  batches[1].sas[0].source = addr ("192.0.2.99", 4500);
  batches[1].policies[1].outer_source = batches[1].sas[0].source;
  for (guint me = 0; me < 2; me++)
    do_batch (me, &batches[me], ask_install);
  g_assert_true (run_in (&left, "ping -c 1 -W 10 -I 10.1.0.1 10.2.0.1"));
  g_assert_cmpint (atomic_load (&n_mapped), ==, 1);
  down (batches);
}

/* DF is copied and the wire is narrow: the sender of the inner packet is told. */
static void
test_path_mtu (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP | IKE_KERNEL_COPY_DF, { 0x01000111, 0x02000211 },
               gcm, none, 36, 0 };
  Batch batches[2];
  up (&t, batches);
  g_assert_true (run_in (&left, "ip link set wire mtu 1300"));
  g_assert_false (run_in (&left, "ping -c 3 -i 0.2 -W 1 -M do -s 1300 -I 10.1.0.1 10.2.0.1"));
  g_assert_cmpuint (counter (0, "esp.too-big"), >=, 1);
  g_assert_true (run_in (&left, "ip route get 10.2.0.1 from 10.1.0.1 | grep -q 'mtu 12'"));
  g_assert_true (run_in (&left, "ping -c 1 -W 10 -M do -s 1100 -I 10.1.0.1 10.2.0.1"));
  g_assert_true (run_in (&left, "ip link set wire mtu 1500"));
  down (batches);
}

static void
check_refused (const Batch *batch, const char *expected)
{
  Question question = { .side = &left, .ask = ask_install, .data = &batch->batch };
  g_autofree char *error = NULL;
  ask (&question, &error);
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error, expected));
}

/* The one that cannot be installed takes the others with it. */
static void
test_all_or_nothing (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x0100010d, 0x0200020d }, gcm, none, 36, 0 };
  Batch batch, good;
  g_autofree char *error = NULL;
  fill_batch (&good, &t, 0);
  batch = good;
  batch.batch.sas = batch.sas;
  batch.batch.policies = batch.policies;
  batch.sas[1].encr_key_len = 16;
  check_refused (&batch, "keys of 16");
  batch.sas[1] = good.sas[1];
  batch.sas[1].mode = IKE_MODE_BEET;
  check_refused (&batch, "inner addresses");
  batch.sas[1] = good.sas[1];
  batch.sas[1].ipcomp = 2;
  check_refused (&batch, "does not compress");
  batch.sas[1] = good.sas[1];
  batch.sas[1].protocol = IKE_PROTOCOL_AH;
  check_refused (&batch, "cannot pass a NAT");
  batch.sas[1] = good.sas[1];
  batch.sas[1].label = "blue";
  check_refused (&batch, "no security labels");
  batch.sas[1] = good.sas[1];
  batch.sas[0].spi = 0x77000001;
  check_refused (&batch, "not given out");
  batch.sas[0] = good.sas[0];
  batch.policies[1].mode = IKE_MODE_BEET;
  check_refused (&batch, "between two addresses");
  {
    Question question = { .side = &left, .ask = ask_query, .data = &good.sas[0] };
    ask (&question, &error);
    g_assert_nonnull (strstr (error, "no SA"));
  }
  do_batch (0, &good, ask_install);
  check_refused (&good, "already");
  do_batch (0, &good, ask_remove);
  do_batch (0, &good, ask_remove);
}

/* -- a stream: large packets on both devices, cut, sealed, opened and gathered */

enum { STREAM_LEN = 8 << 20, STREAM_PORT = 7777 };

static guint8
stream_byte (guint32 at)
{
  return (guint8) (at ^ at >> 8 ^ at >> 16);
}

static void *
send_stream (void *data)
{
  int fd = *(int *) data;
  g_autofree guint8 *bytes = g_malloc (STREAM_LEN);
  for (guint32 i = 0; i < STREAM_LEN; i++)
    bytes[i] = stream_byte (i);
  for (guint32 at = 0; at < STREAM_LEN;) {
    ssize_t sent = send (fd, bytes + at, STREAM_LEN - at, MSG_NOSIGNAL);
    g_assert_cmpint (sent, >, 0);
    at += (guint32) sent;
  }
  shutdown (fd, SHUT_WR);
  return NULL;
}

static guint32
check_stream (int fd)
{
  g_autofree guint8 *bytes = g_malloc (65536);
  guint32 at = 0;
  ssize_t got;
  while ((got = recv (fd, bytes, 65536, 0)) > 0)
    for (ssize_t i = 0; i < got; i++, at++)
      g_assert_cmpuint (bytes[i], ==, stream_byte (at));
  g_assert_cmpint (got, ==, 0);
  return at;
}

/* A socket of the namespace of @side, bound to its inner address. */
static int
stream_socket (const Side *side, const char *text, guint16 port)
{
  struct sockaddr_storage own;
  struct timeval patience = { PATIENCE_S, 0 };
  IkeAddr at = addr (text, port);
  int fd, on = 1;
  g_assert_cmpint (setns (side->namespace, CLONE_NEWNET), ==, 0);
  fd = socket (at.family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (setns (home, CLONE_NEWNET), ==, 0);
  g_assert_cmpint (fd, >=, 0);
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &own, ike_addr_to_sockaddr (&at, &own)), ==, 0);
  return fd;
}

/* With a reset: what is left of a connection would be sent again while a later test counts. */
static void
end_stream (int fd)
{
  struct linger at_once = { 1, 0 };
  setsockopt (fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close (fd);
}

static void
stream (const char *from, const char *to)
{
  int listening = stream_socket (&right, to, STREAM_PORT), client = stream_socket (&left, from, 0);
  IkeAddr there = addr (to, STREAM_PORT);
  struct sockaddr_storage target;
  pthread_t sender;
  int accepted;
  g_assert_cmpint (listen (listening, 1), ==, 0);
  g_assert_cmpint (
      connect (client, (struct sockaddr *) &target, ike_addr_to_sockaddr (&there, &target)), ==, 0);
  accepted = accept (listening, NULL, NULL);
  g_assert_cmpint (accepted, >=, 0);
  g_assert_cmpint (pthread_create (&sender, NULL, send_stream, &client), ==, 0);
  g_assert_cmpuint (check_stream (accepted), ==, STREAM_LEN);
  pthread_join (sender, NULL);
  end_stream (accepted);
  end_stream (client);
  close (listening);
}

static void
test_stream (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x01000114, 0x02000214 }, gcm, none, 36, 0 };
  Tunnel t6 = { OUTER4, NETS6, IKE_KERNEL_ENCAP, { 0x01000115, 0x02000215 }, gcm, none, 36, 0 };
  Batch batches[2];
  up (&t, batches);
  stream ("10.1.0.1", "10.2.0.1");
  g_assert_cmpuint (use_of (0, &batches[0].sas[1]).bytes, >, STREAM_LEN);
  /* Nothing that the kernel could cut apart fits the path now; each packet is fragmented. */
  g_assert_true (run_in (&left, "ip link set wire mtu 1300"));
  stream ("10.1.0.1", "10.2.0.1");
  g_assert_true (run_in (&left, "ip link set wire mtu 1500"));
  down (batches);
  up (&t6, batches);
  stream ("fd00:1::1", "fd00:2::1");
  down (batches);
}

/* -- policies */

/* One outbound policy on the left, without an SA. */
static void
fill_bare_policy (Batch *batch, IkeMode mode, const char *destination)
{
  IkeKernelPolicy *policy = &batch->policies[0];
  *policy = (IkeKernelPolicy){
    .struct_size = sizeof *policy, .direction = IKE_DIR_OUT, .mode = mode, .reqid = 9
  };
  g_assert_true (ike_selector_parse (&policy->source, "0.0.0.0/0", NULL));
  g_assert_true (ike_selector_parse (&policy->destination, destination, NULL));
  batch->batch = (IkeKernelBatch) { sizeof (IkeKernelBatch), 0, 1, NULL, batch->policies };
}

/* RFC 4301, 4.4.1: DISCARD.  It is for what no tunnel takes, as swanctl has it; with a priority it
 * goes before the tunnel, for as long as it is there. */
static void
test_drop (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x01000112, 0x02000212 }, gcm, none, 36, 0 };
  Batch batches[2], drop;
  guint64 before = counter (0, "tun.policy-drop");
  up (&t, batches);
  fill_bare_policy (&drop, IKE_MODE_DROP, "10.2.0.1/32");
  do_batch (0, &drop, ask_install);
  g_assert_true (run_in (&left, "ping -c 1 -W 10 -I 10.1.0.1 10.2.0.1"));
  do_batch (0, &drop, ask_remove);
  drop.policies[0].priority = 1;
  do_batch (0, &drop, ask_install);
  g_assert_false (run_in (&left, "ping -c 2 -i 0.01 -W 1 -I 10.1.0.1 10.2.0.1"));
  g_assert_cmpuint (counter (0, "tun.policy-drop") - before, ==, 2);
  g_assert_cmpuint (use_of (0, &batches[0].sas[1]).packets, ==, 1);
  do_batch (0, &drop, ask_remove);
  g_assert_true (run_in (&left, "ping -c 1 -W 10 -I 10.1.0.1 10.2.0.1"));
  g_assert_cmpuint (counter (0, "tun.policy-drop") - before, ==, 2);
  down (batches);
}

/* BYPASS: what it covers goes past the device, the way that the main table says. */
static void
test_pass (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x01000113, 0x02000213 }, gcm, none, 36, 0 };
  Batch batches[2], pass;
  up (&t, batches);
  g_assert_true (run_in (&left, "ip route add 10.2.0.1/32 via 192.0.2.2"));
  fill_bare_policy (&pass, IKE_MODE_PASS, "10.2.0.1/32");
  do_batch (0, &pass, ask_install);
  g_assert_true (run_in (&left, "ping -c 2 -i 0.01 -W 10 -I 192.0.2.1 10.2.0.1"));
  g_assert_cmpuint (use_of (0, &batches[0].sas[1]).packets, ==, 0);
  do_batch (0, &pass, ask_remove);
  g_assert_true (run_in (&left, "ping -c 1 -W 10 -I 10.1.0.1 10.2.0.1"));
  g_assert_cmpuint (use_of (0, &batches[0].sas[1]).packets, ==, 1);
  g_assert_true (run_in (&left, "ip route del 10.2.0.1/32"));
  down (batches);
}

static gboolean
goes_to_device (const char *from, guint port)
{
  g_autofree char *command = g_strdup_printf (
      "ip route get 10.2.0.1 from %s ipproto tcp dport %u | grep ipsec0", from, port);
  return run_in (&left, command);
}

/* Of some protocol, and from some addresses only: everything else is the tunnel's. */
static void
test_pass_narrow (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x01000133, 0x02000233 }, gcm, none, 36, 0 };
  Batch batches[2], pass;
  char *error = NULL;
  up (&t, batches);
  g_assert_true (run_in (&left, "ip route add 10.2.0.1/32 via 192.0.2.2"));
  fill_bare_policy (&pass, IKE_MODE_PASS, "10.2.0.0/16[tcp/22]");
  g_assert_true (ike_selector_parse (&pass.policies[0].source, "10.1.0.0/24", NULL));
  do_batch (0, &pass, ask_install);
  g_assert_false (goes_to_device ("10.1.0.1", 22));
  g_assert_true (goes_to_device ("10.1.0.1", 23));
  g_assert_true (goes_to_device ("192.0.2.1", 22));
  g_assert_true (run_in (&left, "ping -c 1 -W 10 -I 10.1.0.1 10.2.0.1"));
  do_batch (0, &pass, ask_remove);
  g_assert_true (goes_to_device ("10.1.0.1", 22));
  g_assert_true (run_in (&left, "ip route del 10.2.0.1/32"));
  fill_bare_policy (&pass, IKE_MODE_PASS, "10.2.0.0/16[icmp/2048]");
  ask (&(Question){ .side = &left, .ask = ask_install, .data = &pass.batch }, &error);
  g_assert_nonnull (strstr (error, "no types of ICMP"));
  g_free (error);
  down (batches);
}

static void
test_spis (void)
{
  guint32 seen[8];
  for (guint i = 0; i < G_N_ELEMENTS (seen); i++) {
    Question question = { .side = &left, .ask = ask_spi };
    seen[i] = GPOINTER_TO_UINT (ask (&question, NULL));
    g_assert_cmpuint (seen[i] >> 24, >=, 1);
    g_assert_cmpuint (seen[i] >> 24, <=, N_SHARDS);
    for (guint j = 0; j < i; j++)
      g_assert_cmpuint (seen[i], !=, seen[j]);
    kernel_of (&left)->free_spi (left.kernel->plugin, IKE_PROTOCOL_ESP, seen[i], NULL);
  }
}

static void
test_source (void)
{
  IkeAddr peer = addr ("192.0.2.2", 0), own = addr ("192.0.2.1", 0), other = addr ("192.0.2.77", 0);
  const IkeKernelNetClass *klass = left.net->ops;
  Question question = { .side = &left, .ask = ask_source, .data = &peer };
  g_autofree IkeAddr *source = ask (&question, NULL);
  g_assert_true (ike_addr_same_host (source, &own));
  g_assert_true (klass->is_local (left.net->plugin, &own));
  g_assert_false (klass->is_local (left.net->plugin, &other));
}

/* -- two machines and a wire */

static gboolean
make_namespace (Side *side)
{
  if (unshare (CLONE_NEWNET) != 0)
    return FALSE;
  side->namespace = open ("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  return side->namespace >= 0 && run ("ip link set lo up");
}

static gboolean
make_wire (void)
{
  g_autofree char *target = g_strdup_printf ("/proc/%d/fd/%d", (int) getpid (), left.namespace);
  return run ("ip link add wire type veth peer name wire netns %s", target)
         && run ("ip addr add 192.0.2.2/24 dev wire && ip addr add 2001:db8::2/64 dev wire nodad "
                 "&& ip link set wire up")
         && setns (left.namespace, CLONE_NEWNET) == 0
         && run ("ip addr add 192.0.2.1/24 dev wire && ip addr add 2001:db8::1/64 dev wire nodad "
                 "&& ip link set wire up");
}

static const char *
prepare (void)
{
  home = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (access ("/dev/net/tun", R_OK | W_OK) != 0)
    return "/dev/net/tun cannot be opened";
  if (!run ("ip -V >/dev/null 2>&1") || !run ("ping -V >/dev/null 2>&1"))
    return "the programs ip and ping are needed";
  if (!make_namespace (&left) || !make_namespace (&right))
    return "no permission to make network namespaces";
  if (!make_wire ())
    return "no permission to connect network namespaces";
  return setns (home, CLONE_NEWNET) == 0 ? NULL : "cannot return from a network namespace";
}

static void
give_address (Side *side, const char *text)
{
  IkeAddr own = addr (text, 0);
  Question question = { .side = side, .ask = ask_address, .data = &own };
  ask (&question, NULL);
}

static void
begin_lives (void)
{
  for (guint me = 0; me < 2; me++) {
    g_assert_cmpint (pthread_create (&side_of (me)->thread, NULL, live, side_of (me)), ==, 0);
    wait_for (&side_of (me)->is_ready);
  }
  give_address (&left, "10.1.0.1");
  give_address (&left, "fd00:1::1");
  give_address (&right, "10.2.0.1");
  give_address (&right, "fd00:2::1");
}

/* The engines end with SAs installed and packets on their way; nothing of ours is left in the
 * kernel. */
static void
end_lives (void)
{
  Tunnel t = { OUTER4, NETS4, IKE_KERNEL_ENCAP, { 0x01000116, 0x02000216 }, gcm, none, 36, 0 };
  Batch batches[2];
  up (&t, batches);
  g_assert_true (run_in (&left, "ping -c 1 -W 10 -I 10.1.0.1 10.2.0.1"));
  g_assert_true (run_in (&left, "{ timeout 3 ping -i 0.001 -I 10.1.0.1 10.2.0.1 & } ;"
                                "{ timeout 3 ping -i 0.001 -s 1200 -I 10.1.0.1 10.2.0.1 & }"));
  for (guint me = 0; me < 2; me++) {
    ike_engine_quit (side_of (me)->engine);
    atomic_store (&side_of (me)->may_end, 1);
    pthread_join (side_of (me)->thread, NULL);
    g_assert_false (run_in (side_of (me), "ip link show ipsec0"));
    g_assert_false (run_in (side_of (me), "ip rule | grep 210"));
  }
}

int
main (int argc, char **argv)
{
  const char *why_not;
  int result;
  g_test_init (&argc, &argv, NULL);
  why_not = prepare ();
  if (why_not) {
    g_printerr ("skipped: %s\n", why_not);
    return SKIP;
  }
  begin_lives ();
  g_test_add_func ("/tunnel/udp-over-ipv4", test_udp4);
  g_test_add_func ("/tunnel/udp-over-ipv4-to-the-second-loop", test_udp4_second_loop);
  g_test_add_func ("/tunnel/udp-over-ipv6", test_udp6);
  g_test_add_func ("/tunnel/ipv6-in-ipv4", test_ipv6_in_ipv4);
  g_test_add_func ("/tunnel/raw-esp", test_raw4);
  g_test_add_func ("/tunnel/raw-esp-ipv4-in-ipv6", test_raw_ipv4_in_ipv6);
  g_test_add_func ("/tunnel/host-to-host-does-not-loop", test_host_to_host);
  g_test_add_func ("/tunnel/what-was-not-negotiated-is-dropped", test_selectors);
  g_test_add_func ("/tunnel/other-keys-open-nothing", test_wrong_keys);
  g_test_add_func ("/tunnel/a-rekeyed-pair-takes-over", test_rekey);
  g_test_add_func ("/tunnel/endpoints-move-and-counters-stay", test_update);
  g_test_add_func ("/tunnel/limits-are-reported-and-kept", test_limits);
  g_test_add_func ("/tunnel/a-trap-asks-once-and-keeps-the-first-packets", test_trap);
  g_test_add_func ("/tunnel/a-trap-in-vain-asks-again", test_trap_in_vain);
  g_test_add_func ("/tunnel/a-trap-asks-for-what-was-narrowed-away", test_trap_narrowed);
  g_test_add_func ("/tunnel/a-trap-stands-behind-sas", test_trap_behind);
  g_test_add_func ("/tunnel/a-new-mapping-is-reported", test_mapping);
  g_test_add_func ("/tunnel/what-does-not-fit-is-reported-to-its-sender", test_path_mtu);
  g_test_add_func ("/tunnel/a-stream-arrives-as-it-was-sent", test_stream);
  g_test_add_func ("/tunnel/a-drop-policy-drops-while-it-is-there", test_drop);
  g_test_add_func ("/tunnel/a-pass-policy-leads-past-the-device", test_pass);
  g_test_add_func ("/tunnel/a-pass-policy-covers-what-it-says", test_pass_narrow);
  g_test_add_func ("/tunnel/all-is-installed-or-nothing", test_all_or_nothing);
  g_test_add_func ("/tunnel/spis-name-a-loop-and-are-unique", test_spis);
  g_test_add_func ("/tunnel/source-and-own-addresses", test_source);
  result = g_test_run ();
  end_lives ();
  return result;
}
