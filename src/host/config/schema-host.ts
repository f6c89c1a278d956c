// The configuration of a host behind a port that leads to several, as a Linux bridge does.

import { keys, list, text } from './schema-parts.js'

export const PortHost = keys(
  {
    mac: text('mac', 'Its MAC.'),
    ip: list(text('unicastIp', 'Address.'), 'Its addresses.'),
  },
  'A host that the platform knows: never aged, and announced as soon as it is here. One that another VTEP announces stays there until a frame of it is seen.',
)
