#include "steering.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

#include "bpf_map.hpp"
#include "privilege.hpp"

namespace vtep {
namespace {

// Flows with gaps shorter than this make a worker busy; they do not flee from themselves.
constexpr int32_t kStreamNanoseconds = 1000000;
// No frame is longer than this on its way from the program into the queue: with interrupts off,
// but perhaps on a CPU that a hypervisor has taken away for a moment.
constexpr int32_t kEntryNanoseconds = 1000000;
// What did not come out for so long was lost, in a full queue.
constexpr uint64_t kLostNanoseconds = 20000000;

size_t table_bytes() {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return (sizeof(SteeringTable) + page - 1) & ~(page - 1);
}

uint64_t now_nanoseconds() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

// The program, instruction by instruction. Jumps go forward, to a label that is placed later.
class Program {
 public:
  enum Register : uint8_t { r0, r1, r2, r3, r4, r5, context, hash, table, bucket, frame };
  using Label = std::vector<size_t>;

  void move(Register to, Register from) { emit(BPF_ALU64 | BPF_MOV | BPF_X, to, from); }
  void set(Register to, int32_t value) { emit(BPF_ALU64 | BPF_MOV | BPF_K, to, r0, 0, value); }
  void alu(uint8_t operation, Register to, int32_t value) {
    emit(BPF_ALU64 | operation | BPF_K, to, r0, 0, value);
  }
  void alu(uint8_t operation, Register to, Register from) {
    emit(BPF_ALU64 | operation | BPF_X, to, from);
  }
  void load(uint8_t size, Register to, Register base, size_t offset) {
    emit(BPF_LDX | BPF_MEM | size, to, base, static_cast<int16_t>(offset));
  }
  void load_stack(uint8_t size, Register to, int offset) {
    emit(BPF_LDX | BPF_MEM | size, to, frame, static_cast<int16_t>(offset));
  }
  void store(uint8_t size, Register base, size_t offset, Register from) {
    emit(BPF_STX | BPF_MEM | size, base, from, static_cast<int16_t>(offset));
  }
  void jump(Label& label) { branch(BPF_JA, r0, r0, 0, label); }
  void jump_if(uint8_t test, Register left, int32_t right, Label& label) {
    branch(test | BPF_K, left, r0, right, label);
  }
  void jump_if(uint8_t test, Register left, Register right, Label& label) {
    branch(test | BPF_X, left, right, 0, label);
  }
  void place(const Label& label) {
    for (const size_t at : label) code_[at].off = static_cast<int16_t>(code_.size() - at - 1);
  }
  // Adds `value` to memory; what was there before is in it then.
  void fetch_add(Register base, size_t offset, Register value) {
    emit(BPF_STX | BPF_ATOMIC | BPF_DW, base, value, static_cast<int16_t>(offset),
         BPF_ADD | BPF_FETCH);
  }
  void call(int32_t helper) { emit(BPF_JMP | BPF_CALL, r0, r0, 0, helper); }
  void exit() { emit(BPF_JMP | BPF_EXIT, r0, r0); }
  void map_address(Register to, int map) {
    emit(BPF_LD | BPF_DW | BPF_IMM, to, static_cast<Register>(BPF_PSEUDO_MAP_VALUE), 0, map);
    emit(0, r0, r0);
  }
  // Octets of the frame, counted from its Ethernet or network header, onto the stack; zeros when
  // there are not so many.
  void fetch(int start, int32_t offset, int32_t length, int stack) {
    move(r1, context);
    set(r2, offset);
    move(r3, frame);
    alu(BPF_ADD, r3, stack);
    set(r4, length);
    set(r5, start);
    call(BPF_FUNC_skb_load_bytes_relative);
  }
  void mix(uint8_t size, int stack) {
    load_stack(size, r1, stack);
    alu(BPF_XOR, hash, r1);
    alu(BPF_MUL, hash, 0x5bd1e995);
    move(r1, hash);
    alu(BPF_RSH, r1, 29);
    alu(BPF_XOR, hash, r1);
  }

