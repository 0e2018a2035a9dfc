// SPDX-License-Identifier: GPL-2.0
/* Memory shared with user space: see src/abstractions/mm/shared.rs. */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "memory.h"

/* Pages of zeros that count for the caller's memory cgroup. */
void *evfd_helper_alloc_shared(size_t size)
{
	if (size <= PAGE_SIZE)
		return (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return __vmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
}

void evfd_helper_free_shared(void *memory, size_t size)
{
	if (size <= PAGE_SIZE)
		free_page((unsigned long)memory);
	else
		vfree(memory);
}

/* References on the page of memory that is a single page. */
void evfd_helper_get_shared(void *address)
{
	get_page(virt_to_page(address));
}

void evfd_helper_put_shared(void *address)
{
	put_page(virt_to_page(address));
}

/*
 * Prepares a mapping of a part of @size bytes. The mapping must be shared, because
 * a copy of a page would get no events. It can't grow past the end by mremap(2).
 * @inherited: fork(2) gives the child the mapping
 */
bool evfd_helper_map_shared(struct vm_area_struct *vma, size_t size,
			    bool inherited)
{
	unsigned long pages = PAGE_ALIGN(size) >> PAGE_SHIFT;

	if (!(vma->vm_flags & VM_MAYSHARE) || vma->vm_flags & VM_EXEC)
		return false;
	if (vma->vm_pgoff >= pages || vma_pages(vma) > pages - vma->vm_pgoff)
		return false;
	vm_flags_mod(vma, VM_DONTEXPAND | (inherited ? 0 : VM_DONTCOPY), VM_MAYEXEC);
	return true;
}

struct file *evfd_helper_fault_file(struct vm_fault *vmf)
{
	return vmf->vma->vm_file;
}

size_t evfd_helper_fault_offset(struct vm_fault *vmf)
{
	return (size_t)vmf->pgoff << PAGE_SHIFT;
}

/* Answers a page fault with the page at @address, which the mapping keeps alive. */
void evfd_helper_fault_with(struct vm_fault *vmf, void *address)
{
	struct page *page = is_vmalloc_addr(address) ? vmalloc_to_page(address) :
						       virt_to_page(address);

	get_page(page);
	vmf->page = page;
}
