// Builds the dashboard: src/ui into dist/ui, every file with a hash in its name but the page itself.
// Usage: node scripts/build-ui.mjs

import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

await build({
  root: join(root, 'src/ui'),
  // Relative: behind a proxy it may stand under any path.
  base: './',
  configFile: false,
  logLevel: 'warn',
  build: {
    outDir: join(root, 'dist/ui'),
    emptyOutDir: true,
    target: 'es2022',
    // Inline data would need an exception in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: 'licenses.md' },
  },
})
