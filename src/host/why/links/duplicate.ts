// Whether the MAC moves too often, and is left alone for that (RFC 7432 section 15.1).

import { type Link, ok } from '../link.js'

/** A host moves once; twice in the time of duplicate detection is worth a word. */
const MANY_MOVES = 2

export const duplicate: Link = {
  name: 'duplicate',
  look({ account, mac, source, network }) {
    if (account === undefined || mac === undefined || network === undefined) return undefined
    const { moves, seconds } = source.effective.config.duplicateDetection
    const seen = account.moves
    const places = [...new Set(account.claims.map(({ vtep }) => vtep))]
    if (account.local !== undefined) places.push(source.effective.config.vtep.address)
    const evidence = {
      frozen: account.isFrozen,
      moves: seen?.count ?? 0,
      withinSeconds: seconds,
      limit: moves,
      claimedBy: places,
      ...(seen === undefined ? {} : { lastFrom: seen.from, lastTo: seen.to }),
    }
    const between = seen === undefined ? '' : ` between ${seen.from} and ${seen.to}`
    const often = `${seen?.count ?? moves} times in ${seconds} s${between}`
    if (account.isFrozen && places.length < 2) {
      return {
        status: 'broken',
        code: 'macFrozen',
        text: `${mac} moved ${often} and is frozen: not announced, not installed, for up to ${seconds} s`,
        evidence,
        fix: `make sure that one host alone uses ${mac}, then: vtep duplicate clear ${mac}`,
      }
    }
    if (account.isFrozen || (seen !== undefined && seen.count >= MANY_MOVES && places.length > 1)) {
      return {
        status: 'broken',
        code: 'duplicateMac',
        text: `two hosts use ${mac}, or the network has a loop: it moved ${often}; claimed by ${places.join(' and ')} now`,
        evidence,
        fix: `give one of them another MAC (behind ${places.join(', ')}), then: vtep duplicate clear ${mac}`,
      }
    }
    if (seen !== undefined && seen.count >= MANY_MOVES) {
      const text = `${mac} moved ${often}; at ${moves} it is frozen`
      const fix = `is it one host alone? vtep macs --history ${mac}; two: give one of them another MAC`
      return { status: 'warning', code: 'duplicateMac', text, evidence, fix }
    }
    return ok(seen === undefined ? 'it has not moved lately' : `it moved once${between}`, evidence)
  },
}
