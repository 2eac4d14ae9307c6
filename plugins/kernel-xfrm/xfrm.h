/* SPDX-License-Identifier: Apache-2.0 */
/* xfrm.h - `kernel:ipsec` of the plugin, on a loop of its own.
 *
 * A shard copies what it wants into an XfrmRequest and posts it (request.c).  The loop runs one
 * request at a time, in order, for they build on each other: a request is turned into steps, each
 * a message to the kernel with what undoes it (steps.c, install.c, move.c).  Getting SPIs needs no
 * order and does not wait.  What is installed stands in two tables (table.c), so that events find
 * their SA, and so that a policy that several children have goes with the last of them. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <ikebana/kernel.h>
#include <ikebana/runtime.h>
#include <ikebana/secret.h>
#include "algorithms.h"
#include "journal.h"
#include "kernel_xfrm.h"
#include "message.h"
#include "netlink.h"

/* What the probe found that this kernel does. */
typedef struct {
  gboolean encr[XFRM_N_ENCR], esp_integ[XFRM_N_INTEG], ah_integ[XFRM_N_INTEG];
  guint32  features;                          /* IKE_KERNEL_CAN_… */
  gboolean has_ipv6;
} XfrmCan;

/* probe.c; control.  @fd: a socket to ask on; @engine for random SPIs. */
gboolean xfrm_probe     (IkeEngine *engine, int fd, const NetlinkIo *io, XfrmCan *can,
                         GError **error);

/* -- table.c */

enum { XFRM_SOFT_TOLD = 1 << 0, XFRM_HARD_TOLD = 1 << 1 };

typedef struct {
  XfrmSaId  id;                               /* first: the key */
  IkeAddr   source;
  guint32   reqid;                            /* the kernel's */
  guint32   flags;                            /* IKE_KERNEL_… */
  IkeSaRef  owner;
  guint64   child;
  guint64   stamp;                            /* of its installation, for resynchronising */
  guint64   n_packets;                        /* when it was last asked */
  gint64    used_us;
  guint8    direction, told;
  guint16   cpi;
  guint32   seen;                             /* resynchronising: in which turn */
  IkeAddr   mapped;                           /* told last, with its port */
  gint64    mapped_us;
} XfrmSa;

/* Who goes first where the selectors are the same: what passes, then SAs, then the trap that asks for
 * them; what drops is for what nobody takes. */
enum { XFRM_RANK_PASS, XFRM_RANK_SA, XFRM_RANK_TRAP, XFRM_RANK_DROP };

/* One piece (selectors.h) of a policy in the kernel, and those who have it.  In the kernel stands
 * what the first of them by rank wants, the newest of several. */
typedef struct {
  /* first: selectors, direction, mark, if_id, interface and label are the key */
  IkeKernelPolicy policy;
  guint32         reqid;                      /* the kernel's */
  int             bound, device;              /* indexes */
  guint8          offload, rank;
  GArray         *others;                     /* XfrmUse, next one last; NULL: none */
  char           *label, *interface;          /* what @policy points to */
} XfrmPolicy;

typedef struct {
  IkeKernelPolicy policy;                     /* key left as it is */
  guint32         reqid;
  guint8          offload, rank;
  int             device;
} XfrmUse;

guint    xfrm_sa_hash      (gconstpointer id);
gboolean xfrm_sa_equal     (gconstpointer a, gconstpointer b);
guint    xfrm_policy_hash  (gconstpointer policy);
gboolean xfrm_policy_equal (gconstpointer a, gconstpointer b);
XfrmPolicy *xfrm_policy_new  (const IkeKernelPolicy *policy);
void     xfrm_policy_free  (gpointer policy);
/* Before the others of its rank; it comes to the kernel when those before it are gone. */
void     xfrm_policy_push  (XfrmPolicy *policy, const XfrmUse *use);
XfrmUse  xfrm_policy_top   (const XfrmPolicy *policy);
/* Takes the newest use of @spi and @reqid out, or the newest, and tells which.  FALSE when it was
 * the only one. */
gboolean xfrm_policy_pop   (XfrmPolicy *policy, guint32 spi, guint32 reqid, XfrmUse *popped);
/* Names a shunt in the journal. */
char    *xfrm_policy_text  (const IkeKernelPolicy *policy);

/* -- requests */

typedef enum {
  XFRM_GET_SPI, XFRM_FREE_SPI, XFRM_INSTALL, XFRM_REMOVE, XFRM_UPDATE, XFRM_QUERY,
  XFRM_QUERY_POLICY,
} XfrmKind;

