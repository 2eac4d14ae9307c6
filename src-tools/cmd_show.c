/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_show.c - results with a form of their own: explain (side by side), status, reload (what
 * changes), plugins (states). */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "cmd.h"
#include "show.h"

static gsize
length (Json *list)
{
  return json_object_is_type (list, json_type_array) ? json_object_array_length (list) : 0;
}

static void
print_sentence (const Tool *tool, ShowColor color, const char *text)
{
  g_autofree char *clean = show_clean (text);
  printf ("%s%s%s\n", show_color (tool, color), clean, show_color (tool, SHOW_PLAIN));
}

/* -- explain */

static void
add_member (Json *row, const char *name, const char *value)
{
  if (value != NULL)
    json_object_object_add (row, name, json_object_new_string (value));
}

/* The first difference of each proposal of @connection, side by side. */
static void
collect_candidates (Json *rows, const char *connection, Json *candidates)
{
  static const char *const names[] = { "differs", "offered", "accepted", "setting" };
  for (gsize i = 0; i < length (candidates); i++) {
    Json *candidate = json_object_array_get_idx (candidates, i), *row = json_object_new_object ();
    add_member (row, "connection", connection);
    for (guint k = 0; k < G_N_ELEMENTS (names); k++)
      add_member (row, names[k], tool_text (candidate, names[k], NULL));
    json_object_array_add (rows, row);
  }
}

static void
collect_connections (Json *rows, Json *connections)
{
  for (gsize i = 0; i < length (connections); i++) {
    Json *connection = json_object_array_get_idx (connections, i), *row;
    if (length (tool_get (connection, "candidates")) > 0) {
      collect_candidates (rows, tool_text (connection, "connection", NULL),
                          tool_get (connection, "candidates"));
      continue;
    }
    row = json_object_new_object ();
    add_member (row, "connection", tool_text (connection, "connection", NULL));
    add_member (row, "differs", tool_text (connection, "why", NULL));
    json_object_array_add (rows, row);
  }
}

static void
collect_one (Json *rows, const char *what, Json *details)
{
  Json *row = json_object_new_object ();
  add_member (row, "differs", what);
  add_member (row, "offered", tool_text (details, "got", NULL));
  add_member (row, "accepted", tool_text (details, "wanted", NULL));
  add_member (row, "setting", tool_text (details, "setting", NULL));
  json_object_array_add (rows, row);
}

static void
print_failure (const Tool *tool, Json *failure)
{
  Json *details = tool_get (failure, "details");
  g_autoptr (Json) rows = json_object_new_array ();
  const char *phase = tool_text (failure, "phase", ""),
             *connection = tool_text (failure, "connection", "");
  g_autofree char *head = g_strdup_printf ("%s, %s%s%s", tool_text (failure, "peer", "?"), phase,
                                           connection[0] != 0 ? ", connection " : "", connection);
  char when[64] = "";
  time_t seconds = (time_t) json_object_get_int64 (tool_get (failure, "time"));
  struct tm tm = { 0 };
  if (localtime_r (&seconds, &tm) == NULL
      || strftime (when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm) == 0)
    when[0] = 0;
  printf ("%s%s%s ", show_color (tool, SHOW_DIM), when, show_color (tool, SHOW_PLAIN));
  print_sentence (tool, SHOW_PLAIN, head);
  print_sentence (tool, SHOW_BOLD, tool_text (failure, "reason", ""));
  collect_candidates (rows, connection, tool_get (details, "candidates"));
  collect_connections (rows, tool_get (details, "connections"));
  if (tool_get (details, "got") != NULL)
    collect_one (rows, phase, details);
  for (gsize i = 0; i < length (tool_get (details, "offered")); i++) {
    g_autofree char *offer =
        show_inline (json_object_array_get_idx (tool_get (details, "offered"), i));
    printf ("  we offered %s\n", offer);
  }
  if (json_object_array_length (rows) > 0)
    show_table (tool,
                "connection:connection differs:differs peer_offers:offered we_accept:accepted "
                "setting:setting",
                rows);
}

gboolean
cmd_show_explain (const Tool *tool, const char *name, Json *result)
{
  Json *failures = tool_get (result, "failures");
  if (strcmp (name, "explain") != 0 || !json_object_is_type (failures, json_type_array))
    return FALSE;
  if (length (failures) == 0)
    printf ("no negotiation failed since the daemon was started\n");
  for (gsize i = 0; i < length (failures); i++) {
    if (i > 0)
      printf ("\n");
    print_failure (tool, json_object_array_get_idx (failures, i));
  }
  return TRUE;
}

