/* SPDX-License-Identifier: Apache-2.0 */
/* talk.c - a conversation by EAP in IKE_AUTH (RFC 7296, 2.16): the EAP payload carries its packets,
 * and the MSK stays with the SA for AUTH. */
#include "eap_auth.h"
#include <string.h>

typedef struct {
  Eap *eap;
  IkeSa *sa;
  IkeEapContext context;
  IkeIdent *identity, *other;
  EapServer *server; /* or */
  EapPeer *peer;
  IkeCall *call, *turn; /* of whoever waits for us; of the host for whom we wait */
  gboolean is_refused;  /* peer: this turn is about EAP-Failure */
} Talk;

/* -- who is who */

static IkeIdent *
parse (const char *text_or_null)
{
  IkeIdent *id = text_or_null && *text_or_null ? ike_ident_parse (text_or_null, NULL) : NULL;

  if (id && ike_ident_type (id) == IKE_ID_ANY)
    g_clear_pointer (&id, ike_ident_unref);
  return id;
}

static IkeIdent *
ref (const IkeIdent *id)
{
  return id ? ike_ident_ref (id) : NULL;
}

/* Whom the peer has to name in EAP-Identity before we know: everybody (%any), and somebody of
 * many. */
static gboolean
is_asked (const char *eap_id, const IkeIdent *parsed)
{
  return eap_id && *eap_id && (!parsed || ike_ident_is_pattern (parsed));
}

static gboolean
begin_server (Talk *talk, char **why)
{
  const IkeAuthConf *conf = talk->context.conf;
  const char *eap_id = ike_option_text (conf->options, talk->eap->remote_eap_id);
  const char *method = eap_method_of (conf);
  g_autoptr (IkeIdent) named = parse (eap_id);
  gboolean asks = is_asked (eap_id, named);

  talk->identity = asks ? NULL : ref (named ? named : ike_sa_remote_id (talk->sa));
  talk->other = ref (ike_sa_local_id (talk->sa));
  talk->context.identity = talk->identity;
  talk->context.other = talk->other;
  talk->server = eap_server_new (&talk->context, method ? method : "dynamic", asks, why);
  return talk->server != NULL;
}

static gboolean
begin_peer (Talk *talk, char **why)
{
  const IkeAuthConf *conf = talk->context.conf;
  const char *aaa_id = ike_option_text (conf->options, talk->eap->local_aaa_id);
  const IkeAuthConf *remote = ike_sa_auth_conf (talk->sa, FALSE);

  talk->identity = parse (ike_option_text (conf->options, talk->eap->local_eap_id));
  if (!talk->identity)
    talk->identity = ref (ike_sa_local_id (talk->sa));
  talk->other = aaa_id && *aaa_id ? parse (aaa_id) : ref (remote ? remote->id : NULL);
  talk->context.identity = talk->identity;
  talk->context.other = talk->other;
  talk->peer = eap_peer_new (&talk->context, eap_method_of (conf), why);
  return talk->peer != NULL;
}

gpointer
eap_talk_begin (IkePlugin *self, IkeSa *sa, const IkeAuthConf *conf, gboolean is_local, char **why)
{
  Talk *talk = g_new0 (Talk, 1);
  Proof *proof;

  talk->eap = ike_plugin_state (self);
  talk->sa = sa;
  talk->context = (IkeEapContext){
    .struct_size = sizeof (IkeEapContext),
    .engine = talk->eap->engine,
    .loop = ike_sa_loop (sa),
    .sa = sa,
    .conf = conf,
    .conn = ike_sa_conn (sa)->name,
  };
  proof = eap_proof (talk->eap, sa);
  g_clear_pointer (&proof->msk, ike_secret_blob_unref);
  proof->is_done = FALSE;
  if (is_local ? begin_peer (talk, why) : begin_server (talk, why))
    return talk;
  eap_talk_end (talk);
  return NULL;
}

void
eap_talk_end (gpointer data)
{
  Talk *talk = data;

  if (talk->turn)
    ike_call_cancel (talk->turn);
  if (talk->call)
    ike_call_fail (talk->call, "the talk was given up");
  eap_server_free (talk->server);
  eap_peer_free (talk->peer);
  ike_ident_unref (talk->identity);
  ike_ident_unref (talk->other);
  g_free (talk);
}

/* -- what came of it */

static const char *
method_name (const Talk *talk)
{
  const char *name = talk->peer ? eap_peer_method (talk->peer) : eap_method_of (talk->context.conf);

  return name ? name : "dynamic";
}

/* RFC 5998, 3: "Both the initiator and responder MUST verify that the EAP method actually used
 * provided mutual authentication and established a shared secret key." */
