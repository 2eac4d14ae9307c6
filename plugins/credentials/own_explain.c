/* SPDX-License-Identifier: Apache-2.0 */
/* own_explain.c - why there is no certificate and key to authenticate with: one sentence, with what
 * to do about it. */
#include <string.h>

#include "private.h"

enum { NAME_SIZE = 128 };

static char *
subject_of (const IkeCredentials *credentials, const IkeCert *cert, char out[NAME_SIZE])
{
  ike_ident_format (credentials->pki->cert_info (cert)->subject, out, NAME_SIZE);
  return out;
}

/* Everybody whom @cert stands for, as far as it is short. */
static void
append_names (const IkeCredentials *credentials, const IkeCert *cert, GString *into)
{
  const IkeCertInfo *info = credentials->pki->cert_info (cert);
  char name[NAME_SIZE];

  g_string_append (into, subject_of (credentials, cert, name));
  for (guint i = 0; i < info->n_names && i < WHY_MAX; i++)
    g_string_append_printf (into, ", %s", ike_ident_format (info->names[i], name, sizeof name));
  if (info->n_names > WHY_MAX)
    g_string_append_printf (into, " and %u more", info->n_names - WHY_MAX);
}

/* A key that could not be read may be the one that is missing. */
static void
append_unread (const IkeCredentials *credentials, GString *into)
{
  for (guint i = 0; i < credentials->sources->len; i++) {
    const Source *source = credentials->sources->pdata[i];
    if (source_is_secret (source->kind) && source->problem) {
      g_string_append_printf (into, " (%s %s)", source->label, source->problem);
      return;
    }
  }
}

static void
explain_no_key (const IkeCredentials *credentials, const Own *own, GString *into)
{
  char name[NAME_SIZE];

  g_string_append_printf (into, "no private key for certificate %s (%s); put it into private/",
                          subject_of (credentials, own->cert, name), own->source->label);
  append_unread (credentials, into);
}

static void
explain_named (const IkeCredentials *credentials, const IkeOwnQuery *query, const GPtrArray *named,
               GString *into)
{
  const Own *own;
  char name[NAME_SIZE], id[NAME_SIZE];

  if (named->len == 0) {
    g_string_append_printf (into, "certificate %s is not loaded; see ikebana certs",
                            query->certs[0] ? query->certs[0] : "(none)");
    return;
  }
  own = named->pdata[0];
  for (guint i = named->len; query->id && i-- > 0;)
    if (credentials->pki->cert_has (((const Own *) named->pdata[i])->cert, query->id))
      own = named->pdata[i];
  if (query->id && !credentials->pki->cert_has (own->cert, query->id)) {
    g_string_append_printf (into, "certificate %s (%s) does not stand for %s; it stands for ",
                            subject_of (credentials, own->cert, name), own->source->label,
                            ike_ident_format (query->id, id, sizeof id));
    append_names (credentials, own->cert, into);
  } else if (!own->key)
    explain_no_key (credentials, own, into);
  else
    g_string_append_printf (into,
                            "the key of certificate %s (%s), %s, is not among those that the peer "
                            "and this connection allow",
                            subject_of (credentials, own->cert, name), own->source->label,
                            credentials->pki->pubkey_info (own->key->pubkey)->name);
}

static const Own *
find_keyless (const IkeCredentials *credentials, const IkeIdent *id_or_null)
{
  for (guint i = 0; i < credentials->keyless->len; i++) {
    const Own *own = credentials->keyless->pdata[i];
    if (!id_or_null || credentials->pki->cert_has (own->cert, id_or_null))
      return own;
  }
  return NULL;
}

static void
list_own (const IkeCredentials *credentials, GString *into)
{
  const GPtrArray *own = credentials->own;

  for (guint i = 0; i < own->len && i < WHY_MAX; i++) {
    if (i > 0)
      g_string_append (into, "; ");
    append_names (credentials, ((const Own *) own->pdata[i])->cert, into);
  }
  if (own->len > WHY_MAX)
    g_string_append_printf (into, "; and %u more", own->len - WHY_MAX);
}

static gboolean
has_fitting (const IkeCredentials *credentials, const IkeIdent *id_or_null)
{
  const GPtrArray *candidates = own_candidates (credentials, id_or_null);

  for (guint i = 0; candidates && i < candidates->len; i++) {
    const Own *own = candidates->pdata[i];
    if (own->key && (!id_or_null || credentials->pki->cert_has (own->cert, id_or_null)))
      return TRUE;
  }
  return FALSE;
}

static void
explain_any (const IkeCredentials *credentials, const IkeOwnQuery *query, GString *into)
{
  const Own *keyless = find_keyless (credentials, query->id);
  char id[NAME_SIZE] = "anybody";

  if (query->id)
    ike_ident_format (query->id, id, sizeof id);
  if (has_fitting (credentials, query->id))
    g_string_append_printf (into,
                            "no key of a certificate for %s is among those that the peer and this "
                            "connection allow",
                            id);
  else if (keyless)
    explain_no_key (credentials, keyless, into);
  else if (credentials->own->len > 0) {
    g_string_append_printf (into, "no certificate stands for %s; have: ", id);
    list_own (credentials, into);
  } else {
    g_string_append_printf (into,
                            "no certificate with its private key is loaded; put them into x509/ "
                            "and private/ below %s",
                            credentials->directory
                                ? credentials->directory
                                : "a directory, and name it in plugins.credentials.directory");
    append_unread (credentials, into);
  }
}

static void
explain_pubkeys (const IkeCredentials *credentials, const char *const *names, GString *into)
{
  const IkePubkey *pubkey = names[0] ? snapshot_pubkey (credentials, names[0]) : NULL;
  const IkePubkeyInfo *info = pubkey ? credentials->pki->pubkey_info (pubkey) : NULL;

  if (!pubkey)
    g_string_append_printf (into, "public key %s is not loaded; see ikebana certs",
                            names[0] ? names[0] : "(none)");
  else if (!g_hash_table_contains (credentials->keys, info->subject_id)) {
    g_string_append_printf (into, "no private key for public key %s; put it into private/",
                            names[0]);
    append_unread (credentials, into);
  } else
    g_string_append_printf (into,
                            "the key of public key %s, %s, is not among those that the peer and "
                            "this connection allow",
                            names[0], info->name);
}

char *
own_explain (const IkeCredentials *credentials, const IkeOwnQuery *query, const GPtrArray *named)
{
  GString *text = g_string_new (NULL);

  if (named)
    explain_named (credentials, query, named, text);
  else if (query->pubkeys)
    explain_pubkeys (credentials, query->pubkeys, text);
  else
    explain_any (credentials, query, text);
  return g_string_free (text, FALSE);
}
