// What the linter says: a trap that is known, where this host walks into it, and the way out.

/** error: what is printed does not work as it is. warning: it works here, and may not elsewhere. hint: good to know. */
export type Severity = 'error' | 'warning' | 'hint'

export interface FabricFinding {
  /** Stable name, such as vniRange. */
  readonly code: string
  readonly severity: Severity
  /** Place in the configuration of this host, or the option that is meant. */
  readonly where: string
  readonly what: string
  readonly why: string
  readonly fix: string
}
