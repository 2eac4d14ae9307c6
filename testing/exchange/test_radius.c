/* SPDX-License-Identifier: Apache-2.0 */
/* test_radius.c - sessions of users that a RADIUS server let in: what they are given, how long they
 * last, and what is told about them. */
#include "exchange/radius_bed.h"
#include <string.h>

#define ACCOUNTS "accounting = yes"

enum { START = 1, STOP = 2, INTERIM = 3, ON = 7, OFF = 8 };
enum {
  USER_REQUEST = 1,
  LOST_CARRIER = 2,
  IDLE = 4,
  SESSION = 5,
  ADMIN_RESET = 6,
  ADMIN_REBOOT = 7
};

static void
give_u32 (RadiusBed *r, guint8 type, guint32 value)
{
  ike_radius_add_u32 (&r->grant, type, value);
}

static guint32
value_of (guint32 status, guint nth, guint8 type)
{
  const TestAsked *asked = radius_bed_account (status, nth);

  g_assert_nonnull (asked);
  return test_service_u32 (asked, type);
}

static guint
n_accounts (guint32 status)
{
  guint n = 0;

  while (radius_bed_account (status, n))
    n++;
  return n;
}

static void
want (RadiusBed *r, const char *addr)
{
  g_assert_true (ike_addr_parse (&r->wanted[r->n_wanted++], addr, NULL));
}

/* -- accounts */

static void
test_account (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, ACCOUNTS, NULL);
  const TestAsked *start, *stop;
  IkeRadiusAttribute id, id_at_end;

  ike_radius_add_text (&r->grant, IKE_RADIUS_CLASS, "gold");
  ike_radius_add (&r->grant, IKE_RADIUS_CLASS, "\0\xff", 2);
  want (r, "0.0.0.0");
  ike_radius_add (&r->grant, IKE_RADIUS_FRAMED_IP_ADDRESS, "\x0a\x03\0\x07", 4);
  radius_bed_assert_up (r);
  start = radius_bed_account (START, 0);
  g_assert_nonnull (start);
  g_assert_true (test_service_has_text (start, IKE_RADIUS_USER_NAME, "carol"));
  g_assert_true (test_service_has (start, IKE_RADIUS_NAS_IP_ADDRESS, "\x0a\0\0\2", 4));
  g_assert_true (test_service_has (start, IKE_RADIUS_FRAMED_IP_ADDRESS, "\x0a\x03\0\7", 4));
  g_assert_true (test_service_has_text (start, IKE_RADIUS_CALLING_STATION_ID, "10.0.0.1[500]"));
  g_assert_true (test_service_has_text (start, IKE_RADIUS_CALLED_STATION_ID, "10.0.0.2[500]"));
  g_assert_cmpuint (test_service_u32 (start, IKE_RADIUS_ACCT_AUTHENTIC), ==, 1);
  g_assert_cmpuint (test_service_u32 (start, IKE_RADIUS_ACCT_DELAY_TIME), ==, 0);
  g_assert_cmpuint (test_service_u32 (start, IKE_RADIUS_ACCT_SESSION_TIME), ==, G_MAXUINT32);
  g_assert_true (
      ike_radius_find (start->attributes, start->len, 0, IKE_RADIUS_ACCT_SESSION_ID, &id));

  pair_run (r->pair, 90);
  radius_bed_carry (r, (G_GUINT64_CONSTANT (3) << 32) + 5000, 7000);
  pair_down (r->pair, "pair", NULL);
  pair_run (r->pair, 1);
  stop = radius_bed_account (STOP, 0);
  g_assert_nonnull (stop);
  g_assert_true (
      ike_radius_find (stop->attributes, stop->len, 0, IKE_RADIUS_ACCT_SESSION_ID, &id_at_end));
  g_assert_cmpmem (id.value, id.len, id_at_end.value, id_at_end.len);
  g_assert_cmpuint (test_service_u32 (stop, IKE_RADIUS_ACCT_INPUT_OCTETS), ==, 5000);
  g_assert_cmpuint (test_service_u32 (stop, IKE_RADIUS_ACCT_INPUT_GIGAWORDS), ==, 3);
  g_assert_cmpuint (test_service_u32 (stop, IKE_RADIUS_ACCT_OUTPUT_OCTETS), ==, 7000);
  g_assert_cmpuint (test_service_u32 (stop, IKE_RADIUS_ACCT_OUTPUT_GIGAWORDS), ==, G_MAXUINT32);
  g_assert_cmpuint (test_service_u32 (stop, IKE_RADIUS_ACCT_OUTPUT_PACKETS), ==, 7);
  g_assert_cmpuint (test_service_u32 (stop, IKE_RADIUS_ACCT_TERMINATE_CAUSE), ==, USER_REQUEST);
  g_assert_cmpuint (test_service_u32 (stop, IKE_RADIUS_ACCT_SESSION_TIME), >=, 90);
  g_assert_cmpuint (test_service_u32 (stop, IKE_RADIUS_ACCT_SESSION_TIME), <=, 92);
  g_assert_cmpuint (n_accounts (START), ==, 1);
  g_assert_cmpuint (n_accounts (STOP), ==, 1);
  g_assert_cmpuint (n_accounts (ON), ==, 1);
  radius_bed_free (r);
}

