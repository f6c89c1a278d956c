// The short findings of a trace, for switch*.cpp: each only where steps_ is not null.
#pragma once
#include "steps.hpp"
#include "switch_pass.hpp"

namespace vtep {

template <class Step>
void Switch::tell_ip(const uint8_t ip[16]) const {
  Step step;
  static_assert(sizeof step == 16);
  copy(&step, ip, 16);
  steps_->tell(step);
}

template <class Step>
void Switch::tell_mac_ip(uint64_t mac, const uint8_t ip[16]) const {
  Step step;
  store_mac(step.mac, mac);
  copy(step.ip, ip, 16);
  steps_->tell(step);
}

template <class Step>
void Switch::tell_vni_ip(uint32_t vni, const uint8_t ip[16]) const {
  Step step;
  step.vni = vni;
  copy(step.ip, ip, 16);
  steps_->tell(step);
}

}  // namespace vtep
