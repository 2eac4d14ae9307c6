/* SPDX-License-Identifier: Apache-2.0 */
/* impair.h - the plugin's state and its parts.
 *
 * Rules are made on the control loop.  Each shard has an immutable set of them, swapped by a job; so nothing here is
 * locked.  A datagram that is held belongs to the control loop until it is let go. */
#pragma once
#include "rule.h"
#include <ikebana/command.h>
#include <ikebana/engine.h>
#include <ikebana/net.h>
#include <ikebana/plugin.h>

enum {
  IMPAIR_KEPT_MAX = 1024,                     /* datagrams that are held or delayed; further ones are lost */
  IMPAIR_RULES_MAX = 256,
};

typedef struct {
  atomic_int references;
  guint      n_on[RULE_N_LEVELS];
  guint      n;
  Rule      *rules[];
} RuleSet;

typedef struct _Impair Impair;

/* A datagram on its way through this plugin. */
typedef struct {
  Impair     *impair;
  Rule       *rule;                           /* who kept it */
  guint       shard, number;                  /* number: of a held one, from 1 */
  gboolean    is_inbound;
  IkeTimer   *timer;                          /* of one that waits to be overtaken */
  IkeDatagram datagram;
  guint8      data[];
} Packet;

typedef struct {
  RuleSet *rules;                             /* never NULL */
  GQueue   overtaken;                         /* of Packet: each waits for the next datagram of its direction */
  guint8  *buffers[2];                        /* for what is sent, or processed, instead; made when first used */
} ImpairShard;

struct _Impair {
  IkePlugin         *self;
  IkeEngine         *engine;
  const IkeProvided *net;
  guint              n_shards;
  ImpairShard       *shards;                  /* each touched on its own shard only */
  guint32            lost;                    /* counter */
  atomic_bool        is_active;
  atomic_uint        n_kept;
  /* control */
  GPtrArray         *rules;
  GQueue             held;                    /* of Packet, oldest first */
  guint              next_rule, next_held;
};

/* impair.c */
RuleSet *impair_set_new   (const GPtrArray *rules);
RuleSet *impair_set_ref   (RuleSet *set);
void     impair_set_unref (RuleSet *set);

/* datagram.c */
IkeHookVerdict impair_on_datagram (IkePlugin *self, IkeSa *sa, IkeDatagramEvent *event);
/* Lets it go, or throws it away; on its shard.  Takes it. */
void     impair_put_through (Packet *packet_take);
void     impair_throw_away  (gpointer packet_take);

/* message.c */
IkeHookVerdict impair_on_message (IkePlugin *self, IkeSa *sa, IkeMessageEvent *event);

/* task.c, commands.c */
extern const IkeFeature impair_init_task, impair_auth_task, impair_child_task, impair_informational_task,
  impair_resume_task, impair_intermediate_task, impair_followup_task;
extern const IkeFeature impair_list_command, impair_add_command, impair_remove_command, impair_drip_command,
  impair_clear_command;
