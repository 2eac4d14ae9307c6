/* SPDX-License-Identifier: Apache-2.0 */
/* test_settings.c - who a gateway is, in settings and on the wire; and a reload of the settings. */
#include "redirect/redirect.h"
#include <glib/gstdio.h>
#include <ikebana/model.h>

/* -- identities */

static void
test_identities (void)
{
  static const struct {
    const char *text;
    guint8 type, len;
  } rows[] = {
    { "192.0.2.1", REDIRECT_IPV4, 4 },
    { "2001:db8::1", REDIRECT_IPV6, 16 },
    { "vpn-2.example.org", REDIRECT_FQDN, 17 },
    { "localhost", REDIRECT_FQDN, 9 },
  };
  char text[IKE_REDIRECT_NAME_SIZE];
  const char *why;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rows); i++) {
    guint8 buffer[512] = { 0 };
    Gateway gateway, again;
    IkeNotify notify = { 0 };
    IkePart rest;
    IkeWriter w;
    g_assert_true (redirect_gateway_parse (&gateway, rows[i].text, &why));
    g_assert_cmpuint (gateway.type, ==, rows[i].type);
    g_assert_cmpuint (gateway.len, ==, rows[i].len);
    g_assert_cmpstr (redirect_gateway_format (&gateway, text), ==, rows[i].text);
    ike_writer_init (&w, buffer, sizeof buffer);
    ike_header_write (&w, &(IkeHeader){ .version = 0x20 });
    redirect_gateway_write (&gateway, REDIRECT, NULL, &w);
    notify.data = buffer + IKE_HEADER_LEN + 8;
    notify.len = w.len - IKE_HEADER_LEN - 8;
    g_assert_true (redirect_gateway_read (&notify, &again, &rest));
    g_assert_cmpmem (&again, sizeof again, &gateway, sizeof gateway);
    g_assert_cmpuint (rest.len, ==, 0);
    /* Cut anywhere, it is none. */
    while (notify.len-- > 0)
      g_assert_false (redirect_gateway_read (&notify, &again, &rest));
  }
}

/* What is no name in the settings is none on the wire. */
static void
test_names_of_digits (void)
{
  static const guint8 wrong[] = "\003\013192.0.2.300", fine[] = "\003\011192.0.2.7";
  IkeNotify notify = { .data = wrong, .len = sizeof wrong - 1 };
  Gateway gateway;
  IkePart rest;

  g_assert_false (redirect_gateway_read (&notify, &gateway, &rest));
  notify.data = fine;
  notify.len = sizeof fine - 1;
  g_assert_true (redirect_gateway_read (&notify, &gateway, &rest));
}

static void
test_no_identities (void)
{
  static const char *const texts[] = { "",   "%any", "0.0.0.0", "::",          "a b",     "-a",
                                       ".a", "a/b",  "a\n",     "192.0.2.300", "192.0.2", "7" };
  g_autofree char *long_name = g_strnfill (254, 'a');
  const char *why = NULL;
  Gateway gateway;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_assert_false (redirect_gateway_parse (&gateway, texts[i], &why));
    g_assert_nonnull (why);
  }
  g_assert_false (redirect_gateway_parse (&gateway, long_name, &why));
  long_name[253] = '\0';
  g_assert_true (redirect_gateway_parse (&gateway, long_name, &why));
}

/* -- reload */

typedef struct {
  char *directory, *settings;
  IkeEngine *engine;
} Fixture;

static void
write_settings (Fixture *fixture, const char *text)
{
  g_autofree char *all = g_strdup_printf ("plugins { redirect { critical = yes\n%s } }\n", text);

  g_assert_true (g_file_set_contents (fixture->settings, all, -1, NULL));
}

