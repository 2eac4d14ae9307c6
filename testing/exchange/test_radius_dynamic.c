/* SPDX-License-Identifier: Apache-2.0 */
/* test_radius_dynamic.c - sessions that a RADIUS server closes or changes (RFC 5176), and requests
 * that name none, or ask for what cannot be done. */
#include "exchange/radius_bed.h"
#include <string.h>

#define ACCOUNTS "accounting = yes\n"

enum { DISCONNECT = IKE_RADIUS_DISCONNECT_REQUEST, COA = IKE_RADIUS_COA_REQUEST };
enum { STOP = 2, INTERIM = 3 };

static guint
n_sas (RadiusBed *r)
{
  IkeTree *status = pair_status (&r->pair->b);
  guint n = ike_tree_n (ike_tree_get (status, "sas"));

  ike_tree_free (status);
  return n;
}

static RadiusBed *
bed (gconstpointer flags, const char *settings)
{
  RadiusBed *r = radius_bed_new (flags, settings, NULL);

  g_assert_true (ike_addr_parse (&r->wanted[r->n_wanted++], "0.0.0.0", NULL));
  ike_radius_add (&r->grant, IKE_RADIUS_FRAMED_IP_ADDRESS, "\x0a\x03\0\x07", 4);
  ike_radius_add_text (&r->grant, IKE_RADIUS_CHARGEABLE_USER_IDENTITY, "c1");
  ike_radius_add (&r->grant, IKE_RADIUS_FRAMED_IPV6_PREFIX, "\0\x10\x20\x01", 4);
  return r;
}

static RadiusBed *
up (gconstpointer flags, const char *settings)
{
  RadiusBed *r = bed (flags, settings);

  radius_bed_assert_up (r);
  return r;
}

/* -- sessions that are found */

typedef struct {
  const char *name;
  guint8 type;
  const char *text; /* NULL: @number */
  guint32 number;
  gboolean is_counted; /* it is the number of the IKE SA */
} Name;

static const Name names[] = {
  { "user-name", IKE_RADIUS_USER_NAME, "carol", 0, FALSE },
  { "framed-ip-address", IKE_RADIUS_FRAMED_IP_ADDRESS, NULL, 0x0a030007, FALSE },
  { "calling-station-id", IKE_RADIUS_CALLING_STATION_ID, "10.0.0.1[500]", 0, FALSE },
  { "nas-port", IKE_RADIUS_NAS_PORT, NULL, 1, TRUE },
  { "framed-ipv6-prefix", IKE_RADIUS_FRAMED_IPV6_PREFIX, NULL, 0x00102001, FALSE },
  { "chargeable-user-identity", IKE_RADIUS_CHARGEABLE_USER_IDENTITY, "c1", 0, FALSE },
};

static void
check_found (RadiusBed *r, const Name *name, guint nth)
{
  const TestAsked *stop;
  guint32 error_cause;

  radius_bed_assert_up (r);
  error_cause = name->text ? radius_bed_ask (r, DISCONNECT, name->type, name->text, 0)
                           : radius_bed_ask (r, DISCONNECT, name->type, NULL,
                                             name->number + (name->is_counted ? nth : 0), 0);
  g_test_message ("%s", name->name);
  g_assert_cmpuint (error_cause, ==, 0);
  pair_run (r->pair, 1);
  g_assert_cmpuint (n_sas (r), ==, 0);
  stop = radius_bed_account (STOP, nth);
  g_assert_nonnull (stop);
  g_assert_cmpuint (test_service_u32 (stop, IKE_RADIUS_ACCT_TERMINATE_CAUSE), ==, 6);
  /* Once more: it is not there. */
  g_assert_cmpuint (radius_bed_ask (r, DISCONNECT, IKE_RADIUS_USER_NAME, "carol", 0), ==, 503);
}

static void
test_found (gconstpointer flags)
{
  RadiusBed *r = bed (flags, ACCOUNTS);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    check_found (r, &names[i], i);
  radius_bed_free (r);
}

