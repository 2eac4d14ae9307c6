/* SPDX-License-Identifier: Apache-2.0 */
/* commands_sa.h - the commands about SAs, as features of the core's own descriptor. */
#pragma once
#include "sa/sa_private.h"
#include <ikebana/command.h>

extern const IkeFeature ike_command_status, ike_command_up, ike_command_down, ike_command_rekey, ike_command_explain;
