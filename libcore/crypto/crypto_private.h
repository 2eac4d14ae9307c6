/* SPDX-License-Identifier: Apache-2.0 */
/* crypto_private.h - what the files of crypto/ share: the table of classes and the scratch
 * contexts.
 *
 * An algorithm has a slot number; a scratch set is an array by slot, filled at first use.  Every
 * set is owned by the table and lent: to a loop for as long as it lives, or to a thread without
 * a loop (the offload pool) for one call. */
#pragma once
#include <pthread.h>

#include <ikebana/crypto.h>

#include "engine_private.h"

typedef enum {
  ALGORITHM_AEAD,
  ALGORITHM_CIPHER,
  ALGORITHM_INTEG,
  ALGORITHM_PRF,
  ALGORITHM_HASH,
  ALGORITHM_KE,
  N_ALGORITHM_KINDS,
} AlgorithmKind;

typedef struct {
  const void *klass; /* of its kind */
  IkePlugin *plugin;
  const char *feature;
  IkeCryptoTable *table;
  gpointer (*scratch_new) (IkePlugin *self); /* NULL for key exchanges */
  void (*scratch_free) (gpointer scratch);
  guint64 key; /* kind, transform, key bits */
  guint32 slot;
  AlgorithmKind kind;
} Algorithm;

struct _IkeAead {
  Algorithm algorithm;
};
struct _IkeCipher {
  Algorithm algorithm;
};
struct _IkeInteg {
  Algorithm algorithm;
};
struct _IkePrf {
  Algorithm algorithm;
};
struct _IkeHash {
  Algorithm algorithm;
};
struct _IkeKe {
  Algorithm algorithm;
};

typedef struct _ScratchSet ScratchSet;
struct _ScratchSet {
  ScratchSet *next_spare; /* among those lent to nobody */
  gpointer contexts[];    /* by slot */
};

struct _IkeCryptoTable {
  IkeEngine *engine;
  Algorithm *algorithms;
  guint n_algorithms;
  const Algorithm **buckets; /* open addressing, at most half full */
  guint bucket_mask;
  /* Between loops that begin or end and offload threads, which have no queue that a job could go
   * to. */
  pthread_mutex_t lock;
  GPtrArray *sets; /* all that exist */
  ScratchSet *spare;
};

/* The scratch context of @algorithm for the calling thread; NULL when the library failed.  Give
 * back with crypto_scratch_release (*@lent), which does nothing on a loop. */
gpointer crypto_scratch_acquire (const Algorithm *algorithm, ScratchSet **lent);
void crypto_scratch_release (const Algorithm *algorithm, ScratchSet *lent);
void crypto_scratch_free_all (IkeCryptoTable *table);
/* Those of one loop, when it ends. */
void crypto_scratches_free (IkeEngine *engine, gpointer scratches);
