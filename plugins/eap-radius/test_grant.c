/* SPDX-License-Identifier: Apache-2.0 */
/* test_grant.c - what a server may say about a user: what counts, and what is left out, by name. */
#include "grant.h"

typedef struct {
  const char *name;
  const char *hex;     /* attributes */
  const char *what;    /* of what is granted, as describe() says */
  const char *problem; /* name of what is left out; NULL: nothing is */
} Case;

static const Case cases[] = {
  { "nothing", "", "", NULL },
  { "address", "08060a030007", "4=10.3.0.7", NULL },
  { "the-first-address-counts", "08060a03000708060a030008", "4=10.3.0.7", NULL },
  { "the-gateway-chooses", "0806fffffffe", "4=nas", NULL },
  { "the-user-chooses", "0806ffffffff", "4=user", NULL },
  { "address-of-nobody", "080600000000", "", "Framed-IP-Address" },
  { "address-of-a-group", "0806e0000001", "", "Framed-IP-Address" },
  { "address-of-a-loopback", "08067f000001", "", "Framed-IP-Address" },
  { "address-too-short", "08050a0300", "", "Framed-IP-Address" },
  { "address-too-long", "08070a03000700", "", "Framed-IP-Address" },
  { "netmask", "0906ffffff00", "mask=255.255.255.0", NULL },
  { "netmask-of-one", "0906ffffffff", "mask=255.255.255.255", NULL },
  { "netmask-with-a-hole", "0906ff00ff00", "", "Framed-IP-Netmask" },
  { "address-v6", "a81220010db8000000000000000000000007", "6=2001:db8::7", NULL },
  { "address-v6-of-a-group", "a812ff020000000000000000000000000001", "", "Framed-IPv6-Address" },
  { "address-v6-of-four-bytes", "a8060a030007", "", "Framed-IPv6-Address" },
  { "prefix", "610c004020010db800000001", "6=2001:db8:0:1::1", NULL },
  { "prefix-of-one", "6114008020010db8000000000000000000000009", "6=2001:db8::9", NULL },
  { "prefix-and-interface", "610c004020010db800000001600a0102030405060708",
    "6=2001:db8:0:1:102:304:506:708", NULL },
  { "interface-without-prefix", "600a0102030405060708", "", NULL },
  { "interface-too-short", "600901020304050607", "", "Framed-Interface-Id" },
  { "prefix-longer-than-128", "6114008120010db8000000000000000000000009", "",
    "Framed-IPv6-Prefix" },
  { "prefix-shorter-than-its-length", "6108004020010db8", "", "Framed-IPv6-Prefix" },
  { "delegated", "7b0b003820010db8000001", "delegated=2001:db8:0:100::/56", NULL },
  { "delegated-everything", "7b040000", "", "Delegated-IPv6-Prefix" },
  { "dns", "1a0c000001371c060a000035a91220010db8000000000000000000000053",
    "dns=10.0.0.53 dns=2001:db8::53", NULL },
  { "dns-of-nowhere", "1a0c000001371c0600000000", "", "MS-Primary-DNS-Server" },
  { "dns-of-another-vendor", "1a0c000001381c060a000035", "", NULL },
  { "nbns", "1a12000001371e060a0000371f060a000038", "nbns=10.0.0.55 nbns=10.0.0.56", NULL },
  { "pool", "580773616c6573", "pool=sales", NULL },
  { "pool-with-control-characters", "580773610a6573", "", "Framed-Pool" },
  { "pool-empty", "5802", "", "Framed-Pool" },
  { "pool-v6", "64077369786573", "pool6=sixes", NULL },
  { "times", "1b060000012c1c060000003c550600000258", "session=300 idle=60 interim=600", NULL },
  { "times-of-another-length", "1b04012c", "", "Session-Timeout" },
  { "user", "01076361726f6c", "user=5", NULL },
};

static GByteArray *
bytes_of (const char *hex)
{
  GByteArray *bytes = g_byte_array_new ();

  for (; hex[0] && hex[1]; hex += 2) {
    guint8 byte = (guint8) (g_ascii_xdigit_value (hex[0]) << 4 | g_ascii_xdigit_value (hex[1]));
    g_byte_array_append (bytes, &byte, 1);
  }
  return bytes;
}

static void
say (GString *text, const char *key, const char *value)
{
  g_string_append_printf (text, "%s%s=%s", text->len ? " " : "", key, value);
}

static void
say_addr (GString *text, const char *key, const IkeAddr *addr)
{
  char buffer[IKE_ADDR_TEXT_SIZE];

  say (text, key, ike_addr_format (addr, FALSE, buffer));
}

static void
say_number (GString *text, const char *key, guint number)
{
  char buffer[16];

  g_snprintf (buffer, sizeof buffer, "%u", number);
  say (text, key, buffer);
}

