// frr.conf as statements, each with the block that it stands in. FRR writes a blank per level and closes blocks by name;
// people do as they like, so the words decide where they can.

export interface Statement {
  /** Line number, from 1. */
  readonly line: number
  /** Words with single blanks between. */
  readonly text: string
  /** Opening lines of the blocks around it, from the outside. */
  readonly blocks: readonly string[]
}

/** Words that begin a line of the file itself, never of a block, when they stand at its beginning. */
const outermost =
  /^(?:router|vrf|interface|route-map|ip|ipv6|access-list|line|bfd|hostname|domainname|log|frr|service|debug|password|enable|key|mpls|nexthop-group|pbr-map|agentx|username|zebra|banner|rpki|segment-routing|allow-external-route-update|end)\b/

/** Lines that open a block within a block: by the opening line of that one. */
const openers: readonly (readonly [RegExp, RegExp])[] = [
  [/^router bgp\b/, /^(?:address-family|segment-routing|vnc)\b/],
  [/^address-family l2vpn evpn$/, /^vni \d+$/],
  [/^bfd$/, /^(?:peer|profile)\b/],
]

/** Lines of the file itself that open a block. */
const blocks =
  /^(?:router \S+|vrf \S+|interface \S+|route-map \S+ (?:permit|deny)|line vty|bfd$|key chain|nexthop-group|pbr-map|rpki|segment-routing)/

export function readStatements(text: string): Statement[] {
  const statements: Statement[] = []
  let open: string[] = []
  for (const [i, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim().replaceAll(/\s+/g, ' ')
    if (line === '' || line.startsWith('!') || line.startsWith('#')) continue
    if (/^\S/.test(raw) && outermost.test(line)) open = []
    if (line === 'end') continue
    if (/^(?:exit|quit)(?:-|$)/.test(line)) {
      open = closed(open, line)
      continue
    }
    const inner = openers.find(([outer, opener]) =>
      open.some((block) => outer.test(block) && opener.test(line)),
    )
    if (inner !== undefined) {
      // A sibling that was not closed ends here.
      const at = open.findIndex((block) => inner[0].test(block))
      open = open.slice(0, at + 1)
    }
    statements.push({ line: i + 1, text: line, blocks: open })
    if (inner !== undefined || (open.length === 0 && blocks.test(line))) open = [...open, line]
  }
  return statements
}

/** `exit` ends the innermost block, `exit-NAME` the innermost of that name. */
function closed(open: readonly string[], line: string): string[] {
  const name = line.slice('exit-'.length)
  if (name === '') return open.slice(0, -1)
  for (let at = open.length - 1; at >= 0; at--)
    if (open[at]!.startsWith(name)) return open.slice(0, at)
  return [...open]
}
