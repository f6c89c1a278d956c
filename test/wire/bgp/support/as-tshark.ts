// Our values under tshark's field names, so that a message can be compared with tshark's decode of it. This is
// written from the values, not from the octets: a field that we decode wrongly comes out different.

import {
  hexFromBytes,
  ipFamily,
  routeDistinguisherToBytes,
  splitPrefix,
} from '../../../../src/net/index.js'
import {
  afiSafiOf,
  type Capability,
  type EvpnRoute,
  type ExtendedCommunity,
  type Message,
  type PathAttributes,
  type Update,
} from '../../../../src/wire/bgp/index.js'

/** Values in the order of the octets, for each of tshark's fields. */
export type Fields = Map<string, string[]>

/** Every value of every field in tshark's JSON, in order. */
export function fieldsOfTshark(json: unknown, into: Fields = new Map(), name = ''): Fields {
  if (Array.isArray(json)) for (const item of json) fieldsOfTshark(item, into, name)
  else if (typeof json === 'object' && json !== null) {
    for (const [key, value] of Object.entries(json)) fieldsOfTshark(value, into, key)
  } else add(into, name, String(json))
  return into
}

/** The fields that tshark would find in the message, of those we compare. */
export function fieldsOf(message: Message): Fields {
  const fields: Fields = new Map()
  if (message.kind === 'open') {
    add(fields, 'bgp.open.version', message.version)
    add(fields, 'bgp.open.myas', message.asn)
    add(fields, 'bgp.open.holdtime', message.holdTimeSeconds)
    add(fields, 'bgp.open.identifier', message.bgpId)
    for (const capability of message.capabilities) addCapability(fields, capability)
  } else if (message.kind === 'notification') {
    add(fields, 'bgp.notify.major_error', message.code)
    add(fields, 'bgp.notify.minor_error_cease', message.subcode)
  } else if (message.kind === 'update') {
    addUpdate(fields, message)
  }
  return fields
}

/** All that can come out of fieldsOf, whether or not a message has it: what tshark has beyond is not compared. */
export const comparedFields: readonly string[] = [
  'bgp.open.version',
  'bgp.open.myas',
  'bgp.open.holdtime',
  'bgp.open.identifier',
  'bgp.cap.mp.afi',
  'bgp.cap.mp.safi',
  'bgp.cap.4as',
  'bgp.cap.ap.afi',
  'bgp.cap.ap.safi',
  'bgp.cap.ap.sendreceive',
  'bgp.cap.enh.afi',
  'bgp.cap.enh.safi',
  'bgp.cap.enh.nhafi',
  'bgp.cap.gr.timers.restart_flag',
  'bgp.cap.gr.timers.notification_flag',
  'bgp.cap.gr.timers.restart_time',
  'bgp.cap.orf.fqdn.hostname',
  'bgp.cap.orf.fqdn.domain_name',
  'bgp.notify.major_error',
  'bgp.notify.minor_error_cease',
  'bgp.update.path_attribute.type_code',
  'bgp.update.path_attribute.flags',
  'bgp.update.path_attribute.origin',
  'bgp.update.path_attribute.next_hop',
  'bgp.update.path_attribute.multi_exit_disc',
  'bgp.update.path_attribute.local_pref',
  'bgp.update.path_attribute.originator_id',
  'bgp.path_attribute.cluster_id',
  'bgp.update.path_attribute.mp_reach_nlri.afi',
  'bgp.update.path_attribute.mp_reach_nlri.safi',
  'bgp.update.path_attribute.mp_reach_nlri.next_hop.ipv4',
  'bgp.update.path_attribute.mp_unreach_nlri.afi',
  'bgp.update.path_attribute.mp_unreach_nlri.safi',
  'bgp.update.path_attribute.pmsi.tunnel.flags',
  'bgp.update.path_attribute.pmsi.tunnel.type',
  'bgp.update.path_attribute.pmsi.ingress_rep_ip',
  'bgp.nlri_prefix',
  'bgp.prefix_length',
  'bgp.evpn.nlri.rt',
  'bgp.evpn.nlri.rd',
  'bgp.evpn.nlri.esi',
  'bgp.evpn.nlri.etag',
  'bgp.evpn.nlri.maclen',
  'bgp.evpn.nlri.mac_addr',
  'bgp.evpn.nlri.iplen',
  'bgp.evpn.nlri.ip.addr',
  'bgp.evpn.nlri.ipv6.addr',
  'bgp.evpn.nlri.prefix_len',
  'bgp.evpn.nlri.ipv4.gtw_addr',
  'bgp.evpn.nlri.ipv6.gtw_addr',
  'bgp.ext_com.value_as2',
  'bgp.ext_com.value_an4',
  'bgp.ext_com.tunnel_type',
  'bgp.ext_com_evpn.mmac.flags.sticky',
  'bgp.ext_com_evpn.mmac.seq',
  'bgp.ext_com_evpn.esi.router_mac',
  'bgp.ext_com_evpn.esi.rt',
]

