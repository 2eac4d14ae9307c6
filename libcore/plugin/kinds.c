/* SPDX-License-Identifier: Apache-2.0 */
/* kinds.c - kinds of features: who declares them, and fitting a provider's table to its
 * consumer's. */
#include "config.h"
#include "plugin/plugin_private.h"
#include <ikebana/error.h>
#include <string.h>

enum { OPAQUE_OPS_MAX = 64 * 1024 }; /* bytes of a table whose kind sets no size */

void
ike_kind_free (gpointer data)
{
  IkeKindNode *kind = data;
  g_ptr_array_unref (kind->ready);
  g_free (kind->name);
  g_free (kind->plugin);
  g_free (kind);
}

IkeKindNode *
ike_kind_by_name (const IkeRegistry *registry, const char *name)
{
  for (guint i = 0; i < registry->kinds->len; i++) {
    IkeKindNode *kind = g_ptr_array_index (registry->kinds, i);
    if (strcmp (kind->name, name) == 0)
      return kind;
  }
  return NULL;
}

/* "kernel:net" is a kind of its own although "kernel" is one: the longer name that was declared
 * wins. */
IkeKindNode *
ike_kind_find (const IkeRegistry *registry, const char *feature)
{
  const char *slash = strchr (feature, '/');
  g_autofree char *name =
      slash ? g_strndup (feature, (gsize) (slash - feature)) : g_strdup (feature);
  IkeKindNode *kind = ike_kind_by_name (registry, name);
  char *colon = strchr (name, ':');
  if (kind || !colon)
    return kind;
  *colon = '\0';
  return ike_kind_by_name (registry, name);
}

/* Several plugins may consume one kind: the copies are then as large as the newest of them
 * wants. */
gboolean
ike_kind_add (IkeRegistry *registry, const IkeFeatureKind *info, const char *plugin, GError **error)
{
  if (info->struct_size < IKE_SIZE_UP_TO (IkeFeatureKind, ops_size_max) || !info->name
      || !info->name[0] || info->ops_size_max > OPAQUE_OPS_MAX
      || (info->ops_size_max && info->ops_size_min > info->ops_size_max)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "declares kind %s with impossible sizes",
                 info->name ? info->name : "(null)");
    return FALSE;
  }
  IkeKindNode *kind = ike_kind_by_name (registry, info->name);
  if (kind && kind->major != info->major) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN,
                 "kind %s: it is written for version %u, plugin %s for version %u: rebuild the "
                 "older of the two",
                 info->name, info->major, kind->plugin, kind->major);
    return FALSE;
  }
  if (kind) {
    kind->minor = MAX (kind->minor, info->minor);
    kind->ops_size_min = MAX (kind->ops_size_min, info->ops_size_min);
    kind->ops_size_max = MAX (kind->ops_size_max, info->ops_size_max);
    return TRUE;
  }
  kind = g_new0 (IkeKindNode, 1);
  kind->name = g_strdup (info->name);
  kind->plugin = g_strdup (plugin);
  kind->major = info->major;
  kind->minor = info->minor;
  kind->ops_size_min = info->ops_size_min;
  kind->ops_size_max = info->ops_size_max;
  kind->ready = g_ptr_array_new ();
  g_ptr_array_add (registry->kinds, kind);
  return TRUE;
}

static void
settle_unknown (const IkeRegistry *registry, IkeFeatureNode *feature)
{
  g_autofree char *kind = g_strndup (feature->name, strcspn (feature->name, ":/"));
  const IkeCatalogEntry *entry = ike_catalog_kind (registry, kind);
  if (entry) {
    g_autofree char *why = NULL;
    const IkePlugin *owner = g_hash_table_lookup (registry->by_name, entry->name);
    why = owner ? ike_plugin_why (owner)
                : g_strdup_printf ("plugin %s (package %s) is not installed", entry->name,
                                   entry->package);
    ike_feature_settle (feature, IKE_STATE_MISSING, "nobody uses features of kind %s: %s", kind,
                        why);
    return;
  }
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  for (guint i = 0; i < registry->kinds->len; i++)
    g_ptr_array_add (names, ((IkeKindNode *) g_ptr_array_index (registry->kinds, i))->name);
  g_ptr_array_add (names, NULL);
  const char *nearest = ike_nearest (kind, (const char *const *) names->pdata);
  if (nearest)
    ike_feature_settle (feature, IKE_STATE_BROKEN, "unknown kind %s, did you mean %s?", kind,
                        nearest);
  else
    ike_feature_settle (feature, IKE_STATE_BROKEN, "unknown kind %s: no plugin declares it", kind);
}

/* Finds the kind and makes the copy of the functions.  After all kinds are known. */
void
ike_kind_bind (IkeRegistry *registry, IkeFeatureNode *feature)
{
  IkeKindNode *kind = ike_kind_find (registry, feature->name);
  if (!kind) {
    settle_unknown (registry, feature);
    return;
  }
  feature->kind = kind;
  guint32 theirs = feature->info.ops ? *(const guint32 *) feature->info.ops : 0;
  guint32 ours = kind->ops_size_max ? kind->ops_size_max : MIN (theirs, OPAQUE_OPS_MAX);
  if (!feature->info.ops && kind->ops_size_min > 0) {
    ike_feature_settle (feature, IKE_STATE_BROKEN,
                        "has no functions, kind %s wants a table of at least %u bytes", kind->name,
                        kind->ops_size_min);
    return;
  }
  if (theirs < kind->ops_size_min || (!kind->ops_size_max && theirs > OPAQUE_OPS_MAX)) {
    ike_feature_settle (
        feature, IKE_STATE_ABI,
        "its table has %u bytes, kind %s version %u.%u of plugin %s wants %u to %u: rebuild plugin "
        "%s",
        theirs, kind->name, kind->major, kind->minor, kind->plugin, kind->ops_size_min,
        kind->ops_size_max ? kind->ops_size_max : OPAQUE_OPS_MAX, feature->plugin->name);
    return;
  }
  if (!feature->info.ops)
    return;
  feature->ops = g_malloc0 (MAX (ours, sizeof (guint32)));
  memcpy (feature->ops, feature->info.ops, MIN (theirs, ours));
  *(guint32 *) feature->ops = MIN (theirs, ours);
}
