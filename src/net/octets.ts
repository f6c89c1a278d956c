// Text of octets by table: a route decode writes six to sixteen of them, so nothing is formatted twice.

/** `HEX[n]` is the octet n as two lower-case hex digits. */
export const HEX: readonly string[] = Array.from({ length: 256 }, (_, n) =>
  n.toString(16).padStart(2, '0'),
)

/** `HEX_COLON[n]` is `HEX[n]` followed by a colon. */
export const HEX_COLON: readonly string[] = HEX.map((text) => `${text}:`)

/** Character codes of the two digits of `HEX[n]`. */
export const HIGH_DIGIT = Uint8Array.from(HEX, (text) => text.charCodeAt(0))
export const LOW_DIGIT = Uint8Array.from(HEX, (text) => text.charCodeAt(1))

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

/** The value of a hex digit by its character code, -1 for any other. */
const DIGIT = Int8Array.from({ length: 128 }, (_, code) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase()),
)

/** Octets of an even run of hex digits, or undefined when the text is something else. */
export function hexToBytes(text: string): Uint8Array | undefined {
  return text.length % 2 === 0 ? pairs(text, text.length / 2, 2) : undefined
}

/** Exactly `count` octets of hex digits with a colon between them, or undefined. */
export function colonHexToBytes(text: string, count: number): Uint8Array | undefined {
  if (text.length !== 3 * count - 1) return undefined
  for (let i = 2; i < text.length; i += 3) if (text.charCodeAt(i) !== COLON) return undefined
  return pairs(text, count, 3)
}

export const COLON = 0x3a

/** `count` pairs of hex digits, one every `step` characters. */
function pairs(text: string, count: number, step: number): Uint8Array | undefined {
  const bytes = new Uint8Array(count)
  for (let i = 0; i < count; i++) {
    const value = (digit(text, step * i) << 4) | digit(text, step * i + 1)
    if (value < 0) return undefined
    bytes[i] = value
  }
  return bytes
}

function digit(text: string, at: number): number {
  return DIGIT[text.charCodeAt(at)] ?? -1
}

/** An unsigned decimal without sign, spaces or leading zeros, up to `max`; else undefined. */
export function decimal(text: string | undefined, max: number): number | undefined {
  if (text === undefined || !/^(0|[1-9]\d{0,9})$/.test(text)) return undefined
  const value = Number(text)
  return value <= max ? value : undefined
}
