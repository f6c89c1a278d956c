// The daemon's API as a program sees it: one HTTP request on the unix socket of the runtime
// directory.
#pragma once
#include <string>

namespace vtep::client {

struct Answer {
  int status = 0;
  std::string body;

  bool good() const { return status >= 200 && status < 300; }
  // The daemon's sentence about what it refuses.
  std::string refusal() const;
};

// VTEP_RUNTIME_DIR, or /run/vtep.
std::string default_runtime_dir();

// False with one sentence when nobody answers. `body` is JSON, or empty for none.
bool call(const std::string& runtime_dir, const std::string& method, const std::string& path,
          const std::string& body, Answer& answer, std::string& error);

// Whether a dataplane runs there, with or without a controller.
bool has_dataplane(const std::string& runtime_dir);

}  // namespace vtep::client
