/* SPDX-License-Identifier: Apache-2.0 */
/* sad.h - what an SA is here, and the table of inbound SAs that a loop owns.
 *
 * An SA is made and freed on the administration loop.  Between, an inbound one is worked with by
 * the loop that its SPI names and by no other; an outbound one by all of them at once, so its
 * keys are const and its sequence is atomic. Counters are written relaxed by those who work and
 * read by whoever asks. */
#pragma once
#include <stdatomic.h>
#include <ikebana/kernel.h>
#include <ikebana/plugin.h>
#include <ikebana/secret.h>
#include "shared/esp/esp.h"
#include "bare.h"
#include "replay.h"
#include "spd.h"

enum { SAD_SOFT_EXPIRED = 1, SAD_HARD_EXPIRED = 2 };

/* Outer addresses; replaced as a whole when they change. */
typedef struct {
  IkeAddr source, destination;
  gboolean is_encap;
} TunPath;

/* What an inbound SA may carry (RFC 4301, 5.2, step 4); immutable. */
typedef struct {
  guint32 n;
  struct { IkeSelector source, destination; } pairs[];
} TunSelectors;

struct _TunSa {
  /* never reused; names it in the caches of keyed contexts */
  guint64        serial;
  /* outbound: of its installation or of the last policy that named it */
  guint64        stamp;
  guint32        spi, reqid, flags;
  guint8         is_inbound;
  guint8         is_esn;
  guint8         protocol, mode;              /* IKE_PROTOCOL_ESP or _AH; IkeMode */
  guint16        loop;                        /* inbound: its index */
  const IkeProvided *aead, *cipher, *integ;
  EspSizes       sizes;                       /* of ESP */
  BareHosts      hosts;                       /* family 0: what is carried has a header of its own */
  BareHosts      original;                    /* family 0: no NAT; inbound */
  IkeSecret      encr_key, integ_key;
  guint32        tfc_padding;
  guint64        soft_bytes, hard_bytes, soft_packets, hard_packets;
  IkeSaRef       owner;
  guint64        child;

  _Atomic (TunPath *)      path;
  _Atomic (TunSelectors *) selectors;         /* inbound */
  Replay                  *replay;            /* inbound; of its loop */
  IkeAddr                  seen_from;         /* inbound; of its loop: the last mapping told of */
  gint64                   seen_us;
  /* outbound: the last one used; inbound: the highest seen */
  _Atomic guint64 sequence;
  _Atomic guint32 path_mtu;                   /* outbound: of outer packets, 0: not known */
  _Atomic guint32 expired;                    /* SAD_… */
  _Atomic guint64 n_bytes, n_packets, n_replay, n_bad_icv, n_bad_selector;
  _Atomic gint64  last_use_us;

  IkeTimer      *soft_timer, *hard_timer;     /* of the administration loop */
  gpointer       kernel;                      /* TunKernel, for the timers */
};

/* Bytes that the SA adds at most to a packet that goes to a peer of @family. */
guint     sad_overhead      (const TunSa *sa, guint8 family);
/* Next sequence number of an outbound SA; 0: used up, nothing may be sent (RFC 4303, 3.3.3). */
guint64   sad_next_sequence (TunSa *sa);
void      sad_skip          (TunSa *sa, guint64 by);             /* so many fewer are left */
/* Adds to the counters; returns the SAD_… limits that were crossed by it, each once. */
guint32   sad_account       (TunSa *sa, guint64 bytes, gint64 now_us);
void      sad_free          (TunSa *sa);      /* wipes the keys */
gboolean  sad_permits       (TunSa *sa, const Packet *packet);

/* The inbound SAs of one loop, by SPI. */
typedef struct {
  TunSa  **slots;
  guint32  n_slots, n;                        /* a power of two */
} SadTable;

void      sad_table_init   (SadTable *table);
void      sad_table_clear  (SadTable *table);
void      sad_table_add    (SadTable *table, TunSa *sa);
void      sad_table_remove (SadTable *table, guint32 spi);
TunSa    *sad_table_find   (const SadTable *table, guint32 spi);