/* Its ID is that of the Access-Request, and of its accounts. */
static void
test_found_by_id (gconstpointer flags)
{
  RadiusBed *r = up (flags, "");
  IkeRadiusAttribute id;
  char text[64] = "";
  const TestAsked *asked = test_service_asked (0);

  g_assert_true (
      ike_radius_find (asked->attributes, asked->len, 0, IKE_RADIUS_ACCT_SESSION_ID, &id));
  memcpy (text, id.value, id.len);
  g_assert_cmpuint (radius_bed_ask (r, DISCONNECT, IKE_RADIUS_USER_NAME, "carol",
                                    IKE_RADIUS_ACCT_SESSION_ID, text, 0),
                    ==, 0);
  pair_run (r->pair, 1);
  g_assert_cmpuint (n_sas (r), ==, 0);
  radius_bed_free (r);
}

static void
test_found_after_rekeying (gconstpointer flags)
{
  RadiusBed *r = up (flags, ACCOUNTS);
  IkeTree *args = ike_tree_new_section ();
  g_autofree char *error = NULL;

  ike_tree_set_string (args, "name", "pair");
  ike_tree_free (pair_command (&r->pair->a, "rekey", args, &error));
  /* Before anything else happened: the table may still know the SA that was replaced. */
  g_assert_cmpuint (radius_bed_ask (r, DISCONNECT, IKE_RADIUS_USER_NAME, "carol",
                                    IKE_RADIUS_NAS_PORT, NULL, 1, 0),
                    ==, 0);
  pair_run (r->pair, 300);
  g_assert_cmpuint (n_sas (r), ==, 0);
  g_assert_nonnull (radius_bed_account (STOP, 0));
  g_assert_null (radius_bed_account (STOP, 1));
  radius_bed_free (r);
}

/* With all that a session may be found by; the address is text, byte for byte. */
static void
test_found_by_the_last_address (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, "", NULL);

  ike_radius_add_text (&r->grant, IKE_RADIUS_CHARGEABLE_USER_IDENTITY, "c-1");
  ike_radius_add (&r->grant, IKE_RADIUS_FRAMED_IPV6_PREFIX, "\0\x40\x20\x01\x0d\xb8\0\0\0\1", 10);
  for (r->n_leased = 0; r->n_leased < 7; r->n_leased++) {
    IkeAddr *addr = &r->leased[r->n_leased];
    g_assert_true (ike_addr_parse (addr, "3031:3233:3435:3637:3839:6162:6364:6560", NULL));
    addr->bytes[15] += (guint8) r->n_leased;
  }
  radius_bed_assert_up (r);
  pair_run (r->pair, 1);
  g_assert_cmpuint (
      radius_bed_ask (r, DISCONNECT, IKE_RADIUS_FRAMED_IPV6_ADDRESS, "0123456789abcdef", 0), ==, 0);
  pair_run (r->pair, 1);
  g_assert_cmpuint (n_sas (r), ==, 0);
  radius_bed_free (r);
}

/* -- requests that are refused, and change nothing */

