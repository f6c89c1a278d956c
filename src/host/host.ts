// A running host: owns the machines, the packet path and the connections, and is the only place where they meet.

import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MacView } from '../evpn/index.js'
import type { DataplaneEvent } from '../fib/index.js'
import { Bfd, type BfdAction, Clock, Tcp, type TcpAction } from '../io/index.js'
import type { Amendments, AmendmentsFile } from './amendments.js'
import { withArrival } from './arrivals.js'
import { Auditor } from './audit.js'
import { checkCoexistence } from './coexistence.js'
import {
  checkValue,
  type Finding,
  type LoadedConfig,
  optionTexts,
  type PortKindInfo,
  type Schema,
  unplaced,
} from './config/index.js'
import type { Config } from './config/schema.js'
import { tellChange, tellOperation } from './config-changes.js'
import {
  frozenChanges,
  type Merged,
  merge,
  type PlacedPort,
  placedPorts,
  same,
} from './effective.js'
import type { EventLog } from './events.js'
import { HostFailure, reasonOf } from './instance/index.js'
import { networkName, type ReadQuery, readEventsQuery } from './journal/index.js'
import { evpnSettings } from './machine-settings.js'
import { Machines } from './machines.js'
import { type MetricsText, metricsText } from './metrics/index.js'
import { type Dump, dumpFile, dumpTables } from './mrt.js'
import { speakerSettings } from './neighbors.js'
import { fabricNetworks, fabricVrfs, networkSettings, vrfSettings } from './networks.js'
import { noticeOf } from './notices.js'
import type { ArrivedHost } from './operation.js'
import { operations } from './operations.js'
import { type ObtainedDataplane, PacketPath } from './packet-path.js'
import { Peering, SWEEP_TIMER } from './peering.js'
import { ask } from './questions/index.js'
import { RecordingFile } from './recording.js'
import { Refusal, type RefusalKind } from './refusal.js'
import { assignNumbers, distinguisherNumber } from './route-distinguishers.js'
import { RouteTeller } from './route-events.js'
import { State, type StateSource } from './state/index.js'
import type { HostSurface } from './surface.js'
import { Tenancy, type Tenants } from './tenancy.js'
import { checkWorld, interfaceName, interfaceNames } from './world.js'

export interface HostSettings {
  readonly version: string
  /** The configuration, and the name of its file for sentences. */
  readonly config: Config
  readonly fileName: string
  /** Reads it again, for `reload`. */
  readonly readConfig: () => LoadedConfig
  readonly portKinds: readonly PortKindInfo[]
  readonly amendments: AmendmentsFile
  readonly obtainDataplane: () => Promise<ObtainedDataplane>
  /** End the dataplane at the end; else it goes on forwarding. */
  readonly endsDataplane: boolean
  readonly events: EventLog
  /** File that every event of the run is written to, for `vtep replay`. */
  readonly record?: string
  /** A configuration is in force. */
  readonly onConfig?: (config: Config) => void
}

const RETRY_PORTS = 'host:retryPorts'
const COMPARE = 'host:compare'
const RETRY_SECONDS = 1
const BUSY_SECONDS = 5

export class Host implements HostSurface {
  readonly version: string
  readonly state: State
  readonly events: EventLog
  readonly #settings: HostSettings
  readonly #machines: Machines
  readonly #path: PacketPath
  readonly #tenancy: Tenancy
  readonly #peering: Peering
  readonly #auditor: Auditor
  readonly #source: StateSource
  readonly #routes: RouteTeller
  readonly #tcp: Tcp
  readonly #clock: Clock
  readonly #bfd: Bfd
  readonly #routerId: string
  #file: Config
  #amendments: Amendments
  #effective: Merged
  /** The end of the change that is under way: one at a time. */
  #busy: Promise<unknown> = Promise.resolve()
  #recording: RecordingFile | undefined
  /** What is running was started by us. */
  #startedDataplane = false
  /** Writes refused by the dataplane so far. */
  #refused = 0
  #ending = false

  /**
   * Checks the world, brings up the packet path, then BGP. Resolves when all of it works. Throws HostFailure, and then
   * nothing is left that was not there before.
   */
  static async start(settings: HostSettings): Promise<Host> {
    const amendments = settings.amendments.read()
    const effective = merge(settings.config, amendments, settings.portKinds)
    if (effective.findings.length > 0) {
      const where = `${settings.fileName} with ${settings.amendments.path}`
      throw new HostFailure(...effective.findings.map((finding) => unplaced(finding, where).text))
    }
    const missing = await checkWorld(effective.config)
    if (missing.length > 0) throw new HostFailure(...missing)
    const host = new Host(settings, amendments, effective)
    try {
      await host.#start()
    } catch (error) {
      await host.#release(settings.endsDataplane && host.#startedDataplane)
      throw error
    }
    return host
  }

