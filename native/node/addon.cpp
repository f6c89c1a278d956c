// What vtep.node exports. Everything here is constant; the classes are in their own files.
#include <napi.h>

#include "../core/tables.gen.hpp"
#include "../port/port.hpp"
#include "../port/uplink.hpp"
#include "classes.hpp"

namespace vtep::node {

namespace {

Napi::Value layout_hash(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), kLayoutHashText);
}

Napi::Value drop_reasons(const Napi::CallbackInfo& info) {
  struct Reason {
    const char* name;
    const char* text;
  };
  static const Reason reasons[] = {
#define DROP(name, text) {#name, text},
#include "../core/drop.def"
#undef DROP
  };
  Napi::Array out = Napi::Array::New(info.Env());
  uint32_t index = 0;
  for (const Reason& reason : reasons) {
    Napi::Object row = Napi::Object::New(info.Env());
    row.Set("name", reason.name);
    row.Set("text", reason.text);
    out.Set(index++, row);
  }
  return out;
}

template <typename Kind>
Napi::Array describe(Napi::Env env, const std::vector<const Kind*>& kinds) {
  Napi::Array out = Napi::Array::New(env);
  uint32_t index = 0;
  for (const Kind* kind : kinds) {
    Napi::Object row = Napi::Object::New(env);
    Napi::Array options = Napi::Array::New(env);
    for (unsigned i = 0; i < kind->option_count; i++) {
      Napi::Object option = Napi::Object::New(env);
      option.Set("name", kind->options[i].name);
      option.Set("type", kind->options[i].type);
      option.Set("fallback", kind->options[i].fallback);
      option.Set("help", kind->options[i].help);
      options.Set(i, option);
    }
    row.Set("name", kind->name);
    row.Set("summary", kind->summary);
    row.Set("options", options);
    out.Set(index++, row);
  }
  return out;
}

Napi::Value describe_ports(const Napi::CallbackInfo& info) {
  return describe(info.Env(), port_kinds());
}
Napi::Value describe_uplinks(const Napi::CallbackInfo& info) {
  return describe(info.Env(), uplink_kinds());
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("layoutHash", Napi::Function::New(env, layout_hash, "layoutHash"));
  exports.Set("dropReasons", Napi::Function::New(env, drop_reasons, "dropReasons"));
  exports.Set("portKinds", Napi::Function::New(env, describe_ports, "portKinds"));
  exports.Set("uplinkKinds", Napi::Function::New(env, describe_uplinks, "uplinkKinds"));
  exports.Set("Dataplane", define_dataplane(env));
  exports.Set("Client", define_client(env));
  exports.Set("Core", define_core(env));
  exports.Set("Bfd", define_bfd(env));
  exports.Set("Icmp6", define_icmp6(env));
  exports.Set("compileFilter", define_filter(env));
  exports.Set("Echo", define_echo(env));
  exports.Set("tcp", define_tcp(env));
  exports.Set("supervisor", define_supervisor(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(vtep, initialize)

}  // namespace vtep::node
