/* SPDX-License-Identifier: Apache-2.0 */
/* command.c - `ikebana radius-sessions`: who is in by a RADIUS server's word.  Rows are made in
 * slices on the io loop, and streamed. */
#include "eap_radius.h"

enum { SLICE = 256 };

typedef struct {
  EapRadius *self;
  IkeRequest *request; /* control's */
  GPtrArray *rows;     /* IkeTree: of this slice */
  guint from, n;
  gboolean is_last;
} Listing;

static void list_slice (gpointer data);

static void
listing_free (gpointer data)
{
  Listing *listing = data;

  g_ptr_array_unref (listing->rows);
  g_free (listing);
}

static void
set_attribute (IkeTree *row, const char *key, const Session *session, guint8 type)
{
  IkeRadiusAttribute found;
  char text[4 * IKE_RADIUS_VALUE_MAX + 1];

  if (ike_radius_find (session->attributes, session->len, 0, type, &found))
    ike_tree_set_string (row, key, ike_escape (text, sizeof text, found.value, found.len));
}

static void
set_address (IkeTree *row, const char *key, const Session *session, guint8 type)
{
  IkeRadiusAttribute found;
  char text[IKE_ADDR_TEXT_SIZE];
  IkeAddr addr;

  if (ike_radius_find (session->attributes, session->len, 0, type, &found)
      && ike_radius_get_addr (&found, &addr))
    ike_tree_set_string (row, key, ike_addr_format (&addr, FALSE, text));
}

static void
add_row (Session *session, IkeSaRef sa, gpointer data)
{
  Listing *listing = data;
  IkeTree *row = ike_tree_new_section ();
  gint64 age_us = ike_engine_wall_us (listing->self->engine) - session->since_us;

  ike_tree_set_string (row, "user", session->user);
  ike_tree_set_string (row, "connection", session->conn);
  set_attribute (row, "session", session, IKE_RADIUS_ACCT_SESSION_ID);
  set_attribute (row, "from", session, IKE_RADIUS_CALLING_STATION_ID);
  set_address (row, "address", session, IKE_RADIUS_FRAMED_IP_ADDRESS);
  set_address (row, "address-v6", session, IKE_RADIUS_FRAMED_IPV6_ADDRESS);
  ike_tree_set_string (row, "group", session->group ? session->group : "");
  ike_tree_set_int (row, "seconds", MAX (age_us, 0) / G_USEC_PER_SEC);
  g_ptr_array_add (listing->rows, row);
}

/* Control. */
static void
send_slice (gpointer data)
{
  Listing *listing = data, *more;

  for (guint i = 0; i < listing->rows->len; i++)
    ike_request_part (listing->request, "row", g_steal_pointer (&listing->rows->pdata[i]));
  g_ptr_array_set_size (listing->rows, 0);
  if (listing->is_last) {
    IkeTree *result = ike_tree_new_section ();
    ike_tree_set_int (result, "n", listing->n);
    ike_request_finish (listing->request, result);
    return;
  }
  more = g_memdup2 (listing, sizeof *listing);
  more->rows = g_ptr_array_ref (listing->rows);
  ike_loop_post (listing->self->io, list_slice, more, listing_free);
}

static void
list_slice (gpointer data)
{
  Listing *listing = data, *more = g_memdup2 (listing, sizeof *listing);

  more->rows = g_ptr_array_ref (listing->rows);
  more->from = table_walk (listing->self->table, listing->from, SLICE, add_row, more);
  more->n += more->rows->len;
  more->is_last = more->from == 0;
  ike_loop_post (ike_engine_control (listing->self->engine), send_slice, more, listing_free);
}

static void
row_free (gpointer row)
{
  ike_tree_free (row);
}

static void
run_sessions (IkePlugin *plugin, IkeRequest *request)
{
  Listing *listing = g_new0 (Listing, 1);

  listing->self = ike_plugin_state (plugin);
  listing->request = request;
  listing->rows = g_ptr_array_new_with_free_func (row_free);
  ike_loop_post (listing->self->io, list_slice, listing, listing_free);
}

const IkeCommandClass eap_radius_sessions_class = {
  .struct_size = sizeof (IkeCommandClass),
  .flags = IKE_COMMAND_READ_ONLY | IKE_COMMAND_STREAMS,
  .summary = "List the users that RADIUS servers let in",
  .columns = "User:user Connection:connection From:from Address:address Seconds:seconds "
             "Session:session",
  .run = run_sessions,
};
