// What a traced frame's way through the switch is told in: one row for each thing that the core can find out. Both languages are made
// from it: the structs that native/core fills, and their readers with the sentences.

import { type Field, field, type Structure } from './schema.js'

/** `text`: the sentence, with {field} where a value goes. */
const step = (name: string, text: string, fields: readonly Field[]): Structure => ({
  name,
  doc: text,
  fields,
})

const vni = field('vni', 'u32', 'VNI')
const port = field('port', 'u32', 'port id')
const mac = field('mac', 'mac', 'Ethernet address')
const ip = field('ip', 'ip', 'address')
const remote = field('remote', 'ip', 'VTEP address')
const reason = field('reason', 'u32', 'number in drop.def')
const flags = field('flags', 'u16', 'MacFlag bits')
const spare = field('spare', 'u16', 'zero')
const size = field('size', 'u32', 'octets that count against the room')
const room = field('room', 'u32', 'most octets, 0 = any')

/** In the order in which a frame may meet them; the order is the contract. */
export const steps: readonly Structure[] = [
  step('fromPort', 'arrives at port {port}, which is in VNI {vni}', [port, vni]),
  step('fromNowhere', 'arrives at port {port}, which takes part in no network', [port]),
  step('fromVtep', 'arrives from VTEP {remote} with VNI {vni}', [vni, remote]),
  step('allowed', 'VTEP {remote} may speak in VNI {vni}', [vni, remote]),
  step('frame', '{source} to {destination}, EtherType {etherType}, {length} octets', [
    field('source', 'mac', 'source MAC'),
    field('destination', 'mac', 'destination MAC'),
    field('etherType', 'u16', 'behind VLAN tags'),
    field('protocol', 'u8', 'IP protocol'),
    field('version', 'u8', '4 or 6 where the IP header is whole, else 0'),
    field('length', 'u32', 'octets'),
  ]),
  step('known', '{mac} is known behind port {port}', [port, mac, spare]),
  step('new', '{mac} is new: it is learned behind port {port}', [port, mac, spare]),
  step('movedFromPort', '{mac} was behind port {port}: it is learned here from now on', [
    port,
    mac,
    spare,
  ]),
  step('movedFromVtep', '{mac} was behind VTEP {remote}: it is learned here from now on', [
    mac,
    remote,
  ]),
  step('bound', '{mac} is bound to another place: it is not learned here', [mac]),
  step('binding', '{ip} is known to be {mac}', [mac, ip]),
  step('newBinding', '{ip} is learned to be {mac}', [mac, ip]),
  step('fixedBinding', '{ip} is bound by the configuration or the platform: nothing is learned', [
    ip,
  ]),
  step('asks', 'asks who has {ip}', [ip]),
  step('answered', 'answered on the spot: {ip} is {mac}', [mac, ip]),
  step('notAnswered', 'the question goes on: it is not ours to answer', [ip]),
  step('nobodyAsked', 'nobody is known to have {ip}', [ip]),
  step('atPort', '{mac} in VNI {vni} is behind port {port}', [vni, port, mac, flags]),
  step('atVtep', '{mac} in VNI {vni} is behind VTEP {remote}', [vni, mac, flags, remote]),
  step('atSegment', '{mac} in VNI {vni} is behind Ethernet segment {esi}', [
    vni,
    mac,
    flags,
    field('esi', 'esi', 'Ethernet segment'),
    spare,
  ]),
  step('atRouter', '{mac} in VNI {vni} is the router', [vni, mac, flags]),
  step('unknown', '{mac} is not in the table of VNI {vni}', [vni, mac, spare]),
  step('group', '{mac} is a group address of VNI {vni}', [vni, mac, spare]),
  step('member', 'of the VTEPs of the segment, {remote} has flow bucket {bucket}', [
    field('bucket', 'u32', 'upper 7 bits of the flow hash'),
    remote,
  ]),
  step('noMember', 'no VTEP leads to the segment', [field('bucket', 'u32', 'of the flow hash')]),
  step('storm', 'storm control lets {framesPerSecond} frames a second pass, {burst} at once', [
    field('framesPerSecond', 'u32', 'flooded frames a second of a port'),
    field('burst', 'u32', 'frames at once'),
  ]),
  step('report', 'an IGMP or MLD report: only multicast routers get it', [vni]),
  step('channel', '{group} has a list of receivers', [field('group', 'ip', 'multicast group')]),
  step('noChannel', 'nobody wants {group}', [field('group', 'ip', 'multicast group')]),
  step('flood', 'goes to {ports} ports and {remotes} VTEPs of VNI {vni}', [
    vni,
    field('ports', 'u32', 'ports of the list'),
    field('remotes', 'u32', 'VTEPs of the list that get it'),
  ]),
  step('replicator', 'VTEP {remote} replicates for us', [remote]),
  step('toPort', 'to port {port}: {size} octets, room for {room}', [port, size, room]),
  step('toVtep', 'to VTEP {remote} by {nextHop}: {size} octets, room for {room}', [
    size,
    room,
    field('mtu', 'u32', 'of the underlay path, 0 = unknown'),
    field('ifindex', 'u32', 'underlay interface'),
    remote,
    field('nextHop', 'ip', 'underlay next hop'),
    field('nextHopMac', 'mac', 'its link address'),
    spare,
  ]),
  step('unresolved', 'the underlay has no next hop to VTEP {remote}', [remote]),
  step('route', '{ip} is in {prefix}/{length} of the IP-VRF with VNI {vni}', [
    vni,
    field('length', 'u32', 'bits'),
    field('prefix', 'ip', 'address'),
    ip,
  ]),
  step('noRoute', 'the IP-VRF with VNI {vni} has no route to {ip}', [vni, ip]),
  step('noRouter', 'VNI {vni} is in no IP-VRF, or this is no IP packet that can be routed', [vni]),
  step('own', '{ip} is our own', [ip]),
  step('connected', '{ip} is in VNI {vni}', [vni, ip]),
  step('gateway', 'by way of {ip} in VNI {vni}', [vni, ip]),
  step('byVtep', 'by VTEP {remote}, label {vni}, router MAC {mac}', [vni, mac, spare, remote]),
  step('nowhere', 'the route leads nowhere', [vni]),
  step('neighbour', '{ip} in VNI {vni} is {mac}', [vni, mac, spare, ip]),
  step('noNeighbour', 'nobody in VNI {vni} is known to have {ip}', [vni, ip]),
  step('hop', 'one hop further: TTL {ttl}, {source} to {destination}', [
    field('ttl', 'u32', 'TTL or hop limit from now on'),
    field('source', 'mac', 'source MAC from now on'),
    field('destination', 'mac', 'destination MAC from now on'),
  ]),
  step('told', 'the sender {ip} is told by ICMP', [ip]),
  step('question', 'VNI {vni} is asked who has {ip}', [vni, ip]),
  step('echo', 'the echo request is answered', [ip]),
  step('leftByPort', 'leaves by port {port}, {length} octets', [
    port,
    field('length', 'u32', 'octets'),
  ]),
  step(
    'leftToVtep',
    'leaves to VTEP {remote}: VNI {vni}, UDP source port {sourcePort}, {length} octets',
    [
      vni,
      field('sourcePort', 'u32', 'of UDP, from the flow hash'),
      field('length', 'u32', 'octets with all headers'),
      remote,
    ],
  ),
  step('lost', 'lost: {reason}', [reason]),
  step('lostToPort', 'the copy for port {port} is lost: {reason}', [port, reason]),
  step('lostToVtep', 'the copy for VTEP {remote} is lost: {reason}', [reason, remote]),
]
