/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - reads one line of the control protocol into a request. */
#include <string.h>
#include <json-c/json.h>
#include "request.h"

typedef struct {
  struct json_object         *object;
  IkeTree                    *tree;
  struct json_object_iterator at, end;        /* of an object */
  size_t                      index;          /* of an array */
} Frame;

typedef struct {
  Frame       frames[CONTROL_DEPTH_MAX];
  guint       n_frames, n_values;
  const char *reason;
} Walk;

struct json_tokener *
control_tokener_new (void)
{
  struct json_tokener *tokener = json_tokener_new_ex (CONTROL_DEPTH_MAX);
  json_tokener_set_flags (tokener, JSON_TOKENER_STRICT);
  return tokener;
}

void
control_tokener_free (struct json_tokener *tokener)
{
  if (tokener != NULL)
    json_tokener_free (tokener);
}

static gboolean
refuse (const char **reason, const char *text)
{
  *reason = text;
  return FALSE;
}

/* Names become keys of a tree, where '.' separates the parts of a path. */
static gboolean
is_key (const char *key)
{
  gsize len = strlen (key);
  if (len == 0 || len > 255)
    return FALSE;
  for (gsize i = 0; i < len; i++) {
    if ((guchar) key[i] <= 0x20 || key[i] == 0x7f || key[i] == '.')
      return FALSE;
  }
  return TRUE;
}

static gboolean
is_command_name (const char *name)
{
  gsize len = strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789-");
  return len > 0 && len <= 64 && name[len] == 0;
}

static gboolean
is_plain_text (struct json_object *value)
{
  return strlen (json_object_get_string (value)) == (gsize) json_object_get_string_len (value);
}

static gboolean
enter (Walk *walk, struct json_object *object, IkeTree *tree)
{
  Frame *frame;
  if (walk->n_frames == CONTROL_DEPTH_MAX)
    return refuse (&walk->reason, "the arguments are nested too deeply");
  frame = &walk->frames[walk->n_frames++];
  *frame = (Frame) { .object = object, .tree = tree };
  if (json_object_is_type (object, json_type_object)) {
    frame->at = json_object_iter_begin (object);
    frame->end = json_object_iter_end (object);
  }
  return TRUE;
}

static gboolean
add_number (Walk *walk, IkeTree *tree, const char *key, struct json_object *value)
{
  gint64 number = json_object_get_int64 (value);
  /* json-c cuts what does not fit to the limits. */
  if (number == G_MAXINT64 || number == G_MININT64)
    return refuse (&walk->reason, "a number does not fit in 64 bits");
  ike_tree_set_int (tree, key, number);
  return TRUE;
}

static gboolean
add_value (Walk *walk, IkeTree *tree, const char *key, struct json_object *value)
{
  if (++walk->n_values > CONTROL_VALUES_MAX)
    return refuse (&walk->reason, "too many values");
  switch (json_object_get_type (value)) {
  case json_type_null:
    ike_tree_set_null (tree, key);
    return TRUE;
  case json_type_boolean:
    ike_tree_set_bool (tree, key, json_object_get_boolean (value));
    return TRUE;
  case json_type_int:
    return add_number (walk, tree, key, value);
  case json_type_string:
    if (!is_plain_text (value))
      return refuse (&walk->reason, "a text holds a NUL character");
    ike_tree_set_string (tree, key, json_object_get_string (value));
    return TRUE;
  case json_type_object:
    return enter (walk, value, ike_tree_add_section (tree, key));
  case json_type_array:
    return enter (walk, value, ike_tree_add_list (tree, key));
  case json_type_double:
    break;
  }
  return refuse (&walk->reason, "numbers with a fraction are not used here");
}

/* One step: the next value of the innermost container, or back out of it. */
static gboolean
step (Walk *walk)
{
  Frame *frame = &walk->frames[walk->n_frames - 1];
  struct json_object *value;
  const char *key;
  if (json_object_is_type (frame->object, json_type_array)) {
    if (frame->index == json_object_array_length (frame->object)) {
      walk->n_frames--;
      return TRUE;
    }
    value = json_object_array_get_idx (frame->object, frame->index++);
    return add_value (walk, frame->tree, NULL, value);
  }
  if (json_object_iter_equal (&frame->at, &frame->end)) {
    walk->n_frames--;
    return TRUE;
  }
  key = json_object_iter_peek_name (&frame->at);
  value = json_object_iter_peek_value (&frame->at);
  json_object_iter_next (&frame->at);
  if (!is_key (key))
    return refuse (&walk->reason, "a name is empty, too long, or holds a blank or a dot");
  return add_value (walk, frame->tree, key, value);
}

