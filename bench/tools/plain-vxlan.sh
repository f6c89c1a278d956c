#!/bin/sh
# What a plain script does for a VNI's bridge: a step at a time by `ip link`, as CloudStack's own does.
#   plain-vxlan.sh add|delete VNI BRIDGE ADDRESS
set -e
device=vxlan$2 bridge=$3
if [ "$1" = add ]; then
  ip link add "$device" type vxlan id "$2" local "$4" dstport 4789 nolearning
  ip link set "$device" up
  echo 1 >"/proc/sys/net/ipv6/conf/$device/disable_ipv6"
  ip link add name "$bridge" type bridge
  ip link set "$bridge" up
  echo 1 >"/proc/sys/net/ipv6/conf/$bridge/disable_ipv6"
  ip link set "$device" master "$bridge"
else
  ip link set "$device" nomaster
  ip link delete "$device"
  ip link set "$bridge" down
  ip link delete "$bridge" type bridge
fi
