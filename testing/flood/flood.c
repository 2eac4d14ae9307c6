/* SPDX-License-Identifier: Apache-2.0 */
/* flood.c - sends well-formed IKE_SA_INIT requests from many made-up sources, at a rate, to a host
 * in a network namespace of a test.
 *
 * Sources are of 198.18.0.0/15, which is for benchmarks (RFC 2544): whoever routes them must drop
 * them.  Each request has an SPI, a nonce and a port of its own.  Prints "name value" lines: what
 * the kernel took, and in how long.
 *
 * They go straight to an interface, past routes and queues, so that making them costs little beside
 * what is measured.
 *
 * usage: flood INTERFACE MAC ADDRESS RATE SECONDS      (needs CAP_NET_RAW) */
#include "config.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <glib.h>

enum { BATCH = 64, N_SOURCES = 1 << 17, IKE_PORT = 500, HEADER_LEN = 28, NONCE_LEN = 32 };

/* SA with AES-GCM-16-256, PRF-HMAC-SHA2-256 and x25519, KE with its base point, a nonce. */
static const guint8 payloads[] = {
  34, 0,  0, 40, 0, 0, 0, 36, 1, 1, 0, 3, 3, 0, 0, 12, 1, 0,  0,  20, 0x80,
  14, 1,  0, 3,  0, 0, 8, 2,  0, 0, 5, 0, 0, 0, 8, 4,  0, 0,  31, 40, 0,
  0,  40, 0, 31, 0, 0, 9, 0,  0, 0, 0, 0, 0, 0, 0, 0,  0, 0,  0,  0,  0,
  0,  0,  0, 0,  0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0,  0, 43, 0,  0,  4 + NONCE_LEN,
};
/* What real ones have, too: a vendor ID, so that no answer is longer than the request. */
enum {
  VENDOR_LEN = 96,
  MESSAGE_LEN = HEADER_LEN + (int) sizeof payloads + NONCE_LEN + 4 + VENDOR_LEN
};

typedef struct {
  struct iphdr ip;
  struct udphdr udp;
  guint8 message[MESSAGE_LEN];
} Packet;
G_STATIC_ASSERT (sizeof (Packet) == 20 + 8 + MESSAGE_LEN);

typedef struct {
  int fd;
  guint64 random;
  struct sockaddr_ll to;
  struct in_addr address;
  Packet packets[BATCH];
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH];
} Flood;

/* xorshift64: fast, and nothing here is secret. */
static guint64
next_random (Flood *flood)
{
  flood->random ^= flood->random << 13;
  flood->random ^= flood->random >> 7;
  flood->random ^= flood->random << 17;
  return flood->random;
}

static guint64
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (guint64) now.tv_sec * 1000000000u + (guint64) now.tv_nsec;
}

static void
prepare (Flood *flood)
{
  static const guint8 rest[] = {
    33, 0x20, 34, 0x08, 0, 0, 0, 0, 0, 0, MESSAGE_LEN >> 8, MESSAGE_LEN & 0xff
  };
  guint i;

  for (i = 0; i < BATCH; i++) {
    Packet *p = &flood->packets[i];
    guint8 *vendor = p->message + HEADER_LEN + sizeof payloads + NONCE_LEN;
    p->ip = (struct iphdr){ .ihl = 5,
                            .version = 4,
                            .ttl = 64,
                            .protocol = IPPROTO_UDP,
                            .tot_len = htons (sizeof *p),
                            .daddr = flood->address.s_addr };
    /* No checksum: IPv4 allows that. */
    p->udp = (struct udphdr){ .dest = htons (IKE_PORT), .len = htons (sizeof *p - sizeof p->ip) };
    memcpy (p->message + 16, rest, sizeof rest);
    memcpy (p->message + HEADER_LEN, payloads, sizeof payloads);
    vendor[3] = 4 + VENDOR_LEN;
    flood->parts[i] = (struct iovec){ p, sizeof *p };
    flood->messages[i].msg_hdr = (struct msghdr){ .msg_name = &flood->to,
                                                  .msg_namelen = sizeof flood->to,
                                                  .msg_iov = &flood->parts[i],
                                                  .msg_iovlen = 1 };
  }
}

