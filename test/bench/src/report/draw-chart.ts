// Requests a second of each contender, as bars on a logarithmic scale: an SVG for the README, readable on light and dark pages.
import type { ContenderKind } from '../contenders/contender.ts';
import type { Measured } from '../measure.ts';
import type { Figure } from '../workloads/workload.ts';
import { mediansOf } from './medians.ts';
import { format } from './tables.ts';

const [width, left, barHeight, groupGap] = [860, 250, 16, 34];
const colours = { cistern: '#1a7f5a', 'docker-registry': '#8a63d2', nginx: '#d08a2e' };

export function drawChart(all: readonly Measured[]): string {
  const groups = all
    .filter(({ workload }) => workload.headline === 'requests/s')
    .map(({ workload, rounds }) => ({ title: workload.title, bars: [...rounds].map(bar) }));
  const most = Math.max(1, ...groups.flatMap(({ bars }) => bars.map(({ value }) => value)));
  const lengthOf = (value: number) =>
    Math.max(2, ((width - left - 90) * Math.log10(Math.max(value, 1))) / Math.log10(most));
  let y = 12;
  const parts: string[] = [];
  for (const { title, bars } of groups) {
    parts.push(text(8, (y += 18), title, 'bold'));
    for (const { kind, value } of bars) {
      y += barHeight + 4;
      parts.push(text(16, y + 12, kind.title));
      parts.push(
        `<rect x="${left}" y="${y}" width="${lengthOf(value).toFixed(1)}" height="${barHeight}" fill="${colourOf(kind)}"/>`,
      );
      parts.push(text(left + lengthOf(value) + 6, y + 12, `${format(value)}/s`));
    }
    y += groupGap - 10;
  }
  const style = 'text{font:13px sans-serif;fill:#57606a}.bold{font-weight:bold}';
  const size = `width="${width}" height="${y + 12}" viewBox="0 0 ${width} ${y + 12}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}><style>${style}</style>\n${parts.join('\n')}\n</svg>\n`;
}

function bar([kind, rounds]: readonly [ContenderKind, readonly (readonly Figure[])[]]) {
  return { kind, value: mediansOf(rounds).find((figure) => figure.name === 'requests/s')?.value ?? 0 };
}

function colourOf({ name }: ContenderKind): string {
  return Object.entries(colours).find(([beginning]) => name.startsWith(beginning))?.[1] ?? '#57606a';
}

function text(x: number, y: number, words: string, className = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y}" class="${className}">${words}</text>`;
}
