// Speakers on a network that exists in memory: virtual time, ordered streams cut anywhere, no randomness but the
// seed's. What takes minutes on a clock takes milliseconds, and always goes the same way.

import {
  type FsmState,
  type PeerSettings,
  type SessionFamily,
  Speaker,
  type SpeakerAction,
  type SpeakerEvent,
  type SpeakerSettings,
} from '../../src/bgp/index.js'

interface Pipe {
  readonly from: Node
  readonly to: Node
  /** Connection numbers at both ends. */
  readonly fromId: number
  readonly toId: number
  open: boolean
}

interface Due {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** One speaker and the world around it. */
export class Node {
  readonly address: string
  speaker: Speaker
  readonly actions: SpeakerAction[] = []
  /** Events as the speaker got them. */
  readonly events: SpeakerEvent[] = []
  readonly timers = new Map<string, symbol>()
  isListening = true
  readonly #simulation: Simulation

  constructor(simulation: Simulation, address: string, settings: SpeakerSettings) {
    this.#simulation = simulation
    this.address = address
    this.speaker = new Speaker(settings)
  }

  dispatch(event: SpeakerEvent): void {
    this.events.push(event)
    for (const action of this.speaker.step(event)) {
      this.actions.push(action)
      this.#simulation.perform(this, action)
    }
  }

  /** The process dies and a new one begins: it knows nothing. Cut its connections first. */
  restart(): void {
    this.timers.clear()
    this.speaker = new Speaker(this.speaker.settings)
  }

  state(peer: string): FsmState | undefined {
    return this.speaker.peers().find(({ id }) => id === peer)?.state
  }

  logs(): string[] {
    return this.actions.flatMap((action) => (action.do === 'log' ? [action.text] : []))
  }

  /** The loc-rib as comparable text. */
  rib(family: SessionFamily = 'evpn'): string[] {
    return [...this.speaker.locRib(family)]
      .map(({ key, best }) => `${key} ${best.nextHop} ${JSON.stringify(best.nlri)}`)
      .sort()
  }
}

export class Simulation {
  now = 0
  /** Largest piece a stream is cut into. */
  pieceBytes = Number.POSITIVE_INFINITY
  readonly nodes: Node[] = []
  readonly #pipes: Pipe[] = []
  #due: Due[] = []
  #order = 0
  #connections = 0

  add(address: string, settings: Partial<SpeakerSettings> & { asn: number }): Node {
    const node = new Node(this, address, { routerId: address, ...settings })
    this.nodes.push(node)
    return node
  }

  /** Makes two nodes each other's peers. */
  peer(
    a: Node,
    b: Node,
    more: Partial<PeerSettings> = {},
    moreB: Partial<PeerSettings> = more,
  ): void {
    a.dispatch({ event: 'peerAdded', peer: settingsFor(b, more) })
    b.dispatch({ event: 'peerAdded', peer: settingsFor(a, moreB) })
  }

  /** Runs what is due in the next `seconds`. */
  run(seconds: number): void {
    const end = this.now + seconds
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.now = next.at
      next.run()
    }
    this.now = end
  }

  /** Cuts every connection between two nodes, without a word to either speaker but `closed`. */
  cut(a: Node, b: Node): void {
    for (const pipe of this.#pipes) {
      if (!pipe.open || ![a, b].includes(pipe.from) || ![a, b].includes(pipe.to)) continue
      pipe.open = false
      pipe.from.dispatch({ event: 'closed', connection: pipe.fromId, reason: 'cut' })
    }
  }

  perform(node: Node, action: SpeakerAction): void {
    switch (action.do) {
      case 'connect':
        this.#connect(node, action)
        break
      case 'send':
        this.#send(node, action.connection, action.bytes)
        break
      case 'close':
        this.#close(node, action.connection)
        break
      case 'startTimer':
        this.#startTimer(node, action.timer, action.seconds)
        break
      case 'stopTimer':
        node.timers.delete(action.timer)
        break
    }
  }

  #connect(node: Node, action: Extract<SpeakerAction, { do: 'connect' }>): void {
    const { peer, address } = action
    const scope = action.interface === undefined ? {} : { interface: action.interface }
    const other = this.nodes.find((one) => one.address === address)
    this.#later(0.001, () => {
      if (other === undefined || !other.isListening) {
        node.dispatch({ event: 'connectFailed', peer, reason: 'connection refused' })
        return
      }
      const [fromId, toId] = [++this.#connections, ++this.#connections]
      this.#pipes.push({ from: node, to: other, fromId, toId, open: true })
      this.#pipes.push({ from: other, to: node, fromId: toId, toId: fromId, open: true })
      node.dispatch({ ...connected(fromId, 'out', node, other, peer), ...scope })
      other.dispatch({ ...connected(toId, 'in', other, node), ...scope })
    })
  }

  #send(node: Node, connection: number, bytes: Uint8Array): void {
    const pipe = this.#pipes.find((one) => one.from === node && one.fromId === connection)
    if (pipe === undefined || !pipe.open) return
    for (let at = 0; at < bytes.length; at += this.pieceBytes) {
      const piece = bytes.slice(at, Math.min(bytes.length, at + this.pieceBytes))
      this.#later(0.001, () => {
        const back = this.#back(pipe)
        if (back.open) {
          pipe.to.dispatch({ event: 'received', connection: pipe.toId, bytes: piece })
        }
      })
    }
  }

  #close(node: Node, connection: number): void {
    const pipe = this.#pipes.find((one) => one.from === node && one.fromId === connection)
    if (pipe === undefined) return
    pipe.open = false
    this.#later(0.001, () => {
      const back = this.#back(pipe)
      if (!back.open) return
      back.open = false
      pipe.to.dispatch({ event: 'closed', connection: pipe.toId })
    })
  }

  #back(pipe: Pipe): Pipe {
    return this.#pipes.find((one) => one.from === pipe.to && one.fromId === pipe.toId)!
  }

  #startTimer(node: Node, timer: string, seconds: number): void {
    const mark = Symbol(timer)
    node.timers.set(timer, mark)
    this.#later(seconds, () => {
      if (node.timers.get(timer) !== mark) return
      node.timers.delete(timer)
      node.dispatch({ event: 'timer', timer })
    })
  }

  #later(seconds: number, run: () => void): void {
    this.#due.push({ at: this.now + seconds, order: this.#order++, run })
  }

  #next(end: number): Due | undefined {
    let first: Due | undefined
    for (const due of this.#due) {
      if (due.at > end) continue
      if (
        first === undefined ||
        due.at < first.at ||
        (due.at === first.at && due.order < first.order)
      )
        first = due
    }
    if (first !== undefined) this.#due = this.#due.filter((due) => due !== first)
    return first
  }
}

export function settingsFor(node: Node, more: Partial<PeerSettings> = {}): PeerSettings {
  return {
    id: node.address,
    address: node.address,
    asn: node.speaker.settings.asn,
    families: ['evpn'],
    ...more,
  }
}

function connected(
  connection: number,
  direction: 'in' | 'out',
  local: Node,
  remote: Node,
  peer?: string,
): SpeakerEvent {
  const base = {
    event: 'connected',
    connection,
    direction,
    localAddress: local.address,
    remoteAddress: remote.address,
    remotePort: 179,
  } as const
  return peer === undefined ? base : { ...base, peer }
}
