/* SPDX-License-Identifier: Apache-2.0 */
/* resolv_conf.c - resolv.conf with our name servers in front of those that are there. */
#include "config.h"
#include "resolve.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ikebana/error.h>

static const char mark[] = "   # by ikebana";

char *
resolv_conf_edit (const char *text, const GPtrArray *servers)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GString *out = g_string_new (NULL);

  for (guint i = 0; servers && i < servers->len; i++)
    g_string_append_printf (out, "nameserver %s%s\n", (const char *) servers->pdata[i], mark);
  for (guint i = 0; lines[i]; i++)
    if (!g_str_has_suffix (lines[i], mark) && (*lines[i] || lines[i + 1]))
      g_string_append_printf (out, "%s\n", lines[i]);
  return g_string_free (out, FALSE);
}

static gboolean
fail (const char *path, GError **error)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot write %s: %s", path, g_strerror (errno));
  return FALSE;
}

static gboolean
write_all (int fd, const char *text)
{
  gsize len = strlen (text), done = 0;

  while (done < len) {
    ssize_t n = write (fd, text + done, len - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return FALSE;
    done += (gsize) n;
  }
  return TRUE;
}

/* In its place, where it is mounted by itself and cannot be replaced. */
static gboolean
overwrite (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_TRUNC | O_CLOEXEC);
  gboolean is_good = fd >= 0 && write_all (fd, text);

  if (fd >= 0)
    close (fd);
  return is_good;
}

static gboolean
replace (const char *path, const char *text)
{
  g_autofree char *temporary = g_strconcat (path, ".ikebana", NULL);
  int fd = open (temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644), why;
  gboolean is_good = fd >= 0 && write_all (fd, text) && fchmod (fd, 0644) == 0;

  if (is_good && g_rename (temporary, path) == 0) {
    close (fd);
    return TRUE;
  }
  why = errno;
  if (fd >= 0) {
    close (fd);
    g_unlink (temporary);
  }
  errno = why;
  return is_good && why == EBUSY && overwrite (path, text);
}

static gboolean
read_before (const char *path, char **before, GError **error)
{
  struct stat at;
  gsize len = 0;

  if (g_file_get_contents (path, before, &len, error)) {
    if (len <= RESOLV_CONF_MAX && strlen (*before) == len)
      return TRUE;
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM,
                 "cannot write %s: what is there is no resolv.conf", path);
    return FALSE;
  }
  /* What a link would lead to is somebody else's to make. */
  if (!g_error_matches (*error, G_FILE_ERROR, G_FILE_ERROR_NOENT) || lstat (path, &at) == 0) {
    g_prefix_error (error, "cannot read what to keep of it: ");
    return FALSE;
  }
  g_clear_error (error);
  *before = g_strdup ("");
  return TRUE;
}

gboolean
resolv_conf_write (const char *path, const GPtrArray *servers, GError **error)
{
  g_autofree char *real = NULL, *before = NULL, *after = NULL;
  g_autoptr (GError) why = NULL;

  if (!read_before (path, &before, &why)) {
    g_propagate_error (error, g_steal_pointer (&why));
    return FALSE;
  }
  /* What a link leads to is what programs read. */
  real = realpath (path, NULL);
  after = resolv_conf_edit (before, servers);
  if (!strcmp (before, after))
    return TRUE;
  return replace (real ? real : path, after) || fail (path, error);
}
