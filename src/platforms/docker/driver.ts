// Docker's remote network driver (libnetwork): a method for each call of the engine. What Docker calls a network is a hold
// on a VNI, an endpoint is a pair of interfaces whose near end is a port of the daemon. Nothing is remembered here.

import { ParseError, parseIp, parseMac } from '../../net/index.js'
import type { Api } from '../api.js'
import type { Interfaces } from './interfaces.js'

export interface DriverParts {
  readonly api: Api
  readonly interfaces: Interfaces
}

/** The engine's JSON. */
export type Request = Readonly<Record<string, unknown>>
export type Response = Readonly<Record<string, unknown>>

/** The engine is told in the words of the message: what it asked for can not be had. */
export class DriverError extends Error {}

type Method = (parts: DriverParts, request: Request) => Promise<Response>

const nothing: Method = async () => ({})

export const methods: Readonly<Record<string, Method>> = {
  'Plugin.Activate': async () => ({ Implements: ['NetworkDriver'] }),

  // Each engine tells its own driver of a network; what is behind it reaches other hosts.
  'NetworkDriver.GetCapabilities': async () => ({ Scope: 'local', ConnectivityScope: 'global' }),

  async 'NetworkDriver.CreateNetwork'({ api }, request) {
    const options = at(at(request, 'Options'), 'com.docker.network.generic')
    const vni = Number(options['vni'])
    if (!Number.isInteger(vni)) {
      throw new DriverError(
        `option vni: expected a number as in \`-o vni=10100\`, got ${said(options['vni'])}`,
      )
    }
    const unknown = Object.keys(options).filter((key) => key !== 'vni')
    if (unknown.length > 0) {
      throw new DriverError(`option ${unknown.join(', ')}: expected vni alone`)
    }
    await api.call('POST', '/v1/holds', { name: holdOf(request), vni })
    return {}
  },

  async 'NetworkDriver.DeleteNetwork'({ api }, request) {
    await api.call('DELETE', `/v1/holds/${holdOf(request)}`)
    return {}
  },

  async 'NetworkDriver.CreateEndpoint'({ api, interfaces }, request) {
    const { near, far } = namesOf(request)
    const given = at(request, 'Interface')
    const ip = [given['Address'], given['AddressIPv6']].flatMap((text) =>
      text === undefined || text === '' ? [] : [addressOf(String(text))],
    )
    const mac = given['MacAddress'] ? canonical(parseMac, String(given['MacAddress'])) : macOf(near)
    await interfaces.make(near, far, mac)
    try {
      const port = { name: near, kind: 'netdev', mac, ip }
      await api.call('POST', '/v1/attachments', { network: holdOf(request), ...port })
    } catch (error) {
      await interfaces.remove(near)
      throw error
    }
    // What the engine has chosen must not be said again.
    return { Interface: given['MacAddress'] ? {} : { MacAddress: mac } }
  },

  async 'NetworkDriver.EndpointOperInfo'({ api }, request) {
    const { near } = namesOf(request)
    const [port] = await api.call<Request[]>('GET', `/v1/ports?ifname=${near}`)
    if (port === undefined) return { Value: {} }
    const { network, vni, state, mtu } = port
    return { Value: { ifname: near, network, vni, state, mtu } }
  },

  async 'NetworkDriver.DeleteEndpoint'({ api, interfaces }, request) {
    const { near } = namesOf(request)
    await api.call('DELETE', `/v1/attachments/${near}`)
    await interfaces.remove(near)
    return {}
  },

  /** The default route leads to the gateway of the network, where it has one; else the engine finds another way out. */
  async 'NetworkDriver.Join'({ api }, request) {
    const { near, far } = namesOf(request)
    const [port] = await api.call<{ vni: number }[]>('GET', `/v1/ports?ifname=${near}`)
    if (port === undefined) throw new DriverError(`endpoint ${near}: is not there`)
    const path = `/v1/networks?vni=${port.vni}`
    const [network] = await api.call<{ gateway: string[] }[]>('GET', path)
    const gateways = (network?.gateway ?? []).map((text) => text.split('/', 1)[0]!)
    return {
      InterfaceName: { SrcName: far, DstPrefix: 'eth' },
      Gateway: gateways.find((ip) => !ip.includes(':')) ?? '',
      GatewayIPv6: gateways.find((ip) => ip.includes(':')) ?? '',
    }
  },

  'NetworkDriver.Leave': nothing,
  // Hosts find each other by BGP.
  'NetworkDriver.DiscoverNew': nothing,
  'NetworkDriver.DiscoverDelete': nothing,
  // Of drivers with a manager of their own; a network of ours needs nothing that has to be handed out.
  'NetworkDriver.AllocateNetwork': async () => ({ Options: {} }),
  'NetworkDriver.FreeNetwork': nothing,
  // Published ports are for networks of the host alone.
  'NetworkDriver.ProgramExternalConnectivity': nothing,
  'NetworkDriver.RevokeExternalConnectivity': nothing,
}

function at(request: Request, key: string): Request {
  const value = request[key]
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Request)
    : {}
}

function said(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}

/** An identifier of the engine: 64 hexadecimal digits, of which its own commands show 12. */
function idOf(request: Request, key: string): string {
  const id = request[key]
  if (typeof id === 'string' && /^[0-9a-z]{12,64}$/i.test(id)) return id.toLowerCase()
  throw new SyntaxError(`${key}: expected an identifier, got ${said(id)}`)
}

const holdOf = (request: Request): string => `docker-${idOf(request, 'NetworkID').slice(0, 48)}`

/** Interface names have 15 characters at most. */
function namesOf(request: Request): { readonly near: string; readonly far: string } {
  const id = idOf(request, 'EndpointID').slice(0, 12)
  return { near: `vd-${id}`, far: `vc-${id}` }
}

/** Locally administered, and of the endpoint's own. */
function macOf(near: string): string {
  const digits = near
    .slice(3)
    .replace(/[^0-9a-f]/g, (letter) => (letter.charCodeAt(0) % 16).toString(16))
  return `02${digits.slice(0, 10).replaceAll(/../g, ':$&')}`
}

function addressOf(text: string): string {
  return canonical(parseIp, text.split('/', 1)[0]!)
}

function canonical(parse: (text: string) => string, text: string): string {
  try {
    return parse(text)
  } catch (error) {
    if (error instanceof ParseError) throw new SyntaxError(error.message)
    throw error
  }
}
