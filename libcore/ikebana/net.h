/* SPDX-License-Identifier: Apache-2.0 */
/* net.h - datagrams in and out.
 *
 * A plugin of kind `net` owns the sockets.  It reads batches on each shard, strips the non-ESP marker, and hands IKE
 * messages to ike_input().  What is not IKE (ESP in UDP) goes to the sink that the kernel plugin attached. */
#pragma once
#include <ikebana/addr.h>

IKE_BEGIN_DECLS

enum {
  IKE_NET_MARKED = 1 << 0,                    /* came with, or is to get, the non-ESP marker (port 4500) */
  IKE_NET_FORWARDED = 1 << 1,                 /* was forwarded to this shard already */
  IKE_NET_RELEASED = 1 << 2,                  /* a hook held it back and lets it go: hooks do not see it again */
};

typedef struct {
  guint32       struct_size;
  guint32       flags;                        /* IKE_NET_… */
  IkeAddr       local, remote;                /* with ports; @local is the address it came to, or leaves from */
  const guint8 *data;                         /* without the marker; the callee copies what it keeps */
  gsize         len;
  guint32       interface;                    /* index it came in on; 0: unknown */
} IkeDatagram;

/* Gets ESP that came over UDP.  On any shard, in batches; must not block. */
typedef struct {
  guint32  struct_size;
  void   (*received) (gpointer sink, const IkeDatagram *datagrams, guint n);
} IkeEspSink;

/* Kind `net`, one ready feature: `net:udp`, `net:sim`. */
typedef struct {
  guint32  struct_size;
  /* Sends one IKE datagram; owner shard; the bytes may be queued (copied).  FALSE: could not, with errno-like reason
   * logged. */
  gboolean (*send)        (IkePlugin *self, guint shard, const IkeDatagram *datagram);
  /* After the last send of a turn: flush what was batched.  May be NULL. */
  void     (*flush)       (IkePlugin *self, guint shard);
  /* Ports we are bound to: the plain and the marked one (500 and 4500 unless configured).  Any thread. */
  void     (*ports)       (IkePlugin *self, guint16 *plain, guint16 *marked);
  /* Resolves a host name or literal off the shard; answers with a GArray of IkeAddr (g_array_unref). */
  void     (*resolve)     (IkePlugin *self, IkeCall *call, const char *name, guint8 family);
  /* ESP in UDP.  The sink gets what no socket of its own took; esp_send may be called on any thread. */
  void     (*attach_esp)  (IkePlugin *self, const IkeEspSink *sink_class, gpointer sink);
  gboolean (*esp_send)    (IkePlugin *self, const IkeDatagram *datagrams, guint n);
  /* The ESP socket of index @k (0 … n_shards-1) for IPv4 (4) or IPv6 (6) on the marked port, or -1: then only the sink
   * works.  It belongs to the net plugin; who asks for it (while it activates) reads it from then on.  It gets ESP
   * only, and of that what has an SPI whose first byte is b with (b - 1) % n_shards == @k: so a loop names itself,
   * from 1, in the first byte of the SPIs that it chooses. */
  int      (*esp_socket)  (IkePlugin *self, guint k, guint8 family);
  /* For `ikebana status` and stats. */
  void     (*describe)    (IkePlugin *self, IkeTree *into);
  /* Sends one 0xFF keepalive (RFC 3948, 2.3). */
  void     (*keepalive)   (IkePlugin *self, guint shard, const IkeAddr *local, const IkeAddr *remote);
  /* Calls @each with all sockets, so that a data path in the kernel can be told of them (to take ESP from the marked
   * ones, to exempt them from policies).  While plugins activate; may be NULL. */
  void     (*each_socket) (IkePlugin *self,
                           void (*each) (gpointer data, int fd, guint8 family, gboolean is_marked), gpointer data);
} IkeNetClass;

/* An IKE message came in.  On the shard of the socket; it forwards once when the SA lives elsewhere.  The datagram is
 * only read during the call. */
void ike_input (IkeEngine *engine, guint shard, const IkeDatagram *datagram);
/* The shard that a message belongs to by its SPIs: the one function that decides; also the cBPF program is made from
 * it. -1: a first message (SPI of the responder zero), any shard.  Any thread. */
int  ike_input_shard (IkeEngine *engine, const guint8 *data, gsize len);
/* First byte of our SPIs → shard (bucket table, 256 entries). Any thread; frozen after start. */
const guint8 *ike_engine_buckets (IkeEngine *engine);

IKE_END_DECLS
