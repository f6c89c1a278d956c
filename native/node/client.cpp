// class Client: a controller's or observer's connection to a dataplane, and its view of the shared
// segment.
//   constructor(path, { onWake, onClosed, readOnly })   request(verb, payload)   snapshot(view)
//   read(view, known)   trace(frame, handOver)   image(vni, seed, most)   counters()
//   drainEvents()   captureRead(most)   dataplanePid()   close()
#include "../worker/client.hpp"

#include <map>

#include "../worker/capture_ring.hpp"
#include "../worker/view.hpp"
#include "arguments.hpp"
#include "classes.hpp"
#include "exit_hook.hpp"

namespace vtep::node {

namespace {

// What the client's thread has to say to JavaScript, one piece at a time.
struct Notice {
  enum class Kind { wake, closed, done } kind;
  uint32_t id = 0;
  bool ok = false;
  std::string text;
  Descriptor file = {};
};

// Tens of megabytes: handed over, not copied.
Napi::Value handed_over(Napi::Env env, std::string octets) {
  auto* owned = new std::string(std::move(octets));
  return Napi::Buffer<char>::New(
      env, owned->data(), owned->size(), [](Napi::Env, char*, std::string* text) { delete text; },
      owned);
}

// Reads a view on a thread of the pool; of one whose digest is known, the local rows are enough.
// Holds the connection, and with it the memory, until it is done.
class Reading : public Napi::AsyncWorker {
 public:
  Reading(Napi::Env env, std::shared_ptr<vtep::Client> client, SegmentView view, std::string name,
          std::string known)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        client_(std::move(client)),
        view_(std::move(view)),
        name_(std::move(name)),
        known_(std::move(known)) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    std::string error;
    if (!view_.snapshot(name_, rows_, error)) return SetError("Client.read: " + error);
    digest_ = std::to_string(SegmentView::digest(name_, rows_));
    if (digest_ != known_) return;
    SegmentView::keep_local(name_, rows_);
    rows_.shrink_to_fit();
  }
  void OnOK() override {
    Napi::Object out = Napi::Object::New(Env());
    out.Set("rows", handed_over(Env(), std::move(rows_)));
    out.Set("digest", Napi::String::New(Env(), digest_));
    deferred_.Resolve(out);
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  std::shared_ptr<vtep::Client> client_;
  SegmentView view_;
  std::string name_, known_, rows_, digest_;
};

// Copies the tables on a thread of the pool, and holds their memory as Reading does.
class Imaging : public Napi::AsyncWorker {
 public:
  Imaging(Napi::Env env, std::shared_ptr<vtep::Client> client, SegmentView view, uint32_t vni,
          uint64_t seed, uint64_t most)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        client_(std::move(client)),
        view_(std::move(view)),
        vni_(vni),
        seed_(seed),
        most_(most) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    std::string error;
    if (!view_.image(vni_, seed_, most_, image_, error)) SetError("image: " + error);
  }
  void OnOK() override { deferred_.Resolve(handed_over(Env(), std::move(image_))); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  std::shared_ptr<vtep::Client> client_;
  SegmentView view_;
  uint32_t vni_;
  uint64_t seed_, most_;
  std::string image_;
};

class ClientObject : public Napi::ObjectWrap<ClientObject> {
 public:
  explicit ClientObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ClientObject>(info) {
    const Napi::Env env = info.Env();
    Napi::Object options;
    Napi::Function on_wake, on_closed;
    ClientSetup setup;
    if (!get_string(info, 0, "Client: argument 1", setup.path) ||
        !get_object(info, 1, "Client: argument 2", options) ||
        !get_function(options, "onWake", "Client", on_wake) ||
        !get_function(options, "onClosed", "Client", on_closed))
      return;
    if (!options.Get("readOnly").IsBoolean()) {
      throw_type_error(env, "Client: option readOnly", "a boolean", options.Get("readOnly"));
      return;
    }
    setup.read_only = options.Get("readOnly").As<Napi::Boolean>();
    setup.layout_hash = kLayoutHashText;
    setup.on_wake = [this] { post({Notice::Kind::wake, 0, true, {}}); };
    setup.on_closed = [this](const std::string& reason) {
      post({Notice::Kind::closed, 0, false, reason});
    };

    on_wake_ = Napi::Persistent(on_wake);
    on_closed_ = Napi::Persistent(on_closed);
    signal_ = Napi::ThreadSafeFunction::New(
        env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), "vtep client", 0, 1);
    signal_.Unref(env);
    ClientFailure failure;
    client_ = vtep::Client::connect(std::move(setup), failure);
    if (client_ == nullptr) {
      signal_.Release();
      coded_error(env, failure.code, failure.sentence).ThrowAsJavaScriptException();
      return;
    }
    std::string error;
    if (!view_.attach(client_->memory().data(), client_->memory().size(), error)) {
      stop();
      coded_error(env, "LAYOUT_MISMATCH", error).ThrowAsJavaScriptException();
      return;
    }
    exit_hook_.arm(env, on_exit, this);
  }

