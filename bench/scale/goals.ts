// What the control plane is to reach. A time or size is at most its goal; with `ahead` the ratio to FRR in the same run counts.

export interface ScaleGoal {
  readonly floor: number
  readonly aim: number
  /** Times FRR's figure, instead of the figure itself. */
  readonly ahead?: true
}

export const scaleGoals: { readonly [figure: string]: ScaleGoal } = {
  '100 k into the RIB': { floor: 1, aim: 0.4 },
  '100 k through a reflector to the next': { floor: 2, aim: 1 },
  '100 k into the forwarding tables': { floor: 2, aim: 0.8 },
  'a VTEP with 10 k leaves the tables of 100 k': { floor: 0.15, aim: 0.05 },
  '100 k to 50 clients': { floor: 1, aim: 3, ahead: true },
  '1 M into the forwarding tables': { floor: 20, aim: 8 },
  '1 M: memory of the controller': { floor: 1500, aim: 800 },
  '10 k routes/s come and go: the API answers, p99': { floor: 100, aim: 30 },
  '10 k routes/s come and go: a new MAC in the tables, p99': { floor: 200, aim: 50 },
}
