/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_impair.c - a rule as somebody typed it, and a plaintext as a peer sent it.
 *
 * Input: the arguments as settings, a zero byte, the type of the first payload, the chain.  A rule
 * that is taken can be told; what it makes of a chain is a chain, and nothing that is about to be
 * left out is in it.
 *
 * Covers: plugins/impair/rule.c plugins/impair/edit.c */
#include "impair/edit.h"
#include <ikebana/tree.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize len);

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

static gboolean
knows_all (guint8 type, gconstpointer arg)
{
  return TRUE;
}

static void
check_edit (const Rule *rule, guint8 first, const guint8 *plain, gsize len)
{
  g_autofree guint8 *room = g_malloc (len + 5000);
  IkePayload payloads[IKE_PAYLOADS_MAX];
  IkeVerdict verdict = { 0 };
  IkeWriter out;
  guint n, i;

  ike_writer_init (&out, room, len + 5000);
  if (!edit_chain (rule, plain, len, &first, &out))
    return;
  /* One more than there may be is the only thing that makes it unreadable. */
  if (!ike_payloads_read (first, room, out.len, 0, knows_all, NULL, payloads, IKE_PAYLOADS_MAX, &n,
                          &verdict)) {
    check (rule->action == RULE_ADD && strcmp (verdict.reason, "too many payloads") == 0);
    return;
  }
  for (i = 0; i < n && rule->action == RULE_OMIT; i++)
    check (payloads[i].type != rule->payload);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize len)
{
  const guint8 *end = len ? memchr (data, 0, len) : NULL;
  gsize text_len = end ? (gsize) (end - data) : len, left = len - text_len;
  g_autoptr (IkeTree) args =
      ike_settings_parse (len ? (const char *) data : "", text_len, "fuzz", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Rule) rule = args ? rule_new (args, &error) : NULL;
  g_autofree char *text = NULL, *copy = NULL;

  if (!args)
    return 0;
  check (!rule == (error != NULL));
  check (rule || g_utf8_validate (error->message, -1, NULL));
  if (!rule)
    return 0;
  text = rule_format (rule);
  check (g_utf8_validate (text, -1, NULL));
  if (rule->level != RULE_ON_MESSAGE || left < 2)
    return 0;
  /* Of its own size, so that ASan sees what is read behind it. */
  copy = left > 2 ? g_memdup2 (end + 2, left - 2) : g_strdup ("");
  check_edit (rule, end[1], (const guint8 *) copy, left - 2);
  return 0;
}
