// A TCP sender by plan, in front of a device that loses some forms of frames: what the watch sees
// of it, and what the guard makes of that.
#include <string.h>

#include <vector>

#include "../../offload_guard.hpp"
#include "check.hpp"

namespace vtep {
namespace {

constexpr uint64_t kMillisecond = 1000000, kSecond = 1000 * kMillisecond;
constexpr uint32_t kMss = 1448, kRow = 3;
using Form = OffloadForm;

// Octets of a frame's headers: Ethernet, tags, IP, TCP.
std::vector<uint8_t> headers(unsigned tags, bool v6, uint16_t port, uint32_t sequence, bool syn) {
  std::vector<uint8_t> out(12, 0x02);
  for (unsigned i = 0; i < tags; i++) out.insert(out.end(), {0x81, 0x00, 0x00, 0x07});
  const size_t ip = out.size() + 2;
  out.resize(ip + (v6 ? 40 : 20) + 20);
  const size_t tcp = out.size() - 20;
  put_net16(&out[ip - 2], v6 ? 0x86dd : 0x0800);
  out[ip] = v6 ? 0x60 : 0x45;
  out[ip + (v6 ? 6 : 9)] = 6;
  put_net16(&out[tcp], port);
  put_net32(&out[tcp + 4], sequence);
  out[tcp + 12] = 0x50;
  out[tcp + 13] = syn ? 0x02 : 0x10;
  return out;
}

// Some flows, each of which sends super-frames and goes back to single segments after a loss.
struct Senders {
  unsigned flows = 3, tags = 0;
  bool v6 = false;
  Form whole = Form::super, single = Form::partial;  // how a super-frame and a segment leave
  std::vector<Form> broken;
  OffloadWatch watch{8};
  std::vector<uint32_t> sequence = std::vector<uint32_t>(16, 1000);

