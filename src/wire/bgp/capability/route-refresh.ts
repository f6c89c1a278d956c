// Route Refresh (RFC 2918 section 2): no value.

import { capabilityType, noFields } from './capability.js'

export const routeRefreshCapability = capabilityType({
  code: 2,
  name: 'routeRefresh',
  fields: noFields,
})
