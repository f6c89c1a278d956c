// The front door of wire/capture: frames that were kept in files.

export { type Capture, type CapturedFrame, linkTypes, readCapture } from './read.js'
