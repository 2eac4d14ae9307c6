/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.c - plugin resolve: name servers that gateways give their clients (RFC 7296, 3.15) are
 * asked while the IKE SA is up.
 *
 * Domains that only these servers know (RFC 8598) are believed as far as `dns_domains` of the
 * connection goes; trust anchors are never asked for.  Attributes come on shards; what is wanted of
 * all SAs together is kept on the io loop, which changes the machine's settings (apply.c). */
#include "config.h"
#include "resolve.h"
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/log.h>
#include <ikebana/model.h>
#include <ikebana/sa.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  IkeEngine *engine;
  guint32 domains_option;
  gboolean shows_encrypted;
  Apply *apply; /* io loop, as the next */
  gboolean is_over;
  GPtrArray *wanted; /* Want */
} Resolve;

typedef struct {
  Resolve *self;
  gboolean is_gone;
  Want *want;
} News;

/* -- io loop */

static void
take (gpointer data)
{
  News *news = data;
  Resolve *self = news->self;
  g_autoptr (GPtrArray) servers = NULL, domains = NULL;

  if (self->is_over)
    return;
  if (news->is_gone)
    wants_forget (self->wanted, news->want->key);
  else
    wants_add (self->wanted, g_steal_pointer (&news->want));
  servers = wants_collect (self->wanted, FALSE);
  domains = wants_collect (self->wanted, TRUE);
  apply_want (self->apply, servers, domains);
}

static void
news_free (gpointer data)
{
  News *news = data;

  g_clear_pointer (&news->want, want_free);
  g_free (news);
}

static void
post (Resolve *self, const IkeSa *sa, const IkeHandleEvent *event, char *text_take)
{
  News *news = g_new0 (News, 1);

  news->self = self;
  news->is_gone = event->is_gone;
  news->want = g_new0 (Want, 1);
  news->want->key = event->value;
  news->want->sa = sa ? ike_sa_unique_id (sa) : 0;
  news->want->is_domain = event->type == IKE_CFG_INTERNAL_DNS_DOMAIN;
  news->want->text = text_take;
  ike_loop_post (ike_engine_io (self->engine), take, news, news_free);
}

/* -- shards */

static char **
domains_of (const Resolve *self, const IkeSa *sa)
{
  const IkeConn *conn = sa ? ike_sa_conn (sa) : NULL;
  const char *text = conn ? ike_option_text (conn->options, self->domains_option) : NULL;

  return ike_value_list (text ? text : "");
}

static gboolean
is_everything (const IkeSelector *selector)
{
  return !selector->is_dynamic && ike_selector_prefix_len (selector) == 0;
}

/* RFC 8598, 8: "if the negotiated IPsec connection is not a split-tunnel configuration, the
 * INTERNAL_DNS_DOMAIN and INTERNAL_DNSSEC_TA Configuration Payloads MUST be ignored", and of "an
 * anonymous or unknown endpoint" too. */
static gboolean
is_split (const IkeSa *sa)
{
  const IkeConn *conn = ike_sa_conn (sa);

  if (ike_sa_is_anonymous (sa))
    return FALSE;
  for (guint i = 0; i < conn->n_children; i++)
    for (guint k = 0; k < conn->children[i]->n_remote_ts; k++)
      if (is_everything (&conn->children[i]->remote_ts[k]))
        return FALSE;
  return TRUE;
}

static void
add_server (Resolve *self, IkeSa *sa, const IkeHandleEvent *event)
{
  IkeAddr server = { .family = event->type == IKE_CFG_INTERNAL_IP4_DNS ? 4 : 6 };
  char text[IKE_ADDR_TEXT_SIZE];
  g_autofree char *said = NULL;

  if (event->len != ike_addr_len (&server))
    return;
  memcpy (server.bytes, event->value, event->len);
  ike_addr_format (&server, FALSE, text);
  if (policy_takes_server (&server)) {
    post (self, sa, event, g_strdup (text));
    return;
  }
  said = g_strdup_printf ("the gateway's name server %s cannot be one; ignored", text);
  if (sa)
    ike_sa_log_text (sa, IKE_LOG_NOTICE, "resolve", said);
}

