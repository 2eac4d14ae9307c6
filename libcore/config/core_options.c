/* SPDX-License-Identifier: Apache-2.0 */
/* core_options.c - section `core` of the settings: what may stand there, and the check that nothing
 * else does. */
#include "config/model_private.h"
#include <string.h>

#define OPTION(symbol, option_name, option_type, option_fallback, option_doc)                      \
  static const IkeOptionInfo symbol = { sizeof (IkeOptionInfo), "core/" option_name, option_type,  \
                                        option_fallback, option_doc }

OPTION (shards, "shards", "uint", "0",
        "Threads that own IKE SAs. 0: as many as there are processors.");
OPTION (offload_threads, "offload_threads", "uint", "2",
        "Threads for long computations. 0: none, they run where they are asked for.");
OPTION (stall_report, "stall_report", "bool", "no",
        "Log each job that runs longer than 5 ms, by name.");
OPTION (log_levels, "log", "section", NULL,
        "How much is logged: default, or a group such as ike, net or config = none, error, notice, "
        "info or debug.");
OPTION (log_rate, "log_rate", "uint", "1000",
        "Lines that a group may log in a second when a peer can cause them.");
OPTION (retransmit_timeout, "retransmit_timeout", "string", "4",
        "Seconds until a request is sent again for the first time. Also of a connection.");
OPTION (retransmit_tries, "retransmit_tries", "uint", "5",
        "How often a request is sent again. Also of a connection.");
OPTION (retransmit_base, "retransmit_base", "string", "1.8",
        "Each wait is so many times as long as the one before. Also of a connection.");
OPTION (retransmit_limit, "retransmit_limit", "string", "0",
        "Seconds that no wait exceeds; 0: no limit. Also of a connection.");
OPTION (retransmit_jitter, "retransmit_jitter", "uint", "0",
        "Percent by which waits vary at random, up to 50. Also of a connection.");
OPTION (fragment_size, "fragment_size", "uint", "0",
        "Bytes of an IP packet that larger messages are cut to; 0: 1280. Also of a connection.");
OPTION (keep_alive, "keep_alive", "time", "20",
        "Seconds without a packet to the peer after which an end behind NAT sends a keepalive; 0: "
        "it sends none. Also of a connection.");
OPTION (window_size, "window_size", "uint", "1",
        "Requests that a peer may have under way at one time, 1 to 16, which it is told. Also of a "
        "connection.");
OPTION (max_half_open, "max_half_open", "uint", "100000",
        "IKE SAs that may be half open at one time; further peers are not answered.");
OPTION (block_threshold, "block_threshold", "uint", "100",
        "IKE SAs of one source, an IPv4 address or an IPv6 /64, that may be half open at one time; "
        "0: any number.");
OPTION (block_threshold_prefix, "block_threshold_prefix", "uint", "1000",
        "The same of one prefix, an IPv4 /24 or an IPv6 /48; 0: any number.");
OPTION (max_parked, "max_parked", "uint", "10000",
        "Requests that may wait for something, a server or a long computation, at one time on each "
        "thread; further ones are refused for now.");
OPTION (half_open_timeout, "half_open_timeout", "uint", "30",
        "Seconds after which an IKE SA that is still half open is given up; one of our own after "
        "this and all tries of two requests.");
OPTION (retry_initiate_interval, "retry_initiate_interval", "time", "10",
        "Until a connection that shall be up, and does not come up, is tried again; twice as long "
        "each time, less up to a quarter at random. 0: it is not.");
OPTION (retry_initiate_limit, "retry_initiate_limit", "time", "600",
        "What that time does not exceed.");
OPTION (inactivity_close_ike, "inactivity_close_ike", "bool", "no",
        "With the only CHILD_SA of an IKE SA that is closed because of its inactivity the IKE SA "
        "goes, too.");
OPTION (make_before_break, "make_before_break", "bool", "yes",
        "Authenticate an IKE SA anew by making another beside it, and close the old one when that "
        "is up. no: close the old one first, with a gap.");
OPTION (kernel, "kernel", "string", "auto",
        "Plugin that carries the data. auto: of those that work here the best one.");
OPTION (user, "user", "string", NULL,
        "User that the daemon becomes after its start as root, with CAP_NET_ADMIN and "
        "CAP_NET_BIND_SERVICE only. Unset: none.");
OPTION (group, "group", "string", NULL, "Group that it gets with `user`. Unset: the user's.");

const IkeOptionInfo *const ike_core_options[] = {
  &kernel,
  &user,
  &group,
  &shards,
  &offload_threads,
  &stall_report,
  &log_levels,
  &log_rate,
  &retransmit_timeout,
  &retransmit_tries,
  &retransmit_base,
  &retransmit_limit,
  &retransmit_jitter,
  &fragment_size,
  &keep_alive,
  &window_size,
  &max_half_open,
  &block_threshold,
  &block_threshold_prefix,
  &max_parked,
  &half_open_timeout,
  &retry_initiate_interval,
  &retry_initiate_limit,
  &inactivity_close_ike,
  &make_before_break,
  NULL,
};

