// One instance of the finite state machine with its connection: turns messages into events, looks the event up in
// fsm.ts and performs the actions. A peer has one; more while connections collide.

import type { Ip } from '../net/index.js'
import {
  afiSafiOf,
  decodeMessage,
  type ErrorReport,
  encodeMessage,
  iana,
  type Message,
  type Notification,
  notificationName,
  type Open,
  type Problem,
  shortened,
  shutdownCommunication,
  shutdownData,
} from '../wire/index.js'
import { Connection, collisionWinner, type Direction } from './connection.js'
import type { SpeakerAction } from './events.js'
import { type FsmAction, type FsmEvent, type FsmState, fsm } from './fsm.js'
import { beforeOpen, isRefusal, negotiate, openFor, type RestartState } from './negotiate.js'
import { type RetainedRibs, Session, type Tables } from './session.js'
import type { PeerSettings, SessionFamily } from './settings.js'
import type { LastError, Statistics } from './statistics.js'

/** What an event brings along. */
export interface Detail {
  readonly notification?: ErrorReport
  /** Why, for the operator. */
  readonly reason?: string
  readonly message?: Message
  readonly problems?: readonly Problem[]
}

/** What the speaker does for its peers and machines. */
export interface MachineContext extends Tables {
  emit(action: SpeakerAction): void
  startTimer(timer: string, seconds: number, jitter: boolean, onExpiry: () => void): void
  stopTimer(timer: string): void
  /** From now on events of the connection are for the machine. */
  bind(connection: number, machine: Machine): void
  unbind(connection: number): void
}

/** How long routes of a restarting peer are kept: all of them, and then some families as a last resort. */
export interface PeerRestart {
  readonly seconds: number
  readonly longLived: ReadonlyMap<SessionFamily, number>
}

/** The peer, as its machines see it. */
export interface MachineOwner {
  readonly settings: PeerSettings
  readonly statistics: Statistics
  /** What our OPEN says of a restart of ours. */
  readonly restart: RestartState
  clearConnectRetryCounter(): void
  countConnectRetry(): void
  /** The peer takes no connection of ours at the moment. */
  turnedAway(): void
  startConnectRetryTimer(): void
  stopConnectRetryTimer(machine: Machine): void
  dampPeerOscillations(): void
  /** The next time the peer is left alone it is for so long, or until it is cleared. */
  holdOff(seconds: number | undefined): void
  connect(): void
  /** A good OPEN came; true when `machine` has given way to another. */
  collides(machine: Machine, winner: Direction): boolean
  /** The machine is about to be Established; gives the routes kept from before. */
  establish(machine: Machine): RetainedRibs
  /** A session has ended, and this is kept of it. */
  released(retained: RetainedRibs, restart: PeerRestart): void
  /** The machine has a session from our address on, or none any more. */
  watchPath(localAddress: Ip | undefined): void
  /** After every transition. */
  moved(machine: Machine, from: FsmState, reason: string | undefined): void
  log(level: 'info' | 'warn', text: string): void
}

const { ceaseError, errorCode, fsmError, openError } = iana
const noData = new Uint8Array(0)

/** RFC 4271 section 8.2.2: "a HoldTimer value of 4 minutes is suggested". */
const OPEN_HOLD_SECONDS = 240
/** RFC 9687 section 3.1: the greater of 8 minutes and twice the hold time. */
const SEND_HOLD_SECONDS = 480
const sessionTimers = ['sendHold', 'membership'] as const
/** RFC 9687 section 4. */
const SEND_HOLD_TIMER_EXPIRED = 8

export class Machine {
  state: FsmState
  direction: Direction = 'out'
  #connection: Connection | undefined
  readonly #owner: MachineOwner
  readonly #context: MachineContext

  constructor(owner: MachineOwner, context: MachineContext, state: FsmState = 'Idle') {
    this.#owner = owner
    this.#context = context
    this.state = state
  }

  get connection(): Connection | undefined {
    return this.#connection
  }

  get session(): Session | undefined {
    return this.#connection?.session
  }

  // ---- the transport

