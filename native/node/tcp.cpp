// tcp: { open(family): descriptor; setTtl(descriptor, ttl, minimum);
//   setPassword(descriptor, address, prefixLength, password) }
// For sockets that Node.js uses under their descriptors. Throws an Error whose code is errno's
// name.
#include <errno.h>

#include "../port/tcp_options.hpp"
#include "arguments.hpp"
#include "classes.hpp"

namespace vtep::node {

namespace {

constexpr int64_t kMaxDescriptor = INT32_MAX;
constexpr int64_t kMaxTtl = 255;

Napi::Value done(Napi::Env env, int error) {
  if (error != 0) throw_errno(env, error);
  return env.Undefined();
}

Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  int64_t family = 0;
  if (!get_number(env, info[0], "tcp.open: family", 4, 6, family)) return env.Undefined();
  const int descriptor = open_tcp(family == 4 ? AF_INET : AF_INET6);
  if (descriptor < 0) return done(env, -descriptor);
  return Napi::Number::New(env, descriptor);
}

Napi::Value set_ttl(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  int64_t descriptor = 0;
  int64_t ttl = 0;
  int64_t minimum = 0;
  if (!get_number(env, info[0], "tcp.setTtl: descriptor", 0, kMaxDescriptor, descriptor) ||
      !get_number(env, info[1], "tcp.setTtl: ttl", 0, kMaxTtl, ttl) ||
      !get_number(env, info[2], "tcp.setTtl: minimum", 0, kMaxTtl, minimum))
    return env.Undefined();
  return done(env, set_tcp_ttl(static_cast<int>(descriptor), static_cast<int>(ttl),
                               static_cast<int>(minimum)));
}

Napi::Value set_password(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  int64_t descriptor = 0;
  int64_t prefix_length = 0;
  std::string text;
  std::string password;
  if (!get_number(env, info[0], "tcp.setPassword: descriptor", 0, kMaxDescriptor, descriptor) ||
      !get_string(info, 1, "tcp.setPassword: address", text) ||
      !get_number(env, info[2], "tcp.setPassword: prefixLength", 0, 128, prefix_length) ||
      !get_string(info, 3, "tcp.setPassword: password", password))
    return env.Undefined();
  Address address;
  if (!Address::parse(text, address)) return done(env, EINVAL);
  return done(env, set_tcp_password(static_cast<int>(descriptor), address,
                                    static_cast<unsigned>(prefix_length), password));
}

}  // namespace

Napi::Object define_tcp(Napi::Env env) {
  Napi::Object tcp = Napi::Object::New(env);
  tcp.Set("open", Napi::Function::New(env, open, "open"));
  tcp.Set("setTtl", Napi::Function::New(env, set_ttl, "setTtl"));
  tcp.Set("setPassword", Napi::Function::New(env, set_password, "setPassword"));
  return tcp;
}

}  // namespace vtep::node
