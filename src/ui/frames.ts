// Frames as text: hexadecimal and back, and the origin that a trace asks for.

/** "0a1b2c", without blanks. */
export const toHex = (octets: Uint8Array): string =>
  Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('')

/** Undefined when it is no whole number of octets. Blanks, colons and line ends are left out. */
export function fromHex(text: string): Uint8Array | undefined {
  const digits = text.replace(/[\s:]/g, '')
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) return undefined
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
    Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  )
}

export interface TraceStep {
  readonly step: string
  readonly text: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface Traced {
  readonly verdict: {
    readonly outcome: string
    readonly reason: string | null
    readonly text: string
  }
  readonly steps: readonly TraceStep[]
  readonly out: readonly { readonly to: string; readonly frame: string }[]
}
