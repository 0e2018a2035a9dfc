/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_MEMORY_H
#define EVFD_HELPERS_MEMORY_H

#include <linux/types.h>

struct file;
struct vm_area_struct;
struct vm_fault;

void *evfd_helper_alloc_shared(size_t size);
void evfd_helper_free_shared(void *memory, size_t size);
void evfd_helper_get_shared(void *address);
void evfd_helper_put_shared(void *address);
bool evfd_helper_map_shared(struct vm_area_struct *vma, size_t size,
			    bool inherited);
struct file *evfd_helper_fault_file(struct vm_fault *vmf);
size_t evfd_helper_fault_offset(struct vm_fault *vmf);
void evfd_helper_fault_with(struct vm_fault *vmf, void *address);

#endif /* EVFD_HELPERS_MEMORY_H */
