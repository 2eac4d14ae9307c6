/* SPDX-License-Identifier: Apache-2.0 */
/* test_attributes.c - attributes of pools: from settings to the wire, and from there to people. */
#include "pool_conf.h"
#include <string.h>

static PoolConf *
read_conf (const char *body, GPtrArray *problems)
{
  g_autofree char *text = g_strdup_printf ("pools { p {\n%s\n} }", body);
  g_autoptr (IkeTree) tree = ike_settings_parse (text, strlen (text), "test", NULL);

  g_assert_nonnull (tree);
  return pool_conf_read (ike_tree_get (tree, "pools.p"), problems);
}

static char *
describe (const PoolConf *conf)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < conf->attributes->len; i++) {
    const PoolAttribute *attribute = &g_array_index (conf->attributes, PoolAttribute, i);
    g_string_append_printf (text, "%s%u:", i ? "; " : "", attribute->type);
    g_assert_true (
        pool_attribute_describe (attribute->type, attribute->value, attribute->len, text));
  }
  return g_string_free (text, FALSE);
}

static void
test_settings (void)
{
  static const char *const cases[][2] = {
    { "dns = 10.0.0.53, fd00::53", "3:10.0.0.53; 10:fd00::53" },
    { "nbns = 10.0.0.5", "4:10.0.0.5" },
    { "dhcp = 10.0.0.6, fd00::6", "6:10.0.0.6; 12:fd00::6" },
    { "netmask = 255.255.255.0", "2:255.255.255.0" },
    { "server = 10.0.0.1", "23456:10.0.0.1" },
    { "subnet = 10.0.0.0/8, 2001:db8::/32, 0.0.0.0/0",
      "13:10.0.0.0/255.0.0.0; 15:2001:db8::/32; 13:0.0.0.0/0.0.0.0" },
    { "dns = 10.0.0.53\nsplit_dns = example.com, corp.test\nsplit_dns_ta = example.com 43547 8 1 "
      "B622, "
      "example.com 31406 8 2 f78c",
      "3:10.0.0.53; 25:example.com; 26:43547 8 1 b622; 26:31406 8 2 f78c; 25:corp.test" },
    { "encdns = 1 dot.example 10.0.0.53 fd00::53 alpn=dot port=8853",
      "27:1 dot.example 10.0.0.53 alpn=dot port=8853; 28:1 dot.example fd00::53 alpn=dot "
      "port=8853" },
    { "encdns = \"2 doh.example 10.0.0.53 alpn=h2|h3 dohpath=/q{?dns}\"",
      "27:2 doh.example 10.0.0.53 alpn=h2|h3 dohpath=/q{?dns}" },
    { "encdns_digest = dot.example 2 00ff", "29:dot.example 2 00ff" },
    { "7 = Ikebana", "7:Ikebana" },
    { "20 = 10.0.0.9", "20:0a000009" },
    { "28676 = 10.0.0.0/8", "28676:0a000000ff000000" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
    PoolConf *conf = read_conf (cases[i][0], problems);
    g_autofree char *text = describe (conf);
    if (problems->len)
      g_error ("%s: %s", cases[i][0], (char *) problems->pdata[0]);
    g_assert_cmpstr (text, ==, cases[i][1]);
    pool_conf_free (conf);
  }
}

static void
test_problems (void)
{
  static const char *const cases[][2] = {
    { "dns = none", "dns: 'none' is no address*" },
    { "nbns = fd00::1", "nbns: 'fd00::1' must be an IPv4 address*" },
    { "netmask = fd00::1", "netmask: *IPv4*" },
    { "subnet = 10.0.0.0", "subnet: *is no subnet*" },
    { "subnet = 10.0.0.0/33", "subnet: *is no subnet*" },
    { "split_dns = example.com", "split_dns: needs a server*" },
    { "dns = 10.0.0.1\nsplit_dns = example.com.", "split_dns: *is no domain name*" },
    { "dns = 10.0.0.1\nsplit_dns = a..b", "split_dns: *is no domain name*" },
    { "dns = 10.0.0.1\nsplit_dns_ta = example.com 1 8 2 f", "split_dns_ta: *is no trust anchor*" },
    { "dns = 10.0.0.1\nsplit_dns_ta = example.com 65536 8 2 ff",
      "split_dns_ta: *is no trust anchor*" },
    { "encdns = 0 dot.example 10.0.0.53 alpn=dot", "encdns: *priority*" },
    { "encdns = 1 dot.example alpn=dot", "encdns: *has no address*" },
    { "encdns = 1 dot.example 10.0.0.53", "encdns: *has no alpn*" },
    { "encdns = 1 dot.example 10.0.0.53 alpn=dot port=0", "encdns: *no port*" },
    { "encdns = 1 dot.example 10.0.0.53 alpn=dot|", "encdns: *alpn is empty*" },
    { "encdns = 1 dot.example 10.0.0.53 color=red", "encdns: *neither*" },
    { "encdns_digest = dot.example 2 xx", "encdns_digest: *is no digest*" },
    { "split_include = 10.0.0.0/8", "warning: split_include: *IKEv1*" },
    { "split_exclude = 10.0.0.0/8", "warning: split_exclude: *IKEv1*" },
    { "colour = red", "warning: colour: unknown key*" },
    { "1 = 10.0.0.1", "1: *addresses come from addrs*" },
    { "40000 = x", "40000: *beyond 32767*" },
    { "dns { a = b }", "dns: is a section*" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
    PoolConf *conf = read_conf (cases[i][0], problems);
    g_assert_cmpuint (problems->len, ==, 1);
    if (!g_pattern_match_simple (cases[i][1], problems->pdata[0]))
      g_error ("%s: %s", cases[i][0], (char *) problems->pdata[0]);
    pool_conf_free (conf);
  }
}

static void
test_addrs_of_a_section (void)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  PoolConf *conf = read_conf ("addrs = 10.3.0.0/24, fd00::/64\nstore = memory", problems);

  g_assert_cmpuint (problems->len, ==, 0);
  g_assert_cmpstr (conf->name, ==, "p");
  g_assert_cmpuint (pool_addrs_n (conf->addrs, 4), ==, 254);
  pool_conf_free (conf);
  g_assert_null (read_conf ("addrs = nowhere", problems));
  g_assert_cmpuint (problems->len, ==, 1);
}

/* -- what a peer may send */

static void
test_malformed (void)
{
  static const struct {
    guint16 type;
    gsize len;
    const char *value;
  } cases[] = {
    { 1, 3, "\1\2\3" },
    { 1, 5, "\1\2\3\4\5" },
    { 2, 4, "\xff\0\xff\0" },
    { 3, 16, "0123456789abcdef" },
    { 10, 4, "\1\2\3\4" },
    { 8, 16, "0123456789abcdef" },
    { 8, 17, "0123456789abcdef\x81" },
    { 13, 7, "\1\2\3\4\5\6\7" },
    { 13, 8, "\1\2\3\4\xff\0\xff\0" },
    { 14, 3, "\0\1\0" },
    { 15, 17, "0123456789abcdef\x81" },
    { 25, 0, "" },
    { 25, 5, "a b.c" },
    { 25, 4, "a.b\0" },
    { 25, 2, "a." },
    { 25, 5, "-rf.a" },
    { 26, 4, "\1\2\3\4" },
    { 27, 0, "" },
    { 27, 4, "\0\0\1\1" },                                     /* priority 0 */
    { 27, 9, "\0\1\0\1a\0\1\0\0" },                            /* no address */
    { 27, 8, "\0\1\1\1\x0a\0\0\1" },                           /* no name */
    { 27, 9, "\0\1\1\1\x0a\0\0\1 " },                          /* a name with a blank */
    { 27, 13, "\0\1\1\1\x0a\0\0\1a\0\4\0\0" },                 /* ipv4hint */
    { 27, 13, "\0\1\1\1\x0a\0\0\1a\0\1\0\0" },                 /* an empty alpn */
    { 27, 19, "\0\1\1\1\x0a\0\0\1a\0\3\0\2\0\1\0\3\0\2" },     /* cut off */
    { 27, 21, "\0\1\1\1\x0a\0\0\1a\0\3\0\2\0\1\0\3\0\2\0\1" }, /* a key twice */
    { 27, 14, "\0\1\1\1\x0a\0\0\1a\0\3\0\1\1" },               /* a port of one byte */
    { 28, 13, "\0\1\1\1\x0a\0\0\1a\0\2\0\0" },
    { 29, 5, "\2\1a\0\2" },
    { 29, 5, "\1\1a\0\2" },
    { 29, 2, "\1\xff" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree guint8 *value = g_malloc (cases[i].len + 1);
    memcpy (value, cases[i].value, cases[i].len);
    if (pool_attribute_describe (cases[i].type, value, cases[i].len, NULL))
      g_error ("case %u of type %u is taken", i, cases[i].type);
  }
}

static void
test_escaped (void)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_assert_true (pool_attribute_describe (7, (const guint8 *) "a\n\x1b[31m", 7, text));
  g_assert_null (strpbrk (text->str, "\n\x1b"));
  g_string_truncate (text, 0);
  g_assert_true (pool_attribute_describe (9999, (const guint8 *) "\0\xff", 2, text));
  g_assert_cmpstr (text->str, ==, "00ff");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pool-attributes/of-settings", test_settings);
  g_test_add_func ("/pool-attributes/problems-name-the-key", test_problems);
  g_test_add_func ("/pool-attributes/addresses-of-a-section", test_addrs_of_a_section);
  g_test_add_func ("/pool-attributes/malformed-values-are-none", test_malformed);
  g_test_add_func ("/pool-attributes/what-peers-send-is-escaped", test_escaped);
  return g_test_run ();
}
