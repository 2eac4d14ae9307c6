/* SPDX-License-Identifier: Apache-2.0 */
/* marks.c - sequence numbers that are kept over a crash. */
#include "marks.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include <ikebana/error.h>

#include "shared/sim/card.h"

enum { LINES_MIN = 256 }; /* of the file, before it is worth to make it anew */

struct _SimMarks {
  char *path;
  GHashTable *by_card; /* name, guint64 */
  int fd;
  guint n_lines;
};

static gboolean
fail (GError **error, const char *what, const char *path)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "%s %s: %s", what, path, g_strerror (errno));
  return FALSE;
}

static void
remember (SimMarks *marks, const char *card, guint64 sqn)
{
  guint64 *mark = g_hash_table_lookup (marks->by_card, card);

  if (!mark) {
    mark = g_new0 (guint64, 1);
    g_hash_table_insert (marks->by_card, g_strdup (card), mark);
  }
  *mark = MAX (*mark, sqn);
}

/* A line without its end was being written when the machine stopped: its number was not given out
 * yet. */
static void
read_lines (SimMarks *marks, char *text)
{
  char *line = text, *end;

  for (; (end = strchr (line, '\n')); line = end + 1) {
    char *blank = memchr (line, ' ', (gsize) (end - line));

    *end = '\0';
    if (!blank)
      continue;
    *blank = '\0';
    remember (marks, line, MIN (g_ascii_strtoull (blank + 1, NULL, 16), SIM_SQN_MAX));
  }
}

static gboolean
write_whole (int fd, const char *text, gsize len)
{
  while (len) {
    ssize_t n = write (fd, text, len);

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return FALSE;
    text += n;
    len -= (gsize) n;
  }
  return fdatasync (fd) == 0;
}

static gint
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static GString *
all_lines (const SimMarks *marks)
{
  guint n;
  g_autofree char **names = (char **) g_hash_table_get_keys_as_array (marks->by_card, &n);
  GString *text = g_string_new (NULL);

  qsort (names, n, sizeof *names, by_name);
  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "%s %" G_GINT64_MODIFIER "x\n", names[i],
                            *(guint64 *) g_hash_table_lookup (marks->by_card, names[i]));
  return text;
}

static void
sync_directory_of (const char *path)
{
  g_autofree char *directory = g_path_get_dirname (path);
  int fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return;
  fsync (fd);
  close (fd);
}

/* The file anew, with one line for each card, and open for more. */
static gboolean
make_anew (SimMarks *marks, GError **error)
{
  g_autofree char *fresh = g_strconcat (marks->path, ".new", NULL);
  GString *text = all_lines (marks);
  int fd = open (fresh, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  gboolean is_done =
      fd >= 0 && write_whole (fd, text->str, text->len) && rename (fresh, marks->path) == 0;

  g_string_free (text, TRUE);
  if (!is_done) {
    fail (error, "cannot write", fresh);
    if (fd >= 0)
      close (fd);
    return FALSE;
  }
  sync_directory_of (marks->path);
  if (marks->fd >= 0)
    close (marks->fd);
  marks->fd = fd;
  marks->n_lines = g_hash_table_size (marks->by_card);
  return TRUE;
}

SimMarks *
sim_marks_open (const char *path, GError **error)
{
  SimMarks *marks = g_new0 (SimMarks, 1);
  g_autofree char *text = NULL;
  g_autoptr (GError) why = NULL;

  marks->path = g_strdup (path);
  marks->by_card = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  marks->fd = -1;
  if (g_file_get_contents (path, &text, NULL, &why)) {
    read_lines (marks, text);
  } else if (!g_error_matches (why, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "%s", why->message);
    sim_marks_free (marks);
    return NULL;
  }
  if (make_anew (marks, error))
    return marks;
  sim_marks_free (marks);
  return NULL;
}

void
sim_marks_free (SimMarks *marks)
{
  if (!marks)
    return;
  if (marks->fd >= 0)
    close (marks->fd);
  g_hash_table_unref (marks->by_card);
  g_free (marks->path);
  g_free (marks);
}

guint64
sim_marks_get (const SimMarks *marks, const char *card)
{
  const guint64 *mark = g_hash_table_lookup (marks->by_card, card);

  return mark ? *mark : 0;
}

gboolean
sim_marks_set (SimMarks *marks, const char *card, guint64 sqn, GError **error)
{
  g_autofree char *line = g_strdup_printf ("%s %" G_GINT64_MODIFIER "x\n", card, sqn);

  remember (marks, card, sqn);
  if (marks->n_lines > MAX (LINES_MIN, 4 * g_hash_table_size (marks->by_card)))
    return make_anew (marks, error);
  marks->n_lines++;
  /* After half a line, everything behind it could be misread: the next time all is written anew. */
  if (write_whole (marks->fd, line, strlen (line)))
    return TRUE;
  fail (error, "cannot write", marks->path);
  marks->n_lines = G_MAXUINT;
  return FALSE;
}
