#include "xdp_program.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>

#include <vector>

#include "bpf_map.hpp"
#include "privilege.hpp"

namespace vtep {
namespace {

uint32_t word(const uint8_t* octets) {
  uint32_t value;
  memcpy(&value, octets, sizeof value);
  return value;
}

// Registers: r6 holds the context, r2 the frame, r3 its end, r4 and r5 are scratch.
class Assembler {
 public:
  explicit Assembler(int map) : map_(map) {}

  void begin() {
    emit(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0);
    emit(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, offsetof(xdp_md, data), 0);
    emit(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_3, BPF_REG_1, offsetof(xdp_md, data_end), 0);
  }
  // The frame has this many octets from r2 on.
  void require_length(int32_t octets) {
    emit(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_4, BPF_REG_2, 0, 0);
    emit(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_4, 0, 0, octets);
    to_pass(BPF_JMP | BPF_JGT | BPF_X, BPF_REG_4, BPF_REG_3, 0);
  }
  void load(uint8_t size, int16_t offset) {
    emit(static_cast<uint8_t>(BPF_LDX | BPF_MEM | size), BPF_REG_5, BPF_REG_2, offset, 0);
  }
  void require(uint32_t value) {
    to_pass(BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_5, 0, static_cast<int32_t>(value));
  }
  void require_no_bit(uint32_t mask) {
    to_pass(BPF_JMP32 | BPF_JSET | BPF_K, BPF_REG_5, 0, static_cast<int32_t>(mask));
  }
  // r5 is a number of 16 bits in network order.
  void require_at_most(uint32_t value) {
    emit(BPF_ALU | BPF_END | BPF_TO_BE, BPF_REG_5, 0, 0, 16);
    to_pass(BPF_JMP32 | BPF_JGT | BPF_K, BPF_REG_5, 0, static_cast<int32_t>(value));
  }
  // r2 moves on by the IPv4 header, whose length is taken from the frame.
  void skip_ipv4_header() {
    load(BPF_B, ETH_HLEN);
    emit(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_5, 0, 0, 15);
    emit(BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_5, 0, 0, 2);
    emit(BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_2, BPF_REG_5, 0, 0);
  }
  // One of these addresses lies at `offset`.
  void require_one_of(const std::vector<Address>& addresses, int16_t offset) {
    std::vector<size_t> found;
    for (size_t n = 0; n < addresses.size(); n++) {
      const bool last = n + 1 == addresses.size();
      std::vector<size_t> others;
      for (unsigned i = 0; i < addresses[n].size(); i += 4) {
        load(BPF_W, static_cast<int16_t>(offset + i));
        const uint32_t value = word(addresses[n].octets() + i);
        if (last) {
          require(value);
        } else {
          others.push_back(code_.size());
          emit(BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_5, 0, 0, static_cast<int32_t>(value));
        }
      }
      if (!last) {
        found.push_back(code_.size());
        emit(BPF_JMP | BPF_JA, 0, 0, 0, 0);
      }
      land(others);
    }
    land(found);
  }
  // The instructions of `body`, unless r5 has this value.
  template <class Body>
  void unless(uint32_t value, Body body) {
    const size_t jump = code_.size();
    emit(BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_5, 0, 0, static_cast<int32_t>(value));
    body();
    land({jump});
  }
  // To the socket of the receive queue; XDP_PASS where there is none.
  void redirect() {
    emit(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_6, offsetof(xdp_md, rx_queue_index), 0);
    emit(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map_);
    emit(0, 0, 0, 0, 0);
    emit(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, XDP_PASS);
    emit(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map);
    code_.push_back(kExit);
  }
  const std::vector<bpf_insn>& finish() {
    land(passes_);
    if (!passes_.empty()) code_.insert(code_.end(), {answer(XDP_PASS), kExit});
    return code_;
  }

 private:
  // Jumps that lead to what comes next.
  void land(const std::vector<size_t>& jumps) {
    for (const size_t jump : jumps) code_[jump].off = static_cast<int16_t>(code_.size() - jump - 1);
  }
  void emit(uint8_t code, uint8_t destination, uint8_t source, int16_t offset, int32_t value) {
    code_.push_back(instruction(code, destination, source, offset, value));
  }
  void to_pass(uint8_t code, uint8_t destination, uint8_t source, int32_t value) {
    passes_.push_back(code_.size());
    emit(code, destination, source, 0, value);
  }

