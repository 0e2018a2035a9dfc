/* SPDX-License-Identifier: GPL-2.0 */
/* Input of bindgen for the sample's bindings to evfd_samples.h. */
#include "../evfd_samples.h"

/* The macro contains a sizeof, which bindgen evaluates only in constants. */
static const __u32 RUST_CONST_HELPER_EVFD_TIMER_IOC_START = EVFD_TIMER_IOC_START;
