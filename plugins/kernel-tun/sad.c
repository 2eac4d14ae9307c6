/* SPDX-License-Identifier: Apache-2.0 */
/* sad.c - SAs: sequence numbers, lifetimes, and the table by SPI. */
#include "config.h"
#include <string.h>
#include "shared/ah/ah.h"
#include "sad.h"

/* RFC 4303, 3.3.3: without ESN the counter ends at 2^32 - 1, with it at 2^64 - 1; it stays at
 * the end. */
guint64
sad_next_sequence (TunSa *sa)
{
  guint64 last = sa->is_esn ? G_MAXUINT64 : G_MAXUINT32;
  guint64 now = atomic_load_explicit (&sa->sequence, memory_order_relaxed);
  do {
    if (now >= last)
      return 0;
  } while (!atomic_compare_exchange_weak_explicit (&sa->sequence, &now, now + 1,
                                                   memory_order_relaxed, memory_order_relaxed));
  return now + 1;
}

void
sad_skip (TunSa *sa, guint64 by)
{
  guint64 last = sa->is_esn ? G_MAXUINT64 : G_MAXUINT32;
  guint64 now = atomic_load_explicit (&sa->sequence, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit (&sa->sequence, &now, now + MIN (by, last - now),
                                                 memory_order_relaxed, memory_order_relaxed))
    ;
}

guint
sad_overhead (const TunSa *sa, guint8 family)
{
  guint overhead = sa->protocol == IKE_PROTOCOL_ESP
                       ? esp_overhead (&sa->sizes)
                       : ah_header_len (((const IkeIntegClass *) sa->integ->ops)->icv_len, family);
  /* What is carried leaves its own header behind. */
  guint header = sa->hosts.family == 0 ? 0 : sa->hosts.family == 4 ? 20 : 40;
  return overhead > header ? overhead - header : 0;
}

static gboolean
is_over (guint64 limit, guint64 used)
{
  return limit && used >= limit;
}

guint32
sad_account (TunSa *sa, guint64 bytes, gint64 now_us)
{
  guint64 n_bytes = atomic_fetch_add_explicit (&sa->n_bytes, bytes, memory_order_relaxed) + bytes;
  guint64 n_packets = atomic_fetch_add_explicit (&sa->n_packets, 1, memory_order_relaxed) + 1;
  guint32 crossed = 0;
  atomic_store_explicit (&sa->last_use_us, now_us, memory_order_relaxed);
  if (is_over (sa->soft_bytes, n_bytes) || is_over (sa->soft_packets, n_packets))
    crossed |= SAD_SOFT_EXPIRED;
  if (is_over (sa->hard_bytes, n_bytes) || is_over (sa->hard_packets, n_packets))
    crossed |= SAD_HARD_EXPIRED;
  if (!crossed || (crossed & ~atomic_load_explicit (&sa->expired, memory_order_relaxed)) == 0)
    return 0;
  return crossed & ~atomic_fetch_or (&sa->expired, crossed);
}

gboolean
sad_permits (TunSa *sa, const Packet *packet)
{
  const TunSelectors *selectors = atomic_load_explicit (&sa->selectors, memory_order_acquire);
  for (guint32 i = 0; selectors && i < selectors->n; i++)
    if (spd_matches (&selectors->pairs[i].source, &selectors->pairs[i].destination, packet))
      return TRUE;
  return FALSE;
}

void
sad_free (TunSa *sa)
{
  if (!sa)
    return;
  ike_secret_clear (&sa->encr_key);
  ike_secret_clear (&sa->integ_key);
  g_free (atomic_load (&sa->path));
  g_free (atomic_load (&sa->selectors));
  g_free (sa->replay);
  g_free (sa);
}

/* -- the table: open addressing, SPIs are random already */

enum { FIRST_SLOTS = 64 };

/* The first byte is the same for all SAs of a loop. */
static guint32
slot_of (const SadTable *table, guint32 spi)
{
  return (spi * 2654435761u >> 7) & (table->n_slots - 1);
}

void
sad_table_init (SadTable *table)
{
  table->n = 0;
  table->n_slots = FIRST_SLOTS;
  table->slots = g_new0 (TunSa *, table->n_slots);
}

void
sad_table_clear (SadTable *table)
{
  g_clear_pointer (&table->slots, g_free);
  table->n = table->n_slots = 0;
}

static void
put (SadTable *table, TunSa *sa)
{
  guint32 i = slot_of (table, sa->spi);
  while (table->slots[i])
    i = (i + 1) & (table->n_slots - 1);
  table->slots[i] = sa;
}

void
sad_table_add (SadTable *table, TunSa *sa)
{
  if ((table->n + 1) * 4 > table->n_slots * 3) {
    SadTable larger = { g_new0 (TunSa *, table->n_slots * 2), table->n_slots * 2, table->n };
    for (guint32 i = 0; i < table->n_slots; i++)
      if (table->slots[i])
        put (&larger, table->slots[i]);
    g_free (table->slots);
    *table = larger;
  }
  put (table, sa);
  table->n++;
}

TunSa *
sad_table_find (const SadTable *table, guint32 spi)
{
  for (guint32 i = slot_of (table, spi); table->slots[i]; i = (i + 1) & (table->n_slots - 1))
    if (table->slots[i]->spi == spi)
      return table->slots[i];
  return NULL;
}

/* What stands behind the gap in the same run is put in again. */
void
sad_table_remove (SadTable *table, guint32 spi)
{
  guint32 mask = table->n_slots - 1, i = slot_of (table, spi);
  while (table->slots[i] && table->slots[i]->spi != spi)
    i = (i + 1) & mask;
  if (!table->slots[i])
    return;
  table->slots[i] = NULL;
  table->n--;
  for (i = (i + 1) & mask; table->slots[i]; i = (i + 1) & mask) {
    TunSa *moved = table->slots[i];
    table->slots[i] = NULL;
    put (table, moved);
  }
}
