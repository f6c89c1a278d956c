// The front door of config.

export { checkValue, expectedText, type Schema } from './check.js'
export { checkPortKinds, optionTexts, type PortKindInfo, portOptions } from './kinds.js'
export { type LoadedConfig, loadConfig } from './load.js'
export { type Finding, formatPath, type Problem, unplaced } from './problem.js'
export { checkRules } from './rules.js'
export { Config, Neighbor, Network, Port, Vrf } from './schema.js'
export { suggest } from './suggest.js'
export { formatSocketAddress, parseSocketAddress, type SocketAddress } from './text.js'