/* Owns copies of everything that it points to. */
typedef struct {
  Xfrm            *xfrm;
  XfrmKind         kind;
  IkeCall         *call;                      /* NULL when nobody wants to know, or it was answered */
  guint8           protocol;                  /* SPIs: IPPROTO_… */
  guint32          spi;
  IkeAddr          source, destination;       /* SPIs */
  guint            n_sas;                     /* UPDATE: the old one, the new one */
  IkeKernelSa     *sas;
  IkeSecret       *keys;                      /* two for each SA */
  GArray          *policies;                  /* IkeKernelPolicy, as they came */
  GArray          *reqids;                    /* guint32, to be dropped at the end */
  gpointer         state;                     /* of its kind, while it runs */
  GDestroyNotify   free_state;
  GStringChunk    *strings;
} XfrmRequest;

XfrmRequest *xfrm_request_new  (Xfrm *xfrm, XfrmKind kind, IkeCall *call);
void         xfrm_request_free (XfrmRequest *request);   /* fails the call when it was not answered */
/* As it came; points into @request. */
IkeKernelBatch xfrm_request_batch (const XfrmRequest *request);
void         xfrm_request_answer (XfrmRequest *request, gpointer result);
void         xfrm_request_fail (XfrmRequest *request, const char *reason);
void         xfrm_request_post (XfrmRequest *request_take);
extern const IkeKernelClass xfrm_kernel_class;

/* -- the loop */

typedef struct _XfrmSteps XfrmSteps;

struct _Xfrm {
  IkePlugin       *plugin;
  IkeEngine       *engine;
  IkeLoop         *loop;                      /* the plugin's */
  Net             *net;                       /* NULL: another plugin's */
  /* Between those who post and the control thread that ends the loop: a job cannot say that there
   * are no more jobs. */
  pthread_rwlock_t lock;
  gboolean         is_stopping;
  const XfrmCan   *can;
  char            *release;                   /* of the kernel */
  const NetlinkIo *io;                        /* NULL: the kernel */
  Netlink         *requests, *events;
  XfrmJournal     *journal;                   /* NULL: there is none */
  guint32          reqid_base, epoch;
  GHashTable      *sas, *policies;            /* themselves; XfrmSaId, IkeKernelPolicy */
  GHashTable      *reserved;                  /* XfrmSaId: given out, not installed */
  GHashTable      *reqids;                    /* the kernel's → XfrmReqid */
  GHashTable      *stale;                     /* XfrmPolicy of an earlier process */
  GHashTable      *waiting;                   /* sequence → XfrmWaiting */
  GHashTable      *moving;                    /* reqids whose SA is between two places */
  GQueue          *queue;                     /* XfrmRequest */
  XfrmRequest     *current;
  XfrmSteps       *steps;                     /* of @current */
  gboolean         is_held, is_pumping;
  guint64          last_stamp;
  guint            stale_delay_s;
  gboolean         is_resyncing, is_lost_again;
  guint32          resync_turn;
  guint64          resync_stamp;
  guint            n_taken_over;              /* SAs of an earlier process that were deleted */
  atomic_uint      n_sas, n_policies;
  guint32          acquires, expires, lost, foreign;     /* counters */
};

/* xfrm.c; control */
typedef struct {
  IkeLoop         *loop;
  Net             *net;
  int              requests, events;          /* descriptors taken; -1: sockets to the kernel are opened */
  const NetlinkIo *io;
  const char      *namespace;                 /* NULL or empty: the daemon's */
  const char      *thresholds[2];             /* "LOCAL/REMOTE" of IPv4, IPv6; NULL: as they are */
  const char      *state_dir;                 /* NULL: no journal */
  guint32          reqid_base;
  guint            stale_delay_s;
  const XfrmCan   *can;
} XfrmSetup;

Xfrm    *xfrm_new       (IkePlugin *plugin, const XfrmSetup *setup, GError **error);
/* Takes no requests any more: before the loop is freed. */
void     xfrm_stop      (Xfrm *xfrm);
/* After the loop, and after the Net.  Removes what is left from the kernel. */
void     xfrm_free      (Xfrm *xfrm);
void     xfrm_post      (Xfrm *xfrm, IkeFunc run, gpointer data_take, GDestroyNotify free_data);
/* The instance of a plugin: of its state. */
Xfrm    *xfrm_of        (IkePlugin *plugin);
const XfrmCan *xfrm_can_of (IkePlugin *plugin);

/* xfrm_admin.c: on the loop */
void     xfrm_run       (Xfrm *xfrm, XfrmRequest *request_take);
/* The current request is over; the next one begins. */
void     xfrm_done      (Xfrm *xfrm);
void     xfrm_hold      (Xfrm *xfrm, gboolean is_held);
void     xfrm_count     (Xfrm *xfrm);                    /* tells describe() of the tables */

/* -- waiting.c: states that stand in the kernel for packets that wait for an SA */

GHashTable *xfrm_waiting_new (void);
/* Of the packet that @sequence asks about: @source may be unset. */
void     xfrm_waiting_add (Xfrm *xfrm, guint32 sequence, guint8 protocol, const IkeAddr *source,
                           const IkeAddr *destination);
