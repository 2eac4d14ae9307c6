/* SPDX-License-Identifier: Apache-2.0 */
/* model_child.c - one section of `children`. */
#include "config/model_private.h"
#include <string.h>

#define CHILD(member) G_STRUCT_OFFSET (IkeChildConf, member)

/* Two words of swanctl's make a decision that is more than one member; read into this. */
typedef struct {
  guint32 copy_dscp;
  gboolean copy_df, copy_ecn;
} Copies;

static const IkeWord modes[] = { { "tunnel", IKE_MODE_TUNNEL }, { "transport", IKE_MODE_TRANSPORT },
                                 { "beet", IKE_MODE_BEET },     { "pass", IKE_MODE_PASS },
                                 { "drop", IKE_MODE_DROP },     { NULL, 0 } };
static const IkeWord actions[] = { { "none", IKE_ACTION_NONE },
                                   { "clear", IKE_ACTION_NONE },
                                   { "trap", IKE_ACTION_TRAP },
                                   { "route", IKE_ACTION_TRAP },
                                   { "start", IKE_ACTION_START },
                                   { "restart", IKE_ACTION_START },
                                   { NULL, 0 } };
static const IkeWord dscp_copies[] = { { "no", 0 },
                                       { "in", IKE_KERNEL_COPY_DSCP_IN },
                                       { "out", IKE_KERNEL_COPY_DSCP_OUT },
                                       { "yes",
                                         IKE_KERNEL_COPY_DSCP_IN | IKE_KERNEL_COPY_DSCP_OUT },
                                       { NULL, 0 } };

static const IkeWord offloads[]
  = { { "no", IKE_HW_OFFLOAD_NO },         { "auto", IKE_HW_OFFLOAD_AUTO },
      { "yes", IKE_HW_OFFLOAD_CRYPTO },    { "crypto", IKE_HW_OFFLOAD_CRYPTO },
      { "packet", IKE_HW_OFFLOAD_PACKET }, { NULL, 0 } };

static const IkeField fields[] = {
  { "sha256_96", IKE_FIELD_BOOL, CHILD (sha256_96), "no", NULL, 0 },
  { "rekey_time", IKE_FIELD_TIME, CHILD (rekey_time), NULL, NULL, 0 },
  { "life_time", IKE_FIELD_TIME, CHILD (life_time), NULL, NULL, 0 },
  { "rand_time", IKE_FIELD_TIME, CHILD (rand_time), NULL, NULL, 0 },
  { "rekey_bytes", IKE_FIELD_BYTES, CHILD (rekey_bytes), NULL, NULL, 0 },
  { "life_bytes", IKE_FIELD_BYTES, CHILD (life_bytes), NULL, NULL, 0 },
  { "rand_bytes", IKE_FIELD_BYTES, CHILD (rand_bytes), NULL, NULL, 0 },
  { "rekey_packets", IKE_FIELD_NUMBER, CHILD (rekey_packets), NULL, NULL, 0 },
  { "life_packets", IKE_FIELD_NUMBER, CHILD (life_packets), NULL, NULL, 0 },
  { "rand_packets", IKE_FIELD_NUMBER, CHILD (rand_packets), NULL, NULL, 0 },
  { "updown", IKE_FIELD_TEXT, CHILD (updown), NULL, NULL, 0 },
  { "hostaccess", IKE_FIELD_BOOL, CHILD (hostaccess), "no", NULL, 0 },
  { "mode", IKE_FIELD_WORD, CHILD (mode), "tunnel", modes, 0 },
  { "policies", IKE_FIELD_BOOL, CHILD (has_policies), "yes", NULL, 0 },
  { "policies_fwd_out", IKE_FIELD_BOOL, CHILD (policies_fwd_out), "no", NULL, 0 },
  { "dpd_action", IKE_FIELD_FLAGS, CHILD (dpd_action), "clear", actions, 0 },
  { "ipcomp", IKE_FIELD_BOOL, CHILD (ipcomp), "no", NULL, 0 },
  { "inactivity", IKE_FIELD_TIME, CHILD (inactivity), "0", NULL, 0 },
  { "reqid", IKE_FIELD_UINT, CHILD (reqid), "0", NULL, 0 },
  { "priority", IKE_FIELD_UINT, CHILD (priority), "0", NULL, 0 },
  { "interface", IKE_FIELD_TEXT, CHILD (interface), NULL, NULL, 0 },
  { "mark_in", IKE_FIELD_MARK, CHILD (mark_in), "0/0", NULL, 0 },
  { "mark_out", IKE_FIELD_MARK, CHILD (mark_out), "0/0", NULL, 0 },
  { "mark_in_sa", IKE_FIELD_BOOL, CHILD (mark_in_sa), "no", NULL, 0 },
  { "set_mark_in", IKE_FIELD_MARK, CHILD (set_mark_in), "0/0", NULL, 0 },
  { "set_mark_out", IKE_FIELD_MARK, CHILD (set_mark_out), "0/0", NULL, 0 },
  { "if_id_in", IKE_FIELD_IF_ID, CHILD (if_id_in), "0", NULL, 0 },
  { "if_id_out", IKE_FIELD_IF_ID, CHILD (if_id_out), "0", NULL, 0 },
  { "label", IKE_FIELD_TEXT, CHILD (label), NULL, NULL, 0 },
  { "hw_offload", IKE_FIELD_WORD, CHILD (offload), "no", offloads, 0 },
  { "replay_window", IKE_FIELD_UINT, CHILD (replay_window), "32", NULL, 4096 },
  { "start_action", IKE_FIELD_FLAGS, CHILD (start_action), "none", actions, 0 },
  { "close_action", IKE_FIELD_FLAGS, CHILD (close_action), "none", actions, 0 },
  { NULL },
};

