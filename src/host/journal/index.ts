// The front door of journal.

export {
  type EventFilter,
  EventsQuery,
  matches,
  type NetworkName,
  networkName,
  type ReadQuery,
  readEventsQuery,
} from './filter.js'
export { Journal, type JournalSettings } from './journal.js'
