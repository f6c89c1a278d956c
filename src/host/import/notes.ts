// What an import says of each thing that it does not carry over as it was.

/** lost: it has an effect that the new configuration does not have. nothing: it has none there, or is so anyway. */
export type NoteKind = 'lost' | 'nothing'

export interface ImportNote {
  readonly kind: NoteKind
  /** "frr.conf:12", or the device. */
  readonly where: string
  /** The line as it stands there, or what the device is. */
  readonly what: string
  readonly why: string
}

export const formatNote = ({ kind, where, what, why }: ImportNote): string =>
  `${where}: ${kind === 'lost' ? 'not carried over' : 'needs no counterpart'}: ${what}: ${why}`
