// HTML for pages without a script. Text is always escaped: there is no way to put in what is not.

/** Text, or what `element` made. */
export type Element = string | Markup

class Markup {
  readonly html: string

  constructor(html: string) {
    this.html = html
  }
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escapeText = (text: string): string => text.replace(/[&<>"']/g, (sign) => entities[sign]!)

const htmlOf = (child: Element): string =>
  child instanceof Markup ? child.html : escapeText(child)

/** `href` has to be a path of ours: a scheme in it would be a program of somebody else's. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string>>,
  children: readonly Element[],
): Markup {
  const given = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeText(value)}"`)
  return new Markup(`<${name}${given.join('')}>${children.map(htmlOf).join('')}</${name}>`)
}

export interface Head {
  readonly title: string
  readonly stylesheet: string
}

export function renderPage({ title, stylesheet }: Head, body: readonly Element[]): string {
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="${escapeText(stylesheet)}"><title>${escapeText(title)}</title>`
  return `<!doctype html>\n<html lang="en"><head>${head}</head><body>${body.map(htmlOf).join('')}</body></html>\n`
}
