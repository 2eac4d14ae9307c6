/* SPDX-License-Identifier: Apache-2.0 */
/* bed.c - two ends with one connection, up; see bed.h. */
#include "exchange/bed.h"
#include <ikebana/command.h>
#include <string.h>

static const char *
or_none (const char *text)
{
  return text ? text : "";
}

static char *
settings_of (const BedOptions *o, guint end)
{
  GString *text = g_string_new ("proposals = aes256gcm16-prfsha256-x25519\n");
  guint i;

  g_string_append (text, or_none (o->conn));
  g_string_append (text, or_none (o->conn_of[end]));
  g_string_append (text, "children {\n");
  for (i = 0; i < MAX (o->n_children, 1); i++) {
    if (i)
      g_string_append_printf (text, "net%u {\n", i + 1);
    else
      g_string_append (text, "net {\n");
    g_string_append_printf (text, "local_ts = 10.%u.%u.0/24\n remote_ts = 10.%u.%u.0/24\n%s%s}\n",
                            end + 1, i, 2 - end, i, or_none (o->child), or_none (o->child_of[end]));
  }
  g_string_append (text, "}\n");
  return g_string_free (text, FALSE);
}

Bed *
bed_new (const BedOptions *o)
{
  Bed *bed = g_new0 (Bed, 1);
  PairOptions options = { .seed = o->seed,
                          .flags = o->flags,
                          .plugins = o->plugins,
                          .n_shards = o->n_shards,
                          .builtin = o->builtin };
  guint i;

  for (i = 0; i < 2; i++) {
    bed->connection[i] = settings_of (o, i);
    options.connection[i] = bed->connection[i];
    options.more[i] = o->more_of[i];
  }
  bed->pair = pair_new (&options);
  bed->flow = flow_new (bed->pair);
  pair_assert_up (bed->pair, "net");
  for (i = 1; i < o->n_children; i++) {
    g_autofree char *name = g_strdup_printf ("net%u", i + 1);
    pair_assert_up (bed->pair, name);
  }
  return bed;
}

void
bed_free (Bed *bed)
{
  flow_free (bed->flow);
  pair_free (bed->pair);
  g_free (bed->connection[0]);
  g_free (bed->connection[1]);
  g_free (bed);
}

/* -- what is there */

static const IkeTree *
first_sa (const IkeTree *status)
{
  return ike_tree_nth (ike_tree_get (status, "sas"), 0);
}

guint
bed_n_sas (PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);

  return ike_tree_n (ike_tree_get (status, "sas"));
}

guint
bed_n_children (PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);

  return bed_n_sas (end) ? ike_tree_n (ike_tree_get (first_sa (status), "children")) : 0;
}

char *
bed_child_value (PairEnd *end, const char *key)
{
  g_autoptr (IkeTree) status = pair_status (end);
  const IkeTree *children = ike_tree_get (first_sa (status), "children");
  char buffer[64];

  return g_strdup (ike_tree_text (ike_tree_get (ike_tree_nth (children, 0), key), buffer));
}

char *
bed_sa_value (PairEnd *end, const char *key)
{
  g_autoptr (IkeTree) status = pair_status (end);
  char buffer[64];

  return g_strdup (ike_tree_text (ike_tree_get (first_sa (status), key), buffer));
}

void
bed_assert_n (Bed *bed, guint n_children)
{
  PairEnd *ends[] = { &bed->pair->a, &bed->pair->b };
  g_autofree char *spi_a = bed_sa_value (ends[0], "initiator-spi"),
                  *spi_b = bed_sa_value (ends[1], "initiator-spi");
  guint i;

  for (i = 0; i < 2; i++) {
    g_assert_cmpuint (bed_n_sas (ends[i]), ==, 1);
    g_assert_cmpuint (bed_n_children (ends[i]), ==, n_children);
    g_assert_cmpuint (ends[i]->kernel_ops->n_sas (ends[i]->kernel), ==, 2 * n_children);
    g_assert_cmpuint (ends[i]->kernel_ops->n_policies (ends[i]->kernel), ==, 3 * n_children);
    g_assert_cmpuint (ends[i]->kernel_ops->n_spis (ends[i]->kernel), ==, 0);
  }
  g_assert_cmpstr (spi_a, ==, spi_b);
  pair_assert_twins (bed->pair);
}

void
bed_assert_one (Bed *bed)
{
  bed_assert_n (bed, 1);
}

void
bed_assert_no_loss (Bed *bed)
{
  g_assert_cmpuint (bed->flow->n_sent, >, 0);
  g_assert_cmpuint (bed->flow->n_unsent, ==, 0);
  g_assert_cmpuint (bed->flow->n_lost, ==, 0);
}

/* -- commands that are only begun */

typedef struct {
  PairEnd *end;
  const char *command;
  char *child;
  BedAnswer *answer; /* of a reauthentication; NULL: nobody waits */
} Ask;

static void
take_part (gpointer transport, const char *kind, const IkeTree *part)
{
}

static void
take_done (gpointer transport, const IkeTree *result, const char *code, const char *message)
{
  BedAnswer *answer = transport;

  if (!answer)
    return;
  answer->is_over = TRUE;
  answer->error = g_strdup (message);
}

static const IkeRequestSink sink = { sizeof sink, take_part, take_done };

static void
ask (gpointer data)
{
  Ask *a = data;
  IkeTree *args = ike_tree_new_section ();

  ike_tree_set_string (args, "name", "pair");
  if (a->child)
    ike_tree_set_string (args, "child", a->child);
  if (a->answer)
    ike_tree_set_bool (args, "reauth", TRUE);
  ike_command_run (a->end->engine, a->command, args, FALSE, &sink, a->answer);
}

static void
ask_free (gpointer data)
{
  g_free (((Ask *) data)->child);
  g_free (data);
}

static void
begin (PairEnd *end, const char *command, const char *child, BedAnswer *answer)
{
  Ask *a = g_new0 (Ask, 1);

  *a = (Ask){ end, command, g_strdup (child), answer };
  ike_loop_post (ike_engine_control (end->engine), ask, a, ask_free);
}

void
bed_rekey (PairEnd *end, const char *child_or_null)
{
  begin (end, "rekey", child_or_null, NULL);
}

void
bed_down (PairEnd *end, const char *child_or_null)
{
  begin (end, "down", child_or_null, NULL);
}

void
bed_reauth (PairEnd *end, BedAnswer *answer)
{
  *answer = (BedAnswer){ FALSE, NULL };
  begin (end, "rekey", NULL, answer);
}
