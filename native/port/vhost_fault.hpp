// Keeps the process alive when somebody else's file shrinks under our mapping of it. An access
// behind its end is a SIGBUS; for a guarded range the handler puts zeros in the place of the whole
// range, so that whoever read or wrote goes on, and rings the bell of its owner.
//
// Threads that touch a guarded range must not block SIGBUS: the kernel ends a process that does.
#pragma once
#include <stddef.h>

namespace vtep {

// Process-wide, once; other faults go to the handler that was there before. False: no handler.
bool install_fault_handler();

// `bell` is an eventfd that outlives the range. Answers a slot, or -1 when all are taken.
int guard_range(void* base, size_t length, int bell);
void unguard_range(int slot);

}  // namespace vtep
