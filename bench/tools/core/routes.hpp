#pragma once
#include <stdint.h>

namespace vtep::bench {

// What routing a frame to a VTEP costs with so many prefixes; lines as of `cost speed`. Host routes
// alone, as the limit has them, then nine in ten with shorter prefixes and a default route beside.
void measure_routes(uint32_t routes, unsigned trials);
// How fast routes are added, and what each takes in the segment.
void measure_route_table(uint32_t routes);

}  // namespace vtep::bench
