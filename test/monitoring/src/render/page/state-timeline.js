// Draws a state timeline: a row for each series, with a bar for each stretch of the same state. Grafana's own component is not
// in its packages. The texts and colours come from the value mappings, as there.
import { nameOf } from './frames.js';
import { createElement as h } from './grafana.js';

const longestName = 36;
const axisHeight = 20;

export function stateTimeline({ frames, theme, timeRange, width, height }) {
  const [from, to] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  const rowHeight = (height - axisHeight) / frames.length;
  const names = frames.map((frame) => shorten(nameOf(frame, frames)));
  const nameWidth = 20 + 6 * Math.max(...names.map(({ length }) => length));
  const xOf = (time) => nameWidth + ((time - from) / (to - from)) * (width - nameWidth);
  const rows = frames.map((frame, row) => {
    const top = row * rowHeight;
    const bars = stretchesOf(frame, to).map(({ start, end, text, color }) => {
      const [left, wide] = [xOf(start), xOf(end) - xOf(start)];
      const bar = {
        x: left,
        y: top + 3,
        width: Math.max(1, wide),
        height: rowHeight - 6,
        fill: color,
        fillOpacity: 0.7,
      };
      const isWide = wide > text.length * 7;
      return h(
        'g',
        { key: start },
        h('rect', bar),
        isWide && h('text', { x: left + 5, y: top + rowHeight / 2 + 4, fontSize: 11, fill: '#fff' }, text),
      );
    });
    const name = { x: nameWidth - 8, y: top + rowHeight / 2 + 4, textAnchor: 'end', fontSize: 11 };
    return h('g', { key: row }, h('text', { ...name, fill: theme.colors.text.secondary }, names[row]), bars);
  });
  const ticks = [0, 0.25, 0.5, 0.75].map((share) => {
    const time = from + share * (to - from);
    const label = { x: xOf(time), y: frames.length * rowHeight + 14, fontSize: 11, fill: theme.colors.text.secondary };
    return h('text', { key: share, ...label }, new Date(time).toISOString().slice(11, to - from > 1_800_000 ? 16 : 19));
  });
  return h('svg', { width, height }, rows, ticks);
}

/** A sample without a value ends a stretch. */
function stretchesOf({ fields: [times, values] }, to) {
  const stretches = [];
  const step = times.values[1] - times.values[0] || 0;
  for (const [index, value] of values.values.entries()) {
    const start = times.values[index];
    const end = Math.min(to, start + step);
    const last = stretches.at(-1);
    if (value === null) continue;
    if (last !== undefined && last.value === value && start - last.end < step) last.end = end;
    else stretches.push({ start, end, value, ...values.display(value) });
  }
  return stretches;
}

function shorten(name) {
  return name.length > longestName ? `${name.slice(0, longestName - 1)}…` : name;
}
