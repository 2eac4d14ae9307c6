/* SPDX-License-Identifier: Apache-2.0 */
/* conf.c - what sections local and remote say about keys and certificates: read for use, and judged
 * when the configuration is loaded. */
#include "pubkey.h"

#include <string.h>

/* Names from `certs = a, b` and from sections `cert-1 { file = c }`; NULL when there are none. */
static char **
names_of (const IkeAuthConf *conf, guint32 handle, const char *section_prefix)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *text = ike_option_text (conf->options, handle);
  g_auto (GStrv) list = text ? ike_value_list (text) : NULL;

  for (guint i = 0; list && list[i]; i++)
    if (*list[i])
      g_ptr_array_add (names, g_strdup (list[i]));
  for (guint i = 0; section_prefix && i < ike_tree_n (conf->settings); i++) {
    const IkeTree *section = ike_tree_nth (conf->settings, i);
    const char *file = ike_tree_type (section) == IKE_TREE_SECTION
                               && g_str_has_prefix (ike_tree_name (section), section_prefix)
                           ? ike_tree_string (section, "file", NULL)
                           : NULL;
    if (file)
      g_ptr_array_add (names, g_strdup (file));
  }
  if (names->len == 0)
    return NULL;
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

void
pubkey_conf_read (Pubkey *pubkey, const IkeAuthConf *conf, gboolean is_local, PubkeyConf *out)
{
  g_autofree char *why = NULL;
  const char *ca_id;

  memset (out, 0, sizeof *out);
  /* It was checked when it was loaded. */
  pubkey_constraint_parse (conf->auth, &out->constraint, &why);
  if (is_local) {
    out->certs = names_of (conf, pubkey->local_certs, "cert");
    out->pubkeys = names_of (conf, pubkey->local_pubkeys, NULL);
    return;
  }
  out->certs = names_of (conf, pubkey->remote_certs, "cert");
  out->cacerts = names_of (conf, pubkey->remote_cacerts, "cacert");
  out->pubkeys = names_of (conf, pubkey->remote_pubkeys, NULL);
  out->policies = names_of (conf, pubkey->remote_cert_policy, NULL);
  out->revocation = (guint32) ike_option_uint (conf->options, pubkey->remote_revocation);
  ca_id = ike_option_text (conf->options, pubkey->remote_ca_id);
  if (ca_id && *ca_id)
    out->ca_id = ike_ident_parse (ca_id, NULL);
}

void
pubkey_conf_clear (PubkeyConf *conf)
{
  g_strfreev (conf->certs);
  g_strfreev (conf->cacerts);
  g_strfreev (conf->pubkeys);
  g_strfreev (conf->policies);
  ike_ident_unref (conf->ca_id);
}

gboolean
pubkey_is_ours (Pubkey *pubkey, const IkeAuthConf *conf)
{
  char name[64];
  const IkeProvided *method;

  if (!conf)
    return FALSE;
  g_snprintf (name, sizeof name, "auth:%.*s", (int) strcspn (conf->auth, "-:/"), conf->auth);
  method = ike_feature_find (pubkey->engine, name, NULL);
  return method && method->plugin == pubkey->self;
}

gboolean
pubkey_has_ours (Pubkey *pubkey, const IkeAuthConf *confs, guint n)
{
  for (guint i = 0; i < n; i++)
    if (pubkey_is_ours (pubkey, &confs[i]))
      return TRUE;
  return FALSE;
}

/* -- judged */

static void
check_names (Pubkey *pubkey, IkeCredentialKind kind, const char *key, char **names,
             GPtrArray *problems)
{
  for (guint i = 0; names && names[i]; i++) {
    g_autoptr (GError) error = NULL;
    if (!pubkey->credentials->require (pubkey->credentials_at->plugin, kind, names[i], &error))
      g_ptr_array_add (problems, g_strdup_printf ("%s: %s", key, error->message));
  }
}

/* What a token holds comes with its key, by secrets.token. */
static void
check_sections (const IkeAuthConf *conf, GPtrArray *problems)
{
  static const char *const known[] = { "file", "handle", "slot", "module", NULL };

  for (guint i = 0; i < ike_tree_n (conf->settings); i++) {
    const IkeTree *section = ike_tree_nth (conf->settings, i);
    const char *name = ike_tree_name (section);
    if (ike_tree_type (section) != IKE_TREE_SECTION)
      continue;
    for (guint k = 0; k < ike_tree_n (section); k++)
      if (!g_strv_contains (known, ike_tree_name (ike_tree_nth (section, k))))
        g_ptr_array_add (problems,
                         g_strdup_printf ("%s: unknown key %s; there are file, handle, slot "
                                          "and module",
                                          name, ike_tree_name (ike_tree_nth (section, k))));
    if (!ike_tree_get (section, "file"))
      g_ptr_array_add (
          problems, g_strdup_printf ("warning: %s: a certificate on a token is found by its key, "
                                     "which secrets.token names; this section does nothing",
                                     name));
  }
}

static gboolean
is_oid (const char *text)
{
  return g_ascii_isdigit (text[0]) && strchr (text, '.')
         && strspn (text, "0123456789.") == strlen (text) && !strstr (text, "..")
         && text[strlen (text) - 1] != '.';
}

static void
check_remote (Pubkey *pubkey, const IkeAuthConf *conf, const PubkeyConf *rules, GPtrArray *problems)
{
  const char *ca_id = ike_option_text (conf->options, pubkey->remote_ca_id);
  g_autoptr (GError) error = NULL;

  check_names (pubkey, IKE_CREDENTIAL_CA, "cacerts", rules->cacerts, problems);
  for (guint i = 0; rules->policies && rules->policies[i]; i++)
    if (!is_oid (rules->policies[i]))
      g_ptr_array_add (problems,
                       g_strdup_printf ("cert_policy: '%s' is no OID such as 1.3.6.1.4.1.1",
                                        rules->policies[i]));
  if (ca_id && *ca_id && !rules->ca_id) {
    g_autoptr (IkeIdent) id = ike_ident_parse (ca_id, &error);
    g_ptr_array_add (problems,
                     g_strdup_printf ("ca_id: %s", error ? error->message : "is no identity"));
  }
  if (rules->revocation == IKE_REVOCATION_STRICT
      && !ike_feature_find (pubkey->engine, "revocation:x509", NULL)) {
    g_autofree char *why = ike_plugin_explain (pubkey->engine, "revocation:x509");
    g_ptr_array_add (problems, g_strdup_printf ("revocation: strict cannot be had: %s", why));
  }
}

void
pubkey_check (IkePlugin *self, const IkeAuthConf *conf, gboolean is_local, GPtrArray *problems)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *why = NULL;
  Pubkey *pubkey = pubkey_state (self, &error);
  PubkeyConstraint constraint;
  PubkeyConf rules;

  if (!pubkey) {
    g_ptr_array_add (problems, g_strdup_printf ("auth: %s", error->message));
    return;
  }
  if (!pubkey_constraint_parse (conf->auth, &constraint, &why))
    g_ptr_array_add (problems, g_strdup_printf ("auth: %s", why));
  pubkey_conf_read (pubkey, conf, is_local, &rules);
  check_sections (conf, problems);
  check_names (pubkey, IKE_CREDENTIAL_CERT, "certs", rules.certs, problems);
  check_names (pubkey, IKE_CREDENTIAL_PUBKEY, "pubkeys", rules.pubkeys, problems);
  if (!is_local)
    check_remote (pubkey, conf, &rules, problems);
  pubkey_conf_clear (&rules);
}
