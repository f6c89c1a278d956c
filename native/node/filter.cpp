// compileFilter(text): tcpdump's language to a program of classic BPF for Ethernet frames, as
// libpcap makes it. The library is looked for when it is wanted: all else works without.
#include <dlfcn.h>
#include <stdint.h>

#include "arguments.hpp"
#include "classes.hpp"

namespace vtep::node {

namespace {

// Of pcap.h, whose binary interface has not changed since version 0.8.
constexpr const char* kLibrary = "libpcap.so.0.8";
constexpr int kEthernet = 1;  // DLT_EN10MB
constexpr int kSnapLength = 262144;
constexpr uint32_t kNetmaskUnknown = 0xffffffff;
constexpr size_t kInstruction = 8;

struct Program {
  unsigned count;
  void* instructions;
};

struct Library {
  void* (*open_dead)(int link_type, int snap_length);
  int (*compile)(void* handle, Program* out, const char* text, int optimize, uint32_t netmask);
  char* (*error)(void* handle);
  void (*free_code)(Program* program);
  void (*close)(void* handle);
};

// Stays loaded.
const Library* find_library(std::string& error) {
  static Library library;
  static const std::string refusal = [] {
    void* file = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    if (file == nullptr) return std::string(dlerror());
    const auto find = [&](const char* name, auto& out) {
      out = reinterpret_cast<std::remove_reference_t<decltype(out)>>(dlsym(file, name));
      return out != nullptr;
    };
    const bool found =
        find("pcap_open_dead", library.open_dead) && find("pcap_compile", library.compile) &&
        find("pcap_geterr", library.error) && find("pcap_freecode", library.free_code) &&
        find("pcap_close", library.close);
    return std::string(found ? "" : "a function is missing in it");
  }();
  if (refusal.empty()) return &library;
  error = std::string("filter: expected libpcap (Debian: libpcap0.8), got ") + refusal;
  return nullptr;
}

// A filter may name hosts, which the resolver has to be asked for: not on JavaScript's thread.
class Compiling : public Napi::AsyncWorker {
 public:
  Compiling(Napi::Env env, std::string text)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        text_(std::move(text)) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    std::string error;
    const Library* library = find_library(error);
    if (library == nullptr) return SetError(error);
    void* handle = library->open_dead(kEthernet, kSnapLength);
    if (handle == nullptr) return SetError("filter: out of memory");
    Program program = {};
    if (library->compile(handle, &program, text_.c_str(), 1, kNetmaskUnknown) != 0) {
      SetError("filter \"" + text_ +
               "\": expected tcpdump's language, got: " + library->error(handle));
    } else {
      program_.assign(static_cast<const char*>(program.instructions), program.count * kInstruction);
      library->free_code(&program);
    }
    library->close(handle);
  }
  void OnOK() override { deferred_.Resolve(to_buffer(Env(), program_)); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  std::string text_, program_;
};

Napi::Value compile_filter(const Napi::CallbackInfo& info) {
  std::string text;
  if (!get_string(info, 0, "compileFilter: argument 1", text)) return info.Env().Undefined();
  // Deletes itself.
  auto* compiling = new Compiling(info.Env(), std::move(text));
  const Napi::Promise promise = compiling->promise();
  compiling->Queue();
  return promise;
}

}  // namespace

Napi::Function define_filter(Napi::Env env) {
  return Napi::Function::New(env, compile_filter, "compileFilter");
}

}  // namespace vtep::node