/* -- status */

/* Who uses it, and the addresses that the ends gave each other. */
static void
print_user (Json *sa)
{
  static const struct {
    const char *key, *says;
  } facts[] = { { "remote-user", "user" },
                { "groups", "groups" },
                { "local-vips", "our addresses" },
                { "remote-vips", "its addresses" } };
  const char *before = "  ";

  for (guint i = 0; i < G_N_ELEMENTS (facts); i++) {
    Json *value = tool_get (sa, facts[i].key);
    g_autofree char *text = value ? show_inline (value) : NULL;
    if (!text)
      continue;
    printf ("%s%s %s", before, facts[i].says, text);
    before = ", ";
  }
  if (*before == ',')
    printf ("\n");
}

/* How it came up, and may come up again. */
static void
print_tickets (Json *sa)
{
  Json *ticket = tool_get (sa, "ticket"), *given = tool_get (sa, "ticket-given");
  gboolean is_resumed = json_object_get_boolean (tool_get (sa, "resumed"));
  g_autofree char *left = show_inline (ticket ? ticket : given);
  if (!is_resumed && ticket == NULL && given == NULL)
    return;
  printf ("  %s", is_resumed ? "resumed with a ticket" : "");
  if (ticket != NULL || given != NULL)
    printf ("%sa ticket %s is good for %s s", is_resumed ? "; " : "",
            ticket ? "that we have" : "that we gave", left);
  printf ("\n");
}

static void
print_sa (const Tool *tool, Json *sa)
{
  g_autofree char *name = show_inline (tool_get (sa, "name")),
                  *state = show_inline (tool_get (sa, "state"));
  g_autofree char *local = show_inline (tool_get (sa, "local-host")),
                  *local_id = show_inline (tool_get (sa, "local-id"));
  g_autofree char *remote = show_inline (tool_get (sa, "remote-host")),
                  *remote_id = show_inline (tool_get (sa, "remote-id"));
  g_autofree char *proposal = show_inline (tool_get (sa, "proposal")),
                  *since = show_inline (tool_get (sa, "established"));
  printf ("%s%s%s: %s%s%s, IKEv%d, %s[%s]...%s[%s]\n", show_color (tool, SHOW_BOLD), name,
          show_color (tool, SHOW_PLAIN), show_color (tool, show_color_of_state (state)), state,
          show_color (tool, SHOW_PLAIN), json_object_get_int (tool_get (sa, "version")), local,
          local_id, remote, remote_id);
  if (tool_get (sa, "established") != NULL)
    printf ("  %s, established %s s ago\n", proposal, since);
  print_user (sa);
  print_tickets (sa);
}

static void
print_interface (Json *child)
{
  Json *interface = tool_get (child, "interface"), *in = tool_get (child, "if-id-in"),
       *out = tool_get (child, "if-id-out");
  g_autofree char *name = show_inline (interface), *id_in = show_inline (in),
                  *id_out = show_inline (out);
  if (interface == NULL && in == NULL && out == NULL)
    return;
  printf ("    interface %s", interface ? name : "of the operator");
  if (in != NULL || out != NULL)
    printf (", if-id %s in, %s out", in ? id_in : "0", out ? id_out : "0");
  printf ("\n");
}

static void
print_child (const Tool *tool, Json *child)
{
  g_autofree char *name = show_inline (tool_get (child, "name")),
                  *state = show_inline (tool_get (child, "state"));
  g_autofree char *mode = show_inline (tool_get (child, "mode")),
                  *proposal = show_inline (tool_get (child, "proposal"));
  g_autofree char *in = show_inline (tool_get (child, "spi-in")),
                  *out = show_inline (tool_get (child, "spi-out"));
  g_autofree char *local = show_inline (tool_get (child, "local-ts")),
                  *remote = show_inline (tool_get (child, "remote-ts"));
  g_autofree char *bytes_in = show_inline (tool_get (child, "bytes-in"));
  g_autofree char *bytes_out = show_inline (tool_get (child, "bytes-out"));
  printf ("  %s{%d}: %s%s%s, %s, %s, SPIs %s_i %s_o\n    %s === %s", name,
          json_object_get_int (tool_get (child, "unique-id")),
          show_color (tool, show_color_of_state (state)), state, show_color (tool, SHOW_PLAIN),
          mode, proposal, in, out, local, remote);
  if (tool_get (child, "bytes-in") != NULL)
    printf (", %s bytes in, %s bytes out", bytes_in, bytes_out);
  printf ("\n");
  print_interface (child);
}

