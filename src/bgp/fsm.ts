// The finite state machine of one connection (RFC 4271 section 8.2.2) as a table: a row per state, an entry per event,
// and an explicit default for what the RFC calls "any other event". Peer executes the actions. DelayOpen is not used;
// whether a connection is welcome (events 14 and 15) is decided before a machine sees it.

/** RFC 4271 section 8.2.2. */
export const fsmStates = [
  'Idle',
  'Connect',
  'Active',
  'OpenSent',
  'OpenConfirm',
  'Established',
] as const

export type FsmState = (typeof fsmStates)[number]

/** RFC 4271 section 8.1, with the RFC's numbers; the last two are later RFCs'. */
export const fsmEvents = {
  ManualStart: 1,
  ManualStop: 2,
  ManualStart_with_PassiveTcpEstablishment: 4,
  AutomaticStart_with_DampPeerOscillations: 6,
  AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment: 7,
  AutomaticStop: 8,
  ConnectRetryTimer_Expires: 9,
  HoldTimer_Expires: 10,
  KeepaliveTimer_Expires: 11,
  Tcp_CR_Acked: 16,
  TcpConnectionConfirmed: 17,
  TcpConnectionFails: 18,
  BGPOpen: 19,
  BGPHeaderErr: 21,
  BGPOpenMsgErr: 22,
  OpenCollisionDump: 23,
  NotifMsgVerErr: 24,
  NotifMsg: 25,
  KeepAliveMsg: 26,
  UpdateMsg: 27,
  UpdateMsgErr: 28,
  /** RFC 9687 section 3.2. */
  SendHoldTimer_Expires: 29,
  /** RFC 2918: not numbered. A valid message that only Established expects. */
  RouteRefreshMsg: undefined,
} as const

export type FsmEvent = keyof typeof fsmEvents

export type FsmAction =
  | 'clearConnectRetryCounter'
  | 'countConnectRetry'
  | 'startConnectRetryTimer'
  | 'stopConnectRetryTimer'
  /** Starts the IdleHoldTimer; its end is event 6 or 7. */
  | 'dampPeerOscillations'
  | 'connect'
  /** Closes the connection, or gives up one that is not there yet. */
  | 'dropConnection'
  | 'sendOpen'
  | 'sendKeepalive'
  /** What the event brought, or the FSM error of the state. */
  | 'sendNotification'
  /** "A large value": 4 minutes. */
  | 'startOpenHoldTimer'
  /** The negotiated time; nothing when that is 0. */
  | 'startHoldTimer'
  | 'startKeepaliveTimer'
  | 'establish'
  | 'processUpdate'
  | 'processRouteRefresh'
  /** Deletes all routes of the connection and stops its timers. */
  | 'release'

export interface Transition {
  readonly to: FsmState
  readonly do: readonly FsmAction[]
}

type Row = { readonly [E in FsmEvent]?: Transition } & { readonly default: Transition }

const go = (to: FsmState, ...actions: FsmAction[]): Transition => ({ to, do: actions })

const drop = ['stopConnectRetryTimer', 'release', 'dropConnection'] as const

/** The operator's stop: nothing is counted. */
const stopped = go('Idle', ...drop, 'clearConnectRetryCounter')
const stoppedWithCease = go('Idle', 'sendNotification', ...stopped.do)

const failed = go('Idle', ...drop, 'countConnectRetry', 'dampPeerOscillations')
/** "Sends the NOTIFICATION message with the appropriate error code", then as `failed`. */
const failedWithNotification = go('Idle', 'sendNotification', ...failed.do)

const opened = go('OpenSent', 'stopConnectRetryTimer', 'sendOpen', 'startOpenHoldTimer')

/** "The start events (1, 3-7) are ignored" in every state but Idle. */
function ignoreStart(state: FsmState): Row {
  const stay = go(state)
  return {
    ManualStart: stay,
    ManualStart_with_PassiveTcpEstablishment: stay,
    AutomaticStart_with_DampPeerOscillations: stay,
    AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment: stay,
    default: stay,
  }
}

