// The verbs of the control socket. One more: a method here and a line in kVerbs.
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../port/ring.hpp"
#include "keeper.hpp"
#include "ring_frames.hpp"

namespace vtep {

const Keeper::Verb Keeper::kVerbs[] = {
    {"ping", true, &Keeper::ping},
    {"apply", false, &Keeper::apply},
    {"configure", false, &Keeper::configure},
    {"port-open", false, &Keeper::port_open},
    {"port-close", false, &Keeper::port_close},
    {"port-send", false, &Keeper::port_send},
    {"ring-send", false, &Keeper::ring_send},
    {"ring-receive", false, &Keeper::ring_receive},
    {"capture-start", true, &Keeper::capture_start},
    {"capture-stop", true, &Keeper::capture_stop},
    {"shutdown", false, &Keeper::shut_down},
};

const Keeper::Verb* Keeper::find_verb(std::string_view name) {
  for (const Verb& verb : kVerbs)
    if (name == verb.name) return &verb;
  return nullptr;
}

namespace {

// key=value lines, each key once; `take` answers false for a key it does not keep, which then goes
// to the options of the kind.
template <class Take>
bool parse_lines(std::string_view text, Options& options, Take take, std::string& error) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const size_t equals = line.find('=');
    if (equals == 0 || equals == std::string::npos || line.find('\0') != std::string::npos) {
      error = "expected lines of key=value, got " + quote(line);
      return false;
    }
    const std::string key = line.substr(0, equals);
    if (!take(key, line.substr(equals + 1))) options.set(key, line.substr(equals + 1));
  }
  return true;
}

}  // namespace

void Keeper::request(const Session& session, const Message& message) {
  if (const Verb* verb = find_verb(message.verb)) return (this->*verb->run)(session, message);
  std::string known;
  for (const Verb& verb : kVerbs) known += std::string(known.empty() ? "" : ", ") + verb.name;
  control_.fail(session.number, message.id,
                "verb " + quote(message.verb) + ": expected one of " + known);
}

void Keeper::ping(const Session& session, const Message& message) {
  control_.reply(session.number, message.id, {});
}

// Answers when every worker sees the result: what is sent into a port afterwards is switched by it.
void Keeper::apply(const Session& session, const Message& message) {
  const ApplyResult result = tables_.apply(reinterpret_cast<const uint8_t*>(message.payload.data()),
                                           message.payload.size());
  std::string failure;
  if (result.failed > 0) {
    failure = "operation " + std::to_string(message.base + result.index) + " (code " +
              std::to_string(result.code) +
              "): " + (result.reason == nullptr ? "refused" : result.reason);
    if (result.failed > 1) failure += "; " + std::to_string(result.failed) + " operations failed";
  }
  after_quiescence([this, number = session.number, id = message.id, failure] {
    if (failure.empty()) {
      control_.reply(number, id, {});
    } else {
      control_.fail(number, id, failure);
    }
  });
}

void Keeper::configure(const Session& session, const Message& message) {
  UnderlaySpec spec;
  std::string error, port = "4789", learn_limit = "0";
  const auto take = [&](const std::string& key, const std::string& value) {
    if (key == "address") {
      spec.address = value;
    } else if (key == "replicatorAddress") {
      spec.replicator = value;
    } else if (key == "udpPort") {
      port = value;
    } else if (key == "uplink") {
      spec.kind = value;
    } else if (key == "interfaces") {
      spec.interfaces = value;
    } else if (key == "learnLimit") {
      learn_limit = value;
    } else {
      return false;
    }
    return true;
  };
  uint64_t number = 0;
  if (!parse_lines(message.payload, spec.options, take, error))
    return control_.fail(session.number, message.id, "configure: " + error);
  if (!parse_decimal(port, UINT16_MAX, number) || number == 0)
    return control_.fail(session.number, message.id,
                         "configure: udpPort: expected 1 to 65535, got " + quote(port));
  spec.udp_port = static_cast<uint16_t>(number);
  if (!parse_decimal(learn_limit, UINT32_MAX, number))
    return control_.fail(
        session.number, message.id,
        "configure: learnLimit: expected a number of entries, got " + quote(learn_limit));
  underlay_.configure(spec, [this, session = session.number, id = message.id,
                             number](const UnderlayResult& result) {
    if (!result.error.empty()) return control_.fail(session, id, result.error);
    tables_.set_learn_limit(static_cast<uint32_t>(number));
    std::string refusal = fast_path_refusal_;
    if (refusal.empty()) refusal = devices_.fast_path_refusal();
    control_.reply(
        session, id,
        "kind=" + result.kind + "\nreason=" + result.reason + "\nfastPath=" + refusal + "\n");
  });
}

void Keeper::port_open(const Session& session, const Message& message) {
  std::string name, kind, error;
  Options options;
  const auto take = [&](const std::string& key, const std::string& value) {
    if (key == "name") {
      name = value;
    } else if (key == "kind") {
      kind = value;
    } else {
      return false;
    }
    return true;
  };
  if (!parse_lines(message.payload, options, take, error))
    return control_.fail(session.number, message.id, "port-open: " + error);
  const uint32_t id = devices_.open(name, kind, options, error);
  if (id == 0) return control_.fail(session.number, message.id, error);
  control_.reply(session.number, message.id, std::to_string(id));
}

