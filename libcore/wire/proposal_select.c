/* SPDX-License-Identifier: Apache-2.0 */
/* proposal_select.c - agreement: one transform of each type, chosen by the responder, checked by
 * the initiator. */
#include <string.h>
#include "wire/proposal_private.h"

/* "None of this type" may be said with the number 0 or by leaving the type out: RFC 7296, 3.3.2 for
 * key exchange and integrity, RFC 9370, 2.2.1 for the additional exchanges.  Sequence numbers left
 * out are taken for the 32-bit ones. */
static gboolean
zero_is_absent (guint8 type)
{
  return type == IKE_TRANSFORM_INTEG || type == IKE_TRANSFORM_SN || ike_transform_is_any_ke (type);
}

static gboolean
is_skipped (guint8 type, guint flags)
{
  return (flags & IKE_SELECT_NO_KE) && ike_transform_is_any_ke (type);
}

static gboolean
contains (const IkeProposal *proposal, const IkeTransform *wanted)
{
  gboolean has_type = FALSE;

  for (guint i = 0; i < proposal->n_transforms; i++) {
    const IkeTransform *t = &proposal->transforms[i];
    if (t->type != wanted->type)
      continue;
    has_type = TRUE;
    if (t->id == wanted->id && t->key_bits == wanted->key_bits
        && !(t->flags & IKE_TRANSFORM_UNKNOWN))
      return TRUE;
  }
  return !has_type && wanted->id == 0 && wanted->key_bits == 0 && zero_is_absent (wanted->type);
}

/* Chooses of @type the first that @first prefers and @second has too; with @id_wanted only that
 * one. */
static gboolean
choose (const IkeProposal *first, const IkeProposal *second, guint8 type, gboolean only_none,
        IkeTransform *chosen)
{
  const IkeTransform none = { .type = type };
  gboolean has_type = FALSE;

  for (guint i = 0; i < first->n_transforms; i++) {
    const IkeTransform *t = &first->transforms[i];
    if (t->type != type)
      continue;
    has_type = TRUE;
    if ((t->flags & IKE_TRANSFORM_UNKNOWN) || (only_none && t->id != 0) || !contains (second, t))
      continue;
    *chosen = *t;
    return TRUE;
  }
  if (has_type || !zero_is_absent (type) || !contains (second, &none))
    return FALSE;
  *chosen = none;
  return TRUE;
}

/* Cipher and integrity go together: none with AEAD, one with every other cipher. */
static guint8
choose_encryption (const IkeProposal *first, const IkeProposal *second, IkeTransform *encr,
                   IkeTransform *integ)
{
  gboolean is_cipher_common = FALSE;

  for (guint i = 0; i < first->n_transforms; i++) {
    const IkeTransform *t = &first->transforms[i];
    gboolean is_aead = ike_encr_is_aead (t->id);
    if (t->type != IKE_TRANSFORM_ENCR || (t->flags & IKE_TRANSFORM_UNKNOWN)
        || !contains (second, t))
      continue;
    is_cipher_common = TRUE;
    if (!choose (first, second, IKE_TRANSFORM_INTEG, is_aead, integ)
        || (!is_aead && integ->id == 0))
      continue;
    *encr = *t;
    return 0;
  }
  return is_cipher_common ? IKE_TRANSFORM_INTEG : IKE_TRANSFORM_ENCR;
}

/* RFC 7296, 3.3.6: a proposal with a transform type that is not understood, or none of ours for a
 * type that it has, is one that "the responder MUST NOT" choose. */
static guint8
unknown_type (const IkeProposal *offer)
{
  for (guint i = 0; i < offer->n_transforms; i++)
    if (offer->transforms[i].type == 0 || offer->transforms[i].type >= IKE_TRANSFORM_TYPES)
      return offer->transforms[i].type ? offer->transforms[i].type : G_MAXUINT8;
  return 0;
}

static gboolean
is_wanted (guint8 protocol, guint8 type)
{
  return protocol == IKE_PROTOCOL_IKE ? type == IKE_TRANSFORM_PRF || type == IKE_TRANSFORM_KE
                                      : protocol == IKE_PROTOCOL_AH && type == IKE_TRANSFORM_INTEG;
}