static const IkeField copy_fields[] = {
  { "copy_df", IKE_FIELD_BOOL, G_STRUCT_OFFSET (Copies, copy_df), "yes", NULL, 0 },
  { "copy_ecn", IKE_FIELD_BOOL, G_STRUCT_OFFSET (Copies, copy_ecn), "yes", NULL, 0 },
  { "copy_dscp", IKE_FIELD_WORD, G_STRUCT_OFFSET (Copies, copy_dscp), "out", dscp_copies, 0 },
  { NULL },
};

static const char *const others[] = { "ah_proposals", "esp_proposals", "local_ts", "remote_ts",
                                      "tfc_padding", "if_id" };

static void
check_keys (IkeBuilder *builder, const IkeTree *section)
{
  IkeField all[G_N_ELEMENTS (fields) + G_N_ELEMENTS (copy_fields) + G_N_ELEMENTS (others)] = {
    { NULL }
  };
  guint n = 0;

  for (guint i = 0; fields[i].name; i++)
    all[n++] = fields[i];
  for (guint i = 0; copy_fields[i].name; i++)
    all[n++] = copy_fields[i];
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    all[n++].name = others[i];
  ike_builder_check_keys (builder, "child", section, all, NULL);
}

/* Soft, hard and random part of one kind of life.  What is not set follows from what is. */
static void
derive_life (const IkeTree *section, const char *const names[3], guint64 fallback, guint64 *soft,
             guint64 *hard, guint64 *random)
{
  gboolean has_soft = ike_builder_text (section, names[0], NULL) != NULL;
  gboolean has_hard = ike_builder_text (section, names[1], NULL) != NULL;

  if (!has_soft)
    *soft = has_hard ? *hard - *hard / 10 : fallback;
  if (!has_hard)
    *hard = *soft > G_MAXUINT64 - *soft / 10 ? G_MAXUINT64 : *soft + *soft / 10;
  if (!ike_builder_text (section, names[2], NULL))
    *random = *hard > *soft ? *hard - *soft : 0;
}

static void
derive_lives (IkeBuilder *builder, const IkeTree *section, IkeChildConf *child)
{
  static const char *const times[] = { "rekey_time", "life_time", "rand_time" };
  static const char *const bytes[] = { "rekey_bytes", "life_bytes", "rand_bytes" };
  static const char *const packets[] = { "rekey_packets", "life_packets", "rand_packets" };

  derive_life (section, times, 3600, &child->rekey_time, &child->life_time, &child->rand_time);
  derive_life (section, bytes, 0, &child->rekey_bytes, &child->life_bytes, &child->rand_bytes);
  derive_life (section, packets, 0, &child->rekey_packets, &child->life_packets,
               &child->rand_packets);
  if (child->life_time && child->rekey_time > child->life_time)
    ike_builder_warn (builder, section, "rekey_time",
                      "is longer than life_time; the SA ends before it is rekeyed");
}

static void
read_copies (IkeBuilder *builder, const IkeTree *section, IkeChildConf *child)
{
  Copies copies = { 0 };

  ike_builder_read_fields (builder, section, copy_fields, NULL, &copies);
  child->flags = copies.copy_dscp | (copies.copy_df ? (guint32) IKE_KERNEL_COPY_DF : 0)
                 | (copies.copy_ecn ? (guint32) IKE_KERNEL_COPY_ECN : 0);
}

