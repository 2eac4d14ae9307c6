/* SPDX-License-Identifier: Apache-2.0 */
/* test_model.c - trees into connections: keys, defaults, what is derived, what is wrong. */
#include "tests/config_fixture.h"

#define PSK "local { auth = psk }\n remote { auth = psk }\n"

static void
set_up (ConfigFixture *fixture, gconstpointer unused)
{
  config_fixture_init (fixture, "core { retransmit_tries = 7 }", NULL);
}

static void
tear_down (ConfigFixture *fixture, gconstpointer unused)
{
  config_fixture_clear (fixture);
}

/* The one connection `c` with @body. */
static const IkeConn *
build_conn (ConfigFixture *fixture, const char *body)
{
  g_autofree char *text = g_strdup_printf ("connections { c {\n%s\n" PSK "} }", body);
  return ike_config_conn (config_fixture_build (fixture, text, NULL), "c");
}

static const IkeChildConf *
build_child (ConfigFixture *fixture, const char *body)
{
  g_autofree char *text =
      g_strdup_printf ("children { net {\n%s\n} }\nremote_addrs = 192.0.2.1", body);
  const IkeConn *conn = build_conn (fixture, text);
  return conn ? ike_conn_child (conn, "net") : NULL;
}

static void
test_conn_defaults (ConfigFixture *fixture, gconstpointer unused)
{
  const IkeConn *conn = build_conn (fixture, "");

  config_fixture_assert_clean (fixture);
  g_assert_nonnull (conn);
  g_assert_cmpuint (conn->version, ==, 0);
  g_assert_cmpuint (conn->n_local_addrs, ==, 1);
  g_assert_cmpuint (conn->remote_addrs[0].kind, ==, 0);
  g_assert_cmpuint (conn->local_port, ==, 500);
  g_assert_cmpuint (ike_proposals_n (conn->proposals), >=, 1);
  g_assert_cmpuint (conn->rekey_time, ==, 14400);
  g_assert_cmpuint (conn->over_time, ==, 1440);
  g_assert_cmpuint (conn->rand_time, ==, 1440);
  g_assert_cmpuint (conn->reauth_time, ==, 0);
  g_assert_cmpuint (conn->fragmentation, ==, 1);
  g_assert_cmpuint (conn->keyingtries, ==, 1);
  g_assert_cmpuint (conn->retransmit_base_ms, ==, 4000);
  g_assert_cmpuint (conn->retransmit_tries, ==, 7);
  g_assert_cmpfloat (conn->retransmit_factor, ==, 1.8);
  g_assert_null (conn->local[0].id);
  g_assert_cmpuint (conn->n_children, ==, 0);
}

static void
test_conn_values (ConfigFixture *fixture, gconstpointer unused)
{
  const IkeConn *conn = build_conn (
      fixture,
      "version = 2\nlocal_addrs = 192.0.2.1, 10.0.0.0/8, 10.0.0.5-10.0.0.9, vpn-1.example\n"
      "unique = replace\nreauth_time = 2h\nover_time = 5m\nrand_time = 0\nencap = yes\n"
      "dscp = 101110\nretransmit_timeout = 1.5\nretransmit_tries = 3\nfragment_size = 1400\n"
      "proposals = aes256gcm16-prfsha256-x25519\nvips = 0.0.0.0, ::\nif_id_in = 0x10\n");
  config_fixture_assert_clean (fixture);
  g_assert_cmpuint (conn->version, ==, 2);
  g_assert_cmpuint (conn->n_local_addrs, ==, 4);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpuint (conn->local_addrs[i].kind, ==, i + 1);
  g_assert_cmpuint (conn->local_addrs[1].prefix_len, ==, 8);
  g_assert_cmpuint (conn->unique, ==, 1);
  g_assert_cmpuint (conn->rekey_time, ==, 0);
  g_assert_cmpuint (conn->reauth_time, ==, 7200);
  g_assert_cmpuint (conn->over_time, ==, 300);
  g_assert_cmpuint (conn->rand_time, ==, 0);
  g_assert_cmpuint (conn->dscp, ==, 0x2e);
  g_assert_cmpuint (conn->retransmit_base_ms, ==, 1500);
  g_assert_cmpuint (conn->retransmit_tries, ==, 3);
  g_assert_cmpuint (conn->fragment_size, ==, 1400);
  g_assert_cmpuint (conn->if_id_in, ==, 16);
  g_assert_cmpuint (g_strv_length (conn->vips), ==, 2);
}