static void
set_up (Fixture *fixture, gconstpointer unused)
{
  static const char *const plugins[] = { "redirect", "ikev2",       "crypto-openssl",
                                         "net-sim",  "kernel-fake", "auth-psk",
                                         NULL };
  const char *top = g_getenv ("IKE_TOP_BUILDDIR");
  g_autofree char *dir = g_build_filename (top ? top : "..", "plugins", ".libs", NULL);
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .sim = ike_sim_new (1),
                               .n_shards = 1,
                               .plugin_dir = dir,
                               .plugins = plugins };
  g_autoptr (GError) error = NULL;

  fixture->directory = g_dir_make_tmp ("ikebana-redirect-XXXXXX", NULL);
  fixture->settings = g_build_filename (fixture->directory, "settings", NULL);
  write_settings (fixture, "policy = least-loaded\n gateways = a.test, b.test\n");
  options.config_file = fixture->settings;
  fixture->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (fixture->engine, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer unused)
{
  IkeSim *sim = ike_engine_sim (fixture->engine);

  ike_engine_free (fixture->engine);
  ike_sim_free (sim);
  g_unlink (fixture->settings);
  g_assert_cmpint (g_rmdir (fixture->directory), ==, 0);
  g_free (fixture->directory);
  g_free (fixture->settings);
}

static Redirect *
redirect_of (Fixture *fixture)
{
  const IkeProvided *provided = ike_feature_find (fixture->engine, "task:redirect", NULL);

  g_assert_nonnull (provided);
  return ike_plugin_state (provided->plugin);
}

static const Listed *
nth (Fixture *fixture, guint i)
{
  return redirect_of (fixture)->settings->gateways->pdata[i];
}

typedef struct {
  Fixture *fixture;
  gboolean is_ok;
  char *why;
} Reload;

static void
reload_on_control (gpointer data)
{
  Reload *reload = data;
  g_autoptr (GError) error = NULL;
  IkeTree *result = ike_engine_reload (reload->fixture->engine, FALSE, &error);

  reload->is_ok = result != NULL;
  reload->why = error ? g_strdup (error->message) : NULL;
  ike_tree_free (result);
}

static char *
reload (Fixture *fixture)
{
  Reload reload = { fixture, FALSE, NULL };

  ike_loop_post (ike_engine_control (fixture->engine), reload_on_control, &reload, NULL);
  ike_sim_settle (ike_engine_sim (fixture->engine));
  g_assert_cmpint (reload.is_ok, ==, !reload.why);
  return reload.why;
}

/* What was told of a gateway stays true; what is wrong changes nothing. */
static void
test_reload (Fixture *fixture, gconstpointer unused)
{
  g_autofree char *why = NULL;

  g_assert_true (atomic_load (&redirect_of (fixture)->is_on));
  ((Listed *) redirect_of (fixture)->settings->gateways->pdata[1])->load = 7;
  write_settings (fixture, "policy = least-loaded\n gateways = B.test, c.test\n grace = 5s\n");
  why = reload (fixture);
  g_assert_cmpstr (why, ==, NULL);
  g_assert_cmpstr (nth (fixture, 0)->name, ==, "B.test");
  g_assert_cmpint (nth (fixture, 0)->load, ==, 7);
  g_assert_cmpint (nth (fixture, 1)->load, ==, -1);
  g_assert_cmpuint (redirect_of (fixture)->settings->grace_s, ==, 5);
  write_settings (fixture, "policy = moon\n gateways = d.test\n");
  why = reload (fixture);
  g_assert_nonnull (strstr (why, "policy = moon"));
  g_assert_cmpstr (nth (fixture, 0)->name, ==, "B.test");
  write_settings (fixture, "");
  g_free (why);
  why = reload (fixture);
  g_assert_cmpstr (why, ==, NULL);
  g_assert_false (atomic_load (&redirect_of (fixture)->is_on));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/redirect/identities-as-text-and-on-the-wire", test_identities);
  g_test_add_func ("/redirect/digits-and-dots-are-no-name-on-the-wire", test_names_of_digits);
  g_test_add_func ("/redirect/what-is-no-identity", test_no_identities);
  g_test_add ("/redirect/a-reload-keeps-what-was-told", Fixture, NULL, set_up, test_reload,
              tear_down);
  return g_test_run ();
}
