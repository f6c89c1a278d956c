// One link of the chain from the frame that a tenant would send to the host that it is for.

import type { Subject } from './subject.js'

/** What the first broken link is called. Stable: scripts and the dashboard know them. */
export type BreakCode =
  | 'dataplaneDown'
  | 'portMissing'
  | 'portDown'
  | 'notFound'
  | 'notLearned'
  | 'notAdvertised'
  | 'peerDown'
  | 'bfdDown'
  | 'bfdFlapping'
  | 'familyMissing'
  | 'refusedByPolicy'
  | 'routeTargetMismatch'
  | 'vniMismatch'
  | 'routeRefused'
  | 'duplicateMac'
  | 'macFrozen'
  | 'controllerDataplaneDiffer'
  | 'unknownVtep'
  | 'splitHorizon'
  | 'segmentDown'
  | 'nextHopUnresolved'
  | 'vtepSilent'
  | 'mtuTooSmall'

/** Numbers and names that the text is made of. */
export type Evidence = Readonly<Record<string, unknown>>

/** What was seen at one link. */
export type Look =
  | { readonly status: 'ok'; readonly text: string; readonly evidence?: Evidence }
  /** Frames go through, and somebody should know. `unknown`: it can not be told from here. */
  | {
      readonly status: 'warning' | 'unknown'
      /** What the verdict is called when nothing is broken; left out: reachable, or local. */
      readonly code?: BreakCode
      readonly text: string
      readonly evidence?: Evidence
      readonly fix?: string
    }
  /** The chain ends here. */
  | {
      readonly status: 'broken'
      readonly code: BreakCode
      readonly text: string
      readonly evidence?: Evidence
      /** The command, or the line of the configuration, that mends it. */
      readonly fix: string
    }

export interface Link {
  readonly name: string
  /** Only of hosts behind our ports, or only of others. Left out: of both. */
  readonly of?: 'local' | 'remote'
  /** Few hosts have it: where it is not looked at, nothing is said of it. */
  readonly isRare?: true
  /** Undefined where the link is no part of this subject's chain. Changes nothing. */
  look(subject: Subject): Look | undefined | Promise<Look | undefined>
}

export const ok = (text: string, evidence?: Evidence): Look => ({
  status: 'ok',
  text,
  ...(evidence === undefined ? {} : { evidence }),
})

/** "3 peers", "1 peer". */
export const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? '' : 's'}`
