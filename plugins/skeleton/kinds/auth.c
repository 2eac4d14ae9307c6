/* SPDX-License-Identifier: Apache-2.0 */
/* skeleton.c - a method of authentication that asks a service: `auth = skeleton`.
 *
 * Both ends know a secret (secrets.ike-NAME), and AUTH is prf (prf (secret, "skeleton"), octets),
 * as with the pre-shared keys of RFC 7296, 2.15, with a number for private use.  What a service
 * would be asked is asked on another loop, and answered from there: a method may take its time,
 * because sign and verify are calls.  To ask over the network start the request in ask_service(),
 * keep the call, and answer it when the response is there. */
#include <ikebana/auth.h>
#include <ikebana/engine.h>
#include <ikebana/plugin.h>
#include <string.h>

/* RFC 7296, 3.8: methods 201 to 255 are for private use. */
enum { METHOD_SKELETON = 201, PRF_MAX = 64 };

static const guint8 pad[] = "skeleton";

/* One for each engine; a plugin has no variables of its own. */
typedef struct {
  guint32 n_asked;
} Skeleton;

/* All that the service is told.  It belongs to nobody's SA: only the SA's shard may touch that. */
typedef struct {
  IkeCall *call;
  guint8 expected[PRF_MAX], value[PRF_MAX];
  gsize len, expected_len;
} Question;

static void
question_free (gpointer data)
{
  ike_wipe (data, sizeof (Question));
  g_free (data);
}

/* NULL when there is none for these ends. */
static IkeSecretBlob *
find_secret (IkeSa *sa)
{
  g_autoptr (IkeConfig) config = ike_engine_config (ike_sa_engine (sa));

  return config
             ? ike_config_find_secret (config, "ike", ike_sa_local_id (sa), ike_sa_remote_id (sa))
             : NULL;
}

/* What AUTH is, and how long; 0: it cannot be computed. */
static gsize
compute (IkeSa *sa, GBytes *octets, guint8 out[static PRF_MAX])
{
  const IkePrf *prf = ike_sa_prf (sa);
  g_autoptr (IkeSecretBlob) secret = find_secret (sa);
  IkePart first = { pad, sizeof pad - 1 }, all = { NULL, 0 };
  guint8 key[PRF_MAX];
  gsize len = prf ? ike_prf_class (prf)->out_len : 0;
  gboolean is_good;

  if (!secret || len == 0 || len > PRF_MAX)
    return 0;
  all.data = g_bytes_get_data (octets, &all.len);
  is_good =
      ike_prf_run (prf, ike_secret_blob_data (secret), ike_secret_blob_len (secret), &first, 1, key)
      && ike_prf_run (prf, key, len, &all, 1, out);
  ike_wipe (key, sizeof key);
  return is_good ? len : 0;
}

static const char no_secret[] =
    "there is no secret for these identities: add secrets.ike-NAME with id and secret";

static void
skeleton_sign (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, GBytes *octets)
{
  guint8 value[PRF_MAX];
  gsize len = compute (sa, octets, value);
  IkeAuthValue *answer;

  if (len == 0) {
    ike_call_fail (call, no_secret);
    return;
  }
  answer = g_malloc (sizeof *answer + len);
  answer->method = METHOD_SKELETON;
  answer->len = (guint32) len;
  memcpy (answer->data, value, len);
  ike_call_answer (call, answer);
}

/* Another loop.  Both lengths are compared first: a peer may send any. */
static void
ask_service (gpointer data)
{
  Question *question = data;
  gboolean is_right = question->len == question->expected_len
                      && ike_equal (question->expected, question->value, question->len);

  if (is_right)
    ike_call_answer (question->call, (gpointer) "skeleton");
  else
    ike_call_fail (question->call, "the service does not know this peer; is its secret ours?");
}

static void
skeleton_verify (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, guint8 method,
                 const guint8 *value, gsize len, GBytes *octets)
{
  Skeleton *state = ike_plugin_state (self);
  IkeEngine *engine = ike_plugin_engine (self);
  Question *question;

  if (method != METHOD_SKELETON || len > PRF_MAX) {
    ike_call_fail (call, "the peer did not authenticate as this connection asks: auth = skeleton");
    return;
  }
  question = g_new0 (Question, 1);
  question->call = call;
  question->len = len;
  memcpy (question->value, value, len);
  question->expected_len = compute (sa, octets, question->expected);
  if (question->expected_len == 0) {
    question_free (question);
    ike_call_fail (call, no_secret);
    return;
  }
  ike_counter_add (engine, state->n_asked, 1);
  ike_loop_post (ike_engine_io (engine), ask_service, question, question_free);
}

static gboolean
skeleton_activate (IkePlugin *self, GError **error)
{
  Skeleton *state = g_new0 (Skeleton, 1);

  ike_plugin_set_state (self, state, g_free);
  state->n_asked = ike_counter (ike_plugin_engine (self), "skeleton.called");
  return TRUE;
}

static const IkeAuthClass auth_class = {
  .struct_size = sizeof auth_class,
  .methods = { METHOD_SKELETON },
  .sign = skeleton_sign,
  .verify = skeleton_verify,
};

static const IkeFeature auth_feature = {
  .struct_size = sizeof auth_feature,
  .provides = "auth:skeleton",
  .ops = &auth_class,
};

static const IkeFeature *const features[] = { &auth_feature, NULL };

IKE_PLUGIN (ike_plugin, "skeleton", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "authentication that asks a service", .features = features,
            .activate = skeleton_activate);
