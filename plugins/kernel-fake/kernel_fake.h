/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_fake.h - the kernel that only records, as tests see it.
 *
 * Not installed.  The plugin offers `kernel:ipsec` and `kernel:net` to the engine and, to tests,
 * the table below as `service:kernel-fake`; its functions take the IkePlugin that the feature
 * names, on any thread.  What SAs hold of keys, and policies, is kept only with
 * `plugins.kernel-fake.record = yes`. */
#pragma once
#include <ikebana/kernel.h>

IKE_BEGIN_DECLS

/* A copy of what was installed. */
typedef struct {
  guint32      struct_size;
  guint32      spi, reqid, flags;
  guint8       direction, mode, protocol, has_keys;
  IkeAddr      source, destination;
  IkeSaRef     owner;
  guint64      child;
  IkeTransform encr, integ;                   /* with record = yes, as the following */
  IkeSecret    encr_key, integ_key;
  guint32      replay_window;
  guint64      soft_bytes, hard_bytes, soft_packets, hard_packets, soft_seconds, hard_seconds;
  IkeSelector  inner_source, inner_destination;
  IkeAddr      original_source, original_destination;
  IkeMark      mark, set_mark;
  guint16      cpi;
  guint8       ipcomp, offload;
  char         label[32];                     /* its beginning */
  guint32      if_id;
  char         link_name[16], link_master[16];/* "": none */
  guint32      acquire;
} IkeFakeSa;

typedef enum {
  IKE_FAKE_GET_SPI, IKE_FAKE_INSTALL, IKE_FAKE_REMOVE, IKE_FAKE_UPDATE, IKE_FAKE_QUERY,
  IKE_FAKE_SOURCE, IKE_FAKE_ADDRESS,
  IKE_FAKE_ROUTE,
  IKE_FAKE_N_OPERATIONS
} IkeFakeOperation;

/* What became of a packet that a host behind this machine sent. */
typedef enum {
  IKE_FAKE_SENT,
  IKE_FAKE_NO_POLICY,                         /* none out covers it */
  IKE_FAKE_SHUNTED,                           /* one that passes or drops */
  IKE_FAKE_NO_SA,                             /* a trap: an acquire was told; or its SA is gone */
  IKE_FAKE_UNSENT,                            /* it could not be sealed, or not sent */
} IkeFakeSending;

typedef enum { IKE_FAKE_OPENED, IKE_FAKE_UNKNOWN_SPI, IKE_FAKE_NOT_OPENED } IkeFakeOpening;

/* An ESP packet came in.  Valid during the call. */
typedef struct {
  guint32       struct_size;
  guint32       what;                         /* IkeFakeOpening */
  guint32       spi, sequence;
  IkeAddr       from;
  const guint8 *data;                         /* what was inside, when it was opened */
  gsize         len;
} IkeFakeArrival;

typedef struct {
  guint32  struct_size;
  guint    (*n_sas)      (IkePlugin *self);
  /* By the order of installation; FALSE when there are not so many. */
  gboolean (*nth_sa)     (IkePlugin *self, guint i, IkeFakeSa *sa);
  gboolean (*find_sa)    (IkePlugin *self, IkeDirection direction, guint32 spi, IkeFakeSa *sa);
  guint    (*n_policies) (IkePlugin *self);
  /* record = yes; no strings */
  gboolean (*nth_policy) (IkePlugin *self, guint i, IkeKernelPolicy *policy);
  /* given out, not freed, not installed */
  guint    (*n_spis)     (IkePlugin *self);
  guint64  (*n_calls)    (IkePlugin *self, IkeFakeOperation operation);
  /* The next such request fails with @reason (copied), once.  NULL takes it back. */
  void     (*fail_next)  (IkePlugin *self, IkeFakeOperation operation, const char *reason);
  /* Answers come so much later, by a timer of the loop that asked; 0: at once.  What was asked
   * is done at once. */
  void     (*delay)      (IkePlugin *self, guint32 delay_ms);
  /* An ESP packet with @data in the outbound SA @spi, as far as its keys go; returns its length,
   * 0: no such SA, no room. open: at the other end, by the SPI in it; returns the length of what
   * was inside, 0 when it does not open.  With record = yes.  A packet that opens proves that
   * both ends have the same keys under the same SPI. */
  gsize    (*seal)       (IkePlugin *self, guint32 spi, const guint8 *data, gsize len, guint8 *out,
                          gsize size);
  gsize    (*open)       (IkePlugin *self, const guint8 *packet, gsize len, guint8 *out,
                          gsize size);
  /* Kernel events for the SA @spi of @direction, from its owner; FALSE when there is none. */
  gboolean (*expire)     (IkePlugin *self, IkeDirection direction, guint32 spi, gboolean is_hard);
  gboolean (*mapping)    (IkePlugin *self, guint32 spi, const IkeAddr *new_source);
  void     (*acquire)    (IkePlugin *self, const IkeKernelAcquire *event);
  /* What query() answers for @spi from now on. */
  gboolean (*set_use)    (IkePlugin *self, IkeDirection direction, guint32 spi,
                          const IkeKernelUse *use);
  /* Virtual addresses that were added and not removed. */
  guint    (*n_addresses) (IkePlugin *self);
  gboolean (*nth_address) (IkePlugin *self, guint i, IkeAddr *addr, guint *prefix_len);
  /* How many acquires were said to have come to something, or to nothing. */
  guint    (*n_acquired) (IkePlugin *self, gboolean is_up);
  /* All SAs, in no order that means anything; @each must not ask for more. */
  void     (*each_sa)     (IkePlugin *self, void (*each) (const IkeFakeSa *sa, gpointer data),
                           gpointer data);
  /* With carry = yes, in a simulation: a packet of the host @source for the host @destination.
   * The newest policy that covers it and has an SA names that; sealed, it goes over the net plugin
   * from marked port to marked port (in memory there is no raw ESP), and is opened at the other
   * end by the SPI in it.  Counts in query(), and makes expire and mapping events as a kernel
   * does.  @spi: what it went under.  Returns IkeFakeSending. */
  guint32  (*transmit)    (IkePlugin *self, const IkeAddr *source, const IkeAddr *destination,
                           const guint8 *data, gsize len, guint32 *spi);
  /* Who hears of arrivals; NULL: nobody. */
  void     (*on_arrival)  (IkePlugin *self, void (*func) (const IkeFakeArrival *arrival,
                                                         gpointer data),
                           gpointer data);
  /* The machine's addresses from now on, and tells of the change: of each family the first is what
   * source_for() says. */
  void     (*set_local)   (IkePlugin *self, const IkeAddr *addrs, guint n);
} IkeKernelFakeOps;

IKE_END_DECLS
