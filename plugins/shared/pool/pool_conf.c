/* SPDX-License-Identifier: Apache-2.0 */
/* pool_conf.c - one section of `pools`; see pool_conf.h. */
#include "config.h"
#include "pool_conf.h"
#include <string.h>

gboolean
pool_conf_is_of (const IkeTree *section, const char *store)
{
  return !g_ascii_strcasecmp (ike_tree_string (section, "store", "memory"), store);
}

void
pool_conf_free (PoolConf *conf)
{
  if (!conf)
    return;
  g_free (conf->name);
  g_free (conf->addrs);
  g_array_unref (conf->attributes);
  g_free (conf);
}

static void
read_key (PoolConf *conf, const IkeTree *leaf, GPtrArray *problems)
{
  const char *key = ike_tree_name (leaf);
  char buffer[32];
  const char *text = ike_tree_text (leaf, buffer);

  if (!strcmp (key, "addrs") || !strcmp (key, "store"))
    return;
  if (!text)
    g_ptr_array_add (problems, g_strdup_printf ("%s: is a section, not a value", key));
  else if (!pool_attribute_read (conf->attributes, key, text, problems))
    g_ptr_array_add (problems, g_strdup_printf ("warning: %s: unknown key; ignored", key));
}

/* RFC 8598, 3.2: "If an INTERNAL_DNS_DOMAIN attribute is included in the CFG_REPLY, the responder
 * MUST also include one or both of the INTERNAL_IP4_DNS and INTERNAL_IP6_DNS attributes". */
static void
check_domains (const PoolConf *conf, GPtrArray *problems)
{
  gboolean has_domain = FALSE, has_server = FALSE;

  for (guint i = 0; i < conf->attributes->len; i++) {
    guint16 type = g_array_index (conf->attributes, PoolAttribute, i).type;
    has_domain |= type == IKE_CFG_INTERNAL_DNS_DOMAIN;
    has_server |= type == IKE_CFG_INTERNAL_IP4_DNS || type == IKE_CFG_INTERNAL_IP6_DNS;
  }
  if (has_domain && !has_server)
    g_ptr_array_add (problems, g_strdup ("split_dns: needs a server that knows these domains; "
                                         "write dns = ADDRESS"));
}

PoolConf *
pool_conf_read (const IkeTree *section, GPtrArray *problems)
{
  PoolConf *conf = g_new0 (PoolConf, 1);
  g_autoptr (GError) error = NULL;

  conf->name = g_strdup (ike_tree_name (section));
  conf->attributes = pool_attributes_new ();
  conf->addrs = pool_addrs_parse (ike_tree_string (section, "addrs", ""), &error);
  for (guint i = 0; i < ike_tree_n (section); i++)
    read_key (conf, ike_tree_nth (section, i), problems);
  check_domains (conf, problems);
  if (conf->addrs)
    return conf;
  g_ptr_array_add (problems, g_strdup_printf ("addrs: %s", error->message));
  pool_conf_free (conf);
  return NULL;
}

void
pool_conf_each (const PoolConf *conf,
                void (*add) (guint16 type, const void *value, gsize len, gpointer data),
                gpointer data)
{
  for (guint i = 0; i < conf->attributes->len; i++) {
    const PoolAttribute *attribute = &g_array_index (conf->attributes, PoolAttribute, i);
    add (attribute->type, attribute->value, attribute->len, data);
  }
}

guint
pool_conf_families (const PoolConf *conf)
{
  if (!conf->addrs)
    return 0;
  return (pool_addrs_n (conf->addrs, 4) ? IKE_POOL_IP4 : 0)
         | (pool_addrs_n (conf->addrs, 6) ? IKE_POOL_IP6 : 0);
}
