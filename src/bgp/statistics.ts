// Counters of one peer, over all its sessions.

import type { Message, Verdict } from '../wire/index.js'

export type MessageCounts = { [K in Message['kind']]: number }

/** The last thing that went wrong, and who said so. */
export interface LastError {
  readonly by: 'peer' | 'us'
  readonly text: string
  /** The NOTIFICATION, if one was sent or received. */
  readonly notification?: Uint8Array
}

export interface PeerStatistics {
  readonly messagesReceived: Readonly<MessageCounts>
  readonly messagesSent: Readonly<MessageCounts>
  /** Problems of received UPDATEs by what RFC 7606 wanted done. */
  readonly problems: Readonly<{ [V in Verdict]: number }>
  /** Times the peer reached Established. */
  readonly established: number
  /** Times it left Established. */
  readonly flaps: number
  readonly lastError?: LastError
}

/** The same, to count with. */
export class Statistics implements PeerStatistics {
  readonly messagesReceived = noMessages()
  readonly messagesSent = noMessages()
  readonly problems = {
    'attribute-discard': 0,
    'treat-as-withdraw': 0,
    'disable-afi-safi': 0,
    'session-reset': 0,
  }
  established = 0
  flaps = 0
  lastError?: LastError
}

function noMessages(): MessageCounts {
  return { open: 0, update: 0, notification: 0, keepalive: 0, routeRefresh: 0 }
}
