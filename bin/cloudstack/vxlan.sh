# Read by the scripts beside it; $self is the script, $lock words for vtep-call; usage() is the script's own.
# Nothing is started that need not be: one lock serialises all of a host's NICs.

call=${self%/*}/../../build/Release/vtep-call
lock=

fail() {
  echo "vtep: $1" >&2
  return 1
}

# LETTERS WORD...: sets op, vni and bridge. -o, -v, -p and -b have to be there.
read_options() {
  letters=$1 given=
  shift
  while getopts "$letters" option; do
    case $option in
      o) op=$OPTARG ;;
      v) vni=$OPTARG ;;
      b) bridge=$OPTARG ;;
      # No multicast needs an interface, and the family of the VTEP is the daemon's business.
      p | 6) ;;
      *) usage ;;
    esac
    given=$given$option
  done
  for letter in o v p b; do
    case $given in *$letter*) ;; *) usage ;; esac
  done
}

check() {
  case $vni in '' | *[!0-9]*) fail "-v: expected a number, got '$vni'" || return ;; esac
  case $bridge in
    '' | *[!A-Za-z0-9._-]*) fail "-b: expected the name of a bridge, got '$bridge'" ;;
  esac
}

attach() {
  reply=$("$call" $lock POST /v1/attachments \
    "{\"vni\":$vni,\"name\":\"vxlan$vni\",\"kind\":\"tap\",\"options\":{\"bridge\":\"$bridge\"}}")
}

detach() {
  "$call" $lock DELETE "/v1/attachments/vxlan$vni" >/dev/null
}

add_vxlan() {
  check && attach || return 1
  reply=${reply#*\"vtep\":\"}
  echo "local addr for VNI $vni is ${reply%%\"*}"
  member=/sys/class/net/$bridge/brif/vxlan$vni
  [ ! -e "$member" ] || return 0
  # Somebody has taken it out, or removed the bridge.
  detach && attach || return 1
  [ -e "$member" ] || fail "vxlan$vni: expected to be in $bridge, is not"
}

delete_vxlan() {
  check || return 1
  [ -d "/sys/class/net/$bridge" ]
  there=$?
  detach || return 1
  # It has other interfaces, or was not made by the daemon that runs now.
  [ ! -d "/sys/class/net/$bridge" ] || ip link delete "$bridge" type bridge || return 1
  [ $there = 0 ] || fail "$bridge: expected a bridge, found none"
}
