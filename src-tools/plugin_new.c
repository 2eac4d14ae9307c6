/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_new.c - `ikebana plugin new`: copies the template, with another name in the place of its
 * own. */
#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include "plugin.h"

#define TEMPLATE_NAME "skeleton"

enum { PLUGIN_NAME_MAX = 31 }; /* what its ELF note has room for, less the end */

const char *const *
plugin_kinds (void)
{
  static const char *const kinds[] = { "notify", "hook",  "tap",     "eap",
                                       "auth",   "store", "command", NULL };

  return kinds;
}

static const struct {
  const char *build, *from, *to;
} build_files[] = {
  { "make", "Makefile.out-of-tree", "Makefile" },
  { "autotools", "configure.ac.out-of-tree", "configure.ac" },
  { "autotools", "Makefile.am.out-of-tree", "Makefile.am" },
  { "meson", "meson.build.out-of-tree", "meson.build" },
};

/* -- names */

/* The name as it stands in settings; in identifiers and file names of C; as a type; as a macro. */
typedef struct {
  char *plain, *under, *camel, *upper;
} Names;

static void
names_init (Names *names, const char *name)
{
  GString *camel = g_string_new (NULL);
  gboolean is_first = TRUE;

  names->plain = g_strdup (name);
  names->under = g_strdelimit (g_strdup (name), "-", '_');
  names->upper = g_ascii_strup (names->under, -1);
  for (const char *at = name; *at; at++) {
    if (*at != '-')
      g_string_append_c (camel, is_first ? g_ascii_toupper (*at) : *at);
    is_first = *at == '-';
  }
  names->camel = g_string_free (camel, FALSE);
}

static void
names_clear (Names *names)
{
  g_free (names->plain);
  g_free (names->under);
  g_free (names->camel);
  g_free (names->upper);
}

static gboolean
is_name (const char *name)
{
  gsize len = strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789-");

  return g_ascii_islower (name[0]) && name[len] == '\0' && len <= PLUGIN_NAME_MAX
         && name[len - 1] != '-' && !strstr (name, "--");
}

/* In the catalog of the installation that has the template: also what its packager ships apart. */
static gboolean
is_in_catalog (const char *template_dir, const char *name)
{
  g_autofree char *path = g_build_filename (template_dir, "..", "catalog", NULL), *text = NULL,
                  *line = g_strdup_printf ("\nplugin %s ", name);

  return g_file_get_contents (path, &text, NULL, NULL)
         && (g_str_has_prefix (text, line + 1) || strstr (text, line));
}

/* Whoever installs a plugin of a name that is taken overwrites the other one. */
static gboolean
is_free (const PluginTool *tool, const char *template_dir, const char *name)
{
  g_autofree char *file = g_strconcat (name, ".so", NULL);
  g_autofree char *path =
      g_build_filename (tool->plugin_dir ? tool->plugin_dir : IKE_PLUGIN_DIR, file, NULL);

  if (g_file_test (path, G_FILE_TEST_EXISTS))
    tool_complain ("plugin new: there is a plugin %s already, %s, which yours would take the place "
                   "of: take another name",
                   name, path);
  else if (is_in_catalog (template_dir, name))
    tool_complain ("plugin new: ikebana has a plugin %s of its own, which yours would take the "
                   "place of: take another name",
                   name);
  else if (strcmp (name, "two") == 0)
    tool_complain (
        "plugin new: two.c is a file of the test, so a plugin cannot be called two: take "
        "another name");
  else
    return TRUE;
  return FALSE;
}

/* Joined by '_' the template's name is part of an identifier. */
static const char *
name_at (const Names *names, const char *text, const char *at)
{
  gboolean is_part = (at > text && at[-1] == '_') || at[sizeof TEMPLATE_NAME - 1] == '_';

  if (*at == 'S')
    return at[1] == 'K' ? names->upper : names->camel;
  return is_part ? names->under : names->plain;
}

static char *
renamed (const Names *names, const char *text)
{
  static const gsize len = sizeof TEMPLATE_NAME - 1;
  GString *out = g_string_new (NULL);
  const char *at = text;

  while (*at)
    if (strncmp (at, TEMPLATE_NAME, len) == 0 || strncmp (at, "Skeleton", len) == 0
        || strncmp (at, "SKELETON", len) == 0) {
      g_string_append (out, name_at (names, text, at));
      at += len;
    } else
      g_string_append_c (out, *at++);
  return g_string_free (out, FALSE);
}

/* -- files */

typedef struct {
  const char *from_dir, *to_dir;
  Names names;
} Copy;

