/* SPDX-License-Identifier: Apache-2.0 */
/* tunnel.c - the turns of a conversation: packets to messages, messages to TLS, and, once it is up
 * and the other end's certificate good, to the method. */
#include "shared/eap-tls/private.h"

#include <string.h>

#include <ikebana/model.h>

#include "shared/revoked/revoked.h"

/* COST_US: of a flight of the handshake, roughly: a signature, an exchange and a chain. */
enum { COST_US = 3000, FEED_TIMEOUT_MS = 20000, REVOCATION_TIMEOUT_MS = 15000, MTU_USUAL = 1024 };

struct _EapTunnel {
  gint references; /* atomic */
  const EapTunnelPlugin *plugin;
  const EapTunnelUser *klass;
  gpointer user;
  IkeLoop *loop;
  IkeSa *sa;      /* until it ends; NULL: it is of none */
  IkeIdent *peer; /* who the other end's certificate is to stand for; NULL: whoever it names */
  gboolean is_server, has_ended;
  gboolean is_judged; /* the other end's certificate was not revoked */
  gboolean is_lost;   /* nobody knows what the session does */
  gboolean is_mute;   /* there was something to say after the other end had closed */
  guint32 revocation; /* IkeRevocationPolicy */
  EapFrames frames;
  IkeTls *session;
  IkeCall *call; /* of the turn under way */
  guint8 identifier;
  GByteArray *heard; /* of this turn */
  char *warning;     /* why it will fail, for the step to come */
  char *failure;     /* an alert is on its way; what comes back does not matter */
};

static const char closed[] = "the other end closed TLS before it was done";

/* -- its life */

static void
forget_heard (EapTunnel *tunnel)
{
  ike_wipe (tunnel->heard->data, tunnel->heard->len);
  g_byte_array_set_size (tunnel->heard, 0);
}

EapTunnel *
eap_tunnel_ref (EapTunnel *tunnel)
{
  g_atomic_int_inc (&tunnel->references);
  return tunnel;
}

/* Whoever waits is told, also when a loop ends in the middle of a turn. */
void
eap_tunnel_unref (EapTunnel *tunnel)
{
  if (!g_atomic_int_dec_and_test (&tunnel->references))
    return;
  if (tunnel->call)
    ike_call_fail (tunnel->call, "the conversation was given up");
  if (tunnel->user)
    tunnel->klass->free_user (tunnel->user);
  tunnel->plugin->tls->free (tunnel->session);
  eap_frames_clear (&tunnel->frames);
  ike_ident_unref (tunnel->peer);
  forget_heard (tunnel);
  g_byte_array_unref (tunnel->heard);
  g_free (tunnel->warning);
  g_free (tunnel->failure);
  g_free (tunnel);
}

static void
tunnel_unref (gpointer data)
{
  eap_tunnel_unref (data);
}

static const IkeAuthConf *
section_of (const IkeEapContext *context, gboolean is_local)
{
  const IkeConn *conn = context->sa ? ike_sa_conn (context->sa) : NULL;

  if (!conn)
    return NULL;
  return is_local ? (conn->n_local ? &conn->local[0] : NULL)
                  : (conn->n_remote ? &conn->remote[0] : NULL);
}

/* RFC 5216, 2.2 knows no such form, but computers that speak for themselves say "host/NAME". */
static IkeIdent *
name_in_certificate (const IkeIdent *identity)
{
  static const char prefix[] = "host/";
  gsize len, skip = strlen (prefix);
  const guint8 *text;

  if (eap_identity_is_anonymous (identity))
    return NULL;
  text = ike_ident_data (identity, &len);
  if (len > skip && g_ascii_strncasecmp ((const char *) text, prefix, skip) == 0)
    return ike_ident_new (IKE_ID_FQDN, text + skip, len - skip);
  return ike_ident_ref ((IkeIdent *) identity);
}

/* A server is who the gateway is, unless the connection names certificates; it asks for what the
 * section in question says.  A peer shows the certificates of its section, else one for its
 * identity, and trusts what the connection trusts. */
