// Programs of a few instructions for the tcx hooks of an interface (Linux 6.6) and for XDP, written
// by hand: no compiler and no loader library is needed for them.
#pragma once
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "descriptor.hpp"

namespace vtep {

// Newer than the headers this builds with: enum bpf_attach_type, enum tcx_action_base. The verdicts
// are those of TC_ACT_UNSPEC and TC_ACT_SHOT.
constexpr uint32_t kAttachTcxIngress = 46, kAttachTcxEgress = 47;
constexpr int32_t kTcxNext = -1, kTcxDrop = 2;
constexpr uint32_t kLinkFirst = 1 << 3;  // BPF_F_BEFORE: in front of all that is there
constexpr uint32_t kLinkLast = 1 << 4;   // BPF_F_AFTER

inline int bpf(int command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

constexpr bpf_insn instruction(int code, uint8_t destination, uint8_t source, int16_t offset,
                               int32_t value) {
  bpf_insn result = {};
  result.code = static_cast<uint8_t>(code);
  result.dst_reg = destination & 0xf;
  result.src_reg = source & 0xf;
  result.off = offset;
  result.imm = value;
  return result;
}

constexpr bpf_insn set_register(uint8_t number, int32_t value) {
  return instruction(BPF_ALU64 | BPF_MOV | BPF_K, number, 0, 0, value);
}
constexpr bpf_insn answer(int32_t verdict) { return set_register(BPF_REG_0, verdict); }
constexpr bpf_insn kExit = instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);

// Empty with errno when the kernel refuses it. `type` is of enum bpf_prog_type, `flags` BPF_F_.
inline Descriptor load_program(const bpf_insn* program, size_t count, const char* name,
                               uint32_t type, uint32_t flags = 0) {
  bpf_attr attributes = {};
  attributes.prog_type = type;
  attributes.prog_flags = flags;
  attributes.insns = reinterpret_cast<uintptr_t>(program);
  attributes.insn_cnt = static_cast<uint32_t>(count);
  attributes.license = reinterpret_cast<uintptr_t>("Apache-2.0");
  strncpy(attributes.prog_name, name, sizeof attributes.prog_name - 1);
  return Descriptor(bpf(BPF_PROG_LOAD, attributes));
}

template <size_t count>
Descriptor load_program(const bpf_insn (&program)[count], const char* name) {
  return load_program(program, count, name, BPF_PROG_TYPE_SCHED_CLS);
}

// In force while the answer is open. Empty with errno when the kernel refuses it.
inline Descriptor link_program(const Descriptor& program, uint32_t ifindex, uint32_t attach_type,
                               uint32_t flags = 0) {
  bpf_attr attributes = {};
  attributes.link_create.prog_fd = static_cast<uint32_t>(program.get());
  attributes.link_create.target_ifindex = ifindex;
  attributes.link_create.attach_type = attach_type;
  attributes.link_create.flags = flags;
  return Descriptor(bpf(BPF_LINK_CREATE, attributes));
}

}  // namespace vtep
