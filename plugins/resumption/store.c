/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - tickets by reference, and SAs whose tickets are not good any more.
 *
 * Both are bounded: what is beyond goes, the oldest first.  For a ticket by reference that means a
 * full handshake; for one by value that was used, or whose SA was closed, that its owner could use
 * it once more until it expires. */
#include "store.h"
#include <ikebana/engine.h>
#include <ikebana/log.h>
#include <pthread.h>
#include <string.h>

typedef struct {
  guint64 spis[2]; /* first: the key of `by_spis` */
  guint8 ref[STORE_REF_LEN];
  GBytes *bytes; /* NULL: of a revoked SA */
  gint64 until_s;
  guint64 id; /* in the queue */
  GList link;
} Entry;

typedef struct {
  GHashTable *by_spis;
  GQueue oldest_first;
} Entries;

/* All shards come here, once per ticket given or taken, and the control loop with what was kept: a
 * job would be two trips to another thread within the first message of a peer. */
struct _Store {
  IkeEngine *engine;
  pthread_mutex_t lock;
  guint max;
  Entries kept, revoked;
  GHashTable *by_ref;
  const IkeQueueClass *queue;
  IkePlugin *queue_plugin;
  guint64 next_id;
  gboolean is_loading;
};

static guint
hash_16 (gconstpointer key)
{
  guint64 parts[2];

  memcpy (parts, key, sizeof parts);
  return (guint) (parts[0] ^ parts[0] >> 32 ^ parts[1] ^ parts[1] >> 32);
}

static gboolean
equal_16 (gconstpointer a, gconstpointer b)
{
  return !memcmp (a, b, 16);
}

static void
drop (Store *store, Entries *entries, Entry *entry)
{
  g_hash_table_remove (entries->by_spis, entry->spis);
  g_queue_unlink (&entries->oldest_first, &entry->link);
  if (entry->bytes) {
    g_hash_table_remove (store->by_ref, entry->ref);
    if (store->queue)
      store->queue->drop (store->queue_plugin, entry->id);
  }
  g_bytes_unref (entry->bytes);
  g_free (entry);
}

static gint64
wall_s (const Store *store)
{
  return ike_engine_wall_us (store->engine) / G_USEC_PER_SEC;
}

static void
make_room (Store *store, Entries *entries)
{
  Entry *oldest;

  while ((oldest = g_queue_peek_head (&entries->oldest_first))
         && (oldest->until_s <= wall_s (store) || entries->oldest_first.length >= store->max))
    drop (store, entries, oldest);
}

static void
add (Store *store, Entries *entries, Entry *entry)
{
  entry->link.data = entry;
  g_hash_table_insert (entries->by_spis, entry->spis, entry);
  g_queue_push_tail_link (&entries->oldest_first, &entry->link);
  if (entry->bytes)
    g_hash_table_insert (store->by_ref, entry->ref, entry);
}

static Entry *
find (Entries *entries, guint64 spi_i, guint64 spi_r)
{
  const guint64 spis[2] = { spi_i, spi_r };

  return g_hash_table_lookup (entries->by_spis, spis);
}

static Entry *
entry_new (const Session *session, const guint8 *packed, gsize len)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->spis[0] = session->spi_i;
  entry->spis[1] = session->spi_r;
  entry->until_s = session->expires_s;
  entry->bytes = session_secret_bytes (packed, len);
  return entry;
}

/* -- by reference */

static void
keep_in_queue (Store *store, const Entry *entry)
{
  guint8 record[IKE_QUEUE_RECORD_MAX];
  gsize len;
  const guint8 *bytes = g_bytes_get_data (entry->bytes, &len);

  if (!store->queue || len + STORE_REF_LEN > sizeof record)
    return;
  memcpy (record, entry->ref, STORE_REF_LEN);
  memcpy (record + STORE_REF_LEN, bytes, len);
  store->queue->keep (store->queue_plugin, entry->id, record, STORE_REF_LEN + len);
  ike_wipe (record, sizeof record);
}

gboolean
store_keep (Store *store, const Session *session, guint8 ref[STORE_REF_LEN])
{
  guint8 packed[SESSION_MAX];
  Entry *entry, *old;
  IkeWriter w;

  ike_writer_init (&w, packed, sizeof packed);
  if (!session_write (session, &w))
    return FALSE;
  entry = entry_new (session, packed, w.len);
  ike_wipe (packed, sizeof packed);
  ike_engine_random (store->engine, entry->ref, sizeof entry->ref);
  memcpy (ref, entry->ref, STORE_REF_LEN);
  pthread_mutex_lock (&store->lock);
  old = find (&store->kept, session->spi_i, session->spi_r);
  if (old)
    drop (store, &store->kept, old);
  make_room (store, &store->kept);
  entry->id = store->next_id++;
  add (store, &store->kept, entry);
  keep_in_queue (store, entry);
  pthread_mutex_unlock (&store->lock);
  return TRUE;
}

