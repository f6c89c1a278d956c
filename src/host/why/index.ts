// `why`: from the frame that a tenant would send to the host that it is for, link by link, and where that ends. Looks only.

import { type Ip, type Mac, ParseError, parseIp, parseMac } from '../../net/index.js'
import { unplaced } from '../config/index.js'
import type { Network } from '../config/schema.js'
import { parseGateway } from '../config/text.js'
import { unknown } from '../operation.js'
import { Refusal } from '../refusal.js'
import type { StateSource } from '../state/index.js'
import type { WhyAnswer, WhyView } from '../views/index.js'
import { explainSubject } from './chain.js'
import { gather, type Surroundings } from './gather.js'

export interface WhyInput {
  /** MAC or IP address, in any usual form. */
  readonly address: string
  /** Name or VNI. */
  readonly network?: string
}

/** Rejects with Refusal for what is no address, and for a network that is not there. */
export async function why(input: WhyInput, around: Surroundings): Promise<WhyView> {
  const { source } = around
  const address = parseAddress(input.address)
  const network = input.network === undefined ? undefined : findNetwork(input.network, source)
  const query = { address, network: input.network ?? null }
  const own = ownAnswers(address, network, source)
  if (own.length > 0) return { query, answers: own }
  const subjects = await gather({ address, network }, around)
  const answers: WhyAnswer[] = []
  for (const subject of subjects) answers.push(await explainSubject(subject))
  return { query, answers }
}

function parseAddress(text: string): Mac | Ip {
  for (const parse of [parseMac, parseIp]) {
    try {
      return parse(text.trim())
    } catch (error) {
      if (!(error instanceof ParseError)) throw error
    }
  }
  const finding = { path: ['address'], expected: 'a MAC or IP address', got: JSON.stringify(text) }
  throw new Refusal('invalid', [unplaced(finding)])
}

function findNetwork(text: string, { effective }: StateSource): Network {
  const { networks } = effective.config
  const found = networks.find(({ name, vni }) => name === text || String(vni) === text)
  if (found !== undefined) return found
  throw unknown(
    'network',
    text,
    networks.map(({ name }) => name),
  )
}

/** Addresses of our own: nobody has to be asked. */
function ownAnswers(
  address: Mac | Ip,
  only: Network | undefined,
  { effective }: StateSource,
): WhyAnswer[] {
  const { config } = effective
  const answer = (network: Network | undefined, what: string): WhyAnswer => ({
    network: network?.name ?? null,
    vni: network?.vni ?? null,
    mac: null,
    ips: [address],
    verdict: { code: 'local', severity: 'ok', text: `${address} is ${what}`, fix: null },
    chain: [
      { link: 'network', status: 'ok', text: `${address} is ${what}`, evidence: {}, fix: null },
    ],
  })
  if (only === undefined && [config.vtep.address, config.vtep.replicatorAddress].includes(address))
    return [answer(undefined, 'our own VTEP address')]
  const all = only === undefined ? config.networks : [only]
  return all
    .filter(({ gateway }) => gateway.some((one) => parseGateway(one).ip === address))
    .map((network) => answer(network, `our gateway address in network ${network.name}`))
}
