/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c - keys of tickets: random ones that are replaced in time, or those of a file.
 *
 * RFC 5723, 9.5: "The keys should be changed regularly"; 6.2: a key "MUST have a lifetime that is
 * significantly longer than the lifetime of an IKE SA". A key that seals no more still opens,
 * until there are too many of newer ones. */
#include "keys.h"
#include "shared/hex/hex.h"
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/secret.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_MAX = 64 * 1024 };

void
key_ring_init (KeyRing *ring)
{
  *ring = (KeyRing){ .n = 0 };
  pthread_mutex_init (&ring->lock, NULL);
}

void
key_ring_clear (KeyRing *ring)
{
  ike_wipe (ring->keys, sizeof ring->keys);
  pthread_mutex_destroy (&ring->lock);
}

static gboolean
read_line (const char *line, IkeTicketKey *out)
{
  g_auto (GStrv) words = g_strsplit_set (line, " \t", 2);
  gboolean is_good = words[0] && words[1] && hex_read (words[0], out->id, sizeof out->id)
                     && hex_read (g_strstrip (words[1]), out->key, sizeof out->key);

  for (guint i = 0; words[i]; i++)
    ike_wipe (words[i], strlen (words[i]));
  return is_good;
}

static gboolean
read_lines (KeyRing *ring, char **lines, const char *file, GError **error)
{
  for (guint i = 0; lines[i]; i++) {
    g_strstrip (lines[i]);
    if (!*lines[i] || *lines[i] == '#')
      continue;
    if (ring->n == KEYS_MAX)
      return g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                          "%s:%u: %d keys are the most; remove the oldest, which are last", file,
                          i + 1, KEYS_MAX),
             FALSE;
    if (!read_line (lines[i], &ring->keys[ring->n++]))
      return g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                          "%s:%u: a line is an ID of 16 hex digits, a space, and a key of 64", file,
                          i + 1),
             FALSE;
  }
  if (!ring->n)
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "%s has no key", file);
  return ring->n > 0;
}

gboolean
key_ring_load (KeyRing *ring, const char *file, GError **error)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  struct stat info;
  gboolean is_good;
  gsize len;

  if (stat (file, &info) == 0 && (info.st_mode & 077 || info.st_size > FILE_MAX))
    return g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                        info.st_mode & 077
                            ? "%s may be read by others, who could then resume any SA; chmod 600"
                            : "%s is too long for a file of keys",
                        file),
           FALSE;
  if (!g_file_get_contents (file, &text, &len, error))
    return FALSE;
  lines = g_strsplit (text, "\n", -1);
  ike_wipe (text, len);
  is_good = read_lines (ring, lines, file, error);
  for (guint i = 0; lines[i]; i++)
    ike_wipe (lines[i], strlen (lines[i]));
  ring->is_of_file = TRUE;
  return is_good;
}

/* What is in memory goes on opening the tickets that it sealed. */
void
key_ring_forget (KeyRing *ring)
{
  pthread_mutex_lock (&ring->lock);
  if (ring->is_of_file)
    ring->n = 0;
  ring->is_of_file = FALSE;
  pthread_mutex_unlock (&ring->lock);
}

void
key_ring_take (KeyRing *ring, KeyRing *from)
{
  pthread_mutex_lock (&ring->lock);
  memcpy (ring->keys, from->keys, sizeof ring->keys);
  ring->n = from->n;
  ring->is_of_file = from->is_of_file;
  pthread_mutex_unlock (&ring->lock);
}

static void
add_random (KeyRing *ring, IkeEngine *engine, gint64 now_us)
{
  ring->n = MIN (ring->n + 1, KEYS_MAX);
  memmove (&ring->keys[1], &ring->keys[0], (ring->n - 1) * sizeof *ring->keys);
  ike_engine_random (engine, &ring->keys[0], sizeof ring->keys[0]);
  ring->made_us = now_us;
}

gboolean
key_ring_current (KeyRing *ring, IkeEngine *engine, guint64 rotation_s, IkeTicketKey *out)
{
  gint64 now_us = ike_engine_now_us (engine);

  pthread_mutex_lock (&ring->lock);
  if (!ring->is_of_file
      && (!ring->n || now_us - ring->made_us >= (gint64) rotation_s * G_USEC_PER_SEC))
    add_random (ring, engine, now_us);
  *out = ring->keys[0];
  pthread_mutex_unlock (&ring->lock);
  return TRUE;
}

gboolean
key_ring_find (KeyRing *ring, const guint8 id[IKE_TICKET_KEY_ID_LEN], IkeTicketKey *out)
{
  gboolean is_found = FALSE;

  pthread_mutex_lock (&ring->lock);
  for (guint i = 0; i < ring->n && !is_found; i++) {
    is_found = !memcmp (ring->keys[i].id, id, IKE_TICKET_KEY_ID_LEN);
    if (is_found)
      *out = ring->keys[i];
  }
  pthread_mutex_unlock (&ring->lock);
  return is_found;
}
