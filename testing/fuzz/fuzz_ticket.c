/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_ticket.c - tickets as they come from anybody, and what is sealed in them, as if a key were
 * known: what is read is written as it was.
 *
 * A byte that chooses: a ticket (even), or a session (odd).
 *
 * Covers: plugins/resumption/ticket.c, plugins/resumption/session.c */
#include "resumption/ticket.h"
#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize len);

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

static void
fuzz_ticket (const guint8 *data, gsize len)
{
  guint8 copy[4 + STORE_REF_LEN];
  TicketView view;
  IkeWriter w;

  if (!ticket_read (data, len, &view))
    return;
  check (view.kind == TICKET_KIND_VALUE || view.kind == TICKET_KIND_REFERENCE);
  if (view.kind == TICKET_KIND_VALUE) {
    check (view.sealed > data && view.sealed_len && view.sealed + view.sealed_len == view.icv);
    check (view.icv + 16 == data + len && len <= TICKET_MAX);
    return;
  }
  ike_writer_init (&w, copy, sizeof copy);
  ticket_write_ref (&w, view.ref);
  check (!w.failed && w.len == len && !memcmp (copy, data, len));
}

static void
fuzz_session (const guint8 *data, gsize len)
{
  g_autoptr (Session) session = session_read (data, len), again = NULL;
  g_autofree guint8 *copy = g_malloc (len + 1);
  IkeWriter w;

  if (!session)
    return;
  check (session->sk_d.len && session->sk_d.len <= IKE_SECRET_MAX && session->conn
         && session->method && session->id_i && session->id_r);
  ike_writer_init (&w, copy, len + 1);
  check (session_write (session, &w) && w.len == len && !memcmp (copy, data, len));
  again = session_read (copy, w.len);
  check (again != NULL);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize len)
{
  if (!len)
    return 0;
  if (data[0] & 1)
    fuzz_session (data + 1, len - 1);
  else
    fuzz_ticket (data + 1, len - 1);
  return 0;
}
