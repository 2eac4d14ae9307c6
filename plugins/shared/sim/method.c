/* SPDX-License-Identifier: Apache-2.0 */
/* method.c - see method.h. */
#include "method.h"

#include <string.h>

#include <ikebana/model.h>
#include <ikebana/tree.h>

const IkeOptionInfo sim_identity_option = {
  .struct_size = sizeof sim_identity_option,
  .path = "plugin/request_identity",
  .type = "bool",
  .fallback = "yes",
  .doc = "Server: ask for the card's identity inside the method.",
};
const IkeOptionInfo sim_indications_option = {
  .struct_size = sizeof sim_indications_option,
  .path = "plugin/result_indications",
  .type = "bool",
  .fallback = "no",
  .doc = "Server: tell the peer of success in a packet that is protected.",
};
const IkeOptionInfo sim_realms_option = {
  .struct_size = sizeof sim_realms_option,
  .path = "plugin/realms",
  .type = "list",
  .doc =
      "Server: realms of the cards that are known here; a peer that says another one is refused.",
};
const IkeFeatureKind sim_cards_kind = { .struct_size = sizeof sim_cards_kind,
                                        .name = "sim",
                                        .major = 1,
                                        .ops_size_min = sizeof (IkeSimClass),
                                        .ops_size_max = sizeof (IkeSimClass) };

void
sim_options_read (SimOptions *options, IkePlugin *self)
{
  options->request_identity = ike_plugin_option_bool (self, "request_identity");
  options->result_indications = ike_plugin_option_bool (self, "result_indications");
  options->realms = ike_plugin_option_list (self, "realms");
}

void
sim_options_clear (SimOptions *options)
{
  g_strfreev (options->realms);
}

const SimOptions *
sim_options (const SimTalk *talk)
{
  return ike_plugin_state (talk->plugin);
}

/* -- realms */

/* The pattern by which a section lets in whoever says some realm; NULL: it has none.  RFC 4186,
 * 4.2.1.5: "The peer MAY include a realm portion in the peer identity": which one, no key of the
 * card says. */
static IkeIdent *
pattern_of (const IkeAuthConf *conf)
{
  const char *eap_id =
      conf && conf->settings ? ike_tree_string (conf->settings, "eap_id", NULL) : NULL;
  g_autoptr (IkeIdent) wanted = eap_id && *eap_id  ? ike_ident_parse (eap_id, NULL)
                                : conf && conf->id ? ike_ident_ref (conf->id)
                                                   : NULL;

  if (!wanted || !ike_ident_is_pattern (wanted) || ike_ident_type (wanted) == IKE_ID_ANY
      || ike_ident_type (wanted) == IKE_ID_FQDN)
    return NULL;
  return g_steal_pointer (&wanted);
}

static char *
explain (IkePlugin *plugin, const IkeAuthConf *conf)
{
  g_autoptr (IkeIdent) pattern = pattern_of (conf);
  char text[256];

  if (!pattern)
    return NULL;
  return g_strdup_printf ("any card can say a realm that fits %s; name those of the cards in "
                          "plugins.%s.realms",
                          ike_ident_format (pattern, text, sizeof text), ike_plugin_name (plugin));
}

static gboolean
is_one_of (char *const *realms, const guint8 *realm, gsize len)
{
  for (guint i = 0; realms[i]; i++)
    if (strlen (realms[i]) == len && !g_ascii_strncasecmp (realms[i], (const char *) realm, len))
      return TRUE;
  return FALSE;
}

char *
sim_refuse_realm (const SimTalk *talk)
{
  char *const *realms = sim_options (talk)->realms;
  IkePart identity = sim_talk_identity (talk);
  const guint8 *at = identity.len ? memchr (identity.data, '@', identity.len) : NULL;
  char text[4 * IKE_EAP_IDENTITY_MAX + 1];

  if (!at)
    return NULL;
  if (!realms || !realms[0])
    return explain (talk->plugin, talk->context->conf);
  if (is_one_of (realms, at + 1, (gsize) (identity.data + identity.len - at) - 1))
    return NULL;
  return g_strdup_printf ("the realm of \"%s\" is none of plugins.%s.realms",
                          ike_escape (text, sizeof text, identity.data, identity.len),
                          ike_plugin_name (talk->plugin));
}

void
sim_check (IkePlugin *self, const IkeAuthConf *conf, GPtrArray *problems)
{
  g_auto (GStrv) realms = ike_plugin_option_list (self, "realms");
  g_autofree char *why = realms && realms[0] ? NULL : explain (self, conf);

  if (why)
    g_ptr_array_add (problems, g_strdup_printf ("warning: auth: nobody is let in: %s", why));
}
