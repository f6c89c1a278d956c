// Reads XML as libvirt writes it (XML 1.0 and its namespaces, without document types) into elements.

export interface Element {
  /** Local name. */
  readonly name: string
  /** Empty without one. */
  readonly namespace: string
  /** By the name as written. */
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly Element[]
}

interface Open {
  readonly written: string
  readonly scope: ReadonlyMap<string, string>
  readonly element: Element & { readonly children: Element[] }
}

/** Comments, character data and processing instructions are of no interest; then a tag, or what is none. */
const piece =
  /<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<\?[\s\S]*?\?>|<(\/?)([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|<[\s\S]{0,20}/g
const attribute = /([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g
const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** The root element. Throws an Error of one sentence. */
export function readXml(text: string): Element {
  const open: Open[] = []
  let root: Element | undefined
  for (const [all, slash, written, attributes, empty] of text.matchAll(piece)) {
    if (written === undefined) {
      if (/^<(!--|!\[CDATA\[|\?)/.test(all)) continue
      throw new Error(`XML: expected a tag, got ${JSON.stringify(all)}`)
    }
    if (slash === '/') {
      const last = open.pop()
      if (last?.written === written) continue
      throw new Error(`XML: expected </${last?.written ?? ''}>, got </${written}>`)
    }
    if (root !== undefined && open.length === 0)
      throw new Error(`XML: expected one root element, got another: <${written}>`)
    const one = element(written, attributes ?? '', open.at(-1)?.scope ?? new Map())
    open.at(-1)?.element.children.push(one.element)
    root ??= one.element
    if (empty !== '/') open.push(one)
  }
  const last = open.at(-1)
  if (last !== undefined) throw new Error(`XML: expected </${last.written}>, got the end`)
  if (root === undefined) throw new Error('XML: expected an element, got none')
  return root
}

/** Children of that name, without a namespace unless one is given. */
export function children(of: Element, name: string, namespace = ''): Element[] {
  return of.children.filter((one) => one.name === name && one.namespace === namespace)
}

function element(written: string, text: string, outer: ReadonlyMap<string, string>): Open {
  const attributes = new Map<string, string>()
  const scope = new Map(outer)
  for (const [, name, double, single] of text.matchAll(attribute)) {
    const value = decoded(double ?? single ?? '')
    attributes.set(name!, value)
    if (name === 'xmlns') scope.set('', value)
    else if (name!.startsWith('xmlns:')) scope.set(name!.slice(6), value)
  }
  const [name, prefix = ''] = written.split(':').reverse() as [string, string?]
  const namespace = scope.get(prefix) ?? ''
  return { written, scope, element: { name, namespace, attributes, children: [] } }
}

function decoded(text: string): string {
  return text.replaceAll(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (all, hex, decimal, name) => {
    if (name !== undefined) return named[name as string] ?? all
    const point = hex === undefined ? Number(decimal) : Number.parseInt(hex as string, 16)
    return point <= 0x10ffff ? String.fromCodePoint(point) : all
  })
}
