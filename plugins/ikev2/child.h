/* SPDX-License-Identifier: Apache-2.0 */
/* child.h - a CHILD_SA in the making: what the side that asks (child.c) and the side that answers (child_answer.c)
 * have in common. */
#pragma once
#include "ikev2.h"

/* RFC 4303, 2.1: SPIs from 1 to 255 are reserved, zero is for local use.  A peer may ask for so
 * many groups. */
enum { SPI_MIN = 256, GROUPS_MAX = 5 };

typedef struct _Child {
  Ikev2Kx             kx;
  IkeChildRef         child;
  const IkeChildConf *conf;
  IkeChoice           choice;
  Ikev2Selectors     *selectors;              /* offered by us, or narrowed */
  guint16             group;
  guint               n_groups;               /* tried because the peer asked for them */
  guint16             failed;                 /* the notify that says why there is no child */
  char               *why;
  guint32             spi;
  gboolean            is_installing, is_installed, has_nonce, is_prepared;
  gboolean            is_untold;              /* responder: it is up, and the answer does not say so yet */
  guint8              mode;                   /* proposed; later what was agreed on */
  Ikev2Originals      originals;
  guint16             peer_cpi;               /* with IPComp */
  guint8              nonce[IKEV2_NONCE_LEN];
  IkeChildRef         old;                    /* to be replaced; 0: none */
  gboolean            is_ours;                /* we asked: in the list of these */
  gboolean            is_noted;               /* the peer asked while ours was under way: the nonces decide */
  struct _Child      *next;
  IkeChildRef         rival;                  /* what the peer has made of @old meanwhile; 0: nothing */
  Ikev2Nonce          rival_nonce;            /* the lower one of its exchange */
  Ikev2Nonce          lower_nonce;            /* the same of ours, when it is answered */
} Child;

IkeEngine *ikev2_child_engine (IkeTask *task);
IkeChild  *ikev2_child_of     (IkeTask *task);                 /* NULL: gone */
gboolean   ikev2_child_is_in_auth (const IkeExchange *x);

extern const IkeCallClass ikev2_child_spi_call, ikev2_child_cpi_call;

/* There will be no child; @details are taken. */
IkeTaskResult ikev2_child_refuse (IkeTask *task, const char *phase, guint16 notify, const char *why, IkeTree *details);
void       ikev2_child_write_sa    (IkeTask *task, IkeWriter *out, gboolean is_request, guint flags);
void       ikev2_child_write_ts    (IkeTask *task, IkeWriter *out, gboolean is_initiator);
void       ikev2_child_make_nonce  (IkeTask *task);
void       ikev2_child_write_nonce (IkeTask *task, IkeWriter *out);
gboolean   ikev2_child_narrow      (IkeTask *task, gboolean is_response);
guint32    ikev2_child_spi_of      (const IkeChoice *choice);
gboolean   ikev2_child_wants_ipcomp (IkeTask *task);
gboolean   ikev2_child_is_ah_through_nat (IkeSa *sa, const IkeChildConf *conf);
extern const char ikev2_child_nat_and_ah[];
IkeTaskResult ikev2_child_install  (IkeTask *task, IkeExchange *x, const IkeMessage *in);
IkeTaskResult ikev2_child_finish   (IkeTask *task);

gboolean   ikev2_child_covers      (const Ikev2Selectors *big, const Ikev2Selectors *small_);
/* Client: `vips` asks for an address, and there is none.  Gateway: so do `pools` of the peer. */
gboolean   ikev2_lacks_own_address  (IkeSa *sa, const IkeChildConf *conf);
gboolean   ikev2_lacks_peer_address (IkeSa *sa, const IkeChildConf *conf);
/* Of what the peer answered, what our virtual addresses may have; FALSE: nothing. */
gboolean   ikev2_selectors_keep_ours (IkeSa *sa, const IkeChildConf *conf, Ikev2Selectors *answered);

/* child_rekey.c */
gboolean    ikev2_rekey_is_asked   (IkeExchange *x);            /* does the operation replace a CHILD_SA? */
const char *ikev2_rekey_prepare    (IkeTask *task);             /* NULL, or why there is nothing to replace */
void        ikev2_rekey_write      (IkeTask *task, IkeWriter *out);
/* The peer wants this: DONE with @self->old and all that follows from it, or why not. */
IkeTaskResult ikev2_rekey_judge    (IkeTask *task, IkeExchange *x, const Ikev2Selectors *offered);
/* What the peer wants replaced is still there, and nobody else has replaced it. */
gboolean    ikev2_rekey_is_open    (IkeTask *task);
/* It collides with ours, if there is one. */
void        ikev2_rekey_note       (IkeTask *task, const guint8 *theirs, gsize len);
void        ikev2_rekey_answered   (IkeTask *task);
/* We asked, and the peer has made one, with this nonce. */
void        ikev2_rekey_answered_with (IkeTask *task, const guint8 *theirs, gsize len);
/* Does it lose against what the peer asked for itself?  Then it goes.  To be asked again when it is installed: the
 * peer's request may come in between. */
gboolean    ikev2_rekey_is_lost    (IkeTask *task);
void        ikev2_rekey_won        (IkeTask *task);
IkeTaskResult ikev2_rekey_not_found (IkeTask *task);
void        ikev2_rekey_dispose    (IkeTask *task);

/* child_answer.c */
IkeTaskResult ikev2_child_process_request (IkeTask *task, IkeExchange *x, const IkeMessage *in);
IkeTaskResult ikev2_child_build_response  (IkeTask *task, IkeExchange *x, IkeWriter *out);
