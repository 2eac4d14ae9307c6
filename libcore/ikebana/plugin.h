/* SPDX-License-Identifier: Apache-2.0 */
/* plugin.h - what a plugin is.
 *
 * A plugin is one const description: the only symbol it exports is `ike_plugin`.  Its ABI numbers and name also
 * stand in an ELF note, so that the loader can refuse a stale file before running one instruction of it.
 *
 * Everything a plugin offers is a feature "kind:name[/param]" with a table of functions; whoever consumes a kind
 * declares it.  Loading is five passes: scan, read notes, open, resolve, activate.  Every plugin and every feature ends
 * in exactly one state, with a reason. */
#pragma once
#include <ikebana/defs.h>

#define IKE_ABI_MAJOR 1
#define IKE_ABI_MINOR 0

IKE_BEGIN_DECLS

/* One thing a plugin offers.  The kind in @provides says what @ops points to: the longest declared kind that fits, so
 * "kernel:net" may be a kind beside "kernel".  What stands in @needs and @wants is a feature's name; without its
 * parameter any variant will do ("aead:aes-gcm-16"), and "net:*" is any of its kind.
 *
 * @probe runs while loading, after the probes of what it needs and before any plugin is activated: it may set the
 * plugin's state and read its options, but finds no features.  A plugin none of whose features can get ready is not
 * activated; activation follows needs and wants. */
typedef struct {
  guint32            struct_size;
  const char        *provides;                /* "task:delete", "aead:aes-gcm-16/256", "service:tls" */
  const void        *ops;                     /* class table of that kind, const, starts with guint32 struct_size */
  const char *const *needs;                   /* features: all needed; NULL-terminated; may be NULL */
  const char *const *wants;                   /* activated after these if they are there; may be NULL */
  gboolean         (*probe) (IkePlugin *self, GError **error); /* may be NULL: known-answer test, library version */
  guint32            rank;                    /* of several providers the highest wins whose probe passes */
} IkeFeature;

/* A kind of feature that this plugin consumes, with the version and sizes of its ops table. */
typedef struct {
  guint32     struct_size;
  const char *name;                           /* "eap-server" */
  guint16     major, minor;
  guint32     ops_size_min, ops_size_max;     /* max: sizeof in the consumer; the copy it gets has this size */
} IkeFeatureKind;

/* An option of a connection, a child, a secret, a pool or the plugin itself; also the source of conf.d and the man
 * page.  @path: "plugin/NAME", "connection/NAME", "child/NAME", "local/NAME", "remote/NAME", "core/NAME". */
typedef struct {
  guint32     struct_size;
  const char *path;
  const char *type;                           /* "bool" "uint" "time" "bytes" "string" "list" "enum:a|b|c"; "section":
                                               * only plugin/…, free form, read through ike_engine_settings() */
  const char *fallback;                       /* default as text, NULL for unset */
  const char *doc;                            /* one or two sentences */
} IkeOptionInfo;

enum {
  IKE_PLUGIN_ON_REQUEST = 1 << 0,             /* loads only where configuration says `load = yes` */
  IKE_PLUGIN_FOR_TESTS = 1 << 1,              /* it harms: is not even opened where the engine does not run for tests */
};

typedef struct {
  guint32                       struct_size;
  guint16                       abi_major, abi_minor;
  guint32                       flags;        /* IKE_PLUGIN_… */
  const char                   *name, *version, *license, *summary;
  const IkeFeature *const      *features;     /* NULL-terminated arrays of pointers: the structs may grow */
  const IkeFeatureKind *const  *kinds;        /* may be NULL */
  const IkeOptionInfo *const   *options;      /* may be NULL */
  gboolean (*activate)      (IkePlugin *self, GError **error);   /* control; may be NULL */
  void     (*deactivate)    (IkePlugin *self);                   /* control; may be NULL; all loops still run */
  gboolean (*reload_check)  (IkePlugin *self, GError **error);   /* may be NULL; nothing changes yet */
  void     (*reload_commit) (IkePlugin *self);                   /* may be NULL; cannot fail */
  /* May be NULL.  Control: a polite end, all SAs are gone, all loops still run.  What is to be said to others is said
   * now; @call is answered (with anything) when it is, and nobody waits longer than ike_engine_shutdown() says. */
  void     (*shutdown)      (IkePlugin *self, IkeCall *call);
} IkePluginInfo;