static const char *
fault_of (const Talk *talk, const Proof *proof, const IkeEapStep *step)
{
  guint32 flags = talk->peer ? eap_peer_flags (talk->peer) : eap_server_flags (talk->server);

  if (step->msk && ike_secret_blob_len (step->msk) < IKE_EAP_MSK_MIN)
    return "the MSK of the method is too short";
  if (!proof->is_only)
    return NULL;
  if (!(flags & IKE_EAP_IS_MUTUAL))
    return "a method that does not authenticate both ends cannot be all there is (EAP-only)";
  return step->outcome == IKE_EAP_DONE && !step->msk ? "the method made no key, which EAP-only "
                                                       "authentication needs"
                                                     : NULL;
}

/* Who the peer turned out to be. NULL, or why that is not good enough. */
static const char *
take_user (Talk *talk, IkeEapStep *step)
{
  IkeEapEvent event = { sizeof event, method_name (talk), step->identity, NULL };
  guint i;

  if (step->identity && !ike_ident_equal (step->identity, ike_sa_remote_id (talk->sa)))
    ike_sa_set_user (talk->sa, ike_ident_ref (step->identity));
  for (i = 0; step->groups && step->groups[i]; i++)
    ike_sa_add_group (talk->sa, step->groups[i]);
  if (ike_eap_done_hook_emit (talk->eap->on_done, talk->sa, &event) != IKE_HOOK_REJECT)
    return NULL;
  return event.reason ? event.reason : "a plugin does not take the user";
}

/* Methods begin with their name, "EAP-TLS: ...", RADIUS servers and hosts do not. */
static gboolean
says_who (const Talk *talk, const char *reason)
{
  return (talk->peer && !eap_peer_method (talk->peer)) || g_str_has_prefix (reason, "EAP-");
}

/* The packet of @step, wiped when it has gone out: it may be a password, or prove that we know
 * one. */
static GBytes *
take_packet (IkeEapStep *step)
{
  IkeEapStep *kept = g_new0 (IkeEapStep, 1);

  kept->packet = g_steal_pointer (&step->packet);
  kept->len = step->len;
  return g_bytes_new_with_free_func (kept->packet, kept->len, ike_eap_step_free, kept);
}

static void
answer (Talk *talk, IkeAuthTalk outcome, IkeEapStep *step, const char *reason)
{
  IkeAuthTurn *turn = g_new0 (IkeAuthTurn, 1);

  turn->outcome = outcome;
  turn->is_theirs = talk->is_refused;
  if (step && step->packet)
    turn->body = take_packet (step);
  if (reason)
    turn->reason = says_who (talk, reason)
                       ? g_strdup (reason)
                       : g_strdup_printf ("eap-%s: %s", method_name (talk), reason);
  ike_call_answer (g_steal_pointer (&talk->call), turn);
}

/* What the method was content with is not good enough for us. */
static void
fail (Talk *talk, IkeEapStep *step, const char *reason)
{
  guint8 identifier = step->packet && step->len > 1 ? step->packet[1] : 0;

  g_clear_pointer (&step->packet, g_free);
  if (talk->server)
    step->packet = eap_packet_new (IKE_EAP_CODE_FAILURE, identifier, 0, NULL, &step->len);
  answer (talk, IKE_AUTH_TALK_FAILED, step, reason);
}

static void
turned (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Talk *talk = owner;
  IkeEapStep *step = result;
  Proof *proof = eap_proof (talk->eap, talk->sa);
  const char *fault;

  talk->turn = NULL;
  if (!step) {
    answer (talk, IKE_AUTH_TALK_FAILED, NULL, error);
    return;
  }
  /* Before a method was chosen there is nothing to judge. */
  fault = step->outcome == IKE_EAP_FAILED || (talk->peer && !eap_peer_method (talk->peer))
              ? NULL
              : fault_of (talk, proof, step);
  if (!fault && step->outcome == IKE_EAP_DONE && talk->server)
    fault = take_user (talk, step);
  if (fault)
    fail (talk, step, fault);
  else if (step->outcome == IKE_EAP_FAILED)
    answer (talk, IKE_AUTH_TALK_FAILED, step, step->reason ? step->reason : "failed");
  else {
    proof->is_done = step->outcome == IKE_EAP_DONE;
    if (proof->is_done)
      proof->msk = g_steal_pointer (&step->msk);
    answer (talk, proof->is_done ? IKE_AUTH_TALK_DONE : IKE_AUTH_TALK_MORE, step,
            proof->is_done ? NULL : step->reason);
  }
  ike_eap_step_free (step);
}

static const IkeCallClass turn_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "turn of EAP in IKE_AUTH",
  .timeout_ms = 85000,
  .then = turned,
  .undo = ike_eap_step_free,
};

void
eap_talk (gpointer data, IkeCall *call, const guint8 *body, gsize len)
{
  Talk *talk = data;

  talk->call = call;
  talk->is_refused = talk->peer && body && len > 0 && body[0] == IKE_EAP_CODE_FAILURE;
  talk->turn = ike_loop_call (talk->context.loop, &turn_call, talk, NULL);
  if (talk->server)
    eap_server_step (talk->server, talk->turn, body, len);
  else
    eap_peer_step (talk->peer, talk->turn, body, len);
}
