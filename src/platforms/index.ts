// The front door of platforms.

export type { Api } from './api.js'
export { kernelInterfaces } from './docker/interfaces.js'
export { DOCKER_SOCKET, serveDocker } from './docker/server.js'