static const char *
option_name (const IkeOptionInfo *option)
{
  return option->path + strlen ("core/");
}

/* The core's descriptor may declare more than stands above. */
static const IkeOptionInfo *
find_option (const char *name, GPtrArray *names)
{
  const IkeOptionInfo *const *lists[] = { ike_core_options };

  for (guint k = 0; k < G_N_ELEMENTS (lists); k++)
    for (guint i = 0; lists[k] && lists[k][i]; i++) {
      if (!g_str_has_prefix (lists[k][i]->path, "core/"))
        continue;
      if (g_str_equal (option_name (lists[k][i]), name))
        return lists[k][i];
      g_ptr_array_add (names, (gpointer) option_name (lists[k][i]));
    }
  g_ptr_array_add (names, NULL);
  return NULL;
}

static gboolean
fail (const IkeTree *node, const char *path, const char *text, GError **error)
{
  const char *where = ike_tree_where (node);

  g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "%s%s%s%s: %s", where, *where ? ": " : "", path,
               ike_tree_name (node), text);
  return FALSE;
}

static gboolean
is_good_value (const IkeOptionInfo *option, const char *text)
{
  guint64 number;
  gboolean truth;

  if (g_str_equal (option->type, "bool"))
    return ike_value_bool (text, &truth);
  if (g_str_equal (option->type, "uint"))
    return ike_value_uint (text, &number);
  if (g_str_equal (option->type, "time"))
    return ike_value_time (text, &number);
  if (g_str_equal (option->type, "bytes"))
    return ike_value_bytes (text, &number);
  if (g_str_has_prefix (option->type, "enum:")) {
    g_auto (GStrv) words = g_strsplit (option->type + strlen ("enum:"), "|", -1);
    return g_strv_contains ((const char *const *) words, text);
  }
  return TRUE;
}

static gboolean
check_leaf (const IkeOptionInfo *option, const IkeTree *node, GError **error)
{
  gboolean is_section = g_str_equal (option->type, "section");
  char buffer[32];
  const char *text = ike_tree_text (node, buffer);

  if (is_section != (ike_tree_type (node) == IKE_TREE_SECTION))
    return fail (node, "core.",
                 is_section ? "is a section, not a value" : "takes a value, not a section", error);
  for (const IkeField *field = ike_transmit_fields; text && field->name; field++) {
    IkeConn scratch = { 0 };
    if (g_str_equal (field->name, ike_tree_name (node))
        && !ike_field_convert (field, text, (guint8 *) &scratch + field->offset)) {
      g_autofree char *wrong = g_strdup_printf ("'%s' is not %s", text, ike_field_describe (field));
      return fail (node, "core.", wrong, error);
    }
  }
  if (text && !is_good_value (option, text)) {
    g_autofree char *wrong =
        g_strdup_printf ("'%s' is no %s%s", text, option->type, ike_option_hint (option));
    return fail (node, "core.", wrong, error);
  }
  return TRUE;
}

static gboolean
check_log (const IkeTree *log, GError **error)
{
  static const char *const levels[] = { "none", "error", "notice", "info", "debug", NULL };

  for (guint i = 0; i < ike_tree_n (log); i++) {
    const IkeTree *node = ike_tree_nth (log, i);
    const char *level = ike_tree_string (node, NULL, "");
    if (ike_tree_type (node) != IKE_TREE_NULL && !g_strv_contains (levels, level))
      return fail (node, "core.log.", "a level is none, error, notice, info or debug", error);
  }
  return TRUE;
}

gboolean
ike_core_settings_check (const IkeTree *settings, GError **error)
{
  const IkeTree *core = ike_tree_child (settings, "core", strlen ("core"), TRUE);

  for (guint i = 0; i < ike_tree_n (core); i++) {
    const IkeTree *node = ike_tree_nth (core, i);
    g_autoptr (GPtrArray) names = g_ptr_array_new ();
    const IkeOptionInfo *option = find_option (ike_tree_name (node), names);
    if (!option) {
      const char *nearest = ike_nearest (ike_tree_name (node), (const char *const *) names->pdata);
      g_autofree char *text =
          g_strdup_printf ("unknown key%s%s%s", nearest ? ", did you mean " : "",
                           nearest ? nearest : "", nearest ? "?" : "");
      return fail (node, "core.", text, error);
    }
    if (!check_leaf (option, node, error))
      return FALSE;
  }
  return check_log (core ? ike_tree_child (core, "log", strlen ("log"), TRUE) : NULL, error);
}
