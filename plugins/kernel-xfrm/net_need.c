/* SPDX-License-Identifier: Apache-2.0 */
/* net_need.c - the interfaces and routes of a batch: first the interfaces, all of them or none,
 * then the routes that may lead into them. */
#include "config.h"
#include "net_private.h"

typedef struct {
  Net    *net;
  NetDone done;
  gpointer data;
  GArray *links;                              /* NetLinkWant */
  GArray *paths;                              /* NetPathWant */
  GArray *is_taken;                           /* gboolean of each link */
  guint   n_pending;
  char   *error;
} Need;

typedef struct {
  Need *need;
  guint i;
} Taking;

static void
need_free (gpointer data)
{
  Need *need = data;
  g_array_unref (need->links);
  g_array_unref (need->paths);
  g_array_unref (need->is_taken);
  g_free (need->error);
  g_free (need);
}

static Need *
need_new (Net *net, const IkeKernelBatch *batch)
{
  Need *need = g_new0 (Need, 1);
  need->net = net;
  need->links = g_array_new (FALSE, FALSE, sizeof (NetLinkWant));
  need->paths = g_array_new (FALSE, FALSE, sizeof (NetPathWant));
  need->is_taken = g_array_new (FALSE, TRUE, sizeof (gboolean));
  for (guint i = 0; i < batch->n_sas; i++) {
    const IkeKernelSa *sa = &batch->sas[i];
    NetLinkWant want = { .if_id = sa->if_id };
    if (!sa->if_id || !(sa->flags & IKE_KERNEL_MAKE_INTERFACE) || !sa->link_name)
      continue;
    g_strlcpy (want.name, sa->link_name, sizeof want.name);
    g_strlcpy (want.master, sa->link_master ? sa->link_master : "", sizeof want.master);
    g_array_append_val (need->links, want);
  }
  for (guint i = 0; i < batch->n_policies; i++) {
    NetPathWant want;
    if (net_path_of (&batch->policies[i], &want))
      g_array_append_val (need->paths, want);
  }
  g_array_set_size (need->is_taken, need->links->len);
  return need;
}

/* -- needing */

static void
finish (Need *need)
{
  NetDone done = need->done;
  gpointer data = need->data;
  g_autofree char *error = g_steal_pointer (&need->error);
  need_free (need);
  done (data, error);
}

static void
path_taken (gpointer data, const char *error)
{
  Need *need = data;
  if (--need->n_pending == 0)
    finish (need);
}

static void
links_done (Need *need)
{
  need->n_pending = 1;
  for (guint i = 0; i < need->links->len && need->error; i++)
    if (g_array_index (need->is_taken, gboolean, i))
      net_link_drop (need->net, g_array_index (need->links, NetLinkWant, i).if_id);
  for (guint i = 0; i < need->paths->len && !need->error; i++) {
    need->n_pending++;
    net_path_take (need->net, &g_array_index (need->paths, NetPathWant, i), path_taken, need);
  }
  path_taken (need, NULL);
}

static void
link_taken (gpointer data, const char *error)
{
  Taking *taking = data;
  Need *need = taking->need;
  if (error && !need->error)
    need->error = g_strdup (error);
  g_array_index (need->is_taken, gboolean, taking->i) = !error;
  g_free (taking);
  if (--need->n_pending == 0)
    links_done (need);
}

static void
take_links (Need *need)
{
  guint n = need->links->len;
  need->n_pending = n + 1;
  for (guint i = 0; i < n; i++) {
    Taking *taking = g_new0 (Taking, 1);
    *taking = (Taking) { need, i };
    net_link_take (need->net, &g_array_index (need->links, NetLinkWant, i), link_taken, taking);
  }
  if (--need->n_pending == 0)
    links_done (need);
}

/* -- in their turn */

typedef struct {
  Need *need;                                 /* NULL once it runs */
} Ticket;

static Ticket *
ticket_new (Need *need)
{
  Ticket *ticket = g_new0 (Ticket, 1);
  ticket->need = need;
  return ticket;
}

static void
ticket_free (gpointer data)
{
  Ticket *ticket = data;
  if (ticket->need && ticket->need->done) {
    ticket->need->error = g_strdup ("the plugin is stopped");
    finish (ticket->need);
  } else if (ticket->need) {
    need_free (ticket->need);
  }
  g_free (ticket);
}

static void
run_need (gpointer data)
{
  Ticket *ticket = data;
  take_links (g_steal_pointer (&ticket->need));
}

void
net_need (Net *net, const IkeKernelBatch *batch, NetDone done, gpointer data)
{
  Need *need = need_new (net, batch);
  need->done = done;
  need->data = data;
  if (need->links->len || need->paths->len) {
    net_when_ready (net, run_need, ticket_new (need), ticket_free);
    return;
  }
  need_free (need);
  done (data, NULL);
}

static void
run_drop (gpointer data)
{
  const Need *need = ((Ticket *) data)->need;
  for (guint i = 0; i < need->paths->len; i++)
    net_path_drop (need->net, &g_array_index (need->paths, NetPathWant, i));
  for (guint i = 0; i < need->links->len; i++)
    net_link_drop (need->net, g_array_index (need->links, NetLinkWant, i).if_id);
}

void
net_drop (Net *net, const IkeKernelBatch *batch)
{
  net_when_ready (net, run_drop, ticket_new (need_new (net, batch)), ticket_free);
}

void
net_moved (Net *net, const IkeKernelSa *old, const IkeKernelSa *new_)
{
  netlink_cork (net->cache.requests);
  net_path_moved (net, old, new_);
  netlink_uncork (net->cache.requests);
}
