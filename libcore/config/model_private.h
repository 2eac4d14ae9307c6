/* SPDX-License-Identifier: Apache-2.0 */
/* model_private.h - what the files that make the model from a tree share: tables of keys, a builder that collects
 * problems, conversions of single values. */
#pragma once
#include "base/tree_private.h"
#include "engine_private.h"
#include <ikebana/error.h>

/* -- tables of keys (names_swanctl.c) */

typedef struct {
  const char *section;                        /* "connection", "child", "local", "remote", "secret/ike", … */
  const char *name;
  const char *fallback;                       /* NULL: unset, or computed */
  const char *inert;                          /* the value that asks for nothing, or NULL */
  gboolean    has_suffix;                     /* what begins with @name */
} IkeKeyInfo;

typedef struct {
  const char *prefix;                         /* of the section's name */
  const char *type;                           /* as ike_config_find_secret knows it */
  gboolean    is_shared;                      /* `secret` and `id*`; else a key or token */
} IkeSecretKind;

extern const IkeKeyInfo ike_swanctl_keys[];   /* ends with name NULL */
extern const IkeSecretKind ike_secret_kinds[];/* ends with prefix NULL */

/* -- fields: keys that become members of a struct (fields.c) */

typedef enum {
  IKE_FIELD_BOOL,                             /* gboolean */
  IKE_FIELD_UINT,                             /* guint32, at most @max if that is not 0 */
  IKE_FIELD_PORT,                             /* guint16 */
  IKE_FIELD_NUMBER,                           /* guint64 */
  IKE_FIELD_TIME,                             /* guint64, seconds */
  IKE_FIELD_BYTES,                            /* guint64 */
  IKE_FIELD_SECONDS,                          /* guint32 milliseconds; "4", "1.5" */
  IKE_FIELD_FACTOR,                           /* double, 1 to 10 */
  IKE_FIELD_WORD,                             /* guint32, one of @words */
  IKE_FIELD_FLAGS,                            /* guint32, @words joined with '|' */
  IKE_FIELD_BITS,                             /* guint32, binary digits, cut to 6 */
  IKE_FIELD_MARK,                             /* IkeMark */
  IKE_FIELD_IF_ID,                            /* guint32; a number, %unique, %unique-dir */
  IKE_FIELD_TEXT,                             /* char * */
  IKE_FIELD_LIST,                             /* char ** */
} IkeFieldType;

typedef struct {
  const char *word;                           /* NULL: the end */
  guint32     value;
} IkeWord;

typedef struct {
  const char    *name;                        /* NULL: the end */
  guint8         type;                        /* IkeFieldType */
  gsize          offset;
  const char    *fallback;                    /* NULL: left as it is */
  const IkeWord *words;
  guint64        max;
} IkeField;

/* -- the builder (builder.c) */

typedef struct {
  IkeEngine *engine;
  GPtrArray *problems;
  GString   *path;                            /* "connections.home.children.net" */
  gboolean   has_failed;                      /* what is being built cannot be used */
} IkeBuilder;

/* "file:line: PATH.KEY: text".  @node: where; @key may be NULL.  A warning does not fail what is built. */
void  ike_builder_fail (IkeBuilder *builder, const IkeTree *node, const char *key, const char *format,
                        ...) G_GNUC_PRINTF (4, 5);
void  ike_builder_warn (IkeBuilder *builder, const IkeTree *node, const char *key, const char *format,
                        ...) G_GNUC_PRINTF (4, 5);
gsize ike_builder_push (IkeBuilder *builder, const char *name);       /* for ike_builder_pop */
void  ike_builder_pop  (IkeBuilder *builder, gsize path_len);

/* A container of @section that the builder reads itself; @has_suffix: what begins with the name. */
typedef struct { const char *name; gboolean has_suffix; } IkeSubsection;

/* Reports each key of @section that is not in @fields, not in @subsections, not an option of a plugin, not known at its
 * default.  @kind as in IkeKeyInfo; its options are "KIND/NAME". */
void ike_builder_check_keys (IkeBuilder *builder, const char *kind, const IkeTree *section, const IkeField *fields,
                             const IkeSubsection *subsections);
/* Fills @out from @section. @defaults (may be NULL): a section that goes before each field's own default. */
void ike_builder_read_fields (IkeBuilder *builder, const IkeTree *section, const IkeField *fields,
                              const IkeTree *defaults,
                              gpointer out);
