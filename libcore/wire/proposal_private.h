/* SPDX-License-Identifier: Apache-2.0 */
/* proposal_private.h - what the files about proposals share. */
#pragma once
#include <ikebana/proposal.h>

/* a known keyword that no number was assigned to: it cannot be negotiated */
enum { IKE_KEYWORD_NO_NUMBER = 0xffff };
enum { IKE_ENCR_NULL = 11 };

typedef struct {
  const char *keyword;
  guint8      type;
  guint16     id;
  guint16     key_bits;
} IkeKeyword;

extern const IkeKeyword ike_keywords[];       /* ends with keyword == NULL */

/* "aes-gcm-16", or NULL. */
const char *ike_transform_name (guint8 type, guint16 id);
/* "ENCR"; never NULL. */
const char *ike_transform_type_name (guint8 type);

struct _IkeProposals {
  _Atomic guint refs;
  guint         n;
  IkeProposal   items[];
};

static inline gboolean
ike_transform_is_addke (guint8 type)
{
  return type >= IKE_TRANSFORM_ADDKE1 && type < IKE_TRANSFORM_TYPES;
}

static inline gboolean
ike_transform_is_any_ke (guint8 type)
{
  return type == IKE_TRANSFORM_KE || ike_transform_is_addke (type);
}

/* Does the cipher authenticate too?  CCM, GCM, GMAC, ChaCha20-Poly1305, and those with an implicit IV. */
static inline gboolean
ike_encr_is_aead (guint16 id)
{
  return (id >= 14 && id <= 16) || (id >= 18 && id <= 21) || (id >= 25 && id <= 31);
}

/* FALSE: full; twice is once */
gboolean ike_proposal_add (IkeProposal *proposal, guint8 type, guint16 id, guint16 key_bits);
gboolean ike_proposal_has_type (const IkeProposal *proposal, guint8 type);
void     ike_proposal_remove_type (IkeProposal *proposal, guint8 type);

/* Fills @out (room for 2) with the default proposals of @protocol; returns how many. */
guint    ike_proposal_defaults (guint8 protocol, IkeProposal out[2]);
/* Takes out what @can says no to; FALSE when what is left is no proposal. */
gboolean ike_proposal_filter (IkeProposal *proposal, gboolean (*can) (const IkeTransform *transform, gconstpointer arg),
                              gconstpointer arg);
/* Completes what was written and checks that it can be negotiated; @text is for messages. */
gboolean ike_proposal_complete (IkeProposal *proposal, const char *text, GError **error);

/* The first type in which @offer cannot meet @ours; 0 when they fit.  @choice may be NULL. */
guint8   ike_proposal_match (const IkeProposal *ours, const IkeProposal *offer, guint flags, IkeChoice *choice);