static void
test_unique_if_ids (ConfigFixture *fixture, gconstpointer unused)
{
  const IkeConn *conn = build_conn (fixture, "if_id_in = %unique-dir\n");
  config_fixture_assert_clean (fixture);
  g_assert_cmphex (conn->if_id_in, ==, IKE_IF_ID_UNIQUE_DIR);
  conn = build_conn (fixture, "if_id = %unique\nif_id_in = 5\nchildren { c { if_id = 7 } }\n");
  config_fixture_assert_clean (fixture);
  g_assert_cmpuint (conn->if_id_in, ==, 5);
  g_assert_cmphex (conn->if_id_out, ==, IKE_IF_ID_UNIQUE);
  g_assert_cmpuint (conn->children[0]->if_id_in, ==, 7);
  g_assert_cmpuint (conn->children[0]->if_id_out, ==, 7);
  conn = build_conn (fixture, "if_id_in = %Unique\n");
  g_assert_cmphex (conn->if_id_in, ==, IKE_IF_ID_UNIQUE);
}

/* Each is wrong alone, fails only its connection, and says where. */
static void
test_conn_wrong (ConfigFixture *fixture, gconstpointer unused)
{
  static const char *const cases[][2] = {
    { "version = 3", "c.conf:2: connections.c.version: '3' is none of: 0, 1, 2" },
    { "local_prot = 1",
      "c.conf:2: connections.c.local_prot: unknown key, did you mean local_port?" },
    { "zzzzzzzzzz = 1", "c.conf:2: connections.c.zzzzzzzzzz: unknown key" },
    { "local_port = 65536", "*local_port: '65536' is not a port*" },
    { "rekey_time = 1w", "*rekey_time: '1w' is not a time*" },
    { "encap = on", "*encap: 'on' is not yes or no" },
    { "if_id_in = %uniqe", "*if_id_in: '%uniqe' is not a number, %unique or %unique-dir" },
    { "if_id_in = 0xffffffff", "*if_id_in: '0xffffffff' is not a number, %unique*" },
    { "dscp = 12", "*dscp: '12' is not six binary digits" },
    { "local_addrs = 10.0.0.0/33", "*local_addrs: '10.0.0.0/33' is no address*" },
    { "local_addrs = 10.0.0.9-10.0.0.5", "*local_addrs: *" },
    { "local_addrs = 300.0.0.1", "*'300.0.0.1' is no address*" },
    { "local_addrs = \"a b\"", "*'a b' is no address*" },
    { "remote_addrs = \",\"", "*remote_addrs: needs 1 to *" },
    { "proposals = aes257", "*proposals: *aes257*" },
    { "proposals = aes128-sha256-modp2048", "*proposals: *" },
    { "fragment_size = 100", "*fragment_size: 100 bytes are too few*" },
    { "retransmit_base = 0.5", "*retransmit_base: '0.5' is not a factor*" },
    { "retransmit_timeout = 0", "*retransmit_timeout: must not be 0" },
    { "vips = host", "*vips: 'host' is no address*" },
    { "proposals { }", "*proposals: takes a value, not a section*" },
    { "children = net", "*children: is a section, not a value*" },
    { "children { net = 1 }", "*children.net: is a value, not a section*" },
    { "quick = perhaps", "c.conf:2: connections.c.quick: 'perhaps' is no bool: write yes or no" },
    { "aggressive = yes",
      "*aggressive: is not supported yet; remove it or set it to no, its default" },
    { "mediation = yes", "*mediation: is not supported yet*" },
    { "lazy = no", "*lazy: belongs to plugin lazy, which is not ready: *" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text =
        g_strdup_printf ("connections { c {\n%s\n" PSK "}\n d {\n" PSK "} }", cases[i][0]);
    IkeConfig *config = config_fixture_build (fixture, text, NULL);
    config_fixture_assert_problem (fixture, cases[i][1]);
    g_assert_null (ike_config_conn (config, "c"));
    g_assert_nonnull (ike_config_conn (config, "d"));
  }
}

static void
test_unused_keys (ConfigFixture *fixture, gconstpointer unused)
{
  g_assert_nonnull (build_conn (fixture, "aggressive = false\nppk_required = 0\nlazy = yes\n"));
  config_fixture_assert_problem (
      fixture, "warning: c.conf:2: connections.c.aggressive: is not supported yet; ignored*");
  config_fixture_assert_problem (fixture, "warning: *lazy: belongs to plugin lazy*");
  g_assert_cmpuint (fixture->problems->len, ==, 3);
  g_assert_nonnull (build_conn (fixture, "mobike = no\nsend_cert = never\n"));
  config_fixture_assert_clean (fixture);
}

static void
test_auth (ConfigFixture *fixture, gconstpointer unused)
{
  const IkeConn *conn;

  config_fixture_build (
      fixture,
      "connections { c { local-b { auth = psk\n round = 2\n id = b.example }\n local { auth = "
      "psk\n token = 9 }\n"
      "remote { auth = psk\n id = %any }\n remote2 { auth = psk\n id = C=CH, CN=* } } }",
      NULL);
  config_fixture_assert_clean (fixture);
  conn = ike_config_conn (fixture->config, "c");
  g_assert_cmpuint (conn->n_local, ==, 2);
  g_assert_cmpstr (conn->local[0].name, ==, "local");
  g_assert_cmpstr (conn->local[1].name, ==, "local-b");
  g_assert_cmpstr (conn->local[1].id_text, ==, "b.example");
  g_assert_null (conn->remote[0].id);
  g_assert_nonnull (conn->remote[1].id);
}

/* All of it names a method, before its first part does. */
static void
test_auth_with_a_dash (ConfigFixture *fixture, gconstpointer unused)
{
  static const char *const methods[] = { "two-parts", "psk-of-old" };

  for (guint i = 0; i < G_N_ELEMENTS (methods); i++) {
    g_autofree char *text = g_strdup_printf (
        "connections { c { local { auth = %s }\n remote { auth = psk } } }", methods[i]);
    IkeConfig *config = config_fixture_build (fixture, text, NULL);

    g_assert_cmpuint (config->n_conns, ==, 1);
    g_assert_cmpstr (config->conns[0]->local[0].auth, ==, methods[i]);
  }
}

static void
test_auth_wrong (ConfigFixture *fixture, gconstpointer unused)
{
  static const char *const cases[][2] = {
    { "remote { auth = psk }", "*connections.c.local: is missing*" },
    { "local { auth = psk }", "*connections.c.remote: is missing*" },
    { "local { }\n remote { auth = psk }",
      "*c.local.auth: 'pubkey' cannot be used: *auth:pubkey*" },
    { "local { auth = two-words }\n remote { auth = psk }",
      "c.conf:2: *'two-words' cannot be used: *auth:two*" },
    { "local { auth = \"\" }\n remote { auth = psk }", "*'' is no authentication method*" },
    { "local { auth = psk\n id = \"fqdn:#xyz\" }\n remote { auth = psk }", "*c.local.id: *" },
    { "local { auth = psk\n certs = a.pem }\n remote { auth = psk }",
      "*c.local.certs: is not supported yet; remove it" },
    { "local { auth = psk\n cert-x { file = a } }\n remote { auth = psk }",
      "*c.local.cert-x: is not supported yet; remove it" },
    { "local { auth = psk\n token = x }\n remote { auth = psk }", "*token: 'x' is no uint" },
    { "local { auth = psk\n idd = x }\n remote { auth = psk }",
      "*c.local.idd: unknown key, did you mean id?" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = g_strdup_printf ("connections { c {\n%s } }", cases[i][0]);
    IkeConfig *config = config_fixture_build (fixture, text, NULL);
    config_fixture_assert_problem (fixture, cases[i][1]);
    g_assert_cmpuint (config->n_conns, ==, 0);
  }
}

static void
test_child_defaults (ConfigFixture *fixture, gconstpointer unused)
{
  const IkeChildConf *child = build_child (fixture, "");

  config_fixture_assert_clean (fixture);
  g_assert_nonnull (child->esp_proposals);
  g_assert_null (child->ah_proposals);
  g_assert_cmpuint (child->n_local_ts, ==, 1);
  g_assert_true (child->remote_ts[0].is_dynamic);
  g_assert_cmpuint (child->rekey_time, ==, 3600);
  g_assert_cmpuint (child->life_time, ==, 3960);
  g_assert_cmpuint (child->rand_time, ==, 360);
  g_assert_cmpuint (child->life_bytes, ==, 0);
  g_assert_cmpuint (child->mode, ==, IKE_MODE_TUNNEL);
  g_assert_cmpuint (child->replay_window, ==, 32);
  g_assert_true (child->has_policies);
  g_assert_cmpuint (child->flags, ==,
                    IKE_KERNEL_COPY_DF | IKE_KERNEL_COPY_ECN | IKE_KERNEL_COPY_DSCP_OUT);
  g_assert_cmpuint (child->dpd_action, ==, IKE_ACTION_NONE);
}

static void
test_child_values (ConfigFixture *fixture, gconstpointer unused)
{
  const IkeChildConf *child = build_child (
      fixture,
      "local_ts = 10.1.0.0/16, 10.2.0.0/16[tcp/80]\nremote_ts = dynamic\nmode = Transport\n"
      "life_time = 10m\nrekey_bytes = 1k\nlife_packets = 100\nrand_packets = 1\nstart_action = "
      "trap|start\n"
      "close_action = restart\ntfc_padding = mtu\nmark_in = 0xff/0x0f\ncopy_dscp = yes\ncopy_df = "
      "no\n"
      "updown = /bin/true\nreplay_window = 0\ncolour = Blue\n");
  config_fixture_assert_clean (fixture);
  g_assert_cmpuint (child->n_local_ts, ==, 2);
  g_assert_cmpuint (child->mode, ==, IKE_MODE_TRANSPORT);
  g_assert_cmpuint (child->rekey_time, ==, 540);
  g_assert_cmpuint (child->life_time, ==, 600);
  g_assert_cmpuint (child->rand_time, ==, 60);
  g_assert_cmpuint (child->life_bytes, ==, 1126);
  g_assert_cmpuint (child->rekey_packets, ==, 90);
  g_assert_cmpuint (child->rand_packets, ==, 1);
  g_assert_cmpuint (child->start_action, ==, IKE_ACTION_TRAP | IKE_ACTION_START);
  g_assert_cmpuint (child->close_action, ==, IKE_ACTION_START);
  g_assert_true (child->tfc_mtu);
  g_assert_cmphex (child->mark_in.value, ==, 0x0f);
  g_assert_cmpuint (child->flags, ==,
                    IKE_KERNEL_TFC_MTU | IKE_KERNEL_COPY_ECN | IKE_KERNEL_COPY_DSCP_IN
                        | IKE_KERNEL_COPY_DSCP_OUT);
  g_assert_cmpstr (child->updown, ==, "/bin/true");
}

static void
test_child_of_kernel (ConfigFixture *fixture, gconstpointer unused)
{
  const IkeChildConf *child =
      build_child (fixture, "mark_in = 0x12/0xf0\nmark_out = %unique\nset_mark_in = %same\n"
                            "set_mark_out = 7\nmark_in_sa = yes\nlabel = blue\nhw_offload = yes\n"
                            "ipcomp = yes\n");

  config_fixture_assert_clean (fixture);
  g_assert_cmphex (child->mark_in.value, ==, 0x10);
  g_assert_cmphex (child->mark_in.mask, ==, 0xf0);
  g_assert_cmphex (child->mark_out.value, ==, IKE_MARK_UNIQUE);
  g_assert_cmphex (child->set_mark_in.value, ==, IKE_MARK_SAME);
  g_assert_cmphex (child->set_mark_out.value, ==, 7);
  g_assert_true (child->mark_in_sa);
  g_assert_cmpstr (child->label, ==, "blue");
  g_assert_cmpuint (child->offload, ==, IKE_HW_OFFLOAD_CRYPTO);
  g_assert_true (child->ipcomp);
}

static void
test_child_wrong (ConfigFixture *fixture, gconstpointer unused)
{
  static const char *const cases[][2] = {
    { "esp_proposls = aes", "c.conf:3: connections.c.children.net.esp_proposls: unknown key, did "
                            "you mean esp_proposals?" },
    { "esp_proposals = aes999", "*esp_proposals: *aes999*" },
    { "local_ts = 10.0.0.0/99", "*local_ts: *" },
    { "remote_ts = \"\"", "*remote_ts: needs 1 to 64 selectors*" },
    { "mode = iptfs", "*mode: 'iptfs' is none of: tunnel, transport*" },
    { "start_action = trap|jump", "*start_action: 'trap|jump' is none of: *" },
    { "mark_in = %uniq", "*mark_in: '%uniq' is not a mark*" },
    { "mark_out = 0xffffffff", "*mark_out: '0xffffffff' is not a mark*" },
    { "mark_in = %same", "*mark_in: %same is for set_mark_in" },
    { "set_mark_out = %unique", "*set_mark_out: write %same to set the mark of the SA" },
    { "hw_offload = perhaps", "*hw_offload: 'perhaps' is none of: *" },
    { "tfc_padding = lots", "*tfc_padding: 'lots' is neither*" },
    { "ah_proposals = sha256\nesp_proposals = aes256gcm16", "c.conf:3: *ah_proposals: *" },
    { "per_cpu_sas = yes", "*per_cpu_sas: is not supported yet*" },
    { "label_mode = simple",
      "*label_mode: is not supported yet; remove it or set it to system, its default" },
    { "colour = pink", "*colour: 'pink' is none of: red, green, blue" },
    { "replay_window = 5000", "*replay_window: '5000' is not a number in its range" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_assert_null (build_child (fixture, cases[i][0]));
    config_fixture_assert_problem (fixture, cases[i][1]);
  }
  g_assert_nonnull (build_child (fixture, "rekey_time = 2h\nlife_time = 1h\n"));
  config_fixture_assert_problem (fixture, "warning: *rekey_time: is longer than life_time*");
}

static void
test_options (ConfigFixture *fixture, gconstpointer unused)
{
  const IkeConn *conn = build_conn (
      fixture, "quick = yes\nmotto = festina lente\nchildren { net { colour = blue } }\n");
  g_autoptr (GError) error = NULL;
  guint64 *copy;
  guint32 quick, motto, pause, colour;

  config_fixture_assert_clean (fixture);
  g_assert_true (ike_option_find (fixture->engine, "connection/quick", &quick, &error));
  g_assert_true (ike_option_find (fixture->engine, "connection/motto", &motto, &error));
  g_assert_true (ike_option_find (fixture->engine, "connection/pause", &pause, &error));
  g_assert_true (ike_option_find (fixture->engine, "child/colour", &colour, &error));
  g_assert_false (ike_option_find (fixture->engine, "child/color", &colour, &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (ike_option_find (fixture->engine, "child/colour", &colour, &error));
  g_assert_cmpuint (ike_option_uint (conn->options, quick), ==, 1);
  g_assert_cmpuint (ike_option_uint (conn->options, pause), ==, 120);
  g_assert_cmpuint (ike_option_uint (conn->children[0]->options, colour), ==, 2);
  copy = ike_options_copy (fixture->engine, conn->options);
  g_assert_cmpstr (ike_option_text (copy, motto), ==, "festina lente");
  g_assert_cmpuint (ike_option_uint (copy, quick), ==, 1);
  g_assert_cmpuint (ike_option_uint (NULL, quick), ==, 0);
  g_assert_cmpuint (ike_option_uint (copy, 100000), ==, 0);
  ike_options_free (fixture->engine, copy);
  conn = build_conn (fixture, "motto =\n");
  g_assert_cmpstr (ike_option_text (conn->options, motto), ==, "carpe diem");
}

/* -- secrets */

static void
assert_secret (ConfigFixture *fixture, const char *local, const char *remote, const char *expected)
{
  g_autoptr (IkeIdent) ours = local ? ike_ident_parse (local, NULL) : NULL;
  g_autoptr (IkeIdent) theirs = remote ? ike_ident_parse (remote, NULL) : NULL;
  g_autoptr (IkeSecretBlob) blob = ike_config_find_secret (fixture->config, "ike", ours, theirs);
  g_autofree char *text =
      blob ? g_strndup ((char *) ike_secret_blob_data (blob), ike_secret_blob_len (blob)) : NULL;

  g_assert_cmpstr (text, ==, expected);
}

static void
test_secrets (ConfigFixture *fixture, gconstpointer unused)
{
  config_fixture_build (fixture,
                        "secrets { ike-any { secret = for-anybody }\n ike-1 { id = moon\n id-2 = "
                        "sun\n secret = moon-and-sun }\n"
                        "ike2 { id = moon\n secret = only-moon }\n ike-w { id = \"*.example\"\n "
                        "secret = all-of-example }\n"
                        "ike-x { id = hex\n secret = 0x6162636465666768 }\n ike-b { id = base\n "
                        "secret = 0sYWJjZGVmZ2g= }\n"
                        "eap-a { id = moon\n secret = another-type } }",
                        NULL);
  config_fixture_assert_clean (fixture);
  assert_secret (fixture, "moon", "sun", "moon-and-sun");
  assert_secret (fixture, "moon", NULL, "moon-and-sun");
  assert_secret (fixture, "venus", "mars", "for-anybody");
  assert_secret (fixture, NULL, NULL, "for-anybody");
  assert_secret (fixture, "venus", "host.example", "all-of-example");
  assert_secret (fixture, NULL, "hex", "abcdefgh");
  assert_secret (fixture, NULL, "base", "abcdefgh");
  g_assert_null (ike_tree_get (fixture->config->tree, "secrets.ike-1.secret"));
  g_assert_cmpstr (ike_tree_string (fixture->config->tree, "secrets.ike-1.id", NULL), ==, "moon");
}

static void
test_secrets_wrong (ConfigFixture *fixture, gconstpointer unused)
{
  static const char *const cases[][2] = {
    { "ike { }", "*secrets.ike.secret: is missing or empty" },
    { "ike { secret = 0x123 }", "*begins with 0x but*" },
    { "ike { secret = 0x }", "*begins with 0x but*" },
    { "ike { secret = 0sA=BC }", "*begins with 0s but*" },
    { "ike { secret = long-enough\n secrte = x }",
      "*secrets.ike.secrte: unknown key, did you mean secret?" },
    { "ike = x", "*secrets.ike: is a section*" },
    { "iek { secret = x }", "*secrets.iek: begins with none of the known types: ike*" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = g_strdup_printf ("secrets { %s }", cases[i][0]);
    config_fixture_build (fixture, text, NULL);
    config_fixture_assert_problem (fixture, cases[i][1]);
    assert_secret (fixture, NULL, NULL, NULL);
  }
  config_fixture_build (fixture, "secrets { ike { secret = short }\n rsa-a { file = a.pem } }",
                        NULL);
  config_fixture_assert_problem (fixture, "warning: *secrets.ike.secret: is shorter than 8 bytes*");
  config_fixture_assert_problem (fixture,
                                 "warning: *secrets.rsa-a: no plugin takes secrets of type rsa*");
  assert_secret (fixture, NULL, NULL, "short");
}

/* -- snapshots */

static void
test_sharing (ConfigFixture *fixture, gconstpointer unused)
{
  g_autoptr (IkeConfig) first = ike_config_ref (
      config_fixture_build (fixture, "connections { a { " PSK "}\n b { " PSK "} }", NULL));
  IkeConfig *second = config_fixture_build (
      fixture, "\nconnections { b { version = 2\n" PSK "}\n a { " PSK "} }", first);

  g_assert_true (ike_config_conn (first, "a") == ike_config_conn (second, "a"));
  g_assert_true (ike_config_conn (first, "b") != ike_config_conn (second, "b"));
  g_assert_cmpuint (second->generation, ==, first->generation + 1);
  second = config_fixture_build (fixture, "connections { a { version = 9\n" PSK "} }", first);
  config_fixture_assert_problem (fixture,
                                 "warning: *connections.a: stays as it was until this is mended");
  g_assert_true (ike_config_conn (first, "a") == ike_config_conn (second, "a"));
}

static void
test_other_sections (ConfigFixture *fixture, gconstpointer unused)
{
  config_fixture_build (
      fixture,
      "conections { }\ntemplate { }\npools { p { addrs = 10.0.0.0/24\n dsn = 1\n 1 = 2 } }\n"
      "authorities { a { crl_uris = x\n bad = 1 } }\n"
      "connections { c { pools = p, q\n" PSK "} }",
      NULL);
  config_fixture_assert_problem (fixture,
                                 "warning: *conections: is not read; did you mean connections?");
  config_fixture_assert_problem (fixture, "warning: *pools.p.dsn: unknown key*");
  config_fixture_assert_problem (fixture, "warning: *authorities.a.bad: unknown key*");
  config_fixture_assert_problem (fixture, "warning: *pools: 'q' is no section of pools*");
  g_assert_cmpuint (fixture->problems->len, ==, 4);
}

static void
test_sections_of_plugins (ConfigFixture *fixture, gconstpointer unused)
{
  config_fixture_sections = g_string_new (NULL);
  config_fixture_build (fixture,
                        "authorities { a { file = x\n } }\n"
                        "secrets { pkcs12-k { file = bad\n secret = s }\n pkcs12 { file = y }\n"
                        "  pkcs12-l { }\n token-1 { handle = 7 } }\n"
                        "connections { c { " PSK "} }",
                        NULL);
  g_assert_cmpstr (config_fixture_sections->str, ==,
                   "begin a=x a=x pkcs12-k=bad pkcs12=y pkcs12-l=? ");
  config_fixture_assert_problem (fixture, "c.conf:3: secrets.pkcs12-k.file: cannot be read");
  config_fixture_assert_problem (fixture, "c.conf:6: secrets.pkcs12-l: names no file");
  config_fixture_assert_problem (fixture, "warning: *secrets.token-1: no plugin takes secrets of*");
  g_assert_cmpuint (fixture->problems->len, ==, 3);
  g_string_truncate (config_fixture_sections, 0);
  ike_sections_commit (fixture->engine);
  g_assert_cmpstr (config_fixture_sections->str, ==, "commit ");
  g_string_free (config_fixture_sections, TRUE);
  config_fixture_sections = NULL;
}

static void
test_methods_judge_their_sections (ConfigFixture *fixture, gconstpointer unused)
{
  static const char text[] =
      "connections { c { local { auth = picky\n token = %s\n cert-x { file = y } }\n"
      "  remote { auth = psk } } }";
  g_autofree char *good = g_strdup_printf (text, "1"), *old = g_strdup_printf (text, "7");
  g_autofree char *gone = g_strdup_printf (text, "13");
  g_autoptr (IkeConfig) first = ike_config_ref (config_fixture_build (fixture, good, NULL));

  config_fixture_assert_clean (fixture);
  g_assert_nonnull (ike_config_conn (first, "c"));
  config_fixture_build (fixture, old, NULL);
  config_fixture_assert_problem (fixture, "warning: c.conf:2: connections.c.local.token: our end*");
  g_assert_nonnull (ike_config_conn (fixture->config, "c"));
  config_fixture_build (fixture, old, fixture->config);
  g_assert_cmpuint (fixture->problems->len, ==, 1);
  config_fixture_build (fixture, gone, NULL);
  config_fixture_assert_problem (fixture, "c.conf:2: connections.c.local.token: there is no such*");
  g_assert_null (ike_config_conn (fixture->config, "c"));
}

/* What nobody acts upon is said: a warning where only a timer is missing, a failure where a
 * protection would be. */
static void
test_unacted_keys (ConfigFixture *fixture, gconstpointer unused)
{
  IkeConfig *config;

  config = config_fixture_build (fixture,
                                 "connections { c { dpd_timeout = 30s\n" PSK "}\n"
                                 "  d { if_id_out = 7\n" PSK
                                 "}\n e { dpd_timeout = 0\n if_id_out = 0\n" PSK "}\n"
                                 "  f { children { x { mode = drop } }\n" PSK "} }",
                                 NULL);
  config_fixture_assert_problem (fixture,
                                 "warning: *connections.c.dpd_timeout: no plugin*has no effect*");
  config_fixture_assert_problem (
      fixture, "*connections.d.if_id_out: no plugin*offers acts:connection/if_id_out*");
  g_assert_cmpuint (fixture->problems->len, ==, 2);
  g_assert_nonnull (ike_config_conn (config, "c"));
  g_assert_null (ike_config_conn (config, "d"));
  g_assert_nonnull (ike_config_conn (config, "e"));
  g_assert_nonnull (ike_config_conn (config, "f"));
}

static void
test_children_by_name (ConfigFixture *fixture, gconstpointer unused)
{
  const IkeChildConf *child = NULL;

  config_fixture_build (fixture,
                        "connections { a { " PSK "children { one { } two { } } } b { " PSK
                        " children { three { } } } }",
                        NULL);
  g_assert_cmpstr (ike_config_conn_of_child (fixture->config, "three", &child)->name, ==, "b");
  g_assert_cmpstr (child->name, ==, "three");
  g_assert_null (ike_config_conn_of_child (fixture->config, "four", NULL));
  g_assert_cmpstr (ike_conn_child (ike_config_conn (fixture->config, "a"), NULL)->name, ==, "one");
  g_assert_null (ike_conn_child (ike_config_conn (fixture->config, "a"), "three"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, function)                                                                       \
  g_test_add ("/model/" name, ConfigFixture, NULL, set_up, function, tear_down)
  TEST ("a-connection-has-the-defaults-of-swanctl", test_conn_defaults);
  TEST ("a-connection-takes-its-values", test_conn_values);
  TEST ("sections-go-to-the-plugins-that-read-them", test_sections_of_plugins);
  TEST ("methods-judge-sections-also-when-nothing-changed", test_methods_judge_their_sections);
  TEST ("an-interface-id-may-be-unique", test_unique_if_ids);
  TEST ("a-wrong-key-fails-its-connection-only", test_conn_wrong);
  TEST ("an-unsupported-key-is-a-warning-at-its-default", test_unused_keys);
  TEST ("authentication-is-sorted-by-round", test_auth);
  TEST ("a-method-with-a-dash-is-found-by-all-of-its-name", test_auth_with_a_dash);
  TEST ("authentication-that-cannot-be-is-explained", test_auth_wrong);
  TEST ("a-child-has-the-defaults-of-swanctl", test_child_defaults);
  TEST ("a-child-takes-its-values", test_child_values);
  TEST ("a-child-says-what-the-kernel-shall-do", test_child_of_kernel);
  TEST ("a-wrong-child-fails-its-connection", test_child_wrong);
  TEST ("options-of-plugins-are-stored-by-index", test_options);
  TEST ("the-best-secret-is-found", test_secrets);
  TEST ("wrong-secrets-are-left-out", test_secrets_wrong);
  TEST ("what-did-not-change-is-shared", test_sharing);
  TEST ("other-sections-are-checked-too", test_other_sections);
  TEST ("what-nothing-acts-upon-is-said", test_unacted_keys);
  TEST ("children-are-found-by-name", test_children_by_name);
  return g_test_run ();
}