void Keeper::port_close(const Session& session, const Message& message) {
  uint64_t id = 0;
  std::string error;
  if (!parse_decimal(message.payload, UINT32_MAX, id))
    return control_.fail(session.number, message.id,
                         "port-close: expected a port number, got " + quote(message.payload));
  // The number is free, and the row gone from every view, when no worker can look at it any more.
  const auto closed = [this, number = session.number, request = message.id] {
    after_quiescence([this, number, request] { control_.reply(number, request, {}); });
  };
  if (!devices_.close(static_cast<uint32_t>(id), closed, error))
    control_.fail(session.number, message.id, error);
}

// Frames for tenants, each behind its port and length as u32. A frame for a port that is not there,
// or more than can wait, is left out: whoever asks asks again.
void Keeper::port_send(const Session& session, const Message& message) {
  std::string_view rest = message.payload;
  uint32_t head[2];
  for (unsigned index = 0; !rest.empty(); index++) {
    if (rest.size() >= sizeof head) memcpy(head, rest.data(), sizeof head);
    Letter letter;
    if (rest.size() < sizeof head || head[1] > rest.size() - sizeof head ||
        head[1] > sizeof letter.bytes)
      return control_.fail(session.number, message.id,
                           "port-send: frame " + std::to_string(index) +
                               ": expected port, length and at most " +
                               std::to_string(sizeof letter.bytes) + " bytes");
    letter.port = head[0];
    letter.length = head[1];
    memcpy(letter.bytes, rest.data() + sizeof head, head[1]);
    rest.remove_prefix(sizeof head + head[1]);
    if (devices_.port(letter.port) != nullptr) setup_.workers->front()->post(letter);
  }
  control_.reply(session.number, message.id, {});
}

Ring* Keeper::find_ring(const Session& session, const Message& message) {
  uint32_t id = 0;
  if (message.payload.size() >= sizeof id) memcpy(&id, message.payload.data(), sizeof id);
  Port* port = devices_.port(id);
  Ring* ring = port == nullptr ? nullptr : port->ring();
  if (ring == nullptr)
    control_.fail(session.number, message.id,
                  std::string(message.verb) + ": expected the number of an open ring port, got " +
                      std::to_string(id));
  return ring;
}

void Keeper::ring_send(const Session& session, const Message& message) {
  Ring* ring = find_ring(session, message);
  if (ring == nullptr) return;
  std::string_view rest = message.payload.substr(sizeof(uint32_t));
  Frame frame;
  for (unsigned index = 0; !rest.empty(); index++) {
    if (!unpack_ring_frame(rest, frame))
      return control_.fail(
          session.number, message.id,
          "ring-send: frame " + std::to_string(index) + " ends behind the message");
    if (!ring->inject(0, frame.data, frame.length, frame.meta))
      return control_.fail(session.number, message.id,
                           "ring-send: frame " + std::to_string(index) + ": the ring is full");
  }
  control_.reply(session.number, message.id, {});
}

void Keeper::ring_receive(const Session& session, const Message& message) {
  Ring* ring = find_ring(session, message);
  if (ring == nullptr) return;
  std::string out;
  Frame frame;
  while (out.size() + kRingFrameMost + kMessageHeader <= kMaxMessage && ring->take(frame))
    pack_ring_frame(frame, out);
  control_.reply(session.number, message.id, out);
}

// One capture of a session; it ends with the session at the latest. The answer comes when every
// worker looks, with the memory that they write into.
void Keeper::capture_start(const Session& session, const Message& message) {
  CaptureSpec spec;
  std::string error;
  const auto refuse = [&](const std::string& sentence) {
    control_.fail(session.number, message.id, sentence);
  };
  if (!CaptureSpec::parse(message.payload, spec, error)) return refuse(error);
  if (devices_.captures_for(session.number))
    return refuse("capture: this connection has one already; it has one at a time");
  if (devices_.captures() == Capture::kMost)
    return refuse("capture: expected at most " + std::to_string(Capture::kMost) +
                  " at once, all are in use");
  if (spec.port != 0 && devices_.port(spec.port) == nullptr)
    return refuse("capture: port number " + std::to_string(spec.port) + ": is not open");
  auto capture = Capture::open(std::move(spec), devices_.queues(), session.number, error);
  if (capture == nullptr) return refuse(error);
  Descriptor file(fcntl(capture->memory().descriptor(), F_DUPFD_CLOEXEC, 0));
  if (!file) return refuse(std::string("memory of a capture: ") + strerror(errno));
  const bool carried = capture->spec().wants_carried();
  devices_.begin_capture(std::move(capture));
  std::string ports;
  if (carried)
    for (const uint32_t id : fast_path_.watched_ports()) {
      if (!ports.empty()) ports += ',';
      ports += std::to_string(id);
    }
  std::string text = "workers=";
  text.append(std::to_string(devices_.queues())).append("\nleftFastPath=").append(ports);
  text += '\n';
  after_quiescence([this, number = session.number, id = message.id, text,
                    shared = std::make_shared<Descriptor>(std::move(file))] {
    control_.reply(number, id, text, std::move(*shared));
  });
}

void Keeper::capture_stop(const Session& session, const Message& message) {
  devices_.end_capture(session.number);
  control_.reply(session.number, message.id, {});
}

// The reply is the last word: when the client reads it, ports and interfaces are gone.
void Keeper::shut_down(const Session& session, const Message& message) {
  for (const auto& worker : *setup_.workers) worker->stop();
  devices_.close_all();
  settle();
  control_.reply(session.number, message.id, {});
  control_.flush(1000);
  ended_ = true;
}

}  // namespace vtep
