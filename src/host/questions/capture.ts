// Frames on their way, for as long as whoever asks listens.

import { openCapture } from '../capture/open.js'
import { captureSchema } from '../capture/schema.js'
import { octets, question } from './question.js'

export const capture = question({
  name: 'capture',
  summary: 'Frames on their way, as pcapng, until the reader leaves or it is enough.',
  method: 'GET',
  path: '/v1/capture',
  role: 'operator',
  schema: captureSchema,
  answer: octets,
  mediaType: 'application/x-pcapng',
  ask({ source, path, events, signal }, input) {
    const { ports, version } = source
    return openCapture(
      {
        version,
        capture: (spec) => path.capture(spec),
        portId: (name) => ports.get(name)?.id,
        portName: (id) => [...ports.values()].find((held) => held.id === id)?.port.name,
        portNames: [...ports.keys()],
        networks: () => [...source.effective.config.networks, ...source.effective.config.vrfs],
        tell: (sentence) => events.add('info', 'capture', sentence),
      },
      input,
      signal,
    )
  },
})
