/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c - which gateway a client is sent to: the settings, and the policies that come with the
 * plugin: a list, in turn, or to the one with the least load. */
#include "redirect/redirect.h"

static void
listed_free (gpointer data)
{
  g_free (((Listed *) data)->name);
  g_free (data);
}

void
redirect_settings_free (Settings *settings)
{
  if (!settings)
    return;
  if (settings->gateways)
    g_ptr_array_unref (settings->gateways);
  g_strfreev (settings->own_names);
  g_free (settings);
}

static gboolean
read_gateways (IkePlugin *plugin, Settings *settings, GError **error)
{
  g_auto (GStrv) names = ike_plugin_option_list (plugin, "gateways");
  Gateway gateway;
  const char *why;
  guint i;

  settings->gateways = g_ptr_array_new_with_free_func (listed_free);
  for (i = 0; names && names[i]; i++) {
    Listed *listed;
    if (i == REDIRECT_GATEWAYS_MAX || !redirect_gateway_parse (&gateway, names[i], &why)) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "plugins.redirect.gateways: %s: %s",
                   names[i], i == REDIRECT_GATEWAYS_MAX ? "there are too many" : why);
      return FALSE;
    }
    listed = g_new0 (Listed, 1);
    *listed = (Listed){ g_strdup (names[i]), -1 };
    g_ptr_array_add (settings->gateways, listed);
  }
  return TRUE;
}

/* What is in this plugin is not ready before it is, but known. */
static gboolean
find_policy (IkePlugin *plugin, Settings *settings, GError **error)
{
  static const IkeFeature *const own[] = { &redirect_list_feature, &redirect_round_robin_feature,
                                           &redirect_least_loaded_feature };
  const char *name = ike_plugin_option (plugin, "policy");
  g_autofree char *feature = g_strconcat ("redirect-policy:", name, NULL);
  const IkeProvided *provided;
  guint i;

  if (!name || !*name)
    return TRUE;
  for (i = 0; i < G_N_ELEMENTS (own); i++)
    if (!strcmp (own[i]->provides, feature)) {
      if (!settings->gateways->len) {
        g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                     "plugins.redirect.policy = %s sends nobody anywhere without "
                     "plugins.redirect.gateways; set that, or take the policy away",
                     name);
        return FALSE;
      }
      settings->policy = own[i]->ops;
      settings->policy_plugin = plugin;
      return TRUE;
    }
  provided = ike_feature_find (ike_plugin_engine (plugin), feature, error);
  if (!provided) {
    g_prefix_error (error, "plugins.redirect.policy = %s: ", name);
    return FALSE;
  }
  settings->policy = provided->ops;
  settings->policy_plugin = provided->plugin;
  return TRUE;
}

/* What is as well left away. */
static void
warn (IkePlugin *plugin, const Settings *settings, guint64 max_redirects)
{
  IkeEngine *engine = ike_plugin_engine (plugin);

  if (settings->gateways->len && !settings->policy)
    ike_log (engine, IKE_LOG_NOTICE, "redirect",
             "plugins.redirect.gateways has no effect without plugins.redirect.policy");
  if (max_redirects > REDIRECT_TIMES_MAX)
    ike_log (engine, IKE_LOG_NOTICE, "redirect",
             "plugins.redirect.max_redirects = %" G_GUINT64_FORMAT ": %d is the most, and is taken",
             max_redirects, REDIRECT_TIMES_MAX);
}

Settings *
redirect_settings_read (IkePlugin *plugin, GError **error)
{
  Settings *settings = g_new0 (Settings, 1);
  guint64 max_redirects = ike_plugin_option_uint (plugin, "max_redirects");

  settings->own_names = ike_plugin_option_list (plugin, "own_names");
  settings->limit = (guint) MIN (ike_plugin_option_uint (plugin, "limit"), G_MAXUINT);
  settings->max_redirects = (guint) MIN (max_redirects, REDIRECT_TIMES_MAX);
  settings->period_s = MIN (ike_plugin_option_uint (plugin, "loop_period"), G_MAXINT32);
  settings->grace_s = ike_plugin_option_uint (plugin, "grace");
  if (read_gateways (plugin, settings, error) && find_policy (plugin, settings, error)) {
    warn (plugin, settings, max_redirects);
    return settings;
  }
  redirect_settings_free (settings);
  return NULL;
}

/* -- asking */

static gboolean
is_host (const char *name, const IkeAddr *addr)
{
  IkeAddr parsed;

  return addr && ike_addr_parse (&parsed, name, NULL) && ike_addr_same_host (&parsed, addr);
}

