// What a libvirt domain says of its network interfaces, and what its metadata say of the networks that they belong to.

import { parseMac } from '../../net/index.js'
import { children, type Element, readXml } from './xml.js'

/** Of the element in a domain's metadata. */
export const METADATA_NAMESPACE = 'urn:vtep:libvirt'

export interface DomainInterface {
  /** Of <interface>: bridge, ethernet, vhostuser, … */
  readonly type: string
  readonly mac: string
  readonly ip: readonly string[]
  readonly vni?: number
  /** Name of a network, in the place of the VNI. */
  readonly network?: string
  /** Of the interface at the host. */
  readonly target?: string
  /** False: libvirt shall find the interface, and not make it. */
  readonly managed: boolean
  readonly queues: number
  readonly mtu?: number
  readonly bridge?: string
  /** Of vhostuser: the path, and whether QEMU makes the socket. */
  readonly socket?: { readonly path: string; readonly server: boolean }
}

/** The interfaces that the metadata name. Throws an Error of one sentence. */
export function readDomain(text: string): DomainInterface[] {
  const domain = readXml(text)
  const byMac = new Map<string, Element>()
  for (const devices of children(domain, 'devices')) {
    for (const one of children(devices, 'interface')) {
      const mac = of(one, 'mac', 'address')
      if (mac !== undefined) byMac.set(parseMac(mac), one)
    }
  }
  return children(domain, 'metadata')
    .flatMap((metadata) => children(metadata, 'interfaces', METADATA_NAMESPACE))
    .flatMap((list) => children(list, 'interface', METADATA_NAMESPACE))
    .map(({ attributes }) => {
      const mac = parseMac(attributes.get('mac') ?? '')
      const one = byMac.get(mac)
      if (one !== undefined) return describe(mac, one, attributes)
      const known = [...byMac.keys()].join(', ') || 'an interface, but there is none'
      throw new Error(`vtep:interface: expected the mac of one of ${known}, got ${mac}`)
    })
}

function describe(
  mac: string,
  one: Element,
  attributes: ReadonlyMap<string, string>,
): DomainInterface {
  const [vni, network] = [attributes.get('vni'), attributes.get('network')]
  if ((vni === undefined) === (network === undefined)) {
    const got = vni === undefined ? 'neither' : 'both'
    throw new Error(`vtep:interface ${mac}: expected one of vni and network, got ${got}`)
  }
  if (vni !== undefined && !/^\d+$/.test(vni))
    throw new Error(`vtep:interface ${mac}: vni: expected a number, got "${vni}"`)
  const [mtu, bridge, path] = [
    of(one, 'mtu', 'size'),
    of(one, 'source', 'bridge'),
    of(one, 'source', 'path'),
  ]
  const target = of(one, 'target', 'dev')
  return {
    type: one.attributes.get('type') ?? '',
    mac,
    ip: (attributes.get('ip') ?? '').split(/[\s,]+/).filter((word) => word !== ''),
    managed: of(one, 'target', 'managed') !== 'no',
    queues: Number(of(one, 'driver', 'queues') ?? 1),
    ...(vni === undefined ? {} : { vni: Number(vni) }),
    ...(network === undefined ? {} : { network }),
    ...(target === undefined ? {} : { target }),
    ...(mtu === undefined ? {} : { mtu: Number(mtu) }),
    ...(bridge === undefined ? {} : { bridge }),
    ...(path === undefined
      ? {}
      : { socket: { path, server: of(one, 'source', 'mode') === 'server' } }),
  }
}

function of(one: Element, child: string, attribute: string): string | undefined {
  return children(one, child)[0]?.attributes.get(attribute)
}
