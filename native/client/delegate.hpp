// Another CNI plugin, as the one that hands out addresses: found on CNI_PATH and run with the same
// environment.
#pragma once
#include <string>

#include "failure.hpp"
#include "json.hpp"

namespace vtep::client {

// `command` in the place of CNI_COMMAND, `config` on its standard input. What it says goes to
// `result`: null when that is nothing.
Failure delegate(const std::string& type, const char* command, const Json& config, Json& result);

}  // namespace vtep::client
