/* SPDX-License-Identifier: Apache-2.0 */
/* note.c - reads the ABI note of a plugin file without loading it.
 *
 * The file is not trusted to be anything: each read is bounds-checked by pread, each count is
 * capped, and structs are copied out of the file, never pointed into. */
#include "config.h"
#include "plugin/plugin_private.h"
#include <elf.h>
#include <errno.h>
#include <ikebana/error.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

enum {
  MAX_HEADERS = 4096,     /* program or section headers */
  MAX_NOTES = 256 * 1024, /* bytes of one note segment */
  NOTE_HEADER = 12,       /* name_size desc_size type */
};

G_STATIC_ASSERT (sizeof (IkePluginNote) == 60);

static gboolean
read_at (int fd, void *out, gsize len, guint64 offset)
{
  if (offset > G_MAXINT64 - len)
    return FALSE;
  gssize n;
  do
    n = pread (fd, out, len, (off_t) offset);
  while (n < 0 && errno == EINTR);
  return n >= 0 && (gsize) n == len;
}

/* Looks for our note among @notes.  Returns how many there are; the first is copied. */
static guint
scan_notes (const guint8 *notes, gsize len, gsize align, IkePluginNote *found)
{
  guint n_found = 0;
  gsize at = 0;
  while (len - at >= NOTE_HEADER) {
    guint32 name_size, desc_size, type;
    memcpy (&name_size, notes + at, 4);
    memcpy (&desc_size, notes + at + 4, 4);
    memcpy (&type, notes + at + 8, 4);
    guint64 name_end = NOTE_HEADER + (guint64) name_size;
    guint64 desc_start = (name_end + align - 1) / align * align;
    guint64 end = (desc_start + desc_size + align - 1) / align * align;
    if (desc_start + desc_size > len - at)
      return n_found;
    if (name_size == 8 && desc_start == 20 && memcmp (notes + at + NOTE_HEADER, "Ikebana", 8) == 0
        && type == 1 && desc_size >= sizeof *found - 20 && n_found++ == 0)
      memcpy (found, notes + at, sizeof *found);
    if (end >= len - at)
      return n_found;
    at += (gsize) end;
  }
  return n_found;
}

static guint
scan_range (int fd, guint64 offset, guint64 size, guint64 align, IkePluginNote *found)
{
  if (size < sizeof *found || size > MAX_NOTES)
    return 0;
  g_autofree guint8 *notes = g_malloc ((gsize) size);
  if (!read_at (fd, notes, (gsize) size, offset))
    return 0;
  return scan_notes (notes, (gsize) size, align == 8 ? 8 : 4, found);
}

static guint
scan_segments (int fd, const ElfW (Ehdr) * header, IkePluginNote *found)
{
  guint n_found = 0;
  IkePluginNote further;
  if (header->e_phentsize != sizeof (ElfW (Phdr)) || header->e_phnum > MAX_HEADERS)
    return 0;
  for (guint i = 0; i < header->e_phnum; i++) {
    ElfW (Phdr) segment;
    if (!read_at (fd, &segment, sizeof segment, header->e_phoff + (guint64) i * sizeof segment))
      return n_found;
    if (segment.p_type == PT_NOTE)
      n_found += scan_range (fd, segment.p_offset, segment.p_filesz, segment.p_align,
                             n_found ? &further : found);
  }
  return n_found;
}

/* A linker that made no PT_NOTE of it still left the section. */
static guint
scan_sections (int fd, const ElfW (Ehdr) * header, IkePluginNote *found)
{
  ElfW (Shdr) names, section;
  if (header->e_shentsize != sizeof section || header->e_shnum > MAX_HEADERS
      || header->e_shstrndx >= header->e_shnum
      || !read_at (fd, &names, sizeof names,
                   header->e_shoff + (guint64) header->e_shstrndx * sizeof names))
    return 0;
  for (guint i = 0; i < header->e_shnum; i++) {
    char name[sizeof ".note.ikebana"];
    if (!read_at (fd, &section, sizeof section, header->e_shoff + (guint64) i * sizeof section))
      return 0;
    if (section.sh_type == SHT_NOBITS || section.sh_name > names.sh_size
        || names.sh_size - section.sh_name < sizeof name
        || !read_at (fd, name, sizeof name, names.sh_offset + section.sh_name))
      continue;
    if (memcmp (name, ".note.ikebana", sizeof name) == 0)
      return scan_range (fd, section.sh_offset, section.sh_size, section.sh_addralign, found);
  }
  return 0;
}

gboolean
ike_note_read (int fd, IkePluginNote *note, GError **error)
{
  ElfW (Ehdr) header;
  const guint8 ours_class = sizeof (void *) == 8 ? ELFCLASS64 : ELFCLASS32;
  const guint8 ours_order = G_BYTE_ORDER == G_LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB;
  if (!read_at (fd, &header, sizeof header, 0) || memcmp (header.e_ident, ELFMAG, SELFMAG) != 0) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "not a shared object");
    return FALSE;
  }
  if (header.e_ident[EI_CLASS] != ours_class || header.e_ident[EI_DATA] != ours_order) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "built for another machine");
    return FALSE;
  }
  guint n = header.e_type == ET_DYN ? scan_segments (fd, &header, note) : 0;
  if (n == 0 && header.e_type == ET_DYN)
    n = scan_sections (fd, &header, note);
  if (n == 0)
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN,
                 "has no Ikebana note: not a plugin, or it lacks IKE_PLUGIN (…)");
  else if (n > 1)
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "has %u Ikebana notes: one plugin is one file",
                 n);
  else if (!memchr (note->plugin, 0, sizeof note->plugin) || !note->plugin[0])
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "its note has no proper plugin name");
  else
    return TRUE;
  return FALSE;
}
