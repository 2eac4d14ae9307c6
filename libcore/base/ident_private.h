/* SPDX-License-Identifier: Apache-2.0 */
/* ident_private.h - what an identity is made of, for the files that make and match them. */
#pragma once
#include <stdatomic.h>
#include <ikebana/ident.h>

/* How it is used as a pattern.  Only configuration makes patterns: what came from a peer is always
 * IKE_PATTERN_EXACT, so a peer that calls itself "*" is called "*". */
typedef enum { IKE_PATTERN_EXACT, IKE_PATTERN_ANY, IKE_PATTERN_SUFFIX, IKE_PATTERN_DN, IKE_PATTERN_RANGE,
               IKE_PATTERN_REGEX } IkePatternKind;

enum { IKE_IDENT_REGEX_SUBJECT_MAX = 512 };

struct _IkeIdent {
  atomic_uint    refs;
  guint8         type;
  guint8         kind;                        /* IkePatternKind */
  guint8         range_bits;                  /* IKE_PATTERN_RANGE: length of the common prefix */
  IkeAddr        first, last;                 /* IKE_PATTERN_RANGE */
  GRegex        *regex;                       /* IKE_PATTERN_REGEX */
  gsize          len;
  guint8         data[];                      /* and a NUL */
};

IkeIdent *ike_ident_new_kind (guint8 type, IkePatternKind kind, const void *data, gsize len);
