// Requests a second of each contender, as bars on a logarithmic scale: an SVG for the README, readable on light and dark pages.
import { type ContenderName, contenders } from './contenders.ts';
import { mediansOf } from './measure.ts';
import { format, type Measured } from './report.ts';

const [width, left, barHeight, groupGap] = [860, 250, 16, 34];
const colours: Readonly<Record<ContenderName, string>> = {
  cistern: '#1a7f5a',
  'cistern-cluster': '#5fb795',
  'docker-registry': '#8a63d2',
  'docker-registry-s3': '#b9a1e6',
  nginx: '#d08a2e',
};

export function drawChart(all: readonly Measured[]): string {
  const groups = all
    .filter(({ headline }) => headline === 'requests/s')
    .map(({ title, rounds }) => ({ title, bars: [...rounds].map(([name, runs]) => bar(name, runs)) }));
  const most = Math.max(1, ...groups.flatMap(({ bars }) => bars.map(({ value }) => value)));
  const lengthOf = (value: number) =>
    Math.max(2, ((width - left - 90) * Math.log10(Math.max(value, 1))) / Math.log10(most));
  let y = 12;
  const parts: string[] = [];
  for (const { title, bars } of groups) {
    parts.push(text(8, (y += 18), title, 'bold'));
    for (const { name, value } of bars) {
      y += barHeight + 4;
      parts.push(text(16, y + 12, contenders[name].title));
      parts.push(
        `<rect x="${left}" y="${y}" width="${lengthOf(value).toFixed(1)}" height="${barHeight}" fill="${colours[name]}"/>`,
      );
      parts.push(text(left + lengthOf(value) + 6, y + 12, `${format(value)}/s`));
    }
    y += groupGap - 10;
  }
  const style = 'text{font:13px sans-serif;fill:#57606a}.bold{font-weight:bold}';
  const size = `width="${width}" height="${y + 12}" viewBox="0 0 ${width} ${y + 12}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}><style>${style}</style>\n${parts.join('\n')}\n</svg>\n`;
}

function bar(name: ContenderName, runs: Parameters<typeof mediansOf>[0]) {
  return { name, value: mediansOf(runs).find((figure) => figure.name === 'requests/s')?.value ?? 0 };
}

function text(x: number, y: number, words: string, className = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y}" class="${className}">${words}</text>`;
}
