// A route of the RIB: NLRI, then path attributes, decoded.

import type { RouteView } from '../../host/views/index.js'
import { Facts } from './facts.js'

export function RouteFacts({ of }: { readonly of: RouteView }) {
  const { attributes, ...nlri } = of
  return (
    <>
      <Facts of={nlri} />
      <h3>Path attributes</h3>
      <Facts of={attributes} />
    </>
  )
}
