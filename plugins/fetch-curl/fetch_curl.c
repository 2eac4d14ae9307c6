/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_curl.c - plugin fetch-curl: gets what an http or https URI names, by libcurl.
 *
 * URIs stand in certificates and in configurations; CRLs and OCSP responses are behind them.  As a
 * certificate may name any URI, the operator's rules are asked first: which schemes and hosts, and
 * to which addresses nothing ever connects (by default this machine's own), whatever a name or a
 * redirect says.  Answers are limited in size and time, equal GETs are made once, and at most
 * `max_parallel` transfers run.  No cookies, no proxy but the configured one, no .netrc, no
 * passwords, no compression.
 *
 *   fetch_curl.c   options, and the way to the io loop
 *   rules.c        what may be fetched
 *   fetcher.c      who waits for what, and what runs
 *   transfer.c     one request and its answer
 *   multi.c        curl's sockets and timers on the io loop */
#include <string.h>
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/plugin.h>
#include "fetcher.h"

/* On its way to the io loop. */
typedef struct {
  Waiter *waiter;
  Transfer *transfer;
} Begin;

static void
begin_free (gpointer data)
{
  Begin *begin = data;

  if (begin->waiter)
    waiter_fail (begin->waiter, "the daemon ends");
  if (begin->transfer)
    transfer_free (begin->transfer);
  g_free (begin);
}

static void
begin_run (gpointer data)
{
  Begin *begin = data;
  Waiter *waiter = g_steal_pointer (&begin->waiter);

  if (atomic_load (&waiter->is_cancelled))
    waiter_fail (waiter, "cancelled");
  else
    fetcher_add (waiter->fetcher, waiter, g_steal_pointer (&begin->transfer));
}

static gboolean
has_line_end (const char *text)
{
  return text && strpbrk (text, "\r\n");
}

static gboolean
check_request (Fetcher *fetcher, const IkeFetchRequest *request, Transfer *transfer, GError **error)
{
  if (ike_engine_is_simulated (fetcher->engine)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED, "there is no network in a simulation");
    return FALSE;
  }
  if (has_line_end (request->content_type) || has_line_end (request->accept)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX, "a header cannot have several lines");
    return FALSE;
  }
  return rules_allow (fetcher->rules, request->uri, &transfer->uri, &transfer->host, error);
}

static void
fetch (IkePlugin *self, const IkeFetchRequest *request, IkeCall *call)
{
  Fetcher *fetcher = ike_plugin_state (self);
  Transfer *transfer = transfer_new (fetcher, request);
  g_autoptr (GError) error = NULL;
  Begin *begin;
  Waiter *waiter;

  if (!check_request (fetcher, request, transfer, &error)) {
    ike_counter_add (fetcher->engine, fetcher->n_failures, 1);
    transfer_free (transfer);
    ike_call_fail (call, error->message);
    return;
  }
  waiter = g_new0 (Waiter, 1);
  waiter->fetcher = fetcher;
  waiter->call = call;
  waiter->timeout_ms = MAX (request->timeout_ms, 1);
  atomic_init (&waiter->is_cancelled, FALSE);
  ike_call_on_cancel (call, fetcher_cancelled, waiter);
  begin = g_new0 (Begin, 1);
  begin->waiter = waiter;
  begin->transfer = transfer;
  ike_loop_post (fetcher->io, begin_run, begin, begin_free);
}

/* -- beginning and ending */

static void
fetcher_free (gpointer data)
{
  Fetcher *fetcher = data;

  rules_free (fetcher->rules);
  g_clear_pointer (&fetcher->by_key, g_hash_table_unref);
  g_clear_pointer (&fetcher->by_host, g_hash_table_unref);
  g_clear_pointer (&fetcher->running, g_ptr_array_unref);
  g_free (fetcher->limits.user_agent);
  g_free (fetcher->limits.proxy);
  g_free (fetcher);
}

static Rules *
read_rules (IkePlugin *self, GError **error)
{
  g_auto (GStrv) schemes = ike_plugin_option_list (self, "schemes");
  g_auto (GStrv) hosts = ike_plugin_option_list (self, "hosts");
  g_auto (GStrv) deny = ike_plugin_option_list (self, "deny");

  return rules_new ((const char *const *) schemes, (const char *const *) hosts,
                    (const char *const *) deny, error);
}

