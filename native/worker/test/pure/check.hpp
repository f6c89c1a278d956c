#pragma once
#include <stdio.h>
#include <stdlib.h>

// Ends the process when it does not hold.
#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) {                                                              \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                                       \
    }                                                                                \
  } while (false)

namespace vtep {

void judge_offloads();  // offloads.cpp
void keep_keys();       // key_set.cpp

}  // namespace vtep
