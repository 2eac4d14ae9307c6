/* SPDX-License-Identifier: Apache-2.0 */
/* radius_bed.h - a gateway (end b) whose users a RADIUS server lets in, and one of them (end a).
 *
 * The authentication itself is a stand-in for EAP in IKE_AUTH: `auth:trial` of end b relays one packet, and hands out
 * addresses as the configuration payload would.  The server is the test (test_service.h); it takes what it is told,
 * unless it is dead. */
#pragma once
#include "exchange/pair.h"
#include "eap-radius/test_service.h"
#include <ikebana/pool.h>

typedef struct {
  Pair     *pair;
  gconstpointer flags;
  guint8    grant_bytes[1024];                /* what an Access-Accept says beside EAP-Success */
  IkeWriter grant;
  gboolean  is_dead;                          /* the server */
  gboolean  is_silent;                        /* it does not answer at all */
  const char *deaf_to;                        /* accounts with this Class: answered by nobody, after 30 s */
  IkeAddr   wanted[2], given[IKE_VIRTUAL_IPS_MAX];   /* addresses that the client asks for, and gets */
  guint     n_wanted, n_given;
  IkeAddr   leased[IKE_VIRTUAL_IPS_MAX];      /* that it is given by a pool, beside */
  guint     n_leased;
  char      pool[64];
  GString  *added;                            /* attributes that it is told beside, as "TYPE:HEX " */
} RadiusBed;

/* Before radius_bed_new(): accounts are written down (queue:accounting), and outlive radius_bed_restart(). */
extern gboolean radius_bed_keeps;
/* Likewise: both ends have auth-lifetime. */
extern gboolean radius_bed_tells;
/* What is written down and not dropped. */
guint      radius_bed_n_kept (void);
/* There is one at a time.  @settings: of the plugin, and its `more` of end b. */
RadiusBed *radius_bed_new  (gconstpointer flags, const char *settings, const char *more_or_null);
/* The client comes.  NULL: it is in; else why not (g_free). */
char      *radius_bed_up   (RadiusBed *r);
void       radius_bed_assert_up (RadiusBed *r);
void       radius_bed_free (RadiusBed *r);
/* Another gateway with the same settings in the place of it. */
void       radius_bed_restart (RadiusBed *r);
/* The @nth accounting request of @status (RFC 2866, 5.1) so far; NULL: there were not so many. */
const TestAsked *radius_bed_account (guint32 status, guint nth);
/* What the newest CHILD_SA of the gateway has carried so far, a packet for each 1000 bytes. */
void       radius_bed_carry (RadiusBed *r, guint64 bytes_in, guint64 bytes_out);
/* A DAE request to the gateway, made of texts and numbers: pairs of a type and a text, or of a type, NULL and a number;
 * ends with 0.  Returns the Error-Cause, 0: ACK. */
guint32    radius_bed_ask  (RadiusBed *r, guint8 code, ...);