  /** TCP is there, opened by either side. */
  attach(id: number, localAddress: Ip, direction: Direction): void {
    this.direction = direction
    this.#connection = new Connection(id, localAddress)
    this.#context.bind(id, this)
    this.fire(direction === 'out' ? 'Tcp_CR_Acked' : 'TcpConnectionConfirmed')
  }

  closed(reason: string): void {
    const { connection } = this
    if (connection === undefined) return
    this.#failed({ by: 'peer', text: reason })
    // Lost without a NOTIFICATION: the peer may be restarting.
    this.#release(true)
    this.#connection = undefined
    this.#context.unbind(connection.id)
    this.fire('TcpConnectionFails', { reason })
  }

  /** True when a new connection means that the peer has restarted and the old one is dead (RFC 4724 section 4.2). */
  get mayHaveRestarted(): boolean {
    return (this.session?.negotiated.gracefulRestart?.families.length ?? 0) > 0
  }

  /** Lets go of a connection that the peer does not know any more. */
  abandon(): void {
    const { connection } = this
    if (connection === undefined) return
    this.#context.emit({ do: 'close', connection: connection.id })
    this.closed('the peer has restarted')
  }

  received(octets: Uint8Array): void {
    const { connection } = this
    const error = connection?.receive(octets, (message) => {
      this.#message(connection, message)
      return this.#connection === connection
    })
    if (error === undefined) return
    this.fire('BGPHeaderErr', { notification: error, reason: describe('sent', error) })
  }

