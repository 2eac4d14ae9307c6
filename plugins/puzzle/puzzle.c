/* SPDX-License-Identifier: Apache-2.0 */
/* puzzle.c - the plugin `puzzle`: who sends first messages to a host under a heavy flood works for
 * it (RFC 8019).
 *
 * Cookies keep out those whose addresses are made up; puzzles slow down those whose are not.  So
 * the threshold is higher, and a puzzle always comes with a cookie, which the plugin `cookie`
 * makes. This plugin's gate comes first: what passes both is served.  gate.c asks and judges,
 * initiator.c solves, auth.c is about IKE_AUTH, solve.c computes. */
#include "config.h"

#include "puzzle/puzzle.h"

enum { SECRET_LEN = 32, BITS_MIN = 8, BITS_MAX = 32 };

static void
puzzles_free (gpointer data)
{
  Puzzles *self = data;

  ike_secret_clear (&self->secret);
  g_free (self);
}

static void
make_counters (Puzzles *self)
{
  self->n_sent = ike_counter (self->engine, "puzzle.sent");
  self->n_solved = ike_counter (self->engine, "puzzle.solved");
  self->n_wrong = ike_counter (self->engine, "puzzle.wrong");
  self->n_missing = ike_counter (self->engine, "puzzle.missing");
  self->n_reused = ike_counter (self->engine, "puzzle.reused");
  self->n_answered = ike_counter (self->engine, "puzzle.ours-solved");
  self->n_refused = ike_counter (self->engine, "puzzle.ours-left");
}

static void
read_options (IkePlugin *plugin, Puzzles *self)
{
  self->threshold = (guint32) ike_plugin_option_uint (plugin, "threshold");
  self->threshold_source = (guint32) ike_plugin_option_uint (plugin, "threshold_source");
  self->difficulty =
      (guint8) CLAMP (ike_plugin_option_uint (plugin, "difficulty"), BITS_MIN, BITS_MAX);
  self->difficulty_max = (guint8) CLAMP (ike_plugin_option_uint (plugin, "difficulty_max"),
                                         self->difficulty, BITS_MAX);
  self->legacy = (guint32) ike_plugin_option_uint (plugin, "legacy");
  self->auth_difficulty =
      (guint8) MIN (ike_plugin_option_uint (plugin, "auth_difficulty"), BITS_MAX);
  self->solve_max = (guint32) ike_plugin_option_uint (plugin, "solve_max");
  self->solve_time_s = (guint32) ike_plugin_option_uint (plugin, "solve_time");
}

static gboolean
activate (IkePlugin *plugin, GError **error)
{
  IkeEngine *engine = ike_plugin_engine (plugin);
  const IkeProvided *cookies = ike_feature_find (engine, "service:cookie", error);
  guint8 secret[SECRET_LEN];
  Puzzles *self;

  if (!cookies)
    return FALSE;
  self = g_new0 (Puzzles, 1);
  self->engine = engine;
  self->cookies = cookies->ops;
  self->cookie_plugin = cookies->plugin;
  self->slot = ike_slot_register (plugin, &puzzle_slot);
  ike_engine_random (engine, secret, sizeof secret);
  ike_secret_set (&self->secret, secret, sizeof secret);
  ike_wipe (secret, sizeof secret);
  read_options (plugin, self);
  make_counters (self);
  ike_plugin_set_state (plugin, self, puzzles_free);
  return TRUE;
}

/* RFC 8019, 7.1.2: N(COOKIE), PS, SA, KE, Ni; in any order, as all payloads. */
static const IkeStateRow solved_rows[] = {
  { IKE_ROW_REQUEST, IKE_ROLE_RESPONDER, 1u << IKE_SA_CREATED, "SA KE Nonce PS CERTREQ* N* V*" },
  { 0, 0, 0, NULL },
};
static const IkeShapeClass solved_shape = {
  .struct_size = sizeof (IkeShapeClass),
  .exchange = "IKE_SA_INIT",
  .rows = solved_rows,
};
static const IkePayloadClass solution_payload = {
  .struct_size = sizeof (IkePayloadClass),
  .type = IKE_PAYLOAD_PS,
  .name = "PS",
};
static const char *const needs[] = { "service:cookie", "prf:hmac-sha2-256", NULL };

#define FEATURE(symbol, name, class_)                                                              \
  static const IkeFeature symbol##_feature = {                                                     \
    .struct_size = sizeof (IkeFeature), .provides = name, .ops = &class_, .needs = needs           \
  }

FEATURE (gate, "gate:" PUZZLE_GATE, puzzle_gate);
FEATURE (outer, "outer:puzzle", puzzle_outer);
FEATURE (task, "task:puzzle", puzzle_task);
FEATURE (solution_task, "task:puzzle-solution", puzzle_solution_task);
FEATURE (notify, "notify:PUZZLE", puzzle_notify);
FEATURE (payload, "payload:PS", solution_payload);
FEATURE (shape, "shape:puzzle-solved", solved_shape);

static const IkeFeature *const features[] = { &gate_feature,          &task_feature,
                                              &solution_task_feature, &notify_feature,
                                              &payload_feature,       &shape_feature,
                                              &outer_feature,         NULL };

static const IkeFeatureKind *const kinds[] = {
  &(const IkeFeatureKind){ sizeof (IkeFeatureKind), "service:cookie", 1, 0,
                           G_STRUCT_OFFSET (IkeCookieOps, check) + sizeof (gpointer),
                           sizeof (IkeCookieOps) },
  NULL,
};

#define OPTION(symbol, option_name, option_type, option_fallback, option_doc)                      \
  static const IkeOptionInfo symbol##_option = { sizeof (IkeOptionInfo), "plugin/" option_name,    \
                                                 option_type, option_fallback, option_doc }

OPTION (threshold, "threshold", "uint", "300",
        "From so many half-open IKE SAs on puzzles are given to everybody; 0: never for that. More "
        "than the plugin cookie's.");
OPTION (
    threshold_source, "threshold_source", "uint", "20",
    "From so many half-open IKE SAs of one source on, an IPv4 address or an IPv6 /64, puzzles are "
    "given to it; 0: never for that.");
OPTION (difficulty, "difficulty", "uint", "16",
        "Bits of a puzzle, 8 at least; one more each time that the threshold was doubled.");
OPTION (difficulty_max, "difficulty_max", "uint", "20", "And so many at most, up to 32.");
OPTION (legacy, "legacy", "uint", "25",
        "Percent of those served that bring the cookie back, but solve nothing.");
OPTION (
    auth_difficulty, "auth_difficulty", "uint", "0",
    "Bits of a second puzzle, for IKE_AUTH, given to those who solved the first; 0: there is none. "
    "Keys are computed with the first messages here, so it spares little.");
OPTION (solve_max, "solve_max", "uint", "20",
        "As initiator: puzzles of more bits are not solved; 0: none are.");
OPTION (solve_time, "solve_time", "time", "10",
        "As initiator: how long a puzzle is worked on at most.");

static const IkeOptionInfo *const options[] = {
  &threshold_option,      &threshold_source_option, &difficulty_option,
  &difficulty_max_option, &legacy_option,           &auth_difficulty_option,
  &solve_max_option,      &solve_time_option,       NULL
};

IKE_PLUGIN (ike_plugin, "puzzle", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "puzzles for first messages under a flood (RFC 8019)", .features = features,
            .kinds = kinds, .options = options, .activate = activate);
