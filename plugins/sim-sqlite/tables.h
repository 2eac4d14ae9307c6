/* SPDX-License-Identifier: Apache-2.0 */
/* tables.h - cards as rows. */
#pragma once
#include <ikebana/sqlite.h>
#include "shared/sim/card.h"

extern const char *const sim_tables[];

/* The card of this name; NULL: it is not there, or @error. */
SimCard *sim_table_load (IkeSqliteTx *tx, const char *name, guint n_triplets, GError **error);
/* What a question changed of it: its numbers as the network and as the card. */
gboolean sim_table_save (IkeSqliteTx *tx, const SimCard *card, GError **error);
