/* SPDX-License-Identifier: Apache-2.0 */
/* certs.c - see certs.h. */
#include "exchange/certs.h"
#include <glib/gstdio.h>
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
  g_autofree char *program
    = g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "src-tools", "ikebana-pki", NULL);
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
               !words[1]                          ? ""
               : g_ascii_isdigit (words[1][0])    ? "--size "
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

char *
certs_settings (const char *home, const char *more)
{
  return g_strdup_printf ("plugins { credentials { directory = %s\n }\n %s }", home,
                          more ? more : "");
}

void
certs_ends_init (CertsEnds *ends, PairOptions *options, const char *key_type, const char *body)
{
  static const char *const plugins[] = { "credentials", "auth-pubkey", "revocation", NULL };

  memset (ends, 0, sizeof *ends);
  certs_ca ("root", "ecdsa 256", NULL, NULL);
  for (guint i = 0; i < 2; i++) {
    g_autofree char *name = g_strdup_printf ("%c-%s", "ab"[i], key_type);
    g_autofree char *san = g_strdup_printf ("--san %c.test", "ab"[i]);
    g_strdelimit (name, " ", '-');
    g_autofree char *pem = g_strconcat (name, ".pem", NULL), *key = g_strconcat (name, ".key", NULL);

    certs_end (name, key_type, "root", san);
    ends->home[i] = certs_home ();
    certs_put (ends->home[i], "x509ca", "root.pem");
    certs_put (ends->home[i], "x509", pem);
    certs_put (ends->home[i], "private", key);
    ends->settings[i] = certs_settings (ends->home[i], options->more[i]);
    options->more[i] = ends->settings[i];
    ends->connection[i]
      = g_strdup_printf ("    proposals = aes256gcm16-prfsha256-x25519\n"
                         "    local { auth = pubkey\n }\n remote { auth = pubkey\n }\n"
                         "    children { net { local_ts = 10.%u.0.0/16\n remote_ts = 10.%u.0.0/16\n"
                         "      esp_proposals = aes256gcm16\n } }\n%s\n",
                         i + 1, 2 - i, body ? body : "");
    options->connection[i] = ends->connection[i];
  }
  options->plugins = plugins;
}

void
certs_ends_clear (CertsEnds *ends)
{
  for (guint i = 0; i < 2; i++) {
    certs_home_free (ends->home[i]);
    g_free (ends->settings[i]);
    g_free (ends->connection[i]);
  }
}
