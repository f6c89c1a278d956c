// Enhanced Route Refresh (RFC 7313 section 3.1): no value.

import { capabilityType, noFields } from './capability.js'

export const enhancedRouteRefresh = capabilityType({
  code: 70,
  name: 'enhancedRouteRefresh',
  fields: noFields,
})
