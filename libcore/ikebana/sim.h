/* SPDX-License-Identifier: Apache-2.0 */
/* sim.h - subscriber cards, and who knows their keys: the kind `sim`.
 *
 * A provider is both ends: as an authentication centre it gives a server the triplets (GSM) and quintuplets (UMTS) of a
 * card, as the card itself it answers a peer's challenge.  The EAP methods of cards ask all providers in load order;
 * who does not know the card says so and the next one is asked. */
#pragma once
#include <ikebana/plugin.h>
#include <ikebana/secret.h>

IKE_BEGIN_DECLS

enum { IKE_SIM_RAND_LEN = 16, IKE_SIM_SRES_LEN = 4, IKE_SIM_KC_LEN = 8, IKE_SIM_AUTN_LEN = 16, IKE_SIM_AUTS_LEN = 14,
       IKE_SIM_KEY_LEN = 16, IKE_SIM_RES_MAX = 16, IKE_SIM_TRIPLETS_MAX = 3 };

/* What is asked, valid until the function returns or the call is answered. */
typedef struct {
  guint32       struct_size;
  const char   *card;                         /* the IMSI, or what its operator calls it: printable */
  guint32       n;                            /* triplets that are wanted, or RANDs in @rand */
  const guint8 *rand;                         /* @n of them behind each other */
  const guint8 *autn;                         /* run_aka */
  const guint8 *auts;                         /* quintuplet: the card refused the SQN of @rand so; or NULL */
  gboolean      is_separated;                 /* quintuplet: with the "separation bit" of AMF (RFC 9048, 3.1) */
} IkeSimQuery;

typedef struct {
  guint8 rand[IKE_SIM_RAND_LEN], sres[IKE_SIM_SRES_LEN], kc[IKE_SIM_KC_LEN];
} IkeSimTriplet;

typedef struct {
  guint32       n;
  IkeSimTriplet triplets[IKE_SIM_TRIPLETS_MAX];
} IkeSimTriplets;

typedef enum {
  IKE_SIM_DONE,
  IKE_SIM_RESYNC,                             /* run_aka: AUTN is of our network, but its SQN is not fresh: @auts */
  IKE_SIM_REFUSED,                            /* run_aka: AUTN is not of our network; quintuplet: @auts is forged */
} IkeSimOutcome;

typedef struct {
  guint8 outcome;                             /* IkeSimOutcome */
  guint8 res_len;                             /* 4 to 16 */
  guint8 rand[IKE_SIM_RAND_LEN], autn[IKE_SIM_AUTN_LEN], res[IKE_SIM_RES_MAX];
  guint8 ck[IKE_SIM_KEY_LEN], ik[IKE_SIM_KEY_LEN], auts[IKE_SIM_AUTS_LEN];
} IkeSimQuintuplet;

/* Answers are freed with these, which wipe; they are for IkeCallClass.undo too. */
static inline void
ike_sim_triplets_free (gpointer triplets_or_null)
{
  if (triplets_or_null)
    ike_wipe (triplets_or_null, sizeof (IkeSimTriplets));
  g_free (triplets_or_null);
}

static inline void
ike_sim_quintuplet_free (gpointer quintuplet_or_null)
{
  if (quintuplet_or_null)
    ike_wipe (quintuplet_or_null, sizeof (IkeSimQuintuplet));
  g_free (quintuplet_or_null);
}

/* Kind `sim`, one for each source: `sim:file`.  Any loop; each copies what it keeps, and answers with NULL where it
 * does not know the card, with what is told here (g_malloc), or fails with a reason for people.  A function may be
 * NULL. */
typedef struct {
  guint32 struct_size;
  /* Server: IkeSimTriplets, as many as it has of different RANDs up to query->n. */
  void  (*triplets)   (IkePlugin *self, const IkeSimQuery *query, IkeCall *call);
  /* Server: an IkeSimQuintuplet, DONE or REFUSED.  An SQN never comes twice, whatever happens to the machine. */
  void  (*quintuplet) (IkePlugin *self, const IkeSimQuery *query, IkeCall *call);
  /* Peer: IkeSimTriplets, one for each RAND and in their order. */
  void  (*run_gsm)    (IkePlugin *self, const IkeSimQuery *query, IkeCall *call);
  /* Peer: an IkeSimQuintuplet, with what its outcome says. */
  void  (*run_aka)    (IkePlugin *self, const IkeSimQuery *query, IkeCall *call);
} IkeSimClass;

IKE_END_DECLS
