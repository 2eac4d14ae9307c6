/* SPDX-License-Identifier: Apache-2.0 */
/* catalog_gen.c - writes the catalog: what each plugin that was built offers, for those who do
 * not have it.
 *
 * catalog-gen PACKAGE-PREFIX FILE.so …   The format is described in libcore/plugin/catalog.c.  It
 * opens the plugins with lazy binding and calls nothing in them.  One that cannot be opened here
 * is left out: that costs sentences, not function. */
#include <dlfcn.h>
#include <ikebana/plugin.h>
#include <stdio.h>

static void
print_option (const IkeOptionInfo *option)
{
  printf ("option %s %s ", option->path, option->type);
  if (option->fallback) {
    g_autofree char *text = g_strescape (option->fallback, NULL);
    printf ("\"%s\"\n", text);
  } else
    printf ("-\n");
}

static void
print_plugin (const IkePluginInfo *info, const char *prefix)
{
  printf ("\nplugin %s %s %s%s\n", info->name, info->version ? info->version : "0", prefix,
          info->name);
  for (guint i = 0; info->features && info->features[i]; i++)
    printf ("feature %s\n", info->features[i]->provides);
  for (guint i = 0; info->kinds && info->kinds[i]; i++)
    printf ("kind %s\n", info->kinds[i]->name);
  for (guint i = 0; info->options && info->options[i]; i++)
    print_option (info->options[i]);
}

int
main (int argc, char **argv)
{
  if (argc < 2)
    return 2;
  printf ("# What each plugin offers, and the package that it comes in.\n");
  for (int i = 2; i < argc; i++) {
    void *handle = dlopen (argv[i], RTLD_LAZY | RTLD_LOCAL);
    const IkePluginInfo *info = handle ? dlsym (handle, "ike_plugin") : NULL;
    if (!info) {
      fprintf (stderr, "catalog-gen: left out: %s\n", dlerror ());
      continue;
    }
    print_plugin (info, argv[1]);
  }
  return fflush (stdout) == 0 ? 0 : 1;
}
