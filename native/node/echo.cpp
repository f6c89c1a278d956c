// class Echo { constructor(source, onReply(source, sequence, bytes, nanoseconds));
//              send(target, sequence, bytes); close() }
// ICMP echo from one of our addresses. Throws an Error whose code is errno's name. It does not hold
// the process.
#include <errno.h>
#include <uv.h>

#include "../port/icmp_echo.hpp"
#include "arguments.hpp"
#include "classes.hpp"
#include "exit_hook.hpp"

namespace vtep::node {

namespace {

constexpr int kRepliesAtOnce = 64;

bool get_address(const Napi::CallbackInfo& info, const char* where, Address& out) {
  std::string text;
  if (!get_string(info, 0, where, text)) return false;
  if (Address::parse(text, out)) return true;
  throw_type_error(info.Env(), where, "an IP address", info[0]);
  return false;
}

class EchoObject : public Napi::ObjectWrap<EchoObject> {
 public:
  explicit EchoObject(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<EchoObject>(info), context_(info.Env(), "vtep echo") {
    const Napi::Env env = info.Env();
    Address source;
    if (!get_address(info, "Echo: argument 1", source)) return;
    if (!info[1].IsFunction()) {
      throw_type_error(env, "Echo: argument 2", "a function", info[1]);
      return;
    }
    const int error = socket_.open(source);
    if (error != 0) {
      throw_errno(env, error);
      return;
    }
    on_reply_ = Napi::Persistent(info[1].As<Napi::Function>());
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(env, &loop);
    poll_ = new uv_poll_t;
    poll_->data = this;
    uv_poll_init(loop, poll_, socket_.descriptor());
    uv_poll_start(poll_, UV_READABLE, on_readable);
    uv_unref(reinterpret_cast<uv_handle_t*>(poll_));
    exit_hook_.arm(env, on_exit, this);
  }

  ~EchoObject() override { stop(); }

  Napi::Value send(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    Address target;
    int64_t sequence = 0;
    int64_t bytes = 0;
    if (!get_address(info, "Echo.send: argument 1", target) ||
        !get_number(env, info[1], "Echo.send: argument 2", 0, UINT32_MAX, sequence) ||
        !get_number(env, info[2], "Echo.send: argument 3", kEchoLeastBytes, kEchoMostBytes, bytes))
      return env.Undefined();
    const int error =
        socket_.send(target, static_cast<uint32_t>(sequence), static_cast<unsigned>(bytes));
    if (error != 0) throw_errno(env, error);
    return env.Undefined();
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    stop();
    return info.Env().Undefined();
  }

 private:
  static void on_exit(void* self) { static_cast<EchoObject*>(self)->stop(); }

  static void on_readable(uv_poll_t* poll, int, int) {
    static_cast<EchoObject*>(poll->data)->receive();
  }

  void receive() {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    EchoReply reply;
    // What is called may close us.
    for (int i = 0; i < kRepliesAtOnce && poll_ != nullptr && socket_.receive(reply); i++) {
      on_reply_.MakeCallback(
          env.Global(),
          {Napi::String::New(env, reply.source.text()), Napi::Number::New(env, reply.sequence),
           Napi::Number::New(env, reply.bytes),
           Napi::Number::New(env, static_cast<double>(reply.round_trip_ns))},
          context_);
    }
  }

  void stop() {
    if (poll_ == nullptr) return;
    uv_poll_stop(poll_);
    uv_close(reinterpret_cast<uv_handle_t*>(poll_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
    poll_ = nullptr;
    socket_.close();
    on_reply_.Reset();
  }

  EchoSocket socket_;
  uv_poll_t* poll_ = nullptr;
  Napi::FunctionReference on_reply_;
  Napi::AsyncContext context_;
  ExitHook exit_hook_;
};

}  // namespace

Napi::Function define_echo(Napi::Env env) {
  return EchoObject::DefineClass(env, "Echo",
                                 {EchoObject::InstanceMethod("send", &EchoObject::send),
                                  EchoObject::InstanceMethod("close", &EchoObject::close)});
}

}  // namespace vtep::node
