// The front door of api.

export { type RunHostSettings, type RunningHost, runHost } from './run-host.js'
export { type Api, type ApiSettings, createApp, startApi } from './server.js'
