// Two OPENs -> what this pair of speakers may use, or why not (RFC 4271 section 6.2, RFC 5492). Pure functions.

import { type Ip, ipFamily } from '../net/index.js'
import {
  addPathMode,
  afiSafiOf,
  type Capability,
  type CapabilityNamed,
  type ErrorReport,
  familyOf,
  iana,
  type Open,
  type WireContext,
} from '../wire/index.js'
import { roleCode, roleMismatch } from './role.js'
import {
  defaults,
  type PeerAs,
  type PeerSettings,
  type RestartSettings,
  type Role,
  type SessionFamily,
  type SessionSettings,
  type SpeakerSettings,
} from './settings.js'

/** What holds for a session. */
export interface Negotiated {
  readonly families: readonly SessionFamily[]
  readonly kind: 'ibgp' | 'ebgp'
  readonly peerAsn: number
  readonly peerRouterId: Ip
  /** 0: no KEEPALIVE is sent and the session never expires. */
  readonly holdTimeSeconds: number
  readonly keepaliveSeconds: number
  readonly routeRefresh: boolean
  readonly enhancedRouteRefresh: boolean
  /** Ours (RFC 9234); undefined when the operator gave none, and over iBGP. */
  readonly role: Role | undefined
  /** What the peer does when it restarts; undefined when it does not know graceful restart. */
  readonly gracefulRestart: GracefulRestart | undefined
  /** How long the peer wants its routes kept after that (RFC 9494); undefined when it does not know what that is. */
  readonly longLived: ReadonlyMap<SessionFamily, number> | undefined
  /** IPv4 prefixes may have an IPv6 next hop (RFC 8950). */
  readonly extendedNextHop: boolean
  readonly receive: WireContext
  readonly send: WireContext
}

/** A peer's promise for its restart (RFC 4724 section 3). */
export interface GracefulRestart {
  /** How long its routes are kept after the connection is lost. */
  readonly timeSeconds: number
  /** Families it can keep forwarding for; what it says of others does not concern us. */
  readonly families: readonly SessionFamily[]
  /** It has restarted and waits for our End-of-RIB (R bit): nobody is to wait for its. */
  readonly restarting: boolean
  /** Families it says it has kept forwarding for while it restarted (F bit). */
  readonly forwarding: readonly SessionFamily[]
}

/** An OPEN that cannot be accepted: what to send, and a sentence for both operators. */
export interface Refusal {
  readonly notification: ErrorReport
  readonly text: string
}

/** What we read before the peer's OPEN is accepted: AS numbers do not occur, only OPEN and NOTIFICATION do. */
export const beforeOpen: WireContext = { fourOctetAs: true, addPath: [], extendedMessages: false }

/** What our OPEN says of a restart of ours (RFC 4724 section 3). */
export interface RestartState {
  /** We have restarted and not heard all peers yet (R bit). */
  readonly restarting: boolean
  /** We have forwarded all the time since the peer last had a session with us (F bit). */
  readonly forwarding: boolean
}

/** Our OPEN. Only what is implemented is offered. */
export function openFor(
  speaker: SpeakerSettings,
  settings: PeerSettings,
  restart: RestartState,
): Open {
  const { asn, routerId } = speaker
  const { role } = settings
  const capabilities: Capability[] = [
    ...settings.families.map(
      (family): Capability => ({ name: 'multiprotocol', ...afiSafiOf(family) }),
    ),
    { name: 'routeRefresh' },
    { name: 'enhancedRouteRefresh' },
    { name: 'extendedMessage' },
    ...restartCapabilities(speaker.gracefulRestart, settings, restart),
    { name: 'fourOctetAs', asn },
    ...addPathCapability(settings),
    ...extendedNextHopCapability(settings),
    ...(role === undefined || mustBeInternal(settings, asn)
      ? []
      : [{ name: 'role', role: roleCode(role) } as const]),
  ]
  return {
    kind: 'open',
    version: 4,
    asn: asn > 0xffff ? iana.AS_TRANS : asn,
    holdTimeSeconds: settings.holdTimeSeconds ?? defaults.holdTimeSeconds,
    bgpId: routerId,
    capabilities,
  }
}

/** Over an IPv6 session there is no other next hop to tell for IPv4 prefixes. */
function extendedNextHopCapability({ families, address }: PeerSettings): Capability[] {
  if (!families.includes('ipv4') || ipFamily(address) === 4) return []
  const { afi, safi } = afiSafiOf('ipv4')
  return [{ name: 'extendedNextHop', families: [{ afi, safi, nextHopAfi: iana.afi.ipv6 }] }]
}

