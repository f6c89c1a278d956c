// The front door of api.

export { type Api, type ApiSettings, createApp, startApi } from './server.js'
