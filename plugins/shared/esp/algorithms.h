/* SPDX-License-Identifier: Apache-2.0 */
/* algorithms.h - the ready algorithms that ESP can use, by their transforms.  Any thread. */
#pragma once
#include <ikebana/crypto.h>
#include <ikebana/plugin.h>
#include <ikebana/proposal.h>

enum { ALGORITHM_NULL = 11, ALGORITHM_GMAC = 21 };

const IkeProvided *algorithm_aead   (IkeEngine *engine, const IkeTransform *encr);
const IkeProvided *algorithm_cipher (IkeEngine *engine, const IkeTransform *encr);
const IkeProvided *algorithm_integ  (IkeEngine *engine, const IkeTransform *integ);
/* May @transform be part of an ESP proposal? */
gboolean           algorithm_can    (IkeEngine *engine, const IkeTransform *transform);
