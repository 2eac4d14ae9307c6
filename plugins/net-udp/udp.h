/* SPDX-License-Identifier: Apache-2.0 */
/* udp.h - the sockets of net-udp and what moves datagrams through them, independent of loops and
 * plugins. */
#pragma once
#include <stdatomic.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <ikebana/error.h>
#include <ikebana/net.h>
#include "steer.h"

typedef struct _Udp Udp;
typedef struct _UdpGroup UdpGroup;

typedef enum { UDP_ESTABLISHED, UDP_INITIAL, UDP_ESP } UdpRole;

typedef struct {
  UdpGroup *group;
  int       fd;
  guint8    role;                             /* UdpRole */
  guint8    shard;                            /* which reads it; of an ESP socket: its index */
  gboolean  is_lent;                          /* ESP: read by another; set before shards run */
} UdpSocket;

/* One port × family (× address, where addresses are restricted): sockets in the order that
 * steer.h tells. */
struct _UdpGroup {
  Udp      *udp;
  guint8    family;                           /* 4 or 6 */
  gboolean  is_marked, is_steered;
  IkeAddr   address;                          /* any, or the one it is bound to; with the port */
  guint     n;
  UdpSocket sockets[];
};

typedef enum {
  UDP_COUNT_RX, UDP_COUNT_TX, UDP_COUNT_TRUNCATED, UDP_COUNT_SHORT, UDP_COUNT_FORWARDED,
  UDP_COUNT_KEEPALIVE_RX, UDP_COUNT_KEEPALIVE_TX, UDP_COUNT_ESP_RX, UDP_COUNT_ESP_TX,
  UDP_COUNT_TX_FAILED, UDP_COUNT_WRONG_INTERFACE,
  UDP_N_COUNTS
} UdpCount;

/* What the owner does with what came; on the thread that called udp_read(). */
typedef struct {
  void (*ike)   (gpointer owner, guint shard, const IkeDatagram *datagram);
  void (*esp)   (gpointer owner, const IkeDatagram *datagrams, guint n);
  void (*count) (gpointer owner, UdpCount what, guint n);
  int  (*shard) (gpointer owner, const guint8 *data, gsize len);          /* ike_input_shard() */
  /* A datagram was queued on @shard and nothing has asked for a flush since. */
  void (*queued) (gpointer owner, guint shard);
  void (*warn)  (gpointer owner, const char *text);
} UdpOwnerClass;

typedef struct {
  guint16            plain, marked;           /* 0: any free one */
  gboolean           wants_ipv4, wants_ipv6, wants_steering;
  guint              n_shards;
  const guint8      *buckets;                 /* 256 */
  const IkeAddr     *addresses;               /* none: all */
  guint              n_addresses;
  const char *const *interfaces;              /* NULL-terminated, or NULL: all */
  guint              max_packet;              /* bytes */
} UdpOptions;

enum { UDP_BATCH = 32, UDP_CONTROL = 128 };

typedef struct _UdpScratch UdpScratch;        /* what one shard reads into and queues in */

struct _Udp {
  const UdpOwnerClass *klass;
  gpointer             owner;
  guint                n_shards;
  guint16              plain, marked;
  guint                max_packet;
  GPtrArray           *groups;                /* UdpGroup */
  guint32             *interfaces;            /* indexes; NULL: all */
  guint                n_interfaces;
  UdpScratch         **scratches;             /* by shard */
  atomic_bool          was_send_error;        /* told of once, then counted */
};

/* Control.  NULL with a sentence that says what to do. */
Udp      *udp_new     (const UdpOptions *options, const UdpOwnerClass *klass, gpointer owner,
                       GError **error);
void      udp_free    (Udp *udp);
UdpSocket *udp_esp_socket (Udp *udp, guint k, guint8 family);             /* NULL: none */

/* The shard of the socket. */
void      udp_read    (UdpSocket *socket);
gboolean  udp_send    (Udp *udp, guint shard, const IkeDatagram *datagram);
void      udp_flush   (Udp *udp, guint shard);
gboolean  udp_keepalive (Udp *udp, guint shard, const IkeAddr *local, const IkeAddr *remote);
/* Any thread. */
gboolean  udp_esp_send (Udp *udp, const IkeDatagram *datagrams, guint n);

/* sockets.c */
gboolean  udp_open_group (Udp *udp, const UdpOptions *options, const IkeAddr *address,
                          gboolean is_marked, GError **error);
void      udp_group_free (gpointer group);

/* io.c */
UdpScratch *udp_scratch_new  (Udp *udp);
void        udp_scratch_free (UdpScratch *scratch);