static void
test_refused (gconstpointer flags)
{
  RadiusBed *r = up (flags, "nas_identifier = gate");

#define REFUSE(cause, ...) g_assert_cmpuint (radius_bed_ask (r, __VA_ARGS__, 0), ==, cause)
  REFUSE (503, DISCONNECT, IKE_RADIUS_USER_NAME, "dave");
  REFUSE (503, DISCONNECT, IKE_RADIUS_USER_NAME, "caro");
  REFUSE (503, DISCONNECT, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_NAS_PORT, NULL, 99u);
  REFUSE (503, DISCONNECT, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_FRAMED_IP_ADDRESS, NULL,
          0x0a030008u);
  REFUSE (503, DISCONNECT, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_ACCT_MULTI_SESSION_ID, "x");
  REFUSE (403, DISCONNECT, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_NAS_IP_ADDRESS, NULL,
          0x0a000009u);
  REFUSE (403, DISCONNECT, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_NAS_IDENTIFIER, "other");
  REFUSE (402, DISCONNECT, IKE_RADIUS_NAS_IP_ADDRESS, NULL, 0x0a000002u);
  /* What all sessions of a gateway have in common tells none from another. */
  REFUSE (402, DISCONNECT, IKE_RADIUS_CALLED_STATION_ID, "10.0.0.2[500]");
  REFUSE (401, DISCONNECT, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_SESSION_TIMEOUT, NULL, 5u);
  REFUSE (401, DISCONNECT, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_SERVICE_TYPE, NULL, 17u);
  REFUSE (401, DISCONNECT, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_VENDOR_SPECIFIC, NULL, 9u);
  REFUSE (407, DISCONNECT, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_ACCT_TERMINATE_CAUSE, "x");
  REFUSE (402, COA, IKE_RADIUS_USER_NAME, "carol");
  REFUSE (402, COA, IKE_RADIUS_SESSION_TIMEOUT, NULL, 5u);
  REFUSE (405, COA, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_SERVICE_TYPE, NULL, 17u);
  REFUSE (401, COA, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_FILTER_ID, "guests");
  REFUSE (401, COA, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_FRAMED_POOL, "other");
  REFUSE (407, COA, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_SESSION_TIMEOUT, "x");
  REFUSE (404, COA, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_SESSION_TIMEOUT, NULL, 5u,
          IKE_RADIUS_STATE, "a", IKE_RADIUS_STATE, "b");
  REFUSE (503, COA, IKE_RADIUS_USER_NAME, "dave", IKE_RADIUS_SESSION_TIMEOUT, NULL, 5u);
#undef REFUSE
  pair_run (r->pair, 60);
  g_assert_cmpuint (n_sas (r), ==, 1);
  /* These fit: both ways to say which gateway is meant. */
  g_assert_cmpuint (radius_bed_ask (r, DISCONNECT, IKE_RADIUS_USER_NAME, "carol",
                                    IKE_RADIUS_NAS_IP_ADDRESS, NULL, 0x0a000002u,
                                    IKE_RADIUS_NAS_IDENTIFIER, "gate", IKE_RADIUS_PROXY_STATE, "p",
                                    IKE_RADIUS_EVENT_TIMESTAMP, NULL, 1u, 0),
                    ==, 0);
  pair_run (r->pair, 1);
  g_assert_cmpuint (n_sas (r), ==, 0);
  radius_bed_free (r);
}

static void
test_malformed (gconstpointer flags)
{
  static const struct {
    const char *bytes;
    gsize len;
  } cases[] = { { "\x01\x07"
                  "carol\x01",
                  8 },
                { "\x01\x07"
                  "carol\x1b\x06\0",
                  10 },
                { "\x01\x02", 2 },
                { "\x01\x07"
                  "carol\x1b\x01\0\0",
                  11 } };
  RadiusBed *r = up (flags, "");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    TestDynamic answer;
    test_service_dynamic (r->pair->b.engine, DISCONNECT, (const guint8 *) cases[i].bytes,
                          cases[i].len, &answer);
    ike_sim_settle (r->pair->sim);
    g_assert_true (answer.is_there);
    g_assert_false (answer.is_done);
    g_assert_cmpuint (answer.error_cause, ==, 404);
  }
  pair_run (r->pair, 10);
  g_assert_cmpuint (n_sas (r), ==, 1);
  radius_bed_free (r);
}

/* -- changes */

static void
test_times_change (gconstpointer flags)
{
  RadiusBed *r = up (flags, ACCOUNTS);

  pair_run (r->pair, 100);
  g_assert_cmpuint (radius_bed_ask (r, COA, IKE_RADIUS_USER_NAME, "carol",
                                    IKE_RADIUS_SESSION_TIMEOUT, NULL, 500u, 0),
                    ==, 0);
  pair_run (r->pair, 400);
  /* Longer, too. */
  g_assert_cmpuint (radius_bed_ask (r, COA, IKE_RADIUS_USER_NAME, "carol",
                                    IKE_RADIUS_SESSION_TIMEOUT, NULL, 1000u,
                                    IKE_RADIUS_ACCT_INTERIM_INTERVAL, NULL, 100u, 0),
                    ==, 0);
  pair_run (r->pair, 950);
  g_assert_cmpuint (n_sas (r), ==, 1);
  g_assert_nonnull (radius_bed_account (INTERIM, 8));
  g_assert_null (radius_bed_account (INTERIM, 9));
  /* More seconds than 32 bits have microseconds. */
  g_assert_cmpuint (radius_bed_ask (r, COA, IKE_RADIUS_USER_NAME, "carol",
                                    IKE_RADIUS_SESSION_TIMEOUT, NULL, 10000u,
                                    IKE_RADIUS_IDLE_TIMEOUT, NULL, 20000u,
                                    IKE_RADIUS_ACCT_INTERIM_INTERVAL, NULL, 15000u, 0),
                    ==, 0);
  pair_run (r->pair, 9900);
  g_assert_cmpuint (n_sas (r), ==, 1);
  pair_run (r->pair, 200);
  g_assert_cmpuint (n_sas (r), ==, 0);
  g_assert_null (radius_bed_account (INTERIM, 9));
  g_assert_cmpuint (
      test_service_u32 (radius_bed_account (STOP, 0), IKE_RADIUS_ACCT_TERMINATE_CAUSE), ==, 5);
  radius_bed_free (r);
}

