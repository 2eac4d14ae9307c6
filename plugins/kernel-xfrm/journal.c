/* SPDX-License-Identifier: Apache-2.0 */
/* journal.c - which SAs and policies in the kernel are ours, in a file that outlives us. */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/sockios.h>
#include <ikebana/error.h>
#include "journal.h"

enum { EPOCHS = 3, DEAD_LINES_MAX = 4096, FILE_MAX = 256 * 1024 * 1024 };

/* A record is "reqid 1000000001" or "shunt …": what it names is the rest of the line. */
struct _XfrmJournal {
  char       *path, *head;
  int         lock, fd;
  guint       epoch, n_dead;
  GHashTable *found, *present;                /* char * */
};

/* -- where and when: the first line */

static char *
read_boot (void)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents ("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
    return g_strdup ("unknown");
  return g_strdup (g_strstrip (text));
}

static guint64
get_namespace (int socket)
{
  struct stat info;
  int there = ioctl (socket, SIOCGSKNS);
  guint64 namespace = there >= 0 && fstat (there, &info) == 0 ? (guint64) info.st_ino : 0;
  if (there >= 0)
    close (there);
  return namespace;
}

/* -- reading */

static void
take_line (XfrmJournal *journal, char *line)
{
  if (line[0] == '+' && line[1] == ' ')
    g_hash_table_add (journal->found, g_strdup (line + 2));
  else if (line[0] == '-' && line[1] == ' ')
    g_hash_table_remove (journal->found, line + 2);
}

/* "ikebana 1 BOOT EPOCH" */
static gboolean
take_head (XfrmJournal *journal, const char *line, const char *boot)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 5);
  guint64 epoch = 0;
  if (g_strv_length (words) != 4 || strcmp (words[0], "ikebana") || strcmp (words[1], "1")
      || !g_ascii_string_to_unsigned (words[3], 10, 0, EPOCHS - 1, &epoch, NULL))
    return FALSE;
  journal->epoch = (guint) (epoch + 1) % EPOCHS;
  return strcmp (words[2], boot) == 0;
}

static void
read_file (XfrmJournal *journal, const char *boot)
{
  g_autofree char *text = NULL;
  struct stat info;
  char *line, *end;
  if (stat (journal->path, &info) < 0 || info.st_size > FILE_MAX
      || !g_file_get_contents (journal->path, &text, NULL, NULL))
    return;
  line = text;
  end = strchr (line, '\n');
  if (!end)
    return;
  *end = 0;
  if (!take_head (journal, line, boot))
    return;
  /* A last line without an end was not written whole: then nothing was installed either. */
  for (line = end + 1; (end = strchr (line, '\n')); line = end + 1) {
    *end = 0;
    take_line (journal, line);
  }
}

/* -- writing */

static gboolean
put (XfrmJournal *journal, const char *text, GError **error)
{
  gsize len = strlen (text);
  gssize put;
  do
    put = write (journal->fd, text, len);
  while (put < 0 && errno == EINTR);
  if (put == (gssize) len)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot write %s: %s", journal->path,
               put < 0 ? g_strerror (errno) : "the disk is full");
  return FALSE;
}

static void
print_all (GHashTable *names, GString *text)
{
  GHashTableIter iter;
  gpointer name;
  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_string_append_printf (text, "+ %s\n", (const char *) name);
}

/* The old file stays until the new one is whole. */
static gboolean
rewrite (XfrmJournal *journal, GError **error)
{
  g_autofree char *temporary = g_strconcat (journal->path, ".new", NULL);
  GString *text = g_string_new (journal->head);
  int fd = open (temporary, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  int old = journal->fd;
  gboolean is_good;
  print_all (journal->found, text);
  print_all (journal->present, text);
  journal->fd = fd;
  is_good = fd >= 0 && put (journal, text->str, error);
  g_string_free (text, TRUE);
  if (fd < 0 || (is_good && rename (temporary, journal->path) < 0)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot write %s: %s", journal->path,
                 g_strerror (errno));
    is_good = FALSE;
  }
  if (!is_good) {
    if (fd >= 0)
      close (fd);
    journal->fd = old;
    return FALSE;
  }
  if (old >= 0)
    close (old);
  journal->n_dead = 0;
  return TRUE;
}

/* -- opening */

