/* SPDX-License-Identifier: Apache-2.0 */
/* web.c - see web.h. */
#include "exchange/web.h"
#include <ikebana/fetch.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { HUGE_SIZE = 100 << 20 };

guint32 web_delay_ms = 2000;
const char *web_revoked;

typedef struct {
  GPtrArray *asked; /* URIs */
} Web;

typedef struct {
  IkeEngine *engine;
  IkeCall *call;
  char *uri;
  GBytes *body;
  guint32 max_size, delay_ms;
} Answer;

/* -- OCSP */

static gpointer
read_pem (const char *name, gboolean is_key)
{
  g_autofree char *path = certs_path ("%s.%s", name, is_key ? "key" : "pem");
  BIO *bio = BIO_new_file (path, "r");
  gpointer found = !bio     ? NULL
                   : is_key ? (gpointer) PEM_read_bio_PrivateKey (bio, NULL, NULL, NULL)
                            : (gpointer) PEM_read_bio_X509 (bio, NULL, NULL, NULL);

  BIO_free (bio);
  g_assert_nonnull (found);
  return found;
}

/* Is it the serial number of a certificate of one of @names? */
static gboolean
is_listed (const char *names, const ASN1_INTEGER *serial)
{
  g_auto (GStrv) list = g_strsplit (names ? names : "", " ", -1);
  gboolean is_found = FALSE;

  for (guint i = 0; list[i] && *list[i]; i++) {
    X509 *cert = read_pem (list[i], FALSE);
    is_found = is_found || ASN1_INTEGER_cmp (X509_get0_serialNumber (cert), serial) == 0;
    X509_free (cert);
  }
  return is_found;
}

static void
add_status (OCSP_BASICRESP *basic, OCSP_CERTID *id, gint64 now)
{
  ASN1_INTEGER *serial = NULL;
  ASN1_TIME *this_update = ASN1_TIME_set (NULL, now - 60), *next = ASN1_TIME_set (NULL, now + 3600);
  gboolean is_revoked;

  OCSP_id_get0_info (NULL, NULL, NULL, &serial, id);
  is_revoked = is_listed (web_revoked, serial);
  g_assert_nonnull (OCSP_basic_add1_status (
      basic, id, is_revoked ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_GOOD,
      is_revoked ? OCSP_REVOKED_STATUS_KEYCOMPROMISE : 0, is_revoked ? this_update : NULL,
      this_update, next));
  ASN1_TIME_free (this_update);
  ASN1_TIME_free (next);
}

