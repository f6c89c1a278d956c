// The largest packet that a path carries, by trying sizes (RFC 4821's idea, without believing what routers say).

/** Whether a packet of so many octets comes back. */
export type Carries = (bytes: number) => Promise<boolean>

/** Sizes in octets; RFC 8200 and RFC 791 have every path carry the least. */
export interface Sizes {
  readonly least: number
  readonly most: number
}

/** Real paths have one of these: they are tried before the interval is halved. */
const USUAL = [1500, 1550, 1554, 1600, 9000, 9216, 1450, 1492, 1400, 8950]

/**
 * The largest size that is carried, or undefined when not even the least is. Ends after at most `2 * log2(most)` tries.
 * A lost packet looks like one that is too large, so each failure is tried twice.
 */
export async function pathMtu(
  carries: Carries,
  { least, most }: Sizes,
): Promise<number | undefined> {
  const fits = async (bytes: number): Promise<boolean> =>
    (await carries(bytes)) || (await carries(bytes))
  if (await fits(most)) return most
  if (!(await fits(least))) return undefined
  let low = least
  let high = most
  for (const usual of USUAL) {
    if (usual <= low || usual >= high) continue
    if (!(await fits(usual))) high = usual
    else if (!(await fits(usual + 1))) return usual
    else low = usual + 1
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (await fits(middle)) low = middle
    else high = middle
  }
  return low
}