/* Which plugin carries the data, and why it is that one. */
static void
print_kernel (const Tool *tool, Json *kernel)
{
  Json *providers = tool_get (kernel, "providers");
  printf ("%sdata path: %s%s", show_color (tool, SHOW_DIM),
          tool_text (kernel, "text", "none; see ikebana plugins --why kernel:ipsec"),
          show_color (tool, SHOW_PLAIN));
  for (gsize i = 0; i < length (providers); i++) {
    Json *row = json_object_array_get_idx (providers, i);
    const char *state = tool_text (row, "state", "");
    if (strcmp (state, "ready") != 0 && strcmp (state, "disabled") != 0)
      printf ("\n  %s%s: %s: %s%s", show_color (tool, SHOW_DIM), tool_text (row, "plugin", ""),
              state, tool_text (row, "reason", ""), show_color (tool, SHOW_PLAIN));
  }
  printf ("\n");
}

/* A connection that shall be up and is not. */
static void
print_waiting (const Tool *tool, Json *row)
{
  g_autofree char *conn = show_clean (tool_text (row, "connection", "")),
                  *children = show_inline (tool_get (row, "children")),
                  *next = show_inline (tool_get (row, "next-try")),
                  *reason = show_clean (tool_text (row, "reason", ""));
  printf ("%s%s%s: %sNOT UP%s (%s), %s%s%s\n", show_color (tool, SHOW_BOLD), conn,
          show_color (tool, SHOW_PLAIN), show_color (tool, SHOW_WARN),
          show_color (tool, SHOW_PLAIN), children,
          tool_get (row, "next-try") != NULL ? "next try in " : "being tried",
          tool_get (row, "next-try") != NULL ? next : "",
          tool_get (row, "next-try") != NULL ? " s" : "");
  if (reason[0] != 0)
    printf ("  %d failed; the last one: %s\n", json_object_get_int (tool_get (row, "failures")),
            reason);
}

gboolean
cmd_show_status (const Tool *tool, const char *name, Json *result)
{
  Json *sas = tool_get (result, "sas"), *waiting = tool_get (result, "waiting");
  if (strcmp (name, "status") != 0 || !json_object_is_type (sas, json_type_array))
    return FALSE;
  if (tool_get (result, "kernel") != NULL)
    print_kernel (tool, tool_get (result, "kernel"));
  if (length (sas) == 0)
    printf ("no SA\n");
  for (gsize i = 0; i < length (sas); i++) {
    Json *sa = json_object_array_get_idx (sas, i), *children = tool_get (sa, "children");
    print_sa (tool, sa);
    for (gsize k = 0; k < length (children); k++)
      print_child (tool, json_object_array_get_idx (children, k));
  }
  for (gsize i = 0; i < length (waiting); i++)
    print_waiting (tool, json_object_array_get_idx (waiting, i));
  return TRUE;
}

/* -- reload */

gboolean
cmd_show_reload (const Tool *tool, const char *name, Json *result)
{
  static const struct { const char *key, *sign; ShowColor color;
  } lists[] = {
    { "added", "+", SHOW_GOOD },
    { "changed", "~", SHOW_WARN },
    { "removed", "-", SHOW_BAD },
    { "kept", "=", SHOW_DIM },
  };
  Json *problems = tool_get (result, "problems"), *left = tool_get (result, "left");
  if (strcmp (name, "reload") != 0
      || !json_object_is_type (tool_get (result, "added"), json_type_array))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++) {
    Json *list = tool_get (result, lists[i].key);
    for (gsize k = 0; k < length (list); k++) {
      g_autofree char *item = show_inline (json_object_array_get_idx (list, k));
      printf ("%s%s %s%s\n", show_color (tool, lists[i].color), lists[i].sign, item,
              show_color (tool, SHOW_PLAIN));
    }
  }
  for (gsize i = 0; i < length (left); i++) {
    Json *row = json_object_array_get_idx (left, i);
    g_autofree char *conn = show_clean (tool_text (row, "connection", ""));
    g_autofree char *n = show_inline (tool_get (row, "sas"));
    g_autofree char *sentence =
        g_strdup_printf ("SAs of %s that stay up: %s; ikebana down %s", conn, n, conn);
    print_sentence (tool, SHOW_WARN, sentence);
  }
  for (gsize i = 0; i < length (problems); i++) {
    g_autofree char *problem = show_inline (json_object_array_get_idx (problems, i));
    print_sentence (tool, SHOW_BAD, problem);
  }
  return TRUE;
}