  blocked(): void {
    const { session } = this
    if (session === undefined || session.blocked) return
    session.blocked = true
    const { holdTimeSeconds } = session.negotiated
    if (holdTimeSeconds === 0) return
    const seconds = Math.max(SEND_HOLD_SECONDS, 2 * holdTimeSeconds)
    this.#context.startTimer(this.#timer('sendHold'), seconds, false, () => {
      const notification = { code: SEND_HOLD_TIMER_EXPIRED, subcode: 0, data: noData }
      const reason = `nothing could be sent for ${seconds} seconds`
      this.fire('SendHoldTimer_Expires', { notification, reason })
    })
  }

  drained(): void {
    const { session } = this
    if (session === undefined || !session.blocked) return
    session.blocked = false
    this.#context.stopTimer(this.#timer('sendHold'))
  }

  // ---- messages

  #message(connection: Connection, octets: Uint8Array): void {
    const context = connection.negotiated?.receive ?? beforeOpen
    const { message, problems } = decodeMessage(octets, context)
    const fatal = problems.find(isFatal)
    if (message !== undefined) this.#owner.statistics.messagesReceived[message.kind]++
    if (fatal?.notification !== undefined) {
      this.#owner.statistics.problems[fatal.verdict]++
      const reason = describe('sent', fatal.notification, `${fatal.attribute}: ${fatal.text}`)
      const event = errorEvents.get(octets[18]!) ?? 'BGPHeaderErr'
      this.fire(event, { notification: fatal.notification, reason })
      return
    }
    switch (message?.kind) {
      case 'open':
        this.#open(connection, message)
        break
      case 'notification':
        this.#notification(message)
        break
      case 'keepalive':
        this.fire('KeepAliveMsg')
        break
      case 'update':
        this.fire('UpdateMsg', { message, problems })
        this.enforceLimits()
        break
      case 'routeRefresh':
        this.fire('RouteRefreshMsg', { message })
        break
    }
  }

  /** Ends the session of a peer that has sent more routes than it may (RFC 4486 section 4). */
  enforceLimits(): void {
    const over = this.session?.overLimit()
    if (over === undefined) return
    const { family, limit } = over
    const { routes, restartSeconds } = limit
    const { afi, safi } = afiSafiOf(family)
    const data = new Uint8Array(7)
    const view = new DataView(data.buffer)
    view.setUint16(0, afi)
    view.setUint8(2, safi)
    view.setUint32(3, routes)
    const notification = { code: errorCode.cease, subcode: ceaseError.maximumPrefixes, data }
    const text = `more than ${routes} routes of family ${family}`
    this.#owner.holdOff(restartSeconds)
    this.fire('AutomaticStop', { notification, reason: describe('sent', notification, text) })
  }

  #open(connection: Connection, theirs: Open): void {
    // A second OPEN on one connection is an FSM error wherever it comes.
    if (this.state !== 'OpenSent') {
      this.fire('BGPOpen')
      return
    }
    const { speaker } = this.#context
    const result = negotiate(speaker, this.#owner.settings, connection.ours!, theirs)
    if (isRefusal(result)) {
      const { notification, text } = result
      this.fire('BGPOpenMsgErr', {
        notification,
        reason: describe('sent', notification, text),
      })
      return
    }
    const own = { id: speaker.routerId, asn: speaker.asn }
    const peer = { id: result.peerRouterId, asn: result.peerAsn }
    if (this.#owner.collides(this, collisionWinner(own, peer))) return
    connection.theirs = theirs
    connection.negotiated = result
    this.fire('BGPOpen')
  }

  #notification(message: Notification): void {
    const { code, subcode } = message
    const reason = describe('received', message, shutdownCommunication(message))
    const notification = encodeMessage(shortened(message), beforeOpen)
    this.#failed({ by: 'peer', text: reason, notification })
    if (code === errorCode.cease && subcode === ceaseError.connectionRejected) {
      this.#owner.turnedAway()
    }
    const isVersion = code === errorCode.open && subcode === openError.unsupportedVersionNumber
    this.fire(isVersion ? 'NotifMsgVerErr' : 'NotifMsg', { reason })
  }

  // ---- the machine

  fire(event: FsmEvent, detail: Detail = {}): void {
    const from = this.state
    const expected = fsm[from][event]
    const transition = expected ?? fsm[from].default
    const full = expected === undefined ? unexpected(from, event, detail) : detail
    for (const action of transition.do) this.#actions[action](full)
    this.state = transition.to
    this.#owner.moved(this, from, full.reason)
  }

  readonly #actions: { readonly [A in FsmAction]: (detail: Detail) => void } = {
    clearConnectRetryCounter: () => this.#owner.clearConnectRetryCounter(),
    countConnectRetry: () => this.#owner.countConnectRetry(),
    startConnectRetryTimer: () => this.#owner.startConnectRetryTimer(),
    stopConnectRetryTimer: () => this.#owner.stopConnectRetryTimer(this),
    dampPeerOscillations: () => this.#owner.dampPeerOscillations(),
    connect: () => {
      this.direction = 'out'
      this.#owner.connect()
    },
    dropConnection: () => this.#drop(),
    sendOpen: () => {
      const ours = openFor(this.#context.speaker, this.#owner.settings, this.#owner.restart)
      this.#connection!.ours = ours
      this.#send(ours)
    },
    sendKeepalive: () => this.#send({ kind: 'keepalive' }),
    sendNotification: ({ notification, reason }) => {
      if (notification === undefined) return
      const message = shortened({ kind: 'notification', ...notification })
      const octets = encodeMessage(message, beforeOpen)
      const text = reason ?? describe('sent', notification)
      this.#failed({ by: 'us', text, notification: octets })
      this.#send(message)
    },
    startOpenHoldTimer: () => this.#startHold(OPEN_HOLD_SECONDS),
    startHoldTimer: () => this.#startHold(this.#connection!.negotiated!.holdTimeSeconds),
    startKeepaliveTimer: () => {
      const { keepaliveSeconds } = this.#connection!.negotiated!
      if (keepaliveSeconds === 0) return
      this.#context.startTimer(this.#timer('keepalive'), keepaliveSeconds, true, () =>
        this.fire('KeepaliveTimer_Expires'),
      )
    },
    establish: () => this.#establish(this.#connection!),
    processUpdate: ({ message, problems }) => {
      if (message?.kind === 'update') this.session!.receiveUpdate(message, problems ?? [])
    },
    processRouteRefresh: ({ message }) => {
      if (message?.kind === 'routeRefresh') this.session!.receiveRouteRefresh(message)
    },
    release: () => this.#release(false),
  }

  #startHold(seconds: number): void {
    const timer = this.#timer('hold')
    if (seconds === 0) {
      this.#context.stopTimer(timer)
      return
    }
    this.#context.startTimer(timer, seconds, false, () => {
      const notification = { code: errorCode.holdTimerExpired, subcode: 0, data: noData }
      const reason = describe('sent', notification, `nothing received for ${seconds} seconds`)
      this.fire('HoldTimer_Expires', { notification, reason })
    })
  }

  #establish(connection: Connection): void {
    const { statistics, settings } = this.#owner
    const retained = this.#owner.establish(this)
    connection.session = new Session(
      this.#context,
      settings,
      connection.negotiated!,
      connection.localAddress,
      statistics,
      {
        send: (kind, bytes, count) => {
          statistics.messagesSent[kind] += count
          this.#context.emit({ do: 'send', connection: connection.id, bytes })
        },
        startTimer: (name, seconds, onExpiry) => {
          this.#context.startTimer(this.#timer(name), seconds, false, onExpiry)
        },
        endOfRib: (family) => {
          this.#context.emit({ do: 'endOfRib', peer: settings.id, family })
        },
        log: (level, text) => this.#owner.log(level, text),
      },
      retained,
    )
    this.#owner.watchPath(connection.localAddress)
  }

  #release(mayRestart: boolean): void {
    const { connection } = this
    if (connection === undefined) return
    this.#context.stopTimer(this.#timer('hold'))
    this.#context.stopTimer(this.#timer('keepalive'))
    if (connection.session === undefined) return
    for (const name of sessionTimers) this.#context.stopTimer(this.#timer(name))
    const { gracefulRestart, longLived = new Map() } = connection.session.negotiated
    const restart = mayRestart ? gracefulRestart : undefined
    const retained = connection.session.close(restart?.families ?? [])
    connection.session = undefined
    this.#owner.watchPath(undefined)
    this.#owner.released(retained, { seconds: restart?.timeSeconds ?? 0, longLived })
  }

  #drop(): void {
    const { connection } = this
    if (connection !== undefined) {
      this.#connection = undefined
      this.#context.unbind(connection.id)
      this.#context.emit({ do: 'close', connection: connection.id })
    } else if (this.state === 'Connect') {
      this.#context.emit({ do: 'cancelConnect', peer: this.#owner.settings.id })
    }
  }

  #send(message: Message): void {
    const connection = this.#connection!
    const bytes = encodeMessage(message, connection.negotiated?.send ?? beforeOpen)
    this.#owner.statistics.messagesSent[message.kind]++
    this.#context.emit({ do: 'send', connection: connection.id, bytes })
  }

  #failed(error: LastError): void {
    this.#owner.statistics.lastError = error
  }

  #timer(name: string): string {
    return `${this.#owner.settings.id} ${name} ${this.#connection!.id}`
  }
}

