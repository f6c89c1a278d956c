// class Core: a switch in private memory, without threads and devices (core/run.hpp). The same
// bytes in and out as the WebAssembly build.
//   constructor({ localAddress, replicatorAddress?, udpPort })   apply(operations)   run(input)
//   snapshot(view) repeat(input, iterations)   drainEvents()   tick(seconds)
//   trace(input)   image(vni)
#include <stdlib.h>

#include <memory>

#include "../core/run.hpp"
#include "../port/address.hpp"
#include "../worker/view.hpp"
#include "arguments.hpp"
#include "classes.hpp"

namespace vtep::node {

namespace {

class CoreObject : public Napi::ObjectWrap<CoreObject> {
 public:
  explicit CoreObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<CoreObject>(info) {
    const Napi::Env env = info.Env();
    Napi::Object options;
    std::string text;
    int64_t udp_port = 0;
    if (!get_object(info, 0, "Core: argument 1", options) ||
        !get_string(options, "localAddress", "Core", text) ||
        !get_number(env, options.Get("udpPort"), "Core: option udpPort", 1, UINT16_MAX, udp_port))
      return;
    Address address, replicator;
    if (!Address::parse(text, address)) {
      throw_type_error(env, "Core: option localAddress", "an IP address",
                       options.Get("localAddress"));
      return;
    }
    if (options.Has("replicatorAddress") &&
        (!get_string(options, "replicatorAddress", "Core", text) ||
         !Address::parse(text, replicator))) {
      throw_type_error(env, "Core: option replicatorAddress", "an IP address",
                       options.Get("replicatorAddress"));
      return;
    }
    LocalUnderlay us(address.bytes, static_cast<uint16_t>(udp_port));
    memcpy(us.replicator, replicator.bytes, sizeof us.replicator);
    const SegmentConfig config;
    // calloc maps zero pages: what is not used costs nothing.
    const size_t size = vtep::Core::bytes_needed(config) + kAlignment;
    memory_.reset(calloc(1, size));
    if (memory_ == nullptr) {
      Napi::Error::New(env, "Core: no memory for " + std::to_string(size) + " bytes")
          .ThrowAsJavaScriptException();
      return;
    }
    const auto start =
        (reinterpret_cast<uintptr_t>(memory_.get()) + kAlignment - 1) & ~(kAlignment - 1);
    start_ = reinterpret_cast<uint8_t*>(start);
    core_ = std::make_unique<vtep::Core>(start_, config, us);
  }

  Napi::Value apply(const Napi::CallbackInfo& info) {
    std::string operations;
    if (!get_bytes(info, 0, "Core.apply: argument 1", operations)) return info.Env().Undefined();
    const ApplyResult result =
        core_->apply(reinterpret_cast<const uint8_t*>(operations.data()), operations.size());
    if (result.failed > 0)
      Napi::Error::New(info.Env(), "operation " + std::to_string(result.index) + " (code " +
                                       std::to_string(result.code) + "): " +
                                       (result.reason == nullptr ? "refused" : result.reason))
          .ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }

