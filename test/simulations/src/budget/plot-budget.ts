// Draws the simulated day over the hours: the pulls left, and the results for clients.
import { scaleLinear, type ScaleLinear } from 'd3-scale';
import { area, curveStepBefore, line, stack } from 'd3-shape';
import type { BudgetResult, BudgetSample, BudgetSimulation } from './simulate-budget.ts';

const width = 900;
const panel = { left: 60, right: 20, height: 190 };
const colours = { fresh: '#2a9d8f', stale: '#e9c46a', refusedCold: '#e76f51', remaining: '#264653' };
const names = { fresh: 'fresh', stale: 'served stale', refusedCold: 'refused: not cached, no pulls left' };
const keys = ['fresh', 'stale', 'refusedCold'] as const;

/** Returns an SVG document. */
export function plotBudget(options: BudgetSimulation, { samples, pulls, manifestGets }: BudgetResult): string {
  const x = scaleLinear([0, options.hours], [panel.left, width - panel.right]);
  const title = `${pulls} pulls by clients, ${manifestGets} by the cache, with a limit of ${options.pullsPerWindow} in six hours`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="540" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="${panel.left}" y="24" font-size="15">${title}</text>
${panelAt(50, 'pulls left', drawRemaining(samples, options, x))}
${panelAt(290, 'pulls by clients in a quarter of an hour', drawServed(samples, x))}
${legend(510)}
</svg>
`;
}

type Scale = ScaleLinear<number, number>;

function panelAt(top: number, name: string, content: string): string {
  return `<g transform="translate(0 ${top})"><text x="${panel.left}" y="-6">${name}</text>${content}</g>`;
}

function drawRemaining(samples: readonly BudgetSample[], { pullsPerWindow }: BudgetSimulation, x: Scale): string {
  const y = scaleLinear([0, pullsPerWindow], [panel.height, 0]);
  const path = line<BudgetSample>(
    ({ hour }) => x(hour),
    ({ remaining }) => y(remaining),
  ).curve(curveStepBefore)(samples);
  const reserve = y(Math.ceil(pullsPerWindow / 5));
  return `${axes(x, y)}<line x1="${x.range()[0]}" x2="${x.range()[1]}" y1="${reserve}" y2="${reserve}" stroke="gray" stroke-dasharray="4"/>
<text x="${width - panel.right}" y="${reserve - 4}" text-anchor="end" fill="gray">reserve for content that is not cached</text>
<path d="${path}" fill="none" stroke="${colours.remaining}" stroke-width="1.5"/>`;
}

function drawServed(samples: readonly BudgetSample[], x: Scale): string {
  const layers = stack<unknown, BudgetSample, (typeof keys)[number]>().keys(keys)(samples);
  const highest = Math.max(1, ...(layers.at(-1) ?? []).map(([, top]) => top));
  const y = scaleLinear([0, highest], [panel.height, 0]).nice();
  const draw = area<(typeof layers)[number][number]>()
    .x(({ data }) => x(data.hour))
    .y0(([bottom]) => y(bottom))
    .y1(([, top]) => y(top))
    .curve(curveStepBefore);
  const shapes = layers.map((layer) => `<path d="${draw(layer)}" fill="${colours[layer.key]}"/>`);
  return `${shapes.join('\n')}${axes(x, y)}`;
}

function axes(x: Scale, y: Scale): string {
  const [left, right] = x.range() as [number, number];
  const hours = x
    .ticks(12)
    .map((hour) => `<text x="${x(hour)}" y="${panel.height + 16}" text-anchor="middle">${hour} h</text>`);
  const levels = y
    .ticks(5)
    .map(
      (level) =>
        `<line x1="${left}" x2="${right}" y1="${y(level)}" y2="${y(level)}" stroke="#ddd"/><text x="${left - 6}" y="${y(level) + 4}" text-anchor="end">${level}</text>`,
    );
  return [...levels, ...hours].join('\n');
}

function legend(top: number): string {
  return keys
    .map((key, at) => {
      const left = panel.left + at * 200;
      return `<rect x="${left}" y="${top}" width="12" height="12" fill="${colours[key]}"/><text x="${left + 18}" y="${top + 11}">${names[key]}</text>`;
    })
    .join('\n');
}
