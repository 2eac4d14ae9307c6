/* SPDX-License-Identifier: Apache-2.0 */
/* proposal_wire.c - SA payload bodies (RFC 7296, 3.3): read in one pass without memory of their
 * own, and written. */
#include <string.h>
#include <ikebana/message.h>
#include "wire/proposal_private.h"

enum { MORE_PROPOSALS = 2, MORE_TRANSFORMS = 3, PROPOSAL_HEADER_LEN = 8, TRANSFORM_HEADER_LEN = 8 };
enum { ATTRIBUTE_TV = 0x8000, ATTRIBUTE_KEY_LENGTH = 14 };

static gboolean
refuse (const IkeReader *at, IkeVerdict *verdict, const char *reason)
{
  return ike_verdict_set (verdict, IKE_N_INVALID_SYNTAX, IKE_PAYLOAD_SA, (guint32) at->pos, reason);
}

/* RFC 7296, 3.3.5: the only attribute is Key Length, in the short form; a transform with anything
 * else is not usable (3.3.6: "an attribute that it does not understand").  FALSE: malformed. */
static gboolean
read_attributes (IkeReader *r, IkeTransform *transform)
{
  while (ike_reader_left (r)) {
    guint16 type = ike_reader_u16 (r), value = ike_reader_u16 (r);
    if (!(type & ATTRIBUTE_TV))
      ike_reader_bytes (r, value);
    if (type != (ATTRIBUTE_TV | ATTRIBUTE_KEY_LENGTH) || transform->key_bits || value == 0)
      transform->flags |= IKE_TRANSFORM_UNKNOWN;
    else
      transform->key_bits = value;
  }
  return !r->failed;
}

static gboolean
read_transform (IkeReader *r, gboolean is_last, IkeTransform *transform, IkeVerdict *verdict)
{
  IkeReader at = *r, attributes;
  guint8 more = ike_reader_u8 (r);
  guint16 len;

  ike_reader_u8 (r);
  len = ike_reader_u16 (r);
  memset (transform, 0, sizeof *transform);
  transform->type = ike_reader_u8 (r);
  ike_reader_u8 (r);
  transform->id = ike_reader_u16 (r);
  if (r->failed || len < TRANSFORM_HEADER_LEN
      || !ike_reader_sub (r, (gsize) len - TRANSFORM_HEADER_LEN, &attributes))
    return refuse (&at, verdict, "transform is cut off");
  if (more != (is_last ? 0 : MORE_TRANSFORMS))
    return refuse (&at, verdict, "transforms are not as many as their proposal says");
  if (!read_attributes (&attributes, transform))
    return refuse (&at, verdict, "attribute of a transform is cut off");
  return TRUE;
}

static gboolean
read_transforms (IkeReader *r, guint n, IkeProposal *proposal, IkeVerdict *verdict)
{
  for (guint i = 0; i < n; i++) {
    IkeTransform transform;
    if (!read_transform (r, i + 1 == n, &transform, verdict))
      return FALSE;
    if (i < IKE_PROPOSAL_MAX_TRANSFORMS)
      proposal->transforms[i] = transform;
  }
  if (!ike_reader_is_done (r))
    return refuse (r, verdict, "bytes behind the last transform");
  /* What is too long to be kept is a proposal that cannot be chosen; the others still can. */
  proposal->n_transforms = n > IKE_PROPOSAL_MAX_TRANSFORMS ? 0 : (guint8) n;
  return TRUE;
}

static gboolean
is_spi_len_right (guint8 protocol, guint8 len)
{
  /* RFC 7296, 3.3.1: 0 for an initial IKE negotiation, else the size of the SPI of the protocol: 8
   * for IKE, 4 for ESP and AH. */
  return protocol == IKE_PROTOCOL_IKE ? len == 0 || len == 8 : len == 4;
}

static gboolean
read_proposal (IkeReader *r, IkeProposal *proposal, gboolean *has_more, IkeVerdict *verdict)
{
  IkeReader at = *r, body;
  guint8 more = ike_reader_u8 (r), n_transforms;
  const guint8 *spi;
  guint16 len;

  ike_reader_u8 (r);
  len = ike_reader_u16 (r);
  if (r->failed || len < PROPOSAL_HEADER_LEN || !ike_reader_sub (r, (gsize) len - 4, &body))
    return refuse (&at, verdict, "proposal is cut off");
  *has_more = more == MORE_PROPOSALS;
  if (more != 0 && more != MORE_PROPOSALS)
    return refuse (&at, verdict, "proposal is neither the last nor not the last");
  memset (proposal, 0, G_STRUCT_OFFSET (IkeProposal, transforms));
  proposal->number = ike_reader_u8 (&body);
  proposal->protocol = ike_reader_u8 (&body);
  proposal->spi_len = ike_reader_u8 (&body);
  n_transforms = ike_reader_u8 (&body);
  spi = ike_reader_bytes (&body, proposal->spi_len);
  if (!spi)
    return refuse (&at, verdict, "SPI of a proposal is cut off");
  if (!read_transforms (&body, n_transforms, proposal, verdict)) {
    verdict->offset += (guint32) at.pos + 4;
    return FALSE;
  }
  if (!is_spi_len_right (proposal->protocol, proposal->spi_len)) {
    proposal->n_transforms = 0;
    proposal->spi_len = 0;
  }
  memcpy (proposal->spi, spi, proposal->spi_len);
  return TRUE;
}

