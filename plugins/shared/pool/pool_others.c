/* SPDX-License-Identifier: Apache-2.0 */
/* pool_others.c - pools of other keepers; see pool_others.h. */
#include "config.h"
#include "pool_others.h"
#include <ikebana/plugin.h>

typedef struct {
  char *name, *store;
  PoolAddrs *addrs;
} Other;

static void
other_free (gpointer data)
{
  Other *other = data;

  g_free (other->name);
  g_free (other->store);
  g_free (other->addrs);
  g_free (other);
}

GPtrArray *
pool_others_new (void)
{
  return g_ptr_array_new_with_free_func (other_free);
}

void
pool_others_note (GPtrArray *others, IkeEngine *engine, const IkeTree *section)
{
  g_autofree char *store = g_ascii_strdown (ike_tree_string (section, "store", "memory"), -1);
  g_autofree char *feature = g_strconcat ("section:pools/", store, NULL);
  PoolAddrs *addrs = NULL;
  Other *other;

  if (ike_feature_find (engine, feature, NULL))
    addrs = pool_addrs_parse (ike_tree_string (section, "addrs", ""), NULL);
  /* What is wrong with it its keeper says. */
  if (!addrs)
    return;
  other = g_new0 (Other, 1);
  *other = (Other){ g_strdup (ike_tree_name (section)), g_steal_pointer (&store), addrs };
  g_ptr_array_add (others, other);
}

gboolean
pool_others_check (const GPtrArray *others, const PoolConf *conf, const char *store,
                   GPtrArray *problems)
{
  for (guint i = 0; i < others->len; i++) {
    const Other *other = others->pdata[i];
    if (!pool_addrs_overlap (conf->addrs, other->addrs))
      continue;
    g_ptr_array_add (problems,
                     g_strdup_printf ("addrs: pool %s (store = %s) has addresses of pool %s (store "
                                      "= %s); neither store knows what the other has given",
                                      conf->name, store, other->name, other->store));
    return FALSE;
  }
  return TRUE;
}
