/* SPDX-License-Identifier: Apache-2.0 */
/* card.h - a subscriber's card, and what it and its network compute; for plugins of the kind `sim`.
 *
 * An SQN is SEQ, 43 bits, and IND, 5 bits (3GPP TS 33.102, annex C). */
#pragma once
#include <ikebana/crypto.h>
#include <ikebana/runtime.h>
#include <ikebana/sim.h>
#include "milenage.h"

enum { SIM_IND_BITS = 5, SIM_INDS = 1 << SIM_IND_BITS, SIM_SQN_LEN = 6 };
#define SIM_SQN_MAX ((G_GUINT64_CONSTANT (1) << 48) - 1)

/* What a card remembers: the highest SEQ of each IND. */
typedef struct {
  guint64 seq[SIM_INDS];
  guint64 highest;                            /* SQN */
} SimWindow;

void     sim_window_init  (SimWindow *window, guint64 sqn);
/* Is @sqn fresh?  Then it is not any more. */
gboolean sim_window_takes (SimWindow *window, guint64 sqn);

/* The SQN after @sqn; 0: there is none left. */
guint64  sim_sqn_next  (guint64 sqn);
guint64  sim_sqn_read  (const guint8 in[static SIM_SQN_LEN]);
void     sim_sqn_write (guint64 sqn, guint8 out[static SIM_SQN_LEN]);

typedef struct {
  char          *name;
  IkeSecretBlob *keys;                        /* a Milenage; NULL: the card has triplets only */
  gboolean       is_op;                       /* what stands in it for OPc is OP yet */
  guint8         amf[MILENAGE_AMF_LEN];
  GPtrArray     *triplets;                    /* IkeSecretBlob, each an IkeSimTriplet */
  guint          next_triplet;
  guint64        given;                       /* the last SQN that was given out, as the network */
  guint64        reserved;                    /* SQNs up to here are marked as given out */
  SimWindow      window;                      /* as the card itself */
} SimCard;

SimCard *sim_card_new  (const char *name);
void     sim_card_free (gpointer card_or_null);
void     sim_card_add_triplet (SimCard *card, const IkeSimTriplet *triplet);

typedef enum { SIM_WANT_TRIPLETS, SIM_WANT_QUINTUPLET, SIM_WANT_GSM, SIM_WANT_AKA } SimWant;

/* A question, copied for the loop on which it is answered. */
typedef struct {
  SimWant  want;
  char    *card;
  guint    n;
  gboolean is_resync, is_separated;
  guint8   rand[IKE_SIM_TRIPLETS_MAX * IKE_SIM_RAND_LEN], autn[IKE_SIM_AUTN_LEN], auts[IKE_SIM_AUTS_LEN];
} SimRequest;

void sim_request_init  (SimRequest *request, SimWant want, const IkeSimQuery *query);
void sim_request_clear (SimRequest *request);

/* Who answers: with @advance the number in card->given moves on, for good, before it is given out; to more than @seen,
 * what the card itself has seen, and never back. */
typedef struct {
  IkeEngine       *engine;
  const IkeCipher *aes;
  gboolean       (*advance) (SimCard *card, guint64 seen, gpointer data, char **why);
  gpointer         data;
} SimAnswerer;

/* What the kind `sim` answers with; NULL with *@why (g_free), or without: the card has nothing for that. */
gpointer sim_card_answer (SimCard *card, const SimRequest *request, const SimAnswerer *by, char **why);
