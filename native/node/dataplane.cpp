// class Dataplane { constructor({ workers, polling?, cpus?, fastPath?, controlPath, onShutdown? });
//   ref(); unref(); beats(); close() }
// Runs its threads in this process. unref'd: it does not hold the process unless asked to.
#include "../worker/dataplane.hpp"

#include "arguments.hpp"
#include "classes.hpp"
#include "exit_hook.hpp"

namespace vtep::node {

namespace {

constexpr int64_t kMaxWorkers = 16;  // limits.maxWorkers of the layout
constexpr int64_t kMaxCpu = 65535;

struct PollingMode {
  const char* name;
  Polling::Mode mode;
};
const PollingMode kPollingModes[] = {{"adaptive", Polling::Mode::adaptive},
                                     {"never", Polling::Mode::never},
                                     {"always", Polling::Mode::always}};

bool get_polling(Napi::Env env, const Napi::Value& value, Polling::Mode& out) {
  if (value.IsUndefined()) return true;
  for (const PollingMode& each : kPollingModes) {
    if (!value.IsString() || value.As<Napi::String>().Utf8Value() != each.name) continue;
    out = each.mode;
    return true;
  }
  throw_type_error(env, "Dataplane: option polling", "adaptive, never or always", value);
  return false;
}

bool get_cpus(Napi::Env env, const Napi::Value& value, std::vector<int>& out) {
  if (value.IsUndefined()) return true;
  if (!value.IsArray()) {
    throw_type_error(env, "Dataplane: option cpus", "an array of CPU numbers", value);
    return false;
  }
  const auto list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) {
    int64_t cpu = 0;
    if (!get_number(env, list.Get(i), "Dataplane: option cpus", 0, kMaxCpu, cpu)) return false;
    out.push_back(static_cast<int>(cpu));
  }
  return true;
}

class DataplaneObject : public Napi::ObjectWrap<DataplaneObject> {
 public:
  explicit DataplaneObject(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<DataplaneObject>(info) {
    const Napi::Env env = info.Env();
    Napi::Object options;
    DataplaneSetup setup;
    int64_t workers = 1;
    if (!get_object(info, 0, "Dataplane: argument 1", options) ||
        !get_number(env, options.Get("workers"), "Dataplane: option workers", 1, kMaxWorkers,
                    workers) ||
        !get_polling(env, options.Get("polling"), setup.polling) ||
        !get_cpus(env, options.Get("cpus"), setup.cpus) ||
        !get_string(options, "controlPath", "Dataplane", setup.control_path))
      return;
    setup.workers = static_cast<unsigned>(workers);
    if (const Napi::Value fast_path = options.Get("fastPath"); fast_path.IsBoolean())
      setup.fast_path = fast_path.As<Napi::Boolean>().Value();
    Napi::Function on_shutdown = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
    if (!options.Get("onShutdown").IsUndefined() &&
        !get_function(options, "onShutdown", "Dataplane", on_shutdown))
      return;
    signal_ = Napi::ThreadSafeFunction::New(env, on_shutdown, "vtep dataplane", 0, 1);
    signal_.Unref(env);
    setup.on_shutdown = [signal = signal_] { signal.NonBlockingCall(); };
    std::string error;
    dataplane_ = Dataplane::start(std::move(setup), error);
    if (dataplane_ == nullptr) {
      signal_.Release();
      Napi::Error::New(env, error).ThrowAsJavaScriptException();
      return;
    }
    exit_hook_.arm(env, on_exit, this);
  }

  ~DataplaneObject() override { stop(); }

  Napi::Value close(const Napi::CallbackInfo& info) {
    stop();
    return info.Env().Undefined();
  }
  Napi::Value ref(const Napi::CallbackInfo& info) {
    if (dataplane_ != nullptr) signal_.Ref(info.Env());
    return info.Env().Undefined();
  }
  Napi::Value unref(const Napi::CallbackInfo& info) {
    if (dataplane_ != nullptr) signal_.Unref(info.Env());
    return info.Env().Undefined();
  }
  Napi::Value beats(const Napi::CallbackInfo& info) {
    const uint64_t beats = dataplane_ == nullptr ? 0 : dataplane_->beats();
    return Napi::Number::New(info.Env(), static_cast<double>(beats));
  }

 private:
  static void on_exit(void* self) { static_cast<DataplaneObject*>(self)->stop(); }

  void stop() {
    if (dataplane_ == nullptr) return;
    dataplane_.reset();
    signal_.Release();
  }

  std::unique_ptr<Dataplane> dataplane_;
  Napi::ThreadSafeFunction signal_;
  ExitHook exit_hook_;
};

}  // namespace

Napi::Function define_dataplane(Napi::Env env) {
  return DataplaneObject::DefineClass(
      env, "Dataplane",
      {DataplaneObject::InstanceMethod("close", &DataplaneObject::close),
       DataplaneObject::InstanceMethod("ref", &DataplaneObject::ref),
       DataplaneObject::InstanceMethod("unref", &DataplaneObject::unref),
       DataplaneObject::InstanceMethod("beats", &DataplaneObject::beats)});
}

}  // namespace vtep::node
