/* SPDX-License-Identifier: Apache-2.0 */
/* pool_conf.h - one section of `pools` in the settings, as every plugin that keeps pools reads it. */
#pragma once
#include "pool_addrs.h"
#include "pool_attributes.h"

typedef struct {
  char      *name;
  PoolAddrs *addrs;                           /* without any: the pool has attributes only */
  GArray    *attributes;                      /* PoolAttribute */
} PoolConf;

/* Whose is it?  `store = memory`, which is also the default, names the plugin: those of others are left alone. */
gboolean  pool_conf_is_of (const IkeTree *section, const char *store);
/* NULL: it cannot be used; @problems (as of IkeSectionClass.add) say why. */
PoolConf *pool_conf_read  (const IkeTree *section, GPtrArray *problems);
void      pool_conf_free  (PoolConf *conf);
/* IkePoolClass.attributes. */
void      pool_conf_each  (const PoolConf *conf,
                           void (*add) (guint16 type, const void *value, gsize len, gpointer data), gpointer data);
/* IkePoolClass.families. */
guint     pool_conf_families (const PoolConf *conf);
