#!/bin/sh
# In the place of CloudStack's script of this name (agent.properties: vm.network.macip.static=true), with its options and
# exit codes: which MAC and addresses are behind a bridge is announced (EVPN type 2), and requests for them are answered.

usage() {
  echo "Usage: $0 -o <add|delete> -b <bridge> -m <mac> [-4 <ipv4>] ... [-6 <ipv6>] ..."
  exit 2
}

fail() {
  echo "vtep: $1" >&2
  exit 1
}

op= bridge= mac= addresses=
while getopts 'o:b:m:4:6:' option; do
  case $option in
    o) op=$OPTARG ;;
    b) bridge=$OPTARG ;;
    m) mac=$OPTARG ;;
    [46])
      case $OPTARG in '' | *[!0-9A-Fa-f:.]*) fail "-$option: expected an address, got '$OPTARG'" ;; esac
      addresses=$addresses,\"$OPTARG\"
      ;;
    *) usage ;;
  esac
done
[ -n "$op" ] && [ -n "$bridge" ] && [ -n "$mac" ] || usage
case $op in add | delete) ;; *) usage ;; esac
case $mac in *[!0-9A-Fa-f:]*) fail "-m: expected a MAC address, got '$mac'" ;; esac

[ $op = delete ] || [ -d "/sys/class/net/$bridge" ] || fail "-b: expected a bridge of this host, got '$bridge'"
# Bridges of other networks, as for management, are none of the daemon's.
for member in "/sys/class/net/$bridge/brif/vxlan"*; do
  [ -e "$member" ] || exit 0
done

self=$0
[ ! -h "$self" ] || self=$(readlink -f "$self")
case $self in */*) ;; *) self=./$self ;; esac
call=${self%/*}/../../build/Release/vtep-call
hosts=/v1/ports/${member##*/}/hosts

case $op in
  add) exec "$call" POST "$hosts" "{\"mac\":\"$mac\",\"ip\":[${addresses#,}]}" >/dev/null ;;
  delete) exec "$call" DELETE "$hosts/$mac" >/dev/null ;;
esac
