/* SPDX-License-Identifier: Apache-2.0 */
/* cards.h - the cards of a file. */
#pragma once
#include "shared/sim/card.h"

/* The cards by name, from the text of a file; NULL with @error, which names @path and line. */
GHashTable *sim_cards_parse (const char *path, char *text, GError **error);
