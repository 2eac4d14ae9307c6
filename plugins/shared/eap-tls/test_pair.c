/* SPDX-License-Identifier: Apache-2.0 */
/* test_pair.c - a host for two ends of an EAP method. */
#include "shared/eap-tls/test_pair.h"

#include <string.h>

#include <ikebana/model.h>

#include "shared/eap-tls/tunnel.h"
#include "shared/eap/packet.h"

enum { PACKETS_MAX = 300 };

/* -- a plugin that consumes methods, as an authentication method does */

static const IkeFeatureKind server_kind = { sizeof server_kind,   "eap-server",        1, 0,
                                            sizeof (IkeEapClass), sizeof (IkeEapClass) };
static const IkeFeatureKind peer_kind = { sizeof peer_kind,     "eap-peer",          1, 0,
                                          sizeof (IkeEapClass), sizeof (IkeEapClass) };
static const IkeFeatureKind *const kinds[] = { &server_kind, &peer_kind, NULL };
static const IkePluginInfo host_plugin = { .struct_size = sizeof host_plugin,
                                           .abi_major = IKE_ABI_MAJOR,
                                           .abi_minor = IKE_ABI_MINOR,
                                           .name = "host",
                                           .version = "1.0",
                                           .license = "Apache-2.0",
                                           .summary = "a part of the test",
                                           .kinds = kinds };

/* -- open and close */

/* As it is heard from the wire. */
static IkeIdent *
ident_of (const char *text)
{
  IkeIdent *ident = eap_identity_new ((const guint8 *) text, strlen (text));

  g_assert_nonnull (ident);
  return ident;
}

static void
end_open (EapPair *pair, EapEnd *end, gboolean is_server, const EapPairOptions *options)
{
  g_autofree char *feature =
      g_strconcat (is_server ? "eap-server:" : "eap-peer:", options->method, NULL);
  g_autoptr (GError) error = NULL;
  const IkeProvided *provided = ike_feature_find (pair->bench->engine, feature, &error);
  g_autoptr (IkeConfig) config = ike_engine_config (pair->bench->engine);
  const IkeConn *conn = ike_config_conn (config, "test");
  const char *server = options->server_id ? options->server_id : "server.test";
  const char *own = options->own ? options->own : options->identity;
  const char *identity = is_server ? options->identity : own;
  const char *other = is_server ? server : options->other ? options->other : server;

  g_assert_no_error (error);
  end->klass = provided->ops;
  end->plugin = provided->plugin;
  end->context = (IkeEapContext){ .struct_size = sizeof end->context,
                                  .engine = pair->bench->engine,
                                  .loop = ike_engine_shard (pair->bench->engine, 0),
                                  .conf = !conn       ? NULL
                                          : is_server ? &conn->remote[0]
                                                      : &conn->local[0],
                                  .identity = identity ? ident_of (identity) : NULL,
                                  .other = ike_ident_parse (other, NULL),
                                  .mtu = options->mtu };
}

/* An engine takes longer than a conversation. */
static struct {
  char *key;
  TlsBench bench;
} kept[16];
static guint n_kept;

static TlsBench *
bench_for (const EapPairOptions *options)
{
  const IkePluginInfo *const builtin[] = { &host_plugin, options->more, NULL };
  g_autoptr (GPtrArray) plugins = g_ptr_array_new ();
  g_autofree char *key =
      g_strconcat (options->method, "\n", options->settings ? options->settings : "", "\n",
                   options->connections ? options->connections : "", "\n",
                   options->more ? options->more->name : "", NULL);
  TlsBenchOptions bench = { .settings = options->settings,
                            .connections = options->connections,
                            .builtin = builtin };

  for (guint i = 0; i < n_kept; i++)
    if (g_str_equal (kept[i].key, key))
      return &kept[i].bench;
  g_assert_cmpuint (n_kept, <, G_N_ELEMENTS (kept));
  g_ptr_array_add (plugins, (gpointer) "host");
  if (options->more)
    g_ptr_array_add (plugins, (gpointer) options->more->name);
  if (options->connections)
    g_ptr_array_add (plugins, (gpointer) "store-file");
  for (guint i = 0; options->plugins[i]; i++)
    g_ptr_array_add (plugins, (gpointer) options->plugins[i]);
  g_ptr_array_add (plugins, NULL);
  bench.plugins = (const char *const *) plugins->pdata;
  tls_bench_open (&kept[n_kept].bench, &bench);
  kept[n_kept].key = g_steal_pointer (&key);
  return &kept[n_kept++].bench;
}

