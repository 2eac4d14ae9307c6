/* SPDX-License-Identifier: Apache-2.0 */
/* apply.c - name servers into resolv.conf, resolvconf or systemd-resolved: one step at a time, the
 * last word counts.
 *
 * Files are written on the offload pool; programs run beside everything, without a shell. */
#include "config.h"
#include "resolve.h"
#include "shared/process/process.h"
#include <ikebana/engine.h>
#include <ikebana/log.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>

enum { SETTLE_MS = 50, PROGRAM_MS = 10000, FINISH_MS = 5000 };

/* Debian's order of interfaces has lo.* in front of what DHCP brings. */
static const char record_name[] = "lo.ikebana";

/* Who ends waits for the one that is being made. */
enum { EDIT_QUEUED, EDIT_WORKING, EDIT_WORKED, EDIT_CANCELLED };

typedef struct {
  Apply *apply;
  char *file;
  GPtrArray *servers;
  GError *error;
  atomic_int state;
} Edit;

struct _Apply {
  ResolveOptions options;
  GPtrArray *servers, *domains;   /* wanted; texts */
  gboolean is_wanted, is_running; /* there is something to do; it is being done */
  gboolean is_there;              /* something of ours is in place */
  IkeTimer *timer;
  Edit *edit;
  Process *process;
  GQueue steps;      /* argv that are still to be run */
  char *input;       /* of the next one */
  gboolean was_told; /* that domains cannot be told apart */
};

static void start (Apply *apply);

static void
edit_free (Edit *edit)
{
  g_free (edit->file);
  g_ptr_array_unref (edit->servers);
  g_clear_error (&edit->error);
  g_free (edit);
}

Apply *
apply_new (const ResolveOptions *options)
{
  Apply *apply = g_new0 (Apply, 1);

  apply->options = *options;
  apply->options.file = g_strdup (options->file);
  apply->options.resolvconf = g_strdup (options->resolvconf);
  apply->options.resolvectl = g_strdup (options->resolvectl);
  apply->options.interface = g_strdup (options->interface);
  apply->servers = g_ptr_array_new_with_free_func (g_free);
  apply->domains = g_ptr_array_new_with_free_func (g_free);
  return apply;
}

void
apply_free (Apply *apply)
{
  if (!apply)
    return;
  if (apply->process)
    process_abandon (apply->process);
  g_clear_pointer (&apply->edit, edit_free);
  g_queue_clear_full (&apply->steps, (GDestroyNotify) g_strfreev);
  g_ptr_array_unref (apply->servers);
  g_ptr_array_unref (apply->domains);
  g_free (apply->input);
  g_free (apply->options.file);
  g_free (apply->options.resolvconf);
  g_free (apply->options.resolvectl);
  g_free (apply->options.interface);
  g_free (apply);
}

static void
done (Apply *apply)
{
  apply->is_running = FALSE;
  if (apply->is_wanted)
    start (apply);
}

/* -- the file */

static void
edit_work (gpointer data)
{
  Edit *edit = data;
  int queued = EDIT_QUEUED;

  if (!atomic_compare_exchange_strong (&edit->state, &queued, EDIT_WORKING))
    return;
  resolv_conf_write (edit->file, edit->servers, &edit->error);
  atomic_store (&edit->state, EDIT_WORKED);
}

static void
edit_done (gpointer data)
{
  Edit *edit = data;
  Apply *apply = edit->apply;

  if (edit->error)
    ike_log (apply->options.engine, IKE_LOG_ERROR, "resolve", "%s", edit->error->message);
  apply->edit = NULL;
  edit_free (edit);
  done (apply);
}

static gpointer
copy_text (gconstpointer text, gpointer unused)
{
  return g_strdup (text);
}

static Edit *
edit_new (Apply *apply)
{
  Edit *edit = g_new0 (Edit, 1);

  edit->apply = apply;
  edit->file = g_strdup (apply->options.file);
  edit->servers = g_ptr_array_copy (apply->servers, copy_text, NULL);
  g_ptr_array_set_free_func (edit->servers, g_free);
  return edit;
}

static void
start_edit (Apply *apply)
{
  IkeLoop *io = ike_engine_io (apply->options.engine);
  Edit *edit = edit_new (apply);

  apply->edit = edit;
  if (ike_offload (apply->options.engine, "resolv.conf", edit_work, io, edit_done, edit))
    return;
  apply->edit = NULL;
  /* The pool is full: soon again. */
  edit_free (edit);
  apply->is_running = FALSE;
  apply_want (apply, NULL, NULL);
}

/* -- programs */

static void
add_step (Apply *apply, GPtrArray *argv_take)
{
  g_ptr_array_add (argv_take, NULL);
  g_queue_push_tail (&apply->steps, g_ptr_array_free (argv_take, FALSE));
}

static GPtrArray *
argv_of (const char *program, const char *verb, const char *object)
{
  GPtrArray *argv = g_ptr_array_new ();

  g_ptr_array_add (argv, g_strdup (program));
  g_ptr_array_add (argv, g_strdup (verb));
  g_ptr_array_add (argv, g_strdup (object));
  return argv;
}

static void
plan_resolvconf (Apply *apply)
{
  GString *text = g_string_new (NULL);

  add_step (apply,
            argv_of (apply->options.resolvconf, apply->servers->len ? "-a" : "-d", record_name));
  for (guint i = 0; i < apply->servers->len; i++)
    g_string_append_printf (text, "nameserver %s\n", (const char *) apply->servers->pdata[i]);
  g_free (apply->input);
  apply->input = g_string_free (text, FALSE);
}