static void
test_idle_changes (gconstpointer flags)
{
  RadiusBed *r = up (flags, ACCOUNTS);

  pair_run (r->pair, 1000);
  g_assert_cmpuint (n_sas (r), ==, 1);
  radius_bed_carry (r, 1000, 1000);
  g_assert_cmpuint (
      radius_bed_ask (r, COA, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_IDLE_TIMEOUT, NULL, 50u, 0),
      ==, 0);
  pair_run (r->pair, 45);
  g_assert_cmpuint (n_sas (r), ==, 1);
  pair_run (r->pair, 10);
  g_assert_cmpuint (n_sas (r), ==, 0);
  radius_bed_free (r);
}

static void
assert_groups (RadiusBed *r, const char *wanted)
{
  IkeTree *status = pair_status (&r->pair->b);
  const IkeTree *groups = ike_tree_get (ike_tree_nth (ike_tree_get (status, "sas"), 0), "groups");
  g_autoptr (GString) text = g_string_new (NULL);
  guint i;

  for (i = 0; i < (groups ? ike_tree_n (groups) : 0); i++)
    g_string_append_printf (text, "%s ", ike_tree_text (ike_tree_nth (groups, i), NULL));
  g_assert_cmpstr (text->str, ==, wanted);
  ike_tree_free (status);
}

static void
test_groups_change (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, ACCOUNTS "filter_id = yes\n class_group = yes", NULL);
  const TestAsked *stop;

  ike_radius_add_text (&r->grant, IKE_RADIUS_FILTER_ID, "staff");
  ike_radius_add_text (&r->grant, IKE_RADIUS_FILTER_ID, "night");
  radius_bed_assert_up (r);
  assert_groups (r, "staff night ");
  g_assert_cmpuint (radius_bed_ask (r, COA, IKE_RADIUS_USER_NAME, "carol", IKE_RADIUS_FILTER_ID,
                                    "night", IKE_RADIUS_CLASS, "c7", 0),
                    ==, 0);
  assert_groups (r, "night c7 ");
  pair_down (r->pair, "pair", NULL);
  pair_run (r->pair, 1);
  stop = radius_bed_account (STOP, 0);
  g_assert_true (test_service_has_text (stop, IKE_RADIUS_CLASS, "c7"));
  radius_bed_free (r);
}

/* RFC 5176, 3.3: State comes back as it was. */
static void
test_state_comes_back (gconstpointer flags)
{
  static const guint8 attributes[] = "\x01\x07"
                                     "carol\x1b\x06\0\0\1\0\x18\x04hm";
  RadiusBed *r = up (flags, "");
  TestDynamic answer;

  test_service_dynamic (r->pair->b.engine, COA, attributes, sizeof attributes - 1, &answer);
  ike_sim_settle (r->pair->sim);
  g_assert_true (answer.is_done);
  g_assert_cmpuint (answer.state_len, ==, 4);
  radius_bed_free (r);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("radius-dynamic", "a-session-is-closed-by-each-of-its-names", test_found);
  pair_add_test ("radius-dynamic", "by-its-id", test_found_by_id);
  pair_add_test ("radius-dynamic", "just-when-it-was-rekeyed", test_found_after_rekeying);
  pair_add_test ("radius-dynamic", "by-the-last-of-many-addresses", test_found_by_the_last_address);
  pair_add_test ("radius-dynamic", "what-is-refused-changes-nothing", test_refused);
  pair_add_test ("radius-dynamic", "malformed-requests", test_malformed);
  pair_add_test ("radius-dynamic", "times-change", test_times_change);
  pair_add_test ("radius-dynamic", "idle-timeout-changes", test_idle_changes);
  pair_add_test ("radius-dynamic", "groups-change", test_groups_change);
  pair_add_test ("radius-dynamic", "state-comes-back", test_state_comes_back);
  return g_test_run ();
}
