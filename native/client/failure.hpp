// What a CNI plugin says when it fails.
#pragma once
#include <string>

namespace vtep::client {

// Codes of the CNI specification, "Error". From 100 on they are the plugin's own.
enum class Code {
  none = 0,
  incompatible = 1,
  unknown_container = 3,
  environment = 4,
  io = 5,
  decode = 6,
  config = 7,
  later = 11,
  unavailable = 50,
  limited = 51,
  refused = 100,
  differs = 101,
};

struct Failure {
  Code code = Code::none;
  std::string message;

  explicit operator bool() const { return code != Code::none; }
};

}  // namespace vtep::client
