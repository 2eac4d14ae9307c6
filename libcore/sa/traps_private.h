/* SPDX-License-Identifier: Apache-2.0 */
/* traps_private.h - traps and shunts as the control loop has them. */
#pragma once
#include "sa/sa_private.h"

enum { TRAP_WAITING_MAX = 8 };

typedef enum { TRAP_UNINSTALLED, TRAP_INSTALLED, TRAP_FAILED } TrapState;
/* RESTING: no SA is asked for, whatever packets come */
typedef enum { TRAP_QUIET, TRAP_ASKING, TRAP_RESTING } TrapStage;

/* Policies as the kernel plugin was asked for them. */
typedef struct {
  IkeConn         *conn;                      /* whose texts they point to; NULL: none were asked for */
  IkeKernelPolicy *policies;
  guint            n;
} TrapSet;

typedef struct {
  IkeTraps           *traps;
  guint64             serial;                 /* for answers that come when it is gone */
  char               *name;                   /* "home.net" */
  IkeConn            *conn;
  const IkeChildConf *conf;                   /* of @conn */
  guint32             reqid;
  gboolean            is_by_hand;             /* stays though start_action does not ask for it */
  IkeAddr             local, remote;          /* family 0: any, or not known yet */
  TrapSet             present, next;          /* in the kernel; on the way there */
  gboolean            is_outdated;            /* what @next was made from */
  TrapState           state;
  char               *why;                    /* it is not installed */
  guint32             retry_ms;
  IkeTimer           *retry;
  /* acquires */
  TrapStage           stage;
  IkeTimer           *rest;
  guint32             back_off_ms;            /* 0: the last one came up */
  guint32             tokens;
  gint64              tokens_us;              /* when @tokens were counted */
  IkeKernelAcquire    waiting[TRAP_WAITING_MAX];   /* what the kernel is to hear of; no labels */
  guint               n_waiting;
} Trap;

struct _IkeTraps {
  IkeEngine  *engine;
  GHashTable *by_name;                        /* "home.net" → Trap */
  GHashTable *by_reqid;                       /* → Trap */
  GHashTable *by_serial;                      /* guint64 in the Trap → Trap */
  GPtrArray  *all;                            /* Trap, in the order in which they came */
  guint64     last_serial;
  gboolean    is_closed;
};

/* traps.c */
/* NULL: it is gone, or all are */
Trap *trap_find (IkeEngine *engine, guint64 serial);

/* trap_acquire.c */
void  trap_stop_asking (Trap *trap);
