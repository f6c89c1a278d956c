// The linter: traps between a host and a leaf that others have fallen into. A trap is a row; all of them look at all
// that is known, so that all findings come at once.

import { profiles } from '../../evpn/index.js'
import { ipFamily } from '../../net/index.js'
import type { LeafFacts, LeafInstance } from './facts.js'
import type { FabricFinding, Severity } from './finding.js'
import { leafNetworks, leafVrfs, unicastFamily } from './text.js'
import type { Traits } from './traits.js'
import { isUsable } from './vlans.js'

type Found = Omit<FabricFinding, 'code' | 'severity'>

interface Rule {
  readonly code: string
  readonly severity: Severity
  find(facts: LeafFacts, traits: Traits): readonly Found[]
}

export function lint(facts: LeafFacts, traits: Traits): FabricFinding[] {
  const found = rules.flatMap(({ code, severity, find }) =>
    find(facts, traits).map((one) => ({ code, severity, ...one })),
  )
  const caveats = traits.caveats
    .filter(({ concerns }) => concerns(facts))
    .map(({ code, what, why, fix }): FabricFinding => {
      const severity = 'warning'
      return { code, severity, where: traits.title, what, why, fix }
    })
  const order: readonly Severity[] = ['error', 'warning', 'hint']
  return [...found, ...caveats].sort(
    (a, b) => order.indexOf(a.severity) - order.indexOf(b.severity),
  )
}

const instances = (facts: LeafFacts): readonly LeafInstance[] => [
  ...leafNetworks(facts),
  ...leafVrfs(facts),
]

const isLarge = (asn: number): boolean => asn > 0xffff

/** One finding if so. */
const iff = (condition: boolean, found: () => Found): readonly Found[] =>
  condition ? [found()] : []