static void
read_limits (IkePlugin *self, FetchLimits *limits)
{
  const char *proxy = ike_plugin_option (self, "proxy");

  limits->max_redirects = (guint) MIN (ike_plugin_option_uint (self, "max_redirects"), 50);
  limits->max_parallel = (guint) CLAMP (ike_plugin_option_uint (self, "max_parallel"), 1, 1024);
  limits->max_per_host = (guint) CLAMP (ike_plugin_option_uint (self, "max_per_host"), 1, 1024);
  limits->connect_timeout_ms =
      CLAMP (ike_plugin_option_uint (self, "connect_timeout"), 1, 3600) * 1000;
  limits->user_agent = g_strdup (ike_plugin_option (self, "user_agent"));
  limits->proxy = g_strdup (proxy ? proxy : "");
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  IkeEngine *engine = ike_plugin_engine (self);
  Fetcher *fetcher = g_new0 (Fetcher, 1);

  ike_plugin_set_state (self, fetcher, fetcher_free);
  fetcher->engine = engine;
  fetcher->io = ike_engine_io (engine);
  fetcher->by_key = g_hash_table_new (g_str_hash, g_str_equal);
  fetcher->by_host = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  fetcher->running = g_ptr_array_new ();
  g_queue_init (&fetcher->queue);
  atomic_init (&fetcher->is_sweeping, FALSE);
  fetcher->n_fetches = ike_counter (engine, "fetch.transfers");
  fetcher->n_failures = ike_counter (engine, "fetch.failures");
  fetcher->n_bytes = ike_counter (engine, "fetch.bytes");
  read_limits (self, &fetcher->limits);
  fetcher->rules = read_rules (self, error);
  return fetcher->rules && (ike_engine_is_simulated (engine) || multi_open (fetcher, error));
}

static void
deactivate (IkePlugin *self)
{
  Fetcher *fetcher = ike_plugin_state (self);

  fetcher_close (fetcher);
  if (fetcher->multi)
    multi_close (fetcher);
}

/* -- what it offers */

static gboolean
knows_scheme (const char *scheme, GError **error)
{
  const curl_version_info_data *version = curl_version_info (CURLVERSION_NOW);

  if (g_strv_contains (version->protocols, scheme))
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED, "libcurl %s was built without %s",
               version->version, scheme);
  return FALSE;
}

static gboolean
probe_http (IkePlugin *self, GError **error)
{
  return knows_scheme ("http", error);
}

static gboolean
probe_https (IkePlugin *self, GError **error)
{
  return knows_scheme ("https", error);
}

static const IkeFetchClass fetch_class = { sizeof (IkeFetchClass), fetch };
static const IkeFeature http_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "fetch:http",
                                         .ops = &fetch_class,
                                         .probe = probe_http };
static const IkeFeature https_feature = { .struct_size = sizeof (IkeFeature),
                                          .provides = "fetch:https",
                                          .ops = &fetch_class,
                                          .probe = probe_https };
static const IkeFeature *const features[] = { &http_feature, &https_feature, NULL };

#define OPTION(symbol, name, kind, value, text)                                                    \
  static const IkeOptionInfo symbol = { sizeof (IkeOptionInfo), "plugin/" name, kind, value, text }

OPTION (option_schemes, "schemes", "list", "http, https",
        "What may be fetched: http, https.  CRLs and OCSP responses are signed and usually come by "
        "http.");
OPTION (option_hosts, "hosts", "list", "*",
        "Names of servers that may be asked; * stands for any characters.");
OPTION (option_deny, "deny", "list",
        "127.0.0.0/8, ::1/128, 0.0.0.0/8, ::/128, 169.254.0.0/16, fe80::/10",
        "Addresses that are never connected to, whatever name leads to them; a proxy's too.  \"\": "
        "none.");
OPTION (option_max_redirects, "max_redirects", "uint", "3",
        "How often a server may redirect; each target is checked like the first one.");
OPTION (option_connect_timeout, "connect_timeout", "time", "5s",
        "How long to try to connect; the whole transfer is limited by whoever asks for it.");
OPTION (option_max_parallel, "max_parallel", "uint", "32",
        "Transfers at a time; up to 1024 more wait, others fail.");
OPTION (option_max_per_host, "max_per_host", "uint", "4", "Transfers at a time with one server.");
OPTION (option_user_agent, "user_agent", "string", "Ikebana", "What we say to be.");
OPTION (option_proxy, "proxy", "string", NULL,
        "A proxy that does all transfers, such as http://192.0.2.1:3128; it must be allowed by "
        "`deny`, which then knows of no other address.  Environment variables are not read.");

static const IkeOptionInfo *const options[] = {
  &option_schemes,
  &option_hosts,
  &option_deny,
  &option_max_redirects,
  &option_connect_timeout,
  &option_max_parallel,
  &option_max_per_host,
  &option_user_agent,
  &option_proxy,
  NULL,
};

IKE_PLUGIN (ike_plugin, "fetch-curl", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "gets by http and https what a URI names", .features = features,
            .options = options, .activate = activate, .deactivate = deactivate);