static void
add_domain (Resolve *self, IkeSa *sa, const IkeHandleEvent *event)
{
  g_autofree char *name = g_strndup ((const char *) event->value, event->len), *said = NULL;
  g_auto (GStrv) allowed = domains_of (self, sa);
  char escaped[4 * 256 + 1];

  if (sa && is_split (sa) && strlen (name) == event->len
      && policy_takes_domain (name, (const char *const *) allowed)) {
    post (self, sa, event, g_steal_pointer (&name));
    return;
  }
  said =
      g_strdup_printf ("the gateway's domain %s is not one of dns_domains, or the tunnel is for "
                       "everything; ignored",
                       ike_escape (escaped, sizeof escaped, event->value, MIN (event->len, 256)));
  if (sa)
    ike_sa_log_text (sa, IKE_LOG_NOTICE, "resolve", said);
}

static IkeHookVerdict
handle (IkePlugin *plugin, IkeSa *sa, IkeHandleEvent *event)
{
  Resolve *self = ike_plugin_state (plugin);

  switch (event->type) {
  case IKE_CFG_INTERNAL_IP4_DNS:
  case IKE_CFG_INTERNAL_IP6_DNS:
  case IKE_CFG_INTERNAL_DNS_DOMAIN:
    if (event->is_gone)
      post (self, sa, event, NULL);
    else if (event->type == IKE_CFG_INTERNAL_DNS_DOMAIN)
      add_domain (self, sa, event);
    else
      add_server (self, sa, event);
    break;
  default:
    break;
  }
  return IKE_HOOK_PASS;
}

static void
ask (IkeRequestEvent *event, guint16 type)
{
  if (event->n < IKE_CFG_ATTRIBUTES_MAX)
    event->types[event->n++] = type;
}

static IkeHookVerdict
request (IkePlugin *plugin, IkeSa *sa, IkeRequestEvent *event)
{
  Resolve *self = ike_plugin_state (plugin);
  g_auto (GStrv) allowed = domains_of (self, sa);

  ask (event, IKE_CFG_INTERNAL_IP4_DNS);
  ask (event, IKE_CFG_INTERNAL_IP6_DNS);
  if (allowed[0] && is_split (sa))
    ask (event, IKE_CFG_INTERNAL_DNS_DOMAIN);
  for (guint16 i = IKE_CFG_ENCDNS_IP4; self->shows_encrypted && i <= IKE_CFG_ENCDNS_DIGEST_INFO;
       i++)
    ask (event, i);
  return IKE_HOOK_PASS;
}

/* -- control */

static guint
find_method (const ResolveOptions *options, const char *text)
{
  static const char *const names[] = { "auto", "file", "resolvconf", "resolved" };
  g_autofree char *link = g_file_read_link (options->resolvconf, NULL);
  guint method = METHOD_AUTO;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (!strcmp (text, names[i]))
      method = i;
  if (method != METHOD_AUTO)
    return method;
  if (*options->interface && !access ("/run/systemd/resolve", X_OK)
      && !access (options->resolvectl, X_OK))
    return METHOD_RESOLVED;
  /* systemd-resolved has one of that name, which takes interfaces only. */
  if (!access (options->resolvconf, X_OK) && !(link && strstr (link, "resolvectl")))
    return METHOD_RESOLVCONF;
  return METHOD_FILE;
}

static gboolean
check (const ResolveOptions *options, GError **error)
{
  const char *program = options->method == METHOD_RESOLVED     ? options->resolvectl
                        : options->method == METHOD_RESOLVCONF ? options->resolvconf
                                                               : options->file;

  if (program[0] != '/') {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "'%s' is no absolute path", program);
    return FALSE;
  }
  if (options->method == METHOD_RESOLVED && !*options->interface) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                 "systemd-resolved keeps name servers by interface; set plugins.resolve.interface");
    return FALSE;
  }
  if (options->interface[0] == '-') {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "'%s' is no interface", options->interface);
    return FALSE;
  }
  return TRUE;
}