static gboolean
open_session (EapTunnel *tunnel, const IkeEapContext *context, GError **error)
{
  const EapTunnelPlugin *plugin = tunnel->plugin;
  const IkeAuthConf *local = tunnel->is_server ? section_of (context, TRUE) : context->conf;
  const IkeAuthConf *remote = tunnel->is_server ? context->conf : section_of (context, FALSE);
  g_auto (GStrv) certs = local ? eap_tunnel_names (local, plugin->local_certs, "cert") : NULL;
  g_auto (GStrv) cas = remote ? eap_tunnel_names (remote, plugin->remote_cacerts, "cacert") : NULL;
  g_autoptr (IkeIdent) name = name_in_certificate (context->identity);
  const IkeIdent *own = tunnel->is_server ? context->other : name;
  const IkeTlsConf conf = {
    .struct_size = sizeof conf,
    .is_server = tunnel->is_server,
    .min_version = plugin->min_version,
    .max_version = plugin->max_version,
    .own = tunnel->klass->own,
    .peer = tunnel->klass->peer,
    .own_id = certs ? NULL : own,
    .own_certs = (const char *const *) certs,
    .cacerts = (const char *const *) cas,
    .expected = tunnel->is_server ? name : context->other,
  };

  tunnel->peer = conf.expected ? ike_ident_ref ((IkeIdent *) conf.expected) : NULL;
  tunnel->revocation = remote
                           ? (guint32) ike_option_uint (remote->options, plugin->remote_revocation)
                           : IKE_REVOCATION_RELAXED;
  tunnel->session = plugin->tls->open (plugin->tls_plugin, &conf, error);
  return tunnel->session != NULL;
}

EapTunnel *
eap_tunnel_new (const EapTunnelPlugin *plugin, const IkeEapContext *context, gboolean is_server,
                const EapTunnelUser *klass, gpointer user_take, char **why)
{
  EapTunnel *tunnel = g_new0 (EapTunnel, 1);
  g_autoptr (GError) error = NULL;

  tunnel->references = 1;
  tunnel->plugin = plugin;
  tunnel->klass = klass;
  tunnel->loop = context->loop;
  tunnel->sa = context->sa;
  tunnel->is_server = is_server;
  tunnel->heard = g_byte_array_new ();
  eap_frames_init (&tunnel->frames, plugin->type, is_server,
                   plugin->fragment_size ? plugin->fragment_size
                   : context->mtu        ? context->mtu
                                         : MTU_USUAL);
  if (open_session (tunnel, context, &error)) {
    tunnel->user = user_take;
    return tunnel;
  }
  *why = g_strdup (error->message);
  eap_tunnel_unref (tunnel);
  return NULL;
}

void
eap_tunnel_end (EapTunnel *tunnel)
{
  tunnel->has_ended = TRUE;
  tunnel->sa = NULL;
  eap_tunnel_unref (tunnel);
}

gboolean
eap_tunnel_has_ended (const EapTunnel *tunnel)
{
  return tunnel->has_ended;
}

/* -- a turn ends */

static void
answer (EapTunnel *tunnel, IkeEapStep *step)
{
  IkeCall *call = g_steal_pointer (&tunnel->call);

  step->struct_size = sizeof *step;
  forget_heard (tunnel);
  ike_call_answer (call, step);
}

/* Moves what TLS has to say into the frames, and makes the next packet. */
static void
add_packet (EapTunnel *tunnel, IkeEapStep *step)
{
  guint8 buffer[4096];
  gsize n;

  while ((n = tunnel->plugin->tls->drain (tunnel->session, buffer, sizeof buffer)) > 0)
    eap_frames_put (&tunnel->frames, buffer, n);
  step->packet = eap_frames_packet (&tunnel->frames, tunnel->identifier, &step->len);
}

static gboolean
is_closed (const EapTunnel *tunnel)
{
  return tunnel->plugin->tls->state (tunnel->session) == IKE_TLS_CLOSED;
}

