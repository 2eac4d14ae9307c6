/* SPDX-License-Identifier: Apache-2.0 */
/* http-authorizer.c - asks a service by HTTP whether a peer that is authenticated may come in.
 *
 * The service gets { "peer": identity, "address": where it is } and answers with { "allow": true }
 * or { "allow": false, "reason": … }, and, as it likes, "groups" and "pool".  It is asked on a loop
 * of our own, one peer after the other, so that a slow service holds nobody else up; what waits is
 * bounded, and who cannot be asked about does not come in. */
#include <curl/curl.h>
#include <ikebana/auth.h>
#include <ikebana/plugin.h>
#include <json-c/json.h>
#include <stdatomic.h>
#include <string.h>

enum { BODY_MAX = 4096, TIMEOUT_MS = 5000, GROUPS_MAX = 16, REASON_SIZE = 256 };

typedef struct {
  IkeLoop *loop;
  char *uri;
  guint64 waiting_max;
  atomic_uint n_waiting;
} Service;

typedef struct {
  Service *service;
  IkeCall *call; /* NULL: answered */
  char *body;
} Question;

/* Whatever happens to a question, its call is answered. */
static void
question_free (gpointer data)
{
  Question *question = data;

  if (question->call)
    ike_call_fail (question->call, "nobody was asked: the daemon ends");
  atomic_fetch_sub (&question->service->n_waiting, 1);
  g_free (question->body);
  g_free (question);
}

/* -- what the service says */

static char **
read_groups (struct json_object *list)
{
  GPtrArray *groups = g_ptr_array_new ();
  size_t n = json_object_is_type (list, json_type_array) ? json_object_array_length (list) : 0;

  for (size_t i = 0; i < MIN (n, GROUPS_MAX); i++)
    g_ptr_array_add (groups,
                     g_strdup (json_object_get_string (json_object_array_get_idx (list, i))));
  g_ptr_array_add (groups, NULL);
  return (char **) g_ptr_array_free (groups, FALSE);
}

/* NULL: it makes no sense. */
static IkeAuthorizerAnswer *
read_answer (const GString *body)
{
  struct json_object *root = json_tokener_parse (body->str), *allow, *more;
  IkeAuthorizerAnswer *answer = NULL;

  if (json_object_is_type (root, json_type_object)
      && json_object_object_get_ex (root, "allow", &allow)
      && json_object_is_type (allow, json_type_boolean)) {
    answer = g_new0 (IkeAuthorizerAnswer, 1);
    answer->struct_size = sizeof *answer;
    answer->is_allowed = json_object_get_boolean (allow);
    if (json_object_object_get_ex (root, "reason", &more))
      answer->reason = g_strndup (json_object_get_string (more), REASON_SIZE - 1);
    if (json_object_object_get_ex (root, "groups", &more))
      answer->groups = read_groups (more);
    if (json_object_object_get_ex (root, "pool", &more))
      answer->pool = g_strdup (json_object_get_string (more));
  }
  json_object_put (root);
  return answer;
}

/* -- asking, on our own loop */

static size_t
take_part (char *data, size_t size, size_t n, void *to)
{
  GString *body = to;

  if (body->len + size * n > BODY_MAX)
    return 0; /* curl gives up */
  g_string_append_len (body, data, (gssize) (size * n));
  return size * n;
}