static void
finish (gpointer data)
{
  Resolve *self = data;

  self->is_over = TRUE;
  apply_finish (self->apply);
}

static void
deactivate (IkePlugin *plugin)
{
  Resolve *self = ike_plugin_state (plugin);

  if (self)
    ike_loop_post (ike_engine_io (self->engine), finish, self, NULL);
}

static void
resolve_free (gpointer data)
{
  Resolve *self = data;

  apply_free (self->apply);
  g_ptr_array_unref (self->wanted);
  g_free (self);
}

static gboolean
activate (IkePlugin *plugin, GError **error)
{
  ResolveOptions options = { .engine = ike_plugin_engine (plugin),
                             .file = (char *) ike_plugin_option (plugin, "file"),
                             .resolvconf = (char *) ike_plugin_option (plugin, "resolvconf"),
                             .resolvectl = (char *) ike_plugin_option (plugin, "resolvectl"),
                             .interface = (char *) ike_plugin_option (plugin, "interface") };
  Resolve *self;

  options.interface = options.interface ? options.interface : (char *) "";
  options.method = find_method (&options, ike_plugin_option (plugin, "method"));
  /* A simulated engine starts no programs. */
  if (ike_engine_is_simulated (options.engine) && options.method != METHOD_FILE)
    return TRUE;
  if (!check (&options, error))
    return FALSE;
  self = g_new0 (Resolve, 1);
  self->engine = options.engine;
  self->shows_encrypted = ike_plugin_option_bool (plugin, "show_encrypted");
  self->apply = apply_new (&options);
  self->wanted = wants_new ();
  ike_plugin_set_state (plugin, self, resolve_free);
  return ike_option_find (self->engine, "connection/dns_domains", &self->domains_option, error)
         && ike_handle_hook_add (plugin, "resolve", NULL, handle, error)
         && ike_request_hook_add (plugin, "resolve", NULL, request, error);
}

#define OPTION(symbol, name, kind, value, text)                                                    \
  static const IkeOptionInfo symbol = { sizeof (IkeOptionInfo), name, kind, value, text }

OPTION (
    option_method, "plugin/method", "enum:auto|file|resolvconf|resolved", "auto",
    "Who is told of name servers. auto: systemd-resolved, where it runs and an interface is set; "
    "else resolvconf, where it is; else the file.");
OPTION (option_file, "plugin/file", "string", "/etc/resolv.conf", "The file that programs read.");
OPTION (option_resolvconf, "plugin/resolvconf", "string", "/sbin/resolvconf",
        "Where resolvconf is.");
OPTION (option_resolvectl, "plugin/resolvectl", "string", "/usr/bin/resolvectl",
        "Where resolvectl is.");
OPTION (option_interface, "plugin/interface", "string", NULL,
        "The interface that systemd-resolved is told to reach the servers by: one of tunnels, for "
        "what else it knows about it is replaced.");
OPTION (option_encrypted, "plugin/show_encrypted", "bool", "no",
        "Ask gateways for resolvers that speak encrypted DNS (RFC 9464), and log what they say.");
OPTION (option_domains, "connection/dns_domains", "string", NULL,
        "Domains that the gateway's name servers may be asked for alone (RFC 8598), with all below "
        "them. *: any, but special names and top-level domains. Unset: none.");

static const IkeOptionInfo *const options[] = { &option_method,     &option_file,
                                                &option_resolvconf, &option_resolvectl,
                                                &option_interface,  &option_encrypted,
                                                &option_domains,    NULL };
static const IkeFeature *const features[] = { NULL };

IKE_PLUGIN (ike_plugin, "resolve", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "name servers that gateways give their clients", .features = features,
            .options = options, .activate = activate, .deactivate = deactivate);
