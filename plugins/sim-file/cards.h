/* SPDX-License-Identifier: Apache-2.0 */
/* cards.h - the cards of a file, and what is known of each. */
#pragma once
#include <ikebana/crypto.h>
#include <ikebana/runtime.h>
#include <ikebana/sim.h>
#include "shared/sim/milenage.h"
#include "sequence.h"

typedef struct {
  char          *name;
  IkeSecretBlob *keys;                        /* a Milenage; NULL: the card has triplets only */
  gboolean       is_op;                       /* what stands in it for OPc is OP yet */
  guint8         amf[MILENAGE_AMF_LEN];
  GPtrArray     *triplets;                    /* IkeSecretBlob, each an IkeSimTriplet */
  guint          next_triplet;
  guint64        given;                       /* the last SQN that was given out, as the network */
  guint64        reserved;                    /* SQNs up to here are marked in the file as given out */
  SimWindow      window;                      /* as the card itself */
} SimCard;

/* The cards by name, from the text of a file; NULL with @error, which names @path and line. */
GHashTable *sim_cards_parse (const char *path, char *text, GError **error);

/* Makes OPc of OP.  FALSE: the crypto library failed. */
gboolean sim_card_prepare (SimCard *card, const IkeCipher *aes);

/* Answers to the four questions of a card; g_malloc.  NULL with @why: static, or NULL: it has nothing for that. */
IkeSimTriplets   *sim_card_triplets   (SimCard *card, IkeEngine *engine, const IkeCipher *aes, guint n,
                                       const char **why);
IkeSimTriplets   *sim_card_run_gsm    (SimCard *card, const IkeCipher *aes, const guint8 *rands, guint n,
                                       const char **why);
/* With the SQN that is in card->given. */
IkeSimQuintuplet *sim_card_quintuplet (SimCard *card, IkeEngine *engine, const IkeCipher *aes, gboolean is_separated,
                                       const char **why);
IkeSimQuintuplet *sim_card_run_aka    (SimCard *card, const IkeCipher *aes, const guint8 *rand, const guint8 *autn,
                                       const char **why);
/* Is @auts the card's?  Then *@sqn is the highest that it has seen. */
gboolean          sim_card_reads_auts (const SimCard *card, const IkeCipher *aes, const guint8 *rand,
                                       const guint8 *auts, guint64 *sqn);
