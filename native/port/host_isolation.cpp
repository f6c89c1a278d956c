#include "host_isolation.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>

#include "bpf_program.hpp"
#include "netlink.hpp"
#include "privilege.hpp"

namespace vtep {
namespace {

constexpr uint16_t kFilterPriority = 0x7674;

const bpf_insn kDropAll[] = {answer(kTcxDrop), kExit};
const bpf_insn kPassMarked[] = {
    instruction(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, BPF_REG_1, offsetof(__sk_buff, mark), 0),
    instruction(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, static_cast<int32_t>(kIsolationMark)),
    answer(kTcxDrop),
    kExit,
    answer(kTcxNext),
    kExit,
};

constexpr char kName[] = "vtep_isolate";

int change_qdisc(Netlink& netlink, uint32_t ifindex, uint16_t type, uint16_t flags) {
  NetlinkMessage message(type, flags);
  auto* body = message.body<tcmsg>();
  body->tcm_ifindex = static_cast<int>(ifindex);
  body->tcm_parent = TC_H_CLSACT;
  body->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
  message.put_string(TCA_KIND, "clsact");
  return netlink.request(message);
}

// program -1 removes the filter.
int change_filter(Netlink& netlink, uint32_t ifindex, uint32_t hook, int program) {
  const bool add = program >= 0;
  NetlinkMessage message(add ? RTM_NEWTFILTER : RTM_DELTFILTER,
                         add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
  auto* body = message.body<tcmsg>();
  body->tcm_ifindex = static_cast<int>(ifindex);
  body->tcm_parent = TC_H_MAKE(TC_H_CLSACT, hook);
  body->tcm_handle = 1;
  body->tcm_info = TC_H_MAKE(uint32_t{kFilterPriority} << 16, htons(ETH_P_ALL));
  message.put_string(TCA_KIND, "bpf");
  if (add) {
    nlattr* options = message.begin(TCA_OPTIONS);
    message.put_u32(TCA_BPF_FD, static_cast<uint32_t>(program));
    message.put_string(TCA_BPF_NAME, kName);
    message.put_u32(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    message.end(options);
  }
  return netlink.request(message);
}

}  // namespace

bool HostIsolation::open(uint32_t ifindex, Method first, std::string& error) {
  if (first == Method::tcx && attach_tcx(ifindex, error)) return true;
  return attach_clsact(ifindex, error);
}

bool HostIsolation::attach_tcx(uint32_t ifindex, std::string& error) {
  const Descriptor drop = load_program(kDropAll, kName), marked = load_program(kPassMarked, kName);
  if (drop && marked) {
    ingress_ = link_program(drop, ifindex, kAttachTcxIngress);
    if (ingress_) egress_ = link_program(marked, ifindex, kAttachTcxEgress);
  }
  if (!egress_) {
    error = "host isolation by tcx: " + refusal(errno, "CAP_BPF and CAP_NET_ADMIN");
    ingress_.reset();
    return false;
  }
  method_ = Method::tcx;
  return true;
}

bool HostIsolation::attach_clsact(uint32_t ifindex, std::string& error) {
  const Descriptor drop = load_program(kDropAll, kName), marked = load_program(kPassMarked, kName);
  if (!drop || !marked) {
    error = "host isolation by clsact: " + refusal(errno, "CAP_BPF and CAP_NET_ADMIN");
    return false;
  }
  Netlink* netlink = Netlink::local(error);
  if (netlink == nullptr) return false;
  int code = change_qdisc(*netlink, ifindex, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
  created_qdisc_ = code == 0;
  if (code == 0 || code == EEXIST)
    code = change_filter(*netlink, ifindex, TC_H_MIN_INGRESS, drop.get());
  if (code == 0) code = change_filter(*netlink, ifindex, TC_H_MIN_EGRESS, marked.get());
  if (code == 0) {
    method_ = Method::clsact;
    ifindex_ = ifindex;
    return true;
  }
  error = "host isolation by clsact: " + refusal(code, "CAP_NET_ADMIN");
  (void)change_filter(*netlink, ifindex, TC_H_MIN_INGRESS, -1);
  if (created_qdisc_) (void)change_qdisc(*netlink, ifindex, RTM_DELQDISC, 0);
  return false;
}

HostIsolation::~HostIsolation() {
  std::string error;
  Netlink* netlink = method_ == Method::clsact ? Netlink::local(error) : nullptr;
  if (netlink == nullptr) return;
  (void)change_filter(*netlink, ifindex_, TC_H_MIN_INGRESS, -1);
  (void)change_filter(*netlink, ifindex_, TC_H_MIN_EGRESS, -1);
  if (created_qdisc_) (void)change_qdisc(*netlink, ifindex_, RTM_DELQDISC, 0);
}

}  // namespace vtep
