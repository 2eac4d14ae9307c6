/* SPDX-License-Identifier: Apache-2.0 */
/* random.h - a provider for a library context of OpenSSL that offers one random generator: the engine's. */
#pragma once
#include <openssl/types.h>

#include <ikebana/defs.h>

/* Makes it @library's generator and seed source.  NULL: it cannot be had. */
OSSL_PROVIDER *random_provider_load (OSSL_LIB_CTX *library, IkeEngine *engine);