static void
test_refused (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, ACCOUNTS, NULL);
  g_autofree char *error = NULL;
  IkeTree *explained;

  r->is_dead = TRUE;
  error = radius_bed_up (r);
  g_assert_nonnull (error);
  pair_run (r->pair, 60);
  explained = pair_explain (&r->pair->b);
  g_assert_nonnull (strstr (ike_tree_string (explained, "reason", ""),
                            "no RADIUS server answered in 20 s: first"));
  ike_tree_free (explained);
  g_assert_cmpuint (n_accounts (START), ==, 0);
  g_assert_cmpuint (n_accounts (STOP), ==, 0);
  radius_bed_free (r);
}

static void
rekey_and_wait (RadiusBed *r, PairEnd *end, const char *child, gint64 seconds)
{
  IkeTree *args = ike_tree_new_section ();
  g_autofree char *error = NULL;

  ike_tree_set_string (args, "name", child ? child : "pair");
  ike_tree_free (pair_command (end, "rekey", args, &error));
  g_assert_cmpstr (error, ==, NULL);
  pair_run (r->pair, seconds);
}

static void
rekey (RadiusBed *r, PairEnd *end, const char *child)
{
  rekey_and_wait (r, end, child, 10);
}

/* What was replaced is heard for five seconds: an IKE SA that ends before counts that, too. */
static void
test_ends_soon_after_a_rekeying (gconstpointer flags)
{
  for (guint from_b = 0; from_b < 2; from_b++) {
    RadiusBed *r = radius_bed_new (flags, ACCOUNTS, NULL);
    radius_bed_assert_up (r);
    radius_bed_carry (r, 1000, 2000);
    rekey_and_wait (r, from_b ? &r->pair->b : &r->pair->a, "net", 1);
    radius_bed_carry (r, 5000, 5000);
    pair_down (r->pair, "pair", NULL);
    pair_run (r->pair, 300);
    g_assert_cmpuint (n_accounts (STOP), ==, 1);
    g_assert_cmpuint (value_of (STOP, 0, IKE_RADIUS_ACCT_INPUT_OCTETS), ==, 6000);
    g_assert_cmpuint (value_of (STOP, 0, IKE_RADIUS_ACCT_OUTPUT_OCTETS), ==, 7000);
    radius_bed_free (r);
  }
}

/* Of three CHILD_SAs and two IKE SAs, one session. */
static void
test_rekeyed (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, ACCOUNTS, NULL);

  radius_bed_assert_up (r);
  radius_bed_carry (r, 1000, 2000);
  rekey (r, &r->pair->a, "net");
  radius_bed_carry (r, 5000, 5000);
  rekey (r, &r->pair->b, NULL);
  radius_bed_carry (r, 10000, 20000);
  rekey (r, &r->pair->b, "net");
  radius_bed_carry (r, 100000, 200000);
  g_assert_cmpuint (n_accounts (STOP), ==, 0);
  pair_down (r->pair, "pair", NULL);
  /* The IKE SA that was replaced may stay a while. */
  pair_run (r->pair, 300);
  g_assert_cmpuint (n_accounts (START), ==, 1);
  g_assert_cmpuint (n_accounts (STOP), ==, 1);
  g_assert_cmpuint (value_of (STOP, 0, IKE_RADIUS_ACCT_INPUT_OCTETS), ==, 111000);
  g_assert_cmpuint (value_of (STOP, 0, IKE_RADIUS_ACCT_OUTPUT_OCTETS), ==, 222000);
  g_assert_cmpuint (value_of (STOP, 0, IKE_RADIUS_ACCT_INPUT_PACKETS), ==, 111);
  g_assert_cmpuint (value_of (STOP, 0, IKE_RADIUS_ACCT_SESSION_TIME), <=, 40);
  radius_bed_free (r);
}