  const int map_;
  std::vector<bpf_insn> code_;
  std::vector<size_t> passes_;
};

constexpr int16_t kIp = ETH_HLEN;
constexpr int16_t kUdp6 = kIp + 40, kFragment6 = kUdp6;

void take_ipv4(Assembler& out, const VxlanFilter& filter) {
  out.require_length(kIp + 20 + 8);
  out.load(BPF_H, 12);
  out.require(htons(ETH_P_IP));
  out.load(BPF_B, kIp + 9);
  out.require(IPPROTO_UDP);
  out.require_one_of(filter.addresses, kIp + 16);
  out.load(BPF_H, kIp + 2);
  out.require_at_most(filter.mtu);
  out.load(BPF_H, kIp + 6);
  out.require_no_bit(htons(0x1fff));
  out.skip_ipv4_header();
  out.require_length(kIp + 4);
  out.load(BPF_H, kIp + 2);
  out.require(htons(filter.udp_port));
  out.redirect();
}

void take_ipv6(Assembler& out, const VxlanFilter& filter) {
  out.require_length(kUdp6 + 8);
  out.load(BPF_H, 12);
  out.require(htons(ETH_P_IPV6));
  out.require_one_of(filter.addresses, kIp + 24);
  out.load(BPF_H, kIp + 4);
  out.require_at_most(filter.mtu - 40);
  out.load(BPF_B, kIp + 6);
  out.unless(IPPROTO_UDP, [&] {
    out.require(IPPROTO_FRAGMENT);
    out.require_length(kFragment6 + 8 + 8);
    out.load(BPF_B, kFragment6);
    out.require(IPPROTO_UDP);
    out.load(BPF_H, kFragment6 + 2);
    out.require_no_bit(htons(0xfff8));
    out.load(BPF_H, kFragment6 + 8 + 2);
    out.require(htons(filter.udp_port));
    out.redirect();
  });
  out.load(BPF_H, kUdp6 + 2);
  out.require(htons(filter.udp_port));
  out.redirect();
}

std::string name_of_program(uint32_t number) {
  bpf_attr attributes = {};
  attributes.prog_id = number;
  const Descriptor program(bpf(BPF_PROG_GET_FD_BY_ID, attributes));
  if (!program) return {};
  bpf_prog_info info = {};
  attributes = {};
  attributes.info.bpf_fd = static_cast<uint32_t>(program.get());
  attributes.info.info_len = sizeof info;
  attributes.info.info = reinterpret_cast<uintptr_t>(&info);
  if (bpf(BPF_OBJ_GET_INFO_BY_FD, attributes) != 0) return {};
  return std::string(info.name, strnlen(info.name, sizeof info.name));
}

}  // namespace

std::string foreign_xdp_program(const Link& link) {
  if (link.xdp_program == 0) return {};
  const std::string name = name_of_program(link.xdp_program);
  // What libxdp attaches is taken off by its own tool; a link of some process only by its end.
  const std::string remedy =
      name == "xdp_dispatcher"
          ? "xdp-loader unload " + link.name + " --all"
          : "ip link set dev " + link.name + " xdp off, or end the process that attached it";
  return "XDP program " + std::to_string(link.xdp_program) +
         (name.empty() ? std::string() : " (" + name + ")") + " is attached to " + link.name +
         ", and there can be one; take it off first: " + remedy;
}

bool XdpProgram::load(const VxlanFilter* filter, std::string& error) {
  map_ =
      bpf_map(BPF_MAP_TYPE_XSKMAP, "vtep_sockets", sizeof(uint32_t), sizeof(uint32_t), kMaxQueues);
  if (!map_) {
    error = "XSKMAP: " + refusal(errno, "CAP_BPF and CAP_NET_ADMIN");
    return false;
  }
  Assembler out(map_.get());
  out.begin();
  if (filter == nullptr)
    out.redirect();
  else if (filter->addresses[0].is_v4())
    take_ipv4(out, *filter);
  else
    take_ipv6(out, *filter);
  const std::vector<bpf_insn>& code = out.finish();
  // Multi-buffer frames (jumbo) came with Linux 5.18. The program is loaded for XDP alone, as some
  // kernels want it for a link.
  const char* name = filter == nullptr ? "vtep_port" : "vtep_uplink";
  program_ = load_program(code.data(), code.size(), name, BPF_PROG_TYPE_XDP, BPF_F_XDP_HAS_FRAGS);
  if (!program_ && errno == EINVAL)
    program_ = load_program(code.data(), code.size(), name, BPF_PROG_TYPE_XDP);
  if (!program_) error = "XDP program: " + refusal(errno, "CAP_BPF and CAP_NET_ADMIN");
  return static_cast<bool>(program_);
}

int XdpProgram::set_socket(uint32_t queue, int socket_descriptor) {
  return bpf_map_set(map_, &queue, &socket_descriptor) ? 0 : errno;
}

bool XdpProgram::attach(const Link& link, XdpMode mode, std::string& error) {
  error = foreign_xdp_program(link);
  if (!error.empty()) return false;
  link_ = link_program(program_, link.ifindex, BPF_XDP,
                       mode == XdpMode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
  if (link_) return true;
  error = std::string(mode == XdpMode::native ? "native" : "generic") + " XDP on " + link.name +
          ": " +
          (errno == ENOSPC ? "fewer receive queues than the far end has transmit queues"
                           : refusal(errno, "CAP_BPF and CAP_NET_ADMIN"));
  return false;
}

}  // namespace vtep