  const std::vector<bpf_insn>& code() const { return code_; }

 private:
  void emit(int code, Register to, Register from, int16_t offset = 0, int32_t value = 0) {
    code_.push_back(instruction(code, to, from, offset, value));
  }
  void branch(int code, Register left, Register right, int32_t value, Label& label) {
    label.push_back(code_.size());
    emit(BPF_JMP | code, left, right, 0, value);
  }

  std::vector<bpf_insn> code_;
};

// Mixes ports into the hash for TCP and UDP, whose number is in r1.
void hash_ports(Program& out, int32_t offset, Program::Label& done) {
  Program::Label ports;
  out.jump_if(BPF_JEQ, Program::r1, IPPROTO_TCP, ports);
  out.jump_if(BPF_JNE, Program::r1, IPPROTO_UDP, done);
  out.place(ports);
  out.fetch(BPF_HDR_START_NET, offset, 4, -8);
  out.mix(BPF_W, -8);
  out.jump(done);
}

// The hash of the flow: addresses and ports; without ports for fragments, which have none but in
// the first; the Ethernet addresses for what is not IP.
void hash_flow(Program& out) {
  Program::Label v4, v6, done;
  out.set(Program::hash, 0x27d4eb2d);
  out.load(BPF_W, Program::r1, Program::context, offsetof(__sk_buff, protocol));
  out.jump_if(BPF_JEQ, Program::r1, htons(ETH_P_IP), v4);
  out.jump_if(BPF_JEQ, Program::r1, htons(ETH_P_IPV6), v6);
  out.fetch(BPF_HDR_START_MAC, 0, 12, -16);
  out.mix(BPF_DW, -16);
  out.mix(BPF_W, -8);
  out.jump(done);

  out.place(v4);
  out.fetch(BPF_HDR_START_NET, 0, 20, -24);
  out.mix(BPF_W, -12);
  out.mix(BPF_W, -8);
  out.load_stack(BPF_B, Program::r1, -24);
  out.jump_if(BPF_JNE, Program::r1, 0x45, done);
  out.load_stack(BPF_H, Program::r1, -18);
  out.alu(BPF_AND, Program::r1, htons(0x3fff));
  out.jump_if(BPF_JNE, Program::r1, 0, done);
  out.load_stack(BPF_B, Program::r1, -15);
  hash_ports(out, 20, done);

  out.place(v6);
  out.fetch(BPF_HDR_START_NET, 0, 40, -40);
  for (int at = -32; at < 0; at += 8) out.mix(BPF_DW, at);
  out.load_stack(BPF_B, Program::r1, -34);
  hash_ports(out, 40, done);
  out.place(done);
}

std::vector<bpf_insn> steering_program(int map) {
  using P = Program;
  P out;
  P::Label known, not_busy, keep, told;
  out.move(P::context, P::r1);
  out.map_address(P::table, map);
  hash_flow(out);
  static_assert(SteeringTable::kBuckets == 1 << 8 && sizeof(SteeringTable::Bucket) == 1 << 6);
  out.alu(BPF_RSH, P::hash, 16);
  out.alu(BPF_AND, P::hash, SteeringTable::kBuckets - 1);
  out.alu(BPF_LSH, P::hash, 6);
  out.move(P::bucket, P::table);
  out.alu(BPF_ADD, P::bucket, P::hash);
  constexpr size_t kBucket = offsetof(SteeringTable, buckets);
  constexpr size_t kLast = kBucket + offsetof(SteeringTable::Bucket, last);
  constexpr size_t kQueue = kBucket + offsetof(SteeringTable::Bucket, queue);
  constexpr size_t kTicket = kBucket + offsetof(SteeringTable::Bucket, ticket);
  constexpr size_t kHome = kBucket + offsetof(SteeringTable::Bucket, home);

  out.call(BPF_FUNC_ktime_get_ns);
  out.move(P::hash, P::r0);  // the hash is done with; now it is the time
  out.call(BPF_FUNC_get_smp_processor_id);
  out.alu(BPF_AND, P::r0, SteeringTable::kCpus - 1);
  out.alu(BPF_ADD, P::r0, P::table);
  out.load(BPF_B, P::r1, P::r0, offsetof(SteeringTable, home));  // r1: where it should go
  out.jump_if(BPF_JNE, P::r1, SteeringTable::kNone, known);
  out.load(BPF_W, P::r1, P::bucket, kHome);
  out.place(known);
  out.alu(BPF_AND, P::r1, SteeringTable::kQueues - 1);
  out.load(BPF_W, P::r0, P::bucket, kQueue);  // r0: where it goes
  out.alu(BPF_AND, P::r0, SteeringTable::kQueues - 1);
  out.load(BPF_DW, P::r4, P::bucket, kLast);

  const auto row = [&](P::Register to, P::Register queue) {
    out.move(to, queue);
    out.alu(BPF_LSH, to, 6);
    out.alu(BPF_ADD, to, P::table);
  };
  const auto queue_field = [&](uint8_t size, P::Register to, P::Register queue, size_t field) {
    row(to, queue);
    out.load(size, to, to, offsetof(SteeringTable, queues) + field);
  };
  static_assert(sizeof(SteeringTable::Queue) == 1 << 6);
  static_assert(sizeof(SteeringTable::Entrance) == 1 << 6);
  constexpr size_t kBusy = offsetof(SteeringTable::Queue, busy);
  queue_field(BPF_B, P::r2, P::r1, kBusy);
  queue_field(BPF_B, P::r3, P::r0, kBusy);
  out.alu(BPF_OR, P::r3, P::r2);
  P::Label calm;
  out.jump_if(BPF_JEQ, P::r3, 0, calm);
  // One of the two is busy. A stream stays; others go where it is quiet, if it is so anywhere.
  out.move(P::r3, P::hash);
  out.alu(BPF_SUB, P::r3, P::r4);
  out.jump_if(BPF_JLT, P::r3, kStreamNanoseconds, told);
  out.jump_if(BPF_JEQ, P::r2, 0, calm);
  out.load(BPF_B, P::r2, P::table, offsetof(SteeringTable, idle));
  out.jump_if(BPF_JEQ, P::r2, SteeringTable::kNone, calm);
  out.move(P::r1, P::r2);
  out.alu(BPF_AND, P::r1, SteeringTable::kQueues - 1);
  out.place(calm);
  out.jump_if(BPF_JEQ, P::r0, P::r1, told);
  // Is its last frame through? By number, or by time.
  P::Label may_go;
  queue_field(BPF_DW, P::r2, P::r0, offsetof(SteeringTable::Queue, through));
  out.load(BPF_DW, P::r3, P::bucket, kTicket);
  out.jump_if(BPF_JLE, P::r3, P::r2, may_go);
  queue_field(BPF_DW, P::r2, P::r0, offsetof(SteeringTable::Queue, forwarded));
  out.alu(BPF_ADD, P::r4, kEntryNanoseconds);
  out.jump_if(BPF_JGE, P::r4, P::r2, told);
  out.place(may_go);
  out.store(BPF_W, P::bucket, kQueue, P::r1);
  out.move(P::r0, P::r1);
  out.place(told);
  out.store(BPF_DW, P::bucket, kLast, P::hash);
  out.set(P::r2, 1);
  row(P::r1, P::r0);
  out.fetch_add(P::r1, offsetof(SteeringTable, entrances), P::r2);
  out.alu(BPF_ADD, P::r2, 1);
  out.store(BPF_DW, P::bucket, kTicket, P::r2);
  out.exit();
  return out.code();
}

uint64_t entered_of(SteeringTable& table, unsigned queue) {
  return std::atomic_ref(table.entrances[queue].entered).load(std::memory_order_acquire);
}

template <class Value>
void publish(Value& place, Value value) {
  std::atomic_ref(place).store(value, std::memory_order_release);
}

}  // namespace

static_assert(std::atomic_ref<uint64_t>::is_always_lock_free);

std::unique_ptr<Steering> Steering::open(unsigned queues, const std::vector<int>& cpus,
                                         std::string& why_not) {
  std::unique_ptr<Steering> out(new Steering);
  out->queues_ = queues < SteeringTable::kQueues ? queues : SteeringTable::kQueues;
  out->marks_.resize(out->queues_);
  if (!out->load(why_not)) return nullptr;
  SteeringTable& table = *out->table_;
  memset(table.home, SteeringTable::kNone, sizeof table.home);
  for (unsigned i = 0; i < out->queues_ && i < cpus.size(); i++)
    if (cpus[i] >= 0 && cpus[i] < static_cast<int>(SteeringTable::kCpus))
      table.home[cpus[i]] = static_cast<uint8_t>(i);
  table.idle = 0;
  for (unsigned i = 0; i < SteeringTable::kBuckets; i++)
    table.buckets[i].queue = table.buckets[i].home = i % out->queues_;
  return out;
}

Steering::~Steering() {
  if (table_ != nullptr) ::munmap(table_, table_bytes());
}

bool Steering::load(std::string& why_not) {
  map_ = bpf_map(BPF_MAP_TYPE_ARRAY, "vtep_steering", sizeof(uint32_t), sizeof(SteeringTable), 1,
                 BPF_F_MMAPABLE);
  if (map_) {
    void* memory =
        ::mmap(nullptr, table_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, map_.get(), 0);
    if (memory != MAP_FAILED) table_ = static_cast<SteeringTable*>(memory);
  }
  if (table_ != nullptr) {
    const std::vector<bpf_insn> code = steering_program(map_.get());
    program_ = load_program(code.data(), code.size(), "vtep_steer", BPF_PROG_TYPE_SOCKET_FILTER);
  }
  if (!program_) why_not = "steering of flows: " + refusal(errno, "CAP_BPF");
  return static_cast<bool>(program_);
}

void Steering::before(unsigned queue) {
  if (queue >= queues_) return;
  Mark& mark = marks_[queue];
  mark.looked = now_nanoseconds();
  if (mark.time != 0 && mark.left <= 0) {
    publish(table_->queues[queue].forwarded, mark.time);
    mark.time = 0;
  }
  // As many out as in: at this moment there is nothing on its way.
  const uint64_t entered = entered_of(*table_, queue);
  if (entered == mark.taken) publish(table_->queues[queue].through, entered);
}

// A full queue loses frames and does not tell here. What is missing at all looks of some time, and
// what came out without having entered (before the program was there), is settled.
void Steering::count_lost(Mark& mark, uint64_t entered) {
  if (mark.taken >= entered) {
    mark.taken = entered;
    mark.missing = UINT64_MAX;
    return;
  }
  const uint64_t missing = entered - mark.taken;
  if (mark.missing == UINT64_MAX) mark.missing_since = mark.looked;
  if (missing < mark.missing) mark.missing = missing;
  if (mark.looked - mark.missing_since < kLostNanoseconds) return;
  mark.taken += mark.missing;
  mark.missing = UINT64_MAX;
}

void Steering::after(unsigned queue, unsigned found, unsigned ring) {
  if (queue >= queues_) return;
  Mark& mark = marks_[queue];
  mark.taken += found;
  if (found == 0) {
    count_lost(mark, entered_of(*table_, queue));
    publish(table_->queues[queue].forwarded, mark.looked);
    mark.time = 0;
  } else if (mark.time == 0) {
    // What is found now may have come later than the moment: only a whole ring is sure.
    mark.time = mark.looked;
    mark.left = ring;
  } else {
    mark.left -= found;
  }
}

void Steering::set_busy(unsigned queue, bool busy) {
  if (queue >= queues_) return;
  publish(table_->queues[queue].busy, static_cast<uint8_t>(busy));
  uint8_t idle = SteeringTable::kNone;
  for (unsigned i = 0; i < queues_ && idle == SteeringTable::kNone; i++)
    if (std::atomic_ref(table_->queues[i].busy).load(std::memory_order_acquire) == 0)
      idle = static_cast<uint8_t>(i);
  publish(table_->idle, idle);
}

}  // namespace vtep
