/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c - rules come and go, and what is held is let go.  On the control loop. */
#include "config.h"
#include "impair.h"
#include <ikebana/error.h>
#include <ikebana/tree.h>

/* -- new rules go to all shards; the command is done when the last one has them */

typedef struct {
  Impair *impair;
  IkeRequest *request;
  IkeTree *result;
  atomic_int n_left;
} Update;

typedef struct {
  Update *update;
  guint shard;
  RuleSet *set; /* the new one, then the one that it replaced */
} Swap;

static void
update_free (gpointer data)
{
  Update *update = data;

  ike_tree_free (update->result);
  g_free (update);
}

static void
finish_update (gpointer data)
{
  Update *update = data;

  ike_request_finish (update->request, g_steal_pointer (&update->result));
}

static void
swap_set (gpointer data)
{
  Swap *swap = data;
  RuleSet **set = &swap->update->impair->shards[swap->shard].rules, *old = *set;

  *set = swap->set;
  swap->set = old;
}

static void
swap_free (gpointer data)
{
  Swap *swap = data;
  Update *update = swap->update;

  impair_set_unref (swap->set);
  g_free (swap);
  if (atomic_fetch_sub (&update->n_left, 1) == 1)
    ike_loop_post (ike_engine_control (update->impair->engine), finish_update, update, update_free);
}

static void
tell_shards (Impair *impair, IkeRequest *request, IkeTree *result_take)
{
  RuleSet *set = impair_set_new (impair->rules);
  Update *update = g_new0 (Update, 1);

  update->impair = impair;
  update->request = request;
  update->result = result_take;
  update->n_left = (int) impair->n_shards;
  for (guint i = 0; i < impair->n_shards; i++) {
    Swap *swap = g_new (Swap, 1);
    *swap = (Swap){ update, i, impair_set_ref (set) };
    ike_loop_post (ike_engine_shard (impair->engine, i), swap_set, swap, swap_free);
  }
  impair_set_unref (set);
}

static void
run_add (IkePlugin *self, IkeRequest *request)
{
  Impair *impair = ike_plugin_state (self);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  Rule *rule;
  IkeTree *result;

  if (impair->rules->len >= IMPAIR_RULES_MAX) {
    ike_request_fail (request, "failed", "there are 256 rules already; remove some");
    return;
  }
  rule = rule_new (ike_request_args (request), &error);
  if (!rule) {
    ike_request_fail (request, "usage", error->message);
    return;
  }
  rule->number = ++impair->next_rule;
  g_ptr_array_add (impair->rules, rule);
  text = rule_format (rule);
  result = ike_tree_new_section ();
  ike_tree_set_int (result, "rule", rule->number);
  ike_tree_set_string (result, "does", text);
  tell_shards (impair, request, result);
}

static void
run_remove (IkePlugin *self, IkeRequest *request)
{
  Impair *impair = ike_plugin_state (self);
  gint64 number = ike_tree_int (ike_request_args (request), "rule", 0);
  IkeTree *result;
  guint i;

  for (i = 0; i < impair->rules->len; i++)
    if (((Rule *) impair->rules->pdata[i])->number == number)
      break;
  if (i == impair->rules->len) {
    g_autofree char *text =
        g_strdup_printf ("there is no rule %" G_GINT64_FORMAT "; `impair` lists them", number);
    ike_request_fail (request, "not-found", text);
    return;
  }
  g_ptr_array_remove_index (impair->rules, i);
  result = ike_tree_new_section ();
  ike_tree_set_int (result, "removed", 1);
  tell_shards (impair, request, result);
}

/* -- what is held */

static gboolean
is_asked_for (const Packet *packet, const IkeTree *args)
{
  gint64 rule = ike_tree_int (args, "rule", 0), number = ike_tree_int (args, "number", 0);

  return (!rule || rule == packet->rule->number) && (!number || number == packet->number);
}