static void
test_interim (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, ACCOUNTS, NULL);

  give_u32 (r, IKE_RADIUS_ACCT_INTERIM_INTERVAL, 10); /* less than is allowed: 60 */
  radius_bed_assert_up (r);
  radius_bed_carry (r, 1000, 2000);
  pair_run (r->pair, 61);
  g_assert_cmpuint (n_accounts (INTERIM), ==, 1);
  g_assert_cmpuint (value_of (INTERIM, 0, IKE_RADIUS_ACCT_INPUT_OCTETS), ==, 1000);
  g_assert_cmpuint (value_of (INTERIM, 0, IKE_RADIUS_ACCT_SESSION_TIME), ==, 60);
  g_assert_cmpuint (value_of (INTERIM, 0, IKE_RADIUS_ACCT_TERMINATE_CAUSE), ==, G_MAXUINT32);
  radius_bed_carry (r, 5000, 6000);
  rekey (r, &r->pair->b, NULL);
  pair_run (r->pair, 60);
  g_assert_cmpuint (n_accounts (INTERIM), ==, 2);
  g_assert_cmpuint (value_of (INTERIM, 1, IKE_RADIUS_ACCT_INPUT_OCTETS), ==, 5000);
  pair_run (r->pair, 600);
  g_assert_cmpuint (n_accounts (INTERIM), ==, 12);
  radius_bed_free (r);
}

/* -- servers that do not answer */

static void
test_server_comes_back (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, ACCOUNTS, NULL);
  guint n;

  give_u32 (r, IKE_RADIUS_ACCT_INTERIM_INTERVAL, 60);
  pair_run (r->pair, 1);
  radius_bed_assert_up (r);
  pair_run (r->pair, 1);
  r->is_dead = TRUE;
  pair_run (r->pair, 600);
  pair_down (r->pair, "pair", NULL);
  pair_run (r->pair, 3600);
  n = test_service_n ();
  /* Asked less and less often. */
  g_assert_cmpuint (n, <, 40);
  r->is_dead = FALSE;
  pair_run (r->pair, 600);
  g_assert_cmpuint (pair_count (&r->pair->b, "eap-radius.accounts-delivered"), ==, 3);
  g_assert_cmpuint (n_accounts (STOP), ==, 1);
  g_assert_cmpuint (value_of (STOP, 0, IKE_RADIUS_ACCT_SESSION_TIME), <=, 605);
  g_assert_cmpuint (value_of (STOP, 0, IKE_RADIUS_ACCT_DELAY_TIME), >=, 3600);
  g_assert_cmpuint (value_of (STOP, 0, IKE_RADIUS_ACCT_DELAY_TIME), <=, 4210);
  g_assert_cmpuint (pair_count (&r->pair->b, "eap-radius.accounts-lost"), ==, 0);
  radius_bed_free (r);
}

/* An account that makes the server choke holds up no other session, and is given up after a day. */
static void
test_one_is_not_taken (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, ACCOUNTS, NULL);

  r->deaf_to = "choke";
  ike_radius_add_text (&r->grant, IKE_RADIUS_CLASS, "choke");
  radius_bed_assert_up (r);
  pair_run (r->pair, 1);
  pair_down (r->pair, "pair", NULL);
  r->grant.len = 0;
  for (guint i = 0; i < 30; i++) {
    radius_bed_assert_up (r);
    pair_run (r->pair, 60);
    pair_down (r->pair, "pair", NULL);
    pair_run (r->pair, 3600);
  }
  /* All of the others, and of the one neither Start nor Stop. */
  g_assert_cmpuint (pair_count (&r->pair->b, "eap-radius.accounts-delivered"), ==, 60);
  g_assert_cmpuint (pair_count (&r->pair->b, "eap-radius.accounts-lost"), ==, 2);
  radius_bed_free (r);
}

