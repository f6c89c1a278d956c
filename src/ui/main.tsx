// Starts the dashboard: the shell, and what keeps it live.

import 'uplot/dist/uPlot.min.css'
import './style.css'
import { render } from 'preact'
import { App } from './app.js'
import { startLive } from './live.js'
import { startSampling } from './samples.js'
import { applyTheme } from './theme.js'

applyTheme()
startLive()
startSampling()
const root = document.getElementById('app')
if (root !== null) render(<App />, root)
