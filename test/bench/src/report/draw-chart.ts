// Draws the headline figure of each workload as bars: an SVG for docs/performance.md, readable on light and dark pages. Each workload has
// a scale of its own, from 0 to its longest bar.
import type { WorkloadSummary } from './summarize-days.ts';
import { familyOf, format } from './tables.ts';

const [width, left, barHeight, groupGap] = [860, 330, 14, 24];
const colours = {
  cistern: '#1a7f5a',
  'docker-registry': '#8a63d2',
  nginx: '#d08a2e',
  fastify: '#2f7ec0',
  direct: '#57606a',
};

/** Draws only workloads whose headline figure is better when it is higher. */
export function drawChart(summaries: readonly WorkloadSummary[]): string {
  let y = 0;
  const parts: string[] = [];
  for (const { workload, figures } of summaries) {
    const figure = figures.find(({ name }) => name === workload.headline);
    if (figure?.better !== 'higher' || figure.cells.size < 2) continue;
    const most = Math.max(...[...figure.cells.values()].map(({ median }) => median));
    parts.push(text(8, (y += groupGap), workload.title, 'bold'));
    for (const [kind, { median }] of figure.cells) {
      y += barHeight + 4;
      const length = Math.max(1, ((width - left - 130) * median) / most);
      const colour = colours[familyOf(kind) ?? 'direct'];
      parts.push(text(16, y, kind.title));
      parts.push(
        `<rect x="${left}" y="${y - barHeight + 3}" width="${length.toFixed(1)}" height="${barHeight}" fill="${colour}"/>`,
      );
      parts.push(text(left + length + 6, y, `${format(median)} ${workload.headline}`));
    }
    y += 8;
  }
  const style = 'text{font:12px sans-serif;fill:#57606a}.bold{font-weight:bold}';
  const size = `width="${width}" height="${y + 12}" viewBox="0 0 ${width} ${y + 12}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}><style>${style}</style>\n${parts.join('\n')}\n</svg>\n`;
}

function text(x: number, y: number, words: string, className = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y}" class="${className}">${words}</text>`;
}