Session *
store_find (Store *store, const guint8 ref[STORE_REF_LEN])
{
  Session *session = NULL;
  const Entry *entry;

  pthread_mutex_lock (&store->lock);
  entry = g_hash_table_lookup (store->by_ref, ref);
  if (entry)
    session = session_read (g_bytes_get_data (entry->bytes, NULL), g_bytes_get_size (entry->bytes));
  pthread_mutex_unlock (&store->lock);
  return session;
}

/* -- not good any more */

gboolean
store_revoke (Store *store, guint64 spi_i, guint64 spi_r, gint64 until_s)
{
  Entry *entry;
  gboolean is_new;

  pthread_mutex_lock (&store->lock);
  entry = find (&store->kept, spi_i, spi_r);
  if (entry)
    drop (store, &store->kept, entry);
  is_new = !find (&store->revoked, spi_i, spi_r);
  if (is_new) {
    make_room (store, &store->revoked);
    entry = g_new0 (Entry, 1);
    *entry = (Entry){ .spis = { spi_i, spi_r }, .until_s = until_s };
    add (store, &store->revoked, entry);
  }
  pthread_mutex_unlock (&store->lock);
  return is_new;
}

gboolean
store_is_revoked (Store *store, guint64 spi_i, guint64 spi_r)
{
  gboolean is_revoked;

  pthread_mutex_lock (&store->lock);
  is_revoked = find (&store->revoked, spi_i, spi_r) != NULL;
  pthread_mutex_unlock (&store->lock);
  return is_revoked;
}

/* -- over a restart */

static void
restore (Store *store, const IkeQueueRecord *record)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (record->bytes, &len);
  g_autoptr (Session) session =
      len > STORE_REF_LEN ? session_read (data + STORE_REF_LEN, len - STORE_REF_LEN) : NULL;
  Entry *entry;

  if (!session || session->expires_s <= wall_s (store)
      || find (&store->kept, session->spi_i, session->spi_r)) {
    store->queue->drop (store->queue_plugin, record->id);
    return;
  }
  entry = entry_new (session, data + STORE_REF_LEN, len - STORE_REF_LEN);
  memcpy (entry->ref, data, STORE_REF_LEN);
  entry->id = record->id;
  add (store, &store->kept, entry);
}

static void
loaded (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Store *store = owner;
  GArray *records = result;

  if (error)
    ike_log (store->engine, IKE_LOG_ERROR, "resumption",
             "the tickets from before the restart could not be read (%s): their owners "
             "authenticate anew",
             error);
  pthread_mutex_lock (&store->lock);
  for (guint i = 0; records && i < records->len; i++) {
    const IkeQueueRecord *record = &g_array_index (records, IkeQueueRecord, i);
    restore (store, record);
    store->next_id = MAX (store->next_id, record->id + 1);
  }
  store->is_loading = FALSE;
  pthread_mutex_unlock (&store->lock);
  ike_queue_records_free (records);
}

static const IkeCallClass load_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "tickets from before",
  .timeout_ms = 30000,
  .then = loaded,
  .undo = ike_queue_records_free,
};

void
store_load (Store *store)
{
  if (!store->queue)
    return;
  store->is_loading = TRUE;
  store->queue->load (store->queue_plugin, store->max,
                      ike_loop_call (ike_engine_control (store->engine), &load_call, store, NULL));
}

gboolean
store_is_loading (Store *store)
{
  gboolean is_loading;

  pthread_mutex_lock (&store->lock);
  is_loading = store->is_loading;
  pthread_mutex_unlock (&store->lock);
  return is_loading;
}

/* -- the store */

Store *
store_new (IkeEngine *engine, guint max, const IkeProvided *queue)
{
  Store *store = g_new0 (Store, 1);

  store->engine = engine;
  store->max = MAX (max, 1);
  store->next_id = 1;
  store->queue = queue ? queue->ops : NULL;
  store->queue_plugin = queue ? queue->plugin : NULL;
  store->kept.by_spis = g_hash_table_new (hash_16, equal_16);
  store->revoked.by_spis = g_hash_table_new (hash_16, equal_16);
  store->by_ref = g_hash_table_new (hash_16, equal_16);
  pthread_mutex_init (&store->lock, NULL);
  return store;
}

void
store_free (Store *store)
{
  Entry *entry;

  if (!store)
    return;
  /* What is kept stays kept. */
  store->queue = NULL;
  while ((entry = g_queue_peek_head (&store->kept.oldest_first)))
    drop (store, &store->kept, entry);
  while ((entry = g_queue_peek_head (&store->revoked.oldest_first)))
    drop (store, &store->revoked, entry);
  g_hash_table_unref (store->kept.by_spis);
  g_hash_table_unref (store->revoked.by_spis);
  g_hash_table_unref (store->by_ref);
  pthread_mutex_destroy (&store->lock);
  g_free (store);
}
