// A chart of values by time. The shapes are an SVG that stretches; the labels are HTML, so that they keep their size on a phone.
// Each point has a tooltip. Screen readers and the keyboard get the table that the caller adds.
import { html, nothing, svg } from '../vendor/lit-html.js';

const [width, height] = [1000, 100];

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {'first' | 'second'} look
 * @property {readonly (number | null)[]} values one for each point; null leaves a gap
 */

/**
 * @typedef {object} Chart
 * @property {string} title
 * @property {string} summary
 * @property {readonly Series[]} series
 * @property {number} max
 * @property {string} maxLabel
 * @property {string} startLabel
 * @property {number} slots the number of points that fit in the width; the last point is at its right end
 * @property {readonly string[]} tips
 */

/** @param {Chart} chart */
export function chart({ title, summary, series, max, maxLabel, startLabel, slots, tips }) {
  const step = width / slots;
  const offset = slots - tips.length;
  const scale = max === 0 ? 1 : max;
  const xOf = (/** @type {number} */ at) => (offset + at + 0.5) * step;
  const yOf = (/** @type {number} */ value) => height - (Math.min(value, scale) / scale) * (height - 3);
  return html`<figure class="chart">
    <figcaption>
      <b>${title}</b>
      ${
        series.length < 2
          ? nothing
          : html`<span class="legend"
              >${series.map(({ name, look }) => html`<span class=${look}>${name}</span>`)}</span
            >`
      }
    </figcaption>
    <div class="plot">
      <span class="most" aria-hidden="true">${maxLabel}</span>
      <svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${title}: ${summary}">
        <line class="grid" x1="0" x2=${width} y1="3" y2="3"></line>
        <line class="grid" x1="0" x2=${width} y1=${height / 2} y2=${height / 2}></line>
        <line class="grid" x1="0" x2=${width} y1=${height - 0.5} y2=${height - 0.5}></line>
        ${series.map(({ values, look }) =>
          runsOf(values).map((run) => {
            const line = run.map(([at, value]) => `${xOf(at).toFixed(1)},${yOf(value).toFixed(1)}`).join(' ');
            const [first, last] = [xOf(run[0]?.[0] ?? 0) - step / 2, xOf(run.at(-1)?.[0] ?? 0) + step / 2];
            const ends = `${first.toFixed(1)},${yOf(run[0]?.[1] ?? 0).toFixed(1)} ${line} ${last.toFixed(1)},${yOf(run.at(-1)?.[1] ?? 0).toFixed(1)}`;
            return svg`<polygon class="area ${look}" points="${first.toFixed(1)},${height} ${ends} ${last.toFixed(1)},${height}"></polygon>
              <polyline class="curve ${look}" points=${ends}></polyline>`;
          }),
        )}
        ${tips.map(
          (tip, at) =>
            svg`<rect class="tip" x=${(xOf(at) - step / 2).toFixed(1)} width=${step.toFixed(1)} y="0" height=${height}><title>${tip}</title></rect>`,
        )}
      </svg>
      <span class="start" aria-hidden="true">${startLabel}</span>
      <span class="end" aria-hidden="true">now</span>
    </div>
  </figure>`;
}

/**
 * Splits values into runs without gaps.
 * @param {readonly (number | null)[]} values
 */
function runsOf(values) {
  /** @type {(readonly [number, number])[][]} */
  const runs = [[]];
  for (const [at, value] of values.entries())
    if (value === null) runs.push([]);
    else runs.at(-1)?.push([at, value]);
  return runs.filter((run) => run.length > 0);
}
