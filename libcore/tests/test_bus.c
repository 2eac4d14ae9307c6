/* SPDX-License-Identifier: Apache-2.0 */
/* test_bus.c - hook points: order, circles, and how a walk is decided. */
#include "config.h"
#include "tests/plugin_fixture.h"
#include <ikebana/bus.h>
#include <ikebana/error.h>
#include <string.h>

typedef struct {
  GString *walked;
  guint32 padding;
} Walk;

IKE_DECLARE_HOOK (walk, "walk", Walk);

static IkeHookVerdict
pass_a (IkePlugin *self, IkeSa *sa, Walk *walk)
{
  g_string_append (walk->walked, "a");
  return IKE_HOOK_PASS;
}

static IkeHookVerdict
pass_b (IkePlugin *self, IkeSa *sa, Walk *walk)
{
  g_string_append (walk->walked, "b");
  return IKE_HOOK_PASS;
}

static IkeHookVerdict
accept (IkePlugin *self, IkeSa *sa, Walk *walk)
{
  g_string_append (walk->walked, "+");
  return IKE_HOOK_ACCEPT;
}

static IkeHookVerdict
reject (IkePlugin *self, IkeSa *sa, Walk *walk)
{
  g_string_append (walk->walked, "-");
  return IKE_HOOK_REJECT;
}

static gboolean
activate_one (IkePlugin *self, GError **error)
{
  return ike_walk_hook_add (self, "last", "first middle unknown", pass_a, error)
         && ike_walk_hook_add (self, "middle", "first", pass_b, error);
}

static gboolean
activate_two (IkePlugin *self, GError **error)
{
  return ike_walk_hook_add (self, "first", NULL, pass_a, error);
}

static const IkePluginInfo one = {
  .struct_size = sizeof one, .abi_major = IKE_ABI_MAJOR, .name = "one", .activate = activate_one
};
static const IkePluginInfo two = {
  .struct_size = sizeof two, .abi_major = IKE_ABI_MAJOR, .name = "two", .activate = activate_two
};

static void
start (Fixture *fixture, const IkePluginInfo *const *builtin)
{
  g_autoptr (GError) error = NULL;
  fixture_init (fixture, "", builtin);
  g_assert_true (ike_registry_load (fixture->engine, &error));
  g_assert_true (ike_registry_activate (fixture->engine, &error));
  g_assert_no_error (error);
}

static IkeHookVerdict
walk_text (Fixture *fixture, char **text)
{
  Walk walk = { g_string_new (NULL), 0 };
  IkeHookVerdict verdict =
      ike_walk_hook_emit (ike_hook_point (fixture->engine, "walk"), NULL, &walk);
  *text = g_string_free (walk.walked, FALSE);
  return verdict;
}

static void
assert_walk (const IkePluginInfo *info, IkeHookVerdict verdict, const char *expected)
{
  Fixture fixture;
  g_autofree char *text = NULL;
  const IkePluginInfo *const builtin[] = { info, NULL };
  start (&fixture, builtin);
  g_assert_true (ike_bus_freeze (fixture.engine, NULL));
  g_assert_cmpint (walk_text (&fixture, &text), ==, verdict);
  g_assert_cmpstr (text, ==, expected);
  fixture_clear (&fixture);
}

static void
test_order (void)
{
  Fixture fixture;
  g_autofree char *text = NULL;
  const IkePluginInfo *const builtin[] = { &one, &two, NULL };
  start (&fixture, builtin);
  g_assert_true (ike_bus_freeze (fixture.engine, NULL));
  g_autoptr (IkeTree) order = ike_bus_order (fixture.engine);
  const IkeTree *labels = ike_tree_get (order, "hooks.walk");
  g_assert_cmpuint (ike_tree_n (labels), ==, 3);
  g_assert_cmpstr (ike_tree_text (ike_tree_nth (labels, 0), (char[32]){ 0 }), ==, "first");
  g_assert_cmpstr (ike_tree_text (ike_tree_nth (labels, 1), (char[32]){ 0 }), ==, "middle");
  g_assert_cmpstr (ike_tree_text (ike_tree_nth (labels, 2), (char[32]){ 0 }), ==, "last");
  g_assert_cmpint (walk_text (&fixture, &text), ==, IKE_HOOK_PASS);
  g_assert_cmpstr (text, ==, "aba");
  fixture_clear (&fixture);
}