/* Who has closed says nothing more, so that it need not be asked. */
void
eap_tunnel_more (EapTunnel *tunnel)
{
  IkeEapStep *step;

  if (is_closed (tunnel)) {
    eap_tunnel_fail (tunnel, closed);
    return;
  }
  step = g_new0 (IkeEapStep, 1);
  step->outcome = IKE_EAP_MORE;
  step->reason = g_steal_pointer (&tunnel->warning);
  add_packet (tunnel, step);
  answer (tunnel, step);
}

void
eap_tunnel_warn (EapTunnel *tunnel, const char *reason)
{
  g_free (tunnel->warning);
  tunnel->warning = g_strdup (reason);
}

void
eap_tunnel_fail (EapTunnel *tunnel, const char *reason)
{
  IkeEapStep *step = g_new0 (IkeEapStep, 1);

  step->outcome = IKE_EAP_FAILED;
  step->reason = g_strdup (tunnel->is_mute ? closed : reason);
  answer (tunnel, step);
}

/* The host has the reason at once: some peers do not wait for EAP-Failure, but go. */
void
eap_tunnel_say_and_fail (EapTunnel *tunnel, const char *reason)
{
  IkeEapStep *step = g_new0 (IkeEapStep, 1);

  g_free (tunnel->failure);
  tunnel->failure = g_strdup (reason);
  step->outcome = IKE_EAP_MORE;
  step->reason = g_strdup (reason);
  add_packet (tunnel, step);
  answer (tunnel, step);
}

/* RFC 9190, 2.3: "Key_Material = TLS-Exporter("EXPORTER_EAP_TLS_Key_Material", Type, 128)", of
 * which "MSK = Key_Material(0, 63)"; for other types see RFC 9427, 2.1.  In TLS 1.2: RFC 5216,
 * 2.3, which PEAP follows, and RFC 5281, 8. */
static IkeSecretBlob *
msk_of (EapTunnel *tunnel)
{
  const EapTunnelPlugin *plugin = tunnel->plugin;
  gboolean is_new = eap_tunnel_info (tunnel)->version == IKE_TLS_1_3;
  const char *label = is_new                              ? "EXPORTER_EAP_TLS_Key_Material"
                      : plugin->type == IKE_EAP_TYPE_TTLS ? "ttls keying material"
                                                          : "client EAP encryption";
  guint8 material[128];
  IkeSecretBlob *msk = NULL;

  if (plugin->tls->export_key (tunnel->session, label, is_new ? &plugin->type : NULL,
                               is_new ? 1 : 0, material, sizeof material))
    msk = ike_secret_blob_new (material, IKE_EAP_MSK_MIN);
  ike_wipe (material, sizeof material);
  return msk;
}

void
eap_tunnel_done (EapTunnel *tunnel, IkeIdent *identity_take, char **groups_take)
{
  IkeEapStep *step = g_new0 (IkeEapStep, 1);

  step->outcome = IKE_EAP_DONE;
  step->msk = msk_of (tunnel);
  step->identity = identity_take;
  step->groups = groups_take;
  if (!step->msk) {
    ike_eap_step_free (step);
    eap_tunnel_fail (tunnel, "no key can be derived from the TLS session");
    return;
  }
  if (!tunnel->is_server)
    add_packet (tunnel, step);
  answer (tunnel, step);
}

/* RFC 5216, 2.1.3: "The EAP server SHOULD send a TLS alert message ...  To ensure that the peer
 * receives the TLS alert message, the EAP server MUST wait for the peer to reply", and likewise:
 * "the peer MUST wait for the EAP Server to reply before terminating the conversation".  A peer
 * that has heard the alert says nothing, but says it. */
static void
session_failed (EapTunnel *tunnel)
{
  const EapTunnelPlugin *plugin = tunnel->plugin;
  const char *reason = plugin->tls->reason (tunnel->session);

  reason = reason ? reason : closed;
  if (tunnel->is_server && !plugin->tls->pending (tunnel->session)) {
    eap_tunnel_fail (tunnel, reason);
    return;
  }
  eap_tunnel_say_and_fail (tunnel, reason);
}

/* -- to the method */

