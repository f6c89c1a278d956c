#pragma once

namespace vtep::bench {

// What a MAC costs in the segment, in octets; lines as of `cost speed`.
void measure_memory(unsigned trials);
// How fast MACs are learned, and what forwarding is like meanwhile.
void measure_learning(unsigned trials);

}  // namespace vtep::bench
