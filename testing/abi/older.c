/* SPDX-License-Identifier: Apache-2.0 */
/* older.c - a plugin as the first headers of this major version made it: ABI 1.0, with the structs
 * of that time written out, which were shorter.  It includes none of today's headers, and does not
 * change with them. */
#include <stdint.h>

typedef struct {
  uint32_t name_size, desc_size, type;
  char owner[8];
  uint16_t abi_major, abi_minor;
  uint32_t flags;
  char plugin[32];
} Note;

typedef struct {
  uint32_t struct_size;
  uint16_t abi_major, abi_minor;
  uint32_t flags;
  const char *name, *version, *license, *summary;
  const void *features, *kinds, *options;
  int (*activate) (void *self, void *error);
  void (*deactivate) (void *self);
  int (*reload_check) (void *self, void *error);
  void (*reload_commit) (void *self);
} Info;

typedef struct {
  uint32_t struct_size;
  const char *provides;
  const void *ops;
  const char *const *needs, *const *wants;
  int (*probe) (void *self, void *error);
} Feature;

typedef struct {
  uint32_t struct_size, flags;
  const char *summary;
  const void *args;
  const char *columns, *rows_path;
  void (*run) (void *self, void *request);
} Command;

extern void ike_request_finish (void *request, void *result);

static void
run (void *self, void *request)
{
  ike_request_finish (request, 0);
}

static const Command command = { sizeof (Command), 0, "is still there", 0, 0, 0, run };
static const Feature feature = { sizeof (Feature), "command:older", &command, 0, 0, 0 };
static const Feature *const features[] = { &feature, 0 };

static const Note note
    __attribute__ ((section (".note.ikebana"), used,
                    aligned (4))) = { 8, sizeof (Note) - 20, 1, "Ikebana", 1, 0, 0, "older" };

__attribute__ ((visibility ("default"))) extern const Info ike_plugin;

const Info ike_plugin = {
  .struct_size = sizeof (Info),
  .abi_major = 1,
  .abi_minor = 0,
  .name = "older",
  .version = "1.0",
  .license = "Apache-2.0",
  .summary = "of the first headers",
  .features = features,
};
