/* SPDX-License-Identifier: Apache-2.0 */
/* pool_others.h - what other keepers of pools have, while a configuration is read: an address that two keep would be
 * given twice, for neither knows what the other has given. */
#pragma once
#include <ikebana/engine.h>
#include "pool_conf.h"

/* Emptied (g_ptr_array_set_size) when a configuration begins. */
GPtrArray *pool_others_new   (void);
/* A section that is of another keeper; one that nobody keeps, as its plugin is not loaded, does not count. */
void       pool_others_note  (GPtrArray *others, IkeEngine *engine, const IkeTree *section);
/* FALSE, and @problems say so: @conf, which is of @store, has addresses of one of them. */
gboolean   pool_others_check (const GPtrArray *others, const PoolConf *conf, const char *store, GPtrArray *problems);