/** A Cease with its subcode (RFC 4486), and the operator's text where one is allowed (RFC 9003). */
export function cease(subcode: number, communication?: string): Detail {
  const { administrativeShutdown, administrativeReset } = ceaseError
  const mayTell = subcode === administrativeShutdown || subcode === administrativeReset
  const data = mayTell && communication !== undefined ? shutdownData(communication) : noData
  const notification = { code: errorCode.cease, subcode, data }
  return { notification, reason: describe('sent', notification, communication) }
}

/** RFC 6608: which state did not expect the message. */
const fsmErrors: { readonly [S in FsmState]?: number } = {
  OpenSent: fsmError.unexpectedMessageInOpenSent,
  OpenConfirm: fsmError.unexpectedMessageInOpenConfirm,
  Established: fsmError.unexpectedMessageInEstablished,
}

function unexpected(state: FsmState, event: FsmEvent, { reason }: Detail): Detail {
  const subcode = fsmErrors[state] ?? fsmError.unspecified
  const notification = { code: errorCode.fsm, subcode, data: noData }
  return { notification, reason: reason ?? describe('sent', notification, `${event} in ${state}`) }
}

const errorEvents = new Map<number, FsmEvent>([
  [iana.messageType.open, 'BGPOpenMsgErr'],
  [iana.messageType.update, 'UpdateMsgErr'],
])

function isFatal({ verdict }: Problem): boolean {
  return verdict === 'session-reset'
}

/** "sent open/badPeerAs: expected AS 65000, got 65001" */
function describe(did: 'sent' | 'received', { code, subcode }: ErrorReport, text?: string): string {
  const what = `${did} ${notificationName(code, subcode)}`
  return text === undefined ? what : `${what}: ${text}`
}
