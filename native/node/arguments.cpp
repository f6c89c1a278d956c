#include "arguments.hpp"

#include <math.h>
#include <string.h>

namespace vtep::node {

namespace {

std::string type_name(const Napi::Value& value) {
  if (value.IsNull()) return "null";
  if (value.IsArray()) return "array";
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_boolean:
      return "boolean";
    case napi_number:
      return "number " + value.ToString().Utf8Value();
    case napi_string:
      return "string";
    case napi_symbol:
      return "symbol";
    case napi_function:
      return "function";
    case napi_bigint:
      return "bigint";
    default:
      return "object";
  }
}

std::string option(const char* where, const char* key) {
  return std::string(where) + ": option " + key;
}

}  // namespace

void throw_type_error(Napi::Env env, const std::string& where, const char* expected,
                      const Napi::Value& got) {
  Napi::TypeError::New(env, where + ": expected " + expected + ", got " + type_name(got))
      .ThrowAsJavaScriptException();
}

Napi::Error coded_error(Napi::Env env, const std::string& code, const std::string& sentence) {
  Napi::Error error = Napi::Error::New(env, sentence);
  if (!code.empty()) error.Set("code", Napi::String::New(env, code));
  return error;
}

void throw_errno(Napi::Env env, int error) {
  coded_error(env, strerrorname_np(error), strerror(error)).ThrowAsJavaScriptException();
}

bool get_object(const Napi::CallbackInfo& info, size_t index, const char* where,
                Napi::Object& out) {
  const Napi::Value value = info[index];
  if (!value.IsObject() || value.IsArray() || value.IsFunction()) {
    throw_type_error(info.Env(), where, "an object", value);
    return false;
  }
  out = value.As<Napi::Object>();
  return true;
}

bool get_string(const Napi::CallbackInfo& info, size_t index, const char* where, std::string& out) {
  const Napi::Value value = info[index];
  if (!value.IsString()) {
    throw_type_error(info.Env(), where, "a string", value);
    return false;
  }
  out = value.As<Napi::String>().Utf8Value();
  return true;
}

bool get_string(Napi::Object object, const char* key, const char* where, std::string& out) {
  const Napi::Value value = object.Get(key);
  if (!value.IsString()) {
    throw_type_error(object.Env(), option(where, key), "a string", value);
    return false;
  }
  out = value.As<Napi::String>().Utf8Value();
  return true;
}

bool get_number(Napi::Env env, const Napi::Value& value, const std::string& where, int64_t minimum,
                int64_t maximum, int64_t& out) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(number >= static_cast<double>(minimum) && number <= static_cast<double>(maximum)) ||
      floor(number) != number) {
    const std::string expected =
        "a whole number from " + std::to_string(minimum) + " to " + std::to_string(maximum);
    throw_type_error(env, where, expected.c_str(), value);
    return false;
  }
  out = static_cast<int64_t>(number);
  return true;
}

bool get_function(Napi::Object object, const char* key, const char* where, Napi::Function& out) {
  const Napi::Value value = object.Get(key);
  if (!value.IsFunction()) {
    throw_type_error(object.Env(), option(where, key), "a function", value);
    return false;
  }
  out = value.As<Napi::Function>();
  return true;
}

bool get_bytes(const Napi::CallbackInfo& info, size_t index, const char* where, std::string& out) {
  const Napi::Value value = info[index];
  if (value.IsString()) {
    out = value.As<Napi::String>().Utf8Value();
    return true;
  }
  if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array) {
    const Napi::Uint8Array bytes = value.As<Napi::Uint8Array>();
    out.assign(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength());
    return true;
  }
  throw_type_error(info.Env(), where, "a Uint8Array or a string", value);
  return false;
}

Napi::Value to_buffer(Napi::Env env, std::string_view bytes) {
  return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
}

}  // namespace vtep::node
