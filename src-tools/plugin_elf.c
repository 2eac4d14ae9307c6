/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_elf.c - what stands in the file of a plugin: its note, what it exports, and what of it can
 * be written.  Nothing of it runs, and the file may be anything: all that is read is checked. */
#include <ikebana/error.h>
#include <link.h>
#include <string.h>
#include "plugin.h"

typedef struct {
  const guint8 *data;
  gsize len;
  const ElfW (Shdr) * sections;
  guint n;
  const char *names; /* of sections */
  gsize names_len;
} Elf;

static const void *
part (const Elf *elf, guint64 offset, guint64 len)
{
  return offset <= elf->len && len <= elf->len - offset ? elf->data + offset : NULL;
}

static const char *
text_at (const char *texts, gsize len, guint64 at)
{
  return texts && at < len && memchr (texts + at, 0, len - at) ? texts + at : "";
}

static const char *
section_name (const Elf *elf, guint i)
{
  return i < elf->n ? text_at (elf->names, elf->names_len, elf->sections[i].sh_name) : "";
}

static gboolean
fail (GError **error, const char *why)
{
  g_set_error_literal (error, IKE_ERROR, IKE_ERROR_PLUGIN, why);
  return FALSE;
}

static gboolean
elf_open (Elf *elf, GError **error)
{
  const ElfW (Ehdr) *head = part (elf, 0, sizeof *head);
  const guint8 ours_class = sizeof (void *) == 8 ? ELFCLASS64 : ELFCLASS32;
  const guint8 ours_order = G_BYTE_ORDER == G_LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB;

  if (!head || memcmp (head->e_ident, ELFMAG, SELFMAG) != 0 || head->e_type != ET_DYN)
    return fail (error, "it is no shared object: link with -shared");
  if (head->e_ident[EI_CLASS] != ours_class || head->e_ident[EI_DATA] != ours_order)
    return fail (error, "it was built for another machine: build it here");
  elf->n = head->e_shnum;
  elf->sections = part (elf, head->e_shoff, (guint64) elf->n * sizeof *elf->sections);
  if (head->e_shentsize != sizeof *elf->sections || !elf->sections || head->e_shstrndx >= elf->n
      || (gsize) elf->sections % sizeof (gpointer) != 0)
    return fail (error, "it has no table of sections: do not strip more than `strip` does");
  elf->names_len = elf->sections[head->e_shstrndx].sh_size;
  elf->names = part (elf, elf->sections[head->e_shstrndx].sh_offset, elf->names_len);
  return TRUE;
}

/* -- the note */

static void
take_note (PluginFile *file, const Elf *elf, const ElfW (Shdr) * section)
{
  const IkePluginNote *note = part (elf, section->sh_offset, sizeof *note);
  guint64 n = section->sh_size / sizeof *note;

  for (guint64 i = 0; note && i < n && part (elf, section->sh_offset, (i + 1) * sizeof *note); i++)
    if (note[i].name_size == 8 && note[i].type == 1 && memcmp (note[i].owner, "Ikebana", 8) == 0
        && file->n_notes++ == 0) {
      file->abi_major = note[i].abi_major;
      file->abi_minor = note[i].abi_minor;
      file->flags = note[i].flags;
      file->note_name = g_strndup (note[i].plugin, sizeof note[i].plugin);
    }
}

/* -- symbols */

/* What the loader writes, and nobody else. */
static gboolean
is_written_once (const char *section)
{
  static const char *const once[] = { ".data.rel.ro", ".init_array", ".fini_array",     ".dynamic",
                                      ".got",         ".got.plt",    ".tm_clone_table", NULL };

  return g_strv_contains (once, section);
}

/* Of the compiler, of its start files, of a sanitizer. */
static gboolean
is_of_compiler (const char *name)
{
  return name[0] == '\0' || name[0] == '_' || name[0] == '.' || name[0] == '*'
         || g_str_has_prefix (name, "completed.");
}

