#!/bin/sh
# In the place of CloudStack's script of this name, with its options and exit codes. There is no multicast: the far VTEPs
# come from EVPN or from the daemon's configuration, so the physical interface (-p) does not matter.

usage() {
  echo "Usage: $0: -o <op>(add | delete) -v <vxlan id> -p <pif> -b <bridge name>"
  exit 2
}

self=$0
[ ! -h "$self" ] || self=$(readlink -f "$self")
case $self in */*) ;; *) self=./$self ;; esac
. "${self%/*}/vxlan.sh"
read_options o:v:p:b: "$@"

case $op in
  add) add_vxlan || exit 1 ;;
  delete)
    delete_vxlan
    exit 0
    ;;
esac