void
eap_pair_clear (void)
{
  for (guint i = 0; i < n_kept; i++) {
    tls_bench_close (&kept[i].bench);
    g_free (kept[i].key);
  }
  n_kept = 0;
}

void
eap_pair_open (EapPair *pair, const EapPairOptions *options)
{
  memset (pair, 0, sizeof *pair);
  pair->bench = bench_for (options);
  end_open (pair, &pair->server, TRUE, options);
  end_open (pair, &pair->peer, FALSE, options);
}

/* -- who closes TLS */

static struct {
  const IkeTlsOps *real;
  IkeTlsOps ops;
  EapTunnelPlugin *plugin;
  gboolean is_server;
  IkeTls *session; /* of whom it is about */
} hanging;

static IkeTls *
hanging_open (IkePlugin *self, const IkeTlsConf *conf, GError **error)
{
  IkeTls *session = hanging.real->open (self, conf, error);

  if (!conf->is_server == !hanging.is_server)
    hanging.session = session;
  return session;
}

static gboolean
hanging_write (IkeTls *tls, const guint8 *data, gsize len)
{
  gboolean is_written = hanging.real->write (tls, data, len);

  if (is_written && tls == hanging.session)
    hanging.real->close (tls);
  return is_written;
}

void
eap_pair_hang_up (EapPair *pair, gboolean is_server)
{
  hanging.plugin = ike_plugin_state (pair->server.plugin);
  hanging.real = hanging.plugin->tls;
  hanging.ops = *hanging.real;
  hanging.ops.open = hanging_open;
  hanging.ops.write = hanging_write;
  hanging.is_server = is_server;
  hanging.plugin->tls = &hanging.ops;
}

static void
hang_up_no_more (void)
{
  if (hanging.plugin)
    hanging.plugin->tls = hanging.real;
  hanging.plugin = NULL;
}

/* -- the end of it */

static void
run_end (gpointer data)
{
  EapEnd *end = data;

  if (end->state)
    end->klass->end (end->state);
  end->state = NULL;
}

static void
end_close (EapPair *pair, EapEnd *end)
{
  ike_loop_post (end->context.loop, run_end, end, NULL);
  ike_sim_settle (pair->bench->sim);
  ike_eap_step_free (end->step);
  ike_ident_unref ((IkeIdent *) end->context.identity);
  ike_ident_unref ((IkeIdent *) end->context.other);
  g_free (end->why);
  g_free (end->error);
  ike_secret_blob_unref (end->msk);
}

void
eap_pair_close (EapPair *pair)
{
  end_close (pair, &pair->server);
  end_close (pair, &pair->peer);
  hang_up_no_more ();
}

/* -- turns */

typedef struct {
  EapEnd *end;
  const guint8 *packet;
  gsize len;
  guint8 identifier;
} Turn;

static void
stepped (gpointer owner, gpointer data, gpointer result, const char *error)
{
  EapEnd *end = owner;

  ike_eap_step_free (end->step);
  g_free (end->error);
  end->step = result;
  if (end->step && end->step->outcome == IKE_EAP_DONE) {
    end->is_done = TRUE;
    ike_secret_blob_unref (end->msk);
    end->msk = end->step->msk ? ike_secret_blob_ref (end->step->msk) : NULL;
  }
  end->error = g_strdup (error);
}

static const IkeCallClass step_call = { .struct_size = sizeof (IkeCallClass),
                                        .name = "step",
                                        .timeout_ms = 60000,
                                        .then = stepped,
                                        .undo = ike_eap_step_free };

static void
run_step (gpointer data)
{
  const Turn *turn = data;
  EapEnd *end = turn->end;

  if (!end->state && !end->why)
    end->state = end->klass->begin (end->plugin, &end->context, &end->why);
  if (end->state)
    end->klass->step (end->state, ike_loop_call (end->context.loop, &step_call, end, NULL),
                      turn->packet, turn->len, turn->identifier);
}

void
eap_end_step (EapPair *pair, EapEnd *end, const guint8 *packet, gsize len, guint8 identifier)
{
  Turn turn = { end, packet, len, identifier };

  g_clear_pointer (&end->step, ike_eap_step_free);
  ike_loop_post (end->context.loop, run_step, &turn, NULL);
  ike_sim_settle (pair->bench->sim);
  g_assert_true (end->step || end->error || end->why);
}

