/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_private.h - what the files of plugin/ share: the registry and its nodes.
 *
 * Everything here is made and changed on the control thread while starting; afterwards it is read-only, and
 * ike_feature_find() and ike_feature_list() read it from any thread. */
#pragma once
#include "engine_private.h"

typedef struct _IkeFeatureNode IkeFeatureNode;
typedef struct _IkeKindNode IkeKindNode;

/* The size of struct @type up to and with field @last: what version 1.0 of it had, and so the least we accept. */
#define IKE_SIZE_UP_TO(type, last) (G_STRUCT_OFFSET (type, last) + sizeof (((type *) 0)->last))

struct _IkePlugin {                           /* begins as IkePluginHead */
  IkeEngine      *engine;
  char           *name;
  char           *file;                       /* NULL: built in, or not installed */
  char           *version, *license, *summary;
  void           *handle;
  IkePluginInfo   info;                       /* our copy: min (theirs, ours) over zeros; all zero when never opened */
  gboolean        is_opened;                  /* @info is valid */
  gboolean        is_builtin, is_critical;
  gboolean        is_settled;                 /* it has its final state; else it may still get ready */
  gboolean        is_active;                  /* activated, and not deactivated yet */
  IkeFeatureState state;
  char           *reason;                     /* NULL when ready */
  char           *critical_where;             /* file:line of `critical` */
  GPtrArray      *features;                   /* IkeFeatureNode */
  gpointer        user_state;
  GDestroyNotify  free_user_state;
};

G_STATIC_ASSERT (G_STRUCT_OFFSET (IkePlugin, engine) == G_STRUCT_OFFSET (IkePluginHead, engine)
                 && G_STRUCT_OFFSET (IkePlugin, name) == G_STRUCT_OFFSET (IkePluginHead, name));

struct _IkeFeatureNode {
  char           *name;                       /* what it provides */
  IkePlugin      *plugin;
  IkeFeature      info;                       /* our copy; only the name is set when the catalog told us of it */
  IkeKindNode    *kind;
  gpointer        ops;                        /* our copy, as large as the kind wants */
  gboolean        is_settled;
  IkeFeatureState state;
  char           *reason;
  IkeProvided     provided;
  guint           index;                      /* scratch of the resolver */
  const IkeFeatureNode *outranked_by;         /* scratch: has the name as long as it may get ready */
  gboolean        is_probed;
  char           *probe_failure;              /* NULL: it passed */
};

/* One kind, as all its consumers together declare it. */
struct _IkeKindNode {
  char       *name;
  guint16     major, minor;
  guint32     ops_size_min, ops_size_max;     /* max 0: opaque, the copy is as large as the provider's */
  char       *plugin;                         /* who declared it first */
  /* const IkeProvided *; room for all was made before the first was added */
  GPtrArray  *ready;
};

typedef struct {
  IkeOptionInfo  info;                        /* our copy; strings owned */
  char          *plugin;
  gboolean       is_ready;
} IkeOptionNode;

/* One plugin as the catalog knows it. */
typedef struct {
  char      *name, *version, *package;
  GPtrArray *features, *kinds;                /* char * */
  GPtrArray *options;                         /* IkeOptionNode */
} IkeCatalogEntry;

struct _IkeRegistry {
  IkeEngine  *engine;
  GPtrArray  *plugins;                        /* IkePlugin, in the order found; built-in ones first */
  GPtrArray  *order;                          /* IkePlugin, not owned: the order of activation */
  GHashTable *by_name;                        /* plugin name → IkePlugin; the first of a name */
  GHashTable *features;                       /* name → IkeFeatureNode: the one that counts, or else one to blame */
  GPtrArray  *kinds;                          /* IkeKindNode */
  GPtrArray  *options;                        /* IkeOptionNode: index is the handle */
  GPtrArray  *catalog;                        /* IkeCatalogEntry */
  gboolean    is_loaded, is_activating;
};