static gboolean
lock (XfrmJournal *journal, const char *dir, guint64 namespace, GError **error)
{
  g_autofree char *path
      = g_strdup_printf ("%s/kernel-xfrm-%" G_GUINT64_FORMAT ".lock", dir, namespace);
  if (g_mkdir_with_parents (dir, 0700) == 0)
    journal->lock = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (journal->lock < 0) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot open %s: %s", path,
                 g_strerror (errno));
    return FALSE;
  }
  if (flock (journal->lock, LOCK_EX | LOCK_NB) == 0)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_BUSY,
               "%s is locked: another process works with SAs of this network namespace", path);
  return FALSE;
}

XfrmJournal *
xfrm_journal_open (const char *dir, int socket, GError **error)
{
  XfrmJournal *journal = g_new0 (XfrmJournal, 1);
  guint64 namespace = get_namespace (socket);
  g_autofree char *boot = read_boot ();
  journal->lock = journal->fd = -1;
  journal->found = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  journal->present = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  journal->path = g_strdup_printf ("%s/kernel-xfrm-%" G_GUINT64_FORMAT ".journal", dir, namespace);
  if (lock (journal, dir, namespace, error)) {
    read_file (journal, boot);
    journal->head = g_strdup_printf ("ikebana 1 %s %u\n", boot, journal->epoch);
    if (rewrite (journal, error))
      return journal;
  }
  xfrm_journal_free (journal);
  return NULL;
}

void
xfrm_journal_free (XfrmJournal *journal)
{
  if (!journal)
    return;
  if (journal->fd >= 0)
    close (journal->fd);
  if (journal->lock >= 0)
    close (journal->lock);
  g_hash_table_unref (journal->found);
  g_hash_table_unref (journal->present);
  g_free (journal->head);
  g_free (journal->path);
  g_free (journal);
}

/* -- records */

static char *
name_reqid (guint32 reqid)
{
  return g_strdup_printf ("reqid %u", reqid);
}

static char *
name_shunt (const char *shunt)
{
  return g_strconcat ("shunt ", shunt, NULL);
}

static gboolean
add (XfrmJournal *journal, char *name_take, GError **error)
{
  g_autofree char *name = name_take, *line = NULL;
  if (g_hash_table_contains (journal->present, name))
    return TRUE;
  line = g_strdup_printf ("+ %s\n", name);
  if (!put (journal, line, error))
    return FALSE;
  g_hash_table_add (journal->present, g_steal_pointer (&name));
  return TRUE;
}

/* What cannot be struck out is looked for in vain at the next start. */
static void
drop (XfrmJournal *journal, char *name_take)
{
  g_autofree char *name = name_take, *line = NULL;
  if (!g_hash_table_remove (journal->present, name))
    return;
  if (!g_hash_table_contains (journal->found, name)) {
    line = g_strdup_printf ("- %s\n", name);
    (void) put (journal, line, NULL);
  }
  if (++journal->n_dead > DEAD_LINES_MAX + g_hash_table_size (journal->present))
    (void) rewrite (journal, NULL);
}

guint
xfrm_journal_epoch (const XfrmJournal *journal)
{
  return journal->epoch;
}

guint
xfrm_journal_n_found (const XfrmJournal *journal)
{
  return g_hash_table_size (journal->found);
}

gboolean
xfrm_journal_had_reqid (const XfrmJournal *journal, guint32 reqid)
{
  g_autofree char *name = name_reqid (reqid);
  return g_hash_table_contains (journal->found, name);
}

gboolean
xfrm_journal_had_shunt (const XfrmJournal *journal, const char *shunt)
{
  g_autofree char *name = name_shunt (shunt);
  return g_hash_table_contains (journal->found, name);
}

void
xfrm_journal_forget (XfrmJournal *journal)
{
  g_hash_table_remove_all (journal->found);
  (void) rewrite (journal, NULL);
}

gboolean
xfrm_journal_add (XfrmJournal *journal, guint32 reqid, GError **error)
{
  return add (journal, name_reqid (reqid), error);
}

gboolean
xfrm_journal_add_shunt (XfrmJournal *journal, const char *shunt, GError **error)
{
  return add (journal, name_shunt (shunt), error);
}

void
xfrm_journal_drop (XfrmJournal *journal, guint32 reqid)
{
  drop (journal, name_reqid (reqid));
}

void
xfrm_journal_drop_shunt (XfrmJournal *journal, const char *shunt)
{
  drop (journal, name_shunt (shunt));
}
