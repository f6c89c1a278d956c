// The classes of the addon; one file each.
#pragma once
#include <napi.h>

namespace vtep::node {

Napi::Function define_dataplane(Napi::Env env);
Napi::Function define_client(Napi::Env env);
Napi::Function define_core(Napi::Env env);

}  // namespace vtep::node