/* An array that grows by itself leaves copies behind, and this may be a password. */
static void
hear (EapTunnel *tunnel, const guint8 *data, gsize len)
{
  GByteArray *heard = g_byte_array_sized_new (tunnel->heard->len + (guint) len);

  g_byte_array_append (heard, tunnel->heard->data, tunnel->heard->len);
  g_byte_array_append (heard, data, (guint) len);
  forget_heard (tunnel);
  g_byte_array_unref (tunnel->heard);
  tunnel->heard = heard;
}

/* RFC 8446, 6.1, of close_notify: "Any data received after a closure alert has been received MUST
 * be ignored."  What came before it is heard, and may be all that the method waits for. */
static void
talk (EapTunnel *tunnel)
{
  const IkeTlsOps *tls = tunnel->plugin->tls;
  guint8 buffer[2048];
  gsize n;

  while ((n = tls->read (tunnel->session, buffer, sizeof buffer)) > 0)
    hear (tunnel, buffer, n);
  ike_wipe (buffer, sizeof buffer);
  if (tls->state (tunnel->session) == IKE_TLS_UP || (is_closed (tunnel) && tunnel->heard->len))
    tunnel->klass->talk (tunnel->user, tunnel->heard->data, tunnel->heard->len);
  else
    session_failed (tunnel);
}

/* Whoever listens has the last word, as about certificates that IKE itself carries. */
static void
believe (EapTunnel *tunnel)
{
  const EapTunnelPlugin *plugin = tunnel->plugin;
  const IkeTlsInfo *info = plugin->tls->info (tunnel->session);
  IkeCertificateEvent event = { sizeof event, info->chain, info->n, tunnel->peer, NULL };

  if (info->n && !event.peer)
    event.peer = plugin->pki->cert_info (info->chain[0])->subject;
  if (info->n && tunnel->sa
      && ike_certificate_hook_emit (plugin->on_certificate, tunnel->sa, &event)
             == IKE_HOOK_REJECT) {
    eap_tunnel_fail (tunnel, event.reason ? event.reason : "a plugin did not take the certificate");
    return;
  }
  tunnel->is_judged = TRUE;
  talk (tunnel);
}

static void
revocation_known (gpointer owner, gpointer data, gpointer result, const char *error)
{
  EapTunnel *tunnel = owner;
  g_autofree char *why = revoked_why (tunnel->revocation, result, error);

  if (tunnel->has_ended)
    eap_tunnel_fail (tunnel, "the conversation was ended");
  else if (why)
    eap_tunnel_fail (tunnel, why);
  else
    believe (tunnel);
}

static const IkeCallClass revocation_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "revocation",
  .timeout_ms = REVOCATION_TIMEOUT_MS,
  .then = revocation_known,
  .undo = g_free,
  .free_data = tunnel_unref,
};

/* RFC 5216, 5.4: "EAP-TLS peer and server implementations MUST support the use of Certificate
 * Revocation Lists".  Asked once TLS is up, so that nobody can make us ask who does not hold the
 * key of a certificate that we trust, and before anything is said through the tunnel. */
static void
judge (EapTunnel *tunnel)
{
  const EapTunnelPlugin *plugin = tunnel->plugin;
  const IkeTlsInfo *info = plugin->tls->info (tunnel->session);
  const IkeRevocationQuery query = {
    .struct_size = sizeof query, .policy = tunnel->revocation, .chain = info->chain, .n = info->n
  };
  const char *why;
  const IkeProvided *revocation = revoked_find (plugin->engine, &query, &why);

  if (revocation)
    revoked_ask (revocation, &query,
                 ike_loop_call (tunnel->loop, &revocation_call, tunnel, eap_tunnel_ref (tunnel)));
  else if (why)
    eap_tunnel_fail (tunnel, why);
  else
    believe (tunnel);
}

/* -- to TLS */

