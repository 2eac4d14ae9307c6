/* SPDX-License-Identifier: Apache-2.0 */
/* classes.h - exchanges, tasks, notifies and operations as the engine has sorted them; const after start. */
#pragma once
#include <ikebana/exchange.h>

typedef struct _IkeSaManager IkeSaManager;
typedef struct _IkeTaskInfo IkeTaskInfo;
typedef struct _IkeExchangeInfo IkeExchangeInfo;

/* A shape of payloads: how many of each type may be there. */
typedef struct {
  guint32 direction, roles, states;
  guint16 only_notify;                        /* this notify alone is the shape */
  guint8  n;
  struct { guint8 type, min, max; } items[24];   /* max 255: any number */
} IkeRow;

struct _IkeTaskInfo {
  const char         *name;
  const IkeTaskClass *klass;
  IkePlugin          *plugin;
  guint               index;                  /* bit in IkeOperation.tasks_done */
  char              **operations;             /* NULL: any */
  guint64             displaces;              /* bits of the tasks that it stands for */
};

typedef struct {
  const IkeTaskInfo *task;
  guint              phase;                   /* index of its phase in the exchange */
} IkeStep;

typedef struct {
  const IkeNotifyClass *klass;
  IkePlugin            *plugin;
  guint64               exchanges;            /* bits by IkeExchangeInfo.index; all ones: any */
} IkeNotifyInfo;

struct _IkeExchangeInfo {
  const char             *name;
  const IkeExchangeClass *klass;
  IkePlugin              *plugin;
  guint                   index, order;       /* order: by after/before, lower first */
  char                  **phases;
  IkeStep                *steps;              /* sorted */
  guint                   n_steps;
  IkeRow                 *rows;
  guint                   n_rows;
  const IkeNotifyInfo   **senders;            /* notify classes with `send`, by weight */
  guint                   n_senders;
  const IkeExchangeInfo  *stands_for;         /* NULL: none; see IkeExchangeClass.instead_of */
};

typedef struct { const char *name; const IkeOperationClass *klass; IkePlugin *plugin; } IkeOperationInfo;
typedef struct { const char *name; const void *ops; IkePlugin *plugin; } IkeOrdered;   /* gates, orphans, auth-octets */

typedef struct {
  IkeExchangeInfo  **exchanges;
  guint              n_exchanges;
  IkeExchangeInfo   *by_number[256];
  IkeExchangeInfo    unknown;                 /* stands for those numbers that nobody has: only refused */
  IkeTaskInfo       *tasks;
  guint              n_tasks;
  IkeOperationInfo  *operations;
  guint              n_operations;
  GHashTable        *notifies;                /* type → IkeNotifyInfo, read only after start */
  IkeNotifyInfo    **absents;                 /* those with `absent` */
  guint              n_absents;
  IkeOrdered        *gates, *orphans, *octets, *transmits, *id_0s, *outers;
  guint              n_gates, n_orphans, n_octets, n_transmits, n_id_0s, n_outers;
  guint8             known_payloads[32];      /* bits: types that are not "unknown" for the critical bit */
  const IkePayloadClass *payloads[256];
  const IkeProtocolClass *protocols[16];
  IkePlugin         *protocol_plugins[16];
} IkeClasses;

/* classes.c */
gboolean ike_classes_load  (IkeSaManager *manager, GError **error);
void     ike_classes_tell_slips (IkeEngine *engine, const IkeClasses *classes);   /* slips.c */
void     ike_classes_clear (IkeClasses *classes);
IkeTree *ike_classes_order (const IkeClasses *classes);
const IkeExchangeInfo *ike_classes_exchange (const IkeClasses *classes, const char *name);
const IkeExchangeInfo *ike_classes_first (const IkeClasses *classes, const char *name, IkeSa *sa); /* or its stand-in */
const IkeOperationInfo *ike_classes_operation (const IkeClasses *classes, const char *name);
const IkeNotifyInfo *ike_classes_notify (const IkeClasses *classes, guint16 type);
gboolean ike_classes_knows_payload (guint8 type, gconstpointer classes);

/* stategate.c */
gboolean ike_row_parse  (const IkeClasses *classes, const IkeStateRow *from, IkeRow *to, const char **bad);
/* Is a message of this shape allowed now?  FALSE with @verdict; without a reason: drop without an answer. */
gboolean ike_stategate_check (const IkeExchangeInfo *info, const IkeSa *sa, gboolean is_response,
                              const IkeMessage *message, IkeVerdict *verdict);
gboolean ike_stategate_is_state_ok (const IkeExchangeInfo *info, const IkeSa *sa, gboolean is_response);
