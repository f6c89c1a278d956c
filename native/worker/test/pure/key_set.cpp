// The fast path's set of keys against the standard library's.
#include "../../../fastpath/key_set.hpp"

#include <set>

#include "check.hpp"

namespace vtep {

void keep_keys() {
  KeySet keys;
  std::set<uint64_t> model;
  uint64_t state = 1;
  for (unsigned i = 0; i < 200000; i++) {
    state = mix(state + i);
    // Grows, stays, shrinks.
    const uint64_t key = 1 + state % (i < 100000 ? 3000 : 300);
    if (state >> 60 < (i < 100000 ? 10 : 6)) {
      keys.add(key), model.insert(key);
    } else {
      CHECK(keys.remove(key) == (model.erase(key) != 0));
    }
    CHECK(keys.size() == model.size());
    if (i % 1000 != 0) continue;
    std::set<uint64_t> walked;
    for (uint64_t at = 0; at < keys.slots(); at++)
      if (keys.slot(at) != 0) walked.insert(keys.slot(at));
    CHECK(walked == model);
    for (uint64_t each = 1; each <= 3000; each++) CHECK(keys.has(each) == (model.count(each) != 0));
  }
}

}  // namespace vtep
