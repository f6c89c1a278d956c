// The front door of platforms.

export type { Api } from './api.js'
export { kernelInterfaces } from './docker/interfaces.js'
export { DOCKER_SOCKET, serveDocker } from './docker/server.js'
export { readDomain } from './libvirt/domain.js'
export { hookPhase, runHook } from './libvirt/hook.js'
export { kernelTaps } from './libvirt/taps.js'
export { children, readXml } from './libvirt/xml.js'