gboolean
ike_proposals_read (IkeReader *r, IkeProposal *out, guint *n_out, IkeVerdict *verdict)
{
  gboolean has_more = TRUE;
  guint8 number = 0;
  guint n = 0;
  IkeVerdict ignored;

  verdict = verdict ? verdict : &ignored;
  *n_out = 0;
  while (has_more) {
    IkeReader at = *r;
    IkeProposal spare, *proposal = n < IKE_PROPOSALS_MAX ? &out[n] : &spare;
    if (!read_proposal (r, proposal, &has_more, verdict))
      return FALSE;
    /* RFC 7296, 3.3.1: "the first proposal MUST be #1, and subsequent proposals MUST be one more
     * than the previous"; an answer holds one, of any number.  What matters is that a number names
     * one of them. */
    if (proposal->number <= number)
      return refuse (&at, verdict, "proposals are not numbered upwards");
    number = proposal->number;
    n += n < IKE_PROPOSALS_MAX;
  }
  if (!ike_reader_is_done (r))
    return refuse (r, verdict, "bytes behind the last proposal");
  *n_out = n;
  return TRUE;
}

/* -- writing */

static void
write_transform (IkeWriter *w, const IkeTransform *transform, gboolean is_last)
{
  ike_writer_u8 (w, is_last ? 0 : MORE_TRANSFORMS);
  ike_writer_u8 (w, 0);
  ike_writer_u16 (w, TRANSFORM_HEADER_LEN + (transform->key_bits ? 4 : 0));
  ike_writer_u8 (w, transform->type);
  ike_writer_u8 (w, 0);
  ike_writer_u16 (w, transform->id);
  if (transform->key_bits) {
    ike_writer_u16 (w, ATTRIBUTE_TV | ATTRIBUTE_KEY_LENGTH);
    ike_writer_u16 (w, transform->key_bits);
  }
}

typedef struct {
  guint8        number, protocol;
  gboolean      is_last;
  const guint8 *spi;
  guint         spi_len;
} ProposalHead;

static void
write_proposal (IkeWriter *w, const ProposalHead *head, const IkeTransform *transforms, guint n)
{
  gsize mark;

  if (head->spi_len > IKE_SPI_MAX)
    w->failed = TRUE;
  ike_writer_u8 (w, head->is_last ? 0 : MORE_PROPOSALS);
  ike_writer_u8 (w, 0);
  mark = ike_writer_open_u16 (w);
  ike_writer_u8 (w, head->number);
  ike_writer_u8 (w, head->protocol);
  ike_writer_u8 (w, (guint8) head->spi_len);
  ike_writer_u8 (w, (guint8) n);
  ike_writer_bytes (w, head->spi, head->spi_len);
  for (guint i = 0; i < n; i++)
    write_transform (w, &transforms[i], i + 1 == n);
  ike_writer_close_u16 (w, mark, 2);
}

void
ike_proposals_write (const IkeProposals *proposals, IkeWriter *w, const guint8 *spi, guint spi_len,
                     guint flags)
{
  for (guint i = 0; i < proposals->n; i++) {
    const IkeProposal *p = &proposals->items[i];
    ProposalHead head = { (guint8) (i + 1), p->protocol, i + 1 == proposals->n, spi, spi_len };
    IkeTransform transforms[IKE_PROPOSAL_MAX_TRANSFORMS];
    guint n = 0;
    for (guint t = 0; t < p->n_transforms; t++)
      if (!((flags & IKE_SELECT_NO_KE) && ike_transform_is_any_ke (p->transforms[t].type)))
        transforms[n++] = p->transforms[t];
    write_proposal (w, &head, transforms, n);
  }
}

void
ike_choice_write (const IkeChoice *choice, IkeWriter *w, const guint8 *spi, guint spi_len)
{
  ProposalHead head = { choice->number, choice->protocol, TRUE, spi, spi_len };
  IkeTransform transforms[IKE_TRANSFORM_TYPES];
  guint n = 0;

  for (guint type = 1; type < IKE_TRANSFORM_TYPES; type++)
    if (choice->chosen[type].type)
      transforms[n++] = choice->chosen[type];
  write_proposal (w, &head, transforms, n);
}
