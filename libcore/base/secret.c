/* SPDX-License-Identifier: Apache-2.0 */
/* secret.c - memory for secrets: wiped, kept out of core dumps, locked where the limit allows. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <ikebana/secret.h>

typedef enum { PLACE_HEAP, PLACE_CELL, PLACE_MAPPING } Place;   /* heap: no mapping could be had */

struct _IkeSecretBlob {
  atomic_uint refs;
  Place       place;
  gsize       len, map_len;
  guint8     *data;
};

void
ike_wipe (void *data, gsize len)
{
  if (len)
    explicit_bzero (data, len);
}

gboolean
ike_equal (const void *a, const void *b, gsize len)
{
  const volatile guint8 *left = a, *right = b;
  guint8 differs = 0;

  for (gsize i = 0; i < len; i++)
    differs |= left[i] ^ right[i];
  return differs == 0;
}

void
ike_secret_set (IkeSecret *secret, const void *data, gsize len)
{
  g_return_if_fail (len <= IKE_SECRET_MAX);
  ike_wipe (secret, sizeof *secret);
  if (len)
    memcpy (secret->bytes, data, len);
  secret->len = (guint8) len;
}

void
ike_secret_clear (IkeSecret *secret)
{
  ike_wipe (secret, sizeof *secret);
}

/* Asked for memory that is neither dumped nor paged out.  NULL: there is none.  Both wishes are
 * defence in depth: a kernel without the one, or a limit on the other, does not make the secret
 * unusable. */
static guint8 *
map_locked (gsize len)
{
  void *map = mmap (NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (map == MAP_FAILED)
    return NULL;
  (void) madvise (map, len, MADV_DONTDUMP);
  (void) mlock (map, len);
  return map;
}

/* -- cells */

/* Mapping, locking and unmapping cost four system calls, 6 µs, as much as a fifth of an X25519
 * derivation.  So what is short, and that is every secret but those of large MODP groups, lies in
 * cells of chunks that stay mapped.  A free cell is zero but for the link to the next one. */
enum { CELL_SIZE = 256, CHUNK_SIZE = 64 * CELL_SIZE };

typedef struct _Cell { struct _Cell *next; } Cell;

/* The one thing here that belongs to the process and not to an engine, as the limit on locked
 * memory does: those who make secrets (providers, on shards and offload threads; the configuration,
 * on the control thread) have no loop in common that could own it, and a job for a list operation
 * would cost more than the lock that they all take. */
static pthread_mutex_t cells_lock = PTHREAD_MUTEX_INITIALIZER;
static Cell *free_cells;

/* With the lock. */
static void
cells_add (void)
{
  guint8 *chunk = map_locked (CHUNK_SIZE);

  for (gsize at = 0; chunk && at < CHUNK_SIZE; at += CELL_SIZE) {
    Cell *cell = (Cell *) (void *) (chunk + at);
    cell->next = free_cells;
    free_cells = cell;
  }
}

static guint8 *
cell_take (void)
{
  Cell *cell;

  pthread_mutex_lock (&cells_lock);
  if (!free_cells)
    cells_add ();
  cell = free_cells;
  if (cell)
    free_cells = cell->next;
  pthread_mutex_unlock (&cells_lock);
  if (cell)
    cell->next = NULL;
  return (guint8 *) cell;
}

/* It was wiped. */
static void
cell_give_back (guint8 *data)
{
  Cell *cell = (Cell *) (void *) data;

  pthread_mutex_lock (&cells_lock);
  cell->next = free_cells;
  free_cells = cell;
  pthread_mutex_unlock (&cells_lock);
}

/* -- blobs */

static void
blob_place (IkeSecretBlob *blob)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);

  if (blob->len <= CELL_SIZE) {
    blob->data = cell_take ();
    blob->place = PLACE_CELL;
  } else if (blob->len <= G_MAXSIZE - page) {
    blob->map_len = (blob->len + page - 1) / page * page;
    blob->data = map_locked (blob->map_len);
    blob->place = PLACE_MAPPING;
  }
  if (blob->data)
    return;
  blob->data = g_malloc0 (MAX (blob->len, 1));
  blob->place = PLACE_HEAP;
}

IkeSecretBlob *
ike_secret_blob_new (const void *data_or_null, gsize len)
{
  IkeSecretBlob *blob = g_new0 (IkeSecretBlob, 1);

  atomic_init (&blob->refs, 1);
  blob->len = len;
  blob_place (blob);
  if (data_or_null && len)
    memcpy (blob->data, data_or_null, len);
  return blob;
}

IkeSecretBlob *
ike_secret_blob_ref (IkeSecretBlob *blob)
{
  atomic_fetch_add_explicit (&blob->refs, 1, memory_order_relaxed);
  return blob;
}

void
ike_secret_blob_unref (IkeSecretBlob *blob)
{
  if (!blob || atomic_fetch_sub_explicit (&blob->refs, 1, memory_order_acq_rel) != 1)
    return;
  ike_wipe (blob->data, blob->len);
  if (blob->place == PLACE_CELL)
    cell_give_back (blob->data);
  else if (blob->place == PLACE_MAPPING)
    munmap (blob->data, blob->map_len);
  else
    g_free (blob->data);
  g_free (blob);
}

guint8 *
ike_secret_blob_data (IkeSecretBlob *blob)
{
  return blob->data;
}

gsize
ike_secret_blob_len (const IkeSecretBlob *blob)
{
  return blob->len;
}
