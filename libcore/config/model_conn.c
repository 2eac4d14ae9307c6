/* SPDX-License-Identifier: Apache-2.0 */
/* model_conn.c - one section of `connections`. */
#include "config/model_private.h"
#include <string.h>

#define CONN(member) G_STRUCT_OFFSET (IkeConn, member)


static const IkeWord versions[] = { { "0", 0 }, { "1", 1 }, { "2", 2 }, { NULL, 0 } };
static const IkeWord uniques[] = {
  { "no", 0 }, { "replace", 1 }, { "keep", 2 }, { "never", 3 }, { NULL, 0 }
};
static const IkeWord fragmentations[] = { { "no", 0 },     { "0", 0 },     { "false", 0 },
                                          { "yes", 1 },    { "1", 1 },     { "true", 1 },
                                          { "accept", 2 }, { "force", 3 }, { NULL, 0 } };

static const IkeField fields[] = {
  { "version", IKE_FIELD_WORD, CONN (version), "0", versions, 0 },
  { "local_port", IKE_FIELD_PORT, CONN (local_port), "500", NULL, 0 },
  { "remote_port", IKE_FIELD_PORT, CONN (remote_port), "500", NULL, 0 },
  { "unique", IKE_FIELD_WORD, CONN (unique), "no", uniques, 0 },
  { "fragmentation", IKE_FIELD_WORD, CONN (fragmentation), "yes", fragmentations, 0 },
  { "keyingtries", IKE_FIELD_UINT, CONN (keyingtries), "1", NULL, 0 },
  { "rekey_time", IKE_FIELD_TIME, CONN (rekey_time), NULL, NULL, 0 },
  { "reauth_time", IKE_FIELD_TIME, CONN (reauth_time), NULL, NULL, 0 },
  { "over_time", IKE_FIELD_TIME, CONN (over_time), NULL, NULL, 0 },
  { "rand_time", IKE_FIELD_TIME, CONN (rand_time), NULL, NULL, 0 },
  { "dpd_delay", IKE_FIELD_TIME, CONN (dpd_delay), "0", NULL, 0 },
  { "dpd_timeout", IKE_FIELD_TIME, CONN (dpd_timeout), "0", NULL, 0 },
  { "dscp", IKE_FIELD_BITS, CONN (dscp), "000000", NULL, 0 },
  { "encap", IKE_FIELD_BOOL, CONN (encap), "no", NULL, 0 },
  { "if_id_in", IKE_FIELD_IF_ID, CONN (if_id_in), "0", NULL, 0 },
  { "if_id_out", IKE_FIELD_IF_ID, CONN (if_id_out), "0", NULL, 0 },
  { "max_per_identity", IKE_FIELD_UINT, CONN (max_per_identity), "0", NULL, 0 },
  { "pools", IKE_FIELD_LIST, CONN (pools), "", NULL, 0 },
  { "vips", IKE_FIELD_LIST, CONN (vips), "", NULL, 0 },
  { NULL },
};

const IkeField ike_transmit_fields[] = {
  { "retransmit_timeout", IKE_FIELD_SECONDS, CONN (retransmit_base_ms), "4", NULL, 0 },
  { "retransmit_tries", IKE_FIELD_UINT, CONN (retransmit_tries), "5", NULL, 100 },
  { "retransmit_base", IKE_FIELD_FACTOR, CONN (retransmit_factor), "1.8", NULL, 0 },
  { "retransmit_limit", IKE_FIELD_SECONDS, CONN (retransmit_limit_ms), "0", NULL, 0 },
  { "retransmit_jitter", IKE_FIELD_UINT, CONN (retransmit_jitter), "0", NULL, 50 },
  { "fragment_size", IKE_FIELD_UINT, CONN (fragment_size), "0", NULL, 65535 },
  { "keep_alive", IKE_FIELD_TIME, CONN (keep_alive), "20", NULL, 0 },
  { "window_size", IKE_FIELD_UINT, CONN (window_size), "1", NULL, 16 },
  { NULL },
};

/* Keys that are read with more than a conversion; the type here only marks them as values. */
static const IkeField others[] = {
  { "local_addrs", IKE_FIELD_LIST, 0, NULL, NULL, 0 },
  { "remote_addrs", IKE_FIELD_LIST, 0, NULL, NULL, 0 },
  { "proposals", IKE_FIELD_LIST, 0, NULL, NULL, 0 },
  { "if_id", IKE_FIELD_IF_ID, 0, NULL, NULL, 0 },
};

static const IkeSubsection subsections[] = {
  { "local", TRUE }, { "remote", TRUE }, { "children", FALSE }, { NULL, FALSE },
};

static void
check_keys (IkeBuilder *builder, const IkeTree *section)
{
  IkeField all[G_N_ELEMENTS (fields) + G_N_ELEMENTS (ike_transmit_fields)
               + G_N_ELEMENTS (others)] = { { NULL } };
  guint n = 0;

  for (guint i = 0; fields[i].name; i++)
    all[n++] = fields[i];
  for (guint i = 0; ike_transmit_fields[i].name; i++)
    all[n++] = ike_transmit_fields[i];
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    all[n++] = others[i];
  ike_builder_check_keys (builder, "connection", section, all, subsections);
}

static gboolean
is_set (const IkeTree *section, const char *key)
{
  return ike_builder_text (section, key, NULL) != NULL;
}