  Napi::Value run(const Napi::CallbackInfo& info) {
    std::string input, text;
    if (!get_bytes(info, 0, "Core.run: argument 1", input)) return info.Env().Undefined();
    Output output = output_to(text);
    if (const char* reason =
            core_->run(reinterpret_cast<uint8_t*>(input.data()), input.size(), output)) {
      Napi::Error::New(info.Env(), std::string("Core.run: ") + reason).ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    return to_buffer(info.Env(), {text.data(), output.length});
  }

  // What run() would do with one frame, step by step (core/tracer.hpp); nothing changes.
  Napi::Value trace(const Napi::CallbackInfo& info) {
    std::string input, text;
    if (!get_bytes(info, 0, "Core.trace: argument 1", input)) return info.Env().Undefined();
    const Segment& segment = core_->segment();
    if (tracer_ == nullptr) {
      scratch_ = std::make_unique<uint64_t[]>(Tracer::scratch_needed(segment) / sizeof(uint64_t));
      tracer_ = std::make_unique<Tracer>(segment, scratch_.get());
    }
    Output output = output_to(text);
    if (const char* reason = tracer_->trace(reinterpret_cast<uint8_t*>(input.data()), input.size(),
                                            &core_->worker(), Unresolved::drop, output)) {
      Napi::Error::New(info.Env(), std::string("Core.trace: ") + reason)
          .ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    return to_buffer(info.Env(), {text.data(), output.length});
  }

  // The tables in one small segment (core/image.hpp).
  Napi::Value image(const Napi::CallbackInfo& info) {
    int64_t vni = 0;
    if (!get_number(info.Env(), info[0], "Core.image: argument 1", 0, 0xffffff, vni))
      return info.Env().Undefined();
    SegmentView view;
    std::string text, error;
    if (!view.attach(start_, core_->segment().header().size, error) ||
        !view.image(static_cast<uint32_t>(vni), 0, UINT32_MAX, text, error)) {
      Napi::Error::New(info.Env(), "Core.image: " + error).ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    return to_buffer(info.Env(), text);
  }

  // For measuring: the same frames many times without output. Gives the frames that went out.
  Napi::Value repeat(const Napi::CallbackInfo& info) {
    std::string input;
    int64_t iterations = 0;
    if (!get_bytes(info, 0, "Core.repeat: argument 1", input) ||
        !get_number(info.Env(), info[1], "Core.repeat: argument 2", 1, UINT32_MAX, iterations))
      return info.Env().Undefined();
    std::string frames;
    Output scratch = output_to(frames);
    const uint64_t emitted = core_->repeat(reinterpret_cast<uint8_t*>(input.data()), input.size(),
                                           static_cast<uint32_t>(iterations), scratch);
    return Napi::Number::New(info.Env(), static_cast<double>(emitted));
  }

  Napi::Value snapshot(const Napi::CallbackInfo& info) {
    std::string name, text;
    View view;
    if (!get_string(info, 0, "Core.snapshot: argument 1", name)) return info.Env().Undefined();
    if (!view_by_name(name.data(), name.size(), view)) {
      throw_type_error(info.Env(), "Core.snapshot: argument 1",
                       "port, network, remote, flood, mac or neighbour", info[0]);
      return info.Env().Undefined();
    }
    Output output = output_to(text);
    core_->snapshot(view, output);
    return to_buffer(info.Env(), {text.data(), output.length});
  }

  Napi::Value drain_events(const Napi::CallbackInfo& info) {
    std::string text;
    bool lost = false;
    Output output = output_to(text);
    core_->drain_events(output, lost);
    Napi::Object out = Napi::Object::New(info.Env());
    out.Set("events", to_buffer(info.Env(), {text.data(), output.length}));
    out.Set("lost", lost);
    return out;
  }

  Napi::Value tick(const Napi::CallbackInfo& info) {
    int64_t seconds = 0;
    if (get_number(info.Env(), info[0], "Core.tick: argument 1", 0, UINT32_MAX, seconds))
      core_->tick(static_cast<uint32_t>(seconds));
    return info.Env().Undefined();
  }

 private:
  static constexpr uintptr_t kAlignment = 64;
  struct Free {
    void operator()(void* memory) const { free(memory); }
  };

  std::unique_ptr<void, Free> memory_;
  uint8_t* start_ = nullptr;
  std::unique_ptr<vtep::Core> core_;
  std::unique_ptr<uint64_t[]> scratch_;
  std::unique_ptr<Tracer> tracer_;  // from the first trace on
};

}  // namespace

Napi::Function define_core(Napi::Env env) {
  return CoreObject::DefineClass(
      env, "Core",
      {CoreObject::InstanceMethod("apply", &CoreObject::apply),
       CoreObject::InstanceMethod("run", &CoreObject::run),
       CoreObject::InstanceMethod("repeat", &CoreObject::repeat),
       CoreObject::InstanceMethod("trace", &CoreObject::trace),
       CoreObject::InstanceMethod("image", &CoreObject::image),
       CoreObject::InstanceMethod("snapshot", &CoreObject::snapshot),
       CoreObject::InstanceMethod("drainEvents", &CoreObject::drain_events),
       CoreObject::InstanceMethod("tick", &CoreObject::tick)});
}

}  // namespace vtep::node
