#pragma once

#include <cstdint>
#include <functional>

namespace recnext {

/**
 * Calls `task(0)` … `task(count - 1)`, each once, on this thread and on workers that sleep between calls. Which thread takes which
 * task is left open: results must not depend on it. May be called by several threads at once.
 */
void ParallelFor(int64_t count, const std::function<void(int64_t)>& task);

/** Splits 0 … `size` - 1 into even parts of at least `grain` and calls `part(begin, end)` for each. */
void ParallelRanges(int64_t size, int64_t grain, const std::function<void(int64_t, int64_t)>& part);

/** Threads that work on one call, the caller's included. */
int Threads();

}  // namespace recnext
