/* SPDX-License-Identifier: Apache-2.0 */
/* test_service.c - a RADIUS client without servers. */
#include "test_service.h"

void (*test_service_heard) (TestAsked *asked);
guint test_service_n_servers = 1;

static GPtrArray *history; /* TestAsked */
static IkePlugin *handler;
static IkeRadiusDynamicFunc received;

static void
asked_free (gpointer data)
{
  TestAsked *asked = data;

  g_free (asked->group);
  g_free (asked->attributes);
  g_free (asked);
}

void
test_service_reset (void)
{
  g_clear_pointer (&history, g_ptr_array_unref);
  history = g_ptr_array_new_with_free_func (asked_free);
  test_service_heard = NULL;
  test_service_n_servers = 1;
}

guint
test_service_n (void)
{
  return history->len;
}

void
test_service_forget (void)
{
  for (guint i = history->len; i-- > 0;)
    if (!((TestAsked *) history->pdata[i])->call)
      g_ptr_array_remove_index (history, i);
}

TestAsked *
test_service_asked (guint i)
{
  g_assert_cmpuint (i, <, history->len);
  return history->pdata[i];
}

TestAsked *
test_service_open (void)
{
  for (guint i = history->len; i-- > 0;)
    if (((TestAsked *) history->pdata[i])->call)
      return history->pdata[i];
  g_assert_not_reached ();
}

static void
answer (TestAsked *asked, IkeRadiusReply *reply)
{
  reply->struct_size = sizeof *reply;
  reply->server = asked->server ? asked->server : 7;
  g_strlcpy (reply->server_name, "first", sizeof reply->server_name);
  ike_call_answer (g_steal_pointer (&asked->call), reply);
}

void
test_service_answer (TestAsked *asked, guint8 code, const guint8 *attributes, gsize len)
{
  IkeRadiusReply *reply = g_new0 (IkeRadiusReply, 1);

  reply->code = code;
  reply->attributes = g_memdup2 (attributes, len);
  reply->len = len;
  answer (asked, reply);
}

static IkeSecretBlob *
key (guint8 first, guint len)
{
  IkeSecretBlob *blob = len ? ike_secret_blob_new (NULL, len) : NULL;

  for (guint i = 0; i < len; i++)
    ike_secret_blob_data (blob)[i] = (guint8) (first + i);
  return blob;
}

void
test_service_accept (TestAsked *asked, const guint8 *attributes, gsize len, guint key_len)
{
  IkeRadiusReply *reply = g_new0 (IkeRadiusReply, 1);

  reply->code = IKE_RADIUS_ACCESS_ACCEPT;
  reply->attributes = g_memdup2 (attributes, len);
  reply->len = len;
  reply->mppe_recv = key (1, key_len);
  reply->mppe_send = key (101, key_len);
  answer (asked, reply);
}

void
test_service_fail (TestAsked *asked, const char *reason)
{
  ike_call_fail (g_steal_pointer (&asked->call), reason);
}

gboolean
test_service_has (const TestAsked *asked, guint8 type, const void *value, gsize len)
{
  IkeRadiusAttribute attribute;
  IkeRadiusIter iter;
  guint n = 0;
  gboolean is_equal = FALSE;

  ike_radius_iter_init (&iter, asked->attributes, asked->len);
  while (ike_radius_next (&iter, &attribute))
    if (attribute.vendor == 0 && attribute.type == type) {
      n++;
      is_equal = attribute.len == len && !memcmp (attribute.value, value, len);
    }
  g_assert_true (ike_radius_iter_is_done (&iter));
  return n == 1 && is_equal;
}

gboolean
test_service_has_text (const TestAsked *asked, guint8 type, const char *text)
{
  return test_service_has (asked, type, text, strlen (text));
}

guint32
test_service_u32 (const TestAsked *asked, guint8 type)
{
  IkeRadiusAttribute found;
  guint32 value = G_MAXUINT32;

  if (ike_radius_find (asked->attributes, asked->len, 0, type, &found))
    g_assert_true (ike_radius_get_u32 (&found, &value));
  return value;
}

