/* SPDX-License-Identifier: Apache-2.0 */
/* net_link.c - XFRM interfaces that are made for SAs: with the first of an interface ID, and gone
 * with the last.  One that somebody else made for the same ID is used as it is, and stays. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include "net_private.h"

typedef struct {
  NetDone  done;
  gpointer data;
} Waiter;

typedef struct {
  Net        *net;
  NetLinkWant want;
  guint32     index, master, table;           /* table: of the VRF; 0: none */
  guint       n_users;
  gboolean    is_made, is_asked;              /* by us; the kernel has not answered yet */
  GArray     *waiters;
} Made;

void
net_made_free (gpointer data)
{
  Made *made = data;
  g_array_unref (made->waiters);
  g_free (made);
}

gboolean
net_link_of (Net *net, guint32 if_id, guint32 *index, guint32 *table)
{
  const Made *made = g_hash_table_lookup (net->made, GUINT_TO_POINTER (if_id));
  if (!made || made->is_asked)
    return FALSE;
  *index = made->index;
  *table = made->table;
  return TRUE;
}

gboolean
net_link_is_made (Net *net, guint32 index)
{
  NetLinkInfo link;
  return net_find_index (net, index, &link) && link.is_ours;
}

gboolean
net_link_is_wanted (Net *net, guint32 if_id, const char *name)
{
  const Made *made = g_hash_table_lookup (net->made, GUINT_TO_POINTER (if_id));
  return made && strcmp (made->want.name, name) == 0;
}

/* -- removing */

static void
removed (gpointer data, const NetlinkAnswer *answer)
{
  Net *net = data;
  if (answer->error && answer->error != ENODEV && answer->error != ECANCELED)
    ike_log (net->engine, IKE_LOG_ERROR, "kernel-xfrm", "cannot remove an XFRM interface: %s",
             answer->reason);
}

static void
delete_link (Made *made)
{
  guint8 buffer[NET_MESSAGE_SIZE];
  if (made->is_made && made->index)
    net_ask (made->net, net_write_link_delete (buffer, made->index), removed, made->net);
  made->is_made = FALSE;
}

static void
forget (Made *made)
{
  delete_link (made);
  g_hash_table_remove (made->net->made, GUINT_TO_POINTER (made->want.if_id));
}

void
net_link_drop (Net *net, guint32 if_id)
{
  Made *made = g_hash_table_lookup (net->made, GUINT_TO_POINTER (if_id));
  if (made && made->n_users > 0 && --made->n_users == 0 && !made->is_asked)
    forget (made);
}

/* -- making: new, its index, up; each waits for the one before */

static void
answer_all (Made *made)
{
  g_autoptr (GArray) waiters = g_steal_pointer (&made->waiters);
  made->waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  made->is_asked = FALSE;
  /* Whoever is told may drop it. */
  made->n_users++;
  for (guint i = 0; i < waiters->len; i++) {
    const Waiter *waiter = &g_array_index (waiters, Waiter, i);
    waiter->done (waiter->data, NULL);
  }
  if (--made->n_users == 0)
    forget (made);
}

static void G_GNUC_PRINTF (2, 3)
fail (Made *made, const char *format, ...)
{
  g_autofree char *reason = NULL, *why = NULL;
  g_autoptr (GArray) waiters = NULL;
  va_list args;
  va_start (args, format);
  reason = g_strdup_vprintf (format, args);
  va_end (args);
  why = g_strdup_printf ("cannot make interface %s (interface ID %u): %s", made->want.name,
                         made->want.if_id, reason);
  delete_link (made);
  /* Who failed does not drop; who asks from now on tries anew. */
  waiters = g_steal_pointer (&made->waiters);
  made->waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  g_hash_table_remove (made->net->made, GUINT_TO_POINTER (made->want.if_id));
  for (guint i = 0; i < waiters->len; i++)
    g_array_index (waiters, Waiter, i).done (g_array_index (waiters, Waiter, i).data, why);
}

static void
is_up (gpointer data, const NetlinkAnswer *answer)
{
  Made *made = data;
  if (answer->error)
    fail (made, "it does not come up%s%s: %s", made->master ? " in VRF " : "", made->want.master,
          answer->reason);
  else
    answer_all (made);
}

static void
found (gpointer data, const NetlinkAnswer *answer)
{
  Made *made = data;
  guint8 buffer[NET_MESSAGE_SIZE];
  NetLinkInfo link;
  if (answer->error || !answer->message || !net_read_link (answer->message, &link)) {
    fail (made, "it is not there: %s", answer->error ? answer->reason : "no answer");
    return;
  }
  link.is_ours = TRUE;
  net_cache_add_link (made->net, &link);
  made->index = link.index;
  net_ask (made->net, net_write_link_set (buffer, made->index, made->master), is_up, made);
}

/* An ID has one interface. */
static void
take_over (Made *made)
{
  NetLinkInfo link;
  if (!net_find_if_id (made->net, made->want.if_id, &link)) {
    fail (made, "there is another interface of this name");
    return;
  }
  made->index = link.index;
  answer_all (made);
}

static void
created (gpointer data, const NetlinkAnswer *answer)
{
  Made *made = data;
  guint8 buffer[NET_MESSAGE_SIZE];
  made->is_made = answer->error == 0;
  if (answer->error == EEXIST)
    take_over (made);
  else if (answer->error == EOPNOTSUPP)
    fail (made, "%s; this kernel has no XFRM interfaces (CONFIG_XFRM_INTERFACE)", answer->reason);
  else if (answer->error)
    fail (made, "%s", answer->reason);
  else
    net_ask (made->net, net_write_link_get (buffer, made->want.name), found, made);
}

static void
begin (Made *made)
{
  const char *master = made->want.master;
  guint8 buffer[NET_MESSAGE_SIZE];
  NetLinkInfo link;
  made->is_asked = TRUE;
  if (master[0] && (!net_find_link (made->net, master, &link) || link.kind != NET_KIND_VRF)) {
    fail (made, "there is no VRF %s; make it first: ip link add %s type vrf table NUMBER", master,
          master);
    return;
  }
  if (master[0]) {
    made->master = link.index;
    made->table = link.table;
  }
  net_ask (made->net, net_write_link_new (buffer, made->want.name, made->want.if_id), created,
           made);
}

void
net_link_take (Net *net, const NetLinkWant *want, NetDone done, gpointer data)
{
  Made *made = g_hash_table_lookup (net->made, GUINT_TO_POINTER (want->if_id));
  Waiter waiter = { done, data };
  if (made) {
    made->n_users++;
    if (made->is_asked)
      g_array_append_val (made->waiters, waiter);
    else
      done (data, NULL);
    return;
  }
  made = g_new0 (Made, 1);
  made->net = net;
  made->want = *want;
  made->n_users = 1;
  made->waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  g_array_append_val (made->waiters, waiter);
  g_hash_table_insert (net->made, GUINT_TO_POINTER (want->if_id), made);
  begin (made);
}

void
net_link_sweep (Net *net, NetEach each)
{
  GHashTableIter iter;
  gpointer value;
  guint8 buffer[NET_MESSAGE_SIZE];
  g_hash_table_iter_init (&iter, net->made);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const Made *made = value;
    if (made->is_made && made->index)
      each (net, net_write_link_delete (buffer, made->index));
  }
}
