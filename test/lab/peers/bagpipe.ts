// BaGPipe BGP: a VTEP over the kernel's VXLAN, driven by REST. Its driver calls brctl (bridge-utils) and insists on
// `modprobe vxlan`, which fails where vxlan is built in or modprobe is not installed: its helper finds one that agrees.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from '../host.js'
import { listening } from '../traffic.js'
import type { PeerSpec } from './peer.js'

const restPort = 8082

export interface BagpipePort {
  readonly vni: number
  readonly routeTarget: string
  readonly mac: string
  /** With prefix length. */
  readonly ip: string
  /** Interface of the host. */
  readonly ifname: string
}

export class Bagpipe {
  readonly host: Host

  constructor(host: Host) {
    this.host = host
  }

  attach(port: BagpipePort): Promise<void> {
    return this.#post('attach_localport', port)
  }

  /** Debian 12's BaGPipe withdraws the route and then answers 500, as it disagrees with its pyroute2. */
  async detach(port: BagpipePort): Promise<void> {
    await this.#post('detach_localport', port).catch((error: Error) => {
      if (!error.message.includes(' 500 ')) throw error
    })
  }

  async #post(call: string, port: BagpipePort): Promise<void> {
    const body = JSON.stringify({
      vpn_instance_id: `evpn${port.vni}`,
      instance_type: 'evpn',
      vpn_type: 'evpn',
      vni: port.vni,
      import_rt: [port.routeTarget],
      export_rt: [port.routeTarget],
      mac_address: port.mac,
      ip_address: port.ip,
      local_port: { linuxif: port.ifname },
      advertise_subnet: false,
    })
    // Node's own HTTP client would run in the test's namespace, so a small one runs in the host's.
    const client = `fetch('http://127.0.0.1:${restPort}/${call}', { method: 'POST', body: process.argv[1],
      headers: { 'content-type': 'application/json' } }).then(async (answer) => {
        if (!answer.ok) { console.error('${call}: status ' + answer.status + ' ' + await answer.text()); process.exit(1) } })`
    await this.host.exec([process.execPath, '-e', client, body])
  }
}

export async function startBagpipe(
  host: Host,
  { asn, peers }: { readonly asn: number; readonly peers: readonly PeerSpec[] },
): Promise<Bagpipe> {
  const file = join(host.directory, 'bagpipe.conf')
  const programs = join(host.directory, 'bin')
  const modprobe = join(programs, 'modprobe')
  mkdirSync(programs)
  writeFileSync(modprobe, '#!/bin/sh\nexit 0\n')
  chmodSync(modprobe, 0o755)
  writeFileSync(
    file,
    `[DEFAULT]
use_stderr = True
[BGP]
local_address = ${host.vtep4}
peers = ${peers.map((peer) => peer.address).join(',')}
my_as = ${asn}
enable_rtc = False
[COMMON]
root_helper = env
[privsep]
helper_command = env PATH=${programs}:/usr/sbin:/usr/bin:/sbin:/bin privsep-helper
[API]
host = 127.0.0.1
port = ${restPort}
[DATAPLANE_DRIVER_IPVPN]
dataplane_driver = dummy
[DATAPLANE_DRIVER_EVPN]
dataplane_driver = linux
dataplane_local_address = ${host.vtep4}
`,
  )
  const service = host.start('bagpipe', ['bagpipe-bgp', '--config-file', file])
  // A few hundred Python modules: seconds on an idle machine, more on a busy one. When it fails it goes on living without a port.
  await listening(host, restPort, 60).catch((error: Error) => {
    throw new Error(`${error.message}\n${service.status}\n${service.log().slice(-3000)}`)
  })
  return new Bagpipe(host)
}
