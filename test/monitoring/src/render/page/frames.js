// Turns the answers of Prometheus into Grafana's data frames, with the field options and overrides of a panel.
import { data as grafana } from './grafana.js';

/** Grafana registers these options in its application, which is not in its packages. The paths are those of the JSON. */
const standard = ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'color', 'thresholds', 'mappings'];
const custom = [
  'drawStyle',
  'lineWidth',
  'lineStyle',
  'fillOpacity',
  'showPoints',
  'spanNulls',
  'insertNulls',
  'axisPlacement',
  'axisLabel',
  'axisSoftMax',
  'stacking',
  'hideFrom',
];

const option = (id, path, isCustom) => ({
  id,
  path,
  isCustom,
  name: id,
  process: (value) => (id === 'thresholds' ? withInfinity(value) : value),
  shouldApply: () => true,
});
const registry = new grafana.Registry(() => [
  ...standard.map((name) => option(name, name, false)),
  ...custom.map((name) => option(`custom.${name}`, name, true)),
]);

/** In JSON the first step has no value. */
function withInfinity(thresholds) {
  return (
    thresholds && {
      ...thresholds,
      steps: thresholds.steps.map(({ value, ...step }) => ({ ...step, value: value ?? -Infinity })),
    }
  );
}

/** `series` have a name, labels, times in milliseconds, and values. */
export function framesOf(panel, series, theme) {
  const data = series.map(({ refId, name, labels, times, values }) =>
    grafana.toDataFrame({
      refId,
      name,
      fields: [
        { name: 'Time', type: grafana.FieldType.time, values: times, config: {} },
        { name: 'Value', type: grafana.FieldType.number, values, labels, config: { displayNameFromDS: name } },
      ],
    }),
  );
  const frames = grafana.applyFieldOverrides({
    data,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: registry,
    theme,
    replaceVariables: (text) => text,
    timeZone: 'utc',
  });
  for (const { fields } of frames) for (const { config } of fields) config.custom ??= {};
  return frames;
}

/** Returns the name of the series in a frame, as its legend has it. */
export function nameOf(frame, frames) {
  return grafana.getFieldDisplayName(frame.fields[1], frame, frames);
}
