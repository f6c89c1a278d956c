// Checks of what JavaScript hands over. Each getter throws a TypeError that names the argument and
// answers false; the caller returns.
#pragma once
#include <napi.h>
#include <stdint.h>

#include <string>
#include <string_view>

namespace vtep::node {

// The throwing half of every check: "Client: option path: expected a string, got number".
void throw_type_error(Napi::Env env, const std::string& where, const char* expected,
                      const Napi::Value& got);
// Error with .code.
Napi::Error coded_error(Napi::Env env, const std::string& code, const std::string& sentence);
// Of a call that has failed: .code is errno's name.
void throw_errno(Napi::Env env, int error);

bool get_object(const Napi::CallbackInfo& info, size_t index, const char* where, Napi::Object& out);
bool get_string(const Napi::CallbackInfo& info, size_t index, const char* where, std::string& out);
bool get_string(Napi::Object object, const char* key, const char* where, std::string& out);
// A whole number in [minimum, maximum].
bool get_number(Napi::Env env, const Napi::Value& value, const std::string& where, int64_t minimum,
                int64_t maximum, int64_t& out);
bool get_function(Napi::Object object, const char* key, const char* where, Napi::Function& out);
// Bytes of a Uint8Array (a Buffer is one) or of a string; copied.
bool get_bytes(const Napi::CallbackInfo& info, size_t index, const char* where, std::string& out);

Napi::Value to_buffer(Napi::Env env, std::string_view bytes);

}  // namespace vtep::node
