/* SPDX-License-Identifier: Apache-2.0 */
/* admin.c - one request after the other. */
#include "config.h"
#include "xfrm.h"

enum { REQUESTS_PER_TURN = 64 };

void
xfrm_count (Xfrm *xfrm)
{
  atomic_store (&xfrm->n_sas, g_hash_table_size (xfrm->sas));
  atomic_store (&xfrm->n_policies, g_hash_table_size (xfrm->policies));
}

static void
start (Xfrm *xfrm)
{
  switch (xfrm->current->kind) {
  case XFRM_INSTALL:
    xfrm_install (xfrm);
    break;
  case XFRM_REMOVE:
    xfrm_remove (xfrm);
    break;
  case XFRM_UPDATE:
    xfrm_update (xfrm);
    break;
  case XFRM_QUERY:
    xfrm_query (xfrm);
    break;
  case XFRM_QUERY_POLICY:
    xfrm_query_policy (xfrm);
    break;
  case XFRM_GET_SPI:
  case XFRM_FREE_SPI:
    g_assert_not_reached ();
  }
}

static void
pump (gpointer data)
{
  Xfrm *xfrm = data;
  guint n = 0;
  if (xfrm->is_pumping)
    return;
  xfrm->is_pumping = TRUE;
  while (!xfrm->is_held && !xfrm->current && xfrm->queue->length && n++ < REQUESTS_PER_TURN) {
    xfrm->current = g_queue_pop_head (xfrm->queue);
    start (xfrm);
  }
  xfrm->is_pumping = FALSE;
  /* Events have their turn. */
  if (n > REQUESTS_PER_TURN)
    ike_loop_post (xfrm->loop, pump, xfrm, NULL);
}

void
xfrm_done (Xfrm *xfrm)
{
  xfrm_request_free (g_steal_pointer (&xfrm->current));
  xfrm_count (xfrm);
  pump (xfrm);
}

void
xfrm_hold (Xfrm *xfrm, gboolean is_held)
{
  xfrm->is_held = is_held;
  pump (xfrm);
}

void
xfrm_run (Xfrm *xfrm, XfrmRequest *request_take)
{
  if (request_take->kind == XFRM_GET_SPI)
    xfrm_get_spi (request_take);
  else if (request_take->kind == XFRM_FREE_SPI)
    xfrm_free_spi (request_take);
  else {
    g_queue_push_tail (xfrm->queue, request_take);
    pump (xfrm);
  }
}
