/* SPDX-License-Identifier: Apache-2.0 */
/* fake.h - what the parts of this plugin share.
 *
 * Shards ask at once and answers are given at once, in the caller, so the tables are shared by
 * all shards and by the thread of a test.  They are striped by SPI, so that shards do not meet. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <ikebana/engine.h>
#include "kernel_fake.h"

enum { FAKE_STRIPES = 64 };

/* What is kept with record = yes. */
typedef struct {
  IkeTransform encr, integ;
  IkeSecret    encr_key, integ_key;
  guint32      replay_window;
  guint64      soft_bytes, hard_bytes, soft_packets, hard_packets, soft_seconds, hard_seconds;
  guint64      sequence;                      /* of seal */
  IkeSelector  inner_source, inner_destination;
  IkeAddr      original_source, original_destination;
  IkeMark      mark, set_mark;
  guint16      cpi;
  guint8       ipcomp, offload;
  char         label[32];
  guint32      if_id;
  char         link_name[16], link_master[16];
  guint32      acquire;
  IkeKernelUse use;
  IkeAddr      mapped;                        /* told of last */
  gboolean     is_soft, is_hard;              /* told of */
} FakeRecord;

/* Installed 100,000 at a time by load tests: no more than they need. */
typedef struct _FakeSa FakeSa;
struct _FakeSa {
  FakeSa     *next;                           /* of its bucket */
  guint32     spi, reqid, flags, number;      /* number: order of installation */
  guint8      direction, mode, protocol, reserved;
  IkeAddr     source, destination;
  IkeSaRef    owner;
  guint64     child;
  FakeRecord *record;
};

typedef struct {
  /* Between the shards, whose SPIs fall into one stripe, and the test: a job cannot answer at
   * once. */
  pthread_mutex_t lock;
  FakeSa        **buckets;
  guint32         n_buckets, n;
} FakeStripe;

typedef struct {
  IkePlugin      *plugin;
  IkeEngine      *engine;
  gboolean        records, carries;
  guint32         lacks;                      /* IKE_KERNEL_CAN_… that it says it has not */
  FakeStripe      stripes[FAKE_STRIPES];
  _Atomic guint32 n_sas, n_spis, last_spi, last_number, delay_ms, n_policies, n_acquired[2];
  guint32         spi_mask;
  _Atomic guint64 n_calls[IKE_FAKE_N_OPERATIONS];
  _Atomic (char *) failures[IKE_FAKE_N_OPERATIONS];
  /* shards and test again: of the lists below, which only tests make long */
  pthread_mutex_t lock;
  GArray         *policies;                   /* IkeKernelPolicy; with record */
  GArray         *addresses;                  /* FakeAddress */
  GArray         *local;                      /* IkeAddr, configured, or set by tests */
  /* with carry = yes; on the one thread of a simulation */
  const IkeProvided *net;
  void          (*arrived) (const IkeFakeArrival *arrival, gpointer data);
  gpointer        arrived_data;
} Fake;

typedef struct {
  IkeAddr addr;
  guint   prefix_len;
} FakeAddress;

/* table.c.  The stripe of an SPI must be locked. */
void        fake_table_init  (Fake *fake);
void        fake_table_clear (Fake *fake);
FakeStripe *fake_lock        (Fake *fake, guint32 spi);
void        fake_unlock      (FakeStripe *stripe);
/* @destination: NULL for any. */
FakeSa     *fake_find        (FakeStripe *stripe, guint8 direction, guint32 spi,
                              const IkeAddr *destination_or_null);
void        fake_insert      (Fake *fake, FakeStripe *stripe, FakeSa *sa_take);
gboolean    fake_delete      (Fake *fake, FakeStripe *stripe, guint8 direction, guint32 spi,
                              const IkeAddr *destination);
void        fake_sa_free     (FakeSa *sa);

/* answer.c */
/* FALSE: it failed as ordered */
gboolean    fake_begin  (Fake *fake, IkeFakeOperation operation, IkeCall *call_or_null);
void        fake_answer (Fake *fake, IkeCall *call_or_null, gpointer result);
void        fake_fail   (Fake *fake, IkeCall *call_or_null, const char *reason_static);

/* service.c */
gboolean    fake_copy_sa (Fake *fake, IkeDirection direction, guint32 spi,
                          const IkeAddr *destination_or_null, IkeFakeSa *out);

/* seal.c */
gsize       fake_seal   (IkePlugin *self, guint32 spi, const guint8 *data, gsize len, guint8 *out,
                         gsize size);
gsize       fake_open   (IkePlugin *self, const guint8 *packet, gsize len, guint8 *out,
                         gsize size);
gsize       fake_seal_in (Fake *fake, const IkeFakeSa *sa, const guint8 *data, gsize len,
                          guint8 *out, gsize size);
gsize       fake_open_in (Fake *fake, const IkeFakeSa *sa, const guint8 *packet, gsize len,
                          guint8 *out, gsize size);

/* carry.c */
gboolean    fake_carry_start (Fake *fake, GError **error);
void        fake_carry_stop  (Fake *fake);
guint32     fake_transmit    (IkePlugin *self, const IkeAddr *source, const IkeAddr *destination,
                              const guint8 *data, gsize len, guint32 *spi);
void        fake_on_arrival  (IkePlugin *self,
                              void (*func) (const IkeFakeArrival *arrival, gpointer data),
                              gpointer data);

extern const IkeKernelClass fake_kernel_class;
extern const IkeKernelNetClass fake_net_class;
extern const IkeKernelFakeOps fake_ops;
