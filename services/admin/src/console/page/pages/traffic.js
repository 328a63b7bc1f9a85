// The charts of traffic, hit ratio and p99 of the last day or month, which the server keeps.
import { html } from '../vendor/lit-html.js';
import { formatBytes, formatCount, formatDay, formatHour, formatMs, formatShare, formatTime } from '../format.js';
import { openResource } from '../open-resource.js';
import { chart } from '../parts/chart.js';
import { emptyState, whenLoaded } from '../parts/states.js';

/** @import { History, HistoryPoint } from '../api-types.d.ts' */
/** @import { Resource } from '../open-resource.js' */

/** @typedef {History['range']} Range */

const everyMs = 60_000;
/** The rows of the table cover an hour or a day. */
const ranges = /** @type {const} */ ({
  '24h': { title: '24 hours', lengthMs: 86_400_000, rowMs: 3_600_000, startLabel: '24 h ago' },
  '30d': { title: '30 days', lengthMs: 30 * 86_400_000, rowMs: 86_400_000, startLabel: '30 days ago' },
});

/** @param {{ readonly update: () => void }} page */
export function openTraffic({ update }) {
  /** @type {Range} */
  let range = '24h';
  let history = openHistory();

  /** @returns {Resource<History>} */
  function openHistory() {
    return openResource(`/v1/history?range=${range}`, { update, everyMs });
  }

  function choose(/** @type {Range} */ chosen) {
    if (chosen === range) return;
    range = chosen;
    history.close();
    history = openHistory();
    update();
  }

  return {
    view: () =>
      html`<section aria-labelledby="traffic">
        <div class="row">
          <h2 id="traffic">Traffic</h2>
          <div class="choice" role="group" aria-label="Time range">
            ${Object.entries(ranges).map(
              ([name, { title }]) =>
                html`<button
                  aria-pressed=${name === range ? 'true' : 'false'}
                  @click=${() => choose(/** @type {Range} */ (name))}
                >
                  ${title}
                </button>`,
            )}
          </div>
        </div>
        ${whenLoaded(history, (data) =>
          data.points.length === 0
            ? emptyState('No traffic yet.', 'The charts start with the first pull, and survive restarts.')
            : charts(data),
        )}
      </section>`,
    close: () => history.close(),
  };
}

/** @param {History} history */
function charts({ range, points: all, bucketMs, asOf }) {
  const { lengthMs, startLabel, title } = ranges[range];
  const slots = lengthMs / bucketMs;
  // The rate of a point that has just begun is not meaningful.
  const begun = all.filter(({ at }) => asOf - at > bucketMs / 10);
  const points = (begun.length === 0 ? all : begun).slice(-slots);
  const seconds = points.map(({ at }) => Math.max(1, Math.min(bucketMs, asOf - at) / 1000));
  const served = points.map(({ bytesServed }, at) => bytesServed / (seconds[at] ?? 1));
  const fetched = points.map(({ bytesFetched }, at) => bytesFetched / (seconds[at] ?? 1));
  const ratios = points.map((point) => (point.requests === 0 ? null : (100 * servedFromCache(point)) / point.requests));
  const p99 = points.map((point) => point.p99);
  const [mostBytes, mostMs] = [Math.max(...served, ...fetched), Math.max(0, ...p99.map((ms) => ms ?? 0))];
  const total = sumOf(points);
  const common = { slots, startLabel };
  return html`<div class="card charts">
    ${chart({
      ...common,
      title: 'Bytes per second',
      summary: `${formatBytes(total.bytesServed)} served and ${formatBytes(total.bytesFetched)} fetched in ${title}, at most ${formatBytes(mostBytes)} per second`,
      series: [
        { name: 'served', look: 'first', values: served },
        { name: 'fetched', look: 'second', values: fetched },
      ],
      max: mostBytes,
      maxLabel: `${formatBytes(mostBytes)}/s`,
      tips: points.map(
        ({ at }, index) =>
          `${formatTime(at)}: ${formatBytes(served[index] ?? 0)}/s served, ${formatBytes(fetched[index] ?? 0)}/s fetched`,
      ),
    })}
    ${chart({
      ...common,
      title: 'Hit ratio',
      summary: `${formatShare(servedFromCache(total), total.requests)} of ${formatCount(total.requests)} requests were served from the cache in ${title}`,
      series: [{ name: 'hit ratio', look: 'first', values: ratios }],
      max: 100,
      maxLabel: '100\u00A0%',
      tips: points.map(
        (point) =>
          `${formatTime(point.at)}: ${formatShare(servedFromCache(point), point.requests)} of ${formatCount(point.requests)} requests`,
      ),
    })}
    ${chart({
      ...common,
      title: 'p99 time to first byte',
      summary: `at most ${formatMs(mostMs)} in ${title}`,
      series: [{ name: 'p99', look: 'first', values: p99 }],
      max: mostMs,
      maxLabel: formatMs(mostMs),
      tips: points.map(({ at, p99: ms }) => `${formatTime(at)}: ${ms === null ? 'no requests' : formatMs(ms)}`),
    })}
    ${table(range, points)}
  </div>`;
}

/**
 * @param {Range} range
 * @param {readonly HistoryPoint[]} points
 */
function table(range, points) {
  const { rowMs } = ranges[range];
  const rows = Map.groupBy(points, ({ at }) => Math.floor(at / rowMs) * rowMs);
  return html`<details>
    <summary>Show as a table</summary>
    <div class="table">
      <table>
        <thead>
          <tr>
            <th scope="col">${range === '24h' ? 'Hour' : 'Day'}</th>
            <th scope="col" class="number">Requests</th>
            <th scope="col" class="number">Hit ratio</th>
            <th scope="col" class="number">Served</th>
            <th scope="col" class="number">Fetched</th>
            <th scope="col" class="number">p99, worst</th>
          </tr>
        </thead>
        <tbody>
          ${[...rows].toReversed().map(([at, own]) => {
            const sum = sumOf(own);
            const worst = Math.max(-1, ...own.map(({ p99 }) => p99 ?? -1));
            return html`<tr>
              <th scope="row">${range === '24h' ? formatHour(at) : formatDay(at)}</th>
              <td data-label="Requests" class="number">${formatCount(sum.requests)}</td>
              <td data-label="Hit ratio" class="number">${formatShare(servedFromCache(sum), sum.requests)}</td>
              <td data-label="Served" class="number">${formatBytes(sum.bytesServed)}</td>
              <td data-label="Fetched" class="number">${formatBytes(sum.bytesFetched)}</td>
              <td data-label="p99, worst" class="number">${worst < 0 ? '–' : formatMs(worst)}</td>
            </tr>`;
          })}
        </tbody>
      </table>
    </div>
  </details>`;
}

/** @param {Pick<HistoryPoint, 'hits' | 'joined' | 'stale' | 'revalidated'>} point */
function servedFromCache({ hits, joined, stale, revalidated }) {
  return hits + joined + stale + revalidated;
}

/** @param {readonly HistoryPoint[]} points */
function sumOf(points) {
  const sum = { requests: 0, hits: 0, joined: 0, stale: 0, revalidated: 0, bytesServed: 0, bytesFetched: 0 };
  const names = /** @type {(keyof typeof sum)[]} */ (Object.keys(sum));
  for (const point of points) for (const name of names) sum[name] += point[name];
  return sum;
}