static void
fed (EapTunnel *tunnel)
{
  const IkeTlsOps *tls = tunnel->plugin->tls;

  switch (tls->state (tunnel->session)) {
  case IKE_TLS_HANDSHAKE:
    if (tls->pending (tunnel->session))
      eap_tunnel_more (tunnel);
    else
      eap_tunnel_fail (tunnel, "the peer's flight of TLS messages is cut");
    break;
  case IKE_TLS_UP:
    if (tunnel->is_judged)
      talk (tunnel);
    else
      judge (tunnel);
    break;
  case IKE_TLS_CLOSED:
  case IKE_TLS_FAILED:
  default:
    session_failed (tunnel);
  }
}

static void
handshake_fed (gpointer owner, gpointer data, gpointer result, const char *error)
{
  EapTunnel *tunnel = owner;

  tunnel->is_lost = error != NULL;
  if (tunnel->has_ended || error)
    eap_tunnel_fail (tunnel, error ? error : "the conversation was ended");
  else
    fed (tunnel);
}

static const IkeCallClass feed_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "TLS handshake",
  .timeout_ms = FEED_TIMEOUT_MS,
  .then = handshake_fed,
  .free_data = tunnel_unref,
};

static gpointer
feed_work (gpointer arg, const char **error)
{
  EapTunnel *tunnel = arg;

  tunnel->plugin->tls->feed (tunnel->session, tunnel->frames.in->data, tunnel->frames.in->len);
  return tunnel;
}

static void
take_message (EapTunnel *tunnel)
{
  const IkeTlsOps *tls = tunnel->plugin->tls;

  if (tls->state (tunnel->session) == IKE_TLS_UP) {
    tls->feed (tunnel->session, tunnel->frames.in->data, tunnel->frames.in->len);
    fed (tunnel);
  } else if (tunnel->frames.in->len == 0)
    eap_tunnel_fail (tunnel, "the peer says nothing in the middle of the handshake");
  else
    ike_call_run (ike_loop_call (tunnel->loop, &feed_call, tunnel, eap_tunnel_ref (tunnel)),
                  tunnel->plugin->engine, COST_US, feed_work, eap_tunnel_ref (tunnel),
                  tunnel_unref);
}

static void
take_packet (EapTunnel *tunnel, const guint8 *packet, gsize len)
{
  const char *why = NULL;

  switch (eap_frames_take (&tunnel->frames, packet, len, &why)) {
  case EAP_FRAMES_START:
  case EAP_FRAMES_NEXT:
    eap_tunnel_more (tunnel);
    break;
  case EAP_FRAMES_MESSAGE:
    take_message (tunnel);
    break;
  case EAP_FRAMES_BAD:
  default:
    eap_tunnel_fail (tunnel, why);
  }
}

void
eap_tunnel_step (EapTunnel *tunnel, IkeCall *call, const guint8 *packet, gsize len,
                 guint8 identifier)
{
  IkeEapStep *step;

  tunnel->call = call;
  tunnel->identifier = !tunnel->is_server && len > 1 ? packet[1] : identifier;
  if (tunnel->failure)
    eap_tunnel_fail (tunnel, tunnel->failure);
  else if (tunnel->is_lost)
    eap_tunnel_fail (tunnel, "the TLS handshake took too long");
  else if (packet)
    take_packet (tunnel, packet, len);
  else {
    step = g_new0 (IkeEapStep, 1);
    step->outcome = IKE_EAP_MORE;
    step->packet = eap_frames_start (&tunnel->frames, identifier, &step->len);
    answer (tunnel, step);
  }
}

/* -- for the method */

gboolean
eap_tunnel_say (EapTunnel *tunnel, const guint8 *data, gsize len)
{
  if (tunnel->plugin->tls->write (tunnel->session, data, len))
    return TRUE;
  tunnel->is_mute = is_closed (tunnel);
  return FALSE;
}

guint8
eap_tunnel_identifier (const EapTunnel *tunnel)
{
  return tunnel->identifier;
}

const IkeTlsInfo *
eap_tunnel_info (const EapTunnel *tunnel)
{
  return tunnel->plugin->tls->info (tunnel->session);
}

gboolean
eap_tunnel_export (EapTunnel *tunnel, const char *label, guint8 *out, gsize len)
{
  return tunnel->plugin->tls->export_key (tunnel->session, label, NULL, 0, out, len);
}