/* Oldest first; how many. */
static guint
drip (Impair *impair, const IkeTree *args, gint64 most, gboolean drops)
{
  GList *link = impair->held.head, *next;
  guint n = 0;

  for (; link && n < most; link = next) {
    Packet *packet = link->data;
    next = link->next;
    if (!is_asked_for (packet, args))
      continue;
    g_queue_delete_link (&impair->held, link);
    if (drops)
      impair_throw_away (packet);
    else
      impair_put_through (packet);
    n++;
  }
  return n;
}

static void
run_drip (IkePlugin *self, IkeRequest *request)
{
  Impair *impair = ike_plugin_state (self);
  const IkeTree *args = ike_request_args (request);
  gint64 most = ike_tree_bool (args, "all", FALSE) ? G_MAXINT64 : ike_tree_int (args, "count", 1);
  guint n = drip (impair, args, most, ike_tree_bool (args, "drop", FALSE));
  IkeTree *result;

  if (!n) {
    ike_request_fail (request, "not-found", "no such message is held");
    return;
  }
  result = ike_tree_new_section ();
  ike_tree_set_int (result, "let-go", n);
  ike_tree_set_int (result, "held", impair->held.length);
  ike_request_finish (request, result);
}

static void
run_clear (IkePlugin *self, IkeRequest *request)
{
  Impair *impair = ike_plugin_state (self);
  IkeTree *result = ike_tree_new_section ();
  g_autoptr (IkeTree) any = ike_tree_new_section ();

  ike_tree_set_int (result, "removed", impair->rules->len);
  ike_tree_set_int (result, "let-go", drip (impair, any, G_MAXINT64, FALSE));
  g_ptr_array_set_size (impair->rules, 0);
  tell_shards (impair, request, result);
}

/* -- the list */

static void
describe_held (const Packet *packet, IkeTree *into)
{
  char from[IKE_ADDR_TEXT_SIZE], to[IKE_ADDR_TEXT_SIZE];
  const IkeDatagram *d = &packet->datagram;
  IkeVerdict verdict = { 0 };
  IkeHeader header;

  ike_tree_set_int (into, "number", packet->number);
  ike_tree_set_int (into, "rule", packet->rule->number);
  ike_tree_set_string (into, "direction", packet->is_inbound ? "in" : "out");
  ike_addr_format (packet->is_inbound ? &d->remote : &d->local, TRUE, from);
  ike_addr_format (packet->is_inbound ? &d->local : &d->remote, TRUE, to);
  ike_tree_set_string (into, "from", from);
  ike_tree_set_string (into, "to", to);
  ike_tree_set_int (into, "size", (gint64) d->len);
  if (!ike_header_read (d->data, d->len, &header, &verdict))
    return;
  ike_tree_set_string (into, "exchange", ike_exchange_number_name (header.exchange));
  ike_tree_set_string (into, "message", header.flags & IKE_FLAG_RESPONSE ? "response" : "request");
  ike_tree_set_int (into, "id", header.message_id);
}

static guint
n_held_by (const Impair *impair, const Rule *rule)
{
  guint n = 0;

  for (const GList *link = impair->held.head; link; link = link->next)
    n += ((const Packet *) link->data)->rule == rule;
  return n;
}

static void
run_list (IkePlugin *self, IkeRequest *request)
{
  Impair *impair = ike_plugin_state (self);
  IkeTree *result = ike_tree_new_section (), *rules = ike_tree_add_list (result, "rules"),
          *held = ike_tree_add_list (result, "held");

  for (guint i = 0; i < impair->rules->len; i++) {
    Rule *rule = impair->rules->pdata[i];
    g_autofree char *text = rule_format (rule);
    IkeTree *row = ike_tree_add_section (rules, NULL);
    ike_tree_set_int (row, "rule", rule->number);
    ike_tree_set_string (row, "does", text);
    ike_tree_set_int (row, "seen", atomic_load (&rule->seen));
    ike_tree_set_int (row, "hits", atomic_load (&rule->hits));
    ike_tree_set_int (row, "held", n_held_by (impair, rule));
  }
  for (const GList *link = impair->held.head; link; link = link->next)
    describe_held (link->data, ike_tree_add_section (held, NULL));
  ike_request_finish (request, result);
}