/* No server of its group is there any more: whoever reads the log has a day to mend that. */
static void
test_group_without_servers (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, ACCOUNTS, NULL);

  pair_run (r->pair, 1);
  radius_bed_assert_up (r);
  pair_run (r->pair, 1);
  r->is_dead = TRUE;
  test_service_n_servers = 0;
  pair_down (r->pair, "pair", NULL);
  pair_run (r->pair, 23 * 3600);
  g_assert_cmpuint (pair_count (&r->pair->b, "eap-radius.accounts-lost"), ==, 0);
  pair_run (r->pair, 2 * 3600);
  g_assert_cmpuint (pair_count (&r->pair->b, "eap-radius.accounts-lost"), ==, 1);
  radius_bed_free (r);
}

static void
test_queue_is_bounded (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, ACCOUNTS "\n accounting_queue = 4", NULL);

  pair_run (r->pair, 1);
  for (guint i = 0; i < 5; i++) {
    r->is_dead = FALSE;
    radius_bed_assert_up (r);
    r->is_dead = TRUE;
    pair_down (r->pair, "pair", NULL);
    pair_run (r->pair, 1);
  }
  g_assert_cmpuint (pair_count (&r->pair->b, "eap-radius.accounts-lost"), >, 0);
  g_assert_cmpuint (pair_count (&r->pair->b, "eap-radius.accounts-lost")
                        + pair_count (&r->pair->b, "eap-radius.accounts-delivered"),
                    >=, 6);
  radius_bed_free (r);
}

/* What a server did not take is told by the next run, as late as it then is, and once. */
static void
test_accounts_outlive_a_crash (gconstpointer flags)
{
  RadiusBed *r;

  radius_bed_keeps = TRUE;
  r = radius_bed_new (flags, ACCOUNTS, NULL);
  pair_run (r->pair, 1);
  radius_bed_assert_up (r);
  g_assert_cmpuint (radius_bed_n_kept (), ==, 0);
  r->is_dead = TRUE;
  pair_run (r->pair, 90);
  pair_down (r->pair, "pair", NULL);
  pair_run (r->pair, 10);
  g_assert_cmpuint (radius_bed_n_kept (), ==, 1);
  radius_bed_restart (r);
  r->is_dead = FALSE;
  test_service_forget ();
  pair_run (r->pair, 20);
  g_assert_cmpuint (n_accounts (ON), ==, 1);
  g_assert_cmpuint (n_accounts (STOP), ==, 1);
  g_assert_cmpuint (value_of (STOP, 0, IKE_RADIUS_ACCT_SESSION_TIME), ==, 90);
  g_assert_cmpuint (value_of (STOP, 0, IKE_RADIUS_ACCT_DELAY_TIME), >=, 10);
  g_assert_true (
      test_service_has_text (radius_bed_account (STOP, 0), IKE_RADIUS_USER_NAME, "carol"));
  g_assert_cmpuint (radius_bed_n_kept (), ==, 0);
  radius_bed_free (r);
}

/* RFC 2866, 5.1: a server that hears Accounting-On ends all sessions that it knows of a gateway: so
 * it comes first. */
static void
test_on_comes_first (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, ACCOUNTS, NULL);

  test_service_n_servers = 3;
  r->is_silent = TRUE;
  pair_run (r->pair, 1);
  g_assert_cmpuint (n_accounts (ON), ==, 3);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpuint (radius_bed_account (ON, i)->server, ==, 7 + i);
  r->is_silent = FALSE;
  radius_bed_assert_up (r);
  pair_run (r->pair, 1);
  g_assert_cmpuint (n_accounts (START), ==, 0);
  test_service_fail (test_service_open (), "no RADIUS server answered");
  test_service_answer (test_service_open (), IKE_RADIUS_ACCOUNTING_RESPONSE, NULL, 0);
  pair_run (r->pair, 1);
  g_assert_cmpuint (n_accounts (START), ==, 0);
  test_service_answer (test_service_open (), IKE_RADIUS_ACCOUNTING_RESPONSE, NULL, 0);
  pair_run (r->pair, 1);
  g_assert_cmpuint (n_accounts (START), ==, 1);
  radius_bed_free (r);
}