static guint16
checksum_of (const struct iphdr *ip)
{
  guint16 words[sizeof *ip / 2];
  guint32 sum = 0;
  guint i;

  memcpy (words, ip, sizeof words);
  for (i = 0; i < G_N_ELEMENTS (words); i++)
    sum += words[i];
  sum = (sum & 0xffff) + (sum >> 16);
  return (guint16) ~(sum + (sum >> 16));
}

static void
renew (Flood *flood, Packet *p)
{
  guint64 random = next_random (flood), spi = next_random (flood) | 1;

  p->ip.saddr = htonl (0xc6120000u + (guint32) (random % N_SOURCES));
  p->ip.check = 0;
  p->ip.check = checksum_of (&p->ip);
  p->udp.source = htons ((guint16) (1024 + (random >> 32) % 64000));
  memcpy (p->message, &spi, sizeof spi);
  memcpy (p->message + HEADER_LEN + sizeof payloads, &random, sizeof random);
}

/* How many went out of @n; what the kernel has no room for is lost, as on a full line. */
static guint
send_batch (Flood *flood, guint n)
{
  guint i;
  int sent;

  for (i = 0; i < n; i++)
    renew (flood, &flood->packets[i]);
  sent = sendmmsg (flood->fd, flood->messages, n, 0);
  if (sent < 0 && errno != ENOBUFS && errno != EAGAIN) {
    perror ("flood: sendmmsg");
    exit (1);
  }
  return sent < 0 ? 0 : (guint) sent;
}

static void
run (Flood *flood, guint64 rate, guint64 seconds)
{
  guint64 began = now_ns (), end = began + seconds * 1000000000u, n_tried = 0, n_sent = 0, now;

  while ((now = now_ns ()) < end) {
    guint64 due = (now - began) / 1000u * rate / 1000000u;
    guint64 n = MIN (due - MIN (due, n_tried), BATCH);
    if (n < BATCH && due - MIN (due, n_tried) < BATCH) {
      struct timespec nap = { 0, (long) MIN (BATCH * 1000000000u / rate, 1000000u) };
      nanosleep (&nap, NULL);
      continue;
    }
    n_sent += send_batch (flood, (guint) n);
    n_tried += n;
    /* What could not be sent in its time is not sent in a burst. */
    if (due > n_tried + rate / 10)
      n_tried = due - rate / 10;
  }
  printf ("sent %" G_GUINT64_FORMAT "\nms %" G_GUINT64_FORMAT "\n", n_sent,
          (now - began) / 1000000u);
}

/* Straight to @interface, whose peer has the address @mac. */
static gboolean
open_line (Flood *flood, const char *interface, const char *mac)
{
  struct ether_addr *peer = ether_aton (mac);
  int yes = 1;

  flood->to = (struct sockaddr_ll){ .sll_family = AF_PACKET,
                                    .sll_protocol = htons (ETHERTYPE_IP),
                                    .sll_ifindex = (int) if_nametoindex (interface),
                                    .sll_halen = ETHER_ADDR_LEN };
  if (!peer || !flood->to.sll_ifindex)
    return FALSE;
  memcpy (flood->to.sll_addr, peer, ETHER_ADDR_LEN);
  flood->fd = socket (AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return flood->fd >= 0
         && setsockopt (flood->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes) == 0;
}

int
main (int argc, char **argv)
{
  g_autofree Flood *flood = g_new0 (Flood, 1);
  guint64 rate, seconds;

  if (argc != 6 || !inet_aton (argv[3], &flood->address)
      || !(rate = g_ascii_strtoull (argv[4], NULL, 10))
      || !(seconds = g_ascii_strtoull (argv[5], NULL, 10))) {
    fputs ("usage: flood INTERFACE MAC ADDRESS RATE SECONDS\n", stderr);
    return 2;
  }
  flood->random = now_ns () | 1;
  if (!open_line (flood, argv[1], argv[2])) {
    fprintf (stderr, "flood: interface %s to %s: %s\n", argv[1], argv[2], g_strerror (errno));
    return 1;
  }
  prepare (flood);
  run (flood, rate, seconds);
  return 0;
}
