/* SPDX-License-Identifier: Apache-2.0 */
/* eap-otp.c - an EAP method: codes that change with the time, both sides.
 *
 * The server asks for a code, the peer answers with the one of this half minute.  A code is good
 * once: what somebody read over a shoulder opens nothing.  Nothing here waits, so each step is
 * answered at once; a method that asks somebody else keeps the call, and answers it later. */
#include "otp.h"
#include <ikebana/eap.h>
#include <ikebana/engine.h>
#include <ikebana/plugin.h>
#include <pthread.h>

/* RFC 3748, 5.5. */
enum { TYPE_OTP = 5, HEAD_LEN = 5, USED_MAX = 65536 };

static const char question[] = "Code";

/* One for each engine. */
typedef struct {
  guint drift;
  guint32 n_accepted;
  /* Conversations are on all shards, and what a user has used up holds on each: the lock is held
   * for one look-up. */
  pthread_mutex_t lock;
  GHashTable *used; /* text of a user → the last step that was taken, guint64 */
} Otp;

/* One for each conversation, on one loop. */
typedef struct {
  IkePlugin *plugin;
  const IkeEapContext *context;
  guint8 identifier;
  gboolean has_asked, is_over;
} Talk;

/* -- conversations */

static gpointer
talk_begin (IkePlugin *self, const IkeEapContext *context, char **why)
{
  Talk *talk;

  if (!context->identity) {
    *why = g_strdup ("eap-otp: nobody has said who the user is");
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
step_packet (IkeEapOutcome outcome, guint8 code, guint8 identifier, const char *text)
{
  IkeEapStep *step = step_new (outcome, NULL);
  gsize len = strlen (text);

  step->len = HEAD_LEN + len;
  step->packet = g_malloc0 (step->len);
  step->packet[0] = code;
  step->packet[1] = identifier;
  step->packet[3] = (guint8) step->len;
  step->packet[4] = TYPE_OTP;
  memcpy (step->packet + HEAD_LEN, text, len);
  return step;
}

/* What stands behind the head of @packet, up to its end; NULL: it is malformed. */
static const guint8 *
text_of (const guint8 *packet, gsize packet_len, guint8 code, guint8 *identifier, gsize *len)
{
  IkeReader reader;
  gboolean is_ours;

  ike_reader_init (&reader, packet, packet_len);
  is_ours = ike_reader_u8 (&reader) == code;
  *identifier = ike_reader_u8 (&reader);
  is_ours = ike_reader_u16 (&reader) == packet_len && is_ours;
  is_ours = ike_reader_u8 (&reader) == TYPE_OTP && is_ours;
  *len = ike_reader_left (&reader);
  return is_ours && *len ? ike_reader_bytes (&reader, *len) : NULL;
}

static guint64
step_now (const Talk *talk)
{
  return (guint64) (ike_engine_wall_us (talk->context->engine) / G_USEC_PER_SEC) / OTP_STEP_S;
}

static IkeSecretBlob *
secret_of (const Talk *talk, gboolean is_server)
{
  const IkeEapContext *context = talk->context;
  g_autoptr (IkeConfig) config = ike_engine_config (context->engine);
  const IkeIdent *local = is_server ? NULL : context->identity;
  const IkeIdent *remote = is_server ? context->identity : context->other;

  return config ? ike_config_find_secret (config, "eap", local, remote) : NULL;
}

/* -- the server's side */

/* FALSE: that code, or one that came after it, opened the door already, or too many users have. */
static gboolean
use_up (Otp *self, const Talk *talk, guint64 step)
{
  char name[4 * IKE_EAP_IDENTITY_MAX + 16];
  guint64 *last;
  gboolean is_new;

  ike_ident_format (talk->context->identity, name, sizeof name);
  pthread_mutex_lock (&self->lock);
  last = g_hash_table_lookup (self->used, name);
  is_new = last ? step > *last : g_hash_table_size (self->used) < USED_MAX;
  if (is_new)
    g_hash_table_replace (self->used, g_strdup (name), g_memdup2 (&step, sizeof step));
  pthread_mutex_unlock (&self->lock);
  return is_new;
}

/* Of which step @said is the code; FALSE: of none that may be now. */
static gboolean
find_step (const Talk *talk, IkeSecretBlob *secret, const guint8 *said, guint64 *step)
{
  const Otp *self = ike_plugin_state (talk->plugin);
  guint64 now = step_now (talk);
  char code[OTP_DIGITS + 1];

  for (*step = now - MIN (now, self->drift); *step <= now + self->drift; ++*step) {
    otp_code (ike_secret_blob_data (secret), ike_secret_blob_len (secret), *step, code);
    if (ike_equal (code, said, OTP_DIGITS))
      return TRUE;
  }
  return FALSE;
}

static IkeEapStep *
judge (Talk *talk, const guint8 *packet, gsize packet_len)
{
  Otp *self = ike_plugin_state (talk->plugin);
  guint8 identifier;
  gsize len;
  const guint8 *said = text_of (packet, packet_len, IKE_EAP_CODE_RESPONSE, &identifier, &len);
  g_autoptr (IkeSecretBlob) secret = NULL;
  guint64 step;

  if (!talk->has_asked || talk->is_over || !said || identifier != talk->identifier)
    return step_new (IKE_EAP_FAILED, "eap-otp: the user's answer is malformed");
  talk->is_over = TRUE;
  secret = secret_of (talk, TRUE);
  if (!secret)
    return step_new (IKE_EAP_FAILED, "eap-otp: the user has no secret here; add secrets.eap-NAME");
  if (len != OTP_DIGITS || !find_step (talk, secret, said, &step))
    return step_new (IKE_EAP_FAILED, "eap-otp: the code is not the one of this time; see the "
                                     "secret and the clocks");
  if (!use_up (self, talk, step))
    return step_new (IKE_EAP_FAILED, "eap-otp: the code was used already; wait for the next one");
  ike_counter_add (talk->context->engine, self->n_accepted, 1);
  return step_new (IKE_EAP_DONE, NULL);
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
  ike_call_answer (call, step_packet (IKE_EAP_MORE, IKE_EAP_CODE_REQUEST, identifier, question));
}

/* -- the peer's side */

static void
peer_step (gpointer state, IkeCall *call, const guint8 *packet, gsize packet_len, guint8 unused)
{
  Talk *talk = state;
  guint8 identifier;
  gsize len;
  g_autoptr (IkeSecretBlob) secret = secret_of (talk, FALSE);
  char code[OTP_DIGITS + 1];

  /* Whoever asks twice would collect codes. */
  if (talk->is_over || !text_of (packet, packet_len, IKE_EAP_CODE_REQUEST, &identifier, &len)) {
    ike_call_answer (call, step_new (IKE_EAP_FAILED, "eap-otp: the request is malformed"));
    return;
  }
  talk->is_over = TRUE;
  if (!secret) {
    ike_call_answer (call, step_new (IKE_EAP_FAILED, "eap-otp: there is no secret for us; add "
                                                     "secrets.eap-NAME with id and secret"));
    return;
  }
  otp_code (ike_secret_blob_data (secret), ike_secret_blob_len (secret), step_now (talk), code);
  ike_call_answer (call, step_packet (IKE_EAP_DONE, IKE_EAP_CODE_RESPONSE, identifier, code));
  ike_wipe (code, sizeof code);
}

/* -- the plugin */

static void
otp_free (gpointer data)
{
  Otp *self = data;

  g_hash_table_unref (self->used);
  pthread_mutex_destroy (&self->lock);
  g_free (self);
}

static gboolean
otp_activate (IkePlugin *plugin, GError **error)
{
  Otp *self = g_new0 (Otp, 1);

  pthread_mutex_init (&self->lock, NULL);
  self->used = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->drift = (guint) MIN (ike_plugin_option_uint (plugin, "drift"), 10);
  self->n_accepted = ike_counter (ike_plugin_engine (plugin), "eap-otp.accepted");
  ike_plugin_set_state (plugin, self, otp_free);
  return TRUE;
}

static const IkeEapClass server_class = { .struct_size = sizeof server_class,
                                          .type = TYPE_OTP,
                                          .begin = talk_begin,
                                          .step = server_step,
                                          .end = talk_end };
static const IkeEapClass peer_class = { .struct_size = sizeof peer_class,
                                        .type = TYPE_OTP,
                                        .begin = talk_begin,
                                        .step = peer_step,
                                        .end = talk_end };
static const IkeFeature server_feature = { .struct_size = sizeof server_feature,
                                           .provides = "eap-server:otp",
                                           .ops = &server_class };
static const IkeFeature peer_feature = { .struct_size = sizeof peer_feature,
                                         .provides = "eap-peer:otp",
                                         .ops = &peer_class };
static const IkeFeature *const features[] = { &server_feature, &peer_feature, NULL };

static const IkeOptionInfo drift = { .struct_size = sizeof drift,
                                     .path = "plugin/drift",
                                     .type = "uint",
                                     .fallback = "1",
                                     .doc = "By how many steps of 30 seconds a generator's clock "
                                            "may be wrong; 10 at most." };
static const IkeOptionInfo *const options[] = { &drift, NULL };

IKE_PLUGIN (ike_plugin, "eap-otp", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "EAP: codes that change with the time", .features = features,
            .options = options, .activate = otp_activate);
