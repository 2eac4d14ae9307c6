/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h - the keys that this daemon seals tickets with. */
#pragma once
#include <pthread.h>
#include <ikebana/ticket.h>

enum { KEYS_MAX = 16 };

/* Newest first; a shard may make a new key while others look for one, and a reload takes others: so there is a lock,
 * held for a copy of 40 bytes. */
typedef struct {
  pthread_mutex_t lock;
  IkeTicketKey       keys[KEYS_MAX];
  guint           n;
  gint64          made_us;                    /* the first one */
  gboolean        is_of_file;                 /* they are not replaced by time */
} KeyRing;

void     key_ring_init    (KeyRing *ring);
void     key_ring_clear   (KeyRing *ring);
/* "ID KEY" by line in hex, the first seals. */
gboolean key_ring_load    (KeyRing *ring, const char *file, GError **error);
/* Random ones from now on. */
void     key_ring_forget  (KeyRing *ring);
void     key_ring_take    (KeyRing *ring, KeyRing *from);
/* Makes a new one where that is due. */
gboolean key_ring_current (KeyRing *ring, IkeEngine *engine, guint64 rotation_s, IkeTicketKey *out);
gboolean key_ring_find    (KeyRing *ring, const guint8 id[IKE_TICKET_KEY_ID_LEN], IkeTicketKey *out);