static void
read_padding (IkeBuilder *builder, const IkeTree *section, IkeChildConf *child)
{
  static const IkeField bytes = { "tfc_padding", IKE_FIELD_UINT, 0, "0", NULL, 65535 };
  const char *text = ike_builder_text (section, "tfc_padding", "0");

  child->tfc_mtu = g_ascii_strcasecmp (text, "mtu") == 0;
  if (child->tfc_mtu)
    child->flags |= IKE_KERNEL_TFC_MTU;
  else if (!ike_field_convert (&bytes, text, &child->tfc_padding))
    ike_builder_fail (builder, section, "tfc_padding", "'%s' is neither a number of bytes nor mtu",
                      text);
}

static IkeProposals *
read_proposals (IkeBuilder *builder, const IkeTree *section, const char *key, guint8 protocol,
                const char *fallback)
{
  const IkeTree *leaf = ike_tree_child (section, key, strlen (key), FALSE);
  const char *text = ike_builder_text (section, key, fallback);
  g_auto (GStrv) texts = NULL;
  g_autoptr (GError) error = NULL;
  IkeProposals *proposals;

  if (!text || !*text)
    return NULL;
  texts = ike_value_list (text);
  proposals = ike_proposals_parse (builder->engine, protocol, texts, &error);
  if (!proposals)
    ike_builder_fail (builder, leaf ? leaf : section, key, "%s", error->message);
  return proposals;
}

static IkeSelector *
read_selectors (IkeBuilder *builder, const IkeTree *section, const char *key, guint32 *n)
{
  const IkeTree *leaf = ike_tree_child (section, key, strlen (key), FALSE);
  g_auto (GStrv) texts = ike_value_list (ike_builder_text (section, key, "dynamic"));
  guint count = g_strv_length (texts);
  IkeSelector *selectors = g_new0 (IkeSelector, IKE_SELECTORS_MAX);

  if (count == 0 || count > IKE_SELECTORS_MAX)
    ike_builder_fail (builder, leaf ? leaf : section, key,
                      "needs 1 to %u selectors; write dynamic for the host itself",
                      (guint) IKE_SELECTORS_MAX);
  *n = MIN (count, (guint) IKE_SELECTORS_MAX);
  for (guint i = 0; i < *n; i++) {
    g_autoptr (GError) error = NULL;
    if (!ike_selector_parse (&selectors[i], texts[i], &error))
      ike_builder_fail (builder, leaf ? leaf : section, key, "%s", error->message);
  }
  return g_realloc (selectors, MAX (*n, 1) * sizeof *selectors);
}

IkeChildConf *
ike_child_build (IkeBuilder *builder, const IkeTree *section)
{
  IkeChildConf *child = g_new0 (IkeChildConf, 1);
  gsize len = ike_builder_push (builder, ike_tree_name (section));

  child->struct_size = sizeof *child;
  child->name = g_strdup (ike_tree_name (section));
  child->settings = ike_tree_copy (section);
  check_keys (builder, section);
  ike_builder_read_fields (builder, section, fields, NULL, child);
  read_copies (builder, section, child);
  if (child->reqid)
    child->flags |= IKE_KERNEL_FIXED_REQID;
  read_padding (builder, section, child);
  ike_builder_read_if_id (builder, section, &child->if_id_in, &child->if_id_out);
  derive_lives (builder, section, child);
  child->options = ike_builder_read_options (builder, "child", section);
  child->ah_proposals = read_proposals (builder, section, "ah_proposals", IKE_PROTOCOL_AH, NULL);
  child->esp_proposals = read_proposals (builder, section, "esp_proposals", IKE_PROTOCOL_ESP,
                                         child->ah_proposals ? NULL : "default");
  if (child->ah_proposals && child->esp_proposals)
    ike_builder_fail (builder, section, "ah_proposals",
                      "cannot stand beside esp_proposals; remove one of them");
  child->local_ts = read_selectors (builder, section, "local_ts", &child->n_local_ts);
  child->remote_ts = read_selectors (builder, section, "remote_ts", &child->n_remote_ts);
  ike_unacted_check (builder, "child", section);
  ike_mode_check (builder, section, child->mode);
  ike_kernel_check (builder, section, child);
  ike_builder_pop (builder, len);
  return child;
}

void
ike_child_conf_free (IkeChildConf *child)
{
  if (!child)
    return;
  g_free (child->name);
  g_clear_pointer (&child->esp_proposals, ike_proposals_unref);
  g_clear_pointer (&child->ah_proposals, ike_proposals_unref);
  g_free (child->local_ts);
  g_free (child->remote_ts);
  g_free (child->updown);
  g_free (child->interface);
  g_free (child->label);
  ike_options_free (NULL, child->options);
  ike_tree_free (child->settings);
  g_free (child);
}
