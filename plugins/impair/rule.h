/* SPDX-License-Identifier: Apache-2.0 */
/* rule.h - a rule: what is done, and to which messages.  It never changes once it is there; only its counters do. */
#pragma once
#include <ikebana/exchange.h>
#include <stdatomic.h>

typedef enum {
  RULE_DROP, RULE_DUPLICATE, RULE_REORDER, RULE_DELAY, RULE_CORRUPT, RULE_TRUNCATE, RULE_HOLD,
  RULE_OMIT, RULE_ADD, RULE_ALTER,
  RULE_FAIL, RULE_WAIT,
  RULE_N_ACTIONS
} RuleAction;

/* Where it acts: on datagrams, on the plaintext of a message, within the walk of an exchange. */
typedef enum { RULE_ON_DATAGRAM, RULE_ON_MESSAGE, RULE_ON_TASK, RULE_N_LEVELS } RuleLevel;

/* What an action is told is an enum of commands, too. */
#define RULE_ACTIONS "drop|duplicate|reorder|delay|corrupt|truncate|hold|omit|add|alter|fail|wait"

typedef struct {
  atomic_int  references;
  guint       number;                         /* from 1, never used twice */
  RuleAction  action;
  RuleLevel   level;
  gboolean    is_inbound;
  /* Which messages; -1, NULL or 0: any. */
  int         exchange, message;              /* message: 0 response, 1 request */
  gint64      id, sa;
  char       *connection;
  guint       nth, count;                     /* of those that fit: the nth (from 1) and so many in all; 0: all */
  /* What for. */
  guint       ms;
  gint64      byte;                           /* -1: not given */
  int         payload, notify;                /* -1: not given */
  GBytes     *data;                           /* NULL: not given */
  /* Any shard. */
  atomic_uint seen, hits;
} Rule;

/* A message as rules see it. */
typedef struct {
  gboolean    is_inbound, is_request;
  int         exchange;                       /* -1: too short to tell */
  guint32     id, sa;                         /* sa: unique id, 0: none */
  const char *connection;                     /* NULL: none */
} RuleSubject;

/* From the arguments of the command; NULL with a sentence for whoever typed them. */
Rule    *rule_new   (const IkeTree *args, GError **error);
Rule    *rule_ref   (Rule *rule);
void     rule_unref (Rule *rule_or_null);
/* By its name; -1: there is none. */
int      rule_exchange_number (const char *name);
/* "drop out IKE_AUTH request nth=2 count=1" */
char    *rule_format (const Rule *rule);
void     rule_subject_of_sa (RuleSubject *subject, const IkeSa *sa_or_null);
gboolean rule_fits  (const Rule *rule, const RuleSubject *subject);
/* It fits and would act: is this an occurrence that it shall act on?  Counts. */
gboolean rule_strikes (Rule *rule);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Rule, rule_unref)
