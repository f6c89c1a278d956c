// class Icmp6 { constructor(ifname, onMessage(bytes, source)); send(bytes); close() }
// Solicitations and advertisements of routers on one interface (RFC 4861). Throws an Error whose
// code is errno's name. It does not hold the process.
#include <errno.h>
#include <uv.h>

#include "../port/icmp6_socket.hpp"
#include "arguments.hpp"
#include "classes.hpp"
#include "exit_hook.hpp"

namespace vtep::node {

namespace {

constexpr int kMessagesAtOnce = 16;

class Icmp6Object : public Napi::ObjectWrap<Icmp6Object> {
 public:
  explicit Icmp6Object(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<Icmp6Object>(info), context_(info.Env(), "vtep icmp6") {
    const Napi::Env env = info.Env();
    std::string ifname;
    if (!get_string(info, 0, "Icmp6: argument 1", ifname)) return;
    if (!info[1].IsFunction()) {
      throw_type_error(env, "Icmp6: argument 2", "a function", info[1]);
      return;
    }
    const int error = open_icmp6(ifname, socket_);
    if (error != 0) {
      throw_errno(env, error);
      return;
    }
    on_message_ = Napi::Persistent(info[1].As<Napi::Function>());
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(env, &loop);
    poll_ = new uv_poll_t;
    poll_->data = this;
    uv_poll_init(loop, poll_, socket_.get());
    uv_poll_start(poll_, UV_READABLE, on_readable);
    uv_unref(reinterpret_cast<uv_handle_t*>(poll_));
    exit_hook_.arm(env, on_exit, this);
  }

  ~Icmp6Object() override { stop(); }

  Napi::Value send(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    std::string bytes;
    if (!get_bytes(info, 0, "Icmp6.send: argument 1", bytes)) return env.Undefined();
    const int error =
        socket_ ? send_icmp6(socket_.get(), reinterpret_cast<const uint8_t*>(bytes.data()),
                             static_cast<unsigned>(bytes.size()))
                : EBADF;
    if (error != 0) throw_errno(env, error);
    return env.Undefined();
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    stop();
    return info.Env().Undefined();
  }

 private:
  static void on_exit(void* self) { static_cast<Icmp6Object*>(self)->stop(); }

  static void on_readable(uv_poll_t* poll, int, int) {
    static_cast<Icmp6Object*>(poll->data)->receive();
  }

  void receive() {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    // What is called may close us.
    for (int i = 0; i < kMessagesAtOnce && socket_; i++) {
      uint8_t message[kIcmp6MaxBytes];
      Address source;
      const int size = receive_icmp6(socket_.get(), message, sizeof message, source);
      if (size < 0) return;
      if (size == 0) continue;
      const std::string_view bytes(reinterpret_cast<const char*>(message),
                                   static_cast<size_t>(size));
      on_message_.MakeCallback(
          env.Global(), {to_buffer(env, bytes), Napi::String::New(env, source.text())}, context_);
    }
  }

  void stop() {
    if (poll_ == nullptr) return;
    uv_poll_stop(poll_);
    uv_close(reinterpret_cast<uv_handle_t*>(poll_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
    poll_ = nullptr;
    socket_.reset();
    on_message_.Reset();
  }

  Descriptor socket_;
  uv_poll_t* poll_ = nullptr;
  Napi::FunctionReference on_message_;
  Napi::AsyncContext context_;
  ExitHook exit_hook_;
};

}  // namespace

Napi::Function define_icmp6(Napi::Env env) {
  return Icmp6Object::DefineClass(env, "Icmp6",
                                  {Icmp6Object::InstanceMethod("send", &Icmp6Object::send),
                                   Icmp6Object::InstanceMethod("close", &Icmp6Object::close)});
}

}  // namespace vtep::node
