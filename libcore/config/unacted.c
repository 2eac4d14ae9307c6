/* SPDX-License-Identifier: Apache-2.0 */
/* unacted.c - keys that are understood and that nothing loaded acts upon yet.
 *
 * What only makes a tunnel live shorter or die later (timers, liveness) is a warning: the file
 * still loads.  What would change whom or what a tunnel protects fails its connection: nobody shall
 * believe in a protection that is not there.  A plugin that acts upon a key says so with a feature
 * `acts:connection/KEY` or `acts:child/KEY`. */
#include "config/model_private.h"

typedef struct {
  const char *kind, *key;
  const char *inert;                          /* values that ask for nothing, space-separated */
  gboolean    is_needed;                      /* fails the connection */
  gboolean    is_of_kernel;                   /* who acts is to be who carries the data */
} Unacted;

static const Unacted table[] = {
  { "connection", "version", "0 2", TRUE },
  { "connection", "vips", "", TRUE },
  { "connection", "pools", "", TRUE },
  { "connection", "unique", "no never", TRUE },
  { "connection", "if_id", "0", TRUE, TRUE },
  { "connection", "if_id_in", "0", TRUE, TRUE },
  { "connection", "if_id_out", "0", TRUE, TRUE },
  { "connection", "dpd_timeout", "0 0s", FALSE },
  { "connection", "fragmentation", "yes accept no", FALSE },
  { "connection", "dscp", "0 000000", FALSE },
  { "child", "hostaccess", "no yes", FALSE },
  { "child", "policies_fwd_out", "no", FALSE },
  { "child", "if_id", "0", TRUE, TRUE },
  { "child", "if_id_in", "0", TRUE, TRUE },
  { "child", "if_id_out", "0", TRUE, TRUE },
};

static gboolean
is_one_of (const char *words, const char *text)
{
  g_auto (GStrv) list = g_strsplit (words, " ", -1);

  for (guint i = 0; list[i]; i++)
    if (!g_ascii_strcasecmp (list[i], text))
      return TRUE;
  return FALSE;
}

static gboolean
is_acted_upon (IkeEngine *engine, const char *feature, const Unacted *entry)
{
  const IkeProvided *actor = ike_feature_find (engine, feature, NULL);
  const IkeProvided *kernel = ike_feature_find (engine, "kernel:ipsec", NULL);

  if (!actor || !entry->is_of_kernel || !kernel)
    return actor != NULL;
  return actor->plugin == kernel->plugin && ike_kernel_offers (engine) & IKE_KERNEL_CAN_IF_ID;
}

static void
check_one (IkeBuilder *builder, const IkeTree *section, const Unacted *entry)
{
  const IkeTree *leaf = ike_tree_get (section, entry->key);
  g_autofree char *feature = g_strdup_printf ("acts:%s/%s", entry->kind, entry->key);
  const IkeProvided *kernel = ike_feature_find (builder->engine, "kernel:ipsec", NULL);
  char buffer[32];
  const char *text = leaf ? ike_tree_text (leaf, buffer) : NULL;

  if (!text || is_one_of (entry->inert, text) || is_acted_upon (builder->engine, feature, entry))
    return;
  if (entry->is_of_kernel && kernel)
    ike_builder_fail (builder, leaf, entry->key,
                      "the kernel plugin %s knows no interface IDs; core.kernel chooses another",
                      ike_plugin_name (kernel->plugin));
  else if (entry->is_needed)
    ike_builder_fail (builder, leaf, entry->key,
                      "no plugin that is loaded acts upon '%s'; remove the key, or load one "
                      "that does (it offers %s)",
                      text, feature);
  else
    ike_builder_warn (builder, leaf, entry->key,
                      "no plugin that is loaded acts upon it; it has no effect");
}

void
ike_unacted_check (IkeBuilder *builder, const char *kind, const IkeTree *section)
{
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (g_str_equal (table[i].kind, kind))
      check_one (builder, section, &table[i]);
}

/* What the kernel plugin cannot carry is not worth negotiating. */
void
ike_mode_check (IkeBuilder *builder, const IkeTree *section, guint mode)
{
  const IkeProvided *kernel = ike_feature_find (builder->engine, "kernel:ipsec", NULL);
  guint32 needed = mode == IKE_MODE_TRANSPORT ? IKE_KERNEL_CAN_TRANSPORT
                   : mode == IKE_MODE_BEET    ? IKE_KERNEL_CAN_BEET
                   : mode >= IKE_MODE_PASS    ? IKE_KERNEL_CAN_SHUNT
                                              : 0;

  if (kernel && (ike_kernel_offers (builder->engine) & needed) != needed)
    ike_builder_fail (builder, section, "mode", "the kernel plugin %s cannot do this mode",
                      ike_plugin_name (kernel->plugin));
}
