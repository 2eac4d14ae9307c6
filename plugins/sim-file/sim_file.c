/* SPDX-License-Identifier: Apache-2.0 */
/* sim_file.c - cards from a file: the kind `sim` for tests, laboratories and small operators.
 *
 * The file holds triplets, or the keys of cards, for MILENAGE (3GPP TS 35.206).  All of it lives on
 * one loop of its own, which may wait for the disk: before a sequence number is given out, a mark
 * above it is written, some steps ahead, so that none comes twice whatever happens to the
 * machine. */
#include "config.h"
#include "cards.h"
#include "marks.h"

#include <string.h>
#include <sys/stat.h>

#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/log.h>

/* A mark is written once in so many authentications of a card. */
enum { STEPS_AHEAD = 64, TRANSFORM_AES_CBC = 12 };

typedef struct {
  IkePlugin *plugin;
  IkeLoop *loop;
  GHashTable *pending; /* of a reload; control */
  /* On the loop, once it runs. */
  GHashTable *cards;
  SimMarks *marks; /* NULL: none can be written */
  char *no_marks;  /* why */
  char *marks_path;
} SimFile;

typedef struct {
  SimFile *file;
  IkeCall *call;
  SimRequest asked;
} Request;

static void
request_free (gpointer data)
{
  Request *request = data;

  if (request->call)
    ike_call_fail (request->call, "sim-file is going away");
  sim_request_clear (&request->asked);
  g_free (request);
}

/* -- the sequence numbers of the network */

static gboolean
reserve (SimFile *file, SimCard *card, guint64 sqn, char **why)
{
  guint64 mark = MIN (sqn + ((guint64) STEPS_AHEAD << SIM_IND_BITS), SIM_SQN_MAX);
  g_autoptr (GError) error = NULL;

  if (sqn <= card->reserved)
    return TRUE;
  if (!file->marks) {
    *why = g_strdup (file->no_marks);
    return FALSE;
  }
  if (!sim_marks_set (file->marks, card->name, mark, &error)) {
    *why = g_strdup (error->message);
    return FALSE;
  }
  card->reserved = mark;
  return TRUE;
}

/* Moves card->given on. */
static gboolean
advance (SimCard *card, guint64 seen, gpointer data, char **why)
{
  guint64 next = sim_sqn_next (MAX (card->given, seen));

  if (!next) {
    *why = g_strdup ("the card's sequence numbers are used up");
    return FALSE;
  }
  if (!reserve (data, card, next, why))
    return FALSE;
  card->given = next;
  return TRUE;
}

/* -- requests, on the loop */

static void
run_request (gpointer data)
{
  Request *request = data;
  SimFile *file = request->file;
  IkeEngine *engine = ike_plugin_engine (file->plugin);
  SimCard *card = g_hash_table_lookup (file->cards, request->asked.card);
  g_autofree char *why = NULL;
  IkeCall *call = g_steal_pointer (&request->call);
  gpointer answer;

  /* Algorithms can be found when all plugins are active. */
  SimAnswerer by = { engine, ike_cipher_find (engine, TRANSFORM_AES_CBC, 128), advance, file };

  answer = card ? sim_card_answer (card, &request->asked, &by, &why) : NULL;
  if (why)
    ike_call_fail (call, why);
  else
    ike_call_answer (call, answer);
}

static void
post (IkePlugin *self, SimWant want, const IkeSimQuery *query, IkeCall *call)
{
  SimFile *file = ike_plugin_state (self);
  Request *request = g_new0 (Request, 1);

  request->file = file;
  request->call = call;
  sim_request_init (&request->asked, want, query);
  ike_loop_post (file->loop, run_request, request, request_free);
}

static void
triplets (IkePlugin *self, const IkeSimQuery *query, IkeCall *call)
{
  post (self, SIM_WANT_TRIPLETS, query, call);
}

static void
quintuplet (IkePlugin *self, const IkeSimQuery *query, IkeCall *call)
{
  post (self, SIM_WANT_QUINTUPLET, query, call);
}

static void
run_gsm (IkePlugin *self, const IkeSimQuery *query, IkeCall *call)
{
  post (self, SIM_WANT_GSM, query, call);
}

static void
run_aka (IkePlugin *self, const IkeSimQuery *query, IkeCall *call)
{
  post (self, SIM_WANT_AKA, query, call);
}

/* -- files, on the control loop */

/* The cards of the configured file; an empty table where none is configured. */
static GHashTable *
read_cards (SimFile *file, GError **error)
{
  IkeEngine *engine = ike_plugin_engine (file->plugin);
  const char *path = ike_plugin_option (file->plugin, "file");
  GHashTable *cards;
  struct stat info;
  char *text = NULL;
  gsize len = 0;

  if (path && !g_file_get_contents (path, &text, &len, error))
    return NULL;
  if (path && stat (path, &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)))
    ike_log (engine, IKE_LOG_NOTICE, "sim-file",
             "others than its owner have a right to %s, which holds keys of cards", path);
  cards = sim_cards_parse (path, text ? text : (char[]){ "" }, error);
  if (text)
    ike_wipe (text, len);
  g_free (text);
  return cards;
}

static void
go_on_from_mark (gpointer key, gpointer value, gpointer data)
{
  SimCard *card = value;

  card->given = MAX (card->given, sim_marks_get (data, card->name));
  card->reserved = card->given;
}

