/* SPDX-License-Identifier: Apache-2.0 */
/* certs.c - see certs.h. */
#include "exchange/certs.h"
#include <glib/gstdio.h>
#include <ikebana/credentials.h>
#include <string.h>

/* Certificates are valid around the time at which simulations begin. */
#define VALID "--not-before 2025-06-01 --not-after 2027-06-01"

static char *directory;

const char *
certs_directory (void)
{
  g_autoptr (GError) error = NULL;

  if (!directory)
    directory = g_dir_make_tmp ("ikebana-certs-XXXXXX", &error);
  g_assert_no_error (error);
  return directory;
}

static char *
in_directory (const char *format, va_list args)
{
  g_autofree char *name = g_strdup_vprintf (format, args);

  return g_build_filename (certs_directory (), name, NULL);
}

char *
certs_path (const char *format, ...)
{
  va_list args;
  char *path;

  va_start (args, format);
  path = in_directory (format, args);
  va_end (args);
  return path;
}

void
certs_pki (const char *format, ...)
{
  g_autofree char *program =
      g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "src-tools", "ikebana-pki", NULL);
  g_autofree char *words = NULL, *line = NULL, *told = NULL;
  g_auto (GStrv) argv = NULL;
  g_autoptr (GError) error = NULL;
  va_list args;
  int status;

  va_start (args, format);
  words = g_strdup_vprintf (format, args);
  va_end (args);
  line = g_strdup_printf ("%s %s", program, words);
  g_assert_true (g_shell_parse_argv (line, NULL, &argv, &error));
  g_spawn_sync (certs_directory (), argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, &told, &status,
                &error);
  g_assert_no_error (error);
  if (!g_spawn_check_wait_status (status, &error))
    g_error ("%s: %s\n%s", words, error->message, told);
}

static gboolean
is_there (const char *name)
{
  g_autofree char *path = certs_path ("%s", name);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

void
certs_key (const char *name, const char *type)
{
  g_autofree char *file = g_strconcat (name, ".key", NULL);
  g_auto (GStrv) words = g_strsplit (type, " ", 2);

  if (!is_there (file))
    certs_pki ("gen --type %s %s%s --out %s", words[0],
               !words[1]                       ? ""
               : g_ascii_isdigit (words[1][0]) ? "--size "
                                               : "--curve ",
               words[1] ? words[1] : "", file);
}

static void
make_cert (const char *name, const char *key_type, const char *issuer, const char *more)
{
  g_autofree char *file = g_strconcat (name, ".pem", NULL);

  if (is_there (file))
    return;
  certs_key (name, key_type);
  if (issuer)
    certs_pki ("issue --cacert %s.pem --cakey %s.key --in %s.key --dn 'C=CH, O=Test, CN=%s' %s %s "
               "--out %s",
               issuer, issuer, name, name, more && strstr (more, "--not-") ? "" : VALID,
               more ? more : "", file);
  else
    certs_pki ("self --in %s.key --dn 'C=CH, O=Test, CN=%s' %s %s --out %s", name, name,
               more && strstr (more, "--not-") ? "" : VALID, more ? more : "", file);
}

void
certs_ca (const char *name, const char *key_type, const char *issuer, const char *more)
{
  g_autofree char *all = g_strconcat ("--ca ", more, NULL);

  make_cert (name, key_type, issuer, all);
}

void
certs_end (const char *name, const char *key_type, const char *issuer, const char *more)
{
  make_cert (name, key_type, issuer, more);
}

char *
certs_home (void)
{
  static const char *const directories[] = { "x509", "x509ca", "x509crl", "private", "pubkey" };
  g_autoptr (GError) error = NULL;
  char *home = g_dir_make_tmp ("ikebana-home-XXXXXX", &error);

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (directories); i++) {
    g_autofree char *path = g_build_filename (home, directories[i], NULL);
    g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  }
  return home;
}