function add(fields: Fields, name: string, value: string | number | boolean): void {
  const text = typeof value === 'boolean' ? String(Number(value)) : String(value)
  const values = fields.get(name)
  if (values === undefined) fields.set(name, [text])
  else values.push(text)
}

function addCapability(fields: Fields, capability: Capability): void {
  switch (capability.name) {
    case 'multiprotocol':
      add(fields, 'bgp.cap.mp.afi', capability.afi)
      add(fields, 'bgp.cap.mp.safi', capability.safi)
      break
    case 'fourOctetAs':
      add(fields, 'bgp.cap.4as', capability.asn)
      break
    case 'addPath':
      for (const { afi, safi, mode } of capability.families) {
        add(fields, 'bgp.cap.ap.afi', afi)
        add(fields, 'bgp.cap.ap.safi', safi)
        add(fields, 'bgp.cap.ap.sendreceive', mode)
      }
      break
    case 'extendedNextHop':
      for (const { afi, safi, nextHopAfi } of capability.families) {
        add(fields, 'bgp.cap.enh.afi', afi)
        add(fields, 'bgp.cap.enh.safi', safi)
        add(fields, 'bgp.cap.enh.nhafi', nextHopAfi)
      }
      break
    case 'gracefulRestart':
      add(fields, 'bgp.cap.gr.timers.restart_flag', capability.restarting)
      add(fields, 'bgp.cap.gr.timers.notification_flag', capability.notification)
      add(fields, 'bgp.cap.gr.timers.restart_time', capability.timeSeconds)
      break
    case 'fqdn':
      add(fields, 'bgp.cap.orf.fqdn.hostname', capability.hostName)
      add(fields, 'bgp.cap.orf.fqdn.domain_name', capability.domainName)
  }
}

function addUpdate(fields: Fields, update: Update): void {
  const { attributes } = update
  for (const { code, flags } of attributes.asReceived ?? []) {
    add(fields, 'bgp.update.path_attribute.type_code', code)
    add(fields, 'bgp.update.path_attribute.flags', `0x${flags.toString(16).padStart(2, '0')}`)
  }
  addPlain(fields, attributes)
  for (const name of ['mpReach', 'mpUnreach'] as const) {
    const value = attributes[name]
    if (value === undefined) continue
    const prefix = `bgp.update.path_attribute.${name === 'mpReach' ? 'mp_reach' : 'mp_unreach'}_nlri`
    const { afi, safi } = afiSafiOf(value.family)
    add(fields, `${prefix}.afi`, afi)
    add(fields, `${prefix}.safi`, safi)
    if (value.family === 'evpn') for (const route of value.nlri) addRoute(fields, route)
  }
  for (const community of attributes.extendedCommunities ?? []) addCommunity(fields, community)
  for (const { prefix } of update.nlri) {
    const { address, length } = splitPrefix(prefix)
    add(fields, 'bgp.nlri_prefix', address)
    add(fields, 'bgp.prefix_length', length)
  }
}

