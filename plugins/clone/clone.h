/* SPDX-License-Identifier: Apache-2.0 */
/* clone.h - what the files of the plugin clone share. */
#pragma once
#include "config.h"
#include <ikebana/command.h>
#include <ikebana/error.h>
#include <ikebana/exchange.h>
#include <ikebana/plugin.h>

typedef struct {
  guint32 option, slot;
  guint most;
} Clone;

/* Of the IKE SAs that came from one: all on its shard. */
typedef struct {
  guint n;
} Family;

/* With an IKE SA.  That there is one says that both ends agreed. */
typedef struct {
  Family *family;
  gboolean is_clone;
  guint32 newest;                             /* number of the last one that was made beside it; 0: none */
} Member;

/* commands.c */
extern const IkeFeature clone_command_feature;
