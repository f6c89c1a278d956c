// What a caller may do. `read` sees everything but captured frames; `operator` may all.

export const roles = ['read', 'operator'] as const
export type Role = (typeof roles)[number]

/** Whether who has the role `held` may do what asks for `wanted`. */
export function allows(held: Role, wanted: Role): boolean {
  return held === 'operator' || wanted === 'read'
}