void
certs_put (const char *home, const char *where, const char *file)
{
  g_autofree char *from = certs_path ("%s", file), *content = NULL;
  g_autofree char *to = g_build_filename (home, where, file, NULL);
  g_autoptr (GError) error = NULL;
  gsize len;

  g_file_get_contents (from, &content, &len, &error);
  g_assert_no_error (error);
  g_file_set_contents_full (to, content, (gssize) len, G_FILE_SET_CONTENTS_NONE, 0600, &error);
  g_assert_no_error (error);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *below = g_build_filename (path, name, NULL);
    remove_tree (below);
  }
  g_remove (path);
}

void
certs_home_free (char *home)
{
  if (home)
    remove_tree (home);
  g_free (home);
}

void
certs_clear (void)
{
  if (directory)
    remove_tree (directory);
  g_clear_pointer (&directory, g_free);
}

void
certs_usual (void)
{
  certs_ca ("root", "ecdsa 256", NULL, NULL);
  certs_end ("a", "ecdsa 256", "root", "--san a.test");
  certs_end ("b", "ecdsa 256", "root", "--san b.test");
}

/* -- a plugin that has the last word */

guint certs_n_judged, certs_judged_chain;

static IkeHookVerdict
on_verdict (IkePlugin *self, IkeSa *sa, IkeCertificateEvent *event)
{
  if (ike_sa_is_initiator (sa))
    return IKE_HOOK_PASS;
  certs_n_judged++;
  certs_judged_chain = event->n;
  g_assert_nonnull (event->peer);
  event->reason = "not on Sundays";
  return IKE_HOOK_REJECT;
}

static gboolean
judge_activate (IkePlugin *self, GError **error)
{
  return ike_certificate_hook_add (self, "sundays", NULL, on_verdict, error);
}

const IkePluginInfo certs_judge = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "judge",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "has the last word about certificates, for tests",
  .activate = judge_activate,
};

/* -- what goes over the wire */

CertsSeen certs_seen[2];
void (*certs_tamper) (gboolean by_b, guint8 first, guint8 *plain, gsize len);

static void
look (CertsSeen *seen, guint8 first, const guint8 *plain, gsize len)
{
  gsize at = 0;

  memset (seen, 0, sizeof *seen);
  seen->len = len;
  while (first && at + 5 <= len) {
    gsize n = (gsize) plain[at + 2] << 8 | plain[at + 3];
    const guint8 *body = plain + at + 4;
    if (first == IKE_PAYLOAD_CERT) {
      seen->n_certs++;
      seen->encodings |= 1u << body[0];
    }
    seen->n_certreqs += first == IKE_PAYLOAD_CERTREQ;
    if (first == IKE_PAYLOAD_AUTH) {
      seen->method = body[0];
      seen->algorithm_len = body[0] == 14 ? MIN (body[4], sizeof seen->algorithm) : 0;
      memcpy (seen->algorithm, body + 5, seen->algorithm_len);
    }
    first = plain[at];
    at += n;
  }
}

static IkeHookVerdict
on_message (IkePlugin *self, IkeSa *sa, IkeMessageEvent *event)
{
  gboolean by_b = !ike_sa_is_initiator (sa);

  if (event->is_inbound || event->exchange != 35)
    return IKE_HOOK_PASS;
  if (certs_tamper)
    certs_tamper (by_b, event->first_payload, (guint8 *) event->plain, event->len);
  look (&certs_seen[by_b], event->first_payload, event->plain, event->len);
  return IKE_HOOK_PASS;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  return ike_message_hook_add (self, "certs-tap", NULL, on_message, error);
}

static const IkePluginInfo tap_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "certs-tap",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "what IKE_AUTH carries, for tests",
  .activate = activate,
};

/* -- cases */

static char *homes[2];

const char *
certs_pair_home (guint end)
{
  return homes[end];
}

static void
fill_home (guint end, const char *files)
{
  g_auto (GStrv) words = g_strsplit (files ? files : "", " ", -1);

  homes[end] = certs_home ();
  for (guint i = 0; words[i]; i++) {
    g_auto (GStrv) parts = g_strsplit (words[i], "/", 2);
    if (parts[0] && parts[1])
      certs_put (homes[end], parts[0], parts[1]);
  }
}

static void
join (GPtrArray *into, gconstpointer const *more)
{
  for (guint i = 0; more && more[i]; i++)
    g_ptr_array_add (into, (gpointer) more[i]);
  g_ptr_array_add (into, NULL);
}