static void
shut_down (gpointer engine)
{
  ike_engine_shutdown (engine, 10000);
}

/* RFC 2866, 4.1: all of them name the same gateway; what is longer than an attribute is cut. */
static void
test_name_of_the_gateway (gconstpointer flags)
{
  g_autofree char *cut = g_strnfill (IKE_RADIUS_VALUE_MAX, 'g');
  g_autofree char *settings = g_strdup_printf (ACCOUNTS "\n nas_identifier = %sh", cut);
  RadiusBed *r = radius_bed_new (flags, settings, NULL);
  static const guint32 each[] = { ON, START, STOP, OFF };

  radius_bed_assert_up (r);
  ike_loop_post (ike_engine_control (r->pair->b.engine), shut_down, r->pair->b.engine, NULL);
  pair_run (r->pair, 1);
  for (guint i = 0; i < G_N_ELEMENTS (each); i++) {
    const TestAsked *asked = radius_bed_account (each[i], 0);

    g_assert_nonnull (asked);
    g_assert_true (test_service_has_text (asked, IKE_RADIUS_NAS_IDENTIFIER, cut));
  }
  radius_bed_free (r);
}

/* -- ends */

/* The @nth session is over, for the reason of RFC 2866, 5.10. */
static void
assert_over (RadiusBed *r, guint nth, guint32 cause)
{
  pair_run (r->pair, 1);
  g_assert_cmpuint (n_accounts (STOP), ==, nth + 1);
  g_assert_cmpuint (value_of (STOP, nth, IKE_RADIUS_ACCT_TERMINATE_CAUSE), ==, cause);
  g_assert_cmpuint (n_accounts (START), ==, nth + 1);
}

static void
end_by_command (RadiusBed *r, guint nth)
{
  IkeTree *args = ike_tree_new_section ();
  g_autofree char *error = NULL;

  radius_bed_assert_up (r);
  ike_tree_set_string (args, "name", "pair");
  ike_tree_free (pair_command (&r->pair->b, "down", args, &error));
  assert_over (r, nth, ADMIN_RESET);
}

static void
end_by_session_timeout (RadiusBed *r, guint nth)
{
  give_u32 (r, IKE_RADIUS_SESSION_TIMEOUT, 300);
  radius_bed_assert_up (r);
  pair_run (r->pair, 200);
  rekey (r, &r->pair->a, NULL);
  pair_run (r->pair, 85);
  g_assert_cmpuint (n_accounts (STOP), ==, nth);
  pair_run (r->pair, 10);
  g_assert_cmpuint (value_of (STOP, nth, IKE_RADIUS_ACCT_SESSION_TIME), ==, 300);
  assert_over (r, nth, SESSION);
  r->grant.len = 0;
}

static void
end_by_idle_timeout (RadiusBed *r, guint nth)
{
  give_u32 (r, IKE_RADIUS_IDLE_TIMEOUT, 100);
  radius_bed_assert_up (r);
  pair_run (r->pair, 90);
  radius_bed_carry (r, 1000, 0);
  pair_run (r->pair, 95);
  g_assert_cmpuint (n_accounts (STOP), ==, nth);
  rekey (r, &r->pair->b, NULL);
  assert_over (r, nth, IDLE);
  r->grant.len = 0;
}

static void
end_by_death (RadiusBed *r, guint nth)
{
  radius_bed_assert_up (r);
  r->pair->a.net_ops->rule_add (
      r->pair->a.net, &(IkeSimRule){ .struct_size = sizeof (IkeSimRule), .action = IKE_SIM_DROP });
  pair_run (r->pair, 600);
  assert_over (r, nth, LOST_CARRIER);
}

static void
test_ends (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, ACCOUNTS, "connections { pair { dpd_delay = 10 } }");

  end_by_command (r, 0);
  end_by_session_timeout (r, 1);
  end_by_idle_timeout (r, 2);
  end_by_death (r, 3);
  radius_bed_free (r);
}

/* Nobody counts what it carries, and yet it is known of children that were replaced whether they
 * were used. */