/* RFC 5685, 4, of a message that came to an anycast address: "The VPN gateway ... MAY redirect the
 * client to its own unicast address": so only where it came to counts, and what we are told. */
gboolean
redirect_is_here (const Settings *settings, const char *name, const IkeAddr *local)
{
  guint i;

  for (i = 0; settings->own_names && settings->own_names[i]; i++)
    if (!g_ascii_strcasecmp (settings->own_names[i], name))
      return TRUE;
  return is_host (name, local);
}

gboolean
redirect_ask_policy (Redirect *self, IkeRedirectQuery *query, Gateway *gateway)
{
  char to[IKE_REDIRECT_NAME_SIZE] = "";
  const IkeRedirectPolicyClass *policy;
  IkePlugin *plugin;
  const char *why;
  gboolean is_away;
  guint limit;

  pthread_mutex_lock (&self->lock);
  policy = self->settings->policy;
  plugin = self->settings->policy_plugin;
  limit = self->settings->limit;
  pthread_mutex_unlock (&self->lock);
  query->n_sas = atomic_load (&self->n_sas);
  /* The one that it is about is none of those that were here before. */
  if (query->conn && query->n_sas)
    query->n_sas--;
  if (!policy || query->n_sas < limit || !policy->choose (plugin, query, to))
    return FALSE;
  to[sizeof to - 1] = '\0';
  pthread_mutex_lock (&self->lock);
  is_away = !redirect_is_here (self->settings, to, query->local) && !is_host (to, query->from);
  pthread_mutex_unlock (&self->lock);
  return is_away && redirect_gateway_parse (gateway, to, &why);
}

/* -- the policies */

/* None of them looks at who it is: once is enough. */
typedef const Listed *(*Pick) (Redirect *self, const IkeRedirectQuery *query);

static const Listed *
nth (const Redirect *self, guint i)
{
  return self->settings->gateways->pdata[i];
}

static gboolean
pick_by (Redirect *self, const IkeRedirectQuery *query, Pick pick, char *to)
{
  const Listed *listed;

  pthread_mutex_lock (&self->lock);
  listed = self->settings->gateways->len && !query->was_asked ? pick (self, query) : NULL;
  if (listed)
    g_strlcpy (to, listed->name, IKE_REDIRECT_NAME_SIZE);
  pthread_mutex_unlock (&self->lock);
  return listed != NULL;
}

/* The first; who comes from there goes to the next. */
static const Listed *
pick_first (Redirect *self, const IkeRedirectQuery *query)
{
  guint i;

  for (i = 0; i < self->settings->gateways->len; i++)
    if (!is_host (nth (self, i)->name, query->from))
      return nth (self, i);
  return NULL;
}

static const Listed *
pick_in_turn (Redirect *self, const IkeRedirectQuery *query)
{
  return nth (self, atomic_fetch_add (&self->turn, 1) % self->settings->gateways->len);
}

/* Until the next that is told of its load, each client that is sent there counts. */
static const Listed *
pick_least_loaded (Redirect *self, const IkeRedirectQuery *query)
{
  Listed *least = NULL;
  guint i;

  for (i = 0; i < self->settings->gateways->len; i++) {
    Listed *listed = self->settings->gateways->pdata[i];
    if (listed->load >= 0 && (!least || listed->load < least->load)
        && !is_host (listed->name, query->from)
        && !redirect_is_here (self->settings, listed->name, query->local))
      least = listed;
  }
  if (!least || least->load >= query->n_sas)
    return NULL;
  least->load++;
  return least;
}

#define POLICY(symbol, name, pick)                                                                 \
  static gboolean choose_##symbol (IkePlugin *plugin, const IkeRedirectQuery *query,               \
                                   char to[IKE_REDIRECT_NAME_SIZE])                                \
  {                                                                                                \
    return pick_by (ike_plugin_state (plugin), query, pick, to);                                   \
  }                                                                                                \
  static const IkeRedirectPolicyClass symbol##_class = { sizeof (IkeRedirectPolicyClass),          \
                                                         choose_##symbol };                        \
  const IkeFeature redirect_##symbol##_feature = { .struct_size = sizeof (IkeFeature),             \
                                                   .provides = "redirect-policy:" name,            \
                                                   .ops = &symbol##_class }

POLICY (list, "list", pick_first);
POLICY (round_robin, "round-robin", pick_in_turn);
POLICY (least_loaded, "least-loaded", pick_least_loaded);
