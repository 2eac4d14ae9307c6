/* SPDX-License-Identifier: Apache-2.0 */
/* proposal.h - what two peers can agree on: transforms, proposals, selection (RFC 7296, 2.7 and 3.3). */
#pragma once
#include <ikebana/error.h>
#include <ikebana/reader.h>
#include <ikebana/writer.h>

IKE_BEGIN_DECLS

typedef enum {
  IKE_PROTOCOL_NONE, IKE_PROTOCOL_IKE, IKE_PROTOCOL_AH, IKE_PROTOCOL_ESP,
  IKE_PROTOCOL_IPCOMP,                        /* never on the wire: asks a kernel plugin for a CPI */
} IkeProtocol;

/* Transform types; 6 to 12 are the additional key exchanges of RFC 9370. */
typedef enum { IKE_TRANSFORM_ENCR = 1, IKE_TRANSFORM_PRF, IKE_TRANSFORM_INTEG, IKE_TRANSFORM_KE, IKE_TRANSFORM_SN,
               IKE_TRANSFORM_ADDKE1,
               IKE_TRANSFORM_TYPES = 13 } IkeTransformType;

typedef struct {
  guint8  type;                               /* IkeTransformType */
  guint8  flags;                              /* IKE_TRANSFORM_UNKNOWN: has an attribute we do not know: never chosen */
  guint16 id;
  guint16 key_bits;                           /* 0: no Key Length attribute */
} IkeTransform;

enum { IKE_TRANSFORM_UNKNOWN = 1 };
enum { IKE_PROPOSAL_MAX_TRANSFORMS = 64, IKE_PROPOSALS_MAX = 32, IKE_SPI_MAX = 8 };

typedef struct {
  guint8       number;                        /* on the wire */
  guint8       protocol;                      /* IkeProtocol */
  guint8       spi_len;
  guint8       n_transforms;
  guint8       spi[IKE_SPI_MAX];
  IkeTransform transforms[IKE_PROPOSAL_MAX_TRANSFORMS];
} IkeProposal;

/* Immutable list as configured, shared by many SAs. */
typedef struct _IkeProposals IkeProposals;    /* counted */

/* "aes256-sha256-modp2048, default" (strongSwan's keywords).  Errors name the keyword and the nearest known one.
 * For IKE a missing PRF is derived from the integrity algorithm; AEAD needs a PRF.  `default` and NULL mean the list of
 * RFC 8247 / RFC 8221, without what @engine (may be NULL: everything) cannot do.  Any thread. */
IkeProposals *ike_proposals_parse (IkeEngine *engine, guint8 protocol, char **texts_or_null, GError **error);
IkeProposals *ike_proposals_ref   (IkeProposals *proposals);
void          ike_proposals_unref (IkeProposals *proposals);
guint         ike_proposals_n     (const IkeProposals *proposals);
const IkeProposal *ike_proposals_nth (const IkeProposals *proposals, guint i);
/* Key exchange method (RFC 7296, 3.3.2, type 4): the first one but NONE, 0 when there is none; is @ke among them? */
guint16       ike_proposals_first_ke (const IkeProposals *proposals);
gboolean      ike_proposals_have_ke (const IkeProposals *proposals, guint16 ke);

/* One that was agreed on: at most one transform of each type. */
typedef struct {
  guint8       number, protocol, spi_len, reserved;
  guint8       spi[IKE_SPI_MAX];              /* the peer's */
  IkeTransform chosen[IKE_TRANSFORM_TYPES];   /* by type; type 0: absent */
} IkeChoice;

enum {
  IKE_SELECT_OURS_FIRST = 0,                  /* our order decides (the default, as strongSwan's prefer-configured) */
  IKE_SELECT_PEERS_FIRST = 1,
  IKE_SELECT_NO_KE = 2,                       /* ignore key exchanges: the first CHILD_SA, made in IKE_AUTH */
};

/* Responder: chooses one of the peer's @offers by our @ours.  FALSE when none fits. Any thread. */
gboolean ike_proposals_select (const IkeProposals *ours, const IkeProposal *offers, guint n_offers, guint flags,
                               IkeChoice *choice);
/* Initiator: is the answer one that we offered?  Checks number, protocol, every transform, none more and none less. */
gboolean ike_proposals_accept (const IkeProposals *ours, const IkeProposal *answer, guint flags, IkeChoice *choice);
/* For people: what was offered, the nearest of ours, and the first type in which they differ: "nearest of ours
 * differs in KE: offered modp1024, accept curve25519".  Also as tree: list `candidates` of { ours, differs, offered,
 * accepted, setting }. */
char    *ike_proposals_explain (const IkeProposals *ours, const IkeProposal *offers, guint n_offers,
                                IkeTree *details_or_null);

/* Wire.  parse: all proposals of an SA payload body into @out (room for IKE_PROPOSALS_MAX); FALSE with @verdict. */
gboolean ike_proposals_read   (IkeReader *r, IkeProposal *out, guint *n_out, IkeVerdict *verdict);
void     ike_proposals_write  (const IkeProposals *proposals, IkeWriter *w, const guint8 *spi, guint spi_len,
                               guint flags);
void     ike_choice_write     (const IkeChoice *choice, IkeWriter *w, const guint8 *spi, guint spi_len);
/* "aes-gcm-16-256/prf-hmac-sha2-256/curve25519"; keyword of one transform, or "encr-1234". */
char    *ike_choice_format    (const IkeChoice *choice, char *out, gsize size);
char    *ike_proposal_format  (const IkeProposal *proposal, char *out, gsize size);
const char *ike_transform_format (const IkeTransform *transform, char out[48]);
/* Bytes of ESP keying material (encryption with salt, then integrity) of @choice; FALSE when no plugin knows it. */
gboolean ike_choice_key_sizes (IkeEngine *engine, const IkeChoice *choice, guint *encr_len, guint *integ_len);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeProposals, ike_proposals_unref)

IKE_END_DECLS
