// class Bfd { constructor(onState(id, state, diagnostic)); add(options); remove(id); close() }
// BFD sessions on a thread of their own. `add` throws an Error whose code is errno's name. It does
// not hold the process.

#include "../port/bfd_engine.hpp"
#include "arguments.hpp"
#include "classes.hpp"
#include "exit_hook.hpp"

namespace vtep::node {

namespace {

constexpr int64_t kMaxIntervalUs = INT32_MAX;

class BfdObject : public Napi::ObjectWrap<BfdObject> {
 public:
  explicit BfdObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<BfdObject>(info) {
    const Napi::Env env = info.Env();
    if (!info[0].IsFunction()) {
      throw_type_error(env, "Bfd: argument 1", "a function", info[0]);
      return;
    }
    signal_ = Napi::ThreadSafeFunction::New(env, info[0].As<Napi::Function>(), "vtep bfd", 0, 1);
    signal_.Unref(env);
    int error = 0;
    engine_ = BfdEngine::start(
        [signal = signal_](const std::string& id, BfdState state, BfdDiagnostic diagnostic) {
          signal.NonBlockingCall([id, state, diagnostic](Napi::Env env, Napi::Function on_state) {
            on_state.Call({Napi::String::New(env, id),
                           Napi::Number::New(env, static_cast<double>(state)),
                           Napi::Number::New(env, static_cast<double>(diagnostic))});
          });
        },
        error);
    if (engine_ == nullptr) {
      signal_.Release();
      throw_errno(env, error);
      return;
    }
    exit_hook_.arm(env, on_exit, this);
  }

  ~BfdObject() override { stop(); }

  Napi::Value add(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    Napi::Object options;
    std::string id, local, remote;
    int64_t transmit = 0, receive = 0, multiplier = 0;
    BfdPath path;
    if (!get_object(info, 0, "Bfd.add: argument 1", options) ||
        !get_string(options, "id", "Bfd.add", id) ||
        !get_string(options, "local", "Bfd.add", local) ||
        !get_string(options, "remote", "Bfd.add", remote) ||
        !get_string(options, "ifname", "Bfd.add", path.ifname) ||
        !get_number(env, options.Get("transmitUs"), "Bfd.add: option transmitUs", 1, kMaxIntervalUs,
                    transmit) ||
        !get_number(env, options.Get("receiveUs"), "Bfd.add: option receiveUs", 1, kMaxIntervalUs,
                    receive) ||
        !get_number(env, options.Get("multiplier"), "Bfd.add: option multiplier", 1, 255,
                    multiplier))
      return env.Undefined();
    path.multihop = options.Get("multihop").ToBoolean().Value();
    int error = EINVAL;
    if (engine_ != nullptr && Address::parse(local, path.local) &&
        Address::parse(remote, path.remote))
      error = engine_->add(id, path,
                           {static_cast<uint32_t>(transmit), static_cast<uint32_t>(receive),
                            static_cast<uint8_t>(multiplier)});
    if (error != 0) throw_errno(env, error);
    return env.Undefined();
  }

  Napi::Value remove(const Napi::CallbackInfo& info) {
    std::string id;
    if (get_string(info, 0, "Bfd.remove: argument 1", id) && engine_ != nullptr)
      engine_->remove(id);
    return info.Env().Undefined();
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    stop();
    return info.Env().Undefined();
  }

 private:
  static void on_exit(void* self) { static_cast<BfdObject*>(self)->stop(); }

  void stop() {
    if (engine_ == nullptr) return;
    engine_.reset();
    signal_.Release();
  }

  std::unique_ptr<BfdEngine> engine_;
  Napi::ThreadSafeFunction signal_;
  ExitHook exit_hook_;
};

}  // namespace

Napi::Function define_bfd(Napi::Env env) {
  return BfdObject::DefineClass(env, "Bfd",
                                {BfdObject::InstanceMethod("add", &BfdObject::add),
                                 BfdObject::InstanceMethod("remove", &BfdObject::remove),
                                 BfdObject::InstanceMethod("close", &BfdObject::close)});
}

}  // namespace vtep::node