/* -- the commands */

static const IkeCommandArg add_args[] = {
  { "action", "enum:" RULE_ACTIONS, TRUE, TRUE, "What to do." },
  { "direction", "enum:in|out", TRUE, TRUE, "To what comes in, or to what goes out." },
  { "exchange", "string", FALSE, FALSE, "Only in this exchange, such as IKE_AUTH." },
  { "message", "enum:request|response", FALSE, FALSE, "Only to requests, or to responses." },
  { "id", "uint", FALSE, FALSE, "Only to this message ID." },
  { "connection", "string", FALSE, FALSE, "Only to SAs of this connection." },
  { "sa", "uint", FALSE, FALSE, "Only to the SA of this unique number." },
  { "nth", "uint", FALSE, FALSE, "First to the nth that fits all of that (default: 1)." },
  { "count", "uint", FALSE, FALSE, "To so many of them (default: all)." },
  { "ms", "uint", FALSE, FALSE, "Delay and wait: for so long." },
  { "byte", "uint", FALSE, FALSE,
    "Truncate: to so many; corrupt: which one (default: the last); alter: from which one on." },
  { "payload", "string", FALSE, FALSE, "Omit, add and alter: the payload, such as KE or CP." },
  { "notify", "string", FALSE, FALSE, "The same: the notify; fail: the error to answer with." },
  { "data", "string", FALSE, FALSE,
    "What an added or altered payload or notify holds, or an error: hexadecimal." },
  { NULL },
};
static const IkeCommandArg remove_args[] = {
  { "rule", "uint", TRUE, TRUE, "The number of the rule." },
  { NULL },
};
static const IkeCommandArg drip_args[] = {
  { "count", "uint", FALSE, TRUE, "How many, oldest first (default: 1)." },
  { "all", "bool", FALSE, FALSE, "All of them." },
  { "rule", "uint", FALSE, FALSE, "Only what this rule holds." },
  { "number", "uint", FALSE, FALSE, "Only this one." },
  { "drop", "bool", FALSE, FALSE, "Lose them instead." },
  { NULL },
};

#define COMMAND(symbol, command_name, command_flags, command_args, command_run, show, rows, text)  \
  static const IkeCommandClass symbol##_class = { .struct_size = sizeof (IkeCommandClass),         \
                                                  .flags = command_flags,                          \
                                                  .summary = text,                                 \
                                                  .args = command_args,                            \
                                                  .columns = show,                                 \
                                                  .rows_path = rows,                               \
                                                  .run = command_run };                            \
  const IkeFeature symbol = { .struct_size = sizeof (IkeFeature),                                  \
                              .provides = "command:" command_name,                                 \
                              .ops = &symbol##_class }

COMMAND (impair_list_command, "impair", IKE_COMMAND_READ_ONLY, NULL, run_list,
         "RULE:rule DOES:does SEEN:seen HITS:hits HELD:held", "rules",
         "Show what goes wrong on purpose, and how often it did");
COMMAND (impair_add_command, "impair-add", 0, add_args, run_add, NULL, NULL,
         "Let something go wrong from now on");
COMMAND (impair_remove_command, "impair-remove", 0, remove_args, run_remove, NULL, NULL,
         "Remove a rule; what it holds stays held");
COMMAND (impair_drip_command, "impair-drip", 0, drip_args, run_drip, NULL, NULL,
         "Let go messages that are held");
COMMAND (impair_clear_command, "impair-clear", 0, NULL, run_clear, NULL, NULL,
         "Remove all rules and let go all that is held");
