/* SPDX-License-Identifier: Apache-2.0 */
/* test_fake_net.c - a plugin that pretends to be `fetch:http` and `service:credentials`; see
 * test_fakes.h. */
#include <string.h>
#include "test_fakes_private.h"

/* -- fetch */

typedef struct {
  FakeServer *server;
  IkeCall *call;
  IkeLoop *io;
  char *asked; /* of a POST */
  guint32 max_size;
} Answer;

static char *
response_to (const char *text, const char *asked)
{
  static const char *const keys[] = { "serial", "signer", "nonce" };
  g_autoptr (GString) full = g_string_new (text);

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++) {
    g_autofree char *given = fake_word (text, keys[i]), *as_asked = fake_word (asked, keys[i]);
    if (!given && as_asked)
      g_string_append_printf (full, " %s=%s", keys[i], as_asked);
  }
  return g_strdup (full->str);
}

static void
answer_now (gpointer data)
{
  Answer *answer = data;
  g_autofree char *text = NULL;

  if (!answer->server->text) {
    ike_call_fail (g_steal_pointer (&answer->call), "the server answers with HTTP status 404");
    return;
  }
  text = answer->asked ? response_to (answer->server->text, answer->asked)
                       : g_strdup (answer->server->text);
  if (strlen (text) > answer->max_size)
    ike_call_fail (g_steal_pointer (&answer->call), "the answer is too large");
  else
    ike_call_answer (g_steal_pointer (&answer->call), g_bytes_new (text, strlen (text)));
}

static void
answer_free (gpointer data)
{
  Answer *answer = data;

  if (answer->call)
    ike_call_fail (answer->call, "the daemon ends");
  g_free (answer->asked);
  g_free (answer);
}

static void
give_up (gpointer data)
{
  Answer *answer = data;

  answer->server->n_cancelled++;
  ike_call_fail (g_steal_pointer (&answer->call), "cancelled");
}

/* It must still be answered, later: the one who cancels is in the middle of it. */
static void
cancelled (gpointer data)
{
  Answer *answer = data;

  ike_loop_post (answer->io, give_up, answer, answer_free);
}

static void
fetch (IkePlugin *self, const IkeFetchRequest *request, IkeCall *call)
{
  FakeServer *server = g_hash_table_lookup (fake_bench->servers, request->uri);
  Answer *answer;

  g_assert_true (ike_loop_is_current (ike_engine_io (fake_bench->engine)));
  if (!server) {
    ike_call_fail (call, "there is no such server");
    return;
  }
  server->n_asked++;
  answer = g_new0 (Answer, 1);
  answer->server = server;
  answer->call = call;
  answer->io = ike_engine_io (fake_bench->engine);
  answer->max_size = request->max_size;
  if (request->body)
    answer->asked =
        g_strndup (g_bytes_get_data (request->body, NULL), g_bytes_get_size (request->body));
  if (server->delay_ms == FAKE_NEVER)
    ike_call_on_cancel (call, cancelled, answer);
  else
    ike_loop_timer_add (answer->io, (guint64) server->delay_ms, answer_now, answer, answer_free);
}

/* -- credentials: the bench is the snapshot */

static IkeCredentials *
get (IkePlugin *self)
{
  return (IkeCredentials *) fake_bench;
}

static void
unref (IkeCredentials *credentials)
{
}

static guint64
generation (const IkeCredentials *credentials)
{
  return fake_bench->generation;
}

static gboolean
authority (const IkeCredentials *credentials, const IkeCert *ca, IkeAuthority *out)
{
  static const char *const none[] = { NULL };
  const Bench *bench = fake_bench;

  /* Of the CA only: what the root issued is found in a file. */
  if ((!bench->authority_crls && !bench->authority_ocsp) || ca == bench->root)
    return FALSE;
  out->crl_uris = bench->authority_crls ? bench->authority_crls : none;
  out->ocsp_uris = bench->authority_ocsp ? bench->authority_ocsp : none;
  return TRUE;
}

/* They live as long as the bench. */
static IkeCrl *
crl (const IkeCredentials *credentials, guint i)
{
  GPtrArray *made = fake_bench->made;
  IkeCrl *one;

  if (i >= FAKE_LOCAL_MAX || !fake_bench->local[i])
    return NULL;
  one = fake_crl_new (fake_bench->local[i]);
  g_ptr_array_add (made, one);
  return one;
}

static const IkeFetchClass fetch_class = { sizeof fetch_class, fetch };
static const IkeCredentialsOps credentials_ops = {
  .struct_size = sizeof credentials_ops,
  .get = get,
  .unref = unref,
  .generation = generation,
  .authority = authority,
  .crl = crl,
};

static const IkeFeature fetch_feature = { .struct_size = sizeof (IkeFeature),
                                          .provides = "fetch:http",
                                          .ops = &fetch_class };
static const IkeFeature credentials_feature = { .struct_size = sizeof (IkeFeature),
                                                .provides = "service:credentials",
                                                .ops = &credentials_ops };
static const IkeFeature *const features[] = { &fetch_feature, &credentials_feature, NULL };

const IkePluginInfo fake_net_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "fake-net",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "pretends to have servers and files",
  .features = features,
};