static CURLcode
perform (CURL *curl, const Question *question, GString *body)
{
  struct curl_slist *headers = curl_slist_append (NULL, "Content-Type: application/json");
  CURLcode code;

  curl_easy_setopt (curl, CURLOPT_URL, question->service->uri);
  curl_easy_setopt (curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt (curl, CURLOPT_POSTFIELDS, question->body);
  curl_easy_setopt (curl, CURLOPT_TIMEOUT_MS, (long) TIMEOUT_MS);
  curl_easy_setopt (curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt (curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt (curl, CURLOPT_WRITEFUNCTION, take_part);
  curl_easy_setopt (curl, CURLOPT_WRITEDATA, body);
  code = curl_easy_perform (curl);
  curl_slist_free_all (headers);
  return code;
}

static void
ask (gpointer data)
{
  Question *question = data;
  IkeCall *call = g_steal_pointer (&question->call);
  g_autoptr (GString) body = g_string_new (NULL);
  CURL *curl = curl_easy_init ();
  CURLcode code = curl ? perform (curl, question, body) : CURLE_OUT_OF_MEMORY;
  IkeAuthorizerAnswer *answer = code == CURLE_OK ? read_answer (body) : NULL;
  char why[REASON_SIZE];

  if (curl)
    curl_easy_cleanup (curl);
  if (answer) {
    ike_call_answer (call, answer);
    return;
  }
  g_snprintf (why, sizeof why, "the service at %.100s cannot say whether the peer may come in: %s",
              question->service->uri,
              code == CURLE_OK ? "its answer is not JSON with \"allow\""
                               : curl_easy_strerror (code));
  ike_call_fail (call, why);
}

/* -- what the engine asks */

static char *
describe (IkeSa *sa)
{
  struct json_object *root = json_object_new_object ();
  char text[256] = "";
  char *body;

  if (ike_sa_user (sa))
    ike_ident_format (ike_sa_user (sa), text, sizeof text);
  json_object_object_add (root, "peer", json_object_new_string (text));
  ike_addr_format (ike_sa_remote (sa), FALSE, text);
  json_object_object_add (root, "address", json_object_new_string (text));
  body = g_strdup (json_object_to_json_string_ext (root, JSON_C_TO_STRING_PLAIN));
  json_object_put (root);
  return body;
}

/* Only gateways ask. */
static void
authorize (IkePlugin *self, IkeCall *call, IkeSa *sa)
{
  Service *service = ike_plugin_state (self);
  Question *question;
  IkeAuthorizerAnswer *yes;

  if (ike_sa_is_initiator (sa) || !*service->uri) {
    yes = g_new0 (IkeAuthorizerAnswer, 1);
    *yes = (IkeAuthorizerAnswer){ .struct_size = sizeof *yes, .is_allowed = TRUE };
    ike_call_answer (call, yes);
    return;
  }
  if (atomic_fetch_add (&service->n_waiting, 1) >= service->waiting_max) {
    atomic_fetch_sub (&service->n_waiting, 1);
    ike_call_fail (call, "too many peers wait for the service that says who may come in; see "
                         "plugins.http-authorizer.waiting");
    return;
  }
  question = g_new0 (Question, 1);
  *question = (Question){ service, call, describe (sa) };
  ike_loop_post (service->loop, ask, question, question_free);
}

/* -- the plugin */

static void
service_free (gpointer data)
{
  Service *service = data;

  g_free (service->uri);
  g_free (service);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  Service *service = g_new0 (Service, 1);

  ike_plugin_set_state (self, service, service_free);
  service->uri = g_strdup (ike_plugin_option (self, "uri"));
  service->waiting_max = ike_plugin_option_uint (self, "waiting");
  service->loop = ike_loop_new (self, "authorizer", error);
  return service->loop != NULL;
}

static void
deactivate (IkePlugin *self)
{
  Service *service = ike_plugin_state (self);

  ike_loop_free (service->loop);
}

static const IkeAuthorizerClass authorizer_class = { sizeof authorizer_class, authorize };
static const IkeFeature authorizer_feature = {
  .struct_size = sizeof authorizer_feature,
  .provides = "authorizer:http",
  .ops = &authorizer_class,
};
static const IkeFeature *const features[] = { &authorizer_feature, NULL };

static const IkeOptionInfo uri_option = {
  .struct_size = sizeof uri_option,
  .path = "plugin/uri",
  .type = "string",
  .fallback = "",
  .doc = "Where the service is. Empty: nobody is asked, and who is authenticated comes in.",
};
static const IkeOptionInfo waiting_option = {
  .struct_size = sizeof waiting_option,
  .path = "plugin/waiting",
  .type = "uint",
  .fallback = "64",
  .doc = "How many peers may wait for its answer; others are refused.",
};
static const IkeOptionInfo *const options[] = { &uri_option, &waiting_option, NULL };

IKE_PLUGIN (ike_plugin, "http-authorizer", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "asks a service by HTTP who may come in", .features = features,
            .options = options, .activate = activate, .deactivate = deactivate);