static void
derive_times (IkeConn *conn, const IkeTree *section)
{
  guint64 longest;

  if (!is_set (section, "rekey_time") && !is_set (section, "reauth_time"))
    conn->rekey_time = 4 * 3600;
  longest = MAX (conn->rekey_time, conn->reauth_time);
  if (!is_set (section, "over_time"))
    conn->over_time = longest / 10;
  if (!is_set (section, "rand_time"))
    conn->rand_time = MIN (conn->over_time, longest / 2);
}

static void
read_proposals (IkeBuilder *builder, const IkeTree *section, IkeConn *conn)
{
  const IkeTree *leaf = ike_tree_child (section, "proposals", strlen ("proposals"), FALSE);
  g_auto (GStrv) texts = ike_value_list (ike_builder_text (section, "proposals", "default"));
  g_autoptr (GError) error = NULL;

  conn->proposals = ike_proposals_parse (builder->engine, IKE_PROTOCOL_IKE, texts, &error);
  if (!conn->proposals)
    ike_builder_fail (builder, leaf ? leaf : section, "proposals", "%s", error->message);
}

static void
read_children (IkeBuilder *builder, const IkeTree *section, IkeConn *conn)
{
  const IkeTree *children = ike_tree_child (section, "children", strlen ("children"), TRUE);
  gsize len = ike_builder_push (builder, "children");

  conn->children = g_new0 (IkeChildConf *, ike_tree_n (children) + 1);
  for (guint i = 0; i < ike_tree_n (children); i++) {
    const IkeTree *child = ike_tree_nth (children, i);
    if (ike_tree_type (child) == IKE_TREE_SECTION)
      conn->children[conn->n_children++] = ike_child_build (builder, child);
    else
      ike_builder_fail (builder, child, ike_tree_name (child),
                        "is a value, not a section; write %s { … }", ike_tree_name (child));
  }
  ike_traps_check (builder, children, conn);
  ike_builder_pop (builder, len);
}

static void
check_conn (IkeBuilder *builder, const IkeTree *section, const IkeConn *conn)
{
  if (conn->fragment_size && conn->fragment_size < 576)
    ike_builder_fail (builder, section, "fragment_size",
                      "%u bytes are too few; an IP packet of 576 bytes fits everywhere",
                      conn->fragment_size);
  if (!conn->retransmit_base_ms)
    ike_builder_fail (builder, section, "retransmit_timeout", "must not be 0");
  for (guint i = 0; conn->vips[i]; i++) {
    IkeAddr addr;
    if (!ike_addr_parse (&addr, conn->vips[i], NULL))
      ike_builder_fail (builder, section, "vips",
                        "'%s' is no address; write 0.0.0.0 or :: to get any", conn->vips[i]);
  }
}

IkeConn *
ike_conn_build (IkeBuilder *builder, const IkeTree *section)
{
  const IkeTree *core = ike_tree_get (ike_engine_settings (builder->engine), "core");
  IkeConn *conn = g_new0 (IkeConn, 1);

  builder->has_failed = FALSE;
  conn->struct_size = sizeof *conn;
  conn->references = 1;
  conn->name = g_strdup (ike_tree_name (section));
  conn->settings = ike_tree_copy (section);
  check_keys (builder, section);
  ike_builder_read_fields (builder, section, fields, NULL, conn);
  ike_builder_read_fields (builder, section, ike_transmit_fields, core, conn);
  ike_builder_read_if_id (builder, section, &conn->if_id_in, &conn->if_id_out);
  conn->local_addrs = ike_hosts_build (builder, section, "local_addrs", &conn->n_local_addrs);
  conn->remote_addrs = ike_hosts_build (builder, section, "remote_addrs", &conn->n_remote_addrs);
  conn->local = ike_auths_build (builder, section, "local", &conn->n_local);
  conn->remote = ike_auths_build (builder, section, "remote", &conn->n_remote);
  conn->options = ike_builder_read_options (builder, "connection", section);
  derive_times (conn, section);
  read_proposals (builder, section, conn);
  read_children (builder, section, conn);
  check_conn (builder, section, conn);
  ike_unacted_check (builder, "connection", section);
  if (builder->has_failed)
    g_clear_pointer (&conn, ike_conn_unref);
  return conn;
}

IkeConn *
ike_conn_ref (IkeConn *conn)
{
  g_atomic_int_inc (&conn->references);
  return conn;
}

void
ike_conn_unref (IkeConn *conn)
{
  if (!conn || !g_atomic_int_dec_and_test (&conn->references))
    return;
  g_free (conn->name);
  ike_hosts_free (conn->local_addrs, conn->n_local_addrs);
  ike_hosts_free (conn->remote_addrs, conn->n_remote_addrs);
  g_clear_pointer (&conn->proposals, ike_proposals_unref);
  ike_auths_free (conn->local, conn->n_local);
  ike_auths_free (conn->remote, conn->n_remote);
  for (guint i = 0; i < conn->n_children; i++)
    ike_child_conf_free (conn->children[i]);
  g_free (conn->children);
  g_strfreev (conn->pools);
  g_strfreev (conn->vips);
  ike_options_free (NULL, conn->options);
  ike_tree_free (conn->settings);
  g_free (conn);
}

const IkeChildConf *
ike_conn_child (const IkeConn *conn, const char *name_or_null)
{
  for (guint i = 0; i < conn->n_children; i++)
    if (!name_or_null || g_str_equal (conn->children[i]->name, name_or_null))
      return conn->children[i];
  return NULL;
}