static void
describe_addresses (const Grant *grant, GString *text)
{
  IkeAddr addr6;

  if (grant->from4 == GRANT_ADDR_GIVEN)
    say_addr (text, "4", &grant->addr4);
  else if (grant->from4)
    say (text, "4", grant->from4 == GRANT_ADDR_OF_NAS ? "nas" : "user");
  if (grant->netmask.family)
    say_addr (text, "mask", &grant->netmask);
  if (grant_addr6 (grant, &addr6))
    say_addr (text, "6", &addr6);
  if (grant->delegated.family) {
    say_addr (text, "delegated", &grant->delegated);
    g_string_append_printf (text, "/%u", grant->delegated_len);
  }
}

static char *
describe (const Grant *grant)
{
  GString *text = g_string_new (NULL);

  describe_addresses (grant, text);
  for (guint i = 0; i < grant->n_dns; i++)
    say_addr (text, "dns", &grant->dns[i]);
  for (guint i = 0; i < grant->n_nbns; i++)
    say_addr (text, "nbns", &grant->nbns[i]);
  if (grant->pool4[0])
    say (text, "pool", grant->pool4);
  if (grant->pool6[0])
    say (text, "pool6", grant->pool6);
  if (grant->has_session)
    say_number (text, "session", grant->session_s);
  if (grant->has_idle)
    say_number (text, "idle", grant->idle_s);
  if (grant->has_interim)
    say_number (text, "interim", grant->interim_s);
  if (grant->user_len)
    say_number (text, "user", (guint) grant->user_len);
  return g_string_free (text, FALSE);
}

static void
test_case (gconstpointer data)
{
  const Case *c = data;
  g_autoptr (GByteArray) bytes = bytes_of (c->hex);
  g_autoptr (GPtrArray) problems = g_ptr_array_new ();
  g_autofree char *what = NULL;
  Grant grant;

  grant_read (&grant, bytes->data, bytes->len, 0, problems);
  what = describe (&grant);
  g_assert_cmpstr (what, ==, c->what);
  g_assert_cmpuint (problems->len, ==, c->problem ? 1 : 0);
  if (c->problem)
    g_assert_cmpstr (problems->pdata[0], ==, c->problem);
  grant_clear (&grant);
}

static void
test_groups (void)
{
  /* Class gold, Class with a zero, Filter-Id guests, Filter-Id with a line end */
  g_autoptr (GByteArray) bytes = bytes_of ("1906676f6c64190300"
                                           "0b08677565737473"
                                           "0b04670a");
  static const struct {
    guint flags;
    const char *groups;
  } wanted[] = { { 0, "" },
                 { GRANT_CLASS_IS_GROUP, "gold " },
                 { GRANT_FILTER_IS_GROUP, "guests " },
                 { GRANT_CLASS_IS_GROUP | GRANT_FILTER_IS_GROUP, "gold guests " } };

  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++) {
    g_autoptr (GString) groups = g_string_new (NULL);
    Grant grant;

    grant_read (&grant, bytes->data, bytes->len, wanted[i].flags, NULL);
    for (guint k = 0; k < grant.n_groups; k++)
      g_string_append_printf (groups, "%s ", grant.groups[k]);
    g_assert_cmpstr (groups->str, ==, wanted[i].groups);
    /* For accounting they are what they were. */
    g_assert_cmpmem (grant.classes, grant.classes_len, bytes->data, 9);
    grant_clear (&grant);
  }
}

/* One more than there is room for, of all that may come often. */
static void
test_bounds (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint8 one[255] = { 0 };
  Grant grant;

  for (guint i = 0; i < 40; i++) {
    one[0] = IKE_RADIUS_FILTER_ID;
    one[1] = 3;
    one[2] = (guint8) ('A' + i);
    g_byte_array_append (bytes, one, 3);
    one[0] = IKE_RADIUS_CLASS;
    one[1] = 102;
    g_byte_array_append (bytes, one, 102);
    one[0] = IKE_RADIUS_DNS_SERVER_IPV6_ADDRESS;
    one[1] = 18;
    one[3] = 1;
    g_byte_array_append (bytes, one, 18);
  }
  grant_read (&grant, bytes->data, bytes->len, GRANT_FILTER_IS_GROUP, NULL);
  g_assert_cmpuint (grant.n_groups, ==, GRANT_GROUPS_MAX);
  g_assert_cmpstr (grant.groups[GRANT_GROUPS_MAX - 1], ==, "P");
  g_assert_cmpuint (grant.classes_len, ==, 1020);
  g_assert_cmpuint (grant.n_dns, ==, GRANT_DNS_MAX);
  grant_clear (&grant);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/grant/%s", cases[i].name);
    g_test_add_data_func (path, &cases[i], test_case);
  }
  g_test_add_func ("/grant/groups-are-what-the-operator-says", test_groups);
  g_test_add_func ("/grant/everything-is-bounded", test_bounds);
  return g_test_run ();
}
