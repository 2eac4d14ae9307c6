/* SPDX-License-Identifier: Apache-2.0 */
/* tables.h - cards as rows. */
#pragma once
#include <ikebana/sqlite.h>
#include "shared/sim/card.h"

extern const char *const sim_tables[];

enum { SIM_NO_TRIPLETS = -1, SIM_ALL_TRIPLETS = 0 };

/* The card of this name; NULL: it is not there, or @error.  @n_triplets: those least used, which count as used then. */
SimCard *sim_table_load (IkeSqliteTx *tx, const char *name, int n_triplets, GError **error);
/* What a question changed of it: its numbers as the network and as the card. */
gboolean sim_table_save (IkeSqliteTx *tx, const SimCard *card, GError **error);
