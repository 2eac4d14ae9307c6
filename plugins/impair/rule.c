/* SPDX-License-Identifier: Apache-2.0 */
/* rule.c - rules from the arguments of a command, and whether a message fits. */
#include "config.h"
#include "rule.h"
#include <ikebana/error.h>
#include <ikebana/tree.h>
#include <string.h>

enum { MS_MAX = 10 * 60 * 1000, DATA_MAX = 4096 };
/* What an action may be told, and what it must be. */
enum { MS = 1, BYTE = 2, PAYLOAD = 4, NOTIFY = 8, DATA = 16 };

static const struct {
  const char *name;
  RuleLevel level;
  guint needs, takes; /* PAYLOAD | NOTIFY in @needs: one of them */
} actions[RULE_N_ACTIONS] = {
  [RULE_DROP] = { "drop", RULE_ON_DATAGRAM, 0, 0 },
  [RULE_DUPLICATE] = { "duplicate", RULE_ON_DATAGRAM, 0, 0 },
  [RULE_REORDER] = { "reorder", RULE_ON_DATAGRAM, 0, 0 },
  [RULE_DELAY] = { "delay", RULE_ON_DATAGRAM, MS, MS },
  [RULE_CORRUPT] = { "corrupt", RULE_ON_DATAGRAM, 0, BYTE },
  [RULE_TRUNCATE] = { "truncate", RULE_ON_DATAGRAM, BYTE, BYTE },
  [RULE_HOLD] = { "hold", RULE_ON_DATAGRAM, 0, 0 },
  [RULE_OMIT] = { "omit", RULE_ON_MESSAGE, PAYLOAD | NOTIFY, PAYLOAD | NOTIFY },
  [RULE_ADD] = { "add", RULE_ON_MESSAGE, PAYLOAD | NOTIFY, PAYLOAD | NOTIFY | DATA },
  [RULE_ALTER] = { "alter", RULE_ON_MESSAGE, PAYLOAD | NOTIFY | DATA,
                   PAYLOAD | NOTIFY | DATA | BYTE },
  [RULE_FAIL] = { "fail", RULE_ON_TASK, NOTIFY, NOTIFY | DATA },
  [RULE_WAIT] = { "wait", RULE_ON_TASK, MS, MS },
};

static const struct {
  const char *name;
  guint bit;
} extras[] = {
  { "ms", MS }, { "byte", BYTE }, { "payload", PAYLOAD }, { "notify", NOTIFY }, { "data", DATA },
};

static gboolean refuse (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);
static gboolean
refuse (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (IKE_ERROR, IKE_ERROR_CONFIG, format, args));
  va_end (args);
  return FALSE;
}

/* What was typed, for the sentence about it. */
static const char *
shown (const char *text, char out[64])
{
  return ike_escape (out, 64, text, strlen (text));
}

/* -- reading */

/* A number, or a name that @number_of knows; -1 when there is none. */
static gboolean
read_named (const IkeTree *args, const char *key, int (*number_of) (const char *), guint most,
            int *out, GError **error)
{
  const IkeTree *node = ike_tree_get (args, key);
  char buffer[32], out_text[64];
  const char *text = node ? ike_tree_text (node, buffer) : NULL;
  guint64 number;

  *out = -1;
  if (!node)
    return TRUE;
  if (!text)
    return refuse (error, "%s must be a name or a number", key);
  if (!ike_value_uint (text, &number))
    number = (guint64) (gint64) number_of (text);
  if (number > most)
    return refuse (error, "there is no %s %s; give its name as IANA has it, or its number", key,
                   shown (text, out_text));
  *out = (int) number;
  return TRUE;
}

int
rule_exchange_number (const char *name)
{
  for (guint i = 0; i <= G_MAXUINT8; i++)
    if (g_strcmp0 (ike_exchange_number_name ((guint8) i), name) == 0)
      return (int) i;
  return -1;
}

static gboolean
read_number (const IkeTree *args, const char *key, gint64 least, gint64 most, gint64 *out,
             GError **error)
{
  const IkeTree *node = ike_tree_get (args, key);
  char buffer[32];
  const char *text = node ? ike_tree_text (node, buffer) : NULL;
  guint64 number;

  if (!node)
    return TRUE;
  if (!text || !ike_value_uint (text, &number) || number > (guint64) most
      || (gint64) number < least)
    return refuse (error, "%s must be a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, key,
                   least, most);
  *out = (gint64) number;
  return TRUE;
}

