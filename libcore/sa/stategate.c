/* SPDX-License-Identifier: Apache-2.0 */
/* stategate.c - the one table that says which message may come when: exchange, direction, role, SA
 * state, and how many payloads of each type.  Rows come from exchange classes and `shape` features;
 * nothing reaches a task past it. */
#include "sa/sa_private.h"
#include <string.h>

static gboolean
parse_item (const IkeClasses *classes, const char *word, IkeRow *row)
{
  g_autofree char *name = g_strdup (word);
  gsize len = strlen (name);
  guint8 min = 1, max = 1;
  int type;
  guint i;

  if (len > 3 && g_str_has_prefix (name, "N(") && name[len - 1] == ')') {
    name[len - 1] = '\0';
    type = g_ascii_isdigit (name[2]) ? (int) g_ascii_strtoull (name + 2, NULL, 10)
                                     : ike_notify_number (name + 2);
    row->only_notify = (guint16) type;
    return type > 0;
  }
  if (len && strchr ("?*+", name[len - 1])) {
    min = name[len - 1] == '+';
    max = name[len - 1] == '?' ? 1 : 255;
    name[len - 1] = '\0';
  }
  type = ike_payload_number (name);
  for (i = 0; type < 0 && i < G_N_ELEMENTS (classes->payloads); i++)
    if (classes->payloads[i] && !strcmp (classes->payloads[i]->name, name))
      type = (int) i;
  if (type <= 0 || row->n == G_N_ELEMENTS (row->items))
    return FALSE;
  row->items[row->n].type = (guint8) type;
  row->items[row->n].min = min;
  row->items[row->n++].max = max;
  return TRUE;
}

gboolean
ike_row_parse (const IkeClasses *classes, const IkeStateRow *from, IkeRow *to, const char **bad)
{
  g_auto (GStrv) words = g_strsplit (from->shape, " ", -1);
  guint i;

  memset (to, 0, sizeof *to);
  to->direction = from->direction;
  to->roles = from->roles;
  to->states = from->states;
  for (i = 0; words[i]; i++)
    if (*words[i] && !parse_item (classes, words[i], to)) {
      *bad = from->shape;
      return FALSE;
    }
  return TRUE;
}

static gboolean
is_row_open (const IkeRow *row, const IkeSa *sa, gboolean is_response)
{
  guint32 role = sa->is_initiator ? IKE_ROLE_INITIATOR : IKE_ROLE_RESPONDER;

  return (row->direction & (is_response ? IKE_ROW_RESPONSE : IKE_ROW_REQUEST))
         && (row->roles & role) && (row->states & 1u << sa->state);
}

gboolean
ike_stategate_is_state_ok (const IkeExchangeInfo *info, const IkeSa *sa, gboolean is_response)
{
  guint i;

  for (i = 0; i < info->n_rows; i++)
    if (is_row_open (&info->rows[i], sa, is_response))
      return TRUE;
  return FALSE;
}

/* "This notify and nothing else that means something": vendor IDs and status notifies may stand
 * beside it. */
static gboolean
is_only_notify (const IkeMessage *message, guint16 type)
{
  IkeNotify notify;
  IkeVerdict verdict = { 0 };
  gboolean is_there = FALSE;
  guint i;

  for (i = 0; i < message->n; i++) {
    const IkePayload *p = &message->payloads[i];
    if (p->type == IKE_PAYLOAD_VENDOR)
      continue;
    if (p->type != IKE_PAYLOAD_NOTIFY || !ike_notify_read (p, &notify, &verdict))
      return FALSE;
    is_there |= notify.type == type;
  }
  return is_there;
}

/* How well the counts fit: the payload that does not, or 0. */
static guint8
misfit (const IkeRow *row, const guint8 counts[256], const guint8 known[32])
{
  guint8 allowed[32] = { 0 };
  guint i;

  for (i = 0; i < row->n; i++) {
    guint8 type = row->items[i].type;
    allowed[type / 8] |= 1u << type % 8;
    if (counts[type] < row->items[i].min
        || (row->items[i].max != 255 && counts[type] > row->items[i].max))
      return type;
  }
  for (i = 1; i < 256; i++)
    if (counts[i] && (known[i / 8] >> i % 8 & 1) && !(allowed[i / 8] >> i % 8 & 1))
      return (guint8) i;
  return 0;
}

gboolean
ike_stategate_check (const IkeExchangeInfo *info, const IkeSa *sa, gboolean is_response,
                     const IkeMessage *message, IkeVerdict *verdict)
{
  const guint8 *known = sa->shard->manager->classes.known_payloads;
  guint8 counts[256] = { 0 }, wrong, first_wrong = 0;
  gboolean is_open = FALSE;
  guint i;

  for (i = 0; i < message->n; i++)
    if (counts[message->payloads[i].type] < 254)
      counts[message->payloads[i].type]++;
  for (i = 0; i < info->n_rows; i++) {
    const IkeRow *row = &info->rows[i];
    if (!is_row_open (row, sa, is_response))
      continue;
    is_open = TRUE;
    if (row->only_notify) {
      if (is_only_notify (message, row->only_notify))
        return TRUE;
      continue;
    }
    wrong = misfit (row, counts, known);
    if (!wrong)
      return TRUE;
    if (!first_wrong)
      first_wrong = wrong;
  }
  if (!is_open)
    return ike_verdict_set (verdict, 0, 0, 0, "this exchange is not allowed in this state");
  return ike_verdict_set (verdict, IKE_N_INVALID_SYNTAX, first_wrong, 0,
                          counts[first_wrong] ? "a payload that may not be there, or too often"
                                              : "a payload is missing");
}