/* Values of plugins' options in @section; problems fail what is built. */
guint64 *ike_builder_read_options (IkeBuilder *builder, const char *kind, const IkeTree *section);
/* options.c, for the above: @prefix is "KIND/". */
guint64 *ike_options_read (IkeBuilder *builder, const char *prefix, const IkeTree *section);
/* Text of a leaf of @section that is set, else @fallback. */
const char *ike_builder_text (const IkeTree *section, const char *key, const char *fallback);
/* if_id_in and if_id_out that @section does not set are what its if_id says. */
void ike_builder_read_if_id (IkeBuilder *builder, const IkeTree *section, guint32 *in, guint32 *out);
/* One value of @type at @out; FALSE when @text is none. */
gboolean ike_field_convert (const IkeField *field, const char *text, gpointer out);
const char *ike_field_describe (const IkeField *field);               /* "a time such as 90s, 5m, 4h or 1d" */
const IkeKeyInfo *ike_swanctl_key (const char *kind, const char *name);

/* -- parts of the model */

IkeConn      *ike_conn_build  (IkeBuilder *builder, const IkeTree *section);          /* NULL: failed */
IkeChildConf *ike_child_build (IkeBuilder *builder, const IkeTree *section);
void          ike_child_conf_free (IkeChildConf *child);
/* Sections local* and remote* of @section, sorted by round. */
IkeAuthConf  *ike_auths_build (IkeBuilder *builder, const IkeTree *section, const char *side, guint32 *n);
void          ike_auths_free  (IkeAuthConf *auths, guint32 n);
IkeHostConf  *ike_hosts_build (IkeBuilder *builder, const IkeTree *section, const char *key, guint32 *n);
void          ike_hosts_free  (IkeHostConf *hosts, guint32 n);
/* How well @addr fits the list: 0 not at all, 1 any (or a name), 3 a prefix or range, 4 exactly. Any thread. */
guint         ike_hosts_match (const IkeHostConf *hosts, guint32 n, const IkeAddr *addr);
/* Retransmission and fragment settings; the same keys in `core` are the defaults. */
extern const IkeField ike_transmit_fields[];

typedef struct _IkeSecrets IkeSecrets;
IkeSecrets   *ike_secrets_build (IkeBuilder *builder, const IkeTree *section_or_null);
void          ike_secrets_free  (IkeSecrets *secrets);
/* A tree to keep: without the values that are secret. */
IkeTree      *ike_secrets_strip (const IkeTree *tree);

/* -- core settings (core_options.c) */

gboolean ike_core_settings_check (const IkeTree *settings, GError **error);

/* unacted.c: keys of "connection" or "child" that nothing acts upon; a mode that the kernel plugin cannot carry. */
void ike_unacted_check (IkeBuilder *builder, const char *kind, const IkeTree *section);
void ike_mode_check    (IkeBuilder *builder, const IkeTree *section, guint mode);

/* -- what plugins read and judge (sections.c) */

void     ike_sections_begin  (IkeEngine *engine);
void     ike_sections_commit (IkeEngine *engine);
/* Hands @section to the plugin that reads @kind ("authorities", "secrets/private"); FALSE: none does. */
gboolean ike_section_add     (IkeBuilder *builder, const char *kind, const IkeTree *section);
/* Is there anybody who reads these? */
gboolean ike_section_is_read (const IkeBuilder *builder, const char *kind);
/* All sections below @name of @tree. */
void     ike_sections_add    (IkeBuilder *builder, const IkeTree *tree, const char *name);
/* Who authenticates as `auth = @auth` says; NULL: nobody. */
const IkeProvided *ike_auth_method (const IkeBuilder *builder, const char *auth);
/* Does the method of @auth look at its section itself? */
gboolean ike_auth_reads_more (const IkeBuilder *builder, const IkeAuthConf *auth);
/* What the method of @auth says about it. */
void     ike_auth_check      (IkeBuilder *builder, const IkeAuthConf *auth, gboolean is_local);
void     ike_conn_check_again (IkeBuilder *builder, const IkeConn *conn);

/* trap_check.c: start_action = trap where nothing can be trapped */
void ike_traps_check   (IkeBuilder *builder, const IkeTree *children, const IkeConn *conn);

/* kernel_check.c: what else of a child the kernel plugin cannot carry. */
void ike_kernel_check  (IkeBuilder *builder, const IkeTree *section, IkeChildConf *child);
