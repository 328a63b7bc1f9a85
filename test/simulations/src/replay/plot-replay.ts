// Draws the replay: the hit ratio of each policy by cache size, with the upper bound.
import { scaleLinear, scaleLog } from 'd3-scale';
import { line } from 'd3-shape';
import { ratio } from './describe-replay.ts';
import {
  policyNames,
  type PolicyName,
  type ReplayResult,
  type ReplayRow,
  type ReplaySimulation,
} from './simulate-replay.ts';

const width = 960;
const panel = { left: 60, width: 400, height: 220, gap: 60 };
const boundName = 'bound (PFOO-L)';
const colours: Record<PolicyName | typeof boundName, string> = {
  LRU: '#264653',
  'LRU, small last': '#2a9d8f',
  'S3-FIFO': '#e76f51',
  GDSF: '#e9c46a',
  'LFU with ageing': '#9b5de5',
  Belady: '#888888',
  [boundName]: '#000000',
};

interface Curve {
  readonly name: keyof typeof colours;
  /** One share per row. */
  readonly shares: readonly number[];
}

/** Returns an SVG document. */
export function plotReplay({ pulls, tags, days }: ReplaySimulation, { rows }: ReplayResult): string {
  const plain = rows.filter(({ prewarmed }) => !prewarmed);
  const prewarmed = rows.filter((row) => row.prewarmed);
  const panels = [
    ['bytes from the cache', plain, [...curvesOf(plain, 'bytes'), limitOf(plain, 'bytes')]],
    ['requests from the cache', plain, [...curvesOf(plain, 'requests'), limitOf(plain, 'requests')]],
    ['bytes from the cache, prewarmed', prewarmed, [...curvesOf(prewarmed, 'bytes'), limitOf(prewarmed, 'bytes')]],
    ['popular tags that moved: first pulls with all objects cached', prewarmed, curvesOf(prewarmed, 'movedPopular')],
  ] as const;
  const title = `${pulls} pulls of ${tags} tags in ${days} days`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="700" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="${panel.left}" y="24" font-size="15">${title}</text>
${panels.map(([name, of, drawn], at) => panelAt(at, name, of, drawn)).join('\n')}
${legend(670)}
</svg>
`;
}

function curvesOf(rows: readonly ReplayRow[], share: 'requests' | 'bytes' | 'movedPopular'): Curve[] {
  return policyNames.map((name) => ({ name, shares: rows.map(({ policies }) => ratio(policies[name][share])) }));
}

function limitOf(rows: readonly ReplayRow[], share: 'requests' | 'bytes'): Curve {
  return { name: boundName, shares: rows.map(({ bound }) => bound[share]) };
}

function panelAt(at: number, name: string, rows: readonly ReplayRow[], curves: readonly Curve[]): string {
  const left = panel.left + (at % 2) * (panel.width + panel.gap);
  const top = 60 + Math.floor(at / 2) * (panel.height + 80);
  const capacityShares = rows.map(({ capacityShare }) => capacityShare);
  const x = scaleLog([Math.min(...capacityShares), Math.max(...capacityShares)], [0, panel.width]);
  const lowest = Math.min(...curves.flatMap(({ shares }) => shares));
  const y = scaleLinear([Math.floor(lowest * 10) / 10, 1], [panel.height, 0]);
  const levels = y.ticks(5).map((level) => {
    const height = y(level);
    return `<line x1="0" x2="${panel.width}" y1="${height}" y2="${height}" stroke="#ddd"/><text x="-6" y="${height + 4}" text-anchor="end">${percent(level)}</text>`;
  });
  const marks = capacityShares.map(
    (share) => `<text x="${x(share)}" y="${panel.height + 16}" text-anchor="middle">${percent(share)}</text>`,
  );
  const paths = curves.map(({ name: of, shares }) => {
    const path = line<number>(
      (_, position) => x(capacityShares[position]!),
      (share) => y(share),
    )([...shares]);
    const dashes = of === boundName ? ' stroke-dasharray="4"' : '';
    return `<path d="${path}" fill="none" stroke="${colours[of]}" stroke-width="1.5"${dashes}/>`;
  });
  return `<g transform="translate(${left} ${top})"><text y="-8">${name}</text>
${[...levels, ...marks, ...paths].join('\n')}
<text x="${panel.width}" y="${panel.height + 32}" text-anchor="end" fill="gray">cache size, as a share of all requested bytes</text></g>`;
}

function legend(top: number): string {
  return Object.entries(colours)
    .map(([name, colour], at) => {
      const left = panel.left + at * 125;
      return `<rect x="${left}" y="${top}" width="12" height="12" fill="${colour}"/><text x="${left + 18}" y="${top + 11}">${name}</text>`;
    })
    .join('\n');
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
