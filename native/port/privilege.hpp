// Words for a step that the kernel refused.
#pragma once
#include <errno.h>
#include <string.h>

#include <string>

namespace vtep {

// "needs root or CAP_NET_RAW" when that is what is missing, else the kernel's words.
inline std::string refusal(int code, const char* capability) {
  if (code == EPERM || code == EACCES) return std::string("needs root or ") + capability;
  return strerror(code);
}

}  // namespace vtep
