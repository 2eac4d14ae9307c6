/* SPDX-License-Identifier: Apache-2.0 */
/* eap_dynamic.c - the server tries one method after the other until the peer takes one: `auth =
 * eap-dynamic`.
 *
 * It has no packets of its own: it begins a method, hands turns through, and when the peer
 * answers a method's first request with Nak (RFC 3748, 5.3.1), begins the next that both want. */
#include "config.h"
#include <string.h>

#include <ikebana/engine.h>
#include <ikebana/log.h>
#include <ikebana/plugin.h>

#include "shared/eap/packet.h"

enum { METHODS_MAX = 16, NAK_MAX = 32 };

/* Of the plugin: what its section says. */
typedef struct {
  char **methods;
  gboolean prefers_user;
} Settings;

typedef struct {
  const IkeEapContext *context;
  const Settings *settings;
  const IkeProvided *offers[METHODS_MAX]; /* NULL: was tried */
  guint n_offers;
  const IkeEapClass *method; /* under way */
  gpointer state;
  guint n_answers; /* of the peer to it */
} Dynamic;

static const IkeEapClass *
class_of (const IkeProvided *offer)
{
  return offer->ops;
}

/* What shows a password must not be the first thing that a peer is asked outside of everything;
 * with an SA, the gateway was authenticated before, since this method is not for EAP alone. */
static gboolean
is_usable (const IkeEapContext *context, const IkeEapClass *method)
{
  return method->type != 0 && method->type != IKE_EAP_TYPE_IDENTITY
         && (!(method->flags & IKE_EAP_NEEDS_TUNNEL) || context->depth > 0 || context->sa);
}

static const IkeProvided *
provider_of (IkeEngine *engine, const char *name, GError **error)
{
  g_autofree char *feature = g_strconcat ("eap-server:", name, NULL);

  return ike_feature_find (engine, feature, error);
}

static gpointer
dynamic_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  Dynamic *dynamic = g_new0 (Dynamic, 1);

  dynamic->context = context;
  dynamic->settings = ike_plugin_state (self);
  for (guint i = 0; dynamic->settings->methods[i] && dynamic->n_offers < METHODS_MAX; i++) {
    const IkeProvided *offer = provider_of (context->engine, dynamic->settings->methods[i], NULL);

    if (offer && is_usable (context, class_of (offer)))
      dynamic->offers[dynamic->n_offers++] = offer;
  }
  if (dynamic->n_offers > 0)
    return dynamic;
  g_free (dynamic);
  *why = g_strdup ("EAP: none of plugins.eap-dynamic.methods can be used");
  return NULL;
}

static void
end_method (Dynamic *dynamic)
{
  if (dynamic->method)
    dynamic->method->end (dynamic->state);
  dynamic->method = NULL;
  dynamic->state = NULL;
}

/* Begins @offers[@at]; a method that cannot begin for this peer is passed over.  Its first
 * request is made by the call. */
static gboolean
begin_method (Dynamic *dynamic, guint at, char **why)
{
  const IkeProvided *offer = g_steal_pointer (&dynamic->offers[at]);
  const IkeEapClass *method = class_of (offer);

  end_method (dynamic);
  g_clear_pointer (why, g_free);
  dynamic->state = method->begin (offer->plugin, dynamic->context, why);
  if (!dynamic->state)
    return FALSE;
  dynamic->method = method;
  dynamic->n_answers = 0;
  return TRUE;
}

static gboolean
begin_first (Dynamic *dynamic, char **why)
{
  for (guint i = 0; i < dynamic->n_offers; i++)
    if (dynamic->offers[i] && begin_method (dynamic, i, why))
      return TRUE;
  return FALSE;
}

/* Which of ours is of @type and was not tried; n_offers: none. */
static guint
find_type (const Dynamic *dynamic, guint8 type)
{
  guint i = 0;

  while (i < dynamic->n_offers
         && !(dynamic->offers[i] && class_of (dynamic->offers[i])->type == type))
    i++;
  return i;
}

/* In the peer's order. */
static gboolean
begin_wanted (Dynamic *dynamic, const guint8 *types, guint n_types, char **why)
{
  for (guint i = 0; i < n_types; i++) {
    guint at = find_type (dynamic, types[i]);

    if (at < dynamic->n_offers && begin_method (dynamic, at, why))
      return TRUE;
  }
  return FALSE;
}

/* In ours. */
static gboolean
begin_taken (Dynamic *dynamic, const guint8 *types, guint n_types, char **why)
{
  for (guint i = 0; i < dynamic->n_offers; i++)
    if (dynamic->offers[i] && memchr (types, class_of (dynamic->offers[i])->type, n_types)
        && begin_method (dynamic, i, why))
      return TRUE;
  return FALSE;
}

