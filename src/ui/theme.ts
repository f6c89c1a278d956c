// Dark, light, or what the system says. Kept in the browser; where it may not store, only until the page is closed.

import { Signal } from './signal.js'

export type Theme = 'system' | 'light' | 'dark'

const key = 'vtep-theme'
const order: readonly Theme[] = ['system', 'light', 'dark']

function stored(): Theme {
  try {
    const value = localStorage.getItem(key)
    return order.find((one) => one === value) ?? 'system'
  } catch {
    return 'system'
  }
}

export const theme = new Signal<Theme>(stored())

/** Grows whenever colours may have changed: plots paint by themselves. */
export const colours = new Signal(0)

const system = matchMedia('(prefers-color-scheme: dark)')

export function applyTheme(): void {
  const set = (): void => {
    const dark = theme.value === 'dark' || (theme.value === 'system' && system.matches)
    document.documentElement.dataset['theme'] = dark ? 'dark' : 'light'
    colours.value += 1
  }
  set()
  theme.subscribe(set)
  system.addEventListener('change', set)
}

export function nextTheme(): void {
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length] ?? 'system'
  try {
    localStorage.setItem(key, theme.value)
  } catch {
    // Not allowed to store: it holds for this page.
  }
}
