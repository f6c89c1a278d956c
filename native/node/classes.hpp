// The classes of the addon, and what else has a file of its own.
#pragma once
#include <napi.h>

namespace vtep::node {

Napi::Function define_dataplane(Napi::Env env);
Napi::Function define_client(Napi::Env env);
Napi::Function define_core(Napi::Env env);
Napi::Function define_bfd(Napi::Env env);
Napi::Function define_icmp6(Napi::Env env);
Napi::Function define_filter(Napi::Env env);
Napi::Function define_echo(Napi::Env env);
Napi::Object define_tcp(Napi::Env env);
Napi::Object define_supervisor(Napi::Env env);

}  // namespace vtep::node