static void
test_idle_without_accounts (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, "", NULL);

  give_u32 (r, IKE_RADIUS_IDLE_TIMEOUT, 100);
  radius_bed_assert_up (r);
  for (guint i = 0; i < 3; i++) {
    pair_run (r->pair, 80);
    radius_bed_carry (r, 1000, 0);
    rekey (r, &r->pair->b, "net");
  }
  pair_run (r->pair, 85);
  g_assert_cmpuint (pair_count (&r->pair->b, "eap-radius.sessions-ended"), ==, 0);
  pair_run (r->pair, 10);
  g_assert_cmpuint (pair_count (&r->pair->b, "eap-radius.sessions-ended"), ==, 1);
  radius_bed_free (r);
}

/* With the plugin auth-lifetime (RFC 4478) the client knows it before, and is there again before it
 * is closed. */
static void
test_authenticated_anew (gconstpointer flags)
{
  RadiusBed *r;

  radius_bed_tells = TRUE;
  r = radius_bed_new (flags, ACCOUNTS, NULL);
  give_u32 (r, IKE_RADIUS_SESSION_TIMEOUT, 600);
  radius_bed_assert_up (r);
  pair_run (r->pair, 595);
  g_assert_cmpuint (n_accounts (START), ==, 2);
  g_assert_cmpuint (n_accounts (STOP), ==, 1);
  g_assert_cmpuint (value_of (STOP, 0, IKE_RADIUS_ACCT_TERMINATE_CAUSE), ==, USER_REQUEST);
  g_assert_cmpuint (value_of (STOP, 0, IKE_RADIUS_ACCT_SESSION_TIME), >=, 480);
  pair_run (r->pair, 100);
  g_assert_cmpuint (n_accounts (STOP), ==, 1);
  radius_bed_free (r);
}

static void
test_shutdown (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, ACCOUNTS, NULL);

  radius_bed_assert_up (r);
  radius_bed_carry (r, 1000, 2000);
  r->pair->b.kernel_ops->delay (r->pair->b.kernel, 500);
  ike_loop_post (ike_engine_control (r->pair->b.engine), shut_down, r->pair->b.engine, NULL);
  pair_run (r->pair, 1);
  g_assert_true (ike_engine_is_quitting (r->pair->b.engine));
  g_assert_cmpuint (value_of (STOP, 0, IKE_RADIUS_ACCT_TERMINATE_CAUSE), ==, ADMIN_REBOOT);
  g_assert_cmpuint (value_of (STOP, 0, IKE_RADIUS_ACCT_INPUT_OCTETS), ==, 1000);
  g_assert_cmpuint (n_accounts (OFF), ==, 1);
  g_assert_true (radius_bed_account (OFF, 0)->at_us >= radius_bed_account (STOP, 0)->at_us);
  radius_bed_free (r);
}

/* A server that is dead does not hold up the end. */
static void
test_shutdown_without_a_server (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, ACCOUNTS, NULL);

  pair_run (r->pair, 1);
  radius_bed_assert_up (r);
  pair_run (r->pair, 1);
  r->is_dead = TRUE;
  ike_loop_post (ike_engine_control (r->pair->b.engine), shut_down, r->pair->b.engine, NULL);
  pair_run (r->pair, 1);
  g_assert_true (ike_engine_is_quitting (r->pair->b.engine));
  g_assert_nonnull (strstr (r->pair->b.log->str, "1 accounts were not delivered: they are lost"));
  radius_bed_free (r);
}

/* -- what is given */

typedef struct {
  const char *name;
  guint8 type;
  const char *hex;    /* of the value */
  const char *wanted; /* space-separated */
  const char *given;  /* likewise */
  const char *pool, *added;
} Gift;

static const Gift gifts[] = {
  { "address", 8, "0a030007", "0.0.0.0", "10.3.0.7", "", "" },
  { "the-client-chooses", 8, "ffffffff", "10.3.0.9", "10.3.0.9", "", "" },
  { "address-v6", 168, "20010db8000000000000000000000007", "::", "2001:db8::7", "", "" },
  { "delegated", 123, "003820010db8000001", "0.0.0.0", "", "",
    "18:20010db800000100000000000000000038 " },
  { "pool", 88, "73616c6573", "0.0.0.0", "", "sales", "" },
  { "pool-v6", 100, "7369786573", "::", "", "sixes", "" },
  { "dns-and-nbns", 26, "000001371c060a0000351d060a0000361e060a000037", "0.0.0.0", "", "",
    "3:0a000035 3:0a000036 4:0a000037 " },
};

