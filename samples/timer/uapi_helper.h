/* SPDX-License-Identifier: GPL-2.0 */
/* What bindgen reads to tell the sample of the numbers in evfd_samples.h. */
#include "../evfd_samples.h"

/* The macro has a sizeof in it, which bindgen evaluates in constants only. */
static const __u32 RUST_CONST_HELPER_EVFD_TIMER_IOC_START = EVFD_TIMER_IOC_START;
