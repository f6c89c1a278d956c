// The words of a capture: points of a frame's way, and the comment beside each frame. Light: the command line needs it.

/** Points by their words, each with what a frame is like there. */
export const capturePoints = {
  'from-port': { name: 'fromPort', text: 'as it came from a port' },
  'to-port': { name: 'toPort', text: 'as it is sent to a port' },
  'before-encap': { name: 'beforeEncap', text: "a tenant's frame that goes into a tunnel" },
  'after-encap': { name: 'afterEncap', text: 'as it is sent to the underlay' },
  'before-decap': { name: 'beforeDecap', text: 'as it came from the underlay' },
  'after-decap': { name: 'afterDecap', text: 'out of its tunnel' },
  drop: { name: 'drop', text: 'as it was when it was lost' },
} as const

export type CapturePointWord = keyof typeof capturePoints

/** Keys of a comment, in their order. */
const keys = [
  'point',
  'verdict',
  'reason',
  'port',
  'out',
  'network',
  'vni',
  'dst',
  'copies',
  'routed',
  'gso',
  'checksum',
  'outer',
  'worker',
  'frame',
] as const

/** What is known of a frame at a point, beside its octets; keys as in the views. */
export type CaptureComment = { readonly [K in (typeof keys)[number]]?: string } & {
  /** A sentence. */
  readonly text?: string
}

/** "key=value …; sentence". Blanks in values become underscores. */
export function formatComment(comment: CaptureComment): string {
  const words = keys.flatMap((key) => {
    const value = comment[key]
    return value === undefined ? [] : [`${key}=${value.replace(/[\s;]/g, '_')}`]
  })
  return [words.join(' '), ...(comment.text === undefined ? [] : [comment.text])].join('; ')
}

/** The other way; of what somebody else wrote, what can be read. */
export function parseComment(text: string): CaptureComment {
  const [words = '', ...sentence] = text.split('; ')
  const found = words.split(' ').flatMap((word) => {
    const equals = word.indexOf('=')
    const key = keys.find((each) => each === word.slice(0, equals))
    return key === undefined ? [] : [[key, word.slice(equals + 1)] as const]
  })
  return {
    ...Object.fromEntries(found),
    ...(sentence.length === 0 ? {} : { text: sentence.join('; ') }),
  }
}
