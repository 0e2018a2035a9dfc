/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's harness for test programs. */
#ifndef EVFD_TESTS_HARNESS_H
#define EVFD_TESTS_HARNESS_H

#include "kselftest_harness.h"

/*
 * Seconds for a test without a limit of its own. The kernel's 30 are too few on a busy host.
 * faults_runs waits longer than this.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

#endif /* EVFD_TESTS_HARNESS_H */