/* Layout of the ELF note (section .note.ikebana, owner "Ikebana", type 1). */
typedef struct {
  guint32 name_size, desc_size, type;
  char    owner[8];
  guint16 abi_major, abi_minor;
  guint32 flags;
  char    plugin[32];
} IkePluginNote;

/* At the end of a plugin's main file: IKE_PLUGIN (skeleton, 0, .summary = "…", .features = features, …); */
#define IKE_PLUGIN(plugin_symbol, plugin_name, plugin_flags, ...)                                                     \
  static const IkePluginNote ike_plugin_note                                                                          \
    __attribute__ ((section (".note.ikebana"), used, aligned (4)))                                                    \
    = { 8, sizeof (IkePluginNote) - 20, 1, "Ikebana", IKE_ABI_MAJOR, IKE_ABI_MINOR, plugin_flags, plugin_name };      \
  __attribute__ ((visibility ("default"))) extern const IkePluginInfo plugin_symbol;                                  \
  const IkePluginInfo plugin_symbol = { .struct_size = sizeof (IkePluginInfo), .abi_major = IKE_ABI_MAJOR,            \
    .abi_minor = IKE_ABI_MINOR, .flags = plugin_flags, .name = plugin_name, __VA_ARGS__ }

const char *ike_plugin_name   (const IkePlugin *self);
IkeEngine  *ike_plugin_engine (const IkePlugin *self);
void       *ike_plugin_state     (IkePlugin *self);
/* @free_state runs when activation fails, else at the very end, when no thread runs any more: after `deactivate`, and
 * after all that may still use the state. */
void        ike_plugin_set_state (IkePlugin *self, gpointer state_take, GDestroyNotify free_state);

/* A ready feature, resolved once and kept.  @ops is the core's copy, as large as its consumer expects. */
typedef struct {
  const char *feature;                        /* "aead:aes-gcm-16/256" */
  const char *name;                           /* behind the colon */
  const void *ops;
  IkePlugin  *plugin;                         /* the instance to hand to its functions */
  guint32     index;                          /* among all ready features of its kind */
} IkeProvided;

/* Any thread, after activation began; the answer does not change while the engine runs.  NULL with @error naming the
 * chain of reasons when the feature is not ready (IKE_ERROR_PLUGIN). */
const IkeProvided *ike_feature_find (IkeEngine *engine, const char *feature, GError **error);
/* All ready features of @kind, in load order. */
const IkeProvided *const *ike_feature_list (IkeEngine *engine, const char *kind, guint *n);

/* Why @feature or plugin @name is not there: "task:x needs service:tls: plugin tls is disabled
 * (/etc/ikebana/conf.d/tls.conf:2)".  Never NULL; free with g_free. */
char *ike_plugin_explain (IkeEngine *engine, const char *name);

typedef enum {
  IKE_STATE_READY,
  IKE_STATE_DISABLED,                         /* by configuration; the reason is file:line, or "on request only" */
  IKE_STATE_ABI,                              /* wanted and has */
  IKE_STATE_BROKEN,                           /* the loader's message */
  IKE_STATE_MISSING,                          /* the chain of what it needs */
  IKE_STATE_CYCLE,                            /* the path */
  IKE_STATE_FAILED,                           /* the error of its probe or of activate */
  IKE_STATE_SHADOWED,                         /* by whom */
} IkeFeatureState;

/* The plugin's own options (section plugins.NAME of the settings), read by type; @name without "plugin/".  Beside
 * them the section may have `load`, `critical` and `prefer` (features that this plugin shall provide where others do
 * too, or yes: all); with any other key, or a value that does not fit, the plugin is not loaded.  The option must be
 * declared in IkePluginInfo.options.  Control; strings belong to the current settings: copy them. */
const char *ike_plugin_option      (IkePlugin *self, const char *name);
gboolean    ike_plugin_option_bool (IkePlugin *self, const char *name);
guint64     ike_plugin_option_uint (IkePlugin *self, const char *name);   /* uint, bytes; time: seconds */
char      **ike_plugin_option_list (IkePlugin *self, const char *name);   /* g_strfreev */

IKE_END_DECLS
