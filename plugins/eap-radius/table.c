/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - sessions, found by each of the attributes that a server may name them by (RFC 5176, 3).
 *
 * All of it is the io loop's.  A session is indexed under each such attribute of its own, as it is
 * on the wire; those with the same one are in a ring. */
#include "eap_radius.h"

/* Of what sessions are found by there is one each, except for addresses: six of the other types,
 * and up to IKE_SA_VIRTUAL_IPS_MAX addresses of the client. */
enum { LINKS_MAX = 16 };
G_STATIC_ASSERT (LINKS_MAX >= IKE_SA_VIRTUAL_IPS_MAX + 6);

typedef struct _Entry Entry;

typedef struct _Link {
  struct _Link *next, *previous; /* a ring of those with the same attribute */
  Entry *entry;
  const guint8 *attribute; /* of the session: type, length, value */
} Link;

struct _Entry {
  Session *session;
  IkeSaRef sa;
  guint position; /* in the list */
  guint n_links;
  Link links[LINKS_MAX];
};

struct _Table {
  GHashTable *sessions;   /* Session* → Entry */
  GHashTable *attributes; /* attribute → Link: one of the ring */
  GPtrArray *list;        /* Entry; for listings */
};

/* -- attributes as keys */

static guint
attribute_hash (gconstpointer key)
{
  const guint8 *attribute = key;
  guint hash = 5381;

  for (guint i = 0; i < attribute[1]; i++)
    hash = hash * 33 + attribute[i];
  return hash;
}

static gboolean
attribute_equal (gconstpointer a, gconstpointer b)
{
  const guint8 *x = a, *y = b;

  return x[1] == y[1] && !memcmp (x, y, x[1]);
}

/* Not those that many have in common (addresses of this gateway, names of connections). */
static gboolean
is_index (const IkeRadiusAttribute *attribute)
{
  if (attribute->vendor)
    return FALSE;
  switch (attribute->type) {
  case IKE_RADIUS_USER_NAME:
  case IKE_RADIUS_NAS_PORT:
  case IKE_RADIUS_FRAMED_IP_ADDRESS:
  case IKE_RADIUS_CALLING_STATION_ID:
  case IKE_RADIUS_ACCT_SESSION_ID:
  case IKE_RADIUS_CHARGEABLE_USER_IDENTITY:
  case IKE_RADIUS_FRAMED_IPV6_ADDRESS:
  case IKE_RADIUS_FRAMED_IPV6_PREFIX:
    return TRUE;
  default:
    return FALSE;
  }
}

static const guint8 *
start_of (const IkeRadiusAttribute *attribute)
{
  return attribute->value - 2;
}

/* -- in and out */

Table *
table_new (void)
{
  Table *table = g_new0 (Table, 1);

  table->sessions = g_hash_table_new (NULL, NULL);
  table->attributes = g_hash_table_new (attribute_hash, attribute_equal);
  table->list = g_ptr_array_new ();
  return table;
}

static void
entry_free (Entry *entry)
{
  session_unref (entry->session);
  g_free (entry);
}

void
table_free (Table *table)
{
  if (!table)
    return;
  for (guint i = 0; i < table->list->len; i++)
    entry_free (table->list->pdata[i]);
  g_hash_table_unref (table->sessions);
  g_hash_table_unref (table->attributes);
  g_ptr_array_unref (table->list);
  g_free (table);
}

static void
link_in (Table *table, Entry *entry, const guint8 *attribute)
{
  Link *link = &entry->links[entry->n_links++];
  Link *ring = g_hash_table_lookup (table->attributes, attribute);

  *link = (Link){ link, link, entry, attribute };
  if (ring) {
    link->next = ring->next;
    link->previous = ring;
    ring->next->previous = link;
    ring->next = link;
  } else
    g_hash_table_insert (table->attributes, (gpointer) attribute, link);
}

/* The key of the ring may be the one of this link. */
static void
link_out (Table *table, Link *link)
{
  Link *other = link->next;

  if (other == link) {
    g_hash_table_remove (table->attributes, link->attribute);
    return;
  }
  link->previous->next = other;
  other->previous = link->previous;
  g_hash_table_replace (table->attributes, (gpointer) other->attribute, other);
}

