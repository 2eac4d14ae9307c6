/* SPDX-License-Identifier: Apache-2.0 */
/* seat_begin.c - a server said yes, and then the SA is up: the session begins. */
#include "seat.h"

void
seat_take (EapRadius *self, IkeSa *sa, const Admission *admission)
{
  Seat *seat = g_new0 (Seat, 1);
  Grant *grant = admission->grant;

  seat->self = self;
  seat->n_slots = 1;
  seat->sa = ike_sa_ref (sa);
  seat->user = g_memdup2 (admission->user, admission->user_len);
  seat->user_len = admission->user_len;
  seat->nas = g_memdup2 (admission->nas, admission->nas_len);
  seat->nas_len = admission->nas_len;
  seat->group = g_strdup (admission->group);
  seat->groups = grant_groups (grant);
  seat->idle_s = grant->has_idle ? grant->idle_s : 0;
  seat->interim_s = self->accounts ? seat_interim_of (self, grant) : 0;
  seat->traffic.answered = seat_surveyed;
  seat_keep_classes (seat, grant);
  seat->grant = g_memdup2 (grant, sizeof *grant);
  memset (grant, 0, sizeof *grant);
  ike_sa_set_slot (sa, self->slot, seat);
}

static void
add_virtual_ips (IkeSa *sa, IkeWriter *w)
{
  guint n, n_4 = 0;
  const IkeAddr *ips = ike_sa_virtual_ips (sa, FALSE, &n);

  for (guint i = 0; i < n; i++)
    if (ips[i].family == 6)
      ike_radius_add_addr (w, IKE_RADIUS_FRAMED_IPV6_ADDRESS, &ips[i]);
    else if (n_4++ == 0)
      ike_radius_add_addr (w, IKE_RADIUS_FRAMED_IP_ADDRESS, &ips[i]);
}

/* RFC 3162, 2.3: reserved, prefix length, as many bytes of the prefix as it takes. */
static void
add_prefix (IkeWriter *w, guint8 type, const IkeAddr *net, guint len)
{
  guint8 value[18] = { 0, (guint8) len };

  if (!net->family)
    return;
  memcpy (value + 2, net->bytes, 16);
  ike_radius_add (w, type, value, 2 + (len + 7) / 8);
}

static void
add_prefixes (const Grant *grant, IkeWriter *w)
{
  add_prefix (w, IKE_RADIUS_FRAMED_IPV6_PREFIX, &grant->prefix, grant->prefix_len);
  if (grant->prefix.family && grant->has_interface_id)
    ike_radius_add (w, IKE_RADIUS_FRAMED_INTERFACE_ID, grant->interface_id,
                    sizeof grant->interface_id);
  add_prefix (w, IKE_RADIUS_DELEGATED_IPV6_PREFIX, &grant->delegated, grant->delegated_len);
}

static gboolean
has_virtual_ip (IkeSa *sa)
{
  guint n;

  ike_sa_virtual_ips (sa, FALSE, &n);
  return n > 0;
}

static void
start_clocks (Seat *seat, IkeSa *sa)
{
  seat->since_us = seat_now_us (seat);
  seat->end_us = seat->grant->has_session ? seat_in_seconds (seat, seat->grant->session_s) : 0;
  seat->idle_us = seat_in_seconds (seat, seat->idle_s);
  seat->interim_us = seat_in_seconds (seat, seat->interim_s);
  seat_arm (seat, sa);
}

static void
begin_session (Seat *seat, IkeSa *sa)
{
  EapRadius *self = seat->self;
  const IkeConn *conn = ike_sa_conn (sa);
  guint8 attributes[SESSION_ATTRIBUTES_MAX];
  IkeWriter w;

  ike_writer_init (&w, attributes, sizeof attributes);
  ike_radius_add (&w, IKE_RADIUS_USER_NAME, seat->user, seat->user_len);
  ike_writer_bytes (&w, seat->nas, seat->nas_len);
  /* RFC 4372, 2.1: the CUI of an Access-Accept goes into all accounts of the session. */
  if (seat->grant->cui_len)
    ike_radius_add (&w, IKE_RADIUS_CHARGEABLE_USER_IDENTITY, seat->grant->cui,
                    seat->grant->cui_len);
  add_virtual_ips (sa, &w);
  add_prefixes (seat->grant, &w);
  seat->session = session_new (self, &w, seat->group, conn ? conn->name : "");
  seat->is_accounted =
      self->accounting != NULL && (!self->accounts_need_vip || has_virtual_ip (sa));
  if (!seat->is_accounted)
    seat->interim_s = 0;
  g_atomic_int_add (&self->n_open, seat->is_accounted);
  start_clocks (seat, sa);
  table_add (self, seat->session, ike_sa_ref (sa));
  seat_account (seat, ACCT_START);
  ike_counter_add (self->engine, self->count.begun, 1);
  g_clear_pointer (&seat->user, g_free);
  g_clear_pointer (&seat->nas, g_free);
  g_clear_pointer (&seat->group, g_free);
  grant_clear (seat->grant);
  g_clear_pointer (&seat->grant, g_free);
}

/* At the end of IKE_AUTH: the SA is up, and has the addresses that it is to have. */
static IkeTaskResult
task_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  IkeSa *sa = ike_task_sa (task);
  Seat *seat = seat_of (ike_plugin_state (ike_task_plugin (task)), sa);

  if (seat && !seat->session && ike_sa_state (sa) == IKE_SA_ESTABLISHED)
    begin_session (seat, sa);
  return IKE_TASK_DONE;
}

const IkeTaskClass eap_radius_task_class = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:finish",
  .build = task_build,
};