static gboolean
wants_more (const EapEnd *end)
{
  return end->step && end->step->outcome == IKE_EAP_MORE;
}

static void
check_packet (EapPair *pair, const IkeEapStep *step, guint8 code, guint8 identifier)
{
  g_assert_cmpuint (step->len, >=, IKE_EAP_HEADER_LEN);
  g_assert_cmpuint (step->packet[0], ==, code);
  g_assert_cmpuint (step->packet[1], ==, identifier);
  g_assert_cmpuint ((gsize) step->packet[2] << 8 | step->packet[3], ==, step->len);
  pair->n_packets++;
  pair->longest = MAX (pair->longest, step->len);
}

/* What @from said, as it arrives; NULL: it said nothing. */
static guint8 *
carry (EapPair *pair, const EapEnd *from, gsize *len)
{
  guint8 *packet;

  if (!from->step || !from->step->packet)
    return NULL;
  *len = from->step->len;
  packet = g_memdup2 (from->step->packet, *len);
  if (pair->tamper && !pair->tamper (pair, from == &pair->server, packet, len))
    g_clear_pointer (&packet, g_free);
  if (packet && *len >= IKE_EAP_HEADER_LEN) {
    packet[2] = (guint8) (*len >> 8);
    packet[3] = (guint8) *len;
  }
  return packet;
}

void
eap_pair_run (EapPair *pair)
{
  guint8 identifier = 7;
  gsize len = 0;

  eap_end_step (pair, &pair->server, NULL, 0, identifier);
  while (wants_more (&pair->server) && pair->n_packets < PACKETS_MAX) {
    g_autofree guint8 *request = NULL, *response = NULL;

    check_packet (pair, pair->server.step, IKE_EAP_CODE_REQUEST, identifier);
    request = carry (pair, &pair->server, &len);
    if (!request)
      return;
    eap_end_step (pair, &pair->peer, request, len, 0);
    response = carry (pair, &pair->peer, &len);
    if (!response)
      return;
    check_packet (pair, pair->peer.step, IKE_EAP_CODE_RESPONSE, identifier);
    eap_end_step (pair, &pair->server, response, len, ++identifier);
    if (!wants_more (&pair->peer) && !pair->peer.is_done)
      return;
  }
}

/* -- who changes packets */

gboolean
eap_pair_flip (EapPair *pair, gboolean by_server, guint8 *packet, gsize *len)
{
  EapChange *change = pair->data;

  if (pair->n_packets == change->at && *len > 20) {
    packet[*len - 1] ^= 1;
    change->n_changed++;
  }
  return TRUE;
}

gboolean
eap_pair_drop (EapPair *pair, gboolean by_server, guint8 *packet, gsize *len)
{
  return pair->n_packets < GPOINTER_TO_UINT (pair->data);
}

/* -- what came of it */

void
eap_pair_assert_done (EapPair *pair, const char *identity_or_null)
{
  const IkeEapStep *server = pair->server.step;
  IkeSecretBlob *ours = pair->server.msk, *theirs = pair->peer.msk;
  char name[128];

  g_assert_cmpstr (pair->server.why, ==, NULL);
  g_assert_cmpstr (pair->peer.why, ==, NULL);
  g_assert_cmpstr (server->reason, ==, NULL);
  g_assert_cmpint (server->outcome, ==, IKE_EAP_DONE);
  g_assert_true (pair->peer.is_done);
  g_assert_nonnull (ours);
  g_assert_nonnull (theirs);
  g_assert_cmpuint (ike_secret_blob_len (ours), ==, IKE_EAP_MSK_MIN);
  g_assert_cmpmem (ike_secret_blob_data (ours), ike_secret_blob_len (ours),
                   ike_secret_blob_data (theirs), ike_secret_blob_len (theirs));
  g_assert_true (server->identity || !identity_or_null);
  if (identity_or_null)
    g_assert_cmpstr (ike_ident_format (server->identity, name, sizeof name), ==, identity_or_null);
}

void
eap_pair_assert_failed (const EapEnd *end, const char *text)
{
  const char *reason = end->why ? end->why : end->step ? end->step->reason : end->error;

  if (end->step)
    g_assert_false (end->is_done);
  if (!reason || !strstr (reason, text))
    g_error ("\"%s\" does not say \"%s\"", reason ? reason : "nothing", text);
}
