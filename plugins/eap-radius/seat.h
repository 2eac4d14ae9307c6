/* SPDX-License-Identifier: Apache-2.0 */
/* seat.h - what hangs on an IKE SA whose peer a RADIUS server let in.  All of it on the shard of the SA. */
#pragma once
#include "eap_radius.h"

struct _Seat {
  EapRadius *self;
  guint      n_slots;                         /* SAs that it hangs on */
  IkeSaRef   sa;                              /* of them the one that is in use */
  Grant     *grant;                           /* until the session begins, as the next three */
  guint8    *user, *nas;
  gsize      user_len, nas_len;
  char      *group;
  char     **groups;                          /* that the SA is in by the server's word */
  GBytes    *classes;                         /* Class attributes, for accounts; or NULL */
  Session   *session;                         /* NULL: not begun */
  gboolean   is_accounted, wants_interim, wants_idle;
  guint32    idle_s, interim_s;               /* 0: none */
  gint64     since_us, end_us, interim_us, idle_us;   /* times; 0: never */
  gint64     over_us;                         /* when it ended; 0: it has not */
  guint32    cause;                           /* RFC 2866, 5.10; 0: not known yet */
  IkeTimer  *timer;                           /* of @sa */
  Traffic    traffic;
};

/* seat.c */
Seat    *seat_of         (const EapRadius *self, const IkeSa *sa);       /* NULL: none */
gint64   seat_now_us     (const Seat *seat);
gint64   seat_in_seconds (const Seat *seat, guint32 seconds);           /* 0: never */
/* The timer, for what is due next; @sa is the one in use. */
void     seat_arm        (Seat *seat, IkeSa *sa);
void     seat_account    (Seat *seat, AcctStatus status);
/* All questions about traffic are answered. */
void     seat_surveyed   (Seat *seat);
guint32  seat_interim_of (const EapRadius *self, const Grant *grant);
void     seat_keep_classes (Seat *seat, const Grant *grant);