function addPlain(fields: Fields, attributes: PathAttributes): void {
  const { origin, nextHop, med, localPref, originatorId, clusterList, mpReach, pmsiTunnel } =
    attributes
  const origins = ['igp', 'egp', 'incomplete']
  const p = 'bgp.update.path_attribute'
  if (origin !== undefined) add(fields, `${p}.origin`, origins.indexOf(origin))
  if (nextHop !== undefined) add(fields, `${p}.next_hop`, nextHop)
  if (med !== undefined) add(fields, `${p}.multi_exit_disc`, med)
  if (localPref !== undefined) add(fields, `${p}.local_pref`, localPref)
  if (originatorId !== undefined) add(fields, `${p}.originator_id`, originatorId)
  for (const id of clusterList ?? []) add(fields, 'bgp.path_attribute.cluster_id', id)
  if (mpReach?.nextHop !== undefined)
    add(fields, `${p}.mp_reach_nlri.next_hop.ipv4`, mpReach.nextHop)
  if (pmsiTunnel === undefined) return
  add(fields, `${p}.pmsi.tunnel.flags`, pmsiTunnel.flags)
  add(fields, `${p}.pmsi.tunnel.type`, pmsiTunnel.tunnelType)
  if (pmsiTunnel.endpoint !== undefined)
    add(fields, `${p}.pmsi.ingress_rep_ip`, pmsiTunnel.endpoint)
}

function addRoute(fields: Fields, route: EvpnRoute): void {
  const codes = {
    ead: 1,
    macIp: 2,
    imet: 3,
    es: 4,
    prefix: 5,
    smet: 6,
    joinSynch: 7,
    leaveSynch: 8,
  }
  add(fields, 'bgp.evpn.nlri.rt', route.type === 'opaque' ? route.code : codes[route.type])
  if (route.type === 'opaque') return
  const rd = hexFromBytes(routeDistinguisherToBytes(route.rd)).match(/../g)!.join(':')
  add(fields, 'bgp.evpn.nlri.rd', rd)
  if ('esi' in route) add(fields, 'bgp.evpn.nlri.esi', route.esi)
  if ('ethernetTag' in route) add(fields, 'bgp.evpn.nlri.etag', route.ethernetTag)
  if (route.type === 'macIp') {
    add(fields, 'bgp.evpn.nlri.maclen', 48)
    add(fields, 'bgp.evpn.nlri.mac_addr', route.mac)
  }
  if (route.type === 'prefix') {
    const { address, length } = splitPrefix(route.prefix)
    add(fields, 'bgp.evpn.nlri.prefix_len', length)
    addAddress(fields, address)
    add(fields, `bgp.evpn.nlri.ipv${ipFamily(route.gateway)}.gtw_addr`, route.gateway)
  }
  if (route.type !== 'macIp' && route.type !== 'imet' && route.type !== 'es') return
  const ip = route.type === 'macIp' ? route.ip : route.originator
  const bits = ip === undefined ? 0 : ipFamily(ip) === 4 ? 32 : 128
  add(fields, 'bgp.evpn.nlri.iplen', bits)
  if (ip !== undefined) addAddress(fields, ip)
}

function addAddress(fields: Fields, ip: string): void {
  add(fields, ipFamily(ip) === 4 ? 'bgp.evpn.nlri.ip.addr' : 'bgp.evpn.nlri.ipv6.addr', ip)
}

function addCommunity(fields: Fields, community: ExtendedCommunity): void {
  switch (community.type) {
    case 'routeTarget': {
      const [asn, number] = community.target.split(':')
      add(fields, 'bgp.ext_com.value_as2', asn!)
      add(fields, 'bgp.ext_com.value_an4', number!)
      break
    }
    case 'encapsulation':
      add(fields, 'bgp.ext_com.tunnel_type', community.tunnelType)
      break
    case 'macMobility':
      add(fields, 'bgp.ext_com_evpn.mmac.flags.sticky', community.sticky)
      add(fields, 'bgp.ext_com_evpn.mmac.seq', community.sequence)
      break
    case 'routerMac':
      add(fields, 'bgp.ext_com_evpn.esi.router_mac', community.mac)
      break
    case 'esImport':
      add(fields, 'bgp.ext_com_evpn.esi.rt', community.target)
  }
}