  ~ClientObject() override {
    stop();
    *self_ = nullptr;
  }

  Napi::Value request(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    std::string verb, payload;
    if (!get_string(info, 0, "Client.request: argument 1", verb) ||
        !get_bytes(info, 1, "Client.request: argument 2", payload))
      return env.Undefined();
    const Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(env);
    if (client_ == nullptr) {
      deferred.Reject(Napi::Error::New(env, "the connection to the dataplane is closed").Value());
      return deferred.Promise();
    }
    const uint32_t id = next_id_++;
    // An answer somebody waits for holds the process; the connection alone does not.
    if (pending_.empty()) signal_.Ref(env);
    pending_.emplace(id, deferred);
    client_->request(std::move(verb), std::move(payload),
                     [this, id](bool ok, std::string text, Descriptor file) {
                       post({Notice::Kind::done, id, ok, std::move(text), std::move(file)});
                     });
    return deferred.Promise();
  }

  Napi::Value snapshot(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    std::string name, rows, error;
    if (!get_string(info, 0, "Client.snapshot: argument 1", name) || !attached(env))
      return env.Undefined();
    if (!view_.snapshot(name, rows, error)) {
      Napi::Error::New(env, "Client.snapshot: " + error).ThrowAsJavaScriptException();
      return env.Undefined();
    }
    return to_buffer(env, rows);
  }

  Napi::Value read(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    std::string name, known, error;
    if (!get_string(info, 0, "Client.read: argument 1", name) ||
        !get_string(info, 1, "Client.read: argument 2", known) || !attached(env))
      return env.Undefined();
    SegmentView view;
    if (!view.attach(client_->memory().data(), client_->memory().size(), error)) {
      Napi::Error::New(env, "Client.read: " + error).ThrowAsJavaScriptException();
      return env.Undefined();
    }
    // Deletes itself.
    auto* reading = new Reading(env, client_, std::move(view), std::move(name), std::move(known));
    const Napi::Promise promise = reading->promise();
    reading->Queue();
    return promise;
  }

  Napi::Value trace(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    std::string input, out, error;
    if (!get_bytes(info, 0, "Client.trace: argument 1", input) || !attached(env))
      return env.Undefined();
    if (!view_.trace(input, info[1].ToBoolean(), out, error)) {
      Napi::Error::New(env, "trace: " + error).ThrowAsJavaScriptException();
      return env.Undefined();
    }
    return to_buffer(env, out);
  }

  Napi::Value image(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    int64_t vni = 0, seed = 0, most = 0;
    if (!get_number(env, info[0], "Client.image: argument 1", 0, 0xffffff, vni) ||
        !get_number(env, info[1], "Client.image: argument 2", 0, UINT32_MAX, seed) ||
        !get_number(env, info[2], "Client.image: argument 3", 1, UINT32_MAX, most) ||
        !attached(env))
      return env.Undefined();
    SegmentView view;
    std::string error;
    if (!view.attach(client_->memory().data(), client_->memory().size(), error)) {
      Napi::Error::New(env, "Client.image: " + error).ThrowAsJavaScriptException();
      return env.Undefined();
    }
    // Deletes itself.
    auto* imaging = new Imaging(env, client_, std::move(view), static_cast<uint32_t>(vni),
                                static_cast<uint64_t>(seed), static_cast<uint64_t>(most));
    const Napi::Promise promise = imaging->promise();
    imaging->Queue();
    return promise;
  }

  Napi::Value counters(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!attached(env)) return env.Undefined();
    std::vector<uint64_t> drops;
    std::string ports, uplink;
    view_.counters(drops, ports, uplink);
    Napi::Array reasons = Napi::Array::New(env, drops.size());
    for (uint32_t i = 0; i < drops.size(); i++) reasons.Set(i, Napi::BigInt::New(env, drops[i]));
    Napi::Object out = Napi::Object::New(env);
    out.Set("drops", reasons);
    out.Set("ports", to_buffer(env, ports));
    out.Set("uplink", to_buffer(env, uplink));
    return out;
  }