export const fsm: { readonly [S in FsmState]: Row } = {
  Idle: {
    ManualStart: go('Connect', 'clearConnectRetryCounter', 'startConnectRetryTimer', 'connect'),
    ManualStart_with_PassiveTcpEstablishment: go(
      'Active',
      'clearConnectRetryCounter',
      'startConnectRetryTimer',
    ),
    AutomaticStart_with_DampPeerOscillations: go('Connect', 'startConnectRetryTimer', 'connect'),
    AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment: go(
      'Active',
      'startConnectRetryTimer',
    ),
    default: go('Idle'),
  },
  Connect: {
    ...ignoreStart('Connect'),
    ManualStop: stopped,
    ConnectRetryTimer_Expires: go('Connect', 'dropConnection', 'startConnectRetryTimer', 'connect'),
    Tcp_CR_Acked: opened,
    TcpConnectionConfirmed: opened,
    // The RFC goes to Idle here unless DelayOpen is used. Like every deployed speaker we go on listening and retry.
    TcpConnectionFails: go('Active', 'startConnectRetryTimer'),
    default: failed,
  },
  Active: {
    ...ignoreStart('Active'),
    ManualStop: stopped,
    ConnectRetryTimer_Expires: go('Connect', 'startConnectRetryTimer', 'connect'),
    Tcp_CR_Acked: opened,
    TcpConnectionConfirmed: opened,
    default: failed,
  },
  OpenSent: {
    ...ignoreStart('OpenSent'),
    ManualStop: stoppedWithCease,
    AutomaticStop: failedWithNotification,
    HoldTimer_Expires: failedWithNotification,
    TcpConnectionFails: go('Active', 'release', 'dropConnection', 'startConnectRetryTimer'),
    BGPOpen: go(
      'OpenConfirm',
      'stopConnectRetryTimer',
      'sendKeepalive',
      'startKeepaliveTimer',
      'startHoldTimer',
    ),
    BGPHeaderErr: failedWithNotification,
    BGPOpenMsgErr: failedWithNotification,
    OpenCollisionDump: failedWithNotification,
    NotifMsgVerErr: failed,
    // The RFC answers with an FSM error. But "there is no way to report an error in a NOTIFICATION" (section 6.4), and
    // a peer that does not know us says so without an OPEN.
    NotifMsg: failed,
    default: failedWithNotification,
  },
  OpenConfirm: {
    ...ignoreStart('OpenConfirm'),
    ManualStop: stoppedWithCease,
    AutomaticStop: failedWithNotification,
    HoldTimer_Expires: failedWithNotification,
    KeepaliveTimer_Expires: go('OpenConfirm', 'sendKeepalive', 'startKeepaliveTimer'),
    TcpConnectionFails: failed,
    BGPHeaderErr: failedWithNotification,
    BGPOpenMsgErr: failedWithNotification,
    OpenCollisionDump: failedWithNotification,
    NotifMsgVerErr: failed,
    NotifMsg: failed,
    KeepAliveMsg: go('Established', 'startHoldTimer', 'establish'),
    default: failedWithNotification,
  },
  Established: {
    ...ignoreStart('Established'),
    ManualStop: stoppedWithCease,
    AutomaticStop: failedWithNotification,
    HoldTimer_Expires: failedWithNotification,
    SendHoldTimer_Expires: failedWithNotification,
    KeepaliveTimer_Expires: go('Established', 'sendKeepalive', 'startKeepaliveTimer'),
    TcpConnectionFails: failed,
    BGPHeaderErr: failedWithNotification,
    OpenCollisionDump: failedWithNotification,
    NotifMsgVerErr: failed,
    NotifMsg: failed,
    KeepAliveMsg: go('Established', 'startHoldTimer'),
    UpdateMsg: go('Established', 'startHoldTimer', 'processUpdate'),
    UpdateMsgErr: failedWithNotification,
    // Section 8.2.2 does not know the message; it proves as much as any other that the peer lives.
    RouteRefreshMsg: go('Established', 'startHoldTimer', 'processRouteRefresh'),
    default: failedWithNotification,
  },
}