/** Both must have it (RFC 8950 section 4). */
function hasExtendedNextHop(open: Open): boolean {
  const offer = capability(open, 'extendedNextHop')
  const isIt = ({ afi, safi, nextHopAfi }: (typeof offer & {})['families'][number]): boolean =>
    familyOf({ afi, safi }) === 'ipv4' && nextHopAfi === iana.afi.ipv6
  return offer?.families.some(isIt) === true
}

function addPathCapability({
  families,
  addPath = defaults.addPath,
}: SessionSettings): Capability[] {
  const mode = (addPath.receive ? addPathMode.receive : 0) | (addPath.send ? addPathMode.send : 0)
  const listed = families
    .filter((family) => family !== 'rtc')
    .map((family) => ({ ...afiSafiOf(family), mode }))
  return mode === 0 || listed.length === 0 ? [] : [{ name: 'addPath', families: listed }]
}

/** Families of which one side sends all paths and the other takes them (RFC 7911 section 4). */
function addPathFamilies(
  families: readonly SessionFamily[],
  receiver: Open,
  sender: Open,
): readonly SessionFamily[] {
  const has = (open: Open, family: SessionFamily, bit: number): boolean =>
    open.capabilities.some(
      (one) =>
        one.name === 'addPath' &&
        one.families.some(
          (listed) =>
            familyOf(listed) === family &&
            listed.mode <= addPathMode.both &&
            (listed.mode & bit) !== 0,
        ),
    )
  return families.filter(
    (family) => has(receiver, family, addPathMode.receive) && has(sender, family, addPathMode.send),
  )
}

/** Without families: we send End-of-RIB and keep a restarting peer's routes, but do not ask for that ourselves. */
function restartCapabilities(
  own: RestartSettings | undefined,
  { families }: SessionSettings,
  { restarting, forwarding }: RestartState,
): Capability[] {
  const { restartSeconds = 0, staleSeconds = 0 } = own ?? {}
  const listed = families.map((family) => ({ ...afiSafiOf(family), forwarding }))
  return [
    {
      name: 'gracefulRestart',
      restarting,
      notification: false,
      timeSeconds: restartSeconds,
      families: own === undefined ? [] : listed,
    },
    {
      name: 'longLivedGracefulRestart',
      families: listed.flatMap((one) =>
        staleSeconds === 0 ? [] : [{ ...one, staleTimeSeconds: staleSeconds }],
      ),
    },
  ]
}

/** The peer's AS number: its capability's, or the field of an old speaker (RFC 6793 section 4.1). */
export function asnOf(open: Open): number {
  return capability(open, 'fourOctetAs')?.asn ?? open.asn
}

/** Checks the peer's OPEN against ours and our settings. The wire has checked what is wrong by itself. */
export function negotiate(
  speaker: SpeakerSettings,
  settings: SessionSettings,
  ours: Open,
  theirs: Open,
): Negotiated | Refusal {
  const peerAsn = asnOf(theirs)
  const refusal =
    refuseAs(speaker.asn, settings.asn, peerAsn) ??
    refuseIdentifier(speaker, peerAsn, theirs.bgpId) ??
    refuseFamilies(settings.families, theirs) ??
    refuseRole(speaker.asn, settings, theirs, peerAsn)
  if (refusal !== undefined) return refusal
  const holdTimeSeconds = Math.min(ours.holdTimeSeconds, theirs.holdTimeSeconds)
  const kind = peerAsn === speaker.asn ? 'ibgp' : 'ebgp'
  const context = {
    fourOctetAs: capability(theirs, 'fourOctetAs') !== undefined,
    isIbgp: kind === 'ibgp',
  }
  const families = commonFamilies(settings.families, theirs)
  const routeRefresh = capability(theirs, 'routeRefresh') !== undefined
  return {
    families,
    kind,
    peerAsn,
    peerRouterId: theirs.bgpId,
    holdTimeSeconds,
    keepaliveSeconds: Math.floor(holdTimeSeconds / 3),
    routeRefresh,
    enhancedRouteRefresh: routeRefresh && capability(theirs, 'enhancedRouteRefresh') !== undefined,
    role: kind === 'ebgp' ? settings.role : undefined,
    gracefulRestart: gracefulRestartOf(theirs, settings.families),
    longLived: longLivedOf(theirs, settings.families),
    // "MAY send Extended Messages if the peer has advertised" it (RFC 8654 section 3): we have, whatever the peer says.
    extendedNextHop: hasExtendedNextHop(ours) && hasExtendedNextHop(theirs),
    receive: {
      ...context,
      addPath: addPathFamilies(families, ours, theirs),
      extendedMessages: true,
    },
    send: {
      ...context,
      addPath: addPathFamilies(families, theirs, ours),
      extendedMessages: capability(theirs, 'extendedMessage') !== undefined,
    },
  }
}

export function isRefusal(result: Negotiated | Refusal): result is Refusal {
  return 'notification' in result
}

