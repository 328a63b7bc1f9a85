// The content of a panel, by its type.
import { drawAnnotations } from './draw-annotations.js';
import { BarGauge, BigValue, createElement as h, data, TimeSeries } from './grafana.js';
import { stateTimeline } from './state-timeline.js';

/** The queries have no variables any more. */
const replaceVariables = (text) => text;

export function panelBody(options) {
  const { panel, frames, height } = options;
  if (panel.type === 'stat' || panel.type === 'bargauge') return figures(options);
  const { noValue = 'No data' } = panel.fieldConfig.defaults;
  if (frames.length === 0) return h('div', { style: { display: 'grid', placeItems: 'center', height } }, noValue);
  return panel.type === 'timeseries' ? timeSeries(options) : stateTimeline(options);
}

function timeSeries({ panel, frames, timeRange, annotations, width, height }) {
  const { options } = panel;
  const common = { timeRange, timeZone: 'utc', width, height, structureRev: 1, replaceVariables };
  return h(TimeSeries, { ...common, frames, legend: options.legend, options }, (builder) => {
    drawAnnotations(builder, annotations);
    return null;
  });
}

function figures({ panel, frames, theme, width, height }) {
  const { fieldConfig, options, type } = panel;
  const { reduceOptions } = options;
  const found = data.getFieldDisplayValues({
    fieldConfig,
    reduceOptions,
    replaceVariables,
    theme,
    data: frames,
    timeZone: 'utc',
  });
  if (type === 'bargauge') {
    const each = Math.min(60, height / found.length);
    const bar = ({ display, field }, key) =>
      h(BarGauge, { key, ...options, width, height: each - 6, value: display, field, theme, display: field.display });
    return h('div', {}, found.map(bar));
  }
  const { colorMode, graphMode, justifyMode, textMode } = options;
  const look = { colorMode, graphMode, justifyMode, textMode, theme, count: found.length };
  const value = ({ display }, key) =>
    h(BigValue, { key, ...look, value: display, width: width / found.length, height });
  return h('div', { style: { display: 'flex' } }, found.map(value));
}
