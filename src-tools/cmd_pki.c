/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_pki.c - `ikebana pki`: a program of its own runs it, so that this one needs no library of
 * cryptography. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "cmd.h"

/* What lies beside this program goes before what was installed, so that a build tree can be used as
 * it is.  The kernel is asked where this program lies, not its caller; whoever may write there may
 * as well replace this program. */
static char *
find_beside (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL), *directory = NULL;
  char *path;

  if (self == NULL)
    return NULL;
  directory = g_path_get_dirname (self);
  path = g_build_filename (directory, "ikebana-pki", NULL);
  if (access (path, X_OK) == 0)
    return path;
  g_free (path);
  return NULL;
}

ToolStatus
cmd_pki (const char *const *argv)
{
  g_autofree char *beside = find_beside ();
  const char *path = beside != NULL ? beside : IKE_PKI_PROGRAM;
  g_autofree const char **words = g_new0 (const char *, g_strv_length ((char **) argv) + 2);
  int saved;

  if (!IKE_HAS_PKI) {
    tool_complain ("pki: this was built without libcrypto, which it needs: install OpenSSL 3.0 or "
                   "newer (Debian: libssl-dev) and build again");
    return TOOL_FAILED;
  }
  words[0] = "ikebana-pki";
  for (guint i = 0; argv[i] != NULL; i++)
    words[i + 1] = argv[i];
  execv (path, (char *const *) words);
  saved = errno;
  tool_complain ("pki: cannot run %s: %s%s", path, g_strerror (saved),
                 saved == ENOENT ? "; is all of ikebana installed?" : "");
  return TOOL_FAILED;
}