  private constructor(settings: HostSettings, amendments: Amendments, effective: Merged) {
    const { config } = effective
    const { vtep } = config
    this.#settings = settings
    this.version = settings.version
    this.events = settings.events
    this.#file = settings.config
    this.#amendments = amendments
    this.#effective = effective
    this.#routerId = config.routerId ?? vtep.address
    this.#tcp = new Tcp((event) => this.#machines.toSpeaker(event))
    this.#clock = new Clock((timer) => this.#onTimer(timer))
    this.#bfd = new Bfd({
      onUp: (peer) => this.events.add('info', 'bfdUp', `BFD with peer ${peer} is up`, { peer }),
      onDown: (peer, reason) => {
        this.events.add('warn', 'bfdDown', `BFD with peer ${peer} is down: ${reason}`, { peer })
        this.#machines.toSpeaker({ event: 'bfdDown', peer, reason })
      },
      onFailure: (peer, reason) =>
        this.events.add('error', 'bfdFailed', `no BFD with peer ${peer}: ${reason}`, { peer }),
    })
    this.#routes = new RouteTeller(this.events)
    this.#machines = this.#createMachines(config)
    this.#path = new PacketPath(
      {
        obtain: settings.obtainDataplane,
        vtep: {
          ...vtep,
          learnLimit: config.dataplane.learnLimit,
          options: optionTexts(vtep.options),
        },
      },
      {
        onEvents: (events) => this.#onDataplaneEvents(events),
        onLost: (reason) => this.#onLost(reason),
        onRestartFailed: (reason, seconds) =>
          this.events.add('error', 'dataplaneFailed', `${reason}; next attempt in ${seconds} s`),
        onRestored: (adopted) =>
          this.#exclusive(() => this.#onRestored(adopted)).catch((error) =>
            this.#onRefused(reasonOf(error)),
          ),
        onRefused: (reason) => this.#onRefused(reason),
      },
    )
    this.#tenancy = new Tenancy({
      path: this.#path,
      machines: this.#machines,
      events: this.events,
      settingsOf: (network) => networkSettings(network, this.#distinguisher(network.vni)),
      vrfSettingsOf: (vrf) => vrfSettings(vrf, this.#distinguisher(vrf.vni)),
    })
    this.#peering = new Peering({
      machines: this.#machines,
      tcp: this.#tcp,
      clock: this.#clock,
      events: this.events,
      vtep: vtep.address,
      replicator: vtep.replicatorAddress,
      version: this.version,
    })
    this.#auditor = new Auditor({
      path: this.#path,
      machines: this.#machines,
      events: this.events,
    })
    this.#source = this.#stateSource()
    this.state = new State(this.#source)
  }

  // ---- begin and end

  async #start(): Promise<void> {
    this.#remember(this.#amendments, this.#effective)
    const { adopted } = await this.#path.start()
    this.#startedDataplane = !adopted
    // Whoever adopts takes nothing that is not ours already.
    const taken = adopted ? [] : await checkCoexistence(this.#effective.config)
    if (taken.length > 0) throw new HostFailure(...taken)
    const { added, config } = this.#effective
    // Whoever adopts must not stop for a tenant that left meanwhile; what was added at run time comes and goes, too.
    const failed = await this.#tenancy.fill(
      this.#tenants(this.#effective),
      adopted,
      ({ name, wait }) => adopted || wait || added.ports.has(name),
    )
    if (failed.length > 0) {
      throw new HostFailure(
        ...failed.map(
          ({ port, reason }) => `port ${port.name} of network ${port.network}: ${reason}`,
        ),
      )
    }
    const { uplink } = this.#path
    const how = adopted ? 'adopted, it went on forwarding' : 'started'
    this.events.add(
      'info',
      'dataplaneUp',
      `dataplane ${how}; uplink ${uplink?.kind}: ${uplink?.reason}`,
    )
    await this.#peering.listen(config.bgp)
    if (adopted) {
      this.#machines.toSpeaker({ event: 'restarted' })
      this.#peering.awaitEndOfRib(config.bgp)
    }
    this.#peering.begin(config)
    this.#clock.start(RETRY_PORTS, RETRY_SECONDS)
    this.#auditor.start()
    this.#settings.onConfig?.(config)
  }

  /** Withdraws everything, says goodbye to the peers, lets the dataplane go. */
  async stop(): Promise<void> {
    if (this.#ending) return
    this.#ending = true
    this.events.add('info', 'stopping', 'withdrawing all routes')
    // A change that hangs, because the dataplane does, must not keep us from leaving.
    await Promise.race([this.#busy, sleep(BUSY_SECONDS * 1000, undefined, { ref: false })])
    this.#machines.toEvpn({ event: 'shutdown' })
    await this.#peering.end()
    this.#recording?.end(this.#machines)
    await this.#release(this.#settings.endsDataplane)
  }

  async #release(endDataplane: boolean): Promise<void> {
    this.#ending = true
    this.#auditor.stop()
    await this.#tcp.close()
    this.#bfd.close()
    this.#clock.stopAll()
    await this.#path.end(endDataplane).catch((error) => {
      this.events.add(
        'warn',
        'dataplaneEnd',
        `the dataplane did not end as asked: ${reasonOf(error)}`,
      )
    })
  }

  // ---- operations

  async run(name: string, input: unknown, by = 'this process'): Promise<unknown> {
    const operation = operations.find((row) => row.name === name)
    if (operation === undefined) throw new RangeError(`no operation ${name}`)
    const { value, findings } = checkValue<Record<string, unknown>>(
      operation.schema as Schema,
      input,
    )
    if (findings.length > 0) throw refusal('invalid', findings)
    return this.#exclusive(async () => {
      const before = this.#effective.config
      const result = await operation.run(
        {
          state: this.state,
          file: this.#file,
          effective: this.#effective.config,
          fileName: this.#settings.fileName,
          amendments: this.#amendments,
          change: (next, subject) => this.#change(next, subject),
          clearPeer: (peer, soft) =>
            this.#machines.toSpeaker({
              event: 'clear',
              peer,
              ...(soft === undefined ? {} : { soft }),
            }),
          dump: (name) => this.#dump(name),
          placed: (name) => this.#tenancy.ports.held.get(name)?.port,
          duplicates: () => this.#machines.evpn.duplicates(),
          arrive: (port, behind) => this.#arrive(port, behind),
          clearDuplicate: (vni, address) =>
            this.#machines.toEvpn({ event: 'clearDuplicate', vni, address }),
          reload: () => this.#reload(),
        },
        value,
      )
      tellOperation(this.events, { operation, input: value, by }, before, this.#effective.config)
      return result
    })
  }

  ask(name: string, input: object, signal: AbortSignal): Promise<unknown> {
    const { state, events } = this
    return ask(name, input, { state, source: this.#source, path: this.#path, events, signal })
  }

  eventsQuery(input: unknown): ReadQuery {
    const { networks } = this.#effective.config
    return readEventsQuery(input, Date.now(), (name) => networkName(networks, name))
  }

  metrics(): Promise<MetricsText> {
    return metricsText(this.state, this.#source, this.events)
  }

  /** Reads the configuration again and applies the difference. Rejects with Refusal; then nothing has changed. */
  reload(): Promise<void> {
    return this.#exclusive(async () => {
      const before = this.#effective.config
      await this.#reload()
      tellChange(this.events, 'reload', 'a signal', before, this.#effective.config)
    })
  }

  async #reload(): Promise<void> {
    const loaded = this.#settings.readConfig()
    if ('problems' in loaded) throw new Refusal('invalid', loaded.problems)
    const after = merge(loaded.config, this.#amendments, this.#settings.portKinds)
    const findings = [...after.findings, ...frozenChanges(this.#file, loaded.config)]
    if (findings.length > 0) throw refusal('invalid', findings, this.#settings.fileName)
    const taken = await checkCoexistence(after.config)
    if (taken.length > 0) throw refused('failed', 'host', 'what nobody else has', taken.join('; '))
    await this.#apply(after, this.#amendments)
    this.#file = loaded.config
    this.#settings.onConfig?.(after.config)
    this.events.add('info', 'reloaded', `${this.#settings.fileName} is in force`)
  }

  async #change(
    next: Amendments,
    subject: (finding: Finding) => Finding = (one) => one,
  ): Promise<void> {
    const after = merge(this.#file, next, this.#settings.portKinds)
    if (after.findings.length > 0) throw refusal('invalid', after.findings.map(subject))
    await this.#apply(after, next)
  }

  /** Goes from what is in force to `after`, or rejects with Refusal and leaves everything as it is. */
  async #apply(after: Merged, amendments: Amendments): Promise<void> {
    const before = this.#effective
    if (!this.#path.up) {
      throw refused('failed', 'dataplane', 'a running dataplane', 'none; try again')
    }
    const missing = await checkWorld(after.config)
    if (missing.length > 0) {
      throw refused('failed', 'host', 'what the configuration needs', missing.join('; '))
    }
    const change = await this.#tenancy
      .prepare(this.#tenants(before), this.#tenants(after))
      .catch((error) => {
        throw refused('failed', 'port', 'a port that can be opened', reasonOf(error))
      })
    try {
      this.#remember(amendments, after)
    } catch (error) {
      await change.undo()
      throw refused('failed', 'state', 'a file that can be written', reasonOf(error))
    }
    // Nothing behind this line can fail.
    this.#effective = after
    await change.commit()
    this.#peering.change(before.config, after.config)
  }

  /** A host is behind a port now: written down, then announced at once. Throws Refusal, and then nothing has changed. */
  #arrive(name: string, { network, ...behind }: ArrivedHost): MacView | undefined {
    const { arrivals, ...unchanged } = this.#effective
    const after = { ...unchanged, arrivals: withArrival(arrivals, network, name, behind) }
    try {
      this.#remember(this.#amendments, after)
    } catch (error) {
      throw refused('failed', 'state', 'a file that can be written', reasonOf(error))
    }
    this.#effective = after
    this.#tenancy.arrive(this.#tenants(after), name)
    return this.#machines.evpn.mac(network.vni, behind.mac)
  }

  async #dump(name = `routes-${new Date().toISOString()}.mrt`): Promise<Dump> {
    const directory = join(dirname(this.#settings.amendments.path), 'dumps')
    const file = dumpFile(directory, name)
    try {
      return await dumpTables(this.#machines.speaker, file, Date.now() / 1000)
    } catch (error) {
      throw refused('failed', 'file', 'a file that can be written', reasonOf(error))
    }
  }

  /** Writes down what survives a restart, if that is another than before. Throws HostFailure. */
  #remember(amendments: Amendments, { config, arrivals }: Merged): void {
    const vnis = vnisOf(config)
    const routeDistinguishers = assignNumbers(vnis, amendments.routeDistinguishers)
    const next = { ...amendments, routeDistinguishers, arrivals }
    if (!same(next, this.#amendments)) this.#settings.amendments.write(next)
    this.#amendments = next
  }

  /** One change at a time; each sees the one before it as a whole. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#busy.then(work)
    this.#busy = result.catch(() => {})
    return result
  }

  // ---- the packet path

  #tenants(merged: Merged): Tenants {
    const { config } = merged
    return {
      vrfs: fabricVrfs(config),
      networks: fabricNetworks(config),
      ports: placedPorts(merged, this.#settings.portKinds),
    }
  }

  #onDataplaneEvents(events: readonly DataplaneEvent[]): void {
    const portName = (id: number): string => this.#tenancy.ports.byId(id)?.port.name ?? String(id)
    for (const event of events) {
      const { level, text, fields } = noticeOf(event, portName)
      this.events.add(level, event.event, text, fields)
    }
    this.#machines.toEvpn({ event: 'dataplane', events })
    for (const event of events) {
      if (event.event === 'portGone') {
        void this.#exclusive(() => this.#tenancy.portGone(event.port)).catch((error) =>
          this.events.add('warn', 'portGone', reasonOf(error)),
        )
      }
    }
  }

  #onLost(reason: string): void {
    if (this.#ending) return
    this.events.add(
      'error',
      'dataplaneLost',
      `the dataplane is gone: ${reason}; nothing is forwarded`,
    )
    this.#machines.toSpeaker({ event: 'forwardingLost' })
    this.#tenancy.lost(this.#tenants(this.#effective), 'the dataplane is down')
  }

  async #onRestored(adopted: boolean): Promise<void> {
    await this.#tenancy.fill(this.#tenants(this.#effective), adopted, () => true)
    if (adopted) {
      // The sessions stayed: what the peers have to say is here already.
      this.#peering.awaitEndOfRib(this.#effective.config.bgp)
      this.#peering.sweep()
    }
    this.events.add(
      'info',
      'dataplaneUp',
      `a dataplane forwards again, uplink ${this.#path.uplink?.kind}`,
    )
  }

  /** Compares, and more slowly each time it happens again: what can not be written must not keep us busy. */
  #onRefused(reason: string): void {
    this.events.add('error', 'writeRefused', `the dataplane refused a write: ${reason}`)
    const seconds = Math.min(30, this.#refused++ === 0 ? 0 : 2 ** this.#refused)
    this.#clock.start(COMPARE, seconds)
  }

  #compare(): void {
    void this.#path.whenSettled((snapshot) => this.#machines.toEvpn({ event: 'resync', snapshot }))
  }

  /** Missing ports are tried again for as long as the host lives; one on an interface only when that is there. */
  async #retryPorts(): Promise<void> {
    const missing = [...this.#tenancy.ports.held.values()].some(({ id }) => id === undefined)
    try {
      if (!missing || !this.#path.up) return
      const names = interfaceNames()
      const wanted = ({ kind, name, texts }: PlacedPort): boolean =>
        (kind !== 'netdev' && kind !== 'af_xdp') || names.includes(texts['ifname'] ?? name)
      await this.#exclusive(() => this.#tenancy.retry(wanted))
    } catch (error) {
      this.events.add('warn', 'portMissing', reasonOf(error))
    } finally {
      if (!this.#ending) this.#clock.start(RETRY_PORTS, RETRY_SECONDS)
    }
  }

  // ---- the machines

  #createMachines(config: Config): Machines {
    const speaker = speakerSettings(config.asn, this.#routerId, config.bgp)
    const evpn = evpnSettings(config, this.#routerId)
    const { record, version } = this.#settings
    if (record !== undefined) {
      this.#recording = new RecordingFile(record, { version, speaker, evpn }, (reason) =>
        this.events.add('error', 'recordingFailed', reason),
      )
    }
    return new Machines(
      speaker,
      evpn,
      {
        transport: (action) => this.#transport(action),
        startTimer: (timer, seconds, jitter) => this.#clock.start(timer, seconds, jitter),
        stopTimer: (timer) => this.#clock.stop(timer),
        apply: (written) => this.#path.push(written),
        tellHosts: (ports, frames) => void this.#path.tellHosts(ports, frames),
        readSnapshot: () => this.#compare(),
        peerState: (peer, state) => this.#peering.onPeerState(peer, state),
        routes: (changes) => this.#routes.tell(changes),
        endOfRib: (peer, family) => this.#peering.onEndOfRib(peer, family),
        tell: (level, kind, text, fields) => this.events.add(level, kind, text, fields),
      },
      this.#recording,
    )
  }

  #transport(action: TcpAction | BfdAction): void {
    if (action.do === 'startBfd' || action.do === 'stopBfd') this.#bfd.perform(action)
    else this.#tcp.perform(action)
  }

  #onTimer(timer: string): void {
    if (timer === RETRY_PORTS) void this.#retryPorts()
    else if (timer === SWEEP_TIMER) this.#peering.sweep()
    else if (timer === COMPARE) this.#compare()
    else this.#machines.timerEnded(timer)
  }

  #distinguisher(vni: number): string {
    const others = vnisOf(this.#effective.config)
    const { number } = distinguisherNumber(vni, this.#amendments.routeDistinguishers, others)
    return `${this.#routerId}:${number}`
  }

  #stateSource(): StateSource {
    const host = this
    return {
      version: this.version,
      get effective() {
        return host.#effective
      },
      routerId: this.#routerId,
      speaker: this.#machines.speaker,
      routeCounts: this.#routes.counts,
      evpn: this.#machines.evpn,
      ports: this.#tenancy.ports.held,
      get uplink() {
        return host.#path.uplink
      },
      get dataplaneRestarts() {
        return host.#path.restarts
      },
      get audit() {
        return host.#auditor.status
      },
      get eventArchive() {
        return host.events.archiveStatus
      },
      portStates: () => this.#path.table('ports'),
      remoteStates: () => this.#path.table('remotes'),
      underlayStates: () => this.#path.table('underlays'),
      counters: () => this.#path.counters(),
      recentDrops: (reason: string) => this.#auditor.recentDrops(reason),
      recentRepairs: () => this.#auditor.recentRepairs,
      bfdState: (peer: string) => this.#bfd.state(peer),
      bfdRecord: (peer: string) => this.#bfd.record(peer),
      uptimeSeconds: (peer: string) => this.#peering.uptimeSeconds(peer),
      interfaceName,
    }
  }
}

const vnisOf = ({ networks, vrfs }: Config): number[] =>
  [...networks, ...vrfs].map(({ vni }) => vni)

function refusal(kind: RefusalKind, findings: readonly Finding[], where = ''): Refusal {
  return new Refusal(
    kind,
    findings.map((finding) => unplaced(finding, where)),
  )
}

function refused(kind: RefusalKind, what: string, expected: string, got: string): Refusal {
  return refusal(kind, [{ path: [what], expected, got }])
}
