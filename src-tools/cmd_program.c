/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_program.c - `ikebana pki`, `ikebana plugin` and `ikebana store`: programs of their own run
 * them, so that this one needs no library of cryptography, none of databases, and no engine. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "cmd.h"

typedef struct {
  const char *command, *program, *path;
  gboolean is_built;
  const char *lack; /* what it needs */
} Program;

/* What lies beside this program goes before what was installed, so that a build tree can be used as
 * it is.  The kernel is asked where this program lies, not its caller; whoever may write there may
 * as well replace this program. */
static char *
find_beside (const char *program)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL), *directory = NULL;
  char *path;

  if (self == NULL)
    return NULL;
  directory = g_path_get_dirname (self);
  path = g_build_filename (directory, program, NULL);
  if (access (path, X_OK) == 0)
    return path;
  g_free (path);
  return NULL;
}

static ToolStatus
become (const Program *program, const char *const *argv)
{
  g_autofree char *beside = find_beside (program->program);
  const char *path = beside != NULL ? beside : program->path;
  g_autofree const char **words = g_new0 (const char *, g_strv_length ((char **) argv) + 2);
  int saved;

  if (!program->is_built) {
    tool_complain ("%s: this was built without what it needs: install %s and build again",
                   program->command, program->lack);
    return TOOL_FAILED;
  }
  words[0] = program->program;
  for (guint i = 0; argv[i] != NULL; i++)
    words[i + 1] = argv[i];
  execv (path, (char *const *) words);
  saved = errno;
  tool_complain ("%s: cannot run %s: %s%s", program->command, path, g_strerror (saved),
                 saved == ENOENT ? "; is all of ikebana installed?" : "");
  return TOOL_FAILED;
}

static const Program programs[] = {
  { "pki", "ikebana-pki", IKE_PKI_PROGRAM, IKE_HAS_PKI,
    "OpenSSL 3.0 or newer (Debian: libssl-dev)" },
  { "plugin", "ikebana-plugin", IKE_PLUGIN_PROGRAM, TRUE, "" },
  { "store", "ikebana-store", IKE_STORE_PROGRAM, IKE_HAS_STORE,
    "OpenSSL 3.0 or newer and SQLite (Debian: libssl-dev, libsqlite3-dev)" },
};

static const Program *
find (const char *command)
{
  for (guint i = 0; i < G_N_ELEMENTS (programs); i++)
    if (g_strcmp0 (command, programs[i].command) == 0)
      return &programs[i];
  return NULL;
}

gboolean
cmd_is_program (const char *command_or_null)
{
  return find (command_or_null) != NULL;
}

ToolStatus
cmd_program (const char *command, const char *const *argv)
{
  return become (find (command), argv);
}
