// Prints verdicts as readable text: a Markdown table and a line for each workload.
import { format } from '../report/tables.ts';
import type { FigureVerdict, WorkloadVerdict } from './judge-workloads.ts';

/** Returns tables of all figures of all workloads. */
export function verdictTables(verdicts: readonly WorkloadVerdict[]): string {
  return verdicts
    .map(({ compared: { workload, kind, rounds }, figures }) => {
      const columns = `| ${workload.title}: ${kind.title}, ${rounds.length} rounds | old | new | new to old | A/A | verdict |`;
      return `${columns}\n| --- | ---: | ---: | ---: | ---: | --- |\n${figures.map(rowOf).join('\n')}\n`;
    })
    .join('\n');
}

/** Returns one line for each workload, with its changed figures. */
export function verdictLines(verdicts: readonly WorkloadVerdict[]): string {
  return verdicts
    .map(({ compared: { workload, kind }, outcome, figures }) => {
      const changed = figures.filter((figure) => figure.outcome === 'slower' || figure.outcome === 'faster');
      const details = changed.map(({ figure, ratio }) => `${figure} ${times(ratio)}`);
      return `${workload.name}, ${kind.name}: ${outcome}${details.length > 0 ? ` (${details.join(', ')})` : ''}\n`;
    })
    .join('');
}

function rowOf({ figure, old, new: own, ratio, interval, noise, outcome }: FigureVerdict): string {
  const [low, high] = interval.map(digits);
  const ratios = outcome === 'no ratio' ? ['–', '–'] : [`${times(ratio)} (${low} to ${high})`, times(noise)];
  return `| ${[figure, format(old), format(own), ...ratios, outcome].join(' | ')} |`;
}

function times(ratio: number): string {
  return `${digits(ratio)}×`;
}

function digits(ratio: number): string {
  return Number.isFinite(ratio) ? ratio.toFixed(2) : '–';
}
