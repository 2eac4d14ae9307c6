/* SPDX-License-Identifier: Apache-2.0 */
/* secrets.c - section `secrets`: reads shared secrets into memory of their own. */
#include "config/secrets_private.h"
#include <string.h>

enum { WEAK_BELOW = 8, MAX_SECRET = 4096 };

static void
secret_free (gpointer data)
{
  IkeSharedSecret *secret = data;
  g_ptr_array_unref (secret->owners);
  ike_secret_blob_unref (secret->value);
  g_free (secret);
}

/* -- reading */

static IkeSecretBlob *
decode_hex (const char *text)
{
  gsize len = strlen (text);
  IkeSecretBlob *blob;

  if (len == 0 || len % 2 || strspn (text, "0123456789abcdefABCDEF") != len)
    return NULL;
  blob = ike_secret_blob_new (NULL, len / 2);
  for (gsize i = 0; i < len / 2; i++)
    ike_secret_blob_data (blob)[i] = (guint8) (g_ascii_xdigit_value (text[2 * i]) << 4
                                               | g_ascii_xdigit_value (text[2 * i + 1]));
  return blob;
}

static gboolean
is_base64 (const char *text, gsize len)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  gsize n = strspn (text, digits);

  return len > 0 && len % 4 == 0 && len - n <= 2 && strspn (text + n, "=") == len - n;
}

static IkeSecretBlob *
decode_base64 (const char *text)
{
  gsize len = strlen (text), decoded_len;
  IkeSecretBlob *blob = NULL;
  guchar *decoded;

  if (!is_base64 (text, len))
    return NULL;
  decoded = g_base64_decode (text, &decoded_len);
  if (decoded_len)
    blob = ike_secret_blob_new (decoded, decoded_len);
  ike_wipe (decoded, decoded_len);
  g_free (decoded);
  return blob;
}

static IkeSecretBlob *
read_value (IkeBuilder *builder, const IkeTree *section)
{
  const IkeTree *leaf = ike_tree_child (section, "secret", strlen ("secret"), FALSE);
  const char *text = ike_builder_text (section, "secret", "");
  IkeSecretBlob *blob = NULL;

  if (!*text)
    ike_builder_fail (builder, leaf ? leaf : section, "secret", "is missing or empty");
  else if (strlen (text) > MAX_SECRET)
    ike_builder_fail (builder, leaf, "secret", "is longer than %u bytes", (guint) MAX_SECRET);
  else if (g_str_has_prefix (text, "0x") && !(blob = decode_hex (text + 2)))
    ike_builder_fail (builder, leaf, "secret",
                      "begins with 0x but is no hexadecimal number of whole bytes");
  else if (g_str_has_prefix (text, "0s") && !(blob = decode_base64 (text + 2)))
    ike_builder_fail (builder, leaf, "secret", "begins with 0s but is no base64 text");
  else if (!blob)
    blob = ike_secret_blob_new (text, strlen (text));
  return blob;
}

static void
read_owner (IkeBuilder *builder, const IkeTree *leaf, IkeSharedSecret *secret)
{
  g_autoptr (GError) error = NULL;
  const char *text = ike_tree_string (leaf, NULL, NULL);
  IkeIdent *ident;

  if (!text)
    return;
  ident = ike_ident_parse (text, &error);
  if (ident)
    g_ptr_array_add (secret->owners, ident);
  else
    ike_builder_fail (builder, leaf, ike_tree_name (leaf), "%s", error->message);
}

