/* SPDX-License-Identifier: Apache-2.0 */
/* dynamic.c - what a server asks for later (RFC 5176): sessions are to be closed, or changed.
 *
 * The request is read and its sessions are found on the io loop; each SA is changed by a job on its
 * own shard, and the last of these answers. */
#include "eap_radius.h"

/* One request, counted: by the io loop while it looks for sessions, and by each job. */
typedef struct {
  EapRadius *self;
  IkeCall *call;
  gint references, n_done; /* atomic */
  gboolean is_disconnect;
  guint32 cause; /* of the end */
  char client[64];
  Grant grant; /* what changes */
  guint8 wanted[IKE_RADIUS_PACKET_MAX], nas[IKE_RADIUS_PACKET_MAX];
  IkeWriter session, gateway; /* attributes that name the session, and us */
  guint8 state[IKE_RADIUS_VALUE_MAX + 2];
  gsize state_len; /* State, as it came */
  gboolean has_change;
  guint n_found, n_elsewhere; /* elsewhere: it is to be on another gateway */
} Dynamic;

/* -- answers */

static void
answer (const Dynamic *dynamic, guint32 error_cause)
{
  IkeRadiusDynamicAnswer *answer = g_new0 (IkeRadiusDynamicAnswer, 1);

  answer->struct_size = sizeof *answer;
  answer->is_done = error_cause == 0;
  answer->error_cause = error_cause;
  /* RFC 5176, 3.3: State "MUST be sent unmodified from the NAS to the Dynamic Authorization Client
   * in a subsequent ACK or NAK packet". */
  answer->attributes = g_memdup2 (dynamic->state, dynamic->state_len);
  answer->len = dynamic->state_len;
  ike_call_answer (dynamic->call, answer);
}

static void
dynamic_free (Dynamic *dynamic)
{
  grant_clear (&dynamic->grant);
  g_free (dynamic);
}

/* All that were found are dealt with; those that went away meanwhile do not count. */
static void
dynamic_unref (gpointer data)
{
  Dynamic *dynamic = data;

  if (!g_atomic_int_dec_and_test (&dynamic->references))
    return;
  answer (dynamic, g_atomic_int_get (&dynamic->n_done) ? 0 : IKE_RADIUS_SESSION_NOT_FOUND);
  dynamic_free (dynamic);
}

/* -- on the shard of a session */

static void run (IkeSa *sa, gpointer data);

static const IkeJobClass dynamic_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "DAE request about a session",
  .lane = IKE_LANE_ESTABLISHED,
  .run = run,
  .free = dynamic_unref,
};

/* The lane of established SAs refuses nothing. */
static void
post (Dynamic *dynamic, IkeSaRef sa)
{
  g_atomic_int_inc (&dynamic->references);
  (void) !ike_sa_post (dynamic->self->engine, sa, &dynamic_job, dynamic);
}

static void
run (IkeSa *sa, gpointer data)
{
  Dynamic *dynamic = data;
  IkeSaRef now = seat_where (dynamic->self, sa);
  char why[128];

  if (!now.serial || ike_sa_state (sa) == IKE_SA_DEAD)
    return;
  /* Rekeyed meanwhile. */
  if (now.serial != ike_sa_ref (sa).serial) {
    post (dynamic, now);
    return;
  }
  g_atomic_int_inc (&dynamic->n_done);
  if (dynamic->is_disconnect) {
    g_snprintf (why, sizeof why, "closed at the request of the RADIUS server %s", dynamic->client);
    seat_close (dynamic->self, sa, dynamic->cause, why);
  } else
    seat_change (dynamic->self, sa, &dynamic->grant);
}

/* -- reading the request */

/* Into @w, as it came. */
static void
take (IkeWriter *w, const IkeRadiusAttribute *attribute)
{
  ike_radius_add (w, attribute->type, attribute->value, attribute->len);
}

static gboolean
names_session (guint8 type)
{
  static const guint8 types[] = {
    IKE_RADIUS_USER_NAME,
    IKE_RADIUS_NAS_PORT,
    IKE_RADIUS_FRAMED_IP_ADDRESS,
    IKE_RADIUS_CALLED_STATION_ID,
    IKE_RADIUS_CALLING_STATION_ID,
    IKE_RADIUS_ACCT_SESSION_ID,
    IKE_RADIUS_NAS_PORT_ID,
    IKE_RADIUS_CHARGEABLE_USER_IDENTITY,
    IKE_RADIUS_FRAMED_IPV6_PREFIX,
    IKE_RADIUS_FRAMED_INTERFACE_ID,
    IKE_RADIUS_ACCT_MULTI_SESSION_ID,
    IKE_RADIUS_FRAMED_IPV6_ADDRESS,
  };

  return memchr (types, type, sizeof types) != NULL;
}

/* Has nothing to do with what is asked for, or is dealt with by the service. */
static gboolean
means_nothing (const Dynamic *dynamic, guint8 type)
{
  return type == IKE_RADIUS_PROXY_STATE || type == IKE_RADIUS_EVENT_TIMESTAMP
         || type == IKE_RADIUS_MESSAGE_AUTHENTICATOR || type == IKE_RADIUS_REPLY_MESSAGE
         || (dynamic->is_disconnect && type == IKE_RADIUS_CLASS);
}

static gboolean
changes (const Dynamic *dynamic, guint8 type)
{
  if (dynamic->is_disconnect)
    return FALSE;
  if (type == IKE_RADIUS_FILTER_ID)
    return (dynamic->self->grant_flags & GRANT_FILTER_IS_GROUP) != 0;
  return type == IKE_RADIUS_SESSION_TIMEOUT || type == IKE_RADIUS_IDLE_TIMEOUT
         || type == IKE_RADIUS_ACCT_INTERIM_INTERVAL || type == IKE_RADIUS_CLASS;
}

