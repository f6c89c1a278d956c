// tcp: { open(family): descriptor; setTtl(descriptor, ttl, minimum);
//   setPassword(descriptor, address, prefixLength, password);
//   addKey(descriptor, address, prefixLength, sendId, receiveId, algorithm, password, isFirst);
//   removeKey(descriptor, address, prefixLength, sendId, receiveId) }
// For sockets that Node.js uses under their descriptors. Throws an Error whose code is errno's
// name.
#include <errno.h>

#include "../port/tcp_ao.hpp"
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

// The arguments that both functions for keys begin with.
struct KeyPlace {
  int64_t descriptor = 0;
  int64_t prefix_length = 0;
  int64_t send_id = 0;
  int64_t receive_id = 0;
  Address address;
};

bool get_place(const Napi::CallbackInfo& info, KeyPlace& out) {
  const Napi::Env env = info.Env();
  std::string text;
  if (!get_number(env, info[0], "tcp key: descriptor", 0, kMaxDescriptor, out.descriptor) ||
      !get_string(info, 1, "tcp key: address", text) ||
      !get_number(env, info[2], "tcp key: prefixLength", 0, 128, out.prefix_length) ||
      !get_number(env, info[3], "tcp key: sendId", 0, UINT8_MAX, out.send_id) ||
      !get_number(env, info[4], "tcp key: receiveId", 0, UINT8_MAX, out.receive_id))
    return false;
  if (Address::parse(text, out.address)) return true;
  throw_errno(env, EINVAL);
  return false;
}

Napi::Value add_key(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  KeyPlace place;
  TcpAoKey key;
  if (!get_place(info, place) || !get_string(info, 5, "tcp.addKey: algorithm", key.algorithm) ||
      !get_string(info, 6, "tcp.addKey: password", key.password))
    return env.Undefined();
  key.send_id = static_cast<uint8_t>(place.send_id);
  key.receive_id = static_cast<uint8_t>(place.receive_id);
  return done(env,
              add_tcp_ao_key(static_cast<int>(place.descriptor), place.address,
                             static_cast<unsigned>(place.prefix_length), key, info[7].ToBoolean()));
}

Napi::Value remove_key(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  KeyPlace place;
  if (!get_place(info, place)) return env.Undefined();
  return done(env, remove_tcp_ao_key(static_cast<int>(place.descriptor), place.address,
                                     static_cast<unsigned>(place.prefix_length),
                                     static_cast<uint8_t>(place.send_id),
                                     static_cast<uint8_t>(place.receive_id)));
}

}  // namespace

Napi::Object define_tcp(Napi::Env env) {
  Napi::Object tcp = Napi::Object::New(env);
  tcp.Set("open", Napi::Function::New(env, open, "open"));
  tcp.Set("setTtl", Napi::Function::New(env, set_ttl, "setTtl"));
  tcp.Set("setPassword", Napi::Function::New(env, set_password, "setPassword"));
  tcp.Set("addKey", Napi::Function::New(env, add_key, "addKey"));
  tcp.Set("removeKey", Napi::Function::New(env, remove_key, "removeKey"));
  return tcp;
}

}  // namespace vtep::node
