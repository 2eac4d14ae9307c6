/* SPDX-License-Identifier: Apache-2.0 */
/* ikev2_private.h - the state of this plugin in one engine. */
#pragma once
#include <ikebana/bus.h>

typedef struct {
  IkeHookPoint *on_authorize, *on_narrow;
} Ikev2;
