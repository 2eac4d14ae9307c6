/* SPDX-License-Identifier: Apache-2.0 */
/* skeleton.c - an EAP method of one round, both sides: `auth = eap-skeleton`.
 *
 * The server sends 16 random octets, the peer answers with HMAC-SHA-256 of them under its password
 * (secrets.eap-NAME).  It makes no key and proves the peer only, so the gateway authenticates
 * itself by other means, as RFC 7296, 2.16 asks.  Whoever runs a method answers EAP-Identity, sends
 * Success and Failure, and repeats packets: none is seen twice here. */
#include <ikebana/eap.h>
#include <ikebana/engine.h>
#include <ikebana/plugin.h>
#include <string.h>

/* RFC 3748, 6.2: type 255 is for experimental use. */
enum { TYPE_SKELETON = 255, PRF_HMAC_SHA256 = 5, CHALLENGE_LEN = 16, PROOF_LEN = 32, HEAD_LEN = 5 };

/* One for each engine; a plugin has no variables of its own. */
typedef struct {
  guint32 n_judged;
} Skeleton;

/* One for each conversation, on one loop. */
typedef struct {
  IkePlugin *plugin;
  const IkeEapContext *context;
  guint8 identifier;
  guint8 challenge[CHALLENGE_LEN];
  gboolean has_asked, is_over;
} Talk;

static gpointer
talk_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  Talk *talk;

  if (!context->identity) {
    *why = g_strdup ("eap-skeleton: nobody has said who the peer is");
    return NULL;
  }
  talk = g_new0 (Talk, 1);
  talk->plugin = self;
  talk->context = context;
  return talk;
}

static void
talk_end (gpointer state)
{
  g_free (state);
}

/* -- packets */

static IkeEapStep *
step_new (IkeEapOutcome outcome, const char *reason)
{
  IkeEapStep *step = g_new0 (IkeEapStep, 1);

  step->struct_size = sizeof *step;
  step->outcome = (guint8) outcome;
  step->reason = g_strdup (reason);
  return step;
}

static IkeEapStep *
step_packet (IkeEapOutcome outcome, guint8 code, guint8 identifier, const guint8 *body, gsize len)
{
  IkeEapStep *step = step_new (outcome, NULL);

  step->len = HEAD_LEN + len;
  step->packet = g_malloc0 (step->len);
  step->packet[0] = code;
  step->packet[1] = identifier;
  step->packet[3] = (guint8) step->len;
  step->packet[4] = TYPE_SKELETON;
  memcpy (step->packet + HEAD_LEN, body, len);
  return step;
}

/* The body of @packet, when it has exactly @want octets; NULL: it is malformed. */
static const guint8 *
body_of (const guint8 *packet, gsize len, guint8 code, guint8 *identifier, gsize want)
{
  IkeReader reader;
  gboolean is_ours;

  ike_reader_init (&reader, packet, len);
  is_ours = ike_reader_u8 (&reader) == code;
  *identifier = ike_reader_u8 (&reader);
  is_ours = is_ours && ike_reader_u16 (&reader) == HEAD_LEN + want && len == HEAD_LEN + want;
  is_ours = is_ours && ike_reader_u8 (&reader) == TYPE_SKELETON;
  return is_ours ? ike_reader_bytes (&reader, want) : NULL;
}

/* FALSE: there is no password, or no such PRF. */
static gboolean
prove (const Talk *talk, gboolean is_server, const guint8 *challenge, guint8 out[static PROOF_LEN])
{
  const IkeEapContext *context = talk->context;
  g_autoptr (IkeConfig) config = ike_engine_config (context->engine);
  const IkePrf *prf = ike_prf_find (context->engine, PRF_HMAC_SHA256);
  const IkeIdent *local = is_server ? NULL : context->identity;
  const IkeIdent *remote = is_server ? context->identity : context->other;
  g_autoptr (IkeSecretBlob) secret =
      config ? ike_config_find_secret (config, "eap", local, remote) : NULL;
  IkePart part = { challenge, CHALLENGE_LEN };

  return secret && prf
         && ike_prf_run (prf, ike_secret_blob_data (secret), ike_secret_blob_len (secret), &part, 1,
                         out);
}

