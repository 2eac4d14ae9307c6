/* SPDX-License-Identifier: Apache-2.0 */
/* test_fake_pki.c - a plugin that pretends to be `service:pki`; see test_fakes.h. */
#include <string.h>
#include <ikebana/error.h>
#include "test_fakes_private.h"

gint fake_n_objects;

struct _IkeCert {
  gint references;
  IkeCertInfo info;
  char *subject, *issuer, *uris[4];
  guint8 serial;
};

struct _IkeCrl {
  gint references;
  IkeCrlInfo info;
  GBytes *der;
  char *text, *signer;
  char **fresh;
  guint8 number, base;
};

/* -- words */

char *
fake_word (const char *text, const char *key)
{
  g_auto (GStrv) words = g_strsplit_set (text, " \n", -1);

  for (guint i = 0; words[i]; i++)
    if (g_str_has_prefix (words[i], key) && words[i][strlen (key)] == '=')
      return g_strdup (words[i] + strlen (key) + 1);
  return NULL;
}

gint64
fake_time (const char *text, const char *key, gint64 missing)
{
  g_autofree char *value = fake_word (text, key);
  gint64 start_s =
      (ike_engine_wall_us (fake_bench->engine) - ike_engine_now_us (fake_bench->engine))
      / G_USEC_PER_SEC;

  return value ? start_s + g_ascii_strtoll (value, NULL, 10) : missing;
}

static IkeIdent *
name_of (const char *name)
{
  g_autofree char *text = g_strconcat ("CN=", name, NULL);
  IkeIdent *ident = ike_ident_parse (text, NULL);

  g_assert_nonnull (ident);
  return ident;
}

/* -- certificates */

IkeCert *
fake_cert_new (const char *subject, const char *issuer, guint serial, const char *ocsp_uri,
               const char *crl_uri)
{
  IkeCert *cert = g_new0 (IkeCert, 1);
  g_autofree char *all = g_strdup_printf ("%s %s %u", subject, issuer, serial);
  g_autoptr (GChecksum) hash = g_checksum_new (G_CHECKSUM_SHA256);
  gsize len = sizeof cert->info.sha256;

  cert->references = 1;
  cert->subject = g_strdup (subject);
  cert->issuer = g_strdup (issuer);
  cert->serial = (guint8) serial;
  cert->uris[0] = g_strdup (ocsp_uri);
  cert->uris[2] = g_strdup (crl_uri);
  cert->info = (IkeCertInfo){
    .struct_size = sizeof cert->info,
    .flags = strcmp (subject, "leaf") == 0 ? 0 : IKE_CERT_IS_CA,
    .subject = name_of (subject),
    .issuer = name_of (issuer),
    .serial = { &cert->serial, 1 },
    .ocsp_uris = (const char *const *) &cert->uris[0],
    .crl_uris = (const char *const *) &cert->uris[2],
  };
  g_checksum_update (hash, (const guint8 *) all, -1);
  g_checksum_get_digest (hash, cert->info.sha256, &len);
  g_atomic_int_inc (&fake_n_objects);
  return cert;
}

static IkeCert *
cert_ref (const IkeCert *cert)
{
  g_atomic_int_inc (&((IkeCert *) cert)->references);
  return (IkeCert *) cert;
}

void
fake_cert_unref (IkeCert *cert)
{
  if (!cert || !g_atomic_int_dec_and_test (&cert->references))
    return;
  ike_ident_unref ((IkeIdent *) cert->info.subject);
  ike_ident_unref ((IkeIdent *) cert->info.issuer);
  for (guint i = 0; i < G_N_ELEMENTS (cert->uris); i++)
    g_free (cert->uris[i]);
  g_free (cert->subject);
  g_free (cert->issuer);
  g_free (cert);
  g_atomic_int_add (&fake_n_objects, -1);
}

static const IkeCertInfo *
cert_info (const IkeCert *cert)
{
  return &cert->info;
}

/* -- CRLs */