/* RFC 5176, 3.2: "If the NAS does not support a Service-Type value of "Authorize Only", then it
 * MUST respond with a CoA-NAK; an Error-Cause Attribute with a value of 405 (Unsupported Service)
 * SHOULD be included."  3: "If other attributes are included in a Disconnect-Request,
 * implementations MUST send a Disconnect-NAK". */
static guint32
read_other (Dynamic *dynamic, const IkeRadiusAttribute *attribute)
{
  guint32 cause;

  if (attribute->type == IKE_RADIUS_SERVICE_TYPE && !dynamic->is_disconnect)
    return IKE_RADIUS_UNSUPPORTED_SERVICE;
  if (attribute->type == IKE_RADIUS_STATE && !dynamic->is_disconnect) {
    if (dynamic->state_len)
      return IKE_RADIUS_INVALID_REQUEST;
    IkeWriter w;
    ike_writer_init (&w, dynamic->state, sizeof dynamic->state);
    take (&w, attribute);
    dynamic->state_len = w.len;
    return 0;
  }
  if (attribute->type != IKE_RADIUS_ACCT_TERMINATE_CAUSE || !dynamic->is_disconnect)
    return IKE_RADIUS_UNSUPPORTED_ATTRIBUTE;
  if (!ike_radius_get_u32 (attribute, &cause) || !cause)
    return IKE_RADIUS_INVALID_ATTRIBUTE_VALUE;
  dynamic->cause = cause;
  return 0;
}

static guint32
read_one (Dynamic *dynamic, const IkeRadiusAttribute *attribute)
{
  if (attribute->vendor)
    return IKE_RADIUS_UNSUPPORTED_ATTRIBUTE;
  if (means_nothing (dynamic, attribute->type))
    return 0;
  if (attribute->len == 0)
    return IKE_RADIUS_INVALID_REQUEST;
  if (names_session (attribute->type))
    take (&dynamic->session, attribute);
  else if (attribute->type == IKE_RADIUS_NAS_IP_ADDRESS
           || attribute->type == IKE_RADIUS_NAS_IPV6_ADDRESS)
    take (&dynamic->gateway, attribute);
  else if (attribute->type == IKE_RADIUS_NAS_IDENTIFIER) {
    /* Without one of ours the service says that of each server, which is not known here. */
    if (dynamic->self->nas_identifier)
      take (&dynamic->gateway, attribute);
  } else if (changes (dynamic, attribute->type))
    dynamic->has_change = TRUE;
  else
    return read_other (dynamic, attribute);
  return 0;
}

/* 0, or the Error-Cause. */
static guint32
read_request (Dynamic *dynamic, const IkeRadiusDynamic *request)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new ();
  IkeRadiusAttribute attribute;
  IkeRadiusIter iter;
  guint32 error_cause;

  ike_radius_iter_init (&iter, request->attributes, request->len);
  while (ike_radius_next (&iter, &attribute))
    if ((error_cause = read_one (dynamic, &attribute)))
      return error_cause;
  if (!ike_radius_iter_is_done (&iter) || dynamic->session.failed || dynamic->gateway.failed)
    return IKE_RADIUS_INVALID_REQUEST;
  if (!dynamic->session.len || (!dynamic->is_disconnect && !dynamic->has_change))
    return IKE_RADIUS_MISSING_ATTRIBUTE;
  grant_read (&dynamic->grant, request->attributes, request->len, dynamic->self->grant_flags,
              problems);
  return problems->len ? IKE_RADIUS_INVALID_ATTRIBUTE_VALUE : 0;
}

/* -- finding the sessions */

static void
found (Session *session, IkeSaRef sa, gpointer data)
{
  Dynamic *dynamic = data;

  if (!session_has (session, dynamic->gateway.data, dynamic->gateway.len)) {
    dynamic->n_elsewhere++;
    return;
  }
  dynamic->n_found++;
  post (dynamic, sa);
}

static guint32
follow (Dynamic *dynamic, const IkeRadiusDynamic *request)
{
  guint32 error_cause = read_request (dynamic, request);

  if (error_cause)
    return error_cause;
  if (!table_find (dynamic->self->table, dynamic->session.data, dynamic->session.len, found,
                   dynamic))
    return IKE_RADIUS_MISSING_ATTRIBUTE;
  if (!dynamic->n_found && dynamic->n_elsewhere)
    return IKE_RADIUS_NAS_IDENTIFICATION_MISMATCH;
  return 0;
}

void
dynamic_received (IkePlugin *plugin, const IkeRadiusDynamic *request, IkeCall *call)
{
  EapRadius *self = ike_plugin_state (plugin);
  Dynamic *dynamic = g_new0 (Dynamic, 1);
  guint32 error_cause;

  dynamic->self = self;
  dynamic->call = call;
  dynamic->references = 1;
  dynamic->is_disconnect = request->code == IKE_RADIUS_DISCONNECT_REQUEST;
  dynamic->cause = CAUSE_ADMIN_RESET;
  g_strlcpy (dynamic->client, request->client, sizeof dynamic->client);
  ike_writer_init (&dynamic->session, dynamic->wanted, sizeof dynamic->wanted);
  ike_writer_init (&dynamic->gateway, dynamic->nas, sizeof dynamic->nas);
  ike_counter_add (self->engine,
                   dynamic->is_disconnect ? self->count.disconnected : self->count.changed, 1);
  error_cause = follow (dynamic, request);
  if (!error_cause) {
    dynamic_unref (dynamic);
    return;
  }
  answer (dynamic, error_cause);
  dynamic_free (dynamic);
}