/* -- the server's side */

static IkeEapStep *
judge (Talk *talk, const guint8 *packet, gsize len)
{
  guint8 expected[PROOF_LEN], identifier;
  const guint8 *proof = body_of (packet, len, IKE_EAP_CODE_RESPONSE, &identifier, PROOF_LEN);
  Skeleton *state = ike_plugin_state (talk->plugin);
  gboolean is_right;

  if (!talk->has_asked || talk->is_over || !proof || identifier != talk->identifier)
    return step_new (IKE_EAP_FAILED, "eap-skeleton: the peer's answer is malformed");
  talk->is_over = TRUE;
  ike_counter_add (talk->context->engine, state->n_judged, 1);
  is_right =
      prove (talk, TRUE, talk->challenge, expected) && ike_equal (expected, proof, PROOF_LEN);
  ike_wipe (expected, sizeof expected);
  return is_right ? step_new (IKE_EAP_DONE, NULL)
                  : step_new (IKE_EAP_FAILED, "eap-skeleton: the peer's password is not ours; see "
                                              "secrets.eap-NAME");
}

static void
server_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier)
{
  Talk *talk = state;

  if (packet) {
    ike_call_answer (call, judge (talk, packet, len));
    return;
  }
  talk->has_asked = TRUE;
  talk->identifier = identifier;
  ike_engine_random (talk->context->engine, talk->challenge, CHALLENGE_LEN);
  ike_call_answer (call, step_packet (IKE_EAP_MORE, IKE_EAP_CODE_REQUEST, identifier,
                                      talk->challenge, CHALLENGE_LEN));
}

/* -- the peer's side */

static void
peer_step (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 unused)
{
  Talk *talk = state;
  guint8 proof[PROOF_LEN], identifier;
  const guint8 *challenge = body_of (packet, len, IKE_EAP_CODE_REQUEST, &identifier, CHALLENGE_LEN);

  /* Whoever asks twice would guess with us. */
  if (!challenge || talk->is_over) {
    ike_call_answer (call, step_new (IKE_EAP_FAILED, "eap-skeleton: the request is malformed"));
    return;
  }
  talk->is_over = TRUE;
  if (!prove (talk, FALSE, challenge, proof))
    ike_call_answer (call, step_new (IKE_EAP_FAILED, "eap-skeleton: there is no password for us; "
                                                     "add secrets.eap-NAME with id and secret"));
  else
    ike_call_answer (
        call, step_packet (IKE_EAP_DONE, IKE_EAP_CODE_RESPONSE, identifier, proof, PROOF_LEN));
  ike_wipe (proof, sizeof proof);
}

/* -- the plugin */

static gboolean
skeleton_activate (IkePlugin *self, GError **error)
{
  Skeleton *state = g_new0 (Skeleton, 1);

  ike_plugin_set_state (self, state, g_free);
  state->n_judged = ike_counter (ike_plugin_engine (self), "skeleton.called");
  return TRUE;
}

static const IkeEapClass server_class = {
  .struct_size = sizeof server_class,
  .type = TYPE_SKELETON,
  .begin = talk_begin,
  .step = server_step,
  .end = talk_end,
};

static const IkeEapClass peer_class = {
  .struct_size = sizeof peer_class,
  .type = TYPE_SKELETON,
  .begin = talk_begin,
  .step = peer_step,
  .end = talk_end,
};

static const IkeFeature server_feature = {
  .struct_size = sizeof server_feature,
  .provides = "eap-server:skeleton",
  .ops = &server_class,
};

static const IkeFeature peer_feature = {
  .struct_size = sizeof peer_feature,
  .provides = "eap-peer:skeleton",
  .ops = &peer_class,
};

static const IkeFeature *const features[] = { &server_feature, &peer_feature, NULL };

IKE_PLUGIN (ike_plugin, "skeleton", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "EAP: one question, one answer", .features = features,
            .activate = skeleton_activate);
