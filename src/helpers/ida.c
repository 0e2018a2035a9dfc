// SPDX-License-Identifier: GPL-2.0
/* Unique IDs: see src/abstractions/ida.rs. */
#include "ida.h"

DEFINE_IDA(evfd_helper_ida);
