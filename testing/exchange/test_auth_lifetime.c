/* SPDX-License-Identifier: Apache-2.0 */
/* test_auth_lifetime.c - who answered tells who began when to authenticate anew (RFC 4478). */
#include "exchange/bed.h"
#include "exchange/forge.h"
#include <string.h>

enum { INFORMATIONAL = 37, AUTH_LIFETIME = 16403 };

static const char *const plugins[] = { "auth-lifetime", NULL };

#define HOUR "auth_lifetime = 1h\nover_time = 10m\n"

static Bed *
make (gconstpointer flags, const char *conn_b, const char *more_a)
{
  return bed_new (&(BedOptions){ .seed = 3,
                                 .flags = GPOINTER_TO_UINT (flags),
                                 .conn_of = { BED_NEVER, conn_b },
                                 .child = BED_PFS BED_NEVER,
                                 .more_of = { more_a, NULL },
                                 .plugins = plugins });
}

static gboolean
has_new_one (Pair *pair, gpointer data)
{
  return pair_count (&pair->a, "ike.established") == 2;
}

/* When @a authenticates anew, from when it came up. */
static void
assert_in_time (Bed *bed, gint64 from_s, gint64 until_s)
{
  pair_run (bed->pair, from_s);
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.established"), ==, 1);
  while (!has_new_one (bed->pair, NULL) && from_s++ < until_s)
    pair_run (bed->pair, 1);
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.established"), ==, 2);
  flow_run (bed->flow, 2);
  bed_assert_one (bed);
  bed_assert_no_loss (bed);
}

/* Six minutes are kept for trying, and six more for those who came up together. */
static void
check_told (gconstpointer flags, const char *conn_b)
{
  Bed *bed = make (flags, conn_b, NULL);
  guint round;

  assert_in_time (bed, 2870, 3250);
  for (round = 2; round < 6; round++)
    pair_run (bed->pair, 3600);
  /* It goes on and on, and nothing is ever closed for want of it. */
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.established"), >=, 5);
  g_assert_null (strstr (bed->pair->b.log->str, "its life time is over"));
  bed_assert_one (bed);
  bed_free (bed);
}

static void
test_told (gconstpointer flags)
{
  check_told (flags, BED_NEVER HOUR);
  check_told (flags, BED_NEVER "reauth_time = 1h\nover_time = 10m\nrand_time = 5m\n");
}

/* RFC 4478, 2: "If the IKE SA is rekeyed, then the time limit applies to the new SA." */
static void
test_rekeyed (gconstpointer flags)
{
  Bed *bed = make (flags, "rekey_time = 20m\nrand_time = 0\n" HOUR, NULL);

  assert_in_time (bed, 2860, 3250);
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.rekeyed"), ==, 2);
  bed_free (bed);
}

/* RFC 4478, 4: "the original Responder will send a Delete notification". */
static void
check_deaf (gconstpointer flags, const char *conn_b, guint rekeyed)
{
  Bed *bed = make (flags, conn_b, "plugins { auth-lifetime { load = no } }\n");

  pair_run (bed->pair, 4150);
  g_assert_cmpuint (pair_count (&bed->pair->b, "ike.closed"), ==, 0);
  g_assert_cmpuint (pair_count (&bed->pair->b, "ike.rekeyed"), ==, rekeyed);
  pair_run (bed->pair, 100);
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.closed"), ==, 1);
  g_assert_cmpuint (pair_count (&bed->pair->b, "ike.closed"), ==, 1);
  g_assert_cmpuint (bed_n_sas (&bed->pair->b), ==, 0);
  bed_free (bed);
}

static void
test_deaf (gconstpointer flags)
{
  check_deaf (flags, BED_NEVER HOUR, 0);
  check_deaf (flags, BED_NEVER "reauth_time = 1h\nover_time = 10m\n", 0);
  check_deaf (flags, "rekey_time = 20m\nrand_time = 0\nreauth_time = 1h\nover_time = 10m\n", 3);
}

/* -- in an exchange of its own, by anybody */

static void
send_lifetime (Forge *forge, gboolean from_a, gboolean is_clear, guint32 id, guint32 seconds)
{
  guint8 body[8] = { 0, 0, AUTH_LIFETIME >> 8, AUTH_LIFETIME & 0xff };
  guint32 value = GUINT32_TO_BE (seconds);
  ForgeChain chain = { 0 };
  ForgeHead head = { .from_a = from_a, .is_clear = is_clear, .exchange = INFORMATIONAL, .id = id };

  memcpy (body + 4, &value, sizeof value);
  forge_add (&chain, IKE_PAYLOAD_NOTIFY, body, sizeof body);
  forge_send (forge, &head, &chain);
}

static Forge *
forge_make (gconstpointer flags)
{
  static const IkePluginInfo *const builtin[] = { &forge_plugin, NULL };
  Forge *forge = forge_new (
      &(PairOptions){ .flags = GPOINTER_TO_UINT (flags), .builtin = builtin, .plugins = plugins });

  pair_assert_up (forge->pair, NULL);
  return forge;
}

/* RFC 4478, 3: "A zero value signifies that the Initial exchange should begin immediately"; 5: one
 * "of less than 300 seconds from SA initiation may be considered unreasonable". */
static void
test_zero (gconstpointer flags)
{
  Forge *forge = forge_make (flags);
  PairEnd *a = &forge->pair->a;

  send_lifetime (forge, FALSE, FALSE, 0, 0);
  pair_run (forge->pair, 235);
  g_assert_cmpuint (pair_count (a, "ike.established"), ==, 1);
  pair_run (forge->pair, 70);
  g_assert_cmpuint (pair_count (a, "ike.established"), ==, 2);
  forge_free (forge);
}

static void
test_zero_of_old (gconstpointer flags)
{
  Forge *forge = forge_make (flags);
  PairEnd *a = &forge->pair->a;

  pair_run (forge->pair, 1000);
  send_lifetime (forge, FALSE, FALSE, 0, 0);
  pair_run (forge->pair, 3);
  g_assert_cmpuint (pair_count (a, "ike.established"), ==, 2);
  g_assert_cmpuint (pair_count (a, "ike.closed"), ==, 1);
  forge_free (forge);
}

/* "The AUTH_LIFETIME notification MUST be protected and MAY be sent by the original Responder". */
static void
test_nobodys (gconstpointer flags)
{
  Forge *forge = forge_make (flags);

  pair_run (forge->pair, 1000);
  send_lifetime (forge, FALSE, TRUE, 0, 0);
  send_lifetime (forge, TRUE, FALSE, 2, 0);
  pair_run (forge->pair, 600);
  g_assert_cmpuint (pair_count (&forge->pair->a, "ike.established"), ==, 1);
  g_assert_cmpuint (pair_count (&forge->pair->b, "ike.established"), ==, 1);
  /* The second one was heard, and meant nothing. */
  g_assert_cmpuint (forge_n_sent (forge, TRUE), >, 0);
  forge_free (forge);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("auth-lifetime", "who-is-told-authenticates-anew-in-time", test_told);
  pair_add_test ("auth-lifetime", "the-limit-goes-on-with-a-rekeyed-sa", test_rekeyed);
  pair_add_test ("auth-lifetime", "who-does-not-listen-is-closed", test_deaf);
  pair_add_test ("auth-lifetime", "zero-is-at-once-but-not-in-circles", test_zero);
  pair_add_test ("auth-lifetime", "zero-for-an-old-sa-is-at-once", test_zero_of_old);
  pair_add_test ("auth-lifetime", "only-the-responder-and-only-protected", test_nobodys);
  return g_test_run ();
}