static gboolean
activate_circle (IkePlugin *self, GError **error)
{
  return ike_walk_hook_add (self, "hen", "egg", pass_a, error)
         && ike_walk_hook_add (self, "egg", "hen", pass_b, error);
}

static const IkePluginInfo circle = { .struct_size = sizeof circle,
                                      .abi_major = IKE_ABI_MAJOR,
                                      .name = "circle",
                                      .activate = activate_circle };

static void
test_circle (void)
{
  Fixture fixture;
  g_autoptr (GError) error = NULL;
  const IkePluginInfo *const builtin[] = { &circle, NULL };
  start (&fixture, builtin);
  g_assert_false (ike_bus_freeze (fixture.engine, &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_PLUGIN);
  g_assert_nonnull (strstr (error->message, "hen (plugin circle) -> egg (plugin circle) -> hen"));
  fixture_clear (&fixture);
}

static gboolean
activate_accept (IkePlugin *self, GError **error)
{
  return ike_walk_hook_add (self, "1", NULL, pass_a, error)
         && ike_walk_hook_add (self, "2", NULL, accept, error)
         && ike_walk_hook_add (self, "3", NULL, reject, error);
}

static gboolean
activate_reject (IkePlugin *self, GError **error)
{
  return ike_walk_hook_add (self, "1", NULL, reject, error)
         && ike_walk_hook_add (self, "2", NULL, accept, error);
}

static const IkePluginInfo accepts = { .struct_size = sizeof accepts,
                                       .abi_major = IKE_ABI_MAJOR,
                                       .name = "accepts",
                                       .activate = activate_accept };
static const IkePluginInfo rejects = { .struct_size = sizeof rejects,
                                       .abi_major = IKE_ABI_MAJOR,
                                       .name = "rejects",
                                       .activate = activate_reject };
static const IkePluginInfo idle = { .struct_size = sizeof idle,
                                    .abi_major = IKE_ABI_MAJOR,
                                    .name = "idle" };

static void
test_verdicts (void)
{
  assert_walk (&accepts, IKE_HOOK_ACCEPT, "a+");
  assert_walk (&rejects, IKE_HOOK_REJECT, "-");
  assert_walk (&idle, IKE_HOOK_PASS, "");
}

static gboolean
activate_twice (IkePlugin *self, GError **error)
{
  return ike_walk_hook_add (self, "same", NULL, pass_a, error)
         && ike_walk_hook_add (self, "same", NULL, pass_b, error);
}

static const IkePluginInfo twice = { .struct_size = sizeof twice,
                                     .abi_major = IKE_ABI_MAJOR,
                                     .name = "twice",
                                     .activate = activate_twice };

/* The first of its two hooks had been added when it failed. */
static void
test_failure_leaves_nothing (void)
{
  Fixture fixture;
  const IkePluginInfo *const builtin[] = { &twice, NULL };
  start (&fixture, builtin);
  fixture_assert_state (
      &fixture, "twice",
      "failed: hook point walk has a hook labelled same already, by plugin twice");
  g_assert_true (ike_bus_freeze (fixture.engine, NULL));
  g_assert_false (ike_hook_point_is_used (ike_hook_point (fixture.engine, "walk")));
  fixture_clear (&fixture);
}

static void
test_frozen (void)
{
  Fixture fixture;
  g_autoptr (GError) error = NULL;
  const IkePluginInfo *const builtin[] = { &two, NULL };
  start (&fixture, builtin);
  IkePlugin *self = fixture_plugin (&fixture, "two");
  g_assert_true (ike_bus_freeze (fixture.engine, NULL));
  g_assert_false (ike_walk_hook_add (self, "late", NULL, pass_a, &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_PLUGIN);
  fixture_clear (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bus/hooks-walk-in-declared-order-across-plugins", test_order);
  g_test_add_func ("/bus/a-circle-is-an-error-that-names-both", test_circle);
  g_test_add_func ("/bus/the-first-who-does-not-pass-decides", test_verdicts);
  g_test_add_func ("/bus/a-plugin-that-fails-leaves-no-hook", test_failure_leaves_nothing);
  g_test_add_func ("/bus/nothing-is-added-to-a-frozen-point", test_frozen);
  return g_test_run ();
}