static void
fail_key (IkeBuilder *builder, const IkeTree *leaf)
{
  static const char *const names[] = { "secret", "id", NULL };
  const char *nearest = ike_nearest (ike_tree_name (leaf), names);

  ike_builder_fail (builder, leaf, ike_tree_name (leaf), "unknown key%s%s%s",
                    nearest ? ", did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static void
build_shared (IkeBuilder *builder, const IkeTree *section, const char *type, IkeSecrets *secrets)
{
  IkeSharedSecret *secret = g_new0 (IkeSharedSecret, 1);

  builder->has_failed = FALSE;
  secret->type = type;
  secret->owners = g_ptr_array_new_with_free_func ((GDestroyNotify) ike_ident_unref);
  for (guint i = 0; i < ike_tree_n (section); i++) {
    const IkeTree *leaf = ike_tree_nth (section, i);
    if (!ike_tree_is_container (leaf) && g_str_has_prefix (ike_tree_name (leaf), "id"))
      read_owner (builder, leaf, secret);
    else if (!g_str_equal (ike_tree_name (leaf), "secret"))
      fail_key (builder, leaf);
  }
  secret->value = read_value (builder, section);
  if (builder->has_failed) {
    secret_free (secret);
    return;
  }
  if (g_str_equal (type, "ike") && ike_secret_blob_len (secret->value) < WEAK_BELOW)
    ike_builder_warn (
        builder, section, "secret",
        "is shorter than %u bytes; whoever sees one login can guess it, use 0s and 32 random bytes",
        (guint) WEAK_BELOW);
  g_ptr_array_add (secrets->list, secret);
}

static const IkeSecretKind *
kind_of (const char *name)
{
  const IkeSecretKind *found = NULL;

  for (const IkeSecretKind *kind = ike_secret_kinds; kind->prefix; kind++)
    if (g_str_has_prefix (name, kind->prefix)
        && (!found || strlen (kind->prefix) > strlen (found->prefix)))
      found = kind;
  return found;
}

static void
build_one (IkeBuilder *builder, const IkeTree *section, IkeSecrets *secrets)
{
  const char *name = ike_tree_name (section);
  const IkeSecretKind *kind = kind_of (name);
  g_autoptr (GString) known = NULL;

  if (kind && ike_tree_type (section) != IKE_TREE_SECTION)
    ike_builder_fail (builder, section, NULL, "is a section, not a value; write %s { secret = … }",
                      name);
  else if (kind && kind->is_shared)
    build_shared (builder, section, kind->type, secrets);
  else if (kind) {
    g_autofree char *reader = g_strconcat ("secrets/", kind->type, NULL);
    if (!ike_section_add (builder, reader, section))
      ike_builder_warn (builder, section, NULL,
                        "no plugin takes secrets of type %s; the section is ignored", kind->prefix);
  }
  else {
    known = g_string_new (NULL);
    for (kind = ike_secret_kinds; kind->prefix; kind++)
      g_string_append_printf (known, "%s%s", known->len ? ", " : "", kind->prefix);
    ike_builder_fail (builder, section, NULL, "begins with none of the known types: %s",
                      known->str);
  }
}

IkeSecrets *
ike_secrets_build (IkeBuilder *builder, const IkeTree *section_or_null)
{
  IkeSecrets *secrets = g_new0 (IkeSecrets, 1);

  secrets->list = g_ptr_array_new_with_free_func (secret_free);
  for (guint i = 0; i < ike_tree_n (section_or_null); i++) {
    const IkeTree *section = ike_tree_nth (section_or_null, i);
    gsize len = ike_builder_push (builder, ike_tree_name (section));
    build_one (builder, section, secrets);
    ike_builder_pop (builder, len);
  }
  ike_secrets_index (secrets);
  return secrets;
}

void
ike_secrets_free (IkeSecrets *secrets)
{
  if (!secrets)
    return;
  g_array_unref (secrets->entries);
  g_array_unref (secrets->loose);
  g_ptr_array_unref (secrets->list);
  g_free (secrets);
}

IkeTree *
ike_secrets_strip (const IkeTree *tree)
{
  IkeTree *copy = ike_tree_copy (tree);
  IkeTree *secrets = ike_tree_child (copy, "secrets", strlen ("secrets"), TRUE);

  for (guint i = 0; i < ike_tree_n (secrets); i++) {
    IkeTree *section = (IkeTree *) ike_tree_nth (secrets, i);
    if (ike_tree_type (section) != IKE_TREE_SECTION)
      continue;
    ike_tree_remove (section, "secret");
    ike_tree_remove (section, "pin");
  }
  return copy;
}