static char *texts[4];

void
certs_options_init (const CertsCase *c, PairOptions *options)
{
  for (guint i = 0; i < 2; i++) {
    fill_home (i, c->files[i]);
    texts[i] = g_strdup_printf ("plugins { credentials { directory = %s\n }\n %s }\n%s", homes[i],
                                c->plugins[i] ? c->plugins[i] : "",
                                options->more[i] ? options->more[i] : "");
    texts[2 + i] =
        g_strdup_printf ("    proposals = aes256gcm16-prfsha256-x25519\n"
                         "    local { auth = pubkey\n }\n remote { auth = pubkey\n }\n"
                         "    children { net { local_ts = 10.%u.0.0/16\n"
                         "      remote_ts = 10.%u.0.0/16\n esp_proposals = aes256gcm16\n } }\n%s\n",
                         i + 1, 2 - i, c->conf[i] ? c->conf[i] : "");
    options->more[i] = texts[i];
    options->connection[i] = texts[2 + i];
  }
}

void
certs_options_clear (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (&texts[i], g_free);
  for (guint i = 0; i < 2; i++)
    g_clear_pointer (&homes[i], certs_home_free);
}

Pair *
certs_pair_new (const CertsCase *c, gconstpointer flags, const PairOptions *options)
{
  PairOptions o = options ? *options : (PairOptions){ .seed = 7 };
  g_autoptr (GPtrArray) plugins = g_ptr_array_new (), builtin = g_ptr_array_new ();

  g_ptr_array_add (plugins, (gpointer) "credentials");
  g_ptr_array_add (plugins, (gpointer) "auth-pubkey");
  g_ptr_array_add (plugins, (gpointer) "certs-tap");
  join (plugins, (gconstpointer const *) o.plugins);
  g_ptr_array_add (builtin, (gpointer) &tap_plugin);
  join (builtin, (gconstpointer const *) o.builtin);
  certs_options_init (c, &o);
  o.flags |= GPOINTER_TO_UINT (flags);
  o.plugins = (const char *const *) plugins->pdata;
  o.builtin = (const IkePluginInfo *const *) builtin->pdata;
  memset (certs_seen, 0, sizeof certs_seen);
  return pair_new (&o);
}

void
certs_pair_free (Pair *pair)
{
  pair_free (pair);
  certs_options_clear ();
}

static void
assert_refused (const CertsCase *c, Pair *pair, const char *error)
{
  PairEnd *ends[] = { &pair->a, &pair->b };

  for (guint i = 0; i < 2; i++) {
    g_autoptr (IkeTree) last = c->refused[i] ? pair_explain (ends[i]) : NULL;
    const char *reason = ike_tree_string (last, "reason", "");
    if (c->refused[i] && !strstr (reason, c->refused[i]))
      g_error ("%s: %c says \"%s\", not \"%s\"; up says %s\n%s%s", c->name, "ab"[i], reason,
               c -> refused[i], error ? error : "nothing", pair->a.log->str, pair->b.log->str);
  }
  /* An initiator that refuses has a responder that believed it, until it is told. */
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 0);
  g_assert_cmpuint (pair_count (&pair->a, "ike.established"), ==, 0);
  if (c->refused[1])
    g_assert_cmpuint (pair_count (&pair->b, "ike.established"), ==, 0);
}

void
certs_case_check (const CertsCase *c, Pair *pair)
{
  g_autofree char *error = pair_up (pair, "net");
  gboolean is_refusal = c->refused[0] || c->refused[1];

  if (!error != !is_refusal)
    g_error ("%s: %s\n-- a --\n%s-- b --\n%s", c->name, error ? error : "it came up",
             pair->a.log->str, pair->b.log->str);
  if (is_refusal)
    assert_refused (c, pair, error);
  else
    pair_assert_twins (pair);
}

void
certs_case_run (const CertsCase *c, gconstpointer flags, const PairOptions *options)
{
  Pair *pair = certs_pair_new (c, flags, options);

  certs_case_check (c, pair);
  certs_pair_free (pair);
}