static gboolean
read_data (const IkeTree *args, GBytes **out, GError **error)
{
  const char *text = ike_tree_string (args, "data", NULL);
  gsize len = text ? strlen (text) : 0;
  g_autofree guint8 *bytes = NULL;

  *out = NULL;
  if (!ike_tree_get (args, "data"))
    return TRUE;
  if (!text || len % 2 || len / 2 > DATA_MAX || strspn (text, "0123456789abcdefABCDEF") != len)
    return refuse (error, "data must be hexadecimal, two digits a byte and %d bytes at most",
                   DATA_MAX);
  bytes = g_malloc (len / 2 + 1);
  for (gsize i = 0; i < len / 2; i++)
    bytes[i] =
        (guint8) (g_ascii_xdigit_value (text[2 * i]) << 4 | g_ascii_xdigit_value (text[2 * i + 1]));
  *out = g_bytes_new_take (g_steal_pointer (&bytes), len / 2);
  return TRUE;
}

static gboolean
read_action (Rule *rule, const IkeTree *args, GError **error)
{
  const char *name = ike_tree_string (args, "action", ""),
             *direction = ike_tree_string (args, "direction", "");
  guint i;

  for (i = 0; i < RULE_N_ACTIONS && strcmp (actions[i].name, name) != 0; i++)
    ;
  if (i == RULE_N_ACTIONS)
    return refuse (error, "action must be one of " RULE_ACTIONS);
  if (strcmp (direction, "in") != 0 && strcmp (direction, "out") != 0)
    return refuse (error, "direction must be in or out");
  rule->action = i;
  rule->level = actions[i].level;
  rule->is_inbound = direction[0] == 'i';
  return TRUE;
}

static gboolean
read_message (Rule *rule, const IkeTree *args, GError **error)
{
  const char *text = ike_tree_string (args, "message", "");

  if (!ike_tree_get (args, "message"))
    return TRUE;
  if (strcmp (text, "request") != 0 && strcmp (text, "response") != 0)
    return refuse (error, "message must be request or response");
  rule->message = strcmp (text, "request") == 0;
  return TRUE;
}

static gboolean
read_selectors (Rule *rule, const IkeTree *args, GError **error)
{
  gint64 nth = 1, count = 0;

  if (!read_message (rule, args, error)
      || !read_named (args, "exchange", rule_exchange_number, G_MAXUINT8, &rule->exchange, error)
      || !read_number (args, "id", 0, G_MAXUINT32, &rule->id, error)
      || !read_number (args, "sa", 1, G_MAXUINT32, &rule->sa, error)
      || !read_number (args, "nth", 1, G_MAXINT32, &nth, error)
      || !read_number (args, "count", 0, G_MAXINT32, &count, error))
    return FALSE;
  rule->nth = (guint) nth;
  rule->count = (guint) count;
  rule->connection = g_strdup (ike_tree_string (args, "connection", NULL));
  return TRUE;
}

static gboolean
read_extras (Rule *rule, const IkeTree *args, GError **error)
{
  gint64 ms = 0;

  if (!read_number (args, "ms", 1, MS_MAX, &ms, error)
      || !read_number (args, "byte", 0, G_MAXUINT16, &rule->byte, error)
      || !read_named (args, "payload", ike_payload_number, G_MAXUINT8, &rule->payload, error)
      || !read_named (args, "notify", ike_notify_number, G_MAXUINT16, &rule->notify, error)
      || !read_data (args, &rule->data, error))
    return FALSE;
  rule->ms = (guint) ms;
  /* Zero is no payload, but the end of the chain; the last two are not part of a plaintext. */
  if (rule->payload == IKE_PAYLOAD_NONE || rule->payload == IKE_PAYLOAD_SK
      || rule->payload == IKE_PAYLOAD_SKF)
    return refuse (error, "payload must be one of those that a plaintext is made of");
  return TRUE;
}

/* The arguments that were given against those that the action has use for. */
static gboolean
check_extras (const Rule *rule, const IkeTree *args, GError **error)
{
  guint needs = actions[rule->action].needs, takes = actions[rule->action].takes, given = 0;
  const char *action = actions[rule->action].name;

  for (guint i = 0; i < G_N_ELEMENTS (extras); i++) {
    if (!ike_tree_get (args, extras[i].name))
      continue;
    given |= extras[i].bit;
    if (!(takes & extras[i].bit))
      return refuse (error, "%s has no use for %s", action, extras[i].name);
  }
  if ((given & PAYLOAD) && (given & NOTIFY))
    return refuse (error, "%s takes payload or notify, not both", action);
  if ((needs & PAYLOAD) && !(given & (PAYLOAD | NOTIFY)))
    return refuse (error, "%s needs payload or notify", action);
  if (needs & PAYLOAD)
    needs &= ~(guint) (PAYLOAD | NOTIFY);
  for (guint i = 0; i < G_N_ELEMENTS (extras); i++)
    if (needs & extras[i].bit & ~given)
      return refuse (error, "%s needs %s", action, extras[i].name);
  return TRUE;
}

