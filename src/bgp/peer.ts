// One peer: what the operator wants of it, its machines, which of two colliding connections stays, and how long a peer
// is left alone that fails again and again.

import type { Ip } from '../net/index.js'
import { encodeMessage, iana, type Open } from '../wire/index.js'
import type { AdjRibIn } from './adj-rib-in.js'
import type { Direction } from './connection.js'
import type { FsmEvent, FsmState } from './fsm.js'
import { fsmStates } from './fsm.js'
import {
  cease,
  Machine,
  type MachineContext,
  type MachineOwner,
  type PeerRestart,
} from './machine.js'
import { beforeOpen, type RestartState } from './negotiate.js'
import { makeStale, removeAll } from './rib.js'
import type { RetainedRibs, Session } from './session.js'
import { defaults, type PeerSettings, type SessionFamily } from './settings.js'
import { Statistics } from './statistics.js'

export interface PeerContext extends MachineContext {
  /** What may be told to whom has changed for all sessions. */
  policyChanged(): void
  /** A peer has a session, or none any more. */
  sessionsChanged(): void
  /** A dynamic peer has no connection any more. */
  gone(peer: Peer): void
}

const { ceaseError } = iana

const MAX_IDLE_HOLD_SECONDS = 60
/** How long a restarted peer may take to send its routes again before those it did not repeat are dropped. */
const STALE_PATH_SECONDS = 360
/** Established for so long, a peer is forgiven its failures. */
const STABLE_SECONDS = 60
/** After so many failures in a row a peer that is held off may not connect either. */
const PATIENCE = 3
/** One that we open, one that the peer opens, and one that the peer opens again. */
const MAX_MACHINES = 3

export class Peer implements MachineOwner {
  readonly statistics = new Statistics()
  readonly isDynamic: boolean
  readonly #context: PeerContext
  readonly #machines: Machine[]
  #settings: PeerSettings
  #connectRetryCounter = 0
  /** Of those failures, how many were that the peer held us off. */
  #turnedAway = 0
  #isIdleHolding = false
  /** For so long the peer is left alone for what it did, whatever it tries; infinity: until it is cleared. */
  #holdOffSeconds: number | undefined
  #reported: FsmState = 'Idle'
  #connectFailure = ''
  #isWatched = false
  #retained = new Map<SessionFamily, AdjRibIn>()
  #isAccepting = false
  /** What the peer may still hold of us, we have forwarded by ever since. */
  #hasForwarded: boolean

  constructor(settings: PeerSettings, context: PeerContext, isDynamic = false) {
    this.#settings = settings
    this.isDynamic = isDynamic
    this.#hasForwarded = context.isDeferring()
    this.#context = context
    this.#machines = [new Machine(this, context)]
  }

  get id(): string {
    return this.#settings.id
  }

  get settings(): PeerSettings {
    return this.#settings
  }

  /** Of the machine that has come furthest. */
  get state(): FsmState {
    const ranks = this.#machines.map(({ state }) => fsmStates.indexOf(state))
    return fsmStates[Math.max(...ranks)]!
  }

  /** While Established. */
  get session(): Session | undefined {
    return this.#machines.find(({ session }) => session !== undefined)?.session
  }

