// GET /v1/doctor: everything that is looked at, with a question to every VTEP.

import { Type } from '@sinclair/typebox'
import { examine, thisMachine } from '../checks/index.js'
import { VtepProbe } from '../probe/index.js'
import { DoctorView } from '../views/why.js'
import { question } from './question.js'

export const doctorQuestion = question({
  name: 'doctor',
  summary:
    'Named checks of this host and its fabric; a cause hides its symptoms. Asks every VTEP for a sign of life.',
  method: 'GET',
  path: '/v1/doctor',
  role: 'read',
  schema: Type.Object({}, { additionalProperties: false }),
  answer: DoctorView,
  async ask({ source, path, signal }) {
    const { address, udpPort } = source.effective.config.vtep
    const probe = new VtepProbe(address, udpPort, signal)
    try {
      return await examine({ source, path, probe, machine: thisMachine, signal }, Date.now())
    } finally {
      probe.close()
    }
  },
})
