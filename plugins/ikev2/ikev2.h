/* SPDX-License-Identifier: Apache-2.0 */
/* ikev2.h - what the files of this plugin share. */
#pragma once
#include <string.h>
#include <ikebana/auth.h>
#include <ikebana/exchange.h>
#include <ikebana/tree.h>

/* Bits of a connection's candidates tried in one message. */
enum { IKEV2_CANDIDATES_MAX = 16, IKEV2_NONCE_LEN = 32 };

/* RFC 7296, 2.8.1: of the nonces of exchanges that collide the lowest decides. */
typedef struct { guint16 len; guint8 bytes[IKE_NONCE_MAX]; } Ikev2Nonce;

extern const IkeFeature ikev2_fragmentation_feature, ikev2_fragmentation_acts_feature, ikev2_window_size_feature,
  ikev2_contact_notify_feature, ikev2_contact_task_feature, ikev2_unique_acts_feature, ikev2_multiple_auth_feature;
enum { IKEV2_N_MULTIPLE_AUTH_SUPPORTED = 16404, IKEV2_N_ANOTHER_AUTH_FOLLOWS = 16405 };
extern const IkeTaskClass ikev2_init_task, ikev2_natd_task, ikev2_natd_needed_task, ikev2_id_task, ikev2_auth_task,
  ikev2_child_task, ikev2_create_child_task, ikev2_rekey_task, ikev2_delete_task, ikev2_informational_task;

/* auth.c, identity.c */
const IkeProvided *ikev2_auth_method (IkeSa *sa, const IkeAuthConf *conf);   /* NULL: not there */
const char *ikev2_method_name (guint8 method);                               /* of AUTH, for people */
IkeIdent   *ikev2_own_id (IkeSa *sa);

/* child_select.c: proposals and selectors of a CHILD_SA. */
typedef struct {
  IkeSelector local[IKE_SELECTORS_MAX], remote[IKE_SELECTORS_MAX];
  guint       n_local, n_remote;
} Ikev2Selectors;

const IkeProposals *ikev2_child_proposals (const IkeChildConf *conf);
/* What @conf allows on this SA: `dynamic` becomes the hosts. */
void     ikev2_selectors_of (IkeSa *sa, const IkeChildConf *conf, Ikev2Selectors *out);
gboolean ikev2_selectors_read (IkeTask *task, const IkeMessage *in, gboolean is_initiator, Ikev2Selectors *out);
/* Responder: the child of the connection that fits what is offered best, narrowed. NULL: none, and @why says so. */
const IkeChildConf *ikev2_choose_child (IkeSa *sa, const Ikev2Selectors *offered, guint8 mode, Ikev2Selectors *narrowed,
                                        char **why);
gboolean ikev2_fits_another_mode (IkeSa *sa, const Ikev2Selectors *offered, guint8 mode);
char    *ikev2_selectors_format (const Ikev2Selectors *selectors);
/* What ike_proposals_explain() left in @details says which keyword to add; this says where. */
void     ikev2_name_setting (IkeTree *details, const char *path);

/* child_mode.c: transport mode, BEET, IPComp. */
enum { IKEV2_N_USE_BEET_MODE = 40961, IKEV2_IPCOMP_DEFLATE = 2 };

/* The hosts as the peer knows them; family 0: not by one address each. */
typedef struct { IkeAddr local, remote; } Ikev2Originals;

/* What lies within @host only; returns how many are left of @n. */
guint    ikev2_selectors_within (IkeSelector *selectors, guint n, const IkeAddr *host);
/* RFC 7296, 2.23.1: keeps in @originals what the peer calls the hosts, and puts our names of them in their place.
 * FALSE: there is not one address each, or it is not that of the SA, so this cannot be transport mode.  Without NAT
 * what is offered may be wider, and is cut to the hosts. */
gboolean ikev2_selectors_translate (IkeSa *sa, Ikev2Selectors *selectors, gboolean is_offer,
                                    Ikev2Originals *originals);
/* Do the selectors name one address on each side? */
gboolean ikev2_selectors_are_hosts (const Ikev2Selectors *selectors);
/* Which mode @x asks for, or agrees to, by its notifies. */
guint8   ikev2_mode_of (const IkeExchange *x);
void     ikev2_mode_write (IkeWriter *out, guint8 mode);
/* Our CPI, offered or chosen. */
void     ikev2_ipcomp_write (IkeWriter *out, guint16 cpi);
/* The first offer that we can take; 0: none. */
guint16  ikev2_ipcomp_offered (const IkeExchange *x);
/* The answer to what we offered: its CPI, 0 for none.  FALSE: it is none that we could have offered. */
gboolean ikev2_ipcomp_answered (const IkeExchange *x, gboolean was_offered, guint16 *cpi);

/* kx.c: a key exchange.  It stands first in the data of the task whose it is. */
typedef struct {
  const IkeKe   *ke;                          /* NULL: none is wanted */
  IkeKeOffer    *offer;                       /* ours, where we ask */
  IkeKeAnswer   *answer;                      /* ours, where the peer asks */
  IkeSecretBlob *secret;                      /* the result, where we ask */
  char          *error;                       /* of the last call of the task; NULL: it worked */
  gboolean       is_done;                     /* there is a result, or an error */
} Ikev2Kx;

/* Each is a call: the task waits. */
void           ikev2_kx_offer  (IkeTask *task);
void           ikev2_kx_answer (IkeTask *task, const IkeKeView *theirs);
void           ikev2_kx_finish (IkeTask *task, const IkeKeView *theirs);   /* takes the key pair from the offer */
void           ikev2_kx_write  (const Ikev2Kx *kx, IkeWriter *out);        /* nothing, where none is wanted */
IkeSecretBlob *ikev2_kx_secret (const Ikev2Kx *kx);                        /* borrowed; NULL: none */
void           ikev2_kx_set_error    (Ikev2Kx *kx, const char *error_or_null);
void           ikev2_kx_forget_offer (Ikev2Kx *kx);                        /* another group is tried */
void           ikev2_kx_clear        (Ikev2Kx *kx);

/* collision.c */
/* "Lowest" means an octet-by-octet comparison; the shorter of two that begin alike is the lower one. */
gboolean ikev2_nonce_is_lower (const Ikev2Nonce *a, const Ikev2Nonce *b);
void     ikev2_nonce_lower    (const guint8 *a, gsize a_len, const guint8 *b, gsize b_len, Ikev2Nonce *out);

/* delete.c: TRUE when we ask. */
gboolean ikev2_is_ours (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in);

/* child_rekey.c: the peer takes no further SA in this IKE SA, and it is authenticated anew instead. */
void     ikev2_rekey_from_scratch (IkeTask *task);
