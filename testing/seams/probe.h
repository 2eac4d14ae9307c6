/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h - a plugin that counts what happens in an engine and lets a test run code on the SA that came up last. */
#pragma once
#include "exchange/pair.h"

typedef struct {
  IkeSaRef sa;                                /* the newest that came up */
  guint    n_up, n_down, n_child_up, n_child_down;
} Probe;

extern const IkePluginInfo probe_plugin;

Probe *probe_of    (const PairEnd *end);
/* Runs @run on that SA, and steps until it did. FALSE: the SA is gone. */
gboolean probe_run (Pair *pair, PairEnd *end, void (*run) (IkeSa *sa, gpointer data), gpointer data);
/* Begins @operation on it and steps until it ended; its error, or NULL. g_free. */
char  *probe_begin (Pair *pair, PairEnd *end, const char *operation, gpointer args_take);
