/* SPDX-License-Identifier: Apache-2.0 */
/* admin.h - the administration loop: requests that were copied off the shards, and what they do
 * to SAs and policies. */
#pragma once
#include "kernel_tun.h"

typedef enum {
  TUN_GET_SPI,
  TUN_FREE_SPI,
  TUN_INSTALL,
  TUN_REMOVE,
  TUN_UPDATE,
  TUN_QUERY,
  TUN_MEASURE,
  TUN_ACQUIRED,
} TunRequestKind;

/* Owns copies of everything that it points to. */
typedef struct {
  TunKernel      *kernel;
  TunRequestKind  kind;
  /* NULL when nobody wants to know, or it was answered */
  IkeCall        *call;
  guint32         spi;                        /* FREE_SPI */
  guint64         serial;                     /* MEASURE */
  IkeSaRef        owner;                      /* GET_SPI */
  guint32         reqid;                      /* ACQUIRED */
  gboolean        is_up;                      /* ACQUIRED */
  guint           n_sas, n_policies;          /* UPDATE: the old one, the new one */
  IkeKernelSa     *sas;
  IkeKernelPolicy *policies;
  IkeSecret       *keys;                      /* two for each SA */
} TunRequest;

TunRequest *tun_request_new  (TunKernel *kernel, TunRequestKind kind, IkeCall *call);
/* fails the call when it was not answered */
void        tun_request_free (TunRequest *request);
void        tun_request_copy (TunRequest *request, const IkeKernelSa *sas, guint n_sas,
                              const IkeKernelPolicy *policies,
                              guint n_policies);
void        tun_request_post (TunRequest *request_take);
/* Once. */
void        tun_request_answer (TunRequest *request, gpointer result);
void        tun_request_fail   (TunRequest *request, const GError *error);
void        tun_admin_run    (TunAdmin *admin, TunRequest *request);

/* What has the same reqid. */
typedef struct {
  guint32    reqid;
  /* TunSa, both directions, in the order in which they came */
  GPtrArray *sas;
  GPtrArray *policies;                        /* TunPolicy, likewise */
} TunGroup;

/* What names a policy. */
typedef struct {
  IkeSelector source, destination;
  guint32     reqid;
  guint8      direction, mode, reserved[2];
} TunPolicyKey;

typedef struct {
  SpdPolicy    spd;                           /* first; in the tables of the loops when OUT */
  TunPolicyKey key;
  TunGroup    *group;
  GArray      *uses;                          /* guint32 SPI of each installation */
  IkeAddr      outer_source, outer_destination;
  gboolean     has_routes;
} TunPolicy;

/* What one request changes; ends with a round over the ESP loops. */
typedef struct {
  TunKernel  *kernel;
  TunRequest *request;                        /* answered at the end */
  GPtrArray  *added, *removed;                /* TunSa; the removed ones are freed */
  GPtrArray  *gone;                           /* TunPolicy, freed */
  GPtrArray  *garbage;                        /* g_free */
  GPtrArray  *groups;                         /* touched */
  GPtrArray  *in_vain;                        /* SpdPolicy whose packets waited in vain */
  gboolean    has_new;                        /* packets that wait can be sent */
} TunChange;

struct _TunAdmin {
  TunKernel  *kernel;
  GHashTable *inbound;                        /* SPI → TunSa */
  GHashTable *outbound;                       /* the TunSa itself, by SPI and destination */
  GHashTable *by_serial;                      /* guint64 in the TunSa → TunSa, outbound */
  GHashTable *reserved;                       /* SPIs given out and not installed */
  GHashTable *groups;                         /* reqid → TunGroup */
  GHashTable *policies;                       /* TunPolicyKey in the TunPolicy → TunPolicy */
  guint64     last_serial, last_stamp;
  guint       next_loop;
  TunRoutes  *routes;
  TunChange  *change;                         /* while a request runs */
};

/* make.c: NULL with @error when it cannot be done as asked. */
TunSa    *tun_sa_make       (TunAdmin *admin, const IkeKernelSa *wanted, GError **error);
gboolean  tun_policy_check  (const IkeKernelPolicy *wanted, GError **error);
TunPolicy *tun_policy_make  (const IkeKernelPolicy *wanted);
void      tun_policy_free   (TunPolicy *policy);
void      tun_policy_key    (const IkeKernelPolicy *wanted, TunPolicyKey *key);

/* groups.c: which SA carries which policy, and what an inbound SA may carry. */
gboolean  tun_mode_protects (guint8 mode);
TunGroup *tun_group_get     (TunAdmin *admin, guint32 reqid);
void      tun_group_touch   (TunAdmin *admin, TunGroup *group);
/* Puts what was touched in order; frees groups that became empty. */
void      tun_groups_settle (TunAdmin *admin);
void      tun_group_free    (TunGroup *group);
/* The policies of @group that led to @from now lead to @to. */
void      tun_group_moved   (TunGroup *group, const TunPath *from, const TunPath *to,
                             gboolean is_inbound);
