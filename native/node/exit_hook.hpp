// What has to end before the environment does: at process exit nobody calls close().
#pragma once
#include <napi.h>

namespace vtep::node {

class ExitHook {
 public:
  ExitHook() = default;
  ExitHook(const ExitHook&) = delete;
  ExitHook& operator=(const ExitHook&) = delete;
  ~ExitHook() {
    if (on_exit_ != nullptr) napi_remove_env_cleanup_hook(env_, on_exit_, object_);
  }

  void arm(napi_env env, void (*on_exit)(void*), void* object) {
    env_ = env;
    on_exit_ = on_exit;
    object_ = object;
    napi_add_env_cleanup_hook(env, on_exit, object);
  }

 private:
  napi_env env_ = nullptr;
  void (*on_exit_)(void*) = nullptr;
  void* object_ = nullptr;
};

}  // namespace vtep::node
