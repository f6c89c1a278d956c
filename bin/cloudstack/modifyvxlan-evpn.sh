#!/bin/sh
# In the place of CloudStack's script of this name (agent.properties: network.vxlan.mode=evpn), with its options and exit
# codes: the bridge of a VNI, with the daemon's tap vxlan<VNI> where CloudStack would have a vxlan device of the kernel.

usage() {
  echo "Usage: $0: -o <op>(add | delete) -v <vxlan id> -p <pif> -b <bridge name> (-6)"
  exit 2
}

self=$0
[ ! -h "$self" ] || self=$(readlink -f "$self")
case $self in */*) ;; *) self=./$self ;; esac
. "${self%/*}/vxlan.sh"
read_options o:v:p:b:6 "$@"

lock='--lock /var/run/cloud/vxlan.lock 10'
case $op in
  add) add_vxlan ;;
  delete) delete_vxlan ;;
esac