static IkeEapStep *
nothing_in_common (const guint8 *types, guint n_types, const char *why_or_null)
{
  g_autoptr (GString) wanted = g_string_new (NULL);

  for (guint i = 0; i < n_types; i++)
    g_string_append_printf (wanted, "%s%u", i ? ", " : "", types[i]);
  if (why_or_null)
    return eap_step_failed ("%s", why_or_null);
  return eap_step_failed ("EAP: the peer takes none of plugins.eap-dynamic.methods; it wants %s%s",
                          wanted->len ? "type " : "none at all", wanted->str);
}

/* RFC 3748, 5.3.1: the Nak "is sent in reply to a Request where the desired authentication Type is
 * unacceptable"; once a peer has answered in a type, it stays with it. */
static gboolean
is_nak (const Dynamic *dynamic, const guint8 *packet, gsize len, EapPacket *nak)
{
  IkePart data = { packet, len };

  return dynamic->n_answers == 0
         && eap_packet_expect (nak, &data, IKE_EAP_CODE_RESPONSE, IKE_EAP_TYPE_NAK);
}

static void
step_nak (Dynamic *dynamic, IkeCall *call, const EapPacket *nak, guint8 identifier)
{
  guint8 types[NAK_MAX];
  guint n_types = eap_nak_read (nak, types, NAK_MAX);
  g_autofree char *why = NULL;
  gboolean has_begun = dynamic->settings->prefers_user
                           ? begin_wanted (dynamic, types, n_types, &why)
                           : begin_taken (dynamic, types, n_types, &why);

  if (has_begun)
    dynamic->method->step (dynamic->state, call, NULL, 0, identifier);
  else
    ike_call_answer (call, nothing_in_common (types, n_types, why));
}

/* The call is the host's, and the method answers it: what it comes to is what this comes to. */
static void
dynamic_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  Dynamic *dynamic = state;
  g_autofree char *why = NULL;
  EapPacket nak;

  if (packet && dynamic->method && is_nak (dynamic, packet, len, &nak))
    step_nak (dynamic, call, &nak, identifier);
  else if (packet && dynamic->method) {
    dynamic->n_answers++;
    dynamic->method->step (dynamic->state, call, packet, len, identifier);
  } else if (!packet && !dynamic->method && begin_first (dynamic, &why))
    dynamic->method->step (dynamic->state, call, NULL, 0, identifier);
  else
    ike_call_answer (call, eap_step_failed ("%s", why ? why
                                                      : "EAP: the peer answers what was not "
                                                        "asked"));
}

static void
dynamic_end (gpointer state)
{
  Dynamic *dynamic = state;

  end_method (dynamic);
  g_free (dynamic);
}

/* Some may be missing, but not all. */
static void
dynamic_check (IkePlugin *self, const IkeAuthConf *conf, GPtrArray *problems)
{
  g_auto (GStrv) methods = ike_plugin_option_list (self, "methods");
  g_autoptr (GError) missing = NULL;

  for (guint i = 0; methods[i]; i++) {
    g_clear_error (&missing);
    if (provider_of (ike_plugin_engine (self), methods[i], &missing))
      return;
  }
  g_ptr_array_add (problems,
                   g_strdup_printf ("auth: none of plugins.eap-dynamic.methods is there%s%s",
                                    missing ? ": " : "", missing ? missing->message : ""));
}

static const IkeEapClass dynamic_class = {
  .struct_size = sizeof (IkeEapClass),
  .flags = IKE_EAP_CHOOSES,
  .begin = dynamic_begin,
  .step = dynamic_step,
  .end = dynamic_end,
  .check = dynamic_check,
};

/* -- the plugin */

static void
settings_free (gpointer data)
{
  Settings *settings = data;

  g_strfreev (settings->methods);
  g_free (settings);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  Settings *settings = g_new0 (Settings, 1);

  settings->methods = ike_plugin_option_list (self, "methods");
  settings->prefers_user = ike_plugin_option_bool (self, "prefer_user");
  ike_plugin_set_state (self, settings, settings_free);
  return TRUE;
}

static const IkeFeature dynamic_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "eap-server:dynamic",
  .ops = &dynamic_class,
};
static const IkeFeature *const features[] = { &dynamic_feature, NULL };

static const IkeOptionInfo methods_option = {
  sizeof (IkeOptionInfo),
  "plugin/methods",
  "list",
  "mschapv2, tls, ttls, peap",
  "Methods that a peer is offered, in this order; those that are not loaded are left out.",
};
static const IkeOptionInfo prefer_user_option = {
  sizeof (IkeOptionInfo),
  "plugin/prefer_user",
  "bool",
  "no",
  "When a peer does not take the first one: go by the order of what it would take, not by ours.",
};
static const IkeOptionInfo *const options[] = { &methods_option, &prefer_user_option, NULL };

IKE_PLUGIN (ike_plugin, "eap-dynamic", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "EAP: the method that a peer wants, out of several", .features = features,
            .options = options, .activate = activate);
