// Numbers of paths for peers that are told all paths of a route (RFC 7911 section 2): ours to choose, and the same for as
// long as a path is from the same peer, so that a new one takes the place of the old.

import type { RouteNlri } from './events.js'
import type { Path } from './path.js'

export class PathIds {
  readonly #ids = new Map<string, number>()
  /** One object for all peers: what is written for one is written for all of them. */
  readonly #nlri = new WeakMap<Path, RouteNlri>()

  /** The path's NLRI with its number. */
  nlriOf(path: Path): RouteNlri {
    let nlri = this.#nlri.get(path)
    if (nlri === undefined) {
      nlri = { ...path.nlri, pathId: this.#idOf(path) }
      this.#nlri.set(path, nlri)
    }
    return nlri
  }

  #idOf({ peer, pathId }: Path): number {
    const name = `${peer} ${pathId}`
    const id = this.#ids.get(name) ?? this.#ids.size + 1
    this.#ids.set(name, id)
    return id
  }
}

/** The route as those know it that tell one path only. */
export function withoutPathId(nlri: RouteNlri): RouteNlri {
  if (nlri.pathId === undefined) return nlri
  const { pathId: _, ...rest } = nlri
  return rest as RouteNlri
}