static GBytes *
respond (const char *ca, GBytes *request, gint64 now)
{
  gsize len;
  const guint8 *at = g_bytes_get_data (request, &len);
  OCSP_REQUEST *asked = d2i_OCSP_REQUEST (NULL, &at, (long) len);
  OCSP_BASICRESP *basic = OCSP_BASICRESP_new ();
  X509 *issuer = read_pem (ca, FALSE);
  EVP_PKEY *key = read_pem (ca, TRUE);
  OCSP_RESPONSE *response;
  guint8 *der = NULL;
  int der_len;
  GBytes *bytes;

  g_assert_nonnull (asked);
  for (int i = 0; i < OCSP_request_onereq_count (asked); i++)
    add_status (basic, OCSP_onereq_get0_id (OCSP_request_onereq_get0 (asked, i)), now);
  OCSP_copy_nonce (basic, asked);
  g_assert_cmpint (
      OCSP_basic_sign (basic, issuer, key, EVP_sha256 (), NULL, OCSP_NOCERTS | OCSP_NOTIME), ==, 1);
  response = OCSP_response_create (OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  der_len = i2d_OCSP_RESPONSE (response, &der);
  bytes = g_bytes_new (der, (gsize) der_len);
  OPENSSL_free (der);
  OCSP_RESPONSE_free (response);
  OCSP_BASICRESP_free (basic);
  OCSP_REQUEST_free (asked);
  X509_free (issuer);
  EVP_PKEY_free (key);
  return bytes;
}

/* -- many certificates, faster than by a program for each */

static void
add_extension (X509 *cert, int nid, const char *value)
{
  X509_EXTENSION *extension = X509V3_EXT_conf_nid (NULL, NULL, nid, value);

  g_assert_true (extension && X509_add_ext (cert, extension, -1));
  X509_EXTENSION_free (extension);
}

static void
issue_one (X509 *ca, EVP_PKEY *ca_key, EVP_PKEY *key, guint i)
{
  g_autofree char *name = g_strdup_printf ("p%u", i), *san = g_strdup_printf ("DNS:p%u.test", i);
  g_autofree char *path = certs_path ("%s.pem", name);
  X509 *cert = X509_new ();
  FILE *file = fopen (path, "w");

  X509_set_version (cert, 2);
  ASN1_INTEGER_set (X509_get_serialNumber (cert), 1000 + (long) i);
  X509_set_issuer_name (cert, X509_get_subject_name (ca));
  X509_NAME_add_entry_by_txt (X509_get_subject_name (cert), "CN", MBSTRING_UTF8,
                              (const guint8 *) name, -1, -1, 0);
  ASN1_TIME_set_string (X509_getm_notBefore (cert), "250601000000Z");
  ASN1_TIME_set_string (X509_getm_notAfter (cert), "270601000000Z");
  X509_set_pubkey (cert, key);
  add_extension (cert, NID_subject_alt_name, san);
  add_extension (cert, NID_info_access, "OCSP;URI:http://ocsp.test/root");
  g_assert_cmpint (X509_sign (cert, ca_key, EVP_sha256 ()), >, 0);
  g_assert_true (file && PEM_write_X509 (file, cert) == 1);
  fclose (file);
  X509_free (cert);
}

void
web_issue (const char *key, guint n)
{
  X509 *ca = read_pem ("root", FALSE);
  EVP_PKEY *ca_key = read_pem ("root", TRUE), *peer_key = read_pem (key, TRUE);

  for (guint i = 0; i < n; i++)
    issue_one (ca, ca_key, peer_key, i);
  X509_free (ca);
  EVP_PKEY_free (ca_key);
  EVP_PKEY_free (peer_key);
}

/* -- fetching */

static GBytes *
content (const Answer *answer)
{
  const char *name = strrchr (answer->uri, '/') + 1;
  g_autofree char *path = NULL;
  char *text;
  gsize len;

  if (g_str_has_prefix (answer->uri, "http://huge.test/"))
    return g_bytes_new_take (g_malloc0 (HUGE_SIZE), HUGE_SIZE);
  if (g_str_has_prefix (answer->uri, "http://ocsp.test/"))
    return answer->body
               ? respond (name, answer->body, ike_engine_wall_us (answer->engine) / G_USEC_PER_SEC)
               : NULL;
  path = certs_path ("%s", name);
  return g_file_get_contents (path, &text, &len, NULL) ? g_bytes_new_take (text, len) : NULL;
}

static void
answer_now (gpointer data)
{
  Answer *answer = data;
  g_autoptr (GBytes) bytes = content (answer);
  IkeCall *call = g_steal_pointer (&answer->call);

  if (!bytes)
    ike_call_fail (call, "the server has no such file");
  else if (g_bytes_get_size (bytes) > answer->max_size)
    ike_call_fail (call, "the answer is too large");
  else
    ike_call_answer (call, g_steal_pointer (&bytes));
}

static void
answer_free (gpointer data)
{
  Answer *answer = data;

  if (answer->call)
    ike_call_fail (answer->call, "the engine ends");
  g_clear_pointer (&answer->body, g_bytes_unref);
  g_free (answer->uri);
  g_free (answer);
}

static void
start (gpointer data)
{
  Answer *answer = data;

  ike_loop_timer_add (ike_engine_io (answer->engine), answer->delay_ms, answer_now, answer,
                      answer_free);
}

static void
web_fetch (IkePlugin *self, const IkeFetchRequest *request, IkeCall *call)
{
  Web *web = ike_plugin_state (self);
  Answer *answer = g_new0 (Answer, 1);

  g_ptr_array_add (web->asked, g_strdup (request->uri));
  answer->engine = ike_plugin_engine (self);
  answer->call = call;
  answer->uri = g_strdup (request->uri);
  answer->body = request->body ? g_bytes_ref (request->body) : NULL;
  answer->max_size = request->max_size;
  answer->delay_ms = g_str_has_prefix (request->uri, "http://never.test/")   ? 86400 * 1000
                     : g_str_has_prefix (request->uri, "http://files.test/") ? 1
                                                                             : web_delay_ms;
  ike_loop_post (ike_engine_io (answer->engine), start, answer, NULL);
}

guint
web_asked (PairEnd *end, const char *prefix)
{
  const IkeProvided *provided = ike_feature_find (end->engine, "fetch:http", NULL);
  const Web *web = ike_plugin_state (provided->plugin);
  guint n = 0;

  for (guint i = 0; i < web->asked->len; i++)
    n += g_str_has_prefix (web->asked->pdata[i], prefix);
  return n;
}

static void
web_free (gpointer data)
{
  Web *web = data;

  g_ptr_array_unref (web->asked);
  g_free (web);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  Web *web = g_new0 (Web, 1);

  web->asked = g_ptr_array_new_with_free_func (g_free);
  ike_plugin_set_state (self, web, web_free);
  return TRUE;
}

static const IkeFetchClass fetch_class = { sizeof fetch_class, web_fetch };
static const IkeFeature fetch_feature = { .struct_size = sizeof (IkeFeature),
                                          .provides = "fetch:http",
                                          .ops = &fetch_class };
static const IkeFeature *const features[] = { &fetch_feature, NULL };

const IkePluginInfo web_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "web",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "servers for tests",
  .features = features,
  .activate = activate,
};
