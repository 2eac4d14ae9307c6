/* SPDX-License-Identifier: Apache-2.0 */
/* test_rule.c - rules as people type them, what fits them, and what they make of a chain. */
#include "edit.h"
#include <ikebana/tree.h>
#include <string.h>

/* @text: settings, a line each. */
static Rule *
rule_of (const char *text, char **message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) args = ike_settings_parse (text, strlen (text), "test", &error);
  Rule *rule;

  g_assert_no_error (error);
  rule = rule_new (args, &error);
  g_assert_true ((rule == NULL) == (error != NULL));
  *message = error ? g_strdup (error->message) : NULL;
  return rule;
}

static Rule *
good (const char *text)
{
  g_autofree char *message = NULL;
  Rule *rule = rule_of (text, &message);

  g_assert_cmpstr (message, ==, NULL);
  return rule;
}

static void
test_told (void)
{
  static const char *const texts[][2] = {
    { "action = drop\n direction = out\n", "drop out" },
    { "action = drop\n direction = in\n exchange = IKE_AUTH\n message = response\n id = 1\n"
      "connection = home\n sa = 3\n nth = 2\n count = 4\n",
      "drop in IKE_AUTH response id=1 connection=home sa=3 nth=2 count=4" },
    { "action = drop\n direction = in\n exchange = 240\n message = request\n id = 0\n",
      "drop in 240 request id=0" },
    { "action = delay\n direction = in\n ms = 0x10\n", "delay in ms=16" },
    { "action = corrupt\n direction = in\n", "corrupt in" },
    { "action = corrupt\n direction = in\n byte = 0\n", "corrupt in byte=0" },
    { "action = truncate\n direction = out\n byte = 65535\n", "truncate out byte=65535" },
    { "action = omit\n direction = out\n payload = KE\n", "omit out payload=KE" },
    { "action = omit\n direction = out\n notify = COOKIE\n", "omit out notify=COOKIE" },
    { "action = add\n direction = out\n notify = 40000\n data = c0FFee\n",
      "add out notify=40000 data=3 bytes" },
    { "action = alter\n direction = out\n payload = 200\n data = 00\n byte = 7\n",
      "alter out payload=200 byte=7 data=1 bytes" },
    { "action = fail\n direction = in\n notify = NO_PROPOSAL_CHOSEN\n",
      "fail in notify=NO_PROPOSAL_CHOSEN" },
    { "action = wait\n direction = out\n ms = 600000\n", "wait out ms=600000" },
    { "action = drop\n direction = in\n connection = \"a\033[31m\"\n",
      "drop in connection=a\\x1b[31m" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (Rule) rule = good (texts[i][0]);
    g_autofree char *text = rule_format (rule);
    g_assert_cmpstr (text, ==, texts[i][1]);
  }
}

static void
test_refused (void)
{
#define DROP "action = drop\n direction = in\n "
#define OMIT "action = omit\n direction = in\n "
#define ADD "action = add\n direction = out\n "
  static const char *const texts[][2] = {
    { "", "action must be one of *" },
    { "action = dorp\n direction = in\n", "action must be one of drop|*" },
    { "action = drop\n", "direction must be in or out" },
    { "action = drop\n direction = inout\n", "direction must be in or out" },
    { "action { drop = yes\n }\n direction = in\n", "action must be one of *" },
    { DROP "exchange = IKE_AUT\n", "there is no exchange IKE_AUT; *" },
    { DROP "exchange = 256\n", "there is no exchange 256; *" },
    { DROP "exchange { a = b\n }\n", "exchange must be a name or a number" },
    { DROP "exchange = \"\033[2J%s%n\"\n", "there is no exchange \\x1b[2J%s%n; *" },
    { DROP "message = both\n", "message must be request or response" },
    { DROP "message { a = b\n }\n", "message must be request or response" },
    { DROP "id = -1\n", "id must be a number from 0 to 4294967295" },
    { DROP "id = 4294967296\n", "id must be a number *" },
    { DROP "id = 99999999999999999999999\n", "id must be a number *" },
    { DROP "sa = 0\n", "sa must be a number from 1 to *" },
    { DROP "nth = 0\n", "nth must be a number from 1 to *" },
    { DROP "count = 2147483648\n", "count must be a number from 0 to 2147483647" },
    { DROP "ms = 5\n", "drop has no use for ms" },
    { DROP "notify = COOKIE\n", "drop has no use for notify" },
    { "action = delay\n direction = in\n", "delay needs ms" },
    { "action = delay\n direction = in\n ms = 600001\n", "ms must be a number from 1 to 600000" },
    { "action = truncate\n direction = in\n", "truncate needs byte" },
    { "action = truncate\n direction = in\n byte = 65536\n", "byte must be a number *" },
    { OMIT, "omit needs payload or notify" },
    { OMIT "payload = KE\n notify = COOKIE\n", "omit takes payload or notify, not both" },
    { OMIT "payload = 0\n", "payload must be one of those *" },
    { OMIT "payload = SK\n", "payload must be one of those *" },
    { OMIT "payload = 53\n", "payload must be one of those *" },
    { OMIT "payload = 256\n", "there is no payload 256; *" },
    { OMIT "notify = 65536\n", "there is no notify 65536; *" },
    { OMIT "notify = COOKIE\n data = 00\n", "omit has no use for data" },
    { ADD "notify = COOKIE\n data = 0\n", "data must be hexadecimal*" },
    { ADD "notify = COOKIE\n data = 0x00\n", "data must be hexadecimal*" },
    { ADD "notify = COOKIE\n data { a = b\n }\n", "data must be hexadecimal*" },
    { "action = alter\n direction = in\n payload = KE\n", "alter needs data" },
    { "action = fail\n direction = in\n", "fail needs notify" },
    { "action = fail\n direction = in\n payload = KE\n", "fail has no use for payload" },
    { "action = wait\n direction = in\n", "wait needs ms" },
  };
  g_autofree char *long_data = g_strnfill (2 * 4097, 'a'),
                  *long_text = g_strdup_printf (ADD "payload = V\n data = %s\n", long_data);

  for (guint i = 0; i <= G_N_ELEMENTS (texts); i++) {
    gboolean is_long = i == G_N_ELEMENTS (texts);
    g_autofree char *message = NULL;
    g_assert_null (rule_of (is_long ? long_text : texts[i][0], &message));
    if (!g_pattern_match_simple (is_long ? "data must be *4096 bytes*" : texts[i][1], message))
      g_error ("%s: %s", texts[i][0], message);
  }
}

static void
test_fits (void)
{
  static const char *const not_fitting[] = {
    "direction = in\n",
    "direction = out\n exchange = IKE_SA_INIT\n",
    "direction = out\n message = response\n",
    "direction = out\n id = 2\n",
    "direction = out\n sa = 4\n",
    "direction = out\n connection = hom\n",
  };
  const RuleSubject subject = { .is_request = TRUE,
                                .exchange = 35,
                                .id = 1,
                                .sa = 3,
                                .connection = "home" },
                    nothing = { .exchange = -1 };
  g_autoptr (Rule) rule = good ("action = drop\n direction = out\n exchange = IKE_AUTH\n id = 1\n"
                                "message = request\n sa = 3\n connection = home\n"),
                   any = good ("action = drop\n direction = out\n"),
                   response = good ("action = drop\n direction = out\n message = response\n");

  g_assert_true (rule_fits (rule, &subject));
  g_assert_true (rule_fits (any, &subject));
  g_assert_true (rule_fits (any, &nothing));
  g_assert_false (rule_fits (rule, &nothing));
  /* What is too short for a header is neither a request nor a response. */
  g_assert_false (rule_fits (response, &nothing));
  for (guint i = 0; i < G_N_ELEMENTS (not_fitting); i++) {
    g_autofree char *text = g_strconcat ("action = drop\n ", not_fitting[i], NULL);
    g_autoptr (Rule) other = good (text);
    g_assert_false (rule_fits (other, &subject));
  }
}

static void
test_strikes (void)
{
  static const struct {
    const char *text, *strikes;
  } cases[] = {
    { "", "11111" },
    { "count = 1\n", "10000" },
    { "nth = 3\n", "00111" },
    { "nth = 2\n count = 2\n", "01100" },
    { "nth = 2147483647\n count = 2147483647\n", "00000" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = g_strconcat ("action = drop\n direction = in\n ", cases[i].text, NULL);
    g_autoptr (Rule) rule = good (text);
    guint hits = 0;
    for (const char *at = cases[i].strikes; *at; at++) {
      g_assert_cmpint (rule_strikes (rule), ==, *at == '1');
      hits += *at == '1';
    }
    g_assert_cmpuint (rule->seen, ==, 5);
    g_assert_cmpuint (rule->hits, ==, hits);
  }
}

/* -- chains */

/* SA (3 bytes), notify 16388 with data 1 2 3, critical KE (2 bytes), notify 16390. */
static const guint8 chain[] = {
  34 + 7, 0, 0,  7,    0xa, 0xb, 0xc, 34,  0, 0, 11, 0, 0, 0x40, 0x04, 1,
  2,      3, 41, 0x80, 0,   6,   0xd, 0xe, 0, 0, 0,  8, 0, 0,    0x40, 0x06,
};

static char *
edited (const char *text, guint8 first, const guint8 *plain, gsize len)
{
  g_autoptr (Rule) rule = good (text);
  guint8 buffer[256];
  IkeWriter out;
  GString *shown;

  ike_writer_init (&out, buffer, sizeof buffer);
  if (!edit_chain (rule, plain, len, &first, &out))
    return NULL;
  shown = g_string_new (NULL);
  g_string_append_printf (shown, "%u:", first);
  for (gsize i = 0; i < out.len; i++)
    g_string_append_printf (shown, " %02x", buffer[i]);
  return g_string_free (shown, FALSE);
}

static void
test_edit (void)
{
  static const char *const cases[][2] = {
    { "action = omit\n payload = KE\n",
      "33: 29 00 00 07 0a 0b 0c 29 00 00 0b 00 00 40 04 01 02 03 00 00 00 08 00 00 40 06" },
    { "action = omit\n payload = SA\n",
      "41: 22 00 00 0b 00 00 40 04 01 02 03 29 80 00 06 0d 0e 00 00 00 08 00 00 40 06" },
    { "action = omit\n payload = N\n", "33: 22 00 00 07 0a 0b 0c 00 80 00 06 0d 0e" },
    { "action = omit\n notify = COOKIE\n",
      "33: 29 00 00 07 0a 0b 0c 22 00 00 0b 00 00 40 04 01 02 03 00 80 00 06 0d 0e" },
    { "action = omit\n notify = REKEY_SA\n", NULL },
    { "action = alter\n notify = NAT_DETECTION_SOURCE_IP\n data = ff\n",
      "33: 29 00 00 07 0a 0b 0c 22 00 00 09 00 00 40 04 ff 29 80 00 06 0d 0e 00 00 00 08 00 00 "
      "40 06" },
    { "action = alter\n notify = NAT_DETECTION_SOURCE_IP\n data = ff\n byte = 1\n",
      "33: 29 00 00 07 0a 0b 0c 22 00 00 0b 00 00 40 04 01 ff 03 29 80 00 06 0d 0e 00 00 00 08 "
      "00 00 40 06" },
    { "action = alter\n notify = NAT_DETECTION_SOURCE_IP\n data = ff\n byte = 3\n", NULL },
    { "action = alter\n payload = KE\n data = 11223344\n",
      "33: 29 00 00 07 0a 0b 0c 22 00 00 0b 00 00 40 04 01 02 03 29 80 00 08 11 22 33 44 00 00 "
      "00 08 00 00 40 06" },
    { "action = alter\n payload = KE\n data = 1122\n byte = 65535\n", NULL },
    { "action = add\n notify = 40000\n data = aabb\n",
      "33: 29 00 00 07 0a 0b 0c 22 00 00 0b 00 00 40 04 01 02 03 29 80 00 06 0d 0e 29 00 00 08 "
      "00 00 40 06 00 00 00 0a 00 00 9c 40 aa bb" },
    { "action = add\n payload = V\n",
      "33: 29 00 00 07 0a 0b 0c 22 00 00 0b 00 00 40 04 01 02 03 29 80 00 06 0d 0e 2b 00 00 08 "
      "00 00 40 06 00 00 00 04" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = g_strconcat ("direction = in\n ", cases[i][0], NULL),
                    *result = edited (text, 33, chain, sizeof chain);
    g_assert_cmpstr (result, ==, cases[i][1]);
  }
}

static void
test_edit_nothing (void)
{
  g_autofree char *added =
                      edited ("action = add\n direction = in\n notify = COOKIE\n", 0, chain, 0),
                  *omitted = edited ("action = omit\n direction = in\n payload = V\n", 43,
                                     (const guint8[]){ 0, 0, 0, 4 }, 4);

  g_assert_cmpstr (added, ==, "41: 00 00 00 08 00 00 40 06");
  g_assert_cmpstr (omitted, ==, "0:");
}

/* Cut anywhere, or with any length: what cannot be read is not touched, and what does not fit is
 * not written. */
static void
test_edit_malformed (void)
{
  static const char text[] = "action = omit\n direction = in\n notify = COOKIE\n";
  g_autofree char *large = g_strnfill (2 * 250, 'a'),
                  *add = g_strdup_printf (
                      "action = add\n direction = in\n payload = V\n data = %s\n", large);
  guint8 bad[sizeof chain];

  for (gsize len = 0; len < sizeof chain; len++)
    g_assert_null (edited (text, 33, chain, len));
  for (gsize at = 0; at < sizeof chain; at++)
    for (guint value = 0; value < 256; value += 5) {
      g_autofree char *ignored = NULL;
      memcpy (bad, chain, sizeof chain);
      bad[at] = (guint8) value;
      ignored = edited (text, 33, bad, sizeof bad);
    }
  g_assert_null (edited (add, 33, chain, sizeof chain));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rule/is-told-as-it-was-typed", test_told);
  g_test_add_func ("/rule/what-makes-no-sense-is-refused-with-a-sentence", test_refused);
  g_test_add_func ("/rule/fits-what-all-its-selectors-say", test_fits);
  g_test_add_func ("/rule/strikes-the-nth-and-so-many", test_strikes);
  g_test_add_func ("/edit/payloads-go-come-and-change", test_edit);
  g_test_add_func ("/edit/a-chain-may-be-empty", test_edit_nothing);
  g_test_add_func ("/edit/what-cannot-be-read-is-left-alone", test_edit_malformed);
  return g_test_run ();
}