/* -- plugins */

static void
print_features (const Tool *tool, Json *features)
{
  for (gsize i = 0; i < length (features); i++) {
    Json *feature = json_object_array_get_idx (features, i);
    const char *state = tool_text (feature, "state", "");
    g_autofree char *name = show_clean (tool_text (feature, "name", "")),
                    *word = show_clean (state);
    g_autofree char *reason = show_clean (tool_text (feature, "reason", ""));
    /* What is ready in a ready plugin needs no line. */
    if (strcmp (state, "ready") != 0)
      printf ("    %s  %s%s%s  %s\n", name, show_color (tool, show_color_of_state (state)), word,
              show_color (tool, SHOW_PLAIN), reason);
  }
}

/* One line per exchange and phase: "IKE_AUTH    auth: auth", and the hooks that anybody stands at.
 */
static void
print_steps (const Tool *tool, const char *title, Json *steps)
{
  const char *phase = "";

  printf ("%s%s%s\n", show_color (tool, SHOW_BOLD), title, show_color (tool, SHOW_PLAIN));
  for (gsize i = 0; i < length (steps); i++) {
    Json *step = json_object_array_get_idx (steps, i);
    const char *next = tool_text (step, "phase", "");
    g_autofree char *task = show_clean (tool_text (step, "task", "")),
                    *plugin = show_clean (tool_text (step, "plugin", ""));
    g_autofree char *reads = show_clean (tool_text (step, "reads", ""));

    printf ("  %-12s %-16s of %-12s %s%s\n", strcmp (next, phase) ? next : "", task, plugin,
            *reads ? "reads " : "", reads);
    phase = next;
  }
}

static void
print_order (const Tool *tool, Json *order)
{
  json_object_object_foreach (order, key, value)
  {
    g_autofree char *title = show_clean (key);

    if (strcmp (key, "hooks") == 0) {
      json_object_object_foreach (value, point, labels)
      {
        g_autofree char *hook = show_clean (point), *line = show_inline (labels);
        if (length (labels) > 0)
          printf ("hook %s: %s\n", hook, line);
      }
    } else if (strcmp (key, "plugins") == 0) {
      g_autofree char *line = show_inline (value);
      printf ("activated: %s\n", line);
    } else
      print_steps (tool, title, value);
  }
}

gboolean
cmd_show_plugins (const Tool *tool, const char *name, Json *result)
{
  Json *plugins = tool_get (result, "plugins");
  const char *why = tool_text (result, "why", NULL);
  gsize width = 0;
  if (strcmp (name, "plugins") == 0 && why != NULL) {
    print_sentence (tool, SHOW_PLAIN, why);
    return TRUE;
  }
  if (strcmp (name, "plugins") != 0 || !json_object_is_type (plugins, json_type_array))
    return FALSE;
  if (tool_get (result, "hooks") != NULL) {
    print_order (tool, result);
    return TRUE;
  }
  for (gsize i = 0; i < length (plugins); i++)
    width = MAX (width, strlen (tool_text (json_object_array_get_idx (plugins, i), "name", "")));
  for (gsize i = 0; i < length (plugins); i++) {
    Json *plugin = json_object_array_get_idx (plugins, i);
    const char *state = tool_text (plugin, "state", "");
    g_autofree char *title = show_clean (tool_text (plugin, "name", "")),
                    *word = show_clean (state);
    g_autofree char *reason = show_clean (tool_text (plugin, "reason", ""));
    printf ("%-*s  %s%-8s%s  %s\n", (int) width, title,
            show_color (tool, show_color_of_state (state)), word, show_color (tool, SHOW_PLAIN),
            reason);
    if (strcmp (state, "ready") == 0)
      print_features (tool, tool_get (plugin, "features"));
  }
  return TRUE;
}