/* "~example.com": only these names go there; "~." all. */
static void
plan_resolved (Apply *apply)
{
  const char *program = apply->options.resolvectl, *interface = apply->options.interface;
  GPtrArray *argv;

  if (!apply->servers->len) {
    add_step (apply, argv_of (program, "revert", interface));
    return;
  }
  argv = argv_of (program, "dns", interface);
  for (guint i = 0; i < apply->servers->len; i++)
    g_ptr_array_add (argv, g_strdup (apply->servers->pdata[i]));
  add_step (apply, argv);
  argv = argv_of (program, "domain", interface);
  for (guint i = 0; i < apply->domains->len; i++)
    g_ptr_array_add (argv, g_strconcat ("~", apply->domains->pdata[i], NULL));
  if (!apply->domains->len)
    g_ptr_array_add (argv, g_strdup ("~."));
  add_step (apply, argv);
}

static void
next_step (gpointer data)
{
  char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  char *const environment[] = { path, NULL };
  Apply *apply = data;
  g_auto (GStrv) argv = g_queue_pop_head (&apply->steps);
  g_autoptr (GError) error = NULL;
  ProcessOptions options = { .engine = apply->options.engine,
                             .group = "resolve",
                             .what = "the program for name servers",
                             .hint = "is the service behind it running?",
                             .argv = argv,
                             .environment = environment,
                             .timeout_ms = PROGRAM_MS,
                             .ended = next_step,
                             .data = apply,
                             .input = apply->input };

  apply->process = NULL;
  if (!argv) {
    done (apply);
    return;
  }
  options.name = argv[0];
  apply->process = process_start (&options, &error);
  if (apply->process)
    return;
  ike_log (apply->options.engine, IKE_LOG_ERROR, "resolve", "%s", error->message);
  g_queue_clear_full (&apply->steps, (GDestroyNotify) g_strfreev);
  done (apply);
}

/* -- */

/* RFC 8598, 5: others "MAY be sent to the internal DNS resolver(s)". */
static void
say_unsplit (Apply *apply)
{
  if (!apply->domains->len || apply->was_told || apply->options.method == METHOD_RESOLVED)
    return;
  apply->was_told = TRUE;
  ike_log (apply->options.engine, IKE_LOG_NOTICE, "resolve",
           "resolv.conf cannot send some names to one server only; those of the gateway are asked "
           "for all (plugins.resolve.method = resolved with an interface can)");
}

static void
start (Apply *apply)
{
  apply->is_wanted = FALSE;
  if (!apply->is_there && !apply->servers->len && apply->options.method != METHOD_FILE)
    return;
  apply->is_running = TRUE;
  apply->is_there = apply->servers->len > 0;
  say_unsplit (apply);
  if (apply->options.method == METHOD_FILE) {
    start_edit (apply);
    return;
  }
  if (apply->options.method == METHOD_RESOLVCONF)
    plan_resolvconf (apply);
  else
    plan_resolved (apply);
  next_step (apply);
}

static void
settled (gpointer data)
{
  Apply *apply = data;

  apply->timer = NULL;
  if (apply->is_wanted && !apply->is_running)
    start (apply);
}

static void
replace (GPtrArray *to, const GPtrArray *from)
{
  g_ptr_array_set_size (to, 0);
  for (guint i = 0; i < from->len; i++)
    g_ptr_array_add (to, g_strdup (from->pdata[i]));
}

/* Several attributes come one after the other, and each changes what is wanted. */
void
apply_want (Apply *apply, const GPtrArray *servers, const GPtrArray *domains)
{
  if (servers)
    replace (apply->servers, servers);
  if (domains)
    replace (apply->domains, domains);
  apply->is_wanted = TRUE;
  if (!apply->timer && !apply->is_running)
    apply->timer =
        ike_loop_timer_add (ike_engine_io (apply->options.engine), SETTLE_MS, settled, apply, NULL);
}

static void
finish_file (Apply *apply, gint64 limit_us)
{
  IkeEngine *engine = apply->options.engine;
  g_autoptr (GError) error = NULL;
  int queued = EDIT_QUEUED;

  if (apply->edit && !atomic_compare_exchange_strong (&apply->edit->state, &queued, EDIT_CANCELLED))
    while (atomic_load (&apply->edit->state) == EDIT_WORKING
           && ike_engine_now_us (engine) < limit_us)
      poll (NULL, 0, 1);
  if (!resolv_conf_write (apply->options.file, NULL, &error))
    ike_log (engine, IKE_LOG_ERROR, "resolve", "%s", error->message);
}

/* The loop turns no more: what runs is waited for here. */
void
apply_finish (Apply *apply)
{
  IkeEngine *engine = apply->options.engine;
  gint64 limit_us = ike_engine_now_us (engine) + FINISH_MS * 1000;

  g_ptr_array_set_size (apply->servers, 0);
  g_ptr_array_set_size (apply->domains, 0);
  ike_timer_stop (g_steal_pointer (&apply->timer));
  if (apply->options.method == METHOD_FILE) {
    finish_file (apply, limit_us);
    return;
  }
  apply->is_wanted = apply->is_there;
  if (apply->is_wanted && !apply->is_running)
    start (apply);
  while (apply->process && ike_engine_now_us (engine) < limit_us) {
    struct pollfd waiting = { .fd = process_fd (apply->process), .events = POLLIN };
    poll (&waiting, 1, FINISH_MS / 50);
    process_poll (apply->process);
  }
}
