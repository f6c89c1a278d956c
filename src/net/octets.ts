// Text of octets by table: a route decode writes six to sixteen of them, so nothing is formatted twice.

/** `HEX[n]` is the octet n as two lower-case hex digits. */
export const HEX: readonly string[] = Array.from({ length: 256 }, (_, n) =>
  n.toString(16).padStart(2, '0'),
)

/** `HEX_COLON[n]` is `HEX[n]` followed by a colon. */
export const HEX_COLON: readonly string[] = HEX.map((text) => `${text}:`)

/** `DECIMAL[n]` is the octet n in decimal. */
export const DECIMAL: readonly string[] = Array.from({ length: 256 }, (_, n) => String(n))

/** `DECIMAL_DOT[n]` is `DECIMAL[n]` followed by a dot. */
export const DECIMAL_DOT: readonly string[] = DECIMAL.map((text) => `${text}.`)

/** Octets as hex digits without separators. */
export function hexFromBytes(bytes: Uint8Array): string {
  let text = ''
  for (const octet of bytes) text += HEX[octet]
  return text
}

/** Octets of an even run of hex digits, or undefined when the text is something else. */
export function hexToBytes(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  }
  return bytes
}

/** An unsigned decimal without sign, spaces or leading zeros, up to `max`; else undefined. */
export function decimal(text: string | undefined, max: number): number | undefined {
  if (text === undefined || !/^(0|[1-9]\d{0,9})$/.test(text)) return undefined
  const value = Number(text)
  return value <= max ? value : undefined
}
