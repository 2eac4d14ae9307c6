/* SPDX-License-Identifier: Apache-2.0 */
/* config_fixture.h - engines in simulation with toy algorithms, for tests of settings, model and commands. */
#pragma once
#include "config/model_private.h"
#include "engine/commands.h"
#include <string.h>

typedef struct {
  IkeSim     *sim;
  IkeEngine  *engine;
  GPtrArray  *problems;                       /* of the last config_fixture_build() */
  IkeConfig  *config;
} ConfigFixture;

/* The engine's settings are @settings, or those of @file. */
void       config_fixture_init  (ConfigFixture *fixture, const char *settings, const char *file);
void       config_fixture_clear (ConfigFixture *fixture);
/* Builds a snapshot of @text; @previous as in ike_config_build. */
IkeConfig *config_fixture_build (ConfigFixture *fixture, const char *text, IkeConfig *previous);
/* Is there a problem that matches the pattern? */
void       config_fixture_assert_problem (ConfigFixture *fixture, const char *pattern);
void       config_fixture_assert_clean   (ConfigFixture *fixture);
/* While not NULL: what the fixture's plugin is told of sections that it reads. */
extern GString *config_fixture_sections;
extern const IkePluginInfo config_fixture_plugin, config_fixture_lazy_plugin;