IkeCrl *
fake_crl_new (const char *text)
{
  IkeCrl *crl = g_new0 (IkeCrl, 1);
  g_autofree char *issuer = fake_word (text, "issuer"), *number = fake_word (text, "number");
  g_autofree char *base = fake_word (text, "base"), *fresh = fake_word (text, "fresh");
  g_autofree char *entries = fake_word (text, "entries");

  crl->references = 1;
  crl->text = g_strdup (text);
  crl->signer = fake_word (text, "signer");
  if (!crl->signer)
    crl->signer = g_strdup (issuer);
  crl->der = g_bytes_new (text, strlen (text));
  crl->fresh = g_strsplit (fresh ? fresh : "", ",", -1);
  crl->number = (guint8) (number ? atoi (number) : 0);
  crl->base = (guint8) (base ? atoi (base) : 0);
  crl->info = (IkeCrlInfo){
    .struct_size = sizeof crl->info,
    .issuer = name_of (issuer),
    .number = { number ? &crl->number : NULL, number ? 1 : 0 },
    .base = { base ? &crl->base : NULL, base ? 1 : 0 },
    .this_update = fake_time (text, "this", 0),
    .next_update = fake_time (text, "next", 0),
    .n = entries ? (gsize) atoi (entries) : 0,
    .freshest_uris = (const char *const *) crl->fresh,
  };
  g_atomic_int_inc (&fake_n_objects);
  return crl;
}

static void
note_work (gsize len)
{
  if (len > 64 * 1024 && ike_loop_current () == ike_engine_io (fake_bench->engine))
    fake_bench->n_stalls++;
}

static IkeCrl *
crl_parse (IkePlugin *self, GBytes *data, GError **error)
{
  g_autofree char *text = g_strndup (g_bytes_get_data (data, NULL), g_bytes_get_size (data));
  g_autofree char *issuer = fake_word (text, "issuer");

  fake_bench->n_parsed++;
  note_work (g_bytes_get_size (data));
  if (g_str_has_prefix (text, "CRL ") && issuer)
    return fake_crl_new (text);
  g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "this is no CRL");
  return NULL;
}

static IkeCrl *
crl_ref (const IkeCrl *crl)
{
  g_atomic_int_inc (&((IkeCrl *) crl)->references);
  return (IkeCrl *) crl;
}

void
fake_crl_unref (IkeCrl *crl)
{
  if (!crl || !g_atomic_int_dec_and_test (&crl->references))
    return;
  ike_ident_unref ((IkeIdent *) crl->info.issuer);
  g_strfreev (crl->fresh);
  g_bytes_unref (crl->der);
  g_free (crl->text);
  g_free (crl->signer);
  g_free (crl);
  g_atomic_int_add (&fake_n_objects, -1);
}

static GBytes *
crl_der (const IkeCrl *crl)
{
  return crl->der;
}

static const IkeCrlInfo *
crl_info (const IkeCrl *crl)
{
  return &crl->info;
}

static gboolean
crl_is_by (const IkeCrl *crl, const IkeCert *issuer, const IkeCert *cert)
{
  g_autofree char *ca = fake_word (crl->text, "ca");

  fake_bench->n_verified++;
  note_work (strlen (crl->text));
  if (strcmp (crl->signer, issuer->subject) != 0
      || !ike_ident_equal (crl->info.issuer, issuer->info.subject))
    return FALSE;
  return !cert || !ca || (cert->info.flags & IKE_CERT_IS_CA) != 0;
}

static void
crl_find (const IkeCrl *crl, const IkeCert *cert, IkeRevocation *out)
{
  g_autofree char *all = fake_word (crl->text, "revoked");
  g_auto (GStrv) entries = g_strsplit (all ? all : "", ",", -1);

  memset (out, 0, sizeof *out);
  out->struct_size = sizeof *out;
  for (guint i = 0; entries[i]; i++) {
    g_auto (GStrv) parts = g_strsplit (entries[i], ":", 2);
    if (!parts[0] || atoi (parts[0]) != cert->serial)
      continue;
    out->reason = (guint8) (parts[1] ? atoi (parts[1]) : 0);
    out->revoked = out->reason == 8 ? IKE_REVOKED_REMOVED : IKE_REVOKED_YES;
    out->revoked_at = crl->info.this_update;
  }
}

