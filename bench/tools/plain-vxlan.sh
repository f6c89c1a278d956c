#!/bin/sh
# What a plain script does for a VNI's bridge, by `ip link`: a step at a time as CloudStack's own, or in as few commands as can be.
#   plain-vxlan.sh add|delete|add-short|delete-short VNI BRIDGE ADDRESS
set -e
device=vxlan$2 bridge=$3

silence() {
  echo 1 >"/proc/sys/net/ipv6/conf/$1/disable_ipv6"
}

case $1 in
  add)
    ip link add "$device" type vxlan id "$2" local "$4" dstport 4789 nolearning
    ip link set "$device" up
    silence "$device"
    ip link add name "$bridge" type bridge
    ip link set "$bridge" up
    silence "$bridge"
    ip link set "$device" master "$bridge"
    ;;
  delete)
    ip link set "$device" nomaster
    ip link delete "$device"
    ip link set "$bridge" down
    ip link delete "$bridge" type bridge
    ;;
  add-short)
    ip link add name "$bridge" up type bridge
    ip link add name "$device" up master "$bridge" type vxlan id "$2" local "$4" dstport 4789 nolearning
    silence "$device"
    silence "$bridge"
    ;;
  delete-short)
    ip link delete "$device"
    ip link delete "$bridge"
    ;;
esac
