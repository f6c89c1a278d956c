// The front door of api.

export { type RunHostSettings, type RunningHost, runHost } from './run-host.js'
export {
  type Api,
  type ApiSettings,
  startApi,
  type TcpSettings,
  type TlsSettings,
} from './server.js'
