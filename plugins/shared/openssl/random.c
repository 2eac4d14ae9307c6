/* SPDX-License-Identifier: Apache-2.0 */
/* random.c - a built-in provider whose only algorithm is a random generator that asks the
 * engine.
 *
 * So every key that libcrypto makes comes from the engine's generator: the system's in a daemon,
 * the seed's in a simulation, where the same seed then gives the same keys. */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include <ikebana/runtime.h>

#include "shared/openssl/random.h"

enum { STRENGTH_BITS = 256, REQUEST_MAX = 1 << 16 };

/* Of the provider.  The engine is set after loading: an init function gets no argument of its
 * caller's. */
typedef struct {
  IkeEngine *engine;
} Source;

typedef struct {
  const Source *source;
  int state;
} Generator;

static void *
generator_new (void *source, void *parent, const OSSL_DISPATCH *parent_calls)
{
  Generator *generator = g_new0 (Generator, 1);

  generator->source = source;
  generator->state = EVP_RAND_STATE_UNINITIALISED;
  return generator;
}

static void
generator_free (void *generator)
{
  g_free (generator);
}

static int
generator_instantiate (void *data, unsigned int strength, int wants_resistance,
                       const unsigned char *personal, size_t personal_len,
                       const OSSL_PARAM params[])
{
  Generator *generator = data;

  if (strength > STRENGTH_BITS)
    return 0;
  generator->state = EVP_RAND_STATE_READY;
  return 1;
}

static int
generator_uninstantiate (void *data)
{
  ((Generator *) data)->state = EVP_RAND_STATE_UNINITIALISED;
  return 1;
}

static int
generator_generate (void *data, unsigned char *out, size_t out_len, unsigned int strength,
                    int wants_resistance, const unsigned char *additional, size_t additional_len)
{
  const Generator *generator = data;

  if (strength > STRENGTH_BITS || !generator->source->engine)
    return 0;
  ike_engine_random (generator->source->engine, out, out_len);
  return 1;
}

static int
generator_reseed (void *generator, int wants_resistance, const unsigned char *entropy,
                  size_t entropy_len, const unsigned char *additional, size_t additional_len)
{
  return 1;
}

/* Nothing is shared but the engine, whose generator may be asked from any thread. */
static int
generator_lock (void *generator)
{
  return 1;
}

static void
generator_unlock (void *generator)
{
}

static int
generator_get_params (void *data, OSSL_PARAM params[])
{
  const Generator *generator = data;
  OSSL_PARAM *param;

  if ((param = OSSL_PARAM_locate (params, OSSL_RAND_PARAM_STATE))
      && OSSL_PARAM_set_int (param, generator->state) != 1)
    return 0;
  if ((param = OSSL_PARAM_locate (params, OSSL_RAND_PARAM_STRENGTH))
      && OSSL_PARAM_set_uint (param, STRENGTH_BITS) != 1)
    return 0;
  if ((param = OSSL_PARAM_locate (params, OSSL_RAND_PARAM_MAX_REQUEST))
      && OSSL_PARAM_set_size_t (param, REQUEST_MAX) != 1)
    return 0;
  return 1;
}

static const OSSL_PARAM *
generator_gettable_params (void *generator, void *source)
{
  static const OSSL_PARAM known[] = {
    OSSL_PARAM_int (OSSL_RAND_PARAM_STATE, NULL),
    OSSL_PARAM_uint (OSSL_RAND_PARAM_STRENGTH, NULL),
    OSSL_PARAM_size_t (OSSL_RAND_PARAM_MAX_REQUEST, NULL),
    OSSL_PARAM_END,
  };

  return known;
}

static const OSSL_DISPATCH generator_calls[] = {
  { OSSL_FUNC_RAND_NEWCTX, (void (*) (void)) generator_new },
  { OSSL_FUNC_RAND_FREECTX, (void (*) (void)) generator_free },
  { OSSL_FUNC_RAND_INSTANTIATE, (void (*) (void)) generator_instantiate },
  { OSSL_FUNC_RAND_UNINSTANTIATE, (void (*) (void)) generator_uninstantiate },
  { OSSL_FUNC_RAND_GENERATE, (void (*) (void)) generator_generate },
  { OSSL_FUNC_RAND_RESEED, (void (*) (void)) generator_reseed },
  { OSSL_FUNC_RAND_ENABLE_LOCKING, (void (*) (void)) generator_lock },
  { OSSL_FUNC_RAND_LOCK, (void (*) (void)) generator_lock },
  { OSSL_FUNC_RAND_UNLOCK, (void (*) (void)) generator_unlock },
  { OSSL_FUNC_RAND_GET_CTX_PARAMS, (void (*) (void)) generator_get_params },
  { OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, (void (*) (void)) generator_gettable_params },
  { 0, NULL },
};

static const OSSL_ALGORITHM generators[] = {
  { "IKE-ENGINE", "provider=ike-engine", generator_calls, "random numbers of the engine" },
  { NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *
provider_query (void *source, int operation, int *no_cache)
{
  *no_cache = 0;
  return operation == OSSL_OP_RAND ? generators : NULL;
}

static void
provider_teardown (void *source)
{
  g_free (source);
}

static const OSSL_DISPATCH provider_calls[] = {
  { OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*) (void)) provider_query },
  { OSSL_FUNC_PROVIDER_TEARDOWN, (void (*) (void)) provider_teardown },
  { 0, NULL },
};

static int
provider_init (const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
               void **source)
{
  *source = g_new0 (Source, 1);
  *out = provider_calls;
  return 1;
}

OSSL_PROVIDER *
random_provider_load (OSSL_LIB_CTX *library, IkeEngine *engine)
{
  if (OSSL_PROVIDER_add_builtin (library, "ike-engine", provider_init) != 1)
    return NULL;

  OSSL_PROVIDER *provider = OSSL_PROVIDER_load (library, "ike-engine");

  if (!provider)
    return NULL;
  ((Source *) OSSL_PROVIDER_get0_provider_ctx (provider))->engine = engine;
  /* The seed source too: the default one would open the system's, which a simulation must not. */
  if (RAND_set_DRBG_type (library, "IKE-ENGINE", "provider=ike-engine", NULL, NULL) == 1
      && RAND_set_seed_source_type (library, "IKE-ENGINE", "provider=ike-engine") == 1)
    return provider;
  OSSL_PROVIDER_unload (provider);
  return NULL;
}