/* NULL: there are no cards. */
static char *
path_of_marks (IkePlugin *self)
{
  const char *path = ike_plugin_option (self, "file");
  const char *sqn_file = ike_plugin_option (self, "sqn_file");

  return !path ? NULL : sqn_file ? g_strdup (sqn_file) : g_strconcat (path, ".sqn", NULL);
}

static void
open_marks (SimFile *file)
{
  g_autoptr (GError) error = NULL;

  file->marks_path = path_of_marks (file->plugin);
  if (file->marks_path)
    file->marks = sim_marks_open (file->marks_path, &error);
  if (error) {
    file->no_marks = g_strdup_printf ("no sequence number can be given out: %s", error->message);
    ike_log (ike_plugin_engine (file->plugin), IKE_LOG_ERROR, "sim-file", "%s", file->no_marks);
  }
}

static void
file_free (gpointer data)
{
  SimFile *file = data;

  g_clear_pointer (&file->cards, g_hash_table_unref);
  g_clear_pointer (&file->pending, g_hash_table_unref);
  sim_marks_free (file->marks);
  g_free (file->marks_path);
  g_free (file->no_marks);
  g_free (file);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  SimFile *file = g_new0 (SimFile, 1);

  ike_plugin_set_state (self, file, file_free);
  file->plugin = self;
  file->cards = read_cards (file, error);
  if (!file->cards)
    return FALSE;
  open_marks (file);
  if (file->marks)
    g_hash_table_foreach (file->cards, go_on_from_mark, file->marks);
  file->loop = ike_loop_new (self, "sim-file", error);
  return file->loop != NULL;
}

static void
deactivate (IkePlugin *self)
{
  SimFile *file = ike_plugin_state (self);

  ike_loop_free (g_steal_pointer (&file->loop));
}

static gboolean
reload_check (IkePlugin *self, GError **error)
{
  SimFile *file = ike_plugin_state (self);
  g_autofree char *marks_path = path_of_marks (self);

  g_clear_pointer (&file->pending, g_hash_table_unref);
  if (g_strcmp0 (marks_path, file->marks_path) != 0) {
    g_set_error (
        error, IKE_ERROR, IKE_ERROR_CONFIG,
        "sequence numbers are kept in %s since the start, now %s is said: that needs a restart",
        file->marks_path ? file->marks_path : "no file", marks_path ? marks_path : "none");
    return FALSE;
  }
  file->pending = read_cards (file, error);
  return file->pending != NULL;
}

typedef struct {
  SimFile *file;
  GHashTable *cards;
} Swap;

/* What a card has given out and seen is not in the file. */
static void
keep (SimCard *card, const SimCard *before)
{
  card->given = MAX (card->given, before->given);
  card->reserved = before->reserved;
  if (before->window.highest > card->window.highest)
    card->window = before->window;
}

static void
settle (gpointer key, gpointer value, gpointer data)
{
  SimFile *file = data;
  SimCard *card = value;
  const SimCard *before = g_hash_table_lookup (file->cards, card->name);

  if (before && before->keys)
    keep (card, before);
  else if (file->marks)
    go_on_from_mark (key, value, file->marks);
}

static void
run_swap (gpointer data)
{
  Swap *swap = data;

  g_hash_table_foreach (swap->cards, settle, swap->file);
  g_hash_table_unref (swap->file->cards);
  swap->file->cards = g_steal_pointer (&swap->cards);
}

static void
swap_free (gpointer data)
{
  Swap *swap = data;

  g_clear_pointer (&swap->cards, g_hash_table_unref);
  g_free (swap);
}

static void
reload_commit (IkePlugin *self)
{
  SimFile *file = ike_plugin_state (self);
  Swap *swap = g_new0 (Swap, 1);

  swap->file = file;
  swap->cards = g_steal_pointer (&file->pending);
  ike_loop_post (file->loop, run_swap, swap, swap_free);
}

static const IkeSimClass file_class = { .struct_size = sizeof file_class,
                                        .triplets = triplets,
                                        .quintuplet = quintuplet,
                                        .run_gsm = run_gsm,
                                        .run_aka = run_aka };

static const char *const needs[] = { "cipher:aes-cbc/128", NULL };
static const IkeFeature file_feature = {
  .struct_size = sizeof file_feature, .provides = "sim:file", .ops = &file_class, .needs = needs
};
static const IkeFeature *const features[] = { &file_feature, NULL };

static const IkeOptionInfo file_option = {
  .struct_size = sizeof file_option,
  .path = "plugin/file",
  .type = "string",
  .doc = "The file with triplets and keys of cards.",
};
static const IkeOptionInfo sqn_file_option = {
  .struct_size = sizeof sqn_file_option,
  .path = "plugin/sqn_file",
  .type = "string",
  .doc = "Where sequence numbers are kept over a restart; unset: beside the file, with .sqn behind "
         "its name.",
};
static const IkeOptionInfo *const options[] = { &file_option, &sqn_file_option, NULL };

IKE_PLUGIN (ike_plugin, "sim-file", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "subscriber cards from a file", .features = features, .options = options,
            .activate = activate, .deactivate = deactivate, .reload_check = reload_check,
            .reload_commit = reload_commit);
