// What wire uses of V8. Other engines let it be set, and do nothing with it.

interface ErrorConstructor {
  stackTraceLimit: number
}