static void
insert (Table *table, Session *session, IkeSaRef sa)
{
  Entry *entry = g_new0 (Entry, 1);
  IkeRadiusAttribute attribute;
  IkeRadiusIter iter;

  entry->session = session_ref (session);
  entry->sa = sa;
  entry->position = table->list->len;
  g_ptr_array_add (table->list, entry);
  g_hash_table_insert (table->sessions, session, entry);
  ike_radius_iter_init (&iter, session->attributes, session->len);
  while (entry->n_links < LINKS_MAX && ike_radius_next (&iter, &attribute))
    if (is_index (&attribute))
      link_in (table, entry, start_of (&attribute));
}

static void
take_out (Table *table, Entry *entry)
{
  for (guint i = 0; i < entry->n_links; i++)
    link_out (table, &entry->links[i]);
  g_hash_table_remove (table->sessions, entry->session);
  g_ptr_array_remove_index_fast (table->list, entry->position);
  if (entry->position < table->list->len)
    ((Entry *) table->list->pdata[entry->position])->position = entry->position;
  entry_free (entry);
}

/* -- from other threads */

typedef struct {
  EapRadius *self;
  Session *session;
  IkeSaRef sa;
  void (*run) (Table *table, Session *session, IkeSaRef sa);
} Change;

static void
run_change (gpointer data)
{
  const Change *change = data;

  change->run (change->self->table, change->session, change->sa);
}

static void
change_free (gpointer data)
{
  session_unref (((Change *) data)->session);
  g_free (data);
}

static void
post (EapRadius *self, Session *session, IkeSaRef sa,
      void (*run) (Table *table, Session *session, IkeSaRef sa))
{
  Change *change = g_new (Change, 1);

  *change = (Change){ self, session_ref (session), sa, run };
  ike_loop_post (self->io, run_change, change, change_free);
}

static void
move (Table *table, Session *session, IkeSaRef sa)
{
  Entry *entry = g_hash_table_lookup (table->sessions, session);

  if (entry)
    entry->sa = sa;
}

static void
drop (Table *table, Session *session, IkeSaRef sa)
{
  Entry *entry = g_hash_table_lookup (table->sessions, session);

  if (entry)
    take_out (table, entry);
}

void
table_add (EapRadius *self, Session *session, IkeSaRef sa)
{
  post (self, session, sa, insert);
}

void
table_move (EapRadius *self, Session *session, IkeSaRef sa)
{
  post (self, session, sa, move);
}

void
table_remove (EapRadius *self, Session *session)
{
  post (self, session, (IkeSaRef){ 0 }, drop);
}

/* -- finding */

/* By its ID, where that is among them: of the others a user, or a host, may have several. */
static gboolean
choose (const guint8 *attributes, gsize len, IkeRadiusAttribute *chosen)
{
  IkeRadiusAttribute attribute;
  IkeRadiusIter iter;
  gboolean is_found = FALSE;

  ike_radius_iter_init (&iter, attributes, len);
  while (ike_radius_next (&iter, &attribute))
    if (is_index (&attribute) && (!is_found || attribute.type == IKE_RADIUS_ACCT_SESSION_ID)) {
      *chosen = attribute;
      is_found = TRUE;
    }
  return is_found;
}

gboolean
table_find (Table *table, const guint8 *attributes, gsize len,
            void (*each) (Session *session, IkeSaRef sa, gpointer data), gpointer data)
{
  IkeRadiusAttribute chosen;
  const Link *ring, *link;

  if (!choose (attributes, len, &chosen))
    return FALSE;
  link = ring = g_hash_table_lookup (table->attributes, start_of (&chosen));
  if (!ring)
    return TRUE;
  do {
    if (session_has (link->entry->session, attributes, len))
      each (link->entry->session, link->entry->sa, data);
    link = link->next;
  } while (link != ring);
  return TRUE;
}

guint
table_walk (Table *table, guint from, guint n,
            void (*each) (Session *session, IkeSaRef sa, gpointer data), gpointer data)
{
  guint end = MIN (from + n, table->list->len);

  for (guint i = from; i < end; i++) {
    const Entry *entry = table->list->pdata[i];
    each (entry->session, entry->sa, data);
  }
  return end < table->list->len ? end : 0;
}