  bool loses(Form form) const {
    for (const Form each : broken)
      if (each == form) return true;
    return false;
  }
  void send(unsigned flow, Form form, uint32_t at, uint32_t length, uint64_t now) {
    const auto bytes = headers(tags, v6, static_cast<uint16_t>(7000 + flow), at, false);
    watch.sent(kRow, form, bytes.data(), static_cast<uint32_t>(bytes.size()) + length, now);
  }
  // A second of it.
  void run(uint64_t second) {
    for (unsigned step = 0; step < 4; step++)
      for (unsigned flow = 0; flow < flows; flow++) {
        const uint64_t now = second * kSecond + step * 250 * kMillisecond;
        uint32_t& next = sequence[flow];
        send(flow, whole, next, 10 * kMss, now);
        if (loses(whole))
          for (unsigned i = 0; i < 10; i++)
            send(flow, single, next + i * kMss, kMss, now + (200 + i) * kMillisecond);
        next += 10 * kMss;
        send(flow, single, next, kMss, now + 220 * kMillisecond);
        if (loses(single)) send(flow, single, next, kMss, now + 240 * kMillisecond);
        next += kMss;
      }
  }
};

bool holds(const OffloadGuard& guard, std::vector<Form> forms) {
  OffloadForms wanted;
  for (const Form form : forms) wanted = wanted | form;
  return guard.off() == wanted;
}

// The device does what it may with what it is given.
void obey(Senders& senders, const OffloadGuard& guard, Form next) {
  if (guard.off().has(senders.whole)) senders.whole = next;
  if (guard.off().has(Form::partial)) senders.single = Form::plain;
}

void finds_super_frames_that_are_lost() {
  for (const unsigned tags : {0u, 1u, 2u})
    for (const bool v6 : {false, true}) {
      Senders senders;
      senders.tags = tags, senders.v6 = v6;
      senders.broken = {Form::super};
      OffloadGuard guard;
      uint64_t second = 100;
      for (; guard.phase() != OffloadGuard::Phase::off && second < 110; second++) {
        senders.run(second);
        guard.judge(senders.watch.read(kRow), second);
        obey(senders, guard, Form::partial);
      }
      CHECK(holds(guard, {Form::super}));
      CHECK(guard.phase() == OffloadGuard::Phase::off && second <= 106);
      // Tried again after ten seconds, found again, and left alone for longer.
      unsigned trials = 0;
      for (uint64_t end = second + 70; second < end; second++) {
        senders.whole = guard.off().has(Form::super) ? Form::partial : Form::super;
        senders.run(second);
        trials += guard.judge(senders.watch.read(kRow), second) && guard.on_trial() ? 1 : 0;
      }
      CHECK(trials == 1 && guard.phase() == OffloadGuard::Phase::off);
    }
}

void goes_on_to_the_next_form() {
  Senders senders;
  senders.single = Form::plain;
  senders.broken = {Form::super, Form::train};
  OffloadGuard guard;
  for (uint64_t second = 100; second < 112; second++) {
    senders.run(second);
    guard.judge(senders.watch.read(kRow), second);
    senders.whole = !guard.off().has(Form::super)   ? Form::super
                    : !guard.off().has(Form::train) ? Form::train
                                                    : Form::plain;
  }
  CHECK(holds(guard, {Form::super, Form::train}) && guard.phase() == OffloadGuard::Phase::off);
}

// A service that is dead: connections are tried again and again, whatever form they have.
void switches_nothing_off_where_nothing_arrives() {
  OffloadWatch watch(8);
  OffloadGuard guard;
  bool tried = false;
  for (uint64_t second = 100; second < 112; second++) {
    for (unsigned flow = 0; flow < 8; flow++) {
      const auto form = guard.off().has(Form::partial) ? Form::plain : Form::partial;
      const auto bytes = headers(0, false, static_cast<uint16_t>(7000 + flow), 1, true);
      watch.sent(kRow, form, bytes.data(), static_cast<uint32_t>(bytes.size()), second * kSecond);
    }
    guard.judge(watch.read(kRow), second);
    tried |= guard.on_trial();
  }
  CHECK(tried && guard.off().empty() && guard.phase() == OffloadGuard::Phase::rest);
}

void leaves_alone_what_works() {
  Senders senders;
  OffloadGuard guard;
  for (uint64_t second = 100; second < 130; second++) {
    senders.run(second);
    CHECK(!guard.judge(senders.watch.read(kRow), second));
  }
  const OffloadWatch::Counts counts = senders.watch.read(kRow);
  CHECK(counts.sent[0] > 60 && counts.repeated[0] == 0);
  CHECK(counts.sent[2] > 60 && counts.repeated[2] == 0);
}

void a_silent_flow_says_nothing() {
  OffloadWatch watch(8);
  const auto send = [&](uint32_t at, uint64_t now) {
    const auto bytes = headers(0, false, 7000, at, false);
    watch.sent(kRow, Form::super, bytes.data(), 54 + 10 * kMss, now);
  };
  send(1000, kSecond);
  // What is behind it leaves at once, so that is no answer.
  send(1000 + 10 * kMss, kSecond + kMillisecond);
  CHECK(watch.read(kRow).sent[0] == 0);
  // A timeout that has doubled twice.
  send(1000, 2 * kSecond);
  CHECK(watch.read(kRow).sent[0] == 1 && watch.read(kRow).repeated[0] == 1);
}

void a_self_test_is_believed() {
  OffloadGuard guard;
  CHECK(guard.set_tested(Form::train) && holds(guard, {Form::train}));
  CHECK(!guard.set_tested(Form::train) && !guard.on_trial());
  CHECK(guard.set_tested({}) && guard.off().empty());
}

}  // namespace

void judge_offloads() {
  finds_super_frames_that_are_lost();
  goes_on_to_the_next_form();
  switches_nothing_off_where_nothing_arrives();
  leaves_alone_what_works();
  a_silent_flow_says_nothing();
  a_self_test_is_believed();
}

}  // namespace vtep