const rules: readonly Rule[] = [
  {
    code: 'leafAsnUnknown',
    severity: 'error',
    find: ({ leafAsn, session }) =>
      iff(leafAsn === undefined, () => ({
        where: `${session.where}.asn`,
        what: 'the AS number of the leaf is not known',
        why: 'the configuration says "external", and no session has told it yet',
        fix: '--leaf-asn NUMBER, or the number in place of "external"',
      })),
  },
  {
    code: 'leafVtepUnknown',
    severity: 'error',
    find: (facts) =>
      iff(facts.leafVtep === undefined && !facts.isTransit && instances(facts).length > 0, () => ({
        where: facts.session.where,
        what: 'the VTEP address of the leaf is not known',
        why: 'the session is on the link, and tunnels end at its loopback',
        fix: '--leaf-vtep ADDRESS; --transit if it has no tenants in these networks',
      })),
  },
  {
    code: 'leafPortUnknown',
    severity: 'error',
    find: ({ leafPort, session }, { portExample }) =>
      iff(session.isUnnumbered && leafPort === undefined, () => ({
        where: `${session.where}.interface`,
        what: 'the port of the leaf that leads here is not known',
        why: 'an unnumbered session is named by the port on either side',
        fix: `--leaf-port NAME, as ${portExample}`,
      })),
  },
  {
    code: 'mtuNotShown',
    severity: 'hint',
    find: ({ leafPort, session, mtu }, { portExample }) =>
      iff(!session.isUnnumbered && leafPort === undefined, () => ({
        where: session.where,
        what: `no line sets the MTU of the leaf's port; it needs ${mtu}`,
        why: 'which port leads here is not known',
        fix: `--leaf-port NAME, as ${portExample}`,
      })),
  },
  {
    code: 'mtuLeast',
    severity: 'hint',
    find: ({ leafPort, mtu, tenantMtu, overhead }) =>
      iff(leafPort !== undefined, () => ({
        where: `--leaf-port ${leafPort}`,
        what: `MTU ${mtu} is the least that this host needs`,
        why: `its tenants have ${tenantMtu}, and VXLAN adds ${overhead}`,
        fix: 'leave the port as it is where it has more',
      })),
  },
  {
    code: 'mtu',
    severity: 'error',
    find: ({ pathMtu, mtu, tenantMtu, overhead }) =>
      iff(pathMtu !== undefined && pathMtu < mtu, () => ({
        where: 'vtep.interfaces',
        what: `tenants have MTU ${tenantMtu}, which needs ${mtu} underneath, and the way from here carries ${pathMtu}`,
        why: `VXLAN adds ${overhead} octets, and a packet that does not fit is dropped, never cut (RFC 7348)`,
        fix: `an underlay MTU of ${mtu}, on every link; or a tenants' MTU of ${(pathMtu ?? 0) - overhead}`,
      })),
  },
  {
    code: 'noEvpn',
    severity: 'error',
    find: ({ session }) =>
      iff(!session.neighbor.families.includes('evpn'), () => ({
        where: `${session.where}.families`,
        what: 'the session does not carry EVPN',
        why: 'without it neither side hears of tenants of the other',
        fix: 'add evpn, or name another neighbour by --peer',
      })),
  },
  {
    code: 'hostAddress',
    severity: 'error',
    find: ({ session }) =>
      iff(!session.isUnnumbered && session.host === undefined, () => ({
        where: `${session.where}.updateSource`,
        what: 'the address of ours that the leaf is to speak to is not known',
        why: 'the peer is of another family than the VTEP address, and on no network of this host',
        fix: 'updateSource, or run this on the host itself',
      })),
  },
  {
    code: 'unnumbered',
    severity: 'error',
    find: ({ session }, { unnumbered, title }) =>
      iff(session.isUnnumbered && !unnumbered, () => ({
        where: `${session.where}.interface`,
        what: `${title} has no EVPN on a session that is named by interface`,
        why: 'it takes such sessions for IPv4 and IPv6 only, or not at all',
        fix: 'a numbered neighbour: address in the place of interface',
      })),
  },
  {
    code: 'vniRange',
    severity: 'error',
    find: (facts, { vnis, title }) =>
      instances(facts)
        .filter(({ vni }) => vni < vnis.least || vni > vnis.most)
        .map(({ where, vni }) => ({
          where: `${where}.vni`,
          what: `VNI ${vni} is none for ${title}, which takes ${vnis.least} to ${vnis.most}`,
          why: 'the line would be refused, and the network stays without the leaf',
          fix: 'another VNI, on every VTEP',
        })),
  },
  {
    code: 'vniPortable',
    severity: 'hint',
    find: (facts, { vnis }) =>
      instances(facts)
        .filter(({ vni }) => vni < 4096 && vni >= vnis.least)
        .map(({ where, vni }) => ({
          where: `${where}.vni`,
          what: `VNI ${vni} is below 4096`,
          why: 'some switches (Cisco) refuse those',
          fix: 'VNIs from 4096 up suit every one',
        })),
  },
  {
    code: 'vlanRange',
    severity: 'error',
    find: (facts, { vlans, title }) =>
      instances(facts)
        .filter(({ vlan }) => !isUsable(vlan, vlans))
        .map(({ where, name, vlan }) => ({
          where,
          what: `VLAN ${vlan} is none that ${title} gives away`,
          why: `it has ${vlans.least} to ${vlans.most}${vlans.reserved.map(([first, last]) => `, without ${first} to ${last}`).join('')}`,
          fix: `--vlan ${name}=NUMBER`,
        })),
  },
  {
    code: 'vlanTwice',
    severity: 'error',
    find: (facts) => {
      const all = instances(facts)
      return all.flatMap(({ where, name, vlan }, i) => {
        const first = all.slice(0, i).find((one) => one.vlan === vlan)
        return iff(first !== undefined, () => ({
          where,
          what: `VLAN ${vlan} is that of ${first?.name}, too`,
          why: 'a VLAN of a switch has one VNI',
          fix: `--vlan ${name}=NUMBER`,
        }))
      })
    },
  },
  {
    code: 'vlanChosen',
    severity: 'hint',
    find: (facts) =>
      iff(instances(facts).length > 0, () => ({
        where: instances(facts)
          .map(({ name, vlan }) => `${name}=${vlan}`)
          .join(' '),
        what: "VLANs are the leaf's own, and chosen here where --vlan does not say",
        why: 'the fabric shares the VNI; VLANs may differ from leaf to leaf',
        fix: '--vlan NAME=NUMBER for those that the leaf has already',
      })),
  },
  {
    code: 'targetsDerived',
    severity: 'warning',
    find: (facts, traits) =>
      instances(facts)
        .filter(({ isDerived }) => isDerived)
        .map(({ where, vni, imports, exports }) => {
          const { asn, routeTargetAsn = asn, profile } = facts.config
          const own = facts.leafAsn ?? routeTargetAsn
          const theirs = profiles[traits.profile].exported(own, vni)
          const cut = isLarge(routeTargetAsn) ? `, made of the four-octet AS ${routeTargetAsn}` : ''
          return {
            where: `${where}.routeTargets`,
            what: `route targets are derived (profile ${profile}): ${imports.join(', ')}${cut}; the leaf would derive ${theirs}`,
            why: `each host with an AS of its own derives another one, and ${traits.title} imports ${traits.importsAnyAsn ? 'any AS only while nobody gives it targets, as the lines here do' : 'no other than its own'}`,
            fix: `write routeTargets down, the same on every VTEP, as ${routeTargetExample(facts, exports, vni)}; or give all hosts one routeTargetAsn`,
          }
        }),
  },
  {
    code: 'targetForm',
    severity: 'error',
    find: (facts, { title }) =>
      instances(facts).flatMap(({ where, imports, exports }) =>
        [...new Set([...imports, ...exports])]
          .filter((target) => /^\d+L:/.test(target))
          .map((target) => ({
            where: `${where}.routeTargets`,
            what: `${target} is a two-octet AS written in four octets`,
            why: `${title} has no text for it, and ${target.replace('L', '')} is another route target`,
            fix: target.replace('L', ''),
          })),
      ),
  },
  {
    code: 'severalTargets',
    severity: 'warning',
    find: (facts, { severalTargets, title }) =>
      instances(facts)
        .filter(({ imports, exports }) => !severalTargets && imports.length + exports.length > 2)
        .map(({ where, imports, exports }) => ({
          where: `${where}.routeTargets`,
          what: `of the route targets only ${imports[0]} and ${exports[0]} are in the lines`,
          why: `${title} takes one to import and one to export; more need a policy`,
          fix: 'a policy on the leaf, or one route target for each direction',
        })),
  },
  {
    code: 'nextHopUnchanged',
    severity: 'hint',
    find: ({ session }, { keepsNextHop, title }) =>
      iff(!session.isInternal, () => ({
        where: session.where,
        what: `the VTEP has to stay next hop of every EVPN route: ${title} ${keepsNextHop ? 'sees to that by itself' : 'does so by a line below'}`,
        why: 'an external speaker that puts itself there draws all tunnels to itself, and drops what comes',
        fix: 'look after it on every other eBGP speaker on the way, spines above all',
      })),
  },
  {
    code: 'sameAsn',
    severity: 'hint',
    find: ({ session, config }) =>
      iff(!session.isInternal && session.neighbor.allowAsIn === 0, () => ({
        where: `${session.where}.allowAsIn`,
        what: `hosts that have AS ${config.asn}, too, are not heard by way of the leaf`,
        why: 'their routes come with our own AS in the path, which is a loop (RFC 4271 section 9)',
        fix: 'an AS for each host; or allowAsIn: 1 on all of them',
      })),
  },
  {
    code: 'ipv6Vtep',
    severity: 'error',
    find: ({ config: { vtep } }, { ipv6Vtep, title }) =>
      iff(ipFamily(vtep.address) === 6 && !ipv6Vtep, () => ({
        where: 'vtep.address',
        what: `${title} has no VXLAN between IPv6 addresses`,
        why: 'it imports the routes, and can not send to their next hop',
        fix: 'an IPv4 VTEP address',
      })),
  },
  {
    code: 'udpPort',
    severity: 'error',
    find: ({ config: { vtep } }, { otherUdpPorts, title }) =>
      iff(vtep.udpPort !== 4789 && !otherUdpPorts, () => ({
        where: 'vtep.udpPort',
        what: `${title} has VXLAN on UDP port 4789 only`,
        why: `what it sends goes to another port than ${vtep.udpPort}, where nobody listens`,
        fix: 'udpPort 4789',
      })),
  },
  {
    code: 'ethernetTag',
    severity: 'error',
    find: (facts, { ethernetTags, title }) =>
      leafNetworks(facts)
        .filter(({ ethernetTag = 0 }) => ethernetTag !== 0 && !ethernetTags)
        .map(({ where, ethernetTag }) => ({
          where: `${where}.ethernetTag`,
          what: `${title} sends Ethernet tag 0 in every route, and we take ${ethernetTag} only`,
          why: 'it has the VLAN-based service, no VLAN-aware bundles (RFC 7432 section 6)',
          fix: 'leave ethernetTag out, and give the network route targets of its own',
        })),
  },
  {
    code: 'bundle',
    severity: 'warning',
    find: (facts, { ethernetTags, title }) =>
      leafNetworks(facts)
        .filter(({ ethernetTag = 0 }) => ethernetTag !== 0 && ethernetTags)
        .map(({ where, ethernetTag }) => ({
          where: `${where}.ethernetTag`,
          what: `the lines are those of the VLAN-based service, whose routes have tag 0 and not ${ethernetTag}`,
          why: `${title} has bundles, but each in its own way, and their numbers are the leaf's`,
          fix: 'leave ethernetTag out; or write the bundle on the leaf by hand',
        })),
  },
  {
    code: 'tcpAo',
    severity: 'error',
    find: ({ session }, { tcpAo, title }) =>
      iff(session.neighbor.tcpAo !== undefined && !tcpAo, () => ({
        where: `${session.where}.tcpAo`,
        what: `${title} has no TCP-AO`,
        why: 'segments that are not signed are dropped: the session never begins',
        fix: 'password (TCP MD5) in its place',
      })),
  },
  {
    code: 'tcpAoByHand',
    severity: 'warning',
    find: ({ session }, { tcpAo }) =>
      iff(session.neighbor.tcpAo !== undefined && tcpAo, () => ({
        where: `${session.where}.tcpAo`,
        what: 'the keys of TCP-AO are no line of these',
        why: 'they are in a key chain of the leaf, and are secret',
        fix: 'a key chain with the same KeyIDs, algorithms and master keys, on this session',
      })),
  },
  {
    code: 'secret',
    severity: 'hint',
    find: ({ session }) =>
      iff(session.neighbor.password !== undefined, () => ({
        where: `${session.where}.password`,
        what: 'SECRET stands for the password of the session',
        why: 'what is printed may be seen by others',
        fix: 'put the password there',
      })),
  },
  {
    code: 'underlayRoute',
    severity: 'hint',
    find: (facts) =>
      iff(facts.session.isUnnumbered || unicastFamily(facts) !== undefined, () => ({
        where: `${facts.session.where}.families`,
        what: 'this host learns no way to other VTEPs from the session',
        why: 'vtep announces the VTEP address (bgp.announceVtep), and leaves the routes of the kernel alone',
        fix: 'a default route by way of the leaf, where the system keeps its routes',
      })),
  },
  {
    code: 'gatewayMac',
    severity: 'hint',
    find: (facts) =>
      iff(
        leafNetworks(facts).some(({ gateway }) => gateway.length > 0),
        () => ({
          where: 'vtep.gatewayMac',
          what: `the anycast gateway has MAC ${facts.gatewayMac} on every VTEP, this leaf included`,
          why: 'a host that moves keeps it in its ARP table; with another one its traffic stops',
          fix: 'where the fabric has one already, set vtep.gatewayMac to it on all hosts',
        }),
      ),
  },
  {
    code: 'replicator',
    severity: 'warning',
    find: ({ config }, { refusesReplicators, title }) =>
      config.networks.flatMap(({ assistedReplication: replication }, i) =>
        iff(replication?.role === 'replicator' && refusesReplicators, () => ({
          where: `networks[${i}].assistedReplication`,
          what: `${title} ends a session over the route of a replicator`,
          why: 'it takes the tunnel type of RFC 9574 for malformed',
          fix: 'filterOut: [{ accept: false, pmsiTunnels: [assistedReplication] }] for this neighbour',
        })),
      ),
  },
  {
    code: 'segmentDf',
    severity: 'warning',
    find: ({ config }) =>
      config.networks.flatMap(({ ports }, i) =>
        ports.flatMap(({ ethernetSegment: segment }, j) =>
          iff(segment !== undefined && !/reference/.test(segment.df.algorithm), () => ({
            where: `networks[${i}].ports[${j}].ethernetSegment.df`,
            what: `a forwarder elected by ${segment?.df.algorithm} need not be the one that the leaf elects`,
            why: 'switches elect by VLAN, which is their own, and we by Ethernet tag or VNI',
            fix: "algorithm preference, on both sides, where the segment is the leaf's, too",
          })),
        ),
      ),
  },
  {
    code: 'otherPeers',
    severity: 'hint',
    find: ({ otherPeers }) =>
      iff(otherPeers.length > 0, () => ({
        where: 'bgp.neighbors',
        what: `this is for one neighbour of several; the others are ${otherPeers.join(', ')}`,
        why: 'each leaf has a side of its own',
        fix: '--peer NAME',
      })),
  },
]

/** What to write into the configuration, so that nothing has to be derived. */
function routeTargetExample(
  { leafAsn, config }: LeafFacts,
  exports: readonly string[],
  vni: number,
): string {
  const asn = [leafAsn ?? 0, config.asn].find((one) => one > 0 && !isLarge(one))
  return asn === undefined ? (exports[0] ?? `65000:${vni}`) : `${asn}:${vni}`
}
