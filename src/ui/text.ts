// Numbers and times as people read them.

const units = ['', 'k', 'M', 'G', 'T'] as const

/** 1234567 → "1.23 M": three digits that matter. */
export function short(value: number): string {
  let step = 0
  let rest = value
  while (Math.abs(rest) >= 999.5 && step < units.length - 1) {
    rest /= 1000
    step += 1
  }
  const digits = step === 0 && Number.isInteger(rest) ? 0 : rest >= 99.5 ? 0 : rest >= 9.95 ? 1 : 2
  return `${rest.toFixed(digits)}${step === 0 ? '' : ` ${units[step]}`}`
}

/** 12345 → "12 345". */
export const grouped = (value: number): string =>
  String(value).replace(/\B(?=(\d{3})+$)/g, '\u202f')

/** 93784 → "1 d 2 h". */
export function duration(seconds: number): string {
  const steps = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ] as const
  const first = steps.findIndex(([, size]) => seconds >= size)
  if (first === -1) return '0 s'
  let rest = Math.floor(seconds)
  return steps
    .slice(first, first + 2)
    .map(([unit, size]) => {
      const count = Math.floor(rest / size)
      rest -= count * size
      return [count, unit] as const
    })
    .filter(([count], i) => i === 0 || count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

/** Local time of day, with milliseconds on request. */
export function clock(time: string | number, precise = false): string {
  const date = new Date(time)
  const two = (value: number): string => String(value).padStart(2, '0')
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return precise ? `${text}.${String(date.getMilliseconds()).padStart(3, '0')}` : text
}

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${grouped(count)} ${count === 1 ? one : many}`

/** Words of a camelCase key: holdTimeSeconds → "hold time seconds". */
export const words = (key: string): string =>
  key.replace(/[A-Z]+(?![a-z])|[A-Z]/g, (part) => ` ${part.length > 1 ? part : part.toLowerCase()}`)

/** A key that sorts addresses by value: octets of IPv4 padded, everything else as it is. */
export function addressKey(text: string): string {
  return /^\d+\.\d+\.\d+\.\d+/.test(text)
    ? text.replace(/\d+/g, (part) => part.padStart(3, '0'))
    : text
}