static IkeTree *
tree_from_object (struct json_object *object, const char **reason)
{
  g_autoptr (IkeTree) tree = ike_tree_new_section ();
  Walk walk = { .n_frames = 0 };
  enter (&walk, object, tree);
  while (walk.n_frames > 0) {
    if (!step (&walk)) {
      *reason = walk.reason;
      return NULL;
    }
  }
  return g_steal_pointer (&tree);
}

static gboolean
read_id (struct json_object *value, ControlRequest *request)
{
  if (json_object_is_type (value, json_type_string)) {
    if (json_object_get_string_len (value) > CONTROL_ID_MAX || !is_plain_text (value))
      return refuse (&request->reason, "the id is too long");
  } else if (!json_object_is_type (value, json_type_int)) {
    return refuse (&request->reason, "the id must be a number or a text");
  }
  request->id = g_strdup (json_object_to_json_string_ext (value, JSON_C_TO_STRING_PLAIN));
  return TRUE;
}

static gboolean
read_member (const char *key, struct json_object *value, ControlRequest *request,
             gboolean *is_cancel)
{
  if (strcmp (key, "id") == 0)
    return TRUE;
  if (strcmp (key, "cancel") == 0) {
    *is_cancel = json_object_is_type (value, json_type_boolean) && json_object_get_boolean (value);
    return *is_cancel ? TRUE : refuse (&request->reason, "\"cancel\" can only be true");
  }
  if (strcmp (key, "command") == 0) {
    if (!json_object_is_type (value, json_type_string) || !is_plain_text (value)
        || !is_command_name (json_object_get_string (value)))
      return refuse (&request->reason, "\"command\" must be the name of a command");
    request->command = g_strdup (json_object_get_string (value));
    return TRUE;
  }
  if (strcmp (key, "args") == 0) {
    if (!json_object_is_type (value, json_type_object))
      return refuse (&request->reason, "\"args\" must be an object");
    request->args = tree_from_object (value, &request->reason);
    return request->args != NULL;
  }
  return refuse (&request->reason, "only the keys id, command, args and cancel are known");
}

static gboolean
read_object (struct json_object *object, ControlRequest *request)
{
  struct json_object *id = NULL;
  gboolean is_cancel = FALSE;
  if (!json_object_is_type (object, json_type_object))
    return refuse (&request->reason, "a request is a JSON object on one line");
  /* The id first, so that every other mistake is answered under it. */
  if (!json_object_object_get_ex (object, "id", &id))
    return refuse (&request->reason, "the request has no id");
  if (!read_id (id, request))
    return FALSE;
  json_object_object_foreach (object, key, value) {
    if (!read_member (key, value, request, &is_cancel))
      return FALSE;
  }
  if (is_cancel == (request->command != NULL) || (is_cancel && request->args != NULL))
    return refuse (&request->reason, "a request has either \"command\" or \"cancel\"");
  if (request->args == NULL && !is_cancel)
    request->args = ike_tree_new_section ();
  return TRUE;
}

gboolean
control_request_parse (struct json_tokener *tokener, const char *line, gsize len,
                       ControlRequest *request)
{
  struct json_object *object;
  gboolean is_good;
  memset (request, 0, sizeof *request);
  if (len > CONTROL_LINE_MAX)
    return refuse (&request->reason, "the line is longer than 65536 bytes");
  if (!g_utf8_validate (line, (gssize) len, NULL))
    return refuse (&request->reason, "the line is not UTF-8 text");
  json_tokener_reset (tokener);
  object = json_tokener_parse_ex (tokener, line, (int) len);
  if (json_tokener_get_error (tokener) != json_tokener_success || object == NULL) {
    if (object != NULL)
      json_object_put (object);
    return refuse (&request->reason, json_tokener_get_error (tokener) == json_tokener_error_depth
                                       ? "the request is nested too deeply"
                                       : "the line is not a JSON object");
  }
  is_good = read_object (object, request);
  json_object_put (object);
  return is_good;
}

void
control_request_clear (ControlRequest *request)
{
  g_clear_pointer (&request->id, g_free);
  g_clear_pointer (&request->command, g_free);
  g_clear_pointer (&request->args, ike_tree_free);
}