guint8
ike_proposal_match (const IkeProposal *ours, const IkeProposal *offer, guint flags,
                    IkeChoice *choice)
{
  const IkeProposal *first = flags & IKE_SELECT_PEERS_FIRST ? offer : ours;
  const IkeProposal *second = first == ours ? offer : ours;
  IkeTransform chosen[IKE_TRANSFORM_TYPES] = { { 0 } };
  guint8 bad = offer->n_transforms ? unknown_type (offer) : IKE_TRANSFORM_ENCR;

  if (bad)
    return bad;
  if (ours->protocol != IKE_PROTOCOL_AH)
    bad = choose_encryption (first, second, &chosen[IKE_TRANSFORM_ENCR],
                             &chosen[IKE_TRANSFORM_INTEG]);
  for (guint8 type = IKE_TRANSFORM_ENCR; !bad && type < IKE_TRANSFORM_TYPES; type++) {
    if (is_skipped (type, flags) || chosen[type].type)
      continue;
    if (!ike_proposal_has_type (first, type) && !ike_proposal_has_type (second, type)
        && !is_wanted (ours->protocol, type))
      continue;
    if (!choose (first, second, type, FALSE, &chosen[type])
        || (is_wanted (ours->protocol, type) && chosen[type].id == 0))
      bad = type;
  }
  if (bad || !choice)
    return bad;
  memset (choice, 0, sizeof *choice);
  choice->number = offer->number;
  choice->protocol = offer->protocol;
  choice->spi_len = offer->spi_len;
  memcpy (choice->spi, offer->spi, sizeof choice->spi);
  for (guint8 type = 1; type < IKE_TRANSFORM_TYPES; type++)
    /* What was chosen as none is absent, but for a sequence number type that was offered: that is
     * answered. */
    if (chosen[type].type && (chosen[type].id || !zero_is_absent (type)
                              || (type == IKE_TRANSFORM_SN && ike_proposal_has_type (offer, type))))
      choice->chosen[type] = chosen[type];
  return 0;
}

gboolean
ike_proposals_select (const IkeProposals *ours, const IkeProposal *offers, guint n_offers,
                      guint flags, IkeChoice *choice)
{
  guint n_outer = flags & IKE_SELECT_PEERS_FIRST ? n_offers : ours->n;
  guint n_inner = flags & IKE_SELECT_PEERS_FIRST ? ours->n : n_offers;

  for (guint i = 0; i < n_outer; i++)
    for (guint j = 0; j < n_inner; j++) {
      const IkeProposal *mine = &ours->items[flags & IKE_SELECT_PEERS_FIRST ? j : i];
      const IkeProposal *offer = &offers[flags & IKE_SELECT_PEERS_FIRST ? i : j];
      if (mine->protocol == offer->protocol && ike_proposal_match (mine, offer, flags, choice) == 0)
        return TRUE;
    }
  return FALSE;
}

/* RFC 7296, 3.3: the responder "MUST choose a single" transform of each type. */
static gboolean
has_type_twice (const IkeProposal *answer)
{
  guint seen = 0;

  for (guint i = 0; i < answer->n_transforms; i++) {
    guint bit = 1u << (answer->transforms[i].type & 31);
    if (seen & bit)
      return TRUE;
    seen |= bit;
  }
  return FALSE;
}

gboolean
ike_proposals_accept (const IkeProposals *ours, const IkeProposal *answer, guint flags,
                      IkeChoice *choice)
{
  /* RFC 7296, 3.3.1: "the number on the proposal in the SA payload MUST match the number on the
   * proposal sent that was accepted", and ours are numbered from 1. */
  if (answer->number == 0 || answer->number > ours->n || unknown_type (answer)
      || has_type_twice (answer))
    return FALSE;
  const IkeProposal *mine = &ours->items[answer->number - 1];
  if (answer->protocol != mine->protocol)
    return FALSE;
  for (guint i = 0; i < answer->n_transforms; i++) {
    const IkeTransform *t = &answer->transforms[i];
    if (is_skipped (t->type, flags) ? t->id != 0 : !contains (mine, t))
      return FALSE;
  }
  return ike_proposal_match (mine, answer, flags & IKE_SELECT_NO_KE, choice) == 0;
}
