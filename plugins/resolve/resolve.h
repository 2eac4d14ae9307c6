/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.h - what the files of the plugin share. */
#pragma once
#include <ikebana/plugin.h>
#include <ikebana/pool.h>
#include <ikebana/runtime.h>

/* -- policy.c: what of a gateway's word counts; pure */

/* May a machine ask there? */
gboolean policy_takes_server (const IkeAddr *server);
/* May a gateway answer for @name?  @allowed: domains, with all below them; "*" is any but special names. */
gboolean policy_takes_domain (const char *name, const char *const *allowed);

/* -- wants.c: what all SAs were told; pure */

typedef struct {
  gconstpointer key;                          /* the attribute, while it is there */
  guint32       sa;                           /* whose: its unique id */
  gboolean      is_domain;
  char         *text;
} Want;

GPtrArray *wants_new     (void);
void       want_free     (gpointer want);
void       wants_add     (GPtrArray *wants, Want *want_take);
void       wants_forget  (GPtrArray *wants, gconstpointer key);
/* Texts, which stay theirs; each once, the newest SA's first; in each, in the order of the gateway. */
GPtrArray *wants_collect (const GPtrArray *wants, gboolean are_domains);

/* -- resolv_conf.c: the file; pure but for the last */

enum { RESOLV_CONF_MAX = 65536 };
/* @text without what we wrote, and with @servers (texts) in front. */
char    *resolv_conf_edit  (const char *text, const GPtrArray *servers);
/* FALSE with @error.  The file is never there half. */
gboolean resolv_conf_write (const char *path, const GPtrArray *servers, GError **error);

/* -- apply.c: on the io loop */

typedef enum { METHOD_AUTO, METHOD_FILE, METHOD_RESOLVCONF, METHOD_RESOLVED } ResolveMethod;

typedef struct {
  IkeEngine *engine;
  guint      method;                          /* ResolveMethod, never AUTO */
  char      *file, *resolvconf, *resolvectl, *interface;
} ResolveOptions;

typedef struct _Apply Apply;
Apply *apply_new    (const ResolveOptions *options);
void   apply_free   (Apply *apply);
/* What shall be so from now on (copied; texts).  Soon; the last word counts. */
void   apply_want   (Apply *apply, const GPtrArray *servers, const GPtrArray *domains);
/* Waits for it, bounded: the daemon ends. */
void   apply_finish (Apply *apply);