function capability<Name extends Capability['name']>(
  open: Open,
  name: Name,
): CapabilityNamed<Name> | undefined {
  return open.capabilities.find((one): one is CapabilityNamed<Name> => one.name === name)
}

/** "Without the multiprotocol capability" a speaker means IPv4 unicast (RFC 4760 section 8). */
function offeredFamilies(open: Open): readonly string[] {
  const offers = open.capabilities.filter((one) => one.name === 'multiprotocol')
  return offers.length === 0 ? ['ipv4'] : offers.map(familyOf)
}

/** `rtc` says something of `evpn` and is nothing by itself. */
function commonFamilies(ours: readonly SessionFamily[], theirs: Open): readonly SessionFamily[] {
  const offered = offeredFamilies(theirs)
  const common = ours.filter((family) => offered.includes(family))
  return common.includes('evpn') ? common : common.filter((family) => family !== 'rtc')
}

function gracefulRestartOf(
  open: Open,
  ours: readonly SessionFamily[],
): GracefulRestart | undefined {
  const offer = capability(open, 'gracefulRestart')
  if (offer === undefined) return undefined
  const listed = offer.families.map((one) => ({
    family: familyOf(one),
    forwarding: one.forwarding,
  }))
  const among = (list: typeof listed): readonly SessionFamily[] =>
    ours.filter((name) => list.some(({ family }) => family === name))
  return {
    timeSeconds: offer.timeSeconds,
    restarting: offer.restarting,
    families: among(listed),
    forwarding: among(listed.filter(({ forwarding }) => forwarding)),
  }
}

/** "MUST be ignored" without graceful restart (RFC 9494 section 3). */
function longLivedOf(
  open: Open,
  ours: readonly SessionFamily[],
): ReadonlyMap<SessionFamily, number> | undefined {
  const offer = capability(open, 'longLivedGracefulRestart')
  if (offer === undefined || capability(open, 'gracefulRestart') === undefined) return undefined
  const times = offer.families.map(
    (one) => [familyOf(one) as SessionFamily, one.staleTimeSeconds] as const,
  )
  return new Map(times.filter(([family, seconds]) => ours.includes(family) && seconds > 0))
}

function refuseAs(own: number, expected: PeerAs, got: number): Refusal | undefined {
  const fits =
    expected === 'internal' ? got === own : expected === 'external' ? got !== own : got === expected
  if (fits && got !== 0) return undefined
  const wanted =
    expected === 'internal' ? String(own) : expected === 'external' ? `any but ${own}` : expected
  return refusal(iana.openError.badPeerAs, `expected AS ${wanted}, got ${got}`)
}

/** "If the BGP Identifier is not unique within the AS" (RFC 6286 section 2.2); across ASes it need not be. */
function refuseIdentifier(own: SpeakerSettings, peerAsn: number, id: Ip): Refusal | undefined {
  if (peerAsn !== own.asn || id !== own.routerId) return undefined
  return refusal(
    iana.openError.badBgpIdentifier,
    `the internal peer has our own BGP identifier ${id}: one of the two must change`,
  )
}

/** RFC 9234 section 4.2. Roles are between ASes. */
function refuseRole(
  own: number,
  { role, strictRole = false }: SessionSettings,
  theirs: Open,
  peerAsn: number,
): Refusal | undefined {
  if (role === undefined || peerAsn === own) return undefined
  const codes = theirs.capabilities.flatMap((one) => (one.name === 'role' ? [one.role] : []))
  const text = roleMismatch(role, strictRole, codes)
  return text === undefined ? undefined : refusal(iana.openError.roleMismatch, text)
}

function mustBeInternal({ asn }: SessionSettings, own: number): boolean {
  return asn === 'internal' || asn === own
}

function refuseFamilies(ours: readonly SessionFamily[], theirs: Open): Refusal | undefined {
  if (commonFamilies(ours, theirs).length > 0) return undefined
  const needed = ours.filter((family) => family !== 'rtc')
  const offered = offeredFamilies(theirs).join(', ')
  const text = `no address family in common: expected one of ${needed.join(', ')}, got ${offered}`
  return refusal(iana.openError.unsupportedCapability, text, requiredCapabilities(needed))
}

/** "The Data field MUST contain all of the capabilities that are missing" (RFC 5492 section 5): code, length, value. */
function requiredCapabilities(families: readonly SessionFamily[]): Uint8Array {
  return Uint8Array.from(
    families.flatMap((family) => {
      const { afi, safi } = afiSafiOf(family)
      return [1, 4, afi >> 8, afi & 0xff, 0, safi]
    }),
  )
}

function refusal(subcode: number, text: string, data: Uint8Array = new Uint8Array(0)): Refusal {
  return { notification: { code: iana.errorCode.open, subcode, data }, text }
}