/* Deletes it, if it still stands: the next packet asks again. */
void     xfrm_waiting_end (Xfrm *xfrm, guint32 sequence);

/* -- reqids.c: the kernel's for the child's, and back */

guint32  xfrm_reqid     (const Xfrm *xfrm, guint32 reqid, guint32 flags);
/* What has a reqid. */
typedef struct {
  guint      n;
  GPtrArray *policies;                        /* XfrmPolicy, once for each use; NULL: none */
} XfrmReqid;

GHashTable *xfrm_reqids_new (void);
/* FALSE: not ours, or of an earlier process. */
gboolean xfrm_reqid_back (const Xfrm *xfrm, guint32 kernel_reqid, guint32 *reqid);
XfrmReqid *xfrm_reqid_get (const Xfrm *xfrm, guint32 kernel_reqid);       /* NULL: nothing has it */
/* Counted, and journalled with the first. */
gboolean xfrm_reqid_use (Xfrm *xfrm, guint32 kernel_reqid, GError **error);
void     xfrm_reqid_add_policy (Xfrm *xfrm, guint32 kernel_reqid, XfrmPolicy *policy);
void     xfrm_reqid_remove_policy (Xfrm *xfrm, guint32 kernel_reqid, XfrmPolicy *policy);
void     xfrm_reqid_drop (Xfrm *xfrm, guint32 kernel_reqid);

/* -- steps.c: one message after the other, all of them or none */

typedef struct {
  XfrmMessage *message;                       /* owned */
  XfrmMessage *otherwise;                     /* sent when the kernel answers @otherwise_error; may be NULL */
  XfrmMessage *undo;                          /* may be NULL */
  char        *what;                          /* for the error; NULL: failing is no error */
  int          otherwise_error;               /* 0: any */
} XfrmStep;

/* @error NULL: all of it was done; else none of it. */
typedef void (*XfrmStepsDone) (Xfrm *xfrm, const GError *error);

XfrmSteps *xfrm_steps_new  (Xfrm *xfrm);
void       xfrm_steps_add  (XfrmSteps *steps, const XfrmStep *step_take);
XfrmMessage *xfrm_steps_message (const XfrmMessage *message);             /* a copy, as a step has it */
void       xfrm_steps_run  (XfrmSteps *steps_take, XfrmStepsDone done);
void       xfrm_steps_free (XfrmSteps *steps);

/* -- what the kinds of requests do; each ends with xfrm_done() */

void     xfrm_install   (Xfrm *xfrm);
void     xfrm_remove    (Xfrm *xfrm);
void     xfrm_update    (Xfrm *xfrm);
void     xfrm_query     (Xfrm *xfrm);
void     xfrm_query_policy (Xfrm *xfrm);
void     xfrm_get_spi   (XfrmRequest *request_take);
void     xfrm_free_spi  (XfrmRequest *request_take);
XfrmSa  *xfrm_find_sa   (Xfrm *xfrm, const IkeKernelSa *sa);
void     xfrm_sa_id     (const IkeKernelSa *sa, XfrmSaId *id);
void     xfrm_ipcomp_id (const IkeKernelSa *sa, XfrmSaId *id);
XfrmMessage *xfrm_deletion_of (const XfrmSaId *id);
XfrmMessage *xfrm_use_message (guint16 type, const XfrmUse *use, int bound, GError **error);
void     xfrm_forget_shunt (Xfrm *xfrm, const IkeKernelPolicy *piece);
void     xfrm_add_delete (XfrmSteps *steps, const XfrmSaId *id);
/* Index of @interface, or of the device that has @addr; 0: none. */
int      xfrm_device    (const Xfrm *xfrm, const char *interface_or_null, const IkeAddr *addr);
int      xfrm_interface (const Xfrm *xfrm, const char *interface);

/* -- events.c */

extern const NetlinkListener xfrm_listener;
extern const guint xfrm_groups[];
/* Of XFRMA_SEC_CTX; NULL when there is none. */
const char *xfrm_label_of (const struct nlattr *attribute);

/* -- takeover.c */

/* While the plugin activates. */
void     xfrm_take_over (Xfrm *xfrm);
/* At the end, after the loop: removes everything from the kernel. */
void     xfrm_flush     (Xfrm *xfrm);

/* -- sockets.c */

/* Tells the sockets of the net plugins to take ESP, and exempts them from policies. */
void     xfrm_prepare_sockets (IkeEngine *engine);
/* The kernel forgets SPIs that it gave out, and acquires, after so many seconds: not sooner. */
void     xfrm_set_patience    (IkeEngine *engine, guint seconds);
void     xfrm_keep_first_packets (IkeEngine *engine);
