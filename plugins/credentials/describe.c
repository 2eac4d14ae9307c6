/* SPDX-License-Identifier: Apache-2.0 */
/* describe.c - certificates, CRLs and keys as rows of a listing, without anything secret. */
#include "private.h"

enum { DAY = 86400, NAME_SIZE = 256 };

/* Of @len bytes, lower case. */
static char *
hex (const guint8 *data, gsize len)
{
  GString *text = g_string_sized_new (2 * len);

  for (gsize i = 0; i < len; i++)
    g_string_append_printf (text, "%02x", data[i]);
  return g_string_free (text, FALSE);
}

static void
set_ident (IkeTree *row, const char *key, const IkeIdent *ident)
{
  char text[NAME_SIZE];

  ike_tree_set_string (row, key, ike_ident_format (ident, text, sizeof text));
}

static void
set_time (IkeTree *row, const char *key, gint64 seconds)
{
  g_autofree char *text = format_time (seconds);

  ike_tree_set_string (row, key, text);
}

static void
set_hex (IkeTree *row, const char *key, const guint8 *data, gsize len)
{
  g_autofree char *text = hex (data, len);

  ike_tree_set_string (row, key, text);
}

/* Rounded down, so that it is negative when it is over. */
static gint64
days_left (gint64 end, gint64 now)
{
  gint64 left = end - now;

  return left >= 0 ? left / DAY : -((-left + DAY - 1) / DAY);
}

static IkeTree *
row_new (const char *kind, const Source *source)
{
  IkeTree *row = ike_tree_new_section ();

  ike_tree_set_string (row, "kind", kind);
  ike_tree_set_string (row, "file", source->label);
  if (source->warning)
    ike_tree_set_string (row, "problem", source->warning);
  return row;
}

static void
set_names (IkeTree *row, const IkeCertInfo *info)
{
  IkeTree *names = ike_tree_add_list (row, "names");
  char text[NAME_SIZE];

  for (guint i = 0; i < info->n_names; i++)
    ike_tree_set_string (names, NULL, ike_ident_format (info->names[i], text, sizeof text));
}

IkeTree *
describe_cert (const IkeCredentials *credentials, const Source *source, const IkeCert *cert,
               gint64 now)
{
  const IkeCertInfo *info = credentials->pki->cert_info (cert);
  const IkePubkeyInfo *key = credentials->pki->pubkey_info (info->pubkey);
  IkeTree *row = row_new (source->kind == KIND_X509CA ? "x509ca" : "x509", source);

  set_ident (row, "subject", info->subject);
  set_ident (row, "issuer", info->issuer);
  set_hex (row, "serial", info->serial.data, info->serial.len);
  set_time (row, "not-before", info->not_before);
  set_time (row, "not-after", info->not_after);
  ike_tree_set_int (row, "days", days_left (info->not_after, now));
  ike_tree_set_string (row, "key", key->name);
  ike_tree_set_bool (row, "has-key", g_hash_table_contains (credentials->keys, key->subject_id));
  ike_tree_set_bool (row, "is-ca", (info->flags & IKE_CERT_IS_CA) != 0);
  set_names (row, info);
  set_hex (row, "sha256", info->sha256, sizeof info->sha256);
  return row;
}

IkeTree *
describe_crl (const IkeCredentials *credentials, const Source *source, gint64 now)
{
  const IkeCrlInfo *info = credentials->pki->crl_info (source->crl);
  IkeTree *row = row_new ("crl", source);

  set_ident (row, "subject", info->issuer);
  set_ident (row, "issuer", info->issuer);
  if (info->number.data)
    set_hex (row, "serial", info->number.data, info->number.len);
  set_time (row, "not-before", info->this_update);
  if (info->next_update) {
    set_time (row, "not-after", info->next_update);
    ike_tree_set_int (row, "days", days_left (info->next_update, now));
  }
  ike_tree_set_int (row, "entries", (gint64) info->n);
  return row;
}

static void
set_key (const IkeCredentials *credentials, IkeTree *row, const IkePubkey *pubkey)
{
  const IkePubkeyInfo *info = credentials->pki->pubkey_info (pubkey);

  ike_tree_set_string (row, "key", info->name);
  ike_tree_set_bool (row, "has-key", g_hash_table_contains (credentials->keys, info->subject_id));
  set_hex (row, "key-id", info->subject_id, sizeof info->subject_id);
}

IkeTree *
describe_key (const IkeCredentials *credentials, const Source *source, const IkeKey *key)
{
  IkeTree *row = row_new ("key", source);

  ike_tree_set_string (row, "subject", key->label ? key->label : source->label);
  ike_tree_set_string (row, "origin", key->klass->origin);
  set_key (credentials, row, key->pubkey);
  return row;
}

IkeTree *
describe_pubkey (const IkeCredentials *credentials, const Source *source)
{
  IkeTree *row = row_new ("pubkey", source);

  set_key (credentials, row, source->pubkey);
  return row;
}

IkeTree *
describe_problem (const char *file, const char *kind, const char *problem)
{
  IkeTree *row = ike_tree_new_section ();

  ike_tree_set_string (row, "kind", kind);
  if (file)
    ike_tree_set_string (row, "file", file);
  ike_tree_set_string (row, "problem", problem);
  return row;
}
