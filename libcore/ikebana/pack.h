/* SPDX-License-Identifier: Apache-2.0 */
/* pack.h - values as bytes for ourselves: snapshots, tickets, what is kept over a restart.
 *
 * Not a format of any peer's.  Readers fail as an IkeReader does, and what they give is then empty.  Any thread. */
#pragma once
#include <ikebana/addr.h>
#include <ikebana/ident.h>
#include <ikebana/proposal.h>
#include <ikebana/reader.h>
#include <ikebana/writer.h>

IKE_BEGIN_DECLS

void      ike_pack_text     (IkeWriter *w, const char *text_or_null);      /* at most 65,535 bytes; NULL becomes "" */
char     *ike_unpack_text   (IkeReader *r);                                /* g_free; NULL: failed, or a NUL inside */
void      ike_pack_addr     (IkeWriter *w, const IkeAddr *addr);
void      ike_unpack_addr   (IkeReader *r, IkeAddr *addr);
void      ike_pack_ident    (IkeWriter *w, const IkeIdent *ident_or_null);
IkeIdent *ike_unpack_ident  (IkeReader *r);                                /* with a reference; NULL: none, or failed */
void      ike_pack_choice   (IkeWriter *w, const IkeChoice *choice);       /* without its number and SPI */
void      ike_unpack_choice (IkeReader *r, IkeChoice *choice);

IKE_END_DECLS