/* -- OCSP */

static GBytes *
ocsp_request (IkePlugin *self, const IkeCert *cert, const IkeCert *issuer, const guint8 *nonce,
              gsize nonce_len, GError **error)
{
  GString *text = g_string_new (NULL);

  g_string_printf (text, "ASK serial=%u signer=%s nonce=", cert->serial, issuer->subject);
  for (gsize i = 0; i < nonce_len; i++)
    g_string_append_printf (text, "%02x", nonce[i]);
  if (!nonce)
    g_string_append (text, "none");
  return g_string_free_to_bytes (text);
}

static gboolean
is_nonce (const char *text, const guint8 *nonce, gsize len)
{
  g_autoptr (GString) expected = g_string_new (NULL);

  for (gsize i = 0; i < len; i++)
    g_string_append_printf (expected, "%02x", nonce[i]);
  return strcmp (text, expected->str) == 0;
}

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CRYPTO, why);
  return FALSE;
}

static gboolean
ocsp_read (IkePlugin *self, const guint8 *data, gsize len, const IkeCert *cert,
           const IkeCert *issuer, const guint8 *nonce, gsize nonce_len, gint64 now,
           IkeRevocation *out, GError **error)
{
  g_autofree char *text = g_strndup ((const char *) data, len);
  g_autofree char *status = fake_word (text, "status"), *serial = fake_word (text, "serial");
  g_autofree char *signer = fake_word (text, "signer"), *has_nonce = fake_word (text, "nonce");
  g_autofree char *reason = fake_word (text, "reason");

  if (!g_str_has_prefix (text, "OCSP ") || !status)
    return refuse (error, "this is no OCSP response");
  if (!signer || strcmp (signer, issuer->subject) != 0)
    return refuse (error, "the response is not by the issuer");
  if (!serial || atoi (serial) != cert->serial)
    return refuse (error, "the response is about another certificate");
  if (has_nonce && strcmp (has_nonce, "none") != 0 && !is_nonce (has_nonce, nonce, nonce_len))
    return refuse (error, "the response has another nonce");
  out->this_update = fake_time (text, "this", now);
  out->next_update = fake_time (text, "next", 0);
  if (out->this_update > now || (out->next_update && out->next_update <= now))
    return refuse (error, "the response is not in its time");
  out->has_nonce = nonce && has_nonce && strcmp (has_nonce, "none") != 0;
  out->revoked = strcmp (status, "good") == 0      ? IKE_REVOKED_NOT
                 : strcmp (status, "revoked") == 0 ? IKE_REVOKED_YES
                                                   : IKE_REVOKED_UNKNOWN;
  out->reason = (guint8) (reason ? atoi (reason) : 0);
  out->revoked_at = out->this_update;
  return TRUE;
}

static const IkePkiOps ops = {
  .struct_size = sizeof ops,
  .cert_ref = cert_ref,
  .cert_unref = fake_cert_unref,
  .cert_info = cert_info,
  .crl_parse = crl_parse,
  .crl_ref = crl_ref,
  .crl_unref = fake_crl_unref,
  .crl_der = crl_der,
  .crl_info = crl_info,
  .crl_is_by = crl_is_by,
  .crl_find = crl_find,
  .ocsp_request = ocsp_request,
  .ocsp_read = ocsp_read,
};

static const IkeFeature pki_feature = { .struct_size = sizeof (IkeFeature),
                                        .provides = "service:pki",
                                        .ops = &ops };
static const IkeFeature *const features[] = { &pki_feature, NULL };

const IkePluginInfo fake_pki_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "fake-pki",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "pretends to know certificates",
  .features = features,
};