static void
add_hex (IkeWriter *w, guint8 type, const char *hex)
{
  guint8 value[64];
  gsize n = strlen (hex) / 2;

  for (gsize i = 0; i < n; i++)
    value[i] =
        (guint8) (g_ascii_xdigit_value (hex[2 * i]) << 4 | g_ascii_xdigit_value (hex[2 * i + 1]));
  ike_radius_add (w, type, value, n);
}

static void
assert_listed (RadiusBed *r, gint64 n)
{
  g_autofree char *error = NULL;
  IkeTree *result = pair_command (&r->pair->b, "radius-sessions", NULL, &error);

  g_assert_cmpstr (error, ==, NULL);
  g_assert_cmpint (ike_tree_int (result, "n", -1), ==, n);
  ike_tree_free (result);
}

static void
check_gift (RadiusBed *r, const Gift *gift)
{
  g_auto (GStrv) wanted = g_strsplit (gift->wanted, " ", -1);
  g_autoptr (GString) given = g_string_new (NULL);
  char text[IKE_ADDR_TEXT_SIZE];

  r->n_wanted = r->grant.len = 0;
  g_string_truncate (r->added, 0);
  add_hex (&r->grant, gift->type, gift->hex);
  for (guint i = 0; wanted[i]; i++)
    want (r, wanted[i]);
  radius_bed_assert_up (r);
  for (guint i = 0; i < r->n_given; i++)
    g_string_append_printf (given, "%s%s", i ? " " : "",
                            ike_addr_format (&r->given[i], FALSE, text));
  g_test_message ("%s", gift->name);
  g_assert_cmpstr (given->str, ==, gift->given);
  g_assert_cmpstr (r->pool, ==, gift->pool);
  g_assert_cmpstr (r->added->str, ==, gift->added);
  assert_listed (r, 1);
  pair_down (r->pair, "pair", NULL);
}

static void
test_gifts (gconstpointer flags)
{
  RadiusBed *r = radius_bed_new (flags, "", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (gifts); i++)
    check_gift (r, &gifts[i]);
  /* Nobody asked for accounts. */
  pair_run (r->pair, 10);
  g_assert_cmpuint (test_service_n (), ==, G_N_ELEMENTS (gifts));
  assert_listed (r, 0);
  radius_bed_free (r);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("radius", "an-account-from-start-to-stop", test_account);
  pair_add_test ("radius", "no-server-answers", test_refused);
  pair_add_test ("radius", "one-session-however-often-it-is-rekeyed", test_rekeyed);
  pair_add_test ("radius", "the-end-soon-after-a-rekeying", test_ends_soon_after_a_rekeying);
  pair_add_test ("radius", "interim-accounts", test_interim);
  pair_add_test ("radius", "accounts-wait-for-a-server", test_server_comes_back);
  pair_add_test ("radius", "an-account-that-is-not-taken-holds-up-no-other", test_one_is_not_taken);
  pair_add_test ("radius", "accounts-for-a-group-without-servers", test_group_without_servers);
  pair_add_test ("radius", "what-waits-is-bounded", test_queue_is_bounded);
  pair_add_test ("radius", "accounts-outlive-a-crash", test_accounts_outlive_a_crash);
  pair_add_test ("radius", "on-comes-first", test_on_comes_first);
  pair_add_test ("radius", "all-accounts-name-the-gateway", test_name_of_the_gateway);
  pair_add_test ("radius", "each-way-to-end", test_ends);
  pair_add_test ("radius", "idle-without-accounts", test_idle_without_accounts);
  pair_add_test ("radius", "authenticated-anew-before-session-timeout", test_authenticated_anew);
  pair_add_test ("radius", "the-daemon-ends", test_shutdown);
  pair_add_test ("radius", "the-daemon-ends-without-a-server", test_shutdown_without_a_server);
  pair_add_test ("radius", "what-a-server-gives-and-no-account-unless-asked-for", test_gifts);
  return g_test_run ();
}
