// Creates invented figures for the tests of reports.
import type { Measured } from '../measure.ts';
import type { ContenderKind } from '../contenders/contender.ts';
import type { Figure } from '../workloads/workload.ts';

type Rounds = readonly (readonly number[])[];

const start = () => Promise.reject(new Error('not in a test'));

function figuresOf([perSecond = 0, cpu = 0]: readonly number[]): Figure[] {
  return [
    { name: 'requests/s', value: perSecond, better: 'higher' },
    { name: 'CPU µs/request', value: cpu, better: 'lower' },
  ];
}

/** One workload. `rounds` has the rounds of each contender, each with requests per second and CPU per request. */
export function measuredOf(rounds: Readonly<Record<string, Rounds>>): Measured {
  const kinds = Object.keys(rounds).map((name): ContenderKind => ({ name, title: `The ${name}`, start }));
  return {
    workload: {
      name: 'load',
      title: 'A load',
      headline: 'requests/s',
      mode: 'quick',
      contenders: kinds,
      run: () => Promise.resolve([]),
    },
    rounds: new Map(kinds.map((kind) => [kind, (rounds[kind.name] ?? []).map(figuresOf)])),
    failures: [],
  };
}
