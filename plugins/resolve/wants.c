/* SPDX-License-Identifier: Apache-2.0 */
/* wants.c - what SAs were told by their gateways: the newest SA's first; in each, in the order of
 * the gateway. */
#include "config.h"
#include "resolve.h"

enum { WANTED_MAX = 1024, SERVERS_MAX = 16 };

void
want_free (gpointer data)
{
  Want *want = data;

  g_free (want->text);
  g_free (want);
}

GPtrArray *
wants_new (void)
{
  return g_ptr_array_new_with_free_func (want_free);
}

/* Behind the last one of its SA; an SA that has none is the newest. */
void
wants_add (GPtrArray *wants, Want *want_take)
{
  guint at = 0;

  if (wants->len == WANTED_MAX) {
    want_free (want_take);
    return;
  }
  for (guint i = 0; i < wants->len; i++)
    if (((const Want *) wants->pdata[i])->sa == want_take->sa)
      at = i + 1;
  g_ptr_array_insert (wants, (int) at, want_take);
}

void
wants_forget (GPtrArray *wants, gconstpointer key)
{
  for (guint i = 0; i < wants->len; i++)
    if (((const Want *) wants->pdata[i])->key == key) {
      g_ptr_array_remove_index (wants, i);
      return;
    }
}

static gboolean
has_text (const GPtrArray *texts, const char *text)
{
  for (guint i = 0; i < texts->len; i++)
    if (!g_ascii_strcasecmp (texts->pdata[i], text))
      return TRUE;
  return FALSE;
}

GPtrArray *
wants_collect (const GPtrArray *wants, gboolean are_domains)
{
  GPtrArray *texts = g_ptr_array_new ();

  for (guint i = 0; i < wants->len; i++) {
    const Want *want = wants->pdata[i];
    if (want->is_domain == are_domains && !has_text (texts, want->text)
        && (are_domains || texts->len < SERVERS_MAX))
      g_ptr_array_add (texts, want->text);
  }
  return texts;
}