static gboolean
copy_file (const Copy *copy, const char *from, const char *to, GError **error)
{
  g_autofree char *to_name = renamed (&copy->names, to);
  g_autofree char *from_path = g_build_filename (copy->from_dir, from, NULL);
  g_autofree char *to_path = g_build_filename (copy->to_dir, to_name, NULL);
  g_autofree char *text = NULL, *ours = NULL;

  if (!g_file_get_contents (from_path, &text, NULL, error)) {
    g_prefix_error (error, "the template is not all there (is all of ikebana installed?): ");
    return FALSE;
  }
  ours = renamed (&copy->names, text);
  return g_file_set_contents (to_path, ours, -1, error);
}

/* The command is the template's own plugin; the other kinds stand beside it. */
static gboolean
copy_kind (const Copy *copy, const char *kind, GError **error)
{
  gboolean is_first = strcmp (kind, "command") == 0;
  g_autofree char *base =
      is_first ? g_strdup (TEMPLATE_NAME) : g_build_filename ("kinds", kind, NULL);
  g_autofree char *source = g_strconcat (base, ".c", NULL),
                  *conf = g_strconcat (base, ".conf", NULL);
  g_autofree char *test = g_strdup_printf ("kinds/%s_test.c", kind);

  return copy_file (copy, source, TEMPLATE_NAME ".c", error)
         && copy_file (copy, conf, TEMPLATE_NAME ".conf", error)
         && copy_file (copy, test, "test_" TEMPLATE_NAME ".c", error)
         && copy_file (copy, "two.c", "two.c", error) && copy_file (copy, "two.h", "two.h", error);
}

static gboolean
copy_all (const Copy *copy, const char *kind, const char *build, GError **error)
{
  if (g_mkdir (copy->to_dir, 0777) != 0) {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot make the directory %s: %s",
                 copy->to_dir, g_strerror (errno));
    return FALSE;
  }
  if (!copy_kind (copy, kind, error)) {
    g_rmdir (copy->to_dir); /* stays if there is something in it */
    return FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS (build_files); i++)
    if (strcmp (build, build_files[i].build) == 0
        && !copy_file (copy, build_files[i].from, build_files[i].to, error))
      return FALSE;
  return TRUE;
}

static const char *
how_to_build (const char *build)
{
  if (strcmp (build, "meson") == 0)
    return "meson setup build && meson test -C build";
  return strcmp (build, "autotools") == 0 ? "autoreconf -fi && ./configure && make && make check"
                                          : "make && make check";
}

static const char *
where_it_is (const char *build)
{
  if (strcmp (build, "meson") == 0)
    return "build/";
  return strcmp (build, "autotools") == 0 ? ".libs/" : "";
}

ToolStatus
plugin_new (const PluginTool *tool, const char *name)
{
  const char *kind = tool->kind ? tool->kind : "hook", *build = tool->build ? tool->build : "make";
  Copy copy = { tool->template_dir ? tool->template_dir : IKE_TEMPLATE_DIR,
                tool->directory ? tool->directory : name,
                { NULL } };
  g_autoptr (GError) error = NULL;
  gboolean is_made;

  if (!is_name (name)) {
    tool_complain ("plugin new: \"%s\" is no name of a plugin: a to z, digits and single '-', at "
                   "most %d, a letter first",
                   name, PLUGIN_NAME_MAX);
    return TOOL_USAGE;
  }
  if (!is_free (tool, copy.from_dir, name))
    return TOOL_USAGE;
  if (!g_strv_contains (plugin_kinds (), kind)) {
    g_autofree char *kinds = g_strjoinv (", ", (char **) plugin_kinds ());
    tool_complain ("plugin new: there is no kind \"%s\"; there are %s", kind, kinds);
    return TOOL_USAGE;
  }
  if (strcmp (build, "make") != 0 && strcmp (build, "autotools") != 0
      && strcmp (build, "meson") != 0) {
    tool_complain ("plugin new: --build is make, autotools or meson, not \"%s\"", build);
    return TOOL_USAGE;
  }
  names_init (&copy.names, name);
  is_made = copy_all (&copy, kind, build, &error);
  names_clear (&copy.names);
  if (!is_made) {
    tool_complain ("plugin new: %s", error->message);
    return TOOL_FAILED;
  }
  printf ("%s: a plugin of kind %s.  To build and test it:\n\n  cd %s && %s\n"
          "  ikebana plugin test %s%s.so\n",
          copy.to_dir, kind, copy.to_dir, how_to_build (build), where_it_is (build), name);
  return TOOL_OK;
}