  get restart(): RestartState {
    return { restarting: this.#context.isDeferring(), forwarding: this.#hasForwarded }
  }

  /** Starts BFD beside a session, or ends it. */
  watchPath(localAddress: Ip | undefined): void {
    if (this.#isWatched) this.#context.emit({ do: 'stopBfd', peer: this.id })
    const { bfd, address, interface: scope, transport = {} } = this.#settings
    this.#isWatched = bfd !== undefined && localAddress !== undefined && !isUnspecified(address)
    if (!this.#isWatched) return
    const { ttl = 1, minimumTtl } = transport
    const isFar = this.session?.negotiated.kind === 'ibgp' || (ttl > 1 && minimumTtl === undefined)
    this.#context.emit({
      do: 'startBfd',
      peer: this.id,
      local: localAddress!,
      remote: address,
      ...(scope === undefined ? {} : { interface: scope }),
      multihop: bfd!.multihop ?? isFar,
      settings: bfd!,
    })
  }

  /** The session goes at once; it comes back as soon as it can. */
  bfdDown(reason: string): void {
    const { notification } = cease(ceaseError.bfdDown)
    const text = `sent cease/bfdDown: ${reason}`
    for (const machine of [...this.#machines]) {
      if (machine.session === undefined) continue
      machine.fire('AutomaticStop', { notification: notification!, reason: text })
    }
  }

  /** Without a session nobody can tell the peer that routes of ours have gone. */
  forwardingLost(): void {
    if (this.session === undefined) this.#hasForwarded = false
  }

  /** The OPENs of the session, while Established. */
  get opens(): { readonly sentOpen: Open; readonly receivedOpen: Open } | undefined {
    const connection = this.#machines.find(({ session }) => session !== undefined)?.connection
    const { ours: sentOpen, theirs: receivedOpen } = connection ?? {}
    return sentOpen && receivedOpen && { sentOpen, receivedOpen }
  }

  // ---- the operator

  start(): void {
    const event = this.#isPassive ? 'ManualStart_with_PassiveTcpEstablishment' : 'ManualStart'
    this.#machines[0]!.fire(event)
  }

  /** Ends everything and stays in Idle. */
  stop(subcode: number, communication?: string): void {
    this.#endIdleHold()
    this.#forgetRetained()
    this.#fireAll('ManualStop', subcode, communication)
    if (this.isDynamic) this.#context.gone(this)
  }

  /** Ends the session; it comes back by itself, and at once if it was held off. */
  reset(subcode: number, communication?: string): void {
    this.clearConnectRetryCounter()
    this.#forgetRetained()
    if (this.state !== 'Idle') {
      this.#fireAll('AutomaticStop', subcode, communication)
    } else if (this.#isIdleHolding) {
      this.#endIdleHold()
      this.#resume(() => this.start())
    }
  }

  /** New settings with the least effect: a new session only for what the OPEN or TCP tells the peer. */
  configure(settings: PeerSettings): void {
    const old = this.#settings
    this.#settings = settings
    const { session } = this
    if (session === undefined || needsReset(old, settings)) {
      if (differ(old, settings)) this.reset(ceaseError.otherConfigurationChange)
      return
    }
    session.configure(settings)
    const isOther = (name: keyof PeerSettings): boolean => isDifferent(old, settings, name)
    if (isOther('routeReflectorClient')) this.#context.policyChanged()
    if (judging.some(isOther)) session.rejudge()
    if (isOther('bfd')) this.watchPath(session.localAddress)
    for (const machine of [...this.#machines]) machine.enforceLimits()
  }

  #fireAll(event: FsmEvent, subcode: number, communication: string | undefined): void {
    const detail = cease(subcode, communication)
    for (const machine of [...this.#machines]) machine.fire(event, detail)
  }

  // ---- the transport

  /** What `connect` asked for. */
  connected(connection: number, localAddress: Ip): void {
    const machine = this.#machines.find(({ state }) => state === 'Connect')
    if (machine === undefined) {
      this.#context.emit({ do: 'close', connection })
      return
    }
    this.#connectFailure = ''
    machine.attach(connection, localAddress, 'out')
  }

  connectFailed(reason: string): void {
    const machine = this.#machines.find(({ state }) => state === 'Connect')
    if (machine === undefined) return
    // Told once, not every few seconds.
    if (reason !== this.#connectFailure) this.log('info', `cannot connect: ${reason}`)
    this.#connectFailure = reason
    machine.fire('TcpConnectionFails', { reason })
  }

  /** A connection that the peer has opened. */
  accept(connection: number, localAddress: Ip): void {
    const refusal = this.#refusal()
    if (refusal !== undefined) {
      this.log('info', `refused a connection: ${refusal}`)
      refuse(this.#context, connection)
      return
    }
    this.#isAccepting = true
    this.#take(connection, localAddress)
    this.#isAccepting = false
    this.#goneIfIdle()
  }

  #take(connection: number, localAddress: Ip): void {
    for (const machine of [...this.#machines]) if (machine.mayHaveRestarted) machine.abandon()
    if (this.state === 'Idle') {
      this.#endIdleHold()
      this.#machines[0]!.fire(
        'AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment',
      )
    }
    // Who opens a second connection before the first has said anything has given up the first.
    const givenUp = this.#machines.find(
      ({ state, direction }) => state === 'OpenSent' && direction === 'in',
    )
    let machine = this.#machines.find(({ state }) => state === 'Active')
    if (machine === undefined) {
      machine = new Machine(this, this.#context, 'Active')
      this.#machines.push(machine)
    }
    if (givenUp !== undefined) dump(givenUp)
    machine.attach(connection, localAddress, 'in')
  }

  /**
   * In Idle the RFC refuses all connections. We do while the peer is held off for failing again and again; after a
   * first failure it may come back at once, for it may wait long until it tries a second time.
   */
  #refusal(): string | undefined {
    if (this.#isIdleHolding && this.#holdOffSeconds !== undefined) return 'it sent too many routes'
    // Who is turned away turns nobody away: two that hold each other off would never meet again.
    if (this.#isIdleHolding && this.#connectRetryCounter - this.#turnedAway > PATIENCE) {
      return `held off after ${this.#connectRetryCounter} failures in a row`
    }
    if (this.state === 'Idle' && !this.#isIdleHolding && !this.isDynamic) return 'stopped'
    return this.#machines.length >= MAX_MACHINES ? 'too many connections already' : undefined
  }

  // ---- for the machines

  /** RFC 4271 section 6.8. */
  collides(machine: Machine, winner: Direction): boolean {
    for (const other of [...this.#machines]) {
      if (other === machine) continue
      if (!prevails(machine, other, winner)) {
        dump(machine)
        return true
      }
      dump(other)
    }
    return false
  }

  /** "Collision with an existing connection that is in the Established state" costs every other one. */
  establish(machine: Machine): RetainedRibs {
    for (const other of [...this.#machines]) if (other !== machine) dump(other)
    this.statistics.established++
    this.#hasForwarded = true
    this.#context.startTimer(this.#timer('stable'), STABLE_SECONDS, false, () => {
      this.clearConnectRetryCounter()
    })
    this.#stopRestartTimers()
    const retained = this.#retained
    this.#retained = new Map()
    if (retained.size > 0) {
      this.#context.startTimer(this.#timer('stalePath'), STALE_PATH_SECONDS, false, () => {
        this.session?.removeStale()
      })
    }
    return retained
  }

  /** "MUST retain the routes received from the peer" until it is back, or not back in time (RFC 4724 section 4.2). */
  released(retained: RetainedRibs, { seconds, longLived }: PeerRestart): void {
    this.#context.stopTimer(this.#timer('stable'))
    this.#context.stopTimer(this.#timer('stalePath'))
    this.#retained = new Map(retained)
    if (retained.size === 0) return
    if (seconds === 0) {
      this.#lastResort(longLived)
      return
    }
    this.log('info', `its routes are kept for ${seconds} s while it restarts`)
    this.#context.startTimer(this.#timer('restart'), seconds, false, () =>
      this.#lastResort(longLived),
    )
  }

  /** It was not back in time: what is kept longer is used only where there is nothing else (RFC 9494 section 4.2). */
  #lastResort(longLived: ReadonlyMap<SessionFamily, number>): void {
    for (const [family, adjRibIn] of this.#retained) {
      const seconds = longLived.get(family)
      if (seconds === undefined) {
        this.#forget(family)
        continue
      }
      this.log('info', `its routes of ${family} are a last resort for ${seconds} s`)
      makeStale(this.#context.ribs[family], adjRibIn, this.#context.sets)
      this.#context.startTimer(this.#timer(longLivedTimer(family)), seconds, false, () =>
        this.#forget(family),
      )
    }
    this.#goneIfIdle()
  }

  #forgetRetained(): void {
    this.#stopRestartTimers()
    for (const family of [...this.#retained.keys()]) this.#forget(family)
  }

  #forget(family: SessionFamily): void {
    const adjRibIn = this.#retained.get(family)
    this.#retained.delete(family)
    if (adjRibIn !== undefined) removeAll(this.#context.ribs[family], adjRibIn)
    this.#goneIfIdle()
  }

  #goneIfIdle(): void {
    // One that is left alone for what it did stays, or its next connection would be a new peer's.
    if (!this.isDynamic || this.#isIdleHolding || this.#retained.size > 0) return
    // What it gave up for the connection that comes now has left nothing behind for a moment.
    if (this.#isAccepting) return
    if (this.#isIdle) this.#context.gone(this)
  }

  #stopRestartTimers(): void {
    this.#context.stopTimer(this.#timer('restart'))
    for (const family of this.#retained.keys()) {
      this.#context.stopTimer(this.#timer(longLivedTimer(family)))
    }
  }

  clearConnectRetryCounter(): void {
    this.#connectRetryCounter = 0
    this.#turnedAway = 0
  }

  turnedAway(): void {
    this.#turnedAway++
  }

  /** A machine that gives way to another has not failed. */
  countConnectRetry(): void {
    if (this.#machines.length === 1) this.#connectRetryCounter++
  }

  startConnectRetryTimer(): void {
    if (this.#isPassive) return
    const seconds = this.#settings.connectRetrySeconds ?? defaults.connectRetrySeconds
    this.#context.startTimer(this.#timer('connectRetry'), seconds, true, () => {
      this.#machines.find(isTrying)?.fire('ConnectRetryTimer_Expires')
    })
  }

  stopConnectRetryTimer(machine: Machine): void {
    const isNeeded = this.#machines.some((other) => other !== machine && isTrying(other))
    if (!isNeeded) this.#context.stopTimer(this.#timer('connectRetry'))
  }

  connect(): void {
    const { id, address, port = defaults.port, updateSource, interface: scope } = this.#settings
    this.#context.emit({
      do: 'connect',
      peer: id,
      address,
      port,
      ...(updateSource === undefined ? {} : { source: updateSource }),
      ...(scope === undefined ? {} : { interface: scope }),
    })
  }

  holdOff(seconds: number | undefined): void {
    this.#holdOffSeconds = seconds ?? Number.POSITIVE_INFINITY
  }

  /** Who fails again and again is tried less and less often: after 1, 2, 4 ... 60 seconds. */
  dampPeerOscillations(): void {
    if (this.#machines.length > 1) return
    if (this.isDynamic && this.#holdOffSeconds === undefined) return
    this.#isIdleHolding = true
    const exponent = Math.min(Math.max(0, this.#connectRetryCounter - 1), 10)
    const seconds = this.#holdOffSeconds ?? Math.min(2 ** exponent, MAX_IDLE_HOLD_SECONDS)
    if (seconds === Number.POSITIVE_INFINITY) return
    const jitter = this.#holdOffSeconds === undefined
    this.#context.startTimer(this.#timer('idleHold'), seconds, jitter, () => {
      this.#isIdleHolding = false
      this.#holdOffSeconds = undefined
      this.#resume(() =>
        this.#machines[0]!.fire(
          this.#isPassive
            ? 'AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment'
            : 'AutomaticStart_with_DampPeerOscillations',
        ),
      )
    })
  }

  /** A dynamic peer comes back by itself, or never. */
  #resume(start: () => void): void {
    if (this.isDynamic) this.#goneIfIdle()
    else start()
  }

  moved(machine: Machine, from: FsmState, reason: string | undefined): void {
    // A machine without a connection is of use only if it is the last.
    if (
      this.#machines.length > 1 &&
      machine.connection === undefined &&
      machine.state !== 'Connect'
    ) {
      this.#machines.splice(this.#machines.indexOf(machine), 1)
    }
    this.#report(reason)
    if (from !== 'Idle') this.#goneIfIdle()
    if ((from === 'Established') !== (machine.state === 'Established')) {
      this.#context.sessionsChanged()
    }
  }

  /** Nothing is connected, and nobody tries. */
  get #isIdle(): boolean {
    return this.#machines.every(({ connection, state }) => !connection && state !== 'Connect')
  }

  log(level: 'info' | 'warn', text: string): void {
    this.#context.emit({ do: 'log', level, text, peer: this.id })
  }

  #report(reason: string | undefined): void {
    const { state } = this
    const from = this.#reported
    if (state === from) return
    this.#reported = state
    const action = { do: 'peerState', peer: this.id, from, to: state } as const
    this.#context.emit(reason === undefined ? action : { ...action, reason })
    if (state === 'Established') {
      const { peerAsn, families, holdTimeSeconds } = this.session!.negotiated
      const what = `AS ${peerAsn}, ${families.join(' and ')}, hold time ${holdTimeSeconds} s`
      this.log('info', `session established: ${what}`)
    } else if (from === 'Established') {
      this.statistics.flaps++
      this.log('warn', `session ended: ${reason ?? 'stopped'}`)
    } else if (state === 'Idle' && reason !== undefined) {
      this.log('warn', `no session: ${reason}`)
    }
  }

  get #isPassive(): boolean {
    return this.#settings.passive === true
  }

  #endIdleHold(): void {
    if (!this.#isIdleHolding) return
    this.#isIdleHolding = false
    this.#holdOffSeconds = undefined
    this.#context.stopTimer(this.#timer('idleHold'))
  }

  #timer(name: string): string {
    return `${this.id} ${name}`
  }
}