  Napi::Value drain_events(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!attached(env)) return env.Undefined();
    std::string rows;
    bool lost = false;
    const uint64_t last = view_.drain_events(rows, lost);
    client_->drained(last);
    Napi::Object out = Napi::Object::New(env);
    out.Set("events", to_buffer(env, rows));
    out.Set("lost", lost);
    return out;
  }

  // Records of this connection's capture, and what it has missed up to now.
  Napi::Value capture_read(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    int64_t most = 0;
    if (!get_number(env, info[0], "Client.captureRead: argument 1", 1, kMostRecords, most))
      return env.Undefined();
    std::string records;
    if (capture_ == nullptr || !capture_->reader.read(records, static_cast<size_t>(most))) {
      const char* what = capture_ == nullptr ? "no capture is on" : "its memory is damaged";
      Napi::Error::New(env, std::string("Client.captureRead: ") + what)
          .ThrowAsJavaScriptException();
      return env.Undefined();
    }
    const CaptureReader::Missed missed = capture_->reader.missed();
    Napi::Object out = Napi::Object::New(env);
    out.Set("records", to_buffer(env, records));
    out.Set("missedRoom", Napi::Number::New(env, static_cast<double>(missed.room)));
    out.Set("missedRate", Napi::Number::New(env, static_cast<double>(missed.rate)));
    return out;
  }

  Napi::Value dataplane_pid(const Napi::CallbackInfo& info) {
    if (!attached(info.Env())) return info.Env().Undefined();
    return Napi::Number::New(info.Env(), client_->dataplane_pid());
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    stop();
    return info.Env().Undefined();
  }

 private:
  static constexpr int64_t kMostRecords = 64 << 20;
  struct OpenCapture {
    CaptureMemory memory;
    CaptureReader reader{memory};
  };

  // The answer to a request came with a descriptor: the memory of a capture.
  bool begin_capture(Descriptor file, const std::string& text, std::string& error) {
    std::string value;
    uint64_t workers = 0;
    auto capture = std::make_unique<OpenCapture>();
    if (!find_value(text, "workers", value) || !parse_decimal(value, Limits::maxWorkers, workers)) {
      error = "capture: expected the number of workers with its memory";
      return false;
    }
    if (!capture->memory.attach(std::move(file), static_cast<unsigned>(workers), error))
      return false;
    capture_ = std::move(capture);
    return true;
  }

  static void on_exit(void* self) { static_cast<ClientObject*>(self)->stop(); }

  bool attached(Napi::Env env) {
    if (client_ != nullptr) return true;
    Napi::Error::New(env, "Client: closed").ThrowAsJavaScriptException();
    return false;
  }

  // Joins the client's thread. What it has posted is still delivered.
  void stop() {
    if (client_ == nullptr) return;
    client_->close();
    client_.reset();
    capture_.reset();
    signal_.Release();
  }

  // The client's thread, or JavaScript's when the connection is closed.
  void post(Notice notice) {
    auto* carried = new Notice(std::move(notice));
    const napi_status status = signal_.NonBlockingCall(
        carried, [self = self_](Napi::Env env, Napi::Function, Notice* raw) {
          const std::unique_ptr<Notice> arrived(raw);
          if (static_cast<napi_env>(env) != nullptr && *self != nullptr)
            (*self)->deliver(env, *arrived);
        });
    if (status != napi_ok) delete carried;
  }

  void deliver(Napi::Env env, Notice& notice) {
    const Napi::HandleScope scope(env);
    if (notice.kind == Notice::Kind::wake) {
      if (client_ != nullptr) on_wake_.Call({});
    } else if (notice.kind == Notice::Kind::closed) {
      if (client_ != nullptr) on_closed_.Call({Napi::String::New(env, notice.text)});
    } else {
      const auto found = pending_.find(notice.id);
      if (found == pending_.end()) return;
      const Napi::Promise::Deferred deferred = found->second;
      pending_.erase(found);
      if (pending_.empty() && client_ != nullptr) signal_.Unref(env);
      std::string error = notice.text;
      if (notice.file && !begin_capture(std::move(notice.file), notice.text, error))
        notice.ok = false;
      if (notice.ok) {
        deferred.Resolve(to_buffer(env, notice.text));
      } else {
        deferred.Reject(Napi::Error::New(env, error).Value());
      }
    }
  }

  // Notices that are still queued when the object is collected find null here. JavaScript's thread
  // only.
  std::shared_ptr<ClientObject*> self_ = std::make_shared<ClientObject*>(this);
  std::shared_ptr<vtep::Client> client_;
  SegmentView view_;
  std::unique_ptr<OpenCapture> capture_;
  Napi::ThreadSafeFunction signal_;
  Napi::FunctionReference on_wake_, on_closed_;
  std::map<uint32_t, Napi::Promise::Deferred> pending_;
  uint32_t next_id_ = 1;
  ExitHook exit_hook_;
};

}  // namespace

Napi::Function define_client(Napi::Env env) {
  return ClientObject::DefineClass(
      env, "Client",
      {ClientObject::InstanceMethod("request", &ClientObject::request),
       ClientObject::InstanceMethod("snapshot", &ClientObject::snapshot),
       ClientObject::InstanceMethod("read", &ClientObject::read),
       ClientObject::InstanceMethod("trace", &ClientObject::trace),
       ClientObject::InstanceMethod("image", &ClientObject::image),
       ClientObject::InstanceMethod("counters", &ClientObject::counters),
       ClientObject::InstanceMethod("drainEvents", &ClientObject::drain_events),
       ClientObject::InstanceMethod("captureRead", &ClientObject::capture_read),
       ClientObject::InstanceMethod("dataplanePid", &ClientObject::dataplane_pid),
       ClientObject::InstanceMethod("close", &ClientObject::close)});
}

}  // namespace vtep::node
