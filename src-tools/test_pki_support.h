/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_support.h - a directory to make keys in, and programs that run there. */
#pragma once
#include <glib.h>
#include <json-c/json.h>

typedef struct {
  char *directory, *output, *errors;
  gsize output_len;
  int   status;
} Fixture;

void set_up    (Fixture *fixture, gconstpointer data);
void tear_down (Fixture *fixture, gconstpointer data);

/* Runs `ikebana pki` with these words, separated by '|'; status, output and errors are in the fixture. */
void pki       (Fixture *fixture, const char *words);
/* The same; it must work. */
void pki_ok    (Fixture *fixture, const char *words);
/* It must fail with this status, and @text must be in its complaint. */
void pki_fails (Fixture *fixture, int status, const char *text, const char *words);
/* openssl(1), which must be there and must succeed; what it says on standard error goes to its output, too. */
void openssl   (Fixture *fixture, const char *words);
/* openssl(1) likewise; it must fail. */
void openssl_fails (Fixture *fixture, const char *words);

/* A root CA ca.{key,crt}, an intermediate sub.{key,crt}, and moon.{key,crt} below it with the serial number 0a0b. */
void make_chain (Fixture *fixture);

char *path_of     (const Fixture *fixture, const char *name);
void  write_text  (const Fixture *fixture, const char *name, const char *text);
char *read_text   (const Fixture *fixture, const char *name, gsize *len);
void  assert_has  (const char *text, const char *words);
void  assert_lacks (const char *text, const char *words);
/* `print --json` of a file; json_object_put. */
struct json_object *printed (Fixture *fixture, const char *words);
/* The text of "a.b" or of "a.0" in it; "" when it is not there. */
const char *text_at (struct json_object *object, const char *path);

/* The words of the command line of what was built, for those who run it themselves. */
char **pki_argv (const char *words);
