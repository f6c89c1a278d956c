// The reasons of drop.def as an enum, with their names and sentences.
#pragma once
#include <stdint.h>

namespace vtep {

enum class Drop : uint8_t {
#define DROP(name, text) name,
#include "drop.def"
#undef DROP
};

inline constexpr const char* kDropNames[] = {
#define DROP(name, text) #name,
#include "drop.def"
#undef DROP
};

inline constexpr const char* kDropTexts[] = {
#define DROP(name, text) text,
#include "drop.def"
#undef DROP
};

inline constexpr unsigned kDropCount = sizeof(kDropNames) / sizeof(kDropNames[0]);

constexpr const char* drop_name(Drop reason) { return kDropNames[static_cast<unsigned>(reason)]; }
constexpr const char* drop_text(Drop reason) { return kDropTexts[static_cast<unsigned>(reason)]; }

}  // namespace vtep
