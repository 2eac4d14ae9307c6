/* SPDX-License-Identifier: Apache-2.0 */
/* features.c - what the plugins that are loaded can do, found out by asking an engine: does a key
 * of the settings have an effect, is there a command of this name?
 *
 * A script uses what there is, and a rule that rests on something (that a lonely end notices) is
 * only applied where that is there. */
#include <string.h>
#include <ikebana/command.h>
#include "sim.h"

typedef enum { BY_CONN_KEY, BY_CHILD_KEY, BY_COMMAND } How;

static const struct {
  const char *name;
  How how;
  const char *what;
} table[N_CAN] = {
  [CAN_REKEY] = { "rekey", BY_COMMAND, "rekey" },
  [CAN_REKEY_IKE_TIME] = { "rekey-ike-time", BY_CONN_KEY, "rekey_time = 1h" },
  [CAN_REKEY_CHILD_TIME] = { "rekey-child-time", BY_CHILD_KEY, "rekey_time = 1h" },
  [CAN_REAUTH] = { "reauth", BY_CONN_KEY, "reauth_time = 1h" },
  [CAN_DPD] = { "dpd", BY_CONN_KEY, "dpd_delay = 30s" },
  [CAN_RETRY] = { "retry", BY_CONN_KEY, "keyingtries = 0" },
  [CAN_UNIQUE] = { "unique", BY_CONN_KEY, "unique = replace" },
  [CAN_LIFE_TIME] = { "life-time", BY_CHILD_KEY, "life_time = 1h" },
  [CAN_INACTIVITY] = { "inactivity", BY_CHILD_KEY, "inactivity = 1h" },
  [CAN_CLOSE_ACTION] = { "close-action", BY_CHILD_KEY, "close_action = start" },
  [CAN_DPD_ACTION] = { "dpd-action", BY_CHILD_KEY, "dpd_action = restart" },
  [CAN_TRAP] = { "trap", BY_CHILD_KEY, "start_action = trap" },
  /* A peer whose NAT gives it another port is followed by whoever looks after NATs. */
  [CAN_REBIND] = { "rebind", BY_CONN_KEY, "keep_alive = 20s" },
  /* No packet is lost when both ends are up and an SA is replaced by another. */
  [CAN_LOSSLESS] = { "lossless", BY_COMMAND, "rekey" },
};

const char *
feature_name (Can can)
{
  return table[can].name;
}

static gboolean
has_effect (IkeEngine *engine, const char *conn_key, const char *child_key)
{
  g_autofree char *text =
      g_strdup_printf ("connections { x { local_addrs = 192.0.2.1\n remote_addrs = 192.0.2.2\n %s\n"
                       " local { auth = psk\n id = a.test }\n remote { auth = psk\n id = b.test }\n"
                       " children { n { %s } } } }\n",
                       conn_key, child_key);
  g_autoptr (IkeTree) tree = ike_settings_parse (text, strlen (text), "probe", NULL);
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  IkeConfig *config = tree ? ike_config_build (engine, tree, NULL, problems) : NULL;
  gboolean is_clean = config && config->n_conns == 1 && problems->len == 0;

  if (config)
    ike_config_unref (config);
  return is_clean;
}

static gboolean
has_command (IkeEngine *engine, const char *name)
{
  g_autofree char *feature = g_strconcat ("command:", name, NULL);

  return ike_feature_find (engine, feature, NULL) != NULL;
}

static gboolean
ask (IkeEngine *engine, Can can)
{
  switch (table[can].how) {
  case BY_CONN_KEY:
    return has_effect (engine, table[can].what, "");
  case BY_CHILD_KEY:
    return has_effect (engine, "", table[can].what);
  case BY_COMMAND:
    return has_command (engine, table[can].what);
  }
  return FALSE;
}

static guint32
named (const char *list)
{
  g_auto (GStrv) words = g_strsplit (list ? list : "", ",", -1);
  guint32 bits = 0;
  guint i, k;

  for (i = 0; words[i]; i++) {
    for (k = 0; k < N_CAN && strcmp (words[i], table[k].name) != 0; k++)
      ;
    if (k < N_CAN)
      bits |= 1u << k;
    else
      g_printerr ("sim: no feature is called %s\n", words[i]);
  }
  return bits;
}

guint32
features_find (const char *with, const char *without, guint *n_idle)
{
  g_autoptr (GError) error = NULL;
  IkeSim *sim = ike_sim_new (0);
  IkeEngine *engine = engine_scratch (sim, &error);
  guint32 can = 0;
  guint i;

  if (!engine)
    g_error ("%s", error->message);
  for (i = 0; i < N_CAN; i++)
    can |= (guint32) ask (engine, (Can) i) << i;
  ike_sim_settle (sim);
  *n_idle = ike_sim_n_waiting (sim);
  ike_engine_free (engine);
  ike_sim_free (sim);
  return (can | named (with)) & ~named (without);
}
