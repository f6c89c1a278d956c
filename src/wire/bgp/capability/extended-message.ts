// BGP Extended Message (RFC 8654 section 3): no value.

import { capabilityType, noFields } from './capability.js'

export const extendedMessage = capabilityType({
  code: 6,
  name: 'extendedMessage',
  fields: noFields,
})
