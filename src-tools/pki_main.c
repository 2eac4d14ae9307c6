/* SPDX-License-Identifier: Apache-2.0 */
/* pki_main.c - `ikebana-pki`, run by `ikebana pki`: finds the command, and says what went wrong. */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include "pki.h"

static const PkiCommand *const commands[] = {
  &pki_gen_command, &pki_pub_command,   &pki_self_command,   &pki_req_command, &pki_issue_command,
  &pki_crl_command, &pki_print_command, &pki_verify_command, &pki_p12_command, &pki_ocsp_command,
};

static const PkiCommand *
find (const char *name)
{
  /* strongSwan's tool writes them with dashes: --gen. */
  if (g_str_has_prefix (name, "--"))
    name += 2;
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (commands[i]->name, name) == 0 || g_strcmp0 (commands[i]->alias, name) == 0)
      return commands[i];
  return NULL;
}

static void
print_all (void)
{
  printf ("Usage: ikebana pki COMMAND [OPTION…]\n\nCommands:\n");
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    printf ("  %-8s%s\n", commands[i]->name, commands[i]->summary);
  printf ("\n\"ikebana pki COMMAND --help\" shows the options; examples are in ikebana-pki(8).\n");
}

static ToolStatus
refuse (const char *name)
{
  const char *names[G_N_ELEMENTS (commands) + 1] = { NULL }, *near;

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    names[i] = commands[i]->name;
  near = tool_nearest (name, names);
  if (near)
    tool_complain ("pki: there is no command \"%s\"; did you mean \"%s\"?", name, near);
  else
    tool_complain ("pki: there is no command \"%s\"; see \"ikebana pki --help\"", name);
  return TOOL_USAGE;
}

static ToolStatus
complete (const char *const *words)
{
  guint n = g_strv_length ((char **) words);
  const PkiCommand *command = n > 1 ? find (words[0]) : NULL;

  if (command)
    pki_complete (command, words + 1);
  for (guint i = 0; n <= 1 && i < G_N_ELEMENTS (commands); i++)
    if (n == 0 || g_str_has_prefix (commands[i]->name, words[0]))
      printf ("%s\t%s\n", commands[i]->name, commands[i]->summary);
  return TOOL_OK;
}

static ToolStatus
run (const PkiCommand *command, const char *const *words)
{
  g_autoptr (GError) error = NULL;
  ToolStatus status = TOOL_OK;
  PkiArgs args = { 0 };

  if (pki_args_read (&args, command, words, &error) && !args.wants_help)
    command->run (&args, &error);
  if (args.wants_help)
    pki_print_help (command);
  if (error) {
    fflush (stdout);
    tool_complain ("pki %s: %s", command->name, error->message);
    status = g_error_matches (error, IKE_ERROR, IKE_ERROR_SYNTAX) ? TOOL_USAGE : TOOL_FAILED;
  }
  pki_args_clear (&args);
  return status;
}

int
main (int argc, char **argv)
{
  const char *const *words = (const char *const *) argv + MIN (argc, 1);
  ToolStatus status = TOOL_OK;

  setlocale (LC_CTYPE, "");
  if (!words[0]) {
    tool_complain ("pki: no command; see \"ikebana pki --help\"");
    status = TOOL_USAGE;
  } else if (strcmp (words[0], "__complete") == 0) {
    status = complete (words + 1);
  } else if (strcmp (words[0], "--help") == 0 || strcmp (words[0], "-h") == 0
             || strcmp (words[0], "help") == 0) {
    if (words[1] && find (words[1]))
      pki_print_help (find (words[1]));
    else
      print_all ();
  } else {
    const PkiCommand *command = find (words[0]);
    status = command ? run (command, words + 1) : refuse (words[0]);
  }
  if (fflush (stdout) != 0 && status == TOOL_OK) {
    tool_complain ("pki: cannot write standard output");
    status = TOOL_FAILED;
  }
  return (int) status;
}