/** Turns away a connection that belongs to no machine. */
export function refuse(context: Pick<PeerContext, 'emit'>, connection: number): void {
  const { notification } = cease(ceaseError.connectionRejected)
  const bytes = encodeMessage({ kind: 'notification', ...notification! }, beforeOpen)
  context.emit({ do: 'send', connection, bytes })
  context.emit({ do: 'close', connection })
}

function dump(machine: Machine): void {
  machine.fire('OpenCollisionDump', cease(ceaseError.connectionCollision))
}

/** Whether `machine`, which has just got a good OPEN, stays rather than `other`. */
function prevails(machine: Machine, other: Machine, winner: Direction): boolean {
  if (other.state === 'Established') return false
  // A connection that is only being tried gives way to one that works.
  if (other.connection === undefined) return true
  if (machine.direction === other.direction) return other.state === 'OpenSent'
  return machine.direction === winner
}

function longLivedTimer(family: SessionFamily): string {
  return `longLived ${family}`
}

/** An interface's peer that nobody has heard yet. */
function isUnspecified(address: Ip): boolean {
  return address === '::'
}

function isTrying({ state }: Machine): boolean {
  return state === 'Connect' || state === 'Active'
}

const resetting = [
  'address',
  'interface',
  'asn',
  'families',
  'holdTimeSeconds',
  'updateSource',
  'transport',
  'siteOfOrigin',
  'addPath',
  'role',
  'strictRole',
] as const

/** What we make of what it has sent may be different then. */
const judging = ['allowAsIn', 'filterIn'] as const

function needsReset(old: PeerSettings, settings: PeerSettings): boolean {
  return resetting.some((name) => isDifferent(old, settings, name))
}

function isDifferent(old: PeerSettings, settings: PeerSettings, name: keyof PeerSettings): boolean {
  return JSON.stringify(old[name]) !== JSON.stringify(settings[name])
}

function differ(old: PeerSettings, settings: PeerSettings): boolean {
  const names = new Set([...Object.keys(old), ...Object.keys(settings)]) as Set<keyof PeerSettings>
  names.delete('description')
  return [...names].some((name) => isDifferent(old, settings, name))
}
