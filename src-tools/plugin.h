/* SPDX-License-Identifier: Apache-2.0 */
/* plugin.h - what the parts of `ikebana-plugin` share: `ikebana plugin new` begins a plugin from a template, `ikebana
 * plugin test` looks at one that was built, and runs it in engines of its own. */
#pragma once
#include <ikebana/plugin.h>
#include "skeleton/two.h"
#include "tool.h"

typedef struct {
  char    *kind, *build, *directory, *template_dir;            /* new */
  char    *plugin_dir, *conf, *settings, *auth, *with;         /* test; new: plugin_dir */
  gint     limit_s;                                            /* test */
} PluginTool;

ToolStatus plugin_new  (const PluginTool *tool, const char *name);
ToolStatus plugin_test (const PluginTool *tool, const char *file);
/* For --help and completion; NULL-terminated. */
const char *const *plugin_kinds (void);

/* -- what stands in the file, read without running it (plugin_elf.c) */

typedef struct {
  char      *file, *name;                     /* NAME of NAME.so */
  char      *note_name;
  guint      n_notes;
  guint16    abi_major, abi_minor;
  guint32    flags;
  GPtrArray *exported;                        /* names */
  GPtrArray *variables;                       /* names of what can be written, with their section */
} PluginFile;

PluginFile *plugin_file_read (const char *file, GError **error);
void        plugin_file_free (PluginFile *file);

/* -- checks.  TRUE: @text says what is good; FALSE: what is wrong, and the remedy. */

/* What the process of a check leaves for whoever started it, also when it dies. */
typedef struct {
  char doing[96], how[96];                    /* "two ends came up", "calls are answered late" */
  char mistake[512];                          /* the first thing that GLib calls critical */
} PluginTrace;

typedef struct {
  const PluginTool *tool;
  const PluginFile *file;
  char             *more;                     /* further settings, or NULL */
  PluginTrace      *trace;                    /* memory of both processes */
  gboolean          has_died;                 /* the last check did not end by itself, or with a mistake */
} PluginCase;

typedef gboolean (*PluginCheck) (const PluginCase *c, GString *text);

/* Each of these runs in a process of its own, which has no network (plugin_process.c). */
gboolean plugin_check_descriptor (const PluginCase *c, GString *text);
gboolean plugin_check_options    (const PluginCase *c, GString *text);
gboolean plugin_check_load       (const PluginCase *c, GString *text);
gboolean plugin_check_exchange   (const PluginCase *c, GString *text);
gboolean plugin_check_waits      (const PluginCase *c, GString *text);
gboolean plugin_check_unload     (const PluginCase *c, GString *text);
gboolean plugin_check_leaks      (const PluginCase *c, GString *text);
gboolean plugin_check_stalls     (const PluginCase *c, GString *text);

enum { PLUGIN_LIMIT_S = 20 };

gboolean plugin_run_apart (PluginCheck check, PluginCase *c, GString *text);
/* What the check is at, should it die there: "it crashed while …". */
void plugin_is_doing (const PluginCase *c, const char *doing);

/* Its descriptor, in a process that may load it; NULL with the reason in @text. */
const IkePluginInfo *plugin_open (const PluginCase *c, GString *text);
/* Memory in use: allocations, or octets where a sanitizer counts. */
gint64 plugin_memory (void);