/* registry.c */
IkePlugin      *ike_registry_add_plugin  (IkeRegistry *registry, const char *name);
IkeFeatureNode *ike_registry_add_feature (IkePlugin *plugin, const char *name);
/* Final states; the first reason stays.  Format as printf.  Settling a plugin settles its features with the same. */
void ike_plugin_settle  (IkePlugin *plugin, IkeFeatureState state, const char *format, ...) G_GNUC_PRINTF (3, 4);
void ike_feature_settle (IkeFeatureNode *feature, IkeFeatureState state, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* Settings of a plugin: the node of plugins.NAME.KEY, or NULL. */
const IkeTree  *ike_plugin_setting (const IkePlugin *plugin, const char *key);
/* The plugins.NAME.prefer that names @feature, or NULL. */
const IkeTree  *ike_plugin_prefers (const IkePlugin *plugin, const char *feature);

/* scan.c: the passes "scan" and "open". */
void ike_registry_scan (IkeRegistry *registry);
void ike_registry_open (IkeRegistry *registry);

/* note.c: reads the ABI note from @fd, running nothing.  FALSE with @error when there is none or the file is no
 * plugin. */
gboolean ike_note_read (int fd, IkePluginNote *note, GError **error);

/* descriptor.c: takes over @info, checked; settles the plugin when it is no good. */
void ike_plugin_take_descriptor (IkePlugin *plugin, const IkePluginInfo *info);

/* resolve.c: every feature that cannot get ready gets its state; the order of activation; probes. */
void ike_registry_resolve (IkeRegistry *registry);
/* The feature that satisfies @need: exact, or any variant ("aead:x" by "aead:x/256", "net:*" by "net:udp"). NULL:
 * nobody known has it.  Prefers one that is ready or may still get ready. */
IkeFeatureNode *ike_registry_satisfies (const IkeRegistry *registry, const char *need);
/* Settles what needs something that will never be ready. */
void ike_registry_settle_missing (IkeRegistry *registry);

/* kinds.c */
IkeKindNode *ike_kind_find    (const IkeRegistry *registry, const char *feature);
IkeKindNode *ike_kind_by_name (const IkeRegistry *registry, const char *name);
gboolean     ike_kind_add     (IkeRegistry *registry, const IkeFeatureKind *info, const char *plugin, GError **error);
void         ike_kind_bind    (IkeRegistry *registry, IkeFeatureNode *feature);
void         ike_kind_free    (gpointer kind);

/* core_kinds.c: what the core itself consumes; NULL-terminated. */
extern const IkeFeatureKind *const ike_core_kinds[];

/* options.c */
gboolean ike_option_check  (const IkeOptionInfo *option, const char *text, GError **error);
gboolean ike_option_verify (const IkeOptionInfo *option, GError **error);
gboolean ike_options_declare (IkePlugin *plugin, GError **error);
gboolean ike_options_check_settings (const IkePlugin *plugin, GError **error);
void     ike_options_from_catalog (IkeRegistry *registry);
void     ike_options_mark_ready (IkeRegistry *registry);
void     ike_option_node_free (gpointer node);

/* catalog.c */
void ike_catalog_read (IkeRegistry *registry, const char *file);
const IkeCatalogEntry *ike_catalog_plugin (const IkeRegistry *registry, const char *name);
const IkeCatalogEntry *ike_catalog_feature (const IkeRegistry *registry, const char *feature);
const IkeCatalogEntry *ike_catalog_kind (const IkeRegistry *registry, const char *kind);
void ike_catalog_entry_free (gpointer entry);

/* explain.c: "plugin tls is disabled (/etc/…/tls.conf:2)"; g_free. */
const char *ike_state_name    (IkeFeatureState state);
char       *ike_plugin_why    (const IkePlugin *plugin);
char       *ike_feature_why   (const IkeRegistry *registry, const char *feature);
