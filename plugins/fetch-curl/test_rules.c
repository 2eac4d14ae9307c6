/* SPDX-License-Identifier: Apache-2.0 */
/* test_rules.c - which URIs and addresses the rules allow. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <ikebana/error.h>
#include "rules.h"

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const char *const none[] = { NULL };

static Rules *
make (const char *const *schemes, const char *const *hosts, const char *const *deny)
{
  g_autoptr (GError) error = NULL;
  Rules *rules = rules_new (schemes, hosts, deny, &error);

  g_assert_no_error (error);
  return rules;
}

static void
assert_allowed (const Rules *rules, const char *uri, const char *expected_host)
{
  g_autofree char *as_curl = NULL, *host = NULL;
  g_autoptr (GError) error = NULL;

  rules_allow (rules, uri, &as_curl, &host, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (host, ==, expected_host);
  g_assert_nonnull (as_curl);
}

static void
assert_refused (const Rules *rules, const char *uri, int code, const char *why)
{
  g_autofree char *as_curl = NULL, *host = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (rules_allow (rules, uri, &as_curl, &host, &error));
  g_assert_error (error, IKE_ERROR, code);
  if (!strstr (error->message, why))
    g_error ("%s: %s", uri, error->message);
  g_assert_null (as_curl);
  g_assert_null (host);
}

static void
test_schemes (void)
{
  g_autoptr (Rules) both = make (LIST ("http", "https"), LIST ("*"), none);
  g_autoptr (Rules) plain = make (LIST ("http"), LIST ("*"), none);

  assert_allowed (both, "https://crl.example.org/a.crl", "crl.example.org:443");
  assert_allowed (both, "HTTP://CRL.example.org:8080/a.crl?x=%20y", "crl.example.org:8080");
  assert_refused (plain, "https://crl.example.org/", IKE_ERROR_DENIED, "schemes");
  for (guint i = 0; i < 5; i++)
    assert_refused (both,
                    LIST ("file:///etc/passwd", "ftp://example.org/", "ldap://example.org/CN=x",
                          "gopher://example.org/", "data://text/plain,x")[i],
                    IKE_ERROR_DENIED, "schemes");
}

static void
test_malformed (void)
{
  g_autoptr (Rules) rules = make (LIST ("http", "https"), LIST ("*"), none);
  g_autofree char *filler = g_strnfill (FETCH_URI_MAX, 'a');
  g_autofree char *longest = g_strconcat ("http://example.org/", filler, NULL);

  assert_refused (rules, "", IKE_ERROR_SYNTAX, "no URI");
  assert_refused (rules, "example.org/x", IKE_ERROR_SYNTAX, "no URI");
  assert_refused (rules, "http://example.org/a\r\nHost: b", IKE_ERROR_SYNTAX, "no URI");
  assert_refused (rules, "http://example.org/a b", IKE_ERROR_SYNTAX, "no URI");
  assert_refused (rules, "http://example.org:99999/", IKE_ERROR_SYNTAX, "no URI");
  assert_refused (rules, "http://", IKE_ERROR_SYNTAX, "");
  assert_refused (rules, longest, IKE_ERROR_SYNTAX, "too long");
}

static void
test_users (void)
{
  g_autoptr (Rules) rules = make (LIST ("http"), LIST ("*"), none);

  assert_refused (rules, "http://alice@example.org/", IKE_ERROR_DENIED, "user name");
  assert_refused (rules, "http://alice:secret@example.org/", IKE_ERROR_DENIED, "user name");
  assert_refused (rules, "http://:secret@example.org/", IKE_ERROR_DENIED, "user name");
}

static void
test_hosts (void)
{
  g_autoptr (Rules) rules =
      make (LIST ("http"), LIST ("crl.example.org", "*.pki.example.org", "192.0.2.*"), none);

  assert_allowed (rules, "http://crl.example.org/", "crl.example.org:80");
  assert_allowed (rules, "http://CRL.Example.org./", "crl.example.org.:80");
  assert_allowed (rules, "http://a.b.pki.example.org/", "a.b.pki.example.org:80");
  assert_allowed (rules, "http://192.0.2.7/", "192.0.2.7:80");
  assert_refused (rules, "http://example.org/", IKE_ERROR_DENIED, "hosts");
  assert_refused (rules, "http://crl.example.org.evil.example/", IKE_ERROR_DENIED, "hosts");
  assert_refused (rules, "http://pki.example.org/", IKE_ERROR_DENIED, "hosts");
  /* Another way to write 192.0.3.7, which curl reads as an address. */
  assert_refused (rules, "http://0xc0000307/", IKE_ERROR_DENIED, "hosts");
}

static gboolean
allows (const Rules *rules, const char *text)
{
  IkeAddr addr;

  g_assert_true (ike_addr_parse (&addr, text, NULL));
  return rules_allow_addr (rules, &addr);
}

static void
test_addresses (void)
{
  g_autoptr (Rules) rules =
      make (LIST ("http"), LIST ("*"), LIST ("127.0.0.0/8", "::1", "fe80::/10", "198.51.100.7"));

  g_assert_false (allows (rules, "127.0.0.1"));
  g_assert_false (allows (rules, "127.255.255.255"));
  g_assert_true (allows (rules, "128.0.0.0"));
  g_assert_false (allows (rules, "::1"));
  g_assert_true (allows (rules, "::2"));
  g_assert_false (allows (rules, "febf::1"));
  g_assert_true (allows (rules, "fec0::1"));
  g_assert_false (allows (rules, "198.51.100.7"));
  g_assert_true (allows (rules, "198.51.100.8"));
}

/* As a socket is opened: an IPv4 address in disguise is one. */
static void
test_mapped_address (void)
{
  g_autoptr (Rules) rules = make (LIST ("http"), LIST ("*"), LIST ("127.0.0.0/8"));
  struct sockaddr_in6 mapped = { .sin6_family = AF_INET6 };
  IkeAddr addr;

  g_assert_cmpint (inet_pton (AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr), ==, 1);
  g_assert_true (ike_addr_from_sockaddr (&addr, (struct sockaddr *) &mapped, sizeof mapped));
  g_assert_false (rules_allow_addr (rules, &addr));
}

static void
test_bad_lists (void)
{
  static const struct {
    const char *scheme, *deny, *why;
  } cases[] = {
    { "ftp", "::1", "`schemes`" },       { "http", "example.org", "no address" },
    { "http", "10.0.0.0/33", "length" }, { "http", "10.0.0.0/x", "length" },
    { "http", "fe80::/129", "length" },  { "http", "%any", "no address" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (rules_new (LIST (cases[i].scheme), LIST ("*"), LIST (cases[i].deny), &error));
    g_assert_error (error, IKE_ERROR, IKE_ERROR_CONFIG);
    g_assert_nonnull (strstr (error->message, cases[i].why));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rules/other-schemes-are-refused", test_schemes);
  g_test_add_func ("/rules/what-is-no-uri-is-refused", test_malformed);
  g_test_add_func ("/rules/names-and-passwords-in-uris-are-refused", test_users);
  g_test_add_func ("/rules/hosts-are-those-of-the-patterns", test_hosts);
  g_test_add_func ("/rules/prefixes-deny-addresses", test_addresses);
  g_test_add_func ("/rules/a-mapped-address-is-the-one-it-stands-for", test_mapped_address);
  g_test_add_func ("/rules/lists-that-make-no-sense-are-refused", test_bad_lists);
  return g_test_run ();
}
