/* SPDX-License-Identifier: Apache-2.0 */
/* tables.h - cards as rows. */
#pragma once
#include <ikebana/sqlite.h>
#include "shared/sim/card.h"

extern const char *const sim_tables[];

/* The card that @asked is about, with the triplets that the answer needs: to be given, those least used, which count as
 * used then; to be run, those of the RANDs that are asked for.  NULL: it is not there, or @error. */
SimCard *sim_table_load (IkeSqliteTx *tx, const SimRequest *asked, GError **error);
/* What a question changed of it: its numbers as the network and as the card. */
gboolean sim_table_save (IkeSqliteTx *tx, const SimCard *card, GError **error);