/* -- the service */

static void
cancelled (gpointer worker)
{
  ((TestAsked *) worker)->is_cancelled = TRUE;
}

static void
request (IkePlugin *self, const IkeRadiusRequest *what, IkeCall *call)
{
  TestAsked *asked = g_new0 (TestAsked, 1);

  g_assert_cmpuint (what->len, <=, IKE_RADIUS_ATTRIBUTES_MAX);
  *asked = (TestAsked){ .code = what->code,
                        .server = what->server,
                        .group = g_strdup (what->group),
                        .attributes = g_memdup2 (what->attributes, what->len),
                        .len = what->len,
                        .call = call,
                        .at_us = ike_engine_now_us (ike_plugin_engine (self)) };
  g_ptr_array_add (history, asked);
  ike_call_on_cancel (call, cancelled, asked);
  if (test_service_heard)
    test_service_heard (asked);
}

static guint
servers (IkePlugin *self, const char *group, guint32 *numbers, guint max)
{
  if (group && strcmp (group, "staff") != 0)
    return 0;
  for (guint i = 0; i < MIN (test_service_n_servers, max); i++)
    numbers[i] = i + 7;
  return test_service_n_servers;
}

static void
set_handler (IkePlugin *self, IkePlugin *who, IkeRadiusDynamicFunc func)
{
  handler = who;
  received = func;
}

typedef struct {
  IkeRadiusDynamic request;
  guint8 *attributes;
  TestDynamic *answer;
} Incoming;

static void
incoming_free (gpointer data)
{
  g_free (((Incoming *) data)->attributes);
  g_free (data);
}

static void
answered (gpointer owner, gpointer data, gpointer result, const char *error)
{
  const Incoming *incoming = data;
  IkeRadiusDynamicAnswer *said = result;

  g_assert_null (error);
  *incoming->answer = (TestDynamic){ TRUE, said->is_done, said->error_cause, (guint8) said->len };
  ike_radius_dynamic_answer_free (said);
}

static const IkeCallClass dynamic_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "test DAE request",
  .timeout_ms = 10000,
  .then = answered,
  .undo = ike_radius_dynamic_answer_free,
  .free_data = incoming_free,
};

static void
receive (gpointer data)
{
  Incoming *incoming = data;

  received (handler, &incoming->request,
            ike_loop_call (ike_loop_current (), &dynamic_call, NULL, incoming));
}

void
test_service_dynamic (IkeEngine *engine, guint8 code, const guint8 *attributes, gsize len,
                      TestDynamic *to)
{
  Incoming *incoming = g_new0 (Incoming, 1);

  memset (to, 0, sizeof *to);
  incoming->attributes = g_memdup2 (attributes, len);
  incoming->answer = to;
  incoming->request = (IkeRadiusDynamic){ .struct_size = sizeof (IkeRadiusDynamic),
                                          .code = code,
                                          .client = "desk",
                                          .attributes = incoming->attributes,
                                          .len = len };
  ike_loop_post (ike_engine_io (engine), receive, incoming, NULL);
}

/* Every call is answered, also when nobody listens any more. */
static void
deactivate (IkePlugin *self)
{
  for (guint i = 0; i < history->len; i++)
    if (test_service_asked (i)->call)
      test_service_fail (test_service_asked (i), "the test is over");
}

static const IkeRadiusOps ops = { sizeof ops, request, servers, set_handler };
static const IkeFeature feature = { .struct_size = sizeof (IkeFeature),
                                    .provides = "service:radius",
                                    .ops = &ops };
static const IkeFeature *const features[] = { &feature, NULL };

static const IkeFeatureKind eap_kind = { sizeof (IkeFeatureKind), "eap-server",        1, 0,
                                         sizeof (IkeEapClass),    sizeof (IkeEapClass) };
static const IkeFeatureKind *const kinds[] = { &eap_kind, NULL };

const IkePluginInfo test_service_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .name = "test-service",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "a RADIUS client without servers",
  .features = features,
  .kinds = kinds,
  .deactivate = deactivate,
};
