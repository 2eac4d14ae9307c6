/* SPDX-License-Identifier: Apache-2.0 */
/* test_ways.h - what a method must stand that authenticates a peer inside its tunnel, in each way that it has to. */
#pragma once
#include <glib.h>

typedef struct {
  const char *name;                           /* "1.3/gtc" */
  const char *settings;                       /* of the plugin */
} EapWay;

/* A test program: @plugin is "eap-NAME", @ways end with a name of NULL.  Returns what main() does. */
int eap_ways_run (int argc, char **argv, const char *plugin, const EapWay *ways);