Rule *
rule_new (const IkeTree *args, GError **error)
{
  g_autoptr (Rule) rule = g_new0 (Rule, 1);

  rule->references = 1;
  rule->exchange = rule->message = rule->payload = rule->notify = -1;
  rule->id = rule->sa = rule->byte = -1;
  if (!read_action (rule, args, error) || !read_selectors (rule, args, error)
      || !read_extras (rule, args, error) || !check_extras (rule, args, error))
    return NULL;
  return g_steal_pointer (&rule);
}

Rule *
rule_ref (Rule *rule)
{
  atomic_fetch_add (&rule->references, 1);
  return rule;
}

void
rule_unref (Rule *rule)
{
  if (!rule || atomic_fetch_sub (&rule->references, 1) > 1)
    return;
  g_free (rule->connection);
  if (rule->data)
    g_bytes_unref (rule->data);
  g_free (rule);
}

/* -- telling */

static void
add_named (GString *out, const char *key, const char *name, int number)
{
  if (name)
    g_string_append_printf (out, " %s%s", key, name);
  else
    g_string_append_printf (out, " %s%d", key, number);
}

char *
rule_format (const Rule *rule)
{
  GString *out = g_string_new (actions[rule->action].name);
  char text[64];

  g_string_append (out, rule->is_inbound ? " in" : " out");
  if (rule->exchange >= 0)
    add_named (out, "", ike_exchange_number_name ((guint8) rule->exchange), rule->exchange);
  if (rule->message >= 0)
    g_string_append (out, rule->message ? " request" : " response");
  if (rule->id >= 0)
    g_string_append_printf (out, " id=%" G_GINT64_FORMAT, rule->id);
  if (rule->connection)
    g_string_append_printf (out, " connection=%s", shown (rule->connection, text));
  if (rule->sa >= 0)
    g_string_append_printf (out, " sa=%" G_GINT64_FORMAT, rule->sa);
  if (rule->payload >= 0)
    add_named (out, "payload=", ike_payload_name ((guint8) rule->payload), rule->payload);
  if (rule->notify >= 0)
    add_named (out, "notify=", ike_notify_name ((guint16) rule->notify), rule->notify);
  if (rule->byte >= 0)
    g_string_append_printf (out, " byte=%" G_GINT64_FORMAT, rule->byte);
  if (rule->data)
    g_string_append_printf (out, " data=%" G_GSIZE_FORMAT " bytes", g_bytes_get_size (rule->data));
  if (rule->ms)
    g_string_append_printf (out, " ms=%u", rule->ms);
  if (rule->nth > 1)
    g_string_append_printf (out, " nth=%u", rule->nth);
  if (rule->count)
    g_string_append_printf (out, " count=%u", rule->count);
  return g_string_free (out, FALSE);
}

/* -- fitting */

void
rule_subject_of_sa (RuleSubject *subject, const IkeSa *sa)
{
  const IkeConn *conn = sa ? ike_sa_conn (sa) : NULL;

  subject->sa = sa ? ike_sa_unique_id (sa) : 0;
  subject->connection = conn ? conn->name : NULL;
}

gboolean
rule_fits (const Rule *rule, const RuleSubject *subject)
{
  return rule->is_inbound == subject->is_inbound
         && (rule->exchange < 0 || rule->exchange == subject->exchange)
         && (rule->message < 0 || (subject->exchange >= 0 && rule->message == subject->is_request))
         && (rule->id < 0 || (subject->exchange >= 0 && rule->id == subject->id))
         && (rule->sa < 0 || rule->sa == subject->sa)
         && (!rule->connection || g_strcmp0 (rule->connection, subject->connection) == 0);
}

gboolean
rule_strikes (Rule *rule)
{
  guint n = atomic_fetch_add (&rule->seen, 1) + 1;

  if (n < rule->nth || (rule->count && n - rule->nth >= rule->count))
    return FALSE;
  atomic_fetch_add (&rule->hits, 1);
  return TRUE;
}