static void
take_symbol (PluginFile *file, const Elf *elf, const ElfW (Sym) * symbol, const char *name,
             gboolean is_dynamic)
{
  guint type = ELF64_ST_TYPE (symbol->st_info), binding = ELF64_ST_BIND (symbol->st_info);

  if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx >= elf->n || is_of_compiler (name))
    return;
  if (is_dynamic) {
    if (binding != STB_LOCAL && ELF64_ST_VISIBILITY (symbol->st_other) == STV_DEFAULT)
      g_ptr_array_add (file->exported, g_strdup (name));
  } else if ((type == STT_OBJECT || type == STT_TLS || type == STT_COMMON)
             && (elf->sections[symbol->st_shndx].sh_flags & SHF_WRITE)
             && !is_written_once (section_name (elf, symbol->st_shndx)))
    g_ptr_array_add (file->variables,
                     g_strdup_printf ("%s in %s", name, section_name (elf, symbol->st_shndx)));
}

static void
take_symbols (PluginFile *file, const Elf *elf, const ElfW (Shdr) * section)
{
  guint64 n = section->sh_size / sizeof (ElfW (Sym));
  const ElfW (Sym) *symbols = part (elf, section->sh_offset, section->sh_size);
  const ElfW (Shdr) *link = section->sh_link < elf->n ? &elf->sections[section->sh_link] : NULL;
  const char *names = link ? part (elf, link->sh_offset, link->sh_size) : NULL;

  if (!symbols || !names || (gsize) symbols % sizeof (gpointer) != 0)
    return;
  for (guint64 i = 0; i < n; i++)
    take_symbol (file, elf, &symbols[i], text_at (names, link->sh_size, symbols[i].st_name),
                 section->sh_type == SHT_DYNSYM);
}

/* Without names there are sizes: start files bring a pointer and a byte. */
static void
take_sizes (PluginFile *file, const Elf *elf)
{
  for (guint i = 0; i < elf->n; i++) {
    const ElfW (Shdr) *section = &elf->sections[i];
    gboolean is_data = strcmp (section_name (elf, i), ".data") == 0,
             is_bss = strcmp (section_name (elf, i), ".bss") == 0;
    if ((is_data || is_bss || (section->sh_flags & SHF_TLS))
        && section->sh_size > sizeof (gpointer))
      g_ptr_array_add (file->variables,
                       g_strdup_printf ("%u octets in %s (it is stripped: without their names)",
                                        (guint) section->sh_size, section_name (elf, i)));
  }
}

/* -- all of it */

static PluginFile *
file_new (const char *path)
{
  PluginFile *file = g_new0 (PluginFile, 1);
  g_autofree char *base = g_path_get_basename (path);

  file->file = g_canonicalize_filename (path, NULL);
  file->name = g_strndup (base, strlen (base) - (g_str_has_suffix (base, ".so") ? 3 : 0));
  file->exported = g_ptr_array_new_with_free_func (g_free);
  file->variables = g_ptr_array_new_with_free_func (g_free);
  return file;
}

void
plugin_file_free (PluginFile *file)
{
  g_free (file->file);
  g_free (file->name);
  g_free (file->note_name);
  g_ptr_array_unref (file->exported);
  g_ptr_array_unref (file->variables);
  g_free (file);
}

PluginFile *
plugin_file_read (const char *path, GError **error)
{
  g_autofree char *data = NULL;
  Elf elf = { NULL };
  PluginFile *file;
  gboolean has_names = FALSE;

  if (!g_file_get_contents (path, &data, &elf.len, error))
    return NULL;
  elf.data = (const guint8 *) data;
  if (!elf_open (&elf, error))
    return NULL;
  file = file_new (path);
  for (guint i = 0; i < elf.n; i++) {
    const ElfW (Shdr) *section = &elf.sections[i];
    if (strcmp (section_name (&elf, i), ".note.ikebana") == 0)
      take_note (file, &elf, section);
    if (section->sh_type == SHT_SYMTAB || section->sh_type == SHT_DYNSYM)
      take_symbols (file, &elf, section);
    has_names = has_names || section->sh_type == SHT_SYMTAB;
  }
  if (!has_names)
    take_sizes (file, &elf);
  return file;
}
